"""Each agency's subscription, and the check that it received exactly what it may know."""

import sqlite3
import time
from collections.abc import Set as AbstractSet
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...consumers.agency.inbox.inbox import SqliteInbox
from ...consumers.agency.kafka.source import KafkaSource
from ...consumers.agency.subscribing.subscription import Subscription
from ...consumers.wire.envelope import AgencyKey, Delivery
from ..delivery.told import case_of
from ..store.event_store import EventStore
from ..store.following import Follower, Learning


class Inboxes:
    """A subscription an agency, each in a thread and with an inbox file of its own."""

    def __init__(self, keys: dict[str, AgencyKey], service: Ed25519PublicKey, bootstrap: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = {agency: directory / f"{agency}.db" for agency in keys}
        self._stop = Event()
        self._threads = [
            Thread(target=self._receive, args=(agency, key, service, bootstrap), daemon=True)
            for agency, key in keys.items()
        ]
        for thread in self._threads:
            thread.start()

    def handled(self) -> dict[str, set[str]]:
        """Agency → the ids of the deliveries that its handler took."""
        found: dict[str, set[str]] = {}
        for agency, file in self._files.items():
            found[agency] = set()
            if file.exists():
                with sqlite3.connect(file) as db:
                    try:
                        found[agency] = {id for (id,) in db.execute("SELECT id FROM delivered")}
                    except sqlite3.OperationalError:
                        continue  # it has not begun
                db.close()
        return found

    def topics(self, agency: str) -> list[tuple[str, str, str]]:
        """(topic, compartments told, compartments withheld) of what an agency received, in order."""
        with sqlite3.connect(self._files[agency]) as db:
            return db.execute("SELECT topic, told, withheld FROM delivered ORDER BY n").fetchall()

    def wait_for(self, expected: dict[str, set[str]], seconds: float) -> bool:
        """Wait until every agency handled what it is to handle; whether it did in time."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            handled = self.handled()
            if all(ids <= handled.get(agency, set()) for agency, ids in expected.items()):
                return True
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """End all subscriptions."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _receive(self, agency: str, key: AgencyKey, service: Ed25519PublicKey, bootstrap: str) -> None:
        def keep(delivery: Delivery, db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO delivered (id, topic, told, withheld) VALUES (?, ?, ?, ?)",
                (delivery.id, delivery.topic, " ".join(delivery.compartments), " ".join(delivery.withheld)),
            )

        with sqlite3.connect(self._files[agency]) as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS delivered"
                " (n INTEGER PRIMARY KEY, id TEXT UNIQUE, topic TEXT, told TEXT, withheld TEXT)"
            )
        inbox = SqliteInbox(self._files[agency], keep)
        Subscription(KafkaSource(agency, bootstrap), [key], service, inbox).run(self._stop)
        inbox.close()


def entitled(
    store: EventStore, agencies: set[str], after: int = 0, but: AbstractSet[UUID] = frozenset()
) -> dict[str, set[str]]:
    """Agency → the ids of everything that events after a position let it be told, worked out anew from the log alone,
    by the rule of this release: the register is not asked. `but`: not of these cases."""
    expected: dict[str, set[str]] = {agency: set() for agency in agencies}
    learning = Learning(store, lambda _: ())
    try:
        for page in Follower(store, learning).pages(0):
            for followed in page:
                if followed.written.position > after:
                    for told in followed.tell:
                        if told.agency in agencies and case_of(told) not in but:
                            expected[told.agency].add(str(told.id))
    finally:
        learning.close()
    return expected
