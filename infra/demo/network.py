"""The eight agencies of the story, their people and their keys."""

from pathlib import Path
from typing import NamedTuple

from ...api.application.casework import Casework
from ...consumers import durable
from ...consumers.wire.envelope import AgencyKey
from ...domain.codes import AgencyKind, Role, Service
from .. import onboarding
from ..issuer import usual_actor

PEOPLE = (
    Role.CASE_WORKER,
    Role.SUPERVISOR,
    Role.LEGAL_REVIEWER,
    Role.AGENCY_ADMINISTRATOR,
    Role.INTEGRATOR,
    Role.DATA_PROTECTION_OFFICER,
)


class Member(NamedTuple):
    """An agency of the network."""

    code: str
    kind: AgencyKind
    name: str
    services: tuple[Service, ...]


BONTANG = (
    Member(
        "uptd-ppa",
        AgencyKind.LEAD,
        "UPTD PPA Kota Bontang",
        (Service.COMPLAINT, Service.COORDINATION, Service.PSYCHOSOCIAL),
    ),
    Member(
        "polres",
        AgencyKind.POLICE,
        "Unit PPA Polres Bontang",
        (Service.LAW_ENFORCEMENT, Service.POLICE_PROTECTION),
    ),
    Member("rsud", AgencyKind.HEALTH, "RSUD Taman Husada", (Service.HEALTH, Service.FORENSIC)),
    Member("dinsos", AgencyKind.SOCIAL, "Dinas Sosial", (Service.SOCIAL_REHABILITATION, Service.SHELTER)),
    Member("lbh", AgencyKind.LEGAL_AID, "LBH Bontang", (Service.LEGAL_AID,)),
    Member("rumah-aman", AgencyKind.SHELTER, "Rumah Aman", (Service.SHELTER,)),
    Member("psikolog", AgencyKind.PSYCHOSOCIAL, "Layanan Psikologi", (Service.PSYCHOSOCIAL,)),
    Member("disdik", AgencyKind.EDUCATION, "Dinas Pendidikan", (Service.EDUCATION,)),
)


def set_up(casework: Casework, keys: Path) -> dict[str, AgencyKey]:
    """Register the agencies, their people and keys, where they are not there yet; agency → its key pair.
    A key pair made before is read again from the directory `keys`."""
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    pairs: dict[str, AgencyKey] = {}
    for member in BONTANG:
        new = onboarding.register(casework, member.code, member.kind, member.name, member.services)
        file = keys / f"{member.code}.key"
        if not file.exists():
            durable.create(file, AgencyKey.generate("1").to_json())
        pairs[member.code] = pair = AgencyKey.from_json(file.read_bytes())
        if new:
            for role in PEOPLE:
                onboarding.add_member(casework, member.code, usual_actor(member.code, role), [role], None)
            onboarding.register_key(casework, member.code, pair.id, pair.public)
    return pairs
