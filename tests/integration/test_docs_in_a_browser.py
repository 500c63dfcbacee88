"""/docs and /docs/events as a real browser has them: all that they show stands there, nothing is asked of anybody else,
and the Content-Security-Policy refused nothing of theirs."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Running
from patience import PATIENCE_SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.thorough, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here")]
SWITCHES = (
    "--headless --window-size=1200,60000 --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
    " --remote-debugging-pipe"
)
"""The page is high enough for all of it to be in sight: Swagger UI makes no more of it than that."""
ELSEWHERE = "http://elsewhere.invalid/a.png"
COMPLAINTS = {"Log.entryAdded": "entry", "Runtime.exceptionThrown": "exceptionDetails"}
OPERATIONS = "document.querySelectorAll('[data-path]').length"


class Tab:
    """A page in a real browser, spoken to over two pipes (Chrome DevTools Protocol): whom it asks, of what the browser
    complains, and what stands there."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, os.fdopen(out, "rb")
        self._last, self._session = 0, {}
        self.asked: set[str] = set()
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Network", "Log", "Runtime", "Page"):
            self._call(f"{domain}.enable")

    def opens(self, url: str, until: Callable[[], bool]) -> str:
        """The page, once that is so, or as it is when it should be."""
        self._call("Page.navigate", url=url)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not until() and time.monotonic() < give_up:
            time.sleep(0.2)
        return self.says("document.documentElement.outerHTML")

    def says(self, expression: str) -> str:
        """What that is in the page."""
        return str(self._call("Runtime.evaluate", expression=expression)["result"].get("value"))

    def _call(self, method: str, **about: Any) -> Any:
        self._last += 1
        said = {"id": self._last, "method": method, "params": about, **self._session}
        os.write(self._into, json.dumps(said).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self) -> Any:
        data = bytearray()
        while (one := self._out.read(1)) != b"\0":
            assert one, "the browser is gone"
            data += one
        said = json.loads(data)
        if said.get("method") == "Network.requestWillBeSent":
            there = urlsplit(said["params"]["request"]["url"])
            self.asked.add(f"{there.scheme}://{there.netloc}")
        elif said.get("method") in COMPLAINTS:
            self.complaints.append(str(said["params"][COMPLAINTS[said["method"]]]))
        return said


@contextmanager
def browser(at: Path) -> Iterator[Tab]:
    its_in, into = os.pipe()
    out, its_out = os.pipe()
    command = f'exec "$0" {SWITCHES} --user-data-dir="$1" 3<&{its_in} 4>&{its_out}'
    with (at / "browser.log").open("wb") as log:
        running = subprocess.Popen(
            ["bash", "-c", command, str(CHROMIUM), str(at / "profile")],
            pass_fds=(its_in, its_out), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    os.close(its_in)
    os.close(its_out)
    try:
        yield Tab(into, out)
    finally:
        os.close(into)
        running.terminate()
        running.wait(PATIENCE_SECONDS)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with browser(tmp_path) as opened:
        yield opened


@pytest.fixture
def careless() -> Iterator[str]:
    """A page that does what ours must not: it names something of another, and runs what its own policy refuses."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", "script-src 'self'")
            self.end_headers()
            self.wfile.write(f'<img src="{ELSEWHERE}"><script>document.title = 1</script>'.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def test_what_this_looks_for_is_found_on_a_page_that_has_it(careless: str, tab: Tab) -> None:
    tab.opens(careless, lambda: bool(tab.says("1") and len(tab.complaints) > 1))
    assert any("Content Security Policy" in one for one in tab.complaints), tab.complaints
    assert "http://elsewhere.invalid" in tab.asked


def test_the_contract_shows_every_operation_and_asks_nobody_else(running: Running, tab: Tab) -> None:
    here, paths = running.system.url, running.http.get("/openapi.json").json()["paths"]

    operations = sum(len(paths[path].keys() - {"parameters"}) for path in paths)
    dom = tab.opens(f"{here}/docs", lambda: int(tab.says(OPERATIONS)) >= operations)
    shown = dom.replace("<wbr>", "").replace("\u200b", "")
    assert [path for path in paths if f'data-path="{path}"' not in shown] == []
    assert tab.complaints == []
    assert {one for one in tab.asked if one != "data://"} == {here}


def test_the_page_of_messages_asks_nobody_else(running: Running, tab: Tab) -> None:
    here = running.system.url
    dom = tab.opens(f"{here}/docs/events", lambda: "case.ReferralSent" in tab.says("document.body.innerText"))
    assert "case.ReferralSent" in dom
    assert tab.complaints == []
    assert {one for one in tab.asked if one != "data://"} == {here}
