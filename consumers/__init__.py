"""What follows the log and leaves the building, and what takes it in at the other end.

`envelope`      the message on the wire: CloudEvents 1.0 outside, HPKE inside, signed by the service
`publisher`     ours: tells each agency, through its own topic, what it may know
`topics`        names and settings of topics

The agency's side:

`subscription`  receives, opens, verifies, puts in order, hands to a handler, says so
`order`         the order, restored from whatever a transport does to it
`transport`     what a transport has to offer; `kafka_source`, `feed_source` (over `feed`, HTTP) and
                `webhook_source` (over `listener`, and `webhook_signature`) offer it
`inbox`         what was handled, in a database of the agency's own; `inbox_postgres`; beneath them `inbox_notes`,
                `inbox_database`
`dead_letters`  what could not be handled, still sealed; `recovery` hands it over after all
`courier`       brings acknowledgements to the service; `acknowledgement` is their form
`replay`        hands over once more; `sinks` hand on to an agency's own system; `keys` in files that may be added to

The agency's side needs no server: `pip install 'rujukan[agency]'`. This folder may import `domain` only.
"""
