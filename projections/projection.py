"""What a read model must be."""

from collections.abc import Sequence
from typing import LiteralString, Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from ..domain.disclosure import Followed

Tables = Cursor[TupleRow]
"""A cursor whose search path begins with the schema in which the read model's tables live."""


class Projection(Protocol):
    """A read model. Its tables are named without a schema: a rebuild folds them in a schema of their own."""

    name: str
    """Also the name under which its position is kept."""
    tables: Sequence[LiteralString]
    """Their names, in the order in which they can be dropped."""
    ddl: LiteralString
    """Makes the tables, their policies and grants."""

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        """Take in these events, in order. Called in a transaction that also moves the position."""
        ...


OWN_AGENCY: LiteralString = "agency = current_setting('rujukan.agency', true)"
"""The row-level rule: a connection says which agency it acts for, and sees that agency's rows."""
