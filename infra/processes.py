"""The processes of a running system: API, worker, publisher, sealer. Each can be killed at any moment and started
again.

What only one of them needs is imported by that one, before its threads begin.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

from ..api.application.ports import Unavailable
from . import composition, network_name
from .database import AWAY, FOLLOWER, SERVICE, as_role, connect
from .keys import names
from .ledger.guard import NotExtended
from .node import Node
from .sessions import SessionsShared, check_sessions
from .settings import Settings
from .store.forked import Forked
from .store.transcoder import LaterRelease
from .system_act import system_act
from .unforeseen import where
from .unreachable import why

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""How long a thread of the API may keep the interpreter while others want it: a command waits for it a dozen times, and
what reads at the same moment holds it each time for as long."""
ERASURE_SECONDS = 0.5
STANDBY_SECONDS = 0.5
LAGGARDS_SECONDS = 0.5
"""How long read models that fell behind are helped on between two batches of what is new."""
STOP_SECONDS = 10.0
"""How long a process whose supervisor is gone may take to end."""
ENDING_SECONDS = 3.0
"""How long the threads of a process that was told to stop may take to end."""
UNSEALED_SECONDS = 10.0
"""How often a ledger that does not extend what was signed is looked at again, and said to be so."""

AWAY_SECONDS = 0.5
"""How often it is looked, at the start, whether the database is there."""
NO_WITNESS_SECONDS = 1.0
"""How often it looks whether there is a policy of witnesses now."""
NOT_STARTED = 3
"""Status of an API that did not come up."""


def api(settings: Settings) -> None:
    """Serve the API until told to stop. Raises SessionsShared, NamedOtherwise."""
    import uvicorn

    from ..api.app import create_app
    from ..api.limits import Limits
    from .slow_heads import Protocol
    from .web_server import Server

    sys.setswitchinterval(SWITCH_SECONDS)
    with composition.service(settings) as ports:
        app = create_app(ports, limits=Limits(**settings.limits))
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            http=Protocol,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        server = Server(config, app.state.waiting.close)
        stop = Event()
        refused: list[SessionsShared | network_name.NamedOtherwise] = []

        def check() -> None:
            """Beside it: it answers probes also while the database is away."""
            try:
                _check(settings, SERVICE, stop)
            except (SessionsShared, network_name.NamedOtherwise) as problem:
                refused.append(problem)
                app.state.waiting.close()
                server.should_exit = True

        Thread(target=check, name="sessions", daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.run()
        stop.set()
        if refused:
            raise refused[0]
        if not server.started:
            raise SystemExit(NOT_STARTED)


def worker(settings: Settings) -> None:
    """Keep the read models, and raise what nobody answers, until told to stop. Raises as `_check`."""
    with _started(settings) as stop, Node(settings, names.WORKER, role=SERVICE) as node:
        beside = (
            lambda: _escalate(node, stop),
            lambda: _erase(node, stop),
            lambda: _forget(node, stop),
            lambda: _drop(node, stop),
            lambda: _ask_for_deletion(node, stop),
            lambda: _tell_what_is_lost(node, stop),
            lambda: _vouch(node, stop),
        )
        _run(stop, lambda: _project(node, stop), *beside)


def publisher(settings: Settings) -> None:
    """Keep the register of what was told to whom, publish it, and take in what agencies acknowledge, until told to
    stop. Several share the work: one keeps the register, one reads acknowledgements, each publishes its shares of the
    agencies, and posts to the webhooks that no other does. Raises SessionsShared, NamedOtherwise."""
    connections = composition.publisher_connections()
    with _started(settings) as stop, Node(settings, names.PUBLISHER, connections, SERVICE) as node:
        beside = (
            lambda: composition.keep_register(node, stop),
            lambda: _take_acknowledgements(node, stop),
            lambda: _post(node, stop),
        )
        _run(stop, lambda: _publish(node, stop), *beside)


def sealer(settings: Settings) -> None:
    """Seal the ledger, and ask the witnesses that can be reached, until told to stop. A second sealer waits. Raises
    SessionsShared."""
    with _started(settings) as stop:
        _run(stop, lambda: composition.sealer(settings).run(stop), lambda: _ask_witnesses(settings, stop))


def _ask_witnesses(settings: Settings, stop: Event) -> None:
    """Ask witnesses to cosign, once there is a policy that names some: until then it takes no HTTP client."""
    while not settings.witness_policy.exists():
        if stop.wait(NO_WITNESS_SECONDS):
            return
    from .ledger.witnessing import ask_witnesses

    with composition.ledger(settings) as store:
        ask_witnesses(store, settings.witness_policy, stop)


def _project(node: Node, stop: Event) -> None:
    """Keep the read models, or the shards of them that no other worker does."""
    with composition.follower(node) as source, composition.runner(node, source) as runner:
        while not stop.is_set():
            held = runner.hold()
            if not held:
                stop.wait(STANDBY_SECONDS)
                continue
            reached = runner.front()
            for batch in source.follow(reached, stop, 1.0):
                runner.take(batch, reached, source.passed, LAGGARDS_SECONDS)
                reached = source.passed
                if runner.hold() != held:
                    break


def _publish(node: Node, stop: Event) -> None:
    with composition.publisher(node) as publisher:
        publisher.run(stop)


def _post(node: Node, stop: Event) -> None:
    with composition.webhooks(node, system_act) as sender:
        sender.run(stop)


def _take_acknowledgements(node: Node, stop: Event) -> None:
    with composition.acknowledgement_reader(node) as reader:
        reader.run(stop)


def _erase(node: Node, stop: Event) -> None:
    """Destroy keys that were to be destroyed, where the process that was to do it is no more."""
    from .delivery.facts import put_aside
    from .store.erasing import Erasing

    erasing = Erasing(node.followed, lambda damage: put_aside(node.follower_pool, damage))
    while not stop.is_set():
        erasing.finish()
        stop.wait(ERASURE_SECONDS)


def _forget(node: Node, stop: Event) -> None:
    """Forget idempotency keys that are older than they are good for."""
    from .store.forgetting import keep_forgetting

    keep_forgetting(node.follower_pool, timedelta(days=node.settings.idempotency_days), stop)


def _drop(node: Node, stop: Event) -> None:
    """Drop documents that came in and that no event names."""
    from .store.forgetting import keep_dropping

    keep_dropping(node.follower_pool, stop)


def _ask_for_deletion(node: Node, stop: Event) -> None:
    """Ask agencies to delete copies, as the register says that they have to."""
    with composition.deletions(node) as deletions:
        deletions.run(stop)


def _tell_what_is_lost(node: Node, stop: Event) -> None:
    """Tell agencies what a recovery found lost, where the command that recovered came no further."""
    with composition.notices(node) as notices:
        notices.run(stop)


def _vouch(node: Node, stop: Event) -> None:
    """Put on record in the log what the register of what was sent has."""
    from .delivery.vouching import Vouching

    Vouching(node.written, node.follower_pool, node.sendings, node.vouched).run(stop)


def _escalate(node: Node, stop: Event) -> None:
    """Raise what nobody answered, what did not arrive, what ran out and what nobody reviewed, in time."""
    with composition.escalator(node) as escalator:
        escalator.run(stop)


def _run(stop: Event, first: Callable[[], None], *beside: Callable[[], None]) -> None:
    """Run these until told to stop: the first here, each other on a thread of its own. Nobody takes their parts away
    before they ended, or had the time to."""
    threads = [Thread(target=_again, args=(stop, run), daemon=True) for run in beside]
    for thread in threads:
        thread.start()
    _again(stop, first)
    give_up = time.monotonic() + ENDING_SECONDS
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))


def _again(stop: Event, run: Callable[[], None]) -> None:
    """Run until told to stop, again whenever the database was away; and whatever else broke it: a thread that ended
    would leave a process that looks well, and in which nobody escalates, posts or keeps the register any more."""
    pause = 0.1
    while not stop.is_set():
        started = time.monotonic()
        try:
            run()
            continue
        except Forked as fork:
            log.critical("NOTHING IS STORED, SEALED OR TOLD: %s", fork)
            stop.wait(UNSEALED_SECONDS)
            continue
        except LaterRelease as why_it_waits:
            log.critical(
                "WAITS FOR A LATER RELEASE, nothing behind is followed: %s. Replace this process", why_it_waits
            )
            stop.wait(UNSEALED_SECONDS)
            continue
        except NotExtended as problem:
            log.critical("THE LEDGER IS NOT SEALED: %s", problem)
            stop.wait(UNSEALED_SECONDS)
            continue
        except (*AWAY, Unavailable) as away:
            log.warning("started again: %s", type(away).__name__)
        except Exception as unforeseen:
            log.error("started again: unforeseen %s", where(unforeseen))
        pause = 0.1 if time.monotonic() - started > 10 else min(pause * 2, 3.0)
        stop.wait(pause)


@contextmanager
def _started(settings: Settings) -> Iterator[Event]:
    """Set by a signal; from when the database is there, and is one to work with."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _check(settings, FOLLOWER, stop)
    yield stop


def _check(settings: Settings, role: str, stop: Event) -> None:
    """Once the database is there. Raises SessionsShared, NamedOtherwise."""
    said, database = "", as_role(settings.database, role)
    while not stop.is_set():
        try:
            check_sessions(database)
            with connect(database) as db:
                network_name.check(db, settings.network_name)
            return
        except AWAY as away:
            if said != (said := why(away, database) or type(away).__name__):
                log.warning("the database is away: %s", said)
            stop.wait(AWAY_SECONDS)
