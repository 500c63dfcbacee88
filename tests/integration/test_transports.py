"""One suite over all transports, each between the real service and an agency's machine: Kafka (the embedded broker, and
Apache Kafka where Java is), pages with long-poll, server-sent events, and the webhook."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from feeding import eventually, serving
from msgspec.structs import replace
from office import catch_up, erases
from some import thorough
from transports import AGENCY, RULES, Carrier, Hospital, Lossy, OverKafka, OverWebhook, World

from rujukan.consumers.agency.inbox.handling import DELETION_ASKED
from rujukan.consumers.agency.subscribing.replay import Begin
from rujukan.consumers.wire.envelope import ERASED, AgencyKey
from rujukan.infra import composition
from rujukan.infra.services.apache_kafka import ApacheKafka
from rujukan.infra.services.broker import EmbeddedBroker
from rujukan.infra.settings import Settings


@pytest.fixture(scope="module")
def world(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(replace(settings, webhook_networks="127.0.0.0/8")) as feeding:
        made = World(feeding, tmp_path_factory.mktemp("keys"))
        for _ in range(2):
            feeding.case_with(AGENCY)
        feeding.case_with("polres")
        catch_up(made.settings)  # a publisher looks there who subscribes
        yield made


@pytest.fixture(
    scope="module",
    params=["pages", "kafka", *map(thorough, ("stream", "webhook", "apache-kafka"))],
)
def carrier(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Carrier]:
    match request.param:
        case "pages" | "stream":
            yield Carrier(world, stream=request.param == "stream")
        case "webhook":
            with OverWebhook(world).running() as over_webhook:
                yield over_webhook
        case _:
            directory: Path = tmp_path_factory.mktemp("broker")
            is_apache = request.param == "apache-kafka"
            if is_apache and not ApacheKafka.available():
                pytest.skip("Java 17 and Maven are not here")
            broker = ApacheKafka(directory) if is_apache else EmbeddedBroker(directory / "log")
            broker.start()
            try:
                with OverKafka(world, broker.bootstrap).running() as over_kafka:
                    yield over_kafka
            finally:
                broker.stop()


def test_all_it_is_entitled_to_once_in_order_across_a_restart_and_the_service_hears_of_it(world, carrier, tmp_path):
    case = world.feeding.case_with(AGENCY)
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db")
    before = world.told()
    hospital.saw(before)
    world.feeding.note(case, "MARKER")
    hospital.saw(world.told())
    assert hospital.seen[-1].fields()["health"] == "MARKER"
    assert eventually(lambda: world.marks().handled == len(before) + 1)
    hospital.stop()
    world.feeding.note(case)
    other = world.feeding.case_with(AGENCY)
    world.feeding.note(case)
    again = Hospital(world, carrier.source(), tmp_path / "inbox.db")
    told = world.told()
    again.saw(told[len(before) + 1 :])
    again.stop()
    seen = hospital.seen + again.seen
    erased = {d.case for d in seen if d.topic == DELETION_ASKED}
    alive, recalled = ({d.id for d in seen if (d.case in erased) is gone} for gone in (False, True))
    assert alive == world.entitled() - recalled
    assert [d.sequence for d in seen] == list(range(1, len(seen) + 1))
    assert [(d.id, d.case) for d in seen] == [(t.id, t.case) for t in told]
    assert {d.case for d in seen} >= {case, other}
    assert eventually(lambda: world.marks().received == world.marks().handled == len(told))
    shown = world.shown()
    assert shown.pop("cursor") == f"{len(told)}.{told[-1].id}"
    assert shown == {"agency": AGENCY, "head": len(told), "received": len(told), "handled": len(told)}


@pytest.mark.thorough
def test_what_comes_again_is_not_handled_again(world, carrier, tmp_path):
    case = world.feeding.case_with(AGENCY)
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db")
    told = world.told()
    hospital.saw(told)
    hospital.stop()
    again = Hospital(world, carrier.repeating(), tmp_path / "inbox.db")
    assert eventually(lambda: again.subscription and again.subscription.again >= len(told))
    world.feeding.note(case)
    again.saw(world.told()[len(told) :])
    again.stop()


@pytest.mark.thorough
def test_what_is_lost_on_the_way_is_noticed_and_fetched_from_the_feed(world, carrier, tmp_path, caplog):
    case = world.feeding.case_with(AGENCY)
    head = world.feeding.head(AGENCY)
    loses = {2, 3, head + 1}
    source = Lossy(carrier.fresh(), loses)
    hospital = Hospital(world, source, tmp_path / "inbox.db")
    hospital.saw(world.told())
    world.feeding.note(case)
    assert eventually(lambda: not loses)
    world.feeding.note(case)
    hospital.saw(world.told())
    hospital.stop()
    assert "2 to 3 are missing" in caplog.text
    assert f"{head + 1} to {head + 1} are missing" in caplog.text


@pytest.mark.thorough
def test_a_replay_is_the_same_whatever_it_comes_over(world, carrier, tmp_path):
    """From the beginning, a sequence, a time or a position, and of one case: what the register says, in its order."""
    case = world.feeding.case_with(AGENCY)
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db")
    hospital.saw(world.told())
    time.sleep(0.05)
    between, position = composition.now(), world.feeding.office.position + 1
    time.sleep(0.05)
    world.feeding.case_with(AGENCY)
    world.feeding.note(case)
    everything = world.told()
    hospital.saw(everything)
    hospital.stop()
    middle = len(everything) // 2
    of_case = world.told("case_id = %s", case)
    since = world.told("told_at >= %s", between)
    assert 0 < len(of_case) < len(since) + len(of_case) < len(everything)
    names = map("{}.db".format, itertools.count())
    for begin, of, expected in (
        (Begin(), None, everything),
        (Begin(sequence=middle), None, everything[middle - 1 :]),
        (Begin(time=between), None, since),
        (Begin(position=position), None, since),
        (Begin(), case, of_case),
        (Begin(sequence=of_case[1].sequence), case, of_case[1:]),
    ):
        found = carrier.replayed(begin, of, tmp_path / next(names))
        assert found == [one.id for one in expected], (begin, of)


@pytest.mark.thorough
def test_what_was_erased_before_it_was_sent_comes_as_a_placeholder_and_its_copies_are_recalled(
    world, carrier, tmp_path
):
    with carrier.halted():
        first = world.feeding.head(AGENCY)
        case = world.case_that_ended()
        last = world.feeding.head(AGENCY)
        erases(world.feeding.office, case)
        world.feeding.case_with(AGENCY)
        told = world.told()
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db")
    hospital.saw(told)
    hospital.stop()
    assert {d.topic for d in hospital.seen[first:last]} == {ERASED}
    assert hospital.seen[last].topic == DELETION_ASKED
    assert ERASED not in {d.topic for d in hospital.seen[last:]}


@pytest.mark.thorough
def test_a_new_key_while_messages_are_in_flight_loses_none(world, carrier, tmp_path):
    case = world.feeding.case_with(AGENCY)
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db")
    world.feeding.note(case)
    new = AgencyKey.generate(f"of-{tmp_path.name}")
    world.keep_key(new)
    world.registers(new)
    for _ in range(3):
        world.feeding.note(case)
    hospital.saw(world.told())
    hospital.stop()
    assert hospital.subscription.dead == 0
    assert len(world.told("key_id = %s", new.id)) >= 3


@pytest.mark.thorough
def test_a_wrong_private_key_handles_and_says_nothing_and_the_right_one_has_all_handled(world, carrier, tmp_path):
    """It is called as the right one is. With the right key beside it all goes on where it stood."""
    world.feeding.case_with(AGENCY)
    told, before = world.told(), world.marks()
    wrong = AgencyKey.generate(AgencyKey.from_json(min(world.keys.glob("*.key")).read_bytes()).id)
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "a.key").touch(0o600)
    (keys / "a.key").write_bytes(wrong.to_json())
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db", keys=keys)
    assert eventually(lambda: hospital.subscription is not None and hospital.subscription.opening.words)
    assert "number 1 is sealed to the key" in hospital.subscription.opening.words
    assert wrong.fingerprint in hospital.subscription.opening.words
    assert (hospital.seen, hospital.subscription.dead, world.marks()) == ([], 0, before)
    (keys / "a.key").unlink()
    for key in world.keys.glob("*.key"):
        copy = keys / f"right-{key.name}"
        copy.touch(0o600)
        copy.write_bytes(key.read_bytes())
    hospital.saw(told)
    hospital.stop()
    assert hospital.subscription.dead == 0
    assert world.marks().failed == before.failed


@pytest.mark.thorough
def test_what_fails_for_good_is_a_dead_letter_of_which_the_service_hears_and_the_rest_goes_on(world, carrier, tmp_path):
    case = world.feeding.case_with(AGENCY)
    bad = world.feeding.head(AGENCY)
    world.feeding.note(case)
    hospital = Hospital(world, carrier.fresh(), tmp_path / "inbox.db", frozenset({bad}))
    told = world.told()
    hospital.saw([one for one in told if one.sequence != bad])
    assert hospital.failures == RULES.tries
    assert eventually(lambda: hospital.subscription.dead == 1)  # it counts once it has committed
    assert eventually(lambda: bad in world.marks().failed)
    assert eventually(lambda: world.marks().handled == len(told))
    hospital.stop()
    anew = Hospital(world, carrier.fresh(), tmp_path / "new.db")
    anew.saw(told)
    assert eventually(lambda: bad in world.marks().recovered), "a new inbox that handles all takes it back"
    anew.stop()
