-- Erasure is the destruction of data keys, and nothing else destroys one. Rotation replaces how they are wrapped.
--
-- One lock orders this: who makes a key holds it shared, who destroys keys or retires a key-encryption key holds it
-- alone. So no key is made, unseen, while its compartment is erased, and none is wrapped under what was retired.

-- A tombstone: this compartment of this stream was erased, by the event at that position. `n` grows in the order of
-- commits, so that a process that knows it to a number asks only for what came after.
CREATE TABLE log.erased_keys (
  stream uuid NOT NULL,
  compartment smallint NOT NULL CHECK (compartment BETWEEN 0 AND 15),
  position bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  n bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (stream, compartment)
);
CREATE UNIQUE INDEX erased_keys_n_idx ON log.erased_keys (n);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.erased_keys
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Key-encryption keys under which nothing is wrapped any more. `erased_to`: with the destruction of this one, copies
-- of what was erased up to that tombstone are dead in backups too.
CREATE TABLE log.retired_keks (
  id text PRIMARY KEY,
  retired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  destroyed_at timestamptz,
  erased_to bigint NOT NULL
);

-- The key-encryption key's id: a wrapped key begins with its length and itself (infra/keyring.py).
CREATE FUNCTION log.kek_of(wrapped bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT encode(substring(wrapped FROM 2 FOR get_byte(wrapped, 0)), 'escape')
$$;

CREATE FUNCTION log.check_new_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(727164917);
  IF EXISTS (SELECT FROM erased_keys e WHERE e.stream = NEW.stream AND e.compartment = NEW.compartment) THEN
    RAISE EXCEPTION 'this compartment was erased' USING ERRCODE = 'RJ001';
  END IF;
  IF EXISTS (SELECT FROM retired_keks r WHERE r.id = log.kek_of(NEW.wrapped)) THEN
    RAISE EXCEPTION 'this key-encryption key is retired' USING ERRCODE = 'RJ002';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_new_key BEFORE INSERT OR UPDATE ON log.data_keys
  FOR EACH ROW EXECUTE FUNCTION log.check_new_key();

-- Destroys the keys of these compartments, and says so in tombstones, for a stream whose event of that version is
-- `case.CaseErased`. The position of that event; null where there is no such event, and then nothing is destroyed.
-- As often as it is called, it has one effect.
CREATE FUNCTION log.erase_keys(erased uuid, version bigint, compartments smallint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  SELECT s.notification_id INTO found FROM stored_events s
    WHERE s.originator_id = erased AND s.originator_version = version AND s.topic = 'case.CaseErased';
  IF found IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(727164917);
  INSERT INTO erased_keys (stream, compartment, position)
    SELECT erased, c, found FROM unnest(compartments) c ON CONFLICT DO NOTHING;
  DELETE FROM data_keys k WHERE k.stream = erased AND k.compartment = ANY (compartments);
  RETURN found;
END $$;

REVOKE ALL ON FUNCTION log.erase_keys, log.check_new_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.erase_keys TO rujukan_service, rujukan_follower;
GRANT SELECT ON log.erased_keys, log.retired_keks TO rujukan_service, rujukan_follower;

-- For who finishes what a killed process began.
CREATE INDEX stored_events_erasures_idx ON log.stored_events (notification_id)
  WHERE topic = 'erasure.ErasureRecorded';
-- For who wraps keys anew.
CREATE INDEX data_keys_kek_idx ON log.data_keys (log.kek_of(wrapped));
