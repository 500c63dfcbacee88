"""Brings old logs in: stores the cases that a log was planned to become (planning.py), as far as they are not there
yet (known.py), each in one piece. An import that was interrupted is continued by running it again, and one of a log
that has grown adds the cases that are new.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from msgspec import Struct

from ...domain import agency as agencies
from ...domain.agency import agency_stream
from ...domain.agency_state import Agency
from ...domain.fact import AgencyCode
from ..store.event_store import Conflict, EventStore, Stream
from .known import Found, look, stored_of, was_brought
from .planning import Plan, PlannedCase

CASES_A_COMMIT = 50
THREADS = 2
TRIES = 3

Progress = Callable[[int], object]
"""Told how many more cases are done with."""


class CodeTaken(Exception):
    """An agency of the network has the code that a group of the log would get, and is not that group."""

    def __init__(self, code: AgencyCode) -> None:
        super().__init__(f"the network has another agency under the code {code}, or has suspended it")
        self.code = code


class Unclear(Exception):
    """What only a person can say of the groups of the log."""

    def __init__(self, questions: Sequence[str]) -> None:
        numbered = "; ".join(f"({n}) {question}" for n, question in enumerate(questions, 1))
        super().__init__(f"nothing was imported; say in a mapping (--map FILE): {numbered}")
        self.questions = questions


class Doubtful(Exception):
    """What was erased, or is damaged, could come in again."""

    def __init__(self, erased: int, damaged: int) -> None:
        super().__init__(
            f"nothing was imported: of cases of these agencies, {erased} that an earlier import brought in were erased,"
            f" and {damaged} cannot be read; nothing says any more which they were, and the log may bring them in"
            " again. Take them out of the log, or say --anyway"
        )
        self.erased = erased
        self.damaged = damaged


class Figures(Struct, frozen=True):
    """What an import stored. A clock is the window for the answer to a referral."""

    cases: int
    events: int
    source_events: int
    agencies: int
    referrals: int
    skipped_cases: int
    """There already, and left as they are: nothing of them is in the other figures."""
    left: Mapping[str, Sequence[int]]
    """Why cases were left as they are → the lines of their traces."""
    erased: int
    """Cases of these leads that an import of before brought in and that were erased: nothing says which they were."""
    damaged: int
    """Cases that cannot be read, and may be of these leads."""
    empty_traces: int
    clocks_met: int
    clocks_breached: int
    seconds: float
    """Of planning and storing."""
    events_per_second: float


def expected(plan: Plan, found: Found) -> "Figures":
    """What an import would store of what was found missing."""
    return _figures(plan, found, found.missing, len(plan.agencies), plan.seconds)


def store(
    plan: Plan,
    store: EventStore,
    progress: Progress = lambda cases: None,
    threads: int = THREADS,
    *,
    anyway: bool = False,
) -> Figures:
    """Store what is not there yet: the agencies in one commit, then the cases, many to a commit and each whole.

    `progress` is called from the calling thread; when it raises, what was committed stays and no more is begun.
    `anyway` imports although something erased or damaged may be among it. Raises Unclear, Doubtful and CodeTaken before
    anything is stored, LogUnavailable.
    """
    started = time.perf_counter()
    if plan.questions:
        raise Unclear(plan.questions)
    found = look(plan.cases, store)
    if found.missing and (found.untold or found.damaged) and not anyway:
        raise Doubtful(found.untold, found.damaged)
    registered = _store_agencies(plan, store)
    missing = found.missing
    progress(len(plan.cases) - len(missing))
    stored: list[PlannedCase] = []
    batches = [missing[n : n + CASES_A_COMMIT] for n in range(0, len(missing), CASES_A_COMMIT)]
    with ThreadPoolExecutor(threads, thread_name_prefix="import") as pool:
        under_way = {pool.submit(_store_cases, plan, batch, store): len(batch) for batch in batches}
        try:
            for done in as_completed(under_way):
                stored.extend(done.result())
                progress(under_way[done])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return _figures(plan, found, stored, registered, plan.seconds + time.perf_counter() - started)


def _figures(plan: Plan, found: Found, stored: Sequence[PlannedCase], agencies: int, seconds: float) -> Figures:
    events = sum(len(case.events) for case in stored)
    referrals = sum(case.referrals for case in stored)
    met = sum(case.clocks_met for case in stored)
    return Figures(
        cases=len(stored),
        events=events,
        source_events=sum(case.source_events for case in stored),
        agencies=agencies,
        referrals=referrals,
        skipped_cases=len(plan.cases) - len(stored),
        left={why.value: sorted(case.line for case in cases) for why, cases in found.left.items()},
        erased=found.untold,
        damaged=found.damaged,
        empty_traces=plan.empty_traces,
        clocks_met=met,
        clocks_breached=referrals - met,
        seconds=seconds,
        events_per_second=events / seconds,
    )


def _store_agencies(plan: Plan, store: EventStore) -> int:
    """Register the agencies that are not there; how many were new. Raises CodeTaken."""
    for attempt in range(TRIES):
        new = [planned for planned in plan.agencies if not _is_there(planned.agency, store)]
        if not new:
            return 0
        streams = [Stream(agency_stream(planned.agency.code), 0, planned.events) for planned in new]
        try:
            store.append(streams, plan.act, correlation=plan.id, causation=plan.id)
        except Conflict:
            if attempt == TRIES - 1:
                raise
            continue
        return len(new)
    raise AssertionError("unreachable")


def _is_there(planned: Agency, store: EventStore) -> bool:
    """Whether the network has the agency as it was planned with. Raises CodeTaken where it has another."""
    history = store.read(agency_stream(planned.code))
    found = agencies.fold(opened.event for opened in history)
    if found is None:
        return False
    same = was_brought(history) and (found.kind, found.name) == (planned.kind, planned.name)
    if not same or not found.active or not planned.services <= found.services:
        raise CodeTaken(planned.code)
    return True


def _store_cases(plan: Plan, batch: Sequence[PlannedCase], store: EventStore) -> list[PlannedCase]:
    """Store these cases in one commit; those that somebody else did not store meanwhile."""
    for attempt in range(TRIES):
        streams = [Stream(case.id, 0, case.events, case.acts) for case in batch]
        try:
            if streams:
                store.append(streams, plan.act, correlation=plan.id, causation=plan.id)
        except Conflict:
            if attempt == TRIES - 1:
                raise
            batch = _missing(batch, store)
            continue
        return list(batch)
    raise AssertionError("unreachable")


def _missing(planned: Sequence[PlannedCase], store: EventStore) -> list[PlannedCase]:
    """The cases that are not stored yet, by their ids."""
    there = stored_of((case.id for case in planned), store)
    return [case for case in planned if case.id not in there]
