"""What can be said to a command, read where it is said: what cannot be meant is refused in words that name the
argument, before anything is done."""

import argparse
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import UUID


class Failed(Exception):
    """Something a person can mend; the message says what and how."""


_CODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def code_of(codes: Any, word: str, argument: str) -> Any:
    """The code of that value. Raises Failed, which names the argument, all that there are, and the one that was meant
    as it seems."""
    try:
        return codes.of(word)
    except ValueError:
        known = [c.value for c in codes]
        meant = "".join(f". Did you mean {close}?" for close in get_close_matches(word.lower(), known, 1, 0.6))
        raise Failed(f"{argument}: {word} is not one of {', '.join(known)}{meant}") from None


def address(text: str) -> str:
    """HOST:PORT."""
    _, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r}: say HOST:PORT")
    return text


def port(text: str) -> int:
    """A port; 0 for a free one."""
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r}: a port is a number from 0 to 65535, and 0 is a free one")
    return int(text)


def agency(text: str) -> str:
    """An agency's code."""
    if not _CODE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no agency's code: small letters, digits and dashes, as rsud")
    return text


def versions(text: str) -> list[int]:
    """Numbers with commas: 3,7."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise argparse.ArgumentTypeError(f"{text!r}: say the events' versions with commas, as 3,7")
    return [int(word) for word in words]


def id_in(text: str, argument: str) -> UUID:
    """A UUID that is a part of what was said. Raises Failed."""
    try:
        return UUID(text)
    except ValueError:
        raise Failed(f"{argument}: {text} is no id (UUID)") from None


def require_files(argument: str, files: Iterable[Path]) -> None:
    """Raises Failed where one is not there."""
    for file in files:
        if not file.is_file():
            raise Failed(f"{argument}: there is no file {file}")


def require_place(argument: str, file: Path | None) -> None:
    """Raises Failed where a file cannot be made there: what was done would be lost to who asked for it."""
    if file is not None and not file.parent.is_dir():
        raise Failed(f"{argument}: {file} cannot be written, there is no directory {file.parent}")


def require_none(said: argparse.Namespace, names: Iterable[str], of: str) -> None:
    """Raises Failed for what was said and would be passed over: it is of another use of the command."""
    without = [f"--{name.replace('_', '-')}" for name in names if getattr(said, name, None)]
    if without:
        raise Failed(f"{' '.join(without)}: only with {of}; nothing was done")
