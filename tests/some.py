"""Many of a kind: a few in every run, all of them in a thorough one."""

from collections.abc import Iterable

import hypothesis
import pytest

ONE_IN = 6
QUICK_EXAMPLES, THOROUGH_EXAMPLES = 40, 100


def some(values: Iterable[object], one_in: int = ONE_IN) -> list[object]:
    """Parameters of a test: one in so many is tried in every run, the others where it is thorough. A plain tuple has
    several."""
    return [
        pytest.param(*(v if type(v) is tuple else (v,)), marks=pytest.mark.thorough if n % one_in else ())
        for n, v in enumerate(values)
    ]


def thorough(*values: object) -> object:
    """The parameters of a test that is tried where it is thorough."""
    return pytest.param(*values, marks=pytest.mark.thorough)


def is_thorough() -> bool:
    """Whether all of them are asked for."""
    return bool(hypothesis.settings.default.max_examples >= THOROUGH_EXAMPLES)


def examples(most: int, least: int = 15) -> int:
    """How many examples a property is tried with: so many in a thorough run, a sixth of them in every run, but no fewer
    than `least`."""
    return most if is_thorough() else max(least, most // 6)
