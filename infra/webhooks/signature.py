"""Signatures as Standard Webhooks 1.0.0 has them: of `id.timestamp.body`, by HMAC-SHA256 under a secret that the agency
shares (`v1`), and by Ed25519 under a key that only the service has (`v1a`).

Both are derived from the keyring, so that nothing secret lies in the database: the secret for agency and registration,
the key pair for the agency, so that what was signed for one is not taken by another.
"""

import base64
import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..store.keyring import KeyProvider


def secret_of(provider: KeyProvider, agency: str, registration: int) -> str:
    """The secret of a webhook that was set with that version of the agency's stream."""
    return "whsec_" + _b64(provider.secret(f"webhook/{agency}/{registration}"))


def signer_of(provider: KeyProvider, agency: str) -> Ed25519PrivateKey:
    """The service's key for what it posts to that agency; for nothing else."""
    return Ed25519PrivateKey.from_private_bytes(provider.secret(f"webhook-signature/{agency}"))


def public_key(signer: Ed25519PrivateKey) -> str:
    """Its public half, as the specification writes it."""
    return "whpk_" + _b64(signer.public_key().public_bytes_raw())


def signatures(secrets: Sequence[str], signer: Ed25519PrivateKey, id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one for each secret, the newest first, and one of the service's key."""
    content = b"%s.%d.%s" % (id.encode(), timestamp, body)
    shared = [
        "v1," + _b64(hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, "sha256"))
        for secret in secrets
    ]
    return " ".join([*shared, "v1a," + _b64(signer.sign(content))])


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
