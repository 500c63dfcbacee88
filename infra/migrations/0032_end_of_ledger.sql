-- As before; and where the newest row says wrongly where it ends, in one of the two ways that it says it, the sealer goes on
-- from where the record of its last entry is.
CREATE OR REPLACE FUNCTION ledger.add_batch(
  first_leaf bigint, entries bytea, first_position bigint, last_position bigint, skipped bigint[], lag_ms int,
  levels smallint[], numbers bigint[], hashes bytea[], roots bytea[], note bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  last batches%ROWTYPE;
BEGIN
  LOCK TABLE batches IN EXCLUSIVE MODE;
  SELECT * INTO last FROM batches b ORDER BY b.first_leaf DESC LIMIT 1;
  IF add_batch.first_leaf <> coalesce(last.first_leaf + last.leaves, 0)
      OR add_batch.first_position <= coalesce(
        least(last.last_position, last.first_position + last.leaves + cardinality(last.skipped) - 1), 0) THEN
    RAISE EXCEPTION 'the ledger has % leaves', coalesce(last.first_leaf + last.leaves, 0) USING ERRCODE = 'RU001';
  END IF;
  INSERT INTO batches (first_leaf, leaves, entries, first_position, last_position, skipped, lag_ms)
    VALUES (add_batch.first_leaf, length(add_batch.entries) / 32, add_batch.entries, add_batch.first_position,
      add_batch.last_position, add_batch.skipped, add_batch.lag_ms);
  INSERT INTO tiles (level, number, hashes, root)
    SELECT * FROM unnest(levels, numbers, add_batch.hashes, roots);
  INSERT INTO checkpoints (size, note)
    VALUES (add_batch.first_leaf + length(add_batch.entries) / 32, add_batch.note);
  NOTIFY checkpoints;
END $$;
