"""How a log goes on from another, which ended: a note that both keys sign, where both are at hand.

A log whose newest entries are lost for good cannot be gone on from: what it signed cannot be unsigned. So another
begins over the entries that are left. The note says which log ended, what that signed last, and up to which size both
have the same entries, with the root there. That the new log has that root is checked in its own tree; the old one's key
vouches for the old one's side, and so does every checkpoint of that size that somebody kept.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from . import add_checkpoint, merkle, notes
from .checkpoints import Checkpoint
from .coding import decimal, from_base64, to_base64
from .notes import Note, PublicKey
from .refused import Malformed, NoTrustedSignature

FORMAT = "rujukan/joining/1"
AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


class Joining(NamedTuple):
    """What the note says."""

    origin: str
    """The log that began."""
    ended: Checkpoint
    """What the log that ended signed last."""
    common: Checkpoint
    """Up to this size both have the same entries, and this root."""
    lost: int
    """So many entries of the log that ended are lost, or more."""
    at: str
    """When it began, RFC 3339, in UTC."""

    @property
    def text(self) -> str:
        """The note's text. Its second line is no size, so it passes for no checkpoint."""
        trees = [(str(tree.size), to_base64(tree.root)) for tree in (self.ended, self.common)]
        lines = (FORMAT, self.origin, self.ended.origin, *trees[0], *trees[1], str(self.lost), self.at)
        return "\n".join(lines) + "\n"


def parse_joining(text: str) -> Joining:
    """What a note's text says. Raises Malformed for what `Joining.text` would not have written, and for what cannot
    be."""
    lines = text.split("\n")
    if len(lines) != 10 or lines[0] != FORMAT or lines[9]:
        raise Malformed("it does not say how a log goes on from another")
    origin, old, size, root, shared, shared_root, lost, at = lines[1:9]
    ended = Checkpoint(old, decimal(size), from_base64(root))
    common = Checkpoint(old, decimal(shared), from_base64(shared_root))
    found = Joining(origin, ended, common, decimal(lost), at)
    if any(len(tree.root) != merkle.HASH_BYTES for tree in (ended, common)) or not AT.fullmatch(at):
        raise Malformed("it has a root or a time that there is not")
    if not origin or not old or origin == old:
        raise Malformed("a log does not go on from itself")
    if not found.lost <= ended.size - common.size or (common.size == 0 and common.root != merkle.EMPTY_ROOT):
        raise Malformed("its sizes do not fit together")
    if common.size == ended.size and common.root != ended.root:
        raise Malformed("it has two roots of one size")
    return found


def check_joining(note: Note, keys: Iterable[PublicKey], origin: str) -> Joining:
    """What it says, once it is sure that the log of that origin, which has one of these keys, signed it. Raises
    Malformed, NoTrustedSignature, WrongSignature."""
    found = parse_joining(note.text)
    if found.origin != origin:
        raise Malformed("it is of another log")
    signed = notes.verify(note, [key for key in keys if key.kind == notes.ED25519])
    if not any(key.name == origin for key in signed):
        raise NoTrustedSignature("the log that began did not sign it")
    return found


class Link(NamedTuple):
    """A joining of a chain."""

    joining: Joining
    is_signed: bool
    """Whether a known key of the log that began signed it: of one that ended long ago it may not be known any more."""
    is_proved: bool
    """Whether the head's tree has the root that both logs have. It cannot be, where the head has fewer of the entries
    that they have in common."""


def with_proof(note: Note, joining: Joining, head: Checkpoint, consistency: Sequence[bytes]) -> bytes:
    """The note with the proof that the smaller of the common tree and the head's is the beginning of the larger."""
    return add_checkpoint.request(min(joining.common.size, head.size), consistency, note)


def without_proof(note: Note) -> bytes:
    """The note, where nothing of it can be proved in the head's tree."""
    return add_checkpoint.request(0, (), note)


def is_provable(joining: Joining, upto: int | None) -> bool:
    """Whether the head's tree can show it. `upto`: up to this size the head has the entries of the log that began; None
    for all of them."""
    return upto is None or joining.common.size <= upto


def check_chain(data: Iterable[bytes], keys: Sequence[PublicKey], head: Checkpoint) -> Iterator[Link]:
    """How the log of this head goes on from another, that one from a third, and so on, the newest first. Raises what
    does not hold. `keys` are known; the log of the head has them under its name, and may have had them under each name
    before."""
    origin, upto, met = head.origin, None, {head.origin}
    for one in data:
        size, proof, note = add_checkpoint.parse_request(one)
        found = parse_joining(note.text)
        if found.origin != origin or found.ended.origin in met:
            raise Malformed("it is of another log")
        known = [key for key in keys if key.name == origin]
        known += [PublicKey(origin, key.kind, key.public) for key in keys if key.name == head.origin]
        is_signed = True
        try:
            check_joining(note, dict.fromkeys(known), origin)
        except NoTrustedSignature:
            if upto is None:
                raise
            is_signed = False
        if is_provable(found, upto):
            _check_proof(one, found, head, size, proof, note)
        elif one != without_proof(note):
            raise Malformed("it is not written as it should be")
        yield Link(found, is_signed, is_provable(found, upto))
        origin, upto = found.ended.origin, min(found.common.size, found.common.size if upto is None else upto)
        met.add(origin)


def _check_proof(data: bytes, found: Joining, head: Checkpoint, size: int, proof: Sequence[bytes], note: Note) -> None:
    small, large = sorted((found.common, head), key=lambda tree: tree.size)
    if size != small.size or add_checkpoint.request(size, proof, note) != data:
        raise Malformed("it is not written as it should be")
    merkle.verify_consistency(small.size, small.root, large.size, large.root, proof)
