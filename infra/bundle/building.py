"""Makes bundles. The same disclosure under the same checkpoint gives the same parts, byte for byte; only the
signatures in the reports, and what witnesses added to the checkpoint since, may differ.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from ...api.application.ports import NotSealedYet
from ...consumers.evidence import bundle_deliveries as d
from ...consumers.evidence import bundle_parts as b
from ...consumers.evidence import container, records
from ...consumers.evidence.bundle_parts import Segment
from ...consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from ...consumers.evidence.joinings import Joining, is_provable, parse_joining, with_proof, without_proof
from ...consumers.evidence.notes import Note
from ...consumers.evidence.proofs import Proof
from ...domain.case.disclosures import DisclosureMade
from ...domain.case.documents import DocumentAttached
from ...domain.casefile.state import compartments_named
from ...domain.compartment import Compartment
from ..ledger.log_key import BundleSeal
from ..ledger.publishing import Quorum
from ..ledger.store import LedgerStore, NotSealed
from ..store import sealed_record
from ..store.counting import EventCounts
from ..store.data_keys import KeyGone
from ..store.documents import DocumentStore
from ..store.event_store import Damage, Damaged, EventStore, Opened
from ..store.readings import Readings
from ..store.sealed_record import author_of
from .deliveries import Knowing, OfAgency


class Made(NamedTuple):
    """One event of the bundle: where it stands, and what of it is shown."""

    position: int
    leaf: int
    header: bytes
    segments: tuple[Segment, ...]
    opened: Opened

    @property
    def part(self) -> bytes:
        """Its JSON."""
        return b.entry_part(self.leaf, self.position, self.header, self.segments)


class Gathered(NamedTuple):
    """All that a bundle is made of, before it is written."""

    case: UUID
    disclosure: Opened
    said: DisclosureMade
    events: Sequence[Made]
    accesses: Sequence[Made]
    made: Made
    documents: Mapping[str, bytes]
    erased: frozenset[Compartment]
    told: Sequence[OfAgency]
    vouching: Sequence[Made]
    acknowledged: Sequence[Made]
    unread: Sequence[int]
    """Positions of records of readings that do not open."""
    checkpoint: Note
    names: Mapping[str, tuple[str, str]]


class Reporter(Protocol):
    """Prints the readable reports."""

    def reports(self, gathered: Gathered, bundle: str) -> Mapping[str, tuple[bytes, bytes]]:
        """Name → (the report, the report signed; the same where nothing signs)."""
        ...


class Bundles:
    """Makes bundles of disclosures that were recorded. Safe to share between threads."""

    def __init__(
        self,
        store: EventStore,
        documents: DocumentStore,
        ledger: LedgerStore,
        seal: BundleSeal,
        has_quorum: Quorum,
        network: str,
        reporter: Reporter,
        readings: Readings,
        knowing: Knowing,
    ) -> None:
        self._knowing = knowing
        self._store = store
        self._counts = EventCounts(store)
        self._readings = readings
        self._documents = documents
        self._ledger = ledger
        self._seal = seal
        self._has_quorum = has_quorum
        self._network = network
        self._reporter = reporter

    def make(
        self,
        case: UUID,
        disclosure: UUID,
        names: Mapping[str, tuple[str, str]],
        *,
        reports: bool = True,
        witnessed: bool = True,
    ) -> bytes:
        """The bundle, with every reading of the case before the disclosure. `names` has each agency's names in
        Indonesian and English.

        Raises Damaged where a record does not open, KeyError where the case has no such disclosure, and NotSealedYet
        while the ledger does not prove all of it, or enough witnesses (where any are asked for, and unless it need not
        be `witnessed`) have not seen it.
        """
        gathered = self._gather(case, disclosure, names, witnessed)
        parts = self._parts(gathered)
        signed: Mapping[str, tuple[bytes, bytes]] = {}
        if reports:
            signed = self._reporter.reports(gathered, str(disclosure))
        parts |= {name: plain for name, (plain, _) in signed.items()}
        manifest = b.to_json(self._manifest(gathered, parts))
        parts |= {name: whole for name, (_, whole) in signed.items()}
        sealed = {b.MANIFEST: manifest, b.CHECKPOINT: gathered.checkpoint.data, **parts}
        text = b.seal_text(str(case), sealed)
        front = {b.ABOUT: parts.pop(b.ABOUT), b.MANIFEST: manifest, b.SEAL: self._seal.sign(text).data}
        return container.pack({**front, b.CHECKPOINT: gathered.checkpoint.data, **parts})

    def _gather(
        self,
        case: UUID,
        disclosure: UUID,
        names: Mapping[str, tuple[str, str]],
        witnessed: bool,
    ) -> Gathered:
        stream = self._store.read(case)
        made = next(
            (o for o in stream if isinstance(o.event, DisclosureMade) and o.event.disclosure == disclosure), None
        )
        if made is None:
            raise KeyError(disclosure)
        said = made.event
        assert isinstance(said, DisclosureMade)
        last = made.position - 1 if said.as_of is None else said.as_of
        events = [o for o in stream if o.version < made.version and o.position <= last]
        looked = self._readings.of(case)
        readings = [reading for reading in looked.found if reading.position < made.position]
        told = self._knowing.of(case, made)
        vouching = sorted((o for of in told for o in of.vouching), key=_position)
        marks = sorted((o for of in told for o in of.acknowledged), key=_position)
        leaves = self._leaves([o.position for o in (*events, *readings, *vouching, *marks, made)], made.position)
        self._check_whole(made, leaves[made.position])
        disclosed = compartments_named(said.compartments) | {Compartment.COORDINATION}
        keys, erased = self._keys(case, disclosed)
        hidden = frozenset(said.withheld_events)
        checkpoint = self._ledger.covering(leaves[made.position] + 1, self._has_quorum if witnessed else None)
        if checkpoint is None:
            raise NotSealedYet(made.position)
        coordination = {Compartment.COORDINATION}
        shown = [_made(o, leaves, set() if o.version in hidden else disclosed, keys) for o in events]
        read, vouched, acknowledged = (
            [_made(o, leaves, coordination, self._store.keys.for_opening(o.stream, coordination)) for o in its]
            for its in (readings, vouching, marks)
        )
        return Gathered(
            case=case,
            disclosure=made,
            said=said,
            events=shown,
            accesses=read,
            made=_made(made, leaves, coordination, keys),
            documents=self._attached(case, events, disclosed - erased, hidden),
            erased=erased,
            told=told,
            vouching=vouched,
            acknowledged=acknowledged,
            unread=sorted({damage.position for damage in looked.unread}),
            checkpoint=checkpoint,
            names=names,
        )

    def _check_whole(self, made: Opened, leaf: int) -> None:
        """Raises Damaged where the log has not as many events before the disclosure as were sealed: one that is gone
        may be a reading of the case."""
        before = self._counts.upto(made.position - 1)
        if before != leaf and (before := self._counts.upto(made.position - 1, anew=True)) != leaf:
            why = f"{leaf} events before it were sealed, and {before} are there"
            raise Damaged(Damage(made.position, made.stream, made.version, made.topic, why))

    def _leaves(self, positions: Sequence[int], last: int) -> Mapping[int, int]:
        try:
            return self._ledger.leaves_of(positions)
        except NotSealed:
            raise NotSealedYet(last) from None

    def _keys(
        self, case: UUID, disclosed: frozenset[Compartment]
    ) -> tuple[Mapping[Compartment, bytes], frozenset[Compartment]]:
        """The data keys of these compartments, and those whose keys are no more (or never were)."""
        keys: dict[Compartment, bytes] = {}
        for compartment in disclosed:
            try:
                keys |= self._store.keys.for_opening(case, (compartment,))
            except KeyGone:
                continue
        return keys, disclosed - keys.keys()

    def _attached(
        self, case: UUID, events: Sequence[Opened], disclosed: frozenset[Compartment], hidden: frozenset[int]
    ) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for o in events:
            if not isinstance(o.event, DocumentAttached) or o.version in hidden:
                continue
            compartment = Compartment.named(o.event.compartment)
            if compartment in disclosed:
                content = self._documents.get(case, o.event.document, compartment)
                if content is not None:
                    found[str(o.event.document)] = content
        return found

    def _parts(self, gathered: Gathered) -> dict[str, bytes]:
        bare = self._seal.keys.only(gathered.checkpoint)
        tree = self._ledger.tree(parse_checkpoint(bare.text).size)
        parts = {b.ABOUT: b.READ_ME.encode(), **self._joined(parse_checkpoint(bare.text))}
        parts[b.DISCLOSURE] = gathered.made.part
        listed = {b.DISCLOSURE: gathered.made}
        listed |= {f"events/{made.opened.version:06}.json": made for made in gathered.events}
        listed |= {f"accesses/{n:06}.json": made for n, made in enumerate(gathered.accesses, 1)}
        for kind, its in ((d.SENDINGS, gathered.vouching), (d.ACKNOWLEDGEMENTS, gathered.acknowledged)):
            listed |= {f"{kind}{n:06}.json": made for n, made in enumerate(its, 1)}
        for name, made in listed.items():
            parts[name] = made.part
        for name, made in listed.items():
            proof = Proof(made.leaf, tree.inclusion(made.leaf), bare)
            parts[b.PROOF_OF.format(name.removesuffix(".json"))] = proof.data
        if gathered.told or gathered.unread:
            parts[d.DELIVERIES] = d.deliveries_part([of.said for of in gathered.told], gathered.unread)
        return parts | {f"documents/{id}": content for id, content in gathered.documents.items()}

    def _joined(self, head: Checkpoint) -> dict[str, bytes]:
        """How the log goes on from another, where it does, and that one from the one before, to the first; each with
        the proof that this log has the root which both had, as far as it can have it."""
        found: dict[str, bytes] = {}
        origin, upto, met = head.origin, None, {head.origin}
        while (note := self._ledger.joining(origin)) is not None:
            said = parse_joining(note.text)
            found[f"{b.JOININGS}{len(met):06}"] = self._proved(note, said, head, upto)
            origin = said.ended.origin
            upto = said.common.size if upto is None else min(upto, said.common.size)
            if origin in met:
                raise ValueError("two logs go on from each other")
            met.add(origin)
        return found

    def _proved(self, note: Note, said: Joining, head: Checkpoint, upto: int | None) -> bytes:
        if not is_provable(said, upto):
            return without_proof(note)
        larger = max(said.common.size, head.size)
        try:
            proof = self._ledger.tree(larger).consistency(min(said.common.size, head.size))
        except NotSealed:
            raise NotSealedYet(larger) from None
        return with_proof(note, said, head, proof)

    def _manifest(self, gathered: Gathered, parts: Mapping[str, bytes]) -> Mapping[str, Any]:
        made, said = gathered.disclosure, gathered.said
        agency, actor, _, at = author_of(made.state)
        head = parse_checkpoint(gathered.checkpoint.text)
        last = gathered.events[-1].opened.state if gathered.events else made.state
        as_of = made.position - 1 if said.as_of is None else said.as_of
        return {
            "format": b.FORMAT,
            "network": self._network,
            "case": str(gathered.case),
            "disclosure": str(said.disclosure),
            "recipient": said.recipient,
            "basis": said.basis.value,
            "rule": said.rule,
            "made_by": str(actor),
            "made_for": agency,
            "made_at": at.isoformat(),
            "as_of": {
                "asked": said.as_of,
                "position": as_of,
                "at": author_of(last)[3].isoformat(),
            },
            "events": len(gathered.events),
            "accesses": len(gathered.accesses),
            "complete": {
                "events": {"from": 1, "to": min(as_of, made.position - 1)},
                "accesses": {"from": 1, "to": made.position - 1},
            },
            "disclosed": sorted(said.compartments),
            "erased": sorted(c.word for c in gathered.erased & _held(gathered.events)),
            "log": {"origin": head.origin, "size": head.size, "keys": [key.vkey for key in self._seal.keys]},
            "parts": [
                {"name": name, "size": len(data), "sha256": sha256(data).hexdigest()} for name, data in parts.items()
            ],
        }


def _position(opened: Opened) -> int:
    return opened.position


def _made(
    opened: Opened,
    leaves: Mapping[int, int],
    disclosed: set[Compartment] | frozenset[Compartment],
    keys: Mapping[Compartment, bytes],
) -> Made:
    """An event with the segments of these compartments opened, as far as there are keys."""
    record = opened.record
    header, sealed = records.split_record(opened.state)
    segments: list[Segment] = []
    for compartment, raw in zip(record.held, sealed, strict=True):
        digest = sha256(raw).digest()
        # Of a record in format 1 (sealed_record.py) no court could check the key, so nothing of it is shown.
        if compartment in disclosed and compartment in keys and record.format >= records.COMMITTING:
            own = sealed_record.segment_key(record, compartment, keys[compartment])
            text = json.loads(sealed_record.unseal(record, compartment, keys[compartment]))
            segments.append(Segment(compartment.word, raw, own, text, digest, None))
        else:
            why = "erased" if compartment in disclosed and compartment not in keys else "not-disclosed"
            segments.append(Segment(compartment.word, None, None, None, digest, why))
    return Made(opened.position, leaves[opened.position], header, tuple(segments), opened)


def _held(events: Sequence[Made]) -> frozenset[Compartment]:
    return frozenset(Compartment.named(s.compartment) for made in events for s in made.segments)
