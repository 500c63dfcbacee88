"""Tables a person likes to read."""

from datetime import datetime
from typing import Any

from rich.table import Table

from ...domain.codes import ReferralStatus, Service, Urgency
from .figures import Figures


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
