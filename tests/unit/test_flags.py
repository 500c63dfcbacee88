"""Flags: raised for a date, for whom they name, and lowered by who raised them or the lead."""

from datetime import date

from story import HOSPITAL, LEAD, POLICE, SCHOOL, an_id, given, opened, referred, say, written

from rujukan.domain.case.flags import FlagLowered, FlagRaised, LowerFlag, RaiseFlag
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyExists, NotForThisAgency, Unknown

FLAG = an_id("flag")
SOON = date(2026, 3, 9)
RAISE = say(RaiseFlag, flag=FLAG, due_on=SOON, legal="of the law", seen_by=frozenset({"rsud"}))
LOWER = say(LowerFlag, flag=FLAG)
LOWERED = say(FlagLowered, flag=FLAG)


def raised(by: str = "uptd-ppa", *seen_by: str) -> FlagRaised:
    return say(
        FlagRaised, flag=FLAG, due_on=SOON, legal="of the law", seen_by=frozenset(seen_by or {"rsud"}), raised_by=by
    )


def test_a_flag_is_raised_for_a_date_and_for_whom_it_names() -> None:
    given(*referred()).when(RAISE).then(raised())


def test_a_flag_is_raised_once() -> None:
    given(*referred(), raised()).when(RAISE).refused(AlreadyExists)


def test_nobody_learns_of_a_case_by_a_flag() -> None:
    elsewhere = say(RaiseFlag, flag=FLAG, due_on=SOON, seen_by=frozenset({"disdik"}))
    given(*referred()).when(elsewhere).refused(NotForThisAgency, agencies=["disdik"])
    given(opened()).when(RAISE).refused(NotForThisAgency, agencies=["rsud"])


def test_who_does_not_lead_raises_it_for_itself_and_the_lead() -> None:
    for_itself = say(RaiseFlag, flag=FLAG, due_on=SOON)
    given(*referred()).when(for_itself, by=HOSPITAL).then(say(FlagRaised, flag=FLAG, due_on=SOON, raised_by="rsud"))
    for_others = say(RaiseFlag, flag=FLAG, due_on=SOON, seen_by=frozenset({"polres"}))
    given(*referred()).when(for_others, by=HOSPITAL).refused(NotForThisAgency)


def test_who_raised_it_or_the_lead_lowers_it_once() -> None:
    given(*referred(), raised()).when(LOWER).then(LOWERED)
    given(*referred(), raised("rsud", "rsud")).when(LOWER, by=HOSPITAL).then(LOWERED)
    given(*referred(), raised("rsud", "rsud")).when(LOWER, by=LEAD).then(LOWERED)
    given(*referred(), raised(), LOWERED).when(LOWER).refused(AlreadyExists)


def test_to_whoever_else_sees_it_and_to_strangers_it_is_not_theirs_to_lower() -> None:
    given(*referred(), raised()).when(LOWER, by=HOSPITAL).refused(Unknown, what="flag")
    given(*referred()).when(LOWER).refused(Unknown, what="flag")
    for stranger in (POLICE, SCHOOL):
        given(*referred(), raised()).when(LOWER, by=stranger).refused(Unknown, what="case")


def told_of(*events: Fact) -> dict[str, set[str]]:
    """Agency → what it is told of the last event."""
    knowledge, log = Knowledge(), [written(n, event, "uptd-ppa") for n, event in enumerate(events, 1)]
    tell = [told for one in log for told in knowledge.follow(one) if told.of is log[-1]]
    return {told.agency: {c.word for c in told.compartments} for told in tell}


def test_those_it_names_are_told_and_of_what_it_says_what_they_may_know() -> None:
    assert told_of(*referred(), raised()) == {"uptd-ppa": {"coordination", "legal"}, "rsud": {"coordination"}}
    assert told_of(*referred(), raised("uptd-ppa", "polres")).keys() == {"uptd-ppa"}
