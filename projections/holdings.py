"""Holdings of all cases, for the read models that ask who held what. The report on them is worked out from the log."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from ..domain.case.lead import LeadTransferAccepted
from ..domain.disclosure import Followed
from ..domain.holdings import TELLING, Spans
from .erased import drop
from .projection import Tables


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
        spans = Spans()
        moved: dict[UUID, str] = {}
        for followed in batch:
            if followed.case is not None and followed.written.topic in TELLING:
                spans.tell(followed.written, followed.case)
                if isinstance(followed.written.event, LeadTransferAccepted):
                    moved[followed.written.stream] = followed.case.lead
        if spans.ended:
            rows = [(*holding, *when) for holding, when in spans.ended.items()]
            db.execute(_END, [list(column) for column in zip(*rows, strict=True)], binary=True)
        if begun := [(*span.holding, *span[1:]) for span in spans.all]:
            db.execute(_INSERT, [list(column) for column in zip(*begun, strict=True)], binary=True)
        for case, lead in moved.items():
            db.execute("UPDATE holding SET lead = %s WHERE case_id = %s AND lead <> %s", (lead, case, lead))
        drop(db, "holding", batch)


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
