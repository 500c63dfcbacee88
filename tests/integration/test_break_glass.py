"""Breaking the glass over HTTP, on a whole running system: what it opens and to whom, what it leaves in the log,
who is told through their topics, and what comes of a review that nobody gives."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from fastapi import FastAPI
from patience import PATIENCE_SECONDS
from people import known

from rujukan.api.app import create_app
from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import AGENCY, CASE
from rujukan.api.application.ports import Changes, Retryable, Unavailable
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.wire.envelope import Delivery
from rujukan.domain.access import AccessRecorded
from rujukan.domain.agency import AddMember
from rujukan.domain.case.glass import BreakGlass
from rujukan.domain.codes import AgencyKind, LegalBasis, Purpose, Role
from rujukan.domain.fact import Act, ActorId, CaseId, GlassId
from rujukan.infra import composition
from rujukan.infra.delivery.escalating import LOOK_SECONDS
from rujukan.infra.issuer import usual_actor
from rujukan.infra.system_act import system_act

OPENER = "psikolog"
"""An agency that has no part in the cases here."""
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "emergency", "age_group": "adult"}
BREAKING: dict[str, Any] = {
    "compartments": ["health"],
    "basis": "imminent-danger",
    "rule": "UU 27/2022 ps. 20 ayat (2) huruf d",
    "reason": "Alasan-rahasia",
}
SECRETS = {"identity": "Mawar-rahasia", "health": "medis-rahasia", "legal": "hukum-rahasia", "safety": "aman-rahasia"}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFICER = Role.DATA_PROTECTION_OFFICER


class Seat:
    """A client's place at another API of the same system, in this process."""

    def __init__(self, app: FastAPI, client: httpx.Client) -> None:
        self._app, self._headers = app, client.headers

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, more))

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        here = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=here, base_url="http://here", headers=self._headers) as http:
            return await http.request(method, path, **more)


Client = httpx.Client | Seat


class Told(NamedTuple):
    """A case of the lead's: its path, and two documents, one of health and one of the law."""

    path: str
    health: str
    legal: str

    @property
    def id(self) -> str:
        return self.path.removeprefix("/cases/")


@pytest.fixture(scope="module", autouse=True)
def officers(running: Running) -> None:
    """The lead and the opener's agency have data protection officers."""
    with composition.service(running.settings, connections=2) as ports:
        casework = Casework(ports.log, ports.macs)
        for agency in ("uptd-ppa", OPENER):
            act = system_act()
            member = AddMember(
                occurred_at=act.at, member=ActorId(usual_actor(agency, OFFICER)), roles=frozenset({OFFICER})
            )
            casework.handle(AGENCY, agency, member, act, correlation=uuid4())
    for agency in ("uptd-ppa", OPENER):
        known(running.client(agency, OFFICER, Purpose.AUDIT))


@pytest.fixture
def lead(running: Running) -> httpx.Client:
    return running.client("uptd-ppa")


@pytest.fixture
def doctor(running: Running) -> httpx.Client:
    """A person of an agency with no part in the case."""
    return running.client(OPENER, purpose=Purpose.CARE)


@pytest.fixture
def chief(running: Running) -> httpx.Client:
    """The supervisor of the agency that leads."""
    return running.client("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION)


@pytest.fixture
def told(lead: httpx.Client) -> Told:
    path = lead.post("/cases", json=OPENING).headers["Location"]
    done(lead.post(f"{path}/survivor/identity", json={"name": SECRETS["identity"]}))
    done(lead.post(f"{path}/notes", json={word: SECRETS[word] for word in ("health", "legal", "safety")}))
    done(lead.post(f"{path}/notes", json={"legal": SECRETS["legal"]}))
    return Told(path, *(attached(lead, path, of) for of in ("health", "legal")))


def done(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


def attached(lead: httpx.Client, path: str, of: str) -> str:
    query = {"kind": "visum", "compartment": of}
    named = {"Content-Type": "application/pdf"}
    found = lead.post(f"{path}/documents", params=query, content=f"bytes of {of}".encode(), headers=named)
    return str(done(found)["id"])


def broken(by: Client, told: Told, **other: Any) -> str:
    """The path of a glass that this person breaks."""
    return f"{told.path}/break-glass/{done(by.post(f'{told.path}/break-glass', json={**BREAKING, **other}))['id']}"


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


@contextmanager
def in_time(running: Running, by: timedelta) -> Iterator[Callable[[httpx.Client], Seat]]:
    """The same system's API, that much later: the clock is a port. Gives who asks a seat at it."""
    with composition.service(running.settings, connections=2) as ports:
        app = create_app(ports._replace(now=lambda: composition.now() + by))
        yield lambda client: Seat(app, client)


def accesses(running: Running, glass: str) -> list[AccessRecorded]:
    """What was recorded under that glass, from the log."""
    return [
        f.written.event
        for f in running.log()
        if isinstance(f.written.event, AccessRecorded) and str(f.written.correlation) == glass.rpartition("/")[2]
    ]


# What it opens -------------------------------------------------------------------------------------------------


def test_an_outsider_reads_the_named_compartments_and_nothing_else(doctor: httpx.Client, told: Told) -> None:
    assert doctor.get(told.path).status_code == 404
    glass = broken(doctor, told)
    said = doctor.get(f"{glass}/timeline")
    items = done(said)["items"]
    assert [item["topic"] for item in items] == ["case.NoteRecorded", "case.DocumentAttached"]
    assert SECRETS["health"] in said.text
    for hidden in ("identity", "legal", "safety"):
        assert SECRETS[hidden] not in said.text
    assert not any("withheld" in item for item in items), "what else there is, it is not told"
    assert items[1]["data"]["document"] == told.health


def test_each_page_goes_on_behind_the_last(doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told)
    first = done(doctor.get(f"{glass}/timeline", params={"limit": 1}))
    second = done(doctor.get(f"{glass}/timeline", params={"limit": 1, "cursor": first["next"]}))
    assert [i["topic"] for i in first["items"] + second["items"]] == ["case.NoteRecorded", "case.DocumentAttached"]


def test_documents_of_the_named_compartments_open_and_no_others(doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told)
    shown = doctor.get(f"{glass}/documents/{told.health}")
    assert (shown.content, shown.headers["content-type"]) == (b"bytes of health", "application/pdf")
    assert shown.headers["Cache-Control"] == "no-store"
    refused = [doctor.get(f"{glass}/documents/{id}") for id in (told.legal, uuid4(), "x")]
    assert [answer.status_code for answer in refused] == [404] * 3
    assert len({answer.content for answer in refused}) == 1


def test_who_takes_part_opens_what_consent_does_not_cover(running: Running, lead: httpx.Client, told: Told) -> None:
    hospital = running.client("rsud", purpose=Purpose.CARE)
    done(
        lead.post(
            f"{told.path}/consents",
            json={
                "compartments": ["health"],
                "recipients": ["rsud"],
                "purposes": ["care"],
                "given_by": ["survivor"],
                "obtained": "verbal",
            },
        )
    )
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    referral = done(lead.post(f"{told.path}/referrals", json={**draft, "compartments": ["health"]}))["id"]
    position = done(lead.post(f"{told.path}/referrals/{referral}/sending"))["position"]
    usual = hospital.get(f"{told.path}/timeline", params={"wait_for": position, "limit": 500})
    assert SECRETS["health"] in usual.text
    assert SECRETS["safety"] not in usual.text
    glass = broken(hospital, told, compartments=["safety"])
    assert SECRETS["safety"] in hospital.get(f"{glass}/timeline").text
    after = hospital.get(f"{told.path}/timeline", params={"limit": 500})
    assert SECRETS["safety"] not in after.text, "the usual way shows what consent covers, and no more"


def test_the_rest_of_the_api_knows_of_nothing(running: Running, doctor: httpx.Client, told: Told) -> None:
    """Nor do the lists of the opener's agency; but its own trail has what it did."""
    position = done(doctor.post(f"{told.path}/break-glass", json=BREAKING))["position"]
    assert doctor.get("/cases", params={"wait_for": position, "limit": 500}).text.count(told.id) == 0
    for path in ("", "/timeline", "/export", f"/documents/{told.health}"):
        assert doctor.get(f"{told.path}{path}").status_code == 404
    assert problem(doctor.post(f"{told.path}/notes", json={})) == (404, "unknown")
    supervisor = running.client(OPENER, Role.SUPERVISOR)
    trail = done(supervisor.get("/audit", params={"subject": told.id}))["items"]
    assert {(e["agency"], e["topic"]) for e in trail} == {(OPENER, "case.GlassBroken")}


# To whom, and how long -----------------------------------------------------------------------------------------


def test_nobody_else_reads_through_it(running: Running, doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told)
    nowhere = f"{told.path}/break-glass/{uuid4()}"
    others = [(OPENER, Role.SUPERVISOR), ("uptd-ppa", Role.CASE_WORKER), ("uptd-ppa", Role.SUPERVISOR)]
    for agency, role in (*others, ("lbh", Role.CASE_WORKER)):
        client = running.client(agency, role)
        for path in ("timeline", f"documents/{told.health}"):
            here, none = client.get(f"{glass}/{path}"), client.get(f"{nowhere}/{path}")
            assert (here.status_code, here.content) == (none.status_code, none.content)
            assert here.status_code == 404
        assert client.post(f"{glass}/closure").status_code == 404
    for role in (OFFICER, Role.LEGAL_REVIEWER, Role.INTEGRATOR):
        purpose = Purpose.AUDIT if role is not Role.INTEGRATOR else Purpose.CARE
        if role is not OFFICER:
            answer = running.client(OPENER, role, purpose).post(f"{told.path}/break-glass", json=BREAKING)
            assert problem(answer) == (403, "not-for-this-role")
        assert running.client(OPENER, role, purpose).get(f"{glass}/timeline").status_code == 403


@pytest.mark.thorough
def test_it_ends_at_its_time_by_itself(running: Running, doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told, minutes=30)
    ways = (f"{glass}/timeline", f"{glass}/documents/{told.health}")
    with in_time(running, timedelta(minutes=29)) as seated:
        assert [seated(doctor).get(way).status_code for way in ways] == [200, 200]
    with in_time(running, timedelta(minutes=30)) as seated:
        answers = [seated(doctor).get(way) for way in ways]
        assert [problem(answer) for answer in answers] == [(403, "glass-not-open")] * 2
        assert not any(SECRETS["health"] in answer.text or b"bytes of" in answer.content for answer in answers)
        assert problem(seated(doctor).post(f"{glass}/closure")) == (403, "glass-not-open")
        again = broken(seated(doctor), told)
        assert SECRETS["health"] in seated(doctor).get(f"{again}/timeline").text


def test_it_ends_when_its_opener_closes_it(doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told)
    assert problem(doctor.post(f"{told.path}/break-glass", json=BREAKING)) == (409, "already-exists")
    done(doctor.post(f"{glass}/closure"))
    assert problem(doctor.get(f"{glass}/timeline")) == (403, "glass-not-open")
    assert broken(doctor, told) != glass


def test_however_often_it_is_asked_for_at_once_one_is_open(running: Running, told: Told) -> None:
    client = running.client(OPENER, purpose=Purpose.CARE)
    with ThreadPoolExecutor(8) as at_once:
        answers = list(at_once.map(lambda _: client.post(f"{told.path}/break-glass", json=BREAKING), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    key = {"Idempotency-Key": str(uuid4())}
    hospital = running.client("rsud", purpose=Purpose.CARE)
    same = [hospital.post(f"{told.path}/break-glass", json=BREAKING, headers=key) for _ in range(2)]
    assert same[0].json()["id"] == same[1].json()["id"], "sent again with its key, it is the same glass"


def test_a_reviewer_ends_what_was_not_justified(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    """The lead's other verdict, at last, lets the doctor break the glass alone in the cases of other tests."""
    glass, officer = broken(doctor, told), running.client(OPENER, OFFICER, Purpose.AUDIT)
    done(officer.post(f"{glass}/review", json={"verdict": "needs-inquiry", "remark": "Ditanyakan."}))
    assert doctor.get(f"{glass}/timeline").status_code == 200
    done(officer.post(f"{glass}/review", json={"verdict": "not-justified", "remark": "Tidak ada bahaya."}))
    assert problem(doctor.get(f"{glass}/timeline")) == (403, "glass-not-open")
    done(chief.post(f"{glass}/review", json={"verdict": "justified", "remark": "Nyawa terancam."}))


# What a refusal tells ------------------------------------------------------------------------------------------

UNFIT: dict[str, dict[str, Any]] = {
    "a court's order": {"basis": "court-order"},
    "five hours": {"minutes": 300},
    "no time": {"minutes": 0},
    "coordination only": {"compartments": ["coordination"]},
    "nothing named": {"compartments": []},
    "tomorrow": {"occurred_at": "2899-01-01T00:00:00Z"},
    "no reason": {"reason": ""},
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_refused_attempt_is_the_same_for_a_case_and_for_none(
    running: Running, doctor: httpx.Client, told: Told, name: str
) -> None:
    def without_times(response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        (body.get("about") or {}).pop("recorded_at", None)
        return body

    for client in (doctor, running.client(OPENER, Role.INTEGRATOR, Purpose.CARE)):
        here, nowhere = (
            client.post(f"/cases/{case}/break-glass", json={**BREAKING, **UNFIT[name]}) for case in (told.id, uuid4())
        )
        assert 400 <= here.status_code < 500
        assert here.status_code == nowhere.status_code
        assert without_times(here) == without_times(nowhere)
        assert here.headers.keys() == nowhere.headers.keys()


def test_a_case_that_is_not_there_answers_as_anything_unknown(doctor: httpx.Client, told: Told) -> None:
    answers = [doctor.post(f"/cases/{id}/break-glass", json=BREAKING) for id in (uuid4(), "x")]
    answers.append(doctor.get(told.path))
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}


# What it leaves in the log -------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_each_opening_is_recorded_with_its_basis_and_traced_by_the_glass(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    glass = broken(doctor, told)
    assert accesses(running, glass) == []
    doctor.get(f"{glass}/timeline")
    doctor.get(f"{glass}/documents/{told.health}")
    doctor.get(f"{glass}/documents/{told.legal}")
    found = accesses(running, glass)
    assert [(a.what, a.basis) for a in found] == [("break-glass", "break-glass:imminent-danger")] * 2
    assert [sorted(a.compartments) for a in found] == [["coordination", "health"], ["health"]]
    assert {(a.reader, a.agency, a.role, str(a.subject)) for a in found} == {
        (usual_actor(OPENER, Role.CASE_WORKER), OPENER, Role.CASE_WORKER, told.id)
    }
    position = done(chief.post(f"{told.path}/notes", json={}))["position"]
    trail = done(chief.get("/audit", params={"subject": told.id, "accesses": "true", "wait_for": position}))["items"]
    assert [e["agency"] for e in trail if e["correlation"] == glass.rpartition("/")[2]] == [OPENER, OPENER]


def test_that_there_was_nothing_to_see_is_recorded_too(running: Running, doctor: httpx.Client, told: Told) -> None:
    glass = broken(doctor, told, compartments=["economic"])
    assert done(doctor.get(f"{glass}/timeline"))["items"] == []
    assert [sorted(a.compartments) for a in accesses(running, glass)] == [["economic"]]


class NoAccessLog:
    """The log, of which the part that takes accesses is away."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(
        self, changes: Sequence[Changes], act: Act, correlation: UUID, retryable: Retryable | None = None
    ) -> list[int]:
        if any(isinstance(event, AccessRecorded) for change in changes for event in change.events):
            raise Unavailable("the log is away")
        found: list[int] = self._log.append(changes, act, correlation, retryable)
        return found


def test_nothing_is_shown_that_could_not_be_recorded(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    glass = broken(doctor, told)
    with composition.service(running.settings, connections=2) as ports:
        app = create_app(ports._replace(log=NoAccessLog(ports.log)))
        for client, path in (
            (doctor, f"{glass}/timeline"),
            (doctor, f"{glass}/documents/{told.health}"),
            (chief, glass),
        ):
            answer = Seat(app, client).get(path)
            assert problem(answer) == (503, "unavailable")
            assert "rahasia" not in answer.text.lower()
    assert accesses(running, glass) == []


# Judging it ----------------------------------------------------------------------------------------------------


def waiting(client: Client, glass: str, **query: Any) -> dict[str, Any] | None:
    """The glass in the list of who reviews."""
    items = done(client.get("/break-glass", params={"limit": 500, **query}))["items"]
    return next((item for item in items if item["glass"] == glass.rpartition("/")[2]), None)


@pytest.mark.thorough
def test_both_sides_see_what_waits_for_their_review_and_nobody_else_does(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    before = composition.now()
    glass = broken(doctor, told, minutes=10)
    position = int(done(running.client("uptd-ppa").post(f"{told.path}/notes", json={}))["position"])
    reviewers = [chief, running.client(OPENER, Role.SUPERVISOR)]
    reviewers += [running.client(agency, OFFICER, Purpose.AUDIT) for agency in ("uptd-ppa", OPENER)]
    for reviewer in reviewers:
        row = waiting(reviewer, glass, wait_for=position)
        assert row is not None
        assert (row["case"], row["agency"], row["lead"], row["is_open"]) == (told.id, OPENER, "uptd-ppa", True)
        assert (row["overdue"], row["verdict"], row["compartments"]) == (False, None, ["health"])
        assert 3 * DAY <= datetime.fromisoformat(row["review_due_at"]) - before < 3 * DAY + HOUR
        assert "Alasan" not in str(row)
    assert waiting(running.client("rsud", Role.SUPERVISOR), glass) is None
    assert doctor.get("/break-glass").status_code == 403
    with in_time(running, 3 * DAY + HOUR) as seated:
        row = waiting(seated(chief), glass)
        assert row is not None
        assert (row["is_open"], row["overdue"]) == (False, True)


def test_a_verdict_takes_it_off_the_list_of_what_waits(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    glass = broken(doctor, told)
    remark = {"remark": "Nyawa terancam."}
    done(chief.post(f"{glass}/review", json={"verdict": "needs-inquiry", **remark}))
    done(doctor.post(f"{glass}/closure"))
    officer = running.client("uptd-ppa", OFFICER, Purpose.AUDIT)
    asked = waiting(officer, glass, wait_for=done(chief.post(f"{told.path}/notes", json={}))["position"])
    assert asked is not None
    assert asked["verdict"] == "needs-inquiry"
    last = done(officer.post(f"{glass}/review", json={"verdict": "justified", **remark}))
    assert waiting(officer, glass, wait_for=last["position"]) is None
    row = waiting(chief, glass, all="true")
    assert row is not None
    assert (row["verdict"], row["reviewer"]) == ("justified", str(usual_actor("uptd-ppa", OFFICER)))
    assert problem(chief.post(f"{glass}/review", json={"verdict": "justified", **remark})) == (409, "already-exists")


def test_the_list_goes_on_page_by_page(
    running: Running, chief: httpx.Client, doctor: httpx.Client, lead: httpx.Client
) -> None:
    glasses, position = [], 0
    for _ in range(3):
        told = Told(lead.post("/cases", json=OPENING).headers["Location"], "", "")
        answer = done(doctor.post(f"{told.path}/break-glass", json=BREAKING))
        glasses.append(answer["id"])
        position = answer["position"]
    found, cursor = [], {}
    while True:
        page = done(chief.get("/break-glass", params={"limit": 2, "wait_for": position, **cursor}))
        found += [item["glass"] for item in page["items"]]
        if "next" not in page:
            break
        cursor = {"cursor": page["next"]}
    assert len(found) == len(set(found))
    assert [glass for glass in found if glass in glasses] == glasses


def test_a_reviewer_is_told_the_reason_and_that_is_recorded(
    running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    glass = broken(doctor, told)
    done(chief.post(f"{glass}/review", json={"verdict": "justified", "remark": "Nyawa terancam."}))
    seen = done(running.client(OPENER, OFFICER, Purpose.AUDIT).get(glass))
    assert (seen["reason"], seen["rule"], seen["agency"]) == ("Alasan-rahasia", BREAKING["rule"], OPENER)
    assert [(r["verdict"], r["remark"], r["agency"]) for r in seen["reviews"]] == [
        ("justified", "Nyawa terancam.", "uptd-ppa")
    ]
    assert [(a.what, a.basis, a.role) for a in accesses(running, glass)] == [("break-glass-review", "review", OFFICER)]
    for agency in ("rsud", "lbh"):
        stranger = running.client(agency, Role.SUPERVISOR)
        here, nowhere = stranger.get(glass), stranger.get(f"/cases/{uuid4()}/break-glass/{uuid4()}")
        assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content) == (404, here.content)
        answer = stranger.post(f"{glass}/review", json={"verdict": "justified", "remark": "x"})
        assert problem(answer) == (404, "unknown")


def test_nobody_reviews_themselves(running: Running, told: Told) -> None:
    supervisor = running.client(OPENER, Role.SUPERVISOR)
    glass = broken(supervisor, told)
    answer = supervisor.post(f"{glass}/review", json={"verdict": "justified", "remark": "Saya sendiri."})
    assert problem(answer) == (403, "not-by-the-same-person")


# Loud ----------------------------------------------------------------------------------------------------------


class Ears:
    """What agencies receive of one case, from their topics, opened with their keys."""

    def __init__(self, running: Running, directory: Path, *agencies: str) -> None:
        self.heard: dict[str, list[Delivery]] = {agency: [] for agency in agencies}
        self._stop = Event()
        self._threads = [Thread(target=self._listen, args=(running, directory, a), daemon=True) for a in agencies]
        for thread in self._threads:
            thread.start()

    def _listen(self, running: Running, directory: Path, agency: str) -> None:
        inbox = SqliteInbox(directory / f"{agency}.db", lambda delivery, db: self.heard[agency].append(delivery))
        key, kafka = running.keys[agency], running.settings.kafka
        Subscription(KafkaSource(agency, kafka), [key], running.service_key, inbox).run(self._stop)

    def of(self, agency: str, case: str) -> list[Delivery]:
        return [d for d in self.heard[agency] if str(d.case) == case]

    def wait_for(self, agency: str, case: str, topic: str, seconds: float = PATIENCE_SECONDS) -> None:
        give_up = time.monotonic() + seconds
        while not any(d.topic == topic for d in self.of(agency, case)):
            assert time.monotonic() < give_up, f"{agency} did not hear of {topic}"
            time.sleep(0.05)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)


@pytest.fixture
def ears(running: Running, tmp_path: Path) -> Iterator[Ears]:
    listening = Ears(running, tmp_path, "uptd-ppa", OPENER, "rsud")
    yield listening
    listening.stop()


@pytest.mark.thorough
def test_the_lead_and_the_openers_agency_hear_every_turn_and_the_opener_nothing_of_the_case(
    ears: Ears, running: Running, doctor: httpx.Client, chief: httpx.Client, told: Told
) -> None:
    glass = broken(doctor, told)
    doctor.get(f"{glass}/timeline")
    done(doctor.post(f"{glass}/closure"))
    done(chief.post(f"{glass}/review", json={"verdict": "justified", "remark": "Remark-rahasia"}))
    done(running.client("uptd-ppa").post(f"{told.path}/notes", json={"health": SECRETS["health"]}))
    ears.wait_for(OPENER, told.id, "case.GlassReviewed")
    ears.wait_for("uptd-ppa", told.id, "case.GlassReviewed")
    turns = ["case.GlassBroken", "case.GlassClosed", "case.GlassReviewed"]
    assert [d.topic for d in ears.of(OPENER, told.id)] == turns
    assert [d.topic for d in ears.of("uptd-ppa", told.id) if "Glass" in d.topic] == turns
    lead_was_told, opener_was_told = (
        next(d for d in ears.of(agency, told.id) if d.topic == "case.GlassBroken") for agency in ("uptd-ppa", OPENER)
    )
    assert lead_was_told.withheld == ["legal"]
    assert "reason" not in lead_was_told.fields()
    said = lead_was_told.fields()
    assert (said["agency"], said["basis"], said["rule"]) == (OPENER, "imminent-danger", BREAKING["rule"])
    assert (said["compartments"], said["role"]) == (["health"], "case-worker")
    assert opener_was_told.fields()["reason"] == "Alasan-rahasia", "it wrote that itself"
    at_review = ears.of(OPENER, told.id)[-1]
    assert (at_review.fields()["verdict"], at_review.withheld) == ("justified", ["legal"])
    assert ears.of("rsud", told.id) == []


@pytest.mark.thorough
def test_a_review_that_nobody_gives_is_raised_once_and_both_sides_hear_of_it(
    ears: Ears, running: Running, chief: httpx.Client, told: Told
) -> None:
    glass = GlassId(uuid4())
    ago = composition.now() - 3 * DAY - HOUR
    with composition.service(running.settings, connections=2) as ports:
        Casework(ports.log, ports.macs).handle(
            CASE,
            CaseId(UUID(told.id)),
            BreakGlass(
                occurred_at=ago,
                glass=glass,
                compartments=frozenset({"health"}),
                basis=LegalBasis.IMMINENT_DANGER,
                rule="UU 27/2022",
                reason="Alasan-rahasia",
            ),
            Act(
                actor=ActorId(usual_actor(OPENER, Role.CASE_WORKER)),
                agency=OPENER,
                kind=AgencyKind.PSYCHOSOCIAL,
                role=Role.CASE_WORKER,
                purpose=Purpose.CARE,
                at=ago,
            ),
            correlation=uuid4(),
        )
    for agency in ("uptd-ppa", OPENER):
        ears.wait_for(agency, told.id, "case.GlassReviewOverdue")
    row = waiting(chief, str(glass), wait_for=ears.of(OPENER, told.id)[-1].position)
    assert row is not None
    assert (row["overdue"], row["reminders"]) == (True, 1)
    time.sleep(LOOK_SECONDS + 1)
    assert [d.topic for d in ears.of(OPENER, told.id)] == ["case.GlassBroken", "case.GlassReviewOverdue"]
    late = done(chief.post(f"{told.path}/break-glass/{glass}/review", json={"verdict": "justified", "remark": "x"}))
    row = waiting(chief, str(glass), wait_for=late["position"], all="true")
    assert row is not None
    assert row["overdue"], "it came late, and that stays to be seen"
