"""A power cut takes nothing back that was said to be kept: content is on the disk before its name is, and the name
before anybody is told."""

import ast
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import Raw

from rujukan.consumers import durable
from rujukan.consumers.agency.subscribing.sinks import to_directory
from rujukan.consumers.evidence.notes import Note
from rujukan.consumers.wire.envelope import Delivery
from rujukan.consumers.wire.kafka.access import KafkaAccess
from rujukan.infra.kafka.credentials import Credentials
from rujukan.infra.keys.local import LocalKeyring
from rujukan.infra.ledger.guard import Guard
from rujukan.infra.services.certificates import Authority

TOP = Path(__file__).parents[2]
ROOMS = ("api", "consumers", "domain", "infra", "projections")


class Disk:
    """What this process asks of the disk, and what a power cut at the end would leave: a file's content once it was
    forced, and its name once its directory was forced after it got it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._forced: set[int] = set()
        self._unsure: dict[Path, int] = {}
        self.lost: list[str] = []
        fsync, replace, rename, link = os.fsync, os.replace, os.rename, os.link

        def forced(opened: int) -> None:
            fsync(opened)
            about = os.fstat(opened)
            self._forced.add(about.st_ino)
            directory = Path(f"/proc/self/fd/{opened}").readlink()
            self._unsure = {name: inode for name, inode in self._unsure.items() if name.parent != directory}

        def named(call: Callable[..., None]) -> Callable[..., None]:
            def spied(old: Path, new: Path, **more: object) -> None:
                inode = Path(old).stat().st_ino
                if Path(old).is_file() and inode not in self._forced:
                    self.lost.append(f"the content of {Path(new).name}")
                call(old, new, **more)
                self._unsure[Path(new).resolve()] = inode

            return spied

        monkeypatch.setattr(os, "fsync", forced)
        mkdir = os.mkdir

        def made(path: Path, *more: int) -> None:
            mkdir(path, *more)
            self._unsure[Path(path).resolve()] = 0

        monkeypatch.setattr(os, "mkdir", made)
        for name, call in (("replace", replace), ("rename", rename), ("link", link)):
            monkeypatch.setattr(os, name, named(call))

    def cut(self) -> list[str]:
        """What would be lost now."""
        return [*self.lost, *(f"the name {name.name}" for name in self._unsure)]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def guard(directory: Path) -> None:
    keeper = Guard(directory / "ledger" / "signed")
    for size in (1, 2):
        keeper.keep(Note(f"origin\n{size}\nAAAA\n", ()))


def keyring(directory: Path) -> None:
    made = LocalKeyring(directory / "keys" / "keyring.json")
    made.add()
    made.destroy("kek-1")


def delivered(directory: Path) -> None:
    said = dict.fromkeys(("case", "actor", "correlation"), UUID(int=1))
    numbers = dict.fromkeys(("schema", "version", "position", "sequence"), 1)
    to_directory(directory / "inbox")(
        Delivery(
            topic="case.NoteRecorded",
            recorded_at=datetime.now(UTC),
            author="rsud",
            compartments=[],
            withheld=[],
            data=Raw(b"{}"),
            receipt="",
            id="an-event",
            **said,
            **numbers,
        ),
        None,
    )


def credentials(directory: Path) -> None:
    made, access = Credentials(directory / "kafka"), KafkaAccess("broker:9092")
    made.password_for_new("rsud", "agency-rsud", access)
    made.password_for_change("rsud", "agency-rsud", access)
    made.changed("rsud")


def certificates(directory: Path) -> None:
    Authority(directory).issue("broker", ("localhost",), directory / "broker.pem")


@pytest.mark.parametrize("keep", [guard, keyring, delivered, credentials, certificates])
def test_a_power_cut_takes_nothing_back(disk: Disk, tmp_path: Path, keep: Callable[[Path], None]) -> None:
    keep(tmp_path)
    assert disk.cut() == []


def test_what_is_replaced_is_the_old_or_the_new_and_nothing_is_left_beside(disk: Disk, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    for data in (b"old", b"new"):
        durable.replace(file, data)
        assert (file.read_bytes(), file.stat().st_mode & 0o777, disk.cut()) == (data, 0o600, [])
    assert list(tmp_path.iterdir()) == [file]


def test_a_disk_that_is_full_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept"
    durable.replace(file, b"old")

    def full(opened: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.replace(file, b"new")
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (b"old", [file])


def test_of_many_that_make_it_at_once_one_does_and_it_is_whole(tmp_path: Path) -> None:
    made: list[int] = []
    together = threading.Barrier(8)

    def make(n: int) -> None:
        together.wait()
        try:
            durable.create(tmp_path / "key", bytes([n]) * 4096)
        except FileExistsError:
            return
        made.append(n)

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (tmp_path / "key").read_bytes() == bytes(made) * 4096
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_every_directory_that_is_made_is_named_on_the_disk(disk: Disk, tmp_path: Path) -> None:
    seen: list[Path] = []
    real = durable.sync

    def spied(path: Path) -> None:
        seen.append(path)
        real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "sync", spied)
        durable.directory(tmp_path / "a" / "b" / "c", 0o700)
        durable.directory(tmp_path / "a" / "b" / "c", 0o700)
    assert disk.cut() == []
    assert seen == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def renames(source: Path) -> Iterator[int]:
    """The lines at which a program gives a file another name."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_os = isinstance(node.func.value, ast.Name) and node.func.value.id in ("os", "shutil")
            of_path = node.func.attr in ("replace", "rename") and len(node.args) == 1 and not node.keywords
            by_os = of_os and node.func.attr in ("replace", "rename", "renames", "link", "move")
            if by_os or of_path or node.func.attr == "hardlink_to":
                yield node.lineno


def test_nobody_renames_but_the_room_that_forces_it_to_disk() -> None:
    found = {
        f"{file.relative_to(TOP)}:{line}"
        for room in ROOMS
        for file in (TOP / room).rglob("*.py")
        if file != TOP / "consumers" / "durable.py"
        for line in renames(file)
    }
    assert found == set()
