"""What arrived at an agency, when: what it said itself of each delivery, looked for in the log."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from datetime import datetime

from ...domain import delivery
from ...domain.delivery import Acknowledged, Arrival, ToldSoFar
from ...domain.fact import AgencyCode
from .casework import Casework
from .kinds import delivery_of
from .ports import Log

PAGE = 64
"""So many acknowledgements are read at once, where one is looked for among a year's."""


class Arrivals:
    """Says what agencies acknowledged, and when. Safe to share between threads."""

    def __init__(self, casework: Casework, log: Log) -> None:
        self._casework = casework
        self._log = log

    def at(self, agency: AgencyCode, sequences: Collection[int], by: datetime) -> Mapping[int, Arrival]:
        """What the agency had said of the deliveries with these numbers by then, from the log. Marks only grow, so few
        of the acknowledgements are read, however many there are. Raises Unreadable."""
        marks = self._casework.state(delivery_of(agency, ToldSoFar(0, {})), agency)
        if marks is None or not sequences:
            return dict.fromkeys(sequences, Arrival())
        said = _Said(self._log, agency)
        versions = range(1, marks.version + 1)
        wanted: set[int] = set()
        for sequence in sequences:
            if sequence <= marks.received:
                wanted.add(versions[bisect_left(versions, sequence, key=lambda v: said.at(v)[1].received)])
            if sequence <= marks.handled:
                wanted.add(versions[bisect_left(versions, sequence, key=lambda v: said.at(v)[1].handled)])
        if odd := {*sequences} & (marks.failed | marks.recovered):  # rare, and named by any of them
            wanted |= {v for v in versions if odd & _names(said.at(v)[1])}
        return delivery.arrivals(sequences, [one for v in sorted(wanted) if (one := said.at(v))[0] <= by])


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


def _names(said: Acknowledged) -> set[int]:
    return {f.sequence for f in said.failed} | {*said.recovered}
