-- What was told is a fact: the register alone remembers it, with the version of the disclosure rule that said so, and
-- what had to be deleted again. Nobody works it out anew.

ALTER TABLE delivery.told ADD COLUMN rule text NOT NULL DEFAULT '2026-1';
-- For who follows the log with what was told: by the event that let it be told.
CREATE INDEX told_at_position_idx ON delivery.told (at_position);

-- What agencies had to delete, of what they were told up to number `upto` (delivery.told.n): a consent ended with the
-- event at `at_position`. What stands at these numbers is not sent again.
CREATE TABLE delivery.recalled (
  agency text NOT NULL,
  position bigint NOT NULL,
  at_position bigint NOT NULL,
  case_id uuid NOT NULL,
  compartments int NOT NULL,
  upto bigint NOT NULL,
  recalled_at timestamptz NOT NULL,
  PRIMARY KEY (agency, position, at_position)
);
CREATE INDEX recalled_case_idx ON delivery.recalled (case_id);
CREATE INDEX recalled_at_position_idx ON delivery.recalled (at_position);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.recalled
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
ALTER TABLE delivery.recalled ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.recalled FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.recalled TO rujukan_follower USING (true) WITH CHECK (true);

-- Who is still to be asked to delete copies, because of the event at `at_position`: written with the register, done once
-- the request is in the log. A recall's stream begins with its record, an erasure's has it.
CREATE TABLE delivery.deletions (
  at_position bigint NOT NULL,
  agency text NOT NULL,
  stream uuid NOT NULL,
  version bigint NOT NULL,
  compartments int NOT NULL,
  done_at timestamptz,
  PRIMARY KEY (at_position, agency)
);
CREATE INDEX deletions_open_idx ON delivery.deletions (at_position) WHERE done_at IS NULL;

-- When consents run out, as far as the log was followed. What was told on one is not sent after that time, until it is on
-- record what follows from its end.
CREATE TABLE delivery.expiries (
  case_id uuid NOT NULL,
  consent uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (case_id, consent)
) WITH (fillfactor = 50);
CREATE INDEX expiries_at_idx ON delivery.expiries (expires_at);

-- For who looks whether a consent ended behind what the register followed.
CREATE INDEX stored_events_ends_idx ON log.stored_events (notification_id)
  WHERE topic IN ('case.ConsentWithdrawn', 'case.ConsentNarrowed', 'case.ConsentExpired');

-- Streams that are set aside because a record, or a key, of theirs is damaged, or was not understood: nothing of them is
-- followed from that version on, and nobody else waits for them.
-- `asked_at`: somebody says that it is repaired, and the register is to look.
CREATE TABLE delivery.damaged (
  stream uuid PRIMARY KEY,
  version bigint NOT NULL,
  position bigint NOT NULL,
  topic text NOT NULL,
  why text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  asked_at timestamptz,
  repaired_at timestamptz
);
-- What stands at a number and could not be opened: its place is kept, and it is told anew once that is repaired.
CREATE TABLE delivery.gaps (
  agency text NOT NULL,
  sequence bigint NOT NULL,
  position bigint NOT NULL,
  stream uuid NOT NULL,
  why text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_again bigint,
  PRIMARY KEY (agency, sequence)
);
CREATE INDEX gaps_stream_idx ON delivery.gaps (stream) WHERE told_again IS NULL;
ALTER TABLE delivery.gaps ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.gaps FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY new ON delivery.gaps FOR INSERT TO rujukan_service
  WITH CHECK (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.gaps TO rujukan_follower USING (true) WITH CHECK (true);

-- Whether the expiries of what was followed before there was a table of them are in it.
ALTER TABLE delivery.reached ADD COLUMN expiries_known boolean NOT NULL DEFAULT false;

GRANT SELECT, INSERT ON delivery.recalled TO rujukan_follower;
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.deletions, delivery.expiries, delivery.damaged, delivery.gaps
  TO rujukan_follower;
GRANT SELECT ON delivery.recalled, delivery.damaged, delivery.gaps, delivery.expiries TO rujukan_service;
GRANT INSERT ON delivery.gaps TO rujukan_service;

-- All that is on record of a case, as it came about. Whoever ends a consent, or erases, has to ask every agency that was
-- told, and not the acting one alone: so the service asks this, and is not shown the table.
CREATE FUNCTION delivery.facts_of(of_case uuid, before bigint DEFAULT NULL)
RETURNS TABLE (agency text, "position" bigint, compartments int, recalled_at bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  SELECT f.agency, f.position, f.compartments, f.at FROM (
    SELECT t.agency, t.position, t.compartments, NULL::bigint AS at, t.n, 0 AS kind FROM told t
      WHERE t.case_id = of_case AND t.stream = of_case AND (before IS NULL OR t.at_position < before)
    UNION ALL
    SELECT r.agency, r.position, r.compartments, r.at_position, r.upto, 1 FROM recalled r
      WHERE r.case_id = of_case AND (before IS NULL OR r.at_position < before)
  ) f ORDER BY f.n, f.kind, f.at, f.position
$$;
REVOKE ALL ON FUNCTION delivery.facts_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.facts_of TO rujukan_service, rujukan_follower;
