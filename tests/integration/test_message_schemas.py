"""What agencies are sent, described: as the API serves it, as it was sent, and as AsyncAPI's own parser reads it."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import msgspec
import pytest
from conftest import Running
from from_registries import fetch
from jsonschema import Draft202012Validator
from patience import PATIENCE_SECONDS

from rujukan.consumers.wire.envelope import Opener, from_cloudevent, to_cloudevent
from rujukan.consumers.wire.known_events import is_known
from rujukan.domain.delivery import Cursor
from rujukan.infra import composition
from rujukan.infra.delivery.sealing import Sealing
from rujukan.infra.delivery.telling import Tellings
from rujukan.infra.demo.story import tell
from rujukan.infra.keys.names import PUBLISHING
from rujukan.infra.schemas import serving

HERE = Path(__file__).parents[1] / "asyncapi"
PROGRAM = ("package.json", ".npmrc", "check.mjs")


def fetched(running: Running, path: str) -> httpx.Response:
    """As a stranger gets it, without a token."""
    answer = running.http.get(path)
    assert answer.status_code == 200, path
    return answer


def test_every_schema_that_is_listed_is_served(running: Running) -> None:
    listed = fetched(running, "/schemas").json()["schemas"]
    assert len(listed) > 60
    for entry in listed:
        answer = fetched(running, entry["href"])
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == f"urn:rujukan:schema:{entry['topic']}:{entry['version']}"


@pytest.mark.parametrize(
    "path",
    [
        "/schemas/case.ReferralSent/99",
        "/schemas/case.ReferralSent/0",
        "/schemas/case.ReferralSent/01",
        "/schemas/case.ReferralSent/latest",
        "/schemas/case.ReferralSent/%D9%A1",
        "/schemas/case.ReferralSent/99999999999999999999",
        "/schemas/case.NeverHappened/1",
        "/schemas/access.AccessRecorded/1",
        "/schemas/..%2f..%2fetc/1",
    ],
)
def test_what_is_no_schema_is_not_found(running: Running, path: str) -> None:
    answer = running.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_document_and_the_page_are_public(running: Running) -> None:
    document = fetched(running, "/asyncapi.json")
    assert document.headers["content-type"].startswith("application/vnd.aai.asyncapi+json")
    assert document.content == serving.asyncapi_json()
    page = fetched(running, "/docs/events")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "case.ReferralSent" in page.text


@pytest.mark.thorough
def test_what_eight_agencies_are_told_of_two_cases_fits_what_is_served(running: Running) -> None:
    """With nothing but what a stranger can fetch, and the agencies' keys."""
    document = fetched(running, "/asyncapi.json").json()
    schemas = {
        (entry["topic"], entry["version"]): Draft202012Validator(
            fetched(running, entry["href"]).json(), format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        for entry in fetched(running, "/schemas").json()["schemas"]
    }
    headers, cloudevent, around = (schemas[f"envelope.{n}", 2] for n in ("Headers", "CloudEvent", "Delivery"))
    position = tell(running.system.url, running.issuer).position
    sealing = Sealing.of(composition.keys(running.settings, PUBLISHING), running.settings.network)
    withheld, topics = set(), set()
    with composition.follower(running.settings) as source:
        told = Tellings(source.store, source.store.pool, sealing)
        give_up = time.monotonic() + PATIENCE_SECONDS
        with source.store.pool.connection() as db:
            while db.execute("SELECT position FROM delivery.reached").fetchone()[0] < position:
                assert time.monotonic() < give_up, "the register did not come so far"
                time.sleep(0.05)
        for agency, key in running.keys.items():
            opener = Opener([key], [running.service_key])
            for message in told.seal(told.after(agency, Cursor(0), 10_000)):
                headers.validate({name: text.decode() for name, text in message.headers})
                sent = to_cloudevent(message)
                cloudevent.validate(sent)
                delivery = opener.open(*from_cloudevent(sent))
                opened = json.loads(msgspec.json.encode(delivery))
                around.validate(opened)
                schema = schemas[delivery.topic, delivery.schema]
                schema.validate(opened["data"])
                shown = {schema.schema["properties"][field]["x-compartment"] for field in opened["data"]}
                assert shown <= set(delivery.compartments)
                assert is_known(delivery.topic, delivery.schema)
                narrowed = document["components"]["messages"][f"{delivery.topic}.v{delivery.schema}"]["payload"]
                Draft202012Validator({**narrowed, "components": document["components"]}).validate(opened)
                withheld |= set(delivery.withheld)
                topics.add(delivery.topic)
    assert len(topics) > 15
    assert withheld, "something is withheld from somebody in this story"


# AsyncAPI's own parser -----------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="needs Node and npm")
def test_asyncapis_own_parser_finds_nothing_wrong(tmp_path: Path) -> None:
    for name in PROGRAM:
        shutil.copyfile(HERE / name, tmp_path / name)
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    fetch("AsyncAPI's parser", install, tmp_path)
    document = tmp_path / "asyncapi.json"
    document.write_bytes(serving.asyncapi_json())
    found = _parsed(document)
    assert [f for f in found[:-1] if f["code"] != "asyncapi-latest-version"] == []
    assert found[-1]["operations"] == sorted(json.loads(document.read_bytes())["operations"])
    document.write_text(document.read_text("utf-8").replace("#/channels/acks", "#/channels/gone"))
    assert [f for f in _parsed(document)[:-1] if f["severity"] == 0]


def _parsed(document: Path) -> list[dict[str, object]]:
    """What the parser finds, and last what it read."""
    said = ["node", "check.mjs", str(document)]
    run = subprocess.run(said, cwd=document.parent, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]
