"""Every command that there is, and every argument of each: what nobody can mean is refused in words that name the
argument; where there is nothing to do, or nothing left, that is said; and nothing of it ends in a traceback.

The parser is asked what there is: who adds a command or an argument says here what is wrong for it.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from rujukan.consumers.agency import SqliteInbox
from rujukan.consumers.wire.envelope import AgencyKey, encoded_service_key
from rujukan.infra import cli, composition
from rujukan.infra.commands import agencies
from rujukan.infra.settings import Settings

CASE = str(uuid4())
GOOD = {
    "import": ("log.xes",),
    "token": ("--agency", "rsud", "--role", "supervisor"),
    "keygen": ("new.key",),
    "subscribe": ("rsud", "--key", "rsud.key", "--service-key", "service.pub", "--feed", "http://127.0.0.1:1"),
    "inbox": ("rsud",),
    "dead-letters": ("replay", "rsud", "--key", "rsud.key", "--service-key", "service.pub"),
    "history": (CASE, "--token", "x", "--url", "http://127.0.0.1:1"),
    "rebuild": ("directory",),
    "ledger": ("verify",),
    "verify": ("log.xes",),
    "bundle": (CASE, *("--disclose", "legal", "--recipient", "PN", "--basis", "court-order", "--rule", "1/2026"),
               *("--token", "x", "--url", "http://127.0.0.1:1")),
    "witness": ("--witness-key", "witness.key", "--once"),
    "bench": ("append",),
}  # fmt: skip
"""What a command needs, in a form that is right."""

NOWHERE = "nowhere/at/all"
WRONG: dict[str, dict[str, str]] = {
    "up": {"--port": "x", "--workers": "0"},
    "demo": {"--xes": NOWHERE, "--json": NOWHERE},
    "import": {"file": NOWHERE, "--json": NOWHERE, "--map": NOWHERE},
    "token": {"--agency": "RSUD Bontang", "--role": "king", "--actor": "no-id", "--hours": "x"},
    "agencies": {
        "what": "sink",
        "--add": "RSUD Bontang",
        "--kind": "nothing",
        "--service": "nothing",
        "--member": "supervisor:no-id",
        "--key": NOWHERE,
        **dict.fromkeys(("--replication", "--min-insync", "--retention", "--quota-bytes-in", "--quota-bytes-out"), "x"),
    },
    "keygen": {"file": NOWHERE},
    "subscribe": {
        "--key": NOWHERE,
        "--keys": NOWHERE,
        "--service-key": "x",
        "--kafka-password-file": NOWHERE,
        "--token-file": NOWHERE,
        "--webhook-tolerance": "x",
        "--listen": "x",
        "--tries": "x",
        "--from": "someday",
        "--case": "x",
        "--stop-after": "x",
        "--inbox": NOWHERE,
        "--log-key": "x",
        "--witness-key": NOWHERE,
    },
    "inbox": {"agency": "rsudd", "--inbox": NOWHERE},
    "dead-letters": {
        "what": "sink",
        "agency": "rsudd",
        "number": "x",
        "--inbox": NOWHERE,
        "--key": NOWHERE,
        "--keys": NOWHERE,
        "--service-key": "x",
        "--token-file": NOWHERE,
    },
    "history": {"case": "x"},
    "rebuild": {"projection": "nothing", "--workers": "0"},
    "ledger": {"what": "sink", "--known": NOWHERE},
    "verify": {"file": NOWHERE, "--policy": NOWHERE, "--root": NOWHERE, "--language": "nl"},
    "bundle": {"case": "x", "--withhold": "x", "--disclosure": "no-id", "--out": NOWHERE},
    "witness": {"--witness-key": NOWHERE, "--log-key": "x", "--clear-alarm": "x", "--listen": "x"},
    "keys": {"what": "sink"},
    "damaged": {"stream": "x"},
    "schemas": {"what": "case.Nothing", "--write": "log.xes/no"},
    "bench": {"what": "sink", "--seconds": "x", "--workers": "x", "--json": NOWHERE},
    "kafka": {"--port": "x"},
    **{name: {"--lifeline": "x"} for name in ("api", "worker", "publisher", "sealer")},
}
ANY = {
    "--data": "a directory that is made, or found to be empty",
    "--label": "a name",
    "--id": "a name",
    "--lost-key": "a name",
    "--new-password": "asked of the cluster (test_kafka_security.py)",
    "--credentials": "made",
    "--agency": "asked of the service",
    "--name": "a name",
    "--purpose": "asked of the service",
    "--token": "asked of the service",
    "--url": "asked while it runs",
    "--kafka": "asked while it runs",
    "--kafka-ca": "asked while it runs",
    "--kafka-user": "asked while it runs",
    "--kafka-password-file": "passed over where Kafka is: the same may be said to all that receives",
    "--feed": "asked while it runs",
    "--feed-ca": "asked while it runs",
    "--webhook-secret-file": "of --listen (test_webhook_source.py)",
    "--tls-certificate": "of --listen (test_webhook_source.py)",
    "--tls-key": "of --listen (test_webhook_source.py)",
    "--to-command": "run for each delivery (test_subscribing.py)",
    "--to-webhook": "asked for each delivery (test_subscribing.py)",
    "--log": "asked while it runs (test_witness.py)",
    "--alarm-command": "run at an alarm (test_witness.py)",
    "--witness-state": "made",
    "--keygen": "a name",
    "--to-directory": "made",
    "--backup": "asked of what is damaged (test_damaged.py)",
    "agency": "a name; keys and inbox say whose they are",
    "--extract": "made, once the bundle holds",
    "--recipient": "a name",
    "--basis": "asked of the service",
    "--rule": "a text",
    "--disclose": "asked of the service",
    "--as-of": "asked of the service",
    "--diff": "asked of the service",
}
"""Arguments of which a wrong one cannot be told before somebody is asked, or of which there is none."""


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


def arguments() -> Iterator[tuple[str, str]]:
    """Every argument that takes a value, as it is said: `--port`, or the name of what stands alone."""
    for name, parser in commands().items():
        for action in parser._actions:
            if action.nargs != 0 and not isinstance(action, argparse._HelpAction):
                yield name, action.option_strings[-1] if action.option_strings else action.dest


ALSO = {
    **{("agencies", argument): ("--add", "rsud") for argument in ("--kind", "--service", "--member", "--key")},
    ("dead-letters", "--token-file"): ("--feed", "http://127.0.0.1:1"),
}
"""What an argument is of."""


def said_wrongly(command: str, argument: str) -> list[str]:
    """The command with that argument wrong, and all else right."""
    wrong, good = WRONG[command][argument], GOOD.get(command, ())
    at = next((n for n, word in enumerate(good) if word.startswith("--")), len(good))
    alone, options = [*good[:at]], [*good[at:]]
    if not argument.startswith("--"):
        place = [action.dest for action in commands()[command]._actions if not action.option_strings].index(argument)
        alone[place : place + 1] = [wrong]
        return [command, *alone, *options]
    if argument in options and command != "subscribe":
        options[options.index(argument) + 1] = wrong
        return [command, *alone, *options]
    return [command, *alone, *options, *ALSO.get((command, argument), ()), argument, wrong]


@pytest.fixture
def place(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what is named in a right command, before a network in which nothing happened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUJUKAN_DATABASE", settings.database)
    monkeypatch.setenv("RUJUKAN_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("RUJUKAN_NETWORK", settings.network or "test.example")
    monkeypatch.setattr(agencies, "CATCH_UP_SECONDS", 0)  # nobody keeps the lists here
    monkeypatch.setenv("RUJUKAN_KEYRING", str(settings.keyring_file))
    monkeypatch.setenv("RUJUKAN_DATA", str(tmp_path / "data"))
    Path("log.xes").write_text('<log xes.version="1.0"></log>')
    key = AgencyKey.generate("1")
    Path("rsud.key").write_bytes(key.to_json())
    Path("rsud.key").chmod(0o600)
    Path("rsud.key.pub").write_text(json.dumps({"id": "1", "public": key.public}))
    Path("service.pub").write_text(encoded_service_key(composition.service_key(settings)))
    inbox = SqliteInbox("rsud.db", lambda delivery, db: None)
    inbox.begin("rsud")
    inbox.close()
    assert cli.main(["witness", "--keygen", "rsud", "--witness-key", "witness.key"]) == 0
    return tmp_path


def says(command: list[str]) -> int:
    try:
        return cli.main(command)
    except SystemExit as usage:
        return int(usage.code or 0)


def test_every_argument_is_tried_here() -> None:
    untried = [f"{name} {argument}" for name, argument in arguments() if argument not in WRONG.get(name, {})]
    assert [one for one in untried if one.split()[1] not in ANY] == []
    assert {(name, argument) for name in WRONG for argument in WRONG[name]} <= set(arguments())


@pytest.mark.parametrize(
    ("command", "argument"), [(c, a) for c in WRONG for a in WRONG[c]], ids=lambda word: word.removeprefix("--")
)
def test_what_is_wrong_is_named_and_no_traceback_is_shown(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, argument: str
) -> None:
    monkeypatch.setenv("RUJUKAN_TOKEN", "x")
    capsys.readouterr()
    asked = said_wrongly(command, argument)
    assert says(asked) in (1, 2), asked
    answer = capsys.readouterr()
    assert "Traceback" not in answer.err
    named = answer.err.strip().splitlines()[-1]
    assert re.match(r"rujukan( [\w-]+)?: ", named), named
    wrong = WRONG[command][argument]
    assert argument.lstrip("-") in named.lower() or (len(wrong) > 1 and wrong in named), named


LASTING = {
    "up": "test_cli.py, test_external_postgres.py",
    "demo": "the README's first command",
    "subscribe": "test_agency_machine.py",
    "bench": "tests/benchmarks",
    "kafka": "test_services.py",
    "api": "test_pooler.py",
    "worker": "test_pooler.py",
    "publisher": "test_pooler.py",
    "sealer": "test_pooler.py",
    "history": "test_cli_history.py: asks the API",
    "bundle": "test_bundles.py: asks the API",
}
"""Those that run until they are stopped, or ask a whole system, and where they are tried."""
NOTHING: dict[str, list[tuple[str, ...]]] = {
    "down": [()],
    "status": [()],
    "import": [("log.xes",), ("log.xes", "--json", "said.json")],
    "token": [("--agency", "rsud", "--role", "supervisor")],
    "agencies": [(), ("--add", "rsud", "--kind", "health", "--key", "rsud.key.pub")],
    "keygen": [("new.key",)],
    "inbox": [("rsud",)],
    "dead-letters": [("list", "rsud"), ("show", "rsud"), GOOD["dead-letters"]],
    "service-key": [()],
    "deliveries": [()],
    "lag": [()],
    "health": [(), ("--json",)],
    "rebuild": [("directory",)],
    "ledger": [("keys",), ("checkpoint",), ("joining",), ("verify",)],
    "verify": [("log.xes",)],
    "witness": [("--witness-key", "witness.key", "--alarms"), ("--witness-key", "other.key", "--keygen", "rsud")],
    "keys": [(), ("rotate", "--yes"), ("epoch", "--yes")],
    "erasures": [()],
    "retention": [()],
    "damaged": [(), ("--again",)],
    "forks": [()],
    "recover": [("--yes",)],
    "schemas": [(), ("--write", "schemas")],
    "migrate": [()],
}
"""Each command where nothing happened yet; it is said twice."""
LINES = {("dead-letters", "replay")}
"""Their output is of deliveries, a line of JSON each: words are beside it."""


def test_every_command_is_said_here_or_named() -> None:
    assert NOTHING.keys() | LASTING.keys() == commands().keys()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((name, *way), id=" ".join((name, *way)), marks=[pytest.mark.thorough] * (name == "forks"))
        for name, ways in NOTHING.items()
        for way in ways
    ],
)
def test_it_is_said_what_was_done_and_what_was_left_also_the_second_time(
    place: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    capsys.readouterr()
    for _ in range(2):
        status = says([*command])
        answer = capsys.readouterr()
        assert "Traceback" not in answer.err
        beside = status or command[:2] in LINES
        assert (answer.out + (answer.err if beside else "")).strip(), (command, status, answer.err)
        if "--json" in command:
            said = answer.out if command[-1] == "--json" else Path("said.json").read_text()
            assert isinstance(json.loads(said), dict)
        if status and not answer.out.strip():
            assert re.match(r"rujukan( [\w-]+)?: |FAILED THE CHECK|Next: ", answer.err.strip().splitlines()[-1]), (
                answer.err
            )


@pytest.mark.parametrize("name", sorted(NOTHING.keys() - {"keygen", "schemas", "down", "status", "health", "verify"}))
def test_where_nothing_runs_each_command_says_so_in_a_line_with_what_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No server, no settings, no keys."""
    monkeypatch.chdir(tmp_path)
    for variable in [variable for variable in os.environ if variable.startswith("RUJUKAN_")]:
        monkeypatch.delenv(variable)
    Path("log.xes").write_text('<log xes.version="1.0"></log>')
    assert says([name, *NOTHING[name][0]]) == 1
    answer = capsys.readouterr()
    assert answer.out == ""
    (line,) = answer.err.strip().splitlines()
    assert line.startswith("rujukan: ")
    assert "Errno" not in line
    assert re.search(r"rujukan [a-z]+|RUJUKAN_[A-Z]+|--[a-z-]+", line.removeprefix("rujukan: ")), "what helps"


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_misspelt_option_shows_its_command_s_usage_and_which_was_meant(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    options = [o for a in commands()[name]._actions for o in a.option_strings if len(o) > 5 and a.nargs != 0]
    for option in options[:3]:
        wrong = option[:3] + option[4] + option[3] + option[5:]
        if wrong == option:
            continue
        assert says([name, *GOOD.get(name, ()), f"{wrong}=x"]) == 2
        answer = capsys.readouterr()
        assert answer.out == ""
        assert answer.err.startswith(f"usage: rujukan {name} ")
        last = answer.err.strip().splitlines()[-1]
        assert last.startswith(f"rujukan {name}: ")
        assert wrong in last
        assert re.search(r"did you mean --[a-z-]+\?", last), last
