"""The operator's command on what is damaged: `rujukan damaged`."""

import argparse
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from ..settings import Settings
from .agreeing import add_yes, agreed
from .evidence import Failed

SECONDS = 60.0
"""How long the register may take to look again."""


def add_command(command: Any) -> None:
    """The command, added to the parser of cli.py."""
    damaged = command("damaged", run, "what is set aside as it is damaged: list it, put it back, take it up again")
    damaged.add_argument(
        "stream",
        nargs="*",
        type=_named,
        help="these only, by the stream's id or by a position of the log; each is looked through",
    )
    damaged.add_argument(
        "--backup", metavar="CONNINFO", help="a restored backup: say whether it has what the ledger's entry was made of"
    )
    damaged.add_argument(
        "--repair", action="store_true", help="put records and keys back from --backup, where it has them"
    )
    damaged.add_argument("--again", action="store_true", help="look again at what was repaired, and go on with it")
    add_yes(damaged, "rows are changed")


def run(settings: Settings, said: argparse.Namespace) -> int:
    """List what is damaged, having looked at it again, and through the streams that are named. With `--repair` put
    records back, with `--again` take up what is whole again. The status is 0 where nothing is left."""
    from .. import composition
    from ..delivery import damaged, damaged_rows, kept_put_back, putting_right
    from ..delivery.digests import Digests
    from ..keys.names import FOLLOWING, REGISTER
    from ..positions import PROCESSORS, WEBHOOKS
    from ..system import running

    if said.repair and not said.backup:
        raise Failed("--repair needs --backup: the conninfo of a database that was restored from a backup")
    settings = running(settings)
    handed = composition.keys(settings, FOLLOWING)
    wrapping, digests = handed.wrapping(), Digests(handed.macs(REGISTER))
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        named = [_stream(damaged.stream_at, db, one) for one in said.stream]
        _look(source, db, named)
        found = _wanted(damaged.entries(db), named)
        listed = damaged_rows.listed(db)
        damaged_rows.look_again(db, digests)
        rows = [row for row in damaged_rows.listed(db) if not named or {row.stream, row.case} & {*named}]
        for stream in named:
            if stream not in {entry.stream for entry in found}:
                print(f"{stream}  every record of it opens")
        positions = putting_right.listed(db) if not named else []
        for position in positions:
            _show_position(position)
        if said.backup:
            _show_kept(settings, digests, db, positions, said)
            kept_put_back.stands(db, digests, positions)
        if not found and not rows and not positions:
            print("nothing of it is damaged" if named else "nothing is damaged")
            return 0
        for row in rows:
            _show_row(settings, digests, row, said)
        left_rows = len(damaged_rows.listed(db))
        with composition.ledger(settings) as ledger:
            for entry in found:
                _show(entry)
                if entry.is_repaired:
                    continue
                elsewhere = damaged.otherwise(db, entry.stream, said.backup) if said.backup else []
                for position in sorted({entry.position, *elsewhere}):
                    about = damaged.explain(ledger, db, position, said.backup)
                    opens = bool(about.row_holds) and damaged.opens(source.store, position)
                    print(f"    position {position}: {_explained(about, opens)}")
                    if said.repair and about.row_holds is False and about.backup_holds:
                        _repair(settings, ledger, position, said)
                if said.backup and (keys := damaged.keys_in(said.backup, db, wrapping, entry.stream)):
                    words = " ".join(compartment.word for compartment in sorted(keys))
                    print(f"    data keys that open in the backup and not here: {words}")
                    if said.repair:
                        _repair_keys(settings, wrapping, entry, said)
        if said.again or said.repair:
            asked = damaged.take_up(db, [entry.stream for entry in found])
            _wait(source, db)
            now = _wanted(damaged.entries(db), named)
            left = [entry for entry in now if not entry.is_repaired]
            print(f"looked again at {asked}: {asked - len(left)} taken up, {len(left)} still damaged")
            stand = {position.table for position in positions if position.how == putting_right.STANDS}
            if WEBHOOKS.name in stand:
                putting_right.begin_webhooks_anew(db, digests, source.store)
            if len(now) > len(left) or len(listed) > left_rows or PROCESSORS.name in stand:
                repaired = damaged.repaired(db)  # before the first of them begins
                _rebuild(settings)
                damaged.built_anew(db, repaired)
            putting_right.looked_at(db, digests, positions)
            return int(bool(left or left_rows or (putting_right.listed(db) and not named)))
    return 1


def _named(said: str) -> UUID | int:
    return int(said) if said.isascii() and said.isdigit() else UUID(said)


def _stream(stream_at: Callable[[Any, int], UUID | None], db: Any, named: UUID | int) -> UUID:
    stream = stream_at(db, named) if isinstance(named, int) else named
    if stream is None:
        raise Failed(f"no record stands at position {named}")
    return stream


def _look(source: Any, db: Any, named: list[UUID]) -> None:
    """Have the register look through the streams that are named, and again at what was met and goes on."""
    from ..delivery import damaged, met

    if unknown := set(named) - set(met.meet(db, named)):
        raise Failed(f"there is no such stream: {', '.join(sorted(map(str, unknown)))}")
    damaged.look_again(db)
    _wait(source, db)


def _wait(source: Any, db: Any) -> None:
    from ..delivery import damaged

    give_up = time.monotonic() + SECONDS
    while damaged.is_looking(db):
        if time.monotonic() > give_up:
            raise Failed("the register has not looked yet: is a publisher, or a worker, running?")
        source.keep_up()
        time.sleep(0.1)


def _wanted(entries: "list[Any]", streams: list[UUID]) -> "list[Any]":
    return [entry for entry in entries if not streams or entry.stream in streams]


def _show(entry: Any) -> None:
    if entry.is_repaired:
        print(f"{entry.stream}  taken up; the read models are to be built anew with it: --again")
        return
    state = "goes on; some of it could not be sent" if entry.numbers else "goes on; some of it cannot be read"
    state = "set aside" if entry.is_set_aside else state
    print(f"{entry.stream}  since {entry.since:%Y-%m-%d %H:%M}  {state}")
    print(f"    event {entry.version}, position {entry.position}, {entry.topic}: {entry.why}")
    if entry.numbers:
        numbers = ", ".join(f"{agency} {number}" for agency, number in sorted(entry.numbers.items()))
        print(f"    numbers at which agencies know that something is missing: {numbers}")


def _show_row(settings: Settings, digests: Any, row: Any, said: argparse.Namespace) -> None:
    """Show a damaged row of the register, and put it back where that is asked for."""
    from ..delivery import damaged_rows

    print(f"row {row.n} of the register  since {row.since:%Y-%m-%d %H:%M}  not as it was written: nobody is told by it")
    print(f"    it names number {row.sequence} of {row.agency}, case {row.case}; any of that may be wrong")
    if not said.backup:
        return
    kept = damaged_rows.in_backup(said.backup, digests, row)
    print(f"    the backup {'has' if kept is not None else 'does not have'} what was written")
    if kept is None or not said.repair:
        return
    if not agreed("    put it back?", said):
        print("    left as it is")
        return
    done = damaged_rows.put_back(settings.database, digests, row, kept)
    print("    put back" if done else "    left as it is: it is whole, or what was written stands elsewhere")


def _show_position(position: Any) -> None:
    """Show a row that said wrongly where somebody goes on, and what was done about it."""
    from ..delivery import putting_right
    from ..positions import FACTS

    done = {
        putting_right.STANDS: "who goes on from it stands still until --again begins that anew",
        putting_right.PUT_RIGHT: "one bit had flipped; it was put right",
        putting_right.FROM_REGISTER: "worked out anew from the register",
        putting_right.BY_RECORD: "sealed on from where the record is of the last entry: see `rujukan ledger verify`",
        putting_right.DROPPED: "begun anew: what is sent or read again is known by its number",
    }
    print(f"{position.table}, {position.row}  since {position.since:%Y-%m-%d %H:%M}  not as it was written")
    of_case = position.how == putting_right.STANDS and position.table in {table.name for table in FACTS}
    of_backup = "what it said is not known: a restored backup, named with --backup, may have it; --repair puts it back"
    print(f"    {of_backup if of_case else done[position.how]}")


def _show_kept(settings: Settings, digests: Any, db: Any, positions: "list[Any]", said: argparse.Namespace) -> None:
    """Show what a backup has of what is on record of cases and stands, and put it back where that is asked for."""
    from ..delivery import kept_put_back

    for written in kept_put_back.in_backup(said.backup, db, digests, positions):
        print(f"the backup has {written.many} rows of {written.table.name} as they were written, which are not here so")
        if not said.repair:
            continue
        if agreed("    put them back?", said):
            kept_put_back.put_back(settings.database, digests, written)
            print("    put back")
        else:
            print("    left as they are")


def _explained(about: Any, opens: bool) -> str:
    if about.leaf is None:
        return "not sealed in the ledger: nothing says what stood here"
    if about.row_holds and opens:
        return (
            f"the row is what the ledger has as leaf {about.leaf}, and it opens: what is wrong is another of its"
            " stream, or was; a restored backup, named with --backup, shows which"
        )
    if about.row_holds:
        return (
            f"the row is what the ledger has as leaf {about.leaf}: a data key is damaged; a restored backup, named with"
            " --backup, may have it whole"
        )
    said = {
        None: "name a restored backup with --backup to see whether it has it",
        True: "the backup has what was sealed",
        False: "the backup does not have what was sealed",
    }
    return f"{about.amiss}: the ledger has it as leaf {about.leaf}; {said[about.backup_holds]}"


def _repair(settings: Settings, ledger: Any, position: int, said: argparse.Namespace) -> None:
    from ..delivery import damaged

    question = f"    put the record at position {position} back, as it was sealed?"
    if not agreed(question, said):
        print("    left as it is")
        return
    done = damaged.put_back(settings.database, ledger, position, said.backup)
    print("    put back; the ledger's proof of it holds again" if done else "    left as it is: it holds")


def _repair_keys(settings: Settings, wrapping: Any, entry: Any, said: argparse.Namespace) -> None:
    from ..delivery import damaged

    if not agreed("    put them back?", said):
        print("    left as they are")
        return
    print(f"    put back: {damaged.put_keys_back(settings.database, wrapping, entry.stream, said.backup)}")


def _rebuild(settings: Settings) -> None:
    """The read models passed by what was set aside."""
    from ...projections.rebuilding import RebuildRunning
    from .. import composition

    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        for name in composition.NAMES:
            try:
                runner.rebuild(name)
            except RebuildRunning:
                raise Failed(f"{name} is being rebuilt by somebody else: run this again once that has ended") from None
    print(f"{len(composition.NAMES)} read models built anew with it")
