"""The ledger: sealing, proving, auditing, and what it costs those who append. Events are real sealed records."""

import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from uuid import uuid4

import psycopg
from events import ACT, NOW, one_compartment
from harness import Bench, Measured, beside
from measure_append import _measure
from msgspec.structs import replace

from rujukan.consumers.evidence import merkle, policies, proofs, records
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.ledger.auditing import audit
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store import sealed_record
from rujukan.infra.store.transcoder import to_segments, topic_of

EVENTS = int(os.environ.get("LEDGER_EVENTS", "1000000"))
CLIENTS = 32
TURNS = 20


def run(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with bench.database() as settings:
        _fill(settings, EVENTS)
        started = time.perf_counter()
        sealed = composition.sealer(settings).seal_all()
        rate = sealed / (time.perf_counter() - started)
        found.append(beside(f"seal {sealed:,} events", rate, "leaves/s", "target", 20_000))
        found.append(beside(f"seal {sealed:,} events", rate, "leaves/s", "hashing alone, one core", _hashing()))
        found += _proofs(settings)
        key = composition.ledger_key(settings)
        started = time.perf_counter()
        report = audit(as_role(settings.database, FOLLOWER), key.public)
        rate = report.leaves / (time.perf_counter() - started)
        assert report.difference is None
        found.append(beside(f"ledger verify, {report.leaves:,} events", rate, "events/s", "target", 100_000))
    return [*found, *_cost(bench)]


def _fill(settings: Settings, count: int) -> None:
    """Sealed events straight into the table: what is measured is what follows them."""
    event = one_compartment()
    plain, topic = to_segments(event), topic_of(event)
    keys = {Compartment.COORDINATION: os.urandom(32)}
    with psycopg.connect(settings.database) as db, db.cursor() as cursor:
        copied = "COPY log.stored_events (originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(copied) as copy:
            copy.set_types(["uuid", "int8", "text", "bytea"])
            stream = uuid4()
            for n in range(count):
                if n % 100 == 0:
                    stream = uuid4()
                header = sealed_record.Header(stream, n % 100 + 1, topic, 1, NOW, ACT.actor, ACT.agency, stream, stream)
                copy.write_row((stream, n % 100 + 1, topic, sealed_record.seal(header, plain, keys)))
        db.commit()
        db.execute("ANALYZE log.stored_events")


def _hashing() -> float:
    """Leaf, node and entry hashes of records in memory: what no sealer on one core of this machine can beat."""
    event = one_compartment()
    header = sealed_record.Header(uuid4(), 1, topic_of(event), 1, NOW, ACT.actor, ACT.agency, uuid4(), uuid4())
    record = sealed_record.seal(header, to_segments(event), {Compartment.COORDINATION: os.urandom(32)})
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < 1:
        for _ in range(1_000):
            leaf = merkle.leaf_hash(records.entry_of(record))
            merkle.node_hash(leaf, leaf)
        count += 1_000
    return count / (time.perf_counter() - started)


def _proofs(settings: Settings) -> list[Measured]:
    """One proof made and one checked, each from nothing kept; medians over leaves all over the tree."""
    key = composition.ledger_key(settings)
    policy = policies.parse_policy(f"log {key.public[0].vkey}\nquorum none\n".encode())
    made: list[float] = []
    checked: list[float] = []
    with composition.ledger(settings) as ledger:
        size = ledger.size()
        with psycopg.connect(settings.database) as db:
            for n in range(200):
                position = int.from_bytes(hashlib.sha256(n.to_bytes(4, "big")).digest()[:8], "big") % size + 1
                (state,) = db.execute(
                    "SELECT state FROM log.stored_events WHERE notification_id = %s", (position,), binary=True
                ).fetchone()
                note = ledger.newest()
                started = time.perf_counter()
                data = ledger.proof(position, note).data
                made.append(time.perf_counter() - started)
                started = time.perf_counter()
                proofs.verify_proof(proofs.parse_proof(data), records.entry_of(state), policy)
                checked.append(time.perf_counter() - started)
    return [
        beside(f"make an inclusion proof, {size:,} leaves", statistics.median(made) * 1e3, "ms", "target", 1, True),
        beside(f"verify it in full, {size:,} leaves", statistics.median(checked) * 1e3, "ms", "target", 1, True),
    ]


def _cost(bench: Bench) -> list[Measured]:
    """Appends with and without a sealer at work, by turns, in the order AB BA AB, the same done before each.
    A disk drifts more in a minute than a sealer takes from it: what it takes is the median over pairs of turns."""
    with bench.database() as settings, composition.writer(settings) as store:
        _measure(store, CLIENTS, 1.0)
        with_one: list[float] = []
        without: list[float] = []
        for turn in range(TURNS):
            for is_sealed in (True, False) if turn % 2 else (False, True):
                composition.sealer(settings).seal_all()
                with _sealer(settings) if is_sealed else nullcontext():
                    time.sleep(0.5)
                    (with_one if is_sealed else without).append(_measure(store, CLIENTS, bench.seconds))
    costs = [100 * (1 - ours / plain) for ours, plain in zip(with_one, without, strict=True)]
    low, cost, high = statistics.quantiles(costs, n=4)
    ours, plain = statistics.median(with_one), statistics.median(without)
    return [
        beside(f"append beside a sealer, {CLIENTS} clients", ours, "events/s", "no sealer", plain),
        beside("what a sealer takes of appends", cost, "%", "target", 5, True),
        beside("the same, lower quartile of the turns", low, "%", "-", None),
        beside("the same, upper quartile", high, "%", "-", None),
    ]


@contextmanager
def _sealer(settings: Settings) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", "sealer"],
        env={**os.environ, **to_environment(replace(settings, kafka="-"))},
    )
    with psycopg.connect(settings.database, autocommit=True) as db:  # a start is not what is measured
        while not db.execute("SELECT FROM follow.leases WHERE work = 'sealing' AND keeper IS NOT NULL").fetchall():
            time.sleep(0.1)
    try:
        yield
    finally:
        child.terminate()
        child.wait()
