"""After a restore and `rujukan recover`: whoever comes with something of the history that ended is told so by a problem
that says what to do, and nobody gets a fault of ours; who asks for what is now there gets it."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import fresh_settings
from feeding import Feeding, serving
from msgspec.structs import replace
from test_forks import AGENCY, Restored, dropped, gone_on
from test_recover import broker, heads, position

from rujukan.domain.codes import Role
from rujukan.infra.commands import recover
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.services.postgres import EmbeddedPostgres

__all__ = ["broker"]
pytestmark = pytest.mark.thorough
EVENTS, STREAM = "/subscription/events", "/subscription/stream"


@pytest.fixture
def restored(postgres: EmbeddedPostgres, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Restored]:
    with fresh_settings(postgres, tmp_path / "data") as fresh:
        made = gone_on(replace(fresh, kafka=broker.bootstrap), broker, tmp_path)
        try:
            yield made
        finally:
            dropped(made.earlier)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["person"]["id"]["next"]
    return answer.status_code, answer.json()["type"].removeprefix("urn:rujukan:problem:")


def cursor_of(served: Feeding) -> str:
    """Of the newest delivery that the agency has."""
    return str(served.client(AGENCY).get("/subscription").json()["cursor"])


def test_what_is_of_the_history_that_ended_is_answered_with_a_problem(restored: Restored) -> None:
    with serving(restored.newest) as served:
        served.head(AGENCY)
        old, last, was = cursor_of(served), position(restored.newest), heads(restored.newest)[AGENCY]
    second = replace(restored.earlier, ledger="rujukan/second")
    assert recover.run(second, Namespace(yes=True)) == 0
    with serving(second) as served:
        machine, worker = served.client(AGENCY), served.client("uptd-ppa", Role.CASE_WORKER)
        administrator = served.client(AGENCY, Role.AGENCY_ADMINISTRATOR)
        case = served.case_with(AGENCY)
        head = served.head(AGENCY)
        assert head > was, "numbers go on above what was told"
        for asked in ({"after": old}, {"after": str(was)}, {"after": "1"}, {"position": str(last)}, {"position": "1"}):
            page = machine.get(EVENTS, params=asked)
            assert page.status_code == 200 or problem(page) == (409, "another-history"), (asked, page.text)
        assert machine.get(EVENTS, params={"after": cursor_of(served)}).json() == []
        told = machine.get(EVENTS, params={"after": str(was), "limit": 500}).json()
        assert "agency.HistoryRecovered" in [served.opened(AGENCY, event).topic for event in told]
        for number in (head + 1, 10**9):
            for path in (EVENTS, STREAM):
                assert problem(machine.get(path, params={"after": str(number)})) == (409, "another-history")
            assert problem(machine.get(STREAM, headers={"Last-Event-ID": str(number)})) == (409, "another-history")
        assert worker.get("/cases", params={"wait_for": last}).status_code in (200, 503)
        assert problem(worker.get("/cases", params={"wait_for": position(second) + 10**6})) == (400, "bad-query")
        said = {"received": {"sequence": was, "receipt": "l5WvDqcrUjEdmAFnbQVsPw"}}
        assert problem(machine.post("/subscription/acknowledgements", json=said))[0] in (403, 409)
        replayed = administrator.post(f"/agencies/{AGENCY}/webhook/replay", json={"after": head + 10**6})
        assert problem(replayed) == (409, "not-told")
        assert worker.get(f"/cases/{case}").status_code == 200
