"""Tells agencies what of their deliveries is lost, where `rujukan recover` left that to be said.

What is to be said was written down with the recovery, in one commit. It is said as an event of the agency's own stream,
which the register then tells like any other. Killed at any moment, whoever comes next says what is left: the agency's
stream knows of which recovery it was told, so it is told once.
"""

import logging
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
from ..database import AWAY, Pool
from ..system_act import system_act
from ..unforeseen import where

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


def note(db: Connection[TupleRow], agency: AgencyCode, notice: TellOfRecovery) -> None:
    """Write down that the agency is to be told this. For inside of a transaction of the database's owner."""
    said = msgspec.json.encode(notice).decode()
    db.execute(
        "INSERT INTO delivery.notices (recovery, agency, said) VALUES (%s, %s, %s)", (notice.recovery, agency, said)
    )


class Notices:
    """Belongs to one thread."""

    def __init__(self, casework: Casework, pool: Pool) -> None:
        """`pool` has the rights of who follows."""
        self._casework = casework
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
            left = db.execute(_LEFT).fetchall()
        return [agency for recovery, agency, said in left if self._say(recovery, agency, said)]

    def _say(self, recovery: UUID, agency: AgencyCode, said: object) -> bool:
        act = system_act()
        try:
            notice = replace(msgspec.convert(said, TellOfRecovery), occurred_at=act.at)
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
        with self._pool.connection() as db:
            db.execute(_DONE, (recovery, agency))
        return True


_LEFT = "SELECT recovery, agency, said FROM delivery.notices WHERE done_at IS NULL ORDER BY recovery, agency"
_DONE = "UPDATE delivery.notices SET done_at = clock_timestamp() WHERE recovery = %s AND agency = %s"
