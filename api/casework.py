"""From a command to stored events, and from a case to what an agency may read of it."""

import hmac
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from threading import Lock, local
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec

from rujukan.domain import agency as agencies
from rujukan.domain import agency_state, recall
from rujukan.domain import case as cases
from rujukan.domain import erasure as erasures
from rujukan.domain.access import AccessRecorded, basis_of
from rujukan.domain.agency import agency_stream
from rujukan.domain.agency_state import Agency
from rujukan.domain.case.consents import ConsentNarrowed, ConsentWithdrawn
from rujukan.domain.case.erasure import ApproveErasure, CaseErased
from rujukan.domain.case.lifecycle import AbsorbDuplicate, MergeCase
from rujukan.domain.casefile.deciding import require_known
from rujukan.domain.casefile.state import Case, compartments_named
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Written, still_readable
from rujukan.domain.fact import Act, AgencyCode, CaseId, Fact
from rujukan.domain.refusal import Refusal, Unknown

from .ports import Changes, Gone, Log, Macs, Moved, Retryable, UsedBefore

CASES_KEPT = 20_000
AGENCY_SECONDS = 1.0
"""How long an agency's state is used before the log is asked again: a suspension takes effect within this."""
TURNS = 256
"""Commands on one case take turns in a process, so that a busy case does not decide the same thing over and over."""
TRIES = 5
"""How often a command is decided anew when others write to the same case, before the caller is told."""


class VersionMismatch(Exception):
    """The case is not at the version that the caller saw (If-Match)."""

    def __init__(self, version: int) -> None:
        super().__init__("the case moved on")
        self.version = version


class KeyReused(Exception):
    """The Idempotency-Key was used for another request."""


class Done(NamedTuple):
    """The effect of a command."""

    id: str | None
    version: int
    position: int
    replayed: bool = False


class Agencies(Mapping[AgencyCode, Agency]):
    """The network as the log has it, at most AGENCY_SECONDS old."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: dict[AgencyCode, tuple[float, Agency]] = {}

    def __getitem__(self, code: AgencyCode) -> Agency:
        asked, known = self._known.get(code, (0.0, None))
        if known is not None and time.monotonic() - asked < AGENCY_SECONDS:
            return known
        fresh = agencies.fold(
            (w.event for w in self._log.read(agency_stream(code), known.version if known else 0)), known
        )
        if fresh is None:
            raise KeyError(code)
        self._known[code] = (time.monotonic(), fresh)
        return fresh

    def __iter__(self) -> Iterator[AgencyCode]:
        return iter(list(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def forget(self, code: AgencyCode) -> None:
        """Ask the log the next time."""
        self._known.pop(code, None)


class Casework:
    """Handles commands and opens cases. Safe to share between threads."""

    def __init__(self, log: Log, macs: Macs) -> None:
        self.network = Agencies(log)
        self._log = log
        self._macs = macs
        self._cases: OrderedDict[UUID, Case] = OrderedDict()
        self._lock = Lock()
        self._turns = [Lock() for _ in range(TURNS)]
        self._access = local()
        log.when_erased(self._drop)

    # Commands --------------------------------------------------------------------------------------------------

    def act_on_case(
        self,
        case: CaseId,
        command: Fact,
        act: Act,
        *,
        correlation: UUID,
        id: UUID | None = None,
        expected: int | None = None,
        retry_key: str | None = None,
        content: bytes = b"",
    ) -> Done:
        """Decide and store. `id` is what the command made, `expected` the version the caller saw, `retry_key` the
        Idempotency-Key and `content` what identifies the request that it came with.

        It is decided on the case as this process knows it. Where that is out of date the store refuses the append,
        and a refusal is given only after the log was asked whether the case moved on, so one round trip is the rule.

        Raises Refusal, VersionMismatch, KeyReused, Moved (after TRIES), Unavailable.
        """
        with self._turns[hash(case) % TURNS]:
            done = self._act_on_case(case, command, act, correlation, id, expected, retry_key, content)
        if isinstance(command, ApproveErasure):
            self._finish(command.erasure)  # also when it was asked for again: "done" means that it cannot be read
        return done

    def _act_on_case(
        self,
        case: CaseId,
        command: Fact,
        act: Act,
        correlation: UUID,
        id: UUID | None,
        expected: int | None,
        retry_key: str | None,
        content: bytes,
    ) -> Done:
        now = self._cases.get(case)
        fresh = now is None
        if now is None:
            now = self.case(case)
        for attempt in range(TRIES):
            version = now.version if now else 0
            try:
                if expected is not None and expected != version:
                    require_known(now, act)
                    raise VersionMismatch(version)
                events = cases.decide(command, now, act, self.network)
                changes = [Changes(case, version, events)]
                if isinstance(command, MergeCase):
                    changes.append(self._absorb(case, command, act))
                changes += [
                    self._record(case, version, event, act) for event in events if isinstance(event, CaseErased)
                ]
                if events and isinstance(events[0], ConsentWithdrawn | ConsentNarrowed):
                    changes += self._recall(case, version, events, act)
                after = cases.fold(events, now)  # before it is stored: what cannot be folded must not be there
                answer = msgspec.json.encode([id, version + len(events)])
                retryable = self._retryable(act, retry_key, content, answer)
                positions = self._log.append(changes, act, correlation, retryable)
            except (Refusal, VersionMismatch, UsedBefore, Moved) as refused:
                if (before := self._repeated(act, retry_key, content)) is not None:
                    return before
                now = self.case(case)
                moved_on = now is not None and now.version != version
                if isinstance(refused, UsedBefore) or attempt == TRIES - 1 or (fresh and not moved_on):
                    raise
                fresh = True
                continue
            self._keep(case, after)
            return Done(str(id) if id else None, version + len(events), positions[-1])
        raise AssertionError("unreachable")

    def act_on_agency(
        self,
        code: AgencyCode,
        command: Fact,
        act: Act,
        *,
        correlation: UUID,
        expected: int | None = None,
        retry_key: str | None = None,
        content: bytes = b"",
    ) -> Done:
        """Decide and store a command on an agency. Raises as `act_on_case`."""
        if (before := self._repeated(act, retry_key, content)) is not None:
            return before
        stream = agency_stream(code)
        for attempt in range(TRIES):
            now = agencies.fold(w.event for w in self._log.read(stream))
            version = now.version if now else 0
            if expected is not None and expected != version:
                raise VersionMismatch(version)
            events = agency_state.decide(command, now, act)
            agencies.fold(events, now)
            retryable = self._retryable(act, retry_key, content, msgspec.json.encode([code, version + len(events)]))
            try:
                positions = self._log.append([Changes(stream, version, events)], act, correlation, retryable)
            except UsedBefore:
                repeated = self._repeated(act, retry_key, content)
                if repeated is None:
                    raise
                return repeated
            except Moved:
                if attempt == TRIES - 1:
                    raise
                continue
            self.network.forget(code)
            return Done(code, version + len(events), positions[-1])
        raise AssertionError("unreachable")

    def acknowledge_erasure(
        self,
        command: erasures.AcknowledgeErasure,
        act: Act,
        *,
        correlation: UUID,
        retry_key: str | None = None,
        content: bytes = b"",
    ) -> Done:
        """Decide and store that an agency deleted what it was told. Raises as `act_on_case`."""
        stream = erasures.erasure_stream(command.erasure)
        for attempt in range(TRIES):
            if (before := self._repeated(act, retry_key, content)) is not None:
                return before
            now = erasures.fold(w.event for w in self._log.read(stream))
            events = erasures.acknowledge(command, now, act)
            version = (now.version if now else 0) + len(events)
            answer = msgspec.json.encode([None, version])
            try:
                changes = [Changes(stream, version - len(events), events)]
                retryable = self._retryable(act, retry_key, content, answer)
                return Done(None, version, self._log.append(changes, act, correlation, retryable)[-1])
            except (Moved, UsedBefore):
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def case(self, case: UUID) -> Case | None:
        """The case as the log has it now; None where there is none, or it was erased."""
        with self._lock:
            known = self._cases.get(case)
        try:
            events = [w.event for w in self._log.read(case, known.version if known else 0)]
        except Gone:
            self._drop(case)
            return None
        if not events:
            return known
        if known is None and not _begins_a_case(events):
            return None
        fresh = cases.fold(events, known)
        self._keep(case, fresh)
        return None if fresh is None or fresh.is_erased else fresh

    def _keep(self, case: UUID, state: Case | None) -> None:
        if state is None:
            return
        if state.is_erased:
            self._drop(case)
            return
        with self._lock:
            self._cases[case] = state
            self._cases.move_to_end(case)
            if len(self._cases) > CASES_KEPT:
                self._cases.popitem(last=False)

    def _drop(self, case: UUID) -> None:
        with self._lock:
            self._cases.pop(case, None)

    def _record(self, case: CaseId, version: int, erased: CaseErased, act: Act) -> Changes:
        """What remains of an erasure, in the same commit. Raises Moved where the case moved on."""
        written = self._log.read(case)
        if len(written) != version:
            raise Moved
        events = erasures.record(case, erased, written, act, self.network)
        return Changes(erasures.erasure_stream(erased.erasure), 0, events)

    def _recall(self, case: CaseId, version: int, events: Sequence[Fact], act: Act) -> list[Changes]:
        """Who has to delete copies as a consent ends, in the same commit. Raises Moved where the case moved on."""
        written = self._log.read(case)
        if len(written) != version:
            raise Moved
        asked = recall.record(case, events, written, act, self.network)
        stream = erasures.erasure_stream(recall.recall_id(case, version + 1))
        return [Changes(stream, 0, asked)] if asked else []

    def _finish(self, erasure: UUID) -> None:
        """Destroy the keys, and wait until no process has them. Where this one is killed before, the worker does it."""
        now = erasures.fold(w.event for w in self._log.read(erasures.erasure_stream(erasure)))
        if now is not None and isinstance(now.record, erasures.ErasureRecorded):
            record = now.record
            self._log.erase(record.case, record.version, compartments_named(record.compartments))

    def _absorb(self, case: CaseId, command: MergeCase, act: Act) -> Changes:
        """The living file's side of a merger, in the same commit."""
        if command.into == case:
            raise Unknown(what="case")
        into = self.case(command.into)
        events = cases.decide(AbsorbDuplicate(occurred_at=command.occurred_at, duplicate=case), into, act, self.network)
        return Changes(command.into, into.version if into else 0, events)

    def _repeated(self, act: Act, retry_key: str | None, content: bytes) -> Done | None:
        if retry_key is None:
            return None
        before = self._log.repeated(self._hash(act, b"key", retry_key.encode()))
        if before is None:
            return None
        if not hmac.compare_digest(before.fingerprint, self._hash(act, b"content", content)):
            raise KeyReused("this Idempotency-Key came with another request")
        id, version = msgspec.json.decode(before.answer)
        return Done(id, version, before.position, replayed=True)

    def _retryable(self, act: Act, retry_key: str | None, content: bytes, answer: bytes) -> Retryable | None:
        if retry_key is None:
            return None
        return Retryable(self._hash(act, b"key", retry_key.encode()), self._hash(act, b"content", content), answer)

    def _hash(self, act: Act, what: bytes, value: bytes) -> bytes:
        """Keyed, so that a copy of the database does not tell what was asked; per agency and person."""
        message = b"\x00".join((what, act.agency.encode(), act.actor.bytes, value))
        return self._macs.mac("idempotency", message)

    # Reading ---------------------------------------------------------------------------------------------------

    def readable(
        self, case: UUID, told: Mapping[int, frozenset[Compartment]], act: Act
    ) -> dict[int, frozenset[Compartment]]:
        """Of what an agency was told (position → compartments), what it may open now. Raises Unknown."""
        now = require_known(self.case(case), act)
        allowed: dict[int, frozenset[Compartment]] = {}
        for written in self._log.read(case):
            if written.position in told:
                may = still_readable(now, written, told[written.position], act.agency, act.kind, act.at)
                if may:
                    allowed[written.position] = may
        return allowed

    def known(self, case: UUID, act: Act) -> Case:
        """The case, if the agency may know of it. Raises Unknown."""
        return require_known(self.case(case), act)

    def written(self, case: UUID) -> Sequence[Written]:
        """The case's events, their coordination opened. For callers that check what may be shown."""
        return self._log.read(case)

    def basis(self, case: UUID, act: Act, shown: Collection[Compartment], own: bool = False) -> str:
        """On what a reading stands (`domain.access.basis_of`). Raises Unknown."""
        return basis_of(self.known(case, act), act.agency, act.kind, shown, act.at, own)

    def record_access(
        self, act: Act, subject: UUID, compartments: Iterable[Compartment], what: str, basis: str, correlation: UUID
    ) -> int:
        """Make it durable that this person opens this, before it is shown. Raises Unavailable.

        Each thread writes an access stream of its own, so that readers never wait for each other's versions.
        """
        stream: UUID | None = getattr(self._access, "stream", None)
        if stream is None:
            stream = self._access.stream = uuid4()
            self._access.version = 0
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
        )
        try:
            position = self._log.append([Changes(stream, self._access.version, [event])], act, correlation)[-1]
        except BaseException:
            self._access.stream = None  # whether it was stored is not known, so its version is not either
            raise
        self._access.version += 1
        return position


def _begins_a_case(events: Sequence[Fact]) -> bool:
    """Whether the stream is a case: agencies and access logs are streams too."""
    try:
        cases.evolve(None, events[0])
    except ValueError:
        return False
    return True


__all__ = ["Casework", "Done", "KeyReused", "Moved", "Refusal", "VersionMismatch"]
