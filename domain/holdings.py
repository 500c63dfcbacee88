"""Holdings of a case: which agency led it, accompanied it, and held which referral in which state, from when to when;
and who did something in it. Told by its events, in the log's order: what is shown as evidence is worked out from them
anew (infra/serving/oversight.py); the read model of that name folds the same.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from .case.departing import AssignmentLapsed
from .case.intake import CaseOpened
from .case.lead import CaseWorkerAssigned, LeadTransferAccepted
from .case.lifecycle import CaseClosed, CaseReopened
from .case.merging import CaseMerged, CaseSeparated
from .case.referrals import ReferralDrafted
from .casefile.evolving import take
from .casefile.moves import ReferralMove
from .casefile.staff import Accompanying
from .casefile.state import Case
from .catalogue import topic_of
from .custody import MOVES
from .disclosure import Written
from .fact import ActorId, AgencyCode

TELLING = frozenset(MOVES) | {
    topic_of(event)
    for event in (
        CaseOpened,
        CaseClosed,
        CaseReopened,
        CaseMerged,
        CaseSeparated,
        LeadTransferAccepted,
        CaseWorkerAssigned,
        AssignmentLapsed,
        ReferralDrafted,
    )
}
"""Topics that change who holds what; most events do not."""


class Holding(NamedTuple):
    """What can be held in one way at a time. `relation`: lead, worker, recipient or sender; `of`: the referral, or the
    case."""

    case: UUID
    relation: str
    of: UUID


class Span(NamedTuple):
    """An agency held something. `status` is the referral's, or the case's; `lead` who led then; no `until` where it
    still does."""

    holding: Holding
    agency: AgencyCode
    lead: AgencyCode
    status: str
    worker: UUID | None
    since: datetime
    position: int
    until: datetime | None = None
    until_position: int | None = None

    def holds_at(self, when: datetime | int) -> bool:
        """Whether that was so at an instant, or at a position of the log."""
        if isinstance(when, datetime):
            return self.since <= when and (self.until is None or self.until > when)
        return self.position <= when and (self.until_position is None or self.until_position > when)

    def held_before(self, position: int) -> bool:
        """Whether it had begun before a position, and was not over by then."""
        return self.position < position and (self.until_position is None or self.until_position > position)


class Spans:
    """What begins and ends, as it is told: spans that are still open, spans that are not, and ends of spans that began
    before the first event that was told here."""

    def __init__(self) -> None:
        self.open: dict[Holding, Span] = {}
        self.closed: list[Span] = []
        self.ended: dict[Holding, tuple[datetime, int]] = {}

    @property
    def all(self) -> list[Span]:
        """Those that began here."""
        return [*self.closed, *self.open.values()]

    def tell(self, written: Written, case: Case) -> None:
        """One more event of a case, and the case as it is behind it."""
        id, event = written.stream, written.event
        lead, worker = Holding(id, "lead", id), Holding(id, "worker", id)
        match event:
            case CaseOpened() | CaseClosed() | CaseReopened() | CaseMerged() | CaseSeparated():
                self._begin(lead, case.lead, case, case.status.value, written)
            case LeadTransferAccepted():
                self._begin(lead, case.lead, case, case.status.value, written)
                self._end(worker, written)
            case CaseWorkerAssigned():
                self._begin(worker, case.lead, case, case.status.value, written)
            case AssignmentLapsed() if event.agency == case.lead and case.of(Accompanying).worker is None:
                self._end(worker, written)
            case ReferralDrafted():
                self._begin(Holding(id, "sender", event.referral), event.sender, case, "draft", written)
            case ReferralMove() if written.topic in MOVES:
                referral = case.referrals[event.referral]
                for relation, agency in (("sender", referral.sender), ("recipient", referral.recipient)):
                    if referral.status.is_open:
                        self._begin(Holding(id, relation, referral.id), agency, case, referral.status.value, written)
                    elif relation == "sender" or referral.sent_at is not None:
                        self._end(Holding(id, relation, referral.id), written)

    def _begin(self, holding: Holding, agency: AgencyCode, case: Case, status: str, at: Written) -> None:
        self._end(holding, at)
        worker = case.of(Accompanying).worker if holding.relation == "worker" else None
        self.open[holding] = Span(holding, agency, case.lead, status, worker, at.at, at.position)

    def _end(self, holding: Holding, at: Written) -> None:
        if holding in self.open:
            self.closed.append(self.open.pop(holding)._replace(until=at.at, until_position=at.position))
        else:
            self.ended.setdefault(holding, (at.at, at.position))


class CaseHeld(NamedTuple):
    """What was held of a case, who leads it, and when it is first on record that somebody, for an agency, did something
    in it."""

    lead: AgencyCode
    spans: tuple[Span, ...] = ()
    acted: Mapping[tuple[ActorId, AgencyCode], datetime] = {}

    def shown_to(self, agency: AgencyCode, whose: AgencyCode) -> tuple[Span, ...]:
        """What one agency held, for another that asks: its own an agency sees, and that of all where it leads."""
        return tuple(span for span in self.spans if span.agency == whose) if agency in (whose, self.lead) else ()


def held_of(events: Iterable[Written]) -> CaseHeld | None:
    """The holdings of a case, told by all its events from the first; None where there are none."""
    case: Case | None = None
    spans, acted = Spans(), dict[tuple[ActorId, AgencyCode], datetime]()
    for written in events:
        case = take(case, written)
        spans.tell(written, case)
        who = ActorId(written.actor), written.author
        acted[who] = min(written.at, acted.get(who, written.at))
    return None if case is None else CaseHeld(case.lead, tuple(spans.all), acted)
