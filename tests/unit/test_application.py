"""The application without a door: commands on every kind of stream, and no log, no read."""

import re
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from paper_log import PaperLog, PaperMacs, PaperOpener, a_network
from story import (
    C1,
    CASE,
    HOSPITAL,
    HOSPITAL_S_MACHINE,
    LEAD,
    NETWORK,
    NOTE,
    SUPERVISOR,
    act,
    consent,
    incident,
    opened,
    referred,
    say,
)

from rujukan.api import app
from rujukan.api.application.casework import Casework, KeyReused, Sent, VersionMismatch
from rujukan.api.application.kinds import AGENCY, ERASURE, delivery_of
from rujukan.api.application.kinds import CASE as CASE_KIND
from rujukan.api.application.ports import Moved, Unavailable, Unreadable
from rujukan.api.application.reading import STREAMS, AccessStreams, Asked, OnRecord, Reading
from rujukan.api.application.rooms import Rooms
from rujukan.domain import agency as a
from rujukan.domain import delivery as d
from rujukan.domain.access import AccessRecorded
from rujukan.domain.agency import agency_stream
from rujukan.domain.case.consents import ConsentGiven, GiveConsent, WithdrawConsent
from rujukan.domain.case.erasure import ApproveErasure, RequestErasure
from rujukan.domain.case.first_hold import LegalHoldPlaced
from rujukan.domain.case.fulfilment import CompleteReferral
from rujukan.domain.case.merging import MergeCase
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.case.referrals import CancelReferral
from rujukan.domain.codes import ErasureBasis, Outcome, Role
from rujukan.domain.compartment import ALL, Compartment
from rujukan.domain.delivery import delivery_stream
from rujukan.domain.erasure import AcknowledgeErasure, DeletionAsked, erasure_stream
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, AnotherPersonNeeded, HoldStands, Refusal, Unknown

KEY = Sent("once", b"the same")
OFFICER = act("uptd-ppa", Role.DATA_PROTECTION_OFFICER)
ADMINISTRATOR = act("rsud", Role.AGENCY_ADMINISTRATOR)


class SlowLog(PaperLog):
    """Takes a reading in once nobody else came for a moment, or all whom it can have at once are there."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._there, self._changed = most, 0, Condition()
        self.at_once = 0

    def append(self, changes: Any, *more: Any) -> list[int]:
        with self._changed:
            self._there += 1
            self.at_once = max(self.at_once, self._there)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.at_once >= self._most, 60)
            self._there -= 1
            return super().append(changes, *more)


class House(NamedTuple):
    """The application on paper."""

    log: PaperLog
    opener: PaperOpener
    casework: Casework
    reading: Reading

    def says(self, command: Fact, by: Act = LEAD, on: UUID = CASE, **more: Any) -> Any:
        return self.casework.handle(CASE_KIND, on, command, by, correlation=uuid4(), **more)

    def elsewhere(self) -> Casework:
        """Another process on the same log."""
        return Casework(self.log, PaperMacs())


@pytest.fixture
def house() -> House:
    """A case that is shared with the hospital, in a network of eight agencies."""
    log = PaperLog()
    a_network(log, LEAD)
    log.write(CASE, LEAD, *referred(), incident(), say(NoteRecorded, note=NOTE, health="seen", safety="moved"))
    opener, casework = PaperOpener(log), Casework(log, PaperMacs())
    return House(log, opener, casework, Reading(casework, log, opener))


def note(**more: Any) -> RecordNote:
    return say(RecordNote, note=uuid4(), subject="Kunjungan", **more)


# Commands ------------------------------------------------------------------------------------------------------


def test_a_command_is_stored_and_answered(house: House) -> None:
    before, said = house.casework.case(CASE), note()
    done = house.says(said, made=said.note)
    assert before is not None
    assert (done.id, done.version, done.position) == (str(said.note), before.version + 1, len(house.log.events))
    assert house.log.events[-1].event == say(NoteRecorded, note=said.note, subject="Kunjungan")


def test_it_is_decided_anew_where_another_process_wrote_first(house: House) -> None:
    house.says(note())
    house.log.before_append.append(lambda: house.elsewhere().handle(CASE_KIND, CASE, note(), LEAD, correlation=uuid4()))
    house.says(note())
    assert house.log.topics(CASE)[-3:] == ["case.NoteRecorded"] * 3


def test_a_refusal_that_stands_on_an_old_state_is_not_given(house: House) -> None:
    house.says(note())
    house.elsewhere().handle(CASE_KIND, CASE, say(GiveConsent, **_consent(uuid4())), LEAD, correlation=uuid4())
    given = [w.event for w in house.log.events if isinstance(w.event, ConsentGiven)][-1]
    house.says(say(WithdrawConsent, consent=given.consent))
    assert "case.ConsentWithdrawn" in house.log.topics(CASE)


def _consent(id: UUID) -> dict[str, Any]:
    given = consent(id)
    return {name: getattr(given, name) for name in GiveConsent.__struct_fields__ if name != "occurred_at"}


def test_who_writes_all_the_time_keeps_others_from_it(house: House) -> None:
    def interrupts() -> None:
        house.log.write(CASE, LEAD, say(NoteRecorded, note=uuid4(), subject="between"))
        house.log.before_append.append(interrupts)

    house.says(note())
    house.log.before_append.append(interrupts)
    with pytest.raises(Moved):
        house.says(note())


def test_a_key_has_one_effect(house: House) -> None:
    said = note()
    first = house.says(said, made=said.note, sent=KEY)
    again = house.says(said, made=uuid4(), sent=KEY)
    assert again == first._replace(replayed=True)
    assert house.elsewhere().handle(CASE_KIND, CASE, said, LEAD, correlation=uuid4(), sent=KEY) == again
    with pytest.raises(KeyReused):
        house.says(said, sent=KEY._replace(content=b"another"))
    assert house.log.topics(CASE).count("case.NoteRecorded") == 2


def test_a_key_is_that_persons_alone(house: House) -> None:
    house.says(note(), sent=KEY)
    assert not house.says(note(), by=SUPERVISOR, sent=KEY).replayed


def test_a_version_is_told_to_who_may_know_of_the_case(house: House) -> None:
    now = house.casework.case(CASE)
    assert now is not None
    house.says(note(), expected=now.version)
    with pytest.raises(VersionMismatch) as stale:
        house.says(note(), expected=now.version)
    assert stale.value.version == now.version + 1
    with pytest.raises(Unknown):
        house.says(note(), by=act("disdik"), expected=now.version)


def test_what_is_refused_leaves_nothing(house: House) -> None:
    before = list(house.log.events)
    with pytest.raises(Refusal):
        house.says(say(WithdrawConsent, consent=uuid4()))
    with pytest.raises(Unknown):
        house.says(note(), on=agency_stream("rsud"))  # a stream of another kind
    assert house.log.events == before


# What follows --------------------------------------------------------------------------------------------------


def test_a_merger_is_written_to_both_files_at_once(house: House) -> None:
    living = uuid4()
    house.log.write(living, LEAD, opened())
    house.says(say(CancelReferral, referral=_referral(house), reason="by-sender"))
    house.says(say(MergeCase, into=living), by=SUPERVISOR)
    assert house.log.events[-2].stream == CASE
    assert (house.log.events[-1].stream, house.log.topics(living)[-1]) == (living, "case.DuplicateAbsorbed")


def test_a_case_is_not_merged_into_itself(house: House) -> None:
    house.says(say(CancelReferral, referral=_referral(house), reason="by-sender"))
    with pytest.raises(Unknown):
        house.says(say(MergeCase, into=CASE), by=SUPERVISOR)


def _referral(house: House) -> UUID:
    case = house.casework.case(CASE)
    assert case is not None
    return next(iter(case.referrals))


def test_the_end_of_a_consent_asks_for_copies_back_in_the_same_commit(house: House) -> None:
    done = house.says(say(WithdrawConsent, consent=C1))
    asked = [w for w in house.log.events if w.topic.startswith("erasure.")]
    assert [w.topic for w in asked] == ["erasure.RecallRecorded", "erasure.DeletionAsked"]
    assert done.position == asked[-1].position == len(house.log.events)


def test_an_erasure_leaves_its_record_and_then_destroys_the_keys(house: House) -> None:
    erasure = uuid4()
    asks = {"erasure": erasure, "whole": True, "basis": ErasureBasis.SURVIVOR_REQUEST, "reason": "she asks"}
    house.says(say(CompleteReferral, referral=_referral(house), outcome=Outcome.DELIVERED), by=HOSPITAL)
    house.says(say(RequestErasure, **asks), by=SUPERVISOR)
    house.says(say(ApproveErasure, erasure=erasure), by=OFFICER, sent=KEY)
    assert set(house.log.topics(erasure_stream(erasure))) == {"erasure.ErasureRecorded", "erasure.DeletionAsked"}
    assert Compartment.COORDINATION in house.log.erased[CASE]
    assert house.casework.case(CASE) is None
    with pytest.raises(Unknown):
        house.casework.known(CASE, LEAD)

    house.log.erased.clear()  # as where the process was killed before; "done" means that it cannot be read
    assert house.says(say(ApproveErasure, erasure=erasure), by=OFFICER, sent=KEY).replayed
    assert Compartment.COORDINATION in house.log.erased[CASE]

    said = say(AcknowledgeErasure, erasure=erasure)
    house.casework.handle(ERASURE, erasure, said, HOSPITAL_S_MACHINE, correlation=uuid4())
    with pytest.raises(AlreadyExists):
        house.casework.handle(ERASURE, erasure, said, HOSPITAL_S_MACHINE, correlation=uuid4())
    with pytest.raises(Unknown):
        house.casework.handle(ERASURE, erasure, said, act("lbh", Role.INTEGRATOR), correlation=uuid4())


def test_a_case_that_cannot_be_read_is_erased_by_two_people_all_the_same(house: House) -> None:
    erasure = uuid4()
    house.says(note())  # it is in memory
    house.log.damaged.add(CASE)
    with pytest.raises(Unreadable):
        house.elsewhere().handle(CASE_KIND, CASE, note(), LEAD, correlation=uuid4())
    asks = {"erasure": erasure, "whole": True, "basis": ErasureBasis.SURVIVOR_REQUEST, "reason": "she asks"}
    house.says(say(RequestErasure, **asks), by=SUPERVISOR, made=erasure)
    with pytest.raises(AnotherPersonNeeded):
        house.says(say(ApproveErasure, erasure=erasure), by=SUPERVISOR)
    house.says(say(ApproveErasure, erasure=erasure), by=OFFICER, sent=KEY)
    assert house.log.topics(erasure_stream(erasure))[:2] == [
        "erasure.DamagedErasureAsked",
        "erasure.ErasureRecorded",
    ]
    assert house.log.topics(CASE)[-1] == "case.CaseErased"
    assert house.log.erased[CASE] == ALL
    said = say(AcknowledgeErasure, erasure=erasure)
    for agency in {w.event.agency for w in house.log.events if isinstance(w.event, DeletionAsked)}:
        house.casework.handle(ERASURE, erasure, said, act(agency), correlation=uuid4())

    house.log.erased.clear()  # as where the process was killed before
    house.log.damaged.clear()
    assert house.says(say(ApproveErasure, erasure=erasure), by=OFFICER, sent=KEY).replayed
    assert house.log.erased[CASE] == ALL


def test_a_hold_and_an_erasure_of_a_damaged_case_that_cross_are_decided_by_the_store(house: House) -> None:
    erasure = uuid4()
    house.log.damaged.add(CASE)
    asks = {"erasure": erasure, "whole": True, "basis": ErasureBasis.SURVIVOR_REQUEST, "reason": "she asks"}
    house.says(say(RequestErasure, **asks), by=SUPERVISOR, made=erasure)
    house.log.before_append.append(lambda: house.log.write(CASE, LEAD, say(LegalHoldPlaced, reason="a trial")))
    with pytest.raises(HoldStands):
        house.says(say(ApproveErasure, erasure=erasure), by=OFFICER)
    assert CASE not in house.log.erased
    assert "erasure.ErasureRecorded" not in house.log.topics()


# Agencies, deliveries ------------------------------------------------------------------------------------------


def test_a_suspension_is_seen_by_who_asks_next(house: House) -> None:
    assert house.casework.network["rsud"].active
    said = say(a.SuspendAgency, reason="Izin berakhir.")
    done = house.casework.handle(AGENCY, "rsud", said, act("uptd-ppa", Role.AGENCY_ADMINISTRATOR), correlation=uuid4())
    assert (done.id, house.casework.network["rsud"].active) == ("rsud", False)


def test_all_agencies_are_gone_through_but_one_that_cannot_be_read(house: House) -> None:
    """Who excludes somebody from a case asks of which agencies that person is a member: of all that there are."""
    network = house.casework.network
    assert (set(network), len(network)) == (set(NETWORK), len(NETWORK))
    house.log.damaged.add(agency_stream("lbh"))
    network.forget("lbh")
    assert set(network) == set(NETWORK) - {"lbh"}


def test_marks_grow_and_the_same_word_twice_is_nothing_new(house: House) -> None:
    kind = delivery_of("rsud", d.ToldSoFar(5, {4: "receipt"}))
    said = say(d.AcknowledgeDeliveries, received=d.Mark(4, "receipt"))
    machine = act("rsud", Role.INTEGRATOR)
    assert house.casework.handle(kind, "rsud", said, machine, correlation=uuid4()).position == len(house.log.events)
    assert house.casework.handle(kind, "rsud", said, machine, correlation=uuid4()).position == 0
    marks = house.casework.latest(kind, "rsud")
    assert marks is not None
    assert (marks.received, house.log.topics(delivery_stream("rsud"))) == (4, ["delivery.Acknowledged"])


# No log, no read -----------------------------------------------------------------------------------------------


def wanted(house: House, *compartments: Compartment) -> list[Any]:
    return [(w, frozenset(compartments)) for w in house.casework.written(CASE)]


def test_a_reading_is_on_record_before_anything_is_opened(house: House) -> None:
    asked = Asked(HOSPITAL, uuid4())
    found = house.reading.open(asked, CASE, wanted(house, Compartment.HEALTH), "timeline")
    assert house.opener.on_record == [["access.AccessRecorded"]]
    (access,) = [w for w in house.log.events if w.topic == "access.AccessRecorded"]
    assert (access.position, access.correlation) == (found.position, asked.correlation)
    said: Any = access.event
    assert (said.what, said.compartments, said.subject) == ("timeline", frozenset({"health"}), CASE)
    assert b"seen" in b"".join(s for seen in found.seen for s in seen.segments.values())


@pytest.mark.parametrize("what", ["open", "document", "bundle", "show", "report"])
def test_where_nothing_can_be_recorded_nothing_is_shown(house: House, what: str) -> None:
    asked, reading = Asked(LEAD, uuid4()), house.reading
    house.log.away = True
    ways: dict[str, Any] = {
        "open": lambda: reading.open(asked, CASE, wanted(house, Compartment.HEALTH), "timeline"),
        "document": lambda: reading.document(asked, CASE, uuid4(), Compartment.HEALTH, "document", "own"),
        "bundle": lambda: reading.bundle(
            asked, CASE, uuid4(), {}, frozenset(), "court-order: 1", reports=False, witnessed=False
        ),
        "show": lambda: reading.show(asked, CASE, frozenset({Compartment.COORDINATION}), "case"),
        "report": lambda: reading.report(asked, agency_stream("uptd-ppa"), "holdings"),
    }
    with pytest.raises(Unavailable):
        ways[what]()
    assert house.opener.on_record == []


def test_an_empty_view_is_on_record_where_that_is_said(house: House) -> None:
    asked, before = Asked(LEAD, uuid4()), len(house.log.events)
    assert house.reading.open(asked, CASE, [], "timeline") == (0, [])
    assert len(house.log.events) == before
    health = frozenset({Compartment.HEALTH})
    house.reading.open(asked, CASE, [], "break-glass", basis="break-glass:imminent-danger", nothing=health)
    said: Any = house.log.events[-1].event
    assert (said.what, said.compartments) == ("break-glass", frozenset({"health"}))


def test_who_looked_comes_from_the_log_for_who_is_on_record(house: House) -> None:
    """The lead learns of every reading, another agency of its own people's."""
    house.reading.open(Asked(LEAD, uuid4()), CASE, wanted(house, Compartment.HEALTH), "timeline")
    nothing = OnRecord(0)
    assert list(house.reading.readings(Asked(LEAD, uuid4()), CASE, nothing).found) == []
    under = house.reading.show(Asked(LEAD, uuid4()), CASE, frozenset({Compartment.COORDINATION}), "case-access")
    found = house.reading.readings(Asked(LEAD, uuid4()), CASE, under).found
    assert [w.event.what for w in found if isinstance(w.event, AccessRecorded)] == ["timeline", "case-access"]


def test_no_door_is_handed_the_opener() -> None:
    """Nor reaches for the reading's own."""
    assert "opener" not in Rooms._fields
    api = Path(app.__file__).parent
    outside = [path for path in api.rglob("*.py") if "application" not in path.parts]
    assert outside
    assert [path.name for path in outside if re.search(r"[._]opener\b", path.read_text())] == []


# A page of a case ------------------------------------------------------------------------------------------------


def test_a_page_of_a_long_case_reads_a_page(house: House) -> None:
    house.log.write(CASE, LEAD, *(say(NoteRecorded, note=UUID(int=n)) for n in range(300)))
    house.casework.known(CASE, LEAD)
    every = house.log.read(CASE)
    for page in (every[:7], every[100:107], every[-7:], every[5::60]):
        house.log.given = 0
        found = house.casework.readable(CASE, {w.position: w.compartments_present for w in page}, LEAD)
        assert [w.position for w, _ in found] == [w.position for w in page]
        assert house.log.given <= len(page)


def test_what_is_remembered_of_any_number_of_cases_weighs_no_more_than_it_may(house: House) -> None:
    """And each is answered as by who remembers all."""
    most, cases = 60_000, [uuid4() for _ in range(60)]
    for n, case in enumerate(cases):
        house.log.write(case, LEAD, opened(), *(say(NoteRecorded, note=uuid4()) for _ in range(n % 7)))
    small = Casework(house.log, PaperMacs(), most_bytes=most)
    weights: list[int] = []
    for case in (*cases, *reversed(cases)):
        assert small.case(case) == house.elsewhere().case(case)
        weights.append(small._states.weight)
    assert most / 2 < max(weights) <= most


def test_a_list_that_names_another_cases_events_opens_none_of_them(house: House) -> None:
    """The lists are tables that can be edited."""
    other = uuid4()
    house.log.write(other, LEAD, opened(), say(NoteRecorded, note=uuid4()))
    named = {w.position: w.compartments_present for w in house.log.read(other)}
    assert house.casework.readable(CASE, named, LEAD) == []


# Access streams --------------------------------------------------------------------------------------------------


def readings(log: PaperLog) -> dict[UUID, list[int]]:
    """Access stream → the versions in it."""
    found: dict[UUID, list[int]] = {}
    for written in log.events:
        if isinstance(written.event, AccessRecorded):
            found.setdefault(written.stream, []).append(written.version)
    return found


def read_by_threads(reading: Reading, threads: int) -> None:
    """Each reading by a thread of its own, which ends with it; all of them at once."""
    readers = [
        Thread(target=reading.report, args=(Asked(LEAD, uuid4()), uuid4(), "person-access")) for _ in range(threads)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def test_readings_of_any_number_of_threads_are_in_few_streams() -> None:
    log = SlowLog(STREAMS)
    reading = Reading(Casework(log, PaperMacs()), log, PaperOpener(log))
    for _ in range(6):
        read_by_threads(reading, 2 * STREAMS)
    streams = readings(log)
    assert len(streams) == log.at_once == STREAMS, "as many are at it at once as there are streams"
    assert sum(map(len, streams.values())) == 12 * STREAMS
    assert all(versions == list(range(1, len(versions) + 1)) for versions in streams.values())


def test_one_reader_after_the_other_has_one_stream() -> None:
    log = SlowLog(1)
    reading = Reading(Casework(log, PaperMacs()), log, PaperOpener(log))
    for _ in range(50):
        read_by_threads(reading, 1)
    assert list(map(len, readings(log).values())) == [50]


def test_a_stream_of_which_the_version_is_not_known_is_left_and_its_place_is_not() -> None:
    streams = AccessStreams(2)
    used: set[UUID] = set()
    for _ in range(5):
        with suppress(Unavailable), streams.one() as lent:
            used.add(lent.id)
            raise Unavailable("nobody knows whether that was stored")
    assert len(used) == 5
    with streams.one() as one, streams.one() as other:
        assert (one.version, other.version) == (0, 0)
        assert not used & {one.id, other.id}
