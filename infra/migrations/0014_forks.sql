-- Where the history in this database does not go on from what is known outside of it: a backup was restored, say, and what
-- came behind it was signed, or told to agencies, before. One row for each who found it, and why it says so.
CREATE TABLE ledger.forks (
  found_by text PRIMARY KEY,
  why text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON ledger.forks TO rujukan_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.forks TO rujukan_follower;

-- While there is one nothing is stored, sealed or told, by whatever process: each event would take a position, and each
-- telling a number, that stands for something else elsewhere.
CREATE FUNCTION ledger.refuse_where_forked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger.forks) THEN
    RAISE EXCEPTION 'the history in this database does not go on from what was signed and told' USING ERRCODE = 'RU002';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER forked BEFORE INSERT ON log.stored_events
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_where_forked();
CREATE TRIGGER forked BEFORE INSERT ON ledger.batches
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_where_forked();
CREATE TRIGGER forked BEFORE INSERT ON delivery.told
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_where_forked();
