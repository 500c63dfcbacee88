"""An agency's inbox, in SQLite and in PostgreSQL: each delivery once in effect, in the agency's own transaction."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cutting import Cutting
from psycopg.conninfo import make_conninfo
from told import AGENCY, CASES, KEY, PINNED, asked_to_delete, delivery, rubbish, sealed

from rujukan.consumers.agency.inbox.dead_letters import MOST_UNSIGNED
from rujukan.consumers.agency.inbox.handling import PROCESS_DIED, Deletion, Leaving, NotNow, Rules
from rujukan.consumers.agency.inbox.inbox import Inbox, SqliteInbox
from rujukan.consumers.agency.inbox.order import Gap
from rujukan.consumers.agency.inbox.taking import Opened
from rujukan.consumers.agency.postgres.inbox import PostgresInbox
from rujukan.consumers.agency.subscribing.recovery import recover
from rujukan.consumers.agency.transports.transport import Arrived, Bookmark
from rujukan.consumers.wire.acknowledgement import Failure, Mark
from rujukan.consumers.wire.envelope import Opener

RULES = Rules(commit_seconds=60, tries=3)
OPENER = Opener([KEY], [PINNED])
NOTES = [Arrived.of(message) for message in sealed(delivery(n, CASES[n % 2]) for n in range(1, 9))]
Boxes = Callable[..., Inbox[Any]]


@pytest.fixture(params=["sqlite", "postgres"])
def boxes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Boxes]:
    """Makes inboxes over one database, as several processes have them."""
    made: list[Inbox[Any]] = []
    if request.param == "sqlite":
        where: Any = tmp_path / "inbox.db"
    else:
        server = request.getfixturevalue("postgres").conninfo
        name = f"inbox{uuid4().hex[:12]}"
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        where = make_conninfo(server, dbname=name)

    def make(handler: Any = lambda d, db: None, *more: Any, **options: Any) -> Inbox[Any]:
        kind: Any = SqliteInbox if request.param == "sqlite" else PostgresInbox
        made.append(kind(where, handler, *more, **options))
        return made[-1]

    yield make
    for inbox in made:
        inbox.close()


def opened(n: int) -> Opened:
    return of(NOTES[n - 1])


def of(message: Arrived) -> Opened:
    attributes = OPENER.verified(message.headers, message.key, message.value)
    return Opened(int(attributes.sequence), message, attributes, OPENER.unseal(attributes, message.value))


def unopened(n: int) -> Opened:
    return opened(n)._replace(delivery=None, reason="cannot-open")


def named(*numbers: int) -> list[tuple[int, str]]:
    """(number, id) of these."""
    return [(n, opened(n).attributes.id) for n in numbers]


def take(inbox: Inbox[Any], *some: Opened, place: Bookmark | None = None, rules: Rules = RULES) -> Any:
    inbox.begin(AGENCY)
    return inbox.take(AGENCY, some, place, rules)


def handled(inbox: Inbox[Any]) -> int:
    cursor = inbox.notes.cursor(AGENCY)
    assert cursor is not None
    return cursor.handled


def keeping(inbox_of: Boxes) -> tuple[Inbox[Any], Callable[[], list[int]]]:
    """An inbox whose handler writes to its database, and what is there."""
    inbox = inbox_of(lambda d, db: db.execute(f"INSERT INTO mine VALUES ({d.sequence})"))
    with inbox.transaction():
        inbox._db.execute("CREATE TABLE IF NOT EXISTS mine (n INTEGER)")
    return inbox, lambda: [n for (n,) in inbox._db.execute("SELECT n FROM mine ORDER BY n").fetchall()]


def test_a_delivery_that_comes_again_is_handled_once_by_whatever_process(boxes):
    inbox, mine = keeping(boxes)
    assert take(inbox, opened(1), opened(2), place=Bookmark("a", 2)).handled == 2
    assert take(inbox, opened(2)).again == 1
    other, _ = keeping(boxes)
    assert take(other, opened(1), opened(2), opened(3), place=Bookmark("b", 9)).handled == 1
    assert mine() == [1, 2, 3]
    assert (handled(inbox), inbox.notes.cursor(AGENCY).place) == (3, Bookmark("b", 9))


def test_what_a_failing_handler_wrote_is_not_there_and_what_was_before_it_is(boxes):
    failing = {2}

    def handler(d, db):
        db.execute(f"INSERT INTO mine VALUES ({d.sequence})")
        if d.sequence in failing:
            raise RuntimeError("SECRET")

    _, mine = keeping(boxes)
    inbox = boxes(handler)
    taken = take(inbox, opened(1), opened(2), opened(3), place=Bookmark("a", 3))
    assert (taken.done, taken.handled, taken.stopped_by, taken.tries) == (1, 1, "RuntimeError", 1)
    assert (mine(), handled(inbox), inbox.notes.cursor(AGENCY).place) == ([1], 1, None)
    failing.clear()
    assert take(inbox, opened(2), opened(3)).handled == 2
    assert mine() == [1, 2, 3]


def test_tries_are_counted_across_processes_and_then_it_is_a_dead_letter_and_the_next_is_handled(boxes):
    seen: list[int] = []

    def handler(d, db):
        if d.sequence == 1:
            raise KeyError("SECRET")
        seen.append(d.sequence)

    assert take(boxes(handler), opened(1)).tries == 1
    assert take(boxes(handler), opened(1)).tries == 2
    inbox = boxes(handler)
    taken = take(inbox, opened(1), opened(2))
    assert (taken.dead, taken.handled, seen) == (1, 1, [2])
    (letter,) = inbox.letters.all(AGENCY)
    assert (letter.sequence, letter.reason, letter.problem, letter.tries) == (1, "handler-failed", "KeyError", 3)
    kept = inbox.letters.get(AGENCY, letter.n).sealed
    assert (kept.value, kept.key, list(kept.headers)) == (NOTES[0].value, NOTES[0].key, list(NOTES[0].headers))
    assert not any(b"SECRET" in text for _, text in inbox.letters.get(AGENCY, letter.n).headers())
    said = inbox.notes.to_say(AGENCY).acknowledgement
    assert (said.handled, said.failed) == (Mark(2, "receipt-2"), [Failure(1, "handler-failed")])


def test_where_nothing_came_but_rubbish_the_place_moves_on(boxes):
    inbox = boxes()
    assert take(inbox, place=Bookmark("a", 7)).done == 0
    assert inbox.notes.cursor(AGENCY).place == Bookmark("a", 7)


def killing(boxes: Boxes, *some: Opened, rules: Rules = RULES) -> Any:
    """A process that dies at what it handles, if it comes to that; a SystemExit leaves as little behind as kill -9."""

    def handler(d, db):
        raise SystemExit

    inbox = boxes(handler)
    with suppress(SystemExit):
        while (taken := take(inbox, *some, rules=rules)).stopped_by:
            assert taken.stopped_by == PROCESS_DIED, "and it waits before it tries again"
        return taken
    return None


def test_what_was_under_way_at_kills_is_no_dead_letter_unless_it_was_so_at_each_of_many(boxes):
    rules = Rules(commit_seconds=60, deaths=3)
    for n in range(1, 9):
        for _ in range(rules.deaths - (n > 1)):  # the first of all is not counted
            assert killing(boxes, opened(n), rules=rules) is None
        survivor = boxes()
        waits = take(survivor, opened(n), rules=rules)
        assert (waits.stopped_by, waits.tries) == (PROCESS_DIED, rules.deaths - 1)
        assert take(survivor, opened(n), rules=rules).handled == 1
    assert survivor.letters.all(AGENCY) == []
    assert killing(boxes, unopened(1), rules=rules).again == 1, "and what does not reach the handler kills nobody"


def test_a_process_that_lives_on_or_says_goodbye_did_not_die_of_a_delivery(boxes):
    what: list[BaseException] = [RuntimeError(), NotNow(), Leaving(), KeyboardInterrupt()]

    def handler(d, db):
        raise what[0]

    rules = Rules(commit_seconds=60, deaths=1, tries=99)
    killing(boxes, opened(1), rules=rules)
    while what:
        inbox = boxes(handler)
        with suppress(Leaving, KeyboardInterrupt):
            for _ in range(3):
                assert take(inbox, opened(1), opened(2), rules=rules).dead == 0
        what.pop(0)
    again = boxes()
    assert take(again, opened(1), opened(2), rules=rules).handled == 2
    again.watch.end(AGENCY)
    fresh = boxes()
    assert take(fresh, opened(3), rules=rules).handled == 1
    assert not fresh.watch.died_before(AGENCY)


def test_an_outage_of_its_database_is_no_death_though_it_is_told_to_stop_then(boxes):
    def handler(d, db):
        raise inbox.errors[0] if isinstance(inbox, PostgresInbox) else full()

    def full() -> Exception:
        problem = sqlite3.OperationalError("database or disk is full")
        problem.sqlite_errorcode = sqlite3.SQLITE_FULL
        return problem

    rules = Rules(commit_seconds=60, deaths=1)
    killing(boxes, opened(1), rules=rules)
    for _ in range(3):
        inbox = boxes(handler)
        for _ in range(2):
            with pytest.raises(inbox.errors):
                take(inbox, opened(1), rules=rules)
        inbox.watch.end(AGENCY)
        killing(boxes, rules=rules)
    assert take(boxes(), opened(1), rules=rules).handled == 1


def test_a_dead_letter_that_kills_whoever_opens_it_is_left_for_a_person(boxes):
    rules = Rules(commit_seconds=60, deaths=2)
    first = boxes()
    take(first, unopened(1))
    (letter,) = first.letters.all(AGENCY)
    for _ in range(rules.deaths):
        dying = boxes(lambda d, db: sys.exit())
        assert not dying.kills(AGENCY, letter, rules)
        with pytest.raises(SystemExit):
            dying.recover(AGENCY, opened(1))
    last = boxes()
    assert recover(last, AGENCY, letter.n, OPENER, rules=rules) == "processes died of it"
    (letter,) = last.letters.all(AGENCY)
    assert (letter.reason, letter.problem, letter.tries) == ("handler-failed", PROCESS_DIED, 2)
    assert last.missing(AGENCY, named(1)) == set()
    assert recover(last, AGENCY, letter.n, OPENER) == "", "who mended the handler replays it"
    assert last.notes.to_say(AGENCY).acknowledgement.recovered == [1]


def test_what_comes_late_and_kills_is_a_dead_letter_too(boxes):
    rules = Rules(commit_seconds=60, deaths=2)
    inbox = boxes()
    take(inbox, unopened(1), opened(2))
    inbox.watch.end(AGENCY)
    for _ in range(1 + rules.deaths):
        assert killing(boxes, opened(1), rules=rules) is None
    assert killing(boxes, opened(1), rules=rules).dead == 1
    (letter,) = inbox.letters.all(AGENCY)
    assert (letter.reason, letter.problem) == ("handler-failed", PROCESS_DIED)
    assert killing(boxes, opened(1), rules=rules).again == 1


def test_not_now_is_no_try(boxes):
    def handler(d, db):
        raise NotNow

    inbox = boxes(handler)
    for _ in range(RULES.tries * 2):
        assert take(inbox, opened(1)).stopped_by == "NotNow"
    assert (handled(inbox), inbox.letters.all(AGENCY)) == (0, [])


def test_what_cannot_be_opened_is_kept_sealed_and_handled_when_it_can(boxes):
    inbox, mine = keeping(boxes)
    taken = take(inbox, unopened(1), opened(2), unopened(3))
    assert (taken.dead, taken.handled, handled(inbox)) == (2, 1, 3)
    said = inbox.notes.to_say(AGENCY).acknowledgement
    assert said.handled == Mark(2, "receipt-2"), "a mark names the last that could be opened"
    assert said.failed == [Failure(1, "cannot-open"), Failure(3, "cannot-open")]
    assert inbox.missing(AGENCY, named(1, 2, 3)) == set(named(1, 3))
    assert inbox.missing(AGENCY, [(1, "another delivery")]) == set()
    assert take(inbox, unopened(3)).again == 1, "that it cannot be opened still is nothing new"
    assert take(inbox, opened(3)).handled == 1
    assert take(inbox, opened(3)).again == 1
    assert mine() == [2, 3]
    states = {letter.sequence: (letter.state, letter.sealed) for letter in inbox.letters.all(AGENCY)}
    assert states == {1: ("open", None), 3: ("recovered", None)}
    assert inbox.notes.to_say(AGENCY).acknowledgement.recovered == [3]


def test_a_dead_letter_is_recovered_once(boxes):
    failing = [True]
    inbox, mine = keeping(boxes)

    def handler(d, db):
        db.execute(f"INSERT INTO mine VALUES ({d.sequence})")
        if failing:
            raise RuntimeError

    inbox = boxes(handler)
    take(inbox, opened(1), rules=Rules(commit_seconds=60, tries=1))
    with pytest.raises(RuntimeError):
        inbox.recover(AGENCY, opened(1))
    failing.clear()
    assert inbox.recover(AGENCY, opened(1))
    assert not inbox.recover(AGENCY, opened(1))
    assert mine() == [1]
    assert inbox.notes.to_say(AGENCY).acknowledgement.recovered == [1]


def test_behind_a_dead_letter_its_case_is_held_and_others_are_not(boxes):
    seen: list[int] = []

    def handler(d, db):
        if d.sequence == 1 and not seen[2:]:
            raise RuntimeError
        seen.append(d.sequence)

    inbox = boxes(handler)
    rules = Rules(commit_seconds=60, tries=1, hold_case=True)
    assert take(inbox, *map(opened, (1, 2, 3, 4)), rules=rules).dead == 2
    assert take(inbox, *map(opened, (5, 6)), rules=rules).dead == 1
    assert seen == [2, 4, 6]
    for letter in inbox.letters.all(AGENCY, "open"):
        assert inbox.recover(AGENCY, opened(letter.sequence))
    assert seen == [2, 4, 6, 1, 3, 5], "a replay keeps the order of the case"
    assert take(inbox, opened(7), rules=rules).handled == 1


def test_a_gap_is_waited_for_or_gone_on_without_and_what_comes_late_is_handled(boxes):
    inbox, mine = keeping(boxes)
    take(inbox, opened(1))
    inbox.wait_for(AGENCY, Gap(2, 4))
    assert inbox.notes.gaps(AGENCY) == [(Gap(2, 4), "open")]
    inbox.skip(AGENCY, Gap(2, 4))
    inbox.skip(AGENCY, Gap(2, 4))
    assert inbox.notes.gaps(AGENCY) == [(Gap(2, 4), "skipped")]
    assert take(inbox, opened(5)).handled == 1
    assert [f.sequence for f in inbox.notes.to_say(AGENCY).acknowledgement.failed] == [2, 3, 4]
    assert take(inbox, opened(3)).handled == 1
    assert inbox.notes.gaps(AGENCY) == [(Gap(2, 2), "skipped"), (Gap(4, 4), "skipped")]
    assert inbox.missing(AGENCY, named(1, 2, 3, 4, 5)) == set(named(2, 4))
    assert take(inbox, opened(2), opened(4), opened(3)).handled == 2
    assert (inbox.notes.gaps(AGENCY), mine()) == ([], [1, 2, 3, 4, 5])
    assert inbox.notes.to_say(AGENCY).acknowledgement.recovered == [3, 2, 4]
    assert handled(inbox) == 5


def test_it_never_goes_on_past_what_is_missing_by_itself(boxes):
    inbox = boxes()
    with pytest.raises(ValueError, match="follow"):
        take(inbox, opened(1), opened(3))
    assert handled(inbox) == 0


def test_an_id_that_comes_under_a_new_number_is_a_repeat(boxes):
    inbox, mine = keeping(boxes)
    take(inbox, opened(1))
    again = opened(2)
    again = again._replace(attributes=type(again.attributes)(**{**_fields(again), "id": opened(1).attributes.id}))
    assert take(inbox, again, opened(3)).again == 1
    assert (mine(), handled(inbox)) == ([1, 3], 3)


def _fields(one: Opened) -> dict[str, str]:
    return {name: getattr(one.attributes, name) for name in one.attributes.__struct_fields__}


def test_what_does_not_follow_in_its_case_is_said(boxes):
    inbox = boxes()
    jumping = [Arrived.of(m) for m in sealed([delivery(1), delivery(2)], in_case=lambda d: d.sequence * 2)]
    assert take(inbox, *map(of, jumping)).disordered == 1


def test_what_is_said_is_said_until_it_was_heard_and_a_long_gap_in_parts(boxes):
    inbox = boxes()
    inbox.begin(AGENCY)
    inbox.skip(AGENCY, Gap(1, 1200))
    heard: list[int] = []
    for _ in range(3):
        said, rows = inbox.notes.to_say(AGENCY)
        assert inbox.notes.to_say(AGENCY) == (said, rows)
        assert len(said.failed) <= 500
        heard += [failure.sequence for failure in said.failed]
        inbox.was_heard(rows, [])
    assert heard == list(range(1, 1201))
    assert inbox.notes.to_say(AGENCY).rows == []


def test_dead_letters_are_sent_once_to_where_they_are_kept_too(boxes):
    inbox = boxes()
    take(inbox, unopened(1), unopened(2))
    letters = inbox.letters.unsent(AGENCY, 10)
    assert [letter.sequence for letter in letters] == [1, 2]
    inbox.was_heard([], letters[:1])
    assert [letter.sequence for letter in inbox.letters.unsent(AGENCY, 10)] == [2]


@pytest.mark.thorough
def test_what_the_service_did_not_sign_is_kept_once_and_not_without_end(boxes):
    inbox = boxes()
    forged = rubbish()
    assert inbox.reject(AGENCY, [(forged, "not-ours"), (forged, "not-ours")]) == 1
    assert inbox.reject(AGENCY, [(rubbish(), "bad-signature") for _ in range(MOST_UNSIGNED + 50)]) > MOST_UNSIGNED
    assert len(inbox.letters.all(AGENCY)) == MOST_UNSIGNED
    assert inbox.notes.to_say(AGENCY).rows == [], "nobody vouches for its number"


@pytest.mark.thorough
def test_the_inbox_does_not_grow_with_what_was_handled(boxes):
    inbox = boxes()
    many = sealed(delivery(n, CASES[n % 3], data=delivery(1).data) for n in range(1, 41))
    for _ in range(3):
        for message in many:
            take(inbox, of(Arrived.of(message)))
    rows = {
        table: inbox._db.execute(f"SELECT count(*) FROM rujukan_{table}").fetchone()[0]
        for table in ("cursor", "case", "gap", "dead_letter", "to_say")
    }
    assert rows == {"cursor": 1, "case": 3, "gap": 0, "dead_letter": 0, "to_say": 0}


def test_what_is_to_be_deleted_is_deleted_once_and_acknowledged_until_heard(boxes):
    kept: list[int] = []
    asked: list[Deletion] = []

    def forget(deletion, db):
        asked.append(deletion)
        kept.clear()

    inbox = boxes(lambda d, db: kept.append(d.sequence), forget)
    one, two, three = (Arrived.of(m) for m in sealed([delivery(1), delivery(2), asked_to_delete(3)]))
    take(inbox, of(one), of(two)._replace(delivery=None, reason="cannot-open"))
    take(inbox, of(three), of(three))
    assert (kept, asked) == ([], [Deletion(UUID(int=7), CASES[0], frozenset({"health"}))])
    (letter,) = inbox.letters.all(AGENCY)
    assert inbox.letters.get(AGENCY, letter.n).sealed is None, "a dead letter of the case went too"
    assert inbox.notes.deletions(AGENCY) == [UUID(int=7)]
    said, rows = inbox.notes.to_say(AGENCY)
    assert said.deleted == [UUID(int=7)]
    inbox.was_heard(rows, [])
    assert inbox.notes.deletions(AGENCY) == []


def test_a_deletion_that_fails_comes_again(boxes):
    def forget(deletion, db):
        raise RuntimeError

    inbox = boxes(lambda d, db: None, forget)
    (asked,) = sealed([asked_to_delete(1)])
    assert take(inbox, of(Arrived.of(asked))).stopped_by == "RuntimeError"
    assert (handled(inbox), inbox.notes.deletions(AGENCY)) == (0, [])


@pytest.mark.parametrize("said", [False, True])
def test_who_gives_no_way_to_forget_is_told_like_of_anything_and_says_what_that_means(boxes, said):
    seen: list[str] = []
    inbox = boxes(lambda d, db: seen.append(d.topic), handled_is_deleted=said)
    (asked,) = sealed([asked_to_delete(1)])
    take(inbox, of(Arrived.of(asked)))
    assert seen == ["erasure.DeletionAsked"]
    assert bool(inbox.notes.deletions(AGENCY)) == said


def test_a_replay_has_a_cursor_of_its_own(boxes):
    inbox, mine = keeping(boxes)
    take(inbox, opened(1), opened(2))
    inbox.begin("rsud/replay/1", 1)
    assert inbox.take("rsud/replay/1", [opened(2)], None, RULES).handled == 1
    assert (mine(), handled(inbox)) == ([1, 2, 2], 2)
    assert inbox.notes.names() == ["rsud", "rsud/replay/1"]


def test_a_handler_that_ends_the_transaction_fails(boxes):
    inbox = boxes(lambda d, db: db.commit())
    with suppress(inbox.errors):
        assert take(inbox, opened(1)).stopped_by
    assert handled(boxes()) == 0


def test_a_transaction_that_ends_by_itself_takes_all_of_it(boxes):
    """As SQLite ends one where the disk is full."""
    _, mine = keeping(boxes)
    ending = {2}

    def handler(d, db):
        db.execute(f"INSERT INTO mine VALUES ({d.sequence})")
        if d.sequence in ending:
            ending.clear()
            db.execute("ROLLBACK")

    inbox = boxes(handler)
    with pytest.raises(inbox.errors):
        take(inbox, opened(1), opened(2), opened(3))
    assert (handled(inbox), mine()) == (0, [])
    assert take(inbox, opened(1), opened(2), opened(3)).handled == 3
    assert mine() == [1, 2, 3]


def test_a_full_disk_makes_no_dead_letters(tmp_path):
    inbox = SqliteInbox(tmp_path / "inbox.db", lambda d, db: db.execute("INSERT INTO mine VALUES (randomblob(9000))"))
    db = inbox._db.connection
    db.execute("CREATE TABLE mine (b BLOB)")
    take(inbox)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages + 4}")
    for _ in range(RULES.tries + 1):
        with pytest.raises(inbox.errors, match="full"):
            take(inbox, *map(opened, range(handled(inbox) + 1, 9)))
    assert inbox.letters.all(AGENCY) == []
    db.execute("PRAGMA max_page_count = 100000")
    take(inbox, *map(opened, range(1, 9)))
    assert (handled(inbox), db.execute("SELECT count(*) FROM mine").fetchone()) == (8, (8,))
    inbox.close()


def test_a_statement_of_the_handler_that_is_wrong_is_the_handlers(boxes):
    inbox = boxes(lambda d, db: db.execute("INSERT INTO nowhere VALUES (1)"))
    assert take(inbox, opened(1), rules=Rules(commit_seconds=60, tries=1)).dead == 1


@pytest.fixture
def fresh(postgres):
    """A PostgreSQL database that has nothing but a table of the agency's own."""
    name = f"inbox{uuid4().hex[:12]}"
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    conninfo = make_conninfo(postgres.conninfo, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute("CREATE TABLE mine (n INTEGER UNIQUE)")
    return conninfo


def written(conninfo: str) -> list[int]:
    with psycopg.connect(conninfo) as db:
        return [n for (n,) in db.execute("SELECT n FROM mine ORDER BY n").fetchall()]


def test_a_handler_that_swallows_what_the_database_refused_fails_and_those_before_it_stay(fresh):
    def handler(d, db):
        db.execute("INSERT INTO mine VALUES (%s)", (d.sequence,))
        if d.sequence == 2:
            with suppress(psycopg.Error):
                db.execute("INSERT INTO mine VALUES (1)")

    inbox = PostgresInbox(fresh, handler)
    taken = take(inbox, opened(1), opened(2), opened(3), rules=Rules(commit_seconds=60, tries=1))
    assert (taken.handled, taken.dead, written(fresh)) == (2, 1, [1, 3])
    inbox.close()


def test_what_psycopg_offers_a_handler_works_and_is_rolled_back_alone(fresh):
    def statement(n, db):
        db.execute("INSERT INTO mine VALUES (%s)", (n,))

    def many(n, db):
        db.cursor().executemany("INSERT INTO mine VALUES (%s)", [(n,), (n + 100,)])

    def copy(n, db):
        with db.cursor().copy("COPY mine FROM STDIN") as rows:
            rows.write_row((n,))

    def pipeline(n, db):
        with db.pipeline():
            db.execute("INSERT INTO mine VALUES (%s)", (n,))

    def nested(n, db):
        with suppress(psycopg.errors.UniqueViolation), db.transaction():
            db.execute("INSERT INTO mine VALUES (1)")
            db.execute("INSERT INTO mine VALUES (1)")
        db.execute("INSERT INTO mine VALUES (%s)", (n,))

    def stream(n, db):
        assert list(db.cursor().stream("INSERT INTO mine VALUES (%s) RETURNING n", (n,))) == [(n,)]

    def nothing(n, db):
        pass

    ways = (statement, many, copy, pipeline, nested, stream, nothing)
    failing = {4}

    def handler(d, db):
        ways[(d.sequence + shift) % len(ways)](d.sequence, db)
        if d.sequence in failing:
            raise RuntimeError

    expected = [n for n in range(1, 9) if n not in failing]
    for shift in range(len(ways)):
        inbox = PostgresInbox(fresh, handler)
        inbox._db.execute("DELETE FROM mine")
        inbox.begin(f"{AGENCY}{shift}")
        rules = Rules(commit_seconds=60, tries=1)
        taken = inbox.take(f"{AGENCY}{shift}", [opened(n) for n in range(1, 9)], None, rules)
        assert (taken.handled, taken.dead) == (7, 1)
        silent = {n for n in expected if ways[(n + shift) % len(ways)] is nothing}
        assert [n for n in written(fresh) if n < 100] == [n for n in expected if n not in silent]
        inbox.close()


def test_a_connection_that_breaks_inside_of_a_transaction_takes_all_of_it_and_is_made_again(postgres):
    name = f"inbox{uuid4().hex[:12]}"
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    breaking = {2}

    def handler(d, db):
        db.execute("INSERT INTO mine VALUES (%s)", (d.sequence,))
        if d.sequence in breaking:
            breaking.clear()
            with suppress(psycopg.Error):
                db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    inbox = PostgresInbox(make_conninfo(postgres.conninfo, dbname=name), handler)
    inbox._db.execute("CREATE TABLE mine (n INTEGER)")
    with pytest.raises(psycopg.Error):
        take(inbox, opened(1), opened(2), opened(3))
    assert handled(inbox) == 0
    assert take(inbox, opened(1), opened(2), opened(3)).handled == 3
    assert inbox._db.execute("SELECT n FROM mine ORDER BY n").fetchall() == [(1,), (2,), (3,)]
    inbox.close()


@pytest.mark.thorough
@pytest.mark.parametrize("when", ["in a handler", "before"])
def test_a_database_that_hangs_is_given_up_and_nothing_is_lost(fresh, when):
    """It keeps the line open and says nothing. Once it answers, all is handled, once."""
    line = Cutting(fresh)
    hung = [2] if when == "in a handler" else []

    def handler(d, db):
        if d.sequence in hung:
            hung.clear()
            line.be_silent()
        db.execute("INSERT INTO mine VALUES (%s)", (d.sequence,))

    inbox = PostgresInbox(line.conninfo, handler, answer_seconds=1.0)
    if when == "before":
        line.be_silent()
    with pytest.raises(inbox.errors):
        take(inbox, opened(1), opened(2), opened(3))
    line.be_silent(False)
    assert take(inbox, opened(1), opened(2), opened(3)).handled == 3
    assert written(fresh) == [1, 2, 3]
    inbox.close()
    line.close()
