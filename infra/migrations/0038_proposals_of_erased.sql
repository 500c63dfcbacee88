-- What somebody said of a case where it takes two people stands in a proposal, a stream with keys of its own. It dies
-- with the case: its sealed parts, as the case's do; who asked what, and who approved it, stays.
CREATE FUNCTION log.erase_proposal_keys(proposal uuid, erased uuid, version bigint, compartments smallint[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  SELECT s.notification_id INTO found FROM stored_events s
    WHERE s.originator_id = erased AND s.originator_version = version AND s.topic = 'case.CaseErased';
  IF found IS NULL OR 0 = ANY (compartments) OR NOT EXISTS (
    SELECT FROM stored_events s
      WHERE s.originator_id = proposal AND s.originator_version = 1 AND s.topic = 'proposal.ProposalMade'
  ) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(727164917);
  INSERT INTO erased_keys (stream, compartment, position)
    SELECT proposal, c, found FROM unnest(compartments) c ON CONFLICT DO NOTHING;
  DELETE FROM data_keys k WHERE k.stream = proposal AND k.compartment = ANY (compartments);
  RETURN found;
END $$;
REVOKE ALL ON FUNCTION log.erase_proposal_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.erase_proposal_keys TO rujukan_service, rujukan_follower;

CREATE INDEX stored_events_proposals_idx ON log.stored_events (notification_id) WHERE topic = 'proposal.ProposalMade';
