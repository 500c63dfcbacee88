"""An agency's commands: `rujukan keygen`, `subscribe`, `inbox`, `dead-letters`; the agency extra is all they need."""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from ..settings import Settings
from . import receiving, witness
from . import receiving_options as options
from .arguments import require_none
from .evidence import Failed, stopped_by_signal

MISSING = 3
"""Exit status where something is missing: a gap stands, or a witness found the log contradicting itself."""
NOT_ADMITTED = 5
"""Exit status where the service or the broker refused our token or password for long."""


def add_commands(command: Any) -> None:
    """The commands, added to the parser of cli.py."""
    made = command("keygen", keygen, "make an agency's key pair", data=False)
    made.add_argument("file", type=Path, help="the private key; the public one is written beside it as .pub")
    made.add_argument("--id", default="1", help="the key's name")

    subscribing = command("subscribe", subscribe, "receive what an agency is told")
    subscribing.add_argument("agency")
    options.add_keys(subscribing)
    options.add_sources(subscribing)
    options.add_listening(subscribing)
    options.add_sinks(subscribing)
    subscribing.add_argument("--tries", type=int, default=8, metavar="N", help="then a delivery is a dead letter")
    subscribing.add_argument("--skip-gaps", action="store_true", help="go on without what is missing and nobody has")
    subscribing.add_argument(
        "--hold-case", action="store_true", help="behind a dead letter hold all of its case until it is replayed"
    )
    subscribing.add_argument(
        "--strict",
        action="store_true",
        help="what is of a later release than this waits until this is brought up to date",
    )
    subscribing.add_argument(
        "--lost-key",
        action="append",
        default=[],
        metavar="ID",
        help="that key is lost: what is sealed to it goes to the dead letters, and nothing waits for it",
    )
    subscribing.add_argument(
        "--from", dest="begin", metavar="WHERE", help="a replay: beginning, SEQ, TIME or position:N"
    )
    subscribing.add_argument("--case", type=UUID, help="a replay of this case only")
    subscribing.add_argument("--name", help="the replay's name: given again, it goes on where it was")
    subscribing.add_argument("--stop-after", type=int, metavar="N", help="stop after so many deliveries")
    witness.add_witnessing(subscribing)

    state = command(
        "inbox", show_inbox, f"how far an inbox is; status {MISSING} where something is missing", data=False
    )
    state.add_argument("agency")
    options.add_inbox(state)

    letters = command("dead-letters", dead_letters, "what could not be handled: list it, show it, replay it")
    letters.add_argument("what", choices=("list", "show", "replay"))
    letters.add_argument("agency")
    letters.add_argument("number", type=int, nargs="*", help="which; replay: all that are open, when none is said")
    letters.add_argument("--open", action="store_true", help="show: what is in it too, with the key")
    options.add_keys(letters, required=False)
    options.add_sources(letters)
    options.add_sinks(letters)


def keygen(settings: Settings, said: argparse.Namespace) -> int:
    """Make a key pair; a file that is there is never overwritten."""
    from ...consumers import durable
    from ...consumers.wire.envelope import AgencyKey

    key = AgencyKey.generate(said.id)
    try:
        durable.create(said.file, key.to_json())
    except FileExistsError:
        raise Failed(f"{said.file} is there already; a key is never overwritten") from None
    public = said.file.with_suffix(said.file.suffix + ".pub")
    durable.replace(public, json.dumps({"id": key.id, "public": key.public}).encode(), mode=durable.PUBLIC)
    print(f"private {said.file} (keep it), public {public} (register it); fingerprint {key.fingerprint}")
    return 0


def subscribe(settings: Settings, said: argparse.Namespace) -> int:
    """Receive until stopped; a replay until its end. Status 3 where something is missing, 5 where the credentials are
    refused. Raises Failed, then too, where nothing was signed with the key that is pinned, or something waits for a
    private key that is not here."""
    if (said.case or said.name) and not said.begin:
        raise Failed("--case and --name are of a replay: say where it begins, --from beginning")
    kafka, feed = None if said.listen else receiving.kafka_of(settings, said), receiving.feed_of(said)
    if kafka is None:
        require_none(said, ("kafka_ca", "kafka_user", "kafka_password_file"), "--kafka HOST:PORT")
    if said.log is None:
        require_none(said, ("witness_key", "witness_state", "log_key", "alarm_command"), "--log URL")
    if said.listen and said.kafka:
        raise Failed("say --listen or --kafka, not both")
    if kafka is None and feed is None and (said.begin or not said.listen):
        raise Failed("say where Kafka is, --kafka HOST:PORT (or RUJUKAN_KAFKA), or the feed, --feed URL")
    from ...consumers.agency.subscribing.halts import Waits
    from ...consumers.agency.transports.transport import AnotherHistory, NotAdmitted

    keys = receiving.keys_of(said)
    stop = stopped_by_signal()
    inbox = receiving.inbox_of(said, receiving.counted(receiving.sink_of(said), said.stop_after, stop))
    subscription = receiving.subscription_of(said, keys, inbox, kafka, feed)
    refused = ""
    with witness.witnessing(said, stop) as failed:
        try:
            with suppress(Waits):  # a replay that ended; its words are said below
                subscription.run(stop)
        except NotAdmitted as problem:
            refused = problem.words
        except AnotherHistory:
            raise Failed("the service was not told so much: there is nothing from which to replay") from None
        finally:
            stop.set()
    missing = inbox.notes.gaps(subscription.name)
    cursor = inbox.notes.cursor(subscription.name)
    letters = len(inbox.letters.all(subscription.name, "open"))
    print(
        f"{subscription.name}: handled to {cursor.handled if cursor is not None else 0},"
        f" {len(missing)} gaps, {letters} dead letters",
        file=sys.stderr,
    )
    inbox.close()
    if refused:
        print(f"rujukan: {refused}", file=sys.stderr)
        return NOT_ADMITTED
    if why := subscription.doubt.words or subscription.opening.words:
        raise Failed(why)
    return MISSING if failed or missing else 0


def show_inbox(settings: Settings, said: argparse.Namespace) -> int:
    """How far it is, what is missing, what lies in the dead letters, what was not said yet."""
    inbox = receiving.inbox_of(said, lambda delivery, db: None, is_there=True)
    receiving.require_begun(said, inbox)
    waits = False
    for name in inbox.notes.names():
        cursor = inbox.notes.cursor(name)
        if cursor is None or not (name == said.agency or name.startswith(f"{said.agency}/")):
            continue
        print(f"{name}: handled to {cursor.handled}")
        if why := inbox.notes.waits_here(name):
            waits = True
            print(f"  waits: {why}")
        if cursor.tries:
            print(f"  {cursor.trying} failed {cursor.tries} times, and is tried again")
        for gap, state in inbox.notes.gaps(name):
            print(f"  missing {gap.first} to {gap.last}: {'waits' if state == 'open' else 'went on without'}")
        if letters := inbox.letters.all(name, "open"):
            print(f"  {len(letters)} dead letters: rujukan dead-letters list {said.agency}")
        if deletions := inbox.notes.deletions(name):
            print(f"  {len(deletions)} deletions not acknowledged yet")
    return MISSING if waits or inbox.notes.gaps(said.agency) else 0


def dead_letters(settings: Settings, said: argparse.Namespace) -> int:
    """List them, show some, or hand them to the handler once more. Status 1 where one still is one."""
    from ...consumers.agency.subscribing.recovery import NotRecovered, opened, recover

    inbox = receiving.inbox_of(said, receiving.sink_of(said), is_there=True)
    receiving.require_begun(said, inbox)
    name: str = said.agency
    if said.what == "list":
        if not inbox.letters.all(name):
            print(f"there are no dead letters of {name}")
        for letter in inbox.letters.all(name):
            print(
                f"{letter.n:>6}  sequence {letter.sequence or '?':>8}  {letter.reason:15} {letter.problem:20}"
                f" {letter.tries:>3} tries  {letter.at}  {letter.state}"
            )
        return 0
    feed = receiving.feed_of(said)
    if said.what == "show":
        if not said.number:
            raise Failed(f"say which dead letter, by its number: rujukan dead-letters list {name} lists them")
        for n in said.number:
            found = inbox.letters.get(name, n)
            if found is None:
                raise Failed(f"there is no dead letter {n}")
            about = {
                field: getattr(found, field) for field in found.__struct_fields__ if field not in ("sealed", "case")
            }
            about["bytes"] = len(found.sealed.value or b"") if found.sealed is not None else None
            print(json.dumps(about, indent=2))
            if said.open:
                from ...consumers.agency.subscribing.sinks import to_json

                try:
                    delivery = opened(found, receiving.opener_of(said), feed).delivery
                except NotRecovered as problem:
                    raise Failed(str(problem)) from None
                assert delivery is not None
                print(to_json(delivery).decode())
        return 0
    opener = receiving.opener_of(said)
    numbers = said.number or [letter.n for letter in inbox.letters.all(name, "open")]
    failures = 0
    if not numbers:
        print("no dead letter is open", file=sys.stderr)
    for n in numbers:
        why = recover(inbox, name, n, opener, feed)
        failures += bool(why)
        print(f"{n}: {why or 'recovered'}", file=sys.stderr)
    return 1 if failures else 0
