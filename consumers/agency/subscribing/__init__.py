"""A subscription, and what goes with it.

`subscription`  receives, opens, verifies, puts in order, hands to a handler, says so
`courier`       brings acknowledgements to the service
`keys`          in files that may be added to
`recovery`      hands over a dead letter after all
`replay`        hands over once more
`sinks`         hand on to an agency's own system
"""
