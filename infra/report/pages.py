"""The pages of a report, in the order they are read. `render` is the way in."""

from ...consumers.evidence.figures import LABELS, ZONE, lines
from ...domain import codes
from ...domain.words import Language
from . import appendix, chronology, first_pages, labels
from .canvas import GREY, WARN, Canvas
from .facts import Document, Event, ReportFacts
from .numbers import Numbers
from .pen import Pen
from .words import WORDS

WITH_WHAT_FOLLOWS = 72.0
"""Points that a line which leads into a list takes with the first of that list."""


class Contradiction(ValueError):
    """The facts hold content that they also say is withheld. Nothing is printed."""


def render(facts: ReportFacts, language: Language) -> bytes:
    """A PDF/A-2u file that says the facts; the same facts give the same bytes (with the same versions of fpdf2,
    fonttools and the fonts).

    Raises Contradiction where a withheld or erased compartment has content, and ValueError for a time with no zone.
    """
    for event in facts.events:
        _refuse_contradiction(facts, event)
    words = WORDS[language]
    number = Numbers(facts, words, lambda topic, name: labels.field(topic, name, language))
    pen = Pen(Canvas(words.blank_lines), words, labels.Reader(language, facts.agencies), number, language)
    first_pages.write(pen, facts)
    chronology.write(pen, facts)
    _documents(pen, facts)
    _accesses(pen, facts)
    _figures(pen, facts)
    _meaning(pen, facts)
    appendix.write(pen, facts)
    return pen.canvas.write(
        title=f"{words.title} {facts.case}",
        language=language,
        made_at=facts.made_at,
        footer=words.footer.format(case=_without_braces(facts.case), zone=ZONE),
    )


def _refuse_contradiction(facts: ReportFacts, event: Event) -> None:
    hidden = {*facts.withheld, *facts.erased, *event.withheld, *event.erased}
    shown = {field.compartment for field in event.fields}
    if shown & hidden or (event.wholly_withheld and event.fields):
        raise Contradiction(f"the event at position {event.position} carries content of what is withheld")
    if not shown <= {*facts.disclosed, "coordination"}:
        raise Contradiction(f"the event at position {event.position} carries content of what is not disclosed")


def _documents(pen: Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.space(6)
    paper.heading(words.documents)
    if facts.documents:
        paper.table(
            list(zip(words.document_columns, (30, 26, 10, 14, 30), strict=True)),
            [_document(pen, document) for document in facts.documents],
        )
    else:
        paper.paragraph(words.none)


def _document(pen: Pen, document: Document) -> tuple[str, ...]:
    words = pen.words
    state = (
        words.document_erased
        if document.erased
        else words.document_shown
        if document.disclosed
        else words.document_withheld
    )
    if document.superseded_by:
        state += "\n" + words.superseded.format(document=pen.number.of(document.superseded_by))
    at = "" if document.attached_at is None else "\n" + pen.read.time(document.attached_at)
    return (
        pen.number.of(document.document) + at,
        f"{pen.code(codes.DocumentKind, document.kind)}\n{document.media_type}",
        f"{document.size}",
        labels.compartment(document.compartment, pen.language),
        state,
    )


def _accesses(pen: Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.space(6)
    paper.heading(words.accesses)
    paper.paragraph(words.accesses_note, size=8, colour=GREY)
    if not facts.accesses:
        paper.paragraph(words.nobody_looked)
        return
    paper.table(
        list(zip(words.access_columns, (22, 24, 18, 18, 30), strict=True)),
        [
            (
                pen.read.time(seen.at),
                f"{pen.number.of(seen.reader)}, {pen.code(codes.Role, seen.role)}\n{pen.read.name(seen.agency)}",
                pen.code(codes.Purpose, seen.purpose),
                f"{labels.view(seen.what, pen.language)}\n{pen.compartments(seen.compartments)}",
                labels.basis(seen.basis, pen.words.grounds, pen.number, pen.language),
            )
            for seen in facts.accesses
        ],
        size=7,
    )


def _figures(pen: Pen, facts: ReportFacts) -> None:
    """What a person compares with what the verifier prints, and who co-signed it."""
    paper, words, ledger = pen.canvas, pen.words, facts.ledger
    paper.space(6)
    paper.heading(words.ledger)
    paper.room(len(LABELS) * 14 + 40)
    paper.paragraph(words.ledger_note, colour=GREY)
    for label, figure in lines(facts.figures, pen.language):
        paper.pair(label, figure, face="mono", size=8)
    if ledger.witnesses_needed is not None:
        paper.pair(words.witnesses_needed, str(ledger.witnesses_needed))
    paper.space(6)
    if ledger.witnesses:
        paper.table(
            list(zip(words.witness_columns, (40, 18, 18, 26), strict=True)),
            [(w.name, w.algorithm, w.key_id or "-", pen.read.time(w.at)) for w in ledger.witnesses],
        )
    else:
        paper.paragraph(words.no_witness, face="bold", colour=WARN)


def _meaning(pen: Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.meaning)
    paper.room(WITH_WHAT_FOLLOWS)
    paper.paragraph(words.proves, face="bold")
    for item in words.proven:
        paper.bullet(item)
    names = {witness.name for witness in facts.ledger.witnesses}
    paper.bullet(words.witnessed.format(n=len(names)) if names else words.unwitnessed)
    paper.space(4)
    paper.room(WITH_WHAT_FOLLOWS)
    paper.paragraph(words.not_proves, face="bold")
    for item in (*words.not_proven, words.signed if facts.signed else words.unsigned):
        paper.bullet(item)
    paper.space(4)
    paper.room(WITH_WHAT_FOLLOWS)
    paper.paragraph(words.how, face="bold")
    paper.paragraph(words.check)


def _without_braces(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")
