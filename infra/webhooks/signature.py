"""Signatures as Standard Webhooks 1.0.0 has them: of `id.timestamp.body`, by HMAC-SHA256 under a secret that the agency
shares (`v1`), and by Ed25519 under a key that only the service has (`v1a`).

Both are derived from the keyring, so that nothing secret lies in the database: the secret for agency and registration,
the key pair for the agency, so that what was signed for one is not taken by another.
"""

import base64
from collections.abc import Callable, Sequence
from functools import partial

from ..keys.handles import Signer
from ..keys.home import Macs, PublicKeys, Sharing, Signing
from ..keys.names import WEBHOOK, WEBHOOK_SIGNATURE

Sign = Callable[[bytes], bytes]


def secret_of(sharing: Sharing, agency: str, registration: int) -> str:
    """The secret of a webhook that was set with that version of the agency's stream, as its administrator sees it."""
    return "whsec_" + _b64(sharing.shared(_name(agency, registration)))


def mac_of(macs: Macs, agency: str, registration: int) -> Sign:
    """HMAC-SHA256 under that secret."""
    return partial(macs.mac, _name(agency, registration))


def signer_of(signing: Signing, agency: str) -> Signer:
    """The service's key for what it posts to that agency; for nothing else."""
    return Signer(signing, WEBHOOK_SIGNATURE + agency)


def public_key(keys: PublicKeys, agency: str) -> str:
    """Its public half, as the specification writes it."""
    return "whpk_" + _b64(keys.public(WEBHOOK_SIGNATURE + agency))


def signatures(macs: Sequence[Sign], sign: Sign, id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one for each shared secret, the newest first, and one of the service's key."""
    content = b"%s.%d.%s" % (id.encode(), timestamp, body)
    return " ".join([*("v1," + _b64(mac(content)) for mac in macs), "v1a," + _b64(sign(content))])


def _name(agency: str, registration: int) -> str:
    return f"{WEBHOOK}{agency}/{registration}"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
