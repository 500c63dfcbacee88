"""The sealed record as its reader meets it: what infra seals is what a court opens, and no byte of it is loose."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from damage import damaged
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from some import examples
from test_sealed_record import GOLDEN, HEADER, KEYS, SEALED, SEGMENTS, C, headers

from rujukan.consumers.evidence import records
from rujukan.consumers.evidence.records import entry_from, entry_of, open_segment, read_header, split_record
from rujukan.consumers.evidence.refused import Malformed, NotProven, WrongSegmentKey
from rujukan.domain.compartment import Compartment
from rujukan.infra.store import sealed_record
from rujukan.infra.store.sealed_record import BrokenSeal, Header, parse, seal, segment_key

FIRST = bytes.fromhex(GOLDEN[1]["record"])
HEAD, PARTS = split_record(SEALED)
NAMES = [c.word for c in SEGMENTS]

contents = st.dictionaries(st.sampled_from(list(Compartment)), st.binary(max_size=60)).map(
    lambda d: {C.COORDINATION: b"{}", **d}
)


def keys_of(state: bytes, data_keys: dict[Compartment, bytes]) -> list[bytes]:
    """The disclosed key of each segment, as a bundle has them."""
    record = parse(state)
    return [segment_key(record, c, data_keys[c]) for c in record.held]


def in_format_1(header: Header, segments: dict[Compartment, bytes]) -> bytes:
    """A record of the format that is read and no longer written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_record, "FORMAT", 1)
        return seal(header, segments, KEYS)


@given(headers, contents, st.booleans())
def test_what_is_sealed_is_read_the_same_here(header: Header, texts: dict[Compartment, bytes], old: bool) -> None:
    state = in_format_1(header, texts) if old else seal(header, texts, KEYS)
    record = parse(state)
    head, parts = split_record(state)
    assert head == record.authenticated
    read = read_header(head)
    assert read._asdict() == {
        **record.header._asdict(),
        "format": 1 if old else 2,
        "compartments": tuple(c.word for c in sorted(texts)),
    }
    assert records.compartments_in(parts) == [c.word for c in sorted(texts)]
    for part, compartment in zip(parts, record.held, strict=True):
        segment = record.segments[compartment]
        assert part[1:65] == segment.salt + segment.commitment
        assert part[69:] == segment.ciphertext
    hashes = [hashlib.sha256(part).digest() for part in parts]
    assert entry_of(state) == entry_from(head, hashes) == hashlib.sha256(head + b"".join(hashes)).digest()


@given(headers, contents)
def test_each_segment_opens_with_its_own_disclosed_key_alone(header: Header, texts: dict[Compartment, bytes]) -> None:
    state = seal(header, texts, KEYS)
    head, parts = split_record(state)
    keys = keys_of(state, KEYS)
    for n, compartment in enumerate(sorted(texts)):
        assert open_segment(head, parts[n], keys[n]) == texts[compartment]
        for wrong in [*keys[:n], *keys[n + 1 :], KEYS[compartment]]:
            with pytest.raises(WrongSegmentKey):
                open_segment(head, parts[n], wrong)


# One byte changed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [SEALED, FIRST], ids=["format 2", "format 1"])
def test_a_changed_byte_changes_the_entry_or_is_malformed(state: bytes) -> None:
    """Save in the digest of the header, which is not in the entry, as it is made of the header: there it is
    malformed."""
    entry = entry_of(state)
    for at in range(len(state)):
        for by in range(1, 256, 31):
            try:
                assert entry_of(state[:at] + bytes((state[at] ^ by,)) + state[at + 1 :]) != entry
            except Malformed:
                continue
        for other in (
            state[:at],
            state[:at] + state[at + 1 :],
            state[:at] + b"\0" + state[at:],
            state + state[: at + 1],
        ):
            try:
                assert entry_of(other) != entry
            except Malformed:
                continue


def test_a_changed_byte_opens_no_segment() -> None:
    keys = keys_of(SEALED, KEYS)
    for part, key in zip(PARTS, keys, strict=True):
        for at in range(len(part)):
            if 1 <= at < 33:  # the salt, which went into the key: the entry has it
                continue
            with pytest.raises(NotProven):
                open_segment(HEAD, part[:at] + bytes((part[at] ^ 1,)) + part[at + 1 :], key)
        for at in range(len(HEAD)):
            with pytest.raises(NotProven):
                open_segment(HEAD[:at] + bytes((HEAD[at] ^ 1,)) + HEAD[at + 1 :], part, key)


@given(st.binary(max_size=400) | damaged(st.sampled_from([SEALED, FIRST]), b"\0\0", b"\xff"), st.booleans())
@settings(max_examples=examples(400))
def test_any_bytes_are_a_record_or_malformed(state: bytes, fit: bool) -> None:
    if fit and len(state) > 100:  # a digest that fits, so that what comes after it is read too
        length = state[1] << 8 | state[2]
        state = state[:length] + hashlib.sha256(state[:length]).digest()[:8] + state[length + 8 :]
    try:
        entry = entry_of(state)
        head, parts = split_record(state)
    except Malformed:
        return
    assert entry_from(head, [hashlib.sha256(part).digest() for part in parts]) == entry
    assert head + hashlib.sha256(head).digest()[:8] + b"".join(parts) == state
    assert list(read_header(head).compartments) == records.compartments_in(parts)
    for part in parts:
        with pytest.raises(NotProven):
            open_segment(head, part, b"k" * 32)


@given(st.binary(max_size=200) | damaged(st.just(HEAD)))
def test_any_bytes_are_a_header_or_malformed(header: bytes) -> None:
    try:
        read = read_header(header)
    except Malformed:
        return
    assert read.compartments[0] == "coordination"
    assert header[1] << 8 | header[2] == len(header)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=40))
def test_any_bytes_open_as_nothing(header: bytes, segment: bytes, key: bytes) -> None:
    for head, part in ((header, segment), (HEAD, segment), (header, PARTS[0]), (b"", PARTS[0])):
        with pytest.raises(NotProven):
            open_segment(head, part, key)
        with pytest.raises(NotProven):
            open_segment(head, part, key.ljust(32, b"k")[:32])


def test_what_the_sealers_parser_refuses_is_no_record_here() -> None:
    """Records that only a header's own words make wrong, with a digest that fits."""

    def reheaded(at: int, put: bytes) -> bytes:
        head = HEAD[:at] + put + HEAD[at + len(put) :]
        return head + hashlib.sha256(head).digest()[:8] + b"".join(PARTS)

    held = int.from_bytes(HEAD[85:87], "big")
    digest = hashlib.sha256(HEAD).digest()[:8]
    for state in {
        "a format to come": reheaded(0, b"\x03"),
        "a compartment that there is not": reheaded(85, (held | 1 << 15).to_bytes(2, "big")),
        "a compartment more": reheaded(85, (held | 2).to_bytes(2, "big")),
        "a compartment less": reheaded(85, (held & ~16).to_bytes(2, "big")),
        "another compartment": reheaded(85, (held ^ 16 ^ 32).to_bytes(2, "big")),
        "no coordination": reheaded(85, (held & ~1).to_bytes(2, "big")),
        "no time": reheaded(27, b"\x7f" + b"\xff" * 7),
        "a topic that is longer": reheaded(87, bytes((HEAD[87] + 1,))),
        "segments in another order": HEAD + digest + PARTS[1] + PARTS[0] + PARTS[2],
        "a segment twice": HEAD + digest + PARTS[0] + PARTS[0] + PARTS[2],
        "a segment less": HEAD + digest + PARTS[0] + PARTS[1],
        "a segment more": HEAD + digest + b"".join(PARTS) + PARTS[2],
        "nothing": b"",
    }.values():
        with pytest.raises(BrokenSeal):
            parse(state)
        with pytest.raises(Malformed):
            split_record(state)


def test_withheld_segments_stand_as_hashes_of_32_bytes_one_for_each_compartment() -> None:
    """Otherwise bytes could move between the hashes, or from them to a header that says it is longer."""
    hashes = [hashlib.sha256(part).digest() for part in PARTS]
    joined = b"".join(hashes)
    assert entry_from(HEAD, hashes) == entry_of(SEALED)
    for header, other in (
        (HEAD, [joined]),
        (HEAD, [joined[:31], joined[31:64], joined[64:]]),
        (HEAD, [*hashes, b""]),
        (HEAD, hashes[:-1]),
        (HEAD + hashes[0], hashes[1:]),
        (HEAD[:-1], [HEAD[-1:] + hashes[0], *hashes[1:]]),
        (b"", hashes),
    ):
        with pytest.raises(Malformed):
            entry_from(header, other)


# Keys -------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32), st.integers(0, len(PARTS) - 1))
def test_no_other_key_opens_a_segment(key: bytes, n: int) -> None:
    assume(key != keys_of(SEALED, KEYS)[n])
    with pytest.raises(WrongSegmentKey, match="committed"):
        open_segment(HEAD, PARTS[n], key)


def test_a_second_key_with_a_text_of_its_own_is_refused_by_the_entry_or_the_commitment() -> None:
    """Who makes up a segment for another key must change its commitment, and so the entry; who keeps the commitment
    is refused by it. (A ciphertext that GCM opens under two keys is forged in test_sealed_record.)"""
    crafted = b"c" * 32
    ciphertext = AESGCM(crafted).encrypt(bytes(12), b'{"said":"otherwise"}', HEAD + b"\0")
    salt, commitment = PARTS[0][1:33], PARTS[0][33:65]
    size = len(ciphertext).to_bytes(4, "big")
    kept = b"\0" + salt + commitment + size + ciphertext
    with pytest.raises(WrongSegmentKey, match="committed"):
        open_segment(HEAD, kept, crafted)
    renewed = b"\0" + salt + records.commitment_to(crafted) + size + ciphertext
    assert open_segment(HEAD, renewed, crafted) == b'{"said":"otherwise"}'
    for forged in (kept, renewed):
        hashes = [hashlib.sha256(part).digest() for part in (forged, *PARTS[1:])]
        assert entry_from(HEAD, hashes) != entry_of(SEALED)


def test_a_segment_opens_in_its_own_record_and_place_only() -> None:
    key = keys_of(SEALED, KEYS)[1]
    other = split_record(seal(HEADER._replace(version=8), SEGMENTS, KEYS))[0]
    moved = bytes((int(C.LEGAL),)) + PARTS[1][1:]
    for header, part in ((other, PARTS[1]), (HEAD, moved)):
        with pytest.raises(WrongSegmentKey, match="does not open"):
            open_segment(header, part, key)


def test_a_record_of_the_first_format_says_that_its_commitment_cannot_be_checked() -> None:
    head, parts = split_record(FIRST)
    data_keys = {c: bytes.fromhex(GOLDEN[1]["keys"][c.word]) for c in parse(FIRST).held}
    for part, key in zip(parts, keys_of(FIRST, data_keys), strict=True):
        with pytest.raises(WrongSegmentKey, match="format"):
            open_segment(head, part, key)


def test_the_compartments_are_those_of_the_domain() -> None:
    assert tuple(c.word for c in Compartment) == records.COMPARTMENTS


def test_the_header_of_the_frozen_record() -> None:
    read = read_header(split_record(FIRST)[0])
    assert read.format == 1
    assert read.stream == UUID(GOLDEN[1]["header"]["stream"])
    assert read.recorded_at <= datetime.now(UTC)
