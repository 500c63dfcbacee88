"""What stands behind every door: HTTP, the command line, the escalator, what agencies put on their topics.

A command goes down and comes back once: door → `Casework.handle` → the domain's decision → the log → its answer.
What is protected leaves through one hand, `Reading`, which records that it is read before it opens it.

`rooms`            all of it, as a door gets it
`kinds`            the kinds of streams: how each is folded and decided, what follows elsewhere, what is done after
`consequences`     what follows: an absorbed duplicate, an erasure's record, a recall, destroyed keys
`casework`         from a command to stored events, for every kind; and the cases as the log has them
`once`             a request that is sent again has one effect
`network`          the agencies as the log has them
`reading`          no log, no read: the only holder of the opener
`lists`            declared queries, asked under row-level security
`acknowledgements` what agencies say of what they were told
`arriving`         when they said so: what arrived, and was handled, of each delivery
`ports`, `opener`, `register` what all this needs of the world outside: fulfilled in infra/, wired in its composition.py

There is no HTTP here. May import `domain` and `projections`.
"""
