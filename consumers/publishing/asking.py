"""Whether a broker answers at all: asked by a publisher that publishes nothing."""

import time
from threading import Thread

from ..wire.kafka import clients, topics
from ..wire.kafka.access import Access, options

ASK_SECONDS = 2.5
"""How long one has to answer."""


class Asking:
    """Asks, on a thread of its own, whether a broker answers."""

    def __init__(self, access: Access) -> None:
        self._answers: bool | None = None
        self._give_up = time.monotonic() + ASK_SECONDS
        self._access = access
        Thread(target=self._ask, name="asking", daemon=True).start()

    def answers(self) -> bool | None:
        """Whether one does, in time; None as long as that is not known."""
        if self._answers is None and time.monotonic() > self._give_up:
            return False
        return self._answers

    def _ask(self) -> None:
        try:
            clients.admin(**topics.ADMIN, **options(self._access)).close()
            self._answers = True
        except Exception:
            self._answers = False
