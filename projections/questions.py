"""Questions on referrals, the soonest to be answered first. What is asked, as a code, and by when is in clear; words
stay sealed at the position that a row points to."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, LiteralString
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.case.lead import LeadTransferAccepted
from ..domain.case.lifecycle import CaseClosed, CaseReopened
from ..domain.case.merging import CaseMerged, CaseSeparated
from ..domain.case.questions import (
    Question,
    QuestionAnswered,
    QuestionAsked,
    Questions,
    QuestionUnanswered,
    waits_for_answer,
)
from ..domain.casefile.moves import ReferralMove
from ..domain.casefile.state import Case, Status
from ..domain.disclosure import Followed
from ..domain.fact import Fact
from ..domain.standing import readings
from .erased import drop
from .listing import Instant, Listing, OfCase, now
from .projection import OWN_AGENCY, Tables


class QuestionEntry(Struct, frozen=True):
    """A question, as a party of its referral, or the lead, has it."""

    question: UUID
    case: UUID
    referral: UUID
    asking: str
    to: str
    asked_about: str
    due_at: datetime
    waits: bool
    """Nobody answered, and its referral and case are open."""
    overdue: bool
    answered_at: datetime | None
    reminders: int
    """How often it was raised that nobody answered."""
    position: int


class QuestionList:
    name = "questions"
    tables: Sequence[LiteralString] = ("question",)
    by_case = True
    ddl: LiteralString = f"""
        CREATE TABLE question (
          agency text NOT NULL, question uuid NOT NULL, case_id uuid NOT NULL, referral uuid NOT NULL,
          asking text NOT NULL, "to" text NOT NULL, asked_about text NOT NULL, due_at timestamptz NOT NULL,
          every interval NOT NULL, waits boolean NOT NULL, answered_at timestamptz, reminders int NOT NULL DEFAULT 0,
          position bigint NOT NULL,
          PRIMARY KEY (case_id, question, agency)
        );
        CREATE INDEX ON question (agency, due_at, question);
        CREATE INDEX ON question (due_at) WHERE waits;
        ALTER TABLE question ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON question FOR SELECT TO rujukan_service USING ({OWN_AGENCY});
        GRANT SELECT ON question TO rujukan_service;
    """

    def fold(self, db: Tables, batch: Sequence[Followed]) -> None:
        for followed in batch:
            case, event, written = followed.case, followed.written.event, followed.written
            if case is None:
                continue
            stream = written.stream
            match event:
                case QuestionAsked():
                    window = case.of(Questions).asked[event.question].window
                    fields = (stream, event.question, event.referral, event.asking, event.to, event.asked_about.value)
                    for agency in sorted({event.asking, event.to, case.lead}):
                        db.execute(_ASKED, (agency, *fields, event.due_at, window, written.position))
                case QuestionAnswered():
                    db.execute(_ANSWERED, (written.at, stream, event.question))
                case QuestionUnanswered():
                    db.execute(
                        "UPDATE question SET reminders = %s WHERE case_id = %s AND question = %s",
                        (event.level, stream, event.question),
                    )
                case LeadTransferAccepted():
                    db.execute(
                        'DELETE FROM question WHERE case_id = %s AND agency <> %s AND agency NOT IN (asking, "to")',
                        (stream, case.lead),
                    )
                    db.execute(_FOR_LEAD, (case.lead, stream))
            for question in _changed(event, case):
                db.execute(
                    "UPDATE question SET waits = %s WHERE case_id = %s AND question = %s",
                    (case.status is Status.OPEN and waits_for_answer(case, question), stream, question.id),
                )
        drop(db, "question", batch)


def _changed(event: Fact, case: Case) -> Iterable[Question]:
    """The questions of which something may have changed."""
    asked = case.of(Questions).asked
    match event:
        case QuestionAnswered():
            return [asked[event.question]]
        case ReferralMove():
            return [each for each in asked.values() if each.referral == event.referral]
        case CaseClosed() | CaseMerged() | CaseReopened() | CaseSeparated():
            return asked.values()
    return ()


def questions(
    db: Connection[TupleRow],
    now: datetime,
    *,
    case: OfCase | None = None,
    all: Annotated[bool, Meta(description="also those that wait for no answer")] = False,
    after: tuple[Instant, UUID] | None = None,
    limit: int = 50,
) -> list[QuestionEntry]:
    """Questions of the acting agency and to it, and those in the cases that it leads, the soonest to be answered first;
    `after` is the (time to answer, question) to go on from."""
    due, question = after or (None, None)
    with db.cursor(row_factory=class_row(QuestionEntry)) as cursor:
        return cursor.execute(
            'SELECT question, case_id AS case, referral, asking, "to", asked_about, due_at, waits,'
            " coalesce(answered_at, %(now)s) > due_at AND (waits OR answered_at IS NOT NULL) AS overdue, answered_at,"
            " reminders, position FROM views.question"
            " WHERE (%(all)s OR waits) AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            " AND (%(due)s::timestamptz IS NULL OR (due_at, question) > (%(due)s, %(question)s::uuid))"
            " ORDER BY due_at, question LIMIT %(limit)s",
            {"now": now, "case": case, "all": all, "due": due, "question": question, "limit": limit},
        ).fetchall()


QUESTIONS = Listing(
    "/questions",
    questions,
    QuestionEntry,
    "lists",
    readings.QUESTIONS,
    cursor=lambda entry: (entry.due_at, entry.question),
    given={"now": now},
    mine=True,
)


def unanswered(db: Connection[TupleRow], now: datetime) -> list[tuple[UUID, UUID]]:
    """(case, question) of those that nobody answered in time, and that are to be raised now. For followers."""
    return db.execute(
        "SELECT case_id, question FROM views.question WHERE waits AND due_at <= %s AND due_at + reminders * every <= %s"
        " GROUP BY case_id, question ORDER BY min(due_at)",
        (now, now),
    ).fetchall()


_ASKED: LiteralString = """
    INSERT INTO question (agency, case_id, question, referral, asking, "to", asked_about, due_at, every, waits,
      position)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, true, %s) ON CONFLICT DO NOTHING
"""
_ANSWERED: LiteralString = "UPDATE question SET answered_at = %s WHERE case_id = %s AND question = %s"
_FOR_LEAD: LiteralString = """
    INSERT INTO question (agency, question, case_id, referral, asking, "to", asked_about, due_at, every, waits,
      answered_at, reminders, position)
    SELECT DISTINCT ON (question) %s, question, case_id, referral, asking, "to", asked_about, due_at, every, waits,
      answered_at, reminders, position
    FROM question WHERE case_id = %s ON CONFLICT DO NOTHING
"""
