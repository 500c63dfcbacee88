"""The way on after a restore to a state that lacks what was signed and told: numbers and positions go on above, what
was told meanwhile is told anew, and the log that begins is another."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import fresh_settings
from msgspec.structs import replace
from office import Office, catch_up
from patience import PATIENCE_SECONDS
from publishing import Publishing, live, until
from some import thorough
from test_forks import AGENCY, LOST, Restored, copied, dropped, gone_on, marks, publishing_on

from rujukan.api.application.ports import Forked as NotStored
from rujukan.consumers import durable
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.evidence import policies
from rujukan.consumers.evidence.bundles import verify_bundle
from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.joinings import Joining, Link, check_joining
from rujukan.consumers.evidence.notes import Note, NoteSigner, parse_note, verify
from rujukan.consumers.evidence.policies import Policy
from rujukan.consumers.wire.envelope import AgencyKey, Delivery
from rujukan.domain.agency import agency_stream
from rujukan.domain.case.disclosures import DiscloseCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import AgencyKind, DisclosureBasis, Role, Service
from rujukan.domain.delivery import AcknowledgeDeliveries, Mark, acknowledge, fold
from rujukan.infra import composition, node, onboarding, processes
from rujukan.infra.commands import recover
from rujukan.infra.commands.evidence import Failed
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.delivery import kept, noticing
from rujukan.infra.delivery.noticing import Notices
from rujukan.infra.keys import names
from rujukan.infra.ledger.auditing import Difference, audit
from rujukan.infra.ledger.guard import NotExtended
from rujukan.infra.positions import GAPS
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "broker.log")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def restored(postgres: EmbeddedPostgres, broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Restored]:
    with fresh_settings(postgres, tmp_path / "data") as fresh:
        made = gone_on(replace(fresh, kafka=broker.bootstrap), broker, tmp_path)
        try:
            yield made
        finally:
            dropped(made.earlier)


class Receiving:
    """An agency's subscriber, untouched by all of it."""

    def __init__(self, world: Publishing, file: Path) -> None:
        self.numbers: list[int] = []
        self.notices: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.made: Subscription | None = None
        self._stop = Event()
        key, bootstrap, service = world.keys[AGENCY], world.broker.bootstrap, world.service

        def handle(delivery: Delivery, db: object) -> None:
            self.numbers.append(delivery.sequence)
            if delivery.topic == "agency.HistoryRecovered":
                self.notices.append({**delivery.fields(), "case": delivery.case})
            if delivery.topic == "case.NoteRecorded" and (text := delivery.fields().get("health")):
                self.notes.append(text)

        def receive() -> None:
            self.made = Subscription(KafkaSource(AGENCY, bootstrap), [key], service, SqliteInbox(file, handle))
            self.made.run(self._stop)

        self._thread = Thread(target=receive, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)


def heads(settings: Settings) -> dict[str, int]:
    with psycopg.connect(settings.database) as db:
        return dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())


def position(settings: Settings) -> int:
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT max(notification_id) FROM log.stored_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.thorough
@pytest.mark.parametrize("meanwhile", [0, LOST - 2, LOST + 3])
def test_no_number_is_used_twice_and_all_that_is_told_arrives_once(
    restored: Restored, broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str], meanwhile: int
) -> None:
    newest, earlier = restored.newest, restored.earlier
    with publishing_on(newest, broker, tmp_path) as world:
        receiving = Receiving(world, tmp_path / "inbox.db")
        until(lambda: len(receiving.numbers) == heads(newest)[AGENCY])
        saved, all_told = heads(earlier), heads(newest)
        before, was = saved[AGENCY], all_told[AGENCY]
        assert receiving.notes[-LOST:] == [f"lost {n}" for n in range(LOST)]
    with composition.service(restored.unguarded(tmp_path / "elsewhere"), connections=2) as ports:
        place = Office(ports)
        for n in range(meanwhile):  # before anybody who could know had looked
            note(place, restored.case, f"meanwhile {n}")
        catch_up(restored.unguarded(tmp_path / "elsewhere"))
    with composition.service(earlier, connections=2) as ports, pytest.raises(NotStored):
        note(Office(ports), restored.case, "refused")
    with pytest.raises(Failed, match="cannot be unsigned"):
        recover.run(earlier, Namespace(yes=True))
    assert marks(earlier) == ["what was signed"]
    second = replace(earlier, ledger="rujukan/second")
    assert recover.run(second, Namespace(yes=True)) == 0
    assert f"{AGENCY} holds deliveries that the service lacks" in capsys.readouterr().out
    assert marks(second) == []
    with publishing_on(second, broker, tmp_path) as world:
        until(lambda: _kept(second))
        world.note(restored.case, "after")
        world.thread()
        head = world.head(AGENCY)
        until(lambda: head in receiving.numbers)
        assert live(world.topic(AGENCY)) == list(range(1, head + 1)), "each number once, and none is missing"
        assert receiving.numbers == list(range(1, head + 1))
        (notice,) = receiving.notices
        assert notice["lost_numbers"] == [{"first": before + 1, "last": was}]
        assert notice["told_again"] == ([{"first": before + 1, "last": before + meanwhile}] if meanwhile else [])
        assert notice["told_again_from"] == (max(was, before + meanwhile) + 1 if meanwhile else None)
        assert notice["lost_events"] >= LOST - meanwhile
        assert notice["kept_until"] is not None
        assert (notice["agency"], notice["case"]) == (AGENCY, agency_stream(AGENCY))
        told = [f"lost {n}" for n in range(LOST)] + [f"meanwhile {n}" for n in range(meanwhile)] + ["after"]
        assert receiving.notes[1:] == told
        assert receiving.made is not None
        assert receiving.made.dead == 0
        assert position(second) > position(newest)
    receiving.stop()
    with composition.service(second, connections=2) as ports:
        deliveries = ports.deliveries.told(AGENCY, [head])
        mark = Mark(head, deliveries.receipts[head])
        said = AcknowledgeDeliveries(occurred_at=composition.now(), received=mark, handled=mark)
        (event,) = acknowledge(AGENCY, said, fold([]), deliveries, Office(ports).act(AGENCY, Role.INTEGRATOR))
        assert event.handled == head
    assert composition.sealer(second).seal_all() > 0
    assert audited(second) is None
    goes_on(newest, second, restored.case)
    concerned = notified(second)
    assert AGENCY in concerned
    assert concerned == dict.fromkeys(concerned, 1), "once each"
    assert all(all_told[agency] > saved[agency] for agency in concerned), "and nobody who lost nothing"
    assert recover.run(second, Namespace(yes=True)) == 0
    assert "nothing to recover" in capsys.readouterr().out
    assert notified(second) == concerned


@pytest.mark.thorough
def test_an_agency_that_was_registered_in_what_is_lost_is_told_above_what_it_holds_once_it_is_registered_again(
    restored: Restored, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """The register does not know that it was ever told anything; its topic does."""
    code, key = "klinik", AgencyKey.generate("1")

    def takes_part(world: Publishing) -> int:
        office = world.office
        onboarding.register(office.casework, code, AgencyKind.HEALTH, "Klinik", [Service.HEALTH])
        onboarding.register_key(office.casework, code, key.id, key.public)
        case = office.opens(composition.now())
        office.consents(case, code, "health")
        office.refers(case, code, Service.HEALTH, compartments=frozenset({"health"}))
        catch_up(world.settings)
        world.thread()
        head = world.head(code)
        until(lambda: world.tail(code) == head)
        return head

    with publishing_on(restored.newest, broker, tmp_path) as world:
        lost = takes_part(world)
        composition.sealer(restored.newest).seal_all()
    second = replace(restored.earlier, ledger="rujukan/second")
    assert recover.run(second, Namespace(yes=True)) == 0
    with publishing_on(second, broker, tmp_path) as world:
        until(lambda: _kept(second))
        head = takes_part(world)
        assert head > lost
        assert marks(second) == []
        seen = world.topic(code, key)
        assert live(seen) == list(range(1, head + 1)), "each number once, and none is missing"
        with composition.notices(second) as notices:
            assert notices.once() == [code], "now it can be told"
        until(lambda: world.tail(code) == world.head(code) > head)
        topics = [s.delivery.topic for s in world.topic(code, key) if s.delivery is not None]
        assert topics[-1] == "agency.HistoryRecovered"


def _kept(settings: Settings) -> bool:
    """Whether the register is kept again: who kept it has to read it anew first."""
    with psycopg.connect(settings.database) as db:
        row = db.execute("SELECT count(*) FROM follow.leases WHERE work = 'register' AND until > clock_timestamp()")
        return (row.fetchone() or (0,))[0] == 0


def audited(settings: Settings) -> Difference | None:
    return audit(as_role(settings.database, FOLLOWER), composition.ledger_keys(settings), ()).difference


@pytest.mark.thorough
def test_what_was_told_of_events_that_are_not_lost_is_not_told_again(
    postgres: EmbeddedPostgres, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """The register was behind the log when the state that is restored was saved. It follows them as it did before:
    under the same numbers and ids."""
    with fresh_settings(postgres, tmp_path / "data") as fresh:
        newest = replace(fresh, kafka=broker.bootstrap)
        with publishing_on(newest, broker, tmp_path) as world:
            case = world.case_with(AGENCY)
            world.thread()
            until(lambda: world.tail(AGENCY) == world.head(AGENCY) > 0)
            receiving = Receiving(world, tmp_path / "inbox.db")
            composition.sealer(newest).seal_all()
        with composition.service(newest, connections=2) as ports:
            for n in range(3):
                note(Office(ports), case, f"kept {n}")
        earlier = copied(newest)
        with publishing_on(newest, broker, tmp_path) as world:
            for n in range(2):
                world.note(case, f"lost {n}")
            world.thread()
            head = world.head(AGENCY)
            until(lambda: head in receiving.numbers)
            composition.sealer(newest).seal_all()
        with composition.service(earlier, connections=2) as ports, pytest.raises(NotStored):
            note(Office(ports), case, "refused")
        second = replace(earlier, ledger="rujukan/second")
        assert recover.run(second, Namespace(yes=True)) == 0
        with publishing_on(second, broker, tmp_path) as world:
            until(lambda: _kept(second))
            world.note(case, "after")
            world.thread()
            until(lambda: "after" in receiving.notes)
            last = receiving.numbers[-1]
            assert live(world.topic(AGENCY)) == list(range(1, last + 1))
        receiving.stop()
        assert receiving.numbers == list(range(1, last + 1))
        assert receiving.notes == ["kept 0", "kept 1", "kept 2", "lost 0", "lost 1", "after"]
        (notice,) = receiving.notices
        assert notice["lost_numbers"] == [{"first": head - 1, "last": head}]
        assert receiving.made is not None
        assert receiving.made.dead == 0
        dropped(earlier)


def goes_on(newest: Settings, second: Settings, case: UUID) -> None:
    """The new log says how it goes on from the old one: to everybody, and in its bundles."""
    (signed,) = second.ledger_guard.parent.glob("signed rujukan*")
    last = parse_checkpoint(parse_note(signed.read_bytes()).text)
    keys, old = composition.ledger_keys(second), composition.ledger_keys(newest)
    with composition.service(second, connections=2) as ports:
        served = ports.ledger.joining(None)
        assert served is not None
        assert ports.ledger.joining("rujukan/never") is None
        said = check_joining(parse_note(served), [*keys, *old], "rujukan/second")
        assert {key.name for key in verify(parse_note(served), [*keys, *old])} == {said.origin, said.ended.origin}
        assert said.ended == last
        assert 0 < said.common.size < last.size
        with composition.ledger(second) as store:
            assert store.tree(said.common.size).root == said.common.root
        disclosure = uuid4()
        about = {
            "recipient": "PN Bontang",
            "basis": DisclosureBasis.COURT_ORDER,
            "rule": "1",
            "compartments": frozenset({"health"}),
        }
        Office(ports).does("uptd-ppa", case, DiscloseCase, disclosure=disclosure, role=Role.LEGAL_REVIEWER, **about)
        composition.sealer(second).seal_all()
        with composition.follower(second) as source:
            source.keep_up()
        bundle = ports.opener.bundle(case, disclosure, {}, reports=False, witnessed=False)
        before = Checkpoint("rujukan/before", said.common.size + 1, b"e" * 32)
        older = Joining(said.ended.origin, before, said.common._replace(origin=before.origin), 1, said.at)
        signing = NoteSigner(old[0], node.keys(second, names.RECOVERING).signer(names.LEDGER_JOINING).sign)
        with psycopg.connect(second.database) as db:
            note = Note(older.text, (signing.sign(older.text),)).data
            about = (older.origin, before.origin, note)
            db.execute("INSERT INTO ledger.joinings (origin, of, note) VALUES (%s, %s, %s)", about)
        with_both = ports.opener.bundle(case, disclosure, {}, reports=False, witnessed=False)
    policy = Policy(tuple(keys[:1]), {}, {}, policies.NONE)
    assert verify_bundle(bundle, policy).joinings == (Link(said, True, True),)
    assert verify_bundle(with_both, policy).joinings == (Link(said, True, True), Link(older, True, True))
    lie = said._replace(common=said.common._replace(root=b"n" * 32)).text
    signer = NoteSigner(keys[0], node.keys(second, names.RECOVERING).signer(names.LEDGER_JOINING).sign)
    with psycopg.connect(second.database) as db:  # somebody with the owner's rights
        db.execute("ALTER TABLE ledger.joinings DISABLE TRIGGER append_only")
        db.execute("DELETE FROM ledger.joinings WHERE of = %s", (before.origin,))
        db.execute("UPDATE ledger.joinings SET note = %s", (Note(lie, (signer.sign(lie),)).data,))
    difference = audited(second)
    assert difference is not None
    assert "which ended" in difference.what
    with psycopg.connect(second.database) as db:
        db.execute("UPDATE ledger.joinings SET note = %s", (served,))
        db.execute("ALTER TABLE ledger.joinings ENABLE TRIGGER append_only")
    assert audited(second) is None


def notified(settings: Settings) -> dict[str, int]:
    """Agency → how often it was told that something is lost."""
    with psycopg.connect(settings.database) as db:
        told = db.execute(
            "SELECT originator_id, count(*) FROM log.stored_events WHERE topic = 'agency.HistoryRecovered' GROUP BY 1"
        ).fetchall()
    codes = {agency_stream(agency): agency for agency in heads(settings)}
    return {codes[stream]: many for stream, many in told}


class Killed(BaseException):
    """The command was killed."""


@pytest.mark.parametrize("by", ["the command again", thorough("the worker")])
@pytest.mark.parametrize("at", ["behind the commit", thorough("behind the event")])
def test_what_the_command_left_unsaid_is_said_once(
    restored: Restored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at: str, by: str
) -> None:
    """It was killed behind its commit; or an agency's event was in the log, and that it is was not written down."""
    with composition.service(restored.earlier, connections=2) as ports, pytest.raises(NotStored):
        note(Office(ports), restored.case, "refused")
    second = replace(restored.earlier, ledger="rujukan/second")

    def killed(*of: object, **_: object) -> None:
        if of[2:3] != (GAPS,):  # what is missing of erased cases is written down by then
            raise Killed

    with monkeypatch.context() as patch:
        if at == "behind the commit":
            patch.setattr(Notices, "once", killed)
        else:
            patch.setattr(kept, "change", killed)
        with pytest.raises((Killed, psycopg.Error)):
            recover.run(second, Namespace(yes=True))
    said = notified(second)
    assert (AGENCY in said) is (at == "behind the event")
    if by == "the worker":
        stop = Event()
        monkeypatch.setattr(noticing, "LOOK_SECONDS", 0.05)
        worker = Thread(target=processes._tell_what_is_lost, args=(second, stop), daemon=True)
        worker.start()
        until(lambda: AGENCY in notified(second) and not left(second))
        stop.set()
        worker.join(PATIENCE_SECONDS)
    else:
        assert recover.run(second, Namespace(yes=True)) == 0
        assert f"{AGENCY} is told by a message" in capsys.readouterr().out
    assert not left(second)
    assert notified(second)[AGENCY] == 1
    assert set(notified(second).values()) == {1}


@pytest.mark.thorough
def test_what_was_signed_is_put_aside_by_the_command_said_again(
    restored: Restored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was killed behind its commit: the sealer finds what another log signed, and signs nothing."""
    with composition.service(restored.earlier, connections=2) as ports, pytest.raises(NotStored):
        note(Office(ports), restored.case, "refused")
    second = replace(restored.earlier, ledger="rujukan/second")

    def killed(*of: object, **_: object) -> None:
        if of[2:3] != (GAPS,):  # what is missing of erased cases is written down by then
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(durable, "replace", killed)
        with pytest.raises(Killed):
            recover.run(second, Namespace(yes=True))
    with pytest.raises(NotExtended, match="another log"):
        composition.sealer(second).seal_all()
    capsys.readouterr()
    assert recover.run(second, Namespace(yes=True)) == 0
    said = capsys.readouterr().out
    assert "nothing to recover" in said
    assert "the log rujukan/second begins" in said
    with pytest.raises(NotExtended, match="rujukan/second goes on from it"):
        composition.sealer(restored.earlier).seal_all()
    assert composition.sealer(second).seal_all() > 0
    assert audited(second) is None


def left(settings: Settings) -> int:
    with psycopg.connect(settings.database) as db:
        return int(db.execute("SELECT count(*) FROM delivery.notices WHERE done_at IS NULL").fetchone()[0])  # type: ignore[index]


def note(office: Office, case: UUID, text: str) -> None:
    office.does("uptd-ppa", case, RecordNote, note=uuid4(), health=text)
