"""An office, the agencies' keys, and what an agency fetches of a case over the feed."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
import pytest
from office import Office

from rujukan.consumers.wire.envelope import AgencyKey, Delivery, Opener, from_cloudevent
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.delivery import Cursor
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.settings import Settings


class Place(NamedTuple):
    """The network, and its agencies' keys."""

    office: Office
    keys: dict[str, AgencyKey]


@pytest.fixture(scope="module")
def place(settings: Settings) -> Iterator[Place]:
    """The network of Bontang on a fresh database. A test file takes it as its own: `place = fetching.place`."""
    with composition.service(settings, connections=4) as ports:
        office = Office(ports)
        yield Place(office, network.set_up(office.casework, settings.data / "agencies"))


class Told:
    """What an agency fetches of a case over the feed, from the first number on, as one that subscribes only now."""

    def __init__(self, settings: Settings, office: Office, key: AgencyKey, case: UUID) -> None:
        opener = Opener([key], [composition.service_key(settings)])
        self.sent: list[Delivery] = []
        after = Cursor(0)
        while found := office.ports.feed.page("rsud", after, 500).messages:
            for message in found:
                self.sent.append(opener.open(*from_cloudevent(msgspec.json.decode(message.event))))
            after = found[-1].at
        self.numbers = [d.sequence for d in self.sent]
        self.of_case = [d for d in self.sent if d.case == case]
        self.notes = [d.fields().get("health") for d in self.of_case if d.topic == "case.NoteRecorded"]
        self.topics = [d.topic for d in self.of_case]


def fetched(settings: Settings, place: Place, case: UUID) -> Told:
    """What the hospital fetches."""
    return Told(settings, place.office, place.keys["rsud"], case)


def consent_of(office: Office, case: UUID) -> UUID:
    known = office.casework.case(case)
    assert known is not None
    return next(id for id, consent in known.consents.items() if consent.live)


def note(office: Office, case: UUID, text: str, **more: str) -> int:
    """The lead notes something about the survivor's health, and more; the position of the record."""
    return office.does("uptd-ppa", case, RecordNote, note=uuid4(), health=text, **more).position
