"""What the log says of the register of what was sent, and what of the register fits to that.

Every few seconds whoever works puts on record, in a stream for each agency, what is new of its rows: from which number
to which, and for each case how many and their hash (`delivery.SendingsRecorded`). So the register can be asked, and no
row of a case that is changed, gone or added passes: the newest alone are vouched for by their MAC only, until the log
has them. Of which case an entry is only who asks for the case can tell.
"""

import logging
from array import array
from collections.abc import Sequence
from itertools import groupby
from threading import Event, Lock
from typing import NamedTuple
from uuid import UUID, uuid4

from ...consumers.evidence.sendings import digest_of, pseudonym
from ...domain.catalogue import topic_of
from ...domain.fact import AgencyCode
from ...domain.sending import OfCase, SendingsRecorded, Sent, SentOfCase, sendings_stream
from ..database import AWAY, Pool, acting_for
from ..store.event_store import Conflict, EventStore, Opened, Stream
from ..store.indexed import LogIndex
from ..system_act import system_act
from .rows import from_bits
from .sent import UNKNOWN, Row, Sendings, rows_behind, rows_of

log = logging.getLogger(__name__)

TOPIC = topic_of(SendingsRecorded)
LOOK_SECONDS = 10.0
MOST = 5_000
"""Rows that one event of the log vouches for, at most; and that are looked at where none does yet."""


class Entry(NamedTuple):
    """What the log says of a case's rows."""

    opened: Opened
    said: SendingsRecorded
    of: OfCase


class Known(NamedTuple):
    """All that the log says of an agency's rows and a case: the entries, up to which number it vouches, the numbers
    for which no whole row was there any more, and positions of what does not open."""

    entries: Sequence[Entry]
    upto: int
    lost: Sequence[int]
    unread: Sequence[int]


class Vouched:
    """What the log says of the register. Safe to share between threads."""

    def __init__(self, store: EventStore) -> None:
        self._lock = Lock()
        self._index = LogIndex(store, [TOPIC], self._forget, self._take)

    def _forget(self) -> None:
        self._of: dict[bytes, array[int]] = {}
        """A case's pseudonym for an agency → the positions of what vouches for rows of it."""
        self._upto: dict[AgencyCode, int] = {}
        self._lost: dict[AgencyCode, array[int]] = {}

    def _take(self, opened: Opened) -> None:
        said = opened.event
        assert isinstance(said, SendingsRecorded)
        self._upto[said.agency] = max(said.upto, self._upto.get(said.agency, 0))
        if said.gone:
            self._lost.setdefault(said.agency, array("Q")).extend(said.gone)
        for of in said.sendings:
            self._of.setdefault(bytes.fromhex(of.case), array("Q")).append(opened.position)

    def of_case(self, agency: AgencyCode, case: UUID) -> Known:
        """What it says of an agency and a case."""
        name = pseudonym(agency, case)
        with self._lock:
            damage = self._index.catch_up()
            positions = list(self._of.get(bytes.fromhex(name), ()))
            upto, lost = self._upto.get(agency, 0), list(self._lost.get(agency, ()))
        found, gone = self._index.opened(positions, lambda opened: _names(opened, agency, name))
        entries = [
            Entry(opened, said, of)
            for opened in found
            if isinstance(said := opened.event, SendingsRecorded)
            for of in said.sendings
            if of.case == name
        ]
        stream = sendings_stream(agency)
        unread = {d.position for d in damage if d.stream == stream} | {d.position for d in gone}
        return Known(entries, upto, lost, sorted(unread))

    def agencies_of(self, case: UUID) -> set[AgencyCode]:
        """The agencies of which it says that something of the case was sent to them."""
        with self._lock:
            self._index.catch_up()
            return {agency for agency in self._upto if bytes.fromhex(pseudonym(agency, case)) in self._of}

    def reached(self, agency: AgencyCode) -> tuple[int, int]:
        """(version of the agency's stream, the number up to which the log vouches)."""
        with self._lock:
            self._index.catch_up()
            return self._index.versions.get(sendings_stream(agency), 0), self._upto.get(agency, 0)


def _names(opened: Opened, agency: AgencyCode, case: str) -> bool:
    said = opened.event
    return (
        isinstance(said, SendingsRecorded)
        and opened.stream == sendings_stream(said.agency)
        and said.agency == agency
        and any(of.case == case for of in said.sendings)
    )


class Found(NamedTuple):
    """What of the register fits, as rows, with what vouches for each part; and what does not."""

    rows: Sequence[Row]
    entries: Sequence[Entry]
    """Those whose rows are all there, as they were."""
    upto: int
    """Up to this number the log vouches."""
    changed: Sequence[int]
    missing: int
    elsewhere: int
    unread: Sequence[int]

    @property
    def told(self) -> SentOfCase:
        """The same, for who looks back."""
        sent = [
            Sent(
                row.number,
                row.sequence,
                row.sent_at,
                row.transport,  # type: ignore[arg-type]  # as it was written
                "" if row.key == UNKNOWN else row.key,
                from_bits(row.compartments),
                row.found,
                row.number <= self.upto,
            )
            for row in self.rows
        ]
        return SentOfCase(sent, self.changed, self.missing, self.elsewhere, self.unread)


class SentOnRecord:
    """The register of what was sent, as far as it fits to itself and to the log. Safe to share between threads."""

    def __init__(self, pool: Pool, sendings: Sendings, vouched: Vouched) -> None:
        self._pool = pool
        self._sendings = sendings
        self._vouched = vouched
        self.agencies_of = vouched.agencies_of

    def of_case(self, agency: AgencyCode, case: UUID) -> Found:
        """What was sent to the agency of a case."""
        known = self._vouched.of_case(agency, case)  # first: what is put on record meanwhile is among the newest
        with acting_for(self._pool, agency) as db:
            named = rows_of(db, agency, case)
            newest = rows_behind(db, agency, known.upto, MOST)
        whole = {row.number: row for row in named if self._sendings.fits(row)}
        changed = {row.number for row in named} - whole.keys()
        shown = [row for row in whole.values() if row.number > known.upto]
        stand: list[Entry] = []
        missing = 0
        for entry in known.entries:
            inside = [row for row in whole.values() if entry.said.since <= row.number <= entry.said.upto]
            if len(inside) == entry.of.rows and digest_of(agency, case, (r.sending for r in inside)) == entry.of.digest:
                stand.append(entry)
                shown += inside
                continue
            missing += max(0, entry.of.rows - len(inside))
            changed |= {row.number for row in inside}
        changed |= whole.keys() - {row.number for row in shown}  # the log vouches for none of these
        there = {row.number for row in newest if self._sendings.fits(row)}
        last = max((row.number for row in newest), default=known.upto)
        gaps = {*range(known.upto + 1, min(last, known.upto + MOST) + 1)} - there
        elsewhere = len((gaps | {*known.lost}) - changed)
        shown.sort(key=lambda row: row.number)
        return Found(shown, stand, known.upto, sorted(changed), missing, elsewhere, known.unread)


class Vouching:
    """Puts on record in the log what is new of the register. Belongs to one thread; of several one writes."""

    def __init__(self, store: EventStore, pool: Pool, sendings: Sendings, vouched: Vouched) -> None:
        """`store` writes; `pool` has the rights of who follows."""
        self._store = store
        self._pool = pool
        self._sendings = sendings
        self._vouched = vouched

    def run(self, stop: Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.wait(LOOK_SECONDS):
            self.once()

    def once(self) -> int:
        """Put on record what is new. Returns for how many agencies that was done."""
        with self._pool.connection() as db:
            newest: dict[AgencyCode, int] = dict(db.execute(_NEWEST).fetchall())
        done = 0
        for agency, number in sorted(newest.items()):
            version, upto = self._vouched.reached(agency)
            while number > upto and (said := self._next(agency, upto)) is not None:
                try:
                    change = Stream(sendings_stream(agency), version, [said])
                    self._store.append([change], system_act(), correlation=uuid4(), causation=uuid4())
                except AWAY:
                    raise
                except Conflict:
                    break  # another does it
                version, upto, done = version + 1, said.upto, done + 1
        return done

    def _next(self, agency: AgencyCode, upto: int) -> SendingsRecorded | None:
        """What is to be put on record of the agency's next rows."""
        with self._pool.connection() as db:
            rows = rows_behind(db, agency, upto, MOST)
        whole = [row for row in rows if self._sendings.fits(row) and row.number <= upto + MOST]
        if not whole:
            return None
        last = whole[-1].number
        lost = {*range(upto + 1, last + 1)} - {row.number for row in whole}
        if lost:
            log.error(
                "rows of the register of what was sent to %s are not there as they were: %s", agency, sorted(lost)
            )
        by_case = groupby(sorted(whole, key=lambda row: (row.case, row.number)), key=lambda row: row.case)
        of = [(case, list(its)) for case, its in by_case]
        act = system_act()
        return SendingsRecorded(
            occurred_at=act.at,
            agency=agency,
            since=upto + 1,
            upto=last,
            gone=tuple(sorted(lost)),
            sendings=tuple(
                sorted(
                    (
                        OfCase(pseudonym(agency, case), len(its), digest_of(agency, case, (r.sending for r in its)))
                        for case, its in of
                    ),
                    key=lambda of_case: of_case.case,
                )
            ),
        )


_NEWEST = (
    "SELECT h.agency, n.number FROM delivery.heads h CROSS JOIN LATERAL"
    " (SELECT max(number) AS number FROM delivery.sent s WHERE s.agency = h.agency) n WHERE n.number IS NOT NULL"
)
