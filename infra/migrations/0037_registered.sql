-- Which agencies there are, from the log: who excludes somebody from a case asks of which agencies that person is a member.
CREATE INDEX stored_events_registered_idx ON log.stored_events (notification_id) WHERE topic = 'agency.AgencyRegistered';
