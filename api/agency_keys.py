"""An agency's public keys, and the re-sealing that waits for a second person: what to see before one approves it."""

from msgspec import Struct

from ..domain.agency_keys import fingerprint
from ..domain.agency_state import Agency, Resealing, require_agency
from ..domain.standing.readings import KEYS
from .application.reading import Asked
from .application.rooms import Rooms
from .reads import Read


class KeyView(Struct, frozen=True):
    """A key that was registered. To be compared with what the agency says by another way than this one."""

    key: str
    fingerprint: str
    """SHA-256 of the public key's bytes, in hex."""
    in_use: bool
    resealed_to: str | None
    """The key that what was told under this one is sealed to now, where it was lost."""


class KeysView(Struct, frozen=True):
    """An agency's keys, the newest last, and the re-sealing that somebody asked for and nobody decided."""

    keys: list[KeyView]
    resealing: Resealing | None


def show_keys(rooms: Rooms, asked: Asked, *, code: str) -> KeysView:
    return _view(require_agency(rooms.network.get(code)))


READS = (
    Read(
        "/agencies/{code}/keys",
        show_keys,
        KeysView,
        "agencies",
        KEYS,
        summary="An agency's public keys, and the re-sealing that waits for a second person",
    ),
)


def _view(agency: Agency) -> KeysView:
    keys = [
        KeyView(key, fingerprint(public), key in agency.keys, agency.resealed.get(key))
        for key, public in agency.public_keys.items()
    ]
    return KeysView(keys, agency.resealing)
