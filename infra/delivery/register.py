"""The register of what was told to whom: `delivery.told`, one row for each telling.

The domain's rule says who may learn what of an event (domain/disclosure.py). It is asked once, when the event is first
followed. The register keeps the answer for ever, with the version of the rule that gave it, and under a number: 1, 2,
3 … for each agency (numbering.py). That number is the cursor of every transport.

Nobody asks the rule again. A later version may answer otherwise, and of an erased case nothing can be folded any more.
But what lies at an agency lies there by what was told, and behind number 7 it must find number 8. So the rule itself
goes on from what is on record here, and so do all who follow behind (facts.py): read models, recall, erasure, looks
back.

Beside it stands
- what agencies had to delete again (`recalled`), and who is still to be asked for that (`deletions`);
- when consents run out (`expiries`);
- whose stream is set aside, as it is damaged (`damaged`). It is followed no further, and everybody else's goes on. Each
  agency that was told of it has a number kept free (`gaps`). Once it is repaired, and `rujukan damaged --again` asks
  for it, what was left out is told under numbers of its own (taking_up.py).

One keeper works at a time. It holds a lease, so a keeper that was halted holds up nobody. It works out what a batch of
events adds (working_out.py) and writes that down (additions.py). Rows and position commit together, and only where the
position is still the one that the keeper started from. So the effect is exactly once, also where two keepers meet.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from threading import Event
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.disclosure import Followed, Remembered
from ..database import connect
from ..lease import HALTED, Lease
from ..locks import LeaseLost
from ..positions import REACHED
from ..store import following, forked
from ..store.event_store import Damage, EventStore
from ..store.following import AWAY, Follower, Learning
from ..store.forked import Check, Forked
from ..store.transcoder import LaterRelease
from . import damaged_rows, facts, keeping, met, putting_right, taking_up
from .digests import Digests, give
from .numbering import Numbers
from .past import Past
from .working_out import Workings

log = logging.getLogger(__name__)

WORK = "register"
"""The lease under which it is kept."""
STANDBY_SECONDS = 0.5
LOOK_SECONDS = 1.0


class Deposed(LeaseLost):
    """Another keeper went on meanwhile."""


class Register:
    """Keeps the register. Belongs to one thread, and to one connection of its own."""

    def __init__(
        self,
        store: EventStore,
        conninfo: str,
        digests: Digests,
        most_bytes: int = following.CASE_BYTES,
        check: Check = forked.check_marks,
    ) -> None:
        """`most_bytes` is the memory for cases; `check` is asked about each new connection before anything is told."""
        self._store = store
        self._check = check
        self._most_bytes = most_bytes
        self._conninfo = conninfo
        self._lease = Lease(WORK)
        self._digests = digests
        self._numbers = Numbers(digests)
        self._at = -1
        """The position at which what is known here of cases stands."""
        self._damage: list[Damage] = []
        self._kept_by: Connection[TupleRow] | None = None
        """The connection that it works by now."""
        self._learning = Learning(store, self._recorded, most_bytes, self._still)
        self._source = Follower(store, self._learning, self._damage.append, still=self._still)
        self._db: Connection[TupleRow] | None = None
        self._look = keeping.Look()
        """How far what is on record of cases was looked through."""
        self._looked_through = -1
        """Up to which row the register was looked through for damaged ones."""
        self._looked: set[UUID] = set()
        """Streams of which something went out as a placeholder, and of which every record opens all the same."""
        self._again_at = 0.0
        """Before this moment `keep_up` does not ask for the lease again."""

    def run(self, stop: Event) -> None:
        """Keep the register until told to stop; wait while another does. Raises Forked, and what broke the
        connection."""
        with closing(self._connect()) as db:
            while not stop.is_set():
                if not self._lease.hold(db):
                    stop.wait(STANDBY_SECONDS)
                    continue
                try:
                    self._keep(db, stop)
                except Deposed:
                    log.info("another keeps the register")
            self._lease.give_back(db)

    def keep_up(self) -> None:
        """Follow the log to its end where nobody else keeps the register now: for a process that needs it kept, and is
        not its keeper. Where the history forked, nobody is told anything. Raises what broke the connection."""
        if time.monotonic() < self._again_at:
            return
        try:
            if self._db is None or self._db.closed:
                self._db = self._connect()
            if not self._lease.hold(self._db):
                self._again_at = time.monotonic() + STANDBY_SECONDS
                return
        except Forked:
            self._again_at = time.monotonic() + STANDBY_SECONDS
            return
        try:
            reached = self._load(self._db)
            while found := self._store.recorder.select_notifications(reached, following.PAGE, inclusive_of_start=False):
                for part in self._source.parts(found):
                    now = self._source.passed
                    self._take(self._db, part, reached, now)
                    reached = now
            self._take_up(self._db, reached)
        except (Deposed, Forked) as why:
            log.info("another keeps the register, or nobody may: %s", type(why).__name__)
        except LaterRelease as why:
            self._again_at = time.monotonic() + STANDBY_SECONDS
            log.info("the register waits for a later release: %s", why)
        finally:
            if not self._db.closed and not self._db.broken:
                self._lease.give_back(self._db)

    def close(self) -> None:
        """Ends it: nothing holds what it knows of the cases."""
        self._learning.close()
        if self._db is not None:
            self._db.close()

    def _connect(self) -> Connection[TupleRow]:
        db = connect(self._conninfo)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        db.execute(HALTED)
        return db

    def _keep(self, db: Connection[TupleRow], stop: Event) -> None:
        reached, looked = self._load(db), 0.0
        for batch in self._source.follow(reached, stop, LOOK_SECONDS):
            if batch or self._source.passed > reached:
                now = max(self._source.passed, reached)
                self._take(db, batch, reached, now)
                reached = now
            else:
                self._still_keeper(db)  # also where another had it meanwhile, and gave it back
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._take_up(db, reached)
                looked = time.monotonic()

    def _load(self, db: Connection[TupleRow]) -> int:
        """Begin from what is on record; the position up to which that is. Raises Deposed."""
        self._kept_by = db
        self._give_digests(db)
        putting_right.look(db, self._digests, self._still)
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # as it was after one commit
            if (reached := self._digests.positions.register_is_at(db)) is None:
                raise Deposed  # a bit flipped since it was looked at
            n, expiries_known = db.execute(_STANDS).fetchone() or (0, True)
            self._numbers = Numbers.on_record(db, self._digests, n)
            aside = taking_up.aside(db)
        if reached != self._at:  # another went on meanwhile: what is known here of cases may be behind
            self._learning.close()
            self._learning = Learning(self._store, self._recorded, self._most_bytes, self._still)
        self._damage = []
        self._source = Follower(self._store, self._learning, self._damage.append, aside, self._still)
        self._at = reached
        if not expiries_known:
            self._past(db, reached).write_down()
            with db.transaction():
                self._still_keeper(db)
                db.execute(_EXPIRIES_KNOWN, (self._digest_at(reached),))
        return reached

    def _past(self, db: Connection[TupleRow], reached: int) -> Past:
        return Past(self._store, db, self._digests.positions, reached, self._still)

    def _keeping(self, db: Connection[TupleRow], reached: int) -> keeping.Keeping:
        return keeping.Keeping(self._store, db, self._digests, reached, self._look, self._still)

    def _give_digests(self, db: Connection[TupleRow]) -> None:
        """Give rows from before there were digests theirs. Raises Deposed."""
        if not self._digests.positions.known(db):
            with db.transaction():
                self._still_keeper(db)
                putting_right.give(db, self._digests)
        if not self._digests.positions.known(db, "facts_under"):
            with db.transaction():
                self._still_keeper(db)
                keeping.give(db, self._digests)
        if self._digests.known(db):
            return
        after: int | None = -1
        while after is not None:
            with db.transaction():
                self._still_keeper(db)
                after = give(db, self._digests, after)
                if after is None:
                    self._digests.are_known(db)

    def _recorded(self, case: UUID) -> Iterable[Remembered]:
        with self._store.pool.connection() as db:
            return facts.of_case(db, self._digests, case)

    def _take(
        self,
        db: Connection[TupleRow],
        batch: Sequence[Followed],
        before: int,
        reached: int,
        *,
        again: UUID | None = None,
    ) -> None:
        """Write down what these events let agencies know, and what agencies have to delete. Whatever fails, the next
        keeper starts where the last commit ended. `again`: the stream, set aside before, that these events are of; some
        of it may be on record. Raises Deposed."""
        self._at = -1  # until it is committed, what is known here is ahead of what is on record
        damage, self._damage[:] = list(self._damage), []
        new = Workings(self._store, self._numbers).of(db, batch, damage, again)
        with forked.refused(), db.transaction():
            self._move(db, before, reached)
            new.write(db, self._digests.positions)
            if again is not None:
                taking_up.is_repaired(db, self._digests, self._numbers, again)
            db.execute("SELECT pg_notify(%s, '')", (facts.FOLLOWED,))
        self._at = reached
        self._learning.settle()

    def _move(self, db: Connection[TupleRow], before: int, reached: int) -> None:
        """Say how far the register is: first in a transaction that writes. Raises Deposed where another keeps the
        register, or went on meanwhile."""
        self._still_keeper(db)
        if not db.execute(_REACHED, (reached, self._digest_at(reached), before)).rowcount:
            raise Deposed

    def _digest_at(self, reached: int) -> bytes:
        return self._digests.positions.of(REACHED.name, reached, True)

    def _still_keeper(self, db: Connection[TupleRow]) -> None:
        """Raises Deposed where another has the lease."""
        if not self._lease.keeps(db):
            raise Deposed

    def _still(self) -> None:
        """Within what may take long: the lease stays its own. Raises Deposed where another has it."""
        if self._kept_by is not None and not self._lease.renew(self._kept_by):
            raise Deposed

    def _take_up(self, db: Connection[TupleRow], reached: int) -> None:
        """Follow streams that were set aside, where somebody says that they are repaired, up to where the others are;
        set aside those that nobody could open when they were sent, or read since; and tell anew what stands at numbers
        that could not be opened, or waited too long. Raises Deposed."""
        putting_right.look(db, self._digests, self._still)
        on_record = self._keeping(db, reached)
        on_record.once()
        with db.transaction():
            taking_up.end_erased(db, self._digests.positions)
        self._set_aside_ahead(db, reached)
        self._looked_through = damaged_rows.look(db, self._digests, self._looked_through)
        for stream, left_from, ends_unknown in taking_up.asked(db):
            log.info("a stream that was set aside is taken up again")
            try:
                if ends_unknown:
                    Past(self._store, db, self._digests.positions, reached, self._still).write_down_of(
                        stream, left_from
                    )
                batch = taking_up.left_out(self._store, self._digests, stream, left_from, reached, self._still)
                self._source.aside.pop(stream, None)
                self._learning.forget(stream)
                self._take(db, batch, reached, reached, again=stream)
            except AWAY:
                raise
            except Exception as problem:
                taking_up.is_still_wrong(db, stream, problem)
                raise Deposed from None  # what was worked out of it is not on record: it begins from that again
        unlooked = taking_up.unlooked(db)
        for stream in unlooked - self._looked:
            facts.look_at(self._store, self._store.pool, stream)
        self._looked = unlooked
        for stream in met.unlooked(db):
            on_record.at_case(stream)
            met.look_into(self._store, db, stream)
        if late := taking_up.late(db, self._digests.positions):
            with db.transaction():
                self._move(db, reached, reached)
                for stream in late:
                    taking_up.tell_again(db, self._digests, self._numbers, stream)

    def _set_aside_ahead(self, db: Connection[TupleRow], reached: int) -> None:
        """Set streams aside from records on that were moved ahead of the log. Raises Deposed."""
        known = self._source.aside
        new = [one for one in taking_up.ahead(db) if one.version < known.get(one.stream, one.version + 1)]
        if not new:
            return
        with db.transaction():
            self._move(db, reached, reached)
            facts.set_aside(db, new, by_register=True)
        for one in new:
            known[one.stream] = min(one.version, known.get(one.stream, one.version))
            self._learning.forget(one.stream)
            facts.log_damage(one)


_STANDS = "SELECT (SELECT coalesce(max(n), 0) FROM delivery.told), expiries_known FROM delivery.reached"
_REACHED = "UPDATE delivery.reached SET position = %s, digest = %s WHERE position = %s AND expiries_known"
_EXPIRIES_KNOWN = "UPDATE delivery.reached SET expiries_known = true, digest = %s"
