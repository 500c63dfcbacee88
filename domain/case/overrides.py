"""Sharing without consent: on a named legal basis only (standing/bases.py), for a time.

In an emergency one person does it and another reviews it; otherwise one asks and another approves. Only a supervisor
ends it, with a reason: a basis is no consent, and nobody withdraws it.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from ..casefile import judging
from ..casefile.ages import age_of
from ..casefile.attaching import Documents
from ..casefile.consenting import NAMED, Scope, consent_in, live, require_later_end
from ..casefile.deciding import Network, decides, fresh, kind_of
from ..casefile.emergency import misjudged
from ..casefile.entries import is_struck_thing
from ..casefile.evolving import applies
from ..casefile.overriding import MAKER, SHARING, TO_JUDGE, WANTED, Made, OfOverride, Overrides, Wanted
from ..casefile.state import Case, compartments_named
from ..causes import Cause
from ..codes import GlassVerdict, LegalBasis, SharingBasis
from ..compartment import Coordination, Legal
from ..declaring import Step, asked, defaults_unsaid, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, DocumentId, Fact, Short, Text, recorded
from ..persistent import put
from ..refusal import Invalid, Unknown
from ..standing.bases import ORDER_NAMED, TERMS, WORD_NAMED, Basis, bounded, ends, is_done_alone
from ..standing.relations import Extent, Relation
from ..standing.roles import AUDITORS, ESCALATION, PAST_CONSENT, REVIEW, SUPERVISORS
from ..standing.rows import ANYWHERE, TAKES_PART, TAKES_PART_ALSO_ENDED
from ..words import Words

R = Relation


class OverrideFacts(Scope, frozen=True, kw_only=True):
    basis: Coordination[SharingBasis]
    rule: Coordination[Short]
    reason: Legal[Text]
    survivor_told: Coordination[bool | None] = None
    document: Coordination[DocumentId | None] = None
    """The order that it rests on."""
    on_word_of: Legal[Short | None] = None
    """The clinician or supervisor on whose word she was not asked."""


UNSAID = defaults_unsaid(survivor_told=False)
HER = Words(
    "Data Anda boleh dibagikan tanpa persetujuan Anda, karena aturan hukum",
    "Your data may be shared without your consent, because of a rule of law",
)
MEANS = "Data boleh dibagikan tanpa persetujuan, menurut aturan yang disebut, atas keputusan seseorang."


@happened(
    Words(
        "Pembagian data tanpa persetujuan diizinkan atas dasar hukum",
        "Sharing without consent allowed on a legal basis",
    ),
    her=HER,
    means=MEANS + " Dicatat oleh rilis sebelumnya.",
    step=Step.CONSENT,
    earlier=(UNSAID,),
)
class ConsentOverridden(Scope, frozen=True, kw_only=True, tag="case.ConsentOverridden"):
    """Something may be shared without consent, under a rule that is named, by a person who decided. Earlier releases
    recorded it so; it is `case.SharedWithoutConsent` since."""

    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    decided_by: Coordination[ActorId]
    reason: Legal[Text]
    survivor_told: Coordination[bool | None] = None


@happened(
    Words(
        "Pembagian data tanpa persetujuan diizinkan atas salah satu dasar hukum",
        "Sharing without consent allowed on one of the legal bases",
    ),
    her=HER,
    means=MEANS,
    step=Step.CONSENT,
    to=MAKER,
    earlier=(UNSAID,),
)
class SharedWithoutConsent(OverrideFacts, frozen=True, kw_only=True, tag="case.SharedWithoutConsent"):
    """Something may be shared without consent, within the bounds of a legal basis, by a person who decided."""

    decided_by: Coordination[ActorId]
    bases: Coordination[Short]
    """The version of the table of bases that bounds it."""
    asked_by: Coordination[ActorId | None] = None
    """The other person, where two decided."""
    review_due_at: Coordination[datetime | None] = None
    """By when another person reviews what one did alone."""


@happened(
    Words("Pembagian data tanpa persetujuan diminta", "Sharing without consent asked for"),
    her=Words("Pembagian data Anda tanpa persetujuan Anda diminta", "Sharing without your consent was asked for"),
    means="Seseorang meminta data dibagikan tanpa persetujuan; orang lain memutuskan. Belum mencakup apa pun.",
    step=Step.CONSENT,
    earlier=(UNSAID,),
)
class OverrideAsked(OverrideFacts, frozen=True, kw_only=True, tag="case.OverrideAsked"):
    """Somebody asks to share without consent; another person decides. It covers nothing yet."""

    asked_by: Coordination[ActorId]


@happened(
    Words(
        "Permintaan membagikan data tanpa persetujuan ditolak atau dicabut",
        "Sharing without consent refused, or its request taken back",
    ),
    her=Words(
        "Permintaan membagikan data Anda tanpa persetujuan Anda ditolak atau dicabut",
        "Sharing without your consent was refused, or its request taken back",
    ),
    means="Tidak dibagikan: orang lain menolaknya, atau permintaannya dicabut.",
    step=Step.CONSENT,
    to=MAKER,
)
class OverrideRefused(OfOverride, frozen=True, kw_only=True, tag="case.OverrideRefused"):
    """It is not shared: another person refused, or the asking was taken back."""

    reason: Legal[Text]


class OverrideReviewFacts(OfOverride, frozen=True, kw_only=True):
    verdict: Coordination[GlassVerdict]
    remark: Legal[Text]


@happened(
    Words("Pembagian data tanpa persetujuan ditinjau", "Sharing without consent reviewed"),
    her=Words("Pembagian data Anda tanpa persetujuan Anda ditinjau", "Sharing without your consent was reviewed"),
    means="Orang lain menilai apakah pembagian data tanpa persetujuan itu beralasan. Yang tidak beralasan berakhir "
    "karenanya.",
    step=Step.CONSENT,
    to=MAKER,
)
class OverrideReviewed(OverrideReviewFacts, frozen=True, kw_only=True, tag="case.OverrideReviewed"):
    """Another person judged what one shared alone. What was not justified ends by that."""

    reviewer: Coordination[ActorId]


@happened(
    Words("Tinjauan pembagian data tanpa persetujuan terlambat", "Review of sharing without consent overdue"),
    her=Words(
        "Tinjauan pembagian data Anda tanpa persetujuan Anda terlambat",
        "The review of sharing without your consent is overdue",
    ),
    means="Tidak ditinjau pada waktunya; `level` menghitung berapa kali itu dieskalasi.",
    step=Step.CONSENT,
    to=MAKER,
)
class OverrideReviewOverdue(OfOverride, frozen=True, kw_only=True, tag="case.OverrideReviewOverdue"):
    """Nobody reviewed in time what one person shared alone; `level` counts how often that was raised."""

    level: Coordination[int]


@happened(
    Words("Pembagian data tanpa persetujuan diakhiri", "Sharing without consent ended"),
    her=Words("Pembagian data Anda tanpa persetujuan Anda berakhir", "Sharing without your consent ended"),
    means="Dasar hukum itu tidak mencakup apa pun lagi, atas keputusan penyelia, dengan alasan.",
    step=Step.CONSENT,
    to=NAMED,
)
class OverrideEnded(OfOverride, frozen=True, kw_only=True, tag="case.OverrideEnded"):
    """A supervisor, or who judged it, ended what was shared without consent, with a reason."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/consent-overrides",
    by=PAST_CONSENT,
    where=TAKES_PART,
    extent=Extent.BASIS,
    means="Membagikan data tanpa persetujuan, atas dasar hukum: dalam keadaan darurat segera, lalu ditinjau orang "
    "lain; selain itu setelah orang lain menyetujuinya.",
    tag="consent",
    example={
        "compartments": ["identity", "incident"],
        "recipients": ["polres"],
        "purposes": ["protection"],
        "basis": "child-mandatory-report",
        "rule": "UU 35/2014",
        "reason": "Anak dalam bahaya.",
    },
    mints="consent",
)
class OverrideConsent(OverrideFacts, frozen=True, kw_only=True):
    """Share without consent, on a legal basis: in an emergency at once, reviewed by another; otherwise another person
    has to approve it."""


@asked(
    "/cases/{case}/consent-overrides/{consent}/approval",
    by=AUDITORS,
    where=TAKES_PART.to(WANTED, R.AUTHOR, R.LEAD, by="consent", another_than=R.ASKER),
    extent=Extent.BASIS,
    means="Menyetujui pembagian data tanpa persetujuan, sebagaimana diminta orang lain.",
    tag="consent",
    example={"reason": "Diperiksa."},
)
class ApproveOverride(OfOverride, frozen=True, kw_only=True):
    """Approve sharing without consent, as another person asked."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/consent-overrides/{consent}/refusal",
    by=AUDITORS | PAST_CONSENT,
    where=TAKES_PART_ALSO_ENDED.to(WANTED, R.AUTHOR, R.LEAD, by="consent"),
    extent=Extent.MOVE,
    means="Menolak pembagian data tanpa persetujuan, atau mencabut permintaannya.",
    tag="consent",
    example={"reason": "Ia dapat ditanya."},
)
class RefuseOverride(OfOverride, frozen=True, kw_only=True):
    """Refuse sharing without consent, or take back the asking."""

    reason: Legal[Text]


@asked(
    "/cases/{case}/consent-overrides/{consent}/review",
    by=REVIEW,
    where=TAKES_PART_ALSO_ENDED.to(TO_JUDGE, R.AUTHOR, R.LEAD, by="consent", another_than=R.OPENED_BY),
    extent=Extent.OWN_WORDS,
    means="Menilai pembagian data tanpa persetujuan yang dilakukan satu orang.",
    tag="consent",
    example={"verdict": "justified", "remark": "Nyawa terancam."},
)
class ReviewOverride(OverrideReviewFacts, frozen=True, kw_only=True):
    """Judge what one person shared without consent."""


@asked(
    "/cases/{case}/consent-overrides/{consent}/end",
    by=SUPERVISORS,
    where=TAKES_PART_ALSO_ENDED.to(SHARING, R.AUTHOR, R.LEAD, by="consent"),
    extent=Extent.MOVE,
    means="Mengakhiri pembagian data tanpa persetujuan, dengan alasan.",
    tag="consent",
    example={"reason": "Ia sudah dapat ditanya."},
)
class EndOverride(OfOverride, frozen=True, kw_only=True):
    """End sharing without consent, with a reason."""

    reason: Legal[Text]


RUNS_OUT = Cause(
    Words("waktu untuk menilainya habis", "the time to judge it ran out"),
    lambda command, case, act: judging.due_at(case.of(Overrides).made[command.consent]),
)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(RUNS_OUT,),
    means="Mengeskalasi tinjauan atas pembagian data tanpa persetujuan yang tidak dilakukan pada waktunya.",
)
class RaiseOverrideReview(OfOverride, frozen=True, kw_only=True):
    """Raise that nobody reviewed in time what one person shared alone."""


@applies(ConsentOverridden, SharedWithoutConsent)
def shared(case: Case, event: ConsentOverridden | SharedWithoutConsent, author: AgencyCode | None) -> Case:
    about = {"basis": event.basis, "rule": event.rule, "made_by": author if author != case.lead else None}
    consent = replace(consent_in(event), override=True, **about)
    part = case.of(Overrides).settling(event.consent)
    made = Made(author, event.decided_by, getattr(event, "review_due_at", None), made_at=event.occurred_at)
    after = case.with_part(replace(part, made=put(part.made, event.consent, made)))
    return replace(after, consents=put(case.consents, event.consent, consent))


@applies(OverrideAsked)
def override_asked(part: Overrides, event: OverrideAsked, author: AgencyCode | None) -> Overrides:
    said = {name: getattr(event, name) for name in _SCOPE}
    wanted = Wanted(agency=author, asked_by=event.asked_by, asked_at=event.occurred_at, **said)
    return replace(part, asked=put(part.asked, event.consent, wanted))


@applies(OverrideRefused)
def override_refused(part: Overrides, event: OverrideRefused) -> Overrides:
    return part.settling(event.consent)


@applies(OverrideReviewed)
def override_reviewed(case: Case, event: OverrideReviewed, author: AgencyCode | None) -> Case:
    part = case.of(Overrides)
    judged = replace(part.made[event.consent], verdict=event.verdict, judged_by_lead=author == case.lead)
    return case.with_part(replace(part, made=put(part.made, event.consent, judged)))


@applies(OverrideReviewOverdue)
def override_review_overdue(part: Overrides, event: OverrideReviewOverdue) -> Overrides:
    raised = replace(part.made[event.consent], overdue=event.level)
    return replace(part, made=put(part.made, event.consent, raised))


@applies(OverrideEnded)
def override_ended(case: Case, event: OverrideEnded) -> Case:
    ended = replace(case.consents[event.consent], live=False)
    return replace(case, consents=put(case.consents, event.consent, ended))


@decides.register
def override_consent(command: OverrideConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.consents, command.consent)
    fresh(case.of(Overrides).asked, command.consent)
    require_later_end(command)
    basis = _basis(command, case, act, network, act.at)
    until = ends(basis, command.expires_at, act.at)
    judged = misjudged(case, act.actor, act.agency, network)
    if judged or not is_done_alone(basis, case.urgency):
        return [recorded(OverrideAsked, command, act, asked_by=act.actor)]
    alone = {"decided_by": act.actor, "review_due_at": act.at + judging.WITHIN, "bases": TERMS}
    return [recorded(SharedWithoutConsent, command, act, **{**alone, "expires_at": until})]


@decides.register
def approve_override(command: ApproveOverride, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """What was asked is asked again of the table: she may have grown up, or a recipient be another kind now."""
    asked = case.of(Overrides).asked[command.consent]
    basis = _basis(asked, case, None, network, act.at)
    said = {name: getattr(asked, name) for name in _SCOPE}
    said["expires_at"] = ends(basis, asked.expires_at, act.at)
    two = {"asked_by": asked.asked_by, "decided_by": act.actor, "bases": TERMS}
    return [recorded(SharedWithoutConsent, command, act, **said, **two)]


@decides.register
def refuse_override(command: RefuseOverride, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(OverrideRefused, command, act)]


@decides.register
def review_override(command: ReviewOverride, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    reviewed = recorded(OverrideReviewed, command, act, reviewer=act.actor)
    if command.verdict is GlassVerdict.NOT_JUSTIFIED and case.consents[command.consent].live:
        return [recorded(OverrideEnded, command, act, reason=command.remark), reviewed]
    return [reviewed]


@decides.register
def raise_review(command: RaiseOverrideReview, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Each time the window passes again without a review, one level more."""
    made = case.of(Overrides).made.get(command.consent) if case else None
    if made is None:
        raise Unknown(what="override")
    level = judging.next_reminder(made, act.at, consent=command.consent)
    return [recorded(OverrideReviewOverdue, command, act, level=level)]


@decides.register
def end_override(command: EndOverride, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    live(case, command.consent, act.at)
    return [recorded(OverrideEnded, command, act)]


_SCOPE = ("compartments", "recipients", "purposes", "expires_at", "basis", "rule", "survivor_told", "document")


def _basis(of: OverrideFacts | Wanted, case: Case, act: Act | None, network: Network, at: datetime) -> Basis:
    """The row of the basis, if it covers all that is asked. Raises what `bounded` does, and Invalid."""
    towards = [(named, kind_of(named, network)) for named in of.recipients]
    basis = bounded(of.basis, compartments_named(of.compartments), towards, of.purposes, age_of(case, at), act)
    if of.document is not None and (
        of.document not in case.of(Documents).attached or is_struck_thing(case, of.document)
    ):
        raise Unknown(what="document")
    if basis.document and of.document is None:
        raise Invalid(field="document", must=ORDER_NAMED)
    if basis.on_word and isinstance(of, OverrideFacts) and of.on_word_of is None:
        raise Invalid(field="on_word_of", must=WORD_NAMED)
    return basis


name_fields(
    decided_by=field("Diputuskan oleh", "Decided by"),
    survivor_told=field("Korban diberi tahu", "Survivor told", ("Anda diberi tahu", "You were told")),
    on_word_of=field("Atas keterangan", "On the word of", ("Atas keterangan", "On the word of")),
    bases=field("Versi tabel dasar hukum", "Version of the table of bases"),
)
