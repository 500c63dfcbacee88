"""How the service is, by the work that it does: what waits, and for how long. One word of it is for machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from enum import IntEnum
from threading import Lock
from typing import NamedTuple, Protocol

STUCK_MS = 6_000
"""A writer that could store nothing for so long, or whose oldest command waits three times as long, is of no use."""
LATE_MS = 60_000
"""Who follows the log is late when what comes next for it has waited so long. So is a work that nobody has done for so
long, though nothing waits for it: what comes due by the clock (a silence, an end) is found by nobody meanwhile."""
EMERGENCY_MS = 30_000
"""An emergency referral is late when it is not on its way for so long."""


class Word(IntEnum):
    """The word for machines; the higher, the worse."""

    OK = 0
    DEGRADED = 1
    """Everybody is answered, and something behind is late."""
    DAMAGED = 2
    """Everybody is answered, and something stands still until a person has looked."""
    UNAVAILABLE = 3
    """This process cannot do its work now."""

    @property
    def said(self) -> str:
        """As it is written."""
        return self.name.lower()


class Follower(NamedTuple):
    """One that follows the log, or one shard of it."""

    name: str
    shard: int
    position: int
    behind: int
    """Positions of the log that it has not taken in."""
    age_ms: int
    """How long the next of them has waited; 0 where there is none."""
    why: str = ""
    """Why it stands still, where it does: the class of an error, and where it was raised."""
    by: str = ""
    """Who does it now: machine and process. Empty where nobody does."""
    unkept_ms: int = 0
    """How long nobody has done it, by the database's clock; 0 where somebody does, or nobody ever did."""


class Writing(NamedTuple):
    """The writer of this process."""

    waiting: int
    oldest_ms: int
    """How long the oldest command has waited that waits now."""
    failing_ms: int
    """How long nothing could be stored; 0 where that is not so."""
    lives: bool


class Vitals(NamedTuple):
    """What the database says of everybody's work."""

    views: Sequence[Follower]
    """The read models, by shard."""
    register: Follower
    ledger: Follower
    sealed_ms: int
    """What the newest sealed events had waited."""
    damaged: int
    """Cases, and other streams, that are set aside because a record of theirs is damaged, or of which something could
    not be sent when its turn came."""
    unpublished_ms: int
    """How long the oldest telling waits that is not on its agency's topic, and that the agency did not receive by
    another way."""
    emergency_ms: int
    """The same, of emergency referrals that are not answered."""
    unconfirmed_ms: int
    """How long ago the oldest emergency referral was sent that is not answered, and of which nobody said that it
    arrived. That is for people: the reason may lie with the recipient, and the case is told of it besides."""
    forks: int = 0
    """By how many ways it was found that the history in the database does not go on from what was signed and told:
    nothing is stored, sealed or told then."""
    unshared_ms: int = 0
    """How long there have been agencies to which nobody publishes, as `unkept_ms`."""


class VitalSigns(Protocol):
    """Where that is learnt."""

    def look(self) -> "Future[Vitals]":
        """How everybody is now. Who asks meanwhile gets the same answer."""
        ...

    def writing(self) -> Writing:
        """How the writer is; never waits."""
        ...


class Refused:
    """How many requests this process refused since it began, because a caller asked for more than it may. It knows the
    limits' names and nobody's. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    def count(self, limit: str) -> None:
        """One more. That there are emergencies it does not tell: they are commands here."""
        with self._lock:
            self._counts["commands" if limit == "emergencies" else limit] += 1

    def counts(self) -> Mapping[str, int]:
        """Limit → how many."""
        with self._lock:
            return dict(sorted(self._counts.items()))


def words(vitals: Vitals | None, writing: Writing) -> Mapping[str, Word]:
    """Part → its word. `vitals` is None where the database did not say it in time."""
    stuck = not writing.lives or writing.failing_ms >= STUCK_MS or writing.oldest_ms >= 3 * STUCK_MS
    found = {
        "database": Word.OK if vitals else Word.UNAVAILABLE,
        "writer": Word.UNAVAILABLE if stuck else Word.OK,
    }
    if vitals is None:
        return found
    late = max(vitals.unpublished_ms, vitals.unshared_ms) >= LATE_MS or vitals.emergency_ms >= EMERGENCY_MS
    return found | {
        "history": Word.DAMAGED if vitals.forks else Word.OK,
        "records": Word.DAMAGED if vitals.damaged else Word.OK,
        "views": max((_of(view) for view in vitals.views), default=Word.OK),
        "register": _of(vitals.register),
        "publisher": Word.DEGRADED if late else Word.OK,
        "ledger": _of(vitals.ledger),
    }


def _of(follower: Follower) -> Word:
    if follower.why:
        return Word.DAMAGED
    return Word.DEGRADED if max(follower.age_ms, follower.unkept_ms) >= LATE_MS else Word.OK
