"""The agency's side: receive, open, verify, put in order, hand to a handler, and say so.

    def handle(delivery, db):            # db: the inbox's own connection; what it writes commits with it
        print(delivery.topic, delivery.fields())

    source = KafkaSource("rsud", "kafka:9092")           # or FeedSource("rsud", Feed("https://…", token))
    inbox = SqliteInbox("inbox.db", handle)
    Subscription(source, [key_from(Path("rsud.key"))], service_key("…"), inbox).run(Event())

The order in which an agency is told is the order in which its handler is called, each delivery once in effect. A
handler that raises is called again, and nothing overtakes it; after `Rules.tries` the delivery is a dead letter, and so
it is after `Rules.deaths` of processes that died of it. That a
number is missing is noticed when a later one comes: it is fetched from the feed where one is given; otherwise what came
waits for it, or `Rules.skip_gaps`.
"""

import logging
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...wire.acknowledgement import Reason
from ...wire.envelope import Attributes, BadSignature, NotOurs
from ..inbox.handling import PROCESS_DIED, Rules
from ..inbox.inbox import Inbox
from ..inbox.notes import Cursor
from ..inbox.order import Gap, Order, parts
from ..inbox.taking import Tally
from ..transports.feed import PAGE, Feed, FeedPage
from ..transports.transport import AnotherHistory, Arrived, Bookmark, NotAdmitted, Source, Unreachable
from .beginning import Beginning
from .doubt import Doubt
from .halts import GapStands, SeenOtherwise, Waits
from .keys import KeyDirectory, Keys
from .opening import Opening
from .part import Part
from .reports import Reports

log = logging.getLogger(__name__)
RECEIVE_SECONDS = 0.2
HEAL_SECONDS = 60.0
"""So often it asks the feed for what was gone on without."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
GAP_PAUSE = 60.0


class Subscription:
    """One agency's subscription. `run` belongs to one thread."""

    def __init__(
        self,
        source: Source,
        keys: Keys,
        service: Ed25519PublicKey | Iterable[Ed25519PublicKey],
        inbox: Inbox[Any],
        *,
        feed: Feed | None = None,
        rules: Rules | None = None,
        name: str | None = None,
        part: Part | None = None,
    ) -> None:
        """`service` is the service's key, pinned, or several while it is rotated. `feed` has what the source lost.
        `part` and `name` are for a replay (replay.py): it has a cursor of its own, and says nothing to the service."""
        self._source = source
        pinned = (service,) if isinstance(service, Ed25519PublicKey) else tuple(service)
        self.doubt = Doubt(pinned)
        """Whether another key is pinned than the service's: then nothing is handled."""
        self._inbox = inbox
        self._feed = feed
        self._rules = rules or Rules()
        self.name = name or source.agency
        """Of its cursor in the inbox."""
        self._part = part or Part()
        self._is_replay = part is not None
        self._outages: tuple[type[Exception], ...] = (Unreachable, *inbox.errors)
        self._order: Order[tuple[Attributes, Arrived]] = Order(0)
        self._left: list[Arrived] = []
        """Not handled any more, as it was told to stop."""
        self._begun = False
        self._rewind = False
        self._beginning = Beginning(inbox, self.name, self._part)
        keys = keys if isinstance(keys, KeyDirectory) else tuple(keys)
        self.opening = Opening(self.name, keys, pinned, inbox, self._part, self._rules)
        """Whether something waits for a key that is not here, or for a newer release: nothing behind it is handled."""
        self._reports: Reports | None = None
        self._healed = 0.0
        self._waited_for: Gap | None = None
        self.handled = 0
        self.again = 0
        self.rejected = 0
        """What the service did not sign."""
        self.dead = 0

    def run(self, stop: Event) -> None:
        """Receive until told to stop; a replay, until its end. Outages, of either side, are waited out. Raises
        NotAdmitted where the other side refused our credentials for long."""
        pause = FIRST_PAUSE
        self._reports = None if self._is_replay else Reports(self._inbox, self.name, self._source.replies())
        try:
            while not stop.is_set():
                done, after = self.handled + self.again, 0.0
                try:
                    self._session(stop)
                    break
                except (GapStands, SeenOtherwise):
                    longest = GAP_PAUSE
                except Waits:
                    longest = FIRST_PAUSE
                    if self._is_replay and self.opening.words:
                        raise
                except AnotherHistory:
                    longest = FIRST_PAUSE if self._beginning.look_back() else GAP_PAUSE
                    if self._is_replay and longest == GAP_PAUSE:
                        raise
                except self._outages as problem:
                    if isinstance(problem, NotAdmitted) and problem.is_for_good:
                        raise
                    longest = LONGEST_PAUSE  # what a problem says is logged where it is ours and so names no content
                    after, said = (problem.after, str(problem)) if isinstance(problem, Unreachable) else (0.0, "")
                    log.warning("receiving starts again: %s: %s", type(problem).__name__, said)
                pause = FIRST_PAUSE if self.handled + self.again > done and longest < GAP_PAUSE else pause
                stop.wait(after + pause * random.uniform(0.5, 1))  # noqa: S311
                pause = min(pause * 2, longest)
            with suppress(*self._outages):
                self._inbox.watch.end(self.name)
        finally:
            self._source.close()
            if self._reports is not None:
                with suppress(*self._outages):
                    self._reports.end(self._so_far)
                self._reports = None

    @property
    def gap(self) -> Gap | None:
        """The numbers that it waits for now."""
        return self._waited_for

    def _session(self, stop: Event) -> None:
        cursor = self._inbox.notes.cursor(self.name)
        if cursor is None and self._part.behind is not None:
            cursor = self._inbox.begin(self.name, self._part.behind, says=not self._is_replay)
        self._begun = cursor is not None
        self._waited_for = next((gap for gap, state in self._inbox.notes.gaps(self.name) if state == "open"), None)
        cursor = cursor or Cursor(0)
        self._order = Order(cursor.handled)
        self._left = []
        self.opening.look(self._feed)
        self._source.start(None if self._rewind else cursor.place, self._beginning.last(cursor.handled))
        self._rewind = False
        try:
            self._receive(stop)
        except Waits:
            self._source.settled(self._left, ())
            self._wait(stop)
            raise

    def _receive(self, stop: Event) -> None:
        while not stop.is_set():
            received = () if self._order.full else self._source.receive(RECEIVE_SECONDS)
            refused = self._arrive(received, stop, received[-1].after) if received else ()
            if self._order.gap is not None:
                self._close_gap(idle=not received, stop=stop)
            elif self._waited_for is not None and self._order.done >= self._waited_for.last:
                self._wait_for(None)
            self._source.settled([*(sealed for _, sealed in self._order.early), *self._left], refused)
            if not received and self._source.at_end:
                if self._is_replay:
                    return
                self._inbox.caught_up(self.name)
            self._look_around(stop)

    def _wait(self, stop: Event) -> None:
        """Until what waits need not wait any more; a replay, until its end. What comes meanwhile comes again."""
        received: Sequence[Arrived] = ()
        again_at = time.monotonic() + GAP_PAUSE
        while not stop.is_set() and time.monotonic() < again_at and not self.opening.goes_on(received):
            received = self._source.receive(RECEIVE_SECONDS)
            self._source.settled([*self._left, *received], ())
            if not received and self._is_replay and self._source.at_end:
                return
            self._report()
            self.opening.say()
            self.opening.look(self._feed)

    # What arrives

    def _arrive(self, received: Iterable[Arrived], stop: Event, place: Bookmark | None = None) -> list[Arrived]:
        """Handle what is next, and what was missing; pass over repeats; let what is early wait. Returns what the
        service did not sign. Raises SeenOtherwise, with what came before handled."""
        ready: list[tuple[Attributes, Arrived]] = []
        passed: list[tuple[Attributes, Arrived]] = []
        refused: list[tuple[Arrived, Reason]] = []
        came: dict[int, str] | None = None
        other, is_signed = 0, False
        for sealed in received:
            try:
                attributes = self.opening.opener.verified(sealed.headers, sealed.key, sealed.value)
                is_signed = True
                if attributes.subject != self._source.agency:
                    raise NotOurs("it is for another agency")
            except (NotOurs, BadSignature) as problem:
                refused.append((sealed, "not-ours" if isinstance(problem, NotOurs) else "bad-signature"))
                continue
            if not self._part.wants(attributes, sealed, self.opening.opener):
                continue
            number = self._part.number(attributes)
            if not self._begun:
                self._begun = True
                self._order = Order(self._inbox.begin(self.name, number - 1).handled)
            if number > self._order.done:
                waits = self._order.waiting(number)
                if waits and waits[0].id != attributes.id and self._is_other(number, attributes, sealed):
                    other = other or number
                elif not other:
                    ready += self._order.take(number, (attributes, sealed))
                continue
            if came is None:
                came = {number: id for id, number in self._inbox.notes.recent(self.name).items()}
            before = next((a.id for a, _ in reversed(ready) if self._part.number(a) == number), came.get(number))
            if before not in (None, attributes.id) and self._is_other(number, attributes, sealed):
                other = other or number  # of those behind it, what is other too is kept, and nothing is handled
            elif not other:
                passed.append((attributes, sealed))
        if known := self.doubt.refused(refused, is_signed):
            self.rejected += self._inbox.reject(self.name, known)
        place = place if self._order.gap is None and not other and not self.doubt.count else None
        try:
            self._handle(ready, stop, place, beside=[*passed, *self._order.early])
        except Waits:
            self._left += [*(sealed for _, sealed in passed), *(sealed for sealed, _ in refused)]
            raise
        if passed and stop.is_set():
            self._left += [sealed for _, sealed in passed]
        elif passed:
            self._handle(self._missing(passed), stop)
        if other and not stop.is_set():
            log.critical("number %d came again with another delivery than before: see the dead letters", other)
            raise SeenOtherwise
        return [sealed for sealed, _ in refused]

    def _is_other(self, number: int, attributes: Attributes, sealed: Arrived) -> bool:
        """Whether it is not what was handled under this number, and no person has had it handled too. It is kept."""
        if self._inbox.missing(self.name, [(number, attributes.id)]):
            return False
        self.dead += self._inbox.set_aside(self.name, attributes, sealed)
        return self._inbox.letters.state(self.name, attributes) == "open"

    def _missing(self, passed: Sequence[tuple[Attributes, Arrived]]) -> list[tuple[Attributes, Arrived]]:
        """Those that were passed without being handled; the rest are repeats."""
        came = [(self._part.number(attributes), attributes.id) for attributes, _ in passed]
        missing = self._inbox.missing(self.name, came)
        late = []
        for one, (attributes, sealed) in zip(came, passed, strict=True):
            if one in missing:
                late.append((attributes, sealed))
            else:
                self.again += 1
        return late

    def _handle(
        self,
        messages: Sequence[tuple[Attributes, Arrived]],
        stop: Event,
        place: Bookmark | None = None,
        beside: Sequence[tuple[Attributes, Arrived]] | None = None,
    ) -> None:
        """Open these, hand them on, and call a handler that raised again. Where `beside` says what else came with them,
        it may raise Waits, with those before handled."""
        left = len(messages)
        for some in parts(messages, self._rules.together):
            left -= len(some)
            opened = [self.opening.open(*message, self._feed) for message in some]
            rest = messages[len(messages) - left :]
            held = None if beside is None else self.opening.holds(opened, [*rest, *beside])
            waiting = [] if held is None else opened[held:]
            opened, place = (opened, place) if held is None else (opened[:held], None)
            if self._reports is not None:
                self._reports.received(opened)
            self._report()
            failures = 0
            while opened and not stop.is_set():
                taken = self._inbox.take(self.name, opened, place if not left else None, self._rules)
                opened = opened[taken.done :]
                self._count(taken)
                self._report()
                if taken.stopped_by:
                    failures = max(1 if taken.done else failures + 1, taken.tries)
                    if taken.stopped_by == PROCESS_DIED:
                        log.error("%d processes died while they handled one delivery; it is handled again", taken.tries)
                    else:
                        log.warning("the handler raised %s; it is called again", taken.stopped_by)
                    stop.wait(self._rules.pause(failures))
            if stop.is_set() or held is not None:
                self._left += [one.sealed for one in (*opened, *waiting)]
                self._left += [sealed for _, sealed in rest]
                if stop.is_set():
                    return
                raise Waits
        if not messages and place is not None:
            self._inbox.take(self.name, (), place, self._rules)

    def _count(self, taken: Tally) -> None:
        self.handled += taken.handled
        if taken.handled:
            self._beginning.went_on()
        self.again += taken.again
        self.dead += taken.dead
        if taken.dead:
            log.error("%d deliveries are dead letters now", taken.dead)
        if taken.disordered:
            log.error("%d deliveries do not follow the last one of their case", taken.disordered)

    # What is missing

    def _close_gap(self, idle: bool, stop: Event) -> None:
        """Fetch what is missing; without a feed see whether it comes; then go on without it, or raise GapStands."""
        answered = self._feed is None
        while (gap := self._order.gap) is not None and not stop.is_set():
            if self._waited_for is None or gap.last != self._waited_for.last:
                log.error("%d to %d are missing; what comes after them waits", *gap)
            if gap != self._waited_for:
                self._wait_for(gap)
            if self._feed is not None:
                try:
                    page = self._fetched(gap)
                    self._arrive(page.messages, stop)
                    answered = page.is_last or page.upto >= gap.last  # else it is held, and comes in a moment
                except AnotherHistory:
                    raise
                except Unreachable as problem:
                    if isinstance(problem, NotAdmitted) and problem.is_for_good:
                        raise
                    log.warning("the feed does not help: %s", problem)
            elif not (idle or self._order.full):
                return
            if self._order.gap != gap:
                continue
            if not (self._rules.skip_gaps and answered):
                self._rewind = self._feed is None
                raise GapStands
            log.error("going on without %d to %d", *gap)
            self._inbox.skip(self.name, gap)
            self._waited_for = None
            self._handle(self._order.skip(gap), stop)

    def _fetched(self, gap: Gap) -> FeedPage:
        assert self._feed is not None
        return self._feed.page(self._beginning.before(gap.first), min(PAGE, gap.last - gap.first + 1))

    def _wait_for(self, gap: Gap | None) -> None:
        self._inbox.wait_for(self.name, gap)
        self._waited_for = gap

    def _heal(self, stop: Event) -> None:
        """Fetch what was gone on without, and what no key opened: it may be sealed to another by now."""
        first = 0
        while (sealed := self._inbox.letters.first_cannot_open(self.name, first)) is not None and not stop.is_set():
            before = self.handled
            self._arrive(self._fetched(Gap(sealed, sealed + PAGE)).messages, stop)
            if self.handled == before:
                break
            first = sealed
        for gap, state in self._inbox.notes.gaps(self.name):
            if state == "skipped" and not stop.is_set():
                self._arrive(self._fetched(gap).messages, stop)

    # What is beside it

    def _look_around(self, stop: Event) -> None:
        """Now and then: report, keys that were added, gaps that the feed may close."""
        self._report()
        self.doubt.say()
        self.opening.look(self._feed)
        now = time.monotonic()
        if self._feed is not None and not self._is_replay and now - self._healed > HEAL_SECONDS:
            self._healed = now
            try:
                self._heal(stop)
            except AnotherHistory:
                raise
            except Unreachable as problem:
                log.warning("the feed does not help: %s", problem)

    def _report(self) -> None:
        if self._reports is not None:
            self._reports.report(self._so_far)

    @property
    def _so_far(self) -> object:
        return self.handled, self.dead, self.rejected
