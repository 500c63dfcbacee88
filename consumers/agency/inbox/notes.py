"""What an inbox notes beside the handler's own writes: how far it is, what is missing, and what the service has to
hear of it. All methods are meant for inside of a transaction, unless they say otherwise."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from ...wire.acknowledgement import Acknowledgement, Failure, Mark
from ..transports.transport import Bookmark, Last
from .database import Database
from .dead_letters import now
from .order import Gap

RECENT = 1024
"""So many ids are remembered, to notice a number that comes with another delivery than before, and to tell a service
which delivery was the last."""
MOST_SAID = 500
"""So many failures, recoveries and deletions are said at once."""


class Cursor(NamedTuple):
    """How far a subscription is. `opened` and `receipt` are of the last delivery up to there that could be opened;
    `tries` says how often the handler failed at `trying`."""

    handled: int
    opened: int = 0
    receipt: str = ""
    place: Bookmark | None = None
    trying: int = 0
    tries: int = 0

    @property
    def mark(self) -> Mark | None:
        """What is acknowledged of it."""
        return Mark(self.opened, self.receipt) if self.opened else None


class ToSay(NamedTuple):
    """What the service has to hear, and which notes are done with when it has."""

    acknowledgement: Acknowledgement
    rows: Sequence[tuple[int, int]]


class Notes:
    """The notes of each cursor in one database, by the cursor's name."""

    def __init__(self, database: Database[Any]) -> None:
        self._db = database

    # How far

    def cursor(self, name: str, lock: bool = False) -> Cursor | None:
        """The cursor of that name; with `lock` nobody else moves it until the transaction ends."""
        if lock:
            self._db.execute("UPDATE rujukan_cursor SET name = name WHERE name = ?", (name,))
        row = self._db.execute(
            "SELECT handled, opened, receipt, topic_id, place, trying, tries FROM rujukan_cursor WHERE name = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        handled, opened, receipt, topic_id, offset, trying, tries = row
        return Cursor(handled, opened, receipt, None if offset is None else Bookmark(topic_id, offset), trying, tries)

    def names(self) -> list[str]:
        """The names of all cursors. Also outside of a transaction."""
        return [name for (name,) in self._db.execute("SELECT name FROM rujukan_cursor ORDER BY name").fetchall()]

    def begin(self, name: str, handled: int, says: bool = False) -> None:
        """A cursor behind that number, where there is none of that name; and that it is new, if it `says` so."""
        made = self._db.execute(
            "INSERT INTO rujukan_cursor (name, handled) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, handled)
        )
        if says and made.rowcount > 0:
            self._db.execute("INSERT INTO rujukan_fresh (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))

    def is_fresh(self, name: str) -> bool:
        """Whether the cursor is new, and has not caught up."""
        return self._db.execute("SELECT 1 FROM rujukan_fresh WHERE name = ?", (name,)).fetchone() is not None

    def caught_up(self, name: str) -> None:
        """It is new no more."""
        self._db.execute("DELETE FROM rujukan_fresh WHERE name = ?", (name,))

    def move(self, name: str, to: Cursor) -> None:
        """Move the cursor there."""
        topic_id, offset = to.place if to.place is not None else (None, None)
        self._db.execute(
            "UPDATE rujukan_cursor SET handled = ?, opened = ?, receipt = ?, topic_id = ?, place = ?, trying = ?,"
            " tries = ? WHERE name = ?",
            (to.handled, to.opened, to.receipt, topic_id, offset, to.trying, to.tries, name),
        )

    def cases(self, name: str, pseudonyms: Iterable[str]) -> dict[str, int]:
        """The last number of each of these cases; none for a new one."""
        asked = list(pseudonyms)
        if not asked:
            return {}  # PostgreSQL knows no empty list
        rows = self._db.execute(
            "SELECT pseudonym, handled FROM rujukan_case"
            f" WHERE name = ? AND pseudonym IN ({', '.join('?' for _ in asked)})",
            (name, *asked),
        )
        return dict(rows.fetchall())

    def move_cases(self, name: str, numbers: Mapping[str, int]) -> None:
        """These are their last numbers now."""
        rows = [(name, pseudonym, number) for pseudonym, number in numbers.items()]
        self._db.put("rujukan_case", ("name", "pseudonym"), ("handled",), rows)

    def recent(self, name: str) -> dict[str, int]:
        """Id → number of what was handled last."""
        rows = self._db.execute("SELECT id, number FROM rujukan_recent WHERE name = ?", (name,))
        return dict(rows.fetchall())

    def last(self, name: str, upto: int, most: int = RECENT) -> list[Last]:
        """What is remembered up to that number, the newest first. Also outside of a transaction."""
        rows = self._db.execute(
            "SELECT number, id FROM rujukan_recent WHERE name = ? AND number <= ? ORDER BY number DESC LIMIT ?",
            (name, upto, most),
        )
        return [Last(number, id) for number, id in rows.fetchall()]

    def remember(self, name: str, numbers: Mapping[str, int]) -> None:
        """These ids came under these numbers. Each takes the slot of one that is long past."""
        slots = {number % RECENT: (number, id) for id, number in numbers.items()}
        rows = [(name, slot, *of) for slot, of in slots.items()]
        self._db.put("rujukan_recent", ("name", "slot"), ("number", "id"), rows)

    # What is missing

    def gaps(self, name: str) -> list[tuple[Gap, str]]:
        """(gap, `open` or `skipped`): what is waited for, and what was gone on without. Also outside of a
        transaction."""
        rows = self._db.execute("SELECT first, last, state FROM rujukan_gap WHERE name = ? ORDER BY first", (name,))
        return [(Gap(first, last), state) for first, last, state in rows.fetchall()]

    def skipped(self, name: str, first: int, last: int) -> set[int]:
        """Which of these numbers were gone on without, and did not come since."""
        rows = self._db.execute(
            "SELECT first, last FROM rujukan_gap WHERE name = ? AND state = 'skipped' AND first <= ? AND last >= ?",
            (name, last, first),
        )
        return {n for a, b in rows.fetchall() for n in range(max(first, a), min(last, b) + 1)}

    def wait_for(self, name: str, gap: Gap | None) -> None:
        """That is what is waited for now, or nothing."""
        self._db.execute("DELETE FROM rujukan_gap WHERE name = ? AND state = 'open'", (name,))
        if gap is not None:
            self._put(name, gap, "open")

    def skip(self, name: str, gap: Gap) -> None:
        """Gone on without these."""
        self._put(name, gap, "skipped")

    def came(self, name: str, number: int) -> None:
        """One that was gone on without came all the same."""
        row = self._db.execute(
            "SELECT first, last FROM rujukan_gap WHERE name = ? AND state = 'skipped' AND first <= ? AND last >= ?",
            (name, number, number),
        ).fetchone()
        if row is not None:
            self._db.execute(
                "DELETE FROM rujukan_gap WHERE name = ? AND first = ? AND state = 'skipped'", (name, row[0])
            )
            for rest in (Gap(row[0], number - 1), Gap(number + 1, row[1])):
                if rest.first <= rest.last:
                    self._put(name, rest, "skipped")

    def _put(self, name: str, gap: Gap, state: str) -> None:
        self._db.execute("INSERT INTO rujukan_gap VALUES (?, ?, ?, ?, ?)", (name, gap.first, gap.last, state, now()))

    def wait_here(self, name: str, why: str) -> None:
        """Something waits for what is lacking here, a key or a newer release; nothing does where it is empty."""
        self._db.execute("DELETE FROM rujukan_waits WHERE name = ?", (name,))
        if why:
            self._db.execute("INSERT INTO rujukan_waits (name, why) VALUES (?, ?)", (name, why))

    def waits_here(self, name: str) -> str:
        """Why something waits; empty where nothing does. Also outside of a transaction."""
        row = self._db.execute("SELECT why FROM rujukan_waits WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    # What is said of it

    def say(self, name: str, what: str, gap: Gap = Gap(0, 0), word: str = "") -> None:  # noqa: B008
        """Something the service has to hear: `failed` (and why) or `recovered` of numbers, `deleted` (an erasure)."""
        self._db.execute(
            "INSERT INTO rujukan_to_say (name, what, first, last, word) VALUES (?, ?, ?, ?, ?)",
            (name, what, *gap, word),
        )

    def say_handled(self, name: str, run: Gap) -> None:
        """The service may have heard that these failed, from an inbox before this one: they are handled. What follows
        on what is to be said already lengthens it."""
        longer = self._db.execute(
            "UPDATE rujukan_to_say SET last = ? WHERE name = ? AND what = 'recovered' AND last = ?",
            (run.last, name, run.first - 1),
        )
        if longer.rowcount < 1:
            self.say(name, "recovered", run)

    def to_say(self, name: str) -> ToSay:
        """What the service has to hear now. Also outside of a transaction."""
        rows = self._db.execute(
            "SELECT n, what, first, last, word FROM rujukan_to_say WHERE name = ? ORDER BY n LIMIT ?", (name, MOST_SAID)
        ).fetchall()
        failed: list[Failure] = []
        recovered: list[int] = []
        deleted: list[UUID] = []
        done: list[tuple[int, int]] = []
        for n, what, first, last, word in rows:
            upto = last
            match what:
                case "failed":
                    upto = min(last, first + MOST_SAID - len(failed) - 1)
                    failed += (Failure(number, word) for number in range(first, upto + 1))
                case "recovered":
                    upto = min(last, first + MOST_SAID - len(recovered) - 1)
                    recovered += range(first, upto + 1)
                case _:
                    deleted.append(UUID(word))
            done.append((n, upto))
            if upto < last:
                break
        cursor = self.cursor(name)
        mark = cursor.mark if cursor is not None else None
        said = Acknowledgement(received=mark, handled=mark, failed=failed, recovered=recovered, deleted=deleted)
        return ToSay(said, done)

    def said(self, rows: Iterable[tuple[int, int]]) -> None:
        """The service has heard these."""
        for n, upto in rows:
            self._db.execute("DELETE FROM rujukan_to_say WHERE n = ? AND last <= ?", (n, upto))
            self._db.execute("UPDATE rujukan_to_say SET first = ? WHERE n = ?", (upto + 1, n))

    def deletions(self, name: str) -> list[UUID]:
        """Erasures whose copies were deleted, and of which the service has not heard yet."""
        rows = self._db.execute(
            "SELECT word FROM rujukan_to_say WHERE name = ? AND what = 'deleted' ORDER BY n", (name,)
        )
        return [UUID(word) for (word,) in rows.fetchall()]
