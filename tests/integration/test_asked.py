"""Every parameter of every read, asked anything: an answer, or a problem of the caller's that names the parameter;
never a fault of ours. Instants in the forms of ISO 8601, and positions that the log does not have yet, among them."""

import re
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from some import examples

from rujukan.domain.codes import Role
from rujukan.domain.standing.roles import PURPOSES

LEAD = "uptd-ppa"
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
STREAM = "/subscription/stream"
FORMS = (
    "2026-03-03T14:00:00+08:00",
    "2026-03-03T14:00:00.123456789+08:00",
    "2026-03-03T06:00Z",
    "2026-03-03 06:00:00Z",
    "20260303T060000Z",
    "2026-03-03T06:00:00+00:00",
    "2026-W10-2T06:00:00Z",
    "2026-03-03T14:00:00 08:00",
)
"""As a plus sign arrives that nobody escaped, too."""
NO_INSTANTS = (
    "2026-03-03",
    "2026-03-03T14:00:00",
    "03/03/2026",
    "2026-02-30T06:00Z",
    "1772517600",
    "now",
    "9999-12-31T",
)


@pytest.fixture(scope="module")
def document(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = running.http.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def case(running: Running) -> str:
    return str(running.client(LEAD).post("/cases", json=OPENING).json()["id"])


@pytest.fixture(scope="module")
def people(running: Running) -> list[httpx.Client]:
    """One of each role of the lead, the machine among them: one of them may ask."""
    roles = [role for role in Role if role is not Role.SYSTEM]
    return [running.client(LEAD, role, min(PURPOSES[role])) for role in roles]


def asked_of(document: dict[str, Any], schema: str = "") -> list[tuple[str, str]]:
    """(path, parameter) of every read; with `schema`, those alone whose schema has that in it."""
    return [
        (path, p["name"])
        for path, item in document["paths"].items()
        if path != STREAM
        for p in item.get("get", {}).get("parameters", ())
        if p["in"] == "query" and schema in repr(p["schema"])
    ]


def ask(people: list[httpx.Client], document: dict[str, Any], path: str, case: str, query: str) -> httpx.Response:
    """The answer to the first who may ask; what else is needed is said."""
    known = {"case": case, "code": LEAD, "list": "roles", "topic": "case.CaseOpened", "version": "1", "position": "1"}
    where = re.sub(r"{(\w+)}", lambda found: known.get(found[1], str(uuid4())), path)
    usual = {"agency": "rsud", "from": "1", "to": "1", "case": case, "subject": case, "actor": str(uuid4())}
    needed = [
        p["name"] for p in document["paths"][path]["get"]["parameters"] if p["in"] == "query" and p.get("required")
    ]
    more = "".join(f"&{name}={usual.get(name, '1')}" for name in needed if not query.startswith(f"{name}="))
    for person in people:
        answer = person.get(f"{where}?{query}{more}")
        if answer.status_code not in (401, 403):
            break
    return answer


def is_the_caller_s(answer: httpx.Response, said: str) -> None:
    assert answer.status_code < 500 or answer.json()["type"].endswith(":behind"), (answer.status_code, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert said in NO_INSTANTS or len(said) < 11 or said not in answer.text


TEXTS = (
    st.text(max_size=12)
    | st.sampled_from(
        ["\x00", "\u202e", "\u200b", "%00", "é", " ", "-1", "1e9", "9" * 30, "²", "٣", "1_0", "+1", "' --"]
    )
    | st.datetimes().map(str)
    | st.uuids().map(str)
    | st.integers().map(str)
)


@given(data=st.data(), said=TEXTS)
@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_or_refused(
    people: list[httpx.Client], document: dict[str, Any], case: str, data: st.DataObject, said: str
) -> None:
    path, name = data.draw(st.sampled_from(asked_of(document)))
    is_the_caller_s(ask(people, document, path, case, f"{name}={quote(said, safe='')}"), said)


@pytest.mark.thorough
def test_so_is_each_parameter_asked_each_rubbish(
    people: list[httpx.Client], document: dict[str, Any], case: str
) -> None:
    for path, name in asked_of(document):
        for said in (
            "",
            "\x00",
            "\u202e",
            "-1",
            "9" * 30,
            "RAHASIA-RAHASIA",
            "W1tbW1tbXQ",
            "A" * 9_000,
            "٣",
            *NO_INSTANTS,
        ):
            answer = ask(people, document, path, case, f"{name}={quote(said, safe='')}")
            is_the_caller_s(answer, said)
            if answer.status_code == 400:
                assert answer.json()["parameter"] == name, path


@pytest.mark.thorough
def test_an_instant_is_written_as_iso_8601_has_it(
    people: list[httpx.Client], document: dict[str, Any], case: str
) -> None:
    """With its zone; and what is none is answered with how one is written."""
    found = asked_of(document, "date-time")
    assert {name for _, name in found} >= {"since", "until", "as_of"}
    for path, name in found:
        for form in FORMS:
            answer = ask(people, document, path, case, f"{name}={form}")
            assert answer.status_code != 400 or "ISO 8601" not in answer.json()["detail"], (path, name, form)
        for wrong in NO_INSTANTS:
            answer = ask(people, document, path, case, f"{name}={wrong}")
            if wrong.isdigit() and "ISO 8601" not in answer.text:
                continue  # a position
            assert answer.status_code == 400, (path, name, wrong, answer.text)
            assert "2026-03-03T14:00:00+08:00" in answer.json()["detail"], answer.text


@pytest.mark.thorough
@pytest.mark.parametrize("beyond", [10**9, 10**17])
def test_no_position_is_beyond_the_log(
    running: Running, people: list[httpx.Client], document: dict[str, Any], case: str, beyond: int
) -> None:
    """Of whatever is asked by one: a wait would not end, and a place in a feed would be passed over."""
    for path, name in asked_of(document):
        if name == "wait_for":
            answer = ask(people, document, path, case, f"wait_for={beyond}")
            found = answer.status_code, answer.json().get("parameter")
            assert found in ((400, name), (404, None)), (path, answer.text)
    machine = running.client("rsud", Role.INTEGRATOR)
    for path in ("/subscription/events", STREAM):
        answer = machine.get(path, params={"after": str(beyond)})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:rujukan:problem:another-history")
    administrator = running.client("rsud", Role.AGENCY_ADMINISTRATOR)
    answer = administrator.post("/agencies/rsud/webhook/replay", json={"after": min(beyond, 2**53)})
    assert answer.json()["type"] == "urn:rujukan:problem:not-told", answer.text
    assert people[0].get(f"/ledger/receipts/{beyond}").json()["type"].startswith("urn:rujukan:problem:")
