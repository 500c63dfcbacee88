"""Hand deliveries to a handler once more: from the beginning, a sequence, a time or a position of the log, of all cases
or of one. A replay has a cursor of its own: where the subscription stands does not move, and nothing is acknowledged.
It ends at the present, and started again under the same name it goes on where it was."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from msgspec.structs import replace

from ...wire.envelope import Attributes, CannotOpen, Opener
from ..inbox.handling import Rules
from ..inbox.inbox import Inbox
from ..transports.feed import Feed
from ..transports.feed_source import FeedSource, sequence_of
from ..transports.transport import Arrived, Source
from .keys import Keys
from .part import Part
from .subscription import Subscription


class Begin(Struct, frozen=True, kw_only=True):
    """Where a replay begins; one of these, or the beginning."""

    sequence: int | None = None
    time: datetime | None = None
    position: int | None = None

    @classmethod
    def read(cls, text: str) -> "Begin":
        """`beginning`, a sequence, `position:N`, or a time in RFC 3339. Raises ValueError."""
        word, _, number = text.partition(":")
        if text == "beginning":
            return cls()
        if text.isascii() and text.isdigit():
            return cls(sequence=max(1, int(text)))
        if word == "position" and number.isascii() and number.isdigit():
            return cls(position=int(number))
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            raise ValueError(f"{text}: say beginning, a sequence, position:N, or a time with its zone")
        return cls(time=time)


class Replayed(Part):
    """What a replay wants: what comes from its beginning on, of one case where one is named."""

    def __init__(self, begin: Begin, case: UUID | None) -> None:
        self._begin, self._case = begin, case
        self.is_whole = case is None
        self._has_begun = False
        self._is_case: dict[str, bool] = {}
        if begin == Begin():
            self.behind = 0
        else:
            self.behind = begin.sequence - 1 if begin.sequence is not None and case is None else None

    def number(self, attributes: Attributes) -> int:
        return int(attributes.sequence if self._case is None else attributes.casesequence)

    def after(self, handled: int) -> int:
        return handled if self._case is None else (self._begin.sequence or 1) - 1

    def wants(self, attributes: Attributes, sealed: Arrived, opener: Opener) -> bool:
        self._has_begun = self._has_begun or self._begins_with(attributes, sealed)
        return self._has_begun and (self._case is None or self._is_of_case(attributes, sealed, opener))

    def _begins_with(self, attributes: Attributes, sealed: Arrived) -> bool:
        """Over HTTP the service began there already, and says no time."""
        begin = self._begin
        if begin.sequence is not None:
            return int(attributes.sequence) >= begin.sequence
        if begin.position is not None:
            return sealed.at == 0 or int(attributes.position) >= begin.position
        return begin.time is None or sealed.at == 0 or datetime.fromtimestamp(sealed.at, UTC) >= begin.time

    def _is_of_case(self, attributes: Attributes, sealed: Arrived, opener: Opener) -> bool:
        """Which pseudonym is the case's shows with the first message of it that opens."""
        pseudonym = attributes.partitionkey
        if pseudonym not in self._is_case:
            try:
                self._is_case[pseudonym] = opener.unseal(attributes, sealed.value).case == self._case
            except CannotOpen:
                return False
        return self._is_case[pseudonym]


def replay(
    source: Source,
    keys: Keys,
    service: Ed25519PublicKey | Iterable[Ed25519PublicKey],
    inbox: Inbox[Any],
    begin: Begin,
    *,
    case: UUID | None = None,
    feed: Feed | None = None,
    rules: Rules | None = None,
    name: str | None = None,
) -> Subscription:
    """A replay, to `run`. What is missing, and no feed has, is gone on without, and stands in the inbox as a gap.

    From a position means all that was told by events from there on, older ones among it that a consent opened then. A
    topic does not say that of a message, so `feed`, where it is given, is asked which is the first; without one it is
    the first of an event that itself stands there or behind. Raises Unreachable."""
    if begin.position is not None and feed is not None:
        begin = Begin(sequence=_first_at(feed, begin.position))
    return Subscription(
        source,
        keys,
        service,
        inbox,
        feed=feed if case is None else None,
        rules=replace(rules or Rules(), skip_gaps=True),
        name=name or f"{source.agency}/replay/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}",
        part=Replayed(begin, case),
    )


def _first_at(feed: Feed, position: int) -> int:
    """The sequence of the first that was told at that position or behind it; also of one that is held now."""
    page = feed.page(limit=1, position=position)
    return sequence_of(page.messages[0]) if page.messages else page.upto + 1


def from_feed(agency: str, feed: Feed, begin: Begin, case: UUID | None = None) -> Source:
    """The feed, as a replay reads it."""
    return FeedSource(agency, feed, case=case, since=begin.time, position=begin.position, follow=False)
