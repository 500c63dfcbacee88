"""The register of what was told to whom: `delivery.told`, one row for each telling.

Who may learn what of an event, the domain's rule says (domain/disclosure.py), once, when the event is first followed.
The register keeps the answer for ever, with the version of the rule that gave it, numbered: 1, 2, 3 … for each agency.
That number is the cursor of every transport. Nobody works it out anew: of an erased case nothing can be folded any
more, and a later version of the rule may answer otherwise; but an agency that holds number 7 must find number 8 behind
it, and what lies at an agency lies there by what was told. So the rule itself goes on from what is on record here, and
so do all who follow behind (facts.py): read models, recall, erasure, looks back.

Beside it stands what had to be deleted again (`recalled`), who is still to be asked for that (`deletions`), when
consents run out (`expiries`), and whose stream is set aside as it is damaged (`damaged`): it is followed no further, a
number is kept free for each agency that took part (`gaps`), and everybody else's goes on. Once it is repaired and
`rujukan damaged --again` asks for it, what was left out is told, under numbers of its own.

One keeper works at a time: a lease, so that one that was halted holds up nobody. Rows and position commit together, and
only where the position is still the one that the keeper started from, so the effect is exactly once, also where two
meet.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from threading import Event
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain import agency as agencies
from ...domain import agency_keys, webhook
from ...domain.agency_keys import KeyRegistered, KeyRetired, ResealingApproved
from ...domain.agency_state import Agency
from ...domain.case.consents import ENDS, ConsentExpired, ConsentNarrowed, ConsentWithdrawn, Scope
from ...domain.casefile.state import compartments_named
from ...domain.catalogue import topic_of
from ...domain.compartment import Compartment
from ...domain.disclosure import RULE, Followed, Remembered, Told, delivery_id
from ...domain.erasure import DeletionAsked, ErasureRecorded
from ..database import connect
from ..lease import HALTED, Lease
from ..store import following, forked
from ..store.data_keys import KeyGone
from ..store.event_store import Damage, EventStore, Opened
from ..store.following import AWAY, Follower, Learning
from ..store.forked import Check, Forked
from ..system_act import SYSTEM_AGENCY
from ..unforeseen import where
from ..webhooks import rows as webhook_rows
from . import facts
from .facts import bits, from_bits

log = logging.getLogger(__name__)

WORK = "register"
"""The lease under which it is kept."""
STANDBY_SECONDS = 0.5
LOOK_SECONDS = 1.0
CHANNEL = "told"
NOTIFICATION_BYTES = 7000
OF_CONSENTS = (
    "case.ConsentGiven",
    "case.ConsentOverridden",
    "case.ConsentNarrowed",
    "case.ConsentWithdrawn",
    "case.ConsentExpired",
)
"""Topics that say when a consent runs out, or that it is over."""


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
    told_at: datetime
    id: UUID
    rule: str


class Deposed(Exception):
    """Another keeper went on meanwhile."""


class _Written(NamedTuple):
    """What a batch adds to the register."""

    rows: list[_Row]
    keys: dict[str, str | None]
    resealings: list[tuple[int, str, list[str], int]]
    of_webhooks: list[tuple[Followed, str]]
    """With the agency's code."""
    recalled: list[tuple[str, int, int, UUID, int, int, datetime]]
    deletions: list[tuple[int, str, UUID, int, int]]
    erased: list[tuple[int, ErasureRecorded]]
    expiries: dict[tuple[UUID, UUID], datetime | None]
    """(case, consent) → when it runs out; None where that is no matter any more."""
    gaps: list[tuple[str, int, int, UUID, str]]

    @classmethod
    def nothing(cls) -> "_Written":
        return cls([], {}, [], [], [], [], [], {}, [])


class Register:
    """Keeps the register. Belongs to one thread, and to one connection of its own."""

    def __init__(
        self,
        store: EventStore,
        conninfo: str,
        most_bytes: int = following.CASE_BYTES,
        check: Check = forked.check_marks,
    ) -> None:
        """`most_bytes` is the memory for cases; `check` is asked about each new connection before anything is told."""
        self._store = store
        self._check = check
        self._most_bytes = most_bytes
        self._conninfo = conninfo
        self._lease = Lease(WORK)
        self._sequences: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self._n = 0
        self._at = -1
        """The position at which what is known here of cases stands."""
        self._damage: list[Damage] = []
        self._learning = Learning(store, self._recorded, most_bytes)
        self._source = Follower(store, self._learning, self._damage.append)
        self._db: Connection[TupleRow] | None = None
        self._again_at = 0.0
        """When it is worth to ask for the lease again."""

    def run(self, stop: Event) -> None:
        """Keep the register until told to stop; wait while another does. Raises Forked, and what broke the
        connection."""
        with closing(self._connect()) as db:
            while not stop.is_set():
                if not self._hold(db):
                    stop.wait(STANDBY_SECONDS)
                    continue
                try:
                    self._keep(db, stop)
                except Deposed:
                    log.info("another keeps the register")
            self._release(db)

    def keep_up(self) -> None:
        """Follow the log to its end where nobody else keeps the register now; for who needs it kept, and is not its
        keeper. Nobody is told anything where the history forked. Raises what broke the connection."""
        if time.monotonic() < self._again_at:
            return
        try:
            if self._db is None or self._db.closed:
                self._db = self._connect()
            if not self._hold(self._db):
                self._again_at = time.monotonic() + STANDBY_SECONDS
                return
        except Forked:
            self._again_at = time.monotonic() + STANDBY_SECONDS
            return
        try:
            reached = self._load(self._db)
            while found := self._store.recorder.select_notifications(reached, following.PAGE, inclusive_of_start=False):
                now = found[-1].id
                self._take(self._db, self._source.take(found), reached, now)
                reached = now
            self._take_up(self._db, reached)
        except (Deposed, Forked) as why:
            log.info("another keeps the register, or nobody may: %s", type(why).__name__)
        finally:
            if not self._db.closed and not self._db.broken:
                self._release(self._db)

    def close(self) -> None:
        """Ends it: nothing holds what it knows of the cases."""
        self._learning.close()
        if self._db is not None:
            self._db.close()

    def _connect(self) -> Connection[TupleRow]:
        db = connect(self._conninfo)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        db.execute(HALTED)
        return db

    def _keep(self, db: Connection[TupleRow], stop: Event) -> None:
        reached, looked = self._load(db), 0.0
        for batch in self._source.follow(reached, stop, LOOK_SECONDS):
            if batch or self._source.passed > reached:
                now = max(self._source.passed, reached)
                self._take(db, batch, reached, now)
                reached = now
            elif not self._lease.keeps(db):
                raise Deposed  # also where another had it meanwhile, and gave it back
            if time.monotonic() - looked >= LOOK_SECONDS:
                self._take_up(db, reached)
                looked = time.monotonic()

    def _hold(self, db: Connection[TupleRow]) -> bool:
        """Keep the lease, or take it where it is free."""
        return bool(self._lease.hold(db))

    def _release(self, db: Connection[TupleRow]) -> None:
        self._lease.give_back(db)

    def _load(self, db: Connection[TupleRow]) -> int:
        with db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # as it was after one commit
            self._keys = dict(db.execute("SELECT agency, key_id FROM delivery.sealing_keys").fetchall())
            self._sequences = dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())
            row = db.execute(
                "SELECT position, (SELECT coalesce(max(n), 0) FROM delivery.told), expiries_known FROM delivery.reached"
            ).fetchone()
            reached, self._n, expiries_known = row or (0, 0, True)
            aside: dict[UUID, int] = dict(db.execute(_LEFT_OUT).fetchall())
        if reached != self._at:  # another went on meanwhile: what is known here of cases may be behind
            self._learning.close()
            self._learning = Learning(self._store, self._recorded, self._most_bytes)
        self._source = Follower(self._store, self._learning, self._damage.append, aside)
        self._at = reached
        if not expiries_known:
            self._find_recalled(db, reached)
            self._find_expiries(db, reached)
        return int(reached)

    def _recorded(self, case: UUID) -> Iterable[Remembered]:
        with self._store.pool.connection() as db:
            return facts.of_case(db, case)

    def _take(
        self,
        db: Connection[TupleRow],
        batch: Sequence[Followed],
        before: int,
        reached: int,
        *,
        again: UUID | None = None,
    ) -> None:
        """Write down what these events let agencies know, and what they have to delete. Whatever fails, the next keeper
        starts where the last commit ended. `again`: they are of a stream that was set aside, and some of it may be on
        record. Raises Deposed."""
        self._at = -1  # until it is committed, what is known here is ahead of what is on record
        new = self._worked_out(db, batch, again)
        damage, self._damage[:] = list(self._damage), []
        for problem in damage:
            log.error("set aside: a record of a stream, at position %d: %s", problem.position, problem.why)
            self._keep_numbers(db, problem, new)
        with forked.refused(), db.transaction():
            self._move(db, before, reached)
            self._write(db, new, damage)
            if again is not None:
                db.execute(_REPAIRED, (again,))
                self._tell_again(db, again)
            db.execute("SELECT pg_notify(%s, '')", (facts.FOLLOWED,))
        self._at = reached
        self._learning.settle()

    def _move(self, db: Connection[TupleRow], before: int, reached: int) -> None:
        """First in a transaction that writes. Raises Deposed where another keeps the register, or went on meanwhile."""
        if not self._lease.keeps(db) or not db.execute(_REACHED, (reached, before)).rowcount:
            raise Deposed

    def _worked_out(self, db: Connection[TupleRow], batch: Sequence[Followed], again: UUID | None) -> _Written:
        new = _Written.nothing()
        cases = {case_of(told) for followed in batch for told in followed.tell}
        counts = _counts(db, cases)
        known = _on_record(db, again) if again is not None else frozenset()
        for followed in batch:
            written = followed.written
            try:
                match written.event:
                    case agencies.AgencyRegistered() | KeyRegistered() | KeyRetired():
                        new.keys.update(self._key_after(followed))
                    case ResealingApproved():
                        new.resealings.extend(self._resealing(followed))
                    case ErasureRecorded() as erased:
                        new.erased.append((written.position, erased))
                    case event if isinstance(event, webhook.EVENTS):
                        if (whose := self._agency_after(followed)) is not None:
                            new.of_webhooks.append((followed, whose.code))
                    case event:
                        new.expiries.update(_expiry(written.stream, event))
            except AWAY:
                raise
            except Exception as problem:  # the agency's own stream does not open
                at = written.position, written.stream, written.version, written.topic
                self._damage.append(Damage(*at, where(problem)))
                continue
            new.rows.extend(
                self._row(told, followed, counts) for told in followed.tell if _names(followed, told) not in known
            )
            lost: dict[str, frozenset[Compartment]] = {}
            for recall in followed.recall:
                of = recall.agency, recall.of.position, written.position, written.stream
                new.recalled.append((*of, bits(recall.compartments), self._n, written.at))
                lost[recall.agency] = lost.get(recall.agency, frozenset()) | recall.compartments
            for agency, compartments in lost.items():
                asked = bits(compartments - {Compartment.COORDINATION})
                new.deletions.append((written.position, agency, written.stream, written.version, asked))
        return new

    def _keep_numbers(self, db: Connection[TupleRow], damage: Damage, new: _Written) -> None:
        """Each agency that was told of the case has a number kept free: there it learns that something is missing."""
        told = {row.agency for row in new.rows if row.case == damage.stream}
        rows = db.execute(
            "SELECT DISTINCT agency FROM delivery.told WHERE case_id = %(of)s AND stream = %(of)s",
            {"of": damage.stream},
        ).fetchall()
        counts = _counts(db, {damage.stream})
        for row in new.rows:
            if row.case == damage.stream:
                counts[row.case, row.agency] = row.case_sequence
        for agency in sorted(told | {agency for (agency,) in rows}):
            about = agency, damage.position, damage.position, damage.stream, damage.stream, frozenset[Compartment]()
            row = self._numbered(*about, datetime.now().astimezone(), delivery_id(agency, damage.position, ()), counts)
            new.rows.append(row)
            new.gaps.append((agency, row.sequence, row.position, row.stream, damage.why))

    def _write(self, db: Connection[TupleRow], new: _Written, damage: Sequence[Damage]) -> None:
        heads = {row.agency: row.sequence for row in new.rows}
        many = db.cursor(binary=True)
        if new.rows:
            many.execute(_INSERT, [list(column) for column in zip(*new.rows, strict=True)])
            db.execute(_HEADS, (list(heads), list(heads.values())))
        for agency, key in new.keys.items():
            db.execute("DELETE FROM delivery.sealing_keys WHERE agency = %s", (agency,))
            if key is not None:
                db.execute("INSERT INTO delivery.sealing_keys VALUES (%s, %s)", (agency, key))
        for followed, code in new.of_webhooks:
            of = followed.written
            webhook_rows.follow(db, code, of.event, of.version, of.position, of.at)
        cursor = db.cursor()
        cursor.executemany(_RESEAL, new.resealings)
        cursor.executemany(_RECALLED, new.recalled)
        cursor.executemany(_DELETION, new.deletions)
        cursor.executemany(_GAP, new.gaps)
        for (case, consent), at in new.expiries.items():
            db.execute("DELETE FROM delivery.expiries WHERE case_id = %s AND consent = %s", (case, consent))
            if at is not None:
                db.execute("INSERT INTO delivery.expiries VALUES (%s, %s, %s)", (case, consent, at))
        for position, erased in new.erased:
            gone = compartments_named(erased.compartments)
            about = {"at": position, "stream": erased.case, "version": erased.version, "gone": bits(gone)}
            db.execute(_ERASED, about | {"system": SYSTEM_AGENCY})
            if Compartment.COORDINATION in gone:  # nothing of it runs out, or is to be told, any more
                for statement in _ERASED_WHOLE:
                    db.execute(statement, (erased.case,))
        facts.set_aside(db, damage, by_register=True)
        if new.rows or new.resealings:
            told = [*heads, *(agency for _, agency, _, _ in new.resealings)]
            db.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _named(told)))

    def _take_up(self, db: Connection[TupleRow], reached: int) -> None:
        """Follow streams that were set aside, where somebody says that they are repaired, up to where the others are;
        and tell anew what stands at numbers that could not be opened, or waited too long. Raises Deposed."""
        for stream, left_from in db.execute(_ASKED).fetchall():
            log.info("a stream that was set aside is taken up again")
            try:
                batch = self._left_out(stream, left_from, reached)
                self._source.aside.pop(stream, None)
                self._learning.forget(stream)
                self._take(db, batch, reached, reached, again=stream)
            except (*AWAY, Deposed):
                raise
            except Exception as problem:
                said = (where(problem), stream)
                db.execute("UPDATE delivery.damaged SET asked_at = NULL, why = %s WHERE stream = %s", said)
                raise Deposed from None  # what was worked out of it is not on record: it begins from that again
        late = db.execute(_LATE, (facts.LATE,)).fetchall()
        if late:
            with db.transaction():
                self._move(db, reached, reached)
                for (stream,) in late:
                    self._tell_again(db, stream)

    def _left_out(self, stream: UUID, left_from: int | None, reached: int) -> list[Followed]:
        """What of the stream was left out, worked out as it would have been; nothing of one that was erased. Raises
        what is still wrong."""
        with self._store.pool.connection() as db:
            missing = db.execute(_MISSING, (stream,)).fetchall()
        try:
            self._store.open_at({position: from_bits(compartments) for *_, position, compartments, _, _ in missing})
            opened = [o for o in self._store.read(stream) if o.position <= reached]
        except KeyGone:
            if Compartment.COORDINATION in self._store.keys.erased(stream):
                return []
            raise
        later = [o for o in opened if left_from is not None and o.version >= left_from]
        if not later:
            return []
        with self._store.pool.connection() as db:
            before = facts.of_case(db, stream, later[0].position)
        learning = Learning(self._store, lambda _: before)
        try:
            return [learning.follow(o) for o in later]
        finally:
            learning.close()

    def _tell_again(self, db: Connection[TupleRow], stream: UUID) -> None:
        """Tell what could not be opened when its turn came, as far as it need not be deleted since, under numbers of
        its own. Within a transaction."""
        rows: list[_Row] = []
        counts = _counts(db, {stream})
        found = db.execute(_MISSING, (stream,)).fetchall()
        for agency, sequence, at_position, position, compartments, case, told_at in found:
            if compartments:
                id = delivery_id(agency, position, from_bits(compartments), again=sequence)
                about = agency, at_position, position, stream, case, from_bits(compartments)
                rows.append(self._numbered(*about, told_at, id, counts))
        self._write(db, _Written.nothing()._replace(rows=rows), ())
        db.cursor().executemany(_TOLD_AGAIN, [(agency, sequence) for agency, sequence, *_ in found])

    def _find_recalled(self, db: Connection[TupleRow], reached: int) -> None:
        """What had to be deleted before that was kept here: by the one rule that there was then. A case that does not
        open is set aside: what is to be deleted of it nobody knows. Raises Deposed."""
        cases: dict[UUID, Damage | None] = {}
        for found in self._all_of([topic_of(event) for event in ENDS], reached, db):
            cases.setdefault(found.stream, found if isinstance(found, Damage) else None)
        for case, damage in cases.items():
            learning = Learning(self._store, lambda _: ())
            try:
                last = None
                for last in self._store.read(case):
                    if last.position <= reached:
                        followed = learning.follow(last)
                        for recall in followed.recall:
                            at = followed.written
                            of = recall.agency, recall.of.position, at.position, case, bits(recall.compartments)
                            db.execute(_RECALLED_BEFORE, (*of, at.position, at.at))
            except AWAY:
                raise
            except KeyGone as gone:
                if Compartment.COORDINATION not in self._store.keys.erased(case):
                    self._set_aside(db, case, damage, gone)
            except Exception as problem:
                self._set_aside(db, case, damage, problem)
            finally:
                learning.close()
            self._still(db)

    def _set_aside(self, db: Connection[TupleRow], case: UUID, damage: Damage | None, problem: Exception) -> None:
        if damage is None:
            row = db.execute(
                "SELECT notification_id, originator_version, topic FROM log.stored_events WHERE originator_id = %s"
                " ORDER BY originator_version LIMIT 1",
                (case,),
            ).fetchone()
            position, version, topic = row or (0, 1, "")
            damage = Damage(position, case, version, topic, where(problem))
        log.error("set aside: a record of a stream, at position %d: %s", damage.position, damage.why)
        facts.set_aside(db, [damage])

    def _find_expiries(self, db: Connection[TupleRow], reached: int) -> None:
        """When consents run out that were given before that was kept here. Raises Deposed."""
        found: dict[tuple[UUID, UUID], datetime | None] = {}
        for opened in self._all_of(OF_CONSENTS, reached, db):
            if not isinstance(opened, Damage):
                found |= _expiry(opened.stream, opened.event)
        with db.transaction():
            for (case, consent), at in found.items():
                if at is not None:
                    db.execute(
                        "INSERT INTO delivery.expiries SELECT %(case)s, %(consent)s, %(at)s"
                        " WHERE NOT EXISTS (SELECT FROM log.erased_keys WHERE stream = %(case)s AND compartment = 0)"
                        " ON CONFLICT DO NOTHING",
                        {"case": case, "consent": consent, "at": at},
                    )
            db.execute("UPDATE delivery.reached SET expiries_known = true")

    def _all_of(self, topics: Sequence[str], reached: int, db: Connection[TupleRow]) -> Iterator[Opened | Damage]:
        """The events of these topics up to a position, page by page, with the lease kept. Raises Deposed."""
        position = 0
        while page := self._store.recorder.select_notifications(
            position, following.PAGE, reached, topics, inclusive_of_start=False
        ):
            position = page[-1].id
            yield from self._store.open_each(page)
            self._still(db)

    def _still(self, db: Connection[TupleRow]) -> None:
        if not self._lease.keeps(db):
            raise Deposed

    def _row(self, told: Told, followed: Followed, counts: dict[tuple[UUID, str], int]) -> _Row:
        at, of = followed.written, told.of
        about = told.agency, at.position, of.position, of.stream, case_of(told), told.compartments
        return self._numbered(*about, at.at, told.id, counts)

    def _numbered(
        self,
        agency: str,
        at_position: int,
        position: int,
        stream: UUID,
        case: UUID,
        compartments: frozenset[Compartment],
        told_at: datetime,
        id: UUID,
        counts: dict[tuple[UUID, str], int],
    ) -> _Row:
        self._n += 1
        sequence = self._sequences[agency] = self._sequences.get(agency, 0) + 1
        count = counts[case, agency] = counts.get((case, agency), 0) + 1
        key = self._keys.get(agency, "")
        at = at_position, position, stream, case, bits(compartments)
        return _Row(self._n, agency, sequence, count, *at, key, told_at, id, RULE)

    def _agency_after(self, followed: Followed) -> Agency | None:
        """The agency after this event of its stream."""
        written = followed.written
        return agencies.fold(o.event for o in self._store.read(written.stream, upto=written.version))

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
        events = [o.event for o in self._store.read(written.stream, upto=written.version)]
        before, after = agencies.fold(events[:-1]), agencies.fold(events)
        if before is None or after is None or not self._sequences.get(after.code):
            return []
        return [(written.position, after.code, sorted(agency_keys.moved(before, after)), self._sequences[after.code])]


def _named(agencies: Iterable[str]) -> str:
    """Who was told something, for those that wait; nothing, which wakes all, where a notification has no room."""
    names = " ".join(agencies)
    return names if len(names) <= NOTIFICATION_BYTES else ""


def case_of(told: Told) -> UUID:
    """The case of what is told: that of which copies are to be deleted, for a request to delete them."""
    event = told.of.event
    return event.case if isinstance(event, DeletionAsked) else told.of.stream


def _counts(db: Connection[TupleRow], cases: Iterable[UUID]) -> dict[tuple[UUID, str], int]:
    """(case, agency) → how much the agency was told of it."""
    cases = list(cases)
    if not cases:
        return {}
    found = db.execute(
        "SELECT case_id, agency, max(case_sequence) FROM delivery.told WHERE case_id = ANY(%s)"
        " GROUP BY case_id, agency",
        (cases,),
    )
    return {(case, agency): count for case, agency, count in found}


def _names(followed: Followed, told: Told) -> tuple[str, int, int, int]:
    """What tells one telling of a stream from another."""
    return told.agency, followed.written.position, told.of.position, bits(told.compartments)


def _on_record(db: Connection[TupleRow], stream: UUID) -> frozenset[tuple[str, int, int, int]]:
    """What is on record of a stream, as `_names` names it."""
    rows = db.execute(
        "SELECT agency, at_position, position, compartments FROM delivery.told WHERE stream = %s", (stream,)
    )
    return frozenset((agency, at, position, compartments) for agency, at, position, compartments in rows)


def _expiry(case: UUID, event: object) -> dict[tuple[UUID, UUID], datetime | None]:
    """When the consent runs out that the event is about."""
    if isinstance(event, ConsentWithdrawn | ConsentExpired):
        return {(case, event.consent): None}
    if isinstance(event, Scope) and (event.expires_at is not None or isinstance(event, ConsentNarrowed)):
        return {(case, event.consent): event.expires_at}
    return {}


_INSERT = """
    INSERT INTO delivery.told (n, agency, sequence, case_sequence, at_position, position, stream, case_id, compartments,
      key_id, told_at, id, rule)
    SELECT * FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::uuid[], %b::uuid[],
      %b::int4[], %b::text[], %b::timestamptz[], %b::uuid[], %b::text[])
"""
_HEADS = (
    "INSERT INTO delivery.heads (agency, sequence) SELECT * FROM unnest(%s::text[], %s::bigint[])"
    " ON CONFLICT (agency) DO UPDATE SET sequence = excluded.sequence"
)
_RESEAL = (
    "INSERT INTO delivery.resealings (position, agency, keys, upto) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_RECALLED = (
    "INSERT INTO delivery.recalled (agency, position, at_position, case_id, compartments, upto, recalled_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_RECALLED_BEFORE = (
    "INSERT INTO delivery.recalled (agency, position, at_position, case_id, compartments, upto, recalled_at) VALUES"
    " (%s, %s, %s, %s, %s, (SELECT coalesce(max(n), 0) FROM delivery.told WHERE at_position <= %s), %s)"
    " ON CONFLICT DO NOTHING"
)
_DELETION = (
    "INSERT INTO delivery.deletions (at_position, agency, stream, version, compartments) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_GAP = (
    "INSERT INTO delivery.gaps (agency, sequence, position, stream, why) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_ERASED = """
    INSERT INTO delivery.deletions (at_position, agency, stream, version, compartments)
    SELECT %(at)s, agency, %(stream)s, %(version)s, %(gone)s FROM delivery.told
      WHERE stream = %(stream)s AND case_id = %(stream)s AND compartments & %(gone)s <> 0 AND agency <> %(system)s
      GROUP BY agency
    ON CONFLICT DO NOTHING
"""
_ERASED_WHOLE = (
    "DELETE FROM delivery.expiries WHERE case_id = %s",
    "UPDATE delivery.gaps SET told_again = 0 WHERE stream = %s AND told_again IS NULL",
    "UPDATE delivery.damaged SET repaired_at = clock_timestamp() WHERE stream = %s AND repaired_at IS NULL",
)
_LEFT_OUT = "SELECT stream, left_from FROM delivery.damaged WHERE repaired_at IS NULL AND left_from IS NOT NULL"
_ASKED = (
    "SELECT stream, left_from FROM delivery.damaged WHERE asked_at IS NOT NULL AND repaired_at IS NULL ORDER BY since"
)
_REPAIRED = (
    "UPDATE delivery.damaged SET repaired_at = clock_timestamp(), asked_at = NULL, views_behind = true,"
    " left_from = NULL WHERE stream = %s"
)
_TOLD_AGAIN = """
    UPDATE delivery.gaps g SET told_again = (SELECT h.sequence FROM delivery.heads h WHERE h.agency = g.agency)
    WHERE agency = %s AND sequence = %s
"""
_LATE = """
    SELECT DISTINCT g.stream FROM delivery.gaps g WHERE g.told_again IS NULL AND g.why = %s
      AND NOT EXISTS (SELECT FROM delivery.damaged d WHERE d.stream = g.stream AND d.repaired_at IS NULL)
      AND NOT EXISTS (SELECT FROM delivery.expiries e WHERE e.case_id = g.stream AND e.expires_at <= now())
"""
_MISSING = """
    SELECT t.agency, t.sequence, t.at_position, t.position, t.compartments & ~coalesce((SELECT bit_or(r.compartments)
        FROM delivery.recalled r WHERE r.agency = t.agency AND r.position = t.position AND r.upto >= t.n), 0),
      t.case_id, t.told_at
    FROM delivery.gaps g JOIN delivery.told t ON t.agency = g.agency AND t.sequence = g.sequence
    WHERE g.stream = %s AND g.told_again IS NULL ORDER BY t.n
"""
_REACHED = "UPDATE delivery.reached SET position = %s WHERE position = %s"
