"""The keys that an agency's messages are sealed to: registered, retired, and replaced where private halves are lost."""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from .agency_state import Agency, KeyId, Resealing, decide, require_agency, require_own
from .authority import ADMINISTRATION, RESEALING, WEBHOOKS
from .codes import AgencyKind, Role
from .compartment import Coordination
from .declaring import asked, field, happened, name_fields
from .fact import Act, ActorId, Fact, Short, recorded
from .refusal import AlreadyExists, AnotherPersonNeeded, Invalid, NotForThisAgency, NotForThisRole, Unknown
from .words import Words

HPKE_MLKEM768_X25519: Final = "hpke-mlkem768-x25519-hkdfsha256-aes256gcm"
"""RFC 9180 with the hybrid KEM ML-KEM-768 + X25519, HKDF-SHA256, AES-256-GCM."""

EXAMPLE_KEY = base64.urlsafe_b64encode(bytes(1184) + bytes((9,)) + bytes(31)).rstrip(b"=").decode()
"""A well-formed public key whose private half everybody knows (X25519's base point): an example, never a key."""

PublicKey = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-]{1622}$(?!\n)", description="1,216 bytes in base64url, unpadded")
]


class KeyFacts(Fact, frozen=True, kw_only=True):
    key: Coordination[KeyId]
    public_key: Coordination[PublicKey]
    algorithm: Coordination[Literal["hpke-mlkem768-x25519-hkdfsha256-aes256gcm"]] = HPKE_MLKEM768_X25519


@happened(Words("Kunci instansi didaftarkan", "Agency's key registered"))
class KeyRegistered(KeyFacts, frozen=True, kw_only=True, tag="agency.KeyRegistered"):
    """From now on what the agency is told is sealed to this key."""


@happened(Words("Kunci instansi dihentikan", "Agency's key retired"))
class KeyRetired(Fact, frozen=True, kw_only=True, tag="agency.KeyRetired"):
    """Nothing new is sealed to this key. What was told under it stays sealed to it."""

    key: Coordination[KeyId]


class ResealingFacts(Fact, frozen=True, kw_only=True):
    key: Coordination[KeyId]
    lost: Coordination[Annotated[frozenset[KeyId], Meta(min_length=1, max_length=100)]]


@happened(Words("Penyegelan ulang riwayat diminta", "Re-sealing of history asked for"))
class ResealingAsked(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingAsked"):
    """The agency lost the private halves of these keys, and asks for all that was told under them under another."""

    reason: Coordination[Short]
    asked_by: Coordination[ActorId]


@happened(Words("Penyegelan ulang riwayat disetujui", "Re-sealing of history approved"))
class ResealingApproved(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingApproved"):
    """From now on what was told under the lost keys is sealed to this one."""

    asked_by: Coordination[ActorId]
    approved_by: Coordination[ActorId]


@happened(Words("Penyegelan ulang riwayat ditolak", "Re-sealing of history refused"))
class ResealingRefused(ResealingFacts, frozen=True, kw_only=True, tag="agency.ResealingRefused"):
    """History stays sealed as it was."""

    reason: Coordination[Short]


@asked("/agencies/{code}/keys", by=ADMINISTRATION, tag="agencies", example={"key": "2026-1", "public_key": EXAMPLE_KEY})
class RegisterKey(KeyFacts, frozen=True, kw_only=True):
    """Register the public key that messages are sealed to."""


@asked("/agencies/{code}/keys/{key}/retirement", by=ADMINISTRATION, tag="agencies")
class RetireKey(Fact, frozen=True, kw_only=True):
    """Stop sealing to a key."""

    key: Coordination[KeyId]


@asked(
    "/agencies/{code}/keys/{key}/resealing",
    by=WEBHOOKS,
    tag="agencies",
    example={"lost": ["2026-1"], "reason": "Peladen terbakar."},
)
class AskResealing(ResealingFacts, frozen=True, kw_only=True):
    """Say that private keys are lost, and ask for what was told under them under another; retires the lost ones."""

    reason: Coordination[Short]


@asked("/agencies/{code}/keys/{key}/resealing/approval", by=RESEALING, tag="agencies", example={"lost": ["2026-1"]})
class ApproveResealing(ResealingFacts, frozen=True, kw_only=True):
    """Let what was told under the lost keys be sealed to the other one, as another person asked."""


@asked(
    "/agencies/{code}/keys/{key}/resealing/refusal",
    by=RESEALING,
    tag="agencies",
    example={"lost": ["2026-1"], "reason": "Belum diperiksa."},
)
class RefuseResealing(ResealingFacts, frozen=True, kw_only=True):
    """Leave history sealed as it was."""

    reason: Coordination[Short]


def evolve(agency: Agency, event: Fact) -> Agency:
    """The agency after one of the events of its keys; as it was after any other."""
    match event:
        case KeyRegistered():
            return _with_key(agency, event)
        case KeyRetired():
            return replace(agency, keys={k: v for k, v in agency.keys.items() if k != event.key})
        case ResealingAsked():
            return replace(agency, resealing=Resealing(event.key, event.lost, event.reason, event.asked_by))
        case ResealingApproved():
            return replace(agency, resealing=None, resealed=_resealed(agency, event))
        case ResealingRefused():
            return replace(agency, resealing=None)
    return agency


def _with_key(agency: Agency, event: KeyRegistered) -> Agency:
    """An id that was registered before keeps its first key: history under it goes to nobody else."""
    public_key = agency.public_keys.get(event.key, event.public_key)
    keys, public_keys = {**agency.keys, event.key: public_key}, {**agency.public_keys, event.key: public_key}
    return replace(agency, keys=keys, public_keys=public_keys)


def _resealed(agency: Agency, event: ResealingApproved) -> Mapping[str, str]:
    """What had been sealed anew to a key that is lost in its turn goes along."""
    moved = {old: event.key if new in event.lost else new for old, new in agency.resealed.items()}
    return {**moved, **dict.fromkeys(sorted(event.lost), event.key)}


def moved(before: Agency, after: Agency) -> frozenset[KeyId]:
    """The keys under which something was told that is sealed to another key since; '' stands for none, as in
    `Agency.sealed_to`."""
    return frozenset(key for key in ("", *before.public_keys) if before.sealed_to(key) != after.sealed_to(key))


@decide.register
def register_key(command: RegisterKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if command.key in require_own(agency, act).public_keys:
        raise AlreadyExists(key=command.key)
    return [recorded(KeyRegistered, command, act)]


@decide.register
def retire_key(command: RetireKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = require_own(agency, act)
    if command.key not in own.keys:
        raise Unknown(what="key")
    if len(own.keys) == 1:
        raise Invalid(field="key", must="not be the agency's only one; register its successor first")
    return [recorded(KeyRetired, command, act)]


@decide.register
def ask_resealing(command: AskResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = require_agency(agency)
    if act.role is not Role.AGENCY_ADMINISTRATOR:  # nor the system: a person has to stand for it
        raise NotForThisRole(role=act.role, needs=[Role.AGENCY_ADMINISTRATOR])
    if act.agency != own.code:
        raise NotForThisAgency(needs=own.code)
    if own.resealing is not None:
        raise AlreadyExists(what="an undecided re-sealing", key=own.resealing.key)
    _may_take_over(command, own)
    retired = [recorded(KeyRetired, command, act, key=key) for key in sorted(command.lost & own.keys.keys())]
    return [*retired, recorded(ResealingAsked, command, act, asked_by=act.actor)]


@decide.register
def approve_resealing(command: ApproveResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own, asked = _judged(command, agency, act)
    _may_take_over(command, own)
    return [recorded(ResealingApproved, command, act, asked_by=asked.asked_by, approved_by=act.actor)]


@decide.register
def refuse_resealing(command: RefuseResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _judged(command, agency, act)
    return [recorded(ResealingRefused, command, act)]


def _may_take_over(command: AskResealing | ApproveResealing, agency: Agency) -> None:
    """The lost keys are the agency's, the other is in use. Raises Unknown, Invalid."""
    if not command.lost | {command.key} <= agency.public_keys.keys():
        raise Unknown(what="key")
    if command.key in command.lost or command.key not in agency.keys:
        raise Invalid(field="key", must="be one in use, and none of the lost")


def _judged(command: ApproveResealing | RefuseResealing, agency: Agency | None, act: Act) -> tuple[Agency, Resealing]:
    """The re-sealing that this person may decide. A decision names what it decides, so that a request that took the
    place of the one somebody saw is not decided unseen. Raises Unknown, NotForThisAgency, AnotherPersonNeeded."""
    found = require_agency(agency)
    of_the_agency = act.agency == found.code and act.role is Role.DATA_PROTECTION_OFFICER
    of_the_lead = act.kind is AgencyKind.LEAD and act.role is Role.AGENCY_ADMINISTRATOR
    if not (of_the_agency or of_the_lead):
        raise NotForThisAgency(needs=[found.code, AgencyKind.LEAD])
    asked = found.resealing
    if asked is None or (asked.key, asked.lost) != (command.key, command.lost):
        raise Unknown(what="re-sealing")
    if asked.asked_by == act.actor:
        raise AnotherPersonNeeded()
    return found, asked


name_fields(
    key=field("Kunci", "Key"),
    public_key=field("Kunci publik", "Public key"),
    lost=field("Kunci yang hilang", "Lost keys"),
    algorithm=field("Algoritma", "Algorithm"),
)
