"""`rujukan recover`: the way on where the history in the database forked and no newer state can be restored."""

import argparse
import re
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..settings import PREFIX, Settings
from .agreeing import agreed
from .evidence import Failed

if TYPE_CHECKING:
    from ...consumers.evidence.notes import Note


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Say what is lost, ask, and go on above all that was signed and told."""
    from ...domain.fact import AgencyCode
    from .. import composition
    from ..database import maintain
    from ..delivery import noticing, recovering
    from ..keys import names
    from ..ledger import joining
    from ..system import running

    settings = running(settings)
    with maintain(settings.database) as db:
        _put_aside(settings, db)
        if not _is_forked(settings, db):
            print("nobody found that the history forked: there is nothing to recover")
            _tell(settings)
            return 0
        last, lacking = _signed(settings, db)
        _catch_up(settings, db)
        found = _lost(settings, db)
        given = max((int(about.position) for lost in found for about in lost.numbers.values()), default=0)
        print(_said(lacking, found))
        if not agreed("go on without what is lost? It cannot be undone.", said):
            print("left as it is")
            return 1
        with composition.Node(settings, names.RECOVERING, 2) as node, db.transaction():
            sealing, now = node.sealing, composition.now()
            db.execute("DELETE FROM ledger.forks")
            recovery, kept = uuid4(), recovering.kept_until(db, found, last is not None)
            said_to = {}
            for lost in found:
                taken = recovering.take_in(db, lost, sealing, now)
                said_to[AgencyCode(lost.agency)] = recovering.notice(recovery, lost, taken, kept, lacking)
            noticing.note(db, node.digests.positions, said_to, recovery)
            position = recovering.go_on(db, given, lacking)
            if last is not None:
                joining.join(db, settings.ledger_origin, last, lacking, node.keys, now)
                recovering.end_log(db, _kept_as(last))
        print(f"positions go on from {position}")
        _put_aside(settings, db)
    _tell(settings)
    print("start everything again")
    return 0


def _is_forked(settings: Settings, db: Any) -> bool:
    """Whether somebody found that the history forked; or it is found now, by what was signed last of whatever log."""
    from ..ledger.forks import Forks
    from ..ledger.guard import Guard
    from ..store.forked import Forked

    guard = Guard(settings.ledger_guard)
    last = guard.last()
    try:
        Forks(guard, last.text.partition("\n")[0] if last is not None else settings.ledger_origin).check(db)
    except Forked:
        return True
    return False


def _put_aside(settings: Settings, db: Any) -> None:
    """Put aside what a log that ended signed last: behind the commit that ended it, also where a run before came no
    further than that."""
    from ...consumers import durable
    from ..ledger.guard import Guard

    last = Guard(settings.ledger_guard).last()
    if last is None:
        return
    of = last.text.partition("\n")[0]
    row = db.execute("SELECT origin FROM ledger.joinings WHERE of = %s", (of,)).fetchone()
    if row is not None:
        kept = f"signed {_kept_as(last)}"
        durable.replace(settings.ledger_guard.with_name(kept), settings.ledger_guard.read_bytes())
        settings.ledger_guard.unlink()
        print(f"the log {row[0]} begins; what {of} signed last is kept as '{kept}'")
        print("how it goes on from that is signed, and served at /ledger/joining: rujukan ledger joining")


def _tell(settings: Settings) -> None:
    """Tell agencies what is lost, as far as it was not said yet."""
    from .. import composition

    with composition.notices(settings) as notices:
        for agency in notices.once():
            print(f"{agency} is told by a message which of its numbers are lost, and which are told anew")


def _catch_up(settings: Settings, db: Any) -> None:
    """Let the register take in what was in the log when the state that was restored was saved. It does that as it did
    before: what it then has under a number is what the agency was told under it, and not lost. Raises Failed where
    somebody else keeps it."""
    from .. import composition
    from ..database import FOLLOWER
    from ..delivery import facts
    from ..delivery.register import Register
    from ..keys import names

    marks = db.execute("DELETE FROM ledger.forks RETURNING found_by, why, since").fetchall()
    try:
        with composition.Node(settings, names.FOLLOWING, 2) as node:
            register = Register(
                node.followed, node.conninfo(FOLLOWER), node.digests, settings.case_bytes, lambda _: None
            )
            try:
                register.keep_up()
            finally:
                register.close()
            is_behind = facts.position(db, node.digests.positions) < node.followed.head()
    finally:
        db.cursor().executemany("INSERT INTO ledger.forks VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", marks)
    if is_behind:
        raise Failed("somebody keeps the register: stop everything but the database and the broker, and say so again")


def _signed(settings: Settings, db: Any) -> "tuple[Note | None, int]":
    """What the old log signed last, where it cannot be gone on from; how many of its events are lacking. Raises Failed
    where no other log is named that never was."""
    from ...consumers.evidence.checkpoints import parse_checkpoint
    from ...consumers.evidence.notes import parse_note
    from ..ledger.guard import Guard

    last = Guard(settings.ledger_guard).last()
    if last is None:
        return None, 0
    head = parse_checkpoint(last.text)
    row = db.execute("SELECT note FROM ledger.checkpoints WHERE size = %s", (head.size,)).fetchone()
    if row is not None and parse_note(row[0]).text == last.text:
        return None, 0
    was = db.execute("SELECT 1 FROM ledger.joinings WHERE %s IN (origin, of)", (settings.ledger_origin,)).fetchone()
    if head.origin == settings.ledger_origin or was is not None:
        raise Failed(
            f"what the log {head.origin} signed cannot be unsigned. Name another, which no log had, in {PREFIX}LEDGER,"
            " for every process of the service, and say so again"
        )
    (stored,) = db.execute("SELECT count(*) FROM log.stored_events").fetchone()
    return last, max(0, head.size - int(stored))


def _kept_as(last: "Note") -> str:
    """Under which name the tables of a log, and what it signed last, are put aside."""
    from ...consumers.evidence.checkpoints import parse_checkpoint

    head = parse_checkpoint(last.text)
    return re.sub(r"[^A-Za-z0-9.-]", "-", f"{head.origin} {head.size}")


def _lost(settings: Settings, db: Any) -> "Sequence[Any]":
    from ...consumers.wire.kafka import clients, topics
    from ...consumers.wire.kafka.access import options
    from .. import composition
    from ..delivery import recovering
    from ..kafka.access import service_access

    access, service = service_access(settings), composition.service_key(settings)
    agencies = {a for (a,) in db.execute("SELECT agency FROM delivery.heads").fetchall()}
    with closing(clients.admin(**topics.ADMIN, **options(access))) as admin:
        agencies |= topics.agencies(admin)  # one that was registered in what is lost
        there = topics.identities(admin, sorted(agencies))
    found = (recovering.lost(db, agency, recovering.told_on(access, agency, service)) for agency in there)
    return [lost for lost in found if lost.numbers]


def _said(lacking: int, found: "Sequence[Any]") -> str:
    lines = [
        f"{lacking} events or more that were signed are lost for good, with all that they said: reports, consents and",
        "their ends, requests to erase. Have every agency look at what it recorded in that time.",
    ]
    for lost in found:
        lines.append(
            f"  {lost.agency} holds deliveries that the service lacks, under its numbers {_ranges(lost.numbers)}"
        )
        if lost.again:
            lines.append(f"    what was told under {_ranges(lost.again)} since is told anew, above")
    return "\n".join(lines)


def _ranges(numbers: Any) -> str:
    """1, 2, 3, 7 as `1-3, 7`."""
    from ..delivery.recovering import ranges

    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges(numbers))
