"""A document is stored with the event that names it: what none names leaves nothing, what one names is kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi.testclient import TestClient
from office import HOUR, NOON, Office, note, opened_office, opened_store
from patience import PATIENCE_SECONDS

from rujukan.api import gate
from rujukan.api.app import create_app
from rujukan.api.limits import Limits
from rujukan.domain.case.documents import DocumentAttached
from rujukan.domain.codes import DocumentKind, Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.fact import DocumentId
from rujukan.infra import composition
from rujukan.infra.database import FOLLOWER, SERVICE, as_role, pool
from rujukan.infra.demo.network import usual_actor
from rujukan.infra.settings import Settings, to_environment
from rujukan.infra.store.event_store import LogUnavailable, Stream
from rujukan.infra.store.forgetting import drop_documents

VISUM = {"kind": "visum", "compartment": "health"}
CONTENT = b"%PDF-1.7 visum"


@pytest.fixture(scope="module")
def office(settings: Settings) -> Iterator[Office]:
    with opened_office(settings) as opened:
        yield opened


@pytest.fixture
def owner(settings: Settings) -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.database, autocommit=True) as db:
        yield db


@pytest.fixture
def attach(office: Office, settings: Settings) -> Callable[..., httpx.Response]:
    """Posts a document as the lead's case worker."""
    client = TestClient(create_app(office.ports, limits=Limits(uploads=0, commands=0)))
    token = token_of(settings, "uptd-ppa")

    def post(
        case: UUID, content: bytes = CONTENT, query: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        said = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": Purpose.CARE.value}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(f"/cases/{case}/documents", params=VISUM | (query or {}), content=content, headers=said)

    return post


def token_of(settings: Settings, agency: str) -> str:
    """The agency's case worker's."""
    return composition.issuer(settings).token(usual_actor(agency, Role.CASE_WORKER), agency, [Role.CASE_WORKER])


def stored(db: psycopg.Connection, case: UUID) -> set[UUID]:
    return {document for (document,) in db.execute("SELECT document FROM log.documents WHERE stream = %s", (case,))}


def named(db: psycopg.Connection, case: UUID) -> set[UUID]:
    found = db.execute("SELECT document FROM log.named_documents WHERE stream = %s", (case,))
    return {document for (document,) in found}


def an_hour_later(settings: Settings, case: UUID) -> int:
    """As if all of the case's documents had come in long ago: how many the worker drops then."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("UPDATE log.documents SET made_at = now() - interval '2 hours' WHERE stream = %s", (case,))
    with pool(as_role(settings.database, FOLLOWER), 1, "worker") as connected:
        return drop_documents(connected)


def test_what_is_attached_is_named_in_the_same_commit_and_kept(
    office: Office, settings: Settings, owner: psycopg.Connection, attach: Callable[..., httpx.Response]
) -> None:
    case = office.opens(composition.now() - HOUR)
    made = UUID(attach(case).json()["id"])
    assert stored(owner, case) == named(owner, case) == {made}
    office.ports.documents.drop(case, made)
    assert an_hour_later(settings, case) == 0
    for delete in ("DELETE FROM log.documents WHERE stream = %s", "DELETE FROM log.named_documents WHERE stream = %s"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute(delete, (case,))
    assert stored(owner, case) == {made}


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({}, {"If_Match": '"77"'}, 412),
        ({"supersedes": str(uuid4())}, {}, 404),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, {}, 422),
        ({}, {"X_Correlation_Id": "rubbish"}, 400),
    ],
)
def test_what_is_refused_leaves_nothing(
    office: Office,
    owner: psycopg.Connection,
    attach: Callable[..., httpx.Response],
    query: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    case = office.opens(composition.now() - HOUR)
    assert attach(case, query=query, **headers).status_code == status
    assert stored(owner, case) == named(owner, case) == set()


def test_the_same_request_again_has_the_one_document_and_another_under_its_key_leaves_nothing(
    office: Office, owner: psycopg.Connection, attach: Callable[..., httpx.Response]
) -> None:
    case, key = office.opens(composition.now() - HOUR), str(uuid4())
    first, again = attach(case, Idempotency_Key=key), attach(case, Idempotency_Key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert attach(case, b"other", Idempotency_Key=key).status_code == 422
    assert stored(owner, case) == named(owner, case) == {UUID(first.json()["id"])}


KILLED = """
import os, signal, sys
from fastapi.testclient import TestClient
from rujukan.api.app import create_app
from rujukan.api.application.casework import Casework
from rujukan.infra import composition
from rujukan.infra.settings import from_environment
case, token = sys.argv[1:]
Casework.handle = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with composition.service(from_environment(), connections=2) as ports:
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "care"}
    query = {"kind": "visum", "compartment": "health"}
    TestClient(create_app(ports)).post(f"/cases/{case}/documents", params=query, content=b"visum", headers=headers)
"""


@pytest.mark.thorough
def test_who_is_killed_in_between_leaves_what_the_worker_takes_away(
    office: Office, settings: Settings, owner: psycopg.Connection, attach: Callable[..., httpx.Response]
) -> None:
    case = office.opens(composition.now() - HOUR)
    kept = UUID(attach(case).json()["id"])
    token = token_of(settings, "uptd-ppa")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(case), token],
        env={**os.environ, **to_environment(settings)},
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(stored(owner, case)) == 2
    assert named(owner, case) == {kept}
    with pool(as_role(settings.database, FOLLOWER), 1, "worker") as connected:
        assert drop_documents(connected) == 0, "it may be named still"
    assert an_hour_later(settings, case) == 1
    assert stored(owner, case) == {kept}


def attached(document: UUID) -> DocumentAttached:
    return DocumentAttached(
        occurred_at=NOON,
        document=DocumentId(document),
        kind=DocumentKind.VISUM,
        compartment=Compartment.HEALTH.word,
        media_type="application/pdf",
        size=1,
        sha256="0" * 64,
    )


def test_an_event_that_names_what_is_not_there_is_not_stored_and_its_neighbours_are(
    office: Office, settings: Settings, owner: psycopg.Connection
) -> None:
    """The process slept for longer than documents are kept without a name: 201 would be a lie."""
    act = office.act("uptd-ppa")
    with opened_store(settings) as store:
        other, lost, there = uuid4(), uuid4(), uuid4()
        store.append([Stream(other, 0, [note()])], act, correlation=uuid4(), causation=uuid4())
        with pytest.raises(LogUnavailable):
            store.append([Stream(lost, 0, [attached(uuid4())])], act, correlation=uuid4(), causation=uuid4())
        assert store.read(lost) == []
        document = uuid4()
        office.ports.documents.put(there, document, Compartment.HEALTH, CONTENT)
        store.append([Stream(there, 0, [attached(document)])], act, correlation=uuid4(), causation=uuid4())
        assert len(store.read(there)) == len(store.read(other)) == 1
        assert named(owner, there) == {document}


def test_documents_of_a_release_before_are_kept(office: Office, settings: Settings, owner: psycopg.Connection) -> None:
    case = office.opens(composition.now() - HOUR)
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        db.execute("INSERT INTO log.documents (stream, document, sealed) VALUES (%s, %s, 'x')", (case, uuid4()))
    assert an_hour_later(settings, case) == 0
    assert len(stored(owner, case)) == 1


def test_nobody_may_drop_what_may_be_named_still(settings: Settings) -> None:
    with pool(as_role(settings.database, FOLLOWER), 1, "worker") as connected:
        for too_soon in (timedelta(0), timedelta(minutes=9), None):
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                drop_documents(connected, too_soon)  # type: ignore[arg-type]
    with psycopg.connect(as_role(settings.database, SERVICE), autocommit=True) as db:
        for forbidden in (
            "DELETE FROM log.documents",
            "INSERT INTO log.named_documents VALUES (gen_random_uuid(), gen_random_uuid())",
            "UPDATE log.document_room SET bytes = 0",
            "SELECT log.drop_abandoned_documents('1 day', 10)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(forbidden)


def test_an_agency_stores_so_much_and_no_more(
    office: Office, settings: Settings, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "HOLD_SECONDS", 0.0)
    client = TestClient(create_app(office.ports, limits=Limits(uploads=0, documents=1)))
    case = office.opens(composition.now() - HOUR, lead="polres")
    token = token_of(settings, "polres")
    headers = {"Authorization": f"Bearer {token}", "Purpose-Of-Use": "care"}

    def post() -> httpx.Response:
        return client.post(f"/cases/{case}/documents", params=VISUM, content=bytes(400_000), headers=headers)

    assert [post().status_code for _ in range(3)] == [201, 201, 429]
    refused = post()
    assert refused.json()["limit"] == "documents"
    assert refused.headers["Retry-After"] == "3600"
    assert len(stored(owner, case)) == 2
    assert office.ports.documents.stored("polres") == 2 * (400_000 + 48)  # type: ignore[attr-defined]
