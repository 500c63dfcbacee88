"""What could not be handled, kept as it came, sealed, in the inbox's own database until a person has looked.

It gets there in the same transaction that goes on past it, so a crash loses none. A copy goes to the agency's
dead-letter topic where it has one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...wire.acknowledgement import Reason
from ...wire.envelope import Attributes
from ..transports.transport import Arrived, DeadLetter
from .database import Database

MOST_UNSIGNED = 1000
"""Of what the service did not sign only the newest are kept: anybody who can write to a topic can write much."""
LARGEST_UNSIGNED = 64 * 1024
"""Of one that is larger only that it came, and its hash."""
MOST_SEALED = 10000
"""Of so many the bytes are kept. Of older ones the feed has them."""
_COLUMNS = "n, sequence, id, pseudonym, key_id, reason, problem, tries, at, state, sealed"


class DeadLetters:
    """The dead letters of each cursor in one database."""

    def __init__(self, database: Database[Any]) -> None:
        self._db = database

    def put(
        self,
        name: str,
        sealed: Arrived,
        attributes: Attributes | None,
        reason: Reason,
        problem: str = "",
        tries: int = 0,
    ) -> bool:
        """Keep a message; False where it lies here already. `attributes` where the service's signature vouches."""
        about = ("", "", "") if attributes is None else (attributes.id, attributes.partitionkey, attributes.keyid)
        sequence = None if attributes is None else int(attributes.sequence)
        kept = _encode(sealed)
        digest = hashlib.sha256(kept).hexdigest()
        bytes_kept = None if attributes is None and len(kept) > LARGEST_UNSIGNED else kept
        here = self._db.execute(
            "UPDATE rujukan_dead_letter SET reason = ?, problem = ?, tries = ? WHERE name = ? AND digest = ?",
            (reason, problem, tries, name, digest),
        )
        if here.rowcount:
            return False
        self._db.execute(
            "INSERT INTO rujukan_dead_letter"
            " (name, digest, sequence, id, pseudonym, key_id, reason, problem, tries, at, sealed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, digest, sequence, *about, reason, problem, tries, now(), bytes_kept),
        )
        self._trim(name)
        return True

    def all(self, name: str, state: str | None = None) -> list[DeadLetter]:
        """All, or those in that state, in the order of their sequence, the unsigned first; without the bytes."""
        asked = "" if state is None else " AND state = ?"
        rows = self._db.execute(
            f"SELECT {_COLUMNS.replace('sealed', 'NULL')} FROM rujukan_dead_letter WHERE name = ?{asked}"
            " ORDER BY coalesce(sequence, 0), n",
            (name,) if state is None else (name, state),
        )
        return [_letter(row) for row in rows.fetchall()]

    def get(self, name: str, n: int) -> DeadLetter | None:
        """The one with that number."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM rujukan_dead_letter WHERE name = ? AND n = ?", (name, n))
        row = rows.fetchone()
        return _letter(row) if row else None

    def unsent(self, name: str, limit: int) -> Sequence[DeadLetter]:
        """Those of which the dead-letter topic has no copy yet."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM rujukan_dead_letter WHERE name = ? AND sent = 0 AND sealed IS NOT NULL"
            " ORDER BY n LIMIT ?",
            (name, limit),
        )
        return [_letter(row) for row in rows.fetchall()]

    def sent(self, letters: Iterable[DeadLetter]) -> None:
        """The topic has copies of these."""
        self._db.each("UPDATE rujukan_dead_letter SET sent = 1 WHERE n = ?", [(letter.n,) for letter in letters])

    def recovered(self, name: str, attributes: Attributes) -> bool:
        """This delivery, which lay here, is handled now: its bytes go. Another under its number stays. False where it
        did not lie here open."""
        done = self._db.execute(
            "UPDATE rujukan_dead_letter SET state = 'recovered', sealed = NULL"
            " WHERE name = ? AND sequence = ? AND id = ? AND state = 'open'",
            (name, int(attributes.sequence), attributes.id),
        )
        return done.rowcount > 0

    def state(self, name: str, attributes: Attributes) -> str | None:
        """`open` or `recovered`, where this delivery lies here, however it is sealed; None where it does not."""
        row = self._db.execute(
            "SELECT state FROM rujukan_dead_letter WHERE name = ? AND sequence = ? AND id = ? ORDER BY state LIMIT 1",
            (name, int(attributes.sequence), attributes.id),
        ).fetchone()
        return None if row is None else str(row[0])

    def failed_again(self, n: int, problem: str) -> None:
        """A replay failed too."""
        self._db.execute("UPDATE rujukan_dead_letter SET tries = tries + 1, problem = ? WHERE n = ?", (problem, n))

    def failed(self, name: str, sequence: int, id: str, problem: str, tries: int) -> bool:
        """What lay here for want of a key could be opened, and the handler failed at it: it is not looked for any more.
        False where nothing lay here so."""
        done = self._db.execute(
            "UPDATE rujukan_dead_letter SET reason = 'handler-failed', problem = ?, tries = ?"
            " WHERE name = ? AND sequence = ? AND id = ? AND state = 'open' AND reason = 'cannot-open'",
            (problem, tries, name, sequence, id),
        )
        return done.rowcount > 0

    def forget(self, name: str, pseudonym: str) -> None:
        """Let go of the bytes of a case. Whoever replays gets from the feed what was not erased."""
        self._db.execute(
            "UPDATE rujukan_dead_letter SET sealed = NULL WHERE name = ? AND pseudonym = ?", (name, pseudonym)
        )

    def cannot_open(self, name: str, first: int, last: int) -> set[tuple[int, str]]:
        """Which deliveries (sequence, id) of these sequences lie here because no key opened them."""
        rows = self._db.execute(
            "SELECT sequence, id FROM rujukan_dead_letter"
            " WHERE name = ? AND state = 'open' AND reason = 'cannot-open' AND sequence BETWEEN ? AND ?",
            (name, first, last),
        )
        return {(sequence, id) for sequence, id in rows.fetchall()}

    def first_cannot_open(self, name: str, after: int = 0) -> int | None:
        """The first sequence, after that one, that lies here because no key opened it."""
        row = self._db.execute(
            "SELECT min(sequence) FROM rujukan_dead_letter"
            " WHERE name = ? AND state = 'open' AND reason = 'cannot-open' AND sequence > ?",
            (name, after),
        ).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def locked(self, name: str) -> list[tuple[int, str]]:
        """(number, what the key is called) of those that lie here because no key opened them."""
        rows = self._db.execute(
            "SELECT n, key_id FROM rujukan_dead_letter WHERE name = ? AND state = 'open' AND reason = 'cannot-open'"
            " ORDER BY sequence",
            (name,),
        )
        return [(n, key_id) for n, key_id in rows.fetchall()]

    def cases(self, name: str) -> set[str]:
        """The cases of which something lies here that the handler failed at."""
        rows = self._db.execute(
            "SELECT DISTINCT pseudonym FROM rujukan_dead_letter"
            " WHERE name = ? AND state = 'open' AND reason = 'handler-failed'",
            (name,),
        )
        return {pseudonym for (pseudonym,) in rows.fetchall()}

    def _trim(self, name: str) -> None:
        self._db.execute(
            "DELETE FROM rujukan_dead_letter WHERE name = ? AND sequence IS NULL AND n <= (SELECT n FROM"
            " rujukan_dead_letter WHERE name = ? AND sequence IS NULL ORDER BY n DESC LIMIT 1 OFFSET ?)",
            (name, name, MOST_UNSIGNED),
        )
        self._db.execute(
            "UPDATE rujukan_dead_letter SET sealed = NULL WHERE sealed IS NOT NULL AND n <="
            " (SELECT max(n) FROM rujukan_dead_letter) - ? AND n > (SELECT max(n) FROM rujukan_dead_letter) - ?",
            (MOST_SEALED, 2 * MOST_SEALED),
        )


def now() -> str:
    """The present, as it is noted."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _encode(sealed: Arrived) -> bytes:
    return msgspec.msgpack.encode(([(n, v) for n, v in sealed.headers], sealed.key, sealed.value))


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    *about, kept = row
    names = ("n", "sequence", "id", "case", "key_id", "reason", "problem", "tries", "at", "state")
    sealed = None
    if kept is not None:
        headers, key, value = msgspec.msgpack.decode(
            kept, type=tuple[list[tuple[str, bytes | None]], bytes | None, bytes | None]
        )
        sealed = Arrived(headers, key, value)
    return DeadLetter(**dict(zip(names, about, strict=True)), sealed=sealed)
