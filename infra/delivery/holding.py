"""What holds of tellings at one moment. Whatever is told again obeys it, by whatever way it goes out.

A case is held while nobody knows what of it may be told: it is set aside as damaged, or one of its consents ended and
the register has not followed that. What had to be deleted since is shown no more. And a row that does not say what it
said when it was written shows nothing.
"""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple
from uuid import UUID

from ...domain.disclosure import delivery_id
from ..database import Pool, acting_for
from ..store.sealed_record import Record
from . import kept
from .digests import Digests
from .told import Telling

ASIDE, ENDING, LATER = "aside", "ending", "late"
"""Why a case is held (`delivery.held`): it is set aside; a consent of it has just ended; or has ended for so long that
nobody waits any more for that to be on record."""


class Now(NamedTuple):
    """What holds at one moment: case → why it is held; number of a telling → what of it had to be deleted."""

    held: Mapping[UUID, Set[str]]
    recalled: Mapping[int, int]
    digests_known: bool = True
    """Whether rows can be told from damaged ones, and how far the register is: else nothing is shown yet."""

    def why(self, telling: Telling) -> str | None:
        """Why it is not shown; None where it is. The request to delete is always told."""
        held = self.held.get(telling.case, frozenset()) if telling.stream == telling.case else frozenset()
        return next((why for why in (ASIDE, LATER, ENDING) if why in held), None)


def now(pool: Pool, tellings: Sequence[Telling], digests: Digests) -> Now:
    """What holds of these tellings at one moment. The API asks of one agency at a time. Raises UnwrapFailed where the
    keyring is not the register's."""
    if not tellings:
        return Now({}, {})
    with pool.connection() as db, db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        db.execute("SELECT set_config('rujukan.agency', %s, true)", (tellings[0].agency,))
        known = digests.known(db) and digests.positions.register_is_at(db) is not None
        held: dict[UUID, set[str]] = {}
        for case, why in db.execute("SELECT * FROM delivery.held(%s)", (list({t.case for t in tellings}),)):
            held.setdefault(case, set()).add(why)
        recalls = kept.recalls(db, digests.positions, {kept.Scope(t.agency, t.case) for t in tellings})
        runs_out = kept.expiries(db, digests.positions, list({t.case for t in tellings}))
        unfit = {scope.case for scope in (*recalls.unfit, *runs_out.unfit)}
        unfit -= {case for (case,) in db.execute(_ERASED, (list(unfit),))} if unfit else set()
    if unfit:  # nobody knows what of it had to be deleted, or ran out: it waits a moment for who puts that right
        with pool.connection() as db:
            kept.meet(db, unfit)
        for case in unfit:
            held.setdefault(case, set()).add(ENDING)
    gone = kept.gone(recalls)
    recalled = {t.n: compartments for t in tellings if (compartments := gone(t.agency, t.position, t.n))}
    return Now(held, recalled, known)


def is_so(pool: Pool, telling: Telling, record: Record | None) -> bool:
    """Whether the row is as it was written, and of that record: its id is made of what it tells, and of the record.
    Else it is damaged, and what it names now may be for nobody to see."""
    if not telling.is_whole:
        return False
    about = telling.agency, telling.position, telling.told_compartments()
    digests = (b"",) if record is None else (record.of_whole, b"")  # ids had none before
    if any(telling.id == delivery_id(*about, often, digest=of) for of in digests for often in (0, 1)):
        return True
    with acting_for(pool, telling.agency) as db:
        row = db.execute(_HOW_OFTEN, (telling.agency, telling.case)).fetchone()
        again = db.execute(_AGAIN, (telling.agency, telling.position)).fetchall()
    recalls = range(2, (int(row[0]) if row else 0) + 1)
    ids = {delivery_id(*about, often, digest=of) for of in digests for often in recalls}
    return telling.id in ids | {delivery_id(*about, again=sequence) for (sequence,) in again}


_ERASED = "SELECT stream FROM log.erased_keys WHERE compartment = 0 AND stream = ANY(%s)"
_HOW_OFTEN = "SELECT count(DISTINCT at_position) FROM delivery.recalled WHERE agency = %s AND case_id = %s"
_AGAIN = "SELECT sequence FROM delivery.gaps WHERE agency = %s AND position = %s"
