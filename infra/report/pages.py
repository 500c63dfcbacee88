"""The pages of a report, in the order they are read. `render` is the way in."""

from collections import Counter

from msgspec import Struct

from ...domain import codes
from ...domain.code import Code
from ...domain.timing import was_entered_late
from ...domain.violence import ClockNeed
from ...domain.words import Language
from . import labels
from .canvas import GREY, WARN, Canvas
from .facts import Clock, Document, Event, Referral, ReportFacts
from .words import WORDS, Words

MOST_CODES = 12
"""How many different unshown characters are named one by one."""


class Contradiction(ValueError):
    """The facts hold content that they also say is withheld. Nothing is printed."""


class _Pen(Struct, frozen=True):
    """What every section writes with."""

    canvas: Canvas
    words: Words
    read: labels.Reader
    language: Language

    def code(self, of: type[Code], value: str) -> str:
        return labels.code(of, value, self.language) if value else "-"

    def compartments(self, words: tuple[str, ...]) -> str:
        return ", ".join(labels.compartment(w, self.language) for w in words) or self.words.none


def render(facts: ReportFacts, language: Language) -> bytes:
    """A PDF/A-2u file that says the facts; the same facts give the same bytes (with the same versions of fpdf2,
    fonttools and the fonts).

    Raises Contradiction where a withheld or erased compartment has content, and ValueError for a time with no zone.
    """
    for event in facts.events:
        _refuse_contradiction(facts, event)
    words = WORDS[language]
    pen = _Pen(
        Canvas(words.blank_lines), words, labels.Reader(language, facts.agencies, facts.utc_offset_minutes), language
    )
    _front(pen, facts)
    _meaning(pen, facts)
    _chronology(pen, facts)
    _referrals(pen, facts)
    _documents(pen, facts)
    _accesses(pen, facts)
    _ledger(pen, facts)
    _notes(pen)
    return pen.canvas.write(
        title=f"{words.title} {facts.case}",
        language=language,
        made_at=facts.made_at,
        footer=words.footer.format(case=_without_braces(facts.case), zone=_zone(facts)),
    )


def _refuse_contradiction(facts: ReportFacts, event: Event) -> None:
    hidden = {*facts.withheld, *facts.erased, *event.withheld, *event.erased}
    shown = {field.compartment for field in event.fields}
    if shown & hidden or (event.wholly_withheld and event.fields):
        raise Contradiction(f"the event at position {event.position} carries content of what is withheld")
    if not shown <= {*facts.disclosed, "coordination"}:
        raise Contradiction(f"the event at position {event.position} carries content of what is not disclosed")


def _front(pen: _Pen, facts: ReportFacts) -> None:
    paper, words, time = pen.canvas, pen.words, pen.read.time
    paper.space(60)
    paper.heading(words.title)
    paper.paragraph(words.subtitle, size=10, colour=GREY)
    paper.space(18)
    for label, value in (
        (words.case, facts.case),
        (words.bundle, facts.bundle),
        (words.network, facts.network),
        (words.recipient, facts.recipient),
        (words.basis, facts.basis),
        (words.as_of, time(facts.as_of)),
        (words.position, str(facts.position)),
        (words.made_at, time(facts.made_at)),
        (words.made_by, f"{facts.made_by}, {pen.read.agency(facts.made_for)}"),
    ):
        paper.pair(label, value, size=10)
    paper.space(12)
    paper.pair(words.disclosed, pen.compartments(facts.disclosed), size=10, face="bold")
    paper.pair(words.withheld, pen.compartments(facts.withheld), size=10, face="bold", colour=WARN)
    if facts.erased:
        paper.pair(words.erased, pen.compartments(facts.erased), size=10, face="bold", colour=WARN)
    paper.space(12)
    paper.paragraph(words.times.format(zone=_zone(facts)), colour=GREY)
    paper.page()


def _meaning(pen: _Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.meaning)
    paper.paragraph(words.proves, face="bold")
    for item in words.proven:
        paper.bullet(item)
    names = {witness.name for witness in facts.ledger.witnesses}
    paper.bullet(words.witnessed.format(n=len(names)) if names else words.unwitnessed)
    paper.space(6)
    paper.paragraph(words.not_proves, face="bold")
    for item in words.not_proven:
        paper.bullet(item)
    paper.space(6)
    paper.paragraph(words.how, face="bold")
    paper.paragraph(words.check)
    paper.page()


def _chronology(pen: _Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.chronology)
    paper.paragraph(words.chronology_note, colour=GREY)
    for event in facts.events:
        _event(pen, event)
    if not facts.events:
        paper.paragraph(words.none)
    paper.page()


def _event(pen: _Pen, event: Event) -> None:
    paper, words, time = pen.canvas, pen.words, pen.read.time
    before = Counter(paper.unshown)
    paper.space(4)
    title = labels.event(event.topic, pen.language) if event.topic else words.unlabelled
    paper.heading(f"{event.position} · {title}", 1)
    paper.pair(words.recorded, time(event.recorded_at))
    if event.occurred_at is not None:
        paper.pair(words.happened, time(event.occurred_at))
    paper.pair(words.agency, pen.read.agency(event.agency))
    if event.actor:
        paper.pair(words.actor, event.actor)
    paper.pair(words.record, words.record_is.format(position=event.position, version=event.version))
    if event.leaf_hash:
        paper.pair(words.leaf, event.leaf_hash, size=7.5)
    for field in event.fields:
        of = "" if field.compartment == "coordination" else f" ({labels.compartment(field.compartment, pen.language)})"
        value = pen.read.value(event.topic, field.name, field.value)
        paper.pair(labels.field(event.topic, field.name, pen.language) + of, value)
    if event.wholly_withheld:
        paper.paragraph(words.event_withheld, face="bold", colour=WARN)
    for mark, hidden in ((words.withheld_mark, event.withheld), (words.erased_mark, event.erased)):
        if hidden:
            paper.paragraph(mark.format(compartments=pen.compartments(hidden)), face="bold", colour=WARN)
    if missing := paper.unshown - before:
        paper.paragraph(words.unshown.format(n=missing.total(), codes=_named(missing)), size=7.5, colour=WARN)


def _referrals(pen: _Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.referrals)
    for referral in facts.referrals:
        _referral(pen, referral)
    if not facts.referrals:
        paper.paragraph(words.none)
    paper.heading(words.clocks, 1)
    if facts.clocks:
        paper.table(
            list(zip(words.clock_columns, (22, 18, 18, 12, 18, 18), strict=True)),
            [_clock(pen, clock) for clock in facts.clocks],
        )
    else:
        paper.paragraph(words.none)
    paper.page()


def _referral(pen: _Pen, referral: Referral) -> None:
    paper, words, time = pen.canvas, pen.words, pen.read.time
    paper.heading(f"{words.referral} {referral.referral}", 1)
    paper.pair(words.from_to, f"{pen.read.agency(referral.sender)}\n{pen.read.agency(referral.recipient)}")
    paper.pair(words.service, pen.code(codes.Service, referral.service))
    paper.pair(words.urgency, pen.code(codes.Urgency, referral.urgency))
    paper.pair(words.status, pen.code(codes.ReferralStatus, referral.status))
    if referral.due_at is not None:
        late = referral.breached_at is not None
        paper.pair(words.answer_due, (words.answer_late if late else "{due}").format(due=time(referral.due_at)))
    if referral.answered_at is not None and referral.answer_recorded_at is not None:
        late_entry = was_entered_late(referral.answered_at, referral.answer_recorded_at)
        recorded = time(referral.answer_recorded_at) if late_entry else None
        paper.pair(words.answered, _lines(time(referral.answered_at), words.recorded_later, recorded=recorded))
    elif referral.ended_unanswered_at is not None:
        paper.pair(words.answered, words.never_answered.format(ended=time(referral.ended_unanswered_at)))
    if related := [r for r in (referral.parent, referral.redirects) if r]:
        paper.pair(words.related, ", ".join(related))
    paper.space(2)
    paper.table(
        list(zip(words.custody, (40, 18, 21, 21), strict=True)),
        [
            (
                pen.read.agency(held.agency),
                pen.code(codes.ReferralStatus, held.status),
                _lines(time(held.since), words.said_earlier, said=time(held.said_since) if held.said_since else None),
                time(held.until) if held.until is not None else words.still,
            )
            for held in referral.custody
        ],
    )


def _clock(pen: _Pen, clock: Clock) -> tuple[str, ...]:
    words, time = pen.words, pen.read.time
    need = (
        pen.code(ClockNeed, clock.need)
        if clock.need
        else words.withheld_mark.format(compartments=pen.compartments(("incident",)))
    )
    recorded = None
    if clock.met_at is not None and clock.met_recorded_at is not None:
        recorded = time(clock.met_recorded_at) if was_entered_late(clock.met_at, clock.met_recorded_at) else None
    return (
        f"{need}\n{clock.clock}",
        time(clock.starts_at),
        time(clock.due_at),
        words.clock_states[clock.state],
        _lines(time(clock.met_at), words.recorded_later, recorded=recorded) if clock.met_at is not None else "-",
        ", ".join(map(pen.read.agency, clock.held_by)) or "-",
    )


def _lines(at: str, more: str, **about: str | None) -> str:
    """A time, and below it what else is to be said of it, if anything is."""
    return at if None in about.values() else f"{at}\n{more.format(**about)}"


def _documents(pen: _Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.documents)
    if facts.documents:
        paper.table(
            list(zip(words.document_columns, (20, 15, 30, 10, 14, 22), strict=True)),
            [_document(pen, document) for document in facts.documents],
        )
    else:
        paper.paragraph(words.none)


def _document(pen: _Pen, document: Document) -> tuple[str, ...]:
    words = pen.words
    state = (
        words.document_erased
        if document.erased
        else words.document_shown.format(file=document.file)
        if document.disclosed
        else words.document_withheld
    )
    if document.superseded_by:
        state += "\n" + words.superseded.format(document=document.superseded_by)
    at = "" if document.attached_at is None else "\n" + pen.read.time(document.attached_at)
    return (
        document.document + at,
        f"{pen.code(codes.DocumentKind, document.kind)}\n{document.media_type}",
        document.sha256,
        f"{document.size}",
        labels.compartment(document.compartment, pen.language),
        state,
    )


def _accesses(pen: _Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.space(10)
    paper.heading(words.accesses)
    paper.paragraph(words.accesses_note, colour=GREY)
    if not facts.accesses:
        paper.paragraph(words.none)
        return
    paper.table(
        list(zip(words.access_columns, (17, 11, 19, 15, 22, 13, 17, 17), strict=True)),
        [
            (
                pen.read.time(seen.at),
                str(seen.position),
                pen.read.agency(seen.agency),
                pen.code(codes.Role, seen.role),
                seen.reader or "-",
                pen.code(codes.Purpose, seen.purpose),
                pen.compartments(seen.compartments),
                f"{seen.basis}\n{seen.what}".rstrip(),
            )
            for seen in facts.accesses
        ],
        size=7,
    )


def _ledger(pen: _Pen, facts: ReportFacts) -> None:
    paper, words, ledger = pen.canvas, pen.words, facts.ledger
    paper.page()
    paper.heading(words.ledger)
    paper.paragraph(words.ledger_note, colour=GREY)
    paper.pair(words.origin, ledger.origin)
    paper.pair(words.size, str(ledger.size))
    paper.pair(words.root, ledger.root_hash, face="bold")
    paper.pair(words.log_key, ledger.log_key)
    if ledger.witnesses_needed is not None:
        paper.pair(words.witnesses_needed, str(ledger.witnesses_needed))
    paper.space(6)
    if ledger.witnesses:
        paper.table(
            list(zip(words.witness_columns, (40, 18, 22, 22), strict=True)),
            [(w.name, w.algorithm, w.key_id or "-", pen.read.time(w.at)) for w in ledger.witnesses],
        )
    else:
        paper.paragraph(words.no_witness, face="bold", colour=WARN)
    if ledger.checkpoint:
        paper.heading(words.checkpoint, 2)
        paper.paragraph(ledger.checkpoint, size=6.5)


def _notes(pen: _Pen) -> None:
    if missing := +pen.canvas.unshown:
        pen.canvas.space(8)
        pen.canvas.heading(pen.words.notes, 1)
        pen.canvas.paragraph(pen.words.notes_unshown.format(n=missing.total(), codes=_named(missing)))


def _named(missing: Counter[str]) -> str:
    """`U+1F600 ×3, U+0627 ×1, …`, the most frequent first."""
    ordered = sorted(missing.items(), key=lambda item: (-item[1], item[0]))
    named = [f"U+{ord(c):04X} ×{n}" for c, n in ordered[:MOST_CODES]]
    return ", ".join([*named, "…"] if len(ordered) > MOST_CODES else named)


def _without_braces(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")


def _zone(facts: ReportFacts) -> str:
    hours, minutes = divmod(abs(facts.utc_offset_minutes), 60)
    name = {420: " (WIB)", 480: " (WITA)", 540: " (WIT)"}.get(facts.utc_offset_minutes, "")
    return f"UTC{'-' if facts.utc_offset_minutes < 0 else '+'}{hours:02}:{minutes:02}{name}"
