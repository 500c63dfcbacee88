"""Who speaks for her: what she can decide herself now, who is let speak in her best interest, and who gives and
withdraws nothing.

Several subjects hear somebody speak (a consent, a refusal, a withdrawal, a mere *stop*), so it lies here.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from ..age_table import BELOW_12, INSTEAD_OF_AGE, PARENTS, ROWS, AgeRow, Assent
from ..codes import AgeGroup, ConsentBy
from ..compartment import Coordination, Legal, Psychosocial
from ..declaring import Step, happened, name_fields
from ..declaring import field as named
from ..fact import Act, ConsentId, DecisionId, Fact, Recipient, Text, recorded
from ..persons import Capacity, Saying
from ..refusal import ConsentFromWrongPerson, Invalid, Unknown
from ..words import Words
from .ages import age_of, decides_herself
from .state import EMPTY, Case, Consent, Part

SURVIVOR = frozenset({ConsentBy.SURVIVOR})


class Decision(Struct, frozen=True):
    """What two people decided to be best for her."""

    lets: frozenset[ConsentBy]
    decided_at: datetime


class Speaking(Part, frozen=True):
    capacity: Capacity | None = None
    """None: nobody said."""
    decisions: Mapping[DecisionId, Decision] = EMPTY
    set_aside: Set[ConsentBy] = frozenset()
    """Capacities in which somebody could speak for her, who gives and withdraws nothing."""


@happened(
    Words("Ucapan yang tidak berlaku dicatat", "Said without effect"),
    her=Words(
        "Dicatat ucapan orang yang tidak berbicara bagi Anda; tidak ada akibatnya",
        "What somebody said who does not speak for you was recorded; it has no effect",
    ),
    means="Seseorang yang tidak boleh berbicara bagi penyintas memberi, menolak, atau mencabut. Dicatat sebagaimana "
    "dikatakan; tidak ada yang berubah karenanya.",
    step=Step.CONSENT,
)
class SaidWithoutEffect(Fact, frozen=True, kw_only=True, tag="case.SaidWithoutEffect"):
    """Somebody who does not speak for the survivor gave, refused or withdrew. It is recorded as it was said, and
    nothing changes by it."""

    saying: Coordination[Saying]
    said_by: Coordination[frozenset[ConsentBy]]
    consent: Coordination[ConsentId | None] = None
    recipients: Coordination[frozenset[Recipient]] = frozenset()
    remark: Psychosocial[Text | None] = None


class NamesTheAccused(Fact, frozen=True, kw_only=True):
    """Says who is accused, and in which capacities that one could speak for her."""

    speaks_as: Legal[frozenset[ConsentBy] | None] = None
    """None: nobody said. Of the lead's word they are set aside with it."""


class Consenting(Protocol):
    """A command that records a consent."""

    @property
    def given_by(self) -> frozenset[ConsentBy]: ...

    @property
    def child_assent(self) -> bool | None: ...

    @property
    def assent_not_asked(self) -> str | None: ...

    @property
    def no_caregiver_because(self) -> str | None: ...

    @property
    def by_alleged(self) -> bool | None: ...

    @property
    def decision(self) -> DecisionId | None: ...


def row_for(case: Case, at: datetime) -> AgeRow:
    """Who consents for her then: by her age, and by what she can decide herself."""
    age, capacity = age_of(case, at), case.of(Speaking).capacity
    row = ROWS[age]
    if capacity is None or capacity not in INSTEAD_OF_AGE:
        return row
    if capacity is Capacity.DIED or age is AgeGroup.ADULT:
        return INSTEAD_OF_AGE[capacity]
    if ConsentBy.SURVIVOR in row.gives:  # an adolescent: her parents, as when younger
        return AgeRow(PARENTS, ROWS[AgeGroup.YOUNGER_ADOLESCENT].by_decision, assent=Assent.NOT_ASKED)
    return row


def decision_that_lets(case: Case, by: Set[ConsentBy]) -> DecisionId | None:
    """The last best-interest decision that lets one of these speak."""
    lets = [id for id, decision in case.of(Speaking).decisions.items() if decision.lets & by]
    return lets[-1] if lets else None


def heard(case: Case, said_by: Set[ConsentBy], by_alleged: bool | None) -> frozenset[ConsentBy]:
    """Of those who speak, whose word counts: not of somebody who was set aside, unless it is said that this is another
    person, and not of whom she accuses."""
    if by_alleged:
        return frozenset(said_by & SURVIVOR)
    aside = case.of(Speaking).set_aside
    unsaid = {ConsentBy.CAREGIVER} if aside & PARENTS else set[ConsentBy]()
    return frozenset(said_by if by_alleged is False else said_by - aside - unsaid)


def require_another(case: Case, said_by: Set[ConsentBy], by_alleged: bool | None) -> None:
    """Lets somebody agree for her of whom it is said whether they are who was set aside, in whatever capacity they
    speak now: the father whom she accuses is her next of kin when she died. Raises Invalid where nobody says so."""
    aside = case.of(Speaking).set_aside
    if aside and by_alleged is None and not said_by & (SURVIVOR | {ConsentBy.CASE_WORKER}):
        raise Invalid(
            field="by_alleged",
            must=Words(
                "harus disebut, karena seseorang dikesampingkan dalam kasus ini: true bila yang berbicara itu orangnya,"
                " false bila orang lain",
                "be said, as somebody is set aside in this case: true where that is who speaks, false where it is"
                " another person",
            ),
        )


def require_not_her(speakers: Iterable[ConsentBy]) -> None:
    """Raises Invalid where she would be set aside herself."""
    if ConsentBy.SURVIVOR in speakers:
        raise Invalid(
            field="speakers",
            must=Words(
                "tidak boleh penyintas: tidak seorang pun mengesampingkannya",
                "not be the survivor: nobody sets her aside",
            ),
        )


def is_nobodys(
    case: Case, said_by: Set[ConsentBy], by_alleged: bool | None, at: datetime, reports: bool = False
) -> bool:
    """Whether a no was said by nobody whose word counts. Once she consents herself, nobody else's does; where nobody
    wrote down who said it, it is hers. Raises ConsentFromWrongPerson for a small child, who is asked neither for a yes
    nor for a no: it was somebody else who said it. Of what another agency `reports` that counts as hers: whoever hears
    her say stop shows that she is no small child, and the lead, which said so, asks her."""
    if not said_by:
        return False
    if ConsentBy.SURVIVOR in said_by and (age := age_of(case, at)) is AgeGroup.SMALL_CHILD and not reports:
        raise ConsentFromWrongPerson(age_group=age, given_by=said_by)
    counts = heard(case, said_by, by_alleged)
    return not counts or (speaks_alone(case, at) and not counts & SURVIVOR)


def speaks_alone(case: Case, at: datetime) -> bool:
    """Whether nobody consents for her then: of her age, and of what she can decide herself."""
    return decides_herself(case, at) and case.of(Speaking).capacity not in INSTEAD_OF_AGE


def is_doubted(case: Case, consent: Consent, aside: Set[ConsentBy]) -> bool:
    """Whether a consent was given for her by nobody but who is set aside now, in these capacities."""
    return consent.live and is_same(consent.given_by, aside) and not heard(case, consent.given_by, None)


def without_effect(
    what: Saying, command: Fact, act: Act, said_by: Set[ConsentBy], recipients: Set[Recipient] = frozenset()
) -> SaidWithoutEffect:
    """The event that it was said."""
    named = {"said_by": frozenset(said_by), "recipients": frozenset(recipients)}
    return recorded(SaidWithoutEffect, command, act, saying=what, **named)


def decision_of_right_person(command: Consenting, by: Set[ConsentBy], case: Case, act: Act) -> DecisionId | None:
    """The best-interest decision that lets them, where it takes one. `by` are those whose word counts. Raises
    ConsentFromWrongPerson, Unknown for a decision that there is not, and Invalid for one that lets others, for a
    child's assent that was asked and is not to be, or the other way round, and where who was set aside could speak as
    somebody else."""
    require_another(case, by, command.by_alleged)
    decisions = case.of(Speaking).decisions
    if command.decision is not None and command.decision not in decisions:
        raise Unknown(what="best-interest decision")
    age, row = age_of(case, act.at), row_for(case, act.at)
    about = {"age_group": age, "given_by": command.given_by}
    if age in BELOW_12 and ConsentBy.SURVIVOR in by:
        raise ConsentFromWrongPerson(**about)
    if age is AgeGroup.SMALL_CHILD and command.child_assent is not None:
        raise Invalid(
            field="child_assent",
            must=Words("harus dikosongkan: anak kecil tidak ditanya", "be left out: a small child is not asked"),
        )
    answered = command.child_assent is not None or command.assent_not_asked is not None
    if row.assent is Assent.ASKED and ConsentBy.SURVIVOR not in by and not answered:
        raise Invalid(
            field="child_assent",
            must=Words(
                "harus menyebut jawaban anak; atau assent_not_asked, mengapa ia tidak ditanya",
                "say what the child said; or assent_not_asked, why she was not asked",
            ),
        )
    if by & row.gives or (by & row.with_reason and command.no_caregiver_because is not None):
        return command.decision
    if by & row.by_decision and (found := decision_that_lets(case, by & row.by_decision)) is not None:
        if command.decision is not None and not decisions[command.decision].lets & by:
            raise Invalid(
                field="decision",
                must=Words("harus mengizinkan mereka berbicara baginya", "be one that lets them speak for her"),
            )
        return command.decision or found
    raise ConsentFromWrongPerson(**about)


def is_same(one: Set[ConsentBy], other: Set[ConsentBy]) -> bool:
    """Whether one of these can be one of those: `caregiver` says no more than that it was a parent, guardian or
    caregiver."""
    unsaid = ConsentBy.CAREGIVER in (*one, *other)
    return bool(one & other) or (unsaid and bool(one & PARENTS) and bool(other & PARENTS))


name_fields(
    saying=named("Yang dikatakan", "What was said", ("Yang dikatakan", "What was said")),
    speaks_as=named(
        "Kedudukan yang dapat mewakili korban",
        "Capacity in which they could speak for the survivor",
        ("Kedudukannya bagi Anda", "What they are to you"),
        unsaid=("tidak disebutkan", "not said"),
    ),
    by_alleged=named(
        "Diucapkan terlapor",
        "Said by the alleged perpetrator",
        ("Diucapkan terlapor", "Said by the alleged perpetrator"),
    ),
)
