"""Connections to PostgreSQL: the one home of pools.

No wait for an answer is without end. A server that hangs (a frozen machine, a stuck disk, a standby that no commit
reaches) keeps its connections open, and its kernel acknowledges what is sent: neither TCP nor a timeout of the
server's own ends that wait, so it is ended here, and the connection given up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from eventsourcing.persistence import PersistenceError
from psycopg import Connection, InterfaceError, OperationalError
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import IdleInTransactionSessionTimeout, TransactionTimeout
from psycopg.pq import TransactionStatus
from psycopg.rows import Row, TupleRow, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout
from psycopg_pool.pool import AddConnection, MaintenanceTask

from .patience import left

RV = TypeVar("RV")
CT = TypeVar("CT", bound=Connection[Any])

HAS_ENDED = (IdleInTransactionSessionTimeout, TransactionTimeout)
"""What a process is told that was halted within a transaction, when it wakes: the connection is gone with it."""
AWAY = (OperationalError, InterfaceError, PersistenceError, PoolTimeout, *HAS_ENDED)
"""What it looks like when the database is away."""

SERVICE = "rujukan_service"
"""The API's role: it appends through `log.append_events`, and reads under row-level security."""
FOLLOWER = "rujukan_follower"
"""The followers' role: it reads the log, and owns the read models."""

CONNECT_SECONDS = 5
"""How long each host of a conninfo is tried, unless it says so itself."""
SERVICE_SECONDS = 15.0
"""How long who answers people waits for one statement."""
FOLLOWER_SECONDS = 60.0
"""The same for who follows the log, which nobody waits for: some of its statements take long."""
HALTED = "SET idle_in_transaction_session_timeout = '60s'"
"""The server ends the transaction of a command that is halted in the middle. A key service may be asked in one."""
BRIEF = "SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL transaction_timeout = '60s'"
"""The same for what a process writes that another goes on with at once, should it be halted in the middle: the other
waits for its rows. Where half of a pipeline was sent, the server does not call it idle: its whole length ends it."""
POOL_SECONDS = 20.0
"""How long a free connection is waited for."""
AGAIN_SECONDS = 1.0
"""How often a pool tries to connect while the database is away."""


class NoAnswer(OperationalError):
    """The server did not answer in time. Whether it did what it was asked to is not known."""


class Answering(Connection[Row]):
    """A connection that is closed where the server does not answer a statement in time."""

    seconds: ClassVar[float] = FOLLOWER_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As psycopg's; what has no timeout of its own gets one. Raises NoAnswer."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, left(self.seconds))
        except OperationalError:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise  # the server did answer
            self.close()
            raise NoAnswer("the database does not answer") from None


class AnsweringPeople(Answering[Row]):
    """The same, for who has somebody waiting."""

    seconds = SERVICE_SECONDS


class Maintaining(Answering[Row]):
    """The same, for commands of which a statement may rightly take an hour: an index that is built, a table that is
    counted. Where it is not answered in time, the server is asked, on another connection, whether it works on it still.
    One that hangs says nothing, and who waits for a standby that is gone does not work: then it is waited for once
    more, and given up."""

    backend: int
    """The server's process."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """As Answering's. Raises NoAnswer."""
        while timeout is None:
            try:
                return super().wait(gen, interval, self.seconds)
            except OperationalError:
                if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                    raise
            if not self._is_at_work():
                break
        return super().wait(gen, interval, timeout)

    def _is_at_work(self) -> bool:
        there = make_conninfo(self.info.dsn, password=self.info.password or None)
        try:
            with Answering.connect(patient(there)) as db:
                found = db.execute(_AT_WORK, (self.backend,)).fetchone()
        except OperationalError:
            return False
        return bool(found and found[0])


_AT_WORK = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    " AND wait_event IS DISTINCT FROM 'SyncRep')"
)


class Healing(ConnectionPool[CT]):
    """A pool that is there a second after the database is. The library's pauses double: behind an outage of half a
    minute it would be half a minute late."""

    def schedule_task(self, task: MaintenanceTask, delay: float) -> None:
        """As the library's, but for a new try to connect, which is soon."""
        super().schedule_task(task, min(delay, AGAIN_SECONDS) if isinstance(task, AddConnection) else delay)


class Pool(Healing[Connection[TupleRow]]):
    """A pool in which nobody waits longer for a connection than for the answer to their request."""

    def getconn(self, timeout: float | None = None) -> Connection[TupleRow]:
        """A connection. Raises PoolTimeout."""
        return super().getconn(left(self.timeout if timeout is None else timeout))


SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
"""Parameters of a conninfo that nobody else is to see."""


def as_role(conninfo: str, role: str) -> str:
    """The same database, under another role, without the owner's password: peer or trust authentication, or
    libpq's passfile (PGPASSFILE), lets it in."""
    about = {name: value for name, value in conninfo_to_dict(conninfo).items() if name != "password"}
    return make_conninfo("", **{**about, "user": role})


def without_password(conninfo: str) -> str:
    """The same database, to be shown or kept: without what is secret."""
    return make_conninfo("", **{k: v for k, v in conninfo_to_dict(conninfo).items() if k not in SECRETS})


def patient(conninfo: str) -> str:
    """The same conninfo, with a bound on how long each of its hosts is tried."""
    about = conninfo_to_dict(conninfo)
    return make_conninfo("", **{"connect_timeout": CONNECT_SECONDS, **about})


def connect(conninfo: str) -> Connection[TupleRow]:
    """A connection in autocommit mode, for who follows the log. Raises OperationalError."""
    return Answering.connect(patient(conninfo), autocommit=True, row_factory=tuple_row)


def maintain(conninfo: str) -> Connection[TupleRow]:
    """The same, for commands whose statements may take long. Raises OperationalError."""
    db = Maintaining.connect(patient(conninfo), autocommit=True, row_factory=tuple_row)
    db.execute(HALTED)
    (db.backend,) = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    return db


def pool(conninfo: str, size: int, name: str) -> Pool:
    """A pool of up to `size` connections in autocommit mode, opened as needed, that heals when the server returns."""
    return Pool(name=name, open=True, **options(conninfo, 1, size, prepare_threshold=2))


def options(conninfo: str, least: int, most: int, **of_connections: Any) -> dict[str, Any]:
    """What every pool is made with."""
    people = conninfo_to_dict(conninfo).get("user") == SERVICE
    return {
        "conninfo": patient(conninfo),
        "connection_class": AnsweringPeople if people else Answering,
        "min_size": least,
        "max_size": most,
        "kwargs": {"autocommit": True, **of_connections},
        "timeout": POOL_SECONDS,
        "reconnect_timeout": 60,
        "max_idle": 300,
    }


@contextmanager
def brief(pool: ConnectionPool[Connection[TupleRow]]) -> Iterator[Connection[TupleRow]]:
    """A transaction on a connection of the pool, for a process that changes rows which another changes as well where
    this one is halted (SIGSTOP, a machine that froze): the server ends it then, and all of it is undone."""
    with pool.connection() as db, db.transaction():
        db.execute(BRIEF)
        yield db


@contextmanager
def acting_for(pool: Pool, agency: str, person: UUID | None = None, only: str = "") -> Iterator[Connection[TupleRow]]:
    """A connection that sees that agency's rows only, in a transaction; of read models, none of cases that the person
    is excluded from, and of those alone that `only` says (`0029_staff.sql`)."""
    with pool.connection() as db, db.transaction():
        db.execute(
            "SELECT set_config('rujukan.agency', %s, true), set_config('rujukan.person', %s, true),"
            " set_config('rujukan.only', %s, true)",
            (agency, "" if person is None else str(person), only),
        )
        yield db
