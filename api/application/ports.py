"""What the application needs of the world outside: fulfilled in infra/, wired in infra/composition.py."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain.compartment import Compartment
from ...domain.damaged import InClear
from ...domain.delivery import Cursor
from ...domain.disclosure import Written
from ...domain.fact import Act, AgencyCode, Fact
from .opener import Opener
from .opener import ReadingsFound as ReadingsFound
from .oversight import Oversight
from .register import Deliveries
from .vitals import VitalSigns

P = ParamSpec("P")
T = TypeVar("T")


class Changes(NamedTuple):
    """Events to append to a stream after the version at which it was read; none, where it was only read, and has to be
    as it was then. `unkept`: where a key of it does not open, they are sealed under one that nobody keeps."""

    stream: UUID
    version: int
    events: Sequence[Fact]
    unkept: bool = False


class Retryable(NamedTuple):
    """Keyed hashes of an idempotency key and of the request it came with, and the answer to repeat."""

    key: bytes
    fingerprint: bytes
    answer: bytes


class Repeated(NamedTuple):
    """What an idempotency key was used for before."""

    fingerprint: bytes
    answer: bytes
    position: int


class Moved(Exception):
    """Somebody else wrote to the stream first: read it again and decide again."""


class UsedBefore(Exception):
    """The idempotency key was used before."""


class Gone(Exception):
    """The stream was erased: there is nothing to read any more."""


class Unreadable(Exception):
    """A record, or a key, of what is asked for is damaged. Nothing is stored until it is repaired."""


class NotYetKnown(Unreadable):
    """What is asked for is whole, and of a later release than this process: another one knows it, or this one once it
    is replaced."""


class Unavailable(Exception):
    """What is needed to answer is away. It is not known whether anything is stored, or will be."""


class Forked(Unavailable):
    """The history in the database does not go on from what was signed, or told, before. Nothing is stored or told."""


class NotSealedYet(Exception):
    """The ledger has no leaf for a position, or not enough witnesses have seen it."""

    def __init__(self, position: int) -> None:
        super().__init__("not sealed yet")
        self.position = position


class NotTaken(Exception):
    """What was brought to the ledger is not for it. The message says why."""


class Log(Protocol):
    """The sealed event store. Of what it reads, coordination is open and nothing else (opener.py)."""

    def append(
        self, changes: Sequence[Changes], act: Act, correlation: UUID, retryable: Retryable | None = None
    ) -> list[int]:
        """Positions of the events, once durable. Raises Moved, UsedBefore, Unavailable."""
        ...

    def read(self, stream: UUID, after: int = 0, upto: int | None = None) -> list[Written]:
        """The stream's events after a version, up to one where it is named, their coordination opened. Raises Gone,
        Unreadable."""
        ...

    def in_clear(self, stream: UUID) -> list[InClear]:
        """What the stream's events say without being opened, also where they are damaged."""
        ...

    def joined(self, stream: UUID) -> frozenset[UUID]:
        """Cases ever merged with that one, or separated from it: by what is in clear, also where they are damaged."""
        ...

    def agencies(self) -> list[UUID]:
        """The streams of all agencies that were ever registered, in that order."""
        ...

    def at(self, positions: Collection[int]) -> list[Written]:
        """The events at these positions, in order, their coordination opened; no erased ones. Raises Unreadable."""
        ...

    def erase(self, stream: UUID, version: int, compartments: Iterable[Compartment]) -> None:
        """Destroy the keys of these compartments, as the stream's event of that version says. On return no process
        opens anything with them any more. May be called again."""
        ...

    def when_erased(self, forget: Callable[[UUID], object]) -> None:
        """Have this called with each stream of which something was erased, by whatever process."""
        ...

    def repeated(self, key: bytes) -> Repeated | None:
        """What was done, durably, under an idempotency key. Raises Unavailable."""
        ...


class Documents(Protocol):
    """Where documents are sealed and kept."""

    def put(self, case: UUID, document: UUID, compartment: Compartment, content: bytes) -> None:
        """Seal and store; the same id again keeps the first. Durable on return. It is kept once an event names it."""
        ...

    def drop(self, case: UUID, document: UUID) -> None:
        """Delete it, unless an event names it."""
        ...

    def stored(self, agency: AgencyCode) -> int:
        """Bytes of all documents that an agency has attached, sealed."""
        ...


class Behind(Exception):
    """The read models did not reach the position that the caller asked to wait for."""


class BeyondHead(Exception):
    """The log has no such position yet."""


class Sight(NamedTuple):
    """Whose rows a list shows: an agency's, without those of cases that the asking person is excluded from."""

    agency: AgencyCode
    person: UUID | None
    """None: nobody, a follower or the operator asks."""
    only: Literal["", "assigned", "mine"] = ""
    """`assigned`: of cases that the person is assigned to, and of those that somebody has to take; `mine`: of the
    first alone."""


NOBODY = Sight("", None)
"""No agency's, for what tells of no case."""


class Views(Protocol):
    """The read models."""

    def ask(
        self,
        sight: Sight,
        query: Callable[Concatenate[Connection[TupleRow], P], T],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a read model's query answers over a connection that sees those rows only."""
        ...

    def expect(self, position: int, case: UUID | None = None) -> "Future[None]":
        """Done once the read models took in a position, as far as that case is concerned; nothing is held meanwhile.
        Who waits no longer cancels it. Raises BeyondHead; and Behind, at once or later, where one is stopped before."""
        ...

    def lag(self) -> Iterable[tuple[str, int]]:
        """(read model, positions behind)."""
        ...


class Ledger(Protocol):
    """The transparency log over the stored events."""

    def checkpoint(self) -> bytes | None:
        """The newest signed checkpoint (C2SP tlog-checkpoint), with its cosignatures; None where nothing is sealed."""
        ...

    def joining(self, log: str | None) -> bytes | None:
        """The signed note that says how this log, or the one of that origin, goes on from another; None where it does
        not."""
        ...

    def tile(self, path: str) -> bytes | None:
        """A tile or entry bundle by its path (C2SP tlog-tiles); None where there is none."""
        ...

    def receipt(self, position: int, witnessed: bool) -> bytes:
        """The proof that a position is sealed (C2SP tlog-proof; its `extra` is the entry), under the newest checkpoint
        that enough witnesses cosigned, else, unless it must be witnessed, under the newest. Raises NotSealedYet."""
        ...

    def take_cosignatures(self, body: bytes) -> int:
        """Keep the cosignatures of known witnesses on a checkpoint; how many are new. Raises NotTaken."""
        ...

    def keys(self) -> Sequence[str]:
        """The log's verifier keys."""
        ...

    def lag(self) -> tuple[int, int]:
        """(events not sealed yet, milliseconds that the newest sealed ones had waited)."""
        ...


class Messages(Protocol):
    """What agencies are sent, described."""

    def names(self) -> Sequence[tuple[str, int]]:
        """Every topic, and part of a message, with each version of its schema."""
        ...

    def schema(self, topic: str, version: int) -> bytes | None:
        """That JSON Schema; None where there is none."""
        ...

    def asyncapi(self) -> bytes:
        """The AsyncAPI document."""
        ...

    def page(self) -> tuple[str, str]:
        """The same for people, as HTML, and the Content-Security-Policy that it is to be shown under."""
        ...


class SealedMessage(NamedTuple):
    """Something an agency was told, sealed to its key: a CloudEvent as JSON, on one line."""

    at: Cursor
    event: bytes


class FeedPage(NamedTuple):
    """A part of what an agency was told, in order."""

    messages: Sequence[SealedMessage]
    head: Cursor
    """The agency's newest when the page was read; 0 for none."""
    upto: Cursor
    """All that there is up to this one is in this page or came before it: what comes next begins behind it. Less
    than `head` where the page is full, or where something behind it is held for a moment."""


class Feed(Protocol):
    """What agencies are told, numbered 1, 2, 3 … for each."""

    def head(self, agency: AgencyCode) -> Cursor:
        """The newest that the agency was told; 0 for none."""
        ...

    def first_at(self, agency: AgencyCode, *, time: datetime | None = None, position: int | None = None) -> int:
        """The sequence after which comes what was told at or after a time, or by events from a position on."""
        ...

    def page(self, agency: AgencyCode, after: Cursor, limit: int, case: UUID | None = None) -> FeedPage:
        """What comes after a delivery, in order; of one case where one is named. Raises KeyMissing, AnotherHistory."""
        ...

    def when_told(self, call: Callable[[frozenset[AgencyCode] | None], object]) -> None:
        """Have this called with the agencies that were just told something, or with None where it is not known which.
        On a thread of its own; it may miss one."""
        ...


class WebhookState(NamedTuple):
    """A webhook's secret and key, as Standard Webhooks writes them, and how far it is."""

    secret: str
    public_key: str
    head: int
    sent: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    outcome: str
    last_at: datetime | None


class Webhooks(Protocol):
    """What posts to agencies' webhooks."""

    def check(self, url: str) -> None:
        """Raises AddressRefused, which says what the address must be, for one that is never posted to."""
        ...

    def state(self, agency: AgencyCode, registration: int) -> WebhookState:
        """How far the webhook is that was set with that version of the agency's stream."""
        ...


class TokenKeys(Protocol):
    """The issuer's public keys."""

    issuer: str
    audience: str

    def key(self, kid: str | None) -> Any:
        """The key of that id, as PyJWT takes it. Raises KeyError."""
        ...

    def jwks(self) -> dict[str, Any]:
        """The key set to publish, where this service is itself the issuer; else empty."""
        ...


class Macs(Protocol):
    """Keyed hashes by name: what stands for something, and tells nothing without the service's key."""

    def mac(self, name: str, message: bytes) -> bytes:
        """HMAC-SHA256 under the key of that name."""
        ...


class Clock(Protocol):
    """The time."""

    def __call__(self) -> datetime:
        """Now, with its zone."""
        ...


class Patience(Protocol):
    """How long a request may wait for what is needed to answer it."""

    def __call__(self, seconds: float) -> AbstractContextManager[None]:
        """Whatever is done inside the block has so many seconds, on whatever thread; then Unavailable is raised."""
        ...


class KeyCheck(Protocol):
    """Looks at a public key before an agency is told anything under it."""

    def __call__(self, encoded: str) -> None:
        """Raises ValueError for a key that nothing could be sealed to."""
        ...


CASE_BYTES = 128 * 2**20
"""Memory for the cases that are remembered, where the settings say nothing else."""


class Ports(NamedTuple):
    """All of it. A door is handed what is made of it, never the opener (rooms.py)."""

    log: Log
    opener: Opener
    documents: Documents
    views: Views
    tokens: TokenKeys
    macs: Macs
    now: Clock
    check_key: KeyCheck
    ledger: Ledger
    messages: Messages
    feed: Feed
    webhooks: Webhooks
    deliveries: Deliveries
    within: Patience
    vitals: VitalSigns
    oversight: Oversight
    case_bytes: int = CASE_BYTES
