"""The appendix: which id each number of the text is, where each event stands in the log, and each span of custody."""

from ...domain import codes
from .canvas import GREY, Cell, Line
from .chronology import named
from .facts import Holding, Referral, ReportFacts
from .pen import Pen


def write(pen: Pen, facts: ReportFacts) -> None:
    """All of it."""
    paper, words = pen.canvas, pen.words
    paper.page()
    paper.heading(words.appendix)
    paper.paragraph(words.appendix_note, size=8, colour=GREY)
    _spans(pen, facts)
    _ids(pen, facts)
    _events(pen, facts)
    if facts.ledger.checkpoint:
        paper.heading(words.checkpoint, 1)
        paper.paragraph(facts.ledger.checkpoint, size=6.5, face="mono")
    if missing := +paper.unshown:
        paper.heading(words.notes, 1)
        paper.paragraph(words.notes_unshown.format(n=missing.total(), codes=named(missing)))


def _spans(pen: Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    paper.heading(words.spans, 1)
    rows: list[tuple[Cell, ...]] = []
    for referral in facts.referrals:
        rows.append((_about(pen, referral),))
        for held in referral.custody:
            since = pen.read.time(held.since)
            if held.said_since is not None:
                since += "\n" + words.said_earlier.format(said=pen.read.time(held.said_since))
            rows.append(
                (
                    pen.read.name(held.agency),
                    pen.code(codes.ReferralStatus, held.status),
                    since,
                    _until(pen, held),
                )
            )
    if rows:
        paper.table(list(zip(words.custody, (23, 19, 29, 29), strict=True)), rows, size=7)
    else:
        paper.paragraph(words.none)


def _until(pen: Pen, held: Holding) -> str:
    """When a span ended; the last of a referral that ended is no span."""
    if held.until is None:
        return pen.words.still
    status = codes.ReferralStatus.of(held.status)
    return pen.read.time(held.until) if status.is_open or status is codes.ReferralStatus.DRAFT else "-"


def _about(pen: Pen, referral: Referral) -> str:
    sender, recipient = pen.read.name(referral.sender), pen.read.name(referral.recipient)
    said = f"{pen.number.of(referral.referral)}: {pen.words.from_to.format(sender=sender, recipient=recipient)}"
    related = [pen.number.of(id) for id in (referral.parent, referral.redirects) if id]
    return f"{said} ({pen.words.related}: {', '.join(related)})" if related else said


def _ids(pen: Pen, facts: ReportFacts) -> None:
    """Numbers and ids, and the codes of agencies."""
    paper, words = pen.canvas, pen.words
    paper.heading(words.ids, 1)
    documents = {d.document: d for d in facts.documents}
    rows: list[tuple[Cell, ...]] = []
    for called, id in pen.number:
        more = [Line(pen.read.name(pen.number.agency_of[id]))] if id in pen.number.agency_of else []
        if id in documents:
            more = [Line(words.sha256), Line(documents[id].sha256, "mono")]
        if id in documents and documents[id].file:
            more.append(Line(documents[id].file, "mono"))
        rows.append((called, [Line(id, "mono")], more))
    named = {a.code for a in facts.agencies}
    here = dict.fromkeys((*(e.agency for e in facts.events), *(r.recipient for r in facts.referrals), facts.made_for))
    rows += [(pen.read.name(code), [Line(code, "mono")], words.agency_code) for code in here if code in named]
    if rows:
        paper.table(list(zip(words.id_columns, (24, 40, 36), strict=True)), rows, size=6.5)
    else:
        paper.paragraph(words.none)


def _events(pen: Pen, facts: ReportFacts) -> None:
    """Where each event stands in the log, and the hash of its record."""
    paper, words = pen.canvas, pen.words
    paper.heading(words.places, 1)
    if not facts.events:
        paper.paragraph(words.none)
        return
    paper.table(
        list(zip(words.place_columns, (10, 14, 76), strict=True)),
        [(str(e.version), str(e.position), [Line(e.leaf_hash or "-", "mono")]) for e in facts.events],
        size=6.5,
    )
