"""An agency says that it deleted what it was told of what was erased or recalled."""

from starlette.requests import Request
from starlette.responses import Response

from ..domain.erasure import AcknowledgeErasure
from .actions import Action
from .application.kinds import ERASURE
from .contract import write_operation
from .identity import Caller
from .requests import correlation_of, fields_of, read_body, sent, unsaid_in
from .serving import Door
from .writes import stored

ACKNOWLEDGING = Action("/erasures/{erasure}/acknowledgement", AcknowledgeErasure, "erasure", {})


def add_routes(door: Door) -> None:
    """POST that a copy was deleted."""

    def acknowledge(request: Request, body: bytes, caller: Caller) -> Response:
        act = door.giving(request, caller, AcknowledgeErasure)
        fields = fields_of(ACKNOWLEDGING, request, body, act)
        command = read_body(AcknowledgeErasure, fields, unsaid_in(ACKNOWLEDGING))
        correlation = correlation_of(request)
        done = door.rooms.casework.handle(
            ERASURE, command.erasure, command, act, correlation=correlation, sent=sent(request, body)
        )
        return stored(door, done, ACKNOWLEDGING, request, act)

    door.post(
        ACKNOWLEDGING.path,
        acknowledge,
        write_operation(ACKNOWLEDGING),
        name=AcknowledgeErasure.__name__,
        summary="Say that the agency deleted what it was told",
        tag="erasure",
    )
