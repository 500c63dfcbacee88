"""A hold stands as long as somebody keeps it: its holder confirms it, or it lapses, and everybody concerned is told."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from story import (
    DAY,
    HOLD,
    NETWORK,
    NOON,
    SUPERVISOR,
    SYSTEM,
    TRANSFER,
    act,
    an_id,
    brought_to,
    consent,
    given,
    held,
    moved,
    opened,
    referred,
    say,
    the_case,
    written,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.erasure import ErasureRequested, RequestErasure
from rujukan.domain.case.first_hold import LegalHoldPlaced
from rujukan.domain.case.keeping import (
    AskToConfirmHold,
    ConfirmLegalHold,
    EndUnconfirmedHold,
    HoldConfirmationDue,
    HoldConfirmed,
    HoldLapsed,
    LapseHold,
    confirm_by,
)
from rujukan.domain.case.lead import LeadTransferAccepted
from rujukan.domain.case.proceedings import HoldPassed
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.casefile.state import FIRST
from rujukan.domain.codes import AgencyKind, ErasureBasis, HoldKind, Purpose, ReferralStatus, Role
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Act, Fact
from rujukan.domain.pathways import HOLD_TIMES
from rujukan.domain.refusal import (
    AnotherPersonNeeded,
    HoldStands,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    Refusal,
    StillRunning,
    Unknown,
    WrongMove,
)

S = ReferralStatus
EVERY, WARNING = HOLD_TIMES.confirmed_every, HOLD_TIMES.warning
ASKED = NOON + EVERY - WARNING
REVIEWER, AID = act("uptd-ppa", Role.LEGAL_REVIEWER), act("lbh", Role.LEGAL_REVIEWER)
POLICE_CHIEF = act("polres", Role.SUPERVISOR)
ASK, LAPSE = say(AskToConfirmHold, hold=HOLD), say(LapseHold, hold=HOLD)
CONFIRM, END = say(ConfirmLegalHold, hold=HOLD), say(EndUnconfirmedHold, hold=HOLD)
ERASE = say(
    RequestErasure,
    erasure=an_id("erasure"),
    basis=ErasureBasis.SURVIVOR_REQUEST,
    compartments=frozenset({"health"}),
    reason="she asks",
)
LEGAL_AID = [opened(), consent(to="lbh", purposes=Purpose), *brought_to(S.IN_PROGRESS, to="lbh", purpose=Purpose.LEGAL)]
POLICE = [opened(), consent(to="polres", purposes=Purpose), *brought_to(S.IN_PROGRESS, to="polres")]
OF_AID, OF_POLICE = held(by="lbh", kind=HoldKind.CLAIM), held(by="polres", of_proceedings=True)


def of(holder: str, **more: Any) -> dict[str, Any]:
    return {"hold": HOLD, "holder": holder, "holder_kind": NETWORK[holder].kind, "rule": "2026-1", **more}


def at(when: Any, what: Fact, by: Act) -> tuple[Fact, Act]:
    return replace(what, occurred_at=when), replace(by, at=when)


def asked(holder: str = "lbh", lapses_at: Any = NOON + EVERY) -> tuple[Fact, str]:
    return replace(say(HoldConfirmationDue, **of(holder, lapses_at=lapses_at)), occurred_at=ASKED), "uptd-ppa"


def test_its_holder_is_asked_a_month_before_and_once() -> None:
    story = given(*LEGAL_AID, OF_AID)
    story.when_raised(ASK, EVERY - WARNING - DAY).refused(StillRunning)
    story.when_raised(ASK, EVERY - WARNING).then(asked()[0])
    given(*LEGAL_AID, OF_AID, asked()).when_raised(ASK, EVERY).refused(WrongMove)
    story.when(ASK, by=REVIEWER, in_role=True).refused(NotForThisRole)


def test_what_nobody_confirmed_lapses_and_keeps_nothing_any_more() -> None:
    story = given(*LEGAL_AID, OF_AID, asked())
    story.when_raised(LAPSE, EVERY - DAY).refused(StillRunning)
    after = story.when_raised(LAPSE, EVERY).then(say(HoldLapsed, NOON + EVERY, **of("lbh")))
    assert after is not None
    assert not after.on_hold
    given(*LEGAL_AID, OF_AID).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)
    done = moved(S.COMPLETED)
    given(*LEGAL_AID, OF_AID, done, asked(), say(HoldLapsed, **of("lbh"))).when(ERASE, by=SUPERVISOR).then_only(
        ErasureRequested
    )


def test_what_nobody_was_asked_about_does_not_lapse_however_old_it_is() -> None:
    given(*LEGAL_AID, OF_AID).when_raised(LAPSE, 10 * EVERY).refused(WrongMove)
    late = given(*LEGAL_AID, OF_AID).when_raised(ASK, 10 * EVERY)
    late.then(say(HoldConfirmationDue, NOON + 10 * EVERY, **of("lbh", lapses_at=NOON + 10 * EVERY + WARNING)))


def test_a_person_of_its_holder_confirms_it_also_when_they_take_part_no_more() -> None:
    when = NOON + EVERY - DAY
    then = say(HoldConfirmed, when, **of("lbh", confirm_by=when + EVERY))
    for case in (LEGAL_AID, [*LEGAL_AID, moved(S.COMPLETED)]):
        command, by = at(when, CONFIRM, AID)
        after = given(*case, OF_AID, asked()).when(command, by=by, in_role=True).then(then)
        assert after is not None
        assert after.holds[HOLD].lapses_at is None
        for role in (Role.CASE_WORKER, Role.INTEGRATOR, Role.SYSTEM, Role.AGENCY_ADMINISTRATOR):
            given(*case, OF_AID).when(CONFIRM, by=act("lbh", role), in_role=True).refused(NotForThisRole)
    confirmed = [*LEGAL_AID, OF_AID, asked(), (then, "lbh")]
    logged = fold_log([*said([then], "lbh", when)], the_case(*LEGAL_AID, OF_AID, asked()))
    assert logged is not None
    assert confirm_by(logged.holds[HOLD]) == when + EVERY
    given(*confirmed).when_raised(LAPSE, EVERY + DAY).refused(WrongMove)


def test_nobody_else_confirms_it_and_to_others_there_is_none() -> None:
    story = given(*LEGAL_AID, *referred()[1:], OF_AID)
    story.when(CONFIRM, by=REVIEWER).refused(NotForThisAgency, needs="holder")
    story.when(CONFIRM, by=act("rsud", Role.LEGAL_REVIEWER)).refused(Unknown, what="hold")
    story.when(CONFIRM, by=act("disdik", Role.LEGAL_REVIEWER)).refused(Unknown, what="case")
    given(*POLICE, OF_POLICE).when(CONFIRM, by=POLICE_CHIEF, in_role=True).then_only(HoldConfirmed)


# That of the proceedings -----------------------------------------------------------------------------------------


def test_that_of_the_proceedings_lapses_by_no_clock_but_two_of_the_lead_end_it() -> None:
    due = asked("polres")
    story = given(*POLICE, OF_POLICE, due)
    story.when_raised(LAPSE, 10 * EVERY).refused(WrongMove)
    for when, refusal in ((NOON + EVERY - DAY, StillRunning), (NOON + EVERY, None)):
        command, by = at(when, END, REVIEWER)
        if refusal is None:
            story.when(command, by=by).then(say(HoldLapsed, NOON + EVERY, **of("polres")))
        else:
            story.when(command, by=by).refused(refusal)
    command, by = at(NOON + EVERY, END, REVIEWER)
    given(*POLICE, OF_POLICE).when(command, by=by).refused(WrongMove)
    given(*LEGAL_AID, OF_AID, asked()).when(command, by=by).refused(Invalid, field="hold")
    story.when(command, by=replace(POLICE_CHIEF, at=by.at)).refused(NotForThisAgency, needs="lead")


def test_two_of_the_lead_end_it_and_never_one() -> None:
    from rujukan.domain.proposal import ApproveProposal
    from rujukan.domain.standing.rule import Proposed, second_needed, standing

    case = the_case(*POLICE, OF_POLICE, asked("polres"))
    assert second_needed(END, case, REVIEWER) is not None
    approve = say(ApproveProposal, proposal=an_id("proposal"))
    standing(approve, Proposed(END, REVIEWER, case), SUPERVISOR)
    with pytest.raises(AnotherPersonNeeded):
        standing(approve, Proposed(END, REVIEWER, case), replace(REVIEWER, role=Role.SUPERVISOR))
    with pytest.raises(Refusal):
        standing(approve, Proposed(END, REVIEWER, case), POLICE_CHIEF)


def test_what_passed_on_is_counted_from_there() -> None:
    to_court = brought_to(S.ACCEPTED, an_id("r2"), sender="polres", to="kejari")
    passed = say(
        HoldPassed,
        NOON + 100 * DAY,
        hold=HOLD,
        referral=an_id("r2"),
        hold_kind=HoldKind.TRIAL,
        holder="kejari",
        holder_kind=AgencyKind.JUSTICE,
    )
    case = the_case(*POLICE, OF_POLICE, asked("polres"), *to_court, (passed, "kejari"))
    assert confirm_by(case.holds[HOLD]) == NOON + 100 * DAY + EVERY
    assert case.holds[HOLD].lapses_at is None, "who has it now was not asked"


# Those of before, and of who leads -------------------------------------------------------------------------------


def test_one_of_before_holds_had_holders_is_kept_by_who_leads() -> None:
    old = [opened(), say(LegalHoldPlaced, reason="r")]
    ask, confirm = replace(ASK, hold=FIRST), replace(CONFIRM, hold=FIRST)
    due = given(*old).when_raised(ask, EVERY).then_only(HoldConfirmationDue)
    assert due.holds[FIRST].lapses_at == NOON + EVERY + WARNING
    given(*old).when(confirm, by=REVIEWER).then_only(HoldConfirmed)
    taken = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    given(*old, taken).when(confirm, by=AID).then_only(HoldConfirmed)
    given(*old, taken).when(confirm, by=REVIEWER).refused(Unknown, what="hold")


def test_the_lead_and_its_holder_are_told_and_nobody_else() -> None:
    beside = [consent(an_id("c2")), *brought_to(S.IN_PROGRESS, an_id("r2"))]
    events: Sequence[Any] = [*LEGAL_AID, *beside, OF_AID, asked(), (say(HoldLapsed, **of("lbh")), "uptd-ppa")]
    log = [event if isinstance(event, tuple) else (event, "uptd-ppa") for event in events]
    knowledge, told = Knowledge(), dict[str, set[str]]()
    for n, (event, author) in enumerate(log, start=1):
        learned = knowledge.learn(written(n, event, author, NOON)).tell
        told[type(event).__name__] = {t.agency for t in learned if t.of.event is event}
    assert told["HoldConfirmationDue"] == told["HoldLapsed"] == {"uptd-ppa", "lbh"}


# The property ----------------------------------------------------------------------------------------------------

STEPS = st.lists(st.tuples(st.timedeltas(timedelta(0), 400 * DAY), st.sampled_from(["confirm", "system"])), max_size=12)


@for_any(STEPS)
@example([(EVERY - WARNING, "system"), (WARNING, "system")])
@example([(timedelta(days=400), "system"), (WARNING, "confirm"), (EVERY, "system"), (WARNING, "system")])
def test_a_hold_that_nobody_keeps_ends_and_one_that_somebody_keeps_does_not(steps: list[tuple[timedelta, str]]) -> None:
    """It stands while less than its time went by since a person of its holder said so, and never falls without a month
    in which they were asked; wherever the system looks often enough, no hold stands longer than both together."""
    case: Case | None = the_case(*LEGAL_AID, OF_AID)
    now = kept = NOON
    asked_at = None
    for pause, who in steps:
        now += pause
        command: Fact = CONFIRM if who == "confirm" else (ASK if asked_at is None else LAPSE)
        what, by = at(now, command, AID if who == "confirm" else SYSTEM)
        try:
            events = decide(what, case, by, NETWORK)
        except Refusal:
            events = []
        assert case is not None
        case = fold_log(said(events, by.agency, now), case)
        assert case is not None
        for event in events:
            match event:
                case HoldConfirmed():
                    kept, asked_at = now, None
                case HoldConfirmationDue():
                    asked_at = now
                case HoldLapsed():
                    assert asked_at is not None
                    assert now - asked_at >= WARNING
                    assert now - kept >= EVERY
                    assert not case.on_hold
        if not case.on_hold:
            return
        if who == "system" and asked_at is not None and command is LAPSE:
            assert now < max(kept + EVERY, asked_at + WARNING)
