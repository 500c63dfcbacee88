"""A legal hold as its subjects share it: that it was placed, whose it is, and that it is no more."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..codes import PROCEEDINGS, AgencyKind, HoldKind, ReferralStatus
from ..compartment import Coordination, Legal
from ..declaring import Audience, Step, field, happened, name_fields
from ..fact import ActorId, AgencyCode, DocumentId, Fact, HoldId, ReferralId, Text
from ..pathways import HOLD_TIMES
from ..persistent import put
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..words import PROCEEDING, Words
from .evolving import applies
from .state import EMPTY, Case, Hold, Part

R, S = Relation, ReferralStatus

TAKEN = frozenset({S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED, S.FAILED})
"""States of a referral that its recipient accepted."""
RECEIVED = TAKEN | {S.RECEIVED}
"""States of a referral that its recipient has, or had, and did not reject."""


class HoldFacts(Fact, frozen=True, kw_only=True):
    hold: Coordination[HoldId]


HOLDER = Audience(
    Words("pemegang larangan", "who holds it"),
    lambda event, case: {event.holder: event.holder_kind},
)
HELD_IT = Audience(
    Words("pemegang larangan, dan yang meneruskannya kepada pemegangnya", "who holds it, and who had it before"),
    lambda event, case: {**case.of(Reports).passed_on.get(event.hold, {}), event.holder: event.holder_kind},
)
"""Of the end of a hold: who sent the case on is not to believe that nothing can be destroyed."""


@happened(
    Words("Larangan pemusnahan ditetapkan", "Hold placed"),
    her=Words("Data Anda untuk sementara tidak boleh dihapus", "Your data may not be destroyed for now"),
    means="Tidak ada dari kasus ini yang boleh dimusnahkan, selama pemegang larangan mempertahankannya. "
    "`of_proceedings`: ditetapkan dengan sendirinya karena perkara ada pada kepolisian, kejaksaan, atau pengadilan.",
    step=Step.LEGAL,
    to=HOLDER,
    withheld={"reason": PROCEEDING},
)
class HoldPlaced(HoldFacts, frozen=True, kw_only=True, tag="case.HoldPlaced"):
    """Nothing of this case may be destroyed, as long as the holder keeps the hold. `of_proceedings`: it was placed by
    itself, as the case is before police, prosecution or court."""

    hold_kind: Coordination[HoldKind]
    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]
    of_proceedings: Coordination[bool] = False
    reason: Legal[Text | None] = None


HOLD = Thing(
    "hold",
    Words("larangan pemusnahan", "hold"),
    find=lambda case, id: case.holds.get(id),
    whose={
        R.HOLDER: lambda hold, case: hold.held_by(case)[0],
        R.HOLDING_OFFICE: lambda hold, case: _office(*hold.held_by(case)),
        R.LEAD: lambda hold, case: case.lead,
    },
    known_to=frozenset({R.HOLDER, R.LEAD}),
    since=Since(Words("larangan itu ditetapkan", "the hold was placed"), lambda hold: hold.placed_at),
)


ORDERED_SINCE = Words("harus dilampirkan setelah larangan dipasang", "have been attached since the hold was placed")
"""What an order has to be that lifts a hold."""


class CourtOrders(Part, frozen=True):
    """Orders of a court that a prosecution or court attached itself while it took part, and when; none that was
    replaced."""

    ordered_at: Mapping[DocumentId, datetime] = EMPTY
    checked_by: Mapping[DocumentId, ActorId] = EMPTY


class Reports(Part, frozen=True):
    """Referrals of which the proceedings' hold began, or with which it ended: none begins another."""

    reports: frozenset[ReferralId] = frozenset()
    passed_on: Mapping[HoldId, Mapping[AgencyCode, AgencyKind]] = EMPTY
    """Of a hold that ended, who had passed it on, with its kind."""


@applies(HoldPlaced)
def hold_placed(case: Case, event: HoldPlaced, recorded_at: datetime) -> Case:
    of = (event.hold_kind, event.holder, event.holder_kind, event.of_proceedings)
    hold = Hold(event.hold, event.occurred_at, *of, recorded_at=recorded_at)
    after = replace(case.using(hold.id), holds=put(case.holds, hold.id, hold))
    return reported_to(after, event.holder) if event.of_proceedings else after


def without_hold(case: Case, id: HoldId) -> Case:
    """The case in which that hold stands no more: what its holder had received until then begins none anew."""
    ended = case.holds[id]
    after = replace(case, holds={other: hold for other, hold in case.holds.items() if other != id})
    if had_it := came_from(case, ended):
        part = after.of(Reports)
        after = after.with_part(replace(part, passed_on=put(part.passed_on, id, had_it)))
    return reported_to(after, ended.held_by(case)[0]) if ended.of_proceedings else after


def came_from(case: Case, hold: Hold) -> Mapping[AgencyCode, AgencyKind]:
    """Who had a hold before its holder, with its kind."""
    steps = (case.referrals[step] for step in hold.passed_by)
    return {by.sender: by.sender_kind for by in steps}


def reported_to(case: Case, agency: AgencyCode) -> Case:
    """The case in which what that agency has received began its hold."""
    theirs = {r.id for r in case.referrals.values() if r.recipient == agency and r.status in RECEIVED}
    part = case.of(Reports)
    return case.with_part(replace(part, reports=part.reports | theirs))


def is_before(case: Case, agency: AgencyCode) -> bool:
    """Whether police, prosecution or court have, or had, the case: they lead or led, or received a referral that they
    did not reject. What is taken back later stays received."""
    received = (r for r in case.referrals.values() if r.recipient == agency and r.answered_at is not None)
    return agency in {case.lead, *case.former_leads} or any(r.status is not S.REJECTED for r in received)


def has_report(case: Case, agency: AgencyCode, kind: AgencyKind) -> bool:
    """Whether police, prosecution or court received a report. The end of her consent stops what is sent further, and
    asks nothing back of it there, as it serves the proceedings (UU 27/2022 art. 15)."""
    return kind in PROCEEDINGS and is_before(case, agency)


def confirm_by(hold: Hold) -> datetime:
    """By when its holder has to confirm it: counted from when it was recorded that it has it, or needs it still."""
    return (hold.kept_at or hold.recorded_at or hold.placed_at) + HOLD_TIMES.confirmed_every


def lapse_at(holds: Iterable[Hold]) -> datetime | None:
    """When the last of them lapses by itself, if no holder confirms its own; None where one does not lapse so."""
    last = [None if hold.of_proceedings else hold.lapses_at or confirm_by(hold) for hold in holds]
    return max(at for at in last if at is not None) if last and None not in last else None


def holder_of(case: Case, id: HoldId) -> Mapping[str, Any]:
    """Whose a hold is, as its events say it."""
    holder, kind = case.holds[id].held_by(case)
    return {"holder": holder, "holder_kind": kind}


def _office(agency: AgencyCode, kind: AgencyKind) -> AgencyCode | None:
    return agency if kind in PROCEEDINGS else None


name_fields(
    hold=field("Larangan pemusnahan", "Hold"),
    hold_kind=field("Jenis larangan pemusnahan", "Kind of hold", ("Untuk apa", "For what")),
    holder=field("Pemegang larangan", "Holder", ("Untuk kepentingan", "On behalf of")),
    holder_kind=field("Jenis pemegang", "Kind of holder"),
    of_proceedings=field("Ditetapkan oleh proses hukum", "Placed by the proceedings"),
)
