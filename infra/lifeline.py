"""What ends a child with its supervisor, however that ends: a pipe of which the child holds the one end, and the
supervisor alone the other. Nobody writes; a supervisor that is killed lets go as well."""

import os
import signal
import time
from threading import Thread


class Lifeline:
    """The supervisor's side. Its children are given `end` (`pass_fds`), and nothing else."""

    def __init__(self) -> None:
        self.end, self._held = os.pipe()

    def let_go(self) -> None:
        """Close both ends: children that still run are told to stop."""
        os.close(self._held)
        os.close(self.end)


def end_with(end: int, seconds: float) -> None:
    """From now on this process is told to stop (SIGTERM) as soon as the supervisor is gone, and ends in any case so
    many seconds later."""

    def wait() -> None:
        os.read(end, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds)
        os._exit(1)

    Thread(target=wait, name="lifeline", daemon=True).start()
