"""What a network is called. The name stands in the origin of its ledger and in the source of every message, for ever:
of two networks with one name each could show the other's proofs as its own. So it is said, or made up once and kept.

A system that ran before there was this goes on under the name that all had that said none.

It is kept in the data directory, and in the database, so that a process on another machine knows it too. Whoever says
another one later is refused, and never believed in silence.
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from ..consumers import durable
from . import settings_checks as checks

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

FILE = "network"
"""Where it is kept, in the data directory."""
BEFORE = "development"
MARKS = ("run.json", "postgres", "ledger/signed")
"""What lies in the data directory of a system that ran before."""
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class NotNamed(Exception):
    """Nobody said what the network is called."""


class NamedOtherwise(Exception):
    """It is called otherwise already."""

    def __init__(self, kept: str, said: str, where: str) -> None:
        super().__init__(
            f"this network is called {kept} ({where}), and RUJUKAN_NETWORK says {said}: the name stands in the ledger"
            f" and in every message, for ever. Say RUJUKAN_NETWORK={kept}, or leave it out; another network needs a"
            " database and a data directory of its own"
        )


def name_of(said: str, data: Path) -> str:
    """The name that is kept in the data directory, or that the settings say. Raises NotNamed; NamedOtherwise, where
    they say another than the one that was written down there."""
    kept = _written(data) if said else _kept(data)
    if said and kept and kept != said:
        raise NamedOtherwise(kept, said, str(data / FILE))
    name = said or kept
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


def keep_in(database: str, name: str) -> None:
    """Keep it in that database, with its owner's rights. Raises NamedOtherwise, and what says that it is away."""
    from .database import connect

    with connect(database) as db:
        db.execute("INSERT INTO log.network (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
        check(db, name)


def check(db: "Connection[TupleRow]", name: str) -> None:
    """Raises NamedOtherwise, where the database has another; it has none until `migrate` or `up` kept one."""
    if db.execute("SELECT to_regclass('log.network')").fetchone() != (None,):
        kept = db.execute("SELECT name FROM log.network").fetchone()
        if kept is not None and kept[0] != name:
            raise NamedOtherwise(kept[0], name, "as its database has it")


def _written(data: Path) -> str:
    """The name that was written down; empty for one that cannot be read, or is none."""
    try:
        kept = (data / FILE).read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return kept if kept and checks.network_name(kept) is None else ""


def _kept(data: Path) -> str:
    try:
        kept = (data / FILE).read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return BEFORE if any((data / mark).exists() for mark in MARKS) else ""
    if not kept or checks.network_name(kept) is not None:
        raise NotNamed(f"{data / FILE} does not say what this network is called: put it back, or set RUJUKAN_NETWORK")
    return kept
