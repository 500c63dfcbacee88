"""What an agency's program imports: all of it is here, and where it lives behind this page may change.

    from rujukan.consumers.agency import KafkaSource, SqliteInbox, Subscription, key_from, service_key

`pip install 'rujukan[agency]'` brings what is needed; `PostgresInbox` takes `rujukan[agency-postgres]`. The Kafka
client is imported with `KafkaSource`, and PostgreSQL's with `PostgresInbox`, so that who uses neither needs neither.

Behind it: `subscribing` (receives, opens, verifies, puts in order, hands to a handler, says so), `inbox` (what was
handled, in a database of the agency's own), `transports` (what one has to offer; the feed and the webhook), `kafka`,
`postgres`, and `witnessing`, which is no part of receiving: it watches the ledger, and `rujukan witness` runs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ..wire.envelope import ERASED, AgencyKey, Delivery, service_key
from ..wire.kafka.access import KafkaAccess, password_in
from ..wire.known_events import is_known
from .inbox.handling import DELETION_ASKED, Deletion, Leaving, NotNow, Rules
from .inbox.inbox import SqliteInbox
from .subscribing.keys import KeyDirectory, key_from
from .subscribing.replay import Begin, from_feed, replay
from .subscribing.subscription import Subscription
from .transports.feed import Feed
from .transports.feed_source import FeedSource
from .transports.webhook_source import WebhookSource

if TYPE_CHECKING:
    from .kafka.source import KafkaSource, from_kafka
    from .postgres.inbox import PostgresInbox

__all__ = [
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

_WITH_A_CLIENT = {
    "KafkaSource": ".kafka.source",
    "PostgresInbox": ".postgres.inbox",
    "from_kafka": ".kafka.source",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What needs a client of its own, when it is asked for."""
        if name not in _WITH_A_CLIENT:
            raise AttributeError(f"{__name__} has no {name}")
        return getattr(import_module(_WITH_A_CLIENT[name], __name__), name)
