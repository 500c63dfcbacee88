"""How far what an agency was told goes, and the receipts that lie in its deliveries: what an acknowledgement is held
against."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from uuid import UUID

from ...domain.delivery import ToldSoFar
from ..database import Pool, acting_for
from ..keys.home import Macs
from ..keys.names import DELIVERY_RECEIPT


class Receipts:
    """The register as acknowledgements ask for it. Safe to share between threads. The API's role sees the acting
    agency's rows only."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        self._pool = pool
        self._macs = macs

    def told(self, agency: str, sequences: Iterable[int]) -> ToldSoFar:
        """How far what the agency was told goes, and the receipts that lie in these deliveries, of those there are."""
        with acting_for(self._pool, agency) as db:
            row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
            found = db.execute(
                "SELECT sequence, id FROM delivery.told WHERE agency = %s AND sequence = ANY(%s)",
                (agency, list(sequences)),
            ).fetchall()
        return ToldSoFar(int(row[0]) if row else 0, {s: receipt_of(self._macs, id) for s, id in found})


def receipt_of(macs: Macs, id: UUID) -> str:
    """What only who opened a delivery can show."""
    return urlsafe_b64encode(macs.mac(DELIVERY_RECEIPT, id.bytes)[:16]).rstrip(b"=").decode()
