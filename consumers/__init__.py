"""What follows the log and leaves the building, and what takes it in at the other end: rooms by who runs them.

`publishing`  the service's: what it publishes with
`agency`      an agency's: subscription, inbox, transports, witness. What its program imports is on its first page
`wire`        what both agree on: the message, its acknowledgement, how Kafka carries them
`evidence`    what a court, a witness and the log agree on; it stands alone
`durable`     files that a power cut leaves as they should be, for all of them and the service

`publishing` and `agency` do not know each other, `wire` knows neither; all of it is in the import contracts of
pyproject.toml. Nothing here imports the domain, so that an agency needs no server: the part `agency` of the package.
"""
