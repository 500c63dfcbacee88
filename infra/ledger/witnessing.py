"""Asks witnesses that can be reached to cosign each checkpoint: the log's side of C2SP tlog-witness.

A witness behind a firewall is not asked; it comes by itself (consumers/witness.py).
"""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
from psycopg import Connection
from psycopg.rows import TupleRow

from rujukan.consumers.evidence import notes
from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.coding import decimal
from rujukan.consumers.evidence.notes import Note, PublicKey, parse_signature
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.consumers.evidence.refused import Malformed, NotProven
from rujukan.consumers.witness import request

from .store import LedgerStore

log = logging.getLogger(__name__)

SECONDS = 10.0
"""How long a witness may take to answer."""
LARGEST_ANSWER = 64 * 1024


class Refused(Exception):
    """The witness does not cosign. The message says what it answered."""


class Asked:
    """One witness, by its address, and the size that it cosigned last as far as it is known here."""

    def __init__(self, url: str, key: PublicKey, http: httpx.Client) -> None:
        self._url = url.rstrip("/") + "/add-checkpoint"
        self._key = key
        self._http = http
        self._size = 0

    def ask(self, note: Note, store: LedgerStore) -> int:
        """Ask it to cosign; how many cosignatures are new. Raises Refused, httpx.HTTPError."""
        checkpoint = parse_checkpoint(note.text)
        for _ in range(2):
            if self._size > checkpoint.size:
                raise Refused(f"{self._key.name} has seen a tree of {self._size} leaves; this has {checkpoint.size}")
            proof = store.tree(checkpoint.size).consistency(self._size)
            body = request(self._size, proof, note)
            answer = self._http.post(self._url, content=body, timeout=SECONDS)
            if answer.status_code == 409:
                self._size = _size_in(answer)
                continue
            if answer.status_code != 200 or len(answer.content) > LARGEST_ANSWER:
                raise Refused(f"{self._key.name} answered {answer.status_code}")
            self._size = checkpoint.size
            return self._take(checkpoint, note, answer.text, store)
        raise Refused(f"{self._key.name} does not say which tree it has seen")

    def _take(self, checkpoint: Checkpoint, note: Note, lines: str, store: LedgerStore) -> int:
        try:
            signatures = [parse_signature(line) for line in lines.splitlines()]
            notes.verify(Note(note.text, tuple(signatures)), [self._key])
        except NotProven as problem:
            raise Refused(f"{self._key.name}: {problem}") from None
        own = [s for s in signatures if (s.name, s.key_id) == (self._key.name, self._key.key_id)]
        return store.take_cosignatures(checkpoint, own)


def ask_witnesses(db: Connection[TupleRow], store: LedgerStore, policy: Path, stop: Event) -> None:
    """Ask each witness of the policy that has an address to cosign each new checkpoint, until told to stop."""
    with httpx.Client() as http, ThreadPoolExecutor(8) as at_once:
        known: dict[str, Asked] = {}
        seen: str | None = None
        db.execute("LISTEN checkpoints")
        while not stop.is_set():
            known = {url: known.get(url) or Asked(url, key, http) for url, key in addresses(policy).items()}
            note = store.newest() if known else None
            if note is None or note.text == seen:
                for _ in db.notifies(timeout=1.0, stop_after=1):
                    pass
                continue
            seen = note.text
            for url, asked in [(url, at_once.submit(witness.ask, note, store)) for url, witness in known.items()]:
                try:
                    asked.result()
                except (Refused, httpx.HTTPError) as problem:
                    log.warning("a witness does not cosign: %s", problem if isinstance(problem, Refused) else url)
            time.sleep(0.2)


def addresses(policy: Path) -> Mapping[str, PublicKey]:
    """Address → key of the witnesses that a policy file gives an address for; nothing while there is no file.
    Raises Malformed."""
    try:
        data = policy.read_bytes()
    except FileNotFoundError:
        return {}
    witnesses = parse_policy(data).witnesses
    found: dict[str, PublicKey] = {}
    for line in data.split(b"\n"):
        words = line.split()
        if len(words) == 4 and words[0] == b"witness":
            found[words[3].decode("ascii", "replace")] = witnesses[words[1]]
    return found


def _size_in(answer: httpx.Response) -> int:
    try:
        return decimal(answer.text.removesuffix("\n"))
    except Malformed:
        raise Refused("a witness did not say which tree it has seen") from None
