"""What consents and overrides have in common: their scope, whom their end is told, and when they stand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Protocol

from msgspec import Meta
from msgspec.structs import replace

from ..codes import AgencyKind, ConsentBy, Purpose
from ..compartment import CompartmentWord, Coordination
from ..declaring import Audience, Step, field, happened, name_fields, not_asked
from ..fact import AgencyCode, ConsentId, Fact, Recipient
from ..persistent import put
from ..refusal import ConsentNotLive, Invalid, Unknown
from ..words import Words
from .consent import COORDINATION, Cells
from .evolving import applies
from .state import Case, Consent, compartments_named


class Scope(Fact, frozen=True, kw_only=True):
    """Who may know what, why, until when. Coordination is always part of what a recipient may know."""

    consent: Coordination[ConsentId]
    compartments: Coordination[frozenset[CompartmentWord]]
    recipients: Coordination[Annotated[frozenset[Recipient], Meta(min_length=1)]]
    purposes: Coordination[Annotated[frozenset[Purpose], Meta(min_length=1)]]
    expires_at: Coordination[Annotated[datetime, Meta(tz=True)] | None] = None


def _named_in_it(event: "OfConsent", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    ever = case.consents[event.consent].ever
    return {
        r.recipient: r.recipient_kind
        for r in case.referrals.values()
        if r.status.is_open and (r.recipient in ever or f"kind:{r.recipient_kind}" in ever)
    }


NAMED = Audience(
    Words(
        "instansi dengan rujukan terbuka yang pernah disebut persetujuan itu",
        "an agency with an open referral that the consent ever named",
    ),
    _named_in_it,
)
SCOPE: dict[str, Any] = {
    "compartments": ["identity", "contact", "incident", "health"],
    "recipients": ["rsud", "kind:police"],
    "purposes": ["care", "protection"],
}
"""An example."""


class OfConsent(Protocol):
    """An event or a command that is about a consent."""

    @property
    def consent(self) -> ConsentId: ...


@happened(
    Words("Persetujuan dipersempit", "Consent narrowed"),
    her=Words("Persetujuan dipersempit", "A consent was narrowed"),
    means="Persetujuan yang berlaku kini hanya mencakup hal ini.",
    step=Step.CONSENT,
    to=NAMED,
    earlier=(not_asked("said_by"),),
)
class ConsentNarrowed(Scope, frozen=True, kw_only=True, tag="case.ConsentNarrowed"):
    """A live consent now covers only this."""

    said_by: Coordination[frozenset[ConsentBy] | None] = None
    """None: nobody wrote down who."""


def consent_in(event: Scope) -> Consent:
    """The consent that a scope is of. One to which the child said no is held."""
    given_by = getattr(event, "given_by", frozenset[ConsentBy]())
    return Consent(
        event.consent,
        compartments_named(event.compartments),
        event.recipients,
        event.purposes,
        event.expires_at,
        Cells(event.recipients, compartments_named(event.compartments) | COORDINATION, event.purposes),
        given_at=event.occurred_at,
        changed_at=event.occurred_at,
        given_by=given_by,
        held=getattr(event, "child_assent", None) is False and ConsentBy.SURVIVOR not in given_by,
        is_hers=ConsentBy.SURVIVOR in given_by or getattr(event, "child_assent", None) is True,
    )


@applies(ConsentNarrowed)
def consent_narrowed(case: Case, event: ConsentNarrowed) -> Case:
    now = consent_in(event)
    narrowed = replace(
        case.consents[event.consent],
        compartments=now.compartments,
        recipients=now.recipients,
        purposes=now.purposes,
        expires_at=now.expires_at,
        changed_at=now.changed_at,
        warned=False,
    )
    return replace(case, consents=put(case.consents, event.consent, narrowed))


def live(case: Case, id: ConsentId, at: datetime) -> Consent:
    """The consent, if it stands at that time. Raises Unknown, ConsentNotLive."""
    consent = case.consents.get(id)
    if consent is None:
        raise Unknown(what="consent")
    if not stands(consent, at):
        raise ConsentNotLive(consent=id)
    return consent


def stands(consent: Consent, at: datetime) -> bool:
    """Whether a consent did not end by that time."""
    return consent.live and (consent.expires_at is None or at < consent.expires_at)


def require_later_end(command: Scope) -> None:
    """Raises Invalid for an end before the beginning."""
    if command.expires_at is not None and command.expires_at <= command.occurred_at:
        raise Invalid(
            field="expires_at", must=Words("harus lebih kemudian daripada occurred_at", "be later than occurred_at")
        )


name_fields(
    consent=field("Persetujuan", "Consent"),
    recipients=field("Penerima", "Recipients", ("Penerima", "Recipients")),
    purposes=field("Tujuan", "Purposes", ("Tujuan", "Purposes")),
)
