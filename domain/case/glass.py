"""Breaking the glass: in an emergency a person opens what consent does not cover. At once, for a short time, for
named compartments, seen by the lead and by their own agency, and reviewed by somebody else.

The only thing asked of an agency's relation to the case is that it knows the case's id. That is acceptable:
an id is 122 random bits (RFC 9562, version 4), made by the service and told to those who know the case, so who
has one was told of the case by somebody who knew it; and who uses one is named to the lead at once. What is
refused is refused before the case is looked at, so that a refused attempt never tells whether there is one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from ..casefile import judging
from ..casefile.deciding import Network, decides
from ..casefile.emergency import RULE, Leaves, require_leave, still_open
from ..casefile.evolving import applies
from ..casefile.state import Case, Glass, compartments_named
from ..causes import Cause, When
from ..codes import AgencyKind, GlassVerdict, LegalBasis, Role
from ..compartment import Compartment, CompartmentWord, Coordination, Legal
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, Fact, GlassId, Short, Text, recorded
from ..persistent import put
from ..refusal import AgencyInactive, AlreadyDone, AlreadyExists, Invalid, Unknown, one_of
from ..standing.readings import reading
from ..standing.relations import Extent, Relation
from ..standing.roles import EMERGENCY, ESCALATION, REVIEW
from ..standing.rows import ANYWHERE, Since, Thing
from ..standing.rule import relations
from ..words import Words

R = Relation

MINUTE = timedelta(minutes=1)


class GlassMove(Fact, frozen=True, kw_only=True):
    glass: Coordination[GlassId]


def _opener(event: GlassMove, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    glass = case.glasses[event.glass]
    return {glass.agency: glass.kind}


OPENER = Audience(Words("instansi yang membuka akses darurat", "the agency for which the glass was broken"), _opener)


class GlassFacts(GlassMove, frozen=True, kw_only=True):
    compartments: Coordination[Annotated[frozenset[CompartmentWord], Meta(min_length=1)]]
    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    reason: Legal[Text]


@happened(
    Words("Akses darurat dibuka", "Glass broken: emergency access"),
    her=Words("Data dibuka dalam keadaan darurat", "Data was opened in an emergency"),
    means="Dalam keadaan darurat seseorang membuka kelompok data tanpa persetujuan, sementara.",
    step=Step.EMERGENCY,
    to=OPENER,
    calls={
        "compartments": field(
            "Kelompok data yang dibuka", "Compartments opened", ("Data yang dibuka", "Data that was opened")
        )
    },
)
class GlassBroken(GlassFacts, frozen=True, kw_only=True, tag="case.GlassBroken"):
    """In an emergency a person opened compartments that no consent let them know, until a time."""

    agency: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    actor: Coordination[ActorId]
    role: Coordination[Role]
    expires_at: Coordination[datetime]
    review_due_at: Coordination[datetime]


@happened(
    Words("Akses darurat ditutup", "Emergency access closed"),
    her=Words("Pembukaan darurat berakhir", "An emergency opening ended"),
    means="Yang membukanya tidak membutuhkannya lagi.",
    step=Step.EMERGENCY,
    to=OPENER,
)
class GlassClosed(GlassMove, frozen=True, kw_only=True, tag="case.GlassClosed"):
    """The person who had opened them needed them no longer."""


class GlassReviewFacts(GlassMove, frozen=True, kw_only=True):
    verdict: Coordination[GlassVerdict]
    remark: Legal[Text]


@happened(
    Words("Akses darurat ditinjau", "Emergency access reviewed"),
    her=Words("Pembukaan darurat ditinjau", "An emergency opening was reviewed"),
    means="Orang lain menilai apakah itu darurat. Bila tidak beralasan, aksesnya langsung ditutup.",
    step=Step.EMERGENCY,
    to=OPENER,
)
class GlassReviewed(GlassReviewFacts, frozen=True, kw_only=True, tag="case.GlassReviewed"):
    """Another person judged whether the emergency was one. What was not justified is closed by that."""

    reviewer: Coordination[ActorId]


@happened(
    Words("Tinjauan akses darurat terlambat", "Review of emergency access overdue"),
    her=Words("Tinjauan pembukaan darurat terlambat", "The review of an opening is overdue"),
    means="Tidak ditinjau pada waktunya; `level` menghitung berapa kali itu dieskalasi.",
    step=Step.EMERGENCY,
    to=OPENER,
)
class GlassReviewOverdue(GlassMove, frozen=True, kw_only=True, tag="case.GlassReviewOverdue"):
    """Nobody reviewed it in time; `level` counts how often that was raised."""

    level: Coordination[int]


GLASS = Thing(
    "glass",
    Words("akses darurat", "emergency opening"),
    find=lambda case, id: case.glasses.get(id),
    whose={
        R.LEAD: lambda glass, case: case.lead,
        R.OPENED_FOR: lambda glass, case: glass.agency,
        R.OPENER: lambda glass, case: (glass.agency, glass.actor),
        R.OPENED_BY: lambda glass, case: glass.actor,
    },
    since=Since(Words("akses itu dibuka", "the glass was broken"), lambda glass: glass.broken_at),
)
RUNS_OUT = Cause(
    Words("waktu untuk menilainya habis", "the time to judge it ran out"),
    lambda command, case, act: judging.due_at(case.glasses[command.glass]),
)


OPENED = ANYWHERE.to(GLASS, R.OPENER, by="glass")
TIMELINE = reading(
    "glass-timeline",
    Words("Riwayat kasus dalam keadaan darurat", "The timeline, in an emergency"),
    EMERGENCY,
    Extent.GLASS,
    OPENED,
)
DOCUMENT = reading(
    "glass-document",
    Words("Dokumen dalam keadaan darurat", "A document, in an emergency"),
    EMERGENCY,
    Extent.GLASS,
    OPENED,
)
TO_JUDGE = reading(
    "glass",
    Words("Akses darurat, untuk dinilai", "An emergency opening, to judge it"),
    REVIEW,
    Extent.COORDINATION,
    ANYWHERE.to(GLASS, R.LEAD, R.OPENED_FOR, by="glass"),
)


@asked(
    "/cases/{case}/break-glass",
    by=EMERGENCY,
    where=ANYWHERE,
    extent=Extent.GLASS,
    when=When.NOW,
    means="Dalam keadaan darurat membuka yang tidak dicakup persetujuan: segera, sementara, dan terlihat.",
    tag="emergency",
    example={
        "compartments": ["health", "safety"],
        "basis": "imminent-danger",
        "rule": "UU 27/2022 ps. 20 ayat (2) huruf d",
        "reason": "Tidak sadarkan diri di IGD; riwayat obat tidak diketahui.",
        "minutes": 60,
    },
    mints="glass",
)
class BreakGlass(GlassFacts, frozen=True, kw_only=True):
    """Open, in an emergency, what no consent covers: at once, for a time, and not unseen."""

    minutes: Coordination[Annotated[int, Meta(ge=1, le=1_000_000)] | None] = None
    """For how long; as long as is usual, when left out."""


@asked(
    "/cases/{case}/break-glass/{glass}/closure",
    by=EMERGENCY,
    where=ANYWHERE.to(GLASS, R.OPENER, by="glass"),
    extent=Extent.MOVE,
    means="Mengakhiri akses darurat sebelum waktunya habis.",
    tag="emergency",
)
class CloseGlass(GlassMove, frozen=True, kw_only=True):
    """End an emergency opening before its time is over."""


@asked(
    "/cases/{case}/break-glass/{glass}/review",
    by=REVIEW,
    where=ANYWHERE.to(GLASS, R.LEAD, R.OPENED_FOR, by="glass", another_than=R.OPENED_BY),
    extent=Extent.OWN_WORDS,
    means="Menilai akses darurat yang dibuka orang lain.",
    tag="emergency",
    example={"verdict": "justified", "remark": "Nyawa terancam; tidak ada yang dapat dimintai persetujuan."},
)
class ReviewGlass(GlassReviewFacts, frozen=True, kw_only=True):
    """Judge an emergency opening by somebody else."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(RUNS_OUT,),
    means="Mengeskalasi bahwa tidak ada yang menilai akses darurat pada waktunya.",
)
class RaiseGlassReview(GlassMove, frozen=True, kw_only=True):
    """Raise that nobody reviewed an emergency opening in time."""


@applies(GlassBroken)
def glass_broken(case: Case, event: GlassBroken) -> Case:
    glass = Glass(
        id=event.glass,
        agency=event.agency,
        kind=event.kind,
        actor=event.actor,
        compartments=compartments_named(event.compartments),
        basis=event.basis,
        expires_at=event.expires_at,
        review_due_at=event.review_due_at,
        broken_at=event.occurred_at,
    )
    used = {person: until for person, until in case.of(Leaves).until.items() if person != event.actor}
    return replace(case.with_part(Leaves(used)), glasses=put(case.glasses, event.glass, glass))


@applies(GlassClosed)
def glass_closed(case: Case, event: GlassClosed) -> Case:
    return _change(case, event.glass, closed=True)


@applies(GlassReviewed)
def glass_reviewed(case: Case, event: GlassReviewed) -> Case:
    return _change(case, event.glass, verdict=event.verdict, reviewer=event.reviewer)


@applies(GlassReviewOverdue)
def glass_review_overdue(case: Case, event: GlassReviewOverdue) -> Case:
    return _change(case, event.glass, overdue=event.level)


def _change(case: Case, glass: GlassId, **changed: Any) -> Case:
    return replace(case, glasses=put(case.glasses, glass, replace(case.glasses[glass], **changed)))


@decides.register
def break_glass(command: BreakGlass, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    lasts = _allowed(command, act, network)
    broken = recorded(
        GlassBroken,
        command,
        act,
        agency=act.agency,
        kind=act.kind,
        actor=act.actor,
        role=act.role,
        expires_at=act.at + lasts,
        review_due_at=act.at + judging.WITHIN,
    )
    if case is None:
        raise Unknown(what="case")
    for glass in case.glasses_of(act.agency, act.actor):
        if glass.is_open(act.at):
            raise AlreadyDone(glass=glass.id)
    require_leave(case, act.actor, act.agency, network, act.at)
    if command.glass in case.glasses:
        raise AlreadyExists(id=command.glass) if _may_know(case, act) else Unknown(what="case")
    return [broken]


@decides.register
def close_glass(command: CloseGlass, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    still_open(case, command.glass, act.at)
    return [recorded(GlassClosed, command, act)]


@decides.register
def review_glass(command: ReviewGlass, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """An inquiry is a verdict for the time being; the others are the last word, and that is the lead's: what the
    opener's own agency found, another person of the lead may judge anew, and never the other way round."""
    glass = case.glasses[command.glass]
    judging.require_last_word(glass, case, relations(case, act.agency), act.actor, network)
    return [recorded(GlassReviewed, command, act, reviewer=act.actor)]


@decides.register
def raise_review(command: RaiseGlassReview, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again without a review, one level more."""
    glass = case.glasses.get(command.glass) if case else None
    if glass is None:
        raise Unknown(what="glass")
    level = judging.next_reminder(glass, act.at, glass=glass.id)
    return [recorded(GlassReviewOverdue, command, act, level=level)]


def _allowed(command: BreakGlass, act: Act, network: Network) -> timedelta:
    """How long it lasts, if what the person says allows it; nothing here depends on the case.
    Raises AgencyInactive, Invalid."""
    agency = network.get(act.agency)
    if agency is None or not agency.active:
        raise AgencyInactive(agency=act.agency)
    if command.basis not in RULE.bases:
        raise Invalid(field="basis", must=one_of(RULE.bases))
    if not compartments_named(command.compartments) - {Compartment.COORDINATION}:
        raise Invalid(
            field="compartments",
            must=Words("harus menyebut sedikitnya satu selain koordinasi", "name at least one beside coordination"),
        )
    lasts = RULE.usual if command.minutes is None else command.minutes * MINUTE
    if lasts > RULE.longest:
        raise Invalid(
            field="minutes",
            must=Words(f"paling banyak {RULE.longest // MINUTE}", f"be {RULE.longest // MINUTE} at most"),
        )
    return lasts


def _may_know(case: Case, act: Act) -> bool:
    return bool(relations(case, act.agency)) or any(case.glasses_of(act.agency))


name_fields(
    glass=field("Akses darurat", "Emergency access"),
    actor=field("Petugas (kode)", "Person (code)"),
    review_due_at=field("Batas waktu tinjauan", "Review due", ("Ditinjau paling lambat", "To be reviewed by")),
    reviewer=field("Peninjau", "Reviewer"),
    verdict=field("Hasil tinjauan", "Result of the review", ("Hasil tinjauan", "Result of the review")),
)
