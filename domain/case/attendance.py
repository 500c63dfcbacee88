"""What came of an appointment: she was met, or did not come, or nobody says.

That she was met is the word of who was to meet her. That she did not come may be known from her, or from who was with
her. It is put before who was to meet her and the lead at once, and the referral waits for nothing any more. Silence is
no end: until somebody says what came of it, that is raised. What was said by mistake is struck, and said anew; both
stay on record. Where the case is closed before somebody did, that nobody did is recorded, and it can be said later.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ..casefile.appointed import (
    ANYBODYS_ALSO_ENDED,
    APPOINTMENT,
    KEPT,
    MISSED,
    STILL_CONCERNED,
    Appointment,
    Appointments,
    AppointmentStep,
    answered_no_more,
    appointment_of,
    is_worked_on,
    met_by,
    require_stands,
    said,
    stands,
    with_appointment,
)
from ..casefile.deciding import Network, decides, follows_all
from ..casefile.entries import undoes
from ..casefile.evolving import applies
from ..casefile.state import Case, Status
from ..causes import Cause
from ..compartment import Coordination, Safety
from ..declaring import asked, field, name_fields
from ..fact import Act, AgencyCode, Fact, Text, recorded
from ..meeting_times import APPOINTMENT_TIMES
from ..persistent import put
from ..referral_codes import AppointmentBy
from ..refusal import StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, KNOWS_ALSO_ENDED
from ..words import Words

R = Relation


@said(
    Words("Janji temu terlaksana", "Appointment kept"),
    her=Words("Anda datang pada janji temu Anda", "You came to your appointment"),
    means="Ia datang dan ditemui. Rujukan yang disanggupi mulai dikerjakan karenanya.",
    struck_by="StrikeEntry",
    says_in_clear=True,
)
class AppointmentKept(AppointmentStep, frozen=True, kw_only=True, tag="case.AppointmentKept"):
    """She came, and was met. A referral that was accepted begins by it."""


@said(
    Words(
        "Janji temu tidak terlaksana: dicatat bahwa korban tidak datang",
        "Appointment missed: it was recorded that the survivor did not come",
    ),
    her=Words(
        "Satu janji temu terlewat; Anda boleh meminta waktu lain", "An appointment passed; you may ask for another time"
    ),
    means="Ia tidak datang; `known_from`: dari siapa hal itu diketahui. Bukan kesalahan siapa pun.",
    struck_by="StrikeEntry",
    says_in_clear=True,
)
class AppointmentMissed(AppointmentStep, frozen=True, kw_only=True, tag="case.AppointmentMissed"):
    """She did not come; `known_from`: from whom that is known. It is nobody's fault."""

    known_from: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None


@said(
    Words("Hasil janji temu belum dinyatakan", "Outcome of an appointment not said"),
    her=Words(
        "Belum ada yang mencatat apa yang terjadi pada janji temu Anda",
        "Nobody has noted yet what came of your appointment",
    ),
    means="Belum ada yang menyatakan apakah ia ditemui: sampai waktunya habis, atau ketika kasusnya ditutup. Selama "
    "kasus terbuka: `level` menghitung berapa kali itu dieskalasi, `to` instansi yang penyelianya diminta "
    "menindaklanjuti.",
    to=STILL_CONCERNED,
)
class AppointmentUnclear(AppointmentStep, frozen=True, kw_only=True, tag="case.AppointmentUnclear"):
    """Nobody had said whether she was met: as the time for that ran out, or as the case was closed. While the case is
    open, `level` counts how often that was raised, and `to` is the agency whose supervisors are to see to it."""

    level: Coordination[int]
    to: Coordination[AgencyCode]


ITS_TIME = Cause(
    Words("waktu janji temu itu tiba", "the time of the appointment came"),
    lambda command, case, act: case.of(Appointments).made[command.appointment].appointed_for,
)
EARLY = timedelta(days=1)
"""So much earlier she may come. Who was met before that had another appointment: it is moved first."""
UNCLEAR = Cause(
    Words("waktu untuk menyatakan hasilnya habis", "the time to say what came of it ran out"),
    lambda command, case, act: _raised_from(case.of(Appointments).made[command.appointment]),
)


@asked(
    "/cases/{case}/appointments/{appointment}/keeping",
    by=CASE_WORK,
    where=KNOWS_ALSO_ENDED.to(APPOINTMENT, R.ADDRESSEE, by="appointment"),
    extent=Extent.MOVE,
    means="Menyatakan bahwa ia datang dan ditemui: pernyataan instansi yang menemuinya. Rujukan yang disanggupi mulai "
    "dikerjakan karenanya.",
    tag="work",
)
class KeepAppointment(AppointmentStep, frozen=True, kw_only=True):
    """Say that she came and was met: the word of who met her. A referral that was accepted begins by it."""


@asked(
    "/cases/{case}/appointments/{appointment}/missing",
    by=CASE_WORK,
    where=ANYBODYS_ALSO_ENDED,
    extent=Extent.OWN_WORDS,
    answers=(ITS_TIME,),
    means="Menyatakan bahwa ia tidak datang, dan dari siapa hal itu diketahui.",
    tag="work",
    example={"known_from": "provider"},
)
class MissAppointment(AppointmentStep, frozen=True, kw_only=True):
    """Say that she did not come, and from whom that is known."""

    known_from: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(UNCLEAR,),
    means="Mengeskalasi bahwa tidak ada yang menyatakan pada waktunya apa hasil janji temu.",
)
class RaiseAppointment(AppointmentStep, frozen=True, kw_only=True):
    """Raise that nobody said in time what came of an appointment."""


@applies(AppointmentKept)
def appointment_kept(case: Case, event: AppointmentKept, recorded_at: datetime) -> Case:
    """That she was met ends the silence on its referral, as the act of a person there."""
    appointment = replace(case.of(Appointments).made[event.appointment], ended_as=KEPT)
    referral = case.referrals[appointment.referral] if appointment.referral is not None else None
    if referral is not None and referral.status.is_open:
        acted = replace(referral, entered_at=recorded_at, stalled=0)
        case = replace(case, referrals=put(case.referrals, acted.id, acted))
    return with_appointment(case, appointment)


@applies(AppointmentMissed)
def appointment_missed(case: Case, event: AppointmentMissed) -> Case:
    return with_appointment(case, replace(case.of(Appointments).made[event.appointment], ended_as=MISSED))


undoes(AppointmentKept)(answered_no_more)
undoes(AppointmentMissed)(answered_no_more)


@applies(AppointmentUnclear)
def appointment_unclear(part: Appointments, event: AppointmentUnclear) -> Appointments:
    """Counted since it has its present time, by which it is raised next: the level also counts its earlier times."""
    before = part.made[event.appointment]
    return part.changed(replace(before, raised=max(before.raised + 1, event.level - before.raised_before)))


@decides.register
def keep(command: KeepAppointment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    appointment = require_stands(case, command)
    earliest = appointment.appointed_for - EARLY
    if act.at < earliest:
        raise StillRunning(due_at=earliest)
    return [recorded(AppointmentKept, command, act)]


@decides.register
def miss(command: MissAppointment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    appointment = require_stands(case, command)
    if act.at < appointment.appointed_for:
        raise StillRunning(due_at=appointment.appointed_for)
    return [recorded(AppointmentMissed, command, act)]


@decides.register
def raise_unclear(command: RaiseAppointment, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again and nobody says what came of it, one level more; where several have passed by
    then, the last of them alone. The first to who was to meet her, while that one works on it, the others to the
    lead."""
    appointment = appointment_of(case, command.appointment) if case else None
    if case is None or appointment is None:
        raise Unknown(what="appointment")
    if case.status is not Status.OPEN or not stands(appointment):
        raise WrongMove(appointment=appointment.id, status=appointment.ended_as or case.status.value, move="raise")
    due_at = _raised_from(appointment)
    if act.at < due_at:
        raise StillRunning(due_at=due_at)
    level = appointment.raised_before + (act.at - appointment.due_at) // APPOINTMENT_TIMES.every + 1
    is_first = not appointment.raised_before + appointment.raised
    to = met_by(case, appointment) if is_first and is_worked_on(case, appointment) else case.lead
    return [recorded(AppointmentUnclear, command, act, level=level, to=to)]


@follows_all
def stays_unclear(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """A case that is closed while nobody said what came of an appointment says so of itself, where that is not on
    record yet: else closing and re-opening it again and again would put off when it is raised."""
    if before is None or before.status is not Status.OPEN or after.status is not Status.CLOSED:
        return
    for id, appointment in after.of(Appointments).made.items():
        if stands(appointment) and appointment.appointed_for <= act.at and not appointment.raised:
            yield AppointmentUnclear(
                occurred_at=change.occurred_at, appointment=id, level=appointment.raised_before + 1, to=after.lead
            )


def _raised_from(appointment: Appointment) -> datetime:
    return appointment.due_at + appointment.raised * APPOINTMENT_TIMES.every


name_fields(known_from=field("Diketahui dari", "Known from", ("Diketahui dari", "Known from")))
