-- A row from which somebody goes on answers for itself: its digest is a MAC over whose it is and where it is, under a key
-- that the database does not have (infra/positions.py). Rows of before have none; the register's keeper gives them theirs,
-- once, before it does anything else, and says under which key (`positions_under`, a MAC of that key's).
ALTER TABLE delivery.reached ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea, ADD COLUMN positions_under bytea;
ALTER TABLE delivery.heads ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.sealing_keys ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.topics ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.acknowledgement_offsets ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.webhooks ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE follow.processors ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;

-- A process of the release before changes a row and gives no digest: it stands still once the rows have theirs.
CREATE FUNCTION follow.refuse_without_digest() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = delivery, pg_temp AS $$
BEGIN
  IF (SELECT positions_under IS NOT NULL FROM reached) THEN
    RAISE EXCEPTION 'a row that says where somebody goes on has a digest' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION follow.refuse_without_digest FROM PUBLIC;

CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.reached FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND (NEW.position, NEW.expiries_known) IS DISTINCT FROM (OLD.position, OLD.expiries_known))
  EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.heads FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW.sequence <> OLD.sequence) EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.sealing_keys FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW.key_id <> OLD.key_id) EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.topics FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND (NEW.topic, NEW.sequence) <> (OLD.topic, OLD.sequence))
  EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.acknowledgement_offsets FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND (NEW.topic_id, NEW.next_offset) <> (OLD.topic_id, OLD.next_offset))
  EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.webhooks FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND (NEW.registration, NEW.previous, NEW.set_at, NEW.active, NEW.sent)
    <> (OLD.registration, OLD.previous, OLD.set_at, OLD.active, OLD.sent))
  EXECUTE FUNCTION follow.refuse_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON follow.processors FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND (NEW.name, NEW.live, NEW.shard, NEW.shards, NEW.version, NEW.position)
    <> (OLD.name, OLD.live, OLD.shard, OLD.shards, OLD.version, OLD.position))
  EXECUTE FUNCTION follow.refuse_without_digest();

-- Such rows that were not as they were written, as the register's keeper found them. `how`: 'stands', where nobody knows
-- what was written, and who goes on from it stands still; else what was done about it, until an operator has looked.
CREATE TABLE follow.unfit (
  of_table text NOT NULL,
  of_row text NOT NULL,
  how text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (of_table, of_row)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON follow.unfit TO rujukan_follower;
GRANT SELECT ON follow.unfit TO rujukan_service;
GRANT DELETE ON delivery.topics, delivery.acknowledgement_offsets, delivery.webhooks TO rujukan_follower;
