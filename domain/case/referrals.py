"""The referral's state machine. States and names follow FHIR R4 `Task.status`.

draft ─▶ requested ─▶ received ─▶ accepted ─▶ in-progress ⇄ on-hold ─▶ completed | failed
             │            └───────────┴─▶ rejected     (from accepted also failed, or completed as she never came;
             └─▶ cancelled                              and on-hold, and accepted again: work has not begun)

Cancelled is what its sender takes back, what no consent covers, and what the lead ends as its sender is gone.

Only the recipient moves it through received … completed; only the sender cancels. A referral that no live consent
covers any more stops, or is held where work began, whatever ended the consent.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ..agency_hours import WorkingDays
from ..agency_state import Agency
from ..casefile.clocks import CLOCK, CONCERNED
from ..casefile.deciding import Network, active, another, decides, fresh
from ..casefile.evolving import applies
from ..casefile.moves import (
    COVER,
    LEADS_TO,
    PARTIES,
    REFERRAL,
    ReferralMove,
    leads_to,
    moved,
    require_cover,
    require_reach,
    stage,
    when_uncovered,
)
from ..casefile.state import Case, Referral, compartments_named
from ..casefile.waiting import waits
from ..causes import Cause, latest
from ..codes import AgencyKind, EndReason, Purpose, ReferralStatus, Service, Urgency
from ..compartment import Compartment, CompartmentWord, Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, ClockId, Details, Fact, ReferralId, Short, recorded
from ..pathways import PATHWAYS
from ..persistent import put
from ..refusal import AlreadyReferred, Invalid, OpenReferrals, RecipientUnavailable, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import KNOWS, TAKES_PART, Since
from ..words import Words

R = Relation

S = ReferralStatus

BEFORE_WORK = frozenset({S.REQUESTED, S.RECEIVED, S.ACCEPTED})
MAY_CANCEL = BEFORE_WORK | {S.DRAFT, S.IN_PROGRESS, S.ON_HOLD}
MAY_BE_REDIRECTED = frozenset({S.REJECTED, S.CANCELLED, S.FAILED, S.COMPLETED})
LONGEST_AWAY = timedelta(days=14)
"""How long everybody may be away at once: Idul Fitri with the joint leave around it is some eleven days."""

said = partial(happened, step=Step.REFERRAL, to=PARTIES)


def _nobody_asked(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 asked no reason of who sent a second referral for the same."""
    return {"duplicate_reason": None, **fields}


def _within_hours(fields: dict[str, Any]) -> dict[str, Any]:
    """Until version 2 every answer was due within hours."""
    return {"working_days": None, **fields}


class DraftFacts(Details, frozen=True, kw_only=True):
    referral: Coordination[ReferralId]
    recipient: Coordination[AgencyCode]
    service: Coordination[Service]
    urgency: Coordination[Urgency]
    purpose: Coordination[Purpose]
    compartments: Coordination[frozenset[CompartmentWord]]
    clocks: Coordination[tuple[ClockId, ...]] = ()
    redirects: Coordination[ReferralId | None] = None
    parent: Coordination[ReferralId | None] = None


@said(
    Words("Rujukan disusun", "Referral drafted"),
    her=Words("Rujukan disiapkan", "A referral was prepared"),
    means="Disiapkan; penerima belum tahu apa-apa.",
)
class ReferralDrafted(DraftFacts, frozen=True, kw_only=True, tag="case.ReferralDrafted"):
    """Prepared; the recipient knows nothing of it yet."""

    sender: Coordination[AgencyCode]
    sender_kind: Coordination[AgencyKind]
    recipient_kind: Coordination[AgencyKind]


class SendingFacts(ReferralMove, frozen=True, kw_only=True):
    duplicate_reason: Coordination[Short | None] = None
    """Why this one is sent beside another for the same service to the same agency, which is open."""
    working_days: Coordination[WorkingDays | None] = None
    """The answer is due within so many working days of the recipient, not within the hours of its urgency."""


@said(
    Words("Rujukan dikirim", "Referral sent"),
    her=Words("Rujukan dikirim; jawaban ditunggu", "A referral was sent; an answer is awaited"),
    means="konsep → terkirim. Penerima boleh tahu yang dibagikan; jawaban ditunggu.",
    earlier=(_nobody_asked, _within_hours),
)
class ReferralSent(SendingFacts, frozen=True, kw_only=True, tag="case.ReferralSent"):
    """draft → requested. The recipient may know the compartments shared; an answer is due."""

    due_at: Coordination[datetime]


@said(
    Words("Rujukan dibatalkan", "Referral cancelled"),
    her=Words("Rujukan dibatalkan", "A referral was cancelled"),
    means="Diakhiri pengirim, atau karena persetujuan dasarnya dicabut.",
)
class ReferralCancelled(ReferralMove, frozen=True, kw_only=True, tag="case.ReferralCancelled"):
    """Ended by the sender, or because the consent it stood on was withdrawn."""

    reason: Coordination[EndReason]


PARENT_SENT = Since(
    Words("rujukan induknya dikirim", "its parent referral was sent"), lambda referral: referral.sent_at
)
CLOCKS_BEGUN = Cause(
    Words("batas waktu yang terkait mulai berjalan", "the clocks that it shares began"),
    lambda command, case, act: latest(case.clocks[id].starts_at for id in command.clocks if id in case.clocks),
)


@asked(
    "/cases/{case}/referrals",
    by=CASE_WORK,
    where=TAKES_PART.to(REFERRAL, R.SENDER, R.LEAD, by="redirects", states=MAY_BE_REDIRECTED, move="redirect")
    .to(REFERRAL, R.SENDER, R.ADDRESSEE, R.LEAD, by="parent", since=PARENT_SENT)
    .to(CLOCK, *CONCERNED, by="clocks"),
    extent=Extent.OWN_WORDS,
    answers=(CLOCKS_BEGUN,),
    means="Menyusun rujukan.",
    tag="referral",
    example={
        "recipient": "rsud",
        "service": "kesehatan",
        "urgency": "emergency",
        "purpose": "care",
        "compartments": ["identity", "incident", "health"],
        "health": "PEP dan visum.",
    },
    mints="referral",
)
class DraftReferral(DraftFacts, frozen=True, kw_only=True):
    """Prepare a referral."""


@asked(
    "/cases/{case}/referrals/{referral}/sending",
    by=CASE_WORK,
    where=TAKES_PART.to(REFERRAL, R.SENDER, by="referral", states={S.DRAFT}, move="send"),
    extent=Extent.SHARED,
    answers=(COVER,),
    means="Mengirim rujukan yang telah disusun kepada penerimanya.",
    tag="referral",
)
class SendReferral(SendingFacts, frozen=True, kw_only=True):
    """Send a drafted referral to its recipient. Where one for the same service to the same agency is open, say why
    (`duplicate_reason`). What is routine may be answered within working days of the recipient (`working_days`)."""


@asked(
    "/cases/{case}/referrals/{referral}/cancellation",
    by=CASE_WORK,
    where=KNOWS.to(REFERRAL, R.SENDER, by="referral", states=MAY_CANCEL, move="cancel"),
    extent=Extent.MOVE,
    means="Membatalkan rujukan.",
    tag="referral",
    example={"reason": "by-sender"},
)
class CancelReferral(ReferralMove, frozen=True, kw_only=True):
    """Take the referral back."""

    reason: Coordination[EndReason] = EndReason.BY_SENDER


LEADS_TO[ReferralDrafted] = S.DRAFT
LEADS_TO[ReferralSent] = S.REQUESTED
leads_to(ReferralCancelled, S.CANCELLED, ends=True, breaks_off=True)


@applies(ReferralDrafted)
def referral_drafted(case: Case, event: ReferralDrafted, recorded_at: datetime) -> Case:
    pathway = PATHWAYS.get(case.pathway)
    referral = Referral(
        id=event.referral,
        sender=event.sender,
        sender_kind=event.sender_kind,
        recipient=event.recipient,
        recipient_kind=event.recipient_kind,
        service=event.service,
        urgency=event.urgency,
        purpose=event.purpose,
        compartments=compartments_named(event.compartments) | {Compartment.COORDINATION},
        clocks=event.clocks,
        redirects=event.redirects,
        moved_at=event.occurred_at,
        entered_at=recorded_at,
        endless=bool(pathway.stages) if pathway is not None else False,
    )
    referral = replace(referral, stage=stage(case, referral, S.DRAFT))
    return replace(case, referrals=put(case.referrals, event.referral, referral))


@applies(ReferralSent)
def referral_sent(case: Case, event: ReferralSent, recorded_at: datetime) -> Case:
    referral, pathway = case.referrals[event.referral], PATHWAYS.get(case.pathway)
    times = {
        "sent_at": event.occurred_at,
        "due_at": event.due_at,
        "told_at": max(recorded_at, event.occurred_at),
        "answer_within": pathway.answers.get(referral.urgency) if pathway else None,
        "delivery": pathway.deliveries.get(referral.urgency) if pathway else None,
    }
    return moved(case, event, recorded_at, S.REQUESTED, by_lead=referral.sender == case.lead, **times)


@waits(
    "referrals",
    Words("rujukan yang belum berakhir", "referrals that are not ended"),
    OpenReferrals.mend,
    *OpenReferrals.acts,
)
def not_ended(case: Case, at: datetime) -> Iterable[UUID]:
    return (r.id for r in case.referrals.values() if r.status.is_open or r.status is S.DRAFT)


@decides.register
def draft(command: DraftReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.referrals, command.referral)
    recipient = active(network, command.recipient)
    another(command.recipient, act, "recipient")
    of = case.referrals[command.redirects] if command.redirects is not None else None
    if of is not None and of.status is S.COMPLETED and of.stage is None:
        raise WrongMove(referral=of.id, status=of.status, move="redirect")
    if command.parent is not None and not case.referrals[command.parent].status.is_open:
        raise Invalid(field="parent", must=Words("harus rujukan yang masih terbuka", "be an open referral"))
    return [
        recorded(ReferralDrafted, command, act, sender=act.agency, sender_kind=act.kind, recipient_kind=recipient.kind)
    ]


@decides.register
def send(command: SendReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    referral = case.referrals[command.referral]
    recipient = active(network, referral.recipient)
    if referral.service not in recipient.services:
        raise RecipientUnavailable(agency=referral.recipient, service=referral.service)
    require_reach(case, referral, act)
    require_cover(case, referral, act)
    if command.duplicate_reason is None and (beside := _open_beside(case, referral)):
        raise AlreadyReferred(referrals=beside, recipient=referral.recipient, service=referral.service)
    lead = network.get(case.lead)
    holidays = lead.holidays if lead is not None else frozenset[date]()
    due_at = _answer_due_at(command, case, referral, recipient, act, holidays)
    return [recorded(ReferralSent, command, act, due_at=due_at)]


def _answer_due_at(
    command: SendReferral, case: Case, referral: Referral, recipient: Agency, act: Act, holidays: frozenset[date]
) -> datetime:
    """By when it is answered, counted from its recording: nobody answers what was not told yet. Working days are what
    the recipient itself says of its calendar, and the lead of the network's: they never put it off by more than twice
    as many days, and the longest leave. Raises Invalid where working days do not fit."""
    days = command.working_days
    if days is None:
        return act.at + PATHWAYS[case.pathway].answers[referral.urgency]
    if referral.urgency is not Urgency.ROUTINE:
        must = Words(
            "hanya untuk rujukan rutin: selebihnya dihitung jam", "only for what is routine: the rest is hours"
        )
        raise Invalid(field="working_days", must=must)
    if recipient.hours is None:
        must = Words(
            "hanya untuk penerima yang telah menyatakan jam kerjanya: kirim tanpa isian ini",
            "only for a recipient that said its hours: send it without this",
        )
        raise Invalid(field="working_days", must=must)
    ends = recipient.hours.end_of(act.at, days, holidays)
    return min(ends, act.at + LONGEST_AWAY + 2 * timedelta(days=days))


def _open_beside(case: Case, referral: Referral) -> list[ReferralId]:
    """The open referrals for the same service to the same agency, of those that the sender may know of: its own, and
    the lead all."""
    return [
        r.id
        for r in case.referrals.values()
        if r.status.is_open
        and (r.recipient, r.service) == (referral.recipient, referral.service)
        and referral.sender in (r.sender, case.lead)
    ]


@decides.register
def cancel(command: CancelReferral, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReferralCancelled, command, act)]


when_uncovered(BEFORE_WORK, lambda at, id, why: ReferralCancelled(occurred_at=at, referral=id, reason=why))


name_fields(
    purpose=field("Tujuan", "Purpose", ("Tujuan", "Purpose")),
    duplicate_reason=field(
        "Alasan rujukan berikutnya",
        "Reason for another referral",
        ("Mengapa dirujuk lagi", "Why you are referred again"),
    ),
    working_days=field(
        "Dijawab dalam sekian hari kerja penerima",
        "Answer within working days of the recipient",
        ("Dijawab dalam sekian hari kerja", "Working days to answer"),
    ),
    clocks=field("Batas waktu terkait", "Clocks"),
    redirects=field("Mengalihkan rujukan", "Redirects referral"),
    parent=field("Rujukan induk", "Parent referral"),
    sender=field("Pengirim", "Sender", ("Dirujuk oleh", "Referred by")),
    sender_kind=field("Jenis pengirim", "Kind of sender"),
    recipient_kind=field("Jenis penerima", "Kind of recipient"),
)
