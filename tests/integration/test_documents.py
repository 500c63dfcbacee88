"""Documents: sealed bytes in the database, bound to their case, their id and their compartment."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace
from office import another_keyring

from rujukan.domain.compartment import Compartment
from rujukan.infra import composition
from rujukan.infra.database import SERVICE, as_role, pool
from rujukan.infra.keys.home import UnwrapFailed
from rujukan.infra.settings import Settings
from rujukan.infra.store.data_keys import DataKeys, KeyGone
from rujukan.infra.store.documents import DocumentStore
from rujukan.infra.store.sealed_record import BrokenSeal

C = Compartment
CONTENT = b"%PDF-1.7 visum et repertum " + os.urandom(2_000)


@contextmanager
def opened_store(settings: Settings) -> Iterator[DocumentStore]:
    """A store of its own, with nothing remembered."""
    with pool(as_role(settings.database, SERVICE), 4, "documents") as connected:
        yield DocumentStore(connected, DataKeys(connected, composition.home(settings)))


@pytest.fixture
def documents(settings: Settings) -> Iterator[DocumentStore]:
    with opened_store(settings) as store:
        yield store


@pytest.fixture
def superuser(settings: Settings) -> Iterator[psycopg.Connection]:
    """Somebody who may do anything to the rows: the triggers are off for this session."""
    with psycopg.connect(settings.database, autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        yield db


def sealed(db: psycopg.Connection, document: UUID) -> bytes:
    row = db.execute("SELECT sealed FROM log.documents WHERE document = %s", (document,), binary=True).fetchone()
    assert row is not None
    return bytes(row[0])


def overwrite(db: psycopg.Connection, document: UUID, content: bytes) -> None:
    db.execute("UPDATE log.documents SET sealed = %b WHERE document = %s", (content, document))


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, bytes(1_000_000)], ids=["empty", "byte", "file", "large"])
def test_a_document_is_read_back_as_it_was_by_any_process(
    documents: DocumentStore, settings: Settings, content: bytes
) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, content)
    assert documents.get(case, document, C.HEALTH) == content
    with opened_store(settings) as restarted:
        assert restarted.get(case, document, C.HEALTH) == content


def test_what_is_not_there_is_none(documents: DocumentStore) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, CONTENT)
    assert documents.get(case, uuid4(), C.HEALTH) is None
    assert documents.get(uuid4(), document, C.HEALTH) is None


def test_the_table_holds_no_content(documents: DocumentStore, superuser: psycopg.Connection) -> None:
    case, first, second = uuid4(), uuid4(), uuid4()
    for document in (first, second):
        documents.put(case, document, C.HEALTH, CONTENT)
    one, other = sealed(superuser, first), sealed(superuser, second)
    assert len(one) == len(CONTENT) + 32 + 16
    for at in range(0, len(CONTENT) - 16, 16):
        assert CONTENT[at : at + 16] not in one
    assert one[:32] != other[:32]
    assert one[32:] != other[32:]


def test_the_same_id_again_keeps_the_first(documents: DocumentStore) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, b"first")
    documents.put(case, document, C.HEALTH, b"second")
    assert documents.get(case, document, C.HEALTH) == b"first"


def test_of_many_at_once_with_the_same_id_one_is_kept_whole(documents: DocumentStore, settings: Settings) -> None:
    case, document = uuid4(), uuid4()
    start = Barrier(8)

    def put(number: int) -> None:
        start.wait()
        (documents, other)[number % 2].put(case, document, C.HEALTH, bytes((number,)) * 100)

    with opened_store(settings) as other, ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(8)))
        kept = documents.get(case, document, C.HEALTH)
        assert kept in [bytes((number,)) * 100 for number in range(8)]
        assert other.get(case, document, C.HEALTH) == kept


def test_a_row_moved_to_another_document_or_case_is_refused(
    documents: DocumentStore, superuser: psycopg.Connection
) -> None:
    case, other_case = uuid4(), uuid4()
    visum, photo, elsewhere = uuid4(), uuid4(), uuid4()
    for where, document in ((case, visum), (case, photo), (other_case, elsewhere)):
        documents.put(where, document, C.HEALTH, CONTENT)
    true = sealed(superuser, visum)
    for taken_from in (photo, elsewhere):
        overwrite(superuser, visum, sealed(superuser, taken_from))
        with pytest.raises(BrokenSeal):
            documents.get(case, visum, C.HEALTH)
    overwrite(superuser, visum, true)
    assert documents.get(case, visum, C.HEALTH) == CONTENT
    superuser.execute("UPDATE log.documents SET stream = %s WHERE document = %s", (other_case, visum))
    with pytest.raises(BrokenSeal):
        documents.get(other_case, visum, C.HEALTH)


def test_any_changed_byte_is_refused(documents: DocumentStore, superuser: psycopg.Connection) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, b"a short visum")
    true = sealed(superuser, document)
    changes = [true[:at] + bytes((true[at] ^ 1,)) + true[at + 1 :] for at in range(len(true))]
    for changed in (*changes, true[:-1], true + b"\x00", true[:40], true[:10], b""):
        overwrite(superuser, document, changed)
        with pytest.raises(BrokenSeal) as refused:
            documents.get(case, document, C.HEALTH)
        assert b"visum" not in str(refused.value).encode()
    overwrite(superuser, document, true)
    assert documents.get(case, document, C.HEALTH) == b"a short visum"


def test_a_document_opens_under_its_own_compartment_only(documents: DocumentStore) -> None:
    case, visum, statement = uuid4(), uuid4(), uuid4()
    documents.put(case, visum, C.HEALTH, CONTENT)
    with pytest.raises(KeyGone):
        documents.get(case, visum, C.LEGAL)
    documents.put(case, statement, C.LEGAL, b"a statement")
    with pytest.raises(BrokenSeal):
        documents.get(case, visum, C.LEGAL)


def test_a_document_whose_key_is_gone_stays_closed(
    documents: DocumentStore, superuser: psycopg.Connection, settings: Settings
) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, CONTENT)
    superuser.execute("DELETE FROM log.data_keys WHERE stream = %s", (case,))
    with opened_store(settings) as restarted, pytest.raises(KeyGone):
        restarted.get(case, document, C.HEALTH)


def test_another_keyring_opens_no_document(documents: DocumentStore, settings: Settings, tmp_path: Path) -> None:
    case, document = uuid4(), uuid4()
    documents.put(case, document, C.HEALTH, CONTENT)
    with (
        opened_store(replace(settings, keyring=another_keyring(tmp_path / "other.json"))) as stranger,
        pytest.raises(UnwrapFailed),
    ):
        stranger.get(case, document, C.HEALTH)
