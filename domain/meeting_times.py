"""How long what is between the parties of a referral may wait: appointments, questions, requests to cancel. Versioned
data."""

from datetime import timedelta

from msgspec import Struct

from .codes import Urgency
from .pathways import DAY, HOUR


class AppointmentTimes(Struct, frozen=True):
    """How long after an appointment somebody says what came of it, and how long its referral waits for it. What was
    recorded says by which version."""

    version: str
    after: dict[Urgency, timedelta]
    waits: dict[Urgency, timedelta]
    """How long a referral may wait for an appointment, from when it came into its state. None of an emergency waits."""
    every: timedelta
    """How often it is raised again that nobody says what came of it."""
    source: str


APPOINTMENT_TIMES = AppointmentTimes(
    version="2026-1",
    after={Urgency.ROUTINE: DAY, Urgency.URGENT: 4 * HOUR, Urgency.EMERGENCY: HOUR},
    waits={Urgency.ROUTINE: 30 * DAY, Urgency.URGENT: 7 * DAY, Urgency.EMERGENCY: timedelta(0)},
    every=DAY,
    source="default: a missed appointment is known while she can still be reached, and an appointment far off does not"
    " keep a referral from being raised. A network sets its own",
)


class QuestionTimes(Struct, frozen=True):
    """How soon a question on a referral is answered, by its urgency, and how often it is raised that it is not."""

    version: str
    answer: dict[Urgency, timedelta]
    source: str


QUESTION_TIMES = QuestionTimes(
    version="2026-1",
    answer={Urgency.ROUTINE: 3 * DAY, Urgency.URGENT: DAY, Urgency.EMERGENCY: HOUR},
    source="default: as soon as the referral itself is to be answered. A network sets its own",
)


CANCELLATION_TIMES = QuestionTimes(
    version="2026-1",
    answer={Urgency.ROUTINE: 3 * DAY, Urgency.URGENT: DAY, Urgency.EMERGENCY: HOUR},
    source="default: as soon as a question on the referral is answered. A network sets its own",
)
"""How soon the recipient answers a sender who asks to cancel, and how often it is raised that it does not."""
