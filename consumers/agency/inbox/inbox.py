"""The agency's inbox: what was handled, in a database of the agency's own.

A delivery and what its handler wrote are one transaction, and so are a dead letter and going on past it: whatever is
killed, whenever, each delivery has its effect once. As the numbers 1, 2, 3 … have no gaps, one number says which were
handled; beside it stand only those that were not: gaps, and dead letters. So the inbox grows with what went wrong, and
with the cases (a number each), not with what was handled. It keeps no content; a dead letter stays sealed.

**When something is erased**, or a consent withdrawn, the service asks each agency that was told to delete its copies: a
delivery of the topic `erasure.DeletionAsked`, in order with all others. What the handler kept, the `forget` function
deletes, in the same transaction, and the inbox has it acknowledged. Without `forget` the handler gets it like any other
delivery; whether its success means that copies were deleted, `handled_is_deleted` says.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from sqlite3 import Connection
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from ...wire.acknowledgement import Reason
from ...wire.envelope import Attributes, Delivery
from ..transports.transport import DeadLetter, Place, Sealed
from .database import Database, Sqlite
from .dead_letters import DeadLetters
from .notes import Cursor, Notes
from .order import Gap
from .watch import Watch

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
    count: see inbox_watch.py. An innocent delivery would have to be under way at as many kills."""
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
    not is a dead letter, to be replayed after an update. None: the handler gets everything, as new versions only add
    fields, and a referral that waits for an update helps nobody."""


class Opened(NamedTuple):
    """A message that the service signed. `number` is its place in the order; `reason` says why it is not handled."""

    number: int
    sealed: Sealed
    attributes: Attributes
    delivery: Delivery | None
    reason: Reason | None = None


class Taken(NamedTuple):
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

    def then(self, more: "Taken") -> "Taken":
        """What became of these, and of those behind them."""
        return Taken(
            self.done + more.done,
            self.handled + more.handled,
            self.again + more.again,
            self.dead + more.dead,
            self.disordered + more.disordered,
            more.stopped_by,
            more.tries,
        )


class _Outcome(NamedTuple):
    """What became of one: nothing to say; a dead letter, and why; or it `stops` those behind it, to be tried again."""

    reason: Reason | None = None
    problem: str = ""
    tries: int = 0
    stops: bool = False


class Inbox(Generic[C]):
    """An inbox in a database. A name tells cursors apart: the agency's code for its subscription, another for a replay.
    The handler gets the database's connection: what it writes there commits with the inbox."""

    def __init__(
        self,
        database: Database[C],
        handler: Handler[C],
        forget: Forget[C] | None = None,
        *,
        handled_is_deleted: bool = False,
    ) -> None:
        self._db = database
        self._handler = handler
        self._forget = forget
        self._handled_is_deleted = handled_is_deleted
        self.errors = database.errors
        """What it raises where the database fails; nothing was done then."""
        self.letters = DeadLetters(database)
        self.notes = Notes(database)
        self.watch = Watch(database)

    def transaction(self) -> AbstractContextManager[None]:
        """All that is noted inside of it, or nothing."""
        return self._db.transaction()

    def begin(self, name: str, handled: int = 0) -> Cursor:
        """The cursor of that name; where there is none yet, one that begins behind that number."""
        with self.transaction():
            self.notes.begin(name, handled)
            return self.notes.cursor(name) or Cursor(handled)

    def take(self, name: str, batch: Sequence[Opened], place: Place | None, rules: Rules) -> Taken:
        """Handle deliveries, which follow one another or were missing, in one transaction, as far as `rules` let it.
        With all of them done the transport's place is noted, where one is given."""
        self.watch.begin(name, rules.together)
        if batch and self._is_watched(name, batch[0]):
            return self._take_one_by_one(name, batch, place, rules)
        with self.transaction():
            return self._take(name, batch, place, rules)

    def recover(self, name: str, opened: Opened) -> bool:
        """Handle a dead letter now; False where that was done meanwhile. Raises what the handler raises, and then
        nothing was done."""
        sequence = int(opened.attributes.sequence)
        self.watch.note(name, sequence)
        try:
            with self.transaction():
                self.notes.cursor(name, lock=True)
                is_open = self.letters.recovered(name, sequence)
                if is_open:
                    self._hand(name, opened)
                    self.notes.say(name, "recovered", Gap(sequence, sequence))
                    self.watch.done(name, sequence)
        except (Exception, Leaving, KeyboardInterrupt):
            self.watch.survived(name, sequence)
            raise
        self.watch.survived(name, sequence)
        return is_open

    def kills(self, name: str, letter: DeadLetter, rules: Rules) -> bool:
        """Whether a dead letter, to be handled now that there is a key for it, was the end of so many processes that
        it is to lie until a person has looked."""
        deaths = self.watch.deaths(name, letter.sequence or 0)
        if deaths < rules.deaths:
            return False
        with self.transaction():
            self.letters.failed(name, letter.sequence or 0, PROCESS_DIED, deaths)
        return True

    def reject(self, name: str, refused: Iterable[tuple[Sealed, Reason]]) -> int:
        """Keep what the service did not sign. Returns how many of these are new."""
        with self.transaction():
            return sum(self.letters.put(name, sealed, None, reason) for sealed, reason in refused)

    def set_aside(self, name: str, attributes: Attributes, sealed: Sealed) -> bool:
        """Keep, for a person to look at, a delivery that came under a number under which another was handled; False
        where it lies here already."""
        with self.transaction():
            return self.letters.put(name, sealed, attributes, "not-ours", "Renumbered")

    def was_heard(self, rows: Iterable[tuple[int, int]], letters: Iterable[DeadLetter]) -> None:
        """The service has heard these notes, the dead-letter topic has these."""
        with self.transaction():
            self.notes.said(rows)
            self.letters.sent(letters)

    def wait_for(self, name: str, gap: Gap | None) -> None:
        """Note that these numbers are missing, and waited for; or that none is."""
        with self.transaction():
            self.notes.wait_for(name, gap)

    def skip(self, name: str, gap: Gap) -> None:
        """Go on without these numbers. They are handled all the same if they come."""
        with self.transaction():
            cursor = self.notes.cursor(name, lock=True)
            if cursor is not None and cursor.handled == gap.first - 1:
                self.notes.wait_for(name, None)
                self.notes.skip(name, gap)
                self.notes.move(name, cursor._replace(handled=gap.last))
                self.notes.say(name, "failed", gap, "cannot-open")

    def missing(self, name: str, first: int, last: int) -> set[int]:
        """Which of these numbers, all of them passed, are handled all the same if they come."""
        return self.letters.cannot_open(name, first, last) | self.notes.skipped(name, first, last)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _is_watched(self, name: str, first: Opened) -> bool:
        """Whether it is to be noted before the handler is called. What comes late is so for as long as this process
        lives: whoever died may have died of it at any time."""
        if self.watch.watches(name):
            return True
        cursor = self.notes.cursor(name) if self.watch.died_before(name) else None
        return cursor is not None and first.number <= cursor.handled

    def _take_one_by_one(self, name: str, batch: Sequence[Opened], place: Place | None, rules: Rules) -> Taken:
        """The same, each in a transaction of its own, so that it shows afterwards if the process died of one."""
        taken = Taken()
        give_up = time.monotonic() + rules.commit_seconds
        for opened in batch:
            taken = taken.then(self._take_watched(name, opened, place if opened is batch[-1] else None, rules))
            if taken.stopped_by or time.monotonic() > give_up:
                break
        return taken

    def _take_watched(self, name: str, opened: Opened, place: Place | None, rules: Rules) -> Taken:
        number, calls = opened.number, opened.reason is None
        deaths = self.watch.deaths(name, number) if calls else 0
        over = _Outcome("handler-failed", PROCESS_DIED, deaths) if deaths >= rules.deaths else None
        if deaths and over is None and self.watch.waits(name, number):
            return Taken(stopped_by=PROCESS_DIED, tries=deaths)
        if calls and over is None:
            self.watch.note(name, number)
        try:
            with self.transaction():
                taken = self._take(name, (opened,), place, rules, over)
                if taken.done:
                    self.watch.done(name, number)
        except (Leaving, KeyboardInterrupt):
            self.watch.survived(name, number)
            raise
        if taken.done:
            self.watch.passed(name, number)
        else:
            self.watch.survived(name, number)
        return taken

    def _take(
        self,
        name: str,
        batch: Sequence[Opened],
        place: Place | None,
        rules: Rules,
        known: "_Outcome | None" = None,
    ) -> Taken:
        """`known` is the outcome of the only one in the batch, where no handler is to be called."""
        cursor = self.notes.cursor(name, lock=True) or Cursor(0)
        cases = self.notes.cases(name, {opened.attributes.partitionkey for opened in batch})
        held = self.letters.cases(name) if rules.hold_case else set()
        recent = self.notes.recent(name)
        came: dict[str, int] = {}
        moved: dict[str, int] = {}
        taken = Taken()
        give_up = time.monotonic() + rules.commit_seconds
        for opened in batch:
            number, about = opened.number, opened.attributes
            late = number <= cursor.handled
            if late and not self._is_missing(name, opened):
                taken = taken._replace(done=taken.done + 1, again=taken.again + 1)
                continue
            if not late and number != cursor.handled + 1:
                raise ValueError("deliveries do not follow one another")
            again = opened.reason is None and recent.get(about.id, number) != number
            if again:
                outcome = _Outcome()
            elif about.partitionkey in held:
                outcome = _Outcome(opened.reason or "handler-failed")
            else:
                outcome = known or self._attempt(name, opened, cursor, rules)
            if outcome.stops:
                taken = taken._replace(stopped_by=outcome.problem, tries=outcome.tries)
                if outcome.tries:
                    cursor = cursor._replace(trying=number, tries=outcome.tries)
                break
            self._settle(name, opened, outcome, late)
            if outcome.reason == "handler-failed" and rules.hold_case:
                held.add(about.partitionkey)
            if not late:
                cursor = cursor._replace(handled=number, trying=0, tries=0)
                if opened.delivery is not None:
                    cursor = cursor._replace(opened=int(about.sequence), receipt=opened.delivery.receipt)
                in_case, last = int(about.casesequence), cases.get(about.partitionkey)
                if last is not None and in_case != last + 1:
                    taken = taken._replace(disordered=taken.disordered + 1)
                cases[about.partitionkey] = moved[about.partitionkey] = max(in_case, last or 0)
            came[about.id] = recent[about.id] = number
            taken = taken._replace(
                done=taken.done + 1,
                handled=taken.handled + (outcome.reason is None and not again),
                again=taken.again + again,
                dead=taken.dead + (outcome.reason is not None),
            )
            if time.monotonic() > give_up:
                break
        if place is not None and taken.done == len(batch):
            cursor = cursor._replace(place=place)
        self.notes.move(name, cursor)
        self.notes.move_cases(name, moved)
        self.notes.remember(name, came)
        return taken

    def _attempt(self, name: str, opened: Opened, cursor: Cursor, rules: Rules) -> "_Outcome":
        """Call the handler. What it wrote is not there where it raised."""
        if opened.reason is not None:
            return _Outcome(opened.reason)
        try:
            with self._db.savepoint():
                self._hand(name, opened)
        except NotNow as why:
            return _Outcome(problem=type(why).__name__, stops=True)
        except Exception as why:
            if self._db.is_outage(why):
                raise
            problem = type(why).__name__
            tries = (cursor.tries if cursor.trying == opened.number else 0) + 1
            if tries < rules.tries:
                return _Outcome(problem=problem, tries=tries, stops=True)
            return _Outcome("handler-failed", problem, tries)
        return _Outcome()

    def _is_missing(self, name: str, opened: Opened) -> bool:
        """Whether one that was passed is to be handled: it was gone on without, or can be opened only now."""
        number = opened.number
        if number != int(opened.attributes.sequence):
            return False
        if opened.reason is None and self.letters.cannot_open(name, number, number):
            return True
        return bool(self.notes.skipped(name, number, number))

    def _settle(self, name: str, opened: Opened, outcome: "_Outcome", late: bool) -> None:
        """Note what became of a delivery."""
        sequence = int(opened.attributes.sequence)
        reason, problem, tries, _ = outcome
        if late and reason == "handler-failed" and self.letters.failed(name, sequence, problem, tries):
            pass  # it lay here already, for want of a key
        elif reason is not None and self.letters.put(name, opened.sealed, opened.attributes, reason, problem, tries):
            self.notes.say(name, "failed", Gap(sequence, sequence), reason)
        if late:
            self.notes.came(name, opened.number)
            if reason is None:
                self.letters.recovered(name, sequence)
                self.notes.say(name, "recovered", Gap(sequence, sequence))

    def _hand(self, name: str, opened: Opened) -> None:
        """Call the handler, or for a deletion `forget`."""
        delivery, connection = opened.delivery, self._db.connection
        assert delivery is not None
        if delivery.topic != DELETION_ASKED:
            self._handler(delivery, connection)
            return
        deletion = deletion_of(delivery)
        if self._forget is not None:
            self._forget(deletion, connection)
        else:
            self._handler(delivery, connection)
        self.letters.forget(name, opened.attributes.partitionkey)
        if self._forget is not None or self._handled_is_deleted:
            self.notes.say(name, "deleted", word=str(deletion.erasure))


class SqliteInbox(Inbox[Connection]):
    """An inbox in one SQLite file."""

    def __init__(
        self,
        file: Path | str,
        handler: Handler[Connection],
        forget: Forget[Connection] | None = None,
        *,
        handled_is_deleted: bool = False,
    ) -> None:
        super().__init__(Sqlite(file), handler, forget, handled_is_deleted=handled_is_deleted)


def deletion_of(delivery: Delivery) -> Deletion:
    """What a delivery of DELETION_ASKED asks for."""
    said = delivery.fields()
    return Deletion(UUID(said["erasure"]), UUID(said["case"]), frozenset(said["compartments"]))
