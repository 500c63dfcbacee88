"""Tells agencies what of their deliveries is lost, where `rujukan recover` left that to be said.

What is to be said was written down with the recovery, in one commit. It is said as an event of the agency's own stream,
which the register then tells like any other. Killed at any moment, whoever comes next says what is left: the agency's
stream knows of which recovery it was told, so it is told once.
"""

import logging
from collections.abc import Mapping
from threading import Event
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import TupleRow

from ...api.application.casework import Casework
from ...api.application.kinds import AGENCY
from ...api.application.ports import Moved, Unavailable
from ...domain.fact import AgencyCode
from ...domain.recovery import TellOfRecovery
from ...domain.refusal import AlreadyExists, Unknown
from ..database import AWAY, Pool, brief
from ..positions import NOTICES, Positions
from ..system_act import system_act
from ..unforeseen import where
from . import kept

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


def note(
    db: Connection[TupleRow], positions: Positions, said: Mapping[AgencyCode, TellOfRecovery], recovery: UUID
) -> None:
    """Write down what each agency is to be told of a recovery. For inside of a transaction of the database's owner."""
    for agency, notice in said.items():
        text = msgspec.json.encode(notice).decode()
        (as_kept,) = db.execute("SELECT %s::jsonb::text", (text,)).fetchone() or (text,)
        kept.add(db, positions, NOTICES, [(recovery, agency, as_kept, len(said), None)])


class Notices:
    """Belongs to one thread."""

    def __init__(self, casework: Casework, pool: Pool, positions: Positions) -> None:
        """`pool` has the rights of who follows."""
        self._casework = casework
        self._positions = positions
        self._pool = pool
        self._unknown: set[AgencyCode] = set()
        """Those that are not registered, as was said in the log."""

    def run(self, stop: Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.wait(LOOK_SECONDS):
            self.once()

    def once(self) -> list[AgencyCode]:
        """Say what is left to be said. Returns to whom. Raises what it looks like when the store is away."""
        with self._pool.connection() as db:
            left = kept.whole_rows(db, self._positions, NOTICES, "done_at IS NULL", ())
        return [agency for recovery, agency, said, *_ in sorted(left) if self._say(recovery, agency, said)]

    def _say(self, recovery: UUID, agency: AgencyCode, said: str) -> bool:
        act = system_act()
        try:
            notice = replace(msgspec.json.decode(said, type=TellOfRecovery), occurred_at=act.at)
            self._casework.handle(AGENCY, agency, notice, act, correlation=uuid4())
        except AlreadyExists:
            pass  # it was said, and whoever said it came no further
        except Unknown:
            if agency not in self._unknown:
                log.error("%s is to be told what is lost, and is not registered: it is told once it is", agency)
                self._unknown.add(agency)
            return False
        except Moved:
            return False
        except (*AWAY, Unavailable):
            raise
        except Exception as problem:  # its stream does not open: the others are told all the same
            log.error("%s is not told what is lost yet: %s", agency, where(problem))
            return False
        with brief(self._pool) as db:
            about = recovery, agency
            kept.change(db, self._positions, NOTICES, "recovery = %s AND agency = %s", about, done_at=act.at)
        return True
