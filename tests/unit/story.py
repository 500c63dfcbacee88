"""Given what happened, when somebody asks for something, then this follows or is refused.

    given(opened(), consent(to="rsud"), draft(R1)).when(say(c.SendReferral, referral=R1), by=LEAD).then(...)

The network is that of nine agencies of Bontang; everything happens at NOON unless it says otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

from msgspec.structs import replace

from rujukan.domain.agency_state import Agency
from rujukan.domain.case import Case, decide
from rujukan.domain.case.consents import ConsentGiven, ConsentReported, ConsentWithdrawn
from rujukan.domain.case.fulfilment import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralFailed,
    ReferralHeld,
    ReferralReceived,
    ReferralRejected,
    ReferralStarted,
)
from rujukan.domain.case.glass import GlassBroken
from rujukan.domain.case.incidents import IncidentRecorded
from rujukan.domain.case.intake import CaseOpened, ReportReceived
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.merging import CaseMerged
from rujukan.domain.case.overrides import ConsentOverridden
from rujukan.domain.case.referrals import ReferralCancelled, ReferralDrafted, ReferralSent
from rujukan.domain.casefile.clocks import ClockStarted
from rujukan.domain.casefile.evolving import Said, fold_log, said
from rujukan.domain.casefile.holding import HoldPlaced
from rujukan.domain.codes import (
    AgeGroup,
    AgencyKind,
    Channel,
    CloseReason,
    ConsentBy,
    EndReason,
    HoldKind,
    LegalBasis,
    Obtained,
    Outcome,
    Purpose,
    ReferralStatus,
    RejectReason,
    Reporter,
    Role,
    Service,
    Urgency,
)
from rujukan.domain.disclosure import Written
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Refusal, plain
from rujukan.domain.standing.rule import roles_for
from rujukan.domain.violence import ClockNeed, GbvType, Place, ViolenceForm
from rujukan.infra.store.transcoder import to_segments, topic_of

F = TypeVar("F", bound=Fact)

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def an_id(name: str) -> UUID:
    """Always the same id for a name."""
    return uuid5(UUID("00000000-0000-4000-8000-000000000001"), name)


CASE, OTHER_CASE = an_id("case"), an_id("other case")
R1, R2, R3 = an_id("referral 1"), an_id("referral 2"), an_id("referral 3")
C1, C2, C3 = an_id("consent 1"), an_id("consent 2"), an_id("consent 3")
INCIDENT, CLOCK, DOCUMENT, NEWER = an_id("incident"), an_id("clock"), an_id("document"), an_id("newer document")
ACTION, CONFERENCE, TRANSFER = an_id("action"), an_id("conference"), an_id("transfer")
GLASS, OPENER = an_id("glass"), an_id("who broke the glass")
DELIVERY, NOTE, WORKER, HOLD = an_id("delivery"), an_id("note"), an_id("worker"), an_id("hold")


# The network -------------------------------------------------------------------------------------------------


def _agency(code: str, kind: AgencyKind, name: str, *services: Service) -> Agency:
    judges = {an_id(f"{role} of {code}"): frozenset({role}) for role in (Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER)}
    members = {WORKER: frozenset({Role.CASE_WORKER}), **judges} if kind is AgencyKind.LEAD else {}
    return Agency(code, kind, name, 1, area="Bontang", services=frozenset(services), members=members)


NETWORK: Mapping[str, Agency] = {
    a.code: a
    for a in (
        _agency("uptd-ppa", AgencyKind.LEAD, "UPTD PPA", Service.COMPLAINT, Service.COORDINATION),
        _agency("polres", AgencyKind.POLICE, "Unit PPA Polres", Service.LAW_ENFORCEMENT, Service.POLICE_PROTECTION),
        _agency("rsud", AgencyKind.HEALTH, "RSUD", Service.HEALTH, Service.FORENSIC),
        _agency("dinsos", AgencyKind.SOCIAL, "Dinas Sosial", Service.SOCIAL_REHABILITATION),
        _agency("lbh", AgencyKind.LEGAL_AID, "LBH", Service.LEGAL_AID),
        _agency("rumah-aman", AgencyKind.SHELTER, "Rumah Aman", Service.SHELTER),
        _agency("psikolog", AgencyKind.PSYCHOSOCIAL, "Layanan Psikolog", Service.PSYCHOSOCIAL),
        _agency("disdik", AgencyKind.EDUCATION, "Dinas Pendidikan", Service.EDUCATION),
        _agency("kejari", AgencyKind.JUSTICE, "Kejaksaan Negeri", Service.LAW_ENFORCEMENT),
    )
}


def suspended(code: str) -> Mapping[str, Agency]:
    """The network with that agency suspended."""
    return {**NETWORK, code: replace(NETWORK[code], active=False)}


def act(
    agency: str, role: Role = Role.CASE_WORKER, at: datetime = NOON, purpose: Purpose = Purpose.COORDINATION
) -> Act:
    """Somebody of that agency acts in that role at that time."""
    return Act(
        actor=an_id(f"{role} of {agency}"),
        agency=agency,
        kind=NETWORK[agency].kind,
        role=role,
        purpose=purpose,
        at=at,
    )


LEAD, SUPERVISOR = act("uptd-ppa"), act("uptd-ppa", Role.SUPERVISOR)
SYSTEM = act("uptd-ppa", Role.SYSTEM)
HOSPITAL_S_MACHINE = act("rsud", Role.INTEGRATOR)
HOSPITAL, POLICE, LAWYER, SCHOOL = act("rsud"), act("polres"), act("lbh"), act("disdik")


def later(who: Act, by: timedelta) -> Act:
    """The same person, that much later."""
    return replace(who, at=who.at + by)


# What is said ------------------------------------------------------------------------------------------------


def say(what: type[F], at: datetime = NOON, /, **fields: Any) -> F:
    """A command, or an event, at that time."""
    return what(**{"occurred_at": at, **fields})


def opened(lead: str = "uptd-ppa", age: AgeGroup = AgeGroup.ADULT, at: datetime = NOON) -> CaseOpened:
    return say(
        CaseOpened,
        at,
        lead=lead,
        lead_kind=NETWORK[lead].kind,
        urgency=Urgency.URGENT,
        age_group=age,
        pathway="2026-2",
    )


def closed() -> CaseClosed:
    return say(CaseClosed, reason=CloseReason.GOALS_MET)


def merged() -> CaseMerged:
    return say(CaseMerged, into=OTHER_CASE)


def report() -> ReportReceived:
    return say(ReportReceived, channel=Channel.IN_PERSON, reporter=Reporter.SURVIVOR, account="what she said")


def incident_fields(**other: Any) -> dict[str, Any]:
    return {
        "incident": INCIDENT,
        "forms": frozenset({ViolenceForm.PHYSICAL}),
        "gbv_type": GbvType.PHYSICAL_ASSAULT,
        "place": Place.PUBLIC,
        "narrative": "what happened",
        **other,
    }


def incident(**other: Any) -> IncidentRecorded:
    return say(IncidentRecorded, **incident_fields(**other))


def clock(due_at: datetime = NOON + DAY) -> ClockStarted:
    return say(
        ClockStarted,
        clock=CLOCK,
        starts_at=NOON,
        due_at=due_at,
        pathway="2026-2",
        need=ClockNeed.FORENSIC_EVIDENCE,
    )


def scope(
    consent: UUID = C1,
    to: str | Iterable[str] = "rsud",
    of: Iterable[str] = ("incident", "health"),
    purposes: Iterable[Purpose] = (Purpose.CARE,),
    until: datetime | None = None,
) -> dict[str, Any]:
    return {
        "consent": consent,
        "compartments": frozenset(of),
        "recipients": frozenset({to} if isinstance(to, str) else to),
        "purposes": frozenset(purposes),
        "expires_at": until,
    }


def consent(id: UUID = C1, *, at: datetime = NOON, **of_scope: Any) -> ConsentGiven:
    return say(
        ConsentGiven,
        at,
        **scope(id, **of_scope),
        given_by=frozenset({ConsentBy.SURVIVOR}),
        obtained=Obtained.VERBAL,
    )


def reported(id: UUID = C2, by: str = "rsud", **of_scope: Any) -> tuple[Fact, str]:
    """A consent that another agency than the lead says it heard."""
    heard = {"given_by": frozenset({ConsentBy.SURVIVOR}), "obtained": Obtained.VERBAL, "reported_by": by}
    return say(ConsentReported, **scope(id, **of_scope), **heard), by


TO_LAWYERS = consent(to="lbh", of=("legal",))
"""Under which the legal aid office may know the case, and be asked to lead it."""


def override(id: UUID = C1, **of_scope: Any) -> ConsentOverridden:
    return say(
        ConsentOverridden,
        **scope(id, **of_scope),
        basis=LegalBasis.IMMINENT_DANGER,
        rule="UU 12/2022",
        decided_by=SUPERVISOR.actor,
        reason="she is in danger",
    )


def withdrawn(id: UUID = C1) -> ConsentWithdrawn:
    return say(ConsentWithdrawn, consent=id)


def held(
    id: UUID = HOLD, by: str = "uptd-ppa", kind: HoldKind = HoldKind.TRIAL, of_proceedings: bool = False
) -> tuple[HoldPlaced, str]:
    """A legal hold that an agency placed, or that the proceedings placed there by themselves."""
    holder = {"holder": by, "holder_kind": NETWORK[by].kind}
    reason = None if of_proceedings else "a trial"
    return say(HoldPlaced, hold=id, hold_kind=kind, **holder, of_proceedings=of_proceedings, reason=reason), by


def broken_glass(
    by: str = "rsud",
    who: UUID = OPENER,
    glass: UUID = GLASS,
    of: Iterable[str] = ("health",),
    at: datetime = NOON,
    lasts: timedelta = HOUR,
    review_within: timedelta = 3 * DAY,
) -> GlassBroken:
    """Somebody of that agency opened these compartments in an emergency."""
    return say(
        GlassBroken,
        at,
        glass=glass,
        compartments=frozenset(of),
        basis=LegalBasis.IMMINENT_DANGER,
        rule="UU 12/2022",
        reason="she does not wake up",
        agency=by,
        kind=NETWORK[by].kind,
        actor=who,
        role=Role.CASE_WORKER,
        expires_at=at + lasts,
        review_due_at=at + review_within,
    )


def draft_fields(
    referral: UUID = R1,
    to: str = "rsud",
    service: Service = Service.HEALTH,
    of: Iterable[str] = ("incident", "health"),
    purpose: Purpose = Purpose.CARE,
    **other: Any,
) -> dict[str, Any]:
    return {
        "referral": referral,
        "recipient": to,
        "service": service,
        "urgency": Urgency.URGENT,
        "purpose": purpose,
        "compartments": frozenset(of),
        **other,
    }


def draft(referral: UUID = R1, sender: str = "uptd-ppa", to: str = "rsud", **other: Any) -> ReferralDrafted:
    fields = draft_fields(referral, to, **other)
    kinds = {"sender_kind": NETWORK[sender].kind, "recipient_kind": NETWORK[to].kind}
    return say(ReferralDrafted, **fields, sender=sender, **kinds)


def sent(referral: UUID = R1, at: datetime = NOON) -> ReferralSent:
    return say(ReferralSent, at, referral=referral, due_at=at + DAY)


def moved(to: ReferralStatus, referral: UUID = R1) -> Fact:
    """The event that brings a sent referral into that state."""
    S = ReferralStatus  # noqa: N806
    match to:
        case S.RECEIVED:
            return say(ReferralReceived, referral=referral)
        case S.ACCEPTED:
            return say(ReferralAccepted, referral=referral)
        case S.REJECTED:
            return say(ReferralRejected, referral=referral, reason=RejectReason.NO_CAPACITY)
        case S.IN_PROGRESS:
            return say(ReferralStarted, referral=referral)
        case S.ON_HOLD:
            return say(ReferralHeld, referral=referral, reason=EndReason.WAITING)
        case S.COMPLETED:
            return say(ReferralCompleted, referral=referral, outcome=Outcome.DELIVERED)
        case S.FAILED:
            return say(ReferralFailed, referral=referral, reason=EndReason.UNREACHABLE)
        case S.CANCELLED:
            return say(ReferralCancelled, referral=referral, reason=EndReason.BY_SENDER)
        case _:
            raise ValueError(f"no move of a sent referral leads to {to}")


_S = ReferralStatus
_WAY: dict[ReferralStatus, tuple[ReferralStatus, ...]] = {
    _S.RECEIVED: (_S.RECEIVED,),
    _S.ACCEPTED: (_S.RECEIVED, _S.ACCEPTED),
    _S.REJECTED: (_S.RECEIVED, _S.REJECTED),
    _S.IN_PROGRESS: (_S.RECEIVED, _S.ACCEPTED, _S.IN_PROGRESS),
    _S.ON_HOLD: (_S.RECEIVED, _S.ACCEPTED, _S.IN_PROGRESS, _S.ON_HOLD),
    _S.COMPLETED: (_S.RECEIVED, _S.ACCEPTED, _S.IN_PROGRESS, _S.COMPLETED),
    _S.FAILED: (_S.RECEIVED, _S.ACCEPTED, _S.IN_PROGRESS, _S.FAILED),
    _S.CANCELLED: (_S.CANCELLED,),
}


def brought_to(status: ReferralStatus, referral: UUID = R1, **of_draft: Any) -> list[Fact]:
    """What happens to a referral until it is in that state; a consent has to be given before."""
    events: list[Fact] = [draft(referral, **of_draft)]
    if status is _S.DRAFT:
        return events
    events.append(sent(referral))
    if status is _S.REQUESTED:
        return events
    return [*events, *(moved(s, referral) for s in _WAY[status])]


def referred(status: ReferralStatus = ReferralStatus.IN_PROGRESS, **of_draft: Any) -> list[Fact]:
    """A case with a consent, and a referral to the hospital in that state."""
    return [opened(), consent(), *brought_to(status, **of_draft)]


def fitting(command: Fact, by: Act) -> Act:
    """The same person in a role that may ask for this, where theirs may not. Who may is tried in test_standing.py; all
    other tests are about something else."""
    may = roles_for(type(command))
    return by if by.role in may or not may else replace(by, role=next(role for role in Role if role in may))


# Given, when, then -------------------------------------------------------------------------------------------


class Given:
    """A case to which these events happened."""

    def __init__(self, events: Sequence[Fact | tuple[Fact, str]]) -> None:
        self.case = fold_log(entries(events))

    def when(
        self, command: Fact, by: Act = LEAD, network: Mapping[str, Agency] = NETWORK, in_role: bool = False
    ) -> "When":
        """Somebody asks for it; in a role that may, unless it is about the role that they say (`in_role`)."""
        return When(self.case, command, by if in_role else fitting(command, by), network)

    def when_raised(self, command: Fact, after: timedelta) -> "When":
        """The system raises it, so long after NOON."""
        return self.when(replace(command, occurred_at=NOON + after), by=later(SYSTEM, after))


class When:
    """What follows from a command, or why it is refused."""

    def __init__(self, case: Case | None, command: Fact, by: Act, network: Mapping[str, Agency]) -> None:
        self.case, self.by = case, by
        self.events: list[Fact] = []
        self.refusal: Refusal | None = None
        try:
            self.events = list(decide(command, case, by, network))
        except Refusal as refusal:
            self.refusal = refusal

    def then(self, *events: Fact) -> Case | None:
        """Exactly these events follow; gives the case after them."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == list(events)
        return fold_log(said(self.events, self.by.agency), self.case)

    def then_only(self, *kinds: type[Fact]) -> Case:
        """Events of exactly these kinds follow; gives the case after them."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert [type(event) for event in self.events] == list(kinds)
        after = fold_log(said(self.events, self.by.agency), self.case)
        assert after is not None
        return after

    def refused(self, why: type[Refusal], **about: Any) -> None:
        """It is refused for exactly this reason, which tells at least this."""
        assert self.refusal is not None, f"not refused: {self.events}"
        assert isinstance(self.refusal, why), repr(self.refusal)
        told = {name: self.refusal.about.get(name) for name in about}
        assert told == {name: plain(value) for name, value in about.items()}


def entries(events: Iterable[Fact | tuple[Fact, str]]) -> Iterator[Said]:
    """Events as they stand in the log: by the lead, unless it is said by whom."""
    for event in events:
        what, author = event if isinstance(event, tuple) else (event, "uptd-ppa")
        yield from said([what], author)


def given(*events: Fact | tuple[Fact, str]) -> Given:
    return Given(events)


def the_case(*events: Fact | tuple[Fact, str]) -> Case:
    """The case after these events, of which there is at least one."""
    case = fold_log(entries(events))
    assert case is not None
    return case


def written(version: int, event: Fact, author: str = "uptd-ppa", at: datetime = NOON) -> Written:
    """The event as it stands in the log."""
    return Written(
        position=version,
        stream=CASE,
        version=version,
        topic=topic_of(event),
        event=event,
        compartments_present=frozenset(to_segments(event)),
        author=author,
        actor=act(author).actor,
        at=at,
        correlation=an_id("correlation"),
    )
