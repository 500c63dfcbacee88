"""Whose signatures suffice: C2SP tlog-policy. Logs, witnesses, and how many of which of them."""

import codecs
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from . import notes
from .checkpoints import Checkpoint, parse_checkpoint
from .notes import Note, PublicKey, parse_vkey
from .refused import Malformed, NoQuorum, NoTrustedSignature, UnknownLog

LARGEST = 256 * 1024
MOST = 256
"""The most logs, witnesses and groups together that a policy may have."""
NONE = b"none"


class Accepted(NamedTuple):
    """A checkpoint that the policy accepts, the log's keys that signed it, and when its witnesses did."""

    checkpoint: Checkpoint
    log: tuple[PublicKey, ...]
    witnesses: Mapping[str, int]


class Group(NamedTuple):
    """A group counts as witness where `threshold` of its members are."""

    threshold: int
    members: tuple[bytes, ...]


class Policy(NamedTuple):
    """A policy. Several vkeys may stand for one witness's two keys only under two names."""

    logs: tuple[PublicKey, ...]
    witnesses: Mapping[bytes, PublicKey]
    groups: Mapping[bytes, Group]
    quorum: bytes

    def check(self, note: Note) -> Accepted:
        """Raises Malformed, UnknownLog, NoTrustedSignature, WrongSignature, NoQuorum."""
        checkpoint = parse_checkpoint(note.text)
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            raise UnknownLog("the policy does not name the log")
        signed = notes.verify(note, keys)
        if checkpoint.extensions and all(key.kind == notes.COSIGNATURE_ML_DSA for key in signed):
            raise NoTrustedSignature("the log's signature does not cover the checkpoint's extension lines")
        cosigned: Mapping[PublicKey, int | None] = {}
        if self.witnesses:
            try:
                cosigned = notes.verify(note, self.witnesses.values())
            except NoTrustedSignature:
                cosigned = {}
        seen = {name for name, key in self.witnesses.items() if key in cosigned}
        if not self._is_met(seen):
            raise NoQuorum(f"{len(seen)} of {len(self.witnesses)} known witnesses cosigned; the quorum asks for more")
        times = {n.decode("utf-8", "backslashreplace"): cosigned[self.witnesses[n]] or 0 for n in sorted(seen)}
        return Accepted(checkpoint, tuple(signed), times)

    def suffices(self, signers: Iterable[tuple[str, bytes]]) -> bool:
        """Whether signatures under these names and key ids would make the quorum, were all of them good: no signature
        is checked."""
        there = set(signers)
        return self._is_met({name for name, key in self.witnesses.items() if (key.name, key.key_id) in there})

    def _is_met(self, seen: Collection[bytes]) -> bool:
        met = {NONE, *seen}
        for name, group in self.groups.items():  # a group stands after its members
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met


def as_saved(data: bytes) -> bytes:
    """The policy that an editor saved, as the format has it: editors of Windows put a mark before it, end lines with
    CRLF, or write UTF-16. Raises Malformed where no mark says which encoding it is."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            raise Malformed("the policy was saved as UTF-16, and is damaged: save it as UTF-8") from None
    elif b"\0" in data:
        raise Malformed("the policy is not UTF-8 (UTF-16, or no text): save it as UTF-8")
    return data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")


def read_policy(data: bytes) -> Policy:
    """The policy of a file that a person saved with an editor. Raises Malformed, with the number of the line."""
    if len(data) > 2 * LARGEST:
        raise Malformed("the policy is too large")
    return parse_policy(as_saved(data))


def parse_policy(data: bytes) -> Policy:
    """The policy of its bytes, as C2SP tlog-policy has it. Raises Malformed, with the number of the line."""
    if len(data) > LARGEST:
        raise Malformed("the policy is too large")
    logs: list[PublicKey] = []
    witnesses: dict[bytes, PublicKey] = {}
    groups: dict[bytes, Group] = {}
    used: set[bytes] = set()
    quorum: bytes | None = None
    for number, line in enumerate(data.split(b"\n"), 1):
        if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in line):
            raise Malformed(f"line {number}: a control character")
        words = line.replace(b"\t", b" ").split(b" ")
        words = [w for w in words if w]
        if not words or words[0].startswith(b"#"):
            continue
        try:
            match words:
                case [b"log", vkey, *url] if len(url) < 2:
                    logs.append(_key(vkey, logs, (notes.ED25519, notes.COSIGNATURE_ML_DSA)))
                case [b"witness", name, vkey, *url] if len(url) < 2:
                    _fresh(name, witnesses, groups)
                    kinds = (notes.COSIGNATURE, notes.COSIGNATURE_ML_DSA)
                    witnesses[name] = _key(vkey, witnesses.values(), kinds)
                case [b"group", name, how, *members] if members:
                    _fresh(name, witnesses, groups)
                    for member in members:
                        if (member not in witnesses and member not in groups) or member in used:
                            raise Malformed("a group's member is not defined before, or is one of a group already")
                        used.add(member)
                    groups[name] = Group(_threshold(how, len(members)), tuple(members))
                case [b"quorum", name] if quorum is None:
                    if name != NONE and name not in witnesses and name not in groups:
                        raise Malformed("the quorum is not defined before")
                    quorum = name
                case _:
                    raise Malformed("not a line of a policy")
        except Malformed as problem:
            raise Malformed(f"line {number}: {problem}") from None
        if len(logs) + len(witnesses) + len(groups) > MOST:
            raise Malformed("the policy is too large")
    if quorum is None:
        raise Malformed("the policy has no quorum line")
    return Policy(tuple(logs), witnesses, groups, quorum)


def _key(vkey: bytes, others: Iterable[PublicKey], kinds: tuple[int, ...]) -> PublicKey:
    try:
        key = parse_vkey(vkey.decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("the key's name is not UTF-8") from None
    if key.kind not in kinds:
        raise Malformed("a key of another kind")
    if any(key.public == other.public for other in others):
        raise Malformed("the same key twice")
    if any(key.name == other.name and key.key_id == other.key_id for other in others):
        raise Malformed("a key whose name and id are another key's")
    return key


def _fresh(name: bytes, *defined: Mapping[bytes, object]) -> None:
    if name == NONE or any(name in names for names in defined):
        raise Malformed("the name is taken")


def _threshold(how: bytes, members: int) -> int:
    if how in (b"any", b"all"):
        return 1 if how == b"any" else members
    if not how.isdigit() or how.startswith(b"0") or len(how) > 3 or int(how) > members:
        raise Malformed("a group's threshold is any, all, or a number of its members")
    return int(how)
