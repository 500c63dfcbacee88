"""The agency's inbox: what was handled, in a database of the agency's own.

A delivery and what its handler wrote are one transaction, and so are a dead letter and going on past it: whatever is
killed, whenever, each delivery has its effect once. As the numbers 1, 2, 3 … have no gaps, one number says which were
handled; beside it stand only those that were not: gaps, and dead letters. So the inbox grows with what went wrong, and
with the cases (a number each), not with what was handled. It keeps no content; a dead letter stays sealed.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from sqlite3 import Connection
from typing import Generic, TypeVar

from ...wire.acknowledgement import Reason
from ...wire.envelope import Attributes
from ..transports.transport import Arrived, Bookmark, DeadLetter
from .database import Database, Sqlite
from .dead_letters import DeadLetters
from .handling import DELETION_ASKED, PROCESS_DIED, Forget, Handler, Leaving, Rules, deletion_of
from .notes import Cursor, Notes
from .order import Gap
from .taking import Books, Opened, Outcome, Taking, Tally
from .watch import Watch

C = TypeVar("C")


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
        self._caught_up: set[str] = set()

    def transaction(self) -> AbstractContextManager[None]:
        """All that is noted inside of it, or nothing."""
        return self._db.transaction()

    def begin(self, name: str, handled: int = 0, *, says: bool = False) -> Cursor:
        """The cursor of that name; where there is none yet, one that begins behind that number. With `says` what a new
        one handles is said to be recovered, until it has caught up: an inbox before it may have failed at some."""
        with self.transaction():
            self.notes.begin(name, handled, says)
            return self.notes.cursor(name) or Cursor(handled)

    def caught_up(self, name: str) -> None:
        """All that there was when the cursor was new has come."""
        if name not in self._caught_up:
            with self.transaction():
                self.notes.caught_up(name)
            self._caught_up.add(name)

    def take(self, name: str, batch: Sequence[Opened], place: Bookmark | None, rules: Rules) -> Tally:
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
                is_open = self.letters.recovered(name, opened.attributes)
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
            self.letters.failed(name, letter.sequence or 0, letter.id, PROCESS_DIED, deaths)
        return True

    def reject(self, name: str, refused: Iterable[tuple[Arrived, Reason]]) -> int:
        """Keep what the service did not sign. Returns how many of these are new."""
        with self.transaction():
            return sum(self.letters.put(name, sealed, None, reason) for sealed, reason in refused)

    def set_aside(self, name: str, attributes: Attributes, sealed: Arrived) -> bool:
        """Keep, for a person to look at, a delivery that came under a number under which another was handled. False
        where it lies here already: look at its state."""
        with self.transaction():
            is_new = self.letters.state(name, attributes) is None
            if is_new:
                self.letters.put(name, sealed, attributes, "not-ours", "Renumbered")
        return is_new

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

    def missing(self, name: str, came: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these deliveries (number, id), all of them passed, are to be handled all the same."""
        numbers = [number for number, _ in came]
        between = min(numbers), max(numbers)
        opens, skipped = self.letters.cannot_open(name, *between), self.notes.skipped(name, *between)
        return {(number, id) for number, id in came if (number, id) in opens or number in skipped}

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

    def _take_one_by_one(self, name: str, batch: Sequence[Opened], place: Bookmark | None, rules: Rules) -> Tally:
        """The same, each in a transaction of its own, so that it shows afterwards if the process died of one."""
        taken = Tally()
        give_up = time.monotonic() + rules.commit_seconds
        for opened in batch:
            taken = taken.then(self._take_watched(name, opened, place if opened is batch[-1] else None, rules))
            if taken.stopped_by or time.monotonic() > give_up:
                break
        return taken

    def _take_watched(self, name: str, opened: Opened, place: Bookmark | None, rules: Rules) -> Tally:
        number, calls = opened.number, opened.reason is None
        deaths = self.watch.deaths(name, number) if calls else 0
        over = Outcome("handler-failed", PROCESS_DIED, deaths) if deaths >= rules.deaths else None
        if deaths and over is None and self.watch.waits(name, number):
            return Tally(stopped_by=PROCESS_DIED, tries=deaths)
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
        self, name: str, batch: Sequence[Opened], place: Bookmark | None, rules: Rules, known: Outcome | None = None
    ) -> Tally:
        books = Books(self._db, self.letters, self.notes)
        return Taking(name, batch, books, self._hand, rules).take(place, known)

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
