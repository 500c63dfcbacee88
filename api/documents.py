"""Documents: the bytes go into a sealed store, their hash into the case. Bytes that no event names are dropped."""

import hashlib
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..domain.case.documents import AttachDocument, DocumentAttached
from ..domain.casefile.state import Case
from ..domain.compartment import Compartment
from ..domain.declaring import ASKED
from ..domain.disclosure import Written
from ..domain.fact import CaseId
from ..domain.refusal import Unknown
from ..domain.standing.page import in_data, sentence
from ..domain.standing.readings import DOCUMENT
from ..domain.standing.rule import standing
from ..domain.words import Words
from ..projections import timeline
from .actions import Action
from .application.kinds import CASE
from .application.ports import Unavailable
from .application.reading import Asked
from .application.rooms import Rooms
from .contract import PROBLEM, STORED, WRITE_HEADERS, path_parameters
from .identity import Caller
from .limits import MIB, too_many
from .misfit import misfit
from .problems import unreadable
from .reads import BINARY, Content, Read
from .requests import correlation_of, expected_version, id_of, read_body, sent
from .serving import Door
from .writes import stored

LARGEST = 16 * 1024 * 1024
PATH = "/cases/{case}/documents"
ATTACHING = Action(PATH, AttachDocument, "work", {}, "document")
FULL_SECONDS = 3_600.0
"""When to ask again who has as many stored as it may: room is not made in minutes."""
BYTES = Content({"application/octet-stream": BINARY}, "The document's bytes")


def add_routes(door: Door) -> None:
    """POST the bytes of a document."""
    rooms = door.rooms

    def attach(request: Request, body: bytes, caller: Caller) -> Response:
        if not body:
            raise unreadable([misfit("$", Words("sedikitnya satu bita", "at least one byte"))])
        act = door.giving(request, caller, AttachDocument)
        case = id_of(request.path_params["case"])
        query = request.query_params
        digest = hashlib.sha256(body).hexdigest()
        media_type = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()
        means = msgspec.json.encode({**query, "media_type": media_type, "sha256": digest})
        again = sent(request, means, as_before=f"{query} {digest}".encode())
        # Sent again with its key, the same document has the same id; other bytes have another.
        document = uuid4() if again is None else uuid5(case, f"{act.agency}/{act.actor}/{again.key}/{digest}")
        fields: dict[str, Any] = {
            "occurred_at": query.get("occurred_at", act.at.isoformat()),
            "document": str(document),
            "kind": query.get("kind"),
            "compartment": query.get("compartment"),
            "media_type": media_type,
            "size": len(body),
            "sha256": digest,
        }
        if "supersedes" in query:
            fields["supersedes"] = query["supersedes"]
        command = read_body(AttachDocument, fields)
        standing(command, rooms.casework.case(case), act)  # before anything of it is stored
        correlation, expected = correlation_of(request), expected_version(request)
        most = door.gate.limits.documents * MIB
        kept = rooms.documents.stored(act.agency)
        if most and kept + len(body) > most:
            raise too_many("documents", FULL_SECONDS)
        rooms.documents.put(case, document, Compartment.named(command.compartment), body)
        try:
            done = rooms.casework.handle(
                CASE, CaseId(case), command, act, correlation=correlation, made=document, expected=expected, sent=again
            )
        except Unavailable:
            raise  # it may be stored
        except Exception:
            rooms.documents.drop(case, document)
            raise
        return stored(door, done, ATTACHING, request, act)

    query = [("kind", True), ("compartment", True), ("occurred_at", False), ("supersedes", False)]
    parameters = [{"name": n, "in": "query", "required": r, "schema": {"type": "string"}} for n, r in query]
    rows = ASKED[AttachDocument].rows
    operation = {
        "description": sentence(rows),
        "x-standing": in_data(rows),
        "parameters": [*path_parameters(PATH), *parameters, *WRITE_HEADERS],
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": BINARY}}},
        "responses": {"201": STORED, **dict.fromkeys(("400", "401", "403", "404", "409", "413", "422"), PROBLEM)},
        "security": [{"access_token": []}],
    }
    summary = "Attach a document: its bytes are the body"
    door.post(PATH, attach, operation, name="AttachDocument", summary=summary, tag="work", status=201, largest=LARGEST)


def show_document(rooms: Rooms, asked: Asked, known: Case, *, case: UUID, document: UUID) -> Response:
    act = asked.act
    found = next(
        ((w, w.event) for w in rooms.casework.written(case) if _attaches(w, document)),
        None,
    )
    if found is None:
        raise Unknown(what="document")
    written, attached = found
    assert isinstance(attached, DocumentAttached)
    compartment = Compartment.named(attached.compartment)
    told = rooms.lists.ask(act, timeline.told, written.position)
    if not any(compartment in may for _, may in rooms.casework.readable(case, {written.position: told}, act)):
        raise Unknown(what="document")
    basis = rooms.casework.basis(case, act, (compartment,), (written.author,))
    return as_file(rooms.reading.document(asked, case, document, compartment, "document", basis), attached.media_type)


READS = (
    Read(
        f"{PATH}/{{document}}",
        show_document,
        BYTES,
        "work",
        DOCUMENT,
        problems=("400", "401", "403", "404"),
    ),
)


def as_file(content: bytes | None, media_type: str) -> Response:
    """A document's bytes, to be saved and not shown. Raises Unknown where they are gone."""
    if content is None:
        raise Unknown(what="document")
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, 200, headers, media_type)


def _attaches(written: Written, document: UUID) -> bool:
    return isinstance(written.event, DocumentAttached) and written.event.document == document
