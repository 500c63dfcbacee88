"""Legal holds: whose they are, who ends them, and the one that the proceedings place by themselves."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace
from story import (
    C1,
    DAY,
    DOCUMENT,
    HOLD,
    HOSPITAL,
    HOUR,
    LAWYER,
    LEAD,
    NETWORK,
    NOON,
    POLICE,
    R1,
    R2,
    SCHOOL,
    SUPERVISOR,
    SYSTEM,
    TRANSFER,
    act,
    an_id,
    brought_to,
    closed,
    consent,
    draft,
    given,
    held,
    later,
    merged,
    moved,
    opened,
    referred,
    say,
    sent,
    the_case,
)

from rujukan.api.case_file import case_view
from rujukan.domain.case import Case, decide
from rujukan.domain.case.consents import ConsentWithdrawn, WithdrawConsent
from rujukan.domain.case.documents import AttachDocument, DocumentAttached, DocumentSuperseded
from rujukan.domain.case.erasure import ApproveErasure, ErasureRequested, RequestErasure
from rujukan.domain.case.first_hold import HoldLiftingAsked, LegalHoldLifted, LegalHoldPlaced
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    ReceiveReferral,
    ReferralAccepted,
    ReferralFailed,
    ReferralReceived,
    ReferralRejected,
    RejectReferral,
)
from rujukan.domain.case.holds import (
    CheckCourtOrder,
    CourtOrderChecked,
    HoldLifted,
    LiftHoldOnOrder,
    LiftLegalHold,
    PlaceLegalHold,
)
from rujukan.domain.case.intake import CaseOpened, OpenCase, ReportReceived
from rujukan.domain.case.lead import AcceptLeadTransfer, LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.proceedings import HoldFell, HoldPassed
from rujukan.domain.case.referrals import CancelReferral, ReferralCancelled
from rujukan.domain.casefile.evolving import Said, fold_log, said
from rujukan.domain.casefile.holding import CourtOrders, HoldPlaced, confirm_by, lapse_at
from rujukan.domain.casefile.state import FIRST
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    DocumentKind,
    EndReason,
    ErasureBasis,
    HoldEnd,
    HoldKind,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Reporter,
    Role,
    Urgency,
)
from rujukan.domain.declaring import ASKED, Second, declared
from rujukan.domain.fact import Act, Fact
from rujukan.domain.proposal import ApproveProposal
from rujukan.domain.refusal import (
    AlreadyDone,
    AlreadyExists,
    AnotherPersonNeeded,
    HoldStands,
    InTheFuture,
    Invalid,
    NotForThisAgency,
    NotForThisRole,
    OpenReferrals,
    Refusal,
    Unknown,
)
from rujukan.domain.standing.rule import Proposed, standing

S, K, E = ReferralStatus, HoldKind, HoldEnd

REVIEWER, OFFICER = act("uptd-ppa", Role.LEGAL_REVIEWER), act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
POLICE_LAWYER, POLICE_CHIEF = act("polres", Role.LEGAL_REVIEWER), act("polres", Role.SUPERVISOR)
PROSECUTOR, CHIEF_PROSECUTOR = act("kejari", Role.LEGAL_REVIEWER), act("kejari", Role.SUPERVISOR)
THEIRS, ERASURE = an_id("the hold of the police"), an_id("erasure")
POLICE_HOLD = held(THEIRS, "polres", K.INVESTIGATION, of_proceedings=True)
ERASE = say(
    RequestErasure,
    erasure=ERASURE,
    basis=ErasureBasis.SURVIVOR_REQUEST,
    compartments=frozenset({"incident", "identity", "health"}),
    reason="she asks",
)
ASKED_TO_ERASE = say(
    ErasureRequested,
    erasure=ERASURE,
    compartments=frozenset({"incident", "identity", "health"}),
    basis=ErasureBasis.SURVIVOR_REQUEST,
    asked_by=SUPERVISOR.actor,
    reason="she asks",
)
APPROVE_ERASURE = say(ApproveErasure, erasure=ERASURE)
RECEIVE, RECEIVED = say(ReceiveReferral, referral=R1), say(ReferralReceived, referral=R1)


def place(id: Any = HOLD, kind: HoldKind = K.TRIAL) -> PlaceLegalHold:
    return say(PlaceLegalHold, hold=id, hold_kind=kind, reason="a trial")


def lift(id: Any = HOLD, by: HoldEnd = E.NO_LONGER_NEEDED) -> LiftLegalHold:
    return say(LiftLegalHold, hold=id, ended_by=by, rule="B/7")


def lifted(id: Any = HOLD, of: str = "uptd-ppa", by: HoldEnd = E.NO_LONGER_NEEDED, order: Any = None) -> HoldLifted:
    holder = {"holder": of, "holder_kind": NETWORK[of].kind}
    return say(HoldLifted, hold=id, **holder, ended_by=by, rule="B/7", on_order=order)


def with_police(status: ReferralStatus = S.IN_PROGRESS, to: str = "polres", **of_draft: Any) -> list[Any]:
    """A case with a referral to the police in that state, of a log in which the proceedings placed no hold yet."""
    return [opened(), consent(to=to, purposes=Purpose), *brought_to(status, to=to, **of_draft)]


WITH_POLICE, WITHOUT_THEM = with_police(), with_police(S.COMPLETED)


def seconded(command: Fact, case: Case, asker: Act, second: Act) -> None:
    """Whether that person may be the second for it. Raises Refusal."""
    standing(say(ApproveProposal, proposal=an_id("proposal")), Proposed(command, asker, case), second)


# Whose it is -----------------------------------------------------------------------------------------------------


def test_a_hold_is_of_who_placed_it_and_says_for_what() -> None:
    case = given(opened()).when(place(), by=REVIEWER).then(held()[0])
    assert case is not None
    hold = case.holds[HOLD]
    assert (hold.held_by(case), hold.kind, case.on_hold) == (("uptd-ppa", AgencyKind.LEAD), K.TRIAL, True)


def test_several_stand_at_once_and_as_long_as_one_does_nothing_is_erased() -> None:
    ended = with_police(S.COMPLETED)
    both = (*ended, held(), POLICE_HOLD)
    given(*both).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=2)
    given(*both, ASKED_TO_ERASE).when(APPROVE_ERASURE, by=OFFICER).refused(HoldStands, holds=2)
    for one_less in (lifted(), lifted(THEIRS, "polres", E.FINAL_JUDGMENT)):
        given(*both, one_less).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)
        given(*both, one_less, ASKED_TO_ERASE).when(APPROVE_ERASURE, by=OFFICER).refused(HoldStands, holds=1)
    none = (*both, lifted(), lifted(THEIRS, "polres", E.FINAL_JUDGMENT))
    given(*none).when(ERASE, by=SUPERVISOR).then(ASKED_TO_ERASE)


def test_an_id_is_taken_once_also_after_its_end() -> None:
    given(opened(), held()).when(place(), by=REVIEWER).refused(AlreadyExists, id=HOLD)
    given(opened(), held(), lifted()).when(place(), by=REVIEWER).refused(AlreadyExists, id=HOLD)
    given(opened(), say(LegalHoldPlaced, reason="r")).when(place(FIRST), by=REVIEWER).refused(AlreadyExists)


def test_a_supervisor_of_the_police_places_one_and_no_other_supervisor() -> None:
    placed = held(THEIRS, "polres", K.INVESTIGATION)[0]
    chief = place(THEIRS, K.INVESTIGATION)
    given(*WITH_POLICE).when(chief, by=POLICE_CHIEF, in_role=True).then(placed)
    given(opened()).when(place(), by=SUPERVISOR, in_role=True).refused(NotForThisAgency)
    given(*WITH_POLICE).when(place(), by=POLICE, in_role=True).refused(NotForThisRole)


@pytest.mark.parametrize("command", [place(an_id("new")), lift(THEIRS), lift(HOLD), lift(an_id("no hold"))])
def test_who_takes_part_for_no_legal_purpose_any_more_learns_of_no_hold(command: Fact) -> None:
    """The very same refusal, whether holds stand or not, and whichever id is asked for."""
    for by in (act("lbh", Role.LEGAL_REVIEWER), act("lbh", Role.DATA_PROTECTION_OFFICER)):
        for status in (S.COMPLETED, S.REJECTED, S.CANCELLED):
            case = with_police(status, to="lbh", purpose=Purpose.LEGAL)
            answers = set()
            for holds in ((), (held(),), (POLICE_HOLD,), (held(), POLICE_HOLD)):
                when = given(*case, *holds).when(command, by=by)
                answers.add(repr(when.refusal))
                assert type(when.refusal) is (NotForThisAgency if isinstance(command, PlaceLegalHold) else Unknown)
            assert len(answers) == 1


def test_what_is_shown_of_holds() -> None:
    """The lead sees all, others their own; who takes part no more and holds none learns nothing."""
    case = the_case(*WITH_POLICE, *brought_to(S.COMPLETED, R2), held(), POLICE_HOLD)

    def shown(agency: str) -> list[str] | None:
        found = case_view(an_id("case"), case, agency, SUPERVISOR.at).holds
        return found and [hold.holder for hold in found]

    assert (shown("uptd-ppa"), shown("polres"), shown("rsud")) == (["uptd-ppa", "polres"], ["polres"], None)


def test_nothing_of_it_is_recorded_from_the_future() -> None:
    given(opened()).when(replace(place(), occurred_at=NOON + HOUR), by=REVIEWER).refused(InTheFuture)


@pytest.mark.parametrize("ended", [closed(), merged()], ids=lambda event: type(event).__name__)
def test_an_ended_case_can_be_held_and_released(ended: Fact) -> None:
    given(opened(), ended).when(place(), by=REVIEWER).then(held()[0])
    given(opened(), ended, held()).when(lift(), by=REVIEWER).then(lifted())


# Who lifts it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [WITH_POLICE, WITHOUT_THEM], ids=["takes part", "does no more"])
def test_two_people_of_its_holder_lift_it_also_when_they_take_part_no_more(case: list[Any]) -> None:
    theirs = (*case, held(THEIRS, "polres", K.CLAIM))
    after = given(*theirs).when(lift(THEIRS), by=POLICE_CHIEF, in_role=True).then(lifted(THEIRS, "polres"))
    assert after is not None
    assert not after.on_hold
    two = (lift(THEIRS), the_case(*theirs), POLICE_CHIEF)
    seconded(*two, POLICE_LAWYER)
    with pytest.raises(AnotherPersonNeeded):
        seconded(*two, replace(POLICE_CHIEF, role=Role.LEGAL_REVIEWER))
    for stranger in (OFFICER, REVIEWER, SUPERVISOR, act("rsud", Role.SUPERVISOR)):
        with pytest.raises(Unknown):
            seconded(*two, stranger)


def test_every_way_to_lift_a_hold_takes_two_people() -> None:
    case = the_case(*WITH_POLICE, held(), POLICE_HOLD)
    for command in (LiftLegalHold, LiftHoldOnOrder):
        second = ASKED[command].second
        assert isinstance(second, Second)
        assert all(second.when(lift(), case, own) for own in (True, False))


@pytest.mark.parametrize("role", [Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR])
def test_the_lead_lifts_no_hold_of_another(role: Role) -> None:
    by = act("uptd-ppa", role)
    for theirs in (POLICE_HOLD, held(THEIRS, "polres", K.CLAIM)):
        given(*WITH_POLICE, theirs).when(lift(THEIRS, E.FINAL_JUDGMENT), by=by, in_role=True).refused(
            NotForThisAgency, needs="holder"
        )


def test_who_is_no_holder_does_not_learn_of_it() -> None:
    theirs = (*WITH_POLICE, *brought_to(S.IN_PROGRESS, R2, purpose=Purpose.LEGAL), held(), POLICE_HOLD)
    given(*theirs).when(lift(THEIRS), by=HOSPITAL).refused(Unknown, what="hold")
    given(*theirs).when(lift(HOLD), by=POLICE_CHIEF).refused(Unknown, what="hold")
    given(*theirs).when(lift(HOLD), by=SCHOOL).refused(Unknown, what="case")


def test_the_hold_of_the_proceedings_ends_when_a_stage_ends_it() -> None:
    case = (*WITHOUT_THEM, POLICE_HOLD)
    for by in E:
        when = given(*case).when(lift(THEIRS, by), by=POLICE_LAWYER)
        if by in (E.WRITTEN_STOP, E.FINAL_JUDGMENT):
            when.then(lifted(THEIRS, "polres", by))
        else:
            when.refused(Invalid, field="ended_by")
    given(opened(), held()).when(lift(by=E.COURT_ORDER), by=REVIEWER).refused(Invalid, field="ended_by")


# On a court's order ----------------------------------------------------------------------------------------------

PAPER: dict[str, Any] = {
    "document": DOCUMENT,
    "kind": DocumentKind.COURT_ORDER,
    "compartment": "legal",
    "media_type": "application/pdf",
    "size": 3,
    "sha256": "0" * 64,
}
ORDER = (say(DocumentAttached, **PAPER), "kejari")
CHECK, CHECKER = say(CheckCourtOrder, document=DOCUMENT, rule="12/Pdt.P/2026"), replace(OFFICER, actor=an_id("checker"))
CHECKED = say(CourtOrderChecked, document=DOCUMENT, rule="12/Pdt.P/2026", checked_by=CHECKER.actor)
ON_ORDER = say(LiftHoldOnOrder, hold=THEIRS, on_order=DOCUMENT, rule="B/7")
WITH_COURT = [*WITH_POLICE, *brought_to(S.IN_PROGRESS, R2, to="kejari")]
BEFORE_COURT = [*WITH_COURT, POLICE_HOLD]


def test_on_a_courts_order_two_people_of_the_lead_lift_anybodys() -> None:
    then = lifted(THEIRS, "polres", E.COURT_ORDER, DOCUMENT)
    given(*BEFORE_COURT, ORDER, CHECKED).when(ON_ORDER, by=REVIEWER).then(then)
    two = (ON_ORDER, the_case(*BEFORE_COURT, ORDER, CHECKED), REVIEWER)
    seconded(*two, OFFICER)
    with pytest.raises(AnotherPersonNeeded):
        seconded(*two, replace(REVIEWER, role=Role.SUPERVISOR))
    given(*BEFORE_COURT, ORDER, CHECKED).when(ON_ORDER, by=POLICE_LAWYER).refused(NotForThisAgency, needs="lead")


def test_what_a_prosecution_attached_lifts_nothing_until_two_of_the_lead_checked_it_with_the_court() -> None:
    """Else it would lift its own opponents' hold with a paper of its own."""
    by_prosecution = [*BEFORE_COURT, ORDER]
    given(*by_prosecution).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")
    given(*by_prosecution).when(CHECK, by=CHECKER, in_role=True).then(CHECKED)
    given(*by_prosecution).when(CHECK, by=PROSECUTOR).refused(NotForThisAgency, needs="lead")
    given(*by_prosecution, CHECKED).when(CHECK, by=REVIEWER).refused(AlreadyDone)
    two = (CHECK, the_case(*by_prosecution), CHECKER)
    seconded(*two, REVIEWER)
    for nobody in (CHECKER, PROSECUTOR, CHIEF_PROSECUTOR, POLICE_LAWYER):
        with pytest.raises(Refusal):
            seconded(*two, nobody)
    for not_attached_there in ("uptd-ppa", "polres", "rsud"):
        of_others = [*BEFORE_COURT, (ORDER[0], not_attached_there)]
        given(*of_others).when(CHECK, by=CHECKER).refused(Unknown, what="court order")


def test_who_checked_an_order_lifts_nothing_on_it_and_is_not_the_second_who_does() -> None:
    checked = the_case(*BEFORE_COURT, ORDER, CHECKED)
    given(*BEFORE_COURT, ORDER, CHECKED).when(ON_ORDER, by=CHECKER).refused(AnotherPersonNeeded)
    with pytest.raises(AnotherPersonNeeded):
        seconded(ON_ORDER, checked, REVIEWER, CHECKER)


def test_what_the_lead_or_another_attaches_as_a_courts_document_is_no_order() -> None:
    """Otherwise two people of one office would lift the police's hold with whatever paper they like."""
    ended = [*brought_to(S.IN_PROGRESS, R2, to="kejari"), moved(S.COMPLETED, R2)]
    for author in ("uptd-ppa", "polres", "rsud"):
        given(*BEFORE_COURT, (ORDER[0], author)).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")
    given(*BEFORE_COURT).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")
    for kind in set(DocumentKind) - {DocumentKind.COURT_ORDER}:  # an indictment is a court document, too
        letter = (replace(ORDER[0], kind=kind), "kejari")
        given(*BEFORE_COURT, letter).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")
    late = [*WITH_POLICE, *ended, POLICE_HOLD, ORDER]
    given(*late).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")
    replaced = say(DocumentSuperseded, document=DOCUMENT, by=an_id("newer"))
    given(*BEFORE_COURT, ORDER, CHECKED, replaced).when(ON_ORDER, by=REVIEWER).refused(Unknown, what="court order")


@pytest.mark.parametrize("holder", ["uptd-ppa", "polres", "kejari", "lbh"])
def test_an_order_from_before_a_hold_lifts_none_however_many_there_are(holder: str) -> None:
    """Whoever holds it, and whenever its placing is said to have been."""
    younger = replace(held(THEIRS, holder)[0], occurred_at=NOON + HOUR)
    given(*WITH_COURT, ORDER, CHECKED, (younger, holder)).when(ON_ORDER, by=later(REVIEWER, DAY)).refused(
        Invalid, field="on_order"
    )
    said_to_be_older = Said(held(THEIRS, holder)[0], holder, frozenset(), NOON + HOUR)
    case = fold_log([said_to_be_older], the_case(*WITH_COURT, ORDER, CHECKED))
    with pytest.raises(Invalid):
        decide(ON_ORDER, case, later(REVIEWER, DAY), NETWORK)
    newer = replace(ORDER[0], occurred_at=NOON + DAY)
    on_order = replace(ON_ORDER, occurred_at=NOON + DAY)
    after = given(*WITH_COURT, (younger, holder), (newer, "kejari"), CHECKED).when(on_order, by=later(REVIEWER, DAY))
    assert after.refusal is None


def test_the_prosecution_attaches_its_order_itself() -> None:
    case = given(*BEFORE_COURT).when(say(AttachDocument, **PAPER), by=act("kejari")).then(ORDER[0])
    assert case is not None
    assert [*case.of(CourtOrders).ordered_at] == [DOCUMENT]


# The proceedings place one by themselves -------------------------------------------------------------------------


def by_itself(case: list[Any], command: Fact = RECEIVE, by: Act = POLICE) -> HoldPlaced:
    """The hold that is placed with it."""
    when = given(*case).when(command, by=by)
    assert when.refusal is None, when.refusal
    return next(event for event in when.events if isinstance(event, HoldPlaced))


@pytest.mark.parametrize("purpose", [Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION])
def test_it_begins_with_the_report_whatever_the_referral_says_it_is_for(purpose: Purpose) -> None:
    placed = by_itself(with_police(S.REQUESTED, purpose=purpose))
    assert (placed.holder, placed.hold_kind, placed.of_proceedings) == ("polres", K.INVESTIGATION, True)
    court = by_itself(with_police(S.REQUESTED, to="kejari", purpose=purpose), by=act("kejari"))
    assert (court.holder, court.hold_kind, court.of_proceedings) == ("kejari", K.TRIAL, True)


def test_nobody_elses_receipt_places_one() -> None:
    for to in NETWORK.keys() - {"polres", "kejari", "uptd-ppa"}:
        given(*with_police(S.REQUESTED, to=to)).when(RECEIVE, by=act(to)).then(RECEIVED)


def test_once_for_whatever_the_police_receive() -> None:
    again = [*with_police(S.REQUESTED, referral=R2), (POLICE_HOLD)]
    given(*again).when(say(ReceiveReferral, referral=R2), by=POLICE).then(say(ReferralReceived, referral=R2))
    over = [*with_police(S.IN_PROGRESS), POLICE_HOLD, lifted(THEIRS, "polres", E.WRITTEN_STOP)]
    assert [type(e) for e in completed(over)] == [type(moved(S.COMPLETED))], "it does not begin again"
    anew = [*over, draft(R2, to="polres"), sent(R2)]
    assert by_itself(anew, say(ReceiveReferral, referral=R2)).hold != THEIRS, "a new report, a new hold"


def completed(case: list[Any]) -> list[Fact]:
    """What follows as the police complete it."""
    complete = say(CompleteReferral, referral=R1, outcome=Outcome.DELIVERED)
    return given(*case).when(complete, by=POLICE).events


@pytest.mark.parametrize("status", [S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD])
def test_what_the_police_had_received_before_there_were_such_holds_gets_one_as_it_moves(status: ReferralStatus) -> None:
    """Whoever moves it: also a sender who takes it back."""
    when = given(*with_police(status)).when(say(CancelReferral, referral=R1), by=SUPERVISOR)
    if when.refusal is None:
        assert [type(e) for e in when.events][-1] is HoldPlaced
    if status in (S.IN_PROGRESS, S.ON_HOLD):
        assert [type(e) for e in completed(with_police(status))][-1] is HoldPlaced


def test_what_is_taken_back_before_they_received_it_places_none() -> None:
    cancel = say(CancelReferral, referral=R1)
    given(*with_police(S.REQUESTED)).when(cancel, by=SUPERVISOR).then_only(ReferralCancelled)


OPEN = say(
    OpenCase,
    channel=Channel.IN_PERSON,
    reporter=Reporter.SURVIVOR,
    urgency=Urgency.URGENT,
    age_group=AgeGroup.ADULT,
)


def test_a_case_that_the_police_open_or_come_to_lead_is_before_them() -> None:
    after = given().when(OPEN, by=POLICE).then_only(CaseOpened, ReportReceived, HoldPlaced)
    assert [(h.holder, h.of_proceedings) for h in after.holds.values()] == [("polres", True)]
    given().when(OPEN, by=SUPERVISOR).then_only(CaseOpened, ReportReceived)
    covers = consent(to="polres", of=("legal",))
    moving = say(LeadTransferAsked, transfer=TRANSFER, to="polres", to_kind=AgencyKind.POLICE, reason="r")
    accept = say(AcceptLeadTransfer, transfer=TRANSFER)
    given(opened(), covers, moving).when(accept, by=POLICE_CHIEF).then_only(LeadTransferAccepted, HoldPlaced)
    given(opened(), covers, moving, POLICE_HOLD).when(accept, by=POLICE_CHIEF).then_only(LeadTransferAccepted)


def test_an_id_that_somebody_took_before_gives_way_to_nobody() -> None:
    """A hold of the proceedings replaces none, and none stands in its way, whoever guesses its id."""
    case = with_police(S.REQUESTED)
    guessed = by_itself(case).hold
    after = given(*case, held(guessed)).when(RECEIVE, by=POLICE).then_only(ReferralReceived, HoldPlaced)
    assert sorted(h.held_by(after)[0] for h in after.holds.values()) == ["polres", "uptd-ppa"]


BY_POLICE = [
    *WITH_POLICE,
    POLICE_HOLD,
    consent(an_id("c2"), to="kejari", purposes=Purpose),
    draft(R2, sender="polres", to="kejari", purpose=Purpose.LEGAL),
    sent(R2),
]
"""The police sent it on to the prosecution, which has not received it."""
PASSED = say(HoldPassed, hold=THEIRS, referral=R2, hold_kind=K.TRIAL, holder="kejari", holder_kind=AgencyKind.JUSTICE)
PROSECUTION = act("kejari")
BEFORE_ACCEPTANCE = [say(ReferralReceived, referral=R2)]
ACCEPTED = [*BEFORE_ACCEPTANCE, moved(S.ACCEPTED, R2)]
"""Old logs have the hold passed with the receipt."""


def holders(case: Case | None) -> list[tuple[str | None, HoldKind | None]]:
    assert case is not None
    return [(h.holder, h.kind) for h in case.holds.values()]


def test_it_passes_on_with_the_case_from_its_holder_to_the_court_that_accepts_it() -> None:
    received = given(*BY_POLICE).when(say(ReceiveReferral, referral=R2), by=PROSECUTION).then_only(ReferralReceived)
    assert holders(received) == [("polres", K.INVESTIGATION)]
    accept = given(*BY_POLICE, *BEFORE_ACCEPTANCE).when(say(AcceptReferral, referral=R2), by=PROSECUTION)
    after = accept.then(moved(S.ACCEPTED, R2), PASSED)
    assert after is not None
    assert [(h.id, h.holder, h.kind, h.of_proceedings) for h in after.holds.values()] == [
        (THEIRS, "kejari", K.TRIAL, True)
    ]
    done = (*BY_POLICE, *ACCEPTED, (PASSED, "kejari"))
    given(*done).when(lift(THEIRS, E.FINAL_JUDGMENT), by=POLICE_LAWYER).refused(Unknown, what="hold")
    ended = given(*done).when(lift(THEIRS, E.FINAL_JUDGMENT), by=CHIEF_PROSECUTOR, in_role=True)
    assert ended.events[0] == lifted(THEIRS, "kejari", E.FINAL_JUDGMENT)


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("of", [(), ("legal",), ("health", "legal"), ("incident",)], ids=", ".join)
def test_only_a_report_passes_it_on(of: tuple[str, ...], purpose: Purpose) -> None:
    """One officer would else give it away with a referral that carries nothing, and two of another office lift it. What
    passes nothing on leaves the police theirs, and the prosecution places its own."""
    onward = [draft(R2, sender="polres", to="kejari", of=of, purpose=purpose), sent(R2)]
    log = [*WITH_POLICE, POLICE_HOLD, consent(an_id("c2"), to="kejari", purposes=Purpose), *onward, *BEFORE_ACCEPTANCE]
    when = given(*log).when(say(AcceptReferral, referral=R2), by=PROSECUTION)
    if purpose is Purpose.LEGAL and "incident" in of:
        after = when.then_only(ReferralAccepted, HoldPassed)
        assert holders(after) == [("kejari", K.TRIAL)]
    else:
        after = when.then_only(ReferralAccepted, HoldPlaced)
        assert holders(after) == [("polres", K.INVESTIGATION), ("kejari", K.TRIAL)]


@pytest.mark.parametrize("status", [S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED, S.CANCELLED])
def test_who_passed_it_on_and_works_on_it_still_has_one_again_as_it_is_lifted_there(status: ReferralStatus) -> None:
    to_court = [*BY_POLICE[len(WITH_POLICE) :], *ACCEPTED, (PASSED, "kejari")]
    log = [*with_police(status), *to_court]
    when = given(*log).when(lift(THEIRS, E.FINAL_JUDGMENT), by=CHIEF_PROSECUTOR, in_role=True)
    if status.is_open:
        after = when.then_only(HoldLifted, HoldPlaced)
        assert holders(after) == [("polres", K.INVESTIGATION)]
        with pytest.raises(HoldStands):
            decide(ERASE, after, SUPERVISOR, NETWORK)
    else:
        after = when.then_only(HoldLifted)
    end = declared(when.events[0]).to
    assert end is not None
    assert set(end.of(when.events[0], after)) == {"polres", "kejari"}, "who passed it on is told of its end"


def test_the_police_keep_theirs_where_the_court_rejects_it_or_they_take_it_back() -> None:
    rejected = say(RejectReferral, referral=R2, reason=RejectReason.OUT_OF_AREA)
    cancelled = say(CancelReferral, referral=R2)
    received = [*BY_POLICE, *BEFORE_ACCEPTANCE]
    for before in (BY_POLICE, received):
        assert holders(given(*before).when(cancelled, by=POLICE).then_only(ReferralCancelled)) == [
            ("polres", K.INVESTIGATION)
        ]
    after = given(*received).when(rejected, by=PROSECUTION).then_only(ReferralRejected)
    assert holders(after) == [("polres", K.INVESTIGATION)]
    given(*received, moved(S.REJECTED, R2)).when(lift(THEIRS, E.WRITTEN_STOP), by=PROSECUTOR).refused(
        Unknown, what="hold"
    )


def test_it_stays_where_her_consent_ends() -> None:
    withdraw = say(WithdrawConsent, consent=an_id("c2"))
    after = given(*BY_POLICE, *ACCEPTED, (PASSED, "kejari")).when(withdraw, by=LEAD).then_only(ConsentWithdrawn)
    assert holders(after) == [("kejari", K.TRIAL)]


@pytest.mark.parametrize("taken_back", ["cancelled", "rejected, where it had passed with receipt"])
def test_it_goes_back_where_the_referral_with_which_it_passed_was_taken_back(taken_back: str) -> None:
    passed = (PASSED, "kejari")
    match taken_back:
        case "cancelled":
            when = given(*BY_POLICE, *ACCEPTED, passed).when(say(CancelReferral, referral=R2), by=POLICE)
            after = when.then_only(ReferralCancelled, HoldPassed)
        case _:
            reject = say(RejectReferral, referral=R2, reason=RejectReason.OUT_OF_AREA)
            when = given(*BY_POLICE, *BEFORE_ACCEPTANCE, passed).when(reject, by=PROSECUTION)
            after = when.then_only(ReferralRejected, HoldPassed)
    assert holders(after) == [("polres", K.INVESTIGATION)]
    done = [*(e for e in BY_POLICE), *ACCEPTED, passed]
    failed = given(*done, moved(S.IN_PROGRESS, R2)).when(
        say(FailReferral, referral=R2, reason=EndReason.OTHER), by=PROSECUTION
    )
    assert holders(failed.then_only(ReferralFailed)) == [("kejari", K.TRIAL)], "what the court had begun stays there"


# It falls with what it began of ------------------------------------------------------------------------------------

REJECT = say(RejectReferral, referral=R1, reason=RejectReason.OUT_OF_AREA)
RECEIVED_THERE = [*with_police(S.RECEIVED), POLICE_HOLD]


def test_it_falls_where_they_reject_what_it_began_of_and_says_so() -> None:
    fell = say(HoldFell, hold=THEIRS, holder="polres", holder_kind=AgencyKind.POLICE, referral=R1)
    given(*RECEIVED_THERE).when(REJECT, by=POLICE).then(moved_by(REJECT), fell)
    gone = (*RECEIVED_THERE, moved(S.REJECTED), (fell, "polres"))
    given(*gone).when(ERASE, by=SUPERVISOR).then(ASKED_TO_ERASE)
    anew = [*gone, draft(R2, to="polres"), sent(R2)]
    assert by_itself(anew, say(ReceiveReferral, referral=R2)).hold != THEIRS, "a new report, a new hold"


def moved_by(command: RejectReferral) -> Fact:
    return say(ReferralRejected, referral=command.referral, reason=command.reason)


@pytest.mark.parametrize("other", [s for s in S if s not in (S.DRAFT, S.REQUESTED)])
def test_it_stays_where_they_have_the_case_for_another_reason(other: ReferralStatus) -> None:
    """Whatever became of another report; a hold of another kind is no business of the proceedings."""
    second = [draft(R2, to="polres"), sent(R2), say(ReferralReceived, referral=R2)]
    second += [
        moved(s, R2) for s in ((S.IN_PROGRESS, other) if other is S.ON_HOLD else (other,)) if other != S.RECEIVED
    ]
    stays = given(*RECEIVED_THERE, *second).when(REJECT, by=POLICE)
    stays.then_only(*([ReferralRejected] if other is not S.REJECTED else [ReferralRejected, HoldFell]))


def test_who_wrote_of_the_case_does_not_drop_it_alone_by_rejecting_what_it_began_of() -> None:
    """Two of them lift it."""
    worked = (*RECEIVED_THERE, (say(NoteRecorded, note=an_id("note"), legal="He was seen there."), "polres"))
    given(*worked).when(REJECT, by=POLICE).then_only(ReferralRejected)
    given(*worked, moved(S.REJECTED)).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)


def test_it_stays_where_they_lead_or_led_and_what_they_placed_themselves_stays() -> None:
    leads = say(LeadTransferAccepted, transfer=TRANSFER, lead="polres", lead_kind=AgencyKind.POLICE)
    back = say(LeadTransferAccepted, transfer=TRANSFER, lead="uptd-ppa", lead_kind=AgencyKind.LEAD)
    for more in ((leads,), (leads, back)):
        given(*RECEIVED_THERE, *more).when(REJECT, by=POLICE).then_only(ReferralRejected)
    theirs = held(THEIRS, "polres", K.INVESTIGATION)
    given(*with_police(S.RECEIVED), theirs).when(REJECT, by=POLICE).then_only(ReferralRejected)
    others = held(an_id("of the prosecution"), "kejari", K.TRIAL, of_proceedings=True)
    after = given(*RECEIVED_THERE, others).when(REJECT, by=POLICE).then_only(ReferralRejected, HoldFell)
    assert holders(after) == [("kejari", K.TRIAL)]


@pytest.mark.parametrize("status", [S.RECEIVED, S.ACCEPTED])
def test_what_they_had_before_there_were_such_holds_is_kept_though_her_consent_ends(status: ReferralStatus) -> None:
    after = given(*with_police(status)).when(say(WithdrawConsent, consent=C1), by=LEAD).then_only(ConsentWithdrawn)
    assert after.referrals[R1].status is status
    with pytest.raises(OpenReferrals):
        decide(ERASE, after, SUPERVISOR, NETWORK)


def test_what_was_rejected_before_there_were_such_holds_gets_none_by_that() -> None:
    given(*with_police(S.RECEIVED)).when(REJECT, by=POLICE).then_only(ReferralRejected)


def test_what_was_taken_back_once_they_had_it_stays_held() -> None:
    """A withdrawal erases nothing there (UU 27/2022 art. 15)."""
    given(*RECEIVED_THERE).when(say(CancelReferral, referral=R1), by=SUPERVISOR).then_only(ReferralCancelled)
    given(*RECEIVED_THERE, moved(S.CANCELLED)).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)


def test_a_hold_that_was_to_fall_before_that_was_so_two_of_them_lift_without_a_stage() -> None:
    old = [*with_police(S.REJECTED), POLICE_HOLD]
    given(*old).when(lift(THEIRS), by=POLICE_LAWYER).then(lifted(THEIRS, "polres"))


def test_whoever_else_sends_it_to_the_court_takes_nothing_from_the_police() -> None:
    by_lead = [*WITH_POLICE, POLICE_HOLD, consent(an_id("c2"), to="kejari", purposes=Purpose), draft(R2, to="kejari")]
    after = (
        given(*by_lead, sent(R2))
        .when(say(ReceiveReferral, referral=R2), by=act("kejari"))
        .then_only(ReferralReceived, HoldPlaced)
    )
    assert sorted(h.held_by(after)[0] for h in after.holds.values()) == ["kejari", "polres"]


def test_it_never_ends_because_a_referral_was_completed() -> None:
    for status in S:
        if status is not S.DRAFT and not status.is_open:
            given(*with_police(status), POLICE_HOLD).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)


# Two people of one office erase nothing while it is before the police --------------------------------------------


@pytest.mark.parametrize("to", ["polres", "kejari"])
@pytest.mark.parametrize("status", [s for s in S if s.is_open])
def test_nothing_is_erased_while_a_referral_to_the_police_is_under_way(status: ReferralStatus, to: str) -> None:
    """Also of a log of before, in which no hold was placed with its receipt; and also what was asked before."""
    case = with_police(status, to=to)
    given(*case).when(ERASE, by=SUPERVISOR).refused(OpenReferrals, referrals=[str(R1)])
    given(*case, ASKED_TO_ERASE).when(APPROVE_ERASURE, by=OFFICER).refused(OpenReferrals, referrals=[str(R1)])


def test_an_erasure_that_was_asked_before_the_police_received_it_waits_for_them() -> None:
    asked = [*with_police(S.REQUESTED), ASKED_TO_ERASE]
    after = given(*asked).when(RECEIVE, by=POLICE).then_only(ReferralReceived, HoldPlaced)
    with pytest.raises(HoldStands):
        decide(APPROVE_ERASURE, after, OFFICER, NETWORK)


PEOPLE = [SUPERVISOR, OFFICER, REVIEWER, act("lbh", Role.LEGAL_REVIEWER), act("rsud", Role.SUPERVISOR)]


def insiders(case: Case, holds: list[Any]) -> Iterator[tuple[Fact, Act]]:
    """What everybody but the police could try, to lift their hold or to erase beside it."""
    commands: list[Fact] = [ERASE, replace(ERASE, compartments=frozenset(), whole=True), APPROVE_ERASURE]
    for id in holds:
        commands += [lift(id, by) for by in E]
        commands += [say(LiftHoldOnOrder, hold=id, on_order=document, rule="r") for document in (DOCUMENT, id)]
    roles = (Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.CASE_WORKER, Role.SYSTEM)
    for command, by, role in product(commands, PEOPLE, roles):
        yield command, replace(by, role=role)
    yield from ((command, SYSTEM) for command in commands)


@pytest.mark.parametrize("status", [s for s in S if s is not S.DRAFT])
def test_nobody_but_the_police_ends_their_hold_or_erases_beside_it(status: ReferralStatus) -> None:
    paper = (ORDER[0], "uptd-ppa")
    case = the_case(*with_police(status), ASKED_TO_ERASE, POLICE_HOLD, paper, *brought_to(S.IN_PROGRESS, R2))
    for command, by in insiders(case, [THEIRS]):
        with pytest.raises(Refusal):
            decide(command, case, by, NETWORK)


# As it was -------------------------------------------------------------------------------------------------------

OLD = say(LegalHoldPlaced, reason="r")
OLD_ASKED = say(HoldLiftingAsked, asked_by=REVIEWER.actor, reason="over")


@pytest.mark.parametrize("status", [S.IN_PROGRESS, S.ON_HOLD, S.COMPLETED, S.FAILED])
@pytest.mark.parametrize("author", sorted(set(NETWORK) - {"uptd-ppa"}))
def test_a_hold_of_before_is_of_whoever_placed_it(author: str, status: ReferralStatus) -> None:
    """The lead could place and lift any then; but to lift another's now takes its holder, or a court's order."""
    log = (*with_police(status, to=author), (OLD, author), (OLD_ASKED, author))
    case = the_case(*log)
    assert [(h.id, h.kind, h.held_by(case)) for h in case.holds.values()] == [
        (FIRST, None, (author, NETWORK[author].kind))
    ]
    given(*log).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)
    for role in (Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR):
        given(*log).when(lift(FIRST), by=act("uptd-ppa", role), in_role=True).refused(NotForThisAgency, needs="holder")
    given(*log).when(lift(FIRST), by=SCHOOL if author != "disdik" else LAWYER).refused(Unknown, what="case")
    given(*log).when(lift(FIRST), by=act(author, Role.LEGAL_REVIEWER)).then(lifted(FIRST, author))
    given(*log, say(LegalHoldLifted, reason="r")).when(place(), by=REVIEWER).then(held()[0])


def test_a_hold_of_before_by_the_lead_is_the_lead_s() -> None:
    log = (*referred(S.COMPLETED), OLD, OLD_ASKED)
    case = the_case(*log)
    assert [(h.id, h.held_by(case)) for h in case.holds.values()] == [(FIRST, ("uptd-ppa", AgencyKind.LEAD))]
    given(*log).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1)
    given(*log).when(lift(FIRST), by=HOSPITAL).refused(Unknown, what="hold")
    given(*log).when(lift(FIRST), by=REVIEWER).then(lifted(FIRST))
    given(*log, say(LegalHoldLifted, reason="r")).when(ERASE, by=SUPERVISOR).then(ASKED_TO_ERASE)


def test_a_hold_of_before_by_who_led_then_is_theirs_where_the_lead_had_moved_on() -> None:
    taken = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    log = (opened(), taken, (OLD, "uptd-ppa"))
    given(*log).when(lift(FIRST), by=act("lbh", Role.LEGAL_REVIEWER)).refused(NotForThisAgency, needs="holder")
    given(*log).when(lift(FIRST), by=REVIEWER).then(lifted(FIRST))


def test_a_hold_of_before_is_of_whoever_leads_now() -> None:
    taken = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    given(opened(), OLD, taken).when(lift(FIRST), by=act("lbh", Role.LEGAL_REVIEWER)).then(lifted(FIRST, "lbh"))
    given(opened(), OLD, taken).when(lift(FIRST), by=REVIEWER).refused(Unknown, what="hold")
    given(opened(), held(), taken).when(lift(), by=act("lbh", Role.LEGAL_REVIEWER)).refused(
        NotForThisAgency, needs="holder"
    )
    given(opened(), held(), taken).when(lift(), by=REVIEWER).then(lifted())


def test_what_was_stored_is_folded_in_the_order_in_which_it_was() -> None:
    log = [*said([opened()], "uptd-ppa"), *said([OLD], "uptd-ppa"), Said(*held(), frozenset())]
    case = fold_log(log)
    assert case is not None
    assert [*case.holds] == [FIRST, HOLD]


def test_who_is_refused_for_a_hold_is_told_when_it_lapses() -> None:
    placed, _ = held()
    case = given(opened()).when(place(), by=REVIEWER).then(placed)
    (one,) = case.holds.values()
    given(opened(), held()).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=1, lapses_at=confirm_by(one))
    given(*WITH_POLICE, held(), POLICE_HOLD).when(ERASE, by=SUPERVISOR).refused(HoldStands, holds=2, lapses_at=None)
    asked, by_itself = replace(one, lapses_at=NOON + 400 * DAY), replace(one, of_proceedings=True)
    assert lapse_at([one, asked]) == NOON + 400 * DAY, "the last of them"
    assert lapse_at([one, by_itself]) is None, "what the proceedings placed waits for people"
