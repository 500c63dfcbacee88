"""Behind which delivery a subscription begins; and where that is, when the service does not know the last one.

A service of which an older state was restored may know none of the newest numbers here, or other deliveries under
them. It is asked behind the last one, by its id, and says so. Then it is asked behind an older one, until one is known
to both: from there on each number that comes is compared with what was handled under it, so nothing that the service
tells now is taken for a repeat.
"""

import logging
from typing import Any

from ..inbox.inbox import Inbox
from ..transports.transport import Last
from .part import Part

log = logging.getLogger(__name__)


class Beginning:
    """Of one subscription. All but `look_back` and `went_on` may raise what the inbox raises."""

    def __init__(self, inbox: Inbox[Any], name: str, part: Part) -> None:
        self._inbox, self._name, self._part = inbox, name, part
        self._back = 0
        """So many before the last one it begins."""
        self._is_oldest = True

    def last(self, handled: int) -> Last:
        """The delivery behind which to begin, with everything up to that number handled."""
        if not self._part.is_whole:
            return Last(self._part.after(handled))
        known = self._inbox.notes.last(self._name, handled) or [Last(handled)]
        if known[-1].sequence == 1:
            known.append(Last(0))  # all are remembered that there ever were
        self._is_oldest = self._back >= len(known) - 1
        return known[-1] if self._is_oldest else known[self._back]

    def before(self, number: int) -> Last:
        """The delivery before that number, to be asked for what is missing behind it."""
        known = self._inbox.notes.last(self._name, number - 1, 1) if self._part.is_whole else []
        return known[0] if known and known[0].sequence == number - 1 else Last(number - 1)

    def look_back(self) -> bool:
        """The service does not know that one: begin behind an older one. False where none is left."""
        if not self._back:
            log.critical(
                "the service does not know what was handled here last: an older state of it was restored. Ask whoever"
                " runs it (rujukan forks). What it tells otherwise than before goes to the dead letters, for you to"
                " look at; nothing behind that is handled until then"
            )
        if self._is_oldest:
            log.critical("nor does it know anything else that is remembered here: nothing more of it is handled")
            return False
        self._back = max(1, 2 * self._back)
        return True

    def went_on(self) -> None:
        """Something new was handled, which both know."""
        self._back = 0
