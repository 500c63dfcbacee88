"""Other files of the same case: which one goes on, which ended as a second one of it, which were one with it once."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ..codes import AgencyKind
from ..fact import AgencyCode, CaseId, HoldId
from ..persistent import put
from .state import EMPTY, Part


class Apart(Struct, frozen=True):
    """That this file was one with another, and was separated from it: since when first, and until when last, as it was
    recorded."""

    since: datetime
    until: datetime
    holds: frozenset[HoldId]
    """What stood in this file as they were separated: it binds the other until its holder lifts it."""


class Files(Part, frozen=True):
    merged_into: CaseId | None = None
    """The file that lives on, where this one ended as a second one of the same case."""
    duplicates: frozenset[CaseId] = frozenset()
    """Those that ended so, and are read with this one."""
    told: Mapping[CaseId, Mapping[AgencyCode, AgencyKind]] = EMPTY
    """Duplicate → which agencies were told, in this file, that it goes on here."""
    joined_at: Mapping[CaseId, datetime] = EMPTY
    """File that is one with this now → since when, as it was recorded."""
    apart: Mapping[CaseId, Apart] = EMPTY
    """File that was one with this → when."""
    led_since: datetime | None = None
    """Since when its lead leads it, as it was recorded; None: from the beginning."""

    def joined(self, other: CaseId, at: datetime) -> "Files":
        """What is known once that one is one with this."""
        return replace(self, joined_at=put(self.joined_at, other, at))

    def parted(self, other: CaseId, at: datetime, holds: frozenset[HoldId]) -> "Files":
        """What is known once that one is so no more."""
        before = self.apart.get(other)
        since = before.since if before is not None else self.joined_at.get(other, at)
        joined_at = {file: when for file, when in self.joined_at.items() if file != other}
        return replace(self, joined_at=joined_at, apart=put(self.apart, other, Apart(since, at, holds)))
