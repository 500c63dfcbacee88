"""Tables a person likes to read."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ...domain.codes import ReferralStatus, Service, Urgency
from .. import composition
from ..importing import importer, planning
from ..settings import Settings
from .figures import Figures


def import_with_progress(settings: Settings, file: Path, console: Console | None = None) -> dict[str, Any]:
    """Import a log, with a bar on the long part; the figures. Raises XesError, before anything is stored."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    started = time.perf_counter()
    with Progress(*columns, console=console, transient=True) as bars:
        reading = bars.add_task(f"reading {file.name}", total=None)
        plan = planning.plan(file)
        bars.update(reading, total=len(plan.cases), completed=len(plan.cases))
        storing = bars.add_task("storing cases", total=len(plan.cases))
        with composition.writer(settings) as store:
            stored = importer.store(plan, store, progress=lambda cases: bars.advance(storing, cases))
    return {
        "cases": stored.cases,
        "events": stored.events,
        "source_events": stored.source_events,
        "agencies": stored.agencies,
        "skipped_cases": stored.skipped_cases,
        "empty_traces": stored.empty_traces,
        "referrals": stored.referrals,
        "clocks_met": stored.clocks_met,
        "clocks_breached": stored.clocks_breached,
        "seconds": round(time.perf_counter() - started, 3),
        "events_per_second": round(stored.events_per_second),
    }


def overview(counted: Figures, delivered: dict[str, int], imported: dict[str, Any] | None, seconds: float) -> Table:
    """What happened."""
    table = Table(title="What happened · Yang terjadi", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in (
        ("cases", f"{counted.cases:,}"),
        ("events, sealed and durable", f"{counted.events:,}"),
        ("agencies", f"{counted.agencies:,}"),
        ("referrals", f"{counted.referrals:,}"),
        ("clocks met", f"{counted.clocks_met:,}"),
        ("clocks breached", f"{counted.clocks_breached:,}"),
        ("messages delivered", f"{sum(delivered.values()):,}"),
        ("seconds", f"{seconds:.1f}"),
    ):
        table.add_row(name, value)
    if imported:
        table.add_section()
        table.add_row("imported cases", f"{imported['cases']:,}")
        table.add_row("imported events", f"{imported['events']:,} from {imported['source_events']:,}")
        table.add_row("import, seconds", f"{imported['seconds']:.2f}")
        table.add_row("import, events a second", f"{imported['events_per_second']:,}")
    return table


def messages(delivered: dict[str, int], expected: dict[str, int], names: dict[str, str]) -> Table:
    """Who received how much, beside what the log says they are to know."""
    table = Table(title="Messages through Kafka · Pesan per instansi", title_justify="left")
    table.add_column("agency")
    table.add_column("name")
    table.add_column("received", justify="right")
    table.add_column("entitled", justify="right")
    for agency, count in sorted(delivered.items(), key=lambda item: -item[1]):
        table.add_row(agency, names.get(agency, ""), str(count), str(expected[agency]))
    return table


def inbox(agency: str, entries: list[dict[str, Any]]) -> Table:
    """An agency's inbox."""
    table = Table(title=f"Inbox of {agency} · Kotak masuk", title_justify="left")
    for column in ("from", "layanan · service", "urgency", "status", "due", "answered", "clock"):
        table.add_column(column)
    for entry in entries:
        service, urgency = Service.of(entry["service"]), Urgency.of(entry["urgency"])
        status = ReferralStatus.of(entry["status"])
        table.add_row(
            entry["counterpart"],
            f"{service.id} · {service.en}",
            f"{urgency.id} · {urgency.en}",
            f"{status.id} · {status.en}",
            _time(entry["due_at"]),
            _time(entry["answered_at"]),
            "[red]breached[/red]" if entry["breached"] else "[green]in time[/green]",
        )
    return table


def received(agency: str, topics: list[tuple[str, str, str]]) -> Table:
    """What an agency received, by kind: what it was told and what was withheld."""
    table = Table(title=f"What {agency} was told · Yang diberitahukan", title_justify="left")
    for column in ("event", "told", "withheld"):
        table.add_column(column)
    for topic, told, withheld in topics:
        table.add_row(topic, told, withheld or "-")
    return table


def _time(text: str | None) -> str:
    return datetime.fromisoformat(text).strftime("%d %b %H:%M") if text else "-"
