-- The register of what was told to whom. It is worked out once, when an event is followed for the first time, and
-- never anew: an erasure, or a rule that changed since, must not number anything otherwise than agencies know it.
-- It holds no content: what is sent is opened from the log, and sealed, whenever it is sent.

CREATE SCHEMA delivery;
GRANT USAGE ON SCHEMA delivery TO rujukan_service, rujukan_follower;

CREATE TABLE delivery.told (
  n bigint PRIMARY KEY,
  agency text NOT NULL,
  sequence bigint NOT NULL,
  case_sequence bigint NOT NULL,
  at_position bigint NOT NULL,
  position bigint NOT NULL,
  stream uuid NOT NULL,
  case_id uuid NOT NULL,
  compartments int NOT NULL,
  key_id text NOT NULL,
  told_at timestamptz NOT NULL,
  id uuid NOT NULL,
  UNIQUE (agency, sequence)
);
CREATE INDEX told_case_idx ON delivery.told (case_id, agency, case_sequence);
CREATE INDEX told_at_idx ON delivery.told (agency, told_at);
CREATE UNIQUE INDEX told_id_idx ON delivery.told (id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.told
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

ALTER TABLE delivery.told ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.told FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.told TO rujukan_follower USING (true) WITH CHECK (true);

-- How far each agency's sequence goes.
CREATE TABLE delivery.heads (agency text PRIMARY KEY, sequence bigint NOT NULL) WITH (fillfactor = 50);
ALTER TABLE delivery.heads ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON delivery.heads FOR SELECT TO rujukan_service
  USING (agency = current_setting('rujukan.agency', true));
CREATE POLICY every ON delivery.heads TO rujukan_follower USING (true) WITH CHECK (true);

-- Up to where the log was followed, and who follows it, for how long.
CREATE TABLE delivery.reached (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  position bigint NOT NULL,
  keeper uuid,
  until timestamptz
) WITH (fillfactor = 50);
INSERT INTO delivery.reached (position) VALUES (0);

-- The key that the next telling is sealed to, as far as the log was followed.
CREATE TABLE delivery.sealing_keys (agency text PRIMARY KEY, key_id text NOT NULL);

GRANT SELECT, INSERT ON delivery.told TO rujukan_follower;
GRANT SELECT, UPDATE ON delivery.reached TO rujukan_follower;
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.sealing_keys, delivery.heads TO rujukan_follower;
GRANT SELECT ON delivery.told, delivery.heads, delivery.reached TO rujukan_service;

-- The agencies are shared out between the publishers: who holds a share publishes to its agencies until the lease runs
-- out. That the one before cannot publish any more, the broker sees to (a transactional id for each share).
CREATE TABLE delivery.publishers (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL);
CREATE TABLE delivery.shares (share int PRIMARY KEY, publisher uuid, until timestamptz NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.publishers, delivery.shares TO rujukan_follower;
