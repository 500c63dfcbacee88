"""PAdES signatures of a report (ETSI EN 319 142-1): baseline B-B, and B-T where a timestamp server is set.

`sign` asks the network for a timestamp only; `verify_signature` asks nobody and says what it could not check.
Both run an event loop of their own: call them from a thread that has none.
"""

import io
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.serialization import pkcs12
from msgspec import Struct
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from ...consumers.evidence.figures import instant
from ...domain.words import Language

logging.getLogger("pyhanko.sign.validation").setLevel(logging.CRITICAL)
# A chain that leads nowhere is a finding of ours; pyhanko would print a traceback with the signer's name beside it.

FIELD = "Rujukan"
"""Name of the signature field."""


class SignerUnusable(ValueError):
    """The file that should hold the signing key and its certificate does not."""


class TimestampRefused(RuntimeError):
    """The timestamp server did not give a timestamp; the report was not signed."""


class Signer:
    """A private key, its certificate, and the certificates that lead from it to a root."""

    def __init__(self, key: Any, certificates: Sequence[x509.Certificate]) -> None:
        """Raises SignerUnusable when no certificate belongs to the key."""
        public = key.public_key()
        own = [c for c in certificates if c.public_key() == public]
        if not own:
            raise SignerUnusable("no certificate belongs to the signing key")
        chain = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        chain.register_multiple(_asn1(c) for c in certificates if c is not own[0])
        private = key.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
        self.subject = own[0].subject.rfc4514_string()
        """As the certificate names it."""
        self._signer = signers.SimpleSigner(
            signing_cert=_asn1(own[0]), signing_key=asn1_keys.PrivateKeyInfo.load(private), cert_registry=chain
        )

    @classmethod
    def load(cls, file: Path, passphrase: bytes | None = None) -> "Signer":
        """From a PKCS#12 file, or a PEM file that holds the key and its certificates.

        Raises SignerUnusable, OSError.
        """
        data = file.read_bytes()
        try:
            if b"-----BEGIN " in data:
                key: Any = s.load_pem_private_key(data, passphrase)
                return cls(key, x509.load_pem_x509_certificates(data))
            key, own, others = pkcs12.load_key_and_certificates(data, passphrase)
        except (ValueError, TypeError):
            raise SignerUnusable("signing key or certificate unreadable, or the passphrase is wrong") from None
        if key is None or own is None:
            raise SignerUnusable("the PKCS#12 file holds no key with its certificate")
        return cls(key, [own, *others])


def sign(pdf: bytes, signer: Signer, timestamp_url: str | None = None) -> bytes:
    """The PDF with an invisible certifying signature that allows no change. It is appended: what was there stays.

    Raises TimestampRefused when a timestamp is asked for and not given, and ValueError for what is not a PDF or is
    signed already.
    """
    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    timestamper = HTTPTimeStamper(timestamp_url, timeout=20) if timestamp_url else None
    if not pdf.startswith(b"%PDF-"):
        raise ValueError("not a PDF")
    if b"/ByteRange" in pdf:
        raise ValueError("signed already")
    try:
        signed = signers.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)), metadata, signer._signer, timestamper=timestamper
        )
    except OSError as error:
        raise TimestampRefused(f"no timestamp: {type(error).__name__}") from error
    return bytes(signed.getvalue())


class SignatureReport(Struct, frozen=True, kw_only=True):
    """What a PDF's signature shows. `failed` empty and `trusted` True is all that can be had."""

    intact: bool = False
    """The signature is that of the signer's key over these bytes."""
    covers_whole_file: bool = False
    signer: str = ""
    issuer: str = ""
    claimed_at: datetime | None = None
    """By the signer's own clock."""
    timestamp: datetime | None = None
    """By the timestamp authority."""
    timestamp_authority: str = ""
    timestamp_trusted: bool | None = None
    """None: no timestamp, or no root was given to measure it by."""
    trusted: bool | None = None
    """Whether the signer's certificate leads to a root that was given; None: none was given."""
    checked: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing failed. Whether to trust the signer is said by `trusted`."""
        return not self.failed and self.intact and self.covers_whole_file


def verify_signature(
    pdf: bytes, trust_roots: Sequence[x509.Certificate] = (), language: Language = "en", now: datetime | None = None
) -> SignatureReport:
    """What the signature of a report shows, offline. Raises nothing for a broken file: it says so.

    `now` is when certificates are judged, unless a trusted timestamp says when it was signed; the clock's time by
    default.
    """
    say = Sentences(language)
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=True)
        embedded = reader.embedded_signatures
        if len(embedded) != 1:
            return SignatureReport(failed=(say("one signature", n=len(embedded)),))
        roots = [_asn1(root) for root in trust_roots]
        status = _status(embedded[0], roots, now or datetime.now(UTC))
        padded = _gap_is_canonical(pdf, embedded[0].pkcs7_content)
    except Exception as error:  # a hostile file may break the parser anywhere: each way is the same finding
        return SignatureReport(failed=(say("unreadable", error=type(error).__name__),))
    return _told(status, padded=padded, with_roots=bool(roots), say=say)


def _status(embedded: Any, roots: list[asn1_x509.Certificate], now: datetime) -> PdfSignatureStatus:
    usage = KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"}, match_all_key_usages=False)

    def at(moment: datetime) -> PdfSignatureStatus:
        def context(when: datetime) -> ValidationContext:
            return ValidationContext(trust_roots=roots, allow_fetching=False, revocation_mode="soft-fail", moment=when)

        return validate_pdf_signature(
            embedded, context(moment), ts_validation_context=context(now), key_usage_settings=usage
        )

    status = at(now)
    stamped = status.timestamp_validity
    if stamped is not None and stamped.intact and stamped.valid and stamped.trusted:
        return at(stamped.timestamp)
    return status


def _told(status: PdfSignatureStatus, *, padded: bool, with_roots: bool, say: "Sentences") -> SignatureReport:
    checked, failed, not_checked = list[str](), list[str](), [say("revocation"), say("content")]

    def judge(good: bool, finding: str, otherwise: str, **details: str) -> bool:
        (checked if good else failed).append(say(finding if good else otherwise, **details))
        return good

    intact = judge(status.intact and status.valid, "intact", "not intact")
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE and bool(status.docmdp_ok) and padded
    judge(whole, "whole", "not whole")
    subject = _name(status.signing_cert)
    trusted: bool | None = None
    if with_roots:
        trusted = judge(bool(status.trusted), "trusted", "not trusted", subject=subject)
    else:
        not_checked.append(say("no root", subject=subject))
    told = SignatureReport(
        intact=intact,
        covers_whole_file=whole,
        signer=subject,
        issuer=_pyca(status.signing_cert).issuer.rfc4514_string(),
        claimed_at=status.signer_reported_dt,
        trusted=trusted,
    )
    stamped, by_authority = status.timestamp_validity, dict[str, Any]()
    if stamped is None:
        not_checked.append(say("no timestamp"))
    else:
        authority = _name(stamped.signing_cert)
        details = {"at": instant(stamped.timestamp, say.language), "authority": authority}
        judge(stamped.intact and stamped.valid, "timestamp", "timestamp broken", **details)
        by_authority = {"timestamp": stamped.timestamp, "timestamp_authority": authority}
        if with_roots:
            by_authority["timestamp_trusted"] = bool(stamped.trusted)
        if not by_authority.get("timestamp_trusted"):
            not_checked.append(say("timestamp not trusted", authority=authority))
    return msgspec.structs.replace(
        told, checked=tuple(checked), failed=tuple(failed), not_checked=tuple(not_checked), **by_authority
    )


_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def _gap_is_canonical(pdf: bytes, cms: bytes) -> bool:
    """The bytes that no signature can cover are the signature's own hexadecimal digits and zeros, and nothing else."""
    ranges = _RANGE.findall(pdf)
    if len(ranges) != 1:
        return False
    start, first, second, length = map(int, ranges[0])
    gap = pdf[first:second]
    whole = start == 0 and second + length == len(pdf)
    return whole and gap == b"<" + cms.hex().upper().encode() + b">" and not cms[_der_length(cms) :].strip(b"\0")


def _der_length(der: bytes) -> int:
    """Length of the first DER value, with its header."""
    if der[1] < 0x80:
        return 2 + der[1]
    count = der[1] & 0x7F
    return 2 + count + int.from_bytes(der[2 : 2 + count], "big")


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(s.Encoding.DER))


def _pyca(certificate: asn1_x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())


def _name(certificate: asn1_x509.Certificate) -> str:
    return _pyca(certificate).subject.rfc4514_string()


class Sentences:
    """Findings in words."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def __call__(self, finding: str, **details: object) -> str:
        return FINDINGS[finding][self.language == "en"].format(**details)


FINDINGS: dict[str, tuple[str, str]] = {
    "intact": (
        "Tanda tangan cocok dengan kunci penanda tangan dan isi berkas.",
        "The signature fits the signer's key and the file's content.",
    ),
    "not intact": (
        "Tanda tangan tidak cocok: isi berkas atau tanda tangannya diubah.",
        "The signature does not fit: the file's content or the signature was changed.",
    ),
    "whole": (
        "Tanda tangan mencakup seluruh berkas; tidak ada yang ditambahkan sesudahnya.",
        "The signature covers the whole file; nothing was added after it.",
    ),
    "not whole": (
        "Tanda tangan tidak mencakup seluruh berkas: ada bagian yang ditambahkan atau diubah.",
        "The signature does not cover the whole file: something was added or changed.",
    ),
    "trusted": (
        "Sertifikat penanda tangan ({subject}) berujung pada akar kepercayaan yang diberikan.",
        "The signer's certificate ({subject}) leads to a trust root that was given.",
    ),
    "not trusted": (
        "Sertifikat penanda tangan ({subject}) tidak berujung pada akar kepercayaan yang diberikan, atau tidak berlaku "
        "pada waktunya.",
        "The signer's certificate ({subject}) leads to none of the trust roots given, or was not valid at the time.",
    ),
    "no root": (
        "Tidak diperiksa: siapa penanda tangan sebenarnya. Tidak ada akar kepercayaan yang diberikan; nama {subject} "
        "hanya pengakuan sertifikat itu sendiri.",
        "Not checked: who the signer really is. No trust root was given; the name {subject} is only the certificate's "
        "own word.",
    ),
    "timestamp": (
        "Stempel waktu oleh {authority}: berkas ini sudah ada pada {at}.",
        "Timestamp by {authority}: this file existed at {at}.",
    ),
    "timestamp broken": (
        "Stempel waktu tidak cocok dengan tanda tangan ini.",
        "The timestamp does not fit this signature.",
    ),
    "timestamp not trusted": (
        "Tidak diperiksa: apakah otoritas stempel waktu ({authority}) dapat dipercaya; tidak ada akar untuknya.",
        "Not checked: whether the timestamp authority ({authority}) can be trusted; no root given leads to it.",
    ),
    "no timestamp": (
        "Tidak diperiksa: kapan ditandatangani. Tidak ada stempel waktu; waktunya menurut jam penanda tangan sendiri.",
        "Not checked: when it was signed. There is no timestamp; the time is by the signer's own clock.",
    ),
    "revocation": (
        "Tidak diperiksa: apakah sertifikat telah dicabut (pemeriksaan ini tanpa jaringan).",
        "Not checked: whether a certificate was revoked (this check uses no network).",
    ),
    "content": (
        "Tidak diperiksa oleh tanda tangan: apakah isi laporan sesuai dengan bundelnya.",
        "Not checked by the signature: whether the report says what its bundle holds.",
    ),
    "one signature": (
        "Berkas ini memuat {n} tanda tangan; seharusnya satu.",
        "This file holds {n} signatures; it should hold one.",
    ),
    "unreadable": ("Berkas PDF ini tidak dapat dibaca ({error}).", "This PDF file cannot be read ({error})."),
}
"""Finding → (Indonesian, English)."""
