"""The survivor's report, where it shows what her lead may not open: on her request, and by two people."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from msgspec.structs import replace
from story import (
    C2,
    HOSPITAL,
    HOUR,
    LEAD,
    NOON,
    NOTE,
    POLICE,
    SUPERVISOR,
    TO_LAWYERS,
    TRANSFER,
    act,
    closed,
    consent,
    given,
    later,
    opened,
    referred,
    say,
    the_case,
)

from rujukan.domain.advised import LeaveNeeded
from rujukan.domain.case.her_report import (
    LASTS,
    AskSurvivorReport,
    SurvivorReportAllowed,
    beyond_reach,
    require_leave,
)
from rujukan.domain.case.lead import LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.codes import AgencyKind, Obtained, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import NotForThisAgency, NotForThisRole, Unknown
from rujukan.domain.standing.rule import second_needed

C = Compartment
Log = Sequence[Fact | tuple[Fact, str]]
BY_HOSPITAL = (say(NoteRecorded, note=NOTE, health="what the hospital wrote"), "rsud")
UNREACHED: Log = (*referred(), BY_HOSPITAL)
"""The hospital wrote what no consent lets the lead open."""
ASKS = say(AskSurvivorReport, obtained=Obtained.WRITTEN)


def allowed(who: Act = LEAD, at: datetime = NOON) -> SurvivorReportAllowed:
    return say(SurvivorReportAllowed, at, reader=who.actor, obtained=Obtained.WRITTEN, expires_at=at + LASTS)


def makes(log: Log, who: Act = LEAD, at: datetime = NOON) -> None:
    """Raises LeaveNeeded where that person may not make her report then."""
    require_leave(the_case(*log), who.actor, at)


def test_the_leads_own_words_and_those_that_it_may_open_need_nobodys_leave() -> None:
    own = (*referred(), say(NoteRecorded, note=NOTE, health="the lead's"))
    reached = (*UNREACHED, consent(C2, to="uptd-ppa", of=("health",)))
    for log in (own, reached):
        assert beyond_reach(the_case(*log), NOON) == frozenset()
        makes(log)


def test_what_the_lead_may_not_open_is_said_by_its_kind_and_needs_leave() -> None:
    assert beyond_reach(the_case(*UNREACHED), NOON) == {C.HEALTH}
    with pytest.raises(LeaveNeeded):
        makes(UNREACHED)


def test_who_asked_makes_it_for_a_day_once_another_allowed_it() -> None:
    after = given(*UNREACHED).when(ASKS, by=LEAD).then(allowed())
    assert after is not None
    require_leave(after, LEAD.actor, NOON)
    require_leave(after, LEAD.actor, NOON + LASTS - HOUR)
    with pytest.raises(LeaveNeeded):
        require_leave(after, LEAD.actor, NOON + LASTS)


def test_a_leave_is_of_one_person() -> None:
    with pytest.raises(LeaveNeeded):
        makes((*UNREACHED, allowed()), SUPERVISOR)
    both = (*UNREACHED, allowed(), allowed(SUPERVISOR))
    for who in (LEAD, SUPERVISOR):
        makes(both, who)


def test_asked_again_it_lasts_from_then() -> None:
    again = NOON + LASTS
    makes((*UNREACHED, allowed(), allowed(at=again)), at=again + HOUR)
    by = later(LEAD, LASTS)
    given(*UNREACHED, allowed()).when(replace(ASKS, occurred_at=again), by=by).then(allowed(at=again))


def test_it_takes_a_second_person_always() -> None:
    """Also where the report shows nothing more yet: by the time that it is made it may."""
    for log in ((opened(),), UNREACHED):
        assert second_needed(ASKS, given(*log).case, LEAD) is not None


def test_it_ends_with_the_lead_that_gave_it() -> None:
    asked = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="r")
    taken = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    moved: Log = (*UNREACHED, TO_LAWYERS, allowed(), asked, (taken, "lbh"))
    for who in (LEAD, act("lbh")):
        with pytest.raises(LeaveNeeded):
            makes(moved, who)


@pytest.mark.parametrize("by", [HOSPITAL, POLICE], ids=["its recipient", "a stranger"])
def test_no_other_agency_asks_for_her_report(by: Act) -> None:
    when = given(*UNREACHED).when(ASKS, by=by)
    assert isinstance(when.refusal, NotForThisAgency if by is HOSPITAL else NotForThisAgency | Unknown)


@pytest.mark.parametrize("role", [Role.INTEGRATOR, Role.AGENCY_ADMINISTRATOR, Role.LEGAL_REVIEWER])
def test_nor_does_who_reads_nothing_to_her(role: Role) -> None:
    given(*UNREACHED).when(ASKS, by=replace(LEAD, role=role), in_role=True).refused(NotForThisRole)


def test_she_may_ask_for_it_when_all_is_over() -> None:
    given(*UNREACHED, closed()).when(ASKS, by=LEAD).then(allowed())
