"""What the page for agencies says, done."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from feed_server import TOKEN, FeedServer
from kafka import KafkaAdminClient, KafkaProducer
from told import AGENCY, KEY, PINNED, told

from rujukan.consumers.wire.envelope import encoded_service_key
from rujukan.consumers.wire.kafka import topics
from rujukan.infra.services.broker import EmbeddedBroker

PAGE = (Path(__file__).parents[2] / "consumers" / "README.md").read_text()
EXAMPLE, OVER_HTTP = re.findall(r"```python\n(.*?)```", PAGE, re.S)
MESSAGES = told(3)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "rsud.key").touch(0o600)
    (tmp_path / "rsud.key").write_bytes(KEY.to_json())
    return tmp_path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    broker.start()
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap, **topics.ADMIN)
    topics.ensure(admin, [AGENCY])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, **topics.PRODUCER)
    for m in MESSAGES:
        producer.send(topics.topic_of(AGENCY), value=m.value, key=m.key, headers=m.headers, partition=0)
    producer.flush(20)
    producer.close()
    yield broker.bootstrap
    broker.stop()


def printed(code: str, directory: Path) -> list[str]:
    """The first three lines that a program prints, which does not end."""
    code = code.replace("PIN", encoded_service_key(PINNED))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=directory, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        return [process.stdout.readline().strip() for _ in MESSAGES]
    finally:
        process.kill()
        process.wait()


EXPECTED = [f"{n} case.NoteRecorded {{'n': {n}}}" for n in (1, 2, 3)]


def test_the_example_receives_in_ten_lines(machine, broker):
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) <= 10
    assert printed(EXAMPLE.replace("kafka:9092", broker), machine) == EXPECTED


@pytest.mark.thorough
def test_over_http_it_is_the_same_with_another_source(machine):
    with FeedServer(MESSAGES) as server:
        over_http = OVER_HTTP.replace("https://rujukan.example", server.url).replace("TOKEN", TOKEN)
        lines = [line for line in EXAMPLE.splitlines() if not line.startswith("source =")]
        at = next(n for n, line in enumerate(lines) if line.startswith("box ="))
        assert printed("\n".join([*lines[:at], over_http, *lines[at:]]), machine) == EXPECTED
        server.shutdown()


@pytest.mark.thorough
def test_every_command_of_the_page_is_one(machine):
    """Each is understood, up to where it would need a broker."""
    rujukan = [sys.executable, "-m", "rujukan.infra.cli"]
    options = {*re.findall(r"--[a-z][a-z-]+", PAGE[PAGE.index("## The agency's side") : PAGE.index("## Witnesses")])}
    helped = "".join(
        subprocess.run([*rujukan, command, "--help"], capture_output=True, text=True, check=True).stdout
        for command in ("subscribe", "inbox", "dead-letters")
    )
    assert {o for o in options if o not in helped} == set()
