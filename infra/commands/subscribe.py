"""An agency's commands: `rujukan keygen`, `subscribe`, `inbox`, `dead-letters`; the agency extra is all they need."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..settings import TOKEN, Settings
from . import evidence
from .evidence import Failed, stopped_by_signal

if TYPE_CHECKING:
    from ...consumers.agency.inbox.inbox import Inbox
    from ...consumers.agency.subscribing.keys import Keys
    from ...consumers.agency.subscribing.subscription import Subscription
    from ...consumers.agency.transports.feed import Feed
    from ...consumers.agency.transports.webhook_source import WebhookSource
    from ...consumers.wire.envelope import Opener
    from ...consumers.wire.kafka.access import KafkaAccess

MISSING = 3
"""Exit status where something is missing: a gap stands, or a witness found the log contradicting itself."""


def add_commands(command: Any) -> None:
    """The commands, added to the parser of cli.py."""
    made = command("keygen", keygen, "make an agency's key pair", data=False)
    made.add_argument("file", type=Path, help="the private key; the public one is written beside it as .pub")
    made.add_argument("--id", default="1", help="the key's name")

    subscribing = command("subscribe", subscribe, "receive what an agency is told")
    subscribing.add_argument("agency")
    _add_keys(subscribing)
    _add_sources(subscribing)
    _add_listening(subscribing)
    _add_sinks(subscribing)
    subscribing.add_argument("--tries", type=int, default=8, metavar="N", help="then a delivery is a dead letter")
    subscribing.add_argument("--skip-gaps", action="store_true", help="go on without what is missing and nobody has")
    subscribing.add_argument(
        "--hold-case", action="store_true", help="behind a dead letter hold all of its case until it is replayed"
    )
    subscribing.add_argument(
        "--strict", action="store_true", help="what is of a later release than this is a dead letter, to be replayed"
    )
    subscribing.add_argument(
        "--from", dest="begin", metavar="WHERE", help="a replay: beginning, SEQ, TIME or position:N"
    )
    subscribing.add_argument("--case", type=UUID, help="a replay of this case only")
    subscribing.add_argument("--name", help="the replay's name: given again, it goes on where it was")
    subscribing.add_argument("--stop-after", type=int, metavar="N", help="stop after so many deliveries")
    evidence.add_witnessing(subscribing)

    state = command(
        "inbox", show_inbox, f"how far an inbox is; status {MISSING} where something is missing", data=False
    )
    state.add_argument("agency")
    _add_inbox(state)

    letters = command("dead-letters", dead_letters, "what could not be handled: list it, show it, replay it")
    letters.add_argument("what", choices=("list", "show", "replay"))
    letters.add_argument("agency")
    letters.add_argument("number", type=int, nargs="*", help="which; replay: all that are open, when none is said")
    letters.add_argument("--open", action="store_true", help="show: what is in it too, with the key")
    _add_keys(letters, required=False)
    _add_sources(letters)
    _add_sinks(letters)


def _add_keys(parser: argparse.ArgumentParser, required: bool = True) -> None:
    parser.add_argument("--key", type=Path, action="append", default=[], metavar="FILE", help="private key")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="private keys, *.key; may be added to meanwhile")
    parser.add_argument(
        "--service-key", action="append", required=required, metavar="KEY|FILE", help="the service's public key"
    )


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kafka", metavar="HOST:PORT", help="default: RUJUKAN_KAFKA")
    parser.add_argument("--kafka-ca", type=Path, metavar="FILE", help="who signs the brokers' certificates: TLS")
    parser.add_argument("--kafka-user", default="", metavar="NAME", help="SASL/SCRAM-SHA-512")
    parser.add_argument("--kafka-password-file", type=Path, metavar="FILE")
    parser.add_argument(
        "--feed", metavar="URL", help="the service's address: instead of Kafka, or to fetch what it lost"
    )
    parser.add_argument("--feed-ca", type=Path, metavar="FILE", help="who signs the service's certificate")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"access token for the feed (default {TOKEN})")
    parser.add_argument("--stream", action="store_true", help="take the feed as server-sent events")


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="HOST:PORT", help="be posted to, as the agency's webhook: instead of Kafka")
    parser.add_argument(
        "--webhook-secret-file", type=Path, metavar="FILE", help="whsec_…, or the service's key whpk_…; one a line"
    )
    parser.add_argument("--webhook-tolerance", type=float, default=300.0, metavar="SECONDS", help="between the clocks")
    parser.add_argument(
        "--tls-certificate", type=Path, metavar="FILE", help="PEM with chain and key; none: behind a proxy that has it"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="where the certificate's key is in another file")


def _add_inbox(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--inbox", metavar="FILE|postgresql://…", help="SQLite file (default AGENCY.db), or PostgreSQL")


def _add_sinks(parser: argparse.ArgumentParser) -> None:
    _add_inbox(parser)
    to = parser.add_mutually_exclusive_group()
    to.add_argument("--to-directory", type=Path, metavar="DIR", help="one file a delivery")
    to.add_argument(
        "--to-command", metavar="COMMAND", help="run for each, JSON on its standard input; status 0: handled"
    )
    to.add_argument("--to-webhook", metavar="URL", help="POST each there, with Idempotency-Key")
    parser.add_argument(
        "--handled-is-deleted",
        action="store_true",
        help="that a deletion was handled means that the copies are deleted: acknowledge it",
    )


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
    print(f"private {said.file} (keep it), public {public} (register it)")
    return 0


def subscribe(settings: Settings, said: argparse.Namespace) -> int:
    """Receive until stopped; a replay until its end. Status 3 where something is missing."""
    if (said.case or said.name) and not said.begin:
        raise Failed("--case and --name are of a replay: say where it begins, --from beginning")
    kafka, feed = None if said.listen else _kafka(settings, said), _feed(said)
    if said.listen and said.kafka:
        raise Failed("say --listen or --kafka, not both")
    if kafka is None and feed is None and (said.begin or not said.listen):
        raise Failed("say where Kafka is, --kafka HOST:PORT (or RUJUKAN_KAFKA), or the feed, --feed URL")
    from ...consumers.agency.transports.transport import AnotherHistory

    keys = _keys(said)
    stop = stopped_by_signal()
    inbox = _inbox(said, _counted(_sink(said), said.stop_after, stop))
    subscription = _subscription(said, keys, inbox, kafka, feed)
    with evidence.witnessing(said, stop) as failed:
        try:
            subscription.run(stop)
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
    return MISSING if failed or missing else 0


def show_inbox(settings: Settings, said: argparse.Namespace) -> int:
    """How far it is, what is missing, what lies in the dead letters, what was not said yet."""
    inbox = _inbox(said, lambda delivery, db: None, is_there=True)
    _require_begun(said, inbox)
    for name in inbox.notes.names():
        cursor = inbox.notes.cursor(name)
        if cursor is None or not (name == said.agency or name.startswith(f"{said.agency}/")):
            continue
        print(f"{name}: handled to {cursor.handled}")
        if cursor.tries:
            print(f"  {cursor.trying} failed {cursor.tries} times, and is tried again")
        for gap, state in inbox.notes.gaps(name):
            print(f"  missing {gap.first} to {gap.last}: {'waits' if state == 'open' else 'went on without'}")
        if letters := inbox.letters.all(name, "open"):
            print(f"  {len(letters)} dead letters: rujukan dead-letters list {said.agency}")
        if deletions := inbox.notes.deletions(name):
            print(f"  {len(deletions)} deletions not acknowledged yet")
    return MISSING if inbox.notes.gaps(said.agency) else 0


def dead_letters(settings: Settings, said: argparse.Namespace) -> int:
    """List them, show some, or hand them to the handler once more. Status 1 where one still is one."""
    from ...consumers.agency.subscribing.recovery import NotRecovered, opened, recover

    inbox = _inbox(said, _sink(said), is_there=True)
    _require_begun(said, inbox)
    name: str = said.agency
    if said.what == "list":
        if not inbox.letters.all(name):
            print("there are no dead letters", file=sys.stderr)
        for letter in inbox.letters.all(name):
            print(
                f"{letter.n:>6}  sequence {letter.sequence or '?':>8}  {letter.reason:15} {letter.problem:20}"
                f" {letter.tries:>3} tries  {letter.at}  {letter.state}"
            )
        return 0
    feed = _feed(said)
    if said.what == "show":
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
                    delivery = opened(found, _opener(said), feed).delivery
                except NotRecovered as problem:
                    raise Failed(str(problem)) from None
                assert delivery is not None
                print(to_json(delivery).decode())
        return 0
    opener = _opener(said)
    numbers = said.number or [letter.n for letter in inbox.letters.all(name, "open")]
    failures = 0
    if not numbers:
        print("no dead letter is open", file=sys.stderr)
    for n in numbers:
        why = recover(inbox, name, n, opener, feed)
        failures += bool(why)
        print(f"{n}: {why or 'recovered'}", file=sys.stderr)
    return 1 if failures else 0


# What they are made of


def _subscription(
    said: argparse.Namespace, keys: "Keys", inbox: "Inbox[Any]", kafka: "KafkaAccess | None", feed: "Feed | None"
) -> "Subscription":
    from ...consumers.agency import Begin, FeedSource, Rules, Subscription, from_feed, is_known, replay
    from ...consumers.agency.transports.transport import Source

    outside = said.to_command or said.to_webhook or said.stop_after
    rules = Rules(
        tries=said.tries,
        together=1 if outside else Rules().together,
        skip_gaps=said.skip_gaps,
        hold_case=said.hold_case,
        knows=is_known if said.strict else None,
    )
    service = _service_keys(said)
    source: Source
    if said.begin:
        begin = Begin.read(said.begin)
        if feed is not None:
            source = from_feed(said.agency, feed, begin, said.case)
        else:
            assert kafka is not None
            from ...consumers.agency import from_kafka

            source = from_kafka(said.agency, kafka, begin)
        return replay(source, keys, service, inbox, begin, case=said.case, rules=rules, name=said.name)
    if said.listen:
        return Subscription(_listening(said, feed), keys, service, inbox, feed=feed, rules=rules)
    if kafka is not None:
        from ...consumers.agency import KafkaSource

        source = KafkaSource(said.agency, kafka)
        return Subscription(source, keys, service, inbox, feed=feed, rules=rules)
    assert feed is not None
    source = FeedSource(said.agency, feed, stream=said.stream)
    return Subscription(source, keys, service, inbox, feed=feed, rules=rules)


def _listening(said: argparse.Namespace, feed: "Feed | None") -> "WebhookSource":
    from ...consumers.agency.transports.webhook_signature import keys_in
    from ...consumers.agency.transports.webhook_source import WebhookSource

    if not said.webhook_secret_file:
        raise Failed("say what is posted is checked with: --webhook-secret-file FILE")
    host, _, port = said.listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise Failed(f"{said.listen}: say HOST:PORT")
    keys_in(said.webhook_secret_file)
    if feed is None:
        print(
            "without --feed nothing goes back: the sender is not told what arrived or was handled, an emergency"
            " escalates as if nobody had it, and what is missing is not fetched; give --feed URL and --token-file FILE",
            file=sys.stderr,
        )
    try:
        return WebhookSource(
            said.agency,
            (host.strip("[]"), int(port)),
            lambda: keys_in(said.webhook_secret_file),  # read anew each time: a secret is replaced while this runs
            feed=feed,
            certificate=said.tls_certificate,
            certificate_key=said.tls_key,
            tolerance=said.webhook_tolerance,
        )
    except OSError as problem:
        raise Failed(f"cannot listen at {said.listen}: {problem}") from None


def _kafka(settings: Settings, said: argparse.Namespace) -> "KafkaAccess | None":
    from ...consumers.wire.kafka.access import KafkaAccess, password_in

    address = said.kafka or ("" if said.feed else settings.kafka)
    if not address:
        return None
    password = password_in(said.kafka_password_file) if said.kafka_password_file else ""
    return KafkaAccess(address, said.kafka_ca, said.kafka_user, password)


def _feed(said: argparse.Namespace) -> "Feed | None":
    from ...consumers.agency.transports.feed import Feed

    if not said.feed:
        return None

    def token() -> str:
        """Read anew each time: whoever renews it writes the file."""
        found: str = said.token_file.read_text().strip() if said.token_file else os.environ.get(TOKEN, "")
        return found

    if not token():
        raise Failed(f"the feed needs an access token: --token-file FILE, or {TOKEN}")
    return Feed(said.feed, token, said.feed_ca)


def _keys(said: argparse.Namespace) -> "Keys":
    from ...consumers.agency import KeyDirectory, key_from

    if said.key and said.keys:
        raise Failed("say --key or --keys, not both")
    if said.keys:
        return KeyDirectory(said.keys)
    if not said.key:
        raise Failed("say where the private key is: --key FILE, or --keys DIR")
    return [key_from(file) for file in said.key]


def _service_keys(said: argparse.Namespace) -> list[Any]:
    from ...consumers.agency import service_key

    if not said.service_key:
        raise Failed("say the service's public key: --service-key KEY|FILE")
    return [service_key(Path(text).read_text().strip() if Path(text).exists() else text) for text in said.service_key]


def _opener(said: argparse.Namespace) -> "Opener":
    from ...consumers.wire.envelope import Opener

    return Opener(_keys(said), _service_keys(said))


def _inbox(said: argparse.Namespace, handler: Any, is_there: bool = False) -> "Inbox[Any]":
    """The inbox that is said. One that has to be there is not made by looking for it: raises Failed where it is not."""
    where = said.inbox or f"{said.agency}.db"
    handled_is_deleted = getattr(said, "handled_is_deleted", False)
    if where.startswith(("postgresql://", "postgres://")):
        from ...consumers.agency import PostgresInbox
        from ...consumers.agency.postgres.inbox import is_made

        if is_there and not is_made(where):
            raise Failed("there is no inbox in that database yet: rujukan subscribe makes it")
        return PostgresInbox(where, handler, handled_is_deleted=handled_is_deleted)
    from ...consumers.agency import SqliteInbox

    if is_there and not Path(where).is_file():
        raise Failed(f"there is no inbox {where}: rujukan subscribe makes it; --inbox says another place")
    return SqliteInbox(where, handler, handled_is_deleted=handled_is_deleted)


def _require_begun(said: argparse.Namespace, inbox: "Inbox[Any]") -> None:
    """Raises Failed for an agency of which the inbox has nothing: whoever misspelt it would see that nothing is
    missing."""
    names = inbox.notes.names()
    if not any(name == said.agency or name.startswith(f"{said.agency}/") for name in names):
        inbox.close()
        there = f"there is {' '.join(names)}" if names else "nothing began in it yet"
        raise Failed(f"the inbox has nothing of {said.agency}; {there}")


def _sink(said: argparse.Namespace) -> Callable[[Any, Any], object]:
    from ...consumers.agency.subscribing import sinks

    if said.to_directory:
        return sinks.to_directory(said.to_directory)
    if said.to_command:
        return sinks.to_command(said.to_command)
    if said.to_webhook:
        return sinks.to_webhook(said.to_webhook)
    return sinks.to_lines(sys.stdout)


def _counted(sink: Callable[[Any, Any], object], most: int | None, stop: Event) -> Callable[[Any, Any], object]:
    """The sink; after so many deliveries it says stop."""
    if most is None:
        return sink
    seen = 0

    def count(delivery: Any, db: Any) -> None:
        nonlocal seen
        sink(delivery, db)
        seen += 1
        if seen >= most:
            stop.set()

    return count
