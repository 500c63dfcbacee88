"""The survivor's report: her right to know what is recorded about her, and who looked and why."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from ..domain import survivor as about
from ..domain.access import AccessRecorded
from ..domain.case.her_report import require_leave
from ..domain.casefile.state import Case
from ..domain.codes import Role
from ..domain.compartment import ALL, Compartment
from ..domain.disclosure import Written
from ..domain.fact import SYSTEM_AGENCY
from ..domain.oversight import SURVIVOR_REPORT as WHAT
from ..domain.standing.readings import SURVIVOR_REPORT
from ..domain.survivor_paper import BEFORE_PRINTING, NOT_WHOLE, paper
from ..domain.survivor_times import moment
from ..domain.survivor_words import code_for_her
from ..domain.words import Language, Words
from .application.reading import Asked
from .application.rooms import Rooms
from .gate import Work
from .parameters import REF
from .problems import BadRequest
from .reads import TEXT, Content, Read

BASIS = "survivor-request: UU 27/2022"
"""She has a right to see her data; who acts for her reads all of it with her, whatever consent lets the agency know."""
Lines = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]+(\.[a-z0-9_]+)?(,[0-9]+(\.[a-z0-9_]+)?)*$",
        max_length=6000,
        description="what she chose for her paper: `line` of entries, items and readings, with commas between; "
        "without it the paper has nothing of the case",
        extra={
            "must": Words(
                "yang disebut `line` dalam laporan, dipisah koma",
                "what the report names as `line`, with commas between",
            )
        },
    ),
]


class SurvivorReport(Struct, frozen=True):
    """For the screen in full; `text` is for paper: a slip with nothing of the case, and the lines that she chose. Say
    `before_printing` to her first, and read it through: what people wrote can name others. `not_whole`, where it is
    there, is to be said to her with who looked: the record of a reading does not open (at `unread`, of the log)."""

    case: UUID
    language: str
    made_at: str
    recorded: list[about.Recorded]
    looked: list[about.Looked]
    before_printing: str
    text: str
    not_whole: str | None = None
    unread: list[int] = []


def survivor_report(
    rooms: Rooms,
    asked: Asked,
    known: Case,
    *,
    case: Annotated[UUID, Meta(description="the survivor's case")],
    language: Language = "id",
    format: Annotated[Literal["json", "text"], Meta(description="text: what is to be printed")] = "json",
    lines: Lines | None = None,
) -> Response | SurvivorReport:
    require_leave(known, asked.act.actor, asked.act.at)
    found = _report(rooms, asked, case, ALL - known.erased, language, lines)
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


def _report(
    rooms: Rooms, asked: Asked, case: UUID, all: frozenset[Compartment], language: Language, lines: str | None
) -> SurvivorReport:
    """All that is left of the case, and who looked: this report among them. Raises BadRequest for a line that is not
    there or is never printed."""
    wanted = [(w, all) for w in rooms.casework.written(case)]
    found = rooms.reading.open(asked, case, wanted, WHAT, basis=BASIS)
    records = [
        about.Record(s.of.position, s.of.topic, s.of.at, s.of.author, _values(s.segments.values()), s.of.version)
        for s in found.seen
    ]
    names = _names(rooms, language)
    hiding = about.hideouts(records, names)
    struck = about.struck(records)
    recorded = [about.recorded(r, language, names, hiding, struck.get(r.version)) for r in records]
    readings = rooms.reading.readings(asked, case, found)
    looked = [about.looked(_reading(w), language, names, hiding) for w in readings.found]
    chosen = frozenset(lines.split(",")) if lines else frozenset[str]()
    try:
        text = paper(recorded, looked, language, chosen)
    except KeyError:
        detail = "lines names one that the report does not have, or that is never printed."
        raise BadRequest(400, "BadQuery", detail, parameter="lines") from None
    made_at = moment(asked.act.at, language)
    if chosen:
        rooms.reading.printed(asked, case, chosen, BASIS)
    before, gap = BEFORE_PRINTING.said_in(language), NOT_WHOLE.said_in(language) if readings.unread else None
    return SurvivorReport(case, language, made_at, recorded, looked, before, text, gap, list(readings.unread))


def _reading(w: Written) -> about.Reading:
    """An opening of content of the case."""
    e = w.event
    assert isinstance(e, AccessRecorded)
    return about.Reading(w.position, w.at, e.agency, e.role, e.purpose, sorted(e.compartments), e.what, e.basis)


def _values(segments: Iterable[bytes]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for segment in segments:
        values |= msgspec.json.decode(segment)
    return values


def _names(rooms: Rooms, language: Language) -> about.Agencies:
    """Agencies by their names."""

    def named(code: str) -> about.Agency:
        if code == SYSTEM_AGENCY:
            return about.Agency(code_for_her(Role.SYSTEM, language), None)
        agency = rooms.network.get(code)
        if agency is None:
            return about.Agency(code, None)
        return about.Agency((agency.name_en if language == "en" else None) or agency.name, agency.kind)

    return named
