"""Where deliveries come from, and where the answers go: what every transport has to offer, and no more.

A transport brings sealed messages in the order in which it has them. It need not be good: what it loses, repeats or
turns round, the subscription notices by the numbers inside the signature. A `Bookmark` helps a transport to go on where
it was; what was handled is never decided by it.
"""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from ...wire.acknowledgement import Acknowledgement, Reason
from ...wire.envelope import Message


class Bookmark(NamedTuple):
    """Where to read on: in Kafka the topic's id and an offset; elsewhere not needed, as the sequence says it."""

    topic_id: str
    offset: int


class Last(NamedTuple):
    """The delivery behind which to begin: its number and, where it is known, its id. The id says in which history the
    number was given: after a restore on the other side another delivery may have it."""

    sequence: int
    id: str = ""


class Arrived(NamedTuple):
    """A message as it came, unopened. `after` is the place behind it, `at` when its transport says it was sent."""

    headers: Sequence[tuple[str, bytes | None]]
    key: bytes | None
    value: bytes | None
    after: Bookmark | None = None
    at: float = 0.0

    @classmethod
    def of(cls, message: Message) -> "Arrived":
        """What a receiver gets of a message that was sent."""
        return cls(message.headers, message.key, message.value)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be handled, as it came: still sealed. Nothing here tells what is in it."""

    n: int
    sequence: int | None
    """None where no signature vouches for it."""
    id: str
    case: str
    """The case's pseudonym."""
    key_id: str
    reason: Reason
    problem: str
    """The class of what the handler raised."""
    tries: int
    at: str
    state: str
    """`open`, or `recovered`."""
    sealed: Arrived | None
    """None where the bytes are not kept any more: the feed has them."""

    def headers(self) -> list[tuple[str, bytes]]:
        """The headers that a dead-letter topic gets: those it came with, and why it is there."""
        came = self.sealed.headers if self.sealed is not None else ()
        said = {"reason": self.reason, "problem": self.problem, "tries": str(self.tries), "at": self.at}
        return [(name, text or b"") for name, text in came] + [
            (f"rujukan-{name}", text.encode()) for name, text in said.items()
        ]


class Unreachable(Exception):
    """The other side does not answer, or not as agreed; it is tried again, after so many seconds at the soonest. The
    message names no content."""

    def __init__(self, said: str = "", after: float = 0.0) -> None:
        super().__init__(said)
        self.after = after


class AnotherHistory(Unreachable):
    """The other side does not know the delivery that is the last one here: an older state of it was restored, and what
    it tells now under numbers that were handled here is something else."""


GRACE_SECONDS = 120.0
"""So long credentials that are refused are asked for anew; somebody may be renewing them."""


class NotAdmitted(Unreachable):
    """The other side answers, and lets nobody in with these credentials. `since` is when it began to, by the monotonic
    clock."""

    def __init__(self, said: str, since: float) -> None:
        super().__init__(said)
        self.since = since

    @property
    def is_for_good(self) -> bool:
        """Whether they were asked for anew for long enough."""
        return time.monotonic() - self.since >= GRACE_SECONDS

    @property
    def words(self) -> str:
        """What is the matter and what to do."""
        return (
            f"no admittance for {GRACE_SECONDS:.0f} s, and the credentials were read anew each time: {self}. A token or"
            " password that expired or was replaced, one of another agency or role, or an agency that is suspended."
            " Nothing more is received or acknowledged, and nothing is lost: put the right ones there, and start again"
        )


class Replies(Protocol):
    """The way back to the service. Used by one thread, another than the source's."""

    def acknowledge(self, said: Acknowledgement) -> None:
        """Say what arrived and what was handled; returns when the other side has it. Raises Unreachable."""
        ...

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Put these where the agency keeps its dead letters, if it keeps them elsewhere too. Raises Unreachable."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Source(Protocol):
    """A transport. Used by one thread."""

    agency: str

    def start(self, place: Bookmark | None, last: Last) -> None:
        """(Re)connect, and go to that place, or where none is known, or it is not there any more, to where all may be
        found that comes after `last`. Raises Unreachable; AnotherHistory, from here or when something is received."""
        ...

    def receive(self, seconds: float) -> Sequence[Arrived]:
        """What came next; nothing after so many seconds without anything. Raises Unreachable."""
        ...

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        """All that was received is committed in the inbox, handled or not, but for those that wait for one that is
        missing; `refused` is what the service did not sign. For a transport whose other side waits for an answer."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether everything that was there was received, as far as can be told."""
        ...

    def replies(self) -> Replies:
        """The way back."""
        ...

    def close(self) -> None:
        """Hang up; `start` may follow."""
        ...
