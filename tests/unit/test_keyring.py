"""The local keyring: one file, for its owner only, that two processes starting at once agree on."""

import base64
import json
import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from patience import PATIENCE_SECONDS

from rujukan.infra.keys.home import UnwrapFailed, id_of
from rujukan.infra.keys.local import LocalKeyring

KEY = bytes(range(32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keyring.json"


@pytest.fixture
def keyring(file: Path) -> LocalKeyring:
    return LocalKeyring(file)


def wrap(keyring: LocalKeyring, context: bytes) -> bytes:
    (wrapped,) = keyring.wrap_many([(KEY, context)])
    return wrapped


def unwrap(keyring: LocalKeyring, wrapped: bytes, context: bytes) -> bytes:
    (key,) = keyring.unwrap_many([(wrapped, context)])
    return key


def test_a_keyring_is_made_for_its_owner_alone(keyring: LocalKeyring) -> None:
    assert keyring.file.stat().st_mode & 0o777 == 0o600
    assert keyring.file.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in keyring.file.parent.iterdir()] == ["keyring.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o601])
def test_a_keyring_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    LocalKeyring(file)
    file.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        LocalKeyring(file)


def test_a_wrapped_key_opens_again_also_after_a_restart(keyring: LocalKeyring, file: Path) -> None:
    wrapped = wrap(keyring, b"case/health")
    assert unwrap(keyring, wrapped, b"case/health") == KEY
    assert unwrap(LocalKeyring(file), wrapped, b"case/health") == KEY


def test_a_key_never_wraps_to_the_same_bytes_twice_and_never_shows(keyring: LocalKeyring) -> None:
    one, two = wrap(keyring, b"c"), wrap(keyring, b"c")
    assert one != two
    assert KEY not in one


def test_a_wrapped_key_opens_only_in_its_own_context(keyring: LocalKeyring) -> None:
    wrapped = wrap(keyring, b"case/health")
    for context in (b"case/legal", b"", b"case/health\0"):
        with pytest.raises(UnwrapFailed):
            unwrap(keyring, wrapped, context)


def test_a_key_of_another_keyring_does_not_open(keyring: LocalKeyring, tmp_path: Path) -> None:
    other = LocalKeyring(tmp_path / "other.json")
    with pytest.raises(UnwrapFailed):
        unwrap(other, wrap(keyring, b"c"), b"c")


def test_no_byte_of_a_wrapped_key_can_change_and_none_can_be_missing(keyring: LocalKeyring) -> None:
    wrapped = wrap(keyring, b"c")
    broken = [wrapped[:at] + bytes((wrapped[at] ^ 1,)) + wrapped[at + 1 :] for at in range(len(wrapped))]
    broken += [wrapped[:length] for length in range(len(wrapped))]
    for attempt in [*broken, wrapped + b"\0"]:
        with pytest.raises(UnwrapFailed):
            unwrap(keyring, attempt, b"c")


def test_a_failed_unwrap_tells_nothing_of_keys(keyring: LocalKeyring) -> None:
    with pytest.raises(UnwrapFailed) as failed:
        unwrap(keyring, b"", b"case/health")
    assert failed.value.__cause__ is None
    assert "health" not in str(failed.value)


def test_a_mac_is_always_the_same_for_a_name_and_another_for_another(keyring: LocalKeyring, file: Path) -> None:
    mac = keyring.mac("nik-index", b"m")
    assert len(mac) == 32
    assert LocalKeyring(file).mac("nik-index", b"m") == mac
    assert keyring.mac("pseudonyms", b"m") != mac


def test_a_key_wrapped_under_an_older_key_opens_after_a_newer_one_became_active(
    keyring: LocalKeyring, file: Path
) -> None:
    wrapped = wrap(keyring, b"c")
    kept = json.loads(file.read_text())
    kept["keys"]["kek-2"], kept["active"] = kept["root"], "kek-2"
    file.write_text(json.dumps(kept))
    rotated = LocalKeyring(file)
    assert unwrap(rotated, wrapped, b"c") == KEY
    assert unwrap(keyring, wrap(rotated, b"c"), b"c") == KEY, "a keyring reads its file again for a key it lacks"


def test_every_keyring_on_a_file_learns_of_a_new_key_and_forgets_a_destroyed_one(
    keyring: LocalKeyring, file: Path
) -> None:
    other = LocalKeyring(file)
    before = wrap(other, b"c")
    new = keyring.add()
    assert id_of(wrap(other, b"c")) == new, "who wraps wraps under the newest"
    assert other.ids() == [id_of(before), new]
    keyring.destroy(id_of(before))
    keyring.destroy(id_of(before))
    other.refresh()
    for ring in (keyring, other, LocalKeyring(file)):
        assert ring.ids() == [new]
        with pytest.raises(UnwrapFailed):
            unwrap(ring, before, b"c")
    assert keyring.mac("nik-index", b"m") == LocalKeyring(file).mac("nik-index", b"m")
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_active_key_is_not_destroyed(keyring: LocalKeyring) -> None:
    wrapped = wrap(keyring, b"c")
    with pytest.raises(ValueError, match="active"):
        keyring.destroy(id_of(wrapped))
    assert unwrap(keyring, wrapped, b"c") == KEY


def test_a_destroyed_key_is_overwritten_where_it_stood(keyring: LocalKeyring, file: Path) -> None:
    old = json.loads(file.read_text())["keys"]["kek-1"]
    keyring.add()
    with file.open() as kept_open:
        keyring.destroy("kek-1")
        assert old not in kept_open.read()
    assert old not in file.read_text()


def _add(file: Path, barrier: Barrier) -> None:
    barrier.wait(PATIENCE_SECONDS)
    LocalKeyring(file).add()


def test_two_processes_that_change_a_keyring_at_once_lose_nothing(file: Path) -> None:
    LocalKeyring(file)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_add, args=(file, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0
    assert len(LocalKeyring(file).ids()) == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"active": "a", "keys": {}, "root": ""}',
        '{"active": "a", "keys": {"a": 7}, "root": ""}',
        '{"active": "a", "keys": {"a": ""}}',
    ],
)
def test_what_is_no_keyring_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keyring.json"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ValueError, match="is not a keyring"):
        LocalKeyring(file)
    assert file.read_text() == text


GOOD = base64.b64encode(KEY).decode()


def encoded(length: int) -> str:
    return base64.b64encode(bytes(length)).decode()


@pytest.mark.parametrize("place", ["keys", "root"])
@pytest.mark.parametrize(
    "wrong",
    [
        f"{GOOD[:8]}!{GOOD[8:]}",
        f"{GOOD}\n",
        f" {GOOD}",
        GOOD.rstrip("="),
        base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        f"{GOOD[:8]}é{GOOD[9:]}",
        *(encoded(length) for length in (0, 16, 24, 31, 33, 64)),
    ],
)
def test_a_key_that_is_not_32_bytes_in_strict_base64_is_refused(tmp_path: Path, place: str, wrong: str) -> None:
    kept = {"active": "a", "keys": {"a": GOOD}, "root": GOOD}
    file = tmp_path / "keyring.json"
    file.touch(0o600)
    file.write_text(json.dumps(kept))
    assert unwrap(LocalKeyring(file), wrap(LocalKeyring(file), b"c"), b"c") == KEY
    file.write_text(json.dumps({**kept, place: {"a": GOOD, "b": wrong} if place == "keys" else wrong}))
    with pytest.raises(ValueError, match="is not a keyring"):
        LocalKeyring(file)


@pytest.mark.parametrize("keys", [[], {}, None, GOOD, [GOOD], 7, {"b": GOOD}])
def test_a_keyring_without_its_active_key_is_refused(tmp_path: Path, keys: object) -> None:
    file = tmp_path / "keyring.json"
    file.touch(0o600)
    file.write_text(json.dumps({"active": "a", "keys": keys, "root": GOOD}))
    with pytest.raises(ValueError, match="is not a keyring"):
        LocalKeyring(file)


def _make(file: Path, barrier: Barrier, out: "Queue[bytes]") -> None:
    barrier.wait(PATIENCE_SECONDS)
    out.put(LocalKeyring(file).mac("nik-index", b"m"))


@pytest.mark.thorough
def test_two_processes_that_start_at_once_agree_on_one_keyring(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(10):
        file = tmp_path / str(attempt) / "keyring.json"
        barrier, out = context.Barrier(2), context.Queue()
        processes = [context.Process(target=_make, args=(file, barrier, out)) for _ in range(2)]
        for process in processes:
            process.start()
        secrets = {out.get(timeout=PATIENCE_SECONDS) for _ in processes}
        for process in processes:
            process.join(PATIENCE_SECONDS)
        assert secrets == {LocalKeyring(file).mac("nik-index", b"m")}
        assert [p.name for p in file.parent.iterdir()] == ["keyring.json"]
