"""Consent: given, refused, narrowed, withdrawn at any time; reported by whoever else heard it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.consent import Cells
from ..casefile.consenting import NAMED, SCOPE, ConsentNarrowed, Scope, consent_in, live, require_later_end
from ..casefile.deciding import Network, decides, derived, fresh
from ..casefile.evolving import applies
from ..casefile.her_no import as_recorded
from ..casefile.overriding import Overrides
from ..casefile.speaking import decision_of_right_person, heard, is_nobodys, without_effect
from ..casefile.state import NOTHING, Case, Consent, compartments_named
from ..casefile.stopping import CONSENT, WHOLE, SomeCompartments, SomePurposes, hear
from ..causes import Cause
from ..codes import ConsentBy, Obtained, StopAbout
from ..compartment import Coordination, Identity, Psychosocial, Safety
from ..declaring import Step, asked, defaults_unsaid, field, happened, name_fields, not_asked
from ..fact import Act, AgencyCode, ConsentId, DecisionId, Fact, Recipient, Short, Text, recorded
from ..field_words import NOT_SHARED
from ..persistent import put
from ..persons import Saying
from ..refusal import ConsentNotLive, ConsentWidened, Invalid, StillRunning, Unknown
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, LEADS, LEADS_ALSO_ENDED, TAKES_PART, TAKES_PART_ALSO_ENDED, Row
from ..standing.rule import extent_of
from ..words import OF_OTHERS, Words

R = Relation


class ConsentFacts(Scope, frozen=True, kw_only=True):
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    obtained: Coordination[Obtained]
    child_assent: Coordination[bool | None] = None
    """None where nobody said: of an adolescent or adult it is not asked."""
    language: Coordination[Short | None] = None
    witness: Identity[Short | None] = None
    no_caregiver_because: Safety[Text | None] = None
    assent_words: Psychosocial[Text | None] = None
    """What the child said, in her own words."""
    assent_not_asked: Psychosocial[Text | None] = None
    """Why a child who is to be asked was not."""
    speaker: Identity[Short | None] = None
    """Who that is, where somebody speaks for her: her grandmother."""
    by_alleged: Coordination[bool | None] = None
    """False: it is another person than the one who was set aside."""
    supporter: Identity[Short | None] = None  # in deciding
    interpreter: Identity[Short | None] = None
    text_version: Coordination[Short | None] = None
    """Of the text that was read with her."""
    limits_told: Psychosocial[Text | None] = None
    """What she was told of what cannot be kept from others."""
    recorded_how: Coordination[Short | None] = None
    """Of what was said and not written: the record that there is of it (UU 27/2022 art. 22)."""
    decision: Coordination[DecisionId | None] = None
    """The best-interest decision that lets them speak."""


UNSAID = defaults_unsaid(child_assent=False, language="id")
HOW = not_asked(
    *("assent_words", "assent_not_asked", "speaker", "by_alleged", "supporter", "interpreter", "text_version"),
    *("limits_told", "recorded_how", "decision"),
)


@happened(
    Words("Persetujuan diberikan", "Consent given"),
    her=Words("Persetujuan dicatat", "A consent was recorded"),
    means="Penyintas, atau orang tua, wali, atau pengasuhnya, mengizinkan penerima mengetahuinya.",
    step=Step.CONSENT,
    withheld={"witness": OF_OTHERS},
    earlier=(UNSAID, HOW),
)
class ConsentGiven(ConsentFacts, frozen=True, kw_only=True, tag="case.ConsentGiven"):
    """The survivor, or who speaks for a child, lets these recipients know this."""


@happened(
    Words("Persetujuan dilaporkan", "Consent reported"),
    her=Words("Persetujuan dicatat instansi lain", "Another agency recorded a consent"),
    means="Instansi selain penanggung jawab mendengar penyintas menyetujui. Untuk yang boleh diketahui instansi itu "
    "sendiri langsung berlaku; selebihnya menunggu penanggung jawab menanyakannya kepada penyintas.",
    step=Step.CONSENT,
    withheld={"witness": OF_OTHERS},
    earlier=(UNSAID, HOW),
)
class ConsentReported(ConsentFacts, frozen=True, kw_only=True, tag="case.ConsentReported"):
    """Another agency than the lead heard her consent. For what that agency may know itself it holds at once; for more
    it waits until the lead has asked her."""

    reported_by: Coordination[AgencyCode]


class RefusalFacts(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]
    given_by: Coordination[Annotated[frozenset[ConsentBy], Meta(min_length=1)]]
    asked_for: Coordination[frozenset[Recipient]] = frozenset()
    compartments: Coordination[SomeCompartments | None] = None  # None: all
    purposes: Coordination[SomePurposes | None] = None  # None: for anything
    remark: Psychosocial[Text | None] = None
    by_alleged: Coordination[bool | None] = None


@happened(
    Words("Persetujuan ditolak", "Consent refused"),
    her=Words("Dicatat bahwa persetujuan tidak diberikan", "That the answer was no was recorded"),
    means="Ditanya, dan menjawab tidak. Tidak perlu alasan. `compartments`, `purposes` kosong: semuanya.",
    step=Step.CONSENT,
    calls={
        "given_by": field("Yang menjawab", "Who answered", ("Yang menjawab", "Who answered")),
        "asked_for": field(
            "Diminta agar diketahui oleh", "Who was to know", ("Diminta agar diketahui oleh", "Who was to know")
        ),
        "compartments": NOT_SHARED,
    },
    earlier=(not_asked("by_alleged"), WHOLE),
)
class ConsentRefused(RefusalFacts, frozen=True, kw_only=True, tag="case.ConsentRefused"):
    """Asked, and said no. Needs no reason."""


@happened(
    Words("Persetujuan dicabut", "Consent withdrawn"),
    her=Words("Persetujuan dicabut", "A consent was withdrawn"),
    means="Persetujuan tidak mencakup apa pun lagi. Tidak perlu alasan.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentWithdrawn(Fact, frozen=True, kw_only=True, tag="case.ConsentWithdrawn"):
    """A consent covers nothing any more. Needs no reason."""

    consent: Coordination[ConsentId]


@happened(
    Words("Masa persetujuan habis", "Consent ran out"),
    her=Words("Masa persetujuan habis", "A consent ran out"),
    means="Waktu yang ditetapkan untuk persetujuan itu sudah lewat, sehingga tidak mencakup apa pun lagi.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentExpired(Fact, frozen=True, kw_only=True, tag="case.ConsentExpired"):
    """The time that was set for a consent is over, so it covers nothing any more. Since when, `expires_at` says: what
    it covered could not be opened from then on, also before this was recorded."""

    consent: Coordination[ConsentId]
    expires_at: Coordination[datetime]


HEARD = Row(CASE_WORK, TAKES_PART, Extent.REPORTED)
"""Whoever hears her say yes records it."""
HEARD_STOP = Row(CASE_WORK, TAKES_PART_ALSO_ENDED, Extent.HEARD)
"""Whoever hears her say no records it."""
ITS_END = Cause(
    Words("masa persetujuan itu habis", "the time of the consent was over"),
    lambda command, case, act: case.consents[command.consent].expires_at,
)


@asked(
    "/cases/{case}/consents",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.CONSENT,
    or_else=(HEARD,),
    means="Mencatat persetujuan. Yang didengar instansi lain daripada penanggung jawab langsung berlaku untuk yang "
    "boleh diketahui instansi itu sendiri; selebihnya menunggu penanggung jawab menanyakannya kepada penyintas.",
    tag="consent",
    example={**SCOPE, "given_by": ["survivor", "caregiver"], "obtained": "written"},
    mints="consent",
)
class GiveConsent(ConsentFacts, frozen=True, kw_only=True):
    """Record a consent. What another than the lead heard holds at once for what that agency may know itself; for more
    it waits until the lead has asked the survivor."""


@asked(
    "/cases/{case}/consent-refusals",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED,
    extent=Extent.MOVE,
    or_else=(HEARD_STOP,),
    means="Mencatat bahwa persetujuan ditolak: bagi yang disebut `asked_for`, atau bagi semua bila tidak ada yang "
    "disebut; untuk `compartments` dan `purposes` yang disebut, atau seluruhnya. Persetujuan yang lebih "
    "dahulu berhenti sejauh bertentangan dengan itu, seperti bila dicabut.",
    tag="consent",
    example={"given_by": ["survivor"], "asked_for": ["disdik"]},
    mints="consent",
)
class RefuseConsent(RefusalFacts, frozen=True, kw_only=True):
    """Record that consent was refused: to those that `asked_for` names, or to all; of what `compartments` and
    `purposes` name, or of all. Earlier consent stops as far as it contradicts that, as if it were withdrawn."""


@asked(
    "/cases/{case}/consents/{consent}/narrowing",
    by=CASE_WORK,
    where=TAKES_PART_ALSO_ENDED.to(CONSENT, R.LEAD, R.ALONE, by="consent"),
    extent=Extent.MOVE,
    means="Mencatat bahwa persetujuan kini mencakup lebih sedikit, dan atas ucapan siapa.",
    tag="consent",
    example={**SCOPE, "compartments": ["identity", "incident", "health"], "said_by": ["survivor"]},
)
class NarrowConsent(Scope, frozen=True, kw_only=True):
    """Record that a consent now covers less, and who said so (`said_by`)."""

    said_by: Coordination[frozenset[ConsentBy] | None] = None
    by_alleged: Coordination[bool | None] = None


@asked(
    "/cases/{case}/consents/{consent}/withdrawal",
    by=CASE_WORK,
    where=TAKES_PART_ALSO_ENDED.to(CONSENT, R.LEAD, R.ALONE, by="consent"),
    extent=Extent.MOVE,
    or_else=(replace(HEARD_STOP, where=TAKES_PART_ALSO_ENDED.to(CONSENT, R.AUTHOR, R.NAMED, by="consent")),),
    means="Mencatat bahwa persetujuan dicabut, dan oleh siapa; yang didasarkan padanya berhenti. Dari instansi lain "
    "daripada penanggung jawab langsung berlaku untuk yang menyangkut instansi itu sendiri; selebihnya menunggu.",
    tag="consent",
)
class WithdrawConsent(Fact, frozen=True, kw_only=True):
    """Record that a consent was withdrawn, and who said so (`said_by`; left out: who gave it); what stood on it stops.
    Of what another than the lead heard, what concerns that agency itself stops at once; the rest waits for the lead."""

    consent: Coordination[ConsentId]
    said_by: Coordination[frozenset[ConsentBy]] = frozenset()
    by_alleged: Coordination[bool | None] = None


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(ITS_END,),
    means="Mencatat bahwa masa persetujuan habis.",
)
class ExpireConsent(Fact, frozen=True, kw_only=True):
    """Record that a consent ran out."""

    consent: Coordination[ConsentId]


@applies(ConsentGiven)
def consent_given(case: Case, event: ConsentGiven) -> Case:
    return replace(case, consents=put(case.consents, event.consent, as_recorded(case, consent_in(event))))


@applies(ConsentReported)
def consent_reported(case: Case, event: ConsentReported) -> Case:
    consent = replace(consent_in(event), reported_by=event.reported_by)
    return replace(case, consents=put(case.consents, event.consent, as_recorded(case, consent)))


@applies(ConsentWithdrawn, ConsentExpired)
def consent_ended(case: Case, event: ConsentWithdrawn | ConsentExpired) -> Case:
    taken_back = event.occurred_at if isinstance(event, ConsentWithdrawn) else None
    ended = replace(case.consents[event.consent], live=False, taken_back_at=taken_back)
    return replace(case, consents=put(case.consents, event.consent, ended))


@applies(ConsentRefused)
def consent_refused(case: Case, event: ConsentRefused) -> Case:
    refused = Consent(event.consent, NOTHING, event.asked_for, frozenset(), None, Cells(event.asked_for), live=False)
    return replace(case, consents=put(case.consents, event.consent, refused))


@decides.register
def give_consent(command: GiveConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _fresh(case, command.consent)
    by = heard(case, command.given_by, command.by_alleged)
    if not by:
        return [without_effect(Saying.CONSENT, command, act, command.given_by, command.recipients)]
    decision = decision_of_right_person(command, by, case, act)
    require_later_end(command)
    if extent_of(command, case, act) is Extent.REPORTED:
        return [recorded(ConsentReported, command, act, reported_by=act.agency, decision=decision)]
    return [recorded(ConsentGiven, command, act, decision=decision)]


@decides.register
def refuse_consent(command: RefuseConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _fresh(case, command.consent)
    reports = extent_of(command, case, act) is Extent.HEARD
    if is_nobodys(case, command.given_by, command.by_alleged, act.at, reports):
        return [without_effect(Saying.REFUSAL, command, act, command.given_by, command.asked_for)]
    about = StopAbout.RECIPIENTS if command.asked_for else StopAbout.EVERYTHING
    said = {"stop": derived(command.consent, "stop"), "said_by": command.given_by, "recipients": command.asked_for}
    refused = recorded(ConsentRefused, command, act)
    return [hear(case, about, command, act, reports, **said, consent=None, remark=None), refused]


@decides.register
def narrow_consent(command: NarrowConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    before = _hers(live(case, command.consent, act.at))
    if command.said_by and is_nobodys(case, command.said_by, command.by_alleged, act.at):
        return [without_effect(Saying.WITHDRAWAL, command, act, command.said_by)]
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
    given = _hers(live(case, command.consent, act.at))
    reports = extent_of(command, case, act) is Extent.HEARD
    if is_nobodys(case, command.said_by or given.given_by, command.by_alleged, act.at, reports):
        return [without_effect(Saying.WITHDRAWAL, command, act, command.said_by or given.given_by)]
    said = hear(case, StopAbout.CONSENT, command, act, reports, stop=derived(command.consent, f"stop {case.version}"))
    if said.answer_by is not None:
        return [said]
    withdrawn = recorded(ConsentWithdrawn, command, act)
    return [withdrawn, said] if command.said_by else [withdrawn]


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


def _fresh(case: Case, id: ConsentId) -> None:
    """Raises AlreadyExists where a consent, or a sharing without one that was asked for, has that id: what is approved
    under it would stand in the place of her word."""
    fresh(case.consents, id)
    fresh(case.of(Overrides).asked, id)


def _hers(consent: Consent) -> Consent:
    """The consent, which somebody gave. Raises Invalid for a sharing without consent: that is no consent of hers."""
    if consent.override:
        raise Invalid(
            field="consent",
            must=Words(
                "harus suatu persetujuan; pembagian tanpa persetujuan diakhiri penyelia, dengan alasan",
                "be one; a supervisor ends a sharing without consent, with a reason",
            ),
        )
    return consent


def _named(recipient: str, recipients: frozenset[str], network: Network) -> bool:
    """Whether a recipient was named: itself, or, where it is an agency, by its kind."""
    agency = network.get(recipient)
    return recipient in recipients or (agency is not None and f"kind:{agency.kind}" in recipients)


name_fields(
    reported_by=field("Dilaporkan oleh", "Reported by", ("Dicatat oleh", "Recorded by")),
    given_by=field("Diberikan oleh", "Given by", ("Diberikan oleh", "Given by")),
    obtained=field("Cara memperoleh", "How obtained", ("Cara diberikan", "How it was given")),
    child_assent=field("Kesediaan anak", "The child's assent", ("Kesediaan anak", "The child's assent")),
    witness=field(
        "Saksi pemberian persetujuan",
        "Witness of the consent",
        ("Saksi pemberian persetujuan", "Witness of the consent"),
    ),
    no_caregiver_because=field(
        "Alasan tanpa orang tua, wali, atau pengasuh",
        "Why without a caregiver",
        ("Tanpa orang tua, wali, atau pengasuh karena", "Without a caregiver because"),
    ),
    assent_words=field("Kata-kata anak", "The child's words", ("Kata-kata Anda", "Your words")),
    assent_not_asked=field(
        "Alasan anak tidak ditanya",
        "Why the child was not asked",
        ("Anda tidak ditanya karena", "You were not asked because"),
    ),
    speaker=field("Yang berbicara baginya", "Who speaks for her", ("Yang berbicara bagi Anda", "Who spoke for you")),
    supporter=field(
        "Pendukung pengambilan keputusan", "Supporter in deciding", ("Yang mendukung Anda", "Who supported you")
    ),
    interpreter=field("Juru bahasa", "Interpreter", ("Juru bahasa", "Interpreter")),
    text_version=field("Versi teks persetujuan", "Version of the text", ("Versi teks", "Version of the text")),
    limits_told=field(
        "Batas kerahasiaan yang dijelaskan", "Limits told", ("Yang dijelaskan kepada Anda", "What you were told")
    ),
    recorded_how=field("Cara dicatat", "How it was recorded", ("Cara dicatat", "How it was recorded")),
    decision=field("Keputusan kepentingan terbaik", "Best-interest decision"),
    asked_for=field("Diminta untuk", "Asked for", ("Yang diminta", "What was asked for")),
)
