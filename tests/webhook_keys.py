"""What a webhook's two sides sign with and are shown, made here as a receiver has it."""

import base64
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def by(secret: str) -> Callable[[bytes], bytes]:
    """Signs with a secret as a receiver has it."""
    return lambda content: hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, "sha256")


def shown(signer: Ed25519PrivateKey) -> str:
    """The public key of a sender as Standard Webhooks writes it."""
    return "whpk_" + base64.b64encode(signer.public_key().public_bytes_raw()).decode()
