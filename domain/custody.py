"""Custody: who led a case when, who held which referral in which state, and which clock ran out under whom.

A referral is its sender's until somebody at the recipient has received it, or said no to it: silence is not
acceptance, and what was cancelled before that was never the recipient's. Only the recipient answers: a referral that
was cancelled first was asked for no more, which is no answer. Spans are measured in recorded time, which is the log's.
A clock that had run out when it was recorded that it was met stays breached: what is said of an earlier time stands
beside it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from .case.amending import ReferralAmended
from .case.departing import AssignmentLapsed
from .case.fulfilment import ReferralReceived, ReferralRejected
from .case.intake import CaseOpened
from .case.lead import CaseWorkerAssigned, LeadTransferAccepted
from .case.referrals import (
    ReferralCancelled,
    ReferralDrafted,
    ReferralSent,
)
from .case.reminders import ReferralEscalated
from .case.sender_gone import ReferralEndedForSender
from .case.uncovered import UncoveredReferralEnded
from .casefile.clocks import ClockEnded, ClockMet, ClockOverdue, ClockResumed, ClockStarted
from .casefile.moves import LEADS_TO, ReferralMove
from .catalogue import topic_of
from .clock_codes import ClockDuty
from .codes import AgencyKind, ReferralStatus
from .compartment import Compartment
from .disclosure import Written
from .fact import AgencyCode
from .pathways import PATHWAYS
from .timing import overran

MOVES: dict[str, ReferralStatus] = {
    topic_of(event): status for event, status in LEADS_TO.items() if status is not ReferralStatus.DRAFT
}
"""The status that a move of a referral leads to, by topic."""
NOBODY: frozenset[AgencyKind] = frozenset()
INCIDENT = Compartment.INCIDENT.word
OTHERS = frozenset({ReferralStatus.DRAFT, ReferralStatus.REQUESTED, ReferralStatus.CANCELLED})
"""States that others than the recipient bring about: by them nothing becomes the recipient's."""


class Led(Struct, frozen=True):
    """An agency led the case; `until` is absent where it still does."""

    agency: AgencyCode
    position: int
    since: datetime
    until: datetime | None = None


class Accompanied(Struct, frozen=True):
    """A person of the lead was the survivor's case worker."""

    worker: UUID
    agency: AgencyCode
    position: int
    since: datetime
    until: datetime | None = None


class Held(Struct, frozen=True):
    """A referral was in one state, with one agency holding it. `occurred_at` is when that state was said to begin."""

    referral: UUID
    holder: AgencyCode
    sender: AgencyCode
    recipient: AgencyCode
    status: ReferralStatus
    position: int
    occurred_at: datetime
    since: datetime
    until: datetime | None = None


class Ran(Struct, frozen=True):
    """A clock: a window of care or law, or (`referral` is given) the time to answer a referral.
    `breached_at` is when it ran out, where that had happened by the instant asked for; `held_by` who held it at that
    moment: who owes that duty of law by its kind and had a referral with what happened, or that shared the clock; who
    led the case; who held another referral that shared it. `met_at` is when it was said to have been met, and
    `met_recorded_at` when that was recorded: with a breach between the two, it was said too late to be known.
    `ended_at` is when what it asks for was asked no more, and nobody says in clear that it was met: a referral that was
    cancelled, a clock that ended (`ended_by`: which agency said so). `too_late`: it had closed before anybody of the
    network knew: nobody held it, and it is nobody's breach."""

    clock: UUID | None
    referral: UUID | None
    starts_at: datetime
    due_at: datetime
    met_at: datetime | None = None
    met_recorded_at: datetime | None = None
    ended_at: datetime | None = None
    ended_recorded_at: datetime | None = None
    ended_by: AgencyCode | None = None
    too_late: bool = False
    breached_at: datetime | None = None
    held_by: tuple[AgencyCode, ...] = ()


class Custody(Struct, frozen=True):
    led: list[Led]
    accompanied: list[Accompanied]
    referrals: list[Held]
    clocks: list[Ran]


def custody(events: Iterable[Written], at: datetime) -> Custody:
    """The custody of a case told by these events, as of an instant. They may be those that one agency knows of:
    what the others are about is then not told."""
    story = _Story()
    for written in events:
        story.add(written)
    return Custody(story.led, story.accompanied, story.held, story.clocks(at))


class _Story:
    """Custody while it is told. The last span of each kind is open until something ends it."""

    def __init__(self) -> None:
        self.led: list[Led] = []
        self.accompanied: list[Accompanied] = []
        self.held: list[Held] = []
        self._drafts: dict[UUID, ReferralDrafted] = {}
        self._last: dict[UUID, int] = {}
        self._taken: set[UUID] = set()
        """Referrals that somebody at the recipient received, or said no to."""
        self._ran: dict[UUID, Ran] = {}
        self._known_at: dict[UUID, datetime] = {}
        """When the beginning of each clock was recorded."""
        self._owed_by: dict[UUID, frozenset[AgencyKind]] = {}
        """Clock → the kinds of agency that owe it by law."""
        self._raised: set[UUID] = set()
        """Clocks of which it was recorded that they ran out."""

    def add(self, written: Written) -> None:
        event, at = written.event, written.at
        match event:
            case CaseOpened() | LeadTransferAccepted():
                if self.led:
                    self.led[-1] = replace(self.led[-1], until=at)
                self._end_worker(at)
                self.led.append(Led(event.lead, written.position, at))
            case CaseWorkerAssigned():
                self._end_worker(at)
                agency = self.led[-1].agency if self.led else written.author
                self.accompanied.append(Accompanied(event.worker, agency, written.position, at))
            case AssignmentLapsed() if self.accompanied and self.led:
                if (self.accompanied[-1].worker, self.led[-1].agency) == (event.person, event.agency):
                    self._end_worker(at)
            case ReferralDrafted():
                self._drafts[event.referral] = event
                self._move(written, event.referral, ReferralStatus.DRAFT)
            case ReferralMove() if written.topic in MOVES:
                self._move(written, event.referral, MOVES[written.topic])
            case ClockStarted():
                too_late = event.too_late is True
                self._owed_by[event.clock] = _owed_by(event)
                self._runs(
                    event.clock,
                    Ran(event.clock, None, event.starts_at, event.due_at, too_late=too_late),
                    event.known_at or at,
                )
            case ClockMet() if event.clock in self._ran:
                ran = self._ran[event.clock]
                self._ran[event.clock] = replace(ran, met_at=event.occurred_at, met_recorded_at=at)
            case ClockEnded() if event.clock in self._ran:
                ran = replace(before := self._ran[event.clock], met_at=None, met_recorded_at=None)
                known = (before.met_recorded_at or before.ended_recorded_at) if event.in_time else None
                ended = {"ended_at": event.occurred_at, "ended_recorded_at": known or at, "ended_by": written.author}
                self._ran[event.clock] = replace(ran, **ended)
                if not event.in_time:
                    self._raised.add(event.clock)
            case ClockResumed() if event.clock in self._ran:
                ran = replace(self._ran[event.clock], met_at=None, met_recorded_at=None)
                self._ran[event.clock] = replace(ran, ended_at=None, ended_recorded_at=None, ended_by=None)
            case ClockOverdue():
                self._raised.add(event.clock)
        self._answer(written)

    def _runs(self, id: UUID, ran: Ran, at: datetime) -> None:
        self._ran[id] = ran
        self._known_at[id] = at

    def _move(self, written: Written, referral: UUID, status: ReferralStatus) -> None:
        """The referral's open span ends; another begins, unless the referral ended."""
        draft = self._drafts.get(referral)
        if draft is None:
            return
        if referral in self._last:
            before = self._last[referral]
            self.held[before] = replace(self.held[before], until=written.at)
        self._last[referral] = len(self.held)
        if status not in OTHERS:
            self._taken.add(referral)
        over = not (status.is_open or status is ReferralStatus.DRAFT)
        self.held.append(
            Held(
                referral,
                draft.recipient if referral in self._taken else draft.sender,
                draft.sender,
                draft.recipient,
                status,
                written.position,
                written.event.occurred_at,
                written.at,
                written.at if over else None,
            )
        )

    def _answer(self, written: Written) -> None:
        """The clock that runs from a referral's sending until somebody at the recipient answers, or nobody need any
        more."""
        match event := written.event:
            case ReferralSent():
                self._runs(event.referral, Ran(None, event.referral, event.occurred_at, event.due_at), written.at)
            case (
                ReferralReceived()
                | ReferralRejected()
                | ReferralCancelled()
                | UncoveredReferralEnded()
                | ReferralEndedForSender()
            ):
                asked = self._ran.get(event.referral)
                if asked is None or asked.met_at is not None:
                    return
                at, recorded = event.occurred_at, written.at
                if isinstance(event, ReferralCancelled | UncoveredReferralEnded | ReferralEndedForSender):
                    self._ran[event.referral] = replace(asked, ended_at=at, ended_recorded_at=recorded)
                else:
                    self._ran[event.referral] = replace(asked, met_at=at, met_recorded_at=recorded)
            case ReferralAmended() if event.due_at is not None and event.referral in self._ran:
                self._ran[event.referral] = replace(self._ran[event.referral], due_at=event.due_at)
            case ReferralEscalated():
                self._raised.add(event.referral)

    def _end_worker(self, at: datetime) -> None:
        if self.accompanied and self.accompanied[-1].until is None:
            self.accompanied[-1] = replace(self.accompanied[-1], until=at)

    def clocks(self, at: datetime) -> list[Ran]:
        """The clocks as of an instant, the soonest first."""
        found = []
        for id, ran in self._ran.items():
            if id in self._raised or self._ran_out(ran, self._known_at[id], at):
                found.append(replace(ran, breached_at=ran.due_at, held_by=self._holders(ran)))
            else:
                found.append(ran)
        return sorted(found, key=lambda ran: (ran.due_at, str(ran.clock or ran.referral)))

    def _ran_out(self, ran: Ran, known_at: datetime, at: datetime) -> bool:
        if ran.too_late:
            return False
        over, recorded = (ran.met_at or ran.ended_at), (ran.met_recorded_at or ran.ended_recorded_at)
        if over is None or recorded is None:
            return at > ran.due_at
        return overran(ran.due_at, over, recorded, known_at)

    def _holders(self, ran: Ran) -> tuple[AgencyCode, ...]:
        """Who owed it and had it, who led, and who held a referral that shares the clock (or is it), when it ran out. A
        clock that was recorded after it had run out was held by who led first."""
        lead = [led.agency for led in self.led if _spans(led.since, led.until, ran.due_at)] or [
            led.agency for led in self.led[:1]
        ]
        owing, held = list[AgencyCode](), list[AgencyCode]()
        for h in (h for h in self.held if _spans(h.since, h.until, ran.due_at)):
            draft = self._drafts[h.referral]
            shares = h.referral == ran.referral or ran.clock in draft.clocks
            owes = ran.clock is not None and draft.recipient_kind in self._owed_by.get(ran.clock, NOBODY)
            if owes and h.holder == draft.recipient and (shares or INCIDENT in draft.compartments):
                owing.append(h.holder)
            elif shares:
                held.append(h.holder)
        return tuple(dict.fromkeys((*owing, *lead, *held)))


def _owed_by(event: ClockStarted) -> frozenset[AgencyKind]:
    """The kinds of agency that owe a duty of law; of care, and of before clocks said their duty, none."""
    pathway = PATHWAYS.get(event.pathway)
    if pathway is None or event.duty in (None, ClockDuty.CARE):
        return NOBODY
    rule = pathway.duties.get(event.duty)
    return rule.owed_by if rule is not None else NOBODY


def _spans(since: datetime, until: datetime | None, at: datetime) -> bool:
    return since <= at and (until is None or at < until)
