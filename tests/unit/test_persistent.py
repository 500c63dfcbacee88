"""Every version of a mapping or set is as a plain one would be, and stays so; and the last of many costs no more than
the first."""

import gc
import time
from collections.abc import Mapping, Set
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import opened, say

from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.casefile import evolving
from rujukan.domain.fact import Fact
from rujukan.domain.persistent import MANY, Items, Table, add, put

KEYS = st.integers(0, 2 * MANY)


@given(st.lists(st.tuples(KEYS, st.integers()), max_size=200))
def test_a_mapping_is_what_a_dict_would_be_at_every_step(puts: list[tuple[int, int]]) -> None:
    plain: list[dict[int, int]] = [{}]
    ours: list[Mapping[int, int]] = [{}]
    for key, value in puts:
        plain.append({**plain[-1], key: value})
        ours.append(put(ours[-1], key, value))
    for expected, found in zip(plain, ours, strict=True):
        assert found == expected
        assert expected == found
        assert list(found.items()) == list(expected.items())
        assert (len(found), repr(found)) == (len(expected), repr(expected))
        assert all(found.get(key) == expected.get(key) for key in range(2 * MANY + 2))
    assert all(ours[-1] != found for found in ours if dict(found) != plain[-1])


@given(st.lists(KEYS, max_size=200))
def test_a_set_is_what_a_frozenset_would_be_at_every_step(adds: list[int]) -> None:
    plain: list[frozenset[int]] = [frozenset()]
    ours: list[Set[int]] = [frozenset()]
    for item in adds:
        plain.append(plain[-1] | {item})
        ours.append(add(ours[-1], item))
    for expected, found in zip(plain, ours, strict=True):
        assert found == expected
        assert expected == found
        assert (set(found), len(found)) == (set(expected), len(expected))
        assert all((item in found) == (item in expected) for item in range(2 * MANY + 2))
        assert found <= expected <= found
    assert all(earlier <= later for earlier, later in pairwise(ours))


def test_many_are_shared_and_few_are_plain() -> None:
    mapping: Mapping[int, int] = {}
    items: Set[int] = frozenset()
    for n in range(MANY + 1):
        assert (isinstance(mapping, Table), isinstance(items, Items)) == (False, False)
        mapping, items = put(mapping, n, n), add(items, n)
    assert (isinstance(mapping, Table), isinstance(items, Items)) == (True, True)


def notes(count: int) -> list[Fact]:
    return [opened(), *(say(NoteRecorded, note=UUID(int=n)) for n in range(count))]


def folded(events: list[Fact]) -> float:
    """Processor seconds to fold a case, the least of three times."""
    took = []
    for _ in range(3):
        gc.collect()
        began = time.process_time()
        case = evolving.fold(events)
        took.append(time.process_time() - began)
        assert case is not None
        assert len(case.used_ids) == len(events) - 1
    return min(took)


@pytest.mark.thorough
def test_a_case_with_ten_times_the_notes_is_folded_in_about_ten_times_the_time() -> None:
    few, many = notes(800), notes(8_000)
    folded(few)
    assert folded(many) / folded(few) < 40, "copying it all with each note would take a hundred times as long"
