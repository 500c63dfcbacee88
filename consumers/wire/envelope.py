"""The message on the wire.

Outside it is a CloudEvents 1.0 event in Kafka's binary mode (cloudevents spec, kafka-protocol-binding § 3.2):
every attribute a header `ce_…`, the value the sealed data. Nothing outside tells what the case is about: the
type is the same for all, the key is a pseudonym of the case that differs for every agency, sizes are padded.

Inside it is HPKE (RFC 9180, base mode) under the agency's public key, with the hybrid KEM ML-KEM-768 + X25519,
HKDF-SHA256 and AES-256-GCM: these records must stay secret for decades. The attributes are HPKE's `info`, so
none of them can be changed or moved to another message; an Ed25519 signature of the service over a batch of
attributes and ciphertexts (batch.py) says who sent it.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Raw, Struct

from . import batch
from .base64url import b64, exactly
from .batch import HASH_BYTES, Signatures
from .keys import AgencyKey as AgencyKey
from .keys import PublicKey as PublicKey
from .keys import encoded_service_key as encoded_service_key
from .keys import public_key as public_key
from .keys import service_key as service_key

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
TYPE = "id.rujukan.sealed.v2"
CONTENT_TYPE = "application/vnd.rujukan.sealed"
INFO = b"rujukan/delivery/2"
SMALLEST = 512
KEY_FINGERPRINT = "ce_keyfingerprint"
"""Header with the fingerprint of the key that a message is sealed to. It is not signed: it helps a person to see which
key is lacking, and decides nothing."""


class Rejected(Exception):
    """A message that is not accepted. The reason names no content."""


class NotOurs(Rejected):
    """It is not one of the service's messages, or of a kind that this version does not read."""


class BadSignature(Rejected):
    """The service did not sign this."""


class CannotOpen(Rejected):
    """It is not sealed to any of these keys, or was changed."""


class Attributes(Struct, frozen=True, kw_only=True):
    """What is plain of a message: CloudEvents attributes. Bound into the seal and the signature, in this order."""

    id: str
    """The same whenever the same is told again."""
    source: str
    type: str = TYPE
    subject: str
    """The agency it is for."""
    sequence: str
    """1, 2, 3 … for what the agency is told, without gaps: the cursor of every transport."""
    casesequence: str
    """The same for what it is told of this case."""
    position: str
    """Where the event stands in the log."""
    caseversion: str
    """Which event of its stream it is."""
    schemaversion: str
    """Of the event's type, which only the seal tells."""
    keyid: str
    """The agency's key that it is sealed to."""
    correlation: str
    """A pseudonym, for this agency, of what was done by one request."""
    partitionkey: str
    """The case's pseudonym for this agency; also the Kafka key."""


ATTRIBUTES = Attributes.__struct_fields__
_HEADERS = tuple(f"ce_{name}" for name in ATTRIBUTES)


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as an agency is told of it: `data` has the fields of `compartments`, not those of `withheld`."""

    topic: str
    schema: int
    case: UUID
    version: int
    position: int
    sequence: int
    recorded_at: datetime
    author: str
    actor: UUID
    correlation: UUID
    compartments: list[str]
    withheld: list[str]
    data: Raw
    receipt: str
    """Who shows it to the service has opened the seal."""
    id: str = ""
    """The same whenever this is delivered again: the attribute `ce_id`, put in when the seal is opened. It is not
    inside; messages of before have it there, empty."""

    def fields(self) -> dict[str, Any]:
        """`data`, decoded."""
        return dict(msgspec.json.decode(self.data))


class Inside(NamedTuple):
    """What lies inside a message, for who puts on record that it was sent: nothing of it goes onto the wire."""

    case: UUID
    position: int
    """Of the event in the log; 0 for a placeholder that stands for none."""
    compartments: tuple[str, ...]
    key: str
    """SHA-256 of the public key that it is sealed to, in hex."""


class Message(NamedTuple):
    """A sealed message, as Kafka carries it."""

    sequence: int
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes
    of: Inside | None = None

    @property
    def id(self) -> str:
        """The same whenever the same is told again."""
        return dict(self.headers)["ce_id"].decode()


ERASED = "delivery.Erased"
"""Topic of the placeholder that goes out for what was erased since, or had to be deleted again: it holds its place in
the sequence."""
DAMAGED = "delivery.Damaged"
"""Topic of the placeholder for what cannot be read now, as the record of it is damaged. Once that is repaired it is
told under a number of its own."""


def check_public_key(encoded: str) -> None:
    """Seals something to a public key. Raises ValueError where that cannot be done."""
    SUITE.encrypt(b"", public_key(encoded).key, info=INFO)


def pseudonym(mac: Callable[[bytes], bytes], agency: str, of: UUID) -> str:
    """What stands for a case, or a request, in an agency's topic; two agencies cannot join theirs. `mac` is
    HMAC-SHA256 under the service's secret."""
    return b64(mac(agency.encode() + b"\x00" + of.bytes)[:16])


class Unsigned(NamedTuple):
    """A message that is sealed, and not signed yet."""

    attributes: Attributes
    value: bytes
    fingerprint: str = ""
    """Of the key that it is sealed to."""
    of: Inside | None = None


def seal(delivery: Delivery, attributes: Attributes, to: PublicKey, of: Inside | None = None) -> Unsigned:
    """A delivery sealed to an agency's key, its attributes bound into the seal."""
    value = SUITE.encrypt(_padded(msgspec.json.encode(delivery)), to.key, info=_info(attributes))
    return Unsigned(attributes, value, to.fingerprint, of)


def sign(messages: Sequence[Unsigned], signer: batch.Signer) -> list[Message]:
    """These messages, in order, under one signature. At most `batch.LARGEST`."""
    signature, paths = batch.signed(signer, [_signed_part(m.attributes, m.value) for m in messages])
    first, content = ("ce_specversion", b"1.0"), ("content-type", CONTENT_TYPE.encode())
    signed = b64(signature).encode()
    return [
        Message(
            int(attributes.sequence),
            attributes.partitionkey.encode(),
            [
                first,
                *zip(_HEADERS, _encoded(attributes), strict=True),
                content,
                ("ce_batch", f"{n}.{len(messages)}.{b64(b''.join(path))}".encode()),
                ("ce_signature", signed),
                *([(KEY_FINGERPRINT, fingerprint.encode())] if fingerprint else ()),
            ],
            value,
            of,
        )
        for n, ((attributes, value, fingerprint, of), path) in enumerate(zip(messages, paths, strict=True))
    ]


class Opener:
    """Opens what was sealed to these keys and signed by one of these keys of the service."""

    def __init__(self, keys: Iterable[AgencyKey], services: Iterable[Ed25519PublicKey]) -> None:
        self.keys = {key.fingerprint: key for key in keys}
        """By their fingerprints: what a key is called, somebody typed."""
        self._signatures = Signatures(services)

    def open(self, headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None) -> Delivery:
        """What a message says. Raises NotOurs, BadSignature, CannotOpen."""
        return self.unseal(self.verified(headers, key, value), value)

    def verified(
        self, headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None
    ) -> Attributes:
        """The attributes of a message that the service signed. Raises NotOurs, BadSignature."""
        found = {name: text or b"" for name, text in headers}
        attributes = attributes_of(found, key)
        try:
            index, size, path = found["ce_batch"].decode("ascii").split(".")
            hashes = exactly(path)
            proof = [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
            signature = exactly(found["ce_signature"].decode("ascii"))
            place = _number(index), _number(size)
        except (KeyError, ValueError):
            raise BadSignature("it carries no signature that can be read") from None
        if not self._signatures.is_signed(_signed_part(attributes, value or b""), *place, proof, signature):
            raise BadSignature("the service did not sign this message")
        return attributes

    def unseal(self, attributes: Attributes, value: bytes | None) -> Delivery:
        """What a message with these attributes, whose signature was checked, says. Raises CannotOpen."""
        try:
            plain = self._decrypted(attributes, value)
            delivery = msgspec.json.decode(plain, type=Delivery)
        except (ValueError, RecursionError):
            raise CannotOpen("what is sealed is no delivery") from None
        outside = attributes.position, attributes.sequence, attributes.caseversion, attributes.schemaversion
        inside = delivery.position, delivery.sequence, delivery.version, delivery.schema
        if tuple(map(str, inside)) != outside:
            raise CannotOpen("sealed for another place in the log")
        return msgspec.structs.replace(delivery, id=attributes.id)

    def _decrypted(self, attributes: Attributes, value: bytes | None) -> bytes:
        """By whichever key opens it; the one that is called as the message says is tried first. Raises CannotOpen."""
        info = _info(attributes)
        for key in sorted(self.keys.values(), key=lambda key: key.id != attributes.keyid):
            with suppress(InvalidTag, ValueError):
                return SUITE.decrypt(value or b"", key.private, info=info)
        raise CannotOpen("sealed to a key that is not here, or not whole")


def attributes_of(headers: Mapping[str, bytes], key: bytes | None) -> Attributes:
    """The attributes of a message, not verified. Raises NotOurs."""
    try:
        if headers["ce_specversion"] != b"1.0" or headers["ce_type"] != TYPE.encode():
            raise NotOurs("of a type that this version does not read")
        values = {name: headers[f"ce_{name}"].decode("ascii") for name in ATTRIBUTES}
    except (KeyError, UnicodeDecodeError):
        raise NotOurs("an attribute is missing") from None
    if any(not text.isprintable() for text in values.values()):
        raise NotOurs("an attribute is not text on one line")
    numbers = "sequence", "casesequence", "position", "caseversion", "schemaversion"
    if not all(values[name].isdigit() and len(values[name]) < 19 for name in numbers):
        raise NotOurs("an attribute is not a number")
    if (key or b"") != values["partitionkey"].encode():
        raise NotOurs("the key is not the partition key")
    return Attributes(**values)


def to_cloudevent(message: Message) -> dict[str, str]:
    """A message as CloudEvents in JSON (cloudevents spec, json-format § 2 and 3.1.1): what goes over HTTP."""
    event = {name.removeprefix("ce_"): text.decode() for name, text in message.headers if name.startswith("ce_")}
    return {
        **event,
        "datacontenttype": CONTENT_TYPE,
        "data_base64": base64.b64encode(message.value).decode(),
    }


def from_cloudevent(event: Mapping[str, object]) -> tuple[list[tuple[str, bytes]], bytes, bytes]:
    """(headers, key, value) of a message that came as JSON. Raises NotOurs."""
    if not all(isinstance(text, str) for text in event.values()):
        raise NotOurs("an attribute is not text")
    texts = {name: str(text) for name, text in event.items()}
    try:
        value = base64.b64decode(texts.pop("data_base64"), validate=True)
        if texts.pop("datacontenttype") != CONTENT_TYPE:
            raise NotOurs("not a sealed message by its content type")
        headers = [(f"ce_{name}", text.encode("ascii")) for name, text in texts.items()]
        return [*headers, ("content-type", CONTENT_TYPE.encode())], texts["partitionkey"].encode(), value
    except (KeyError, ValueError):
        raise NotOurs("not a sealed message as CloudEvents JSON") from None


def _encoded(attributes: Attributes) -> list[bytes]:
    return [text.encode() for text in msgspec.structs.astuple(attributes)]


def _info(attributes: Attributes) -> bytes:
    return b"\n".join((INFO, *_encoded(attributes)))


def _signed_part(attributes: Attributes, value: bytes) -> bytes:
    return _info(attributes) + b"\n" + value


def _number(text: str) -> int:
    if not text.isdigit() or len(text) > 6 or (text[0] == "0" and text != "0"):
        raise ValueError("not a number")
    return int(text)


def _padded(plain: bytes) -> bytes:
    """To the next power of two, with white space that JSON does not mind: sizes tell little of what is inside."""
    size = SMALLEST
    while size < len(plain):
        size *= 2
    return plain.ljust(size)
