"""Many at once: one key has one effect, one version is written once, and nobody's work is lost."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from conftest import Running
from patience import PATIENCE_SECONDS

from rujukan.domain.codes import Role

T = TypeVar("T")

OPENING = {"channel": "in-person", "reporter": "family", "urgency": "routine", "age_group": "adult"}
AGAIN = 40
"""How often a client that is told to send it again does so, before it gives up."""


class Desk:
    """A person's desk: posts and reads, and looks at the whole answer."""

    def __init__(self, running: Running, agency: str, role: Role = Role.CASE_WORKER) -> None:
        self._http = running.client(agency, role)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.post(path, json=body, headers=named)

    def post_until_done(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """As a well-behaved client: sent again, with its key, as long as somebody else was first."""
        key = str(uuid4())
        for _ in range(AGAIN):
            response = self.post(path, body, Idempotency_Key=key)
            if response.status_code != 409:
                break
            assert response.json()["type"] == "urn:rujukan:problem:conflict"
            assert response.headers["Retry-After"] == "1"
        return response

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        response = self._http.get(path, params=query)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


@pytest.fixture(scope="module")
def lead(running: Running) -> Desk:
    return Desk(running, "uptd-ppa")


@pytest.fixture(scope="module")
def hospital(running: Running) -> Desk:
    return Desk(running, "rsud")


@pytest.fixture(scope="module")
def hands() -> Iterator[ThreadPoolExecutor]:
    """Fifty pairs of hands."""
    with ThreadPoolExecutor(50) as pool:
        yield pool


@pytest.fixture
def case(lead: Desk) -> str:
    return lead.post("/cases", OPENING).headers["Location"]


@pytest.fixture
def shared(lead: Desk, case: str) -> str:
    """The case, in which the hospital takes part."""
    consent = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
    lead.post(f"{case}/consents", {**consent, "given_by": ["survivor"], "obtained": "written"})
    referral = {"recipient": "rsud", "service": "kesehatan", "urgency": "routine", "purpose": "care"}
    made = lead.post(f"{case}/referrals", {**referral, "compartments": ["health"]}).json()["id"]
    assert lead.post(f"{case}/referrals/{made}/sending").status_code == 200
    return case


def at_once(hands: ThreadPoolExecutor, acts: Sequence[Callable[[], T]]) -> list[T]:
    """All of them, let go at the same moment."""
    ready = Barrier(len(acts))

    def act(one: Callable[[], T]) -> T:
        ready.wait(PATIENCE_SECONDS)
        return one()

    return list(hands.map(act, acts))


def version(by: Desk, case: str) -> int:
    found: int = by.get(case)["version"]
    return found


def written(by: Desk, case: str, position: int) -> list[dict[str, Any]]:
    """The notes on the case's timeline."""
    items = by.get(f"{case}/timeline", wait_for=position, limit=500)["items"]
    return [entry["data"] for entry in items if entry["topic"] == "case.NoteRecorded"]


@pytest.mark.thorough
def test_one_key_has_one_effect_however_often_it_is_sent(hands: ThreadPoolExecutor, lead: Desk, case: str) -> None:
    before, key = version(lead, case), str(uuid4())
    note = {"subject": "Sekali saja"}
    answers = at_once(hands, [lambda: lead.post(f"{case}/notes", note, Idempotency_Key=key)] * 50)
    assert Counter(answer.status_code for answer in answers) == {201: 50}
    assert len({(a.content, a.headers["ETag"]) for a in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert version(lead, case) == before + 1
    assert len(written(lead, case, answers[0].json()["position"])) == 1


def test_one_key_opens_one_case(hands: ThreadPoolExecutor, lead: Desk) -> None:
    key = str(uuid4())
    answers = at_once(hands, [lambda: lead.post("/cases", OPENING, Idempotency_Key=key)] * 50)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.thorough
def test_a_repeated_act_is_not_refused_for_what_it_did_itself(hands: ThreadPoolExecutor, lead: Desk, case: str) -> None:
    """The first copy closed the case while the second was on its way: that is no reason to refuse the second."""
    for n in range(20):
        key, path = str(uuid4()), f"{case}/{'reopening' if n % 2 else 'closure'}"
        acts = [lambda path=path, key=key: lead.post(path, {"reason": "goals-met"}, Idempotency_Key=key)] * 8
        answers = at_once(hands, acts)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1


@pytest.mark.thorough
def test_of_eight_who_saw_one_version_one_writes(hands: ThreadPoolExecutor, lead: Desk, case: str) -> None:
    for _ in range(10):
        seen = {"If_Match": f'"{version(lead, case)}"'}
        answers = at_once(hands, [lambda seen=seen: lead.post(f"{case}/notes", {}, **seen)] * 8)
        assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 7}


def test_one_key_with_different_bodies_lets_one_through(hands: ThreadPoolExecutor, lead: Desk, case: str) -> None:
    """Whichever came first; the others are told that the key was used."""
    before, key = version(lead, case), str(uuid4())

    def note(n: int) -> Callable[[], httpx.Response]:
        return lambda: lead.post(f"{case}/notes", {"subject": f"Catatan {n}"}, Idempotency_Key=key)

    answers = at_once(hands, [note(n) for n in range(10)])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 9}
    assert {a.json()["type"] for a in answers if a.is_error} == {"urn:rujukan:problem:key-reused"}
    assert version(lead, case) == before + 1


@pytest.mark.parametrize("time", range(5))
def test_of_two_who_saw_one_version_one_writes(
    hands: ThreadPoolExecutor, lead: Desk, hospital: Desk, shared: str, time: int
) -> None:
    """The other is refused: what it saw is no longer so."""
    seen = version(lead, shared)
    answers = at_once(
        hands,
        [
            lambda: lead.post(f"{shared}/notes", {"subject": "Pendamping"}, If_Match=f'"{seen}"'),
            lambda: hospital.post(f"{shared}/notes", {"subject": "Rumah sakit"}, If_Match=f'"{seen}"'),
        ],
    )
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert won.status_code == 201
    assert lost.status_code == 412
    assert lost.headers["ETag"] == f'"{seen + 1}"'
    assert version(lead, shared) == seen + 1
    late = hospital.post(f"{shared}/notes", {}, If_Match=f'"{seen}"')
    assert late.status_code == 412
    assert late.headers["ETag"] == f'"{seen + 1}"'


def test_two_who_ask_for_no_version_both_get_through(
    hands: ThreadPoolExecutor, lead: Desk, hospital: Desk, shared: str
) -> None:
    before = version(lead, shared)
    answers = at_once(hands, [lambda by=by: by.post(f"{shared}/notes", {}) for by in (lead, hospital)])
    assert [answer.status_code for answer in answers] == [201, 201]
    assert version(lead, shared) == before + 2


def test_an_end_happens_once(hands: ThreadPoolExecutor, lead: Desk, case: str) -> None:
    """Two colleagues close the case: it is closed once, and the second is told so."""
    before = version(lead, case)
    answers = at_once(hands, [lambda: lead.post(f"{case}/closure", {"reason": "goals-met"})] * 8)
    assert Counter(answer.status_code for answer in answers)[200] == 1
    types = {answer.json()["type"] for answer in answers if answer.is_error}
    assert types <= {"urn:rujukan:problem:case-not-open", "urn:rujukan:problem:conflict"}
    assert version(lead, case) == before + 1


def test_a_withdrawn_consent_and_a_sending_cannot_both_be_first(
    hands: ThreadPoolExecutor, lead: Desk, case: str
) -> None:
    """Either the referral went out and was cancelled with the consent, or it never went out."""
    for _ in range(5):
        consent = {"compartments": ["health"], "recipients": ["rsud"], "purposes": ["care"]}
        body = {**consent, "given_by": ["survivor"], "obtained": "written"}
        given = lead.post(f"{case}/consents", body).json()["id"]
        referral = {"recipient": "rsud", "service": "kesehatan", "urgency": "routine", "purpose": "care"}
        made = lead.post(f"{case}/referrals", {**referral, "compartments": ["health"]}).json()["id"]
        sending, withdrawal = at_once(
            hands,
            [
                lambda made=made: lead.post(f"{case}/referrals/{made}/sending"),
                lambda given=given: lead.post(f"{case}/consents/{given}/withdrawal"),
            ],
        )
        assert withdrawal.status_code == 200
        status = next(r["status"] for r in lead.get(case)["referrals"] if r["referral"] == made)
        assert (sending.status_code, status) in {(200, "cancelled"), (409, "draft")}


def test_twenty_different_acts_on_one_case_are_all_done(
    hands: ThreadPoolExecutor, lead: Desk, hospital: Desk, shared: str
) -> None:
    """At once, or after having been told to send it again: none is lost, and none is doubled."""
    before = version(lead, shared)

    def note(n: int) -> Callable[[], httpx.Response]:
        by = (lead, hospital)[n % 2]
        return lambda: by.post_until_done(f"{shared}/notes", {"subject": f"Catatan {n}"})

    answers = at_once(hands, [note(n) for n in range(20)])
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(before + 1, before + 21))
    last = max(answer.json()["position"] for answer in answers)
    subjects = Counter(note["subject"] for note in written(lead, shared, last))
    assert subjects == {f"Catatan {n}": 1 for n in range(20)}


@pytest.mark.thorough
def test_acts_on_different_cases_do_not_meet(hands: ThreadPoolExecutor, lead: Desk) -> None:
    cases = [lead.post("/cases", OPENING).headers["Location"] for _ in range(20)]
    answers = at_once(hands, [lambda c=c: lead.post(f"{c}/notes", {"subject": c}) for c in cases])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["position"] for answer in answers}) == 20


def test_readers_do_not_wait_for_each_others_records(
    hands: ThreadPoolExecutor, running: Running, lead: Desk, case: str
) -> None:
    """Thirty open the case at once; each of the thirty openings is on record."""
    supervisor = Desk(running, "uptd-ppa", Role.SUPERVISOR)
    at_once(hands, [lambda: lead.get(case)] * 30)
    position = lead.post(f"{case}/notes", {}).json()["position"]
    subject = case.removeprefix("/cases/")
    trail = supervisor.get("/audit", wait_for=position, subject=subject, accesses="true", limit=500)["items"]
    assert len(trail) == 30


def test_members_added_at_once_are_all_members(hands: ThreadPoolExecutor, running: Running) -> None:
    administrator = Desk(running, "psikolog", Role.AGENCY_ADMINISTRATOR)
    bodies = [{"member": str(uuid4()), "roles": ["case-worker"]} for _ in range(10)]
    path = "/agencies/psikolog/members"
    answers = at_once(hands, [lambda body=body: administrator.post_until_done(path, body) for body in bodies])
    assert {answer.status_code for answer in answers} == {200}
    for body in bodies:
        assert administrator.post(f"{path}/{body['member']}/removal").status_code == 200
