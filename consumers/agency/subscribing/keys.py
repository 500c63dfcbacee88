"""The agency's private keys: in files that nobody else can read, or in a directory to which keys may be added while it
is used. So a key is rotated without losing a message: add the new file, register its public part, and take the old file
away when nothing is sealed to it any more."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...wire.envelope import AgencyKey

log = logging.getLogger(__name__)
SUFFIX = ".key"


def key_from(file: Path) -> AgencyKey:
    """The key in a file. Raises ValueError for what is not one, PermissionError where others may read it."""
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others; chmod 600 it")
    return AgencyKey.from_json(file.read_bytes())


class KeyDirectory:
    """The keys in the files `*.key` of a directory, as they are now."""

    def __init__(self, directory: Path) -> None:
        """Raises ValueError where there is no such directory."""
        if not directory.is_dir():
            raise ValueError(f"{directory} is no directory")
        self._directory = directory
        self._complained: set[Path] = set()

    def __iter__(self) -> Iterator[AgencyKey]:
        """Every key that can be read; of a file that cannot, one line in the log."""
        for file in sorted(self._directory.glob(f"*{SUFFIX}")):
            try:
                yield key_from(file)
            except (OSError, ValueError) as problem:
                if file not in self._complained:
                    self._complained.add(file)
                    log.warning("a key file is not used: %s", problem)


Keys = Iterable[AgencyKey]
