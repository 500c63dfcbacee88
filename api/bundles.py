"""Bundles: a case's history in one file for a court. That one was made for whom is an event first (`DiscloseCase`);
each time the file is fetched is a recorded reading."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.case.disclosures import DisclosureMade
from rujukan.domain.casefile.state import compartments_named
from rujukan.domain.codes import Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.refusal import NotForThisAgency, Unknown
from rujukan.projections import audit

from .asking import add_reading, path_uuid
from .casework import Casework
from .contract import HEADERS, PROBLEM, path_parameters
from .identity import Identity, acting
from .ports import Ports
from .problems import Behind
from .writing import correlation_of

PATH = "/cases/{case}/disclosures/{disclosure}/bundle"
REVIEWERS = frozenset({Role.LEGAL_REVIEWER})
WAIT_SECONDS = 5.0
PAGE = 1_000


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """GET the bundle of a disclosure."""

    def bundle(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        agency = casework.network.get(caller.agency)
        act = acting(caller, agency, REVIEWERS, request.headers.get("purpose-of-use"), ports.now())
        case, disclosure = path_uuid(request, "case"), path_uuid(request, "disclosure")
        known = casework.known(case, act)
        if act.agency != known.lead:
            raise NotForThisAgency(needs="lead")
        story = casework.written(case)
        made = next(
            (w for w in story if isinstance(w.event, DisclosureMade) and w.event.disclosure == disclosure), None
        )
        if made is None or not isinstance(made.event, DisclosureMade):
            raise Unknown(what="disclosure")
        if not ports.views.wait_for(made.position, WAIT_SECONDS):
            raise Behind()
        accesses: list[int] = []
        with ports.views.acting_for(act.agency) as db:
            while page := audit.entries(
                db, subject=case, accesses_only=True, after=accesses[-1] if accesses else 0, limit=PAGE
            ):
                accesses += [e.position for e in page]
        query = request.query_params
        names = {
            code: (found.name, found.name_en or "")
            for code in {w.author for w in story} | {r.recipient for r in known.referrals.values()}
            if (found := casework.network.get(code)) is not None
        }
        content = ports.bundles.make(
            case,
            disclosure,
            accesses,
            names,
            reports=query.get("reports") != "false",
            witnessed=query.get("witnessed") != "false",
        )
        shown = compartments_named(made.event.compartments) | {Compartment.COORDINATION}
        basis = f"{made.event.basis.value}: {made.event.rule}"
        casework.record_access(act, case, shown, "bundle", basis, correlation_of(request))
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{disclosure}.rujukan.zip"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, 200, headers, "application/zip")

    switches: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "boolean", "default": True},
            "description": text,
        }
        for name, text in (
            ("reports", "with the readable reports (PDF/A, Indonesian and English)"),
            ("witnessed", "wait for the witnesses that the policy asks for; 404 until they have cosigned"),
        )
    ]
    add_reading(
        app,
        PATH,
        bundle,
        "legal file",
        {
            "parameters": [*path_parameters(PATH), *switches, *HEADERS],
            "responses": {
                "200": {
                    "description": "A ZIP file; `rujukan verify` checks it",
                    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
                },
                **dict.fromkeys(("401", "403", "404", "503"), PROBLEM),
            },
            "security": [{"access_token": []}],
        },
        summary="The bundle of a disclosure: one file, to be verified offline",
    )
