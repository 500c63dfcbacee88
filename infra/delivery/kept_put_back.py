"""What is on record of cases, and was not as it was written, put back from a backup, where nobody can work out what it
was: what agencies had to delete (`recalled`, with its tallies), at which numbers something is missing (`gaps`), what a
recovery left to be said (`notices`).

Only what bears its digest is taken: who made the backup, or holds it, can add nothing. What came after the backup is
left as it is: a tally here says how many rows there have to be. Where the tally itself is not there, the one of the
backup is taken, unless the case moved on since: then a newer backup is needed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ..database import connect, maintain
from ..positions import GAPS, NOTICES, RECALLED, TALLIES, Positions, Table, read, selected
from ..store.given import GIVEN
from . import kept, putting_right
from .digests import Digests
from .kept import NONE, Scope
from .putting_right import STANDS, Found, Unfit

TABLES = (RECALLED, GAPS, NOTICES)
"""Those of which rows stand until they are put back."""
Columns = tuple[object, ...]


class Written(NamedTuple):
    """What a backup has of a table as it was written, and is not here so."""

    table: Table
    rows: Sequence[tuple[Columns, bytes]]
    """Columns, and their digest."""
    tallies: Sequence[tuple[Columns, bytes]] = ()

    @property
    def many(self) -> int:
        """How many rows."""
        return len(self.rows) + len(self.tallies)


def in_backup(backup: str, db: Connection[TupleRow], digests: Digests, standing: Iterable[Unfit]) -> list[Written]:
    """What the backup has of what stands."""
    named = [one for one in standing if one.how == STANDS]
    found: list[Written] = []
    with connect(backup) as there:
        if there.execute(_HAS_DIGESTS).fetchone() is None:
            return []
        for table in TABLES:
            rows = [one.row for one in named if one.table == table.name]
            unfit = list(putting_right.unfit(db, digests, table))
            if not (rows or unfit):
                continue
            written = _rows(there, digests.positions, table, _wanted(table, rows, unfit), unfit)
            here = _rows(db, digests.positions, table, _wanted(table, rows, unfit), unfit)
            tallies = _tallies(there, db, digests.positions, rows, unfit) if table is RECALLED else []
            found.append(Written(table, [row for row in written if row not in here], tallies))
    return [one for one in found if one.many]


def put_back(owner: str, digests: Digests, written: Written) -> None:
    """Put it in the place of what is there. `owner` is the database with the rights of its owner."""
    table, name = written.table, kept.name(written.table)
    with maintain(owner) as db, db.transaction():
        db.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        keys = {_key(table, row) for row, _ in written.rows}
        of_rows = {digest for _, digest in written.rows}
        unfit = list(putting_right.unfit(db, digests, table))
        for one in unfit:
            if _key(table, one.columns) in keys or one.digest in of_rows:
                putting_right.drop(db, one)
        _insert(db, table, written.rows)
        if table is RECALLED:
            for row, _ in written.tallies:
                db.execute(_NO_TALLY, row[:3])
            _insert(db, TALLIES, written.tallies)
            for one in putting_right.unfit(db, digests, table):  # of a case of which all is there without it
                if _is_complete(db, digests.positions, kept.scope_of(table, one.columns)):
                    putting_right.drop(db, one)
        db.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))


def stands(db: Connection[TupleRow], digests: Digests, before: Iterable[Unfit]) -> None:
    """Of what stood, name no more what is whole now."""
    for table in TABLES:
        named = [one.row for one in before if one.how == STANDS and one.table == table.name]
        still = {one.row for one in putting_right.unfit(db, digests, table)}
        if table is RECALLED:
            for case in _cases(named, ()):
                still |= {f"{s.agency} {s.case}" for s in kept.recalls_of_case(db, digests.positions, case).unfit}
        if table is NOTICES:
            fewer = {str(recovery) for (recovery,) in db.execute(_FEWER).fetchall()}
            still |= {row for row in named if row[:36] in fewer}
        putting_right.stand_no_more(db, [table], [(table.name, row) for row in still])


class _Wanted(NamedTuple):
    """Which rows of a table are asked for: those whose column is one of these, beside those of damaged rows."""

    column: str
    values: Sequence[object]


def _wanted(table: Table, named: Sequence[str], unfit: Sequence[Found]) -> _Wanted:
    if table is RECALLED:
        return _Wanted("case_id", sorted(_cases(named, unfit)))
    if table is NOTICES:
        return _Wanted("recovery", [UUID(row[:36]) for row in named if _is_uuid(row[:36])])
    return _Wanted("sequence", [one.columns[table.columns.index("sequence")] for one in unfit])


def _cases(named: Sequence[str], unfit: Sequence[Found]) -> set[UUID]:
    """The cases that rows name, and those that are named as not whole ("agency case")."""
    last = (row.rpartition(" ")[2] for row in named)
    return {UUID(one) for one in last if _is_uuid(one)} | {kept.scope_of(RECALLED, one.columns).case for one in unfit}


def _is_uuid(said: str) -> bool:
    try:
        return str(UUID(said)) == said
    except ValueError:
        return False


def _rows(
    db: Connection[TupleRow], positions: Positions, table: Table, wanted: _Wanted, unfit: Sequence[Found]
) -> list[tuple[Columns, bytes]]:
    """The rows asked for, as far as they are as they were written."""
    sql = SQL("SELECT {}, digest FROM {} WHERE {} = ANY(%s) OR digest = ANY(%s)").format(
        selected(table), kept.name(table), Identifier(wanted.column)
    )
    found = db.execute(sql, (list(wanted.values), [one.digest for one in unfit])).fetchall()
    rows = [(read(table, columns), bytes(digest)) for *columns, digest in found]
    return [(row, digest) for row, digest in rows if positions.fits(digest, table.name, *row)]


def _tallies(
    there: Connection[TupleRow],
    here: Connection[TupleRow],
    positions: Positions,
    named: Sequence[str],
    unfit: Sequence[Found],
) -> list[tuple[Columns, bytes]]:
    """Tallies of these cases that are not here as they were written, of cases that did not move on since."""
    cases = sorted(_cases(named, unfit))
    at = positions.register_is_at(there)
    written = _rows(there, positions, TALLIES, _Wanted("case_id", cases), ())
    have = {row[:3] for row, _ in _rows(here, positions, TALLIES, _Wanted("case_id", cases), ())}
    lost = [(row, digest) for row, digest in written if row[0] == RECALLED.name and row[:3] not in have]
    if not lost or at is None:
        return []
    moved = {case for (case,) in here.execute(_MOVED_ON, (cases, at)).fetchall()}
    return [(row, digest) for row, digest in lost if row[2] not in moved]


def _insert(db: Connection[TupleRow], table: Table, rows: Iterable[tuple[Columns, bytes]]) -> None:
    names = SQL(", ").join(map(Identifier, (*table.columns, "digest")))
    places = SQL(", ").join(SQL("%s") for _ in (*table.columns, "digest"))
    sql = SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(kept.name(table), names, places)
    for row, digest in rows:
        db.execute(sql, (*row, digest))


def _is_complete(db: Connection[TupleRow], positions: Positions, scope: Scope) -> bool:
    """Whether as many of its rows are as they were written as its tally says."""
    whole = [digest for row, digest in _rows(db, positions, RECALLED, _Wanted("case_id", [scope.case]), ())
             if row[0] == scope.agency]  # fmt: skip
    tallies = _rows(db, positions, TALLIES, _Wanted("case_id", [scope.case]), ())
    said = next((row[3:] for row, _ in tallies if row[:3] == (RECALLED.name, *scope)), (0, NONE))
    added = 0
    for digest in whole:
        added ^= int.from_bytes(digest)
    return said == (len(whole), added.to_bytes(16))


def _key(table: Table, columns: Columns) -> Columns:
    return columns[: len(table.key)]


_HAS_DIGESTS = (
    "SELECT FROM pg_attribute WHERE attrelid = to_regclass('delivery.recalled') AND attname = 'digest'"
    " AND NOT attisdropped"
)
_NO_TALLY = "DELETE FROM delivery.tallies WHERE of_table = %s AND agency = %s AND case_id = %s"
_MOVED_ON = (
    f"SELECT DISTINCT originator_id FROM log.stored_events"
    f" WHERE originator_id = ANY(%s) AND notification_id > %s AND {GIVEN}"
)
_FEWER = "SELECT recovery FROM delivery.notices GROUP BY recovery HAVING count(*) < max(among)"
