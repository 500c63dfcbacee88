"""Both sides over HTTP: the service's feed as it is, and an agency's subscription at its other end."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from feeding import Feeding, eventually, serving

from rujukan.consumers.feed import Feed
from rujukan.consumers.feed_source import FeedSource
from rujukan.consumers.inbox import SqliteInbox
from rujukan.consumers.replay import Begin, from_feed, replay
from rujukan.consumers.subscription import Subscription
from rujukan.infra.settings import Settings


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Feeding]:
    with serving(settings) as served:
        yield served


def feed_of(service: Feeding) -> Feed:
    return Feed(service.url, service.client("rsud").headers["Authorization"].removeprefix("Bearer "))


class Hospital:
    """Its machine, while it runs."""

    def __init__(self, service: Feeding, file: Path, stream: bool) -> None:
        self.seen: list[Any] = []
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(service, file, stream), daemon=True)
        self._thread.start()

    def _run(self, service: Feeding, file: Path, stream: bool) -> None:
        feed, inbox = feed_of(service), SqliteInbox(file, lambda d, db: self.seen.append(d))
        source = FeedSource("rsud", feed, stream=stream)
        Subscription(source, [service.keys["rsud"]], service.service_key, inbox, feed=feed).run(self._stop)
        inbox.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("stream", [False, True])
def test_the_agency_handles_all_that_it_is_told_once_in_order_and_what_is_new_at_once(service, tmp_path, stream):
    case = service.case_with("rsud")
    head = service.head("rsud")
    hospital = Hospital(service, tmp_path / "inbox.db", stream)
    assert eventually(lambda: len(hospital.seen) >= head)
    time.sleep(0.5)  # it waits for what is new now
    asked = time.monotonic()
    service.note(case, "MARKER")
    assert eventually(lambda: len(hospital.seen) > head)
    assert time.monotonic() - asked < 5
    assert hospital.seen[-1].fields()["health"] == "MARKER"
    hospital.stop()
    service.note(case)
    again = Hospital(service, tmp_path / "inbox.db", stream)
    assert eventually(lambda: again.seen)
    again.stop()
    told = [d.sequence for d in (*hospital.seen, *again.seen)]
    assert told == list(range(1, service.head("rsud") + 1))


def test_a_replay_gets_a_case_a_position_or_all_from_the_service(service, tmp_path):
    case = service.case_with("rsud")
    service.case_with("rsud")
    head = service.head("rsud")
    seen: list[Any] = []
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: seen.append(d))

    def replayed(begin: Begin, of: Any = None) -> list[Any]:
        seen.clear()
        source = from_feed("rsud", feed_of(service), begin, of)
        replay(source, [service.keys["rsud"]], service.service_key, inbox, begin, case=of).run(Event())
        return list(seen)

    everything = replayed(Begin())
    assert [d.sequence for d in everything] == list(range(1, head + 1))
    of_case = replayed(Begin(), case)
    assert of_case == [d for d in everything if d.case == case]
    assert len(of_case) >= 3
    last = everything[-1]
    assert replayed(Begin(position=last.position))[-1] == last
    assert replayed(Begin(sequence=head)) == [last]
    with_the_last = replayed(Begin(time=last.recorded_at))
    assert with_the_last == everything[-len(with_the_last) :]
    assert {d.case for d in with_the_last} == {last.case}, "what the last event let it be told, and nothing before"
    inbox.close()
