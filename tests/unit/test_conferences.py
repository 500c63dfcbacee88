"""Those who take part meet, and agree who does what; nobody learns of a case by it."""

from datetime import date

import pytest
from story import ACTION, CONFERENCE, HOSPITAL, LEAD, POLICE, R2, SCHOOL, brought_to, given, opened, referred, say

from rujukan.domain.case.conferences import (
    ActionAgreed,
    ActionDone,
    AgreeAction,
    ConferenceHeld,
    FinishAction,
    HoldConference,
)
from rujukan.domain.codes import ReferralStatus
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, NotForThisAgency, Unknown

S = ReferralStatus

MEETING_FIELDS = {"conference": CONFERENCE, "attendees": frozenset({"uptd-ppa", "rsud"})}
ACTION_FIELDS = {"action": ACTION, "owner": "rsud", "what": "see her again", "due_on": date(2026, 3, 10)}
AGREED = say(ActionAgreed, **ACTION_FIELDS)
DONE = say(ActionDone, action=ACTION)
FINISH = say(FinishAction, action=ACTION)


# Conferences -------------------------------------------------------------------------------------------------


def test_the_lead_holds_a_conference_of_those_who_take_part() -> None:
    given(*referred()).when(say(HoldConference, **MEETING_FIELDS)).then(say(ConferenceHeld, **MEETING_FIELDS))


def test_nobody_learns_of_a_case_by_being_named_in_it() -> None:
    meeting = say(HoldConference, **{**MEETING_FIELDS, "attendees": frozenset({"uptd-ppa", "disdik"})})
    given(*referred()).when(meeting).refused(NotForThisAgency, agencies=["disdik"])
    given(*referred(S.DRAFT)).when(say(HoldConference, **MEETING_FIELDS)).refused(NotForThisAgency, agencies=["rsud"])
    given(opened()).when(say(AgreeAction, **ACTION_FIELDS)).refused(NotForThisAgency, agencies=["rsud"])


def test_only_the_lead_holds_a_conference_and_each_once() -> None:
    hold = say(HoldConference, **MEETING_FIELDS)
    given(*referred()).when(hold, by=HOSPITAL).refused(NotForThisAgency, needs="lead")
    given(*referred()).when(hold, by=SCHOOL).refused(Unknown, what="case")
    given(*referred(), say(ConferenceHeld, **MEETING_FIELDS)).when(hold).refused(AlreadyExists, id=CONFERENCE)


# Actions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "event", "fields"), [(AgreeAction, ActionAgreed, ACTION_FIELDS)], ids=["AgreeAction"]
)
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))


def test_an_action_may_come_from_a_conference_that_was_held() -> None:
    agree = say(AgreeAction, **ACTION_FIELDS, conference=CONFERENCE)
    given(*referred()).when(agree).refused(Unknown, what="conference")
    given(*referred(), say(ConferenceHeld, **MEETING_FIELDS)).when(agree).then_only(ActionAgreed)


def test_an_action_is_agreed_once() -> None:
    given(*referred(), AGREED).when(say(AgreeAction, **ACTION_FIELDS)).refused(AlreadyExists, id=ACTION)


def test_the_owner_or_the_lead_says_that_an_action_is_done() -> None:
    given(*referred(), AGREED).when(FINISH, by=HOSPITAL).then(DONE)
    given(*referred(), AGREED).when(FINISH).then(DONE)


def test_to_anybody_else_the_action_does_not_exist() -> None:
    police = brought_to(S.ACCEPTED, R2, to="polres")
    given(*referred(), *police, AGREED).when(FINISH, by=POLICE).refused(Unknown, what="action")
    given(*referred()).when(FINISH).refused(Unknown, what="action")
    given(*referred(), AGREED).when(FINISH, by=SCHOOL).refused(Unknown, what="case")


def test_an_action_is_done_once() -> None:
    given(*referred(), AGREED, DONE).when(FINISH).refused(AlreadyExists, what="the action's end", id=ACTION)
