"""A bundle of a case of 200 events, with 20 readings and 3 documents: made, and verified with nothing of ours."""

import hashlib
import statistics
import time
from uuid import UUID, uuid4

from events import ACT, NOW
from harness import Bench, Measured, beside
from measure_history import _story

from rujukan.api.application.ports import Ports
from rujukan.consumers.evidence.bundles import verify_bundle
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.domain.access import AccessRecorded
from rujukan.domain.case.disclosures import DisclosureMade
from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.codes import DisclosureBasis, DocumentKind
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.store.event_store import EventStore, Stream

TIMES = 15
TARGET, FIRST = 300.0, 2_000.0
OTHERS = 20_000
DOCUMENT = b"a page of a doctor's report " * 1_000


def run(bench: Bench) -> list[Measured]:
    with bench.database() as settings, composition.service(settings) as ports:
        with composition.writer(settings) as store:
            case, disclosure = _case(store, ports)
            _others(store)
        composition.sealer(settings).seal_all()
        key = composition.ledger_key(settings)
        policy = parse_policy(f"log {key.public[0].vkey}\nquorum none\n".encode())
        made, verified, printed = [], [], []
        for _ in range(TIMES):
            started = time.perf_counter()
            data = ports.opener.bundle(case, disclosure, {}, reports=False)
            made.append(time.perf_counter() - started)
            started = time.perf_counter()
            found = verify_bundle(data, policy)
            verified.append(time.perf_counter() - started)
            assert len(found.events) == len(_story()) + 3
        with composition.service(settings) as fresh:
            looked = []
            for _ in range(2):
                started = time.perf_counter()
                assert len(fresh.opener.readings(case).found) == 20
                looked.append(time.perf_counter() - started)
        for _ in range(3):
            started = time.perf_counter()
            ports.opener.bundle(case, disclosure, {})
            printed.append(time.perf_counter() - started)
    figures = (
        ("make a bundle of 203 events, no PDF", made, TARGET),
        ("verify it", verified, TARGET),
        ("make it with two PDF/A reports", printed, None),
        (f"who looked, the first question after a start, {OTHERS:,} readings in the log", looked[:1], FIRST),
        ("the next question", looked[1:], None),
    )
    return [
        beside(name, statistics.median(times) * 1e3, "ms", "target" if target else "none", target, True)
        for name, times, target in figures
    ]


def _case(store: EventStore, ports: Ports) -> tuple[UUID, UUID]:
    case, disclosure = uuid4(), uuid4()
    events = _story()
    for _ in range(3):
        document = uuid4()
        ports.documents.put(case, document, Compartment.HEALTH, DOCUMENT)
        events.append(
            DocumentAttached(
                occurred_at=NOW,
                document=document,
                kind=DocumentKind.OTHER,
                compartment="health",
                media_type="text/plain",
                size=len(DOCUMENT),
                sha256=hashlib.sha256(DOCUMENT).hexdigest(),
            )
        )
    store.append([Stream(case, 0, events)], ACT, correlation=case, causation=case)
    store.append([Stream(uuid4(), 0, [_reading(case)] * 20)], ACT, correlation=case, causation=case)
    made = DisclosureMade(
        occurred_at=NOW,
        disclosure=disclosure,
        recipient="Pengadilan Negeri Bontang",
        basis=DisclosureBasis.COURT_ORDER,
        rule="1/2026",
        compartments=frozenset({"health", "psychosocial"}),
    )
    store.append([Stream(case, len(events), [made])], ACT, correlation=case, causation=case)
    return case, disclosure


def _others(store: EventStore) -> None:
    """Readings of other cases, in streams as long as those of a process."""
    for _ in range(OTHERS // 1_000):
        store.append(
            [Stream(uuid4(), 0, [_reading(uuid4()) for _ in range(1_000)])], ACT, correlation=uuid4(), causation=uuid4()
        )


def _reading(case: UUID) -> AccessRecorded:
    return AccessRecorded(
        occurred_at=NOW,
        reader=ACT.actor,
        agency=ACT.agency,
        role=ACT.role,
        purpose=ACT.purpose,
        subject=case,
        compartments=frozenset({"coordination", "health"}),
        what="timeline",
        basis="lead",
    )
