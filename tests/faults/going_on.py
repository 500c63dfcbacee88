"""When what is whole goes on: of each piece of work, how long anything that has to be done waited for who does it,
beside each fault. Looked at a few times a second: as little as can be of a machine that has more to do."""

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

import psycopg

from .load import Load
from .world import TRANSPORTS, World

LOOK_SECONDS = 0.2
WRITES, REGISTER, LEDGER, MODEL, AGENCY = "writes", "register", "ledger", "read model ", "agency "
EVERYTHING = frozenset({""})
"""Where a fault hits everything."""
GROUPS = (WRITES, REGISTER, LEDGER, "read models", "agencies on Kafka", "agencies on HTTP")


def agencies(*codes: str) -> frozenset[str]:
    """The work of telling these."""
    return frozenset(f"{AGENCY}{code}" for code in codes)


KAFKA = agencies(*(code for code, how in TRANSPORTS.items() if "kafka" in how))
HTTP = agencies(*(code for code, how in TRANSPORTS.items() if "kafka" not in how))


def group_of(work: str) -> str:
    """What figures of that work are taken of together with."""
    if work.startswith(MODEL):
        return "read models"
    if work.startswith(AGENCY):
        return "agencies on Kafka" if work in KAFKA else "agencies on HTTP"
    return work


class Waited(NamedTuple):
    """How long something waited at most, by group: for who was hit, from when it was right again; for all others, from
    the fault on."""

    others: dict[str, float]
    hit: dict[str, float]


class _Line:
    """Numbers that grow, and when each was first seen."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._seen: list[float] = []

    def reaches(self, number: int, now: float) -> None:
        if self._numbers and number < self._numbers[-1]:  # an older state was restored
            self._numbers.clear()
            self._seen.clear()
        if not self._numbers or number > self._numbers[-1]:
            self._numbers.append(number)
            self._seen.append(now)

    def waits_since(self, done: int) -> float | None:
        """When the first number above `done` was seen; None where there is none."""
        at = bisect_right(self._numbers, done)
        return self._seen[at] if at < len(self._seen) else None


class Account:
    """What was seen, look by look."""

    def __init__(self) -> None:
        self._log = _Line()
        self._told: dict[str, _Line] = defaultdict(_Line)
        self._waits: dict[str, list[tuple[float, float]]] = defaultdict(list)
        """Work → (when it was looked at, since when the oldest waited then)."""

    def seen(
        self, now: float, head: int, done: Mapping[str, int], told: Mapping[str, int], handled: Mapping[str, int]
    ) -> None:
        """How far the log is, and who follows it; agency → the newest that it was told, and that it handled."""
        self._log.reaches(head, now)
        for work, position in done.items():
            self._note(work, self._log, position, now)
        for agency in told.keys() & handled.keys():
            self._told[agency].reaches(told[agency], now)
            self._note(f"{AGENCY}{agency}", self._told[agency], handled[agency], now)

    def waited(
        self,
        hits: Iterable[str],
        begun: float,
        right: float,
        over: float,
        writes: Iterable[tuple[float, float]] = (),
    ) -> Waited:
        """Of a fault that hit these (what begins so), from `begun` to `right`, until `over`. `writes`: of each, since
        when it waited and when it was answered."""
        prefixes, found = tuple(hits), Waited(dict.fromkeys(GROUPS, 0.0), {})
        waits = {work: looks[bisect_left(looks, (begun,)) :] for work, looks in self._waits.items()}
        waits[WRITES] = [(answered, since) for since, answered in writes]
        for work, looks in waits.items():
            is_hit = bool(prefixes) and work.startswith(prefixes)
            since, by = (right, found.hit) if is_hit else (begun, found.others)
            longest = max((min(at, over) - max(first, since) for at, first in looks if at >= since), default=0.0)
            by[group_of(work)] = max(by.get(group_of(work), 0.0), longest)
        return found

    def _note(self, work: str, line: _Line, done: int, now: float) -> None:
        since = line.waits_since(done)
        if since is not None:
            self._waits[work].append((now, since))


class GoingOn:
    """Looks until it is stopped."""

    def __init__(self, world: World, load: Load) -> None:
        self._world, self._load = world, load
        self._lock = Lock()
        self._account = Account()
        self._done: dict[str, int] = {}
        self._stop = Event()
        self._thread = Thread(target=self._look, name="going-on", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def has_taken_in(self, position: int, but: Iterable[str], seconds: float) -> None:
        """Wait until all that follows the log, but for these, is there, or so long: what did not get there counts as
        what waits still."""
        give_up, left_out = time.monotonic() + seconds, tuple(but)
        while time.monotonic() < give_up and not self._stop.wait(LOOK_SECONDS / 2):
            with self._lock:
                behind = [work for work, at in self._done.items() if at < position]
            if not [work for work in behind if not (left_out and work.startswith(left_out))]:
                return

    def waited(self, hits: Iterable[str], begun: float, right: float, over: float) -> Waited:
        """As the account says it, with what is written."""
        with self._lock:
            return self._account.waited(hits, begun, right, over, self._load.waits())

    def _look(self) -> None:
        """Again whenever the database was away, was replaced, or hung."""
        while not self._stop.is_set():
            with suppress(psycopg.OperationalError, psycopg.InterfaceError), self._world.asked() as db:
                while not self._stop.wait(LOOK_SECONDS):
                    self._take(db)
            self._stop.wait(LOOK_SECONDS)

    def _take(self, db: psycopg.Connection[Any]) -> None:
        head, reached, sealed, models, told = db.execute(_WHERE).fetchone() or (0, 0, 0, {}, {})
        done = {REGISTER: reached, LEDGER: sealed, **{f"{MODEL}{name}": at for name, at in (models or {}).items()}}
        now, handled = time.monotonic(), {agency: self._handled(agency) for agency in self._world.keys}
        with self._lock:
            self._account.seen(now, head, done, told or {}, handled)
            self._done = done

    def _handled(self, agency: str) -> int:
        rows = self._world.rows(agency, "SELECT max(handled) FROM rujukan_cursor")
        return int(rows[0][0] or 0) if rows else 0


_WHERE = """
    SELECT coalesce((SELECT max(notification_id) FROM log.stored_events), 0),
           coalesce((SELECT position FROM delivery.reached), 0),
           coalesce((SELECT max(last_position) FROM ledger.batches), 0),
           (SELECT json_object_agg(name, at) FROM
             (SELECT name, min(position) AS at FROM follow.processors WHERE live GROUP BY name) each),
           (SELECT json_object_agg(agency, sequence) FROM delivery.heads)
"""
