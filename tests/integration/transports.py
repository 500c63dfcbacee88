"""The service with all its ways out, and an agency's machine at the end of each: what the suite over all transports
stands on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from feeding import Feeding, eventually
from msgspec.structs import replace
from office import catch_up
from patience import PATIENCE_SECONDS
from two import seconded

from rujukan.api.application.kinds import AGENCY as AGENCIES
from rujukan.consumers.agency.inbox.handling import Rules
from rujukan.consumers.agency.inbox.inbox import SqliteInbox
from rujukan.consumers.agency.kafka.source import KafkaSource, from_kafka
from rujukan.consumers.agency.subscribing.keys import KeyDirectory
from rujukan.consumers.agency.subscribing.replay import Begin, from_feed, replay
from rujukan.consumers.agency.subscribing.subscription import Subscription
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.feed_source import FeedSource
from rujukan.consumers.agency.transports.transport import Arrived, Bookmark, Last, Replies, Source
from rujukan.consumers.agency.transports.webhook_source import WebhookSource
from rujukan.consumers.wire.envelope import AgencyKey, Delivery
from rujukan.domain import delivery
from rujukan.domain.agency_keys import RegisterKey
from rujukan.domain.case.referrals import CancelReferral
from rujukan.domain.codes import Role, Service
from rujukan.domain.delivery import Acknowledged, delivery_stream
from rujukan.infra import composition
from rujukan.infra.demo.inboxes import entitled
from rujukan.infra.settings import Settings
from rujukan.infra.system_act import system_act
from rujukan.infra.webhooks.sending import Patience

AGENCY = "rsud"
RULES = Rules(tries=2, first_pause=0.01)
PATIENCE = Patience(schedule=(0.1,), attempt_seconds=60)


class Told(NamedTuple):
    """What the register has of a telling."""

    sequence: int
    id: str
    case: UUID


class World:
    """The service, and what it knows of the agency."""

    def __init__(self, feeding: Feeding, keys: Path) -> None:
        self.feeding, self.settings, self.keys = feeding, feeding.settings, keys
        self.keep_key(feeding.keys[AGENCY])

    def feed(self) -> Feed:
        return Feed(self.feeding.url, self.feeding.client(AGENCY).headers["Authorization"].removeprefix("Bearer "))

    def told(self, where: str = "true", *values: object) -> list[Told]:
        """The register's rows of the agency, in order, once it has caught up."""
        self.feeding.head(AGENCY)
        with composition.follower(self.settings) as source, source.store.pool.connection() as db:
            rows = db.execute(
                f"SELECT sequence, id, case_id FROM delivery.told WHERE agency = %s AND {where} ORDER BY sequence",
                (AGENCY, *values),
            )
            return [Told(sequence, str(id), case) for sequence, id, case in rows]

    def entitled(self) -> set[str]:
        """What the agency is to be told, by the rules of disclosure and the log alone."""
        with composition.follower(self.settings) as source:
            return entitled(source.store, {AGENCY})[AGENCY]

    def marks(self) -> delivery.Marks:
        """What the service has recorded of the agency's acknowledgements."""
        events = (w.event for w in self.feeding.office.ports.log.read(delivery_stream(AGENCY)))
        return delivery.fold(event for event in events if isinstance(event, Acknowledged))

    def shown(self) -> dict[str, Any]:
        """The same, as the agency is shown it."""
        catch_up(self.settings)
        found: dict[str, Any] = self.feeding.client(AGENCY).get("/subscription").json()
        return found

    def case_that_ended(self) -> UUID:
        """A case that the agency was told of, and that may be erased."""
        office = self.feeding.office
        case = office.opens(composition.now())
        office.consents(case, AGENCY, "health")
        self.feeding.note(case)
        referral = office.refers(case, AGENCY, Service.HEALTH, compartments=frozenset({"health"}))
        office.does("uptd-ppa", case, CancelReferral, referral=referral)
        return case

    def keep_key(self, key: AgencyKey) -> None:
        """Put a private key where the agency's machines look for it."""
        file = self.keys / f"{uuid4()}.key"
        file.touch(mode=0o600)
        file.write_bytes(key.to_json())

    def registers(self, key: AgencyKey) -> None:
        """The agency's public key is another from now on."""
        act = system_act()
        command = RegisterKey(occurred_at=act.at, key=key.id, public_key=key.public)
        self.feeding.office.casework.handle(AGENCIES, AGENCY, command, act, correlation=uuid4())


# The transports ------------------------------------------------------------------------------------------------


class Carrier:
    """A way from the service to the agency's machine. Here: the feed."""

    def __init__(self, world: World, stream: bool = False) -> None:
        self.world = world
        self._stream = stream

    def source(self) -> Source:
        """The machine's end, for a machine that goes on where it was."""
        return FeedSource(AGENCY, self.world.feed(), stream=self._stream)

    def fresh(self) -> Source:
        """The same for a machine that has nothing yet."""
        return self.source()

    def repeating(self) -> Source:
        """The same, which brings everything once more."""
        return Forgetful(self.fresh())

    def halted(self) -> AbstractContextManager[object]:
        """Meanwhile nothing leaves the service."""
        return nullcontext()

    def replayed(self, begin: Begin, case: UUID | None, file: Path) -> list[str]:
        """The ids that a replay hands over."""
        return self._replayed(from_feed(AGENCY, self.world.feed(), begin, case), begin, case, file)

    def _replayed(self, source: Source, begin: Begin, case: UUID | None, file: Path) -> list[str]:
        found: list[str] = []
        inbox = SqliteInbox(file, lambda d, db: found.append(d.id))
        keys, service = KeyDirectory(self.world.keys), self.world.feeding.service_key
        replay(source, keys, service, inbox, begin, case=case, feed=self.world.feed()).run(Event())
        inbox.close()
        return found


class OverKafka(Carrier):
    """The agency's topic, its acknowledgements beside it."""

    def __init__(self, world: World, bootstrap: str) -> None:
        super().__init__(world)
        self._bootstrap = bootstrap
        self._settings = replace(world.settings, kafka=bootstrap)
        self._publishing = ExitStack()

    @contextmanager
    def running(self) -> Iterator["OverKafka"]:
        with reading(self._settings), self._publishing:
            self._publishing.enter_context(publishing(self._settings))
            yield self

    def source(self) -> Source:
        return KafkaSource(AGENCY, self._bootstrap)

    @contextmanager
    def halted(self) -> Iterator[None]:
        self._publishing.close()
        yield
        self._publishing.enter_context(publishing(self._settings))

    def replayed(self, begin: Begin, case: UUID | None, file: Path) -> list[str]:
        return self._replayed(from_kafka(AGENCY, self._bootstrap, begin), begin, case, file)


class OverWebhook(Carrier):
    """The service posts, to a machine that is not always there."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._administrator = world.feeding.client(AGENCY, Role.AGENCY_ADMINISTRATOR)
        self._at = f"/agencies/{AGENCY}/webhook"
        free = WebhookSource(AGENCY, ("127.0.0.1", 0), ["whsec_" + "A" * 32])
        self._address = free.address
        free.close()
        self._does("", url=f"http://127.0.0.1:{self._address[1]}/rujukan")
        shown = self._administrator.get(self._at).json()
        self._secret, self._public = shown["secret"], shown["public_key"]
        self._sending = ExitStack()

    @contextmanager
    def running(self) -> Iterator["OverWebhook"]:
        with self._sending:
            self._sending.enter_context(sending(self.world.settings))
            yield self

    def source(self) -> Source:
        return WebhookSource(AGENCY, self._address, [self._secret], feed=self.world.feed())

    def fresh(self) -> Source:
        """What was on its way when the service was asked to begin anew could else come before what it begins with."""
        with self.halted():
            self._does("/replay", after=0)
            return self.source()

    def repeating(self) -> Source:
        return self.fresh()

    @contextmanager
    def halted(self) -> Iterator[None]:
        self._sending.close()
        yield
        self._sending.enter_context(sending(self.world.settings))

    def replayed(self, begin: Begin, case: UUID | None, file: Path) -> list[str]:
        """From a sequence, the service posts once more; the rest is fetched."""
        if begin.sequence is None or case is not None:
            return super().replayed(begin, case, file)
        head = self.world.feeding.head(AGENCY)
        found: list[str] = []
        stop = Event()

        def handle(d: Delivery, db: Any) -> None:
            found.append(d.id)
            if d.sequence == head:
                stop.set()

        def run() -> None:
            source = WebhookSource(AGENCY, self._address, [self._public])
            inbox = SqliteInbox(file, handle)
            keys = KeyDirectory(self.world.keys)
            replay(source, keys, self.world.feeding.service_key, inbox, begin).run(stop)
            inbox.close()

        thread = Thread(target=run, daemon=True)
        with self.halted():
            self._does("/replay", after=begin.sequence - 1)
            thread.start()
        thread.join(PATIENCE_SECONDS)
        stop.set()
        return found

    def _does(self, action: str, **body: Any) -> None:
        second = self.world.feeding.client(AGENCY, Role.SUPERVISOR)
        answer = seconded(self._administrator.post(self._at + action, json=body), second)
        assert answer.status_code == 200, answer.text


@contextmanager
def _in_a_thread(run: Callable[[Event], object]) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    with composition.publisher(settings) as publisher, _in_a_thread(publisher.run):
        yield


@contextmanager
def reading(settings: Settings) -> Iterator[None]:
    with composition.acknowledgement_reader(settings) as reader, _in_a_thread(reader.run):
        yield


@contextmanager
def sending(settings: Settings) -> Iterator[None]:
    with composition.webhooks(settings, system_act, PATIENCE, 5.0) as sender, _in_a_thread(sender.run):
        yield


# The agency's machine ------------------------------------------------------------------------------------------


class Hospital:
    """A machine at the end of a transport, which runs until it is stopped; it fails at some deliveries."""

    def __init__(
        self, world: World, source: Source, file: Path, failing: frozenset[int] = frozenset(), keys: Path | None = None
    ) -> None:
        self._keys = keys or world.keys
        self.seen: list[Delivery] = []
        self.failures = 0
        self.subscription: Any = None
        self._world, self._failing = world, failing
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(source, file), daemon=True)
        self._thread.start()

    def _run(self, source: Source, file: Path) -> None:
        inbox = SqliteInbox(file, self._handle)
        keys, service = KeyDirectory(self._keys), self._world.feeding.service_key
        self.subscription = Subscription(source, keys, service, inbox, feed=self._world.feed(), rules=RULES)
        self.subscription.run(self._stop)
        inbox.close()

    def _handle(self, delivery: Delivery, db: Any) -> None:
        if delivery.sequence in self._failing:
            self.failures += 1
            raise RuntimeError
        self.seen.append(delivery)

    def ids(self) -> list[str]:
        return [delivery.id for delivery in self.seen]

    def saw(self, told: Sequence[Told]) -> None:
        """Wait until it saw as many as these; it saw exactly these, in this order."""
        expected = [one.id for one in told]
        assert eventually(lambda: len(self.seen) >= len(expected)), (len(self.seen), len(expected))
        assert self.ids() == expected

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()


class Wrapped:
    """A source that is in the way of another."""

    def __init__(self, source: Source) -> None:
        self.agency = source.agency
        self.inner = source

    def start(self, place: Bookmark | None, last: Last) -> None:
        self.inner.start(place, last)

    def receive(self, seconds: float) -> Sequence[Arrived]:
        return self.inner.receive(seconds)

    def settled(self, waiting: Sequence[Arrived], refused: Sequence[Arrived]) -> None:
        self.inner.settled(waiting, refused)

    @property
    def at_end(self) -> bool:
        return self.inner.at_end

    def replies(self) -> Replies:
        return self.inner.replies()

    def close(self) -> None:
        self.inner.close()


class Forgetful(Wrapped):
    """Begins where there is nothing handled yet, whatever was."""

    def start(self, place: Bookmark | None, last: Last) -> None:
        self.inner.start(None, Last(0))


class Lossy(Wrapped):
    """Loses each of these sequences once, unseen by who sent them."""

    def __init__(self, source: Source, loses: set[int]) -> None:
        super().__init__(source)
        self.loses = loses

    def receive(self, seconds: float) -> Sequence[Arrived]:
        kept = []
        for sealed in self.inner.receive(seconds):
            sequence = int(dict(sealed.headers)["ce_sequence"] or b"0")
            if sequence in self.loses:
                self.loses.discard(sequence)
            else:
                kept.append(sealed)
        return kept
