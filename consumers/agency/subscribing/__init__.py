"""A subscription, and what goes with it.

`subscription`  receives, opens, verifies, puts in order, hands to a handler
`part`          which part of what an agency is told is meant: all, or what a replay asks for
`beginning`     behind which delivery it begins, and where the service does not know that one
`reports`       what there is to say to the service; `courier` brings it
`doubt`         whether the pinned key is the service's
`keys`          in files that may be added to
`recovery`      hands over a dead letter after all
`replay`        hands over once more
`sinks`         hand on to an agency's own system
"""
