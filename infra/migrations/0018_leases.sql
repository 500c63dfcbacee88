-- One kind of lease for all work: publishers had tables of their own. They go, so that a publisher of the release before,
-- should one still run, stands still and does not publish beside this one.
DROP TABLE delivery.shares, delivery.publishers;

-- Who holds a lease, for people: machine and process.
ALTER TABLE follow.leases ADD COLUMN held_by text NOT NULL DEFAULT '';

-- As before; and what was erased whole is damaged no more, whoever found that it is, and whenever: nothing of it is to be
-- repaired, or told.
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
    UPDATE delivery.gaps SET told_again = 0 WHERE stream = erased AND told_again IS NULL;
  END IF;
  RETURN found;
END $$;
