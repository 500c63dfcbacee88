"""Files that are there, whole, whatever happens to the machine: written under another name, forced to disk, put in
their place, and the directory that names them forced to disk too. Without the last a power cut takes back the rename.
"""

import os
import tempfile
from pathlib import Path

OWNER = 0o600
PUBLIC = 0o644


def replace(
    file: Path, data: bytes, *, mode: int = OWNER, beside: Path | None = None, prefix: str | None = None
) -> None:
    """Put a new file in the place of one that may be there: after a power cut it is the old one or the new one, and
    once this returned, the new one. It is written as `beside` first, or under a fresh name that begins with `prefix`.
    """
    written = _written(file, data, mode, beside, prefix)
    try:
        written.replace(file)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    sync(file.parent)


def create(file: Path, data: bytes, *, mode: int = OWNER) -> None:
    """Make a file, whole or not at all, also where two do it at once. Raises FileExistsError: it is never replaced."""
    written = _written(file, data, mode)
    try:
        os.link(written, file)
    finally:
        written.unlink()
    sync(file.parent)


def rename(old: Path, new: Path) -> None:
    """Give a file or directory, whose content is on the disk, another name in the same directory."""
    old.replace(new)
    sync(new.parent)


def directory(path: Path, mode: int = 0o777) -> None:
    """Make a directory where there is none, and those above it."""
    missing = [at for at in (path, *path.parents) if not at.exists()]
    path.mkdir(parents=True, exist_ok=True, mode=mode)
    for made in reversed(missing):
        sync(made.parent)


def sync(path: Path) -> None:
    """Force a file, or the names in a directory, to disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _written(file: Path, data: bytes, mode: int, beside: Path | None = None, prefix: str | None = None) -> Path:
    """A new file beside that one, with that in it, on the disk."""
    if beside is None:
        opened, name = tempfile.mkstemp(dir=file.parent, prefix=prefix or f".{file.name}.")
        written = Path(name)
    else:
        opened, written = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER), beside
    try:
        with os.fdopen(opened, "wb") as out:
            os.fchmod(opened, mode)
            out.write(data)
            out.flush()
            os.fsync(opened)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    return written
