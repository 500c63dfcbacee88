"""An agency's webhook, as its administrator sees it: the secret, how far it is, and what went wrong last."""

from datetime import datetime

from msgspec import Struct

from ..domain.refusal import Unknown
from ..domain.standing.readings import WEBHOOK
from .application.reading import Asked
from .application.rooms import Rooms
from .reads import Read


class WebhookView(Struct, frozen=True):
    """Where the agency has what it is told posted."""

    url: str
    secret: str
    """What messages are signed with by HMAC-SHA256 (`v1`); another whenever the webhook is set."""
    public_key: str
    """What their Ed25519 signature (`v1a`) is checked with."""
    disabled: str | None
    """Why the system stopped: gone, failing."""
    sent: int
    """Everything up to this sequence was taken."""
    head: int
    failures: int
    """Attempts in a row that failed, since `failing_since`; the next is due at `next_at`."""
    failing_since: datetime | None
    next_at: datetime | None
    outcome: str
    """Of the last attempt, at `last_at`."""
    last_at: datetime | None


def show_webhook(rooms: Rooms, asked: Asked, *, code: str) -> WebhookView:
    agency = rooms.network.get(code)
    if agency is None or agency.webhook is None:
        raise Unknown(what="webhook")
    webhook = agency.webhook
    state = rooms.webhooks.state(code, webhook.registration)
    return WebhookView(url=webhook.url, disabled=webhook.disabled, **state._asdict())


READS = (
    Read(
        "/agencies/{code}/webhook",
        show_webhook,
        WebhookView,
        "agencies",
        WEBHOOK,
        summary="An agency's webhook: its secret, and how far it is",
    ),
)
