"""Which keys there are by name, and which process takes which.

A name that ends with a slash is a family: it stands for every name that begins so, `webhook/rsud/3` say. What a key is
called is what the local file derives it from, so a name here never changes.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from .home import UnknownName


class Algorithm(Enum):
    """How a named key signs."""

    ED25519 = "Ed25519"
    ML_DSA_44 = "ML-DSA-44"


# Signing
ISSUER = "issuer"
"""The embedded issuer's access tokens."""
DELIVERY_SIGNATURE = "delivery-signature"
"""Every message to an agency."""
LEDGER_ED25519, LEDGER_ML_DSA = "ledger/ed25519", "ledger/ml-dsa-44"
"""The ledger's heads."""
BUNDLE_SEAL = "bundle-seal"
"""What the ledger's Ed25519 key signs of a bundle: that key, for texts of that kind."""
LEDGER_JOINING = "ledger-joining"
"""What the ledger's Ed25519 key signs of how one log goes on from another: that key, for texts of that kind."""
WEBHOOK_SIGNATURE = "webhook-signature/"
"""What is posted to an agency's webhook; for each agency its own."""

# MACs
IDEMPOTENCY = "idempotency"
"""Idempotency keys, and the fingerprint of the request that each came with."""
NIK_INDEX = "nik-index"
"""National identity numbers in lists."""
PSEUDONYMS = "pseudonyms"
"""Cases and requests as an agency's topic names them."""
DELIVERY_RECEIPT = "delivery-receipt"
"""What only who opened a delivery can show."""
REGISTER = "register"
"""Rows of the register of what was told."""
IMPORTED = "imported"
"""Cases that a log brings in, by their lead and its own number for them, and who did the work there."""
WEBHOOK = "webhook/"
"""What is posted to a webhook; for agency and registration. Shared: the agency's administrator is shown the secret."""

SIGNATURES: Mapping[str, Algorithm] = {
    ISSUER: Algorithm.ED25519,
    DELIVERY_SIGNATURE: Algorithm.ED25519,
    LEDGER_ED25519: Algorithm.ED25519,
    LEDGER_ML_DSA: Algorithm.ML_DSA_44,
    WEBHOOK_SIGNATURE: Algorithm.ED25519,
}
MACS = frozenset({IDEMPOTENCY, NIK_INDEX, PSEUDONYMS, DELIVERY_RECEIPT, REGISTER, IMPORTED, WEBHOOK})
SHARED = frozenset({WEBHOOK})


class Narrowed(NamedTuple):
    """A use of another name's key for messages that begin in one way, and for no others."""

    key: str
    begins: bytes


NARROWED: Mapping[str, Narrowed] = {
    BUNDLE_SEAL: Narrowed(LEDGER_ED25519, b"rujukan/bundle/2\n"),
    LEDGER_JOINING: Narrowed(LEDGER_ED25519, b"rujukan/joining/1\n"),
}
"""A seal of a bundle begins with its format, and so does a joining; a ledger's head begins with the ledger's origin."""


class Allowed(NamedTuple):
    """What a process may ask its keys for."""

    wraps: bool = False
    rotates: bool = False
    signs: frozenset[str] = frozenset()
    shows: frozenset[str] = frozenset()
    """Names of signing keys whose public halves it may ask for; those it signs with are among them anyway."""
    macs: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()

    def __or__(self, other: "Allowed") -> "Allowed":
        """Both: for a process that does both."""
        return Allowed(
            wraps=self.wraps or other.wraps,
            rotates=self.rotates or other.rotates,
            signs=self.signs | other.signs,
            shows=self.shows | other.shows,
            macs=self.macs | other.macs,
            shares=self.shares | other.shares,
        )


_LEDGER = frozenset({LEDGER_ED25519, LEDGER_ML_DSA})
_TELLING = Allowed(signs=frozenset({DELIVERY_SIGNATURE}), macs=frozenset({PSEUDONYMS, DELIVERY_RECEIPT}))

FOLLOWING = Allowed(wraps=True, macs=frozenset({REGISTER}))
"""Who follows the log: read models, the register, the erasures."""
ACTING = Allowed(wraps=True, macs=frozenset({IDEMPOTENCY, REGISTER}))
"""Who decides and writes, and answers nobody: the escalator, the command line."""
IMPORTING = Allowed(macs=frozenset({IMPORTED}))
"""What the command that brings logs in asks for beside what it acts with."""
WORKER = FOLLOWING | ACTING
API = (
    ACTING
    | _TELLING
    | Allowed(
        signs=frozenset({BUNDLE_SEAL}),
        shows=frozenset({ISSUER, WEBHOOK_SIGNATURE, *_LEDGER}),
        macs=frozenset({NIK_INDEX}),
        shares=frozenset({WEBHOOK}),
    )
)
"""It mints no token and signs no head: it checks the one and serves the other."""
PUBLISHING = FOLLOWING | _TELLING
POSTING = ACTING | _TELLING | Allowed(signs=frozenset({WEBHOOK_SIGNATURE}), macs=frozenset({WEBHOOK}))
"""Who posts to webhooks. It signs with what is shared, and does not hold it."""
READING_ACKNOWLEDGEMENTS = ACTING | Allowed(macs=frozenset({DELIVERY_RECEIPT}))
PUBLISHER = PUBLISHING | POSTING | READING_ACKNOWLEDGEMENTS
SEALER = Allowed(signs=_LEDGER)
RECOVERING = PUBLISHING | Allowed(signs=frozenset({LEDGER_JOINING}), shows=_LEDGER)
"""The command that goes on where the history forked for good."""
ROTATING = Allowed(wraps=True, rotates=True)
"""The command that rotates key-encryption keys."""
MINTING = Allowed(signs=frozenset({ISSUER}))
"""The command that mints development's tokens."""
SHOWING = Allowed(shows=frozenset({DELIVERY_SIGNATURE, *_LEDGER}))
"""Commands that print public keys, or check with them."""


def named_in(name: str, names: frozenset[str] | Mapping[str, object]) -> bool:
    """Whether a name, or a family that it is of, is among these. A family alone names no key."""
    return (name in names or family_of(name) in names) and not name.endswith("/")


def family_of(name: str) -> str:
    """The family that a name would be of: `webhook/` of `webhook/rsud/3`, and itself of a name without a slash."""
    return "".join(name.partition("/")[:2])


def algorithm_of(name: str) -> Algorithm:
    """How the key of that name signs. Raises UnknownName where none of that name does."""
    found = SIGNATURES.get(name) or SIGNATURES.get(family_of(name))
    if found is None or name.endswith("/"):
        raise UnknownName("no key of that name signs")
    return found
