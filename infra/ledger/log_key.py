"""The log's keys: Ed25519, and ML-DSA-44 beside it, which holds against quantum computers too.

The sealer alone signs heads. Who serves the ledger knows the public halves, and who makes bundles seals them with the
Ed25519 key, which is handed to it for texts of that kind only (`keys/names.py`).
"""

from typing import NamedTuple

from ...consumers.evidence.checkpoints import Checkpoint
from ...consumers.evidence.notes import COSIGNATURE_ML_DSA, ED25519, Note, NoteSigner, PublicKey
from ..keys.handles import Keys
from ..keys.names import BUNDLE_SEAL, LEDGER_ED25519, LEDGER_ML_DSA


class LogKeys(NamedTuple):
    """The public halves."""

    ed25519: PublicKey
    ml_dsa: PublicKey

    @classmethod
    def of(cls, origin: str, keys: Keys) -> "LogKeys":
        """Those of the log of that origin."""
        public = keys.public(LEDGER_ED25519, LEDGER_ML_DSA)
        return cls(
            PublicKey(origin, ED25519, public.public(LEDGER_ED25519)),
            PublicKey(origin, COSIGNATURE_ML_DSA, public.public(LEDGER_ML_DSA)),
        )

    def only(self, note: Note) -> Note:
        """The note with the log's own signatures alone."""
        own = {(key.name, key.key_id) for key in self}
        return Note(note.text, tuple(s for s in note.signatures if (s.name, s.key_id) in own))


class LogKey:
    """What signs heads."""

    def __init__(self, ed25519: NoteSigner, ml_dsa: NoteSigner) -> None:
        self._ed25519 = ed25519
        self._ml_dsa = ml_dsa
        self.origin = ed25519.public.name
        self.public = LogKeys(ed25519.public, ml_dsa.public)

    @classmethod
    def of(cls, origin: str, keys: Keys) -> "LogKey":
        """The one of the log of that origin."""
        public = LogKeys.of(origin, keys)
        return cls(
            NoteSigner(public.ed25519, keys.signer(LEDGER_ED25519).sign),
            NoteSigner(public.ml_dsa, keys.signer(LEDGER_ML_DSA).sign),
        )

    def sign(self, size: int, root: bytes, now: float) -> Note:
        """The signed checkpoint."""
        text = Checkpoint(self.origin, size, root).text
        return Note(text, (self._ed25519.sign(text), self._ml_dsa.sign(text, int(now))))


class BundleSeal:
    """What seals bundles in the log's name."""

    def __init__(self, keys: LogKeys, signer: NoteSigner) -> None:
        self.keys = keys
        self._signer = signer

    @classmethod
    def of(cls, origin: str, keys: Keys) -> "BundleSeal":
        """The one of the log of that origin."""
        public = LogKeys.of(origin, keys)
        return cls(public, NoteSigner(public.ed25519, keys.signer(BUNDLE_SEAL).sign))

    def sign(self, text: str) -> Note:
        """The signed note. Its text begins with the format of a bundle."""
        return Note(text, (self._signer.sign(text),))
