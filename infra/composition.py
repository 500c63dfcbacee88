"""The composition root: which consumer is built of which parts.

A process makes one `Node` and hands it to its consumers, so that they share what can be shared. Who needs one consumer
alone, a command say, hands its settings: then a node is made for it, with no more keys than it needs.

Each consumer's parts are imported where it is built: a worker needs no web framework and a sealer no Kafka client, and
each of the many imports costs a process that starts, and a machine that runs six of them, time and memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .clock import now
from .database import AWAY, FOLLOWER, SERVICE, as_role, connect, pool
from .keys import names
from .node import Node, home, keys
from .patience import within
from .serving.views import NAMES
from .settings import Settings
from .webhooks.rows import LEASE_SECONDS, Rows

if TYPE_CHECKING:
    from ..api.application.ports import Ports, TokenKeys
    from ..consumers.publishing.publisher import Publisher
    from ..domain.fact import Act
    from ..projections.runner import Runner
    from .bundle.building import Reporter
    from .delivery.acknowledging import AcknowledgementReader
    from .delivery.deleting import Deletions
    from .delivery.escalating import Escalator
    from .delivery.facts import Facts
    from .delivery.feed import ApiFeed
    from .delivery.noticing import Notices
    from .issuer import EmbeddedIssuer
    from .keys.handles import Keys
    from .ledger.forks import Forks
    from .ledger.log_key import LogKey, LogKeys
    from .ledger.publishing import Quorum
    from .ledger.sealer import Sealer
    from .ledger.store import LedgerStore
    from .store.event_store import EventStore
    from .webhooks.sending import Patience, Sender

SECRET_SECONDS = 86_400.0
"""How long the secret of a webhook that was set anew signs beside its successor."""
REBUILDING_SECONDS = 0.5
"""How often it is looked whether another process has rebuilt a read model."""
On = Node | Settings
"""What a consumer is built on: the parts of its process, or settings, of which a node is made for it alone."""


def issuer(settings: Settings) -> EmbeddedIssuer:
    """Who mints tokens for development. No process that serves can."""
    from .issuer import EmbeddedIssuer

    return EmbeddedIssuer(keys(settings, names.MINTING).signer(names.ISSUER), settings.issuer, settings.audience)


def publisher_connections() -> int:
    """Of a process that publishes, posts, and keeps the register."""
    from ..consumers.publishing.publisher import SHARES
    from .webhooks.sending import THREADS

    return SHARES + 2 + THREADS + 4


def service_key(settings: Settings) -> Ed25519PublicKey:
    """The key that agencies check messages against."""
    public = keys(settings, names.SHOWING).public(names.DELIVERY_SIGNATURE)
    return Ed25519PublicKey.from_public_bytes(public.public(names.DELIVERY_SIGNATURE))


def ledger_keys(settings: Settings) -> LogKeys:
    """The keys that the ledger's heads are checked against."""
    from .ledger.log_key import LogKeys

    return LogKeys.of(settings.ledger_origin, keys(settings, names.SHOWING))


def ledger_key(settings: Settings) -> LogKey:
    """What signs the ledger's heads. It stays when key-encryption keys are rotated."""
    from .ledger.log_key import LogKey

    return LogKey.of(settings.ledger_origin, keys(settings, names.SEALER))


def forks(settings: Settings) -> Forks:
    """What compares the database with what was signed."""
    from .ledger.forks import Forks
    from .ledger.guard import Guard

    return Forks(Guard(settings.ledger_guard), settings.ledger_origin)


def sealer(settings: Settings) -> Sealer:
    """What seals the ledger."""
    from .ledger.guard import Guard
    from .ledger.sealer import Sealer

    return Sealer(as_role(settings.database, FOLLOWER), ledger_key(settings), Guard(settings.ledger_guard))


def token_keys(settings: Settings, keys: Keys) -> TokenKeys:
    """Whose tokens are accepted."""
    from .issuer import OutsideIssuer, OwnIssuer

    if settings.jwks:
        return OutsideIssuer(Path(settings.jwks), settings.issuer, settings.audience)
    return OwnIssuer(keys.public(names.ISSUER), settings.issuer, settings.audience)


def prepare(settings: Settings) -> list[str]:
    """Apply missing migrations and make missing read models; the names of the migrations applied. Raises
    Unmet, before anything is applied, and SessionsShared."""
    from ..projections.rebuilding import RebuildRunning
    from .migrations import migrate
    from .requirements import meet
    from .sessions import check_sessions

    meet(settings.database)
    check_sessions(settings.database)
    applied = migrate(settings.database)
    with follower(settings) as source, runner(settings, source) as views:
        while older := views.prepare():
            try:
                views.rebuild(older[0])
            except RebuildRunning:  # another process does it, or began to and was killed
                time.sleep(REBUILDING_SECONDS)
    return applied


def reporter(settings: Settings, keys: LogKeys, quorum: Quorum) -> Reporter:
    """Who prints the readable reports, and signs them where the settings say with what."""
    from .bundle.facts import PdfReporter

    if settings.report_signer is None:
        return PdfReporter(settings.network_name, keys, quorum)
    from .report.signature import Signer, sign

    passphrase = settings.report_signer_passphrase
    signer = Signer.load(settings.report_signer, passphrase.read_bytes().rstrip(b"\r\n") if passphrase else None)
    return PdfReporter(
        settings.network_name, keys, quorum, lambda pdf: sign(pdf, signer, settings.timestamp_url or None)
    )


@contextmanager
def service(on: On, connections: int = 16) -> Iterator[Ports]:
    """What the API runs on."""
    from ..api.application.ports import Ports
    from ..consumers.wire.envelope import check_public_key
    from .bundle.building import Bundles
    from .ledger.log_key import BundleSeal
    from .ledger.publishing import ApiLedger, Quorum, WitnessPolicy
    from .ledger.store import LedgerStore
    from .schemas.serving import MessageSchemas
    from .serving.opener import ApiOpener
    from .serving.oversight import ApiOversight
    from .serving.vitals import ApiVitals
    from .store.documents import DocumentStore
    from .store.readings import Readings
    from .webhooks.addresses import Networks
    from .webhooks.serving import ApiWebhooks

    with _node(on, names.API, connections, SERVICE) as node, ExitStack() as closing:
        settings, connected = node.settings, node.service_pool
        closing.callback((stop := Event()).set)
        vitals = ApiVitals(node.conninfo(SERVICE), node.writer)
        closing.callback(vitals.close)
        documents, sealed = DocumentStore(connected, node.data_keys), LedgerStore(connected)
        seal, policy = BundleSeal.of(settings.ledger_origin, node.keys), WitnessPolicy(settings.witness_policy)
        quorum = Quorum(policy, seal.keys)
        looked = Readings(node.written)
        about = settings.network_name, reporter(settings, seal.keys, quorum), looked, node.knowing
        bundles = Bundles(node.written, documents, sealed, seal, quorum, *about)
        yield Ports(
            node.log,
            ApiOpener(node.written, documents, bundles, looked, node.met),
            documents,
            node.views,
            token_keys(settings, node.keys),
            node.keys.macs(names.IDEMPOTENCY, names.NIK_INDEX),
            now,
            check_public_key,
            ApiLedger(sealed, seal.keys, policy),
            MessageSchemas(),
            _feed(node, stop),
            ApiWebhooks(
                connected,
                node.keys.sharing(names.WEBHOOK),
                node.keys.public(names.WEBHOOK_SIGNATURE),
                Networks(settings.webhook_networks),
            ),
            node.receipts,
            within,
            vitals,
            ApiOversight(node.written, node.met),
            settings.case_bytes,
        )


@contextmanager
def ledger(settings: Settings) -> Iterator[LedgerStore]:
    """What is sealed."""
    from .ledger.store import LedgerStore

    connected = pool(as_role(settings.database, FOLLOWER), 2, "ledger")
    try:
        yield LedgerStore(connected)
    finally:
        connected.close()


@contextmanager
def acting(on: On) -> Iterator[Node]:
    """What acts by itself and answers nobody: a command on the command line."""
    with _node(on, names.ACTING, 4, SERVICE) as node:
        yield node


@contextmanager
def writer(on: On) -> Iterator[EventStore]:
    """The event store, for who brings in what happened elsewhere."""
    with acting(on) as node:
        yield node.written


@contextmanager
def follower(on: On) -> Iterator[Facts]:
    """The log with what was told, for who follows it. Where nobody keeps the register, this keeps it."""
    from .delivery.facts import Facts
    from .delivery.register import Register

    with _node(on, names.FOLLOWING, 4) as node:
        most = node.settings.case_bytes
        register = Register(node.followed, node.conninfo(FOLLOWER), node.digests, most, node.forks.check)
        source = Facts(node.followed, node.conninfo(FOLLOWER), node.digests, register.keep_up, most_bytes=most)
        try:
            yield source
        finally:
            source.close()
            register.close()


@contextmanager
def publisher(on: On) -> Iterator[Publisher]:
    """What sends agencies what they were told. Who keeps the register beside it is another matter: `keep_register`."""
    from ..consumers.publishing import publisher as publishing
    from .delivery.publishing import PublisherSource
    from .delivery.shares import LeasedShares
    from .kafka.access import service_access

    with _node(on, names.PUBLISHING, publishing.SHARES + 2) as node, ExitStack() as closing:
        source = PublisherSource(node.tellings, node.follower_pool, node.bell)
        closing.callback(source.close)
        shares = LeasedShares(node.conninfo(FOLLOWER), publishing.LEASE_SECONDS)
        closing.callback(shares.close)
        service = Ed25519PublicKey.from_public_bytes(node.sealing.signer.public)
        yield publishing.Publisher(source, shares, service_access(node.settings), service, node.settings.network_name)


def keep_register(on: On, stop: Event) -> None:
    """Keep the register of what was told to whom until told to stop; wait while another does."""
    from .delivery.register import Register

    with _node(on, names.FOLLOWING, 4) as node:
        most = node.settings.case_bytes
        register = Register(node.followed, node.conninfo(FOLLOWER), node.digests, most, node.forks.check)
        try:
            register.run(stop)
        finally:
            register.close()


@contextmanager
def webhooks(
    on: On, act: Callable[[], Act], patience: Patience | None = None, lease_seconds: float = LEASE_SECONDS
) -> Iterator[Sender]:
    """What posts to the agencies' webhooks. `act` is the system's, which disables one that fails for too long."""
    from .webhooks.addresses import Networks
    from .webhooks.sending import THREADS, Patience, Sender

    with _node(on, names.POSTING, THREADS + 4, SERVICE) as node:
        settings = node.settings
        yield Sender(
            node.followed,
            node.tellings,
            Rows(node.follower_pool, node.digests.positions, SECRET_SECONDS, lease_seconds, node.sendings),
            node.keys.macs(names.WEBHOOK),
            node.keys.signing(names.WEBHOOK_SIGNATURE),
            Networks(settings.webhook_networks),
            node.bell,
            node.casework,
            act,
            patience or Patience(disable_seconds=settings.webhook_disable_after),
        )


@contextmanager
def acknowledgement_reader(on: On) -> Iterator[AcknowledgementReader]:
    """What takes in the acknowledgements that agencies put on their topics."""
    from ..api.application.acknowledgements import Acknowledgements
    from ..api.application.ports import NOBODY
    from ..projections import directory
    from .delivery.acknowledging import AcknowledgementReader, Taking
    from .delivery.facts import look_at
    from .kafka.access import service_access

    with _node(on, names.READING_ACKNOWLEDGEMENTS, 4, SERVICE) as node:
        look = partial(look_at, node.followed, node.follower_pool)
        taking = Taking(Acknowledgements(node.casework, node.receipts), node.casework, now, look)
        agencies = partial(node.views.ask, NOBODY, directory.subscribers)
        access = service_access(node.settings)
        yield AcknowledgementReader(access, node.conninfo(FOLLOWER), agencies, taking, node.digests.positions)


@contextmanager
def escalator(on: On) -> Iterator[Escalator]:
    """What raises what nobody answered, what did not arrive, what ran out and what nobody reviewed."""
    from .delivery.escalating import Escalator

    with _node(on, names.ACTING, 4, SERVICE) as node:
        yield Escalator(node.casework, node.followed, now, node.digests.positions)


@contextmanager
def deletions(on: On) -> Iterator[Deletions]:
    """What asks agencies to delete copies, where a consent ended or something was erased."""
    from .delivery.deleting import Deletions

    with _node(on, names.ACTING, 4, SERVICE) as node:
        yield Deletions(node.written, node.follower_pool, now, node.digests.positions)


@contextmanager
def notices(on: On) -> Iterator[Notices]:
    """What tells agencies what of their deliveries a recovery found lost."""
    from .delivery.noticing import Notices

    with _node(on, names.ACTING, 4, SERVICE) as node:
        yield Notices(node.casework, node.follower_pool, node.digests.positions)


@contextmanager
def runner(on: On, source: Facts) -> Iterator[Runner]:
    """What keeps the read models."""
    from .. import projections
    from .lease import Lease
    from .unforeseen import where

    settings = on.settings if isinstance(on, Node) else on
    connected = partial(connect, as_role(settings.database, FOLLOWER))
    every = [p() for p in projections.ALL]
    runner = projections.Runner(every, source, connected, Lease, where, source.positions, settings.shards)
    try:
        yield runner
    finally:
        with suppress(*AWAY):  # then the leases end by themselves
            runner.give_back()


@contextmanager
def _node(on: On, allowed: names.Allowed, connections: int, role: str = FOLLOWER) -> Iterator[Node]:
    if isinstance(on, Node):
        yield on
    else:
        with Node(on, allowed, connections, role) as node:
            yield node


def _feed(node: Node, stop: Event) -> ApiFeed:
    """The feed, on connections of its own."""
    from ..api.waiting import LOOKERS
    from .delivery.bell import Bell
    from .delivery.feed import ApiFeed
    from .delivery.telling import Tellings
    from .store.event_store import EventStore

    connected = node.pool(SERVICE, LOOKERS, "feed")
    store = EventStore(node.written.recorder, node.data_keys, connected)
    return ApiFeed(Tellings(store, connected, node.sealing, node.forks.check), Bell(node.conninfo(SERVICE)), stop)


__all__ = ["NAMES", "Node", "follower", "home", "keys", "now", "runner", "service"]
