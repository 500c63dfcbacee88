"""Signed notes (C2SP signed-note) and the signatures that a log and its witnesses put under a checkpoint.

Three kinds of signature are known, named by the byte that the specifications give them:
ED25519 (0x01) over the text; COSIGNATURE (0x04), Ed25519 with a time; COSIGNATURE_ML_DSA (0x06), ML-DSA-44
(FIPS 204) with a time, which holds against quantum computers too (C2SP tlog-cosignature).
"""

import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from .checkpoints import Checkpoint, parse_checkpoint
from .coding import from_base64, to_base64
from .refused import Malformed, NoTrustedSignature, WrongSignature

ED25519 = 0x01
COSIGNATURE = 0x04
COSIGNATURE_ML_DSA = 0x06
KEY_BYTES = {ED25519: 32, COSIGNATURE: 32, COSIGNATURE_ML_DSA: 1312}
SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 8 + 64, COSIGNATURE_ML_DSA: 8 + 2420}
LARGEST_NOTE = 512 * 1024
MOST_SIGNATURES = 128
LATEST = (1 << 63) - 1
"""The last second that a cosignature may be made in."""
DASH = "\u2014 "

_TEXT = re.compile("[\n -\ud7ff\ue000-\U0010ffff]*")


class Signature(NamedTuple):
    """One signature line: whose it claims to be, and its bytes."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """The line, with its newline."""
        return f"{DASH}{self.name} {to_base64(self.key_id + self.blob)}\n"


class Note(NamedTuple):
    """A text and the signatures under it, none of them checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def data(self) -> bytes:
        """The note as it is written."""
        return (self.text + "\n" + "".join(s.line for s in self.signatures)).encode()


class PublicKey(NamedTuple):
    """Whose signatures are known: a name, a kind of signature, and the key's bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || kind || key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+id+base64(kind || key)`."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes((self.kind,)) + self.public)}"

    def check(self, note: Note, signature: Signature) -> int | None:
        """The time at which it was cosigned, None for a signature that has none. Raises WrongSignature, Malformed."""
        if len(signature.blob) != SIGNATURE_BYTES[self.kind]:
            raise WrongSignature(f"the signature of {self.name} has another length")
        time = None if self.kind == ED25519 else int.from_bytes(signature.blob[:8], "big")
        if time is not None and time > LATEST:
            raise WrongSignature(f"the signature of {self.name} has a time that there is not")
        raw = signature.blob if time is None else signature.blob[8:]
        message = _message(self.kind, self.name, note.text, time)
        try:
            if self.kind == COSIGNATURE_ML_DSA:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(raw, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(raw, message)
        except InvalidSignature:
            raise WrongSignature(f"the signature of {self.name} was not made with its key") from None
        return time


class NoteSigner:
    """Signs notes with a private key that may be kept elsewhere: `sign` makes its raw signature of a message."""

    def __init__(self, public: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        """Raises ValueError for a name that no note can have, and a kind that there is not."""
        if not _is_name(public.name):
            raise ValueError("a key's name has no space, plus or control character")
        if public.kind not in KEY_BYTES:
            raise ValueError("a key of an unknown kind")
        self.public = public
        self._sign = sign

    def sign(self, text: str, time: int = 0) -> Signature:
        """The signature under a note's text; for a cosignature, the text is a checkpoint's and `time` the present in
        seconds since 1970. Raises ValueError for a text that no note can have or a time that there is not, and
        Malformed for a cosignature's text that is no checkpoint."""
        if not text.endswith("\n") or not _is_text(text) or not 0 <= time <= LATEST:
            raise ValueError("a text or time that cannot be signed")
        kind, name = self.public.kind, self.public.name
        message = _message(kind, name, text, None if kind == ED25519 else time)
        raw = self._sign(message)
        blob = raw if kind == ED25519 else time.to_bytes(8, "big") + raw
        return Signature(name, self.public.key_id, blob)


class SigningKey(NoteSigner):
    """A private key that signs notes, from its 32-byte seed (RFC 8032 § 5.1.5, FIPS 204 § 3.6.3)."""

    def __init__(self, name: str, kind: int, seed: bytes) -> None:
        """Raises ValueError for a name that no note can have, and a kind that there is not."""
        private: Ed25519PrivateKey | MLDSA44PrivateKey = (
            MLDSA44PrivateKey.from_seed_bytes(seed)
            if kind == COSIGNATURE_ML_DSA
            else Ed25519PrivateKey.from_private_bytes(seed)
        )
        super().__init__(PublicKey(name, kind, private.public_key().public_bytes_raw()), private.sign)


def parse_note(data: bytes) -> Note:
    """The note. Raises Malformed for anything that `Note.data` would not have written byte for byte."""
    if len(data) > LARGEST_NOTE:
        raise Malformed("the note is too large")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the note is not UTF-8") from None
    if not _is_text(whole):
        raise Malformed("the note has a control character")
    text, gap, below = whole.rpartition("\n\n")
    if not gap or not below.endswith("\n"):
        raise Malformed("the note has no signatures")
    lines = below[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise Malformed("the note has too many signatures")
    return Note(text + "\n", tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """A signature line without its newline. Raises Malformed."""
    name, gap, coded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not gap or not _is_name(name):
        raise Malformed("not a signature line")
    raw = from_base64(coded)
    if len(raw) < 5:
        raise Malformed("a signature without bytes")
    return Signature(name, raw[:4], raw[4:])


def parse_vkey(text: str) -> PublicKey:
    """A verifier key. Raises Malformed for one that is not of a known kind, or whose id is another key's."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):
        raise Malformed("not a verifier key: name+id+key")
    raw = from_base64(parts[2])
    if not raw or KEY_BYTES.get(raw[0]) != len(raw) - 1:
        raise Malformed("a verifier key of an unknown kind")
    key = PublicKey(parts[0], raw[0], raw[1:])
    if key.key_id.hex() != parts[1]:
        raise Malformed("the verifier key's id is another key's")
    return key


def verify(note: Note, keys: Iterable[PublicKey]) -> Mapping[PublicKey, int | None]:
    """The known keys that signed, each with the time it says (the latest of several). Signatures of unknown keys are
    passed over. Raises NoTrustedSignature where no known key signed, WrongSignature where one did not."""
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[PublicKey, int | None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            time = key.check(note, signature)
            found[key] = max(found.get(key) or 0, time) if time is not None else None
    if not found:
        raise NoTrustedSignature("none of its signatures is of a key that is trusted")
    return found


def _message(kind: int, name: str, text: str, time: int | None) -> bytes:
    if time is None:
        return text.encode()
    at: Checkpoint = parse_checkpoint(text)
    if kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    cosigner, origin = name.encode(), at.origin.encode()
    if len(cosigner) > 255 or len(origin) > 255:
        raise Malformed("a name that is too long to be cosigned")
    return b"".join(
        (
            b"subtree/v1\n\x00",
            bytes((len(cosigner),)),
            cosigner,
            struct.pack(">Q", time),
            bytes((len(origin),)),
            origin,
            struct.pack(">QQ", 0, at.size),
            at.root,
        )
    )


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name) and _is_text(name)


def _is_text(text: str) -> bool:
    """UTF-8 can write it (it has no half of a surrogate pair), and newline is its only ASCII control character."""
    return _TEXT.fullmatch(text) is not None
