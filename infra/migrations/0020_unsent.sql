-- Of how many streams something could not be sent when its turn came, and is still to be told, beside those that are set
-- aside: for health, which the API's role answers. It is told how many, and not which. `but_for`: what need not be counted.
CREATE FUNCTION delivery.unsent(but_for text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT count(DISTINCT g.stream) FROM gaps g WHERE g.told_again IS NULL AND g.why <> but_for
    AND NOT EXISTS (SELECT FROM damaged d WHERE d.stream = g.stream AND d.repaired_at IS NULL)
$$;
REVOKE ALL ON FUNCTION delivery.unsent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.unsent TO rujukan_service, rujukan_follower;
