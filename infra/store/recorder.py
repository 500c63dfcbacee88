"""The `eventsourcing` library's PostgreSQL recorder and subscription, as the log needs them."""

from collections.abc import Sequence
from queue import Empty
from typing import Any

from eventsourcing import postgres
from eventsourcing.persistence import Notification, ShutDown, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore, PostgresSubscription
from psycopg import Connection
from psycopg.rows import DictRow, dict_row, tuple_row

from ..database import Healing, options
from .given import GIVEN
from .group_commit import GroupCommit, Row


class ConnectionPool(Healing[Connection[DictRow]], postgres.ConnectionPool[Connection[DictRow]]):
    """The library's pool of the log's connections, healed as ours are."""


def datastore(conninfo: str, pool_size: int = 2, schema: str = "log") -> PostgresDatastore:
    """The library's datastore on one of our schemas. Its connections are ours: it would take five parts of a conninfo
    and leave out the others, hosts to choose from and certificates among them."""
    store = PostgresDatastore("", "", "", "", "", schema=schema)
    said = options(conninfo, pool_size, pool_size + 10, row_factory=dict_row)
    store.pool = ConnectionPool(open=False, configure=store.after_connect_func(), **said)
    return store


class LogRecorder(PostgresApplicationRecorder):
    """The library's application recorder, which appends through group commit, and reads in binary."""

    def __init__(self, store: PostgresDatastore, writer: GroupCommit | None = None) -> None:
        super().__init__(store, events_table_name="stored_events")
        self.writer = writer

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Their positions once they are durable. `idempotency=`, `documents=` and `unmoved=` may come beside. Raises
        Conflict, Repeated."""
        if self.writer is None:
            raise PermissionError("this process follows the log and does not write it")
        rows = [Row(e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events]  # type: ignore[arg-type]
        beside = {name: kwargs[name] for name in ("idempotency", "documents", "unmoved") if name in kwargs}
        return self.writer.append(rows, **beside)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """As the library's, several times as fast: binary rows, no dictionaries."""
        first = (start or 0) + (0 if inclusive_of_start else 1)
        where = f"notification_id >= %s AND {GIVEN}"
        params: list[object] = [first]
        if stop is not None:
            where, params = where + " AND notification_id <= %s", [*params, stop]
        if topics:
            where, params = where + " AND topic = ANY(%s)", [*params, list(topics)]
        with self.datastore.get_connection() as db, db.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events"
                f" WHERE {where} ORDER BY notification_id LIMIT %s",
                [*params, limit],
            )
            return [
                Notification(id=n, originator_id=s, originator_version=v, topic=t, state=b) for n, s, v, t, b in cursor
            ]

    def max_notification_id(self) -> int | None:
        """The position of the newest event. As the library's, but that it asks once: who waits is told that the
        database is away, and asks again."""
        with self.datastore.get_connection() as db:
            row = db.execute(f"SELECT max(notification_id) AS newest FROM log.stored_events WHERE {GIVEN}").fetchone()
        return row["newest"] if row else None

    def follow(self, after: int) -> "Following":
        """Notifications after that position, as they come, in batches."""
        return Following(self, gt=after)


class Following(PostgresSubscription):
    """The library's subscription, read a batch at a time."""

    def __init__(self, recorder: LogRecorder, gt: int) -> None:
        super().__init__(recorder, gt=gt)
        self._select_limit = 1000

    def next_batch(self, seconds: float) -> Sequence[Notification]:
        """All that came since the last batch; nothing when nothing came in that time. The library queues what it finds,
        often event by event: taken one by one, a follower a little slower than the writers stays ten events behind.
        Raises what broke the subscription (the database went away, say)."""
        batch: list[Notification] = []
        try:
            batch += self._notifications_queue.get(timeout=seconds)
            self._notifications_queue.task_done()
            while len(batch) < self._select_limit:
                batch += self._notifications_queue.get_nowait()
                self._notifications_queue.task_done()
        except Empty:
            pass
        except ShutDown:
            if self._thread_error is not None:
                raise self._thread_error from None
            return ()
        return batch
