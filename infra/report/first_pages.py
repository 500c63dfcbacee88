"""The first two pages: what happened, who held what, which clock ran out under whom, who knew what when, who looked."""

from collections.abc import Iterator
from datetime import datetime

from ...domain import codes
from . import timeline
from .canvas import GREY, WARN, Cell, Line
from .facts import LATE, Access, Clock, Event, Referral, ReportFacts
from .pen import Pen

MOST_ROWS = 14
"""Of a table on these pages; what is more stands in the section that has all."""
MOST_SENTENCES = 6
"""Of one kind on the first page; it says how many more there are."""
ANSWERED = {"received", "accepted", "in-progress", "on-hold", "completed", "rejected"}


def write(pen: Pen, facts: ReportFacts) -> None:
    """Both pages, or as many as it takes."""
    _about(pen, facts)
    _what_happened(pen, facts)
    timeline.draw(pen, facts)
    _custody(pen, facts)
    _clocks(pen, facts)
    _who_knew(pen, facts)
    _who_looked(pen, facts)


def _about(pen: Pen, facts: ReportFacts) -> None:
    paper, words, time = pen.canvas, pen.words, pen.read.time
    paper.heading(words.title)
    paper.paragraph(words.subtitle, size=8.5, colour=GREY)
    paper.space(3)
    made_by = f"{pen.read.name(facts.made_for)}, {pen.number.of(facts.made_by)}"
    for label, value in (
        (words.case, facts.case),
        (words.recipient, facts.recipient),
        (words.basis, _basis(pen, facts)),
        (words.made_by, f"{made_by}, {time(facts.made_at)}"),
        (words.as_of, time(facts.as_of)),
    ):
        paper.pair(label, value, face="mono" if value == facts.case else "regular")
    paper.pair(words.disclosed, pen.compartments(facts.disclosed), face="bold")
    paper.pair(words.withheld, pen.compartments(facts.withheld), face="bold", colour=WARN)
    if facts.erased:
        paper.pair(words.erased, pen.compartments(facts.erased), face="bold", colour=WARN)
    paper.space(4)


def _basis(pen: Pen, facts: ReportFacts) -> str:
    """`Penetapan atau putusan pengadilan: 1/Pen.Pid/2026`."""
    code, parted, rule = facts.basis.partition(": ")
    return pen.code(codes.DisclosureBasis, code) + parted + rule


def _what_happened(pen: Pen, facts: ReportFacts) -> None:
    paper = pen.canvas
    paper.heading(pen.words.happened_here, 1)
    for sentence in (*_course(pen, facts), *_referrals(pen, facts)):
        paper.bullet(sentence, size=8.5)
    ran_out = list(_ran_out(pen, facts))
    for sentence in ran_out:
        paper.bullet(sentence, size=8.5, colour=WARN)
    if not ran_out:
        paper.bullet(pen.words.none_ran_out.format(as_of=pen.read.time(facts.as_of)), size=8.5)
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
        reason = next((str(f.value) for f in closed.fields if f.name == "reason"), "")
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
        known = _recorded_at(facts, clock)
        after = known is not None and known > clock.due_at
        yield (words.ran_out_before if after else words.ran_out).format(
            known=time(known) if known else "",
            what=pen.need(clock),
            number=pen.number.of(clock.clock),
            due=time(clock.due_at),
            held=pen.agencies(clock.held_by),
            state=state.format(met=met, recorded=recorded, as_of=time(facts.as_of)),
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


def _recorded_at(facts: ReportFacts, clock: Clock) -> datetime | None:
    """When it was recorded that a clock runs: before that nobody could see it here."""
    for event in facts.events:
        if event.topic == "case.ClockStarted" and any(
            f.name == "clock" and f.value == clock.clock for f in event.fields
        ):
            return event.recorded_at
    return None


def _held_by(pen: Pen, facts: ReportFacts, clock: Clock) -> str:
    known = _recorded_at(facts, clock)
    if clock.held_by and known is not None and known > clock.due_at:
        return pen.words.recorded_after.format(known=pen.read.time(known), held=pen.agencies(clock.held_by))
    return pen.agencies(clock.held_by)


def _left_out(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    if hidden := sum(event.wholly_withheld for event in facts.events):
        yield pen.words.not_counted.format(n=hidden)


def _custody(pen: Pen, facts: ReportFacts) -> None:
    """Who held what: a row for each referral."""
    paper, words = pen.canvas, pen.words
    paper.heading(words.who_held, 1)
    if not facts.referrals:
        paper.paragraph(words.none)
        return
    rows = [_held(pen, referral) for referral in facts.referrals[:MOST_ROWS]]
    paper.table(list(zip(words.held_columns, (20, 29, 25, 26), strict=True)), rows, size=7)
    _more(pen, len(facts.referrals), words.referrals)


def _held(pen: Pen, referral: Referral) -> tuple[Cell, ...]:
    words, time = pen.words, pen.read.time
    sent = next((h.since for h in referral.custody if h.status == codes.ReferralStatus.REQUESTED), None)
    taken = next((h for h in referral.custody if h.agency != referral.sender), None)
    about = f"{pen.code(codes.Service, referral.service)}, {pen.code(codes.Urgency, referral.urgency)}"
    from_to = words.from_to.format(sender=pen.read.name(referral.sender), recipient=pen.read.name(referral.recipient))
    answer: list[Line] = []
    if referral.answered_at is not None:
        answer.append(Line(pen.said(referral.answered_at, referral.answer_recorded_at)))
    elif referral.ended_unanswered_at is not None:
        answer.append(Line(words.never_answered.format(ended=time(referral.ended_unanswered_at))))
    else:
        answer.append(Line(words.no_answer))
    if referral.due_at is not None:
        late = referral.breached_at is not None
        said = (words.answer_late if late else words.answer_by).format(due=time(referral.due_at))
        answer.append(Line(said, colour=WARN if late else GREY))
    last = referral.custody[-1] if referral.custody else None
    held = [words.with_sender.format(since=time(sent))] if sent else [words.not_sent]
    if taken is not None:
        held.append(words.with_recipient.format(since=time(taken.since)))
    ended = pen.code(codes.ReferralStatus, referral.status)
    if last is not None and last.until is not None:
        ended += f"\n{time(last.since)}"
    return (
        [Line(pen.number.of(referral.referral), "bold"), Line(about)],
        f"{from_to}\n" + "\n".join(held),
        answer,
        ended,
    )


def _clocks(pen: Pen, facts: ReportFacts) -> None:
    paper, words, time = pen.canvas, pen.words, pen.read.time
    paper.heading(words.clocks, 1)
    if not facts.clocks:
        paper.paragraph(words.none)
        return
    states = ("breached", "said-late", "met-late", "ended-late", "running", "met", "ended", "too-late")
    order = {state: n for n, state in enumerate(states)}
    shown: list[Clock] = sorted(facts.clocks, key=lambda c: (order[c.state], c.due_at))[:MOST_ROWS]
    paper.table(
        list(zip(words.clock_columns, (27, 19, 19, 20, 15), strict=True)),
        [
            (
                [Line(pen.number.of(c.clock), "bold"), Line(pen.need(c))],
                time(c.starts_at),
                time(c.due_at),
                [
                    Line(
                        pen.ended(c),
                        "bold" if c.state in LATE else "regular",
                        WARN if c.state in LATE else (20, 20, 24),
                    ),
                    *([Line(pen.said(c.met_at, c.met_recorded_at))] if c.met_at is not None else []),
                    *([Line(words.ended_by.format(agency=pen.read.name(c.ended_by)))] if c.ended_by else []),
                    *([Line(words.guessed, colour=GREY)] if c.guessed else []),
                ],
                _held_by(pen, facts, c),
            )
            for c in shown
        ],
        size=7,
    )
    _more(pen, len(facts.clocks), words.clocks)


def _who_knew(pen: Pen, facts: ReportFacts) -> None:
    """Who could know what, since when: what was sent to an agency, when a person there received it, what was opened."""
    paper, words, time = pen.canvas, pen.words, pen.read.time
    paper.heading(words.who_knew, 1)
    paper.paragraph(words.who_knew_note, size=7, colour=GREY)
    named = [led.agency for led in facts.led] + [r.recipient for r in facts.referrals]
    agencies = dict.fromkeys([*named, *(a.agency for a in facts.accesses), *(t.agency for t in facts.told)])
    rows: list[tuple[Cell, ...]] = []
    for agency in list(agencies)[:MOST_ROWS]:
        given = [words.knew_as_lead.format(since=time(led.since)) for led in facts.led if led.agency == agency]
        received = ["-"] if given else []
        sent_to: list[str] = []
        for referral in facts.referrals:
            sent = next((h.since for h in referral.custody if h.status == codes.ReferralStatus.REQUESTED), None)
            if referral.recipient != agency or sent is None:
                continue
            data = _shared(facts, referral.referral)
            shared = words.data_not_disclosed if data is None else pen.compartments(data)
            number = pen.number.of(referral.referral)
            given.append(words.knew_by_referral.format(number=number, sent=time(sent), data=shared))
            taken = next((h.since for h in referral.custody if h.agency == agency), None)
            received.append(f"{number}: " + (time(taken) if taken else words.not_received))
            sent_to.append(f"{number}: " + _sent_to(pen, facts, agency, referral.referral))
        if its := [t for t in facts.told if t.agency == agency]:
            sent_to.append(
                words.deliveries.format(
                    n=len(its),
                    sent=sum(t.sent_at is not None for t in its),
                    received=sum(t.received_at is not None for t in its),
                    handled=sum(t.handled_at is not None for t in its),
                )
            )
        opened = [a for a in facts.accesses if a.agency == agency]
        told = "\n".join(sent_to) or "-"
        rows.append(
            (pen.read.name(agency), "\n".join(given) or "-", told, "\n".join(received) or "-", _opened(pen, opened))
        )
    if rows:
        paper.table(list(zip(words.knew_columns, (11, 22, 37, 14, 16), strict=True)), rows, size=7)
    else:
        paper.paragraph(words.none)
    if facts.not_whole:
        names = ", ".join(map(pen.read.name, facts.not_whole))
        paper.paragraph(words.records_damaged.format(agencies=names), size=7.5, colour=WARN)
    if facts.unread:
        positions = ", ".join(map(str, facts.unread))
        paper.paragraph(words.readings_damaged.format(positions=positions), size=7.5, colour=WARN)
    _more(pen, len(agencies), words.chronology)


def _sent_to(pen: Pen, facts: ReportFacts, agency: str, referral: str) -> str:
    """That the sending of a referral was sent to an agency's system, and arrived there: the first of it that was."""
    words, time = pen.words, pen.read.time
    its = [t for t in facts.told if t.agency == agency and t.referral == referral]
    told = min((t for t in its if t.sent_at is not None), key=lambda t: t.sent_at, default=None)  # type: ignore[arg-type,return-value]
    told = told or next(iter(its), None)
    if told is None or told.sent_at is None:
        said = [words.no_sending]
    else:
        how = words.transports.get(told.transport, told.transport)
        said = [(words.sent_found if told.found else words.sent_over).format(at=time(told.sent_at), how=how)]
    if told is None or (told.received_at is None and not told.failed):
        return f"{said[0]}; {words.no_arrival}"
    day = time(told.sent_at).partition(words.time_of_day)[0] if told.sent_at else ""

    def later(at: datetime) -> str:
        """Of what came on the day on which it was sent, the time alone."""
        on, between, clock = time(at).partition(words.time_of_day)
        return clock if on == day else on + between + clock

    said += [words.arrived.format(at=later(told.received_at))] if told.received_at else []
    said += [words.handled.format(at=later(told.handled_at))] if told.handled_at else []
    return "; ".join([*said, words.failed] if told.failed else said)


def _shared(facts: ReportFacts, referral: str) -> list[str] | None:
    """The compartments that a referral shares, as its draft says; None where that is withheld whole."""
    for event in facts.events:
        said = {field.name: field.value for field in event.fields}
        if event.topic == "case.ReferralDrafted" and said.get("referral") == referral:
            value = said.get("compartments")
            return list(value) if isinstance(value, tuple) else []
    return None


def _opened(pen: Pen, opened: list[Access]) -> str:
    words, time = pen.words, pen.read.time
    if not opened:
        return words.never_opened
    data = sorted({c for a in opened for c in a.compartments})
    times = time(opened[0].at) if len(opened) == 1 else words.from_until.format(
        first=time(opened[0].at), last=time(opened[-1].at)
    )  # fmt: skip
    return f"{words.opened_times.format(n=len(opened))}: {times}\n{pen.compartments(data)}"


def _who_looked(pen: Pen, facts: ReportFacts) -> None:
    """Each person, what for and how often; each opening stands in its own section."""
    paper, words = pen.canvas, pen.words
    paper.heading(words.who_looked, 1)
    if not facts.accesses:
        paper.paragraph(words.nobody_looked)
        return
    by: dict[tuple[str, str, str, str], list[Access]] = {}
    for seen in facts.accesses:
        by.setdefault((seen.reader, seen.agency, seen.role, seen.purpose), []).append(seen)
    rows: list[tuple[Cell, ...]] = [
        (
            f"{pen.number.of(reader)}, {pen.code(codes.Role, role)}",
            pen.read.name(agency),
            pen.code(codes.Purpose, purpose),
            _opened(pen, looks),
        )
        for (reader, agency, role, purpose), looks in list(by.items())[:MOST_ROWS]
    ]
    paper.table(list(zip(words.looked_columns, (25, 20, 20, 35), strict=True)), rows, size=7)
    _more(pen, len(by), words.accesses)


def _more(pen: Pen, there_are: int, section: str) -> None:
    if there_are > MOST_ROWS:
        pen.canvas.paragraph(
            pen.words.more_rows.format(n=there_are - MOST_ROWS, section=section), size=7.5, colour=WARN
        )
