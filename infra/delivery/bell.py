"""Wakes what waits for tellings."""

from collections.abc import Callable, Iterable
from threading import Event

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ..database import connect

CHANNEL = "told"
NOTIFICATION_BYTES = 7000
"""The server takes no more than 8000 in one notification."""


def ring(db: Connection[TupleRow], agencies: Iterable[str]) -> None:
    """These agencies were told something: for the register, within its transaction. Where a notification has no room
    for their names it names none, and wakes all."""
    names = " ".join(agencies)
    db.execute("SELECT pg_notify(%s, %s)", (CHANNEL, names if len(names) <= NOTIFICATION_BYTES else ""))


class Bell:
    """Rings whenever something was told: `NOTIFY told`, which may be lost, so who waits looks for itself at times."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._told: list[Callable[[frozenset[str] | None], object]] = []

    def when_rung(self, call: Callable[[frozenset[str] | None], object]) -> Callable[[], None]:
        """Have this called with the agencies that were told something; with None where that is not known. It is called
        on the thread that listens, and must not wait; until the answer is called."""
        self._told.append(call)
        return lambda: self._told.remove(call)

    def listen(self, stop: Event) -> None:
        """Ring until told to stop; a connection that breaks is made again."""
        while not stop.is_set():
            try:
                with connect(self._conninfo) as db:
                    db.execute(f"LISTEN {CHANNEL}")
                    self._ring(None)
                    while not stop.is_set():
                        notes = list(db.notifies(timeout=1.0, stop_after=1))
                        for note in notes:
                            self._ring(frozenset(note.payload.split()) or None)
                        if not notes:
                            db.execute("SELECT")  # a server that hangs tells nobody anything
            except psycopg.OperationalError:
                stop.wait(0.5)

    def _ring(self, agencies: frozenset[str] | None) -> None:
        for call in tuple(self._told):
            call(agencies)
