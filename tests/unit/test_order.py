"""The order in which an agency is told, whatever a transport does to it."""

from hypothesis import given
from hypothesis import strategies as st

from rujukan.consumers.agency.inbox.order import LOOK_AHEAD, Gap, Order


def test_what_follows_is_handed_on_and_a_repeat_is_not():
    order: Order[str] = Order(4)
    assert order.take(5, "e") == ["e"]
    assert order.take(5, "again") == order.take(1, "old") == []
    assert (order.done, order.gap) == (5, None)


def test_what_is_early_waits_for_what_is_missing():
    order: Order[str] = Order(0)
    assert order.take(3, "c") == []
    assert order.gap == Gap(1, 2)
    assert order.take(1, "a") == ["a"]
    assert order.gap == Gap(2, 2)
    assert order.take(2, "b") == ["b", "c"]
    assert order.gap is None


def test_a_gap_that_is_skipped_lets_go_what_waited_up_to_the_next_gap():
    order: Order[str] = Order(0)
    for number in (3, 4, 7):
        order.take(number, str(number))
    assert order.skip(Gap(1, 2)) == ["3", "4"]
    assert order.gap == Gap(5, 6)


def test_it_says_when_no_more_can_wait():
    order: Order[int] = Order(0)
    for number in range(2, LOOK_AHEAD + 2):
        assert not order.full
        order.take(number, number)
    assert order.full


@given(st.permutations(list(range(1, 13))), st.lists(st.integers(1, 12), max_size=12))
def test_any_interleaving_with_any_repeats_comes_out_once_and_in_order(numbers, repeats):
    order: Order[int] = Order(0)
    arriving = list(numbers)
    for n, repeat in enumerate(repeats):
        arriving.insert((n * 5) % len(arriving), repeat)
    assert [out for number in arriving for out in order.take(number, number)] == list(range(1, 13))
