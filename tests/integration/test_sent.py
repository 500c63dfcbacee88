"""Sent is a fact of its own: what was sealed and sent is on record with its transport, and nothing of that record can
be changed or be gone unseen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import damaging
import fetching
import psycopg
import pytest
from damaging import STATE, case_with, changed, flipped
from fetching import Place, fetched, note
from msgspec import structs
from office import catch_up
from psycopg import errors

from rujukan.consumers.publishing.supply import TopicProgress
from rujukan.domain.agency_keys import fingerprint
from rujukan.domain.sending import SentOfCase, sendings_stream
from rujukan.infra.database import FOLLOWER, SERVICE, as_role
from rujukan.infra.delivery.publishing import PublisherSource
from rujukan.infra.delivery.sent import rows_behind
from rujukan.infra.delivery.vouching import Vouching
from rujukan.infra.keys import names
from rujukan.infra.node import Node
from rujukan.infra.settings import Settings

place, superuser = fetching.place, damaging.superuser
AGENCY = "rsud"


def vouch(settings: Settings) -> int:
    """Have the log vouch for what is new."""
    with Node(settings, names.WORKER, 4, SERVICE) as node:
        return Vouching(node.written, node.follower_pool, node.sendings, node.vouched).once()


def sent(place: Place, case: UUID) -> SentOfCase:
    return place.office.ports.deliveries.sent(AGENCY, case)


def numbers(place: Place, case: UUID) -> list[int]:
    return [s.number for s in sent(place, case).sent]


@pytest.fixture
def case(place: Place, settings: Settings) -> UUID:
    """A case of which the hospital was told something, and fetched it."""
    case = case_with(place, AGENCY)
    note(place.office, case, "fetched")
    catch_up(settings)
    fetched(settings, place, case)
    return case


@contextmanager
def deleted(db: psycopg.Connection, where: str, *values: Any) -> Iterator[None]:
    """Rows are gone for a while, past all triggers."""
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        rows = db.execute(f"DELETE FROM delivery.sent WHERE {where} RETURNING *", values).fetchall()
    assert rows
    try:
        yield
    finally:
        with db.transaction():
            db.execute("SET LOCAL session_replication_role = replica")
            for row in rows:
                db.execute(f"INSERT INTO delivery.sent VALUES ({', '.join(['%s'] * len(row))})", row)


# What is on record ------------------------------------------------------------------------------------------------


def test_a_page_that_is_handed_out_is_on_record_with_transport_and_key(
    place: Place, settings: Settings, case: UUID
) -> None:
    told = fetched(settings, place, case)
    of_case = {d.sequence: d for d in told.of_case}
    found = sent(place, case).sent
    assert {s.sequence for s in found} == set(of_case)
    assert {s.transport for s in found} == {"feed"}
    assert {s.key for s in found} == {fingerprint(place.keys[AGENCY].public)}
    assert all(sorted(c.word for c in s.compartments) == sorted(of_case[s.sequence].compartments) for s in found)


def test_each_time_it_is_sent_is_a_row_of_its_own(place: Place, settings: Settings, case: UUID) -> None:
    once = numbers(place, case)
    fetched(settings, place, case)
    assert len(numbers(place, case)) == 2 * len(once)


def test_what_nobody_fetched_is_not_on_record_as_sent(place: Place, settings: Settings) -> None:
    case = case_with(place, AGENCY)
    catch_up(settings)
    assert sent(place, case) == SentOfCase([], [], 0, 0, [])


@pytest.fixture
def source(settings: Settings) -> Iterator[PublisherSource]:
    with Node(settings, names.PUBLISHER, 4, SERVICE) as node:
        made = PublisherSource(node.tellings, node.follower_pool, node.bell)
        yield made
        made.close()


def test_what_the_broker_has_is_on_record_with_how_far_the_topic_is_written(
    place: Place, settings: Settings, case: UUID, source: PublisherSource
) -> None:
    messages = source.seal_all(source.waiting({AGENCY: 0}, 10_000, 8), 10**9).messages
    last = messages[AGENCY][-1]
    source.sent(messages, {AGENCY: TopicProgress("topic", last.sequence, last.id)})
    found = [s for s in sent(place, case).sent if s.transport == "kafka"]
    assert {s.sequence for s in found} == {s.sequence for s in sent(place, case).sent}
    assert not any(s.found for s in found)
    assert source.places([AGENCY])[AGENCY] == TopicProgress("topic", last.sequence)


def test_what_a_publisher_that_was_killed_did_not_write_down_is_found_on_the_topic_and_said_so(
    place: Place, settings: Settings, case: UUID, source: PublisherSource
) -> None:
    messages = source.seal_all(source.waiting({AGENCY: 0}, 10_000, 8), 10**9).messages[AGENCY]
    last = messages[-1]
    source.sent({AGENCY: messages[:1]}, {AGENCY: TopicProgress("another", 1, messages[0].id)})
    for _ in range(2):  # it is looked at again and again
        source.found({AGENCY: TopicProgress("another", last.sequence, last.id)})
    found = [s for s in sent(place, case).sent if s.found]
    assert [s.sequence for s in found] == sorted({s.sequence for s in sent(place, case).sent} - {1})
    assert {(s.transport, s.key) for s in found} == {("kafka", "")}


# Nothing of it is changed or gone unseen --------------------------------------------------------------------------


@pytest.mark.parametrize("role", [SERVICE, FOLLOWER])
def test_no_role_of_the_service_changes_or_deletes_a_row(settings: Settings, case: UUID, role: str) -> None:
    with psycopg.connect(as_role(settings.database, role), autocommit=True) as db:
        db.execute("SELECT set_config('rujukan.agency', %s, false)", (AGENCY,))
        for change in (
            "UPDATE delivery.sent SET transport = 'x'",
            "DELETE FROM delivery.sent",
            "TRUNCATE delivery.sent",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                db.execute(change)


def test_nor_does_its_owner_as_long_as_the_triggers_stand(case: UUID, superuser: psycopg.Connection) -> None:
    for change in ("UPDATE delivery.sent SET transport = 'x'", "DELETE FROM delivery.sent", "TRUNCATE delivery.sent"):
        with pytest.raises(psycopg.Error, match="append-only"):
            superuser.execute(change)


CHANGES = {
    "sequence": "sequence + 1",
    "id": "gen_random_uuid()",
    "position": "position + 1",
    "compartments": "compartments # 2",
    "transport": "'webhook'",
    "key": "'0'",
    "found": "NOT found",
    "sent_at": "sent_at + interval '1 second'",
    "digest": "'x'",
    "case_id": "gen_random_uuid()",
    "agency": "'polres'",
    "number": "number + 1000000",
}


@pytest.mark.thorough
@pytest.mark.parametrize("vouched", [False, True], ids=["before the log vouches for it", "once the log does"])
@pytest.mark.parametrize("column", list(CHANGES))
def test_a_changed_row_is_named_and_never_shown(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID, column: str, vouched: bool
) -> None:
    """But for one limit, which is stated: the newest row of all, as long as the log does not vouch for it, can be taken
    away like one that was never written."""
    if vouched:
        vouch(settings)
    before = sent(place, case)
    assert {s.vouched for s in before.sent} == {vouched}
    which = before.sent[0 if column == "agency" else -1].number
    with changed(superuser, "delivery.sent", column, "agency = %s AND number = %s", CHANGES[column], AGENCY, which):
        now = sent(place, case)
        assert which not in [s.number for s in now.sent]
        assert {*now.sent} < {*before.sent}
        assert now.changed or now.missing or now.elsewhere
    assert sent(place, case) == before


@pytest.mark.thorough
@pytest.mark.parametrize("which", ["first", "last", "all"])
def test_a_row_that_is_gone_is_missed(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID, which: str
) -> None:
    vouch(settings)
    before = sent(place, case)
    gone = {"first": before.sent[:1], "last": before.sent[-1:], "all": before.sent}[which]
    with deleted(superuser, "agency = %s AND number = ANY(%s)", AGENCY, [s.number for s in gone]):
        assert sent(place, case).missing == len(gone)
    assert sent(place, case) == before


@pytest.mark.thorough
def test_one_among_the_newest_that_is_gone_is_missed_though_nobody_can_say_of_which_case_it_was(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID
) -> None:
    with deleted(superuser, "agency = %s AND number = %s", AGENCY, numbers(place, case)[0]):
        assert sent(place, case).elsewhere == 1
        vouch(settings)
        assert sent(place, case).elsewhere == 1, "the log says that it was gone when it vouched for the others"


@pytest.mark.thorough
def test_a_row_that_was_added_with_the_right_key_is_not_believed(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID
) -> None:
    """Whoever has the service's key and the database writes a row of its own among those that the log vouches for."""
    vouch(settings)
    before = sent(place, case)
    which = before.sent[0].number
    with Node(settings, names.WORKER, 4, SERVICE) as node:
        (row,) = rows_behind(superuser, AGENCY, which - 1, 1)
        forged = structs.replace(row, transport="webhook")
        forged = structs.replace(forged, digest=node.sendings.digest(forged))
        assert node.sendings.fits(forged)
    about = "agency = %s AND number = %s", AGENCY, which
    with (
        changed(superuser, "delivery.sent", "transport", about[0], "'webhook'", *about[1:]),
        changed(superuser, "delivery.sent", "digest", about[0], f"'\\x{forged.digest.hex()}'", *about[1:]),
    ):
        now = sent(place, case)
        assert which in now.changed
        assert which not in [s.number for s in now.sent]


@pytest.mark.thorough
def test_where_the_log_s_own_word_does_not_open_it_is_named_and_other_cases_go_on(
    place: Place, settings: Settings, superuser: psycopg.Connection, case: UUID
) -> None:
    vouch(settings)
    row = superuser.execute(
        "SELECT max(notification_id) FROM log.stored_events WHERE originator_id = %s", (sendings_stream(AGENCY),)
    ).fetchone()
    assert row is not None
    with flipped(superuser, STATE, row[0]):
        assert list(sent(place, case).unread) == [row[0]]
        assert not any(s.vouched for s in sent(place, case).sent)
    other = case_with(place, AGENCY)
    catch_up(settings)
    fetched(settings, place, other)
    assert sent(place, other).unread == []


@pytest.mark.thorough
def test_the_log_vouches_once_and_for_all_that_is_new(place: Place, settings: Settings, case: UUID) -> None:
    vouch(settings)
    assert vouch(settings) == 0
    fetched(settings, place, case)
    assert {s.vouched for s in sent(place, case).sent} == {True, False}
    assert vouch(settings) == 1
    assert {s.vouched for s in sent(place, case).sent} == {True}
