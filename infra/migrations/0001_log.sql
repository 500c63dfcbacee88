-- The log: events, keys, idempotency. Tables and types have the names and columns of the `eventsourcing`
-- library's PostgreSQL recorder, which reads them; they are made here, so that the service can be refused
-- the right to change them.

CREATE SCHEMA log;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rujukan_service') THEN CREATE ROLE rujukan_service LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rujukan_follower') THEN CREATE ROLE rujukan_follower LOGIN; END IF;
END $$;

CREATE TABLE log.stored_events (
  originator_id uuid NOT NULL,
  originator_version bigint NOT NULL,
  topic text NOT NULL,
  state bytea NOT NULL,
  notification_id bigserial,
  PRIMARY KEY (originator_id, originator_version)
) WITH (
  autovacuum_vacuum_threshold = 100000000,
  autovacuum_vacuum_scale_factor = 0.5,
  autovacuum_analyze_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.01
);
-- Sealed bytes do not compress; trying to costs time.
ALTER TABLE log.stored_events ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX stored_events_notification_id_idx ON log.stored_events (notification_id);
CREATE TYPE log.stored_event_uuid AS (originator_id uuid, originator_version bigint, topic text, state bytea);

CREATE TABLE log.data_keys (
  stream uuid NOT NULL,
  compartment smallint NOT NULL CHECK (compartment BETWEEN 0 AND 15),
  wrapped bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, compartment)
);

-- `key` and `fingerprint` are keyed hashes: the first of agency and Idempotency-Key, the second of the request.
CREATE TABLE log.idempotency_keys (
  key bytea PRIMARY KEY,
  fingerprint bytea NOT NULL,
  answer bytea NOT NULL,
  position bigint NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now()
);

-- Sealed documents, under the data key of their case and compartment.
CREATE TABLE log.documents (
  stream uuid NOT NULL,
  document uuid NOT NULL,
  sealed bytea NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, document)
);
ALTER TABLE log.documents ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Append-only for everyone, the owner included: what the superuser does all the same, the ledger shows.
CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.stored_events
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.documents
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Appends the events of several commands in one commit. A command whose streams are not where it thought they
-- were ('conflict'), or whose idempotency key was used before ('repeated'), is left out; its neighbours are not.
-- One lock, held to the commit, makes the order of positions the order of commits, so that nobody who follows
-- the log can pass over an event. Appending is possible through this function only.
--
--   commands, streams, versions, topics, states   the events, in order; `commands` numbers whose they are
--   first_commands, first_streams, first_versions  the first event of each command in each stream
--   key_commands, keys, fingerprints, answers, key_streams, key_versions
--                                                  idempotency keys; stream and version of the command's last event
CREATE FUNCTION log.append_events(
  commands int[], streams uuid[], versions bigint[], topics text[], states bytea[],
  first_commands int[], first_streams uuid[], first_versions bigint[],
  key_commands int[], keys bytea[], fingerprints bytea[], answers bytea[], key_streams uuid[], key_versions bigint[]
) RETURNS TABLE (refused_command int, why text, notification_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  repeated int[] := '{}';
  conflicted int[];
BEGIN
  PERFORM pg_advisory_xact_lock(727164911);
  IF cardinality(keys) > 0 THEN
    SELECT coalesce(array_agg(k.command), '{}') INTO repeated
      FROM unnest(key_commands, append_events.keys) AS k (command, key)
      JOIN idempotency_keys USING (key);
  END IF;
  SELECT coalesce(array_agg(DISTINCT f.command), '{}') INTO conflicted
    FROM unnest(first_commands, first_streams, first_versions) AS f (command, stream, version)
    WHERE f.command <> ALL (repeated)
      AND (EXISTS (SELECT FROM stored_events s
                   WHERE s.originator_id = f.stream AND s.originator_version = f.version)
        OR (f.version > 1 AND NOT EXISTS (SELECT FROM stored_events s
                   WHERE s.originator_id = f.stream AND s.originator_version = f.version - 1)));
  RETURN QUERY SELECT c, 'repeated', NULL::bigint FROM unnest(repeated) c;
  RETURN QUERY SELECT c, 'conflict', NULL::bigint FROM unnest(conflicted) c;
  RETURN QUERY
    WITH stored AS (
      INSERT INTO stored_events AS t (originator_id, originator_version, topic, state)
      SELECT e.stream, e.version, e.topic, e.state
        FROM unnest(commands, streams, versions, topics, states) WITH ORDINALITY
          AS e (command, stream, version, topic, state, n)
        WHERE e.command <> ALL (repeated) AND e.command <> ALL (conflicted)
        ORDER BY e.n
      RETURNING t.notification_id
    )
    SELECT NULL::int, NULL::text, stored.notification_id FROM stored ORDER BY 3;
  IF cardinality(keys) > 0 THEN
    INSERT INTO idempotency_keys (key, fingerprint, answer, position)
      SELECT k.key, k.fingerprint, k.answer, s.notification_id
        FROM unnest(key_commands, append_events.keys, fingerprints, answers, key_streams, key_versions)
          AS k (command, key, fingerprint, answer, stream, version)
        JOIN stored_events s ON s.originator_id = k.stream AND s.originator_version = k.version
        WHERE k.command <> ALL (repeated) AND k.command <> ALL (conflicted);
  END IF;
  NOTIFY stored_events;
END $$;

REVOKE ALL ON FUNCTION log.append_events FROM PUBLIC;
GRANT USAGE ON SCHEMA log TO rujukan_service, rujukan_follower;
GRANT EXECUTE ON FUNCTION log.append_events TO rujukan_service;
GRANT SELECT ON log.stored_events, log.data_keys, log.documents, log.idempotency_keys TO rujukan_service;
GRANT INSERT ON log.data_keys, log.documents TO rujukan_service;
GRANT SELECT ON log.stored_events, log.data_keys TO rujukan_follower;

-- The read models live in a schema that the followers own, so that they can rebuild them.
CREATE SCHEMA views AUTHORIZATION rujukan_follower;
GRANT USAGE ON SCHEMA views TO rujukan_service;
DO $$ BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO rujukan_follower', current_database());
END $$;
