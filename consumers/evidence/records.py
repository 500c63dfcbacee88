"""The sealed record as its reader meets it (infra/store/sealed_record.py seals it; its format is there in words).

The ledger's entry for a stored event is

    entry = SHA-256(header || SHA-256(segment) …)        one segment hash for each compartment, in order

so a segment can be withheld, its hash in its place, and what is left still proves to be what was stored; and the
log's tiles can be public: an entry tells nothing of the event (every segment has a random salt).
"""

import hmac
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .refused import Malformed, WrongSegmentKey

COMPARTMENTS = (
    "coordination",
    "identity",
    "contact",
    "incident",
    "health",
    "psychosocial",
    "legal",
    "safety",
    "economic",
)
COMMITTING = 2
"""The first format whose commitment can be checked with a segment's key alone."""
COMMITMENT = b"rujukan/commitment/2"

_FIXED = struct.Struct(">BH16sQq16s16s16sHH")
_SEGMENT = struct.Struct(">B32s32sI")
_DIGEST_BYTES = 8
_NONCE = bytes(12)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Header(NamedTuple):
    """What is plain of an event."""

    format: int
    stream: UUID
    version: int
    topic: str
    schema: int
    recorded_at: datetime
    actor: UUID
    agency: str
    correlation: UUID
    causation: UUID
    compartments: tuple[str, ...]


def entry_of(record: bytes) -> bytes:
    """The ledger's entry of a stored record. Raises Malformed for what is none."""
    try:
        length = record[1] << 8 | record[2]
        at = length + _DIGEST_BYTES
        running = sha256(record[:length])
        if running.digest()[:_DIGEST_BYTES] != record[length:at]:
            raise Malformed("the header is damaged")
        end = len(record)
        while at < end:
            stop = at + 69 + int.from_bytes(record[at + 65 : at + 69], "big")
            if stop > end:
                raise Malformed("the record ends within a segment")
            running.update(sha256(record[at:stop]).digest())
            at = stop
    except IndexError:
        raise Malformed("the record ends within its header") from None
    return running.digest()


def leaf_entry(record: bytes) -> bytes:
    """The entry that is sealed for a stored record. One that is damaged is sealed all the same, by the hash of its
    bytes, so that nobody can hold up the ledger with a row that cannot be read."""
    try:
        return entry_of(record)
    except Malformed:
        return sha256(record).digest()


def entry_from(header: bytes, hashes: Iterable[bytes]) -> bytes:
    """The ledger's entry, from the header and the hashes of its segments. Raises Malformed for other than 32 bytes a
    hash, one for each compartment that the header says: what is hashed can be read in one way only."""
    each = tuple(hashes)
    if any(len(h) != 32 for h in each) or len(each) != len(read_header(header).compartments):
        raise Malformed("not one hash for each segment that the header says")
    return sha256(header + b"".join(each)).digest()


def split_record(record: bytes) -> tuple[bytes, list[bytes]]:
    """(header, segments) of a stored record. Raises Malformed."""
    entry_of(record)
    at = (record[1] << 8 | record[2]) + _DIGEST_BYTES
    header, segments = record[: at - _DIGEST_BYTES], []
    while at < len(record):
        stop = at + 69 + int.from_bytes(record[at + 65 : at + 69], "big")
        segments.append(record[at:stop])
        at = stop
    if [s[0] for s in segments] != [COMPARTMENTS.index(c) for c in read_header(header).compartments]:
        raise Malformed("the record has other segments than its header says")
    return header, segments


def read_header(header: bytes) -> Header:
    """The parts of a header. Raises Malformed."""
    try:
        format, length, stream, version, at, actor, correlation, causation, schema, bits = _FIXED.unpack_from(header)
        topic_end = _FIXED.size + 1 + header[_FIXED.size]
        agency = header[topic_end + 1 :]
        if length != len(header) or len(agency) != header[topic_end] or format not in (1, COMMITTING):
            raise Malformed("the header does not end where it says, or is of an unknown format")
        if bits >> len(COMPARTMENTS) or not bits & 1:
            raise Malformed("the header names an unknown compartment, or does not name coordination")
        return Header(
            format,
            UUID(bytes=stream),
            version,
            header[_FIXED.size + 1 : topic_end].decode("ascii"),
            schema,
            _EPOCH + timedelta(microseconds=at),
            UUID(bytes=actor),
            agency.decode("ascii"),
            UUID(bytes=correlation),
            UUID(bytes=causation),
            tuple(word for n, word in enumerate(COMPARTMENTS) if bits >> n & 1),
        )
    except (struct.error, IndexError, ValueError, OverflowError):
        raise Malformed("not a header") from None


def open_segment(header: bytes, segment: bytes, key: bytes) -> bytes:
    """The plaintext of a segment, with the key of it alone.

    The commitment in the segment binds that key: who finds another key that opens the same bytes to another text
    (possible with AES-GCM by itself) is refused. Raises WrongSegmentKey, Malformed.
    """
    if len(key) != 32 or len(segment) < _SEGMENT.size:
        raise Malformed("a segment or key of another length")
    if read_header(header).format < COMMITTING:
        raise WrongSegmentKey("the record is of a format whose commitment cannot be checked with a segment's key")
    compartment, _, commitment, length = _SEGMENT.unpack_from(segment)
    if length != len(segment) - _SEGMENT.size:
        raise Malformed("the segment does not end where it says")
    if not hmac.compare_digest(commitment_to(key), commitment):
        raise WrongSegmentKey("the key is not the one that the segment is committed to")
    try:
        return AESGCM(key).decrypt(_NONCE, segment[_SEGMENT.size :], header + bytes((compartment,)))
    except InvalidTag:
        raise WrongSegmentKey("the key does not open the segment") from None


def commitment_to(key: bytes) -> bytes:
    """What a segment is stored with so that it opens with one key only."""
    return sha256(COMMITMENT + key).digest()


def compartments_in(segments: Sequence[bytes]) -> list[str]:
    """The compartments of these segments. Raises Malformed for one that there is not."""
    try:
        return [COMPARTMENTS[s[0]] for s in segments]
    except IndexError:
        raise Malformed("a segment of an unknown compartment") from None
