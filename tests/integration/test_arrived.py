"""What arrived as a placeholder did not arrive: whatever is damaged, whoever meets it, nobody is shown as told what
they could not read, and somebody hears of it."""

import time
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import STATE, case_with, changed, entries, flipped, look_again, positions_of, take_up
from fetching import Place, fetched, note
from office import catch_up, opened_runner, rows_of
from some import some

from rujukan.api.application.acknowledgements import Acknowledgements
from rujukan.consumers.wire.envelope import DAMAGED
from rujukan.domain.codes import Role, Service, Urgency
from rujukan.domain.delivery import AcknowledgeDeliveries, Mark
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.delivery import kept
from rujukan.infra.delivery.publishing import PublisherSource
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.positions import GAPS
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings
from rujukan.projections.deliveries import undelivered

place, superuser = fetching.place, damaging.superuser
AGENCY = "rsud"
DAY = timedelta(days=1)


def refers(place: Place) -> tuple[UUID, int]:
    """A case that the hospital knows, and that it is asked to take over at once; and where that is asked."""
    case = case_with(place, AGENCY)
    asked = {"compartments": frozenset({"health"}), "urgency": Urgency.EMERGENCY}
    place.office.refers(case, AGENCY, Service.HEALTH, **asked)
    return case, place.office.position


def acknowledges(place: Place, settings: Settings, case: UUID) -> list[str]:
    """The hospital fetches all that it was told, and says that it received and handled it; what it got of the case."""
    told = fetched(settings, place, case)
    last = told.sent[-1].sequence
    office = place.office
    mark = Mark(last, office.ports.deliveries.told(AGENCY, [last]).receipts[last])
    said = AcknowledgeDeliveries(occurred_at=composition.now(), received=mark, handled=mark)
    acknowledgements = Acknowledgements(office.casework, office.ports.deliveries)
    acknowledgements.take(AGENCY, said, office.act(AGENCY, Role.INTEGRATOR), uuid4())
    catch_up(settings)
    return told.topics


def has_arrived(superuser: psycopg.Connection, at: int) -> tuple[bool, bool]:
    """Whether the sender sees the referral that stands there as delivered, and as opened."""
    row = superuser.execute(
        "SELECT delivered_at IS NOT NULL, opened_at IS NOT NULL FROM views.referral_delivery WHERE position = %s",
        (at,),
    ).fetchone()
    return row or (False, False)


class Progress(NamedTuple):
    """How far the hospital is with a case, as its lead sees it."""

    told: int
    received: int
    handled: int


def progress(superuser: psycopg.Connection, case: UUID) -> Progress:
    row = superuser.execute(
        "SELECT told, received, handled FROM views.case_delivery WHERE case_id = %s AND agency = %s", (case, AGENCY)
    ).fetchone()
    assert row is not None
    return Progress(*row)


def rebuild(settings: Settings) -> None:
    with opened_runner(settings) as runner:
        runner.rebuild("deliveries")


def damaged_in_health(settings: Settings) -> int:
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        return vitals(db, time.time()).damaged


@pytest.mark.thorough
@pytest.mark.parametrize("met", some(["by the feed", "by the publisher", "by the register"]))
def test_an_emergency_referral_that_arrived_as_a_placeholder_is_neither_delivered_nor_opened(
    place: Place, settings: Settings, superuser: psycopg.Connection, met: str
) -> None:
    case, at = refers(place)
    if met != "by the register":
        catch_up(settings)
    with flipped(superuser, STATE, at, lambda size: 120):
        if met == "by the publisher":
            with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
                source = PublisherSource(node.tellings, node.follower_pool, node.bell)
                source.seal_all(source.waiting({AGENCY: 0}, 10_000, 8), 10**9)
                source.close()
        catch_up(settings)
        assert DAMAGED in acknowledges(place, settings, case)
        assert has_arrived(superuser, at) == (False, False)
        assert [entry.stream for entry in entries(settings) if entry.is_set_aside] == [case]
        assert damaged_in_health(settings) == 1
        if met != "by the register":  # its read models have the referral: its silence is raised
            assert case in [of for of, _ in undelivered(superuser, composition.now() + 2 * DAY, 2)]
            (unconfirmed,) = superuser.execute("SELECT unconfirmed_at FROM views.unpublished()").fetchone() or (None,)
            assert unconfirmed is not None
    take_up(settings)
    assert entries(settings) == []
    assert has_arrived(superuser, at) == (False, False), "it is told again, and nobody said that this arrived"
    assert "case.ReferralSent" in acknowledges(place, settings, case)
    assert has_arrived(superuser, at) == (True, True)


@pytest.mark.thorough
def test_what_arrived_whole_has_arrived_whatever_is_sent_once_more_later(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """A hospital that lost its machine fetches all again, when the record has been damaged meanwhile."""
    case, at = refers(place)
    catch_up(settings)
    acknowledges(place, settings, case)
    with flipped(superuser, STATE, at, lambda size: 120):
        assert DAMAGED in fetched(settings, place, case).topics
        positions, later = positions_of(settings), composition.now() + timedelta(hours=1)
        with superuser.transaction():
            assert kept.change(superuser, positions, GAPS, "position = %s", (at,), since=later)
        assert has_arrived(superuser, at) == (True, True)
    take_up(settings)
    assert has_arrived(superuser, at) == (True, True)


def test_a_row_of_the_register_that_is_damaged_is_in_health_and_no_case_is_set_aside_for_it(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    case = case_with(place, AGENCY)
    at = note(place.office, case, "of which the register's row is damaged")
    catch_up(settings)
    row = "agency = 'rsud' AND position = %s"
    with changed(superuser, "delivery.told", "id", row, "gen_random_uuid()", at):
        assert DAMAGED in fetched(settings, place, case).topics
        catch_up(settings)
        assert [(entry.stream, entry.is_set_aside) for entry in entries(settings)] == [(case, False)]
        assert damaged_in_health(settings) == 1
    look_again(settings)
    assert damaged_in_health(settings) == 0


@pytest.mark.thorough
def test_what_is_told_again_is_counted_once_as_told_and_as_received(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Something waited too long for the end of a consent, and went out as placeholders; nothing is damaged, so no read
    model is built anew for it."""
    case, at = refers(place)
    note(place.office, case, "told again")
    catch_up(settings)
    ran_out = {(case, uuid4()): composition.now() - timedelta(hours=1)}
    kept.put_expiries(superuser, positions_of(settings), ran_out)
    assert set(acknowledges(place, settings, case)) == {DAMAGED}
    assert progress(superuser, case).received == 0
    kept.forget_expiries(superuser, case)
    look_again(settings)
    catch_up(settings)
    for _ in range(2):
        live = rows_of(settings)
        rebuild(settings)
        built = rows_of(settings)
        for table in ("case_delivery", "referral_delivery"):
            assert built[table] == live[table]
        now = progress(superuser, case)
        assert now.told >= now.received == now.handled
        acknowledges(place, settings, case)
    now = progress(superuser, case)
    assert now.told == now.received == now.handled
    assert has_arrived(superuser, at) == (True, True)
