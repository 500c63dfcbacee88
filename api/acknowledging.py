"""What agencies acknowledge over HTTP: each as often as a machine should, and no more."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..domain.codes import Purpose
from ..domain.delivery import AcknowledgeDeliveries
from ..domain.standing.rule import roles_for
from .actions import Action
from .contract import HEADERS, write_operation
from .gate import Work
from .identity import Caller, acting
from .parameters import REF
from .requests import correlation_of, fields_of, read_body
from .serving import Door, json_answer

PATH = "/subscription/acknowledgements"
EXAMPLE = {
    "received": {"sequence": 12, "receipt": "l5WvDqcrUjEdmAFnbQVsPw"},
    "handled": {"sequence": 11, "receipt": "gYdV0Bn6FPwpBQ1wpF0bjQ"},
    "failed": [{"sequence": 9, "reason": "handler-failed"}],
}
ACKNOWLEDGING = Action(PATH, AcknowledgeDeliveries, "subscription", EXAMPLE)


class MarksView(Struct, frozen=True):
    """How far the service knows the agency to be: everything up to these sequences, but for what failed."""

    received: int
    handled: int


ANSWERS: list[type] = [MarksView]


def add_routes(door: Door) -> None:
    """POST what arrived and was handled."""
    rooms = door.rooms

    def acknowledge(request: Request, body: bytes, caller: Caller) -> Response:
        agency = rooms.network.get(caller.agency)
        purpose = request.headers.get("purpose-of-use", Purpose.COORDINATION.value)  # a machine need not say it
        act = acting(caller, agency, roles_for(AcknowledgeDeliveries), purpose, rooms.now())
        command = read_body(AcknowledgeDeliveries, fields_of(ACKNOWLEDGING, request, body, act))
        marks = rooms.acknowledgements.take(act.agency, command, act, correlation_of(request))
        return json_answer(MarksView(marks.received, marks.handled))

    operation = write_operation(ACKNOWLEDGING)
    operation["parameters"] = [{**header, "required": False} for header in HEADERS]
    operation["responses"]["200"] = {
        "description": "Recorded, durably",
        "content": {"application/json": {"schema": {"$ref": REF.format(name=MarksView.__name__)}}},
    }
    door.post(
        PATH,
        acknowledge,
        operation,
        name=AcknowledgeDeliveries.__name__,
        summary="Say what arrived, what was handled, and what could not be",
        tag="subscription",
        work=Work.MARKS,
    )
