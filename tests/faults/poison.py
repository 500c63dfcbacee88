"""Poison of every kind, as who may write to an agency's topic could write it, without the service's signing key."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from random import Random
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kafka import KafkaConsumer, KafkaProducer
from msgspec.structs import replace

from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.envelope import Opener
from rujukan.consumers.wire.kafka import topics
from rujukan.consumers.wire.kafka.topics import partition, topic_of

from .world import World

SOME = 40


class Raw(NamedTuple):
    """A message as a broker keeps it."""

    headers: list[tuple[str, bytes]]
    key: bytes | None
    value: bytes | None

    def named(self, name: str, text: bytes) -> "Raw":
        """With another value of that header."""
        return self._replace(headers=[(n, text if n == name else t) for n, t in self.headers])


def pour(world: World, agency: str, random: Random) -> int:
    """Write every kind of poison to the agency's topic, in any order; how many. Raises KafkaError."""
    mine, theirs = read(world, agency, SOME), read(world, random.choice([a for a in world.keys if a != agency]), SOME)
    if not mine or not theirs:
        return 0
    kinds = list(poisons(world, agency, mine, theirs, random))
    random.shuffle(kinds)
    access = world.access()
    with closing(KafkaProducer(**{**topics.PRODUCER, "enable_idempotence": False}, **access.options())) as producer:
        sending = [
            producer.send(topic_of(agency), value=raw.value, key=raw.key, headers=raw.headers, partition=0)
            for raw in kinds
        ]
        for future in sending:
            future.get(10)
    return len(kinds)


def poisons(world: World, agency: str, mine: Sequence[Raw], theirs: Sequence[Raw], random: Random) -> Iterator[Raw]:
    """One of each kind."""
    one = random.choice(mine)
    value = one.value or b""
    at = random.randrange(len(value))
    yield one._replace(value=value[: len(value) // 2])
    yield one._replace(value=value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])
    yield one._replace(value=None)
    yield one._replace(key=b"another")
    yield one.named("ce_sequence", b"%d" % (int(dict(one.headers)["ce_sequence"]) + 1))
    yield one.named("ce_signature", random.choice(theirs).headers[-1][1])
    yield one.named("ce_type", b"id.rujukan.sealed.v99")
    yield one.named("ce_specversion", b"2.0")
    yield Raw([], None, b"")
    yield Raw([("ce_id", random.randbytes(2000))], b"\x00", random.randbytes(200))
    yield random.choice(theirs)
    yield from (random.choice(mine) for _ in range(3))
    yield from reversed(mine[-5:])
    yield one._replace(headers=[*one.headers, (topics.RESENT, b"1")])
    yield from forged(world, agency, mine[-1], random)


def forged(world: World, agency: str, last: Raw, random: Random) -> Iterator[Raw]:
    """What could come next, under a signature that is not the service's: sealed to this agency, and to another."""
    opener = Opener([world.keys[agency]], [world.service_key])
    attributes = opener.verified(last.headers, last.key, last.value)
    delivery = opener.unseal(attributes, last.value)
    stranger = Ed25519PrivateKey.generate()
    for step, key in ((1, world.keys[agency]), (2, random.choice(list(world.keys.values())))):
        number = delivery.sequence + step
        claimed = replace(delivery, sequence=number, schema=99)
        about = replace(attributes, sequence=str(number), schemaversion="99", id=str(random.getrandbits(64)))
        sealed = envelope.seal(claimed, about, envelope.public_key(key.public))
        (message,) = envelope.sign([sealed], stranger)
        yield Raw(message.headers, message.key, message.value)


def read(world: World, agency: str, last: int | None = None) -> list[Raw]:
    """What is in an agency's topic, in order; the last so many of it."""
    at = partition(agency)
    found: list[Any] = []
    with closing(KafkaConsumer(**topics.CONSUMER, **world.access().options())) as consumer:
        consumer.assign([at])
        first, end = consumer.beginning_offsets([at])[at], consumer.end_offsets([at])[at]
        consumer.seek(at, first if last is None else max(first, end - last))
        idle = 0
        while idle < 10:
            records = consumer.poll(timeout_ms=200).get(at, ())
            found += records
            mark = consumer.highwater(at)
            if mark is not None and consumer.position(at) >= mark:
                break
            idle = 0 if records else idle + 1
    return [Raw(list(record.headers), record.key, record.value) for record in found]
