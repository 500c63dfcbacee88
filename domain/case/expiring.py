"""A consent that will run out soon: that is said well before, to the lead and to whom it names, while she can be asked.

When it ran out it acts as a withdrawn one does (consents.py): work is held, and copies are recalled.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..casefile.consenting import NAMED, live
from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.state import Case, Consent, Status
from ..causes import Cause
from ..compartment import Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, ConsentId, Fact, Short, recorded
from ..field_words import VERSION_OF_TIMES
from ..pathways import CONSENT_TIMES
from ..persistent import put
from ..refusal import StillRunning, Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE
from ..words import Words


@happened(
    Words("Masa persetujuan segera habis", "Consent will run out soon"),
    her=Words("Izin membagikan data Anda segera habis waktunya", "What lets your data be shared will run out soon"),
    means="Persetujuan itu, atau pembagian data tanpa persetujuan itu, tidak mencakup apa pun lagi mulai "
    "`expires_at`; masih ada waktu untuk menanyakannya kepada penyintas.",
    step=Step.CONSENT,
    to=NAMED,
    calls={"rule": VERSION_OF_TIMES},
)
class ConsentExpiring(Fact, frozen=True, kw_only=True, tag="case.ConsentExpiring"):
    """A consent, or a sharing without one, will cover nothing any more from `expires_at` on; there is time yet to ask
    her."""

    consent: Coordination[ConsentId]
    expires_at: Coordination[datetime]
    rule: Coordination[Short]
    """The version of the times by which it is said now."""


def warns_at(consent: Consent) -> datetime | None:
    """When it is to be said that it will run out; None for one that does not, or of which it was said."""
    if not consent.live or consent.expires_at is None or consent.warned:
        return None
    return CONSENT_TIMES.warns_at(consent.changed_at or consent.expires_at, consent.expires_at)


def _due(command: Any, case: Case, act: Act) -> datetime | None:
    return warns_at(case.consents[command.consent])


DUE = Cause(Words("masa persetujuan itu hampir habis", "the consent had little time left"), _due)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(DUE,),
    means="Memberi tahu bahwa masa persetujuan segera habis.",
)
class WarnOfExpiry(Fact, frozen=True, kw_only=True):
    """Say that a consent will run out soon."""

    consent: Coordination[ConsentId]


@applies(ConsentExpiring)
def consent_expiring(case: Case, event: ConsentExpiring) -> Case:
    warned = replace(case.consents[event.consent], warned=True)
    return replace(case, consents=put(case.consents, event.consent, warned))


@decides.register
def warn_of_expiry(command: WarnOfExpiry, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once, while it stands."""
    if case is None:
        raise Unknown(what="consent")
    consent = live(case, command.consent, act.at)
    due = warns_at(consent)
    if case.status is not Status.OPEN or due is None:
        raise WrongMove(consent=consent.id, move="warn")
    if act.at < due:
        raise StillRunning(due_at=due)
    return [recorded(ConsentExpiring, command, act, expires_at=consent.expires_at, rule=CONSENT_TIMES.version)]
