"""One bit of any stored row flips, of whatever stream: nobody else is stopped by it, in no part of the service; what is
damaged is named as soon as somebody meets it; and put right, it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from uuid import UUID

import damaging
import fetching
import psycopg
import pytest
from damaging import KEY, STATE, case_with, damaged_streams, entries, flipped, last_position, look_again, take_up
from fetching import Place, consent_of, fetched, note
from office import LEAD_PEOPLE, Office, asks_to_erase, catch_up, erases, tell_one_case, until

from rujukan.api.application.kinds import CASE
from rujukan.consumers.publishing.supply import Supplied
from rujukan.domain.agency import agency_stream
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.erasure import ApproveErasure
from rujukan.domain.codes import Service
from rujukan.domain.erasure import erasure_stream
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery.facts import put_aside
from rujukan.infra.delivery.publishing import PublisherSource
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings
from rujukan.infra.store.erasing import finish_erasures

MOST = 5_000_000

place, superuser = fetching.place, damaging.superuser


@pytest.fixture
def other(place: Place, settings: Settings) -> UUID:
    """A case with which nothing is the matter."""
    case = case_with(place, "rsud", "polres")
    note(place.office, case, "elsewhere")
    catch_up(settings)
    return case


@pytest.fixture
def streams(place: Place, settings: Settings, other: UUID) -> None:
    """Streams of every kind: agencies, cases, what was opened, an erasure, a recall."""
    office = place.office
    erases(office, tell_one_case(office, composition.now()))
    recalled = case_with(place, "rsud")
    note(office, recalled, "x")
    catch_up(settings)
    office.does("uptd-ppa", recalled, WithdrawConsent, consent=consent_of(office, recalled))
    tell_one_case(office, composition.now())
    catch_up(settings)


def rows(db: psycopg.Connection, but: UUID) -> list[tuple[tuple[str, str, str], object, UUID, str]]:
    """(what, which, stream, kind) of every stored event and data key, but those of one case."""
    found = db.execute("SELECT notification_id, originator_id, topic FROM log.stored_events ORDER BY 1").fetchall()
    keys = db.execute("SELECT stream::text || compartment, stream, compartment FROM log.data_keys").fetchall()
    every = [(STATE, n, s, t) for n, s, t in found] + [(KEY, n, s, f"key of {c}") for n, s, c in keys]
    return [row for row in every if row[2] != but]


@pytest.mark.thorough
@pytest.mark.parametrize("kinds", [5, pytest.param(1000, marks=pytest.mark.thorough)])
def test_whatever_flips_nobody_else_is_stopped(
    place: Place, settings: Settings, superuser: psycopg.Connection, other: UUID, streams: None, kinds: int
) -> None:
    codes = {agency_stream(code): code for code in place.keys}
    random = Random(kinds)
    by_kind: dict[str, list[tuple[tuple[str, str, str], object, UUID, str]]] = {}
    for row in rows(superuser, other):
        by_kind.setdefault(f"{row[3]} {row[2] in codes}", []).append(row)
    for kind in random.sample(sorted(by_kind), min(kinds, len(by_kind))):
        what, which, stream, topic = random.choice(by_kind[kind])
        hit = codes.get(stream)
        with flipped(superuser, what, which, random.randrange):
            if hit != "uptd-ppa":  # who writes is of that agency
                with composition.service(settings, connections=2) as ports:
                    note(Office(ports), other, "also elsewhere")
            catch_up(settings)
            assert all_but(hit, settings, place), topic
            with composition.escalator(settings) as escalator, composition.deletions(settings) as asking:
                escalator.once()
                asking.once()
                finish_erasures(escalator._store)
            assert damaged_streams(settings) <= {stream}, topic
        look_again(settings)
        assert entries(settings) == [], topic
    assert all_but(None, settings, place)


def all_but(hit: str | None, settings: Settings, place: Place) -> bool:
    """Whether a publisher that just started can seal to each agency but that one all that it was told."""
    with sealed(settings, place) as (told, supplied):
        return all(len(supplied.messages.get(agency, ())) == n for agency, n in told.items() if agency != hit)


@contextmanager
def sealed(settings: Settings, place: Place) -> Iterator[tuple[dict[str, int], Supplied]]:
    """Agency → how much it was told; and that, sealed."""
    with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
        source = PublisherSource(node.tellings, node.follower_pool, node.bell)
        tellings = source.waiting(dict.fromkeys(place.keys, 0), 8 * 2000, 8)
        told: dict[str, int] = {}
        for telling in tellings:
            told[telling.agency] = told.get(telling.agency, 0) + 1
        yield told, source.seal_all(tellings, MOST)
        source.close()


@pytest.mark.thorough
@pytest.mark.parametrize("lost", ["record", "key"])
def test_a_damaged_agency_is_not_told_all_others_are_and_it_is_named(
    place: Place, settings: Settings, superuser: psycopg.Connection, other: UUID, lost: str
) -> None:
    stream = agency_stream("polres")
    at = last_position(superuser, stream)
    with flipped(superuser, STATE, at) if lost == "record" else flipped(superuser, KEY, f"{stream}0"):
        assert all_but("polres", settings, place)
        with sealed(settings, place) as (_, supplied):
            assert not supplied.messages.get("polres")
        assert [entry.stream for entry in entries(settings)] == [stream]
        assert "elsewhere" in fetched(settings, place, other).notes
    look_again(settings)
    assert entries(settings) == []
    assert all_but(None, settings, place)


@pytest.mark.thorough
def test_a_consent_that_runs_out_in_a_damaged_case_holds_up_nothing_of_other_cases(
    place: Place, settings: Settings, superuser: psycopg.Connection, other: UUID
) -> None:
    """Two breaks in a row. That the record is damaged nobody has met: all of the case was followed before."""
    office = place.office
    hit, ends = office.opens(composition.now()), composition.now() + timedelta(seconds=1)
    office.consents(hit, "rsud", "health", expires_at=ends)
    office.refers(hit, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    at = office.position
    note(office, hit, "while it stood")
    catch_up(settings)
    with flipped(superuser, STATE, at, lambda size: 120):
        until(lambda: composition.now() > ends)
        with composition.escalator(settings) as escalator:
            escalator.once()
        catch_up(settings)
        assert [entry.stream for entry in entries(settings)] == [hit]
        told = fetched(settings, place, other)
        assert told.notes == ["elsewhere"]
        assert fetched(settings, place, hit).notes == [], "nobody is told past its time"
    take_up(settings)
    with composition.escalator(settings) as escalator:
        escalator.once()
    catch_up(settings)
    assert entries(settings) == []
    told = fetched(settings, place, hit)
    assert told.notes == []
    assert "case.ConsentExpired" in told.topics


@pytest.mark.thorough
def test_the_erasures_behind_a_damaged_one_are_carried_out(
    place: Place, settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = place.office
    hit, behind = (case_with(place) for _ in range(2))
    erased = erases(office, hit)
    asked = asks_to_erase(office, behind)
    with monkeypatch.context() as killed:
        killed.setitem(CASE.afterwards, ApproveErasure, lambda *said: None)  # who erased died on the line before
        office.does("uptd-ppa", behind, ApproveErasure, role=LEAD_PEOPLE[1], erasure=asked)
    record = "SELECT notification_id FROM log.stored_events WHERE originator_id = %s AND topic = %s"
    (at,) = superuser.execute(record, (erasure_stream(erased), "erasure.ErasureRecorded")).fetchone() or (0,)
    (last,) = superuser.execute(record, (erasure_stream(asked), "erasure.ErasureRecorded")).fetchone() or (0,)
    left = "SELECT count(*) FROM log.data_keys WHERE stream = %s"
    with Node(settings, names.WORKER, 4, SERVICE) as node:

        def finish() -> int:
            return finish_erasures(node.followed, lambda damage: put_aside(node.follower_pool, damage))

        with flipped(superuser, STATE, at, lambda size: 120):
            assert finish() < at, "it is looked at again"
            assert superuser.execute(left, (behind,)).fetchone() == (0,)
            assert erasure_stream(erased) in damaged_streams(settings)
        assert finish() == last
    look_again(settings)
    assert entries(settings) == []
