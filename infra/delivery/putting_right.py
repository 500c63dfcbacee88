"""Rows from which somebody goes on (infra/positions.py) that are not as they were written: found, named, and put right
where it is certain what is right.

The register's keeper looks at all of them, before it begins and each second. What it finds stands in `follow.unfit`
until an operator has looked (`rujukan damaged --again`): a database in which bits flip is one to be replaced.

- One bit flipped: the digest says which (`Positions.right`). This holds for every table.
- More is wrong in how far the register is: it is at least where the newest of its rows that is as it was written was
  told. It goes on from there; what it follows again is on record and changes nothing.
- More is wrong in an agency's newest number, or the row is gone: the newest number of its rows, and as many above as
  rows of the register are damaged, as each of them may have been its. So no number is given twice; what is left out
  goes out as a placeholder.
- More is wrong in how far a topic was written or read, or to which key the next telling is sealed: the row is dropped.
  The topic itself says how far it was written; what is read twice says nothing new; the agency's newest key is taken.
- More is wrong in where a read model, or a webhook, is: it stands still, with that reason. An operator has the read
  model built anew, and the webhook posted to from the first delivery on; its receiver knows each by its id.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import LiteralString, NamedTuple

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from ...domain import agency as agencies
from ..positions import (
    ACKNOWLEDGED,
    ALL,
    FACTS,
    HEADS,
    PROCESSORS,
    REACHED,
    SEALING_KEYS,
    TOPICS,
    WEBHOOKS,
    Table,
    differ_in_one,
    read,
    selected,
)
from ..store.event_store import EventStore
from ..store.sealed_record import author_of
from ..webhooks import rows as webhook_rows
from .additions import write_heads
from .digests import Digests
from .rows import COLUMNS, Row

log = logging.getLogger(__name__)

STANDS = "stands"
"""Nobody knows what was written: who would go on from it stands still."""
PUT_RIGHT, FROM_REGISTER, DROPPED = "put right", "worked out anew", "begun anew"
"""What was done about it."""
BY_RECORD = "known by its record"
"""What the sealer did, of its own newest row: nothing changes that, and `rujukan ledger verify` names it."""
PAGE = 5_000
Still = Callable[[], object]


class Found(NamedTuple):
    """A row that is not as it was written: its place, its columns, its digest."""

    table: Table
    ctid: str
    columns: tuple[object, ...]
    digest: bytes

    @property
    def row(self) -> str:
        """Its name, as it says it now."""
        return self.table.row_of(self.columns)


class Unfit(NamedTuple):
    """A row that was not as it was written, and what was done about it."""

    table: str
    row: str
    how: str
    since: datetime


def give(db: Connection[TupleRow], digests: Digests) -> None:
    """Give all rows from before there were digests theirs, and put on record that they have them. For inside of the
    keeper's transaction."""
    positions = digests.positions
    for table in ALL:
        give_to(db, digests, table)
    db.execute("UPDATE delivery.reached SET positions_under = %s", (positions.under,))


def give_to(db: Connection[TupleRow], digests: Digests, table: Table) -> None:
    """Give the rows of a table theirs. For inside of the keeper's transaction."""
    db.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(_name(table)))
    set_digest = SQL("UPDATE {} SET digest = %s WHERE ctid = %s::tid").format(_name(table))
    rows = db.execute(_select(table)).fetchall()
    new = [(digests.positions.of(table.name, *read(table, columns)), ctid) for ctid, *columns, _ in rows]
    db.cursor().executemany(set_digest, new)


def look(db: Connection[TupleRow], digests: Digests, still: Still) -> int:
    """Look at every row, and put right what can be; how many were not as they were written. `still` is called in
    between. For the keeper, once all rows have digests."""
    _put_marks_right(db, digests)
    found = [one for table in ALL for one in unfit(db, digests, table)]
    standing = [one for one in found if not _is_put_right(db, digests, one, still)]
    for agency in _without_head(db, digests):
        write_heads(db, digests.positions, {agency: _head_of(db, digests, agency, still)})
        note(db, HEADS.name, agency, FROM_REGISTER)
    for one in standing:
        note(db, one.table.name, one.row, STANDS)
    stand_no_more(db, ALL, [(one.table.name, one.row) for one in standing])
    return len(found)


def stand_no_more(db: Connection[TupleRow], tables: Iterable[Table], standing: Iterable[tuple[str, str]]) -> None:
    """Of these tables, nothing stands but these rows, each (table, row)."""
    names = [f"{of_table} {of_row}" for of_table, of_row in standing]
    about = STANDS, [table.name for table in tables], names
    db.execute(_STAND_NO_MORE, about)


def listed(db: Connection[TupleRow]) -> list[Unfit]:
    """What was found, and no operator has looked at since."""
    found = db.execute("SELECT of_table, of_row, how, since FROM follow.unfit ORDER BY since, of_table, of_row")
    return [Unfit(*row) for row in found]


def looked_at(db: Connection[TupleRow], digests: Digests, seen: Iterable[Unfit]) -> None:
    """An operator has looked at these, and read models that stood were built anew: they are named no more. The rows
    that stood are dropped where they are still there, under whatever name."""
    stood = {one.row for one in seen if one.how == STANDS}
    for found in unfit(db, digests, PROCESSORS):
        if found.row in stood:
            drop(db, found)
    facts = {table.name for table in FACTS}
    for one in seen:
        if one.how == STANDS and one.table in facts:
            continue  # until it is put back
        sql = "DELETE FROM follow.unfit WHERE of_table = %s AND of_row = %s AND how = %s AND since = %s"
        db.execute(sql, (one.table, one.row, one.how, one.since))


def begin_webhooks_anew(db: Connection[TupleRow], digests: Digests, store: EventStore) -> None:
    """Drop rows of webhooks that stand, and begin anew with each webhook that has none, as its agency's stream says."""
    for one in unfit(db, digests, WEBHOOKS):
        drop(db, one)
    for (code,) in db.execute(_WITHOUT_WEBHOOK).fetchall():
        opened = list(store.read(agencies.agency_stream(code)))
        agency = agencies.fold(one.event for one in opened)
        if agency is not None and (webhook := agency.webhook) is not None:
            (at,) = (author_of(one.state)[3] for one in opened if one.version == webhook.registration)
            webhook_rows.begin_anew(db, digests.positions, code, webhook, at)


def unfit(db: Connection[TupleRow], digests: Digests, table: Table) -> Iterator[Found]:
    """The rows of a table that are not as they were written."""
    for ctid, *columns, digest in db.execute(_select(table)).fetchall():
        row = read(table, columns)
        if not digests.positions.fits(digest, table.name, *row):
            yield Found(table, ctid, row, digest)


def _is_put_right(db: Connection[TupleRow], digests: Digests, found: Found, still: Still) -> bool:
    """Whether it is certain what is right; or somebody else wrote the row anew meanwhile."""
    table, row = found.table, found.row
    still()
    right = digests.positions.right(found.digest, table.name, *found.columns)
    if right is not None and table is HEADS and db.execute(_HAS_MORE, right).rowcount:
        right = None  # somebody wrote a row at the number that would be given next
    if right is not None:
        row, how = table.row_of(right), PUT_RIGHT
        done = put(db, digests, found, right)
    elif table is REACHED:
        how = FROM_REGISTER
        done = put(db, digests, found, (_register_at(db, digests), False))
    elif table is HEADS:
        how, done = FROM_REGISTER, drop(db, found)  # it is one without a head then
    elif table in (TOPICS, ACKNOWLEDGED, SEALING_KEYS):
        how, done = DROPPED, drop(db, found)
    else:
        return False
    if done:
        note(db, table.name, row, how)
    return True


def put(db: Connection[TupleRow], digests: Digests, found: Found, columns: tuple[object, ...]) -> bool:
    """Write these columns in its place; drop it where there is another row of that name. Whether it was there still."""
    table = found.table
    sets = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in table.columns)
    change = SQL("UPDATE {} SET {}, digest = '' WHERE ctid = %s::tid AND digest = %s RETURNING ctid::text")
    set_digest = SQL("UPDATE {} SET digest = %s WHERE ctid = %s::tid").format(_name(table))
    try:
        with db.transaction():  # in two, as nobody may change a row and leave its digest
            row = db.execute(change.format(_name(table), sets), (*columns, found.ctid, found.digest)).fetchone()
            if row is None:
                return False
            db.execute(set_digest, (digests.positions.of(table.name, *columns), row[0]))
            return True
    except UniqueViolation:
        return drop(db, found)


def drop(db: Connection[TupleRow], found: Found) -> bool:
    """Take it out; whether it was there still."""
    gone = SQL("DELETE FROM {} WHERE ctid = %s::tid AND digest = %s").format(_name(found.table))
    return bool(db.execute(gone, (found.ctid, found.digest)).rowcount)


def _put_marks_right(db: Connection[TupleRow], digests: Digests) -> None:
    """What stands for the keys in the database."""
    marks: tuple[tuple[LiteralString, bytes], ...] = (
        ("digests_under", digests.under),
        ("positions_under", digests.positions.under),
        ("facts_under", digests.positions.under),
    )
    for column, right in marks:
        row = db.execute(SQL("SELECT {} FROM delivery.reached").format(Identifier(column))).fetchone()
        if row is not None and row[0] is not None and differ_in_one(bytes(row[0]), right):
            db.execute(SQL("UPDATE delivery.reached SET {} = %s").format(Identifier(column)), (right,))
            note(db, REACHED.name, column, PUT_RIGHT)


def _register_at(db: Connection[TupleRow], digests: Digests) -> int:
    """The position of the last event by which something was told, of the rows that are as they were written."""
    rows = (Row(*columns) for columns in db.execute(f"SELECT {COLUMNS} FROM delivery.told ORDER BY at_position DESC"))
    return next((row.at_position for row in rows if digests.fits(row)), 0)


def _without_head(db: Connection[TupleRow], digests: Digests) -> list[str]:
    """The agencies of which rows are in the register, and no newest number. A row that nobody wrote makes none."""
    return [
        agency
        for (agency,) in db.execute(_HEADLESS).fetchall()
        if any(digests.fits(Row(*columns)) for columns in db.execute(_NEWEST_OF, (agency,)))
    ]


def _head_of(db: Connection[TupleRow], digests: Digests, agency: str, still: Still) -> int:
    """A number that is not below the newest that the agency was given."""
    newest, unfit, after = 0, 0, -1
    while rows := [Row(*columns) for columns in db.execute(_BEHIND, (after, PAGE))]:
        still()
        for row in rows:
            if not digests.fits(row):
                unfit += 1
            elif row.agency == agency:
                newest = max(newest, row.sequence)
        after = rows[-1].n
    return newest + unfit


def note(db: Connection[TupleRow], table: str, row: str, how: str) -> None:
    """Keep in mind that a row was not as it was written, and what was done about it."""
    if db.execute(_NOTE, (table, row, how)).rowcount:
        log.error("a row is not as it was written: %s, %s: %s", table, row, how)


def _name(table: Table) -> Identifier:
    return Identifier(*table.name.split("."))


def _select(table: Table) -> Composed:
    return SQL("SELECT ctid::text, {}, digest FROM {} WHERE {}").format(selected(table), _name(table), SQL(table.only))


_STAND_NO_MORE = (
    "DELETE FROM follow.unfit WHERE how = %s AND of_table = ANY(%s) AND of_table || ' ' || of_row <> ALL(%s)"
)
_NEWEST_OF = f"SELECT {COLUMNS} FROM delivery.told WHERE agency = %s ORDER BY sequence DESC LIMIT 100"
_HAS_MORE = "SELECT FROM delivery.told WHERE agency = %s AND sequence > %s LIMIT 1"
_NOTE = """
    INSERT INTO follow.unfit AS u (of_table, of_row, how) VALUES (%s, %s, %s)
    ON CONFLICT (of_table, of_row) DO UPDATE SET how = excluded.how, since = clock_timestamp()
    WHERE u.how <> excluded.how
"""
_WITHOUT_WEBHOOK = (
    "SELECT agency FROM delivery.heads h WHERE NOT EXISTS (SELECT FROM delivery.webhooks w WHERE w.agency = h.agency)"
)
_BEHIND = f"SELECT {COLUMNS} FROM delivery.told WHERE n > %s ORDER BY n LIMIT %s"
_HEADLESS = """
    WITH RECURSIVE named AS (
      (SELECT agency FROM delivery.told ORDER BY agency LIMIT 1)
      UNION ALL SELECT (SELECT t.agency FROM delivery.told t WHERE t.agency > n.agency ORDER BY t.agency LIMIT 1)
        FROM named n WHERE n.agency IS NOT NULL
    )
    SELECT agency FROM named n WHERE agency IS NOT NULL
       AND NOT EXISTS (SELECT FROM delivery.heads h WHERE h.agency = n.agency)
"""
"""Agencies that rows name, and that have no newest number."""
