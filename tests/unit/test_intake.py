"""A report opens a case, and further reports join it."""

import pytest
from msgspec.structs import replace
from story import HOSPITAL, LEAD, NETWORK, given, incident, opened, referred, report, say, the_case

from rujukan.domain.case import decide, evolve, fold
from rujukan.domain.case.intake import CaseOpened, OpenCase, ReceiveReport, ReportReceived
from rujukan.domain.codes import AgeGroup, AgencyKind, Channel, Reporter, Urgency
from rujukan.domain.pathways import CURRENT
from rujukan.domain.refusal import AlreadyExists

OPEN = say(
    OpenCase,
    channel=Channel.IN_PERSON,
    reporter=Reporter.SURVIVOR,
    account="what she said",
    urgency=Urgency.URGENT,
    age_group=AgeGroup.ADULT,
)


# Opening -----------------------------------------------------------------------------------------------------


def test_a_report_opens_a_case_that_the_acting_agency_leads() -> None:
    given().when(OPEN, by=LEAD).then(replace(opened(), pathway=CURRENT.version), report())


def test_any_member_agency_may_receive_the_first_report() -> None:
    case = given().when(OPEN, by=HOSPITAL).then_only(CaseOpened, ReportReceived)
    assert (case.lead, case.lead_kind) == ("rsud", AgencyKind.HEALTH)


def test_a_case_keeps_the_pathway_version_it_was_opened_under() -> None:
    assert given().when(OPEN).then_only(CaseOpened, ReportReceived).pathway == CURRENT.version


def test_a_case_is_opened_once() -> None:
    given(opened()).when(OPEN).refused(AlreadyExists, what="case")


def test_a_stream_begins_with_the_opening_of_its_case() -> None:
    with pytest.raises(ValueError, match="begins with CaseOpened"):
        evolve(None, report())


def test_every_event_counts_one_version() -> None:
    assert the_case(opened(), report(), incident()).version == 3
    assert fold([]) is None


def test_what_is_no_command_of_a_case_is_not_decided() -> None:
    with pytest.raises(TypeError, match="not a command"):
        decide(report(), None, LEAD, NETWORK)


# Reports -----------------------------------------------------------------------------------------------------


def test_further_reports_join_the_case() -> None:
    further = say(ReceiveReport, channel=Channel.HOTLINE, reporter=Reporter.WITNESS)
    given(opened()).when(further).then(say(ReportReceived, channel=Channel.HOTLINE, reporter=Reporter.WITNESS))


def test_an_agency_with_an_open_referral_may_add_a_report() -> None:
    further = say(ReceiveReport, channel=Channel.AGENCY, reporter=Reporter.PROFESSIONAL)
    given(*referred()).when(further, by=HOSPITAL).then_only(ReportReceived)
