"""Finding a person's cases."""

from uuid import UUID

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..domain.agency import agency_stream
from ..domain.case.identity import IdentityFacts
from ..domain.casefile.files import Files
from ..domain.compartment import Compartment
from ..domain.fact import Act
from ..domain.nik import Nik
from ..domain.oversight import SEARCHING
from ..domain.refusal import Unknown
from ..domain.standing.readings import SEARCH
from ..domain.standing.rule import roles_of
from ..domain.together import lives_on
from ..projections import people
from .application.reading import Asked
from .application.rooms import Rooms
from .contract import HEADERS, PROBLEM, standing_of
from .gate import Work
from .identity import Caller
from .parameters import REF
from .requests import correlation_of, object_of, read_body
from .secrets import nik_index
from .serving import Door, json_answer

PATH = "/cases/search"


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """A person, by national identity number. In the body, so that no log of addresses has it."""

    nik: Nik


class Merged(Struct, frozen=True):
    """A file that was found ended as a second one of the same case."""

    case: str
    into: str | None
    """The file that lives on; none where the caller may not know of that."""


class CasesFound(Struct, frozen=True):
    """The caller's agency's cases of that person, and those that they were merged into."""

    cases: list[str]
    merged: list[Merged] = []


ANSWERS: list[type] = [Search, Merged, CasesFound]

IDENTITY, COORDINATION = frozenset({Compartment.IDENTITY}), frozenset({Compartment.COORDINATION})


def add_routes(door: Door) -> None:
    """POST a number, get cases."""
    rooms = door.rooms

    def search(request: Request, body: bytes, caller: Caller) -> Response:
        act = door.act_of(request, caller, roles_of(SEARCH.rows))
        asked = read_body(Search, object_of(request, body))
        said = Asked(act, correlation_of(request))
        rooms.reading.report(said, agency_stream(act.agency), SEARCHING)  # that nobody is found tells something, too
        index = nik_index(rooms.macs, asked.nik)
        told = rooms.lists.ask(act, people.cases_of, index)
        found = [case for case in told if _may_be_found(rooms, case, index, act)]
        for case in found:
            rooms.reading.show(said, case, IDENTITY, "search")
        merged = {case: living for case in found for living in _merged(rooms, case, act)}
        further = {living for living in merged.values() if living is not None} - {*found}
        for case in sorted(further):
            rooms.reading.show(said, case, COORDINATION, "search")
        names = [Merged(str(case), str(living) if living is not None else None) for case, living in merged.items()]
        return json_answer(CasesFound([str(case) for case in (*found, *sorted(further))], names))

    door.post(
        PATH,
        search,
        {
            **standing_of(SEARCH),
            "parameters": HEADERS,
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": REF.format(name="Search")},
                        "examples": {"example": {"value": {"nik": "6474014107120001"}}},
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "Found among the agency's own cases",
                    "content": {"application/json": {"schema": {"$ref": REF.format(name="CasesFound")}}},
                },
                **dict.fromkeys(("400", "401", "403", "422", "503"), PROBLEM),
            },
            "security": [{"access_token": []}],
        },
        name="search_cases",
        summary="Find the cases of a person by national identity number",
        tag="lists",
        work=Work.READ,
    )


def _merged(rooms: Rooms, case: UUID, act: Act) -> list[UUID | None]:
    """Where a file goes on that was merged, one or none: in the last file that the agency may know of. Empty for one
    that was not merged."""
    if rooms.casework.known(case, act).of(Files).merged_into is None:
        return []
    return [next((id for id in reversed(_onward(rooms, case)) if _is_known(rooms, id, act)), None)]


def _onward(rooms: Rooms, case: UUID) -> list[UUID]:
    """The files into which one was merged, the last behind."""
    file = rooms.casework.case(case)
    return [id for id, _ in lives_on(file, rooms.casework.case)] if file is not None else []


def _is_known(rooms: Rooms, case: UUID, act: Act) -> bool:
    try:
        rooms.casework.known(case, act)
    except Unknown:
        return False
    return True


def _may_be_found(rooms: Rooms, case: UUID, index: str, act: Act) -> bool:
    """Whether the agency, which was told of that number, may open now who it is."""
    numbered = {
        w.position: IDENTITY
        for w in rooms.casework.written(case)
        if isinstance(w.event, IdentityFacts) and w.event.nik_index == index
    }
    try:
        return any(may & IDENTITY for _, may in rooms.casework.readable(case, numbered, act))
    except Unknown:
        return False
