"""A private key that is not here is no fault of what is sealed to it: it waits, and nothing is lost, or said to have
failed; with the right key all is handled in order."""

from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from some import examples
from test_subscription import QUICK, TWELVE, Desk, write_key
from told import AGENCY, CASES, KEY, PINNED, Wire, delivery, sealed

from rujukan.consumers.agency.subscribing.halts import Waits
from rujukan.consumers.agency.subscribing.keys import KeyDirectory, keys_from
from rujukan.consumers.agency.subscribing.replay import Begin, replay
from rujukan.consumers.agency.transports.transport import Arrived
from rujukan.consumers.wire.envelope import AgencyKey

KEYS = [AgencyKey.generate(f"{n}") for n in range(3)]
"""One after the other was registered."""


@pytest.fixture
def desk() -> Desk:
    return Desk()


def said(wire: Wire, what: str) -> set[int]:
    """Numbers that the service has heard of."""
    found = (getattr(one, what) for one in wire.clerk.said)
    return {getattr(number, "sequence", number) for numbers in found for number in numbers}


@pytest.mark.parametrize("page", [1, 5, 1000])
@pytest.mark.parametrize("before", [0, 4])
def test_with_a_wrong_key_nothing_is_noted_or_said_and_the_right_one_has_all_handled(desk, caplog, page, before):
    desk.receive(Wire(TWELVE[:before]))
    cursor = desk.inbox.notes.cursor(AGENCY)
    wrong = AgencyKey.generate(KEY.id)  # its number was typed twice
    wire = Wire(TWELVE, page=page)
    made = desk.receive(wire, keys=[wrong])
    assert (desk.seen, desk.letters()) == (list(range(1, before + 1)), [])
    assert before == 0 or desk.inbox.notes.cursor(AGENCY) == cursor
    assert said(wire, "failed") == set()
    assert all(one.received is None or one.received.sequence <= before for one in wire.clerk.said)
    for words in (made.opening.words, caplog.text, desk.inbox.notes.waits_here(AGENCY)):
        assert f"number {before + 1} is sealed to the key {KEY.id} (fingerprint {KEY.fingerprint})" in words
        assert f"{wrong.id} (fingerprint {wrong.fingerprint})" in words
    right = Wire(TWELVE, page=page)
    desk.receive(right, keys=[wrong, KEY])
    assert (desk.seen, desk.letters()) == (list(range(1, 13)), [])
    assert (said(right, "failed"), desk.inbox.notes.waits_here(AGENCY)) == (set(), "")


@settings(max_examples=examples(60))
@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=2).map(sorted),
    st.sets(st.sampled_from(range(3))),
    st.integers(1, 14),
    st.booleans(),
)
def test_whatever_keys_are_here_at_first_all_is_handled_once_they_all_are(cuts, here, page, are_renamed):
    """Registered one after the other: what is sealed to one that is lacking waits; or lies in the dead letters, where
    what came behind it shows that its key was given up. Nobody hears of a failure that is not taken back."""
    key_of = {n: sum(n > cut for cut in cuts) for n in range(1, 13)}
    messages = [
        m for n in range(1, 13) for m in sealed([delivery(n)], key=KEYS[key_of[n]], in_case=lambda d: d.sequence)
    ]
    named = [AgencyKey.from_json(k.to_json().replace(b'"id":"', b'"id":"x')) if are_renamed else k for k in KEYS]
    desk, first, second = Desk(), Wire(messages, page=page), Wire(messages, page=page)
    desk.receive(first, keys=[named[n] for n in sorted(here)])
    opens = [n for n in range(1, 13) if key_of[n] in here]
    given_up = {n for n in range(1, max(opens, default=0)) if n not in opens}
    assert (set(desk.seen), said(first, "failed")) == (set(opens), given_up)
    desk.receive(second, keys=named)
    assert sorted(desk.seen) == list(range(1, 13))
    assert given_up or desk.seen == sorted(desk.seen)
    assert desk.inbox.letters.all(AGENCY, "open") == []
    assert said(second, "failed") | given_up <= said(first, "recovered") | said(second, "recovered")
    desk.inbox.close()


def test_a_person_says_that_a_key_is_lost(desk):
    lost = AgencyKey.generate("lost")
    wire = Wire([*sealed([delivery(1)]), *sealed([delivery(2)], key=lost)])
    desk.receive(wire)
    assert (desk.seen, desk.letters()) == ([1], [])
    desk.receive(wire, replace(QUICK, lost=frozenset({"lost"})))
    assert (desk.seen, desk.letters()) == ([1], [(2, "cannot-open")])


def test_what_was_sealed_anew_behind_is_handled_though_its_first_key_is_not_here(desk):
    """Over Kafka: the same number again, behind what waits."""
    lost, new = AgencyKey.generate("lost"), AgencyKey.generate("new")
    anew = [Arrived.of(m) for m in sealed([delivery(1), delivery(2)], key=new)]
    resent = [one._replace(headers=[*one.headers, ("rujukan-resent", b"1")]) for one in anew]
    desk.receive(Wire([*sealed([delivery(1), delivery(2)], key=lost), *resent], page=1), keys=[new])
    assert desk.seen == [1, 2]
    assert desk.inbox.letters.all(AGENCY, "open") == []


class Topic:
    """What lies on an agency's topic, whose keys are lost in turn: each is followed by the next of these."""

    def __init__(self) -> None:
        self.sent: list[Arrived] = []
        self.told_to: list[AgencyKey] = []
        self.key = KEYS[0]
        self.work: list[tuple[int, int]] = []
        """Histories that are to be sealed anew: what was sent of each, and up to where it goes."""

    def tells(self) -> None:
        self.told_to.append(self.key)
        self._send(len(self.told_to), resent=False)

    def loses_its_key(self) -> None:
        """Another is registered, and two agree that all that was told so far is sealed anew to that."""
        self.key = KEYS[KEYS.index(self.key) + 1]
        self.work.append((0, len(self.told_to)))

    def is_sent_anew(self, is_noted: bool) -> None:
        """The next of a history; a publisher that is killed before that is noted sends it again."""
        if self.work:
            sent, upto = self.work[0]
            if sent < upto:
                self._send(sent + 1, resent=True)
            if is_noted:
                self.work[0] = sent + 1, upto
            if self.work[0][0] >= upto:
                self.work.pop(0)

    def _send(self, number: int, resent: bool) -> None:
        (message,) = sealed([delivery(number)], key=self.key, in_case=lambda d: d.sequence)
        arrived = Arrived.of(message)
        mark = [("rujukan-resent", b"1")] if resent else []
        self.sent.append(arrived._replace(headers=[*arrived.headers, *mark]))


@pytest.mark.thorough
@settings(max_examples=examples(100))
@given(
    st.lists(st.sampled_from(["told", "told", "lost", "anew", "anew", "killed"]), max_size=24),
    st.integers(1, 14),
    st.lists(st.integers(0, 24), max_size=3),
    st.integers(0, 24),
)
def test_keys_that_are_lost_in_turn_with_publishers_killed_between_lose_nothing(steps, page, cuts, read):
    """The machine has the last key alone, and goes on from where it was while it had those of then."""
    topic, desk = Topic(), Desk()
    for n, step in enumerate(["told", *steps]):
        if n == read:
            desk.receive(Wire(topic.sent, page=page), keys=KEYS[: KEYS.index(topic.key) + 1])
        if step == "told":
            topic.tells()
        elif step == "lost" and topic.key is not KEYS[-1]:
            topic.loses_its_key()
        elif step in ("anew", "killed"):
            topic.is_sent_anew(is_noted=step == "anew")
    while topic.work:
        topic.is_sent_anew(is_noted=True)
    topic.tells()
    wire = Wire(topic.sent, page=page)
    wire.breaks_at = set(cuts)
    made = desk.receive(wire, keys=[topic.key])
    everything = list(range(1, len(topic.told_to) + 1))
    assert (sorted(desk.seen), made.opening.words) == (everything, "")
    assert desk.inbox.letters.all(AGENCY, "open") == []
    assert said(wire, "failed") <= said(wire, "recovered")
    desk.inbox.close()


def test_a_replay_ends_and_says_which_key_is_lacking(desk):
    made = replay(Wire(TWELVE), [AgencyKey.generate("9")], PINNED, desk.inbox, Begin())
    with pytest.raises(Waits):
        made.run(Event())
    assert KEY.fingerprint in made.opening.words
    assert (desk.seen, desk.inbox.letters.all(made.name)) == ([], [])


def test_a_new_inbox_takes_back_what_one_before_it_failed_at():
    """It does not know what that was: what it handles until it has caught up, it says."""
    before, after = Desk(), Desk()
    before.raising = {3: 99, 7: 99}
    wire, fresh = Wire(TWELVE), Wire(TWELVE, page=4)
    before.receive(wire)
    after.raising = {7: 99}
    after.receive(fresh)
    assert (said(wire, "failed"), said(fresh, "failed")) == ({3, 7}, {7})
    assert said(fresh, "recovered") == set(range(1, 13)) - {7}
    later = Wire([*TWELVE, *sealed([delivery(13, CASES[1])])])
    after.receive(later)
    assert said(later, "recovered") == set(), "it is new no more"


@pytest.mark.parametrize("read", [lambda at: KeyDirectory(at), lambda at: keys_from(sorted(at.glob("*.key")))])
def test_two_files_whose_keys_are_called_the_same_are_refused_and_both_are_named(tmp_path: Path, read) -> None:
    one, other = AgencyKey.generate("1"), AgencyKey.generate("1")
    write_key(tmp_path / "a.key", one)
    assert [key.fingerprint for key in read(tmp_path)] == [one.fingerprint]
    write_key(tmp_path / "b.key", other)
    with pytest.raises(ValueError, match="both hold a key called 1") as refused:
        read(tmp_path)
    for said_of in ("a.key", "b.key", one.fingerprint, other.fingerprint):
        assert said_of in str(refused.value)
