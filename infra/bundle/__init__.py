"""Bundles: a case's history in one file, made here, checked by `consumers.evidence.bundles` with nothing of ours.

`building`  gathers events, proofs, readings and documents, and seals them
`deliveries`  who was entitled to know what, what of it was sent, and what arrived
`facts`     what the readable report says, taken from the same parts
"""
