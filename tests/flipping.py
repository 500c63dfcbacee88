"""One bit of a stored value that is another: of any column, of whatever type, past all triggers, as a disk does it."""

import psycopg
from psycopg.sql import SQL, Composable, Identifier

_AS_BYTES = {
    "bigint": "int8send({})",
    "integer": "int4send({})",
    "uuid": "uuid_send({})",
    "timestamp with time zone": "timestamptz_send({})",
    "boolean": "boolsend({})",
    "bytea": "{}",
    "text": "convert_to({}, 'UTF8')",
    "text[]": "convert_to({}[1], 'UTF8')",
    "jsonb": "convert_to({}::text, 'UTF8')",
}
"""Type → SQL for a value's bytes; of a list the first."""
_BACK = {
    "bigint": "('x' || encode({}, 'hex'))::bit(64)::int8",
    "integer": "('x' || encode({}, 'hex'))::bit(32)::int4",
    "uuid": "encode({}, 'hex')::uuid",
    "timestamp with time zone": "(SELECT '2000-01-01+00'::timestamptz + n / 86400000000 * interval '1 day'"
    " + n %% 86400000000 * interval '1 microsecond' FROM (SELECT ('x' || encode({}, 'hex'))::bit(64)::int8 AS n) n)",
    "boolean": "get_byte({}, 0) <> 0",
    "bytea": "{}",
    "text": "convert_from({}, 'UTF8')",
    "text[]": "array[convert_from({}, 'UTF8')] || {column}[2:]",
    "jsonb": "convert_from({}, 'UTF8')::jsonb",
}
Row = str
"""Its ctid."""


def columns_of(db: psycopg.Connection, table: str) -> dict[str, str]:
    """Column → type."""
    rows = db.execute(
        "SELECT attname::text, atttypid::regtype::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped",
        (table,),
    )
    return dict(tuple(row) for row in rows.fetchall())


def size(db: psycopg.Connection, table: str, column: str, row: Row) -> int:
    """How many bits a value has; 0 for none."""
    kind = columns_of(db, table)[column]
    sql = SQL("SELECT coalesce(8 * length({}), 0) FROM {} WHERE ctid = %s::tid").format(
        SQL(_AS_BYTES[kind]).format(Identifier(column)),  # type: ignore[arg-type]
        _name(table),
    )
    found = db.execute(sql, (row,)).fetchone()
    return int(found[0]) if found is not None else 0


def flip(db: psycopg.Connection, table: str, column: str, row: Row, bit: int) -> Row | None:
    """The row's new place; None where that could not be: no database has a text, or a time, that is none, or two rows
    of one name, or the row was written anew in the same moment."""
    kind = columns_of(db, table)[column]
    data = SQL(_AS_BYTES[kind]).format(Identifier(column))  # type: ignore[arg-type]
    flipped = SQL("set_bit({data}, {bit}, 1 - get_bit({data}, {bit}))").format(data=data, bit=SQL(str(bit)))  # type: ignore[arg-type]
    value = SQL(_BACK[kind]).format(flipped, column=Identifier(column))  # type: ignore[arg-type]
    sql = SQL("UPDATE {table} SET {column} = {value} WHERE ctid = %s::tid AND {value} IS DISTINCT FROM {column}"
              " RETURNING ctid::text")  # fmt: skip
    try:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            db.execute("SET LOCAL TimeZone = 'UTC'")
            about = {"table": _name(table), "column": Identifier(column), "value": value}
            found = db.execute(sql.format(**about), (row,)).fetchone()
    except (psycopg.DataError, psycopg.IntegrityError):
        return None
    return str(found[0]) if found is not None else None


def _name(table: str) -> Composable:
    return Identifier(*table.split("."))
