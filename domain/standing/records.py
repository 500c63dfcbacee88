"""Whose record a command changes that names none, where several agencies may each have one of the same thing."""

from collections.abc import Set

from ..casefile.state import Case
from ..compartment import Compartment
from ..fact import Act, AgencyCode
from .rule import opens


def record_meant(by: Set[AgencyCode], of: frozenset[Compartment], case: Case, act: Act) -> AgencyCode | None:
    """One's own, or the only one that one may open; None where it has to be named. Who wrote something beside another's
    record is author of that, and of no more."""
    if act.agency in by:
        return act.agency
    opened = [author for author in by if opens(case, act, (author,), of)]
    return opened[0] if len(opened) == 1 else None
