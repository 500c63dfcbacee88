"""The bundle: a case's history in one file, and its verification, offline.

Parts, in this order (FORMATS.md shows each byte by byte):

    READ-ME.txt                   what this is, in Indonesian and English
    manifest.json                 what of which case was disclosed, to whom, on what basis; size and SHA-256 of parts
    seal.note                     the log's signature (signed-note) over manifest, checkpoint and signed reports
    checkpoint                    the ledger's signed head with its witnesses' cosignatures
    disclosure.json               the event that recorded the making of this bundle
    events/NNNNNN.json            each event of the case, by its version, in order
    accesses/NNNNNN.json          each recorded reading of the case, in order
    proofs/….tlog-proof           for each of these, the proof that it is in the ledger
    documents/ID                  documents, where their compartment is disclosed
    report.id.pdf, report.en.pdf  the same to read, where reports were made

An event holds its header, and of each segment either the sealed bytes with the key that opens them and the text, or,
withheld, the hash of the sealed bytes. So what is withheld shows as withheld, and the proof holds all the same.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from . import merkle, notes, policies, records
from .checkpoints import Checkpoint, parse_checkpoint
from .coding import from_base64, to_base64
from .container import Damaged, unpack
from .notes import PublicKey, parse_note, parse_vkey
from .policies import Policy
from .proofs import parse_proof
from .refused import Malformed, NotProven

FORMAT = "rujukan/bundle/1"
MANIFEST, SEAL, CHECKPOINT, DISCLOSURE, ABOUT = (
    "manifest.json",
    "seal.note",
    "checkpoint",
    "disclosure.json",
    "READ-ME.txt",
)
REPORTS = ("report.id.pdf", "report.en.pdf")
SEALED_WHOLE = (MANIFEST, CHECKPOINT, *REPORTS)
"""The parts that the seal names by the hash of all their bytes."""
DISCLOSURE_TOPIC, ACCESS_TOPIC, DOCUMENT_TOPIC = "case.DisclosureMade", "access.AccessRecorded", "case.DocumentAttached"
WITHHELD = ("not-disclosed", "erased")
PLACES = {ABOUT, MANIFEST, SEAL, CHECKPOINT, DISCLOSURE, "events", "accesses", "proofs", "documents", *REPORTS}
PROOF_OF = "proofs/{}.tlog-proof"


class Refused(NotProven):
    """A part of the bundle does not hold. `part` names it; the message says why."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part}: {why}")
        self.part = part


class Segment(NamedTuple):
    """One compartment of an event: opened, or withheld."""

    compartment: str
    sealed: bytes | None
    key: bytes | None
    text: Any
    sha256: bytes
    withheld: str | None


class Entry(NamedTuple):
    """One event, checked to be in the ledger."""

    part: str
    leaf: int
    position: int
    header: records.Header
    segments: tuple[Segment, ...]

    def text(self, compartment: str = "coordination") -> Any:
        """What the event says in a compartment; None where it says nothing, or it is withheld."""
        return next((s.text for s in self.segments if s.compartment == compartment), None)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The compartments that are not shown."""
        return tuple(s.compartment for s in self.segments if s.withheld)


class Verified(NamedTuple):
    """A bundle that holds: what it says, and what could not be checked (keys of words.py)."""

    manifest: Mapping[str, Any]
    checkpoint: Checkpoint
    log: tuple[PublicKey, ...]
    witnesses: Mapping[str, int]
    events: tuple[Entry, ...]
    accesses: tuple[Entry, ...]
    disclosure: Entry
    documents: tuple[str, ...]
    parts: Mapping[str, bytes]
    unchecked: tuple[str, ...]


def entry_part(leaf: int, position: int, header: bytes, segments: Iterable[Segment]) -> bytes:
    """The JSON of an event."""
    shown: list[dict[str, Any]] = []
    for s in segments:
        if s.withheld:
            shown.append({"compartment": s.compartment, "sha256": s.sha256.hex(), "withheld": s.withheld})
        else:
            assert s.sealed is not None
            assert s.key is not None
            sealed, key = to_base64(s.sealed), to_base64(s.key)
            shown.append({"compartment": s.compartment, "text": s.text, "key": key, "sealed": sealed})
    return to_json({"leaf": leaf, "position": position, "header": to_base64(header), "segments": shown})


def to_json(value: Any) -> bytes:
    """As every JSON part is written."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def seal_text(case: str, parts: Mapping[str, bytes]) -> str:
    """What the log's key signs of a bundle."""
    named = [f"{name} {sha256(parts[name]).hexdigest()}" for name in SEALED_WHOLE if name in parts]
    return "\n".join((FORMAT, case, *named)) + "\n"


def verify_bundle(data: bytes, policy: Policy | None = None) -> Verified:
    """Check everything that can be checked with no one's help. Raises Refused, naming the part that does not hold."""
    try:
        parts = unpack(data)
    except Damaged as problem:
        raise Refused(problem.part, str(problem).removeprefix(f"{problem.part}: ")) from None
    manifest = _manifest(parts)
    unchecked: list[str] = []
    if policy is None:
        policy = _own_policy(manifest)
        unchecked.append("log-key")
    elif not policy.witnesses:
        unchecked.append("no-witnesses")
    _check_seal(parts, manifest, policy)
    _check_parts(parts, manifest)
    with _part(CHECKPOINT):
        accepted = policy.check(parse_note(parts[CHECKPOINT]))
    head = accepted.checkpoint
    proofs = _Proofs(parts, policy, head)
    case = UUID(manifest["case"])
    events = tuple(proofs.entry(name) for name in parts if name.startswith("events/"))
    accesses = tuple(proofs.entry(name) for name in parts if name.startswith("accesses/"))
    disclosure = proofs.entry(DISCLOSURE)
    for name in parts:
        if name.startswith("proofs/") and name not in proofs.used:
            raise Refused(name, "it is the proof of nothing here")
    _check_events(events, case, manifest)
    _check_accesses(accesses, case)
    _check_disclosure(disclosure, case, manifest, len(events))
    documents = _check_documents(parts, events, manifest)
    unchecked += ["more-accesses", "truth"] + [f"signature:{n}" for n in REPORTS if _is_signed(parts, manifest, n)]
    return Verified(
        manifest,
        head,
        accepted.log,
        accepted.witnesses,
        events,
        accesses,
        disclosure,
        documents,
        parts,
        tuple(unchecked),
    )


@contextmanager
def _part(name: str) -> Iterator[None]:
    """Whatever is refused within is refused of this part."""
    try:
        yield
    except Refused:
        raise
    except NotProven as problem:
        raise Refused(name, str(problem)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, IndexError):
        raise Refused(name, "it is not in the format that it should be in") from None


def _manifest(parts: Mapping[str, bytes]) -> Mapping[str, Any]:
    for name in (ABOUT, MANIFEST, SEAL, CHECKPOINT, DISCLOSURE):
        if name not in parts:
            raise Refused(name, "it is missing")
    with _part(MANIFEST):
        manifest = _read_json(parts[MANIFEST])
        if manifest["format"] != FORMAT:
            raise Malformed("a bundle of another format")
        if str(UUID(manifest["case"])) != manifest["case"]:
            raise Malformed("the case is not named as it should be")
        for name in ("recipient", "basis", "rule", "disclosure", "made_by", "made_for", "made_at"):
            if not isinstance(manifest[name], str):
                raise Malformed(f"{name} is not a text")
        listed: Mapping[str, Any] = manifest
        return listed
    raise AssertionError("unreachable")


def _own_policy(manifest: Mapping[str, Any]) -> Policy:
    """No policy was given: the bundle's own word for its log's keys, which proves that it is in one piece only."""
    with _part(MANIFEST):
        return Policy(tuple(parse_vkey(key) for key in manifest["log"]["keys"]), {}, {}, policies.NONE)
    raise AssertionError("unreachable")


def _check_seal(parts: Mapping[str, bytes], manifest: Mapping[str, Any], policy: Policy) -> None:
    with _part(SEAL):
        note = parse_note(parts[SEAL])
        keys = [key for key in policy.logs if key.kind == notes.ED25519]
        if len(note.signatures) != 1:
            raise Malformed("it has other than one signature")
        notes.verify(note, keys)
        said = note.text.split("\n")
    if said[:2] != [FORMAT, manifest["case"]]:
        raise Refused(SEAL, "it seals another bundle")
    sealed = dict(line.rpartition(" ")[::2] for line in said[2:-1])
    for name in SEALED_WHOLE:
        if name in parts and sealed.get(name) != sha256(parts[name]).hexdigest():
            raise Refused(name, "it is not what was sealed")
    if note.text != seal_text(manifest["case"], parts):
        raise Refused(SEAL, "it names other parts than there are")


def _check_parts(parts: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Each part but those that the seal names is in the manifest, with its hash; a report by its unsigned beginning."""
    with _part(MANIFEST):
        listed = {p["name"]: (int(p["size"]), str(p["sha256"])) for p in manifest["parts"]}
        if len(listed) != len(manifest["parts"]):
            raise Malformed("it lists a part twice")
    for name in parts:
        if name not in listed and name not in (MANIFEST, SEAL, CHECKPOINT):
            raise Refused(name, "the manifest does not list it")
        if name.partition("/")[0] not in PLACES:
            raise Refused(name, "a bundle has no such part")
    for name, (size, digest) in listed.items():
        if name not in parts:
            raise Refused(name, "it is missing")
        data = parts[name]
        if len(data) < size or (len(data) != size and name not in REPORTS):
            raise Refused(name, "it has another length than the manifest says")
        if sha256(data[:size]).hexdigest() != digest:
            raise Refused(name, "it is not what the manifest lists")


class _Proofs:
    """Reads entries and checks each against the checkpoint."""

    def __init__(self, parts: Mapping[str, bytes], policy: Policy, head: Checkpoint) -> None:
        self._parts = parts
        self._logs = policy.logs
        self._head = head
        self._checked: bytes | None = None
        self.used: set[str] = set()

    def entry(self, name: str) -> Entry:
        with _part(name):
            said = _read_json(self._parts[name])
            raw = from_base64(said["header"])
            header = records.read_header(raw)
            segments = tuple(_segment(raw, s) for s in said["segments"])
            if tuple(s.compartment for s in segments) != header.compartments:
                raise Malformed("its segments are not those that its header names")
            entry = records.entry_from(raw, (s.sha256 for s in segments))
            leaf, position = int(said["leaf"]), int(said["position"])
            if position <= leaf:
                raise Malformed("its position lies before its leaf")
        proof_name = PROOF_OF.format(name.removesuffix(".json"))
        if proof_name not in self._parts:
            raise Refused(proof_name, "it is missing")
        self.used.add(proof_name)
        with _part(proof_name):
            proof = parse_proof(self._parts[proof_name])
            if proof.checkpoint.data != self._checked:
                notes.verify(proof.checkpoint, self._logs)
                if parse_checkpoint(proof.checkpoint.text) != self._head:
                    raise Malformed("it is a proof under another checkpoint")
                self._checked = proof.checkpoint.data
            if proof.leaf != leaf or proof.extra is not None:
                raise Malformed("it is the proof of another leaf")
        with _part(name):
            merkle.verify_inclusion(merkle.leaf_hash(entry), leaf, self._head.size, proof.hashes, self._head.root)
        return Entry(name, leaf, position, header, segments)


def _segment(header: bytes, said: Mapping[str, Any]) -> Segment:
    compartment = str(said["compartment"])
    if "withheld" in said:
        digest = bytes.fromhex(said["sha256"])
        if (
            len(digest) != 32
            or said["withheld"] not in WITHHELD
            or said.keys() != {"compartment", "sha256", "withheld"}
        ):
            raise Malformed(f"{compartment} is withheld in a way that there is not")
        return Segment(compartment, None, None, None, digest, said["withheld"])
    sealed, key = from_base64(said["sealed"]), from_base64(said["key"])
    plain = records.open_segment(header, sealed, key)
    if records.compartments_in([sealed]) != [compartment] or json.loads(plain) != said["text"]:
        raise Malformed(f"the text of {compartment} is not what was sealed")
    if said.keys() != {"compartment", "sealed", "key", "text"}:
        raise Malformed(f"{compartment} has something else beside it")
    return Segment(compartment, sealed, key, said["text"], sha256(sealed).digest(), None)


def _check_events(events: Sequence[Entry], case: UUID, manifest: Mapping[str, Any]) -> None:
    disclosed = {"coordination", *manifest["disclosed"]}
    before: Entry | None = None
    for version, event in enumerate(events, 1):
        if event.part != f"events/{version:06}.json" or event.header.version != version:
            raise Refused(
                event.part, f"the case's event {version} should stand here: one is missing, or in another place"
            )
        if event.header.stream != case:
            raise Refused(event.part, "it is of another case")
        if before is not None and not (before.leaf < event.leaf and before.position < event.position):
            raise Refused(event.part, "it does not stand behind the one before it in the ledger")
        if event.position > manifest["as_of"]["position"]:
            raise Refused(event.part, "it came after the instant that the bundle is of")
        shown = {s.compartment for s in event.segments if not s.withheld}
        if not shown <= disclosed:
            raise Refused(event.part, "it shows what the disclosure does not cover")
        before = event
    if len(events) != manifest["events"]:
        raise Refused(MANIFEST, "it counts another number of events")


def _check_accesses(accesses: Sequence[Entry], case: UUID) -> None:
    leaf = -1
    for number, access in enumerate(accesses, 1):
        text = access.text()
        if access.part != f"accesses/{number:06}.json" or access.leaf <= leaf:
            raise Refused(access.part, "it is not in its place")
        if access.header.topic != ACCESS_TOPIC or not isinstance(text, dict) or text.get("subject") != str(case):
            raise Refused(access.part, "it is not a reading of this case")
        leaf = access.leaf


def _check_disclosure(made: Entry, case: UUID, manifest: Mapping[str, Any], events: int) -> None:
    text = made.text()
    if made.header.topic != DISCLOSURE_TOPIC or made.header.stream != case or not isinstance(text, dict):
        raise Refused(DISCLOSURE, "it is not the record of a disclosure of this case")
    if made.header.version <= events:
        raise Refused(DISCLOSURE, "it does not come after the events")
    if (made.header.agency, str(made.header.actor)) != (manifest["made_for"], manifest["made_by"]):
        raise Refused(MANIFEST, "it names another maker than the record of the disclosure")
    for name in ("disclosure", "recipient", "basis", "rule"):
        if text.get(name) != manifest[name]:
            raise Refused(MANIFEST, f"its {name} is not that of the record of the disclosure")
    with _part(MANIFEST):
        if sorted(text["compartments"]) != sorted(manifest["disclosed"]):
            raise Malformed("it names other compartments than the record of the disclosure")
        if text.get("as_of") != manifest["as_of"]["asked"]:
            raise Malformed("it is of another instant than the record of the disclosure")


def _check_documents(
    parts: Mapping[str, bytes], events: Sequence[Entry], manifest: Mapping[str, Any]
) -> tuple[str, ...]:
    attached: dict[str, tuple[Any, str]] = {}
    for event in events:
        text = event.text()
        if event.header.topic == DOCUMENT_TOPIC and isinstance(text, dict):
            attached[f"documents/{text.get('document')}"] = text, str(text.get("compartment"))
    found = tuple(name for name in parts if name.startswith("documents/"))
    for name in found:
        about, compartment = attached.get(name, (None, ""))
        if (
            about is None
            or about.get("sha256") != sha256(parts[name]).hexdigest()
            or about.get("size") != len(parts[name])
        ):
            raise Refused(name, "no event of the case records this document")
        if compartment not in manifest["disclosed"]:
            raise Refused(name, "it is of a compartment that the disclosure does not cover")
    return found


def _is_signed(parts: Mapping[str, bytes], manifest: Mapping[str, Any], name: str) -> bool:
    return any(p["name"] == name and len(parts[name]) > p["size"] for p in manifest["parts"])


def _read_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON") from None
