"""The survivor's report: her right to know what is recorded about her, and who looked and why."""

from typing import Any, cast
from uuid import UUID

import msgspec
from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain import survivor as about
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.compartment import ALL
from rujukan.domain.fact import Act
from rujukan.domain.oversight import SURVIVOR_REPORT
from rujukan.domain.refusal import NotForThisAgency, PurposeNotAllowed
from rujukan.domain.survivor_paper import UNNAMED, paper
from rujukan.domain.words import LANGUAGES, Language
from rujukan.projections import audit

from .asking import add_reading, json_answer, query_choice, query_uuid
from .casework import Casework
from .contract import read_operation
from .identity import Identity, acting
from .ports import Ports
from .problems import BadRequest, Behind
from .reports import bases
from .writing import correlation_of

READERS = frozenset({Role.CASE_WORKER, Role.DATA_PROTECTION_OFFICER})
BASIS = "survivor-request: UU 27/2022"
"""She has a right to see her data; who acts for her reads all of it with her, whatever consent lets the agency know."""
WAIT_SECONDS = 10.0
PAGE = 1_000


class SurvivorReport(Struct, frozen=True):
    """For the screen in full; `text` is for paper, and leaves out where she can be found and her plan. Read it
    through before handing it over: what people wrote can name others."""

    case: UUID
    language: str
    made_at: str
    recorded: list[about.Recorded]
    looked: list[about.Looked]
    text: str


ANSWERS: list[type] = [SurvivorReport]


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """The route of the report."""

    def survivor_report(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        purpose = request.headers.get("purpose-of-use")
        act = acting(caller, casework.network.get(caller.agency), READERS, purpose, ports.now())
        if act.purpose is not Purpose.SURVIVOR_REQUEST:
            raise PurposeNotAllowed(role=act.role, allowed=[Purpose.SURVIVOR_REQUEST])
        case = query_uuid(request, "case")
        if case is None:
            raise BadRequest(400, "BadQuery", "case is needed.", parameter="case")
        language = cast("Language", query_choice(request, "language", LANGUAGES, "id"))
        form = query_choice(request, "format", ("json", "text"), "json")
        if casework.known(case, act).lead != act.agency:
            raise NotForThisAgency(needs="lead")
        found = _report(request, case, act, language)
        if form == "text":
            return Response(found.text, 200, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")
        return json_answer(found)

    def _report(request: Request, case: UUID, act: Act, language: Language) -> SurvivorReport:
        events = casework.written(case)
        opened = ports.log.open({w.position: ALL for w in events})
        shown = frozenset(c for _, segments in opened.values() for c in segments)
        position = casework.record_access(act, case, shown, SURVIVOR_REPORT, BASIS, correlation_of(request))
        if not ports.views.wait_for(position, WAIT_SECONDS):
            raise Behind()
        records = [
            about.Record(w.position, w.topic, w.at, w.author, _values(opened[w.position][1].values()))
            for w in events
            if w.position in opened
        ]
        readings = _readings(case, act)
        names, on_paper = _names(casework, language, False), _names(casework, language, True)
        made_at = about.moment(act.at, language)
        text = paper(
            [about.recorded(r, language, on_paper) for r in records],
            [about.looked(r, language, on_paper) for r in readings],
            language,
            made_at,
            on_paper(act.agency).name,
        )
        return SurvivorReport(
            case,
            language,
            made_at,
            [about.recorded(r, language, names) for r in records],
            [about.looked(r, language, names) for r in readings],
            text,
        )

    def _readings(case: UUID, act: Act) -> list[about.Reading]:
        """Every opening of content of the case, that of this report among them."""
        found: list[audit.Entry] = []
        with ports.views.acting_for(act.agency) as db:
            while page := audit.entries(
                db, subject=case, accesses_only=True, after=found[-1].position if found else 0, limit=PAGE
            ):
                found += page
        full = bases(ports, found)
        return [
            about.Reading(
                e.recorded_at,
                e.agency,
                Role.of(e.role or ""),
                Purpose.of(e.purpose or ""),
                e.compartments or [],
                e.what or "",
                full.get(e.position, e.basis or ""),
            )
            for e in found
        ]

    path = "/reports/survivor"
    operation = read_operation(
        path,
        SurvivorReport,
        ("case", "string", "the survivor's case"),
        ("language", "string", "id (when left out) or en"),
        ("format", "string", "json (when left out), or text: what is to be printed"),
    )
    operation["responses"]["200"]["content"]["text/plain"] = {"schema": {"type": "string"}}
    add_reading(app, path, survivor_report, "reports", operation)


def _values(segments: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for segment in segments:
        values |= msgspec.json.decode(segment)
    return values


def _names(casework: Casework, language: Language, on_paper: bool) -> about.Agencies:
    """Agencies by their names; on paper a shelter has none."""

    def named(code: str) -> about.Agency:
        agency = casework.network.get(code)
        if agency is None:
            return about.Agency(code, None)
        if on_paper and agency.kind is AgencyKind.SHELTER:
            return about.Agency(UNNAMED.said_in(language), agency.kind)
        return about.Agency((agency.name_en if language == "en" else None) or agency.name, agency.kind)

    return named
