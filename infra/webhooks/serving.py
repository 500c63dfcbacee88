"""What an agency's administrator is shown of its webhook, and what is looked at before one is set."""

from psycopg import Connection
from psycopg.rows import TupleRow

from rujukan.api.application.ports import WebhookState
from rujukan.domain.fact import AgencyCode

from ..database import Pool, acting_for
from ..store.keyring import KeyProvider
from . import rows
from .addresses import Networks
from .signature import public_key, secret_of, signer_of


class ApiWebhooks:
    """Webhooks as the API asks for them: under row-level security."""

    def __init__(self, pool: Pool, provider: KeyProvider, networks: Networks) -> None:
        self._pool = pool
        self._provider = provider
        self._networks = networks

    def check(self, url: str) -> None:
        self._networks.check(url)

    def state(self, agency: AgencyCode, registration: int) -> WebhookState:
        with acting_for(self._pool, agency) as db:
            far = rows.state(db, agency)
            head = _head(db, agency)
        secret, signer = secret_of(self._provider, agency, registration), signer_of(self._provider, agency)
        return WebhookState(secret, public_key(signer), head, *far)


def _head(db: Connection[TupleRow], agency: AgencyCode) -> int:
    row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
    return int(row[0]) if row else 0
