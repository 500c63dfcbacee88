"""The sealed record: the form in which every event is stored, for ever.

    record  = header digest segment*
    header  = format:1 length:2 stream:16 version:8 recorded_at:8 actor:16 correlation:16 causation:16
              schema:2 compartments:2 topic:(1+n) agency:(1+n)
    digest  = the first 8 bytes of SHA-256(header)
    segment = compartment:1 salt:32 commitment:32 length:4 ciphertext

Numbers are big-endian; `length` counts the header; `recorded_at` is in microseconds since 1970 UTC;
`compartments` has bit n set where compartment n has a segment; segments ascend; coordination is always there.

A segment is sealed with AES-256-GCM under a key of its own, so its nonce is zero. Its key is the first 32 bytes
of HKDF-Expand with SHA-512 (RFC 5869 § 2.3; the data key is uniform, so § 3.3 lets the extract step go) over the
context below. The header and the compartment are the associated data. GCM alone does not commit to its key: the
commitment, checked first and in constant time, makes sure that a key opens a segment to one plaintext only.

Format 2, which is written, commits with SHA-256("rujukan/commitment/2" || key), so that a court can check it with
the disclosed key of one segment (consumers/evidence/records.py). Format 1, which is read, commits with the second
half of the same HKDF block: that binds the data key, but who has a segment's key alone cannot check it.

What is sealed is JSON, with white space in it that makes lengths tell less (padding.py); earlier releases put none in.

The digest proves nothing by itself, the tag does: it tells a damaged header from a damaged segment. Who changes
a header and its digest is refused as MovedRow, as WrongKey (stream and version are in the context) or by the tag.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple
from uuid import UUID, SafeUUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...domain.compartment import Compartment

FORMAT = 2
CONTEXTS = {1: b"rujukan/segment/1", 2: b"rujukan/segment/2"}
COMMITMENT = b"rujukan/commitment/2"
NONCE = bytes(12)
KEY_BYTES = 32
DIGEST_BYTES = 8
EARLIEST = -62_135_596_800_000_000
"""The first microsecond of the year 1."""
LATEST = 253_402_300_800_000_000
"""The first microsecond after the year 9999."""

_FIXED = Struct(">BH16sQq16s16s16sHH")
_SEGMENT = Struct(">B32s32sI")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNKNOWN = SafeUUID.unknown
_BITS = tuple(1 << c for c in Compartment)
_HELD: dict[int, tuple[Compartment, ...]] = {}


class BrokenSeal(Exception):
    """A record is not what was sealed, or not under this key. The message names no content."""


class Truncated(BrokenSeal):
    """The record ends too early, too late, or is not one."""


class UnknownFormat(BrokenSeal):
    """The record is of a format that this version does not read."""


class MovedRow(BrokenSeal):
    """The record stands in a row that it was not sealed for."""


class HeaderChanged(BrokenSeal):
    """The header is damaged: it does not fit its digest."""


class SegmentChanged(BrokenSeal):
    """The segment, or the header bound to it, is not the one that was sealed."""


class CompartmentSwapped(BrokenSeal):
    """A segment stands in the place of another compartment's."""


class WrongKey(BrokenSeal):
    """The key is not the one that the segment was sealed under."""


class Header(NamedTuple):
    """What is plain of an event: who, for which agency, when, and where in the log's streams."""

    stream: UUID
    version: int
    topic: str
    schema: int
    recorded_at: datetime
    actor: UUID
    agency: str
    correlation: UUID
    causation: UUID


class Segment(NamedTuple):
    salt: bytes
    commitment: bytes
    ciphertext: bytes


class Record(NamedTuple):
    """A parsed record; nothing of it is trusted before a segment of it was opened."""

    stream: bytes
    version: int
    topic: str
    schema: int
    agency: str
    held: tuple[Compartment, ...]
    segments: dict[Compartment, Segment]
    authenticated: bytes
    rest: tuple[int, bytes, bytes, bytes]
    of_whole: bytes = b""
    """The digest of all that is stored, where that was asked for: a telling's id has it."""

    @property
    def header(self) -> Header:
        """The header in full."""
        _, actor, correlation, causation = self.rest
        return Header(
            _uuid(self.stream),
            self.version,
            self.topic,
            self.schema,
            self.recorded_at,
            _uuid(actor),
            self.agency,
            _uuid(correlation),
            _uuid(causation),
        )

    @property
    def format(self) -> int:
        """The format that it was sealed in."""
        return self.authenticated[0]

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded."""
        return _EPOCH + timedelta(microseconds=self.rest[0])

    @property
    def where(self) -> str:
        """Its place, for messages: stream/version."""
        return f"{UUID(bytes=self.stream)}/{self.version}"


def seal(header: Header, segments: Mapping[Compartment, bytes], keys: Mapping[Compartment, bytes]) -> bytes:
    """The record of these segments, each under its compartment's 32-byte data key.

    Raises ValueError where coordination is missing, and KeyError where a key is.
    """
    held = sorted(segments)
    if not held or held[0] is not Compartment.COORDINATION:
        raise ValueError("every event has a coordination segment")
    topic, agency = header.topic.encode("ascii"), header.agency.encode("ascii")
    length = _FIXED.size + 2 + len(topic) + len(agency)
    stream = header.stream.bytes
    head = b"".join(
        (
            _FIXED.pack(
                FORMAT,
                length,
                stream,
                header.version,
                (header.recorded_at - _EPOCH) // _MICROSECOND,
                header.actor.bytes,
                header.correlation.bytes,
                header.causation.bytes,
                header.schema,
                sum(_BITS[c] for c in held),
            ),
            bytes((len(topic),)),
            topic,
            bytes((len(agency),)),
            agency,
        )
    )
    parts = [head, hashlib.sha256(head).digest()[:DIGEST_BYTES]]
    for compartment in held:
        salt = os.urandom(32)
        key, commitment = _derive(FORMAT, keys[compartment], stream, header.version, compartment, salt)
        label = bytes((compartment,))
        ciphertext = AESGCM(key).encrypt(NONCE, segments[compartment], head + label)
        parts.append(_SEGMENT.pack(compartment, salt, commitment, len(ciphertext)))
        parts.append(ciphertext)
    return b"".join(parts)


def parse(state: bytes) -> Record:
    """The parts of a record, none of them trusted yet.

    Raises Truncated, UnknownFormat, HeaderChanged, CompartmentSwapped.
    """
    try:
        fmt, length, stream, version, at, actor, correlation, causation, schema, bits = _FIXED.unpack_from(state)
        if fmt not in CONTEXTS:
            raise UnknownFormat(f"format {fmt}")
        topic_end = _FIXED.size + 1 + state[_FIXED.size]
        agency_end = topic_end + 1 + state[topic_end]
        if agency_end != length:
            raise Truncated("the header does not end where it says")
        head, offset = state[:length], length + DIGEST_BYTES
        if len(state) < offset:
            raise Truncated("the record ends within its header")
        if hashlib.sha256(head).digest()[:DIGEST_BYTES] != state[length:offset]:
            raise HeaderChanged("the header is not the one that its digest was made of")
        if not EARLIEST <= at < LATEST:
            raise Truncated("the time of recording is none")
        held = _HELD.get(bits) or _held(bits)
        segments: dict[Compartment, Segment] = {}
        for expected in held:
            compartment, salt, commitment, size = _SEGMENT.unpack_from(state, offset)
            if compartment != expected:
                raise CompartmentSwapped(f"compartment {compartment} in the place of {int(expected)}")
            start = offset + _SEGMENT.size
            offset = start + size
            segments[expected] = Segment(salt, commitment, state[start:offset])
        if offset != len(state):
            raise Truncated("the record does not end with its last segment")
        return Record(
            stream,
            version,
            state[_FIXED.size + 1 : topic_end].decode("ascii"),
            schema,
            state[topic_end + 1 : length].decode("ascii"),
            held,
            segments,
            head,
            (at, actor, correlation, causation),
        )
    except BrokenSeal:
        raise
    except Exception:
        raise Truncated("not a whole record") from None


def check_row(record: Record, stream: UUID, version: int, topic: str) -> None:
    """Raises MovedRow unless the record was sealed for this row."""
    if record.stream != stream.bytes or record.version != version or record.topic != topic:
        raise MovedRow(f"row {stream}/{version} holds the record of {record.where}")


def unseal(record: Record, compartment: Compartment, key: bytes) -> bytes:
    """The plaintext of one segment.

    Raises KeyError where the record has none for that compartment, and WrongKey, CompartmentSwapped
    or SegmentChanged where it is not what was sealed.
    """
    segment = record.segments[compartment]
    own = segment_key(record, compartment, key)
    try:
        return AESGCM(own).decrypt(NONCE, segment.ciphertext, record.authenticated + bytes((compartment,)))
    except InvalidTag:
        raise SegmentChanged(record.where) from None


def segment_key(record: Record, compartment: Compartment, key: bytes) -> bytes:
    """The key of one segment, which opens nothing else: what a bundle discloses.

    Raises KeyError where the record has none for that compartment, WrongKey or CompartmentSwapped where the data
    key is not the one that it was sealed under.
    """
    segment = record.segments[compartment]
    own, commitment = _derive(record.format, key, record.stream, record.version, compartment, segment.salt)
    if not hmac.compare_digest(commitment, segment.commitment):
        raise _why_not_committed(record, compartment, key)
    return own


def open_coordination(state: bytes, stream: UUID, version: int, topic: str, key: bytes) -> bytes:
    """The plaintext of a row's coordination segment: what `parse`, `check_row` and `unseal` give, in half the time.

    It checks the same: the row's place and the extent of every segment, the commitment, and the tag over the
    header. Whatever does not fit is asked of those three, which say what it is. Raises as they do.
    """
    try:
        length = state[1] << 8 | state[2]
        head = state[:length]
        start = length + DIGEST_BYTES + _SEGMENT.size
        end = start + int.from_bytes(state[start - 4 : start], "big")
        held = held_in(state)
        whole, in_place = end, True
        for compartment in held[1:]:
            in_place &= state[whole] == compartment
            whole += _SEGMENT.size
            whole += int.from_bytes(state[whole - 4 : whole], "big")
        topic_end = _FIXED.size + 1 + state[_FIXED.size]
        if (
            state[0] in CONTEXTS
            and in_place
            and whole == len(state)
            and state[start - _SEGMENT.size] == Compartment.COORDINATION
            and state[3:27] == stream.bytes + version.to_bytes(8, "big")
            and state[_FIXED.size + 1 : topic_end] == topic.encode()
            and hashlib.sha256(head).digest()[:DIGEST_BYTES] == state[length : length + DIGEST_BYTES]
        ):
            salt_at = start - _SEGMENT.size + 1
            own, commitment = _derive(state[0], key, state[3:19], version, 0, state[salt_at : salt_at + 32])
            if hmac.compare_digest(commitment, state[salt_at + 32 : salt_at + 64]):
                return AESGCM(own).decrypt(NONCE, state[start:end], head + b"\x00")
    except (IndexError, ValueError, InvalidTag, Truncated):
        pass
    record = parse(state)
    check_row(record, stream, version, topic)
    return unseal(record, Compartment.COORDINATION, key)


def held_in(state: bytes) -> tuple[Compartment, ...]:
    """The compartments of a record that was opened."""
    bits = state[_FIXED.size - 2] << 8 | state[_FIXED.size - 1]
    return _HELD.get(bits) or _held(bits)


def author_of(state: bytes) -> tuple[str, UUID, UUID, datetime]:
    """(agency, actor, correlation, time of recording) of a record that was opened."""
    _, length, _, _, at, actor, correlation, _, _, _ = _FIXED.unpack_from(state)
    topic_end = _FIXED.size + 1 + state[_FIXED.size]
    agency = state[topic_end + 1 : length].decode("ascii")
    return agency, _uuid(actor), _uuid(correlation), _EPOCH + timedelta(microseconds=at)


def schema_of(state: bytes) -> int:
    """The schema version of a record that was opened."""
    return state[_FIXED.size - 4] << 8 | state[_FIXED.size - 3]


def _derive(format: int, key: bytes, stream: bytes, version: int, compartment: int, salt: bytes) -> tuple[bytes, bytes]:
    """(key of the segment, commitment to it). HKDF-Expand (RFC 5869 § 2.3): T(1) = HMAC(key, info || 0x01)."""
    place = version.to_bytes(8, "big")
    info = b"%b%b%b%b%b\x01" % (CONTEXTS[format], stream, place, bytes((compartment,)), salt)
    block = hmac.new(key, info, "sha512").digest()
    own = block[:32]
    return own, block[32:] if format == 1 else hashlib.sha256(COMMITMENT + own).digest()


def _why_not_committed(record: Record, compartment: Compartment, key: bytes) -> BrokenSeal:
    for other, segment in record.segments.items():
        _, commitment = _derive(record.format, key, record.stream, record.version, compartment, segment.salt)
        if other != compartment and hmac.compare_digest(commitment, segment.commitment):
            return CompartmentSwapped(f"{record.where}: {compartment.word} stands in the place of {other.word}")
    return WrongKey(f"{record.where}: {compartment.word}")


def _uuid(raw: bytes) -> UUID:
    """UUID(bytes=raw), without the checks that cost most of its time: `raw` is 16 bytes of a parsed record."""
    made = UUID.__new__(UUID)
    object.__setattr__(made, "int", int.from_bytes(raw, "big"))
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def _held(bits: int) -> tuple[Compartment, ...]:
    held = tuple(c for c in Compartment if bits & _BITS[c])
    if sum(_BITS[c] for c in held) != bits or not held or held[0] is not Compartment.COORDINATION:
        raise Truncated("the compartments are not ones that a record can have")
    _HELD[bits] = held
    return held
