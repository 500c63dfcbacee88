"""Which part of what an agency is told is meant."""

from ...wire.envelope import Attributes, Opener
from ..transports.transport import Arrived


class Part:
    """All that an agency is told, and by which number it is in order. A replay means a part of it."""

    is_whole = True
    """Whether its numbers are those of all that the agency is told."""
    behind: int | None = 0
    """The number behind which it begins; None: it begins with the first message that it wants."""

    def number(self, attributes: Attributes) -> int:
        """The number that has no gaps in this part."""
        return int(attributes.sequence)

    def after(self, handled: int) -> int:
        """The sequence after which a source has to look, with everything up to that number handled."""
        return handled

    def wants(self, attributes: Attributes, sealed: Arrived, opener: Opener) -> bool:  # noqa: ARG002
        """Whether a message belongs to this part."""
        return True
