"""The figures of what happened, read from the read models."""

from typing import Any

from msgspec import Struct

from ..database import FOLLOWER, as_role, connect
from ..settings import Settings


class Figures(Struct):
    """What happened, in numbers."""

    cases: int
    events: int
    agencies: int
    referrals: int
    clocks_met: int
    clocks_breached: int


def figures(settings: Settings) -> Figures:
    """Counted from the read models and the log. A clock is a window of care or law, or the answer to a referral."""
    with connect(as_role(settings.database, FOLLOWER)) as db:

        def number(query: Any) -> int:
            row = db.execute(query).fetchone()
            return int(row[0]) if row else 0

        late = "coalesce(answered_at, ended_at, now()) > due_at"
        answered = f"SELECT count(*) FROM views.referral_box WHERE box = 'out' AND due_at IS NOT NULL AND {late}"
        in_time = (
            "SELECT count(*) FROM views.referral_box WHERE box = 'out' AND coalesce(answered_at, ended_at) <= due_at"
        )
        return Figures(
            cases=number("SELECT count(DISTINCT case_id) FROM views.caseload"),
            events=number("SELECT count(*) FROM log.stored_events"),
            agencies=number("SELECT count(*) FROM views.agency"),
            referrals=number("SELECT count(*) FROM views.referral_box WHERE box = 'out'"),
            clocks_met=number(
                "SELECT count(DISTINCT clock) FROM views.deadline WHERE coalesce(met_at, ended_at) <= due_at"
            )
            + number(in_time),
            clocks_breached=number(
                "SELECT count(DISTINCT clock) FROM views.deadline"
                " WHERE NOT too_late AND coalesce(met_at, ended_at, now()) > due_at"
            )
            + number(answered),
        )


def as_json(
    counted: Figures, delivered: dict[str, int], seconds: float, imported: dict[str, Any] | None
) -> dict[str, Any]:
    """One document: nested, and the same under dotted names, for who reads it with a one-line script."""
    brought_in = imported or {"cases": 0, "events": 0, "seconds": 0.0}
    nested: dict[str, Any] = {
        "cases": counted.cases,
        "events": counted.events,
        "agencies": counted.agencies,
        "referrals": counted.referrals,
        "messages_delivered": sum(delivered.values()),
        "messages": delivered,
        "clocks": {"met": counted.clocks_met, "breached": counted.clocks_breached},
        "import": brought_in,
        "seconds": round(seconds, 3),
    }
    dotted = {f"{top}.{name}": value for top in ("clocks", "import") for name, value in nested[top].items()}
    return {**nested, **dotted}
