"""The shape that commands and events share: frozen, keyword-only, every field with its compartment."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, NewType, TypeVar, get_args, get_type_hints
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import fields

from .codes import AgencyKind, NeedToKnow, Purpose, Role
from .compartment import (
    Compartment,
    Coordination,
    Economic,
    Health,
    Incident,
    Legal,
    Psychosocial,
    Safety,
    compartments_of,
)
from .letters import is_plain, reads_as_written
from .refusal import InTheFuture, Invalid
from .words import Words

CaseId = NewType("CaseId", UUID)
ReferralId = NewType("ReferralId", UUID)
ConsentId = NewType("ConsentId", UUID)
DecisionId = NewType("DecisionId", UUID)
IncidentId = NewType("IncidentId", UUID)
ClockId = NewType("ClockId", UUID)
DocumentId = NewType("DocumentId", UUID)
ActionId = NewType("ActionId", UUID)
ConferenceId = NewType("ConferenceId", UUID)
TransferId = NewType("TransferId", UUID)
ServiceId = NewType("ServiceId", UUID)
NoteId = NewType("NoteId", UUID)
ErasureId = NewType("ErasureId", UUID)
DisclosureId = NewType("DisclosureId", UUID)
ExclusionId = NewType("ExclusionId", UUID)
GlassId = NewType("GlassId", UUID)
StopId = NewType("StopId", UUID)
HoldId = NewType("HoldId", UUID)
ProposalId = NewType("ProposalId", UUID)
ActorId = NewType("ActorId", UUID)
"""A pseudonym of a person or machine; who it is stands in the agency's member list, sealed."""

AgencyCode = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$(?!\n)",
        examples=["rsud"],
        extra={
            "must": Words(
                "kode instansi: huruf kecil, angka, dan tanda hubung, paling banyak 40",
                "an agency's code: lower-case letters, digits and hyphens, 40 at most",
            )
        },
    ),
]
"""An agency's short name in the network: lower-case letters, digits and hyphens, 1 to 40 long."""
SYSTEM_AGENCY: Final[AgencyCode] = "rujukan"
SYSTEM_ACTOR: Final = ActorId(UUID(int=0))
"""For whom the system acts itself: no agency, and no person."""
Recipient = Annotated[
    str,
    Meta(
        pattern="^(kind:)?[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$(?!\n)",
        description="An agency's code, or kind:KIND for every agency of that kind",
        extra={
            "must": Words(
                "kode instansi, atau kind:JENIS untuk setiap instansi sejenis",
                "an agency's code, or kind:KIND for every agency of that kind",
            )
        },
        examples=["rsud", "kind:health"],
    ),
]
Sha256 = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{64}$(?!\n)",
        extra={"must": Words("SHA-256 dalam 64 angka heksadesimal", "a SHA-256 in 64 lower-case hexadecimal digits")},
    ),
]
Short = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)",
        extra={"must": Words("satu baris teks tanpa karakter kendali", "one line of text without control characters")},
    ),
]
Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=20_000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        extra={"must": Words("teks tanpa karakter kendali", "text without control characters")},
    ),
]


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What was said to have happened. `occurred_at` is when it happened in the world, with its zone;
    when it was recorded stands in the sealed record's header."""

    occurred_at: Coordination[Annotated[datetime, Meta(tz=True)]]


class Details(Fact, frozen=True, kw_only=True):
    """Free text, each part under the key of its own compartment."""

    incident: Incident[Text | None] = None
    health: Health[Text | None] = None
    psychosocial: Psychosocial[Text | None] = None
    legal: Legal[Text | None] = None
    safety: Safety[Text | None] = None
    economic: Economic[Text | None] = None


class Act(Struct, frozen=True, kw_only=True):
    """Who acts: a person or machine, for an agency, in a role, for a purpose, at a recorded time."""

    actor: ActorId
    agency: AgencyCode
    kind: AgencyKind
    role: Role
    purpose: Purpose
    at: datetime
    need_to_know: NeedToKnow = NeedToKnow.EVERYBODY
    """Who of the agency works on its cases, as it has set."""


@cache
def _fields(of: type[Fact]) -> tuple[tuple[str, Compartment, Any], ...]:
    """(field, its compartment, its default) of an event, but for coordination."""
    default = {f.name: f.default for f in fields(of)}
    return tuple(
        (name, compartment, default[name])
        for name, compartment in compartments_of(of).items()
        if compartment is not Compartment.COORDINATION
    )


def said_in(event: Fact) -> frozenset[Compartment]:
    """The compartments in which an event says something, coordination always among them: those that its record has."""
    said = {compartment for name, compartment, default in _fields(type(event)) if getattr(event, name) != default}
    return frozenset({Compartment.COORDINATION, *said})


F = TypeVar("F", bound=Fact)

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2900, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)
"""How far another agency's clock may run ahead of ours before its times are refused."""


def recorded(event: type[F], command: Fact, act: Act, **more: Any) -> F:
    """The event that says what the command said, with `more` beside or instead.

    Raises InTheFuture when it is said to have happened after it was recorded (plus CLOCK_SKEW), and Invalid for
    a time outside of EARLIEST and LATEST, which no list could order in every zone, and for text in which something is
    not seen, or nothing is (letters.py).
    """
    if command.occurred_at > act.at + CLOCK_SKEW:
        raise InTheFuture(occurred_at=command.occurred_at, recorded_at=act.at)
    known = event.__struct_fields__
    said = {f: getattr(command, f) for f in command.__struct_fields__ if f in known}
    for name, value in said.items():
        if isinstance(value, datetime) and not EARLIEST <= value <= LATEST:
            raise Invalid(
                field=name,
                must=Words(
                    f"harus antara {EARLIEST.year} dan {LATEST.year}", f"lie between {EARLIEST.year} and {LATEST.year}"
                ),
            )
    if command.__struct_config__.tag is None:  # not an event, of which another is made
        _require_seen(command)
    return event(**{**said, **more})


def _require_seen(command: Fact) -> None:
    """Raises Invalid, which names the field. What is stored stays readable, whatever is in it: it is commands that are
    asked."""
    lines = _of_one_line(type(command))
    for field in command.__struct_fields__:
        for text in _texts_in(getattr(command, field)):
            if not (is_plain(text) if field in lines else reads_as_written(text)):
                raise Invalid(
                    field=field,
                    must=Words(
                        "harus berisi, dengan huruf yang terlihat; ketik, jangan ditempel",
                        "say something, in characters that are seen; type it, do not paste it",
                    ),
                )


def _texts_in(value: Any) -> Iterator[str]:
    """All text in a field, also in lists and in what has fields of its own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _texts_in(getattr(value, name))
    elif isinstance(value, Mapping):
        yield from (text for pair in value.items() for part in pair for text in _texts_in(part))
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for one in value:
            yield from _texts_in(one)


@cache
def _of_one_line(command: type[Fact]) -> frozenset[str]:
    """The fields that hold a name, a number or a reference."""
    hints = get_type_hints(command, include_extras=True)
    return frozenset(name for name in command.__struct_fields__ if _LINE in parts_of(hints[name]))


def parts_of(hint: Any) -> Iterator[Any]:
    """Everything that a type is made of."""
    for part in get_args(hint):
        yield part
        yield from parts_of(part)


_LINE = get_args(Short)[1]
