"""The legal file of the demo: two agencies witness the ledger, a court gets a bundle, and anybody checks it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

import httpx
from rich.console import Console

from ...consumers import durable
from ...consumers.agency.witnessing.at_work import LogClient, follow
from ...consumers.agency.witnessing.witness import Witness
from ...consumers.evidence import words
from ...consumers.evidence.bundles import verify_bundle
from ...consumers.evidence.notes import COSIGNATURE_ML_DSA, SigningKey
from ...consumers.evidence.policies import read_policy
from ...consumers.evidence.refused import NotProven
from .. import composition
from ..database import FOLLOWER, as_role
from ..ledger.auditing import audit
from ..settings import Settings
from .story import Desk

WITNESSES = ("polres", "rsud")
SECONDS = 60.0


@contextmanager
def witnessed(settings: Settings, url: str) -> Iterator[None]:
    """Two agencies witness the ledger, as their subscribers would, each with a key and a memory of its own."""
    log = composition.ledger_keys(settings)
    keys = {agency: SigningKey(f"{agency}.example/witness", COSIGNATURE_ML_DSA, os.urandom(32)) for agency in WITNESSES}
    lines = [f"log {log[0].vkey}", *(f"witness {agency} {key.public.vkey}" for agency, key in keys.items())]
    policy = "\n".join([*lines, f"group agencies all {' '.join(keys)}", "quorum agencies", ""])
    durable.directory(settings.witness_policy.parent)
    durable.replace(settings.witness_policy, policy.encode(), mode=durable.PUBLIC)
    stop = Event()
    threads = []
    for agency, key in keys.items():
        witness = Witness(settings.data / f"witness-{agency}.db", [key], log)
        arguments = (witness, LogClient(f"{url}/ledger"), stop, 0.2)
        threads.append(Thread(target=follow, args=arguments, name=f"witness-{agency}", daemon=True))
        threads[-1].start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)


def disclose(
    settings: Settings, console: Console, http: httpx.Client, desk: Desk, second: Desk, case: UUID | str
) -> bool:
    """A bundle for the court: made by two people, fetched, checked with the policy alone, and the ledger recomputed
    from the rows. Whether all of it holds."""
    disclosure = str(uuid4())
    asked = desk.post(
        f"/cases/{case}/disclosures",
        disclosure=disclosure,
        recipient="Pengadilan Negeri Bontang",
        basis="court-order",
        rule="1/Pen.Pid/2026/PN Bon",
        compartments=["incident", "legal"],
    )
    second.post(f"/proposals/{asked['id']}/approval")
    data = _fetch(http, desk, f"/cases/{case}/disclosures/{disclosure}/bundle")
    file = settings.data / f"{disclosure}.rujukan.zip"
    file.touch(mode=0o600)
    file.write_bytes(data)
    policy = Path(settings.witness_policy)
    try:
        verified = verify_bundle(data, read_policy(policy.read_bytes()))
    except NotProven as problem:
        console.print(f"[bold red]The bundle does not hold:[/bold red] {problem}")
        return False
    console.print(f"  A bundle of {len(data):,} bytes: {file}")
    console.print(f"  rujukan verify {file.name} --policy {policy.name}", style="dim")
    for indonesian, english in zip(words.told(verified, "id"), words.told(verified, "en"), strict=True):
        console.print(f"  [green]+[/green] {indonesian}\n    [dim]{english}[/dim]")
    report = audit(as_role(settings.database, FOLLOWER), composition.ledger_keys(settings))
    if report.difference is not None:
        console.print(f"[bold red]The ledger does not match:[/bold red] {report.difference.what}")
        return False
    console.print(
        f"  [green]+[/green] The ledger: {report.leaves:,} events recomputed from the rows are what was sealed."
    )
    return True


def _fetch(http: httpx.Client, desk: Desk, path: str) -> bytes:
    give_up = time.monotonic() + SECONDS
    while True:
        answer = http.get(path, headers=desk.headers)
        if answer.status_code == 200:
            return answer.content
        if answer.status_code not in (404, 503) or time.monotonic() > give_up:
            answer.raise_for_status()
        time.sleep(0.2)
