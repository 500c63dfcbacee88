"""The parts of one process that its consumers share: each is built when it is first asked for, once, and closed with
the process. What one consumer alone needs is built beside it (`composition.py`), and again when it starts again.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Generic, TypeVar, overload

from ..api.application.arriving import Arrivals
from ..api.application.casework import Casework
from .bundle.deliveries import Knowing
from .database import FOLLOWER, SERVICE, Pool, as_role, connect, pool
from .delivery.bell import Bell
from .delivery.digests import Digests
from .delivery.facts import OnRecord
from .delivery.met import Met
from .delivery.receipts import Receipts
from .delivery.sealing import Sealing
from .delivery.sent import Sendings
from .delivery.telling import Tellings
from .delivery.vouching import SentOnRecord, Vouched
from .keys.handles import Keys
from .keys.home import Home
from .keys.local import LocalKeyring
from .keys.names import DELIVERY_RECEIPT, IDEMPOTENCY, REGISTER, Allowed
from .ledger.forks import Forks
from .ledger.guard import Guard
from .serving.log import ApiLog
from .serving.views import ApiViews, reach
from .serving.waiting import WaitingRoom
from .settings import Settings
from .store.data_keys import DataKeys
from .store.event_store import EventStore
from .store.group_commit import GroupCommit
from .store.recorder import LogRecorder, datastore

T = TypeVar("T")


class KeyringMissing(Exception):
    """There is no keyring where the settings say, and what is stored was written with one."""


def home(settings: Settings) -> Home:
    """Where the keys are at home. A keyring is made where nothing was ever stored, and that is said. Raises
    KeyringMissing where something was."""
    file = settings.keyring_file
    if not file.exists():
        if _is_written(settings):
            raise KeyringMissing(
                f"there is no keyring at {file}, and the database was written with one: say where that is in"
                " RUJUKAN_KEYRING, or put it back from its backup. None is made: with another nothing opens"
            )
        print(f"a new keyring is made: {file}. Keep a copy of it apart from the database", file=sys.stderr)
    return LocalKeyring(file)


def _is_written(settings: Settings) -> bool:
    """Whether something was stored with a keyring, as far as can be known: by the database where it is named, else by
    what lies in the directory of the embedded system."""
    if not settings.database:
        return (settings.data / "postgres").exists()
    with connect(settings.database) as db:
        (there,) = db.execute("SELECT to_regclass('log.data_keys') IS NOT NULL").fetchone() or (False,)
        return bool(there and db.execute("SELECT FROM log.data_keys LIMIT 1").fetchone() is not None)


def keys(settings: Settings, allowed: Allowed) -> Keys:
    """The keys of a process that needs no more than these."""
    return Keys(home(settings), allowed)


class Part(Generic[T]):
    """A part of a node: built by the first that asks for it, while others wait, and kept."""

    def __init__(self, build: "Callable[[Node], T]") -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def __set_name__(self, node: "type[Node]", name: str) -> None:
        self._name = name

    @overload
    def __get__(self, node: None, of: object = None) -> "Part[T]": ...
    @overload
    def __get__(self, node: "Node", of: object = None) -> T: ...
    def __get__(self, node: "Node | None", of: object = None) -> "Part[T] | T":
        if node is None:
            return self
        built = node.__dict__
        with node.building:
            if self._name not in built:
                built[self._name] = self._build(node)
        made: T = built[self._name]
        return made


class Node:
    """One process: its settings, the keys that it was handed, its connections, one cache of data keys, and what stands
    on them. Threads may ask at once."""

    def __init__(self, settings: Settings, allowed: Allowed, connections: int = 16, role: str = FOLLOWER) -> None:
        """`connections` bounds each pool. `role` is whose rights the data keys are read with: SERVICE where anything
        here writes events, as what is sealed first in a compartment needs a key made."""
        self.settings = settings
        self._allowed = allowed
        self._connections = connections
        self._role = role
        self._closing = ExitStack()
        self.building = RLock()
        self.stop = Event()
        """Set once the process ends."""

    def __enter__(self) -> "Node":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self._closing.close()

    @Part
    def keys(self) -> Keys:
        """The keys that this process was handed."""
        return keys(self.settings, self._allowed)

    @Part
    def service_pool(self) -> Pool:
        """Connections with the rights of who writes events, under row-level security."""
        return self.pool(SERVICE, self._connections, "service")

    @Part
    def follower_pool(self) -> Pool:
        """Connections with the rights of who follows the log, and keeps the read models and the register."""
        return self.pool(FOLLOWER, self._connections, "follower")

    @Part
    def data_keys(self) -> DataKeys:
        """The one cache of data keys; what was erased leaves it, also where nobody asks for anything."""
        connected = self.service_pool if self._role == SERVICE else self.follower_pool
        data_keys = DataKeys(connected, self.keys.wrapping())
        Thread(target=data_keys.watch, args=(self.stop,), name="key-lease", daemon=True).start()
        return data_keys

    @Part
    def followed(self) -> EventStore:
        """The event store, for who follows the log: it appends nothing."""
        library = self._closing.enter_context(datastore(self.conninfo(FOLLOWER)))
        return EventStore(LogRecorder(library), self.data_keys, self.follower_pool)

    @Part
    def written(self) -> EventStore:
        """The event store, for who writes events."""
        if self._role != SERVICE:
            raise PermissionError("this process follows the log and does not write it")
        library = self._closing.enter_context(datastore(self.conninfo(SERVICE)))
        return EventStore(LogRecorder(library, self.writer), self.data_keys, self.service_pool)

    @Part
    def writer(self) -> GroupCommit:
        """The one writer of this process."""
        writer = GroupCommit(self.conninfo(SERVICE), self.forks.check)
        self._closing.callback(writer.close)
        return writer

    @Part
    def met(self) -> Met:
        """Who is told of records that do not open."""
        return Met(self.service_pool)

    @Part
    def log(self) -> ApiLog:
        """The event store as the application asks for it."""
        return ApiLog(self.written, self.met)

    @Part
    def views(self) -> ApiViews:
        """The read models as the application asks for them."""
        return ApiViews(self.service_pool, WaitingRoom(self.conninfo(SERVICE), reach, self.stop))

    @Part
    def casework(self) -> Casework:
        """What decides and stores."""
        return Casework(self.log, self.keys.macs(IDEMPOTENCY), self.on_record, self.settings.case_bytes)

    @Part
    def digests(self) -> Digests:
        """What tells a damaged row of the register."""
        return Digests(self.keys.macs(REGISTER))

    @Part
    def on_record(self) -> OnRecord:
        """What the register has on record of cases."""
        return OnRecord(self.service_pool, self.digests)

    @Part
    def sendings(self) -> Sendings:
        """What writes the register of what was sent, and tells a damaged row of it."""
        return Sendings(self.keys.macs(REGISTER))

    @Part
    def vouched(self) -> Vouched:
        """What the log says of the register of what was sent, for who writes events."""
        return Vouched(self.written)

    @Part
    def sent_on_record(self) -> SentOnRecord:
        """What was sent to agencies."""
        return SentOnRecord(self.service_pool, self.sendings, self.vouched)

    @Part
    def receipts(self) -> Receipts:
        """The registers as the application asks for them."""
        return Receipts(self.service_pool, self.keys.macs(DELIVERY_RECEIPT), self.on_record, self.sent_on_record)

    @Part
    def knowing(self) -> Knowing:
        """Who knew what when, for bundles."""
        arrivals = Arrivals(self.casework, self.log)
        return Knowing(self.written, self.on_record, self.receipts, self.sent_on_record, arrivals)

    @Part
    def sealing(self) -> Sealing:
        """What tellings are sealed and signed with."""
        return Sealing.of(self.keys, self.settings.network_name)

    @Part
    def forks(self) -> Forks:
        """Whether the history in the database goes on from what was signed."""
        return Forks(Guard(self.settings.ledger_guard), self.settings.ledger_origin)

    @Part
    def tellings(self) -> Tellings:
        """The register, read and sealed, for followers."""
        return Tellings(self.followed, self.follower_pool, self.sealing, self.forks.check)

    @Part
    def bell(self) -> Bell:
        """What rings when something was told; it listens from now on."""
        bell = Bell(self.conninfo(FOLLOWER))
        Thread(target=bell.listen, args=(self.stop,), name="bell", daemon=True).start()
        return bell

    def conninfo(self, role: str) -> str:
        """The database, under that role."""
        return as_role(self.settings.database, role)

    def pool(self, role: str, size: int, name: str) -> Pool:
        """A pool of its own for one consumer, closed with the node."""
        connected = pool(self.conninfo(role), size, name)
        self._closing.callback(connected.close)
        return connected
