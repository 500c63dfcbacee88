"""The API in this process beside the keeper of the register, so that what agencies are told can be fetched: what the
tests on subscribing over HTTP, and on webhooks, share."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from office import Office
from patience import PATIENCE_SECONDS

from rujukan.api.app import create_app
from rujukan.api.gate import Gate
from rujukan.api.limits import Limits
from rujukan.consumers.wire.envelope import AgencyKey, Delivery, Opener, from_cloudevent
from rujukan.domain.case.notes import RecordNote
from rujukan.domain.codes import Purpose, Role, Service
from rujukan.infra import composition
from rujukan.infra.demo import network
from rujukan.infra.issuer import usual_actor
from rujukan.infra.settings import Settings
from rujukan.infra.slow_heads import Protocol


class Feeding:
    """A network of eight agencies, people of theirs over HTTP, and a case worker who has something to tell."""

    def __init__(self, settings: Settings, office: Office, keys: dict[str, AgencyKey], url: str, gate: Gate) -> None:
        self.settings, self.office, self.keys, self.url, self.gate = settings, office, keys, url, gate
        self._issuer = composition.issuer(settings)
        self.service_key = composition.service_key(settings)
        self.closing = ExitStack()

    def client(
        self,
        agency: str,
        role: Role = Role.INTEGRATOR,
        purpose: Purpose = Purpose.COORDINATION,
        seconds: int = 3600,
    ) -> httpx.Client:
        """Calls as a person or machine of an agency, with a token for so long."""
        token = self._issuer.token(usual_actor(agency, role), agency, [role], seconds)
        headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": purpose.value}
        return self.closing.enter_context(httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS))

    def case_with(self, agency: str = "rsud") -> UUID:
        """A case that the agency is told of: three events, that it was opened, a note, and the referral."""
        case = self.office.opens(composition.now())
        self.office.consents(case, agency, "health")
        self.note(case)
        services = {member.code: member.services[0] for member in network.BONTANG}
        self.office.refers(case, agency, services.get(agency, Service.HEALTH), compartments=frozenset({"health"}))
        return case

    def note(self, case: UUID, text: str = "a note") -> None:
        """Something more that who is told of the case's health is told."""
        self.office.does("uptd-ppa", case, RecordNote, note=uuid4(), health=text)

    def head(self, agency: str) -> int:
        """The agency's newest sequence, once the register has caught up with the log."""
        with composition.follower(self.settings) as source:
            log = source.head()
            with source.store.pool.connection() as db:
                assert eventually(
                    lambda: (db.execute("SELECT position FROM delivery.reached").fetchone() or (0,))[0] >= log
                )
                row = db.execute("SELECT sequence FROM delivery.heads WHERE agency = %s", (agency,)).fetchone()
        return row[0] if row else 0

    def opened(self, agency: str, event: dict[str, Any]) -> Delivery:
        """What a CloudEvent says, to who has the agency's key."""
        return Opener([self.keys[agency]], [self.service_key]).open(*from_cloudevent(event))


@contextmanager
def serving(settings: Settings, *, kept: bool = True, limits: Limits | None = None) -> Iterator[Feeding]:
    """All of it, on a database of its own. A register that is not `kept` follows the log when `head` is asked."""
    stop = Event()
    keeper = Thread(target=composition.keep_register, args=(settings, stop), daemon=True)
    with composition.service(settings, connections=8) as ports:
        office = Office(ports)
        keys = network.set_up(office.casework, settings.data / "agencies")
        if kept:
            keeper.start()
        app = create_app(ports, limits=limits)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, http=Protocol)
        )
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        assert eventually(lambda: server.started)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        feeding = Feeding(settings, office, keys, f"http://{host}:{port}", app.state.gate)
        with feeding.closing:
            yield feeding
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        stop.set()
        if kept:
            keeper.join(PATIENCE_SECONDS)


def eventually(check: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether it comes true within that time."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if check():
            return True
        time.sleep(0.02)
    return bool(check())
