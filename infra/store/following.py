"""The log as followers meet it: each event with its case's state and who is told what."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

from eventsourcing.persistence import Notification

from ...domain.catalogue import TOLD
from ...domain.compartment import Compartment
from ...domain.disclosure import Followed, Knowledge, Told, Written
from ...domain.erasure import DeletionAsked
from .data_keys import KeyGone
from .event_store import EventStore, Opened
from .sealed_record import author_of, held_in

CASES_KEPT = 20_000
PAGE = 2_000


class CaseFiles:
    """Follows events in the log's order. What a case was told to whom is folded from its stream; the cases met
    last are kept, others are folded again when they are met again. Belongs to one thread."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._files: OrderedDict[UUID, Knowledge] = OrderedDict()
        self.close = store.keys.when_erased(lambda stream: self._files.pop(stream, None))
        """Ends it: it is not to be used again, and nothing holds what it knows of the cases."""

    def follow(self, opened: Opened) -> Followed:
        """The event with the state of its case after it, and what it lets agencies know."""
        written = written_of(opened)
        if isinstance(written.event, DeletionAsked):
            return Followed(written, None, [Told(written.event.agency, written, written.compartments_present)])
        if written.topic not in TOLD:
            return Followed(written)
        file = self._at(written.stream, written.version - 1)
        tell = file.follow(written)
        return Followed(written, file.case, tell)

    def _at(self, stream: UUID, version: int) -> Knowledge:
        """What is known of a case after that version."""
        file = self._files.get(stream)
        if file is None or len(file.written) != version:
            file = Knowledge()
            if version:
                for opened in self._store.read(stream, upto=version):
                    file.follow(written_of(opened))
            self._files[stream] = file
            if len(self._files) > CASES_KEPT:
                self._files.popitem(last=False)
        self._files.move_to_end(stream)
        return file


class Follower:
    """The log, followed: what the projection runner and the publisher read."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.files = CaseFiles(store)
        self._wanted: Callable[[UUID, str], bool] = lambda stream, topic: True
        self.passed = 0
        """The last position that `follow` read, also of an erased event, which it does not yield."""

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
        """These events, followed; those that were erased are left out, also where that happens meanwhile."""
        wanted = [n for n in notifications if self._wanted(n.originator_id, n.topic)]  # type: ignore[arg-type]
        taken: list[Followed] = []
        for opened in self.store.open_all(wanted):
            try:
                taken.append(self.files.follow(opened))
            except KeyGone:
                if Compartment.COORDINATION not in self.store.keys.erased(opened.stream):
                    raise
        return taken

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
                if batch:
                    self.passed = position = batch[-1].id
                yield self.take(batch)

    def head(self) -> int:
        """The position of the newest event, 0 for none."""
        return self.store.head()


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
    )
