-- Which cases a person is shown in read models. Every table of theirs that says something about cases asks this by a policy of
-- its own (projections/projection.py), beside the one that asks for the agency. A connection says who asks, and what of:
-- `rujukan.person`, and `rujukan.only`: '' all of the agency's, 'assigned' those the person is assigned to and those of which a
-- referral waits for somebody to take it, 'mine' the former alone. The tables are named when the function runs: a rebuild puts
-- others in their place.

-- Cases that the person is excluded from.
CREATE FUNCTION views.hidden_cases() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me text := current_setting('rujukan.person', true);
BEGIN
  IF coalesce(me, '') = '' THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(SELECT case_id FROM views.excluded WHERE person = me::uuid);
END $$;

-- Cases that the person is shown; NULL where it is all of the agency's.
CREATE FUNCTION views.shown_cases() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sight text := coalesce(current_setting('rujukan.only', true), '');
BEGIN
  IF sight = '' THEN
    RETURN NULL;
  END IF;
  RETURN ARRAY(
    SELECT case_id FROM views.assigned
     WHERE agency = current_setting('rujukan.agency', true)
       AND (person = nullif(current_setting('rujukan.person', true), '')::uuid OR (sight = 'assigned' AND person IS NULL)));
END $$;

ALTER FUNCTION views.hidden_cases OWNER TO rujukan_follower;
ALTER FUNCTION views.shown_cases OWNER TO rujukan_follower;
REVOKE ALL ON FUNCTION views.hidden_cases, views.shown_cases FROM PUBLIC;
GRANT EXECUTE ON FUNCTION views.hidden_cases, views.shown_cases TO rujukan_service;
