"""The keys of the wire: an agency's key pair, to which messages are sealed, and the service's public key, by which
agencies know who sent them."""

import hashlib
from functools import cached_property
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from .base64url import b64, unb64

_MLKEM_PUBLIC = 1184


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
        return b64(raw)

    @cached_property
    def fingerprint(self) -> str:
        """By which the key is known: SHA-256 of the public key's bytes, in hex, as the service shows it."""
        return hashlib.sha256(unb64(self.public)).hexdigest()

    def to_json(self) -> bytes:
        """For a file that only its owner may read."""
        seed, x25519 = self._parts
        return msgspec.json.encode({"id": self.id, "mlkem768": b64(seed), "x25519": b64(x25519), "public": self.public})

    @classmethod
    def from_json(cls, text: bytes) -> "AgencyKey":
        """Raises ValueError for what is not a key file."""
        try:
            kept = msgspec.json.decode(text, type=dict[str, str])
            return cls(kept["id"], unb64(kept["mlkem768"]), unb64(kept["x25519"]))
        except (msgspec.MsgspecError, KeyError, ValueError):
            raise ValueError("not an agency key file") from None


class PublicKey(NamedTuple):
    """What an agency is sealed to, and the fingerprint by which it knows its private half."""

    key: MLKEM768X25519PublicKey
    fingerprint: str


def public_key(encoded: str) -> PublicKey:
    """A registered public key. Raises ValueError for what is none."""
    raw = unb64(encoded)
    if len(raw) != _MLKEM_PUBLIC + 32:
        raise ValueError("a public key has 1,216 bytes")
    mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
    x25519 = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:])
    return PublicKey(MLKEM768X25519PublicKey(mlkem, x25519), hashlib.sha256(raw).hexdigest())


SERVICE_KEY = "ed25519:"
"""So a service's key begins as text: it says what it is, and no command line takes it for an option, as one key in 64
would be that begins with a hyphen."""


def encoded_service_key(key: Ed25519PublicKey) -> str:
    """The service's public key as text, for agencies to pin: `ed25519:` and the key in base64url (RFC 4648 § 5)."""
    return SERVICE_KEY + b64(key.public_bytes_raw())


def service_key(text: str) -> Ed25519PublicKey:
    """The service's public key, with `ed25519:` before it or without. Raises ValueError for what is none."""
    return Ed25519PublicKey.from_public_bytes(unb64(text.removeprefix(SERVICE_KEY)))
