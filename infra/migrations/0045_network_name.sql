-- What the network is called, once it was said: it stands in the ledger's origin and in the source of every message, for ever.
-- Whoever starts under another name is refused (infra/network_name.py).
CREATE TABLE log.network (
  name text NOT NULL,
  the_only_one boolean PRIMARY KEY DEFAULT true CHECK (the_only_one)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.network
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
GRANT SELECT ON log.network TO rujukan_service, rujukan_follower;
