-- What is on record of cases beside what was told, and work that is still to be done, answers for itself as rows of the
-- register do (infra/delivery/kept.py): each row bears a MAC over all its columns. Rows of before have none; the register's
-- keeper gives them theirs, once, and says under which key (`facts_under`).
ALTER TABLE delivery.reached ADD COLUMN facts_under bytea;
ALTER TABLE delivery.recalled ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.expiries ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.gaps ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.deletions ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
ALTER TABLE delivery.resealings ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea;
-- `among`: how many agencies that recovery has something to say to, so that one that is gone is missed.
ALTER TABLE delivery.notices ADD COLUMN digest bytea NOT NULL DEFAULT ''::bytea, ADD COLUMN among int NOT NULL DEFAULT 0;
UPDATE delivery.notices n SET among = (SELECT count(*) FROM delivery.notices o WHERE o.recovery = n.recovery);

-- How many rows a case has in such a table, of an agency where that says, and the digests of all of them, each bit added
-- to each other without carrying: so one that is gone is missed.
CREATE TABLE delivery.tallies (
  of_table text NOT NULL,
  agency text NOT NULL,
  case_id uuid NOT NULL,
  many int NOT NULL,
  digests bytea NOT NULL,
  digest bytea NOT NULL,
  PRIMARY KEY (of_table, agency, case_id)
) WITH (fillfactor = 70);
CREATE INDEX tallies_case_idx ON delivery.tallies (case_id);
ALTER TABLE delivery.tallies ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.tallies FOR SELECT TO rujukan_service
  USING (agency IN ('', current_setting('rujukan.agency', true)));
CREATE POLICY every ON delivery.tallies TO rujukan_follower USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.tallies TO rujukan_follower;
GRANT SELECT ON delivery.tallies TO rujukan_service;

-- A process of the release before writes rows without a digest: it stands still once the rows have theirs.
CREATE FUNCTION follow.refuse_fact_without_digest() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = delivery, pg_temp AS $$
BEGIN
  IF (SELECT facts_under IS NOT NULL FROM reached) THEN
    RAISE EXCEPTION 'a row of what is on record has a digest' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION follow.refuse_fact_without_digest FROM PUBLIC;
-- What had to be deleted is changed by nobody, but where it is put right, under the digest that it has.
DROP TRIGGER append_only ON delivery.recalled;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON delivery.recalled
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
GRANT UPDATE ON delivery.recalled TO rujukan_follower;
-- A row of work that nobody can believe is taken out, and worked out anew.
GRANT DELETE ON delivery.resealings, delivery.notices TO rujukan_follower;

CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.recalled FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.expiries FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.gaps FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.deletions FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.resealings FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER new_has_digest BEFORE INSERT ON delivery.notices FOR EACH ROW WHEN (NEW.digest = ''::bytea)
  EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.recalled FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.expiries FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.gaps FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.deletions FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.resealings FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION follow.refuse_fact_without_digest();
CREATE TRIGGER has_digest BEFORE UPDATE ON delivery.notices FOR EACH ROW
  WHEN (NEW.digest = OLD.digest AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION follow.refuse_fact_without_digest();

-- What is on record of a case for who checks each row, past row-level security: who ends a consent has to ask every agency
-- that was told. (`recalled_of` stays: the release before asks it.)
CREATE FUNCTION delivery.recalls_of(of_case uuid) RETURNS SETOF delivery.recalled
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT * FROM recalled r WHERE r.case_id = of_case
$$;
CREATE FUNCTION delivery.expiries_of(cases uuid[]) RETURNS SETOF delivery.expiries
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT * FROM expiries e WHERE e.case_id = ANY (cases)
$$;
CREATE FUNCTION delivery.tallies_of(of_what text, cases uuid[]) RETURNS SETOF delivery.tallies
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT * FROM tallies t WHERE t.of_table = of_what AND t.case_id = ANY (cases)
$$;
REVOKE ALL ON FUNCTION delivery.recalls_of, delivery.expiries_of, delivery.tallies_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.recalls_of, delivery.expiries_of, delivery.tallies_of
  TO rujukan_service, rujukan_follower;

-- From which work that is still to be done follows: what is missing of it is worked out anew.
CREATE INDEX stored_events_work_idx ON log.stored_events (notification_id)
  WHERE topic IN ('agency.ResealingApproved', 'erasure.ErasureRecorded');

-- What was missing of a case that is erased is told to nobody any more: the register's keeper says so, as it alone writes
-- that (infra/delivery/keeping.py).
CREATE OR REPLACE FUNCTION log.erase_keys(erased uuid, version bigint, compartments smallint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  SELECT s.notification_id INTO found FROM stored_events s
    WHERE s.originator_id = erased AND s.originator_version = version AND s.topic = 'case.CaseErased';
  IF found IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(727164917);
  INSERT INTO erased_keys (stream, compartment, position)
    SELECT erased, c, found FROM unnest(compartments) c ON CONFLICT DO NOTHING;
  DELETE FROM data_keys k WHERE k.stream = erased AND k.compartment = ANY (compartments);
  IF 0 = ANY (compartments) THEN
    UPDATE delivery.damaged SET repaired_at = clock_timestamp() WHERE stream = erased AND repaired_at IS NULL;
  END IF;
  RETURN found;
END $$;
