"""A number that comes with another delivery than before: it is kept for a person to look at, once, however it is
sealed; and what the person says of one of the two is said of that one alone."""

from collections.abc import Sequence
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some import examples
from told import AGENCY, KEY, PINNED, Wire, delivery, sealed

from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.subscribing.recovery import recover
from rujukan.consumers.agency.subscribing.subscription import SeenOtherwise, Subscription
from rujukan.consumers.wire.envelope import AgencyKey, Message, Opener

ONCE = Rules(tries=1, first_pause=0.001, lost=frozenset({"lost"}))
OPENER = Opener([KEY], [PINNED])
OTHER = UUID(int=0xFFFF)


def usual(n: int, key: AgencyKey = KEY) -> Message:
    """Number n, sealed anew each time, as over webhook and feed."""
    return sealed([delivery(n)], key, in_case=lambda one: one.sequence)[0]


def other(n: int) -> Message:
    """Another delivery under that number."""
    return sealed([delivery(n)], in_case=lambda one: one.sequence, id=OTHER)[0]


class Desk:
    """An agency's inbox, and what its handler saw; it fails at these numbers."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.failing: set[int] = set()
        self.inbox = SqliteInbox(":memory:", self._handle)

    def _handle(self, handled: Any, db: Any) -> None:
        if handled.sequence in self.failing:
            raise RuntimeError
        self.seen.append(handled.sequence)

    def stops(self, messages: Sequence[Message], page: int = 1000) -> bool:
        """Whether a session in which these come ends as a number came with another delivery."""
        stop = Event()
        wire = Again(messages, page, stop)
        try:
            Subscription(wire, [KEY], PINNED, self.inbox, rules=ONCE)._session(stop)
        except SeenOtherwise:
            return True
        return False

    def letters(self, state: str = "open") -> list[tuple[int | None, bool]]:
        """(number, whether it is the other delivery) of what lies there."""
        return [(one.sequence, one.id == str(OTHER)) for one in self.inbox.letters.all(AGENCY, state)]

    def replays(self, is_other: bool) -> str:
        """A person has the letter of the one or the other handled."""
        (n,) = [one.n for one in self.inbox.letters.all(AGENCY, "open") if (one.id == str(OTHER)) is is_other]
        return recover(self.inbox, AGENCY, n, OPENER)


class Again(Wire):
    """Gives all that it has whenever it is started, as a service that posts again what was not taken."""

    def start(self, place: Any, last: Any) -> None:
        super().start(None, last)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_it_is_kept_once_however_often_it_is_sealed_and_let_go_of_once_a_person_had_it_handled(desk: Desk) -> None:
    desk.stops([usual(1), usual(2)])
    for _ in range(3):
        assert desk.stops([other(2), usual(3)])
        assert desk.letters() == [(2, True)]
    assert desk.replays(is_other=True) == ""
    assert not desk.stops([other(2), usual(3)])
    assert (desk.letters(), desk.seen) == ([], [1, 2, 2, 3])
    desk.inbox.close()


@pytest.mark.parametrize("first", [True, False])
def test_the_two_are_two_dead_letters_and_a_replay_of_one_is_of_that_one_alone(desk: Desk, first: bool) -> None:
    desk.failing = {2}
    desk.stops([usual(1), usual(2)])
    assert desk.stops([other(2)])
    assert sorted(desk.letters()) == [(2, False), (2, True)]
    desk.failing = set()
    assert desk.replays(is_other=first) == ""
    assert desk.letters() == [(2, not first)]
    assert desk.replays(is_other=not first) == ""
    assert (desk.letters(), desk.seen) == ([], [1, 2, 2])
    desk.inbox.close()


def test_it_does_not_take_the_place_of_one_that_no_key_opened(desk: Desk) -> None:
    """Nor is it handled again each time the feed is asked for that one."""
    desk.stops([usual(1), usual(2, AgencyKey.generate("lost"))])
    for _ in range(3):
        assert desk.stops([other(2)])
    assert (sorted(desk.letters()), desk.seen) == ([(2, False), (2, True)], [1])
    assert desk.replays(is_other=True) == ""
    assert not desk.stops([other(2)])
    assert (desk.letters(), desk.seen) == ([(2, False)], [1, 2])
    assert not desk.stops([usual(2)])
    assert (desk.letters(), desk.seen) == ([], [1, 2, 2])
    desk.inbox.close()


@settings(max_examples=examples(60))
@given(st.permutations([1, 2, 3, -3, 4]), st.integers(1, 6))
def test_it_is_noticed_wherever_a_batch_ends_and_whatever_waits(order: list[int], page: int) -> None:
    """-3 is the other one."""
    desk = Desk()
    assert desk.stops([usual(n) if n > 0 else other(-n) for n in order], page)
    second_is_other = order.index(-3) > order.index(3)
    assert desk.letters() == [(3, second_is_other)], "whichever came second"
    assert desk.seen == list(range(1, len(desk.seen) + 1))
    desk.inbox.close()
