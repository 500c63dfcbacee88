"""One signature for many messages: the service signs the root of a Merkle tree over them (RFC 6962 § 2.1), and each
message carries its path to it.

An Ed25519 signature takes longer to check than a message to open. Over a batch it is checked once and remembered;
of each message after it only a few hashes are left to be made. A batch of one is a plain signature.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..evidence.merkle import leaf_hash, node_hash, root_over
from ..evidence.refused import Malformed, NotIncluded

LARGEST = 256
CONTEXT = b"rujukan/batch/2\n"
REMEMBERED = 1024
HASH_BYTES = 32


class Signer(Protocol):
    """Signs with Ed25519: a private key, or what stands for one that is kept elsewhere."""

    def sign(self, data: bytes, /) -> bytes:
        """The raw signature."""
        ...


def signed(signer: Signer, entries: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """(signature, path of each entry) of at most LARGEST entries."""
    if not 0 < len(entries) <= LARGEST:
        raise ValueError(f"a batch has 1 to {LARGEST} entries")
    level = [leaf_hash(entry) for entry in entries]
    paths: list[list[bytes]] = [[] for _ in entries]
    places = list(range(len(entries)))
    while len(level) > 1:
        for n, place in enumerate(places):
            if place ^ 1 < len(level):
                paths[n].append(level[place ^ 1])
        places = [place >> 1 for place in places]
        level = [node_hash(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return signer.sign(_to_sign(len(entries), level[0])), paths


class Signatures:
    """Checks entries against the service's keys, and remembers which roots were signed."""

    def __init__(self, services: Iterable[Ed25519PublicKey]) -> None:
        self._services = tuple(services)
        self._good: OrderedDict[tuple[bytes, bytes], None] = OrderedDict()

    def is_signed(self, entry: bytes, index: int, size: int, path: Sequence[bytes], signature: bytes) -> bool:
        """Whether one of the service's keys signed a batch with this entry at that place."""
        if not 0 < size <= LARGEST:
            return False
        try:
            signed = _to_sign(size, root_over(leaf_hash(entry), index, size, path))
        except (NotIncluded, Malformed):
            return False
        if (signed, signature) in self._good:
            return True
        if not any(_verifies(key, signature, signed) for key in self._services):
            return False
        self._good[signed, signature] = None
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return True


def _to_sign(size: int, root: bytes) -> bytes:
    return CONTEXT + size.to_bytes(8, "big") + root


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
