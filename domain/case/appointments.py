"""Appointments: when she is to be met, on a referral or without one. What came of it: attendance.py.

made ─▶ (moved …) ─▶ kept | missed | cancelled

**Once its time has come it is answered, and not moved**: else who was not there hides it by another time. What was
moved before, and is entered late, says when that was agreed; it shows as entered late, and is put before the lead. It
is moved late once, and from then on cancelled with a reason only; it is not moved when its referral is over. What
is cancelled after its time has a reason. An answer that was wrong is struck (striking.py), and given anew. With its
referral, and with the case, what is still to come is cancelled, by an event that says so; what had its time stands
until somebody answers it.

When, and with whom, is coordination of those whom it concerns: the lead, the sender and the recipient of its referral,
and nobody else. Where is sealed with `safety`: who searches for her finds her there. What ended is never changed into
another end: who did not come, and comes later, has another appointment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from msgspec import Meta
from msgspec.structs import replace

from ..casefile import appointed
from ..casefile.appointed import (
    ANYBODYS,
    ANYBODYS_ALSO_ENDED,
    CANCELLED,
    Appointment,
    Appointments,
    AppointmentStep,
    answered_no_more,
    is_worked_on,
    require_stands,
    stands,
    with_appointment,
)
from ..casefile.deciding import Network, decides, follows_all, fresh
from ..casefile.entries import undoes
from ..casefile.evolving import applies
from ..casefile.moves import REFERRAL
from ..casefile.state import Case, Status
from ..casefile.waiting import waits
from ..codes import ReferralStatus
from ..compartment import Coordination, Safety
from ..declaring import asked, field, name_fields, not_asked
from ..fact import CLOCK_SKEW, Act, AgencyCode, Fact, ReferralId, Short, Text, recorded
from ..field_words import VERSION_OF_TIMES
from ..meeting_times import APPOINTMENT_TIMES
from ..referral_codes import AppointmentBy, EndedWith
from ..refusal import AlreadyDone, Invalid
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART
from ..words import Words

R = Relation
S = ReferralStatus

Moment = Annotated[datetime, Meta(tz=True)]

TAKEN_ON = frozenset({S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD})
"""States of a referral in which she is given a time."""


class AppointmentTime(AppointmentStep, frozen=True, kw_only=True):
    appointed_for: Coordination[Moment]
    """When she is to be met."""
    place: Safety[Text | None] = None
    """Where, and what she has to know to come there."""


ON_PAPER = Words(
    "tidak ditampilkan di sini, agar tidak ada yang mencari Anda di sana; tanyakan kepada pendamping Anda",
    "not shown here, so that nobody looks for you there; ask your case worker",
)
said = partial(
    appointed.said,
    withheld={"place": ON_PAPER},
    calls={
        "rule": VERSION_OF_TIMES,
        "due_at": field("Hasilnya dinyatakan paling lambat", "What came of it is said by"),
        "place": field("Tempat janji temu", "Place of the appointment", ("Tempat", "Place")),
    },
)


class AppointmentWindow(AppointmentTime, frozen=True, kw_only=True):
    due_at: Coordination[datetime]
    """By when somebody says what came of it."""
    awaited_until: Coordination[datetime | None] = None
    """Until then its referral waits for it."""
    rule: Coordination[Short]
    """The version of the times by which that is so."""


@said(
    Words("Janji temu dibuat", "Appointment made"),
    her=Words("Janji temu dibuat untuk Anda", "An appointment was made for you"),
    means="Penyintas akan ditemui pada waktu itu. Tempatnya tersegel dalam `safety`.",
)
class AppointmentMade(AppointmentWindow, frozen=True, kw_only=True, tag="case.AppointmentMade"):
    """She is to be met at that time. Where is sealed with `safety`."""

    made_by: Coordination[AgencyCode]
    referral: Coordination[ReferralId | None] = None


@said(
    Words("Waktu janji temu diubah", "Appointment moved to another time"),
    her=Words("Waktu janji temu Anda diubah", "Your appointment has another time"),
    means="Janji temu mendapat waktu lain; tempat yang tidak disebut tidak berubah. `after_its_time`: baru dicatat "
    "ketika waktu yang semula sudah tiba.",
    earlier=(not_asked("after_its_time"),),
)
class AppointmentMoved(AppointmentWindow, frozen=True, kw_only=True, tag="case.AppointmentMoved"):
    """It has another time; a place that is not said is as it was. `after_its_time`: that was recorded when the time
    that it had before had come already."""

    changed_by: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None
    after_its_time: Coordination[bool | None] = None


@appointed.said(
    Words("Janji temu dibatalkan", "Appointment cancelled"),
    her=Words("Satu janji temu dibatalkan", "An appointment was cancelled"),
    means="Tidak jadi; `changed_by`: atas kehendak siapa. `ended_with`: batal karena rujukan atau kasusnya "
    "berakhir; beri tahu penyintas. `after_its_time`: baru dicatat ketika waktunya sudah tiba.",
    earlier=(not_asked("after_its_time", "ended_with"),),
    struck_by="StrikeEntry",
    says_in_clear=True,
)
class AppointmentCancelled(AppointmentStep, frozen=True, kw_only=True, tag="case.AppointmentCancelled"):
    """It does not take place; `changed_by`: at whose wish. `ended_with`: it ended with the work that it was part of;
    she is to be told. `after_its_time`: that was recorded when its time had come already."""

    changed_by: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None
    after_its_time: Coordination[bool | None] = None
    ended_with: Coordination[EndedWith | None] = None


@asked(
    "/cases/{case}/appointments",
    by=CASE_WORK,
    where=TAKES_PART.to(
        REFERRAL, R.SENDER, R.ADDRESSEE, R.LEAD, by="referral", states=TAKEN_ON, move="make an appointment"
    ),
    extent=Extent.OWN_WORDS,
    means="Membuat janji temu, pada rujukan yang disanggupi atau tanpa rujukan.",
    tag="work",
    example={"appointed_for": "2030-04-01T09:00:00+08:00", "place": "Poli Teratai, pintu timur."},
    mints="appointment",
)
class MakeAppointment(AppointmentTime, frozen=True, kw_only=True):
    """Make an appointment, on a referral that was accepted, or without one."""

    referral: Coordination[ReferralId | None] = None


@asked(
    "/cases/{case}/appointments/{appointment}/moving",
    by=CASE_WORK,
    where=ANYBODYS,
    extent=Extent.OWN_WORDS,
    means="Memindahkan janji temu ke waktu lain. Sesudah waktunya tiba: hanya bila pemindahan itu disepakati "
    "sebelumnya, dengan menyebut kapan (`occurred_at`).",
    tag="work",
    example={"appointed_for": "2030-04-02T09:00:00+08:00", "changed_by": "survivor"},
)
class MoveAppointment(AppointmentTime, frozen=True, kw_only=True):
    """Give an appointment another time. Once its time has come: where that was agreed before, saying when
    (`occurred_at`)."""

    changed_by: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None


@asked(
    "/cases/{case}/appointments/{appointment}/cancellation",
    by=CASE_WORK,
    where=ANYBODYS_ALSO_ENDED,
    extent=Extent.OWN_WORDS,
    means="Membatalkan janji temu, dan menyebut oleh siapa; sesudah waktunya tiba dengan alasannya (`remark`).",
    tag="work",
    example={"changed_by": "provider"},
)
class CancelAppointment(AppointmentStep, frozen=True, kw_only=True):
    """Say that it does not take place, and by whom it was cancelled; once its time has come with the reason
    (`remark`)."""

    changed_by: Coordination[AppointmentBy]
    remark: Safety[Text | None] = None


@applies(AppointmentMade)
def appointment_made(case: Case, event: AppointmentMade) -> Case:
    made = Appointment(
        id=event.appointment,
        made_by=event.made_by,
        referral=event.referral,
        appointed_for=event.appointed_for,
        due_at=event.due_at,
        awaited_until=event.awaited_until,
        made_at=event.occurred_at,
    )
    return with_appointment(case, made)


@applies(AppointmentMoved)
def appointment_moved(case: Case, event: AppointmentMoved) -> Case:
    before = case.of(Appointments).made[event.appointment]
    moved = replace(
        before,
        appointed_for=event.appointed_for,
        due_at=event.due_at,
        awaited_until=event.awaited_until,
        made_at=event.occurred_at,
        raised=0,
        raised_before=before.raised_before + before.raised,
        moved_late=before.moved_late or event.after_its_time is True,
    )
    return with_appointment(case, moved)


@applies(AppointmentCancelled)
def appointment_cancelled(case: Case, event: AppointmentCancelled) -> Case:
    return with_appointment(case, replace(case.of(Appointments).made[event.appointment], ended_as=CANCELLED))


undoes(AppointmentCancelled)(answered_no_more)


@waits(
    "appointments",
    Words("janji temu yang hasilnya belum dinyatakan", "appointments of which nobody said what came of them"),
    Words(
        "Yang waktunya sudah tiba: nyatakan hasilnya di sini. Yang akan datang: buat pada berkas tempat penanganan"
        " diteruskan, lalu batalkan di sini.",
        "Where its time has come, say here what came of it. Where it is to come, make it in the file that lives on,"
        " then cancel it here.",
    ),
    "CancelAppointment",
    "KeepAppointment",
    "MissAppointment",
)
def expected(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, appointment in case.of(Appointments).made.items() if stands(appointment))


@decides.register
def make(command: MakeAppointment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Appointments).made, command.appointment)
    window = _window(command, case, command.referral, act.at)
    return [recorded(AppointmentMade, command, act, made_by=act.agency, **window)]


@decides.register
def move(command: MoveAppointment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Raises AlreadyDone where it was answered once, and that was struck: what came of it is said anew; Invalid where
    its time had come when that was agreed, where it was moved late before, and where its referral is over: whom she
    stopped neither sets nor learns when she will be met."""
    before = require_stands(case, command)
    if before.answered_wrongly:
        raise AlreadyDone(what="the appointment's time", id=command.appointment)
    if act.at >= before.appointed_for <= command.occurred_at:
        raise Invalid(field="occurred_at", must=AGREED_BEFORE)
    if not is_worked_on(case, before):
        raise Invalid(field="appointed_for", must=STAY_AS_ITS_WORK_IS_OVER)
    if before.moved_late and _came(before, act):
        raise Invalid(field="appointed_for", must=STAY_AS_IT_WAS_MOVED_LATE)
    window = _window(command, case, before.referral, act.at)
    return [recorded(AppointmentMoved, command, act, after_its_time=_came(before, act), **window)]


@decides.register
def cancel(command: CancelAppointment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Raises Invalid where its time has come, or had come as it was moved, and no reason is said."""
    appointment = require_stands(case, command)
    late = _came(appointment, act)
    if late and command.remark is None:
        raise Invalid(field="remark", must=REASON)
    if appointment.moved_late and command.remark is None:
        raise Invalid(field="remark", must=REASON_AS_MOVED_LATE)
    return [recorded(AppointmentCancelled, command, act, after_its_time=late)]


def _came(appointment: Appointment, act: Act) -> bool | None:
    return act.at >= appointment.appointed_for or None


@follows_all
def end_with_work(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """What is still to come is cancelled with the referral, or the case, that it is part of, so that somebody tells
    her. What had its time is not: whoever ends the work late would hide that she was not met."""
    if before is None:
        return
    closed = before.status is Status.OPEN and after.status is Status.CLOSED
    for id, appointment in after.of(Appointments).made.items():
        ended = closed or (is_worked_on(before, appointment) and not is_worked_on(after, appointment))
        if not ended or not stands(appointment) or _came(appointment, act):
            continue
        yield AppointmentCancelled(
            occurred_at=max(change.occurred_at, min(appointment.made_at, act.at)),
            appointment=id,
            changed_by=AppointmentBy.OTHER,
            ended_with=EndedWith.CASE if closed else EndedWith.REFERRAL,
        )


AGREED_BEFORE = Words(
    "harus sebelum waktu janji temu yang semula: sebut kapan pemindahan itu disepakati. Bila waktunya sudah tiba tanpa "
    "kesepakatan sebelumnya, nyatakan hasilnya (terlaksana, tidak terlaksana, dibatalkan), lalu buat janji temu baru",
    "be before the time that the appointment had: say when the move was agreed. Where its time came without that, say "
    "what came of it (kept, missed, cancelled), and make another appointment",
)
REASON = Words(
    "harus menyebut alasannya, karena waktu janji temu itu sudah tiba",
    "say the reason, as the time of the appointment has come",
)
FURTHEST = timedelta(days=5 * 366)
"""A time further off is a slip of the pen, and nobody would be asked what came of it."""
REASON_AS_MOVED_LATE = Words(
    "harus menyebut alasannya, karena janji temu itu dipindahkan sesudah waktunya tiba",
    "say the reason, as the appointment was moved when its time had come",
)
STAY_AS_IT_WAS_MOVED_LATE = Words(
    "tidak diubah lagi: janji temu itu pernah dipindahkan sesudah waktunya tiba. Nyatakan hasilnya (terlaksana, tidak "
    "terlaksana, dibatalkan), lalu buat yang baru",
    "stay as it is: the appointment was moved once when its time had come. Say what came of it (kept, missed, "
    "cancelled), then make another",
)
STAY_AS_ITS_WORK_IS_OVER = Words(
    "tidak diubah lagi: rujukan janji temu itu sudah berakhir. Nyatakan hasilnya (terlaksana, tidak terlaksana, "
    "dibatalkan), lalu buat yang baru",
    "stay as it is: the referral of the appointment is over. Say what came of it (kept, missed, cancelled), then make "
    "another",
)


def _window(
    command: AppointmentTime, case: Case, id: ReferralId | None, now: datetime
) -> dict[str, datetime | str | None]:
    """By when somebody says what came of it, and until when its referral waits for it: no longer than its urgency
    allows from when it came into its state, however often it is moved. Raises Invalid for a time before that of the
    act, or more than five years after."""
    if command.appointed_for < command.occurred_at - CLOCK_SKEW:
        must = Words("tidak boleh sebelum janji temu itu dibuat", "not be before the appointment is made")
        raise Invalid(field="appointed_for", must=must)
    if command.appointed_for > now + FURTHEST:
        raise Invalid(field="appointed_for", must=Words("paling lambat lima tahun lagi", "be within five years"))
    referral = case.referrals[id] if id is not None else None
    urgency = referral.urgency if referral is not None else case.urgency
    due_at = command.appointed_for + APPOINTMENT_TIMES.after[urgency]
    waits = APPOINTMENT_TIMES.waits[urgency]
    until = None
    if referral is not None and referral.entered_at is not None and waits > timedelta(0):
        until = min(due_at, referral.entered_at + waits)
    return {"due_at": due_at, "awaited_until": until, "rule": APPOINTMENT_TIMES.version}


name_fields(
    appointment=field("Janji temu", "Appointment"),
    appointed_for=field("Waktu janji temu", "Time of the appointment", ("Waktu janji temu", "When")),
    awaited_until=field("Rujukan menunggu sampai", "The referral waits until"),
    made_by=field("Dibuat oleh", "Made by", ("Dibuat oleh", "Made by")),
    changed_by=field("Atas kehendak", "At the wish of", ("Atas kehendak", "At the wish of")),
    after_its_time=field(
        "Dicatat sesudah waktunya tiba",
        "Recorded after its time",
        ("Dicatat sesudah waktunya tiba", "Noted after its time"),
    ),
    ended_with=field("Batal karena", "Cancelled because", ("Batal karena", "Cancelled because")),
)
