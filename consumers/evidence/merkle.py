"""The Merkle tree of RFC 6962 § 2.1 (RFC 9162 § 2.1), with SHA-256.

Hashes are 32 bytes. A proof is a list of hashes. Verifying needs no state; proving needs somebody who knows
the hash of any complete subtree (`tiles.TiledTree`, or a list of leaf hashes).
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from .refused import Forked, Malformed, NotConsistent, NotIncluded

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""

Subtree = Callable[[int, int], bytes]
"""MTH(D[start:end]) for any start that is a multiple of the power of two that end - start reaches."""


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d(0)}) = SHA-256(0x00 || d(0))."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """MTH of these leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        pairs = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            pairs.append(level[-1])
        level = pairs
    return level[0]


def split(size: int) -> int:
    """The largest power of two smaller than size (> 1)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[size]), RFC 6962 § 2.1.1: the leaf's sibling first. Raises ValueError outside of the tree."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[new]), RFC 6962 § 2.1.2; empty where old is 0 or new. Raises ValueError for old > new."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not extend one of {old}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end = 0, new
    whole = True  # whether D[start:end] is still a subtree that the old tree may share as its root
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(start, end))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 § 2.1.3.2. Raises NotIncluded unless the leaf hash stands at that index of the tree with that root."""
    _hashes(root)
    if root_over(leaf, index, size, proof) != root:
        raise NotIncluded(f"the proof of leaf {index} leads to another root")


def root_over(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to from the leaf hash at that index. Raises NotIncluded for one of another length."""
    _hashes(leaf, *proof)
    if not 0 <= index < size:
        raise NotIncluded(f"there is no leaf {index} in a tree of {size}")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotIncluded("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise NotIncluded("the proof is too short")
    return found


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 § 2.1.4.2. Raises NotConsistent unless the new tree begins with the leaves of the old one, and Forked
    where the proof shows that it does not.

    Where the old size is a power of two, the proof of RFC 9162 leaves out the root of that size, so it shows no fork:
    hashes that do not lead to the new root may be rubbish. Preceded by the root that the new tree has at that size, it
    does; so preceded, it proves nothing else."""
    _hashes(old_root, new_root, *proof)
    if not 0 <= old <= new:
        raise NotConsistent(f"a tree of {new} does not extend one of {old}")
    if old in (0, new):
        if proof:
            raise NotConsistent("the proof should be empty")
        if old == 0 and old_root != EMPTY_ROOT:
            raise NotConsistent("the old tree is empty and its root is not")
        if old == new and old_root != new_root:
            raise Forked(f"two trees of {new} leaves have two roots")
        return
    whole = is_power_of_two(old)
    if whole and proof and proof[0] != old_root and _leads_to(new_root, old, new, proof):
        raise Forked(f"the tree of {new} does not begin with the tree of {old}")
    was, now = _roots(old, new, [old_root, *proof] if whole else proof)
    if now != new_root:
        raise NotConsistent(f"the proof does not end with the tree of {new}")
    if was != old_root:
        raise Forked(f"the tree of {new} does not begin with the tree of {old}")


def is_power_of_two(size: int) -> bool:
    """Whether a tree of that size is one whole subtree of every larger one."""
    return size > 0 and size & (size - 1) == 0


def _leads_to(root: bytes, old: int, new: int, path: Sequence[bytes]) -> bool:
    try:
        return _roots(old, new, path)[1] == root
    except NotConsistent:
        return False


def _roots(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the old and the new tree that a path leads to."""
    if not path:
        raise NotConsistent("the proof is too short")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise NotConsistent("the proof is too long")
        if at & 1 or at == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise NotConsistent("the proof is too short")
    return was, now


def _hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise Malformed("a hash has 32 bytes")
