"""Up to where the log goes."""

GIVEN = "notification_id <= (SELECT last_value FROM log.stored_events_notification_id_seq)"
"""The rows of the log: a condition for every query that asks for its head, or for what comes next. A row far ahead of
the numbers that were given is none: who followed it would have passed all that comes. `ledger verify` names it."""
