"""Pathways: which clocks an incident starts and how soon a referral must be answered. Versioned data.

A case records the version it was opened under, so that a later change of the rules never rewrites
what was due. Where law gives a duty with a clock, the clock is shown and escalated; a person decides.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from .clock_codes import ClockDuty
from .codes import AgencyKind, ReferralStatus, Service, Urgency
from .triggers import BOUND, CareRule, DutyRule, What
from .violence import ClockNeed, GbvType

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

EXPOSURE = frozenset({GbvType.RAPE})
SEXUAL = frozenset({GbvType.RAPE, GbvType.SEXUAL_ASSAULT, GbvType.FORCED_MARRIAGE})


class ClockRule(Struct, frozen=True):
    """A window that opens when an incident of one of these types is recorded.

    `domestic` rules hold for violence within the household whatever its type.
    `runs_from`: the incident (the report, where its time is not known), or the report.
    """

    need: ClockNeed
    window: timedelta
    runs_from: Literal["incident", "report"]
    types: frozenset[GbvType]
    source: str
    domestic: bool = False


class ClockSteps(Struct, frozen=True):
    """When people are reminded of a clock that nobody ended."""

    before: tuple[tuple[timedelta, int], ...]
    """So long before it runs out; of a shorter window when that part of it is left (2: half)."""
    after: tuple[timedelta, ...]
    """Again so long after it ran out; then each time the last of these steps passes again, until somebody acts."""
    source: str

    def warnings(self, known_at: datetime, due_at: datetime) -> list[datetime]:
        """When it is said that a window will run out, the first first, of one that was known of since then."""
        window = max(due_at - known_at, timedelta(0))
        return [due_at - min(before, window / part) for before, part in self.before]

    def again_at(self, due_at: datetime, times: int) -> datetime:
        """When it is said once more that it ran out, after that was said so often again."""
        if times < len(self.after):
            return due_at + self.after[times]
        step = self.after[-1] - self.after[-2]
        return due_at + self.after[-1] + (times - len(self.after) + 1) * step


class Pathway(Struct, frozen=True):
    version: str
    rules: tuple[ClockRule, ...]
    answers: dict[Urgency, timedelta]
    """How soon a referral is to be answered, by urgency."""
    deliveries: dict[Urgency, timedelta] = {}
    """How soon the recipient's system is to say that a referral arrived, by urgency; empty where nobody watches."""
    care: tuple[CareRule, ...] = ()
    """Windows of care. Empty: `rules` say them."""
    duties: dict[ClockDuty, DutyRule] = {}
    """Duties of law, each begun by what the law names. Empty: `rules` say them, from the report."""
    protection_lasts: dict[ClockDuty, timedelta] = {}
    """How long temporary protection by the police lasts at most, from when she was attended, by the law it is on."""
    follow_ups: dict[ClockNeed, tuple[tuple[ClockNeed, timedelta], ...]] = {}
    """What was given → which tests follow it, and when."""
    stages: dict[ReferralStatus, dict[Urgency, timedelta]] = {}
    """How long a referral may be in a state until somebody acts, by urgency; empty where nobody watches."""
    each_incident: bool = False
    """Each incident has its own report to the police, and their windows run from when they received that one."""
    clock_steps: ClockSteps | None = None
    """When people are reminded of a clock; None where it is said once that it ran out, and nothing else."""
    long_work: frozenset[Service] = frozenset()
    """Services whose work goes on for weeks: looked at in `LONG` while it does."""

    def stage(self, status: ReferralStatus, urgency: Urgency, service: Service) -> timedelta | None:
        """How long a referral may be in that state; None where nobody watches."""
        windows = self.stages.get(status)
        if windows is None:
            return None
        is_long = status is ReferralStatus.IN_PROGRESS and service in self.long_work
        return max(windows[urgency], LONG) if is_long else windows[urgency]

    def care_for(self, what: What, reported_at: datetime) -> Iterable[tuple[ClockNeed, datetime, datetime]]:
        """(need, starts at, due at) of each window of care. Where nobody knows when it happened, from the report."""
        starts = what.happened_at or reported_at
        for rule in self.care:
            if rule.need not in what.ruled_out and rule.when(what):
                yield rule.need, starts, starts + rule.window

    def duties_of(self, what: What) -> frozenset[ClockDuty]:
        """The duties that such an incident brings: each begins when what the law names comes about."""
        return frozenset(duty for duty, rule in self.duties.items() if rule.when(what))

    def clocks(
        self, gbv_type: GbvType, domestic: bool, happened_at: datetime | None, reported_at: datetime
    ) -> Iterable[tuple[ClockNeed, datetime, datetime]]:
        """(need, starts at, due at) of each clock that such an incident starts."""
        for rule in self.rules:
            if gbv_type in rule.types or (rule.domestic and domestic):
                starts = happened_at if rule.runs_from == "incident" and happened_at else reported_at
                yield rule.need, starts, starts + rule.window


V2026_1 = Pathway(
    version="2026-1",
    rules=(
        ClockRule(
            ClockNeed.HIV_PEP,
            72 * HOUR,
            "incident",
            EXPOSURE,
            "WHO, Clinical management of rape and intimate partner violence survivors (2020): PEP within 72 hours",
        ),
        ClockRule(
            ClockNeed.EMERGENCY_CONTRACEPTION,
            120 * HOUR,
            "incident",
            EXPOSURE,
            "WHO, Clinical management of rape (2020): emergency contraception within 120 hours",
        ),
        ClockRule(
            ClockNeed.HEPATITIS_B,
            14 * DAY,
            "incident",
            EXPOSURE,
            "WHO, Clinical management of rape (2020): hepatitis B vaccine, up to 14 days",
        ),
        ClockRule(
            ClockNeed.FORENSIC_EVIDENCE,
            72 * HOUR,
            "incident",
            frozenset({GbvType.RAPE, GbvType.SEXUAL_ASSAULT}),
            "practice guidance: forensic evidence is best collected within 72 hours",
        ),
        ClockRule(ClockNeed.REPORT_TO_POLICE, 72 * HOUR, "report", SEXUAL, "UU 12/2022 art. 41: within 3 x 24 hours"),
        ClockRule(
            ClockNeed.TEMPORARY_PROTECTION_SV, 24 * HOUR, "report", SEXUAL, "UU 12/2022 art. 42: within 1 x 24 hours"
        ),
        ClockRule(
            ClockNeed.POLICE_PROTECTION_DV,
            24 * HOUR,
            "report",
            frozenset(),
            "UU 23/2004 art. 16: within 1 x 24 hours",
            domestic=True,
        ),
    ),
    answers={Urgency.EMERGENCY: HOUR, Urgency.URGENT: DAY, Urgency.ROUTINE: 3 * DAY},
)

V2026_2 = replace(
    V2026_1,
    version="2026-2",
    deliveries={Urgency.EMERGENCY: 10 * MINUTE, Urgency.URGENT: 2 * HOUR, Urgency.ROUTINE: DAY},
)
"""Watches whether referrals arrive: a message that is lost is found long before its answer is due."""

WEEK = 7 * DAY
LONG = 30 * DAY
POLICE, JUSTICE = frozenset({AgencyKind.POLICE}), frozenset({AgencyKind.JUSTICE})
U, S, C, D = Urgency, ReferralStatus, ClockNeed, ClockDuty
CLINICAL = "WHO, Clinical management of rape and intimate partner violence survivors (2020): "

V2026_3 = Pathway(
    version="2026-3",
    rules=(),
    answers=V2026_2.answers,
    deliveries=V2026_2.deliveries,
    care=(
        CareRule(C.HIV_PEP, 72 * HOUR, lambda what: what.exposed, CLINICAL + "PEP within 72 hours"),
        CareRule(
            C.EMERGENCY_CONTRACEPTION,
            120 * HOUR,
            lambda what: what.may_be_pregnant,
            CLINICAL + "emergency contraception within 120 hours",
        ),
        CareRule(C.HEPATITIS_B, 14 * DAY, lambda what: what.exposed, CLINICAL + "hepatitis B vaccine, up to 14 days"),
        CareRule(
            C.FORENSIC_EVIDENCE,
            72 * HOUR,
            lambda what: what.leaves_traces,
            "practice; UU 23/2004 art. 21: evidence is best taken within 72 hours",
        ),
        CareRule(
            C.PREGNANCY_TEST,
            6 * WEEK,
            lambda what: what.may_be_pregnant,
            CLINICAL + "pregnancy test at about 6 weeks",
        ),
    ),
    duties={
        D.REPORT_TO_POLICE: DutyRule(
            72 * HOUR,
            BOUND,
            "UU 12/2022 art. 41(2)-(3): providers report to the police within 3 x 24 hours of her report, or a"
            " professional's; of a complaint offence not without her",
            lambda what: what.is_reported_by_others,
        ),
        D.PROTECTION_SV: DutyRule(
            24 * HOUR,
            POLICE,
            "UU 12/2022 art. 42: within 1 x 24 hours of the police's receipt of the report",
            lambda what: what.is_sexual,
        ),
        D.PROTECTION_DV: DutyRule(
            24 * HOUR,
            POLICE,
            "UU 23/2004 art. 16(1): within 1 x 24 hours of when the police knew or received the report",
            lambda what: what.domestic,
        ),
        D.COURT_REQUEST: DutyRule(
            24 * HOUR, POLICE, "UU 23/2004 art. 16(3): within 1 x 24 hours of the temporary protection"
        ),
        D.COURT_DECISION: DutyRule(
            7 * DAY, JUSTICE, "UU 23/2004 art. 28: within 7 days of the request (to be confirmed by a lawyer)"
        ),
        D.LPSK_REQUEST: DutyRule(
            24 * HOUR, POLICE, "UU 12/2022 art. 43: within 1 x 24 hours of the temporary protection"
        ),
        D.PROTECTION_END: DutyRule(
            7 * DAY, POLICE, "UU 23/2004 art. 16(2): 7 days at most; UU 12/2022 art. 42: 14 days at most"
        ),
    },
    protection_lasts={D.PROTECTION_DV: 7 * DAY, D.PROTECTION_SV: 14 * DAY},
    follow_ups={C.HIV_PEP: ((C.HIV_FOLLOW_UP, 6 * WEEK), (C.HIV_FOLLOW_UP, 90 * DAY))},
    stages={
        S.DRAFT: {U.EMERGENCY: HOUR, U.URGENT: DAY, U.ROUTINE: 3 * DAY},
        S.RECEIVED: {U.EMERGENCY: HOUR, U.URGENT: DAY, U.ROUTINE: 3 * DAY},
        S.ACCEPTED: {U.EMERGENCY: 4 * HOUR, U.URGENT: DAY, U.ROUTINE: 7 * DAY},
        S.IN_PROGRESS: {U.EMERGENCY: 3 * DAY, U.URGENT: 7 * DAY, U.ROUTINE: LONG},
        S.ON_HOLD: {U.EMERGENCY: DAY, U.URGENT: 3 * DAY, U.ROUTINE: 7 * DAY},
        S.REJECTED: {U.EMERGENCY: HOUR, U.URGENT: DAY, U.ROUTINE: 3 * DAY},
    },
    long_work=frozenset(
        {
            Service.PSYCHOSOCIAL,
            Service.LEGAL_AID,
            Service.LAW_ENFORCEMENT,
            Service.SOCIAL_REHABILITATION,
            Service.SOCIAL_REINTEGRATION,
            Service.EDUCATION,
            Service.LIVELIHOOD,
        }
    ),
)
"""Windows begin by the form of violence and the kind of act, not by the type of GBV alone; the police's begin when the
police know; every state of a referral has its window."""

V2026_4 = replace(V2026_3, version="2026-4", each_incident=True)
"""What the police received of one incident is no report of a later one (UU 12/2022 art. 41, 42: of *the* act)."""

CLOCK_STEPS = ClockSteps(
    before=((48 * HOUR, 2), (24 * HOUR, 4)),
    after=(DAY, 3 * DAY, 7 * DAY),
    source="default: two days and a day are what is left to ask and to decide before an order ends; of what had less"
    " than four days left when it was recorded, half of that, then a quarter. A network sets its own",
)

V2026_5 = replace(V2026_4, version="2026-5", clock_steps=CLOCK_STEPS)
"""Warns before a clock runs out, and says that it ran out until somebody acts."""

V2026_6 = replace(V2026_5, version="2026-6", stages={**V2026_5.stages, S.FAILED: V2026_5.stages[S.REJECTED]})
"""What ended without what it was for, failed, or completed as she did not attend or declined, waits for its sender as
what was rejected does: its recipient alone says so, and a machine may."""

PATHWAYS = {pathway.version: pathway for pathway in (V2026_1, V2026_2, V2026_3, V2026_4, V2026_5, V2026_6)}
"""Every version ever in use; none is ever taken out, none is ever edited."""

CURRENT = V2026_6


class ConsentTimes(Struct, frozen=True):
    """How long what concerns a consent may wait. What was recorded says by which version."""

    version: str
    answer: timedelta
    """How soon the lead answers that somebody said stop, and how often it is raised again."""
    warning: timedelta
    """How long before a consent runs out that is said."""
    share: int
    """Of one that holds for a short time: that is said when this part of its time is left (4: a quarter)."""
    source: str

    def warns_at(self, given_at: datetime, expires_at: datetime) -> datetime:
        """When it is said that a consent will run out."""
        return expires_at - min(self.warning, max(expires_at - given_at, timedelta(0)) / self.share)


class HoldTimes(Struct, frozen=True):
    """How long a legal hold stands without a word of its holder. What was recorded says by which version."""

    version: str
    confirmed_every: timedelta
    """Its holder says at least so often that it is needed still."""
    warning: timedelta
    """How long before that is due it is asked for, and at least how long its holder has to answer."""
    source: str


HOLD_TIMES = HoldTimes(
    version="2026-1",
    confirmed_every=180 * DAY,
    warning=30 * DAY,
    source="default: UU 27/2022 art. 16(2)(g), 43 and 44 have data destroyed that is needed no more, so somebody says"
    " twice a year that it is; a month to answer spans leave and a change of staff. A network sets its own",
)


class EndTimes(Struct, frozen=True):
    """How long what stands in the way of an end, or of an erasure, may do so. What was recorded says by which
    version."""

    version: str
    windows: dict[Urgency, timedelta]
    """How long before the lead ends a referral that no consent covers any more its holder is told, by urgency. An
    emergency has been on hold so long by then."""
    postponed: timedelta
    """How long, after an erasure was asked for, what stands on nothing that the lead heard keeps it waiting."""
    source: str


END_TIMES = EndTimes(
    version="2026-1",
    windows={Urgency.ROUTINE: 3 * DAY, Urgency.URGENT: DAY, Urgency.EMERGENCY: 3 * DAY},
    postponed=14 * DAY,
    source="default: three days are those of UU 27/2022 for a withdrawal (3 x 24 hours), a day for what is urgent; two"
    " weeks have room for asking her twice of what others say that she said. A network sets its own",
)


class RightTimes(Struct, frozen=True):
    """How long what she asks about her data may wait for an answer. What was recorded says by which version."""

    version: str
    answer: timedelta
    """How soon the lead answers."""
    warning: timedelta
    """How long before that is over the lead is reminded."""
    again: timedelta
    """How often once it is over, until it is answered."""
    source: str


RIGHT_TIMES = RightTimes(
    version="2026-1",
    answer=3 * DAY,
    warning=DAY,
    again=DAY,
    source="UU 27/2022: access, correction, restriction, and what follows on a withdrawal, within 3 x 24 hours of the"
    " request (to be confirmed by a lawyer, article by article); the reminders are a default. A network sets its own",
)


CONSENT_TIMES = ConsentTimes(
    version="2026-1",
    answer=3 * DAY,
    warning=7 * DAY,
    share=4,
    source="UU 27/2022: a withdrawal of consent is honoured within 3 x 24 hours; the warning is a default",
)
