"""The log as followers meet it: each event with its case's state, and who is told what.

Who was told what is a fact, once the register wrote it down: `CaseFiles` takes it from there. What the register has not
followed yet is decided here, by `Learning`, for the register alone.

A stream of which a record, or a key, is damaged, or which is not understood, is set aside; all others go on. Where an
event is of a later release than this, everything waits for that release.

What takes long is parted by time, not by number: of old cases each may have to be read whole. So whoever follows
commits what it has every second or so, and says in between that it is at work (`still`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Event
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import psycopg
from eventsourcing.persistence import Notification
from msgspec import Struct
from msgspec import field as fields
from psycopg_pool import PoolClosed

from ...domain.casefile.evolving import fold_log, take
from ...domain.casefile.state import Case
from ...domain.catalogue import TOLD
from ...domain.compartment import Compartment
from ...domain.disclosure import Followed, Knowledge, Notice, Remembered, Told, Written
from ...domain.memory import Memory
from .. import database
from ..keys.home import UnwrapFailed
from ..locks import LeaseLost
from ..unforeseen import where
from .data_keys import KeyGone
from .event_store import Damage, EventStore, Opened, OutOfPlace, check_order
from .sealed_record import author_of, held_in
from .transcoder import LaterRelease

FILE_BYTES, EVENT_BYTES = 3_000, 1_200
"""What a case weighs in memory, and each of its events: rather too much than too little."""
CASE_BYTES = 512 * 1024 * 1024
PAGE = 2_000
PART_SECONDS = 1.0
"""What took so long to work out is handed on before more is."""
MOMENT_SECONDS = 0.1
"""About so long are records opened before any of them is followed."""
READ_AT_ONCE = 500
"""Records of one stream."""
AWAY = (*database.AWAY, psycopg.Error, PoolClosed, OSError, UnwrapFailed, LeaseLost, LaterRelease)
"""What says nothing against the record that was read: the database, or the home of the keys, is away or set up wrongly,
another works in its place, or a later release is needed."""

F = TypeVar("F")
Still = Callable[[], object]
"""Called again and again within long work. It may raise what `AWAY` names."""


class Row(NamedTuple):
    """A telling that is on record: an agency was told these compartments of the event at that position."""

    agency: str
    position: int
    compartments: frozenset[Compartment]


class File(Struct):
    """A case as it is followed through the log."""

    case: Case | None = None
    written: list[Written] = fields(default_factory=list)


class Files(Protocol):
    """What a follower knows of cases."""

    def follow(self, opened: Opened) -> Followed:
        """The event with the state of its case after it, and what it lets agencies know."""
        ...

    def forget(self, stream: UUID) -> None:
        """Drop what is known of a stream."""
        ...


class _Kept(Generic[F]):
    """The files met last; others are read again when they are met again."""

    def __init__(self, store: EventStore, most_bytes: int, events: Callable[[F], int]) -> None:
        self._files: Memory[UUID, F] = Memory(most_bytes, lambda file: FILE_BYTES + EVENT_BYTES * events(file))
        self._open: dict[UUID, F] = {}
        """Those that changed, and are kept whatever they weigh, until `settle`."""
        self.close = store.keys.when_erased(self.forget)
        """Ends it: it is not to be used again, and nothing holds what it knows of the cases."""

    def forget(self, stream: UUID) -> None:
        self._open.pop(stream, None)
        self._files.pop(stream, None)

    def get(self, stream: UUID) -> F | None:
        file = self._open.get(stream)
        return file if file is not None else self._files.get(stream)

    def keep(self, stream: UUID, file: F) -> None:
        self._open[stream] = file

    def settle(self) -> None:
        """What changed is on record: it may be let go, and read again."""
        for stream, file in self._open.items():
            self._files.put(stream, file)
        self._open.clear()


class CaseFiles:
    """Follows events in the log's order, with what is on record of them; at two places of the log in turns, too, as
    where some read models fell behind: of each case the two files are kept that were followed last. With one, a long
    case would be read whole at each turn, which takes longer than a turn is to. Belongs to one thread."""

    def __init__(self, store: EventStore, most_bytes: int, still: Still = lambda: None) -> None:
        self._store = store
        self._still = still
        self._files = _Kept[list[File]](store, most_bytes, lambda files: sum(len(file.written) for file in files))
        self.close, self.forget = self._files.close, self._files.forget
        self.told: Mapping[int, Sequence[Row]] = {}
        """Position → what was told by that event, of the events that are followed next."""

    def follow(self, opened: Opened) -> Followed:
        """The event with the state of its case after it, and what was told by it."""
        written = written_of(opened)
        rows = self.told.get(written.position, ())
        if isinstance(written.event, Notice):
            return Followed(written, None, [Told(agency, written, compartments) for agency, _, compartments in rows])
        if written.topic not in TOLD:
            return Followed(written)
        file = self._at(written.stream, written.version - 1)
        _check_order(file.written, written)
        file.case = take(file.case, written)
        file.written.append(written)
        at = {w.position: w for w in file.written} if any(row.position != written.position for row in rows) else {}
        told = [
            Told(agency, written if position == written.position else at[position], compartments)
            for agency, position, compartments in rows
            if compartments
        ]
        return Followed(written, file.case, told)

    def _at(self, stream: UUID, version: int) -> File:
        """The case after that version."""
        known = self._files.get(stream) or []
        file = next((one for one in known if len(one.written) == version), None)
        if file is None:
            longest = max((one.written for one in known), key=len, default=[])
            is_there = len(longest) > version
            written = longest[:version] if is_there else _read(self._store, stream, version, self._still)
            file = File(fold_log(written), written)
        # One that is where this one goes is the same: the place behind arrived there at the one in front.
        others = [one for one in known if len(one.written) not in (version, version + 1)]
        self._files.keep(stream, [*others[-1:], file])
        self._files.settle()
        return file


class Learning:
    """Decides who is told what of what nobody followed yet: for the register. What was told before is on record.
    Belongs to one thread."""

    def __init__(
        self,
        store: EventStore,
        recorded: Callable[[UUID], Iterable[Remembered]],
        most_bytes: int = CASE_BYTES,
        still: Still = lambda: None,
    ) -> None:
        self._store = store
        self._still = still
        self._recorded = recorded
        self._files = _Kept[Knowledge](store, most_bytes, lambda file: len(file.written))
        self.settle = self._files.settle
        """What was decided since is on record. Before that no case is let go of, as its record would lack it."""
        self.close, self.forget = self._files.close, self._files.forget

    def follow(self, opened: Opened) -> Followed:
        """The event with the state of its case after it, what it lets agencies know, and what they have to delete."""
        written = written_of(opened)
        if isinstance(written.event, Notice):
            return Followed(written, None, [Told(written.event.agency, written, written.compartments_present)])
        if written.topic not in TOLD:
            return Followed(written)
        file = self._at(written.stream, written.version - 1)
        _check_order(file.written, written)
        try:
            learned = file.learn(written)
        except BaseException:
            self.forget(written.stream)  # half of it may have been taken in
            raise
        return Followed(written, file.case, learned.tell, learned.recall)

    def _at(self, stream: UUID, version: int) -> Knowledge:
        file = self._files.get(stream)
        if file is None or len(file.written) != version:
            known = self._recorded(stream) if version else ()
            file = Knowledge.remembered(_read(self._store, stream, version, self._still), known)
        self._files.keep(stream, file)
        return file


class Follower:
    """The log, followed. `set_aside` is told of what is damaged; where there is none, that is raised."""

    def __init__(
        self,
        store: EventStore,
        files: Files,
        set_aside: Callable[[Damage], object] | None = None,
        aside: Mapping[UUID, int] = MappingProxyType({}),
        still: Still = lambda: None,
    ) -> None:
        self.store = store
        self.files = files
        self._still = still
        self._at_once = 64
        """So many records are opened in a moment, as it was lately."""
        self._set_aside = set_aside
        self.aside = dict(aside)
        """Stream → the version from which on it is not followed, as it is damaged."""
        self._wanted: Callable[[UUID, str], bool] = lambda stream, topic: True
        self.passed = 0
        """The last position that `follow` or `parts` passed, also of an erased event, which is not yielded."""

    def after(self, position: int, limit: int = PAGE) -> Sequence[Followed]:
        """The next events after a position, at most so many; empty only at the end of the log."""
        while found := self.store.recorder.select_notifications(position, limit, inclusive_of_start=False):
            if taken := self.take(found):
                return taken
            position = found[-1].id  # all of them were erased
        return ()

    def pages(self, after: int) -> Iterator[Sequence[Followed]]:
        """All events after a position, page by page; the next is fetched while the last is taken in."""
        with ThreadPoolExecutor(1) as ahead:

            def fetch(after: int) -> Sequence[Notification]:
                return self.store.recorder.select_notifications(after, PAGE, inclusive_of_start=False)

            coming = ahead.submit(fetch, after)
            while page := coming.result():
                last = len(page) < PAGE  # the end of the log for now: who reads on chases its writers
                if not last:
                    coming = ahead.submit(fetch, page[-1].id)
                if taken := self.take(page):
                    yield taken
                if last:
                    return

    def take(self, notifications: Sequence[Notification]) -> Sequence[Followed]:
        """These events, followed; those that were erased are left out, also where that happens meanwhile. Of a stream
        that is damaged nothing is followed from there on, and `set_aside` is told once. Raises what `AWAY` names."""
        return [followed for part in self.parts(notifications) for followed in part]

    def parts(self, notifications: Sequence[Notification]) -> Iterator[Sequence[Followed]]:
        """The same in parts, each of what was followed in a second or so, and at least one event: for whoever keeps a
        lease. `passed` is where the part ends, which may have nothing in it. Nothing is worked out before it is asked
        for. Raises LaterRelease at an event of a later release, behind the part that ends before it."""
        taken: list[Followed] = []
        start, began, yielded = 0, time.monotonic(), -1
        while start < len(notifications):
            lump = notifications[start : start + self._at_once]
            start += len(lump)
            for found in self._opened(lump):
                self._still()
                if self._is_later(found):
                    self.passed = found.position - 1
                    yield taken
                    raise LaterRelease(f"position {found.position} is {found.why}")  # type: ignore[union-attr]
                self._take(found, taken)
                if time.monotonic() - began >= PART_SECONDS:
                    self.passed = yielded = found.position
                    yield taken
                    taken, began = [], time.monotonic()
            self.passed = lump[-1].id
        if notifications and yielded != notifications[-1].id:
            yield taken

    def _opened(self, lump: Sequence[Notification]) -> Sequence[Opened | Damage]:
        self._still()
        wanted = [n for n in lump if self._wanted(n.originator_id, n.topic)]  # type: ignore[arg-type]
        began = time.monotonic()
        opened = self.store.open_each(wanted)
        slow = time.monotonic() - began > MOMENT_SECONDS
        self._at_once = max(1, len(lump) // 2) if slow else min(PAGE, max(self._at_once, 2 * len(wanted)))
        return opened

    def _is_later(self, found: Opened | Damage) -> bool:
        """Whether all has to wait for a newer release: the case is whole, and to pass it by would lose what it says."""
        is_aside = found.version >= self.aside.get(found.stream, found.version + 1)
        return isinstance(found, Damage) and found.later and not is_aside

    def _take(self, found: Opened | Damage, taken: list[Followed]) -> None:
        if found.version >= self.aside.get(found.stream, found.version + 1):
            return
        damage = found if isinstance(found, Damage) else self._follow(found, taken)
        if damage is not None:
            self.aside[damage.stream] = damage.version
            self.files.forget(damage.stream)
            if self._set_aside is not None:
                self._set_aside(damage)

    def _follow(self, opened: Opened, taken: list[Followed]) -> Damage | None:
        try:
            taken.append(self.files.follow(opened))
        except AWAY:
            raise
        except KeyGone as gone:
            if Compartment.COORDINATION not in self.store.keys.erased(opened.stream):
                return self._damage(opened, gone)
        except Exception as problem:
            return self._damage(opened, problem)
        return None

    def _damage(self, opened: Opened, problem: Exception) -> Damage:
        if self._set_aside is None:
            raise problem
        version = problem.version if isinstance(problem, OutOfPlace) else opened.version
        return Damage(opened.position, opened.stream, version, opened.topic, where(problem))

    def only(self, wanted: Callable[[UUID, str], bool]) -> None:
        """From now on leave out, unopened, the events of whose stream and topic this says no."""
        self._wanted = wanted

    def follow(self, after: int, stop: Event, pause: float) -> Iterator[Sequence[Followed]]:
        """Events after a position, in batches, as they come, until told to stop; an empty batch whenever nothing
        came for `pause` seconds. Raises what broke the connection to the database.

        What wakes it may be lost: a notification that was sent while the connection that listens was being made again.
        So whenever nothing came it looks for itself, and nothing waits longer than `pause` for the next event.
        """
        position = self.passed = after
        with self.store.recorder.follow(after) as following:
            while not stop.is_set():
                batch = following.next_batch(pause)
                if not batch:
                    self.store.keys.renew()  # also a follower that has nothing to do forgets what was erased
                    batch = self.store.recorder.select_notifications(position, PAGE, inclusive_of_start=False)
                batch = [n for n in batch if n.id > position]  # what it found for itself comes again
                if not batch:
                    yield ()
                    continue
                position = batch[-1].id
                yield from self.parts(batch)

    def head(self) -> int:
        """The position of the newest event, 0 for none."""
        return self.store.head()


def _check_order(before: Sequence[Written], written: Written) -> None:
    """Raises OutOfPlace where one before it in its stream stands behind it in the log."""
    if before and before[-1].position >= written.position:
        check_order([(w.position, w.version) for w in before], written.position)


def _read(store: EventStore, stream: UUID, version: int, still: Still) -> list[Written]:
    """All of a stream up to a version, read a part at a time. Raises OutOfPlace where one is missing."""
    found: list[Written] = []
    for after in range(0, version, READ_AT_ONCE):
        still()
        upto = min(after + READ_AT_ONCE, version)
        part = [written_of(opened) for opened in store.read(stream, after, upto)]
        if part:
            _check_order(found, part[0])
        found += part
        if len(found) != upto:
            raise OutOfPlace(len(found) + 1, "is missing")
    return found


def written_of(opened: Opened) -> Written:
    """An opened record in the words of the disclosure rule."""
    agency, actor, correlation, at = author_of(opened.state)
    return Written(
        position=opened.position,
        stream=opened.stream,
        version=opened.version,
        topic=opened.topic,
        event=opened.event,
        compartments_present=frozenset(held_in(opened.state)),
        author=agency,
        actor=actor,
        at=at,
        correlation=correlation,
        digest=sha256(opened.state).digest()[:16],
    )
