"""The operator's commands on keys, erasures and retention: `rujukan keys`, `rujukan erasures`, `rujukan retention`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..settings import Settings
from .agreeing import add_yes, agreed

if TYPE_CHECKING:
    from ..store.rotation import Rotated

AT_ONCE = 500
SHOWN = 100
"""So many damaged data keys are named."""

T = TypeVar("T")

_DESTROYS = {
    "rotate": "make a new key-encryption key, and destroy those before it once nothing needs them? A backup of before"
    " then opens with the keys of after alone.",
    "epoch": "make an erasure epoch: destroy the key-encryption keys of before, so that what was erased is dead in"
    " every copy? It cannot be undone.",
}
_COPY = (
    "Copy log.data_keys, log.erased_keys and log.retired_keks, and the keyring, anew now: a backup from before is"
    " restored with these of after."
)


def add_commands(command: Any) -> None:
    """The commands, added to the parser of cli.py."""
    which = command(
        "keys", keys, "key-encryption keys: list them, rotate, make an erasure epoch; the last two destroy the old ones"
    )
    which.add_argument("what", nargs="?", choices=("list", "rotate", "epoch"), default="list")
    add_yes(which, "keys are destroyed")
    command("erasures", list_erasures, "what was erased, and which agencies have not deleted their copies")
    command("retention", list_retention, "which ended cases fall due when, and what is held against it")


def keys(settings: Settings, said: argparse.Namespace) -> int:
    """List the key-encryption keys, replace the active one, or make an erasure epoch."""
    from .. import composition
    from ..clock import local
    from ..keys.names import ROTATING
    from ..store import rotation
    from ..store.erasing import finish_erasures
    from ..system import running

    settings = running(settings)
    if said.what != "list" and not agreed(_DESTROYS[said.what], said):
        print("left as it is")
        return 1
    key_encryption = composition.keys(settings, ROTATING).rotation()

    def step(what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    match said.what:
        case "rotate":
            status = _say(rotation.rotate(settings.database, key_encryption, step))
            print(_COPY)
            return status
        case "epoch":
            with composition.follower(settings) as source:
                finish_erasures(source.store)
            for done in rotation.epoch(settings.database, key_encryption, step):
                if _say(done):
                    return 1
            print("What was erased until now is dead in every copy of the database.")
            print(_COPY)
        case _:
            for key in rotation.states(settings.database, key_encryption):
                since = f"retired {local(key.retired_at):%Y-%m-%d %H:%M %Z}" if key.retired_at else ""
                print(f"{key.id:24} {key.state:14} {key.data_keys:>9,} data keys  {since}")
    return 0


def list_erasures(settings: Settings, said: argparse.Namespace) -> int:
    """Every erasure of the network, the latest first."""
    from ...projections import erasures
    from .. import composition
    from ..clock import local
    from ..system import running

    any_of = False
    with composition.follower(running(settings)) as source, source.store.pool.connection() as db:
        for entry in _every(lambda last: erasures.erasures(db, before=last.position if last else None, limit=AT_ONCE)):
            waiting = [c.agency for c in entry.copies if c.acknowledged_at is None]
            when = f"{local(entry.erased_at or entry.requested_at):%Y-%m-%d %H:%M %Z}"
            keys = "keys destroyed" if entry.keys_destroyed_at else "keys there"
            backups = "also in backups" if entry.beyond_backups else "not yet in backups"
            state = {"erased": f"{keys}, {backups}", "recalled": entry.basis}.get(entry.status, "undecided")
            copies = f"waiting for {' '.join(waiting)}" if waiting else ""
            print(f"{when}  {entry.erasure}  case {entry.case}  {entry.status:8} {state}  {copies}".rstrip())
            any_of = True
    if not any_of:
        print("nothing was erased or recalled, and nothing is asked to be")
    return 0


def list_retention(settings: Settings, said: argparse.Namespace) -> int:
    """What falls due, what is held against it, and by which rule."""
    from ...projections import retention
    from .. import composition
    from ..clock import local
    from ..system import running

    any_of = False
    with composition.follower(running(settings)) as source, source.store.pool.connection() as db:
        for entry in _every(
            lambda last: retention.due(db, after=retention.place(last) if last else None, limit=AT_ONCE)
        ):
            due = f"{local(entry.due_at):%Y-%m-%d}" if entry.due_at else "open      "
            held = "; ".join(f"HELD by {hold.held_by} since {local(hold.held_since):%Y-%m-%d}" for hold in entry.holds)
            print(f"{due}  case {entry.case}  {entry.rule or '':14} {entry.source or ''}  {held}".rstrip())
            any_of = True
    if not any_of:
        print("no case has ended: nothing falls due")
    return 0


def _every(page: Callable[[T | None], Sequence[T]]) -> Iterator[T]:
    """All of a list, a page after the other: `page` gives what comes after an entry, or the first."""
    last: T | None = None
    while found := page(last):
        yield from found
        last = found[-1]


def _say(done: "Rotated") -> int:
    """The exit status."""
    gone = ", ".join(done.destroyed) or "nothing"
    print(f"{done.active} is active; {done.wrapped_anew:,} data keys wrapped anew; destroyed: {gone}")
    if not done.left:
        return 0
    print(f"NOT FINISHED: {len(done.left):,} data keys are damaged and were left as they are:", file=sys.stderr)
    for one in done.left[:SHOWN]:
        print(f"  {one.stream} {one.compartment.word}: {one.why}", file=sys.stderr)
    if len(done.left) > SHOWN:
        print(f"  and {len(done.left) - SHOWN:,} more", file=sys.stderr)
    print(
        "Put them back (`rujukan damaged --backup … --repair`) or erase their cases, and run it again.", file=sys.stderr
    )
    return 1
