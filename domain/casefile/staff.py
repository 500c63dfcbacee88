"""Who of an agency works on a case, and who is excluded from it: what the table of standing asks of a person."""

from collections.abc import Mapping, Set

from msgspec import Struct

from ..codes import AgencyKind, ReferralStatus, Role, Urgency
from ..fact import ActorId, AgencyCode, ExclusionId, ReferralId
from ..words import Words
from .state import EMPTY, Case, Part

TO_TAKE = frozenset({ReferralStatus.REQUESTED, ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED})
"""States of a referral in which no work began: somebody of its recipient has to take it. An emergency has to be
somebody's as long as it is open."""
WORKERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER})
"""Who can be assigned."""
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


class Staff(Part, frozen=True):
    """Who is assigned, at each agency, and who is excluded."""

    assigned: Mapping[Worker, frozenset[ReferralId]] = EMPTY
    """To which referrals; to none: to the case at that agency."""
    exclusions: Mapping[ExclusionId, Exclusion] = EMPTY
    """Those that stand."""
    excluded: Set[ActorId] = frozenset()

    def waiting(self, case: Case, agency: AgencyCode) -> bool:
        """Whether a referral to that agency waits for somebody to take it. An emergency does until a person says that
        they have it, as who was assigned may be asleep; and again, also where the work began, when nobody has it any
        more."""
        for referral in case.open_referrals_to(agency):
            is_emergency = referral.urgency is Urgency.EMERGENCY
            if referral.sent_at is None or not (is_emergency or referral.status in TO_TAKE):
                continue
            unheard = is_emergency and referral.status is ReferralStatus.REQUESTED
            if unheard or not self.has_taken(agency, referral.id):
                return True
        return False

    def has_taken(self, agency: AgencyCode, referral: ReferralId) -> bool:
        """Whether anybody of that agency is assigned to a referral."""
        return any(at == agency and referral in to for (at, _), to in self.assigned.items())


def workers(case: Case) -> frozenset[Worker]:
    """All who are assigned: whoever accompanies the survivor, at the lead, among them."""
    assigned, worker = frozenset(case.of(Staff).assigned), case.of(Accompanying).worker
    return assigned if worker is None else assigned | {(case.lead, worker)}
