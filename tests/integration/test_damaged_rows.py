"""Damage of any column, of log and register, and at any moment: nobody sees more than they may, and nobody waits."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import STATE, case_with, changed, damaged_streams, entries, flipped, positions_of, take_up
from fetching import Place, consent_of, fetched, note
from office import catch_up, erases, until
from some import some, thorough

from rujukan.consumers.publishing.supply import TopicProgress
from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.envelope import Opener, from_cloudevent
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Service
from rujukan.domain.delivery import Cursor
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery import kept, past, taking_up, working_out
from rujukan.infra.delivery.publishing import PublisherSource
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import SYSTEM_AGENCY

place, superuser = fetching.place, damaging.superuser


@pytest.mark.thorough
def test_a_row_under_a_number_far_ahead_stops_nobody_and_its_case_is_named(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    catch_up(settings)
    at = note(place.office, hit, "far ahead")
    ahead = "notification_id + 1099511627776"
    with changed(superuser, "log.stored_events", "notification_id", "notification_id = %s", ahead, at):
        note(place.office, other, "one")
        catch_up(settings)
        note(place.office, other, "two")
        note(place.office, hit, "behind it")
        catch_up(settings)
        assert fetched(settings, place, other).notes == ["one", "two"]
        assert [e.stream for e in entries(settings)] == [hit]
    take_up(settings)
    assert entries(settings) == []


@pytest.mark.thorough
@pytest.mark.parametrize("column", ["originator_id", thorough("originator_version")])
def test_an_event_that_is_gone_from_its_stream_is_not_folded_over(
    place: Place, settings: Settings, superuser: psycopg.Connection, column: str
) -> None:
    """The withdrawal is not where it was: nothing is told as if there were none."""
    hit = case_with(place, "rsud")
    note(place.office, hit, "before")
    catch_up(settings)
    withdrawn = place.office.does("uptd-ppa", hit, WithdrawConsent, consent=consent_of(place.office, hit)).position
    first = superuser.execute(
        "SELECT min(notification_id) FROM log.stored_events WHERE originator_id = %s AND topic = %s",
        (hit, "case.ConsentWithdrawn"),
    ).fetchone()
    assert first is not None
    note(place.office, hit, "past consent")
    to = "gen_random_uuid()" if column == "originator_id" else "originator_version + 1048576"
    with changed(superuser, "log.stored_events", column, "notification_id = %s", to, first[0]):
        catch_up(settings)
        assert fetched(settings, place, hit).notes == []
        assert hit in damaged_streams(settings)
    take_up(settings)
    assert hit not in damaged_streams(settings)
    assert fetched(settings, place, hit).notes == []
    assert withdrawn


@pytest.mark.thorough
@pytest.mark.parametrize("column", ["position", "compartments", "id", "stream"])
def test_a_changed_row_of_the_register_shows_an_agency_nothing_that_is_not_its(
    place: Place, settings: Settings, superuser: psycopg.Connection, column: str
) -> None:
    mine, secret = case_with(place, "rsud"), case_with(place)
    at = note(place.office, mine, "mine")
    elsewhere = note(place.office, secret, "of a case that it may not know")
    catch_up(settings)
    to = {"position": f"{elsewhere}", "compartments": "1023", "id": "gen_random_uuid()", "stream": f"'{secret}'"}
    row = "agency = 'rsud' AND position = %s"
    with changed(superuser, "delivery.told", column, row, to[column], at):
        told = fetched(settings, place, mine)
        assert "of a case that it may not know" not in [d.fields().get("health") for d in told.sent]
        assert told.notes in ([], ["mine"])
        assert told.numbers == list(range(1, len(told.numbers) + 1))
        assert secret not in damaged_streams(settings), "no other case is set aside for it"


@pytest.mark.thorough
@pytest.mark.parametrize("whose", ["rsud", thorough("polres")])
@pytest.mark.parametrize("column", some(["id", "position", "compartments", "stream"]))
def test_a_changed_row_of_one_agency_is_nothing_to_another_that_is_told_the_same(
    place: Place, settings: Settings, superuser: psycopg.Connection, column: str, whose: str
) -> None:
    """What one event shows is opened once for all who are told it; the rows are checked one by one."""
    other = {"rsud": "polres", "polres": "rsud"}[whose]
    case = case_with(place, "rsud", "polres")
    catch_up(settings)
    before = {agency: place.office.ports.feed.head(agency).sequence for agency in (whose, other)}
    at = note(place.office, case, "the same for both")
    note(place.office, case, "behind it")
    catch_up(settings)
    to = {"position": f"{at + 1}", "compartments": "1023", "id": "gen_random_uuid()", "stream": "gen_random_uuid()"}
    with (
        changed(superuser, "delivery.told", column, "agency = %s AND position = %s", to[column], whose, at),
        Node(settings, names.PUBLISHING, 4) as node,
    ):
        supplied = node.tellings.seal_all(node.tellings.waiting(before, 100, 8))
    opener = Opener([place.keys[other]], [composition.service_key(settings)])
    told = [opener.open(*from_cloudevent(envelope.to_cloudevent(m))) for m in supplied.messages[other]]
    assert [d.fields().get("health") for d in told] == ["the same for both", "behind it"]
    gaps = superuser.execute("SELECT agency FROM delivery.gaps WHERE position IN (%s, %s)", (at, at + 1)).fetchall()
    assert {agency for (agency,) in gaps} == {whose}
    take_up(settings)


def test_what_ended_after_a_page_was_read_is_not_sealed_from_it(place: Place, settings: Settings) -> None:
    case = case_with(place, "rsud")
    note(place.office, case, "before the end")
    catch_up(settings)
    with Node(settings, names.PUBLISHING, 4) as node:
        page = [t for t in node.tellings.after("rsud", Cursor(0), 5_000) if t.case == case]
        place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
        catch_up(settings)
        opener = Opener([place.keys["rsud"]], [composition.service_key(settings)])
        sent = [opener.open(*from_cloudevent(envelope.to_cloudevent(m))) for m in node.tellings.seal(page)]
    assert len(sent) == len(page)
    assert "before the end" not in [d.fields().get("health") for d in sent]


@pytest.mark.thorough
@pytest.mark.parametrize("met", ["by the register", thorough("by nobody before")])
def test_a_case_that_nobody_can_end_holds_up_no_agency(
    place: Place, settings: Settings, superuser: psycopg.Connection, met: str
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    place.office.does("uptd-ppa", hit, WithdrawConsent, consent=consent_of(place.office, hit))
    soon = composition.now() + timedelta(seconds=1)
    place.office.consents(hit, "rsud", "health", expires_at=soon)
    if met == "by nobody before":
        catch_up(settings)
    at = note(place.office, hit, "hit")
    if met == "by nobody before":
        catch_up(settings)
    note(place.office, other, "elsewhere")
    with flipped(superuser, STATE, at, lambda size: 120):
        catch_up(settings)
        until(lambda: composition.now() > soon)
        with composition.escalator(settings) as escalator:
            escalator.once()
        catch_up(settings)
        told = fetched(settings, place, other)
        assert told.numbers == list(range(1, place.office.ports.feed.head("rsud").sequence + 1)), "it reaches its head"
        assert told.notes == ["elsewhere"]
        assert hit in damaged_streams(settings)
    take_up(settings)


@pytest.mark.thorough
def test_what_waited_too_long_for_an_expiry_goes_out_empty_and_is_told_once_that_is_on_record(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """As where no worker runs: no other case waits for it."""
    with composition.escalator(settings) as escalator:
        escalator.once()  # what other tests left
    case, other = place.office.opens(composition.now()), case_with(place, "rsud")
    place.office.consents(case, "rsud", "health", expires_at=(soon := composition.now() + timedelta(seconds=1)))
    place.office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    place.office.consents(case, "rsud", "health")
    note(place.office, case, "another consent covers it")
    note(place.office, other, "elsewhere")
    catch_up(settings)
    until(lambda: composition.now() > soon)
    found = superuser.execute("SELECT case_id, consent FROM delivery.expiries WHERE case_id = %s", (case,)).fetchall()
    ran_out = dict.fromkeys(found, composition.now() - timedelta(hours=1))
    kept.put_expiries(superuser, positions_of(settings), ran_out)  # type: ignore[arg-type]
    assert fetched(settings, place, other).notes == ["elsewhere"]
    assert fetched(settings, place, case).notes == []
    with composition.escalator(settings) as escalator:
        assert escalator.once() >= 1
    catch_up(settings)
    with composition.follower(settings) as source:
        source.keep_up()
    assert fetched(settings, place, case).notes[-1] == "another consent covers it"
    assert case not in damaged_streams(settings)


@pytest.mark.thorough
def test_an_erased_case_that_was_set_aside_is_damaged_no_more(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = case_with(place)
    catch_up(settings)
    at = note(place.office, hit, "hit")
    with flipped(superuser, STATE, at, lambda size: 120):
        catch_up(settings)
        assert hit in damaged_streams(settings)
    erases(place.office, hit)
    catch_up(settings)
    assert hit not in damaged_streams(settings)


@pytest.mark.thorough
def test_the_system_is_not_asked_to_delete_copies(place: Place, settings: Settings) -> None:
    case = place.office.opens(composition.now())
    place.office.consents(case, "rsud", "health", expires_at=(soon := composition.now() + timedelta(seconds=1)))
    place.office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    catch_up(settings)
    until(lambda: composition.now() > soon)
    with composition.escalator(settings) as escalator:
        escalator.once()
    catch_up(settings)
    erases(place.office, case)
    catch_up(settings)
    with composition.deletions(settings) as asking:
        asking.once()
    catch_up(settings)
    with composition.follower(settings) as source:
        asked = {
            f.written.event.agency  # type: ignore[attr-defined]
            for page in source.pages(0)
            for f in page
            if f.written.topic == "erasure.DeletionAsked"
        }
    assert "rsud" in asked
    assert SYSTEM_AGENCY not in asked


@pytest.mark.thorough
def test_an_end_that_was_followed_and_moved_since_holds_up_nobody(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    with composition.escalator(settings) as escalator:
        escalator.once()  # what other tests left
    hit = case_with(place, "rsud")
    note(place.office, hit, "before")
    catch_up(settings)
    place.office.does("uptd-ppa", hit, WithdrawConsent, consent=consent_of(place.office, hit))
    other = case_with(place, "rsud")
    note(place.office, other, "elsewhere")
    catch_up(settings)
    ahead = "notification_id + 1099511627776"
    row = "originator_id = %s AND topic = 'case.ConsentWithdrawn'"
    with changed(superuser, "log.stored_events", "notification_id", row, ahead, hit):
        told = fetched(settings, place, other)
        assert told.numbers == list(range(1, place.office.ports.feed.head("rsud").sequence + 1)), "it reaches its head"
        assert told.notes == ["elsewhere"]
        assert fetched(settings, place, hit).notes == []


@pytest.mark.thorough
@pytest.mark.parametrize(("column", "to"), [("id", "gen_random_uuid()"), ("sequence", "sequence + 1048576")])
def test_a_changed_row_at_the_end_of_a_topic_is_no_fork(
    place: Place, settings: Settings, superuser: psycopg.Connection, column: str, to: str
) -> None:
    """One agency's row is damaged: nobody else's work stops, and what the topic has is gone on from."""
    case = case_with(place, "rsud")
    note(place.office, case, "last")
    catch_up(settings)
    last = superuser.execute(
        "SELECT sequence, id::text FROM delivery.told WHERE agency = 'rsud' ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    assert last is not None
    end = TopicProgress("topic", *last)

    def others(end: TopicProgress) -> list[str]:
        with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
            source = PublisherSource(node.tellings, node.follower_pool, node.bell)
            try:
                return list(source.others({"rsud": end}, anew=True))
            finally:
                source.close()

    with changed(superuser, "delivery.told", column, "agency = 'rsud' AND sequence = %s", to, last[0]):
        assert others(end) == []
        note(place.office, case, "work goes on")
    assert others(end) == []
    try:
        assert others(end._replace(id=f"{uuid4()}")) == ["rsud"], "a whole row, and another history"
        assert others(end._replace(sequence=last[0] + 9)) == ["rsud"], "what the register has not told"
    finally:
        superuser.execute("DELETE FROM ledger.forks")


@pytest.mark.parametrize(
    ("asked", "values"),
    [
        (working_out._ON_RECORD, ([1], UUID(int=1))),
        (taking_up._MISSING, (UUID(int=1),)),
        (past._UPTO, {"case": UUID(int=1), "at": 1}),
    ],
)
def test_a_take_up_reads_the_register_by_its_indices(settings: Settings, place: Place, asked: str, values: Any) -> None:
    """However much was told, one case that is taken up again costs what is told of it."""
    with psycopg.connect(settings.database, cursor_factory=psycopg.ClientCursor) as db:
        db.execute("SET enable_seqscan = off")  # where there is another way
        plan = "\n".join(line for (line,) in db.execute(f"EXPLAIN {asked}", values))
    assert "Scan" in plan
    assert "Seq Scan on told" not in plan
