"""The sealed record: opens to what was sealed, refuses everything else, and says which check failed."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from rujukan.consumers.evidence import records
from rujukan.consumers.evidence.refused import WrongSegmentKey
from rujukan.domain.compartment import Compartment
from rujukan.infra.store import sealed_record
from rujukan.infra.store.sealed_record import (
    BrokenSeal,
    CompartmentSwapped,
    Header,
    HeaderChanged,
    MovedRow,
    Record,
    SegmentChanged,
    Truncated,
    UnknownFormat,
    WrongKey,
    author_of,
    check_row,
    held_in,
    open_coordination,
    parse,
    schema_of,
    seal,
    unseal,
)

FOLDER = Path(__file__).parent.parent / "golden"
GOLDEN = {n: json.loads((FOLDER / f"sealed_record_v{n}.json").read_text()) for n in (1, 2)}

C = Compartment
STREAM = UUID("11111111-2222-4333-8444-555555555555")
HEADER = Header(
    stream=STREAM,
    version=7,
    topic="case.NoteRecorded",
    schema=1,
    recorded_at=datetime(2026, 3, 3, 12, 0, 0, 123456, tzinfo=UTC),
    actor=UUID("aaaaaaaa-0000-4000-8000-000000000001"),
    agency="uptd-ppa",
    correlation=UUID("aaaaaaaa-0000-4000-8000-000000000002"),
    causation=UUID("aaaaaaaa-0000-4000-8000-000000000003"),
)
KEYS = {c: bytes((int(c) + 1,)) * 32 for c in Compartment}
SEGMENTS = {
    C.COORDINATION: b'{"subject":"visit"}',
    C.HEALTH: b'{"health":"bruises"}',
    C.LEGAL: b'{"legal":"a statement"}',
}
SEALED = seal(HEADER, SEGMENTS, KEYS)

FIXED = 87
"""Bytes of the header before its two names."""
DIGEST_AT = FIXED + 2 + len(HEADER.topic) + len(HEADER.agency)
FIRST_SEGMENT = DIGEST_AT + 8
SEGMENT_HEAD = 1 + 32 + 32 + 4


def opened(state: bytes, keys: Mapping[Compartment, bytes] = KEYS) -> dict[Compartment, bytes]:
    """Everything of a record, the way a careful reader opens it."""
    record = parse(state)
    check_row(record, HEADER.stream, HEADER.version, HEADER.topic)
    return {compartment: unseal(record, compartment, keys[compartment]) for compartment in record.held}


def starts() -> dict[Compartment, int]:
    """Where each segment of SEALED starts."""
    found, offset = {}, FIRST_SEGMENT
    for compartment, text in SEGMENTS.items():
        found[compartment] = offset
        offset += SEGMENT_HEAD + len(text) + 16
    assert offset == len(SEALED)
    return found


def changed(state: bytes, at: int, by: int = 1) -> bytes:
    return state[:at] + bytes((state[at] ^ by,)) + state[at + 1 :]


def reheaded(at: int, put: bytes) -> bytes:
    """SEALED with these bytes at that place of its header, and the digest that fits them."""
    head = SEALED[:at] + put + SEALED[at + len(put) : DIGEST_AT]
    assert len(head) == DIGEST_AT
    return head + hashlib.sha256(head).digest()[:8] + SEALED[FIRST_SEGMENT:]


# Round trip --------------------------------------------------------------------------------------------------

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=0, max_size=255)
headers = st.builds(
    Header,
    stream=st.uuids(),
    version=st.integers(0, 2**64 - 1),
    topic=names,
    schema=st.integers(0, 2**16 - 1),
    recorded_at=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)),
    actor=st.uuids(),
    agency=names,
    correlation=st.uuids(),
    causation=st.uuids(),
)
segments = st.dictionaries(st.sampled_from(list(Compartment)), st.binary(max_size=300), max_size=9).map(
    lambda found: {C.COORDINATION: b"{}"} | found
)


@given(headers, segments)
def test_what_was_sealed_opens_again(header: Header, said: dict[Compartment, bytes]) -> None:
    record = parse(seal(header, said, KEYS))
    check_row(record, header.stream, header.version, header.topic)
    assert record.header == header
    assert record.held == tuple(sorted(said))
    assert {c: unseal(record, c, KEYS[c]) for c in record.held} == said


def test_the_same_event_never_seals_to_the_same_bytes_twice() -> None:
    assert seal(HEADER, SEGMENTS, KEYS) != SEALED


def test_nothing_sealed_can_be_read_in_the_bytes() -> None:
    assert not [text for text in SEGMENTS.values() if text in SEALED]


def test_a_record_without_coordination_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="coordination"):
        seal(HEADER, {C.HEALTH: b"{}"}, KEYS)


def test_a_compartment_without_a_key_cannot_be_sealed() -> None:
    with pytest.raises(KeyError):
        seal(HEADER, SEGMENTS, {C.COORDINATION: KEYS[C.COORDINATION]})


def test_a_compartment_in_which_nothing_was_said_is_not_there() -> None:
    with pytest.raises(KeyError):
        unseal(parse(SEALED), C.CONTACT, KEYS[C.CONTACT])


def test_times_keep_their_microseconds_and_their_instant_from_other_zones() -> None:
    wita = HEADER.recorded_at.astimezone(timezone(timedelta(hours=8)))
    assert parse(seal(HEADER._replace(recorded_at=wita), SEGMENTS, KEYS)).recorded_at == HEADER.recorded_at


# Each refusal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compartment", SEGMENTS)
def test_another_key_is_a_wrong_key(compartment: Compartment) -> None:
    with pytest.raises(WrongKey) as refused:
        unseal(parse(SEALED), compartment, bytes(32))
    assert refused.type is WrongKey
    assert compartment.word in str(refused.value)


@pytest.mark.parametrize(
    ("stream", "version", "topic"),
    [
        (UUID(int=1), HEADER.version, HEADER.topic),
        (STREAM, HEADER.version + 1, HEADER.topic),
        (STREAM, HEADER.version, "case.FollowUpRecorded"),
    ],
)
def test_a_record_in_another_row_has_moved(stream: UUID, version: int, topic: str) -> None:
    with pytest.raises(MovedRow):
        check_row(parse(SEALED), stream, version, topic)


SAYS_WHERE_IT_ENDS = {1, 2, FIXED, FIXED + 1 + len(HEADER.topic)}
"""The bytes of the header that give its length and those of its names."""


@pytest.mark.parametrize("at", sorted({*range(1, FIRST_SEGMENT)} - SAYS_WHERE_IT_ENDS))
def test_a_damaged_header_or_digest_is_refused_before_any_key_is_asked(at: int) -> None:
    with pytest.raises(BrokenSeal) as refused:
        parse(changed(SEALED, at))
    assert refused.type is HeaderChanged


@pytest.mark.parametrize("at", sorted(SAYS_WHERE_IT_ENDS))
def test_a_header_that_does_not_end_where_it_says_is_refused(at: int) -> None:
    with pytest.raises(BrokenSeal):
        parse(changed(SEALED, at))


AGENCY_AT = FIXED + 2 + len(HEADER.topic)


@pytest.mark.parametrize("compartment", SEGMENTS)
@pytest.mark.parametrize(
    ("at", "put"),
    [
        (27, (0).to_bytes(8, "big")),
        (35, UUID(int=1).bytes),
        (51, UUID(int=2).bytes),
        (67, UUID(int=3).bytes),
        (83, (2).to_bytes(2, "big")),
        (FIXED + 1, b"case.FollowUpNote"),
        (AGENCY_AT, b"uptd-ppb"),
    ],
    ids=["recorded_at", "actor", "correlation", "causation", "schema", "topic", "agency"],
)
def test_a_header_changed_together_with_its_digest_is_refused_by_every_tag(
    at: int, put: bytes, compartment: Compartment
) -> None:
    record = parse(reheaded(at, put))
    with pytest.raises(BrokenSeal) as refused:
        unseal(record, compartment, KEYS[compartment])
    assert refused.type is SegmentChanged


@pytest.mark.parametrize(("at", "put"), [(3, UUID(int=1).bytes), (19, (8).to_bytes(8, "big"))])
def test_another_row_put_into_the_header_together_with_its_digest_makes_every_key_a_wrong_one(
    at: int, put: bytes
) -> None:
    """Stream and version are part of each segment's key."""
    record = parse(reheaded(at, put))
    with pytest.raises(MovedRow):
        check_row(record, HEADER.stream, HEADER.version, HEADER.topic)
    with pytest.raises(BrokenSeal) as refused:
        unseal(record, C.COORDINATION, KEYS[C.COORDINATION])
    assert refused.type is WrongKey


def test_the_digest_is_no_part_of_what_was_parsed() -> None:
    """It was checked, and proves nothing more."""
    assert "digest" not in Record._fields


YEAR_10000 = 253_402_300_800_000_000
"""In microseconds since 1970."""


@pytest.mark.parametrize("at", [YEAR_10000, YEAR_10000 + 1, 2**63 - 1, -YEAR_10000, -(2**63)])
def test_a_time_that_no_calendar_has_is_refused(at: int) -> None:
    with pytest.raises(BrokenSeal) as refused:
        parse(reheaded(27, at.to_bytes(8, "big", signed=True)))
    assert refused.type is Truncated


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_every_time_that_a_calendar_has_opens_again(at: datetime) -> None:
    assert parse(seal(HEADER._replace(recorded_at=at), SEGMENTS, KEYS)).recorded_at == at


@pytest.mark.parametrize("compartment", SEGMENTS)
def test_a_changed_text_is_a_changed_segment(compartment: Compartment) -> None:
    with pytest.raises(BrokenSeal) as refused:
        opened(changed(SEALED, starts()[compartment] + SEGMENT_HEAD))
    assert refused.type is SegmentChanged


@pytest.mark.parametrize("within", [1, 33], ids=["salt", "commitment"])
def test_a_changed_salt_or_commitment_is_refused(within: int) -> None:
    with pytest.raises(BrokenSeal):
        opened(changed(SEALED, starts()[C.HEALTH] + within))


def test_swapped_labels_are_swapped_compartments() -> None:
    at = starts()
    state = bytearray(SEALED)
    state[at[C.HEALTH]], state[at[C.LEGAL]] = int(C.LEGAL), int(C.HEALTH)
    with pytest.raises(BrokenSeal) as refused:
        parse(bytes(state))
    assert refused.type is CompartmentSwapped


def test_swapped_bodies_are_swapped_compartments() -> None:
    at = starts()
    health, legal = SEALED[at[C.HEALTH] + 1 : at[C.LEGAL]], SEALED[at[C.LEGAL] + 1 :]
    state = SEALED[: at[C.HEALTH]] + bytes((C.HEALTH,)) + legal + bytes((C.LEGAL,)) + health
    record = parse(state)
    for compartment in (C.HEALTH, C.LEGAL):
        with pytest.raises(BrokenSeal) as refused:
            unseal(record, compartment, KEYS[compartment])
        assert refused.type is CompartmentSwapped


def test_a_segment_of_another_event_is_refused() -> None:
    other = seal(HEADER._replace(version=8), SEGMENTS, KEYS)
    at = starts()[C.LEGAL]
    with pytest.raises(WrongKey):
        opened(SEALED[:at] + other[at:])


def test_a_segment_of_the_same_row_sealed_under_another_header_is_refused() -> None:
    other = seal(HEADER._replace(agency="uptd-ppb"), SEGMENTS, KEYS)
    at = starts()[C.LEGAL]
    with pytest.raises(SegmentChanged):
        opened(SEALED[:at] + other[at:])


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_record_cut_short_anywhere_is_refused(length: int) -> None:
    """Within the last name or the digest, the digest is what no longer fits."""
    with pytest.raises(BrokenSeal) as refused:
        parse(SEALED[:length])
    assert refused.type is Truncated or (refused.type is HeaderChanged and AGENCY_AT <= length < FIRST_SEGMENT)


def test_a_record_with_more_after_its_end_is_refused() -> None:
    with pytest.raises(Truncated):
        parse(SEALED + b"\0")


@pytest.mark.parametrize("fmt", [0, 3, 255])
def test_another_format_is_unknown(fmt: int) -> None:
    with pytest.raises(UnknownFormat):
        parse(bytes((fmt,)) + SEALED[1:])


@pytest.mark.parametrize("bits", [0, 0b10000, 1 << 9, 0xFFFF])
def test_compartments_that_no_record_has_are_refused(bits: int) -> None:
    with pytest.raises(BrokenSeal) as refused:
        parse(reheaded(85, bits.to_bytes(2, "big")))
    assert refused.type is Truncated


@pytest.mark.parametrize("bits", [0b1, 0b1110001, 0b11, 0b10001, 0b111111111])
def test_compartments_other_than_the_segments_are_refused(bits: int) -> None:
    with pytest.raises(BrokenSeal):
        parse(reheaded(85, bits.to_bytes(2, "big")))


@pytest.mark.parametrize("by", [1, 2, 0x10, 0x80, 0xFF])
def test_no_single_byte_can_change(by: int) -> None:
    unseen = []
    for at in range(len(SEALED)):
        try:
            opened(changed(SEALED, at, by))
            unseen.append(at)
        except BrokenSeal:
            continue
    assert not unseen


def test_a_broken_seal_tells_nothing_of_the_content() -> None:
    for state, key in ((changed(SEALED, len(SEALED) - 1), KEYS[C.LEGAL]), (SEALED, bytes(32))):
        with pytest.raises(BrokenSeal) as refused:
            unseal(parse(state), C.LEGAL, key)
        assert "statement" not in str(refused.value)
        assert refused.value.__cause__ is None


# Commitment --------------------------------------------------------------------------------------------------


def _times(x: int, y: int) -> int:
    """In the field of GHASH (NIST SP 800-38D § 6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if y >> bit & 1:
            product ^= x
        x = (x >> 1) ^ (0xE1 << 120 if x & 1 else 0)
    return product


def _inverse(x: int) -> int:
    """x to the power of 2^128 - 2."""
    result, square = 1 << 127, x
    for _ in range(127):
        square = _times(square, square)
        result = _times(result, square)
    return result


def _block(key: bytes, block: bytes) -> int:
    return int.from_bytes(Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block), "big")


def _opens_under_both(one: bytes, two: bytes, associated: bytes) -> bytes:
    """A ciphertext and tag that AES-256-GCM accepts under both keys, with a nonce of zeros."""
    padded = associated + bytes(-len(associated) % 16)
    blocks = [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]
    lengths = (len(associated) * 8) << 64 | 16 * 8

    def parts(key: bytes) -> tuple[int, int]:
        """The tag of the one-block ciphertext x is constant + x * factor."""
        h = _block(key, bytes(16))
        hashed = 0
        for block in blocks:
            hashed = _times(hashed ^ block, h)
        squared = _times(h, h)
        return _times(hashed, squared) ^ _times(lengths, h) ^ _block(key, bytes(15) + b"\x01"), squared

    (constant1, factor1), (constant2, factor2) = parts(one), parts(two)
    x = _times(constant1 ^ constant2, _inverse(factor1 ^ factor2))
    tag = constant1 ^ _times(x, factor1)
    return x.to_bytes(16, "big") + tag.to_bytes(16, "big")


def test_two_keys_never_open_one_record_to_two_texts() -> None:
    """GCM alone would let them: the ciphertext made here opens under both derived keys. The commitment does not."""
    honest, forged = KEYS[C.COORDINATION], b"f" * 32
    sealed = seal(HEADER, {C.COORDINATION: bytes(16)}, KEYS)
    record = parse(sealed)
    salt = record.segments[C.COORDINATION].salt
    info = b"rujukan/segment/2" + STREAM.bytes + (7).to_bytes(8, "big") + b"\0" + salt
    derived = [HKDFExpand(SHA512(), 32, info).derive(key) for key in (honest, forged)]
    ciphertext = _opens_under_both(*derived, record.authenticated + b"\0")
    texts = {AESGCM(own).decrypt(bytes(12), ciphertext, record.authenticated + b"\0") for own in derived}
    assert len(texts) == 2

    for own in derived:
        commitment = hashlib.sha256(b"rujukan/commitment/2" + own).digest()
        segment = b"\0" + salt + commitment + (32).to_bytes(4, "big") + ciphertext
        state = sealed[:FIRST_SEGMENT] + segment
        opening = []
        for key in (honest, forged):
            try:
                opening.append(unseal(parse(state), C.COORDINATION, key))
            except WrongKey:
                continue
        assert len(opening) == 1
        disclosed = []
        for key in derived:  # and who is shown the segment with its key alone, as a court is, finds the same
            try:
                disclosed.append(records.open_segment(record.authenticated, segment, key))
            except WrongSegmentKey:
                continue
        assert disclosed == opening


@given(st.binary(min_size=32, max_size=32), st.sampled_from(list(SEGMENTS)))
def test_no_other_key_opens_a_segment(key: bytes, compartment: Compartment) -> None:
    record = parse(SEALED)
    if key == KEYS[compartment]:
        assert unseal(record, compartment, key) == SEGMENTS[compartment]
    else:
        with pytest.raises(WrongKey):
            unseal(record, compartment, key)


# The frozen record, and the format by the book -----------------------------------------------------------------


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=["v1", "v2"])
def test_the_frozen_record_opens_for_ever(golden: dict[str, Any]) -> None:
    record = parse(bytes.fromhex(golden["record"]))
    frozen = golden["header"]
    check_row(record, UUID(frozen["stream"]), frozen["version"], frozen["topic"])
    assert {name: str(value) for name, value in record.header._asdict().items()} == {
        name: str(value) for name, value in frozen.items()
    }
    texts = {c.word: unseal(record, c, bytes.fromhex(golden["keys"][c.word])).decode() for c in record.held}
    assert texts == golden["plaintext"]


@pytest.mark.parametrize("version", GOLDEN)
def test_the_frozen_record_is_what_its_page_of_text_says(version: int) -> None:
    """Read again by the offsets of the format alone, with HKDF-Expand (RFC 5869 § 2.3) of another library."""
    golden = GOLDEN[version]
    state = bytes.fromhex(golden["record"])
    length = int.from_bytes(state[1:3], "big")
    header = state[:length]
    assert header[0] == version
    assert state[length : length + 8] == hashlib.sha256(header).digest()[:8]
    assert int.from_bytes(header[85:87], "big") == sum(1 << C.named(word) for word in golden["plaintext"])
    texts, at, hashes = {}, length + 8, b""
    while at < len(state):
        label, salt, commitment = state[at : at + 1], state[at + 1 : at + 33], state[at + 33 : at + 65]
        size = int.from_bytes(state[at + 65 : at + 69], "big")
        word = Compartment(label[0]).word
        info = b"rujukan/segment/%d" % version + header[3:27] + label + salt
        block = HKDFExpand(SHA512(), 64, info).derive(bytes.fromhex(golden["keys"][word]))
        own = block[:32]
        assert commitment == (block[32:], hashlib.sha256(b"rujukan/commitment/2" + own).digest())[version - 1]
        ciphertext = state[at + 69 : at + 69 + size]
        texts[word] = AESGCM(own).decrypt(bytes(12), ciphertext, header + label).decode()
        hashes += hashlib.sha256(state[at : at + 69 + size]).digest()
        at += 69 + size
    assert texts == golden["plaintext"]
    assert records.entry_of(state) == hashlib.sha256(header + hashes).digest()


def test_the_frozen_entry_of_the_ledger_stays() -> None:
    assert records.entry_of(bytes.fromhex(GOLDEN[2]["record"])).hex() == GOLDEN[2]["entry"]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1))
@settings(max_examples=30)
def test_the_segment_key_is_hkdf_expand_of_rfc_5869(key: bytes, stream: bytes, version: int) -> None:
    salt = hashlib.sha256(key + stream).digest()
    info = sealed_record.CONTEXTS[2] + stream + version.to_bytes(8, "big") + b"\x04" + salt
    by_the_book = HKDFExpand(SHA512(), 32, info).derive(key)
    own, commitment = sealed_record._derive(2, key, stream, version, 4, salt)
    assert own == by_the_book
    assert commitment == records.commitment_to(own)


# The quick way to a row's coordination -------------------------------------------------------------------------------


def slow(state, stream=HEADER.stream, version=HEADER.version, topic=HEADER.topic, key=KEYS[C.COORDINATION]):
    record = parse(state)
    check_row(record, stream, version, topic)
    return unseal(record, C.COORDINATION, key)


def outcome(way, *arguments):
    try:
        return way(*arguments)
    except BrokenSeal as broken:
        return type(broken)


QUICK = (HEADER.stream, HEADER.version, HEADER.topic, KEYS[C.COORDINATION])


def test_the_quick_way_gives_what_the_long_way_gives():
    assert open_coordination(SEALED, *QUICK) == SEGMENTS[C.COORDINATION] == slow(SEALED)
    assert held_in(SEALED) == parse(SEALED).held
    header = parse(SEALED).header
    assert author_of(SEALED) == (header.agency, header.actor, header.correlation, header.recorded_at)
    assert schema_of(SEALED) == header.schema


@pytest.mark.parametrize("at", range(len(SEALED)))
def test_the_quick_way_refuses_every_byte_that_the_long_way_refuses(at):
    """Bytes of segments that stay sealed are those segments' own to refuse; all others are refused the same."""
    state = changed(SEALED, at, 0x5A)
    assert outcome(open_coordination, state, *QUICK) == outcome(slow, state)


@pytest.mark.parametrize("length", range(0, len(SEALED), 7))
def test_the_quick_way_refuses_a_record_cut_anywhere(length):
    assert outcome(open_coordination, SEALED[:length], *QUICK) == outcome(slow, SEALED[:length])


def test_the_quick_way_refuses_another_row_and_another_key():
    for arguments in (
        (UUID(int=1), *QUICK[1:]),
        (QUICK[0], 99, *QUICK[2:]),
        (*QUICK[:2], "case.Other", QUICK[3]),
    ):
        assert outcome(open_coordination, SEALED, *arguments) is MovedRow
    assert outcome(open_coordination, SEALED, *QUICK[:3], bytes(32)) is WrongKey
