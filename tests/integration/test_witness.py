"""Witnesses: an honest log is cosigned, pushed or fetched; one that forks or rolls back is refused and kept."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from patience import PATIENCE_SECONDS
from some import some
from test_ledger import fresh, ledger, public, roll_back, seal, superuser, write  # noqa: F401

from rujukan.api.actions import OPENING
from rujukan.consumers.agency.witnessing.at_work import LogClient, WitnessServer, follow
from rujukan.consumers.agency.witnessing.witness import Evidence, Misbehaviour, Witness
from rujukan.consumers.evidence import notes, policies, proofs
from rujukan.consumers.evidence.add_checkpoint import request
from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey, parse_note
from rujukan.consumers.evidence.refused import NoQuorum, NotConsistent
from rujukan.consumers.evidence.tiles import ENTRIES, Tile, TiledTree, entries_in, tile_of
from rujukan.consumers.wire.envelope import encoded_service_key
from rujukan.infra import composition
from rujukan.infra.cli import main
from rujukan.infra.ledger.log_key import LogKey
from rujukan.infra.ledger.store import LedgerStore
from rujukan.infra.ledger.witnessing import Asked, Refused, ask_witnesses

Made = Callable[..., Witness]


def keys(name: str = "polres.example/witness") -> list[SigningKey]:
    return [SigningKey(name, kind, os.urandom(32)) for kind in (COSIGNATURE_ML_DSA, COSIGNATURE)]


def log_key(origin: str) -> LogKey:
    """A key that is not the service's."""
    return LogKey(SigningKey(origin, ED25519, b"1" * 32), SigningKey(origin, COSIGNATURE_ML_DSA, b"2" * 32))


@pytest.fixture
def made(fresh, tmp_path: Path) -> Iterator[Made]:  # noqa: F811
    opened: list[Witness] = []

    def make(file: str = "w.db", alarm: Callable[[Evidence], None] | None = None) -> Witness:
        opened.append(Witness(tmp_path / file, keys(), public(fresh), alarm=alarm, now=lambda: 1_800_000_000.0))
        return opened[-1]

    yield make
    for witness in opened:
        witness.close()


def grow(settings, store: LedgerStore, count: int) -> Note:
    write(settings, count)
    seal(settings)
    newest = store.newest()
    assert newest is not None
    return newest


# An honest log --------------------------------------------------------------------------------------------------------


def test_each_extension_is_cosigned_by_both_keys(fresh, ledger, made):  # noqa: F811
    witness = made()
    for count in (1, 5, 300, 2):
        note = grow(fresh, ledger, count)
        cosignatures = witness.follow(note, ledger.tree)
        signed = notes.verify(Note(note.text, tuple(cosignatures)), [k.public for k in witness.keys])
        assert set(signed.values()) == {1_800_000_000}
        assert len(signed) == 2
        assert witness.seen(fresh.ledger_origin) == parse_checkpoint(note.text)
        assert witness.follow(note, ledger.tree) == ()


def test_a_witness_remembers_over_a_restart(fresh, ledger, made):  # noqa: F811
    first = made()
    note = grow(fresh, ledger, 5)
    first.follow(note, ledger.tree)
    first.close()
    assert made().seen(fresh.ledger_origin) == parse_checkpoint(note.text)


@pytest.mark.thorough
def test_the_log_asks_a_witness_and_its_receipts_then_meet_the_policy(fresh, ledger, made):  # noqa: F811
    witness = made()
    with WitnessServer(witness) as server, httpx.Client() as http:
        server.start()
        asked = Asked(server.url, witness.keys[0].public, http)
        for _ in range(3):
            note = grow(fresh, ledger, 4)
            assert asked.ask(note, ledger) == 1
        again = Asked(server.url, witness.keys[0].public, http)  # a new process, which learns the size by 409
        assert again.ask(grow(fresh, ledger, 4), ledger) == 1
        server.shutdown()
    vkey = witness.keys[0].public.vkey
    policy = policies.parse_policy(f"log {public(fresh)[0].vkey}\nwitness w {vkey}\nquorum w\n".encode())
    shown = policy.check(ledger.newest())
    assert shown.witnesses == {"w": 1_800_000_000}
    with pytest.raises(NoQuorum):
        policy.check(grow(fresh, ledger, 1))


def test_the_monitoring_prefix_serves_what_was_cosigned(fresh, ledger, made):  # noqa: F811
    witness = made()
    note = grow(fresh, ledger, 3)
    witness.follow(note, ledger.tree)
    with WitnessServer(witness) as server, httpx.Client(base_url=server.url) as http:
        server.start()
        answer = http.get(f"/{hashlib.sha256(fresh.ledger_origin.encode()).hexdigest()}/checkpoint")
        served = parse_note(answer.content)
        assert len(notes.verify(served, [*public(fresh), *(k.public for k in witness.keys)])) == 4
        assert http.get("/0/checkpoint").status_code == 404
        assert http.post("/elsewhere").status_code == 404
        server.shutdown()


# The statuses of C2SP tlog-witness ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_every_refusal_has_the_status_that_the_specification_gives_it(fresh, ledger, made):  # noqa: F811
    witness = made()
    note = grow(fresh, ledger, 5)
    later = grow(fresh, ledger, 4)
    assert witness.add_checkpoint(request(0, [], note)).status == 200
    good = ledger.tree(9).consistency(5)

    assert witness.add_checkpoint(b"new 5\n\n" + later.data).status == 400
    assert witness.add_checkpoint(b"old 05\n\n" + later.data).status == 400
    assert witness.add_checkpoint(request(10, [], later)).status == 400
    assert witness.add_checkpoint(request(5, good * 32, later)).status == 400
    stranger = log_key("example.com/x")
    assert witness.add_checkpoint(request(0, [], stranger.sign(1, b"0" * 32, 0))).status == 404
    forger = log_key(fresh.ledger_origin)
    assert witness.add_checkpoint(request(5, good, forger.sign(9, b"0" * 32, 0))).status == 403
    broken = Note(later.text, (later.signatures[0]._replace(blob=bytes(64)), *later.signatures[1:]))
    assert witness.add_checkpoint(request(5, good, broken)).status == 403
    conflict = witness.add_checkpoint(request(4, ledger.tree(9).consistency(4), later))
    assert conflict == (409, b"5\n", "text/x.tlog.size")
    assert witness.add_checkpoint(request(5, good[:-1], later)).status == 422
    assert witness.add_checkpoint(request(5, good[::-1], later)).status == 422
    log = composition.ledger_key(fresh)
    assert witness.add_checkpoint(request(0, [], log.sign(0, b"0" * 32, 0))).status == 422
    assert not witness.alarms()
    assert witness.add_checkpoint(request(5, good, later)).status == 200


# A log that lies ------------------------------------------------------------------------------------------------------


def rewritten(settings, store: LedgerStore, size: int) -> Note:
    """The log's operator rewrites history and has the log's own key sign it."""
    roll_back(settings, 0)
    with superuser(settings) as db:
        db.execute("DELETE FROM ledger.tiles")
    settings.ledger_guard.unlink()
    return grow(settings, store, size)


@pytest.mark.parametrize(("seen", "size"), some([(10, 16), (10, 10), (10, 300), (16, 16), (16, 17), (64, 100)], 3))
def test_a_fork_is_refused_kept_and_raises_the_alarm(fresh, ledger, made, seen, size):  # noqa: F811
    alarms: list[Evidence] = []
    witness = made(alarm=alarms.append)
    honest = grow(fresh, ledger, seen)
    witness.follow(honest, ledger.tree)
    forked = rewritten(fresh, ledger, size)
    with pytest.raises(Misbehaviour):
        witness.follow(forked, ledger.tree)
    assert [e.why for e in alarms] == [e.why for e in witness.alarms()]
    (evidence,) = witness.alarms()
    assert parse_note(evidence.contradicts).text == honest.text
    assert forked.text.encode() in evidence.request
    for claim in (honest, forked):  # both are the log's own words
        notes.verify(claim, public(fresh))
    assert witness.seen(fresh.ledger_origin) == parse_checkpoint(honest.text)


def test_a_restored_backup_is_refused_and_is_an_alarm_once_it_grew_otherwise(fresh, ledger, made):  # noqa: F811
    """An older checkpoint accuses nobody: anybody can show one that the log signed long ago."""
    witness = made()
    old = grow(fresh, ledger, 10)
    new = grow(fresh, ledger, 10)
    witness.follow(new, ledger.tree)
    roll_back(fresh, 10)
    assert ledger.newest() == old

    def gone(tile: Tile) -> bytes:
        raise ConnectionError(tile.path)

    for _ in range(2):
        with pytest.raises(NotConsistent, match="10 leaves; 20 were cosigned"):
            witness.follow(old, lambda size: TiledTree(size, gone))
    assert not witness.alarms()
    assert witness.seen(fresh.ledger_origin) == parse_checkpoint(new.text)
    fresh.ledger_guard.unlink()
    grown = grow(fresh, ledger, 20)
    with pytest.raises(Misbehaviour, match="another tree of 30"):
        witness.follow(grown, ledger.tree)
    with pytest.raises(Misbehaviour, match="an alarm stands"):
        witness.follow(grown, ledger.tree)


def test_the_asking_log_is_refused_after_it_rolled_back(fresh, ledger, made):  # noqa: F811
    witness = made()
    grow(fresh, ledger, 10)
    with WitnessServer(witness) as server, httpx.Client() as http:
        server.start()
        asked = Asked(server.url, witness.keys[0].public, http)
        asked.ask(grow(fresh, ledger, 10), ledger)
        roll_back(fresh, 10)
        fresh.ledger_guard.unlink()
        with pytest.raises(Refused, match="has seen a tree of 20"):
            Asked(server.url, witness.keys[0].public, http).ask(ledger.newest(), ledger)
        with pytest.raises(Refused, match="answered 422"):
            asked.ask(grow(fresh, ledger, 15), ledger)
        server.shutdown()
    assert [e.why for e in witness.alarms()] == ["the log has two histories"]


@pytest.mark.thorough
def test_an_alarm_stands_until_a_person_at_the_witness_ends_it(fresh, ledger, made):  # noqa: F811
    witness = made()
    witness.follow(grow(fresh, ledger, 10), ledger.tree)
    forked = rewritten(fresh, ledger, 12)
    with pytest.raises(Misbehaviour):
        witness.follow(forked, ledger.tree)
    witness.close()
    witness = made()
    (evidence,) = witness.alarms()
    for _ in range(2):
        later = grow(fresh, ledger, 3)
        assert (
            witness.add_checkpoint(
                request(10, ledger.tree(parse_checkpoint(later.text).size).consistency(10), later)
            ).status
            >= 400
        )
        with pytest.raises(Misbehaviour):
            witness.follow(later, ledger.tree)
    assert witness.alarms()[0] == evidence
    assert not witness.clear(evidence.number + 99)
    assert witness.clear(evidence.number)
    assert not [e for e in witness.alarms() if e.number == evidence.number]


def test_nobody_makes_an_honest_log_look_forked(fresh, ledger, made):  # noqa: F811
    """Every proof of the wrong shape, and every flipped bit, is refused without an alarm."""
    witness = made()
    witness.follow(grow(fresh, ledger, 11), ledger.tree)
    later = grow(fresh, ledger, 12)
    good = ledger.tree(23).consistency(11)
    for i in range(len(good)):
        for bad in (good[:i], good[i:], [*good[:i], bytes(32), *good[i + 1 :]], [*good, good[i]], good[::-1]):
            if bad != good:
                assert witness.add_checkpoint(request(11, bad, later)).status == 422
    assert not witness.alarms()
    assert witness.follow(later, ledger.tree)


# Over HTTP, on a running system ---------------------------------------------------------------------------------------


def test_an_agency_behind_its_firewall_witnesses_the_running_log(running, tmp_path):
    url = f"{running.system.url}/ledger"
    vkeys = httpx.get(f"{url}/keys").json()["keys"]
    logs = [notes.parse_vkey(v) for v in vkeys]
    witness = Witness(tmp_path / "w.db", keys(), logs)
    client = LogClient(url)
    policy = f"log {vkeys[0]}\n" + "".join(f"witness w{n} {k.public.vkey}\n" for n, k in enumerate(witness.keys))
    policy += "group both all w0 w1\nquorum both\n"
    stop = Event()
    following = Thread(target=follow, args=(witness, client, stop, 0.05), daemon=True)
    with running.witnessed_under(policy):
        following.start()
        try:
            worker = running.client("uptd-ppa")
            opened = worker.post(
                "/cases", json={"channel": "hotline", "reporter": "family", "urgency": "urgent", "age_group": "adult"}
            )
            answer = opened.json()
            assert opened.headers["Rujukan-Position"] == str(answer["position"])
            proved = receipt(running, answer["receipt"])
            parsed = proofs.parse_proof(proved)
            tile = tile_of(ENTRIES, parsed.leaf // 256, parse_checkpoint(parsed.checkpoint.text).size)
            entry = entries_in(client.tile(tile), tile)[parsed.leaf % 256]  # public: a hash of the sealed record
            shown = proofs.verify_proof(parsed, entry, policies.parse_policy(policy.encode()))
            assert set(shown.witnesses) == {"w0", "w1"}
            assert parsed.extra == entry
            (tmp_path / "policy").write_text(policy)
            (tmp_path / "receipt.tlog-proof").write_bytes(proved)
            assert main(["verify", str(tmp_path / "receipt.tlog-proof"), "--policy", str(tmp_path / "policy")]) == 0
            assert httpx.get(f"{running.system.url}/health").json()["ledger"]["lag_ms"] >= 0
        finally:
            stop.set()
            following.join(PATIENCE_SECONDS)
            witness.close()


@pytest.mark.thorough
def test_a_policy_that_cannot_be_read_does_not_end_the_asking(fresh, ledger, made, tmp_path):  # noqa: F811
    witness, policy, stop = made(), tmp_path / "policy", Event()
    policy.write_text("half a li")
    note = grow(fresh, ledger, 3)
    server = WitnessServer(witness)
    server.start()
    asking = Thread(target=ask_witnesses, args=(ledger, policy, stop), daemon=True)
    asking.start()
    try:
        time.sleep(0.3)
        policy.write_text(f"witness w {witness.keys[0].public.vkey} {server.url}\nquorum w\n")
        give_up = time.monotonic() + PATIENCE_SECONDS
        while witness.seen(fresh.ledger_origin) != parse_checkpoint(note.text):
            assert time.monotonic() < give_up, "nobody asked"
            time.sleep(0.05)
    finally:
        stop.set()
        asking.join(PATIENCE_SECONDS)
        server.shutdown()


def receipt(running, path: str) -> bytes:
    """The witnessed receipt, as soon as there is one."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = httpx.get(f"{running.system.url}{path}", params={"witnessed": "true"})
        if answer.status_code == 200:
            return answer.content
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:rujukan:problem:not-sealed-yet"
        assert time.monotonic() < give_up, "no witnessed receipt"
        time.sleep(0.05)


def test_rubbish_brought_as_cosignatures_is_refused(running):
    url = f"{running.system.url}/ledger/cosignatures"
    for body in (b"", b"\xff" * 100, b"a\n\nb\n", b"x" * 600_000):
        answer = httpx.post(url, content=body)
        assert answer.status_code in (413, 422)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["tile/0/0", "tile/0/x1/000", "tile/9/000", "tile/0/000.p/0", "tile/entries/999", "receipts/x"]
)
def test_what_the_ledger_does_not_have_is_not_found(running, path):
    answer = httpx.get(f"{running.system.url}/ledger/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_agencys_operator_makes_a_witness_and_looks_once(running, tmp_path, capsys):
    key = tmp_path / "witness.key"
    assert main(["witness", "--witness-key", str(key), "--keygen", "dinsos.example/w"]) == 0
    own = [notes.parse_vkey(line) for line in capsys.readouterr().out.split()]
    assert [k.kind for k in own] == [COSIGNATURE_ML_DSA, COSIGNATURE]
    assert key.stat().st_mode & 0o077 == 0
    assert main(["witness", "--witness-key", str(key), "--keygen", "x"]) == 1  # a key is never overwritten
    url = f"{running.system.url}/ledger"
    logs = [v for vkey in httpx.get(f"{url}/keys").json()["keys"] for v in ("--log-key", vkey)]
    with running.witnessed_under(f"witness w {own[0].vkey}\nquorum w\n"):
        running.client("uptd-ppa").post("/cases", json=OPENING.example)
        assert main(["witness", "--witness-key", str(key), "--log", url, *logs, "--once"]) == 0
        with composition.ledger(running.settings) as ledger:
            assert any(s.name == "dinsos.example/w" for s in ledger.witnessed(1, lambda note: True).signatures)
    assert main(["witness", "--witness-key", str(key), "--alarms"]) == 0


@pytest.mark.thorough
def test_a_subscriber_witnesses_beside_its_subscription(running, tmp_path, capsys):
    key, inbox = tmp_path / "witness.key", tmp_path / "inbox.db"
    assert main(["witness", "--witness-key", str(key), "--keygen", "rsud.example/w"]) == 0
    own = notes.parse_vkey(capsys.readouterr().out.split()[0])
    url = f"{running.system.url}/ledger"
    vkey = httpx.get(f"{url}/keys").json()["keys"][0]
    hospital = running.settings.data / "agencies" / "rsud.key"
    service = encoded_service_key(running.service_key)
    asked = ["--key", str(hospital), "--service-key", service, "--kafka", running.settings.kafka, "--inbox", str(inbox)]
    witness = ["--log", url, "--log-key", vkey, "--witness-key", str(key)]
    command = [sys.executable, "-m", "rujukan.infra.cli", "subscribe", "rsud", *asked, *witness]
    with running.witnessed_under(f"witness w {own.vkey}\nquorum w\n"):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.client("uptd-ppa").post("/cases", json=OPENING.example)
            with composition.ledger(running.settings) as ledger:
                give_up = time.monotonic() + PATIENCE_SECONDS
                while not ledger.witnessed(1, lambda note: any(s.name == own.name for s in note.signatures)):
                    assert time.monotonic() < give_up, "the subscriber cosigned nothing"
                    time.sleep(0.1)
        finally:
            child.terminate()
            ended = child.wait(PATIENCE_SECONDS)
    assert ended == 0
