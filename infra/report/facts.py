"""What a report says: plain data, filled by whoever makes the bundle, printed by `pages.py`.

Nothing here is looked up or decided. Every datetime has a zone. Codes (`rape`, `in-progress`, `health`) stand as
they are stored; the report puts their labels beside them. What was withheld is named, and never carried.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from ...consumers.evidence.figures import Figures

Value = str | int | float | bool | None | tuple[str, ...]
"""A field as its disclosed JSON has it: times and dates are ISO 8601 texts, sets are sorted tuples."""


class Agency(Struct, frozen=True, kw_only=True):
    """An agency's code with its names; a code that is not on the list is printed as it is."""

    code: str
    name: str
    name_en: str = ""


class Field(Struct, frozen=True, kw_only=True):
    """One disclosed field of an event."""

    name: str
    """As the event's type calls it: `narrative`."""
    compartment: str
    value: Value
    withheld: bool = False
    """Nothing of it is shown, and it may have been said in what is withheld."""


class Event(Struct, frozen=True, kw_only=True):
    """One event of the case, in the order of the log."""

    position: int
    """In the log of the whole network: one less than this is its leaf in the ledger."""
    version: int
    """In the case's own stream."""
    recorded_at: datetime
    agency: str
    """Code of the agency that recorded it."""
    topic: str = ""
    """`case.ReferralSent`; empty where even that is withheld."""
    actor: str = ""
    """Pseudonym of the person or machine."""
    occurred_at: datetime | None = None
    """When it happened; None where that is withheld."""
    fields: tuple[Field, ...] = ()
    withheld: tuple[str, ...] = ()
    """Compartments in which this event says something that is not shown."""
    erased: tuple[str, ...] = ()
    """Compartments whose keys were destroyed: nobody can show them any more."""
    wholly_withheld: bool = False
    """That it was recorded is shown, and nothing of what it says."""
    leaf_hash: str = ""
    """Hexadecimal RFC 6962 leaf hash of the stored record."""

    def said(self, name: str) -> Value:
        """What a field of it says; None where it says nothing there, or that is not disclosed."""
        return next((field.value for field in self.fields if field.name == name), None)


class Holding(Struct, frozen=True, kw_only=True):
    """One stretch of a referral's chain of custody: who had to act, in which state, from when to when."""

    agency: str
    status: str
    """A `ReferralStatus`."""
    since: datetime
    until: datetime | None = None
    """None: still so at the report's instant."""
    said_since: datetime | None = None
    """When it was said to begin, where that is earlier than it was recorded."""


class Led(Struct, frozen=True, kw_only=True):
    """An agency led the case; `until` is absent where it still does."""

    agency: str
    since: datetime
    until: datetime | None = None


class Referral(Struct, frozen=True, kw_only=True):
    referral: str
    sender: str
    recipient: str
    status: str
    custody: tuple[Holding, ...]
    service: str = ""
    urgency: str = ""
    due_at: datetime | None = None
    """When an answer was due."""
    breached_at: datetime | None = None
    """When that time ran out, where nobody had recorded an answer by then."""
    answered_at: datetime | None = None
    answer_recorded_at: datetime | None = None
    """When it was said to have been answered, and when that was recorded."""
    ended_unanswered_at: datetime | None = None
    """When it was cancelled, where nobody had answered by then."""
    parent: str = ""
    redirects: str = ""


ClockState = Literal["running", "met", "met-late", "said-late", "breached", "ended", "ended-late", "too-late"]
LATE = frozenset({"breached", "met-late", "said-late", "ended-late"})
"""States of a clock that ran out."""


class Clock(Struct, frozen=True, kw_only=True):
    """A window that a pathway opened."""

    clock: str
    starts_at: datetime
    due_at: datetime
    state: ClockState
    """`said-late`: it was said in time, and recorded when the window had run out, which stays on record. `ended`: `how`
    says how, where that is disclosed. `too-late`: it had closed before anybody of the network knew."""
    need: str = ""
    """A `ClockNeed`; empty where it is withheld."""
    duty: str = ""
    """A `ClockDuty`; empty where the clock began before clocks said so."""
    guessed: bool = False
    how: str = ""
    """A `ClockEnd`; empty where it is withheld."""
    ended_by: str = ""
    met_at: datetime | None = None
    met_recorded_at: datetime | None = None
    held_by: tuple[str, ...] = ()
    """Agencies that held an open referral of this case when it was due (or now, while it runs)."""


class Document(Struct, frozen=True, kw_only=True):
    document: str
    kind: str
    compartment: str
    media_type: str
    size: int
    """Bytes."""
    sha256: str
    disclosed: bool
    erased: bool = False
    attached_at: datetime | None = None
    superseded_by: str = ""
    file: str = ""
    """Where its bytes lie in the bundle, if disclosed."""


class Access(Struct, frozen=True, kw_only=True):
    """Somebody was shown protected content of this case."""

    position: int
    at: datetime
    agency: str
    role: str
    purpose: str
    compartments: tuple[str, ...]
    basis: str
    what: str = ""
    reader: str = ""
    """Pseudonym."""


class Informed(Struct, frozen=True, kw_only=True):
    """An agency was entitled to know of an event; the rest is absent where no record shows it. The agency's system said
    that it arrived, was handled, or could not be."""

    agency: str
    position: int
    since: datetime
    referral: str = ""
    """The referral that the event sent, where it sent one."""
    sent_at: datetime | None = None
    transport: str = ""
    found: bool = False
    """It was found on the topic at that instant, and sent before."""
    vouched: bool = False
    """The log itself says that it was sent."""
    received_at: datetime | None = None
    handled_at: datetime | None = None
    failed: bool = False


class Witness(Struct, frozen=True, kw_only=True):
    """An independent party that signed the same checkpoint."""

    name: str
    algorithm: str
    """`Ed25519` or `ML-DSA-44`."""
    at: datetime
    key_id: str = ""


class Ledger(Struct, frozen=True, kw_only=True):
    origin: str
    size: int
    """Leaves of the tree that the proofs lead to."""
    root_hash: str
    """In hexadecimal, as the verifier prints it."""
    log_key: str
    """Verifier key of the log (`name+hash+key`)."""
    witnesses: tuple[Witness, ...] = ()
    witnesses_needed: int | None = None
    """By the policy that the bundle was made under; None where none was given."""
    checkpoint: str = ""
    """The signed note, whole."""


class ReportFacts(Struct, frozen=True, kw_only=True):
    """All that one report says."""

    network: str
    case: str
    bundle: str
    """Id of the bundle that this report is part of."""
    recipient: str
    basis: str
    """Legal basis of the disclosure, as typed."""
    as_of: datetime
    position: int
    """The last position of the log that was read."""
    made_at: datetime
    """Of the report and of its PDF's metadata; it comes from the event that records the disclosure."""
    made_by: str
    """Pseudonym of the person."""
    made_for: str
    """Code of the agency the person acted for."""
    disclosed: tuple[str, ...]
    withheld: tuple[str, ...]
    ledger: Ledger
    events: tuple[Event, ...]
    led: tuple[Led, ...] = ()
    referrals: tuple[Referral, ...] = ()
    clocks: tuple[Clock, ...] = ()
    documents: tuple[Document, ...] = ()
    accesses: tuple[Access, ...] = ()
    told: tuple[Informed, ...] = ()
    not_whole: tuple[str, ...] = ()
    """Agencies of which the records of what they were entitled to, or sent, are not whole."""
    unread: tuple[int, ...] = ()
    """Positions of the log where the record of a reading does not open: of whatever case."""
    agencies: tuple[Agency, ...] = ()
    erased: tuple[str, ...] = ()
    signed: bool = False
    """Whether the file is going to carry an electronic signature of its own."""

    @property
    def figures(self) -> Figures:
        """What the verifier prints too, for a person to compare."""
        return Figures(
            case=self.case,
            bundle=self.bundle,
            made_at=self.made_at,
            as_of=self.as_of,
            position=self.position,
            events=len(self.events),
            accesses=len(self.accesses),
            origin=self.ledger.origin,
            size=self.ledger.size,
            root=self.ledger.root_hash,
            log_key=self.ledger.log_key,
        )
