"""What was noted, whom nobody reached, and what is to follow."""

from datetime import date

import pytest
from story import HOSPITAL, LEAD, NOTE, given, referred, say

from rujukan.domain.case.notes import (
    ContactAttempted,
    FollowUpRecorded,
    NoteRecorded,
    RecordContactAttempt,
    RecordFollowUp,
    RecordNote,
)
from rujukan.domain.fact import Act, Fact

WORK: list[tuple[type[Fact], type[Fact], dict[str, object]]] = [
    (RecordNote, NoteRecorded, {"note": NOTE, "psychosocial": "she sleeps again"}),
    (RecordContactAttempt, ContactAttempted, {"note": NOTE, "reached": False, "means": "telephone"}),
    (RecordFollowUp, FollowUpRecorded, {"note": NOTE, "next_on": date(2026, 3, 10)}),
]


@pytest.mark.parametrize(
    ("command", "event", "fields"), WORK, ids=["RecordNote", "RecordContactAttempt", "RecordFollowUp"]
)
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))
