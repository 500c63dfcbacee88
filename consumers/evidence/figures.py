"""The figures that a report of a bundle and the verifier both print, for a person to compare: which they are, in which
order, and how each is written. Both take them from here, so that equal facts are equal lines.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal, NamedTuple

from .bundles import Verified
from .notes import ED25519

Language = Literal["id", "en"]

ZONE = timezone(timedelta(hours=8), "WITA")
"""The zone of the network: every time that a person reads of a bundle is said in it, and names it."""
MONTHS = {
    "id": (
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli"),
        *("Agustus", "September", "Oktober", "November", "Desember"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
}
LABELS: dict[str, tuple[str, str]] = {
    "case": ("Nomor kasus", "Case"),
    "bundle": ("Nomor bundel", "Bundle"),
    "made_at": ("Dibuat pada", "Made at"),
    "as_of": ("Keadaan per", "State as of"),
    "position": ("Sampai posisi log", "Up to ledger position"),
    "events": ("Jumlah peristiwa kasus", "Events of the case"),
    "accesses": ("Jumlah pembukaan isi", "Recorded openings of content"),
    "origin": ("Asal log", "Log"),
    "size": ("Jumlah catatan log", "Entries of the log"),
    "root": ("Nilai akar log (heksadesimal)", "Root of the log (hexadecimal)"),
    "log_key": ("Kunci log", "Key of the log"),
}
"""Figure → what it is called, in the order in which the figures are printed."""


class Figures(NamedTuple):
    """What is compared, one figure a line of `LABELS`."""

    case: str
    bundle: str
    made_at: datetime
    as_of: datetime
    position: int
    events: int
    accesses: int
    origin: str
    size: int
    root: str
    """64 hexadecimal digits."""
    log_key: str
    """The verifier key of the log (`name+hash+key`)."""


def figures_of(verified: Verified) -> Figures:
    """Those of a bundle that holds. Raises ValueError where its manifest says a time that is none."""
    manifest, head = verified.manifest, verified.checkpoint
    return Figures(
        case=manifest["case"],
        bundle=manifest["disclosure"],
        made_at=datetime.fromisoformat(manifest["made_at"]),
        as_of=datetime.fromisoformat(manifest["as_of"]["at"]),
        position=manifest["as_of"]["position"],
        events=len(verified.events),
        accesses=len(verified.accesses),
        origin=head.origin,
        size=head.size,
        root=head.root.hex(),
        log_key=next((key.vkey for key in verified.log if key.kind == ED25519), "-"),
    )


def lines(figures: Figures, language: Language) -> Iterator[tuple[str, str]]:
    """(what it is called, the figure), in the order of `LABELS`."""
    for key, label in LABELS.items():
        value = getattr(figures, key)
        yield label[language == "en"], instant(value, language) if isinstance(value, datetime) else str(value)


def day(at: datetime, language: Language) -> str:
    """The day in the network's zone: `29 November 2026`. Raises OverflowError at the calendar's ends."""
    return date_of(at.astimezone(ZONE).date(), language)


def date_of(on: date, language: Language) -> str:
    """A date in words."""
    return f"{on.day} {MONTHS[language][on.month - 1]} {on.year}"


def clock(at: datetime, language: Language) -> str:
    """The time of day there, rounded down to the second: `18.06.45 WITA`, in English `18:06:45 WITA`."""
    return f"{at.astimezone(ZONE):{'%H:%M:%S' if language == 'en' else '%H.%M.%S'}} {ZONE}"


def brief(at: datetime, language: Language) -> str:
    """`29 Nov 2026, 18.06.45`, in English `29 Nov 2026, 18:06:45`: for a table under which the zone is named. Raises
    OverflowError at the calendar's ends."""
    on, time = at.astimezone(ZONE), clock(at, language).removesuffix(f" {ZONE}")
    return f"{on.day} {MONTHS[language][on.month - 1][:3]} {on.year}, {time}"


def instant(at: datetime, language: Language) -> str:
    """`29 November 2026 pukul 18.06.45 WITA`, in English `29 November 2026, 18:06:45 WITA`.

    Raises ValueError for a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be said")
    try:
        return f"{day(at, language)}{', ' if language == 'en' else ' pukul '}{clock(at, language)}"
    except OverflowError:  # first or last day of the calendar
        return f"{at.astimezone(UTC).isoformat(' ', 'seconds')}"
