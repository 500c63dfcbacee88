"""Reads that wait for a position: they hold nothing that others need, and no more of them than there is room for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import psycopg
import pytest
from office import HOUR, Office, catch_up, opened_office
from patience import PATIENCE_SECONDS

from rujukan.api import serving
from rujukan.api.app import create_app
from rujukan.api.limits import Limits
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition
from rujukan.infra.demo.network import usual_actor
from rujukan.infra.settings import Settings
from rujukan.projections import runner

MANY = 60
"""More than there are threads (40) and connections (4)."""


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    """Without a worker: nothing is folded unless a test does it."""
    with opened_office(settings) as opened:
        yield opened


class Caller:
    """Calls an API in this process, as a case worker of an agency."""

    def __init__(self, office: Office, settings: Settings, limits: Limits | None = None) -> None:
        self._issuer = composition.issuer(settings)
        app = create_app(office.ports, limits=limits)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

    def _as(self, agency: str) -> dict[str, str]:
        token = self._issuer.token(usual_actor(agency, Role.CASE_WORKER), agency, [Role.CASE_WORKER])
        return {"Authorization": f"Bearer {token}", "Purpose-Of-Use": Purpose.CARE.value}

    async def waits(self, position: int, agency: str = "uptd-ppa") -> httpx.Response:
        query = {"wait_for": position, "limit": 1}
        return await self.http.get("/cases", params=query, headers=self._as(agency), timeout=None)

    async def notes(self, case: UUID, agency: str = "uptd-ppa") -> httpx.Response:
        return await self.http.post(f"/cases/{case}/notes", json={}, headers=self._as(agency), timeout=None)


def waiting(office: Office) -> int:
    """How many wait in the room."""
    return len(office.ports.views._room)  # type: ignore[attr-defined]


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():
            await asyncio.sleep(0.01)


def played(play: Awaitable[None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            await play

    asyncio.run(run())


@pytest.mark.thorough
def test_any_number_that_wait_hold_up_nobody(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WAIT_SECONDS", 600.0)
    catch_up(settings)
    case = office.opens(composition.now() - HOUR)
    position = office.ports.log.read(case)[-1].position
    caller = Caller(office, settings, Limits(reads=0, waits=MANY))

    async def play() -> None:
        readers = [asyncio.ensure_future(caller.waits(position)) for _ in range(MANY)]
        await until(lambda: waiting(office) == MANY)
        written = [await caller.notes(case) for _ in range(3)]
        assert [answer.status_code for answer in written] == [201] * 3
        assert not any(reader.done() for reader in readers), "it was answered while all of them waited"
        await asyncio.to_thread(catch_up, settings)
        assert {(await reader).status_code for reader in readers} == {200}
        assert waiting(office) == 0

    played(play())


def test_a_position_that_the_log_does_not_have_is_refused_at_once(office: Office, settings: Settings) -> None:
    case = office.opens(composition.now() - HOUR)
    head = office.ports.log.read(case)[-1].position
    caller = Caller(office, settings)

    async def play() -> None:
        for beyond in (head + 1_000_000, 10**17):
            refused = await caller.waits(beyond)
            problem = refused.json()
            assert (refused.status_code, problem["parameter"]) == (400, "wait_for")
            assert problem["type"] == "urn:rujukan:problem:bad-query"
            assert str(beyond) not in refused.text
        assert waiting(office) == 0

    played(play())


@pytest.mark.thorough
def test_a_person_who_waits_for_too_much_is_told_and_nobody_else_is(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WAIT_SECONDS", 600.0)
    catch_up(settings)
    case = office.opens(composition.now() - HOUR)
    position = office.ports.log.read(case)[-1].position
    caller = Caller(office, settings)
    most = Limits().waits

    async def play() -> None:
        readers = [asyncio.ensure_future(caller.waits(position)) for _ in range(most)]
        await until(lambda: waiting(office) == most)
        refused = await caller.waits(position)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:rujukan:problem:too-many")
        assert refused.headers["Retry-After"].isdigit()
        assert refused.json()["limit"] == "waits"
        other = asyncio.ensure_future(caller.waits(position, "rsud"))
        await until(lambda: waiting(office) == most + 1)
        await asyncio.to_thread(catch_up, settings)
        assert {(await reader).status_code for reader in (*readers, other)} == {200}
        assert (await caller.waits(position)).status_code == 200, "there is room again"

    played(play())


def test_who_waits_in_vain_is_told_and_leaves_nothing_behind(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WAIT_SECONDS", 0.05)
    catch_up(settings)
    case = office.opens(composition.now() - HOUR)
    position = office.ports.log.read(case)[-1].position
    caller = Caller(office, settings)

    async def play() -> None:
        for _ in range(Limits().waits + 2):
            late = await caller.waits(position)
            assert (late.status_code, late.json()["type"]) == (503, "urn:rujukan:problem:behind")
        assert waiting(office) == 0

    played(play())


def test_who_waits_for_a_case_and_who_waits_for_all_are_told_alike(office: Office, settings: Settings) -> None:
    catch_up(settings)
    cases = [office.opens(composition.now() - HOUR) for _ in range(4)]
    heads = {case: office.ports.log.read(case)[-1].position for case in cases}
    views = office.ports.views
    coming = [views.expect(at, of) for case, at in heads.items() for of in (case, None)]
    coming += [views.expect(at, of) for of in cases for at in sorted(heads.values(), reverse=True)]
    coming[3].cancel()
    assert not any(each.done() for each in coming if not each.cancelled())
    catch_up(settings)
    for each in coming:
        if not each.cancelled():
            each.result(PATIENCE_SECONDS)
    assert waiting(office) == 0


@pytest.mark.thorough
def test_nobody_waits_for_a_read_model_that_is_stopped(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten minutes to wait, who was told at once, or as it stopped, can be told from who was not."""
    monkeypatch.setattr(serving, "WAIT_SECONDS", 600.0)
    catch_up(settings)
    case = office.opens(composition.now() - HOUR)
    first, *_, last = office.ports.log.read(case)
    before, position = first.position - 1, last.position
    caller = Caller(office, settings)

    async def behind(answer: Awaitable[httpx.Response]) -> None:
        said = await answer
        assert (said.status_code, said.json()["type"]) == (503, "urn:rujukan:problem:behind")
        assert said.headers["Retry-After"].isdigit()

    async def play() -> None:
        early = [asyncio.ensure_future(caller.waits(position, agency)) for agency in ("uptd-ppa", "rsud")]
        await until(lambda: waiting(office) == 2)
        with stopped(settings, "flags"):
            for each in early:
                await behind(each)
            await behind(caller.waits(position))
            assert (await caller.waits(before)).status_code == 200, "that far it is"
            assert (await caller.waits(position + 1_000_000)).status_code == 400, "there is no such position"
            assert waiting(office) == 0
        late = asyncio.ensure_future(caller.waits(position))
        await until(lambda: waiting(office) == 1)
        await asyncio.to_thread(catch_up, settings)
        assert (await late).status_code == 200

    played(play())


@contextmanager
def stopped(settings: Settings, name: str) -> Iterator[None]:
    """As where a read model cannot fold what comes next."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("UPDATE follow.processors SET stopped_at = now(), why = 'here.py:7' WHERE name = %s", (name,))
        try:
            yield
        finally:
            db.execute("UPDATE follow.processors SET stopped_at = NULL, why = NULL WHERE name = %s", (name,))


def test_a_ring_that_was_lost_is_made_good(office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up(settings)
    case = office.opens(composition.now() - HOUR)
    coming = office.ports.views.expect(office.ports.log.read(case)[-1].position)
    assert not coming.done()
    monkeypatch.setattr(runner, "RING", "SELECT 1")
    catch_up(settings)
    coming.result(PATIENCE_SECONDS)
