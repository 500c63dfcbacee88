"""Works out what a batch of events adds to the register: whom each of them lets know what, under which numbers, and
what follows from it for keys, webhooks, expiries and copies. Nothing is written here (`additions.py` does).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain import agency as agencies
from ...domain import agency_keys, webhook
from ...domain.agency_keys import KeyRegistered, KeyRetired, ResealingApproved
from ...domain.agency_state import Agency
from ...domain.case.confirming import ConsentNotConfirmed
from ...domain.case.consents import ConsentExpired, ConsentWithdrawn
from ...domain.case.overrides import OverrideAsked, OverrideEnded
from ...domain.casefile.consenting import ConsentNarrowed, Scope
from ...domain.compartment import Compartment
from ...domain.disclosure import Followed, Told, Written, delivery_id
from ...domain.erasure import ErasureRecorded
from ..store.event_store import Damage, EventStore
from ..store.following import AWAY
from ..unforeseen import where
from . import facts
from .additions import Additions, Deletion, Gap, Resealing
from .kept import Recall
from .numbering import Counts, Numbers, Unnumbered, counts_of
from .rows import Row, bits
from .told import case_of


class Workings:
    """What batches of events add, numbered on from what is on record. Belongs to the register's keeper."""

    def __init__(self, store: EventStore, numbers: Numbers) -> None:
        """`numbers` are given to what is worked out."""
        self._store = store
        self._numbers = numbers

    def of(
        self, db: Connection[TupleRow], batch: Sequence[Followed], damage: Sequence[Damage], again: UUID | None = None
    ) -> Additions:
        """What these events add, and the damage that was met between them. `again`: they are of a stream that was set
        aside, and some of it may be on record. Raises what `AWAY` names."""
        new = Additions(damage=list(damage))
        counts = counts_of(db, {case_of(told) for followed in batch for told in followed.tell})
        known = _on_record(db, again, batch) if again is not None else frozenset()
        for followed in batch:
            written = followed.written
            try:
                self._take_in(written, new)
            except AWAY:
                raise
            except Exception as problem:  # the agency's own stream does not open
                at = written.position, written.stream, written.version, written.topic
                new.damage.append(Damage(*at, where(problem)))
                continue
            new.rows.extend(
                self._row(told, followed, counts) for told in followed.tell if _names(followed, told) not in known
            )
            self._take_back(followed, new)
        for of in new.damage:
            facts.log_damage(of)
            self._keep_numbers(db, of, new)
        new.passed = self._numbers.take_passed()
        return new

    def _take_in(self, written: Written, new: Additions) -> None:
        """What an event says to the register itself."""
        match written.event:
            case agencies.AgencyRegistered() | KeyRegistered() | KeyRetired():
                new.keys.update(self._key_after(written))
            case ResealingApproved():
                new.resealings.extend(self._resealing(written))
            case ErasureRecorded() as erased:
                new.erased.append((written.position, erased))
            case event if isinstance(event, webhook.EVENTS):
                if (whose := self._agency_after(written)) is not None:
                    new.of_webhooks.append((written, whose.code))
            case event:
                new.expiries.update(expiry_of(written.stream, event))

    def _take_back(self, followed: Followed, new: Additions) -> None:
        """What agencies have to delete, and that each of them is to be asked for it."""
        written = followed.written
        lost: dict[str, frozenset[Compartment]] = {}
        for recall in followed.recall:
            of = recall.agency, recall.of.position, written.position, written.stream
            new.recalls.append(Recall(*of, bits(recall.compartments), self._numbers.n, written.at))
            lost[recall.agency] = lost.get(recall.agency, frozenset()) | recall.compartments
        for agency, compartments in lost.items():
            asked = bits(compartments - {Compartment.COORDINATION})
            new.deletions.append(Deletion(written.position, agency, written.stream, written.version, asked))

    def _keep_numbers(self, db: Connection[TupleRow], damage: Damage, new: Additions) -> None:
        """Each agency that was told of the case has a number kept free: there it learns that something is missing."""
        told = {row.agency for row in new.rows if row.case == damage.stream}
        rows = db.execute(
            "SELECT DISTINCT agency FROM delivery.told WHERE case_id = %(of)s AND stream = %(of)s",
            {"of": damage.stream},
        ).fetchall()
        counts = counts_of(db, {damage.stream})
        for row in new.rows:
            if row.case == damage.stream:
                counts[row.case, row.agency] = row.case_sequence
        for agency in sorted(told | {agency for (agency,) in rows}):
            at = damage.position, damage.position, damage.stream, damage.stream
            id = delivery_id(agency, damage.position, ())
            kept = Unnumbered(agency, *at, frozenset(), datetime.now().astimezone(), id)
            row = self._numbers.give(kept, counts)
            new.rows.append(row)
            new.gaps.append(Gap(agency, row.sequence, row.position, row.stream, damage.why, row.told_at))

    def _row(self, told: Told, followed: Followed, counts: Counts) -> Row:
        at, of = followed.written, told.of
        about = told.agency, at.position, of.position, of.stream, case_of(told), told.compartments
        return self._numbers.give(Unnumbered(*about, at.at, told.id), counts)

    def _agency_after(self, written: Written) -> Agency | None:
        """The agency after this event of its stream."""
        return agencies.fold(o.event for o in self._store.read(written.stream, upto=written.version))

    def _key_after(self, written: Written) -> dict[str, str | None]:
        """The agency's key after this event of its stream; the next tellings are numbered with it."""
        agency = self._agency_after(written)
        if agency is None:
            return {}
        key = agency.sealing_key
        if key is None:
            self._numbers.keys.pop(agency.code, None)
            return {agency.code: None}
        self._numbers.keys[agency.code] = key[0]
        return {agency.code: key[0]}

    def _resealing(self, written: Written) -> list[Resealing]:
        """The history that an approved re-sealing has published again: all that was told so far under keys whose
        successor it changed."""
        events = [o.event for o in self._store.read(written.stream, upto=written.version)]
        before, after = agencies.fold(events[:-1]), agencies.fold(events)
        if before is None or after is None or not self._numbers.heads.get(after.code):
            return []
        keys = sorted(agency_keys.moved(before, after))
        return [Resealing(written.position, after.code, keys, self._numbers.heads[after.code])]


def expiry_of(case: UUID, event: object) -> dict[tuple[UUID, UUID], datetime | None]:
    """(case, consent) → when the consent runs out that the event is about; None where that is no matter any more."""
    if isinstance(event, ConsentWithdrawn | ConsentExpired | ConsentNotConfirmed | OverrideEnded):
        return {(case, event.consent): None}
    if isinstance(event, OverrideAsked):
        return {}  # it covers nothing
    if isinstance(event, Scope) and (event.expires_at is not None or isinstance(event, ConsentNarrowed)):
        return {(case, event.consent): event.expires_at}
    return {}


def _names(followed: Followed, told: Told) -> tuple[str, int, int, int]:
    """What tells one telling of a stream from another."""
    return told.agency, followed.written.position, told.of.position, bits(told.compartments)


def _on_record(
    db: Connection[TupleRow], stream: UUID, batch: Sequence[Followed]
) -> frozenset[tuple[str, int, int, int]]:
    """What is on record of a stream by these events of it, as `_names` names it."""
    rows = db.execute(_ON_RECORD, ([followed.written.position for followed in batch], stream))
    return frozenset((agency, at, position, compartments) for agency, at, position, compartments in rows)


_ON_RECORD = (
    "SELECT agency, at_position, position, compartments FROM delivery.told WHERE at_position = ANY(%s) AND stream = %s"
)
