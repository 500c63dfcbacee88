"""Rebuilds a read model: a new version is folded from the whole log beside the old, which serves meanwhile; then it is
put in its place.

The new tables lie in a schema of their own, the new version's processors beside those that are live. Its shards are
shared out under a lease, so further processes can help (`help_with`). The switch renames schemas in one short
transaction. For that it needs each table for a moment alone; it asks for that with a time limit, and lets go and tries
again where somebody reads for longer: who reads waits behind it for that limit at most.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from ..domain.disclosure import Followed
from .log import Log
from .processors import Deposed, Digests, HowFar, Lease, fold, make_places, places, put_live
from .projection import SCHEMA, Projection, make_tables, version_of
from .shards import may_take

BATCH = 2_000
READERS_WAIT_MS = 20
"""How long readers may have to wait behind a switch that waits for another reader."""
SWITCH_PAUSE = 0.05
"""Seconds between tries to switch, on average: time for readers that would be held up by the next."""
RENEW_SECONDS = 1.0
LOOK_SECONDS = 0.05


class RebuildRunning(Exception):
    """Somebody rebuilds this read model now."""


class Rebuild:
    """One rebuild of one read model. Belongs to one thread, and to one connection of its own."""

    def __init__(
        self,
        db: Connection[TupleRow],
        projection: Projection,
        log: Log,
        lease: Callable[[str], Lease],
        digests: Digests,
        shards: int,
    ) -> None:
        self._db = db
        self._projection = projection
        self._log = log
        self._alone = lease(f"rebuild {projection.name}")
        self._lease = lease(f"fold {projection.name}")
        self._digests = digests
        self._shards = shards
        self._beside = f"rebuild_{projection.name}"
        self._replaced = f"replaced_{projection.name}"
        self._folded = 0
        self._leads = False
        log.meanwhile(self._renew)

    def run(
        self, done: Callable[[int], object] = lambda count: None, begun: Callable[[], object] = lambda: None
    ) -> int:
        """From the first event to the switch; how many events were folded here. `done` is told of each batch's size,
        `begun` when others can help. Raises RebuildRunning."""
        self._leads = True
        self._stay_alone()
        try:
            self._begin()
            begun()
            self.help(done)
            for table in self._projection.tables:
                self._db.execute(SQL("ANALYZE {}").format(Identifier(self._beside, table)))
            while not self._switch():
                self._stay_alone()
                time.sleep(SWITCH_PAUSE * (0.5 + random.random()))  # noqa: S311
                self.help()
            self._drop(self._replaced)
            self._drop(self._beside)
        finally:
            if not self._db.closed:
                self.give_back(self._db)
        return self._folded

    def help(self, done: Callable[[int], object] = lambda count: None) -> int:
        """Fold shards of the new version, as long as some are behind what the log has; how many events were folded
        here."""
        target = self._log.head()
        while behind := [place for place in self._places() if place.position < target]:
            held = self._lease.hold(self._db, self._shards)
            mine = [place for place in behind if place.shard.number in held]
            if not mine:
                self._stay_alone()
                time.sleep(LOOK_SECONDS)
                continue
            with suppress(Deposed):
                self._fold(mine, held, target, done)
        return self._folded

    def _stay_alone(self) -> None:
        """Who leads a rebuild says again and again that it does: nobody begins another meanwhile. Raises
        RebuildRunning."""
        if self._leads and not self._alone.hold(self._db):
            raise RebuildRunning(f"{self._projection.name} is being rebuilt already")

    def _renew(self) -> None:
        """While the log is read, its shards stay its own, and the rebuild too where it leads. Whether they did, `fold`
        and `_stay_alone` ask."""
        self._lease.renew(self._db)
        if self._leads:
            self._alone.renew(self._db)

    def give_back(self, db: Connection[TupleRow]) -> None:
        """Another need not wait; by another connection, where its own broke."""
        self._lease.give_back(db)
        self._alone.give_back(db)

    def _begin(self) -> None:
        """New tables, and processors at the beginning of the log. What a rebuild left that was killed is dropped."""
        with self._db.transaction():
            self._check_alone()
            self._drop(self._beside)
            self._db.execute(SQL("CREATE SCHEMA {}").format(Identifier(self._beside)))
            make_tables(self._db, self._projection, self._beside)
            self._db.execute("DELETE FROM follow.processors WHERE name = %s AND NOT live", (self._projection.name,))
            make_places(self._db, self._digests, self._projection, self._shards, live=False)
        self._drop(self._replaced)

    def _fold(self, mine: list[HowFar], held: frozenset[int], target: int, done: Callable[[int], object]) -> None:
        """These shards, from where the last of them is to the end that the log has, or until they are shared out
        otherwise. Raises Deposed."""
        self._log.only(partial(may_take, [place.shard for place in mine]))
        renewed = time.monotonic()
        for batch in self._log.pages(min(place.position for place in mine)):
            mine = self._advance(mine, batch, batch[-1].written.position, self._lease)
            self._folded += len(batch)
            done(len(batch))
            if time.monotonic() - renewed > RENEW_SECONDS:
                renewed = time.monotonic()
                self._stay_alone()
                if self._lease.hold(self._db, self._shards) != held:
                    return
        self._advance(mine, (), target, self._lease)  # what is left was erased, or is another shard's

    def _advance(self, some: list[HowFar], batch: Sequence[Followed], upto: int, lease: Lease | None) -> list[HowFar]:
        """Each takes what is new to it."""
        behind = [place for place in some if place.position < upto]
        for place in behind:
            new = [f for f in batch if f.written.position > place.position and place.shard.takes(f)]
            fold(self._db, place, self._projection, new, upto, self._beside, lease, self._digests, live=False)
        return [place._replace(position=max(place.position, upto)) for place in some]

    def _switch(self) -> bool:
        """Take in what the live ones have, while they wait, and put the new version in its place; whether that was
        done: not where somebody read the old tables for too long."""
        name = self._projection.name
        with self._db.transaction():
            self._check_alone()
            self._db.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(self._replaced)))
            self._db.execute(
                "SELECT FROM follow.processors WHERE name = %s AND live ORDER BY shard FOR UPDATE", (name,)
            )
            mine, upto = self._places(), max(self._live(), default=0)
            self._log.only(partial(may_take, [place.shard for place in mine]))
            while (low := min(place.position for place in mine)) < upto:
                batch = self._log.after(low, BATCH)
                self._folded += len(batch)
                mine = self._advance(mine, batch, batch[-1].written.position if batch else upto, None)
            try:
                with self._db.transaction():
                    self._put_in_place()
            except LockNotAvailable:
                return False
            put_live(self._db, self._digests, self._projection)
        return True

    def _put_in_place(self) -> None:
        """The old tables out of the schema that is read, the new ones into it. Raises LockNotAvailable."""
        tables = self._projection.tables
        old = [table for table in tables if self._there(table)]
        self._db.execute(SQL("SET LOCAL lock_timeout = {}").format(Literal(f"{READERS_WAIT_MS}ms")))
        if old:
            alone = SQL(", ").join(Identifier(SCHEMA, table) for table in old)
            self._db.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(alone))
        for table in old:
            self._move(table, SCHEMA, self._replaced)
        for table in tables:
            self._move(table, self._beside, SCHEMA)

    def _move(self, table: str, here: str, there: str) -> None:
        self._db.execute(SQL("ALTER TABLE {} SET SCHEMA {}").format(Identifier(here, table), Identifier(there)))

    def _there(self, table: str) -> bool:
        row = self._db.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.{table}",)).fetchone()
        return bool(row and row[0])

    def _places(self) -> list[HowFar]:
        return places(self._db, self._digests, {self._projection.name: version_of(self._projection)}, live=False)

    def _live(self) -> list[int]:
        """How far the live ones are, of whatever version; but for those of which nobody knows it."""
        name = self._projection.name
        versions = self._db.execute("SELECT DISTINCT version FROM follow.processors WHERE name = %s AND live", (name,))
        found = [places(self._db, self._digests, {name: version}, waiting=True) for (version,) in versions.fetchall()]
        return [place.position for some in found for place in some]

    def _check_alone(self) -> None:
        """Nobody else begins to rebuild it before the transaction ends. Raises RebuildRunning."""
        if not self._alone.keeps(self._db):
            raise RebuildRunning(f"{self._projection.name} is being rebuilt by another")

    def _drop(self, schema: str) -> None:
        self._db.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))
