"""An agency's machine: one subscription, with an inbox whose handler writes down what it was given, and when.

`python subscriber.py FILE`, where the file says who it is. The table `handled` has no unique column: what is handled
twice is there twice. What was counted goes to a file beside it, twice a second.
"""

import json
import signal
import sqlite3
import sys
import time
from pathlib import Path
from threading import Event, Thread

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.keys import key_from
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.wire.envelope import Delivery, service_key
from rujukan.consumers.wire.kafka.access import KafkaAccess

COUNTED = ("handled", "again", "rejected", "dead")


def keep(delivery: Delivery, db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO handled (id, sequence, case_id, position, topic, shown, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            delivery.id,
            delivery.sequence,
            str(delivery.case),
            delivery.position,
            delivery.topic,
            " ".join(delivery.compartments),
            time.monotonic(),
        ),
    )


def count(subscription: Subscription, file: Path, stop: Event) -> None:
    began = time.monotonic_ns()
    while True:
        ended = stop.wait(0.5)
        with file.with_suffix(".new").open("w") as out:
            json.dump({name: getattr(subscription, name) for name in COUNTED}, out)
        file.with_suffix(".new").rename(file.with_suffix(f".{began}.json"))
        if ended:
            return


def main() -> None:
    said = json.loads(Path(sys.argv[1]).read_text())
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    feed = Feed(said["feed"], said["token"]) if said["feed"] else None
    if said["kafka"]:
        access = KafkaAccess(said["kafka"], Path(said["ca"]) if said["ca"] else None, said["user"], said["password"])
        source = KafkaSource(said["agency"], access)
    else:
        assert feed is not None
        source = FeedSource(said["agency"], feed, stream=said["stream"])
    file = Path(said["inbox"])
    inbox = SqliteInbox(file, keep)
    inbox_db = sqlite3.connect(file)
    inbox_db.execute(
        "CREATE TABLE IF NOT EXISTS handled (n INTEGER PRIMARY KEY AUTOINCREMENT,"
        " id TEXT, sequence INTEGER, case_id TEXT, position INTEGER, topic TEXT, shown TEXT, at REAL)"
    )
    inbox_db.close()
    backup = feed if said["kafka"] else None
    subscription = Subscription(
        source, [key_from(Path(said["key"]))], service_key(said["service"]), inbox, feed=backup, rules=Rules()
    )
    counting = Thread(target=count, args=(subscription, file, stop))
    counting.start()
    try:
        subscription.run(stop)
    finally:
        stop.set()
        counting.join()
        inbox.close()


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("rujukan").setLevel(logging.INFO)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    main()
