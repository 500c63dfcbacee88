"""How the service is: work that waits, by its age, in one word; answered also while the database hangs."""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from conftest import Running, start_system
from msgspec.structs import replace
from office import Office, believe_rows, frozen, until
from patience import PATIENCE_SECONDS

from rujukan import projections
from rujukan.api.application.casework import Casework
from rujukan.api.application.vitals import Vitals, Word, Writing, words
from rujukan.api.health import PATIENCE_SECONDS as OF_PROBES
from rujukan.domain.case.fulfilment import ReceiveReferral
from rujukan.domain.codes import Role, Service, Urgency
from rujukan.infra import composition
from rujukan.infra.commands.health import undone
from rujukan.infra.database import FOLLOWER, SERVICE, as_role, connect
from rujukan.infra.demo import network
from rujukan.infra.lease import Lease
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings, to_environment

WELL = Writing(0, 0, 0, True)


@pytest.fixture(scope="module")
def own(places: Callable[[], Path]) -> Iterator[Running]:
    """A system that is broken here."""
    started = start_system(places(), workers=2)
    yield started
    started.stop()


def health(own: Running) -> tuple[int, dict[str, Any]]:
    answer = own.http.get("/health")
    return answer.status_code, answer.json()


def gets_well(own: Running) -> None:
    said: list[dict[str, Any]] = [{}]
    try:
        until(lambda: said.append(health(own)[1]) or said[-1]["status"] == "ok")  # type: ignore[func-returns-value]
    except AssertionError:
        raise AssertionError(said[-1]) from None


# What a stranger is told -------------------------------------------------------------------------------------


def test_a_stranger_learns_a_word_and_what_checkpoints_tell_anyway(own: Running) -> None:
    gets_well(own)
    status, said = health(own)
    assert status == 200
    assert said.keys() == {"status", "parts", "behind", "ledger", "refused"}
    assert said["refused"] == {}
    parts = {"database", "writer", "history", "records", "views", "register", "publisher", "ledger"}
    assert said["parts"] == dict.fromkeys(parts, "ok")
    assert said["behind"].keys() == {p.name for p in projections.ALL}
    assert all(isinstance(behind, int) for behind in said["behind"].values())
    assert said["ledger"].keys() == {"behind", "lag_ms"}
    assert not any(member.code in json.dumps(said) for member in network.BONTANG)
    assert own.http.get("/live").json() == {"status": "ok"}


# What waits --------------------------------------------------------------------------------------------------


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    with composition.service(settings, connections=4) as ports:
        network.set_up(Casework(ports.log, ports.macs), settings.data / f"agencies {uuid4()}")
        yield Office(ports)


def look(settings: Settings, later: float = 0.0) -> Vitals:
    """How everybody is, as it would be told so many seconds later."""
    with connect(as_role(settings.database, SERVICE)) as db:
        return vitals(db, time.time() + later)


def fold(settings: Settings) -> None:
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        runner.catch_up()


def register(settings: Settings) -> None:
    stop = Event()
    keeper = Thread(target=composition.keep_register, args=(settings, stop), daemon=True)
    keeper.start()
    until(lambda: look(settings).register.behind == 0)
    stop.set()
    keeper.join(PATIENCE_SECONDS)


@pytest.mark.thorough
def test_what_waits_is_told_by_its_age_until_it_is_done(settings: Settings, office: Office) -> None:
    """Nobody works at first, then one after the other does; an hour goes by in between."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    referral = office.refers(case, "rsud", Service.HEALTH, urgency=Urgency.EMERGENCY)

    def late(expected: set[str]) -> Vitals:
        found = look(settings, 3600)
        said = words(found, WELL)
        assert {part for part, word in said.items() if word is Word.DEGRADED} == expected
        assert max(said.values()) is (Word.DEGRADED if expected else Word.OK)
        return found

    found = late({"views", "register", "ledger"})
    assert all(view.behind > 0 and view.age_ms >= 3_600_000 for view in found.views)
    register(settings)
    assert late({"views", "ledger"}).register.behind == 0
    fold(settings)
    assert {(view.behind, view.age_ms) for view in late({"ledger", "publisher"}).views} == {(0, 0)}
    composition.sealer(settings).seal_all()
    found = late({"publisher"})
    assert found.ledger.behind == 0
    assert min(found.unpublished_ms, found.emergency_ms, found.unconfirmed_ms) >= 3_600_000
    with psycopg.connect(settings.database, autocommit=True) as db:
        for way, undo in (
            (
                "INSERT INTO delivery.topics SELECT agency, 'topic', sequence FROM delivery.heads",
                "DELETE FROM delivery.topics",
            ),
            (
                "INSERT INTO views.delivery_mark SELECT agency, sequence, 0, 0, now() FROM delivery.heads",
                "DELETE FROM views.delivery_mark",
            ),
            (
                "INSERT INTO delivery.webhooks (agency, registration, set_at, active, sent)"
                " SELECT agency, 1, now(), true, sequence FROM delivery.heads",
                "DELETE FROM delivery.webhooks",
            ),
        ):
            db.execute(way)
            found = late(set())
            assert (found.unpublished_ms, found.emergency_ms) == (0, 0), "the broker, the webhook or the agency has it"
            assert found.unconfirmed_ms >= 3_600_000, "nobody has said that it arrived"
            db.execute(undo)
        late({"publisher"})
    office.does("rsud", case, ReceiveReferral, referral=referral)
    fold(settings)
    found = look(settings, 3600)
    assert (found.emergency_ms, found.unconfirmed_ms) == (0, 0), "somebody there has it"


@pytest.mark.thorough
def test_who_folds_what_is_named(settings: Settings, office: Office) -> None:
    """Two share the read models; one of them is silent for longer than its lease, and then nobody's name is said."""
    with connect(as_role(settings.database, FOLLOWER)) as db:
        believe_rows(db)
        db.execute("UPDATE follow.processors SET shards = 2, shard = 1 WHERE name = 'timeline'")
        leases = [Lease("views", 600), Lease("views", 600), Lease("register", 600), Lease("sealing", 600)]
        for number, lease in enumerate(leases):
            lease._name = f"machine {number}"
        for _ in range(2):  # who has too much gives back when it asks the next time
            first, second = (lease.hold(db, 2) for lease in leases[:2])
        assert len(first) == len(second) == 1
        for lease in leases[2:]:
            lease.hold(db)
        try:
            found = look(settings)
            of_shard = {share: f"machine {number}" for number, held in enumerate((first, second)) for share in held}
            assert {(view.shard, view.by) for view in found.views} == set(of_shard.items())
            assert (found.register.by, found.ledger.by) == ("machine 2", "machine 3")
            db.execute("UPDATE follow.leases SET until = '-infinity' WHERE work = 'views' AND share = 1")
            leases[2].give_back(db)
            found = look(settings)
            assert {(view.shard, view.by) for view in found.views} == {(0, of_shard[0]), (1, "")}
            assert (found.register.by, found.ledger.by) == ("", "machine 3")
            said = health_of(settings).stdout
            assert of_shard[0] in said
            assert of_shard[1] not in said
            assert "nobody" in said
        finally:
            believe_rows(db)
            db.execute("UPDATE follow.processors SET shards = 1, shard = 0 WHERE name = 'timeline'")
            for lease in leases:
                lease.give_back(db)


@pytest.mark.parametrize(
    ("work", "part", "who"),
    [
        ("views", "views", "a worker"),
        ("register", "register", "a publisher"),
        ("publishing", "publisher", "a publisher"),
        ("sealing", "ledger", "a sealer"),
    ],
)
@pytest.mark.parametrize("how", ["killed or halted", "stopped"])
def test_a_work_that_nobody_does_is_not_well_though_nothing_waits(
    settings: Settings, work: str, part: str, who: str, how: str
) -> None:
    """Each process by itself is gone for a minute, and nothing new comes: what comes due by the clock would be raised
    by nobody."""
    fold(settings)
    register(settings)
    composition.sealer(settings).seal_all()
    with connect(as_role(settings.database, FOLLOWER)) as db:
        lease = Lease(work)
        lease.hold(db)
        try:
            assert words(look(settings), WELL)[part] is Word.OK
            if how == "stopped":
                lease.give_back(db)
            db.execute("UPDATE follow.leases SET until = now() - interval '61 s' WHERE work = %s", (work,))
            found = look(settings)
            assert {p for p, word in words(found, WELL).items() if word is not Word.OK} == {part}
            assert [trouble.part for trouble in undone(found)] == [part]
            assert f"start {who}" in undone(found)[0].what
        finally:
            db.execute("DELETE FROM follow.leases WHERE work = %s", (work,))


@pytest.mark.thorough
def test_several_workers_share_what_is_folded_in_several_shards(own: Running) -> None:
    """As `rujukan up` starts them; and who keeps the register, and seals, is named too."""
    parted = replace(own.settings, shards=2)
    with composition.follower(parted) as source, composition.runner(parted, source) as runner:
        runner.rebuild("timeline")

    def of(name: str) -> str:
        return f"{platform.node()} {own.system.pid(name)}"

    def shared() -> bool:
        found = look(own.settings)
        by = {view.shard: view.by for view in found.views}
        return (set(by.values()), found.register.by, found.ledger.by) == (
            {of("worker"), of("worker-2")},
            of("publisher"),
            of("sealer"),
        )

    until(shared)


def health_of(settings: Settings) -> "subprocess.CompletedProcess[str]":
    """`rujukan health`."""
    return subprocess.run(
        [sys.executable, "-m", "rujukan.infra.cli", "health"],
        env=to_environment(
            Settings(data=settings.data, database=settings.database, kafka="nowhere:9092", network="tests")
        ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_what_stands_still_is_named(settings: Settings, office: Office) -> None:
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("UPDATE follow.processors SET stopped_at = now(), why = 'ValueError here.py:7' WHERE name = 'audit'")
        try:
            found = look(settings)
            assert [(v.name, v.why) for v in found.views if v.why] == [("audit", "ValueError here.py:7")]
            assert words(found, WELL)["views"] is Word.DAMAGED
            said = health_of(settings)
            assert said.returncode == int(Word.DAMAGED), said.stderr
            assert said.stdout.startswith("damaged\n")
            assert "stopped: ValueError here.py:7" in said.stdout
            stream = uuid4()
            db.execute("INSERT INTO ledger.forks VALUES ('the guard', 'an older state')")
            db.execute("INSERT INTO delivery.damaged VALUES (%s, 3, 7, '', 'BrokenSeal')", (stream,))
            db.execute("INSERT INTO delivery.unfit VALUES (5, 'rsud', 1, %s, %s)", (stream, stream))
            db.execute("INSERT INTO follow.unfit VALUES ('delivery.heads', 'rsud', 'put right')")
            named = [line for line in health_of(settings).stdout.splitlines() if line.startswith("- ")]
            assert named == [
                "- history: an older state (found by the guard): `rujukan forks`",
                f"- records: stream {stream}, event 3, position 7: BrokenSeal: `rujukan damaged`",
                "- records: row 5 of the register: `rujukan damaged`",
                "- records: delivery.heads, rsud: put right: `rujukan damaged`",
                *[line for line in named if line.startswith("- views: audit, shard 0 stands still")],
            ]
            assert len(named) == 5, "one hides no other"
        finally:
            db.execute("UPDATE follow.processors SET stopped_at = NULL, why = NULL WHERE name = 'audit'")
            for table in ("ledger.forks", "delivery.damaged", "delivery.unfit", "follow.unfit"):
                db.execute(f"DELETE FROM {table}")


@pytest.mark.thorough
def test_damaged_streams_are_counted_until_they_are_repaired(settings: Settings, office: Office) -> None:
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute(
            "INSERT INTO delivery.damaged (stream, version, position, topic, why) VALUES (%s, 1, 1, '', 'BrokenSeal')",
            (uuid4(),),
        )
        assert (look(settings).damaged, words(look(settings), WELL)["records"]) == (1, Word.DAMAGED)
        db.execute("UPDATE delivery.damaged SET repaired_at = now()")
        assert (look(settings).damaged, words(look(settings), WELL)["records"]) == (0, Word.OK)


# While the database hangs ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_while_the_database_hangs_probes_are_answered_and_writes_are_told(own: Running) -> None:
    """More writes than there are threads, and reads: all are answered, none is stored twice."""
    gets_well(own)
    worker, supervisor = own.client("uptd-ppa"), own.client("uptd-ppa", Role.SUPERVISOR)
    opening = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    keys = [str(uuid4()) for _ in range(50)]

    def opens(key: str) -> httpx.Response:
        return worker.post("/cases", json=opening, headers={"Idempotency-Key": key})

    assert opens(str(uuid4())).status_code == 201
    with ThreadPoolExecutor(len(keys) + 1) as threads:
        with frozen(own.system.pid("postgres")):
            writes = [threads.submit(opens, key) for key in keys]
            read = threads.submit(supervisor.get, "/cases")
            until(lambda: health(own)[0] == 503)
            asked = time.monotonic()
            status, said = health(own)
            assert (status, said["status"], said["parts"]["database"]) == (503, "unavailable", "unavailable")
            assert time.monotonic() - asked < PATIENCE_SECONDS / 2, "the database was not waited for"
            assert own.http.get("/live").status_code == 200
            answered = [write.result(PATIENCE_SECONDS) for write in writes]
            assert {answer.status_code for answer in answered} == {503}
            assert {answer.json()["type"] for answer in answered} == {"urn:rujukan:problem:unavailable"}
            assert read.result(PATIENCE_SECONDS).status_code == 503
        gets_well(own)
        again = [opens(key) for key in keys]
        assert {answer.status_code for answer in again} == {201}
        assert len({answer.json()["id"] for answer in again}) == len(keys)
        once_more = [opens(key) for key in keys]
        assert [answer.json() for answer in once_more] == [answer.json() for answer in again]
    assert OF_PROBES < 2
