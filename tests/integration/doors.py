"""Every door through which an agency comes to content: as people over HTTP, and as its machine by page, long-poll and
stream, by webhook and its replay, by its topic, by that topic filled anew."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec
from feeding import eventually
from office import until
from patience import PATIENCE_SECONDS
from receiver import receiving
from test_reach_at_every_door import EVERYTHING, LEAD, Story
from two import seconded

from rujukan.consumers.wire.envelope import AgencyKey, Delivery, Opener, from_cloudevent
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition

MOST = 100_000_000
ROLES = {
    Role.CASE_WORKER: (Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION),
    Role.SUPERVISOR: (Purpose.CARE, Purpose.SUPERVISION),
    Role.LEGAL_REVIEWER: (Purpose.LEGAL,),
    Role.DATA_PROTECTION_OFFICER: (Purpose.AUDIT,),
}
"""As whom people of an agency ask."""
PAGES = ("", "/timeline", "/export", "/history")


class Doors:
    """An agency at all of them, of one case; from where it stood as this was made."""

    def __init__(self, story: Story, agency: str, key: AgencyKey | None = None) -> None:
        self.story, self.agency, self.running = story, agency, story.running
        self.opener = Opener([key or story.running.keys[agency]], [story.running.service_key])
        self.machine = story.client(agency, Purpose.COORDINATION, Role.INTEGRATOR)
        state = self.machine.get("/subscription").json()
        self.start, self.cursor = state["head"], state["cursor"]

    def parts(self, said: str, mark: str) -> set[str]:
        """The compartments of the lead's words that stand in it."""
        return {part for part in EVERYTHING if f"{LEAD} {part} {mark}" in said}

    def told(self, door: Callable[[], Iterator[Delivery]]) -> str:
        """What is told of the case by a door, as text."""
        return "\n".join(str(d.fields()) for d in door() if str(d.case) == self.story.case)

    def catch_up(self) -> int:
        """Wait until the agency is told all; its newest sequence."""
        with composition.follower(self.running.settings) as source, source.store.pool.connection() as db:
            reached = "SELECT position FROM delivery.reached"
            assert eventually(lambda: (db.execute(reached).fetchone() or (0,))[0] >= self.story.last)
        return int(self.machine.get("/subscription").json()["head"])

    def of_people(self) -> dict[str, str]:
        """Door → all that people of the agency, in their roles and for their purposes, are shown by it."""
        clients = {(role, p): self.story.client(self.agency, p, role) for role, of in ROLES.items() for p in of}
        return {f"{role} for {p}: {door}": text for (role, p), c in clients.items() for door, text in self.by(c)}

    def by(self, client: httpx.Client) -> Iterator[tuple[str, str]]:
        """Door → what somebody is shown by it."""
        here = f"/cases/{self.story.case}"
        client.get("/cases", params={"wait_for": self.story.last, "limit": 1})
        for page in PAGES:
            yield page or "page", client.get(f"{here}{page}").text
        found = client.get(f"{here}/documents/{self.story.document}")
        yield "document", found.text if found.is_success else ""
        cases = client.post("/cases/search", json={"nik": self.story.nik})
        named = cases.is_success and self.story.case in cases.json()["cases"]
        yield "search", self.story.of("identity") if named else ""

    def again(self) -> dict[str, str]:
        """Door → all that the agency's machine is told by it which asks again from where it began."""
        head = self.catch_up()
        doors = {
            "feed": lambda: self._pages(limit=500),
            "long-poll": lambda: self._pages(limit=500, wait=5),
            "stream": lambda: self._stream(head),
            "webhook and replay": lambda: self._posted(head),
            "topic filled anew": lambda: self._refilled(head),
        }
        administrator = self.story.client(self.agency, Purpose.COORDINATION, Role.AGENCY_ADMINISTRATOR)
        if not administrator.get("/me").json().get("roles"):
            del doors["webhook and replay"]  # there is nobody who could set one
        return {name: self.told(door) for name, door in doors.items()}

    def of_topic(self) -> str:
        """What lies in the agency's topic, opened with its key."""
        upto = self.catch_up()
        return self.told(lambda: self.story.of_topic(self.agency, self.opener, upto))

    def _pages(self, **query: Any) -> Iterator[Delivery]:
        """Of all cases, and of this one."""
        for of in ({}, {"case": self.story.case}):
            page = self.machine.get("/subscription/events", params={"after": self.cursor, **of, **query})
            yield from (self.opener.open(*from_cloudevent(event)) for event in page.json())

    def _stream(self, head: int) -> Iterator[Delivery]:
        if head == self.start:
            return
        give_up = time.monotonic() + PATIENCE_SECONDS
        with self.machine.stream("GET", "/subscription/stream", params={"after": self.cursor}) as stream:
            for line in stream.iter_lines():
                assert time.monotonic() < give_up
                if not line.startswith("data: "):
                    continue
                event = msgspec.json.decode(line.removeprefix("data: "))
                yield self.opener.open(*from_cloudevent(event))
                if int(event["sequence"]) >= head:
                    return

    def _posted(self, head: int) -> Iterator[Delivery]:
        administrator = self.story.client(self.agency, Purpose.COORDINATION, Role.AGENCY_ADMINISTRATOR)
        chief = self.story.client(self.agency, Purpose.COORDINATION, Role.SUPERVISOR)
        if head == self.start:
            return
        at = f"/agencies/{self.agency}/webhook"
        with receiving() as receiver, ExitStack() as closing:
            answer = seconded(administrator.post(at, json={"url": receiver.url}), chief)
            assert answer.is_success, answer.text
            closing.callback(lambda: administrator.post(f"{at}/removal", json={}))
            assert administrator.post(f"{at}/replay", json={"after": self.start}).is_success
            until(lambda: bool(receiver.taken) and max(receiver.sequences()) >= head)
        yield from (self.opener.open(*from_cloudevent(post.event)) for post in receiver.taken)

    def _refilled(self, head: int) -> Iterator[Delivery]:
        """As the publisher writes a topic that lost its messages."""
        with composition.publisher(self.running.settings) as publisher:
            supply = publisher._supply
            tellings = supply.waiting({self.agency: self.start}, MOST, 1)
            supplied = supply.seal_all(tellings, MOST)
        for message in supplied.messages.get(self.agency, ()):
            yield self.opener.open(message.headers, message.key, message.value)


def beyond(found: Mapping[str, set[str]], given: set[str]) -> dict[str, set[str]]:
    """Door → what it opens beyond what was given."""
    return {door: parts - given for door, parts in found.items() if parts - given}
