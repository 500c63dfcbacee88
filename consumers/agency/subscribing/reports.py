"""What a subscription has to say to the service: put together from the inbox now and then, and brought by a courier."""

import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ...wire.acknowledgement import Mark
from ..inbox.inbox import Inbox
from ..inbox.taking import Opened
from ..transports.transport import Replies
from .courier import EVERY_SECONDS, Courier, Parcel

IDLE_REPORT_SECONDS = 2.0
"""While nothing happens here, so often it looks for what another process, a replay of dead letters, has to say."""
MOST_LETTERS = 50


class Reports:
    """Used by the thread that receives. Every method may raise what the inbox raises."""

    def __init__(self, inbox: Inbox[Any], name: str, replies: Replies) -> None:
        self._inbox, self._name = inbox, name
        self._courier = Courier(replies)
        self._received: Mark | None = None
        self._at = 0.0
        self._so_far: object = None

    def received(self, opened: Sequence[Opened]) -> None:
        """These have arrived, and could be opened where they have a delivery."""
        for one in opened:
            if one.delivery is not None and (self._received is None or one.number > self._received.sequence):
                self._received = Mark(int(one.attributes.sequence), one.delivery.receipt)

    def report(self, so_far: object, at_once: bool = False) -> None:
        """Let the courier bring what there is to say, and note what was heard. `so_far` tells whether anything happened
        since the last time. Raises NotAdmitted where nobody takes it from us, and that for good."""
        refused = self._courier.refused
        if refused is not None and refused.is_for_good and not at_once:
            raise refused
        now = time.monotonic()
        if now - self._at < EVERY_SECONDS and not at_once:
            return
        heard = self._note_heard()
        so_far = so_far, self._received
        if so_far == self._so_far and not heard and now - self._at < IDLE_REPORT_SECONDS and not at_once:
            return
        self._at, self._so_far = now, so_far
        said, rows = self._inbox.notes.to_say(self._name)
        letters = self._inbox.letters.unsent(self._name, MOST_LETTERS) if self._courier.takes_letters else ()
        if self._received is not None and (said.received is None or self._received.sequence > said.received.sequence):
            said = replace(said, received=self._received)
        self._courier.offer(Parcel(said, rows, letters))

    def end(self, so_far: object) -> None:
        """Say the last word, as far as that goes at once."""
        self.report(so_far, at_once=True)
        self._courier.close()
        self._note_heard()

    def _note_heard(self) -> bool:
        """Note what the service has heard; whether that leaves something more to say."""
        noted = False
        for parcel in self._courier.heard():
            if parcel.rows or parcel.letters:
                self._inbox.was_heard(parcel.rows, parcel.letters)
                noted = True
        return noted
