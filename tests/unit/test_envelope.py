"""The message on the wire: sealed to one agency, bound to its attributes, signed by the service."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from rujukan.consumers import envelope
from rujukan.consumers.envelope import AgencyKey, Attributes, BadSignature, CannotOpen, Delivery, NotOurs, Rejected

KEY, OTHER = AgencyKey.generate("1"), AgencyKey.generate("1")
SERVICE = Ed25519PrivateKey.generate()
CASE = UUID(int=7)
DELIVERY = Delivery(
    topic="case.NoteRecorded",
    schema=1,
    case=CASE,
    version=3,
    position=41,
    recorded_at=datetime(2026, 3, 1, tzinfo=UTC),
    author="rsud",
    actor=UUID(int=9),
    compartments=["coordination", "health"],
    withheld=["safety"],
    data=Raw(b'{"health":"MARKER"}'),
)
ATTRIBUTES = Attributes(
    id=envelope.delivery_id("rsud", 41, [0, 4]),
    source="urn:rujukan:test",
    subject="rsud",
    position="41",
    cursor="41.1",
    keyid="1",
    key=envelope.pseudonym(b"k" * 32, "rsud", CASE),
)
HEADERS, VALUE = envelope.seal(DELIVERY, ATTRIBUTES, envelope.public_key(KEY.public), SERVICE)


KAFKA_KEY = ATTRIBUTES.key.encode()


def opened(headers=HEADERS, key=KAFKA_KEY, value=VALUE, keys=None, service=SERVICE):
    return envelope.open_sealed(headers, key, value, keys or {"1": KEY}, service.public_key())


def test_the_agency_opens_what_was_sealed_to_it():
    delivery = opened()
    assert delivery.id == ATTRIBUTES.id
    assert delivery.fields() == {"health": "MARKER"}
    assert msgspec.structs.replace(delivery, id="", data=DELIVERY.data) == DELIVERY


def test_another_agencys_key_opens_nothing():
    with pytest.raises(CannotOpen):
        opened(keys={"1": OTHER})


def test_a_key_that_is_not_here_is_said_to_be_missing():
    with pytest.raises(CannotOpen):
        opened(keys={"2": KEY})


def test_another_service_is_not_believed():
    with pytest.raises(BadSignature):
        opened(service=Ed25519PrivateKey.generate())


@pytest.mark.parametrize("name", [n for n, _ in HEADERS if n not in ("content-type", "ce_signature")])
def test_no_attribute_can_be_changed(name):
    changed = [(n, v + b"0" if n == name else v) for n, v in HEADERS]
    with pytest.raises(Rejected):
        opened(headers=changed)


def test_the_kafka_key_cannot_be_changed():
    with pytest.raises(BadSignature):
        opened(key=b"another")


def test_a_message_of_another_kind_is_not_ours():
    with pytest.raises(NotOurs):
        opened(headers=[("ce_specversion", b"1.0"), ("ce_type", b"com.example")])
    with pytest.raises(NotOurs):
        opened(headers=[])


@given(at=st.integers(0, len(VALUE) - 1), by=st.integers(1, 255))
@settings(max_examples=30, deadline=None)
def test_no_byte_of_the_value_can_be_changed(at, by):
    changed = bytearray(VALUE)
    changed[at] ^= by
    with pytest.raises(BadSignature):
        opened(value=bytes(changed))


@given(value=st.binary(max_size=3000), key=st.binary(max_size=30) | st.none())
@settings(max_examples=40, deadline=None)
def test_rubbish_is_rejected_and_nothing_else(value, key):
    with pytest.raises(Rejected):
        opened(value=value, key=key)


def test_a_rogue_signature_over_rubbish_still_opens_nothing():
    forged = b"x" * 2000
    signature = SERVICE.sign(envelope._info(ATTRIBUTES) + forged)
    headers = [(n, envelope._b64(signature).encode() if n == "ce_signature" else v) for n, v in HEADERS]
    with pytest.raises(CannotOpen):
        opened(headers=headers, value=forged)


def test_nothing_outside_tells_what_it_is_about():
    outside = b" ".join([VALUE, ATTRIBUTES.key.encode(), *(n.encode() + v for n, v in HEADERS)])
    for telling in (b"MARKER", b"NoteRecorded", b"health", str(CASE).encode(), CASE.bytes):
        assert telling not in outside


def test_sizes_tell_little():
    longer = msgspec.structs.replace(DELIVERY, data=Raw(b'{"health":"a much longer text than before"}'))
    _, value = envelope.seal(longer, ATTRIBUTES, envelope.public_key(KEY.public), SERVICE)
    assert len(value) == len(VALUE)


def test_two_agencies_cannot_join_their_topics():
    assert envelope.pseudonym(b"k" * 32, "rsud", CASE) != envelope.pseudonym(b"k" * 32, "polres", CASE)


def test_the_same_telling_has_the_same_id_and_another_has_not():
    assert envelope.delivery_id("rsud", 41, [0, 4]) == ATTRIBUTES.id
    assert len({envelope.delivery_id(a, p, c) for a in ("a", "b") for p in (1, 2) for c in ([0], [0, 4])}) == 8


def test_a_key_file_opens_again_and_rubbish_does_not():
    again = AgencyKey.from_json(KEY.to_json())
    assert again.public == KEY.public
    assert opened(keys={"1": again}).position == 41
    for rubbish in (b"", b"{}", b'{"id":"1","mlkem768":"AA","x25519":"AA"}', b"\xff"):
        with pytest.raises(ValueError, match="not an agency key file"):
            AgencyKey.from_json(rubbish)
