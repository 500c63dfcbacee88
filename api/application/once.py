"""A request that is sent again has one effect: its idempotency key is stored in the commit of what it did."""

import hmac
from typing import NamedTuple

import msgspec

from ...domain.fact import Act
from .ports import Log, Macs, Retryable


class KeyReused(Exception):
    """The Idempotency-Key was used for another request."""


class Sent(NamedTuple):
    """The key that a request came with, and what identifies the request."""

    key: str
    content: bytes
    """What it says, in the one form that all ways of writing it have."""
    as_before: tuple[bytes, ...] = ()
    """What keys that were stored by older releases hold of it: its bytes, and the form that was used next."""


class Done(NamedTuple):
    """The effect of a command. `id` is what it made, or the stream's own name where it has one; `position` is 0 where
    nothing was new."""

    id: str | None
    version: int
    position: int
    replayed: bool = False
    waits: bool = False
    """It takes a second person: `id` is that of the proposal (domain/proposal.py), and nothing is done yet."""


class Once:
    """Remembers what was done under which key."""

    def __init__(self, log: Log, macs: Macs) -> None:
        self._log = log
        self._macs = macs

    def before(self, act: Act, sent: Sent | None) -> Done | None:
        """What the request did when it came before; None where it did not, or has no key. Raises KeyReused."""
        if sent is None:
            return None
        before = self._log.repeated(self._hash(act, b"key", sent.key.encode()))
        if before is None:
            return None
        same = (self._hash(act, b"content", said) for said in (sent.content, *sent.as_before))
        if not any(hmac.compare_digest(before.fingerprint, one) for one in same):
            raise KeyReused("this Idempotency-Key came with another request")
        id, version, *waits = msgspec.json.decode(before.answer)
        return Done(id, version, before.position, replayed=True, waits=bool(waits))

    def retryable(
        self, act: Act, sent: Sent | None, id: str | None, version: int, waits: bool = False
    ) -> Retryable | None:
        """What is stored beside the events, so that the request can be sent again."""
        if sent is None:
            return None
        answer = msgspec.json.encode([id, version, True] if waits else [id, version])
        return Retryable(self._hash(act, b"key", sent.key.encode()), self._hash(act, b"content", sent.content), answer)

    def _hash(self, act: Act, what: bytes, value: bytes) -> bytes:
        """Keyed, so that a copy of the database does not tell what was asked; per agency and person."""
        message = b"\x00".join((what, act.agency.encode(), act.actor.bytes, value))
        return self._macs.mac("idempotency", message)
