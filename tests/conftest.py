"""Real components for the tests: PostgreSQL from the wheel, started once, a fresh database for each module,
and a whole running system for those that need one."""

import atexit
import functools
import gc
import logging
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import as_found
import bytecode  # noqa: F401  # first: what is imported below is kept, too
import httpx
import hypothesis
import psycopg
import pytest
import well_put
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo
from some import QUICK_EXAMPLES, THOROUGH_EXAMPLES
from xdist.scheduler import LoadScopeScheduling

from rujukan.api.application.casework import Casework
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.disclosure import Followed
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER
from rujukan.infra.demo import network
from rujukan.infra.demo.story import Desk
from rujukan.infra.issuer import usual_actor
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.system import System

logging.getLogger("kafka").setLevel(logging.CRITICAL)

# The same examples each time, so that a run tells of the code and not of luck. Who looks for new ones says
# `--hypothesis-profile search`, and what is found becomes an `@example`.
# How long an example takes to be drawn says how busy the machine is: the first text of all reads a table of Unicode.
hypothesis.settings.register_profile(
    "search",
    deadline=None,
    max_examples=THOROUGH_EXAMPLES,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("thorough", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("thorough"), max_examples=QUICK_EXAMPLES)


# A client of httpx reads the authorities that the world trusts, which takes it fifty milliseconds, also where it calls
# without TLS; tests make thousands. They share what was read.
httpx._transports.default.create_ssl_context = functools.cache(httpx.create_ssl_context)  # type: ignore[attr-defined]

THOROUGH = "PYTEST_THOROUGH"
RARE = "parts killed, halted and cut off, bits flipped, rubbish for every action, Apache Kafka, veraPDF, Go, Node"
FIRST = ("faults", "e2e", "integration")
"""Folders whose files take long: begun first, so that no worker is left with one of them at the end."""
MEMORY, ROOM = Path("/dev/shm"), 6 * 2**30
LEFT_OUT = pytest.StashKey[int]()
ASKS = re.compile(r"def \w+\([^)]*\brunning\b[,:)]")
SHARED = sorted(file for file in Path(__file__).parent.rglob("test_*.py") if ASKS.search(file.read_text("utf-8")))
"""Files with tests on the one running system. They are told by their text: who hands out files to workers collects no
tests itself, and the ids that pytest 9 sends have not the groups that xdist's marker would write into them."""
SYSTEMS = 2
"""So many workers start one, and do all of those files: one takes a tenth of a core also while nobody asks."""
TOGETHER = {file.relative_to(Path(__file__).parents[1]).as_posix(): n % SYSTEMS for n, file in enumerate(SHARED)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        default=bool(os.environ.get(THOROUGH)),
        help=f"also run what is slow and rare, and more examples: {RARE} (or set {THOROUGH}=1, as CI does)",
    )
    parser.addoption("--backwards", action="store_true", help="the last test of the usual order first")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = 0
    if not config.getoption("hypothesis_profile", None):
        hypothesis.settings.load_profile("thorough" if config.getoption("thorough") else "quick")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Twice as many as there are cores, as much of the time tests wait; one more where clusters are started, too."""
    cores = os.cpu_count() or 1
    return cores + 1 if config.getoption("thorough") else 2 * cores


class Together(LoadScopeScheduling):
    """A file's tests are one worker's, and so are those of files that share a system."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return f"system {TOGETHER[file]}" if file in TOGETHER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is thorough, unless that is asked for. Unless order is random, begin with files that use the
    running system, so that it can be stopped, and then with what takes long."""
    if not config.getoption("thorough"):
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        config.stash[LEFT_OUT] = len(left_out)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
    if not is_random(config):
        folders = (*FIRST, "stories", "unit")
        items.sort(key=lambda item: -1 if item.path in SHARED else folders.index(item.path.parent.name))
    if config.getoption("backwards"):
        items.reverse()


def pytest_collection_finish() -> None:
    """What was collected stays to the end: the collector of garbage need not go through it again and again."""
    random.seed()  # each process draws what no other does: where order is random, all began with one seed
    gc.collect()
    gc.freeze()


def is_random(config: pytest.Config) -> bool:
    """Whether files come in random order."""
    return config.pluginmanager.hasplugin("pytest_randomly")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Stop the running system behind its last file: what it does while nobody asks would slow down all others."""
    result = yield
    if item.path in SHARED and nextitem is not None and nextitem.path not in SHARED and Running.shared is not None:
        Running.shared.stop()
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells who started it how many it left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if (left_out := getattr(node, "workeroutput", {}).get("left_out")) is not None:
        node.config.stash[LEFT_OUT] = left_out


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left_out := config.stash[LEFT_OUT]:
        terminalreporter.write_line(
            f"Left out: {left_out} tests that are slow and rare ({RARE}). `pytest --thorough`, or {THOROUGH}=1 in the"
            " environment, runs them too; CI does."
        )


def in_memory() -> Path | None:
    """Where files are in memory, if there is such a place with room: a fresh database is hundreds of small files, which
    take a disk ten times as long. None for where temporary files are otherwise."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        return None
    for left in MEMORY.glob("rujukan-*-*-*"):  # by a run that was killed: nobody else would give the memory back
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY


def prefix(what: str) -> str:
    """How a directory's name begins: whose it is stands in it."""
    return f"rujukan-{what}-{os.getpid()}-"


@pytest.fixture(scope="session")
def places() -> Iterator[Callable[[], Path]]:
    """Makes directories for servers: not in pytest's own, which it closes to other users, as the embedded
    PostgreSQL is when root starts it."""
    with tempfile.TemporaryDirectory(prefix=prefix("test"), dir=in_memory(), ignore_cleanup_errors=True) as top:
        Path(top).chmod(0o755)
        yield lambda: Path(tempfile.mkdtemp(dir=top))


@functools.cache
def seed() -> Path:
    """A data directory of a system that was set up and stopped: a cluster whose database is migrated and knows the
    agencies, a copy of that database of before they came, and the keys. It is made once; who needs a system or a server
    begins with a copy."""
    directory = Path(tempfile.mkdtemp(prefix=prefix("seed"), dir=in_memory()))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    server = EmbeddedPostgres(directory / "postgres")
    made = Settings(data=directory, database=server.start(), kafka="", network="tests")
    with psycopg.connect(made.database, autocommit=True) as db:
        # It waits for no disk: what is written outlives every process that is killed, and nobody takes the machine's
        # power away.
        db.execute("ALTER SYSTEM SET fsync = off")
        db.execute("SELECT pg_reload_conf()")
    composition.prepare(made)
    with psycopg.connect(make_conninfo(made.database, dbname="template1"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {PREPARED} TEMPLATE postgres")
    with composition.service(made, connections=2) as ports:
        network.set_up(Casework(ports.log, ports.macs), directory / "agencies")
    server.stop()
    return directory


PREPARED = "prepared"
"""A database that is migrated and has its read models; a fresh one is a copy of it."""


def copy(source: Path, to: Path) -> None:
    """Copy a directory, each file with its owner, as a server's data is another user's where root runs the tests."""
    subprocess.run(["cp", "-a", str(source), str(to)], check=True)


WATCHED: dict[str, tuple[Callable[[], as_found.Shape], as_found.Shape]] = {}
"""What the files of this process share, how one looks at it, and as it was found."""


def watch(what: str, look: Callable[[], as_found.Shape]) -> None:
    """From now on each file has to leave it as it is."""
    WATCHED[what] = look, look()


@pytest.fixture(scope="module", autouse=True)
def left_as_it_was_found() -> Iterator[None]:
    """What a file changes in what others share, in any order of files, it puts back itself."""
    watch("the process", as_found.process)
    yield
    otherwise: list[str] = []
    for what, (look, found) in WATCHED.items():
        WATCHED[what] = look, look()  # the next file is not blamed for it
        otherwise += as_found.changed(found, WATCHED[what][1])
    if otherwise:
        pytest.fail("this file left otherwise what others share:\n" + "\n".join(otherwise))


@pytest.fixture(scope="session")
def postgres(places: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server of this test run."""
    place = places() / "postgres"
    copy(seed() / "postgres", place)
    server = EmbeddedPostgres(place)
    server.start()
    watch("the server", lambda: as_found.server(server.conninfo))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def settings(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a fresh, migrated database with its own keyring; no broker. The tests of a file share it, come in any
    order, and leave what is declared in it as it was."""
    with fresh_settings(postgres, tmp_path_factory.mktemp("data")) as fresh:
        found = as_found.database(fresh.database)
        yield fresh
        if otherwise := as_found.changed(found, as_found.database(fresh.database)):
            pytest.fail("this file left its database otherwise than it was:\n" + "\n".join(otherwise))


@contextmanager
def fresh_settings(postgres: EmbeddedPostgres, data: Path) -> Iterator[Settings]:
    """The same, for who needs a further one."""
    name = f"t{uuid4().hex[:12]}"
    database = make_conninfo(postgres.conninfo, dbname=name)
    fresh = Settings(data=data, database=database, kafka="", network="tests")
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {PREPARED}")
        db.execute(f"GRANT CREATE ON DATABASE {name} TO {FOLLOWER}")  # 0001_log.sql does; a template hands on no rights
    composition.home(fresh)
    yield fresh
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Running:
    """A running system with the eight agencies of Bontang, and desks in them."""

    shared: "ClassVar[Running | None]" = None
    """The one of this process that tests share."""

    def __init__(self, system: System, keys: dict[str, Any]) -> None:
        self.system = system
        self.settings = system.settings
        self.keys = keys
        self.issuer = composition.issuer(self.settings)
        self.service_key = composition.service_key(self.settings)
        self.http = httpx.Client(base_url=system.url, timeout=PATIENCE_SECONDS, event_hooks=well_put.HOOKS)
        self._clients: dict[tuple[str, Role, Purpose], httpx.Client] = {}

    def client(
        self, agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.COORDINATION
    ) -> httpx.Client:
        """A client that calls as a person of an agency; the same one each time."""
        who = agency, role, purpose
        if who not in self._clients:
            token = self.issuer.token(usual_actor(agency, role), agency, [role])
            headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose.value}
            self._clients[who] = self.calling(headers)
        return self._clients[who]

    def calling(self, headers: Mapping[str, str]) -> httpx.Client:
        """A client with these headers; who asked for it closes it."""
        return httpx.Client(
            base_url=self.system.url, headers=headers, timeout=PATIENCE_SECONDS, event_hooks=well_put.HOOKS
        )

    def desk(self, agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.COORDINATION) -> Desk:
        """A person of an agency, with a token."""
        return Desk(self.http, self.issuer, agency, role, purpose)

    @contextmanager
    def witnessed_under(self, policy: str) -> Iterator[None]:
        """The log goes by a witness policy inside the block, and by none after it, whatever happens there: other
        tests' bundles would lack the quorum it asks for."""
        file = self.settings.witness_policy
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(policy)
        try:
            yield
        finally:
            file.unlink()

    def log(self, after: int = 0) -> list[Followed]:
        """All that is in the log now, behind a position. Who follows the log goes as far as the register is, which
        another process keeps: so this waits for it first."""
        with composition.follower(self.settings) as source:
            head = source.store.head()
            give_up = time.monotonic() + PATIENCE_SECONDS
            while source.head() < head:
                assert time.monotonic() < give_up, "the register did not come so far"
            return [followed for page in source.pages(after) for followed in page]

    def stop(self) -> None:
        """Hang up, and stop the system."""
        if Running.shared is self:
            Running.shared = None
            WATCHED.pop(SYSTEM, None)
        for client in (self.http, *self._clients.values()):
            client.close()
        self.system.stop()


SYSTEM = "the running system"

UNLIMITED: dict[str, Any] = {f"limit_{what}": 0 for what in ("reads", "commands", "emergencies", "pages", "uploads")}
"""Tests ask for as much in seconds, as the same few people, as an agency does in a day. Limits are tried where they are
the subject."""


def start_system(directory: Path, **more: Any) -> Running:
    """Start a whole system on a directory, with one publisher unless more are asked for: what several do together is
    tried in test_publisher and tests/faults. Who starts it stops it: `running.stop()`."""
    if not any(directory.iterdir()):
        for part in seed().iterdir():
            copy(part, directory / part.name)
    system = System(replace(Settings(data=directory, port=0, publishers=1, **UNLIMITED), **more))
    system.start()
    with composition.service(system.settings, connections=2) as ports:
        keys = network.set_up(Casework(ports.log, ports.macs), system.settings.data / "agencies")
    return Running(system, keys)


@pytest.fixture(scope="session")
def places_of_systems(places: Callable[[], Path]) -> Iterator[Callable[[], Path]]:
    """The same; what runs in one at the end is stopped."""
    yield places
    if Running.shared is not None:
        Running.shared.stop()


@pytest.fixture(scope="module")
def running(places_of_systems: Callable[[], Path]) -> Running:
    """One whole system for all tests that do not break it. The first file that asks starts it; behind the last of some
    it is stopped (`pytest_runtest_protocol`); who asks later has another."""
    if Running.shared is None:
        Running.shared = started = start_system(places_of_systems())
        watch(SYSTEM, lambda: as_found.system(started))
    return Running.shared


@pytest.fixture
def asked_well() -> Iterator[None]:
    """What the test has refused is refused for what it is, and not for its form."""
    with well_put.refused_for_what_it_is():
        yield


@pytest.fixture
def desk(running: Running) -> Callable[..., Desk]:
    """`desk("rsud", Role.SUPERVISOR)`."""
    return running.desk
