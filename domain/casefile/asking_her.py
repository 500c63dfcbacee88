"""What another agency than the lead heard waits for the lead, who asks the survivor: she says the same, or does not.

A consent that was reported waits so (confirming.py), and a stop that would end others' work (stopping.py).
"""

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from ..codes import ConsentBy
from ..declaring import Audience
from ..fact import AgencyCode
from ..words import Words
from .state import Case

SaidBy = Annotated[frozenset[ConsentBy], Meta(min_length=1)]
"""Who said it: she herself, or who speaks for her."""
SAID_THE_SAME: dict[str, Any] = {"given_by": ["survivor"], "obtained": "verbal"}
"""An example of what is recorded then."""


def who_reported(of: Callable[[Any, Case], AgencyCode | None]) -> Audience:
    """Who recorded what was asked about, by (event, case)."""
    return Audience(
        Words("instansi yang melaporkannya, selama ikut serta", "the agency that reported it, while it takes part"),
        lambda event, case: {a: kind for a, kind in case.participants().items() if a == of(event, case)},
    )
