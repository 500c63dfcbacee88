"""What was rightly told is not handed out anew once the agency reaches it no more: by whatever way, as all of them open
in one place. On a clock that the tests turn."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import fetching
import msgspec
import pytest
from fetching import Place, note
from office import Office, catch_up
from some import thorough

from rujukan.api.application.kinds import AGENCY
from rujukan.consumers.wire.envelope import ERASED, Delivery, Opener, from_cloudevent, to_cloudevent
from rujukan.domain.case.fulfilment import (
    AcceptReferral,
    CompleteReferral,
    FailReferral,
    ReceiveReferral,
    RejectReferral,
    StartReferral,
)
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.case.referrals import CancelReferral
from rujukan.domain.codes import EndReason, Outcome, RejectReason, Service
from rujukan.domain.delivery import Cursor
from rujukan.domain.recovery import Numbers, TellOfRecovery
from rujukan.infra import composition
from rujukan.infra.delivery.reaching import LATELY
from rujukan.infra.delivery.sealing import Sealing
from rujukan.infra.delivery.telling import Tellings
from rujukan.infra.keys.names import PUBLISHING
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import system_act
from rujukan.projections import notices as read_model

place = fetching.place
LATER = LATELY + timedelta(hours=1)


def fetched(settings: Settings, place: Place, agency: str, later: timedelta = LATER) -> list[Delivery]:
    """What the agency's machine opens, from its first number on, so long after all of it was told."""
    catch_up(settings)
    opener = Opener([place.keys[agency]], [composition.service_key(settings)])
    sealing = Sealing.of(composition.keys(settings, PUBLISHING), settings.network)
    with composition.follower(settings) as source:
        told = Tellings(source.store, source.store.pool, sealing, now=lambda: composition.now() + later)
        tellings = told.after(agency, Cursor(0), 10_000)
        return [opener.open(*from_cloudevent(to_cloudevent(message))) for message in told.seal(tellings)]


def notes(found: list[Delivery], case: UUID) -> list[object]:
    return [d.fields().get("health") for d in found if d.case == case and d.topic == "case.NoteRecorded"]


def referred(office: Office, case: UUID) -> UUID:
    referral = office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    office.does("rsud", case, ReceiveReferral, referral=referral)
    return referral


def rejected(office: Office, case: UUID, referral: UUID) -> None:
    office.does("rsud", case, RejectReferral, referral=referral, reason=RejectReason.NO_CAPACITY)


def cancelled(office: Office, case: UUID, referral: UUID) -> None:
    office.does("uptd-ppa", case, CancelReferral, referral=referral, reason=EndReason.WAITING)


def completed(office: Office, case: UUID, referral: UUID) -> None:
    for move in (AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=referral)
    office.does("rsud", case, CompleteReferral, referral=referral, outcome=Outcome.DELIVERED)


def failed(office: Office, case: UUID, referral: UUID) -> None:
    for move in (AcceptReferral, StartReferral):
        office.does("rsud", case, move, referral=referral)
    office.does("rsud", case, FailReferral, referral=referral, reason=EndReason.UNREACHABLE)


@pytest.mark.thorough
def test_an_agency_that_uses_http_alone_is_told_over_the_feed_and_in_its_list_that_an_older_state_was_restored(
    settings: Settings, place: Place
) -> None:
    act = system_act()
    said = TellOfRecovery(occurred_at=act.at, recovery=uuid4(), lost_numbers=(Numbers(3, 5),), lost_events=3)
    for agency in ("polres", "lbh"):
        place.office.casework.handle(AGENCY, agency, said, act, correlation=uuid4())
    catch_up(settings)
    opener = Opener([place.keys["polres"]], [composition.service_key(settings)])
    page = place.office.ports.feed.page("polres", Cursor(0), 500)
    last = opener.open(*from_cloudevent(msgspec.json.decode(page.messages[-1].event)))
    assert last.topic == "agency.HistoryRecovered"
    assert last.fields()["lost_numbers"] == [{"first": 3, "last": 5}]
    for agency, shown in (("polres", 1), ("lbh", 1), ("rsud", 0)):
        with place.office.ports.views.acting_for(agency) as db:
            found = [n for n in read_model.notices(db, limit=500) if n.rule == "restored"]
        assert [n.done_for for n in found] == [agency] * shown


@pytest.mark.parametrize("end", [rejected, *map(thorough, (cancelled, completed, failed))])
def test_what_a_referral_brought_is_told_again_only_while_it_is_open(
    settings: Settings, place: Place, end: Callable[[Office, UUID, UUID], None]
) -> None:
    """Its own words stay, and that it took part; each number is there. What may be on its way for the first time goes
    out as it was told. A new referral brings all of it again."""
    office, case = place.office, place.office.opens(composition.now())
    office.consents(case, "rsud", "health")
    note(office, case, "hers")
    referral = referred(office, case)
    office.does("rsud", case, RecordNote, note=uuid4(), health="own")
    assert notes(fetched(settings, place, "rsud"), case) == ["hers", "own"], "open, it is told however late"
    lead = notes(fetched(settings, place, "uptd-ppa"), case)
    end(office, case, referral)
    before = fetched(settings, place, "rsud", timedelta(0))
    assert notes(before, case) == ["hers", "own"]
    found = fetched(settings, place, "rsud")
    assert notes(found, case) == ["own"]
    assert [d.sequence for d in found] == [d.sequence for d in before] == list(range(1, len(before) + 1))
    of_case = [(was.topic, now.topic) for was, now in zip(before, found, strict=True) if was.case == case]
    assert {now for was, now in of_case if was != now} == {ERASED}
    assert {was for was, now in of_case if was.startswith("case.Referral")} == {
        now for was, now in of_case if now.startswith("case.Referral")
    }, "what it took part in stays"
    assert notes(fetched(settings, place, "uptd-ppa"), case) == lead, "who leads reaches what it did"
    referred(office, case)
    assert "hers" in notes(fetched(settings, place, "rsud"), case)
