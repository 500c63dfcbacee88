"""Verification of a bundle, offline: that each part is what the log sealed, that each entry is in the ledger, that
nothing is missing between them, and that what is shown is what the disclosure covers. bundle_parts.py says what the
parts are.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from . import notes, policies
from .bundle_deliveries import DELIVERIES, Deliveries, read_deliveries
from .bundle_entries import Entry, Proofs, Refused, blaming
from .bundle_parts import (
    ABOUT,
    ACCESS_TOPIC,
    CHECKPOINT,
    DISCLOSURE,
    DISCLOSURE_TOPIC,
    DOCUMENT_TOPIC,
    EARLIER,
    FIRST,
    FORMATS,
    JOINING,
    JOININGS,
    MANIFEST,
    NAME,
    OPTIONAL_INT,
    PROOF_OF,
    READ_ME,
    REPORTS,
    SAYS,
    SEAL,
    SEALED_WHOLE,
    is_shaped,
    read_json,
    seal_text,
    to_json,
)
from .checkpoints import Checkpoint
from .container import Damaged, unpack
from .joinings import Link, check_chain
from .notes import PublicKey, parse_note, parse_vkey
from .policies import Policy
from .refused import Malformed

__all__ = ["Entry", "Refused", "Verified", "verify_bundle"]
LARGEST_MANIFEST = 16 * 1024 * 1024
"""What is read as JSON takes up to thirty times its size in memory."""
MOST_KEYS = 16


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
    absent: tuple[str, ...]
    """Documents that shown events record under a disclosed compartment, and that are not here."""
    deliveries: Deliveries
    """Who knew what when."""
    joinings: tuple[Link, ...]
    """How the log goes on from another, where it does, and that one from the one before: the newest first."""


def verify_bundle(data: bytes, policy: Policy | None = None) -> Verified:
    """Check everything that can be checked with no one's help. Raises Refused, naming the part that does not hold, and
    PackedAnew for what is no bundle in this form."""
    try:
        parts = unpack(data)
    except Damaged as problem:
        raise Refused(problem.part, str(problem).removeprefix(f"{problem.part}: ")) from None
    for name in parts:
        if NAME.fullmatch(name) is None:
            raise Refused(name, "a bundle has no such part")
    manifest = _manifest(parts)
    unchecked: list[str] = []
    if policy is None:
        policy = _own_policy(manifest)
        unchecked.append("log-key")
    signer = _check_seal(parts, manifest, policy)
    _check_parts(parts, manifest)
    with blaming(CHECKPOINT):
        accepted = policy.check(parse_note(parts[CHECKPOINT]))
    head = accepted.checkpoint
    if signer.name != head.origin:
        raise Refused(SEAL, "another log than the checkpoint's sealed it")
    if not accepted.witnesses and not unchecked:
        unchecked.append("no-witnesses")
    proofs = Proofs(parts, accepted.log, head)
    if manifest["format"] == FIRST and (of_later := [n for n in parts if n.startswith(("sendings", "ack", "deliv"))]):
        raise Refused(of_later[0], "a bundle of this format has no such part")
    case = UUID(manifest["case"])
    events = tuple(proofs.entry(name) for name in parts if name.startswith("events/"))
    accesses = tuple(proofs.entry(name) for name in parts if name.startswith("accesses/"))
    made = proofs.entry(DISCLOSURE)
    told = read_deliveries(parts, proofs, case, made)
    for name in parts:
        if name.startswith("proofs/") and name not in proofs.used:
            raise Refused(name, "it is the proof of nothing here")
    hidden = _withheld_events(made)
    _check_events(events, case, manifest, hidden)
    _check_disclosure(made, case, manifest, events)
    _check_accesses(accesses, case, made, manifest)
    _check_positions((*events, *accesses, *told.entries, made))
    _check_log(manifest, accepted)
    joinings = _check_joinings(parts, manifest, policy, accepted)
    documents, absent = _check_documents(parts, events, manifest, hidden)
    _check_order(parts, (DISCLOSURE, *(e.part for e in (*events, *accesses, *told.entries))), documents)
    if len(events) < made.header.version - 1:
        unchecked.append("until")
    if manifest["erased"]:
        unchecked.append("erased")
    if any(name in parts for name in REPORTS):
        unchecked.append("reports")
    if not all(link.is_signed and link.is_proved for link in joinings):
        unchecked.append("joinings")
    unchecked.append("more-accesses" if manifest["format"] == FIRST else "said-complete")
    unchecked += [*told.unchecked, "numbers", "truth"]
    unchecked += [f"signature:{n}" for n in REPORTS if _is_signed(parts, manifest, n)]
    return Verified(
        manifest,
        head,
        accepted.log,
        accepted.witnesses,
        events,
        accesses,
        made,
        documents,
        parts,
        tuple(unchecked),
        absent,
        told,
        joinings,
    )


def _manifest(parts: Mapping[str, bytes]) -> Mapping[str, Any]:
    for name in (ABOUT, MANIFEST, SEAL, CHECKPOINT, DISCLOSURE):
        if name not in parts:
            raise Refused(name, "it is missing")
    if parts[ABOUT] != READ_ME.encode() and sha256(parts[ABOUT]).hexdigest() != EARLIER:
        raise Refused(ABOUT, "it is not what stands before every bundle")
    with blaming(MANIFEST):
        manifest: dict[str, Any] = read_json(parts[MANIFEST], LARGEST_MANIFEST)
        if not isinstance(manifest, dict) or manifest.get("format") not in FORMATS:
            raise Malformed("a bundle of another format")
        if not is_shaped(manifest, SAYS[manifest["format"]]) or to_json(manifest) != parts[MANIFEST]:
            raise Malformed("it does not say what a manifest says, in the one way that it is said")
        for name in ("case", "disclosure"):
            if str(UUID(manifest[name])) != manifest[name]:
                raise Malformed(f"the {name} is not named as it should be")
        for name in ("disclosed", "erased"):
            if manifest[name] != sorted(set(manifest[name])):
                raise Malformed(f"{name} is not a list of compartments, in order")
        if not set(manifest["erased"]) <= set(manifest["disclosed"]) - {"coordination"}:
            raise Malformed("it names as erased what was not to be disclosed")
        return manifest
    raise AssertionError("unreachable")


def _own_policy(manifest: Mapping[str, Any]) -> Policy:
    """No policy was given: the bundle's own word for its log's keys, which proves that it is in one piece only."""
    with blaming(MANIFEST):
        if len(manifest["log"]["keys"]) > MOST_KEYS:
            raise Malformed("it names more keys than a log has")
        return Policy(tuple(parse_vkey(key) for key in manifest["log"]["keys"]), {}, {}, policies.NONE)
    raise AssertionError("unreachable")


def _check_seal(parts: Mapping[str, bytes], manifest: Mapping[str, Any], policy: Policy) -> PublicKey:
    """The key that sealed it."""
    with blaming(SEAL):
        note = parse_note(parts[SEAL])
        keys = [key for key in policy.logs if key.kind == notes.ED25519]
        if len(note.signatures) != 1:
            raise Malformed("it has other than one signature")
        (signer,) = notes.verify(note, keys)
        said = note.text.split("\n")
    if said[:2] != [manifest["format"], manifest["case"]]:
        raise Refused(SEAL, "it seals another bundle")
    sealed = dict(line.rpartition(" ")[::2] for line in said[2:-1])
    for name in SEALED_WHOLE:
        if name in parts and sealed.get(name) != sha256(parts[name]).hexdigest():
            raise Refused(name, "it is not what was sealed")
    if note.text != seal_text(manifest["case"], parts, manifest["format"]):
        raise Refused(SEAL, "it names other parts than there are")
    return signer


def _check_parts(parts: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Each part but those that the seal names is in the manifest, with its hash; a report by its unsigned beginning."""
    with blaming(MANIFEST):
        listed = {p["name"]: (p["size"], p["sha256"]) for p in manifest["parts"]}
        if len(listed) != len(manifest["parts"]):
            raise Malformed("it lists a part twice")
        order = [name for name in parts if name in listed]
        if order != [name for name in listed if name in parts]:
            raise Malformed("it lists the parts in another order than they stand in")
    for name in parts:
        if name not in listed and name not in (MANIFEST, SEAL, CHECKPOINT):
            raise Refused(name, "the manifest does not list it")
    for name, (size, digest) in listed.items():
        if NAME.fullmatch(name) is None or name in (MANIFEST, SEAL, CHECKPOINT):
            raise Refused(MANIFEST, "it lists what is no part to be listed")
        if name not in parts:
            raise Refused(name, "it is missing")
        data = parts[name]
        if not 0 <= size <= len(data) or (len(data) != size and name not in REPORTS):
            raise Refused(name, "it has another length than the manifest says")
        if sha256(data[:size]).hexdigest() != digest:
            raise Refused(name, "it is not what the manifest lists")


def _withheld_events(made: Entry) -> frozenset[int]:
    """The versions of events of which nothing is to be shown, by the record of the disclosure."""
    with blaming(DISCLOSURE):
        if made.header.topic != DISCLOSURE_TOPIC or made.text() is None:
            raise Malformed("it is not the record of a disclosure of this case")
        versions = made.text().get("withheld_events") or ()
        if not all(type(v) is int for v in versions):
            raise Malformed("it withholds what is no event")
        return frozenset(versions)
    raise AssertionError("unreachable")


def _check_shown(entry: Entry, disclosed: Iterable[str], erased: Iterable[str] = ()) -> None:
    """That it shows all that is disclosed and is not erased, and nothing else, and says why of the rest."""
    for segment in entry.segments:
        if segment.compartment not in disclosed:
            if segment.withheld is None:
                raise Refused(entry.part, "it shows what the disclosure does not cover")
            if segment.withheld != "not-disclosed":
                raise Refused(entry.part, f"{segment.compartment} is said to be erased, and was not to be disclosed")
        elif segment.withheld != ("erased" if segment.compartment in erased else None):
            raise Refused(entry.part, f"{segment.compartment} is not shown, or withheld, as the manifest says")


def _check_events(events: Sequence[Entry], case: UUID, manifest: Mapping[str, Any], hidden: frozenset[int]) -> None:
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
        _check_shown(event, () if version in hidden else disclosed, manifest["erased"])
        before = event
    if len(events) != manifest["events"]:
        raise Refused(MANIFEST, "it counts another number of events")
    if not set(manifest["erased"]) <= {s.compartment for e in events for s in e.segments}:
        raise Refused(MANIFEST, "it names as erased what no event has")


def _check_accesses(accesses: Sequence[Entry], case: UUID, made: Entry, manifest: Mapping[str, Any]) -> None:
    leaf = -1
    for number, access in enumerate(accesses, 1):
        text = access.text()
        if access.part != f"accesses/{number:06}.json" or not leaf < access.leaf < made.leaf:
            raise Refused(access.part, "it is not in its place")
        if access.header.topic != ACCESS_TOPIC or text is None or text.get("subject") != str(case):
            raise Refused(access.part, "it is not a reading of this case")
        _check_shown(access, ("coordination",))
        leaf = access.leaf
    if len(accesses) != manifest["accesses"]:
        raise Refused(MANIFEST, "it counts another number of readings")

    complete = manifest.get("complete")
    before = made.position - 1
    asked = {"events": min(manifest["as_of"]["position"], before), "accesses": before}
    if complete is not None and complete != {name: {"from": 1, "to": to} for name, to in asked.items()}:
        raise Refused(MANIFEST, "it is complete from or up to another position than the disclosure asks")
    if beyond := [access.part for access in accesses if access.position >= made.position]:
        raise Refused(beyond[0], "it came after the disclosure")


def _check_joinings(
    parts: Mapping[str, bytes], manifest: Mapping[str, Any], policy: Policy, accepted: policies.Accepted
) -> tuple[Link, ...]:
    names = _joinings(parts)
    of_format = [JOINING] if manifest["format"] == FIRST else [f"{JOININGS}{n:06}" for n in range(1, len(names) + 1)]
    for name, expected in zip(names, [*of_format, *[""] * len(names)], strict=False):
        if name != expected:
            raise Refused(name, "a bundle of this format has no such part, or has it in another place")
    found: list[Link] = []
    chain = check_chain((parts[name] for name in names), (*accepted.log, *policy.logs), accepted.checkpoint)
    for name in names:
        with blaming(name):
            found.append(next(chain))
    return tuple(found)


def _joinings(parts: Iterable[str]) -> list[str]:
    return [name for name in parts if name == JOINING or name.startswith(JOININGS)]


def _check_positions(entries: Iterable[Entry]) -> None:
    """Positions run ahead of leaves by the numbers that no event got, so never by less than they did before."""
    ahead = 1
    for entry in sorted(entries, key=lambda e: e.leaf):
        if entry.position - entry.leaf < ahead:
            raise Refused(entry.part, "its position does not fit to its place in the ledger")
        ahead = entry.position - entry.leaf


def _check_log(manifest: Mapping[str, Any], accepted: policies.Accepted) -> None:
    said, head = manifest["log"], accepted.checkpoint
    if (said["origin"], said["size"]) != (head.origin, head.size):
        raise Refused(MANIFEST, "it names another state of the log than the checkpoint")
    if not {key.vkey for key in accepted.log} <= set(said["keys"]):
        raise Refused(MANIFEST, "it names other keys of the log than those that signed the checkpoint")


def _check_disclosure(made: Entry, case: UUID, manifest: Mapping[str, Any], events: Sequence[Entry]) -> None:
    text = made.text()
    if made.header.stream != case:
        raise Refused(DISCLOSURE, "it is not the record of a disclosure of this case")
    _check_shown(made, ("coordination",))
    last = events[-1] if events else None
    if made.header.version <= len(events) or (last is not None and made.leaf <= last.leaf):
        raise Refused(DISCLOSURE, "it does not come after the events")
    if (made.header.agency, str(made.header.actor)) != (manifest["made_for"], manifest["made_by"]):
        raise Refused(MANIFEST, "it names another maker than the record of the disclosure")
    if made.header.recorded_at.isoformat() != manifest["made_at"]:
        raise Refused(MANIFEST, "it names another time of making than the record of the disclosure")
    for name in ("disclosure", "recipient", "basis", "rule"):
        if text.get(name) != manifest[name]:
            raise Refused(MANIFEST, f"its {name} is not that of the record of the disclosure")
    as_of, asked = manifest["as_of"], text.get("as_of")
    with blaming(MANIFEST):
        if sorted(text["compartments"]) != manifest["disclosed"]:
            raise Malformed("it names other compartments than the record of the disclosure")
        if type(asked) not in OPTIONAL_INT or asked != as_of["asked"]:
            raise Malformed("it is of another instant than the record of the disclosure")
        if as_of["position"] != (made.position - 1 if asked is None else asked):
            raise Malformed("it is up to another position than the record of the disclosure asks")
        if as_of["at"] != (last or made).header.recorded_at.isoformat():
            raise Malformed("its last instant is not that of the last event")
    if (asked is None or asked >= made.position - 1) and len(events) != made.header.version - 1:
        raise Refused(MANIFEST, "events are missing between the last one here and the record of the disclosure")


def _check_documents(
    parts: Mapping[str, bytes], events: Sequence[Entry], manifest: Mapping[str, Any], hidden: frozenset[int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(documents that are here, documents that should be), in the order in which events record them."""
    disclosed = {"coordination", *manifest["disclosed"]} - set(manifest["erased"])
    attached: dict[str, Any] = {}
    for event in events:
        if event.header.topic == DOCUMENT_TOPIC and event.header.version not in hidden:
            about = event.text()
            name = f"documents/{about.get('document')}"
            if name in attached or NAME.fullmatch(name) is None:
                raise Refused(event.part, "it records a document under a name that is another's, or is none")
            attached[name] = about
    for name in parts:
        if name.startswith("documents/"):
            about = attached.get(name)
            if about is None or (about.get("sha256"), about.get("size")) != (
                sha256(parts[name]).hexdigest(),
                len(parts[name]),
            ):
                raise Refused(name, "no event of the case records this document")
            if about.get("compartment") not in disclosed:
                raise Refused(name, "it is of a compartment that the disclosure does not cover")
    here = tuple(name for name in attached if name in parts)
    absent = (n for n, about in attached.items() if n not in parts and about.get("compartment") in disclosed)
    return here, tuple(absent)


def _check_order(parts: Mapping[str, bytes], entries: Sequence[str], documents: Sequence[str]) -> None:
    """One order for the same parts, in the file and in the manifest, so that one disclosure is one file."""
    proofs = [PROOF_OF.format(name.removesuffix(".json")) for name in entries]
    reports = [name for name in REPORTS if name in parts]
    told = [DELIVERIES] if DELIVERIES in parts else []
    order = [ABOUT, MANIFEST, SEAL, CHECKPOINT, *_joinings(parts), *entries, *proofs, *told, *documents, *reports]
    for name, expected in zip(parts, order, strict=True):
        if name != expected:
            raise Refused(name, "it stands where another part should")


def _is_signed(parts: Mapping[str, bytes], manifest: Mapping[str, Any], name: str) -> bool:
    return any(p["name"] == name and len(parts[name]) > p["size"] for p in manifest["parts"])
