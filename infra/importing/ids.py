"""What an imported case and person are known by. A case is known by its lead and the lead's own number for it: so what
a log brought once is found again when the log has grown. These are MACs, and no hashes: a case's id stands in clear in
many places, and whoever guesses numbers could else find out which of them has a file here."""

from uuid import UUID

from msgspec import json

from ...domain.fact import ActorId, AgencyCode, CaseId
from ..keys.home import Macs
from ..keys.names import IMPORTED


class Ids:
    def __init__(self, macs: Macs) -> None:
        self._macs = macs

    def case(self, lead: AgencyCode, reference: str) -> CaseId:
        """The id of the case that an agency leads under a number of its own."""
        return CaseId(self._id("case", lead, reference))

    def actor(self, resource: str) -> ActorId:
        """Who a log names so; only who has the log or asks for the name learns it."""
        return ActorId(self._id("resource", resource))

    def _id(self, *said: str) -> UUID:
        made = int.from_bytes(self._macs.mac(IMPORTED, json.encode(said))[:16], "big")
        return UUID(int=made & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def is_imported(case: UUID) -> bool:
    """Whether a case's id is one that an import gives: version 8 of RFC 9562, or 5, as it was when the id followed from
    the log's hash."""
    return case.version in (5, 8)
