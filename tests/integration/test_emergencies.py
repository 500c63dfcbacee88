"""The read model of broken glasses: what a reviewer's list is folded from, and what is due."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from office import HOUR, MINUTE, Office, catch_up, dump, opened_office, opened_runner

from rujukan.api.application.kinds import CASE
from rujukan.domain.case.glass import CloseGlass, RaiseGlassReview, ReviewGlass
from rujukan.domain.case.lead import AcceptLeadTransfer, AskLeadTransfer
from rujukan.domain.casefile.judging import HIGHEST_REMINDER, WITHIN
from rujukan.domain.codes import GlassVerdict, Role
from rujukan.domain.fact import CaseId, GlassId
from rujukan.infra import composition
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import system_act
from rujukan.projections import emergencies
from rujukan.projections.emergencies import GlassEntry

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


class Reviewers:
    """Those who judge: their lists, and what they say."""

    def __init__(self, office: Office, settings: Settings) -> None:
        self.office, self.settings = office, settings

    def listed(self, agency: str, glass: UUID, now: datetime | None = None, *, all: bool = True) -> GlassEntry | None:
        catch_up(self.settings)
        with self.office.ports.views.acting_for(agency) as db:
            found = emergencies.emergencies(db, now or composition.now(), all=all, limit=500)
        return next((entry for entry in found if entry.glass == glass), None)

    def row(self, glass: UUID, now: datetime | None = None) -> GlassEntry:
        found = self.listed("uptd-ppa", glass, now)
        assert found is not None
        return found

    def judge(self, case: UUID, glass: UUID, verdict: GlassVerdict) -> None:
        fields = {"glass": glass, "verdict": verdict, "remark": "seen"}
        self.office.does("uptd-ppa", case, ReviewGlass, role=Role.SUPERVISOR, **fields)

    def due(self, case: UUID, now: datetime) -> list[UUID]:
        catch_up(self.settings)
        with composition.follower(self.settings) as source, source.store.pool.connection() as db:
            found = emergencies.unreviewed(db, now, WITHIN, HIGHEST_REMINDER)
        return [glass for of, glass in found if of == case]


@pytest.fixture(scope="module")
def reviewers(settings: Settings) -> Iterator[Reviewers]:
    with opened_office(settings) as office:
        yield Reviewers(office, settings)


@pytest.fixture
def case(reviewers: Reviewers) -> UUID:
    return reviewers.office.opens(composition.now() - HOUR)


def test_a_row_says_who_opened_what_until_when_and_not_why(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "safety", "health", minutes=20)
    row, act = reviewers.row(glass), reviewers.office.act("rsud")
    assert (row.case, row.agency, row.lead, row.actor, row.role) == (case, "rsud", "uptd-ppa", act.actor, "case-worker")
    assert (row.compartments, row.basis) == (["health", "safety"], "imminent-danger")
    assert row.expires_at - row.opened_at == 20 * MINUTE
    assert row.review_due_at - row.opened_at == 3 * DAY
    assert (row.ended_at, row.verdict, row.reviewed_at, row.reviewer, row.reminders) == (None, None, None, None, 0)


def test_it_is_open_until_its_time_and_overdue_after_its_clock(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "health")
    row = reviewers.row(glass)
    times = (row.expires_at - INSTANT, row.expires_at, row.review_due_at, row.review_due_at + INSTANT)
    found = [reviewers.row(glass, at) for at in times]
    assert [(r.is_open, r.overdue) for r in found] == [(True, False), (False, False), (False, False), (False, True)]


def test_one_that_was_closed_waits_for_its_review(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "health")
    reviewers.office.does("rsud", case, CloseGlass, glass=glass)
    row = reviewers.row(glass)
    assert not row.is_open
    assert row.ended_at is not None
    assert row.opened_at < row.ended_at < row.expires_at
    assert reviewers.listed("rsud", glass, all=False) is not None


@pytest.mark.parametrize(
    ("verdict", "is_open", "waits"),
    [
        (GlassVerdict.JUSTIFIED, True, True),
        (GlassVerdict.NEEDS_INQUIRY, True, True),
        (GlassVerdict.NOT_JUSTIFIED, False, False),
    ],
)
def test_a_verdict_and_what_it_leaves_to_be_seen(
    reviewers: Reviewers, case: UUID, verdict: GlassVerdict, is_open: bool, waits: bool
) -> None:
    # That it was not justified stays on who opened: nobody of whom another test asks anything.
    who = "psikolog" if verdict is GlassVerdict.NOT_JUSTIFIED else "rsud"
    glass = reviewers.office.breaks_glass(who, case, "health")
    reviewers.judge(case, glass, verdict)
    row = reviewers.row(glass)
    assert (row.verdict, row.is_open) == (verdict.value, is_open)
    assert (reviewers.listed("uptd-ppa", glass, all=False) is not None) == waits
    ended = reviewers.listed("uptd-ppa", glass, row.expires_at, all=False)
    assert (ended is not None) == (verdict is GlassVerdict.NEEDS_INQUIRY)


def test_the_first_review_stops_the_clock_and_the_last_has_the_verdict(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "health")
    reviewers.judge(case, glass, GlassVerdict.NEEDS_INQUIRY)
    first = reviewers.row(glass)
    reviewers.judge(case, glass, GlassVerdict.JUSTIFIED)
    last = reviewers.row(glass, first.review_due_at + DAY)
    assert (last.reviewed_at, last.verdict, last.overdue) == (first.reviewed_at, "justified", False)


def test_whoever_leads_now_judges_and_the_former_lead_no_more(reviewers: Reviewers, case: UUID) -> None:
    office, transfer = reviewers.office, uuid4()
    glass = office.breaks_glass("rsud", case, "health")
    office.consents(case, "dinsos", "health")
    office.does("uptd-ppa", case, AskLeadTransfer, role=Role.SUPERVISOR, transfer=transfer, to="dinsos", reason="r")
    assert reviewers.listed("dinsos", glass) is None
    office.does("dinsos", case, AcceptLeadTransfer, role=Role.SUPERVISOR, transfer=transfer)
    assert reviewers.listed("dinsos", glass) is not None
    assert reviewers.listed("rsud", glass) is not None
    assert reviewers.listed("uptd-ppa", glass) is None


@pytest.mark.thorough
def test_what_nobody_reviewed_is_due_once_each_time_the_window_passes(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "health")
    due_at = reviewers.row(glass).review_due_at
    assert reviewers.due(case, due_at - INSTANT) == []
    for level in range(HIGHEST_REMINDER):
        now = due_at + level * WITHIN
        assert reviewers.due(case, now - INSTANT) == []
        assert reviewers.due(case, now) == [glass]
        then = replace(system_act(), at=now)
        raised = RaiseGlassReview(occurred_at=now, glass=GlassId(glass))
        reviewers.office.casework.handle(CASE, CaseId(case), raised, then, correlation=uuid4())
    assert reviewers.due(case, due_at + 100 * DAY) == []


def test_what_somebody_reviewed_is_not_due(reviewers: Reviewers, case: UUID) -> None:
    glass = reviewers.office.breaks_glass("rsud", case, "health")
    reviewers.judge(case, glass, GlassVerdict.NEEDS_INQUIRY)
    assert reviewers.due(case, composition.now() + 100 * DAY) == []


def test_built_anew_it_is_the_same(reviewers: Reviewers, settings: Settings, case: UUID) -> None:
    opened = [reviewers.office.breaks_glass(agency, case, "health") for agency in ("rsud", "lbh", "polres")]
    reviewers.judge(case, opened[0], GlassVerdict.JUSTIFIED)
    reviewers.office.does("lbh", case, CloseGlass, glass=opened[1])
    catch_up(settings)
    before = dump(settings)["emergency"]
    assert len(before) >= len(opened)
    with opened_runner(settings) as runner:
        runner.rebuild("emergencies")
    assert dump(settings)["emergency"] == before
