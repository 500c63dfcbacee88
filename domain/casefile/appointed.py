"""The appointments of a case: whose they are, which of them stand, and what a referral waits for.

An appointment stands until somebody says what came of it, whatever becomes of its referral and of the case: what had
its time already is answered, and never drops away with them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NewType
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Step, happened
from ..fact import AgencyCode, Fact, ReferralId
from ..persistent import put
from ..refusal import AlreadyDone
from ..standing.relations import Relation
from ..standing.rows import KNOWS, Since, Thing
from ..words import Words
from .state import EMPTY, Case, Part, Status

R = Relation

AppointmentId = NewType("AppointmentId", UUID)

KEPT, MISSED, CANCELLED = "kept", "missed", "cancelled"
"""How an appointment ended."""


class Appointment(Struct, frozen=True):
    id: AppointmentId
    made_by: AgencyCode
    referral: ReferralId | None
    appointed_for: datetime
    due_at: datetime
    """By when somebody says what came of it."""
    awaited_until: datetime | None
    """How long its referral waits for it; None where it has none, or does not wait."""
    made_at: datetime
    """When it was made, or last moved, as was said."""
    ended_as: str | None = None
    raised: int = 0
    """How often it was raised that nobody said what came of it, since it has this time."""
    raised_before: int = 0
    """How often that was raised of its earlier times: the levels go on from there."""
    moved_late: bool = False
    """It was moved when its time had come, once: nobody knows yet what came of that time."""
    answered_wrongly: bool = False
    """What was said to have come of it was struck: it is answered anew, and not moved."""


class Appointments(Part, frozen=True):
    made: Mapping[AppointmentId, Appointment] = EMPTY

    def changed(self, appointment: Appointment) -> "Appointments":
        return replace(self, made=put(self.made, appointment.id, appointment))


def appointment_of(case: Case, id: AppointmentId) -> Appointment | None:
    return case.of(Appointments).made.get(id)


def stands(appointment: Appointment) -> bool:
    """Whether nobody said yet what came of it."""
    return appointment.ended_as is None


def is_worked_on(case: Case, appointment: Appointment) -> bool:
    """Whether the work that it is part of goes on: its referral, or the case where it is on none."""
    if appointment.referral is None:
        return case.status is Status.OPEN
    return case.referrals[appointment.referral].status.is_open


def standing_on(case: Case, referral: ReferralId) -> Iterable[Appointment]:
    """Appointments that stand, and for which that referral may wait: none, where it is over."""
    of = case.of(Appointments).made.values()
    return (each for each in of if each.referral == referral and stands(each) and is_worked_on(case, each))


def met_by(case: Case, appointment: Appointment) -> AgencyCode:
    """Who was to meet her: the recipient of its referral; who made it, where it is on none."""
    return appointment.made_by if appointment.referral is None else case.referrals[appointment.referral].recipient


def answered_no_more(case: Case, id: UUID) -> Case:
    """The case in which what was said to have come of an appointment does not hold: somebody says it anew. Its referral
    does not wait for that."""
    found = case.of(Appointments).made.get(AppointmentId(id))
    if found is None:
        return case
    return with_appointment(case, replace(found, ended_as=None, awaited_until=None, answered_wrongly=True))


def with_appointment(case: Case, appointment: Appointment) -> Case:
    """The case in which that is so of it, and its referral waits for what stands."""
    after = case.with_part(case.of(Appointments).changed(appointment))
    if appointment.referral is None:
        return after
    waits = [each.awaited_until for each in standing_on(after, appointment.referral)]
    awaits = max((until for until in waits if until is not None), default=None)
    referral = replace(after.referrals[appointment.referral], awaits=awaits)
    return replace(after, referrals=put(after.referrals, referral.id, referral))


class AppointmentStep(Fact, frozen=True, kw_only=True):
    """What happens to an appointment."""

    appointment: Coordination[AppointmentId]


def _concerned(event: AppointmentStep, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    appointment = appointment_of(case, event.appointment)
    return {} if appointment is None else concerned(case, appointment)


def concerned(case: Case, appointment: Appointment) -> Mapping[AgencyCode, AgencyKind]:
    """Whom it concerns beside the lead: who was to meet her, and who made it or sent her there, while they take part.
    Whom she stopped is not told any more where she will be."""
    there = case.participants()
    found = {appointment.made_by: there[appointment.made_by]} if appointment.made_by in there else {}
    referral = case.referrals.get(appointment.referral) if appointment.referral is not None else None
    if referral is None or referral.sent_at is None:
        return found
    if referral.sender in there:
        found = {**found, referral.sender: referral.sender_kind}
    return {**found, referral.recipient: referral.recipient_kind}


CONCERNED = Audience(
    Words(
        "yang membuatnya dan pengirim rujukannya, selama ikut serta; penerima rujukannya",
        "who made it and the sender of its referral, while they take part; the recipient of its referral",
    ),
    _concerned,
)
STILL_CONCERNED = Audience(
    Words(
        "yang membuatnya, serta pengirim dan penerima rujukannya, selama ikut serta",
        "who made it, and sender and recipient of its referral, while they take part",
    ),
    lambda event, case: {a: kind for a, kind in _concerned(event, case).items() if a in case.participants()},
)
"""Of those, who has a part in the case still: nobody else is reminded, or learns from it how long the case is open."""
said = partial(happened, step=Step.SERVICES, to=CONCERNED)
"""An appointment's event."""


def _sender(appointment: Appointment, case: Case) -> AgencyCode | None:
    return None if appointment.referral is None else _there(case.referrals[appointment.referral].sender, case)


def _there(agency: AgencyCode, case: Case) -> AgencyCode | None:
    return agency if agency in case.participants() else None


APPOINTMENT = Thing(
    "appointment",
    Words("janji temu", "appointment"),
    find=appointment_of,
    whose={
        R.AUTHOR: lambda appointment, case: _there(appointment.made_by, case),
        R.ADDRESSEE: lambda appointment, case: met_by(case, appointment),
        R.SENDER: _sender,
        R.LEAD: lambda appointment, case: case.lead,
    },
    known_to=frozenset({R.AUTHOR, R.ADDRESSEE, R.SENDER, R.LEAD}),
    since=Since(
        Words("janji temu itu dibuat, atau terakhir dipindahkan", "the appointment was made, or last moved"),
        lambda appointment: appointment.made_at,
    ),
)
ANYBODYS = KNOWS.to(APPOINTMENT, R.AUTHOR, R.ADDRESSEE, R.SENDER, R.LEAD, by="appointment")
ANYBODYS_ALSO_ENDED = replace(ANYBODYS, open=False)
"""What came of it can be said when the case is over, too: nobody has to say something else to be done with it."""


def require_stands(case: Case, command: AppointmentStep) -> Appointment:
    """The appointment. Raises AlreadyDone where it ended: one end is never made another."""
    appointment = case.of(Appointments).made[command.appointment]
    if not stands(appointment):
        raise AlreadyDone(what="the appointment's end", id=command.appointment)
    return appointment
