"""What the rules do not allow, said of a line of the log."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ...domain.refusal import Refusal
from .xes import XesError


@contextmanager
def refusals(line: int) -> Iterator[None]:
    """What the rules do not allow inside, as XesError of that line."""
    try:
        yield
    except msgspec.ValidationError as wrong:
        raise XesError(line, f"the rules do not allow this: {wrong}") from None
    except Refusal as refusal:
        about = "; ".join(f"{name}: {value}" for name, value in refusal.about.items() if value is not None)
        said = f"{refusal.says.en} {about}".strip()
        raise XesError(line, f"the rules do not allow this ({type(refusal).__name__}): {said}") from None
