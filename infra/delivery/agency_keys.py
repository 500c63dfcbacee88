"""What tellings are sealed to: the public keys that the agencies have registered, read from their streams."""

from time import monotonic
from uuid import UUID

from ...consumers.wire import envelope
from ...domain import agency as agencies
from ...domain.agency_state import Agency
from ...domain.memory import Memory
from ..store.data_keys import KeyGone
from ..store.event_store import EventStore
from ..store.sealed_record import BrokenSeal

KEYS_SECONDS = 1.0
REMEMBERED = 1_000
"""Agencies, and keys, that are remembered: some kB each."""


class NotTold(Exception):
    """A telling that cannot be sealed now. The words name the agency, and no content."""


class NoKey(NotTold):
    """The agency has registered no key: nothing can be sealed to it."""


class BadKey(NoKey):
    """Its key was stored before keys were checked, and is none."""


class KeyDamaged(BadKey):
    """What is stored of the agency itself is damaged, so nobody knows what to seal to."""

    def __init__(self, agency: str, stream: UUID) -> None:
        super().__init__(f"what is stored of {agency} is damaged")
        self.stream = stream


class KeyBook:
    """The agencies' public keys, from their streams; read again after a while, as a key may have come meanwhile."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._agencies: Memory[str, tuple[float, Agency | None]] = Memory(REMEMBERED, lambda _: 1)
        self._public: Memory[str, envelope.PublicKey] = Memory(REMEMBERED, lambda _: 1)

    def key(self, agency: str, id: str) -> tuple[str, envelope.PublicKey]:
        """(id, key) that what was told under this key is sealed to now: that key, or the one that its history was
        re-sealed to; the agency's first where it had none. Raises NoKey, BadKey, KeyDamaged."""
        found = self._sealed_to(agency, id)
        if found is None:
            self.forget(agency)  # it may have been registered since
            found = self._sealed_to(agency, id)
        if found is None:
            raise NoKey(f"{agency} has registered no key")
        id, public = found
        key = self._public.get(public)
        if key is None:
            try:
                key = self._public[public] = envelope.public_key(public)
            except ValueError:
                raise BadKey(f"nothing can be sealed to the key of {agency}") from None
        return id, key

    def forget(self, agency: str) -> None:
        """Read the agency anew the next time."""
        self._agencies.pop(agency, None)

    def _sealed_to(self, agency: str, id: str) -> tuple[str, str] | None:
        known = self._agency(agency)
        return known.sealed_to(id) if known is not None else None

    def _agency(self, code: str) -> Agency | None:
        now = monotonic()
        read, agency = self._agencies.get(code, (0.0, None))
        if agency is None or now - read > KEYS_SECONDS:
            stream = agencies.agency_stream(code)
            try:
                agency = agencies.fold(o.event for o in self._store.read(stream))
            except (BrokenSeal, KeyGone):
                raise KeyDamaged(code, stream) from None
            self._agencies[code] = now, agency
        return agency
