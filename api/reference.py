"""What everybody may look up: the codes, who one is here, and whose tokens it takes."""

from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from ..domain.codes import CODE_LISTS
from ..domain.refusal import Unknown
from ..domain.standing import readings
from .application.rooms import Rooms
from .identity import Caller
from .reads import Page, Read, page_of
from .serving import json_answer

FOR_AN_HOUR = {"Cache-Control": "max-age=3600"}


class CodeView(Struct, frozen=True):
    code: str
    id: str
    en: str


class Me(Struct, frozen=True):
    """Who the caller is here, and what they may act for."""

    actor: UUID
    agency: str
    kind: str
    roles: list[str]


class PublicKey(Struct, frozen=True):
    """A JSON Web Key (RFC 7517), with what its kind has beside."""

    kty: str
    kid: str | UnsetType = UNSET
    alg: str | UnsetType = UNSET
    use: str | UnsetType = UNSET


class KeySet(Struct, frozen=True):
    """The keys of the issuer, where this service is itself one; else empty."""

    keys: list[PublicKey] | UnsetType = UNSET


def code_lists(rooms: Rooms) -> Response:
    return json_answer(Page(sorted(CODE_LISTS)), FOR_AN_HOUR)


def codes(rooms: Rooms, *, list: str) -> Response:
    found = CODE_LISTS.get(list)
    if found is None:
        raise Unknown(what="code list")
    return json_answer(Page([CodeView(c.value, c.id, c.en) for c in found]), FOR_AN_HOUR)


def me(rooms: Rooms, asked: Caller) -> Me:
    agency = rooms.network.get(asked.agency)
    roles = [r.value for r in asked.roles if agency is not None and agency.has_member(asked.actor, (r,))]
    return Me(asked.actor, asked.agency, agency.kind.value if agency else "", roles)


def jwks(rooms: Rooms) -> Response:
    return json_answer(rooms.tokens.jwks(), {"Cache-Control": "max-age=300"})


READS = (
    Read("/me", me, Me, "agencies", readings.ME),
    Read("/codes", code_lists, page_of(str, "CodeListPage"), "codes", readings.CODES),
    Read("/codes/{list}", codes, page_of(CodeView), "codes", readings.CODES),
    Read("/.well-known/jwks.json", jwks, KeySet, "operation", readings.TOKEN_KEYS),
)
