"""The agency's inbox: handled once in effect, in the agency's own transaction."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec import Raw
from msgspec.structs import replace

from rujukan.consumers.envelope import Delivery
from rujukan.consumers.inbox import Deletion, Place, SqliteInbox


def delivery(n: int) -> Delivery:
    return Delivery(
        topic="case.NoteRecorded",
        schema=1,
        case=UUID(int=1),
        version=n,
        position=n,
        sequence=n,
        recorded_at=datetime.now(UTC),
        author="a",
        actor=UUID(int=2),
        correlation=UUID(int=3),
        compartments=[],
        withheld=[],
        data=Raw(b"{}"),
        receipt="",
        id=f"id-{n}",
    )


def test_a_delivery_that_comes_again_is_handled_once(tmp_path):
    handled: list[str] = []
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: handled.append(d.id))
    assert inbox.handle(delivery(1), "t", Place("a", 1))
    assert not inbox.handle(delivery(1), "t", Place("b", 1))
    inbox.close()
    again = SqliteInbox(tmp_path / "inbox.db", lambda d, db: handled.append(d.id))
    assert not again.handle(delivery(1), "t", Place("b", 1))
    assert handled == ["id-1"]
    assert again.place("t") == Place("b", 1)


def test_what_a_failing_handler_wrote_is_not_there_and_the_delivery_comes_again(tmp_path):
    failing = True

    def handler(d, db):
        db.execute("CREATE TABLE IF NOT EXISTS mine (id TEXT)")
        db.execute("INSERT INTO mine VALUES (?)", (d.id,))
        if failing:
            raise RuntimeError

    inbox = SqliteInbox(tmp_path / "inbox.db", handler)
    with pytest.raises(RuntimeError):
        inbox.handle(delivery(1), "t", Place("a", 1))
    assert inbox.place("t") is None
    failing = False
    assert inbox.handle(delivery(1), "t", Place("a", 1))
    assert inbox._db.execute("SELECT id FROM mine").fetchall() == [("id-1",)]


def test_what_cannot_be_handled_is_noted_and_passed(tmp_path):
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: None)
    inbox.skip("t", Place("a", 5), "BadSignature: …")
    assert inbox.place("t") == Place("a", 5)
    assert inbox.rejected() == [("t", 4, "BadSignature: …")]


def asked_to_delete(n: int) -> Delivery:
    data = Raw(f'{{"erasure":"{UUID(int=7)}","case":"{UUID(int=1)}","compartments":["health"],"agency":"a"}}'.encode())
    return replace(delivery(n), topic="erasure.DeletionAsked", data=data)


def test_what_is_to_be_deleted_is_deleted_once_and_acknowledged_later(tmp_path):
    kept: list[str] = []
    asked: list[Deletion] = []

    def forget(deletion, db):
        asked.append(deletion)
        kept.clear()

    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: kept.append(d.topic), forget)
    inbox.handle(delivery(1), "t", Place("a", 1))
    assert kept == ["case.NoteRecorded"]
    assert inbox.handle(asked_to_delete(2), "t", Place("a", 2))
    assert not inbox.handle(asked_to_delete(2), "t", Place("a", 2))
    assert (kept, asked) == ([], [Deletion(UUID(int=7), UUID(int=1), frozenset({"health"}))])
    assert inbox.unacknowledged() == [UUID(int=7)]
    inbox.acknowledged(UUID(int=7))
    assert inbox.unacknowledged() == []


def test_a_deletion_that_fails_comes_again(tmp_path):
    def forget(deletion, db):
        raise RuntimeError

    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: None, forget)
    with pytest.raises(RuntimeError):
        inbox.handle(asked_to_delete(1), "t", Place("a", 1))
    assert (inbox.place("t"), inbox.unacknowledged()) == (None, [])


def test_who_gives_no_way_to_forget_is_told_like_of_anything(tmp_path):
    handled: list[str] = []
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: handled.append(d.topic))
    inbox.handle(asked_to_delete(1), "t", Place("a", 1))
    assert handled == ["erasure.DeletionAsked"]
