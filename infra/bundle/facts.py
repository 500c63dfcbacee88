"""What the readable report says, taken from what the bundle holds: nothing that the bundle withholds is in it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from ...consumers.evidence import bundle_parts as b
from ...consumers.evidence import merkle
from ...consumers.evidence.checkpoints import parse_checkpoint
from ...consumers.evidence.notes import COSIGNATURE_ML_DSA, PublicKey
from ...consumers.evidence.records import entry_from, read_header
from ...domain.access import AccessRecorded
from ...domain.case.documents import DocumentAttached, DocumentSuperseded
from ...domain.case.referrals import ReferralDrafted, ReferralSent
from ...domain.casefile.clocks import ClockEnded
from ...domain.catalogue import TOPICS, WITHHELD, as_today, version_of
from ...domain.compartment import ALL, Compartment
from ...domain.custody import Custody, Ran, custody
from ...domain.declaring import words_of
from ...domain.delivery import Arrival
from ...domain.disclosure import Written
from ...domain.timing import was_entered_late
from ..ledger.log_key import LogKeys
from ..ledger.publishing import Quorum
from ..report import facts as f
from ..store.following import written_of
from .building import Gathered, Made
from .deliveries import OfAgency

LAST_SECOND = 253_402_300_799
"""Of the year 9999: a witness may say any time, and the report is printed all the same."""
LANGUAGES = {"report.id.pdf": "id", "report.en.pdf": "en"}


class PdfReporter:
    """Prints reports as PDF/A, and signs them (PAdES) where there is a signer."""

    def __init__(
        self, network: str, keys: LogKeys, quorum: Quorum, sign: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._network = network
        self._keys = keys
        self._quorum = quorum
        self._sign = sign

    def reports(self, gathered: Gathered, bundle: str) -> Mapping[str, tuple[bytes, bytes]]:
        from ..report.pages import render  # its libraries take half a second to load

        facts = self.facts(gathered, bundle)
        made: dict[str, tuple[bytes, bytes]] = {}
        for name in b.REPORTS:
            plain = render(facts, "id" if LANGUAGES[name] == "id" else "en")
            made[name] = plain, self._sign(plain) if self._sign else plain
        return made

    def facts(self, gathered: Gathered, bundle: str) -> f.ReportFacts:
        """What the reports of a bundle say."""
        made, said = gathered.disclosure, gathered.said
        about = written_of(made)
        hidden = frozenset(said.withheld_events)
        known = [written_of(m.opened) for m in gathered.events if m.opened.version not in hidden]
        last = gathered.events[-1] if gathered.events else None
        as_of = written_of(last.opened).at if last else about.at
        held = custody(known, as_of)
        disclosed = {"coordination", *said.compartments}
        return f.ReportFacts(
            network=self._network,
            case=str(gathered.case),
            bundle=bundle,
            recipient=said.recipient,
            basis=f"{said.basis.value}: {said.rule}",
            as_of=as_of,
            position=made.position - 1 if said.as_of is None else said.as_of,
            made_at=about.at,
            made_by=str(about.actor),
            made_for=about.author,
            disclosed=tuple(c.word for c in sorted(ALL) if c.word in disclosed),
            withheld=tuple(c.word for c in sorted(ALL) if c.word not in disclosed),
            erased=tuple(c.word for c in sorted(gathered.erased) if _is_held(gathered, c.word)),
            signed=self._sign is not None,
            ledger=self._ledger(gathered),
            events=tuple(_event(m, hidden) for m in gathered.events),
            led=tuple(f.Led(agency=led.agency, since=led.since, until=led.until) for led in held.led),
            referrals=_referrals(held, known),
            clocks=tuple(_clock(ran, gathered) for ran in held.clocks if ran.clock is not None),
            documents=_documents(gathered, hidden),
            accesses=tuple(_access(m) for m in gathered.accesses),
            told=tuple(_told(gathered.told, known)),
            not_whole=tuple(of.agency for of in gathered.told if any(of.not_whole.values())),
            unread=tuple(gathered.unread),
            agencies=tuple(
                f.Agency(code=code, name=id, name_en=en) for code, (id, en) in sorted(gathered.names.items())
            ),
        )

    def _ledger(self, gathered: Gathered) -> f.Ledger:
        head = parse_checkpoint(gathered.checkpoint.text)
        own: PublicKey = self._keys.ed25519
        witnesses = tuple(
            f.Witness(
                name=key.name,
                algorithm="ML-DSA-44" if key.kind == COSIGNATURE_ML_DSA else "Ed25519",
                at=datetime.fromtimestamp(min(time, LAST_SECOND), UTC),
                key_id=key.key_id.hex(),
            )
            for key, time in self._quorum.seen(gathered.checkpoint)
        )
        return f.Ledger(
            origin=head.origin,
            size=head.size,
            root_hash=head.root.hex(),
            log_key=own.vkey,
            witnesses=witnesses,
            checkpoint=gathered.checkpoint.text,
        )


def _event(made: Made, hidden: frozenset[int]) -> f.Event:
    header = read_header(made.header)
    leaf = merkle.leaf_hash(entry_from(made.header, [s.sha256 for s in made.segments]))
    wholly = made.opened.version in hidden
    opened = {Compartment.named(s.compartment): s.text for s in made.segments if not s.withheld}
    shown = as_today(header.topic, header.schema, opened)
    fields = tuple(one for compartment, said in shown.items() for one in fields_of(header.topic, compartment, said))
    if header.schema < version_of(header.topic) and any(s.withheld for s in made.segments):
        # An older version may have had it in a compartment that is not shown: that it was not said, nobody can say.
        fields = tuple(structs.replace(one, withheld=one.value is None) for one in fields)
    return f.Event(
        position=made.position,
        version=header.version,
        recorded_at=header.recorded_at,
        agency=header.agency,
        topic=header.topic,
        actor=str(header.actor),
        occurred_at=None if wholly else made.opened.event.occurred_at,
        fields=fields,
        withheld=tuple(s.compartment for s in made.segments if s.withheld == "not-disclosed"),
        erased=tuple(s.compartment for s in made.segments if s.withheld == "erased"),
        wholly_withheld=wholly,
        leaf_hash=leaf.hex(),
    )


def fields_of(topic: str, compartment: Compartment, said: Mapping[str, Any]) -> list[f.Field]:
    """What was said, and, of what must not be guessed, that it was not. What the service keeps for itself (`WITHHELD`)
    is left out, and a list that names none where it is so by default: nobody said anything there."""
    unsaid = _empty_by_default(topic)
    return [
        f.Field(name=name, compartment=compartment.word, value=_value(value))
        for name, value in said.items()
        if name not in {"occurred_at", *WITHHELD.get(topic, ())}
        and ((value is not None and not (value == [] and name in unsaid)) or _tells_silence(topic, name))
    ]


def _empty_by_default(topic: str) -> frozenset[str]:
    """The lists of an event of this kind that are empty where nobody says anything."""
    event = TOPICS.get(topic)
    fields = structs.fields(event) if event is not None else ()
    return frozenset(field.encode_name for field in fields if field.default in (frozenset(), ()))


def _tells_silence(topic: str, name: str) -> bool:
    words = words_of(TOPICS.get(topic), name)
    return words is not None and words.unsaid is not None


def _value(value: Any) -> f.Value:
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in value)
    return value if isinstance(value, str | int | float | bool) else json.dumps(value, ensure_ascii=False)


def _referrals(held: Custody, known: Sequence[Written]) -> tuple[f.Referral, ...]:
    drafts = {w.event.referral: w.event for w in known if isinstance(w.event, ReferralDrafted)}
    found: list[f.Referral] = []
    for id, draft in drafts.items():
        spans = [h for h in held.referrals if h.referral == id]
        answer = next((ran for ran in held.clocks if ran.referral == id), None)
        found.append(
            f.Referral(
                referral=str(id),
                sender=draft.sender,
                recipient=draft.recipient,
                status=spans[-1].status.value,
                custody=tuple(
                    f.Holding(
                        agency=h.holder,
                        status=h.status.value,
                        since=h.since,
                        until=h.until,
                        said_since=h.occurred_at if was_entered_late(h.occurred_at, h.since) else None,
                    )
                    for h in spans
                ),
                service=draft.service.value,
                urgency=draft.urgency.value,
                due_at=answer.due_at if answer else None,
                breached_at=answer.breached_at if answer else None,
                answered_at=answer.met_at if answer else None,
                answer_recorded_at=answer.met_recorded_at if answer else None,
                ended_unanswered_at=answer.ended_at if answer else None,
                parent=str(draft.parent or ""),
                redirects=str(draft.redirects or ""),
            )
        )
    return tuple(found)


def _clock(ran: Ran, gathered: Gathered) -> f.Clock:
    said = _said(ran, gathered)
    return f.Clock(
        clock=str(ran.clock),
        starts_at=ran.starts_at,
        due_at=ran.due_at,
        state=_state(ran),
        need=said["need"],
        duty=said["duty"],
        guessed=said["guessed"] == "True",
        how=said["how"] if ran.ended_at is not None else "",
        ended_by=ran.ended_by or "",
        met_at=ran.met_at or ran.ended_at,
        met_recorded_at=ran.met_recorded_at or ran.ended_recorded_at,
        held_by=ran.held_by,
    )


def _state(ran: Ran) -> f.ClockState:
    if ran.too_late:
        return "too-late"
    late = ran.breached_at is not None
    if ran.ended_at is not None:
        return "ended-late" if late else "ended"
    if ran.met_at is None:
        return "breached" if late else "running"
    if ran.met_at > ran.due_at:
        return "met-late"
    return "said-late" if late else "met"


def _said(ran: Ran, gathered: Gathered) -> Mapping[str, str]:
    """What a clock is for and how it ended last, as far as that is disclosed."""
    found = dict.fromkeys(("need", "duty", "guessed", "how"), "")
    for made in gathered.events:
        shown = {s.compartment: s.text for s in made.segments if not s.withheld}
        plain, incident, health = (shown.get(name, {}) for name in ("coordination", "incident", "health"))
        if plain.get("clock") != str(ran.clock):
            continue
        found["need"] = str(incident.get("need") or health.get("care") or found["need"])
        found["duty"] = str(plain.get("duty") or found["duty"])
        found["guessed"] = str(plain.get("guessed") or found["guessed"])
        if isinstance(made.opened.event, ClockEnded):
            found["how"] = str(plain.get("ended_as") or health.get("how") or "")
    return found


def _documents(gathered: Gathered, hidden: frozenset[int]) -> tuple[f.Document, ...]:
    newer = {
        m.opened.event.document: m.opened.event.by
        for m in gathered.events
        if isinstance(m.opened.event, DocumentSuperseded) and m.opened.version not in hidden
    }
    found: list[f.Document] = []
    for made in gathered.events:
        event = made.opened.event
        if not isinstance(event, DocumentAttached) or made.opened.version in hidden:
            continue
        disclosed = str(event.document) in gathered.documents
        found.append(
            f.Document(
                document=str(event.document),
                kind=event.kind.value,
                compartment=event.compartment,
                media_type=event.media_type,
                size=event.size,
                sha256=event.sha256,
                disclosed=disclosed,
                erased=event.compartment in {c.word for c in gathered.erased},
                attached_at=written_of(made.opened).at,
                superseded_by=str(newer.get(event.document, "")),
                file=f"documents/{event.document}" if disclosed else "",
            )
        )
    return tuple(found)


def _access(made: Made) -> f.Access:
    event = made.opened.event
    assert isinstance(event, AccessRecorded)
    return f.Access(
        position=made.position,
        at=written_of(made.opened).at,
        agency=event.agency,
        role=event.role.value,
        purpose=event.purpose.value,
        compartments=tuple(sorted(event.compartments)),
        basis=event.basis,
        what=event.what,
        reader=str(event.reader),
    )


def _told(agencies: Sequence[OfAgency], known: Sequence[Written]) -> Iterator[f.Informed]:
    """What agencies were entitled to know of these events; of what was sent more than once, the first time."""
    events = {w.position: w.event for w in known}
    for of in agencies:
        first = {row.sequence: row for row in reversed(of.sent)}
        for e in of.entitled:
            if (event := events.get(e.position)) is None:
                continue
            row, arrived = first.get(e.sequence), of.arrived.get(e.sequence, Arrival())
            is_empty = e.empty_since is not None or (row is not None and not row.compartments)
            yield f.Informed(
                agency=of.agency,
                position=e.position,
                since=e.since,
                referral=str(event.referral) if isinstance(event, ReferralSent) else "",
                sent_at=row.sent_at if row else None,
                transport=row.transport if row else "",
                found=row is not None and row.found,
                vouched=row is not None and row.number in of.vouched,
                received_at=None if is_empty else arrived.received_at,
                handled_at=None if is_empty else arrived.handled_at,
                failed=arrived.failed is not None,
            )


def _is_held(gathered: Gathered, word: str) -> bool:
    return any(s.compartment == word for m in gathered.events for s in m.segments)
