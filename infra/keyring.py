"""Key-encryption keys: who wraps the data keys, and the service's own secrets.

`KeyProvider` is what a provider must do. `LocalKeyring` keeps the keys in one file, for development and
for a single host whose disk is trusted; a key service takes its place by the same protocol.
"""

import base64
import hashlib
import hmac
import json
import os
import tempfile
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class UnwrapFailed(Exception):
    """A wrapped key is not one of this keyring's, or was changed."""


class KeyProvider(Protocol):
    """Wraps data keys, and derives the service's secrets. `context` is bound to the wrapping: a wrapped
    key opens only under the context that it was wrapped for."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The key, encrypted under the newest key-encryption key."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key. Raises UnwrapFailed."""
        ...

    def secret(self, name: str) -> bytes:
        """32 bytes, always the same for a name, that nobody without the provider can tell."""
        ...


class LocalKeyring:
    """A keyring in a JSON file that only its owner may read (mode 0600).

    A wrapped key is `id-length:1 id nonce:12 AES-256-GCM(key)`; id names the key-encryption key.
    """

    def __init__(self, file: Path) -> None:
        """Opens the file, or makes it with fresh keys where there is none.
        Raises PermissionError where others may read it, ValueError where it is not a keyring."""
        self.file = file
        if not file.exists():
            _create(file)
        if file.stat().st_mode & 0o077:
            raise PermissionError(f"{file} can be read by others; chmod 600 it")
        try:
            kept = json.loads(file.read_text())
            self._active: str = kept["active"]
            self._keys = {id: _key(key) for id, key in kept["keys"].items()}
            self._root = _key(kept["root"])
            if self._active not in self._keys:
                raise KeyError
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ValueError(f"{file} is not a keyring") from None

    def wrap(self, key: bytes, context: bytes) -> bytes:
        id = self._active.encode()
        nonce = os.urandom(NONCE_BYTES)
        return bytes((len(id),)) + id + nonce + AESGCM(self._keys[self._active]).encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            start = 1 + wrapped[0]
            kek = self._keys[wrapped[1:start].decode()]
            return AESGCM(kek).decrypt(wrapped[start : start + NONCE_BYTES], wrapped[start + NONCE_BYTES :], context)
        except (IndexError, KeyError, UnicodeDecodeError, ValueError, InvalidTag):
            raise UnwrapFailed("a data key cannot be unwrapped with this keyring") from None

    def secret(self, name: str) -> bytes:
        return hmac.digest(self._root, name.encode(), hashlib.sha256)


def _create(file: Path) -> None:
    """Written whole and then linked into place, so that two processes starting at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = {"active": "kek-1", "keys": {"kek-1": _random()}, "root": _random()}
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as out:
        json.dump(fresh, out)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(out.name, file)
    except FileExistsError:
        return
    finally:
        Path(out.name).unlink()


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _random() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
