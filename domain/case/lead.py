"""Who leads a case, and who accompanies the survivor."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from ..casefile.deciding import Network, active, another, decides, followed, fresh
from ..casefile.evolving import applies
from ..casefile.files import Files
from ..casefile.staff import NOT_EXCLUDED, Accompanying
from ..casefile.state import Case, Transfer
from ..casefile.stopping import as_if_answered
from ..casefile.waiting import waits
from ..codes import AgencyKind, Role
from ..compartment import Compartment, Coordination
from ..declaring import Audience, Shared, Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, Fact, Text, TransferId, recorded
from ..persistent import put
from ..refusal import AnotherPersonNeeded, ConsentMissing, Invalid, NotAMember
from ..standing.relations import Extent, Relation
from ..standing.roles import SUPERVISION
from ..standing.rows import KNOWS, LEADS, Since, Thing
from ..standing.rule import is_hidden
from ..words import Words

R = Relation


@happened(
    Words("Pendamping ditunjuk", "Case worker assigned"),
    her=Words("Pendamping ditunjuk", "A case worker was assigned"),
    means="Petugas instansi penanggung jawab mendampingi penyintas mulai sekarang.",
    step=Step.REPORT,
)
class CaseWorkerAssigned(Fact, frozen=True, kw_only=True, tag="case.CaseWorkerAssigned"):
    """A person of the lead agency accompanies the survivor from now on."""

    worker: Coordination[ActorId]


ASKED = Audience(
    Words("instansi yang diminta", "the agency that is asked"), lambda event, case: {event.to: event.to_kind}
)
FORMER_LEADS = Audience(Words("penanggung jawab sebelumnya", "who led before"), lambda event, case: case.former_leads)


@happened(
    Words("Pengalihan kasus diminta", "Transfer of the lead asked for"),
    her=Words("Instansi lain diminta menjadi penanggung jawab kasus Anda", "Another agency was asked to lead"),
    means="Penanggung jawab meminta instansi lain mengambil alih kasus.",
    step=Step.LEAD,
    to=ASKED,
)
class LeadTransferAsked(Fact, frozen=True, kw_only=True, tag="case.LeadTransferAsked"):
    """The lead asks another agency to take the case over."""

    transfer: Coordination[TransferId]
    to: Coordination[AgencyCode]
    to_kind: Coordination[AgencyKind]
    reason: Coordination[Text]


@happened(
    Words("Pengalihan kasus disanggupi", "Transfer of the lead accepted"),
    her=Words("Instansi lain kini menjadi penanggung jawab kasus Anda", "Another agency leads your case"),
    means="Instansi yang diminta menjadi penanggung jawab mulai sekarang.",
    step=Step.LEAD,
    shared=Shared.COMMON,
    to=FORMER_LEADS,
)
class LeadTransferAccepted(Fact, frozen=True, kw_only=True, tag="case.LeadTransferAccepted"):
    """The asked agency leads from now on."""

    transfer: Coordination[TransferId]
    lead: Coordination[AgencyCode]
    lead_kind: Coordination[AgencyKind]


@happened(
    Words("Pengalihan kasus ditolak", "Transfer of the lead declined"),
    her=Words(
        "Instansi yang diminta tidak mengambil alih kasus Anda",
        "The agency that was asked does not take your case over",
    ),
    means="Instansi yang diminta tidak akan menjadi penanggung jawab.",
    step=Step.LEAD,
)
class LeadTransferDeclined(Fact, frozen=True, kw_only=True, tag="case.LeadTransferDeclined"):
    """The asked agency will not lead."""

    transfer: Coordination[TransferId]
    reason: Coordination[Text | None] = None


TRANSFER = Thing(
    "transfer",
    Words("pengalihan kasus", "transfer of the lead"),
    find=lambda case, id: case.transfer if case.transfer is not None and case.transfer.id == id else None,
    whose={R.ASKED: lambda transfer, case: transfer.to},
    since=Since(Words("pengalihan itu diminta", "the transfer was asked for"), lambda transfer: transfer.asked_at),
)


@asked(
    "/cases/{case}/case-worker",
    by=SUPERVISION,
    where=LEADS,
    extent=Extent.MOVE,
    means="Menunjuk orang yang mendampingi penyintas.",
    tag="life of the case",
    example={"worker": "00000000-0000-4000-8000-000000000001"},
)
class AssignCaseWorker(Fact, frozen=True, kw_only=True):
    """Name the person who accompanies the survivor."""

    worker: Coordination[ActorId]


@asked(
    "/cases/{case}/lead-transfers",
    by=SUPERVISION,
    where=LEADS,
    extent=Extent.CONSENT,
    means="Meminta instansi lain menjadi penanggung jawab.",
    tag="life of the case",
    example={"to": "rsud", "reason": "Penyintas dirawat lama."},
    mints="transfer",
)
class AskLeadTransfer(Fact, frozen=True, kw_only=True):
    """Ask another agency to lead."""

    transfer: Coordination[TransferId]
    to: Coordination[AgencyCode]
    reason: Coordination[Text]


@asked(
    "/cases/{case}/lead-transfers/{transfer}/acceptance",
    by=SUPERVISION,
    where=KNOWS.to(TRANSFER, R.ASKED, by="transfer"),
    extent=Extent.CONSENT,
    means="Menyanggupi menjadi penanggung jawab kasus.",
    tag="life of the case",
)
class AcceptLeadTransfer(Fact, frozen=True, kw_only=True):
    """Take the lead."""

    transfer: Coordination[TransferId]


@asked(
    "/cases/{case}/lead-transfers/{transfer}/declination",
    by=SUPERVISION,
    where=KNOWS.to(TRANSFER, R.ASKED, by="transfer"),
    extent=Extent.MOVE,
    means="Menolak menjadi penanggung jawab kasus.",
    tag="life of the case",
)
class DeclineLeadTransfer(Fact, frozen=True, kw_only=True):
    """Decline the lead."""

    transfer: Coordination[TransferId]
    reason: Coordination[Text | None] = None


@applies(CaseWorkerAssigned)
def case_worker_assigned(part: Accompanying, event: CaseWorkerAssigned) -> Accompanying:
    return replace(part, worker=event.worker)


@applies(LeadTransferAsked)
def lead_transfer_asked(case: Case, event: LeadTransferAsked) -> Case:
    transfer = Transfer(event.transfer, event.to, event.to_kind, event.occurred_at)
    return replace(case.using(event.transfer), transfer=transfer)


@applies(LeadTransferAccepted)
def lead_transfer_accepted(case: Case, event: LeadTransferAccepted, recorded_at: datetime) -> Case:
    former = {a: k for a, k in put(case.former_leads, case.lead, case.lead_kind).items() if a != event.lead}
    handed = case.with_part(replace(case.of(Files), led_since=recorded_at))
    return replace(handed, lead=event.lead, lead_kind=event.lead_kind, former_leads=former, transfer=None)


@applies(LeadTransferDeclined)
def lead_transfer_declined(case: Case, event: LeadTransferDeclined) -> Case:
    return replace(case, transfer=None)


@waits(
    "transfer",
    Words("pengalihan penanggung jawab yang belum dijawab", "transfer of the lead that is not answered"),
    Words(
        "Instansi yang diminta menjadi penanggung jawab menyanggupi atau menolaknya.",
        "The agency that was asked to lead accepts or declines.",
    ),
    "AcceptLeadTransfer",
    "DeclineLeadTransfer",
)
def not_answered(case: Case, at: datetime) -> Iterable[UUID]:
    return [case.transfer.id] if case.transfer is not None else []


@decides.register
def assign_worker(command: AssignCaseWorker, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if not network[case.lead].has_member(command.worker, (Role.CASE_WORKER, Role.SUPERVISOR)):
        raise NotAMember(worker=command.worker)
    if is_hidden(case, command.worker):
        raise Invalid(field="worker", must=NOT_EXCLUDED)
    return [recorded(CaseWorkerAssigned, command, act)]


@decides.register
def ask_transfer(command: AskLeadTransfer, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """The new lead will know the case, so consent must cover it."""
    fresh(case.used_ids, command.transfer)
    to = active(network, command.to)
    another(command.to, act, "to")
    if case.transfer is not None:
        raise Invalid(
            field="transfer",
            must=Words("harus menunggu sampai yang sebelumnya dijawab", "wait until the earlier one is answered"),
        )
    if not as_if_answered(case).shareable(command.to, to.kind, act.at):
        raise ConsentMissing(recipient=command.to, compartments=[Compartment.COORDINATION])
    return [recorded(LeadTransferAsked, command, act, to_kind=to.kind)]


@decides.register
def accept_transfer(command: AcceptLeadTransfer, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Nobody hands a case from one agency of theirs to another: who could have asked for it does not accept it, nor who
    left the lead since."""
    asked_at = case.transfer.asked_at if case.transfer is not None else None
    if network[case.lead].has_had_member(act.actor, asked_at):
        raise AnotherPersonNeeded()
    if not as_if_answered(case).shareable(act.agency, act.kind, act.at):
        raise ConsentMissing(recipient=act.agency, compartments=[Compartment.COORDINATION])
    return [recorded(LeadTransferAccepted, command, act, lead=act.agency, lead_kind=act.kind)]


@decides.register
def decline_transfer(command: DeclineLeadTransfer, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(LeadTransferDeclined, command, act)]


def led_along(of: Case, accepted: LeadTransferAccepted, act: Act) -> Sequence[Fact]:
    """What is recorded in another file of the same case, which the same agency led: who takes the case takes all of
    it. That she lets them know her case was asked in the file that goes on; what a consent in the other does not name
    them for, they reach as little as before."""
    return followed([accepted], of, act)


name_fields(
    worker=field("Pendamping", "Case worker"),
    transfer=field("Pengalihan", "Transfer"),
    to_kind=field("Jenis instansi tujuan", "Kind of agency asked"),
)
