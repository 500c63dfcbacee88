"""Sealing and opening one event in memory, beside plain AES-256-GCM of the same bytes, which is the limit."""

import os
from uuid import uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from events import NOW, one_compartment, two_compartments
from harness import Bench, Measured, beside, timed

from rujukan.domain.compartment import Compartment
from rujukan.infra.store import sealed_record
from rujukan.infra.store.sealed_record import Header
from rujukan.infra.store.transcoder import to_event, to_segments, topic_of

TARGET = 15.0


def run(bench: Bench) -> list[Measured]:
    keys = {c: os.urandom(32) for c in Compartment}
    found: list[Measured] = []
    seconds = min(bench.seconds, 2.0)
    for name, event in (("1 compartment", one_compartment()), ("2 compartments", two_compartments())):
        header = Header(uuid4(), 3, topic_of(event), 1, NOW, uuid4(), "uptd-ppa", uuid4(), uuid4())
        segments = to_segments(event)
        size = sum(map(len, segments.values()))
        state = sealed_record.seal(header, segments, keys)

        def seal(header=header, segments=segments) -> None:
            sealed_record.seal(header, segments, keys)

        def unseal(state=state) -> None:
            record = sealed_record.parse(state)
            for compartment in record.held:
                sealed_record.unseal(record, compartment, keys[compartment])

        def read(state=state) -> None:
            record = sealed_record.parse(state)
            plain = {c: sealed_record.unseal(record, c, keys[c]) for c in record.held}
            to_event(record.topic, record.schema, plain)

        label = f"{name}, {size} bytes"
        found.append(beside(f"seal, {label}", 1e6 / timed(seal, seconds), "µs", "target", TARGET, True))
        found.append(beside(f"open, {label}", 1e6 / timed(unseal, seconds), "µs", "target", TARGET, True))
        found.append(beside(f"open and decode, {label}", 1e6 / timed(read, seconds), "µs", "target", TARGET, True))
    plain, key, nonce = os.urandom(450), os.urandom(32), bytes(12)
    bare = 1e6 / timed(lambda: AESGCM(key).encrypt(nonce, plain, b"x" * 150), seconds)
    found.append(beside("limit: AES-256-GCM of 450 bytes alone", bare, "µs", "target", TARGET, True))
    return found
