"""Somebody who left their agency works on its cases no more: what they had taken waits again for whoever is there.

Nobody has to think of it, as nobody did when the person left: the system looks who is assigned and no longer there
(infra/delivery/escalating.py), and puts it on record. An emergency is on call again by that.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.staff import MOVERS, WORKERS, Accompanying, Staff, takes, workers
from ..casefile.state import Case
from ..causes import When
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Step, asked, happened
from ..fact import Act, ActorId, AgencyCode, Fact, recorded
from ..refusal import Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE
from ..standing.rule import is_known_to
from ..words import Words


class OfWorker(Fact, frozen=True, kw_only=True):
    person: Coordination[ActorId]
    agency: Coordination[AgencyCode]


def _theirs(event: "AssignmentLapsed", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    return {event.agency: event.kind} if is_known_to(case, event.agency) else {}


@happened(
    Words("Penunjukan gugur: orangnya sudah keluar", "Assignment lapsed: the person has left"),
    her=Words("Penunjukan seorang petugas berakhir karena ia sudah keluar", "Somebody who left is assigned no more"),
    means="Orang itu bukan lagi petugas di instansi itu, atau tidak lagi berperan yang mengerjakan rujukan. Rujukan "
    "yang dipegangnya dan belum dikerjakan menunggu siapa pun yang ada.",
    step=Step.REPORT,
    to=Audience(
        Words("instansi itu, bila boleh tahu kasusnya", "that agency, where it may know of the case"),
        _theirs,
    ),
)
class AssignmentLapsed(OfWorker, frozen=True, kw_only=True, tag="case.AssignmentLapsed"):
    """The person works for that agency no more, or in no role that works on referrals. A referral that they had taken,
    and on which no work began, waits for whoever is there."""

    kind: Coordination[AgencyKind]


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mencatat bahwa penunjukan gugur karena orangnya sudah keluar dari instansinya.",
)
class LapseAssignment(OfWorker, frozen=True, kw_only=True):
    """Record that the assignment of somebody lapsed who has left their agency, or can work on it no more."""


@applies(AssignmentLapsed)
def assignment_lapsed(case: Case, event: AssignmentLapsed) -> Case:
    part, gone = case.of(Staff), (event.agency, event.person)
    after = case.with_part(replace(part, assigned={who: to for who, to in part.assigned.items() if who != gone}))
    accompanied = gone == (case.lead, case.of(Accompanying).worker)
    return after.with_part(replace(after.of(Accompanying), worker=None)) if accompanied else after


@decides.register
def lapse_assignment(command: LapseAssignment, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if case is None:
        raise Unknown(what="case")
    agency = network[command.agency]
    who = (command.agency, command.person)
    needed = MOVERS if takes(case, who) else WORKERS
    if who not in workers(case) or agency.has_member(command.person, needed):
        raise WrongMove(person=command.person, move="lapse")
    return [recorded(AssignmentLapsed, command, act, kind=agency.kind)]
