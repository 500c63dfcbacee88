"""Read models: what each agency sees, folded from the log. All of them can be thrown away and built again.

`projection`  what a read model must be
`listing`     a list, declared beside its query: path, filters, who may ask, what a row is
`runner`      keeps them up to date, with exactly-once effect; rebuilds one while the old one serves
`directory`, `referral_box`, `caseload`, `timeline`, `deadlines`, `people`, `audit`, `emergencies`, `holdings`,
`erasures`, `retention`, `deliveries`, `escalations`, `flags`
              one file a read model: its tables, its fold, its queries

Columns in clear are what lists, clocks and counts need: ids, codes, times. Protected fields are not here:
rows point at positions of the log, where they stay sealed until somebody with a reason opens them.
"""

from .audit import Audit
from .caseload import Caseload
from .deadlines import Deadlines
from .deliveries import Deliveries
from .directory import Directory
from .emergencies import Emergencies
from .erasures import Erasures
from .escalations import Escalations
from .flags import RaisedFlags
from .holdings import Holdings
from .listing import Listing, listings
from .people import People
from .projection import Projection
from .referral_box import ReferralBox
from .retention import Retention
from .runner import Lag, Runner, wait_for
from .timeline import Timeline

ALL: tuple[type[Projection], ...] = (
    Directory,
    ReferralBox,
    Caseload,
    Timeline,
    Deadlines,
    People,
    Audit,
    Emergencies,
    Holdings,
    Erasures,
    Retention,
    Deliveries,
    Escalations,
    RaisedFlags,
)
"""Every read model there is: the one list of them."""

LISTINGS: tuple[Listing, ...] = listings(ALL)
"""The lists that they declare, in the same order."""

__all__ = [
    "ALL",
    "LISTINGS",
    "Deliveries",
    "Escalations",
    "Lag",
    "Listing",
    "Projection",
    "ReferralBox",
    "Runner",
    "wait_for",
]
