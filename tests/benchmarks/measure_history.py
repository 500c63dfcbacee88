"""Looking back at a case of 200 events, half of them with content: its state as of half-way, opened and folded,
beside the bare loop that does nothing but open and fold, and beside the target."""

from uuid import UUID, uuid4

from events import ACT, NOW
from harness import Bench, Measured, beside, timed

from rujukan.domain import case as cases
from rujukan.domain.case.consents import ConsentGiven
from rujukan.domain.case.fulfilment import ReferralAccepted, ReferralReceived, ReferralStarted
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.referrals import ReferralDrafted, ReferralSent
from rujukan.domain.codes import AgeGroup, AgencyKind, ConsentBy, Obtained, Purpose, Service, Urgency
from rujukan.domain.custody import custody
from rujukan.domain.fact import Fact, NoteId
from rujukan.domain.history import as_of, as_seen_by, diff
from rujukan.infra import composition
from rujukan.infra.store.event_store import EventStore, Stream
from rujukan.infra.store.following import written_of

EVENTS = 200
TARGET = 10.0


def run(bench: Bench) -> list[Measured]:
    seconds = min(bench.seconds, 3.0)
    with bench.database() as settings, composition.writer(settings) as store:
        case = uuid4()
        store.append([Stream(case, 0, _story())], ACT, correlation=case, causation=case)
        events = [written_of(o) for o in store.read(case)]
        half = events[EVENTS // 2].position

        def ms(work) -> float:
            return 1e3 / timed(work, seconds)

        def look_back() -> None:
            as_of([written_of(o) for o in store.read(case)], half)

        def as_the_hospital() -> None:
            as_seen_by(as_of([written_of(o) for o in store.read(case)], half), (), "rsud", AgencyKind.HEALTH)

        bare = ms(_bare(store, case))
        found = [
            beside(f"as of half-way of {EVENTS} events, from the store", ms(look_back), "ms", "target", TARGET, True)
        ]
        found.append(beside(found[0].name, found[0].ours, "ms", "limit: read, open, fold", bare, True))
        found.append(
            beside(
                "as the hospital could see it then, from the store", ms(as_the_hospital), "ms", "target", TARGET, True
            )
        )
        limit = ms(lambda: cases.fold(w.event for w in events))
        whole = ms(lambda: as_of(events, events[-1].position))
        found.append(beside(f"as of, {EVENTS} opened events", whole, "ms", "limit: fold alone", limit, True))
        first, last = as_of(events, half), as_of(events, events[-1].position)
        found.append(beside("diff of two instants", ms(lambda: diff(first, last)), "ms", "target", TARGET, True))
        found.append(beside("custody", ms(lambda: custody(events, NOW)), "ms", "target", TARGET, True))
    return found


def _bare(store: EventStore, case: UUID):
    """The least that can be done: rows read, coordination opened, events folded."""

    def work() -> None:
        cases.fold(o.event for o in store.read(case))

    return work


def _story() -> list[Fact]:
    """A case in which referrals come and go, and much is noted."""
    consent = ConsentGiven(
        occurred_at=NOW,
        consent=uuid4(),
        compartments=frozenset({"health", "psychosocial"}),
        recipients=frozenset({"rsud"}),
        purposes=frozenset(Purpose),
        given_by=frozenset({ConsentBy.SURVIVOR}),
        obtained=Obtained.WRITTEN,
    )
    opened = CaseOpened(
        occurred_at=NOW,
        lead="uptd-ppa",
        lead_kind=AgencyKind.LEAD,
        urgency=Urgency.URGENT,
        age_group=AgeGroup.ADULT,
        pathway="2026-1",
    )
    story: list[Fact] = [opened, consent]
    while len(story) < EVENTS:
        story += [*_referral(), *(_note() for _ in range(6))]
    return story[:EVENTS]


def _referral() -> list[Fact]:
    id = uuid4()
    drafted = ReferralDrafted(
        occurred_at=NOW,
        referral=id,
        recipient="rsud",
        recipient_kind=AgencyKind.HEALTH,
        sender="uptd-ppa",
        sender_kind=AgencyKind.LEAD,
        service=Service.HEALTH,
        urgency=Urgency.URGENT,
        purpose=Purpose.CARE,
        compartments=frozenset({"health"}),
        health="h" * 200,
    )
    return [
        drafted,
        ReferralSent(occurred_at=NOW, referral=id, due_at=NOW),
        ReferralReceived(occurred_at=NOW, referral=id),
        ReferralAccepted(occurred_at=NOW, referral=id),
        ReferralStarted(occurred_at=NOW, referral=id),
    ]


def _note() -> NoteRecorded:
    return NoteRecorded(occurred_at=NOW, note=NoteId(uuid4()), subject="s" * 100, psychosocial="p" * 220)
