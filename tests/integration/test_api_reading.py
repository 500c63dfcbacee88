"""Reading over HTTP: lists and their pages, what a timeline shows and withholds, and that who looked is on record."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from conftest import Running
from some import thorough

from rujukan.api.application.casework import Casework
from rujukan.domain.codes import CODE_LISTS, AgencyKind, Purpose, Role, Service
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

PEOPLE = (Role.CASE_WORKER, Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER)
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
RAPE = {"forms": ["seksual"], "gbv_type": "rape", "narrative": "Diceritakan korban."}


class Desk:
    """A person's desk: posts and reads, and looks at the whole answer."""

    def __init__(
        self, running: Running, agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.CARE
    ) -> None:
        self._http = running.client(agency, role, purpose)
        self.actor = str(usual_actor(agency, role))

    def look(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        return self._http.get(path, params=query, headers=headers)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        response = self.look(path, **query)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        response = self._http.post(path, json=body)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def attach(self, case: str, content: bytes, compartment: str) -> dict[str, Any]:
        query, headers = {"kind": "visum", "compartment": compartment}, {"Content-Type": "application/pdf"}
        response = self._http.post(f"{case}/documents", params=query, content=content, headers=headers)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found


class Pair(NamedTuple):
    """Two agencies that nobody else's tests act for: one that leads, and one that is referred to."""

    lead: str
    helper: str


@pytest.fixture(scope="module")
def pair(running: Running) -> Pair:
    found = Pair(f"lead-{uuid4().hex[:8]}", f"helper-{uuid4().hex[:8]}")
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        for code, kind in zip(found, (AgencyKind.NGO, AgencyKind.HEALTH), strict=True):
            onboarding.register(system, code, kind, "Mitra", [Service.HEALTH])
            for role in PEOPLE:
                onboarding.add_member(system, code, usual_actor(code, role), [role], None)
    return found


@pytest.fixture(scope="module")
def lead(running: Running, pair: Pair) -> Desk:
    return Desk(running, pair.lead)


@pytest.fixture(scope="module")
def supervisor(running: Running, pair: Pair) -> Desk:
    return Desk(running, pair.lead, Role.SUPERVISOR, Purpose.SUPERVISION)


@pytest.fixture(scope="module")
def helper(running: Running, pair: Pair) -> Desk:
    return Desk(running, pair.helper)


class Shared(NamedTuple):
    """A case that both take part in."""

    case: str
    referral: str
    consent: str
    clock: str


def shared(lead: Desk, pair: Pair, compartments: Sequence[str] = ("identity", "health"), **then: Any) -> Shared:
    """`then`: when the case was opened, and she agreed."""
    case = f"/cases/{lead.post('/cases', **OPENING, **then)['id']}"
    lead.post(f"{case}/survivor/identity", name="Melati (nama samaran)")
    lead.post(f"{case}/incidents", **RAPE)
    clock = lead.get(case)["clocks"][0]["clock"]
    lead.post(f"{case}/notes", health="Perlu PEP.", legal="Perkara 12/2026.")
    scope = {"recipients": [pair.helper], "compartments": compartments, "purposes": ["care"]}
    consent = lead.post(f"{case}/consents", **scope, given_by=["survivor"], obtained="written", **then)["id"]
    about = {"recipient": pair.helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    referral = lead.post(f"{case}/referrals", **about, compartments=compartments, clocks=[clock])["id"]
    lead.post(f"{case}/referrals/{referral}/sending")
    return Shared(case, referral, consent, clock)


@pytest.fixture
def one(lead: Desk, pair: Pair) -> Shared:
    return shared(lead, pair)


def caught_up(lead: Desk, one: Shared) -> int:
    """The position of a last write, which every list has reached."""
    position: int = lead.post(f"{one.case}/notes", subject="Terakhir.")["position"]
    lead.get("/cases", wait_for=position, limit=1)
    return position


def uuid_of(case: str) -> str:
    return case.removeprefix("/cases/")


# Pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(lead: Desk, helper: Desk, pair: Pair) -> list[Shared]:
    """Seven cases, each shared; in every other one the helper has begun."""
    cases = [shared(lead, pair) for _ in range(7)]
    for one in cases[::2]:
        helper.post(f"{one.case}/referrals/{one.referral}/receipt")
    caught_up(lead, cases[-1])
    return cases


def pages(desk: Desk, path: str, limit: int, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: dict[str, Any] = {}
    while True:
        page = desk.get(path, limit=limit, **query, **cursor)
        yield page["items"]
        if "next" not in page:
            return
        cursor = {"cursor": page["next"]}


LISTS: dict[str, Callable[[Pair, list[Shared]], tuple[str, Role, str, dict[str, Any]]]] = {
    "cases": lambda pair, many: (pair.lead, Role.CASE_WORKER, "/cases", {}),
    "a recipient's cases": lambda pair, many: (pair.helper, Role.CASE_WORKER, "/cases", {}),
    "inbox": lambda pair, many: (pair.helper, Role.CASE_WORKER, "/inbox", {}),
    "outbox": lambda pair, many: (pair.lead, Role.CASE_WORKER, "/outbox", {}),
    "deadlines": lambda pair, many: (pair.lead, Role.CASE_WORKER, "/deadlines", {"all": "true"}),
    "audit": lambda pair, many: (pair.lead, Role.SUPERVISOR, "/audit", {"subject": uuid_of(many[0].case)}),
    "timeline": lambda pair, many: (pair.lead, Role.CASE_WORKER, f"{many[0].case}/timeline", {}),
}


@pytest.mark.parametrize("limit", [2, *map(thorough, (1, 3, 7))])
@pytest.mark.parametrize("name", LISTS)
def test_pages_show_everything_once(running: Running, pair: Pair, many: list[Shared], name: str, limit: int) -> None:
    agency, role, path, query = LISTS[name](pair, many)
    desk = Desk(running, agency, role)
    if name == "audit":  # what is read is added to the trail, so its end is fixed first
        whole = desk.get(path, limit=20, **query)["items"]
    else:
        whole = desk.get(path, limit=500, **query)["items"]
    assert len(whole) >= 7
    found: list[dict[str, Any]] = []
    for page in pages(desk, path, limit, **query):
        assert len(page) <= limit
        found += page
        if len(found) >= len(whole):
            break
    assert found[: len(whole)] == whole


def test_a_list_is_in_the_order_it_promises(lead: Desk, supervisor: Desk, many: list[Shared]) -> None:
    positions = [row["position"] for row in lead.get("/cases", limit=500)["items"]]
    assert positions == sorted(positions, reverse=True), "the case that moved last comes first"
    due = [row["due_at"] for row in lead.get("/deadlines", limit=500)["items"]]
    assert due == sorted(due), "the soonest comes first"
    trail = [row["position"] for row in supervisor.get("/audit", limit=500)["items"]]
    assert trail == sorted(trail), "as it happened"
    versions = [row["version"] for row in lead.get(f"{many[0].case}/timeline")["items"]]
    assert versions == list(range(1, len(versions) + 1)), "as the case grew; its lead is told of every event"


def test_what_is_added_between_two_pages_repeats_nothing(lead: Desk, pair: Pair, many: list[Shared]) -> None:
    first = lead.get("/cases", limit=4)
    lead.get("/cases", wait_for=lead.post("/cases", **OPENING)["position"], limit=1)
    second = lead.get("/cases", limit=4, cursor=first["next"])
    assert not {row["case"] for row in first["items"]} & {row["case"] for row in second["items"]}


@pytest.mark.parametrize("path", ["/cases", "/inbox", "/outbox", "/deadlines"])
@pytest.mark.parametrize("cursor", ["x", "", "W10", "WzEsMiwzXQ", "WyJ4Il0", "e30", "bnVsbA", "W251bGxd", "é"])
def test_a_cursor_is_one_that_a_page_gave(lead: Desk, path: str, cursor: str) -> None:
    response = lead.look(path, cursor=cursor)
    assert (response.status_code, response.json()["type"]) == (400, "urn:rujukan:problem:bad-query")
    assert response.json()["parameter"] == "cursor"


def test_a_cursor_of_another_list_is_none(lead: Desk, many: list[Shared]) -> None:
    of_deadlines = lead.get("/deadlines", limit=1)["next"]
    assert lead.look("/cases", cursor=of_deadlines).status_code == 400
    of_cases = lead.get("/cases", limit=1)["next"]
    assert lead.look("/deadlines", cursor=of_cases).status_code == 400


@pytest.mark.parametrize("limit", ["0", "501", "-1", "ten", "1.0", "", "00001"])
def test_a_page_has_one_to_five_hundred_rows(lead: Desk, limit: str) -> None:
    response = lead.look("/cases", limit=limit)
    assert (response.status_code, response.json()["parameter"]) == (400, "limit")


# The lists -----------------------------------------------------------------------------------------------------


def row_of(desk: Desk, path: str, one: Shared, **query: Any) -> dict[str, Any] | None:
    """The row of that case."""
    items = desk.get(path, limit=500, **query)["items"]
    return next((row for row in items if row["case"] == uuid_of(one.case)), None)


def test_the_caseload_shows_each_its_own_part(lead: Desk, helper: Desk, pair: Pair, one: Shared) -> None:
    caught_up(lead, one)
    mine, theirs = row_of(lead, "/cases", one), row_of(helper, "/cases", one)
    assert mine is not None
    assert theirs is not None
    assert (mine["relation"], theirs["relation"]) == ("lead", "recipient")
    assert mine["version"] == lead.get(one.case)["version"]
    assert (mine["open_referrals"], theirs["open_referrals"]) == (1, 1)
    for row in (mine, theirs):
        assert (row["lead"], row["status"], row["urgency"]) == (pair.lead, "open", "urgent")
    clocks = {c["clock"]: c["due_at"] for c in lead.get(one.case)["clocks"]}
    assert instant(mine["next_due"]) == min(map(instant, clocks.values()))
    assert instant(theirs["next_due"]) == instant(clocks[one.clock]), "only the clock it shares"


def instant(said: str) -> datetime:
    return datetime.fromisoformat(said)


def test_the_caseload_can_be_narrowed(lead: Desk, helper: Desk, one: Shared) -> None:
    helper.post(f"{one.case}/referrals/{one.referral}/receipt")
    helper.post(f"{one.case}/referrals/{one.referral}/rejection", reason="no-capacity")
    lead.post(f"{one.case}/closure", reason="goals-met")
    reopened = lead.post(f"{one.case}/reopening", reason="Laporan baru.")
    closed = lead.post(f"{one.case}/closure", reason="goals-met")
    assert closed["version"] == reopened["version"] + 1
    lead.get("/cases", wait_for=closed["position"], limit=1)
    assert row_of(lead, "/cases", one, status="closed")
    assert not row_of(lead, "/cases", one, status="open")
    assert not row_of(lead, "/cases", one, relation="recipient")
    assert row_of(helper, "/cases", one, relation="former"), "whose part is over"
    assert not row_of(helper, "/cases", one, relation="recipient")


def test_inbox_and_outbox_are_two_sides_of_one_referral(lead: Desk, helper: Desk, pair: Pair, one: Shared) -> None:
    caught_up(lead, one)
    out, come = row_of(lead, "/outbox", one), row_of(helper, "/inbox", one)
    assert out is not None
    assert come is not None
    assert (out.pop("counterpart"), come.pop("counterpart")) == (pair.helper, pair.lead)
    assert out == come
    assert (come["referral"], come["status"], come["service"]) == (one.referral, "requested", "kesehatan")
    assert instant(come["due_at"]) - instant(come["sent_at"]) == timedelta(days=3), "routine"
    assert (come["answered_at"], come["breached"], come["escalations"]) == (None, False, 0)
    assert not row_of(lead, "/inbox", one)
    assert not row_of(helper, "/outbox", one)


def test_the_boxes_follow_each_move(lead: Desk, helper: Desk, one: Shared) -> None:
    moves = {
        "receipt": "received",
        "acceptance": "accepted",
        "start": "in-progress",
        "hold": "on-hold",
        "resumption": "in-progress",
        "completion": "completed",
    }
    more: dict[str, dict[str, str]] = {"hold": {"reason": "waiting"}, "completion": {"outcome": "service-delivered"}}
    for move, status in moves.items():
        done = helper.post(f"{one.case}/referrals/{one.referral}/{move}", **more.get(move, {}))
        for desk, box in ((helper, "/inbox"), (lead, "/outbox")):
            row = row_of(desk, box, one, wait_for=done["position"], case=uuid_of(one.case))
            assert row is not None
            assert row["status"] == status
            assert row["answered_at"] is not None
    assert row_of(helper, "/inbox", one, status="completed")
    assert not row_of(helper, "/inbox", one, status="requested")


def test_a_sending_that_is_entered_late_is_late_from_when_it_was_entered(lead: Desk, pair: Pair, helper: Desk) -> None:
    """Nobody could answer it before."""
    long_ago = {"occurred_at": (datetime.now(UTC) - timedelta(days=4)).isoformat()}
    one = shared(lead, pair, **long_ago)
    about = {"recipient": pair.helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    late = lead.post(f"{one.case}/referrals", **about, compartments=["identity"], **long_ago)["id"]
    sent = lead.post(f"{one.case}/referrals/{late}/sending", duplicate_reason="Datang lagi.", **long_ago)
    items = helper.get("/inbox", case=uuid_of(one.case), wait_for=sent["position"])["items"]
    assert {row["referral"]: row["breached"] for row in items} == {late: False, one.referral: False}


def test_deadlines_run_until_they_are_met(lead: Desk, pair: Pair, helper: Desk, one: Shared) -> None:
    def clocks(desk: Desk, **query: Any) -> dict[str, dict[str, Any]]:
        items = desk.get("/deadlines", limit=500, **query)["items"]
        return {row["clock"]: row for row in items if row["case"] == uuid_of(one.case)}

    caught_up(lead, one)
    assert clocks(lead).keys() == {c["clock"] for c in lead.get(one.case)["clocks"]}
    assert clocks(helper).keys() == {one.clock}, "which came with its referral"
    met = helper.post(f"{one.case}/services", service="kesehatan", meets=[one.clock])
    assert one.clock not in clocks(lead, wait_for=met["position"])
    for desk in (lead, helper):
        row = clocks(desk, all="true")[one.clock]
        assert (row["met_at"], row["ended_by"]) == (None, pair.helper), "of care nobody says in clear how it ended"
        assert row["ended_at"] is not None
        assert row["breached"] is False


# The timeline --------------------------------------------------------------------------------------------------


def timeline(desk: Desk, one: Shared, position: int | None = None) -> list[dict[str, Any]]:
    waiting = {} if position is None else {"wait_for": position}
    found: list[dict[str, Any]] = desk.get(f"{one.case}/timeline", limit=500, **waiting)["items"]
    return found


def test_the_author_reads_all_it_wrote(lead: Desk, one: Shared) -> None:
    entries = timeline(lead, one, caught_up(lead, one))
    notes = [e for e in entries if e["topic"] == "case.NoteRecorded"]
    assert notes[0]["data"]["health"] == "Perlu PEP."
    assert notes[0]["data"]["legal"] == "Perkara 12/2026."
    assert all("withheld" not in entry for entry in entries)


def test_the_recipient_reads_what_is_shared_and_sees_what_is_withheld(lead: Desk, helper: Desk, one: Shared) -> None:
    """Redaction shows as redaction, in an event that it knows of at all."""
    entries = {e["topic"]: e for e in timeline(helper, one, caught_up(lead, one))}
    assert entries["case.SurvivorIdentified"]["data"]["name"] == "Melati (nama samaran)"
    note = next(e for e in timeline(helper, one) if e["topic"] == "case.NoteRecorded")
    assert note["data"]["health"] == "Perlu PEP."
    assert "legal" not in note["data"]
    assert note["withheld"] == ["legal"]
    assert "case.IncidentRecorded" not in entries, "nothing of it was shared"
    assert "case.ConsentGiven" not in entries


def test_after_consent_is_withdrawn_nothing_beyond_coordination_is_shown(lead: Desk, helper: Desk, one: Shared) -> None:
    caught_up(lead, one)
    assert "Melati" in str(timeline(helper, one))
    withdrawn = lead.post(f"{one.case}/consents/{one.consent}/withdrawal")
    entries = timeline(helper, one, withdrawn["position"])
    ended = next(e for e in entries if e["topic"] == "case.ReferralCancelled")
    assert ended["data"]["reason"] == "consent-withdrawn"
    for entry in entries:
        assert not entry["data"].keys() & {"name", "health", "narrative", "gbv_type"}, entry
    assert "Melati" not in str(entries)
    assert "Perlu PEP" not in str(entries)


def test_after_consent_is_narrowed_a_referral_that_shared_more_ends_and_opens_nothing(
    lead: Desk, helper: Desk, pair: Pair, one: Shared
) -> None:
    narrower = {"recipients": [pair.helper], "compartments": ["identity"], "purposes": ["care"]}
    narrowed = lead.post(f"{one.case}/consents/{one.consent}/narrowing", **narrower)
    said = str(timeline(helper, one, narrowed["position"]))
    assert "Melati" not in said
    assert "Perlu PEP" not in said


def test_what_consent_covers_again_is_shown_again(lead: Desk, helper: Desk, pair: Pair, one: Shared) -> None:
    """The work was held when consent ended, another referral told of something else, then consent came back."""
    for move in ("receipt", "acceptance", "start"):
        helper.post(f"{one.case}/referrals/{one.referral}/{move}")
    lead.post(f"{one.case}/consents/{one.consent}/withdrawal")
    obtained = {"given_by": ["survivor"], "obtained": "written", "purposes": ["care"], "recipients": [pair.helper]}
    lead.post(f"{one.case}/consents", compartments=["legal"], **obtained)
    about = {"recipient": pair.helper, "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    second = lead.post(f"{one.case}/referrals", **about, compartments=["legal"])["id"]
    sent = lead.post(f"{one.case}/referrals/{second}/sending", duplicate_reason="Perkaranya.")
    assert "Perkara 12/2026." in str(timeline(helper, one, sent["position"]))
    assert "Perlu PEP." not in str(timeline(helper, one))
    lead.post(f"{one.case}/consents", compartments=["identity", "health"], **obtained)
    resumed = helper.post(f"{one.case}/referrals/{one.referral}/resumption")
    said = str(timeline(helper, one, resumed["position"]))
    assert "Perlu PEP." in said
    assert "Perkara 12/2026." in said


def test_what_an_agency_wrote_it_may_always_read(lead: Desk, helper: Desk, one: Shared) -> None:
    helper.post(f"{one.case}/notes", health="Ditulis rumah sakit.")
    withdrawn = lead.post(f"{one.case}/consents/{one.consent}/withdrawal")
    assert "Ditulis rumah sakit." in str(timeline(helper, one, withdrawn["position"]))


def test_a_document_closes_with_its_consent(lead: Desk, helper: Desk, one: Shared) -> None:
    document = lead.attach(one.case, b"visum", "health")
    path = f"{one.case}/documents/{document['id']}"
    helper.get("/inbox", wait_for=document["position"], limit=1)
    assert helper.look(path).content == b"visum"
    withdrawn = lead.post(f"{one.case}/consents/{one.consent}/withdrawal")
    helper.get("/inbox", wait_for=withdrawn["position"], limit=1)
    assert helper.look(path).status_code == 404
    assert lead.look(path).content == b"visum"


# No log, no read -----------------------------------------------------------------------------------------------


def head(running: Running) -> int:
    with psycopg.connect(running.settings.database) as db:
        row = db.execute("SELECT coalesce(max(notification_id), 0) FROM log.stored_events").fetchone()
        return int(row[0]) if row else 0


def openings(running: Running, after: int) -> int:
    """How many openings of content are durable after a position: asked of the database itself."""
    with psycopg.connect(running.settings.database) as db:
        row = db.execute(
            "SELECT count(*) FROM log.stored_events WHERE topic = 'access.AccessRecorded' AND notification_id > %s",
            (after,),
        ).fetchone()
        return int(row[0]) if row else 0


def document_of(lead: Desk, one: Shared) -> str:
    made = lead.attach(one.case, b"visum", "health")
    lead.get("/cases", wait_for=made["position"], limit=1)
    return f"{one.case}/documents/{made['id']}"


READS: dict[str, Callable[[Desk, Shared], str]] = {
    "case": lambda lead, one: one.case,
    "timeline": lambda lead, one: f"{one.case}/timeline",
    "document": document_of,
}
OPENED = {
    "case": ["coordination"],
    "timeline": ["coordination", "health", "identity"],
    "document": ["health"],
}


@pytest.mark.parametrize("what", READS)
def test_who_looked_is_on_record_before_the_answer_is_given(
    running: Running, lead: Desk, supervisor: Desk, pair: Pair, one: Shared, what: str
) -> None:
    """And the lead sees it: which person, for which agency and purpose, opened what."""
    path = READS[what](lead, one)
    caught_up(lead, one)
    visitor, correlation = Desk(running, pair.helper, Role.SUPERVISOR, Purpose.SUPERVISION), str(uuid4())
    before = head(running)
    response = visitor.look(path, headers={"X-Correlation-Id": correlation})
    assert response.status_code == 200
    assert openings(running, before) == 1
    trail = supervisor.get("/audit", subject=uuid_of(one.case), accesses="true", wait_for=head(running), limit=500)
    entry = next(e for e in trail["items"] if e["correlation"] == correlation)
    assert (entry["actor"], entry["agency"], entry["purpose"]) == (visitor.actor, pair.helper, "supervision")
    assert entry["compartments"] == OPENED[what]
    assert datetime.now(UTC) - instant(entry["recorded_at"]) < timedelta(minutes=1)


@pytest.mark.thorough
@pytest.mark.parametrize("what", READS)
def test_every_look_is_a_record_of_its_own(running: Running, lead: Desk, one: Shared, what: str) -> None:
    path = READS[what](lead, one)
    caught_up(lead, one)
    before = head(running)
    for _ in range(3):
        assert lead.look(path).status_code == 200
    assert openings(running, before) == 3


def test_who_is_refused_has_opened_nothing(running: Running, one: Shared) -> None:
    before, stranger = head(running), Desk(running, "psikolog")
    for path in (one.case, f"{one.case}/timeline", f"{one.case}/documents/{uuid4()}"):
        assert stranger.look(path).status_code == 404
    assert openings(running, before) == 0


def test_lists_open_no_content(running: Running, lead: Desk, one: Shared) -> None:
    """Ids, codes and times: what lists, clocks and counts need."""
    caught_up(lead, one)
    before = head(running)
    said = "".join(lead.look(path, limit=500).text for path in ("/cases", "/inbox", "/outbox", "/deadlines"))
    assert "Melati" not in said
    assert "rape" not in said
    assert openings(running, before) == 0


def test_the_trail_shows_who_did_what_without_its_content(
    running: Running, lead: Desk, supervisor: Desk, pair: Pair, one: Shared
) -> None:
    caught_up(lead, one)
    trail = supervisor.get("/audit", subject=uuid_of(one.case), limit=500)["items"]
    assert [e["topic"] for e in trail][:2] == ["case.CaseOpened", "case.ReportReceived"]
    assert {e["agency"] for e in trail} == {pair.lead}
    assert "Melati" not in str(trail)
    officer = Desk(running, pair.lead, Role.DATA_PROTECTION_OFFICER, Purpose.SURVIVOR_REQUEST)
    assert officer.get("/audit", subject=uuid_of(one.case), limit=500)["items"][: len(trail)] == trail


def test_the_trail_can_be_narrowed_to_a_person(supervisor: Desk, lead: Desk, helper: Desk, one: Shared) -> None:
    helper.get(one.case)
    position = caught_up(lead, one)
    about = {"subject": uuid_of(one.case), "wait_for": position, "limit": 500}
    assert {e["actor"] for e in supervisor.get("/audit", actor=helper.actor, **about)["items"]} == {helper.actor}
    assert supervisor.get("/audit", actor=str(UUID(int=9)), **about)["items"] == []


# Directory, codes, oneself, health -----------------------------------------------------------------------------


def test_the_directory_finds_who_offers_a_service(lead: Desk) -> None:
    listed = {row["code"]: row for row in lead.get("/agencies")["items"]}
    assert listed["rsud"]["name"] == "RSUD Taman Husada"
    forensic = lead.get("/agencies", service="visum")["items"]
    assert "rsud" in {row["code"] for row in forensic}
    assert all("visum" in row["services"] for row in forensic)
    police = lead.get("/agencies", kind="police")["items"]
    assert {row["kind"] for row in police} == {"police"}


def test_every_code_list_is_served_in_two_languages(running: Running) -> None:
    assert running.http.get("/codes").json()["items"] == sorted(CODE_LISTS)
    for name, codes in CODE_LISTS.items():
        items = running.http.get(f"/codes/{name}").json()["items"]
        assert [(item["code"], item["id"], item["en"]) for item in items] == [(c.value, c.id, c.en) for c in codes]
    assert running.http.get("/codes/secrets").status_code == 404


def test_one_reads_who_one_is_here(running: Running, helper: Desk, pair: Pair) -> None:
    assert helper.get("/me") == {
        "actor": helper.actor,
        "agency": pair.helper,
        "kind": "health",
        "roles": ["case-worker"],
    }


def test_what_is_protected_is_not_kept_on_the_way(lead: Desk, one: Shared) -> None:
    for path in (one.case, f"{one.case}/timeline", "/cases", "/inbox"):
        assert lead.look(path).headers["Cache-Control"] == "no-store"
