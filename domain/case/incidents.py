"""What happened, who is said to have done it, and the clocks that an incident starts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.ages import age_of
from ..casefile.clocks import ClockStarted
from ..casefile.deciding import Network, decides, fresh
from ..casefile.duties import Duties, DutiesFound, takes_away
from ..casefile.evolving import applies, evolve
from ..casefile.speaking import NamesTheAccused, require_not_her
from ..casefile.state import EMPTY, Case, Part
from ..casefile.windows import clock_id, is_for, superseded
from ..causes import Cause, When
from ..clock_codes import ClockDuty, ClockEnd, ClockStart
from ..compartment import Compartment, Coordination, Health, Incident, Legal, Safety
from ..declaring import Shared, Step, asked, defaults_unsaid, field, happened, name_fields, not_asked
from ..fact import Act, AgencyCode, Fact, IncidentId, Short, Text, recorded
from ..pathways import PATHWAYS
from ..persistent import put
from ..refusal import Invalid
from ..standing.clocks import Way, may
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART, Thing
from ..triggers import What
from ..violence import GbvType, Place, SexualKind, ToldBy, ViolenceForm, YesNo
from ..words import OF_OTHERS, Words

R = Relation

NOT_AFTER = Words(
    "tidak boleh sesudah occurred_at, saat hal itu disampaikan", "not be after occurred_at, when it was told"
)
ENDS_THE_RANGE = Words(
    "harus akhir dari rentang yang dimulai happened_at", "be the end of a range that happened_at begins"
)
FIRST_TIME = Words("harus saat pertama, dan happened_at saat terakhir", "be the first time, and happened_at the last")
NAMED_BY_LAW = frozenset({ToldBy.SURVIVOR, ToldBy.HEALTH_WORKER, ToldBy.PSYCHOLOGIST, ToldBy.SOCIAL_WORKER})
"""UU 12/2022 art. 41(2): whose word starts the time to report."""


Instant = Annotated[datetime, Meta(tz=True)]


class IncidentFacts(Fact, frozen=True, kw_only=True):
    incident: Coordination[IncidentId]
    forms: Incident[frozenset[ViolenceForm]]
    gbv_type: Incident[GbvType]
    kinds: Incident[frozenset[SexualKind] | None] = None
    happened_at: Incident[Instant | None] = None
    """Its earliest moment; of repeated abuse, of the last time."""
    happened_until: Incident[Instant | None] = None
    """Its latest moment, where nobody knows exactly."""
    roughly: Incident[bool | None] = None
    """Its time is said to be about that."""
    repeated_since: Incident[Instant | None] = None
    """Of repeated abuse: the first time."""
    penetration: Incident[YesNo | None] = None
    pregnancy_possible: Health[YesNo | None] = None
    complains: Incident[YesNo | None] = None
    """Whether she complains, where the offence needs that."""
    disability: Incident[YesNo | None] = None
    told_by: Incident[ToldBy | None] = None
    """Who told the agency; where nobody says, who reported the case."""
    place: Incident[Place | None] = None
    narrative: Incident[Text | None] = None
    domestic: Incident[bool | None] = None


def _less_said(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 2 had one instant, and neither the kind of act nor who told of it: all of that is sealed."""
    return fields


UNSAID = defaults_unsaid(place="lainnya", domestic=False)


@happened(
    Words("Kejadian dicatat", "Incident recorded"),
    her=Words("Kejadian dicatat", "What happened was recorded"),
    means="Apa yang terjadi. Batas waktu yang dimulainya adalah peristiwa tersendiri.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(UNSAID, _less_said),
)
class IncidentRecorded(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentRecorded"):
    """What happened. Which clocks it starts are events of their own."""


@happened(
    Words("Catatan kejadian diperbaiki", "Record of the incident corrected"),
    her=Words("Catatan kejadian diperbaiki", "The record of what happened was corrected"),
    means="Catatan kejadian keliru; inilah yang benar.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(UNSAID, _less_said),
)
class IncidentCorrected(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentCorrected"):
    """What was recorded of an incident was wrong; this is right."""

    reason: Incident[Text]


class PerpetratorFacts(NamesTheAccused, frozen=True, kw_only=True):
    name: Legal[Short | None] = None
    relation: Legal[Short | None] = None
    description: Legal[Text | None] = None
    danger: Safety[Text | None] = None


@happened(
    Words("Terlapor dicatat", "Alleged perpetrator recorded"),
    her=Words("Terlapor dicatat", "The alleged perpetrator was recorded"),
    means="Siapa yang diduga melakukannya (terlapor).",
    step=Step.REPORT,
    shared=Shared.STORY,
    withheld={"name": OF_OTHERS, "description": OF_OTHERS},
    earlier=(not_asked("speaks_as"),),
    struck_by="StrikeAllegedPerpetrator",
)
class AllegedPerpetratorRecorded(PerpetratorFacts, frozen=True, kw_only=True, tag="case.AllegedPerpetratorRecorded"):
    """Who is said to have done it (terlapor)."""


INCIDENT = Thing(
    "incident",
    Words("catatan kejadian", "record of the incident"),
    find=lambda case, id: (case.of(Incidents).told_by.get(id),) if id in case.of(Incidents).told_at else None,
    whose={R.AUTHOR: lambda told_by, case: told_by[0]},
    content=lambda told_by, case: (told_by, frozenset({Compartment.INCIDENT})),
)


@asked(
    "/cases/{case}/incidents",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    when=When.ANY_TIME,
    means="Mencatat yang terjadi; batas waktu alurnya mulai berjalan.",
    tag="intake",
    example={
        "forms": ["seksual"],
        "gbv_type": "rape",
        "happened_at": "2026-03-01T21:30:00+08:00",
        "place": "rumah-tangga",
        "narrative": "Diceritakan korban kepada pendamping.",
    },
    mints="incident",
)
class RecordIncident(IncidentFacts, frozen=True, kw_only=True):
    """Record what happened; the pathway's clocks start."""


TOLD = Cause(
    Words("kejadian itu disampaikan", "the incident was told"),
    lambda command, case, act: case.of(Incidents).told_at.get(command.incident),
)


@asked(
    "/cases/{case}/incidents/{incident}/corrections",
    by=CASE_WORK,
    where=TAKES_PART.to(INCIDENT, R.AUTHOR, R.REACHES, by="incident"),
    extent=Extent.OPENABLE,
    answers=(TOLD,),
    means="Memperbaiki catatan sebuah kejadian.",
    tag="intake",
    example={
        "forms": ["seksual", "fisik"],
        "gbv_type": "rape",
        "happened_at": "2026-03-01T21:30:00+08:00",
        "reason": "Ada luka.",
    },
)
class CorrectIncident(IncidentFacts, frozen=True, kw_only=True):
    """Correct what was recorded of an incident."""

    reason: Incident[Text]


@asked(
    "/cases/{case}/alleged-perpetrators",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat terlapor. Kedudukannya bagi korban (`speaks_as`) dikesampingkan, bila dicatat penanggung jawab.",
    tag="intake",
    example={"relation": "kerabat", "danger": "Tinggal serumah."},
)
class RecordAllegedPerpetrator(PerpetratorFacts, frozen=True, kw_only=True):
    """Record who is said to have done it. As what they could speak for her (`speaks_as`) the lead sets them aside."""


class Incidents(Part, frozen=True):
    told_at: Mapping[IncidentId, datetime] = EMPTY
    """Each incident, with when it was told, in that order."""
    told_by: Mapping[IncidentId, AgencyCode] = EMPTY  # each incident, with who recorded it


@applies(IncidentRecorded)
def incident_recorded(part: Incidents, event: IncidentRecorded, author: AgencyCode | None) -> Incidents:
    told_by = part.told_by if author is None else put(part.told_by, event.incident, author)
    return replace(part, told_at=put(part.told_at, event.incident, event.occurred_at), told_by=told_by)


def reported_at(case: Case, incident: IncidentId) -> datetime:
    """When an incident was reported: the first with the case's opening, later ones when they were told."""
    told_at = case.of(Incidents).told_at
    first = next(iter(told_at)) == incident
    return min(case.opened_at, told_at[incident]) if first else told_at[incident]


@decides.register
def record_incident(command: RecordIncident, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Incidents).told_at, command.incident)
    happened = recorded(IncidentRecorded, command, act)
    return [happened, *_follow(command, evolve(case, happened, act.agency), act)]


@decides.register
def correct_incident(command: CorrectIncident, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """A clock that the correction moves starts anew under an id of its own. What it moves or takes away is superseded,
    in one act; but under the rules of before 2026-3 none is taken away. By the word of who has none in that, the record
    is corrected, what is new begins, and what runs waits for the lead: who owes a clock would move its beginning."""
    return [recorded(IncidentCorrected, command, act), *_follow(command, case, act)]


@decides.register
def record_perpetrator(command: RecordAllegedPerpetrator, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    require_not_her(command.speaks_as or ())
    return [recorded(AllegedPerpetratorRecorded, command, act)]


def _follow(command: IncidentFacts, case: Case, act: Act) -> list[Fact]:
    _require_order(command)
    return (
        [*_care(command, case, act), *_duties(command, case, act)]
        if PATHWAYS[case.pathway].care
        else _clocks(command, case)
    )


def _require_order(command: IncidentFacts) -> None:
    for name in ("happened_at", "happened_until", "repeated_since"):
        at = getattr(command, name)
        if at is not None and at > command.occurred_at:
            raise Invalid(field=name, must=NOT_AFTER)
    at, until, since = command.happened_at, command.happened_until, command.repeated_since
    if until is not None and (at is None or until < at):
        raise Invalid(field="happened_until", must=ENDS_THE_RANGE)
    if since is not None and (at is None or since > at):
        raise Invalid(field="repeated_since", must=FIRST_TIME)


def _what(command: IncidentFacts, case: Case) -> What:
    return What(
        forms=command.forms,
        gbv_type=command.gbv_type,
        kinds=command.kinds or frozenset(),
        penetration=command.penetration,
        pregnancy_possible=command.pregnancy_possible,
        complains=command.complains,
        disability=command.disability,
        domestic=command.domestic is True,
        happened_at=command.happened_at,
        is_range=command.happened_until is not None or command.roughly is True,
        age=age_of(case, command.occurred_at),
        ruled_out=case.of(Duties).ruled_out,
    )


def _care(command: IncidentFacts, case: Case, act: Act) -> list[Fact]:
    """The windows of care that it starts, and those of the same incident that are superseded by that. What was given or
    declined is not asked for again because a time was corrected, and what runs on is not begun twice."""
    pathway, what = PATHWAYS[case.pathway], _what(command, case)
    known_at = reported_at(case, command.incident)
    wanted = {
        clock_id(case, command.incident, need, due): (need, starts, due)
        for need, starts, due in pathway.care_for(what, known_at)
    }
    mine = [c for c in case.clocks.values() if c.incident == command.incident and c.duty is ClockDuty.CARE]
    done = [clock for clock in mine if clock.is_over and clock.ended_as is not ClockEnd.SUPERSEDED]
    moved = [clock for clock in mine if not clock.is_over and clock.id not in wanted]
    done += [clock for clock in moved if not may(Way.MOVE, clock, case, act)]
    found: list[Fact] = [superseded(clock, command.occurred_at) for clock in moved if clock not in done]
    for id, (need, starts, due) in wanted.items():
        if id not in case.clocks and not any(is_for(clock, need) for clock in done):
            found.append(
                ClockStarted(
                    occurred_at=command.occurred_at,
                    clock=id,
                    starts_at=starts,
                    due_at=due,
                    pathway=pathway.version,
                    need=need,
                    care=need,
                    incident=command.incident,
                    duty=ClockDuty.CARE,
                    started_by=ClockStart.INCIDENT,
                    guessed=what.is_range or what.happened_at is None,
                    too_late=due <= known_at,
                )
            )
    return found


def _duties(command: IncidentFacts, case: Case, act: Act) -> list[Fact]:
    """The duties that it brings, where they are not known to be these; those that a correction takes away are
    superseded. The time to report is the same one: it runs from her report, not from the act."""
    pathway = PATHWAYS[case.pathway]
    duties = pathway.duties_of(_what(command, case))
    before = case.of(Duties).found.get(command.incident)
    if before is not None:
        duties |= {duty for duty in before.duties if not takes_away(duty, command.incident, case, act)}
    reported = before.reported_at if before is not None and before.reported_at else _reported(command, case)
    if command.complains is YesNo.YES and before is not None and ClockDuty.REPORT_TO_POLICE not in before.duties:
        reported = command.occurred_at  # the time runs from her complaint
    if before is not None and (before.duties, before.reported_at) == (duties, reported):
        return []
    found: list[Fact] = [
        DutiesFound(
            occurred_at=before.told_at if before else case.of(Incidents).told_at[command.incident],
            incident=command.incident,
            duties=duties,
            reported_at=reported,
        )
    ]
    gone = (before.duties if before else frozenset[ClockDuty]()) - duties
    found += [
        superseded(clock, command.occurred_at)
        for clock in case.clocks.values()
        if clock.incident == command.incident and clock.duty in gone and not clock.is_over
    ]
    return found


def _reported(command: IncidentFacts, case: Case) -> datetime | None:
    """When she, or a professional whom the law names, reported it: of the first incident with the case."""
    if command.told_by is not None:
        return case.of(Incidents).told_at[command.incident] if command.told_by in NAMED_BY_LAW else None
    heard = case.of(Duties).reported_by(command.occurred_at)
    return max(heard, reported_at(case, command.incident)) if heard is not None else None


def _clocks(command: IncidentFacts, case: Case) -> list[Fact]:
    """By the rules of before 2026-3."""
    pathway = PATHWAYS[case.pathway]
    started: list[Fact] = []
    reported = reported_at(case, command.incident)
    at_home = command.domestic is True
    for need, starts_at, due_at in pathway.clocks(command.gbv_type, at_home, command.happened_at, reported):
        clock = clock_id(case, command.incident, need, due_at)
        if clock not in case.clocks:
            started.append(
                ClockStarted(
                    occurred_at=command.occurred_at,
                    clock=clock,
                    starts_at=starts_at,
                    due_at=due_at,
                    pathway=pathway.version,
                    need=need,
                )
            )
    return started


name_fields(
    forms=field("Bentuk kekerasan", "Forms of violence", ("Bentuk kekerasan", "Forms of violence")),
    gbv_type=field(
        "Jenis kekerasan menurut GBVIMS",
        "Type of violence (GBVIMS)",
        ("Jenis kekerasan", "Type of violence"),
    ),
    happened_at=field("Waktu kejadian", "Time of the incident", ("Waktu kejadian", "When it happened")),
    kinds=field(
        "Jenis kekerasan seksual (UU 12/2022 Pasal 4)",
        "Kinds of sexual violence (UU 12/2022 art. 4)",
        ("Jenis kekerasan seksual", "Kinds of sexual violence"),
    ),
    happened_until=field("Paling akhir terjadi", "Happened at the latest", ("Paling akhir terjadi", "At the latest")),
    roughly=field("Waktu perkiraan", "Time is about", ("Waktu perkiraan", "Its time is about that")),
    repeated_since=field("Berulang sejak", "Repeated since", ("Berulang sejak", "Repeated since")),
    penetration=field("Penetrasi", "Penetration", ("Penetrasi", "Penetration")),
    pregnancy_possible=field("Kemungkinan hamil", "Pregnancy possible", ("Kemungkinan hamil", "Pregnancy possible")),
    complains=field("Korban mengadukan", "She complains", ("Anda mengadukannya", "You complain")),
    disability=field("Disabilitas", "Disability", ("Disabilitas", "Disability")),
    told_by=field("Disampaikan kepada instansi oleh", "Told to the agency by", ("Disampaikan oleh", "Told by")),
    place=field("Tempat", "Place", ("Tempat", "Place")),
    narrative=field("Uraian kejadian", "Narrative", ("Uraian", "Account")),
    domestic=field("Dalam rumah tangga", "Within the household", ("Dalam rumah tangga", "Within the household")),
    relation=field("Hubungan dengan korban", "Relation to the survivor", ("Hubungan dengan Anda", "Relation to you")),
    description=field("Ciri-ciri", "Description", ("Ciri-ciri", "Description")),
    danger=field("Bahaya", "Danger", ("Bahaya", "Danger")),
)
