"""The feed as a transport: pages that wait for what is new, or a stream of server-sent events.

A thread reads ahead by a page or two, so that the next page travels while the last is handled, and who receives never
waits longer than it asked to.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from queue import Empty, Full, Queue
from threading import Event, Thread
from uuid import UUID

from ...wire.acknowledgement import Acknowledgement
from ...wire.envelope import Rejected, attributes_of
from .feed import PAGE, WAIT_SECONDS, Feed
from .transport import Arrived, Bookmark, DeadLetter, Last, Replies, Unreachable

AHEAD = 2
STEP_SECONDS = 0.2
STREAMED = 64
"""So many events of a stream are handed on at once, where they are there."""


class FeedSource:
    """Messages from the feed. `stream` takes server-sent events rather than pages. For a replay, `case`, `since` and
    `position` ask for a part, and without `follow` it ends at the present."""

    def __init__(
        self,
        agency: str,
        feed: Feed,
        *,
        stream: bool = False,
        case: UUID | None = None,
        since: datetime | None = None,
        position: int | None = None,
        follow: bool = True,
    ) -> None:
        self.agency = agency
        self._feed = feed.again()
        self._stream = stream
        self._case, self._since, self._position = case, since, position
        self._follow = follow
        self._at_end = Event()
        self._reading: tuple[Event, Thread, Queue[list[Arrived] | Unreachable]] | None = None

    def start(self, place: Bookmark | None, last: Last) -> None:  # noqa: ARG002  # the last one says it all
        """Begin to read ahead."""
        self.close()
        stop: Event = Event()
        queue: Queue[list[Arrived] | Unreachable] = Queue(AHEAD if not self._stream else AHEAD * STREAMED)
        self._at_end.clear()
        thread = Thread(target=self._read, args=(last, stop, queue), name=f"feed-{self.agency}", daemon=True)
        self._reading = stop, thread, queue
        thread.start()

    def receive(self, seconds: float) -> Sequence[Arrived]:
        """What was read ahead."""
        if self._reading is None:
            raise Unreachable("the feed is not being read")
        queue = self._reading[2]
        found: list[Arrived] = []
        try:
            got = queue.get(timeout=seconds)
            while True:
                if isinstance(got, Unreachable):
                    if found:
                        queue.put_nowait(got)
                        return found
                    raise got
                found += got
                if len(found) >= STREAMED:
                    return found
                got = queue.get_nowait()
        except Empty:
            return found

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        """Nobody waits: the sequence is kept in the inbox."""

    @property
    def at_end(self) -> bool:
        """Whether the last page had all there was, and was received."""
        return self._at_end.is_set() and self._reading is not None and self._reading[2].empty()

    def replies(self) -> Replies:
        """The way back, over a connection of its own."""
        return FeedReplies(self._feed.again())

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            stop, thread, _ = self._reading
            self._reading = None
            stop.set()
            self._feed.close()
            thread.join(STEP_SECONDS * 5)
            self._feed = self._feed.again()

    def _read(self, after: Last, stop: Event, queue: "Queue[list[Arrived] | Unreachable]") -> None:
        try:
            for messages in self._streamed(after) if self._stream else self._pages(self._feed, after, stop):
                _put(queue, messages, stop)
                if stop.is_set():
                    return
            if self._stream:
                raise Unreachable("the stream ended")
        except Unreachable as problem:
            _put(queue, problem, stop)
        except Exception as problem:  # a connection that is closed while it is read breaks in many ways
            _put(queue, Unreachable(type(problem).__name__), stop)

    def _streamed(self, after: Last) -> Iterator[list[Arrived]]:
        return ([message] for message in self._feed.stream(after))

    def _pages(self, feed: Feed, after: Last, stop: Event) -> Iterator[list[Arrived]]:
        since, position = self._since, self._position
        held = False
        while not stop.is_set():
            asked = time.monotonic()
            wait = WAIT_SECONDS if held or (self._follow and self._at_end.is_set()) else 0
            page = feed.page(after, PAGE, wait, case=self._case, since=since, position=position)
            last = max(map(last_of, page.messages), default=Last(0))
            if page.messages:
                yield list(page.messages)
            if last.sequence > after.sequence:
                after, since, position = last, None, None
            elif page.messages or (wait and time.monotonic() - asked < 1):
                stop.wait(1)  # a feed that repeats itself, or does not wait, is not asked without a pause
            held = not page.messages and not page.is_last  # something waits there for what has to be told before
            if page.is_last:
                self._at_end.set()
                if not self._follow:
                    return
            else:
                self._at_end.clear()


class FeedReplies:
    """Acknowledgements by POST. Dead letters stay with the agency."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def acknowledge(self, said: Acknowledgement) -> None:
        self._feed.acknowledge(said)

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """They are in the inbox."""

    def close(self) -> None:
        self._feed.close()


def last_of(message: Arrived) -> Last:
    """What a message says its sequence and id are, unverified; 0 where it says nothing."""
    with suppress(Rejected):
        about = attributes_of({name: text or b"" for name, text in message.headers}, message.key)
        return Last(int(about.sequence), about.id)
    return Last(0)


def sequence_of(message: Arrived) -> int:
    """What a message says its sequence is, unverified; 0 where it says nothing."""
    return last_of(message).sequence


def _put(queue: "Queue[list[Arrived] | Unreachable]", what: "list[Arrived] | Unreachable", stop: Event) -> None:
    while not stop.is_set():
        with suppress(Full):
            queue.put(what, timeout=STEP_SECONDS)
            return
