"""What follows the log and leaves the building, and what takes it in at the other end.

`envelope`      the message on the wire: CloudEvents 1.0 outside, HPKE inside, signed by the service
`publisher`     ours: tells each agency, through its own topic, what it may know
`topics`        names and settings of topics
`subscription`  the agency's: receives, opens, verifies, dedupes, hands to a handler, commits after it
`inbox`         the agency's: what was handled, in a database of its own

The agency's side needs no server: `pip install 'rujukan[agency]'`. This folder may import `domain` only.
"""
