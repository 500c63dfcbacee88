"""An agency's webhook, as its administrator sees it: the secret, how far it is, and what went wrong last."""

from datetime import datetime

from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.codes import Role
from rujukan.domain.refusal import NotForThisAgency, Unknown

from .asking import add_reading, json_answer
from .casework import Casework
from .contract import read_operation
from .identity import Identity, acting
from .ports import Ports

PATH = "/agencies/{code}/webhook"
ADMINISTRATORS = frozenset({Role.AGENCY_ADMINISTRATOR})


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


ANSWERS: list[type] = [WebhookView]


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """GET an agency's webhook."""

    def show_webhook(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        act = acting(caller, casework.network.get(caller.agency), ADMINISTRATORS, purpose, ports.now())
        code = request.path_params["code"]
        if act.agency != code:
            raise NotForThisAgency()
        casework.network.forget(code)  # who set it a moment ago wants the secret
        agency = casework.network.get(code)
        if agency is None or agency.webhook is None:
            raise Unknown(what="webhook")
        webhook = agency.webhook
        state = ports.webhooks.state(code, webhook.registration)
        return json_answer(WebhookView(url=webhook.url, disabled=webhook.disabled, **state._asdict()))

    add_reading(
        app,
        PATH,
        show_webhook,
        "agencies",
        read_operation(PATH, WebhookView),
        summary="An agency's webhook: its secret, and how far it is",
    )
