"""The file of a bundle: a ZIP archive (PKWARE APPNOTE 6.3.3) in which every byte is determined by its parts.

Any ZIP program opens it. Parts are stored, not compressed, in the order given, with one fixed date and no extras;
an archive that is not byte for byte what `pack` makes of its parts is refused, so there is no room in it for
anything that nobody checks.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping

from .refused import Malformed

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 33
"""1980-01-01, the first that the format has."""
_UTF8 = 1 << 11
_VERSIONS = (10, 20, 45)
"""What programs of today say that their archives need."""
_OTHERS = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
"""How the files of programs begin that people pack others in."""
LARGEST = 2**32 - 1
MOST_PARTS = 2**16 - 1


class Damaged(Malformed):
    """The archive is not what its parts make; `part` names the one that the first differing byte belongs to."""

    def __init__(self, part: str, what: str) -> None:
        super().__init__(f"{part}: {what}")
        self.part = part


class PackedAnew(Malformed):
    """Another program packed it, or a program around it: what is in it may be as it was, and is not checked so."""


def pack(parts: Mapping[str, bytes]) -> bytes:
    """The archive of these parts. Raises ValueError for too many, or too much."""
    if len(parts) > MOST_PARTS or sum(map(len, parts.values())) > LARGEST // 2:
        raise ValueError("too much for one bundle")
    out: list[bytes] = []
    central: list[bytes] = []
    at = 0
    for name, data in parts.items():
        local, entry = _headers(name, data, at)
        out += [local, data]
        central.append(entry)
        at += len(local) + len(data)
    return b"".join([*out, _directory(central, at)])


def unpack(data: bytes) -> dict[str, bytes]:
    """The parts of an archive, in order. Raises PackedAnew for one that another program seems to have made, Damaged for
    all else that `pack` did not make, or with a name that cannot be shown."""
    _check_packing(data)
    if len(data) > LARGEST // 2:
        raise Damaged("the file", "it is larger than a bundle can be")
    parts: dict[str, bytes] = {}
    central: list[bytes] = []
    at = 0
    last = "the beginning of the file"
    while data[at : at + 4] == b"PK\x03\x04":
        try:
            fields = _LOCAL.unpack_from(data, at)
        except struct.error:
            raise Damaged(f"after {last}", "the file ends within a part") from None
        start = at + _LOCAL.size + fields[9]
        name = data[at + _LOCAL.size : start].decode("utf-8", "replace")
        if not _can_be_shown(name):
            raise Damaged(f"after {last}", "the name of the part cannot be shown")
        end = start + fields[7]
        if end > len(data) or name in parts or fields[10] or len(parts) == MOST_PARTS:
            raise Damaged(name, "the part does not end where it says")
        content = data[start:end]
        if zlib.crc32(content) != fields[6]:
            raise Damaged(name, "its bytes were changed")
        local, entry = _headers(name, content, at)
        if data[at:start] != local:
            raise Damaged(name, "the archive says something else of it than it did")
        parts[name] = content
        central.append(entry)
        at, last = end, name
    if data[at:] != _directory(central, at):
        raise _misfit(data, at, zip(parts, central, strict=True), last)
    return parts


def _check_packing(data: bytes) -> None:
    """Raises PackedAnew for what begins as the files of other programs do. Two fields at least of the first part are
    others then, as whoever damages one has not packed the file anew."""
    for magic, program in _OTHERS.items():
        if data.startswith(magic):
            raise PackedAnew(f"it is a file of {program}: unpack it first, and check the bundle that is in it")
    if data[:4] != b"PK\x03\x04" or len(data) < _LOCAL.size:
        return
    _, version, flags, method, time, date, *_ = _LOCAL.unpack_from(data)
    if version in _VERSIONS and (flags != _UTF8) + (method != 0) + ((time, date) != (0, _DATE)) > 1:
        raise PackedAnew(
            "another program packed this archive anew, so it is not the file that was handed over, though what is in it"
            " may be as it was: ask for the file itself, and pass it on as it is"
        )


def _can_be_shown(name: str) -> bool:
    """Whether a part is named so that a refusal may repeat it: a stranger's file moves no cursor of a terminal."""
    return name.isprintable() and 0 < len(name) < 200


def _misfit(data: bytes, at: int, listed: Iterable[tuple[str, bytes]], last: str) -> Damaged:
    """What is wrong with the end of an archive, whose directory should begin there and list these."""
    if data[at : at + 4] != b"PK\x01\x02":
        return Damaged(f"after {last}", "neither a part nor the archive's directory begins there")
    for name, entry in listed:
        if data[at : at + len(entry)] != entry:
            return Damaged(name, "the archive's directory says something else of it")
        at += len(entry)
    return Damaged("the end of the file", "it is not that of the parts before it")


def _directory(central: list[bytes], at: int) -> bytes:
    """The central directory, which begins there, and the end of the archive."""
    entries = b"".join(central)
    return entries + _END.pack(b"PK\x05\x06", 0, 0, len(central), len(central), len(entries), at, 0)


def _headers(name: str, data: bytes, at: int) -> tuple[bytes, bytes]:
    """(local header, entry of the central directory) of a part."""
    raw = name.encode()
    crc, size = zlib.crc32(data), len(data)
    local = _LOCAL.pack(b"PK\x03\x04", 20, _UTF8, 0, 0, _DATE, crc, size, size, len(raw), 0)
    entry = _CENTRAL.pack(b"PK\x01\x02", 20, 20, _UTF8, 0, 0, _DATE, crc, size, size, len(raw), 0, 0, 0, 0, 0, at)
    return local + raw, entry + raw
