"""What can still be done once a file ended: every command, in every state that a file can be in. Work is over with it;
her rights, corrections of where she is not safe, what takes away, what is judged, and the law are not."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from standing_world import COMMANDS, NETWORK, OPENER, POSITIONS, happened
from story import C1, OTHER_CASE, act, closed, consent, merged, say, the_case
from test_files_of_one_case import A, B, Desk

from rujukan.domain.case import Case, decide
from rujukan.domain.case.consents import RefuseConsent, WithdrawConsent
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.merging import CaseSeparated, MergerTold
from rujukan.domain.case.stopping import ConfirmStop, RaiseStop, StopSharing
from rujukan.domain.casefile.stopping import Stops
from rujukan.domain.codes import CloseReason, ConsentBy, Obtained, Role, StopAbout
from rujukan.domain.erasure import DeletionAsked
from rujukan.domain.fact import Act, Fact
from rujukan.domain.pathways import CONSENT_TIMES
from rujukan.domain.refusal import (
    CaseIsOpen,
    CaseNotOpen,
    NotForThisAgency,
    NotForThisRole,
    Refusal,
    Unknown,
    WrongMove,
)

SHE = frozenset({ConsentBy.SURVIVOR})

ENDED: Mapping[str, str] = {
    **dict.fromkeys(
        ("StopSharing", "RefuseConsent", "NarrowConsent", "WithdrawConsent"),
        "her right: she may stop, refuse, narrow and withdraw at any time (UU 27/2022 art. 9)",
    ),
    **dict.fromkeys(
        ("ConfirmStop", "ContradictStop", "ContradictConsent"),
        "what was said for her waits for the lead, who asks her: that gives nobody more than they had",
    ),
    **dict.fromkeys(
        [
            "CorrectSurvivorIdentity",
            "CorrectSurvivorContact",
            "StrikeEntry",
            "StrikeAllegedPerpetrator",
            "RecordAccusedStatement",
        ],
        "her right: what is kept of her is right (UU 27/2022 art. 6), and nobody calls where it is not safe any more",
    ),
    **dict.fromkeys(
        [
            "EndOverride",
            "RefuseOverride",
            "EndAssignment",
            "ExcludePerson",
            "EndExclusion",
            "LapseAssignment",
            "CarryExclusion",
            "CloseGlass",
        ],
        "it takes from somebody what they have, or gives back what was taken; what is shared ends as it began",
    ),
    **dict.fromkeys(
        ["KeepAppointment", "MissAppointment", "CancelAppointment"],
        "what came of an appointment is said when it is known, and nobody says another thing to be done with the file",
    ),
    **dict.fromkeys(["AskRight", "AnswerRight"], "what is recorded of her is hers to ask about as long as it is kept"),
    **dict.fromkeys(
        ["ReviewOverride", "ReviewGlass"], "what was done past consent is judged, whatever became of the file"
    ),
    **dict.fromkeys(
        ["AssignPerson", "BreakGlass", "AskGlassLeave", "DiscloseCase", "AskSurvivorReport"],
        "the file is read still: by who works on the one that lives on, in an emergency, by a court, by her",
    ),
    **dict.fromkeys(
        [
            "PlaceLegalHold",
            "LiftLegalHold",
            "CheckCourtOrder",
            "LiftHoldOnOrder",
            "AskToConfirmHold",
            "ConfirmLegalHold",
            "EndUnconfirmedHold",
            "RequestErasure",
            "ApproveErasure",
            "ApprovePostponedErasure",
            "RefuseErasure",
        ],
        "what is kept, and what is destroyed, is decided of what ended most of all",
    ),
    **dict.fromkeys(
        ["ExpireConsent", "RaiseStop", "RaiseRight", "RaiseOverrideReview", "RaiseGlassReview"],
        "what ended, or waits for somebody who can act on it in an ended file, is put on record there",
    ),
}
"""What can be done in a file that is closed or merged → why."""
OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "OpenCase": {"open": "y", "closed": "y", "merged": "y", "separated": "y"},
    "ReopenCase": {"open": "already", "closed": "y", "merged": "over", "separated": "already"},
    "SeparateCase": {"open": "wrong", "closed": "wrong", "merged": "y", "separated": "wrong"},
    "WarnOfExpiry": {"open": "y", "separated": "y"},
    "WarnOfMajority": {"open": "y", "separated": "y"},
    "RaiseClock": {"open": "y", "separated": "y"},
    "RaiseAppointment": {"open": "y", "separated": "y"},
    "RaiseCancellation": {"open": "y", "separated": "y"},
    "RaiseQuestion": {"open": "y", "separated": "y"},
    "EscalateReferral": {},
    "RaiseUndelivered": {},
    "RaiseStalled": {},
    "RemindOfClock": {},
    "EndAnnouncedReferral": {},
    "LapseHold": {},
    "BeginDuties": {},
}
"""What asks for no case, leads out of a state, or is the system's, of work (where nothing is said, it is a wrong move).
All else is work: it needs an open file; who finds that there is some re-opens it, or goes on in the living one."""
SAME_EVERYWHERE = {"AskGlassLeave"}
"""Of whom nothing was judged, it is not said whether there is a case."""

FURTHER = {
    *("SendReferral", "ReceiveReferral", "AcceptReferral", "RejectReferral", "StartReferral", "ResumeReferral"),
    "LeaveRejected",
}
"""Moves that the referral of this world is beyond."""

SEPARATED = say(CaseSeparated, was_merged_into=OTHER_CASE, reason="r")
STATES: Mapping[str, list[Fact]] = {
    "open": [],
    "closed": [closed()],
    "merged": [merged(), say(MergerTold)],
    "separated": [merged(), say(MergerTold), SEPARATED],
}
ANSWERS: Mapping[type[Refusal], str] = {
    CaseNotOpen: "over",
    CaseIsOpen: "already",
    WrongMove: "wrong",
    Unknown: "unknown",
}


def answer(command: Fact, case: Case | None, by: Act) -> str:
    """What is said of it: y where it is done, or is refused for what has nothing to do with the state of the file."""
    try:
        decide(command, case, by, NETWORK)
    except tuple(ANSWERS) as refusal:
        return next(word for kind, word in ANSWERS.items() if isinstance(refusal, kind))
    except Refusal as refusal:
        return "no" if isinstance(refusal, NotForThisAgency | NotForThisRole) else "y"
    return "y"


def people() -> Iterable[Act]:
    for agency in POSITIONS.values():
        for role in Role:
            yield act(agency, role)
            yield replace(act(agency, role), actor=OPENER)


def who_may(command: Fact) -> Act:
    """Somebody who may do it where the file is open; else who comes closest."""
    order = ("y", "wrong", "already", "unknown", "over", "no")
    case = the_case(*happened())
    return min(people(), key=lambda by: order.index(answer(command, case, by)))


def expected(name: str, state: str) -> str:
    if name in SAME_EVERYWHERE:
        return "unknown"
    if name in OTHERWISE:
        return OTHERWISE[name].get(state, "wrong")
    return "y" if name in ENDED or state in ("open", "separated") else "over"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: type(command).__name__)
def test_what_can_be_done_in_a_file_in_each_state(command: Fact) -> None:
    name, by = type(command).__name__, who_may(command)
    found = {state: answer(command, the_case(*happened(), *more), by) for state, more in STATES.items()}
    if name in (
        "SendReferral",
        "ReceiveReferral",
        "AcceptReferral",
        "RejectReferral",
        "LeaveRejected",
        "StartReferral",
        "ResumeReferral",
    ):
        found = {state: "y" if said == "wrong" else said for state, said in found.items()}  # it is further already
    assert found == {state: expected(name, state) for state in STATES}
    if name != "OpenCase":
        assert answer(command, None, by) == "unknown", "of an erased file nothing is known"


def test_every_command_is_in_one_place() -> None:
    names = {command.__name__ for command in COMMANDS}
    assert ENDED.keys() | OTHERWISE.keys() <= names
    assert not ENDED.keys() & OTHERWISE.keys()


# And it has its effect -------------------------------------------------------------------------------------------


def ended(how: str) -> Desk:
    """The hospital was told on a consent, and its referral is over; then the file ended."""
    desk = Desk()
    if how == "merged":
        desk.merge(A, B)
    else:
        desk.log.write(A, desk.by("uptd-ppa"), say(CaseClosed, reason=CloseReason.GOALS_MET))
    return desk


def asked_back(desk: Desk, since: int) -> set[str]:
    return {w.event.agency for w in desk.log.events[since:] if isinstance(w.event, DeletionAsked)}


SAYS: Mapping[str, Callable[[], Any]] = {
    "stop to everything": lambda: say(StopSharing, stop=uuid4(), about=StopAbout.EVERYTHING, said_by=SHE),
    "stop to the hospital": lambda: say(
        StopSharing, stop=uuid4(), about=StopAbout.RECIPIENTS, recipients=frozenset({"rsud"}), said_by=SHE
    ),
    "a refusal": lambda: say(RefuseConsent, consent=uuid4(), given_by=SHE),
    "a withdrawal": lambda: say(WithdrawConsent, consent=C1),
}


@pytest.mark.parametrize("how", ["merged", "closed"])
@pytest.mark.parametrize("says", SAYS)
def test_what_she_says_in_a_file_that_ended_stops_it_and_asks_copies_back(how: str, says: str) -> None:
    desk = ended(how)
    since = len(desk.log.events)
    desk.pass_time()
    desk.says(SAYS[says](), desk.by("uptd-ppa", Role.CASE_WORKER), A)
    assert not desk.case(A).shareable("rsud", NETWORK["rsud"].kind, desk.now)
    assert asked_back(desk, since) == {"rsud"}


@pytest.mark.parametrize("said_in", [A, B])
@pytest.mark.parametrize("says", ["stop to everything", "stop to the hospital", "a refusal"])
def test_what_she_says_of_all_stops_in_all_files_of_her_case(said_in: UUID, says: str) -> None:
    desk = ended("merged")
    since = len(desk.log.events)
    desk.pass_time()
    desk.says(SAYS[says](), desk.by("uptd-ppa", Role.CASE_WORKER), said_in)
    for file in (A, B):
        assert not desk.case(file).shareable("rsud", NETWORK["rsud"].kind, desk.now)
    asked = [w.event.case for w in desk.log.events[since:] if w.topic == "erasure.RecallRecorded"]  # type: ignore[attr-defined]
    assert set(asked) == {A, B}
    desk.pass_time()
    desk.log.write(B, desk.by("uptd-ppa"), replace(consent(uuid4()), occurred_at=desk.now))
    assert desk.case(B).shareable("rsud", NETWORK["rsud"].kind, desk.now), "she may agree again"


def test_what_a_caregiver_says_waits_in_a_file_that_ended_and_is_answered_there() -> None:
    desk = ended("closed")
    since, stop = len(desk.log.events), uuid4()
    desk.pass_time()
    by_another = say(StopSharing, stop=stop, about=StopAbout.EVERYTHING, said_by=frozenset({ConsentBy.CAREGIVER}))
    desk.says(by_another, desk.by("uptd-ppa", Role.CASE_WORKER), A)
    assert desk.case(A).of(Stops).heard[stop].waits  # type: ignore[index]
    assert asked_back(desk, since) == set()
    desk.says(say(RaiseStop, stop=stop), desk.by("uptd-ppa", Role.SYSTEM), A)
    desk.pass_time(CONSENT_TIMES.answer)
    desk.says(say(RaiseStop, stop=stop), desk.by("uptd-ppa", Role.SYSTEM), A)
    confirms = say(ConfirmStop, stop=stop, given_by=SHE, obtained=Obtained.VERBAL)
    desk.says(confirms, desk.by("uptd-ppa", Role.CASE_WORKER), A)
    assert asked_back(desk, since) == {"rsud"}
