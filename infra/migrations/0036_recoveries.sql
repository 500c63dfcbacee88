-- How often the service went on from an older state for good (`rujukan recover`), for processes that remember where in the
-- log something stands: what came after that state is not there any more.
CREATE FUNCTION delivery.recoveries() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT count(DISTINCT recovery) FROM notices
$$;
REVOKE ALL ON FUNCTION delivery.recoveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.recoveries TO rujukan_service, rujukan_follower;
