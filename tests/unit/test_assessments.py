"""What she needs, how great the danger is, and the plan for her safety."""

import pytest
from story import HOSPITAL, LEAD, given, referred, say

from rujukan.domain.case.assessments import (
    AgreeSafetyPlan,
    AssessNeeds,
    AssessRisk,
    NeedsAssessed,
    RiskAssessed,
    SafetyPlanAgreed,
)
from rujukan.domain.fact import Act, Fact
from rujukan.domain.violence import Need, RiskLevel

WORK: list[tuple[type[Fact], type[Fact], dict[str, object]]] = [
    (AssessNeeds, NeedsAssessed, {"needs": frozenset({Need.HEALTH}), "safety": "a plan is needed"}),
    (AssessRisk, RiskAssessed, {"level": RiskLevel.HIGH, "reasons": "threats"}),
    (AgreeSafetyPlan, SafetyPlanAgreed, {"plan": "a neighbour knows"}),
]


@pytest.mark.parametrize(("command", "event", "fields"), WORK, ids=["AssessNeeds", "AssessRisk", "AgreeSafetyPlan"])
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))
