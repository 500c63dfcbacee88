"""The demo, one part after the other."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace
from rich.console import Console

from ...domain.codes import Purpose, Role
from .. import composition
from ..importing.bringing import as_json, bring_in
from ..settings import Settings
from ..system import System
from . import court, network, report, story
from . import figures as counting
from .inboxes import Inboxes, entitled

WAIT_SECONDS = 120.0
SHARED_LOG = Path("..") / "shared" / "data" / "receipt.xes.gz"
"""A real log that may lie beside the checkout: CoSeLoG, Buijs 2014, DOI 10.4121/12709127."""


def play(settings: Settings, keep: Path | None, figures: Path | None, xes: Path | None) -> int:
    """Play everything. Returns 0 when each agency received exactly what it may know, 1 otherwise."""
    console = Console()
    log = xes or (SHARED_LOG if SHARED_LOG.exists() else None)
    if keep is not None:
        return _play(replace(settings, data=keep, port=0), console, figures, log)
    with tempfile.TemporaryDirectory(prefix="rujukan-demo-", ignore_cleanup_errors=True) as directory:
        return _play(replace(settings, data=Path(directory), port=0), console, figures, log)


def _play(settings: Settings, console: Console, out: Path | None, log: Path | None) -> int:
    started = time.perf_counter()
    with console.status("starting PostgreSQL, the broker, the API, the projections and the publishers"):
        system = System(settings)
        system.start()
    try:
        settings = system.settings
        console.print(f"[bold]The system runs[/bold] in {settings.data}: API {system.url}, Kafka {settings.kafka}")
        issuer = composition.issuer(settings)
        with composition.acting(settings) as node:
            keys = network.set_up(node.casework, settings.data / "agencies")
        service_key = composition.service_key(settings)
        inboxes = Inboxes(keys, service_key, settings.kafka, settings.data / "inboxes")
        try:
            console.rule("Two cases, through the HTTP API")
            with court.witnessed(settings, system.url):
                told = story.tell(
                    system.url, issuer, lambda who, what: console.print(f"  [cyan]{who:12}[/cyan] {what}")
                )
                imported = _import(settings, console, log)
                console.rule("A bundle for the court · Bundel untuk pengadilan")
                reviewer = story.Desk(_client(system), issuer, "uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL)
                second = story.Desk(_client(system), issuer, "uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION)
                proved = court.disclose(settings, console, _client(system), reviewer, second, told.cases[0])
            with composition.follower(settings) as source:
                head = source.head()
                expected = entitled(source.store, set(keys))
            with console.status("waiting for the last deliveries and lists"):
                complete = inboxes.wait_for(expected, WAIT_SECONDS)
                desk = story.Desk(_client(system), issuer, "rsud", Role.CASE_WORKER, Purpose.CARE)
                inbox = _caught_up(desk, head)
            handled = inboxes.handled()
            return _report(
                console, out, settings, started, imported, inboxes, expected, handled, complete and proved, inbox
            )
        finally:
            inboxes.stop()
    finally:
        with console.status("stopping"):
            system.stop()


def _import(settings: Settings, console: Console, log: Path | None) -> dict[str, Any] | None:
    console.rule("A real log")
    if log is None:
        console.print("  no log to import: name one with --xes FILE")
        return None
    return as_json(*bring_in(settings, log, console=console))


def _report(
    console: Console,
    out: Path | None,
    settings: Settings,
    started: float,
    imported: dict[str, Any] | None,
    inboxes: Inboxes,
    expected: dict[str, set[str]],
    handled: dict[str, set[str]],
    complete: bool,
    inbox: list[dict[str, Any]],
) -> int:
    names = {m.code: m.name for m in network.BONTANG}
    delivered = {agency: len(ids) for agency, ids in handled.items()}
    exact = complete and handled == expected
    console.rule("What each agency learned")
    console.print(report.received("rsud", inboxes.topics("rsud")))
    console.print(report.messages(delivered, {a: len(ids) for a, ids in expected.items()}, names))
    console.print(report.inbox("rsud", inbox))
    counted, seconds = counting.figures(settings), time.perf_counter() - started
    console.print(report.overview(counted, delivered, imported, seconds))
    if out is not None:
        out.write_text(json.dumps(counting.as_json(counted, delivered, seconds, imported), indent=2))
    if exact:
        console.print("[bold green]Each agency received exactly what it may know, once; the bundle holds.[/bold green]")
        return 0
    console.print(
        "[bold red]An agency did not receive what it may know, or more, or the bundle does not hold.[/bold red]"
    )
    return 1


def _client(system: System) -> httpx.Client:
    return httpx.Client(base_url=system.url, timeout=60)


def _caught_up(desk: story.Desk, position: int) -> list[dict[str, Any]]:
    """The desk's inbox, once the lists have taken in that position."""
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return list(desk.get("/inbox", wait_for=position)["items"])
        except story.Refused:
            if time.monotonic() > give_up:
                raise
