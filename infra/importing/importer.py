"""Brings old logs in: stores the cases that a log was planned to become (planning.py), as far as they are not there
yet, each in one piece. An import that was interrupted is continued by running it again.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from msgspec import Struct

from ...domain import agency as agencies
from ...domain.agency import agency_stream
from ...domain.agency_state import Agency
from ...domain.fact import AgencyCode
from ..store.event_store import Conflict, EventStore, Stream
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


class Figures(Struct, frozen=True):
    """What an import stored. A clock is the window for the answer to a referral."""

    cases: int
    events: int
    source_events: int
    agencies: int
    referrals: int
    skipped_cases: int
    """There already, and left as they are: nothing of them is in the other figures."""
    empty_traces: int
    clocks_met: int
    clocks_breached: int
    seconds: float
    """Of planning and storing."""
    events_per_second: float


def store(plan: Plan, store: EventStore, progress: Progress = lambda cases: None, threads: int = THREADS) -> Figures:
    """Store what is not there yet: the agencies in one commit, then the cases, many to a commit and each whole.

    `progress` is called from the calling thread; when it raises, what was committed stays and no more is begun.
    Raises CodeTaken before anything is stored, LogUnavailable.
    """
    started = time.perf_counter()
    registered = _store_agencies(plan, store)
    missing = _missing(plan.cases, store)
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
    events = sum(len(case.events) for case in stored)
    referrals = sum(case.referrals for case in stored)
    met = sum(case.clocks_met for case in stored)
    seconds = plan.seconds + time.perf_counter() - started
    return Figures(
        cases=len(stored),
        events=events,
        source_events=sum(case.source_events for case in stored),
        agencies=registered,
        referrals=referrals,
        skipped_cases=len(plan.cases) - len(stored),
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
    found = agencies.fold(opened.event for opened in store.read(agency_stream(planned.code)))
    if found is None:
        return False
    same = (found.kind, found.name) == (planned.kind, planned.name)
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
    """The cases that are not stored yet."""
    with store.pool.connection() as db:
        there = {id for (id,) in db.execute(_THERE, ([case.id for case in planned],)).fetchall()}
    return [case for case in planned if case.id not in there]


_THERE = "SELECT originator_id FROM log.stored_events WHERE originator_id = ANY(%s) AND originator_version = 1"
