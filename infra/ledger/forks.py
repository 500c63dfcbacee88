"""Whether the history in the database goes on from what was signed, where a process can read the guard's file.

Each process looks whenever it connects anew, as nobody restores a database under a connection that stands; and before
anything is told. What it finds is known to all from then on (store/forked.py).
"""

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.evidence.checkpoints import parse_checkpoint
from ...consumers.evidence.notes import parse_note
from ..store.forked import Forked, check_marks, mark
from .guard import Guard, NotExtended

BY_GUARD = "what was signed"
"""Who found it, where the guard did."""


class Forks:
    """Compares the database with what the guard's file says. Safe to share between threads."""

    def __init__(self, guard: Guard, origin: str) -> None:
        """`origin` is the log's: what was signed of another log says nothing of this one."""
        self._guard = guard
        self._origin = origin

    def check(self, db: Connection[TupleRow]) -> None:
        """Raises Forked, and has it known to all. A file that cannot be read says nothing; the sealer says that."""
        try:
            signed = self._guard.of_log(self._origin)
        except NotExtended:
            signed = None
        if signed is None:
            check_marks(db)
            return
        head = parse_checkpoint(signed.text)
        row = db.execute(_KNOWN, (head.size,), binary=True).fetchone()
        why, same = row if row is not None else (None, None)
        if why is not None:
            raise Forked(why)
        if same is None:
            why = f"a tree of {head.size} leaves was signed before, and the database has no such tree"
        elif parse_note(same).text != signed.text:
            why = f"the first {head.size} leaves in the database are not those that were signed before"
        if why is not None:
            mark(db, BY_GUARD, why)
            raise Forked(why)


_KNOWN = (
    "SELECT (SELECT why FROM ledger.forks ORDER BY since LIMIT 1),"
    " (SELECT note FROM ledger.checkpoints WHERE size = %s)"
)
