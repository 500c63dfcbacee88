-- A document is kept for the sake of the event that names it: its name is stored in the commit of that event. What comes
-- in and is never named (its event was refused, or the process was killed in between) is dropped. Once named, it can be
-- changed and deleted by nobody, as before; so are those that were there before, and those of a release before.
ALTER TABLE log.documents ADD COLUMN arriving boolean NOT NULL DEFAULT false;
CREATE INDEX documents_arriving_idx ON log.documents (made_at) WHERE arriving;

CREATE TABLE log.named_documents (
  stream uuid NOT NULL,
  document uuid NOT NULL,
  PRIMARY KEY (stream, document)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.named_documents
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- How much each agency has stored, of what was named since.
CREATE TABLE log.document_room (
  agency text PRIMARY KEY,
  documents bigint NOT NULL,
  bytes bigint NOT NULL
);

DROP TRIGGER append_only ON log.documents;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON log.documents
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE FUNCTION log.refuse_if_named() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
BEGIN
  IF OLD.arriving AND NOT EXISTS (
    SELECT FROM named_documents n WHERE n.stream = OLD.stream AND n.document = OLD.document) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER kept BEFORE DELETE ON log.documents FOR EACH ROW EXECUTE FUNCTION log.refuse_if_named();

-- Called in the transaction that appends the events that name these. One that is not there (any more) undoes it all.
CREATE FUNCTION log.name_documents(streams uuid[], documents uuid[], agencies text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  named record;
  size bigint;
BEGIN
  FOR named IN SELECT * FROM unnest(streams, documents, agencies) AS n (stream, document, agency) LOOP
    SELECT octet_length(d.sealed) INTO size FROM log.documents d
      WHERE d.stream = named.stream AND d.document = named.document FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'a document that an event names is not there' USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO named_documents (stream, document) VALUES (named.stream, named.document) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      INSERT INTO document_room AS r (agency, documents, bytes) VALUES (named.agency, 1, size)
        ON CONFLICT (agency) DO UPDATE SET documents = r.documents + 1, bytes = r.bytes + excluded.bytes;
    END IF;
  END LOOP;
END $$;

-- Drop one that was not named, as its event was refused.
CREATE FUNCTION log.drop_document(stream uuid, document uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
BEGIN
  DELETE FROM documents d WHERE d.stream = drop_document.stream AND d.document = drop_document.document AND d.arriving
    AND NOT EXISTS (SELECT FROM named_documents n WHERE n.stream = d.stream AND n.document = d.document);
  RETURN FOUND;
END $$;

-- Drop a piece of those that nobody named in so long; how many. Nobody may drop what may still be named.
CREATE FUNCTION log.drop_abandoned_documents(older_than interval, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = log, pg_temp AS $$
DECLARE
  dropped int;
BEGIN
  IF older_than IS NULL OR older_than < interval '10 minutes' THEN
    RAISE EXCEPTION 'a document may be named for ten minutes at least' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  DELETE FROM documents WHERE (stream, document) IN (
    SELECT d.stream, d.document FROM documents d WHERE d.arriving AND d.made_at < now() - older_than
      AND NOT EXISTS (SELECT FROM named_documents n WHERE n.stream = d.stream AND n.document = d.document)
    ORDER BY d.made_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION log.name_documents, log.drop_document, log.drop_abandoned_documents, log.refuse_if_named FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.name_documents, log.drop_document TO rujukan_service;
GRANT EXECUTE ON FUNCTION log.drop_abandoned_documents TO rujukan_follower;
GRANT SELECT ON log.named_documents, log.document_room TO rujukan_service;
