"""What a network is called. The name stands in the origin of its ledger and in the source of every message, for ever:
of two networks with one name each could show the other's proofs as its own. So it is said, or made up once and kept.

A system that ran before there was this goes on under the name that all had that said none.
"""

import secrets
from pathlib import Path

from ..consumers import durable
from . import settings_checks as checks

FILE = "network"
"""Where it is kept, in the data directory."""
BEFORE = "development"
MARKS = ("run.json", "postgres", "ledger/signed")
"""What lies in the data directory of a system that ran before."""
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class NotNamed(Exception):
    """Nobody said what the network is called."""


def name_of(said: str, data: Path) -> str:
    """The name that the settings say; else the one that is kept in the data directory. Raises NotNamed."""
    name = said or _kept(data)
    if not name:
        raise NotNamed(
            "RUJUKAN_NETWORK must say what this network is called, before its first event: a name that no other has"
            " (bontang.example), the same for every process, and for ever. One that ran without goes on as"
            f" {BEFORE}: RUJUKAN_NETWORK={BEFORE}"
        )
    return name


def keep(said: str, data: Path, *, embedded: bool) -> str:
    """The same, and kept for the commands beside the system and for the next start. On an embedded database one is made
    up where there is none: what runs for a try needs no name, but one of its own. Raises NotNamed."""
    if embedded and not (said or _kept(data)):
        said = f"{BEFORE}-{''.join(secrets.choice(LETTERS) for _ in range(10))}"
    name = name_of(said, data)
    if not (data / FILE).exists():
        durable.replace(data / FILE, f"{name}\n".encode(), mode=durable.PUBLIC)
    return name


def _kept(data: Path) -> str:
    try:
        kept = (data / FILE).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return BEFORE if any((data / mark).exists() for mark in MARKS) else ""
    if not kept or checks.network_name(kept) is not None:
        raise NotNamed(f"{data / FILE} does not say what this network is called: put it back, or set RUJUKAN_NETWORK")
    return kept
