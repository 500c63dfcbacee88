"""Trees for tests of evidence, by the text of RFC 6962 § 2.1 alone: nothing of what is tested is used here."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256

Tree = Callable[[int, int], bytes]
"""MTH(D[start:end]) for any start and end."""


def grown(leaves: list[bytes]) -> Tree:
    """The tree of these entries, MTH as § 2.1 defines it."""

    @cache
    def mth(start: int, end: int) -> bytes:
        if end == start:
            return sha256(b"").digest()
        if end - start == 1:
            return sha256(b"\x00" + leaves[start]).digest()
        k = below(end - start)
        return sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()

    return mth


def imagined(*points: int) -> Tree:
    """A tree as large as you like, hashed only on the way to the leaves of these indices; every subtree that none of
    them is in stands as a hash out of the air. Good for trees of those sizes' ends and for proofs of those leaves."""

    @cache
    def mth(start: int, end: int) -> bytes:
        if end - start == 1 or not any(start <= point < end for point in points):
            return sha256(b"imagined %d %d" % (start, end)).digest()
        k = below(end - start)
        return sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()

    return mth


def below(size: int) -> int:
    """The largest power of two smaller than size (> 1)."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def path(m: int, start: int, end: int, tree: Tree) -> list[bytes]:
    """PATH(m, D[start:end]), § 2.1.1."""
    if end - start == 1:
        return []
    k = below(end - start)
    if m < k:
        return [*path(m, start, start + k, tree), tree(start + k, end)]
    return [*path(m - k, start + k, end, tree), tree(start, start + k)]


def proof(m: int, start: int, end: int, tree: Tree, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[start:end], whole), § 2.1.2; PROOF(m, D[n]) for start 0."""
    if m == end - start:
        return [] if whole else [tree(start, end)]
    k = below(end - start)
    if m <= k:
        return [*proof(m, start, start + k, tree, whole), tree(start + k, end)]
    return [*proof(m - k, start + k, end, tree, False), tree(start, start + k)]


def turns(m: int, size: int) -> str:
    """On which side each hash of PATH(m, D[size]) stands: proofs with the same turns are computed the same way."""
    if size == 1:
        return ""
    k = below(size)
    return turns(m, k) + "R" if m < k else turns(m - k, size - k) + "L"


def steps(m: int, size: int, whole: bool = True) -> str:
    """The same of PROOF(m, D[size]): which root each of its hashes goes into, on which side, and where it begins."""
    if m == size:
        return "whole " if whole else "part "
    k = below(size)
    return steps(m, k, whole) + "R" if m <= k else steps(m - k, size - k, False) + "L"
