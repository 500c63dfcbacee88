"""Faults of a database whose commits wait for a synchronous standby: the standby dies; the primary is gone for good,
and the standby is promoted in its place. That it hangs: `Hung` in followers.py."""

import psycopg

from .catalogue import Fault
from .followers import eventually
from .going_on import EVERYTHING
from .parts import Database
from .world import World, copied_from


class LostStandby(Fault):
    """Every commit waits for a standby that is gone: whoever writes is told in time, and nothing of it is lost."""

    kind = "lost standby"
    hits = EVERYTHING

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds, seconds

    def inject(self, world: World) -> None:
        world.parts["standby"].kill(down=True)

    def heal(self, world: World) -> None:
        world.parts["standby"].release()

    @property
    def about(self) -> str:
        return f"the standby is gone for {self.seconds[0]:.0f} s"


class FailedOver(Fault):
    """The primary is ended for good, as who fences it does, and the standby is promoted. Commits wait until it has a
    standby of its own, which is made where the old primary was."""

    kind = "failover"
    hits = EVERYTHING
    seconds = (1.0, 3.0)

    def inject(self, world: World) -> None:
        primary, standby = world.parts["database"], world.parts["standby"]
        assert isinstance(primary, Database)
        assert isinstance(standby, Database)
        upto = eventually(world, lambda db: db.execute("SELECT pg_current_wal_flush_lsn()").fetchone(), "it writes")
        eventually(world, lambda db: db.execute(_HAS, upto).fetchone(), "the standby has all that was committed")
        primary.kill(down=True)
        with psycopg.connect(standby.server.conninfo, autocommit=True) as db:
            db.execute("SELECT pg_promote(true, 60)")
        primary.rest()
        standby.server, primary.server = primary.server, standby.server
        primary.release()

    def heal(self, world: World) -> None:
        primary, standby = world.parts["database"], world.parts["standby"]
        assert isinstance(primary, Database)
        assert isinstance(standby, Database)
        standby.rest()
        copied_from(primary.server, standby.server)
        standby.release()


_HAS = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming' AND flush_lsn >= %s::pg_lsn"
"""Whatever is acknowledged from then on waits for it."""
