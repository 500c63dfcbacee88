"""/docs, where people paste tokens: nothing on it is from elsewhere, and it may send nothing elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from conftest import Running

LOADS = {"src", "href", "action", "formaction", "data", "poster", "srcset"}
NAMED_BY_A_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?([^"')]{0,20})""")


class Page(HTMLParser):
    """What a page names, and what it says to be run without naming it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.addresses += [value or "" for name, value in attrs if name in LOADS]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)


def policy(headers: object) -> Iterator[tuple[str, list[str]]]:
    for part in str(headers).split(";"):
        name, *sources = part.split()
        yield name, sources


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["/docs", "/docs/events"])
def test_all_that_a_page_names_is_served_here_and_nothing_else_may_be_asked(running: Running, path: str) -> None:
    answer = running.http.get(path)
    page = Page(answer.text)
    here = str(answer.url)
    assert page.addresses
    for address in page.addresses:
        there = urljoin(here, address)
        assert urlsplit(there)[:2] == urlsplit(here)[:2], address
        if not address.startswith("#"):
            found = running.http.get(there)
            assert found.status_code == 200, address
            named = NAMED_BY_A_STYLE.findall(found.text) if there.endswith(".css") else []
            assert all(name.startswith(("data:", "#")) for name in named), address
    rules = dict(policy(answer.headers["content-security-policy"]))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == ["'none'"]
    allowed = {source for name, sources in rules.items() if name.endswith("-src") for source in sources}
    assert {source for source in allowed if not source.startswith("'sha256-")} <= {"'none'", "'self'", "data:"}
    assert rules.get("img-src", []) in ([], ["'self'", "data:"])
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_for_tokens_runs_nothing_but_what_is_served_here(running: Running) -> None:
    answer = running.http.get("/docs")
    assert Page(answer.text).inline == []
    rules = dict(policy(answer.headers["content-security-policy"]))
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == ["'self'"]
    start = running.http.get("/docs/start.js")
    assert start.headers["content-type"].startswith("text/javascript")
    assert "://" not in start.text
    assert "SwaggerUIBundle" in running.http.get("/docs/swagger-ui-bundle.js").text
    assert running.http.get("/openapi.json").status_code == 200
