-- Streams of which somebody met a record, or a key, that does not open, who may set nothing aside: the API, or an operator
-- who names one. The register's keeper looks at each (infra/delivery/met.py). Where a record does not open at all, its
-- stream is set aside, and is here no more; where some of one does not, it stays here with what is the matter; where all
-- opens, it is here no more.
CREATE TABLE delivery.met (
  stream uuid PRIMARY KEY,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  looked_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  position bigint NOT NULL DEFAULT 0,
  topic text NOT NULL DEFAULT '?',
  why text NOT NULL DEFAULT '?'
);
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery.met TO rujukan_follower;

-- The API notes, and counts, and sees of which case nothing.
CREATE FUNCTION delivery.meet(streams uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = delivery, pg_temp AS $$
  INSERT INTO met (stream) SELECT DISTINCT unnest(streams) ON CONFLICT DO NOTHING
$$;
CREATE FUNCTION delivery.meet_at(positions bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = delivery, log, pg_temp AS $$
  INSERT INTO met (stream) SELECT DISTINCT originator_id FROM stored_events WHERE notification_id = ANY (positions)
    ON CONFLICT DO NOTHING
$$;
CREATE FUNCTION delivery.met_count() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = delivery, pg_temp AS $$ SELECT count(*) FROM met $$;
REVOKE ALL ON FUNCTION delivery.meet, delivery.meet_at, delivery.met_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery.meet, delivery.meet_at, delivery.met_count TO rujukan_service, rujukan_follower;
