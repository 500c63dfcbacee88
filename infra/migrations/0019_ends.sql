-- `ends_unknown`: it was set aside while nobody knew what of the case had to be deleted, or when its consents run out, as
-- what lies before this was kept could not be read. It is worked out when the case is taken up again.
ALTER TABLE delivery.damaged ADD COLUMN ends_unknown boolean NOT NULL DEFAULT false;
UPDATE delivery.damaged SET ends_unknown = true WHERE repaired_at IS NULL AND left_from IS NULL;

-- A row that stands under a number that was never given is no end that the register has still to follow.
CREATE OR REPLACE FUNCTION delivery.held(cases uuid[]) RETURNS TABLE (id uuid, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, log, pg_temp AS $$
  SELECT stream, 'aside' FROM damaged WHERE repaired_at IS NULL AND stream = ANY (cases)
  UNION
  SELECT originator_id, 'ending' FROM stored_events
    WHERE topic IN ('case.ConsentWithdrawn', 'case.ConsentNarrowed', 'case.ConsentExpired')
      AND notification_id > (SELECT position FROM reached)
      AND notification_id <= (SELECT last_value FROM stored_events_notification_id_seq) AND originator_id = ANY (cases)
  UNION
  SELECT case_id, CASE WHEN min(expires_at) < clock_timestamp() - interval '30 seconds' THEN 'late' ELSE 'ending' END
    FROM expiries WHERE expires_at <= clock_timestamp() AND case_id = ANY (cases) GROUP BY case_id
  UNION
  SELECT c, 'ending' FROM unnest(cases) c WHERE NOT (SELECT expiries_known FROM reached)
$$;
