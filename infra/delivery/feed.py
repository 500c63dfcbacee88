"""The register as the API asks for it: read under row-level security, sealed, as CloudEvents in JSON.

It has connections of its own, so that hundreds who subscribe leave those of the commands alone.
"""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from uuid import UUID

import msgspec

from ...api.application.ports import FeedPage, Forked, SealedMessage, Unavailable
from ...consumers.wire import envelope
from ...domain.delivery import Cursor
from ...domain.refusal import AnotherHistory, KeyMissing
from ..store import forked
from .agency_keys import NoKey, NotTold
from .bell import Bell
from .telling import NoHistory, Tellings

log = logging.getLogger(__name__)

COMPLAIN_SECONDS = 60.0


class ApiFeed:
    """What agencies are told, sealed. Safe to share between threads."""

    def __init__(self, tellings: Tellings, bell: Bell, stop: Event) -> None:
        """Listens for the bell from when somebody wants to know, until told to stop."""
        self._tellings = tellings
        self._bell = bell
        self._stop = stop
        self._listening: Thread | None = None
        self._complained: dict[str, float] = {}
        self.head, self.first_at = tellings.head, tellings.first_at

    def when_told(self, call: Callable[[frozenset[str] | None], object]) -> None:
        self._bell.when_rung(call)
        if self._listening is None:
            self._listening = Thread(target=self._bell.listen, args=(self._stop,), name="bell", daemon=True)
            self._listening.start()

    def page(self, agency: str, after: Cursor, limit: int, case: UUID | None = None) -> FeedPage:
        try:
            head = self._tellings.head(agency)  # first: what is told meanwhile comes with the next page
            try:
                tellings = self._tellings.after(agency, after, limit, case)
            except AnotherHistory:
                self._tellings.check()  # where it is known that the history forked, that is said
                self._complain(agency)
                raise
            if not tellings:  # its cursor may be of another history
                self._tellings.check()
            messages = self._tellings.seal(tellings)
            self._tellings.handed_out(agency, messages)
        except (NoHistory, forked.Forked):
            raise Forked("the history in the database forked") from None
        except NoKey:
            raise KeyMissing(agency=agency) from None
        except NotTold as problem:
            raise Unavailable(str(problem)) from None
        sealed = [
            SealedMessage(Cursor(m.sequence, UUID(m.id)), msgspec.json.encode(envelope.to_cloudevent(m)))
            for m in messages
        ]
        upto = sealed[-1].at if sealed else after
        if len(messages) == len(tellings) < limit:  # nothing is held, and nothing more was there
            upto = head if head.sequence >= upto.sequence else upto
        return FeedPage(sealed, head, upto)

    def _complain(self, agency: str) -> None:
        """Say so in the log, but not each time."""
        if time.monotonic() - self._complained.get(agency, -COMPLAIN_SECONDS) >= COMPLAIN_SECONDS:
            self._complained[agency] = time.monotonic()
            log.warning(
                "%s says that it holds a delivery that the register does not have: mistaken, or `rujukan forks`", agency
            )
