"""Keeps read models up to date.

Each read model folds in transactions of its own, and each of its shards too: one whose fold raises is stopped where it
is, and the others go on. What stopped it is remembered and tried again, with growing pauses. Which process folds which
shards, a lease says; that the effect is exactly once, the position (`processors.py`).
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ..domain.disclosure import Followed
from .log import Log
from .processors import (
    FOLDED,
    Deposed,
    Digests,
    HowFar,
    Lag,
    Lease,
    fold,
    make_places,
    name_version,
    places,
    positions,
    stop,
)
from .projection import SCHEMA, Projection, make_tables, version_of
from .rebuilding import BATCH, Rebuild
from .shards import Shard, may_take

log = logging.getLogger(__name__)

WORK = "views"
"""The lease under which the shards are folded."""
RENEW_SECONDS = 1.0
LOOK_SECONDS = 0.05
HALTED = "SET idle_in_transaction_session_timeout = '5s'"
"""The server ends the transaction of a process that was halted in the middle of it: others wait for its rows. Longer
than any fold computes between two statements."""
RING: LiteralString = f"NOTIFY {FOLDED}"
LASTING = "SET transaction_timeout = '60s'"
"""The same where half of a pipeline was sent: then the server does not call it idle."""
NOT_WAITED_FOR = "SET synchronous_commit = off"
"""What a crash of the server takes, it takes with its position, and it is folded again."""


class Runner:
    """Folds the log into read models. One runner belongs to one thread."""

    def __init__(
        self,
        projections: Sequence[Projection],
        log: Log,
        connect: Callable[[], Connection[TupleRow]],
        lease: Callable[[str], Lease],
        where: Callable[[BaseException], str],
        digests: Digests,
        shards: int = 1,
    ) -> None:
        """`connect` makes a connection in autocommit mode, on which nothing waits without end; `lease` makes one on
        some work; `where` says of an error what may be logged; `digests` says whether a row says rightly where a read
        model is; `shards` is in how many those read models are folded that are made from now on."""
        self._projections = {p.name: p for p in projections}
        self._log = log
        self._connect = connect
        self._leases = lease
        self._lease = lease(WORK)
        self._where = where
        self._digests = digests
        self._shards = shards
        self._held: frozenset[int] = frozenset()
        self._asked: frozenset[Shard] = frozenset()
        """For which shards the log is read. No other moves on by what was read: it would miss what was left out."""
        self._renewed = float("-inf")
        self._db: Connection[TupleRow] | None = None
        log.meanwhile(self._renew)

    def prepare(self) -> list[str]:
        """Make what tables are missing; the names of read models whose tables are those of an older version, which
        nobody folds any more, and which are to be rebuilt. Safe to call from several processes at once."""
        older: list[str] = []
        with self._open() as db, db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(727164913)")
            for projection in self._projections.values():
                table = f"{SCHEMA}.{projection.tables[0]}"
                there = db.execute(
                    "SELECT to_regclass(%s), coalesce(obj_description(to_regclass(%s), 'pg_class'), '')", (table, table)
                ).fetchone()
                if there is not None and there[0] is not None:
                    name_version(db, self._digests, projection.name, there[1])
                    if there[1] != version_of(projection):
                        older.append(projection.name)
                else:
                    make_tables(db, projection, SCHEMA)
                    make_places(db, self._digests, projection, self._parts(projection))
        return older

    def hold(self) -> frozenset[Shard]:
        """Keep, or take, a fair part of the shards; those that this runner folds, and reads the log for. Asks once a
        second at most."""
        if time.monotonic() - self._renewed >= RENEW_SECONDS:
            every = self._places(waiting=True)
            self._held = self._lease.hold(self._connected(), max((place.shard.of for place in every), default=1))
            self._renewed = time.monotonic()
            self._read_for(frozenset(place.shard for place in every if place.shard.number in self._held))
        return self._asked

    def give_back(self) -> None:
        """Let go of the shards, so that another need not wait."""
        with self._open() as db:
            self._lease.give_back(db)
        self._held, self._asked, self._renewed = frozenset(), frozenset(), float("-inf")
        self._forget()

    def front(self) -> int:
        """How far those of its shards are that are farthest: from where it is worth to follow the log."""
        return max((place.position for place in self._mine()), default=0)

    def catch_up(self, done: Callable[[int], object] = lambda count: None) -> int:
        """Fold until nothing new is in the log, or wait until others did; the position reached. `done` is told of each
        batch's size. Those that stopped are left where they are."""
        while True:
            self.hold()
            head = self._log.head()
            if all(place.position >= head for place in self._places()):
                return head
            count = self._step(head)
            if count is None:
                time.sleep(LOOK_SECONDS)
            else:
                done(count)

    def take(
        self,
        batch: Sequence[Followed],
        after: int | None = None,
        upto: int | None = None,
        seconds: float = float("inf"),
    ) -> None:
        """Fold a batch that was read already, from `after` to `upto`; what some shard missed before it is read from the
        log, for so many seconds at most: then it goes on another time."""
        if after is None:
            after = batch[0].written.position - 1
        if upto is None:
            upto = batch[-1].written.position
        if not self._asked:
            self.hold()
        self._advance([place for place in self._mine() if after <= place.position < upto], batch, upto)
        give_up = time.monotonic() + seconds  # from here on: what is new may have taken longer than that
        while any(place.position < upto for place in self._mine()) and time.monotonic() < give_up:
            self.hold()
            self._step(upto, front=False)

    def lag(self) -> list[Lag]:
        """How far each read model is behind the log."""
        head = self._log.head()
        found = positions(self._connected(), self._projections)
        return [Lag(name, at, max(0, head - at)) for name, at in found.items()]

    def rebuild(
        self,
        name: str,
        done: Callable[[int], object] = lambda count: None,
        begun: Callable[[], object] = lambda: None,
    ) -> int:
        """Fold a read model anew from the whole log, in tables of its own, while the old ones serve; then put them in
        place at once. Returns how many events were folded here; `done` is told of each batch's size, `begun` when
        others can help. Raises KeyError for an unknown name, RebuildRunning."""
        return self._rebuilding(name, lambda rebuild: rebuild.run(done, begun))

    def help_rebuild(self, name: str) -> int:
        """Fold shards of what another process rebuilds, until none is behind; how many events were folded here. Raises
        KeyError for an unknown name."""
        return self._rebuilding(name, lambda rebuild: rebuild.help())

    def _rebuilding(self, name: str, work: Callable[[Rebuild], int]) -> int:
        projection = self._projections[name]
        with self._open() as db:
            rebuild = Rebuild(db, projection, self._log, self._leases, self._digests, self._parts(projection))
            try:
                return work(rebuild)
            finally:
                self._log.meanwhile(self._renew)
                self._read_for(frozenset())
                self._renewed = float("-inf")
                if db.closed:
                    with suppress(psycopg.Error), self._open() as again:
                        rebuild.give_back(again)

    def _step(self, head: int, front: bool = True) -> int | None:
        """One batch for those of its shards that are at the same place: the farthest, as long as they are behind `head`
        (so that one that fell behind holds up none of the others), then those most behind. How many events it had;
        None where there is nothing to do. Where nothing can be read up to `head`, which the log had before, all of that
        was erased, and is passed by."""
        mine = self._mine()
        behind = [place for place in mine if place.position < head]
        if not behind:
            return None
        farthest = max(place.position for place in mine)
        after = farthest if front and farthest < head else min(place.position for place in behind)
        batch = self._log.after(after, BATCH)
        upto = batch[-1].written.position if batch else head
        self._advance([place for place in behind if after <= place.position < upto], batch, upto)
        return len(batch)

    def _advance(self, some: Sequence[HowFar], batch: Sequence[Followed], upto: int) -> None:
        """Each takes what is new to it, in transactions of its own."""
        for place in some:
            new = [f for f in batch if f.written.position > place.position and place.shard.takes(f)]
            try:
                self._fold(place, new, upto)
            except Deposed:
                self._renewed = float("-inf")
            self.hold()
        if some:
            self._connected().execute(RING)

    def _fold(self, place: HowFar, events: Sequence[Followed], upto: int) -> None:
        """Where the fold raises, smaller and smaller parts are tried, so that it stops right before what it cannot take
        in. Raises Deposed, and what broke the connection."""
        size = 1 if place.tries else max(len(events), 1)
        while True:
            part, rest = events[:size], events[size:]
            to = part[-1].written.position if rest else upto
            db = self._connected()
            try:
                fold(db, place, self._projections[place.name], part, to, SCHEMA, self._lease, self._digests)
            except Deposed:
                raise
            except Exception as problem:
                if db.closed or not part:
                    self._forget()
                    raise
                if len(part) == 1:
                    self._stop(place, self._where(problem))
                    return
                size = len(part) // 2
                continue
            if place.tries:
                log.warning("read model %s goes on behind position %d", place.name, place.position)
            if not rest:
                return
            events, size, place = rest, size * 2, place._replace(position=to, tries=0)

    def _stop(self, place: HowFar, why: str) -> None:
        tries = stop(self._connected(), place, why)
        if tries & (tries - 1) == 0:  # at first, and again at each doubling: loudly, and not all day
            log.error("READ MODEL %s STOPPED behind position %d: %s (tried %d times; the others go on)",
                      place.name, place.position, why, tries)  # fmt: skip

    def _mine(self) -> list[HowFar]:
        """What it folds, but for what waits to be tried again."""
        return [place for place in self._places() if place.shard in self._asked and place.shard.number in self._held]

    def _places(self, waiting: bool = False) -> list[HowFar]:
        """All that processes of this release fold; `waiting`: also what waits to be tried again."""
        versions = {name: version_of(projection) for name, projection in self._projections.items()}
        return places(self._connected(), self._digests, versions, waiting=waiting)

    def _read_for(self, shards: frozenset[Shard]) -> None:
        if shards != self._asked:
            self._asked = shards
            self._log.only(partial(may_take, shards))

    def _renew(self) -> None:
        """While the log is read for them, its shards stay its own."""
        if self._held:
            self._lease.renew(self._connected())

    def _parts(self, projection: Projection) -> int:
        return self._shards if projection.by_case else 1

    def _open(self) -> Connection[TupleRow]:
        db = self._connect()
        db.execute(HALTED)
        db.execute(NOT_WAITED_FOR)
        return db

    def _connected(self) -> Connection[TupleRow]:
        if self._db is None or self._db.closed:
            self._db = self._open()
            self._db.execute(LASTING)
        return self._db

    def _forget(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
