"""Who has to remain where somebody is excluded from a case: who sees to its work at each agency that takes part, and
who of the lead can end it. Asked of every agency of which that person is a member: any can make somebody its own."""

from collections.abc import Collection, Iterable, Mapping, Set
from itertools import product
from uuid import UUID

from ..agency_state import Agency
from ..codes import Role
from ..fact import ActorId, AgencyCode, ExclusionId
from ..refusal import Invalid
from ..standing.roles import AT_WORK, REVIEW
from ..words import Words
from .deciding import Network, derived
from .staff import Exclusion

SUPERVISOR_LEFT = Words(
    "harus menyisakan seorang penyelia yang tidak dikecualikan pada setiap instansi orang itu yang terlibat: instansi "
    "itu menunjuk penyelia lain dahulu, atau instansi penanggung jawab mengakhiri pengecualian yang lain",
    "leave each agency of theirs that takes part a supervisor who is not excluded: it names another first, or the lead "
    "ends another exclusion",
)
WORKER_LEFT = Words(
    "harus menyisakan seseorang yang dapat mengerjakan rujukan pada setiap instansi orang itu yang terlibat: instansi "
    "itu menunjuk petugas lain dahulu, atau rujukannya dibatalkan",
    "leave each agency of theirs that takes part somebody who can work on a referral: it names another first, or its "
    "referral is taken back",
)
TWO_LEFT = Words(
    "harus menyisakan dua orang yang bersama-sama dapat mengakhiri pengecualian di instansi penanggung jawab",
    "leave the lead two people who can end an exclusion together",
)
TWO = len(("who asks", "who approves"))
LEFT: tuple[tuple[Set[Role], Words], ...] = (
    (frozenset({Role.SUPERVISOR}), SUPERVISOR_LEFT),
    (AT_WORK, WORKER_LEFT),
)
"""In which of these roles an agency keeps somebody who is not excluded, where it has anybody."""


def began(exclusion: Exclusion, standing: Mapping[ExclusionId, Exclusion]) -> ExclusionId:
    """The exclusion that was asked for, where this one stands beside it, for another agency of the same person."""
    return next((id for id in standing if beside(id, exclusion.member_of) == exclusion.id), exclusion.id)


def of_one_act(ended: Exclusion, standing: Mapping[ExclusionId, Exclusion]) -> list[Exclusion]:
    """What else was placed by the act that placed this one: for another agency of the same person. In another file of
    the case, too, to which each of them was carried over."""
    asked_for = began(ended, standing)
    return [
        each
        for each in standing.values()
        if each != ended and (began(each, standing) == asked_for or each.together == ended.together is not None)
    ]


def beside(asked_for: ExclusionId, agency: AgencyCode) -> ExclusionId:
    """The id under which an exclusion stands for another agency of the same person."""
    return ExclusionId(derived(asked_for, agency))


def together_of(asked_for: ExclusionId) -> UUID:
    """What all that one act places has in common; of no exclusion it is the id."""
    return derived(asked_for, "together")


def agencies_of(network: Network, people: Collection[ActorId]) -> list[Agency]:
    """The agencies of which one of these people is a member, by code."""
    found = (network[code] for code in sorted(network))
    return [agency for agency in found if not agency.members.keys().isdisjoint(people)]


def require_workers(
    agencies: Iterable[Agency],
    before: Set[ActorId],
    after: Set[ActorId],
    field: str,
    standing: Mapping[ExclusionId, Exclusion] | None = None,
) -> None:
    """Raises Invalid where one of these agencies loses the last who sees to its work, as those who are excluded grow to
    be `after`; with the exclusions that stand there in the way, for who may end them (`standing`).

    An agency that shut out its own supervisor so keeps the other from being excluded, until the lead has ended that, by
    two people, or the agency has named another. No exclusion ends by another one: who was shut out may be her father's
    brother, and what is opened to him cannot be taken back. Where she cannot wait for two, the lead takes back the
    referral, from everybody there."""
    for agency, (roles, must) in product(agencies, LEFT):
        if _keeps(agency, roles, before) and not _keeps(agency, roles, after):
            people = _of(agency, roles) & before
            of = sorted(e.id for e in (standing or {}).values() if e.person in people)
            raise Invalid(field=field, must=must, **({"exclusions": of} if of else {}))


def require_two(lead: Agency, before: Set[ActorId], after: Set[ActorId], field: str) -> None:
    """Raises Invalid where the lead loses those who can end an exclusion together. Any that stands is its to end."""
    had, has = (len(_of(lead, REVIEW) - excluded) for excluded in (before, after))
    if has < had and has < TWO <= had:
        raise Invalid(field=field, must=TWO_LEFT)


def _keeps(agency: Agency, roles: Set[Role], excluded: Set[ActorId]) -> bool:
    return bool(_of(agency, roles) - excluded)


def _of(agency: Agency, roles: Set[Role]) -> Set[ActorId]:
    return {who for who, has in agency.members.items() if has & roles}
