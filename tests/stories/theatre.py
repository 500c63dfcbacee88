"""Where stories are played: a network of agencies, its people, and a clock that the story sets. The application is the
real one, in this process, over a real PostgreSQL; nobody sleeps.

    s = theatre.story()
    s.at("2026-02-16 09:40")                       # local time of Bontang, WITA; "10:05" alone: the same day
    s.opens("uptd CW1", urgency="emergency", ...)
    s.does("uptd CW1", "survivor/identity", name=..., born_on="2023-05-14")
    s.refused("uptd SV", "consents", "consent-from-wrong-person", ...)
    assert s.knows("rsud") == s.may("identity health")
    with not_yet("a range as the time of an incident"):     # fails once it works
        ...

Who: an agency's code and a person of it: CW case worker, SV supervisor, LR legal reviewer, DPO data protection officer,
AD administrator; `CW1` and `CW2` are two people.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

import httpx
import msgspec
import pytest
from conftest import fresh_settings
from fastapi.testclient import TestClient

from rujukan.api.actions import CASE_ACTIONS, OPENING
from rujukan.api.app import create_app
from rujukan.api.application.casework import Casework
from rujukan.api.limits import Limits
from rujukan.consumers.wire.envelope import AgencyKey, Opener, from_cloudevent
from rujukan.domain.codes import AgencyKind, Purpose, Role, Service
from rujukan.domain.compartment import ALL, Compartment, compartments_of
from rujukan.infra import composition, onboarding
from rujukan.infra.delivery.escalating import Escalator
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings

K, S = AgencyKind, Service
WITA, WIB = timezone(timedelta(hours=8), "WITA"), timezone(timedelta(hours=7), "WIB")
PLAYERS = UUID("0d2c1a52-5e07-4c61-9a38-706c61796572")
UNLIMITED = Limits(reads=0, commands=0, emergencies=0, pages=0, uploads=0)
SHORTEST = 8
"""Words shorter than that are found anywhere, and say nothing of whose they are."""
PASSES = 8
"""More often than that nothing is raised at one instant."""

AGENCIES: Mapping[str, tuple[AgencyKind, tuple[Service, ...]]] = {
    "uptd": (K.LEAD, (S.COMPLAINT, S.COORDINATION)),
    "polres": (K.POLICE, (S.LAW_ENFORCEMENT, S.POLICE_PROTECTION)),
    "rsud": (K.HEALTH, (S.HEALTH, S.FORENSIC)),
    "rs-b": (K.HEALTH, (S.HEALTH, S.FORENSIC)),
    "psi": (K.PSYCHOSOCIAL, (S.PSYCHOSOCIAL,)),
    "dinsos": (K.SOCIAL, (S.SOCIAL_REHABILITATION,)),
    "sekolah": (K.EDUCATION, (S.EDUCATION,)),
    "lbh": (K.LEGAL_AID, (S.LEGAL_AID,)),
    "kejari": (K.JUSTICE, (S.LAW_ENFORCEMENT,)),
    "pn": (K.JUSTICE, (S.LAW_ENFORCEMENT,)),
    "lpsk": (K.WITNESS_PROTECTION, (S.WITNESS_PROTECTION,)),
    "rumah-aman": (K.SHELTER, (S.SHELTER,)),
    "rumah-b": (K.SHELTER, (S.SHELTER,)),
    "bapas": (K.PROBATION, (S.OTHER,)),
    "lsm": (K.NGO, (S.PSYCHOSOCIAL,)),
    "sapa": (K.HOTLINE, (S.COMPLAINT,)),
}
ROLES: Mapping[str, tuple[Role, Purpose]] = {
    "CW": (Role.CASE_WORKER, Purpose.COORDINATION),
    "SV": (Role.SUPERVISOR, Purpose.SUPERVISION),
    "LR": (Role.LEGAL_REVIEWER, Purpose.LEGAL),
    "DPO": (Role.DATA_PROTECTION_OFFICER, Purpose.AUDIT),
    "AD": (Role.AGENCY_ADMINISTRATOR, Purpose.COORDINATION),
    "MC": (Role.INTEGRATOR, Purpose.COORDINATION),
}
TWO_HATS = "CW1"
"""Who may act as a supervisor, too."""
PEOPLE = ("CW1", "CW2", "SV1", "SV2", "LR1", "DPO1", "AD1", "MC1")
ACTIONS = {action.path: action.command for action in (OPENING, *CASE_ACTIONS)}


class Person(NamedTuple):
    """Somebody of an agency, and in which role they act now."""

    agency: str
    name: str
    hat: str

    @property
    def role(self) -> Role:
        return ROLES[self.hat][0]

    @property
    def purpose(self) -> Purpose:
        return ROLES[self.hat][1]

    @property
    def id(self) -> UUID:
        return uuid5(PLAYERS, f"{self.agency}/{self.name}")


def person(who: str) -> Person:
    """`uptd SV2`; `uptd SV` is the first. `uptd CW1 as SV`: the same person in another role of theirs."""
    somebody, _, hat = who.partition(" as ")
    agency, _, name = somebody.partition(" ")
    return Person(agency, name if name[-1].isdigit() else f"{name}1", hat or name.rstrip("0123456789"))


def local(text: str, zone: timezone = WITA) -> datetime:
    """`2026-02-16 09:10`, in local time."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone)


@contextmanager
def not_yet(feature: str) -> Iterator[None]:
    """What is not built: the block fails, or the API refuses it. Fails itself as soon as the block begins to hold, so
    that the row is asserted from then on. What else goes wrong in it is an error of the story."""
    try:
        yield
    except (AssertionError, Refused):
        return
    pytest.fail(f"works now, so assert it: {feature}")


class Refused(Exception):
    """The API said no: status, type and what it said."""

    def __init__(self, answer: httpx.Response) -> None:
        said = answer.json()
        self.status, self.kind = answer.status_code, said["type"].removeprefix("urn:rujukan:problem:")
        self.about: dict[str, Any] = said
        super().__init__(f"{self.status} {self.kind}: {said.get('detail')} {said.get('about', '')}")


class Theatre:
    """The network. Stories are played one after another, each in cases of its own."""

    def __init__(self, settings: Settings, closing: ExitStack, agencies: Iterable[str]) -> None:
        self.settings, self.now = settings, datetime(2026, 1, 1, tzinfo=UTC)
        ports = closing.enter_context(composition.service(settings, connections=4))
        ports = ports._replace(now=lambda: self.now)
        self.keys = self._network(Casework(ports.log, ports.macs), agencies)
        self._casework = Casework(ports.log, ports.macs, ports.deliveries)
        self._source = closing.enter_context(composition.follower(settings))
        self._runner = closing.enter_context(composition.runner(settings, self._source))
        self._http = closing.enter_context(TestClient(create_app(ports, limits=UNLIMITED)))
        self._issuer = composition.issuer(settings)
        self._service_key = composition.service_key(settings)
        self._tokens: dict[Person, str] = {}

    def _network(self, casework: Casework, agencies: Iterable[str]) -> dict[str, AgencyKey]:
        keys: dict[str, AgencyKey] = {}
        for code in agencies:
            kind, services = AGENCIES[code]
            onboarding.register(casework, code, kind, code, services)
            for name in PEOPLE:
                who = person(f"{code} {name}")
                roles = {who.role, Role.SUPERVISOR} if name == TWO_HATS else {who.role}
                onboarding.add_member(casework, code, who.id, roles, None)
            keys[code] = AgencyKey.generate("1")
            onboarding.register_key(casework, code, "1", keys[code].public)
        return keys

    def ask(self, who: str, method: str, path: str, purpose: Purpose | None = None, **more: Any) -> httpx.Response:
        """What the API answers a person."""
        by = person(who)
        if by not in self._tokens:
            self._tokens[by] = self._issuer.token(by.id, by.agency, [by.role], 6 * 3600)
        headers = {
            "Authorization": f"Bearer {self._tokens[by]}",
            "Purpose-Of-Use": (purpose or by.purpose).value,
            **more.pop("headers", {}),
        }
        return self._http.request(method, path, headers=headers, **more)

    def keep_up(self) -> None:
        """Every list, and the register of what was told, is where the log is."""
        self._runner.catch_up()

    def raise_all(self) -> None:
        """The system raises what is due at this instant."""
        for _ in range(PASSES):
            self.keep_up()
            if not Escalator(self._casework, self._source.store, lambda: self.now, self._source.positions).once():
                return

    def fed(self, agency: str, case: str) -> str:
        """All that the agency's machine is handed of a case, opened with its key, as text."""
        opener = Opener([self.keys[agency]], [self._service_key])
        answer = self.ask(f"{agency} MC", "GET", "/subscription/events", params={"case": case, "limit": 500})
        if not answer.is_success:
            return ""
        return "\n".join(
            json.dumps(opener.open(*from_cloudevent(event)).fields(), ensure_ascii=False) for event in answer.json()
        )

    def story(self) -> "Story":
        return Story(self)


class Said(NamedTuple):
    """Words that somebody wrote in a compartment."""

    by: str
    compartment: Compartment
    text: str


class Story:
    """One case as it is played. What is said is kept, so that it can be asked who can open it."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self.case = ""
        self._said: list[Said] = []
        self.mark = uuid4().hex[:6]

    # The clock ---------------------------------------------------------------------------------------------------

    def at(self, when: str, zone: timezone = WITA) -> None:
        """It is that time; what was due by then is raised. A time alone is of the same day."""
        day = self.theatre.now.astimezone(zone).strftime("%Y-%m-%d")
        now = local(when if " " in when else f"{day} {when}", zone)
        assert now >= self.theatre.now or not self.case, "time does not go back"
        self.theatre.now = now.astimezone(UTC)
        self.theatre.raise_all()

    # Doing -------------------------------------------------------------------------------------------------------

    def opens(self, who: str, **body: Any) -> str:
        """A case is opened, by which the story goes on."""
        said = {"channel": "in-person", "reporter": "survivor", "urgency": "urgent", **body}
        self.case = self._post(who, "/cases", "/cases", said)["id"]
        return self.case

    def does(self, who: str, what: str, purpose: Purpose | None = None, /, **body: Any) -> str:
        """Somebody does something in the case: the id of what it makes, or of what waits for a second person. Raises
        Refused."""
        done = self._post(who, f"/cases/{self.case}/{what}", _template(what), body, purpose)
        return str(done.get("id") or "")

    def refused(self, who: str, what: str, why: str, /, **body: Any) -> Refused:
        """Somebody tries, and it is refused for that reason."""
        with pytest.raises(Refused) as found:
            self.does(who, what, **body)
        assert found.value.kind == why, str(found.value)
        return found.value

    def approves(self, who: str, proposal: str) -> str:
        """A second person approves what waits: the id of what it makes."""
        return str(self._answer(self.theatre.ask(who, "POST", f"/proposals/{proposal}/approval", json={})).get("id"))

    def notes_everything(self, who: str) -> None:
        """Somebody writes a note in each compartment that one has: words that nobody may read who need not."""
        self.does(who, "notes", **{part: f"{who} on {part} {self.mark}" for part in NOTED})

    def consents(self, who: str, to: str, of: str, purposes: str = "care", /, **more: Any) -> str:
        """A consent is recorded: who may know, what, what for."""
        said = {"compartments": of.split(), "recipients": to.split(), "purposes": purposes.split()}
        return self.does(who, "consents", **said, **{"obtained": "written", **more})

    def refers(self, who: str, to: str, service: str, of: str, purpose: str = "care", /, **more: Any) -> str:
        """A referral is drafted and sent."""
        said = {"recipient": to, "service": service, "purpose": purpose, "compartments": of.split()}
        referral = self.does(who, "referrals", **said, **{"urgency": "urgent", **more})
        self.does(who, f"referrals/{referral}/sending")
        return referral

    def moves(self, who: str, referral: str, *moves: str, **body: Any) -> None:
        for move in moves:
            self.does(who, f"referrals/{referral}/{move}", **body)

    def attaches(self, who: str, kind: str, compartment: str, text: str, **query: str) -> str:
        path, params = f"/cases/{self.case}/documents", {"kind": kind, "compartment": compartment, **query}
        more = {"params": params, "content": text.encode(), "headers": {"Content-Type": "text/plain"}}
        return str(self._answer(self.theatre.ask(who, "POST", path, **more))["id"])

    # What must be true -------------------------------------------------------------------------------------------

    def get(self, who: str, what: str = "", purpose: Purpose | None = None, **query: Any) -> Any:
        """What somebody reads of the case. Raises Refused."""
        self.theatre.keep_up()
        path = f"/cases/{self.case}" + (f"/{what}" if what else "")
        return self._answer(self.theatre.ask(who, "GET", path, purpose, params=query))

    def reads(self, who: str, path: str, **query: Any) -> Any:
        """What somebody reads of a list. Raises Refused."""
        self.theatre.keep_up()
        return self._answer(self.theatre.ask(who, "GET", path, params=query))

    def events(self, who: str, topic: str) -> list[dict[str, Any]]:
        """What somebody may know of the case's events of a kind, the first first."""
        entries = self.get(who, "timeline", limit=500)["items"]
        return [entry["data"] for entry in entries if entry["topic"] == f"case.{topic}"]

    def may(self, compartments: str) -> frozenset[str]:
        """Of these compartments, in which somebody has said something: what can be told apart."""
        return frozenset(compartments.split()) & {said.compartment.word for said in self._said}

    def knows(self, agency: str, who: str = "CW") -> frozenset[str]:
        """The compartments of others' words that a person of the agency can open, by any door: timeline, export,
        history, and the feed of its machine. Fails where the doors do not agree, or where one shows some words of a
        compartment by another and not the others."""
        self.theatre.keep_up()
        asks = f"{agency} {who}"
        of_others = [said for said in self._said if said.by != agency]
        doors: dict[str, Callable[[], str]] = {
            door: lambda door=door: self._text(asks, door)  # type: ignore[misc]
            for door in ("timeline", "export", "history")
        }
        found: dict[str, frozenset[str]] = {}
        for door, opens in doors.items():
            text = opens()
            found[door] = frozenset(said.compartment.word for said in of_others if said.text in text)
        assert len(set(found.values())) == 1, f"the doors do not agree: {found}"
        fed = self.theatre.fed(agency, self.case)
        by_feed = frozenset(said.compartment.word for said in of_others if said.text in fed)
        assert by_feed <= found["timeline"], f"its machine is handed more: {by_feed}"
        return found["timeline"]

    def is_nothing_to(self, who: str) -> bool:
        """Whether all answers are those for a case that does not exist."""
        self.theatre.keep_up()
        for door in ("", "/timeline", "/history", "/custody"):
            ours = self.theatre.ask(who, "GET", f"/cases/{self.case}{door}")
            none = self.theatre.ask(who, "GET", f"/cases/{uuid4()}{door}")
            if (ours.status_code, ours.json()["type"]) != (none.status_code, none.json()["type"]):
                return False
            if not ours.is_client_error:
                return False
        return True

    def clocks(self, who: str = "uptd CW") -> dict[str, "Clock"]:
        """The clocks of the case by what they are for, as far as somebody may know; the last of each. Of care, that it
        was met is told as that it ended."""
        ends = ("ClockMet", "ClockEnded")
        met = {data["clock"]: data for kind in ends for data in self.events(who, kind)}
        times = {entry["data"]["clock"]: entry for entry in self.get(who, "timeline", limit=500)["items"]
                 if entry["topic"].removeprefix("case.") in ends}  # fmt: skip
        found: dict[str, Clock] = {}
        for data in self.events(who, "ClockStarted"):
            id = data["clock"]
            ended = _local(times[id]["occurred_at"]) if id in met else None
            need = data.get("need") or data.get("duty", "?")  # what a duty of law is, is plain
            found[need] = Clock(id, _local(data["starts_at"]), _local(data["due_at"]), ended)
        return found

    def custody(self, who: str = "uptd LR") -> Any:
        return self.get(who, "custody")["custody"]

    def report(self, language: str = "en") -> str:
        """What the survivor is shown, as one text; two people of the lead make it."""
        waits = self.does("uptd CW1", "survivor-report-leave", Purpose.SURVIVOR_REQUEST, obtained="verbal")
        self.approves("uptd DPO", waits)
        self.theatre.keep_up()
        answer = self.theatre.ask(
            "uptd CW1",
            "GET",
            "/reports/survivor",
            Purpose.SURVIVOR_REQUEST,
            params={"case": self.case, "language": language},
        )
        return json.dumps(self._answer(answer)["recorded"], ensure_ascii=False)

    # ---------------------------------------------------------------------------------------------------------------

    def _post(self, who: str, path: str, template: str, body: dict[str, Any], purpose: Purpose | None = None) -> Any:
        done = self._answer(self.theatre.ask(who, "POST", path, purpose, json=_as_json(body)))
        self._keep(person(who).agency, template, body)
        return done

    def _keep(self, by: str, template: str, body: Mapping[str, Any]) -> None:
        command = ACTIONS.get(template)
        if command is None:
            return
        of = compartments_of(command)
        for name, value in body.items():
            compartment = of.get(name)
            if isinstance(value, str) and len(value) >= SHORTEST and compartment in SEALED and " " in value:
                self._said.append(Said(by, compartment, json.dumps(value, ensure_ascii=False)[1:-1]))

    def _text(self, who: str, door: str) -> str:
        answer = self.theatre.ask(
            who, "GET", f"/cases/{self.case}/{door}", params={"limit": 500} if door == "timeline" else {}
        )
        return answer.text if answer.is_success else ""

    def _answer(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise Refused(answer)
        return answer.json()


class Clock(NamedTuple):
    """A clock, in local time: `2026-02-17 18:00`."""

    id: str
    starts: str
    due: str
    met: str | None


SEALED = ALL - {Compartment.COORDINATION}
NOTED = ("incident", "health", "psychosocial", "legal", "safety")
_IDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES = {tuple(re.sub(r"\{\w+\}", "{}", path).split("/")): path for path in ACTIONS}


def _template(what: str) -> str:
    """The path of an action as it is declared: ids are names there."""
    parts = tuple(_IDS.sub("{}", f"/cases/{{}}/{what}").split("/"))
    return _NAMES.get(parts, "")


def _as_json(body: Mapping[str, Any]) -> Any:
    return msgspec.to_builtins(body)


def _local(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(WITA).strftime("%Y-%m-%d %H:%M")


@contextmanager
def opened(postgres: EmbeddedPostgres, data: Path, agencies: Iterable[str] = AGENCIES) -> Iterator[Theatre]:
    """A theatre in a fresh database, with these agencies."""
    with fresh_settings(postgres, data) as settings, ExitStack() as closing:
        yield Theatre(settings, closing, agencies)
