"""One caller cannot starve the others: greedy ones are told so, and everybody else goes on as before."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from threading import Event
from uuid import UUID, uuid4

import httpx
import pytest
from office import Office, catch_up, opened_office
from patience import PATIENCE_SECONDS

from rujukan.api import gate
from rujukan.api.app import create_app
from rujukan.api.application.lists import Lists
from rujukan.api.gate import THREADS, Work
from rujukan.api.limits import Budget, Limits
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition
from rujukan.infra.demo.network import usual_actor
from rujukan.infra.settings import Settings

OPENING = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
DANGER = {"compartments": ["safety"], "basis": "imminent-danger", "rule": "UU 27/2022", "reason": "danger"}
ACKS = "/subscription/acknowledgements"


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        catch_up(settings)
        yield opened


@pytest.fixture(autouse=True)
def _at_one_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's budget grows meanwhile, so that a slow machine shows the same; and a refusal is not held."""
    monkeypatch.setattr(gate, "HOLD_SECONDS", 0.0)
    monkeypatch.setattr(Budget, "_now", lambda self, whose, rate, now: self._left.get(whose, (rate.at_once, now))[0])


class Network:
    """People and machines of agencies, who call an API in this process."""

    def __init__(self, office: Office, settings: Settings, limits: Limits | None = None) -> None:
        self._issuer = composition.issuer(settings)
        self.app = create_app(office.ports, limits=limits or Limits())
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://here", timeout=None)

    async def asks(
        self,
        method: str,
        path: str,
        agency: str = "uptd-ppa",
        role: Role = Role.CASE_WORKER,
        person: UUID | None = None,
        purpose: Purpose = Purpose.CARE,
        **more: object,
    ) -> httpx.Response:
        token = self._issuer.token(person or usual_actor(agency, role), agency, [role])
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose.value}
        return await self._http.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

    async def floods(self, times: int, method: str, path: str, **who: object) -> list[httpx.Response]:
        """Asks so often, one after the other."""
        return [await self.asks(method, path, **who) for _ in range(times)]  # type: ignore[arg-type]

    async def opens_a_case(self, person: UUID | None = None) -> str:
        answer = await self.asks("POST", "/cases", person=person, json=OPENING)
        assert answer.status_code == 201
        return answer.headers["Location"]

    async def refused(self) -> dict[str, int]:
        counts: dict[str, int] = (await self._http.get("/health")).json()["refused"]
        return counts


def played(play: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            await play()

    asyncio.run(run())


def said(answer: httpx.Response) -> tuple[int, str]:
    """A refusal by a limit, and which it was."""
    problem = answer.json()
    assert problem["type"] == "urn:rujukan:problem:too-many"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"].isdigit()
    assert f"Send it again in {answer.headers['Retry-After']} s" in problem["detail"]
    return answer.status_code, problem["limit"]


@pytest.mark.thorough
def test_a_greedy_reader_is_refused_and_nobody_else_is(office: Office, settings: Settings) -> None:
    network = Network(office, settings, Limits(reads=1))
    greedy, colleague = usual_actor("uptd-ppa", Role.CASE_WORKER), usual_actor("uptd-ppa", Role.SUPERVISOR)

    async def play() -> None:
        answers = await network.floods(60, "GET", "/cases", person=greedy)
        assert said(answers[-1]) == (429, "reads")
        assert {a.status_code for a in answers} == {200, 429}
        case = await network.opens_a_case(greedy)
        note = await network.asks("POST", f"{case}/notes", person=greedy, json={})
        assert note.status_code == 201, "who reads too much may still write"
        broken = await network.asks("POST", f"{case}/break-glass", "lbh", json=DANGER)
        assert broken.status_code == 201
        seen = await network.asks("GET", f"{broken.request.url.path}/{broken.json()['id']}/timeline", "lbh")
        assert seen.status_code == 200
        other = await network.asks("GET", "/cases", role=Role.SUPERVISOR, person=colleague, purpose=Purpose.SUPERVISION)
        assert other.status_code == 200, "what is a colleague's own is still there"
        assert (await network.asks("GET", "/cases", "rsud")).status_code == 200
        assert (await network.asks("GET", "/subscription", role=Role.INTEGRATOR)).status_code == 200

    played(play)


def test_who_writes_without_end_is_refused_and_may_break_the_glass(office: Office, settings: Settings) -> None:
    network = Network(office, settings, Limits(commands=1))

    async def play() -> None:
        case = await network.opens_a_case()
        stream = UUID(case.rpartition("/")[2])
        before = len(office.ports.log.read(stream))
        answers = await network.floods(40, "POST", f"{case}/notes", agency="uptd-ppa", json={})
        assert said(answers[-1]) == (429, "commands")
        taken = sum(answer.status_code == 201 for answer in answers)
        assert taken == 11, "two of one's own and ten of all, but for the opening"
        assert len(office.ports.log.read(stream)) == before + taken, "a refusal stores nothing"
        opened = await network.asks("POST", f"{case}/break-glass", "rsud", json=DANGER)
        assert opened.status_code == 201
        assert (await network.asks("GET", case)).status_code == 200

    played(play)


@pytest.mark.thorough
def test_whoever_breaks_the_glass_without_end_uses_up_their_own_and_nobody_s_else(
    office: Office, settings: Settings
) -> None:
    network = Network(office, settings)

    async def play() -> None:
        case = f"/cases/{uuid4()}"
        answers = await network.floods(60, "POST", f"{case}/break-glass", agency="lbh", json=DANGER)
        assert said(answers[-1]) == (429, "emergencies")
        supervisor = await network.asks("POST", f"{case}/break-glass", "lbh", Role.SUPERVISOR, json=DANGER)
        assert supervisor.status_code != 429
        assert (await network.asks("GET", "/cases", "lbh")).status_code == 200
        assert list(await network.refused()) == ["commands"], "that there are emergencies nobody learns without a token"

    played(play)


@pytest.mark.thorough
def test_machines_and_people_have_nothing_of_each_other_s(office: Office, settings: Settings) -> None:
    network = Network(office, settings, Limits(reads=1, pages=1))

    async def play() -> None:
        people = await network.floods(40, "GET", "/subscription", agency="rsud", role=Role.CASE_WORKER)
        assert said(people[-1]) == (429, "reads"), "who is no machine does not use up what machines have"
        assert (await network.asks("GET", "/subscription", "rsud", Role.INTEGRATOR)).status_code == 200
        machine = await network.floods(20, "GET", "/subscription", agency="rsud", role=Role.INTEGRATOR)
        assert said(machine[-1]) == (429, "pages")
        assert (await network.asks("GET", "/cases", "rsud", Role.SUPERVISOR, purpose=Purpose.SUPERVISION)).is_success
        assert (await network.asks("POST", ACKS, "rsud", Role.INTEGRATOR, json={})).status_code == 200
        said_too_often = await network.floods(60, "POST", ACKS, agency="rsud", role=Role.INTEGRATOR, json={})
        assert said(next(a for a in said_too_often if a.is_error)) == (429, "acknowledgements")
        assert (await network.asks("POST", ACKS, "lbh", Role.INTEGRATOR, json={})).status_code == 200

    played(play)


def test_documents_have_a_budget_in_bytes(office: Office, settings: Settings) -> None:
    network = Network(office, settings, Limits(uploads=1))
    visum = {"params": {"kind": "visum", "compartment": "health"}, "content": bytes(200 * 1024)}

    async def play() -> None:
        case = await network.opens_a_case()
        answers = await network.floods(12, "POST", f"{case}/documents", agency="uptd-ppa", **visum)
        assert answers[0].status_code == 201
        assert said(answers[-1]) == (429, "uploads")
        assert sum(answer.status_code == 201 for answer in answers) == 2 + 6, "what is begun may be owed"
        note = await network.asks("POST", f"{case}/notes", json={})
        assert note.status_code == 201

    played(play)


def test_any_number_of_readers_at_work_holds_up_no_command_and_no_emergency(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread that reads is held, and as many more requests wait, of the very same person."""
    network = Network(office, settings, Limits(reads=0))
    go, at_work = Event(), list[int]()
    rows = Lists.rows

    def slow(self: Lists, *arguments: object, **named: object) -> object:
        at_work.append(1)
        go.wait(PATIENCE_SECONDS)
        return rows(self, *arguments, **named)  # type: ignore[arg-type]

    async def play() -> None:
        monkeypatch.setattr(Lists, "rows", slow)
        readers = [asyncio.ensure_future(network.asks("GET", "/cases")) for _ in range(60)]
        while len(at_work) < THREADS[Work.READ]:
            await asyncio.sleep(0.001)
        case = await network.opens_a_case()
        assert (await network.asks("POST", f"{case}/notes", json={})).status_code == 201
        broken = await network.asks("POST", f"{case}/break-glass", "lbh", json=DANGER)
        assert (
            await network.asks("GET", f"{broken.request.url.path}/{broken.json()['id']}/timeline", "lbh")
        ).status_code == 200
        assert (await network.asks("POST", ACKS, "rsud", Role.INTEGRATOR, json={})).status_code == 200
        assert not any(reader.done() for reader in readers)
        assert len(at_work) == THREADS[Work.READ]
        go.set()
        assert {(await reader).status_code for reader in readers} == {200}

    try:
        played(play)
    finally:
        go.set()


def test_a_flood_of_positions_that_the_log_does_not_have_waits_for_nothing(office: Office, settings: Settings) -> None:
    """As an insider tried it: the others' commands took half a minute."""
    network = Network(office, settings, Limits(reads=0, requests=0))

    async def play() -> None:
        beyond = {"wait_for": 10**18 - 1}
        flood = [asyncio.ensure_future(network.asks("GET", "/cases", params=beyond)) for _ in range(80)]
        await asyncio.sleep(0)
        await network.opens_a_case()
        answers = [await one for one in flood]
        kinds = {answer.json()["type"] for answer in answers}
        assert kinds <= {"urn:rujukan:problem:bad-query", "urn:rujukan:problem:too-many"}
        assert any(answer.status_code == 400 for answer in answers)
        assert {said(answer) for answer in answers if answer.status_code == 429} <= {(429, "waits")}
        assert len(office.ports.views._room) == 0  # type: ignore[attr-defined]

    played(play)


def test_no_more_requests_of_one_are_under_way_than_there_is_room_for(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(office, settings, Limits(reads=0, requests=10))
    go = Event()
    monkeypatch.setattr(Lists, "rows", lambda *_, **__: go.wait(PATIENCE_SECONDS) and [])

    async def play() -> None:
        readers = [asyncio.ensure_future(network.asks("GET", "/agencies", "rsud")) for _ in range(10)]
        await asyncio.sleep(0)
        while not any(reader.done() for reader in readers):
            answer = asyncio.ensure_future(network.asks("GET", "/agencies", "rsud"))
            done, _ = await asyncio.wait((answer,), timeout=0.05)
            if done:
                break
        assert said(answer.result()) == (429, "requests")
        go.set()
        await asyncio.gather(*readers)
        assert (await network.asks("GET", "/agencies", "rsud")).status_code == 200

    try:
        played(play)
    finally:
        go.set()


def test_a_read_that_keeps_a_thread_for_long_counts_as_several(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many fewer are let in; and no one read uses up all that an agency has."""
    network = Network(office, settings, Limits(reads=10))
    now = [0.0]

    def slow(*_: object, **__: object) -> list[object]:
        now[0] += gate.A_READ_SECONDS * 1_000
        return []

    async def play() -> None:
        monkeypatch.setattr(Lists, "rows", slow)
        network.app.state.gate.clock = lambda: now[0]
        answers = await network.floods(40, "GET", "/agencies", agency="psikolog")
        assert sum(answer.status_code == 200 for answer in answers) == 20 + 5, "one's own, and a hundred by twenties"
        assert said(answers[-1]) == (429, "reads")

    played(play)


def test_health_counts_refusals_by_limit_and_names_nobody(office: Office, settings: Settings) -> None:
    network = Network(office, settings, Limits(reads=1))

    async def play() -> None:
        assert await network.refused() == {}
        answers = await network.floods(40, "GET", "/agencies", agency="rsud")
        refused = sum(answer.status_code == 429 for answer in answers)
        assert refused
        assert await network.refused() == {"reads": refused}

    played(play)


def test_a_refusal_is_held_for_a_moment(office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a thread, and while others are answered: who does not heed `Retry-After` gains nothing by it."""
    network = Network(office, settings, Limits(reads=1))
    monkeypatch.setattr(gate, "HOLD_SECONDS", 600.0)

    async def play() -> None:
        asked = [asyncio.ensure_future(network.asks("GET", "/agencies", "rsud")) for _ in range(40)]
        done, held = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(done) + network.app.state.gate._held < 40:
            done, held = await asyncio.wait(asked, timeout=0.01)
        assert {one.result().status_code for one in done} == {200}
        assert (await network.asks("GET", "/agencies", "lbh")).status_code == 200
        monkeypatch.setattr(gate, "MOST_HELD", 0)
        assert said(await network.asks("GET", "/agencies", "rsud")) == (429, "reads")
        for one in held:
            one.cancel()

    played(play)


@pytest.mark.thorough
def test_every_operation_says_that_it_may_be_refused(office: Office, settings: Settings) -> None:
    document = Network(office, settings).app.openapi()
    without = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if "Retry-After" not in operation["responses"].get("429", {}).get("headers", {})
    }
    assert without == {"/health", "/live"}
    assert "x-unlimited" not in str(document)
