"""What is delivered to her: by whom, under which referral, and the clocks that it meets."""

import pytest
from msgspec.structs import replace
from story import (
    CLOCK,
    DAY,
    DELIVERY,
    HOSPITAL,
    LEAD,
    NOON,
    POLICE,
    R1,
    R2,
    an_id,
    brought_to,
    clock,
    given,
    opened,
    referred,
    say,
)

from rujukan.domain.case.services import DeliverService, ServiceDelivered
from rujukan.domain.casefile.clocks import ClockMet
from rujukan.domain.codes import ReferralStatus, Service
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import NotForThisAgency, Unknown, WrongMove

S = ReferralStatus

WORK = [(DeliverService, ServiceDelivered, {"delivery": DELIVERY, "service": Service.HEALTH, "health": "treated"})]


def deliver(**other: object) -> DeliverService:
    return say(DeliverService, delivery=DELIVERY, service=Service.HEALTH, **other)


@pytest.mark.parametrize(("command", "event", "fields"), WORK, ids=["DeliverService"])
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))


@pytest.mark.parametrize("status", [S.ACCEPTED, S.IN_PROGRESS])
def test_a_recipient_delivers_under_a_referral_that_it_accepted(status: S) -> None:
    given(*referred(status)).when(deliver(referral=R1), by=HOSPITAL).then_only(ServiceDelivered)


@pytest.mark.parametrize("status", [S.REQUESTED, S.RECEIVED, S.ON_HOLD])
def test_nothing_is_delivered_under_a_referral_that_is_not_accepted_or_on_hold(status: S) -> None:
    given(*referred(status)).when(deliver(referral=R1), by=HOSPITAL).refused(WrongMove, status=status, move="deliver")


def test_only_the_recipient_delivers_under_a_referral() -> None:
    given(*referred()).when(deliver(referral=R1)).refused(NotForThisAgency, needs="recipient")
    given(*referred(), *brought_to(S.ACCEPTED, R2, to="polres")).when(deliver(referral=R1), by=POLICE).refused(
        Unknown, what="referral"
    )


def test_a_delivery_meets_the_clocks_it_names() -> None:
    given(*referred(), clock(NOON + DAY)).when(deliver(meets=(CLOCK,)), by=HOSPITAL).then(
        say(ServiceDelivered, delivery=DELIVERY, service=Service.HEALTH, meets=(CLOCK,)),
        say(ClockMet, clock=CLOCK, in_time=True),
    )


def test_a_clock_that_a_delivery_names_twice_is_met_once() -> None:
    given(opened(), clock()).when(deliver(meets=(CLOCK, CLOCK))).then_only(ServiceDelivered, ClockMet)


def test_a_delivery_meets_its_clocks_in_the_order_it_names_them() -> None:
    clocks = [an_id(f"clock {n}") for n in range(6)]
    started = [replace(clock(), clock=id) for id in clocks]
    events = given(opened(), *started).when(deliver(meets=(*reversed(clocks), clocks[3]))).events
    assert [event.clock for event in events if isinstance(event, ClockMet)] == clocks[::-1]
