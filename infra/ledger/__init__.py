"""The ledger: every stored event, in the order of positions, a leaf of a Merkle tree whose head is signed.

`store`      what is sealed: leaves, tiles, checkpoints, cosignatures; proofs made from them
`sealer`     follows the log, adds leaves, signs the tree
`auditing`   recomputes everything from the rows, and names the first position that differs
`witnessing` asks witnesses that can be reached to cosign

What is signed, and how it is checked, is in `consumers.evidence`; FORMATS.md has it byte by byte.
"""
