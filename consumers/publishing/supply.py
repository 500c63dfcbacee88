"""What the publisher asks of the register of what was told to whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from ..wire.envelope import Message


class Waiting(Protocol):
    """Something told to an agency."""

    @property
    def agency(self) -> str: ...
    @property
    def sequence(self) -> int: ...


W = TypeVar("W", bound=Waiting)


class Supplied(NamedTuple):
    """Agency → its messages, in order; and what was in the way where there is one that cannot be sealed: that agency
    has the messages before it. The words of a problem name the agency, and no content."""

    messages: Mapping[str, Sequence[Message]]
    problems: Mapping[str, Exception]
    held: frozenset[str] = frozenset()
    """Agencies that wait a moment, for what has to be told before."""


class Again(NamedTuple, Generic[W]):
    """A part of a history that is sent anew: which re-sealing, for whom, and how far it came once this is sent."""

    job: int
    agency: str
    tellings: Sequence[W]
    to: int


class TopicProgress(NamedTuple):
    """How far an agency's topic was written, which topic that was, and the id of what was written there last; none
    where only the number is remembered."""

    topic_id: str
    sequence: int
    id: str = ""


class Supply(Protocol[W]):
    """The register, as the publisher needs it."""

    def subscribers(self) -> Sequence[str]:
        """The agencies that take part and have a key."""
        ...

    def waiting(self, sent: Mapping[str, int], limit: int, agencies: int) -> Sequence[W]:
        """What comes after what was sent to each agency, in order for each, in turns; about so many, for so many
        agencies, those that come first in `sent`."""
        ...

    def resealing(self, sent: Mapping[str, int], limit: int) -> Sequence[Again[W]]:
        """What was sent to these agencies, two people let them have under another key, and was not sent again yet;
        about so many. Whatever is sealed after this answer is sealed to that other key."""
        ...

    def resealed(self, job: int, to: int) -> None:
        """Remember how far a re-sealing was sent."""
        ...

    def seal_all(self, tellings: Sequence[W], most: int) -> Supplied:
        """These, sealed and signed, until there are so many bytes of them."""
        ...

    def places(self, agencies: Iterable[str]) -> Mapping[str, TopicProgress]:
        """Agency → what was last remembered of its topic."""
        ...

    def remember(self, places: Mapping[str, TopicProgress]) -> None:
        """Remember how far these topics were written."""
        ...

    def sent(self, messages: Mapping[str, Sequence[Message]], places: Mapping[str, TopicProgress]) -> None:
        """Put on record, at once and as one, that the broker has these, and how far those topics are written."""
        ...

    def found(self, ends: Mapping[str, TopicProgress]) -> None:
        """The topics end there: put on record that what they have, and nothing is on record of, was sent."""
        ...

    def others(self, ends: Mapping[str, TopicProgress], *, anew: bool = False) -> Mapping[str, str]:
        """Agency → why, of those whose topic ends with another telling than the register has under that number, or with
        one that it does not have: the history in the database forked, and everybody is told so. `anew`: these topics
        were just looked at; where one agrees again, that is known to all too."""
        ...

    def when_told(self, call: Callable[[Iterable[str] | None], object]) -> None:
        """Have this called, on another thread, with the agencies that were told something; with None where that is not
        known. A call may be lost."""
        ...
