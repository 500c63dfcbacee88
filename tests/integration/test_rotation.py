"""The key-encryption key is replaced while the system works; whoever is killed, no key is lost; and what was erased
before an epoch is dead in copies of the database too."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg
import pytest
from damaging import main_of
from office import Office, append, erases, note, opened_office, opened_store, tell_one_case
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo

from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.keys.home import UnwrapFailed, id_of
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.keys.names import ROTATING
from rujukan.infra.locks import Lock
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store import rotation
from rujukan.infra.store.data_keys import KeyGone

C = Compartment
KILLS = int(os.environ.get("ROTATION_KILLS", "8"))


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        yield db


def wrapped_under(db: psycopg.Connection) -> set[str]:
    return {id_of(bytes(wrapped)) for (wrapped,) in db.execute("SELECT wrapped FROM log.data_keys").fetchall()}


def everything_opens(settings: Settings) -> int:
    """Every segment of every event of the log, in a process that just started; how many events."""
    with opened_store(settings) as store, psycopg.connect(settings.database) as db:
        positions = [
            p
            for (p,) in db.execute(
                "SELECT notification_id FROM log.stored_events s WHERE NOT EXISTS"
                " (SELECT FROM log.erased_keys e WHERE e.stream = s.originator_id)"
            )
        ]
        opened = store.open_at({position: frozenset(Compartment) for position in positions})
        assert len(opened) == len(positions)
        assert all(set(segments) == held for held, segments in opened.values())
        return len(positions)


PAUSE_SECONDS = 0.05
"""Between two cases of a writer, so that a rotation is done beside many and has the time to end."""


class Writers:
    """Threads, each with a store of its own as a process has, that make new cases and read old ones all the time."""

    def __init__(self, settings: Settings, count: int = 3) -> None:
        self.written: list[UUID] = []
        self.problems: list[BaseException] = []
        self._stop = Event()
        self._threads = [Thread(target=self._write, args=(settings,)) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, settings: Settings) -> None:
        try:
            with opened_store(settings) as store:
                while not self._stop.wait(PAUSE_SECONDS):
                    stream = uuid4()
                    append(store, stream, 0, note(health="of health", legal="of the law"))
                    self.written.append(stream)
                    old = random.choice(self.written)
                    store.keys.forget(old)
                    assert store.read(old)
        except BaseException as problem:
            self.problems.append(problem)

    def __enter__(self) -> "Writers":
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        if problem is None:
            assert not self.problems, self.problems
            assert self.written


def test_the_key_is_replaced_under_load_and_everything_opens(settings: Settings, superuser: psycopg.Connection) -> None:
    provider = LocalKeyring(settings.keyring_file)
    with Writers(settings) as writers:
        time.sleep(0.3)
        for _ in range(3):
            (old,) = provider.ids()
            done = rotation.rotate(settings.database, provider)
            assert done.destroyed == [old]
            assert provider.ids() == [done.active]
            assert f'"{old}"' not in settings.keyring_file.read_text()
        before = len(writers.written)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while len(writers.written) == before:
            assert time.monotonic() < give_up, "who works, works on"
            time.sleep(0.01)
    assert wrapped_under(superuser) == {done.active}
    assert everything_opens(settings) >= len(writers.written)


def test_a_straggler_wraps_nothing_under_a_retired_key(settings: Settings, superuser: psycopg.Connection) -> None:
    """A process that has not heard of the new key meets the database's refusal, reads the keyring, and goes on."""
    provider = LocalKeyring(settings.keyring_file)
    stale = provider.wrap_many([(bytes(32), b"")])[0]
    with opened_store(settings) as store:
        store.keys._wrapping.refresh = lambda: None  # type: ignore[method-assign]
        rotation.rotate(settings.database, provider)
        with pytest.raises(psycopg.Error) as refused:
            append(store, uuid4(), 0, note())
        assert refused.value.sqlstate == "RJ002"
        del store.keys._wrapping.refresh
        assert append(store, uuid4(), 0, note())
    with (
        psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db,
        pytest.raises(psycopg.Error, match="retired"),
    ):
        db.execute("INSERT INTO log.data_keys VALUES (%s, 0, %s)", (uuid4(), stale))
    assert id_of(stale) not in wrapped_under(superuser)


def test_two_rotations_at_once_are_one(settings: Settings, superuser: psycopg.Connection) -> None:
    provider = LocalKeyring(settings.keyring_file)
    superuser.execute("SELECT pg_advisory_lock(%s)", (Lock.ROTATING,))
    with pytest.raises(rotation.RotationRunning):
        rotation.rotate(settings.database, provider)


def test_a_key_is_not_destroyed_while_something_is_wrapped_under_it(
    settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = LocalKeyring(settings.keyring_file)
    with opened_store(settings) as store:
        append(store, uuid4(), 0, note())
    with monkeypatch.context() as skipped:
        skipped.setattr(rotation, "_wrap_anew", lambda db, provider, id: iter(()))
        with pytest.raises(rotation.NotFinished):
            rotation.rotate(settings.database, provider)
    assert len(provider.ids()) == 2
    rotation.rotate(settings.database, provider)
    assert len(provider.ids()) == 1
    everything_opens(settings)


@pytest.mark.thorough
@pytest.mark.parametrize("step", range(1, 8))
def test_a_rotation_that_ends_at_any_step_is_finished_by_the_next(
    settings: Settings, superuser: psycopg.Connection, step: int
) -> None:
    provider = LocalKeyring(settings.keyring_file)
    with opened_store(settings) as store:
        append(store, uuid4(), 0, note(health="x"))
    steps = 0

    class Killed(BaseException):
        pass

    def die(what: str) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise Killed

    try:
        rotation.rotate(settings.database, provider, die)
    except Killed:
        everything_opens(settings)
        rotation.rotate(settings.database, LocalKeyring(settings.keyring_file))
    assert len(LocalKeyring(settings.keyring_file).ids()) == 1
    assert wrapped_under(superuser) == set(LocalKeyring(settings.keyring_file).ids())
    everything_opens(settings)
    rotation.rotate(settings.database, LocalKeyring(settings.keyring_file))
    assert superuser.execute("SELECT count(*) FROM log.retired_keks WHERE destroyed_at IS NULL").fetchone() == (0,)


@pytest.mark.thorough
def test_cases_are_erased_while_keys_are_wrapped_anew(
    office: Office, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Both take the same locks, in one order: neither ends the other, and nothing comes back."""
    cases = [tell_one_case(office, composition.now()) for _ in range(3)]
    provider = LocalKeyring(settings.keyring_file)
    stop = Event()
    problems: list[BaseException] = []

    def rotate() -> None:
        try:
            while not stop.is_set():
                rotation.rotate(settings.database, provider)
        except BaseException as problem:
            problems.append(problem)

    rotating = Thread(target=rotate)
    rotating.start()
    try:
        for case in cases:
            erases(office, case)
    finally:
        stop.set()
        rotating.join(PATIENCE_SECONDS)
    assert not problems
    row = superuser.execute("SELECT count(*) FROM log.data_keys WHERE stream = ANY(%s)", (cases,)).fetchone()
    assert row == (0,)
    everything_opens(settings)


# Damaged data keys -------------------------------------------------------------------------------------------


def changed(db: psycopg.Connection, stream: UUID, wrapped: bytes | None) -> None:
    """Another wrapped coordination key, or none, as a disk or a superuser can make it."""
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")  # no trigger refuses
        db.execute("DELETE FROM log.data_keys WHERE stream = %s AND compartment = 0", (stream,))
        if wrapped is not None:
            db.execute("INSERT INTO log.data_keys (stream, compartment, wrapped) VALUES (%s, 0, %s)", (stream, wrapped))


def damaged_in(wrapped: bytes, what: str) -> bytes | None:
    match what:
        case "its last byte":
            return wrapped[:-1] + bytes((wrapped[-1] ^ 1,))
        case "the name of its key-encryption key":
            return wrapped[:2] + bytes((wrapped[2] ^ 1,)) + wrapped[3:]
        case _:
            return None


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("its last byte", "rotate"),
        pytest.param("the name of its key-encryption key", "epoch", marks=pytest.mark.thorough),
        pytest.param("all of it", "rotate", marks=pytest.mark.thorough),
        pytest.param("its last byte", "epoch", marks=pytest.mark.thorough),
    ],
)
def test_a_damaged_data_key_is_passed_and_named_and_the_rotation_finished_once_it_is_put_back(
    office: Office,
    settings: Settings,
    superuser: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    how: str,
) -> None:
    """By the commands alone. Until then the old key-encryption key stays, as the backup's copy opens under no other."""
    hit, *others = (office.opens(composition.now()) for _ in range(4))
    monkeypatch.setattr(rotation, "BATCH", 2)
    provider = LocalKeyring(settings.keyring_file)
    rotation.rotate(settings.database, provider)
    (old,) = provider.ids()
    with copy_of_keys(superuser, settings) as backup:
        (whole,) = superuser.execute(
            "SELECT wrapped FROM log.data_keys WHERE stream = %s AND compartment = 0", (hit,)
        ).fetchone() or (b"",)
        changed(superuser, hit, damaged_in(whole, what))
        set_aside(superuser, hit)
        capsys.readouterr()
        for _ in range(2):
            assert main_of(settings, "keys", how, "--yes") == 1
            said = capsys.readouterr()
            assert f"{hit} coordination" in said.err
            assert not any(str(other) in said.err for other in others)
            assert "dead in every copy" not in said.out
            assert whole.hex() not in said.err + said.out
        assert len(provider.ids()) == 2
        assert old in provider.ids()
        with opened_store(settings) as store:
            assert len(store.keys.coordination(others)) == len(others)
            assert store.keys.coordination([hit]) == {}
        assert main_of(settings, "damaged", "--backup", backup, "--repair", "--yes", str(hit)) == 0, capsys.readouterr()
        with opened_store(settings) as store:
            assert store.read(hit)
        assert main_of(settings, "keys", how, "--yes") == 0, capsys.readouterr().err
        assert old not in provider.ids()
        assert wrapped_under(superuser) == set(provider.ids())
        everything_opens(settings)


def test_a_damaged_data_key_whose_case_is_erased_holds_up_no_rotation(
    settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = uuid4()
    with opened_store(settings) as store:
        append(store, hit, 0, note(health="x"))
    (whole,) = superuser.execute("SELECT wrapped FROM log.data_keys WHERE stream = %s", (hit,)).fetchone() or (b"",)
    changed(superuser, hit, damaged_in(whole, "its last byte"))
    provider = LocalKeyring(settings.keyring_file)
    assert [one.stream for one in rotation.rotate(settings.database, provider).left] == [hit]
    with superuser.transaction():
        superuser.execute(
            "INSERT INTO log.erased_keys (stream, compartment, position) SELECT stream, compartment, 1"
            " FROM log.data_keys WHERE stream = %s",
            (hit,),
        )
        superuser.execute("DELETE FROM log.data_keys WHERE stream = %s", (hit,))
    assert rotation.rotate(settings.database, provider).left == []
    assert len(provider.ids()) == 1


def set_aside(db: psycopg.Connection, stream: UUID) -> None:
    """As the register does it, which has not followed it."""
    db.execute(
        "INSERT INTO delivery.damaged (stream, version, position, topic, why, left_from)"
        " SELECT originator_id, 1, notification_id, topic, 'a test', 1 FROM log.stored_events"
        " WHERE originator_id = %s AND originator_version = 1",
        (stream,),
    )


@contextmanager
def copy_of_keys(db: psycopg.Connection, settings: Settings) -> Iterator[str]:
    """A restored backup: a database that has the data keys of now."""
    name = f"b{uuid4().hex[:10]}"
    kept = make_conninfo(settings.database, dbname=name)
    db.execute(f"CREATE DATABASE {name}")
    rows = db.execute("SELECT stream, compartment, wrapped FROM log.data_keys").fetchall()
    with psycopg.connect(kept, autocommit=True) as there:
        there.execute("CREATE SCHEMA log")
        there.execute("CREATE TABLE log.data_keys (stream uuid, compartment smallint, wrapped bytea)")
        there.cursor().executemany("INSERT INTO log.data_keys VALUES (%s, %s, %s)", rows)
    yield kept
    db.execute(f"DROP DATABASE {name} WITH (FORCE)")


# The erasure epoch -------------------------------------------------------------------------------------------


@pytest.fixture
def copied(office: Office, settings: Settings, superuser: psycopg.Connection) -> Iterator[Callable[[], None]]:
    """A copy of the keys and tombstones as a backup has them; called, it puts the copy in the place of what is."""
    superuser.execute("DROP TABLE IF EXISTS public.keys_copy, public.erased_copy")
    superuser.execute("CREATE TABLE public.keys_copy AS SELECT * FROM log.data_keys")
    superuser.execute("CREATE TABLE public.erased_copy AS SELECT * FROM log.erased_keys")
    superuser.execute("CREATE TABLE public.keys_now AS SELECT * FROM log.data_keys WHERE false")
    superuser.execute("CREATE TABLE public.erased_now AS SELECT * FROM log.erased_keys WHERE false")

    def put(keys: str, erased: str) -> None:
        with superuser.transaction():
            superuser.execute("SET LOCAL session_replication_role = replica")
            superuser.execute("DELETE FROM log.data_keys")
            superuser.execute("DELETE FROM log.erased_keys")
            superuser.execute(f"INSERT INTO log.data_keys SELECT * FROM public.{keys}")
            superuser.execute(f"INSERT INTO log.erased_keys OVERRIDING SYSTEM VALUE SELECT * FROM public.{erased}")

    def restore() -> None:
        superuser.execute("INSERT INTO public.keys_now SELECT * FROM log.data_keys")
        superuser.execute("INSERT INTO public.erased_now SELECT * FROM log.erased_keys")
        put("keys_copy", "erased_copy")

    yield restore
    row = superuser.execute("SELECT count(*) FROM public.keys_now").fetchone()
    if row is not None and row[0]:
        put("keys_now", "erased_now")
    superuser.execute("DROP TABLE public.keys_copy, public.erased_copy, public.keys_now, public.erased_now")


@pytest.fixture
def told(office: Office) -> UUID:
    return tell_one_case(office, composition.now())


@pytest.mark.thorough
def test_without_an_epoch_a_restored_backup_brings_erased_content_back(
    told: UUID, office: Office, settings: Settings, copied: Callable[[], None]
) -> None:
    """What the epoch is for: this is the honest limit of deleting a key from a table."""
    erases(office, told)
    copied()
    with opened_store(settings) as store:
        assert store.read(told)


@pytest.mark.thorough
def test_after_an_epoch_a_restored_backup_brings_nothing_back(
    told: UUID, office: Office, settings: Settings, copied: Callable[[], None]
) -> None:
    other = tell_one_case(office, composition.now())
    erases(office, told)
    provider = LocalKeyring(settings.keyring_file)
    (done,) = rotation.epoch(settings.database, provider)
    assert done.destroyed
    with opened_store(settings) as store:
        assert store.read(other), "what lives, lives"
    copied()
    with opened_store(settings) as store, pytest.raises((UnwrapFailed, KeyGone)):
        store.read(told)


@pytest.mark.thorough
def test_an_epoch_goes_on_until_what_was_erased_is_covered(
    told: UUID, office: Office, settings: Settings, superuser: psycopg.Connection
) -> None:
    """A rotation of before the erasure was not finished; finishing it does not count."""
    provider = LocalKeyring(settings.keyring_file)

    class Killed(BaseException):
        pass

    def die(what: str) -> None:
        if "retired" in what:
            raise Killed

    with pytest.raises(Killed):
        rotation.rotate(settings.database, provider, die)
    erases(office, told)
    assert len(list(rotation.epoch(settings.database, provider))) == 2
    covered = superuser.execute(
        "SELECT count(*) > 0 FROM log.retired_keks WHERE destroyed_at IS NOT NULL"
        " AND erased_to >= (SELECT max(n) FROM log.erased_keys)"
    ).fetchone()
    assert covered == (True,)


def test_the_operator_sees_the_keys(settings: Settings) -> None:
    provider = LocalKeyring(settings.keyring_file)
    rotation.rotate(settings.database, provider)
    found = rotation.states(settings.database, provider)
    assert [k.state for k in found].count("active") == 1
    assert found[-1].id == provider.ids()[-1]
    assert all(k.data_keys == 0 and k.destroyed_at for k in found[:-1])


@pytest.mark.parametrize("answer", ["", "n\n", "yes please\n"])
@pytest.mark.parametrize("what", ["rotate", "epoch"])
def test_nothing_is_destroyed_before_somebody_agreed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str, answer: str
) -> None:
    before = rotation.states(settings.database, composition.keys(settings, ROTATING).rotation())
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main_of(settings, "keys", what) == 1
    said = capsys.readouterr().out
    assert "left as it is" in said
    assert ("--yes" in said) == (answer == "")
    assert rotation.states(settings.database, composition.keys(settings, ROTATING).rotation()) == before


# Whoever is killed: last, as it leaves a large log, and each test before it opens all there is -----------------------


def rotating(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", "keys", "rotate", "--yes"],
        env={**os.environ, **to_environment(settings), "RUJUKAN_KAFKA": "nowhere:1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_no_key_is_lost_where_a_rotation_is_killed_at_random_under_load(
    settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened_store(settings) as store:
        for _ in range(1_500):
            store.keys.for_sealing(uuid4(), [C.COORDINATION])
    killed = 0
    with Writers(settings, 2) as writers:
        begun = time.monotonic()
        rotating(settings).wait()
        takes = time.monotonic() - begun
        while killed < KILLS:
            process = rotating(settings)
            time.sleep(random.uniform(takes * 0.5, takes * 1.05))
            process.send_signal(signal.SIGKILL)
            if process.wait() == -signal.SIGKILL:
                killed += 1
            else:
                takes *= 0.8  # it was at its end: the machine is quicker than when that was measured
    last = rotating(settings)
    _, said = last.communicate()
    assert last.returncode == 0, said
    provider = LocalKeyring(settings.keyring_file)
    assert wrapped_under(superuser) == set(provider.ids()) == {provider.ids()[-1]}
    assert not list(settings.keyring_file.parent.glob("keyring-new-*"))
    assert everything_opens(settings) >= len(writers.written)
    row = superuser.execute("SELECT count(*) FROM log.data_keys").fetchone()
    assert row is not None
    with opened_store(settings) as store:
        streams = [s for (s,) in superuser.execute("SELECT stream FROM log.data_keys WHERE compartment = 0")]
        assert len(store.keys.coordination(streams)) == len(streams)
