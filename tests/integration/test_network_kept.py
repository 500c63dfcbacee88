"""What the network is called is kept in its database, so that whoever says another name is refused wherever it runs."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import psycopg
import pytest
from msgspec.structs import replace

from rujukan.infra import cli, processes
from rujukan.infra.database import FOLLOWER, SERVICE
from rujukan.infra.network_name import NamedOtherwise, keep_in
from rujukan.infra.settings import Settings
from rujukan.infra.system import running


def elsewhere(settings: Settings, data: Path, network: str) -> Settings:
    """The same database, from a machine that has kept nothing."""
    return replace(settings, data=data, network=network, kafka="nowhere:1")


DOORS: dict[str, Callable[[Settings], object]] = {
    "up and migrate": lambda settings: keep_in(settings.database, settings.network_name),
    "the API": lambda settings: processes._check(settings, SERVICE, Event()),
    "worker, publisher, sealer": lambda settings: processes._check(settings, FOLLOWER, Event()),
    "commands": running,
}


def test_a_name_that_is_kept_is_never_another_silently(settings: Settings, tmp_path: Path, capsys, monkeypatch) -> None:
    for said in ("bontang.example", "kota.example"):  # nobody kept one yet: that is no refusal
        processes._check(elsewhere(settings, tmp_path, said), FOLLOWER, Event())
    keep_in(settings.database, "bontang.example")
    for door in DOORS.values():
        door(elsewhere(settings, tmp_path, "bontang.example"))
        with pytest.raises(NamedOtherwise, match=r"bontang\.example .*says kota\.example.*Say RUJUKAN_NETWORK=bontang"):
            door(elsewhere(settings, tmp_path, "kota.example"))
    monkeypatch.setenv("RUJUKAN_DATABASE", settings.database)
    monkeypatch.setenv("RUJUKAN_KAFKA", "nowhere:1")
    monkeypatch.setenv("RUJUKAN_NETWORK", "kota.example")
    assert cli.main(["agencies", "--data", str(tmp_path)]) == 1
    assert "called bontang.example" in capsys.readouterr().err
    with psycopg.connect(settings.database) as db, pytest.raises(psycopg.errors.DatabaseError):
        db.execute("UPDATE log.network SET name = 'kota.example'")
