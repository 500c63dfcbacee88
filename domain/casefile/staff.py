"""Who of an agency works on a case, and who is excluded from it: what the table of standing asks of a person."""

from collections.abc import Mapping, Set
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..codes import AgencyKind, ReferralStatus, Role, Urgency
from ..fact import ActorId, AgencyCode, ExclusionId, ReferralId
from ..standing.relations import Relation
from ..standing.rows import Thing
from ..words import Words
from .state import EMPTY, Case, Part, Referral

TO_TAKE = frozenset({ReferralStatus.REQUESTED, ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED})
"""States of a referral in which no work began: somebody of its recipient has to take it. An emergency has to be
somebody's as long as it is open, and so has what a machine alone says that work began on."""
WORKERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER})
"""Who can be assigned to a case."""
MOVERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
"""Who can be assigned to a referral: who may move it, as to have it is to answer for it."""
NOT_EXCLUDED = Words("harus orang yang tidak dikecualikan dari kasus", "be somebody who is not excluded from the case")
Worker = tuple[AgencyCode, ActorId]
"""A person, as one of an agency."""


class Accompanying(Part, frozen=True):
    """A person of the lead's accompanies the survivor: another lead names another."""

    ends_with_lead = True
    worker: ActorId | None = None


class Exclusion(Struct, frozen=True):
    """That somebody is to see nothing of a case."""

    id: ExclusionId
    person: ActorId
    member_of: AgencyCode
    """Whose member they are; they are excluded for whatever agency they act."""
    kind: AgencyKind
    placed_by: AgencyCode
    """Whose it is to end."""
    together: UUID | None = None
    """The same of all that one act placed, for each agency of that person; None: of before exclusions said so."""


class Staff(Part, frozen=True):
    """Who is assigned, at each agency, and who is excluded."""

    assigned: Mapping[Worker, frozenset[ReferralId]] = EMPTY
    """To which referrals; to none: to the case at that agency."""
    exclusions: Mapping[ExclusionId, Exclusion] = EMPTY
    """Those that stand."""
    excluded: Set[ActorId] = frozenset()
    unheard: frozenset[ReferralId] = frozenset()
    """Received by the system, for the people of an imported log: nobody has said yet that they have it."""

    def waiting(self, case: Case, agency: AgencyCode) -> bool:
        """Whether a referral to that agency waits for somebody to take it. An emergency does until a person says that
        they have it, as who was assigned may be asleep; and again, also where the work began, when nobody has it any
        more."""
        return any(self.waits(referral) for referral in case.open_referrals_to(agency))

    def waits(self, referral: Referral) -> bool:
        """Whether that one does."""
        is_emergency = referral.urgency is Urgency.EMERGENCY
        in_time = referral.status.is_open and (is_emergency or referral.by_machine or referral.stands_as in TO_TAKE)
        if referral.sent_at is None or not in_time:
            return False
        is_heard = referral.status is not ReferralStatus.REQUESTED and referral.id not in self.unheard
        return (is_emergency and not is_heard) or not self.has_taken(referral.recipient, referral.id)

    def has_taken(self, agency: AgencyCode, referral: ReferralId) -> bool:
        """Whether anybody of that agency is assigned to a referral."""
        return any(at == agency and referral in to for (at, _), to in self.assigned.items())


def at_work_on(case: Case, referral: ReferralId | None) -> frozenset[Worker]:
    """Who is assigned to a referral, or to the case as a whole; None: to that alone."""
    assigned, worker = case.of(Staff).assigned, case.of(Accompanying).worker
    found = frozenset(who for who, to in assigned.items() if not to or referral in to)
    return found if worker is None else found | {(case.lead, worker)}


def _waiting(case: Case, id: ReferralId | None) -> Referral | None:
    referral = case.referrals.get(id) if id is not None else None
    return referral if referral is not None and case.of(Staff).waits(referral) else None


def _call(case: Case, id: ReferralId | None) -> Referral | None:
    referral = _waiting(case, id)
    return referral if referral is not None and referral.urgency is Urgency.EMERGENCY else None


CALL = Thing(
    "referral",
    Words("rujukan yang menunggu seseorang", "a referral that waits for somebody to take it"),
    find=_waiting,
    whose={Relation.ADDRESSEE: lambda referral, case: referral.recipient},
)
"""What somebody who is on call takes: no colleague's."""
EMERGENCY_CALL = replace(
    CALL, words=Words("rujukan darurat yang menunggu seseorang", "an emergency that waits for somebody"), find=_call
)


def workers(case: Case) -> frozenset[Worker]:
    """All who are assigned: whoever accompanies the survivor, at the lead, among them."""
    assigned, worker = frozenset(case.of(Staff).assigned), case.of(Accompanying).worker
    return assigned if worker is None else assigned | {(case.lead, worker)}


def takes(case: Case, who: Worker) -> bool:
    """Whether somebody who is assigned has a referral, or accompanies the survivor."""
    return bool(case.of(Staff).assigned.get(who)) or who == (case.lead, case.of(Accompanying).worker)
