"""What a process is handed of its keys: names that it needs, and no others.

Beside a home that has its own access control (a key service, a token in a slot) a handle says early what that would
refuse. Beside the local file it is a guard against mistakes alone: who can read the file has every key in it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from . import names
from .home import Bound, Home, Macs, PublicKeys, Rotation, Sharing, Signing, Wrapping
from .names import Allowed, Narrowed, named_in


class NotHanded(LookupError):
    """This process, or this part of it, was not handed that name, or not for such a message."""


class Signer(NamedTuple):
    """One signing key of one name."""

    signing: Signing
    name: str

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self.signing.public(self.name)

    def sign(self, data: bytes, /) -> bytes:
        """The raw signature."""
        return self.signing.sign(self.name, data)


class Keys:
    """The keys of one process. Each method gives a handle on what it names; it raises NotHanded for what this process
    does not need, and so does the handle for what was not named."""

    def __init__(self, home: Home, allowed: Allowed) -> None:
        self._home = home
        self._allowed = allowed

    def wrapping(self) -> Wrapping:
        """To wrap and unwrap data keys."""
        _require(self._allowed.wraps, "data keys")
        return _Wrapping(self._home)

    def rotation(self) -> Rotation:
        """To replace key-encryption keys."""
        _require(self._allowed.rotates, "rotation")
        return _Rotation(self._home)

    def macs(self, *named: str) -> Macs:
        """To make MACs under these names and families."""
        return _Macs(self._home, _handed(named, self._allowed.macs))

    def signing(self, *named: str) -> Signing:
        """To sign under these names and families."""
        return _Signing(self._home, _handed(named, self._allowed.signs))

    def signer(self, name: str) -> Signer:
        """To sign under this one name."""
        return Signer(self.signing(name), name)

    def public(self, *named: str) -> PublicKeys:
        """To ask for the public halves under these names and families."""
        return _Public(self._home, _handed(named, self._allowed.shows | self._allowed.signs))

    def sharing(self, *named: str) -> Sharing:
        """To tell the secrets under these names and families to whom they are shared with."""
        return _Sharing(self._home, _handed(named, self._allowed.shares))


class _Wrapping:
    def __init__(self, home: Home) -> None:
        self._home = home

    def wrap_many(self, keys: Sequence[Bound]) -> list[bytes]:
        return self._home.wrap_many(keys)

    def unwrap_many(self, wrapped: Sequence[Bound]) -> list[bytes]:
        return self._home.unwrap_many(wrapped)

    def refresh(self) -> None:
        self._home.refresh()


class _Rotation(_Wrapping):
    def ids(self) -> Sequence[str]:
        return self._home.ids()

    def add(self) -> str:
        return self._home.add()

    def destroy(self, id: str) -> None:
        self._home.destroy(id)


class _Scoped:
    def __init__(self, home: Home, handed: frozenset[str]) -> None:
        self._home = home
        self._handed = handed

    def _check(self, name: str) -> None:
        if name not in self._handed or name.endswith("/"):
            _require(named_in(name, self._handed), name)


class _Macs(_Scoped):
    def mac(self, name: str, message: bytes) -> bytes:
        self._check(name)
        return self._home.mac(name, message)


class _Public(_Scoped):
    def public(self, name: str) -> bytes:
        self._check(name)
        narrowed = names.NARROWED.get(name)
        return self._home.public(narrowed.key if narrowed else name)


class _Signing(_Public):
    def sign(self, name: str, message: bytes) -> bytes:
        self._check(name)
        narrowed: Narrowed | None = names.NARROWED.get(name)
        if narrowed is not None:
            _require(message.startswith(narrowed.begins), name)
            name = narrowed.key
        return self._home.sign(name, message)


class _Sharing(_Scoped):
    def shared(self, name: str) -> bytes:
        self._check(name)
        return self._home.shared(name)


def _handed(named: Sequence[str], allowed: frozenset[str]) -> frozenset[str]:
    """These names. Raises NotHanded where one is not among what is allowed: a family is allowed as itself only."""
    for name in named:
        _require(name in allowed or named_in(name, allowed), name)
    return frozenset(named)


def _require(is_handed: bool, name: str) -> None:
    if not is_handed:
        raise NotHanded(f"this process was not handed {name.partition('/')[0]}")
