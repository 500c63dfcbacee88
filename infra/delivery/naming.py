"""Each thing that is damaged, by its name: for the operator's `rujukan health`. What is asked without a token counts
them only."""

from typing import NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from . import damaged, damaged_rows, putting_right


class Trouble(NamedTuple):
    """One thing that is the matter."""

    part: str
    """The part of health that says so in a word."""
    what: str


def named(db: Connection[TupleRow]) -> list[Trouble]:
    """What is damaged, with what to do about it. For who follows."""
    forks = db.execute("SELECT found_by, why FROM ledger.forks ORDER BY since").fetchall()
    troubles = [Trouble("history", f"{why} (found by {by}): `rujukan forks`") for by, why in forks]
    for entry in damaged.entries(db):
        if not entry.is_repaired:
            about = f"stream {entry.stream}, event {entry.version}, position {entry.position}: {entry.why}"
            troubles.append(Trouble("records", f"{about}: `rujukan damaged`"))
    rows = [f"row {row.n} of the register" for row in damaged_rows.listed(db)]
    places = [f"{place.table}, {place.row}: {place.how}" for place in putting_right.listed(db)]
    return troubles + [Trouble("records", f"{about}: `rujukan damaged`") for about in (*rows, *places)]
