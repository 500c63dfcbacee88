"""What the service's side and the agency's side agree on.

`envelope`         the message: CloudEvents 1.0 outside, HPKE inside, signed by the service; `batch` is the signature
`keys`             an agency's key pair, the service's public key
`acknowledgement`  what an agency says of it
`known_events`     which events this release knows; generated, so that an agency needs no domain
`kafka`            how Kafka carries both

It imports nothing else of ours but `evidence`, whose Merkle tree the batch uses.
"""
