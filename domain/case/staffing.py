"""Who of an agency works on a case, and who is kept from it: assigned, and excluded.

An agency says whether every member works on its cases, or who is assigned, and supervisors (domain/agency.py). Who is
excluded is shown nothing, through no door, glass included, for whatever agency they act: to them there is no case.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ..agency_state import Agency
from ..casefile.assigning import PersonAssigned
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.moves import REFERRAL
from ..casefile.remaining import agencies_of, beside, of_one_act, require_two, require_workers, together_of
from ..casefile.staff import EMERGENCY_CALL, MOVERS, NOT_EXCLUDED, WORKERS, Exclusion, Staff, at_work_on
from ..casefile.state import Case
from ..causes import When
from ..codes import AgencyKind, ReferralStatus, Role
from ..compartment import Coordination, Legal
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, ExclusionId, Fact, ReferralId, Text, recorded
from ..persistent import add, put
from ..refusal import AlreadyExists, Invalid, NotAMember, Unknown
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORKERS, ESCALATION, REVIEW, SECONDERS, SUPERVISION, SUPERVISORS
from ..standing.rows import ANYWHERE, KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, TAKES_PART_ALSO_ENDED, Row, Second, Thing
from ..standing.rule import extent_of, is_hidden, is_known_to, takes_part
from ..words import Words

R = Relation

LEAD_ALONE = Words(
    "harus orang instansi sendiri yang bukan anggota instansi lain, bukan penyelia, dan bukan petugas pelindungan "
    "data: yang lain dikecualikan oleh instansi penanggung jawab",
    "be one of its own people who is of no other agency, and neither supervisor nor data protection officer: all "
    "others the lead excludes",
)
NO_MACHINE = Words(
    "tidak boleh berperan sebagai sistem, di instansi mana pun: administrator mencabut peran itu dahulu",
    "have no role of a machine, at any agency: an administrator takes it away first",
)
THEIR_OWN = Words(
    "harus instansi orang itu yang menjadi penanggung jawab, atau yang ikut serta bila ada",
    "be the agency of theirs that leads the case, or one that takes part where there is any",
)
CARRIED_OVER = "Dibawa dari berkas lain dari kasus ini. / Carried over from another file of this case."
OPEN = frozenset(s for s in ReferralStatus if s.is_open)


@happened(
    Words("Penunjukan berakhir", "Assignment ended"),
    her=Words("Penunjukan seseorang berakhir", "A person is assigned no more"),
    means="Orang itu tidak lagi mengerjakan kasus ini di instansi yang mencatatnya.",
    step=Step.REPORT,
)
class AssignmentEnded(Fact, frozen=True, kw_only=True, tag="case.AssignmentEnded"):
    """A person of the agency that says it works on the case no more."""

    person: Coordination[ActorId]
    agency: Coordination[AgencyCode]


class ExclusionFacts(Fact, frozen=True, kw_only=True):
    exclusion: Coordination[ExclusionId]
    person: Coordination[ActorId]
    member_of: Coordination[AgencyCode]
    """Of which agency they are a member; they are excluded for whatever agency they act."""
    reason: Legal[Text]


NAMES_OTHERS = {"reason": Words("Dapat menyebut orang lain.", "It can name another person.")}


def _reason_in_clear(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had the reason among its coordination, and whoever was told of it was told why: there it stays."""
    return fields


def _together_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say what one act placed."""
    return {"together": None} | fields


def _whose_member(event: "PersonExcluded | ExclusionEnded", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    return {event.member_of: event.kind} if is_known_to(case, event.member_of) else {}


THEIR_AGENCY = Audience(
    Words(
        "instansi tempat orang itu bekerja, bila boleh tahu kasusnya",
        "the agency whose member that is, where it may know of the case",
    ),
    _whose_member,
)


@happened(
    Words("Seseorang dikecualikan dari kasus", "Person excluded from the case"),
    her=Words("Seseorang tidak boleh melihat kasus Anda", "A person may not see your case"),
    means="Orang itu tidak boleh melihat apa pun dari kasus ini; sistem instansinya harus menutupnya pula.",
    step=Step.REPORT,
    to=THEIR_AGENCY,
    withheld=NAMES_OTHERS,
    earlier=(_together_unsaid,),
)
class PersonExcluded(ExclusionFacts, frozen=True, kw_only=True, tag="case.PersonExcluded"):
    """A person is to see nothing of the case from now on; their agency's own system has to keep it from them, too."""

    kind: Coordination[AgencyKind]
    placed_by: Coordination[AgencyCode]
    together: Coordination[UUID | None] = None
    """The same of all that one act placed, for each agency of that person: they end together."""


@happened(
    Words("Pengecualian seseorang berakhir", "Exclusion of a person ended"),
    her=Words("Seseorang boleh melihat kasus Anda lagi", "A person may see your case again"),
    means="Orang itu boleh melihat kasus ini lagi, sejauh instansinya boleh, kecuali pengecualian lain masih berlaku.",
    step=Step.REPORT,
    to=THEIR_AGENCY,
    withheld=NAMES_OTHERS,
    earlier=(_reason_in_clear,),
)
class ExclusionEnded(Fact, frozen=True, kw_only=True, tag="case.ExclusionEnded"):
    """A person may see the case again as far as their agency may, unless another exclusion stands."""

    exclusion: Coordination[ExclusionId]
    person: Coordination[ActorId]
    member_of: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    reason: Legal[Text]


THEIRS = Thing(
    "member_of",
    Words("instansi orang itu", "the agency of that person"),
    find=lambda case, code: code,
    whose={R.OWN: lambda code, case: code, R.LEAD: lambda code, case: case.lead},
    known_to=None,
)
ASSIGNED_HERE = Thing(
    "assignment",
    Words("penunjukan orang itu", "that person's assignment"),
    find=lambda case, id: frozenset(agency for agency, person in case.of(Staff).assigned if person == id) or None,
    whose={R.OWN: lambda agencies, case: agencies},
)
WORK = Thing(
    "work",
    Words("pekerjaan pada rujukan itu, atau pada kasusnya", "the work on the referral, or on the case as a whole"),
    find=at_work_on,
    whose={R.ASSIGNED: lambda who, case: who},
    known_to=None,
)
EXCLUSION = Thing(
    "exclusion",
    Words("pengecualian", "exclusion"),
    find=lambda case, id: case.of(Staff).exclusions.get(id),
    whose={R.AUTHOR: lambda exclusion, case: exclusion.placed_by, R.LEAD: lambda exclusion, case: case.lead},
)
WHO = Thing(
    "person",
    Words("orang yang ditunjuk", "the person who is assigned"),
    find=lambda case, id: id,
    whose={R.ONESELF: lambda id, case: id},
    known_to=None,
)
HELD_REFERRAL = TAKES_PART_ALSO_ENDED.to(REFERRAL, R.ADDRESSEE, by="referral", states=OPEN, move="assign")
TAKES_EMERGENCY = replace(HELD_REFERRAL, people=frozenset({R.ON_CALL})).to(
    EMERGENCY_CALL, R.ADDRESSEE, by="referral", always=True
)
PLACED = KNOWS_ALSO_ENDED.to(EXCLUSION, R.AUTHOR, R.LEAD, by="exclusion")


def _takes_two(command: "ExcludePerson", case: Case, own: bool) -> bool:
    """One person is kept out at once. All of an agency, or those who judge at the lead, are not by one person alone."""
    others = (e for e in case.of(Staff).exclusions.values() if e.person != command.person)
    return command.member_of == case.lead or any(e.member_of == command.member_of for e in others)


@asked(
    "/cases/{case}/assignments",
    by=SUPERVISION,
    where=HELD_REFERRAL,
    or_else=(
        Row(CASE_WORKERS, HELD_REFERRAL.to(WORK, R.ASSIGNED, by="referral", always=True), Extent.AGENCY),
        Row(CASE_WORKERS, TAKES_EMERGENCY.to(WHO, R.ONESELF, by="person"), Extent.AGENCY),
    ),
    extent=Extent.AGENCY,
    when=When.NOW,
    means="Menunjuk seseorang di instansi sendiri pada kasus, atau pada rujukan yang diterimanya. Rujukan yang tidak "
    "dipegang siapa pun, bila darurat, dapat diambil sendiri oleh petugas yang ada.",
    tag="life of the case",
    example={"person": "00000000-0000-4000-8000-000000000001"},
)
class AssignPerson(Fact, frozen=True, kw_only=True):
    """Assign a person of one's own agency to the case, or to a referral that it received: a supervisor, or a colleague
    who works on that; and whoever is there takes an emergency themselves that nobody has, by its id and nothing else.
    Who is assigned to a referral is one who may move it."""

    person: Coordination[ActorId]
    referral: Coordination[ReferralId | None] = None


@asked(
    "/cases/{case}/assignments/{person}/end",
    by=SUPERVISION,
    where=TAKES_PART_ALSO_ENDED.to(ASSIGNED_HERE, R.OWN, by="person"),
    extent=Extent.AGENCY,
    when=When.NOW,
    means="Mengakhiri penunjukan seseorang di instansi sendiri.",
    tag="life of the case",
)
class EndAssignment(Fact, frozen=True, kw_only=True):
    """End the assignment of a person of one's own agency."""

    person: Coordination[ActorId]


@asked(
    "/cases/{case}/exclusions",
    by=SUPERVISORS,
    where=KNOWS_ALSO_ENDED.to(THEIRS, R.LEAD, by="member_of"),
    extent=Extent.AGENCY,
    or_else=(Row(SUPERVISORS, TAKES_PART_ALSO_ENDED.to(THEIRS, R.OWN, by="member_of"), Extent.ITS_PEOPLE),),
    second=Second(
        (Row(REVIEW, LEADS_ALSO_ENDED, Extent.MOVE),),
        when=_takes_two,
        words=Words(
            "untuk orang instansi penanggung jawab, dan untuk setiap orang berikutnya dari instansi yang sama",
            "for the lead's own people, and for each further one of the same agency",
        ),
        colleagues=SECONDERS,
        against="person",
    ),
    when=When.NOW,
    means="Mengecualikan seseorang dari kasus: tidak satu pun boleh dilihatnya, juga dalam keadaan darurat.",
    tag="life of the case",
    example={
        "person": "00000000-0000-4000-8000-000000000001",
        "member_of": "polres",
        "reason": "Saudara kandung terlapor.",
    },
    mints="exclusion",
)
class ExcludePerson(ExclusionFacts, frozen=True, kw_only=True):
    """Exclude a person from the case: they are shown nothing of it, in an emergency neither."""


@asked(
    "/cases/{case}/exclusions/{exclusion}/end",
    by=SUPERVISORS,
    where=PLACED,
    second=Second((Row(REVIEW, PLACED, Extent.MOVE),)),
    extent=Extent.AGENCY,
    when=When.NOW,
    means="Mengakhiri pengecualian seseorang dari kasus.",
    tag="life of the case",
    example={"reason": "Ternyata bukan saudara terlapor."},
)
class EndExclusion(Fact, frozen=True, kw_only=True):
    """End the exclusion of a person from the case."""

    exclusion: Coordination[ExclusionId]
    reason: Legal[Text]


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.AGENCY,
    when=When.NOW,
    means="Mencatat pengecualian yang berlaku di berkas lain dari kasus yang sama.",
)
class CarryExclusion(Fact, frozen=True, kw_only=True):
    """Record an exclusion that stands in another file of the same case, where an earlier release merged them, or this
    one did not open."""

    exclusion: Coordination[ExclusionId]
    person: Coordination[ActorId]
    member_of: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    placed_by: Coordination[AgencyCode]
    together: Coordination[UUID | None] = None


@applies(AssignmentEnded)
def assignment_ended(part: Staff, event: AssignmentEnded) -> Staff:
    ended = (event.agency, event.person)
    return replace(part, assigned={worker: to for worker, to in part.assigned.items() if worker != ended})


@applies(PersonExcluded)
def person_excluded(case: Case, event: PersonExcluded) -> Case:
    part = case.of(Staff)
    placed = Exclusion(event.exclusion, event.person, event.member_of, event.kind, event.placed_by, event.together)
    exclusions = put(part.exclusions, event.exclusion, placed)
    at_work = {worker: to for worker, to in part.assigned.items() if worker[1] != event.person}
    excluded = replace(part, assigned=at_work, exclusions=exclusions, excluded=add(part.excluded, event.person))
    return case.using(event.exclusion).with_part(excluded)


@applies(ExclusionEnded)
def exclusion_ended(part: Staff, event: ExclusionEnded) -> Staff:
    left = {id: exclusion for id, exclusion in part.exclusions.items() if id != event.exclusion}
    return replace(part, exclusions=left, excluded=frozenset(exclusion.person for exclusion in left.values()))


@decides.register
def assign_person(command: AssignPerson, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    made = recorded(PersonAssigned, command, act, agency=act.agency)
    if not network[made.agency].has_member(made.person, WORKERS if made.referral is None else MOVERS):
        raise NotAMember(person=made.person)
    if is_hidden(case, made.person):
        raise Invalid(field="person", must=NOT_EXCLUDED)
    staff = case.of(Staff)
    held = staff.assigned.get((made.agency, made.person))
    if held is not None and (made.referral is None or made.referral in held - staff.unheard):
        raise AlreadyExists(what="assignment")
    return [made]


@decides.register
def end_assignment(command: EndAssignment, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(AssignmentEnded, command, act, agency=act.agency)]


@decides.register
def exclude_person(command: ExcludePerson, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """A machine's role gives what the agency is told, of all cases: who has one gives it up first. Any agency can make
    somebody its member, and would so keep others' people from their case: who is a member of another agency, whether
    that takes part or not, is excluded by the lead alone; as is who judges at the agency, and could be kept from
    judging. Each agency of theirs is told, in an event of its own."""
    agency = network.get(command.member_of)
    if agency is None or command.person not in agency.members:
        raise NotAMember(person=command.person)
    theirs = agencies_of(network, {command.person})
    of_its_own = theirs == [agency] and not agency.has_member(command.person, REVIEW)
    if extent_of(command, case, act) is Extent.ITS_PEOPLE and not of_its_own:
        raise Invalid(field="person", must=LEAD_ALONE)
    if any(one.has_member(command.person, (Role.INTEGRATOR,)) for one in theirs):
        raise Invalid(field="person", must=NO_MACHINE)
    _require_theirs(command.member_of, theirs, case)
    fresh(case.used_ids, command.exclusion)
    staff = case.of(Staff)
    together = together_of(command.exclusion)
    made = recorded(PersonExcluded, command, act, kind=agency.kind, placed_by=act.agency, together=together)
    if any(e.person == made.person and e.placed_by == made.placed_by for e in staff.exclusions.values()):
        raise AlreadyExists(what="exclusion")
    after = {*staff.excluded, command.person}
    asked = [one for one in theirs if one == agency or takes_part(case, one.code)]
    in_the_way = staff.exclusions if extent_of(command, case, act) is Extent.AGENCY else None
    require_workers(asked, staff.excluded, after, "person", in_the_way)
    require_two(network[case.lead], staff.excluded, after, "person")
    return [made, *(_also(made, other) for other in theirs if other != agency)]


def _require_theirs(named: AgencyCode, theirs: Sequence[Agency], case: Case) -> None:
    """Raises Invalid where an agency of theirs is named that is not the lead, though they are of the lead; nor one that
    takes part, though they are of such a one: it says whether a second person is needed, and who of whom remains."""
    codes = {agency.code for agency in theirs}
    parts = {case.lead} & codes or codes & case.participants().keys()
    if parts and named not in parts:
        raise Invalid(field="member_of", must=THEIR_OWN)


def _also(made: PersonExcluded, agency: Agency) -> PersonExcluded:
    """The same, of a person as a member of another agency."""
    return replace(made, exclusion=beside(made.exclusion, agency.code), member_of=agency.code, kind=agency.kind)


@decides.register
def carry_exclusion(command: CarryExclusion, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if case is None:
        raise Unknown(what="case")
    fresh(case.of(Staff).exclusions, command.exclusion)
    return [recorded(PersonExcluded, command, act, reason=CARRIED_OVER)]


@decides.register
def end_exclusion(command: EndExclusion, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Of who is a member of several agencies it ends for all of them, as it began."""
    standing = case.of(Staff).exclusions
    ended = standing[command.exclusion]
    return [
        recorded(ExclusionEnded, command, act, exclusion=e.id, person=e.person, member_of=e.member_of, kind=e.kind)
        for e in (ended, *of_one_act(ended, standing))
    ]


name_fields(
    exclusion=field("Pengecualian", "Exclusion"),
    member_of=field("Anggota instansi", "Member of"),
    placed_by=field("Ditetapkan oleh", "Placed by"),
    together=field("Ditetapkan bersama", "Placed together"),
)
