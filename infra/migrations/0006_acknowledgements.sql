-- Up to where the topics of acknowledgements were read. A topic that was made anew has another id, and is read from its
-- start. What was read twice has no effect: marks are cumulative.
CREATE TABLE delivery.acknowledgement_offsets (
  agency text PRIMARY KEY,
  topic_id text NOT NULL,
  next_offset bigint NOT NULL CHECK (next_offset >= 0)
);
GRANT SELECT, INSERT, UPDATE ON delivery.acknowledgement_offsets TO rujukan_follower;
