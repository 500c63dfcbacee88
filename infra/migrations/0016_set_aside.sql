-- What is set aside, more exactly. `left_from`: the first version that the register left out; null where somebody else met
-- the damage, and the register had followed the stream. `views_behind`: the read models passed the stream by, and are to be
-- built anew.
ALTER TABLE delivery.damaged
  ADD COLUMN left_from bigint,
  ADD COLUMN views_behind boolean NOT NULL DEFAULT false;
UPDATE delivery.damaged SET left_from = version WHERE repaired_at IS NULL;

-- Of these cases and streams, which are held: 'aside', as they are damaged; 'ending', as a consent ended, or ran out just
-- now, and the register has not followed that, or has not read the ends of before; 'late', as a consent ran out a while ago
-- and nobody put that on record.
DROP FUNCTION delivery.held;
CREATE FUNCTION delivery.held(cases uuid[]) RETURNS TABLE (id uuid, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, log, pg_temp AS $$
  SELECT stream, 'aside' FROM damaged WHERE repaired_at IS NULL AND stream = ANY (cases)
  UNION
  SELECT originator_id, 'ending' FROM stored_events
    WHERE topic IN ('case.ConsentWithdrawn', 'case.ConsentNarrowed', 'case.ConsentExpired')
      AND notification_id > (SELECT position FROM reached) AND originator_id = ANY (cases)
  UNION
  SELECT case_id, CASE WHEN min(expires_at) < clock_timestamp() - interval '30 seconds' THEN 'late' ELSE 'ending' END
    FROM expiries WHERE expires_at <= clock_timestamp() AND case_id = ANY (cases) GROUP BY case_id
  UNION
  SELECT c, 'ending' FROM unnest(cases) c WHERE NOT (SELECT expiries_known FROM reached)
$$;
REVOKE ALL ON FUNCTION delivery.held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.held TO rujukan_service, rujukan_follower;
