"""How the service is, in one word: the worst of what its parts say."""

import pytest

from rujukan.api.application.vitals import EMERGENCY_MS, LATE_MS, STUCK_MS, Follower, Vitals, Word, Writing, words

HERE = Follower("here", 0, 9, 0, 0)
LATE = HERE._replace(behind=1, age_ms=LATE_MS)
UNKEPT = HERE._replace(unkept_ms=LATE_MS)
STOPPED = HERE._replace(why="ValueError notes.py:7")
WELL = Vitals([HERE, HERE], HERE, HERE, 100, 0, 0, 0, 0)
WRITES = Writing(0, 0, 0, True)


@pytest.mark.parametrize(
    ("vitals", "writing", "part", "word"),
    [
        (None, WRITES, "database", Word.UNAVAILABLE),
        (WELL, WRITES._replace(lives=False), "writer", Word.UNAVAILABLE),
        (WELL, WRITES._replace(failing_ms=STUCK_MS), "writer", Word.UNAVAILABLE),
        (WELL, WRITES._replace(waiting=1, oldest_ms=3 * STUCK_MS), "writer", Word.UNAVAILABLE),
        (WELL._replace(damaged=1), WRITES, "records", Word.DAMAGED),
        (WELL._replace(forks=1), WRITES, "history", Word.DAMAGED),
        (WELL._replace(views=[HERE, STOPPED, LATE]), WRITES, "views", Word.DAMAGED),
        (WELL._replace(views=[HERE, LATE]), WRITES, "views", Word.DEGRADED),
        (WELL._replace(register=LATE), WRITES, "register", Word.DEGRADED),
        (WELL._replace(unpublished_ms=LATE_MS), WRITES, "publisher", Word.DEGRADED),
        (WELL._replace(emergency_ms=EMERGENCY_MS), WRITES, "publisher", Word.DEGRADED),
        (WELL._replace(ledger=LATE), WRITES, "ledger", Word.DEGRADED),
        (WELL._replace(views=[HERE, UNKEPT]), WRITES, "views", Word.DEGRADED),
        (WELL._replace(register=UNKEPT), WRITES, "register", Word.DEGRADED),
        (WELL._replace(ledger=UNKEPT), WRITES, "ledger", Word.DEGRADED),
        (WELL._replace(unshared_ms=LATE_MS), WRITES, "publisher", Word.DEGRADED),
    ],
)
def test_each_part_says_its_own_word(vitals: Vitals | None, writing: Writing, part: str, word: Word) -> None:
    found = words(vitals, writing)
    assert {p: w for p, w in found.items() if w is not Word.OK} == {part: word}


def test_all_is_well_a_little_before_it_is_late() -> None:
    soon = HERE._replace(behind=1, age_ms=LATE_MS - 1, unkept_ms=LATE_MS - 1)
    vitals = Vitals([soon], soon, soon, 100, 0, LATE_MS - 1, EMERGENCY_MS - 1, 10 * LATE_MS, 0, LATE_MS - 1)
    assert max(words(vitals, Writing(3, 3 * STUCK_MS - 1, STUCK_MS - 1, True)).values()) is Word.OK


def test_words_are_as_written() -> None:
    assert [word.said for word in Word] == ["ok", "degraded", "damaged", "unavailable"]
