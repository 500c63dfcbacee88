"""What a read model must be."""

import hashlib
from collections.abc import Sequence
from typing import LiteralString, Protocol

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from ..domain.disclosure import Followed
from .shards import WHOLE, Shard

SCHEMA = "views"
"""Where the tables are that are read."""


class Tables(Cursor[TupleRow]):
    """A cursor whose search path begins with the schema in which the read model's tables live."""

    shard: Shard = WHOLE
    """Whose rows are folded: those of other cases are another's, and are not to be touched."""


class Projection(Protocol):
    """A read model. Its tables are named without a schema: a rebuild folds them in a schema of their own."""

    name: str
    """Also the name under which its position is kept."""
    tables: Sequence[LiteralString]
    """Their names, in the order in which they can be dropped."""
    ddl: LiteralString
    """Makes the tables, their policies and grants."""
    by_case: bool
    """Every row belongs to one case, so that shards can be folded beside each other. Else it is folded as a whole."""

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        """Take in these events, in order. Called in a transaction that also moves the position."""
        ...


OWN_AGENCY: LiteralString = "agency = current_setting('rujukan.agency', true)"
"""The row-level rule: a connection says which agency it acts for, and sees that agency's rows."""


SHOWN: LiteralString = (
    "CREATE POLICY person ON {table} AS RESTRICTIVE FOR SELECT TO rujukan_service USING ("
    "coalesce({case} <> ALL ((SELECT views.hidden_cases())::uuid[]), true)"
    " AND coalesce({case} = ANY ((SELECT views.shown_cases())::uuid[]), true))"
)
"""The rule of who asks, for every table that says something about cases, wherever it is: what a person may not know of
is not there. Each function is asked once a query (0029_staff.sql)."""
CASE_COLUMNS = ("case_id", "subject")
"""What a table calls the case of a row; the first that it has."""


def version_of(projection: Projection) -> str:
    """Names what its tables are made from."""
    return "ddl " + hashlib.sha256((projection.ddl + SHOWN).encode()).hexdigest()


def make_tables(db: Connection[TupleRow], projection: Projection, schema: str) -> None:
    """Make its tables; the first says in its comment what they were made from."""
    search(db, schema)
    db.execute(projection.ddl)
    for table in projection.tables:
        found = db.execute(_COLUMNS, (table, list(CASE_COLUMNS))).fetchone()
        if found is not None:
            db.execute(SQL(SHOWN).format(table=Identifier(table), case=Identifier(found[0])))
    about = SQL("COMMENT ON TABLE {} IS {}")
    db.execute(about.format(Identifier(projection.tables[0]), Literal(version_of(projection))))


def search(db: Connection[TupleRow], schema: str) -> None:
    """Until the transaction ends, names without a schema are looked up in this one."""
    db.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(schema)))


_COLUMNS: LiteralString = """
    SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = ANY (%s) AND NOT attisdropped
    ORDER BY attname = 'case_id' DESC LIMIT 1
"""
