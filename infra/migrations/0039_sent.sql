-- What was sealed and sent to an agency: a row for each delivery, each time that it was sent, once its receiver had it. Each
-- agency's rows are numbered without gaps, each bears a MAC under a key that the database does not have, and the log says
-- of each agency's rows what they were (infra/delivery/sent.py). It holds no content and no personal data.
CREATE TABLE delivery.sent (
  agency text NOT NULL,
  number bigint NOT NULL CHECK (number > 0),
  sequence bigint NOT NULL,
  id uuid NOT NULL,
  position bigint NOT NULL,
  case_id uuid NOT NULL,
  compartments int NOT NULL,
  transport text NOT NULL,
  key text NOT NULL,
  found boolean NOT NULL,
  sent_at timestamptz NOT NULL,
  digest bytea NOT NULL,
  PRIMARY KEY (agency, number)
);
CREATE INDEX sent_case_idx ON delivery.sent (case_id, agency, number);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.sent
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

ALTER TABLE delivery.sent ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.sent FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY new ON delivery.sent FOR INSERT TO rujukan_service
  WITH CHECK (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.sent TO rujukan_follower USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON delivery.sent TO rujukan_service, rujukan_follower;
