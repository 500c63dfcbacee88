"""Many of a kind: a few in every run, all of them in a thorough one."""

from collections.abc import Iterable

import pytest

ONE_IN = 6


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
