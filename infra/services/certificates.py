"""Certificates of a Kafka cluster that the project starts by itself: an authority, and a certificate a broker.

PEM throughout, which Kafka reads as it is (KIP-651). An installation that has an authority of its own uses that.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ...consumers import durable

VALID_DAYS = 365
AUTHORITY_DAYS = 3650
SKEW = timedelta(hours=1)
"""How far the clock of who checks a new certificate may be behind."""


class Authority:
    """A certificate authority with its files in a directory: `ca.pem` for everybody, `ca.key` for nobody else."""

    def __init__(self, directory: Path) -> None:
        self.certificate = directory / "ca.pem"
        self._key_file = directory / "ca.key"
        if not self.certificate.exists():
            directory.mkdir(parents=True, exist_ok=True)
            self._make()

    def issue(self, name: str, hosts: tuple[str, ...], file: Path) -> None:
        """Write a new private key, a certificate for a broker of this name on these hosts, and the authority's."""
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        issued = (
            _builder(name, key.public_key(), VALID_DAYS)
            .issuer_name(authority.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(uses, critical=False)
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        _write(file, _private(key) + issued.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder("Rujukan Kafka CA", key.public_key(), AUTHORITY_DAYS)
            .issuer_name(_named("Rujukan Kafka CA"))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._key_file, _private(key))
        durable.replace(self.certificate, made.public_bytes(Encoding.PEM), mode=durable.PUBLIC)


def _builder(name: str, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes) -> None:
    """For the owner's eyes only."""
    durable.replace(file, content)
