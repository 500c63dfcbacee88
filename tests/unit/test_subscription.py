"""The agency's side over a wire that loses, repeats, turns round and forges: the handler sees each delivery once, in
order, and the service hears of it."""

import logging
import random
import time
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from patience import PATIENCE_SECONDS
from some import examples
from told import AGENCY, CASES, KEY, PINNED, SERVICE, Wire, delivery, rubbish, sealed, told

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.inbox.order import Gap
from rujukan.consumers.agency.subscribing import opening
from rujukan.consumers.agency.subscribing.keys import KeyDirectory
from rujukan.consumers.agency.subscribing.recovery import recover
from rujukan.consumers.agency.subscribing.replay import Begin, replay
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.transport import Arrived, Bookmark, Last
from rujukan.consumers.wire import envelope
from rujukan.consumers.wire.acknowledgement import Failure, Mark
from rujukan.consumers.wire.envelope import ERASED, AgencyKey, Message, Opener
from rujukan.consumers.wire.known_events import is_known

TWELVE = told(12)
QUICK = Rules(first_pause=0.001, tries=3)
SKIPPING = Rules(first_pause=0.001, tries=3, skip_gaps=True)


class Desk:
    """An agency with an inbox in memory, and what its handler saw."""

    def __init__(self, file: Any = ":memory:") -> None:
        self.seen: list[int] = []
        self.raising: dict[int, int] = {}
        self.inbox = SqliteInbox(file, self._handle)

    def _handle(self, d: Any, db: Any) -> None:
        if self.raising.get(d.sequence, 0):
            self.raising[d.sequence] -= 1
            raise RuntimeError("SECRET")
        self.seen.append(d.sequence)

    def receive(self, wire: Wire, rules: Rules = QUICK, seconds: float = 10.0, **more: Any) -> Subscription:
        """Until the wire has no more."""
        stop = Event()
        wire._stop = stop
        made = Subscription(wire, more.pop("keys", [KEY]), more.pop("service", PINNED), self.inbox, rules=rules, **more)
        ending = Thread(target=lambda: stop.wait(seconds) or stop.set(), daemon=True)
        ending.start()
        made.run(stop)
        return made

    def letters(self) -> list[tuple[int | None, str]]:
        return [(letter.sequence, letter.reason) for letter in self.inbox.letters.all(AGENCY)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_each_delivery_is_handled_once_in_order_and_the_service_hears_of_it(desk):
    wire = Wire(TWELVE)
    desk.receive(wire)
    assert desk.seen == list(range(1, 13))
    last = wire.clerk.said[-1]
    assert (last.received, last.handled) == (Mark(12, "receipt-12"), Mark(12, "receipt-12"))
    again = Wire(TWELVE)
    assert desk.receive(again).handled == 0
    assert again.starts[0][0].offset == 12, "it goes on where it was"


@settings(max_examples=examples(60))
@given(st.data())
def test_any_interleaving_of_repeats_reorderings_and_rubbish_is_handled_once_and_in_order(data):
    arriving: list[Any] = data.draw(st.permutations(TWELVE))
    for repeat in data.draw(st.lists(st.sampled_from(TWELVE), max_size=8)):
        arriving.insert(data.draw(st.integers(0, len(arriving))), repeat)
    arriving.insert(data.draw(st.integers(0, len(arriving))), rubbish())
    desk, wire = Desk(), Wire(arriving, page=data.draw(st.integers(1, 20)))
    wire.breaks_at = set(data.draw(st.lists(st.integers(0, 12), max_size=2)))
    desk.receive(wire)
    assert desk.seen == list(range(1, 13))
    assert desk.letters() == [(None, "not-ours")]
    desk.inbox.close()


@settings(max_examples=examples(60))
@given(st.sets(st.integers(1, 12), min_size=1, max_size=6), st.randoms())
def test_what_is_lost_is_gone_on_without_and_handled_once_when_it_comes(lost, chance):
    """First a wire that loses some, then one that has all, as when a topic is filled anew."""
    lost.discard(12)
    desk = Desk()
    wire = Wire([m for m in TWELVE if m.sequence not in lost], page=chance.randint(1, 20))
    desk.receive(wire, SKIPPING)
    assert desk.seen == [n for n in range(1, 13) if n not in lost]
    assert {f for said in wire.clerk.said for f in said.failed} == {Failure(n, "cannot-open") for n in lost}
    late = Wire(chance.sample(TWELVE, 12) * 2, page=chance.randint(1, 20))
    desk.inbox.notes.move(AGENCY, desk.inbox.notes.cursor(AGENCY)._replace(place=None))
    desk.receive(late, SKIPPING)
    assert sorted(desk.seen) == list(range(1, 13))
    assert desk.inbox.notes.gaps(AGENCY) == []
    desk.inbox.close()


@pytest.mark.thorough
def test_without_leave_to_skip_it_waits_and_says_what_is_missing(desk, caplog):
    caplog.set_level(logging.ERROR, "rujukan.consumers")
    wire = Wire([m for m in TWELVE if m.sequence not in (4, 5)])
    desk.receive(wire, seconds=3)
    assert desk.seen == [1, 2, 3]
    assert desk.inbox.notes.gaps(AGENCY) == [(Gap(4, 5), "open")]
    assert "4 to 5 are missing" in caplog.text
    desk.receive(Wire(TWELVE))
    assert desk.seen == list(range(1, 13))
    assert desk.inbox.notes.gaps(AGENCY) == []


def test_a_source_is_read_from_its_beginning_for_what_is_missing(desk):
    """A topic that lost its end and was filled again: what is missing may lie before the place."""
    behind = [*TWELVE[:3], *TWELVE[5:], *TWELVE[3:5]]
    wire = Wire(behind)
    desk.inbox.begin(AGENCY)
    desk.receive(Wire(TWELVE[:3]))
    moved = desk.inbox.notes.cursor(AGENCY)
    desk.inbox.notes.move(AGENCY, moved._replace(place=moved.place._replace(offset=5)))
    desk.receive(wire)
    assert desk.seen == list(range(1, 13))


def test_a_handler_that_raises_is_called_again_and_nothing_overtakes_it(desk):
    desk.raising = {3: 2}
    wire = Wire(TWELVE[:5])
    desk.receive(wire)
    assert desk.seen == [1, 2, 3, 4, 5]
    assert desk.letters() == []


def test_after_so_many_tries_it_is_a_dead_letter_and_the_case_goes_on(desk):
    desk.raising = {3: 99}
    wire = Wire(TWELVE)
    made = desk.receive(wire)
    assert desk.seen == [n for n in range(1, 13) if n != 3]
    assert made.dead == 1
    assert desk.letters() == [(3, "handler-failed")]
    assert eventually(lambda: wire.clerk.letters and wire.clerk.said)
    (letter,) = wire.clerk.letters
    headers = dict(letter.headers())
    assert (letter.sealed.value, letter.sealed.key) == (TWELVE[2].value, TWELVE[2].key)
    assert headers.items() >= dict(TWELVE[2].headers).items()
    assert (headers["rujukan-reason"], headers["rujukan-problem"]) == (b"handler-failed", b"RuntimeError")
    assert b"SECRET" not in b"".join(headers.values())


# Poison


def forged_signature() -> Arrived:
    stranger = Ed25519PrivateKey.generate()
    return Arrived.of(sealed([delivery(1)], signer=stranger)[0])


def truncated() -> Arrived:
    whole = Arrived.of(TWELVE[0])
    return whole._replace(value=whole.value[:-7])


def cut_headers() -> Arrived:
    whole = Arrived.of(TWELVE[0])
    return whole._replace(headers=whole.headers[:4])


def anothers() -> Arrived:
    return Arrived.of(sealed([delivery(1)], agency="polres")[0])


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (rubbish, "not-ours"),
        (lambda: Arrived((), None, None), "not-ours"),
        (cut_headers, "not-ours"),
        (anothers, "not-ours"),
        (forged_signature, "bad-signature"),
        (truncated, "bad-signature"),
    ],
)
def test_what_the_service_did_not_sign_stops_nothing_and_is_kept(desk, poison, reason):
    desk.receive(Wire([poison(), *TWELVE]))
    assert desk.seen == list(range(1, 13))
    assert desk.letters() == [(None, reason)]


@pytest.mark.parametrize("page", [1, 5, 1000])
@pytest.mark.parametrize("before", [0, 4])
def test_with_another_pinned_key_nothing_is_noted_or_said_and_the_right_one_has_all_handled(desk, caplog, page, before):
    """Whoever pins a wrong key is told which, by the first message; none is lost, and none is reported as failed."""
    desk.receive(Wire(TWELVE[:before]))
    cursor = desk.inbox.notes.cursor(AGENCY)
    wire = Wire(TWELVE, page=page)
    wrong = desk.receive(wire, service=Ed25519PrivateKey.generate().public_key())
    assert (desk.seen, desk.letters()) == (list(range(1, before + 1)), [])
    assert before == 0 or desk.inbox.notes.cursor(AGENCY) == cursor
    assert all(
        not said.failed and (said.handled is None or said.handled.sequence <= before) for said in wire.clerk.said
    )
    assert wrong.doubt.count == 12 - before
    pinned, count = wrong.doubt.words.split("): ")
    assert "ed25519:" in pinned
    assert (pinned in caplog.text, count.split()[0]) == (True, str(12 - before))
    desk.receive(Wire(TWELVE, page=page))
    assert (desk.seen, desk.letters()) == (list(range(1, 13)), [])


@settings(max_examples=examples(30))
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 12))
def test_forgeries_keep_nothing_waiting_and_are_known_once_something_is_signed(forged, page, behind):
    desk = Desk()
    made = desk.receive(
        Wire([*TWELVE[:behind], *[forged_signature() for _ in range(forged)], *TWELVE[behind:]], page=page)
    )
    assert desk.seen == list(range(1, 13))
    assert {reason for _, reason in desk.letters()} == {"bad-signature"}
    assert (made.doubt.count, made.doubt.words, made.rejected) == (0, "", forged)
    desk.inbox.close()


def test_a_bad_seal_and_a_wrong_key_are_dead_letters_and_what_is_behind_them_is_handled(desk):
    stranger = AgencyKey.generate("1")
    other = AgencyKey.generate("another")
    messages = [
        *sealed([delivery(1)]),
        *sealed([delivery(2)], key=stranger),
        *sealed([delivery(3)], key=other),
        *sealed([delivery(4)]),
    ]
    wire = Wire(messages)
    desk.receive(wire)
    assert desk.seen == [1, 4]
    assert desk.letters() == [(2, "cannot-open"), (3, "cannot-open")]
    assert [f.sequence for said in wire.clerk.said for f in said.failed][-2:] == [2, 3]


def test_a_future_schema_is_handed_over_unless_this_side_said_what_it_knows(desk):
    messages = sealed(
        [
            delivery(1),
            delivery(2, schema=9),
            delivery(3, topic="case.NeverHeardOf"),
            delivery(4, topic=ERASED, schema=9),
        ]
    )
    desk.receive(Wire(messages))
    assert desk.seen == [1, 2, 3, 4]
    strict = Desk()
    strict.receive(Wire(messages), replace(QUICK, knows=is_known))
    assert (strict.seen, strict.letters()) == ([1], []), "what is of a later release waits, with all behind it"
    assert "number 2 is case.NoteRecorded in version 9" in strict.inbox.notes.waits_here(AGENCY)
    known = {("case.NoteRecorded", 1), (ERASED, 9), ("case.NoteRecorded", 9)}
    for more, seen in ((set(), [1, 2]), ({("case.NeverHeardOf", 1)}, [1, 2, 3, 4])):  # first halfway up to date
        knows = (known | more).__contains__
        strict.receive(Wire(messages), replace(QUICK, knows=lambda *what, knows=knows: knows(what)))
        assert (strict.seen, strict.letters()) == (seen, [])
    assert strict.inbox.notes.waits_here(AGENCY) == ""


class StartedThrice(Wire):
    """A wire that is over when it is begun for the fourth time: each time it led to the same end."""

    def start(self, place: Bookmark | None, last: Last) -> None:
        super().start(place, last)
        if len(self.starts) > 3 and self._stop is not None:
            self._stop.set()


def other(number: int) -> Message:
    """What a service whose history forked sends under a number that it gave before."""
    made = replace(delivery(number), position=999)
    renumbered = sealed([made])[0]
    attributes = replace(envelope.attributes_of(dict(renumbered.headers), renumbered.key), id=str(UUID(int=4)))
    (message,) = envelope.sign([envelope.seal(made, attributes, envelope.public_key(KEY.public))], SERVICE)
    return message


@pytest.mark.thorough
@pytest.mark.parametrize("page", [1, 3, 1000])
def test_a_number_that_comes_with_another_delivery_stops_it_until_a_person_has_looked(desk, caplog, page):
    """One of the two is not what the service stands by: what follows may stand on it."""
    messages = [*TWELVE[:8], other(5), *TWELVE[8:]]
    for _ in range(2):
        desk.receive(StartedThrice(messages, page=page), seconds=PATIENCE_SECONDS)
    assert desk.seen == list(range(1, 9)), "nothing behind it is handled, also not after another start"
    assert desk.letters() == [(5, "not-ours")]
    assert "came again with another delivery" in caplog.text
    (letter,) = desk.inbox.letters.all(AGENCY)
    assert recover(desk.inbox, AGENCY, letter.n, Opener([KEY], (PINNED,))) == ""
    desk.receive(Wire(messages, page=page))
    assert desk.seen == [*range(1, 9), 5, *range(9, 13)]


# Keys


def test_what_was_sealed_anew_is_handled_if_it_was_not_before(desk):
    lost, new = AgencyKey.generate("lost"), AgencyKey.generate("new")
    first = [*sealed([delivery(1)]), *sealed([delivery(2), delivery(3)], key=lost), *sealed([delivery(4)], key=new)]
    anew = [
        Arrived.of(m)._replace(headers=[*m.headers, ("rujukan-resent", b"1")])
        for m in sealed([delivery(n) for n in (1, 2, 3)], key=new)
    ]
    wire = Wire([*first, *anew, *anew])
    made = desk.receive(wire, keys=[KEY, new])
    assert desk.seen == [1, 4, 2, 3]
    assert made.again == 4
    assert [letter.state for letter in desk.inbox.letters.all(AGENCY)] == ["recovered", "recovered"]
    assert desk.inbox.notes.to_say(AGENCY).acknowledgement.recovered in ([2, 3], [])


def test_a_key_that_is_added_while_it_runs_is_used_and_opens_what_waited_for_it(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LOOK_SECONDS", 0.0)
    new = AgencyKey.generate("new")
    write_key(tmp_path / "old.key", KEY)
    wire = Wire([*sealed([delivery(1)]), *sealed([delivery(2)], key=new)])
    desk.receive(wire, keys=KeyDirectory(tmp_path))
    assert (desk.seen, desk.letters()) == ([1], [])
    write_key(tmp_path / "new.key", new)
    wire.sent += [Arrived.of(m) for m in sealed([delivery(3)], key=new)]
    desk.receive(wire, keys=KeyDirectory(tmp_path))
    assert desk.seen == [1, 2, 3]


def test_a_key_is_looked_for_at_once_when_the_first_message_is_sealed_to_it(tmp_path):
    new, stop, seen = AgencyKey.generate("new"), Event(), list[int]()
    write_key(tmp_path / "old.key", KEY)

    def handle(delivery: Any, db: Any) -> None:
        seen.append(delivery.sequence)
        if delivery.sequence == 1:
            write_key(tmp_path / "new.key", new)

    inbox = SqliteInbox(tmp_path / "a.db", handle)
    wire = Wire([*sealed([delivery(1)]), *sealed([delivery(2)], key=new)], page=1, stop=stop)
    Subscription(wire, KeyDirectory(tmp_path), PINNED, inbox, rules=QUICK).run(stop)
    assert (seen, inbox.letters.all(AGENCY)) == ([1, 2], [])


def test_a_key_is_picked_up_without_a_new_start_and_without_a_message(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LOOK_SECONDS", 0.0)
    new = AgencyKey.generate("new")
    wire, stop = Wire(sealed([delivery(1)], key=new)), Event()
    running = Subscription(wire, KeyDirectory(tmp_path), PINNED, SqliteInbox(tmp_path / "a.db", desk._handle))
    running._inbox.close()
    file = tmp_path / "b.db"

    def run() -> None:
        Subscription(wire, KeyDirectory(tmp_path), PINNED, SqliteInbox(file, desk._handle), rules=QUICK).run(stop)

    thread = Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.1)
    assert desk.seen == []
    write_key(tmp_path / "half.key", None)
    write_key(tmp_path / "new.key", new)
    assert eventually(lambda: desk.seen == [1])
    stop.set()
    thread.join(PATIENCE_SECONDS)


def write_key(file: Any, key: AgencyKey | None) -> None:
    file.touch(0o600)
    file.write_bytes(b"" if key is None else key.to_json())


# Acknowledgements


def test_what_the_service_does_not_hear_is_said_again_and_nothing_waits_for_it(desk, tmp_path):
    desk.raising = {2: 99}
    wire = Wire(TWELVE[:6])
    wire.clerk.away = True
    desk.receive(wire)
    assert desk.seen == [1, 3, 4, 5, 6]
    later = Wire(TWELVE[:6])
    desk.receive(later)
    assert Failure(2, "handler-failed") in later.clerk.said[-1].failed
    assert later.clerk.said[-1].handled == Mark(6, "receipt-6")
    assert [letter.sequence for letter in later.clerk.letters] == [2]


def test_what_arrived_is_said_while_the_handler_works(tmp_path):
    go, stop = Event(), Event()
    wire = Wire(TWELVE[:3])

    def run() -> None:
        inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: go.wait(600))
        Subscription(wire, [KEY], PINNED, inbox, rules=QUICK).run(stop)

    thread = Thread(target=run, daemon=True)
    thread.start()
    assert eventually(lambda: wire.clerk.said and wire.clerk.said[-1].received == Mark(3, "receipt-3"))
    assert wire.clerk.said[-1].handled is None
    go.set()
    assert eventually(lambda: wire.clerk.said[-1].handled == Mark(3, "receipt-3"))
    time.sleep(0.5)
    said = len(wire.clerk.said)
    time.sleep(0.5)
    assert len(wire.clerk.said) == said, "it says nothing twice without need"
    stop.set()
    thread.join(PATIENCE_SECONDS)


def eventually(check: Any, seconds: float = PATIENCE_SECONDS) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())


# Replays


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        ("beginning", range(1, 13)),
        ("5", range(5, 13)),
        ("position:118", range(9, 13)),
        ("position:119", range(10, 13)),
    ],
)
def test_a_replay_hands_over_again_and_does_not_move_the_subscription(desk, begin, expected):
    desk.receive(Wire(TWELVE[:7]))
    before = desk.inbox.notes.cursor(AGENCY)
    desk.seen.clear()
    wire = Wire([Arrived.of(m)._replace(at=1.0) for m in TWELVE])
    replay(wire, [KEY], PINNED, desk.inbox, Begin.read(begin)).run(Event())
    assert desk.seen == list(expected)
    assert desk.inbox.notes.cursor(AGENCY) == before
    assert wire.clerk.said == []


def test_a_replay_of_one_case_is_in_its_own_order(desk):
    replay(Wire(TWELVE), [KEY], PINNED, desk.inbox, Begin(), case=CASES[1]).run(Event())
    assert desk.seen == [1, 4, 7, 10]
    desk.seen.clear()
    replay(Wire(TWELVE), [KEY], PINNED, desk.inbox, Begin(sequence=5), case=CASES[1]).run(Event())
    assert desk.seen == [7, 10]


def test_a_replay_goes_on_under_its_name_and_says_what_is_missing(desk):
    wire = Wire([m for m in TWELVE[:6] if m.sequence != 3])
    replay(wire, [KEY], PINNED, desk.inbox, Begin(), name="rsud/replay/a").run(Event())
    assert desk.inbox.notes.gaps("rsud/replay/a") == [(Gap(3, 3), "skipped")]
    replay(Wire(TWELVE), [KEY], PINNED, desk.inbox, Begin(), name="rsud/replay/a").run(Event())
    assert desk.seen == [1, 2, 4, 5, 6, *range(7, 13), 3]
    assert desk.inbox.notes.gaps("rsud/replay/a") == []


@pytest.mark.parametrize("text", ["", "yesterday", "position:x", "-1", "2026-03-03T12:00:00"])
def test_where_a_replay_begins_is_said_in_one_of_four_ways(text):
    with pytest.raises(ValueError, match="say beginning"):
        Begin.read(text)


@pytest.mark.thorough
def test_many_messages_do_not_make_it_grow(desk):
    """A thousand times the same page, as a topic that was filled again and again."""
    page = [Arrived.of(m) for m in told(200)]

    class Endless(Wire):
        def receive(self, seconds: float) -> Any:
            self._at += 1
            if self._at > 300:
                self._stop.set()
                return []
            return [s._replace(after=None) for s in random.sample(page, len(page))]

    made = desk.receive(Endless([]), seconds=60)
    assert (made.handled, made.again) == (200, 300 * 200 - 200)
    tables = "SELECT sum(n) FROM (SELECT count(*) AS n FROM rujukan_recent UNION ALL SELECT count(*) FROM rujukan_case)"
    assert desk.inbox._db.execute(tables).fetchone()[0] == 203
