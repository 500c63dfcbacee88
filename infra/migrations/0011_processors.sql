-- Who follows the log, how far each is, and who does which work now.

CREATE SCHEMA follow;
GRANT USAGE ON SCHEMA follow TO rujukan_service, rujukan_follower;

-- A read model is folded by as many processors as its cases are parted into (shards): one row each, whose position
-- moves in the transaction that changes the shard's rows. `live`: its tables serve; the others are a rebuild's, which
-- folds a new version beside. `version` names the tables: a process of another release leaves them alone.
-- What cannot be folded stops its processor where it is: since when, why (the class of an error and where in the code,
-- never its words), how often it was tried there, when it is tried again.
CREATE TABLE follow.processors (
  name text NOT NULL,
  live boolean NOT NULL DEFAULT true,
  shard int NOT NULL DEFAULT 0,
  shards int NOT NULL DEFAULT 1,
  version text NOT NULL DEFAULT '',
  position bigint NOT NULL DEFAULT 0,
  stopped_at timestamptz,
  why text,
  tries int NOT NULL DEFAULT 0,
  again_at timestamptz,
  PRIMARY KEY (name, live, shard),
  CHECK (shard >= 0 AND shard < shards)
) WITH (fillfactor = 50);

-- Who does a share of some work, until when by the database's clock. Who was halted past that is replaced, and finds
-- another's name here when it wakes. `follow.keepers`: those alive, between whom the shares are parted evenly.
CREATE TABLE follow.leases (
  work text NOT NULL,
  share int NOT NULL DEFAULT 0,
  keeper uuid,
  until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (work, share)
) WITH (fillfactor = 50);
CREATE TABLE follow.keepers (
  work text NOT NULL,
  keeper uuid NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (work, keeper)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON follow.processors, follow.leases, follow.keepers TO rujukan_follower;
GRANT SELECT ON follow.processors, follow.leases TO rujukan_service;

-- The shard of a case: its id's last 32 bits, which are random, parted evenly (projections/shards.py says the same).
CREATE FUNCTION follow.shard_of(case_id uuid, shards int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (('x' || right(case_id::text, 8))::bit(32)::bigint % shards)::int
$$;

-- Positions were kept by the library's tracking recorder. Its table goes, so that a worker of the release before, should
-- one still run, stands still and does not fold beside this one.
DO $$
BEGIN
  IF to_regclass('views.notification_tracking') IS NOT NULL THEN
    INSERT INTO follow.processors (name, position)
      SELECT application_name, notification_id FROM views.notification_tracking;
    DROP TABLE views.notification_tracking;
  END IF;
END $$;
