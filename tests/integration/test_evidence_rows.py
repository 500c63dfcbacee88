"""No table that can be edited is evidence: whatever row of one is deleted, what a court is told of who knew what when
stays as it was, or names that something is not whole."""

from collections.abc import Iterator, Sequence
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

from rujukan.api import survivor
from rujukan.api.application.acknowledgements import Acknowledgements
from rujukan.api.application.ports import Unavailable
from rujukan.api.application.reading import COORDINATION, Asked
from rujukan.api.application.rooms import Rooms
from rujukan.api.history import show_custody, show_diff, show_history
from rujukan.api.reports import Openings, case_access, person_access, unusual_access, what_was_held
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.codes import Purpose, Role
from rujukan.domain.compartment import ALL
from rujukan.domain.delivery import AcknowledgeDeliveries, Mark
from rujukan.infra import composition
from rujukan.infra.bundle.deliveries import OfAgency
from rujukan.infra.database import FOLLOWER, SERVICE, as_role
from rujukan.infra.issuer import usual_actor
from rujukan.infra.keys import names
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings
from rujukan.infra.store.readings import Readings

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


def tables(db: psycopg.Connection, schemas: Sequence[str] = SCHEMAS) -> list[str]:
    """Those of these schemas; by default those that are no part of the log."""
    found = db.execute(
        "SELECT relnamespace::regnamespace || '.' || quote_ident(relname) FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace::regnamespace::text = ANY(%s) ORDER BY 1",
        (list(schemas),),
    )
    return [name for (name,) in found]


# The read models' schema, in the hands of their own role -----------------------------------------------------------


@pytest.fixture
def projecting(settings: Settings) -> Iterator[psycopg.Connection]:
    """The role of who keeps the read models: it may do anything to their rows."""
    with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as db:
        yield db


@contextmanager
def edited(db: psycopg.Connection, table: str, how: str) -> Iterator[bool]:
    """A table of theirs is edited, and put back as it was at the end; False where a rule of the table refuses it."""
    db.execute(f"CREATE TEMP TABLE kept AS TABLE {table}")
    try:
        db.execute(how)
        done = True
    except psycopg.errors.IntegrityError:
        done = False
    try:
        yield done
    finally:
        with db.transaction():
            db.execute(f"DELETE FROM {table}")
            db.execute(f"INSERT INTO {table} SELECT * FROM kept")
        db.execute("DROP TABLE kept")


EDITS = {
    "text": "'polres'",
    "uuid": "gen_random_uuid()",
    "bigint": "{0} + 1000",
    "integer": "{0} + 1000",
    "smallint": "{0} + 1",
    "boolean": "NOT {0}",
    "date": "{0} + 400",
    "timestamp with time zone": "{0} - interval '400 days'",
    "bytea": "'x'",
    "text[]": "'{{}}'",
    "uuid[]": "'{{}}'",
    "jsonb": "'{{}}'",
    "interval": "{0} + interval '400 days'",
}


def edits(db: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Each table that has rows, and ways to edit it: all rows are gone, or one column of all says something else."""
    for table in tables(db, ["views"]):
        if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:
            continue
        yield table, f"DELETE FROM {table}"
        columns = db.execute(
            "SELECT quote_ident(attname), format_type(atttypid, NULL) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (table,),
        ).fetchall()
        for column, kind in columns:
            yield table, f"UPDATE {table} SET {column} = {EDITS.get(kind, 'NULL').format(column)}"


class Evidence:
    """What a court, a survivor and who oversees are answered of a case, as of now, whenever it is asked."""

    def __init__(self, place: Place, case: UUID, node: Node) -> None:
        self._place, self._case, self._node = place, case, node
        self._made = node.written.read(case)[-1]  # in the place of a disclosure
        self._until = composition.now()
        self._head = node.written.head()
        self._looked = len(self._readings()[0])

    def asked(self, agency: str) -> Asked:
        return Asked(self._place.office.act(agency, Role.SUPERVISOR, Purpose.SUPERVISION), uuid4())

    def answers(self) -> dict[str, Any]:
        """By name; what was read since it was first asked is left out."""
        rooms, case, found = Rooms.on(self._place.office.ports), self._case, dict[str, Any]()
        for agency in ("uptd-ppa", "rsud", "polres"):
            asked = self.asked(agency)
            who = usual_actor(agency, Role.CASE_WORKER)
            found[f"{agency}: person-access"] = self._then(person_access(rooms, asked, actor=who, limit=500))
            held = {"at": self._head, "limit": 500}
            found[f"{agency}: holdings"] = what_was_held(rooms, asked, **held)
            found[f"{agency}: others' holdings"] = what_was_held(rooms, asked, agency="rsud", **held)
            found[f"{agency}: unusual-access"] = unusual_access(rooms, asked, to=self._until, limit=500)
        asked = self.asked("uptd-ppa")
        known = rooms.casework.known(case, asked.act)
        found["case-access"] = self._then(case_access(rooms, asked, case=case, limit=500))
        at = self._made.position
        found["history"] = show_history(rooms, asked, known, case=case, as_of=at, agency="rsud")
        found["diff"] = show_diff(rooms, asked, known, case=case, from_=at - 3, to=at)
        found["custody"] = show_custody(rooms, asked, known, case=case, as_of=at)
        report = survivor._report(rooms, asked, case, ALL, "en", None)
        found["survivor's report"] = report.recorded, report.looked[: self._looked]
        found["bundle: who knew"] = self._node.knowing.of(case, self._made)
        found["bundle: who looked"] = self._readings()
        return found

    def _readings(self) -> Any:
        read = Readings(self._node.written).of(self._case)
        return [one.position for one in read.found if one.position <= self._head], read.unread

    def _then(self, openings: Openings) -> Any:
        return [one for one in openings.items if one.position <= self._head], openings.unread


@pytest.mark.thorough
def test_no_edit_of_a_read_model_by_its_own_role_changes_what_is_shown_as_evidence(
    place: Place, settings: Settings, projecting: psycopg.Connection, case: UUID
) -> None:
    """Every table of the schema, emptied; and every column of each, saying something else in all rows."""
    office = place.office
    office.consents(case, "rsud", "psychosocial", by="rsud")  # which the lead is told of as unusual
    catch_up(settings)
    with composition.escalator(settings) as escalator:
        escalator.once()
    with composition.service(settings, connections=4) as ports:
        rooms = Rooms.on(ports)
        for agency, role in (("rsud", Role.CASE_WORKER), ("uptd-ppa", Role.SUPERVISOR)):
            rooms.reading.show(Asked(office.act(agency, role), uuid4()), case, COORDINATION, "case")
    catch_up(settings)
    with Node(settings, names.API, 4, SERVICE) as node:
        evidence = Evidence(place, case, node)
        whole = evidence.answers()
        assert whole["uptd-ppa: holdings"].items
        assert whole["uptd-ppa: others' holdings"].items
        assert not whole["polres: others' holdings"].items
        assert whole["uptd-ppa: unusual-access"].items
        assert any(act.rule == "own-consent" for act in whole["uptd-ppa: unusual-access"].acts)
        assert whole["case-access"][0]
        refused, done = 0, 0
        for table, how in edits(projecting):
            with edited(projecting, table, how) as was:
                refused, done = refused + (not was), done + was
                now = evidence.answers()
            for name, answer in whole.items():
                assert now[name] == answer, (how, name)
        assert done > 100, (done, refused)


# Rows of any table that is no part of the log ------------------------------------------------------------------------


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
