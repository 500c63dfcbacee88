"""What the values of a field are, by its type: so that whoever shows one needs no list of names."""

from datetime import date
from functools import cache
from typing import Any, get_args, get_type_hints

from .catalogue import TOPICS
from .code import Code
from .compartment import CompartmentWord
from .fact import AgencyCode, Recipient

AGENCY, RECIPIENT, COMPARTMENT = "agency", "recipient", "compartment"
"""Kinds beside code lists and dates: an agency's code; that, or a kind of agencies; a compartment's name."""

_BY_TYPE = {
    get_args(AgencyCode)[1]: AGENCY,
    get_args(Recipient)[1]: RECIPIENT,
    get_args(CompartmentWord)[1]: COMPARTMENT,
}


@cache
def kinds_of(topic: str, name: str) -> frozenset[Any]:
    """Code lists, `datetime`, `date`, and the kinds above; empty for what is none of them, or not known."""
    if topic not in TOPICS:
        return frozenset()
    found: set[Any] = set()
    rest: list[Any] = [get_type_hints(TOPICS[topic], include_extras=True).get(name)]
    while rest:
        hint = rest.pop()
        rest += [part for part in get_args(hint) if not isinstance(part, str)]
        found |= {kind for of, kind in _BY_TYPE.items() if hint == of}
        if isinstance(hint, type) and issubclass(hint, Code | date):
            found.add(hint)
    return frozenset(found)
