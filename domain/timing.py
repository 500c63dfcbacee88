"""Time that can be true: a receipt is not before the sending, an end not before the beginning, and nothing in a case
before the case, but for the report and what is said to have happened.

One check serves all commands; what each of them answers is declared (causes.py). Late entry stays possible: what is
recorded today may be said to have happened last week, as long as its cause had. It shows as what it is, and a window
that had run out by the time of recording stays run out (`overran`). What was stored before there was this check is
folded as it stands, whatever times it says.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from msgspec.structs import replace

from .causes import OPENING, Cause, When
from .declaring import ASKED
from .fact import CLOCK_SKEW, Act, Fact
from .refusal import BeforeItsCause, NotAsItIsRecorded
from .standing.rows import Ground, Tie

C = TypeVar("C", bound=Fact)

LATE_ENTRY = timedelta(minutes=1)


@cache
def when(command: type[Fact]) -> When:
    """When what a command says can have happened: what changes an agency's entry takes effect as it is recorded."""
    declared = ASKED[command]
    if declared.when is not None:
        return declared.when
    of_an_agency = any(row.where.ground is Ground.AGENCY for row in declared.rows)
    return When.NOW if of_an_agency else When.AFTER_ITS_CAUSE


@cache
def causes(command: type[Fact]) -> tuple[Cause, ...]:
    """All that a command answers."""
    declared = ASKED[command]
    if when(command) is not When.AFTER_ITS_CAUSE:
        return ()
    rows = [row.where for row in declared.rows]
    opening = [OPENING] if any(where.ground is Ground.CASE for where in rows) else []
    ties: list[Tie] = []
    for tie in (tie for where in rows for tie in where.ties):
        if tie not in ties:
            ties.append(tie)
    return (*opening, *(cause for tie in ties for cause in _of(tie)), *declared.answers)


def at_the_latest_now(command: C, act: Act) -> C:
    """The command; said to happen now where the caller's clock is ahead (by CLOCK_SKEW at most: what is said to happen
    later is refused as such), and where it takes effect as it is recorded. Raises NotAsItIsRecorded."""
    if when(type(command)) is When.NOW:
        if command.occurred_at < act.at - CLOCK_SKEW:
            raise NotAsItIsRecorded(field="occurred_at", not_before=act.at - CLOCK_SKEW)
        late = command.occurred_at <= act.at + CLOCK_SKEW
    else:
        late = act.at < command.occurred_at <= act.at + CLOCK_SKEW
    return replace(command, occurred_at=act.at) if late and command.occurred_at != act.at else command


def require_cause(command: Fact, state: Any, act: Act) -> None:
    """Raises BeforeItsCause. What is done now is never refused: no cause can be later."""
    if state is None or command.occurred_at >= act.at:
        return
    found = ((since, cause) for cause in causes(type(command)) if (since := cause.since(command, state, act)))
    not_before, cause = max(found, key=lambda each: each[0], default=(None, None))
    if not_before is not None and cause is not None and command.occurred_at < min(not_before, act.at):
        raise BeforeItsCause(
            field="occurred_at", not_before=min(not_before, act.at), cause=cause.words.en, sebab=cause.words.id
        )


def overran(due_at: datetime, said_at: datetime, recorded_at: datetime, known_at: datetime) -> bool:
    """Whether a window had run out when it was recorded that it was met, as it was said to have been at `said_at`. One
    that had run out before it was known of (`known_at`: when its beginning was recorded) goes by what is said alone."""
    return said_at > due_at or known_at <= due_at < recorded_at


def was_entered_late(said_at: datetime, recorded_at: datetime) -> bool:
    """Whether something was recorded so long after it is said to have happened that both times are shown."""
    return recorded_at - said_at >= LATE_ENTRY


def not_before(command: type[Fact]) -> list[Cause]:
    """What a command answers, each thing once: for people."""
    return list({cause.words: cause for cause in causes(command)}.values())


def _of(tie: Tie) -> Iterator[Cause]:
    since = tie.since or tie.thing.since
    if since is None:
        return

    def at(command: Fact, state: Any, act: Act) -> datetime | None:
        id = getattr(command, tie.by) if tie.by else None
        if tie.by and id is None:
            return None
        thing = tie.thing.find(state, id)
        return since.at(thing) if thing is not None else None

    yield Cause(since.words, at)
