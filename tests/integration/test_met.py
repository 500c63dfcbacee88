"""Damage that the API meets, or that an operator asks about, is named like any other, also where all that follows the
log went past it long ago; and it is forgotten once all opens."""

import time
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import KEY, STATE, case_with, entries, flipped, gone, look_again, main_of, take_up
from fetching import Place, fetched, note
from office import Office, catch_up, erases
from some import some

from rujukan.api.application.ports import Gone, Unreadable
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition, system
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser

ALL = frozenset(Compartment)


def kept(settings: Settings) -> None:
    """The register's keeper went round once."""
    with composition.follower(settings) as source:
        source.keep_up()


def in_health(settings: Settings) -> int:
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        return vitals(db, time.time()).damaged


@pytest.mark.thorough
@pytest.mark.parametrize("what", some(["a record", "a key", "no key"]))
def test_a_case_that_nothing_follows_any_more_is_set_aside_once_somebody_acts_on_it(
    place: Place, settings: Settings, superuser: psycopg.Connection, what: str
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    at = note(place.office, hit, "hit")
    catch_up(settings)
    damage = {
        "a record": lambda: flipped(superuser, STATE, at, lambda size: 120),
        "a key": lambda: flipped(superuser, KEY, f"{hit}0"),
        "no key": lambda: gone(superuser, hit),
    }[what]
    with composition.service(settings, connections=2) as fresh, damage():
        office = Office(fresh)  # a process that has nothing of the case in memory
        catch_up(settings)
        assert entries(settings) == [], "nothing that follows the log reads it again"
        with pytest.raises(Unreadable):
            note(office, hit, "not stored")
        assert in_health(settings) == 1
        kept(settings)
        (entry,) = entries(settings)
        assert (entry.stream, entry.is_set_aside) == (hit, True)
        assert in_health(settings) == 1
        note(office, other, "elsewhere")
        catch_up(settings)
        assert "elsewhere" in fetched(settings, place, other).notes
    take_up(settings)
    assert (entries(settings), in_health(settings)) == ([], 0)
    note(place.office, hit, "and goes on")


@pytest.mark.thorough
def test_what_does_not_open_of_a_case_that_goes_on_is_named_until_it_does(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = case_with(place, "rsud")
    at = note(place.office, hit, "hit")
    catch_up(settings)
    with flipped(superuser, STATE, at):
        with pytest.raises(Unreadable):
            place.office.ports.opener.events({at: ALL})
        kept(settings)
        (entry,) = entries(settings)
        assert (entry.stream, entry.position, entry.topic) == (hit, at, "case.NoteRecorded")
        assert not entry.is_set_aside
        assert in_health(settings) == 1
        note(place.office, hit, "and goes on")
        look_again(settings)
        assert [e.stream for e in entries(settings)] == [hit], "it is not repaired"
    look_again(settings)
    assert (entries(settings), in_health(settings)) == ([], 0)


@pytest.mark.thorough
def test_what_is_erased_is_damaged_no_more(place: Place, settings: Settings, superuser: psycopg.Connection) -> None:
    hit = place.office.opens(composition.now())
    at = note(place.office, hit, "hit")
    catch_up(settings)
    with flipped(superuser, STATE, at):
        with pytest.raises(Unreadable):
            place.office.ports.opener.events({at: ALL})
        kept(settings)
        erases(place.office, hit)
        catch_up(settings)
        assert (entries(settings), in_health(settings)) == ([], 0)


@pytest.mark.thorough
def test_an_operator_has_a_stream_looked_through_by_its_id_or_by_a_position(
    place: Place,
    settings: Settings,
    superuser: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "running", lambda settings: settings)
    hit, whole = case_with(place, "rsud"), case_with(place, "rsud")
    at = note(place.office, hit, "hit")
    catch_up(settings)

    def said(*named: object) -> tuple[int, str]:
        status = main_of(settings, "damaged", *map(str, named))
        return status, capsys.readouterr().out

    with flipped(superuser, STATE, at, lambda size: 120):
        assert said() == (0, "nothing is damaged\n"), "nobody met it"
        status, words = said(at, whole)
        assert status == 1
        assert f"{hit}  since" in words
        assert f"{whole}  every record of it opens\n" in words
        assert said(hit)[0] == 1
    assert said(hit, "--again")[0] == 0
    assert said(hit) == (0, f"{hit}  every record of it opens\nnothing of it is damaged\n")
    assert main_of(settings, "damaged", str(uuid4())) != 0
    assert "there is no such stream" in capsys.readouterr().err
    assert main_of(settings, "damaged", "999999999") != 0
    assert "no record stands at position 999999999" in capsys.readouterr().err


@pytest.mark.thorough
def test_who_meets_what_was_erased_meets_no_damage(place: Place, settings: Settings) -> None:
    hit = place.office.opens(composition.now())
    catch_up(settings)
    erases(place.office, hit)
    catch_up(settings)
    with pytest.raises(Gone):
        place.office.ports.log.read(UUID(str(hit)))
    kept(settings)
    assert (entries(settings), in_health(settings)) == ([], 0)
