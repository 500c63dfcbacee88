-- What `rujukan recover` leaves to be said: to each agency that holds what is lost, as an event of its own stream. Written
-- in the transaction that recovers, and done once the event is in the log, by whoever comes to it.
CREATE TABLE delivery.notices (
  recovery uuid NOT NULL,
  agency text NOT NULL,
  said jsonb NOT NULL,
  done_at timestamptz,
  PRIMARY KEY (recovery, agency)
);
CREATE INDEX notices_open_idx ON delivery.notices (recovery) WHERE done_at IS NULL;
GRANT SELECT, UPDATE ON delivery.notices TO rujukan_follower;

-- How a log that `rujukan recover` began goes on from the one before: a signed note, public as the checkpoints are. `of` is
-- the log that ended.
CREATE TABLE ledger.joinings (
  origin text PRIMARY KEY,
  of text NOT NULL,
  note bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.joinings
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
GRANT SELECT ON ledger.joinings TO rujukan_service, rujukan_follower;
