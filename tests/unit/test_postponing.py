"""What delays an erasure, and how long at most: two agencies that send her on to each other, and say each time that she
agreed, keep no file for ever."""

from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    C1,
    C3,
    DAY,
    HOUR,
    NETWORK,
    NOON,
    R2,
    SUPERVISOR,
    SYSTEM,
    TRANSFER,
    act,
    an_id,
    brought_to,
    consent,
    draft_fields,
    given,
    held,
    later,
    opened,
    override,
    referred,
    reported,
    say,
    scope,
    the_case,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.confirming import ConsentConfirmed, ContradictConsent
from rujukan.domain.case.consents import GiveConsent, WithdrawConsent
from rujukan.domain.case.erasure import (
    ApproveErasure,
    ApprovePostponedErasure,
    CaseErased,
    ErasureRequested,
    RequestErasure,
)
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, ResumeReferral, StartReferral
from rujukan.domain.case.lead import LeadTransferAsked
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import DraftReferral, SendReferral
from rujukan.domain.case.uncovered import EndAnnouncedReferral, EndUncoveredReferral
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.codes import (
    AgencyKind,
    ConsentBy,
    ErasureBasis,
    Obtained,
    Purpose,
    ReferralStatus,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import Act, Fact
from rujukan.domain.pathways import END_TIMES
from rujukan.domain.refusal import (
    AnotherPersonNeeded,
    HoldStands,
    NotForThisRole,
    OpenReferrals,
    Refusal,
    StillRunning,
)

S = ReferralStatus
ERASURE, LONGEST = an_id("erasure"), END_TIMES.postponed
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
ASK = say(RequestErasure, erasure=ERASURE, whole=True, basis=ErasureBasis.SURVIVOR_REQUEST, reason="she asks")
ASKED = say(
    ErasureRequested,
    erasure=ERASURE,
    compartments=frozenset(c.word for c in Compartment),
    basis=ErasureBasis.SURVIVOR_REQUEST,
    asked_by=SUPERVISOR.actor,
    reason="she asks",
)
APPROVE, GO_ON = say(ApproveErasure, erasure=ERASURE), say(ApprovePostponedErasure, erasure=ERASURE)
HEARD = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL}
TO_PSYCHOLOGIST: dict[str, Any] = {"to": "psikolog", "service": Service.PSYCHOSOCIAL, "of": ("health",)}
FRIENDS = brought_to(S.IN_PROGRESS, R2, sender="rsud", urgency=Urgency.EMERGENCY, **TO_PSYCHOLOGIST)
AMONG_FRIENDS = [*referred(S.COMPLETED), reported(C3, to="psikolog"), *((event, "rsud") for event in FRIENDS)]
"""An emergency, as they call it, on what one of them says that she said."""


def after(pause: Any, command: Fact, by: Act) -> tuple[Fact, Act]:
    return replace(command, occurred_at=NOON + pause), later(by, pause)


def test_it_is_asked_for_though_others_say_that_she_agreed_and_goes_on_by_the_officer_after_two_weeks() -> None:
    given(*AMONG_FRIENDS).when(ASK, by=SUPERVISOR).then(ASKED)
    asked = given(*AMONG_FRIENDS, ASKED)
    command, by = after(LONGEST - HOUR, GO_ON, OFFICER)
    asked.when(command, by=by).refused(StillRunning, due_at=NOON + LONGEST)
    command, by = after(LONGEST, APPROVE, OFFICER)
    asked.when(command, by=by).refused(OpenReferrals, referrals=[R2])
    command, by = after(LONGEST, GO_ON, OFFICER)
    gone = asked.when(command, by=by).then_only(CaseErased)
    assert gone.is_erased


def test_it_takes_an_officer_and_never_who_asked() -> None:
    asked = given(*AMONG_FRIENDS, ASKED)
    command, by = after(LONGEST, GO_ON, SUPERVISOR)
    for role in (Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.SYSTEM):
        asked.when(command, by=replace(by, role=role, actor=an_id("another")), in_role=True).refused(NotForThisRole)
    same = replace(by, role=Role.DATA_PROTECTION_OFFICER)
    asked.when(command, by=same).refused(AnotherPersonNeeded)


def test_the_two_weeks_count_from_when_it_was_recorded_that_it_was_asked_for() -> None:
    long_ago = replace(ASKED, occurred_at=NOON - 30 * DAY)
    case = fold_log(said([long_ago], "uptd-ppa", NOON), the_case(*AMONG_FRIENDS))
    with pytest.raises(StillRunning):
        decide(GO_ON, case, OFFICER, NETWORK)


CONFIRMED = say(ConsentConfirmed, consent=C3, **HEARD)
STAYS: dict[str, tuple[list[Any], type[Refusal]]] = {
    "what the lead heard": ([*referred(), ASKED], OpenReferrals),
    "what the lead confirmed": ([*AMONG_FRIENDS, CONFIRMED, ASKED], OpenReferrals),
    "what the lead shares on a ground": (
        [opened(), override(C1), *brought_to(S.IN_PROGRESS), ASKED],
        OpenReferrals,
    ),
    "what the police received": (
        [
            *referred(S.COMPLETED),
            reported(C3, to="polres"),
            *brought_to(S.RECEIVED, R2, sender="rsud", to="polres"),
            ASKED,
        ],
        OpenReferrals,
    ),
    "a hold": ([*AMONG_FRIENDS, ASKED, held()], HoldStands),
}


@pytest.mark.parametrize("what", STAYS)
def test_what_is_no_word_of_a_colleague_stands_against_it_as_long_as_ever(what: str) -> None:
    log, refusal = STAYS[what]
    for pause in (LONGEST, 10 * LONGEST):
        command, by = after(pause, GO_ON, OFFICER)
        given(*log).when(command, by=by).refused(refusal)


@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_what_no_consent_covers_at_all_postpones_it_no_longer_than_that(status: S) -> None:
    sent_on = [(event, "rsud") for event in brought_to(status, R2, sender="rsud", **TO_PSYCHOLOGIST)]
    log = [*referred(S.COMPLETED), *sent_on]
    given(*log).when(ASK, by=SUPERVISOR).then(ASKED)
    command, by = after(LONGEST, GO_ON, OFFICER)
    given(*log, ASKED).when(command, by=by).then_only(CaseErased)


def test_whoever_is_asked_to_lead_and_is_silent_keeps_nothing_either() -> None:
    moving = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved")
    command, by = after(LONGEST, GO_ON, OFFICER)
    given(*referred(S.COMPLETED), ASKED, moving).when(command, by=by).then_only(CaseErased)


# The property ----------------------------------------------------------------------------------------------------

ROLES = {"uptd-ppa": Role.CASE_WORKER, "rsud": Role.CASE_WORKER, "psikolog": Role.CASE_WORKER}


class Tale:
    """Two friends who do what they like, and a lead that does what it can."""

    def __init__(self) -> None:
        self.case: Case = the_case(*referred(S.IN_PROGRESS), consent(an_id("c2"), to="psikolog"), ASKED)
        for event in (*FRIENDS,):
            self.case = fold_log(said([event], "rsud", NOON), self.case) or self.case
        self.now, self.count = NOON, 0

    def does(self, command: Fact, by: Act) -> bool:
        """Whether it was done."""
        by = replace(by, at=self.now)
        try:
            events = decide(replace(command, occurred_at=self.now), self.case, by, NETWORK)
        except Refusal:
            return False
        self.case = fold_log(said(events, by.agency, self.now), self.case) or self.case
        return True

    def friends(self, choice: int, urgency: Urgency) -> None:
        """One of them does something to keep the file."""
        self.count += 1
        one, other = ("rsud", "psikolog") if choice % 2 else ("psikolog", "rsud")
        new, service = an_id(f"new {self.count}"), NETWORK[other].services
        self.does(say(RecordNote, note=an_id(f"note {self.count}"), health="h", incident="i"), act(one))
        self.does(
            say(GiveConsent, **scope(an_id(f"said {self.count}"), to=(one, other), purposes=Purpose), **HEARD), act(one)
        )
        for referral in list(self.case.referrals):
            self.does(say(ResumeReferral, referral=referral), act(one))
        fields = draft_fields(new, other, next(iter(service)), ("health",), urgency=urgency)
        self.does(say(DraftReferral, **fields), act(one))
        self.does(say(SendReferral, referral=new), act(one))
        for move in (ReceiveReferral, AcceptReferral, StartReferral):
            self.does(say(move, referral=new), act(other))

    def lead(self) -> None:
        """It asks her of all that they say, and she agrees to nothing."""
        for agreed in list(self.case.consents.values()):
            if agreed.live and agreed.is_reported:
                self.does(say(ContradictConsent, consent=agreed.id), act("uptd-ppa"))
        for referral in list(self.case.referrals):
            self.does(say(EndUncoveredReferral, referral=referral, reason="she asks"), SUPERVISOR)
            self.does(say(EndAnnouncedReferral, referral=referral), SYSTEM)


MOVES = st.lists(
    st.tuples(st.integers(1, 72), st.integers(0, 7), st.sampled_from(list(Urgency)), st.booleans()), max_size=12
)


@for_any(MOVES)
@example([(20, 1, Urgency.EMERGENCY, False), (20, 0, Urgency.EMERGENCY, False)] * 6)
@example([(20, 1, Urgency.EMERGENCY, True), (20, 0, Urgency.EMERGENCY, True)] * 6)
def test_no_two_who_do_not_lead_keep_a_file_longer_than_two_weeks(moves: list[tuple[int, int, Urgency, bool]]) -> None:
    """Whatever they send each other, and say that she said; unless the lead heard or confirmed that she wants it, or a
    hold stands. The lead's own referral is done, and hers to agree to was taken back."""
    tale = Tale()
    for hours, choice, urgency, lead_looks in moves:
        tale.now += hours * HOUR
        tale.friends(choice, urgency)
        if lead_looks:
            tale.lead()
    for agreed in list(tale.case.consents.values()):
        if agreed.live and agreed.reported_by is None:
            tale.does(say(WithdrawConsent, consent=agreed.id), act("uptd-ppa"))
    tale.now = max(tale.now, NOON + LONGEST)
    assert not tale.case.holds
    assert tale.does(GO_ON, OFFICER), [r.status for r in tale.case.referrals.values()]


def test_before_that_they_do_keep_it_so_the_property_says_something() -> None:
    tale = Tale()
    for n in range(6):
        tale.now += 2 * DAY
        tale.friends(n, Urgency.EMERGENCY)
        tale.lead()
    tale.friends(1, Urgency.EMERGENCY)
    assert any(r.status.is_open and r.urgency is Urgency.EMERGENCY for r in tale.case.referrals.values())
    tale.now = NOON + LONGEST
    assert not tale.does(APPROVE, OFFICER)
    tale.does(say(WithdrawConsent, consent=C1), act("uptd-ppa"))
    tale.does(say(WithdrawConsent, consent=an_id("c2")), act("uptd-ppa"))
    assert not tale.does(APPROVE, OFFICER)
    assert tale.does(GO_ON, OFFICER)
