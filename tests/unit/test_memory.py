"""What was used last is remembered, up to a weight, whatever is asked in whatever order."""

from collections.abc import Callable
from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from rujukan.domain.memory import Memory

KEYS = st.integers(0, 9)
DOES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 40)),
        st.tuples(st.just("get"), KEYS, st.just(0)),
        st.tuples(st.just("pop"), KEYS, st.just(0)),
    ),
    max_size=80,
)


def itself(value: int) -> int:
    return value


@given(DOES, st.integers(0, 60))
def test_it_keeps_what_was_used_last_and_no_more_than_it_may(does: list[tuple[str, int, int]], most: int) -> None:
    memory: Memory[int, int] = Memory(most, itself)
    used: list[tuple[int, int]] = []  # the oracle: (key, value), what was used last behind
    for act, key, value in does:
        there = dict(used).get(key)
        if act == "get":
            assert memory.get(key) == there
        elif act == "pop":
            assert memory.pop(key, None) == there
        else:
            memory[key] = value
            there = value
        used = [each for each in used if each[0] != key]
        if act != "pop" and there is not None:
            used.append((key, there))
        while sum(weight for _, weight in used) > most:
            used.pop(0)
        assert memory.weight == sum(weight for _, weight in used) <= most
        assert list(memory) == [key for key, _ in used]


def test_one_that_grew_is_weighed_anew_when_it_is_put_again() -> None:
    memory: Memory[str, list[int]] = Memory(10, len)
    growing = [1]
    memory["growing"], memory["other"] = growing, [1, 2, 3, 4]
    growing += range(8)
    memory["growing"] = growing
    assert (list(memory), memory.weight) == (["growing"], 9)


def test_one_that_is_too_heavy_is_not_kept() -> None:
    memory: Memory[str, str] = Memory(3, len)
    memory["heavy"] = "abcd"
    assert (len(memory), memory.weight, memory.get("heavy")) == (0, 0, None)


def test_the_better_one_stays() -> None:
    memory: Memory[str, int] = Memory(100, lambda _: 1)
    memory["version"] = 3
    for offered in (2, 5, 4):
        memory.put("version", offered, unless=lambda known, offered=offered: known > offered)
    assert memory["version"] == 5


def test_threads_leave_its_weight_true() -> None:
    memory: Memory[int, int] = Memory(50, itself)

    def work(step: int) -> Callable[[], None]:
        def run() -> None:
            for n in range(3_000):
                memory[n * step % 17] = n % 9
                memory.get(n % 17)
                memory.pop(n * 5 % 17)

        return run

    threads = [Thread(target=work(step)) for step in (1, 3, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.weight == sum(memory[key] for key in memory) <= 50
