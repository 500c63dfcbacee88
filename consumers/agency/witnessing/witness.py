"""The agency's side: a witness of the ledger (C2SP tlog-witness).

It remembers, for each log, the newest checkpoint that it cosigned, and cosigns another only after a proof that the
tree was only added to. So nobody, its operator included, can show two agencies two histories.

A checkpoint of the log's own key that rolls back or forks is proof against the log: it is kept with what it
contradicts, and raises an alarm. The alarm lives in this file, on this machine: while it stands nothing of that log
is cosigned, and only a person here ends it (`rujukan witness --clear-alarm`). Nothing that the log's operator
sends does.
"""

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from ...evidence import merkle, notes
from ...evidence.add_checkpoint import parse_request, request
from ...evidence.checkpoints import Checkpoint, parse_checkpoint
from ...evidence.notes import Note, PublicKey, Signature, SigningKey
from ...evidence.refused import Forked, Malformed, NotConsistent, NotProven

log = logging.getLogger(__name__)

MOST_ALARMS = 100
"""Of one log, while nobody has looked: it cannot fill the witness's disk."""
BUSY_SECONDS = 30.0
"""How long another process may hold the file."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
      note BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS evidence (n INTEGER PRIMARY KEY, origin TEXT NOT NULL, why TEXT NOT NULL,
      at INTEGER NOT NULL, request BLOB NOT NULL, contradicts BLOB NOT NULL, cleared INTEGER);
"""


class Verdict(NamedTuple):
    """What a witness answers: an HTTP status, a body, and its type."""

    status: int
    body: bytes
    media_type: str = "text/plain; charset=utf-8"


class Evidence(NamedTuple):
    """What a log signed (in an `add-checkpoint` request: old size, proof, checkpoint) and the checkpoint, cosigned
    before, that it contradicts. Anybody who has the log's public key can check it."""

    number: int
    origin: str
    why: str
    at: int
    request: bytes
    contradicts: bytes


class Misbehaviour(Exception):
    """The log contradicts itself. It is kept as evidence."""


class Witness:
    """One witness and what it has seen, in a SQLite file. Safe to share between threads, and the file between
    processes: what is cosigned is compared with what was, and kept, in one transaction."""

    def __init__(
        self,
        file: Path,
        keys: Sequence[SigningKey],
        logs: Iterable[PublicKey],
        *,
        alarm: Callable[[Evidence], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.keys = tuple(keys)
        self._logs = tuple(logs)
        self._alarm = alarm
        self._now = now
        self._lock = RLock()
        self._raised: list[Evidence] = []
        self._db = sqlite3.connect(file, BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def seen(self, origin: str) -> Checkpoint:
        """The newest checkpoint that was cosigned of a log; the empty tree where none was."""
        with self._lock:
            row = self._db.execute("SELECT size, root FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        return Checkpoint(origin, row[0], row[1]) if row else Checkpoint(origin, 0, merkle.EMPTY_ROOT)

    def cosigned(self, origin_hash: str) -> bytes | None:
        """The checkpoint that was cosigned last of the log with that SHA-256 (hex) of its origin, with all
        signatures that were checked: what the monitoring prefix serves."""
        with self._lock:
            rows = self._db.execute("SELECT origin, note FROM cosigned").fetchall()
        for origin, note in rows:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                return bytes(note)
        return None

    def alarms(self) -> Sequence[Evidence]:
        """The evidence that nobody has cleared."""
        with self._lock:
            rows = self._db.execute(
                "SELECT n, origin, why, at, request, contradicts FROM evidence WHERE cleared IS NULL ORDER BY n"
            ).fetchall()
        return [Evidence(*row) for row in rows]

    def alarms_over(self, origin: str) -> Sequence[Evidence]:
        """Those over one log: what another log did says nothing of this one."""
        return [evidence for evidence in self.alarms() if evidence.origin == origin]

    def clear(self, number: int) -> bool:
        """A person here has looked: the alarm ends, the evidence stays. Whether there was one."""
        with self._alone():
            done = self._db.execute(
                "UPDATE evidence SET cleared = ? WHERE n = ? AND cleared IS NULL", (self._time(), number)
            )
        return done.rowcount == 1

    def add_checkpoint(self, body: bytes) -> Verdict:
        """`add-checkpoint` of tlog-witness: the cosignature lines, or why not, by the statuses that it gives."""
        try:
            old, proof, note = parse_request(body)
            checkpoint = parse_checkpoint(note.text)
        except Malformed as problem:
            return Verdict(400, f"{problem}\n".encode())
        keys = [key for key in self._logs if key.name == checkpoint.origin]
        if not keys:
            return Verdict(404, b"the log is not known here\n")
        try:
            signed = notes.verify(note, keys)
        except NotProven as problem:
            return Verdict(403, f"{problem}\n".encode())
        if checkpoint.extensions and all(key.kind == notes.COSIGNATURE_ML_DSA for key in signed):
            return Verdict(403, b"the log's signature does not cover the checkpoint's extension lines\n")
        if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY_ROOT:
            return Verdict(422, b"the empty tree has another root\n")
        if old > checkpoint.size:
            return Verdict(400, b"the old size is larger than the checkpoint's\n")
        try:
            with self._alone():
                return self._consider(checkpoint, old, proof, self._checked(note, signed))
        except sqlite3.Error as problem:
            log.critical("nothing is cosigned, for it cannot be kept: %s", type(problem).__name__)
            return Verdict(500, b"the witness cannot keep what it cosigns\n")

    def _consider(self, checkpoint: Checkpoint, old: int, proof: Sequence[bytes], note: Note) -> Verdict:
        seen = self.seen(checkpoint.origin)
        body = request(old, proof, note)
        if checkpoint.size == seen.size and checkpoint.root != seen.root:
            self._keep_evidence(checkpoint.origin, "the log has two trees of one size", body)
            return Verdict(422, b"another tree of this size was cosigned\n")
        if self.alarms_over(checkpoint.origin):
            return Verdict(403, b"an alarm stands over this log\n")
        if old != seen.size:
            return Verdict(409, f"{seen.size}\n".encode(), "text/x.tlog.size")
        try:
            merkle.verify_consistency(old, seen.root, checkpoint.size, checkpoint.root, proof)
        except Forked as problem:
            self._keep_evidence(checkpoint.origin, "the log has two histories", body)
            return Verdict(422, f"{problem}\n".encode())
        except NotProven as problem:
            return Verdict(422, f"{problem}\n".encode())
        cosignatures = [key.sign(note.text, self._time()) for key in self.keys]
        kept = Note(note.text, (*note.signatures, *cosignatures))
        self._db.execute(
            "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
            " DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (checkpoint.origin, checkpoint.size, checkpoint.root, kept.data),
        )
        return Verdict(200, "".join(s.line for s in cosignatures).encode())

    def follow(
        self,
        note: Note,
        proof: Callable[[int, int], Sequence[bytes]],
        root_at: Callable[[int, int], bytes] | None = None,
    ) -> Sequence[Signature]:
        """Cosign a checkpoint that was fetched; `proof` gives the consistency proof from one size to another, and
        `root_at` the root that the tree of the second size has at the first: it shows a fork also where the first is a
        power of two.

        Nothing where there is nothing new. Raises Misbehaviour where it contradicts what was cosigned (kept as
        evidence), and NotProven where it is not the log's, or its tiles do not prove it.
        """
        checkpoint = parse_checkpoint(note.text)
        keys = [key for key in self._logs if key.name == checkpoint.origin]
        own = self._checked(note, notes.verify(note, keys))
        with self._alone():
            seen = self.seen(checkpoint.origin)
            if self.alarms_over(checkpoint.origin):
                raise Misbehaviour("an alarm stands over this log; a person has to look")
            if checkpoint == seen:
                return ()
            if checkpoint.size < seen.size:
                self._keep_evidence(checkpoint.origin, "the log was rolled back", request(0, (), own))
        if checkpoint.size < seen.size:
            raise Misbehaviour(f"the log shows {checkpoint.size} leaves; {seen.size} were cosigned")
        hashes = list(proof(seen.size, checkpoint.size))
        answer, origin = self.add_checkpoint(request(seen.size, hashes, own)), checkpoint.origin
        unseen = answer.status == 422 and merkle.is_power_of_two(seen.size) and not self.alarms_over(origin)
        if unseen and root_at is not None:
            self.add_checkpoint(request(seen.size, [root_at(seen.size, checkpoint.size), *hashes], own))
        if answer.status == 200:
            return [notes.parse_signature(line) for line in answer.body.decode().splitlines()]
        if self.alarms_over(origin):
            raise Misbehaviour(f"the log shows another tree of {checkpoint.size} leaves")
        raise NotConsistent(answer.body.decode().strip())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else looks or writes meanwhile, in this process or another; afterwards it is durable, and the alarms
        of what was kept are raised."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._raised.clear()
                self._db.execute("ROLLBACK")
                raise
            raised, self._raised = self._raised, []
        for found in raised:
            log.critical("ALARM: %s: %s (evidence %d)", found.origin, found.why, found.number)
            if self._alarm is not None:
                try:
                    self._alarm(found)
                except Exception:  # whatever a person's command does, the alarm stands in the file
                    log.exception("the alarm could not be passed on")

    def _time(self) -> int:
        """The present, in seconds since 1970; a clock that is wrong stops nothing."""
        return min(max(0, int(self._now())), notes.LATEST)

    def _keep_evidence(self, origin: str, why: str, body: bytes) -> None:
        text = parse_request(body)[2].text
        rows = self._db.execute("SELECT request, cleared FROM evidence WHERE origin = ?", (origin,)).fetchall()
        if any(parse_request(kept)[2].text == text for kept, _ in rows):
            return  # the same words of the log with another proof, or other signatures beside, are no news
        if sum(cleared is None for _, cleared in rows) >= MOST_ALARMS:
            return
        row = self._db.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).fetchone()
        at, contradicts = self._time(), bytes(row[0]) if row else b""
        kept = self._db.execute(
            "INSERT INTO evidence (origin, why, at, request, contradicts) VALUES (?, ?, ?, ?, ?)",
            (origin, why, at, body, contradicts),
        )
        self._raised.append(Evidence(kept.lastrowid or 0, origin, why, at, body, contradicts))

    @staticmethod
    def _checked(note: Note, signed: Iterable[PublicKey]) -> Note:
        """The note with those signatures only that were verified, one of each key."""
        ids = {(key.name, key.key_id) for key in signed}
        each = {(s.name, s.key_id): s for s in note.signatures if (s.name, s.key_id) in ids}
        return Note(note.text, tuple(each.values()))
