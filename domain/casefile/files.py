"""Other files of the same case: which one goes on, and which ended as a second one of it."""

from collections.abc import Mapping

from ..codes import AgencyKind
from ..fact import AgencyCode, CaseId
from .state import EMPTY, Part


class Files(Part, frozen=True):
    merged_into: CaseId | None = None
    """The file that lives on, where this one ended as a second one of the same case."""
    duplicates: frozenset[CaseId] = frozenset()
    """Those that ended so, and are read with this one."""
    told: Mapping[CaseId, Mapping[AgencyCode, AgencyKind]] = EMPTY
    """Duplicate → which agencies were told, in this file, that it goes on here."""
