"""Over HTTP, the feed and Kafka: once the police received a report, the end of her consent stops what is sent further,
and asks nothing back there; of who works on nothing of the kind, it asks all."""

import pytest
from conftest import Running
from feeding import eventually
from test_reach_at_every_door import HOSPITAL, LEAD, POLICE, Story

from rujukan.consumers.wire.envelope import Opener
from rujukan.domain.codes import Purpose, Role

pytestmark = pytest.mark.usefixtures("asked_well")

SAID = {"said_by": ["survivor"]}


def told(story: Story, agency: str) -> list[str]:
    """The topics of what an agency's machine is told of the case, over its feed."""
    return [d.topic for d in story.of_feed(agency, Opener([story.running.keys[agency]], [story.running.service_key]))]


@pytest.mark.thorough
def test_her_withdrawal_stops_what_is_sent_to_the_police_and_asks_nothing_back(running: Running) -> None:
    story = Story(running)
    consents = {}
    for to, purpose, part in ((HOSPITAL, "care", "health"), (POLICE, "legal", "incident")):
        consents[to] = story.consent(LEAD, [part], [to], (purpose,))
        referral = story.draft(LEAD, to, [part], purpose)
        story.move(LEAD, referral, "sending")
        for move in ("receipt", "acceptance", "start"):
            story.move(to, referral, move)
    assert (story.sent(HOSPITAL), story.sent(POLICE)) == ({"health"}, {"incident"})
    for consent in consents.values():
        story.post(LEAD, f"/cases/{story.case}/consents/{consent}/withdrawal", **SAID)
    assert eventually(lambda: "erasure.DeletionAsked" in told(story, HOSPITAL))
    before = story.mark
    story.writes(again="later")
    assert (story.sent(HOSPITAL), story.sent(POLICE)) == (set(), set()), "nothing more is sent"
    story.mark = before
    assert story.sent(POLICE) == {"incident"}, "what lies in their topic stays theirs"
    assert "erasure.DeletionAsked" not in told(story, POLICE)
    assert story.opened(POLICE, Purpose.LEGAL) == set(), "the service shows them nothing of it any more"
    officer = story.client(LEAD, Purpose.AUDIT, Role.DATA_PROTECTION_OFFICER)
    listed = officer.get("/erasures", params={"limit": 500, "wait_for": story.last}).json()["items"]
    copies = [copy["agency"] for entry in listed if entry["case"] == story.case for copy in entry["copies"]]
    assert copies == [HOSPITAL], "whom the lead sees asked"
