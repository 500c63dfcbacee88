"""Whatever a feed, a broker or a stranger sends to an agency: it is rubbish, and costs no more than its bytes."""

import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from told import AGENCY, KEY, PINNED, told

from rujukan.consumers.agency.inbox.dead_letters import LARGEST_UNSIGNED
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.transports import feed, flat_json
from rujukan.consumers.agency.transports.feed import events, sealed
from rujukan.consumers.agency.transports.feed_source import sequence_of
from rujukan.consumers.agency.transports.transport import Arrived
from rujukan.consumers.wire import acknowledgement
from rujukan.consumers.wire.envelope import Opener, Rejected, to_cloudevent

OPENER = Opener([KEY], [PINNED])
MESSAGE = told(1)[0]
EVENT = to_cloudevent(MESSAGE)
MEGABYTE = 1024 * 1024
BOMBS = {
    "brackets": b"[" * MEGABYTE,
    "objects in objects": b'{"a":' * MEGABYTE,
    "many objects": b"[" + b"{}," * MEGABYTE + b"{}]",
    "many lists": b"[" + b"[]," * MEGABYTE + b"[]]",
    "many numbers": b"[" + b"1," * MEGABYTE + b"1]",
    "many attributes": b'[{"a":""' + b',"a":""' * MEGABYTE + b"}]",
    "a long number": b"[" + b"9" * MEGABYTE + b"]",
    "a large exponent": b"[1e" + b"9" * 1000 + b"]",
    "deep in an attribute": b'[{"a":' + b"[" * 20000 + b"]" * 20000 + b"}]",
}
texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.just("\x00") | st.just("ce_sequence")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def is_refused(message: Arrived) -> bool:
    """Whether the agency's side refuses it in its own words, and can keep it and read it again."""
    assert sequence_of(message) >= 0
    inbox = SqliteInbox(":memory:", lambda d, db: None)
    try:
        OPENER.verified(message.headers, message.key, message.value)
    except Rejected:
        assert inbox.reject(AGENCY, [(message, "not-ours")]) == 1
        (letter,) = inbox.letters.all(AGENCY)
        kept = inbox.letters.get(AGENCY, letter.n)
        assert kept is not None
        assert kept.sealed is None or kept.sealed.value == message.value
        return True
    finally:
        inbox.close()
    return False


@given(st.binary(max_size=200) | values.map(lambda v: json.dumps(v).encode()))
def test_what_is_no_message_is_refused(text: bytes) -> None:
    assert is_refused(sealed(text))
    with pytest.raises(ValueError, match="not an acknowledgement"):
        acknowledgement.read(b"\xff" + text)


@given(st.sampled_from(sorted(EVENT)), values)
@example("datacontenttype", "\x00")
def test_a_message_with_one_thing_changed_is_refused(name: str, value: Any) -> None:
    changed = {**EVENT, name: value}
    assert is_refused(sealed(json.dumps(changed).encode())) == (changed != EVENT)


@given(
    st.lists(st.tuples(texts | st.sampled_from([n for n, _ in MESSAGE.headers]), st.none() | st.binary(max_size=50)))
)
def test_a_record_of_a_broker_with_any_headers_is_refused(headers: list[tuple[str, bytes | None]]) -> None:
    assert is_refused(Arrived([*MESSAGE.headers[:-1], *headers, ("ce_signature", b"\xff")], None, None))


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_no_text_becomes_much_more_than_it_is(bomb: str) -> None:
    text = BOMBS[bomb]

    def read() -> None:
        with pytest.raises(ValueError, match=r".") as refused:
            flat_json.read(text, list[dict[str, object]], 500)
        assert type(refused.value) is not MemoryError

    assert peak_of(read) < len(text) + MEGABYTE
    assert is_refused(sealed(text))


def test_of_large_rubbish_only_that_it_came_is_kept() -> None:
    inbox = SqliteInbox(":memory:", lambda d, db: None)
    large = Arrived((), None, b"x" * LARGEST_UNSIGNED)
    assert inbox.reject(AGENCY, [(large, "not-ours"), (Arrived((), None, b"x"), "not-ours")]) == 2
    assert inbox.reject(AGENCY, [(large, "not-ours")]) == 0, "it is known when it comes again"
    kept = [inbox.letters.get(AGENCY, letter.n).sealed for letter in inbox.letters.all(AGENCY)]  # type: ignore[union-attr]
    assert [one is not None for one in kept] == [False, True]


class Endless:
    """A stream that repeats the same line for ever."""

    def __init__(self, line: bytes) -> None:
        self._line, self.given = line, 0

    def readline(self, limit: int, /) -> bytes:
        line = (self._line * (limit // len(self._line)) if b"\n" not in self._line else self._line)[:limit]
        self.given += len(line)
        return line


@pytest.mark.parametrize("line", [b"data:\n", b"data: {\n", b"data: x", b"x", b"data: \xff\n"])
def test_an_event_without_end_ends_the_stream(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = MEGABYTE // 8
    monkeypatch.setattr(feed, "LONGEST_LINE", longest)
    endless = Endless(line)

    def read() -> None:
        with pytest.raises(ValueError, match="does not end"):
            next(events(endless))

    assert peak_of(read) < 16 * longest
    assert endless.given <= 2 * longest


@given(st.binary(max_size=300))
def test_any_stream_ends_or_is_refused(stream: bytes) -> None:
    try:
        for data in events(io.BytesIO(stream)):
            assert is_refused(sealed(data.encode()))
    except ValueError:
        assert not stream.endswith(b"\n")
