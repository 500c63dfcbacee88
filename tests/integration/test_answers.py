"""What every door answers, of whatever it is asked: by methods, cursors, queries and keys. The operations are those of
the OpenAPI document, so that what is added is tried without being named."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from conftest import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patience import PATIENCE_SECONDS
from some import examples, some

from rujukan.api.app import READS
from rujukan.api.reads import Read
from rujukan.domain.codes import Role
from rujukan.domain.fact import EARLIEST, LATEST
from rujukan.domain.standing.readings import Who
from rujukan.domain.standing.roles import PURPOSES
from rujukan.domain.standing.rule import roles_of
from rujukan.infra.issuer import usual_actor

LEAD = "uptd-ppa"
OPENING = {"channel": "in-person", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
STREAM = "/subscription/stream"
NIK = "6474014107120001"


@pytest.fixture(scope="module")
def document(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = running.http.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def worker(running: Running) -> httpx.Client:
    return running.client(LEAD)


@pytest.fixture(scope="module")
def case(worker: httpx.Client) -> str:
    return str(worker.post("/cases", json=OPENING).json()["id"])


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


def addresses(document: dict[str, Any], case: str) -> Iterator[tuple[str, str]]:
    """(path as declared, an address of it)."""
    known = {"case": case, "code": LEAD, "list": "roles", "topic": "case.CaseOpened", "version": "1", "position": "1"}
    for path in document["paths"]:
        yield path, re.sub(r"{(\w+)}", lambda found: known.get(found[1], str(uuid4())), path)


# Methods ---------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_head_answers_as_get_does_without_the_body(
    running: Running, worker: httpx.Client, document: dict[str, Any], case: str
) -> None:
    for path, where in addresses(document, case):
        if "get" not in document["paths"][path] or path == STREAM:
            continue
        got, head = worker.get(where), worker.head(where)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        assert head.headers["Content-Type"] == got.headers["Content-Type"], path
    assert worker.head("/docs").status_code == running.http.get("/docs").status_code == 200


@pytest.mark.thorough
def test_head_of_a_stream_ends(running: Running) -> None:
    """And gives its place back, as often as somebody asks."""
    machine = running.client("rsud", Role.INTEGRATOR)
    for _ in range(40):
        answer = machine.head(STREAM)
        assert answer.status_code == 200, answer.headers
        assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_a_method_that_an_address_has_not_is_told_all_that_it_has(
    worker: httpx.Client, document: dict[str, Any], case: str
) -> None:
    for path, where in addresses(document, case):
        has = {method.upper() for method in document["paths"][path]}
        has |= {"GET"} if path == "/cases/search" else set()  # to who reads, a case that is not there
        answer = worker.request("DELETE", where)
        assert problem(answer) == (405, "method-not-allowed"), path
        said = set(answer.headers["Allow"].split(", "))
        assert said == has | ({"HEAD"} if "GET" in has else set()), path


@pytest.mark.parametrize(
    "rubbish", [b"RAHASIA\r\n\r\n", b"GET /cases RAHASIA/1\r\n\r\n", b"\x16\x03\x01RAHASIA\r\n\r\n"]
)
def test_what_is_no_request_is_answered_with_a_problem(running: Running, rubbish: bytes) -> None:
    """As TLS that came to a port without it: no plain text, and nothing of it repeated."""
    host, port = running.system.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as asking:
        asking.sendall(rubbish)
        answer = b"".join(iter(lambda: asking.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["status"] == 400
    assert json.loads(body)["person"]["id"]["next"]
    assert b"RAHASIA" not in answer


# Queries ---------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_no_operation_is_asked_is_refused(
    running: Running, worker: httpx.Client, document: dict[str, Any], case: str
) -> None:
    """By every address and method: of a write, it would have been thought to count."""
    people = [running.client(LEAD, role, min(PURPOSES[role])) for role in (Role.SUPERVISOR, Role.INTEGRATOR)]
    for path, where in addresses(document, case):
        for method, operation in document["paths"][path].items():
            said = {"json": {}} if method == "post" else {}
            answers = [
                client.request(method.upper(), where, params={"limitt": "1"}, **said)  # type: ignore[arg-type]
                for client in (running.http if not operation["security"] else worker, *people)
            ]
            refused = [answer for answer in answers if answer.status_code == 400]
            if all(answer.status_code in (403, 404) for answer in answers):
                continue  # not theirs to ask
            assert refused, (method, path, [answer.text for answer in answers])
            assert refused[0].json()["parameter"] == "limitt", path
            allowed = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
            assert sorted(refused[0].json()["allowed"]) == sorted(allowed), path


def test_what_is_asked_twice_is_refused(worker: httpx.Client) -> None:
    answer = worker.get("/cases?limit=1&limit=2")
    assert problem(answer) == (400, "bad-query")
    assert answer.json()["parameter"] == "limit"
    assert problem(worker.get("/cases?Limit=1")) == (400, "bad-query")
    assert worker.get("/cases?Limit=1").json()["meant"] == "limit"


# Cursors ---------------------------------------------------------------------------------------------------------

PAGED = [(read, p.type) for read in READS for p in read.parameters if p.name == "cursor"]
EDGES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, 10**40]) | st.integers(),
    datetime: st.sampled_from(
        ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", EARLIEST.isoformat(), LATEST.isoformat()]
    ),
    date: st.sampled_from(["0001-01-01", "9999-12-31"]),
    UUID: st.uuids().map(str) | st.just("00000000-0000-0000-0000-000000000000"),
    str: st.text(max_size=8) | st.sampled_from(["\x00", "a\x00b", "\ud800", "'; --", "%"]),
}


def edges(parts: Any) -> st.SearchStrategy[Any]:
    """Cursors of a list that look right."""
    plain = [
        get_args(part)[0] if get_args(part) and get_origin(part) is not tuple else part for part in get_args(parts)
    ]
    return st.tuples(*(EDGES[part] for part in plain)).map(list)


@pytest.mark.parametrize(("read", "parts"), some(PAGED), ids=[read.path for read, _ in PAGED])
@given(data=st.data())
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cursor_that_no_page_gave_is_answered_all_the_same(
    running: Running, case: str, read: Read, parts: Any, data: st.DataObject
) -> None:
    said = data.draw(edges(parts) | st.text(max_size=20) | st.lists(st.integers(), max_size=3))
    text = base64.urlsafe_b64encode(json.dumps(said).encode("utf-8", "surrogatepass")).rstrip(b"=").decode()
    role = min(roles_of(read.may.rows) or {Role.CASE_WORKER}) if read.may.who is not Who.EVERYBODY else Role.CASE_WORKER
    client = running.client(LEAD, role, min(PURPOSES[role]))
    where = re.sub(r"{\w+}", case, read.path)
    needed = {
        p.name: "rsud" if p.name == "agency" else case for p in read.parameters if p.is_needed and p.place == "query"
    }
    answer = client.get(where, params={**needed, "cursor": text})
    assert answer.status_code in (200, 400, 403, 404), (answer.status_code, answer.text)


# Search ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 100_000, b'{"nik":', b'{"nik":"\\ud800"}', b"null", b"[]", b"", b"{}", b'{"nik":1}', b"\x00"],
    ids=lambda content: repr(content[:12]),
)
def test_a_search_for_rubbish_is_refused(worker: httpx.Client, content: bytes) -> None:
    answer = worker.post("/cases/search", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_search_says_what_it_takes(worker: httpx.Client) -> None:
    answer = worker.post("/cases/search", json={"nikk": NIK})
    assert answer.json()["at"] == "$.nikk"
    assert answer.json()["allowed"] == ["nik"]
    assert NIK not in answer.text
    assert problem(worker.post("/cases/search", content=b"nik=1")) == (415, "not-json")


# Bodies ----------------------------------------------------------------------------------------------------------


def test_a_body_that_does_not_fit_names_field_place_and_list(worker: httpx.Client) -> None:
    answer = worker.post("/cases", json={**OPENING, "channel": "telepon"})
    assert problem(answer) == (422, "does-not-fit")
    assert answer.json()["at"] == "$.channel"
    assert "hotline" in answer.json()["allowed"]
    misspelt = worker.post("/cases", json={"chanel": "hotline", **OPENING}).json()
    assert (misspelt["at"], misspelt["meant"]) == ("$.chanel", "channel")
    assert "case" not in misspelt["allowed"]
    assert "nik_index" not in worker.post(f"/cases/{uuid4()}/survivor/identity", json={"nik2": 1}).json()["allowed"]


def test_a_body_says_nothing_twice_and_is_not_packed(worker: httpx.Client, case: str) -> None:
    kind = {"Content-Type": "application/json"}
    notes = f"/cases/{case}/notes"
    twice = worker.post(notes, content=b'{"subject":"a","subject":"b"}', headers=kind)
    assert problem(twice) == (422, "does-not-fit")
    packed = worker.post(notes, content=b"\x1f\x8b", headers={**kind, "Content-Encoding": "gzip"})
    assert problem(packed) == (415, "encoded")


def test_who_sends_no_token_is_told_no_reason_why_it_is_wrong(running: Running) -> None:
    """RFC 6750, section 3.1."""
    assert "error" not in running.http.get("/cases").headers["WWW-Authenticate"]
    wrong = running.http.get("/cases", headers={"Authorization": "Bearer x"})
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]


# Idempotency-Key -------------------------------------------------------------------------------------------------


@given(order=st.permutations(["subject", "health", "legal"]), indent=st.sampled_from([None, 0, 3]))
@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.thorough
def test_the_same_request_is_the_same_however_it_is_written(
    worker: httpx.Client, case: str, order: list[str], indent: int | None
) -> None:
    """A client library that writes a map anew, on its second try, in another order, has one effect all the same."""
    body = {"subject": "Sekali", "health": "é", "legal": "Lapor."}
    kind = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    first = worker.post(f"/cases/{case}/notes", content=msgspec.json.encode(body), headers=kind)
    written = json.dumps({name: body[name] for name in order}, indent=indent)
    again = worker.post(f"/cases/{case}/notes", content=written, headers=kind)
    assert again.headers["Idempotent-Replayed"] == "true", again.text
    assert again.json() == first.json()
    other = worker.post(f"/cases/{case}/notes", json={**body, "legal": "Lain."}, headers=kind)
    assert problem(other) == (422, "key-reused")


def test_two_keys_are_none(worker: httpx.Client, case: str) -> None:
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert problem(worker.post(f"/cases/{case}/notes", json={}, headers=keys)) == (400, "bad-header")


# What the page shows ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_webhook_of_the_page_works_as_it_stands(running: Running) -> None:
    page = (Path(__file__).parents[2] / "api" / "README.md").read_text("utf-8")
    block = page.partition("### Webhooks")[2].partition("```sh\n")[2].partition("```")[0]
    tokens = {
        name: running.issuer.token(usual_actor("rsud", role), "rsud", [role])
        for name, role in (("ADMIN", Role.AGENCY_ADMINISTRATOR), ("SECOND", Role.SUPERVISOR))
    }
    script = block.replace("localhost:8129", running.system.url).replace("curl -s ", "curl -s -w '\\n%{http_code}\\n' ")
    ran = subprocess.run(
        ["bash", "-c", script], env={**os.environ, **tokens}, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert re.findall(r"^(\d{3})$", ran.stdout, re.MULTILINE) == ["200"] * 4, ran.stdout + ran.stderr
    assert "whsec_" in ran.stdout
    assert "whpk_" in ran.stdout


# The operator's log ----------------------------------------------------------------------------------------------


def test_no_request_writes_an_error_for_the_operator(running: Running, worker: httpx.Client) -> None:
    """A made-up cursor, or rubbish, is the caller's fault: who is on duty is not woken for it."""
    log = running.system.logs / "api.log"
    before = log.stat().st_size
    machine = running.client("rsud", Role.INTEGRATOR)
    for after in (f"1.{uuid4()}", f"5.{uuid4()}", "999999"):
        assert machine.get("/subscription/events", params={"after": after}).status_code == 409
    worker.get("/cases", params={"cursor": "RAHASIA"})
    worker.post("/cases/search", content=b"\xff", headers={"Content-Type": "application/json"})
    written = log.read_bytes()[before:]
    assert b"ERROR" not in written, written
