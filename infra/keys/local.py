"""The keys in one file: for development, and for a single host whose disk is trusted.

Wrapping is AES-256-GCM under random keys that the file lists. All else is derived from the file's root by HMAC-SHA256
of its name: the seed of a signing key, the key of a MAC. So those stay as they are when key-encryption keys are
rotated, and whoever reads the file, or the memory of a process that read it, has them all.
"""

import base64
import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...consumers import durable
from .home import Bound, UnknownName, UnwrapFailed, id_of
from .names import MACS, SHARED, Algorithm, algorithm_of, named_in

KEY_BYTES = 32
NONCE_BYTES = 12
UNFINISHED = "keyring-new-"


class _Kept(NamedTuple):
    """What stands in the file, and which file that was."""

    seen: tuple[int, int, int]
    active: str
    keys: dict[str, AESGCM]
    root: bytes


class LocalKeyring:
    """A keyring in a JSON file that only its owner may read (mode 0600).

    A wrapped key is `id-length:1 id nonce:12 AES-256-GCM(key)`; id names the key-encryption key. Who changes the
    file replaces it whole, under a lock beside it; everybody else reads it again when it is another one than before,
    so that all processes of the host learn of a new key, and forget a destroyed one.
    """

    def __init__(self, file: Path) -> None:
        """Opens the file, or makes it with fresh keys where there is none.
        Raises PermissionError where others may read it, ValueError where it is not a keyring."""
        self.file = file
        if not file.exists():
            _create(file)
        self._lock = Lock()
        self._kept = _load(file)
        self._mac_keys: dict[str, bytes] = {}
        self._signers: dict[str, Ed25519PrivateKey | MLDSA44PrivateKey] = {}

    # Wrapping --------------------------------------------------------------------------------------------------

    def wrap_many(self, keys: Sequence[Bound]) -> list[bytes]:
        self.refresh()
        kept = self._kept
        start, cipher = _length_and(kept.active), kept.keys[kept.active]
        wrapped = []
        for key, context in keys:
            nonce = os.urandom(NONCE_BYTES)
            wrapped.append(start + nonce + cipher.encrypt(nonce, key, context))
        return wrapped

    def unwrap_many(self, wrapped: Sequence[Bound]) -> list[bytes]:
        return [self._unwrap(each, context) for each, context in wrapped]

    def _unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        id = id_of(wrapped)
        if id not in self._kept.keys:
            self.refresh()
        start = 1 + len(id)
        try:
            kek = self._kept.keys[id]
            return kek.decrypt(wrapped[start : start + NONCE_BYTES], wrapped[start + NONCE_BYTES :], context)
        except (KeyError, ValueError, InvalidTag):
            raise UnwrapFailed("a data key cannot be unwrapped with this keyring") from None

    def refresh(self) -> None:
        with self._lock, suppress(FileNotFoundError):
            if _seen(self.file) != self._kept.seen:
                self._kept = _load(self.file)

    def ids(self) -> Sequence[str]:
        self.refresh()
        kept = self._kept
        return [*(id for id in kept.keys if id != kept.active), kept.active]

    def add(self) -> str:
        with self._changing() as now:
            id = f"kek-{secrets.token_hex(8)}"
            self._replace({**now, "active": id, "keys": {**now["keys"], id: _random()}})
        return id

    def destroy(self, id: str) -> None:
        with self._changing() as now:
            if id == now["active"]:
                raise ValueError("the active key-encryption key is not destroyed; add another first")
            if id in now["keys"]:
                self._replace({**now, "keys": {other: key for other, key in now["keys"].items() if other != id}})

    # Names -----------------------------------------------------------------------------------------------------

    def public(self, name: str) -> bytes:
        return self._signer(name).public_key().public_bytes_raw()

    def sign(self, name: str, message: bytes) -> bytes:
        return self._signer(name).sign(message)

    def mac(self, name: str, message: bytes) -> bytes:
        key = self._mac_keys.get(name)
        if key is None:
            if not named_in(name, MACS):
                raise UnknownName("no key of that name makes MACs")
            key = self._derived(name)
            if name in MACS:  # of a family there are as many as agencies set webhooks
                self._mac_keys[name] = key
        return hmac.digest(key, message, "sha256")

    def shared(self, name: str) -> bytes:
        if not named_in(name, SHARED):
            raise UnknownName("no secret of that name is shared")
        return self._derived(name)

    def _signer(self, name: str) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        """The private key; those used before are kept, as it takes as long to make one as to sign with it."""
        signer = self._signers.get(name)
        if signer is None:
            match algorithm_of(name):
                case Algorithm.ED25519:
                    signer = Ed25519PrivateKey.from_private_bytes(self._derived(name))
                case Algorithm.ML_DSA_44:
                    signer = MLDSA44PrivateKey.from_seed_bytes(self._derived(name))
            self._signers[name] = signer
        return signer

    def _derived(self, name: str) -> bytes:
        return hmac.digest(self._kept.root, name.encode(), "sha256")

    # The file --------------------------------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """What the file says, while nobody else may change it."""
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _load(self.file)
            for unfinished in self.file.parent.glob(f"{UNFINISHED}*"):  # of one who was killed: there are keys in it
                unfinished.write_bytes(bytes(unfinished.stat().st_size))
                unfinished.unlink()
            yield json.loads(self.file.read_text())
        self.refresh()

    def _replace(self, kept: dict[str, Any]) -> None:
        """Put a new file in the old one's place, and overwrite the old one's blocks as far as the disk lets us."""
        with self.file.open("rb+") as old:
            durable.replace(self.file, json.dumps(kept).encode(), prefix=UNFINISHED)
            size = os.fstat(old.fileno()).st_size
            old.write(bytes(size))
            old.flush()
            os.fsync(old.fileno())


def _length_and(id: str) -> bytes:
    return bytes((len(id),)) + id.encode()


def _load(file: Path) -> _Kept:
    """Reads the file; again where it was replaced meanwhile. Raises PermissionError, ValueError."""
    while True:
        seen = _seen(file)
        if file.stat().st_mode & 0o077:
            raise PermissionError(f"{file} can be read by others; chmod 600 it")
        try:
            kept = json.loads(file.read_text())
            active, root = str(kept["active"]), _key(kept["root"])
            keys = {id: AESGCM(_key(key)) for id, key in kept["keys"].items()}
            if active not in keys:
                raise KeyError
        except (KeyError, ValueError, TypeError, AttributeError):
            if _seen(file) != seen:
                continue
            raise ValueError(f"{file} is not a keyring") from None
        return _Kept(seen, active, keys, root)


def _seen(file: Path) -> tuple[int, int, int]:
    about = file.stat()
    return about.st_ino, about.st_mtime_ns, about.st_size


def _create(file: Path) -> None:
    """Fresh keys, where no other process that starts at the same time makes them: both agree on one."""
    durable.directory(file.parent, 0o700)
    fresh = {"active": "kek-1", "keys": {"kek-1": _random()}, "root": _random()}
    with suppress(FileExistsError):
        durable.create(file, json.dumps(fresh).encode())


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _random() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
