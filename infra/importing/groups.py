"""The groups of a log, and the agencies that they are.

A group is the agency that the mapping names for it (mapping.py). Where it names none, an agency of its own is
registered for it; the next log finds that again. No group ever becomes an agency of the network by its name or code
alone: where they meet, that is a question, and nothing is stored until the mapping answers it.

That an agency is an import's is said by how it was registered (known.py), never by what its own people may change: an
administrator who makes the importer a member would otherwise be given cases of a log that are another agency's.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...domain import agency as agencies
from ...domain import agency_state
from ...domain.agency import AddMember, RegisterAgency
from ...domain.agency_state import Agency
from ...domain.codes import AgencyKind, Role, Service
from ...domain.fact import Act, ActorId, AgencyCode, Fact
from ..system_act import SYSTEM_AGENCY
from .mapping import Mapped, folded
from .refused import refusals

LOGS = UUID("c4f1a0d2-6b5e-5c1d-9a55-696d706f7274")
"""Namespace of what follows from a log's content (RFC 9562, version 5)."""
IMPORTER = ActorId(uuid5(LOGS, "importer"))
"""Who acts where the log names no resource; a member of every agency that an import registers."""
UNASSIGNED: Final = "unassigned"
"""The agency that leads a case whose first event has no group, where the mapping names no other."""
NO_GROUP = frozenset({"", "empty", "unknown"})
LONGEST_CODE = 40
NOBODY = ("Belum ditetapkan", "Unassigned")


class Network(Struct, frozen=True):
    """The agencies that there are, by their codes; and which of them an import registered for a group."""

    agencies: Mapping[AgencyCode, Agency] = {}
    brought: frozenset[AgencyCode] = frozenset()


class PlannedAgency(Struct, frozen=True):
    """An agency to register, unless it is there."""

    agency: Agency
    events: tuple[Fact, ...]


class Group(Struct):
    """A group of the log, and what it becomes."""

    code: AgencyCode
    how: str
    """`registered` by this import, `earlier` one, or `mapped`."""
    service: Service | None
    spellings: list[str]
    events: int = 0


class Groups:
    """Says which agency a group is. `network` has the agencies that groups became, as the rules are asked with them;
    `registered` those that are to be registered; `questions` what only a person can answer."""

    def __init__(self, there: Network, mapped: Mapping[str, Mapped], system: Act) -> None:
        self.network: dict[AgencyCode, Agency] = {}
        self.registered: list[PlannedAgency] = []
        self.questions: list[str] = []
        self.met: dict[str, Group] = {}
        self._there = there.agencies
        self._of_an_import = there.brought
        self._mapped = mapped
        self._system = system
        self._names = {
            folded(name): agency.code
            for agency in self._there.values()
            for name in (agency.name, agency.name_en)
            if name and agency.code not in self._of_an_import
        }
        self._brought: dict[str, list[AgencyCode]] = {}
        for agency in sorted(self._there.values(), key=lambda one: (len(one.code), one.code)):
            if agency.code in self._of_an_import:
                name = "" if agency.code == UNASSIGNED else folded(agency.name)
                self._brought.setdefault(name, []).append(agency.code)
        self._folded: dict[str, str] = {}

    def of(self, said: str | None, line: int) -> AgencyCode | None:
        """The agency that a group's name stands for; None for a name that says nobody. Raises XesError."""
        group = self._group(said or "", line)
        if group is None:
            return None
        group.events += 1
        return group.code

    def nobody(self, line: int) -> AgencyCode:
        """Who leads where a case begins without a group."""
        group = self.met.get("") or self._meet("", "", line)
        group.events += 1
        return group.code

    def service(self, code: AgencyCode) -> Service:
        """What a referral to an agency asks for."""
        for group in self.met.values():
            if group.code == code and group.service is not None:
                return group.service
        offered = self.network[code].services
        if Service.COORDINATION in offered:
            return Service.COORDINATION
        if len(offered) != 1:
            self._ask(f"what referrals to {code} ask for: say its service in the mapping ({_codes(offered)})")
            self.network[code] = replace(self.network[code], services=offered | {Service.COORDINATION})
            return Service.COORDINATION
        return next(iter(offered))

    def known_as(self, code: AgencyCode) -> frozenset[AgencyCode]:
        """The code, and those under which an earlier import knew the groups that are this agency."""
        brought = (self._brought.get(name, []) for name, group in self.met.items() if group.code == code)
        return frozenset({code}.union(*brought))

    def unmet(self) -> list[AgencyCode]:
        """The agencies that the mapping names for groups which the log does not have."""
        return sorted({mapped.agency for name, mapped in self._mapped.items() if name not in self.met})

    def _group(self, said: str, line: int) -> Group | None:
        label = " ".join(said.split())
        name = self._folded.get(label)
        if name is None:
            name = self._folded[label] = folded(label)
        if name in NO_GROUP and (not name or name not in self._mapped):
            return None
        group = self.met.get(name) or self._meet(name, label, line)
        if label not in group.spellings:
            group.spellings.append(label)
        return group

    def _meet(self, name: str, label: str, line: int) -> Group:
        mapped = self._mapped.get(name)
        if mapped is not None and not mapped.register:
            group = self._by_mapping(mapped, label, line)
        else:
            group = self._by_name(name, label, line, mapped)
        self.met[name] = group
        return group

    def _by_mapping(self, mapped: Mapped, label: str, line: int) -> Group:
        agency = self._there.get(mapped.agency)
        if agency is None:
            self._ask(f"the mapping names {mapped.agency} for a group (line {line}), and there is no such agency")
            return self._register(mapped.agency, label, line, mapped.service)
        if not agency.active:
            self._ask(f"the mapping names {mapped.agency} for a group (line {line}), and that agency is suspended")
        if mapped.service is not None and mapped.service not in agency.services:
            self._ask(f"{mapped.agency} does not offer {mapped.service.value} ({_codes(agency.services)})")
            agency = replace(agency, services=agency.services | {mapped.service})
        self.network.setdefault(mapped.agency, replace(agency, active=True))
        return Group(mapped.agency, "mapped", mapped.service, [])

    def _by_name(self, name: str, label: str, line: int, mapped: Mapped | None) -> Group:
        """The agency that an earlier import registered for a group of that name, or a new one."""
        codes = [mapped.agency] if mapped is not None else _codes_of(name, label)
        for code in self._brought.get(name, []):
            if mapped is None or code == mapped.agency:
                return self._again(code, line)
        met = self._names.get(name) if mapped is None else None
        for code in codes:
            other = self._there.get(code)
            if other is None and code not in self.network:
                break
            if other is not None and code not in self._of_an_import:
                met = met or code
                break
        else:
            self._ask(f"a code for the group of line {line}: say another in the mapping, with register")
        if met is not None:
            self._ask(
                f"whether the group of line {line} is the agency {met} of the network, whose name or code it has: name"
                " it in the mapping, or say another code with register"
            )
        return self._register(code, label, line, None)

    def _again(self, code: AgencyCode, line: int) -> Group:
        agency = self._there[code]
        if not agency.active or Service.COORDINATION not in agency.services:
            self._ask(f"what the group of line {line} is now: {code}, which an import registered, takes no referrals")
        self.network[code] = replace(agency, active=True, services=agency.services | {Service.COORDINATION})
        return Group(code, "earlier", None, [])

    def _ask(self, question: str) -> None:
        if question not in self.questions:
            self.questions.append(question)

    def _register(self, code: AgencyCode, label: str, line: int, service: Service | None) -> Group:
        at = self._system.at
        with refusals(line):
            registration = msgspec.convert(
                {
                    "occurred_at": at,
                    "code": code,
                    "kind": AgencyKind.OTHER,
                    "name": label or NOBODY[0],
                    "name_en": None if label else NOBODY[1],
                    "services": frozenset({Service.COORDINATION}),
                },
                RegisterAgency,
            )
            membership = msgspec.convert(
                {
                    "occurred_at": at,
                    "member": IMPORTER,
                    "roles": frozenset({Role.CASE_WORKER, Role.SUPERVISOR}),
                    "name": "Impor data",
                },
                AddMember,
            )
            agency: Agency | None = None
            events: list[Fact] = []
            for command in (registration, membership):
                decided = agency_state.decide(command, agency, self._system)
                agency = agencies.fold(decided, agency)
                events += decided
        assert agency is not None
        self.network[code] = agency
        self.registered.append(PlannedAgency(agency, tuple(events)))
        return Group(code, "registered", service, [])


def _codes_of(name: str, label: str) -> list[AgencyCode]:
    """The codes that a group may have, the best first: a slug; with a part of its name's hash where that says too
    little or is another's."""
    if not name:
        return [UNASSIGNED]
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    slug = re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")
    marked = f"{slug[: LONGEST_CODE - 13].strip('-') or 'group'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return [slug, marked] if 0 < len(slug) <= LONGEST_CODE and slug not in (UNASSIGNED, SYSTEM_AGENCY) else [marked]


def _codes(services: frozenset[Service]) -> str:
    return ", ".join(sorted(service.value for service in services)) or "it offers none"
