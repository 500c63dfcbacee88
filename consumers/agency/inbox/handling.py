"""A handler: what it is asked, what it may say, and how often it is tried.

**When something is erased**, or a consent withdrawn, the service asks each agency that was told to delete its copies: a
delivery of the topic `erasure.DeletionAsked`, in order with all others. What the handler kept, the `forget` function
deletes, in the same transaction, and the inbox has it acknowledged. Without `forget` the handler gets it like any other
delivery; whether its success means that copies were deleted, `handled_is_deleted` says.
"""

import random
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from ...wire.envelope import Delivery

C = TypeVar("C")
Handler = Callable[[Delivery, C], object]


class Deletion(NamedTuple):
    """Delete what was told of these compartments of that case; with `coordination` among them, all of it."""

    erasure: UUID
    case: UUID
    compartments: frozenset[str]


Forget = Callable[[Deletion, C], object]
DELETION_ASKED = "erasure.DeletionAsked"
PROCESS_DIED = "ProcessDied"
"""Said as the problem of a delivery at which no handler raised anything, as its whole process died each time."""


class NotNow(Exception):
    """Raised by a handler whose own surroundings are away (its disk is full, its system restarts): it is called again
    for as long as it takes, and this is no try."""


class Leaving(SystemExit):
    """Raised by a handler to end the program, for a reason that has nothing to do with the delivery. It is called again
    when the program is started again, and this is no try."""


class Rules(Struct, frozen=True, kw_only=True):
    """How deliveries are handled."""

    tries: int = 8
    """So often a handler may raise; then the delivery is a dead letter, and those behind it are handled."""
    deaths: int = 8
    """So many processes, one after the other, may die while they handle it; then the same. The first of them need not
    count: see watch.py. An innocent delivery would have to be under way at as many kills."""
    first_pause: float = 0.5
    """Seconds between the first tries; doubled each time, less a random part."""
    longest_pause: float = 60.0
    together: int = 256
    """So many deliveries may be committed together. 1 for a handler whose effects are outside of the inbox's database:
    then a crash repeats at most one."""
    commit_seconds: float = 0.1
    """No longer than this they wait for one another."""
    skip_gaps: bool = False
    """Go on where a number is missing that no feed has; otherwise wait for it."""
    hold_case: bool = False
    """Behind a dead letter hold all of its case, in the dead letters too, so that a replay keeps the case's order."""
    knows: Callable[[str, int], bool] | None = None
    """Whether this side understands that version of a topic (`known_events.is_known`: this release does): what it does
    not waits, with all behind it, until this side was brought up to date. None: the handler gets everything, as a
    referral that waits for an update helps nobody."""
    lost: frozenset[str] = frozenset()
    """What keys are called that are lost: what is sealed to one of these is a dead letter, and waits for no key."""

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures, one after the other."""
        longest: float = min(self.first_pause * 2 ** (min(failures, 32) - 1), self.longest_pause)
        return longest * random.uniform(0.5, 1)  # noqa: S311


def deletion_of(delivery: Delivery) -> Deletion:
    """What a delivery of DELETION_ASKED asks for."""
    said = delivery.fields()
    return Deletion(UUID(said["erasure"]), UUID(said["case"]), frozenset(said["compartments"]))
