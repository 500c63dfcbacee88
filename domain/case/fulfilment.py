"""The recipient's side of a referral: received, accepted or rejected, begun, held, resumed, completed or failed.

The whole state machine is drawn in referrals.py, which is the sender's side.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from msgspec.structs import replace

from ..casefile.appointed import KEPT, Appointments
from ..casefile.deciding import Network, decides, follows
from ..casefile.evolving import applies
from ..casefile.moves import (
    COVER,
    LEADS_TO,
    PARTIES,
    REFERRAL,
    ReferralMove,
    is_machine_s,
    leads_to,
    moved,
    require_cover,
    stays,
    when_uncovered,
)
from ..casefile.staff import CALL, Staff
from ..casefile.state import Case
from ..codes import EndReason, Outcome, ReferralStatus, RejectReason, Role
from ..compartment import Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, Fact, Text, recorded
from ..refusal import Invalid, one_of
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, MACHINE_WORK
from ..standing.rows import KNOWS, TAKES_CALLS, Row
from ..words import Words

R = Relation

S = ReferralStatus

MAY_END = frozenset({S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD})
"""Nobody has to say that work began for it to end: she may never have come."""
MAY_HOLD = frozenset({S.ACCEPTED, S.IN_PROGRESS})
NOTHING_DONE = (Outcome.DID_NOT_ATTEND, Outcome.DECLINED)
"""What may have come of a referral on which no work began."""

said = partial(happened, step=Step.REFERRAL, to=PARTIES)


def _a_person_s_word(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say whose word it was: a person's."""
    return {**fields, "person_has_it": None}


def _by_whom_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say whether a person said so."""
    return {**fields, "by_machine": None}


@said(
    Words("Rujukan sampai pada petugas penerima", "Referral received by a person"),
    her=Words("Rujukan sampai pada petugas instansi yang dituju", "A person of that agency received a referral"),
    means="terkirim → sampai: seseorang di pihak penerima sudah menerimanya. `person_has_it` false: sistem yang "
    "menyatakannya bagi petugas pada log yang diimpor, dan belum ada orang yang menyatakannya sendiri.",
    earlier=(_a_person_s_word,),
)
class ReferralReceived(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralReceived"):
    """requested → received: a person at the recipient has it. `person_has_it` false: the system says so for the people
    of a log that was imported, and nobody has said it themselves."""

    person_has_it: Coordination[bool | None] = None


@said(
    Words("Rujukan disanggupi", "Referral accepted"),
    her=Words("Rujukan disanggupi", "A referral was accepted"),
    means="sampai → disanggupi. `by_machine` true: sistem instansi yang menyatakannya; batas waktu untuk "
    "menindaklanjutinya tetap, karena belum ada orang yang bertindak.",
    earlier=(_by_whom_unsaid,),
)
class ReferralAccepted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralAccepted"):
    """received → accepted. `by_machine` true: the agency's own system said so, and the silence goes on; null: a person
    did, or nobody said."""

    note: Coordination[Text | None] = None
    by_machine: Coordination[bool | None] = None


@said(
    Words("Rujukan ditolak", "Referral rejected"),
    her=Words("Rujukan ditolak", "A referral was rejected"),
    means="sampai atau disanggupi → ditolak.",
)
class ReferralRejected(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralRejected"):
    """received or accepted → rejected."""

    reason: Coordination[RejectReason]
    note: Coordination[Text | None] = None


@said(
    Words("Rujukan mulai dikerjakan", "Work on the referral started"),
    her=Words("Layanan rujukan dimulai", "Work on a referral began"),
    means="disanggupi → berjalan. `by_machine` true: sistem instansi yang menyatakannya; batas waktu untuk "
    "menindaklanjutinya tetap, karena belum ada orang yang bertindak.",
    earlier=(_by_whom_unsaid,),
)
class ReferralStarted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralStarted"):
    """accepted → in-progress. `by_machine` true: the agency's own system said so, and the silence goes on; null: a
    person did, or nobody said."""

    by_machine: Coordination[bool | None] = None


@said(
    Words("Rujukan ditunda", "Referral put on hold"),
    her=Words("Layanan rujukan ditunda", "Work on a referral was put on hold"),
    means="disanggupi atau berjalan → ditunda.",
)
class ReferralHeld(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralHeld"):
    """accepted or in-progress → on-hold."""

    reason: Coordination[EndReason]


@said(
    Words("Penundaan rujukan berakhir; belum dikerjakan", "Referral on hold no more; work has not begun"),
    her=Words("Layanan rujukan tidak ditunda lagi; belum dimulai", "A referral is on hold no more; work has not begun"),
    means="ditunda → disanggupi: ditunda sebelum dikerjakan, dan belum ada yang dikerjakan.",
)
class ReferralReadyAgain(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralReadyAgain"):
    """on-hold → accepted: it was put on hold before work on it began, and none has begun."""


@said(
    Words("Rujukan dilanjutkan", "Referral resumed"),
    her=Words("Layanan rujukan dilanjutkan", "Work on a referral went on"),
    means="ditunda → berjalan.",
)
class ReferralResumed(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralResumed"):
    """on-hold → in-progress."""


@said(
    Words("Rujukan selesai", "Referral completed"),
    her=Words("Rujukan selesai", "A referral was completed"),
    means="berjalan atau ditunda → selesai: pengirim tahu hasilnya. Sebelum dikerjakan hanya bila korban tidak hadir "
    "atau tidak menginginkannya.",
)
class ReferralCompleted(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralCompleted"):
    """in-progress or on-hold → completed: the loop to the sender is closed. Before work began only where she did
    not attend, or declined."""

    outcome: Coordination[Outcome]
    note: Coordination[Text | None] = None


@said(
    Words("Rujukan gagal", "Referral failed"),
    her=Words("Rujukan gagal", "A referral failed"),
    means="disanggupi, berjalan, atau ditunda → gagal.",
)
class ReferralFailed(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralFailed"):
    """accepted, in-progress or on-hold → failed."""

    reason: Coordination[EndReason]
    note: Coordination[Text | None] = None


def _on_call(
    roles: frozenset[Role], states: set[ReferralStatus], move: str, extent: Extent = Extent.MOVE
) -> tuple[Row]:
    """Who is there takes what waits for somebody, and no colleague's."""
    takes = TAKES_CALLS.to(CALL, R.ADDRESSEE, by="referral", states=states, move=move)
    return (Row(roles, takes, extent),)


@asked(
    "/cases/{case}/referrals/{referral}/receipt",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states={S.REQUESTED}, move="receive"),
    or_else=_on_call(CASE_WORK, {S.REQUESTED}, "receive"),
    extent=Extent.MOVE,
    means="Menyatakan bahwa seseorang di pihak penerima sudah menerima rujukan itu: pernyataan orang, bukan mesin.",
    tag="referral",
)
class ReceiveReferral(ReferralMove, frozen=True, kw_only=True):
    """Say that a person at the recipient has the referral: a person's word, as a machine's is that it was delivered.
    The system says it for the people of a log that is imported."""


@asked(
    "/cases/{case}/referrals/{referral}/acceptance",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states={S.RECEIVED}, move="accept"),
    or_else=_on_call(MACHINE_WORK, {S.RECEIVED}, "accept"),
    extent=Extent.MOVE,
    means="Menyanggupi rujukan.",
    tag="referral",
    example={"note": "IGD siap."},
)
class AcceptReferral(ReferralMove, frozen=True, kw_only=True):
    """Take the referral on."""

    note: Coordination[Text | None] = None


@asked(
    "/cases/{case}/referrals/{referral}/rejection",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states={S.RECEIVED, S.ACCEPTED}, move="reject"),
    or_else=_on_call(MACHINE_WORK, {S.RECEIVED}, "reject"),
    extent=Extent.MOVE,
    means="Menolak rujukan; juga yang sudah disanggupi, selama belum dikerjakan.",
    tag="referral",
    example={"reason": "no-capacity"},
)
class RejectReferral(ReferralMove, frozen=True, kw_only=True):
    """Decline the referral; one that was accepted, too, as long as no work on it began."""

    reason: Coordination[RejectReason]
    note: Coordination[Text | None] = None


@asked(
    "/cases/{case}/referrals/{referral}/start",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states={S.ACCEPTED}, move="start"),
    or_else=_on_call(MACHINE_WORK, {S.ACCEPTED}, "start"),
    extent=Extent.MOVE,
    means="Memulai pekerjaan yang dirujuk.",
    tag="referral",
)
class StartReferral(ReferralMove, frozen=True, kw_only=True):
    """Begin the work that was referred."""


@asked(
    "/cases/{case}/referrals/{referral}/hold",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states=MAY_HOLD, move="hold"),
    extent=Extent.MOVE,
    means="Menunda pekerjaan yang dirujuk, juga sebelum dimulai.",
    tag="referral",
    example={"reason": "waiting"},
)
class HoldReferral(ReferralMove, frozen=True, kw_only=True):
    """Pause the work that was referred, also before it began."""

    reason: Coordination[EndReason]


@asked(
    "/cases/{case}/referrals/{referral}/resumption",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states={S.ON_HOLD}, move="resume"),
    or_else=_on_call(MACHINE_WORK, {S.ON_HOLD}, "resume", Extent.CONSENT),
    extent=Extent.CONSENT,
    answers=(COVER,),
    means="Melanjutkan setelah ditunda: yang belum dikerjakan kembali disanggupi. Persetujuan harus masih mencakupnya, "
    "kecuali pada kepolisian, kejaksaan, dan pengadilan, yang sudah menerimanya.",
    tag="referral",
)
class ResumeReferral(ReferralMove, frozen=True, kw_only=True):
    """Go on after a pause: what was not begun is accepted again. Consent must still cover it, but for police,
    prosecution and court, which received it."""


@asked(
    "/cases/{case}/referrals/{referral}/completion",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states=MAY_END, move="complete"),
    extent=Extent.MOVE,
    means="Mengakhiri rujukan dengan hasilnya. Yang disanggupi dan belum dikerjakan berakhir hanya karena korban tidak "
    "hadir atau tidak menginginkannya.",
    tag="referral",
    example={"outcome": "service-delivered"},
)
class CompleteReferral(ReferralMove, frozen=True, kw_only=True):
    """End the referral with its outcome. What was accepted, and not begun, ends so only where the survivor did not
    attend, or declined."""

    outcome: Coordination[Outcome]
    note: Coordination[Text | None] = None


@asked(
    "/cases/{case}/referrals/{referral}/failure",
    by=MACHINE_WORK,
    where=KNOWS.to(REFERRAL, R.ADDRESSEE, by="referral", states=MAY_END, move="fail"),
    extent=Extent.MOVE,
    means="Mengakhiri rujukan tanpa yang diminta, juga sebelum dikerjakan.",
    tag="referral",
    example={"reason": "unreachable"},
)
class FailReferral(ReferralMove, frozen=True, kw_only=True):
    """End the referral without what was asked for, also before work on it began."""

    reason: Coordination[EndReason]
    note: Coordination[Text | None] = None


leads_to(ReferralAccepted, S.ACCEPTED)
leads_to(ReferralRejected, S.REJECTED, ends=True)
leads_to(ReferralStarted, S.IN_PROGRESS)
leads_to(ReferralHeld, S.ON_HOLD)
leads_to(ReferralReadyAgain, S.ACCEPTED)
leads_to(ReferralResumed, S.IN_PROGRESS)
leads_to(ReferralFailed, S.FAILED, ends=True)
LEADS_TO |= {ReferralReceived: S.RECEIVED, ReferralCompleted: S.COMPLETED}


@applies(ReferralReceived)
def referral_received(case: Case, event: ReferralReceived, recorded_at: datetime) -> Case:
    after = moved(case, event, recorded_at, S.RECEIVED, answered_at=event.occurred_at)
    if event.person_has_it is not False:
        return after
    staff = after.of(Staff)
    return after.with_part(replace(staff, unheard=staff.unheard | {event.referral}))


@applies(ReferralCompleted)
def referral_completed(case: Case, event: ReferralCompleted, recorded_at: datetime) -> Case:
    """Where she did not attend, or declined, that is its recipient's word alone: its sender sees to her."""
    waits_as = S.FAILED if event.outcome in NOTHING_DONE else S.COMPLETED
    return moved(case, event, recorded_at, S.COMPLETED, waits_as=waits_as, ended_at=event.occurred_at)


@decides.register
def receive(command: ReceiveReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralReceived, command, act, person_has_it=False if act.role is Role.SYSTEM else None)]


@decides.register
def accept(command: AcceptReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralAccepted, command, act, by_machine=is_machine_s(act))]


@decides.register
def reject(command: RejectReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralRejected, command, act)]


@decides.register
def start(command: StartReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralStarted, command, act, by_machine=is_machine_s(act))]


@decides.register
def hold(command: HoldReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralHeld, command, act)]


@decides.register
def resume(command: ResumeReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    if not stays(referral):
        require_cover(case, referral, act)
    return [recorded(ReferralReadyAgain if referral.held_before_work else ReferralResumed, command, act)]


@decides.register
def complete(command: CompleteReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.referrals[command.referral].stands_as is S.ACCEPTED and command.outcome not in NOTHING_DONE:
        raise Invalid(field="outcome", must=one_of(NOTHING_DONE))
    return [recorded(ReferralCompleted, command, act)]


@decides.register
def fail(command: FailReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralFailed, command, act)]


@follows
def begin_as_she_came(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Work on a referral begins as its recipient says that she came to her appointment."""
    if before is None or (was := before.of(Appointments).made) is (now := after.of(Appointments).made):
        return
    for id, appointment in now.items():
        if appointment.ended_as != KEPT or appointment.referral is None or was.get(id) is appointment:
            continue
        if after.referrals[appointment.referral].stands_as is S.ACCEPTED:
            yield ReferralStarted(occurred_at=change.occurred_at, referral=appointment.referral)


when_uncovered({S.IN_PROGRESS}, lambda at, id, why: ReferralHeld(occurred_at=at, referral=id, reason=why))


name_fields(
    outcome=field("Hasil", "Outcome", ("Hasil", "Outcome")),
    person_has_it=field("Dinyatakan oleh petugas", "Said by a person", ("Dinyatakan oleh petugas", "Said by a person")),
)
