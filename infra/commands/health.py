"""`rujukan health`: how everybody's work goes, for people, and for a monitor on the machine."""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from ...api.application.vitals import EMERGENCY_MS, LATE_MS, Follower, Vitals, Word, Writing, words
from ..database import FOLLOWER, SERVICE, as_role, connect
from ..delivery.naming import Trouble, named
from ..serving.vitals import vitals
from ..settings import Settings
from ..store.given import GIVEN
from ..store.sealed_record import schema_of
from ..store.transcoder import later
from ..system import running

NO_WRITER = Writing(0, 0, 0, True)
"""Each API process has one of its own: of that its own `/health` tells."""


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Print it, the worst word first, and each trouble by itself: one hides no other. The exit status is that of a
    monitoring plugin: 0 ok, 1 degraded, 2 damaged, 3 unavailable."""
    found: Vitals | None = None
    troubles: list[Trouble] = []
    try:
        with connect(as_role(running(settings).database, SERVICE)) as db:
            found = vitals(db, time.time())
        with connect(as_role(running(settings).database, FOLLOWER)) as db:
            troubles = [*named(db), *late(found), *undone(found), *waiting(db, found)]
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
        about["troubles"] = [trouble._asdict() for trouble in troubles]
        print(msgspec.json.encode({"status": worst.said, "parts": parts, **about}).decode())
    else:
        _print(worst, parts, found, troubles)
    return int(worst)


def late(found: Vitals) -> list[Trouble]:
    """What stands still, or has waited for too long."""
    of_part = [("views", view) for view in found.views]
    troubles: list[Trouble] = []
    for part, follower in (*of_part, ("register", found.register), ("ledger", found.ledger)):
        name = follower.name if part == follower.name else f"{follower.name}, shard {follower.shard}"
        if follower.why:
            troubles.append(Trouble(part, f"{name} stands still behind position {follower.position}: {follower.why}"))
        elif follower.age_ms >= LATE_MS:
            troubles.append(Trouble(part, f"{name} is {_seconds(follower.age_ms)} late"))
    if found.emergency_ms >= EMERGENCY_MS:
        about = f"an emergency referral is on no topic for {_seconds(found.emergency_ms)}: `rujukan deliveries`"
        troubles.append(Trouble("publisher", about))
    if found.unpublished_ms >= LATE_MS:
        about = f"a telling is on no topic for {_seconds(found.unpublished_ms)}: `rujukan deliveries`"
        troubles.append(Trouble("publisher", about))
    return troubles


def undone(found: Vitals) -> list[Trouble]:
    """What nobody has done for too long, whether something waits for it or not, and who would do it."""
    shards = {view.shard: view.unkept_ms for view in found.views}
    works = [("views", f"the read models of shard {shard}", ms, "a worker") for shard, ms in sorted(shards.items())]
    works += [
        ("register", "the register", found.register.unkept_ms, "a publisher"),
        ("publisher", "publishing to some of the agencies", found.unshared_ms, "a publisher that reaches the broker"),
        ("ledger", "the ledger", found.ledger.unkept_ms, "a sealer"),
    ]
    return [
        Trouble(part, f"nobody has done {work} for {_seconds(ms)}: start {who}, or end the one that is halted")
        for part, work, ms, who in works
        if ms >= LATE_MS
    ]


def waiting(db: "psycopg.Connection[Any]", found: Vitals) -> list[Trouble]:
    """That somebody waits for a later release than this: at what, and what this one knows of it."""
    behind = {one.position: one.name for one in (*found.views, found.register) if one.behind}
    troubles = []
    for position, name in behind.items():
        row = db.execute(_NEXT, (position,), binary=True).fetchone()
        if row is not None and (why := later(row[1], schema_of(row[2]))):
            about = f"{name} waits for a later release: position {row[0]} is {why}. Replace the processes of this one"
            troubles.append(Trouble("register" if name == found.register.name else "views", about))
    return troubles


_NEXT = (
    f"SELECT notification_id, topic, state FROM log.stored_events WHERE notification_id > %s AND {GIVEN}"
    " ORDER BY notification_id LIMIT 1"
)


def _print(worst: Word, parts: dict[str, str], found: Vitals | None, troubles: Sequence[Trouble]) -> None:
    print(worst.said)
    for part, word in parts.items():
        print(f"  {part:12} {word}")
    for trouble in troubles:
        print(f"- {trouble.part}: {trouble.what}")
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
