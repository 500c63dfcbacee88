"""No table that can be edited is evidence: whatever row of one is deleted, what a court is told of who knew what when
stays as it was, or names that something is not whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with
from fetching import Place, consent_of, fetched, note
from office import catch_up
from test_sent import vouch

from rujukan.api.application.acknowledgements import Acknowledgements
from rujukan.api.application.ports import Unavailable
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Role
from rujukan.domain.delivery import AcknowledgeDeliveries, Mark
from rujukan.infra import composition
from rujukan.infra.bundle.deliveries import OfAgency
from rujukan.infra.database import SERVICE
from rujukan.infra.keys import names
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser
SCHEMAS = ("delivery", "views", "follow")


@pytest.fixture
def case(place: Place, settings: Settings) -> UUID:
    """A case of which the hospital was told something, and fetched and acknowledged it; the log vouches for that."""
    case = case_with(place, "rsud")
    note(place.office, case, "told")
    catch_up(settings)
    told = fetched(settings, place, case)
    last = told.sent[-1].sequence
    mark = Mark(last, place.office.ports.deliveries.told("rsud", [last]).receipts[last])
    said = AcknowledgeDeliveries(occurred_at=composition.now(), received=mark, handled=mark)
    taken = Acknowledgements(place.office.casework, place.office.ports.deliveries)
    taken.take("rsud", said, place.office.act("rsud", Role.INTEGRATOR), uuid4())
    vouch(settings)
    note(place.office, case, "and more, which nobody fetched")
    catch_up(settings)
    return case


@contextmanager
def without(db: psycopg.Connection, table: str, ctid: str) -> Iterator[None]:
    """A row is gone for a while, past all triggers."""

    def past_triggers(sql: str, values: Any) -> Any:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            return db.execute(sql, values)

    row = past_triggers(f"DELETE FROM {table} WHERE ctid = %s::tid RETURNING *", (ctid,)).fetchone()
    assert row is not None
    try:
        yield
    finally:
        past_triggers(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)


def tables(db: psycopg.Connection) -> list[str]:
    """Those that are no part of the log, and have rows."""
    found = db.execute(
        "SELECT relnamespace::regnamespace || '.' || quote_ident(relname) FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace::regnamespace::text = ANY(%s) ORDER BY 1",
        (list(SCHEMAS),),
    )
    return [name for (name,) in found]


@pytest.mark.thorough
def test_a_row_that_is_deleted_from_any_table_changes_nothing_or_is_named(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID
) -> None:
    with Node(settings, names.API, 4, SERVICE) as node:
        made = node.written.read(case)[-1]  # in the place of a disclosure

        def known() -> list[OfAgency] | str:
            try:
                return node.knowing.of(case, made)
            except (Unavailable, UnwrapFailed) as refused:
                return type(refused).__name__

        whole = known()
        assert isinstance(whole, list)
        assert [of.agency for of in whole] == ["rsud", "uptd-ppa"]
        assert not any(any(of.not_whole.values()) for of in whole)
        tried = 0
        for table in tables(superuser):
            rows = superuser.execute(f"SELECT ctid::text FROM {table} ORDER BY ctid DESC LIMIT 60").fetchall()
            for (ctid,) in rows:
                with without(superuser, table, ctid):
                    now = known()
                tried += 1
                if now == whole or isinstance(now, str):
                    continue
                assert any(any(of.not_whole.values()) for of in now), (table, ctid)
            assert known() == whole, table
        assert tried > 50


def test_what_an_agency_is_told_beside_the_events_of_a_case_is_no_damage(place: Place, settings: Settings) -> None:
    """That it is to delete its copies stands in a stream of its own: it is told, it is sent, and nothing is missing."""
    case = case_with(place, "rsud")
    note(place.office, case, "told")
    catch_up(settings)
    place.office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(place.office, case))
    catch_up(settings)
    fetched(settings, place, case)
    note(place.office, case, "in the place of a disclosure")
    catch_up(settings)
    with Node(settings, names.API, 4, SERVICE) as node:
        made = node.written.read(case)[-1]
        (hospital,) = [of for of in node.knowing.of(case, made) if of.agency == "rsud"]
        beside = node.on_record.of_agency("rsud", case).beside
    assert beside & {row.sending.sequence for row in hospital.sent}, "it was asked to delete"
    assert not any(hospital.not_whole.values())
