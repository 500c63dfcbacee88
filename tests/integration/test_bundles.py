"""Bundles on a running system: made for a court, verified with nothing of ours, changed nowhere unseen."""

import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from patience import PATIENCE_SECONDS
from people import known
from pypdf import PdfReader
from some import ONE_IN, is_thorough, some
from two import seconded

from rujukan.api.application.casework import Casework
from rujukan.consumers.evidence import bundle_parts as b
from rujukan.consumers.evidence import container
from rujukan.consumers.evidence.bundles import Refused, Verified, verify_bundle
from rujukan.consumers.evidence.notes import parse_vkey
from rujukan.consumers.evidence.policies import Policy, parse_policy
from rujukan.domain.codes import Purpose, Role
from rujukan.infra import composition, onboarding
from rujukan.infra.cli import main
from rujukan.infra.commands.evidence import UNVOUCHED
from rujukan.infra.issuer import usual_actor
from rujukan.infra.keys.names import API
from rujukan.infra.ledger.auditing import audit
from rujukan.infra.ledger.log_key import BundleSeal


class Filed(NamedTuple):
    """A case with something in many compartments, and a disclosure of some of them."""

    case: str
    disclosure: str
    data: bytes
    policy: Policy
    document: bytes


def reviewer(running: Any) -> httpx.Client:
    return running.client("uptd-ppa", Role.LEGAL_REVIEWER, Purpose.LEGAL)


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code < 300, answer.text
    return answer.json()


def a_case(running: Any, document: bytes = b"the report of the doctor") -> str:
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    body = {"channel": "in-person", "reporter": "family", "urgency": "emergency", "age_group": "adult"}
    case = done(worker.post("/cases", json=body))["id"]
    here = f"/cases/{case}"
    done(worker.post(f"{here}/survivor/identity", json={"name": "SURVIVOR-NAME", "sex": "female"}))
    done(worker.post(f"{here}/survivor/contact", json={"phone": "SURVIVOR-PHONE", "safe_to_call": True}))
    incident = {"forms": ["fisik"], "gbv_type": "physical-assault", "narrative": "INCIDENT-NARRATIVE"}
    done(worker.post(f"{here}/incidents", json=incident))
    done(worker.post(f"{here}/notes", json={"health": "HEALTH-NOTE", "legal": "LEGAL-NOTE", "safety": "SAFETY-NOTE"}))
    for compartment, content in (("legal", document), ("health", b"HEALTH-DOCUMENT")):
        query = {"kind": "visum", "compartment": compartment}
        text = {"Content-Type": "text/plain"}
        last = done(worker.post(f"{here}/documents", params=query, content=content, headers=text))["position"]
    assert worker.get(f"{here}/export", params={"wait_for": last}).status_code == 200
    return case


def disclose(running: Any, case: str, **more: Any) -> str:
    body = {
        "recipient": "Pengadilan Negeri Bontang",
        "basis": "court-order",
        "rule": "1/Pen.Pid/2026",
        "compartments": ["incident", "legal"],
        **more,
    }
    disclosure = str(uuid4())
    asked = reviewer(running).post(f"/cases/{case}/disclosures", json={**body, "disclosure": disclosure})
    done(seconded(asked, running.client("uptd-ppa", Role.SUPERVISOR)))
    return disclosure


def fetch(running: Any, case: str, disclosure: str, **query: str) -> bytes:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = reviewer(running).get(f"/cases/{case}/disclosures/{disclosure}/bundle", params=query)
        if answer.status_code == 200:
            return answer.content
        assert answer.json()["type"] == "urn:rujukan:problem:not-sealed-yet", answer.text
        assert time.monotonic() < give_up
        time.sleep(0.05)


def policy_of(running: Any) -> Policy:
    keys = httpx.get(f"{running.system.url}/ledger/keys").json()["keys"]
    return parse_policy(f"log {keys[0]}\nquorum none\n".encode())


@pytest.fixture(scope="module")
def filed(running: Any) -> Filed:
    document = b"the report of the doctor"
    case = a_case(running, document)
    disclosure = disclose(running, case)
    return Filed(case, disclosure, fetch(running, case, disclosure, reports="false"), policy_of(running), document)


@pytest.fixture(scope="module")
def verified(filed: Filed) -> Verified:
    return verify_bundle(filed.data, filed.policy)


# What a court holds ---------------------------------------------------------------------------------------------------


def test_it_verifies_with_the_logs_key_and_nothing_else_of_ours(filed: Filed, verified: Verified) -> None:
    assert verified.manifest["case"] == filed.case
    assert [e.header.version for e in verified.events] == list(range(1, len(verified.events) + 1))
    assert (
        verified.events[0].header.topic == "case.ReportReceived" or verified.events[0].header.topic == "case.CaseOpened"
    )
    assert verified.disclosure.text()["recipient"] == "Pengadilan Negeri Bontang"


def test_what_is_disclosed_is_in_clear_and_what_is_not_is_nowhere(filed: Filed, verified: Verified) -> None:
    for word in (b"INCIDENT-NARRATIVE", b"LEGAL-NOTE", filed.document):
        assert word in filed.data
    for word in (b"SURVIVOR-NAME", b"SURVIVOR-PHONE", b"HEALTH-NOTE", b"SAFETY-NOTE", b"HEALTH-DOCUMENT"):
        assert word not in filed.data
    for event in verified.events:
        shown = {s.compartment for s in event.segments if not s.withheld}
        assert shown <= {"coordination", "incident", "legal"}
        assert all(s.sealed is None and s.key is None for s in event.segments if s.withheld)


def test_the_readings_of_the_case_are_in_it_under_the_same_proofs(verified: Verified) -> None:
    assert [a.text()["what"] for a in verified.accesses] == ["export"]
    assert verified.accesses[0].text()["compartments"]


def test_that_it_was_made_and_fetched_is_in_the_log(running: Any, filed: Filed) -> None:
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION)
    found = done(supervisor.get("/audit", params={"subject": filed.case, "limit": 500}))["items"]
    topics = [e["topic"] for e in found]
    assert "case.DisclosureMade" in topics
    assert "access.AccessRecorded" in topics[topics.index("case.DisclosureMade") :]


def test_the_same_disclosure_gives_the_same_bytes(running: Any, filed: Filed) -> None:
    assert fetch(running, filed.case, filed.disclosure, reports="false") == filed.data


@pytest.mark.thorough
def test_reports_are_the_same_bytes_each_time_and_say_what_is_disclosed_only(running: Any, filed: Filed) -> None:
    import io

    from pypdf import PdfReader

    whole = fetch(running, filed.case, filed.disclosure)
    assert fetch(running, filed.case, filed.disclosure) == whole
    parts = verify_bundle(whole, filed.policy).parts
    for name in b.REPORTS:
        said = "".join(page.extract_text() for page in PdfReader(io.BytesIO(parts[name])).pages).replace("\n", "")
        assert "INCIDENT-NARRATIVE" in said
        assert "HEALTH-NOTE" not in said
        assert "SURVIVOR-NAME" not in said
        assert "Pengadilan Negeri Bontang" in said


def test_it_is_of_the_instant_that_was_asked_for(running: Any) -> None:
    case = a_case(running)
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    until = done(worker.post(f"/cases/{case}/notes", json={"legal": "BEFORE"}))["position"]
    done(worker.post(f"/cases/{case}/notes", json={"legal": "AFTERWARDS"}))
    disclosure = disclose(running, case, as_of=until)
    data = fetch(running, case, disclosure, reports="false")
    assert verify_bundle(data, policy_of(running)).events[-1].position == until
    assert b"BEFORE" in data
    assert b"AFTERWARDS" not in data


def test_it_says_no_more_than_was_known_as_it_was_disclosed(running: Any) -> None:
    """Whatever instant was asked for: what comes later is not in it, and is not said to be none."""
    case = a_case(running)
    data = fetch(running, case, disclose(running, case, as_of=2**40), reports="false")
    found = verify_bundle(data, policy_of(running))
    assert found.manifest["complete"]["events"]["to"] == found.manifest["complete"]["accesses"]["to"]
    assert found.manifest["complete"]["events"]["to"] < 2**40


@pytest.mark.thorough
def test_an_event_can_be_withheld_whole_and_shows_as_withheld(running: Any) -> None:
    case = a_case(running)
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    note = done(worker.post(f"/cases/{case}/notes", json={"subject": "SECRET-SUBJECT", "legal": "SECRET-LEGAL"}))
    disclosure = disclose(running, case, withheld_events=[note["version"]])
    data = fetch(running, case, disclosure)
    event = verify_bundle(data, policy_of(running)).events[note["version"] - 1]
    assert event.withheld == event.header.compartments
    assert b"SECRET" not in data


# Who may --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agency", "role", "status"),
    [
        ("uptd-ppa", Role.CASE_WORKER, 403),
        ("uptd-ppa", Role.SUPERVISOR, 403),
        ("rsud", Role.LEGAL_REVIEWER, 404),
    ],
)
def test_nobody_but_the_leads_legal_reviewer_makes_or_fetches_one(running, filed, agency, role, status):
    if role is Role.LEGAL_REVIEWER:
        with composition.service(running.settings, connections=2) as ports:
            casework = Casework(ports.log, ports.macs)
            onboarding.add_member(casework, agency, usual_actor(agency, role), [role], None)
        known(running.client(agency, role, Purpose.LEGAL))
    client = running.client(agency, role, Purpose.LEGAL)
    body = {"recipient": "x", "basis": "court-order", "rule": "x", "compartments": []}
    assert client.post(f"/cases/{filed.case}/disclosures", json=body).status_code == status
    assert client.get(f"/cases/{filed.case}/disclosures/{filed.disclosure}/bundle").status_code == status


def test_a_basis_does_not_cover_more_than_it_does(running, filed):
    body = {"recipient": "Polres", "basis": "investigation", "rule": "B/1", "compartments": ["incident", "safety"]}
    answer = reviewer(running).post(f"/cases/{filed.case}/disclosures", json=body)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:rujukan:problem:basis-too-narrow"
    assert answer.json()["about"]["compartments"] == ["safety"]


# What was changed is refused, and named -------------------------------------------------------------------------------


def spans(data: bytes) -> Iterator[tuple[str, str, range]]:
    """(part, the part before it, where it lies in the file): its header, its bytes, its line in the directory; at last
    the end of the file."""
    parts = container.unpack(data)
    at, before = 0, "the beginning of the file"
    for name, content in parts.items():
        yield name, before, range(at, at + 30 + len(name.encode()))
        at += 30 + len(name.encode())
        yield name, name, range(at, at + len(content))
        at, before = at + len(content), name
    for name in parts:
        yield name, before, range(at, at + 46 + len(name.encode()))
        at += 46 + len(name.encode())
    yield "the end of the file", before, range(at, len(data))


def test_a_byte_changed_anywhere_is_refused_and_its_part_is_named(running: Any) -> None:
    """Every offset of a small bundle (one in six where a run is not thorough): also of the archive's own words, where a
    part whose name or beginning was changed is named by the one before it, or by as much of a name as it has now."""
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    body = {"channel": "hotline", "reporter": "survivor", "urgency": "routine", "age_group": "adult"}
    case = done(worker.post("/cases", json=body))["id"]
    data = fetch(running, case, disclose(running, case, compartments=[]), reports="false")
    policy = policy_of(running)
    verify_bundle(data, policy)
    tried, step = 0, 1 if is_thorough() else ONE_IN
    for part, before, where in spans(data):
        tried += len(where)
        for at in where[::step]:
            changed = bytearray(data)
            changed[at] ^= 1 + at % 255
            with pytest.raises(Refused) as refused:
                verify_bundle(bytes(changed), policy)
            named = refused.value.part
            renamed = changed[where.start + 30 : where.stop].decode("utf-8", "replace")
            in_header = named in (f"after {before}", renamed) or named.startswith(part) or part.startswith(named)
            assert named == part or (before != part and in_header), (at, named)
    assert tried == len(data)


def repacked(filed: Filed, running: Any, change: dict[str, bytes | None]) -> bytes:
    """The bundle with other parts, and a manifest and archive that fit them; only the seal cannot be made."""
    import json
    from hashlib import sha256

    parts = {n: d for n, d in container.unpack(filed.data).items() if change.get(n, d) is not None}
    parts |= {n: d for n, d in change.items() if d is not None}
    manifest = json.loads(parts[b.MANIFEST])
    outside = (b.MANIFEST, b.SEAL, b.CHECKPOINT)
    manifest["parts"] = [
        {"name": n, "size": len(d), "sha256": sha256(d).hexdigest()} for n, d in parts.items() if n not in outside
    ]
    parts[b.MANIFEST] = b.to_json(manifest)
    seal = BundleSeal.of(running.settings.ledger_origin, composition.keys(running.settings, API))
    parts[b.SEAL] = seal.sign(b.seal_text(filed.case, parts)).data  # the log's operator lies
    return container.pack(parts)


def proof(name: str) -> str:
    return b.PROOF_OF.format(name.removesuffix(".json"))


def test_even_the_logs_operator_cannot_forge_one(running: Any, filed: Filed) -> None:
    """With the log's own key over the manifest: what the tree does not hold is refused, and its part named."""
    parts = container.unpack(filed.data)
    events = sorted(n for n in parts if n.startswith("events/"))
    first, second, last = events[0], events[1], events[-1]

    def text(name: str, old: bytes, new: bytes) -> dict[str, bytes | None]:
        assert old in parts[name]
        return {name: parts[name].replace(old, new)}

    told = next(n for n in events if b"INCIDENT-NARRATIVE" in parts[n])
    forged: list[tuple[dict[str, bytes | None], str]] = [
        (text(told, b"INCIDENT-NARRATIVE", b"ANOTHER-NARRATIVE!"), told),
        (
            {
                first: parts[second],
                second: parts[first],
                proof(first): parts[proof(second)],
                proof(second): parts[proof(first)],
            },
            first,
        ),
        ({last: None, proof(last): None}, b.MANIFEST),
        ({first: None, proof(first): None}, second),
        (text(told, b'"leaf": ', b'"leaf": 1'), told),
        ({proof(first): parts[proof(second)]}, first),
        ({"accesses/000001.json": parts[first]}, "accesses/000001.json"),
        ({"events/something.json": b"{}"}, "events/something.json"),
        ({"something": b"{}"}, "something"),
        ({"documents/x": b"{}"}, "documents/x"),
        (
            text(b.MANIFEST, b"Pengadilan Negeri Bontang", b"Pengadilan Negeri Kutai!!"),
            b.MANIFEST,
        ),
        (text(b.MANIFEST, b'"court-order"', b'"prosecution"'), b.MANIFEST),
        (text(b.MANIFEST, b'"incident",', b'"health",'), told),
    ]
    verify_bundle(repacked(filed, running, {}), filed.policy)
    for change, part in forged:
        with pytest.raises(Refused) as refused:
            verify_bundle(repacked(filed, running, change), filed.policy)
        assert refused.value.part in (part, proof(part)), str(refused.value)


def test_a_policy_of_another_log_or_more_witnesses_refuses_it(filed: Filed) -> None:
    other = parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    with pytest.raises(Refused):
        verify_bundle(filed.data, filed.policy._replace(logs=(other,)))
    unchecked = verify_bundle(filed.data).unchecked
    assert "log-key" in unchecked
    assert "no-witnesses" in verify_bundle(filed.data, filed.policy).unchecked


# The command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def policy_file(running: Any, tmp_path: Path) -> Path:
    keys = httpx.get(f"{running.system.url}/ledger/keys").json()["keys"]
    file = tmp_path / "policy"
    file.write_text(f"log {keys[0]}\nquorum none\n")
    return file


def by_two(running: Any, capsys: Any, *asked: str) -> None:
    """The command line asks for a bundle, is told who else it takes, and fetches it once that one approved."""
    capsys.readouterr()
    assert main(["bundle", *asked]) == 0
    said = capsys.readouterr().err
    proposal, disclosure = re.search(r"(/proposals/\S+)/approval", said), re.search(r"--disclosure (\S+)", said)
    assert proposal is not None
    assert disclosure is not None
    done(running.client("uptd-ppa", Role.SUPERVISOR).post(f"{proposal[1]}/approval"))
    assert main(["bundle", *asked, "--disclosure", disclosure[1]]) == 0


def test_a_clerk_makes_one_and_a_lawyer_checks_it(running, filed, policy_file, tmp_path, monkeypatch, capsys):
    token = running.issuer.token(usual_actor("uptd-ppa", Role.LEGAL_REVIEWER), "uptd-ppa", [Role.LEGAL_REVIEWER])
    monkeypatch.setenv("RUJUKAN_TOKEN", token)
    out = tmp_path / "b.zip"
    asked = ["--disclose", "incident,legal", "--recipient", "PN Bontang", "--basis", "court-order", "--rule", "1/2026"]
    by_two(running, capsys, filed.case, *asked, "--url", running.system.url, "--out", str(out))
    assert out.stat().st_mode & 0o077 == 0
    capsys.readouterr()
    parts = tmp_path / "parts"
    asked = ["--policy", str(policy_file), "--language", "id", "--extract", str(parts)]
    assert main(["verify", str(out), *asked]) == 0
    assert all(part.stat().st_mode & 0o077 == 0 for part in (parts, *parts.rglob("*")))
    said = capsys.readouterr().out
    assert said.startswith("LULUS PEMERIKSAAN\n")
    assert "PN Bontang" in said
    assert "tidak diungkap" in said
    for language, first in (("id", "UTUH, TETAPI"), ("en", "WHOLE, BUT NOBODY VOUCHES FOR IT")):
        assert main(["verify", str(out), "--language", language]) == UNVOUCHED
        assert capsys.readouterr().out.startswith(first)
    changed = bytearray(out.read_bytes())
    changed[len(changed) // 3] ^= 1
    out.write_bytes(changed)
    assert main(["verify", str(out), "--policy", str(policy_file)]) == 1
    assert capsys.readouterr().err.startswith("FAILED THE CHECK: ")


def test_a_clerk_says_the_instant_or_the_position(running, filed, policy_file, tmp_path, monkeypatch, capsys):
    token = running.issuer.token(usual_actor("uptd-ppa", Role.LEGAL_REVIEWER), "uptd-ppa", [Role.LEGAL_REVIEWER])
    monkeypatch.setenv("RUJUKAN_TOKEN", token)
    asked = ["--disclose", "incident", "--recipient", "PN Bontang", "--basis", "court-order", "--rule", "1/2026"]
    asked += ["--no-reports", "--url", running.system.url]
    third = verify_bundle(filed.data, filed.policy).events[2]
    shown = []
    for when in (third.header.recorded_at.isoformat(), str(third.position)):
        out = tmp_path / f"{len(shown)}.zip"
        by_two(running, capsys, filed.case, *asked, "--as-of", when, "--out", str(out))
        shown.append(verify_bundle(out.read_bytes(), filed.policy).manifest["as_of"])
    assert shown[0] == shown[1]
    assert shown[0]["asked"] == third.position
    assert main(["bundle", filed.case, *asked, "--as-of", "2001-01-01T00:00:00+08:00", "--out", str(out)]) == 1
    assert "nothing of this case" in capsys.readouterr().err


@pytest.mark.thorough
def test_a_bundle_that_is_made_after_an_erasure_shows_what_is_gone_as_erased_and_still_verifies(running):
    case = a_case(running)
    before = fetch(running, case, disclose(running, case, compartments=["health", "incident"]))
    assert b"HEALTH-NOTE" in b"".join(verify_bundle(before, policy_of(running)).parts.values())
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR)
    asking = {"compartments": ["health"], "basis": "survivor-request", "reason": "she asks"}
    erasure = done(supervisor.post(f"/cases/{case}/erasures", json=asking))["id"]
    done(reviewer(running).post(f"/cases/{case}/erasures/{erasure}/approval", json={}))
    data = fetch(running, case, disclose(running, case, compartments=["health", "incident"]))
    found = verify_bundle(data, policy_of(running))
    assert found.manifest["erased"] == ["health"]
    everything = b"".join(found.parts.values())
    assert b"INCIDENT-NARRATIVE" in everything
    assert b"HEALTH-NOTE" not in everything
    assert b"HEALTH-DOCUMENT" not in everything
    withheld = {s.withheld for e in found.events for s in e.segments if s.compartment == "health"}
    assert withheld == {"erased"}


@pytest.mark.thorough
def test_of_an_erased_case_no_bundle_is_made_and_the_ledger_still_verifies(running):
    case = a_case(running)
    disclosure = disclose(running, case)
    fetch(running, case, disclosure, reports="false")
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR)
    asking = {"whole": True, "basis": "survivor-request", "reason": "she asks"}
    erasure = done(supervisor.post(f"/cases/{case}/erasures", json=asking))["id"]
    done(reviewer(running).post(f"/cases/{case}/erasures/{erasure}/approval", json={}))
    here = f"/cases/{case}/disclosures/{disclosure}/bundle"
    assert reviewer(running).get(here).status_code == 404
    keys = composition.ledger_keys(running.settings)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (report := audit(running.settings.database, keys)).unsealed and time.monotonic() < give_up:
        time.sleep(0.1)
    assert (report.difference, report.unsealed) == (None, 0)
    assert report.leaves


ALONE = """
import importlib.abc, socket, sys
ALLOWED = {"rujukan", "cryptography", "msgspec", "_cffi_backend", "cffi", *sys.stdlib_module_names}
class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(name=name)
def refuse(*arguments, **more):
    raise OSError("there is no network")
sys.meta_path.insert(0, Only())
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from rujukan.infra.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.thorough
def test_it_is_verified_with_the_verify_extra_alone_and_no_network(running, filed, policy_file, tmp_path):
    whole = tmp_path / "whole.zip"
    whole.write_bytes(fetch(running, filed.case, filed.disclosure))
    checked = subprocess.run(
        [sys.executable, "-c", ALONE, "verify", str(whole), "--policy", str(policy_file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("PASSED THE CHECK\n")


def self_made(name: str) -> tuple[bytes, bytes]:
    """(key and certificate, certificate alone), as PEM: a signer of its own making."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, encipher_only=False, decipher_only=False, **usage
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = certificate.public_bytes(Encoding.PEM)
    return private + public, public


@pytest.mark.thorough
def test_reports_are_signed_where_the_settings_say_with_what(running, filed, policy_file, tmp_path, capsys):
    """PAdES; the signature is beside the content: the unsigned beginning is what the manifest lists."""
    signer, root = tmp_path / "signer.pem", tmp_path / "root.pem"
    both, public = self_made("UPTD PPA Kota Bontang")
    signer.write_bytes(both)
    root.write_bytes(public)
    with composition.service(msgspec.structs.replace(running.settings, report_signer=signer)) as ports:
        data = ports.opener.bundle(UUID(filed.case), UUID(filed.disclosure), {})
    unsigned = container.unpack(fetch(running, filed.case, filed.disclosure))
    signed = verify_bundle(data, filed.policy)
    out = tmp_path / "signed.zip"
    out.write_bytes(data)
    assert main(["verify", str(out), "--policy", str(policy_file), "--root", str(root)]) == 0
    said = capsys.readouterr().out
    for name in b.REPORTS:
        assert len(signed.parts[name]) > len(unsigned[name])
        assert f"+ {name}: " in said
    assert "UPTD PPA Kota Bontang" in said


# Who looked ------------------------------------------------------------------------------------------------------


def who_looked(running: Any, case: str, disclosure: str) -> list[list[tuple[str, ...]]]:
    """What bundle, report and the survivor's paper say of readings before now: (agency, view) of each."""
    verified = verify_bundle(fetch(running, case, disclosure), policy_of(running))
    in_bundle = [(str(e.text()["agency"]), str(e.text()["what"])) for e in verified.accesses]
    supervisor = running.client("uptd-ppa", Role.SUPERVISOR, Purpose.SUPERVISION)
    listed = done(supervisor.get("/reports/case-access", params={"case": case, "limit": 500}))["items"]
    in_report = [(o["agency"], o["what"]) for o in listed]
    return [in_bundle, in_report[: len(in_bundle)]]


@pytest.mark.parametrize(
    "edited",
    some(
        [
            "DELETE FROM views.audit WHERE subject = %(case)s",
            "UPDATE views.audit SET subject = gen_random_uuid() WHERE subject = %(case)s",
            "UPDATE views.audit SET agency = 'polres', what = 'case' WHERE subject = %(case)s",
        ]
    ),
)
def test_whoever_edits_read_models_changes_nothing_of_who_looked(running: Any, filed: Filed, edited: str) -> None:
    before = who_looked(running, filed.case, filed.disclosure)
    assert before[0]
    assert before[0] == before[1]
    with psycopg.connect(running.settings.database) as db:
        kept = db.execute("SELECT a::text FROM views.audit a WHERE subject = %s", (filed.case,)).fetchall()
        positions = [p for (p,) in db.execute("SELECT position FROM views.audit WHERE subject = %s", (filed.case,))]
        db.execute("SET ROLE rujukan_follower")
        assert db.execute(edited, {"case": filed.case}).rowcount >= len(before[0])
    try:
        assert who_looked(running, filed.case, filed.disclosure) == before
    finally:
        with psycopg.connect(running.settings.database) as db:
            db.execute("DELETE FROM views.audit WHERE position = ANY(%s)", (positions,))
            for (row,) in kept:
                db.execute("INSERT INTO views.audit SELECT (%s::views.audit).*", (row,))


def test_none_is_made_of_a_log_that_lacks_an_event_which_was_sealed(running: Any, filed: Filed) -> None:
    """Whatever it was: it may have been a reading of the case, the last of its stream, which nothing misses."""
    other = UUID(a_case(running))
    fetch(running, str(other), disclose(running, str(other)))  # it is sealed, and so is all before it
    disclosure = disclose(running, filed.case)
    before = fetch(running, filed.case, disclosure)
    where = "originator_id = %s AND topic = 'case.NoteRecorded'"
    with psycopg.connect(running.settings.database, autocommit=True) as db:

        def past_triggers(sql: str, *values: Any) -> list[Any]:
            with db.transaction():
                db.execute("SET LOCAL session_replication_role = replica")
                return db.execute(sql, values).fetchall()

        ((row,),) = past_triggers(f"DELETE FROM log.stored_events e WHERE {where} RETURNING e::text", other)
        try:
            refused = reviewer(running).get(f"/cases/{filed.case}/disclosures/{disclosure}/bundle")
            assert refused.json()["type"] == "urn:rujukan:problem:record-damaged"
        finally:
            past_triggers("INSERT INTO log.stored_events SELECT (%s::log.stored_events).* RETURNING 1", row)
    assert fetch(running, filed.case, disclosure) == before


# Who knew what when ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def referred(running: Any) -> tuple[str, Verified]:
    """A case with a referral that was sent to the hospital over Kafka, and the log vouches for that."""
    worker = running.client("uptd-ppa", Role.CASE_WORKER, Purpose.CARE)
    case = a_case(running)
    here = f"/cases/{case}"
    about = {"recipients": ["rsud"], "compartments": ["health"], "purposes": ["care"]}
    done(worker.post(f"{here}/consents", json={**about, "given_by": ["survivor"], "obtained": "written"}))
    draft = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    referral = done(worker.post(f"{here}/referrals", json={**draft, "compartments": ["health"], "health": "PEP"}))["id"]
    done(worker.post(f"{here}/referrals/{referral}/sending"))
    give_up = time.monotonic() + PATIENCE_SECONDS
    auditor = reviewer(running)
    while True:
        (delivered,) = done(auditor.get(f"{here}/custody"))["deliveries"]
        sent = [s for known in delivered["entitled"] for s in known.get("sent", ())]
        if sent and all(s.get("vouched") for s in sent):
            break
        assert time.monotonic() < give_up, delivered
        time.sleep(0.2)
    disclosure = disclose(running, case)
    return case, verify_bundle(fetch(running, case, disclosure, reports="true"), policy_of(running))


def test_who_was_entitled_and_was_sent_what_is_in_it_and_the_log_vouches_for_it(referred: tuple[str, Verified]) -> None:
    _, verified = referred
    (hospital,) = [of for of in verified.deliveries.agencies if of.agency == "rsud"]
    (sending,) = [e.position for e in verified.events if e.header.topic == "case.ReferralSent"]
    assert sending in {e.of for e in hospital.entitled}
    assert sending in {s.position for s in hospital.sent}
    assert {s.transport for s in hospital.sent} == {"kafka"}
    assert hospital.vouched
    assert "deliveries" in verified.unchecked
    assert "deliveries-damaged" not in verified.unchecked


def test_the_log_s_word_for_it_says_nothing_of_another_case(referred: tuple[str, Verified]) -> None:
    _, verified = referred
    vouching = [e for e in verified.deliveries.entries if e.header.topic == "delivery.SendingsRecorded"]
    assert vouching
    assert not any(re.search(r"[0-9a-f]{8}-", str(e.text()["sendings"])) for e in vouching), "no case is named"


def test_the_report_says_that_it_was_sent_over_what(referred: tuple[str, Verified]) -> None:
    _, verified = referred
    said = " ".join(p.extract_text() for p in PdfReader(io.BytesIO(verified.parts["report.en.pdf"])).pages)
    said = " ".join(said.split())
    assert "message broker" in said
    assert "no arrival is recorded" in said
