"""How a command becomes events: one function a command, found by the command's type.

A decider is pure: the same case, command, act and network give the same events. It raises a
`Refusal` when the rules do not allow the command; then nothing is recorded.
"""

from collections.abc import Container, Mapping, Sequence
from functools import singledispatch
from uuid import UUID, uuid5

from ..agency import Agency
from ..fact import Act, AgencyCode, Fact, ReferralId
from ..refusal import AlreadyExists, CaseNotOpen, NotForThisAgency, RecipientUnavailable, Unknown
from .state import Case, Referral, Status

Network = Mapping[AgencyCode, Agency]
"""The agencies as they are now, by code."""


@singledispatch
def decide(command: Fact, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The events that follow from a command; raises Refusal, and TypeError for what is no command."""
    raise TypeError(f"{type(command).__name__} is not a command of the case")


def opened(case: Case | None, act: Act) -> Case:
    """The case, if this agency may know of it and it is open. Raises Unknown, CaseNotOpen."""
    known = existing(case, act)
    if known.status is not Status.OPEN:
        raise CaseNotOpen(status=known.status)
    return known


def existing(case: Case | None, act: Act) -> Case:
    """The case, open or not, if this agency may know of it. Raises Unknown."""
    if case is None or not case.is_known_to(act.agency):
        raise Unknown(what="case")
    return case


def led(case: Case | None, act: Act) -> Case:
    """The open case that the acting agency leads. Raises Unknown, CaseNotOpen, NotForThisAgency."""
    found = opened(case, act)
    if act.agency != found.lead:
        raise NotForThisAgency(needs="lead")
    return found


def joined(case: Case | None, act: Act) -> Case:
    """The open case in which the acting agency takes part: it leads, or has an open referral.
    Raises Unknown, CaseNotOpen, NotForThisAgency."""
    found = opened(case, act)
    if not found.takes_part(act.agency):
        raise NotForThisAgency(needs="an open referral, or the lead")
    return found


def party(case: Case, referral: ReferralId, act: Act) -> Referral:
    """The referral, if the acting agency is its sender or, once sent, its recipient. Raises Unknown."""
    found = case.referrals.get(referral)
    if found is None:
        raise Unknown(what="referral")
    if act.agency == found.sender or (act.agency == found.recipient and found.sent_at is not None):
        return found
    if act.agency == case.lead:
        return found
    raise Unknown(what="referral")


def fresh(taken: Container[object], new: UUID) -> None:
    """Raises AlreadyExists where the id is taken."""
    if new in taken:
        raise AlreadyExists(id=new)


def active(network: Network, code: AgencyCode) -> Agency:
    """The agency, if it is registered and active. Raises RecipientUnavailable."""
    agency = network.get(code)
    if agency is None or not agency.active:
        raise RecipientUnavailable(agency=code)
    return agency


def derived(parent: UUID, name: str) -> UUID:
    """An id that follows from another, so that deciding needs no randomness (RFC 9562, version 5)."""
    return uuid5(parent, name)
