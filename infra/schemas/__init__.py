"""What agencies receive, described for machines and for people, from the types that are sent.

`shapes`        the JSON Schema of every event, and of what carries it, without a word that does not bind
`compatibility` which change of a shape breaks a receiver, by name; pure
`frozen`        shapes as they were promised (golden files), and what refuses to break them
`words`         what events, fields and attributes mean, in Indonesian and English; who is told
`described`     shapes with those words: what is served
`asyncapi`      the AsyncAPI 3.0 document
`pages`         the same for people: EVENTS.md, and /docs/events
`serving`       all of it as the API hands it out

It lives here, not in the domain, because it needs three rooms at once: the events (domain), the message around them
(consumers) and their labels (infra/report); only `infra` may look at all of them. Only `frozen` touches files. The
API gets it through a port, as it gets everything that it may not import.
"""
