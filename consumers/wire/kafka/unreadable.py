"""Records on a topic that the Kafka client itself cannot read: headers that are no UTF-8, a compression that is not
installed, a batch that is broken. Whoever may write to a topic can write one, and the client raises at it whenever it
is asked, so that nothing behind it would ever be read."""

import gzip
import zlib

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, UnsupportedCodecError

UNREADABLE = (
    CorruptRecordError,
    UnsupportedCodecError,
    ValueError,
    RuntimeError,
    EOFError,
    MemoryError,
    zlib.error,
    gzip.BadGzipFile,
)
"""What the client raises at it."""


def pass_by(consumer: KafkaConsumer, at: TopicPartition, step: int = 1) -> int:
    """Go on behind so many records, or at the topic's end; the offset there. It always moves: a client that is told to
    stay where it broke off hangs."""
    here: int = consumer.position(at)
    behind = max(here + 1, min(here + step, consumer.highwater(at) or 0))
    consumer.seek(at, behind)
    return behind
