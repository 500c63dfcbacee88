"""What an agency's program imports: all of it is here, and where it lives behind this page may change.

    from rujukan.consumers.agency import KafkaSource, SqliteInbox, Subscription, key_from, service_key

The package's part `agency` brings what is needed; `PostgresInbox` takes `agency-postgres`. Each name is imported when
it is asked for: a program needs the clients that it uses, Kafka's or PostgreSQL's, and no other, and starts no slower
for what it leaves.

Behind it: `subscribing` (receives, opens, verifies, puts in order, hands to a handler, says so), `inbox` (what was
handled, in a database of the agency's own), `transports` (what one has to offer; the feed and the webhook), `kafka`,
`postgres`, and `witnessing`, which is no part of receiving: it watches the ledger, and `rujukan witness` runs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..wire.envelope import DAMAGED, ERASED, AgencyKey, Delivery, service_key
    from ..wire.kafka.access import KafkaAccess, password_in
    from ..wire.known_events import is_known
    from .inbox.handling import DELETION_ASKED, Deletion, Leaving, NotNow, Rules
    from .inbox.inbox import SqliteInbox
    from .kafka.source import KafkaSource, from_kafka
    from .postgres.inbox import PostgresInbox
    from .subscribing.keys import KeyDirectory, key_from
    from .subscribing.replay import Begin, from_feed, replay
    from .subscribing.subscription import Subscription
    from .transports.feed import Feed
    from .transports.feed_source import FeedSource
    from .transports.webhook_source import WebhookSource

__all__ = [
    "DAMAGED",
    "DELETION_ASKED",
    "ERASED",
    "AgencyKey",
    "Begin",
    "Deletion",
    "Delivery",
    "Feed",
    "FeedSource",
    "KafkaAccess",
    "KafkaSource",
    "KeyDirectory",
    "Leaving",
    "NotNow",
    "PostgresInbox",
    "Rules",
    "SqliteInbox",
    "Subscription",
    "WebhookSource",
    "from_feed",
    "from_kafka",
    "is_known",
    "key_from",
    "password_in",
    "replay",
    "service_key",
]

_HOMES = {
    "DELETION_ASKED": ".inbox.handling",
    "DAMAGED": "..wire.envelope",
    "ERASED": "..wire.envelope",
    "AgencyKey": "..wire.envelope",
    "Begin": ".subscribing.replay",
    "Deletion": ".inbox.handling",
    "Delivery": "..wire.envelope",
    "Feed": ".transports.feed",
    "FeedSource": ".transports.feed_source",
    "KafkaAccess": "..wire.kafka.access",
    "KafkaSource": ".kafka.source",
    "KeyDirectory": ".subscribing.keys",
    "Leaving": ".inbox.handling",
    "NotNow": ".inbox.handling",
    "PostgresInbox": ".postgres.inbox",
    "Rules": ".inbox.handling",
    "SqliteInbox": ".inbox.inbox",
    "Subscription": ".subscribing.subscription",
    "WebhookSource": ".transports.webhook_source",
    "from_feed": ".subscribing.replay",
    "from_kafka": ".kafka.source",
    "is_known": "..wire.known_events",
    "key_from": ".subscribing.keys",
    "password_in": "..wire.kafka.access",
    "replay": ".subscribing.replay",
    "service_key": "..wire.envelope",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The name, from where it lives."""
        if name not in _HOMES:
            raise AttributeError(f"{__name__} has no {name}")
        globals()[name] = found = getattr(import_module(_HOMES[name], __name__), name)
        return found
