"""What an insider does that is allowed and odd reaches a person: told to the lead's people through their topic, and
shown to its supervisors; so do new keys and webhooks. On a real PostgreSQL, with the escalator as a worker runs it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from office import Office, catch_up, dump, erases, opened_office, opened_runner

from rujukan.api.application.reading import Asked
from rujukan.api.application.rooms import Rooms
from rujukan.api.reports import unusual_access
from rujukan.consumers.wire.envelope import AgencyKey
from rujukan.domain.agency import AddMember, agency_stream
from rujukan.domain.agency_keys import RegisterKey, RetireKey
from rujukan.domain.case.fulfilment import ReceiveReferral, RejectReferral
from rujukan.domain.case.glass import BreakGlass, ReviewGlass
from rujukan.domain.case.lead import AssignCaseWorker
from rujukan.domain.case.overrides import OverrideConsent
from rujukan.domain.codes import GlassVerdict, LegalBasis, Purpose, RejectReason, Role, Service, SharingBasis, Urgency
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import ActorId
from rujukan.domain.oversight import LIMITS, SEARCHING
from rujukan.domain.refusal import AnotherPersonNeeded
from rujukan.domain.webhook import ReplayWebhook, SetWebhook
from rujukan.infra import composition
from rujukan.infra.delivery.escalating import TOLD_WITHIN, Escalator
from rujukan.infra.settings import Settings
from rujukan.projections import notices

HEALTH = [Compartment.HEALTH]


class Found(NamedTuple):
    rule: str
    done_for: str
    case: UUID | None
    key: str | None = None


class Watching:
    """An office, and whoever watches it."""

    def __init__(self, office: Office, settings: Settings) -> None:
        self.office, self.settings = office, settings

    def once(self, at: datetime | None = None) -> int:
        """One pass of the worker, that of everything else that is due left out."""
        catch_up(self.settings)
        now = at or composition.now()
        with composition.follower(self.settings) as source:
            return Escalator(self.office.casework, source.store, lambda: now, source.positions)._tell(
                now, lambda: False
            )

    def shown(self, agency: str) -> list[Found]:
        """What the agency's people are shown of what was done since the last time that it was looked at."""
        self.once()
        catch_up(self.settings)
        with self.office.ports.views.acting_for(agency) as db:
            return [Found(n.rule, n.done_for, n.case, n.key) for n in notices.notices(db, limit=500)][::-1]

    def told(self, agency: str) -> int:
        """How many notices were told to the agency's machine."""
        catch_up(self.settings)
        with psycopg.connect(self.settings.database) as db:
            row = db.execute(
                "SELECT count(*) FROM delivery.told t JOIN log.stored_events e ON e.notification_id = t.position"
                " WHERE t.agency = %s AND e.topic = 'agency.NoticeGiven'",
                (agency,),
            ).fetchone()
        return int(row[0]) if row else 0

    def reads(self, agency: str, case: UUID, role: Role = Role.CASE_WORKER, what: str = "timeline") -> None:
        act = self.office.act(agency, role)
        self.office.reading.record(Asked(act, uuid4()), case, HEALTH, what, "consent")


@pytest.fixture(scope="module")
def watching(settings: Settings) -> Iterator[Watching]:
    with opened_office(settings) as office:
        yield Watching(office, settings)


def fresh(watching: Watching, agency: str, before: list[Found]) -> list[Found]:
    return watching.shown(agency)[len(before) :]


@pytest.mark.thorough
def test_a_recipient_s_own_consent_and_what_it_sends_on_reach_the_lead_s_people_once(watching: Watching) -> None:
    office, before = watching.office, watching.shown("uptd-ppa")
    told, case = watching.told("uptd-ppa"), office.opens(composition.now())
    office.consents(case, "rsud", "incident", "health")
    office.does("rsud", case, ReceiveReferral, referral=office.refers(case, "rsud", Service.HEALTH))
    assert fresh(watching, "uptd-ppa", before) == [], "what the lead agrees, and sends, is not odd"
    office.consents(case, "lbh", "incident", by="rsud")
    office.consents(case, "rsud", "psychosocial", by="rsud")
    office.refers(case, "lbh", Service.LEGAL_AID, by="rsud")
    found = [Found("own-consent", "rsud", case), Found("sent-on", "rsud", case)]
    assert fresh(watching, "uptd-ppa", before) == found
    assert watching.told("uptd-ppa") - told == 2
    assert watching.once() == 0
    assert fresh(watching, "uptd-ppa", before) == found
    for other in ("rsud", "lbh", "polres"):
        assert not [n for n in watching.shown(other) if n.case == case], "nobody else learns who takes part"


@pytest.mark.thorough
def test_what_somebody_opens_in_emergencies_of_one_case_after_another_reaches_the_lead(watching: Watching) -> None:
    office, before = watching.office, watching.shown("uptd-ppa")
    cases = [office.opens(composition.now()) for _ in range(LIMITS.glasses)]
    for case in cases:
        office.breaks_glass("polres", case, "health")
        watching.reads("polres", case, what="break-glass")
    assert fresh(watching, "uptd-ppa", before) == [Found("repeated-glass", "polres", cases[-1])]


def test_who_was_judged_not_justified_asks_a_second_person_in_every_case_and_is_told_of(watching: Watching) -> None:
    """By glass and by sharing; until another verdict outranks that."""
    office, before = watching.office, watching.shown("uptd-ppa")
    first, second, third = (office.opens(composition.now()) for _ in range(3))
    glass = office.breaks_glass("rumah-aman", first, "health")

    def judged(verdict: GlassVerdict, agency: str) -> None:
        said = {"verdict": verdict, "remark": "r"}
        office.does(agency, first, ReviewGlass, role=Role.DATA_PROTECTION_OFFICER, glass=glass, **said)

    judged(GlassVerdict.NOT_JUSTIFIED, "rumah-aman")
    with pytest.raises(AnotherPersonNeeded):
        office.breaks_glass("rumah-aman", second, "health")
    other = office.act("rumah-aman", Role.SUPERVISOR)
    assert other.actor != office.act("rumah-aman").actor
    office.does(
        "rumah-aman",
        second,
        BreakGlass,
        role=Role.SUPERVISOR,
        glass=uuid4(),
        compartments=frozenset({"health"}),
        basis=LegalBasis.IMMINENT_DANGER,
        rule="r",
        reason="r",
    )
    assert fresh(watching, "uptd-ppa", before) == [], "another person is not concerned"
    office.consents(third, "rumah-aman", "safety")
    office.refers(third, "rumah-aman", Service.SHELTER, compartments=frozenset({"safety"}))
    shares = {"consent": uuid4(), "compartments": frozenset({"safety"}), "recipients": frozenset({"polres"})}
    shares |= {"purposes": frozenset({Purpose.PROTECTION}), "basis": SharingBasis.IMMINENT_DANGER}
    office.does("rumah-aman", third, OverrideConsent, rule="r", reason="r", **shares)
    now = office.casework.case(third)
    assert now is not None
    assert shares["consent"] not in now.consents, "it waits for a second person"
    assert fresh(watching, "uptd-ppa", before) == [Found("after-not-justified", "rumah-aman", third)]
    judged(GlassVerdict.JUSTIFIED, "uptd-ppa")
    office.breaks_glass("rumah-aman", third, "health")
    assert len(fresh(watching, "uptd-ppa", before)) == 1


@pytest.mark.thorough
def test_a_reading_right_after_an_assignment_or_a_joining_reaches_the_lead_once(watching: Watching) -> None:
    office, before = watching.office, watching.shown("uptd-ppa")
    case = office.opens(composition.now())
    worker = office.act("uptd-ppa", Role.SUPERVISOR).actor
    office.does("uptd-ppa", case, AssignCaseWorker, worker=worker)
    watching.reads("uptd-ppa", case, Role.SUPERVISOR)
    watching.reads("uptd-ppa", case, Role.SUPERVISOR)
    assert fresh(watching, "uptd-ppa", before) == [Found("just-let-in", "uptd-ppa", case)]
    joins = AddMember(occurred_at=composition.now(), member=ActorId(uuid4()), roles=frozenset({Role.CASE_WORKER}))
    office.agrees("lbh", joins)
    assert len(fresh(watching, "uptd-ppa", before)) == 1


@pytest.mark.thorough
def test_a_run_of_searches_reaches_the_searchers_own_supervisors(watching: Watching) -> None:
    before, act = watching.shown("lbh"), watching.office.act("lbh")
    for _ in range(LIMITS.searches + 3):
        watching.office.reading.report(Asked(act, uuid4()), agency_stream("lbh"), SEARCHING)
    assert fresh(watching, "lbh", before) == [Found("searches", "lbh", None)]
    assert not [n for n in watching.shown("uptd-ppa") if n.rule == "searches"]


@pytest.mark.thorough
def test_new_and_retired_keys_and_webhooks_reach_the_leads_concerned_and_the_agency_s_own_officer(
    watching: Watching,
) -> None:
    """Its own machine is told nothing of it: that would go to the very key, or address."""
    office = watching.office
    case = office.opens(composition.now())
    office.consents(case, "disdik", "incident")
    office.refers(case, "disdik", Service.EDUCATION)
    theirs, own, police = (watching.shown(agency) for agency in ("uptd-ppa", "disdik", "polres"))
    machine = watching.told("disdik")

    def says(command: type, **fields: object) -> None:
        office.agrees("disdik", command(occurred_at=composition.now(), **fields))

    says(RegisterKey, key="new", public_key=AgencyKey.generate("new").public)
    says(SetWebhook, url="https://disdik.example/")
    says(ReplayWebhook, after=0)
    says(RetireKey, key="new")
    rules = [("new-key", "new"), ("new-webhook", None), ("key-then-history", None), ("retired-key", "new")]
    found = [Found(rule, "disdik", None, key) for rule, key in rules]
    assert fresh(watching, "uptd-ppa", theirs) == found
    assert fresh(watching, "disdik", own) == found
    assert fresh(watching, "polres", police) == []
    assert watching.told("disdik") == machine
    asked = Asked(office.act("disdik", Role.SUPERVISOR), uuid4())
    report = unusual_access(Rooms.on(office.ports), asked, to=composition.now() + timedelta(minutes=1))
    assert [n.rule for n in report.acts][1:] == [rule for rule, _ in rules], "its first key was the office's"


@pytest.mark.thorough
def test_what_was_done_long_ago_is_told_to_nobody(watching: Watching) -> None:
    office, before = watching.office, watching.shown("uptd-ppa")
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    office.refers(case, "rsud", Service.HEALTH)
    office.consents(case, "rsud", "psychosocial", by="rsud")
    assert watching.once(composition.now() + TOLD_WITHIN + timedelta(minutes=1)) == 0
    assert fresh(watching, "uptd-ppa", before) == [Found("own-consent", "rsud", case)]


@pytest.mark.thorough
def test_of_an_erased_case_no_notice_is_left_and_built_anew_all_is_the_same(
    watching: Watching, settings: Settings
) -> None:
    office = watching.office
    case = office.opens(composition.now())
    office.consents(case, "rsud", "incident")
    referral = office.refers(case, "rsud", Service.HEALTH, urgency=Urgency.ROUTINE)
    office.consents(case, "rsud", "psychosocial", by="rsud")
    office.does("rsud", case, ReceiveReferral, referral=referral)
    office.does("rsud", case, RejectReferral, referral=referral, reason=RejectReason.NO_CAPACITY)
    for _ in range(2):
        watching.reads("rsud", case, what="break-glass")
    assert [n for n in watching.shown("uptd-ppa") if n.case == case]
    erases(office, case)
    assert not [n for n in watching.shown("uptd-ppa") if n.case == case]
    before = {name: rows for name, rows in dump(settings).items() if name in ("notice", "oddity", "deed")}
    assert all(before.values())
    with opened_runner(settings) as runner:
        runner.rebuild("notices")
    assert {name: rows for name, rows in dump(settings).items() if name in before} == before
