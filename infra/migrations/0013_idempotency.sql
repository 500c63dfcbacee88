-- An idempotency key is good for a stated time (RUJUKAN_IDEMPOTENCY_DAYS), and then forgotten, a piece at a time, by who
-- follows the log. Nobody may forget one that is younger than a day: retries of a phone that was off for a night are safe.
CREATE INDEX idempotency_keys_made_at_idx ON log.idempotency_keys (made_at);

CREATE FUNCTION log.forget_idempotency_keys(older_than interval, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp SET enable_seqscan = off AS $$
DECLARE
  forgotten int;
BEGIN
  IF older_than IS NULL OR older_than < interval '1 day' THEN
    RAISE EXCEPTION 'idempotency keys are kept for a day at least' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE made_at < now() - older_than
    ORDER BY made_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
REVOKE ALL ON FUNCTION log.forget_idempotency_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.forget_idempotency_keys TO rujukan_follower;
