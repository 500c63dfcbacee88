"""Every refusal as a problem document (RFC 9457) with a stable `type`.

Nothing of what was sent is repeated in a problem: it names fields and rules, ids and codes.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import psycopg
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ..domain import refusal as r
from ..domain.declaring import ASKED, FIELDS
from ..domain.words import LANGUAGES, Words
from .application.casework import KeyReused, VersionMismatch
from .application.ports import (
    Behind,
    BeyondHead,
    Forked,
    Gone,
    Moved,
    NotSealedYet,
    NotTaken,
    NotYetKnown,
    Unavailable,
    Unreadable,
)
from .identity import NotAuthenticated
from .misfit import ANOTHER, Misfit, misfit
from .problem_words import FOR_PERSON, ForPerson, Name

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DOES_NOT_FIT = "The body does not fit its schema."

STATUS: dict[type[r.Refusal], int] = {
    r.Unknown: 404,
    r.NotForThisAgency: 403,
    r.NotForThisRole: 403,
    r.NotAMember: 403,
    r.AgencyInactive: 403,
    r.PurposeNotAllowed: 403,
    r.AnotherPersonNeeded: 403,
    r.GlassNotOpen: 403,
    r.BeyondReach: 403,
    r.NotByTheSamePerson: 403,
    r.WrongReceipt: 403,
    r.InTheFuture: 422,
    r.BeforeItsCause: 422,
    r.NotAsItIsRecorded: 422,
    r.Invalid: 422,
    r.ConsentFromWrongPerson: 422,
    r.ConsentWidened: 422,
}
"""A refusal not named here is a conflict with the state of things: 409."""


class BadRequest(Exception):
    """The request cannot be read. `status` is its HTTP status; the detail repeats nothing that was sent."""

    def __init__(self, status: int, name: Name, detail: str, **more: Any) -> None:
        super().__init__(name)
        self.status, self.name, self.detail, self.more = status, name, detail, more


class TooMany(Exception):
    """The caller has as much of something as it may, or comes as often. The message says what to do."""

    def __init__(self, limit: str, said: str, retry_after: int) -> None:
        """`limit` is the limit's name, `retry_after` in seconds."""
        super().__init__(said)
        self.limit, self.retry_after = limit, retry_after


def type_of(name: str) -> str:
    """The stable type of a problem: `urn:rujukan:problem:consent-missing`."""
    return "urn:rujukan:problem:" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def problem(status: int, name: Name, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A problem document, of what is no refusal of the rules."""
    person = FOR_PERSON[name]
    if mends := [error["mend"] for error in more.get("errors", ()) if "mend" in error]:
        person = ForPerson(
            person.says, Words(*(" ".join(mend[language] for mend in mends[:3]) for language in LANGUAGES))
        )
    return _document(status, name, detail, person, headers, more)


def _document(
    status: int,
    name: str,
    detail: str,
    person: ForPerson,
    headers: dict[str, str] | None,
    more: Mapping[str, Any],
) -> Response:
    body = {"type": type_of(name), "title": _title(name), "status": status, "detail": detail, **more}
    body["person"] = {
        language: {"says": person.says.said_in(language), "next": person.next.said_in(language)}
        for language in LANGUAGES
    }
    return Response(msgspec.json.encode(body), status, headers, MEDIA_TYPE)


def refused(refusal: r.Refusal) -> Response:
    """The problem that a refusal of the rules is."""
    reason = refusal.reason()
    more: dict[str, Any] = {"about": refusal.about}
    says, mend, next = refusal.for_person()
    if isinstance(refusal, r.Invalid):
        named = FIELDS.get(refusal.field)
        mend = refusal.mended(named.label if named else None)
    if acts := acts_of(next):
        more["acts"] = acts
    detail, person = f"{says.en} {mend.en}", ForPerson(says, mend)
    return _document(STATUS.get(reason, 409), reason.__name__, detail, person, None, more)


def acts_of(commands: Sequence[str]) -> list[str]:
    """What can be done next, as requests: `POST /cases/{case}/reopening`."""
    return [f"POST {_paths()[name]}" for name in commands]


@cache
def _paths() -> dict[str, str]:
    return {command.__name__: said.path for command, said in ASKED.items() if said.path is not None}


def answer(error: Exception) -> Response:
    """The problem that an error becomes. What nobody foresaw is a 500 that tells nothing; the log names its class."""
    match error:
        case r.Unknown() | Gone():
            return problem(404, "Unknown", f"{r.Unknown.says.en} {r.Unknown.mend.en}")
        case r.Refusal():
            return refused(error)
        case NotAuthenticated():
            error_code = ', error="invalid_token"' if error.has_token else ""  # RFC 6750 § 3.1: none where none came
            challenge = {"WWW-Authenticate": f'Bearer realm="rujukan"{error_code}'}
            return problem(401, "NotAuthenticated", f"Nobody is known to be calling: {error}.", challenge)
        case VersionMismatch():
            etag = {"ETag": f'"{error.version}"'}
            return problem(412, "VersionMismatch", "The case moved on. Read it again and decide again.", etag)
        case Moved():
            return problem(
                409, "Conflict", "Somebody else wrote to the case first. Send it again.", {"Retry-After": "1"}
            )
        case KeyReused():
            return problem(422, "KeyReused", "This Idempotency-Key came with another request. Use a new one.")
        case Forked():
            detail = (
                "The history in the store does not go on from what was signed and told before: an older state of it was"
                " restored. Nothing is stored, and nobody is told anything, until whoever runs the service has set it"
                " right. Write down what you do meanwhile; where it is urgent, tell the agencies by phone."
            )
            return problem(503, "HistoryForked", detail, {"Retry-After": "300"})
        case NotYetKnown() | Unavailable() | psycopg.OperationalError() | psycopg.InterfaceError() | PoolTimeout():
            detail = "The store is away. Send it again with the same Idempotency-Key; nothing is doubled."
            return problem(503, "Unavailable", detail, {"Retry-After": "2"})
        case Unreadable():
            detail = (
                "A record of this case is damaged, so nothing can be decided on it, and nothing was stored. Whoever"
                " runs the service sees it, and can repair it. Where it is urgent, tell the agencies by phone."
            )
            return problem(503, "RecordDamaged", detail, {"Retry-After": "300"})
        case Behind():
            detail = "The lists have not reached that position yet. Ask again."
            return problem(503, "Behind", detail, {"Retry-After": "1"})
        case BeyondHead():
            detail = "The log has no such position yet. Wait for one that a write was answered with."
            return problem(400, "BadQuery", detail, parameter="wait_for")
        case NotSealedYet():
            detail = "Not sealed, or not seen by enough witnesses, yet. Ask again."
            return problem(404, "NotSealedYet", detail, {"Retry-After": "1"})
        case NotTaken():
            return problem(422, "NotTaken", str(error))
        case TooMany():
            after = {"Retry-After": str(error.retry_after)}
            return problem(429, "TooMany", str(error), after, limit=error.limit)
        case BadRequest():
            return problem(error.status, error.name, error.detail, **error.more)
        case HTTPException(status_code=404):
            return problem(404, "Unknown", "Nothing is at this address. /openapi.json names all that there are.")
        case HTTPException():
            return problem(error.status_code, "Refused", f"{error.detail}.", dict(error.headers or {}))
        case _:
            log.error("unforeseen %s", type(error).__name__)
            return problem(500, "Unforeseen", "Something went wrong here. Nothing is known to be stored.")


def method_not_allowed(allowed: Sequence[str]) -> Response:
    """What who asks by another method is told: all methods that the address has."""
    said = ", ".join(allowed)
    return problem(405, "MethodNotAllowed", f"This address has other methods: {said}.", {"Allow": said})


def unreadable(found: Sequence[Misfit]) -> BadRequest:
    """A body that does not fit: where, what was expected there, and what is allowed, without what was sent. What is
    said of the first misfit stands at the top; `errors` has them all, each with what to do."""
    errors = [msgspec.to_builtins(one) for one in found or [misfit("$", ANOTHER)]]
    first = {name: value for name, value in errors[0].items() if name != "mend"}
    sentence = found[0].sentence if found else ""
    detail = f"{DOES_NOT_FIT} {sentence} Mend it and send it again; nothing was stored."
    return BadRequest(422, "DoesNotFit", detail, **first, errors=errors)


def _title(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()
