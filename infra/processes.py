"""The processes of a running system: API, worker, publisher. Each can be killed at any moment and started again."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import FrameType
from uuid import UUID, uuid4

import psycopg
import uvicorn
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from rujukan.api.app import create_app
from rujukan.api.casework import Casework
from rujukan.api.ports import Moved, Unavailable
from rujukan.domain.case.commands import EscalateReferral, RaiseGlassReview
from rujukan.domain.case.glass import HIGHEST_REMINDER, RULE
from rujukan.domain.case.referrals import HIGHEST_ESCALATION
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.fact import Act, ActorId, CaseId, Fact, GlassId, ReferralId
from rujukan.domain.refusal import Refusal
from rujukan.projections import emergencies, referral_box

from . import composition
from .database import FOLLOWER, as_role
from .erasing import finish_erasures
from .ledger.sealer import NotExtended
from .ledger.witnessing import ask_witnesses
from .settings import Settings

log = logging.getLogger(__name__)

AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PersistenceError, PoolTimeout)
"""What it looks like when the database is away."""
ESCALATION_SECONDS = 5.0
ERASURE_SECONDS = 0.5
UNSEALED_SECONDS = 10.0
"""How often a ledger that does not extend what was signed is looked at again, and said to be so."""

NOT_STARTED = 3
"""Status of an API that did not come up."""

SYSTEM_ACTOR = ActorId(UUID(int=0))
SYSTEM_AGENCY = "rujukan"


def system_act() -> Act:
    """The system itself acts: it escalates, imports, and registers the first agencies."""
    return Act(
        actor=SYSTEM_ACTOR,
        agency=SYSTEM_AGENCY,
        kind=AgencyKind.LEAD,
        role=Role.SYSTEM,
        purpose=Purpose.COORDINATION,
        at=composition.now(),
    )


def api(settings: Settings) -> None:
    """Serve the API until told to stop."""
    with composition.service(settings) as ports:
        app = create_app(ports)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        server = _Server(config, app.state.waiting.close)
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            raise SystemExit(NOT_STARTED)


class _Server(uvicorn.Server):
    """Ends open streams when it is told to stop, as they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._stopping()


def worker(settings: Settings) -> None:
    """Keep the read models, and raise what nobody answers, until told to stop."""
    with _stopped_by_signal() as stop:
        escalator = Thread(target=_again, args=(stop, lambda: _escalate(settings, stop)), daemon=True)
        escalator.start()
        Thread(target=_again, args=(stop, lambda: _erase(settings, stop)), daemon=True).start()
        _again(stop, lambda: _project(settings, stop))


def publisher(settings: Settings) -> None:
    """Keep the register of what was told to whom, and publish it, until told to stop. Several share the work: one keeps
    the register, each publishes its shares of the agencies, and posts to the webhooks that no other does."""
    with _stopped_by_signal() as stop:
        keeper = Thread(target=_again, args=(stop, lambda: composition.keep_register(settings, stop)), daemon=True)
        keeper.start()
        Thread(target=_again, args=(stop, lambda: _post(settings, stop)), name="webhooks", daemon=True).start()
        _again(stop, lambda: _publish(settings, stop))


def sealer(settings: Settings) -> None:
    """Seal the ledger, and ask the witnesses that can be reached, until told to stop. A second sealer waits."""
    with _stopped_by_signal() as stop:
        asking = Thread(target=_again, args=(stop, lambda: _ask_witnesses(settings, stop)), daemon=True)
        asking.start()
        _again(stop, lambda: composition.sealer(settings).run(stop))


def _ask_witnesses(settings: Settings, stop: Event) -> None:
    with (
        psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as db,
        composition.ledger(settings) as store,
    ):
        ask_witnesses(db, store, settings.witness_policy, stop)


def _project(settings: Settings, stop: Event) -> None:
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        reached = runner.catch_up()
        for batch in source.follow(reached, stop, 1.0):
            if batch:
                runner.take(batch)
            reached = batch[-1].written.position if batch else reached
            if source.passed > reached:  # what came last was erased, and is passed by
                reached = runner.catch_up()


def _publish(settings: Settings, stop: Event) -> None:
    with composition.publisher(settings) as publisher:
        publisher.run(stop)


def _post(settings: Settings, stop: Event) -> None:
    with composition.webhooks(settings, system_act) as sender:
        sender.run(stop)


def _erase(settings: Settings, stop: Event) -> None:
    """Destroy keys that were to be destroyed, where the process that was to do it is no more."""
    with composition.follower(settings) as source:
        reached = 0
        while not stop.is_set():
            reached = finish_erasures(source.store, reached)
            stop.wait(ERASURE_SECONDS)


def _escalate(settings: Settings, stop: Event) -> None:
    """Raise each referral that nobody answered, and each emergency opening that nobody reviewed, in time. No timer
    lives in memory: what is due, the log's lists say."""
    with composition.service(settings, connections=2) as ports, composition.follower(settings) as source:
        casework = Casework(ports.log, ports.secrets)
        while not stop.wait(ESCALATION_SECONDS):
            with source.store.pool.connection() as db:
                due = referral_box.unanswered(db, composition.now(), HIGHEST_ESCALATION)
                unreviewed = emergencies.unreviewed(db, composition.now(), RULE.review, HIGHEST_REMINDER)
            for case, referral in due:
                act = system_act()
                _raise(casework, case, EscalateReferral(occurred_at=act.at, referral=ReferralId(referral)), act)
            for case, glass in unreviewed:
                act = system_act()
                _raise(casework, case, RaiseGlassReview(occurred_at=act.at, glass=GlassId(glass)), act)


def _raise(casework: Casework, case: UUID, command: Fact, act: Act) -> None:
    try:
        casework.act_on_case(CaseId(case), command, act, correlation=uuid4())
    except (Refusal, Moved) as moved_on:
        log.info("not escalated: %s", type(moved_on).__name__)


def _again(stop: Event, run: Callable[[], None]) -> None:
    """Run until told to stop, again whenever the database was away."""
    pause = 0.1
    while not stop.is_set():
        started = time.monotonic()
        try:
            run()
        except NotExtended as problem:
            log.critical("THE LEDGER IS NOT SEALED: %s", problem)
            stop.wait(UNSEALED_SECONDS)
        except (*AWAY, Unavailable) as away:
            log.warning("started again: %s", type(away).__name__)
            pause = 0.1 if time.monotonic() - started > 10 else min(pause * 2, 3.0)
            stop.wait(pause)


@contextmanager
def _stopped_by_signal() -> Iterator[Event]:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    yield stop
