"""What an agency acknowledges: marks that only grow, shown by receipts, and what failed, once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace
from paper_log import PaperLog, PaperMacs
from story import HOSPITAL_S_MACHINE, LEAD, NOON, POLICE, fitting, say

from rujukan.api.application import arriving
from rujukan.api.application.arriving import Arrivals
from rujukan.api.application.casework import Casework
from rujukan.domain.delivery import (
    MOST_FAILURES,
    Acknowledged,
    AcknowledgeDeliveries,
    Arrival,
    Failure,
    Mark,
    Marks,
    ToldSoFar,
    acknowledge,
    arrivals,
    delivery_stream,
    fold,
    named,
)
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import NotForThisAgency, NotTold, WrongReceipt

HEAD = 20


def receipt(sequence: int) -> str:
    return f"receipt-{sequence}"


def mark(sequence: int | None) -> Mark | None:
    return None if sequence is None else Mark(sequence, receipt(sequence))


def says(
    received: int | None = None, handled: int | None = None, failed: Sequence[int] = (), recovered: Sequence[int] = ()
) -> AcknowledgeDeliveries:
    failures = tuple(Failure(s, "cannot-open") for s in failed)
    return say(
        AcknowledgeDeliveries,
        received=mark(received),
        handled=mark(handled),
        failed=failures,
        recovered=tuple(recovered),
    )


def taken(
    command: AcknowledgeDeliveries, *before: Fact, by: Act = HOSPITAL_S_MACHINE, head: int = HEAD
) -> Sequence[Fact]:
    told = ToldSoFar(head, {s: receipt(s) for s in named(command) if s <= head})
    return acknowledge("rsud", command, fold(before), told, by)


def recorded(received: int, handled: int, failed: Sequence[int] = (), recovered: Sequence[int] = ()) -> Acknowledged:
    failures = tuple(Failure(s, "cannot-open") for s in failed)
    fields = {"failed": failures, "recovered": tuple(recovered)}
    return say(Acknowledged, agency="rsud", received=received, handled=handled, **fields)


def test_marks_are_recorded_as_they_grow() -> None:
    first = taken(says(received=5))
    assert first == [recorded(5, 0)]
    assert taken(says(received=7, handled=5), *first) == [recorded(7, 5)]


def test_what_was_handled_had_arrived() -> None:
    assert taken(says(handled=5)) == [recorded(5, 5)]
    assert taken(says(received=3, handled=5)) == [recorded(5, 5)]


@pytest.mark.parametrize("again", [says(received=7, handled=5), says(received=2), says(handled=1), says()])
def test_nothing_is_recorded_when_nothing_is_new(again: AcknowledgeDeliveries) -> None:
    assert taken(again, recorded(7, 5)) == []


def test_one_mark_grows_though_the_other_is_of_yesterday() -> None:
    assert taken(says(received=2, handled=6), recorded(7, 5)) == [recorded(7, 6)]


def test_what_was_never_told_cannot_have_arrived() -> None:
    for command in (says(received=HEAD + 1), says(handled=HEAD + 1), says(failed=[HEAD + 1]), says(recovered=[99])):
        with pytest.raises(NotTold) as refused:
            taken(command)
        assert refused.value.about["head"] == HEAD
    assert taken(says(received=HEAD)) == [recorded(HEAD, 0)]


@pytest.mark.parametrize("forged", ["", "receipt-4", "receipt-50", "réçu"])
@pytest.mark.parametrize("which", ["received", "handled"])
def test_only_who_opened_a_delivery_acknowledges_it(which: str, forged: str) -> None:
    command = replace(says(received=3, handled=3), **{which: Mark(5, forged)})
    with pytest.raises(WrongReceipt) as refused:
        taken(command)
    assert refused.value.about == {"sequence": 5}


def test_a_receipt_that_the_register_does_not_know_shows_nothing() -> None:
    command = replace(says(), received=Mark(5, ""))
    with pytest.raises(WrongReceipt):
        acknowledge("rsud", command, Marks(), ToldSoFar(HEAD, {}), HOSPITAL_S_MACHINE)


@pytest.mark.parametrize("by", [LEAD, POLICE])
def test_nobody_acknowledges_for_another_agency(by: Act) -> None:
    with pytest.raises(NotForThisAgency):
        taken(says(received=5), by=fitting(says(), by))


def test_what_failed_is_recorded_once_with_its_first_reason() -> None:
    command = replace(says(), failed=(Failure(4, "cannot-open"), Failure(6, "not-ours"), Failure(4, "handler-failed")))
    first = taken(command)
    assert first == [say(Acknowledged, agency="rsud", received=0, handled=0, failed=command.failed[:2])]
    assert taken(says(failed=[4, 6]), *first) == []
    assert taken(says(failed=[4, 5, 6]), *first) == [recorded(0, 0, failed=[5])]


def test_what_failed_moves_no_mark() -> None:
    """It needs no receipt, as nobody could open it: so it shows nothing."""
    assert taken(says(failed=[1, 2, 3])) == [recorded(0, 0, failed=[1, 2, 3])]


def test_what_failed_can_be_handled_after_all_once() -> None:
    failed = recorded(7, 7, failed=[4, 5])
    done = taken(says(recovered=[5, 4, 5, 6]), failed)
    assert done == [recorded(7, 7, recovered=[4, 5])]
    assert taken(says(failed=[4], recovered=[4]), failed, *done) == []


def test_what_fails_and_is_handled_in_one_word_is_both() -> None:
    assert taken(says(failed=[4], recovered=[4])) == [recorded(0, 0, failed=[4], recovered=[4])]


def test_many_failures_are_several_events_and_the_last_has_what_was_recovered() -> None:
    many = range(1, 2 * MOST_FAILURES + 2)
    events = taken(says(failed=many, recovered=[1]), head=2000)
    assert [len(e.failed) for e in events if isinstance(e, Acknowledged)] == [MOST_FAILURES, MOST_FAILURES, 1]
    assert fold(events).failed == set(many)
    assert taken(says(failed=many, recovered=[1]), *events, head=2000) == []


def test_each_agency_has_a_stream_of_its_own() -> None:
    assert len({delivery_stream(code) for code in ("rsud", "polres", "uptd-ppa")}) == 3


sequences = st.none() | st.integers(1, HEAD)
commands = st.builds(
    says, sequences, sequences, st.lists(st.integers(1, HEAD), max_size=5), st.lists(st.integers(1, HEAD), max_size=5)
)


@for_all(st.lists(commands, max_size=8), st.randoms())
def test_in_whatever_order_and_however_often_they_come_the_marks_are_the_same(said: list, random) -> None:
    """What is recovered goes by what failed before it, so only the marks and what failed are compared."""

    def marks(order: list) -> Marks:
        events: list[Fact] = []
        for command in order:
            new = taken(command, *events)
            events += new
            assert taken(command, *events) == [], "the same word again says nothing new"
        return fold(events)

    once = marks(said)
    other = [*said, *said]
    random.shuffle(other)
    again = marks(other)
    assert (again.received, again.handled, again.failed) == (once.received, once.handled, once.failed)
    assert once.recovered <= once.failed


# When it was said ------------------------------------------------------------------------------------------------


def minute(n: int) -> datetime:
    return NOON + n * timedelta(minutes=1)


def said(*events: Fact) -> list[tuple[datetime, Acknowledged]]:
    return [(minute(n), event) for n, event in enumerate(events) if isinstance(event, Acknowledged)]


def test_a_delivery_arrived_with_the_first_word_that_goes_so_far() -> None:
    words = said(recorded(2, 0), recorded(4, 3), recorded(9, 4))
    assert arrivals([3, 4, 10], words) == {
        3: Arrival(minute(1), minute(1)),
        4: Arrival(minute(1), minute(2)),
        10: Arrival(),
    }


def test_what_could_not_be_opened_did_not_arrive_whatever_mark_goes_past_it() -> None:
    failed = Arrival(failed="cannot-open")
    assert arrivals([4], said(recorded(9, 9, failed=[4]))) == {4: failed}
    assert arrivals([4], said(recorded(9, 9), recorded(9, 9, failed=[4]))) == {4: failed}
    again = said(recorded(9, 9, failed=[4]), recorded(9, 9), recorded(9, 9, recovered=[4]))
    assert arrivals([4], again) == {4: Arrival(minute(2), minute(2))}


def test_what_its_handler_failed_on_had_arrived() -> None:
    event = say(Acknowledged, agency="rsud", received=9, handled=9, failed=(Failure(4, "handler-failed"),))
    assert arrivals([4], said(recorded(5, 3), event)) == {4: Arrival(minute(0), None, "handler-failed")}


@for_all(st.lists(commands, max_size=40), st.lists(st.integers(1, HEAD), max_size=6), st.integers(0, 40))
def test_what_is_looked_for_among_many_is_what_all_of_them_say(words: list, of: list[int], until: int) -> None:
    events: list[Fact] = []
    for command in words:
        events += taken(command, *events)
    log = PaperLog()
    for n, event in enumerate(events):
        log.write(delivery_stream("rsud"), replace(HOSPITAL_S_MACHINE, at=minute(n)), event)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arriving, "PAGE", 3)
        asked = Arrivals(Casework(log, PaperMacs()), log)
        found = [asked.at("rsud", dict.fromkeys(of, minute(0)), minute(until)) for _ in range(2)]
    assert found == [arrivals(of, said(*events[: until + 1]))] * 2


def test_of_what_failed_no_acknowledgement_from_before_it_was_told_is_read_and_none_a_second_time() -> None:
    log, first, told, told_at = PaperLog(), 200, 950, 180
    for n in range(1, 301):
        more = {"failed": (Failure(told, "handler-failed"),)} if n == first else {}
        received = n if n < first else told + n
        event = say(Acknowledged, agency="rsud", received=received, handled=received, **more)
        log.write(delivery_stream("rsud"), replace(HOSPITAL_S_MACHINE, at=minute(n)), event)
    asked = Arrivals(Casework(log, PaperMacs()), log)
    read: list[tuple[int, int | None]] = []
    reads = log.read

    def noting(stream: UUID, after: int = 0, upto: int | None = None) -> list:
        read.append((after, upto))
        return reads(stream, after, upto)

    log.read = noting  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arriving, "PAGE", 1)
        for most in (45, 25):
            arrived = asked.at("rsud", {told: minute(told_at)}, minute(400))
            assert arrived[told].failed == "handler-failed"
            pages = {after for after, upto in read if upto is not None}
            assert len(pages) <= most
            read.clear()
