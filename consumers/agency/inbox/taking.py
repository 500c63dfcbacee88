"""One transaction of the inbox: deliveries taken one after the other, until one stops it or its time is over."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ...wire.acknowledgement import Reason
from ...wire.envelope import Attributes, Delivery
from ..transports.transport import Arrived, Bookmark
from .database import Database
from .dead_letters import DeadLetters
from .handling import NotNow, Rules
from .notes import RECENT, Cursor, Notes
from .order import Gap


class Opened(NamedTuple):
    """A message that the service signed. `number` is its place in the order; `reason` says why it is not handled."""

    number: int
    sealed: Arrived
    attributes: Attributes
    delivery: Delivery | None
    reason: Reason | None = None


class Tally(NamedTuple):
    """What became of a batch: how many are done with, and of these handled, repeats, and dead letters."""

    done: int = 0
    handled: int = 0
    again: int = 0
    dead: int = 0
    disordered: int = 0
    """Deliveries whose number in their case does not follow the last one."""
    stopped_by: str = ""
    """The class of what the handler raised at the next one, or PROCESS_DIED; it is to be called again."""
    tries: int = 0

    def then(self, more: "Tally") -> "Tally":
        """What became of these, and of those behind them."""
        return Tally(
            self.done + more.done,
            self.handled + more.handled,
            self.again + more.again,
            self.dead + more.dead,
            self.disordered + more.disordered,
            more.stopped_by,
            more.tries,
        )


class Outcome(NamedTuple):
    """What became of one: nothing to say; a dead letter, and why; or it `stops` those behind it, to be tried again."""

    reason: Reason | None = None
    problem: str = ""
    tries: int = 0
    stops: bool = False


class Books(NamedTuple):
    """What an inbox keeps, all of it in one database."""

    database: Database[Any]
    letters: DeadLetters
    notes: Notes


class Taking:
    """Takes deliveries under one cursor, which is locked. For inside of a transaction."""

    def __init__(
        self, name: str, batch: Sequence[Opened], books: Books, hand: Callable[[str, Opened], None], rules: Rules
    ) -> None:
        """`hand` calls the handler."""
        self._name, self._rules, self._hand = name, rules, hand
        self._books, self._notes, self._letters = books, books.notes, books.letters
        self._give_up = time.monotonic() + rules.commit_seconds
        self._batch = batch
        self._cursor = self._notes.cursor(name, lock=True) or Cursor(0)
        self._cases = self._notes.cases(name, {opened.attributes.partitionkey for opened in batch})
        self._held = self._letters.cases(name) if rules.hold_case else set()
        self._recent = self._notes.recent(name)
        self._came: dict[str, int] = {}
        self._moved: dict[str, int] = {}
        self._is_fresh = self._notes.is_fresh(name)
        self._run: Gap | None = None
        """What was handled one after the other, and is to be said as the inbox is new."""
        self._tally = Tally()

    def take(self, place: Bookmark | None, known: Outcome | None = None) -> Tally:
        """Take them, as far as it goes, and note it; with all of them done the transport's place too. `known` is the
        outcome of the only one, where no handler is to be called. Raises ValueError for a number that does not follow
        the last one."""
        for opened in self._batch:
            late = opened.number <= self._cursor.handled
            if late and not self._is_missing(opened):
                self._count(again=1)
                continue
            if not late and opened.number != self._cursor.handled + 1:
                raise ValueError("deliveries do not follow one another")
            again = opened.reason is None and self._recent.get(opened.attributes.id, opened.number) != opened.number
            outcome = Outcome() if again else self._outcome(opened, known)
            if outcome.stops:
                self._stop(opened, outcome)
                break
            self._settle(opened, outcome, late)
            if not late:
                self._move(opened)
            if self._is_fresh and outcome.reason is None:
                self._lengthen(int(opened.attributes.sequence))
            if opened.number > self._cursor.handled - RECENT:  # its place among the recent ones is not another's now
                self._came[opened.attributes.id] = self._recent[opened.attributes.id] = opened.number
            is_dead = outcome.reason is not None
            self._count(handled=not is_dead and not again, again=again, dead=is_dead)
            if time.monotonic() > self._give_up:
                break
        self._say_run()
        if place is not None and self._tally.done == len(self._batch):
            self._cursor = self._cursor._replace(place=place)
        self._notes.move(self._name, self._cursor)
        self._notes.move_cases(self._name, self._moved)
        self._notes.remember(self._name, self._came)
        return self._tally

    def _is_missing(self, opened: Opened) -> bool:
        """Whether one that was passed is to be handled: it was gone on without, or can be opened only now."""
        number = opened.number
        if number != int(opened.attributes.sequence):
            return False
        if opened.reason is None and (number, opened.attributes.id) in self._letters.cannot_open(
            self._name, number, number
        ):
            return True
        return bool(self._notes.skipped(self._name, number, number))

    def _outcome(self, opened: Opened, known: Outcome | None) -> Outcome:
        """What becomes of one: held with its case, known already, or what its handler says."""
        if opened.attributes.partitionkey in self._held:
            return Outcome(opened.reason or "handler-failed")
        return known or self._attempt(opened)

    def _attempt(self, opened: Opened) -> Outcome:
        """Call the handler. What it wrote is not there where it raised."""
        if opened.reason is not None:
            return Outcome(opened.reason)
        try:
            with self._savepoint():
                self._hand(self._name, opened)
        except NotNow as why:
            return Outcome(problem=type(why).__name__, stops=True)
        except Exception as why:
            if self._books.database.is_outage(why):
                raise
            problem = type(why).__name__
            tries = (self._cursor.tries if self._cursor.trying == opened.number else 0) + 1
            if tries < self._rules.tries:
                return Outcome(problem=problem, tries=tries, stops=True)
            return Outcome("handler-failed", problem, tries)
        return Outcome()

    def _savepoint(self) -> AbstractContextManager[None]:
        return self._books.database.savepoint()

    def _stop(self, opened: Opened, outcome: Outcome) -> None:
        """It is to be tried again, and those behind it wait."""
        self._tally = self._tally._replace(stopped_by=outcome.problem, tries=outcome.tries)
        if outcome.tries:
            self._cursor = self._cursor._replace(trying=opened.number, tries=outcome.tries)

    def _settle(self, opened: Opened, outcome: Outcome, late: bool) -> None:
        """Note what became of a delivery."""
        name, sequence, id = self._name, int(opened.attributes.sequence), opened.attributes.id
        reason, problem, tries, _ = outcome
        if late and reason == "handler-failed" and self._letters.failed(name, sequence, id, problem, tries):
            pass  # it lay here already, for want of a key
        elif reason is not None and self._letters.put(name, opened.sealed, opened.attributes, reason, problem, tries):
            self._notes.say(name, "failed", Gap(sequence, sequence), reason)
        if late:
            self._notes.came(name, opened.number)
            if reason is None:
                self._letters.recovered(name, opened.attributes)
                self._notes.say(name, "recovered", Gap(sequence, sequence))
        if reason == "handler-failed" and self._rules.hold_case:
            self._held.add(opened.attributes.partitionkey)

    def _lengthen(self, sequence: int) -> None:
        if self._run is not None and self._run.last != sequence - 1:
            self._say_run()
        self._run = Gap(self._run.first if self._run is not None else sequence, sequence)

    def _say_run(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            self._notes.say_handled(self._name, run)

    def _move(self, opened: Opened) -> None:
        """The cursor stands at this one now, and so does its case."""
        about = opened.attributes
        self._cursor = self._cursor._replace(handled=opened.number, trying=0, tries=0)
        if opened.delivery is not None:
            self._cursor = self._cursor._replace(opened=int(about.sequence), receipt=opened.delivery.receipt)
        in_case, last = int(about.casesequence), self._cases.get(about.partitionkey)
        if last is not None and in_case != last + 1:
            self._tally = self._tally._replace(disordered=self._tally.disordered + 1)
        self._cases[about.partitionkey] = self._moved[about.partitionkey] = max(in_case, last or 0)

    def _count(self, handled: int = 0, again: int = 0, dead: int = 0) -> None:
        """One more is done with."""
        so_far = self._tally
        self._tally = so_far._replace(
            done=so_far.done + 1,
            handled=so_far.handled + handled,
            again=so_far.again + again,
            dead=so_far.dead + dead,
        )
