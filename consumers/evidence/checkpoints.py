"""Tree heads: C2SP tlog-checkpoint."""

from typing import NamedTuple

from .coding import decimal, from_base64, to_base64
from .refused import Malformed


class Checkpoint(NamedTuple):
    """A log, how many leaves it has, and the root hash of its tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text, with its last newline."""
        return "\n".join((self.origin, str(self.size), to_base64(self.root), *self.extensions)) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text. Raises Malformed."""
    if not text.endswith("\n"):
        raise Malformed("a checkpoint ends with a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise Malformed("a checkpoint has three lines or more, and none is empty")
    root = from_base64(lines[2])
    if len(root) != 32:
        raise Malformed("a root hash has 32 bytes")
    return Checkpoint(lines[0], decimal(lines[1]), root, tuple(lines[3:]))
