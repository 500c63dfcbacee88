"""Whether what was sent arrived, for who leads the case, and what was raised because time ran out."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.authority import READERS
from rujukan.domain.codes import Role
from rujukan.domain.refusal import NotForThisAgency
from rujukan.projections import deliveries, escalations

from .asking import add_reading, asker, json_answer, path_uuid, wait
from .casework import Casework
from .contract import read_operation
from .cursor import page_of, place
from .identity import Identity
from .ports import Ports
from .reading import LARGEST_PAGE, PAGE, WAIT, Page, _page

DELIVERIES = "/cases/{case}/deliveries"
ESCALATIONS = "/escalations"
RAISED_TO = frozenset({Role.SUPERVISOR, Role.CASE_WORKER})
"""A supervisor sees all that was raised to the agency; a case worker, what concerns it as the lead."""
ALL = ("all", "boolean", "also those resolved")


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """GET how far each agency is with a case; GET what was raised."""

    act_of = asker(casework, identity, ports)

    def show_deliveries(request: Request) -> Response:
        act, case = act_of(request, READERS), path_uuid(request, "case")
        if casework.known(case, act).lead != act.agency:
            raise NotForThisAgency(needs="lead")  # it names who takes part
        wait(request, ports.views)
        with ports.views.acting_for(act.agency) as db:
            return json_answer(Page(list(deliveries.of_case(db, case))))

    def list_escalations(request: Request) -> Response:
        act, (limit, after) = act_of(request, RAISED_TO), page_of(request, LARGEST_PAGE, place)
        wait(request, ports.views)
        with ports.views.acting_for(act.agency) as db:
            found = escalations.escalations(
                db,
                open_only=request.query_params.get("all") != "true",
                leading_only=act.role is Role.CASE_WORKER,
                before=after[0] if after else None,
                limit=limit,
            )
        return _page(found, limit, lambda e: (e.position,))

    routes: tuple[tuple[str, Callable[[Request], Response], tuple[tuple[str, str, str], ...], str], ...] = (
        (DELIVERIES, show_deliveries, (WAIT,), "case"),
        (ESCALATIONS, list_escalations, (ALL, *PAGE, WAIT), "lists"),
    )
    for path, call, query, tag in routes:
        extra: dict[str, Any] = read_operation(path, Page, *query)
        add_reading(app, path, call, tag, extra)
