-- The ledger: a Merkle tree over the stored events (RFC 6962), in tiles (C2SP tlog-tiles), with signed tree heads
-- and what witnesses put under them. Append-only for everyone, as the log is.

CREATE SCHEMA ledger;

-- What was sealed at once: the entries (32 bytes each) of consecutive leaves, and the positions they stand for:
-- all from the first to the last, but for those `skipped`, which no event has.
CREATE TABLE ledger.batches (
  first_leaf bigint PRIMARY KEY CHECK (first_leaf >= 0),
  leaves int NOT NULL CHECK (leaves > 0),
  entries bytea NOT NULL CHECK (length(entries) = 32 * leaves),
  first_position bigint NOT NULL UNIQUE,
  last_position bigint NOT NULL,
  skipped bigint[] NOT NULL,
  lag_ms int NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT now(),
  CHECK (last_position - first_position + 1 = leaves + cardinality(skipped))
);
-- Hashes do not compress; and one entry is read without the others.
ALTER TABLE ledger.batches ALTER COLUMN entries SET STORAGE EXTERNAL;
-- Full tiles of every level, with the hash that stands for each in the level above.
CREATE TABLE ledger.tiles (
  level smallint NOT NULL,
  number bigint NOT NULL,
  hashes bytea NOT NULL CHECK (length(hashes) = 8192),
  root bytea NOT NULL CHECK (length(root) = 32),
  PRIMARY KEY (level, number)
);
CREATE TABLE ledger.checkpoints (
  size bigint PRIMARY KEY,
  note bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE ledger.cosignatures (
  size bigint NOT NULL REFERENCES ledger.checkpoints,
  name text NOT NULL,
  key_id bytea NOT NULL,
  line text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (size, name, key_id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.batches
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tiles
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.cosignatures
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Adds a batch, the tiles that it fills and the checkpoint over all, in one commit. Refuses a batch that does not
-- begin where the last one ended, so that two sealers, or one that woke up late, cannot make a gap or a fork.
CREATE FUNCTION ledger.add_batch(
  first_leaf bigint, entries bytea, first_position bigint, last_position bigint, skipped bigint[], lag_ms int,
  levels smallint[], numbers bigint[], hashes bytea[], roots bytea[], note bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  last batches%ROWTYPE;
BEGIN
  LOCK TABLE batches IN EXCLUSIVE MODE;
  SELECT * INTO last FROM batches b ORDER BY b.first_leaf DESC LIMIT 1;
  IF add_batch.first_leaf <> coalesce(last.first_leaf + last.leaves, 0)
      OR add_batch.first_position <= coalesce(last.last_position, 0) THEN
    RAISE EXCEPTION 'the ledger has % leaves', coalesce(last.first_leaf + last.leaves, 0) USING ERRCODE = 'RU001';
  END IF;
  INSERT INTO batches (first_leaf, leaves, entries, first_position, last_position, skipped, lag_ms)
    VALUES (add_batch.first_leaf, length(add_batch.entries) / 32, add_batch.entries, add_batch.first_position,
      add_batch.last_position, add_batch.skipped, add_batch.lag_ms);
  INSERT INTO tiles (level, number, hashes, root)
    SELECT * FROM unnest(levels, numbers, add_batch.hashes, roots);
  INSERT INTO checkpoints (size, note)
    VALUES (add_batch.first_leaf + length(add_batch.entries) / 32, add_batch.note);
  NOTIFY checkpoints;
END $$;

REVOKE ALL ON FUNCTION ledger.add_batch FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO rujukan_service, rujukan_follower;
GRANT EXECUTE ON FUNCTION ledger.add_batch TO rujukan_follower;
GRANT SELECT ON ledger.batches, ledger.tiles, ledger.checkpoints, ledger.cosignatures
  TO rujukan_service, rujukan_follower;
GRANT INSERT ON ledger.cosignatures TO rujukan_service, rujukan_follower;
