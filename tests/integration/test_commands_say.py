"""Every command says what it did and what it left, also where there is nothing; and what is there already and
differs is named and refused, before anything is changed."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from conftest import fresh_settings

from rujukan.api.application.casework import Casework
from rujukan.consumers.agency import SqliteInbox
from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.domain.codes import AgencyKind, Role, Service
from rujukan.domain.fact import ActorId
from rujukan.infra import cli, composition
from rujukan.infra.commands.agencies import Member, Wanted, bring_in
from rujukan.infra.commands.evidence import Failed
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings

KEY, ROTATED = AgencyKey.generate("1").public, AgencyKey.generate("1").public
PERSON = Member(ActorId(uuid4()), Role.CASE_WORKER)


@pytest.fixture(scope="module")
def casework(settings: Settings) -> Casework:
    with composition.service(settings, connections=2) as ports:
        yield Casework(ports.log, ports.macs)


@pytest.fixture
def wanted() -> Wanted:
    """A hospital that no other test brings in."""
    code = f"rs-{uuid4().hex[:8]}"
    return Wanted(code, AgencyKind.HEALTH, "RSUD", frozenset({Service.HEALTH}), (PERSON,), ("1", KEY))


@pytest.fixture(scope="module")
def untouched(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A network in which nothing happened yet, and nothing does."""
    with fresh_settings(postgres, tmp_path_factory.mktemp("untouched")) as fresh:
        yield fresh


@pytest.mark.parametrize(
    "said",
    [
        *(["erasures"], ["retention"], ["deliveries"], ["lag"], ["keys"], ["agencies"], ["damaged"]),
        *(["service-key"], ["token", "--agency", "rsud", "--role", "supervisor"], ["ledger", "keys"], ["migrate"]),
    ],
    ids=" ".join,
)
def test_where_there_is_nothing_that_is_said(
    said: list[str], untouched: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUJUKAN_DATABASE", untouched.database)
    monkeypatch.setenv("RUJUKAN_NETWORK", untouched.network)
    monkeypatch.setenv("RUJUKAN_KAFKA", "localhost:1")
    assert cli.main([*said, "--data", str(untouched.data)]) == 0
    assert capsys.readouterr().out.strip()


def test_what_is_new_is_registered_and_what_is_there_is_said(casework: Casework, wanted: Wanted) -> None:
    with pytest.raises(Failed, match=f"say what {wanted.code} is"):
        list(bring_in(casework, wanted._replace(kind=None)))
    assert casework.network.get(wanted.code) is None
    first = list(bring_in(casework, wanted))
    assert [line.split(" ")[0] for line in first] == [wanted.code, str(PERSON.actor), "key"]
    assert "is registered: health, RSUD" in first[0]
    before = casework.network.get(wanted.code)
    assert before is not None
    again = list(bring_in(casework, wanted._replace(kind=None, label=None)))
    assert [line for line in again if "before" not in line] == []
    now = casework.network.get(wanted.code)
    assert now is not None
    assert now.version == before.version


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": AgencyKind.POLICE}, "its kind is health, not police"),
        ({"label": "RS Umum"}, "its name is RSUD, not RS Umum"),
        ({"key": ("1", ROTATED)}, "another key is registered as 1"),
    ],
    ids=["kind", "name", "rotated key"],
)
def test_what_differs_is_refused_before_anything_is_done(
    casework: Casework, wanted: Wanted, change: dict[str, object], named: str
) -> None:
    """A rotated key above all: nobody would know that it is not used."""
    list(bring_in(casework, wanted))
    before = casework.network.get(wanted.code)
    other = Member(ActorId(uuid4()), Role.SUPERVISOR)
    with pytest.raises(Failed, match=named):
        list(bring_in(casework, wanted._replace(members=(other,), **change)))
    after = casework.network.get(wanted.code)
    assert before is not None
    assert after is not None
    assert after.version == before.version


def test_what_is_added_takes_nothing_away(casework: Casework, wanted: Wanted) -> None:
    list(bring_in(casework, wanted))
    also = Member(PERSON.actor, Role.SUPERVISOR)
    done = list(bring_in(casework, wanted._replace(members=(also,), key=("2", ROTATED))))
    found = casework.network.get(wanted.code)
    assert found is not None
    assert found.members[PERSON.actor] == {Role.CASE_WORKER, Role.SUPERVISOR}
    assert found.sealing_key == ("2", ROTATED)
    assert "key 2 is registered" in done[-1]
    services = list(bring_in(casework, wanted._replace(services=frozenset({Service.LEGAL_AID}))))
    assert "from now on; before, kesehatan" in services[0]


def test_a_private_key_is_not_taken_for_the_public_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rsud.key"
    file.write_bytes(AgencyKey.generate("1").to_json())
    assert cli.main(["agencies", "--add", "rsud", "--key", str(file), "--data", str(tmp_path)]) == 1
    assert "not a public key" in capsys.readouterr().err


def test_an_inbox_of_another_agency_is_not_this_one_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    inbox = SqliteInbox("rsud.db", lambda delivery, db: None)
    assert cli.main(["inbox", "rsud"]) == 1
    assert "nothing began in it yet" in capsys.readouterr().err
    inbox.begin("rsud")
    inbox.close()
    assert cli.main(["inbox", "rsud"]) == 0
    assert "rsud: handled to 0" in capsys.readouterr().out
    assert cli.main(["inbox", "rsudd", "--inbox", "rsud.db"]) == 1
    assert "nothing of rsudd; there is rsud" in capsys.readouterr().err
    assert cli.main(["dead-letters", "list", "rsud"]) == 0
    assert "no dead letters" in capsys.readouterr().out
    assert msgspec.json.encode([file.name for file in tmp_path.iterdir() if "rsudd" in file.name]) == b"[]"
