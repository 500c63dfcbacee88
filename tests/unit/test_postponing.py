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
    C2,
    C3,
    DAY,
    HOUR,
    NETWORK,
    NOON,
    R1,
    R2,
    R3,
    SUPERVISOR,
    SYSTEM,
    TRANSFER,
    act,
    an_id,
    brought_to,
    consent,
    draft,
    draft_fields,
    given,
    held,
    later,
    moved,
    opened,
    override,
    referred,
    reported,
    say,
    scope,
    sent,
    the_case,
    written,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.confirming import ConsentConfirmed, ContradictConsent
from rujukan.domain.case.consents import GiveConsent, WithdrawConsent
from rujukan.domain.case.erasure import (
    ApproveErasure,
    ApprovePostponedErasure,
    CaseErased,
    ErasureRefused,
    ErasureRequested,
    RequestErasure,
)
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral, ResumeReferral, StartReferral
from rujukan.domain.case.lead import LeadTransferAsked
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.overrides import SharedWithoutConsent
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.case.uncovered import EndAnnouncedReferral, EndUncoveredReferral, announced_end
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
    SharingBasis,
    Urgency,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Knowledge
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


NOT_BEGUN = brought_to(S.ACCEPTED, R2, sender="rsud", **TO_PSYCHOLOGIST)
WAITING = [*referred(S.COMPLETED), reported(C3, to="psikolog"), *((event, "rsud") for event in NOT_BEGUN)]
"""What one of them says that she said, and on which no work began."""


def test_it_is_asked_for_though_others_say_that_she_agreed_and_goes_on_by_the_officer_after_two_weeks() -> None:
    given(*WAITING).when(ASK, by=SUPERVISOR).then(ASKED)
    asked = given(*WAITING, ASKED)
    command, by = after(LONGEST - HOUR, GO_ON, OFFICER)
    asked.when(command, by=by).refused(StillRunning, due_at=NOON + LONGEST)
    command, by = after(LONGEST, APPROVE, OFFICER)
    asked.when(command, by=by).refused(OpenReferrals, referrals=[R2])
    command, by = after(LONGEST, GO_ON, OFFICER)
    gone = asked.when(command, by=by).then_only(CaseErased)
    assert gone.is_erased


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_work_and_emergencies_stand_against_it_until_the_lead_has_answered(status: S, urgency: Urgency) -> None:
    """A lead that never answers would judge its own cause. It asks her, and says what she says: then it goes on."""
    sent_on = brought_to(status, R2, sender="rsud", urgency=urgency, **TO_PSYCHOLOGIST)
    log = [*referred(S.COMPLETED), reported(C3, to="psikolog"), *((event, "rsud") for event in sent_on)]
    given(*log).when(ASK, by=SUPERVISOR).then(ASKED)
    asked = given(*log, ASKED)
    for pause in (LONGEST, 10 * LONGEST):
        command, by = after(pause, GO_ON, OFFICER)
        when = asked.when(command, by=by)
        if urgency is Urgency.EMERGENCY or status in (S.IN_PROGRESS, S.ON_HOLD):
            when.refused(OpenReferrals, referrals=[R2])
        else:
            when.then_only(CaseErased)
    says_no = say(ContradictConsent, consent=C3)
    answered = fold_log(said(decide(says_no, asked.case, act("uptd-ppa"), NETWORK), "uptd-ppa"), asked.case)
    assert answered is not None
    command, by = after(LONGEST, GO_ON, OFFICER)
    assert any(isinstance(event, CaseErased) for event in decide(command, answered, by, NETWORK))


@pytest.mark.parametrize("urgency", list(Urgency))
def test_the_two_weeks_count_for_what_was_sent_after_it_was_asked_for_too(urgency: Urgency) -> None:
    """Nobody learns on the thirteenth day, by a referral, of what is gone on the fourteenth."""
    later_on, heard = NOON + LONGEST - DAY, reported(C3, to="psikolog")
    sent_on = [draft(R2, sender="rsud", urgency=urgency, **TO_PSYCHOLOGIST), sent(R2, later_on)]
    case = the_case(*referred(S.COMPLETED), heard, ASKED, *((event, "rsud") for event in sent_on))
    command, by = after(LONGEST, GO_ON, OFFICER)
    refusal, due = (OpenReferrals, None) if urgency is Urgency.EMERGENCY else (StillRunning, later_on + LONGEST)
    with pytest.raises(refusal) as refused:
        decide(command, case, by, NETWORK)
    assert due is None or refused.value.about["due_at"] == due.isoformat()


BY_LAW = scope(C3, to="polres", of=("incident",), purposes=(Purpose.PROTECTION,))
TO_POLICE: dict[str, Any] = {
    "to": "polres",
    "service": Service.LAW_ENFORCEMENT,
    "of": ("incident",),
    "purpose": Purpose.PROTECTION,
}
GROUNDS: dict[str, list[Any]] = {
    "a duty of a health service": [
        (
            say(
                SharedWithoutConsent,
                **BY_LAW,
                basis=SharingBasis.HEALTH_WORKER_REPORT,
                rule="UU 12/2022 art. 39",
                reason="she was raped",
                decided_by=an_id("a doctor"),
                asked_by=an_id("a nurse"),
                bases="2026-1",
            ),
            "rsud",
        )
    ],
    "what the hospital says that she said": [
        reported(C3, to="polres", of=("incident",), purposes=(Purpose.PROTECTION,))
    ],
    "what the lead heard": [consent(C3, to="polres", of=("incident",), purposes=(Purpose.PROTECTION,))],
    "nothing any more": [],
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("status", [s for s in S if s.is_open])
@pytest.mark.parametrize("ground", GROUNDS)
def test_nothing_goes_while_the_police_are_asked_whoever_asked_them(ground: str, status: S, whole: bool) -> None:
    """Received or not, and on whatever it stands: who sent it takes it back, or the lead ends what nothing covers."""
    to_them = [(event, "rsud") for event in brought_to(status, R2, sender="rsud", **TO_POLICE)]
    log = [*referred(S.COMPLETED), *GROUNDS[ground], *to_them]
    what = {"whole": True} if whole else {"whole": False, "compartments": frozenset({"health"})}
    given(*log).when(replace(ASK, **what), by=SUPERVISOR).refused(OpenReferrals, referrals=[R2])
    for command in (APPROVE, GO_ON):
        late, by = after(10 * LONGEST, command, OFFICER)
        given(*log, ASKED).when(late, by=by).refused(OpenReferrals, referrals=[R2])


def test_it_takes_an_officer_and_never_who_asked() -> None:
    asked = given(*WAITING, ASKED)
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


PARTS = [["identity", "safety"], ["health"], ["incident", "economic"]]


@pytest.mark.parametrize("part", PARTS, ids=", ".join)
@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_what_an_open_referral_shares_is_not_erased_in_part_either(status: S, part: list[str]) -> None:
    """Two people of the lead would else take all that is known from under an emergency, in a minute."""
    shared = {"incident", "health"} & set(part)
    log = referred(status, urgency=Urgency.EMERGENCY)
    ask = replace(ASK, whole=False, compartments=frozenset(part))
    asked = replace(ASKED, compartments=frozenset(part))
    if shared:
        given(*log).when(ask, by=SUPERVISOR).refused(OpenReferrals)
        given(*log, asked).when(APPROVE, by=OFFICER).refused(OpenReferrals)
    else:
        given(*log).when(ask, by=SUPERVISOR).then(asked)
        given(*log, asked).when(APPROVE, by=OFFICER).then_only(CaseErased)


def test_nor_what_who_works_on_it_wrote() -> None:
    wrote = say(NoteRecorded, note=an_id("note"), psychosocial="she trembles"), "rsud"
    ask = replace(ASK, whole=False, compartments=frozenset({"psychosocial"}))
    given(*referred(), wrote).when(ask, by=SUPERVISOR).refused(OpenReferrals)
    given(*referred(S.COMPLETED), wrote).when(ask, by=SUPERVISOR).then_only(ErasureRequested)


@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_what_the_lead_breaks_off_keeps_it_as_long_as_an_end_is_announced_before(status: S, urgency: Urgency) -> None:
    """Those who worked on it learn of it while there is something left to save."""
    emergency = urgency is Urgency.EMERGENCY and status is not S.REQUESTED
    in_hand = emergency or status in (S.IN_PROGRESS, S.ON_HOLD)
    broken_off = given(*referred(status, urgency=urgency), moved(S.CANCELLED), ASKED)
    window = END_TIMES.windows[urgency] if in_hand else 0 * DAY
    if in_hand:
        command, by = after(window - HOUR, APPROVE, OFFICER)
        broken_off.when(command, by=by).refused(StillRunning, due_at=NOON + window)
    command, by = after(window, APPROVE, OFFICER)
    broken_off.when(command, by=by).then_only(CaseErased)


def test_those_at_work_are_told_as_it_is_asked_for_and_as_it_is_refused() -> None:
    """Not why, and not those who come later, once it is decided."""
    refused = say(ErasureRefused, erasure=ERASURE, reason="the trial")
    new = [
        consent(C2, to="lbh", of=("legal",)),
        draft(R3, to="lbh", service=Service.LEGAL_AID, of=("legal",)),
        sent(R3),
    ]
    log = [*WAITING, ASKED, refused, *new]
    known, told = Knowledge(), set[tuple[str, type[Fact], str]]()
    for version, entry in enumerate(log, 1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        for one in known.follow(written(version, event, author)):
            if isinstance(one.of.event, (ErasureRequested, ErasureRefused)):
                told |= {(one.agency, type(one.of.event), c.word) for c in one.compartments}
    to_others = {one for one in told if one[0] != "uptd-ppa"}
    assert to_others == {("psikolog", event, "coordination") for event in (ErasureRequested, ErasureRefused)}


def test_who_is_sent_a_referral_meanwhile_is_told_too() -> None:
    heard, sent_on = reported(C3, to="psikolog"), brought_to(S.REQUESTED, R2, sender="rsud", **TO_PSYCHOLOGIST)
    log = [*referred(S.COMPLETED), heard, ASKED, *((event, "rsud") for event in sent_on)]
    known, told = Knowledge(), set[str]()
    for version, entry in enumerate(log, 1):
        event, author = entry if isinstance(entry, tuple) else (entry, "uptd-ppa")
        told |= {t.agency for t in known.follow(written(version, event, author)) if t.of.event == ASKED}
    assert told == {"uptd-ppa", "psikolog"}


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
    """Whatever they send each other, and say that she said, once the lead has asked her; unless she wants it, or a hold
    stands. The lead's own referral is done, and hers to agree to was taken back."""
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
    tale.lead()
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
    assert not tale.does(GO_ON, OFFICER), "the lead has not asked her"
    tale.lead()
    assert tale.does(GO_ON, OFFICER)


# Two people of the lead, alone -----------------------------------------------------------------------------------

THEIRS: list[tuple[Fact, Act]] = [
    (ASK, SUPERVISOR),
    (replace(ASK, whole=False, compartments=frozenset({"incident", "health"})), SUPERVISOR),
    (APPROVE, OFFICER),
    (GO_ON, OFFICER),
    (say(WithdrawConsent, consent=C1), act("uptd-ppa")),
    (say(CancelReferral, referral=R1), act("uptd-ppa")),
    (say(EndUncoveredReferral, referral=R1, reason="r"), SUPERVISOR),
    (say(EndAnnouncedReferral, referral=R1), SYSTEM),
]
IN_HAND = [S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD]


@for_any(
    st.lists(st.tuples(st.integers(0, len(THEIRS) - 1), st.integers(0, 30)), max_size=14),
    st.sampled_from(IN_HAND),
    st.sampled_from(list(Urgency)),
    st.booleans(),
)
@example([(5, 0), (0, 0), (2, 0)], S.IN_PROGRESS, Urgency.EMERGENCY, False)
@example([(4, 0), (6, 0), (7, 25), (0, 0), (2, 0)], S.IN_PROGRESS, Urgency.URGENT, False)
@example([(1, 0), (2, 0)], S.RECEIVED, Urgency.EMERGENCY, False)
@example([(5, 0), (0, 0), (2, 80)], S.IN_PROGRESS, Urgency.ROUTINE, True)
def test_two_of_the_lead_destroy_nothing_that_runs_within_a_day_nor_what_the_police_are_asked(
    moves: list[tuple[int, int]], status: S, urgency: Urgency, police: bool
) -> None:
    """Whatever they do, in whatever order: the hospital has a day at least, of an emergency three, to learn that its
    work was ended; and what a hospital reports to the police by its duty stays as long as it is not answered."""
    in_hand = urgency is Urgency.EMERGENCY or status in (S.IN_PROGRESS, S.ON_HOLD)
    to_police = [(event, "rsud") for event in [draft(R2, sender="rsud", **TO_POLICE), sent(R2)]]
    report = [*GROUNDS["a duty of a health service"], *to_police] if police else []
    case, now = the_case(*referred(status, urgency=urgency), *report), NOON
    unaware = now
    """Until when the hospital had heard of no end."""
    for choice, hours in moves:
        now += hours * HOUR
        if case.referrals[R1].status.is_open and announced_end(case, case.referrals[R1]) is None:
            unaware = now
        command, by = THEIRS[choice]
        try:
            events = decide(replace(command, occurred_at=now), case, replace(by, at=now), NETWORK)
        except Refusal:
            continue
        case = fold_log(said(events, by.agency, now), case) or case
        if any(isinstance(event, CaseErased) for event in events):
            assert not police
            assert not in_hand or now - unaware >= END_TIMES.windows[urgency]
            return
