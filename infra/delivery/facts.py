"""What the register has on record: who was told what, who had to delete what, and whose stream is set aside.

The register (register.py) writes it. Followers, recall, erasure and looks back read it here. Nobody works it out anew.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from operator import itemgetter
from threading import Event
from typing import LiteralString, NamedTuple
from uuid import UUID

from eventsourcing.persistence import Notification
from psycopg import Connection
from psycopg.rows import TupleRow

from ...api.application.ports import Unavailable
from ...domain.disclosure import Followed, Remembered
from ...domain.history import Entitlement, Register
from ..database import Pool, acting_for, connect
from ..positions import BEFORE, REACHED, Positions
from ..store import following
from ..store.event_store import Damage, EventStore
from ..store.examining import damage_of
from ..store.following import CASE_BYTES, CaseFiles, Follower
from . import kept
from .digests import Digests
from .rows import COLUMNS, Row, from_bits

log = logging.getLogger(__name__)

LATE = "its consent ran out, and nobody put that on record in time"
"""Why something that was not damaged could not be sent when its turn came."""
UNFIT = "the row of the register is not as it was written"
"""The same, of what could not be sent as its row is damaged: nobody knows what it was."""
FOLLOWED = "followed"
"""Rung with each commit of the register."""


class UnfitRow(Exception):
    """A row of the register is not as it was written."""


class Reached(NamedTuple):
    """How far the register followed the log; and what was set aside, by the register or by who follows behind it:
    stream → version."""

    position: int
    aside: dict[UUID, int]


def reached(db: Connection[TupleRow], positions: Positions) -> Reached:
    """How far the register is, and what is set aside: read in one statement, so whoever reads up to there knows all
    that was set aside before. No further than 0 as long as the row that says it is not as it was written: it may be
    ahead, and its keeper puts it right."""
    row = db.execute(
        f"SELECT position, expiries_known, digest, {BEFORE}, (SELECT array_agg((stream::text, version))"
        " FROM delivery.damaged WHERE repaired_at IS NULL) FROM delivery.reached"
    ).fetchone()
    if row is None:
        return Reached(0, {})
    position, expiries_known, digest, before, aside = row
    is_so = before or positions.fits(digest, REACHED.name, position, expiries_known)
    return Reached(int(position) if is_so else 0, {UUID(stream): int(version) for stream, version in aside or ()})


def position(db: Connection[TupleRow], positions: Positions) -> int:
    """How far the register followed the log. Raises Unavailable as long as the row that says it is not as it was
    written: its keeper puts it right."""
    if (found := positions.register_is_at(db)) is None:
        raise Unavailable("how far the register of what was told is, is not known for a moment")
    return found


def of_case(
    db: Connection[TupleRow], digests: Digests, case: UUID, before: int | None = None, *, all_of_it: bool = True
) -> list[Remembered]:
    """What is on record of a case, as it came about; only what came about before a position where one is given. A row
    that is not as it was written is none of it, and where `all_of_it` is wanted, that raises UnfitRow: nobody knows
    what was told. Without that the service may ask."""
    told, unfit = whole_rows(db, digests, f"SELECT {COLUMNS} FROM delivery.told_of(%s)", case)
    if all_of_it and (unfit or db.execute("SELECT delivery.has_unfit(%s)", (case,)).fetchone() == (True,)):
        raise UnfitRow
    facts = [
        ((row.n, 0, 0, row.position), Remembered(row.agency, row.position, from_bits(row.compartments)))
        for row in told
        if row.stream == case and (before is None or row.at_position < before)
    ]
    recalled = kept.recalls_of_case(db, digests.positions, case)
    if all_of_it and recalled.unfit:
        raise UnfitRow
    for agency, of, at, _, gone, upto, _ in recalled.recalls():
        if before is None or at < before:
            facts.append(((upto, 1, at, of), Remembered(agency, of, from_bits(gone), at)))
    return [fact for _, fact in sorted(facts, key=itemgetter(0))]


def whole_rows(
    db: Connection[TupleRow], digests: Digests, select: LiteralString, *of: object
) -> tuple[list[Row], list[Row]]:
    """The rows that are as they were written, and those that are not. Before all have a digest, all are."""
    known = digests.known(db)
    whole: list[Row] = []
    unfit: list[Row] = []
    for found in db.execute(select, of):
        row = Row(*found)
        (whole if digests.fits(row) or not known else unfit).append(row)
    return whole, unfit


class OnRecord:
    """What is on record of a case, past row-level security: for the application, which has to ask whoever was told."""

    def __init__(self, pool: Pool, digests: Digests) -> None:
        self._pool = pool
        self._digests = digests
        self.positions = digests.positions

    def of_all(self, case: UUID) -> tuple[int, list[Remembered]]:
        """How far the register is, and what it has on record of the case, as it came about. What a damaged row says is
        left out; whoever follows asks once it is repaired."""
        with self._pool.connection() as db, db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return position(db, self._digests.positions), of_case(db, self._digests, case, all_of_it=False)

    def of_agency(self, agency: str, case: UUID) -> Register:
        """What there is on an agency and a case. A row that does not fit is named: what it says may be wrong, and what
        it said is not known."""
        with acting_for(self._pool, agency) as db:
            told, unfit = whole_rows(db, self._digests, _OF_AGENCY, agency, case)
            empty: dict[int, datetime] = dict(db.execute(_EMPTY, (agency, [row.sequence for row in told])).fetchall())
            (damaged,) = db.execute("SELECT delivery.unfit_rows()").fetchone() or (0,)
            last = max((row.sequence for row in (*told, *unfit)), default=0)
            (gone,) = db.execute(_GONE, (last, last, agency)).fetchone() or (0,)
        entitled = [
            Entitlement(
                row.at_position,
                row.position,
                from_bits(row.compartments),
                row.told_at,
                row.sequence,
                empty.get(row.sequence),
            )
            for row in told
            if row.stream == case
        ]
        numbered = max((row.case_sequence for row in told), default=0)
        missing = max(0, numbered - len(told) - len(unfit))
        elsewhere = max(0, int(damaged) - len(unfit)) + max(0, int(gone))
        beside = frozenset(row.sequence for row in told if row.stream != case)
        return Register(entitled, tuple(sorted(row.sequence for row in unfit)), missing, elsewhere, beside)


def set_aside(db: Connection[TupleRow], damage: Iterable[Damage], by_register: bool = False) -> int:
    """Put on record that streams are set aside, but for those that were erased; of each, the first problem counts.
    `by_register`: the register did not follow them from there on. Returns how much of that was new."""
    new = 0
    for one in damage:
        if one.later:  # it is whole: whoever follows waits for the release that knows it
            continue
        left_from = one.version if by_register else None
        new += db.execute(_SET_ASIDE, one._asdict() | {"left_from": left_from}).rowcount
    return new


def put_aside(pool: Pool, damage: Damage) -> None:
    """Set a stream aside of which a damaged record was met behind the register, or outside the log's order."""
    with pool.connection() as db:
        if set_aside(db, [damage]):
            log_damage(damage)


def log_damage(damage: Damage) -> None:
    """Say in the log of this process that a stream is set aside: where, and why, and nothing of its content."""
    log.error("set aside: a record of a stream, at position %d: %s", damage.position, damage.why)


def look_at(store: EventStore, pool: Pool, stream: UUID) -> None:
    """Set a stream aside if a record of it does not open. For whoever could do nothing with the stream: it is named
    then, and what waits for it waits no longer."""
    if (damage := damage_of(store, stream)) is not None:
        put_aside(pool, damage)


class Facts:
    """The log with what the register says was told, for those that keep read models. It goes no further than the
    register. Where nobody keeps the register, this does, so that a read model never waits for a process that is not
    there. Belongs to one thread."""

    def __init__(
        self,
        store: EventStore,
        conninfo: str,
        digests: Digests,
        keep_up: Callable[[], None] = lambda: None,
        seconds: float = 10.0,
        most_bytes: int = CASE_BYTES,
    ) -> None:
        """`keep_up` brings the register up to the log where nobody else keeps it; `seconds` is how long `head` waits
        for another that does; `most_bytes` is the memory for cases."""
        self.store = store
        self._conninfo = conninfo
        self._digests = digests
        self.positions = digests.positions
        """What says whether a row says rightly where somebody goes on."""
        self.keep_up = keep_up
        """Follow, and take up what is asked for, where nobody else keeps the register."""
        self._seconds = seconds
        self._meanwhile: Callable[[], object] = lambda: None
        self.files = CaseFiles(store, most_bytes, self._still)
        self._follower = Follower(store, self.files, self._set_aside, still=self._still)
        self.passed = 0
        """The last position that `follow` read, also of what it does not yield."""

    def only(self, wanted: Callable[[UUID, str], bool]) -> None:
        """From now on leave out, unopened, the events of whose stream and topic this says no."""
        self._follower.only(wanted)

    def meanwhile(self, call: Callable[[], object]) -> None:
        """From now on do this too, again and again, while events are read: what takes long says that it goes on."""
        self._meanwhile = call

    def head(self) -> int:
        """The position up to which there is something to take in: that of the log, where the register gets there in
        time; else how far that is."""
        head, waiting = self.store.head(), Event()
        for _ in range(int(self._seconds / 0.02)):
            if (at := self._reached(head).position) >= head:
                return at
            waiting.wait(0.02)
        return self._reached(head).position

    def after(self, position: int, limit: int = 2_000) -> Sequence[Followed]:
        """The next events after a position, with what was told by them, as many as are worked out in a second or so;
        empty where the register is no further."""
        reached = self._reached(position + 1)
        while found := self._select(position, limit, reached.position):
            for taken in self._parts(found, reached):
                if taken:
                    return taken
            position = found[-1].id
        return ()

    def pages(self, after: int) -> Iterator[Sequence[Followed]]:
        """All events after a position, page by page, as far as the register is now; the next is fetched while the last
        is taken in."""
        reached = self._reached(self.store.head())
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._select, after, following.PAGE, reached.position)
            while found := coming.result():
                coming = ahead.submit(self._select, found[-1].id, following.PAGE, reached.position)
                yield from (part for part in self._parts(found, reached) if part)

    def follow(self, after: int, stop: Event, pause: float) -> Iterator[Sequence[Followed]]:
        """Events after a position, in batches, as the register takes them in, until told to stop; an empty batch
        whenever nothing came for `pause` seconds, or nothing of what came is left. Raises what broke the connection."""
        with closing(connect(self._conninfo)) as db:
            db.execute(f"LISTEN {FOLLOWED}")
            position = self.passed = after
            while not stop.is_set():
                reached = self._reached(position + 1)
                if found := self._select(position, following.PAGE, reached.position):
                    position = found[-1].id
                    for part in self._parts(found, reached):
                        self.passed = self._follower.passed
                        yield part
                    continue
                self.store.keys.renew()  # also a follower that has nothing to do forgets what was erased
                yield ()
                for _ in db.notifies(timeout=pause, stop_after=1):
                    pass

    def close(self) -> None:
        """Ends it: nothing holds what it knows of the cases."""
        self.files.close()

    def _reached(self, wanted: int) -> Reached:
        with self.store.pool.connection() as db:
            now = reached(db, self._digests.positions)
        if now.position >= wanted or self.store.head() <= now.position:
            return now
        self.keep_up()
        with self.store.pool.connection() as db:
            return reached(db, self._digests.positions)

    def _select(self, after: int, limit: int, upto: int) -> Sequence[Notification]:
        if after >= upto:
            return ()
        return self.store.recorder.select_notifications(after, limit, upto, inclusive_of_start=False)

    def _still(self) -> None:
        self._meanwhile()

    def _parts(self, found: Sequence[Notification], reached: Reached) -> Iterator[Sequence[Followed]]:
        rows = self._told(found[0].id, found[-1].id)
        parts = self._follower.parts(found)
        while True:
            self.files.told, self._follower.aside = rows, reached.aside  # whoever takes a part may read others
            if (part := next(parts, None)) is None:
                return
            yield part

    def _told(self, first: int, last: int) -> dict[int, list[following.Row]]:
        """Position → what was told by the event there, of these. A row that is not as it was written shows nobody
        anything; it is found by who looks through the register."""
        told: dict[int, list[following.Row]] = {}
        with self.store.pool.connection() as db, db.cursor(binary=True) as cursor:
            known = self._digests.known(db)
            for columns in cursor.execute(_BETWEEN, (first, last)):
                row = Row(*columns)
                if self._digests.fits(row) or not known:
                    of = following.Row(row.agency, row.position, from_bits(row.compartments))
                    told.setdefault(row.at_position, []).append(of)
        return told

    def _set_aside(self, damage: Damage) -> None:
        put_aside(self.store.pool, damage)


_SET_ASIDE = """
    INSERT INTO delivery.damaged AS d (stream, version, position, topic, why, left_from)
    SELECT %(stream)s::uuid, %(version)s, %(position)s, %(topic)s::text, %(why)s::text, %(left_from)s::bigint
      WHERE NOT EXISTS (SELECT FROM log.erased_keys WHERE stream = %(stream)s AND compartment = 0)
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version, position = excluded.position, topic = excluded.topic,
      why = excluded.why, since = CASE WHEN d.repaired_at IS NULL THEN d.since ELSE clock_timestamp() END,
      asked_at = NULL, repaired_at = NULL,
      left_from = CASE WHEN d.repaired_at IS NULL THEN least(d.left_from, excluded.left_from)
        ELSE excluded.left_from END
    WHERE d.repaired_at IS NOT NULL OR d.version > excluded.version OR d.left_from IS DISTINCT FROM
      least(d.left_from, excluded.left_from)
"""
_OF_AGENCY = f"SELECT {COLUMNS} FROM delivery.told WHERE agency = %s AND case_id = %s ORDER BY n"
_GONE = (
    "SELECT h.sequence - %s - (SELECT count(*) FROM delivery.told t WHERE t.agency = h.agency AND t.sequence > %s"
    " AND t.sequence <= h.sequence) FROM delivery.heads h WHERE h.agency = %s"
)
"""Of the agency's numbers behind the last of the case, how many have no row: of which case they were, nobody knows."""
_EMPTY = "SELECT sequence, since FROM delivery.gaps WHERE agency = %s AND sequence = ANY(%s)"
_BETWEEN = f"SELECT {COLUMNS} FROM delivery.told WHERE at_position BETWEEN %s AND %s ORDER BY n"
