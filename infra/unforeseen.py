"""What is said of an error that nobody foresaw: its class and where it came from, never its words, as they may repeat
what a survivor said."""

import traceback
from pathlib import Path

DEEP = 4


def where(error: BaseException) -> str:
    """`KeyError at register.py:90 < following.py:44`: the places in the code, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-DEEP:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}" if places else type(error).__name__
