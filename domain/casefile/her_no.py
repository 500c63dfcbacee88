"""Her own no: it stands against what others agree to for her later, until she says yes herself, or two people decide.

She refused, said stop, or took a consent back. A parent, a guardian or her next of kin who says yes after that, without
her word in it, gives nothing to those whom she refused: a child's no stands until a best-interest decision, what a
woman refused while she could decide stands when she cannot, and her refusals outlive her. To all others that yes gives
what it names.

What a third agency heard her say, and the lead has not asked her about, counts as it does otherwise: it waits, and
nothing new is sent on it.
"""

from collections.abc import Iterable, Set
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from ..codes import ConsentBy, StopAbout
from ..fact import StopId
from . import stopping
from .state import Case, Consent
from .stopping import Heard, Stops


class No(NamedTuple):
    """That she said no."""

    to: Set[str]
    """Agencies, and kinds of them."""
    said_at: datetime
    waits_as: StopId | None = None
    """The stop that the lead has still to ask her about."""


def as_recorded(case: Case, consent: Consent) -> Consent:
    """A consent that is recorded now, in this case: what she took back after it was given, it does not give again; nor
    what she refused before, where others agree to it."""
    return stopping.as_recorded(case, consent if consent.is_hers else _less_her_no(case, consent))


def _less_her_no(case: Case, consent: Consent) -> Consent:
    for no in _said(case, consent):
        words = frozenset(_not_since(case, no)) & frozenset(_touched(case, no.to, consent))
        if words and no.waits_as is not None:
            consent = replace(consent, waiting={**consent.waiting, no.waits_as: words})
        elif words:
            consent = replace(consent, refused=consent.refused | words)
    return consent


def confirmed(case: Case, heard: Heard) -> Case:
    """The case after she said, asked by the lead, that she had said no: it stands against what others agreed to since,
    too. Called before what waits is taken as answered."""
    consents = dict(case.consents)
    for consent in case.consents.values():
        since = consent.given_at is not None and consent.given_at > heard.said_at
        if since and heard.id in consent.waiting and not consent.is_hers:
            consents[consent.id] = replace(consent, refused=consent.refused | consent.waiting[heard.id])
    return replace(case, consents=consents)


def _said(case: Case, consent: Consent) -> Iterable[No]:
    for heard in case.of(Stops).heard.values():
        of_hers = not heard.said_by or ConsentBy.SURVIVOR in heard.said_by
        if of_hers and (heard.waits or heard.confirmed or heard.answer_by is None):
            yield No(_named(case, heard, consent), heard.said_at, heard.id if heard.waits else None)
    for hers in (c for c in case.consents.values() if ConsentBy.SURVIVOR in c.given_by):
        if hers.taken_back_at is not None:
            yield No(hers.ever, hers.taken_back_at)
        elif hers.changed_at is not None:  # what she narrowed stays so when that consent ends
            yield No(hers.ever - hers.recipients, hers.changed_at)


def _named(case: Case, heard: Heard, consent: Consent) -> Set[str]:
    match heard.about:
        case StopAbout.EVERYTHING:
            return consent.recipients
        case StopAbout.RECIPIENTS:
            return heard.recipients
        case StopAbout.OURS:
            return frozenset({heard.author}) if heard.author is not None else frozenset()
        case StopAbout.CONSENT:
            of = case.consents.get(heard.consent) if heard.consent is not None else None
            return of.ever if of is not None else frozenset()


def _not_since(case: Case, no: No) -> Set[str]:
    """To whom she has not agreed herself since."""
    agreed = (c.recipients for c in case.consents.values() if c.is_hers and c.given_at and c.given_at > no.said_at)
    return no.to - frozenset[str]().union(*agreed)


def _touched(case: Case, to: Set[str], consent: Consent) -> Iterable[str]:
    """Those of them who may get something by that consent: by their name, or by their kind. An agency that takes no
    part yet may be of any kind."""
    kinds = {agency: f"kind:{kind}" for agency, kind in case.participants().items()}
    known = {kinds.get(word, word) for word in consent.recipients}
    has_kinds = any(map(_is_kind, consent.recipients))
    has_unknown = any(not _is_kind(word) and word not in kinds for word in consent.recipients)

    def may(word: str) -> bool:
        if _is_kind(word):
            return word in known or has_unknown
        return has_kinds and kinds.get(word) in (None, *consent.recipients)

    return (word for word in to if word in consent.recipients or may(word))


def _is_kind(word: str) -> bool:
    return word.startswith("kind:")
