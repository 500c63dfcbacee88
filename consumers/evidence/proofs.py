"""A proof in a file: C2SP tlog-proof. Leaf, inclusion proof and signed checkpoint, to be checked offline."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import merkle
from .checkpoints import Checkpoint
from .coding import decimal, from_base64, to_base64
from .notes import Note, parse_note
from .policies import Policy
from .refused import Malformed

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 63
LARGEST_EXTRA = 64 * 1024


class Proof(NamedTuple):
    """That an entry is the leaf of that index in the tree under a checkpoint."""

    leaf: int
    hashes: Sequence[bytes]
    checkpoint: Note
    extra: bytes | None = None

    @property
    def data(self) -> bytes:
        """The proof as it is written."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [FIRST_LINE, *extra, f"index {self.leaf}", *(to_base64(h) for h in self.hashes), ""]
        return ("\n".join(lines) + "\n").encode() + self.checkpoint.data


def parse_proof(data: bytes) -> Proof:
    """The proof; nothing of it is checked yet. Raises Malformed."""
    head, gap, rest = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("a proof's lines are ASCII") from None
    if not gap or lines[0] != FIRST_LINE:
        raise Malformed("not a tlog-proof of version 1")
    lines.pop(0)
    extra = None
    if lines and lines[0].startswith("extra "):
        if len(lines[0]) > LARGEST_EXTRA:
            raise Malformed("the extra data is too large")
        extra = from_base64(lines.pop(0)[6:])
    if not lines or not lines[0].startswith("index "):
        raise Malformed("the proof does not say the entry's index")
    index = decimal(lines.pop(0)[6:])
    if len(lines) > MOST_HASHES:
        raise Malformed("the proof is too long")
    hashes = [from_base64(line) for line in lines]
    if any(len(h) != merkle.HASH_BYTES for h in hashes):
        raise Malformed("a hash has 32 bytes")
    return Proof(index, hashes, parse_note(rest), extra)


class Shown(NamedTuple):
    """What a proof showed: the log's state, and who cosigned it when (seconds since 1970)."""

    checkpoint: Checkpoint
    witnesses: Mapping[str, int]


def verify_proof(proof: Proof, entry: bytes, policy: Policy) -> Shown:
    """That the entry is in a log of the policy, as enough witnesses saw it. Raises NotProven."""
    shown = policy.check(proof.checkpoint)
    leaf = merkle.leaf_hash(entry)
    merkle.verify_inclusion(leaf, proof.leaf, shown.checkpoint.size, proof.hashes, shown.checkpoint.root)
    return Shown(shown.checkpoint, shown.witnesses)
