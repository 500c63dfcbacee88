"""No log, no read: whoever is shown something of a case is on record first.

This is the only holder of the opener. Each way in appends the access event, waits until it is durable, and opens then;
what was opened leaves with the record of it (`OnRecord`), so nobody can be shown what nobody wrote down.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from queue import LifoQueue
from typing import NamedTuple
from uuid import UUID, uuid4

from ...domain.access import AccessRecorded
from ...domain.compartment import Compartment
from ...domain.disclosure import Written
from ...domain.fact import Act, AgencyCode
from ...domain.refusal import Unknown
from ...domain.standing.rule import learns_of
from .casework import Casework
from .opener import Opener, ReadingsFound
from .ports import Changes, Log

Segments = Mapping[Compartment, bytes]
"""What was opened of an event: a JSON object for each compartment."""

NOBODY_LOOKED = ReadingsFound((), ())
STREAMS = 32
"""Access streams of a process. Each is another stream, with a data key, in the log for ever; and so many readings at
most are in one commit."""
COORDINATION = frozenset({Compartment.COORDINATION})


class Asked(NamedTuple):
    """Who asks to be shown something, and which piece of work it belongs to."""

    act: Act
    correlation: UUID


class Seen(NamedTuple):
    """What was opened of an event, and which compartments it has."""

    of: Written
    held: frozenset[Compartment]
    segments: Segments


class OnRecord(NamedTuple):
    """What was opened, in the order in which it was asked for. `position` is that of the access event: 0 where nothing
    was there to be opened, and so nothing is on record."""

    position: int
    seen: Sequence[Seen] = ()


@dataclass
class AccessStream:
    """A stream of access events, and its version, while it is lent out."""

    id: UUID = field(default_factory=uuid4)
    version: int = 0


class AccessStreams:
    """The access streams of a process, lent to one reading at a time. Safe to share between threads."""

    def __init__(self, most: int = STREAMS) -> None:
        self._free: LifoQueue[AccessStream | None] = LifoQueue()  # so that no more are begun than are needed at once
        for _ in range(most):
            self._free.put(None)

    @contextmanager
    def one(self) -> Iterator[AccessStream]:
        """One that nobody else writes to meanwhile; where all are lent, it waits for the first that comes back. One
        over which something was raised is not lent again: what was stored in it, and so its version, is not known."""
        lent = self._free.get() or AccessStream()
        back: AccessStream | None = None
        try:
            yield lent
            back = lent
        finally:
            self._free.put(back)


class Reading:
    """Records who is shown what, then opens it. Safe to share between threads."""

    def __init__(self, casework: Casework, log: Log, opener: Opener) -> None:
        self._casework = casework
        self._log = log
        self._opener = opener
        self._streams = AccessStreams()

    def open(
        self,
        asked: Asked,
        case: UUID,
        wanted: Sequence[tuple[Written, frozenset[Compartment]]],
        what: str,
        *,
        basis: str | None = None,
        shown: frozenset[Compartment] | None = None,
        nothing: frozenset[Compartment] = frozenset(),
    ) -> OnRecord:
        """These compartments of these events of a case, on record as shown in the view `what`.

        `basis` is what the caller's right stands on; where it is left out, what the rules say (`Casework.basis`).
        `shown` goes on record beside what is there to be opened; `nothing`, where that is nothing: else an empty view
        is not recorded, and nothing is opened. Raises Unknown, Unavailable.
        """
        self._for_person(asked, case)
        there = frozenset(c for written, may in wanted for c in may & written.compartments_present)
        shown = there | shown if shown is not None else there or nothing
        position = 0
        if shown:
            if basis is None:
                basis = self._casework.basis(case, asked.act, shown, {written.author for written, _ in wanted})
            position = self.record(asked, case, shown, what, basis)
        opened = self._opener.events({written.position: may for written, may in wanted}) if shown and wanted else {}
        return OnRecord(position, [Seen(w, *opened[w.position]) for w, _ in wanted if w.position in opened])

    def show(self, asked: Asked, case: UUID, shown: frozenset[Compartment], what: str) -> OnRecord:
        """Put on record that a case is shown as the rules remember it, or that it was found. Raises Unknown,
        Unavailable."""
        self._for_person(asked, case)
        return OnRecord(self.record(asked, case, shown, what, self._casework.basis(case, asked.act, shown)))

    def report(self, asked: Asked, agency: UUID, what: str) -> OnRecord:
        """Put on record, with the agency whose stream that is, that a report on its people is shown: nothing of a
        case. Raises Unavailable."""
        return OnRecord(self.record(asked, agency, (), what, "own"))

    def document(
        self, asked: Asked, case: UUID, document: UUID, compartment: Compartment, what: str, basis: str
    ) -> bytes | None:
        """A document's bytes; None where they are gone. Raises Unknown, Unavailable."""
        self._for_person(asked, case)
        self.record(asked, case, (compartment,), what, basis)
        return self._opener.document(case, document, compartment)

    def bundle(
        self,
        asked: Asked,
        case: UUID,
        disclosure: UUID,
        names: Mapping[str, tuple[str, str]],
        shown: frozenset[Compartment],
        basis: str,
        *,
        reports: bool,
        witnessed: bool,
    ) -> bytes:
        """The file of a disclosure. It is made first, and nobody has it before the record: asking again while witnesses
        are waited for shows nothing. Raises KeyError, NotSealedYet, Unknown, Unavailable."""
        self._for_person(asked, case)
        made = self._opener.bundle(case, disclosure, names, reports=reports, witnessed=witnessed)
        self.record(asked, case, shown, "bundle", basis)
        return made

    def readings(
        self,
        asked: Asked,
        case: UUID,
        under: OnRecord,
        after: int = 0,
        limit: int | None = None,
        agency: AgencyCode | None = None,
    ) -> ReadingsFound:
        """The readings of the case that who asks may know of behind a position, in the order of the log, so many at
        most, for who is on record as being shown them; by one agency's people where it is named. From the log itself,
        as a read model can be edited; what of it does not open is named. Raises Unknown, Unavailable."""
        if not under.position:
            return NOBODY_LOOKED
        by = learns_of(self._casework.known(case, asked.act), asked.act)
        if None not in (by, agency) and by != agency:
            return NOBODY_LOOKED
        return self._opener.readings(case, agency if by is None else by, after, limit)

    def readings_by(
        self, asked: Asked, person: UUID, under: OnRecord, after: int = 0, limit: int | None = None
    ) -> ReadingsFound:
        """The same, of what a person of the asking agency opened, without those of cases that who asks is excluded
        from."""
        found: list[Written] = []
        unread: set[int] = set()
        while under.position and (limit is None or len(found) < limit):
            more, damaged = self._opener.readings_by(person, asked.act.agency, after, limit)
            found += [w for w in more if not self._casework.hides(subject_of(w), asked.act)]
            unread |= {*damaged}
            if limit is None or len(more) < limit:
                break
            after = more[-1].position
        return ReadingsFound(found[:limit], sorted(unread))

    def readings_between(
        self, asked: Asked, since: datetime, until: datetime, led: Collection[UUID], under: OnRecord, limit: int
    ) -> ReadingsFound:
        """The same, of what was opened or searched between two instants for the asking agency, or of the cases that it
        leads; where there are more than the limit, one more than that."""
        if not under.position:
            return NOBODY_LOOKED
        more = self._opener.readings_between(since, until, asked.act.agency, led, limit + 1)
        hidden = {case: self._casework.hides(case, asked.act) for case in {subject_of(w) for w in more.found}}
        return ReadingsFound([w for w in more.found if not hidden[subject_of(w)]], more.unread)

    def _for_person(self, asked: Asked, case: UUID) -> None:
        """Raises Unknown where who asks is excluded from the case: whichever door forgot to ask, nothing is opened."""
        if self._casework.hides(case, asked.act):
            raise Unknown(what="case")

    def printed(self, asked: Asked, case: UUID, lines: Collection[str], basis: str) -> int:
        """Put on record which lines of her report the survivor chose for her paper, by their ids. Raises Unknown,
        Unavailable."""
        self._for_person(asked, case)
        return self.record(asked, case, (), "survivor-paper", basis, lines)

    def record(
        self,
        asked: Asked,
        subject: UUID,
        compartments: Collection[Compartment],
        what: str,
        basis: str,
        lines: Collection[str] = (),
    ) -> int:
        """Make it durable that this person is shown this; its position. Raises Unavailable.

        Nobody waits for another's version: who records has a stream alone, of a few that go round.
        """
        act = asked.act
        event = AccessRecorded(
            occurred_at=act.at,
            reader=act.actor,
            agency=act.agency,
            role=act.role,
            purpose=act.purpose,
            subject=subject,
            compartments=frozenset(c.word for c in compartments),
            what=what,
            basis=basis,
            lines=tuple(sorted(lines)),
        )
        with self._streams.one() as stream:
            position = self._log.append([Changes(stream.id, stream.version, [event])], act, asked.correlation)[-1]
            stream.version += 1
        return position


def subject_of(reading: Written) -> UUID:
    """Of which case a reading was, or of which agency's people."""
    assert isinstance(reading.event, AccessRecorded)
    return reading.event.subject
