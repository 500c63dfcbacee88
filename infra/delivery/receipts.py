"""What the application asks of the register: how far what an agency was told goes, the receipts that lie in its
deliveries, which an acknowledgement is held against, and what it was told of a case."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from uuid import UUID

from ...api.application.ports import Unavailable
from ...domain.delivery import ToldSoFar
from ...domain.history import Register
from ...domain.sending import SentOfCase
from ..database import Pool, acting_for
from ..keys.home import Macs
from ..keys.names import DELIVERY_RECEIPT
from . import facts
from .facts import OnRecord
from .vouching import SentOnRecord

BEHIND_SECONDS = 5.0
"""How long who looks back waits for the register."""


class Receipts:
    """The register as acknowledgements ask for it. Safe to share between threads. The API's role sees the acting
    agency's rows only."""

    def __init__(self, pool: Pool, macs: Macs, on_record: OnRecord, sent: SentOnRecord) -> None:
        self._pool = pool
        self._sent = sent
        self._macs = macs
        self._on_record = on_record
        self.of_all = on_record.of_all

    def told(self, agency: str, sequences: Iterable[int]) -> ToldSoFar:
        """How far what the agency was told goes, and the receipts that lie in these deliveries, of those there are."""
        with acting_for(self._pool, agency) as db:
            row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
            found = db.execute(
                "SELECT sequence, id FROM delivery.told WHERE agency = %s AND sequence = ANY(%s)",
                (agency, list(sequences)),
            ).fetchall()
        return ToldSoFar(int(row[0]) if row else 0, {s: receipt_of(self._macs, id) for s, id in found})

    def of_case(self, agency: str, case: UUID, position: int) -> Register:
        """All that the register has on the agency and a case."""
        give_up = time.monotonic() + BEHIND_SECONDS
        while True:
            with self._pool.connection() as db:
                reached = facts.position(db, self._on_record.positions)
            if reached >= position:
                return self._on_record.of_agency(agency, case)
            if time.monotonic() > give_up:
                raise Unavailable("the register of what was told is behind")
            time.sleep(0.02)

    def sent(self, agency: str, case: UUID) -> SentOfCase:
        """What was sealed and sent to the agency of a case."""
        return self._sent.of_case(agency, case).told


def receipt_of(macs: Macs, id: UUID) -> str:
    """What only who opened a delivery can show."""
    return urlsafe_b64encode(macs.mac(DELIVERY_RECEIPT, id.bytes)[:16]).rstrip(b"=").decode()
