"""The contract: what /openapi.json says is what the API does.

Every action of the table is documented, and every documented example is posted here with only its ids
replaced. The walk fails when an action is added and not walked.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from msgspec.structs import replace
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from patience import PATIENCE_SECONDS

from rujukan.api.actions import AGENCY_ACTIONS, CASE_ACTIONS, MADE_HERE, OPENING, PROPOSAL_ACTIONS, Action
from rujukan.api.application.casework import Casework
from rujukan.api.application.kinds import AGENCY
from rujukan.api.application.ports import Changes, Ports
from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.domain import agency as a
from rujukan.domain import webhook as w
from rujukan.domain.agency_hours import SetHolidays, SetHours
from rujukan.domain.agency_keys import ApproveResealing, AskResealing, RefuseResealing, RegisterKey, RetireKey
from rujukan.domain.case.amending import AmendReferral
from rujukan.domain.case.appointments import CancelAppointment, MakeAppointment, MoveAppointment
from rujukan.domain.case.assessments import AgreeSafetyPlan, AssessNeeds, AssessRisk
from rujukan.domain.case.attendance import KeepAppointment, MissAppointment
from rujukan.domain.case.cancelling import AgreeToCancellation, AskCancellation, DeclineCancellation
from rujukan.domain.case.clock_ends import EndClock, EndDuty, FindNotIndicated, MeetClock, ResumeClock
from rujukan.domain.case.conferences import AgreeAction, FinishAction, HoldConference
from rujukan.domain.case.confirming import ConfirmConsent, ContradictConsent
from rujukan.domain.case.consents import GiveConsent, NarrowConsent, RefuseConsent, WithdrawConsent
from rujukan.domain.case.disclosures import DiscloseCase
from rujukan.domain.case.erasure import (
    ApproveErasure,
    ApprovePostponedErasure,
    ErasureRequested,
    RefuseErasure,
    RequestErasure,
)
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    HoldReferral,
    ReceiveReferral,
    RejectReferral,
    ResumeReferral,
    StartReferral,
)
from rujukan.domain.case.glass import BreakGlass, CloseGlass, ReviewGlass
from rujukan.domain.case.her_report import AskSurvivorReport
from rujukan.domain.case.holds import CheckCourtOrder, LiftHoldOnOrder, LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
)
from rujukan.domain.case.incidents import CorrectIncident, RecordAllegedPerpetrator, RecordIncident
from rujukan.domain.case.intake import OpenCase, ReceiveReport
from rujukan.domain.case.keeping import ConfirmLegalHold, EndUnconfirmedHold, HoldConfirmationDue
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, AssignCaseWorker, DeclineLeadTransfer
from rujukan.domain.case.leave import AskGlassLeave
from rujukan.domain.case.lifecycle import CloseCase, ReopenCase
from rujukan.domain.case.merging import MergeCase, SeparateCase
from rujukan.domain.case.notes import RecordContactAttempt, RecordFollowUp, RecordNote
from rujukan.domain.case.orders import RecordProtectionOrder
from rujukan.domain.case.overrides import (
    ApproveOverride,
    EndOverride,
    OverrideConsent,
    RefuseOverride,
    ReviewOverride,
)
from rujukan.domain.case.questions import AnswerQuestion, AskQuestion
from rujukan.domain.case.referrals import CancelReferral, DraftReferral, SendReferral
from rujukan.domain.case.rights import AnswerRight, AskRight
from rujukan.domain.case.sender_gone import EndReferralForSender
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.silence import LeaveRejected
from rujukan.domain.case.staffing import AssignPerson, EndAssignment, EndExclusion, ExcludePerson
from rujukan.domain.case.stopping import ConfirmStop, ContradictStop, StopSharing
from rujukan.domain.case.striking import RecordAccusedStatement, StrikeAllegedPerpetrator
from rujukan.domain.case.uncovered import EndUncoveredReferral
from rujukan.domain.codes import AgencyKind, ErasureBasis, Purpose, Role, Service
from rujukan.domain.compartment import compartments_of
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import ErasureId, Fact, HoldId
from rujukan.domain.pathways import END_TIMES
from rujukan.domain.proposal import ApproveProposal, RefuseProposal, WithdrawProposal
from rujukan.domain.standing.rule import roles_for
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor
from rujukan.infra.system_act import system_act

ACTIONS: tuple[Action, ...] = (OPENING, *CASE_ACTIONS, *AGENCY_ACTIONS, *PROPOSAL_ACTIONS)
PROBLEMS = {"400", "401", "403", "404", "409", "412", "422", "503"}


@pytest.fixture(scope="module")
def document(running: Running) -> dict[str, Any]:
    """What a stranger reads at /openapi.json."""
    found: dict[str, Any] = running.http.get("/openapi.json").json()
    return found


def named(action: Action) -> str:
    return action.command.__name__


# The document --------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_operations_have_ids_of_their_own(document: dict[str, Any]) -> None:
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_an_action_is_documented(document: dict[str, Any], action: Action) -> None:
    """With its schema, an example, what it answers, and the problems it may answer with."""
    operation = document["paths"][action.path]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": f"#/components/schemas/{named(action)}"}
    assert named(action) in document["components"]["schemas"]
    assert body["examples"]["example"]["value"] == action.example
    assert operation["responses"].keys() >= PROBLEMS | {"201" if action.mints else "200"}
    assert operation["security"] == [{"access_token": []}]
    for status, response in operation["responses"].items():
        if status.startswith(("4", "5")):
            assert response["content"].keys() == {"application/problem+json"}, status


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_field_shows_its_compartment(document: dict[str, Any], action: Action) -> None:
    """An agency's developer sees under whose key a field will lie before sending it."""
    shown = document["components"]["schemas"][named(action)]["properties"]
    for field, compartment in compartments_of(action.command).items():
        if f"{{{field}}}" in action.path or field in MADE_HERE:
            assert field not in shown, f"{field} stands in the path already, or is not the caller's to send"
        else:
            assert shown[field]["x-compartment"] == compartment.word, field


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_an_example_fits_its_schema(document: dict[str, Any], action: Action) -> None:
    schema = {"$ref": f"#/components/schemas/{named(action)}", "components": document["components"]}
    OAS31Validator(schema).validate(action.example)


def test_what_stands_in_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            inside = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert inside == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path


def test_reads_and_writes_of_content_ask_for_a_purpose(document: dict[str, Any]) -> None:
    """Who may do without a token, or without a purpose, is a closed list."""
    without_token, without_purpose = set(), set()
    for path, item in document["paths"].items():
        for operation in item.values():
            if not operation["security"]:
                without_token.add(path)
            elif not any(p["name"] == "Purpose-Of-Use" for p in operation["parameters"]):
                without_purpose.add(path)
    ledger = {p for p in document["paths"] if p.startswith("/ledger/")}  # hashes that tell nothing of their events
    assert len(ledger) == 6
    messages = {"/schemas", "/schemas/{topic}/{version}", "/asyncapi.json", "/docs/events"}  # what could be sent
    assert (
        without_token == {"/codes", "/codes/{list}", "/health", "/live", "/.well-known/jwks.json"} | ledger | messages
    )
    subscribing = {"/subscription", "/subscription/events", "/subscription/stream"}  # sealed: told for a purpose before
    assert without_purpose == {"/me", "/agencies"} | subscribing


def test_every_operation_says_who_may(document: dict[str, Any]) -> None:
    """In words and as data, from the table that is asked."""
    for path, item in document["paths"].items():
        for operation in item.values():
            assert "Who may: " in operation["description"], path
            assert operation["x-standing"], path
            assert (operation["x-standing"] == "everybody") == (not operation["security"]), path


def arrays(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every array of the document, and where it stands."""
    if isinstance(schema, dict):
        if schema.get("type") == "array":
            yield where, schema
        for name, inner in schema.items():
            yield from arrays(inner, f"{where}/{name}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from arrays(inner, where)


def test_every_list_says_what_is_in_it(document: dict[str, Any]) -> None:
    """Client generators drop what has no type."""
    found = list(arrays(document))
    assert found
    assert [where for where, array in found if not array.get("items")] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    said = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert said <= document["components"]["schemas"].keys()


def test_a_client_can_be_generated(document: dict[str, Any], tmp_path: Path) -> None:
    """By a generator that nobody here wrote, if it is installed: with a model for the rows of each list."""
    pytest.importorskip("openapi_python_client")
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    made = tmp_path / "client"
    subprocess.run(
        [*command, "--path", str(tmp_path / "openapi.json"), "--output-path", str(made)],
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    page = (made / "models" / "referral_entry_page.py").read_text()
    assert re.search(r"items: list\[.?ReferralEntry.?\]", page)


# The walk ------------------------------------------------------------------------------------------------------


class Walk:
    """Posts documented examples, one action after another, and keeps what was answered."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._actions = {action.command: action for action in ACTIONS}
        self._client = running.http
        self.answers: dict[type[Fact], list[httpx.Response]] = defaultdict(list)
        self.found: dict[str, int] = {}
        """Where a write said that what it made can be read → what who wrote is answered there."""

    @contextmanager
    def acting(
        self, agency: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.COORDINATION
    ) -> Iterator[None]:
        """What is taken inside is taken by this person."""
        before = self._client
        self._client = self._running.client(agency, role, purpose)
        yield
        self._client = before

    def take(self, command: type[Fact], **ids: object) -> str:
        """Post the example of an action, these ids in the place of its own; the id that it made."""
        action = self._actions[command]
        inside = {name for name in ids if f"{{{name}}}" in action.path}
        beside = {n: said if isinstance(said, int) else str(said) for n, said in ids.items() if n not in inside}
        assert beside.keys() <= action.example.keys(), "an example lacks nothing that it needs"
        path = action.path.format(**{name: ids[name] for name in inside})
        return self._post(command, path, {**action.example, **beside})

    def propose(self, command: type[Fact], path: str, **said: object) -> str:
        """Give an action that waits for a second person; the proposal."""
        return self._post(command, path, said)

    def _post(self, command: type[Fact], path: str, said: Mapping[str, object]) -> str:
        response = self._client.post(path, json=said)
        self.answers[command].append(response)
        if (where := response.headers.get("Location")) is not None:
            self.found[where] = self._client.get(where).status_code
        return str(response.json().get("id"))

    def attach(self, case: str, **said: str) -> str:
        """Attach a document; its id."""
        named = {"Content-Type": "application/pdf"}
        response = self._client.post(f"/cases/{case}/documents", params=said, content=b"%PDF-1.7", headers=named)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def agreed(self, proposal: str, agency: str) -> None:
        """A second person approves what waits."""
        with self.acting(agency, Role.SUPERVISOR):
            self.take(ApproveProposal, proposal=proposal)

    def read(self, path: str) -> dict[str, Any]:
        """What that person reads there."""
        found: dict[str, Any] = self._client.get(path).json()
        return found


@pytest.fixture(scope="module")
def walked(walk: Walk) -> Mapping[type[Fact], list[httpx.Response]]:
    """What every action answered."""
    return walk.answers


@pytest.fixture(scope="module")
def walk(running: Running) -> Walk:
    """Every action, taken at least once by whoever takes it in life."""
    walk = Walk(running)
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
    _intake(walk, case)
    consent = _consent_and_referrals(walk, case)
    _work(walk, case)
    _emergency(walk, case)
    _staffing(walk)
    _end(walk, case, consent)
    _erasure(walk)
    _uncovered(walk)
    with composition.service(running.settings, connections=2) as ports:
        system = Casework(ports.log, ports.macs)
        _on_order(walk, system)
        _unconfirmed(walk, ports)
        _postponed(walk, ports)
        _agencies(walk, system)
    _two_people(walk)
    _leave(walk)
    _further(walk)
    return walk


def _further(walk: Walk) -> None:
    """What the story above does not take: each action of a subject, in its order, by the lead, on an open case. What
    one made, a later one may name."""
    with walk.acting("uptd-ppa"):
        made = {"case": walk.take(OpenCase)}
        for action in CASE_ACTIONS:
            if action.command in walk.answers:
                continue
            person = Role.CASE_WORKER if Role.CASE_WORKER in roles_for(action.command) else Role.SUPERVISOR
            named = {name: made[name] for name in re.findall(r"{(\w+)}", action.path)}
            with walk.acting("uptd-ppa", person):
                id = walk.take(action.command, **named)
            if action.mints is not None:
                made[action.mints] = id


def _intake(walk: Walk, case: str) -> None:
    with walk.acting("uptd-ppa"):
        walk.take(ReceiveReport, case=case)
        walk.take(IdentifySurvivor, case=case)
        walk.take(CorrectSurvivorIdentity, case=case)
        walk.take(RecordSurvivorContact, case=case)
        walk.take(CorrectSurvivorContact, case=case)
        incident = walk.take(RecordIncident, case=case)
        walk.take(CorrectIncident, case=case, incident=incident)
        walk.take(RecordAllegedPerpetrator, case=case)
        accused = walk.read(f"/cases/{case}")["version"]
        struck = walk.take(StrikeAllegedPerpetrator, case=case, entry=accused)
        walk.take(AssessNeeds, case=case)
        walk.take(AssessRisk, case=case)
        walk.take(AgreeSafetyPlan, case=case)
        walk.propose(ReceiveReport, f"/cases/{case}/reports", channel="in-person", reporter="survivor")
        clocks = walk.read(f"/cases/{case}")["clocks"]
        given, declined, *_ = (c["clock"] for c in clocks if c["duty"] == "care")
        walk.take(MeetClock, case=case, clock=given)
        walk.take(EndClock, case=case, clock=declined)
        walk.take(ResumeClock, case=case, clock=declined)
    walk.agreed(struck, "uptd-ppa")
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        walk.take(RecordAccusedStatement, case=case, entry=accused)
    of_law = next(c["clock"] for c in clocks if c["duty"] not in (None, "care"))
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        decided = walk.take(EndDuty, case=case, clock=of_law)
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        walk.take(ApproveProposal, proposal=decided)


def _consent_and_referrals(walk: Walk, case: str) -> str:
    with walk.acting("uptd-ppa"):
        consent = walk.take(GiveConsent, case=case)
        walk.take(RefuseConsent, case=case)
        clock = walk.read(f"/cases/{case}")["clocks"][1]["clock"]
        with_clock = {**ASKED[DraftReferral].example, "clocks": [clock]}
        helped = walk.propose(DraftReferral, f"/cases/{case}/referrals", **with_clock)
        declined, taken_back = walk.take(DraftReferral, case=case), walk.take(DraftReferral, case=case)
        failed, unneeded = (walk.take(DraftReferral, case=case, urgency="urgent") for _ in range(2))
        walk.take(SendReferral, case=case, referral=helped)
        for referral in (declined, failed, unneeded):
            sending = f"/cases/{case}/referrals/{referral}/sending"
            walk.propose(SendReferral, sending, duplicate_reason="Pemeriksaan kedua.")
        walk.take(CancelReferral, case=case, referral=taken_back)
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        alone, ended = walk.take(OverrideConsent, case=case), walk.take(OverrideConsent, case=case)
        walk.take(EndOverride, case=case, consent=ended)
        calm = walk.take(OpenCase, urgency="routine")
        asked, unwanted = walk.take(OverrideConsent, case=calm), walk.take(OverrideConsent, case=calm)
        walk.take(RefuseOverride, case=calm, consent=unwanted)
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        walk.take(ApproveOverride, case=calm, consent=asked)
    with walk.acting("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT):
        walk.take(ReviewOverride, case=case, consent=alone)
    with walk.acting("rsud", purpose=Purpose.CARE):
        for referral in (helped, declined, failed, unneeded):
            walk.take(ReceiveReferral, case=case, referral=referral)
        walk.take(RejectReferral, case=case, referral=declined)
        for referral in (helped, failed, unneeded):
            walk.take(AcceptReferral, case=case, referral=referral)
            walk.take(StartReferral, case=case, referral=referral)
        heard, misheard = walk.take(GiveConsent, case=case), walk.take(GiveConsent, case=case)
        stop, no_stop = walk.take(StopSharing, case=case), walk.take(StopSharing, case=case)
        right = walk.take(AskRight, case=case)
        question = walk.take(AskQuestion, case=case, referral=helped)
        with walk.acting("uptd-ppa"):
            walk.take(AnswerQuestion, case=case, question=question)
            walk.take(AmendReferral, case=case, referral=failed)
            for referral in (failed, unneeded):
                walk.take(AskCancellation, case=case, referral=referral)
        walk.take(DeclineCancellation, case=case, referral=failed)
        walk.take(AgreeToCancellation, case=case, referral=unneeded)
        walk.take(HoldReferral, case=case, referral=helped)
        walk.take(ResumeReferral, case=case, referral=helped)
        walk.take(DeliverService, case=case)
        walk.take(FindNotIndicated, case=case, clock=clock)
        left = walk.take(DraftReferral, case=case, recipient="lbh")
        walk.take(CompleteReferral, case=case, referral=helped)
        walk.take(FailReferral, case=case, referral=failed)
    with walk.acting("uptd-ppa"):
        walk.take(LeaveRejected, case=case, referral=declined)
        walk.take(ConfirmConsent, case=case, consent=heard)
        walk.take(ContradictConsent, case=case, consent=misheard)
        walk.take(ConfirmStop, case=case, stop=stop)
        walk.take(ContradictStop, case=case, stop=no_stop)
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        walk.take(AnswerRight, case=case, right=right)
        walk.take(EndReferralForSender, case=case, referral=left)
    return consent


def _work(walk: Walk, case: str) -> None:
    with walk.acting("uptd-ppa"):
        walk.take(RecordNote, case=case)
        walk.take(RecordContactAttempt, case=case)
        walk.take(RecordFollowUp, case=case)
        met = walk.take(MakeAppointment, case=case, appointed_for=datetime.now(UTC).isoformat())
        walk.take(KeepAppointment, case=case, appointment=met)
        moved = walk.take(MakeAppointment, case=case)
        walk.take(MoveAppointment, case=case, appointment=moved)
        walk.take(CancelAppointment, case=case, appointment=moved)
        now = walk.take(MakeAppointment, case=case, appointed_for=datetime.now(UTC).isoformat())
        walk.take(MissAppointment, case=case, appointment=now)
        walk.take(HoldConference, case=case)
        walk.take(FinishAction, case=case, action=walk.take(AgreeAction, case=case))
        walk.take(RecordProtectionOrder, case=case)
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        disclosed = walk.take(DiscloseCase, case=case)
    walk.agreed(disclosed, "uptd-ppa")
    with walk.acting("uptd-ppa", purpose=Purpose.SURVIVOR_REQUEST):
        her_report = walk.take(AskSurvivorReport, case=case)
    walk.agreed(her_report, "uptd-ppa")
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        hold = walk.take(PlaceLegalHold, case=case)
        lifting = walk.take(LiftLegalHold, case=case, hold=hold)
    walk.agreed(lifting, "uptd-ppa")


def _uncovered(walk: Walk) -> None:
    """Work that goes on without her consent."""
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
        consent = walk.take(GiveConsent, case=case)
        referral = walk.take(DraftReferral, case=case, urgency="urgent")
        walk.take(SendReferral, case=case, referral=referral)
    with walk.acting("rsud", purpose=Purpose.CARE):
        for move in (ReceiveReferral, AcceptReferral, StartReferral):
            walk.take(move, case=case, referral=referral)
    with walk.acting("uptd-ppa"):
        walk.take(WithdrawConsent, case=case, consent=consent)
    with walk.acting("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION):
        walk.take(EndUncoveredReferral, case=case, referral=referral)


def _unconfirmed(walk: Walk, ports: Ports) -> None:
    """Nobody of the court said in time that it needs its hold still."""
    court, casework = f"pengadilan-{uuid4().hex[:8]}", Casework(ports.log, ports.macs)
    onboarding.register(casework, court, AgencyKind.JUSTICE, "Pengadilan Negeri", [Service.LAW_ENFORCEMENT])
    onboarding.add_member(casework, court, usual_actor(court, Role.CASE_WORKER), [Role.CASE_WORKER], None)
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
        walk.propose(GiveConsent, f"/cases/{case}/consents", **{**ASKED[GiveConsent].example, "recipients": [court]})
        referral = walk.take(DraftReferral, case=case, recipient=court, service=Service.LAW_ENFORCEMENT.value)
        walk.take(SendReferral, case=case, referral=referral)
    with walk.acting(court):
        walk.take(ReceiveReferral, case=case, referral=referral)
    with walk.acting("uptd-ppa"):
        (hold,) = walk.read(f"/cases/{case}")["holds"]
    long_ago = datetime.now(UTC) - timedelta(days=1)
    of: dict[str, Any] = {"hold": HoldId(UUID(hold["hold"])), "holder": court, "holder_kind": AgencyKind.JUSTICE}
    asked = HoldConfirmationDue(occurred_at=long_ago, **of, lapses_at=long_ago, rule="2026-1")
    _recorded(ports, case, asked, long_ago)
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        ending = walk.take(EndUnconfirmedHold, case=case, hold=hold["hold"])
    walk.agreed(ending, "uptd-ppa")


def _recorded(ports: Ports, case: str, event: Fact, at: datetime) -> None:
    """That happened in the case then."""
    stored = ports.log.read(UUID(case))
    ports.log.append([Changes(UUID(case), len(stored), [event])], replace(system_act(), at=at), uuid4())


def _postponed(walk: Walk, ports: Ports) -> None:
    """Two weeks ago somebody asked for an erasure, and nobody could approve it."""
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
    long_ago, erasure = datetime.now(UTC) - END_TIMES.postponed, ErasureId(uuid4())
    of: dict[str, Any] = {"erasure": erasure, "basis": ErasureBasis.SURVIVOR_REQUEST, "reason": "Diminta."}
    of |= {"compartments": frozenset({"economic"}), "asked_by": usual_actor("uptd-ppa", Role.SUPERVISOR)}
    _recorded(ports, case, ErasureRequested(occurred_at=long_ago, **of), long_ago)
    with walk.acting("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.SURVIVOR_REQUEST):
        walk.take(ApprovePostponedErasure, case=case, erasure=erasure)


def _on_order(walk: Walk, system: Casework) -> None:
    """A prosecution takes part, and attaches a court's order."""
    court = f"kejari-{uuid4().hex[:8]}"
    onboarding.register(system, court, AgencyKind.JUSTICE, "Kejaksaan Negeri", [Service.LAW_ENFORCEMENT])
    onboarding.add_member(system, court, usual_actor(court, Role.CASE_WORKER), [Role.CASE_WORKER], None)
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
        walk.propose(GiveConsent, f"/cases/{case}/consents", **{**ASKED[GiveConsent].example, "recipients": [court]})
        referral = walk.take(DraftReferral, case=case, recipient=court, service=Service.LAW_ENFORCEMENT.value)
        walk.take(SendReferral, case=case, referral=referral)
    with walk.acting(court):
        walk.take(ReceiveReferral, case=case, referral=referral)
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        hold = walk.take(PlaceLegalHold, case=case)
    with walk.acting(court):
        order = walk.attach(case, kind="court-order", compartment="legal")
    with walk.acting("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT):
        check = walk.take(CheckCourtOrder, case=case, document=order)
    walk.agreed(check, "uptd-ppa")
    with walk.acting("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL):
        walk.take(ConfirmLegalHold, case=case, hold=hold)
        lifting = walk.take(LiftHoldOnOrder, case=case, hold=hold, on_order=order)
    walk.agreed(lifting, "uptd-ppa")


def _erasure(walk: Walk) -> None:
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        erasure = walk.take(RequestErasure, case=case)
        walk.take(RefuseErasure, case=case, erasure=erasure)
        erasure = walk.take(RequestErasure, case=case)
    with walk.acting("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.SURVIVOR_REQUEST):
        walk.take(ApproveErasure, case=case, erasure=erasure)


def _emergency(walk: Walk, case: str) -> None:
    with walk.acting("psikolog", purpose=Purpose.CARE):
        glass = walk.take(BreakGlass, case=case)
        walk.take(CloseGlass, case=case, glass=glass)
    with walk.acting("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION):
        walk.take(ReviewGlass, case=case, glass=glass)


def _staffing(walk: Walk) -> None:
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
    worker = usual_actor("uptd-ppa", Role.CASE_WORKER)
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        walk.take(AssignPerson, case=case, person=worker)
        walk.take(EndAssignment, case=case, person=worker)
        exclusion = walk.take(ExcludePerson, case=case, person=usual_actor("polres", Role.CASE_WORKER))
        ended = walk.take(EndExclusion, case=case, exclusion=exclusion)
    with walk.acting("uptd-ppa", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT):
        walk.take(ApproveProposal, proposal=ended)


def _end(walk: Walk, case: str, consent: str) -> None:
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        walk.take(AssignCaseWorker, case=case, worker=usual_actor("uptd-ppa", Role.CASE_WORKER))
        first = walk.take(AskLeadTransfer, case=case)
    with walk.acting("rsud", Role.SUPERVISOR):
        walk.take(DeclineLeadTransfer, case=case, transfer=first)
    with walk.acting("uptd-ppa", Role.SUPERVISOR):
        again = walk.take(AskLeadTransfer, case=case)
    with walk.acting("rsud", Role.SUPERVISOR):
        walk.take(AcceptLeadTransfer, case=case, transfer=again)
        walk.take(NarrowConsent, case=case, consent=consent)
        walk.take(WithdrawConsent, case=case, consent=consent)
        walk.take(CloseCase, case=case)
        walk.take(ReopenCase, case=case)
        second = walk.take(OpenCase)  # nothing runs in it
        walk.take(MergeCase, case=second, into=case)
        separation = walk.take(SeparateCase, case=second)
    with walk.acting("rsud", Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT):
        walk.take(ApproveProposal, proposal=separation)


def _agencies(walk: Walk, system: Casework) -> None:
    """An agency is registered by the lead; its first administrator the system adds; then it sees to itself."""
    code = f"lsm-{uuid4().hex[:8]}"
    with walk.acting("uptd-ppa", Role.AGENCY_ADMINISTRATOR):
        registered = walk.take(a.RegisterAgency, code=code)
    walk.agreed(registered, "uptd-ppa")
    administrator = usual_actor(code, Role.AGENCY_ADMINISTRATOR)
    onboarding.add_member(system, code, administrator, [Role.AGENCY_ADMINISTRATOR], None)
    onboarding.add_member(system, code, usual_actor(code, Role.SUPERVISOR), [Role.SUPERVISOR], None)
    lead = f"uptd-{uuid4().hex[:8]}"
    onboarding.register(system, lead, AgencyKind.LEAD, "UPTD PPA lain", [])
    onboarding.add_member(system, lead, usual_actor(lead, Role.AGENCY_ADMINISTRATOR), [Role.AGENCY_ADMINISTRATOR], None)
    with walk.acting(lead, Role.AGENCY_ADMINISTRATOR):
        walk.take(SetHolidays, code=lead)
    with walk.acting(code, Role.AGENCY_ADMINISTRATOR):
        walk.take(a.OfferServices, code=code)
        walk.take(SetHours, code=code)
        walk.agreed(walk.take(a.SetNeedToKnow, code=code), code)
        first = AgencyKey.generate("first")
        walk.take(RegisterKey, code=code, public_key=first.public)
        second = walk.take(RegisterKey, code=code, key="next", public_key=AgencyKey.generate("next").public)
        walk.agreed(second, code)
        walk.take(RetireKey, code=code, key="2026-1")
        walk.take(AskResealing, code=code, key="next")
    with walk.acting("uptd-ppa", Role.AGENCY_ADMINISTRATOR):
        walk.take(RefuseResealing, code=code, key="next")
    with walk.acting(code, Role.AGENCY_ADMINISTRATOR):
        walk.take(AskResealing, code=code, key="next")
    with walk.acting("uptd-ppa", Role.AGENCY_ADMINISTRATOR):
        walk.take(ApproveResealing, code=code, key="next")
    with walk.acting(code, Role.AGENCY_ADMINISTRATOR):
        walk.agreed(walk.take(w.SetWebhook, code=code), code)
        walk.take(w.ReplayWebhook, code=code)
        _disable_webhook(system, code)
        walk.take(w.EnableWebhook, code=code)
        walk.take(w.RemoveWebhook, code=code)
        walk.take(a.AddMember, code=code)
        walk.take(a.RemoveMember, code=code, member=UUID("00000000-0000-4000-8000-00000000000a"))
    with walk.acting("uptd-ppa", Role.AGENCY_ADMINISTRATOR):
        walk.take(a.SuspendAgency, code=code)
        walk.agreed(walk.take(a.ReactivateAgency, code=code), "uptd-ppa")


def _two_people(walk: Walk) -> None:
    """A supervisor is made by two people; another is refused; a third is taken back."""
    joins = {"member": str(uuid4()), "roles": ["supervisor"]}
    with walk.acting("rsud", Role.AGENCY_ADMINISTRATOR):
        first, second, third = (walk.propose(a.AddMember, "/agencies/rsud/members", **joins) for _ in range(3))
        walk.take(WithdrawProposal, proposal=third)
    with walk.acting("rsud", Role.SUPERVISOR):
        walk.take(RefuseProposal, proposal=second)
        walk.take(ApproveProposal, proposal=first)


def _leave(walk: Walk) -> None:
    """Who was judged not justified asks a second person."""
    with walk.acting("uptd-ppa"):
        case = walk.take(OpenCase)
    with walk.acting("rsud"):
        glass = walk.take(BreakGlass, case=case)
    judged = f"/cases/{case}/break-glass/{glass}/review"
    with walk.acting("rsud", Role.SUPERVISOR):
        walk.propose(ReviewGlass, judged, verdict="not-justified", remark="r")
    with walk.acting("rsud"):
        leave = walk.take(AskGlassLeave, case=case)
    walk.agreed(leave, "rsud")
    with walk.acting("uptd-ppa", Role.SUPERVISOR):  # or the worker of rsud would ask in every case of the other tests
        walk.propose(ReviewGlass, judged, verdict="justified", remark="r")


def _disable_webhook(system: Casework, code: str) -> None:
    """As the system does when a webhook fails for too long."""
    act = system_act()
    agency = system.network.get(code)
    assert agency is not None
    assert agency.webhook is not None
    said = w.DisableWebhook(occurred_at=act.at, registration=agency.webhook.registration, reason="failing")
    system.handle(AGENCY, code, said, act, correlation=uuid4())


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_documented_example_works(walked: Mapping[type[Fact], list[httpx.Response]], action: Action) -> None:
    assert action.command in walked, "an action of the table that the walk does not take"
    for response in walked[action.command]:
        waits = ASKED[action.command].second is not None and response.json().get("waits")
        assert response.status_code == (202 if waits else 201 if action.mints else 200), response.text


@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_an_answer_fits_the_document(
    walked: Mapping[type[Fact], list[httpx.Response]], document: dict[str, Any], action: Action
) -> None:
    schema = {"$ref": "#/components/schemas/Stored", "components": document["components"]}
    for response in walked[action.command]:
        OAS31Validator(schema).validate(response.json())
        assert response.headers["ETag"] == f'"{response.json()["version"]}"'
        assert response.headers["Rujukan-Position"] == str(response.json()["position"])


def test_location_leads_to_what_who_wrote_can_read(walk: Walk) -> None:
    """A write that makes what they cannot read there says no place."""
    assert {where.split("/")[1] for where in walk.found} == {"cases", "proposals"}
    assert {where: status for where, status in walk.found.items() if status != 200} == {}


def test_every_status_that_a_write_answers_is_in_the_document(walk: Walk, document: dict[str, Any]) -> None:
    for action in ACTIONS:
        for response in walk.answers[action.command]:
            said = document["paths"][action.path]["post"]["responses"][str(response.status_code)]
            shown = {name.lower() for name in said.get("headers", ())}
            ours = {"etag", "rujukan-position", "location", "idempotent-replayed"} & response.headers.keys()
            assert ours <= shown, action.path


def test_what_any_operation_may_answer_is_in_the_document(document: dict[str, Any]) -> None:
    """Client generators make of a status that is not there an error of the client."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"]
            limited = {"429"} - ({"429"} if path in ("/health", "/live") else set())
            assert answers.keys() >= {"400", "405", "503"} | limited, path
            if method == "post":
                assert answers.keys() >= {"408", "413"}, path
                takes_json = "application/json" in operation["requestBody"]["content"]
                assert ("415" in answers) == takes_json, path
            assert "Allow" in answers["405"]["headers"]


def test_a_body_is_required_where_something_in_it_is(document: dict[str, Any]) -> None:
    for action in ACTIONS:
        body = document["paths"][action.path]["post"]["requestBody"]
        assert body["required"] == bool(document["components"]["schemas"][named(action)]["required"]), action.path


def patterns(schema: Any) -> Iterator[str]:
    """Every regular expression of a document."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


@pytest.mark.thorough
@pytest.mark.parametrize("where", ["/openapi.json", "/asyncapi.json", "/schemas"])
def test_every_pattern_is_one_that_all_engines_know(running: Running, where: str) -> None:
    """RE2 (Go) and Rust's look neither ahead nor behind, and JSON Schema advises against it."""
    found = running.http.get(where).json()
    documents = [found] if where != "/schemas" else [running.http.get(item["href"]).json() for item in found["schemas"]]
    said = {pattern for document in documents for pattern in patterns(document)}
    assert said
    assert [pattern for pattern in said if re.search(r"\(\?[=!<]|\\[1-9AZz]", pattern)] == []
