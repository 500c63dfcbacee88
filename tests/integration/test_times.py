"""Time that can be true, through the service: what is said to be before its cause is refused by name, and what was
entered late stands beside the breach in lists and custody, for the agencies and for her."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import Running, fresh_settings
from msgspec.structs import replace
from office import Office, catch_up, clocks_of, opened_office
from people import OPENING, RAPE, People, Three, three_agencies

from rujukan.api.application.kinds import CASE
from rujukan.domain import retention as schedule
from rujukan.domain.case.fulfilment import ReceiveReferral
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.referrals import SendReferral
from rujukan.domain.casefile.clocks import RaiseClock
from rujukan.domain.codes import CloseReason, Role, Service, Urgency
from rujukan.domain.custody import custody
from rujukan.domain.fact import EARLIEST, CaseId, ClockId
from rujukan.infra import composition
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.system_act import system_act
from rujukan.projections import deadlines, referral_box, retention

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# Over HTTP -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(running: Running) -> Three:
    return three_agencies(running)


def before_its_cause(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["type"]) == (422, "urn:rujukan:problem:before-its-cause"), response.text
    about: dict[str, Any] = body["about"]
    assert about["field"] == "occurred_at"
    assert "leave it out" in body["detail"]
    return about


def test_what_is_said_to_be_before_its_cause_is_refused_by_name_and_goes_on_as_of_now(
    running: Running, three: Three
) -> None:
    people, (lead, helper, _) = People(running), three

    def post(who: str, path: str, said: timedelta | datetime, role: Role = Role.CASE_WORKER, **body: Any) -> Any:
        at = composition.now() - said if isinstance(said, timedelta) else said
        client = running.client(who, role)
        return client.post(path, json={"occurred_at": at.isoformat(), **body})

    case = people.post(lead, "/cases", **OPENING, occurred_at=(composition.now() - 3 * DAY).isoformat())["id"]
    here = f"/cases/{case}"
    told = {"occurred_at": (composition.now() - 2 * HOUR).isoformat()}
    scope = {"recipients": [helper], "compartments": ["health"], "purposes": ["care"]}
    people.post(lead, f"{here}/consents", **scope, given_by=["survivor"], obtained="written", **told)
    about = {"recipient": helper, "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    drafted = people.post(lead, f"{here}/referrals", **about, compartments=["health"], **told)
    referral = f"{here}/referrals/{drafted['id']}"
    incident = people.post(lead, f"{here}/incidents", **RAPE, occurred_at=(composition.now() - 9 * DAY).isoformat())
    clock = people.get(lead, "/deadlines", all="true", wait_for=incident["position"])["items"][0]["clock"]

    sending = before_its_cause(post(lead, f"{referral}/sending", 3 * DAY))
    assert sending["cause"] == "the referral came into its present state"
    assert sending["sebab"] == "rujukan itu berpindah ke keadaannya sekarang"
    assert datetime.fromisoformat(sending["not_before"]) == datetime.fromisoformat(told["occurred_at"])
    sent_at = composition.now() - HOUR
    assert post(lead, f"{referral}/sending", sent_at).is_success
    receipt = before_its_cause(post(helper, f"{referral}/receipt", sent_at - timedelta(minutes=26)))
    assert datetime.fromisoformat(receipt["not_before"]) == sent_at
    before_its_cause(post(lead, f"{here}/clocks/{clock}/end", EARLIEST))
    for path, body in (("notes", {"health": "a"}), ("alleged-perpetrators", {"relation": "b"})):
        opened = before_its_cause(post(lead, f"{here}/{path}", 4 * DAY, **body))
        assert opened["cause"] == "the case was opened"
    assert post(lead, f"{here}/reports", 4 * DAY, channel="hotline", reporter="witness").is_success
    assert post(helper, f"{referral}/receipt", timedelta(0)).is_success
    before_its_cause(post(helper, f"{referral}/acceptance", datetime(1950, 1, 1, tzinfo=EARLIEST.tzinfo)))
    for move in ("acceptance", "start"):
        assert post(helper, f"{referral}/{move}", timedelta(0)).is_success
    done = {"outcome": "service-delivered"}
    assert post(helper, f"{referral}/completion", timedelta(0), **done).is_success
    before_its_cause(post(lead, f"{here}/closure", datetime(1950, 1, 1, tzinfo=EARLIEST.tzinfo), reason="goals-met"))
    assert post(lead, f"{here}/closure", timedelta(0), reason="goals-met").is_success


# Entered late ----------------------------------------------------------------------------------------------------


class Late:
    """A case of ten days ago: two clocks and two referrals, one of each met in time, the others said so afterwards."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.at = at = composition.now() - 10 * DAY
        self.case = office.opens(at)
        office.records_incident(self.case, at)
        self.in_time, self.late, *_ = clocks_of(office, self.case)
        known = office.casework.case(self.case)
        assert known is not None
        self.due_at = known.clocks[ClockId(self.late)].due_at
        office.meets("uptd-ppa", self.case, self.in_time, at + HOUR)
        self.said_at, self.recorded_at = at + 2 * HOUR, self.due_at + 3 * HOUR
        raised = RaiseClock(occurred_at=self.due_at, clock=ClockId(self.late))
        office.casework.handle(
            CASE, CaseId(self.case), raised, replace(system_act(), at=self.due_at), correlation=uuid4()
        )
        office.meets("uptd-ppa", self.case, self.late, self.said_at, recorded_at=self.recorded_at)
        self.referral = uuid4()
        office.consents(self.case, "rsud", "incident", at=at)
        about = {"referral": self.referral, "urgency": Urgency.EMERGENCY, "at": at}
        office.drafts(self.case, "rsud", Service.HEALTH, **about)
        office.does("uptd-ppa", self.case, SendReferral, at, referral=self.referral)
        self.answered_at, self.answer_recorded_at = at + HOUR / 2, at + 2 * HOUR
        received = {"recorded_at": self.answer_recorded_at, "referral": self.referral}
        office.does("rsud", self.case, ReceiveReferral, self.answered_at, **received)
        self.closed = office.opens(at)
        office.does("uptd-ppa", self.closed, CloseCase, at, recorded_at=at + 5 * DAY, reason=CloseReason.GOALS_MET)


@pytest.fixture(scope="module")
def late(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Late]:
    with fresh_settings(postgres, tmp_path_factory.mktemp("late")) as settings, opened_office(settings) as office:
        told = Late(office)
        catch_up(settings)
        yield told


@pytest.mark.thorough
def test_a_deadline_stays_breached_beside_what_is_said_of_before(late: Late) -> None:
    with late.office.ports.views.acting_for("uptd-ppa") as db:
        found = {entry.clock: entry for entry in deadlines.deadlines(db, composition.now(), all=True)}
    entry = found[late.late]
    assert (entry.met_at, entry.met_recorded_at, entry.breached) == (late.said_at, late.recorded_at, True)
    assert found[late.in_time].breached is False


def test_a_referral_stays_answered_late_in_both_boxes(late: Late) -> None:
    for agency, box in (("uptd-ppa", "out"), ("rsud", "in")):
        with late.office.ports.views.acting_for(agency) as db:
            (entry,) = referral_box.referrals(db, box, composition.now())
        assert (entry.answered_at, entry.answer_recorded_at) == (late.answered_at, late.answer_recorded_at)
        assert entry.breached


def test_custody_says_both_times(late: Late) -> None:
    found = custody(late.office.ports.log.read(late.case), composition.now())
    clocks = {ran.clock or ran.referral: ran for ran in found.clocks}
    ran = clocks[late.late]
    assert (ran.met_at, ran.met_recorded_at, ran.breached_at) == (late.said_at, late.recorded_at, late.due_at)
    assert clocks[late.referral].breached_at == late.at + HOUR
    assert clocks[late.in_time].breached_at is None


def test_a_case_is_kept_from_when_its_end_was_recorded(late: Late) -> None:
    with late.office.ports.views.acting_for("uptd-ppa") as db:
        (entry,) = retention.due(db)
    assert (entry.case, entry.ended_at, entry.end_recorded_at) == (late.closed, late.at, late.at + 5 * DAY)
    assert entry.due_at == late.at + 5 * DAY + schedule.PROSECUTION * schedule.YEAR
