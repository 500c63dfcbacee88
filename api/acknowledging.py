"""What agencies acknowledge over HTTP: each as often as a machine should, and no more."""

import time
from collections.abc import Callable
from threading import Lock

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..domain.codes import Purpose
from ..domain.delivery import AcknowledgeDeliveries
from ..domain.fact import AgencyCode
from ..domain.standing.rule import roles_for
from .actions import Action
from .contract import HEADERS, PROBLEM, write_operation
from .identity import Caller, acting
from .parameters import REF
from .problems import TooMany
from .requests import correlation_of, fields_of, read_command
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

AT_ONCE, EACH_SECOND = 20, 10.0
"""So many acknowledgements an agency may post in one go, and so many a second after that, to each API process. They are
cumulative, and a subscriber says five a second at most."""


class Pace:
    """How often each agency posts. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._left: dict[AgencyCode, tuple[float, float]] = {}

    def check(self, agency: AgencyCode) -> None:
        """One more. Raises TooMany."""
        now = self._clock()
        with self._lock:
            left, at = self._left.get(agency, (AT_ONCE, now))
            left = min(AT_ONCE, left + (now - at) * EACH_SECOND)
            self._left[agency] = max(0.0, left - 1) if left >= 1 else left, now
        if left < 1:
            raise TooMany(f"An agency says how far it is {EACH_SECOND:.0f} times a second at most.", retry_after=1)


def add_routes(door: Door) -> None:
    """POST what arrived and was handled."""
    rooms, pace = door.rooms, Pace()

    def acknowledge(request: Request, body: bytes, caller: Caller) -> Response:
        pace.check(caller.agency)
        agency = rooms.network.get(caller.agency)
        purpose = request.headers.get("purpose-of-use", Purpose.COORDINATION.value)  # a machine need not say it
        act = acting(caller, agency, roles_for(AcknowledgeDeliveries), purpose, rooms.now())
        command = read_command(AcknowledgeDeliveries, fields_of(ACKNOWLEDGING, request, body, act))
        assert isinstance(command, AcknowledgeDeliveries)
        marks = rooms.acknowledgements.take(act.agency, command, act, correlation_of(request))
        return json_answer(MarksView(marks.received, marks.handled))

    operation = write_operation(ACKNOWLEDGING)
    operation["parameters"] = [{**header, "required": False} for header in HEADERS]
    operation["responses"]["200"] = {
        "description": "Recorded, durably",
        "content": {"application/json": {"schema": {"$ref": REF.format(name=MarksView.__name__)}}},
    }
    operation["responses"]["429"] = PROBLEM
    door.post(
        PATH,
        acknowledge,
        operation,
        name=AcknowledgeDeliveries.__name__,
        summary="Say what arrived, what was handled, and what could not be",
        tag="subscription",
    )
