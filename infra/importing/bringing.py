"""The whole of an import, with a bar on the long parts; and what it says of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .. import composition
from ..keys import names
from ..node import keys
from ..settings import Settings
from .ids import Ids
from .importer import Figures, expected, store
from .known import look, network
from .mapping import read_mapping
from .planning import Plan, plan

SHOWN = 5
"""So many lines of the log are named of each reason; the document has them all."""
HOW = {
    "registered": "registered for it",
    "earlier": "registered by an earlier import",
    "mapped": "by the mapping",
}


def bring_in(
    settings: Settings,
    file: Path,
    *,
    mapping: Path | None = None,
    dry_run: bool = False,
    anyway: bool = False,
    console: Console | None = None,
) -> tuple[Plan, Figures]:
    """Import a log; with `dry_run` look only what would be imported. Raises XesError, WrongMapping, Unclear, Doubtful
    and CodeTaken before anything is stored."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    started = time.perf_counter()
    mapped = read_mapping(mapping) if mapping else {}
    with Progress(*columns, console=console, transient=True) as bars, composition.writer(settings) as log:
        ids = Ids(keys(settings, names.IMPORTING).macs(names.IMPORTED))
        reading = bars.add_task(f"reading {file.name}", total=None)
        planned = plan(file, ids, there=network(log), mapped=mapped)
        bars.update(reading, total=len(planned.cases), completed=len(planned.cases))
        if dry_run:
            figures = expected(planned, look(planned.cases, log))
        else:
            storing = bars.add_task("storing cases", total=len(planned.cases))
            figures = store(planned, log, progress=lambda cases: bars.advance(storing, cases), anyway=anyway)
    return planned, replace(figures, seconds=round(time.perf_counter() - started, 3))


def as_json(planned: Plan, figures: Figures, dry_run: bool = False) -> dict[str, Any]:
    """What became what, and what was left out."""
    return {
        "dry_run": dry_run,
        "cases": figures.cases,
        "events": figures.events,
        "source_events": figures.source_events,
        "agencies": figures.agencies,
        "skipped_cases": figures.skipped_cases,
        "empty_traces": figures.empty_traces,
        "referrals": figures.referrals,
        "clocks_met": figures.clocks_met,
        "clocks_breached": figures.clocks_breached,
        "groups": [
            {"groups": group.spellings, "agency": group.code, "how": group.how, "events": group.events}
            for group in planned.groups
        ],
        "transitions": dict(planned.transitions),
        "left_out": {
            "cases": {why: list(lines) for why, lines in figures.left.items()},
            "traces without an event": figures.empty_traces,
            "attributes": dict(planned.untaken),
        },
        "mapped_and_not_in_the_log": list(planned.unmet),
        "questions": list(planned.questions),
        "erased_and_unknown": figures.erased,
        "damaged_and_unknown": figures.damaged,
        "seconds": figures.seconds,
        "events_per_second": round(figures.events_per_second),
    }


def said(planned: Plan, figures: Figures, dry_run: bool = False) -> Iterator[str]:
    """The same for people, line by line."""
    stored, registered = ("would be stored", "to register") if dry_run else ("stored", "registered")
    yield (
        f"{figures.cases:,} cases {stored}, {figures.events:,} events of {figures.source_events:,} in the log;"
        f" {figures.agencies:,} agencies {registered}, {figures.referrals:,} referrals"
    )
    yield "what the groups of the whole log are:"
    for group in planned.groups:
        names = ", ".join(f"“{label}”" for label in group.spellings if label) or "no group"
        yield f"  {names} → {group.code} ({HOW[group.how]}), {group.events:,} events"
    if planned.transitions:
        steps = ", ".join(f"{name} {count:,}" for name, count in planned.transitions.items())
        yield f"lifecycle transitions, in the subject of each note: {steps}"
    yield (
        f"left out: {figures.skipped_cases:,} cases that are there,"
        f" {figures.empty_traces:,} traces without an event that is known"
    )
    for why, lines in figures.left.items():
        first = ", ".join(str(line) for line in lines[:SHOWN])
        yield f"  {len(lines):,} cases: {why} (line {first}{', …' if len(lines) > SHOWN else ''})"
    if planned.untaken:
        kinds = ", ".join(f"{name} {count:,}" for name, count in planned.untaken.items())
        yield f"  attributes that become nothing: {kinds}"
    if planned.unmet:
        yield f"the mapping names, for groups that this log does not have: {', '.join(planned.unmet)}"
    if figures.erased or figures.damaged:
        yield (
            f"nobody can tell whether what is new was here before: {figures.erased:,} cases of these agencies that an"
            f" import brought in were erased, {figures.damaged:,} cannot be read"
        )
    for question in planned.questions:
        yield f"to be said in a mapping: {question}"
