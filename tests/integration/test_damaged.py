"""One damaged record stops one case: it is set aside, named and kept in mind; everybody else goes on; and once it is
repaired, what was left out is told."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import damaging
import fetching
import psycopg
import pytest
from damaging import KEY, STATE, case_with, damaged_streams, entries, flipped, gone, last_position, main_of, take_up
from fetching import Place, consent_of, fetched, note
from msgspec.structs import replace
from office import Office, another_keyring, catch_up, erases, until
from patience import PATIENCE_SECONDS
from psycopg.conninfo import make_conninfo

from rujukan.api.application.ports import Unreadable
from rujukan.consumers.wire.envelope import DAMAGED
from rujukan.domain.agency import agency_stream
from rujukan.domain.case.consents import WithdrawConsent
from rujukan.domain.compartment import Compartment
from rujukan.domain.delivery import Cursor
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.erasure import erasure_stream
from rujukan.domain.refusal import KeyMissing
from rujukan.infra import composition, system
from rujukan.infra.delivery import damaged
from rujukan.infra.delivery.rows import bits
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings
from rujukan.infra.store.erasing import Erasing
from rujukan.infra.store.following import Follower, Learning

WHO_WAITS_IS_ENDED = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'delivery.recalled'::regclass"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

place, superuser = fetching.place, damaging.superuser


def on_timeline(settings: Settings, case: UUID) -> int:
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT count(*) FROM views.timeline WHERE case_id = %s", (case,)).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.thorough
def test_everybody_else_goes_on_and_what_was_left_out_is_told_once_it_is_repaired(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud", "polres")
    catch_up(settings)
    at = note(place.office, hit, "hit")
    note(place.office, hit, "behind it")
    note(place.office, other, "elsewhere")
    with flipped(superuser, STATE, at, lambda size: 120):
        assert catch_up(settings) >= at
        (entry,) = entries(settings)
        assert (entry.stream, entry.position, entry.topic, entry.is_set_aside) == (hit, at, "case.NoteRecorded", True)
        assert set(entry.numbers) == {"uptd-ppa", "rsud"}, "each that was told of the case has a number kept"
        told = fetched(settings, place, hit)
        assert told.notes == []
        assert told.topics.count(DAMAGED) >= 1
        assert next(d.sequence for d in told.of_case if d.position == at) == entry.numbers["rsud"]
        assert told.numbers == list(range(1, len(told.numbers) + 1))
        assert fetched(settings, place, other).notes == ["elsewhere"]
        assert on_timeline(settings, other) > 0
        with pytest.raises(Unreadable):
            note(Office(place.office.ports), hit, "not stored")  # a process that does not have the case in memory
        take_up(settings)
        assert [e.stream for e in entries(settings)] == [hit], "it is not repaired"
    take_up(settings)
    assert entries(settings) == []
    told = fetched(settings, place, hit)
    assert [n for n in told.notes if n] == ["hit", "behind it"]
    assert told.numbers == list(range(1, len(told.numbers) + 1))
    assert len({d.id for d in told.sent}) == len(told.sent)
    note(place.office, hit, "and goes on")
    catch_up(settings)
    assert fetched(settings, place, hit).notes[-1] == "and goes on"


@pytest.mark.thorough
def test_what_is_taken_up_while_the_read_models_are_built_anew_is_left_for_the_next_time(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Some of them were built before it was taken up, and passed it by."""
    streams = [case_with(place, "rsud") for _ in range(2)]
    for stream in streams:
        with flipped(superuser, STATE, note(place.office, stream, "hit"), lambda size: 120):
            catch_up(settings)
    first, second = streams
    with composition.follower(settings) as source, source.store.pool.connection() as db:

        def behind() -> set[UUID]:
            return {entry.stream for entry in damaged.entries(db) if entry.is_repaired}

        damaged.take_up(db, [first])
        source.keep_up()
        had = damaged.repaired(db)
        assert behind() == {first}
        damaged.take_up(db, [second])
        source.keep_up()
        damaged.built_anew(db, had)
        assert behind() == {second}
        damaged.built_anew(db, damaged.repaired(db))
        assert behind() == set()
    take_up(settings)


@pytest.mark.thorough
@pytest.mark.parametrize("lost", ["flipped", "deleted"])
def test_a_key_that_is_damaged_or_gone_without_an_erasure_stops_its_case_alone(
    place: Place, settings: Settings, superuser: psycopg.Connection, lost: str
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    note(place.office, other, "elsewhere")
    with gone(superuser, hit) if lost == "deleted" else flipped(superuser, KEY, f"{hit}0"):
        catch_up(settings)
        assert [e.stream for e in entries(settings)] == [hit]
        assert fetched(settings, place, other).notes == ["elsewhere"]
    take_up(settings)
    assert entries(settings) == []
    assert "case.ReferralSent" in fetched(settings, place, hit).topics


def test_another_keyring_sets_nothing_aside(place: Place, settings: Settings, tmp_path: Any) -> None:
    """A misconfiguration is not damage: everything would be set aside, and nothing is the matter with it."""
    catch_up(settings)
    note(place.office, case_with(place, "rsud"), "for whoever has the keyring")
    stranger = replace(settings, keyring=another_keyring(tmp_path / "other.json"))
    with pytest.raises(UnwrapFailed):
        catch_up(stranger)
    assert entries(settings) == []
    catch_up(settings)
    assert entries(settings) == []


@pytest.mark.thorough
def test_what_ended_while_it_was_set_aside_is_not_told_past_consent(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit = case_with(place, "rsud")
    note(place.office, hit, "told before")
    catch_up(settings)
    at = note(place.office, hit, "hit")
    place.office.does("uptd-ppa", hit, WithdrawConsent, consent=consent_of(place.office, hit))
    with flipped(superuser, STATE, at, lambda size: 120):
        catch_up(settings)
        assert fetched(settings, place, hit).notes == [], "what ended nobody knows"
    take_up(settings)
    assert entries(settings) == []
    told = fetched(settings, place, hit)
    assert told.notes == []
    assert "erasure.DeletionAsked" in told.topics


@pytest.mark.thorough
def test_a_story_that_is_not_understood_stops_alone(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    catch_up(settings)
    learn = Knowledge.learn

    def raising(self: Knowledge, new: Any) -> Any:
        if new.stream == hit:
            raise RuntimeError("what a survivor said")
        return learn(self, new)

    with monkeypatch.context() as broken:
        broken.setattr(Knowledge, "learn", raising)
        note(place.office, hit, "not understood")
        note(place.office, other, "understood")
        catch_up(settings)
    assert [e.stream for e in entries(settings)] == [hit], entries(settings)
    (entry,) = entries(settings)
    assert entry.why.startswith("RuntimeError at ")
    assert "survivor" not in entry.why
    assert fetched(settings, place, other).notes == ["understood"]
    take_up(settings)
    assert "not understood" in fetched(settings, place, hit).notes


@pytest.mark.thorough
def test_damage_that_was_met_before_the_database_went_away_is_put_on_record_once(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, other = case_with(place, "rsud"), case_with(place, "rsud")
    catch_up(settings)
    at = note(place.office, hit, "hit")
    note(place.office, other, "elsewhere")
    with flipped(superuser, STATE, at, lambda size: 120), composition.follower(settings) as source:
        with psycopg.connect(settings.database) as locking, ThreadPoolExecutor(1) as thread:
            locking.execute("LOCK TABLE delivery.recalled")  # so the keeper waits at the other case
            keeping = thread.submit(source.keep_up)
            until(lambda: superuser.execute(WHO_WAITS_IS_ENDED).fetchone() is not None)
            with pytest.raises(psycopg.OperationalError):
                keeping.result(PATIENCE_SECONDS)
        source.keep_up()
        kept = superuser.execute("SELECT agency FROM delivery.told WHERE position = %s ORDER BY 1", (at,)).fetchall()
        assert kept == [("rsud",), ("uptd-ppa",)], "each has one number kept"
        assert fetched(settings, place, other).notes == ["elsewhere"]
    take_up(settings)
    assert entries(settings) == []


@pytest.mark.thorough
def test_wherever_a_bit_flips_all_other_cases_are_told_what_the_log_says(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    random = Random(11)
    for _ in range(12):
        cases = [case_with(place, "rsud", "polres") for _ in range(3)]
        for case in cases:
            note(place.office, case, "n")
        hit = random.choice(cases)
        (positions,) = superuser.execute(
            "SELECT array_agg(notification_id) FROM log.stored_events WHERE originator_id = %s", (hit,)
        ).fetchone() or ([],)
        at = random.choice(positions)
        with flipped(superuser, STATE, at, random.randrange):
            catch_up(settings)
            _told_as_by_rule(settings, superuser, {hit})
            assert damaged_streams(settings) <= {hit}
        take_up(settings)
        assert entries(settings) == []
        _told_as_by_rule(settings, superuser, set())


def _told_as_by_rule(settings: Settings, db: psycopg.Connection, but: set[UUID]) -> None:
    """Of all cases but these the register has what the rule works out of the log: who, which event, which parts."""
    with composition.follower(settings) as source:
        learning = Learning(source.store, lambda _: ())
        by_rule = {
            (t.agency, t.of.position, bits(t.compartments))
            for page in Follower(source.store, learning, set_aside=lambda _: None).pages(0)
            for followed in page
            for t in followed.tell
            if t.of.stream not in but
        }
        learning.close()
    rows = db.execute(
        "SELECT agency, position, compartments FROM delivery.told WHERE NOT stream = ANY(%s) AND compartments <> 0",
        (list(but),),
    ).fetchall()
    assert set(rows) == by_rule


@pytest.mark.thorough
def test_an_agency_whose_own_record_is_damaged_waits_alone(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    """Its keys stand in its stream: nothing can be sealed to it. Nobody else's webhook or feed waits for that."""
    case = case_with(place, "rsud", "polres")
    catch_up(settings)
    stream = agency_stream("polres")
    with flipped(superuser, STATE, last_position(superuser, stream), lambda size: 120):
        note(place.office, case, "for both")
        catch_up(settings)
        with composition.service(settings, connections=4) as ports:
            anew = place._replace(office=Office(ports))
            assert "for both" in fetched(settings, anew, case).notes
            with pytest.raises(KeyMissing):
                ports.feed.page("polres", Cursor(0), 10)
    with composition.service(settings, connections=4) as ports:
        assert ports.feed.page("polres", Cursor(0), 10).messages


@pytest.mark.thorough
def test_an_erasure_whose_record_is_damaged_is_carried_out_once_it_is_repaired_and_holds_up_no_other(
    place: Place, settings: Settings, superuser: psycopg.Connection
) -> None:
    hit, other = case_with(place), case_with(place)
    with composition.acting(settings) as node:
        erase, node.data_keys.erase = node.data_keys.erase, lambda *of: False  # type: ignore[method-assign]
        at = {case: _erased(place, case) for case in (hit, other)}
        node.data_keys.erase = erase  # type: ignore[method-assign]
        erasing = Erasing(node.followed)
        with flipped(superuser, STATE, at[hit], lambda size: 120):
            reached = erasing.finish()
            assert Compartment.COORDINATION in node.data_keys.erased(other)
        assert reached < at[hit]
        assert erasing.finish() >= max(at.values())
        assert Compartment.COORDINATION in node.data_keys.erased(hit)


def _erased(place: Place, case: UUID) -> int:
    """The position of the record of the case's erasure."""
    erasure = erases(place.office, case)
    with psycopg.connect(place.office.ports.views._pool.conninfo) as db:  # type: ignore[attr-defined]
        row = db.execute(
            "SELECT min(notification_id) FROM log.stored_events WHERE originator_id = %s", (erasure_stream(erasure),)
        ).fetchone()
    return int(row[0]) if row else 0


def test_the_operator_sees_what_is_damaged_and_puts_it_back_from_a_backup_that_the_ledger_proves(
    place: Place,
    settings: Settings,
    superuser: psycopg.Connection,
    postgres: EmbeddedPostgres,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = case_with(place, "rsud")
    hit = note(place.office, case, "in the backup")
    with composition.ledger(settings) as ledger:
        sealer = composition.sealer(settings)
        Thread(target=sealer.run, args=(stop := Event(),), daemon=True).start()
        until(lambda: ledger.lag()[0] == 0)
        stop.set()
    backup = f"b{uuid4().hex[:10]}"
    superuser.execute(f"CREATE DATABASE {backup}")
    kept = make_conninfo(settings.database, dbname=backup)
    with psycopg.connect(kept, autocommit=True) as db:
        db.execute("CREATE SCHEMA log")
        db.execute(
            "CREATE TABLE log.stored_events (originator_id uuid, originator_version bigint, topic text, state bytea,"
            " notification_id bigint)"
        )
        row = superuser.execute(
            "SELECT originator_id, originator_version, topic, state, notification_id FROM log.stored_events"
            " WHERE notification_id = %s",
            (hit,),
        ).fetchone()
        db.execute("INSERT INTO log.stored_events VALUES (%s, %s, %s, %s, %s)", row)
    monkeypatch.setattr(system, "running", lambda settings: settings)
    with flipped(superuser, STATE, hit, lambda size: 120):
        catch_up(settings)
        assert main_of(settings, "damaged") == 1
        said = capsys.readouterr().out
        assert "set aside" in said
        assert "the row is not what was sealed: the ledger has it as leaf" in said
        assert "rsud" in said
        assert "in the backup" not in said
        assert main_of(settings, "damaged", "--again") == 1
        assert "1 still damaged" in capsys.readouterr().out
        assert main_of(settings, "damaged", "--backup", kept, "--repair", "--yes") == 0, capsys.readouterr().err
        said = capsys.readouterr().out
        assert "put back; the ledger's proof of it holds again" in said
        assert "1 taken up, 0 still damaged" in said
    assert main_of(settings, "damaged") == 0, capsys.readouterr().out
    assert "nothing is damaged" in capsys.readouterr().out
    assert "in the backup" in fetched(settings, place, case).notes
