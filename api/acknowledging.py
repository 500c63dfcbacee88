"""What agencies acknowledge, taken in: over HTTP here, and from their topics by
the service (infra/delivery/acknowledging.py).

The same word may come again, late, or by both ways: marks only grow, so that nothing is recorded twice.
"""

import time
from collections.abc import Callable
from threading import Lock
from uuid import UUID

from fastapi import FastAPI
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain import delivery
from rujukan.domain.authority import roles_for
from rujukan.domain.codes import Purpose
from rujukan.domain.delivery import AcknowledgeDeliveries, Marks, delivery_stream
from rujukan.domain.erasure import AcknowledgeErasure
from rujukan.domain.fact import Act, AgencyCode
from rujukan.domain.refusal import AlreadyExists

from .actions import Action
from .asking import json_answer
from .casework import TRIES, Casework
from .contract import HEADERS, PROBLEM, REF, write_operation
from .identity import Identity, acting
from .ports import Changes, Deliveries, Log, Moved, Ports
from .problems import TooMany, as_problem
from .writing import body_of, correlation_of, fields_of, read_command

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


class Acknowledgements:
    """Records what agencies acknowledge. Safe to share between threads."""

    def __init__(self, log: Log, deliveries: Deliveries, casework: Casework) -> None:
        self._log = log
        self._deliveries = deliveries
        self._casework = casework
        self._known: dict[AgencyCode, Marks] = {}
        self._lock = Lock()

    def marks(self, agency: AgencyCode) -> Marks:
        """How far the agency is, as the log has it now."""
        with self._lock:
            known = self._known.get(agency, Marks())
        events = [w.event for w in self._log.read(delivery_stream(agency), known.version)]
        now = delivery.fold(events, known)
        with self._lock:
            if now.version >= self._known.get(agency, now).version:
                self._known[agency] = now
        return now

    def take(self, agency: AgencyCode, command: AcknowledgeDeliveries, act: Act, correlation: UUID) -> Marks:
        """Record what is new, durably; the marks after it. What was deleted is acknowledged to each erasure; one that
        was acknowledged before is no matter. Raises Refusal, Moved (after TRIES), Unavailable."""
        marks = self._record(agency, command, act, correlation)
        for erasure in dict.fromkeys(command.deleted):
            try:
                said = AcknowledgeErasure(occurred_at=command.occurred_at, erasure=erasure)
                self._casework.acknowledge_erasure(said, act, correlation=correlation)
            except AlreadyExists:
                continue
        return marks

    def _record(self, agency: AgencyCode, command: AcknowledgeDeliveries, act: Act, correlation: UUID) -> Marks:
        told = self._deliveries.told(agency, delivery.named(command))
        for attempt in range(TRIES):
            marks = self.marks(agency)
            events = delivery.acknowledge(agency, command, marks, told, act)
            if not events:
                return marks
            try:
                self._log.append([Changes(delivery_stream(agency), marks.version, events)], act, correlation)
            except Moved:
                if attempt == TRIES - 1:
                    raise
                continue
            return delivery.fold(events, marks)
        raise AssertionError("unreachable")


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """POST what arrived and was handled."""
    acknowledgements = Acknowledgements(ports.log, ports.deliveries, casework)
    pace = Pace()

    def acknowledge(request: Request, body: bytes) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        pace.check(caller.agency)
        agency = casework.network.get(caller.agency)
        purpose = request.headers.get("purpose-of-use", Purpose.COORDINATION.value)  # a machine need not say it
        act = acting(caller, agency, roles_for(AcknowledgeDeliveries), purpose, ports.now())
        command = read_command(AcknowledgeDeliveries, fields_of(ACKNOWLEDGING, request, body, act))
        assert isinstance(command, AcknowledgeDeliveries)
        marks = acknowledgements.take(act.agency, command, act, correlation_of(request))
        return json_answer(MarksView(marks.received, marks.handled))

    async def post(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            return await run_in_threadpool(acknowledge, request, await body_of(request))

        return await as_problem(request, inner)

    operation = write_operation(ACKNOWLEDGING)
    operation["parameters"] = [{**header, "required": False} for header in HEADERS]
    operation["responses"]["200"] = {
        "description": "Recorded, durably",
        "content": {"application/json": {"schema": {"$ref": REF.format(name=MarksView.__name__)}}},
    }
    operation["responses"]["429"] = PROBLEM
    app.add_api_route(
        PATH,
        post,
        methods=["POST"],
        name=AcknowledgeDeliveries.__name__,
        response_model=None,
        tags=["subscription"],
        summary="Say what arrived, what was handled, and what could not be",
        openapi_extra=operation,
    )
