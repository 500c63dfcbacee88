"""What a fact answers, as commands declare it: nothing is said to have happened before its cause (timing.py).

What a command is tied to in the table of standing says itself since when it is as it is (`Thing.since`); what else a
command answers stands beside it, `@asked(answers=…)`. A move of a case answers its opening, too.
"""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from .words import Words


class When(Enum):
    """When what a command says can have happened."""

    AFTER_ITS_CAUSE = Words("tidak sebelum yang dijawabnya", "not before what it answers")
    ANY_TIME = Words("kapan saja, juga sebelum kasus dibuka", "at any time, also before the case was opened")
    """What leads to a case went before it: a report, and what is said to have happened."""
    NOW = Words("saat dicatat", "as it is recorded")
    """It takes effect as it is recorded, so it is not said of another time."""


class Cause(NamedTuple):
    """Something that a command answers, and when that was."""

    words: Words
    since: Callable[[Any, Any, Any], datetime | None]
    """(command, state, act) → when it was, as was said; None where the command answers no such thing."""


OPENING = Cause(Words("kasus itu dibuka", "the case was opened"), lambda command, case, act: case.opened_at)


def latest(times: Any) -> datetime | None:
    """The latest of these times; None of those that are not known counts, and there may be none."""
    return max((at for at in times if at is not None), default=None)
