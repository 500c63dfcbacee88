"""Key-encryption keys: who wraps the data keys, and the service's own secrets.

`KeyProvider` is what a provider must do. `LocalKeyring` keeps the keys in one file, for development and
for a single host whose disk is trusted; a key service takes its place by the same protocol.
"""

import base64
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
UNFINISHED = "keyring-new-"


class UnwrapFailed(Exception):
    """A wrapped key is not one of this keyring's, or was changed."""


class KeyProvider(Protocol):
    """Wraps data keys, and derives the service's secrets. `context` is bound to the wrapping: a wrapped
    key opens only under the context that it was wrapped for.

    A wrapped key begins with the length of the id of its key-encryption key, one byte, and the id, in ASCII: so the
    database can tell, without opening anything, what is still wrapped under which (`id_of`)."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """The key, encrypted under the newest key-encryption key."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The key. Raises UnwrapFailed."""
        ...

    def secret(self, name: str) -> bytes:
        """32 bytes, always the same for a name, that nobody without the provider can tell."""
        ...

    def ids(self) -> Sequence[str]:
        """The key-encryption keys there are, the active one last."""
        ...

    def refresh(self) -> None:
        """Learn what others changed, and forget what they destroyed. What cannot be read now changes nothing."""
        ...

    def add(self) -> str:
        """Make a new key-encryption key, which is active from now on; its id. Durable on return."""
        ...

    def destroy(self, id: str) -> None:
        """Destroy a key-encryption key for good: what is wrapped under it can never be opened again. Durable on
        return; nothing happens where it is not there. Raises ValueError for the active one."""
        ...


def id_of(wrapped: bytes) -> str:
    """The key-encryption key that something is wrapped under. Raises UnwrapFailed."""
    try:
        return wrapped[1 : 1 + wrapped[0]].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise UnwrapFailed("not a wrapped key") from None


class _Kept(NamedTuple):
    """What stands in the file, and which file that was."""

    seen: tuple[int, int, int]
    active: str
    keys: dict[str, bytes]
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

    def wrap(self, key: bytes, context: bytes) -> bytes:
        self.refresh()
        kept = self._kept
        id = kept.active.encode()
        nonce = os.urandom(NONCE_BYTES)
        return bytes((len(id),)) + id + nonce + AESGCM(kept.keys[kept.active]).encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        id = id_of(wrapped)
        if id not in self._kept.keys:
            self.refresh()
        start = 1 + len(id)
        try:
            kek = self._kept.keys[id]
            return AESGCM(kek).decrypt(wrapped[start : start + NONCE_BYTES], wrapped[start + NONCE_BYTES :], context)
        except (KeyError, ValueError, InvalidTag):
            raise UnwrapFailed("a data key cannot be unwrapped with this keyring") from None

    def secret(self, name: str) -> bytes:
        return hmac.digest(self._kept.root, name.encode(), hashlib.sha256)

    def ids(self) -> Sequence[str]:
        self.refresh()
        kept = self._kept
        return [*(id for id in kept.keys if id != kept.active), kept.active]

    def refresh(self) -> None:
        with self._lock, suppress(FileNotFoundError):
            if _seen(self.file) != self._kept.seen:
                self._kept = _load(self.file)

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
            new = _written(self.file.parent, kept, UNFINISHED)
            new.rename(self.file)
            _sync(self.file.parent)
            size = os.fstat(old.fileno()).st_size
            old.write(bytes(size))
            old.flush()
            os.fsync(old.fileno())


def _load(file: Path) -> _Kept:
    """Reads the file; again where it was replaced meanwhile. Raises PermissionError, ValueError."""
    while True:
        seen = _seen(file)
        if file.stat().st_mode & 0o077:
            raise PermissionError(f"{file} can be read by others; chmod 600 it")
        try:
            kept = json.loads(file.read_text())
            active, root = str(kept["active"]), _key(kept["root"])
            keys = {id: _key(key) for id, key in kept["keys"].items()}
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
    """Written whole and then linked into place, so that two processes starting at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = {"active": "kek-1", "keys": {"kek-1": _random()}, "root": _random()}
    written = _written(file.parent, fresh)
    try:
        os.link(written, file)
    except FileExistsError:
        return
    finally:
        written.unlink()
    _sync(file.parent)


def _written(directory: Path, kept: dict[str, Any], prefix: str | None = None) -> Path:
    """A new file, for its owner only, with that in it, on the disk."""
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=prefix, delete=False) as out:
        json.dump(kept, out)
        out.flush()
        os.fsync(out.fileno())
    return Path(out.name)


def _sync(directory: Path) -> None:
    """Make the directory's entries durable."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _random() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
