"""Holds that somebody keeps: its holder confirms a hold from time to time, and one that nobody confirms lapses.

A holder that takes part no more, was suspended, or forgot it would keep a file for ever, and with it what she asked to
be erased. So a hold is confirmed within a time (`HOLD_TIMES`), by a person of its holder. The holder and the lead are
told before; what is not confirmed by then lapses. That of the proceedings does not lapse by itself, as what is before
police, prosecution or court is not destroyed because nobody opened a screen: two people of the lead end it, once its
holder was asked and did not answer in time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.holding import HELD_IT, HOLD, HOLDER, HoldFacts, confirm_by, holder_of, without_hold
from ..casefile.state import Case, Hold
from ..causes import When
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Fact, HoldId, Short, recorded
from ..field_words import VERSION_OF_TIMES
from ..pathways import HOLD_TIMES
from ..persistent import put
from ..refusal import Invalid, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import AUDITORS, ESCALATION, HOLDS, SUPERVISORS
from ..standing.rows import ANYWHERE, KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, Row, Second
from ..words import Words

R = Relation


class OfHolder(HoldFacts, frozen=True, kw_only=True):
    holder: Coordination[AgencyCode]
    holder_kind: Coordination[AgencyKind]


@happened(
    Words("Larangan pemusnahan dipertahankan", "Hold confirmed"),
    her=Words("Data Anda masih perlu disimpan", "Your data still has to be kept"),
    means="Pemegangnya menyatakan larangan itu masih diperlukan; paling lambat pada `confirm_by` ia menyatakannya "
    "lagi.",
    step=Step.LEGAL,
    to=HOLDER,
    calls={"rule": VERSION_OF_TIMES},
)
class HoldConfirmed(OfHolder, frozen=True, kw_only=True, tag="case.HoldConfirmed"):
    """Its holder says that the hold is needed still; by `confirm_by` it says so again."""

    confirm_by: Coordination[datetime]
    rule: Coordination[Short]
    """The version of the times by which it is to be confirmed."""


@happened(
    Words("Larangan pemusnahan perlu dipertahankan", "Hold is to be confirmed"),
    her=Words(
        "Ditanyakan apakah data Anda masih perlu disimpan", "It was asked whether your data still has to be kept"
    ),
    means="Pemegangnya diminta menyatakan bahwa larangan itu masih diperlukan. Bila tidak, larangan itu gugur pada "
    "`lapses_at`; yang ditetapkan oleh proses hukum sejak itu dapat diakhiri dua orang penanggung jawab.",
    step=Step.LEGAL,
    to=HOLDER,
    calls={"rule": VERSION_OF_TIMES},
)
class HoldConfirmationDue(OfHolder, frozen=True, kw_only=True, tag="case.HoldConfirmationDue"):
    """Its holder is asked to say that the hold is needed still. If it does not, the hold lapses at `lapses_at`; that of
    the proceedings two people of the lead can end from then on."""

    lapses_at: Coordination[datetime]
    rule: Coordination[Short]


@happened(
    Words("Larangan pemusnahan gugur karena tidak dipertahankan", "Hold lapsed, as nobody confirmed it"),
    her=Words("Satu larangan menghapus data Anda tidak berlaku lagi", "A reason to keep your data is gone"),
    means="Pemegangnya tidak menyatakan pada waktunya bahwa larangan itu masih diperlukan; yang lain, bila ada, tetap "
    "berlaku.",
    step=Step.LEGAL,
    to=HELD_IT,
    calls={"rule": VERSION_OF_TIMES},
)
class HoldLapsed(OfHolder, frozen=True, kw_only=True, tag="case.HoldLapsed"):
    """Its holder did not say in time that the hold is needed still; others stay, if there are any."""

    rule: Coordination[Short]


def reminds_at(hold: Hold) -> datetime | None:
    """When its holder is to be asked; None where it was."""
    return confirm_by(hold) - HOLD_TIMES.warning if hold.lapses_at is None else None


CONFIRMS = KNOWS_ALSO_ENDED.to(HOLD, R.HOLDER, by="hold")


@asked(
    "/cases/{case}/legal-holds/{hold}/confirmation",
    by=HOLDS,
    where=CONFIRMS,
    or_else=(Row(SUPERVISORS, KNOWS_ALSO_ENDED.to(HOLD, R.HOLDING_OFFICE, by="hold"), Extent.MOVE),),
    extent=Extent.MOVE,
    when=When.NOW,
    means="Menyatakan bahwa larangan pemusnahan milik instansinya masih diperlukan.",
    tag="life of the case",
)
class ConfirmLegalHold(HoldFacts, frozen=True, kw_only=True):
    """Say that a hold of the agency's own is needed still."""


@asked(
    "/cases/{case}/legal-holds/{hold}/ending-unconfirmed",
    by=HOLDS,
    where=LEADS_ALSO_ENDED.to(HOLD, by="hold"),
    second=Second((Row(AUDITORS, LEADS_ALSO_ENDED.to(HOLD, by="hold"), Extent.MOVE),)),
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mengakhiri larangan pemusnahan yang ditetapkan oleh proses hukum, dan yang tidak dipertahankan pemegangnya "
    "pada waktunya walaupun diminta.",
    tag="life of the case",
)
class EndUnconfirmedHold(HoldFacts, frozen=True, kw_only=True):
    """End a hold of the proceedings that its holder was asked to confirm, and did not in time."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Meminta pemegang larangan pemusnahan menyatakan bahwa larangan itu masih diperlukan.",
)
class AskToConfirmHold(HoldFacts, frozen=True, kw_only=True):
    """Ask the holder of a hold to say that it is needed still."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mencatat bahwa larangan pemusnahan gugur karena tidak dipertahankan pada waktunya.",
)
class LapseHold(HoldFacts, frozen=True, kw_only=True):
    """Record that a hold lapsed, as its holder did not confirm it in time."""


@applies(HoldConfirmed)
def hold_confirmed(case: Case, event: HoldConfirmed, recorded_at: datetime) -> Case:
    return _with(case, event.hold, kept_at=recorded_at, lapses_at=None)


@applies(HoldConfirmationDue)
def hold_confirmation_due(case: Case, event: HoldConfirmationDue) -> Case:
    return _with(case, event.hold, lapses_at=event.lapses_at)


@applies(HoldLapsed)
def hold_lapsed(case: Case, event: HoldLapsed) -> Case:
    return without_hold(case, event.hold)


def _with(case: Case, id: HoldId, **more: Any) -> Case:
    return replace(case, holds=put(case.holds, id, replace(case.holds[id], **more)))


@decides.register
def confirm_hold(command: ConfirmLegalHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    kept = replace(case.holds[command.hold], kept_at=act.at)
    of = {**holder_of(case, command.hold), "confirm_by": confirm_by(kept), "rule": HOLD_TIMES.version}
    return [recorded(HoldConfirmed, command, act, **of)]


@decides.register
def end_unconfirmed(command: EndUnconfirmedHold, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    hold = case.holds[command.hold]
    if not hold.of_proceedings:
        raise Invalid(
            field="hold",
            must=Words(
                "harus yang ditetapkan oleh proses hukum: yang lain gugur dengan sendirinya",
                "be one that the proceedings placed: all others lapse by themselves",
            ),
        )
    return _lapsed(command, hold, case, act)


@decides.register
def ask_to_confirm(command: AskToConfirmHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once, until it is confirmed. What was forgotten longer than that gets the whole time from now on."""
    hold = _stands(command, case)
    assert case is not None
    due = reminds_at(hold)
    if due is None:
        raise WrongMove(hold=hold.id, move="ask")
    if act.at < due:
        raise StillRunning(due_at=due)
    lapses_at = max(confirm_by(hold), act.at + HOLD_TIMES.warning)
    of = {**holder_of(case, hold.id), "lapses_at": lapses_at, "rule": HOLD_TIMES.version}
    return [recorded(HoldConfirmationDue, command, act, **of)]


@decides.register
def lapse_hold(command: LapseHold, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    hold = _stands(command, case)
    assert case is not None
    if hold.of_proceedings:
        raise WrongMove(hold=hold.id, move="lapse")
    return _lapsed(command, hold, case, act)


def _lapsed(command: HoldFacts, hold: Hold, case: Case, act: Act) -> Sequence[Fact]:
    """Raises WrongMove where its holder was not asked, StillRunning while it can answer."""
    if hold.lapses_at is None:
        raise WrongMove(hold=hold.id, move="lapse")
    if act.at < hold.lapses_at:
        raise StillRunning(due_at=hold.lapses_at)
    return [recorded(HoldLapsed, command, act, **holder_of(case, hold.id), rule=HOLD_TIMES.version)]


def _stands(command: HoldFacts, case: Case | None) -> Hold:
    hold = case.holds.get(command.hold) if case is not None else None
    if hold is None:
        raise Unknown(what="hold")
    return hold


name_fields(
    confirm_by=field(
        "Dinyatakan lagi paling lambat", "To be confirmed by", ("Ditanyakan lagi paling lambat", "Asked again by")
    ),
    lapses_at=field("Dinyatakan paling lambat", "To be confirmed by", ("Dijawab paling lambat", "To be answered by")),
)
