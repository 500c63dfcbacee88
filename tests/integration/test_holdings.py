"""What an agency held at an instant: folded from the log, the same in one batch or in many, and seen by who may."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import damaging
import psycopg
import pytest
from damaging import STATE, flipped
from office import Office, catch_up, dump, forget_everything, opened_office, opened_runner
from some import thorough

from rujukan.api.application.reading import Asked
from rujukan.api.application.rooms import Rooms
from rujukan.api.reports import HoldingEntryPage, what_was_held
from rujukan.domain.case.fulfilment import AcceptReferral, ReceiveReferral
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer, AssignCaseWorker
from rujukan.domain.case.lifecycle import CloseCase
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral
from rujukan.domain.casefile.staff import Accompanying
from rujukan.domain.codes import CloseReason, ReferralStatus, Role, Service
from rujukan.domain.history import as_of
from rujukan.infra import composition
from rujukan.infra.issuer import usual_actor
from rujukan.infra.settings import Settings

superuser = damaging.superuser


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


class Story(NamedTuple):
    case: UUID
    referral: UUID
    sent: int
    accepted: int
    transferred: int


@pytest.fixture(scope="module")
def story(office: Office, settings: Settings) -> Story:
    """A referral to the hospital, sent and worked on; then the lead goes to legal aid, and the case is closed."""
    case = office.opens(composition.now())
    office.does(
        "uptd-ppa",
        case,
        AssignCaseWorker,
        role=Role.SUPERVISOR,
        worker=usual_actor("uptd-ppa", Role.CASE_WORKER),
    )
    office.consents(case, "rsud", "incident")
    office.consents(case, "lbh", "legal")
    referral = office.refers(case, "rsud", Service.HEALTH)
    sent = office.position
    for move in (ReceiveReferral, AcceptReferral):
        office.does("rsud", case, move, referral=referral)
    accepted = office.position
    transfer = uuid4()
    ask = {"transfer": transfer, "to": "lbh", "reason": "perkara"}
    office.does("uptd-ppa", case, AskLeadTransfer, role=Role.SUPERVISOR, **ask)
    office.does("lbh", case, AcceptLeadTransfer, role=Role.SUPERVISOR, transfer=transfer)
    transferred = office.position
    catch_up(settings)
    return Story(case, referral, sent, accepted, transferred)


def held(office: Office, by: str, agency: str, when: int | datetime, case: UUID) -> list[tuple[str, str]]:
    """(relation, status) of what that agency held of the case, as `by` sees it."""
    return [(e.relation, e.status) for e in entries(office, by, agency, when).items if e.case == case]


def entries(office: Office, by: str, agency: str, when: int | datetime, **page: Any) -> HoldingEntryPage:
    """What the report shows a supervisor."""
    asked = Asked(office.act(by, Role.SUPERVISOR), uuid4())
    return what_was_held(Rooms.on(office.ports), asked, agency=agency, at=when, **page)


@pytest.mark.thorough
def test_what_an_agency_held_then_and_holds_now(office: Office, story: Story) -> None:
    assert held(office, "rsud", "rsud", story.sent - 1, story.case) == []
    assert held(office, "rsud", "rsud", story.sent, story.case) == [("recipient", "requested")]
    assert held(office, "rsud", "rsud", story.accepted, story.case) == [("recipient", "accepted")]
    assert held(office, "uptd-ppa", "uptd-ppa", story.accepted, story.case) == [
        ("lead", "open"),
        ("worker", "open"),
        ("sender", "accepted"),
    ]
    assert held(office, "uptd-ppa", "uptd-ppa", story.transferred, story.case) == [("sender", "accepted")]
    assert held(office, "lbh", "lbh", story.transferred, story.case) == [("lead", "open")]


def test_an_instant_gives_what_its_position_gives(office: Office, story: Story) -> None:
    times = {w.position: w.at for w in office.ports.log.read(story.case)}
    for position in (story.sent, story.accepted, story.transferred):
        for agency in ("uptd-ppa", "rsud", "lbh"):
            by_position = held(office, agency, agency, position, story.case)
            assert held(office, agency, agency, times[position], story.case) == by_position
    assert held(office, "lbh", "lbh", times[story.sent] - timedelta(days=1), story.case) == []


def test_others_holdings_are_seen_in_the_cases_that_one_leads_now(office: Office, story: Story) -> None:
    assert held(office, "lbh", "rsud", story.accepted, story.case) == [("recipient", "accepted")]
    assert held(office, "lbh", "uptd-ppa", story.accepted, story.case) != []
    assert held(office, "uptd-ppa", "rsud", story.accepted, story.case) == []
    assert held(office, "polres", "rsud", story.accepted, story.case) == []


def test_a_draft_is_its_sender_s_alone_and_what_ended_is_held_no_more(office: Office, settings: Settings) -> None:
    case = office.opens(composition.now())
    referral = office.drafts(case, "polres", Service.LAW_ENFORCEMENT)
    drafted = office.position
    office.does("uptd-ppa", case, CancelReferral, referral=referral, reason="by-sender")
    office.does("uptd-ppa", case, CloseCase, reason=CloseReason.GOALS_MET)
    catch_up(settings)
    assert held(office, "uptd-ppa", "uptd-ppa", drafted, case) == [("lead", "open"), ("sender", "draft")]
    assert held(office, "uptd-ppa", "uptd-ppa", office.position, case) == [("lead", "closed")]
    assert held(office, "uptd-ppa", "polres", office.position, case) == []


@pytest.mark.thorough
def test_one_batch_or_many_fold_to_the_same_spans(office: Office, settings: Settings, story: Story) -> None:
    catch_up(settings)
    before = dump(settings)["holding"]
    forget_everything(settings)
    with opened_runner(settings) as runner, composition.follower(settings) as source:
        position = 0
        while batch := source.after(position, 1):
            runner.take(batch)
            position = batch[-1].written.position
    assert dump(settings)["holding"] == before
    with opened_runner(settings) as runner:
        runner.rebuild("holdings")
    assert dump(settings)["holding"] == before
    with psycopg.connect(settings.database) as db:
        (doubled,) = db.execute(
            "SELECT count(*) FROM (SELECT FROM views.holding WHERE until_position IS NULL"
            " GROUP BY case_id, relation, of HAVING count(*) > 1) AS twice"
        ).fetchone() or (None,)
    assert doubled == 0


def test_at_every_position_it_is_what_the_case_was_there(office: Office, settings: Settings, story: Story) -> None:
    events = office.ports.log.read(story.case)
    with psycopg.connect(settings.database) as db:
        for written in events:
            rows = db.execute(
                "SELECT relation, of, agency, status FROM views.holding WHERE case_id = %(case)s"
                " AND from_position <= %(at)s"
                " AND (until_position IS NULL OR until_position > %(at)s)",
                {"case": story.case, "at": written.position},
            ).fetchall()
            then = as_of(events, written.position).case
            assert then is not None
            expected = {("lead", story.case, then.lead, then.status.value)}
            expected |= {("worker", story.case, then.lead, "open")} if then.of(Accompanying).worker else set()
            for r in then.referrals.values():
                if r.status.is_open or r.status is ReferralStatus.DRAFT:
                    expected.add(("sender", r.id, r.sender, r.status.value))
                if r.status.is_open:
                    expected.add(("recipient", r.id, r.recipient, r.status.value))
            assert set(rows) == expected


@pytest.mark.parametrize("known", [False, thorough(True)], ids=["at the first question", "once it was told"])
def test_a_case_that_does_not_open_is_left_out_and_named_and_all_others_are_there(
    office: Office, settings: Settings, story: Story, superuser: psycopg.Connection, known: bool
) -> None:
    """Also its first event, which alone says who leads it: nobody is told that an agency held nothing there."""
    whole = entries(office, "uptd-ppa", "uptd-ppa", story.accepted, limit=500)
    assert not whole.unread
    positions = [w.position for w in office.ports.log.read(story.case)]
    for at in (positions[0], positions[3], positions[-1]):
        with composition.service(settings, connections=2) as ports:
            asker = Office(ports)
            if known:
                entries(asker, "uptd-ppa", "uptd-ppa", story.accepted)
                office.does("lbh", story.case, RecordNote, note=uuid4(), subject="moved on")
            with flipped(superuser, STATE, at):
                found = entries(asker, "uptd-ppa", "uptd-ppa", story.accepted, limit=500)
            assert at in found.unread
            assert found.items == [e for e in whole.items if e.case != story.case]
            again = entries(asker, "uptd-ppa", "uptd-ppa", story.accepted, limit=500)
            assert (again.items, again.unread) == (whole.items, []), "it was put back"


def test_pages_go_on_where_they_ended(office: Office, story: Story) -> None:
    everything = entries(office, "uptd-ppa", "uptd-ppa", story.accepted)
    first = entries(office, "uptd-ppa", "uptd-ppa", story.accepted, limit=2)
    last = first.items[-1]
    rest = entries(
        office, "uptd-ppa", "uptd-ppa", story.accepted, cursor=(last.position, last.relation, last.of), limit=500
    )
    assert first.items + rest.items == everything.items
