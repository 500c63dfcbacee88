"""The agency's private keys: in files that nobody else can read, or in a directory to which keys may be added while it
is used. So a key is rotated without losing a message: add the new file, register its public part, and take the old file
away when nothing is sealed to it any more. A key is known by its fingerprint; what it is called, somebody typed."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...wire.envelope import AgencyKey

log = logging.getLogger(__name__)
SUFFIX = ".key"


def key_from(file: Path) -> AgencyKey:
    """The key in a file. Raises ValueError for what is not one, FileNotFoundError where there is none,
    PermissionError where others may read it."""
    if not file.exists():
        raise FileNotFoundError(f"no key is at {file}: `rujukan keygen FILE` makes one")
    if file.suffix == ".pub":
        raise ValueError(f"{file} is the public half of a key: say the private one, {file.with_suffix('')}")
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others; chmod 600 it")
    return AgencyKey.from_json(file.read_bytes())


def keys_from(files: Iterable[Path]) -> list[AgencyKey]:
    """The keys in these files. Raises as `key_from`, and ValueError for two files whose keys are called the same: one
    of them is another than it is taken for."""
    keys = [(file, key_from(file)) for file in files]
    require_distinct(keys)
    return [key for _, key in keys]


def require_distinct(keys: Iterable[tuple[Path, AgencyKey]]) -> None:
    """Raises ValueError for two files whose keys are called the same."""
    seen: dict[str, tuple[Path, AgencyKey]] = {}
    for file, key in keys:
        other, before = seen.setdefault(key.id, (file, key))
        if other != file:
            raise ValueError(
                f"{other} (fingerprint {before.fingerprint}) and {file} (fingerprint {key.fingerprint}) both hold a key"
                f" called {key.id}: take away the one that is not registered (GET /agencies/CODE/keys shows the"
                " fingerprints; `rujukan keygen --id` calls a new one otherwise)"
            )


class KeyDirectory:
    """The keys in the files `*.key` of a directory, as they are now."""

    def __init__(self, directory: Path) -> None:
        """Raises ValueError where there is no such directory, or two files in it hold keys that are called the same."""
        if not directory.is_dir():
            raise ValueError(f"{directory} is no directory")
        self._directory = directory
        self._complained: set[Path] = set()
        require_distinct(self._read())

    def __iter__(self) -> Iterator[AgencyKey]:
        """Every key that can be read; of a file that cannot, one line in the log."""
        return (key for _, key in self._read())

    def _read(self) -> Iterator[tuple[Path, AgencyKey]]:
        for file in sorted(self._directory.glob(f"*{SUFFIX}")):
            try:
                yield file, key_from(file)
            except (OSError, ValueError) as problem:
                if file not in self._complained:
                    self._complained.add(file)
                    log.warning("a key file is not used: %s", problem)


Keys = Iterable[AgencyKey]
