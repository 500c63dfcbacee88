"""A command that looks makes nothing, and says that there is nothing: whoever misspells a name would else watch what is
green for ever. Each command of the command line is tried in an empty directory."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from rujukan.infra import cli

NOWHERE = "nowhere"
MAKES = {
    "up": "the system",
    "demo": "the system",
    "bench": "what it measures",
    "kafka": "a broker",
    "keygen": "a key pair",
    "subscribe": "an inbox",
    "witness": "what it saw",
    "migrate": "a schema",
    **dict.fromkeys(("api", "worker", "publisher", "sealer"), "a process"),
    "schemas": "files, where it is told to",
}
"""Commands that make what they are asked for; every other one looks."""
SAYS = {
    "import": [["nothing.xes"]],
    "token": [["--agency", "rsud", "--role", "supervisor"]],
    "agencies": [[], ["--add", "rsud", "--kind", "health"]],
    "inbox": [["rsud"]],
    "dead-letters": [["list", "rsud"], ["show", "rsud", "1"]],
    "history": [["00000000-0000-4000-8000-000000000001", "--token", "x"]],
    "rebuild": [["caseload"]],
    "ledger": [["keys"], ["checkpoint"], ["verify"]],
    "verify": [["nothing.zip"]],
    "bundle": [],
    "recover": [["--yes"]],
    "keys": [[], ["rotate", "--yes"], ["epoch", "--yes"]],
}


def parser() -> ArgumentParser:
    return cli._parser()


def commands() -> dict[str, ArgumentParser]:
    found: dict[str, ArgumentParser] = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr,assignment]
    return found


ASKS_WHETHER = {"status": 3, "down": 0}
"""Commands that ask whether something runs: that nothing does is their answer, under this status."""
LOOKS = [(name, said) for name in commands() if name not in MAKES for said in SAYS.get(name, [[]])]


@pytest.mark.parametrize(("name", "said"), LOOKS, ids=lambda of: of if isinstance(of, str) else " ".join(of))
def test_a_command_that_looks_makes_nothing_and_says_so(
    name: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("RUJUKAN_DATABASE", "RUJUKAN_KAFKA", "RUJUKAN_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    status = cli.main([name, *said])
    told = capsys.readouterr()
    if name in ASKS_WHETHER:
        assert status == ASKS_WHETHER[name]
        assert "nothing runs" in told.out
    else:
        assert status != 0
        assert "rujukan:" in told.err
    assert list(tmp_path.rglob("*")) == []


def test_every_command_is_tried_or_makes_something() -> None:
    assert MAKES.keys() | {name for name, _ in LOOKS} | {"bundle"} == commands().keys()
