"""Inside an agency: who is not assigned where the agency asks for that, and who is excluded from a case, find no case,
through whatever door: every answer is that for a case that does not exist, byte for byte.

Doors are taken from the declarations, so a read that is added is tried here without being named.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Running
from office import until
from some import some
from two import seconded

from rujukan.api.app import READS
from rujukan.api.application.casework import Casework
from rujukan.api.reads import Read
from rujukan.domain.codes import AgencyKind, Purpose, Role, Service
from rujukan.domain.standing.roles import PURPOSES
from rujukan.domain.standing.rule import roles_of
from rujukan.infra import composition, onboarding

pytestmark = pytest.mark.usefixtures("asked_well")

LEAD = "uptd-ppa"
NIK = "6474014107120093"
NAME = "Penyintas Utara"
OPENING = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adolescent"}
GLASS = {"compartments": ["identity"], "basis": "imminent-danger", "rule": "UU 27/2022", "reason": "danger"}
ALL_BUT_MACHINES = frozenset(Role) - {Role.SYSTEM, Role.INTEGRATOR}


class Station:
    """An agency of its own, so that its setting is nobody else's: two officers, a chief, an administrator, and one who
    is everything but a machine."""

    def __init__(self, running: Running, code: str) -> None:
        self.code, self.running = code, running
        self.people = {
            "officer": (uuid4(), {Role.CASE_WORKER}),
            "colleague": (uuid4(), {Role.CASE_WORKER}),
            "chief": (uuid4(), {Role.SUPERVISOR}),
            "deputy": (uuid4(), {Role.SUPERVISOR}),
            "administrator": (uuid4(), {Role.AGENCY_ADMINISTRATOR}),
            "kin": (uuid4(), set(ALL_BUT_MACHINES)),
        }
        self._clients: list[httpx.Client] = []
        with composition.service(running.settings, connections=2) as ports:
            system = Casework(ports.log, ports.macs)
            onboarding.register(system, code, AgencyKind.POLICE, code, [Service.LAW_ENFORCEMENT])
            for id, roles in self.people.values():
                onboarding.add_member(system, code, id, roles, None)
            onboarding.add_member(system, LEAD, self.id("kin"), [Role.CASE_WORKER], None)
            onboarding.register_key(system, code, "1", running.keys["rsud"].public)

    def id(self, who: str) -> UUID:
        return self.people[who][0]

    def lets_machine(self, who: str) -> None:
        """Somebody gets the role of a machine, too."""
        with composition.service(self.running.settings, connections=2) as ports:
            roles = [*self.people[who][1], Role.INTEGRATOR]
            onboarding.add_member(Casework(ports.log, ports.macs), self.code, self.id(who), roles, None)

    def client(
        self, who: str, role: Role = Role.CASE_WORKER, purpose: Purpose = Purpose.LEGAL, agency: str = ""
    ) -> httpx.Client:
        token = self.running.issuer.token(self.id(who), agency or self.code, [role])
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose.value}
        made = self.running.calling(headers)
        self._clients.append(made)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()


class Told(NamedTuple):
    """A case that was referred to the station, and what of it stands in addresses."""

    case: str
    referral: str
    position: int


def post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refers(running: Running, station: str, nik: str) -> Told:
    """The lead opens a case, and sends it to the station for all that it knows of it."""
    lead = running.client(LEAD)
    case = post(lead, "/cases", **OPENING)["id"]
    here = f"/cases/{case}"
    post(lead, f"{here}/survivor/identity", name=NAME, nik=nik, sex="female")
    scope = {"compartments": ["identity", "legal"], "purposes": ["legal"]}
    by = {"given_by": ["survivor", "caregiver"], "obtained": "verbal"}
    post(lead, f"{here}/consents", recipients=[station, LEAD], **scope, **by)
    draft = {"recipient": station, "service": "penegakan-hukum", "urgency": "urgent", "purpose": "legal"}
    referral = post(lead, f"{here}/referrals", **draft, compartments=["identity", "legal"])["id"]
    position = post(lead, f"{here}/referrals/{referral}/sending")["position"]
    return Told(case, referral, position)


def listed(client: httpx.Client, path: str, position: int, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params={"wait_for": position, "limit": 500, **asked})
    assert answer.is_success, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def knows(client: httpx.Client, told: Told) -> bool:
    """Whether somebody reads the name, finds the case by it, and has it in their list: all of it, or nothing."""
    here = f"/cases/{told.case}"
    rows = {told.case in {row["case"] for row in listed(client, "/cases", told.position)}}
    pages = [client.get(f"{here}{path}") for path in ("", "/timeline", "/export", "/history")]
    reads = {page.status_code for page in pages}
    rows.add(told.case in client.post("/cases/search", json={"nik": NIK}).json()["cases"])
    assert (reads, rows) in (({200}, {True}), ({404}, {False})), (reads, rows)
    assert (NAME in pages[1].text) is (reads == {200})
    return reads == {200}


@pytest.fixture(scope="module")
def station(running: Running) -> Iterator[Station]:
    made = Station(running, f"polsek-{uuid4().hex[:8]}")
    yield made
    made.close()


def narrow(station: Station) -> None:
    """Who is assigned works on its cases from now on, and nobody else."""
    administrator = station.client("administrator", Role.AGENCY_ADMINISTRATOR, Purpose.COORDINATION)
    asked = administrator.post(f"/agencies/{station.code}/need-to-know", json={"need_to_know": "assigned"})
    assert asked.status_code == 202
    assert seconded(asked, station.client("chief", Role.SUPERVISOR, Purpose.COORDINATION)).is_success


@pytest.mark.thorough
def test_a_second_officer_reads_every_case_only_until_the_agency_asks_for_need_to_know(
    running: Running, station: Station
) -> None:
    told = refers(running, station.code, NIK)
    officer, colleague = station.client("officer"), station.client("colleague")
    chief = station.client("chief", Role.SUPERVISOR)
    assert knows(officer, told)
    assert knows(colleague, told)
    narrow(station)
    until(lambda: officer.get(f"/cases/{told.case}").status_code == 404)  # within a second, in every process
    # A referral that nobody took is in the inbox of everybody who is there, and can be taken, and not read.
    assert [row["referral"] for row in listed(officer, "/inbox", told.position)] == [told.referral]
    assert listed(officer, "/inbox", told.position, mine="true") == []
    assert officer.get(f"/cases/{told.case}/timeline").status_code == 404
    assert knows(chief, told)
    taken = post(officer, f"/cases/{told.case}/referrals/{told.referral}/receipt")
    now = told._replace(position=taken["position"])
    assert knows(officer, now)
    assert not knows(colleague, now)
    for path in ("/inbox", "/cases", "/deadlines", "/flags", "/escalations", "/outbox"):
        assert told.case not in str(listed(colleague, path, now.position)), path
    assert colleague.post(f"/cases/{told.case}/referrals/{told.referral}/acceptance", json={}).status_code == 404
    post(officer, f"/cases/{told.case}/referrals/{told.referral}/acceptance")
    # `mine` is what one is assigned to, for whom all is shown as well.
    assert listed(chief, "/cases", now.position, mine="true") == []
    assert [row["case"] for row in listed(officer, "/cases", now.position, mine="true")] == [told.case]
    brought = post(
        officer, f"/cases/{told.case}/assignments", person=str(station.id("colleague")), referral=told.referral
    )
    assert knows(colleague, told._replace(position=brought["position"]))
    ended = post(chief, f"/cases/{told.case}/assignments/{station.id('colleague')}/end")
    assert not knows(colleague, told._replace(position=ended["position"]))


@pytest.mark.thorough
def test_what_somebody_who_left_had_taken_is_on_call_again(running: Running) -> None:
    station = Station(running, f"polsek-{uuid4().hex[:8]}")
    told = refers(running, station.code, "6474014107120101")
    officer, colleague = station.client("officer"), station.client("colleague")
    narrow(station)
    until(lambda: colleague.get(f"/cases/{told.case}").status_code == 404)
    taken = post(officer, f"/cases/{told.case}/referrals/{told.referral}/receipt")
    assert listed(colleague, "/inbox", taken["position"]) == []
    administrator = station.client("administrator", Role.AGENCY_ADMINISTRATOR, Purpose.COORDINATION)
    post(administrator, f"/agencies/{station.code}/members/{station.id('officer')}/removal")
    until(lambda: [row["referral"] for row in listed(colleague, "/inbox", told.position)] == [told.referral])
    post(colleague, f"/cases/{told.case}/referrals/{told.referral}/acceptance")
    station.close()


def roles_and_purposes(read: Read) -> Iterable[tuple[Role, Purpose]]:
    """Everybody who may ask this, for every purpose that they act for."""
    for role in sorted(roles_of(read.may.rows) & ALL_BUT_MACHINES):
        for purpose in sorted(PURPOSES[role]):
            yield role, purpose


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """Byte for byte, but for the moment, and the name that a request was given."""
    differ = {"date", "x-correlation-id", "server"}
    heads = [{k: v for k, v in answer.headers.items() if k not in differ} for answer in (one, other)]
    return (one.status_code, heads[0], one.content) == (other.status_code, heads[1], other.content)


@pytest.fixture(scope="module")
def kept(running: Running) -> Iterator[tuple[Station, Told, dict[str, str]]]:
    """The same for all who change nothing of it."""
    with excluding(running) as made:
        yield made


@contextmanager
def excluding(running: Running) -> Iterator[tuple[Station, Told, dict[str, str]]]:
    """A station whose `kin` worked on a case, broke its glass, and is excluded from it now."""
    station = Station(running, f"polsek-{uuid4().hex[:8]}")
    told = refers(running, station.code, NIK)
    here = f"/cases/{told.case}"
    kin, chief = station.client("kin"), station.client("chief", Role.SUPERVISOR)
    for move in ("receipt", "acceptance", "start"):
        post(kin, f"{here}/referrals/{told.referral}/{move}")
    post(kin, f"{here}/flags", due_on="2030-04-01", legal="Diingat.")
    glass = post(kin, f"{here}/break-glass", **GLASS)["id"]
    sent = {"params": {"kind": "visum", "compartment": "legal"}, "headers": {"Content-Type": "application/pdf"}}
    document = kin.post(f"{here}/documents", content=b"visum", **sent).json()["id"]
    assert knows(kin, told)
    of = {"person": str(station.id("kin")), "member_of": station.code, "reason": "Saudara kandung terlapor."}
    with pytest.raises(AssertionError, match="no other agency"):  # they are of the lead, too
        post(chief, f"{here}/exclusions", **of)
    of["member_of"] = LEAD  # one of the lead's own takes two people
    asked = running.client(LEAD, Role.SUPERVISOR).post(f"{here}/exclusions", json=of)
    assert asked.status_code == 202, asked.text
    assert [kin.get(f"/proposals/{id}").status_code for id in (asked.json()["id"], uuid4())] == [404, 404]
    done = seconded(asked, running.client(LEAD, Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT))
    assert done.is_success, done.text
    placed = {"position": done.json()["position"]}
    (placed["id"],) = (
        one["exclusion"]
        for one in running.client(LEAD, Role.SUPERVISOR).get(here).json()["exclusions"]
        if one["member_of"] == LEAD
    )
    listed(chief, "/cases", placed["position"])
    yield (
        station,
        told._replace(position=placed["position"]),
        {"glass": glass, "document": document, "exclusion": placed["id"], "disclosure": str(uuid4())},
    )
    station.close()


def of_a_case(read: Read) -> bool:
    return any(p.name in ("case", "subject") for p in read.parameters)


@pytest.mark.thorough
@pytest.mark.parametrize("read", some(r for r in READS if r.may.who is None and of_a_case(r)), ids=lambda r: r.path)
def test_every_read_answers_who_is_excluded_as_for_a_case_that_there_is_not(
    kept: tuple[Station, Told, dict[str, str]], read: Read
) -> None:
    station, told, made = kept
    asked = {p.name: p.place for p in read.parameters}
    needed = {"from": "1", "to": str(told.position), "wait_for": str(told.position)}
    for role, purpose in roles_and_purposes(read):
        client = station.client("kin", role, purpose)
        answers = []
        for case in (told.case, str(uuid4())):
            about = {"case": case, "subject": case}
            path = read.path.format(**about, **made)
            query = {name: value for name, value in {**needed, **about}.items() if asked.get(name) == "query"}
            answers.append(client.get(path, params=query))
        assert same(*answers), (read.path, role, answers[0].text, answers[1].text)
        assert told.case not in answers[0].text


def names_no_case(read: Read) -> bool:
    """Whether it can be asked without naming a case, or anything else of an agency's."""
    return not any(p.place == "path" or (p.is_needed and p.name == "case") for p in read.parameters)


@pytest.mark.parametrize("read", some(r for r in READS if r.may.who is None and names_no_case(r)), ids=lambda r: r.path)
def test_every_list_leaves_the_case_out(kept: tuple[Station, Told, dict[str, str]], read: Read) -> None:
    station, told, made = kept
    asked = {p.name for p in read.parameters}
    needed = {"actor": str(station.id("kin")), "all": "true", "wait_for": str(told.position), "limit": "500"}
    for role, purpose in roles_and_purposes(read):
        answer = station.client("kin", role, purpose).get(
            read.path, params={name: value for name, value in needed.items() if name in asked}
        )
        assert answer.is_success, answer.text
        for word in (told.case, told.referral, *made.values()):
            assert word not in answer.text, (read.path, role)


def test_others_of_the_station_are_shown_it_as_before(kept: tuple[Station, Told, dict[str, str]]) -> None:
    station, told, _ = kept
    assert knows(station.client("officer"), told)
    shown = station.client("officer").get(f"/cases/{told.case}").json()["exclusions"]
    assert {one["person"] for one in shown} == {str(station.id("kin"))}
    assert [one["member_of"] for one in shown] == [station.code], "of the lead's own it is not told"


def test_who_is_excluded_finds_nothing_and_breaks_no_glass_for_whatever_agency(
    kept: tuple[Station, Told, dict[str, str]],
) -> None:
    station, told, made = kept
    for agency in (station.code, LEAD):
        kin = station.client("kin", agency=agency)
        assert not knows(kin, told)
        bodies = {
            "/break-glass": GLASS,
            "/break-glass-leave": {},
            f"/break-glass/{made['glass']}/closure": {},
            "/notes": {"legal": "x"},
            f"/referrals/{told.referral}/hold": {"reason": "waiting"},
            "/consents": {"compartments": ["legal"], "recipients": [station.code], "purposes": ["legal"]}
            | {"given_by": ["survivor"], "obtained": "verbal"},
        }
        for path, body in bodies.items():
            for headers in ({}, {"If-Match": '"3"'}):
                answers = [
                    kin.post(f"/cases/{case}{path}", json=body, headers=headers) for case in (told.case, str(uuid4()))
                ]
                assert answers[0].status_code == 404, (path, answers[0].text)
                assert same(*answers), path


def test_a_token_of_a_machine_opens_to_who_is_excluded_no_feed_of_the_case(
    kept: tuple[Station, Told, dict[str, str]],
) -> None:
    station, told, _ = kept
    station.lets_machine("kin")
    machine = station.client("kin", Role.INTEGRATOR)

    def fetched(case: str) -> httpx.Response:
        return machine.get("/subscription/events", params={"case": case, "limit": 10})

    until(lambda: fetched(told.case).status_code == 200)
    assert [fetched(case).content for case in (told.case, str(uuid4()))] == [b"[]", b"[]"]


def test_it_ends_by_who_placed_it_and_a_second_person(running: Running) -> None:
    with excluding(running) as (station, told, made):
        ends(station, told, made)


def ends(station: Station, told: Told, made: dict[str, str]) -> None:
    here = f"/cases/{told.case}/exclusions/{made['exclusion']}/end"
    reason = {"reason": "Ternyata bukan saudaranya."}
    assert station.client("chief", Role.SUPERVISOR).post(here, json=reason).status_code == 404
    asked = station.running.client(LEAD, Role.SUPERVISOR).post(here, json=reason)
    assert asked.status_code == 202
    kin = station.client("kin", Role.SUPERVISOR)
    for path in ("", "/approval", "/refusal"):
        of = f"/proposals/{{}}{path}"
        send = kin.get if not path else kin.post
        more: dict[str, Any] = {"json": {"reason": "r"} if path == "/refusal" else {}} if path else {}
        answers = [send(of.format(id), **more) for id in (asked.json()["id"], str(uuid4()))]
        assert answers[0].status_code == 404
        assert same(*answers), path
    done = seconded(asked, station.running.client(LEAD, Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT))
    assert done.is_success, done.text
    assert knows(station.client("kin"), told._replace(position=done.json()["position"]))
