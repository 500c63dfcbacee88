"""/docs and /docs/events as a real browser has them: all that they show stands there, nothing is asked of anybody else,
and the Content-Security-Policy refused nothing of theirs."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from conftest import Running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.thorough, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here")]
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-pings")
"""What a browser asks of its maker by itself is no matter of the page."""
ELSEWHERE = "http://elsewhere.invalid/a.png"


class Seen(NamedTuple):
    """What a browser made of a page: its elements, what it complained of, and whom the page had it ask."""

    dom: str
    complaints: list[str]
    asked: set[str]


def browse(url: str, at: Path) -> Seen:
    log = at / "net.json"
    command = [str(CHROMIUM), *SWITCHES, *QUIET, f"--user-data-dir={at / 'profile'}", f"--log-net-log={log}"]
    command += ["--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=60000", "--dump-dom", url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=180)
    complaints = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    return Seen(ran.stdout, complaints, set(asked_in(json.loads(log.read_text()))))


def asked_in(log: dict[str, list[dict[str, object]]]) -> Iterator[str]:
    """scheme://host of each request that a page began (net/log, `URL_REQUEST_START_JOB`)."""
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]  # type: ignore[call-overload]
    for event in log["events"]:
        of = event.get("params")
        if (
            event["type"] == start
            and isinstance(of, dict)
            and str(of.get("initiator", "")) not in ("", "not an origin")
        ):
            there = urlsplit(str(of["url"]))
            yield f"{there.scheme}://{there.netloc}"


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


def test_what_this_looks_for_is_found_on_a_page_that_has_it(careless: str, tmp_path: Path) -> None:
    seen = browse(careless, tmp_path)
    assert any("Content Security Policy" in line for line in seen.complaints), seen.complaints
    assert "http://elsewhere.invalid" in seen.asked


def test_the_contract_shows_every_operation_and_asks_nobody_else(running: Running, tmp_path: Path) -> None:
    here = running.system.url
    seen = browse(f"{here}/docs", tmp_path)
    paths = running.http.get("/openapi.json").json()["paths"]
    shown = seen.dom.replace("<wbr>", "").replace("\u200b", "")
    assert [path for path in paths if f'data-path="{path}"' not in shown] == []
    assert seen.complaints == []
    assert seen.asked <= {"data://", here}
    assert here in seen.asked, "what the page loads is asked of us"


def test_the_page_of_messages_asks_nobody_else(running: Running, tmp_path: Path) -> None:
    here = running.system.url
    seen = browse(f"{here}/docs/events", tmp_path)
    assert "case.ReferralSent" in seen.dom
    assert seen.complaints == []
    assert seen.asked <= {"data://", here}
