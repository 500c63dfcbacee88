"""What any release told is a fact for every later one: histories of each version of the disclosure rule, replayed."""

import pytest
from histories import RULE, History, frozen, histories, rules, told_by_today
from story import DAY, say, written

from rujukan.domain import recall
from rujukan.domain.case.consents import ConsentWithdrawn
from rujukan.domain.casefile.holding import has_report
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import COORDINATION, Knowledge, Remembered
from rujukan.domain.standing.rule import is_known_to

ALL = [pytest.param(history, id=f"{rule}: {name}") for rule in rules() for name, history in frozen(rule).items()]
TODAY = [pytest.param(history, id=name) for name, history in frozen(RULE).items()]


def test_there_are_histories_of_today_s_rule_and_of_most_events() -> None:
    assert RULE in rules(), "python -m tests.freeze writes them"
    assert frozen(RULE).keys() >= histories().keys()
    assert len({w.topic for history in frozen(RULE).values() for w in history.written}) >= 30


@pytest.mark.parametrize("history", TODAY)
def test_today_s_rule_tells_what_its_version_told(history: History) -> None:
    """Who changes what the rule answers gives it another version."""
    assert _sorted(told_by_today(history.written)) == _sorted(history.facts)


def _sorted(facts: list[tuple[int, Remembered]]) -> list[tuple[int, str, int, tuple[str, ...], bool]]:
    return sorted(
        (by, f.agency, f.position, tuple(sorted(c.word for c in f.compartments)), f.recalled_at is not None)
        for by, f in facts
    )


@pytest.mark.parametrize("history", ALL)
def test_whatever_was_told_by_whichever_rule_is_asked_back_once_nobody_consents(history: History) -> None:
    known = Knowledge.remembered(history.written, (fact for _, fact in history.facts))
    assert known.case is not None
    lead = known.case.lead
    lies: dict[str, frozenset[Compartment]] = {}
    for w in history.written:
        for agency, versions in known.told.items():
            kept = versions.get(w.version, frozenset()) - known.recalled.get(agency, {}).get(w.version, frozenset())
            if agency != w.author and is_known_to(known.case, agency):
                lies[agency] = lies.get(agency, frozenset()) | kept
    asked: dict[str, frozenset[Compartment]] = {}
    for consent in [c.id for c in known.case.consents.values() if c.live]:
        n = len(known.written) + 1
        ended = written(n, say(ConsentWithdrawn, consent=consent), lead, at=known.written[-1].at + DAY)
        for agency, compartments in recall.by_agency(known.learn(ended).recall).items():
            asked[agency] = asked.get(agency, frozenset()) | compartments
    for agency, compartments in lies.items():
        of = known.case.participants().get(agency)
        stays = of is not None and has_report(known.case, agency, of)  # it serves the proceedings
        gone = frozenset() if stays else compartments
        assert asked.get(agency, frozenset()) - COORDINATION == gone - COORDINATION


@pytest.mark.parametrize("history", ALL)
def test_nothing_that_was_told_is_told_again(history: History) -> None:
    """Followed on by today's rule from any point, nothing that is on record by then is told a second time."""
    for n in range(1, len(history.written)):
        before = [fact for by, fact in history.facts if by <= history.written[n - 1].position]
        known = Knowledge.remembered(history.written[:n], before)
        on_record = {(f.agency, f.position, f.compartments) for f in before if f.recalled_at is None}
        recalled = {(f.agency, f.position) for _, f in history.facts if f.recalled_at is not None}
        for w in history.written[n:]:
            for told in known.learn(w).tell:
                again = (told.agency, told.of.position, told.compartments) in on_record
                assert not again or (told.agency, told.of.position) in recalled
