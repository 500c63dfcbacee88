"""The agencies of the network: kind, services, members and their roles, public keys, status."""

from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID, uuid5

from msgspec import Meta
from msgspec.structs import replace

from . import agency_keys as keys
from . import judged
from . import webhook as webhooks
from .agency_hours import HolidaysSet, HoursSet, hours_of
from .agency_state import Agency, decides, require_agency
from .codes import AgencyKind, NeedToKnow, Role, Service
from .compartment import Coordination, Identity
from .declaring import asked, field, happened, name_fields
from .fact import Act, ActorId, AgencyCode, Fact, Short, recorded
from .recovery import HistoryRecovered
from .refusal import AlreadyDone, AlreadyExists, NotForThisRole, Unknown
from .standing.relations import Extent
from .standing.roles import ADMINISTRATION, ADMINISTRATORS, POWERFUL
from .standing.rows import FOUNDING, OPERATES, OPERATOR_SECOND, OWN_AGENCY, OWN_OR_SYSTEM, OWN_SECOND, Row, Second
from .words import Words

AGENCIES = UUID("6f1c9a2e-1f0b-5d3a-9a57-52756a756b61")
"""Namespace of agency stream ids (RFC 9562, version 5)."""


def agency_stream(code: AgencyCode) -> UUID:
    """The stream of an agency: fixed by its code, so that a code is registered once only."""
    return uuid5(AGENCIES, code)


class RegistrationFacts(Fact, frozen=True, kw_only=True):
    code: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    name: Coordination[Short]
    name_en: Coordination[Short | None] = None
    area: Coordination[Short | None] = None


@happened(Words("Instansi didaftarkan", "Agency registered"))
class AgencyRegistered(RegistrationFacts, frozen=True, kw_only=True, tag="agency.AgencyRegistered"):
    """The agency is part of the network."""


class ServicesFacts(Fact, frozen=True, kw_only=True):
    services: Coordination[frozenset[Service]]


@happened(Words("Layanan instansi ditetapkan", "Agency's services set"))
class ServicesOffered(ServicesFacts, frozen=True, kw_only=True, tag="agency.ServicesOffered"):
    """From now on the agency offers these services, and no others."""


class NeedToKnowFacts(Fact, frozen=True, kw_only=True):
    need_to_know: Coordination[NeedToKnow]


@happened(Words("Siapa yang mengerjakan kasus ditetapkan", "Who works on the agency's cases set"))
class NeedToKnowSet(NeedToKnowFacts, frozen=True, kw_only=True, tag="agency.NeedToKnowSet"):
    """From now on every member works on the agency's cases, or those alone who are assigned, and supervisors."""


class MemberFacts(Fact, frozen=True, kw_only=True):
    member: Coordination[ActorId]
    roles: Coordination[Annotated[frozenset[Role], Meta(min_length=1)]]
    name: Identity[Short | None] = None


@happened(Words("Anggota bergabung", "Member joined"))
class MemberJoined(MemberFacts, frozen=True, kw_only=True, tag="agency.MemberJoined"):
    """A person or machine acts for the agency in these roles; also a change of roles."""


@happened(Words("Anggota keluar", "Member left"))
class MemberLeft(Fact, frozen=True, kw_only=True, tag="agency.MemberLeft"):
    """The member acts for the agency no more."""

    member: Coordination[ActorId]


@happened(Words("Instansi dinonaktifkan", "Agency suspended"))
class AgencySuspended(Fact, frozen=True, kw_only=True, tag="agency.AgencySuspended"):
    """The agency can neither act nor be referred to."""

    reason: Coordination[Short]


@happened(Words("Instansi diaktifkan kembali", "Agency reactivated"))
class AgencyReactivated(Fact, frozen=True, kw_only=True, tag="agency.AgencyReactivated"):
    """The agency takes part again."""


@asked(
    "/agencies",
    by=ADMINISTRATION,
    where=OPERATES,
    second=Second((OPERATOR_SECOND,)),
    extent=Extent.AGENCY,
    means="Menambahkan instansi ke jejaring.",
    tag="agencies",
    example={"code": "lsm-mitra", "kind": "ngo", "name": "LSM Mitra"},
)
class RegisterAgency(RegistrationFacts, frozen=True, kw_only=True):
    """Add an agency to the network."""

    services: Coordination[frozenset[Service]] = frozenset()


@asked(
    "/agencies/{code}/services",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    extent=Extent.AGENCY,
    means="Menyatakan layanan yang disediakan instansi.",
    tag="agencies",
    example={"services": ["pengaduan", "koordinasi"]},
)
class OfferServices(ServicesFacts, frozen=True, kw_only=True):
    """Say which services the agency offers."""


@asked(
    "/agencies/{code}/need-to-know",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    second=Second((OWN_SECOND,)),
    extent=Extent.AGENCY,
    means="Menetapkan apakah setiap anggota mengerjakan kasus instansi, atau hanya yang ditunjuk dan penyelia.",
    tag="agencies",
    example={"need_to_know": "assigned"},
)
class SetNeedToKnow(NeedToKnowFacts, frozen=True, kw_only=True):
    """Say whether every member works on the agency's cases, or those alone who are assigned, and supervisors."""


FOUNDERS = Row(ADMINISTRATORS, FOUNDING, Extent.AGENCY, only={"roles": ADMINISTRATORS})
"""Who runs the network lets an agency's first administrator in, and nobody else."""


def _takes_two(command: "AddMember", agency: Agency | None, own: bool) -> bool:
    """Whether somebody is given power, gives themselves anything, or unseats another administrator. The first
    administrator has nobody to ask; who lets the first one in is not that one: they would hold two agencies alone, and
    fill the other."""
    held = agency.members.get(command.member, frozenset()) if agency is not None else frozenset()
    given, taken = command.roles - held, held - command.roles
    if agency is not None and not agency.has_administrator and command.roles == ADMINISTRATORS and not own:
        return False
    return bool(given & POWERFUL) or bool(given if own else taken & ADMINISTRATORS)


def _unseats(command: "RemoveMember", agency: Agency | None, own: bool) -> bool:
    """Whether another administrator is taken away. Who could do that alone would soon be the only one, and nobody in
    the agency would be left whom two people's acts need. Everybody may go themselves."""
    held = agency.members.get(command.member, frozenset()) if agency is not None else frozenset()
    return not own and bool(ADMINISTRATORS & held)


@asked(
    "/agencies/{code}/members",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    or_else=(FOUNDERS,),
    second=Second(
        (OWN_SECOND, OPERATOR_SECOND),
        when=_takes_two,
        words=Words(
            "bila seseorang diberi peran penyelia, peninjau hukum, pejabat pelindungan data, atau administrator, atau "
            "memberi dirinya sendiri suatu peran, atau orang lain berhenti menjadi administrator; orang lain sebagai "
            "administrator pertama tidak",
            "where somebody is made supervisor, legal reviewer, data protection officer or administrator, or gives "
            "themselves a role, or another is administrator no more; not for somebody else as first administrator",
        ),
        gains="member",
    ),
    extent=Extent.AGENCY,
    means="Menambahkan anggota, atau mengubah perannya.",
    tag="agencies",
    example={"member": "00000000-0000-4000-8000-00000000000a", "roles": ["case-worker"]},
)
class AddMember(MemberFacts, frozen=True, kw_only=True):
    """Add a member, or change a member's roles."""


@asked(
    "/agencies/{code}/members/{member}/removal",
    by=ADMINISTRATION,
    where=OWN_OR_SYSTEM,
    second=Second(
        (OWN_SECOND, OPERATOR_SECOND),
        when=_unseats,
        words=Words("bila seorang administrator lain dikeluarkan", "where another administrator is taken away"),
        gains="member",
    ),
    extent=Extent.AGENCY,
    means="Mengeluarkan anggota.",
    tag="agencies",
)
class RemoveMember(Fact, frozen=True, kw_only=True):
    """Take a member away."""

    member: Coordination[ActorId]


@asked(
    "/agencies/{code}/suspension",
    by=ADMINISTRATION,
    where=OPERATES,
    second=Second(
        (OPERATOR_SECOND,),
        when=lambda command, agency, own: agency.kind is AgencyKind.LEAD,
        words=Words(
            "bila instansi itu penyelenggara jejaring (instansi penanggung jawab)",
            "where that agency runs the network (a lead agency)",
        ),
    ),
    extent=Extent.AGENCY,
    means="Menonaktifkan instansi.",
    tag="agencies",
    example={"reason": "Izin berakhir."},
)
class SuspendAgency(Fact, frozen=True, kw_only=True):
    """Suspend an agency."""

    reason: Coordination[Short]


@asked(
    "/agencies/{code}/reactivation",
    by=ADMINISTRATION,
    where=OPERATES,
    second=Second((OPERATOR_SECOND,)),
    extent=Extent.AGENCY,
    means="Mengaktifkan kembali instansi yang dinonaktifkan.",
    tag="agencies",
)
class ReactivateAgency(Fact, frozen=True, kw_only=True):
    """Let a suspended agency take part again."""


def fold(events: Iterable[Fact], agency: Agency | None = None) -> Agency | None:
    """The agency after these events; None before the first."""
    for event in events:
        agency = evolve(agency, event)
    return agency


def evolve(agency: Agency | None, event: Fact) -> Agency:
    """The agency after one more event. Raises ValueError where a stream begins with anything but its registration."""
    if agency is None:
        if not isinstance(event, AgencyRegistered):
            raise ValueError(f"an agency begins with AgencyRegistered, not {type(event).__name__}")
        return Agency(event.code, event.kind, event.name, 1, event.name_en, event.area)
    after = agency
    match event:
        case ServicesOffered():
            after = replace(agency, services=event.services)
        case NeedToKnowSet():
            after = replace(agency, need_to_know=event.need_to_know)
        case HoursSet():
            after = replace(agency, hours=hours_of(event))
        case HolidaysSet():
            after = replace(agency, holidays=event.holidays)
        case MemberJoined():
            after = replace(agency, members={**agency.members, event.member: event.roles})
        case MemberLeft():
            members = {m: r for m, r in agency.members.items() if m != event.member}
            after = replace(agency, members=members, left={**agency.left, event.member: event.occurred_at})
        case AgencySuspended():
            after = replace(agency, active=False)
        case AgencyReactivated():
            after = replace(agency, active=True)
        case judged.JudgedNotJustified():
            after = replace(agency, misjudged=agency.misjudged | {(event.member, event.judged)})
        case judged.JudgedOtherwise():
            after = replace(agency, misjudged=agency.misjudged - {(event.member, event.judged)})
        case HistoryRecovered():
            after = replace(agency, recoveries=agency.recoveries | {event.recovery})
        case _ if isinstance(event, webhooks.EVENTS):
            after = replace(agency, webhook=webhooks.evolve(agency.webhook, event, agency.version + 1))
        case _:
            after = keys.evolve(agency, event)
    return replace(after, version=agency.version + 1)


@decides.register
def register_agency(command: RegisterAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if agency is not None:
        raise AlreadyExists(agency=command.code)
    registered = recorded(AgencyRegistered, command, act)
    return [registered, recorded(ServicesOffered, command, act)] if command.services else [registered]


@decides.register
def offer_services(command: OfferServices, agency: Agency | None, act: Act) -> Sequence[Fact]:
    return [recorded(ServicesOffered, command, act)]


@decides.register
def set_need_to_know(command: SetNeedToKnow, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if require_agency(agency).need_to_know is command.need_to_know:
        raise AlreadyExists(what="setting")
    return [recorded(NeedToKnowSet, command, act)]


@decides.register
def add_member(command: AddMember, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if Role.SYSTEM in command.roles:
        raise NotForThisRole(role=Role.SYSTEM)
    return [recorded(MemberJoined, command, act)]


@decides.register
def remove_member(command: RemoveMember, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if command.member not in require_agency(agency).members:
        raise Unknown(what="member")
    return [recorded(MemberLeft, command, act)]


@decides.register
def suspend(command: SuspendAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if not require_agency(agency).active:
        raise AlreadyDone(what="suspension")
    return [recorded(AgencySuspended, command, act)]


@decides.register
def reactivate(command: ReactivateAgency, agency: Agency | None, act: Act) -> Sequence[Fact]:
    if require_agency(agency).active:
        raise Unknown(what="suspension")
    return [recorded(AgencyReactivated, command, act)]


@decides.register(webhooks.SetWebhook)
@decides.register(webhooks.RemoveWebhook)
@decides.register(webhooks.EnableWebhook)
@decides.register(webhooks.ReplayWebhook)
@decides.register(webhooks.DisableWebhook)
def webhook_command(command: Fact, agency: Agency | None, act: Act) -> Sequence[Fact]:
    return webhooks.decide(command, require_agency(agency).webhook, act)


name_fields(
    code=field("Kode", "Code"),
    name_en=field("Nama dalam bahasa Inggris", "Name in English"),
    area=field("Wilayah", "Area"),
    services=field("Layanan", "Services"),
    need_to_know=field("Yang mengerjakan kasus", "Who works on cases"),
    member=field("Anggota", "Member"),
    roles=field("Peran", "Roles"),
)
