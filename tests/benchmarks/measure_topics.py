"""How much the publisher gets out: sealed messages a second beside the plain Kafka client with the same bytes, what a
subscriber opens, and a thousand topics on one publisher."""

import time

from fanning import Network, brokers, elapsed, on, produce, publishers, read
from harness import Bench, Measured, beside
from kafka import KafkaAdminClient

from rujukan.consumers.wire.envelope import Opener
from rujukan.consumers.wire.kafka import topics
from rujukan.infra import composition

TARGET, TARGET_OPENED = 3000.0, 5000.0
AGENCIES, NOTES = 8, 3000
MANY, CASES = 1000, 20
START_TARGET = 20.0


def run(bench: Bench) -> list[Measured]:
    found: list[Measured] = []
    with brokers(bench) as each:
        for name, broker in each():
            for processes in (1, 2):
                found += _fan_out(bench, name, broker, processes)
            found += _many_topics(bench, name, broker)
    return found


def _fan_out(bench: Bench, name: str, broker: object, processes: int) -> list[Measured]:
    """NOTES notes in each of two cases, told to half of the agencies each: followed, registered, sealed, signed and
    published as they are written."""
    with bench.database() as fresh:
        settings = on(fresh, broker)  # type: ignore[arg-type]
        network = Network(settings, AGENCIES, 2)
        with publishers(settings, processes):
            elapsed(lambda: network.registered() and network.sent() == network.told())
            before = network.told()
            started = time.perf_counter()
            network.note(NOTES)
            elapsed(lambda: network.registered() and network.sent() == network.told())
            took = time.perf_counter() - started
            count = network.told() - before
        agency = network.codes[0]
        service = composition.service_key(settings)
        opener = Opener([network.key], [service])
        records, opening = read(settings.kafka, agency, lambda r: opener.open(r.headers, r.key, r.value))
        _, reading = read(settings.kafka, agency, lambda r: None)
        plain = produce(settings.kafka, topics.topic_of(agency), records)
        _drop(settings.kafka, network.codes)
    label = f"{name}, {processes} publisher{'s' if processes > 1 else ''}"
    rate, opened, ceiling = count / took, len(records) / opening, len(records) / reading
    return [
        beside(f"fan-out of {count:,} messages, {label}", rate, "messages/s", "plain kafka-python", plain),
        beside(f"fan-out, {label}", rate, "messages/s", "target", TARGET),
        beside(f"opened by a subscriber, {label}", opened, "messages/s", "plain kafka-python", ceiling),
        beside(f"opened, {label}", opened, "messages/s", "target", TARGET_OPENED),
    ]


def _many_topics(bench: Bench, name: str, broker: object) -> list[Measured]:
    with bench.database() as fresh:
        settings = on(fresh, broker)  # type: ignore[arg-type]
        network = Network(settings, MANY, CASES)

        def all_sent() -> bool:
            return network.registered() and network.sent() == network.told()

        with publishers(settings, 1):
            first = elapsed(all_sent)
            before = network.told()
            started = time.perf_counter()
            network.note(10)
            elapsed(all_sent)
            rate = (network.told() - before) / (time.perf_counter() - started)
        network.note(1)
        with publishers(settings, 1):
            again = elapsed(all_sent)
        _drop(settings.kafka, network.codes)
    return [
        beside(f"{MANY} topics made and filled, {name}", first, "s", "target", START_TARGET, True),
        beside(f"{MANY} topics found again and written to, {name}", again, "s", "target", START_TARGET, True),
        beside(f"{MANY} topics, {name}", rate, "messages/s", "target", TARGET),
    ]


def _drop(bootstrap: str, agencies: list[str]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, **topics.ADMIN)
    names = (topics.topic_of, topics.acks_of, topics.dead_letters_of)
    admin.delete_topics([name(agency) for agency in agencies for name in names], raise_errors=False)
    admin.close()
