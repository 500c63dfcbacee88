"""How the service is: one word for machines, the rest for people.

It is answered within a probe's patience, also while the database hangs, and holds none of the threads that people wait
for. Who asks shows no token, so no answer names an agency or a case, or tells that there is an emergency. How many
events wait it tells: the ledger's checkpoints, which are public, tell the pace of the log anyway. What else there is,
`rujukan health` tells.
"""

import asyncio

import msgspec
from msgspec import Struct
from starlette.responses import Response

from ..domain.standing import readings
from .application.rooms import Rooms
from .application.vitals import Vitals, Word, words
from .parameters import REF
from .reads import Read

PATIENCE_SECONDS = 1.5
"""How long the database may take to say how everything is."""


class Sealing(Struct, frozen=True):
    """`behind`: events that are not in the ledger yet; `lag_ms`: how long the oldest of them has waited, or, where
    there is none, the newest sealed ones had."""

    behind: int
    lag_ms: int


class Health(Struct, frozen=True):
    """`status` is the worst word of `parts`: `ok`; `degraded` (something is late), `damaged` (something stands still
    until a person has looked), and requests are answered all the same; `unavailable`, with status 503, where this
    process cannot answer them now. `behind`: read model → positions of the log that it has not taken in. `refused`:
    limit → how many requests this process refused by it since it began."""

    status: str
    parts: dict[str, str]
    behind: dict[str, int]
    ledger: Sealing
    refused: dict[str, int]


class Live(Struct, frozen=True):
    """`status` is `ok`: the process runs. It is 503, `unavailable`, where only another start helps."""

    status: str


async def health(rooms: Rooms) -> Response:
    vitals = await _look(rooms)
    found = words(vitals, rooms.vitals.writing())
    behind: dict[str, int] = {}
    for view in vitals.views if vitals else ():
        behind[view.name] = max(view.behind, behind.get(view.name, 0))
    sealing = Sealing(0, 0)
    if vitals is not None:
        ledger = vitals.ledger
        sealing = Sealing(ledger.behind, ledger.age_ms if ledger.behind else vitals.sealed_ms)
    worst = max(found.values())
    parts = {part: word.said for part, word in found.items()}
    answer = Health(worst.said, parts, behind, sealing, dict(rooms.refused.counts()))
    return _answer(answer, worst)


async def live(rooms: Rooms) -> Response:
    worst = Word.OK if rooms.vitals.writing().lives else Word.UNAVAILABLE
    return _answer(Live(worst.said), worst)


async def _look(rooms: Rooms) -> Vitals | None:
    looking = asyncio.wrap_future(rooms.vitals.look())
    done, _ = await asyncio.wait((looking,), timeout=PATIENCE_SECONDS)
    if not done:
        looking.add_done_callback(lambda late: late.cancelled() or late.exception())
        return None
    return None if looking.exception() is not None else looking.result()


def _answer(body: Struct, word: Word) -> Response:
    status = 503 if word is Word.UNAVAILABLE else 200
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, "application/json")


def _unavailable(answer: type[Struct]) -> dict[str, object]:
    schema = {"$ref": REF.format(name=answer.__name__)}
    return {"503": {"description": "Not now", "content": {"application/json": {"schema": schema}}}}


READS = (
    Read(
        "/health",
        health,
        Health,
        "operation",
        readings.HEALTH,
        summary="How the service is; 503 where it takes no requests now",
        problems=(),
        more=_unavailable(Health),
    ),
    Read(
        "/live",
        live,
        Live,
        "operation",
        readings.HEALTH,
        summary="Whether the process runs; 503 where it is to be started again",
        problems=(),
        more=_unavailable(Live),
    ),
)
