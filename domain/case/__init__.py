"""The case file: one stream a case, the boundary within which a rule always holds. One file a subject.

A subject's file tells its story from top to bottom: what can be true (events), what can be asked (commands), what is
remembered of it, what is decided, and its words. It imports what subjects share (domain/casefile/) and no other
subject. This list is their table of contents, in the order of the work; there is no other.
"""

from ..casefile import assigning, clocks
from ..casefile.deciding import Network, decide
from ..casefile.evolving import evolve, fold
from ..casefile.state import Case

from . import (  # isort: skip
    intake,
    identity,
    incidents,
    assessments,
    consents,
    confirming,
    stopping,
    expiring,
    overrides,
    referrals,
    fulfilment,
    reminders,
    uncovered,
    services,
    notes,
    documents,
    conferences,
    orders,
    flags,
    lead,
    staffing,
    departing,
    lifecycle,
    merging,
    disclosures,
    holds,
    proceedings,
    first_hold,
    erasure,
    glass,
    leave,
    her_report,
)

__all__ = [
    "Case",
    "Network",
    "assessments",
    "assigning",
    "clocks",
    "conferences",
    "confirming",
    "consents",
    "decide",
    "departing",
    "disclosures",
    "documents",
    "erasure",
    "evolve",
    "expiring",
    "first_hold",
    "flags",
    "fold",
    "fulfilment",
    "glass",
    "her_report",
    "holds",
    "identity",
    "incidents",
    "intake",
    "lead",
    "leave",
    "lifecycle",
    "merging",
    "notes",
    "orders",
    "overrides",
    "proceedings",
    "referrals",
    "reminders",
    "services",
    "staffing",
    "stopping",
    "uncovered",
]
