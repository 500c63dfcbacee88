"""What is held for a moment is not passed by. Whatever is held, at whatever moment, over whichever HTTP door: an agency
that follows the cursor, or the link, gets every number once and in order."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import hypothesis
import psycopg
import pytest
from feeding import Feeding, eventually, serving
from fetching import consent_of
from hypothesis import example, given
from hypothesis import strategies as st
from office import believe_rows
from patience import PATIENCE_SECONDS
from some import examples

from rujukan.api import subscribing
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.subscribing.replay import Begin, from_feed, replay
from rujukan.consumers.agency.transports import feed as transport
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.infra import composition
from rujukan.infra.delivery.feed import ApiFeed
from rujukan.infra.settings import Settings

AGENCY = "rsud"
LINK, POLL = 7, 9
"""How many a page has: by that it is known who asked for it."""
STEPS = ("note 0", "note 1", "end 0", "end 1", "upgrade", "follow")


class Told(NamedTuple):
    """What the register has of a telling."""

    sequence: int
    at: int


class Holding:
    """Two cases that the hospital is told of, and whatever holds what it is told. The register follows the log only
    when it is told to, so what is held stays so for as long as a test wants, on any machine."""

    def __init__(
        self, feeding: Feeding, db: psycopg.Connection, keep_up: Callable[[], None], looks: Counter[int]
    ) -> None:
        self._feeding, self._db, self._keep_up, self.looks = feeding, db, keep_up, looks
        self.client = partial(feeding.client, AGENCY)
        self.key, self.service_key = feeding.keys[AGENCY], feeding.service_key
        self.cases: list[UUID] = []

    def begin(self) -> int:
        """With two new cases; the number before the first of them."""
        before = self.follow()
        self.cases = [self._feeding.case_with(AGENCY) for _ in range(2)]
        for case in (*self.cases, *self.cases):
            self._feeding.note(case)
        self.follow()
        return before

    def follow(self) -> int:
        """The register follows the log to its end, and nothing is held any more; the newest number."""
        self._keep_up()
        row = self._db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (AGENCY,)).fetchone()
        return int(row[0]) if row else 0

    def does(self, step: str) -> None:
        """`end`: a consent is withdrawn, and the register has not followed that. `upgrade`: the register was written by
        a release that did not know when consents run out, and all is held until that is read."""
        what, _, n = step.partition(" ")
        match what:
            case "note":
                self._feeding.note(self.cases[int(n)])
            case "end":
                office, case = self._feeding.office, self.cases[int(n)]
                office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
                self.cases[int(n)] = self._feeding.case_with(AGENCY)
            case "upgrade":
                believe_rows(self._db)
                self._db.execute("UPDATE delivery.reached SET expiries_known = false")
            case "follow":
                self.follow()

    def told(self, after: int, case: UUID | None) -> list[Told]:
        """What the register has behind that number, of one case where one is named."""
        rows = self._db.execute(
            "SELECT sequence, at_position FROM delivery.told WHERE agency = %s AND sequence > %s"
            " AND (%s::uuid IS NULL OR case_id = %s) ORDER BY sequence",
            (AGENCY, after, case, case),
        )
        return [Told(*row) for row in rows]

    def feed(self) -> Feed:
        return Feed(self._feeding.url, self.client().headers["Authorization"].removeprefix("Bearer "))

    def is_looked_at(self, doors: Sequence[int], given_up: Callable[[], bool] = lambda: False) -> None:
        """Until each of these doors has looked, from beginning to end, at what there is now; or nobody looks more."""
        before = Counter(self.looks)
        assert eventually(lambda: given_up() or all(self.looks[door] >= before[door] + 2 for door in doors))


@pytest.fixture(scope="module")
def holding(settings: Settings) -> Iterator[Holding]:
    looks: Counter[int] = Counter()
    page = ApiFeed.page

    def counted(self: ApiFeed, agency: str, after: Any, limit: int, case: UUID | None = None) -> Any:
        try:
            return page(self, agency, after, limit, case)
        finally:
            looks[limit] += 1

    with pytest.MonkeyPatch.context() as patched, psycopg.connect(settings.database, autocommit=True) as db:
        patched.setattr(ApiFeed, "page", counted)
        patched.setattr(subscribing, "LOOK_SECONDS", 0.02)
        with serving(settings, kept=False) as feeding, composition.follower(settings) as source:
            yield Holding(feeding, db, source.keep_up, looks)


class Reader:
    """Follows the links from page to page."""

    def __init__(self, client: httpx.Client, begin: int, limit: int, wait: int = 0) -> None:
        self._client = client
        self._url = f"/subscription/events?after={begin}&limit={limit}&wait={wait}"
        self.found: list[int] = []

    def read(self) -> None:
        """One more page."""
        page = self._client.get(self._url)
        self.found += (int(event["sequence"]) for event in page.json())
        self._url = page.links["next"]["url"]


class Doors:
    """An agency's machines, each of which reads by another door, until all have the last number."""

    def __init__(self, holding: Holding, begin: int) -> None:
        self._holding, self._last = holding, 0
        self._pages, self._polling = (Reader(holding.client(), begin, *how) for how in ((LINK, 0), (POLL, 1)))
        self._streamed: list[int] = []
        self._threads = [Thread(target=call, daemon=True) for call in (self._poll, partial(self._stream, begin))]
        for thread in self._threads:
            thread.start()

    def look(self) -> None:
        """Until each has looked, from beginning to end, at what there is now."""
        self._pages.read()
        self._holding.is_looked_at((POLL, subscribing.STREAM_PAGE))

    def read_to(self, last: int) -> dict[str, list[int]]:
        """What each door gave, up to that number."""
        self._last = last
        while not self._is_done(self._pages.found):
            self._pages.read()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        return {"link": self._pages.found, "long-poll": self._polling.found, "stream": self._streamed}

    def _is_done(self, found: Sequence[int]) -> bool:
        return bool(self._last and found and found[-1] >= self._last)

    def _poll(self) -> None:
        while not self._is_done(self._polling.found):
            self._polling.read()

    def _stream(self, begin: int) -> None:
        with self._holding.client().stream("GET", f"/subscription/stream?after={begin}") as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self._streamed.append(int(line.removeprefix("id: ").partition(".")[0]))
                if self._is_done(self._streamed):
                    return


@pytest.mark.thorough
@given(away=st.lists(st.sampled_from(STEPS), max_size=4), steps=st.lists(st.sampled_from(STEPS), max_size=4))
@example(away=["end 0"], steps=["note 1", "follow"])
@example(away=["upgrade"], steps=["follow"])
@example(away=["end 1", "note 0"], steps=["upgrade", "follow", "end 0"])
@hypothesis.settings(max_examples=examples(5, least=2))
def test_what_is_held_is_passed_by_at_no_door(holding: Holding, away: list[str], steps: list[str]) -> None:
    """The agency comes back while something may be held, and reads on while more is."""
    begin = holding.begin()
    for step in away:
        holding.does(step)
    doors = Doors(holding, begin)
    doors.look()
    for step in steps:
        holding.does(step)
        doors.look()
    holding.follow()
    holding.does("note 0")
    last = holding.follow()
    expected = list(range(begin + 1, last + 1))
    assert doors.read_to(last) == {"link": expected, "long-poll": expected, "stream": expected}


@pytest.mark.thorough
@pytest.mark.parametrize("of", ["all", "a case", "from a position"])
@pytest.mark.parametrize("held", ["end 0", "upgrade"])
def test_a_replay_does_not_end_before_what_is_held(holding: Holding, tmp_path: Path, held: str, of: str) -> None:
    begin = holding.begin()
    case = holding.cases[0] if of == "a case" else None
    told = holding.told(begin, case)
    holding.does(held)
    replaying = Replaying(holding, tmp_path, Begin(position=told[0].at) if of == "from a position" else Begin(), case)
    holding.is_looked_at([transport.PAGE], given_up=lambda: replaying.has_ended)
    assert not replaying.has_ended
    holding.follow()
    assert set(replaying.seen()) >= {one.sequence for one in told}
    assert replaying.seen() == sorted(set(replaying.seen()))


class Replaying:
    """A replay over the feed, in a thread, which ends at the present."""

    def __init__(self, holding: Holding, directory: Path, begin: Begin, case: UUID | None) -> None:
        self._seen: list[int] = []
        self._holding, self._directory, self._begin, self._case = holding, directory, begin, case
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def seen(self) -> list[int]:
        """All that was handed on until it ended."""
        self._thread.join(PATIENCE_SECONDS)
        assert self.has_ended
        return self._seen

    def _run(self) -> None:
        holding, begin, case = self._holding, self._begin, self._case
        inbox = SqliteInbox(self._directory / "inbox.db", lambda delivery, db: self._seen.append(delivery.sequence))
        reading = replay(
            from_feed(AGENCY, holding.feed(), begin, case),
            [holding.key],
            holding.service_key,
            inbox,
            begin,
            case=case,
            feed=holding.feed(),
        )
        reading.run(Event())
        inbox.close()
