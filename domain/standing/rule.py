"""Asks the table. What it refuses, it refuses before a decider or a door has looked at anything else; to a stranger
everything answers as what does not exist."""

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from ..casefile.staff import Staff, workers
from ..casefile.state import Case, Consent, Referral, Status
from ..codes import PROCEEDINGS, AgencyKind, NeedToKnow, Purpose, Role
from ..compartment import Compartment
from ..declaring import ASKED
from ..fact import Act, ActorId, AgencyCode, Fact
from ..refusal import (
    AnotherPersonNeeded,
    CaseNotOpen,
    NotByTheSamePerson,
    NotForThisAgency,
    NotForThisRole,
    PurposeNotAllowed,
    Refusal,
    Unknown,
)
from .next_moves import not_for, wrong_move
from .reach import Reaches
from .relations import Extent, Relation
from .roles import SEES_ALL
from .rows import KNOWS_ALSO_ENDED, TAKES_PART, Ground, Row, Second, Thing, Tie, Where

R = Relation


class Authored(Protocol):
    """What an agency wrote down."""

    @property
    def author(self) -> AgencyCode: ...


Looked = TypeVar("Looked", bound=Authored)
Named = Callable[[str], Any]
"""Field of a command, or parameter of a reading → what it says."""

SAID: dict[Relation, str] = {
    R.SENDER: "sender",
    R.ADDRESSEE: "recipient",
    R.LEAD: "lead",
    R.ASSIGNED: "assigned",
    R.HOLDER: "holder",
    R.CLINICIAN: "health service",
    R.HOLDING_OFFICE: "holder",
    R.ONESELF: "supervisor",  # as a supervisor may for all of the agency's people
    R.OWN: "lead",  # as the lead may for everybody
}
"""What `NotForThisAgency` calls them."""
EXCLUDED, MEMBER, SUPERVISOR = (frozenset({relation}) for relation in (R.EXCLUDED, R.MEMBER, R.SUPERVISOR))

BY_OFFICE = PROCEEDINGS | {AgencyKind.WITNESS_PROTECTION}
"""Whose part is a legal one, whatever their referral is for."""


class Office(Protocol):
    """An agency, as far as the table asks."""

    @property
    def code(self) -> AgencyCode: ...

    @property
    def has_administrator(self) -> bool: ...


class Proposed(Struct, frozen=True):
    """An act that waits for its second person, on what it would be done to, as that is now."""

    command: Fact
    asked: Act
    """By whom it was asked for."""
    on: Any
    """The state of what the command is given on; None where there is none."""


class ToldAgencies(Protocol):
    """A deletion that was asked of agencies."""

    @property
    def told(self) -> frozenset[AgencyCode]: ...


def standing(command: Fact, state: Any, act: Act) -> None:
    """Lets an act pass that the table has a row for. `state` is that of the stream that the command is given on; None
    where there is none.

    Raises NotForThisRole, Unknown, CaseNotOpen, NotForThisAgency, WrongMove, AnotherPersonNeeded, NotByTheSamePerson;
    TypeError for what is no command.
    """
    declared = ASKED.get(type(command))
    if declared is None:
        raise TypeError(f"{type(command).__name__} is not a command")
    ask(declared.rows, state, act, lambda field: getattr(command, field))


def ask(rows: Sequence[Row], state: Any, act: Act, named: Named) -> Row:
    """The first of these rows under which the act may pass. Raises what the first that fits the role refuses, as
    `standing` does, and PurposeNotAllowed."""
    mine = [row for row in rows if act.role in row.roles]
    if not mine:
        raise NotForThisRole(needs=roles_of(rows) - {Role.SYSTEM})
    refused: list[Refusal] = []
    for row in mine:
        try:
            _ask(row, state, act, named)
        except Refusal as refusal:
            refused.append(refusal)
        else:
            return row
    raise refused[0]


def extent_of(command: Fact, state: Any, act: Act) -> Extent:
    """How far a command goes that `standing` lets pass. Raises as that does."""
    return ask(ASKED[type(command)].rows, state, act, lambda field: getattr(command, field)).extent


def second_needed(command: Fact, state: Any, act: Act) -> Second | None:
    """What the table says of the second person that this act takes; None where one person is enough."""
    declared = ASKED[type(command)]
    if declared.second is None or act.role is Role.SYSTEM:
        return None
    own = declared.second.gains != "" and getattr(command, declared.second.gains) == act.actor
    return declared.second if declared.second.when(command, state, own) else None


def roles_of(rows: Iterable[Row]) -> frozenset[Role]:
    """The roles that have a row."""
    return frozenset[Role]().union(*(row.roles for row in rows))


def is_for_role(rows: Iterable[Row], act: Act) -> bool:
    """Whether one of these rows is for the role, whatever else it asks."""
    return act.role in roles_of(rows)


def roles_for(command: type[Fact]) -> frozenset[Role]:
    """The roles that may give this command; none for what is no command."""
    declared = ASKED.get(command)
    return roles_of(declared.rows) if declared is not None else frozenset()


def commands_of(role: Role) -> frozenset[type[Fact]]:
    """The commands that a role may give."""
    return frozenset(command for command in ASKED if role in roles_for(command))


def extent_for(rows: Sequence[Row], act: Act) -> Extent:
    """How far an act goes: as far as the first row says that its role has. Raises StopIteration where it has none."""
    return next(row.extent for row in rows if act.role in row.roles)


def is_hidden(case: Case, person: ActorId) -> bool:
    """Whether somebody is excluded from a case, whatever agency they act for: then there is none to them."""
    return person in case.of(Staff).excluded


def is_excluded(case: Case, act: Act) -> bool:
    """Whether who acts is."""
    return is_hidden(case, act.actor)


def sees_all(act: Act) -> bool:
    """Whether somebody is shown all cases of their agency, or those alone that they are assigned to."""
    return act.need_to_know is NeedToKnow.EVERYBODY or act.role in SEES_ALL


def person(case: Case, act: Act) -> frozenset[Relation]:
    """What the acting person is to a case, as one of their agency. Whether they are assigned is asked where that
    matters alone: of who is shown a case for another reason it is not said."""
    staff = case.of(Staff)
    if act.actor in staff.excluded:
        return EXCLUDED
    if act.need_to_know is NeedToKnow.EVERYBODY:
        return MEMBER
    if act.role in SEES_ALL:
        return SUPERVISOR
    found = set()
    if (act.agency, act.actor) in workers(case):
        found.add(R.ASSIGNED)
    if staff.waiting(case, act.agency):
        found.add(R.ON_CALL)
    return frozenset(found)


def known(case: Case | None, act: Act) -> Case:
    """The case, open or not, if this agency may know of it. Raises Unknown."""
    _to_case(KNOWS_ALSO_ENDED, case, act)
    assert case is not None
    return case


def relations(case: Case, agency: AgencyCode) -> frozenset[Relation]:
    """What an agency is to a case; nothing to one that it may not know of, or that was erased."""
    if case.is_erased:
        return frozenset()
    found = set()
    if agency == case.lead:
        found.add(R.LEAD)
    if agency in case.former_leads:
        found.add(R.FORMER_LEAD)
    if case.transfer is not None and case.transfer.to == agency:
        found.add(R.ASKED)
    for referral in case.referrals.values():
        if referral.recipient == agency and referral.sent_at is not None:
            found.add(R.RECIPIENT if referral.status.is_open else R.FORMER_RECIPIENT)
            if referral.status.is_open:
                found |= _for_the_law(case, referral)
    if agency == case.lead and case.lead_kind in PROCEEDINGS:
        found.add(R.INVESTIGATOR)
    return frozenset(found)


def _for_the_law(case: Case, referral: Referral) -> frozenset[Relation]:
    """What an open referral makes of its recipient, besides that. Whose office the law is not, legal aid among them, is
    a party for it on her word to the lead alone: not on what a colleague says that she said, whoever sent it."""
    kind = referral.recipient_kind
    if kind in PROCEEDINGS:
        return frozenset({R.LEGAL_PARTY, R.INVESTIGATOR})
    stands = referral.purpose is Purpose.LEGAL and any(_lets_for_the_law(c, referral) for c in case.consents.values())
    return frozenset({R.LEGAL_PARTY}) if stands or kind in BY_OFFICE else frozenset()


def _lets_for_the_law(consent: Consent, referral: Referral) -> bool:
    """Whether a consent that the lead heard, or confirmed, lets that recipient know for a legal purpose. One that ran
    out ends as that is recorded."""
    left = consent.leaves(referral.recipient, referral.recipient_kind, Purpose.LEGAL)
    return consent.bounded_by is None and bool(left)


def is_the_leads(case: Case, act: Act) -> bool:
    """Whether it is said for the agency that leads: the rules go by its word where several may say the same."""
    return Relation.LEAD in relations(case, act.agency)


def is_known_to(case: Case, agency: AgencyCode) -> bool:
    """Whether an agency may know that the case exists."""
    return bool(relations(case, agency))


def leads(case: Case, agency: AgencyCode) -> bool:
    """Whether an agency leads the case."""
    return agency == case.lead


def learns_of(case: Case, act: Act) -> AgencyCode | None:
    """By whose people the readings of a case are that who asks may learn of: the lead of everybody's (None), each
    agency of its own people's."""
    return None if leads(case, act.agency) else act.agency


def takes_part(case: Case, agency: AgencyCode) -> bool:
    """Whether an agency leads the case, or has an open referral of it."""
    return bool(relations(case, agency) & TAKES_PART.relations)


def _ask(row: Row, state: Any, act: Act, named: Named) -> None:
    if row.purposes and act.purpose not in row.purposes:
        raise PurposeNotAllowed(role=act.role, allowed=row.purposes)
    if isinstance(state, Case) and is_excluded(state, act):
        state = None
    match row.where.ground:
        case Ground.CASE:
            _to_case(row.where, state, act)
        case Ground.AGENCY:
            _to_agency(row.where, state, act)
        case Ground.DELETION:
            _to_deletion(state, act)
        case Ground.PROPOSAL:
            _to_proposal(row.where, state, act)
    for field, most in row.only.items():
        if not frozenset(named(field)) <= most:
            raise NotForThisAgency(needs=f"{field}: {', '.join(sorted(most))} only")
    for tie in row.where.ties:
        _to_thing(tie, state, act, named)
    if row.where.names:
        _naming(named(row.where.names), state, act)


def _to_case(where: Where, case: Case | None, act: Act) -> None:
    mine = relations(case, act.agency) if case is not None else frozenset()
    if case is None or not mine or not person(case, act) & where.people:
        raise Unknown(what="case")
    if where.open and case.status is not Status.OPEN:
        raise CaseNotOpen(status=case.status)
    if not mine & where.relations:
        raise NotForThisAgency(needs=where.needs)


def _to_agency(where: Where, agency: Office | None, act: Act) -> None:
    if agency is None and R.OWN in where.relations:
        raise Unknown(what="agency")
    mine = set()
    if act.role is Role.SYSTEM:
        mine.add(R.SYSTEM)
    if act.kind is AgencyKind.LEAD:
        mine.add(R.OPERATOR)
    if agency is not None and act.agency == agency.code:
        mine.add(R.OWN)
    if agency is not None and R.FOUNDER in where.relations and R.OPERATOR in mine and not agency.has_administrator:
        mine.add(R.FOUNDER)
    if not mine & where.relations:
        own = agency is not None and R.OWN in where.relations
        raise NotForThisAgency(needs=agency.code if agency is not None and own else AgencyKind.LEAD)


def _to_deletion(asked: ToldAgencies | None, act: Act) -> None:
    if asked is None or act.agency not in asked.told:
        raise Unknown(what="erasure")


def _to_proposal(where: Where, proposed: Proposed | None, act: Act) -> None:
    """A person is the same one in whatever role, for whatever agency, with whatever token: by their id."""
    if proposed is None or (isinstance(proposed.on, Case) and is_excluded(proposed.on, act)):
        raise Unknown(what="proposal")
    if act.actor == proposed.asked.actor:
        if R.ASKER in where.relations:
            return
        raise AnotherPersonNeeded()
    second = ASKED[type(proposed.command)].second
    if R.SECOND not in where.relations or second is None:
        raise Unknown(what="proposal")
    if second.against and getattr(proposed.command, second.against) == act.actor:
        raise Unknown(what="proposal")
    is_colleague = act.agency == proposed.asked.agency
    if not (is_colleague and act.role in second.colleagues):
        try:
            ask(second.rows, proposed.on, act, lambda field: getattr(proposed.command, field))
        except Refusal:
            if is_colleague:
                raise
            raise Unknown(what="proposal") from None
    if second.gains and getattr(proposed.command, second.gains) == act.actor:
        raise AnotherPersonNeeded()


def _to_thing(tie: Tie, case: Case | None, act: Act, named: Named) -> None:
    id = named(tie.by) if tie.by else None
    if tie.by and id is None and not tie.always:
        return
    for one in id if isinstance(id, tuple) else (id,):
        _to_one(tie, one, case, act)


def _to_one(tie: Tie, id: Any, case: Case | None, act: Act) -> None:
    thing = tie.thing.find(case, id) if case is not None else None
    mine = _ties(tie, thing, case, act) if thing is not None else frozenset()
    if thing is None or (tie.relations and not mine & tie.relations):
        if tie.thing.known_to is not None and not mine & tie.thing.known_to:
            raise Unknown(what=tie.thing.name)
        raise not_for(next(relation for relation in Relation if relation in tie.relations), SAID)
    if tie.another_than in mine:
        raise NotByTheSamePerson(**{tie.by: id}) if tie.another_than is R.OPENED_BY else AnotherPersonNeeded()
    if tie.states and thing.status not in tie.states:
        raise wrong_move(tie, thing, mine, act.role)


def _ties(tie: Tie, thing: Any, case: Any, act: Act) -> frozenset[Relation]:
    """What the acting agency and person are to a thing."""
    me = (act.agency, act.actor, (act.agency, act.actor))

    def is_mine(who: Any) -> bool:
        return any(one in who for one in me) if isinstance(who, Set) else who in me

    mine = {relation for relation, of in tie.thing.whose.items() if is_mine(of(thing, case))}
    if R.REACHES in tie.relations and not mine & tie.relations and opens(case, act, *_content(tie.thing, thing, case)):
        mine.add(R.REACHES)
    return frozenset(mine)


def _content(of: Thing, thing: Any, case: Any) -> tuple[Iterable[AgencyCode | None], frozenset[Compartment]]:
    return of.content(thing, case) if of.content is not None else ((), frozenset())


def opens(case: Case, act: Act, authors: Iterable[AgencyCode | None], compartments: frozenset[Compartment]) -> bool:
    """Whether the acting agency may open these compartments of one of these authors' words now. Its own it may."""
    reached = Reaches(case, act.at).of(act.agency, act.kind)
    return any(author == act.agency or compartments <= reached.on(author) for author in authors)


def _naming(named: str | Iterable[str], case: Case, act: Act) -> None:
    """Nobody learns of a case by being named; who does not lead names itself and the lead, so nobody finds others."""
    agencies = [named] if isinstance(named, str) else list(named)
    if act.agency != case.lead:
        outside = [a for a in agencies if a not in (act.agency, case.lead)]
    else:
        outside = [a for a in agencies if not takes_part(case, a)]
    if outside:
        raise NotForThisAgency(needs="to take part in the case", agencies=outside)
