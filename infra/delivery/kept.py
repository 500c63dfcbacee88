"""What is on record of cases beside what was told: what agencies had to delete again (`recalled`), when consents run
out (`expiries`), at which numbers something is missing (`gaps`); and work that is still to be done (`deletions`,
`resealings`, `notices`). Each row bears a digest, as a row of the register does, and whoever reads one checks it.

A digest does not find a row that is gone. So of what had to be deleted, and of what runs out, a tally says how many
rows a case has, and all their digests added up, bit by bit without carrying. What is gone of the work is known by what
it follows from. Who finds that something does not fit believes none of it and says so (`meet`); the register's keeper
puts it right, or sets the case aside (keeping.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from ..positions import EXPIRIES, FACTS_BEFORE, RECALLED, TALLIES, Positions, Table, read, selected

NONE = bytes(16)
"""Nothing added up."""


class Scope(NamedTuple):
    """Whose rows are counted together: a case's; of what had to be deleted, one agency's of a case."""

    agency: str
    case: UUID


class Recall(NamedTuple):
    """What an agency has to delete of the event at `position`, of all that it was told up to `upto` (`told.n`)."""

    agency: str
    position: int
    at_position: int
    case: UUID
    compartments: int
    upto: int
    recalled_at: datetime


class Kept(NamedTuple):
    """Rows that are as they were written; and whose are not, or are not all there."""

    rows: Sequence[tuple[Any, ...]]
    unfit: AbstractSet[Scope]

    def recalls(self) -> list[Recall]:
        """They are of what had to be deleted."""
        return [Recall(*row) for row in self.rows]


def gone(kept: Kept) -> Callable[[str, int, int], int]:
    """What of a telling, (agency, position, number of all), had to be deleted since."""
    of: dict[tuple[str, int], list[Recall]] = {}
    for recall in kept.recalls():
        of.setdefault((recall.agency, recall.position), []).append(recall)

    def asked(agency: str, position: int, n: int) -> int:
        compartments = (recall.compartments for recall in of.get((agency, position), ()) if recall.upto >= n)
        return reduce(or_, compartments, 0)

    return asked


def are_before(db: Connection[TupleRow]) -> bool:
    """Whether rows may be from before they had digests: then each is believed."""
    (before,) = db.execute(FACTS_BEFORE).fetchone() or (True,)
    return bool(before)


# Reading ----------------------------------------------------------------------------------------------------------


def recalls(db: Connection[TupleRow], positions: Positions, of: Iterable[Scope]) -> Kept:
    """What these agencies had to delete of these cases."""
    scopes = set(of)
    about = [scope.agency for scope in scopes], [scope.case for scope in scopes]
    wanted = SQL("(agency, case_id) IN (SELECT * FROM unnest(%s::text[], %s::uuid[]))")
    tallies = SQL("{} WHERE of_table = %s AND {}").format(_from(TALLIES), wanted)
    rows = db.execute(SQL("{} WHERE {}").format(_from(RECALLED), wanted), about).fetchall()
    return _kept(db, positions, RECALLED, rows, db.execute(tallies, (RECALLED.name, *about)).fetchall())


def recalls_of_case(db: Connection[TupleRow], positions: Positions, case: UUID) -> Kept:
    """What any agency had to delete of a case. The service may ask this."""
    rows = db.execute(_from(RECALLED, "delivery.recalls_of(%s)"), (case,)).fetchall()
    return _kept(db, positions, RECALLED, rows, _tallies(db, RECALLED, [case]))


def expiries(db: Connection[TupleRow], positions: Positions, cases: Sequence[UUID]) -> Kept:
    """When consents of these cases run out. The service may ask this."""
    rows = db.execute(_from(EXPIRIES, "delivery.expiries_of(%s)"), (list(cases),)).fetchall()
    return _kept(db, positions, EXPIRIES, rows, _tallies(db, EXPIRIES, cases))


def unfit(db: Connection[TupleRow], positions: Positions, case: UUID) -> bool:
    """Whether something of a case is not as it was written, or not there."""
    return bool(recalls_of_case(db, positions, case).unfit or expiries(db, positions, [case]).unfit)


def _kept(
    db: Connection[TupleRow], positions: Positions, table: Table, rows: Sequence[TupleRow], tallies: Sequence[TupleRow]
) -> Kept:
    found = [read(table, columns) for *columns, _ in rows]
    if not (rows or tallies) or are_before(db):
        return Kept(found, frozenset())
    whole: list[tuple[Any, ...]] = []
    unfit: set[Scope] = set()
    there: dict[Scope, tuple[int, int]] = {}
    for row, (*_, digest) in zip(found, rows, strict=True):
        scope = scope_of(table, row)
        if positions.fits(digest, table.name, *row):
            whole.append(row)
            many, added = there.get(scope, (0, 0))
            there[scope] = many + 1, added ^ int.from_bytes(digest)
        else:
            unfit.add(scope)
    said: dict[Scope, tuple[int, int]] = {}
    for of_table, agency, case, many, digests, digest in tallies:
        if positions.fits(digest, TALLIES.name, of_table, agency, case, many, digests):
            said[Scope(agency, case)] = many, int.from_bytes(digests)
        else:
            unfit.add(Scope(agency, case))
    unfit |= {scope for scope in {*there, *said} if there.get(scope, (0, 0)) != said.get(scope, (0, 0))}
    return Kept(whole, unfit)


def whole_rows(
    db: Connection[TupleRow], positions: Positions, table: Table, where: LiteralString, values: Sequence[object]
) -> list[tuple[Any, ...]]:
    """The rows of which that holds and that are as they were written, by the table's columns."""
    found = db.execute(SQL("{} WHERE {}").format(_from(table), SQL(where)), values).fetchall()
    if not found:
        return []
    before = are_before(db)
    rows = [(read(table, columns), digest) for *columns, digest in found]
    return [row for row, digest in rows if before or positions.fits(digest, table.name, *row)]


def scope_of(table: Table, row: Sequence[object]) -> Scope:
    """Whose tally a row is counted in."""
    about = dict(zip(table.columns, row, strict=True))
    return Scope(str(about["agency"]) if table is RECALLED else "", UUID(str(about["case_id"])))


def meet(db: Connection[TupleRow], cases: Iterable[UUID]) -> None:
    """Have the register's keeper look at what is on record of these cases."""
    db.execute("SELECT delivery.meet(%s::uuid[])", (list(cases),))


# Writing, within the transaction of who writes --------------------------------------------------------------------


def add_recalls(db: Connection[TupleRow], positions: Positions, new: Sequence[Recall]) -> None:
    """Put on record what agencies have to delete; what is on record is left as it is."""
    if not new:
        return
    digests = [positions.of(RECALLED.name, *recall) for recall in new]
    columns = [list(column) for column in zip(*new, strict=True)]
    added = db.execute(_RECALL, (*columns, digests)).fetchall()
    count(db, positions, RECALLED, [(Scope(agency, case), 1, digest) for agency, case, digest in added])


def put_expiries(
    db: Connection[TupleRow], positions: Positions, found: Mapping[tuple[UUID, UUID], datetime | None]
) -> None:
    """Put on record when these consents, (case, consent), run out; None where that is no matter any more."""
    changes: list[tuple[Scope, int, bytes]] = []
    for (case, consent), at in found.items():
        scope = Scope("", case)
        gone = db.execute(_NO_EXPIRY, (case, consent)).fetchall()
        changes += [(scope, -1, digest) for (digest,) in gone]
        if at is not None:
            digest = positions.of(EXPIRIES.name, case, consent, at)
            db.execute(_EXPIRY, (case, consent, at, digest))
            changes.append((scope, 1, digest))
    count(db, positions, EXPIRIES, changes)


def forget_expiries(db: Connection[TupleRow], case: UUID) -> None:
    """Nothing of the case runs out any more; or what does is put on record anew."""
    db.execute("DELETE FROM delivery.expiries WHERE case_id = %s", (case,))
    db.execute("DELETE FROM delivery.tallies WHERE of_table = %s AND case_id = %s", (EXPIRIES.name, case))


def add(db: Connection[TupleRow], positions: Positions, table: Table, rows: Iterable[Sequence[object]]) -> int:
    """Write rows of work, or numbers at which something is missing; those that are on record are left as they are.
    Returns how many were new."""
    names = SQL(", ").join(map(Identifier, (*table.columns, "digest")))
    places = SQL(", ").join(SQL("%s") for _ in (*table.columns, "digest"))
    sql = SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(name(table), names, places)
    return sum(db.execute(sql, (*row, positions.of(table.name, *row))).rowcount for row in rows)


def change(
    db: Connection[TupleRow],
    positions: Positions,
    table: Table,
    where: LiteralString,
    values: Sequence[object],
    **to: object,
) -> int:
    """Change columns of rows that are as they were written; of how many. A row that is not is left to who puts it
    right: under a new digest it would be believed. For inside of a transaction."""
    changed = 0
    before = are_before(db)
    select = SQL("SELECT ctid::text, {}, digest FROM {} WHERE {} FOR UPDATE")
    for ctid, *columns, digest in db.execute(
        select.format(selected(table), name(table), SQL(where)), values
    ).fetchall():
        was = read(table, columns)
        if not before and not positions.fits(digest, table.name, *was):
            continue
        now = tuple((dict(zip(table.columns, was, strict=True)) | to).values())
        sets = SQL(", ").join(SQL("{} = %s").format(Identifier(column)) for column in (*table.columns, "digest"))
        sql = SQL("UPDATE {} SET {} WHERE ctid = %s::tid").format(name(table), sets)
        changed += db.execute(sql, (*now, positions.of(table.name, *now), ctid)).rowcount
    return changed


def count(
    db: Connection[TupleRow], positions: Positions, table: Table, changes: Iterable[tuple[Scope, int, bytes]]
) -> None:
    """Add rows to tallies, or take them out, each with its digest. A tally that is not as it was written, and of which
    nobody knows what was, is left so: what it counts is found not to fit."""
    of: dict[Scope, tuple[int, int]] = {}
    for scope, more, digest in changes:
        many, added = of.get(scope, (0, 0))
        of[scope] = many + more, added ^ int.from_bytes(digest)
    for scope, (more, change) in sorted(of.items(), key=str):
        about = table.name, *scope
        many, digests = 0, NONE
        row = db.execute(_TALLY, about).fetchone()
        if row is not None:
            was: tuple[object, ...] | None = (*about, *row[:2])
            if not positions.fits(row[2], TALLIES.name, *about, *row[:2]):
                was = positions.right(row[2], TALLIES.name, *about, *row[:2])
            if was is None or was[:-2] != about:
                continue
            many, digests = was[-2:]  # type: ignore[assignment]
        now = many + more, (int.from_bytes(digests) ^ change).to_bytes(16)
        if now == (0, NONE):
            db.execute(_NO_TALLY, about)
        else:
            db.execute(_PUT_TALLY, (*about, *now, positions.of(TALLIES.name, *about, *now)))


def _tallies(db: Connection[TupleRow], table: Table, cases: Sequence[UUID]) -> list[TupleRow]:
    return db.execute(_from(TALLIES, "delivery.tallies_of(%s, %s)"), (table.name, list(cases))).fetchall()


def _from(table: Table, source: LiteralString | None = None) -> Composed:
    """SQL that selects its rows."""
    return SQL("SELECT {}, digest FROM {}").format(selected(table), SQL(source) if source else name(table))


def name(table: Table) -> Identifier:
    """As SQL has it."""
    return Identifier(*table.name.split("."))


_RECALL = """
    INSERT INTO delivery.recalled (agency, position, at_position, case_id, compartments, upto, recalled_at, digest)
    SELECT * FROM unnest(%s::text[], %s::int8[], %s::int8[], %s::uuid[], %s::int4[], %s::int8[], %s::timestamptz[],
      %s::bytea[]) ON CONFLICT DO NOTHING RETURNING agency, case_id, digest
"""
_NO_EXPIRY = "DELETE FROM delivery.expiries WHERE case_id = %s AND consent = %s RETURNING digest"
_EXPIRY = "INSERT INTO delivery.expiries (case_id, consent, expires_at, digest) VALUES (%s, %s, %s, %s)"
_TALLY = (
    "SELECT many, digests, digest FROM delivery.tallies WHERE of_table = %s AND agency = %s AND case_id = %s FOR UPDATE"
)
_NO_TALLY = "DELETE FROM delivery.tallies WHERE of_table = %s AND agency = %s AND case_id = %s"
_PUT_TALLY = (
    "INSERT INTO delivery.tallies (of_table, agency, case_id, many, digests, digest) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (of_table, agency, case_id) DO UPDATE SET many = excluded.many, digests = excluded.digests,"
    " digest = excluded.digest"
)
