"""A number goes out with what is said of calling it, to the machine of an agency that is told of contact alone."""

from typing import Any
from uuid import UUID, uuid4

import fetching
import pytest
from eventsourcing.persistence import StoredEvent
from fetching import Place
from office import Office, catch_up, opened_store

from rujukan.domain.case.identity import CorrectSurvivorContact, RecordSurvivorContact
from rujukan.domain.case.intake import ReceiveReport
from rujukan.domain.codes import Channel, Reporter, Service
from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.settings import Settings
from rujukan.infra.store import sealed_record
from rujukan.infra.store.sealed_record import Header

place = fetching.place
RECORDED, CORRECTED = "case.SurvivorContactRecorded", "case.SurvivorContactCorrected"


def contacts(settings: Settings, place: Place, case: UUID) -> list[tuple[int, list[str], list[str], dict[str, Any]]]:
    """(version, compartments, those withheld, data) of what the hospital's machine opens of how to reach her."""
    catch_up(settings)
    told = fetching.fetched(settings, place, case).of_case
    found = [d for d in told if d.topic in (RECORDED, CORRECTED)]
    said = [{name: value for name, value in d.fields().items() if name != "occurred_at"} for d in found]
    return [(d.schema, d.compartments, d.withheld, data) for d, data in zip(found, said, strict=True)]


def told_of_contact(office: Office) -> UUID:
    """A case of which the hospital is told contact, and nothing else."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "contact")
    office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"contact"}))
    return case


@pytest.mark.thorough
@pytest.mark.parametrize("safe", [None, False, True])
def test_who_is_told_a_number_is_told_what_was_said_of_calling_it(
    settings: Settings, place: Place, safe: bool | None
) -> None:
    case = told_of_contact(place.office)
    said = {"safe_to_call": safe, "safe_times": None if safe is None else "mornings"}
    place.office.does("uptd-ppa", case, RecordSurvivorContact, phone="0000", **said)
    place.office.does("uptd-ppa", case, CorrectSurvivorContact, phone="0001", safe_to_call=safe, reason="he has it")
    first, second = contacts(settings, place, case)
    assert first == (2, ["coordination", "contact"], [], {"phone": "0000", "address": None, **said})
    unsaid = {"address": None, "safe_times": None, "corrects": "uptd-ppa"}
    assert second[3] == {"phone": "0001", "safe_to_call": safe, "reason": "he has it", **unsaid}


def test_a_number_that_was_recorded_with_its_caveat_apart_is_told_as_one_of_which_nothing_is_said(
    settings: Settings, place: Place
) -> None:
    """Consent to contact opens no `safety`: the machine is told that something is withheld, and never that it may
    call."""
    case = told_of_contact(place.office)
    _stored_in_version_1(settings, case, place.office)
    ((schema, compartments, withheld, data),) = contacts(settings, place, case)
    assert (schema, compartments, withheld) == (2, ["coordination", "contact"], ["safety"])
    assert data == {"phone": "0000", "address": None, "safe_times": None, "safe_to_call": None}


@pytest.mark.parametrize("safe", [None, False, True])
def test_who_is_told_how_to_reach_the_reporter_is_told_what_was_said_of_calling(
    settings: Settings, place: Place, safe: bool | None
) -> None:
    """Who reported may live with whoever did it, or be the survivor herself."""
    case, said = told_of_contact(place.office), {"channel": Channel.HOTLINE, "reporter": Reporter.FAMILY}
    contact = {"reporter_contact": "0002", "reporter_safe_to_call": safe}
    place.office.does("uptd-ppa", case, ReceiveReport, **said, **contact)
    catch_up(settings)
    told = fetching.fetched(settings, place, case).of_case
    (report,) = [d for d in told if d.topic == "case.ReportReceived" and "contact" in d.compartments]
    assert {name: report.fields().get(name, "absent") for name in contact} == contact


def _stored_in_version_1(settings: Settings, case: UUID, office: Office) -> None:
    """As an earlier release stored it: the number in `contact`, what is said of calling it in `safety`."""
    plain = {
        Compartment.COORDINATION: b'{"occurred_at":"2026-03-03T12:00:00Z"}',
        Compartment.CONTACT: b'{"address":null,"phone":"0000"}',
        Compartment.SAFETY: b'{"safe_times":"mornings","safe_to_call":true}',
    }
    act = office.act("uptd-ppa")
    with opened_store(settings) as store:
        version = len(store.read(case)) + 1
        header = Header(case, version, RECORDED, 1, act.at, act.actor, act.agency, uuid4(), uuid4())
        state = sealed_record.seal(header, plain, store.keys.for_sealing(case, sorted(plain)))
        store.recorder.insert_events([StoredEvent(case, version, RECORDED, state)])
