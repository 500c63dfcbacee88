-- The service is told of the cases and streams that it names, and is not shown which others there are.
CREATE FUNCTION delivery.held(cases uuid[], streams uuid[]) RETURNS TABLE (id uuid, is_aside boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, log, pg_temp AS $$
  SELECT originator_id, false FROM stored_events
    WHERE topic IN ('case.ConsentWithdrawn', 'case.ConsentNarrowed', 'case.ConsentExpired')
      AND notification_id > (SELECT position FROM reached) AND originator_id = ANY (cases)
  UNION
  SELECT case_id, false FROM expiries WHERE expires_at <= clock_timestamp() AND case_id = ANY (cases)
  UNION
  SELECT stream, true FROM damaged WHERE repaired_at IS NULL AND stream = ANY (streams)
$$;
REVOKE ALL ON FUNCTION delivery.held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.held TO rujukan_service, rujukan_follower;
REVOKE SELECT ON delivery.damaged, delivery.expiries FROM rujukan_service;
-- To count them.
GRANT SELECT (repaired_at) ON delivery.damaged TO rujukan_service;
