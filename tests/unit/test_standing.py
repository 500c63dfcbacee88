"""The whole table of standing: every command and reading, by every role, of every agency, in every state of a referral,
against an account of who may that was written apart from it."""

import ast
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import fields, replace
from standing_world import ASKER, COMMANDS, GLASS, NETWORK, OPENER, POSITIONS, happened, world
from story import C1, C2, NOON, R2, act, an_id, brought_to, consent, opened, reported, say, the_case, withdrawn

from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS
from rujukan.api.app import DOORS
from rujukan.domain import agency as a
from rujukan.domain import agency_keys as k
from rujukan.domain import agency_state, delivery, erasure, webhook
from rujukan.domain.agency_hours import SetHolidays, SetHours
from rujukan.domain.agency_state import Agency, Resealing
from rujukan.domain.calendar import Weekday, Zone
from rujukan.domain.case import Case, decide
from rujukan.domain.case import fulfilment as f
from rujukan.domain.case import glass as g
from rujukan.domain.case.cancelling import AgreeToCancellation, AskCancellation, DeclineCancellation
from rujukan.domain.case.confirming import ConsentConfirmed
from rujukan.domain.case.disclosures import DiscloseCase
from rujukan.domain.case.erasure import ApproveErasure
from rujukan.domain.case.holds import PlaceLegalHold
from rujukan.domain.case.referrals import CancelReferral, SendReferral
from rujukan.domain.case.silence import LeaveRejected
from rujukan.domain.case.staffing import PersonExcluded
from rujukan.domain.casefile.assigning import PersonAssigned
from rujukan.domain.codes import AgencyKind, ConsentBy, NeedToKnow, Obtained, Purpose, ReferralStatus, Role
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Act, ActorId, Fact
from rujukan.domain.proposal import SEALED
from rujukan.domain.refusal import (
    AnotherPersonNeeded,
    CaseNotOpen,
    NotByTheSamePerson,
    NotForThisAgency,
    NotForThisRole,
    PurposeNotAllowed,
    Refusal,
    Unknown,
    WrongMove,
)
from rujukan.domain.standing.readings import READINGS, Reading, Who
from rujukan.domain.standing.rule import Proposed, ask, roles_for

TOP = Path(__file__).parents[2]
S = ReferralStatus

LETTERS: dict[str, type[Refusal]] = {
    "r": NotForThisRole,
    "u": Unknown,
    "a": NotForThisAgency,
    "c": CaseNotOpen,
    "w": WrongMove,
    "p": PurposeNotAllowed,
    "2": AnotherPersonNeeded,
    "o": NotByTheSamePerson,
}
"""What standing refuses, by a letter. What else a command may be refused for is not asked here: then it may."""

ROLES = {
    "w": Role.CASE_WORKER,
    "s": Role.SUPERVISOR,
    "l": Role.LEGAL_REVIEWER,
    "d": Role.DATA_PROTECTION_OFFICER,
    "a": Role.AGENCY_ADMINISTRATOR,
    "m": Role.INTEGRATOR,
    "y": Role.SYSTEM,
}

CASE_ORACLE = """
                          roles   open case   ended case  no case
OpenCase                  ws--my  yyyyyyyy    yyyyyyyy    yyyyyyyy
ReceiveReport             ws--my  yyyaaauu    ccccccuu    uuuuuuuu
IdentifySurvivor          ws---y  yyyaaauu    ccccccuu    uuuuuuuu
CorrectSurvivorIdentity   ws---y  yyuaaauu    yyuaaauu    uuuuuuuu
RecordSurvivorContact     ws---y  yyyaaauu    ccccccuu    uuuuuuuu
CorrectSurvivorContact    ws---y  yyuaaauu    yyuaaauu    uuuuuuuu
RecordIncident            ws---y  yyyaaauu    ccccccuu    uuuuuuuu
CorrectIncident           ws---y  yyuaaauu    ccccccuu    uuuuuuuu
RecordAllegedPerpetrator  ws---y  yyyaaauu    ccccccuu    uuuuuuuu
AssessAge                 ws---y  yaaaaauu    ccccccuu    uuuuuuuu
ReassessUrgency           ws---y  yaaaaauu    ccccccuu    uuuuuuuu
WarnOfMajority            -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
RecordCapacity            ws---y  yaaaaauu    ccccccuu    uuuuuuuu
DecideBestInterest        ws---y  yaaaaauu    ccccccuu    uuuuuuuu
SetSpeakerAside           ws---y  yaaaaauu    ccccccuu    uuuuuuuu
HearSpeakerAgain          ws---y  yaaaaauu    ccccccuu    uuuuuuuu
AssessNeeds               ws---y  yyyaaauu    ccccccuu    uuuuuuuu
AssessRisk                ws---y  yyyaaauu    ccccccuu    uuuuuuuu
AgreeSafetyPlan           ws---y  yyyaaauu    ccccccuu    uuuuuuuu
GiveConsent               ws---y  yyyaaauu    ccccccuu    uuuuuuuu
ConfirmConsent            ws---y  yaaaaauu    ccccccuu    uuuuuuuu
ContradictConsent         ws---y  yaaaaauu    yaaaaauu    uuuuuuuu
RefuseConsent             ws---y  yyyaaauu    yyyaaauu    uuuuuuuu
NarrowConsent             ws---y  yaaaaauu    yaaaaauu    uuuuuuuu
WithdrawConsent           ws---y  yyyaaauu    yyyaaauu    uuuuuuuu
ExpireConsent             -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
WarnOfExpiry              -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
StopSharing               ws---y  yyyaaauu    yyyaaauu    uuuuuuuu
ConfirmStop               ws---y  yaaaaauu    yaaaaauu    uuuuuuuu
ContradictStop            ws---y  yaaaaauu    yaaaaauu    uuuuuuuu
RaiseStop                 -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
AskRight                  ws-d-y  yyyaaauu    yyyaaauu    uuuuuuuu
AnswerRight               -s-d--  yaaaaauu    yaaaaauu    uuuuuuuu
RaiseRight                -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
OverrideConsent           wsl---  yyyaaauu    ccccccuu    uuuuuuuu
ApproveOverride           -sld--  yyuaaauu    ccccccuu    uuuuuuuu
RefuseOverride            wsld--  yyuaaauu    yyuaaauu    uuuuuuuu
ReviewOverride            -s-d--  yyuaaauu    yyuaaauu    uuuuuuuu
EndOverride               -s----  yyuaaauu    yyuaaauu    uuuuuuuu
DraftReferral             ws---y  yyyaaauu    ccccccuu    uuuuuuuu
SendReferral              ws---y  yuuaaauu    ccccccuu    uuuuuuuu
CancelReferral            ws---y  yauuuuuu    ccccccuu    uuuuuuuu
ReceiveReferral           ws---y  ayuuuuuu    ccccccuu    uuuuuuuu
AcceptReferral            ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
RejectReferral            ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
StartReferral             ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
HoldReferral              ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
ResumeReferral            ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
CompleteReferral          ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
FailReferral              ws--my  ayuuuuuu    ccccccuu    uuuuuuuu
EndUncoveredReferral      -s----  yaaaaauu    ccccccuu    uuuuuuuu
EndReferralForSender      -s----  yaaaaauu    ccccccuu    uuuuuuuu
AskCancellation           ws---y  yauuuuuu    ccccccuu    uuuuuuuu
AgreeToCancellation       ws---y  ayuuuuuu    ccccccuu    uuuuuuuu
DeclineCancellation       ws---y  ayuuuuuu    ccccccuu    uuuuuuuu
RaiseCancellation         -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
EndAnnouncedReferral      -----y  wwwwwwww    wwwwwwww    uuuuuuuu
EscalateReferral          -----y  wwwwwwww    wwwwwwww    uuuuuuuu
RaiseStalled              -----y  wwwwwwww    wwwwwwww    uuuuuuuu
LeaveRejected             ws---y  yauuuuuu    ccccccuu    uuuuuuuu
RaiseUndelivered          -----y  wwwwwwww    wwwwwwww    uuuuuuuu
MakeAppointment           ws---y  yyuaaauu    ccccccuu    uuuuuuuu
MoveAppointment           ws---y  yyuuuuuu    ccccccuu    uuuuuuuu
CancelAppointment         ws---y  yyuuuuuu    yyuuuuuu    uuuuuuuu
KeepAppointment           ws---y  ayuuuuuu    ayuuuuuu    uuuuuuuu
MissAppointment           ws---y  yyuuuuuu    yyuuuuuu    uuuuuuuu
RaiseAppointment          -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
AskQuestion               ws---y  yyuuuuuu    ccccccuu    uuuuuuuu
AnswerQuestion            ws---y  yauuuuuu    ccccccuu    uuuuuuuu
RaiseQuestion             -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
AmendReferral             ws---y  yauaaauu    ccccccuu    uuuuuuuu
DeliverService            ws--my  ayuaaauu    ccccccuu    uuuuuuuu
RecordNote                wsl-my  yyyaaauu    ccccccuu    uuuuuuuu
RecordContactAttempt      ws---y  yyyaaauu    ccccccuu    uuuuuuuu
RecordFollowUp            ws---y  yyyaaauu    ccccccuu    uuuuuuuu
AttachDocument            wsl-my  yyyaaauu    ccccccuu    uuuuuuuu
HoldConference            ws---y  yaaaaauu    ccccccuu    uuuuuuuu
AgreeAction               ws---y  yyyaaauu    ccccccuu    uuuuuuuu
FinishAction              ws---y  yyuaaauu    ccccccuu    uuuuuuuu
RecordProtectionOrder     wsl--y  yyyaaauu    ccccccuu    uuuuuuuu
RequestProtection         wsl--y  yyyaaauu    ccccccuu    uuuuuuuu
RaiseFlag                 ws---y  yyyaaauu    ccccccuu    uuuuuuuu
LowerFlag                 ws---y  yyuaaauu    ccccccuu    uuuuuuuu
MeetClock                 ws---y  yyuaaauu    ccccccuu    uuuuuuuu
EndClock                  ws---y  yyuaaauu    ccccccuu    uuuuuuuu
EndDuty                   -s---y  yauaaauu    ccccccuu    uuuuuuuu
FindNotIndicated          ws----  ayuaaauu    ccccccuu    uuuuuuuu
ResumeClock               ws---y  yyuaaauu    ccccccuu    uuuuuuuu
RaiseClock                -----y  yyyyyyyy    wwwwwwww    uuuuuuuu
RemindOfClock             -----y  wwwwwwww    wwwwwwww    uuuuuuuu
BeginDuties               -----y  wwwwwwww    wwwwwwww    uuuuuuuu
AssignCaseWorker          -s---y  yaaaaauu    ccccccuu    uuuuuuuu
AskLeadTransfer           -s---y  yaaaaauu    ccccccuu    uuuuuuuu
AcceptLeadTransfer        -s---y  uuuuuyuu    ccccccuu    uuuuuuuu
DeclineLeadTransfer       -s---y  uuuuuyuu    ccccccuu    uuuuuuuu
AssignPerson              ws---y  ayuaaauu    ayuaaauu    uuuuuuuu
EndAssignment             -s---y  uyuaaauu    uyuaaauu    uuuuuuuu
ExcludePerson             -s----  yyaaaauu    yyaaaauu    uuuuuuuu
EndExclusion              -s----  yyuuuuuu    yyuuuuuu    uuuuuuuu
CarryExclusion            -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
LapseAssignment           -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
CloseCase                 ws---y  yaaaaauu    ccccccuu    uuuuuuuu
ReopenCase                ws---y  yaaaaauu    yaaaaauu    uuuuuuuu
MergeCase                 -s---y  yaaaaauu    ccccccuu    uuuuuuuu
AbsorbDuplicate           -s---y  yaaaaauu    ccccccuu    uuuuuuuu
SeparateCase              -s----  waaaaauu    waaaaauu    uuuuuuuu
DiscloseCase              --l---  yaaaaauu    yaaaaauu    uuuuuuuu
AskSurvivorReport         w--d--  yaaaaauu    yaaaaauu    uuuuuuuu
PlaceLegalHold            --ld--  yaaaaauu    yaaaaauu    uuuuuuuu
PlaceLegalHold            -s----  aaaaaauu    aaaaaauu    uuuuuuuu
LiftLegalHold             --ld--  ayuuuuuu    ayuuuuuu    uuuuuuuu
LiftLegalHold             -s----  aauuuuuu    aauuuuuu    uuuuuuuu
LiftHoldOnOrder           --ld--  yaaaaauu    yaaaaauu    uuuuuuuu
ConfirmLegalHold          --ld--  ayuuuuuu    ayuuuuuu    uuuuuuuu
ConfirmLegalHold          -s----  aauuuuuu    aauuuuuu    uuuuuuuu
EndUnconfirmedHold        --ld--  yaaaaauu    yaaaaauu    uuuuuuuu
AskToConfirmHold          -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
LapseHold                 -----y  wwwwwwww    wwwwwwww    uuuuuuuu
CheckCourtOrder           --ld--  yaaaaauu    yaaaaauu    uuuuuuuu
RequestErasure            -sld--  yaaaaauu    yaaaaauu    uuuuuuuu
ApproveErasure            -sld--  yaaaaauu    yaaaaauu    uuuuuuuu
ApprovePostponedErasure   ---d--  yaaaaauu    yaaaaauu    uuuuuuuu
RefuseErasure             -sld--  yaaaaauu    yaaaaauu    uuuuuuuu
StrikeEntry               wsl--y  uyuuuuuu    uyuuuuuu    uuuuuuuu
StrikeAllegedPerpetrator  ws-d-y  uyuuuuuu    uyuuuuuu    uuuuuuuu
RecordAccusedStatement    -sld-y  uyuaaauu    uyuaaauu    uuuuuuuu
BreakGlass                ws----  yyyyyyyy    yyyyyyyy    uuuuuuuu
AskGlassLeave             ws----  uuuuuuuu    uuuuuuuu    uuuuuuuu
CloseGlass                ws----  uuuuuuuu    uuuuuuuu    uuuuuuuu
ReviewGlass               -s-d--  yyuuuuuu    yyuuuuuu    uuuuuuuu
RaiseOverrideReview       -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
RaiseGlassReview          -----y  yyyyyyyy    yyyyyyyy    uuuuuuuu
"""
"""Command; roles that may (a letter for each); then, by what the agency is to the case: lead, the party concerned,
another recipient, one that was, one that led, one asked to lead, the recipient of a mere draft, nobody."""

MOVES: Mapping[type[Fact], tuple[str, str]] = {
    SendReferral: ("sender", "draft"),
    CancelReferral: ("sender", "draft requested received accepted in-progress on-hold"),
    f.ReceiveReferral: ("recipient", "requested"),
    f.AcceptReferral: ("recipient", "received"),
    f.RejectReferral: ("recipient", "accepted received"),
    f.StartReferral: ("recipient", "accepted"),
    f.HoldReferral: ("recipient", "accepted in-progress"),
    f.ResumeReferral: ("recipient", "on-hold"),
    f.CompleteReferral: ("recipient", "accepted in-progress on-hold"),
    f.FailReferral: ("recipient", "accepted in-progress on-hold"),
    LeaveRejected: ("sender", "rejected failed"),
    AskCancellation: ("sender", "accepted in-progress on-hold"),
    AgreeToCancellation: ("recipient", "accepted in-progress on-hold"),
    DeclineCancellation: ("recipient", "accepted in-progress on-hold"),
}
"""Who makes a move, in which states: DOMAIN's picture of the state machine, told again."""

READING_ORACLE = """
                 roles   purposes          open case
case             wsl-m-  any               yyyyyyuu
timeline         wsl-m-  any               yyyyyyuu
export           wsl-m-  any               yyyyyyuu
document         wsl-m-  any               yyyyyyuu
search           wsl-m-  any               yyyyyyyy
deliveries       wsl-m-  any               yaaaaauu
history          wsldm-  any               yyyyyyuu
history-seen-by  -sld--  any               yyaaaauu
history-diff     wsldm-  any               yyyyyyuu
custody          wsldm-  any               yyyyyyuu
survivor-report  w--d--  survivor-request  yaaaaauu
bundle           --l---  any               yaaaaauu
case-access      -sld--  any               yyyyyyuu
person-access    -sld--  any               yyyyyyyy
holdings         -sld--  any               yyyyyyyy
unusual-access   -s-d--  any               yyyyyyyy
audit            -sld--  any               yyyyyyyy
glass            -s-d--  any               yyuuuuuu
glass-timeline   ws----  any               uuuuuuuu
glass-document   ws----  any               uuuuuuuu
glasses          -s-d--  any               yyyyyyyy
inbox            wsl-m-  any               yyyyyyyy
outbox           wsl-m-  any               yyyyyyyy
cases            wsl-m-  any               yyyyyyyy
deadlines        wsl-m-  any               yyyyyyyy
flags            wsl-m-  any               yyyyyyyy
appointments     wsl-m-  any               yyyyyyyy
questions        wsl-m-  any               yyyyyyyy
escalations      ws----  any               yyyyyyyy
proposals        -slda-  any               yyyyyyyy
notices          -s-d--  any               yyyyyyyy
stops            ws----  any               yyyyyyyy
rights           ws-d--  any               yyyyyyyy
expiring-consents ws---- any               yyyyyyyy
legal-holds      -sld--  any               yyyyyyyy
coming-of-age    ws----  any               yyyyyyyy
erasures         -sld--  any               yyyyyyyy
retention        -sld--  any               yyyyyyyy
subscription     ----m-  any               yyyyyyyy
"""
"""The same of readings, of an open case and of an ended one. In `history-seen-by` the party asks how itself saw it."""

FOR_NO_ROLE = {
    "directory": Who.MEMBER,
    "me": Who.CALLER,
    "topic": Who.KEEPER_OF_THE_KEY,
    "codes": Who.EVERYBODY,
    "token-keys": Who.EVERYBODY,
    "health": Who.EVERYBODY,
    "ledger": Who.EVERYBODY,
    "messages": Who.EVERYBODY,
}

OF_AGENCIES = """
                  roles   own  lead  other  nobody's
RegisterAgency    ---a-y  a    y     a      y
OfferServices     ---a-y  y    a     a      u
SetHours          ---a-y  y    a     a      u
SetHolidays       ---a-y  y    a     a      u
AddMember         ---a-y  y    a     a      u
RemoveMember      ---a-y  y    a     a      u
SuspendAgency     ---a-y  a    y     a      y
ReactivateAgency  ---a-y  a    y     a      y
SetNeedToKnow     ---a--  y    a     a      u
RegisterKey       ---a-y  y    a     a      u
RetireKey         ---a-y  y    a     a      u
AskResealing      ---a--  y    a     a      u
SetWebhook        ---a--  y    a     a      u
RemoveWebhook     ---a--  y    a     a      u
EnableWebhook     ---a--  y    a     a      u
ReplayWebhook     ---a--  y    a     a      u
"""
"""Who may do it, by a person who is no system: of the agency itself, of a lead, of another; and the lead's where there
is no such agency."""


class Line(NamedTuple):
    """A line of an account."""

    name: str
    roles: frozenset[Role]
    cells: tuple[str, ...]


def lines(oracle: str) -> Iterator[Line]:
    for line in oracle.strip("\n").splitlines()[1:]:
        name, roles, *cells = line.split()
        yield Line(name, frozenset(ROLES[letter] for letter in roles if letter != "-"), tuple(cells))


def said(attempt: Callable[[], object]) -> str:
    """The letter of what standing refuses; y where it does not."""
    try:
        attempt()
    except tuple(LETTERS.values()) as refusal:
        return next(letter for letter, kind in LETTERS.items() if refusal.reason() is kind)
    except Refusal:
        return "y"
    return "y"


def expected(line: Line, cell: str, n: int, role: Role) -> str:
    return cell[n] if role in line.roles else "r"


def of_others(line: Line) -> frozenset[Role]:
    """Roles of which another line of the account tells."""
    lines_of_it = [other.roles for other in lines(CASE_ORACLE) if other.name == line.name]
    return frozenset[Role]().union(*lines_of_it) - line.roles


def state_for(name: str) -> ReferralStatus:
    """One in which the command moves the referral."""
    for command, (_, states) in MOVES.items():
        if command.__name__ == name:
            return S(states.split()[-1])
    return S.IN_PROGRESS


BY_NAME = {command.__name__: said for command, said in COMMANDS.items()}


@pytest.mark.parametrize("line", [*lines(CASE_ORACLE)], ids=lambda line: f"{line.name}-{len(line.roles)}")
def test_who_may_do_what(line: Line) -> None:
    command, state = BY_NAME[line.name], state_for(line.name)
    network = dict(NETWORK)
    cases: list[Case | None] = [world(state), world(state, ended=True), None]
    for case, cell in zip(cases, line.cells, strict=True):
        for n, (position, agency) in enumerate(POSITIONS.items()):
            for role in set(Role) - of_others(line):
                by = act(agency, role)
                found = said(lambda case=case, by=by: decide(command, case, by, network))  # type: ignore[misc]
                about = (line.name, position, role.value, case.status.value if case else "none")
                assert (about, found) == (about, expected(line, cell, n, role))


# What a person is ------------------------------------------------------------------------------------------------

X = ActorId(an_id("a person"))
OF_NO_CASE = {"OpenCase", "BreakGlass"}
"""What asks for no relation to a case: whether one is assigned to it is not asked either."""
FOR_ALL = {"ReceiveReferral", "AcceptReferral", "RejectReferral", "StartReferral"}
"""What whoever is there may do for a referral that nobody took: an emergency finds somebody."""
HAVE_ONE_TO_TAKE = ("party", "other")
"""Which agencies were sent a referral that nobody there took."""
KEPT_FROM_IT = say(
    PersonExcluded,
    exclusion=an_id("another exclusion"),
    person=X,
    member_of="rsud",
    kind=AgencyKind.HEALTH,
    placed_by="uptd-ppa",
    reason="r",
)


def as_person(agency: str, role: Role, purpose: Purpose = Purpose.COORDINATION) -> Act:
    """The person, for that agency, which lets those alone work on its cases who are assigned."""
    return replace(act(agency, role, purpose=purpose), actor=X, need_to_know=NeedToKnow.ASSIGNED)


def told(*more: Any, status: ReferralStatus = S.IN_PROGRESS, ended: bool = False) -> Case:
    return the_case(*happened(status, ended=ended), *more)


def on_it() -> list[Any]:
    """The person is assigned at each agency."""
    return [(say(PersonAssigned, person=X, agency=agency), agency) for agency in POSITIONS.values()]


@pytest.mark.parametrize("line", [*lines(CASE_ORACLE)], ids=lambda line: f"{line.name}-{len(line.roles)}")
def test_who_may_do_what_as_what_person(line: Line) -> None:
    """Assigned: all that their agency and role may. Neither assigned, nor shown all by their role: a case worker to
    whom there is no case. Excluded: nobody in any role of any agency, and there is none."""
    command, state, network = BY_NAME[line.name], state_for(line.name), dict(NETWORK)
    for ended, cell in zip((False, True), line.cells, strict=False):
        assigned = told(*on_it(), status=state, ended=ended)
        unassigned = told(status=state, ended=ended)
        excluded = told(*on_it(), KEPT_FROM_IT, status=state, ended=ended)
        for n, (position, agency) in enumerate(POSITIONS.items()):
            for role in set(Role) - {Role.SYSTEM} - of_others(line):
                by = as_person(agency, role)
                may = expected(line, cell, n, role)
                takes = line.name in FOR_ALL and position in HAVE_ONE_TO_TAKE and not ended
                hidden = role is Role.CASE_WORKER and line.name not in OF_NO_CASE and not takes and may != "r"
                none = "r" if may == "r" else "u"
                answers = {"assigned": may, "unassigned": "u" if hidden else may, "excluded": none}
                for what, case in (("assigned", assigned), ("unassigned", unassigned), ("excluded", excluded)):
                    found = said(lambda case=case, by=by: decide(command, case, by, network))  # type: ignore[misc]
                    about = (line.name, position, role.value, what, ended)
                    assert (about, found) == (about, answers[what])


@pytest.mark.parametrize("line", [*lines(READING_ORACLE)], ids=lambda line: line.name)
def test_who_may_read_what_as_what_person(line: Line) -> None:
    """What asks for no case answers with rows that are the agency's, without those of the case."""
    purposes, cell = line.cells
    reading, named = READINGS[line.name], {"glass": GLASS, "agency": "rsud"}
    purpose = Purpose.SURVIVOR_REQUEST if purposes != "any" else Purpose.CARE
    of_no_case = cell == "yyyyyyyy"
    glass = line.name.startswith("glass-")
    cases = {"assigned": told(*on_it()), "unassigned": told(), "excluded": told(*on_it(), KEPT_FROM_IT)}
    for n, (position, agency) in enumerate(POSITIONS.items()):
        for role in Role:
            may = expected(line, cell, n, role)
            hidden = role is Role.CASE_WORKER and not of_no_case and not glass and may != "r"
            none = may if of_no_case or may == "r" else "u"
            answers = {"assigned": may, "unassigned": "u" if hidden else may, "excluded": none}
            for what, case in cases.items():
                by = as_person(agency, role, purpose)
                found = said(lambda case=case, by=by: ask(reading.rows, case, by, named.get))  # type: ignore[misc]
                about = (line.name, position, role.value, what)
                assert (about, found) == (about, answers[what])


def test_who_is_excluded_has_no_say_in_a_proposal_of_the_case() -> None:
    """Neither as the one who asked, nor as the second."""
    for actor, asker in ((X, X), (X, ASKER)):
        for case, answer in ((told(), "y"), (told(KEPT_FROM_IT), "u")):
            asked = replace(act("uptd-ppa", Role.LEGAL_REVIEWER), actor=ActorId(asker))
            on = Proposed(COMMANDS[DiscloseCase], asked, case)
            by = replace(act("uptd-ppa", Role.SUPERVISOR), actor=actor)
            assert said(lambda on=on, by=by: ask(READINGS["proposal"].rows, on, by, {}.get)) == answer  # type: ignore[misc]


def test_the_account_is_of_every_command() -> None:
    """One that is added is written down here, too, by whoever knows who may."""
    agencies = (
        {name.name for name in lines(OF_AGENCIES)} | set(JUDGED) | {"DisableWebhook", "TellOfRecovery", "GiveNotice"}
    )
    agencies |= {"ApproveProposal", "RefuseProposal", "WithdrawProposal"}  # test_seconds.py
    told = {"AcknowledgeErasure", "AcknowledgeDeliveries"}
    assert {line.name for line in lines(CASE_ORACLE)} == BY_NAME.keys()
    assert {command.__name__ for command in ASKED} == BY_NAME.keys() | agencies | told


@pytest.mark.parametrize("command", MOVES, ids=lambda command: command.__name__)
@pytest.mark.parametrize("sender", ["uptd-ppa", "rumah-aman"])
def test_who_moves_a_referral_in_which_state(command: type[Fact], sender: str) -> None:
    """The lead's, and one between two recipients."""
    who, states = MOVES[command]
    for state in S:
        case = world(state, sender)
        for agency in POSITIONS.values():
            is_sender, is_recipient = agency == sender, agency == "rsud" and state is not S.DRAFT
            knows = is_sender or is_recipient or agency == "uptd-ppa"
            if agency in ("psikolog", "disdik"):
                answer = "u"
            elif command is SendReferral and agency in ("dinsos", "lbh", "polres"):
                answer = "a"
            elif not knows:
                answer = "u"
            elif not (is_sender if who == "sender" else is_recipient):
                answer = "a"
            else:
                answer = "y" if state.value in states.split() else "w"
            about = (state.value, agency)
            found = said(lambda case=case, agency=agency: decide(COMMANDS[command], case, act(agency), NETWORK))  # type: ignore[misc]
            assert (about, found) == (about, answer)


# Holds -----------------------------------------------------------------------------------------------------------

FOR_THE_LAW = """
          care  protection  legal  coordination
polres    ls    ls          ls     ls
kejari    ls    ls          ls     ls
lbh       -     -           l      -
rsud      -     -           l      -
disdik    -     -           l      -
"""
"""Who may place a hold, by what an open referral to them is for: legal reviewers and data protection officers (l),
supervisors too (s), nobody (-). Who leads: legal reviewers and officers; of the police, supervisors too."""


@pytest.mark.parametrize("line", FOR_THE_LAW.strip("\n").splitlines()[1:], ids=lambda line: line.split()[0])
def test_who_places_a_hold(line: str) -> None:
    agency, *cells = line.split()
    for purpose, cell in zip(FOR_THE_LAW.split()[:4], cells, strict=True):
        for state in S:
            sent_on = brought_to(state, to=agency, purpose=Purpose(purpose))
            case = the_case(opened(), consent(to=agency, purposes=Purpose), *sent_on)
            for role in (Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR):
                letter = "s" if role is Role.SUPERVISOR else "l"
                answer = "u" if state is S.DRAFT else "y" if letter in cell and state.is_open else "a"
                by = act(agency, role)
                found = said(lambda case=case, by=by: decide(COMMANDS[PlaceLegalHold], case, by, NETWORK))  # type: ignore[misc]
                assert ((purpose, state.value, role.value), found) == ((purpose, state.value, role.value), answer)


AGREED: Mapping[str, tuple[Any, ...]] = {
    "nothing": (),
    "by-lead": (consent(to=("lbh", "disdik", "kejari"), purposes=Purpose),),
    "for-care": (consent(to=("lbh", "disdik", "kejari")),),
    "for-others": (consent(to=("rumah-aman",), purposes=Purpose),),
    "taken-back": (consent(to=("lbh", "disdik", "kejari"), purposes=Purpose), withdrawn(C1)),
    "reported": (reported(C1, to=("lbh", "disdik", "kejari"), purposes=Purpose),),
    "confirmed": (
        reported(C1, to=("lbh", "disdik", "kejari"), purposes=Purpose),
        say(ConsentConfirmed, consent=C1, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL),
    ),
}
"""What she agreed to, as far as anybody said so."""
MADE_A_PARTY = """
          sender    nothing  by-lead  for-care  for-others  taken-back  reported  confirmed
kejari    rsud      y        y        y         y           y           y         y
lbh       rsud      a        y        a         a           a           a         y
lbh       uptd-ppa  a        y        a         a           a           a         y
disdik    rsud      a        y        a         a           a           a         y
disdik    uptd-ppa  a        y        a         a           a           a         y
"""
"""Who takes part for the law, by who referred her there for a legal purpose, and what she agreed to: nobody makes a
friend one, with a word of theirs alone; nor does the lead, on a colleague's."""


@pytest.mark.parametrize("line", MADE_A_PARTY.strip("\n").splitlines()[1:], ids=lambda line: "-".join(line.split()[:2]))
def test_who_is_made_a_party_for_the_law(line: str) -> None:
    agency, sender, *cells = line.split()
    for agreed, cell in zip(MADE_A_PARTY.split()[1:8], cells, strict=True):
        for state in (s for s in S if s.is_open):
            sent_on = brought_to(state, R2, sender=sender, to=agency, purpose=Purpose.LEGAL)
            case = the_case(opened(), consent(C2), *brought_to(S.IN_PROGRESS), *AGREED[agreed], *sent_on)
            by = act(agency, Role.LEGAL_REVIEWER)
            found = said(lambda case=case, by=by: decide(COMMANDS[PlaceLegalHold], case, by, NETWORK))  # type: ignore[misc]
            assert ((agreed, state.value), found) == ((agreed, state.value), cell)


@pytest.mark.parametrize(("lead", "supervisor"), [("uptd-ppa", "a"), ("polres", "y"), ("kejari", "y"), ("lbh", "a")])
def test_which_lead_s_supervisor_places_one(lead: str, supervisor: str) -> None:
    for role, answer in ((Role.SUPERVISOR, supervisor), (Role.LEGAL_REVIEWER, "y")):
        by = act(lead, role)
        found = said(lambda by=by: decide(COMMANDS[PlaceLegalHold], the_case(opened(lead)), by, NETWORK))  # type: ignore[misc]
        assert found == answer


# Two people ------------------------------------------------------------------------------------------------------


def person(agency: str, role: Role, actor: Any, at: Any = NOON) -> Act:
    return replace(act(agency, role, at), actor=ActorId(actor))


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER])
def test_who_asked_for_it_approves_nothing_in_whatever_role(role: Role) -> None:
    assert role in roles_for(ApproveErasure)
    by = person("uptd-ppa", role, ASKER)
    assert said(lambda: decide(COMMANDS[ApproveErasure], world(), by, NETWORK)) == "2"


@pytest.mark.parametrize("agency", ["rsud", "uptd-ppa"])
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER])
def test_who_broke_a_glass_does_not_judge_it(agency: str, role: Role) -> None:
    """Nor for another of theirs: two hats of one person are one person."""
    by = person(agency, role, OPENER)
    assert said(lambda: decide(COMMANDS[g.ReviewGlass], world(), by, NETWORK)) == "o"


def test_only_who_broke_it_closes_a_glass() -> None:
    for agency in POSITIONS.values():
        by = person(agency, Role.CASE_WORKER, OPENER)
        found = said(lambda by=by: decide(COMMANDS[g.CloseGlass], world(), by, NETWORK))  # type: ignore[misc]
        assert found == ("y" if agency == "rsud" else "u")


# Agencies --------------------------------------------------------------------------------------------------------

RESEALING = Resealing("k2", frozenset({"k1"}), "r", ASKER)
OFFICE = Agency(
    "rsud",
    AgencyKind.HEALTH,
    "RSUD",
    1,
    members={an_id("an administrator"): frozenset({Role.AGENCY_ADMINISTRATOR})},
    keys={"k1": "A", "k2": "B"},
    public_keys={"k1": "A", "k2": "B"},
    resealing=RESEALING,
    webhook=webhook.Webhook("https://rsud.example/rujukan", 1),
)
KEY: dict[str, Any] = {"key": "k2", "lost": frozenset({"k1"})}
AGENCY_COMMANDS: Mapping[str, Fact] = {
    type(command).__name__: command
    for command in (
        say(a.RegisterAgency, code="rsud", kind=AgencyKind.HEALTH, name="RSUD"),
        say(a.OfferServices, services=frozenset()),
        say(
            SetHours,
            zone=Zone.WIB,
            workdays=frozenset({Weekday.MONDAY}),
            opens="08:00",
            closes="16:00",
            closed_on=frozenset(),
        ),
        say(SetHolidays, holidays=frozenset({date(2026, 3, 19)})),
        say(a.AddMember, member=an_id("member"), roles=frozenset({Role.CASE_WORKER})),
        say(a.RemoveMember, member=an_id("an administrator")),
        say(a.SuspendAgency, reason="r"),
        say(a.ReactivateAgency),
        say(a.SetNeedToKnow, need_to_know=NeedToKnow.ASSIGNED),
        say(k.RegisterKey, key="k3", public_key="A" * 1622),
        say(k.RetireKey, key="k1"),
        say(k.AskResealing, **KEY, reason="r"),
        say(k.ApproveResealing, **KEY),
        say(k.RefuseResealing, **KEY, reason="r"),
        say(webhook.SetWebhook, url="https://rsud.example/rujukan"),
        say(webhook.RemoveWebhook),
        say(webhook.EnableWebhook),
        say(webhook.ReplayWebhook, after=1),
        say(webhook.DisableWebhook, registration=1, reason="gone"),
    )
}
JUDGED = ("ApproveResealing", "RefuseResealing")
WHERE = {"own": ("rsud", True), "lead": ("uptd-ppa", True), "other": ("polres", True), "none": ("uptd-ppa", False)}


def office_for(name: str) -> Agency:
    """The agency in the state in which the command changes something."""
    kind = AgencyKind.LEAD if name == "SetHolidays" else OFFICE.kind
    return replace(OFFICE, active=name != "ReactivateAgency", kind=kind)


@pytest.mark.parametrize("line", [*lines(OF_AGENCIES)], ids=lambda line: line.name)
def test_who_may_do_what_to_an_agency(line: Line) -> None:
    command = AGENCY_COMMANDS[line.name]
    for (place, (agency, is_there)), cell in zip(WHERE.items(), line.cells, strict=True):
        office = office_for(line.name) if is_there else None
        if office is None and line.name in ("SuspendAgency", "ReactivateAgency"):
            cell = "u"  # it may, and there is none
        for role in Role:
            if role is Role.SYSTEM:
                continue
            found = said(lambda a=agency, o=office, r=role: agency_state.decide(command, o, act(a, r)))  # type: ignore[misc]
            about = (line.name, place, role.value)
            assert (about, found) == (about, cell if role in line.roles else "r")


@pytest.mark.parametrize("name", JUDGED)
def test_who_decides_a_resealing(name: str) -> None:
    """The agency's data protection officer, or an administrator of a lead; never who asked."""
    command = AGENCY_COMMANDS[name]
    for agency in ("rsud", "uptd-ppa", "polres"):
        for role in Role:
            for actor in (ASKER, an_id("another")):
                may = {("rsud", Role.DATA_PROTECTION_OFFICER), ("uptd-ppa", Role.AGENCY_ADMINISTRATOR)}
                answer = "2" if actor == ASKER else "y"
                if role not in (Role.DATA_PROTECTION_OFFICER, Role.AGENCY_ADMINISTRATOR):
                    answer = "r"
                elif (agency, role) not in may:
                    answer = "a"
                by = person(agency, role, actor)
                found = said(lambda by=by: agency_state.decide(command, OFFICE, by))  # type: ignore[misc]
                assert ((agency, role.value), found) == ((agency, role.value), answer)


def test_a_lead_lets_the_first_administrator_in_and_nobody_after() -> None:
    first = frozenset({Role.AGENCY_ADMINISTRATOR})
    command = say(a.AddMember, member=an_id("member"), roles=first)
    operator = act("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
    without = replace(OFFICE, members={an_id("a worker"): frozenset({Role.CASE_WORKER})})
    assert said(lambda: agency_state.decide(command, without, operator)) == "y"
    assert said(lambda: agency_state.decide(command, OFFICE, operator)) == "a"
    assert said(lambda: agency_state.decide(command, without, act("polres", Role.AGENCY_ADMINISTRATOR))) == "a"
    for role in set(Role) - first - {Role.SYSTEM}:  # nor anybody beside, nor with another role
        for roles in ({role}, {role, *first}):
            more = say(a.AddMember, member=an_id("member"), roles=frozenset(roles))
            assert said(lambda more=more: agency_state.decide(more, without, operator)) == "a"  # type: ignore[misc]


def test_the_system_sees_to_every_agency_but_stands_for_no_person() -> None:
    persons = {"AskResealing", *JUDGED, "SetNeedToKnow", "SetWebhook"}
    persons |= {"RemoveWebhook", "EnableWebhook", "ReplayWebhook"}
    for name, command in AGENCY_COMMANDS.items():
        office = office_for(name)
        found = said(lambda c=command, o=office: agency_state.decide(c, o, act("uptd-ppa", Role.SYSTEM)))  # type: ignore[misc]
        assert (name, found) == (name, "r" if name in persons else "y")


def test_only_who_was_asked_says_that_it_deleted() -> None:
    asked = erasure.Asked(None, told=frozenset({"rsud"}))  # type: ignore[arg-type]
    command = say(erasure.AcknowledgeErasure, erasure=an_id("erasure"))
    may = {Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER, Role.INTEGRATOR}
    for role in Role:
        for agency, state in (("rsud", asked), ("polres", asked), ("rsud", None)):
            by = act(agency, role)
            if role in may and agency == "rsud" and state is not None:
                continue  # what it then answers needs a record: test_erasure.py
            found = said(lambda s=state, by=by: erasure.acknowledge(command, s, by))  # type: ignore[misc]
            assert found == ("u" if role in may else "r")


def test_an_agency_acknowledges_its_own_deliveries() -> None:
    command, told = say(delivery.AcknowledgeDeliveries), delivery.ToldSoFar(0, {})
    for role in Role:
        may = role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER, Role.INTEGRATOR)
        for agency in ("rsud", "polres"):
            by = act(agency, role)
            found = said(lambda by=by: delivery.acknowledge("rsud", command, delivery.Marks(), told, by))  # type: ignore[misc]
            assert found == ("r" if not may else "y" if agency == "rsud" else "a")


# Readings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [*lines(READING_ORACLE)], ids=lambda line: line.name)
def test_who_may_read_what(line: Line) -> None:
    purposes, cell = line.cells
    reading, named = READINGS[line.name], {"glass": GLASS, "agency": "rsud"}
    for case in (world(), world(ended=True)):
        for n, (position, agency) in enumerate(POSITIONS.items()):
            for role in Role:
                for purpose in (Purpose.CARE, Purpose.SURVIVOR_REQUEST):
                    by = act(agency, role, purpose=purpose)
                    answer = expected(line, cell, n, role)
                    if answer != "r" and purposes != "any" and purpose.value not in purposes.split(","):
                        answer = "p"
                    found = said(lambda case=case, by=by: ask(reading.rows, case, by, named.get))  # type: ignore[misc]
                    about = (line.name, position, role.value, purpose.value)
                    assert (about, found) == (about, answer)


def test_an_agency_s_keys_and_webhook_are_its_own_to_see_and_its_keys_the_operator_s() -> None:
    for agency in ("rsud", "uptd-ppa", "polres"):
        for role in Role:
            by, own = act(agency, role), agency == "rsud"
            keys = said(lambda by=by: ask(READINGS["keys"].rows, OFFICE, by, {}.get))  # type: ignore[misc]
            hook = said(lambda by=by: ask(READINGS["webhook"].rows, OFFICE, by, {}.get))  # type: ignore[misc]
            administers, keeps = role is Role.AGENCY_ADMINISTRATOR, role is Role.DATA_PROTECTION_OFFICER
            assert hook == ("r" if not administers else "y" if own else "a")
            may = (own and (administers or keeps)) or (agency == "uptd-ppa" and administers)
            assert keys == ("y" if may else "a" if administers or keeps else "r")


def test_the_account_is_of_every_reading() -> None:
    assert {line.name for line in lines(READING_ORACLE)} | FOR_NO_ROLE.keys() | {
        "keys",
        "webhook",
        "proposal",
    } == READINGS.keys()
    assert {name: READINGS[name].who for name in FOR_NO_ROLE} == FOR_NO_ROLE


def test_every_door_has_its_row_and_every_row_its_door() -> None:
    assert {reading.name for reading, _ in DOORS} | {"topic"} == READINGS.keys()
    assert all(isinstance(reading, Reading) for reading, _ in DOORS)
    assert {action.command for action in (*CASE_ACTIONS, *AGENCY_ACTIONS)} <= ASKED.keys()


# Nobody else has a rule of standing ------------------------------------------------------------------------------

OF_AN_ACT = {"role", "agency", "kind", "actor", "purpose"}
ELSEWHERE = {"is_known_to", "takes_part"}
RULED = [
    *(file for file in (TOP / "domain").rglob("*.py") if file.parent.name != "standing"),
    *(TOP / "api").rglob("*.py"),
    *(TOP / "projections").glob("*.py"),
]


ELSEWHERE_ALLOWED = {
    ("domain/erasure.py", "acknowledge"): "whether the agency said it before",
    ("domain/casefile/deciding.py", "another"): "nobody refers to, or asks, themselves",
    ("domain/case/glass.py", "_may_know"): "which refusal of a taken id tells nothing",
    ("domain/case/lead.py", "accept_transfer"): "whom consent has to cover",
    ("domain/case/questions.py", "ask"): "which of the two parties is asked",
    ("domain/case/fulfilment.py", "receive"): "that it was no person's own word",
    ("domain/casefile/moves.py", "is_machine_s"): "that a machine recorded it",
    ("api/history.py", "show_history"): "whether the state then is shown whole, in part, or not at all",
}
"""Where who acts is compared all the same: what it decides there is no standing."""


def judges(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(function, line) where something is decided on who acts: an attribute of an act, or a name for one, is compared,
    or is a condition."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module):
            name = getattr(function, "name", "")
            yield from ((name, line) for line in sorted(set(_judges_in(function))))


def _judges_in(function: ast.AST) -> Iterator[int]:
    inside = list(_within(function))
    names = {
        target.id
        for node in inside
        if isinstance(node, ast.Assign)
        for to, value in _pairs(node)
        if isinstance(to, ast.Name) and _is_of_an_act(value)
        for target in (to,)
    }
    for node in inside:
        tests: list[ast.expr] = []
        match node:
            case ast.Compare():
                tests = [node]
            case ast.If() | ast.IfExp() | ast.While() | ast.Assert():
                tests = [node.test]
            case ast.BoolOp():
                tests = node.values
            case ast.comprehension():
                tests = node.ifs
            case ast.Match():
                tests = [node.subject]
        for part in (inner for test in tests for inner in ast.walk(test)):
            called = part.func if isinstance(part, ast.Call) else None
            ruled = isinstance(called, ast.Attribute) and called.attr in ELSEWHERE
            named = isinstance(part, ast.Name) and part.id in names
            if ruled or named or (isinstance(part, ast.expr) and _is_of_an_act(part)):
                yield part.lineno  # type: ignore[attr-defined]


def _within(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, and in none inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _within(child)


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def _is_of_an_act(part: ast.expr) -> bool:
    if not (isinstance(part, ast.Attribute) and part.attr in OF_AN_ACT):
        return False
    of = part.value
    return (isinstance(of, ast.Name) and of.id == "act") or (isinstance(of, ast.Attribute) and of.attr == "act")


def test_no_decider_and_no_door_judges_who_acts() -> None:
    found = {
        (str(file.relative_to(TOP)), name, line)
        for file in RULED
        for name, line in judges(ast.parse(file.read_text("utf-8")))
    }
    ruled = sorted(f"{file}:{line} {name}" for file, name, line in found if (file, name) not in ELSEWHERE_ALLOWED)
    assert ruled == [], "who may is for domain/standing/ to say: give the command, or the reading, a row"
    assert {(file, name) for file, name, _ in found} == ELSEWHERE_ALLOWED.keys(), "this one judges no more"


@pytest.mark.parametrize(
    "rule",
    [
        "if act.role is Role.SYSTEM: pass",
        "x = 1 if asked.act.agency == case.lead else 2",
        "y = [a for a in b if a != act.agency]",
        "z = act.agency in case.former_leads or other",
        "match act.role:\n case 1: pass",
        "if case.takes_part(agency): pass",
        "def f(act):\n me = act.agency\n return me == case.lead",
    ],
)
def test_a_rule_elsewhere_would_be_found(rule: str) -> None:
    assert list(judges(ast.parse(rule)))


@pytest.mark.parametrize("command", [c for c, said in ASKED.items() if said.second], ids=lambda c: c.__name__)
def test_what_takes_two_people_is_said_where_its_proposal_keeps_it(command: type[Fact]) -> None:
    """A proposal keeps what the rules are told in clear, and sealed what it has a field for: a field of another
    compartment would be lost. Of people it needs nothing, as what follows of it does not repeat that."""
    kept = {Compartment.COORDINATION, *SEALED}
    needed = {f.name for f in fields(command) if f.required}
    lost = {name for name, of in compartments_of(command).items() if of not in kept}
    people = {name for name, of in compartments_of(command).items() if of is Compartment.IDENTITY}
    assert (lost, people & needed) == (set(), set())
