-- A row of the register answers for itself: its digest is a MAC over all its columns, under a key that the database does
-- not have (infra/delivery/digests.py). Rows of before have none; the register's keeper gives them theirs, once, before it
-- does anything else, and says under which key (`digests_under`, a MAC of that key's). Until then nothing is told. Here that
-- is not possible: the key is elsewhere.
ALTER TABLE delivery.told ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.reached ADD COLUMN digests_under bytea;

-- Append-only as before, but for the digest of a row that has none.
DROP TRIGGER append_only ON delivery.told;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE OR UPDATE OF n, agency, sequence, case_sequence, at_position, position,
    stream, case_id, compartments, key_id, told_at, id, rule ON delivery.told
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER one_digest BEFORE UPDATE OF digest ON delivery.told
  FOR EACH ROW WHEN (OLD.digest <> ''::bytea) EXECUTE FUNCTION log.refuse_change();
-- A keeper of the release before gives none: it stands still once the others have theirs.
CREATE FUNCTION delivery.refuse_without_digest() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = delivery, pg_temp AS $$
BEGIN
  IF (SELECT digests_under IS NOT NULL FROM reached) THEN
    RAISE EXCEPTION 'a row of the register has a digest' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER has_digest BEFORE INSERT ON delivery.told
  FOR EACH ROW WHEN (NEW.digest = ''::bytea) EXECUTE FUNCTION delivery.refuse_without_digest();
GRANT UPDATE (digest) ON delivery.told TO rujukan_follower;

-- Rows that are not what was written, as the keeper found them that looks through the register; what they name now may be
-- wrong. They go from here once they are whole.
CREATE TABLE delivery.unfit (
  n bigint PRIMARY KEY,
  agency text NOT NULL,
  sequence bigint NOT NULL,
  stream uuid NOT NULL,
  case_id uuid NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, DELETE ON delivery.unfit TO rujukan_follower;

-- All that is on record of a case, for who checks each row. Whoever ends a consent, or erases, has to ask every agency that
-- was told, and not the acting one alone: so the service asks this, and is not shown the tables.
-- (`delivery.facts_of` stays: the release before asks it.)
CREATE FUNCTION delivery.told_of(of_case uuid) RETURNS SETOF delivery.told
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT * FROM told t WHERE t.case_id = of_case
$$;
CREATE FUNCTION delivery.recalled_of(of_case uuid)
RETURNS TABLE (agency text, "position" bigint, compartments int, at_position bigint, upto bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT r.agency, r.position, r.compartments, r.at_position, r.upto FROM recalled r WHERE r.case_id = of_case
$$;
-- Whether a row that is not what was written names the case, in one of the columns that do: it may be of it.
CREATE FUNCTION delivery.has_unfit(of_case uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT EXISTS (SELECT FROM unfit u WHERE u.stream = of_case OR u.case_id = of_case)
$$;
REVOKE ALL ON FUNCTION delivery.told_of, delivery.recalled_of, delivery.has_unfit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.told_of, delivery.recalled_of TO rujukan_service, rujukan_follower;
GRANT EXECUTE ON FUNCTION delivery.has_unfit TO rujukan_follower;
-- How many there are, for health.
CREATE FUNCTION delivery.unfit_rows() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$ SELECT count(*) FROM unfit $$;
REVOKE ALL ON FUNCTION delivery.unfit_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.unfit_rows TO rujukan_service, rujukan_follower;
