"""Finding a person's cases."""

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ..domain.compartment import Compartment
from ..domain.nik import Nik
from ..domain.standing.readings import SEARCH
from ..domain.standing.rule import roles_of
from ..projections import people
from .application.reading import Asked
from .contract import HEADERS, PROBLEM, standing_of
from .gate import Work
from .identity import Caller
from .parameters import REF
from .problems import unreadable
from .requests import correlation_of
from .secrets import nik_index
from .serving import Door, json_answer

PATH = "/cases/search"


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """A person, by national identity number. In the body, so that no log of addresses has it."""

    nik: Nik


class CasesFound(Struct, frozen=True):
    """The caller's agency's cases of that person."""

    cases: list[str]


ANSWERS: list[type] = [Search, CasesFound]


def add_routes(door: Door) -> None:
    """POST a number, get cases."""
    rooms = door.rooms

    def search(request: Request, body: bytes, caller: Caller) -> Response:
        act = door.act_of(request, caller, roles_of(SEARCH.rows))
        try:
            asked = msgspec.json.decode(body, type=Search)
        except msgspec.MsgspecError as error:
            raise unreadable(error) from None
        found = rooms.lists.ask(act.agency, people.cases_of, nik_index(rooms.macs, asked.nik))
        for case in found:
            rooms.reading.show(Asked(act, correlation_of(request)), case, frozenset({Compartment.IDENTITY}), "search")
        return json_answer(CasesFound([str(case) for case in found]))

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
