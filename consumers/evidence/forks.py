"""That a log signed two trees of which neither begins with the other: the evidence, made and checked.

Anybody who has the log's public key can check it. Nobody can make it but who has the log's private key: a proof that is
damaged or made up leads to no root that the log signed.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from . import merkle, notes
from .add_checkpoint import parse_request
from .checkpoints import Checkpoint, parse_checkpoint
from .notes import Note, PublicKey, parse_note
from .refused import Forked, NotConsistent, NotProven, NoTrustedSignature


class Tree(Protocol):
    """Whoever has the tiles of a tree (`tiles.TiledTree`)."""

    def consistency(self, old: int) -> Sequence[bytes]:
        """The proof that this tree extends the one of that size."""

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end])."""


def verify_fork(older: Note, newer: Note, path: Sequence[bytes], keys: Iterable[PublicKey]) -> Sequence[PublicKey]:
    """The keys of the log that signed both, where they cannot both be of one tree: they have one size and two roots, or
    the path shows that the newer does not begin with the older (where the older's size is a power of two, it begins
    with the root that the newer has at that size: `merkle.verify_consistency`). Raises NotProven for all else."""
    was, now = parse_checkpoint(older.text), parse_checkpoint(newer.text)
    if was.origin != now.origin:
        raise NotProven("the checkpoints are of two logs")
    try:
        merkle.verify_consistency(was.size, was.root, now.size, now.root, path)
    except Forked:
        own = [key for key in keys if key.name == was.origin]
        signed = notes.verify(newer, own)
        both = [key for key in notes.verify(older, own) if key in signed]
        if not both:
            raise NoTrustedSignature("no key of the log signed both") from None
        return both
    raise NotProven("the newer tree begins with the older")


def verify_evidence(request: bytes, contradicts: bytes, keys: Iterable[PublicKey]) -> Sequence[PublicKey]:
    """The keys that signed both of what a witness kept as evidence. Raises NotProven where it shows no fork."""
    old, path, newer = parse_request(request)
    older = parse_note(contradicts)
    if parse_checkpoint(older.text).size != old:
        raise NotProven("the request is from another size than the checkpoint beside it has")
    return verify_fork(older, newer, path, keys)


def fork_path(older: Checkpoint, newer: Checkpoint, tree: Tree) -> Sequence[bytes] | None:
    """What shows that the newer does not begin with the older, made of the newer's tree; None where it does.
    Raises NotConsistent where the tree that is given is not the newer's."""
    if older.size == newer.size:
        return None if older.root == newer.root else ()
    hashes = list(tree.consistency(older.size))
    try:
        merkle.verify_consistency(older.size, older.root, newer.size, newer.root, hashes)
    except Forked:
        return hashes
    except NotConsistent:
        if not merkle.is_power_of_two(older.size):
            raise
    else:
        return None
    hashes.insert(0, tree.subtree(0, older.size))
    try:
        merkle.verify_consistency(older.size, older.root, newer.size, newer.root, hashes)
    except Forked:
        return hashes
    raise NotConsistent("the tiles are not of the tree that was signed")
