"""The ledger as it is served: checkpoint, tiles, receipts; and cosignatures as they are brought."""

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from ...api.application.ports import NotSealedYet, NotTaken
from ...consumers.evidence import notes
from ...consumers.evidence.checkpoints import parse_checkpoint
from ...consumers.evidence.notes import Note, PublicKey, parse_note
from ...consumers.evidence.policies import Policy, read_policy
from ...consumers.evidence.refused import NotProven
from ...consumers.evidence.tiles import parse_path
from .store import LedgerStore, NotSealed

log = logging.getLogger(__name__)


class WitnessPolicy:
    """The policy file, read again when it changed. While there is none, no witness is known and none is asked for;
    while it cannot be read (half written, say), what it said before holds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[float, Policy | None] = (-1.0, None)
        self._lock = Lock()

    def now(self) -> Policy | None:
        """The policy."""
        try:
            changed = self._file.stat().st_mtime
        except FileNotFoundError:
            return None
        with self._lock:
            if self._read[0] != changed:
                try:
                    self._read = changed, read_policy(self._file.read_bytes())
                except (NotProven, OSError) as problem:
                    log.error("the witness policy is not used: %s", problem)
                    self._read = changed, self._read[1]
            return self._read[1]


class Quorum:
    """Whether the witnesses that the policy asks for cosigned a checkpoint of the log with these keys."""

    def __init__(self, policy: WitnessPolicy, keys: Sequence[PublicKey]) -> None:
        self._policy = policy
        self._keys = tuple(keys)

    def __call__(self, note: Note) -> bool:
        """Whether they did; where there is no policy, nobody is asked for."""
        policy = self._policy.now()
        if policy is None:
            return True
        if not policy.suffices((s.name, s.key_id) for s in note.signatures):
            return False  # told without checking a signature: thousands of heads may be looked at for one that has it
        try:
            policy._replace(logs=self._keys).check(note)
        except NotProven:
            return False
        return True

    def seen(self, note: Note) -> list[tuple[PublicKey, int]]:
        """The witnesses of the policy that cosigned, each with the time it says."""
        policy = self._policy.now()
        if policy is None or not policy.witnesses:
            return []
        try:
            return [(key, time or 0) for key, time in notes.verify(note, policy.witnesses.values()).items()]
        except NotProven:
            return []


class ApiLedger:
    """The ledger as the API asks for it."""

    def __init__(self, store: LedgerStore, keys: Sequence[PublicKey], policy: WitnessPolicy) -> None:
        self._store = store
        self._keys = tuple(keys)
        self._policy = policy
        self._has_quorum = Quorum(policy, keys)

    def checkpoint(self) -> bytes | None:
        note = self._store.newest()
        return note.data if note else None

    def joining(self, log: str | None) -> bytes | None:
        note = self._store.joining(log or self._keys[0].name)
        return note.data if note else None

    def tile(self, path: str) -> bytes | None:
        try:
            return self._store.tile(parse_path(path))
        except NotProven:
            return None

    def keys(self) -> Sequence[str]:
        return [key.vkey for key in self._keys]

    def lag(self) -> tuple[int, int]:
        return self._store.lag()

    def receipt(self, position: int, witnessed: bool) -> bytes:
        try:
            leaf, entry = self._store.leaf_of(position)
            note = self._store.witnessed(leaf + 1, self._has_quorum)
            if note is None and witnessed:
                raise NotSealedYet(position)
            return self._store.proof(position, note)._replace(extra=entry).data
        except NotSealed:
            raise NotSealedYet(position) from None

    def take_cosignatures(self, body: bytes) -> int:
        policy = self._policy.now()
        if policy is None:
            raise NotTaken("No witness is known here.")
        try:
            note = parse_note(body)
            checkpoint = parse_checkpoint(note.text)
            signed = notes.verify(note, policy.witnesses.values())
            known = {(key.name, key.key_id) for key in signed}
            return self._store.take_cosignatures(
                checkpoint, [s for s in note.signatures if (s.name, s.key_id) in known]
            )
        except (NotProven, NotSealed) as problem:
            raise NotTaken(f"The note is not taken: {problem}.") from None
