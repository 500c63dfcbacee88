"""The message on the wire: sealed to one agency, bound to its attributes, signed by the service."""

import argparse
import base64
import hashlib
import hmac
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from some import examples

from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.envelope import (
    AgencyKey,
    Attributes,
    BadSignature,
    CannotOpen,
    Delivery,
    Message,
    NotOurs,
    Opener,
    Rejected,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import delivery_id
from rujukan.infra.schemas.frozen import all_shapes
from rujukan.infra.schemas.shapes import Name

KEY, OTHER = AgencyKey.generate("1"), AgencyKey.generate("1")
MAC = partial(hmac.digest, b"k" * 32, digest="sha256")
SERVICE = Ed25519PrivateKey.generate()
CASE = UUID(int=7)
DELIVERY = Delivery(
    topic="case.NoteRecorded",
    schema=1,
    case=CASE,
    version=3,
    position=41,
    sequence=5,
    recorded_at=datetime(2026, 3, 1, tzinfo=UTC),
    author="rsud",
    actor=UUID(int=9),
    correlation=UUID(int=10),
    compartments=["coordination", "health"],
    withheld=["safety"],
    data=Raw(b'{"health":"MARKER"}'),
    receipt="r",
)
ATTRIBUTES = Attributes(
    id=str(delivery_id("rsud", 41, [Compartment.COORDINATION, Compartment.HEALTH])),
    source="urn:rujukan:test",
    subject="rsud",
    sequence="5",
    casesequence="2",
    position="41",
    caseversion="3",
    schemaversion="1",
    keyid="1",
    correlation=envelope.pseudonym(MAC, "rsud", DELIVERY.correlation),
    partitionkey=envelope.pseudonym(MAC, "rsud", CASE),
)
PUBLIC = envelope.public_key(KEY.public)


def batch_of(size: int) -> list[Message]:
    unsigned = []
    for n in range(size):
        delivery = msgspec.structs.replace(DELIVERY, sequence=5 + n)
        attributes = msgspec.structs.replace(ATTRIBUTES, sequence=str(5 + n))
        unsigned.append(envelope.seal(delivery, attributes, PUBLIC))
    return envelope.sign(unsigned, SERVICE)


_, KAFKA_KEY, HEADERS, VALUE, _ = batch_of(1)[0]


def opened(headers=HEADERS, key=KAFKA_KEY, value=VALUE, keys=(KEY,), service=SERVICE):
    return Opener(keys, [service.public_key()]).open(headers, key, value)


def test_the_agency_opens_what_was_sealed_to_it():
    delivery = opened()
    assert delivery.id == ATTRIBUTES.id
    assert delivery.fields() == {"health": "MARKER"}
    assert msgspec.structs.replace(delivery, id="", data=DELIVERY.data) == DELIVERY


def test_another_agencys_key_opens_nothing():
    with pytest.raises(CannotOpen):
        opened(keys=[OTHER])


def test_a_key_that_is_not_here_is_said_to_be_missing():
    with pytest.raises(CannotOpen):
        opened(keys=[AgencyKey.generate("2")])


def test_another_service_is_not_believed():
    with pytest.raises(BadSignature):
        opened(service=Ed25519PrivateKey.generate())


UNBOUND = ("content-type", "ce_signature", "ce_batch", envelope.KEY_FINGERPRINT)


@pytest.mark.parametrize("name", [n for n, _ in HEADERS if n not in UNBOUND])
def test_no_attribute_can_be_changed(name):
    changed = [(n, v + b"0" if n == name else v) for n, v in HEADERS]
    with pytest.raises(Rejected):
        opened(headers=changed)


def test_a_key_is_found_whatever_it_was_called_and_whatever_the_fingerprint_outside_says():
    """A number is typed by somebody, twice; the fingerprint is not signed, and helps a person only."""
    called_otherwise = AgencyKey.from_json(KEY.to_json().replace(b'"id":"1"', b'"id":"9"'))
    assert (called_otherwise.id, called_otherwise.fingerprint) == ("9", KEY.fingerprint)
    assert dict(HEADERS)[envelope.KEY_FINGERPRINT].decode() == KEY.fingerprint
    for about in ([], [(envelope.KEY_FINGERPRINT, OTHER.fingerprint.encode())]):
        headers = [(n, v) for n, v in HEADERS if n != envelope.KEY_FINGERPRINT] + about
        assert opened(headers, keys=[AgencyKey.generate("1"), called_otherwise]).sequence == 5


def test_the_kafka_key_cannot_be_changed():
    with pytest.raises(NotOurs):
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
    _, key, headers, value, _ = envelope.sign([envelope.Unsigned(ATTRIBUTES, b"x" * 2000)], SERVICE)[0]
    with pytest.raises(CannotOpen):
        opened(headers, key, value)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 21])
def test_each_message_of_a_batch_opens_alone_and_none_with_anothers_proof(size):
    messages = batch_of(size)
    for n, (_, key, headers, value, _) in enumerate(messages):
        assert opened(headers, key, value).sequence == 5 + n
        other = dict(messages[n - 1].headers)["ce_batch"]
        if size > 1:
            with pytest.raises(BadSignature):
                opened([(name, other if name == "ce_batch" else text) for name, text in headers], key, value)


def test_a_batchs_signature_is_checked_once_and_what_it_does_not_cover_is_refused_all_the_same():
    opener = Opener([KEY], [SERVICE.public_key()])
    first, second = batch_of(2)
    opener.open(first.headers, first.key, first.value)
    with pytest.raises(BadSignature):
        opener.open(second.headers, second.key, second.value[:-1] + bytes((second.value[-1] ^ 1,)))
    assert opener.open(second.headers, second.key, second.value).sequence == 6


@pytest.mark.parametrize(
    "proof", [b"", b"0", b"0.1", b"0.1.AA", b"1.1.", b"0.0.", b"-1.1.", b"0.99999999.", b"0.257.", b"\xff"]
)
def test_a_proof_that_cannot_be_one_is_no_signature(proof):
    with pytest.raises(BadSignature):
        opened([(n, proof if n == "ce_batch" else v) for n, v in HEADERS])


def test_what_is_inside_stands_where_the_outside_says():
    moved = envelope.seal(DELIVERY, msgspec.structs.replace(ATTRIBUTES, sequence="6"), PUBLIC)
    _, key, headers, value, _ = envelope.sign([moved], SERVICE)[0]
    with pytest.raises(CannotOpen):
        opened(headers, key, value)


def test_it_is_the_same_message_over_http():
    for message in batch_of(3):
        event = msgspec.json.decode(msgspec.json.encode(envelope.to_cloudevent(message)), type=dict)
        headers, key, value = envelope.from_cloudevent(event)
        assert opened(headers, key, value).sequence == message.sequence


@given(
    st.dictionaries(
        st.sampled_from(["data_base64", "datacontenttype", "partitionkey", "id", "x"]), st.text() | st.integers()
    )
)
def test_json_that_is_no_message_is_not_ours(event):
    with pytest.raises(Rejected):
        opened(*envelope.from_cloudevent(event))


NAMES = st.sampled_from([name for name, _ in HEADERS]) | st.text(max_size=12)


@given(st.dictionaries(NAMES, st.binary(max_size=40) | st.sampled_from([v for _, v in HEADERS]) | st.none()))
@settings(max_examples=examples(200))
def test_any_headers_are_a_message_or_rejected(headers):
    with pytest.raises(Rejected):
        opened([*headers.items()])


@given(st.data())
@settings(max_examples=examples(150))
def test_a_message_of_which_headers_were_changed_is_rejected(data):
    changed = dict(HEADERS)
    name = data.draw(st.sampled_from([n for n in changed if n not in ("content-type", envelope.KEY_FINGERPRINT)]))
    text = bytearray(changed[name])
    match data.draw(st.sampled_from(("set", "cut", "put", "drop"))):
        case "set":
            at = data.draw(st.integers(0, len(text) - 1))
            text[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del text[data.draw(st.integers(0, len(text) - 1)) :]
        case "put":
            text += data.draw(st.binary(min_size=1, max_size=9))
        case "drop":
            del changed[name]
    if name in changed:
        changed[name] = bytes(text)
    with pytest.raises(Rejected):
        opened([*changed.items()])


@given(
    st.dictionaries(
        st.sampled_from([*envelope.to_cloudevent(batch_of(1)[0]), "x"]),
        st.text() | st.integers() | st.none(),
        max_size=16,
    )
)
def test_any_json_of_the_feed_is_a_message_or_rejected(event):
    with pytest.raises(Rejected):
        opened(*envelope.from_cloudevent(event))


def test_nothing_outside_tells_what_it_is_about():
    outside = b" ".join([VALUE, KAFKA_KEY, *(n.encode() + v for n, v in HEADERS)])
    for telling in (b"MARKER", b"NoteRecorded", b"health", str(CASE).encode(), CASE.bytes):
        assert telling not in outside


def test_sizes_tell_little():
    longer = msgspec.structs.replace(DELIVERY, data=Raw(b'{"health":"a much longer text than before"}'))
    assert len(envelope.seal(longer, ATTRIBUTES, PUBLIC).value) == len(VALUE)


def test_two_agencies_cannot_join_their_topics():
    assert envelope.pseudonym(MAC, "rsud", CASE) != envelope.pseudonym(MAC, "polres", CASE)


def test_the_same_telling_has_the_same_id_and_another_has_not():
    few, more = [Compartment.COORDINATION], [Compartment.COORDINATION, Compartment.HEALTH]
    assert str(delivery_id("rsud", 41, more)) == ATTRIBUTES.id
    assert len({delivery_id(a, p, c) for a in ("a", "b") for p in (1, 2) for c in (few, more)}) == 8


def test_a_key_file_opens_again_and_rubbish_does_not():
    again = AgencyKey.from_json(KEY.to_json())
    assert again.public == KEY.public
    assert opened(keys=[again]).position == 41
    for rubbish in (b"", b"{}", b'{"id":"1","mlkem768":"AA","x25519":"AA"}', b"\xff"):
        with pytest.raises(ValueError, match="not an agency key file"):
            AgencyKey.from_json(rubbish)


def test_the_documents_alone_are_enough_to_open_what_is_sealed():
    """By RFC 9180 and X-Wing as consumers/README.md names them, from the key file, with no part of ours; what is inside
    has the fields that its schema has, and no other."""
    kept = msgspec.json.decode(KEY.to_json())
    raw = {name: base64.urlsafe_b64decode(kept[name] + "==") for name in ("mlkem768", "x25519", "public")}
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw["mlkem768"])
    x25519 = X25519PrivateKey.from_private_bytes(raw["x25519"])
    public = x25519.public_key().public_bytes_raw()
    assert raw["public"] == mlkem.public_key().public_bytes_raw() + public
    enc, box = VALUE[:1120], VALUE[1120:]
    shared = mlkem.decapsulate(enc[:1088]), x25519.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    secret = hashlib.sha3_256(b"".join(shared) + enc[1088:] + public + b"\\.//^\\").digest()
    suite = b"HPKE-v1HPKE" + bytes.fromhex("647a00010002")
    info = "\n".join(["rujukan/delivery/2", *(dict(HEADERS)[f"ce_{name}"].decode() for name in envelope.ATTRIBUTES)])

    def extract(salt, label, ikm):
        return hmac.digest(salt or bytes(32), suite + label + ikm, "sha256")

    def expand(prk, label, context, size):
        return HKDFExpand(SHA256(), size, size.to_bytes(2, "big") + suite + label + context).derive(prk)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info.encode())
    prk = extract(secret, b"secret", b"")
    key, nonce = expand(prk, b"key", context, 32), expand(prk, b"base_nonce", context, 12)
    inside = msgspec.json.decode(AESGCM(key).decrypt(nonce, box, b""))
    schema = all_shapes()[Name("envelope.Delivery", 2)]
    assert inside.keys() == schema["properties"].keys()


# What an agency pins


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=examples(100))
def test_the_services_key_is_pinned_as_text_that_no_command_line_takes_for_an_option(raw):
    key = Ed25519PublicKey.from_public_bytes(raw)
    text = envelope.encoded_service_key(key)
    said = argparse.ArgumentParser()
    said.add_argument("--service-key")
    assert envelope.service_key(said.parse_args(["--service-key", text]).service_key) == key
    assert envelope.service_key(text.removeprefix("ed25519:")) == key


def test_a_key_whose_text_would_begin_with_a_hyphen_is_pinned_too():
    text = envelope.encoded_service_key(Ed25519PublicKey.from_public_bytes(b"\xf8" * 32))
    assert text.removeprefix("ed25519:").startswith("-")
    assert not text.startswith("-")
