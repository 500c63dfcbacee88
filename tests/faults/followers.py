"""Faults of what follows the log: damaged rows, read models that raise, processes that are halted past their lease, a
database that hangs, another release's rule, consents that run out while messages wait, and two breaks in a row."""

import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import flipping
import psutil
import psycopg
from patience import PATIENCE_SECONDS
from psycopg.rows import namedtuple_row, tuple_row
from psycopg.sql import SQL, Identifier

from rujukan.domain.agency import agency_stream
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition, positions
from rujukan.infra.commands import damaged as taking_up
from rujukan.infra.delivery import damaged
from rujukan.infra.keys import names
from rujukan.projections import stopped, wait_for

from .catalogue import Fault, Halt, Kill, Wire, hit_with
from .going_on import MODEL, agencies
from .load import PARTNERS, Person, Unanswered, share
from .otherwise import OTHER_RULE
from .parts import Program
from .wires import Line
from .world import TRANSPORTS, World, subscriber

PUBLISHERS = ("publisher", "publisher-2")
FOLLOWING = (*PUBLISHERS, "worker")
MODELS = composition.NAMES
GOES_ON = [table for table in positions.ALL if table is not positions.SEALING_KEYS]


# What all of them ask ----------------------------------------------------------------------------------------


@contextmanager
def asking(world: World) -> Iterator[psycopg.Connection[Any]]:
    """The database, past its relay, as its owner."""
    with world.asked() as db:
        db.row_factory = namedtuple_row
        yield db


def eventually(world: World, check: Callable[[psycopg.Connection[Any]], Any], what: str) -> Any:
    """What the check says of the database, once that is true; also where the database is away for a while."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        with suppress(psycopg.OperationalError), asking(world) as db:
            while not (found := check(db)) and time.monotonic() < give_up:
                time.sleep(0.05)
            if found:
                return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


@contextmanager
def lead(world: World) -> Iterator[Person]:
    person = Person(world.api, world.token("uptd-ppa"))
    try:
        yield person
    finally:
        person.close()


def settled(world: World) -> None:
    """Nothing is set aside, no read model stands still, what ran out or is to be deleted is on record, and all read
    models are where the log is. Raises AssertionError."""
    eventually(world, lambda db: not still_damaged(db), "nothing is damaged any more")
    eventually(world, lambda db: not stopped(db), "no read model is stopped")
    eventually(world, lambda db: not db.execute(_DUE).fetchall(), "nothing ran out, or is to be deleted, unsaid")
    head = eventually(world, lambda db: db.execute("SELECT max(notification_id) FROM log.stored_events").fetchone(), "")
    eventually(world, lambda db: wait_for(db, head[0], MODELS, 1), "all read models are where the log is")


def still_damaged(db: psycopg.Connection[Any]) -> set[UUID]:
    """Streams that are set aside, or of which something is missing; not those whose read models are behind."""
    return {entry.stream for entry in damaged.entries(db) if not entry.is_repaired}


def taken_up(world: World) -> None:
    """An operator looks, and has what is whole again taken up."""
    said = Namespace(stream=[], backup=None, repair=False, again=True, yes=False)
    assert taking_up.run(world.settings, said) == 0


@contextmanager
def dead(world: World, parts: Sequence[str]) -> Iterator[None]:
    """These are killed, and started again at the end."""
    for part in parts:
        world.parts[part].kill(down=True)
    try:
        yield
    finally:
        for part in parts:
            world.parts[part].release()


_DUE = """
    SELECT at_position FROM delivery.deletions WHERE done_at IS NULL
    UNION ALL SELECT 1 FROM delivery.expiries WHERE expires_at <= now()
"""


# Damage ------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A stored value, and where it is."""

    column: str
    table: str
    where: str
    of: tuple[object, ...]

    def put(self, db: psycopg.Connection[Any], value: bytes) -> None:
        """Past the triggers, as a disk or a superuser does."""
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            db.execute(f"UPDATE {self.table} SET {self.column} = %s WHERE {self.where}", (value, *self.of))

    def value(self, db: psycopg.Connection[Any]) -> bytes:
        row = db.execute(f"SELECT {self.column} FROM {self.table} WHERE {self.where}", self.of).fetchone()
        assert row is not None
        return bytes(row[0])


def rows_of(db: psycopg.Connection[Any], stream: UUID) -> list[Row]:
    """Every record and every key of a stream."""
    records = db.execute("SELECT notification_id FROM log.stored_events WHERE originator_id = %s", (stream,)).fetchall()
    keys = db.execute("SELECT compartment FROM log.data_keys WHERE stream = %s", (stream,)).fetchall()
    found = [Row("state", "log.stored_events", "notification_id = %s", (n,)) for (n,) in records]
    return found + [Row("wrapped", "log.data_keys", "stream = %s AND compartment = %s", (stream, c)) for (c,) in keys]


class Flipped(Fault):
    """One bit of one row of a case is another. Who follows the log meets it: the case is written while they are halted.
    `expiring`: its consent runs out meanwhile."""

    endured = True

    def __init__(self, agency: str, random: Random, expiring: bool) -> None:
        self.kind = "bit flips, and a consent runs out" if expiring else "bit flips"
        self._agency, self._random, self._expiring = agency, random, expiring

    def inject(self, world: World) -> None:
        for part in FOLLOWING:
            world.parts[part].halt()
        try:
            with lead(world) as person:
                self._stream = case_shared(person, self._agency, 3.0 if self._expiring else None).case
            with asking(world) as db:
                self._flip(db)
        finally:
            for part in FOLLOWING:
                world.parts[part].wake()

    def goes_on(self, world: World, position: int) -> None:
        eventually(world, self._is_named, "what is damaged is named")

    def _flip(self, db: psycopg.Connection[Any]) -> None:
        self._row = self._random.choice(rows_of(db, self._stream))
        self._whole = self._row.value(db)
        at, bit = self._random.randrange(len(self._whole)), 1 << self._random.randrange(8)
        self._row.put(db, self._whole[:at] + bytes((self._whole[at] ^ bit,)) + self._whole[at + 1 :])

    def _is_named(self, db: psycopg.Connection[Any]) -> bool:
        named = still_damaged(db)
        assert named <= {self._stream}, "another stream than the damaged one is named"
        return self._stream in named

    def heal(self, world: World) -> None:
        eventually(world, self._put_right, "the row is put right")
        eventually(world, lambda db: not still_damaged(db), "what was put right is taken up again")

    def _put_right(self, db: psycopg.Connection[Any]) -> bool:
        self._row.put(db, self._whole)
        damaged.take_up(db, [self._stream])
        return True

    def check(self, world: World) -> None:
        """The command that operators are told of builds the read models with what they passed by."""
        taken_up(world)
        with asking(world) as db:
            assert not damaged.entries(db)

    @property
    def about(self) -> str:
        return f"{self.kind}: a case of {self._agency}"


class FlippedAgency(Flipped):
    """The same in what is stored of an agency: it alone is told nothing. Who follows begins anew, and remembers
    nothing."""

    def __init__(self, agency: str, random: Random) -> None:
        super().__init__(agency, random, False)
        self.kind = "bit flips, of an agency"
        self.untold = {agency}
        self.hits = agencies(agency)
        self._stream = agency_stream(agency)

    def inject(self, world: World) -> None:
        with dead(world, FOLLOWING):
            eventually(world, lambda db: self._flip(db) is None, "a bit is flipped")


class FlippedPlace(Fault):
    """One bit, of any column, of a row from which somebody goes on, or of what is on record of cases and is to be done,
    is another, while all go on, or begin anew."""

    endured = True

    def __init__(self, random: Random, begun: bool, tables: Sequence[positions.Table]) -> None:
        what = "on record" if tables[0] in positions.FACTS else "where somebody goes on"
        self.kind = f"bit flips, {what}, before who follows begins" if begun else f"bit flips, {what}"
        self._random, self._begun = random, begun
        self._table = random.choice(tables)
        self._column, self._flipped = "", False

    def inject(self, world: World) -> None:
        with dead(world, FOLLOWING if self._begun else ()):
            eventually(world, self._flip, "a bit is flipped")

    def _flip(self, db: psycopg.Connection[Any]) -> bool:
        """Not where the table has no row."""
        rows = db.execute(f"SELECT ctid::text FROM {self._table.name}").fetchall()
        if not rows:
            return True
        row, columns = self._random.choice(rows)[0], [*self._table.columns, "digest"]
        self._column = self._random.choice(columns)
        bits = flipping.size(db, self._table.name, self._column, row)
        if not bits:
            return False
        bit = self._random.randrange(bits)
        self._flipped = flipping.flip(db, self._table.name, self._column, row, bit) is not None
        return self._flipped

    def goes_on(self, world: World, position: int) -> None:
        """It is put right, or was written anew meanwhile."""
        eventually(
            world, lambda db: not self._unfit(world, db), f"every row of {self._table.name} is as it was written"
        )
        if self._flipped and self._table in positions.FACTS and self._table is not positions.TALLIES:
            with asking(world) as db:
                of = {of_table for (of_table,) in db.execute("SELECT of_table FROM follow.unfit").fetchall()}
            assert self._table.name in of, f"a bit of {self._column} flipped and nobody named it"

    def _unfit(self, world: World, db: psycopg.Connection[Any]) -> bool:
        digests = composition.keys(world.settings, names.FOLLOWING).macs(names.REGISTER)
        whole = positions.Positions(digests)
        sql = SQL("SELECT {}, digest FROM {}").format(
            positions.selected(self._table), Identifier(*self._table.name.split("."))
        )
        rows = psycopg.Cursor(db, row_factory=tuple_row).execute(sql).fetchall()
        return not all(
            whole.fits(digest, self._table.name, *positions.read(self._table, columns)) for *columns, digest in rows
        )

    def check(self, world: World) -> None:
        """An operator looks, and nothing is left to be named."""
        taken_up(world)
        with asking(world) as db:
            assert not db.execute("SELECT * FROM follow.unfit").fetchall()

    @property
    def about(self) -> str:
        return f"{self.kind}: {self._table.name}"


class FlippedTold(Fault):
    """One bit, of any column, of a row of the register is another. Its case waits, all else goes on; it is put back."""

    kind = "bit flips, in the register"
    endured = True

    def __init__(self, agency: str, random: Random) -> None:
        self._agency, self._random = agency, random

    def inject(self, world: World) -> None:
        with lead(world) as person:
            self._stream = case_shared(person, self._agency).case
        told = "SELECT n FROM delivery.told WHERE agency = %s AND case_id = %s"
        about = self._agency, self._stream
        has_all = "SELECT position >= (SELECT max(notification_id) FROM log.stored_events) FROM delivery.reached"
        eventually(world, lambda db: db.execute(has_all).fetchone()[0], "the register is where the log is")
        eventually(world, lambda db: db.execute(told, about).fetchall(), "the case is told")
        eventually(world, self._flip, "a bit is flipped")

    def _flip(self, db: psycopg.Connection[Any]) -> bool:
        rows = db.execute(
            "SELECT ctid::text, * FROM delivery.told WHERE agency = %s AND case_id = %s", (self._agency, self._stream)
        ).fetchall()
        self._ctid, *self._whole = self._random.choice(rows)
        column = self._random.choice([*flipping.columns_of(db, "delivery.told")])
        if not (bits := flipping.size(db, "delivery.told", column, self._ctid)):
            return False
        row = flipping.flip(db, "delivery.told", column, self._ctid, self._random.randrange(bits))
        self._ctid = row or self._ctid
        return row is not None

    def goes_on(self, world: World, position: int) -> None:
        eventually(world, lambda db: db.execute("SELECT 1 FROM delivery.unfit").fetchall(), "the row is named")

    def heal(self, world: World) -> None:
        eventually(world, self._put_back, "the row is put back")
        eventually(world, lambda db: not still_damaged(db), "what was put back is taken up again")

    def _put_back(self, db: psycopg.Connection[Any]) -> bool:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            db.execute("DELETE FROM delivery.told WHERE ctid = %s::tid", (self._ctid,))
            places = ", ".join(["%s"] * len(self._whole))
            db.execute(f"INSERT INTO delivery.told VALUES ({places}) ON CONFLICT DO NOTHING", self._whole)
        damaged.take_up(db)
        return True

    def check(self, world: World) -> None:
        taken_up(world)

    @property
    def about(self) -> str:
        return f"{self.kind}: a case of {self._agency}"


# Read models -------------------------------------------------------------------------------------------------


class Raises(Fault):
    """A read model raises, again and again, at an event."""

    kind = "read model raises"
    endured = True

    def __init__(self, model: str, agency: str) -> None:
        self._model, self._agency = model, agency
        self.hits = {f"{MODEL}{model}"}

    def inject(self, world: World) -> None:
        run_otherwise(world, ["worker"], f"fold:{self._model}")
        with lead(world) as person:
            case = case_shared(person, self._agency).case
            person.post(f"/cases/{case}/flags", due_on="2027-01-01")

    def goes_on(self, world: World, position: int) -> None:
        def named(db: psycopg.Connection[Any]) -> bool:
            names = {one.name for one in stopped(db)}
            assert names <= {self._model}, "another read model stands still"
            return names == {self._model}

        eventually(world, named, f"{self._model} is stopped and named")
        others = [name for name in MODELS if name != self._model]
        eventually(world, lambda db: wait_for(db, position, others, 1), "all other read models go on")

    def heal(self, world: World) -> None:
        run_as_usual(world, ["worker"])
        eventually(world, lambda db: not stopped(db), f"{self._model} goes on")

    @property
    def about(self) -> str:
        return f"{self._model} raises"


# Processes ---------------------------------------------------------------------------------------------------


class Replaced(Fault):
    """A process of which there is a second is halted for as long as it takes, past its leases; then it wakes."""

    endured = True

    def __init__(self, name: str, work: str = "") -> None:
        """`work`: of two publishers, the one that does this."""
        self.kind = f"halt {f'the keeper of {work}' if work else name}, which is replaced"
        self._name = self._halted = name
        self._work = work

    def inject(self, world: World) -> None:
        if self._work:
            self._halted = keeper_of(world, self._work)
            return
        world.second(self._name)
        world.parts[self._name].halt()

    def goes_on(self, world: World, position: int) -> None:
        if self._name == "worker":
            eventually(world, lambda db: wait_for(db, position, MODELS, 1), "read models are folded by another")
        elif self._name == "sealer":
            sealed = "SELECT 1 FROM ledger.batches WHERE last_position >= %s"
            eventually(world, lambda db: db.execute(sealed, (position,)).fetchone(), "another seals")
        elif self._work == ACKNOWLEDGEMENTS:
            about = BY_TOPIC, position
            eventually(world, lambda db: db.execute(_ACKNOWLEDGED, about).fetchone(), "another takes in what is said")

    def heal(self, world: World) -> None:
        world.parts[self._halted].wake()
        if not self._work:
            world.without_second(self._name)

    @property
    def about(self) -> str:
        return f"halt {self._halted} past its leases, which another takes"


REGISTER, ACKNOWLEDGEMENTS = "register", "acknowledgements"
BY_TOPIC = "polres"
"""Says what it handled on its topic, and nowhere else."""
_ACKNOWLEDGED = """
    SELECT 1 FROM views.delivery_mark m JOIN delivery.told t USING (agency)
     WHERE m.agency = %s AND t.position = %s AND m.handled >= t.sequence
"""


def keeper_of(world: World, work: str) -> str:
    """Halt the publisher that does this work: the process that is named on the lease, and still is once it is
    halted."""
    named = "SELECT keeper, held_by FROM follow.leases WHERE work = %s AND keeper IS NOT NULL"

    def halted(db: psycopg.Connection[Any]) -> str | None:
        keeper = db.execute(named, (work,)).fetchone()
        for name in PUBLISHERS:
            if keeper and keeper.held_by.endswith(f" {world.parts[name].pid}"):
                world.parts[name].halt()
                with suppress(psycopg.OperationalError):
                    if db.execute(named, (work,)).fetchone() == keeper:
                        return name
                world.parts[name].wake()
        return None

    return str(eventually(world, halted, f"a publisher keeps {work}"))


class Hung(Fault):
    """A server of the database does nothing, and hangs up on nobody."""

    def __init__(self, seconds: float, part: str = "database") -> None:
        self.kind = f"{part} hangs"
        self.hits = hit_with(part)
        self.seconds = seconds, seconds
        self._part = part
        self._halted: list[psutil.Process] = []

    def inject(self, world: World) -> None:
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(world.parts[self._part].pid)
            self._halted = [postmaster, *postmaster.children()]
        self._say(signal.SIGSTOP)

    def heal(self, world: World) -> None:
        self._say(signal.SIGCONT)

    def _say(self, number: int) -> None:
        for process in self._halted:
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)

    @property
    def about(self) -> str:
        return f"the {self._part} hangs for {self.seconds[0]:.0f} s"


class InARow(Fault):
    """Two breaks, the second while who met the first recovers from it."""

    def __init__(self, first: Fault, second: Fault, pause: float) -> None:
        self.kind = f"{first.kind}, {second.kind}"
        self._both, self._pause = (first, second), pause
        self.seconds = max(first.seconds, second.seconds)
        self.hits = first.hits | second.hits

    def inject(self, world: World) -> None:
        first, second = self._both
        first.inject(world)
        if first.kind == second.kind:
            time.sleep(min(1.0, first.seconds[1]))
            first.heal(world)
        time.sleep(self._pause)
        second.inject(world)

    def heal(self, world: World) -> None:
        for fault in self._both:
            fault.heal(world)

    @property
    def about(self) -> str:
        return f"{self._both[0].about}; {self._pause:.1f} s later {self._both[1].about}"


# Releases and consents ---------------------------------------------------------------------------------------


class OtherRule(Fault):
    """Another release's rule for a while: it tells less. What was told before is asked back all the same; what it did
    not tell is told by today's rule, once there is reason."""

    kind = "another rule"
    endured = True

    def __init__(self, agency: str) -> None:
        self._agency = agency

    def inject(self, world: World) -> None:
        with lead(world) as person:
            shared = case_shared(person, self._agency)
            self._case, here = shared.case, f"/cases/{shared.case}"
            world.told_otherwise.add(self._case)
            self._told = needs(person, here, self._agency)
            told = "SELECT 1 FROM delivery.told WHERE agency = %s AND position = %s"
            eventually(world, lambda db: db.execute(told, (self._agency, self._told)).fetchone(), "it is told")
            run_otherwise(world, [*FOLLOWING, "api"], "rule")
            self._hidden = needs(person, here, self._agency)
            person.post(f"{here}/consents/{shared.consent}/withdrawal")

    def heal(self, world: World) -> None:
        run_as_usual(world, [*FOLLOWING, "api"])
        with lead(world) as person:
            share(person, f"/cases/{self._case}", self._agency)

    def check(self, world: World) -> None:
        with asking(world) as db:
            rows = db.execute(
                "SELECT position, rule = %s AS other, id::text FROM delivery.told WHERE agency = %s AND case_id = %s"
                " ORDER BY n",
                (OTHER_RULE, self._agency, self._case),
            ).fetchall()
        of_told = [row for row in rows if row.position == self._told]
        assert [row.other for row in of_told] == [False, False], "what was told was not asked back, and told anew"
        assert [row.other for row in rows if row.position == self._hidden] == [False], "the other rule did not hide it"
        handled = {row.id: row for row in world.handled(self._agency)}
        last = handled[of_told[0].id].sequence, handled[of_told[1].id].sequence
        asked = [r.sequence for r in handled.values() if r.topic == DELETION and r.case == str(self._case)]
        assert any(last[0] < sequence < last[1] for sequence in asked), "a copy that lies there was not asked back"


class Expires(Fault):
    """A consent runs out while what was written on it waits: publishers and the agency are away, and who raises it is
    halted until all others are back."""

    kind = "consent runs out"
    seconds = (2.0, 4.0)

    def __init__(self, agency: str) -> None:
        self._agency = agency
        self.hits = agencies(agency, "uptd-ppa") | {MODEL}

    def inject(self, world: World) -> None:
        world.parts["worker"].halt()
        with dead(world, [*PUBLISHERS, subscriber(self._agency), subscriber("uptd-ppa")]):
            with lead(world) as person:
                shared = case_shared(person, self._agency, 4.0)
            self._case = shared.case
            assert shared.ends is not None
            eventually(world, lambda db: db.execute("SELECT now() > %s", (shared.ends,)).fetchone()[0], "it ran out")

    def heal(self, world: World) -> None:
        world.parts["worker"].wake()

    def check(self, world: World) -> None:
        content = PARTNERS[self._agency][1]
        told = 1 << Compartment.named(content)
        sql = "SELECT count(*) FROM delivery.told WHERE agency = %s AND case_id = %s AND compartments & %s <> 0"
        with asking(world) as db:
            waited = db.execute(sql, (self._agency, self._case, told)).fetchone()
        assert waited is not None
        assert waited[0], "nothing was told on that consent"
        of_case = [row for row in world.handled(self._agency) if row.case == str(self._case)]
        assert not [row for row in of_case if content in row.shown.split()], "told past its time"
        assert {"case.ConsentExpired", DELETION} <= {row.topic for row in of_case}, "not told that it ran out"


DELETION = "erasure.DeletionAsked"


class SharedCase(NamedTuple):
    """A case of which an agency may know its part, with a note in it."""

    case: UUID
    consent: str
    ends: datetime | None


def case_shared(person: Person, agency: str, seconds: float | None = None) -> SharedCase:
    """A case that an agency is told of, for so long. Where that is over before all is written, another, for longer."""
    while True:
        ends = datetime.now(UTC) + timedelta(seconds=seconds) if seconds is not None else None
        opened = person.post("/cases", channel="hotline", reporter="survivor", urgency="urgent", age_group="adult")
        here = f"/cases/{opened['id']}"
        try:
            consent = share(person, here, agency, expires_at=ends.isoformat() if ends else None)
            person.post(f"{here}/notes", **{PARTNERS[agency][1]: "x"})
            return SharedCase(UUID(opened["id"]), consent, ends)
        except Unanswered:
            if seconds is None:
                raise
            seconds *= 2


def needs(person: Person, here: str, agency: str) -> int:
    """Say what she needs; the log position."""
    said = person.post(f"{here}/needs-assessments", needs=["health"], **{PARTNERS[agency][1]: "x"})
    return int(said["position"])


def run_otherwise(world: World, parts: Sequence[str], how: str) -> None:
    """Kill these processes, and let them be of another release, or with an error, from now on (otherwise.py)."""
    program = str(Path(__file__).with_name("otherwise.py"))
    _restart(world, {part: [sys.executable, program, how, part.removesuffix("-2")] for part in parts})


def run_as_usual(world: World, parts: Sequence[str]) -> None:
    """And of this release again."""
    _restart(world, {part: world.command(part) for part in parts})


def _restart(world: World, commands: Mapping[str, list[str]]) -> None:
    for name, command in commands.items():
        part = world.parts[name]
        assert isinstance(part, Program)
        part.command = command
        part.kill()


def followers(random: Random) -> list[Callable[[], Fault]]:
    """Makers of these faults, each kind once."""
    any_of = random.choice
    partners = [agency for agency in TRANSPORTS if agency != "uptd-ppa"]
    healthy = [agency for agency in partners if PARTNERS[agency][1] in ("health", "psychosocial", "safety")]
    return [
        lambda: Flipped(any_of(partners), random, expiring=False),
        lambda: Flipped(any_of(partners), random, expiring=True),
        lambda: FlippedAgency(any_of(partners), random),
        lambda: FlippedPlace(random, begun=False, tables=GOES_ON),
        lambda: FlippedPlace(random, begun=True, tables=GOES_ON),
        *(
            lambda table=table: FlippedPlace(random, begun=random.random() < 0.3, tables=[table])
            for table in positions.FACTS
            if table is not positions.NOTICES
        ),
        lambda: FlippedTold(any_of(partners), random),
        lambda: Raises(any_of(MODELS), any_of(partners)),
        lambda: Replaced("worker"),
        lambda: Replaced("publisher", REGISTER),
        lambda: Replaced("publisher", ACKNOWLEDGEMENTS),
        lambda: Replaced("sealer"),
        lambda: Halt("api"),
        lambda: Hung(random.uniform(4, 25)),
        lambda: OtherRule(any_of(healthy)),
        lambda: Expires(any_of(partners)),
        lambda: InARow(Kill("database"), Kill("database"), random.uniform(0, 2)),
        lambda: InARow(Hung(random.uniform(4, 8)), Kill("api"), random.uniform(0, 2)),
        lambda: InARow(cut_off(), cut_off(), random.uniform(0, 2)),
    ]


def few(random: Random) -> list[Fault]:
    """Those that say most for what they take, for the short form."""
    return [
        Flipped("rsud", random, expiring=True),
        Hung(4),
        Expires("lbh"),
        FlippedPlace(random, begun=False, tables=[positions.EXPIRIES]),
    ]


def cut_off() -> Wire:
    return Wire("cut API – database", [("api", "database")], Line(refused=True))
