"""Subscribing over HTTP: pages, long-poll and server-sent events give what the topic gives, under the same cursor."""

import asyncio
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import msgspec
import pytest
from conftest import Running
from feeding import Feeding, eventually, serving
from msgspec.structs import replace
from patience import PATIENCE_SECONDS

from rujukan.api import subscribing
from rujukan.api.actions import OPENING
from rujukan.api.application.kinds import AGENCY
from rujukan.api.limits import Places
from rujukan.consumers.wire.envelope import from_cloudevent
from rujukan.domain.agency import ReactivateAgency, SuspendAgency
from rujukan.domain.codes import AgencyKind, Role
from rujukan.infra import composition, onboarding
from rujukan.infra.delivery.feed import ApiFeed
from rujukan.infra.demo import network
from rujukan.infra.demo.inboxes import entitled
from rujukan.infra.issuer import usual_actor
from rujukan.infra.services.broker import free_port
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.system_act import system_act

EVENTS, STREAM = "/subscription/events", "/subscription/stream"


@pytest.fixture(scope="module")
def feeding(settings: Settings) -> Iterator[Feeding]:
    with pytest.MonkeyPatch.context() as patch, serving(settings) as served:
        patch.setattr(subscribing, "LOOK_SECONDS", 0.5)
        patch.setattr(subscribing, "HEARTBEAT_SECONDS", 0.5)
        served.case_with("rsud")
        served.head("rsud")
        yield served


class Said(NamedTuple):
    """A server-sent event."""

    id: str
    event: dict[str, Any]


def said(lines: Iterator[str], most: int) -> list[Said]:
    """The next events of a stream, so many, or up to its end."""
    found: list[Said] = []
    id = ""
    for line in lines:
        name, _, text = line.partition(": ")
        if name == "id":
            id = text
        elif name == "data":
            found.append(Said(id, msgspec.json.decode(text)))
            if len(found) == most:
                break
    return found


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:rujukan:problem:")


# Pages ---------------------------------------------------------------------------------------------------------


def test_pages_give_what_the_agency_may_know_in_order_and_whole(feeding: Feeding) -> None:
    client, head = feeding.client("rsud"), feeding.head("rsud")
    standing = client.get("/subscription").json()
    assert standing.pop("cursor").startswith(f"{head}.")
    assert standing == {"agency": "rsud", "head": head, "received": 0, "handled": 0}
    found: list[dict[str, Any]] = []
    path = f"{EVENTS}?limit=2"
    while True:
        page = client.get(path)
        assert page.headers["content-type"] == "application/cloudevents-batch+json"
        assert page.headers["rujukan-head"] == str(head)
        path = page.links["next"]["url"]
        if not page.json():
            break
        assert len(page.json()) <= 2
        found += page.json()
    assert [int(event["sequence"]) for event in found] == list(range(1, head + 1))
    deliveries = [feeding.opened("rsud", event) for event in found]
    with composition.follower(feeding.settings) as source:
        assert {d.id for d in deliveries} == entitled(source.store, {"rsud"})["rsud"]
    assert next(d for d in deliveries if d.topic == "case.NoteRecorded").fields()["health"] == "a note"


def test_a_page_begins_after_a_sequence_at_a_time_or_at_a_position(feeding: Feeding) -> None:
    client, before = feeding.client("rsud"), feeding.head("rsud")
    at, position = composition.now(), feeding.office.position
    other = feeding.case_with("rsud")
    head = feeding.head("rsud")
    new = list(range(before + 1, head + 1))
    for query in ({"after": before}, {"since": at.isoformat()}, {"position": position + 1}):
        assert [int(e["sequence"]) for e in client.get(EVENTS, params=query).json()] == new, query
    of_case = [feeding.opened("rsud", e) for e in client.get(EVENTS, params={"case": str(other)}).json()]
    assert [d.sequence for d in of_case] == new
    assert {d.case for d in of_case} == {other}


def test_the_page_behind_the_last_begins_where_it_ended_also_of_one_case(feeding: Feeding) -> None:
    head = feeding.head("rsud")
    page = feeding.client("rsud").get(EVENTS, params={"case": str(uuid4())})
    assert page.json() == []
    assert f"after={head}." in page.links["next"]["url"]


def test_another_agency_sees_nothing_of_it(feeding: Feeding) -> None:
    feeding.head("rsud")
    page = feeding.client("psikolog").get(EVENTS)
    assert (page.json(), page.headers["rujukan-head"]) == ([], "0")


# Long-poll -----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_empty_answer_waits_for_something_new_and_only_for_ones_own(feeding: Feeding) -> None:
    case, head = feeding.case_with("rsud"), feeding.head("rsud")
    query = {"after": head, "wait": 30}
    with ThreadPoolExecutor(2) as threads:
        mine = threads.submit(feeding.client("rsud").get, EVENTS, params=query)
        other = threads.submit(feeding.client("psikolog").get, EVENTS, params={"after": 0, "wait": 3})
        assert not wait([mine], 0.5).done
        feeding.note(case)
        assert [int(e["sequence"]) for e in mine.result().json()] == [head + 1]
        assert other.result().json() == []


def test_a_wait_ends_empty(feeding: Feeding) -> None:
    began = time.monotonic()
    page = feeding.client("rsud").get(EVENTS, params={"after": feeding.head("rsud"), "wait": 1})
    assert page.json() == []
    assert 1 <= time.monotonic() - began < 300


# Streams -------------------------------------------------------------------------------------------------------


def test_a_stream_goes_on_behind_the_last_event_that_arrived(feeding: Feeding) -> None:
    client, case = feeding.client("rsud"), feeding.case_with("rsud")
    head = feeding.head("rsud")
    with client.stream("GET", STREAM, params={"after": head - 3}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first = said(response.iter_lines(), 2)
    again = {"Last-Event-ID": first[-1].id}
    with client.stream("GET", STREAM, params={"after": 0}, headers=again) as response:
        lines = response.iter_lines()
        rest = said(lines, 1)
        feeding.note(case, "while it is open")
        rest += said(lines, 1)
    assert [int(s.event["sequence"]) for s in first + rest] == list(range(head - 2, head + 2))
    assert feeding.opened("rsud", rest[-1].event).fields()["health"] == "while it is open"


def test_the_topic_and_the_feed_carry_the_same_message(feeding: Feeding) -> None:
    """But for the seal, which is fresh whenever it is sent."""
    client = feeding.client("rsud")
    with client.stream("GET", STREAM) as response:
        streamed = said(response.iter_lines(), 3)
    paged = client.get(EVENTS, params={"limit": 3}).json()
    for one, other in zip(streamed, paged, strict=True):
        changes = {"data_base64", "batch", "signature"}
        assert {k: v for k, v in one.event.items() if k not in changes} == {
            k: v for k, v in other.items() if k not in changes
        }
        assert one.id == f"{other['sequence']}.{other['id']}"
        headers, key, _ = from_cloudevent(other)
        assert dict(headers)["ce_partitionkey"] == key


def test_a_stream_says_that_it_lives(feeding: Feeding) -> None:
    with feeding.client("rsud").stream("GET", STREAM, params={"after": feeding.head("rsud")}) as response:
        assert any(line == ":" for line in response.iter_lines())


@pytest.mark.thorough
def test_a_stream_ends_with_its_token(feeding: Feeding) -> None:
    head = feeding.head("rsud")
    with feeding.client("rsud", seconds=5).stream("GET", STREAM, params={"after": head}) as response:
        assert response.status_code == 200
        assert said(response.iter_lines(), 1) == []


@pytest.mark.thorough
def test_a_stream_ends_when_its_agency_is_suspended(feeding: Feeding) -> None:
    act = system_act()
    client = feeding.client("dinsos")
    with client.stream("GET", STREAM) as response:
        assert response.status_code == 200
        suspend = SuspendAgency(occurred_at=act.at, reason="an inquiry")
        feeding.office.casework.handle(AGENCY, "dinsos", suspend, act, correlation=uuid4())
        assert said(response.iter_lines(), 1) == []
    assert eventually(lambda: problem(client.get(EVENTS)) == (403, "agency-inactive"))
    feeding.office.casework.handle(
        AGENCY, "dinsos", ReactivateAgency(occurred_at=act.at), system_act(), correlation=uuid4()
    )
    assert eventually(lambda: client.get(EVENTS).status_code == 200)


def test_what_breaks_a_stream_ends_it_and_leaves_no_words_in_a_log(
    feeding: Feeding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    head = feeding.head("rsud")

    def breaks(*_: object) -> None:
        raise ValueError("RAHASIA")

    server = logging.getLogger("uvicorn.error")
    server.addHandler(caplog.handler)
    try:
        with feeding.client("rsud").stream("GET", STREAM, params={"after": head}) as response:
            monkeypatch.setattr(ApiFeed, "page", breaks)
            assert said(response.iter_lines(), 1) == []
    finally:
        server.removeHandler(caplog.handler)
    assert "a stream ends: ValueError" in caplog.text
    assert "RAHASIA" not in caplog.text


@pytest.mark.thorough
def test_an_agency_has_so_many_streams_open_and_no_more(feeding: Feeding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding.gate, "streams", Places("streams", 0, 2, 100))
    client = feeding.client("lbh")
    with client.stream("GET", STREAM) as one, client.stream("GET", STREAM) as two:
        assert (one.status_code, two.status_code) == (200, 200)
        refused = client.get(STREAM)
        assert problem(refused) == (429, "too-many")
        assert refused.headers["retry-after"].isdigit()
        assert refused.json()["limit"] == "streams"
        assert problem(client.get(EVENTS, params={"wait": 5})) == (429, "too-many")
        assert client.get(EVENTS).status_code == 200, "a page that does not wait takes no place"
        with feeding.client("psikolog").stream("GET", STREAM) as others:
            assert others.status_code == 200

    def free() -> bool:
        with client.stream("GET", STREAM) as response:
            return response.status_code == 200

    assert eventually(free), "who hung up gives the place free"


@pytest.mark.thorough
def test_a_process_that_is_told_to_stop_ends_its_streams(feeding: Feeding) -> None:
    """In full, with the last part that says so: they are not cut off when its patience is over."""
    port = free_port()
    settings = replace(feeding.settings, port=port)
    child = subprocess.Popen(
        [sys.executable, "-m", "rujukan.infra.cli", "api"], env={**os.environ, **to_environment(settings)}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        assert eventually(lambda: answers(url))
        headers, head = feeding.client("rsud").headers, feeding.head("rsud")
        with httpx.stream(
            "GET", url + STREAM, params={"after": head}, headers=headers, timeout=PATIENCE_SECONDS
        ) as response:
            assert response.status_code == 200
            child.terminate()
            assert said(response.iter_lines(), 1) == []
        child.wait(PATIENCE_SECONDS)
    finally:
        child.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/jwks.json").is_success
    except httpx.HTTPError:
        return False


# Who may, and what can be asked --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/subscription", EVENTS, STREAM])
def test_an_agencys_machines_subscribe_and_nobody_else(feeding: Feeding, path: str) -> None:
    assert problem(httpx.get(feeding.url + path)) == (401, "not-authenticated")
    for role in (Role.CASE_WORKER, Role.SUPERVISOR, Role.AGENCY_ADMINISTRATOR):
        assert problem(feeding.client("rsud", role).get(path)) == (403, "not-for-this-role")
    assert problem(feeding.client("nobody").get(path)) == (403, "agency-inactive")


def test_an_agency_without_a_key_is_told_to_register_one(feeding: Feeding) -> None:
    code = f"rs-{uuid4().hex[:8]}"
    casework = feeding.office.casework
    onboarding.register(casework, code, AgencyKind.HEALTH, "RS", [])
    onboarding.add_member(casework, code, usual_actor(code, Role.INTEGRATOR), [Role.INTEGRATOR], None)
    client = feeding.client(code)
    for path in (EVENTS, STREAM):
        refused = client.get(path)
        assert problem(refused) == (409, "key-missing")
        assert "registers" in refused.json()["detail"]
    assert client.get("/subscription").json()["head"] == 0


@pytest.mark.parametrize("path", [EVENTS, STREAM])
@pytest.mark.parametrize(
    "query",
    [
        {"after": "-1"},
        {"after": ""},
        {"after": "RAHASIA"},
        {"after": "9" * 30},
        {"after": "1", "position": "1"},
        {"since": "yesterday"},
        {"since": "17"},
        {"since": "2026-03-03T12:00:00"},
        {"since": "2999-01-01T00:00:00Z"},
        {"position": "RAHASIA"},
        {"position": "9" * 19},
        {"case": "RAHASIA"},
        {"case": "\x00"},
    ],
    ids=str,
)
def test_a_query_that_cannot_be_meant_is_refused(feeding: Feeding, path: str, query: dict[str, str]) -> None:
    refused = feeding.client("rsud").get(path, params=query)
    assert problem(refused) == (400, "bad-query")
    assert "RAHASIA" not in refused.text


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"wait": "31"}, {"wait": "-1"}])
def test_a_page_has_its_bounds(feeding: Feeding, query: dict[str, str]) -> None:
    assert problem(feeding.client("rsud").get(EVENTS, params=query)) == (400, "bad-query")


def test_a_last_event_id_is_a_sequence(feeding: Feeding) -> None:
    refused = feeding.client("rsud").get(STREAM, headers={"Last-Event-ID": "RAHASIA"})
    assert problem(refused) == (400, "bad-query")
    assert "RAHASIA" not in refused.text


# Many ----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_two_hundred_open_streams_leave_the_commands_alone(running: Running) -> None:
    """Each waits without a thread or connection; all hear of something new, and commands are answered meanwhile."""
    agencies = [member.code for member in network.BONTANG]
    lead = running.client("uptd-ppa")

    async def act() -> tuple[list[float], int]:
        issuer, limits = running.issuer, httpx.Limits(max_connections=None)
        role = Role.INTEGRATOR
        async with httpx.AsyncClient(base_url=running.system.url, timeout=PATIENCE_SECONDS, limits=limits) as client:
            tokens = {a: issuer.token(usual_actor(a, role), a, [role]) for a in agencies}
            opened: asyncio.Queue[int] = asyncio.Queue()
            told: asyncio.Queue[str] = asyncio.Queue()

            async def listen(agency: str) -> None:
                sent = {"Authorization": f"Bearer {tokens[agency]}"}
                head = (await client.get("/subscription", headers=sent)).json()["head"]
                async with client.stream("GET", STREAM, params={"after": head}, headers=sent) as response:
                    await opened.put(response.status_code)
                    async for line in response.aiter_lines():
                        if line.startswith("id: "):
                            await told.put(agency)
                            return

            listening = [asyncio.create_task(listen(agencies[n % 8])) for n in range(200)]
            assert {await opened.get() for _ in listening} == {200}
            took = []
            for _ in range(30):
                began = time.monotonic()
                answer = await asyncio.to_thread(lead.post, "/cases", json=OPENING.example)
                took.append(time.monotonic() - began)
                assert answer.status_code == 201, answer.text
            async with asyncio.timeout(60):
                heard = [await told.get() for _ in range(25)]
            for task in listening:
                task.cancel()
            return took, heard.count("uptd-ppa")

    took, heard = asyncio.run(act())
    assert heard == 25, "every stream of the lead heard of what the lead was told, and no other agency's did"
    assert statistics.median(took) < 60.0, took
