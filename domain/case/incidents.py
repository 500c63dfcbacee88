"""What happened, who is said to have done it, and the clocks that an incident starts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.clocks import ClockStarted
from ..casefile.deciding import Network, decides, derived, fresh
from ..casefile.evolving import applies, evolve
from ..casefile.state import EMPTY, Case, Part
from ..causes import Cause, When
from ..compartment import Compartment, Coordination, Incident, Legal, Safety
from ..declaring import Shared, Step, asked, defaults_unsaid, field, happened, name_fields
from ..fact import Act, AgencyCode, ClockId, Fact, IncidentId, Short, Text, recorded
from ..pathways import PATHWAYS
from ..persistent import put
from ..refusal import Invalid
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART, Thing
from ..violence import GbvType, Place, ViolenceForm
from ..words import OF_OTHERS, Words

R = Relation


class IncidentFacts(Fact, frozen=True, kw_only=True):
    incident: Coordination[IncidentId]
    forms: Incident[frozenset[ViolenceForm]]
    gbv_type: Incident[GbvType]
    happened_at: Incident[Annotated[datetime, Meta(tz=True)] | None] = None
    place: Incident[Place | None] = None
    narrative: Incident[Text | None] = None
    domestic: Incident[bool | None] = None


UNSAID = defaults_unsaid(place="lainnya", domestic=False)


@happened(
    Words("Kejadian dicatat", "Incident recorded"),
    her=Words("Kejadian dicatat", "What happened was recorded"),
    means="Apa yang terjadi. Batas waktu yang dimulainya adalah peristiwa tersendiri.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(UNSAID,),
)
class IncidentRecorded(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentRecorded"):
    """What happened. Which clocks it starts are events of their own."""


@happened(
    Words("Catatan kejadian diperbaiki", "Record of the incident corrected"),
    her=Words("Catatan kejadian diperbaiki", "The record of what happened was corrected"),
    means="Catatan kejadian keliru; inilah yang benar.",
    step=Step.REPORT,
    shared=Shared.STORY,
    earlier=(UNSAID,),
)
class IncidentCorrected(IncidentFacts, frozen=True, kw_only=True, tag="case.IncidentCorrected"):
    """What was recorded of an incident was wrong; this is right."""

    reason: Incident[Text]


class PerpetratorFacts(Fact, frozen=True, kw_only=True):
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
    means="Mencatat siapa yang diduga melakukannya.",
    tag="intake",
    example={"relation": "kerabat", "danger": "Tinggal serumah."},
)
class RecordAllegedPerpetrator(PerpetratorFacts, frozen=True, kw_only=True):
    """Record who is said to have done it."""


class Incidents(Part, frozen=True):
    told_at: Mapping[IncidentId, datetime] = EMPTY
    """Each incident, with when it was told, in that order."""
    told_by: Mapping[IncidentId, AgencyCode] = EMPTY
    """Each incident, with who recorded it."""


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
    return [happened, *_clocks(command, evolve(case, happened), act)]


@decides.register
def correct_incident(command: CorrectIncident, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """A clock that the correction adds or moves starts anew under an id of its own; none is taken away."""
    return [recorded(IncidentCorrected, command, act), *_clocks(command, case, act)]


@decides.register
def record_perpetrator(command: RecordAllegedPerpetrator, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(AllegedPerpetratorRecorded, command, act)]


def _clocks(command: IncidentFacts, case: Case, act: Act) -> list[Fact]:
    if command.happened_at is not None and command.happened_at > command.occurred_at:
        raise Invalid(
            field="happened_at",
            must=Words(
                "tidak boleh sesudah occurred_at, saat hal itu disampaikan",
                "not be after occurred_at, when it was told",
            ),
        )
    pathway = PATHWAYS[case.pathway]
    started: list[Fact] = []
    reported = reported_at(case, command.incident)
    at_home = command.domestic is True
    for need, starts_at, due_at in pathway.clocks(command.gbv_type, at_home, command.happened_at, reported):
        clock = ClockId(derived(command.incident, f"{need}@{due_at.astimezone(UTC).isoformat()}"))
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
        "Jenis kekerasan (klasifikasi GBVIMS, bukan kualifikasi hukum)",
        "Type of GBV (GBVIMS)",
        ("Jenis kekerasan", "Type of violence"),
    ),
    happened_at=field("Waktu kejadian", "Time of the incident", ("Waktu kejadian", "When it happened")),
    place=field("Tempat", "Place", ("Tempat", "Place")),
    narrative=field("Uraian kejadian", "Narrative", ("Uraian", "Account")),
    domestic=field("Dalam rumah tangga", "Within the household", ("Dalam rumah tangga", "Within the household")),
    relation=field("Hubungan dengan korban", "Relation to the survivor", ("Hubungan dengan Anda", "Relation to you")),
    description=field("Ciri-ciri", "Description", ("Ciri-ciri", "Description")),
    danger=field("Bahaya", "Danger", ("Bahaya", "Danger")),
)
