"""Every declared read, on the running system: it answers who may ask, refuses what may not be asked, tells strangers
nothing, and stands in the contract with the type of what it answers.

Requests follow from the declarations, so a list that is added is tried here without being named.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from two import seconded

from rujukan.api.app import READS
from rujukan.api.application.casework import Casework
from rujukan.api.parameters import Parameter
from rujukan.api.reads import Content, Read
from rujukan.domain.codes import CODE_LISTS, Purpose, Role
from rujukan.domain.standing.readings import Who
from rujukan.domain.standing.roles import PURPOSES
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

LEAD = "uptd-ppa"
EVERYBODY_AT_THE_LEAD = tuple(role for role in Role if role is not Role.SYSTEM)
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
GLASS = {"compartments": ["health"], "basis": "imminent-danger", "rule": "UU 27/2022", "reason": "danger"}
DISCLOSURE = {
    "disclosure": str(uuid4()),
    "recipient": "PN",
    "basis": "court-order",
    "rule": "1/2026",
    "compartments": ["health"],
}
OPENED_ONLY_BY_WHO_BROKE_IT = "show_opened_"
WRONG = "RAHASIA %"


class Subscribing(NamedTuple):
    """A read of subscribing, as far as it is tried here; that it streams is shown in test_subscribing.py."""

    path: str
    query: tuple[str, ...]


SUBSCRIBING = (
    Subscribing("/subscription", ()),
    Subscribing("/subscription/events", ("after", "since", "position", "case", "limit", "wait")),
    Subscribing("/subscription/stream", ("after", "since", "position", "case")),
)


@pytest.fixture(scope="module")
def made(running: Running) -> Iterator[dict[str, str]]:
    """What stands in addresses and has to be asked: of a case with a document, a glass and a disclosure."""
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        for role in EVERYBODY_AT_THE_LEAD:
            onboarding.add_member(system, LEAD, usual_actor(LEAD, role), [role], None)
    worker = running.client(LEAD)

    def post(client: httpx.Client, path: str, **more: Any) -> dict[str, Any]:
        answer = client.post(path, **more)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    case = post(worker, "/cases", json=OPENING)["id"]
    post(worker, f"/cases/{case}/notes", json={"health": "Perlu PEP."})
    sent = {"params": {"kind": "visum", "compartment": "health"}, "headers": {"Content-Type": "application/pdf"}}
    document = post(worker, f"/cases/{case}/documents", content=b"visum", **sent)["id"]
    glass = post(worker, f"/cases/{case}/break-glass", json=GLASS)["id"]
    reviewer = running.client(LEAD, Role.LEGAL_REVIEWER, Purpose.LEGAL)
    asked = reviewer.post(f"/cases/{case}/disclosures", json=DISCLOSURE)
    disclosed = seconded(asked, running.client(LEAD, Role.SUPERVISOR)).json()
    worker.get("/cases", params={"wait_for": disclosed["position"], "limit": 1})
    hook = running.client(LEAD, Role.AGENCY_ADMINISTRATOR)
    asked = hook.post(f"/agencies/{LEAD}/webhook", json={"url": "https://uptd.example/rujukan"})
    assert seconded(asked, running.client(LEAD, Role.SUPERVISOR)).is_success
    joins = {"member": str(uuid4()), "roles": ["supervisor"]}
    yield {
        "case": case,
        "document": document,
        "glass": glass,
        "proposal": post(hook, f"/agencies/{LEAD}/members", json=joins)["id"],
        "disclosure": DISCLOSURE["disclosure"],
        "code": LEAD,
        "list": min(CODE_LISTS),
        "position": "1",
        "tile": "0/000",
        "topic": "case.NoteRecorded",
        "version": "1",
        "actor": str(usual_actor(LEAD, Role.CASE_WORKER)),
        "from": "1",
        "to": str(disclosed["position"]),
    }
    assert hook.post(f"/agencies/{LEAD}/webhook/removal").is_success, (
        "or it would be posted to as long as the system runs"
    )


class Asking:
    """Asks a read as somebody who may."""

    def __init__(self, running: Running, made: dict[str, str]) -> None:
        self._running, self._made = running, made

    def path(self, read: Read) -> str:
        return read.path.replace(":path", "").format(**self._made)

    def ask(self, read: Read, **more: str) -> httpx.Response:
        needed = {p.name: self._made[p.name] for p in read.parameters if p.place == "query" and p.is_needed}
        return self._client(read).get(self.path(read), params=needed | more)

    def _client(self, read: Read) -> httpx.Client:
        if not read.for_purpose:
            return self._running.http if read.may.who is Who.EVERYBODY else self._running.client(LEAD)
        role = min(read.may.rows[0].roles, key=lambda r: (r is not Role.CASE_WORKER, r))
        if read.operation == "survivor_report":
            return self._running.client(LEAD, Role.CASE_WORKER, Purpose.SURVIVOR_REQUEST)
        likes = (Purpose.COORDINATION, Purpose.AUDIT, Purpose.SUPERVISION, Purpose.LEGAL)
        purpose = next((p for p in likes if p in PURPOSES[role]), min(PURPOSES[role]))
        return self._running.client(LEAD, role, purpose)


@pytest.fixture(scope="module")
def asking(running: Running, made: dict[str, str]) -> Asking:
    return Asking(running, made)


def named(read: Any) -> str:
    return str(read.path)


@pytest.fixture(scope="module")
def document(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = running.http.get("/openapi.json").json()
    return found


@pytest.mark.parametrize("read", READS, ids=named)
def test_it_answers_who_may_ask(asking: Asking, read: Read) -> None:
    response = asking.ask(read, **({"witnessed": "false"} if read.operation == "bundle" else {}))
    later = "not-sealed-yet" in response.text or "no such tile" in response.text  # the sealer is another process
    later = later or "goes on from no other" in response.text
    assert response.is_success or (read.tag in ("ledger", "legal file") and later), response.text
    if response.is_success and response.headers["content-type"] == "application/json":
        assert response.json() is not None


@pytest.mark.parametrize("read", READS, ids=named)
def test_it_refuses_what_it_does_not_know(asking: Asking, read: Read) -> None:
    response = asking.ask(read, statuss="open")
    assert (response.status_code, response.json()["type"]) == (400, "urn:rujukan:problem:bad-query")
    assert response.json()["parameter"] == "statuss"
    assert response.json()["allowed"] == [p.name for p in read.parameters if p.place == "query"]


ASKED = [(read, p) for read in READS for p in read.parameters if p.place == "query"]


@pytest.mark.parametrize(("read", "parameter"), ASKED, ids=lambda of: of.name if isinstance(of, Parameter) else of.path)
def test_it_refuses_a_value_that_does_not_fit(asking: Asking, read: Read, parameter: Parameter) -> None:
    response = asking.ask(read, **{parameter.name: WRONG})
    assert (response.status_code, response.json()["type"]) == (400, "urn:rujukan:problem:bad-query")
    assert response.json()["parameter"] == parameter.name
    assert WRONG not in response.text


@pytest.mark.parametrize("read", READS, ids=named)
def test_a_stranger_is_asked_who_they_are(running: Running, asking: Asking, read: Read) -> None:
    response = running.http.get(asking.path(read))
    if read.may.who is Who.EVERYBODY:
        assert response.status_code != 401
    else:
        assert response.status_code == 401


@pytest.mark.parametrize("read", READS, ids=named)
def test_the_contract_has_it_with_what_it_answers(document: dict[str, Any], read: Read) -> None:
    operation = document["paths"][read.path.replace(":path", "")]["get"]
    shown = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    assert shown == {p.name for p in read.parameters if p.place == "query"}
    answers = operation["responses"]["200"]["content"]
    if isinstance(read.answer, Content):
        assert answers.keys() == read.answer.media.keys()
        return
    schema = document["components"]["schemas"][answers["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    assert schema["properties"], "a type of its own"
    items = schema["properties"].get("items")
    if items is not None:
        assert items["type"] == "array"
        assert items["items"].get("$ref") or items["items"]["type"] == "string"


@contextmanager
def asked(client: httpx.Client, read: Subscribing, **query: str) -> Iterator[httpx.Response]:
    with client.stream("GET", read.path, params=query) as response:
        if response.status_code != 200:
            response.read()
        yield response


@pytest.mark.parametrize("read", SUBSCRIBING, ids=named)
def test_what_holds_no_thread_is_asked_in_the_same_way(
    running: Running, document: dict[str, Any], read: Subscribing
) -> None:
    machine = running.client("rsud", Role.INTEGRATOR)
    with asked(machine, read) as response:
        assert response.status_code == 200
    with asked(machine, read, statuss="open") as response:
        assert (response.status_code, response.json()["allowed"]) == (400, list(read.query))
    for name in read.query:
        with asked(machine, read, **{name: WRONG}) as response:
            assert (response.status_code, response.json()["parameter"]) == (400, name)
    assert running.http.get(f"{read.path}?x={quote(WRONG)}").status_code == 401
    shown = document["paths"][read.path]["get"]["parameters"]
    assert [p["name"] for p in shown if p["in"] == "query"] == list(read.query)
