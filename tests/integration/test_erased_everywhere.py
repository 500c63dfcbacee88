"""What was erased is unreadable: through the API, in read models, in the caches of processes that run, and from rows
that somebody kept. Hold and erasure that cross; who is killed; what remains."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from office import (
    HOUR,
    LEAD_PEOPLE,
    Office,
    a_hold,
    asks_to_erase,
    catch_up,
    dump,
    erases,
    head,
    opened_office,
    opened_store,
    reached,
    rows,
    tell_one_case,
    until,
    writing,
)
from patience import PATIENCE_SECONDS
from starlette.testclient import TestClient

from rujukan.api.app import create_app
from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE
from rujukan.api.application.ports import Gone, Ports
from rujukan.domain.case.erasure import ApproveErasure, RefuseErasure, RequestErasure
from rujukan.domain.case.holds import PlaceLegalHold
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.speaking import SetSpeakerAside
from rujukan.domain.codes import CloseReason, ConsentBy, ErasureBasis, Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.persons import SetAside
from rujukan.domain.refusal import (
    Erased,
    HoldStands,
    Refusal,
    Unknown,
)
from rujukan.infra import composition, processes
from rujukan.infra.database import FOLLOWER, SERVICE, as_role
from rujukan.infra.issuer import usual_actor
from rujukan.infra.settings import Settings
from rujukan.infra.store.data_keys import LEASE_SECONDS, WITHIN_SECONDS, KeyGone
from rujukan.infra.store.erasing import Erasing, finish_erasures

C = Compartment


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        yield db


@contextmanager
def another_process(settings: Settings) -> Iterator[Ports]:
    """Ports of their own, as another process of the API has: own connections, own cache of keys."""
    with composition.service(settings, connections=2) as ports:
        yield ports


class Caller:
    """Calls an API in this process as a person."""

    def __init__(self, ports: Ports, settings: Settings, closing: ExitStack) -> None:
        self._issuer = composition.issuer(settings)
        self._client = closing.enter_context(TestClient(create_app(ports), raise_server_exceptions=False))

    def get(self, path: str, agency: str = "uptd-ppa", role: Role = Role.CASE_WORKER, **query: str) -> httpx.Response:
        return self._client.get(path, params=query, headers=self._headers(agency, role))

    def post(self, path: str, agency: str, role: Role, body: object, key: str | None = None) -> httpx.Response:
        headers = self._headers(agency, role) | ({"Idempotency-Key": key} if key else {})
        return self._client.post(path, json=body, headers=headers)

    def _headers(self, agency: str, role: Role) -> dict[str, str]:
        purpose = Purpose.AUDIT if role is Role.DATA_PROTECTION_OFFICER else Purpose.LEGAL
        return {
            "Authorization": f"Bearer {self._issuer.token(usual_actor(agency, role), agency, [role])}",
            "Purpose-Of-Use": purpose.value,
        }


@pytest.fixture
def api(office: Office, settings: Settings) -> Iterator[Caller]:
    with ExitStack() as closing:
        yield Caller(office.ports, settings, closing)


def told(office: Office) -> UUID:
    return tell_one_case(office, composition.now() - HOUR)


# Unreadable --------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_nobody_finds_an_erased_case_through_the_api(office: Office, settings: Settings, api: Caller) -> None:
    case = told(office)
    catch_up(settings)
    paths = [f"/cases/{case}", f"/cases/{case}/timeline", f"/cases/{case}/export"]
    assert [api.get(path).status_code for path in paths] == [200, 200, 200]
    erases(office, case)
    for agency in ("uptd-ppa", "rsud", "polres"):
        for path in paths:
            found, never = api.get(path, agency), api.get(path.replace(str(case), str(uuid4())), agency)
            assert (found.status_code, found.json()) == (404, never.json())
    catch_up(settings)
    for path in ("/cases", "/inbox", "/outbox", "/deadlines"):
        for agency in ("uptd-ppa", "rsud"):
            assert str(case) not in api.get(path, agency, limit="500").text
    found = api.post(f"/cases/{case}/notes", "uptd-ppa", Role.CASE_WORKER, {"health": "late"})
    assert found.status_code == 404


@pytest.mark.thorough
def test_an_erased_compartment_is_withheld_and_the_rest_goes_on(
    office: Office, settings: Settings, api: Caller
) -> None:
    case = told(office)
    catch_up(settings)
    before = api.get(f"/cases/{case}/timeline").json()["items"]
    assert any("health" in entry["data"] for entry in before) is False
    seen = api.get(f"/cases/{case}/timeline", "rsud").json()["items"]
    assert any(entry["data"].get("health") == "seen" for entry in seen)
    erases(office, case, "health")
    for _ in range(2):  # before and after the read models know of it
        after = api.get(f"/cases/{case}/timeline", "rsud").json()["items"]
        assert not any(entry["data"].get("health") for entry in after)
        assert any("health" in entry.get("withheld", []) for entry in after)
        catch_up(settings)
    office.does("uptd-ppa", case, RecordNote, note=uuid4(), safety="goes on")
    with pytest.raises(Erased):
        office.does("uptd-ppa", case, RecordNote, note=uuid4(), health="of health")
    with pytest.raises(Erased):
        office.ports.documents.put(case, uuid4(), C.HEALTH, b"a visum")


def test_documents_die_with_their_keys(office: Office) -> None:
    case, document = told(office), uuid4()
    office.ports.documents.put(case, document, C.HEALTH, b"a visum")
    assert office.ports.opener.document(case, document, C.HEALTH) == b"a visum"
    erases(office, case, "health")
    assert office.ports.opener.document(case, document, C.HEALTH) is None


@pytest.mark.thorough
def test_a_running_process_forgets_within_the_bound(office: Office, settings: Settings) -> None:
    """Another process of the API, which has the case, its keys and its content at hand, and asks all the time."""
    case = told(office)
    with another_process(settings) as other, opened_store(settings) as store:
        elsewhere = Casework(other.log, other.macs)
        assert elsewhere.case(case) is not None
        at = [w.position for w in other.log.read(case) if C.HEALTH in w.compartments_present]
        wanted = {position: frozenset({C.HEALTH}) for position in at}
        assert any(segments for _, segments in other.opener.events(wanted).values())
        store.keys.for_opening(case, [C.HEALTH, C.COORDINATION])
        last_seen = [0.0]
        seen, stop = Event(), Event()

        def ask() -> None:
            while not stop.is_set():
                began = time.monotonic()
                if other.opener.events(wanted):
                    last_seen[0] = began
                    seen.set()

        asking = Thread(target=ask)
        asking.start()
        assert seen.wait(PATIENCE_SECONDS), "the other process reads it before"
        erasure = asks_to_erase(office, case)
        office.does("uptd-ppa", case, ApproveErasure, role=LEAD_PEOPLE[1], erasure=erasure)
        answered = time.monotonic()
        time.sleep(0.2)
        stop.set()
        asking.join()
        assert last_seen[0] <= answered, "who asked after the erasure was reported done was shown content"
        assert other.opener.events(wanted) == {}
        assert elsewhere.case(case) is None
        assert case not in elsewhere._states
        with pytest.raises(Gone):
            other.log.read(case)
        with pytest.raises(KeyGone):
            store.keys.for_opening(case, [C.HEALTH])
        assert not [key for key in store.keys._cache if key[0] == case]


def test_while_the_database_cannot_be_asked_nothing_is_opened_from_a_cache(
    office: Office, settings: Settings, superuser: psycopg.Connection
) -> None:
    case = told(office)
    with opened_store(settings) as store:
        assert store.keys.for_opening(case, [C.HEALTH])
        superuser.execute("REVOKE SELECT ON log.erased_keys FROM rujukan_service")
        try:
            time.sleep(LEASE_SECONDS)
            with pytest.raises(psycopg.Error):
                store.keys.for_opening(case, [C.HEALTH])
        finally:
            superuser.execute("GRANT SELECT ON log.erased_keys TO rujukan_service")
        assert store.keys.for_opening(case, [C.HEALTH])


@pytest.mark.thorough
def test_a_follower_forgets_the_files_it_keeps(office: Office, settings: Settings) -> None:
    case = told(office)
    with composition.follower(settings) as source:
        while batch := source.after(source.passed, 500):
            source.passed = batch[-1].written.position
        assert source.files._files.get(case) is not None
        erases(office, case)
        source.store.keys.renew()
        assert source.files._files.get(case) is None


def test_keys_put_back_from_a_copy_stay_dead(office: Office, settings: Settings, superuser: psycopg.Connection) -> None:
    case = told(office)
    superuser.execute("CREATE TEMP TABLE kept AS SELECT * FROM log.data_keys WHERE false")
    superuser.execute("INSERT INTO kept SELECT * FROM log.data_keys WHERE stream = %s", (case,))
    erases(office, case)
    with pytest.raises(psycopg.Error, match="erased") as refused:
        superuser.execute("INSERT INTO log.data_keys SELECT * FROM kept WHERE stream = %s", (case,))
    assert refused.value.sqlstate == "RJ001"
    with superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")  # as pg_restore --disable-triggers does
        superuser.execute("INSERT INTO log.data_keys SELECT * FROM kept WHERE stream = %s", (case,))
    with opened_store(settings) as store, pytest.raises(KeyGone):
        store.read(case)


# The database does not do more than the log says --------------------------------------------------------------


PROPOSED = (
    "SELECT originator_id FROM log.stored_events WHERE topic = 'proposal.ProposalMade' ORDER BY notification_id DESC"
)
LEFT = "SELECT compartment FROM log.data_keys WHERE stream = %s ORDER BY compartment"


def asked_of_two(office: Office, superuser: psycopg.Connection, case: UUID) -> UUID:
    """The proposal in which a supervisor said why somebody is not safe to speak for her."""
    aside = {"speakers": frozenset({ConsentBy.GUARDIAN}), "set_aside": SetAside.NOT_SAFE, "reason": "he threatens her"}
    office.does("uptd-ppa", case, SetSpeakerAside, **aside)
    (proposal,) = superuser.execute(PROPOSED).fetchone() or (None,)
    return UUID(str(proposal))


def test_what_was_said_to_a_second_person_dies_with_the_case(
    office: Office, settings: Settings, superuser: psycopg.Connection
) -> None:
    case, kept = told(office), told(office)
    proposal, of_kept = asked_of_two(office, superuser, case), asked_of_two(office, superuser, kept)
    before = superuser.execute(LEFT, (proposal,)).fetchall()
    assert (int(C.SAFETY),) in before
    erases(office, case)
    erases(office, kept, "health")
    with composition.follower(settings) as source:
        erasing = Erasing(source.store)
        erasing.finish()
        assert superuser.execute(LEFT, (proposal,)).fetchall() == [(int(C.COORDINATION),)], "who asked for what stays"
        assert superuser.execute(LEFT, (of_kept,)).fetchall() == before, "its case is kept, and what it holds of safety"
        with pytest.raises(KeyGone):
            source.store.keys.for_opening(proposal, [C.SAFETY])
    erases(office, kept, "safety")
    with composition.follower(settings) as source:
        finish_erasures(source.store)
        assert (int(C.SAFETY),) not in superuser.execute(LEFT, (of_kept,)).fetchall()


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_service_role_destroys_of_a_proposal_what_no_erasure_names(
    office: Office, settings: Settings, superuser: psycopg.Connection, role: str
) -> None:
    case = told(office)
    proposal = asked_of_two(office, superuser, case)
    erased = told(office)
    erases(office, erased)
    (version,) = superuser.execute(
        "SELECT originator_version FROM log.stored_events WHERE originator_id = %s AND topic = 'case.CaseErased'",
        (erased,),
    ).fetchone() or (0,)
    before = superuser.execute(LEFT, (proposal,)).fetchall()
    with psycopg.connect(as_role(settings.database, role), autocommit=True) as db:
        for of, at, stream, compartments in (
            (case, 1, proposal, [int(C.SAFETY)]),  # that case is not erased
            (erased, version, proposal, [int(C.COORDINATION)]),
            (erased, version, case, [int(C.SAFETY)]),  # that is no proposal
            (erased, version, proposal, [int(C.SAFETY)]),  # that proposal is on another case
        ):
            row = db.execute(
                "SELECT log.erase_proposal_keys(%s, %s, %s, %s)", (stream, of, at, compartments)
            ).fetchone()
            assert row == (None,)
    assert superuser.execute(LEFT, (proposal,)).fetchall() == before


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_service_role_destroys_a_key_that_no_event_names(office: Office, settings: Settings, role: str) -> None:
    case = told(office)
    now = office.casework.case(case)
    assert now is not None
    with psycopg.connect(as_role(settings.database, role), autocommit=True) as db:
        for statement in ("DELETE FROM log.data_keys", "TRUNCATE log.data_keys", "DELETE FROM log.erased_keys"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("INSERT INTO log.erased_keys (stream, compartment, position) VALUES (%s, 0, 1)", (case,))
        for version in range(now.version + 2):
            row = db.execute("SELECT log.erase_keys(%s, %s, '{0,1,2,3,4,5,6,7,8}')", (case, version)).fetchone()
            assert row == (None,)
    assert office.casework.case(case) is not None


def test_tombstones_are_for_ever(superuser: psycopg.Connection, office: Office) -> None:
    erases(office, told(office))
    for change in ("DELETE FROM {}", "UPDATE {} SET position = 1", "TRUNCATE {}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute(change.format("log.erased_keys"))


@pytest.mark.thorough
def test_a_key_made_while_its_case_is_erased_does_not_outlive_it(
    office: Office, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Somebody seals into a compartment that never was used while the erasure commits, again and again."""
    for _ in range(3):
        case = told(office)
        start, stop = Event(), Event()

        def seal(case: UUID = case, start: Event = start, stop: Event = stop) -> None:
            with opened_store(settings) as store:
                start.set()
                while not stop.is_set():
                    try:
                        store.keys.for_sealing(case, [C.ECONOMIC])
                    except Refusal:
                        return
                    store.keys.forget(case)

        sealing = Thread(target=seal)
        sealing.start()
        start.wait(PATIENCE_SECONDS)
        erases(office, case)
        stop.set()
        sealing.join(PATIENCE_SECONDS)
        row = superuser.execute("SELECT count(*) FROM log.data_keys WHERE stream = %s", (case,)).fetchone()
        assert row == (0,)


# Two people, and what crosses --------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_hold_and_an_erasure_that_cross_do_not_both_happen(office: Office, settings: Settings) -> None:
    """Decided in two processes on the same state: the store refuses the later."""
    outcomes = set()
    with another_process(settings) as other:
        elsewhere = Office(other)
        for _ in range(6):
            case = told(office)
            erasure = asks_to_erase(office, case)
            elsewhere.casework.case(case)
            happened: list[str] = []

            def hold(case: UUID = case, happened: list[str] = happened) -> None:
                try:
                    elsewhere.does("uptd-ppa", case, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
                    happened.append("held")
                except Unknown:
                    pass

            placing = Thread(target=hold)
            placing.start()
            try:
                office.does("uptd-ppa", case, ApproveErasure, role=LEAD_PEOPLE[1], erasure=erasure)
                happened.append("erased")
            except HoldStands:
                pass
            placing.join()
            assert len(happened) == 1, happened
            outcomes |= set(happened)
    assert outcomes <= {"held", "erased"}


@pytest.mark.thorough
def test_who_asked_cannot_approve_over_the_api(office: Office, settings: Settings, api: Caller) -> None:
    case = told(office)
    asking = {"whole": True, "basis": "survivor-request", "reason": "she asks"}
    made = api.post(f"/cases/{case}/erasures", "uptd-ppa", Role.SUPERVISOR, asking)
    assert made.status_code == 201
    approval = f"/cases/{case}/erasures/{made.json()['id']}/approval"
    refused = api.post(approval, "uptd-ppa", Role.SUPERVISOR, {})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rujukan:problem:another-person-needed")
    assert api.post(approval, "rsud", Role.SUPERVISOR, {}).status_code == 403
    assert api.post(approval, "uptd-ppa", Role.CASE_WORKER, {}).status_code == 403
    trial = {"hold_kind": "trial", "reason": "a trial"}
    held = api.post(f"/cases/{case}/legal-holds", "uptd-ppa", Role.LEGAL_REVIEWER, trial)
    assert held.status_code == 201
    stopped = api.post(approval, "uptd-ppa", Role.DATA_PROTECTION_OFFICER, {})
    assert (stopped.status_code, stopped.json()["type"]) == (409, "urn:rujukan:problem:hold-stands")
    over = {"ended_by": "final-judgment", "rule": "7/2026"}
    path = f"/cases/{case}/legal-holds/{held.json()['id']}/lifting"
    lifting = api.post(path, "uptd-ppa", Role.LEGAL_REVIEWER, over)
    assert lifting.status_code == 202
    second = f"{lifting.headers['Location']}/approval"
    assert api.post(second, "uptd-ppa", Role.LEGAL_REVIEWER, {}).status_code == 403
    assert api.post(second, "uptd-ppa", Role.DATA_PROTECTION_OFFICER, {}).status_code == 200
    begun = time.monotonic()
    done = api.post(approval, "uptd-ppa", Role.DATA_PROTECTION_OFFICER, {}, "once")
    assert done.status_code == 200
    assert time.monotonic() - begun >= LEASE_SECONDS
    again = api.post(approval, "uptd-ppa", Role.DATA_PROTECTION_OFFICER, {}, "once")
    assert (again.status_code, again.json()) == (200, done.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.post(approval, "uptd-ppa", Role.LEGAL_REVIEWER, {}).status_code == 404


# Who is killed -----------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_keys_are_destroyed_also_where_who_erased_is_killed_after_the_commit(
    office: Office, settings: Settings, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = told(office)
    erasure = asks_to_erase(office, case)
    with monkeypatch.context() as killed:
        killed.setitem(CASE.afterwards, ApproveErasure, lambda *said: None)  # as if it died on the line before
        office.does("uptd-ppa", case, ApproveErasure, role=LEAD_PEOPLE[1], erasure=erasure)
    assert superuser.execute("SELECT count(*) > 0 FROM log.data_keys WHERE stream = %s", (case,)).fetchone() == (True,)
    assert office.casework.case(case) is None
    with pytest.raises(Unknown):
        office.casework.known(case, office.act("uptd-ppa"))
    with composition.follower(settings) as source:
        for _ in range(2):
            reached = finish_erasures(source.store)
        erasing = Erasing(source.store)
        assert erasing.finish() == erasing.finish() == reached
    assert superuser.execute("SELECT count(*) FROM log.data_keys WHERE stream = %s", (case,)).fetchone() == (0,)
    time.sleep(WITHIN_SECONDS)
    assert office.casework.case(case) is None


# Read models, and what remains -------------------------------------------------------------------------------


@pytest.mark.thorough
def test_read_models_drop_an_erased_case_and_keep_who_looked(office: Office, settings: Settings) -> None:
    case = told(office)
    catch_up(settings)
    before = dump(settings)
    assert all(str(case) in str(before[t]) for t in ("caseload", "timeline", "referral_box", "deadline", "person"))
    looked = [row for row in before["audit"] if row[1] == "access.AccessRecorded" and row[2] == case]
    erasure = erases(office, case)
    catch_up(settings)
    after = dump(settings)
    for table in ("caseload", "timeline", "referral_box", "deadline", "person", "retention"):
        assert str(case) not in str(after[table]), table
    of_case = [row for row in after["audit"] if row[2] == case]
    assert [row for row in of_case if row[1] == "access.AccessRecorded"] == looked
    assert {row[1] for row in of_case} == {
        "access.AccessRecorded",
        "erasure.ErasureRecorded",
        "erasure.DeletionAsked",
    }
    assert str(erasure) in str(after["erasure"])


@pytest.mark.thorough
def test_a_worker_passes_by_what_cannot_be_opened_any_more(office: Office, settings: Settings) -> None:
    """While it runs, the log ends with events that no key opens; no list stays behind them."""
    catch_up(settings)
    stop = Event()
    working = Thread(target=processes._project, args=(settings, stop))
    working.start()
    try:
        for _ in range(3):
            with writing(settings.database) as writer:
                writer.append(rows(uuid4(), each=3))
            until(lambda: reached(settings) == {head(settings)})
            tell_one_case(office, composition.now())
    finally:
        stop.set()
        working.join(PATIENCE_SECONDS)


def test_the_lead_sees_what_was_erased_and_who_has_not_deleted(office: Office, settings: Settings, api: Caller) -> None:
    case = told(office)
    erasure = erases(office, case)
    catch_up(settings)
    officer = Role.DATA_PROTECTION_OFFICER
    entry = next(i for i in api.get("/erasures", role=officer).json()["items"] if i["erasure"] == str(erasure))
    assert (entry["case"], entry["status"], entry["basis"]) == (str(case), "erased", "survivor-request")
    assert entry["requested_by"] != entry["approved_by"]
    assert entry["keys_destroyed_at"]
    assert not entry["beyond_backups"]
    assert [c["agency"] for c in entry["copies"]] == ["lbh", "rsud", "uptd-ppa"]
    assert str(case) not in api.get("/erasures", "rsud", officer).text
    assert api.get("/erasures", role=Role.CASE_WORKER).status_code == 403
    path = f"/erasures/{erasure}/acknowledgement"
    assert api.post(path, "polres", officer, {}).status_code == 404
    assert api.post(path, "rsud", Role.CASE_WORKER, {}).status_code == 403
    done = api.post(path, "rsud", officer, {}, "ack")
    assert done.status_code == 200
    assert api.post(path, "rsud", officer, {}, "ack").json() == done.json()
    assert api.post(path, "rsud", officer, {}).status_code == 409
    catch_up(settings)
    entry = next(i for i in api.get("/erasures", role=officer).json()["items"] if i["erasure"] == str(erasure))
    assert [c["agency"] for c in entry["copies"] if c["acknowledged_at"] is None] == ["lbh", "uptd-ppa"]


@pytest.mark.thorough
def test_an_asking_is_in_the_list_until_it_is_decided(office: Office, settings: Settings, api: Caller) -> None:
    case = told(office)
    erasure = asks_to_erase(office, case, "health")
    catch_up(settings)
    listed = api.get("/erasures", role=Role.SUPERVISOR).json()["items"]
    assert [(i["status"], i["compartments"]) for i in listed if i["erasure"] == str(erasure)] == [("asked", ["health"])]
    office.does("uptd-ppa", case, RefuseErasure, role=Role.LEGAL_REVIEWER, erasure=erasure, reason="no")
    catch_up(settings)
    assert str(erasure) not in api.get("/erasures", role=Role.SUPERVISOR).text


@pytest.mark.thorough
def test_retention_lists_what_falls_due_and_what_is_held(office: Office, settings: Settings, api: Caller) -> None:
    closed, held = told(office), told(office)
    for case in (closed, held):
        office.does("uptd-ppa", case, CloseCase, reason=CloseReason.GOALS_MET)
    office.does("uptd-ppa", held, PlaceLegalHold, role=Role.LEGAL_REVIEWER, **a_hold())
    catch_up(settings)
    officer = Role.DATA_PROTECTION_OFFICER
    listed = {i["case"]: i for i in api.get("/retention", role=officer, limit="500").json()["items"]}
    assert listed[str(closed)]["source"].startswith("default")
    assert (listed[str(closed)]["held"], listed[str(held)]["held"]) == (False, True)
    assert listed[str(held)]["held_by"] == "uptd-ppa"
    assert [(h["held_by"], h["kind"]) for h in listed[str(held)]["holds"]] == [("uptd-ppa", "trial")]
    assert listed[str(closed)]["due_at"] > composition.now().isoformat()
    only = api.get("/retention", role=officer, held="true", limit="500").json()["items"]
    assert str(closed) not in {i["case"] for i in only}
    assert api.get("/retention", role=officer, until="2020-01-01T00:00:00Z").json()["items"] == []
    assert api.get("/retention", role=officer, until="yesterday").status_code == 400
    first = api.get("/retention", role=officer, limit="1").json()
    rest = api.get("/retention", role=officer, limit="500", cursor=first["next"]).json()["items"]
    assert {i["case"] for i in (*first["items"], *rest)} == set(listed)
    assert str(held) not in api.get("/retention", "rsud", officer).text
    with pytest.raises(Refusal, match="NotDueYet"):
        office.does(
            "uptd-ppa",
            closed,
            RequestErasure,
            role=Role.SUPERVISOR,
            erasure=uuid4(),
            basis=ErasureBasis.RETENTION_ENDED,
            whole=True,
            reason="over",
        )
