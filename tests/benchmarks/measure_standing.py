"""What the table of standing costs a command: with it, beside the same decision with the check taken out. One process,
durable writes on the same PostgreSQL; turn and turn about, command by command, so that what else the machine does falls
on both. Said are medians of pairs, as a flush takes what it takes; and the processor's time, which the machine's other
work does not change."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from harness import Bench, Measured, beside

from rujukan.api.application import casework as commands
from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE
from rujukan.domain.case.consents import GiveConsent
from rujukan.domain.case.intake import OpenCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import DraftReferral, SendReferral
from rujukan.domain.casefile import deciding
from rujukan.domain.casefile.deciding import decide
from rujukan.domain.codes import AgeGroup, Channel, ConsentBy, Obtained, Purpose, Reporter, Role, Service, Urgency
from rujukan.domain.fact import Act, ActorId, CaseId, Fact
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor

TARGET = 3.0
PAIRS = 1_500
"""Of commands; of decisions in memory ten times as many."""
KINDS = {member.code: member.kind for member in network.BONTANG}


def run(bench: Bench) -> list[Measured]:
    with bench.database() as settings, composition.service(settings, connections=4) as ports:
        casework = Casework(ports.log, ports.macs, ports.deliveries)
        network.set_up(casework, settings.data / "agencies")
        found: list[Measured] = []
        for who in ("uptd-ppa", "rsud"):
            case = _case(casework)
            known = casework.case(case)

            def command(agency: str = who, case: CaseId = case) -> None:
                casework.handle(CASE, case, _note(), _act(agency), correlation=uuid4())

            def decision(agency: str = who, known: Any = known) -> None:
                decide(_note(), known, _act(agency), casework.network)

            _in_pairs(decision, PAIRS)  # warm
            checked, unchecked, _ = _in_pairs(decision, 10 * PAIRS)
            with_it, without, part = _in_pairs(command, PAIRS)
            busy, less_busy, part_of_processor = _in_pairs(command, PAIRS, time.process_time)
            name = f"a note of {'the lead' if who == 'uptd-ppa' else 'a recipient'}"
            found.append(beside(f"{name}, decided", checked * 1e6, "µs", "unchecked", unchecked * 1e6, True))
            found.append(beside(f"{name}, stored", with_it * 1e6, "µs", "unchecked", without * 1e6, True))
            found.append(beside(f"{name}, processor", busy * 1e6, "µs", "unchecked", less_busy * 1e6, True))
            found.append(beside(f"{name}: the table, of its time", 100 * part, "%", "target", TARGET, True))
            of_busy = 100 * part_of_processor
            found.append(beside(f"{name}: the table, of its processor", of_busy, "%", "target", TARGET, True))
        return found


def _in_pairs(
    work: Callable[[], None], pairs: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float, float]:
    """The median with the check and without it, in seconds; and the median of how much of the time the check is."""
    with_it: list[float] = []
    without: list[float] = []
    for n in range(pairs):
        for checks in (True, False) if n % 2 else (False, True):
            if checks:
                with_it.append(_timed(work, clock))
            else:
                with _unchecked():
                    without.append(_timed(work, clock))
    part = median(1 - b / a for a, b in zip(with_it, without, strict=True))
    return median(with_it), median(without), part


def _timed(work: Callable[[], None], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began


@contextmanager
def _unchecked() -> Iterator[None]:
    """Without asking the table who may, or whether that takes a second person."""
    standing, second = deciding.standing, commands.second_needed
    deciding.standing, commands.second_needed = _nothing, _nothing
    try:
        yield
    finally:
        deciding.standing, commands.second_needed = standing, second


def _nothing(*_: object) -> None:
    return None


def _act(agency: str) -> Act:
    role = Role.CASE_WORKER
    return Act(
        actor=ActorId(usual_actor(agency, role)),
        agency=agency,
        kind=KINDS[agency],
        role=role,
        purpose=Purpose.CARE,
        at=composition.now(),
    )


def _note() -> Fact:
    return RecordNote(occurred_at=composition.now(), note=uuid4(), subject="s" * 100, psychosocial="p" * 220)


def _case(casework: Casework) -> CaseId:
    """One as there are many: some consents, some referrals, some notes."""
    case, now = CaseId(uuid4()), composition.now()
    said: list[Fact] = [
        OpenCase(
            occurred_at=now,
            channel=Channel.HOTLINE,
            reporter=Reporter.SURVIVOR,
            urgency=Urgency.URGENT,
            age_group=AgeGroup.ADULT,
        )
    ]
    for recipient, service in (("rsud", Service.HEALTH), ("psikolog", Service.PSYCHOSOCIAL)):
        said += _referral(now, recipient, service)
    said += [_note() for _ in range(20)]
    for command in said:
        casework.handle(CASE, case, command, _act("uptd-ppa"), correlation=uuid4())
    return case


def _referral(now: Any, recipient: str, service: Service) -> Sequence[Fact]:
    id: UUID = uuid4()
    content = frozenset({"health", "psychosocial"})
    consent = GiveConsent(
        occurred_at=now,
        consent=uuid4(),
        compartments=content,
        recipients=frozenset({recipient}),
        purposes=frozenset(Purpose),
        given_by=frozenset({ConsentBy.SURVIVOR}),
        obtained=Obtained.VERBAL,
    )
    drafted = DraftReferral(
        occurred_at=now,
        referral=id,
        recipient=recipient,
        service=service,
        urgency=Urgency.URGENT,
        purpose=Purpose.CARE,
        compartments=content,
    )
    return consent, drafted, SendReferral(occurred_at=now, referral=id)
