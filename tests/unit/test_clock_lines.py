"""How a clock went, as `rujukan history --custody` prints it."""

import pytest

from rujukan.infra.commands.history import went

CLOCK = {"met_at": None, "ended_at": None, "ended_by": None, "too_late": False, "breached_at": None}
AT = "2026-03-03T14:00:00+08:00"


@pytest.mark.parametrize(
    ("so", "line"),
    [
        ({}, "runs"),
        ({"breached_at": AT}, "not met"),
        ({"met_at": AT}, f"met {AT}"),
        ({"met_at": AT, "breached_at": AT}, f"met {AT}"),
        ({"ended_at": AT, "ended_by": "rsud"}, f"ended {AT} by rsud"),
        ({"ended_at": AT}, f"ended {AT}"),
        ({"too_late": True}, "closed before the report"),
    ],
)
def test_only_what_ran_out_is_said_not_to_have_been_met(so: dict[str, object], line: str) -> None:
    """Care that was given is an end in clear, as how a clock of care ended is sealed; and a clock that still runs has
    missed nothing."""
    assert went({**CLOCK, **so}) == line
