"""Numbers in the place of ids: a text says *Referral 2*, and an appendix says once which id that is.

The same facts give the same numbers. What has a place of its own in the report (referrals, clocks, documents, persons)
is numbered in its order there; every other id in the order in which the events name it first.
"""

import re
from collections.abc import Callable, Iterator

from ...domain.fact import SYSTEM_ACTOR
from ...domain.proposal import referred_to
from .facts import Event, ReportFacts
from .words import Words

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Numbers:
    """What each id of a report is called."""

    def __init__(self, facts: ReportFacts, words: Words, label: Callable[[str, str], str]) -> None:
        """`label` names a field of an event (topic, field), for ids of a kind that has no place of its own."""
        self._called: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for referral in facts.referrals:
            self._number(referral.referral, words.referral)
        for clock in facts.clocks:
            self._number(clock.clock, words.clock)
        for document in facts.documents:
            self._number(document.document, words.document)
        persons = [(e.actor, e.agency) for e in facts.events] + [(a.reader, a.agency) for a in facts.accesses]
        self.agency_of: dict[str, str] = {}
        """Person → the agency that they acted for first."""
        for person, agency in [*persons, (facts.made_by, facts.made_for)]:
            if person == str(SYSTEM_ACTOR):
                continue  # it is no person
            self._number(person, words.person)
            self.agency_of.setdefault(person, agency)
        for event in facts.events:
            for name, id in _ids(event):
                self._number(id, words.consent if name == "consent" else label(event.topic, name))

    def _number(self, id: str, kind: str) -> None:
        if id and id not in self._called:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._called[id] = f"{kind} {self._counts[kind]}"

    def of(self, id: str) -> str:
        """`Referral 2`; the text itself where it is no id of this report."""
        return self._called.get(id, id)

    def within(self, text: str) -> str:
        """A text with each id that has a number replaced by it."""
        return _ID.sub(lambda found: self.of(found[0]), text)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(what it is called, the id), kind by kind."""
        order = list(self._counts)
        return iter(
            sorted(((called, id) for id, called in self._called.items()), key=lambda item: _place(item[0], order))
        )


def _place(called: str, order: list[str]) -> tuple[int, int]:
    kind, _, number = called.rpartition(" ")
    return order.index(kind), int(number)


def _ids(event: Event) -> Iterator[tuple[str, str]]:
    for field in event.fields:
        for value in field.value if isinstance(field.value, tuple) else (field.value,):
            if isinstance(value, str) and _ID.fullmatch(value):
                yield field.name, value
            elif isinstance(value, str) and (proposal := referred_to(value)) is not None:
                yield "proposal", str(proposal)
