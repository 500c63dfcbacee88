"""From a command to stored events, for every kind of stream; and the cases as the log has them."""

from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol, TypeVar
from uuid import UUID

from ...domain.access import basis_of
from ...domain.casefile.evolving import said as said_by
from ...domain.casefile.state import Case, compartments_named
from ...domain.compartment import Compartment
from ...domain.damaged import Outline, outline
from ...domain.disclosure import Remembered, Written, may_open
from ...domain.erasure import ErasureRecorded
from ...domain.fact import Act, ActorId, AgencyCode, CaseId, Fact
from ...domain.memory import Memory
from ...domain.refusal import Refusal
from ...domain.standing.reach import Reaches
from ...domain.standing.rows import Second
from ...domain.standing.rule import is_hidden, known, second_needed
from . import proposing
from .consequences import Step, by_stream, following, said_of
from .kinds import CASE, ERASURE, Id, Kind, State
from .network import Agencies
from .once import Done, KeyReused, Once, Sent
from .opener import Opener
from .ports import CASE_BYTES, Changes, Gone, Log, Macs, Moved, Unreadable, UsedBefore
from .register import OnRecord

STATE_BYTES, EVENT_BYTES = 3_000, 700
"""What a state weighs, and what it grows by with each event: rather too much than too little."""
TURNS = 256
"""Commands on one stream take turns in a process, so that a busy case does not decide the same thing over and over."""
TRIES = 5
"""How often a command is decided anew when others write to the same stream, before the caller is told."""

T = TypeVar("T")


class VersionMismatch(Exception):
    """The stream is not at the version that the caller saw (If-Match)."""

    def __init__(self, version: int) -> None:
        super().__init__("the case moved on")
        self.version = version


class Somebody(Protocol):
    """Who asks: an act, or the holder of a token."""

    @property
    def actor(self) -> ActorId: ...


class Casework:
    """Handles commands, and knows the cases. Safe to share between threads."""

    def __init__(
        self,
        log: Log,
        macs: Macs,
        register: OnRecord | None = None,
        most_bytes: int = CASE_BYTES,
        opener: Opener | None = None,
    ) -> None:
        """`register` says what is on record of what was told; where there is none, nothing is, and what follows from
        the end of a consent is worked out from the log. `most_bytes` is the memory for the states that it remembers.
        `opener` opens what an event that follows says again, sealed; without one, it refers to where it is said."""
        self._log = log
        self._register = register
        self._opener = opener
        self.network = Agencies(log)
        self._once = Once(log, macs)
        self._states: Memory[UUID, Any] = Memory(most_bytes, _weight)
        self._turns = [Lock() for _ in range(TURNS)]
        log.when_erased(self._drop)

    # Commands --------------------------------------------------------------------------------------------------

    def handle(
        self,
        kind: Kind[Id, State],
        id: Id,
        command: Fact,
        act: Act,
        *,
        correlation: UUID,
        made: UUID | None = None,
        expected: int | None = None,
        sent: Sent | None = None,
    ) -> Done:
        """Decide and store a command on a stream, with what follows from it. `made` is the id of what the command
        makes, `expected` the version the caller saw, `sent` what an Idempotency-Key came with.

        It is decided on the state as this process knows it. Where that is out of date the store refuses the append,
        and a refusal is given only after the log was asked whether the stream moved on, so one round trip is the rule.

        Raises Refusal, VersionMismatch, KeyReused, Moved (after TRIES), Unavailable; Unreadable where the stream is
        damaged, unless the kind says where the command is given instead.
        """
        for instead in said_of(kind.instead, command):
            if (other := instead(self, id, command)) is not None:
                return self.handle(*other, command, act, correlation=correlation, made=made, sent=sent)
        with self._turns[hash(kind.stream(id)) % TURNS]:
            done = self._handled(kind, id, command, act, correlation, made, expected, sent)
        for after in said_of(kind.afterwards, command):
            after(self, id, command)
        return done

    def _handled(
        self,
        kind: Kind[Id, State],
        id: Id,
        command: Fact,
        act: Act,
        correlation: UUID,
        made: UUID | None,
        expected: int | None,
        sent: Sent | None,
    ) -> Done:
        named = str(made) if made is not None else kind.answers(id)
        now = self._kept(kind, id)
        fresh = now is None
        if now is None:
            now = self.state(kind, id)
        for attempt in range(TRIES):
            version = now.version if now is not None else 0
            try:
                if expected is not None and expected != version:
                    kind.hides(now, act)
                    raise VersionMismatch(version)
                events = kind.decide(command, now, act, self.network)
                if not events:
                    return self._once.before(act, sent) or Done(named, version, 0)
                step = Step(id, version, events, act, self)
                changes = by_stream(
                    [
                        *following(kind.ahead, step, command),
                        Changes(kind.stream(id), version, events),
                        *following(kind.follows, step, command),
                    ]
                )
                if (second := second_needed(command, now, act)) is not None:
                    return self._proposed(kind, id, command, second, act, correlation, sent)
                events = next(change.events for change in changes if change.stream == kind.stream(id))
                after = kind.fold(said_by(events, act.agency, act.at), now) if kind.resumes else None
                retryable = self._once.retryable(act, sent, named, version + len(events))
                positions = self._log.append(changes, act, correlation, retryable)
            except (Refusal, VersionMismatch, UsedBefore, Moved) as refused:
                if (before := self._once.before(act, sent)) is not None:
                    return before
                now = self.state(kind, id)
                moved_on = (now.version if now is not None else version) != version
                settled = fresh and not moved_on and not isinstance(refused, Moved)
                if settled or isinstance(refused, UsedBefore) or attempt == TRIES - 1:
                    raise
                fresh = True
                continue
            for change in changes:  # what follows in other streams is seen by whoever asks next
                self._drop(change.stream)
            self._keep(kind, id, after)
            return Done(named, version + len(events), positions[-1])
        raise AssertionError("unreachable")

    def _proposed(
        self,
        kind: Kind[Id, State],
        id: Id,
        command: Fact,
        second: Second,
        act: Act,
        correlation: UUID,
        sent: Sent | None,
    ) -> Done:
        """Store that a command which one person gave waits for another: a first try of it was refused nothing."""
        made = proposing.proposal(kind, id, command, second, act)
        retryable = self._once.retryable(act, sent, str(made.proposal), 1, waits=True)
        positions = self._log.append([Changes(made.proposal, 0, [made])], act, correlation, retryable)
        return Done(str(made.proposal), 1, positions[-1], waits=True)

    # States ----------------------------------------------------------------------------------------------------

    def state(self, kind: Kind[Id, State], id: Id) -> State | None:
        """The stream's state as the log has it now; None where there is no such stream, or nothing is left of it."""
        stream = kind.stream(id)
        known = self._kept(kind, id)
        try:
            entries = self._log.read(stream, known.version if known is not None else 0)
        except Gone:
            self._drop(stream)
            return None
        if not entries:
            return known
        if known is None and not kind.begins(entries[0].event):
            return None
        fresh = kind.fold(entries, known)
        self._keep(kind, id, fresh)
        return None if fresh is None or kind.is_gone(fresh) else fresh

    def latest(self, kind: Kind[Id, State], id: Id) -> State | None:
        """The state as this process last saw it; the log is asked only where it did not yet."""
        known = self._kept(kind, id)
        return known if known is not None else self.state(kind, id)

    def _kept(self, kind: Kind[Id, State], id: Id) -> State | None:
        if not kind.kept:
            return None
        found: State | None = self._states.get(kind.stream(id))
        return found

    def _keep(self, kind: Kind[Id, State], id: Id, state: State | None) -> None:
        if state is None or not kind.kept:
            return
        stream = kind.stream(id)
        if kind.is_gone(state):
            self._drop(stream)
            return
        version = state.version
        self._states.put(stream, state, unless=lambda known: known.version > version)  # another thread read further

    def _drop(self, stream: UUID) -> None:
        self._states.pop(stream)

    # Cases -----------------------------------------------------------------------------------------------------

    def case(self, case: UUID) -> Case | None:
        """The case as the log has it now; None where there is none, or it was erased."""
        return self.state(CASE, CaseId(case))

    def known(self, case: UUID, act: Act) -> Case:
        """The case, if the agency may know of it. Raises Unknown."""
        return known(self.case(case), act)

    def hides(self, case: UUID, who: "Somebody") -> bool:
        """Whether somebody is excluded from the case, as this process last saw it. Who asks of a damaged one is told
        of nothing that this could hide."""
        try:
            found = self.latest(CASE, CaseId(case))
        except Unreadable:
            return False
        return found is not None and is_hidden(found, who.actor)

    def is_readable(self, case: UUID) -> bool:
        """Whether the case can be read, from its first event to its last: it is tried."""
        self._drop(case)
        try:
            self.case(case)
        except Unreadable:
            return False
        return True

    def outline(self, case: UUID) -> Outline | None:
        """What is known of a case without opening it, also where it is damaged."""
        return outline(self._log.in_clear(case), self.network)

    def joined(self, case: UUID) -> frozenset[CaseId]:
        """Files that were ever merged with that one, or separated from it, also where they are damaged."""
        return frozenset(CaseId(other) for other in self._log.joined(case))

    def destroy(self, erasure: UUID) -> None:
        """Destroy the keys that an erasure says, and wait until no process has them. May be called again."""
        record = self.erasure(erasure)
        if record is not None:
            self._log.erase(record.case, record.version, compartments_named(record.compartments))

    def on_record(self, case: UUID) -> tuple[int, Sequence[Remembered]]:
        """How far the register followed the log, and what it has on record of the case, as it came about."""
        return self._register.of_all(case) if self._register is not None else (0, ())

    def written(self, case: UUID) -> Sequence[Written]:
        """The case's events, their coordination opened. For callers that check what may be shown."""
        return self._log.read(case)

    def first_sealed(self, stream: UUID, of: frozenset[Compartment]) -> Mapping[Compartment, bytes]:
        """What the first event of a stream says in these compartments: for another event, and for nobody's eyes.
        Nothing decides by it."""
        first = self._log.read(stream, 0, 1)
        if self._opener is None or not first:
            return {}
        at = first[0].position
        _, segments = self._opener.events({at: of}).get(at, (frozenset(), {}))
        return segments

    def readable(
        self, case: UUID, told: Mapping[int, frozenset[Compartment]], act: Act
    ) -> list[tuple[Written, frozenset[Compartment]]]:
        """Of what an agency was told (position → compartments), what it may open now. No more is read of the case than
        that. Raises Unknown."""
        reaches = Reaches(self.known(case, act), act.at)
        found = (
            (w, may_open(reaches, w, told[w.position], act.agency, act.kind, act.purpose))
            for w in self._log.at(told)
            if w.stream == case  # a list says where to look, and the log what is there
        )
        return [(written, may) for written, may in found if may]

    def basis(self, case: UUID, act: Act, shown: Collection[Compartment], authors: Collection[AgencyCode] = ()) -> str:
        """On what a reading stands (`domain.access.basis_of`). Raises Unknown."""
        return basis_of(self.known(case, act), act.agency, act.kind, shown, act.at, authors)

    def erasure(self, erasure: UUID) -> ErasureRecorded | None:
        """What remains of an erasure; None where there is none, or what is asked of agencies is a recall."""
        asked = self.state(ERASURE, erasure)
        return asked.record if asked is not None and isinstance(asked.record, ErasureRecorded) else None


def _weight(state: Any) -> int:
    return STATE_BYTES + EVENT_BYTES * int(state.version)


__all__ = ["Casework", "Done", "KeyReused", "Moved", "Refusal", "Sent", "VersionMismatch"]
