"""The entries of a bundle: events and readings, each read, opened where it is disclosed, and found in the ledger."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NamedTuple

from . import merkle, notes, records
from .bundle_parts import PROOF_OF, WITHHELD, Segment, entry_part, no_number, read_json
from .checkpoints import Checkpoint, parse_checkpoint
from .coding import from_base64
from .notes import PublicKey
from .proofs import parse_proof
from .refused import Malformed, NotProven

LARGEST_ENTRY = 4 * 1024 * 1024


class Refused(NotProven):
    """A part of the bundle does not hold. `part` names it; the message says why."""

    def __init__(self, part: str, why: str, because: type[NotProven] | None = None) -> None:
        super().__init__(f"{part}: {why}")
        self.part = part
        self.because = because
        """What it is that failed there, where that has a class of its own."""


class Entry(NamedTuple):
    """One event, checked to be in the ledger."""

    part: str
    leaf: int
    position: int
    header: records.Header
    segments: tuple[Segment, ...]

    def text(self, compartment: str = "coordination") -> Any:
        """What the event says in a compartment; None where it says nothing, or it is withheld."""
        return next((s.text for s in self.segments if s.compartment == compartment), None)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The compartments that are not shown."""
        return tuple(s.compartment for s in self.segments if s.withheld)


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Whatever is refused within is refused of this part."""
    try:
        yield
    except Refused:
        raise
    except NotProven as problem:
        raise Refused(name, str(problem), type(problem)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError, IndexError):
        raise Refused(name, "it is not in the format that it should be in") from None


class Proofs:
    """Reads entries and checks each against the checkpoint."""

    def __init__(self, parts: Mapping[str, bytes], logs: Sequence[PublicKey], head: Checkpoint) -> None:
        self._parts = parts
        self._logs = logs
        self._head = head
        self._checked: bytes | None = None
        self.used: set[str] = set()

    def entry(self, name: str) -> Entry:
        """The entry in this part. Raises Refused, of it or of its proof."""
        with blaming(name):
            said = read_json(self._parts[name], LARGEST_ENTRY)
            raw = from_base64(said["header"])
            header = records.read_header(raw)
            segments = tuple(_segment(raw, s) for s in said["segments"])
            if tuple(s.compartment for s in segments) != header.compartments:
                raise Malformed("its segments are not those that its header names")
            entry = records.entry_from(raw, (s.sha256 for s in segments))
            leaf, position = said["leaf"], said["position"]
            if entry_part(leaf, position, raw, segments) != self._parts[name]:
                raise Malformed("it says something else, or in another way, than what was sealed")
            if type(leaf) is not int or type(position) is not int or position <= leaf:
                raise Malformed("its position lies before its leaf")
        proof_name = PROOF_OF.format(name.removesuffix(".json"))
        if proof_name not in self._parts:
            raise Refused(proof_name, "it is missing")
        self.used.add(proof_name)
        with blaming(proof_name):
            proof = parse_proof(self._parts[proof_name])
            if proof.checkpoint.data != self._checked:
                notes.verify(proof.checkpoint, self._logs)
                if parse_checkpoint(proof.checkpoint.text) != self._head:
                    raise Malformed("it is a proof under another checkpoint")
                self._checked = proof.checkpoint.data
            if proof.leaf != leaf or proof.extra is not None:
                raise Malformed("it is the proof of another leaf")
        with blaming(name):
            merkle.verify_inclusion(merkle.leaf_hash(entry), leaf, self._head.size, proof.hashes, self._head.root)
        return Entry(name, leaf, position, header, segments)


def _segment(header: bytes, said: Mapping[str, Any]) -> Segment:
    compartment = str(said["compartment"])
    if "withheld" in said:
        digest = bytes.fromhex(said["sha256"])
        if len(digest) != 32 or said["withheld"] not in WITHHELD:
            raise Malformed(f"{compartment} is withheld in a way that there is not")
        return Segment(compartment, None, None, None, digest, said["withheld"])
    sealed, key = from_base64(said["sealed"]), from_base64(said["key"])
    text = json.loads(records.open_segment(header, sealed, key), parse_constant=no_number)
    if records.compartments_in([sealed]) != [compartment] or text != said["text"] or type(text) is not dict:
        raise Malformed(f"the text of {compartment} is not what was sealed")
    return Segment(compartment, sealed, key, text, sha256(sealed).digest(), None)
