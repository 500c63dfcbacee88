"""What anybody can check about the log with no access to us: pure verification, and what a log or witness signs.

`merkle`          the tree of RFC 6962: hashes, inclusion and consistency, proved and verified
`tiles`           the tree in tiles (C2SP tlog-tiles): names of tiles, and proofs made from them
`notes`           signed notes, their keys and signatures (C2SP signed-note, tlog-cosignature)
`checkpoints`     tree heads (C2SP tlog-checkpoint)
`joinings`        how a log goes on from another that ended
`proofs`          a proof in a file (C2SP tlog-proof)
`policies`        whose signatures suffice (C2SP tlog-policy)
`add_checkpoint`  how a log asks a witness to cosign (C2SP tlog-witness)
`forks`           that a log signed two trees of which neither begins with the other: evidence, and its check
`sendings`        what was sealed and sent to an agency, and the hash by which the log vouches for it
`records`         the sealed record as its reader meets it: leaf, and a segment opened with its disclosed key

Nothing here does I/O or imports anything else of ours: the extra `verify` is `cryptography` beside it.
Every function refuses what it cannot read, or does not prove, with an error that says which check failed.
"""
