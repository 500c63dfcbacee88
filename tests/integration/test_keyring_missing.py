"""No keyring is made beside a database that was written with another: all that it signed would be nobody's, and nothing
that is stored would open."""

from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from rujukan.api.application.casework import Casework
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.node import KeyringMissing
from rujukan.infra.settings import Settings


def test_a_mistyped_keyring_is_refused_where_something_is_stored_and_made_where_nothing_is(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "typed" / "wrongly.json"
    mistyped = replace(settings, keyring=elsewhere)
    with composition.service(settings, connections=2) as ports:
        network.set_up(Casework(ports.log, ports.macs), tmp_path / "agencies")
    for command in (composition.service_key, composition.issuer, composition.ledger_keys):
        with pytest.raises(KeyringMissing, match="RUJUKAN_KEYRING"):
            command(mistyped)
    assert not elsewhere.parent.exists()
    with psycopg.connect(settings.database, autocommit=True) as db:
        assert db.execute("SELECT count(*) > 0 FROM log.data_keys").fetchone() == (True,)
    capsys.readouterr()
    composition.home(Settings(data=tmp_path / "fresh"))
    assert str(tmp_path / "fresh" / "keys" / "keyring.json") in capsys.readouterr().err, (
        "where one is made, that is said"
    )
    (tmp_path / "held" / "postgres").mkdir(parents=True)
    with pytest.raises(KeyringMissing):
        composition.home(Settings(data=tmp_path / "held"))
