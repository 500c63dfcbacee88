"""The agency's side: a witness of the ledger (C2SP tlog-witness).

It remembers, for each log, the newest checkpoint that it cosigned, and cosigns another only after a proof that the
tree was only added to. So nobody, its operator included, can show two agencies two histories.

Two checkpoints of the log's own key that cannot both be of one tree are proof against the log: they are kept, and
raise an alarm. Nothing less does: a proof that is damaged or made up is refused, and accuses nobody. What was refused
is kept too, until it can be held against the log's tiles; a proof of RFC 9162 shows no fork where the size that was
cosigned last is a power of two, and a log that means harm sends none that does.

The alarm lives in this file, on this machine: while it stands nothing of that log is cosigned, and only a person here
ends it (`rujukan witness --clear-alarm`). Nothing that the log's operator sends does.
"""

import hashlib
import http.client
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import NamedTuple

from ...evidence import merkle, notes
from ...evidence.add_checkpoint import parse_request, request
from ...evidence.checkpoints import Checkpoint, parse_checkpoint
from ...evidence.forks import Tree, fork_path, verify_fork
from ...evidence.notes import Note, PublicKey, Signature, SigningKey
from ...evidence.refused import Malformed, NotConsistent, NotProven
from .heads import Heads

log = logging.getLogger(__name__)

UNREACHABLE = (OSError, http.client.HTTPException)
"""What it is that a log, or its tiles, cannot be had."""
MOST_AT_ONCE = 20
"""How many checkpoints that were not proven are held against a log's tiles at a time."""
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


Trees = Callable[[int], Tree]
"""A log's tree at a size, made of the tiles that it shows."""


class Verdict(NamedTuple):
    """What a witness answers: an HTTP status, a body, and its type."""

    status: int
    body: bytes
    media_type: str = "text/plain; charset=utf-8"


class Evidence(NamedTuple):
    """Two checkpoints that a log signed, of which one was cosigned. The newer is in an `add-checkpoint` request: old
    size, proof that it does not begin with the older, checkpoint; the older is the one that it contradicts. Anybody who
    has the log's public key can check it (`evidence.forks.verify_evidence`)."""

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
        trees: Mapping[str, Trees] | None = None,
    ) -> None:
        """`trees` gives the tiles of each log, by its origin, where they can be asked for: what does not prove is held
        against them at once."""
        self.keys = tuple(keys)
        self._trees = trees or {}
        self._settling = Lock()
        self._logs = tuple(logs)
        self._alarm = alarm
        self._now = now
        self._lock = RLock()
        self._raised: list[Evidence] = []
        self._db = sqlite3.connect(file, BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        self._heads = Heads(self._db)

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
                answer = self._consider(checkpoint, old, proof, self._checked(note, signed))
        except sqlite3.Error as problem:
            log.critical("nothing is cosigned, for it cannot be kept: %s", type(problem).__name__)
            return Verdict(500, b"the witness cannot keep what it cosigns\n")
        trees = self._trees.get(checkpoint.origin)
        if trees is not None:
            self.settle(checkpoint.origin, trees)
        return answer

    def _consider(self, checkpoint: Checkpoint, old: int, proof: Sequence[bytes], note: Note) -> Verdict:
        origin = checkpoint.origin
        seen = self.seen(origin)
        for head in self._heads.of_size(origin, checkpoint.size):
            if self._accuse(head.note, note, (), note):
                return Verdict(422, b"another tree of this size was signed\n")
        if checkpoint.size == seen.size and checkpoint.root != seen.root:
            return Verdict(422, b"another tree of this size was cosigned\n")
        if self.alarms_over(origin):
            return Verdict(403, b"an alarm stands over this log\n")
        for head in self._heads.of_size(origin, old) if old < checkpoint.size else ():
            if head.proven and self._accuse(head.note, note, proof, note):
                return Verdict(422, b"the tree does not begin with one that was cosigned\n")
        if old != seen.size:
            self._heads.keep(checkpoint, note, proven=False)
            return Verdict(409, f"{seen.size}\n".encode(), "text/x.tlog.size")
        try:
            merkle.verify_consistency(old, seen.root, checkpoint.size, checkpoint.root, proof)
        except NotProven as problem:
            self._heads.keep(checkpoint, note, proven=False)
            return Verdict(422, f"{problem}\n".encode())
        cosignatures = [key.sign(note.text, self._time()) for key in self.keys]
        kept = Note(note.text, (*note.signatures, *cosignatures))
        self._db.execute(
            "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
            " DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (origin, checkpoint.size, checkpoint.root, kept.data),
        )
        self._heads.keep(checkpoint, note, proven=True)
        return Verdict(200, "".join(s.line for s in cosignatures).encode())

    def origins(self) -> Sequence[str]:
        """The logs that anything was met of."""
        with self._lock:
            return self._heads.origins()

    def unproven(self, origin: str) -> Sequence[Checkpoint]:
        """What the log signed, and neither proved nor was found to contradict."""
        with self._lock:
            return [claim.checkpoint for claim in self._heads.unproven(origin)]

    def settle(self, origin: str, trees: Trees) -> None:
        """Hold against the log's tiles what it signed and did not prove: each is of the tree that was cosigned, and
        forgotten, or it is not, and evidence. What the tiles do not show is kept for another time."""
        if not self._settling.acquire(blocking=False):
            return  # somebody does it now: the log is asked for its tiles once
        try:
            with self._lock:
                claims = self._heads.unproven(origin, MOST_AT_ONCE)
            for claim in claims:
                self._settle(claim.note, trees)
        except UNREACHABLE as problem:
            log.info("what the log did not prove is held against its tiles later: %s", type(problem).__name__)
        finally:
            self._settling.release()

    def _settle(self, claim: Note, trees: Trees) -> None:
        said = parse_checkpoint(claim.text)
        with self._lock:
            row = self._db.execute("SELECT note FROM cosigned WHERE origin = ?", (said.origin,)).fetchone()
        if row is None:
            return
        older, newer = sorted((claim, notes.parse_note(row[0])), key=lambda note: parse_checkpoint(note.text).size)
        was, now = parse_checkpoint(older.text), parse_checkpoint(newer.text)
        try:
            path = fork_path(was, now, trees(now.size))
        except NotProven:
            return
        with self._alone():
            if path is None or self._accuse(older, newer, path, claim):
                self._heads.drop(said)

    def follow(self, note: Note, trees: Trees) -> Sequence[Signature]:
        """Cosign a checkpoint that was fetched; `trees` gives the log's tree at a size.

        Nothing where there is nothing new. Raises Misbehaviour where it contradicts what was cosigned (kept as
        evidence), NotProven where it is not the log's, its tiles do not prove it, or it is older than what was
        cosigned, and what UNREACHABLE names where the tiles cannot be had.
        """
        checkpoint = parse_checkpoint(note.text)
        origin = checkpoint.origin
        own = self._checked(note, notes.verify(note, [key for key in self._logs if key.name == origin]))
        seen, answer, untold = self.seen(origin), None, None
        if self.alarms_over(origin):
            raise Misbehaviour("an alarm stands over this log; a person has to look")
        if checkpoint != seen:
            old, hashes = min(seen.size, checkpoint.size), []
            try:
                hashes = list(trees(checkpoint.size).consistency(old))
            except (NotProven, *UNREACHABLE) as problem:
                untold = problem  # what the log signed is kept all the same
            answer = self.add_checkpoint(request(old, hashes, own))
        self.settle(origin, trees)
        if self.alarms_over(origin):
            raise Misbehaviour(f"the log shows another tree of {checkpoint.size} leaves")
        if answer is None:
            return ()
        if answer.status == 200:
            return [notes.parse_signature(line) for line in answer.body.decode().splitlines()]
        if untold is not None:
            raise untold
        if checkpoint.size < seen.size:
            raise NotConsistent(f"the log shows {checkpoint.size} leaves; {seen.size} were cosigned")
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

    def _accuse(self, older: Note, newer: Note, path: Sequence[bytes], claim: Note) -> bool:
        """Keep the two as evidence, where they cannot both be of one tree; whether they cannot. `claim` is the one of
        them that is the lie, as far as this witness is concerned."""
        try:
            verify_fork(older, newer, path, self._logs)
        except NotProven:
            return False
        was, origin = parse_checkpoint(older.text), parse_checkpoint(newer.text).origin
        words, standing = claim.text.encode() + b"\n", 0
        rows = self._db.execute("SELECT request, contradicts, cleared FROM evidence WHERE origin = ?", (origin,))
        for kept, beside, cleared in rows.fetchall():
            if kept.partition(b"\n\n")[2].startswith(words) or beside.startswith(words):
                return True  # the same words of the log with another proof, or other signatures beside, are no news
            standing += cleared is None
        if standing < MOST_ALARMS:
            same = was.size == parse_checkpoint(newer.text).size
            why = "the log has two trees of one size" if same else "the log has two histories"
            at, body = self._time(), request(was.size, path, newer)
            added = self._db.execute(
                "INSERT INTO evidence (origin, why, at, request, contradicts) VALUES (?, ?, ?, ?, ?)",
                (origin, why, at, body, older.data),
            )
            self._raised.append(Evidence(added.lastrowid or 0, origin, why, at, body, older.data))
        return True

    @staticmethod
    def _checked(note: Note, signed: Iterable[PublicKey]) -> Note:
        """The note with those signatures only that were verified, one of each key."""
        ids = {(key.name, key.key_id) for key in signed}
        each = {(s.name, s.key_id): s for s in note.signatures if (s.name, s.key_id) in ids}
        return Note(note.text, tuple(each.values()))
