"""The mapping file of an import: which agency a group of the log is. JSON or TOML, by its name:

[groups]
"Group 1" = "rsud"                                     # an agency that exists
"Group 2" = {agency = "polres", service = "penegakan-hukum"}  # what referrals to it ask for
"Group 3" = {agency = "desa-lama", register = true}    # a code for an agency that the import registers
"" = "uptd-ppa"                                        # who leads where a case begins without a group
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from ...domain.codes import Service
from ...domain.fact import AgencyCode


class WrongMapping(Exception):
    """The file is no mapping. The words repeat no group's name."""


class Mapped(Struct, frozen=True, forbid_unknown_fields=True):
    """What a group is said to be."""

    agency: AgencyCode
    service: Service | None = None
    register: bool = False


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    groups: dict[str, AgencyCode | Mapped]


def folded(label: str) -> str:
    """A group's name by which two spellings are one: without regard to case, Unicode form (canonical caseless matching,
    Unicode chapter 3.13, D145) and spaces."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFD", label).casefold())
    return " ".join(plain.split())


def read_mapping(file: Path) -> Mapping[str, Mapped]:
    """Folded name → what it is. Raises WrongMapping, OSError."""
    kind = file.suffix.lower()
    if kind not in (".json", ".toml"):
        raise WrongMapping("the mapping is a file named .json or .toml")
    decode = msgspec.json.decode if kind == ".json" else _toml
    try:
        said = decode(file.read_bytes().removeprefix(b"\xef\xbb\xbf"), type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise WrongMapping(f"the mapping is not as it should be: {problem}") from None
    mapped: dict[str, Mapped] = {}
    for label, group in said.groups.items():
        one = group if isinstance(group, Mapped) else Mapped(group)
        if mapped.setdefault(folded(label), one) != one:
            raise WrongMapping("two entries differ in case or spelling only, and name different agencies")
    return mapped


def _toml(content: bytes, *, type: type[_File]) -> _File:
    try:
        read = tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError as problem:
        raise msgspec.DecodeError(str(problem)) from None
    return msgspec.convert(read, type)
