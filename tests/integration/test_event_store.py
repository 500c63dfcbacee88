"""The sealed event store on a real PostgreSQL: order, versions, retries, and what it refuses to open."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace
from office import ACT, NOON, another_keyring, append, note, opened_store, until
from patience import PATIENCE_SECONDS

from rujukan.domain import catalogue
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.lead import CaseWorkerAssigned
from rujukan.domain.case.lifecycle import CaseClosed, CaseReopened
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.casefile.clocks import ClockEnded
from rujukan.domain.clock_codes import ClockEnd
from rujukan.domain.codes import AgeGroup, AgencyKind, CloseReason, Urgency
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import ActorId, ClockId
from rujukan.infra import composition
from rujukan.infra.delivery import damaged
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.settings import Settings
from rujukan.infra.store import sealed_record
from rujukan.infra.store.data_keys import KeyGone
from rujukan.infra.store.event_store import (
    Conflict,
    EventStore,
    Idempotency,
    Repeated,
    Stream,
)
from rujukan.infra.store.following import Follower, Learning
from rujukan.infra.store.sealed_record import BrokenSeal, HeaderChanged, MovedRow, SegmentChanged, Truncated, WrongKey
from rujukan.infra.store.transcoder import to_segments

C = Compartment


@pytest.fixture
def store(settings: Settings) -> Iterator[EventStore]:
    with opened_store(settings) as opened:
        yield opened


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    """Somebody who may do anything to the rows: the triggers are off for this session."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        yield db


def subjects(store: EventStore, stream: UUID) -> list[str | None]:
    return [o.event.subject for o in store.read(stream) if isinstance(o.event, NoteRecorded)]


# Order and content -------------------------------------------------------------------------------------------


def test_what_is_appended_is_read_back_in_order_with_its_header(store: EventStore) -> None:
    stream, correlation, causation = uuid4(), uuid4(), uuid4()
    written = [
        CaseWorkerAssigned(occurred_at=NOON, worker=ActorId(uuid4())),
        CaseReopened(occurred_at=NOON, reason="it began again"),
        CaseClosed(occurred_at=NOON, reason=CloseReason.GOALS_MET, summary="she is well"),
    ]
    positions = store.append([Stream(stream, 0, written)], ACT, correlation=correlation, causation=causation)
    opened = store.read(stream)
    assert [o.record.topic for o in opened] == ["case.CaseWorkerAssigned", "case.CaseReopened", "case.CaseClosed"]
    assert [msgspec.structs.asdict(o.event) for o in opened] == [msgspec.structs.asdict(w) for w in written]
    assert [o.position for o in opened] == positions
    assert [o.version for o in opened] == [1, 2, 3]
    header = opened[2].record.header
    assert header == sealed_record.Header(
        stream, 3, "case.CaseClosed", 1, NOON, ACT.actor, "uptd-ppa", correlation, causation
    )


def test_a_stream_is_read_after_a_version_and_up_to_a_version(store: EventStore) -> None:
    stream = uuid4()
    append(store, stream, 0, *(note(str(n)) for n in range(1, 6)))
    assert [o.version for o in store.read(stream, after=2)] == [3, 4, 5]
    assert [o.version for o in store.read(stream, upto=2)] == [1, 2]
    assert [o.version for o in store.read(stream, after=1, upto=3)] == [2, 3]
    assert store.read(stream, after=5) == []
    assert store.read(uuid4()) == []


def test_each_event_may_be_an_act_of_its_own(store: EventStore) -> None:
    stream = uuid4()
    police = replace(ACT, agency="polres", actor=ActorId(uuid4()))
    acts = Stream(stream, 0, [note(), note()], acts=[ACT, police])
    store.append([acts], ACT, correlation=uuid4(), causation=uuid4())
    assert [o.record.header.agency for o in store.read(stream)] == ["uptd-ppa", "polres"]
    assert [o.record.header.actor for o in store.read(stream)] == [ACT.actor, police.actor]


def test_each_compartment_opens_to_its_own_fields_only(store: EventStore) -> None:
    stream = uuid4()
    (position,) = append(store, stream, 0, note("visit", health="bruises", legal="a statement"))
    (opened,) = store.read(stream)
    fields = msgspec.structs.asdict(opened.event)
    assert fields["subject"] == "visit"
    assert {fields[name] for name in ("health", "legal", "economic")} == {msgspec.UNSET}
    record = store.records([position])[position]
    assert record.held == (C.COORDINATION, C.HEALTH, C.LEGAL)
    assert store.plaintext(record, [C.HEALTH]) == {C.HEALTH: b'{"health":"bruises"}'}
    assert store.plaintext(record, [C.LEGAL, C.SAFETY]) == {C.LEGAL: b'{"legal":"a statement"}'}


def test_how_a_clock_ended_shows_in_no_stored_length(store: EventStore, settings: Settings) -> None:
    """To whoever has a copy of the database: a row says how long its record is."""
    clock, streams = ClockId(uuid4()), [uuid4() for _ in ClockEnd]
    for stream, how in zip(streams, ClockEnd, strict=True):
        append(store, stream, 0, ClockEnded(occurred_at=NOON, clock=clock, in_time=len(how) % 2 > 0, how=how))
    with psycopg.connect(settings.database) as db:
        of_row = "SELECT DISTINCT length(state) FROM log.stored_events WHERE originator_id = ANY(%s)"
        assert len(db.execute(of_row, (streams,)).fetchall()) == 1
    for stream, how in zip(streams, ClockEnd, strict=True):
        (opened,) = store.read(stream)
        told = store.open_at({opened.position: frozenset({C.HEALTH})})[opened.position][1]
        assert told == {C.HEALTH: msgspec.json.encode({"how": how, "reason": None})}, "told without what fills it"


def test_what_an_earlier_release_stored_unpadded_is_read_beside_what_is_padded(store: EventStore) -> None:
    stream, said = uuid4(), note("first", health="bruises")
    plain = to_segments(said)
    keys = store.keys.for_sealing(stream, sorted(plain))
    header = sealed_record.Header(
        stream,
        1,
        "case.NoteRecorded",
        catalogue.version_of("case.NoteRecorded"),
        NOON,
        ACT.actor,
        "uptd-ppa",
        uuid4(),
        uuid4(),
    )
    row = StoredEvent(stream, 1, header.topic, sealed_record.seal(header, plain, keys))
    store.recorder.insert_events([row])
    append(store, stream, 1, note("second", health="bruises"))
    old, new = store.read(stream)
    assert subjects(store, stream) == ["first", "second"]
    assert len(new.state) > len(old.state)
    wanted = {o.position: frozenset({C.HEALTH}) for o in (old, new)}
    assert [dict(t) for _, t in store.open_at(wanted).values()] == [{C.HEALTH: b'{"health":"bruises"}'}] * 2


def test_positions_strictly_grow_in_the_order_of_commits(store: EventStore, settings: Settings) -> None:
    def writer(number: int) -> list[int]:
        stream = uuid4()
        return [p for n in range(5) for p in append(store, stream, n * 2, note(), note())]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(writer, range(8)))
    for positions in found:
        assert positions == sorted(set(positions))
    everything = [p for positions in found for p in positions]
    assert len(set(everything)) == 80
    with psycopg.connect(settings.database) as db:
        rows = db.execute(
            "SELECT array_agg(notification_id ORDER BY originator_version) FROM log.stored_events"
            " WHERE notification_id = ANY(%s) GROUP BY originator_id",
            (everything,),
        ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(found)
    assert store.head() == max(everything)


def test_a_follower_meets_every_event_once_and_in_order(store: EventStore, settings: Settings) -> None:
    start = store.head()
    opening = CaseOpened(
        occurred_at=NOON,
        lead="uptd-ppa",
        lead_kind=AgencyKind.LEAD,
        urgency=Urgency.ROUTINE,
        age_group=AgeGroup.ADULT,
        pathway="2026-1",
    )
    positions = append(store, uuid4(), 0, opening, *(note(str(n)) for n in range(24)))
    with composition.follower(settings) as source:
        seen = []
        at = start
        while batch := source.after(at, 10):
            assert len(batch) <= 10
            seen += [f.written.position for f in batch]
            at = seen[-1]
    assert seen == positions


def test_who_follows_the_log_cannot_write_it(settings: Settings) -> None:
    with composition.follower(settings) as source, pytest.raises(PermissionError):
        source.store.recorder.insert_events([StoredEvent(uuid4(), 1, "case.NoteRecorded", b"state")])


# Versions ----------------------------------------------------------------------------------------------------


def test_of_many_writers_at_the_same_version_exactly_one_wins(store: EventStore, settings: Settings) -> None:
    stream = uuid4()
    append(store, stream, 0, note("first"))
    start = Barrier(16)

    def writer(number: int) -> list[int] | None:
        start.wait()
        try:
            return append((store, other)[number % 2], stream, 1, note(f"writer {number}"))
        except Conflict:
            return None

    with opened_store(settings) as other, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(writer, range(16)))
    (winner,) = [number for number, answer in enumerate(answers) if answer is not None]
    assert subjects(store, stream) == ["first", f"writer {winner}"]


def test_a_gap_in_versions_is_refused(store: EventStore) -> None:
    stream = uuid4()
    with pytest.raises(Conflict):
        append(store, stream, 1, note())
    append(store, stream, 0, note("first"))
    with pytest.raises(Conflict):
        append(store, stream, 2, note())
    with pytest.raises(Conflict):
        append(store, stream, 0, note())
    append(store, stream, 1, note("second"))
    assert subjects(store, stream) == ["first", "second"]


def test_several_streams_in_one_append_are_all_or_nothing(store: EventStore) -> None:
    taken, other = uuid4(), uuid4()
    append(store, taken, 0, note("first"))
    for order in (1, -1):
        both = [Stream(other, 0, [note("never")]), Stream(taken, 0, [note("too late")])][::order]
        with pytest.raises(Conflict):
            store.append(both, ACT, correlation=uuid4(), causation=uuid4())
    assert subjects(store, taken) == ["first"]
    assert store.read(other) == []
    both = [Stream(other, 0, [note("one"), note("two")]), Stream(taken, 1, [note("second")])]
    positions = store.append(both, ACT, correlation=uuid4(), causation=uuid4())
    assert [o.position for o in (*store.read(other), *store.read(taken, after=1))] == positions


# Retries -----------------------------------------------------------------------------------------------------


def test_the_same_idempotency_key_fifty_times_at_once_has_one_effect(store: EventStore) -> None:
    key = Idempotency(uuid4().bytes * 2, b"fingerprint", b"answer")
    streams = [uuid4() for _ in range(50)]
    start = Barrier(50)

    def once(stream: UUID) -> list[int] | None:
        start.wait()
        try:
            return append(store, stream, 0, note("one"), note("two"), key=key)
        except Repeated:
            return None

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(once, streams))
    ((stream, positions),) = [(s, a) for s, a in zip(streams, answers, strict=True) if a is not None]
    assert [len(store.read(s)) for s in streams] == [2 if s == stream else 0 for s in streams]
    assert store.repeated(key.key) == (b"fingerprint", b"answer", positions[-1])


def test_an_idempotency_key_outlives_the_process_that_used_it(store: EventStore, settings: Settings) -> None:
    key = Idempotency(uuid4().bytes * 2, b"fingerprint", b"answer")
    stream = uuid4()
    (position,) = append(store, stream, 0, note(), key=key)
    with opened_store(settings) as restarted:
        assert restarted.repeated(key.key) == (b"fingerprint", b"answer", position)
        with pytest.raises(Repeated):
            append(restarted, stream, 1, note(), key=key)
        assert len(restarted.read(stream)) == 1


def test_a_command_that_was_refused_does_not_use_up_its_idempotency_key(store: EventStore) -> None:
    key = Idempotency(uuid4().bytes * 2, b"fingerprint", b"answer")
    stream = uuid4()
    with pytest.raises(Conflict):
        append(store, stream, 1, note(), key=key)
    assert store.repeated(key.key) is None
    assert append(store, stream, 0, note(), key=key)


# What it refuses to open -------------------------------------------------------------------------------------


def test_states_swapped_between_two_rows_are_refused(
    store: EventStore, superuser: psycopg.Connection, settings: Settings
) -> None:
    here, there = uuid4(), uuid4()
    (position, _), (other, _) = (append(store, s, 0, note(), note()) for s in (here, there))
    rows: dict[int, bytes] = dict(
        superuser.execute(
            "SELECT notification_id, state FROM log.stored_events WHERE notification_id = ANY(%s)", ([position, other],)
        ).fetchall()
    )
    for at, state in ((position, rows[other]), (other, rows[position])):
        superuser.execute("UPDATE log.stored_events SET state = %s WHERE notification_id = %s", (state, at))
    for stream in (here, there):
        with pytest.raises(MovedRow):
            store.read(stream)
    with pytest.raises(MovedRow):
        store.records([position])
    with composition.follower(settings) as source:
        assert {here, there}.isdisjoint(f.written.stream for f in source.after(position - 1))
        with source.store.pool.connection() as db:
            assert {here, there} <= {entry.stream for entry in damaged.entries(db)}
    for at, state in rows.items():
        superuser.execute("UPDATE log.stored_events SET state = %s WHERE notification_id = %s", (state, at))
    assert len(store.read(here)) == len(store.read(there)) == 2


@pytest.mark.parametrize(
    "change", ["originator_version = 9", f"originator_id = '{UUID(int=7)}'", "topic = 'case.CaseClosed'"]
)
def test_a_row_that_says_otherwise_than_its_record_is_refused(
    store: EventStore, superuser: psycopg.Connection, change: str
) -> None:
    stream = uuid4()
    (position,) = append(store, stream, 0, note())
    superuser.execute(f"UPDATE log.stored_events SET {change} WHERE notification_id = %s", (position,))
    with pytest.raises(MovedRow):
        store.records([position])
    superuser.execute("DELETE FROM log.stored_events WHERE notification_id = %s", (position,))


def test_any_changed_byte_of_a_state_is_refused(store: EventStore, superuser: psycopg.Connection) -> None:
    stream = uuid4()
    (position,) = append(store, stream, 0, note("a visit"))
    row = superuser.execute(
        "SELECT state FROM log.stored_events WHERE notification_id = %s", (position,), binary=True
    ).fetchone()
    assert row is not None
    state: bytes = row[0]
    why = set()
    for at in range(len(state)):
        changed = state[:at] + bytes((state[at] ^ 1,)) + state[at + 1 :]
        superuser.execute("UPDATE log.stored_events SET state = %b WHERE notification_id = %s", (changed, position))
        with pytest.raises(BrokenSeal) as refused:
            store.read(stream)
        why.add(refused.type)
    for changed in (b"", state[:-1], state + b"\x00"):
        superuser.execute("UPDATE log.stored_events SET state = %b WHERE notification_id = %s", (changed, position))
        with pytest.raises(Truncated):
            store.read(stream)
    assert {HeaderChanged, SegmentChanged, WrongKey} <= why
    superuser.execute("UPDATE log.stored_events SET state = %b WHERE notification_id = %s", (state, position))
    assert subjects(store, stream) == ["a visit"]


def test_what_was_sealed_under_a_key_that_is_gone_stays_closed(
    store: EventStore, superuser: psycopg.Connection, settings: Settings
) -> None:
    stream = uuid4()
    (position,) = append(store, stream, 0, note("visit", health="bruises"))
    superuser.execute("DELETE FROM log.data_keys WHERE stream = %s AND compartment = %s", (stream, int(C.HEALTH)))
    with opened_store(settings) as restarted:
        assert subjects(restarted, stream) == ["visit"]
        record = restarted.records([position])[position]
        with pytest.raises(KeyGone):
            restarted.plaintext(record, [C.HEALTH])
    superuser.execute("DELETE FROM log.data_keys WHERE stream = %s", (stream,))
    store.keys.forget(stream)
    with pytest.raises(KeyGone):
        store.read(stream)
    with composition.follower(settings) as source:
        assert not source.after(position - 1, 1)


def test_another_keyring_opens_nothing(store: EventStore, settings: Settings, tmp_path: Path) -> None:
    stream = uuid4()
    append(store, stream, 0, note())
    stranger = replace(settings, keyring=another_keyring(tmp_path / "other.json"))
    with opened_store(stranger) as other, pytest.raises(UnwrapFailed):
        other.read(stream)


def test_a_wrapped_key_opens_only_for_its_stream_and_compartment(
    store: EventStore, superuser: psycopg.Connection, settings: Settings
) -> None:
    here, there = uuid4(), uuid4()
    (position,) = append(store, here, 0, note(health="bruises"))
    append(store, there, 0, note(legal="a statement"))
    copy = (
        "UPDATE log.data_keys SET wrapped = (SELECT wrapped FROM log.data_keys WHERE stream = %s AND compartment = 0)"
    )
    superuser.execute(f"{copy} WHERE stream = %s", (there, here))
    with opened_store(settings) as restarted:
        with pytest.raises(KeyGone):
            restarted.read(here)
        with pytest.raises(KeyGone):
            restarted.plaintext(restarted.records([position])[position], [C.HEALTH])


def test_the_coordination_key_opens_no_other_compartment(store: EventStore) -> None:
    stream = uuid4()
    (position,) = append(store, stream, 0, note("visit", health="bruises", legal="a statement"))
    record = store.records([position])[position]
    key = store.keys.for_opening(stream, [C.COORDINATION])[C.COORDINATION]
    assert b"visit" in sealed_record.unseal(record, C.COORDINATION, key)
    for compartment in (C.HEALTH, C.LEGAL):
        with pytest.raises(WrongKey):
            sealed_record.unseal(record, compartment, key)


def test_two_processes_that_make_a_key_at_once_agree_on_it(store: EventStore, settings: Settings) -> None:
    stream = uuid4()
    start = Barrier(8)

    def make(number: int) -> dict[Compartment, bytes]:
        start.wait()
        return dict((store, other)[number % 2].keys.for_sealing(stream, tuple(C)))

    with opened_store(settings) as other, ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, range(8)))
    assert all(keys == made[0] for keys in made)
    assert len(set(made[0].values())) == len(C)


# Older shapes ------------------------------------------------------------------------------------------------


def test_an_older_version_of_an_event_is_read_in_the_shape_of_today(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_capitals(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "subject": str(fields["subject"]).upper()}

    def with_a_dot(fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "subject": f"{fields['subject']}."}

    stream = uuid4()
    append(store, stream, 0, note("visit", health="bruises"))
    monkeypatch.setitem(catalogue.VERSIONS, "case.NoteRecorded", 3)
    monkeypatch.setitem(catalogue.UPCASTS, ("case.NoteRecorded", 1), in_capitals)
    monkeypatch.setitem(catalogue.UPCASTS, ("case.NoteRecorded", 2), with_a_dot)
    append(store, stream, 1, note("new"))
    old, new = store.read(stream)
    assert (old.record.schema, new.record.schema) == (1, 3)
    assert subjects(store, stream) == ["VISIT.", "new"]
    assert msgspec.structs.asdict(old.event)["health"] is msgspec.UNSET
    assert old.event.occurred_at == NOON


def test_a_follower_that_nobody_wakes_looks_for_itself(store: EventStore, superuser: psycopg.Connection) -> None:
    """A notification can be lost while a connection is made again; the event is not, nor late by more than a pause."""
    stream = uuid4()
    opening = CaseOpened(
        occurred_at=NOON,
        lead="uptd-ppa",
        lead_kind=AgencyKind.LEAD,
        urgency=Urgency.URGENT,
        age_group=AgeGroup.ADULT,
        pathway="2026-1",
    )
    first = append(store, stream, 0, opening, note("first"))[0]
    follower = Follower(store, Learning(store, lambda _: ()))
    stop, found = Event(), []
    with ThreadPoolExecutor(2) as apart:

        def follow() -> None:
            for batch in follower.follow(first - 1, stop, 0.2):
                found.extend(f.written.position for f in batch)

        apart.submit(stop.wait, 30).add_done_callback(lambda _: stop.set())  # a test that fails ends all the same
        running = apart.submit(follow)
        until(lambda: len(found) == 2)
        keys = store.keys.for_sealing(stream, (C.COORDINATION,))
        record = superuser.execute(
            "SELECT topic, state FROM log.stored_events WHERE originator_id = %s AND originator_version = 2",
            (stream,),
            binary=True,
        ).fetchone()
        assert record is not None
        parsed = sealed_record.parse(record[1])
        header = parsed.header._replace(version=3)
        plain = {C.COORDINATION: sealed_record.unseal(parsed, C.COORDINATION, keys[C.COORDINATION])}
        superuser.execute(  # straight into the table: nobody is notified
            "INSERT INTO log.stored_events (originator_id, originator_version, topic, state) VALUES (%s, 3, %s, %b)",
            (stream, record[0], sealed_record.seal(header, plain, keys)),
        )
        before = len(found)
        until(lambda: len(found) > before)
        append(store, stream, 3, note("third"))
        until(lambda: len(found) > before + 1)
        stop.set()
        running.result(PATIENCE_SECONDS)
    assert found == sorted(set(found))
