"""Who knew what when, for a bundle: from the registers, as far as they fit to themselves and to the log, and from the
log what vouches for them, up to the record of the disclosure: what came later changes nothing of it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from ...api.application.arriving import Arrivals
from ...domain import delivery
from ...domain.delivery import Arrival
from ...domain.history import Entitlement, Register, missing_from
from ..delivery.facts import OnRecord
from ..delivery.receipts import Receipts
from ..delivery.sent import Row
from ..delivery.vouching import Found, SentOnRecord
from ..store.event_store import EventStore, Opened
from ..store.following import written_of

CLOCKS = timedelta(minutes=1)


class OfAgency(NamedTuple):
    """What is known of one agency and the case."""

    agency: str
    entitled: Sequence[Entitlement]
    sent: Sequence[Row]
    vouching: Sequence[Opened]
    """Events of the log that vouch for the rows."""
    vouched: frozenset[int]
    """The numbers of the rows that they vouch for."""
    acknowledged: Sequence[Opened]
    arrived: Mapping[int, Arrival]
    not_whole: Mapping[str, Any]

    @property
    def said(self) -> dict[str, Any]:
        """As `deliveries.json` has it."""
        return {
            "agency": self.agency,
            "entitled": [
                {
                    "sequence": e.sequence,
                    "by": e.at,
                    "of": e.position,
                    "since": e.since.isoformat(),
                    "compartments": sorted(c.word for c in e.compartments),
                }
                for e in self.entitled
            ],
            "sent": [row.sending.line for row in self.sent],
            "not_whole": self.not_whole,
        }


class Knowing:
    """Gathers it. Safe to share between threads."""

    def __init__(
        self, store: EventStore, register: OnRecord, receipts: Receipts, sent: SentOnRecord, arrivals: Arrivals
    ) -> None:
        self._store = store
        self._register = register
        self._receipts = receipts
        self._sent = sent
        self._arrivals = arrivals

    def of(self, case: UUID, made: Opened) -> list[OfAgency]:
        """Of each agency that was told anything of the case before that disclosure was recorded. Raises Unavailable
        where the register is behind."""
        _, facts = self._register.of_all(case)
        agencies = {fact.agency for fact in facts} | self._sent.agencies_of(case)
        found = (self._of(agency, case, made) for agency in sorted(agencies))
        return [of for of in found if of.entitled or of.sent or any(of.not_whole.values())]

    def _of(self, agency: str, case: UUID, made: Opened) -> OfAgency:
        register = self._receipts.of_case(agency, case, made.position)
        entitled = [e for e in register.entitled if e.sequence and e.at < made.position and e.compartments]
        sent, at = self._sent.of_case(agency, case), written_of(made).at
        stand = [entry for entry in sent.entries if entry.opened.position < made.position]
        upto = max((entry.said.upto for entry in stand), default=0)
        vouched = frozenset(
            row.number for row in sent.rows if any(e.said.since <= row.number <= e.said.upto for e in stand)
        )
        rows = [row for row in sent.rows if row.number in vouched or (row.number > upto and row.sent_at <= at)]
        said = self._acknowledged(agency, entitled, made)
        marks = [(written_of(o).at, o.event) for o in said if isinstance(o.event, delivery.Acknowledged)]
        arrived = delivery.arrivals([e.sequence for e in entitled], marks)
        vouching = [entry.opened for entry in stand]
        return OfAgency(agency, entitled, rows, vouching, vouched, said, arrived, _damage(register, sent))

    def _acknowledged(self, agency: str, entitled: Sequence[Entitlement], made: Opened) -> list[Opened]:
        told = {e.sequence: e.since for e in entitled}
        stream = delivery.delivery_stream(agency)
        by = written_of(made).at + CLOCKS
        versions = [version for version, _, _ in self._arrivals.said(agency, told, by)]
        found = [o for v in versions for o in self._store.read(stream, v - 1, v)]
        return [o for o in found if o.position < made.position]


def _damage(register: Register, sent: Found) -> dict[str, Any]:
    return {
        "entitled_changed": list(register.changed),
        "entitled_missing": missing_from(register, sent.told),
        "entitled_elsewhere": register.elsewhere,
        "sent_changed": list(sent.changed),
        "sent_missing": sent.missing,
        "sent_elsewhere": sent.elsewhere,
        "unread": list(sent.unread),
    }
