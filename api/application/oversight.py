"""What the log itself says of who holds what, and of what people were told, for reports that a court is shown: no read
model's row is in them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from ...domain.access import AccessRecorded
from ...domain.codes import AgencyKind
from ...domain.disclosure import Written
from ...domain.fact import AgencyCode
from ...domain.holdings import CaseHeld
from ...domain.oversight import Look


class HeldFound(NamedTuple):
    """Cases as the log tells them, and its positions of what of them does not open, or is gone before them: what was
    held in those cases is not known."""

    found: Mapping[UUID, CaseHeld]
    unread: Sequence[int]


class NoticesFound(NamedTuple):
    """Notices that an agency was given, as they stand in the log, and its positions of those that do not open."""

    found: Sequence[Written]
    unread: Sequence[int]


class Oversight(Protocol):
    """The log, asked for reports on agencies and their people."""

    def held_by(self, agency: AgencyCode) -> HeldFound:
        """Every case that the agency ever led, or in which it drafted or was named in a referral, but erased ones."""
        ...

    def led_by(self, agency: AgencyCode) -> Collection[UUID]:
        """The cases that it leads now; of erased ones, those that it led last."""
        ...

    def cases(self, cases: Collection[UUID]) -> HeldFound:
        """These cases. Of an erased one it is known who led it last, and who recorded that it was erased."""
        ...

    def erased(self) -> Collection[UUID]:
        """The cases that were erased as a whole."""
        ...

    def notices(self, agency: AgencyCode, since: datetime, until: datetime) -> NoticesFound:
        """What its people were told of as unusual, done between these instants, in the order of the log."""
        ...


def looks_of(
    readings: Sequence[Written],
    held: Mapping[UUID, CaseHeld],
    kinds: Mapping[AgencyCode, AgencyKind],
    asker: AgencyCode,
    grace: timedelta,
) -> list[Look]:
    """Readings, with how the reader stood to the case at that moment, as far as the asking agency may know: of a case
    that it does not lead, what was done in its own name."""
    return [
        _look(w, w.event, held.get(w.event.subject), kinds.get(w.author), asker, grace)
        for w in readings
        if isinstance(w.event, AccessRecorded)
    ]


def _look(
    w: Written,
    reading: AccessRecorded,
    held: CaseHeld | None,
    kind: AgencyKind | None,
    asker: AgencyCode,
    grace: timedelta,
) -> Look:
    held = held or CaseHeld(asker)
    leads = held.lead == asker
    acts = (at for (who, agency), at in held.acted.items() if who == w.actor and (leads or agency == asker))
    then = [span for span in held.spans if span.held_before(w.position)]
    return Look(
        position=w.position,
        case=reading.subject,
        agency=w.author,
        kind=kind,
        actor=w.actor,
        role=reading.role,
        purpose=reading.purpose,
        what=reading.what,
        at=w.at,
        acted=any(at <= w.at + grace for at in acts),
        accompanied=any(span.worker == w.actor for span in then),
        took_part=any(span.agency == w.author and span.status != "draft" for span in then),
    )
