"""A cursor names a delivery: whatever was restored, whoever asks behind one that the register does not have is told so,
and nothing that is told after the restore is passed over in silence."""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
from feeding import Feeding, eventually, serving
from hypothesis import example, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from office import believe_rows
from test_subscribing import EVENTS, STREAM, problem, said

from rujukan.consumers.wire.envelope import Attributes
from rujukan.domain.delivery import CURSOR, Cursor
from rujukan.domain.disclosure import RULE
from rujukan.domain.refusal import AnotherHistory
from rujukan.infra import composition
from rujukan.infra.delivery import recovering
from rujukan.infra.delivery.cursors import LOST
from rujukan.infra.delivery.digests import NONE
from rujukan.infra.delivery.rows import PLACES, columns_of
from rujukan.infra.delivery.rows import Row as Told
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings

MANY = 1_000
NUMBERS = count(1)


class Row(NamedTuple):
    """Something that an agency was told: its id, and the position of the event, which tells events apart."""

    sequence: int
    id: UUID
    position: int


class Register:
    """The register of one agency, and what happens to it."""

    def __init__(self, node: Node, db: psycopg.Connection) -> None:  # type: ignore[type-arg]
        self.node, self.db = node, db
        self.agency = f"a-{uuid4().hex[:12]}"

    def tell(self, rows: list[Row]) -> None:
        """These, as the register writes them."""
        for row in rows:
            n = self.db.execute("SELECT coalesce(max(n), 0) + 1 FROM delivery.told").fetchone()[0]  # type: ignore[index]
            case = uuid5(LOST, str(row.position % 3))
            about = row.sequence, row.sequence, row.position, row.position, case, case
            told = Told(n, self.agency, *about, 1, "1", composition.now(), row.id, RULE, NONE)
            self.db.execute(f"INSERT INTO delivery.told VALUES ({PLACES})", columns_of(self.node.digests.written(told)))
            self.db.execute(
                "INSERT INTO delivery.heads VALUES (%s, %s)"
                " ON CONFLICT (agency) DO UPDATE SET sequence = excluded.sequence",
                (self.agency, row.sequence),
            )

    def head(self) -> int:
        return self.node.tellings.head(self.agency).sequence

    def recover(self, held: list[Row]) -> None:
        """`rujukan recover`, with what the agency's topic holds."""
        about = {row.sequence: attributes(self.agency, row) for row in held}
        with self.db.transaction():
            found = recovering.lost(self.db, self.agency, about)
            recovering.take_in(self.db, found, self.node.sealing, composition.now())

    def contents(self) -> list[Row]:
        """What it has that has content."""
        told = self.node.tellings.after(self.agency, Cursor(0), MANY)
        return [Row(t.sequence, t.id, t.position) for t in told if t.stream != LOST]


def attributes(agency: str, row: Row) -> Attributes:
    return Attributes(
        id=str(row.id),
        source="urn:rujukan:test",
        subject=agency,
        sequence=str(row.sequence),
        casesequence=str(row.sequence),
        position=str(row.position),
        caseversion="1",
        schemaversion="1",
        keyid="1",
        correlation="c",
        partitionkey="p",
    )


def rows(first: int, many: int) -> list[Row]:
    """So many that were never told before."""
    return [Row(first + n, uuid4(), next(NUMBERS)) for n in range(many)]


@pytest.fixture(scope="module")
def register(settings: Settings) -> Iterator[tuple[Node, psycopg.Connection]]:  # type: ignore[type-arg]
    with Node(settings, names.PUBLISHING, 2) as node, psycopg.connect(settings.database, autocommit=True) as db:
        yield node, db


SMALL = st.integers(0, 6)


@pytest.mark.thorough
@trying(max_examples=60)
@given(SMALL, st.integers(1, 6), SMALL, st.one_of(st.none(), st.tuples(SMALL, SMALL)), SMALL)
@example(5, 3, 2, None, 4)  # nobody noticed: what is told takes the same numbers
@example(5, 3, 2, (0, 0), 4)  # recovered from a topic that has all
@example(5, 3, 2, (0, 2), 4)  # from one that lacks the last two, which went out another way
@example(2, 5, 3, (4, 0), 4)  # from one whose beginning retention cut
@example(2, 5, 0, (4, 0), 4)  # and nobody knows what was told under some numbers between
def test_nothing_told_after_a_restore_is_passed_over(
    register: tuple[Node, psycopg.Connection],  # type: ignore[type-arg]
    prefix: int,
    lost: int,
    meanwhile: int,
    topic: tuple[int, int] | None,
    new: int,
) -> None:
    """`prefix` was restored, `lost` was told behind it and is lost, `meanwhile` was told before anybody noticed, the
    topic lacks so many of its first and last where the register is recovered from it, `new` is told after that."""
    here = Register(*register)
    both, old, other = rows(1, prefix), rows(prefix + 1, lost), rows(prefix + 1, meanwhile)
    here.tell([*both, *other])
    if topic is not None:
        first, last = topic
        here.recover([*both, *old][first : prefix + lost - last])
    here.tell(rows(here.head() + 1, new))
    contents, head = here.contents(), here.head()
    assert [t.sequence for t in here.node.tellings.after(here.agency, Cursor(0), MANY)] == list(range(1, head + 1))
    for held in ([*both, *old], [*both, *other]):
        for n, last_one in enumerate(held, 1):
            has = {row.position for row in held[:n]}
            try:
                coming = here.node.tellings.after(here.agency, Cursor(n, last_one.id), MANY)
            except AnotherHistory:
                assert last_one not in contents, "who holds what the register has is never sent away"
                continue
            assert [t.sequence for t in coming] == list(range(n + 1, head + 1))
            assert {row.position for row in contents} <= has | {t.position for t in coming}, "something is passed over"
    for n in range(head + 1):
        assert len(here.node.tellings.after(here.agency, Cursor(n), MANY)) == head - n, "a plain number does as before"
    with pytest.raises(AnotherHistory):
        here.node.tellings.after(here.agency, Cursor(head + 1), MANY)


@given(st.integers(0, 10**18 - 1), st.one_of(st.none(), st.uuids()))
def test_a_cursor_is_read_as_it_is_written(sequence: int, id: UUID | None) -> None:
    import re

    cursor = Cursor(sequence, id)
    assert re.search(CURSOR, str(cursor))
    assert Cursor.read(str(cursor)) == cursor


# Over HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def feeding(settings: Settings) -> Iterator[Feeding]:
    with serving(settings) as served:
        for _ in range(2):
            served.case_with("rsud")
        served.head("rsud")
        yield served


@pytest.mark.thorough
def test_pages_and_the_answer_on_how_far_it_goes_give_cursors_with_ids(feeding: Feeding) -> None:
    client, head = feeding.client("rsud"), feeding.head("rsud")
    ids = {int(e["sequence"]): e["id"] for e in client.get(EVENTS).json()}
    page = client.get(EVENTS, params={"limit": 2})
    assert f"after=2.{ids[2]}&" in page.links["next"]["url"]
    last = client.get(EVENTS, params={"after": f"{head}.{ids[head]}"})
    assert (last.status_code, last.json()) == (200, [])
    assert f"after={head}.{ids[head]}&" in last.links["next"]["url"]
    assert client.get("/subscription").json()["cursor"] == f"{head}.{ids[head]}"
    assert client.get(EVENTS, params={"after": head}).links["next"] == last.links["next"]
    assert feeding.client("psikolog").get("/subscription").json()["cursor"] == "0"


def test_a_stream_goes_on_behind_the_id_that_it_gave(feeding: Feeding) -> None:
    client, head = feeding.client("rsud"), feeding.head("rsud")
    with client.stream("GET", STREAM) as response:
        first = said(response.iter_lines(), 2)
    assert [event.id for event in first] == [f"{n}.{e.event['id']}" for n, e in enumerate(first, 1)]
    with client.stream("GET", STREAM, headers={"Last-Event-ID": first[-1].id}) as response:
        rest = said(response.iter_lines(), head - 2)
    assert [int(event.event["sequence"]) for event in rest] == list(range(3, head + 1))


@pytest.mark.parametrize("path", [EVENTS, STREAM])
def test_who_holds_another_delivery_is_told_what_to_do(feeding: Feeding, path: str) -> None:
    client, head = feeding.client("rsud"), feeding.head("rsud")
    for cursor in (f"2.{uuid4()}", f"{head + 1}.{uuid4()}", str(head + 1), f"0.{uuid4()}"):
        asked = [client.get(path, params={"after": cursor, "wait": 5} if path == EVENTS else {"after": cursor})]
        if path == STREAM:
            asked.append(client.get(path, headers={"Last-Event-ID": cursor}))
        for refused in asked:
            assert problem(refused) == (409, "another-history")
            said_of = refused.json()
            assert said_of["about"] == {"sequence": int(cursor.partition(".")[0]), "head": head}
            assert "ask whoever runs the service" in said_of["detail"]


def test_another_agencys_delivery_is_none_of_ones_own(feeding: Feeding) -> None:
    """And answers the same as one that there is nowhere."""
    theirs = feeding.client("uptd-ppa").get(EVENTS, params={"limit": 1}).json()[0]["id"]
    asked = [feeding.client("rsud").get(EVENTS, params={"after": f"1.{id}"}) for id in (theirs, uuid4())]
    assert [(a.status_code, a.content) for a in asked] == [(409, asked[0].content)] * 2


@pytest.mark.thorough
def test_a_stream_under_which_another_state_is_put_ends(feeding: Feeding) -> None:
    client, head = feeding.client("rsud"), feeding.head("rsud")
    with client.stream("GET", STREAM, params={"after": head - 1}) as response:
        lines = response.iter_lines()
        assert len(said(lines, 1)) == 1
        with psycopg.connect(feeding.settings.database) as db:  # what was told last is gone
            db.execute("ALTER TABLE delivery.told DISABLE TRIGGER append_only")
            db.execute("DELETE FROM delivery.told WHERE agency = 'rsud' AND sequence = %s", (head,))
            believe_rows(db)
            db.execute("UPDATE delivery.heads SET sequence = %s WHERE agency = 'rsud'", (head - 1,))
            db.execute("ALTER TABLE delivery.told ENABLE TRIGGER append_only")
        assert said(lines, 1) == []
    assert eventually(lambda: client.get("/subscription").json()["head"] == head - 1)
