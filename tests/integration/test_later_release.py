"""An event of a later release stops nobody's case: whoever does not know it waits for that release, says which it
needs, and then goes on where it was. So the processes of a system can be replaced one after the other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import damaging
import fetching
import psycopg
import pytest
from damaging import case_with, entries
from fetching import Place, fetched, note
from office import Office, catch_up

from rujukan.api.application.ports import NotYetKnown
from rujukan.domain.delivery import Cursor
from rujukan.infra import composition
from rujukan.infra.commands import health
from rujukan.infra.delivery import telling
from rujukan.infra.delivery.met import look_into
from rujukan.infra.serving.vitals import vitals
from rujukan.infra.settings import Settings
from rujukan.infra.store import transcoder
from rujukan.infra.store.following import Follower, Learning
from rujukan.infra.store.transcoder import LaterRelease

place, superuser = fetching.place, damaging.superuser
TOPIC = "case.NoteRecorded"


@contextmanager
def older(monkeypatch: pytest.MonkeyPatch, known: int) -> Iterator[None]:
    """A process of a release that knows that topic in this version at most; none, where it is 0."""
    knows = transcoder.later

    def later(topic: str, schema: int) -> str:
        return f"{topic} in version {schema}" if topic == TOPIC and schema > known else knows(topic, schema)

    with monkeypatch.context() as patched:
        for module in (transcoder, health, telling):
            patched.setattr(module, "later", later)
        yield


def number_of(settings: Settings, position: int) -> int:
    """Under which number the hospital is told of that event."""
    with psycopg.connect(settings.database) as db:
        row = db.execute(
            "SELECT sequence FROM delivery.told WHERE agency = 'rsud' AND position = %s", (position,)
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.thorough
def test_nothing_is_set_aside_everything_behind_waits_and_goes_on_with_the_release_that_knows_it(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch, superuser: psycopg.Connection
) -> None:
    hit = case_with(place, "rsud")
    before = catch_up(settings)
    at = note(place.office, hit, "of a later release")
    behind = case_with(place, "rsud")
    with older(monkeypatch, 0):
        assert catch_up(settings) == before == at - 1, "all before it is followed, and nothing behind"
        with composition.follower(settings) as source, source.store.pool.connection() as db:
            with pytest.raises(LaterRelease, match=rf"position {at} is {TOPIC} in version 1"):
                list(Follower(source.store, Learning(source.store, lambda _: ())).pages(0))
            db.execute("SELECT delivery.meet(%s::uuid[])", ([hit],))
            look_into(source.store, db, hit)  # as whoever read it met it
            found = vitals(db, time.time())
            (trouble, *_) = health.waiting(db, found)
        assert f"position {at} is {TOPIC} in version 1" in trouble.what
        with pytest.raises(NotYetKnown):
            note(Office(place.office.ports), hit, "not stored")
    assert entries(settings) == []
    assert catch_up(settings) > at
    assert entries(settings) == []
    assert fetched(settings, place, hit).notes == ["of a later release"]
    with older(monkeypatch, 0):  # a process of before tells what the new one has on record: it leaves it to the new one
        office = Office(place.office.ports)
        page = office.ports.feed.page("rsud", Cursor(0), 500)
        assert page.messages
        numbers = [message.at.sequence for message in page.messages]
        assert numbers == list(range(1, len(numbers) + 1))
        assert max(numbers) < number_of(settings, at), "up to there, and no placeholder in its place"
    told = fetched(settings, place, behind)
    assert told.topics.count("case.CaseOpened") == 1
    assert told.numbers == list(range(1, len(told.numbers) + 1))
