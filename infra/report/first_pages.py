"""The first two pages: what happened, who held what, which clock ran out under whom, who knew what when, who looked."""

from datetime import datetime

from ...domain import codes
from ...domain.fact import SYSTEM_AGENCY
from . import happened, timeline
from .canvas import GREY, WARN, Cell, Line
from .facts import LATE, Access, Clock, Referral, ReportFacts
from .pen import Pen

MOST_ROWS = 14
"""Of a table on these pages; what is more stands in the section that has all."""
ANSWERED = {"received", "accepted", "in-progress", "on-hold", "completed", "rejected"}


def write(pen: Pen, facts: ReportFacts) -> None:
    """Both pages, or as many as it takes."""
    _about(pen, facts)
    happened.write(pen, facts)
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


def _held_by(pen: Pen, facts: ReportFacts, clock: Clock) -> str:
    known = happened.recorded_at(facts, clock)
    if clock.held_by and known is not None and known > clock.due_at:
        return pen.words.recorded_after.format(known=pen.read.brief(known), held=pen.agencies(clock.held_by))
    return pen.agencies(clock.held_by)


def _custody(pen: Pen, facts: ReportFacts) -> None:
    """Who held what: a row for each referral."""
    paper, words = pen.canvas, pen.words
    paper.heading(words.who_held, 1)
    if not facts.referrals:
        paper.paragraph(words.none)
        return
    rows = [_held(pen, referral) for referral in facts.referrals[:MOST_ROWS]]
    paper.table(list(zip(words.held_columns, (17, 36, 25, 22), strict=True)), rows, size=7)
    _more(pen, len(facts.referrals), words.referrals)


def _held(pen: Pen, referral: Referral) -> tuple[Cell, ...]:
    words, time = pen.words, pen.read.brief
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
    paper, words, time = pen.canvas, pen.words, pen.read.brief
    paper.heading(words.clocks, 1)
    if not facts.clocks:
        paper.paragraph(words.none)
        return
    states = ("breached", "said-late", "met-late", "ended-late", "running", "met", "ended", "too-late")
    order = {state: n for n, state in enumerate(states)}
    shown: list[Clock] = sorted(facts.clocks, key=lambda c: (order[c.state], c.due_at))[:MOST_ROWS]
    paper.table(
        list(zip(words.clock_columns, (26, 15, 15, 30, 14), strict=True)),
        [
            (
                [Line(pen.number.of(c.clock), "bold"), Line(pen.need(c))],
                words.guessed_mark.format(time=time(c.starts_at)) if c.guessed else time(c.starts_at),
                time(c.due_at),
                [
                    Line(
                        pen.ended(c),
                        "bold" if c.state in LATE else "regular",
                        WARN if c.state in LATE else (20, 20, 24),
                    ),
                    *([Line(pen.said(c.met_at, c.met_recorded_at))] if c.met_at is not None else []),
                    *([Line(words.ended_by.format(agency=pen.read.name(c.ended_by)))] if c.ended_by else []),
                ],
                _held_by(pen, facts, c),
            )
            for c in shown
        ],
        size=7,
    )
    if any(c.guessed for c in shown):
        paper.paragraph(words.guessed, size=7, colour=GREY)
    _more(pen, len(facts.clocks), words.clocks)


def _who_knew(pen: Pen, facts: ReportFacts) -> None:
    """Who could know what, since when: what was sent to an agency, when a person there received it, what was opened."""
    paper, words, time = pen.canvas, pen.words, pen.read.brief
    paper.heading(words.who_knew, 1)
    paper.paragraph(words.who_knew_note, size=7, colour=GREY)
    named = [led.agency for led in facts.led] + [r.recipient for r in facts.referrals]
    agencies = dict.fromkeys([*named, *(a.agency for a in facts.accesses), *(t.agency for t in facts.told)])
    rows: list[tuple[Cell, ...]] = []
    agencies.pop(SYSTEM_AGENCY, None)  # what it recorded itself is told to nobody
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
    words, time = pen.words, pen.read.brief
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
    day = time(told.sent_at).partition(", ")[0] if told.sent_at else ""

    def later(at: datetime) -> str:
        """Of what came on the day on which it was sent, the time alone."""
        on, between, clock = time(at).partition(", ")
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
    words, time = pen.words, pen.read.brief
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
