-- Whatever ends a consent, in whole or in part, holds what was told on it until the register has followed that: also
-- what the lead did not confirm, what a supervisor ended, and what somebody said stop to.
CREATE INDEX stored_events_further_ends_idx ON log.stored_events (notification_id)
  WHERE topic IN ('case.ConsentNotConfirmed', 'case.OverrideEnded', 'case.SharingStopped', 'case.StopConfirmed');
CREATE OR REPLACE FUNCTION delivery.held(cases uuid[]) RETURNS TABLE (id uuid, why text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, log, pg_temp AS $$
  SELECT stream, 'aside' FROM damaged WHERE repaired_at IS NULL AND stream = ANY (cases)
  UNION
  SELECT originator_id, 'ending' FROM stored_events
    WHERE topic IN ('case.ConsentWithdrawn', 'case.ConsentNarrowed', 'case.ConsentExpired')
      AND notification_id > (SELECT position FROM reached)
      AND notification_id <= (SELECT last_value FROM stored_events_notification_id_seq) AND originator_id = ANY (cases)
  UNION
  SELECT originator_id, 'ending' FROM stored_events
    WHERE topic IN ('case.ConsentNotConfirmed', 'case.OverrideEnded', 'case.SharingStopped', 'case.StopConfirmed')
      AND notification_id > (SELECT position FROM reached)
      AND notification_id <= (SELECT last_value FROM stored_events_notification_id_seq) AND originator_id = ANY (cases)
  UNION
  SELECT case_id, CASE WHEN min(expires_at) < clock_timestamp() - interval '30 seconds' THEN 'late' ELSE 'ending' END
    FROM expiries WHERE expires_at <= clock_timestamp() AND case_id = ANY (cases) GROUP BY case_id
  UNION
  SELECT c, 'ending' FROM unnest(cases) c WHERE NOT (SELECT expiries_known FROM reached)
$$;
