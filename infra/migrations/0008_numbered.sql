-- The sealer seals no event under a number that the log has not given yet: a row that somebody put in far ahead would
-- have every later event pass unsealed behind it.
GRANT SELECT ON SEQUENCE log.stored_events_notification_id_seq TO rujukan_service, rujukan_follower;
