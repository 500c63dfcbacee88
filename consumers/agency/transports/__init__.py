"""Where deliveries come from, and where the answers go.

`transport`          what every transport has to offer, and no more
`feed`               the service's feed over HTTP; `feed_source` is the transport over it
`webhook_source`     the service posts here, through `listener`, under `webhook_signature`
`flat_json`          JSON from outside, read so that it costs no more than its bytes are worth
"""
