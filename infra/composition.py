"""The composition root: every adapter is made here, and handed to who needs it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eventsourcing.postgres import PostgresTrackingRecorder
from psycopg import Connection
from psycopg.rows import TupleRow

from rujukan import projections
from rujukan.api.application.acknowledgements import Acknowledgements
from rujukan.api.application.casework import Casework
from rujukan.api.application.ports import (
    Changes,
    Gone,
    Moved,
    Ports,
    Repeated,
    Retryable,
    TokenKeys,
    Unavailable,
    UsedBefore,
)
from rujukan.api.waiting import LOOKERS
from rujukan.consumers.envelope import check_public_key
from rujukan.consumers.publisher import SHARES, Publisher
from rujukan.consumers.source import Place
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import Written
from rujukan.domain.fact import Act, AgencyCode
from rujukan.projections import directory
from rujukan.projections.runner import RebuildRunning

from .bundle.building import Bundles, Reporter
from .bundle.facts import PdfReporter
from .clock import now
from .database import FOLLOWER, SERVICE, Pool, acting_for, as_role, pool
from .delivery.acknowledging import AcknowledgementReader, Taking
from .delivery.bell import Bell
from .delivery.feed import ApiFeed
from .delivery.register import Register
from .delivery.shares import LeasedShares
from .delivery.telling import Sealing, Tellings
from .issuer import EmbeddedIssuer, OutsideIssuer
from .kafka.access import service_access
from .ledger.publishing import ApiLedger, Enough, WitnessPolicy
from .ledger.sealer import Guard, LogKey, Sealer
from .ledger.store import LedgerStore
from .migrations import migrate
from .schemas.serving import MessageSchemas
from .settings import Settings
from .store import group_commit
from .store.data_keys import WITHIN_SECONDS, DataKeys, KeyGone
from .store.documents import DocumentStore
from .store.event_store import EventStore, LogRecorder, Stream, datastore
from .store.following import Follower, written_of
from .store.group_commit import GroupCommit, Idempotency
from .store.keyring import KeyProvider, LocalKeyring
from .webhooks.addresses import Networks
from .webhooks.rows import LEASE_SECONDS, Rows
from .webhooks.sending import THREADS, Patience, Sender
from .webhooks.serving import ApiWebhooks

SECRET_SECONDS = 86_400.0
"""How long the secret of a webhook that was set anew signs beside its successor."""
P = ParamSpec("P")
T = TypeVar("T")
NAMES = tuple(p.name for p in projections.ALL)


class ApiLog:
    """The event store as the API asks for it."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def append(
        self, changes: Sequence[Changes], act: Act, correlation: UUID, retryable: Retryable | None = None
    ) -> list[int]:
        try:
            return self._store.append(
                [Stream(c.stream, c.version, c.events) for c in changes],
                act,
                correlation=correlation,
                causation=correlation,
                idempotency=Idempotency(*retryable) if retryable else None,
            )
        except group_commit.Conflict:
            raise Moved from None
        except group_commit.Repeated:
            raise UsedBefore from None
        except group_commit.LogUnavailable as away:
            raise Unavailable(str(away)) from None

    def read(self, stream: UUID, after: int = 0) -> list[Written]:
        try:
            return [written_of(opened) for opened in self._store.read(stream, after)]
        except KeyGone:
            if Compartment.COORDINATION in self._store.keys.erased(stream):
                raise Gone from None
            raise

    def erase(self, stream: UUID, version: int, compartments: Iterable[Compartment]) -> None:
        self._store.keys.erase(stream, version, compartments)
        time.sleep(WITHIN_SECONDS)

    def when_erased(self, forget: Callable[[UUID], object]) -> None:
        self._store.keys.when_erased(forget)

    def repeated(self, key: bytes) -> Repeated | None:
        found = self._store.repeated(key)
        return Repeated(*found) if found else None


class ApiOpener:
    """What opens sealed events, documents and bundles: for the application's `reading` alone."""

    def __init__(self, store: EventStore, documents: DocumentStore, bundles: Bundles) -> None:
        self.events, self.document, self.bundle = store.open_at, documents.get, bundles.make


class ApiViews:
    """The read models as the API asks for them: under row-level security."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def acting_for(self, agency: AgencyCode) -> AbstractContextManager[Connection[TupleRow]]:
        return acting_for(self._pool, agency)

    def ask(
        self,
        agency: AgencyCode,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        with self.acting_for(agency) as db:
            return query(db, *arguments, **named)

    def wait_for(self, position: int, seconds: float) -> bool:
        with self._pool.connection() as db:
            return projections.wait_for(db, position, NAMES, seconds)

    def lag(self) -> Iterable[tuple[str, int]]:
        with self._pool.connection() as db:
            return db.execute(
                "SELECT application_name, greatest(0, coalesce((SELECT max(notification_id) FROM log.stored_events), 0)"
                " - notification_id) FROM views.notification_tracking WHERE application_name = ANY(%s)",
                (list(NAMES),),
            ).fetchall()


class PublisherSource:
    """The register as the publisher asks for it."""

    def __init__(self, tellings: Tellings, pool: Pool, bell: Bell) -> None:
        self._pool = pool
        self.waiting, self.seal_all, self.when_told = tellings.waiting, tellings.seal_all, bell.when_rung
        self.resealing, self.resealed = tellings.resealing, tellings.resealed

    def subscribers(self) -> list[str]:
        with self._pool.connection() as db:
            return directory.subscribers(db)

    def places(self, agencies: Iterable[str]) -> dict[str, Place]:
        with self._pool.connection() as db:
            rows = db.execute(
                "SELECT agency, topic, sequence FROM delivery.topics WHERE agency = ANY(%s)", (list(agencies),)
            ).fetchall()
        return {agency: Place(topic, sequence) for agency, topic, sequence in rows}

    def remember(self, places: Mapping[str, Place]) -> None:
        with self._pool.connection() as db:
            db.execute(
                "INSERT INTO delivery.topics (agency, topic, sequence) SELECT * FROM"
                " unnest(%s::text[], %s::text[], %s::bigint[]) ON CONFLICT (agency) DO UPDATE"
                " SET topic = excluded.topic, sequence = excluded.sequence",
                (list(places), [p.topic_id for p in places.values()], [p.sequence for p in places.values()]),
            )


def keyring(settings: Settings) -> KeyProvider:
    """Who wraps the data keys."""
    return LocalKeyring(settings.keyring_file)


def signing_key(provider: KeyProvider) -> Ed25519PrivateKey:
    """The service's own: it signs every message to an agency."""
    return Sealing.of(provider, "").signer


def ledger_key(settings: Settings, provider: KeyProvider) -> LogKey:
    """The ledger's keys, from the keyring's root: they stay when key-encryption keys are rotated."""
    return LogKey(settings.ledger_origin, provider.secret("ledger/ed25519"), provider.secret("ledger/ml-dsa-44"))


def sealer(settings: Settings) -> Sealer:
    """What seals the ledger."""
    conninfo = as_role(settings.database, FOLLOWER)
    return Sealer(conninfo, ledger_key(settings, keyring(settings)), Guard(settings.ledger_guard))


def token_keys(settings: Settings, provider: KeyProvider) -> TokenKeys:
    """Whose tokens are accepted."""
    if settings.jwks:
        return OutsideIssuer(Path(settings.jwks), settings.issuer, settings.audience)
    return EmbeddedIssuer(provider, settings.issuer, settings.audience)


def prepare(settings: Settings) -> list[str]:
    """Apply missing migrations and make missing read models; the names of the migrations applied."""
    applied = migrate(settings.database)
    with follower(settings) as source, runner(settings, source) as views:
        for name in views.prepare():
            with suppress(RebuildRunning):  # another process does it; this one's lists wait for it
                views.rebuild(name)
    return applied


def reporter(settings: Settings, key: LogKey, enough: Enough) -> Reporter:
    """Who prints the readable reports, and signs them where the settings say with what."""
    if settings.report_signer is None:
        return PdfReporter(settings.network, key, enough)
    from .report.signature import Signer, sign

    passphrase = settings.report_signer_passphrase
    signer = Signer.load(settings.report_signer, passphrase.read_bytes().rstrip(b"\r\n") if passphrase else None)
    return PdfReporter(settings.network, key, enough, lambda pdf: sign(pdf, signer, settings.timestamp_url or None))


@contextmanager
def service(settings: Settings, connections: int = 16) -> Iterator[Ports]:
    """What the API runs on."""
    provider = keyring(settings)
    conninfo = as_role(settings.database, SERVICE)
    with ExitStack() as closing:
        connected = pool(conninfo, connections, "api")
        closing.callback(connected.close)
        store = _store(conninfo, connected, provider, closing, GroupCommit(conninfo))
        documents = DocumentStore(connected, store.keys)
        stop = Event()
        Thread(target=store.keys.watch, args=(stop,), name="key-lease", daemon=True).start()
        closing.callback(stop.set)
        feed = _feed(conninfo, store, Sealing.of(provider, settings.network), stop, closing)
        sealed, key = LedgerStore(connected), ledger_key(settings, provider)
        policy = WitnessPolicy(settings.witness_policy)
        enough = Enough(policy, key.public)
        bundles = Bundles(store, documents, sealed, key, enough, settings.network, reporter(settings, key, enough))
        yield Ports(
            ApiLog(store),
            ApiOpener(store, documents, bundles),
            documents,
            ApiViews(connected),
            token_keys(settings, provider),
            provider,
            now,
            check_public_key,
            ApiLedger(sealed, key.public, policy),
            MessageSchemas(),
            feed,
            ApiWebhooks(connected, provider, Networks(settings.webhook_networks)),
            Tellings(store, connected, Sealing.of(provider, settings.network)),
        )


@contextmanager
def ledger(settings: Settings) -> Iterator[LedgerStore]:
    """What is sealed."""
    connected = pool(as_role(settings.database, FOLLOWER), 2, "ledger")
    try:
        yield LedgerStore(connected)
    finally:
        connected.close()


@contextmanager
def writer(settings: Settings) -> Iterator[EventStore]:
    """The event store, for who brings in what happened elsewhere."""
    conninfo = as_role(settings.database, SERVICE)
    with ExitStack() as closing:
        connected = pool(conninfo, 4, "writer")
        closing.callback(connected.close)
        yield _store(conninfo, connected, keyring(settings), closing, GroupCommit(conninfo))


@contextmanager
def follower(settings: Settings) -> Iterator[Follower]:
    """The log, for who follows it."""
    conninfo = as_role(settings.database, FOLLOWER)
    with ExitStack() as closing:
        connected = pool(conninfo, 4, "follower")
        closing.callback(connected.close)
        yield Follower(_store(conninfo, connected, keyring(settings), closing, None))


@contextmanager
def publisher(settings: Settings) -> Iterator[Publisher]:
    """What sends agencies what they were told. Who keeps the register beside it is another matter: `register`."""
    conninfo, provider = as_role(settings.database, FOLLOWER), keyring(settings)
    with ExitStack() as closing:
        connected = pool(conninfo, SHARES + 2, "publisher")
        closing.callback(connected.close)
        store = _store(conninfo, connected, provider, closing, None)
        bell, stop = Bell(conninfo), Event()
        Thread(target=bell.listen, args=(stop,), name="bell", daemon=True).start()
        closing.callback(stop.set)
        tellings = Tellings(store, connected, Sealing.of(provider, settings.network))
        source = PublisherSource(tellings, connected, bell)
        service = signing_key(provider).public_key()
        yield Publisher(source, LeasedShares(connected), service_access(settings), service, settings.network)


def keep_register(settings: Settings, stop: Event) -> None:
    """Keep the register of what was told to whom until told to stop; wait while another does."""
    with follower(settings) as source:
        Register(source, as_role(settings.database, FOLLOWER)).run(stop)


@contextmanager
def webhooks(
    settings: Settings, act: Callable[[], Act], patience: Patience | None = None, lease_seconds: float = LEASE_SECONDS
) -> Iterator[Sender]:
    """What posts to the agencies' webhooks. `act` is the system's, which disables one that fails for too long."""
    conninfo, provider = as_role(settings.database, FOLLOWER), keyring(settings)
    with ExitStack() as closing:
        connected = pool(conninfo, THREADS, "webhooks")
        closing.callback(connected.close)
        store = _store(conninfo, connected, provider, closing, None)
        bell, stop = Bell(conninfo), Event()
        Thread(target=bell.listen, args=(stop,), name="bell", daemon=True).start()
        closing.callback(stop.set)
        yield Sender(
            store,
            Tellings(store, connected, Sealing.of(provider, settings.network)),
            Rows(connected, SECRET_SECONDS, lease_seconds),
            provider,
            Networks(settings.webhook_networks),
            bell,
            Casework(ApiLog(closing.enter_context(writer(settings))), provider),
            act,
            patience or Patience(disable_seconds=settings.webhook_disable_after),
        )


@contextmanager
def acknowledgement_reader(settings: Settings) -> Iterator[AcknowledgementReader]:
    """What takes in the acknowledgements that agencies put on their topics."""
    with service(settings, connections=3) as ports:
        casework = Casework(ports.log, ports.secrets)
        taking = Taking(Acknowledgements(casework, ports.deliveries), casework, now)
        agencies = partial(ports.views.ask, "", directory.subscribers)
        yield AcknowledgementReader(service_access(settings), as_role(settings.database, FOLLOWER), agencies, taking)


@contextmanager
def runner(settings: Settings, source: Follower) -> Iterator[projections.Runner]:
    """What keeps the read models."""
    conninfo = as_role(settings.database, FOLLOWER)
    store = datastore(conninfo, 1, schema="views")
    with store:
        tracking = PostgresTrackingRecorder(store)
        yield projections.Runner([p() for p in projections.ALL], source, conninfo, tracking)


def _feed(conninfo: str, store: EventStore, sealing: Sealing, stop: Event, closing: ExitStack) -> ApiFeed:
    """The feed, on connections of its own."""
    connected = pool(conninfo, LOOKERS, "feed")
    closing.callback(connected.close)
    tellings = Tellings(EventStore(store.recorder, store.keys, connected), connected, sealing)
    return ApiFeed(tellings, Bell(conninfo), stop)


def _store(
    conninfo: str, connected: Pool, provider: KeyProvider, closing: ExitStack, writer: GroupCommit | None
) -> EventStore:
    library = closing.enter_context(datastore(conninfo))
    if writer is not None:
        closing.callback(writer.close)
    return EventStore(LogRecorder(library, writer), DataKeys(connected, provider), connected)


__all__ = ["follower", "keyring", "now", "runner", "service", "signing_key", "token_keys"]
