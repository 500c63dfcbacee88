"""The document store: bytes sealed under the data key of their case and compartment, in the database."""

import hmac
import logging
import os
from uuid import UUID

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...domain.compartment import Compartment
from ..database import Pool
from .data_keys import DataKeys, KeyGone
from .sealed_record import BrokenSeal

log = logging.getLogger(__name__)

CONTEXT = b"rujukan/document/1"


class DocumentStore:
    """`sealed = salt:32 AES-256-GCM(content)`; key and nonce from HKDF-Expand, as in sealed_record."""

    def __init__(self, pool: Pool, keys: DataKeys) -> None:
        self._pool = pool
        self._keys = keys

    def put(self, case: UUID, document: UUID, compartment: Compartment, content: bytes) -> None:
        """Seal and store; the same id again keeps the first. Durable on return. It is kept once an event names it."""
        key = self._keys.for_sealing(case, (compartment,))[compartment]
        salt = os.urandom(32)
        aead, nonce, label = _cipher(key, case, document, compartment, salt)
        sealed = salt + aead.encrypt(nonce, content, label)
        with self._pool.connection() as db:
            db.execute(
                "INSERT INTO log.documents (stream, document, sealed, arriving) VALUES (%s, %s, %b, true)"
                " ON CONFLICT DO NOTHING",
                (case, document, sealed),
            )

    def drop(self, case: UUID, document: UUID) -> None:
        """Delete it, unless an event names it. Where that is not possible now, a worker does it later."""
        try:
            with self._pool.connection() as db:
                db.execute("SELECT log.drop_document(%s, %s)", (case, document))
        except psycopg.Error as problem:
            log.warning("a document that was refused is left for later: %s", type(problem).__name__)

    def stored(self, agency: str) -> int:
        """Bytes of all documents that an agency has attached, sealed."""
        with self._pool.connection() as db:
            row = db.execute("SELECT bytes FROM log.document_room WHERE agency = %s", (agency,)).fetchone()
        return int(row[0]) if row else 0

    def get(self, case: UUID, document: UUID, compartment: Compartment) -> bytes | None:
        """The content; None where there is none, or it was erased. Raises BrokenSeal, KeyGone."""
        with self._pool.connection() as db:
            row = db.execute(
                "SELECT sealed FROM log.documents WHERE stream = %s AND document = %s", (case, document), binary=True
            ).fetchone()
        if row is None:
            return None
        try:
            key = self._keys.for_opening(case, (compartment,))[compartment]
        except KeyGone:
            if compartment in self._keys.erased(case):
                return None
            raise
        aead, nonce, label = _cipher(key, case, document, compartment, row[0][:32])
        try:
            return aead.decrypt(nonce, row[0][32:], label)
        except InvalidTag:
            raise BrokenSeal(f"document {document} is not what was sealed") from None


def _cipher(
    key: bytes, case: UUID, document: UUID, compartment: Compartment, salt: bytes
) -> tuple[AESGCM, bytes, bytes]:
    label = CONTEXT + case.bytes + document.bytes + bytes((compartment,))
    block = hmac.digest(key, label + salt + b"\x01", "sha512")
    return AESGCM(block[:32]), block[32:44], label
