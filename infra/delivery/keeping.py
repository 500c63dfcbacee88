"""What is on record of cases, and work that is still to be done (kept.py), looked through by the register's keeper,
round and round: some pages of each table each second.

- One bit flipped: the digest says which, and it is put right, in every table.
- More is wrong in work, or a row of it is gone: it is worked out anew of what it follows from, the log and the
  register. What was done of it is asked for, or sent, once more under its id, which changes nothing.
- More is wrong in when consents of a case run out, or it is gone: that is read anew of the case's log.
- More is wrong in what agencies had to delete of a case, or it is gone: nobody works that out anew, as it was said by
  the rule of its time. The case is set aside, and what is on record of it stands named until it is put back from a
  backup (kept_put_back.py). All others go on.
- More is wrong in a number at which something is missing, or in what `rujukan recover` left to be said: it stands
  named.

Each is named (`rujukan damaged`) until an operator has looked.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import LiteralString
from uuid import UUID

from msgspec import Struct, field
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from ...domain import agency as agencies
from ...domain import agency_keys
from ...domain.compartment import Compartment
from ...domain.erasure import ErasureRecorded
from ..positions import DELETIONS, EXPIRIES, FACTS, NOTICES, RECALLED, RESEALINGS, TALLIES, Table, read, selected
from ..store.event_store import Damage, EventStore, Opened
from ..store.following import AWAY
from ..unforeseen import where
from . import facts, kept, putting_right
from .additions import Deletion, Resealing, deletions_of
from .digests import Digests
from .kept import Scope
from .past import Past
from .putting_right import DROPPED, FROM_REGISTER, PUT_RIGHT, STANDS, Found, Still
from .rows import bits, from_bits

BLOCKS = 8
"""So many pages of a table are looked at each second: some hundred rows, in ten milliseconds."""
ERASURES = 20
"""So many erasures a second are held against who was to be asked because of them."""
NOT_WHOLE = "what had to be deleted of it is not on record as it was written"
"""Why a case is set aside of which all records open."""


class Look(Struct):
    """How far somebody has looked."""

    block: dict[str, int] = field(default_factory=dict)
    """Table → the page that is looked at next."""
    standing: dict[str, set[str]] = field(default_factory=dict)
    """Table → rows that stand, of those that were looked at in this round."""
    nothing: set[int] = field(default_factory=set)
    """Positions of re-sealings from which no work follows."""
    erasure: int = 0
    """The position of the last erasure that was looked at."""


class Keeping:
    """Looks, for the keeper of the register, within whose lease it works."""

    def __init__(
        self, store: EventStore, db: Connection[TupleRow], digests: Digests, reached: int, look: Look, still: Still
    ) -> None:
        """`reached` is how far the register is; `look` goes on from one call to the next."""
        self._store = store
        self._db = db
        self._digests = digests
        self._positions = digests.positions
        self._reached = reached
        self._look = look
        self._still = still

    def once(self) -> None:
        """Look at some of each table, and put right what can be."""
        for table in FACTS:
            self._some_of(table)
            self._still()
        self._without_work()

    def at_case(self, case: UUID) -> None:
        """Look at what is on record of a case, which somebody found not to fit."""
        if kept.unfit(self._db, self._positions, case):
            self._all_of(RECALLED, EXPIRIES, TALLIES)
            self._is_whole(case)

    def _some_of(self, table: Table) -> None:
        begin = self._look.block.get(table.name, 0)
        (size,) = self._db.execute(_PAGES, (table.name,)).fetchone() or (0,)
        upto = begin + BLOCKS
        stand = self._look.standing.setdefault(table.name, set())
        stand |= self._put_right(self._unfit(table, begin, upto))
        pages = f"({begin},0)", f"({upto},0)"
        if table in (RECALLED, EXPIRIES):
            agency = SQL("agency") if table is RECALLED else SQL("''")
            sql = _UNCOUNTED.format(agency=agency, table=kept.name(table))
            stand |= self._look_at(table, self._db.execute(sql, (*pages, table.name)).fetchall())
        if table is TALLIES:
            for counted in (RECALLED, EXPIRIES):
                agency = SQL("AND r.agency = t.agency") if counted is RECALLED else SQL("")
                sql = _MISCOUNTED.format(agency=agency, table=kept.name(counted))
                found = self._db.execute(sql, (*pages, counted.name)).fetchall()
                self._look.standing.setdefault(counted.name, set()).update(self._look_at(counted, found))
        if table is RECALLED:
            self._work_of(self._db.execute(_WITHOUT_DELETION, pages).fetchall())
        if table is NOTICES:
            for (recovery,) in self._db.execute(_FEWER).fetchall():
                putting_right.note(self._db, NOTICES.name, f"{recovery}: one is gone", STANDS)
                stand.add(f"{recovery}: one is gone")
        if upto < size:
            self._look.block[table.name] = upto
            return
        self._look.block[table.name] = 0
        putting_right.stand_no_more(self._db, [table], [(table.name, row) for row in stand])
        stand.clear()

    def _all_of(self, *tables: Table) -> None:
        """Look at every row of these at once, where something of a case does not fit: it may be anywhere."""
        for table in tables:
            (size,) = self._db.execute(_PAGES, (table.name,)).fetchone() or (0,)
            for begin in range(0, size + 1, BLOCKS):
                self._still()
                self._put_right(self._unfit(table, begin, begin + BLOCKS))

    def _unfit(self, table: Table, begin: int, upto: int) -> Iterator[Found]:
        sql = _ROWS.format(columns=selected(table), table=kept.name(table))
        for ctid, *columns, digest in self._db.execute(sql, (f"({begin},0)", f"({upto},0)")).fetchall():
            row = read(table, columns)
            if not self._positions.fits(digest, table.name, *row):
                yield Found(table, ctid, row, digest)

    def _put_right(self, unfit: Iterable[Found]) -> set[str]:
        """The rows of these that stand."""
        standing: set[str] = set()
        for found in unfit:
            self._still()
            table = found.table
            right = self._positions.right(found.digest, table.name, *found.columns)
            if right is not None and self._put(found, right):
                putting_right.note(self._db, table.name, table.row_of(right), PUT_RIGHT)
            elif table in (DELETIONS, RESEALINGS, EXPIRIES, TALLIES):
                if putting_right.drop(self._db, found):
                    putting_right.note(self._db, table.name, found.row, DROPPED)
                if table in (EXPIRIES, TALLIES):
                    self._is_whole(UUID(str(found.columns[table.columns.index("case_id")])))
            else:
                putting_right.note(self._db, table.name, found.row, STANDS)
                standing.add(found.row)
                if table is RECALLED:
                    self._set_aside(kept.scope_of(table, found.columns).case)
        return standing

    def _put(self, found: Found, right: tuple[object, ...]) -> bool:
        """Whether it was put right. Not where another row has its name meanwhile, and nobody may take either away."""
        try:
            putting_right.put(self._db, self._digests, found, right)
        except InsufficientPrivilege:
            return False
        return True

    def _look_at(self, table: Table, scopes: Sequence[TupleRow]) -> set[str]:
        """Rows of these cases are not counted, or gone: which stand."""
        known = {row for (row,) in self._db.execute(_STANDING, (table.name,)).fetchall()}
        if {f"{agency} {case}" for agency, case in scopes} - known:
            self._all_of(table, TALLIES)
        found = (self._is_whole(Scope(*scope).case) for scope in scopes)
        return {row for rows in found for row in rows}

    def _is_whole(self, case: UUID) -> list[str]:
        """Read anew when consents of a case run out, and set it aside where what had to be deleted of it is not whole,
        if that is so still; which rows stand."""
        if kept.expiries(self._db, self._positions, [case]).unfit:
            self._expiries_anew(case)
        standing: list[str] = []
        for scope in kept.recalls_of_case(self._db, self._positions, case).unfit:
            row = f"{scope.agency} {scope.case}"
            putting_right.note(self._db, RECALLED.name, row, STANDS)
            self._set_aside(case)
            standing.append(row)
        return standing

    def _expiries_anew(self, case: UUID) -> None:
        row = self._db.execute("SELECT left_from FROM delivery.damaged WHERE stream = %s", (case,)).fetchone()
        try:
            past = Past(self._store, self._db, self._positions, self._reached, self._still)
            past.expiries_anew(case, row[0] if row is not None else None)
        except AWAY:
            raise
        except Exception as problem:  # it does not open: when its consents run out is read once it does
            self._set_aside(case, where(problem))
            self._db.execute("UPDATE delivery.damaged SET ends_unknown = true WHERE stream = %s", (case,))
            with self._db.transaction():
                kept.forget_expiries(self._db, case)
        putting_right.note(self._db, EXPIRIES.name, str(case), FROM_REGISTER)

    def _set_aside(self, case: UUID, why: str = NOT_WHOLE) -> None:
        if (last := self._db.execute(_LAST, (case,)).fetchone()) is None:
            return  # what a damaged row names is no case
        position, version, topic = last
        damage = Damage(position, case, version, topic, why)
        if facts.set_aside(self._db, [damage]):
            facts.log_damage(damage)

    # Work that is gone ---------------------------------------------------------------------------------------------

    def _work_of(self, without: Sequence[TupleRow]) -> None:
        """Agencies that had to delete something, and that nobody is to ask for that."""
        for agency, at, case in without:
            rows = kept.recalls(self._db, self._positions, [Scope(agency, case)])
            row = self._db.execute(_VERSION, (at, case)).fetchone()
            if rows.unfit or row is None:
                continue
            lost = [from_bits(recall.compartments) for recall in rows.recalls() if recall.at_position == at]
            asked = frozenset[Compartment]().union(*lost) - {Compartment.COORDINATION}
            self._add(DELETIONS, Deletion(at, agency, case, row[0], bits(asked)))

    def _without_work(self) -> None:
        """Erasures and re-sealings of which the work is gone."""
        for position in self._found(_RESEALINGS, self._reached, list(self._look.nothing)):
            if (resealing := self._resealing(position)) is None:
                self._look.nothing.add(position)
            else:
                self._add(RESEALINGS, resealing)
        erasures = self._found(_ERASURES, self._look.erasure, self._reached, ERASURES)
        for position in erasures:
            opened = self._opened(position)
            if opened is not None and isinstance(opened.event, ErasureRecorded):
                for deletion in deletions_of(self._db, position, opened.event):
                    self._add(DELETIONS, deletion)
        self._look.erasure = erasures[-1] if len(erasures) == ERASURES else 0

    def _resealing(self, position: int) -> Resealing | None:
        """The work of the one that was approved there; None where there is none, or nobody can tell."""
        opened = self._opened(position)
        if opened is None:
            return None
        events = [one.event for one in self._store.read(opened.stream, upto=opened.version)]
        before, after = agencies.fold(events[:-1]), agencies.fold(events)
        if before is None or after is None:
            return None
        row = self._db.execute(_HEAD, (after.code,)).fetchone()
        moved = sorted(agency_keys.moved(before, after))
        return Resealing(position, after.code, moved, row[0]) if moved and row is not None else None

    def _opened(self, position: int) -> Opened | None:
        """The event there; None where its stream does not open, which others name."""
        try:
            return next(iter(self._store.opened([position])), None)
        except AWAY:
            raise
        except Exception:
            return None

    def _found(self, sql: LiteralString, *values: object) -> list[int]:
        return [position for (position,) in self._db.execute(sql, values).fetchall()]

    def _add(self, table: Table, row: Deletion | Resealing) -> None:
        if kept.add(self._db, self._positions, table, [row]):
            putting_right.note(self._db, table.name, table.row_of(row), FROM_REGISTER)


def give(db: Connection[TupleRow], digests: Digests) -> None:
    """Give all rows from before there were digests theirs, and count them. For inside of the keeper's transaction."""
    for table in FACTS:
        if table is not TALLIES:
            putting_right.give_to(db, digests, table)
    db.execute("DELETE FROM delivery.tallies")
    for table, agency in ((RECALLED, SQL("agency")), (EXPIRIES, SQL("''"))):
        sql = SQL("SELECT {}, case_id, digest FROM {}").format(agency, kept.name(table))
        kept.count(db, digests.positions, table, [(Scope(a, case), 1, digest) for a, case, digest in db.execute(sql)])
    db.execute("UPDATE delivery.reached SET facts_under = %s", (digests.positions.under,))


_PAGES = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int"
_ROWS = SQL("SELECT ctid::text, {columns}, digest FROM {table} WHERE ctid >= %s::tid AND ctid < %s::tid")
_UNCOUNTED = SQL(
    "SELECT DISTINCT {agency}, case_id FROM {table} r WHERE ctid >= %s::tid AND ctid < %s::tid AND NOT EXISTS"
    " (SELECT FROM delivery.tallies t WHERE t.of_table = %s AND t.agency = {agency} AND t.case_id = r.case_id)"
)
_MISCOUNTED = SQL("""
    SELECT t.agency, t.case_id FROM delivery.tallies t CROSS JOIN LATERAL (
      SELECT count(*) AS many, coalesce(bit_xor(('x' || encode(r.digest, 'hex'))::bit(128)), 0::bit(128)) AS digests
      FROM {table} r WHERE r.case_id = t.case_id {agency}
    ) r WHERE t.ctid >= %s::tid AND t.ctid < %s::tid AND t.of_table = %s
      AND (t.many <> r.many OR ('x' || encode(t.digests, 'hex'))::bit(128) <> r.digests)
""")
_WITHOUT_DELETION = """
    SELECT DISTINCT r.agency, r.at_position, r.case_id FROM delivery.recalled r
    WHERE r.ctid >= %s::tid AND r.ctid < %s::tid AND NOT EXISTS (
      SELECT FROM delivery.deletions d WHERE d.at_position = r.at_position AND d.agency = r.agency)
"""
_STANDING = "SELECT of_row FROM follow.unfit WHERE how = 'stands' AND of_table = %s"
_FEWER = "SELECT recovery FROM delivery.notices GROUP BY recovery HAVING count(*) < max(among)"
_LAST = (
    "SELECT notification_id, originator_version, topic FROM log.stored_events WHERE originator_id = %s"
    " ORDER BY originator_version DESC LIMIT 1"
)
_VERSION = "SELECT originator_version FROM log.stored_events WHERE notification_id = %s AND originator_id = %s"
_HEAD = "SELECT sequence FROM delivery.heads WHERE agency = %s"
_WORK = "topic IN ('agency.ResealingApproved', 'erasure.ErasureRecorded')"
"""As the index says it."""
_RESEALINGS = (
    f"SELECT notification_id FROM log.stored_events s WHERE {_WORK} AND topic = 'agency.ResealingApproved'"
    " AND notification_id <= %s AND notification_id <> ALL(%s) AND NOT EXISTS"
    " (SELECT FROM delivery.resealings r WHERE r.position = s.notification_id) ORDER BY 1"
)
_ERASURES = (
    f"SELECT notification_id FROM log.stored_events WHERE {_WORK} AND topic = 'erasure.ErasureRecorded'"
    " AND notification_id > %s AND notification_id <= %s ORDER BY 1 LIMIT %s"
)
