"""What a topic ends with: how far the service has told an agency, as the topic itself shows it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from ..wire.envelope import Opener, Rejected
from ..wire.kafka import clients
from ..wire.kafka.access import Access, options
from ..wire.kafka.topics import CONSUMER, RESENT, SLICE, identities, partition

LOOK_BACK = 8
IDLE_POLLS = 25
"""Polls, of 0.2 s, that may bring nothing before a topic's end is held to be out of reach: a broker that died and came
back without its data while it was read never says where the end is."""


class Tail(NamedTuple):
    """What a topic ends with: its identity, the highest sequence there that the service signed, 0 for none, whether
    retention took something from its beginning, and the id of what has that sequence."""

    topic_id: str
    sequence: int
    cut: bool
    id: str = ""


def tails(
    access: Access, admin: KafkaAdminClient, agencies: Sequence[str], service: Ed25519PublicKey
) -> dict[str, Tail]:
    """Agency → what its topic ends with. What others wrote there counts for nothing."""
    ids = identities(admin, agencies)
    opener = Opener((), (service,))
    with closing(clients.consumer(**CONSUMER, **options(access))) as consumer:
        found: dict[str, Tail] = {}
        for start in range(0, len(agencies), SLICE):
            found |= _tails(consumer, agencies[start : start + SLICE], opener, ids)
        return found


def _tails(consumer: KafkaConsumer, agencies: Sequence[str], opener: Opener, ids: Mapping[str, str]) -> dict[str, Tail]:
    """What each ends with, looking back further and further for a message of its own."""
    at = {partition(agency): agency for agency in agencies}
    consumer.assign(list(at))
    first = consumer.beginning_offsets(list(at), timeout_ms=10000)
    end = consumer.end_offsets(list(at), timeout_ms=10000)
    found = dict.fromkeys(agencies, (0, ""))
    looking = {p: end[p] for p in at if end[p] > first[p]}
    back = LOOK_BACK
    while looking:
        start = {p: max(first[p], end[p] - back) for p in looking}
        for p, last in _read_to_end(consumer, start, opener, at).items():
            found[at[p]] = last
        looking = {p: end[p] for p in looking if not found[at[p]][0] and start[p] > first[p]}
        back *= 16
    ends = ((agency, first[p] > 0, *found[agency]) for p, agency in at.items())
    return {agency: Tail(ids.get(agency, ""), sequence, cut, id) for agency, cut, sequence, id in ends}


def _read_to_end(
    consumer: KafkaConsumer, start: Mapping[TopicPartition, int], opener: Opener, at: Mapping[TopicPartition, str]
) -> dict[TopicPartition, tuple[int, str]]:
    """The highest sequence of the service's own messages from these offsets to the ends, and its id. The
    embedded broker's end offset is that of the last batch's first message, so the high water mark of a fetch says where
    the end is. Raises KafkaTimeoutError where no fetch says it."""
    consumer.assign(list(start))
    for p, offset in start.items():
        consumer.seek(p, offset)
    found: dict[TopicPartition, tuple[int, str]] = {}
    left, idle = set(start), 0
    while left:
        polled = consumer.poll(timeout_ms=200)
        idle = 0 if polled else idle + 1
        for p, records in polled.items():
            for record in records:
                try:
                    attributes = opener.verified(record.headers, record.key, record.value)
                except Rejected:
                    continue
                if attributes.subject == at[p] and RESENT not in dict(record.headers):
                    found[p] = max((int(attributes.sequence), attributes.id), found.get(p, (0, "")), key=_sequence)
        for p in list(left):
            mark = consumer.highwater(p)
            if mark is not None and consumer.position(p) >= mark:
                left.discard(p)
        if left and idle >= IDLE_POLLS:
            raise KafkaTimeoutError("the end of a topic is out of reach")
    return found


def _sequence(last: tuple[int, str]) -> int:
    return last[0]
