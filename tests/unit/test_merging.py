"""Two files turn out to be of one case: nothing of either is out of reach, all are told, and there is a way back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from msgspec.structs import replace
from paper_log import PaperLog, PaperMacs, a_network
from story import (
    ACTION,
    C2,
    C3,
    CASE,
    CLOCK,
    DAY,
    GLASS,
    HOUR,
    LEAD,
    NOON,
    OTHER_CASE,
    R1,
    R2,
    R3,
    SUPERVISOR,
    TRANSFER,
    act,
    an_id,
    broken_glass,
    brought_to,
    clock,
    closed,
    consent,
    given,
    held,
    incident,
    later,
    merged,
    moved,
    opened,
    referred,
    reported,
    say,
    scope,
    the_case,
)

from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import CASE as CASE_KIND
from rujukan.api.application.proposing import proposal_on
from rujukan.api.problems import acts_of, refused
from rujukan.domain import case as subjects
from rujukan.domain import retention
from rujukan.domain.agency import MemberJoined, agency_stream
from rujukan.domain.case.appointments import AppointmentMade
from rujukan.domain.case.attendance import AppointmentKept
from rujukan.domain.case.conferences import ActionAgreed, ActionDone
from rujukan.domain.case.confirming import ConsentConfirmed
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.erasure import ApproveErasure, ErasureRefused, ErasureRequested, RequestErasure
from rujukan.domain.case.flags import FlagLowered, FlagRaised
from rujukan.domain.case.glass import GlassReviewed
from rujukan.domain.case.holds import HoldLifted
from rujukan.domain.case.lead import LeadTransferAccepted, LeadTransferAsked, LeadTransferDeclined
from rujukan.domain.case.lifecycle import CaseClosed, ReopenCase
from rujukan.domain.case.merging import (
    AbsorbDuplicate,
    CaseSeparated,
    DuplicateAbsorbed,
    DuplicateReleased,
    DuplicateTold,
    MergeCase,
    MergerTold,
    SeparateCase,
    SeparationTold,
)
from rujukan.domain.case.overrides import OverrideAsked, OverrideRefused, OverrideReviewed, SharedWithoutConsent
from rujukan.domain.case.rights import RightAnswered, RightAsked
from rujukan.domain.case.speaking import BestInterestDecided
from rujukan.domain.case.stopping import StopNotConfirmed
from rujukan.domain.casefile.clocks import ClockMet, ClockOverdue, RaiseClock
from rujukan.domain.casefile.files import Files
from rujukan.domain.casefile.state import Status
from rujukan.domain.casefile.stopping import SharingStopped
from rujukan.domain.casefile.waiting import WAITS, StillWaits, waiting
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    CloseReason,
    ConsentBy,
    ErasureBasis,
    GlassVerdict,
    HoldEnd,
    Obtained,
    ReferralStatus,
    Role,
    Service,
    SharingBasis,
    StopAbout,
)
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import ASKED
from rujukan.domain.disclosure import Knowledge
from rujukan.domain.fact import Act, CaseId, Fact, ProposalId
from rujukan.domain.persons import Right, RightAnswer
from rujukan.domain.proposal import ApproveProposal
from rujukan.domain.refusal import (
    AlreadyExists,
    AnotherPersonNeeded,
    CaseNotOpen,
    HoldStands,
    NotDueYet,
    OpenReferrals,
    WrongMove,
)
from rujukan.domain.remembered import Field, facts
from rujukan.domain.standing.rows import Ground

S = ReferralStatus
assert subjects.__all__, "every subject has said what of it waits"

MERGE = say(MergeCase, into=OTHER_CASE)
ABSORB = say(AbsorbDuplicate, duplicate=OTHER_CASE)
SEPARATE = say(SeparateCase, reason="two people after all")
MERGED: tuple[Fact, ...] = (merged(), say(MergerTold))
SEPARATED = (say(CaseSeparated, was_merged_into=OTHER_CASE, reason="two people after all"), say(SeparationTold))
SHE = frozenset({ConsentBy.SURVIVOR})
FLAG, STOP, ERASURE, RIGHT = an_id("flag"), an_id("stop"), an_id("erasure"), an_id("right")
APPOINTMENT = an_id("appointment")
ASKER = an_id("who asked")
GROUNDS = {"basis": SharingBasis.CHILD_MANDATORY_REPORT, "rule": "r", "reason": "r"}
ALONE = {"decided_by": ASKER, "bases": "2026-1", "review_due_at": NOON + 3 * DAY}


# What stands in the way ------------------------------------------------------------------------------------------


class Left(NamedTuple):
    """Something that waits: what left it so, its id, and what settles it."""

    left: Sequence[Any]
    id: UUID
    settled: Sequence[Any]


LEFT: dict[str, Left] = {
    "referrals": Left([consent(), *brought_to(S.REQUESTED)], R1, [moved(S.CANCELLED)]),
    "transfer": Left(
        [
            consent(C3, to="lbh", of=("legal",)),
            say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="she moved"),
        ],
        TRANSFER,
        [say(LeadTransferDeclined, transfer=TRANSFER, reason="no capacity")],
    ),
    "stops": Left(
        [
            consent(an_id("to the school"), to="disdik"),
            (
                say(
                    SharingStopped,
                    stop=STOP,
                    about=StopAbout.RECIPIENTS,
                    recipients=frozenset({"disdik"}),
                    said_by=SHE,
                    answer_by=NOON + DAY,
                ),
                "rsud",
            ),
        ],
        STOP,
        [say(StopNotConfirmed, stop=STOP)],
    ),
    "rights": Left(
        [
            (
                say(RightAsked, right=RIGHT, kind=Right.ACCESS, said_by=SHE, answer_by=NOON + DAY, rule="2026-1"),
                "rsud",
            )
        ],
        RIGHT,
        [say(RightAnswered, right=RIGHT, answer=RightAnswer.GRANTED, in_time=True)],
    ),
    "clocks": Left([incident(), clock()], CLOCK, [say(ClockMet, clock=CLOCK, in_time=True)]),
    "consents": Left(
        [reported(C2, to="psikolog")],
        C2,
        [say(ConsentConfirmed, consent=C2, given_by=SHE, obtained=Obtained.VERBAL)],
    ),
    "held_consents": Left(
        [
            say(
                ConsentGiven,
                **scope(an_id("held"), to="disdik"),
                given_by=frozenset({ConsentBy.PARENT}),
                obtained=Obtained.WRITTEN,
                child_assent=False,
            )
        ],
        an_id("held"),
        [say(BestInterestDecided, decision=an_id("decision"), outweighs=frozenset({an_id("held")}), reason="r")],
    ),
    "overrides_asked": Left(
        [say(OverrideAsked, **scope(an_id("wished")), **GROUNDS, asked_by=ASKER)],
        an_id("wished"),
        [say(OverrideRefused, consent=an_id("wished"), reason="r")],
    ),
    "overrides": Left(
        [say(SharedWithoutConsent, **scope(an_id("alone")), **GROUNDS, **ALONE)],
        an_id("alone"),
        [say(OverrideReviewed, consent=an_id("alone"), verdict=GlassVerdict.JUSTIFIED, remark="r", reviewer=ASKER)],
    ),
    "glasses": Left(
        [
            broken_glass(who=ASKER),
        ],
        GLASS,
        [say(GlassReviewed, glass=GLASS, verdict=GlassVerdict.JUSTIFIED, remark="r", reviewer=an_id("who judged"))],
    ),
    "actions": Left(
        [say(ActionAgreed, action=ACTION, owner="uptd-ppa", what="w", due_on=date(2026, 3, 10))],
        ACTION,
        [say(ActionDone, action=ACTION)],
    ),
    "flags": Left(
        [say(FlagRaised, flag=FLAG, due_on=date(2026, 3, 10), raised_by="uptd-ppa")],
        FLAG,
        [say(FlagLowered, flag=FLAG)],
    ),
    "appointments": Left(
        [
            say(
                AppointmentMade,
                appointment=APPOINTMENT,
                made_by="uptd-ppa",
                appointed_for=NOON,
                due_at=NOON,
                rule="2026-1",
            )
        ],
        APPOINTMENT,
        [say(AppointmentKept, appointment=APPOINTMENT)],
    ),
    "erasure": Left(
        [
            say(
                ErasureRequested,
                erasure=ERASURE,
                compartments=frozenset({"health"}),
                basis=ErasureBasis.SURVIVOR_REQUEST,
                asked_by=ASKER,
                reason="r",
            )
        ],
        ERASURE,
        [say(ErasureRefused, erasure=ERASURE, reason="r")],
    ),
}
"""One of each kind of thing that can wait."""
kinds = st.lists(st.sampled_from(sorted(LEFT)), unique=True)


def test_there_is_one_of_each_kind_that_a_subject_says_can_wait() -> None:
    assert LEFT.keys() == WAITS.keys()


@for_any(kinds)
def test_a_file_in_which_something_waits_is_not_ended_and_the_refusal_names_all_of_it(left: list[str]) -> None:
    happened = [opened(), *(event for kind in left for event in LEFT[kind].left)]
    if left:
        given(*happened).when(MERGE).refused(StillWaits, **{kind: [str(LEFT[kind].id)] for kind in left})
    settled = [event for kind in left for event in LEFT[kind].settled]
    given(*happened, *settled).when(MERGE).then(*MERGED)


@for_any(kinds)
def test_what_waits_is_named_in_both_languages_with_the_next_act(left: list[str]) -> None:
    refusal = given(opened(), *(event for kind in left for event in LEFT[kind].left)).when(MERGE).refusal
    if not left:
        return
    assert isinstance(refusal, StillWaits)
    says, mend, acts = refusal.for_person()
    for n in (0, 1):
        for kind in left:
            assert f"{WAITS[kind].words[n]} (1)" in says[n]
            assert WAITS[kind].next[n] in mend[n]
    assert {act for kind in left for act in WAITS[kind].acts} == set(acts)
    body = refused(refusal).body.decode()
    assert all(act in body for act in acts_of(acts))


def test_words_of_what_waits_are_sentences_and_name_commands() -> None:
    names = {command.__name__ for command in ASKED}
    for kind in WAITS.values():
        assert set(kind.acts) <= names
        assert all(said[0].isupper() and said.endswith(".") for said in kind.next)
        assert kind.words.id != kind.words.en


SETTLES = {
    "ConfirmConsent": "consents",
    "ApproveOverride": "overrides_asked",
    **dict.fromkeys(
        (
            "SendReferral",
            "CancelReferral",
            "ReceiveReferral",
            "AcceptReferral",
            "RejectReferral",
            "StartReferral",
            "HoldReferral",
            "ResumeReferral",
            "CompleteReferral",
            "FailReferral",
            "DeliverService",
            "AmendReferral",
            "AskQuestion",
            "AnswerQuestion",
            "EndUncoveredReferral",
            "EndReferralForSender",
            "AskCancellation",
            "AgreeToCancellation",
            "DeclineCancellation",
        ),
        "referrals",
    ),
    "FinishAction": "actions",
    "LowerFlag": "flags",
    "MoveAppointment": "appointments",
    "MeetClock": "clocks",
    "EndClock": "clocks",
    "EndDuty": "clocks",
    "FindNotIndicated": "clocks",
    "ResumeClock": "clocks",
    "AcceptLeadTransfer": "transfer",
    "DeclineLeadTransfer": "transfer",
}
"""What can be done to a thing in an open case alone → what has to be settled before the case ends."""
OVER = {"CorrectIncident", "AttachDocument", "DraftReferral", "LeaveRejected", "MakeAppointment"}
"""What is over with the file: nobody works on it. Who finds that it has to be done after all, separates the file. What
can be done in a file that ended says test_every_state.py."""
ENDED_TOO = {"stops", "rights", "overrides", "glasses", "erasure"}
"""What can be settled in a file that ended, too. It is settled before a merger all the same: who is to settle it looks
at the file that lives on from then on."""


def _tied_to_an_open_case() -> Iterator[str]:
    for command, said in ASKED.items():
        wheres = [row.where for row in said.rows]
        if all(where.ground is Ground.CASE and where.open for where in wheres) and any(w.ties for w in wheres):
            yield command.__name__


def test_whatever_can_be_done_to_a_thing_in_an_open_case_is_accounted_for() -> None:
    assert set(_tied_to_an_open_case()) == SETTLES.keys() | OVER
    assert set(SETTLES.values()) | ENDED_TOO | {"held_consents"} == WAITS.keys()


def test_a_clock_that_ran_out_and_was_raised_stands_in_nobodys_way() -> None:
    run_out = [opened(), incident(), clock(NOON + HOUR)]
    for after in (HOUR / 2, 2 * HOUR):  # nobody raised it yet
        given(*run_out).when(replace(MERGE, occurred_at=NOON + after), by=later(SUPERVISOR, after)).refused(StillWaits)
    given(*run_out).when_raised(say(RaiseClock, clock=CLOCK), 2 * HOUR).then_only(ClockOverdue)
    raised = say(ClockOverdue, NOON + 2 * HOUR, clock=CLOCK)
    given(*run_out, raised).when(MERGE).then(*MERGED)
    had_run_out = clock(NOON - HOUR)  # before anybody recorded it: that is never raised
    given(opened(), incident(), had_run_out).when(MERGE).then(*MERGED)


# What becomes of both ----------------------------------------------------------------------------------------------


def test_a_duplicate_ends_and_names_the_case_that_lives_on() -> None:
    case = given(opened()).when(MERGE).then(*MERGED)
    assert case is not None
    assert (case.status, case.of(Files).merged_into) == (Status.MERGED, OTHER_CASE)
    given(opened(), *MERGED).when(say(ReopenCase, reason="r")).refused(
        CaseNotOpen, status="merged", merged_into=OTHER_CASE
    )


def test_a_duplicate_is_absorbed_once() -> None:
    absorbed = say(DuplicateAbsorbed, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(ABSORB).refused(AlreadyExists, duplicate=OTHER_CASE)
    given(opened(), absorbed).when(replace(ABSORB, duplicate=an_id("third case"))).then_only(DuplicateAbsorbed)
    released = say(DuplicateReleased, duplicate=OTHER_CASE)
    given(opened(), absorbed, released).when(ABSORB).then_only(DuplicateAbsorbed)


def test_the_living_case_notes_its_duplicate() -> None:
    case = given(opened()).when(ABSORB).then(say(DuplicateAbsorbed, duplicate=OTHER_CASE))
    assert case is not None
    assert case.of(Files).duplicates == {OTHER_CASE}


def test_a_file_that_had_taken_in_a_duplicate_still_names_it_when_it_ends_as_one_itself() -> None:
    case = given(opened(), say(DuplicateAbsorbed, duplicate=an_id("third case"))).when(MERGE).then(*MERGED)
    assert case is not None
    assert (case.of(Files).merged_into, case.of(Files).duplicates) == (OTHER_CASE, {an_id("third case")})


# The way back ------------------------------------------------------------------------------------------------------


def without_links(case: Any) -> Mapping[Field, Any]:
    """What is remembered of a file, but for that it was one with another."""
    return {
        field: value for field, value in facts(case, NOON).items() if (field.of, field.id is None) != ("case", False)
    }


@for_any(kinds)
def test_merging_and_separating_gives_back_the_same_file(settled: list[str]) -> None:
    of = [opened(), *(event for kind in settled for event in (*LEFT[kind].left, *LEFT[kind].settled))]
    before = the_case(*of)
    after = given(*of, *MERGED).when(SEPARATE).then(*SEPARATED)
    assert after is not None
    assert without_links(after) == without_links(before)
    assert waiting(after, NOON) == {}
    given(*of, *MERGED, *SEPARATED).when(MERGE).then(*MERGED)


def test_only_what_was_merged_is_separated() -> None:
    for others in ([], [closed()], [*MERGED, *SEPARATED]):
        given(opened(), *others).when(SEPARATE).refused(WrongMove, move="separate")


# Both files at once ------------------------------------------------------------------------------------------------

LIVING = CaseId(an_id("living"))
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)


class Desk:
    """The application on paper, with a duplicate that the hospital and the legal aid office had a part in, and a living
    file that the hospital and the shelter have a part in."""

    def __init__(self) -> None:
        self.log = PaperLog()
        a_network(self.log, LEAD)
        for person in (SUPERVISOR, OFFICER):
            joined = say(MemberJoined, member=person.actor, roles=frozenset({person.role}), name="N")
            self.log.write(agency_stream("uptd-ppa"), LEAD, joined)
        over = [*referred(S.COMPLETED), consent(C2, to="lbh", of=("legal",))]
        over += brought_to(S.REJECTED, R2, to="lbh", service=Service.LEGAL_AID, of=("legal",))
        self.log.write(CASE, LEAD, *over)
        sheltered = brought_to(S.IN_PROGRESS, R3, to="rumah-aman", service=Service.SHELTER, of=("safety",))
        safety = consent(C2, to="rumah-aman", of=("safety",))
        self.log.write(LIVING, LEAD, *referred(S.IN_PROGRESS), safety, *sheltered)
        self.casework = Casework(self.log, PaperMacs())

    def says(self, command: Fact, by: Act = SUPERVISOR, on: UUID = CASE) -> Any:
        return self.casework.handle(CASE_KIND, CaseId(on), command, by, correlation=uuid4())

    def merge(self) -> None:
        self.says(say(MergeCase, into=LIVING))

    def separate(self, by: Act = OFFICER) -> None:
        asked = self.says(SEPARATE)
        assert asked.waits
        self.casework.handle(
            proposal_on(self.casework),
            ProposalId(UUID(asked.id)),
            say(ApproveProposal, proposal=UUID(asked.id)),
            by,
            correlation=uuid4(),
        )

    def told(self, of: UUID, since: int) -> dict[str, list[Fact]]:
        """What each agency beside the lead was told of a file since that version."""
        known, found = Knowledge(), dict[str, list[Fact]]()
        for written in self.casework.written(of):
            for told in known.learn(written).tell:
                if told.of.version > since and told.agency != "uptd-ppa":
                    found.setdefault(told.agency, []).append(told.of.event)
        return found

    def state(self, of: UUID) -> Any:
        case = self.casework.case(of)
        assert case is not None
        return case


@pytest.fixture
def desk() -> Desk:
    return Desk()


def names(event: Fact) -> set[Any]:
    return {getattr(event, name) for name in event.__struct_fields__}


def test_a_merger_is_told_to_all_who_know_of_either_file_and_each_number_to_who_knows_of_both(desk: Desk) -> None:
    versions = {of: desk.state(of).version for of in (CASE, LIVING)}
    desk.merge()
    in_duplicate, in_living = (desk.told(of, versions[of]) for of in (CASE, LIVING))
    assert {agency: [type(e) for e in told] for agency, told in in_duplicate.items()} == {
        "rsud": [MergerTold],
        "lbh": [MergerTold],
    }
    assert not any(LIVING in names(event) for told in in_duplicate.values() for event in told)
    assert {agency: [type(e) for e in told] for agency, told in in_living.items()} == {"rsud": [DuplicateTold]}
    assert [w.topic for w in desk.log.events[-4:]] == [
        "case.CaseMerged",
        "case.MergerTold",
        "case.DuplicateAbsorbed",
        "case.DuplicateTold",
    ], "in one commit"


def test_a_separation_takes_two_people_and_is_told_to_the_same(desk: Desk) -> None:
    before = {of: without_links(desk.state(of)) for of in (CASE, LIVING)}
    desk.merge()
    versions = {of: desk.state(of).version for of in (CASE, LIVING)}
    with pytest.raises(AnotherPersonNeeded):
        desk.separate(by=SUPERVISOR)
    desk.separate()
    assert {agency: [type(e) for e in told] for agency, told in desk.told(CASE, versions[CASE]).items()} == {
        "rsud": [SeparationTold],
        "lbh": [SeparationTold],
    }
    assert {agency: [type(e) for e in told] for agency, told in desk.told(LIVING, versions[LIVING]).items()} == {
        "rsud": [DuplicateReleased]
    }
    assert without_links(desk.state(CASE)) == before[CASE]
    assert desk.state(LIVING).of(Files).duplicates == frozenset()


def test_a_separation_needs_nothing_of_the_file_that_lived_on(desk: Desk) -> None:
    desk.merge()
    handed_on = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    desk.log.write(LIVING, LEAD, handed_on)
    desk.separate()
    assert desk.state(CASE).status is Status.OPEN
    assert desk.log.topics(LIVING)[-1] == "case.DuplicateReleased"
    desk.log.write(LIVING, LEAD, say(LeadTransferAccepted, transfer=TRANSFER, lead="uptd-ppa", lead_kind=LEAD.kind))
    desk.merge()
    desk.log.damaged.add(LIVING)
    desk.casework._drop(LIVING)
    desk.separate()
    assert desk.state(CASE).status is Status.OPEN


# What keeps one file keeps all --------------------------------------------------------------------------------------


def erasing(basis: ErasureBasis = ErasureBasis.SURVIVOR_REQUEST, **more: Any) -> RequestErasure:
    return say(RequestErasure, erasure=uuid4(), compartments=frozenset({"economic"}), basis=basis, reason="r", **more)


@pytest.mark.parametrize(("of", "kept_by"), [(CASE, LIVING), (LIVING, CASE)], ids=["the duplicate", "the living file"])
def test_nothing_of_a_file_is_destroyed_while_a_hold_stands_on_another_of_its_case(
    desk: Desk, of: UUID, kept_by: UUID
) -> None:
    desk.merge()
    early = erasing()
    desk.says(early, on=of)
    placed, by = held(by="polres")
    desk.log.write(kept_by, act(by), placed)
    with pytest.raises(HoldStands) as refusal:
        desk.says(say(ApproveErasure, erasure=early.erasure), by=OFFICER, on=of)
    assert refusal.value.about["case"] == str(kept_by)
    lifted = say(
        HoldLifted, hold=placed.hold, holder="polres", holder_kind=placed.holder_kind, ended_by=HoldEnd.WRITTEN_STOP,
        rule="r",
    )  # fmt: skip
    desk.log.write(kept_by, act(by), lifted)
    desk.says(say(ApproveErasure, erasure=early.erasure), by=OFFICER, on=of)
    assert Compartment.ECONOMIC in desk.log.erased[of]


def test_nor_while_police_are_at_work_in_another(desk: Desk) -> None:
    desk.merge()
    police = brought_to(S.REQUESTED, an_id("to police"), to="polres", service=Service.LAW_ENFORCEMENT, of=())
    desk.log.write(LIVING, LEAD, *police)
    with pytest.raises(OpenReferrals):
        desk.says(erasing())


def test_a_duplicate_is_kept_as_long_as_the_file_that_lives_on(desk: Desk) -> None:
    desk.merge()
    late = NOON + 21 * retention.YEAR
    own = retention.CURRENT.due(desk.state(CASE))
    assert own is not None
    assert own < late
    asks = replace(erasing(ErasureBasis.RETENTION_ENDED), occurred_at=late)
    with pytest.raises(NotDueYet) as open_still:
        desk.says(asks, by=replace(SUPERVISOR, at=late))
    assert open_still.value.about == {"due": None, "case": str(LIVING)}
    ends = [moved(S.COMPLETED), moved(S.COMPLETED, R3), say(CaseClosed, reason=CloseReason.GOALS_MET)]
    desk.log.write(LIVING, replace(LEAD, at=NOON + 10 * retention.YEAR), *ends)
    with pytest.raises(NotDueYet):
        desk.says(asks, by=replace(SUPERVISOR, at=late))
    later_still = NOON + 31 * retention.YEAR
    desk.says(replace(asks, occurred_at=later_still), by=replace(SUPERVISOR, at=later_still))


def test_a_merged_file_is_kept_as_any_other_and_its_old_rule_is_read_still() -> None:
    for age in AgeGroup:
        first, *others = (
            retention.CURRENT.rule_for(the_case(opened(age=age), ended)) for ended in (merged(), closed())
        )
        assert others == [first]
    assert retention.SCHEDULES["2026-1"].rule_for(the_case(opened(), merged())).name == "duplicate"
