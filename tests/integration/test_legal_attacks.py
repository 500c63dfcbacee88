"""The legal file attacked where it is made: rows, batches, the sealer's memory, what a bundle leaks and who gets it."""

import io
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from msgspec.structs import replace
from office import writing
from psycopg.sql import SQL, Identifier
from some import some
from test_bundles import a_case, disclose, done, fetch, policy_of, reviewer
from test_ledger import audited, fresh, ledger, public, seal, superuser, write  # noqa: F401

from rujukan.consumers.evidence import bundle_parts, container, merkle
from rujukan.consumers.evidence.bundles import verify_bundle
from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE, LATEST, Note, SigningKey, parse_note
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition
from rujukan.infra.commands.evidence import UNVOUCHED
from rujukan.infra.database import SERVICE, as_role
from rujukan.infra.ledger import sealer as sealing
from rujukan.infra.ledger.auditing import Difference
from rujukan.infra.ledger.guard import NotExtended
from rujukan.infra.ledger.store import NotSealed
from rujukan.infra.settings import Settings
from rujukan.infra.store.group_commit import Row

# Rows and batches -----------------------------------------------------------------------------------------------------


def fill(settings: Settings, count: int) -> None:
    """So many rows that are no records, quickly."""
    with writing(as_role(settings.database, SERVICE)) as writer:
        for i in range(0, count, 5_000):
            stream = uuid4()
            writer.append([Row(stream, n + 1, "x", os.urandom(8)) for n in range(min(5_000, count - i))])


def skip(settings: Settings, count: int) -> None:
    """So many positions that no event gets."""
    with superuser(settings) as db:
        db.execute(
            "SELECT setval('log.stored_events_notification_id_seq', %s + last_value)"
            " FROM log.stored_events_notification_id_seq",
            (count,),
        )


def put_in(settings: Settings, position: int) -> None:
    with superuser(settings) as db:
        db.execute(
            "INSERT INTO log.stored_events (originator_id, originator_version, topic, state, notification_id)"
            " VALUES (gen_random_uuid(), 1, 'x', '\\x00', %s)",
            (position,),
        )


@pytest.mark.thorough
def test_a_log_of_no_events_is_whole_unless_somebody_saw_it_with_some(fresh, ledger):  # noqa: F811
    assert (audited(fresh).leaves, audited(fresh).difference) == (0, None)
    assert audited(fresh).root == merkle.EMPTY_ROOT
    assert seal(fresh) == 0
    assert ledger.newest() is None
    write(fresh, 3)
    seal(fresh)
    seen = ledger.newest()
    with superuser(fresh) as db:
        for table in ("log.stored_events", "ledger.batches", "ledger.checkpoints"):
            db.execute(f"DELETE FROM {table}")
    assert audited(fresh).difference is None
    expected = Difference(None, "a tree of 3 leaves was signed; the database has 0")
    assert audited(fresh, [seen]).difference == expected


@pytest.mark.parametrize(
    "counts",
    [
        (256,),
        (255, 1, 1),
        *(pytest.param(counts, marks=pytest.mark.thorough) for counts in ((65_536,), (65_536, 1), (65_535, 2))),
    ],
)
def test_a_log_that_fills_its_tiles_exactly_with_gaps_between_batches(fresh, ledger, counts):  # noqa: F811
    for count in counts:
        fill(fresh, count)
        skip(fresh, 7)
        assert seal(fresh) == count
    report = audited(fresh)
    assert (report.leaves, report.difference) == (sum(counts), None)
    assert report.root == parse_checkpoint(ledger.newest().text).root
    positions = counts[0] + 7  # the last one of the gap behind the first batch
    with pytest.raises(NotSealed):
        ledger.leaf_of(positions)
    put_in(fresh, positions)
    found = audited(fresh)
    if len(counts) > 1:
        assert found.difference == Difference(positions, "an event was put in that was never sealed")
    else:
        assert (found.difference, found.unsealed) == (None, 1)


@pytest.mark.parametrize("position", [0, -1, -(2**63)])
def test_an_event_put_in_before_the_first_is_found(fresh, position):  # noqa: F811
    write(fresh, 5)
    seal(fresh)
    put_in(fresh, position)
    assert audited(fresh).difference == Difference(position, "an event was put in that was never sealed")


def test_an_event_put_in_before_the_first_of_an_empty_ledger_is_counted(fresh):  # noqa: F811
    put_in(fresh, -5)
    assert audited(fresh).unsealed == 1


def test_an_event_put_in_far_ahead_is_found_and_lets_none_pass_unsealed(fresh, ledger):  # noqa: F811
    """Sealed under its number, it would have all that come after it stand behind what is sealed."""
    write(fresh, 5)
    put_in(fresh, 10**6)
    assert seal(fresh) == 5
    write(fresh, 5)
    assert seal(fresh) == 5
    assert ledger.lag()[0] == 0
    assert audited(fresh).difference == Difference(10**6, "an event was put in ahead of the log")


BATCHES = {
    "leaves": "UPDATE ledger.batches SET first_leaf = first_leaf + 1",
    "end": f"UPDATE ledger.batches SET last_position = {2**62}",
    "begin": "UPDATE ledger.batches SET first_position = first_position - 1",
    "skipped": "UPDATE ledger.batches SET skipped = '{3}'",
    "entries": "UPDATE ledger.batches SET entries = substr(entries, 1, 33)",
}


@pytest.mark.thorough
@pytest.mark.parametrize("edit", BATCHES)
def test_batches_that_name_other_positions_are_found_at_once(fresh, edit):  # noqa: F811
    """However many positions they name."""
    write(fresh, 5)
    seal(fresh)
    with superuser(fresh) as db:
        checks = db.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'ledger.batches'::regclass AND contype = 'c'"
        ).fetchall()
        for (name,) in checks:
            db.execute(SQL("ALTER TABLE ledger.batches DROP CONSTRAINT {}").format(Identifier(name)))
        assert db.execute(BATCHES[edit]).rowcount
    assert audited(fresh).difference is not None


@pytest.mark.thorough
def test_the_sealer_passes_any_gap(fresh, ledger):  # noqa: F811
    write(fresh, 2)
    skip(fresh, 10**15)
    write(fresh, 2)
    skip(fresh, sealing.WIDEST_GAP - 1)
    write(fresh, 1)
    assert seal(fresh) == 5
    assert [ledger.leaf_of(p)[0] for p in (1, 2)] == [0, 1]
    assert audited(fresh).difference is None
    with superuser(fresh) as db:
        (positions,) = db.execute("SELECT array_agg(notification_id ORDER BY 1) FROM log.stored_events").fetchone()
    assert list(ledger.leaves_of(positions).values()) == list(range(5))


@pytest.mark.parametrize("position", some([0, -1, -(2**63), 2**63 - 1, 2**70, -(2**70)], 3))
def test_a_position_that_there_is_not_is_not_sealed(fresh, ledger, position):  # noqa: F811
    write(fresh, 3)
    seal(fresh)
    with pytest.raises(NotSealed):
        ledger.leaf_of(position)
    with pytest.raises(NotSealed):
        ledger.proof(position)
    if -(2**63) <= position < 2**63:
        with pytest.raises(NotSealed):
            ledger.leaves_of([1, position])


# What the sealer remembers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", some([b"", b"\x00", b"x\n", b"\xff" * 100, b"example.com\n1\n\n\xe2\x80\x94 a AAAAAAA=\n"])
)
def test_a_sealer_whose_memory_is_damaged_signs_nothing_and_says_so(fresh, ledger, content):  # noqa: F811
    write(fresh, 3)
    seal(fresh)
    fresh.ledger_guard.write_bytes(content)
    write(fresh, 3)
    with pytest.raises(NotExtended, match="does not say what was signed last"):
        seal(fresh)
    assert ledger.size() == 3


def test_a_sealer_that_cannot_remember_signs_nothing_more(fresh, ledger, monkeypatch):  # noqa: F811
    """The disk beside the database is full, or not there."""
    write(fresh, 3)
    seal(fresh)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    write(fresh, 3)
    files = set(fresh.ledger_guard.parent.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotExtended, match="No space left"):
            seal(fresh)
    assert ledger.size() == 3
    assert set(fresh.ledger_guard.parent.iterdir()) == files, "nothing half written is left"
    elsewhere = replace(fresh, data=fresh.data / "file" / "x", keyring=fresh.keyring_file)
    (fresh.data / "file").write_text("no directory")
    with pytest.raises(NotExtended):
        composition.sealer(elsewhere).seal_all()
    assert ledger.size() == 3
    assert seal(fresh) == 3
    assert audited(fresh).difference is None


@pytest.mark.thorough
def test_a_sealer_killed_before_it_remembered_goes_on(fresh, ledger):  # noqa: F811
    write(fresh, 3)
    seal(fresh)
    before = fresh.ledger_guard.read_bytes()
    write(fresh, 300)
    seal(fresh)
    fresh.ledger_guard.write_bytes(before)
    assert seal(fresh) == 0
    assert fresh.ledger_guard.read_bytes() == ledger.newest().data


# Who gets a bundle, and what of it ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def case(running: Any) -> str:
    return a_case(running)


def test_who_may_not_know_of_a_case_learns_nothing_from_the_refusal(running: Any, case: str) -> None:
    """Another agency's legal reviewer asks for what there is, and for what there is not: the answers are the same."""
    made = disclose(running, case)
    other = onboarded(running, "rsud")
    answers = []
    for here, disclosure in ((case, made), (case, str(uuid4())), (str(uuid4()), made), (str(uuid4()), str(uuid4()))):
        answer = other.get(f"/cases/{here}/disclosures/{disclosure}/bundle")
        answers.append((answer.status_code, {k: v for k, v in answer.json().items() if k != "instance"}))
    assert answers[0][0] == 404
    assert all(a == answers[0] for a in answers)


def onboarded(running: Any, agency: str) -> httpx.Client:
    from people import known

    from rujukan.api.application.casework import Casework
    from rujukan.infra import onboarding
    from rujukan.infra.issuer import usual_actor

    with composition.service(running.settings, connections=2) as ports:
        casework = Casework(ports.log, ports.macs)
        onboarding.add_member(casework, agency, usual_actor(agency, Role.LEGAL_REVIEWER), [Role.LEGAL_REVIEWER], None)
    return known(running.client(agency, Role.LEGAL_REVIEWER, Purpose.LEGAL))


def test_a_disclosure_of_one_case_is_not_fetched_under_another(running: Any, case: str) -> None:
    second = a_case(running)
    made = disclose(running, second)
    assert reviewer(running).get(f"/cases/{case}/disclosures/{made}/bundle").status_code == 404


@pytest.mark.parametrize("id", ["x", "%00", "../..", "urn:uuid:0", "9" * 400])
def test_what_is_no_id_is_not_found(running: Any, case: str, id: str) -> None:
    assert reviewer(running).get(f"/cases/{case}/disclosures/{id}/bundle").status_code == 404
    assert reviewer(running).get(f"/cases/{id}/disclosures/{uuid4()}/bundle").status_code == 404


@pytest.mark.thorough
def test_no_byte_leaves_while_the_fetching_cannot_be_recorded(running: Any) -> None:
    """The database refuses the access event; nothing is answered but that it is so."""
    case = a_case(running)
    made = disclose(running, case)
    fetch(running, case, made, reports="false")
    lock = "SELECT count(*) FROM log.stored_events WHERE topic = 'access.AccessRecorded'"
    with psycopg.connect(running.settings.database, autocommit=True) as db:
        before = db.execute(lock).fetchone()[0]
        db.execute(
            "CREATE FUNCTION log.no_access() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.topic = 'access.AccessRecorded' THEN RAISE EXCEPTION 'refused'; END IF;"
            " RETURN NEW; END $$"
        )
        db.execute(
            "CREATE TRIGGER no_access BEFORE INSERT ON log.stored_events FOR EACH ROW EXECUTE FUNCTION log.no_access()"
        )
        try:
            answer = reviewer(running).get(f"/cases/{case}/disclosures/{made}/bundle", params={"reports": "false"})
        finally:
            db.execute("DROP TRIGGER no_access ON log.stored_events")
            db.execute("DROP FUNCTION log.no_access()")
        assert answer.status_code >= 500
        assert b"PK" not in answer.content
        assert db.execute(lock).fetchone()[0] == before
        fetch(running, case, made, reports="false")
        assert db.execute(lock).fetchone()[0] == before + 1


@pytest.mark.thorough
def test_an_agency_that_came_later_or_is_withheld_is_named_nowhere(running: Any) -> None:
    """A shelter's part in a case tells where she is."""
    from pypdf import PdfReader

    case = a_case(running)
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    until = done(worker.post(f"/cases/{case}/notes", json={"legal": "BEFORE"}))["position"]
    draft = {
        "recipient": "lbh",
        "service": "bantuan-hukum",
        "urgency": "urgent",
        "purpose": "legal",
        "compartments": ["incident"],
    }
    drafted = worker.post(f"/cases/{case}/referrals", json=draft)
    assert drafted.status_code < 300, drafted.text
    found = fetch(running, case, disclose(running, case, as_of=until))
    hidden = fetch(running, case, disclose(running, case, withheld_events=[drafted.json()["version"]]))
    shown = fetch(running, case, disclose(running, case))
    (name,) = names_of("lbh")
    for data, there in ((found, False), (hidden, False), (shown, True)):
        parts = verify_bundle(data, policy_of(running)).parts
        pdf = PdfReader(io.BytesIO(parts["report.id.pdf"]))
        said = " ".join(page.extract_text() for page in pdf.pages).replace("\n", " ")
        assert (name in said) is there


def names_of(code: str) -> list[str]:
    from rujukan.infra.demo import network

    return [member.name for member in network.BONTANG if member.code == code]


@pytest.mark.thorough
def test_a_witness_that_says_an_absurd_time_does_not_stop_the_report(running: Any, case: str) -> None:
    made = disclose(running, case)
    found = container.unpack(fetch(running, case, made, reports="false"))[bundle_parts.CHECKPOINT]
    witness = SigningKey("liar.example", COSIGNATURE, os.urandom(32))
    note = parse_note(found)
    keys = httpx.get(f"{running.system.url}/ledger/keys").json()["keys"]
    with running.witnessed_under(f"log {keys[0]}\nwitness liar {witness.public.vkey}\nquorum none\n"):
        signed = Note(note.text, (*note.signatures, witness.sign(note.text, LATEST)))
        assert httpx.post(f"{running.system.url}/ledger/cosignatures", content=signed.data).json() == {"taken": 1}
        parts = verify_bundle(fetch(running, case, made), policy_of(running)).parts
        assert b"liar.example" in parts[bundle_parts.CHECKPOINT]
        assert bundle_parts.REPORTS[0] in parts


# Taking it apart ------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_it_is_extracted_where_nothing_is_and_only_there(running: Any, case: str, tmp_path: Path, capsys) -> None:
    from rujukan.infra.cli import main

    data = fetch(running, case, disclose(running, case), reports="false")
    file, out = tmp_path / "b.zip", tmp_path / "out"
    file.write_bytes(data)
    assert main(["verify", str(file), "--extract", str(out)]) == UNVOUCHED
    found = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*") if f.is_file()}
    assert found == container.unpack(data)
    (out / bundle_parts.ABOUT).write_text("mine")
    assert main(["verify", str(file), "--extract", str(out)]) == 1
    assert (out / bundle_parts.ABOUT).read_text() == "mine"
    changed = bytearray(data)
    changed[-30] ^= 1
    file.write_bytes(changed)
    assert main(["verify", str(file), "--extract", str(tmp_path / "never")]) == 1
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    "path",
    [
        "receipts/0",
        "receipts/-1",
        "receipts/999999999999999999",
        "receipts/9999999999999999999999",
        "receipts/1e3",
        "receipts/%D9%A1",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/63/x999/x999/x999/x999/x999/999.p/1",
        "tile/entries/x999/x999/x999/x999/x999/999.p/255",
        "tile/0/..%2f..%2fkeys",
    ],
)
def test_what_no_ledger_has_is_not_found_whatever_the_number(running: Any, path: str) -> None:
    answer = httpx.get(f"{running.system.url}/ledger/{path}")
    assert answer.status_code == 404, answer.text
