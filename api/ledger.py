"""The ledger over HTTP: checkpoint and tiles (C2SP tlog-tiles), receipts (tlog-proof), and cosignatures that
witnesses bring. Public: an entry is a hash that tells nothing of its event; what is told is how many there are.
"""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from ..domain.standing import readings
from .application.rooms import Rooms
from .contract import PROBLEM, standing_of
from .gate import Work
from .parameters import REF, refuse_unknown
from .problems import BadRequest
from .reads import BINARY, TEXT, Content, Read
from .requests import body_of
from .serving import Door, json_answer

PREFIX = "/ledger"
COSIGNATURES = f"{PREFIX}/cosignatures"
LARGEST_NOTE = 512 * 1024
PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"


class CosignaturesTaken(Struct, frozen=True):
    """How many cosignatures were new."""

    taken: int


class LogKeys(Struct, frozen=True):
    """The log's verifier keys (C2SP signed-note vkeys). Compare them with what you were given in another way."""

    keys: list[str]


ANSWERS: list[type] = [CosignaturesTaken]


def checkpoint(rooms: Rooms) -> Response:
    found = rooms.ledger.checkpoint()
    if found is None:
        raise BadRequest(404, "NotSealedYet", "Nothing is sealed yet.")
    return Response(found, 200, {"Cache-Control": "no-cache"}, PLAIN)


def joining(
    rooms: Rooms,
    *,
    log: Annotated[
        str,
        Meta(
            pattern=r"^[^\s+]{1,200}$(?!\n)",
            description="of the log of this origin, from which this one may go on; of this one where nothing is said",
        ),
    ]
    | None = None,
) -> Response:
    found = rooms.ledger.joining(log)
    if found is None:
        raise BadRequest(404, "Unknown", "That log goes on from no other.")
    return Response(found, 200, {"Cache-Control": "no-cache"}, PLAIN)


def tile(rooms: Rooms, *, tile: str) -> Response:
    found = rooms.ledger.tile("tile/" + tile)
    if found is None:
        raise BadRequest(404, "Unknown", "The tree has no such tile.")
    return Response(found, 200, {"Cache-Control": FOREVER}, BYTES)


def receipt(
    rooms: Rooms,
    *,
    position: str,
    witnessed: Annotated[bool, Meta(description="only under a checkpoint that enough witnesses cosigned")] = False,
) -> Response:
    if not (position.isascii() and position.isdigit() and len(position) < 19):
        raise BadRequest(404, "Unknown", "A position is a number.")
    return Response(rooms.ledger.receipt(int(position), witnessed), 200, {"Cache-Control": "no-store"}, PLAIN)


def keys(rooms: Rooms) -> LogKeys:
    return LogKeys(list(rooms.ledger.keys()))


AS_SPECIFIED = "As the specification has it"


def _public(path: str, call: Callable[..., Any], answer: Any) -> Read:
    name = call.__name__
    return Read(
        PREFIX + path,
        call,
        answer,
        "ledger",
        readings.LEDGER,
        name=f"ledger_{name}",
        summary=name.capitalize(),
        problems=("400", "404"),
    )


READS = (
    _public("/checkpoint", checkpoint, Content({"text/plain": TEXT}, AS_SPECIFIED)),
    _public("/joining", joining, Content({"text/plain": TEXT}, "A signed note: how the log goes on from another")),
    _public("/tile/{tile:path}", tile, Content({BYTES: BINARY}, AS_SPECIFIED)),
    _public("/receipts/{position}", receipt, Content({"text/plain": TEXT}, AS_SPECIFIED)),
    _public("/keys", keys, LogKeys),
)


def add_routes(door: Door) -> None:
    """POST a witness's cosignatures: no token is asked for."""

    def take(body: bytes) -> Response:
        return json_answer(CosignaturesTaken(door.rooms.ledger.take_cosignatures(body)))

    async def bring(request: Request) -> Response:
        try:
            refuse_unknown(request.query_params, ())
            return await door.gate.run(Work.PUBLIC, None, take, await body_of(request, LARGEST_NOTE))
        except Exception as error:
            return await door.gate.answer(error)

    door.add_post(
        COSIGNATURES,
        bring,
        {
            **standing_of(readings.LEDGER),
            "requestBody": {"required": True, "content": {"text/plain": {"schema": TEXT}}},
            "responses": {
                "200": {
                    "description": "How many were new",
                    "content": {"application/json": {"schema": {"$ref": REF.format(name="CosignaturesTaken")}}},
                },
                **dict.fromkeys(("413", "422"), PROBLEM),
            },
            "security": [],
        },
        name="ledger_cosignatures",
        summary="Bring a witness's cosignatures under a checkpoint",
        tag="ledger",
    )
