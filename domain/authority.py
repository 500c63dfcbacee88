"""Which role may ask for what, and for which purposes. The default is no.

A command names the roles that may give it (`@asked(by=CASE_WORK)`), in these groups where they recur. The relation to
the case (lead, sender, recipient) is the deciders' business; this is about the person.
"""

from .codes import Purpose, Role
from .declaring import ASKED
from .fact import Fact

MACHINE_WORK = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.INTEGRATOR, Role.SYSTEM})
"""What an agency's own system may do by itself, too. A consent, or a referral sent out, takes a person."""

CASE_WORK = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.SYSTEM})

SUPERVISION = frozenset({Role.SUPERVISOR, Role.SYSTEM})

LEGAL = frozenset({Role.LEGAL_REVIEWER})

HOLDS = frozenset({Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})

ERASURE = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
"""It takes two people, both of the lead, in any of these roles."""

ACKNOWLEDGEMENT = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER, Role.INTEGRATOR})

EMERGENCY = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
"""For persons, never for machines, and not for the system either."""

REVIEW = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER})
"""Who judges what was opened in an emergency."""

ADMINISTRATION = frozenset({Role.AGENCY_ADMINISTRATOR, Role.SYSTEM})

WEBHOOKS = frozenset({Role.AGENCY_ADMINISTRATOR})

ESCALATION = frozenset({Role.SYSTEM})
"""What the system raises when time runs out."""

RESEALING = frozenset({Role.DATA_PROTECTION_OFFICER, Role.AGENCY_ADMINISTRATOR})
"""By another person than the administrator who asked, and never by the system."""

PURPOSES: dict[Role, frozenset[Purpose]] = {
    Role.CASE_WORKER: frozenset(
        {Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION, Purpose.SURVIVOR_REQUEST}
    ),
    Role.SUPERVISOR: frozenset(
        {Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION, Purpose.SUPERVISION}
    ),
    Role.LEGAL_REVIEWER: frozenset({Purpose.LEGAL, Purpose.AUDIT}),
    Role.DATA_PROTECTION_OFFICER: frozenset({Purpose.AUDIT, Purpose.SURVIVOR_REQUEST}),
    Role.AGENCY_ADMINISTRATOR: frozenset({Purpose.COORDINATION}),
    Role.INTEGRATOR: frozenset({Purpose.CARE, Purpose.PROTECTION, Purpose.LEGAL, Purpose.COORDINATION}),
    Role.SYSTEM: frozenset(Purpose),
}

KEEPERS = frozenset({Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER})
"""Roles that may see an agency's keys, and what is asked for them."""

READERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.INTEGRATOR})
"""Roles that may open protected content of their agency's cases."""

SUBSCRIBERS = frozenset({Role.INTEGRATOR})
"""Roles that may fetch what their agency is told, sealed to its key. Only who has the key can read it, so it is no
reading of content, and no access is recorded: the register says for ever what was told."""

AUDITORS = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
"""Roles that may see who did what, without its content."""


def roles_for(command: type[Fact]) -> frozenset[Role]:
    """The roles that may give this command; none for what is no command."""
    declared = ASKED.get(command)
    return declared.by if declared is not None else frozenset()


def commands_of(role: Role) -> frozenset[type[Fact]]:
    """The commands that a role may give."""
    return frozenset(command for command, declared in ASKED.items() if role in declared.by)
