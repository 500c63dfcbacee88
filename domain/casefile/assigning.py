"""That somebody was assigned: several subjects come to it. Where an agency lets those alone work on a case who are
assigned, who opens one, or takes a referral that came in, is assigned by that, so that nothing is lost at night."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from ..codes import ReferralStatus
from ..compartment import Coordination
from ..declaring import Step, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, Fact, ReferralId
from ..persistent import put
from ..standing.rule import sees_all
from ..words import Words
from .deciding import follows
from .evolving import applies
from .moves import ReferralMove
from .staff import Staff
from .state import Case

TAKEN = frozenset({ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS})
"""Who brings a referral into one of these states has it from then on."""


@happened(
    Words("Petugas ditunjuk", "Person assigned"),
    her=Words("Petugas ditunjuk", "A person was assigned"),
    means="Seseorang di instansi yang mencatatnya mengerjakan kasus atau rujukan itu mulai sekarang.",
    step=Step.REPORT,
)
class PersonAssigned(Fact, frozen=True, kw_only=True, tag="case.PersonAssigned"):
    """A person of the agency that says it works on the case, or on a referral, from now on."""

    person: Coordination[ActorId]
    agency: Coordination[AgencyCode]
    referral: Coordination[ReferralId | None] = None


@applies(PersonAssigned)
def person_assigned(part: Staff, event: PersonAssigned) -> Staff:
    worker = (event.agency, event.person)
    to = {event.referral} if event.referral is not None else set()
    assigned = put(part.assigned, worker, part.assigned.get(worker, frozenset()) | to)
    return replace(part, assigned=assigned, unheard=part.unheard - to)


def assigned_to_self(act: Act, at: datetime, referral: ReferralId | None = None) -> list[Fact]:
    """That who acts is assigned, where they would not be shown the case otherwise."""
    if sees_all(act):
        return []
    return [PersonAssigned(occurred_at=at, person=act.actor, agency=act.agency, referral=referral)]


@follows
def assign_who_takes(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Who says that they have a referral that came in, accepts it, or begins the work, is assigned to it."""
    if before is None or not isinstance(change, ReferralMove):
        return []
    if after.referrals[change.referral].status not in TAKEN:
        return []
    staff = before.of(Staff)
    held = staff.assigned.get((act.agency, act.actor), frozenset()) - staff.unheard
    if change.referral in held or before.referrals[change.referral].status is after.referrals[change.referral].status:
        return []
    return assigned_to_self(act, change.occurred_at, change.referral)


name_fields(person=field("Orang", "Person"))
