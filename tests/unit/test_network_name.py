"""A network has a name of its own before its first event, and keeps it."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from rujukan.infra import composition
from rujukan.infra.network_name import BEFORE, FILE, MARKS, NamedOtherwise, NotNamed, keep, name_of
from rujukan.infra.settings import Settings
from rujukan.infra.system import System


def data(at: Path, mark: str = "") -> Path:
    """A data directory, in which this lies already."""
    at.mkdir()
    if mark:
        (at / mark).parent.mkdir(exist_ok=True)
        (at / mark).touch()
    return at


def test_two_systems_that_are_tried_out_have_two_names_and_each_keeps_its_own(tmp_path: Path) -> None:
    places = [data(tmp_path / f"{n}") for n in range(20)]
    names = [keep("", place, embedded=True) for place in places]
    assert len(set(names)) == len(places)
    for place, name in zip(places, names, strict=True):
        assert re.fullmatch(r"development-[a-z2-7]{10}", name)
        assert keep("", place, embedded=True) == name
        settings = Settings(data=place)
        assert settings.network_name == name  # as the commands beside it have it
        assert settings.ledger_origin == f"rujukan/{name}"


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize("mark", MARKS)
def test_a_system_that_ran_before_keeps_the_name_that_it_had(mark: str, embedded: bool, tmp_path: Path) -> None:
    place = data(tmp_path / "data", mark)
    assert Settings(data=place).ledger_origin == f"rujukan/{BEFORE}"
    assert keep("", place, embedded=embedded) == BEFORE
    (place / mark).unlink()
    assert name_of("", place) == BEFORE


@pytest.mark.parametrize("kept", [b"", b"a b", b"\xff\xfea", b"one\ntwo"])
def test_a_name_that_was_damaged_is_not_used_nor_replaced(kept: bytes, tmp_path: Path) -> None:
    place = data(tmp_path / "data")
    (place / FILE).write_bytes(kept)
    with pytest.raises(NotNamed, match=r"put it back"):
        keep("", place, embedded=True)
    assert (place / FILE).read_bytes() == kept
    assert name_of("bontang", place) == "bontang"


@pytest.mark.parametrize("embedded", [True, False])
def test_what_is_said_counts_and_is_known_to_the_commands_that_are_told_nothing(embedded: bool, tmp_path: Path) -> None:
    place = data(tmp_path / "data")
    assert keep("bontang.example", place, embedded=embedded) == "bontang.example"
    assert Settings(data=place).network_name == "bontang.example"
    for said in (
        lambda: keep("another", place, embedded=embedded),
        lambda: Settings(data=place, network="another").ledger_origin,
    ):
        with pytest.raises(NamedOtherwise, match=r"called bontang\.example .* says another"):
            said()
    assert Settings(data=place, network="bontang.example").network_name == "bontang.example"
    assert (place / FILE).read_text() == "bontang.example\n"


def test_on_a_database_of_ones_own_the_name_has_to_be_said(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", database="host=127.0.0.1 port=1", kafka="127.0.0.1:1")
    with pytest.raises(NotNamed, match=r"^RUJUKAN_NETWORK must say .* RUJUKAN_NETWORK=development$"), System(settings):
        pass
    assert [file.name for file in settings.data.iterdir()] == ["lock"]
    with pytest.raises(NotNamed, match=r"^RUJUKAN_NETWORK must"):
        composition.forks(settings)  # whoever writes events asks it first
    for name in ("network_name", "ledger_origin"):
        with pytest.raises(NotNamed):
            getattr(settings, name)
    assert replace(settings, network="kota").ledger_origin == "rujukan/kota"
