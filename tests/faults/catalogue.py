"""The catalogue of faults. Each is put in, held for a while, and taken away; those that end by themselves have nothing
to take away."""

import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import psycopg
from kafka import KafkaAdminClient, TopicPartition

from rujukan.consumers.publishing.tails import tails
from rujukan.consumers.wire.kafka import topics

from .going_on import EVERYTHING, HTTP, KAFKA, LEDGER, MODEL, REGISTER, WRITES, agencies
from .parts import Broker, Program
from .poison import pour
from .wires import Line
from .world import SERVICE, TRANSPORTS, World, subscriber

HALT_SECONDS = 5.0
"""Longer than every lease."""
NOTED_SECONDS = 10.0
FULL = "filled"
PUBLISHERS = {name for name in SERVICE if name.startswith("publisher")}


class Fault(ABC):
    """Something that goes wrong. `kind` names what figures are taken of together."""

    kind: str
    seconds: tuple[float, float] = (0.0, 0.0)
    """So long, at random between these, it is held."""
    endured = False
    """Whether everything has to go on while it lasts: then it is held until something arrived everywhere."""

    untold: AbstractSet[str] = frozenset()
    """Agencies that are told nothing while it lasts."""

    hits: AbstractSet[str] = frozenset()
    """What may stand still until it is right again: work that begins so, as going_on.py names it. All else goes on."""

    @abstractmethod
    def inject(self, world: World) -> None:
        """Let it go wrong."""

    def heal(self, world: World) -> None:  # noqa: B027
        """Let it be right again."""

    def goes_on(self, world: World, position: int) -> None:  # noqa: B027
        """While it is endured, and all agencies handled that position: what else goes on, and what is named. Raises
        AssertionError."""

    def check(self, world: World) -> None:  # noqa: B027
        """At the end: that it showed where it was to show. Raises AssertionError."""

    @property
    def about(self) -> str:
        """What a log of the run says."""
        return self.kind


class Kill(Fault):
    """kill -9."""

    def __init__(self, part: str) -> None:
        self._part = part
        self.kind = f"kill {kind_of(part)}"
        self.hits = hit_with(part)

    def inject(self, world: World) -> None:
        world.parts[self._part].kill()

    @property
    def about(self) -> str:
        return f"kill -9 {self._part}"


class Halt(Fault):
    """A process gets no time for longer than its leases run, and then goes on as if nothing had been."""

    seconds = (HALT_SECONDS, HALT_SECONDS)

    def __init__(self, part: str) -> None:
        self._part = part
        self.kind = f"halt {kind_of(part)}"
        self.hits = hit_with(part)

    def inject(self, world: World) -> None:
        world.parts[self._part].halt()

    def heal(self, world: World) -> None:
        world.parts[self._part].wake()

    @property
    def about(self) -> str:
        return f"halt {self._part}"


class Wire(Fault):
    """Some pairs of parts are connected badly."""

    seconds = (1.0, 6.0)

    def __init__(self, kind: str, pairs: Sequence[tuple[str, str]], line: Line, endured: bool = False) -> None:
        self.kind = kind
        # On a line too narrow for what is written nobody catches up while it is that narrow.
        self.endured = endured or not (line.refused or line.silent or line.bytes_per_second)
        self._pairs, self._line = pairs, line
        self.hits = frozenset().union(*(_hit_between(*pair, line) for pair in pairs))
        if not endured and {client for client, _ in pairs} >= PUBLISHERS:
            self.hits |= KAFKA

    def inject(self, world: World) -> None:
        for client, server in self._pairs:
            for relay in world.servers(server):
                world.wires.connect(client, relay, self._line)

    def heal(self, world: World) -> None:
        for client, server in self._pairs:
            for relay in world.servers(server):
                world.wires.connect(client, relay)

    @property
    def about(self) -> str:
        return f"{self.kind}: {self._line}, {', '.join(' – '.join(pair) for pair in self._pairs)}"


class Retention(Fault):
    """A subscriber is off, and meanwhile the broker deletes everything that its topic holds."""

    kind = "off longer than retention"
    seconds = (1.5, 3.0)

    def __init__(self, agency: str) -> None:
        self._agency = agency
        self.hits = agencies(agency)
        self._deleted = False
        self._said = 0

    def inject(self, world: World) -> None:
        world.parts[subscriber(self._agency)].kill(down=True)
        self._said = len(world.log_of(subscriber(self._agency)))

    def heal(self, world: World) -> None:
        with suppress_outage(), closing(world.admin()) as admin:
            at = TopicPartition(topics.topic_of(self._agency), 0)
            last = self._last(world, admin)
            noted = self._noted(world, last)
            admin.delete_records({at: -1})
            if noted and not self._last(world, admin):  # or a publisher sent it again meanwhile
                handled = world.rows(self._agency, "SELECT handled FROM rujukan_cursor WHERE place IS NOT NULL")
                self._deleted = bool(handled) and last > handled[0][0]
        world.parts[subscriber(self._agency)].release()

    def _noted(self, world: World, last: int) -> bool:
        """Whether the database knows that the topic was written so far, or does in a while, as it does when retention
        comes in life: who takes over from a publisher that died a second ago sends again what that had not noted."""
        give_up = time.monotonic() + NOTED_SECONDS
        while time.monotonic() < give_up:
            with suppress(psycopg.OperationalError), psycopg.connect(world.settings.database) as db:
                sql = "SELECT 1 FROM delivery.topics WHERE agency = %s AND sequence >= %s"
                if db.execute(sql, (self._agency, last)).fetchone():
                    return True
            time.sleep(0.1)
        return False

    def _last(self, world: World, admin: KafkaAdminClient) -> int:
        """The highest sequence that the topic holds."""
        return tails(world.access(), admin, [self._agency], world.service_key)[self._agency].sequence

    def check(self, world: World) -> None:
        said = world.log_of(subscriber(self._agency))[self._said :]
        assert not self._deleted or "are missing" in said, f"{self._agency} did not notice that something is missing"

    @property
    def about(self) -> str:
        return f"{self._agency} is off for longer than retention"


class Wiped(Fault):
    """A broker's disk is replaced by an empty one."""

    kind = "wiped broker"
    seconds = (0.5, 1.0)
    hits = KAFKA

    def __init__(self, broker: str) -> None:
        self._broker = broker

    def inject(self, world: World) -> None:
        world.parts[self._broker].kill(down=True)

    def heal(self, world: World) -> None:
        part = world.parts[self._broker]
        assert isinstance(part, Broker)
        assert world.cluster is not None
        folder = world.cluster.directory / f"node-{self._broker.removeprefix('broker-')}" / "messages"
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        part.release()

    @property
    def about(self) -> str:
        return f"{self._broker} loses its data"


class Full(Fault):
    """The disk of a broker is full."""

    kind = "full disk"
    seconds = (3.0, 6.0)
    hits = KAFKA

    def __init__(self, disk: Path) -> None:
        self._file = disk / FULL

    def inject(self, world: World) -> None:
        with suppress(OSError), self._file.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(65536))

    def heal(self, world: World) -> None:
        self._file.unlink(missing_ok=True)


class Poison(Fault):
    """Somebody who may write to an agency's topic, as the operator of the broker may, writes every kind of poison."""

    kind = "poison"

    def __init__(self, agency: str, random: Random) -> None:
        self._agency, self._random = agency, random

    def inject(self, world: World) -> None:
        with suppress_outage():
            pour(world, self._agency, self._random)

    @property
    def about(self) -> str:
        return f"poison for {self._agency}"


class Skewed(Fault):
    """A part's clock is wrong: it is killed, and its successor believes another time."""

    endured = True

    def __init__(self, part: str, hours: int) -> None:
        self._part, self._hours = part, hours
        self.hits = hit_with(part)
        self.kind = f"clock of {kind_of(part)}"

    def inject(self, world: World) -> None:
        self._restart(world, {"LD_PRELOAD": str(_shim(world)), "SKEW_SECONDS": str(self._hours * 3600)})

    def heal(self, world: World) -> None:
        self._restart(world, {})

    def _restart(self, world: World, clock: Mapping[str, str]) -> None:
        part = world.parts[self._part]
        assert isinstance(part, Program)
        part.environment = {n: t for n, t in part.environment.items() if n not in ("SKEW_SECONDS", "LD_PRELOAD")}
        part.environment |= clock
        part.kill()

    @property
    def about(self) -> str:
        return f"the clock of {self._part} is {self._hours:+} h off"


def catalogue(world: World, random: Random, disk: Path | None = None) -> list[Callable[[], Fault]]:
    """Makers of faults, each kind of fault once; each call draws where it happens."""
    subscribers, brokers = world.subscribers, world.brokers
    publishers = [name for name in SERVICE if name.startswith("publisher")]
    healing = [agency for agency in world.keys if "feed" in TRANSPORTS[agency]]
    reading = [subscriber(agency) for agency in world.keys if "kafka" in TRANSPORTS[agency]]
    asking = [subscriber(agency) for agency in world.keys if TRANSPORTS[agency] in ("pages", "stream")]
    any_of = random.choice

    def wire(kind: str, pairs: Callable[[], list[tuple[str, str]]], line: Callable[[], Line]) -> Callable[[], Fault]:
        return lambda: Wire(kind, pairs(), line())

    def cut() -> Line:
        return Line(refused=True) if random.random() < 0.5 else Line(silent=True)

    def slow() -> Line:
        return Line(delay=random.uniform(0.02, 0.3), bytes_per_second=random.choice([0.0, 20_000.0, 100_000.0]))

    def to_brokers(clients: Sequence[str]) -> Callable[[], list[tuple[str, str]]]:
        return lambda: [(any_of(clients), broker) for broker in random.sample(brokers, random.randint(1, len(brokers)))]

    def all_publishers() -> list[tuple[str, str]]:
        return [(publisher, broker) for publisher in publishers for broker in brokers]

    makers: list[Callable[[], Fault]] = [
        *(lambda part=part: Kill(part) for part in ("api", "worker", "database")),
        lambda: Kill(any_of(publishers)),
        lambda: Kill(any_of(subscribers)),
        lambda: Kill(any_of(brokers)),
        lambda: Halt(any_of(publishers)),
        lambda: Halt(any_of(subscribers)),
        lambda: Halt(any_of(brokers)),
        wire("cut publisher – broker", to_brokers(publishers), cut),
        wire("cut publishers – all brokers", all_publishers, cut),
        wire("cut publisher – database", lambda: [(any_of(publishers), "database")], cut),
        wire("cut API – database", lambda: [("api", "database")], cut),
        wire("cut subscriber – broker", to_brokers(reading), cut),
        wire("cut subscriber – feed", lambda: [(any_of(asking), "api")], cut),
        wire("slow publishers – brokers", all_publishers, slow),
        wire("slow publisher – database", lambda: [(any_of(publishers), "database")], slow),
        wire("slow API – database", lambda: [("api", "database")], slow),
        wire("slow subscriber – broker", to_brokers(reading), slow),
        wire("slow subscriber – feed", lambda: [(any_of(asking), "api")], slow),
        lambda: Poison(any_of([agency for agency in world.keys if "kafka" in TRANSPORTS[agency]]), random),
    ]

    def one_cut_off() -> Fault:
        one = any_of(publishers)
        return Wire("one of two publishers cut off", [(one, broker) for broker in brokers], cut(), endured=True)

    makers.append(one_cut_off)
    if can_skew():
        hours = [-6, 6] if world.cluster is None else [6]  # certificates are not valid before they were made
        makers.append(lambda: Skewed(any_of(publishers), any_of(hours)))
        makers.append(lambda: Skewed(any_of(subscribers), any_of(hours)))
    if world.cluster is not None:
        makers.append(lambda: Retention(any_of(healing)))
    if len(brokers) > 1:
        makers.append(lambda: Wiped(any_of(brokers)))
        makers.append(lambda: _alone(any_of(brokers), world))
    if disk is not None:
        makers.append(lambda: Full(disk))
    return makers


def kind_of(part: str) -> str:
    """What a part is: one of several is not told from the others."""
    return part.split(" ")[0].split("-")[0]


def hit_with(part: str) -> AbstractSet[str]:
    """What cannot go on while a part does nothing. Of a publisher there is another."""
    if part.startswith("subscriber "):
        return agencies(part.removeprefix("subscriber "))
    if part.startswith("broker"):
        return KAFKA
    return {
        "api": frozenset({WRITES, *HTTP}),
        "worker": frozenset({MODEL}),
        "sealer": frozenset({LEDGER}),
        "database": EVERYTHING,
        "standby": EVERYTHING,
    }.get(part, frozenset())


def _hit_between(client: str, server: str, line: Line) -> AbstractSet[str]:
    """What cannot go on while two parts are badly connected. Who is slow is not replaced: what a slow publisher has to
    do is as slow as that."""
    if client in PUBLISHERS and server == "database":
        return frozenset() if line.refused or line.silent else frozenset({REGISTER, *KAFKA, *HTTP})
    if client in PUBLISHERS:
        return frozenset()
    return hit_with(client) if client.startswith("subscriber") or server == "database" else hit_with(server)


def suppress_outage() -> suppress:
    """The broker may be away just then, by an earlier fault: nothing happens."""
    from kafka.errors import KafkaError

    return suppress(KafkaError, OSError)


def _alone(broker: str, world: World) -> Fault:
    """A broker that nobody reaches, and that reaches no other."""
    pairs = [(name, broker) for name in world.parts if name != broker]
    pairs += [(broker, other) for other in world.brokers if other != broker]
    return Wire("broker by itself", pairs, Line(silent=True))


def can_skew() -> bool:
    """Whether clocks can be made wrong here: it takes a C compiler, and Linux."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def _shim(world: World) -> Path:
    """What is preloaded into a process for its clock to be wrong (skew.c)."""
    built = world.directory / "skew.so"
    if not built.exists():
        source = Path(__file__).with_name("skew.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(source), "-ldl"], check=True)
    return built


def can_mount(folder: Path) -> str:
    """Why no small file system can be mounted here; empty where it can."""
    if os.geteuid() != 0:
        return "mounting takes root"
    return "" if shutil.which("mount") else "there is no mount"
