"""Read models: what each agency sees, folded from the log. All of them can be thrown away and built again.

`projection`  what a read model must be
`listing`     a list, declared beside its query: path, filters, who may ask, what a row is
`runner`      keeps them up to date, with exactly-once effect; one that cannot go on stops alone
`rebuilding`  folds a new version beside the one that serves, and puts it in its place
`processors`  where each is, what stopped it, and waiting for it; `shards`: the parts that it is folded in; `log`
`directory`, `referral_box`, `caseload`, `timeline`, `deadlines`, `people`, `audit`, `emergencies`, `holdings`,
`erasures`, `retention`, `deliveries`, `marks`, `escalations`, `notices`, `proposals`,
`flags`, `appointments`, `questions`, `staff`, `stops`, `rights`, `expiring`, `legal_holds`, `coming_of_age`
              one file a read model: its tables, its fold, its queries

Columns in clear are what lists, clocks and counts need: ids, codes, times. Protected fields are not here:
rows point at positions of the log, where they stay sealed until somebody with a reason opens them.
"""

from .appointments import AppointmentList
from .audit import Audit
from .caseload import Caseload
from .coming_of_age import ComingOfAge
from .deadlines import Deadlines
from .deliveries import Deliveries
from .directory import Directory
from .emergencies import Emergencies
from .erasures import Erasures
from .escalations import Escalations
from .expiring import ExpiringConsents
from .flags import RaisedFlags
from .holdings import Holdings
from .legal_holds import LegalHolds
from .listing import Listing, listings
from .marks import DeliveryMarks
from .notices import Notices
from .people import People
from .processors import FOLDED, Lag, Reach, Stopped, reach, stopped, wait_for
from .projection import Projection
from .proposals import Proposals
from .questions import QuestionList
from .referral_box import ReferralBox
from .retention import Retention
from .rights import AskedRights
from .runner import Runner
from .staff import CaseStaff
from .stops import WaitingStops
from .timeline import Timeline

ALL: tuple[type[Projection], ...] = (
    CaseStaff,
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
    DeliveryMarks,
    Escalations,
    Notices,
    Proposals,
    RaisedFlags,
    AppointmentList,
    QuestionList,
    WaitingStops,
    AskedRights,
    ExpiringConsents,
    LegalHolds,
    ComingOfAge,
)
"""Every read model there is: the one list of them."""

LISTINGS: tuple[Listing, ...] = listings(ALL)
"""The lists that they declare, in the same order."""

__all__ = [
    "ALL",
    "FOLDED",
    "LISTINGS",
    "AppointmentList",
    "AskedRights",
    "CaseStaff",
    "Caseload",
    "ComingOfAge",
    "Deliveries",
    "Directory",
    "Escalations",
    "ExpiringConsents",
    "Holdings",
    "Lag",
    "LegalHolds",
    "Listing",
    "Notices",
    "Projection",
    "QuestionList",
    "Reach",
    "ReferralBox",
    "Retention",
    "Runner",
    "Stopped",
    "WaitingStops",
    "reach",
    "stopped",
    "wait_for",
]
