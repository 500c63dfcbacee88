"""What people with rightful tokens once did to come to what was not theirs: rows a to l and n of issue 12 (m, the holds
of the police, is test_police_keep.py). Each is played, then
every door is asked what it opens to that agency. Each row is a kind: what of it is answered with success counts for
nothing here, what is opened does. But each request is well put: one that is refused for its form tries nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from doors import Doors, beyond
from office import until
from people import PURPOSE
from receiver import Receiver, receiving
from test_reach_at_every_door import EVERYTHING, HEARD, HOSPITAL, LAWYERS, LEAD, POLICE, SERVICES, Story, for_health
from two import seconded

from rujukan.api.application.casework import Casework
from rujukan.consumers.wire.envelope import AgencyKey, CannotOpen, Opener
from rujukan.domain.codes import AgencyKind, Purpose, Role, Service, SharingBasis
from rujukan.infra import composition, onboarding
from rujukan.infra.issuer import usual_actor

LONG_AGO = {"occurred_at": "1950-01-01T00:00:00Z"}
ADMINISTRATOR, OFFICER, SUPERVISOR = Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR
CASE_WORKER, MACHINE = Role.CASE_WORKER, Role.INTEGRATOR
DANGER = {"basis": "imminent-danger", "rule": "UU 27/2022", "reason": "Katanya gawat."}
SO_SAID = {"rule": "x", "reason": "Kata saya.", "purposes": ["care"]}
EVERYBODY = tuple(role for role in Role if role is not Role.SYSTEM)
BOUNDS = {"basis", "compartments", "recipients", "purposes", "key"}
"""Fields in which a rule says how far somebody may go: what a ground to share past consent covers; that the only key of
an agency is not retired."""
DOORS_OF_PEOPLE = {"/timeline", "/export", "/history", "document", "search"}
MINE = AgencyKey.generate("mine")


class House:
    """An agency of a row's own, with a key, whose people are known as those of other agencies are."""

    def __init__(self, story: Story, kind: AgencyKind, *roles: Role) -> None:
        self.story, self.running = story, story.running
        self.code, self.key = f"row-{uuid4().hex[:8]}", AgencyKey.generate("first")
        with composition.service(self.running.settings, connections=2) as ports:
            system = Casework(ports.log, ports.macs)
            onboarding.register(system, self.code, kind, "Mitra", [Service.HEALTH])
            for role in roles:
                onboarding.add_member(system, self.code, usual_actor(self.code, role), [role], None)
            onboarding.register_key(system, self.code, "first", self.key.public)
        SERVICES[self.code] = "kesehatan"
        last = story.client(self.code, PURPOSE.get(roles[-1], Purpose.COORDINATION), roles[-1])
        until(lambda: bool(last.get("/me").json().get("roles")))  # the API hears of it in a moment

    def joins(self, agency: str, person: UUID, *roles: Role) -> None:
        """Somebody becomes a member, as the operator lets them in."""
        with composition.service(self.running.settings, connections=2) as ports:
            onboarding.add_member(Casework(ports.log, ports.macs), agency, person, [*roles], None)

    def as_person(self, person: UUID, role: Role, agency: str | None = None) -> httpx.Client:
        token = self.running.issuer.token(person, agency or self.code, [role])
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": PURPOSE.get(role, Purpose.CARE).value}
        return self.running.calling(headers)

    def administrator(self, agency: str | None = None) -> httpx.Client:
        return self.story.client(agency or self.code, Purpose.COORDINATION, ADMINISTRATOR)


class Played(NamedTuple):
    """What a row came to: who is asked at every door, and what they may open there; what they were answered meanwhile;
    what somebody still opens; further people and keys that may open nothing."""

    gives: Mapping[str, set[str]]
    answers: tuple[str, ...] = ()
    keeps: Mapping[str, set[str]] = {}
    on_its_way: Mapping[str, set[str]] = {}
    """What a machine may still fetch for a week, as it was told while the referral was open: its first delivery may be
    on its way (infra/delivery/reaching.py). Later than that it is withheld (test_told_again.py)."""
    strangers: tuple[httpx.Client, ...] = ()
    house: House | None = None
    posted: Receiver | None = None
    leads: bool = True
    """The lead leads still, and writes more."""


def tries(client: httpx.Client, path: str, **body: Any) -> httpx.Response:
    """Asked for, whatever the answer."""
    return bounded(client.post(path, json=body))


def bounded(answer: httpx.Response) -> httpx.Response:
    """The same answer: where values do not fit together, it is one that says how far somebody may go (`asked_well` sees
    to the rest of the form)."""
    if answer.status_code == 422 and answer.json()["type"].endswith(":invalid"):
        assert answer.json()["about"]["field"] in BOUNDS, answer.text
    return answer


def tries_to_refer(story: Story, sender: str, to: str, of: list[str], purpose: str = "care") -> None:
    here = f"/cases/{story.case}/referrals"
    about = {"recipient": to, "service": SERVICES[to], "urgency": "urgent", "purpose": purpose, "compartments": of}
    drafted = bounded(story.ask(sender, here, **about))
    if drafted.is_success:
        at = f"{here}/{drafted.json()['id']}"
        story.ask(sender, f"{at}/sending", duplicate_reason="Lagi.")
        for move in ("receipt", "acceptance", "start"):
            story.ask(to, f"{at}/{move}")


def claims(story: Story, agency: str, *to: str) -> None:
    """An agency says that she agreed to everything."""
    about = {"compartments": EVERYTHING, "recipients": [*to], "purposes": ["care", "legal"]}
    story.ask(agency, f"/cases/{story.case}/consents", **about, **HEARD)


def a(story: Story) -> Played:
    for_health(story)
    claims(story, HOSPITAL, LAWYERS, HOSPITAL)
    for of in (EVERYTHING, ["health"]):
        tries_to_refer(story, HOSPITAL, LAWYERS, of)
    claims(story, LAWYERS, HOSPITAL)
    for of in (EVERYTHING, ["health"]):
        tries_to_refer(story, LAWYERS, HOSPITAL, of)
    return Played({HOSPITAL: {"health"}, LAWYERS: {"health"}})


def b(story: Story) -> Played:
    consent, referral = for_health(story)
    story.post(LEAD, f"/cases/{story.case}/consents/{consent}/withdrawal")
    claims(story, HOSPITAL, HOSPITAL)
    story.ask(HOSPITAL, f"/cases/{story.case}/referrals/{referral}/resumption")
    tries_to_refer(story, HOSPITAL, LAWYERS, ["health"])
    return Played({HOSPITAL: set(), LAWYERS: set()})


def c(story: Story) -> Played:
    """On every ground; of what waits for another person, a colleague approves all."""
    for_health(story)
    here = f"/cases/{story.case}/consent-overrides"
    chief, officer = (story.client(HOSPITAL, Purpose.CARE, SUPERVISOR), story.client(HOSPITAL, Purpose.AUDIT, OFFICER))
    rests_on = {"document": story.attach(HOSPITAL, "legal", kind="court-order"), "on_word_of": "dr. Ayu"}
    allowed = set[str]()
    for basis in SharingBasis:
        for of in (EVERYTHING, ["incident"], ["health", "identity", "contact"]):
            about = {**SO_SAID, **rests_on, "basis": basis.value, "compartments": of, "recipients": [LAWYERS, POLICE]}
            for said in (about, {**about, "recipients": [POLICE], "purposes": ["protection"]}):
                asked = tries(chief, here, **said)
                if asked.is_success:
                    approved = tries(officer, f"{here}/{asked.json()['id']}/approval", reason="Diperiksa.")
                    allowed |= {basis.value} if approved.is_success or basis.value == "imminent-danger" else set()
    assert allowed == {"imminent-danger", "court-order", "health-worker-report"}, "what its ground gives is sharable"
    for to, purpose in ((LAWYERS, "care"), (POLICE, "protection")):
        for of in (EVERYTHING, ["incident"]):
            tries_to_refer(story, HOSPITAL, to, of, purpose)
    return Played({HOSPITAL: {"health"}, LAWYERS: set(), POLICE: set()})


def d(story: Story) -> Played:
    """The police end what stands for the hospital, by an id that they find."""
    consent, _ = for_health(story)
    story.consent(LEAD, ["incident"], [POLICE], ("legal",))
    tries_to_refer(story, LEAD, POLICE, ["incident"], "legal")
    here = f"/cases/{story.case}"
    for by in (CASE_WORKER, SUPERVISOR):
        police = story.client(POLICE, Purpose.LEGAL, by)
        for path in ("withdrawal", "narrowing"):
            said = {"compartments": ["health"], "recipients": [POLICE], "purposes": ["legal"]}
            tries(police, f"{here}/consents/{consent}/{path}", **(said if path == "narrowing" else {}))
        tries(police, f"{here}/consent-refusals", given_by=["survivor"], asked_for=[HOSPITAL])
    return Played({POLICE: {"incident"}, HOSPITAL: {"health"}}, keeps={HOSPITAL: {"health"}})


def e(story: Story) -> Played:
    for to in (HOSPITAL, LAWYERS):
        story.consent(LEAD, EVERYTHING, [to])
    rejected, cancelled = story.draft(LEAD, HOSPITAL, EVERYTHING), story.draft(LEAD, LAWYERS, EVERYTHING)
    for referral in (rejected, cancelled):
        story.move(LEAD, referral, "sending")
    story.move(HOSPITAL, rejected, "receipt")
    story.move(HOSPITAL, rejected, "rejection", reason="no-capacity")
    story.move(LEAD, cancelled, "cancellation")
    told = {agency: set(EVERYTHING) for agency in (HOSPITAL, LAWYERS)}
    return Played({HOSPITAL: set(), LAWYERS: set()}, on_its_way=told)


def f(story: Story) -> Iterator[Played]:
    """Withdrawn from one, and narrowed for another, who confirm that they deleted it; each opened all of it before, by
    every door by which it asks again."""
    held = {agency: Doors(story, agency) for agency in (HOSPITAL, LAWYERS)}
    consents = {agency: story.consent(LEAD, EVERYTHING, [agency]) for agency in held}
    for agency, doors in held.items():
        story.refer(LEAD, agency, EVERYTHING)
        shown = {
            door.rpartition(": ")[2]: doors.parts(text, story.mark) for door, text in doors.by(story.client(agency))
        }
        everything = set(EVERYTHING) - {"economic"}
        assert {part for door in DOORS_OF_PEOPLE for part in shown[door]} == everything
        assert all(shown[door] for door in DOORS_OF_PEOPLE)
        again = {**doors.again(), "topic": doors.of_topic()}
        assert {door: doors.parts(text, story.mark) for door, text in again.items()} == dict.fromkeys(again, everything)
    here = f"/cases/{story.case}/consents"
    story.post(LEAD, f"{here}/{consents[HOSPITAL]}/withdrawal", said_by=["survivor"])
    less = {"compartments": ["health"], "recipients": [LAWYERS], "purposes": ["care"]}
    story.post(LEAD, f"{here}/{consents[LAWYERS]}/narrowing", **less)
    for agency in held:
        confirms_deletion(story, agency)
    yield Played({HOSPITAL: set(), LAWYERS: {"health"}})
    for agency, given in ((HOSPITAL, set[str]()), (LAWYERS, {"health"})):
        assert story.fed_anew(agency) <= given, "from its very first number on"


def confirms_deletion(story: Story, agency: str) -> None:
    """An agency says that it deleted all that it was asked to delete of the case, as its machine was told."""
    opener = Opener([story.running.keys[agency]], [story.running.service_key])
    officer = story.client(agency, Purpose.AUDIT, OFFICER)

    def asked() -> set[str]:
        told = story.of_feed(agency, opener)
        return {str(d.fields()["erasure"]) for d in told if d.topic == "erasure.DeletionAsked"}

    until(lambda: bool(asked()))
    for erasure in asked():
        answer = officer.post(f"/erasures/{erasure}/acknowledgement", json={})
        assert answer.is_success, answer.text
        story.last = max(story.last, answer.json()["position"])


def g(story: Story) -> Played:
    """It leads now, and was let know what happened alone."""
    house = House(story, AgencyKind.LEAD, *EVERYBODY)
    story.consent(LEAD, ["incident"], [house.code])
    here, chief = f"/cases/{story.case}", story.client(LEAD, Purpose.SUPERVISION, SUPERVISOR)
    asked = chief.post(f"{here}/lead-transfers", json={"to": house.code, "reason": "Pindah."}).json()
    taken = story.client(house.code, Purpose.SUPERVISION, SUPERVISOR).post(
        f"{here}/lead-transfers/{asked['id']}/acceptance"
    )
    assert taken.is_success, taken.text
    story.last = taken.json()["position"]
    answers, disclosure = [], str(uuid4())
    for role in (CASE_WORKER, OFFICER):
        reader = story.client(house.code, Purpose.SURVIVOR_REQUEST, role)
        for kind in ("", "application/pdf", "text/plain"):
            about = {"params": {"case": story.case}, "headers": {"Accept": kind} if kind else {}}
            answers.append(reader.get("/reports/survivor", **about).text)
    reviewer = story.client(house.code, Purpose.LEGAL, Role.LEGAL_REVIEWER)
    spoken = {"recipient": "a friend", "basis": "survivor-request", "rule": "spoken", "compartments": EVERYTHING}
    answers.append(tries(reviewer, f"{here}/disclosures", disclosure=disclosure, **spoken).text)
    answers.append(reviewer.get(f"{here}/disclosures/{disclosure}/bundle").text)
    return Played({house.code: {"incident"}}, tuple(answers), house=house, leads=False)


def h(story: Story) -> Played:
    """A colleague finds it justified, the lead does not; and it is broken again and again."""
    house = House(story, AgencyKind.NGO, *EVERYBODY)
    worker, here = story.client(house.code), f"/cases/{story.case}"
    glass = worker.post(f"{here}/break-glass", json={**DANGER, "compartments": EVERYTHING}).json()["id"]
    judges = (
        (house.code, "justified", SUPERVISOR),
        (LEAD, "not-justified", OFFICER),
        (house.code, "justified", OFFICER),
    )
    for agency, verdict, role in judges:
        by = story.client(agency, PURPOSE[role], role)
        tries(by, f"{here}/break-glass/{glass}/review", verdict=verdict, remark="Dinilai.")
    answers = []
    for _ in range(3):
        again = worker.post(f"{here}/break-glass", json={**DANGER, "compartments": EVERYTHING})
        for id in (glass, again.json().get("id", glass)):
            answers.append(worker.get(f"{here}/break-glass/{id}/timeline").text)
    return Played({house.code: set()}, tuple(answers), house=house)


def i(story: Story) -> Iterator[Played]:
    """A key and a webhook of their own, and the real key retired; then she is sent there."""
    house = House(story, AgencyKind.HEALTH, *EVERYBODY)
    administrator, at = house.administrator(), f"/agencies/{house.code}"
    with receiving() as receiver:
        for path, body in (
            ("keys", {"key": "mine", "public_key": MINE.public}),
            ("keys/first/retirement", {}),
            ("webhook", {"url": receiver.url}),
            ("webhook/replay", {"after": 0}),
        ):
            answer = tries(administrator, f"{at}/{path}", **body)
            if answer.status_code == 202:
                tries(administrator, f"{answer.headers['Location']}/approval")
        story.consent(LEAD, ["health"], [house.code])
        story.refer(LEAD, house.code, ["health"])
        yield Played({house.code: {"health"}}, house=house, posted=receiver)


def j(story: Story) -> Iterator[Played]:
    """The lead's administrator fills an agency that has none, and makes an officer of themselves."""
    house = House(story, AgencyKind.HEALTH, CASE_WORKER, SUPERVISOR, MACHINE, OFFICER)
    story.consent(LEAD, ["health"], [house.code])
    story.refer(LEAD, house.code, ["health"])
    of_lead, friend, myself = house.administrator(LEAD), uuid4(), usual_actor(LEAD, ADMINISTRATOR)
    for person, roles in ((friend, ["case-worker", "supervisor"]), (myself, ["case-worker"]), (friend, ["integrator"])):
        answer = tries(of_lead, f"/agencies/{house.code}/members", member=str(person), roles=roles)
        if answer.status_code == 202:
            tries(of_lead, f"{answer.headers['Location']}/approval")
    officer = tries(of_lead, f"/agencies/{LEAD}/members", member=str(myself), roles=["data-protection-officer"])
    assert officer.status_code == 202, officer.text
    for word in ("approval", "withdrawal"):  # what others find here is as it was
        tries(of_lead, f"{officer.headers['Location']}/{word}")
    pairs = [(p, r) for p in (friend, myself) for r in (CASE_WORKER, SUPERVISOR, OFFICER, MACHINE)]
    strangers = tuple(house.as_person(person, role) for person, role in pairs)
    yield Played({house.code: {"health"}}, strangers=strangers, house=house)
    for client in strangers:
        client.close()


def k(story: Story) -> Played:
    for_health(story)
    here, reason = f"/cases/{story.case}", {"reason": "Keliru."}
    for path, body in (
        ("survivor/contact/corrections", {"phone": "0811", "safe_to_call": True}),
        ("survivor/identity/corrections", {"name": "Orang lain"}),
        (f"incidents/{story.incident}/corrections", {"forms": ["fisik"], "gbv_type": "denial"}),
    ):
        story.ask(HOSPITAL, f"{here}/{path}", **body, **reason)
        if path.startswith("survivor/"):
            story.ask(HOSPITAL, f"{here}/{path}", **body, **reason, corrects=LEAD)
    for clock in story.client(LEAD).get(here).json()["clocks"]:
        story.ask(HOSPITAL, f"{here}/clocks/{clock['clock']}/end")
    query = {"kind": "visum", "compartment": "health", "supersedes": story.document}
    named = {"Content-Type": "text/plain"}
    story.client(HOSPITAL).post(f"{here}/documents", params=query, content=b"x", headers=named)
    return Played({HOSPITAL: {"health"}}, keeps={LEAD: {"contact", "identity", "incident"}})


def l(story: Story) -> Played:  # noqa: E743
    """As if it had been before: her narrowing, the receipt, the end."""
    consent, referral = for_health(story)
    here = f"/cases/{story.case}"
    claims(story, HOSPITAL, LAWYERS)
    more = {"compartments": EVERYTHING, "recipients": [HOSPITAL, LAWYERS], "purposes": ["care"]}
    story.ask(HOSPITAL, f"{here}/consents", **more, **HEARD, **LONG_AGO)
    story.ask(HOSPITAL, f"{here}/consents/{consent}/narrowing", **more, **LONG_AGO)
    tries_to_refer(story, HOSPITAL, LAWYERS, ["incident"])
    for move, body in (("receipt", {}), ("acceptance", {}), ("completion", {"outcome": "service-delivered"})):
        story.ask(HOSPITAL, f"{here}/referrals/{referral}/{move}", **body, **LONG_AGO)
    return Played({HOSPITAL: {"health"}, LAWYERS: set()})


def n(story: Story) -> Iterator[Played]:
    """A colleague who was never assigned; and somebody who is excluded, for whatever agency, glass included."""
    house = House(story, AgencyKind.POLICE, *EVERYBODY)
    colleague, kin = uuid4(), uuid4()
    house.joins(house.code, colleague, CASE_WORKER)
    for agency in (house.code, LEAD):
        house.joins(agency, kin, CASE_WORKER)
    people = [(colleague, house.code), (kin, house.code), (kin, LEAD)]
    strangers = tuple(house.as_person(person, CASE_WORKER, agency) for person, agency in people)
    until(lambda: all(s.get("/me").json().get("roles") for s in strangers))
    chief = story.client(house.code, Purpose.SUPERVISION, SUPERVISOR)
    said = house.administrator().post(f"/agencies/{house.code}/need-to-know", json={"need_to_know": "assigned"})
    assert seconded(said, chief).is_success
    story.consent(LEAD, ["identity", "incident"], [house.code])
    story.refer(LEAD, house.code, ["identity", "incident"])
    here = f"/cases/{story.case}"
    of = {"person": str(kin), "member_of": LEAD, "reason": "Saudara terlapor."}
    of_lead = story.client(LEAD, Purpose.SUPERVISION, SUPERVISOR)
    placed = seconded(of_lead.post(f"{here}/exclusions", json=of), story.client(LEAD, Purpose.AUDIT, OFFICER))
    assert placed.is_success, placed.text
    story.last = placed.json()["position"]
    until(lambda: strangers[0].get(here).status_code == 404)  # need to know holds in every process, within a second
    answers = []
    for client in strangers:
        glass = client.post(f"{here}/break-glass", json={**DANGER, "compartments": EVERYTHING})
        if client is strangers[0]:  # who is not excluded may, in an emergency, loudly
            continue
        answers.append(client.get(f"{here}/break-glass/{glass.json().get('id', uuid4())}/timeline").text)
    yield Played({house.code: {"identity", "incident"}}, tuple(answers), strangers=strangers, house=house)
    for client in strangers:
        client.close()


ROWS: Mapping[str, Callable[[Story], Any]] = {row.__name__: row for row in (a, b, c, d, e, f, g, h, i, j, k, l, n)}


@pytest.mark.thorough
@pytest.mark.usefixtures("asked_well")
@pytest.mark.parametrize("row", ROWS)
def test_no_door_opens_what_a_row_gave_to_nobody(running: Running, row: str) -> None:
    story = Story(running)
    mark, begin = story.mark, {agency: Doors(story, agency) for agency in (HOSPITAL, LAWYERS, POLICE)}
    played = ROWS[row](story)
    steps = iter([played] if isinstance(played, Played) else played)
    for found in steps:
        looks_at_every_door(story, mark, begin, found)


def looks_at_every_door(story: Story, mark: str, begin: Mapping[str, Doors], played: Played) -> None:
    if played.leads:
        story.writes(again="later")
    later = story.mark
    for agency, given in played.gives.items():
        is_house = played.house is not None and agency == played.house.code
        doors = Doors(story, agency, played.house.key) if is_house and played.house else begin[agency]
        if is_house:
            doors.start, doors.cursor = 0, "0"
        shown = {door: doors.parts(text, mark) for door, text in doors.of_people().items()}
        again = doors.again()
        told = {door: doors.parts(text, mark) for door, text in again.items()}
        assert beyond(shown, given) == {}
        assert beyond(told, given | played.on_its_way.get(agency, set())) == {}
        if played.leads:
            new = {door: doors.parts(text, later) for door, text in (*again.items(), ("topic", doors.of_topic()))}
            assert beyond(new, given) == {}
        if given & {"health", "incident"}:
            opened = set[str]().union(*shown.values())
            assert opened, "nothing is tried where nothing could be opened"
            assert all(told.values()), "what it may know it is told, by each of these"
        assert beyond({str(n): doors.parts(text, mark) for n, text in enumerate(played.answers)}, given) == {}
    for agency, kept in played.keeps.items():
        assert kept <= story_opened(story, agency, mark), "what it may know stays"
    doors = begin[HOSPITAL]
    for stranger in played.strangers:
        assert beyond({door: doors.parts(text, mark) for door, text in doors.by(stranger)}, set()) == {}
        fed = stranger.get("/subscription/events", params={"case": story.case, "limit": 10})
        assert fed.status_code != 200
    if played.posted is not None:
        assert played.posted.posts == [], "nothing is posted to an address that one person named"
        assert played.house is not None
        with_mine = Doors(story, played.house.code, MINE)
        with_mine.start, with_mine.cursor = 0, "0"
        with pytest.raises(CannotOpen):
            with_mine.told(lambda: with_mine._pages(limit=500))


def story_opened(story: Story, agency: str, mark: str) -> set[str]:
    doors = Doors(story, agency)
    return set[str]().union(*(doors.parts(text, mark) for text in doors.of_people().values()))
