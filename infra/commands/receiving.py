"""What the commands that receive are built of, by what was said: keys, source, inbox, sink. Each raises Failed where
what was said cannot be."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ..settings import TOKEN, Settings
from .evidence import Failed

if TYPE_CHECKING:
    from ...consumers.agency.inbox.inbox import Inbox
    from ...consumers.agency.subscribing.keys import Keys
    from ...consumers.agency.subscribing.subscription import Subscription
    from ...consumers.agency.transports.feed import Feed
    from ...consumers.agency.transports.webhook_source import WebhookSource
    from ...consumers.wire.envelope import Opener
    from ...consumers.wire.kafka.access import KafkaAccess


def subscription_of(
    said: argparse.Namespace, keys: "Keys", inbox: "Inbox[Any]", kafka: "KafkaAccess | None", feed: "Feed | None"
) -> "Subscription":
    """What runs until it is stopped; where a beginning is said, a replay that ends."""
    from ...consumers.agency import Begin, FeedSource, Rules, Subscription, from_feed, is_known, replay
    from ...consumers.agency.transports.transport import Source

    outside = said.to_command or said.to_webhook or said.stop_after
    rules = Rules(
        tries=said.tries,
        together=1 if outside else Rules().together,
        skip_gaps=said.skip_gaps,
        hold_case=said.hold_case,
        knows=is_known if said.strict else None,
        lost=frozenset(said.lost_key),
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


def kafka_of(settings: Settings, said: argparse.Namespace) -> "KafkaAccess | None":
    """The Kafka that is said or set; None where there is none, or where the feed is said instead."""
    from ...consumers.wire.kafka.access import KafkaAccess, password_in

    address = said.kafka or ("" if said.feed else settings.kafka)
    if not address:
        return None
    password = password_in(said.kafka_password_file) if said.kafka_password_file else ""
    return KafkaAccess(address, said.kafka_ca, said.kafka_user, password)


def feed_of(said: argparse.Namespace) -> "Feed | None":
    """The feed that is said, or None. Raises Failed where it lacks an access token."""
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


def keys_of(said: argparse.Namespace) -> "Keys":
    """The agency's private keys. Raises Failed where none is said, or in two ways."""
    from ...consumers.agency import KeyDirectory
    from ...consumers.agency.subscribing.keys import keys_from

    if said.key and said.keys:
        raise Failed("say --key or --keys, not both")
    if said.keys:
        return KeyDirectory(said.keys)
    if not said.key:
        raise Failed("say where the private key is: --key FILE, or --keys DIR")
    return keys_from(said.key)


def _service_keys(said: argparse.Namespace) -> list[Any]:
    from ...consumers.agency import service_key

    if not said.service_key:
        raise Failed("say the service's public key: --service-key KEY|FILE")
    try:
        return [
            service_key(Path(text).read_text().strip() if Path(text).exists() else text) for text in said.service_key
        ]
    except ValueError:
        raise Failed(
            "--service-key: that is not the service's public key, nor a file with it; rujukan service-key prints it"
        ) from None


def opener_of(said: argparse.Namespace) -> "Opener":
    """What opens deliveries that were kept. Raises Failed where a key is not said."""
    from ...consumers.wire.envelope import Opener

    return Opener(keys_of(said), _service_keys(said))


def inbox_of(said: argparse.Namespace, handler: Any, is_there: bool = False) -> "Inbox[Any]":
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

    if not Path(where).parent.is_dir():
        raise Failed(f"--inbox: there is no directory {Path(where).parent}")
    if is_there and not Path(where).is_file():
        raise Failed(f"there is no inbox {where}: rujukan subscribe makes it; --inbox says another place")
    return SqliteInbox(where, handler, handled_is_deleted=handled_is_deleted)


def require_begun(said: argparse.Namespace, inbox: "Inbox[Any]") -> None:
    """Raises Failed for an agency of which the inbox has nothing: whoever misspelt it would see that nothing is
    missing."""
    names = inbox.notes.names()
    if not any(name == said.agency or name.startswith(f"{said.agency}/") for name in names):
        inbox.close()
        there = f"there is {' '.join(names)}" if names else "nothing began in it yet"
        raise Failed(f"the inbox has nothing of {said.agency}; {there}")


def sink_of(said: argparse.Namespace) -> Callable[[Any, Any], object]:
    """Who handles each delivery; by default it is a line on standard output."""
    from ...consumers.agency.subscribing import sinks

    if said.to_directory:
        return sinks.to_directory(said.to_directory)
    if said.to_command:
        return sinks.to_command(said.to_command)
    if said.to_webhook:
        return sinks.to_webhook(said.to_webhook)
    return sinks.to_lines(sys.stdout)


def counted(sink: Callable[[Any, Any], object], most: int | None, stop: Event) -> Callable[[Any, Any], object]:
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
