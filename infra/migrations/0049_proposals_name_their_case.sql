-- What a proposal on a case was asked because of, its record's header says in clear: that case (`causation`, from byte 68;
-- format 1 and 2 of sealed_record.py). So its sealed parts die with that case, and with no other: the service's word is
-- not enough. Records of before have the correlation (from byte 52) in both places: of these it is still.
CREATE OR REPLACE FUNCTION log.erase_proposal_keys(
  proposal uuid, erased uuid, version bigint, compartments smallint[]
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  SELECT s.notification_id INTO found FROM stored_events s
    WHERE s.originator_id = erased AND s.originator_version = version AND s.topic = 'case.CaseErased';
  IF found IS NULL OR 0 = ANY (compartments) OR NOT EXISTS (
    SELECT FROM stored_events s
      WHERE s.originator_id = proposal AND s.originator_version = 1 AND s.topic = 'proposal.ProposalMade'
        AND substring(s.state FROM 68 FOR 16) IN (uuid_send(erased), substring(s.state FROM 52 FOR 16))
  ) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(727164917);
  INSERT INTO erased_keys (stream, compartment, position)
    SELECT proposal, c, found FROM unnest(compartments) c ON CONFLICT DO NOTHING;
  DELETE FROM data_keys k WHERE k.stream = proposal AND k.compartment = ANY (compartments);
  RETURN found;
END $$;
