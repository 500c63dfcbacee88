"""Shards: the parts into which the log's cases fall, so that several processes can fold one read model.

An event belongs to the shard of its case, and so does what was said of the case elsewhere: an erasure, a recall, an
opening of its content. So all that a row is folded from comes to one processor, in the log's order. What an agency
acknowledged is about its whole history: every shard takes it in, for its own cases.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from ..domain.access import AccessRecorded
from ..domain.delivery import Acknowledged
from ..domain.disclosure import Followed

CASES = "case."
"""How the topics of a case's own stream begin."""


class Shard(NamedTuple):
    """One of so many parts."""

    number: int
    of: int

    def has(self, case: UUID) -> bool:
        """Whether a case belongs to it."""
        return shard_of(case, self.of) == self.number

    def takes(self, followed: Followed) -> bool:
        """Whether it folds an event."""
        if self.of == 1 or isinstance(followed.written.event, Acknowledged):
            return True
        return self.has(subject_of(followed))


WHOLE = Shard(0, 1)


def shard_of(case: UUID, shards: int) -> int:
    """The part that a case falls into: by its id's last 32 bits, which are random. `follow.shard_of` says the same."""
    return (case.int & 0xFFFF_FFFF) % shards


def subject_of(followed: Followed) -> UUID:
    """The case that an event is about; the stream itself, where it is about none."""
    written = followed.written
    if written.topic.startswith(CASES):
        return written.stream
    if isinstance(written.event, AccessRecorded):
        return written.event.subject
    case: UUID | None = getattr(written.event, "case", None)
    return case or written.stream


def may_take(shards: Collection[Shard], stream: UUID, topic: str) -> bool:
    """Whether one of these folds an event of that stream and topic, as far as can be said before it is opened."""
    return not topic.startswith(CASES) or any(shard.has(stream) for shard in shards)
