-- How far each webhook is. That there is one, and where, the agency's stream says; here stands what was posted, so that
-- any sender can go on where another was killed. It holds no address and no secret.

CREATE TABLE delivery.webhooks (
  agency text PRIMARY KEY,
  registration int NOT NULL,         -- the event that set it, whose secret signs; 0: it was removed
  previous int NOT NULL DEFAULT 0,   -- the one before, whose secret signs beside it for a while
  set_at timestamptz NOT NULL,
  active boolean NOT NULL,           -- it was neither removed nor disabled
  sent bigint NOT NULL DEFAULT 0,    -- everything up to this sequence was taken
  failures int NOT NULL DEFAULT 0,   -- in a row
  failing_since timestamptz,
  next_at timestamptz NOT NULL DEFAULT '-infinity',
  outcome text NOT NULL DEFAULT '',  -- of the last attempt: a word of ours or a status, nothing that was answered
  last_at timestamptz,
  lease uuid,                        -- who posts now, until
  leased_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
CREATE INDEX webhooks_due_idx ON delivery.webhooks (next_at) WHERE active;

ALTER TABLE delivery.webhooks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.webhooks FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.webhooks TO rujukan_follower USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON delivery.webhooks TO rujukan_follower;
GRANT SELECT ON delivery.webhooks TO rujukan_service;
