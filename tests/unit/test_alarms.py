"""What is allowed and odd is found as it happens, and what is not odd is not: each rule at its limit."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from story import act, brought_to, consent, opened, the_case

from rujukan.domain.alarms import Deed, Watch, What
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.staff import workers
from rujukan.domain.codes import ReferralStatus
from rujukan.domain.fact import ActorId
from rujukan.domain.oversight import LIMITS, REASONS, TOLD, Unusual
from rujukan.projections.notices import done

NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ME, OTHER = UUID(int=7), UUID(int=8)
CASE = UUID(int=1)


def did(what: What, at: datetime = NOON, **more: Any) -> Deed:
    said: dict[str, Any] = {"position": 0, "what": what, "at": at, "agency": "rsud", "actor": ME, "case": CASE}
    return Deed(**{**said, **more})


def found(*deeds: Deed) -> list[Unusual | None]:
    """The rule that each trips, looked at by a watch that forgets everything but what it is to remember."""
    known: list[Deed] = []
    rules = []
    numbers = count(1)
    for deed in deeds:
        numbered = replace(deed, position=next(numbers))
        rule, kept = Watch(known).take(numbered)
        known += [numbered] if kept else []
        rules.append(rule)
    return rules


def test_whoever_is_let_in_to_a_case_by_another_is_seen_to_be() -> None:
    """Reading right after an assignment: one kind of assignment was known, and another came to be."""
    before = the_case(opened(), consent(), *brought_to(ReferralStatus.RECEIVED))
    by, let_in = act("rsud").actor, set()
    for topic, event in EXAMPLES.items():
        try:
            after = fold_log(said([event], "rsud", NOON), before)
        except (KeyError, AttributeError):
            continue  # it is about something that this case has not
        for agency, person in workers(after) - workers(before) if after is not None else ():
            deed = done(event, after, agency, by)
            assert deed is not None, f"nobody sees {topic}"
            assert deed[:2] == (What.ASSIGNED, person)
            let_in.add(topic)
    assert {"case.PersonAssigned", "case.CaseWorkerAssigned"} <= let_in
    to_self = PersonAssigned(occurred_at=NOON, person=ActorId(by), agency="rsud")
    assert done(to_self, before, "rsud", by) is None, "who takes a referral reads it all day"


def test_every_rule_that_is_told_has_its_reason() -> None:
    assert REASONS.keys() >= TOLD


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        (What.OWN_CONSENT, Unusual.OWN_CONSENT),
        (What.SENT_ON, Unusual.SENT_ON),
        (What.KEY, Unusual.NEW_KEY),
        (What.KEY_RETIRED, Unusual.RETIRED_KEY),
        (What.WEBHOOK, Unusual.NEW_WEBHOOK),
    ],
)
def test_some_deeds_are_told_whatever_was_done_before(what: What, rule: Unusual) -> None:
    assert found(did(what), did(what)) == [rule, rule]


def test_a_run_of_searches_is_told_once_each_time_it_could_have_been_a_day_s_work() -> None:
    searches = [did(What.SEARCHED, NOON + n * SECOND) for n in range(2 * LIMITS.searches + 1)]
    rules = found(*searches)
    assert [n for n, rule in enumerate(rules, 1) if rule] == [LIMITS.searches + 1, 2 * LIMITS.searches + 1]
    slowly = [did(What.SEARCHED, NOON + n * LIMITS.window / LIMITS.searches) for n in range(60)]
    assert not any(found(*slowly))
    assert not any(found(*(replace(deed, actor=UUID(int=n)) for n, deed in enumerate(searches))))


def test_several_cases_opened_in_emergencies_by_one_person_are_told_with_each_further_one() -> None:
    def opens(case: int, at: datetime = NOON, **more: Any) -> Deed:
        return did(What.READ_IN_EMERGENCY, at, case=UUID(int=case), **more)

    once = [opens(1), opens(2), opens(2), opens(1), opens(3), opens(3), opens(4, agency="polres")]
    repeated = Unusual.REPEATED_GLASS
    assert found(*once) == [None, None, None, None, repeated, None, repeated], "two hats are one person"
    assert not any(found(opens(1), opens(2), opens(3, actor=OTHER)))
    assert not any(found(opens(1), opens(2), opens(3, NOON + LIMITS.glass_window)))


def test_who_was_judged_not_justified_anywhere_is_told_when_they_go_past_consent_again() -> None:
    judged, again = did(What.NOT_JUSTIFIED, case=None), did(What.PAST_CONSENT, NOON + 400 * DAY, case=UUID(int=9))
    cleared = did(What.JUSTIFIED_AFTER_ALL, case=None)
    assert found(again) == [None]
    assert found(judged, again, again)[1:] == [Unusual.AFTER_NOT_JUSTIFIED] * 2
    assert found(judged, replace(again, agency="polres"))[1] is Unusual.AFTER_NOT_JUSTIFIED
    assert found(judged, replace(again, actor=OTHER))[1] is None
    assert found(judged, cleared, again)[2] is None
    assert found(judged, cleared, judged, again)[3] is Unusual.AFTER_NOT_JUSTIFIED


def test_who_reads_a_case_right_after_being_assigned_to_it_is_told_once() -> None:
    assigned, read = did(What.ASSIGNED), did(What.READ, NOON + LIMITS.let_in - SECOND)
    assert found(assigned, read, read) == [None, Unusual.JUST_LET_IN, None]
    assert found(assigned, replace(read, case=UUID(int=2)))[1] is None
    assert found(assigned, replace(read, actor=OTHER))[1] is None
    assert found(assigned, replace(read, at=NOON + LIMITS.let_in))[1] is None
    assert found(read, assigned, read)[2] is Unusual.JUST_LET_IN


def test_who_reads_right_after_joining_is_told_once_unless_they_are_the_agency_s_first_people() -> None:
    began = did(What.REGISTERED, NOON - 2 * DAY, case=None)
    joined, read = did(What.JOINED, case=None), did(What.READ, NOON + SECOND)
    assert found(began, joined, read, replace(read, case=UUID(int=2)))[2:] == [Unusual.JUST_LET_IN, None]
    assert found(replace(began, at=NOON - LIMITS.first_people), joined, read)[2] is None
    assert found(began, joined, replace(read, agency="polres"))[2] is None, "there they did not just join"


def test_history_sent_again_right_after_a_new_key_or_address_is_told() -> None:
    again = did(What.HISTORY_AGAIN, NOON + LIMITS.key_age - SECOND, actor=OTHER)
    for new in (What.KEY, What.WEBHOOK):
        assert found(did(new), again)[1] is Unusual.KEY_THEN_HISTORY, "whichever person of the agency"
        assert found(did(new, agency="polres"), again)[1] is None
        assert found(did(new), replace(again, at=NOON + LIMITS.key_age))[1] is None
    assert found(again) == [None]


@given(
    st.lists(st.tuples(st.sampled_from(What), st.integers(0, 40), st.integers(1, 2), st.integers(1, 4)), max_size=60),
    st.integers(0, 60),
)
def test_read_again_from_what_is_remembered_the_same_is_found(
    deeds: list[tuple[What, int, int, int]], cut: int
) -> None:
    """A watch that goes on from what was kept finds what one finds that saw everything."""
    made = [
        did(what, NOON + n * HOUR, position=n, actor=UUID(int=who), case=UUID(int=case))
        for n, (what, _, who, case) in enumerate(deeds, 1)
    ]
    whole = Watch()
    wanted = [whole.take(deed) for deed in made]
    kept = [deed for deed, (_, keep) in zip(made, wanted, strict=True) if keep and deed.position <= cut]
    later = Watch(kept)
    assert [later.take(deed) for deed in made[cut:]] == wanted[cut:]
