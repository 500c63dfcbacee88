"""The survivor's report: her right to know what is recorded about her, and who looked and why."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from ..domain import survivor as about
from ..domain.case.her_report import require_leave
from ..domain.casefile.state import Case
from ..domain.codes import AgencyKind, Purpose, Role
from ..domain.compartment import ALL, Compartment
from ..domain.oversight import SURVIVOR_REPORT as WHAT
from ..domain.standing.readings import SURVIVOR_REPORT
from ..domain.survivor_paper import UNNAMED, paper
from ..domain.words import Language
from .application.reading import Asked, OnRecord
from .application.rooms import Rooms
from .gate import Work
from .looking import all_readings
from .parameters import REF
from .reads import TEXT, Content, Read

BASIS = "survivor-request: UU 27/2022"
"""She has a right to see her data; who acts for her reads all of it with her, whatever consent lets the agency know."""
WAIT_SECONDS = 10.0


class SurvivorReport(Struct, frozen=True):
    """For the screen in full; `text` is for paper, and leaves out where she can be found and her plan. Read it
    through before handing it over: what people wrote can name others."""

    case: UUID
    language: str
    made_at: str
    recorded: list[about.Recorded]
    looked: list[about.Looked]
    text: str


def survivor_report(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: Annotated[UUID, Meta(description="the survivor's case")],
    language: Language = "id",
    format: Annotated[Literal["json", "text"], Meta(description="text: what is to be printed")] = "json",
) -> Response | SurvivorReport:
    require_leave(known, asked.act.actor, asked.act.at)
    found = _report(rooms, asked, case, ALL - known.erased, language)
    if format == "text":
        return Response(found.text, 200, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")
    return found


READS = (
    Read(
        "/reports/survivor",
        survivor_report,
        Content({"application/json": {"$ref": REF.format(name="SurvivorReport")}, "text/plain": TEXT}),
        "reports",
        SURVIVOR_REPORT,
        work=Work.LONG,
    ),
)


def _report(rooms: Rooms, asked: Asked, case: UUID, all: frozenset[Compartment], language: Language) -> SurvivorReport:
    """All that is left of the case, and who looked: this report among them."""
    wanted = [(w, all) for w in rooms.casework.written(case)]
    found = rooms.reading.open(asked, case, wanted, WHAT, basis=BASIS)
    rooms.lists.wait(found.position, WAIT_SECONDS)
    records = [
        about.Record(s.of.position, s.of.topic, s.of.at, s.of.author, _values(s.segments.values())) for s in found.seen
    ]
    readings = _readings(rooms, asked, found, case)
    names, on_paper = _names(rooms, language, False), _names(rooms, language, True)
    made_at = about.moment(asked.act.at, language)
    text = paper(
        [about.recorded(r, language, on_paper) for r in records],
        [about.looked(r, language, on_paper) for r in readings],
        language,
        made_at,
        on_paper(asked.act.agency).name,
    )
    return SurvivorReport(
        case,
        language,
        made_at,
        [about.recorded(r, language, names) for r in records],
        [about.looked(r, language, names) for r in readings],
        text,
    )


def _readings(rooms: Rooms, asked: Asked, under: OnRecord, case: UUID) -> list[about.Reading]:
    """Every opening of content of the case, that of this report among them."""
    found = all_readings(rooms, asked.act, case)
    full = rooms.reading.grounds(under, [e.position for e in found])
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


def _values(segments: Iterable[bytes]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for segment in segments:
        values |= msgspec.json.decode(segment)
    return values


def _names(rooms: Rooms, language: Language, on_paper: bool) -> about.Agencies:
    """Agencies by their names; on paper a shelter has none."""

    def named(code: str) -> about.Agency:
        agency = rooms.network.get(code)
        if agency is None:
            return about.Agency(code, None)
        if on_paper and agency.kind is AgencyKind.SHELTER:
            return about.Agency(UNNAMED.said_in(language), agency.kind)
        return about.Agency((agency.name_en if language == "en" else None) or agency.name, agency.kind)

    return named
