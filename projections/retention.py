"""Retention: which ended cases fall due when, by which rule, and what is held against it.

The rule is the schedule's of when this read model is built: another version of the schedule builds it anew.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, LiteralString
from uuid import UUID

from msgspec import Meta, Struct, convert
from msgspec.json import encode
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain import retention
from ..domain.case.first_hold import LegalHoldLifted, LegalHoldPlaced
from ..domain.case.holds import HoldLifted
from ..domain.case.keeping import HoldLapsed
from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.proceedings import HoldFell, HoldPassed
from ..domain.casefile.files import Files
from ..domain.casefile.holding import HoldPlaced
from ..domain.casefile.state import FIRST, Case
from ..domain.disclosure import Followed, Written
from ..domain.standing import readings
from .erased import drop
from .listing import IN_FUTURE, Instant, Listing
from .projection import OWN_AGENCY, Tables

MOVES = (
    CaseClosed,
    CaseReopened,
    CaseMerged,
    CaseSeparated,
    LegalHoldPlaced,
    LegalHoldLifted,
    HoldPlaced,
    HoldPassed,
    HoldLifted,
    HoldFell,
    HoldLapsed,
    LeadTransferAccepted,
)


class HoldEntry(Struct, frozen=True):
    """A legal hold that stands. Why stands sealed at `held_position`."""

    hold: UUID
    kind: str | None
    held_by: str
    held_since: datetime
    held_position: int
    of_proceedings: bool = False


class RetentionEntry(Struct, frozen=True):
    """A case that ended, or that is held."""

    case: UUID
    status: str
    ended_at: datetime | None
    """When it was said to have ended."""
    end_recorded_at: datetime | None
    """When that was recorded. It is kept from then on."""
    rule: str | None
    source: str | None
    """Of the rule: a law, or that it is a default."""
    due_at: datetime | None
    """When it is to be erased; none for an open case. What was merged into another waits for that one besides."""
    merged_into: UUID | None
    held: bool
    held_since: datetime | None
    held_by: str | None
    """Who holds the first of the legal holds that stand; its reason is sealed at `held_position`."""
    held_position: int | None
    holds: list[HoldEntry]
    """All that stand."""


class Retention:
    name = "retention"
    tables: Sequence[LiteralString] = ("retention",)
    by_case = True
    ddl: LiteralString = f"""
        -- by the schedule {retention.CURRENT.version}: another one makes it anew
        CREATE TABLE retention (
          case_id uuid PRIMARY KEY, agency text NOT NULL, status text NOT NULL, ended_at timestamptz,
          end_recorded_at timestamptz, rule text, source text, due_at timestamptz, merged_into uuid,
          held boolean NOT NULL DEFAULT false, holds jsonb NOT NULL DEFAULT '[]'
        );
        CREATE INDEX ON retention (agency, due_at, case_id);
        ALTER TABLE retention ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON retention FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON retention TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, written = followed.case, followed.written
            if case is None or not isinstance(written.event, MOVES):
                continue
            if case.ended_at is None and not case.on_hold:
                db.execute("DELETE FROM retention WHERE case_id = %s", (written.stream,))
                continue
            db.execute(_UPSERT, _row(case, written))
            match event := written.event:
                case HoldPlaced():
                    of = (event.hold_kind.value, event.holder, written.at, written.position, event.of_proceedings)
                    _place(db, written, HoldEntry(event.hold, *of))
                case LegalHoldPlaced():
                    _place(db, written, HoldEntry(FIRST, None, written.author, written.at, written.position))
                case HoldPassed():
                    now = encode({"held_by": event.holder, "kind": event.hold_kind.value}).decode()
                    db.execute(_PASSED, (str(event.hold), now, written.stream))
                case HoldLifted() | HoldFell() | HoldLapsed():
                    db.execute(_LIFTED, (str(event.hold), written.stream))
                case LegalHoldLifted():
                    db.execute(_LIFTED, (str(FIRST), written.stream))
        drop(db, "retention", batch)


def _place(db: Tables, written: Written, hold: HoldEntry) -> None:
    db.execute(_PLACED, (encode([hold]).decode(), written.stream))


def _row(case: Case, written: Written) -> tuple[Any, ...]:
    rule = retention.CURRENT.rule_for(case) if case.ended_at is not None else None
    named = (rule.name, rule.source) if rule else (None, None)
    due = retention.CURRENT.due(case)
    times = (case.ended_at, case.end_recorded_at)
    return (written.stream, case.lead, case.status.value, *times, *named, due, case.of(Files).merged_into, case.on_hold)


def due(
    db: Connection[TupleRow],
    *,
    until: Annotated[datetime, Meta(tz=True, description="only what falls due until then", extra=IN_FUTURE)]
    | None = None,
    held: Annotated[bool, Meta(description="only what is held")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[RetentionEntry]:
    """The acting agency's cases, what falls due first first, open ones that are held last; `after` is the (due time,
    case) to go on from."""
    with db.cursor(row_factory=class_row(RetentionEntry)) as cursor:
        found = cursor.execute(
            "SELECT case_id AS case, status, ended_at, end_recorded_at, rule, source, due_at, merged_into, held,"
            " (holds->0->>'held_since')::timestamptz AS held_since, holds->0->>'held_by' AS held_by,"
            " (holds->0->>'held_position')::bigint AS held_position, holds FROM views.retention"
            " WHERE (%(until)s::timestamptz IS NULL OR due_at <= %(until)s) AND (held OR NOT %(held)s)"
            " AND (%(after)s::timestamptz IS NULL OR (coalesce(due_at, 'infinity'), case_id) > (%(after)s, %(case)s))"
            " ORDER BY coalesce(due_at, 'infinity'), case_id LIMIT %(limit)s",
            {
                "until": until,
                "held": held,
                "after": after[0] if after else None,
                "case": after[1] if after else None,
                "limit": limit,
            },
        ).fetchall()
    return [replace(entry, holds=convert(entry.holds, list[HoldEntry])) for entry in found]


NEVER = datetime.max.replace(tzinfo=UTC)


def place(entry: RetentionEntry) -> tuple[datetime, UUID]:
    """Where an entry stands in the list."""
    return entry.due_at or NEVER, entry.case


RETENTION = Listing(
    "/retention",
    due,
    RetentionEntry,
    "erasure",
    readings.RETENTION,
    cursor=place,
    name="list_retention",
)

_UPSERT: LiteralString = """
    INSERT INTO retention (case_id, agency, status, ended_at, end_recorded_at, rule, source, due_at, merged_into, held)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (case_id) DO UPDATE SET agency = excluded.agency, status = excluded.status,
      ended_at = excluded.ended_at, end_recorded_at = excluded.end_recorded_at, rule = excluded.rule,
      source = excluded.source, due_at = excluded.due_at, merged_into = excluded.merged_into, held = excluded.held
"""

_PLACED: LiteralString = "UPDATE retention SET holds = holds || %s::jsonb WHERE case_id = %s"

_PASSED: LiteralString = """
    UPDATE retention SET holds = (
      SELECT jsonb_agg(CASE WHEN h->>'hold' = %s THEN h || %s::jsonb ELSE h END ORDER BY n)
      FROM jsonb_array_elements(holds) WITH ORDINALITY AS each (h, n))
    WHERE case_id = %s
"""

_LIFTED: LiteralString = """
    UPDATE retention SET holds = coalesce(
      (SELECT jsonb_agg(h ORDER BY n) FROM jsonb_array_elements(holds) WITH ORDINALITY AS each (h, n)
       WHERE h->>'hold' <> %s), '[]')
    WHERE case_id = %s
"""
