"""The web server of an API process: uvicorn's, which ends open streams when it is told to stop."""

from collections.abc import Callable
from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """Ends open streams when it is told to stop, as they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._stopping()
