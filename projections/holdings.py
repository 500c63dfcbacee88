"""Holdings: which agency led which case, accompanied it, and held which referral in which state, from when to when.
What custody is for one case, this is for all: asked for an agency and an instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.departing import AssignmentLapsed
from ..domain.case.intake import CaseOpened
from ..domain.case.lead import CaseWorkerAssigned, LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.referrals import ReferralDrafted
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.staff import Accompanying
from ..domain.casefile.state import Case
from ..domain.catalogue import topic_of
from ..domain.custody import MOVES
from ..domain.disclosure import Followed, Written
from ..domain.fact import AgencyCode
from ..domain.history import When
from .erased import drop
from .projection import Tables

TELLING = frozenset(MOVES) | {
    topic_of(event)
    for event in (
        CaseOpened,
        CaseClosed,
        CaseReopened,
        CaseMerged,
        CaseSeparated,
        LeadTransferAccepted,
        CaseWorkerAssigned,
        AssignmentLapsed,
        ReferralDrafted,
    )
}
"""Topics that change who holds what; most events do not."""


class HoldingEntry(Struct, frozen=True):
    """What an agency held, and since when. `relation`: lead, worker, recipient or sender; `of`: the referral, or the
    case. `status` is the referral's, or the case's."""

    case: UUID
    relation: str
    of: UUID
    status: str
    worker: UUID | None
    since: datetime
    until: datetime | None
    position: int


class _Key(NamedTuple):
    """What can be held in one way at a time."""

    case: UUID
    relation: str
    of: UUID


class Holdings:
    name = "holdings"
    tables: Sequence[LiteralString] = ("holding",)
    by_case = True
    ddl: LiteralString = """
        CREATE TABLE holding (
          case_id uuid NOT NULL, relation text NOT NULL CHECK (relation IN ('lead', 'worker', 'recipient', 'sender')),
          of uuid NOT NULL, agency text NOT NULL, lead text NOT NULL, status text NOT NULL, worker uuid,
          from_at timestamptz NOT NULL, from_position bigint NOT NULL, until_at timestamptz, until_position bigint,
          PRIMARY KEY (case_id, relation, of, from_position)
        );
        CREATE INDEX ON holding (agency, from_position);
        ALTER TABLE holding ENABLE ROW LEVEL SECURITY;
        -- An agency sees what it held itself, and what anybody held of the cases it leads.
        CREATE POLICY own ON holding FOR SELECT TO rujukan_service
          USING (current_setting('rujukan.agency', true) IN (agency, lead));
        GRANT SELECT ON holding TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        spans = _Spans()
        moved: dict[UUID, str] = {}
        for followed in batch:
            if followed.case is not None and followed.written.topic in TELLING:
                _take_in(spans, followed.written, followed.case)
                if isinstance(followed.written.event, LeadTransferAccepted):
                    moved[followed.written.stream] = followed.case.lead
        if spans.ended:
            rows = [(*key, *when) for key, when in spans.ended.items()]
            db.execute(_END, [list(column) for column in zip(*rows, strict=True)], binary=True)
        if begun := [*spans.closed, *spans.open.values()]:
            db.execute(_INSERT, [list(column) for column in zip(*begun, strict=True)], binary=True)
        for case, lead in moved.items():
            db.execute("UPDATE holding SET lead = %s WHERE case_id = %s AND lead <> %s", (lead, case, lead))
        drop(db, "holding", batch)


class _Spans:
    """What began and ended in a batch: rows that are still open, rows that are not, and ends of rows of earlier
    batches."""

    def __init__(self) -> None:
        self.open: dict[_Key, tuple[Any, ...]] = {}
        self.closed: list[tuple[Any, ...]] = []
        self.ended: dict[_Key, tuple[datetime, int]] = {}

    def begin(self, key: _Key, agency: AgencyCode, case: Case, status: str, at: Written) -> None:
        self.end(key, at)
        worker = case.of(Accompanying).worker if key.relation == "worker" else None
        self.open[key] = (*key, agency, case.lead, status, worker, at.at, at.position, None, None)

    def end(self, key: _Key, at: Written) -> None:
        if key in self.open:
            self.closed.append((*self.open.pop(key)[:-2], at.at, at.position))
        else:
            self.ended.setdefault(key, (at.at, at.position))


def _take_in(spans: _Spans, written: Written, case: Case) -> None:
    id, event = written.stream, written.event
    lead, worker = _Key(id, "lead", id), _Key(id, "worker", id)
    match event:
        case CaseOpened() | CaseClosed() | CaseReopened() | CaseMerged() | CaseSeparated():
            spans.begin(lead, case.lead, case, case.status.value, written)
        case LeadTransferAccepted():
            spans.begin(lead, case.lead, case, case.status.value, written)
            spans.end(worker, written)
        case CaseWorkerAssigned():
            spans.begin(worker, case.lead, case, case.status.value, written)
        case AssignmentLapsed() if event.agency == case.lead and case.of(Accompanying).worker is None:
            spans.end(worker, written)
        case ReferralDrafted():
            spans.begin(_Key(id, "sender", event.referral), event.sender, case, "draft", written)
        case ReferralMove() if written.topic in MOVES:
            referral = case.referrals[event.referral]
            for relation, agency in (("sender", referral.sender), ("recipient", referral.recipient)):
                if referral.status.is_open:
                    spans.begin(_Key(id, relation, referral.id), agency, case, referral.status.value, written)
                elif relation == "sender" or referral.sent_at is not None:
                    spans.end(_Key(id, relation, referral.id), written)


def holdings(
    db: Connection[TupleRow],
    agency: AgencyCode,
    when: When,
    *,
    after: tuple[int, str, UUID] | None = None,
    limit: int = 100,
) -> list[HoldingEntry]:
    """What an agency held at an instant or a position, as far as the acting agency may see it; `after` is the
    (position, relation, of) to go on from."""
    column = "at" if isinstance(when, datetime) else "position"
    with db.cursor(row_factory=class_row(HoldingEntry)) as cursor:
        return cursor.execute(
            "SELECT case_id AS case, relation, of, status, worker, from_at AS since, until_at AS until,"
            " from_position AS position FROM views.holding WHERE agency = %(agency)s"
            f" AND from_{column} <= %(when)s AND (until_{column} IS NULL OR until_{column} > %(when)s)"
            " AND (%(at)s::bigint IS NULL OR (from_position, relation, of) > (%(at)s, %(relation)s, %(of)s::uuid))"
            " ORDER BY from_position, relation, of LIMIT %(limit)s",
            {
                "agency": agency,
                "when": when,
                "limit": limit,
                **dict(zip(("at", "relation", "of"), after or (None, None, None), strict=True)),
            },
        ).fetchall()


_END: LiteralString = """
    UPDATE holding SET until_at = ended.u, until_position = ended.p
      FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[], %b::bigint[]) AS ended (c, r, o, u, p)
     WHERE case_id = ended.c AND relation = ended.r AND of = ended.o AND until_position IS NULL
"""

_INSERT: LiteralString = """
    INSERT INTO holding (case_id, relation, of, agency, lead, status, worker, from_at, from_position, until_at,
      until_position)
    SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::uuid[],
      %b::timestamptz[], %b::bigint[], %b::timestamptz[], %b::bigint[])
"""
