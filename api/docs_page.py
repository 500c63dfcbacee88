"""/docs: the contract as a page on which people try it, with their tokens.

So nothing in it is from elsewhere: Swagger UI is the files of a package that is installed with us (fastapi-swagger),
and the page may load, ask and send nothing but here.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy. Swagger UI's style sheet has its icons in `data:`."""
HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HTML, CSS, SCRIPT, PNG = (
    "text/html; charset=utf-8",
    "text/css; charset=utf-8",
    "text/javascript; charset=utf-8",
    "image/png",
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rujukan: API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="contract"></div>
<noscript>openapi.json</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#contract",
  deepLinking: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
  showExtensions: true,
});
"""
"""No token is kept by the page, no address sets what it shows, and the contract is sent to nobody to be validated."""

OF_THE_PACKAGE = {"swagger-ui-bundle.js": SCRIPT, "swagger-ui.css": CSS, "favicon-32x32.png": PNG}


def add_page(app: FastAPI) -> None:
    """The page and all that it loads. It is no part of the contract that it shows."""
    app.add_route("/docs", _said(PAGE, HTML), methods=["GET"], include_in_schema=False)
    app.add_route("/docs/start.js", _said(START, SCRIPT), methods=["GET"], include_in_schema=False)
    for name, media in OF_THE_PACKAGE.items():
        app.add_route(f"/docs/{name}", _of_the_package(name, media), methods=["GET"], include_in_schema=False)


def _said(text: str, media: str) -> Callable[[Request], Awaitable[Response]]:
    async def route(_: Request) -> Response:
        return Response(text, 200, HEADERS, media)

    return route


def _of_the_package(name: str, media: str) -> Callable[[Request], Awaitable[Response]]:
    async def route(_: Request) -> Response:
        content = await run_in_threadpool((files("fastapi_swagger.resources") / name).read_bytes)
        return Response(content, 200, HEADERS, media)

    return route
