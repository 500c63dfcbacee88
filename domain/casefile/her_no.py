"""Her own no: it stands against what others agree to for her later, until she says yes herself, or two people decide.

She refused, said stop, narrowed a consent or took it back. That is a no to whom it names, and to what of it and for
what purpose: cell by cell (consent.py). A parent, a guardian or her next of kin who says yes after that, without her
word in it, gives nothing of what she refused: a child's no stands until a best-interest decision, what a woman refused
while she could decide stands when she cannot, and her refusals outlive her. All else that yes gives. Her own later yes
lifts of it just what that yes names: who lets the school have her number has not said that it may read of her health.

**Hers is what the lead heard her say, first or when it asked her.** What another agency reports that she agreed to
lifts nothing: it waits until the lead has asked her, though it holds at once where she refused nothing.

What a third agency heard her refuse, and the lead has not asked her about, counts as it does otherwise: it waits, and
nothing new is sent on it.
"""

from collections.abc import Iterable, Set
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from ..codes import ConsentBy, StopAbout
from ..fact import StopId
from . import stopping
from .consent import No
from .state import Case, Consent
from .stopping import Heard, Stops


class Said(NamedTuple):
    """That she said no."""

    no: No
    at: datetime
    waits_as: StopId | None = None
    """The stop that the lead has still to ask her about."""


def as_recorded(case: Case, consent: Consent) -> Consent:
    """A consent that is recorded now, in this case: what she took back after it was given, it does not give again; nor
    what she refused before, where others agree to it, or say that she did."""
    return stopping.as_recorded(case, consent if consent.is_her_word else _less_her_no(case, consent))


def said_herself(case: Case, consent: Consent) -> Consent:
    """A consent to which she said yes herself, asked by the lead: what she refused before she gave it stands against it
    no more, nor does what the lead had still to ask her about."""
    heard = case.of(Stops).heard
    later = {id: no for id, no in consent.waiting.items() if not _is_later(consent, heard[id].said_at)}
    return replace(consent, is_hers=True, refused=(), waiting=later)


def confirmed(case: Case, heard: Heard) -> Case:
    """The case after she said, asked by the lead, that she had said no: it stands against what others agreed to since,
    too. Called before what waits is taken as answered."""
    consents = dict(case.consents)
    for consent in case.consents.values():
        if _is_later(consent, heard.said_at) and heard.id in consent.waiting and not consent.is_her_word:
            consents[consent.id] = replace(consent, refused=(*consent.refused, consent.waiting[heard.id]))
    return replace(case, consents=consents)


def _less_her_no(case: Case, consent: Consent) -> Consent:
    for said in _said(case, consent):
        no = _less_her_yes(case, said)
        words = _touched(case, no, consent)
        if not words:
            continue
        no = replace(no, to=words)
        if said.waits_as is not None:
            consent = replace(consent, waiting={**consent.waiting, said.waits_as: no})
        else:
            consent = replace(consent, refused=(*consent.refused, no))
    return consent


def _said(case: Case, consent: Consent) -> Iterable[Said]:
    for heard in case.of(Stops).heard.values():
        of_hers = not heard.said_by or ConsentBy.SURVIVOR in heard.said_by
        if of_hers and (heard.waits or heard.confirmed or heard.answer_by is None):
            no = _of_stop(case, heard, consent)
            if no is not None:
                yield Said(no, heard.said_at, heard.id if heard.waits else None)
    for hers in (c for c in case.consents.values() if ConsentBy.SURVIVOR in c.given_by):
        first = No(hers.first.to, hers.first.compartments, hers.first.purposes)
        if hers.taken_back_at is not None:
            yield Said(first, hers.taken_back_at)
        if hers.changed_at is not None:  # what she narrowed stays so when that consent ends
            yield Said(replace(first, but=(hers.now,)), hers.changed_at)


def _of_stop(case: Case, heard: Heard, consent: Consent) -> No | None:
    match heard.about:
        case StopAbout.EVERYTHING:
            return heard.no_to(consent.recipients)
        case StopAbout.RECIPIENTS:
            return heard.no_to(heard.recipients)
        case StopAbout.OURS:
            return heard.no_to(frozenset({heard.author})) if heard.author is not None else None
        case StopAbout.CONSENT:
            of = case.consents.get(heard.consent) if heard.consent is not None else None
            if of is None:
                return None
            first = of.first
            return No(first.to, heard.compartments or first.compartments, heard.purposes or first.purposes)


def _less_her_yes(case: Case, said: Said) -> No:
    """A no, but for what she agreed to herself since."""
    since = (c.now for c in case.consents.values() if c.is_her_word and _is_later(c, said.at))
    return replace(said.no, but=(*said.no.but, *since))


def _is_later(consent: Consent, than: datetime) -> bool:
    return consent.given_at is not None and consent.given_at > than


def _touched(case: Case, no: No, consent: Consent) -> frozenset[str]:
    """By which words of it a no takes something from a consent. An agency that takes no part yet may be of any
    kind."""
    kinds = {agency: f"kind:{kind}" for agency, kind in case.participants().items()}
    found = set[str]()
    for names in _named(consent, no, kinds):
        if any(no.has(names, c, p) for c in consent.content for p in consent.purposes):
            found |= names & no.to
    return frozenset(found)


def _named(consent: Consent, no: No, kinds: dict[str, str]) -> Iterable[Set[str]]:
    """Whom a consent names, each by its names: those that one of them may have, as far as the no speaks of them."""
    spoken_of = no.to.union(*(yes.to for yes in no.but))
    agencies = {word for word in spoken_of if not _is_kind(word)}
    for word in consent.recipients:
        if _is_kind(word):
            yield {word}
            yield from ({agency, word} for agency in agencies if kinds.get(agency, word) == word)
        elif word in kinds:
            yield {word, kinds[word]}
        else:
            yield {word}
            yield from ({word, kind} for kind in spoken_of if _is_kind(kind))


def _is_kind(word: str) -> bool:
    return word.startswith("kind:")
