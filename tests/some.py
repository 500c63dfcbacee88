"""Many of a kind: a few in every run, all of them in a thorough one."""

from collections.abc import Iterable

import pytest

ONE_IN = 6


def some(values: Iterable[object], one_in: int = ONE_IN) -> list[object]:
    """Parameters of a test: one in so many is tried in every run, the others where it is thorough."""
    return [pytest.param(v, marks=pytest.mark.thorough if n % one_in else ()) for n, v in enumerate(values)]
