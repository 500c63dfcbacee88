"""Asks witnesses that can be reached to cosign each checkpoint: the log's side of C2SP tlog-witness.

A witness behind a firewall is not asked; it comes by itself (consumers/agency/witnessing/witness.py).
"""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import httpx

from ...consumers.evidence import notes
from ...consumers.evidence.add_checkpoint import request
from ...consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from ...consumers.evidence.coding import decimal
from ...consumers.evidence.notes import Note, PublicKey, parse_signature
from ...consumers.evidence.policies import as_saved, parse_policy
from ...consumers.evidence.refused import Malformed, NotProven
from .store import LedgerStore, NotSealed

log = logging.getLogger(__name__)

SECONDS = 10.0
"""How long a witness may take to answer."""
LARGEST_ANSWER = 64 * 1024
LOOK_SECONDS = 0.2
"""How often it looks for a new checkpoint. To be told of one would cost more: PostgreSQL wakes whoever listens to
anything for every append."""
IDLE_SECONDS = 1.0
AGAIN_SECONDS = 5.0
"""After what time a witness that did not cosign is asked again."""


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
                size, self._size = self._size, 0  # it may have been mistaken: the next time it is asked anew
                raise Refused(f"{self._key.name} has seen a tree of {size} leaves; this has {checkpoint.size}")
            proof = store.tree(checkpoint.size).consistency(self._size)
            body = request(self._size, proof, note)
            status, answer = self._post(body)
            if status == 409:
                self._size = _size_in(answer)
                continue
            if status != 200:
                raise Refused(f"{self._key.name} answered {status}")
            self._size = checkpoint.size
            return self._take(checkpoint, note, answer, store)
        raise Refused(f"{self._key.name} does not say which tree it has seen")

    def _post(self, body: bytes) -> tuple[int, str]:
        """Status and body. Raises Refused for one that is too long, too slow or no text."""
        give_up = time.monotonic() + SECONDS
        said = bytearray()
        with self._http.stream("POST", self._url, content=body, timeout=SECONDS) as answer:
            for chunk in answer.iter_raw():
                said += chunk
                if len(said) > LARGEST_ANSWER or time.monotonic() > give_up:
                    raise Refused(f"{self._key.name} answered too much, or too slowly")
        try:
            return answer.status_code, said.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(f"{self._key.name} answered no text") from None

    def _take(self, checkpoint: Checkpoint, note: Note, lines: str, store: LedgerStore) -> int:
        try:
            signatures = [parse_signature(line) for line in lines.removesuffix("\n").split("\n")]
            notes.verify(Note(note.text, tuple(signatures)), [self._key])
            own = [s for s in signatures if (s.name, s.key_id) == (self._key.name, self._key.key_id)]
            return store.take_cosignatures(checkpoint, own)
        except (NotProven, NotSealed) as problem:
            raise Refused(f"{self._key.name}: {problem}") from None


def ask_witnesses(store: LedgerStore, policy: Path, stop: Event) -> None:
    """Ask each witness of the policy that has an address to cosign each new checkpoint, until told to stop."""
    with httpx.Client(follow_redirects=False) as http, ThreadPoolExecutor(8) as at_once:
        known: dict[str, Asked] = {}
        taken: dict[str, str] = {}
        asking: dict[str, Future[int]] = {}
        later: dict[str, float] = {}
        while not stop.is_set():
            try:
                named = addresses(policy)
            except (Malformed, OSError) as problem:
                log.warning("the witness policy cannot be read: %s", problem)  # somebody is writing it, or will mend it
                named = {}
            known = {url: known.get(url) or Asked(url, key, http) for url, key in named.items()}
            note = store.newest() if known else None
            now = time.monotonic()
            due = [u for u in known if note and taken.get(u) != note.text and u not in asking and later.get(u, 0) < now]
            if note is None or not due:
                stop.wait(LOOK_SECONDS if known else IDLE_SECONDS)
            else:
                asking |= {url: at_once.submit(known[url].ask, note, store) for url in due}
                taken |= dict.fromkeys(due, note.text)
            done, _ = wait(asking.values(), timeout=0.2)  # one that is slow keeps nobody waiting but itself
            for url in [url for url, asked in asking.items() if asked in done]:
                try:
                    asking.pop(url).result()
                except (Refused, httpx.HTTPError, httpx.InvalidURL) as problem:
                    taken.pop(url)
                    later[url] = time.monotonic() + AGAIN_SECONDS
                    log.warning("a witness does not cosign: %s", problem if isinstance(problem, Refused) else url)


def addresses(policy: Path) -> Mapping[str, PublicKey]:
    """Address → key of the witnesses that a policy file gives an address for; nothing while there is no file, or
    one that cannot be read, as it may be for a moment while somebody writes it."""
    try:
        data = as_saved(policy.read_bytes())
        witnesses = parse_policy(data).witnesses
    except FileNotFoundError:
        return {}
    except (OSError, Malformed) as problem:
        log.warning("the policy of witnesses cannot be read: %s", problem)
        return {}
    found: dict[str, PublicKey] = {}
    for line in data.split(b"\n"):
        words = line.split()
        if len(words) == 4 and words[0] == b"witness":
            found[words[3].decode("ascii", "replace")] = witnesses[words[1]]
    return found


def _size_in(answer: str) -> int:
    try:
        return decimal(answer.removesuffix("\n"))
    except Malformed:
        raise Refused("a witness did not say which tree it has seen") from None
