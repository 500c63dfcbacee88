"""A plain Kafka client of another language reads an agency's topic as documented: CloudEvents, signature, sequence."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import Running
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from from_registries import fetch
from patience import PATIENCE_SECONDS

from rujukan.consumers.wire.envelope import encoded_service_key

pytestmark = pytest.mark.thorough
SOURCE = Path(__file__).parents[2] / "consumers" / "other_languages"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documented program, with what it needs from npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Node and npm")
    place = tmp_path_factory.mktemp("node")
    for name in ("package.json", ".npmrc", "read.mjs"):
        shutil.copy(SOURCE / name, place)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    fetch("the documented program's packages", install, place)
    return place / "read.mjs"


def read(program: Path, running: Running, key: Ed25519PublicKey, count: int) -> list[dict]:
    """What the program prints of the hospital's first messages."""
    arguments = [running.settings.kafka, "rsud", encoded_service_key(key), str(count)]
    done = subprocess.run(
        ["node", program, *arguments],
        env={**os.environ, "KAFKA_GROUP": f"reader-{uuid4()}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_plain_client_checks_envelope_signature_and_order(program: Path, running: Running) -> None:
    lead = running.desk("uptd-ppa")
    opening = {"channel": "hotline", "reporter": "survivor", "urgency": "urgent", "age_group": "adult"}
    here = f"/cases/{lead.post('/cases', **opening)['id']}"
    scope = {"compartments": ["health"], "purposes": ["care"]}
    lead.post(f"{here}/consents", **scope, recipients=["rsud"], given_by=["survivor"], obtained="verbal")
    sent = {"recipient": "rsud", "service": "kesehatan", "urgency": "urgent", "purpose": "care"}
    referral = lead.post(f"{here}/referrals", **sent, compartments=["health"])["id"]
    lead.post(f"{here}/referrals/{referral}/sending")
    found = read(program, running, running.service_key, 3)
    assert [message["sequence"] for message in found] == [1, 2, 3]
    assert all(message["signed"] and not message["gap"] and message["subject"] == "rsud" for message in found)
    stranger = Ed25519PrivateKey.generate().public_key()
    assert not any(message["signed"] for message in read(program, running, stranger, 2))
