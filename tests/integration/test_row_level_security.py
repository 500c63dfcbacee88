"""Row-level security: the setting `rujukan.agency` says for whom a connection reads, the database refuses the rest.

The setting separates agencies from each other, not the service from itself: whoever speaks SQL as the service
may set it to any agency. So it is the API that sets it, for one transaction at a time, from a checked token.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from threading import Barrier, Event, Thread
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from office import (
    KINDS,
    Office,
    catch_up,
    further,
    opened_office,
    tell_erasures,
    tell_lateness,
    tell_one_case,
    until,
)
from patience import PATIENCE_SECONDS
from psycopg import errors
from psycopg.sql import SQL, Identifier
from psycopg.types.string import TextLoader

from rujukan import projections
from rujukan.api.application.kinds import AGENCY, CASE
from rujukan.api.application.once import Sent
from rujukan.domain import catalogue, persons
from rujukan.domain.agency import AddMember
from rujukan.domain.case.ages import AssessAge, WarnOfMajority
from rujukan.domain.case.amending import AmendReferral
from rujukan.domain.case.appointments import MakeAppointment
from rujukan.domain.case.assessments import AgreeSafetyPlan, AssessNeeds, AssessRisk
from rujukan.domain.case.attendance import KeepAppointment, MissAppointment
from rujukan.domain.case.cancelling import AgreeToCancellation, AskCancellation, DeclineCancellation
from rujukan.domain.case.clock_ends import EndClock, EndDuty, FindNotIndicated, MeetClock, ResumeClock
from rujukan.domain.case.conferences import AgreeAction, FinishAction, HoldConference
from rujukan.domain.case.confirming import ConfirmConsent, ContradictConsent
from rujukan.domain.case.consents import GiveConsent, RefuseConsent
from rujukan.domain.case.documents import AttachDocument
from rujukan.domain.case.erasure import RefuseErasure, RequestErasure
from rujukan.domain.case.first_hold import HoldLiftingAsked, HoldLiftingRefused, LegalHoldLifted, LegalHoldPlaced
from rujukan.domain.case.fulfilment import AcceptReferral, CompleteReferral, ReceiveReferral, StartReferral
from rujukan.domain.case.glass import BreakGlass, ReviewGlass
from rujukan.domain.case.holds import LiftLegalHold, PlaceLegalHold
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
)
from rujukan.domain.case.incidents import CorrectIncident, RecordAllegedPerpetrator, RecordIncident
from rujukan.domain.case.intake import OpenCase, ReceiveReport
from rujukan.domain.case.keeping import ConfirmLegalHold
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import RecordContactAttempt, RecordFollowUp, RecordNote
from rujukan.domain.case.orders import RecordProtectionOrder, RequestProtection
from rujukan.domain.case.overrides import (
    ApproveOverride,
    ConsentOverridden,
    EndOverride,
    OverrideConsent,
    RefuseOverride,
    ReviewOverride,
)
from rujukan.domain.case.questions import AnswerQuestion, AskQuestion
from rujukan.domain.case.referrals import DraftReferral, SendReferral
from rujukan.domain.case.rights import AnswerRight, AskRight
from rujukan.domain.case.sender_gone import EndReferralForSender
from rujukan.domain.case.services import DeliverService
from rujukan.domain.case.staffing import EndExclusion, ExcludePerson
from rujukan.domain.case.stopping import ConfirmStop, ContradictStop, StopSharing
from rujukan.domain.case.striking import RecordAccusedStatement, StrikeAllegedPerpetrator, StrikeEntry
from rujukan.domain.clock_codes import AskedOf, ClockDuty, ClockEnd
from rujukan.domain.codes import (
    AgeGroup,
    Channel,
    CloseReason,
    ConsentBy,
    DocumentKind,
    EndReason,
    ErasureBasis,
    GlassVerdict,
    HoldEnd,
    HoldKind,
    LegalBasis,
    Obtained,
    Outcome,
    Purpose,
    Reporter,
    Role,
    Service,
    Sex,
    SharingBasis,
    StopAbout,
    StruckBecause,
    Urgency,
)
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.fact import ActorId, CaseId, Fact
from rujukan.domain.persons import Right, RightAnswer
from rujukan.domain.referral_codes import AppointmentBy, QuestionAbout, QuestionReply
from rujukan.domain.violence import GbvType, Need, Place, RiskLevel, ToldBy, ViolenceForm, YesNo
from rujukan.domain.webhook import SetWebhook
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import system_act

NOT_FOR_THE_SERVICE = {
    "assigned",
    "audit_lead",
    "deed",
    "departed",
    "excluded",
    "led_case",
    "marked",
    "oddity",
    "operator",
    "announced_end",
    "clock_reminder",
    "running_clock",
    "sharing_alone",
    "waiting_duty",
}
"""Tables that followers alone read."""
OPEN_TO_ALL = {"agency"}
"""The table that every member may read: the directory."""


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        tell_one_case(opened, composition.now())
        police = tell_lateness(opened)
        tell_erasures(opened, composition.now())
        opened.breaks_glass("rsud", police, "health")
        tell_everything(opened)
        tell_growing_up(opened)
        catch_up(settings)
        yield opened


@pytest.fixture
def service(settings: Settings) -> Iterator[psycopg.Connection]:
    """Somebody who speaks SQL as the service."""
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        yield db


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        yield db


def agency_tables(db: psycopg.Connection) -> list[str]:
    """The tables of the read models that the service may read and that say something about cases."""
    found = db.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'views'::regnamespace AND relkind = 'r'"
        " AND has_table_privilege(%s, oid, 'SELECT') ORDER BY 1",
        (SERVICE,),
    ).fetchall()
    return [name for (name,) in found if name not in OPEN_TO_ALL]


def rows(db: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    with db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(SQL("SELECT * FROM {}").format(Identifier("views", table))).fetchall()


# Who sees what -----------------------------------------------------------------------------------------------


def test_every_table_about_cases_has_row_level_security(office: Office, superuser: psycopg.Connection) -> None:
    declared = {table for read_model in projections.ALL for table in read_model.tables}
    assert set(agency_tables(superuser)) == declared - OPEN_TO_ALL - NOT_FOR_THE_SERVICE
    unprotected = superuser.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'views'::regnamespace AND relkind = 'r'"
        " AND NOT relrowsecurity AND has_table_privilege(%s, oid, 'SELECT')",
        (SERVICE,),
    ).fetchall()
    assert {name for (name,) in unprotected} == OPEN_TO_ALL
    attributes = superuser.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", (SERVICE,))
    assert attributes.fetchone() == (False, False)


def test_every_table_about_cases_asks_for_the_person(
    office: Office, service: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """Whatever read model it is of: none shows a row of a case to who is excluded from it."""
    of_cases = {
        table: "case_id" if "case_id" in columns else "subject"
        for table in agency_tables(superuser)
        if {"case_id", "subject"} & (columns := rows(superuser, table)[0].keys())
    }
    asked = "SELECT tablename FROM pg_policies WHERE schemaname = 'views' AND permissive = 'RESTRICTIVE'"
    assert of_cases.keys() <= {table for (table,) in superuser.execute(asked)}
    excluded = superuser.execute("SELECT case_id, person FROM views.excluded").fetchall()
    assert excluded
    shown = 0
    for case, person in excluded:
        for agency in KINDS:
            service.execute("SELECT set_config('rujukan.agency', %s, false)", (agency,))
            for table, column in of_cases.items():
                service.execute("SELECT set_config('rujukan.person', %s, false)", (str(uuid4()),))
                shown += sum(row[column] == case for row in rows(service, table))
                service.execute("SELECT set_config('rujukan.person', %s, false)", (str(person),))
                assert [row for row in rows(service, table) if row[column] == case] == []
    assert shown > 0


def test_what_agencies_were_told_is_each_agencys_own(
    office: Office, settings: Settings, service: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """The register, its heads, webhooks: the rest of that schema the service may not even look into, but for how far
    the register is."""
    found = superuser.execute(
        "SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = 'delivery'::regnamespace AND relkind = 'r'"
        " AND has_table_privilege(%s, oid, 'SELECT') ORDER BY 1",
        (SERVICE,),
    ).fetchall()
    own = ("gaps", "heads", "recalled", "sent", "tallies", "told", "webhooks")
    assert found == sorted([*((name, True) for name in own), ("reached", False)])
    at = composition.now()
    for agency in ("rsud", "polres"):
        office.agrees(agency, SetWebhook(occurred_at=at, url=f"https://{agency}.example/"))
    stop = Event()
    keeper = Thread(target=composition.keep_register, args=(settings, stop), daemon=True)
    keeper.start()
    until(lambda: superuser.execute("SELECT count(*) FROM delivery.webhooks").fetchone() == (2,))
    stop.set()
    keeper.join(PATIENCE_SECONDS)
    for table in ("told", "heads", "webhooks"):
        count = SQL("SELECT DISTINCT agency FROM {}").format(Identifier("delivery", table))
        assert {"rsud", "polres"} <= {agency for (agency,) in superuser.execute(count)}
        for agency, seen in (("", []), ("nobody", []), ("rsud", [("rsud",)]), ("polres", [("polres",)])):
            service.execute("SELECT set_config('rujukan.agency', %s, false)", (agency,))
            assert service.execute(count).fetchall() == seen, (table, agency)
        for change in ("DELETE FROM {}", "UPDATE {} SET agency = 'lbh'", "TRUNCATE {}"):
            with pytest.raises(errors.InsufficientPrivilege):
                service.execute(SQL(change).format(Identifier("delivery", table)))


def test_who_says_no_agency_sees_no_row(
    office: Office, service: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    for table in agency_tables(superuser):
        assert rows(superuser, table) != []
        assert rows(service, table) == []
        for nobody in ("", "nobody", "%", "RSUD", "rsud "):
            service.execute("SELECT set_config('rujukan.agency', %s, false)", (nobody,))
            assert rows(service, table) == []
        service.execute("RESET ALL")


def whose(table: str, row: dict[str, Any]) -> set[str | None]:
    """The agencies that may see a row."""
    match table:
        case "caseload":
            return {row["agency"]}
        case "case_delivery":  # it names who takes part
            return {row["lead"]}
        case "referral_delivery":
            return {row["sender"], row["recipient"], row["lead"]}
        case "escalation":
            return {row["recipient"], row["lead"]} if row["level"] > 1 else {row["recipient"]}
        case _:
            return {row.get("agency"), row.get("lead")}


@pytest.mark.parametrize("agency", KINDS)
def test_an_agency_sees_exactly_its_own_rows(
    office: Office, service: psycopg.Connection, superuser: psycopg.Connection, agency: str
) -> None:
    service.execute("SELECT set_config('rujukan.agency', %s, false)", (agency,))
    for table in agency_tables(superuser):
        own = [row for row in rows(superuser, table) if agency in whose(table, row)]
        assert sorted(rows(service, table), key=repr) == sorted(own, key=repr)


def test_the_service_cannot_write_a_read_model_or_lift_its_policies(
    office: Office, service: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    service.execute("SELECT set_config('rujukan.agency', 'rsud', false)")
    for table in [*agency_tables(superuser), *OPEN_TO_ALL]:
        for statement in (
            "DELETE FROM {}",
            "TRUNCATE {}",
            "INSERT INTO {} DEFAULT VALUES",
            "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
            "CREATE POLICY mine ON {} USING (true)",
            "SELECT * FROM {} FOR UPDATE",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                service.execute(SQL(statement).format(Identifier("views", table)))
    service.execute("SET row_security = off")
    for table in ("audit_lead", *agency_tables(superuser)):
        with pytest.raises(errors.InsufficientPrivilege):
            rows(service, table)


def test_a_function_of_one_s_own_does_not_see_more(office: Office, service: psycopg.Connection) -> None:
    """A leaky condition runs on rows that the policy let through, and on no others."""
    service.execute("CREATE TEMP TABLE seen (agency text)")
    service.execute(
        "CREATE FUNCTION pg_temp.leak(agency text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
        " $$ BEGIN INSERT INTO seen VALUES (agency); RETURN true; END $$"
    )
    service.execute("SELECT set_config('rujukan.agency', 'rsud', false)")
    service.execute("SELECT count(*) FROM views.referral_box WHERE pg_temp.leak(agency)")
    assert service.execute("SELECT DISTINCT agency FROM seen").fetchall() == [("rsud",)]


def test_the_setting_is_all_that_separates_agencies_on_a_connection(
    office: Office, service: psycopg.Connection
) -> None:
    with service.transaction():
        service.execute("SELECT set_config('rujukan.agency', 'rsud', true)")
        assert {row["agency"] for row in rows(service, "caseload")} == {"rsud"}
        service.execute("SET LOCAL rujukan.agency = 'polres'")
        assert {row["agency"] for row in rows(service, "caseload")} == {"polres"}


# The pooled connection ---------------------------------------------------------------------------------------


def test_the_setting_ends_with_the_transaction_of_a_pooled_connection(
    settings: Settings, office: Office, superuser: psycopg.Connection
) -> None:
    cases = dict(superuser.execute("SELECT agency, count(*) FROM views.caseload GROUP BY 1").fetchall())
    assert cases["rsud"] != cases["polres"]

    def fail(agency: str) -> None:
        with ports.views.acting_for(agency) as db:
            assert backend(db) == first
            raise RuntimeError("a request that fails")

    with composition.service(settings, connections=1) as ports:

        def backend(db: Any) -> tuple[int, str | None, int]:
            ((pid, setting, cases),) = db.execute(
                "SELECT pg_backend_pid(), nullif(current_setting('rujukan.agency', true), ''),"
                " (SELECT count(*) FROM views.caseload)"
            ).fetchall()
            return pid, setting, cases

        pool = ports.views._pool  # type: ignore[attr-defined]
        with ports.views.acting_for("rsud") as db:
            first = backend(db)
        with pool.connection() as db:
            between = backend(db)
        with pytest.raises(RuntimeError, match="a request that fails"):
            fail("rsud")
        with pool.connection() as db:
            after = backend(db)
        with ports.views.acting_for("polres") as db:
            last = backend(db)
        assert first[1:] == ("rsud", cases["rsud"])
        assert between == after == (first[0], None, 0)
        assert last == (first[0], "polres", cases["polres"])


def test_requests_of_two_agencies_at_once_do_not_see_each_other(settings: Settings, office: Office) -> None:
    found: dict[str, set[str]] = {}
    start = Barrier(4)
    with composition.service(settings, connections=2) as ports:

        def ask(agency: str) -> None:
            start.wait()
            seen = found.setdefault(agency, set())
            for _ in range(40):
                with ports.views.acting_for(agency) as db:
                    seen.update(agency for (agency,) in db.execute("SELECT agency FROM views.timeline"))

        threads = [Thread(target=ask, args=(agency,)) for agency in ("uptd-ppa", "rsud", "polres", "lbh")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {agency: {agency} for agency in ("uptd-ppa", "rsud", "polres", "lbh")}


# What a copy of the database tells ---------------------------------------------------------------------------

Fields = dict[str, Any]

MARKER = "RAHASIA"
BORN = date(1987, 6, 5)
NIK = "6474990506877654"
"""Of a man born then, so that it does not fit."""
WORDS = {
    "forms": frozenset({ViolenceForm.TRAFFICKING}),
    "gbv_type": GbvType.FORCED_MARRIAGE,
    "place": Place.WORKPLACE,
    "needs": frozenset({Need.DISABILITY}),
    "level": RiskLevel.EXTREME,
    "sex": Sex.FEMALE,
    "nik": NIK,
    "identifier": persons.Identifier.PASSPORT,
    "age_basis": persons.AgeBasis.SAID,
    "years_from": 12,
    "years_to": 14,
    "nik_index": "5e" * 32,
    "safe_to_call": True,
    "domestic": True,
    "pregnancy_possible": YesNo.YES,
    "penetration": YesNo.YES,
    "told_by": ToldBy.SURVIVOR,
}
"""What is said in protected fields that are not free text."""
UNMISTAKABLE = ("perdagangan-orang", "forced-marriage", "tempat-kerja", "disability", "extreme", "report-to-police")
"""Codes of protected fields that occur nowhere else."""
SAID_BY_THE_SYSTEM = {("ClockStarted", "need")}


def plain_types(kind: Any) -> set[Any]:
    """The types that a field may have: `str | None`, whatever was noted beside it."""
    if get_origin(kind) is Annotated:
        return plain_types(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return {plain for one in get_args(kind) for plain in plain_types(one)}
    return {kind}


class Secrets:
    """Commands in which every field is said, with a marker wherever text can be."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.markers: list[str] = []

    def says(self, case: UUID, command: type[Fact], agency: str = "uptd-ppa", **fields: Any) -> None:
        role = fields.pop("role", Role.CASE_WORKER)
        self._office.does(agency, case, command, role=role, **(self.everything(command) | fields))

    def everything(self, command: type[Fact]) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for field in msgspec.structs.fields(command):
            plain = plain_types(field.type)
            if field.name in WORDS:
                said[field.name] = WORDS[field.name]
            elif date in plain:
                said[field.name] = BORN
            elif str in plain and field.name not in CODES:
                said[field.name] = f"{MARKER}-{command.__name__}-{field.name}"
                self.markers.append(said[field.name])
        return said


def say_the_rest(case: CaseId, secrets: Secrets) -> None:
    """Every further action as its example has it; in free text are markers."""
    for action, values in further(case, texts=False):
        secrets.says(case, action.command, **values)


CODES = {
    "recipient",
    "member_of",
    "corrects",
    "seen_by",
    "owner",
    "to",
    "compartment",
    "media_type",
    "sha256",
    "lead",
    "language",
}


def tell_growing_up(office: Office) -> None:
    """A case of a child of twelve, three years later: it was said that she will consent herself soon."""
    case, now = office.opens(composition.now()), composition.now() + timedelta(days=3 * 365)
    office.does("uptd-ppa", case, AssessAge, years_from=12, age_basis=persons.AgeBasis.CLINICIAN)
    by = msgspec.structs.replace(system_act(), at=now)
    office.casework.handle(CASE, CaseId(case), WarnOfMajority(occurred_at=now), by, correlation=uuid4())


def tell_everything(office: Office) -> tuple[UUID, list[str]]:
    """A case of an adolescent in which everything that can be said is said, markers in all free text."""
    says = (secrets := Secrets(office)).says
    case, consent, incident, document = CaseId(uuid4()), uuid4(), uuid4(), uuid4()
    shared = frozenset(x.word for x in Compartment)
    scope: Fields = {
        "compartments": shared,
        "recipients": frozenset({"rsud"}),
        "purposes": frozenset(Purpose),
        "expires_at": None,
    }
    report: Fields = {"channel": Channel.IN_PERSON, "reporter": Reporter.WITNESS}
    by = frozenset({ConsentBy.SURVIVOR})
    says(case, OpenCase, **report, urgency=Urgency.URGENT, age_group=AgeGroup.ADOLESCENT)
    says(case, ReceiveReport, **report)
    for command in (
        IdentifySurvivor, CorrectSurvivorIdentity, RecordSurvivorContact, CorrectSurvivorContact,
        RecordAllegedPerpetrator, AssessNeeds, AssessRisk, AgreeSafetyPlan,
    ):  # fmt: skip
        says(case, command)
        if command is RecordAllegedPerpetrator:
            found = office.casework.case(case)
            assert found is not None
            wrong: Fields = {"entry": found.version, "because": StruckBecause.OTHER, "instead": None}
            says(case, RecordAccusedStatement, entry=found.version, role=Role.LEGAL_REVIEWER)
            says(case, StrikeAllegedPerpetrator, **wrong)
    says(case, StrikeEntry, entry=2, because=StruckBecause.OTHER, instead=None)
    says(case, RecordIncident, incident=incident, happened_at=None)
    says(case, CorrectIncident, incident=incident, happened_at=None)
    says(case, GiveConsent, consent=consent, **scope, given_by=by, obtained=Obtained.WRITTEN)
    says(case, RefuseConsent, consent=uuid4(), given_by=by, asked_for=frozenset({"lbh"}))
    attached: Fields = {"kind": DocumentKind.VISUM, "compartment": "health", "media_type": "text/plain", "size": 7}
    office.ports.documents.put(case, document, Compartment.HEALTH, f"{MARKER}-bytes-of-a-document".encode())
    says(case, AttachDocument, document=document, **attached, sha256="0" * 64, supersedes=None)
    override: Fields = {"basis": SharingBasis.COURT_ORDER, "document": document, "expires_at": None}
    for answer in (ApproveOverride, RefuseOverride):
        asked: Fields = {"consent": uuid4()}
        says(case, OverrideConsent, **{**scope, **override, **asked}, role=Role.SUPERVISOR)
        says(case, answer, **asked, role=Role.LEGAL_REVIEWER)
        if answer is ApproveOverride:
            says(case, EndOverride, **asked, role=Role.SUPERVISOR)
    danger: Fields = {"consent": uuid4(), "basis": SharingBasis.IMMINENT_DANGER, "expires_at": None}
    danger |= {"compartments": frozenset({"incident"}), "purposes": frozenset({Purpose.CARE})}
    says(case, OverrideConsent, **{**scope, **danger}, role=Role.SUPERVISOR)
    judged: Fields = {"consent": danger["consent"], "verdict": GlassVerdict.JUSTIFIED}
    says(case, ReviewOverride, **judged, role=Role.DATA_PROTECTION_OFFICER)
    referral: Fields = {"referral": uuid4()}
    draft: Fields = {"recipient": "rsud", "service": Service.HEALTH, "urgency": Urgency.URGENT, "purpose": Purpose.CARE}
    says(case, DraftReferral, **referral, **draft, compartments=shared, clocks=(), redirects=None)
    says(case, SendReferral, **referral)
    for move in (ReceiveReferral, AcceptReferral, StartReferral):
        says(case, move, "rsud", **referral)
    for heard, answer in ((uuid4(), ConfirmConsent), (uuid4(), ContradictConsent)):
        says(case, GiveConsent, "rsud", **{**scope, "consent": heard}, given_by=by, obtained=Obtained.VERBAL)
        said: Fields = {"given_by": by, "obtained": Obtained.VERBAL} if answer is ConfirmConsent else {}
        says(case, answer, consent=heard, **said)
    accused: Fields = {"about": StopAbout.EVERYTHING, "recipients": frozenset(), "consent": None, "by_alleged": True}
    says(case, StopSharing, stop=uuid4(), said_by=frozenset({ConsentBy.GUARDIAN}), **accused)
    of_school: Fields = {"about": StopAbout.RECIPIENTS, "recipients": frozenset({"disdik"}), "consent": None}
    for stop, answer in ((uuid4(), ConfirmStop), (uuid4(), ContradictStop)):
        says(case, StopSharing, "rsud", stop=stop, said_by=by, **of_school)
        said = {"given_by": by, "obtained": Obtained.VERBAL} if answer is ConfirmStop else {}
        says(case, answer, stop=stop, **said)
    right: Fields = {"right": uuid4()}
    says(case, AskRight, "rsud", **right, kind=Right.ACCESS, said_by=by)
    says(case, AnswerRight, **right, answer=RightAnswer.GRANTED, role=Role.SUPERVISOR)
    says(case, DeliverService, "rsud", delivery=uuid4(), service=Service.HEALTH, **referral)
    found = office.casework.case(case)
    assert found is not None
    for clock in found.clocks.values():
        if clock.duty is ClockDuty.CARE:
            says(case, EndClock, clock=clock.id, how=ClockEnd.DECLINED)
            says(case, ResumeClock, clock=clock.id)
            says(case, FindNotIndicated, "rsud", clock=clock.id)
        else:
            says(case, EndDuty, clock=clock.id, ended_as=ClockEnd.DECLINED, role=Role.SUPERVISOR)
            says(case, ResumeClock, clock=clock.id)
            says(case, MeetClock, clock=clock.id)
            says(case, ResumeClock, clock=clock.id)
    says(case, AmendReferral, **referral, raised_to=Urgency.EMERGENCY, adds=None)
    about: Fields = {"asked_about": QuestionAbout.PROGRESS, **referral}
    says(case, AskQuestion, question=uuid4(), **about)
    asks: Fields = {"question": uuid4()}
    silent: Fields = dict.fromkeys(("incident", "health", "psychosocial", "legal", "safety", "economic"))
    says(case, AskQuestion, "rsud", **asks, **about, **silent)  # the lead may open none of it
    says(case, AnswerQuestion, **asks, reply=QuestionReply.GO_ON)
    unneeded: Fields = {"referral": uuid4()}
    says(case, DraftReferral, **unneeded, **draft, compartments=shared, clocks=(), redirects=None)
    says(case, SendReferral, **unneeded)
    for move in (ReceiveReferral, AcceptReferral):
        says(case, move, "rsud", **unneeded)
    for asked_of, answers in ((referral, DeclineCancellation), (unneeded, AgreeToCancellation)):
        says(case, AskCancellation, **asked_of, reason=EndReason.DUPLICATE)
        says(case, answers, "rsud", **asked_of)
    left: Fields = {"referral": uuid4()}
    says(
        case,
        DraftReferral,
        "rsud",
        **left,
        **{**draft, "recipient": "lbh"},
        compartments=shared,
        clocks=(),
        redirects=None,
    )
    says(case, CompleteReferral, "rsud", **referral, outcome=Outcome.PARTIAL)
    says(case, EndReferralForSender, **left, role=Role.SUPERVISOR)
    says(case, RecordNote, note=uuid4())
    says(case, RecordContactAttempt, note=uuid4(), reached=True)
    says(case, RecordFollowUp, note=uuid4())
    for command in (KeepAppointment, MissAppointment):
        met: Fields = {"appointment": uuid4()}
        place = f"{MARKER}-{command.__name__}-place"
        secrets.markers.append(place)
        says(case, MakeAppointment, **met, referral=None, appointed_for=composition.now(), place=place)
        known: Fields = {"known_from": AppointmentBy.COMPANION} if command is MissAppointment else {}
        says(case, command, **met, **known)
    says(case, HoldConference, conference=uuid4(), attendees=frozenset({"uptd-ppa"}))
    says(case, AgreeAction, action=(action := uuid4()), owner="uptd-ppa", conference=None)
    says(case, FinishAction, action=action)
    says(case, RecordProtectionOrder)
    says(case, RequestProtection, asked=AskedOf.COURT)
    hold: Fields = {"hold": uuid4(), "role": Role.LEGAL_REVIEWER}
    says(case, PlaceLegalHold, **hold, hold_kind=HoldKind.TRIAL)
    says(case, LiftLegalHold, **hold, ended_by=HoldEnd.FINAL_JUDGMENT)
    part: Fields = {"erasure": uuid4(), "basis": ErasureBasis.SURVIVOR_REQUEST, "whole": False}
    says(case, RequestErasure, **part, compartments=frozenset({"economic"}))
    says(case, RefuseErasure, erasure=part["erasure"])
    stays: Fields = {"hold": uuid4(), "role": Role.LEGAL_REVIEWER}
    says(case, PlaceLegalHold, **stays, hold_kind=HoldKind.CLAIM)
    says(case, ConfirmLegalHold, **stays)
    glass: Fields = {"glass": uuid4()}
    danger: Fields = {"compartments": frozenset({"health"}), "basis": LegalBasis.IMMINENT_DANGER, "minutes": None}
    says(case, BreakGlass, "lbh", **glass, **danger)
    says(case, ReviewGlass, **glass, verdict=GlassVerdict.JUSTIFIED, role=Role.SUPERVISOR)
    kin: Fields = {"exclusion": uuid4(), "person": office.act("polres").actor, "member_of": "polres"}
    says(case, ExcludePerson, **kin, role=Role.SUPERVISOR)
    says(case, EndExclusion, exclusion=kin["exclusion"], role=Role.SUPERVISOR)
    says(case, ExcludePerson, **{**kin, "exclusion": uuid4()}, role=Role.SUPERVISOR)
    say_the_rest(case, secrets)
    office.casework.handle(
        AGENCY,
        "rsud",
        AddMember(
            occurred_at=composition.now(),
            member=ActorId(uuid4()),
            roles=frozenset({Role.CASE_WORKER}),
            name=f"{MARKER}-name",
        ),
        system_act(),
        correlation=uuid4(),
    )
    act = office.act("uptd-ppa")
    office.casework.handle(
        CASE,
        case,
        CloseCase(occurred_at=act.at, reason=CloseReason.GOALS_MET, summary=f"{MARKER}-summary"),
        act,
        correlation=uuid4(),
        sent=Sent(f"{MARKER}-key", f"{MARKER}-content".encode()),
    )
    return case, secrets.markers


def everything_in(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """(table, value): every value of every column of every table, as text, and bytea as the bytes it is."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.adapters.register_loader("timestamptz", TextLoader)  # -infinity is no datetime
        tables = db.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        tables.append(("pg_catalog", "pg_statistic"))
        for schema, table in tables:
            query = SQL("SELECT * FROM {}").format(Identifier(schema, table))
            for row in db.execute(query).fetchall():
                for value in row:
                    yield f"{schema}.{table}", bytes(value) if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def told(office: Office, settings: Settings) -> tuple[UUID, list[str]]:
    told = tell_everything(office)
    catch_up(settings)
    return told


OF_EARLIER_RELEASES = {ConsentOverridden, LegalHoldPlaced, LegalHoldLifted, HoldLiftingAsked, HoldLiftingRefused}
"""Events that are recorded no more."""


def test_the_markers_are_in_every_protected_field_of_every_event(office: Office, told: tuple[UUID, list[str]]) -> None:
    case, markers = told
    said: set[tuple[str, str]] = set()
    written = office.ports.log.read(case)
    opened = office.ports.opener.events({w.position: frozenset(Compartment) for w in written})
    for w in written:
        _, segments = opened[w.position]
        name = w.topic.removeprefix("case.")
        said |= {(name, field) for json in segments.values() for field in msgspec.json.decode(json)}
    protected = {
        (event.__name__, field)
        for event in catalogue.TOPICS.values()
        if catalogue.topic_of(event).startswith("case.") and event not in OF_EARLIER_RELEASES
        for field, compartment in compartments_of(event).items()
        if compartment is not Compartment.COORDINATION
    }
    assert not protected - said
    assert said >= SAID_BY_THE_SYSTEM
    content = b" ".join(json for _, segments in opened.values() for json in segments.values()).decode()
    in_proposals = {f"{MARKER}-{EndExclusion.__name__}-reason", f"{MARKER}-{EndDuty.__name__}-grounds"}
    in_proposals |= {f"{MARKER}-{MeetClock.__name__}-grounds"}
    in_proposals |= {f"{MARKER}-{StrikeAllegedPerpetrator.__name__}-grounds"}
    assert {marker for marker in markers if marker not in content} == in_proposals, "to which the case refers"
    assert [word for word in (*UNMISTAKABLE, NIK, BORN.isoformat()) if word not in content] == []


def test_a_copy_of_the_database_tells_nothing_of_what_was_said(
    settings: Settings, told: tuple[UUID, list[str]]
) -> None:
    case, _ = told
    secrets = [word.encode() for word in (MARKER, *UNMISTAKABLE, NIK, BORN.isoformat())]
    found, tables = [], set()
    for table, value in everything_in(settings):
        tables.add(table)
        found += [(table, secret) for secret in secrets if secret in value or secret.hex().encode() in value]
    assert found == []
    assert {"log.stored_events", "log.documents", "log.idempotency_keys", "log.data_keys"} <= tables
    assert {"views.timeline", "views.audit", "views.caseload", "views.referral_box", "views.deadline"} <= tables
    assert any(str(case).encode() in value for table, value in everything_in(settings) if table == "views.timeline")
