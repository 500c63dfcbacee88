"""The command line, as a newcomer uses it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from patience import PATIENCE_SECONDS

RUJUKAN = [sys.executable, "-m", "rujukan.infra.cli"]
SERVER_PARTS = ("psycopg", "psycopg_pool", "eventsourcing", "fastapi", "starlette", "uvicorn", "httpx", "jwt", "rich")


def run(*arguments: str, directory: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUJUKAN, *arguments],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=check,
    )


@pytest.fixture(scope="module")
def began(places: Callable[[], Path]) -> Iterator[Callable[[], tuple[Path, subprocess.Popen[str]]]]:
    """Begins `rujukan up` in a directory of its own, unless it runs."""
    directory, processes = places(), list[subprocess.Popen[str]]()

    def begin() -> tuple[Path, subprocess.Popen[str]]:
        if not processes or processes[-1].poll() is not None:
            processes.append(begun(directory))
        return directory, processes[-1]

    yield begin
    if processes and processes[-1].poll() is None:
        processes[-1].send_signal(signal.SIGINT)
        processes[-1].wait(PATIENCE_SECONDS)


def begun(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*RUJUKAN, "up", "--port", "0"], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    for part in ("API", "PostgreSQL", "Kafka", "data"):
        assert part in said
    return process


@pytest.fixture
def up(began: Callable[[], tuple[Path, subprocess.Popen[str]]]) -> tuple[Path, subprocess.Popen[str]]:
    """`rujukan up`, and where."""
    return began()


def test_it_says_which_version_it_is(tmp_path: Path) -> None:
    assert run("--version", directory=tmp_path).stdout == f"rujukan {version('rujukan')}\n"


@pytest.mark.thorough
def test_a_newcomer_brings_two_agencies_in_and_the_second_receives_a_referral(up):
    directory, _ = up
    services = ("--member", "case-worker", "--member", "supervisor")
    run("agencies", "--add", "uptd-ppa", "--kind", "lead", "--service", "koordinasi", *services, directory=directory)
    run("keygen", "rsud.key", "--id", "2026", directory=directory)
    key = ("--key", "rsud.key.pub")
    listed = run(
        "agencies", "--add", "rsud", "--kind", "health", "--service", "kesehatan", *services, *key, directory=directory
    )
    assert "rsud" in listed.stdout
    token = run("token", "--agency", "uptd-ppa", "--role", "case-worker", directory=directory).stdout.strip()
    about = json.loads((directory / ".rujukan" / "run.json").read_text())
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "care"}
    with httpx.Client(base_url=about["api"], headers=headers, timeout=PATIENCE_SECONDS) as http:
        opening = {"channel": "hotline", "reporter": "survivor", "urgency": "emergency", "age_group": "adult"}
        here = http.post("/cases", json=opening).raise_for_status().headers["Location"]
        scope = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
        consent = {**scope, "given_by": ["survivor"], "obtained": "verbal"}
        http.post(f"{here}/consents", json=consent).raise_for_status()
        draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "emergency", "purpose": "care"}
        body = {**draft, "compartments": ["health"], "health": "PEP"}
        referral = http.post(f"{here}/referrals", json=body).raise_for_status().json()["id"]
        http.post(f"{here}/referrals/{referral}/sending").raise_for_status()
    service = run("service-key", directory=directory).stdout.strip()
    where = ("--key", "rsud.key", "--service-key", service, "--kafka", about["kafka"])
    received = run("subscribe", "rsud", *where, "--stop-after", "3", directory=directory).stdout
    deliveries = [json.loads(line) for line in received.splitlines()]
    assert [d["topic"] for d in deliveries] == ["case.CaseOpened", "case.ReferralDrafted", "case.ReferralSent"]
    assert deliveries[1]["data"]["health"] == "PEP"


@pytest.mark.thorough
def test_lag_is_a_number_and_a_read_model_is_rebuilt_while_it_serves(up):
    directory, _ = up
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        lag = {line.split()[0]: int(line.split()[1]) for line in run("lag", directory=directory).stdout.splitlines()}
        if not any(lag.values()) or time.monotonic() > give_up:
            break
    assert set(lag.values()) == {0}
    assert "is new" in run("rebuild", "timeline", directory=directory).stdout
    refused = run("rebuild", "nothing", directory=directory, check=False)
    assert refused.returncode == 1
    assert "there are" in refused.stderr


@pytest.mark.thorough
def test_a_log_that_is_damaged_stops_with_its_line_and_stores_nothing(up):
    directory, _ = up
    before = run("lag", directory=directory).stdout
    (directory / "bad.xes").write_text('<log>\n<trace>\n<string key="concept:name" value="a"/>\n<event>\n</event>\n')
    refused = run("import", "bad.xes", directory=directory, check=False)
    assert refused.returncode == 1
    assert "line" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run("lag", directory=directory).stdout == before


@pytest.mark.thorough
def test_two_publishers_share_the_agencies(up):
    directory, _ = up
    shared = (
        "SELECT count(*) FROM follow.leases WHERE work = 'publishing' AND until > now() AND keeper IS NOT NULL"
        " GROUP BY keeper"
    )
    about = json.loads((directory / ".rujukan" / "run.json").read_text())
    give_up = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(about["database"], autocommit=True) as db:
        while (counts := db.execute(shared).fetchall()) != [(2,), (2,)] and time.monotonic() < give_up:
            time.sleep(0.1)
    assert counts == [(2,), (2,)]


@pytest.mark.thorough
def test_a_second_system_on_the_same_directory_is_refused(up):
    directory, _ = up
    refused = run("up", directory=directory, check=False)
    assert refused.returncode == 1
    assert "already" in refused.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("agencies", "--add", "x", "--kind", "helth"), "--kind: helth is not one of"),
        (("token", "--agency", "x", "--role", "case-wroker"), "Did you mean case-worker?"),
        (("subscribe", "x", "--key", "no.key", "--service-key", "AA"), "Kafka"),
        (("import", "no.xes"), "no.xes"),
    ],
)
def test_a_wrong_word_is_explained_without_a_traceback(up, arguments, says):
    directory, _ = up
    refused = run(*arguments, directory=directory, check=False)
    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.thorough
def test_a_setting_that_is_none_is_named(tmp_path):
    refused = run("lag", directory=tmp_path, check=False, RUJUKAN_DATABSE="x")
    assert refused.returncode == 1
    assert "RUJUKAN_DATABSE" in refused.stderr


@pytest.mark.thorough
def test_a_key_is_never_overwritten_and_never_readable_by_others(tmp_path):
    run("keygen", "a.key", directory=tmp_path)
    assert (tmp_path / "a.key").stat().st_mode & 0o077 == 0
    assert run("keygen", "a.key", directory=tmp_path, check=False).returncode == 1


def test_the_agencys_side_needs_no_server_part(tmp_path):
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in SERVER_PARTS)
    code = (
        f"import sys; {blocked}"
        "from rujukan.consumers.agency import KafkaSource, SqliteInbox, Subscription;"
        "from rujukan.infra.cli import main;"
        "raise SystemExit(main(['keygen', 'agency.key']))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "agency.key").exists()


@pytest.mark.thorough
def test_an_operator_replaces_the_key_encryption_key_and_sees_erasures_and_what_falls_due(up):
    directory, _ = up
    (first,) = run("keys", directory=directory).stdout.splitlines()
    assert "active" in first
    assert f"destroyed: {first.split()[0]}" in run("keys", "rotate", "--yes", directory=directory).stdout
    assert "dead in every copy" in run("keys", "epoch", "--yes", directory=directory).stdout
    listed = run("keys", "list", directory=directory).stdout.splitlines()
    assert [line.split()[1] for line in listed] == ["destroyed", "destroyed", "active"]
    for command in ("erasures", "retention"):
        assert run(command, directory=directory).stdout.count("\n") == 1, "that there is nothing"


@pytest.mark.thorough
def test_a_port_that_somebody_has_is_refused_at_once_and_by_its_number(tmp_path):
    """Whoever answers there would be taken for the API."""
    with socket.create_server(("127.0.0.1", 0)) as another:
        port = another.getsockname()[1]
        refused = run("up", "--port", str(port), directory=tmp_path, check=False)
    assert refused.returncode == 1
    assert f":{port}: Address already in use" in refused.stderr
    assert not (tmp_path / ".rujukan" / "postgres").exists(), "something was started before"


@pytest.mark.thorough
def test_a_supervisor_that_is_killed_takes_its_processes_along_and_the_next_start_goes_on(began):
    directory, process = began()
    children = psutil.Process(process.pid).children(recursive=True)
    ours = [child for child in children if "rujukan.infra.cli" in child.cmdline()]
    assert len(ours) >= len(("worker", "publisher", "sealer", "api"))
    process.kill()
    process.wait()
    assert psutil.wait_procs(ours, PATIENCE_SECONDS)[1] == []
    assert run("status", directory=directory, check=False).returncode == 3
    _, again = began()
    assert f"process {again.pid}," in run("status", directory=directory).stdout
    about = json.loads((directory / ".rujukan" / "run.json").read_text())
    assert httpx.get(f"{about['api']}/health", timeout=PATIENCE_SECONDS).status_code == 200
    assert run("down", directory=directory).stdout.startswith(f"stopped: process {again.pid} ")
    assert again.wait(PATIENCE_SECONDS) == 0
    assert run("down", directory=directory).stdout.startswith("nothing runs")
    left = subprocess.run(["pgrep", "-f", str(directory)], capture_output=True, text=True, check=False).stdout
    assert left.strip() == "", "a process was left behind"


@pytest.mark.thorough
def test_ctrl_c_stops_everything_and_says_so(up):
    directory, process = up
    about = json.loads((directory / ".rujukan" / "run.json").read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 0
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{about['api']}/health", timeout=2)
    left = subprocess.run(["pgrep", "-f", str(directory)], capture_output=True, text=True, check=False).stdout
    assert left.strip() == "", "a process was left behind"
