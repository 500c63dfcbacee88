"""A row of the log stands under a number that was not given yet, where a flipped bit or a superuser put it: what asks
for the head of the log does not meet it, and nobody waits for it, or for what comes behind it."""

from uuid import UUID

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with, changed, damaged_streams, look_again, positions_of
from fetching import Place
from office import LEAD_PEOPLE, asks_to_erase, catch_up, erases, finishes
from some import thorough
from test_health import fold, look, register

from rujukan.api.application.kinds import CASE
from rujukan.api.application.ports import BeyondHead
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.case.erasure import ApproveErasure
from rujukan.domain.erasure import erasure_stream
from rujukan.infra import composition
from rujukan.infra.delivery import kept
from rujukan.infra.positions import DELETIONS
from rujukan.infra.settings import Settings
from rujukan.infra.store.erasing import Erasing

place, superuser = fetching.place, damaging.superuser
FAR = 1 << 40
MOVED = "log.stored_events", "notification_id", "notification_id = %s", f"notification_id + {FAR}"
EMPTIED = "log.stored_events", "notification_id", "notification_id = %s", "-notification_id"


@pytest.mark.thorough
def test_an_erasure_far_ahead_keeps_no_later_one_from_being_carried_out(
    place: Place, settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, later = case_with(place), case_with(place)
    record = erasure_stream(erases(place.office, first))
    (at,) = superuser.execute(
        "SELECT notification_id FROM log.stored_events WHERE originator_id = %s AND originator_version = 1", (record,)
    ).fetchone() or (0,)
    with changed(superuser, *MOVED, at), composition.follower(settings) as source:
        erasing = Erasing(source.store)
        reached = erasing.finish()
        asked = asks_to_erase(place.office, later)
        with monkeypatch.context() as killed:
            killed.delitem(CASE.afterwards, ApproveErasure)  # who erases is killed behind the commit
            place.office.does("uptd-ppa", later, ApproveErasure, role=LEAD_PEOPLE[1], erasure=asked)
        assert keys_of(superuser, later) > 0
        assert reached < erasing.finish() < FAR
        assert keys_of(superuser, later) == 0


@pytest.mark.thorough
def test_nobody_is_behind_a_row_far_ahead(place: Place, settings: Settings, superuser: psycopg.Connection) -> None:
    office, case = place.office, case_with(place, "rsud")
    at = fetching.note(office, case, "far ahead")
    catch_up(settings)
    register(settings)
    composition.sealer(settings).seal_all()
    with changed(superuser, *MOVED, at):
        fold(settings)
        seen = look(settings, later=3600)
        assert [f for f in (*seen.views, seen.register, seen.ledger) if f.behind or f.age_ms] == []
        assert not any(behind for _, behind in office.ports.views.lag())
        assert office.ports.ledger.lag()[0] == 0
        with composition.follower(settings) as source:
            assert source.store.recorder.max_notification_id() == source.store.head() < FAR
        with pytest.raises(BeyondHead):
            office.ports.views.expect(at + FAR)


@pytest.mark.thorough
@pytest.mark.parametrize("why", ["a consent ended", thorough("it was erased")])
@pytest.mark.parametrize("how", [MOVED, EMPTIED], ids=["moved", "gone"])
def test_agencies_are_asked_to_delete_once_the_row_that_says_so_is_back(
    place: Place, settings: Settings, superuser: psycopg.Connection, why: str, how: tuple[str, ...]
) -> None:
    case = case_with(place, "rsud")
    fetching.note(place.office, case, "told, and followed behind the end")
    if why == "a consent ended":
        place.office.does("uptd-ppa", case, WithdrawConsent, consent=fetching.consent_of(place.office, case))
    else:
        finishes(place.office, case)
        erases(place.office, case, "health")
    catch_up(settings)
    with superuser.transaction():
        kept.change(superuser, positions_of(settings), DELETIONS, "stream = %s", (case,), done_at=None)
    (at,) = superuser.execute("SELECT at_position FROM delivery.deletions WHERE stream = %s", (case,)).fetchone() or ()
    with changed(superuser, *how, at):
        with composition.deletions(settings) as asking:
            asking.once()
        assert open_deletions(superuser, case) == {at}, "it is not done: nobody could say who is to be asked"
        assert case in damaged_streams(settings)
    look_again(settings)
    with composition.deletions(settings) as asking:
        asking.once()
    assert open_deletions(superuser, case) == set()
    assert case not in damaged_streams(settings)


@pytest.mark.thorough
@pytest.mark.parametrize("followed", [True, False], ids=["followed before", "followed by nobody"])
def test_a_case_whose_consent_ended_far_ahead_shows_nothing_and_holds_up_no_agency(
    place: Place, settings: Settings, superuser: psycopg.Connection, followed: bool
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    fetching.note(place.office, hit, "before")
    fetching.note(place.office, other, "elsewhere")
    catch_up(settings)
    consent = fetching.consent_of(place.office, hit)
    place.office.does("uptd-ppa", hit, WithdrawConsent, consent=consent)
    if followed:
        catch_up(settings)
    (at,) = superuser.execute(
        "SELECT notification_id FROM log.stored_events WHERE originator_id = %s AND topic = 'case.ConsentWithdrawn'",
        (hit,),
    ).fetchone() or (0,)
    with changed(superuser, *MOVED, at):
        with composition.follower(settings) as source:
            source.keep_up()
        told = fetching.fetched(settings, place, other)
        assert told.numbers == list(range(1, place.office.ports.feed.head("rsud").sequence + 1)), "it reaches its head"
        assert told.notes == ["elsewhere"]
        assert fetching.fetched(settings, place, hit).notes == []
        assert hit in damaged_streams(settings)
        look_again(settings)
        assert hit in damaged_streams(settings), "it is still not at its number"
    look_again(settings)
    assert hit not in damaged_streams(settings)
    told = fetching.fetched(settings, place, hit)
    assert told.notes == [], "it was withdrawn"
    assert "case.ConsentWithdrawn" in told.topics
    assert "erasure.DeletionAsked" in told.topics


def open_deletions(db: psycopg.Connection, case: UUID) -> set[int]:
    """The events because of which agencies are still to be asked."""
    found = db.execute("SELECT at_position FROM delivery.deletions WHERE stream = %s AND done_at IS NULL", (case,))
    return {position for (position,) in found}


def keys_of(db: psycopg.Connection, case: object) -> int:
    (count,) = db.execute("SELECT count(*) FROM log.data_keys WHERE stream = %s", (case,)).fetchone() or (0,)
    return int(count)
