"""Documents: the bytes go into a sealed store, their hash into the case."""

import hashlib
from typing import Any
from uuid import UUID, uuid4, uuid5

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from rujukan.domain.authority import READERS, roles_for
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import CaseId
from rujukan.domain.refusal import Unknown
from rujukan.projections import timeline

from .actions import Action
from .casework import Casework
from .contract import PROBLEM, WRITE_HEADERS, WRITTEN, path_parameters
from .identity import Caller, Identity, acting
from .ports import Ports
from .problems import BadRequest, as_problem
from .writing import body_of, correlation_of, expected_version, read_command, retry_key, written

LARGEST = 16 * 1024 * 1024
PATH = "/cases/{case}/documents"
ATTACHING = Action(PATH, AttachDocument, "work", {}, "document")


def add_routes(app: FastAPI, casework: Casework, identity: Identity, ports: Ports) -> None:
    """POST the bytes of a document; GET them back."""

    def attach(request: Request, body: bytes, caller: Caller) -> Response:
        agency = casework.network.get(caller.agency)
        act = acting(caller, agency, roles_for(AttachDocument), request.headers.get("purpose-of-use"), ports.now())
        case = _uuid(request.path_params["case"])
        query = request.query_params
        digest = hashlib.sha256(body).hexdigest()
        key = retry_key(request)
        # Sent again with its key, the same document has the same id; other bytes have another.
        document = uuid4() if key is None else uuid5(case, f"{act.agency}/{act.actor}/{key}/{digest}")
        fields: dict[str, Any] = {
            "occurred_at": query.get("occurred_at", act.at.isoformat()),
            "document": str(document),
            "kind": query.get("kind"),
            "compartment": query.get("compartment"),
            "media_type": request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip(),
            "size": len(body),
            "sha256": digest,
        }
        if "supersedes" in query:
            fields["supersedes"] = query["supersedes"]
        command = read_command(AttachDocument, fields)
        assert isinstance(command, AttachDocument)
        now = casework.known(case, act)
        if not now.takes_part(act.agency):
            raise Unknown(what="case")
        ports.documents.put(case, document, Compartment.named(command.compartment), body)
        done = casework.act_on_case(
            CaseId(case),
            command,
            act,
            correlation=correlation_of(request),
            id=document,
            expected=expected_version(request),
            retry_key=key,
            content=b" ".join((request.url.path.encode(), str(query).encode(), digest.encode())),
        )
        return written(done, ATTACHING, request)

    def show(request: Request) -> Response:
        caller = identity.caller(request.headers.get("authorization"))
        agency = casework.network.get(caller.agency)
        act = acting(caller, agency, READERS, request.headers.get("purpose-of-use"), ports.now())
        case, document = _uuid(request.path_params["case"]), _uuid(request.path_params["document"])
        casework.known(case, act)
        attached = next(
            (
                w
                for w in casework.written(case)
                if isinstance(w.event, DocumentAttached) and w.event.document == document
            ),
            None,
        )
        if attached is None or not isinstance(attached.event, DocumentAttached):
            raise Unknown(what="document")
        compartment = Compartment.named(attached.event.compartment)
        with ports.views.acting_for(act.agency) as db:
            told = timeline.told(db, attached.position)
        may = casework.readable(case, {attached.position: told}, act).get(attached.position, frozenset())
        if compartment not in may:
            raise Unknown(what="document")
        basis = casework.basis(case, act, (compartment,), attached.author == act.agency)
        casework.record_access(act, case, (compartment,), "document", basis, correlation_of(request))
        content = ports.documents.get(case, document, compartment)
        if content is None:
            raise Unknown(what="document")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, 200, headers, attached.event.media_type)

    async def post(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            caller = identity.caller(request.headers.get("authorization"))
            body = await body_of(request, LARGEST)
            if not body:
                raise BadRequest(422, "DoesNotFit", "A document has at least one byte.", at="$", expected="bytes")
            return await run_in_threadpool(attach, request, body, caller)

        return await as_problem(request, inner)

    async def get(request: Request) -> Response:
        async def inner(request: Request) -> Response:
            return await run_in_threadpool(show, request)

        return await as_problem(request, inner)

    query = [("kind", True), ("compartment", True), ("occurred_at", False), ("supersedes", False)]
    parameters = [{"name": n, "in": "query", "required": r, "schema": {"type": "string"}} for n, r in query]
    app.add_api_route(
        PATH,
        post,
        methods=["POST"],
        name="AttachDocument",
        response_model=None,
        status_code=201,
        tags=["work"],
        summary="Attach a document: its bytes are the body",
        openapi_extra={
            "parameters": [*path_parameters(PATH), *parameters, *WRITE_HEADERS],
            "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
            "responses": {"201": WRITTEN, **dict.fromkeys(("400", "401", "403", "404", "409", "413", "422"), PROBLEM)},
            "security": [{"access_token": []}],
        },
    )
    one = f"{PATH}/{{document}}"
    app.add_api_route(
        one,
        get,
        methods=["GET"],
        name="show_document",
        response_model=None,
        tags=["work"],
        openapi_extra={
            "parameters": [*path_parameters(one), WRITE_HEADERS[0]],
            "responses": {
                "200": {"description": "The document's bytes", "content": {"application/octet-stream": {}}},
                **dict.fromkeys(("401", "403", "404"), PROBLEM),
            },
            "security": [{"access_token": []}],
        },
    )


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise Unknown(what="id") from None
