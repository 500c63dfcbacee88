"""Who acts: groups of roles, where they recur, and the purposes that a role acts for."""

from ..codes import Purpose, Role

MACHINE_WORK = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.INTEGRATOR, Role.SYSTEM})
"""What an agency's own system may do by itself, too. A consent, or a referral sent out, takes a person."""

CASE_WORK = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.SYSTEM})

AT_WORK = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
"""A person's own word: neither a machine's nor the system's."""

CASE_WORKERS = frozenset({Role.CASE_WORKER})

SUPERVISION = frozenset({Role.SUPERVISOR, Role.SYSTEM})

SUPERVISORS = frozenset({Role.SUPERVISOR})
"""A person has to stand for it."""

PAST_CONSENT = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER})
"""Who may ask to share without consent: each basis says which of them (bases.py)."""

LEGAL = frozenset({Role.LEGAL_REVIEWER})

HOLDS = frozenset({Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})

ERASURE = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
"""It takes two people, both of the lead, in any of these roles."""

ACKNOWLEDGEMENT = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER, Role.INTEGRATOR})

EMERGENCY = frozenset({Role.CASE_WORKER, Role.SUPERVISOR})
"""For persons, never for machines, and not for the system either."""

REVIEW = frozenset({Role.SUPERVISOR, Role.DATA_PROTECTION_OFFICER})
"""Who judges what was opened in an emergency, and is shown what looks unusual."""

ADMINISTRATION = frozenset({Role.AGENCY_ADMINISTRATOR, Role.SYSTEM})

ADMINISTRATORS = frozenset({Role.AGENCY_ADMINISTRATOR})
"""Not the system either: a person has to stand for it."""

OFFICERS = frozenset({Role.DATA_PROTECTION_OFFICER})

SECONDERS = frozenset({Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER, Role.SUPERVISOR})
"""Who may be the second person for what gives power in an agency."""

POWERFUL = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER, Role.AGENCY_ADMINISTRATOR})
"""Roles that decide on others' work, data or membership: nobody gives them alone."""

PEOPLE = frozenset(Role) - {Role.SYSTEM, Role.INTEGRATOR}

ESCALATION = frozenset({Role.SYSTEM})
"""What the system raises when time runs out."""

KEEPERS = frozenset({Role.AGENCY_ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER})
"""Who may see an agency's keys, and what is asked for them."""

READERS = frozenset({Role.CASE_WORKER, Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.INTEGRATOR})
"""Who may open protected content of their agency's cases."""

SUBSCRIBERS = frozenset({Role.INTEGRATOR})
"""Who may fetch what their agency is told, sealed to its key. Only who has the key can read it, so it is no reading of
content, and no access is recorded: the register says for ever what was told."""

AUDITORS = frozenset({Role.SUPERVISOR, Role.LEGAL_REVIEWER, Role.DATA_PROTECTION_OFFICER})
"""Who may see who did what, without its content."""

SEES_ALL = frozenset(Role) - {Role.CASE_WORKER}
"""Who is shown what their row gives of all cases of the agency, where it lets only those work on one who are assigned:
supervisors, who assign; who audits, and the agency's machines."""

HISTORIANS = READERS | AUDITORS
"""Who may look back. Who reads no content of a case otherwise sees none there: ids, codes and times only."""

HER_READERS = frozenset({Role.CASE_WORKER, Role.DATA_PROTECTION_OFFICER})
"""Who makes the survivor's report with her."""

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
"""What each role acts for."""
