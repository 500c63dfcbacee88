"""The chronology: one row an event, in the order of recording, ids said by number."""

from collections import Counter
from collections.abc import Iterator

from ...consumers.evidence.figures import clock, day
from ...domain.catalogue import TOPICS
from ...domain.declaring import HAPPENED
from ...domain.fact import SYSTEM_AGENCY
from ...domain.timing import was_entered_late
from . import labels
from .canvas import GREY, WARN, Cell, Line
from .facts import Event, ReportFacts
from .pen import Pen

MOST_CODES = 12
"""How many different unshown characters are named one by one."""


def write(pen: Pen, facts: ReportFacts) -> None:
    """Every event of the case."""
    paper, words = pen.canvas, pen.words
    paper.page()
    paper.heading(words.chronology)
    paper.paragraph(words.chronology_note, size=8, colour=GREY)
    if not facts.events:
        paper.paragraph(words.none)
        return
    paper.table(list(zip(words.chronology_columns, (5, 13, 21, 61), strict=True)), _rows(pen, facts), size=7.5)


def _rows(pen: Pen, facts: ReportFacts) -> Iterator[tuple[Cell, ...]]:
    on, struck = "", _struck(pen, facts)
    for event in facts.events:
        today, now = _when(pen, event)
        if today != on:
            yield (today,)
            on = today
        by = pen.read.name(event.agency)
        if event.actor and event.agency != SYSTEM_AGENCY:
            by += f"\n{pen.number.of(event.actor)}"
        yield ([Line(str(event.version), "bold")], now, by, _what(pen, event, struck.get(event.version)))


def _struck(pen: Pen, facts: ReportFacts) -> dict[int, str]:
    """Number of an entry → that it was struck, as far as what says so is disclosed."""
    words, found = pen.words, dict[int, str]()
    for event in facts.events:
        said = {field.name: field.value for field in event.fields}
        of = HAPPENED[TOPICS[event.topic]].strikes if event.topic in TOPICS else ""
        if isinstance(number := said.get(of), int):
            right = said.get("instead")
            instead = words.struck_instead.format(number=right) if right is not None else ""
            because = pen.read.value(event.topic, "because", said.get("because"))
            found[number] = words.struck_mark.format(by=event.version, because=because, instead=instead)
    return found


def _when(pen: Pen, event: Event) -> tuple[str, str]:
    """(the day, the time of day); at the calendar's ends a time that says both."""
    try:
        return day(event.recorded_at, pen.language), clock(event.recorded_at, pen.language)
    except OverflowError:
        return "-", pen.read.time(event.recorded_at)


def _what(pen: Pen, event: Event, struck: str | None) -> list[Line]:
    words = pen.words
    before = Counter(pen.canvas.unshown)
    title = labels.event(event.topic, pen.language) if event.topic else words.unlabelled
    found = [Line(title, "bold"), *([Line(struck, "bold", WARN)] if struck else [])]
    if event.occurred_at is not None and was_entered_late(event.occurred_at, event.recorded_at):
        found.append(Line(f"{words.happened}: {pen.read.time(event.occurred_at)}", "bold"))
    short: list[str] = []
    for field in event.fields:
        of = "" if field.compartment == "coordination" else f" ({labels.compartment(field.compartment, pen.language)})"
        value = pen.number.within(pen.read.value(event.topic, field.name, field.value, field.withheld))
        label = labels.field(event.topic, field.name, pen.language)
        said = f"{value}{of}" if value.startswith(f"{label} ") else f"{label}{of}: {value}"
        pen.canvas.legible(said)
        if len(said) > 120 or "\n" in said:
            found += [Line(" · ".join(short))] if short else []
            found.append(Line(said))
            short = []
        else:
            short.append(said)
    found += [Line(" · ".join(short))] if short else []
    missing = pen.canvas.unshown - before
    if event.wholly_withheld:
        found.append(Line(words.event_withheld, "bold", WARN))
    for mark, hidden in ((words.withheld_mark, event.withheld), (words.erased_mark, event.erased)):
        if hidden:
            found.append(Line(mark.format(compartments=pen.compartments(hidden)), "bold", WARN))
    if missing:
        found.append(Line(words.unshown.format(n=missing.total(), codes=named(missing)), colour=WARN))
    pen.canvas.unshown = before  # they are counted as they are written
    return found


def named(missing: Counter[str]) -> str:
    """`U+1F600 ×3, U+0627 ×1, …`, the most frequent first."""
    ordered = sorted(missing.items(), key=lambda item: (-item[1], item[0]))
    said = [f"U+{ord(c):04X} ×{n}" for c, n in ordered[:MOST_CODES]]
    return ", ".join([*said, "…"] if len(ordered) > MOST_CODES else said)
