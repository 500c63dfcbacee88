"""A case whose record, or key, is damaged is erased all the same: two people decide, its keys are gone, agencies are
asked to delete, and it is damaged no more."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import STATE, case_with, changed, entries, flipped, main_of, take_up
from fetching import Place, note
from office import LEAD_PEOPLE, Office, a_hold, asks_to_erase, catch_up
from some import some

from rujukan import projections
from rujukan.api.application.casework import Casework
from rujukan.api.application.ports import Unreadable
from rujukan.domain.case.erasure import ApproveErasure, RefuseErasure, RequestErasure
from rujukan.domain.case.holds import PlaceLegalHold
from rujukan.domain.case.merging import MergeCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import ErasureBasis, Role
from rujukan.domain.compartment import ALL
from rujukan.domain.damaged import DamagedErasureAsked, DamagedErasureRefused
from rujukan.domain.erasure import DeletionAsked, ErasureRecorded, erasure_stream
from rujukan.domain.refusal import AnotherPersonNeeded, HoldStands, Invalid, NotDueYet, Unknown
from rujukan.infra import composition, system
from rujukan.infra.database import SERVICE, as_role, connect
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings
from rujukan.infra.store.erasing import finish_erasures
from rujukan.projections import erasures

KEY = "wrapped", "log.data_keys", "stream = %s AND compartment = 0"
Damaging = Callable[[psycopg.Connection, UUID], AbstractContextManager[None]]


place, superuser = fetching.place, damaging.superuser


@pytest.fixture(autouse=True)
def what_was_set_aside_is_taken_up_again(settings: Settings) -> Iterator[None]:
    """The tests share a database, in any order: what is whole again at a test's end is not set aside in the next."""
    yield
    catch_up(settings)
    take_up(settings)
    assert entries(settings) == []


def position(db: psycopg.Connection, case: UUID, which: str) -> int:
    row = db.execute(
        f"SELECT {which}(notification_id) FROM log.stored_events WHERE originator_id = %s AND topic <> %s",
        (case, "case.CaseErased"),
    ).fetchone()
    assert row is not None
    return int(row[0])


def seen(office: Office, case: UUID) -> None:
    """Something that has coordination alone."""
    office.does("uptd-ppa", case, RecordNote, note=uuid4(), subject="seen")


def flips(which: str, byte: int) -> Damaging:
    return lambda db, case: flipped(db, STATE, position(db, case, which), lambda size: byte % size)


@contextmanager
def key_gone(db: psycopg.Connection, case: UUID) -> Iterator[None]:
    db.execute("DELETE FROM log.data_keys WHERE stream = %s AND compartment = 0", (case,))
    yield


@contextmanager
def moved(db: psycopg.Connection, case: UUID) -> Iterator[None]:
    """An event in the middle names another stream."""
    at = position(db, case, "max")
    with changed(
        db, "log.stored_events", "originator_version", "notification_id = %s", "originator_version + 1024", at
    ):
        yield


DAMAGES: dict[str, Damaging] = {
    "who led, in the header of the first": flips("min", 100),
    "the first one's content": flips("min", -1),
    "the last one's content": flips("max", -1),
    "the last one's header": flips("max", 5),
    "its key": lambda db, case: flipped(db, KEY, case),
    "no key": key_gone,
    "an event under another version": moved,
}


def recorded(settings: Settings, erasure: UUID) -> list[object]:
    """The events of an erasure's own stream."""
    with composition.follower(settings) as source:
        return [opened.event for opened in source.store.read(erasure_stream(erasure))]


def keys_of(db: psycopg.Connection, case: UUID) -> tuple[int, int]:
    """How many keys there are, and how many tombstones."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM log.data_keys WHERE stream = %(c)s),"
        " (SELECT count(*) FROM log.erased_keys WHERE stream = %(c)s)",
        {"c": case},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def entry(settings: Settings, erasure: UUID) -> erasures.ErasureEntry:
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        return next(e for e in erasures.erasures(db, limit=500) if e.erasure == erasure)


def approves(office: Office, case: UUID, erasure: UUID, person: int = 1) -> None:
    office.does("uptd-ppa", case, ApproveErasure, role=LEAD_PEOPLE[person], erasure=erasure)


OFTEN = {("the last one's content", True), ("its key", False)}


@pytest.mark.parametrize(
    ("damage", "met"),
    [
        pytest.param(
            damage,
            met,
            id=f"{damage}, {'set aside' if met else 'not met by anybody'}",
            marks=() if (damage, met) in OFTEN else pytest.mark.thorough,
        )
        for damage in DAMAGES
        for met in (True, False)
    ],
)
def test_it_is_erased_and_what_follows_comes_about(
    place: Place,
    settings: Settings,
    superuser: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: str,
    met: bool,
) -> None:
    hit, other = case_with(place, "rsud", "polres"), case_with(place, "rsud")
    catch_up(settings)
    note(place.office, hit, "what she said")
    seen(place.office, hit)
    if not met:
        catch_up(settings)
    with DAMAGES[damage](superuser, hit):
        if met:
            catch_up(settings)
            assert [e.stream for e in entries(settings)] == [hit]
        with composition.service(settings, connections=2) as ports:
            office = Office(ports)
            with pytest.raises(Unreadable):
                note(office, hit, "not stored")
            erasure = asks_to_erase(office, hit)
            catch_up(settings)
            assert (entry(settings, erasure).status, entry(settings, erasure).case) == ("asked", hit)
            assert keys_of(superuser, hit)[1] == 0
            with pytest.raises(AnotherPersonNeeded):
                approves(office, hit, erasure, person=0)
            approves(office, hit, erasure)
        assert keys_of(superuser, hit) == (0, len(ALL))
        catch_up(settings)
        with composition.deletions(settings) as asking:
            asking.once()
        catch_up(settings)
        record, *asked = recorded(settings, erasure)[1:]
        assert isinstance(record, ErasureRecorded)
        assert (record.case, record.lead, len(record.compartments)) == (hit, "uptd-ppa", len(ALL))
        assert {event.agency for event in asked if isinstance(event, DeletionAsked)} == {"uptd-ppa", "rsud", "polres"}
        done = entry(settings, erasure)
        assert (done.status, {copy.agency for copy in done.copies}) == ("erased", {"uptd-ppa", "rsud", "polres"})
        assert entries(settings) == []
        with connect(as_role(settings.database, SERVICE)) as db:
            assert vitals(db, 0.0).damaged == 0
        monkeypatch.setattr(system, "running", lambda settings: settings)
        capsys.readouterr()
        assert main_of(settings, "damaged") == 0
        assert "nothing is damaged" in capsys.readouterr().out
        assert all(rows == 0 for rows in of_case(superuser, hit).values()), of_case(superuser, hit)
        with composition.service(settings, connections=2) as ports:
            office = Office(ports)
            assert office.casework.case(hit) is None
            note(office, other, "elsewhere")
            with pytest.raises(Unknown):
                asks_to_erase(office, hit)


def of_case(db: psycopg.Connection, case: UUID) -> dict[str, int]:
    """How many rows each read model of cases has of it, but those that are to stay: who looked, and the erasure."""
    found = {}
    for projection in projections.ALL:
        for table in projection.tables:
            columns = db.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'views' AND table_name = %s",
                (table,),
            ).fetchall()
            if projection.name not in ("erasures", "audit") and ("case_id",) in columns:
                row = db.execute(f"SELECT count(*) FROM views.{table} WHERE case_id = %s", (case,)).fetchone()
                found[table] = int(row[0]) if row else 0
    assert found
    return found


@pytest.mark.thorough
def test_whoever_does_not_lead_it_learns_nothing_and_nothing_less_than_two_people_will_do(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    seen(place.office, hit)
    catch_up(settings)
    with DAMAGES["the last one's content"](superuser, hit), composition.service(settings, connections=2) as ports:
        office = Office(ports)

        def asks(agency: str, **said: object) -> None:
            role = said.pop("role", Role.SUPERVISOR)
            given = {"erasure": uuid4(), "basis": ErasureBasis.SURVIVOR_REQUEST, "whole": True, "reason": "x", **said}
            office.does(agency, hit, RequestErasure, role=role, **given)  # type: ignore[arg-type]

        with pytest.raises(Unknown):
            asks("rsud")
        with pytest.raises(Invalid):
            asks("uptd-ppa", whole=False, compartments=frozenset({"health"}))
        with pytest.raises(NotDueYet):
            asks("uptd-ppa", basis=ErasureBasis.RETENTION_ENDED)
        erasure = asks_to_erase(office, hit)
        for code, case, id in (("rsud", hit, erasure), ("uptd-ppa", other, erasure), ("uptd-ppa", hit, uuid4())):
            with pytest.raises(Unknown):
                office.does(code, case, ApproveErasure, role=Role.SUPERVISOR, erasure=id)
        office.does("uptd-ppa", hit, RefuseErasure, role=LEAD_PEOPLE[0], erasure=erasure, reason="on reflection")
        with pytest.raises(Unknown):
            approves(office, hit, erasure)
        catch_up(settings)
        with pytest.raises(StopIteration):
            entry(settings, erasure)
        asked, refused = recorded(settings, erasure)
        assert isinstance(asked, DamagedErasureAsked)
        assert isinstance(refused, DamagedErasureRefused)
        assert keys_of(superuser, hit)[1] == 0
        again = asks_to_erase(office, hit)
    with composition.service(settings, connections=2) as ports:
        office = Office(ports)
        with pytest.raises(Unknown):  # it is repaired: what was asked while nobody could read it is asked for again
            approves(office, hit, again)
        assert office.casework.case(hit) is not None
        assert keys_of(superuser, hit)[1] == 0


@pytest.mark.thorough
@pytest.mark.parametrize("damage", some(["the last one's content", "its key", "the first one's content"]))
def test_a_hold_stands_also_where_it_cannot_be_read(
    place: Place, settings: Settings, superuser: psycopg.Connection, damage: str
) -> None:
    hit = case_with(place, "rsud")
    place.office.does("uptd-ppa", hit, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
    seen(place.office, hit)
    with DAMAGES[damage](superuser, hit), composition.service(settings, connections=2) as ports:
        with pytest.raises(HoldStands):
            asks_to_erase(Office(ports), hit)
        assert keys_of(superuser, hit)[1] == 0


@pytest.mark.thorough
@pytest.mark.parametrize("damage", some(["the last one's header", "its key", "the first one's content"]))
@pytest.mark.parametrize("which", ["duplicate", "living"])
def test_a_file_that_cannot_be_read_asks_the_others_of_its_case_all_the_same(
    place: Place, settings: Settings, superuser: psycopg.Connection, which: str, damage: str
) -> None:
    """It is found by what both said in one commit, as that is in clear. One of another case keeps nothing."""
    files = {"duplicate": case_with(place), "living": case_with(place)}
    place.office.does("uptd-ppa", case_with(place), MergeCase, role=Role.SUPERVISOR, into=case_with(place))
    place.office.does("uptd-ppa", files["duplicate"], MergeCase, role=Role.SUPERVISOR, into=files["living"])
    hit = files.pop(which)
    (other,) = files.values()
    with DAMAGES[damage](superuser, hit), composition.service(settings, connections=2) as ports:
        office = Office(ports)
        erasure = asks_to_erase(office, hit)
        place.office.does("uptd-ppa", other, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
        with pytest.raises(HoldStands):
            approves(office, hit, erasure)
        assert keys_of(superuser, hit)[1] == 0


@pytest.mark.thorough
def test_a_hold_that_comes_in_between_by_who_still_has_the_case_in_memory_counts(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = case_with(place, "rsud")
    with DAMAGES["its key"](superuser, hit), composition.service(settings, connections=2) as ports:
        office = Office(ports)
        erasure = asks_to_erase(office, hit)
        place.office.does("uptd-ppa", hit, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
        with pytest.raises(HoldStands):
            approves(office, hit, erasure)
        assert keys_of(superuser, hit)[1] == 0


def keeper_goes_round(settings: Settings) -> None:
    """The register's keeper looked once more, also where nothing is new."""
    with composition.follower(settings) as source:
        source.keep_up()


@pytest.mark.thorough
def test_an_erasure_of_a_damaged_case_is_carried_out_by_another_where_who_approved_it_is_killed(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = case_with(place, "rsud")
    catch_up(settings)
    with (
        DAMAGES["its key"](superuser, hit),
        composition.acting(settings) as node,
        composition.service(settings, connections=2) as ports,
    ):
        office = Office(ports)
        erasure = asks_to_erase(office, hit)
        with pytest.MonkeyPatch.context() as killed:
            killed.setattr(Casework, "destroy", lambda casework, erasure: None)
            approves(office, hit, erasure)
        catch_up(settings)
        assert keys_of(superuser, hit)[1] == 0
        finish_erasures(node.followed)
        assert keys_of(superuser, hit) == (0, len(ALL))
        keeper_goes_round(settings)
        assert hit not in {entry.stream for entry in entries(settings)}
