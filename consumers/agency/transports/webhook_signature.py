"""Standard Webhooks 1.0.0, the receiver's part: whether what was posted is the service's, and of now.

What is signed is `id.timestamp.body`: by HMAC-SHA256 under the secret that agency and service share (`v1`, `whsec_…`),
or by Ed25519 under a key that only the service has (`v1a`, `whpk_…`). One signature that fits is enough, so that a
secret can be replaced while messages are under way.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE_SECONDS = 300.0
"""How far a request's time may be from ours: who recorded one can play it again for no longer."""
SECRET, PUBLIC = "whsec_", "whpk_"
SMALLEST_SECRET = 16
MOST_SIGNATURES = 16


class NotSigned(Exception):
    """What was posted is not taken. The message says which check failed, and nothing of what was posted."""


class WebhookKeys:
    """What the service's posts are checked with."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Each `whsec_…` or `whpk_…`. Raises ValueError for what is neither, and where there is none."""
        self._secrets: list[bytes] = []
        self._public: list[Ed25519PublicKey] = []
        for text in texts:
            try:
                if text.startswith(SECRET):
                    secret = base64.b64decode(text.removeprefix(SECRET), validate=True)
                    if len(secret) < SMALLEST_SECRET:
                        raise ValueError
                    self._secrets.append(secret)
                elif text.startswith(PUBLIC):
                    raw = base64.b64decode(text.removeprefix(PUBLIC), validate=True)
                    self._public.append(Ed25519PublicKey.from_public_bytes(raw))
                else:
                    raise ValueError
            except ValueError:
                raise ValueError("a webhook's key is whsec_… or whpk_…, as the service shows it") from None
        if not self._secrets and not self._public:
            raise ValueError("there is no key to check webhooks with")

    def check(self, headers: Mapping[str, str], body: bytes, now: float, tolerance: float = TOLERANCE_SECONDS) -> None:
        """Check a request, its header names in small letters. Raises NotSigned."""
        try:
            id, timestamp, signatures = (headers[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        except KeyError:
            raise NotSigned("webhook-id, webhook-timestamp or webhook-signature is missing") from None
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise NotSigned("webhook-timestamp is no time")
        if abs(now - int(timestamp)) > tolerance:
            raise NotSigned("webhook-timestamp is too far from now; compare the clocks")
        content = b".".join((id.encode("latin-1"), timestamp.encode(), body))
        fits = False
        for said in signatures.encode("latin-1").split(b" ")[:MOST_SIGNATURES]:
            version, _, signature = said.partition(b",")
            if version == b"v1":
                for secret in self._secrets:
                    expected = base64.b64encode(hmac.digest(secret, content, "sha256"))
                    fits |= hmac.compare_digest(expected, signature)
            elif version == b"v1a":
                fits |= any(_verifies(key, signature, content) for key in self._public)
        if not fits:
            raise NotSigned("webhook-signature is of none of our keys")


def keys_in(file: Path) -> list[str]:
    """The keys in a file, one a line. Raises PermissionError where others may read it."""
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others; chmod 600 it")
    return file.read_text(encoding="utf-8").split()


def _verifies(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True
