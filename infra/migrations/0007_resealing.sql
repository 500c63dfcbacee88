-- Histories that are sealed anew to another key, as two people said (agency.ResealingApproved, at this position): what
-- the agency was told under these keys, up to that sequence, is published again. Written with the register, so exactly
-- once; `sent` is how far it came, and grows after the broker has it: killed in between, a part is sent twice.
CREATE TABLE delivery.resealings (
  position bigint PRIMARY KEY,
  agency text NOT NULL,
  keys text[] NOT NULL,
  upto bigint NOT NULL,
  sent bigint NOT NULL DEFAULT 0,
  done_at timestamptz
);
CREATE INDEX resealings_open_idx ON delivery.resealings (agency, position) WHERE done_at IS NULL;

-- The topics that were written to: which one it was, and how far it came. Where a topic has no message of ours any
-- more, retention took them if it is still that topic, and it goes on; if it is another, it is filled from the first.
CREATE TABLE delivery.topics (
  agency text PRIMARY KEY,
  topic text NOT NULL,
  sequence bigint NOT NULL
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON delivery.resealings, delivery.topics TO rujukan_follower;
