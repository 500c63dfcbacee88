"""What every section of a report writes with."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from ...domain.clock_codes import ClockDuty, ClockEnd
from ...domain.code import Code
from ...domain.timing import was_entered_late
from ...domain.violence import ClockNeed
from ...domain.words import Language
from . import labels
from .canvas import Canvas
from .facts import Clock
from .numbers import Numbers
from .words import Words

ENDED = frozenset({"ended", "ended-late"})


class Pen(Struct, frozen=True):
    """Paper, words, and how values of the record are said."""

    canvas: Canvas
    words: Words
    read: labels.Reader
    number: Numbers
    language: Language

    def code(self, of: type[Code], value: str) -> str:
        return labels.code(of, value, self.language) if value else "-"

    def compartments(self, words: Iterable[str]) -> str:
        return ", ".join(labels.compartment(w, self.language) for w in words) or self.words.none

    def need(self, clock: Clock) -> str:
        """What a clock is for, or that this is withheld."""
        if clock.need:
            return self.code(ClockNeed, clock.need)
        if clock.duty not in ("", ClockDuty.CARE):
            return self.code(ClockDuty, clock.duty)
        return self.words.withheld_mark.format(compartments=self.compartments(("incident",)))

    def ended(self, clock: Clock) -> str:
        """The state of a clock, and of one that ended how, or that this is withheld: in one form for every reason."""
        state = self.words.clock_states[clock.state]
        return state.format(how=self.how(clock)) if clock.state in ENDED else state

    def how(self, clock: Clock) -> str:
        """How a clock ended, or that this is withheld."""
        sealed = self.words.ended_sealed.format(compartments=self.compartments(("health",)))
        return f"({self.code(ClockEnd, clock.how).lower()})" if clock.how else sealed

    def said(self, said_at: datetime, recorded_at: datetime | None) -> str:
        """A time, and below it when it was recorded, where that was later: for a table."""
        time = self.read.brief
        if recorded_at is None or not was_entered_late(said_at, recorded_at):
            return time(said_at)
        return f"{time(said_at)}\n{self.words.recorded_later.format(recorded=time(recorded_at))}"

    def agencies(self, codes: Iterable[str]) -> str:
        return ", ".join(map(self.read.name, codes)) or "-"
