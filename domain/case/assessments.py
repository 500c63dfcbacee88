"""What the survivor needs, how great the danger is, and what is done when it comes."""

from collections.abc import Sequence
from datetime import date

from ..casefile.deciding import Network, decides
from ..casefile.state import Case
from ..compartment import Psychosocial, Safety
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, Details, Fact, Text, recorded
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK
from ..standing.rows import TAKES_PART
from ..violence import Need, RiskLevel
from ..words import Words


class NeedsFacts(Details, frozen=True, kw_only=True):
    needs: Psychosocial[frozenset[Need]]


@happened(
    Words("Kebutuhan dinilai", "Needs assessed"),
    her=Words("Kebutuhan Anda dinilai", "Your needs were assessed"),
    means="Apa yang dibutuhkan penyintas.",
    step=Step.ASSESSMENT,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class NeedsAssessed(NeedsFacts, frozen=True, kw_only=True, tag="case.NeedsAssessed"):
    """What the survivor needs."""


class RiskFacts(Fact, frozen=True, kw_only=True):
    level: Safety[RiskLevel]
    reasons: Safety[Text]


@happened(
    Words("Risiko dinilai", "Risk assessed"),
    her=Words("Tingkat bahaya dinilai", "The danger was assessed"),
    means="Seberapa besar bahayanya, dan mengapa.",
    step=Step.ASSESSMENT,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class RiskAssessed(RiskFacts, frozen=True, kw_only=True, tag="case.RiskAssessed"):
    """How great the danger is, and why."""


class SafetyPlanFacts(Fact, frozen=True, kw_only=True):
    plan: Safety[Text]
    review_on: Safety[date | None] = None


@happened(
    Words("Rencana keselamatan disepakati", "Safety plan agreed"),
    her=Words("Rencana keselamatan disepakati", "A safety plan was agreed"),
    means="Apa yang dilakukan penyintas bila bahaya datang, dan siapa yang membantu.",
    step=Step.ASSESSMENT,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class SafetyPlanAgreed(SafetyPlanFacts, frozen=True, kw_only=True, tag="case.SafetyPlanAgreed"):
    """What the survivor will do, and who stands by, when danger comes."""


@asked(
    "/cases/{case}/needs-assessments",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat yang dibutuhkan penyintas.",
    tag="assessment",
    example={"needs": ["health", "safety", "psychosocial"], "health": "Pemeriksaan segera."},
)
class AssessNeeds(NeedsFacts, frozen=True, kw_only=True):
    """Record what the survivor needs."""


@asked(
    "/cases/{case}/risk-assessments",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat seberapa besar bahayanya.",
    tag="assessment",
    example={"level": "high", "reasons": "Terlapor tinggal serumah."},
)
class AssessRisk(RiskFacts, frozen=True, kw_only=True):
    """Record how great the danger is."""


@asked(
    "/cases/{case}/safety-plans",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat rencana keselamatan.",
    tag="assessment",
    example={"plan": "Menginap di rumah bibi."},
)
class AgreeSafetyPlan(SafetyPlanFacts, frozen=True, kw_only=True):
    """Record the safety plan."""


@decides.register
def assess_needs(command: AssessNeeds, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(NeedsAssessed, command, act)]


@decides.register
def assess_risk(command: AssessRisk, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(RiskAssessed, command, act)]


@decides.register
def agree_safety_plan(command: AgreeSafetyPlan, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(SafetyPlanAgreed, command, act)]


name_fields(
    reasons=field("Alasan", "Reasons", ("Alasan", "Reasons")),
    plan=field("Rencana", "Plan", ("Rencana", "Plan")),
    review_on=field("Ditinjau pada", "To be reviewed on", ("Ditinjau pada", "To be reviewed on")),
)
