"""The message on the wire.

Outside it is a CloudEvents 1.0 event in Kafka's binary mode (cloudevents spec, kafka-protocol-binding § 3.2):
every attribute a header `ce_…`, the value the sealed data. Nothing outside tells what the case is about: the
type is the same for all, the key is a pseudonym of the case that differs for every agency, sizes are padded.

Inside it is HPKE (RFC 9180, base mode) under the agency's public key, with the hybrid KEM ML-KEM-768 + X25519,
HKDF-SHA256 and AES-256-GCM: these records must stay secret for decades. The attributes are HPKE's `info`, so
none of them can be changed or moved to another message; an Ed25519 signature of the service over attributes
and ciphertext says who sent it.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from msgspec import Raw, Struct

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
TYPE = "id.rujukan.sealed.v1"
CONTENT_TYPE = "application/vnd.rujukan.sealed"
INFO = b"rujukan/delivery/1"
DELIVERIES = UUID("0d1a7b60-52c5-5b0e-8f5e-64656c697672")
"""Namespace of event ids (RFC 9562, version 5)."""
SMALLEST = 512
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64

Headers = Sequence[tuple[str, bytes]]


class Rejected(Exception):
    """A message that is not accepted. The reason names no content."""


class NotOurs(Rejected):
    """It is not one of the service's messages, or of a kind that this version does not read."""


class BadSignature(Rejected):
    """The service did not sign this."""


class CannotOpen(Rejected):
    """It is not sealed to any of these keys, or was changed."""


class Attributes(Struct, frozen=True):
    """What is plain of a message. Bound into the seal, in this order."""

    id: str
    source: str
    subject: str
    """The agency it is for."""
    position: str
    """Where the event stands in the log."""
    cursor: str
    """`P.N`: it is the N-th thing to tell this agency after the event at position P. Cursors only grow."""
    keyid: str
    key: str
    """The case's pseudonym for this agency; also the Kafka key."""


class Delivery(Struct, frozen=True):
    """An event as an agency is told of it: `data` has the fields of `compartments`, not those of `withheld`."""

    topic: str
    schema: int
    case: UUID
    version: int
    position: int
    recorded_at: datetime
    author: str
    actor: UUID
    compartments: list[str]
    withheld: list[str]
    data: Raw
    id: str = ""
    """The same whenever this is delivered again."""

    def fields(self) -> dict[str, Any]:
        """`data`, decoded."""
        return dict(msgspec.json.decode(self.data))


class AgencyKey:
    """An agency's key pair: what is told to it is sealed to this."""

    def __init__(self, id: str, mlkem_seed: bytes, x25519: bytes) -> None:
        self.id = id
        self._parts = mlkem_seed, x25519
        self._mlkem = MLKEM768PrivateKey.from_seed_bytes(mlkem_seed)
        self._x25519 = X25519PrivateKey.from_private_bytes(x25519)
        self.private = MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @classmethod
    def generate(cls, id: str) -> "AgencyKey":
        """A fresh pair."""
        mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        return cls(id, mlkem.private_bytes_raw(), x25519.private_bytes_raw())

    @property
    def public(self) -> str:
        """What is registered with the network: ML-KEM-768 then X25519, 1,216 bytes in base64url."""
        raw = self._mlkem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()
        return _b64(raw)

    def to_json(self) -> bytes:
        """For a file that only its owner may read."""
        seed, x25519 = self._parts
        return msgspec.json.encode(
            {"id": self.id, "mlkem768": _b64(seed), "x25519": _b64(x25519), "public": self.public}
        )

    @classmethod
    def from_json(cls, text: bytes) -> "AgencyKey":
        """Raises ValueError for what is not a key file."""
        try:
            kept = msgspec.json.decode(text, type=dict[str, str])
            return cls(kept["id"], _unb64(kept["mlkem768"]), _unb64(kept["x25519"]))
        except (msgspec.MsgspecError, KeyError, ValueError):
            raise ValueError("not an agency key file") from None


def public_key(encoded: str) -> MLKEM768X25519PublicKey:
    """A registered public key. Raises ValueError for what is none."""
    raw = _unb64(encoded)
    if len(raw) != _MLKEM_PUBLIC + 32:
        raise ValueError("a public key has 1,216 bytes")
    mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
    return MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:]))


def check_public_key(encoded: str) -> None:
    """Seals something to a public key. Raises ValueError where that cannot be done."""
    SUITE.encrypt(b"", public_key(encoded), info=INFO)


def delivery_id(agency: str, position: int, compartments: Iterable[int]) -> str:
    """The id of telling an agency these compartments of that event: always the same."""
    return str(uuid5(DELIVERIES, f"{agency}/{position}/{sum(1 << c for c in compartments)}"))


def pseudonym(secret: bytes, agency: str, case: UUID) -> str:
    """What stands for a case in an agency's topic; two agencies cannot join theirs."""
    return _b64(hmac.digest(secret, agency.encode() + b"\x00" + case.bytes, hashlib.sha256)[:16])


def seal(
    delivery: Delivery, attributes: Attributes, to: MLKEM768X25519PublicKey, signer: Ed25519PrivateKey
) -> tuple[Headers, bytes]:
    """(headers, value) of the message."""
    plain = msgspec.json.encode(delivery)
    info = _info(attributes)
    value = SUITE.encrypt(_padded(plain), to, info=info)
    signature = signer.sign(info + value)
    fields = msgspec.structs.asdict(attributes)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", TYPE.encode()),
        ("content-type", CONTENT_TYPE.encode()),
        *((f"ce_{name}", text.encode()) for name, text in fields.items() if name != "key"),
        ("ce_signature", _b64(signature).encode()),
    ]
    return headers, value


def open_sealed(
    headers: Iterable[tuple[str, bytes | None]],
    key: bytes | None,
    value: bytes | None,
    keys: Mapping[str, AgencyKey],
    service: Ed25519PublicKey,
) -> Delivery:
    """What a message says. Raises NotOurs, BadSignature, CannotOpen."""
    attributes = verified(headers, key, value, service)
    info = _info(attributes)
    mine = keys.get(attributes.keyid)
    if mine is None:
        raise CannotOpen("sealed to a key that is not here")
    try:
        plain = SUITE.decrypt(value or b"", mine.private, info=info)
        delivery = msgspec.json.decode(plain, type=Delivery)
    except (InvalidTag, ValueError, msgspec.MsgspecError):
        raise CannotOpen("not sealed to this key, or not whole") from None
    if str(delivery.position) != attributes.position:
        raise CannotOpen("sealed for another place in the log")
    return msgspec.structs.replace(delivery, id=attributes.id)


def verified(
    headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None, service: Ed25519PublicKey
) -> Attributes:
    """The attributes of a message that the service signed. Raises NotOurs, BadSignature."""
    found = {name: text or b"" for name, text in headers}
    attributes = attributes_of(found, key)
    try:
        signature = _unb64(found.get("ce_signature", b"").decode("ascii", "replace"))
        service.verify(signature, _info(attributes) + (value or b""))
    except (InvalidSignature, ValueError):
        raise BadSignature("the service did not sign this message") from None
    return attributes


def attributes_of(headers: Mapping[str, bytes], key: bytes | None) -> Attributes:
    """The attributes of a message. Raises NotOurs."""
    try:
        if headers["ce_specversion"] != b"1.0" or headers["ce_type"] != TYPE.encode():
            raise NotOurs("of a type that this version does not read")
        values = {f: headers[f"ce_{f}"].decode("ascii") for f in Attributes.__struct_fields__ if f != "key"}
        return Attributes(**values, key=(key or b"").decode("ascii"))
    except (KeyError, UnicodeDecodeError):
        raise NotOurs("an attribute is missing") from None


def _info(attributes: Attributes) -> bytes:
    return b"\n".join((INFO, TYPE.encode(), *(str(v).encode() for v in msgspec.structs.astuple(attributes))))


def _padded(plain: bytes) -> bytes:
    """To the next power of two, with white space that JSON does not mind: sizes tell little of what is inside."""
    size = SMALLEST
    while size < len(plain):
        size *= 2
    return plain.ljust(size)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def encoded_service_key(key: Ed25519PublicKey) -> str:
    """The service's public key as text, for agencies to pin."""
    return _b64(key.public_bytes_raw())


def service_key(text: str) -> Ed25519PublicKey:
    """The service's public key. Raises ValueError for what is none."""
    return Ed25519PublicKey.from_public_bytes(_unb64(text))
