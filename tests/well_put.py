"""That a request which a test has refused was well put. Whoever sends what cannot be read is refused, whoever they are:
such a refusal says nothing of who may do what, and the test of it cannot fail."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
import msgspec
from openapi_schema_validator import OAS31Validator
from patience import PATIENCE_SECONDS

UNREAD = {400, 405, 408, 411, 413, 414, 415, 431}
JSON = "application/json"


_heard: list[list[str]] = []


@contextmanager
def refused_for_what_it_is() -> Iterator[None]:
    """Inside it nothing that is refused was ill put: neither is refused for its form, nor would be, had who asked been
    let in."""
    ill_put: list[str] = []
    _heard.append(ill_put)
    try:
        yield
    finally:
        _heard.pop()
    assert not ill_put, "refused, or to be refused, for its form:\n" + "\n".join(sorted({*ill_put}))


def hear(response: httpx.Response) -> None:
    """A hook of a client."""
    if _heard and not response.is_success and (why := wrong(response)):
        request = response.request
        for ill_put in _heard:
            ill_put.append(f"{request.method} {request.url.path}: {why}")


HOOKS = {"response": [hear]}
"""Of each client whose requests are looked at."""


def wrong(response: httpx.Response) -> str:
    """What is the matter with the form of what was asked; empty where nothing is."""
    response.read()
    if response.status_code in UNREAD:
        return f"{response.status_code} {response.text[:200]}"
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem = response.json()
        if problem["type"].endswith(":does-not-fit") or "Nothing is at this address" in problem["detail"]:
            return f"{response.status_code} {problem['detail']}"
    return _misfit(response.request)


def _misfit(request: httpx.Request) -> str:
    """Of a body in JSON: what its address says against it. Who asked was refused before it was read."""
    if request.method != "POST" or not request.headers.get("Content-Type", JSON).startswith(JSON):
        return ""
    url = request.url
    for form, check in _forms(f"{url.scheme}://{url.netloc.decode()}"):
        if form.fullmatch(url.path):
            body: Any = msgspec.json.decode(request.read() or b"{}")
            return "; ".join(f"{error.json_path} {error.message[:80]}" for error in check.iter_errors(body))
    return ""


@cache
def _forms(system: str) -> list[tuple[re.Pattern[str], OAS31Validator]]:
    """The addresses of a system to which JSON is posted, each with what it takes."""
    document = httpx.get(f"{system}/openapi.json", timeout=PATIENCE_SECONDS).json()
    found: list[tuple[re.Pattern[str], OAS31Validator]] = []
    for path, item in document["paths"].items():
        taken = item.get("post", {}).get("requestBody", {}).get("content", {}).get(JSON)
        if taken is not None:
            address = re.compile(re.sub(r"{\w+}", "[^/]+", path))
            schema = {**taken["schema"], "components": document["components"]}
            found.append((address, OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)))
    return sorted(found, key=lambda form: form[0].pattern.count("[^/]+"))
