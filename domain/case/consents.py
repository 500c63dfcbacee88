"""Consent: given, refused, narrowed, withdrawn at any time; overridden on a named legal basis only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.state import NOTHING, Case, Consent, compartments_named
from ..codes import AgeGroup, AgencyKind, ConsentBy, LegalBasis, Obtained, Purpose
from ..compartment import CompartmentWord, Coordination, Identity, Legal, Psychosocial, Safety
from ..declaring import Audience, Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, ConsentId, Fact, Recipient, Short, Text, recorded
from ..persistent import put
from ..refusal import (
    ConsentFromWrongPerson,
    ConsentNotLive,
    ConsentWidened,
    Invalid,
    StillRunning,
    Unknown,
)
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, ESCALATION, SUPERVISORS
from ..standing.rows import ANYWHERE, TAKES_PART
from ..words import OF_OTHERS, Words


class Scope(Fact, frozen=True, kw_only=True):
    """Who may know what, why, until when. Coordination is always part of what a recipient may know."""

    consent: Coordination[ConsentId]
    compartments: Coordination[frozenset[CompartmentWord]]
    recipients: Coordination[Annotated[frozenset[Recipient], Meta(min_length=1)]]
    purposes: Coordination[Annotated[frozenset[Purpose], Meta(min_length=1)]]
    expires_at: Coordination[Annotated[datetime, Meta(tz=True)] | None] = None


def _named_in_it(
    event: "ConsentNarrowed | ConsentWithdrawn | ConsentExpired", case: Case
) -> Mapping[AgencyCode, AgencyKind]:
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


class ConsentFacts(Scope, frozen=True, kw_only=True):
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    obtained: Coordination[Obtained]
    child_assent: Coordination[bool] = False
    language: Coordination[Short] = "id"
    witness: Identity[Short | None] = None
    no_caregiver_because: Safety[Text | None] = None


@happened(
    Words("Persetujuan diberikan", "Consent given"),
    her=Words("Persetujuan Anda dicatat", "Your consent was recorded"),
    means="Penyintas, atau yang berbicara bagi anak, mengizinkan penerima mengetahuinya.",
    step=Step.CONSENT,
    withheld={"witness": OF_OTHERS},
)
class ConsentGiven(ConsentFacts, frozen=True, kw_only=True, tag="case.ConsentGiven"):
    """The survivor, or who speaks for a child, lets these recipients know this."""


class RefusalFacts(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    asked_for: Coordination[frozenset[Recipient]] = frozenset()
    remark: Psychosocial[Text | None] = None


@happened(
    Words("Persetujuan ditolak", "Consent refused"),
    her=Words("Anda tidak setuju, dan itu dicatat", "You said no, and that was recorded"),
    means="Ditanya, dan menjawab tidak. Tidak perlu alasan.",
    step=Step.CONSENT,
)
class ConsentRefused(RefusalFacts, frozen=True, kw_only=True, tag="case.ConsentRefused"):
    """Asked, and said no. Needs no reason."""


@happened(
    Words("Persetujuan dipersempit", "Consent narrowed"),
    her=Words("Persetujuan Anda dipersempit", "Your consent was narrowed"),
    means="Persetujuan yang berlaku kini hanya mencakup hal ini.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentNarrowed(Scope, frozen=True, kw_only=True, tag="case.ConsentNarrowed"):
    """A live consent now covers only this."""


@happened(
    Words("Persetujuan dicabut", "Consent withdrawn"),
    her=Words("Persetujuan Anda ditarik", "Your consent was withdrawn"),
    means="Persetujuan tidak mencakup apa pun lagi. Tidak perlu alasan.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentWithdrawn(Fact, frozen=True, kw_only=True, tag="case.ConsentWithdrawn"):
    """A consent covers nothing any more. Needs no reason."""

    consent: Coordination[ConsentId]


@happened(
    Words("Masa persetujuan habis", "Consent ran out"),
    her=Words("Masa persetujuan Anda habis", "Your consent ran out"),
    means="Waktu yang ditetapkan untuk persetujuan itu sudah lewat, sehingga tidak mencakup apa pun lagi.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentExpired(Fact, frozen=True, kw_only=True, tag="case.ConsentExpired"):
    """The time that was set for a consent is over, so it covers nothing any more. Since when, `expires_at` says: what
    it covered could not be opened from then on, also before this was recorded."""

    consent: Coordination[ConsentId]
    expires_at: Coordination[datetime]


ENDS = (ConsentNarrowed, ConsentWithdrawn, ConsentExpired)
"""Events that end a consent, in whole or in part."""


class OverrideFacts(Scope, frozen=True, kw_only=True):
    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    decided_by: Coordination[ActorId]
    reason: Legal[Text]
    survivor_told: Coordination[bool] = False


@happened(
    Words("Berbagi tanpa persetujuan atas dasar hukum", "Sharing without consent on a legal basis"),
    her=Words(
        "Data dibagikan tanpa persetujuan, atas dasar hukum", "Data was shared without consent, on a legal basis"
    ),
    means="Sesuatu boleh dibagikan tanpa persetujuan, menurut aturan yang disebut, atas keputusan seseorang.",
    step=Step.CONSENT,
)
class ConsentOverridden(OverrideFacts, frozen=True, kw_only=True, tag="case.ConsentOverridden"):
    """Something may be shared without consent, under a rule that is named, by a person who decided."""


@asked(
    "/cases/{case}/consents",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat persetujuan.",
    tag="consent",
    example={**SCOPE, "given_by": ["survivor", "caregiver"], "obtained": "written"},
    mints="consent",
)
class GiveConsent(ConsentFacts, frozen=True, kw_only=True):
    """Record a consent."""


@asked(
    "/cases/{case}/consent-refusals",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat bahwa persetujuan ditolak.",
    tag="consent",
    example={"given_by": ["survivor"]},
    mints="consent",
)
class RefuseConsent(RefusalFacts, frozen=True, kw_only=True):
    """Record that consent was refused."""


@asked(
    "/cases/{case}/consents/{consent}/narrowing",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.MOVE,
    means="Mencatat bahwa persetujuan kini mencakup lebih sedikit.",
    tag="consent",
    example={**SCOPE, "compartments": ["identity", "incident", "health"]},
)
class NarrowConsent(Scope, frozen=True, kw_only=True):
    """Record that a consent now covers less."""


@asked(
    "/cases/{case}/consents/{consent}/withdrawal",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.MOVE,
    means="Mencatat bahwa persetujuan dicabut; yang berdiri di atasnya berhenti.",
    tag="consent",
)
class WithdrawConsent(Fact, frozen=True, kw_only=True):
    """Record that a consent was withdrawn; what stood on it stops."""

    consent: Coordination[ConsentId]


@asked(by=ESCALATION, where=ANYWHERE, extent=Extent.MOVE, means="Mencatat bahwa masa persetujuan habis.")
class ExpireConsent(Fact, frozen=True, kw_only=True):
    """Record that a consent ran out."""

    consent: Coordination[ConsentId]


@asked(
    "/cases/{case}/consent-overrides",
    by=SUPERVISORS,
    where=TAKES_PART,
    extent=Extent.WHOLE,
    means="Berbagi tanpa persetujuan, atas dasar hukum.",
    tag="consent",
    example={
        "compartments": ["identity", "incident"],
        "recipients": ["polres"],
        "purposes": ["protection"],
        "basis": "child-mandatory-report",
        "rule": "UU 35/2014",
        "decided_by": "00000000-0000-4000-8000-000000000002",
        "reason": "Anak dalam bahaya.",
    },
    mints="consent",
)
class OverrideConsent(OverrideFacts, frozen=True, kw_only=True):
    """Share without consent, on a legal basis."""


@applies(ConsentGiven)
def consent_given(case: Case, event: ConsentGiven) -> Case:
    return replace(case, consents=put(case.consents, event.consent, _consent(event)))


@applies(ConsentOverridden)
def consent_overridden(case: Case, event: ConsentOverridden) -> Case:
    consent = replace(_consent(event), override=True, basis=event.basis, rule=event.rule)
    return replace(case, consents=put(case.consents, event.consent, consent))


@applies(ConsentNarrowed)
def consent_narrowed(case: Case, event: ConsentNarrowed) -> Case:
    before = case.consents[event.consent]
    kept = {"override": before.override, "basis": before.basis, "rule": before.rule, "ever": before.ever}
    narrowed = replace(_consent(event), **kept)
    return replace(case, consents=put(case.consents, event.consent, narrowed))


@applies(ConsentWithdrawn)
def consent_withdrawn(case: Case, event: ConsentWithdrawn) -> Case:
    ended = replace(case.consents[event.consent], live=False)
    return replace(case, consents=put(case.consents, event.consent, ended))


@applies(ConsentExpired)
def consent_expired(case: Case, event: ConsentExpired) -> Case:
    ended = replace(case.consents[event.consent], live=False)
    return replace(case, consents=put(case.consents, event.consent, ended))


@applies(ConsentRefused)
def consent_refused(case: Case, event: ConsentRefused) -> Case:
    refused = Consent(event.consent, NOTHING, event.asked_for, frozenset(), None, event.asked_for, live=False)
    return replace(case, consents=put(case.consents, event.consent, refused))


def _consent(event: Scope) -> Consent:
    return Consent(
        event.consent,
        compartments_named(event.compartments),
        event.recipients,
        event.purposes,
        event.expires_at,
        event.recipients,
    )


@decides.register
def give_consent(command: GiveConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.consents, command.consent)
    _right_person(command, case.age_group)
    _ends_later(command)
    return [recorded(ConsentGiven, command, act)]


@decides.register
def refuse_consent(command: RefuseConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.consents, command.consent)
    return [recorded(ConsentRefused, command, act)]


@decides.register
def narrow_consent(command: NarrowConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    before = _live(case, command, act)
    after_end, before_end = command.expires_at, before.expires_at
    if (
        not compartments_named(command.compartments) <= before.compartments
        or not all(_named(r, before.recipients, network) for r in command.recipients)
        or not command.purposes <= before.purposes
        or (before_end is not None and (after_end is None or after_end > before_end))
    ):
        raise ConsentWidened(consent=command.consent)
    return [recorded(ConsentNarrowed, command, act)]


@decides.register
def withdraw_consent(command: WithdrawConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _live(case, command, act)
    return [recorded(ConsentWithdrawn, command, act)]


@decides.register
def expire_consent(command: ExpireConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The clock ended it already; this puts on record what follows: work that is held, copies that are recalled. So
    also in a case that was closed: copies lie at agencies all the same."""
    consent = case.consents.get(command.consent) if case is not None else None
    if consent is None or consent.expires_at is None:
        raise Unknown(what="consent")
    if not consent.live:
        raise ConsentNotLive(consent=command.consent)
    if act.at < consent.expires_at:
        raise StillRunning(due_at=consent.expires_at)
    return [recorded(ConsentExpired, command, act, expires_at=consent.expires_at)]


@decides.register
def override_consent(command: OverrideConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.consents, command.consent)
    _ends_later(command)
    return [recorded(ConsentOverridden, command, act)]


def _live(case: Case, command: NarrowConsent | WithdrawConsent, act: Act) -> Consent:
    consent = case.consents.get(command.consent)
    if consent is None:
        raise Unknown(what="consent")
    if not consent.live or (consent.expires_at is not None and act.at >= consent.expires_at):
        raise ConsentNotLive(consent=command.consent)
    return consent


def _named(recipient: str, recipients: frozenset[str], network: Network) -> bool:
    """Whether a recipient was named: itself, or, where it is an agency, by its kind."""
    agency = network.get(recipient)
    return recipient in recipients or (agency is not None and f"kind:{agency.kind}" in recipients)


def _ends_later(command: Scope) -> None:
    if command.expires_at is not None and command.expires_at <= command.occurred_at:
        raise Invalid(field="expires_at", must="be later than occurred_at")


def _right_person(command: GiveConsent, age: AgeGroup) -> None:
    """IRC/UNICEF, Caring for Child Survivors (2012), informed consent and assent by age; UU 35/2014: a child
    is under 18. A caregiver may be the perpetrator, so an adolescent may consent alone with the reason given."""
    by = command.given_by
    allowed = {
        AgeGroup.ADULT: ConsentBy.SURVIVOR in by,
        AgeGroup.ADOLESCENT: ConsentBy.SURVIVOR in by
        and (ConsentBy.CAREGIVER in by or command.no_caregiver_because is not None),
        AgeGroup.YOUNG_CHILD: (ConsentBy.CAREGIVER in by or command.no_caregiver_because is not None)
        and command.child_assent,
    }
    if not allowed[age]:
        raise ConsentFromWrongPerson(age_group=age, given_by=by)


name_fields(
    consent=field("Persetujuan", "Consent"),
    recipients=field("Penerima", "Recipients", ("Penerima", "Recipients")),
    purposes=field("Tujuan", "Purposes", ("Tujuan", "Purposes")),
    given_by=field("Diberikan oleh", "Given by", ("Diberikan oleh", "Given by")),
    obtained=field("Cara memperoleh", "How obtained", ("Cara diberikan", "How it was given")),
    child_assent=field("Anak menyetujui", "Child assents", ("Anak setuju", "The child agrees")),
    witness=field("Saksi", "Witness", ("Saksi", "Witness")),
    no_caregiver_because=field(
        "Alasan tanpa wali", "Why without a caregiver", ("Tanpa wali karena", "Without a caregiver because")
    ),
    asked_for=field("Diminta untuk", "Asked for", ("Yang diminta", "What was asked for")),
    decided_by=field("Diputuskan oleh", "Decided by"),
    survivor_told=field("Penyintas diberi tahu", "Survivor told", ("Anda diberi tahu", "You were told")),
)
