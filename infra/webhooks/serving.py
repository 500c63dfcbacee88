"""What an agency's administrator is shown of its webhook, and what is looked at before one is set."""

from psycopg import Connection
from psycopg.rows import TupleRow

from ...api.application.ports import WebhookState
from ...domain.fact import AgencyCode
from ..database import Pool, acting_for
from ..keys.home import PublicKeys, Sharing
from . import rows
from .addresses import Networks
from .signature import public_key, secret_of


class ApiWebhooks:
    """Webhooks as the API asks for them: under row-level security."""

    def __init__(self, pool: Pool, sharing: Sharing, keys: PublicKeys, networks: Networks) -> None:
        self._pool = pool
        self._sharing = sharing
        self._keys = keys
        self._networks = networks

    def check(self, url: str) -> None:
        self._networks.check(url)

    def state(self, agency: AgencyCode, registration: int) -> WebhookState:
        with acting_for(self._pool, agency) as db:
            far = rows.progress(db, agency)
            head = _head(db, agency)
        secret = secret_of(self._sharing, agency, registration)
        return WebhookState(secret, public_key(self._keys, agency), head, *far)


def _head(db: Connection[TupleRow], agency: AgencyCode) -> int:
    row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
    return int(row[0]) if row else 0
