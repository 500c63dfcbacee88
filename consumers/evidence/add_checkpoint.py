"""The request by which a log asks a witness to cosign (C2SP tlog-witness, `add-checkpoint`): the size that the witness
cosigned last, the proof that the tree was only added to since, and the checkpoint."""

from collections.abc import Sequence

from . import merkle
from .coding import decimal, from_base64, to_base64
from .notes import Note, parse_note
from .refused import Malformed

MOST_HASHES = 63


def parse_request(body: bytes) -> tuple[int, list[bytes], Note]:
    """(old size, consistency proof, checkpoint) of an `add-checkpoint` request. Raises Malformed."""
    head, gap, rest = body.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("the request's lines are ASCII") from None
    if not gap or not lines[0].startswith("old "):
        raise Malformed("the request begins with the old size")
    if len(lines) - 1 > MOST_HASHES:
        raise Malformed("the proof is too long")
    proof = [from_base64(line) for line in lines[1:]]
    if any(len(h) != merkle.HASH_BYTES for h in proof):
        raise Malformed("a hash has 32 bytes")
    return decimal(lines[0][4:]), proof, parse_note(rest)


def request(old: int, proof: Sequence[bytes], note: Note) -> bytes:
    """The body of an `add-checkpoint` request."""
    lines = "".join(f"{to_base64(h)}\n" for h in proof)
    return f"old {old}\n{lines}\n".encode() + note.data
