"""What keeps the parts of a process running, whatever breaks them."""

import logging
from threading import Event

import psycopg
import pytest

from rujukan.infra import processes, system
from rujukan.infra.settings import from_environment
from rujukan.infra.unforeseen import where


@pytest.mark.parametrize("problem", [KeyError("RAHASIA"), AssertionError("RAHASIA"), psycopg.DataError("RAHASIA")])
def test_what_nobody_foresaw_ends_no_part_of_a_process_and_is_not_repeated_in_a_log(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stop, runs = Event(), list[int]()

    def run() -> None:
        runs.append(1)
        if len(runs) == 3:
            stop.set()
            return
        raise problem

    with caplog.at_level(logging.INFO):
        processes._again(stop, run)
    assert len(runs) == 3
    said = [record.getMessage() for record in caplog.records]
    assert [type(problem).__name__ in line and "test_processes.py" in line for line in said] == [True, True]
    assert "RAHASIA" not in caplog.text


def test_where_it_came_from_is_said_without_its_words() -> None:
    with pytest.raises(KeyError) as raised:
        {}["RAHASIA"]
    assert where(raised.value).startswith("KeyError at test_processes.py:")
    assert where(KeyError("RAHASIA")) == "KeyError"


@pytest.mark.parametrize(
    ("environment", "workers", "publishers"),
    [
        ({}, ["worker"], ["publisher", "publisher-2"]),
        ({"RUJUKAN_PUBLISHERS": "1"}, ["worker"], ["publisher"]),
        ({"RUJUKAN_PUBLISHERS": "3"}, ["worker"], ["publisher", "publisher-2", "publisher-3"]),
        ({"RUJUKAN_WORKERS": "1"}, ["worker"], ["publisher", "publisher-2"]),
        (
            {"RUJUKAN_WORKERS": "3", "RUJUKAN_PUBLISHERS": "1"},
            ["worker", "worker-2", "worker-3"],
            ["publisher"],
        ),
    ],
)
def test_there_are_as_many_of_each_as_are_asked_for_and_the_api_waits_for_one(
    environment: dict[str, str], workers: list[str], publishers: list[str]
) -> None:
    started = system.processes(from_environment(environment))
    assert [name for name in started if name.startswith("worker")] == workers
    assert [name for name in started if name.startswith("publisher")] == publishers
    assert started[: started.index("api")] == ("worker", "publisher", "sealer")
    assert set(started) == {"sealer", "api", *workers, *publishers}


@pytest.mark.parametrize("name", ["WORKERS", "SHARDS", "PUBLISHERS", "IDEMPOTENCY_DAYS"])
@pytest.mark.parametrize("number", ["0", "-1", "one", ""])
def test_there_is_at_least_one_of_each(name: str, number: str) -> None:
    with pytest.raises(ValueError, match=f"RUJUKAN_{name} must be"):
        from_environment({f"RUJUKAN_{name}": number})
