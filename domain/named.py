"""Agencies that a command names: each is one of the network. Whoever misspells one would else share with nobody, and
think that somebody was told."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args, get_type_hints

from .codes import AgencyKind
from .fact import AgencyCode, Fact, Recipient, parts_of
from .refusal import Invalid, RecipientUnavailable
from .words import Words

KIND = "kind:"
_KINDS = ", ".join(AgencyKind)
_A_KIND = Words(f"harus menyebut salah satu jenis instansi: {_KINDS}", f"name a kind of agencies: {_KINDS}")
_NAMES = (get_args(AgencyCode)[1], get_args(Recipient)[1])


def require_known(command: Fact, network: Mapping[AgencyCode, Any]) -> None:
    """Raises RecipientUnavailable where a command names an agency that is not registered, Invalid for a kind of
    agencies that there is not."""
    for field in _naming(type(command)):
        said = getattr(command, field)
        for named in sorted({said} if isinstance(said, str) else said or ()):
            if named.startswith(KIND):
                if named.removeprefix(KIND) not in list(AgencyKind):
                    raise Invalid(field=field, must=_A_KIND)
            elif network.get(named) is None:
                raise RecipientUnavailable(agency=named, field=field)


def suspended(command: Fact, network: Mapping[AgencyCode, Any]) -> list[AgencyCode]:
    """The agencies that a command names and that are suspended: what is said of them stands, and nothing reaches them
    until they are taken back. A survivor's word is recorded all the same; whoever records it has to know."""
    found: set[AgencyCode] = set()
    for field in _naming(type(command)):
        said = getattr(command, field)
        for named in {said} if isinstance(said, str) else said or ():
            agency = None if named.startswith(KIND) else network.get(named)
            if agency is not None and not agency.active:
                found.add(named)
    return sorted(found)


@cache
def _naming(command: type[Fact]) -> tuple[str, ...]:
    """The fields that hold agencies' codes."""
    hints = get_type_hints(command, include_extras=True)
    return tuple(name for name in command.__struct_fields__ if any(part in _NAMES for part in parts_of(hints[name])))
