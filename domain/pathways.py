"""Pathways: which clocks an incident starts and how soon a referral must be answered. Versioned data.

A case records the version it was opened under, so that a later change of the rules never rewrites
what was due. Where law gives a duty with a clock, the clock is shown and escalated; a person decides.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from .codes import Urgency
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


class Pathway(Struct, frozen=True):
    version: str
    rules: tuple[ClockRule, ...]
    answers: dict[Urgency, timedelta]
    """How soon a referral is to be answered, by urgency."""
    deliveries: dict[Urgency, timedelta] = {}
    """How soon the recipient's system is to say that a referral arrived, by urgency; empty where nobody watches."""

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

PATHWAYS = {V2026_1.version: V2026_1, V2026_2.version: V2026_2}
"""Every version ever in use; none is ever taken out, none is ever edited."""

CURRENT = V2026_2


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


CONSENT_TIMES = ConsentTimes(
    version="2026-1",
    answer=3 * DAY,
    warning=7 * DAY,
    share=4,
    source="UU 27/2022: a withdrawal of consent is honoured within 3 x 24 hours; the warning is a default",
)
