"""A referral that was sent is amended by its sender: it became more urgent, or more is shared by it.

Never less: what is to be known no more a consent ends, and what is urgent its recipient may find less so, and says. It
shares no more than its sender may share now, and what a consent covers. It is no answer, and ends no silence: what was
to be done by a time is to be done by that, or sooner.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile.appointed import Appointments, standing_on
from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.moves import PARTIES, REFERRAL, ReferralMove, noted, require_cover, require_reach, stage
from ..casefile.state import Case, compartments_named
from ..codes import ReferralStatus, Urgency
from ..compartment import Compartment, CompartmentWord, Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, Fact, Short, recorded
from ..pathways import PATHWAYS
from ..refusal import Invalid
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART
from ..words import Words

R = Relation
S = ReferralStatus

SENT = frozenset(s for s in S if s.is_open)
RISING = (Urgency.ROUTINE, Urgency.URGENT, Urgency.EMERGENCY)


class AmendingFacts(ReferralMove, frozen=True, kw_only=True):
    raised_to: Coordination[Urgency | None] = None
    """How urgent it is now; left out: as before."""
    adds: Coordination[frozenset[CompartmentWord] | None] = None
    """What is shared beside what was."""
    reason: Coordination[Short | None] = None


@happened(
    Words("Rujukan diubah pengirimnya: lebih mendesak, atau lebih banyak dibagikan", "Referral amended by its sender"),
    her=Words("Rujukan Anda dilengkapi", "Your referral was amended"),
    means="Lebih mendesak (`raised_to`), atau lebih banyak dibagikan (`adds`); tidak pernah lebih sedikit.",
    step=Step.REFERRAL,
    to=PARTIES,
)
class ReferralAmended(AmendingFacts, frozen=True, kw_only=True, tag="case.ReferralAmended"):
    """It is more urgent (`raised_to`), or shares more (`adds`); never less."""

    due_at: Coordination[datetime | None] = None
    """By when it is to be answered now; absent where somebody answered."""


@asked(
    "/cases/{case}/referrals/{referral}/amendment",
    by=CASE_WORK,
    where=TAKES_PART.to(REFERRAL, R.SENDER, by="referral", states=SENT, move="amend"),
    extent=Extent.SHARED,
    means="Menyatakan bahwa rujukan yang sudah dikirim menjadi lebih mendesak, atau membagikan lebih banyak dengannya.",
    tag="referral",
    example={"raised_to": "emergency", "reason": "Keadaannya memburuk."},
)
class AmendReferral(AmendingFacts, frozen=True, kw_only=True):
    """Say that a referral that was sent became more urgent, or share more by it."""


@applies(ReferralAmended)
def referral_amended(case: Case, event: ReferralAmended) -> Case:
    """Its windows are those of its urgency now, from when they began: none begins anew. What is more urgent waits for
    no appointment."""
    before, pathway = case.referrals[event.referral], PATHWAYS.get(case.pathway)
    added = compartments_named(event.adds or ())
    after = replace(before, urgency=event.raised_to or before.urgency, compartments=before.compartments | added)
    if added - before.compartments and before.sender != case.lead:
        after = replace(after, by_lead=False)
    if event.due_at is not None:
        after = replace(after, due_at=event.due_at)
    if event.raised_to is not None:
        answers = pathway.answers.get(after.urgency) if pathway is not None else None
        within = before.answer_within if answers is None else answers
        after = replace(after, stage=stage(case, after, after.status), answer_within=within, awaits=None)
        for appointment in standing_on(case, event.referral):
            case = case.with_part(case.of(Appointments).changed(replace(appointment, awaited_until=None)))
    known = {name: getattr(after, name) for name in after.__struct_fields__ if name != "id"}
    return noted(case, event, **known)


@decides.register
def amend(command: AmendReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    raised = command.raised_to
    if raised is not None and RISING.index(raised) <= RISING.index(referral.urgency):
        raise Invalid(field="raised_to", must=Words("harus lebih mendesak dari sekarang", "be more urgent than it is"))
    more = compartments_named(command.adds or ()) - referral.compartments - {Compartment.COORDINATION}
    if raised is None and not more:
        must = Words("harus menyebut yang belum dibagikan", "name what is not shared yet")
        raise Invalid(field="adds", must=must)
    if more:
        widened = replace(referral, compartments=referral.compartments | more)
        require_reach(case, widened, act)
        require_cover(case, widened, act)
    due_at = referral.due_at if referral.status is S.REQUESTED else None
    if due_at is not None and raised is not None:
        due_at = min(due_at, act.at + PATHWAYS[case.pathway].answers[raised])
    return [recorded(ReferralAmended, command, act, due_at=due_at)]


name_fields(
    raised_to=field("Menjadi", "Raised to", ("Menjadi", "It is now")),
    adds=field("Dibagikan juga", "Shared beside", ("Dibagikan juga", "Shared, too")),
)
