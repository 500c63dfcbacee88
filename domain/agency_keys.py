"""The keys that an agency's messages are sealed to: registered, retired, and replaced where private halves are lost."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from .agency_state import Agency, KeyId, Resealing, decides, require_agency
from .compartment import Coordination
from .declaring import asked, field, happened, name_fields
from .fact import Act, ActorId, Fact, Short, recorded
from .refusal import AlreadyExists, Invalid, StillUndecided, Unknown
from .standing.relations import Extent, Relation
from .standing.roles import ADMINISTRATION, ADMINISTRATORS, OFFICERS
from .standing.rows import OPERATES, OWN_AGENCY, OWN_OR_SYSTEM, OWN_SECOND, Row, Second, Thing
from .words import Words

R = Relation

HPKE_MLKEM768_X25519: Final = "hpke-mlkem768-x25519-hkdfsha256-aes256gcm"
"""RFC 9180 with the hybrid KEM ML-KEM-768 + X25519, HKDF-SHA256, AES-256-GCM."""

EXAMPLE_KEY = base64.urlsafe_b64encode(bytes(1184) + bytes((9,)) + bytes(31)).rstrip(b"=").decode()
"""A well-formed public key whose private half everybody knows (X25519's base point): an example, never a key."""

PublicKey = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_-]{1622}$(?!\n)",
        description="1,216 bytes in base64url, unpadded",
        extra={"must": Words("1.216 bita dalam base64url, tanpa pengisi", "1,216 bytes in base64url, unpadded")},
    ),
]


def fingerprint(public_key: str) -> str:
    """SHA-256 of a public key's bytes, in hex."""
    raw = base64.urlsafe_b64decode(public_key + "=" * (-len(public_key) % 4))
    return hashlib.sha256(raw).hexdigest()


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


RESEALING = Thing(
    "re-sealing",
    Words("penyegelan ulang yang diminta", "re-sealing that was asked for"),
    find=lambda agency, id: agency.resealing if agency is not None else None,
    whose={R.ASKER: lambda resealing, agency: resealing.asked_by},
)
OF_THE_OPERATOR = Row(ADMINISTRATORS, OPERATES.to(RESEALING, another_than=R.ASKER), Extent.SEALED)


@asked(
    "/agencies/{code}/keys",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    second=Second(
        (OWN_SECOND,),
        when=lambda command, agency, own: bool(agency.public_keys),
        words=Words("bila instansi sudah pernah mendaftarkan kunci", "where the agency has registered a key before"),
    ),
    extent=Extent.AGENCY,
    means="Mendaftarkan kunci publik yang dipakai menyegel pesan.",
    tag="agencies",
    example={"key": "2026-1", "public_key": EXAMPLE_KEY},
)
class RegisterKey(KeyFacts, frozen=True, kw_only=True):
    """Register the public key that messages are sealed to. Whoever has its private half reads all that is told from
    then on, so that no administrator chooses it alone."""


@asked(
    "/agencies/{code}/keys/{key}/retirement",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    extent=Extent.AGENCY,
    means="Berhenti menyegel dengan sebuah kunci.",
    tag="agencies",
)
class RetireKey(Fact, frozen=True, kw_only=True):
    """Stop sealing to a key."""

    key: Coordination[KeyId]


@asked(
    "/agencies/{code}/keys/{key}/resealing",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    extent=Extent.SEALED,
    means="Menyatakan bahwa kunci privat hilang, dan meminta riwayat di bawah kunci lain.",
    tag="agencies",
    example={"lost": ["2026-1"], "reason": "Peladen terbakar."},
)
class AskResealing(ResealingFacts, frozen=True, kw_only=True):
    """Say that private keys are lost, and ask for what was told under them under another; retires the lost ones."""

    reason: Coordination[Short]


@asked(
    "/agencies/{code}/keys/{key}/resealing/approval",
    by=OFFICERS,
    where=OWN_AGENCY.to(RESEALING, another_than=R.ASKER),
    extent=Extent.SEALED,
    or_else=(OF_THE_OPERATOR,),
    means="Mengizinkan riwayat disegel dengan kunci lain, sebagaimana diminta orang lain.",
    tag="agencies",
    example={"lost": ["2026-1"]},
)
class ApproveResealing(ResealingFacts, frozen=True, kw_only=True):
    """Let what was told under the lost keys be sealed to the other one, as another person asked."""


@asked(
    "/agencies/{code}/keys/{key}/resealing/refusal",
    by=OFFICERS,
    where=OWN_AGENCY.to(RESEALING, another_than=R.ASKER),
    extent=Extent.SEALED,
    or_else=(OF_THE_OPERATOR,),
    means="Membiarkan riwayat tersegel seperti semula.",
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


@decides.register
def register_key(command: RegisterKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if command.key in require_agency(agency).public_keys:
        raise AlreadyExists(key=command.key)
    if command.public_key == EXAMPLE_KEY:
        raise Invalid(
            field="public_key",
            must=Words(
                "harus kunci instansi sendiri, buatan `rujukan keygen`: kunci contoh dimiliki semua orang",
                "be the agency's own, as `rujukan keygen` makes it: everybody has that of an example",
            ),
        )
    return [recorded(KeyRegistered, command, act)]


@decides.register
def retire_key(command: RetireKey, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = require_agency(agency)
    if command.key not in own.keys:
        raise Unknown(what="key")
    if len(own.keys) == 1:
        raise Invalid(
            field="key",
            must=Words(
                "tidak boleh satu-satunya kunci instansi; daftarkan dahulu penggantinya",
                "not be the agency's only one; register its successor first",
            ),
        )
    return [recorded(KeyRetired, command, act)]


@decides.register
def ask_resealing(command: AskResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own = require_agency(agency)
    if own.resealing is not None:
        raise StillUndecided(what="an undecided re-sealing", key=own.resealing.key)
    _may_take_over(command, own)
    retired = [recorded(KeyRetired, command, act, key=key) for key in sorted(command.lost & own.keys.keys())]
    return [*retired, recorded(ResealingAsked, command, act, asked_by=act.actor)]


@decides.register
def approve_resealing(command: ApproveResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    own, asked = _judged(command, agency)
    _may_take_over(command, own)
    return [recorded(ResealingApproved, command, act, asked_by=asked.asked_by, approved_by=act.actor)]


@decides.register
def refuse_resealing(command: RefuseResealing, agency: Agency | None, act: Act) -> Sequence[Fact]:
    _judged(command, agency)
    return [recorded(ResealingRefused, command, act)]


def _may_take_over(command: AskResealing | ApproveResealing, agency: Agency) -> None:
    """The lost keys are the agency's, the other is in use. Raises Unknown, Invalid."""
    if not command.lost | {command.key} <= agency.public_keys.keys():
        raise Unknown(what="key")
    if command.key in command.lost or command.key not in agency.keys:
        raise Invalid(
            field="key",
            must=Words("harus kunci yang dipakai, dan bukan yang hilang", "be one in use, and none of the lost"),
        )


def _judged(command: ApproveResealing | RefuseResealing, agency: Agency | None) -> tuple[Agency, Resealing]:
    """The re-sealing that is decided. A decision names what it decides, so that a request that took the place of the
    one somebody saw is not decided unseen. Raises Unknown."""
    found = require_agency(agency)
    asked = found.resealing
    if asked is None or (asked.key, asked.lost) != (command.key, command.lost):
        raise Unknown(what="re-sealing")
    return found, asked


name_fields(
    key=field("Kunci", "Key"),
    public_key=field("Kunci publik", "Public key"),
    lost=field("Kunci yang hilang", "Lost keys"),
    algorithm=field("Algoritma", "Algorithm"),
)
