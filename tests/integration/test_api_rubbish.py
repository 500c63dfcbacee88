"""Rubbish: whatever is sent, the answer is a problem document of the caller's making (4xx), nothing is stored,
and nothing of what was sent is repeated, neither to the caller nor in a log.

Everything sent here carries the word R4H4S14, which no text of ours has: it stands for what somebody might paste into
the wrong field.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest
from conftest import Running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from some import examples, some

from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS, OPENING, Action
from rujukan.api.requests import LARGEST_BODY
from rujukan.domain.codes import CODE_LISTS, Role
from rujukan.domain.standing.roles import PURPOSES
from rujukan.domain.standing.rule import commands_of
from rujukan.infra.system_act import SYSTEM_AGENCY

MARKER = "R4H4S14"
ACTIONS: tuple[Action, ...] = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS)
PEOPLE = (Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER)
JSON = {"Content-Type": "application/json"}
READS = ("/cases", "/inbox", "/outbox", "/deadlines", "/escalations", "/audit", "/break-glass")


def named(action: Action) -> str:
    return action.command.__name__


class Careless:
    """Somebody with every right, who sends rubbish."""

    def __init__(self, running: Running) -> None:
        self._clients = {role: running.client("uptd-ppa", role, min(PURPOSES[role])) for role in PEOPLE}

    def post(self, action: Action, content: bytes, path: str = "", **headers: str) -> httpx.Response:
        """A body, to the action's own path with ids that nothing has."""
        role = next(role for role in PEOPLE if action.command in commands_of(role))
        nothing = {name: str(uuid4()) for name in re.findall(r"{(\w+)}", action.path)}
        where = path or action.path.format(**nothing)
        sent = {**JSON, **{n.replace("_", "-"): v for n, v in headers.items()}}
        return self._clients[role].post(where, content=content, headers=sent)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._clients[Role.SUPERVISOR].request(method, path, **more)


@pytest.fixture(scope="module")
def careless(running: Running) -> Careless:
    return Careless(running)


@pytest.fixture(scope="module")
def case(running: Running) -> str:
    """A case that is there, and whose lead asks."""
    opened = running.client("uptd-ppa").post("/cases", json=OPENING.example)
    return opened.headers["Location"].removeprefix("/cases/")


@pytest.fixture(scope="module")
def database(running: Running) -> Iterator[psycopg.Connection]:
    with psycopg.connect(running.settings.database, autocommit=True) as db:
        yield db


def stored(database: psycopg.Connection) -> tuple[int, int, int]:
    """Where the log ends, and how many documents and keys of requests there are."""
    row = database.execute(
        "SELECT (SELECT max(notification_id) FROM log.stored_events), (SELECT count(*) FROM log.documents),"
        " (SELECT count(*) FROM log.idempotency_keys)"
    ).fetchone()
    assert row is not None
    end, documents, keys = row
    return end, documents, keys


@pytest.fixture(autouse=True)
def nothing_is_stored(running: Running, database: psycopg.Connection, case: str) -> Iterator[None]:
    """Nothing that people cause; the system says by itself what is late, when it is."""
    before = stored(database)
    yield
    now = stored(database)
    assert now[1:] == before[1:]
    if now[0] > before[0]:
        added = [followed.written for followed in running.log(before[0])]
        assert [event.topic for event in added if event.author != SYSTEM_AGENCY] == []


@pytest.fixture(scope="module", autouse=True)
def nothing_is_logged(running: Running) -> Iterator[None]:
    yield
    for log in running.system.logs.iterdir():
        assert MARKER.encode() not in log.read_bytes().upper(), log.name


def refused(response: httpx.Response, *statuses: int) -> None:
    """It is a problem document about a fault of the caller's, which repeats nothing."""
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert not statuses or response.status_code in statuses, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"].startswith("urn:rujukan:problem:")
    said = (response.text + str(response.headers)).upper()
    assert MARKER not in said, response.text


# Bodies --------------------------------------------------------------------------------------------------------

NOT_JSON = {
    "text": MARKER.encode(),
    "half": b'{"account": "' + MARKER.encode(),
    "two": b'{"a": "R4H4S14"} {"b": 1}',
    "single quotes": b"{'account': 'R4H4S14'}",
    "form": b"account=R4H4S14&b=1",
    "xml": b"<account>R4H4S14</account>",
    "nan": b'{"R4H4S14": NaN}',
    "infinite": b'{"R4H4S14": 1e999}',
    "not utf-8": b'{"account": "R4H4S14\xff\xfe"}',
    "utf-16": '{"account": "R4H4S14"}'.encode("utf-16"),
    "bom": '\ufeff{"account": "R4H4S14"}'.encode(),
    "raw nul": b'{"account": "R4H4S14\x00"}',
    "nul": b"\x00" * 100,
    "lone surrogate": b'{"account": "R4H4S14\\ud800"}',
    "lone surrogate key": b'{"R4H4S14\\udfff": 1}',
    "brackets": b"[" * 100_000,
    "braces": b'{"R4H4S14":' * 20_000,
    "white space": b" " * 1_000,
}

SELDOM = 20
"""One action in so many is tried in every run: all are read by the same code."""


@pytest.mark.parametrize("action", some(ACTIONS, SELDOM), ids=named)
def test_what_is_not_json_is_refused(careless: Careless, action: Action) -> None:
    for content in NOT_JSON.values():
        refused(careless.post(action, content), 400)


@pytest.mark.parametrize("action", some(ACTIONS, SELDOM), ids=named)
def test_json_that_is_no_object_is_refused(careless: Careless, action: Action) -> None:
    for value in ([MARKER], MARKER, 17, None, True, [[[{}]]], []):
        refused(careless.post(action, json.dumps(value).encode()), 422)
    deep = b'{"R4H4S14":' * 500 + b"1" + b"}" * 500
    refused(careless.post(action, deep), 422)


@pytest.mark.parametrize("action", some(ACTIONS, SELDOM), ids=named)
def test_a_body_that_is_too_large_is_refused(careless: Careless, action: Action) -> None:
    refused(careless.post(action, b'{"account": "R4H4S14' + b"x" * LARGEST_BODY + b'"}'), 413)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "R4H4S14"])
def test_another_content_type_is_refused(careless: Careless, kind: str) -> None:
    for action in ACTIONS:
        refused(careless.post(action, json.dumps(action.example or {"a": MARKER}).encode(), Content_Type=kind), 415)


@pytest.mark.parametrize("action", some(ACTIONS, SELDOM), ids=named)
def test_a_field_of_another_type_is_refused(careless: Careless, action: Action) -> None:
    """In each field: what no field is. The answer names the field and what was expected, not what was sent."""
    wrong: tuple[Any, ...] = ({MARKER: MARKER}, [[MARKER]], 17.5, 10**40)
    for field in action.command.__struct_fields__:
        if f"{{{field}}}" in action.path:
            continue
        for value in wrong:
            response = careless.post(action, json.dumps({**action.example, field: value}).encode())
            refused(response, 422)
            assert response.json()["at"].startswith(f"$.{field}"), response.text


@pytest.mark.parametrize("action", some(ACTIONS, SELDOM), ids=named)
def test_a_field_that_nobody_knows_is_refused(careless: Careless, action: Action) -> None:
    for field in (MARKER, "Occurred_At", "case", "__class__", "actor", "agency", "lead", ""):
        body = json.dumps({**action.example, field: MARKER}).encode()
        refused(careless.post(action, body), 422)


def coded(action: Action) -> Iterator[str]:
    """The fields of an example that hold a code of a list."""
    codes = {code.value for codes in CODE_LISTS.values() for code in codes}
    return (field for field, value in action.example.items() if isinstance(value, str) and value in codes)


@pytest.mark.parametrize("action", some(a for a in ACTIONS if any(coded(a))), ids=named)
def test_a_code_that_is_on_no_list_is_refused(careless: Careless, action: Action) -> None:
    """Nor does the answer repeat it: names get pasted into the wrong field."""
    for field in coded(action):
        for code in (MARKER, f"{MARKER}\n{MARKER}", f"x - at `${MARKER}`", "", f"{action.example[field]}\n"):
            refused(careless.post(action, json.dumps({**action.example, field: code}).encode()), 422)


def text() -> st.SearchStrategy[str]:
    """Text that carries the marker: with what breaks parsers, databases and logs."""
    odd = st.text(alphabet=st.sampled_from("\x00\x1f \"'\\/%{}[]$`;-é\u202e\ufeff\U0001f600\ud800"), max_size=8)
    return st.tuples(odd, odd).map(lambda pair: f"{pair[0]}{MARKER}{pair[1]}")


def bodies(fields: list[str]) -> st.SearchStrategy[Any]:
    """JSON that names an action's own fields, among others."""
    names = st.sampled_from([*fields, MARKER, "$.R4H4S14", "../R4H4S14"])
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text()
    inner = st.recursive(
        leaves,
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(names, inner, max_size=6)


FIELDS = sorted({field for action in ACTIONS for field in action.command.__struct_fields__})


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=st.sampled_from(ACTIONS), body=bodies(FIELDS))
def test_whatever_is_in_a_body_nothing_comes_of_it(careless: Careless, action: Action, body: Any) -> None:
    refused(careless.post(action, json.dumps(body).encode("utf-8", "surrogatepass")))


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=st.sampled_from(ACTIONS), content=st.binary(max_size=200))
def test_whatever_bytes_are_sent_nothing_comes_of_them(careless: Careless, action: Action, content: bytes) -> None:
    try:
        an_object = isinstance(msgspec.json.decode(content), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        an_object = False
    response = careless.post(action, content or MARKER.encode())
    refused(response, *(() if an_object else (400, 422)))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(action=st.sampled_from([a for a in ACTIONS if a.example]), data=st.data())
def test_one_wrong_field_spoils_a_good_body(careless: Careless, action: Action, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(action.example)))
    value = data.draw(st.fixed_dictionaries({MARKER: text()}) | st.lists(st.lists(text(), min_size=1), min_size=1))
    refused(careless.post(action, json.dumps({**action.example, field: value}).encode()), 400, 422)


# Paths, queries, headers, methods ------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize(
    "id",
    some([MARKER, "1", "%00", "%ff%fe", "'; DROP TABLE x; --R4H4S14", "0" * 5_000, f"{UUID(int=7)}0", "%2e%2e"], 4),
)
def test_an_id_that_is_none_is_refused(careless: Careless, case: str, id: str) -> None:
    for path in (f"/cases/{id}", f"/cases/{id}/timeline", f"/cases/{case}/documents/{id}", f"/codes/{id}"):
        refused(careless.ask("GET", path), 404)
    for action in ACTIONS:
        if "{" in action.path:
            where = re.sub(r"{\w+}", lambda _: id, action.path)
            refused(careless.post(action, json.dumps(action.example).encode(), where), 403, 404, 405, 422)


@pytest.mark.thorough
def test_a_field_of_the_path_is_not_in_the_body_too(careless: Careless) -> None:
    for action in CASE_ACTIONS:
        for field in re.findall(r"{(\w+)}", action.path):
            refused(careless.post(action, json.dumps({**action.example, field: str(uuid4())}).encode()), 422)


@pytest.mark.parametrize("path", some(READS, 3))
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "-1"},
        {"limit": "R4H4S14"},
        {"limit": "9" * 500},
        {"limit": ""},
        {"cursor": "R4H4S14"},
        {"cursor": ""},
        {"cursor": "W10"},
        {"cursor": "e30"},
        {"cursor": "bnVsbA"},
        {"cursor": "WyJSQUhBU0lBIl0"},
        {"cursor": "A" * 20_000},
        {"cursor": "W1tbW1tbW1tbW1tbW1tbW10"},
        {"cursor": "é\x00"},
        {"wait_for": "R4H4S14"},
        {"wait_for": "-5"},
        {"wait_for": "9" * 30},
    ],
    ids=lambda query: json.dumps(query)[:40],
)
def test_a_query_that_cannot_be_meant_is_refused(careless: Careless, path: str, query: dict[str, str]) -> None:
    refused(careless.ask("GET", path, params=query), 400)


@pytest.mark.parametrize(
    ("path", "name"), [("/inbox", "case"), ("/outbox", "case"), ("/audit", "subject"), ("/audit", "actor")]
)
@pytest.mark.parametrize("said", ["", MARKER, "\x00", "0" * 31, "' OR 1=1 --R4H4S14"])
def test_an_id_asked_for_is_a_uuid(careless: Careless, path: str, name: str, said: str) -> None:
    refused(careless.ask("GET", path, params={name: said}), 400)


@pytest.mark.parametrize("said", ["' OR 1=1 --R4H4S14", "%", "open; --", "R4H4S14" * 500, "é", ""])
def test_a_filter_that_is_no_code_is_refused(careless: Careless, said: str) -> None:
    """A word that nothing can fit is a mistake: an empty inbox would say that nobody waits."""
    for path, name in (("/cases", "status"), ("/cases", "relation"), ("/inbox", "status"), ("/agencies", "service")):
        response = careless.ask("GET", path, params={name: said})
        refused(response, 400)
        assert response.json()["parameter"] == name


@pytest.mark.parametrize("name", [MARKER, "", "Status", "limit ", "R4H4S14" * 500, "é", "'; --R4H4S14"])
def test_what_nothing_asks_is_refused_and_not_repeated(careless: Careless, name: str) -> None:
    for path in READS:
        response = careless.ask("GET", path, params={name: MARKER})
        refused(response, 400)
        assert "limit" in response.json()["allowed"]


@pytest.mark.parametrize("value", [MARKER, MARKER * 1_000, "\xa0\xff", "'; --R4H4S14", "{}", '"R4H4S14'])
@pytest.mark.parametrize("header", ["Authorization", "Purpose-Of-Use", "If-Match", "X-Correlation-Id"])
def test_a_header_that_cannot_be_meant_is_refused(careless: Careless, case: str, header: str, value: str) -> None:
    sent = {header: value.encode("latin-1")}
    refused(careless.ask("POST", f"/cases/{case}/notes", json={}, headers=sent), 400, 401, 403)
    if header != "If-Match":
        refused(careless.ask("GET", f"/cases/{case}", headers=sent), 400, 401, 403)


@pytest.mark.parametrize("key", [MARKER * 100, "R4H4S14\tx", "\xa0R4H4S14", "\xad"])
def test_a_key_that_cannot_be_meant_is_refused(careless: Careless, case: str, key: str) -> None:
    sent = {"Idempotency-Key": key.encode("latin-1")}
    refused(careless.ask("POST", f"/cases/{case}/notes", json={}, headers=sent), 400)


def test_many_headers_and_long_ones_do_no_harm(careless: Careless) -> None:
    many = {f"X-Rahasia-{n}": MARKER for n in range(80)}
    refused(careless.ask("GET", f"/cases/{uuid4()}", headers={**many, "Cookie": MARKER * 2_000}), 404)


@pytest.mark.thorough
def test_another_method_is_refused(running: Running, careless: Careless) -> None:
    document = running.http.get("/openapi.json").json()
    for path, item in document["paths"].items():
        where = re.sub(r"{\w+}", lambda _: str(uuid4()), path)
        for method in {"get", "post", "put", "patch", "delete", "options", "trace", "propfind"} - item.keys():
            # What one posts to /cases/search is, to who reads, a case that is not there.
            expected = 404 if (method, path) == ("get", "/cases/search") else 405
            refused(careless.ask(method.upper(), where, content=MARKER.encode()), expected)


@pytest.mark.parametrize("path", ["/R4H4S14", "/cases/x/y/z/R4H4S14", "/../R4H4S14", "/%00", "/.env", "//R4H4S14"])
def test_a_path_that_leads_nowhere_is_unknown(careless: Careless, path: str) -> None:
    for method in ("GET", "POST"):
        refused(careless.ask(method, path), 404)


# Documents -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"kind": "photo"},
        {"compartment": "health"},
        {"kind": MARKER, "compartment": "health"},
        {"kind": "photo", "compartment": MARKER},
        {"kind": "photo", "compartment": "\x00"},
        {"kind": "photo", "compartment": "health", "occurred_at": MARKER},
        {"kind": "photo", "compartment": "health", "supersedes": MARKER},
    ],
    ids=json.dumps,
)
def test_a_document_that_does_not_fit_is_not_kept(careless: Careless, case: str, query: dict[str, str]) -> None:
    path = f"/cases/{case}/documents"
    refused(
        careless.ask("POST", path, params=query, content=b"R4H4S14", headers={"Content-Type": "image/png"}), 400, 422
    )


@pytest.mark.parametrize("kind", [MARKER, "a/b/R4H4S14", "/", "image/", "image/png R4H4S14", "x/" + "y" * 200])
def test_a_media_type_that_is_none_is_refused(careless: Careless, case: str, kind: str) -> None:
    query, sent = {"kind": "photo", "compartment": "health"}, {"Content-Type": kind}
    response = careless.ask("POST", f"/cases/{case}/documents", params=query, content=b"R4H4S14", headers=sent)
    refused(response, 422)


# What machines send -------------------------------------------------------------------------------------------------

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.just(MARKER) | st.just("handler-failed")
SAID = st.dictionaries(
    st.sampled_from(["received", "handled", "failed", "recovered", "deleted", "sequence", "receipt", MARKER]),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["sequence", "receipt", MARKER]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)
PLACES = st.text(max_size=30) | st.integers().map(str) | st.datetimes().map(str) | st.just(MARKER)


@pytest.fixture(scope="module")
def machine(running: Running) -> httpx.Client:
    return running.client("uptd-ppa", Role.INTEGRATOR)


@pytest.fixture(scope="module")
def marks(machine: httpx.Client) -> dict[str, Any]:
    """What the agency acknowledged before, which others may have done."""
    answer = machine.post("/subscription/acknowledgements", json={})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@given(body=SAID)
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.thorough
def test_whatever_is_acknowledged_that_was_not_told_is_refused_or_nothing_new(
    machine: httpx.Client, marks: dict[str, Any], body: dict[str, Any]
) -> None:
    content = json.dumps(body, allow_nan=True).encode()
    response = machine.post("/subscription/acknowledgements", content=content, headers=JSON)
    if response.status_code == 200:
        assert response.json() == marks
    else:
        refused(response)


@pytest.mark.parametrize(
    "content",
    [
        b'{"failed":['
        + b",".join(b'{"sequence":%d,"reason":"handler-failed"}' % n for n in range(10**9, 10**9 + 5000)),
        b'{"recovered":[' + b"9" * 200_000 + b"]}",
        b'{"deleted":[' + b'"00000000-0000-0000-0000-000000000000",' * 6000 + b"1]}",
        b'{"received":' + b'{"sequence":' * 20_000,
        b'{"failed":' + b"[" * 200_000,
        b'{"handled":{"sequence":1e308,"receipt":"R4H4S14"}}',
        b'{"handled":{"sequence":4611686018427387904,"receipt":"R4H4S14"}}',
        b'{"handled":{"sequence":1,"receipt":"' + b"R" * 200_000 + b'"}}',
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_acknowledged_without_end_is_refused(machine: httpx.Client, content: bytes) -> None:
    refused(machine.post("/subscription/acknowledgements", content=content, headers=JSON))


@pytest.mark.thorough
@given(query=st.dictionaries(st.sampled_from(["after", "since", "position", "case", "limit"]), PLACES, max_size=3))
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_page_is_to_begin_there_is_a_page_or_a_problem(machine: httpx.Client, query: dict[str, str]) -> None:
    response = machine.get("/subscription/events", params=query)
    if response.status_code == 200:
        assert isinstance(response.json(), list)
    else:
        refused(response, 400, 409)


@given(said=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=40))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_last_event_id_that_is_none_is_refused(machine: httpx.Client, said: str) -> None:
    sent = {"Last-Event-ID": f"1{said}{MARKER}".encode("latin-1")}
    refused(machine.get("/subscription/stream", headers=sent), 400, 409)
