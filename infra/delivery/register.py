"""The register of what was told to whom: `delivery.told`, one row for each telling.

Who may learn what of an event, the domain's rule says (domain/disclosure.py). The register keeps its answer for ever,
numbered: 1, 2, 3 … for each agency. That number is the cursor of every transport. It is written once, when the event
is first followed, because it could not be worked out again: of an erased case nothing can be folded any more, and a
later version of the rule may answer otherwise; but an agency that holds number 7 must find number 8 behind it.

One keeper works at a time: a lease, so that one that was halted holds up nobody. Rows and position commit together, and
only where the position is still the one that the keeper started from, so the effect is exactly once, also where two
meet.
"""

import logging
from collections.abc import Iterable, Sequence
from threading import Event
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain import agency as agencies
from ...domain import agency_keys, webhook
from ...domain.agency_keys import KeyRegistered, KeyRetired, ResealingApproved
from ...domain.agency_state import Agency
from ...domain.disclosure import Followed, Told
from ...domain.erasure import DeletionAsked
from ..store.following import Follower
from ..webhooks import rows as webhook_rows

log = logging.getLogger(__name__)

LEASE_SECONDS = 3.0
STANDBY_SECONDS = 0.5
LOOK_SECONDS = 1.0
CHANNEL = "told"
NOTIFICATION_BYTES = 7000


class _Row(NamedTuple):
    n: int
    agency: str
    sequence: int
    case_sequence: int
    at_position: int
    position: int
    stream: UUID
    case: UUID
    compartments: int
    key_id: str
    told_at: object
    id: UUID


class Deposed(Exception):
    """Another keeper went on meanwhile."""


class Register:
    """Keeps the register. Belongs to one thread, and to one connection of its own."""

    def __init__(self, source: Follower, conninfo: str) -> None:
        self._source = source
        self._conninfo = conninfo
        self._id = uuid4()
        self._sequences: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self._n = 0

    def run(self, stop: Event) -> None:
        """Keep the register until told to stop; wait while another does. Raises what broke the connection."""
        with psycopg.connect(self._conninfo, autocommit=True) as db:
            db.execute(HALTED)
            while not stop.is_set():
                if not self._hold(db):
                    stop.wait(STANDBY_SECONDS)
                    continue
                try:
                    self._keep(db, stop)
                except Deposed:
                    log.info("another keeps the register")
            db.execute("UPDATE delivery.reached SET until = now() WHERE keeper = %s", (self._id,))

    def _keep(self, db: Connection[TupleRow], stop: Event) -> None:
        reached = self._load(db)
        for batch in self._source.follow(reached, stop, LOOK_SECONDS):
            if batch or self._source.passed > reached:
                now = max(self._source.passed, reached)
                self._take(db, batch, reached, now)
                reached = now
            elif not self._hold(db):
                raise Deposed

    def _hold(self, db: Connection[TupleRow]) -> bool:
        """Keep the lease, or take it where it is free."""
        return bool(db.execute(_HOLD, {"id": self._id, "seconds": LEASE_SECONDS}).rowcount)

    def _load(self, db: Connection[TupleRow]) -> int:
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # as it was after one commit
            self._keys = dict(db.execute("SELECT agency, key_id FROM delivery.sealing_keys").fetchall())
            self._sequences = dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())
            found = db.execute("SELECT position, (SELECT coalesce(max(n), 0) FROM delivery.told) FROM delivery.reached")
            reached, self._n = found.fetchone() or (0, 0)
        return int(reached)

    def _take(self, db: Connection[TupleRow], batch: Sequence[Followed], before: int, reached: int) -> None:
        """Write down what these events let agencies know. Whatever fails, the next keeper starts where the last
        commit ended. Raises Deposed."""
        cases = {_case_of(told) for followed in batch for told in followed.tell}
        counts: dict[tuple[UUID, str], int] = {}
        if cases:
            found = db.execute(
                "SELECT case_id, agency, max(case_sequence) FROM delivery.told WHERE case_id = ANY(%s)"
                " GROUP BY case_id, agency",
                (list(cases),),
            )
            counts = {(case, agency): count for case, agency, count in found}
        rows: list[_Row] = []
        changed: dict[str, str | None] = {}
        resealings: list[tuple[int, str, list[str], int]] = []
        of_webhooks: list[Followed] = []
        for followed in batch:
            match followed.written.event:
                case agencies.AgencyRegistered() | KeyRegistered() | KeyRetired():
                    changed |= self._key_after(followed)
                case ResealingApproved():
                    resealings += self._resealing(followed)
                case event if isinstance(event, webhook.EVENTS):
                    of_webhooks.append(followed)
            rows += (self._row(told, followed, counts) for told in followed.tell)
        with db.transaction():
            params = {"id": self._id, "seconds": LEASE_SECONDS, "before": before, "reached": reached}
            if not db.execute(_REACHED, params).rowcount:
                raise Deposed
            heads = {row.agency: row.sequence for row in rows}
            if rows:
                db.cursor(binary=True).execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
                db.execute(_HEADS, (list(heads), list(heads.values())))
            for agency, key in changed.items():
                db.execute("DELETE FROM delivery.sealing_keys WHERE agency = %s", (agency,))
                if key is not None:
                    db.execute("INSERT INTO delivery.sealing_keys VALUES (%s, %s)", (agency, key))
            for followed in of_webhooks:
                self._webhook(db, followed)
            if resealings:
                db.cursor().executemany(_RESEAL, resealings)
            if rows or resealings:
                told = [*heads, *(agency for _, agency, _, _ in resealings)]
                db.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _named(told)))

    def _row(self, told: Told, followed: Followed, counts: dict[tuple[UUID, str], int]) -> _Row:
        case = _case_of(told)
        self._n += 1
        sequence = self._sequences[told.agency] = self._sequences.get(told.agency, 0) + 1
        count = counts[case, told.agency] = counts.get((case, told.agency), 0) + 1
        return _Row(
            self._n,
            told.agency,
            sequence,
            count,
            followed.written.position,
            told.of.position,
            told.of.stream,
            case,
            sum(1 << c for c in told.compartments),
            self._keys.get(told.agency, ""),
            followed.written.at,
            told.id,
        )

    def _webhook(self, db: Connection[TupleRow], followed: Followed) -> None:
        """The webhook goes on as this event of the agency's stream says."""
        agency, written = self._agency_after(followed), followed.written
        if agency is not None:
            webhook_rows.follow(db, agency.code, written.event, written.version, written.at)

    def _agency_after(self, followed: Followed) -> Agency | None:
        """The agency after this event of its stream."""
        written = followed.written
        return agencies.fold(o.event for o in self._source.store.read(written.stream, upto=written.version))

    def _key_after(self, followed: Followed) -> dict[str, str | None]:
        """The agency's key after this event of its stream."""
        agency = self._agency_after(followed)
        if agency is None:
            return {}
        key = agency.sealing_key
        if key is None:
            self._keys.pop(agency.code, None)
            return {agency.code: None}
        self._keys[agency.code] = key[0]
        return {agency.code: key[0]}

    def _resealing(self, followed: Followed) -> list[tuple[int, str, list[str], int]]:
        """The history that an approved re-sealing has published again: all that was told so far under keys whose
        successor it changed."""
        written = followed.written
        events = [o.event for o in self._source.store.read(written.stream, upto=written.version)]
        before, after = agencies.fold(events[:-1]), agencies.fold(events)
        if before is None or after is None or not self._sequences.get(after.code):
            return []
        return [(written.position, after.code, sorted(agency_keys.moved(before, after)), self._sequences[after.code])]


def _named(agencies: Iterable[str]) -> str:
    """Who was told something, for those that wait; nothing, which wakes all, where a notification has no room."""
    names = " ".join(agencies)
    return names if len(names) <= NOTIFICATION_BYTES else ""


def _case_of(told: Told) -> UUID:
    event = told.of.event
    return event.case if isinstance(event, DeletionAsked) else told.of.stream


_INSERT = """
    INSERT INTO delivery.told (n, agency, sequence, case_sequence, at_position, position, stream, case_id, compartments,
      key_id, told_at, id)
    SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::uuid[], %b::uuid[],
      %b::int4[], %b::text[], %b::timestamptz[], %b::uuid[])
"""
_HEADS = (
    "INSERT INTO delivery.heads (agency, sequence) SELECT * FROM unnest(%s::text[], %s::bigint[])"
    " ON CONFLICT (agency) DO UPDATE SET sequence = excluded.sequence"
)
_RESEAL = "INSERT INTO delivery.resealings (position, agency, keys, upto) VALUES (%s, %s, %s, %s)"
HALTED = "SET idle_in_transaction_session_timeout = '3s'"
"""The server ends the transaction of a process that was halted in the middle of it: others wait for its locks."""
_HOLD = """
    UPDATE delivery.reached SET keeper = %(id)s, until = now() + %(seconds)s * interval '1 second'
    WHERE keeper IS NULL OR keeper = %(id)s OR until < now()
"""
_REACHED = """
    UPDATE delivery.reached SET keeper = %(id)s, until = now() + %(seconds)s * interval '1 second',
      position = %(reached)s WHERE position = %(before)s
"""
