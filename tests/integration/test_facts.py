"""What was told is a fact: whatever the rule says later, and whoever asks, the register alone is asked. And what is
told again obeys the consent of today."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import fetching
import psycopg
import pytest
from damaging import STATE, believe_facts, case_with, damaged_streams, flipped, look_again
from fetching import Place, Told, consent_of, note
from office import Office, believe_rows, catch_up, until
from some import some

from rujukan.consumers.wire.envelope import ERASED, AgencyKey
from rujukan.domain import disclosure
from rujukan.domain.case.consents import NarrowConsent, WithdrawConsent
from rujukan.domain.case.notes import NoteRecorded, RecordNote
from rujukan.domain.codes import Purpose, Service
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import RULE
from rujukan.domain.fact import Fact
from rujukan.domain.webhook import ReplayWebhook, SetWebhook
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, as_role
from rujukan.infra.delivery import past
from rujukan.infra.keys import names
from rujukan.infra.settings import Settings
from rujukan.infra.store import following

HEALTH = frozenset({Compartment.HEALTH})

place = fetching.place


@pytest.fixture
def office(place: Place) -> Office:
    return place.office


@pytest.fixture
def keys(place: Place) -> dict[str, AgencyKey]:
    return place.keys


@pytest.fixture
def case(office: Office) -> UUID:
    """A case of which the hospital may know health."""
    case = office.opens(composition.now())
    office.consents(case, "rsud", "health")
    office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    return case


def deletions(settings: Settings, case: UUID) -> dict[str, frozenset[str]]:
    """Agency → what the register says that it has to delete of the case."""
    with psycopg.connect(settings.database) as db:
        rows = db.execute("SELECT agency, compartments FROM delivery.deletions WHERE stream = %s", (case,)).fetchall()
    return {agency: frozenset(c.word for c in Compartment if bits >> c & 1) for agency, bits in rows}


# Told again, by today's consent ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_was_withdrawn_is_not_handed_out_to_who_fetches_only_now(
    office: Office, settings: Settings, keys: dict[str, AgencyKey], case: UUID
) -> None:
    note(office, case, "before")
    catch_up(settings)
    assert Told(settings, office, keys["rsud"], case).notes == ["before"]
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    catch_up(settings)
    told = Told(settings, office, keys["rsud"], case)
    assert told.notes == []
    assert ERASED in told.topics, "its number stays"
    assert told.topics.index(ERASED) < told.topics.index("erasure.DeletionAsked")
    assert told.numbers == list(range(1, len(told.numbers) + 1))


def test_while_the_register_has_not_followed_the_end_nothing_of_the_case_goes_out(
    office: Office, settings: Settings, keys: dict[str, AgencyKey], case: UUID
) -> None:
    note(office, case, "before")
    catch_up(settings)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    assert Told(settings, office, keys["rsud"], case).of_case == []
    catch_up(settings)
    assert Told(settings, office, keys["rsud"], case).notes == []


def test_of_a_consent_that_was_narrowed_what_it_still_covers_goes_on(
    office: Office, settings: Settings, keys: dict[str, AgencyKey]
) -> None:
    case = office.opens(composition.now())
    office.consents(case, "rsud", "health", "incident")
    both = frozenset({"health", "incident"})
    office.refers(case, "rsud", Service.HEALTH, compartments=both)
    office.does("uptd-ppa", case, RecordNote, note=uuid4(), health="h", incident="i")
    catch_up(settings)
    scope = {"recipients": frozenset({"rsud"}), "purposes": frozenset({Purpose.CARE})}
    consent = consent_of(office, case)
    office.does("uptd-ppa", case, NarrowConsent, consent=consent, compartments=frozenset({"incident"}), **scope)
    catch_up(settings)
    (told,) = [d for d in Told(settings, office, keys["rsud"], case).of_case if d.topic == "case.NoteRecorded"]
    assert (told.fields().get("incident"), told.fields().get("health")) == ("i", None)
    assert "health" in told.withheld


@pytest.mark.thorough
def test_a_consent_that_runs_out_while_something_waits_holds_it_until_what_follows_is_on_record(
    office: Office, settings: Settings, keys: dict[str, AgencyKey]
) -> None:
    case = office.opens(composition.now())
    until_when = composition.now() + timedelta(seconds=1)
    office.consents(case, "rsud", "health", expires_at=until_when)
    office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    note(office, case, "while it stood")
    catch_up(settings)
    until(lambda: composition.now() > until_when)
    assert Told(settings, office, keys["rsud"], case).of_case == [], "nobody is told past its time"
    with composition.escalator(settings) as escalator:
        assert escalator.once() >= 1
    catch_up(settings)
    told = Told(settings, office, keys["rsud"], case)
    assert told.notes == []
    assert [t for t in told.topics if t in ("case.ConsentExpired", "erasure.DeletionAsked")] == [
        "case.ConsentExpired",
        "erasure.DeletionAsked",
    ]
    known = office.casework.case(case)
    assert known is not None
    assert [r.status.value for r in known.referrals.values()] == ["cancelled"]
    with composition.escalator(settings) as escalator:
        assert not [due for due in escalator.due(composition.now()) if due.case == case], "once"


@pytest.mark.thorough
def test_what_is_told_anew_on_a_new_consent_is_sent(
    office: Office, settings: Settings, keys: dict[str, AgencyKey], case: UUID
) -> None:
    note(office, case, "before")
    catch_up(settings)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    office.consents(case, "rsud", "health")
    office.refers(case, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    catch_up(settings)
    told = Told(settings, office, keys["rsud"], case)
    assert told.notes == ["before"]
    assert told.topics.index("erasure.DeletionAsked") < told.topics.index("case.NoteRecorded")


# Another rule ------------------------------------------------------------------------------------------------------


def test_each_telling_says_by_which_rule_it_was_told(office: Office, settings: Settings, case: UUID) -> None:
    catch_up(settings)
    with psycopg.connect(settings.database) as db:
        rules = db.execute("SELECT DISTINCT rule FROM delivery.told WHERE case_id = %s", (case,)).fetchall()
    assert rules == [(RULE,)]


@pytest.mark.thorough
def test_under_a_rule_that_tells_less_what_was_told_is_asked_back_all_the_same(
    office: Office, settings: Settings, case: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(office, case, "told by the rule before")
    catch_up(settings)
    _notes_are_told(monkeypatch, to_nobody=True)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    catch_up(settings)
    assert deletions(settings, case) == {"rsud": frozenset({"health"})}


@pytest.mark.thorough
def test_under_a_rule_that_tells_more_what_was_never_told_is_told_when_there_is_reason(
    office: Office, settings: Settings, keys: dict[str, AgencyKey], case: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        _notes_are_told(before, to_nobody=True)
        note(office, case, "kept from them by the rule before")
        catch_up(settings)
    assert Told(settings, office, keys["rsud"], case).notes == []
    office.consents(case, "rsud", "incident", "health")
    more = frozenset({"health", "incident"})
    office.refers(case, "rsud", Service.HEALTH, compartments=more)
    catch_up(settings)
    assert Told(settings, office, keys["rsud"], case).notes == ["kept from them by the rule before"]


@pytest.mark.thorough
def test_read_models_built_anew_show_what_was_told_whatever_the_rule_says_now(
    office: Office, settings: Settings, case: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(office, case, "told by the rule before")
    catch_up(settings)
    _notes_are_told(monkeypatch, to_nobody=True)
    with composition.follower(settings) as source, composition.runner(settings, source) as runner:
        runner.rebuild("timeline")
    with psycopg.connect(settings.database) as db:
        shown = db.execute(
            "SELECT count(*) FROM views.timeline WHERE case_id = %s AND agency = 'rsud' AND topic = %s",
            (case, "case.NoteRecorded"),
        ).fetchone()
    assert shown == (1,)


def _notes_are_told(monkeypatch: pytest.MonkeyPatch, *, to_nobody: bool) -> None:
    """Another release's rule."""
    learn = disclosure._may_learn

    def may_learn(case: Any, of: Any, agency: str, *rest: Any) -> frozenset[Compartment]:
        hidden = to_nobody and isinstance(of.event, NoteRecorded) and agency != of.author
        return frozenset() if hidden else learn(case, of, agency, *rest)

    monkeypatch.setattr(disclosure, "_may_learn", may_learn)


# Behind the register -----------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_who_was_told_by_what_the_register_followed_later_is_asked_behind_it(
    office: Office, settings: Settings, case: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that ended the consent is of a release whose rule told less than the register's."""
    note(office, case, "told by the register's rule")
    with monkeypatch.context() as less:
        _notes_are_told(less, to_nobody=True)
        office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    catch_up(settings)
    assert _asked(settings, case) == set()
    with composition.deletions(settings) as asking:
        assert asking.once() >= 1
        assert asking.once() == 0
    assert _asked(settings, case) == {"rsud"}


def _asked(settings: Settings, case: UUID) -> set[str]:
    with composition.follower(settings) as source:
        return {
            f.written.event.agency
            for page in source.pages(0)
            for f in page
            if f.written.topic == "erasure.DeletionAsked" and f.written.event.case == case  # type: ignore[attr-defined]
        }


# Webhooks ----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_webhook_that_is_replayed_leaves_out_nothing_that_is_told_later_though_both_are_taken_in_at_once(
    office: Office, settings: Settings, case: UUID
) -> None:
    def asks(command: Fact) -> None:
        office.agrees("rsud", command)

    def one(query: str) -> int:
        with psycopg.connect(settings.database) as db:
            return (db.execute(query + " WHERE agency = 'rsud'").fetchone() or (0,))[0]

    asks(SetWebhook(occurred_at=composition.now(), url="https://rsud.example/rujukan"))
    catch_up(settings)
    head = one("SELECT sequence FROM delivery.heads")
    asks(ReplayWebhook(occurred_at=composition.now(), after=10**6))
    note(office, case, "the next")
    catch_up(settings)
    assert one("SELECT sequence FROM delivery.heads") == head + 1
    assert one("SELECT sent FROM delivery.webhooks") == head


# The release before ------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_register_of_the_release_before_finds_what_was_recalled_and_what_runs_out(
    office: Office, settings: Settings, keys: dict[str, AgencyKey], case: UUID
) -> None:
    """It kept neither: both are read once from the log, and nothing is sent until then."""
    note(office, case, "withdrawn before the upgrade")
    catch_up(settings)
    office.does("uptd-ppa", case, WithdrawConsent, consent=consent_of(office, case))
    office.consents(case, "rsud", "incident", expires_at=composition.now() + timedelta(days=1))
    catch_up(settings)
    with psycopg.connect(settings.database, autocommit=True) as db:
        kept = _ends(db)
        _forgotten(db)
        assert Told(settings, office, keys["rsud"], case).notes == [], "nothing goes out before it is known"
        note(office, case, "so that the register is kept")
        catch_up(settings)
        assert all(kept)
        assert _ends(db) == kept
    assert "withdrawn before the upgrade" not in Told(settings, office, keys["rsud"], case).notes


@pytest.mark.thorough
@pytest.mark.parametrize("topic", some(["case.CaseOpened", "case.ConsentGiven", "case.ConsentWithdrawn"]))
def test_a_case_that_was_damaged_when_the_past_was_read_is_read_again_once_it_is_repaired(
    place: Place, settings: Settings, topic: str
) -> None:
    """Of one case the consent was withdrawn, of the other it runs out."""
    office = place.office
    withdrawn, lasting = case_with(place, "rsud"), office.opens(composition.now())
    note(office, withdrawn, "withdrawn before the upgrade")
    office.consents(lasting, "rsud", "health", expires_at=composition.now() + timedelta(days=1))
    office.refers(lasting, "rsud", Service.HEALTH, compartments=frozenset({"health"}))
    note(office, lasting, "until tomorrow")
    catch_up(settings)
    office.does("uptd-ppa", withdrawn, WithdrawConsent, consent=consent_of(office, withdrawn))
    catch_up(settings)
    with psycopg.connect(settings.database, autocommit=True) as db:
        kept = _ends(db)
        for hit in (withdrawn, lasting):
            at = db.execute(
                "SELECT min(notification_id) FROM log.stored_events WHERE originator_id = %s AND topic = %s",
                (hit, topic),
            ).fetchone()
            if at == (None,):
                continue
            _forgotten(db)
            with flipped(db, STATE, (at or (0,))[0], lambda size: 120):
                note(office, case_with(place), "so that the register is kept")
                catch_up(settings)
                assert Told(settings, office, place.keys["rsud"], withdrawn).notes == []
            look_again(settings)
            assert hit not in damaged_streams(settings)
            assert [set(rows) >= set(before) for rows, before in zip(_ends(db), kept, strict=True)] == [True, True]
            assert Told(settings, office, place.keys["rsud"], withdrawn).notes == []
    assert "until tomorrow" in Told(settings, office, place.keys["rsud"], lasting).notes


def test_what_was_read_of_the_past_stays_when_the_keeper_is_replaced_in_the_middle(
    office: Office, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many consents there are, no transaction lasts for all of them."""
    for _ in range(4):
        case = office.opens(composition.now())
        office.consents(case, "rsud", "health", expires_at=composition.now() + timedelta(days=1))
    catch_up(settings)
    monkeypatch.setattr(following, "PAGE", 1)

    def reads(db: psycopg.Connection, pages: float) -> None:
        def still() -> None:
            nonlocal pages
            pages -= 1
            if pages < 0:
                raise past.AWAY[0]

        with composition.Node(settings, names.FOLLOWING, 2) as node:
            past.Past(node.followed, db, node.digests.positions, 10**9, still)._expiries()

    with psycopg.connect(settings.database, autocommit=True) as superuser:
        kept = _ends(superuser)
        _forgotten(superuser)
        with psycopg.connect(as_role(settings.database, FOLLOWER), autocommit=True) as db:
            (events,) = superuser.execute(
                "SELECT count(*) FROM log.stored_events WHERE topic = ANY(%s)", (list(past.OF_CONSENTS),)
            ).fetchone() or (0,)
            with pytest.raises(past.AWAY[0]):
                reads(db, events - 2)
            assert 0 < len(_ends(superuser)[1]) < len(kept[1])
            reads(db, float("inf"))
        assert _ends(superuser)[1] == kept[1]
        believe_rows(superuser)
        superuser.execute("UPDATE delivery.reached SET expiries_known = true")


def _ends(db: psycopg.Connection) -> list[list[Any]]:
    """What had to be deleted, and when consents run out, as it is on record."""
    tables = (
        "SELECT agency, position, at_position, case_id, compartments, upto FROM delivery.recalled ORDER BY 1, 2, 3",
        "SELECT * FROM delivery.expiries ORDER BY 1, 2",
    )
    return [db.execute(table).fetchall() for table in tables]


def _forgotten(db: psycopg.Connection) -> None:
    """As a release left it that kept neither."""
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.execute("DELETE FROM delivery.recalled")
        db.execute("DELETE FROM delivery.expiries")
        believe_rows(db)
        believe_facts(db)
        db.execute("UPDATE delivery.reached SET expiries_known = false")
