"""Every action as a resource, as its command declares it: where it is posted, and an example that works.

`{case}` and what else stands in a path are not repeated in the body. `mints` names the id that the action
makes; a caller may send its own, but for a case: a taken id would tell that there is such a case.
`occurred_at` may be left out: it happened now.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..domain import catalogue
from ..domain.case.intake import OpenCase
from ..domain.declaring import ASKED
from ..domain.fact import Fact

MADE_HERE = catalogue.KEPT
"""Fields of commands that the service makes and no caller sends."""


class Action(NamedTuple):
    """One action. `example` fits the case that `tests/integration/test_contract.py` walks through."""

    path: str
    command: type[Fact]
    tag: str
    example: dict[str, Any]
    mints: str | None = None


def _declared() -> Iterator[Action]:
    """What is posted, in the order of the subjects."""
    assert catalogue.DECLARED_IN
    for command, said in ASKED.items():
        if said.path is not None:
            yield Action(said.path, command, said.tag, dict(said.example), said.mints)


_ALL = tuple(_declared())

OPENING = next(action for action in _ALL if action.command is OpenCase)
CASE_ACTIONS = tuple(action for action in _ALL if action.path.startswith("/cases/{case}/"))
AGENCY_ACTIONS = tuple(action for action in _ALL if action.path.startswith("/agencies"))
PROPOSAL_ACTIONS = tuple(action for action in _ALL if action.path.startswith("/proposals/{proposal}/"))
