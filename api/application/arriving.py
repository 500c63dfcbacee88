"""What arrived at an agency, when: what it said itself of each delivery, looked for in the log."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from ...domain import delivery
from ...domain.delivery import Acknowledged, Arrival, Marks, ToldSoFar
from ...domain.fact import AgencyCode
from ...domain.memory import Memory
from .casework import Casework
from .kinds import delivery_of
from .ports import Log

PAGE = 64
"""So many acknowledgements are read at once, where one is looked for among a year's."""
CLOCKS = timedelta(minutes=5)
"""An acknowledgement that is stamped so much earlier than what it acknowledges may still be of it."""
REMEMBERED = 10_000
"""Deliveries that failed of which it is remembered where that was said."""


class Arrivals:
    """Says what agencies acknowledged, and when. Safe to share between threads."""

    def __init__(self, casework: Casework, log: Log) -> None:
        self._casework = casework
        self._log = log
        self._named: Memory[tuple[AgencyCode, int], tuple[int, ...]] = Memory(REMEMBERED, lambda _: 1)

    def at(self, agency: AgencyCode, told: Mapping[int, datetime], by: datetime) -> Mapping[int, Arrival]:
        """What the agency had said of these deliveries by then, from the log. `told`: number → since when it was
        entitled to that. Marks only grow, so few of the acknowledgements are read, however many there are; of what
        failed, those from then on, until it was said that it failed, and came right. Raises Unreadable."""
        return delivery.arrivals(told, [(at, said) for _, at, said in self.said(agency, told, by)])

    def said(
        self, agency: AgencyCode, told: Mapping[int, datetime], by: datetime
    ) -> list[tuple[int, datetime, Acknowledged]]:
        """Those acknowledgements by which it is known: (version in the agency's stream, when it was recorded, what it
        says), in order."""
        marks = self._casework.state(delivery_of(agency, ToldSoFar(0, {})), agency)
        if marks is None or not told:
            return []
        said = _Said(self._log, agency)
        versions = range(1, marks.version + 1)
        wanted: set[int] = set()
        for sequence, since in told.items():
            if sequence <= marks.received:
                wanted.add(versions[bisect_left(versions, sequence, key=lambda v: said.at(v)[1].received)])
            if sequence <= marks.handled:
                wanted.add(versions[bisect_left(versions, sequence, key=lambda v: said.at(v)[1].handled)])
            if sequence in marks.failed | marks.recovered:  # rare, and any of them may name it
                wanted |= {*self._names(agency, said, marks, sequence, since)}
        return [(v, *one) for v in sorted(wanted) if (one := said.at(v))[0] <= by]

    def _names(
        self, agency: AgencyCode, said: "_Said", marks: Marks, sequence: int, since: datetime
    ) -> tuple[int, ...]:
        """The versions that say that this failed, and that it came right: each is said once."""
        known = self._named.get((agency, sequence))
        if known and all(sequence in _named_by(said.at(v)[1]) for v in known):
            return known
        left = (sequence in marks.failed) + (sequence in marks.recovered)
        found: list[int] = []
        for version in _from(said, marks.version, since - CLOCKS):
            if len(found) == left:
                break
            if sequence in _named_by(said.at(version)[1]):
                found.append(version)
        if len(found) == left:
            self._named[agency, sequence] = tuple(found)
        return tuple(found)


class _Said:
    """What an agency acknowledged, read as far as it is asked for."""

    def __init__(self, log: Log, agency: AgencyCode) -> None:
        self._log = log
        self._stream = delivery.delivery_stream(agency)
        self._pages: dict[int, list[tuple[datetime, Acknowledged]]] = {}

    def at(self, version: int) -> tuple[datetime, Acknowledged]:
        page, within = divmod(version - 1, PAGE)
        if page not in self._pages:
            found = self._log.read(self._stream, page * PAGE, (page + 1) * PAGE)
            self._pages[page] = [(w.at, w.event) for w in found if isinstance(w.event, Acknowledged)]
        return self._pages[page][within]


def _from(said: _Said, last: int, since: datetime) -> Iterator[int]:
    versions = range(1, last + 1)
    yield from versions[bisect_left(versions, since, key=lambda v: said.at(v)[0]) :]


def _named_by(said: Acknowledged) -> set[int]:
    return {f.sequence for f in said.failed} | {*said.recovered}
