"""Budgets and places: what one caller takes, another still has."""

from collections import Counter
from contextlib import ExitStack, suppress
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rujukan.api.limits import ENTRY_BYTES, WORDS, Budget, Limits, Places, Rate, too_many
from rujukan.api.problems import TooMany, answer
from rujukan.infra.settings import Settings, from_environment

ANNA, BUDI = UUID(int=1), UUID(int=2)


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(budget: Budget, agency: str, person: UUID | None = None, tries: int = 10_000) -> int:
    """How often it could be taken in one go."""
    for count in range(tries):
        try:
            budget.take(agency, person)
        except TooMany:
            return count
    return tries


def test_a_person_has_their_own_and_shares_the_agency_s() -> None:
    clock = Clock()
    budget = Budget.shared("reads", 20, clock=clock)
    assert taken(budget, "rsud", ANNA) == 40 + 200
    assert taken(budget, "rsud", BUDI) == 40, "a colleague took all that is shared, and not what is one's own"
    assert taken(budget, "polres", ANNA) == 240
    clock.now += 1
    assert taken(budget, "rsud", ANNA) == 4 + 20
    assert taken(budget, "rsud", BUDI) == 4
    clock.now += 3600
    assert taken(budget, "rsud", ANNA) == 240, "and no more than that was saved up"


def test_the_refusal_names_the_limit_and_when_it_is_over() -> None:
    clock = Clock()
    budget = Budget.of_people("emergencies", 0.25, 1, clock)
    budget.take("rsud", ANNA)
    with pytest.raises(TooMany) as refused:
        budget.take("rsud", ANNA)
    assert (refused.value.limit, refused.value.retry_after) == ("emergencies", 4)
    clock.now += refused.value.retry_after
    budget.take("rsud", ANNA)


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 3)), max_size=60), st.integers(1, 50))
def test_who_waits_as_long_as_it_is_told_is_served(moves: list[tuple[float, int]], each_second: int) -> None:
    clock = Clock()
    budget = Budget.shared("commands", each_second, clock=clock)
    for later, person in moves:
        clock.now += later
        whose = UUID(int=person)
        taken(budget, "rsud", whose, 500)
        try:
            budget.take("rsud", whose)
        except TooMany as refused:
            clock.now += refused.retry_after
            budget.take("rsud", whose)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 30)), min_size=1, max_size=60))
def test_no_more_is_had_than_so_much_at_once_and_so_much_a_second(moves: list[tuple[float, int]]) -> None:
    clock = Clock()
    budget = Budget("pages", Rate(3, 7), clock=clock)
    had, began = 0, clock.now
    for later, asks in moves:
        clock.now += later
        had += taken(budget, "rsud", tries=asks)
        assert had <= 7 + 3 * (clock.now - began) + 1e-6


def test_what_is_owed_is_paid_before_more_is_had() -> None:
    clock = Clock()
    budget = Budget.of_agencies("deliveries", 100, 10, clock)
    whose = budget.take("rsud", amount=0)
    budget.owe(whose, 1_500)
    with pytest.raises(TooMany) as refused:
        budget.take("rsud")
    assert refused.value.retry_after == 6
    clock.now += 6
    budget.take("rsud", amount=0)
    budget.owe(whose, -10_000)
    assert taken(budget, "rsud") == 1_000, "what is given back is no more than there ever was"


def test_no_limit_is_no_limit() -> None:
    for budget in (Budget.shared("reads", 0), Budget.of_agencies("pages", 0), Budget.of_people("emergencies", 0, 0)):
        assert taken(budget, "rsud", ANNA) == 10_000
        budget.owe(budget.take("rsud", ANNA), 10**9)
        assert len(budget) == 0
    places = Places("requests", 0, 0, 0)
    for _ in range(2_000):
        places.take("rsud", ANNA)


def test_any_number_of_callers_fits_into_the_memory_that_there_is() -> None:
    """An attacker has many tokens, and many agencies: what it is forgotten of is its own."""
    budget = Budget("reads", Rate(20, 200), Rate(4, 40), kept_bytes=100 * ENTRY_BYTES)
    for n in range(5_000):
        taken(budget, f"agency-{n % 7}", uuid4(), 2)
        taken(budget, f"agency-{n}", None, 1)
        assert len(budget) <= 100


def test_places_are_forgotten_with_who_had_them() -> None:
    places = Places("waits", 2, 3, 100)
    with ExitStack() as open_ones:
        for agency in range(20):
            for _ in range(2):
                open_ones.enter_context(places.place(f"agency-{agency}", uuid4()))
        assert len(places) == 40
    assert len(places) == 0


def test_places_of_one_are_not_another_s() -> None:
    places = Places("waits", 2, 3, 4)
    had: Counter[tuple[str, UUID]] = Counter()
    for agency, person in [("rsud", ANNA)] * 4 + [("rsud", BUDI)] * 4 + [("polres", ANNA)] * 4:
        with suppress(TooMany):
            places.take(agency, person)
            had[agency, person] += 1
    assert had == {("rsud", ANNA): 2, ("rsud", BUDI): 1, ("polres", ANNA): 1}
    places.leave("rsud", ANNA)
    places.take("polres", ANNA)


@pytest.mark.parametrize("limit", WORDS)
def test_each_limit_says_what_to_do(limit: str) -> None:
    refused = answer(too_many(limit, 2.1))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3"
    assert f'"limit":"{limit}"'.encode() in bytes(refused.body)
    assert b"Send it again in 3 s" in bytes(refused.body)


def test_every_setting_is_a_limit() -> None:
    assert Limits(**Settings().limits) == Limits(), "what is usual is said once more in the settings"
    said = from_environment({"RUJUKAN_LIMIT_READS": "3"})
    assert Limits(**said.limits).reads == 3
    with pytest.raises(ValueError, match="RUJUKAN_LIMIT_READS"):
        from_environment({"RUJUKAN_LIMIT_READS": "-1"})
