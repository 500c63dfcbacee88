"""Every event by its topic, as the subjects declare it, with the version of its shape, and how older shapes are read.

A topic is a stable name of its own (`case.ReferralSent`), never a Python path. Stored events are never
rewritten: when a shape changes, VERSIONS counts up and an upcast turns the older fields into the newer
ones when they are read.
"""

from collections.abc import Mapping
from typing import Any

from . import (
    access,
    agency,
    case,
    damaged,
    delivery,
    erasure,
    field_words,
    judged,
    notices,
    proposal,
    recovery,
    sending,
    webhook,
)
from .compartment import Compartment, compartments_of
from .declaring import HAPPENED, Upcast
from .fact import Fact

DECLARED_IN = (
    case,
    agency,
    recovery,
    webhook,
    access,
    erasure,
    damaged,
    delivery,
    sending,
    proposal,
    judged,
    notices,
    field_words,
)
"""What has to be imported for all that is declared to be known."""

Fields = dict[str, Any]


def topic_of(event: type[Fact]) -> str:
    """The stable name an event is stored under."""
    tag = event.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{event.__name__} has no topic")
    return tag


TOPICS: dict[str, type[Fact]] = {topic_of(event): event for event in HAPPENED}
"""Topic → event, of every event that is declared."""

COMPARTMENTS: dict[str, dict[str, Compartment]] = {topic: compartments_of(event) for topic, event in TOPICS.items()}
"""Topic → field → compartment."""

KEPT = frozenset({"nik_index", "next_group_from"})
WITHHELD: dict[str, frozenset[str]] = {
    topic: KEPT & fields.keys() for topic, fields in COMPARTMENTS.items() if KEPT & fields.keys()
}
"""Topic → fields that the service keeps for itself: no agency is told or shown them, whatever their compartment. An
index of who somebody is would name them again in another case, also after their identity was erased; and when her age
group changes is her birthday."""

TOLD: tuple[str, ...] = tuple(topic for topic, event in TOPICS.items() if HAPPENED[event].step is not None)
"""What an agency can be told of: what happens in a case, and what is said to it alone. Who is told of one such event,
disclosure.py says."""

VERSIONS: dict[str, int] = {
    topic: 1 + len(HAPPENED[event].earlier) for topic, event in TOPICS.items() if HAPPENED[event].earlier
}
"""Topic → version of its shape, where it is not 1."""

UPCASTS: dict[tuple[str, int], Upcast] = {
    (topic, older): upcast for topic, event in TOPICS.items() for older, upcast in enumerate(HAPPENED[event].earlier, 1)
}
"""(topic, older version) → fields as the next version has them."""


def version_of(topic: str) -> int:
    """The version that new events of this topic are written in."""
    return VERSIONS.get(topic, 1)


def upcast(topic: str, version: int, fields: Fields) -> Fields:
    """Fields of an older version as the present one has them. Raises KeyError for a version that cannot be read."""
    while version < version_of(topic):
        fields = UPCASTS[topic, version](fields)
        version += 1
    return fields


def as_today(topic: str, version: int, opened: Mapping[Compartment, Fields]) -> dict[Compartment, Fields]:
    """What was opened of an event of that version, in the present shape. A field stays in the compartment in which it
    was sealed, also where it would be sealed in another today: who may open it is the same. One that the older shape
    had not stands in the compartment that it has today, and nowhere while that is sealed. Raises KeyError for a version
    that cannot be read."""
    sealed_in = {name: compartment for compartment, fields in opened.items() for name in fields}
    found: dict[Compartment, Fields] = {compartment: {} for compartment in opened}
    fields = upcast(topic, version, {name: said for fields in opened.values() for name, said in fields.items()})
    for name, said in fields.items():
        compartment = sealed_in.get(name, COMPARTMENTS[topic].get(name, Compartment.COORDINATION))
        if compartment in found:
            found[compartment][name] = said
    return found
