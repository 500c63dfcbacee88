"""`rujukan health`: how everybody's work goes, for people, and for a monitor on the machine."""

import argparse
import time

import msgspec
import psycopg

from ...api.application.vitals import Follower, Vitals, Word, Writing, words
from ..database import SERVICE, as_role, connect
from ..serving.vitals import vitals
from ..settings import Settings
from ..system import running

NO_WRITER = Writing(0, 0, 0, True)
"""Each API process has one of its own: of that its own `/health` tells."""


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Print it; the exit status is that of a monitoring plugin: 0 ok, 1 degraded, 2 damaged, 3 unavailable."""
    found: Vitals | None = None
    try:
        with connect(as_role(running(settings).database, SERVICE)) as db:
            found = vitals(db, time.time())
    except psycopg.OperationalError:
        pass
    by_part = words(found, NO_WRITER)
    worst = max(by_part.values())
    parts = {part: word.said for part, word in by_part.items() if part != "writer"}
    if said.json:
        about = found._asdict() if found else {}
        for name in ("register", "ledger"):
            if found:
                about[name] = about[name]._asdict()
        about["views"] = [view._asdict() for view in found.views] if found else []
        print(msgspec.json.encode({"status": worst.said, "parts": parts, **about}).decode())
    else:
        _print(worst, parts, found)
    return int(worst)


def _print(worst: Word, parts: dict[str, str], found: Vitals | None) -> None:
    print(worst.said)
    for part, word in parts.items():
        print(f"  {part:12} {word}")
    if found is None:
        return
    print(f"\n{'follower':20} {'shard':>5} {'position':>10} {'behind':>8} {'waits':>10}  by")
    for follower in (*found.views, found.register, found.ledger):
        print(_line(follower))
    print()
    print(f"{'damaged streams':46} {found.damaged}")
    print(f"{'oldest telling that is on no topic yet':46} {_seconds(found.unpublished_ms)}")
    print(f"{'oldest emergency referral on no topic yet':46} {_seconds(found.emergency_ms)}")
    print(f"{'oldest emergency referral nobody confirmed':46} {_seconds(found.unconfirmed_ms)}")


def _line(follower: Follower) -> str:
    stands = f"  stopped: {follower.why}" if follower.why else ""
    about = f"{follower.name:20} {follower.shard:5} {follower.position:10} {follower.behind:8}"
    return f"{about} {_seconds(follower.age_ms):>10}  {follower.by or 'nobody'}{stands}"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s" if ms else "-"
