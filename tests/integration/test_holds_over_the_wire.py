"""Row m of what insiders tried, over HTTP, the feed and Kafka: what is before the police is neither erased nor asked
back by others, their hold is lifted by nobody else; a former recipient places none, and its machine is told of none."""

from typing import Any

import httpx
import pytest
from conftest import Running
from people import PURPOSE
from test_reach_at_every_door import HOSPITAL, LEAD, POLICE, Story, refused

from rujukan.consumers.wire.envelope import Opener
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition

pytestmark = pytest.mark.usefixtures("asked_well")

ERASED = {"basis": "survivor-request", "compartments": ["incident", "identity", "health"], "reason": "Diminta."}
HOLD = {"hold_kind": "investigation", "reason": "Penyidikan."}


def person(story: Story, agency: str, role: Role) -> httpx.Client:
    return story.client(agency, PURPOSE.get(role, Purpose.COORDINATION), role)


def topics_of(story: Story, agency: str) -> set[str]:
    """What an agency's machine is told of the case: over its topic, and over its feed, read anew."""
    opener = Opener([story.running.keys[agency]], [story.running.service_key])
    with composition.follower(story.running.settings) as source, source.store.pool.connection() as db:
        source.head()
        row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
    over_topic = {d.topic for d in story.of_topic(agency, opener, row[0] if row is not None else 0)}
    assert {d.topic for d in story.of_feed(agency, opener)} <= over_topic
    return over_topic


def refer(story: Story, to: str, purpose: str, of: list[str]) -> str:
    story.consent(LEAD, of, [to], (purpose,))
    referral = story.draft(LEAD, to, of, purpose)
    story.move(LEAD, referral, "sending")
    for move in ("receipt", "acceptance", "start"):
        story.move(to, referral, move)
    return referral


@pytest.mark.thorough
def test_what_is_before_the_police_stays_with_them_at_every_door(running: Running) -> None:
    story = Story(running)
    here = f"/cases/{story.case}"
    for_health = refer(story, HOSPITAL, "care", ["health"])
    story.move(HOSPITAL, for_health, "completion", outcome="service-delivered")
    refer(story, POLICE, "legal", ["incident", "identity"])
    (hold,) = story.client(LEAD).get(here).json()["holds"]

    for role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER):
        assert refused(person(story, LEAD, role).post(f"{here}/erasures", json=ERASED)) == (409, "hold-stands")
    stopped: dict[str, Any] = {"ended_by": "written-stop", "rule": "SP3/7/2026"}
    for agency, role in ((LEAD, Role.LEGAL_REVIEWER), (LEAD, Role.SUPERVISOR), (HOSPITAL, Role.LEGAL_REVIEWER)):
        lifting = person(story, agency, role).post(f"{here}/legal-holds/{hold['hold']}/lifting", json=stopped)
        assert lifting.status_code in (403, 404), lifting.text
    for role in (Role.LEGAL_REVIEWER, Role.SUPERVISOR):
        placed = person(story, HOSPITAL, role).post(f"{here}/legal-holds", json=HOLD)
        assert refused(placed)[0] == 403
    again = person(story, POLICE, Role.SUPERVISOR).post(f"{here}/legal-holds", json=HOLD)
    assert again.status_code == 201, again.text
    story.last = again.json()["position"]

    story.writes()
    of_police, of_hospital = topics_of(story, POLICE), topics_of(story, HOSPITAL)
    assert story.opened(POLICE, Purpose.LEGAL) == {"incident", "identity"}
    assert story.sent(POLICE) == {"incident", "identity"}
    assert "erasure.DeletionAsked" not in of_police
    assert "case.HoldPlaced" in of_police
    assert not {topic for topic in of_hospital if "Hold" in topic}, "a former recipient learns of none"
    assert story.opened(HOSPITAL) == set()
