"""The service was restored to an older state, and an agency that subscribes over HTTP holds more than that has: it
notices, whatever the service tells since, and takes nothing of the new history for a repeat."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from uuid import UUID

import pytest
from feed_server import TOKEN, FeedServer
from feeding import eventually
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from some import examples
from told import AGENCY, CASES, KEY, PINNED, SERVICE, Wire, delivery, sealed, told

from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.inbox.notes import RECENT
from rujukan.consumers.agency.subscribing.recovery import recover
from rujukan.consumers.agency.subscribing.replay import Begin, from_feed, replay
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.agency.transports.transport import AnotherHistory, Last, Source
from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.envelope import Message, Opener

FIRST = told(60)
"""What was told before anything was restored."""


def other(number: int) -> Message:
    """What the restored service tells under a number."""
    said = delivery(number, CASES[number % 3])
    (plain,) = sealed([said])
    about = replace(envelope.attributes_of(dict(plain.headers), plain.key), id=str(UUID(int=900_000 + number)))
    (message,) = envelope.sign([envelope.seal(said, about, envelope.public_key(KEY.public))], SERVICE)
    return message


SECOND = {number: other(number) for number in range(1, 61)}


def restored(prefix: int, new: int) -> list[Message]:
    """The first history up to there, and so much of the second behind it."""
    return [*FIRST[:prefix], *(SECOND[n] for n in range(prefix + 1, prefix + new + 1))]


class Agency:
    """An agency's machine, on one inbox however often it is started, and the person who looks after it."""

    def __init__(self, directory: str, server: FeedServer, stream: bool = False) -> None:
        self._file, self._server, self._stream = Path(directory) / "inbox.db", server, stream
        self.handled: list[str] = []

    @contextmanager
    def inbox(self) -> Iterator[SqliteInbox]:
        made = SqliteInbox(self._file, lambda d, db: self.handled.append(d.id))
        yield made
        made.close()

    @contextmanager
    def receiving(self, source: Source | None = None) -> Iterator[None]:
        """Meanwhile it runs."""
        feed, stop = Feed(self._server.url, TOKEN), Event()

        def run() -> None:
            with self.inbox() as inbox:
                end = source or FeedSource(AGENCY, feed, stream=self._stream)
                Subscription(end, [KEY], PINNED, inbox, feed=feed).run(stop)

        thread = Thread(target=run, daemon=True)
        thread.start()
        yield
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()

    def letters(self) -> list[int]:
        """What waits for a person."""
        with self.inbox() as inbox:
            return [letter.n for letter in inbox.letters.all(AGENCY, "open")]

    def looks(self) -> None:
        """The person hands it over."""
        with self.inbox() as inbox:
            for n in self.letters():
                assert recover(inbox, AGENCY, n, Opener([KEY], (PINNED,))) == ""


@pytest.mark.thorough
@settings(max_examples=examples(12, least=2))
@given(st.integers(0, 50), st.integers(1, 10), st.integers(0, 14), st.booleans())
@example(50, 7, 3, False)
@example(50, 7, 0, True)
@example(0, 3, 3, True)
@example(3, 30, 31, False)
def test_nothing_of_the_new_history_is_skipped_and_nothing_is_handled_unseen(
    prefix: int, lost: int, new: int, stream: bool
) -> None:
    """For any state that is restored, any number of deliveries that are lost, and any number told since."""
    with TemporaryDirectory() as directory, FeedServer(FIRST[: prefix + lost]) as server:
        agency = Agency(directory, server, stream)
        with agency.receiving():
            assert eventually(lambda: len(agency.handled) == prefix + lost)
        server.messages = restored(prefix, new)
        expected = {m.id for m in server.messages[prefix:]}
        for _ in range(new + 1):
            before = len(agency.handled)
            with agency.receiving():
                assert eventually(lambda: server.refused)
                assert eventually(lambda: not new or agency.letters() or expected <= set(agency.handled))
            if not agency.letters():
                break
            assert len(agency.handled) == before, "nothing is handled before a person has looked"
            agency.looks()
        assert expected <= set(agency.handled), "nothing of the new history is left out"
        assert len(agency.handled) == len(set(agency.handled)), "nor handled twice"
        server.shutdown()


@pytest.mark.thorough
@pytest.mark.parametrize("stream", [False, True])
def test_once_the_service_knows_what_was_lost_it_goes_on_by_itself(
    tmp_path: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The newest state is back, or `rujukan recover` put on record what agencies hold."""
    with FeedServer(FIRST[:57]) as server:
        agency = Agency(str(tmp_path), server, stream)
        with agency.receiving():
            assert eventually(lambda: len(agency.handled) == 57)
        server.messages = FIRST[:50]
        with agency.receiving():
            assert eventually(lambda: server.refused)
            assert eventually(lambda: "does not know what was handled here last" in caplog.text)
            server.messages = list(FIRST)
            server.cuts += 1  # its connections end, as after any restore
            server.tell()
            assert eventually(lambda: len(agency.handled) == 60)
        assert agency.handled == [m.id for m in FIRST]
        assert agency.letters() == []
        server.shutdown()


@pytest.mark.thorough
def test_where_nothing_that_is_remembered_is_known_nothing_is_handled(tmp_path: Path) -> None:
    many = told(RECENT + 10)
    with FeedServer(many) as server:
        agency = Agency(str(tmp_path), server)
        with agency.receiving():
            assert eventually(lambda: len(agency.handled) == len(many))
        server.messages = restored(5, 55)
        with agency.receiving():
            assert eventually(lambda: len(server.refused) > 12), "it looks back as far as it remembers"
        assert len(agency.handled) == len(many)
        assert agency.letters() == []
        server.shutdown()


def test_what_is_missing_is_not_fetched_out_of_another_history(tmp_path: Path) -> None:
    """Its topic lost some, and the feed that would heal it is of a service that was restored."""
    with FeedServer(FIRST[:57]) as server:
        agency = Agency(str(tmp_path), server)
        with agency.receiving():
            assert eventually(lambda: len(agency.handled) == 57)
        server.messages = restored(50, 10)
        with agency.receiving(Wire([FIRST[59]])):
            assert eventually(lambda: server.refused)
        assert len(agency.handled) == 57
        server.messages = list(FIRST)
        with agency.receiving(Wire([FIRST[59]])):
            assert eventually(lambda: len(agency.handled) == 60)
        assert agency.handled == [m.id for m in FIRST]
        server.shutdown()


def test_an_inbox_that_remembers_no_ids_goes_on_by_its_number(tmp_path: Path) -> None:
    """One of before ids were remembered."""
    with FeedServer(FIRST[:10]) as server:
        agency = Agency(str(tmp_path), server)
        with agency.inbox() as inbox:
            inbox.begin(AGENCY, 7)
        with agency.receiving():
            assert eventually(lambda: len(agency.handled) == 3)
        assert not server.refused
        server.shutdown()


def test_a_replay_that_begins_where_nothing_is_ends_and_says_so(tmp_path: Path) -> None:
    with FeedServer(FIRST[:10]) as server:
        agency, begin = Agency(str(tmp_path), server), Begin(sequence=50)
        source = from_feed(AGENCY, Feed(server.url, TOKEN), begin)
        with agency.inbox() as inbox:
            replaying = replay(source, [KEY], PINNED, inbox, begin)
            with pytest.raises(AnotherHistory):
                replaying.run(Event())
        server.shutdown()


@pytest.mark.parametrize("id", ["", "x\r\nHost: y", "0", "é" * 36])
def test_what_is_no_id_is_not_sent(id: str) -> None:
    with FeedServer(FIRST[:3]) as server:
        assert len(Feed(server.url, TOKEN).page(Last(1, id)).messages) == 2
        server.shutdown()
