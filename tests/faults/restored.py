"""A database restored to an hour ago, beside a guard, topics and inboxes that were not: everybody notices, nothing is
stored or told, and `rujukan recover` is the way on. What is lost is named, to the agencies that hold it, too."""

import shutil
import subprocess
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
from kafka.errors import KafkaError
from msgspec.structs import replace
from patience import PATIENCE_SECONDS

from rujukan.consumers.publishing.tails import tails
from rujukan.domain.recovery import HistoryRecovered
from rujukan.infra import composition
from rujukan.infra.commands import recover
from rujukan.infra.delivery.cursors import LOST
from rujukan.infra.settings import to_environment

from .catalogue import Fault
from .followers import asking, eventually, lead, settled
from .going_on import HTTP
from .load import PARTNERS, shared_case
from .parts import Database, Part, Program
from .world import World

PROBLEM = "urn:rujukan:problem:history-forked"


class Restored(Fault):
    """A copy of the database's directory is taken, all goes on for a while, and the copy is put back."""

    kind = "restored to an hour ago"
    hits = HTTP
    """Who asks is told of another history, and asks anew after a while, a minute at most."""

    def inject(self, world: World) -> None:
        database = world.parts["database"]
        assert isinstance(database, Database)
        saved = world.directory / f"saved-{uuid4().hex[:8]}"
        with world.quiet.kept():
            database.rest()
            _copy(database.server.data_dir, saved)
            database.release()
        self._goes_on(world)
        with world.quiet.kept():
            self._has_arrived(world)
            before = _last(world)
            service = _service(world)
            for part in (*service, database):
                part.rest()
            shutil.rmtree(database.server.data_dir)
            saved.rename(database.server.data_dir)
            database.release()
            kept = _last(world)
            assert kept < before, "nothing is lost"
            world.lost.append(range(kept + 1, before + 1))
            self._is_noticed(world, service)
            for part in service:
                part.rest()
            self._recover(world, service)
            for part in service:
                part.release()
            _wait(lambda: _answers(world), "the service answers again")

    def _goes_on(self, world: World) -> None:
        """All agencies are told of a case that will be lost altogether, beside what is written in others."""
        with lead(world) as person:
            here = shared_case(person, list(PARTNERS))
            said = person.post(f"{here}/notes", **{compartment: "x" for _, compartment in PARTNERS.values()})
        position = int(said["position"])

        def have_all() -> bool:
            return all(any(row.position == position for row in world.handled(a, position - 1)) for a in world.keys)

        _wait(have_all, "all agencies handled what will be lost")

    def _has_arrived(self, world: World) -> None:
        """All that is in the log is followed, told, in the topics, handled by all agencies, and signed."""
        settled(world)
        eventually(world, lambda db: not db.execute(_UNFOLLOWED).fetchone()[0], "the register is where the log is")
        eventually(world, lambda db: not db.execute(_UNSEALED).fetchone()[0], "all is signed")
        heads = _heads(world)
        told = {agency: heads[agency] for agency in world.keys}
        _wait(lambda: _ends(world) == told, "the topics have all that was told")
        _wait(lambda: all(len(world.handled(a)) >= told[a] for a in told), "the agencies handled all they were told")

    def _is_noticed(self, world: World, service: Sequence[Part]) -> None:
        """By whoever comes first, and then by all: nothing is stored."""
        for part in service:
            part.release()
        eventually(world, lambda db: db.execute("SELECT 1 FROM ledger.forks").fetchone(), "somebody finds the fork")
        _wait(lambda: _answers(world), "the API is there")
        headers = {"Authorization": f"Bearer {world.token('uptd-ppa')}", "Purpose-Of-Use": "care"}
        body = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
        refused = httpx.post(f"{world.api}/cases", json=body, headers=headers, timeout=PATIENCE_SECONDS)
        assert (refused.status_code, refused.json()["type"]) == (503, PROBLEM), "what would be lost again is stored"

    def _recover(self, world: World, service: Sequence[Part]) -> None:
        world.settings = replace(world.settings, ledger=f"faults/{uuid4().hex[:8]}")
        for part in service:
            assert isinstance(part, Program)
            part.environment |= to_environment(world.settings)
        assert recover.run(world.settings, Namespace(yes=True)) == 0

    def check(self, world: World) -> None:
        """Each agency was told which of its numbers are lost: those that the register knows nothing of, each once."""
        with composition.follower(world.settings) as source:
            told = [
                followed.written.event
                for page in source.pages(0)
                for followed in page
                if isinstance(followed.written.event, HistoryRecovered)
            ]
        for agency in world.keys:
            ranges = [r for event in told if event.agency == agency for r in event.lost_numbers]
            named = sorted(n for r in ranges for n in range(r.first, r.last + 1))
            with asking(world) as db:
                rows = db.execute(_TAKEN_IN, (agency, LOST)).fetchall()
            assert rows, f"nothing of {agency} is lost"
            assert named == [row.sequence for row in rows], f"{agency} was not told what of it is lost, or otherwise"


def _service(world: World) -> list[Part]:
    """The service's own processes: what is to be stopped before a recovery."""
    return [p for p in world.parts.values() if isinstance(p, Program) and not p.name.startswith("subscriber")]


def _copy(source: Path, to: Path) -> None:
    """Each file with its owner: a server's data is another user's where root runs it."""
    subprocess.run(["cp", "-a", str(source), str(to)], check=True)


def _last(world: World) -> int:
    """The highest position of the log."""
    return int(eventually(world, lambda db: db.execute(_LAST).fetchone(), "the database answers")[0])


def _heads(world: World) -> dict[str, int]:
    sql = "SELECT agency, sequence FROM delivery.heads"
    rows = eventually(world, lambda db: db.execute(sql).fetchall(), "the database answers")
    return {row.agency: row.sequence for row in rows}


def _ends(world: World) -> dict[str, int]:
    """Agency → what its topic ends with; nothing while a broker is away."""
    try:
        with closing(world.admin()) as admin:
            found = tails(world.access(), admin, list(world.keys), world.service_key)
    except (KafkaError, OSError):
        return {}
    return {agency: end.sequence for agency, end in found.items()}


def _answers(world: World) -> bool:
    try:
        return httpx.get(f"{world.api}/live", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _wait(check: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < give_up, f"not in time: {what}"
        time.sleep(0.05)


_LAST = "SELECT max(notification_id) FROM log.stored_events"
_TAKEN_IN = "SELECT sequence FROM delivery.told WHERE agency = %s AND stream = %s ORDER BY sequence"
_UNFOLLOWED = "SELECT (SELECT max(notification_id) FROM log.stored_events) > (SELECT position FROM delivery.reached)"
_UNSEALED = (
    "SELECT (SELECT max(notification_id) FROM log.stored_events) >"
    " (SELECT coalesce(max(last_position), 0) FROM ledger.batches)"
)
