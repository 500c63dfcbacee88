"""Subscribing over HTTP: pages, long-poll and a stream of events, over real connections."""

import gzip
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from feed_server import TOKEN, FeedServer
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_SECONDS
from some import thorough
from told import AGENCY, CASES, KEY, PINNED, Wire, delivery, sealed, told

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.inbox.order import Gap
from rujukan.consumers.agency.subscribing.replay import Begin, from_feed, replay
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports import feed, feed_source, transport
from rujukan.consumers.agency.transports.feed import Feed, FeedPage, TokenRefused, events
from rujukan.consumers.agency.transports.feed_source import FeedReplies, FeedSource
from rujukan.consumers.agency.transports.transport import NotAdmitted, Unreachable
from rujukan.consumers.wire.acknowledgement import Acknowledgement, Mark
from rujukan.consumers.wire.envelope import AgencyKey, NotOurs, Opener

MANY = told(40)
QUICK = Rules(first_pause=0.01)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer(MANY[:30]) as running:
        yield running
        running.shutdown()


class Receiving:
    """A subscription in a thread."""

    def __init__(self, directory: Path, source: Any, feed: Feed | None = None, rules: Rules = QUICK) -> None:
        self.seen: list[int] = []
        self.stop = Event()
        self.inbox: Any = None
        self.subscription: Any = None
        self._thread = Thread(target=self._run, args=(directory, source, feed, rules), daemon=True)
        self._thread.start()

    def _run(self, directory: Path, source: Any, feed: Feed | None, rules: Rules) -> None:
        inbox = SqliteInbox(directory / "inbox.db", lambda d, db: self.seen.append(d.sequence))
        self.subscription = Subscription(source, [KEY], PINNED, inbox, feed=feed, rules=rules)
        self.subscription.run(self.stop)
        inbox.close()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def eventually(check: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())


def feed_of(server: FeedServer) -> Feed:
    return Feed(server.url, TOKEN)


def answer(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join((b"HTTP/1.1 200 OK", size, *headers, b"", body))


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


RUBBISH = {
    "brackets": answer(b"[" * 1_000_000),
    "brackets in an event": answer(b'[{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}]"),
    "events in events": answer(b'[{"a":' * 100_000),
    "a million events": answer(b"[" + b"{}," * 1_000_000 + b"{}]"),
    "no text": answer(b"[\xff\xfe\x00]"),
    "half a pair": answer(b'[{"id":"\\ud800"}]'),
    "a number": answer(b"9" * 100_000),
    "a gzip bomb": answer(gzip.compress(b"[" + b" " * 50_000_000 + b"]"), b"Content-Encoding: gzip"),
    "less than it says": answer(b"[]", length=1_000),
    "more than it says": answer(b"[{}]", length=3),
    "a length that is none": answer(b"[]", b"Content-Length: -7"),
    "a huge length": answer(b"[]", length=10**30),
    "a huge head": answer(b"[]", b"Rujukan-Head: " + b"9" * 60_000),
    "many headers": answer(b"[]", *[b"x: y"] * 1_000),
    "a header without end": answer(b"[]", b"x: " + b"y" * 1_000_000),
    "a chunk that lies": chunked(b"ffffffff\r\n[]"),
    "a chunk that is none": chunked(b"zz\r\n[]\r\n"),
    "no answer": b"\x16\x03\x01\x00\x00" * 1_000,
    "nothing": b"",
}


def test_a_feed_that_answers_rubbish_is_unreachable_and_then_asked_again(server: FeedServer) -> None:
    asking, opener = Feed(server.url, TOKEN), Opener([KEY], [PINNED])
    for what, rubbish in RUBBISH.items():
        server.rubbish = [rubbish] * 2
        found: list[FeedPage] = []
        for _ in range(4):
            with suppress(Unreachable):
                found.append(asking.page(0))
        assert len(found[-1].messages) == 30, what
        for message in (m for page in found[:-1] for m in page.messages if m not in found[-1].messages):
            with pytest.raises(NotOurs):
                opener.verified(message.headers, message.key, message.value)
    asking.close()


def test_rubbish_from_the_feed_ends_no_subscription_that_heals_by_it(server: FeedServer, tmp_path: Path) -> None:
    """In the subscription's own thread, where a stack that is full would end it."""
    server.rubbish = [RUBBISH["brackets in an event"], RUBBISH["events in events"]]
    receiving = Receiving(tmp_path, Wire(MANY[10:30]), feed=Feed(server.url, TOKEN))
    assert eventually(lambda: len(receiving.seen) == 30)
    assert receiving.seen == list(range(1, 31))
    receiving.end()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.thorough
def test_answers_that_fail_or_end_in_the_middle_lose_and_double_nothing(server, tmp_path, stream, monkeypatch):
    monkeypatch.setattr(feed_source, "PAGE", 7)
    server.fails, server.cuts = 2, 3
    receiving = Receiving(tmp_path, FeedSource(AGENCY, feed_of(server), stream=stream))
    assert eventually(lambda: len(receiving.seen) >= 30)
    receiving.end()
    assert receiving.seen == list(range(1, 31))
    assert receiving.subscription.rejected == 0


def test_a_token_is_asked_for_anew_so_that_a_renewed_one_is_used(server, tmp_path):
    token = ["old"]
    receiving = Receiving(tmp_path, FeedSource(AGENCY, Feed(server.url, lambda: token[0])))
    assert eventually(lambda: len(server.asked) >= 2)
    assert receiving.seen == []
    token[0] = TOKEN
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


def ends_as_nobody_lets_it_in(directory: Path, source: Any, feed: Feed | None = None) -> tuple[NotAdmitted, list[int]]:
    """What a subscription says that ends by itself, and what it handled until then."""
    seen: list[int] = []
    inbox = SqliteInbox(directory / "inbox.db", lambda d, db: seen.append(d.sequence))
    with pytest.raises(NotAdmitted) as ended:
        Subscription(source, [KEY], PINNED, inbox, feed=feed, rules=QUICK).run(Event())
    assert inbox.letters.all(AGENCY) == []
    inbox.close()
    return ended.value, seen


@pytest.mark.parametrize("status", [403, thorough(401)])
@pytest.mark.parametrize("stream", [False, thorough(True)])
def test_a_token_that_is_refused_is_asked_for_anew_for_a_while_and_then_it_ends(
    server, tmp_path, monkeypatch, status, stream
):
    monkeypatch.setattr(transport, "GRACE_SECONDS", 0.3)
    server.refuses, asked = status, list[float]()

    def token() -> str:
        asked.append(time.monotonic())
        return "expired"

    source = FeedSource(AGENCY, Feed(server.url, token), stream=stream)
    why, seen = ends_as_nobody_lets_it_in(tmp_path, source)
    assert (isinstance(why, TokenRefused), seen, server.said) == (True, [], [])
    assert len(asked) > 1
    assert asked[-1] - asked[0] >= 0.2
    assert f"the service answers {status}" in why.words
    assert "nothing is lost" in why.words
    receiving = Receiving(tmp_path, FeedSource(AGENCY, feed_of(server), stream=stream))
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


@pytest.mark.thorough
def test_it_ends_too_where_only_what_is_said_is_refused_or_what_is_missing(server, tmp_path, monkeypatch):
    """As over a webhook, whose acknowledgements go by the feed; and where a gap stands until the feed closes it. What
    Kafka brings whole needs no token."""
    monkeypatch.setattr(transport, "GRACE_SECONDS", 0.3)
    server.token = "another"

    class Posted(Wire):
        def replies(self) -> Any:
            return FeedReplies(feed_of(server))

    why, seen = ends_as_nobody_lets_it_in(tmp_path, Posted(MANY[:3]))
    assert (isinstance(why, TokenRefused), seen) == (True, [1, 2, 3])
    hole = Wire([m for m in MANY[:9] if m.sequence != 6])
    assert ends_as_nobody_lets_it_in(tmp_path, hole, feed_of(server))[1] == [4, 5]
    (tmp_path / "kafka").mkdir()
    receiving = Receiving(tmp_path / "kafka", Wire(MANY[:30]), feed_of(server))
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


def test_a_refusal_of_what_is_said_is_none_of_who_says_it(server):
    """403 `wrong-receipt`: the token is good."""
    server.later = {"/subscription/acknowledgements": [(403, "urn:rujukan:problem:wrong-receipt")]}
    with pytest.raises(Unreachable) as refused:
        feed_of(server).acknowledge(Acknowledgement(received=Mark(1, "x")))
    assert not isinstance(refused.value, NotAdmitted)


def test_a_gap_in_a_topic_is_healed_from_the_feed_before_anything_later_is_handled(server, tmp_path):
    """The subscriber was off for longer than the topic keeps, and the broker lost some more."""
    wire = Wire([m for m in MANY[:30] if m.sequence > 12 and m.sequence not in (20, 21)])
    receiving = Receiving(tmp_path, wire, feed_of(server))
    assert eventually(lambda: len(receiving.seen) >= 30)
    receiving.end()
    assert receiving.seen == list(range(1, 31))
    assert wire.clerk.said[-1].handled == Mark(30, "receipt-30")
    assert wire.clerk.said[-1].failed == []


def test_while_the_feed_does_not_answer_what_is_missing_is_waited_for_even_with_leave_to_skip(server, tmp_path):
    server.token = "another"
    wire = Wire([m for m in MANY[:30] if m.sequence != 5])
    receiving = Receiving(tmp_path, wire, feed_of(server), Rules(skip_gaps=True))
    assert eventually(lambda: len(server.asked) >= 2)
    assert receiving.seen == [1, 2, 3, 4]
    server.token = TOKEN
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


def test_what_the_feed_holds_is_waited_for_even_with_leave_to_skip(server, tmp_path):
    server.held = 5
    wire = Wire([m for m in MANY[:30] if m.sequence not in (5, 6)])
    receiving = Receiving(tmp_path, wire, feed_of(server), Rules(skip_gaps=True))
    assert eventually(lambda: len(server.asked) >= 2)
    assert receiving.seen == [1, 2, 3, 4]
    server.held = 0
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


def test_what_the_feed_has_not_either_is_skipped_with_leave_and_healed_when_it_has_it(server, tmp_path, monkeypatch):
    from rujukan.consumers.agency.subscribing import subscription

    monkeypatch.setattr(subscription, "HEAL_SECONDS", 0.2)
    server.hidden = {5, 6}
    wire = Wire([m for m in MANY[:10] if m.sequence not in (5, 6)])
    receiving = Receiving(tmp_path, wire, feed_of(server), Rules(skip_gaps=True))
    assert eventually(lambda: len(receiving.seen) >= 8)
    assert receiving.seen == [1, 2, 3, 4, 7, 8, 9, 10]
    server.hidden = set()
    assert eventually(lambda: receiving.seen[8:] == [5, 6])
    assert eventually(lambda: {n for said in wire.clerk.said for n in said.recovered} >= {5, 6})
    receiving.end()


def test_what_was_sealed_to_a_lost_key_is_fetched_when_it_is_sealed_anew(server, tmp_path, monkeypatch):
    from rujukan.consumers.agency.subscribing import subscription

    monkeypatch.setattr(subscription, "HEAL_SECONDS", 0.2)
    lost = AgencyKey.generate("lost")
    server.messages = [*MANY[:10], *sealed_to(lost, range(11, 21)), *MANY[20:30]]
    feed = feed_of(server)
    receiving = Receiving(tmp_path, FeedSource(AGENCY, feed), feed)
    assert eventually(lambda: len(receiving.seen) >= 20)
    server.messages = MANY[:30]
    assert eventually(lambda: len(receiving.seen) >= 30)
    assert receiving.seen == [*range(1, 11), *range(21, 31), *range(11, 21)]
    assert eventually(lambda: {n for said in server.said for n in said.recovered} >= set(range(11, 21)))
    receiving.end()


def sealed_to(key: AgencyKey, numbers: range) -> list[Any]:
    return sealed((delivery(n, CASES[n % 3]) for n in numbers), key=key)


def test_a_feed_with_a_hole_in_it_is_waited_for(server, tmp_path):
    server.hidden = {5}
    receiving = Receiving(tmp_path, FeedSource(AGENCY, feed_of(server)))
    assert eventually(lambda: receiving.subscription is not None and receiving.subscription.gap == Gap(5, 5))
    assert receiving.seen == [1, 2, 3, 4]
    server.hidden = set()
    assert eventually(lambda: receiving.seen == list(range(1, 31)))
    receiving.end()


@pytest.mark.parametrize(
    ("begin", "case", "expected"),
    [
        ("beginning", None, range(1, 31)),
        ("12", None, range(12, 31)),
        ("position:150", None, range(25, 31)),
        ("beginning", CASES[1], range(1, 31, 3)),
        ("12", CASES[1], range(13, 31, 3)),
    ],
)
def test_a_replay_from_the_feed_ends_at_the_present(server, tmp_path, begin, case, expected):
    seen: list[int] = []
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: seen.append(d.sequence))
    where = Begin.read(begin)
    source = from_feed(AGENCY, feed_of(server), where, case)
    replay(source, [KEY], PINNED, inbox, where, case=case).run(Event())
    assert seen == list(expected)
    assert server.said == []


def test_it_ends_at_once_while_a_long_poll_waits(server, tmp_path, monkeypatch):
    """Long before the poll would be answered."""
    monkeypatch.setattr(feed_source, "WAIT_SECONDS", 2 * round(PATIENCE_SECONDS))
    receiving = Receiving(tmp_path, FeedSource(AGENCY, feed_of(server)))
    assert eventually(lambda: any("wait=" in path for path in server.asked))
    receiving.end()


def test_an_answer_too_large_is_asked_for_in_smaller_pages(server, monkeypatch):
    from rujukan.consumers.agency.transports import feed as module

    monkeypatch.setattr(module, "LARGEST", 30_000)
    page = feed_of(server).page(0, 30)
    assert 1 < len(page.messages) < 30
    assert not page.is_last
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(Unreachable, match="too large"):
        feed_of(server).page(0, 30)


@pytest.mark.parametrize("url", ["ftp://x", "http://rujukan.example", "rujukan.example", "http://"])
def test_a_token_goes_over_tls_only(url):
    with pytest.raises(ValueError, match="address begins"):
        Feed(url, TOKEN)


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1))
def test_events_of_a_stream_are_read_as_they_were_sent(texts):
    lines = b"".join(b": comment\nid: 1\n" + b"".join(b"data: %s\n" % t.encode() for t in [x]) + b"\n" for x in texts)
    assert list(events(io.BytesIO(lines))) == texts


@given(st.binary(max_size=200))
def test_a_stream_of_rubbish_is_events_or_refused(data):
    try:
        assert all(isinstance(text, str) for text in events(io.BytesIO(data)))
    except ValueError:
        return


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"type":"urn:rujukan:problem:not-a-member","title":"Not a member","status":403}', ["not-a-member"]),
        (b'{"type":"urn:rujukan:problem:SECRET","title":"SECRET"}', []),
        (b"<html>SECRET</html>", []),
        (b"", []),
    ],
)
def test_why_the_feed_refuses_is_said_in_words_of_the_service_only(body, words):
    assert list(feed._words(body)) == words


class Clock:
    """The time that the agency's side goes by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.later = 0.0
        real = time.monotonic
        monkeypatch.setattr(feed.time, "monotonic", lambda: real() + self.later)


PAGES, STREAMED, SAID = "/subscription/events", "/subscription/stream", "/subscription/acknowledgements"


def asked(server: FeedServer, where: str) -> int:
    return sum(path.partition("?")[0] == where for path in server.asked)


@pytest.mark.parametrize("where", [PAGES, STREAMED, SAID])
@pytest.mark.parametrize(("status", "said", "at_least"), [(429, "700", 650), (429, "date", 650), (503, "700", 25)])
def test_what_asks_to_be_left_alone_is_left_alone_for_that_long(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch, where: str, status: int, said: str, at_least: float
) -> None:
    clock = Clock(monkeypatch)
    ask: dict[str, Callable[[Feed], object]] = {
        PAGES: lambda of: of.page(0),
        STREAMED: lambda of: next(of.stream(0)),
        SAID: lambda of: of.acknowledge(Acknowledgement(received=Mark(1, "x"))),
    }
    after = formatdate(time.time() + 700, usegmt=True) if said == "date" else said
    server.later[where] = [(status, after)]
    one = feed_of(server)
    with pytest.raises(Unreachable) as refused:
        ask[where](one)
    assert at_least <= refused.value.after <= 700
    for other in (one, one.again()):
        with pytest.raises(Unreachable) as early:
            ask[where](other)
        assert 0 < early.value.after <= 700
    assert asked(server, where) == 1, "nobody of the family asks sooner"
    for elsewhere in ask.keys() - {where}:
        ask[elsewhere](one.again())
    clock.later += refused.value.after + 1
    ask[where](one.again())
    assert asked(server, where) == 2


@pytest.mark.parametrize("said", ["", "soon", "-5", "9" * 40, "Wed, 21 Oct 1815 07:28:00 GMT"])
def test_what_says_nothing_that_can_be_heeded_is_asked_again_as_before(server: FeedServer, said: str) -> None:
    server.later[PAGES] = [(429, said)]
    one = feed_of(server)
    with pytest.raises(Unreachable) as refused:
        one.page(0)
    assert refused.value.after == 0
    assert len(one.page(0).messages) == 30


class Impatient(Event):
    """Who waits for it for long has waited at once: the clock is put on instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None and timeout > 60:
            self.waited.append(timeout)
            self._clock.later += timeout
            timeout = 0
        return super().wait(timeout)


@pytest.mark.parametrize("stream", [False, True])
def test_a_subscription_waits_as_long_as_it_is_told_and_goes_on(
    server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    clock = Clock(monkeypatch)
    server.later[STREAMED if stream else PAGES] = [(429, "100"), (429, "200")]
    seen: list[int] = []
    stop = Impatient(clock)
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: (seen.append(d.sequence), len(seen) == 30 and stop.set()))
    source = FeedSource(AGENCY, feed_of(server), stream=stream)
    Subscription(source, [KEY], PINNED, inbox, rules=QUICK).run(stop)
    inbox.close()
    assert seen == list(range(1, 31))
    assert [100 <= waited < 110 for waited in stop.waited[:1]] == [True]
    assert 200 <= stop.waited[1] < 210
    assert len(stop.waited) == 2
