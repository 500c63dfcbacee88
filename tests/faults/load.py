"""Load: people who write into shared cases all the time, each thing with an idempotency key, until it is answered."""

import time
from collections.abc import Iterable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import httpx

from rujukan.domain.codes import Purpose

from .world import World

PATIENCE_SECONDS = 120.0
PARTNERS: Mapping[str, tuple[str, str]] = {
    "polres": ("penegakan-hukum", "incident"),
    "rsud": ("kesehatan", "health"),
    "dinsos": ("rehabilitasi-sosial", "economic"),
    "lbh": ("bantuan-hukum", "legal"),
    "rumah-aman": ("rumah-aman", "safety"),
    "psikolog": ("psikososial", "psychosocial"),
    "disdik": ("pendidikan", "psychosocial"),
}
"""Agency → the service that it is asked for, and the compartment that it is told of."""


class Unanswered(Exception):
    """The API did not answer in time, or not as it should."""


class Person:
    """Somebody of an agency, who does not give up."""

    def __init__(self, url: str, token: str, purpose: Purpose = Purpose.CARE) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose.value}
        self._http = httpx.Client(base_url=url, timeout=10)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Do it once, however often it has to be asked for. Raises Unanswered."""
        headers = {**self._headers, "Idempotency-Key": str(uuid4())}
        give_up = time.monotonic() + PATIENCE_SECONDS
        why = "nobody"
        while time.monotonic() < give_up:
            try:
                response = self._http.post(path, json=body, headers=headers)
            except httpx.TransportError as problem:
                why = type(problem).__name__
                time.sleep(0.1)
                continue
            if response.is_success:
                return dict(response.json())
            why = f"{response.status_code} {response.text}"
            if response.status_code not in (409, 503):
                break
            time.sleep(0.05)
        raise Unanswered(f"{path}: {why}")

    def close(self) -> None:
        self._http.close()


def shared_case(lead: Person, partners: Sequence[str]) -> str:
    """A case of the lead in which each of these takes part; its path."""
    opened = lead.post("/cases", channel="hotline", reporter="survivor", urgency="urgent", age_group="adult")
    here = f"/cases/{opened['id']}"
    for agency in partners:
        share(lead, here, agency)
    return here


def share(lead: Person, here: str, agency: str, **consent: Any) -> str:
    """Let an agency take part in a case; the id of the consent. Raises Unanswered."""
    service, compartment = PARTNERS[agency]
    asked = {"compartments": [compartment], "recipients": [agency], "purposes": ["care"], **consent}
    given = lead.post(f"{here}/consents", given_by=["survivor"], obtained="verbal", **asked)
    about = {"service": service, "urgency": "routine", "purpose": "care", "compartments": [compartment]}
    referral = lead.post(f"{here}/referrals", recipient=agency, **about)["id"]
    lead.post(f"{here}/referrals/{referral}/sending")
    return str(given["id"])


class Load:
    """Writers on their cases, until stopped. `written`: note → the log position that the API answered."""

    def __init__(self, world: World, pause: float) -> None:
        self.written: dict[str, int] = {}
        self.problems: list[BaseException] = []
        self._waits: list[tuple[float, float]] = []
        self._asking: dict[Person, float] = {}
        self._pause = pause
        self._lock = Lock()
        self._stop = Event()
        self._world = world
        self._lead = self._person()
        self.wide = shared_case(self._lead, list(PARTNERS))
        """A case of which every agency is told."""
        pairs = [("rsud", "psikolog"), ("polres", "lbh"), ("dinsos", "rumah-aman", "disdik")]
        self._cases = [shared_case(self._lead, partners) for partners in pairs]
        writers = [(self._person(), here, pairs[n][0]) for n, here in enumerate(self._cases)]
        self._people = [person for person, _, _ in writers]
        self._threads = [Thread(target=self._write, args=writer, daemon=True) for writer in writers]
        self._threads.append(Thread(target=self._open, args=(self._person(),), daemon=True))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, when what was asked for is answered. Raises what went wrong."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS + 20)
        for person in (*self._people, self._lead):
            person.close()
        if self.problems:
            raise self.problems[0]

    def waits(self) -> list[tuple[float, float]]:
        """Of each note of its writers: since when it was asked for, and when it was answered; now, where it is not."""
        now = time.monotonic()
        return [*self._waits, *((begun, now) for begun in list(self._asking.values()))]

    def probe(self) -> int:
        """Write something that every agency is told; its log position. Raises Unanswered."""
        return self._note(self._lead, self.wide, {compartment for _, compartment in PARTNERS.values()})

    def _person(self) -> Person:
        return Person(self._world.api, self._world.token("uptd-ppa"))

    def _write(self, person: Person, here: str, partner: str) -> None:
        def write() -> None:
            self._asking[person] = begun = time.monotonic()
            self._note(person, here, {PARTNERS[partner][1]})
            del self._asking[person]
            self._waits.append((begun, time.monotonic()))

        self._while_it_runs(write, self._pause)

    def _open(self, person: Person) -> None:
        agencies = list(PARTNERS)
        self._while_it_runs(lambda: shared_case(person, [agencies[len(self.written) % len(agencies)]]), 1.0)

    def _while_it_runs(self, act: Any, pause: float) -> None:
        try:
            while not self._stop.wait(pause):
                with self._world.quiet.writing():
                    act()
        except BaseException as problem:
            self.problems.append(problem)

    def _note(self, person: Person, here: str, compartments: Iterable[str]) -> int:
        note = str(uuid4())
        position = int(person.post(f"{here}/notes", note=note, **dict.fromkeys(compartments, "x"))["position"])
        with self._lock:
            self.written[note] = position
        return position
