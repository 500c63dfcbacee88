"""What a home of keys does. A key has a name and stays at home: it is asked to wrap, to sign, to make a MAC.

Each protocol is what one kind of caller needs; `Home` is all of them, and what a key service has to fulfil to take the
place of the local file (`local.py`).
"""

from collections.abc import Sequence
from typing import Protocol

Bound = tuple[bytes, bytes]
"""A data key, or a wrapped one; and the context that its wrapping is bound to."""


class UnwrapFailed(Exception):
    """A wrapped key is not one of this home's, was changed, or was wrapped for another context."""


class UnknownName(LookupError):
    """There is no key of that name that does this."""


class Wrapping(Protocol):
    """Wraps data keys. A wrapped key opens only under the context that it was wrapped for.

    It begins with the length of the id of its key-encryption key, one byte, and the id, in ASCII: so the database can
    tell, without opening anything, what is still wrapped under which (`id_of`)."""

    def wrap_many(self, keys: Sequence[Bound]) -> list[bytes]:
        """These keys, in order, each encrypted under the newest key-encryption key."""
        ...

    def unwrap_many(self, wrapped: Sequence[Bound]) -> list[bytes]:
        """The keys, in order. Raises UnwrapFailed where one of them does not open."""
        ...

    def refresh(self) -> None:
        """Learn what others changed, and forget what they destroyed. What cannot be read now changes nothing."""
        ...


class Rotation(Wrapping, Protocol):
    """Replaces key-encryption keys: for the operator's command, and for no process that serves."""

    def ids(self) -> Sequence[str]:
        """The key-encryption keys there are, the active one last."""
        ...

    def add(self) -> str:
        """Make a new key-encryption key, which is active from now on; its id. Durable on return."""
        ...

    def destroy(self, id: str) -> None:
        """Destroy a key-encryption key for good: what is wrapped under it can never be opened again. Durable on
        return; nothing happens where it is not there. Raises ValueError for the active one."""
        ...


class PublicKeys(Protocol):
    """The public halves of the signing keys."""

    def public(self, name: str) -> bytes:
        """The raw public key. Raises UnknownName."""
        ...


class Signing(PublicKeys, Protocol):
    """Signs by name; the name says with which algorithm (`names.algorithm_of`)."""

    def sign(self, name: str, message: bytes) -> bytes:
        """The raw signature. Raises UnknownName."""
        ...


class Macs(Protocol):
    """Keyed hashes by name: what stands for something, and tells nothing without the key."""

    def mac(self, name: str, message: bytes) -> bytes:
        """HMAC-SHA256, 32 bytes. Raises UnknownName."""
        ...


class Sharing(Protocol):
    """Secrets that are made to be told to somebody outside. They are the only keys that ever leave home."""

    def shared(self, name: str) -> bytes:
        """The 32 bytes that `Macs.mac` computes with under this name. Raises UnknownName."""
        ...


class Home(Rotation, Signing, Macs, Sharing, Protocol):
    """All of it, for all names. A process is handed parts of it (`handles.Keys`)."""


def id_of(wrapped: bytes) -> str:
    """The key-encryption key that something is wrapped under. Raises UnwrapFailed."""
    try:
        return wrapped[1 : 1 + wrapped[0]].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise UnwrapFailed("not a wrapped key") from None
