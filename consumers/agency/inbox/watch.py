"""Tries that outlive the process: what kills its process each time it is handled does not do so for ever.

A delivery that makes its handler end the process (a crash in a library, memory that runs out, an exit) leaves nothing
behind: its transaction was never committed, so the next process would meet it as if for the first time. To write down
each delivery before it is handled would cost a commit for each. So a process only notes that it runs. One that finds
the note of another, which did not say goodbye, takes what comes next one by one, and notes each before it is handled;
what is noted and not taken back has killed somebody. After a batch's length the culprit is found, or is none of these.

What does not count: a kill between two deliveries, or while it waits to handle one again; a process that is told to
stop; a handler that raises, or says NotNow or Leaving; the inbox's own database being away.
"""

from typing import Any

from .database import Database

LENGTH = 256
"""So many are watched after a process died, or as many as may be committed together."""
_RUNNING = 0
"""Stands where a delivery's number stands in the other rows; numbers begin at 1."""


class Watch:
    """What one process notes of those before it, and for those after it, under each cursor's name. All of it is
    committed at once, and so nothing of it is meant for inside of a transaction, but for `done`."""

    def __init__(self, database: Database[Any]) -> None:
        self._db = database
        self._left: dict[str, int] = {}
        """So many more are watched."""
        self._after_a_death: set[str] = set()
        self._noted: set[tuple[str, int]] = set()
        """What this process has noted, and not taken back."""
        self._waited: set[tuple[str, int]] = set()

    def begin(self, name: str, together: int) -> None:
        """Note, once, that a process runs, and see whether the last one died."""
        if name in self._left:
            return
        with self._db.transaction():
            died = self._count(name, _RUNNING) > 0
            self._db.execute("INSERT INTO rujukan_begun VALUES (?, ?, 1) ON CONFLICT DO NOTHING", (name, _RUNNING))
        self._left[name] = max(LENGTH, together) if died else 0
        if died:
            self._after_a_death.add(name)

    def watches(self, name: str) -> bool:
        """Whether what comes next is to be handled one by one."""
        return self._left[name] > 0

    def died_before(self, name: str) -> bool:
        """Whether this process came after one that died."""
        return name in self._after_a_death

    def deaths(self, name: str, number: int) -> int:
        """How many processes began to handle this delivery and were never heard of again."""
        return self._count(name, number) - ((name, number) in self._noted)

    def waits(self, name: str, number: int) -> bool:
        """Whether this is the first time that this process asks: then it has to wait a while."""
        if (name, number) in self._waited:
            return False
        self._waited.add((name, number))
        return True

    def note(self, name: str, number: int) -> None:
        """This delivery is about to be handled."""
        if (name, number) in self._noted:
            return
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO rujukan_begun VALUES (?, ?, 1)"
                " ON CONFLICT (name, number) DO UPDATE SET processes = rujukan_begun.processes + 1",
                (name, number),
            )
        self._noted.add((name, number))

    def survived(self, name: str, number: int) -> None:
        """The handler came back, or the process ends for another reason: this was no death."""
        if (name, number) in self._noted:
            with self._db.transaction():
                self._db.execute(
                    "UPDATE rujukan_begun SET processes = processes - 1 WHERE name = ? AND number = ?", (name, number)
                )
                self._db.execute("DELETE FROM rujukan_begun WHERE processes <= 0")
            self._noted.discard((name, number))

    def done(self, name: str, number: int) -> None:
        """It is handled, or a dead letter. For inside of the transaction that says so; then call `passed`."""
        self._db.execute("DELETE FROM rujukan_begun WHERE name = ? AND number = ?", (name, number))

    def passed(self, name: str, number: int) -> None:
        """That transaction is committed."""
        self._noted.discard((name, number))
        self._waited.discard((name, number))
        self._left[name] = max(0, self._left.get(name, 0) - 1)

    def end(self, name: str) -> None:
        """Say goodbye: whatever comes after this was not killed by a delivery."""
        for noted in [number for who, number in self._noted if who == name]:
            self.survived(name, noted)
        with self._db.transaction():
            self._db.execute("DELETE FROM rujukan_begun WHERE name = ? AND number = ?", (name, _RUNNING))
        self._left.pop(name, None)
        self._after_a_death.discard(name)

    def _count(self, name: str, number: int) -> int:
        row = self._db.execute(
            "SELECT processes FROM rujukan_begun WHERE name = ? AND number = ?", (name, number)
        ).fetchone()
        return 0 if row is None else int(row[0])
