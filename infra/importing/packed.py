"""A log as it lies on the disk: plain, gzip, or a zip that holds one log. Its first bytes say which, not its name, so
that `A.XES.GZ` is read, and gzip that is called `.xes`; what is neither is refused by its name. It is unpacked while it
is read, in small pieces: how much comes out is for the reader to limit (xes.py)."""

import errno
import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipExtFile, ZipFile, ZipInfo

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
OTHERS = {
    b"PK\x05\x06": "a .zip that holds nothing",
    b"PK\x07\x08": "a .zip in several parts",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
ENCRYPTED = 0x1
"""Of a zip's general purpose bits (APPNOTE 4.4.4)."""
ENOUGH = 8

DAMAGED = (gzip.BadGzipFile, BadZipFile, EOFError, zlib.error)
"""What reading raises where an archive is not whole."""


class NotALog(Exception):
    """The file is of a kind that is not read. The words name no content, and no file inside."""


class Source(Protocol):
    """The unpacked bytes. `read1` gives what is good of an archive before it meets what is not."""

    def read1(self, size: int, /) -> bytes: ...


@contextmanager
def opened(file: Path) -> Iterator[Source]:
    """The unpacked content of a file. Raises NotALog, BadZipFile, OSError."""
    with file.open("rb") as raw:
        first = raw.read(ENOUGH)
        raw.seek(0)
        if first.startswith(GZIP):
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield unpacked
        elif first.startswith(ZIP):
            with _in_zip(raw) as member:
                yield member
        else:
            _refuse(file, first)
            yield raw


def said_of(problem: Exception, packed: int) -> str:
    """What is wrong with an archive, of which so many unpacked bytes were good."""
    if isinstance(problem, BadZipFile):
        return "the .zip is damaged"
    if isinstance(problem, EOFError):
        return "the packed data ends too early"
    if isinstance(problem, gzip.BadGzipFile):
        return "the gzip data is damaged, or something follows it" if packed else "not gzip"
    return "the packed data is damaged"


@contextmanager
def _in_zip(raw: BinaryIO) -> Iterator[Source]:
    with ExitStack() as closing:
        try:
            archive = closing.enter_context(ZipFile(raw))
            member = closing.enter_context(archive.open(_the_log(archive)))
        except (ValueError, RuntimeError, OverflowError, struct.error):
            raise BadZipFile from None
        except OSError as problem:
            if problem.errno != errno.EINVAL:  # it is told to look where no file has anything
                raise
            raise BadZipFile from None
        yield cast(ZipExtFile, member)


def _the_log(archive: ZipFile) -> ZipInfo:
    logs = [entry for entry in archive.infolist() if _is_log(entry)]
    if len(logs) != 1:
        raise NotALog(f"the .zip holds {len(logs) or 'no'} files named .xes; it has to hold one")
    (log,) = logs
    if log.flag_bits & ENCRYPTED:
        raise NotALog("the log in the .zip is encrypted: unpack it")
    if log.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise NotALog("the .zip is packed in a way that is not read (only stored or deflated is): unpack it")
    return log


def _is_log(entry: ZipInfo) -> bool:
    return entry.filename.lower().endswith(".xes") and not entry.filename.startswith("__MACOSX/")


def _refuse(file: Path, first: bytes) -> None:
    """Raises NotALog for a kind of archive that is not read, and where the name says another kind than it is."""
    for magic, name in OTHERS.items():
        if first.startswith(magic):
            raise NotALog(f"{name} is not read: unpack it")
    suffix = file.suffix.lower()
    if first and suffix in (".gz", ".zip"):
        raise NotALog(f"it is called {suffix}, and is none")
