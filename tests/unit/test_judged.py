"""Two hats of one person are one person: who was judged not justified for one agency acts alone for no other."""

from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from paper_log import PaperLog, PaperMacs, a_network
from story import (
    CASE,
    LEAD,
    NETWORK,
    NOON,
    OTHER_CASE,
    SUPERVISOR,
    act,
    an_id,
    given,
    opened,
    referred,
    say,
    scope,
)

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE as CASE_KIND
from rujukan.domain.case.glass import BreakGlass, CloseGlass, ReviewGlass
from rujukan.domain.case.leave import AskGlassLeave
from rujukan.domain.case.overrides import OverrideAsked, OverrideConsent
from rujukan.domain.codes import GlassVerdict, LegalBasis, Role, SharingBasis
from rujukan.domain.fact import Act, ActorId, CaseId, Fact
from rujukan.domain.judged import JudgedNotJustified, JudgedOtherwise, fold
from rujukan.domain.refusal import AnotherPersonNeeded

BUDI = ActorId(an_id("budi"))
FOR_HOSPITAL, FOR_PSYCHOLOGIST = (replace(act(agency), actor=BUDI) for agency in ("rsud", "psikolog"))


def breaking() -> BreakGlass:
    return say(
        BreakGlass,
        glass=uuid4(),
        compartments=frozenset({"health"}),
        basis=LegalBasis.IMMINENT_DANGER,
        rule="r",
        reason="r",
    )


class Wards:
    """Two cases, and a person who works for the hospital and for the psychologist."""

    def __init__(self) -> None:
        self.log = PaperLog()
        a_network(self.log, LEAD)
        for case in (CASE, OTHER_CASE):
            self.log.write(case, LEAD, *referred())
        self.casework = Casework(self.log, PaperMacs())

    def says(self, command: Fact, by: Act, on: UUID = CASE) -> object:
        return self.casework.handle(CASE_KIND, CaseId(on), command, by, correlation=uuid4())

    def judges(self, glass: UUID, verdict: GlassVerdict, by: Act = SUPERVISOR) -> None:
        self.says(say(ReviewGlass, glass=glass, verdict=verdict, remark="r"), by)


@pytest.fixture
def wards() -> Wards:
    return Wards()


def test_who_was_judged_not_justified_for_one_agency_breaks_the_glass_alone_for_no_other(wards: Wards) -> None:
    first = breaking()
    wards.says(first, FOR_HOSPITAL)
    wards.judges(first.glass, GlassVerdict.NOT_JUSTIFIED)
    for by in (FOR_HOSPITAL, FOR_PSYCHOLOGIST):
        with pytest.raises(AnotherPersonNeeded):
            wards.says(breaking(), by, OTHER_CASE)
    elsewhere = Casework(wards.log, PaperMacs())  # another process knows it, too
    with pytest.raises(AnotherPersonNeeded):
        elsewhere.handle(CASE_KIND, CaseId(OTHER_CASE), breaking(), FOR_PSYCHOLOGIST, correlation=uuid4())
    asked = wards.says(say(AskGlassLeave), FOR_PSYCHOLOGIST, OTHER_CASE)
    assert getattr(asked, "waits", False), "and a second person can allow it"
    wards.says(breaking(), replace(FOR_PSYCHOLOGIST, actor=ActorId(an_id("another person"))), OTHER_CASE)


def test_the_verdict_ends_where_it_is_judged_otherwise(wards: Wards) -> None:
    first = breaking()
    wards.says(first, FOR_HOSPITAL)
    wards.says(say(CloseGlass, glass=first.glass), FOR_HOSPITAL)
    theirs = act("rsud", Role.SUPERVISOR)
    wards.judges(first.glass, GlassVerdict.NOT_JUSTIFIED, by=theirs)
    wards.judges(first.glass, GlassVerdict.JUSTIFIED)  # the last word is the lead's
    wards.says(breaking(), FOR_PSYCHOLOGIST, OTHER_CASE)


def test_nor_do_they_share_alone_without_consent_for_another() -> None:
    judged = replace(NETWORK["rsud"], misjudged=frozenset({(BUDI, an_id("glass"))}))
    shares = say(
        OverrideConsent,
        **scope(uuid4(), to="polres", of=("incident",)),
        basis=SharingBasis.IMMINENT_DANGER,
        rule="r",
        reason="r",
    )
    by = replace(act("uptd-ppa"), actor=BUDI)
    given(opened()).when(shares, by=by, network={**NETWORK, "rsud": judged}).then_only(OverrideAsked)


def test_each_act_is_judged_by_itself() -> None:
    one, other = an_id("one"), an_id("other")
    said = {"agency": "rsud", "member": BUDI}
    not_justified = [say(JudgedNotJustified, NOON, judged=act, **said) for act in (one, other)]
    assert fold(not_justified) == {one, other}
    assert fold([*not_justified, say(JudgedOtherwise, NOON, judged=one, **said)]) == {other}
