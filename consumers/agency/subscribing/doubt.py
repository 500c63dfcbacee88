"""Whether the pinned key is the service's.

A message that the pinned key did not sign is a forgery, if others are signed with it. As long as none is, the wrong key
may be pinned here, and then no message is at fault: each of them may be an emergency. So until the first one is signed
they are kept in mind, nothing is noted of them, the place does not move, and nothing is said to the service. What is
signed is never kept waiting by this.
"""

import logging
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...wire.acknowledgement import Reason
from ...wire.envelope import encoded_service_key
from ..transports.transport import Arrived

log = logging.getLogger(__name__)
SAY_SECONDS = 60.0
MOST = 100
"""So many are kept, to be noted once they are known to be forgeries; of more it is known how many."""

Refused = tuple[Arrived, Reason]


class Doubt:
    """Of one subscription, since it was made."""

    def __init__(self, pinned: Sequence[Ed25519PublicKey]) -> None:
        self._pinned = ", ".join(encoded_service_key(key) for key in pinned)
        self._is_settled = False
        self._waiting: list[Refused] = []
        self._said = 0.0
        self.count = 0
        """So many are not signed with the pinned key, while none was that is."""

    def refused(self, refused: Sequence[Refused], is_signed: bool) -> list[Refused]:
        """Which of those that came, and came before, are known not to be the service's. `is_signed`: something that
        came with them was signed with the pinned key."""
        self._is_settled = self._is_settled or is_signed
        if self._is_settled:
            known, self._waiting, self.count = [*self._waiting, *refused], [], 0
            return known
        unsigned = [one for one in refused if one[1] == "bad-signature"]
        self.count += len(unsigned)
        self._waiting += unsigned[: MOST - len(self._waiting)]
        self.say()
        return [one for one in refused if one[1] != "bad-signature"]

    def say(self) -> None:
        """In the log, now and then, while it is so."""
        if self.count and (not self._said or time.monotonic() - self._said > SAY_SECONDS):
            self._said = time.monotonic()
            log.critical("%s", self.words)

    @property
    def words(self) -> str:
        """What is the matter and what to do; empty where nothing is."""
        if not self.count:
            return ""
        return (
            f"nothing that came is signed with the service's key that is pinned here ({self._pinned}):"
            f" {self.count} messages wait, none is handled or acknowledged. Ask whoever runs the service for what"
            " `rujukan service-key` prints, and start again with that key"
        )
