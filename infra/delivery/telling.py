"""Tellings, read from the register and sealed: the same for every transport.

A telling is sealed whenever it is sent, to the key that the agency had when it was told. So whoever registers a new key
is not handed the history: that takes two people (`agency.ResealingApproved`).

Whatever is told again obeys what holds today (holding.py), by whatever way it goes out: first subscription, replay,
refill, webhook, re-sealing all open here. What was erased or recalled since goes out as a placeholder, so that the
numbers an agency counts have no holes. And where a consent of a case ran out, or ended and the register has not
followed that, nothing of the case is sealed: what follows from the end comes first, in a moment.

Where an agency's key is none, nothing can be sealed to it. That holds up this agency, as nothing may overtake what
waits, and nobody else. An event that does not open, because its record or a key is damaged, holds up nobody: a
placeholder says so at its number, the register keeps it in mind (`gaps`), and tells it anew once it is repaired.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, structs
from psycopg.rows import TupleRow

from ...consumers.publishing.supply import Again, Supplied
from ...consumers.wire import batch, envelope
from ...consumers.wire.envelope import DAMAGED, ERASED, Attributes, Delivery, Inside, Message, Unsigned
from ...domain.compartment import Compartment
from ...domain.delivery import Cursor
from ..clock import now as by_the_clock
from ..database import Pool, acting_for
from ..positions import GAPS, RESEALINGS
from ..store import forked
from ..store.data_keys import KeyGone
from ..store.event_store import EventStore, as_shown
from ..store.forked import Check, Forked
from ..store.sealed_record import BrokenSeal, Header, Record
from ..store.transcoder import later
from ..system_act import SYSTEM_AGENCY
from . import cursors, holding, kept, sealing_anew
from .additions import Gap
from .agency_keys import BadKey, KeyBook, NotTold
from .facts import LATE, UNFIT, look_at
from .holding import ENDING, LATER
from .reaching import Reaching
from .receipts import receipt_of
from .sealing import Sealing
from .sent import Sendings, of_messages
from .told import SELECT, Telling, in_order, placeholder, telling_of

_Same = tuple[int, UUID, int, int]
"""(position, stream, compartments, those recalled): of the same, the same is shown."""
READ_AT_ONCE = 64
"""Records are read so many at a time: a note may have half a megabyte."""


class NoHistory(NotTold):
    """The history in the database does not go on from what was signed, or told, before."""


class _Opened(NamedTuple):
    """What a telling shows, what its event has, and what stands in its place where it shows nothing."""

    header: Header
    shown: Mapping[Compartment, bytes]
    held: Sequence[Compartment]
    nothing: str


_Shown = dict[_Same, _Opened]


class Tellings:
    """The register, read and sealed. Safe to share between threads. The API's role sees the acting
    agency's rows only."""

    def __init__(
        self,
        store: EventStore,
        pool: Pool,
        sealing: Sealing,
        check: Check = forked.check_marks,
        now: Callable[[], datetime] = by_the_clock,
    ) -> None:
        """`check` is asked each time before anything is told."""
        self._reaching = Reaching(store, now)
        self._check = check
        self._store = store
        self._pool = pool
        self._sealing = sealing
        self.digests = sealing.digests
        """What tells a damaged row of the register."""
        self.positions = sealing.digests.positions
        """What says whether a row says rightly where somebody goes on."""
        self.sendings = Sendings(sealing.macs)
        self._keys = KeyBook(store)

    def after(self, agency: str, at: Cursor, limit: int, case: UUID | None = None) -> list[Telling]:
        """The agency's tellings after that one, in order; at most so many. Raises AnotherHistory where it has no such
        one."""
        with acting_for(self._pool, agency) as db:
            cursors.check(db, agency, at)
            head = cursors.head(db, agency).sequence
            rows = db.execute(
                f"{SELECT} WHERE agency = %s AND sequence > %s AND (%s::uuid IS NULL OR case_id = %s)"
                " ORDER BY sequence LIMIT %s",
                (agency, at.sequence, case, case, limit),
            )
            found = self._tellings(rows)
        if case is not None:
            return [telling for telling in found if telling.sequence <= head]
        return in_order(found, agency, at.sequence, head, limit)

    def handed_out(self, agency: str, messages: Sequence[Message]) -> None:
        """Put on record that these are handed out in a page of the feed."""
        if messages:
            with acting_for(self._pool, agency) as db:
                self.sendings.write(db, agency, "feed", of_messages(messages))

    def waiting(self, sent: Mapping[str, int], limit: int, agencies: int) -> list[Telling]:
        """Tellings that come after what was sent to each of these agencies, in order for each; about `limit` of them,
        shared evenly between the first so many that wait. For followers."""
        with self._pool.connection() as db:
            rows = db.execute("SELECT agency, sequence FROM delivery.heads WHERE agency = ANY(%s)", (list(sent),))
            heads: dict[str, int] = dict(rows.fetchall())
            waiting = (agency for agency, sequence in sent.items() if heads.get(agency, 0) > sequence)
            behind = {agency: sent[agency] for agency in islice(waiting, agencies)}
            if not behind:
                return []
            most = max(1, limit // len(behind))
            rows = db.execute(
                "SELECT t.* FROM unnest(%s::text[], %s::bigint[]) AS w (agency, sent) CROSS JOIN LATERAL"
                f" ({SELECT} WHERE t.agency = w.agency AND sequence > w.sent ORDER BY sequence LIMIT %s) t",
                (list(behind), list(behind.values()), most),
            )
            of: dict[str, list[Telling]] = {agency: [] for agency in behind}
            for telling in self._tellings(rows):
                of[telling.agency].append(telling)
        found = [t for agency, its in of.items() for t in in_order(its, agency, sent[agency], heads[agency], most)]
        found.sort(key=lambda t: (t.sequence - sent[t.agency], t.position))  # each agency's turn comes round,
        return found  # however far it is behind

    def resealing(self, sent: Mapping[str, int], limit: int) -> list[Again[Telling]]:
        """What was sent to these agencies before, and is to be sent again under another key, as two people approved:
        of each agency those of one re-sealing, in order; about `limit` tellings. For followers."""
        with self._pool.connection() as db:
            jobs = sealing_anew.due(db, self.positions, sent)
            most = max(1, limit // max(1, len(jobs)))
            found: list[Again[Telling]] = []
            for job, agency, keys, upto, done, _ in jobs:
                if not done:  # what was not sent before goes out under the new key, once
                    self._keys.forget(agency)  # what is remembered of it may be from before the approval
                    upto = min(upto, sent[agency])
                    with db.transaction():
                        kept.change(db, self.positions, RESEALINGS, "position = %s", (job,), upto=upto)
                rows = db.execute(
                    f"{SELECT} WHERE agency = %s AND sequence > %s AND sequence <= %s AND key_id = ANY(%s)"
                    " ORDER BY sequence LIMIT %s",
                    (agency, done, upto, keys, most),
                )
                tellings = self._tellings(rows)
                found.append(Again(job, agency, tellings, tellings[-1].sequence if len(tellings) == most else upto))
        return found

    def resealed(self, job: int, to: int) -> None:
        """Remember that this re-sealing was sent up to that sequence."""
        with self._pool.connection() as db:
            sealing_anew.remember(db, self.positions, job, to)

    def head(self, agency: str) -> Cursor:
        """The agency's newest; 0 for none."""
        with acting_for(self._pool, agency) as db:
            return cursors.head(db, agency)

    def first_at(self, agency: str, *, time: datetime | None = None, position: int | None = None) -> int:
        """The sequence after which comes everything that was told at or after that time, or by events from that
        position on. The register grows in the order of positions, and a clock that was set back tells some twice."""
        with acting_for(self._pool, agency) as db:
            row = db.execute(
                "SELECT min(sequence) - 1 FROM delivery.told WHERE agency = %s"
                " AND (%s::timestamptz IS NULL OR told_at >= %s) AND (%s::bigint IS NULL OR at_position >= %s)",
                (agency, time, time, position, position),
            ).fetchone()
        return int(row[0]) if row and row[0] is not None else self.head(agency).sequence

    def seal(self, tellings: Sequence[Telling]) -> list[Message]:
        """These tellings of one agency, sealed and signed; up to the first that cannot be. Raises NotTold where that is
        the first of all."""
        sealed = self.seal_all(tellings)
        if sealed.problems and not sealed.messages:
            raise next(iter(sealed.problems.values()))
        return [m for messages in sealed.messages.values() for m in messages]

    def seal_all(self, tellings: Sequence[Telling], most: int | None = None) -> Supplied:
        """Agency → its tellings of these, sealed and signed, in order, until they have `most` bytes together. Where one
        cannot be sealed, its agency is named among the problems, and has those before it. Where the case of one waits
        for what follows from the end of a consent, its agency is named among the held, and has those before it. Where
        the history forked, nothing is sealed for anybody."""
        try:
            self.check()
        except Forked as fork:
            return Supplied({}, {t.agency: NoHistory(f"nothing is told to {t.agency}: {fork}") for t in tellings})
        unsigned: dict[str, list[Unsigned]] = {}
        problems: dict[str, Exception] = {}
        held: set[str] = set()
        size = 0
        for start in range(0, len(tellings), READ_AT_ONCE):
            if most is not None and size >= most:
                break
            part = [
                t for t in tellings[start : start + READ_AT_ONCE] if t.agency not in problems and t.agency not in held
            ]
            now = holding.now(self._pool, part, self._sealing.digests)
            beyond, unknown = self._reaching.beyond(part)
            records = self._records({t.position for t in part})
            opened: _Shown = {}
            gaps: list[Gap] = []
            for telling in part:
                why = now.why(telling)
                if why == ENDING or not now.digests_known:
                    held.add(telling.agency)
                if telling.agency in problems or telling.agency in held:
                    continue
                gone = now.recalled.get(telling.n, 0) | beyond.get(telling.n, 0)
                telling = structs.replace(telling, recalled=gone)
                is_known = telling.stream not in unknown
                record = records[telling.position] if why is None and is_known else None
                if record is not None and not holding.is_so(self._pool, telling, record):
                    record = None
                try:
                    shows = self._shown(telling, record, opened)
                    sealed = self._sealed(telling, shows)
                except NotTold as problem:
                    problems[telling.agency] = problem
                    continue
                if shows.nothing == DAMAGED and (telling.compartments or not telling.is_whole):
                    said = LATE if why == LATER else "a record, or a key, is damaged" if telling.is_whole else UNFIT
                    stands = records[telling.position]
                    is_of_case = stands is not None and stands.header.stream == telling.case
                    stream = telling.case if is_of_case else telling.stream  # which of them is damaged
                    gaps.append(Gap(telling.agency, telling.sequence, telling.position, stream, said, by_the_clock()))
                unsigned.setdefault(telling.agency, []).append(sealed)
                size += len(sealed.value)
            self._keep_in_mind(gaps)
        return Supplied(
            {
                agency: [m for part in _parts(waiting) for m in envelope.sign(part, self._sealing.signer)]
                for agency, waiting in unsigned.items()
            },
            problems,
            frozenset(held),
        )

    def is_damaged(self, agency: str, sequence: int) -> bool:
        """Whether the row of the register at that number is damaged, or was when it went out, or is gone though later
        ones are there: it says nothing of another history. What stands for what was lost before names no record, and is
        not damaged for that."""
        if sequence > self.head(agency).sequence:
            return False
        with acting_for(self._pool, agency) as db:
            found = self._tellings(db.execute(f"{SELECT} WHERE agency = %s AND sequence = %s", (agency, sequence)))
            if not found or db.execute(_WENT_OUT_UNFIT, (agency, sequence, UNFIT)).fetchone() is not None:
                return True
        (telling,) = found
        record = self._records({telling.position})[telling.position]
        return not telling.is_whole or (telling.position != 0 and not holding.is_so(self._pool, telling, record))

    def _tellings(self, rows: Iterable[TupleRow]) -> list[Telling]:
        return [telling_of(row, self._sealing.digests) for row in rows]

    def check(self) -> None:
        """Raises Forked."""
        with self._pool.connection() as db:
            self._check(db)

    def look_at(self, stream: UUID) -> None:
        """Set a stream aside if a record of it does not open. For followers."""
        look_at(self._store, self._pool, stream)

    def _keep_in_mind(self, gaps: Sequence[Gap]) -> None:
        """That something could not be opened at these numbers."""
        for agency in {gap.agency for gap in gaps}:
            with acting_for(self._pool, agency) as db:
                kept.add(db, self.positions, GAPS, [gap for gap in gaps if gap.agency == agency])

    def _records(self, positions: set[int]) -> Mapping[int, Record | None]:
        """The records at these positions; None for one that is damaged or not there."""
        try:
            found = self._store.records(list(positions))
        except BrokenSeal:
            if len(positions) == 1:
                return dict.fromkeys(positions)
            return {p: record for one in positions for p, record in self._records({one}).items()}
        return {p: found.get(p) for p in positions}

    def _shown(self, telling: Telling, record: Record | None, opened: _Shown) -> _Opened:
        """What a telling shows of its record: opened once for all agencies that are told the same. Without a record it
        shows nothing, and that is the matter of this telling alone: its row may be damaged, or its case held. Raises
        NotTold for an event of a later release: a process of that one tells it."""
        if record is not None and (why := later(record.header.topic, record.header.schema)):
            raise NotTold(f"what is told to {telling.agency} waits for a later release: {why}")
        if record is None:
            return _Opened(_unreadable(telling), {}, [], DAMAGED)
        same = _same(telling)
        if same not in opened:
            try:
                if not telling.compartments or record.header.stream != telling.stream:
                    raise BrokenSeal
                now, shown = as_shown(record.header), self._open(telling, record)
                opened[same] = _Opened(now if shown else now._replace(schema=1), shown, sorted(record.held), ERASED)
            except (BrokenSeal, KeyGone):
                opened[same] = _Opened(_unreadable(telling), {}, [], DAMAGED)
        return opened[same]

    def _sealed(self, telling: Telling, shows: _Opened) -> Unsigned:
        """A telling, sealed."""
        telling = telling if telling.is_whole else placeholder(telling)
        agency = telling.agency
        key_id, public = self._keys.key(agency, telling.key_id)
        header, shown, held, nothing = shows
        delivery = Delivery(
            topic=header.topic if shown else nothing,
            schema=header.schema,
            case=telling.case,
            version=header.version,
            position=telling.position,
            sequence=telling.sequence,
            recorded_at=header.recorded_at,
            author=header.agency,
            actor=header.actor,
            correlation=header.correlation,
            compartments=[c.word for c in shown],
            withheld=[c.word for c in held if c not in shown] if shown else [],
            data=Raw(b"{" + b",".join(s[1:-1] for s in shown.values() if len(s) > 2) + b"}"),
            receipt=receipt_of(self._sealing.macs, telling.id),
        )
        attributes = Attributes(
            id=str(telling.id),
            source=f"urn:rujukan:{self._sealing.network}",
            subject=agency,
            sequence=str(telling.sequence),
            casesequence=str(telling.case_sequence),
            position=str(telling.position),
            caseversion=str(header.version),
            schemaversion=str(header.schema),
            keyid=key_id,
            correlation=self._sealing.pseudonym(agency, header.correlation),
            partitionkey=self._sealing.pseudonym(agency, telling.case),
        )
        try:
            inside = Inside(telling.case, telling.position, tuple(c.word for c in shown), public.fingerprint)
            return envelope.seal(delivery, attributes, public, inside)
        except ValueError:
            raise BadKey(f"nothing can be sealed to the key of {agency}") from None

    def _open(self, telling: Telling, record: Record) -> Mapping[Compartment, bytes]:
        """What the telling shows of its event; nothing where that was erased since."""
        told = telling.told()
        try:
            return self._store.plaintext(record, told)
        except KeyGone:
            gone = self._store.keys.erased(telling.stream)
            if not gone:
                raise
            return {} if Compartment.COORDINATION in gone else self._store.plaintext(record, told - gone)


def _parts(messages: Sequence[Unsigned]) -> Iterable[Sequence[Unsigned]]:
    return (messages[i : i + batch.LARGEST] for i in range(0, len(messages), batch.LARGEST))


def _unreadable(telling: Telling) -> Header:
    """What is said of an event whose record cannot be read: what the register knows."""
    nobody = UUID(int=0)
    return Header(telling.stream, 0, DAMAGED, 1, telling.told_at, nobody, SYSTEM_AGENCY, nobody, nobody)


def _same(telling: Telling) -> _Same:
    return telling.position, telling.stream, telling.compartments, telling.recalled


_WENT_OUT_UNFIT = "SELECT FROM delivery.gaps WHERE agency = %s AND sequence = %s AND why = %s"
