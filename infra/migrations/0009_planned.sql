-- A plan that was made while the log was small read all of it for each append, more slowly with every event, until
-- autovacuum came by. All that is looked up here has an index: joined in this way, and with nothing else allowed, the
-- function uses it, whatever is known of the tables' sizes.
CREATE OR REPLACE FUNCTION log.append_events(
  commands int[], streams uuid[], versions bigint[], topics text[], states bytea[],
  first_commands int[], first_streams uuid[], first_versions bigint[],
  key_commands int[], keys bytea[], fingerprints bytea[], answers bytea[], key_streams uuid[], key_versions bigint[]
) RETURNS TABLE (refused_command int, why text, notification_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
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
    LEFT JOIN stored_events same ON same.originator_id = f.stream AND same.originator_version = f.version
    LEFT JOIN stored_events before ON before.originator_id = f.stream AND before.originator_version = f.version - 1
    WHERE f.command <> ALL (repeated)
      AND (same.originator_id IS NOT NULL OR (f.version > 1 AND before.originator_id IS NULL));
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
