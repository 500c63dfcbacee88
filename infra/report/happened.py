"""What happened, in sentences: how the case went, what was not answered or done in time, and under whom."""

from collections.abc import Iterator
from datetime import datetime

from ...domain import codes
from . import decided, labels
from .canvas import WARN
from .facts import LATE, Clock, Event, Referral, ReportFacts
from .pen import Pen

MOST_SENTENCES = 6
"""Of one kind on the first page; it says how many more there are."""


def write(pen: Pen, facts: ReportFacts) -> None:
    """All of it."""
    paper = pen.canvas
    paper.heading(pen.words.happened_here, 1)
    for sentence in (*_course(pen, facts), *decided.sentences(pen, facts), *_referrals(pen, facts)):
        paper.bullet(sentence, size=8.5)
    ran_out = [*_ran_out(pen, facts), *_raised(pen, facts)]
    for sentence in ran_out:
        paper.bullet(sentence, size=8.5, colour=WARN)
    if not ran_out:
        paper.bullet(pen.words.none_ran_out.format(as_of=pen.read.time(facts.as_of)), size=8.5)
    if closed_before := sum(clock.state == "too-late" for clock in facts.clocks):
        paper.bullet(pen.words.too_late.format(n=closed_before), size=8.5)
    for sentence in _left_out(pen, facts):
        paper.bullet(sentence, size=8.5)


def _course(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    words, time, name = pen.words, pen.read.time, pen.read.name
    if opened := _last(facts, "case.CaseOpened"):
        yield words.opened.format(at=time(opened.recorded_at), agency=name(opened.agency))
    for led in facts.led:
        until = words.led_until.format(until=time(led.until)) if led.until else ""
        yield words.led.format(agency=name(led.agency), since=time(led.since), until=until)
    closed = _ended(facts, "case.CaseClosed", "case.CaseReopened")
    merged = _ended(facts, "case.CaseMerged", "case.CaseSeparated")
    if merged:
        yield words.merged.format(at=time(merged.recorded_at), agency=name(merged.agency))
    elif closed:
        reason = str(closed.said("reason") or "")
        yield words.closed.format(
            at=time(closed.recorded_at), agency=name(closed.agency), reason=pen.code(codes.CloseReason, reason)
        )
    elif opened:
        yield words.not_closed.format(as_of=time(facts.as_of))


def _ended(facts: ReportFacts, by: str, undone_by: str) -> Event | None:
    """What ended the case in this way, and stands."""
    end, undone = _last(facts, by), _last(facts, undone_by)
    return end if end and (undone is None or undone.position < end.position) else None


def _last(facts: ReportFacts, topic: str) -> Event | None:
    return next((event for event in reversed(facts.events) if event.topic == topic), None)


def _referrals(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    words = pen.words
    sent = [r for r in facts.referrals if _sent(r) is not None]
    answered = [r for r in sent if r.answered_at is not None]
    late = [r for r in sent if r.breached_at is not None]
    if not sent:
        yield words.no_referral
        return
    yield words.referrals_sent.format(
        n=len(sent),
        in_time=len([r for r in answered if r.breached_at is None]),
        late=len(late),
        cancelled=len([r for r in sent if r.ended_unanswered_at is not None and r.breached_at is None]),
        waiting=len(
            [r for r in sent if r.breached_at is None and r.answered_at is None and r.ended_unanswered_at is None]
        ),
    )


def _sent(referral: Referral) -> object:
    return next((h.since for h in referral.custody if h.status == codes.ReferralStatus.REQUESTED), None)


def _ran_out(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    words, time = pen.words, pen.read.time
    late = [c for c in facts.clocks if c.state in LATE]
    for clock in late[:MOST_SENTENCES]:
        state = {
            "breached": words.never_met,
            "met-late": words.met_after,
            "said-late": words.said_after,
            "ended-late": words.ended_after,
        }[clock.state]
        met = time(clock.met_at) if clock.met_at else ""
        recorded = time(clock.met_recorded_at) if clock.met_recorded_at else met
        known = recorded_at(facts, clock)
        after = known is not None and known > clock.due_at
        yield (words.ran_out_before if after else words.ran_out).format(
            known=time(known) if known else "",
            what=pen.need(clock),
            number=pen.number.of(clock.clock),
            due=time(clock.due_at),
            held=pen.agencies(clock.held_by),
            state=state.format(met=met, recorded=recorded, as_of=time(facts.as_of), how=pen.how(clock)),
        )
    unanswered = [r for r in facts.referrals if r.breached_at is not None and r.due_at is not None]
    for referral in unanswered[:MOST_SENTENCES]:
        due = referral.due_at
        assert due is not None
        spans = [h.agency for h in referral.custody if h.since <= due and (h.until is None or h.until > due)]
        holder = spans[0] if spans else referral.sender
        yield words.answer_ran_out.format(
            number=pen.number.of(referral.referral),
            recipient=pen.read.name(referral.recipient),
            due=time(due),
            held=pen.read.name(holder),
        )
    if more := sum(max(0, len(those) - MOST_SENTENCES) for those in (late, unanswered)):
        yield words.more_ran_out.format(n=more)


RAISED = {
    "case.ReferralStalled": "referral",
    "case.ReferralUndelivered": "referral",
    "case.OverrideReviewOverdue": "consent",
    "case.GlassReviewOverdue": "glass",
    "case.StopWaits": "stop",
    "case.RightWaits": "right",
    "case.AppointmentUnclear": "appointment",
    "case.QuestionUnanswered": "question",
    "case.CancellationUnanswered": "referral",
}
"""What is raised as nobody acted in time, beside clocks and answers; and the field that names what waits."""
AT_ONCE = frozenset({"case.StopWaits", "case.RightWaits"})
"""Of these the first time is said before it is late."""


def _raised(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    """What nobody saw to in time: how often that was put on record, and to whom first."""
    words = pen.words
    its: dict[str, dict[object, list[Event]]] = {}
    for event in facts.events:
        if event.topic not in RAISED or (event.topic in AT_ONCE and event.said("level") == 1):
            continue
        its.setdefault(event.topic, {}).setdefault(event.said(RAISED[event.topic]), []).append(event)
    for topic, of in its.items():
        each = [_each(pen, id, events) for id, events in of.items()]
        yield words.raised.format(what=labels.event(topic, pen.language), each="; ".join(each[:MOST_SENTENCES]))
    if more := sum(max(0, len(of) - MOST_SENTENCES) for of in its.values()):
        yield words.more_raised.format(n=more, section=words.chronology)


def _each(pen: Pen, id: object, events: list[Event]) -> str:
    to = events[0].said("to")
    return pen.words.raised_each.format(
        number=pen.number.of(str(id)) if id else "-",
        n=len(events),
        to=pen.words.raised_first_to.format(agency=pen.read.name(str(to))) if to else "",
        at=pen.read.brief(events[-1].recorded_at),
    )


def recorded_at(facts: ReportFacts, clock: Clock) -> datetime | None:
    """When it was recorded that a clock runs: before that nobody could see it here."""
    for event in facts.events:
        if event.topic == "case.ClockStarted" and any(
            f.name == "clock" and f.value == clock.clock for f in event.fields
        ):
            return event.recorded_at
    return None


def _left_out(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    if hidden := sum(event.wholly_withheld for event in facts.events):
        yield pen.words.not_counted.format(n=hidden)
