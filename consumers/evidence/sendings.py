"""Sendings: that something was sealed and sent to an agency. Each is a row of the service's register, written as one
line of text; what vouches for the lines of an agency is an event of the log, which has for each case the hash of its
lines. So a case's lines can be shown and checked, and say nothing of another's.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

TRANSPORTS = ("kafka", "feed", "webhook")
HASH_BYTES = 32
PSEUDONYM_BYTES = 16


class Sending(NamedTuple):
    """A line. Each of its fields has a text without white space."""

    number: int
    """The agency's sendings are 1, 2, 3 …: what is sent again is another one."""
    sequence: int
    """The delivery's number at the agency."""
    id: str
    """The delivery's UUID."""
    position: int
    """The log's position of the event that lay inside; 0 where a placeholder stood in its place."""
    compartments: tuple[str, ...]
    """What of the event lay inside, by word; none for a placeholder."""
    transport: str
    key: str
    """SHA-256, in hex, of the public key that it was sealed to; `-` where that is not known."""
    found: bool
    """It was found on the topic: who sent it came no further, and `at` is when it was found."""
    at: str
    """ISO 8601 in UTC, to the microsecond: by the database's clock, once the receiver had it."""

    @property
    def line(self) -> str:
        """As it is hashed."""
        inside, how = ",".join(self.compartments) or "-", "found" if self.found else "sent"
        which = f"{self.number} {self.sequence} {self.id} {self.position} {inside}"
        return f"{which} {self.transport} {self.key} {how} {self.at}"


def pseudonym(agency: str, case: UUID) -> str:
    """What stands for a case where an agency's sendings are vouched for, in hex: whoever does not know the case's id
    cannot tell which it is."""
    return sha256(b"rujukan/sendings/case/1\0" + agency.encode() + b"\0" + case.bytes).digest()[:PSEUDONYM_BYTES].hex()


def digest_of(agency: str, case: UUID, sendings: Iterable[Sending]) -> str:
    """The hash of a case's lines, in the order of their numbers, in hex."""
    lines = "".join(f"{sending.line}\n" for sending in sendings)
    return sha256(f"rujukan/sendings/1\n{agency}\n{case}\n{lines}".encode()).hexdigest()
