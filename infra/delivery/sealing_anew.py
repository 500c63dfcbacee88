"""Histories that are to be sealed anew to another key, as two people approved: which is sent now."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import TupleRow

from ..clock import now
from ..positions import RESEALINGS, Positions
from . import kept


class Resealing(NamedTuple):
    """A row of `delivery.resealings`: what was told under these keys, up to number `upto`; how far it was sent."""

    position: int
    agency: str
    keys: list[str]
    upto: int
    sent: int
    done_at: datetime | None


def due(db: Connection[TupleRow], positions: Positions, agencies: Iterable[str]) -> list[Resealing]:
    """One of each of these agencies, where there is one: the oldest that is not done. Where a later one sends all that
    it still has to (its key was lost, too, before it was done), that takes its place, and it is done: otherwise the end
    of the history would come before its beginning."""
    rows = kept.whole_rows(db, positions, RESEALINGS, _OPEN, (list(agencies),))
    every = sorted((Resealing(*row) for row in rows), key=attrgetter("position"))
    first: dict[str, Resealing] = {}
    replaced: list[int] = []
    for one in every:
        before = first.setdefault(one.agency, one)
        if before is not one and _sends_all_of(one, before):
            replaced.append(before.position)
            first[one.agency] = one
    if replaced:
        with db.transaction():
            kept.change(db, positions, RESEALINGS, "position = ANY(%s)", (replaced,), done_at=now())
    return list(first.values())


def remember(db: Connection[Any], positions: Positions, position: int, to: int) -> None:
    """It was sent up to that number."""
    with db.transaction():
        for row in kept.whole_rows(db, positions, RESEALINGS, "position = %s", (position,)):
            was = Resealing(*row)
            done = was.done_at or (now() if to >= was.upto else None)
            about = {"sent": max(was.sent, to), "done_at": done}
            kept.change(db, positions, RESEALINGS, "position = %s", (position,), **about)


def _sends_all_of(later: Resealing, one: Resealing) -> bool:
    return set(one.keys) <= set(later.keys) and one.upto <= later.upto and later.sent <= one.sent


_OPEN = "done_at IS NULL AND agency = ANY(%s)"
