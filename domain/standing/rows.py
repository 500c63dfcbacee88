"""A row of the table: which roles, what the agency is to the case and to the thing concerned, how far, and whether
another person has to do it. The rows that recur have names here: `where=TAKES_PART.to(FLAG, AUTHOR, LEAD, by="flag")`.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..codes import Purpose, ReferralStatus, Role
from ..compartment import Compartment
from ..fact import ActorId, AgencyCode
from ..words import Words
from .relations import Extent, Relation
from .roles import SECONDERS


class Ground(Enum):
    """What a row's relations are to."""

    NOTHING = Words("tidak ada syarat hubungan", "no relation is asked for")
    CASE = Words("kasus", "a case")
    AGENCY = Words("instansi", "an agency")
    DELETION = Words("permintaan penghapusan salinan", "a deletion that was asked for")
    PROPOSAL = Words("usul yang menunggu orang kedua", "a proposal that waits for a second person")


EMPTY: Mapping[str, Any] = MappingProxyType({})

WORKS_ON_IT = frozenset({Relation.MEMBER, Relation.ASSIGNED, Relation.SUPERVISOR})
"""What a person has to be to a case, one of these: it is asked wherever a case is. Nothing of it is asked of the
system, nor of machines, which are their agency's."""

Who = AgencyCode | ActorId | tuple[AgencyCode, ActorId] | None
"""An agency; a person, whatever agency they act for; a person for an agency; nobody."""
Whose = Callable[[Any, Any], Who | Set[Any]]
"""(thing, case) → who that is, or all who are."""
Content = Callable[[Any, Any], tuple[Iterable[AgencyCode | None], frozenset[Compartment]]]
"""(thing, case) → its authors, and the compartments that it is in."""


class Since(Struct, frozen=True):
    """Since when a thing is as it is, as was said: what is done to it is not said to have been before."""

    words: Words
    at: Callable[[Any], datetime | None]


class Thing(Struct, frozen=True):
    """A thing that a command or reading is about: how it is found, and what an agency and a person are to it."""

    name: str
    """What `Unknown` calls it."""
    words: Words
    find: Callable[[Any, Any], Any]
    """(case, its id) → the thing; None where there is none. An id is None where there is one at most."""
    whose: Mapping[Relation, Whose]
    """What agencies and people are to it."""
    content: Content | None = None
    """Whose words it is, in which compartments: who may open that now `REACHES` it."""
    known_to: frozenset[Relation] | None = frozenset()
    """Who may know that there is such a thing, and so is told why not (None: everybody). To all others it does not
    exist."""
    since: Since | None = None


class Tie(Struct, frozen=True):
    """What the agency has to be to a thing, in which states of it, and who must not be the same person."""

    thing: Thing
    by: str
    """The field, or parameter, that names it; a command that leaves it out is not about one. Empty: one at most."""
    relations: frozenset[Relation]
    """One of these; empty: whoever may ask for it, where there is such a thing."""
    states: frozenset[ReferralStatus] = frozenset()
    """Of a referral; empty: any."""
    move: str = ""
    """What `WrongMove` calls it."""
    another_than: Relation | None = None
    """It takes another person than this one."""
    since: Since | None = None
    """What of the thing is answered; None: that it is as it is."""
    always: bool = False
    """Asked also where the command leaves it out."""


class Where(Struct, frozen=True):
    """What the acting agency has to be to a case, or to an agency, and to the things concerned."""

    ground: Ground
    relations: frozenset[Relation] = frozenset()
    """One of these; empty: nothing is asked."""
    open: bool = True
    """The case has to be open."""
    needs: str = ""
    """What `NotForThisAgency` says it takes."""
    ties: tuple[Tie, ...] = ()
    words: Words | None = None
    """What the page calls these relations; where nothing is said, each by its name."""
    people: frozenset[Relation] = WORKS_ON_IT
    """What the acting person has to be to the case; to all others there is none."""
    names: str = ""
    """A field that names agencies: who is named has to take part; who does not lead names only itself and the lead."""

    def to(
        self,
        thing: Thing,
        *relations: Relation,
        by: str = "",
        states: Iterable[ReferralStatus] = (),
        move: str = "",
        another_than: Relation | None = None,
        since: Since | None = None,
        always: bool = False,
    ) -> "Where":
        """The same, of who is one of these to a thing, too."""
        tie = Tie(thing, by, frozenset(relations), frozenset(states), move, another_than, since, always)
        return replace(self, ties=(*self.ties, tie))

    def naming(self, field: str) -> "Where":
        """The same, where those named in that field take part."""
        return replace(self, names=field)


class Row(Struct, frozen=True):
    """One way to have standing."""

    roles: frozenset[Role]
    where: Where
    extent: Extent
    purposes: frozenset[Purpose] = frozenset()
    """For these purposes only; empty: for whatever the role acts for."""
    only: Mapping[str, frozenset[Any]] = EMPTY
    """Field → what it may say at most."""


class Second(Struct, frozen=True):
    """That a command takes a second person: given by one, it is proposed, and what it says is done when another
    approves it (domain/proposal.py). The system, which the operator runs, needs none."""

    rows: tuple[Row, ...]
    """Who may be the second: rows of the table, to what the command is given on. One of them is enough."""
    when: Callable[[Any, Any, bool], bool] = lambda command, state, own: True
    """(command, what it is given on, whether who gives it gains by it) → whether it takes two."""
    words: Words = Words("selalu", "always")
    """When, for people."""
    gains: str = ""
    """The field that names a person who gains by it: that one is no second person either."""
    against: str = ""
    """The field that names a person whom it is done against: to that one there is no such proposal."""
    colleagues: frozenset[Role] = frozenset()
    """Roles in which somebody of the asker's own agency may be the second, whatever that is to the case."""
    stands: timedelta = timedelta(days=7)
    """How long it may wait for its second person."""
    keeps_time: bool = False
    """What it says happened when who asked says, and not as it is approved."""


R = Relation

ANYWHERE = Where(Ground.NOTHING)
"""Nothing is asked of what the agency is to a case."""

LEADS = Where(Ground.CASE, frozenset({R.LEAD}), needs="lead")
LEADS_ALSO_ENDED = replace(LEADS, open=False)
TAKES_PART = Where(
    Ground.CASE,
    frozenset({R.LEAD, R.RECIPIENT}),
    needs="an open referral, or the lead",
    words=Words(
        "ikut serta: penanggung jawab, atau memegang rujukan yang terbuka", "takes part: leads, or has an open referral"
    ),
)
TAKES_PART_ALSO_ENDED = replace(TAKES_PART, open=False)
"""What she may ask for at any time, and what takes from others what they have: the end of a file ends none of it."""
KNOWS = Where(
    Ground.CASE,
    frozenset({R.LEAD, R.RECIPIENT, R.FORMER_LEAD, R.FORMER_RECIPIENT, R.ASKED}),
    words=Words("boleh tahu kasusnya", "may know of the case"),
)
"""Who may know that the case exists: who leads or led, was sent a referral, or is asked to lead."""
KNOWS_ALSO_ENDED = replace(KNOWS, open=False)
TAKES_CALLS = replace(KNOWS, people=frozenset({R.ON_CALL}))
"""Who is there, and takes what waits for somebody, and that alone (`CALL`): an emergency finds whoever is there."""

OWN_AGENCY = Where(Ground.AGENCY, frozenset({R.OWN}))
OWN_OR_SYSTEM = Where(Ground.AGENCY, frozenset({R.OWN, R.SYSTEM}))
FOUNDING = Where(Ground.AGENCY, frozenset({R.FOUNDER}))
"""Somebody has to let the first administrator in."""
OPERATES = Where(Ground.AGENCY, frozenset({R.OPERATOR, R.SYSTEM}))
OWN_SECOND = Row(SECONDERS, OWN_AGENCY, Extent.AGENCY)
OPERATOR_SECOND = Row(SECONDERS, Where(Ground.AGENCY, frozenset({R.OPERATOR})), Extent.AGENCY)
SYSTEM_ONLY = Where(Ground.AGENCY, frozenset({R.SYSTEM}))

SECONDS = Where(Ground.PROPOSAL, frozenset({R.SECOND}))
PROPOSED = Where(Ground.PROPOSAL, frozenset({R.ASKER}))
SECONDS_OR_PROPOSED = Where(Ground.PROPOSAL, frozenset({R.SECOND, R.ASKER}))

WAS_TOLD = Where(Ground.DELETION, frozenset({R.TOLD}))
