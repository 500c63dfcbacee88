"""Who knew what when, in a bundle: what each agency was entitled to know of the case, what of it was sealed and sent,
and what the agency said of it; with the log's own word for the last two.

    deliveries.json               for each agency that was told anything of the case: entitlements, the lines of its
                                  sendings (sendings.py); and what of the service's registers is not whole
    sendings/NNNNNN.json          events of the log that vouch for these lines: how many of the case, and their hash
    acknowledgements/NNNNNN.json  what the agencies acknowledged, as far as it is about these deliveries
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from .bundle_entries import Entry, Proofs, Refused, blaming
from .bundle_parts import is_shaped, read_json, to_json
from .refused import Malformed
from .sendings import TRANSPORTS, Sending, digest_of, pseudonym

DELIVERIES = "deliveries.json"
SENDINGS, ACKNOWLEDGEMENTS = "sendings/", "acknowledgements/"
SENDINGS_TOPIC, ACKNOWLEDGED_TOPIC = "delivery.SendingsRecorded", "delivery.Acknowledged"
LARGEST = 64 * 1024 * 1024
OPENED = frozenset({"handler-failed"})
"""Reasons with which a delivery had arrived and been opened all the same."""
DAMAGE = {
    "entitled_changed": [int],
    "entitled_missing": int,
    "entitled_elsewhere": int,
    "sent_changed": [int],
    "sent_missing": int,
    "sent_elsewhere": int,
    "unread": [int],
}
SHAPE = {
    "agencies": [
        {
            "agency": str,
            "entitled": [{"sequence": int, "by": int, "of": int, "since": str, "compartments": [str]}],
            "sent": [str],
            "not_whole": DAMAGE,
        }
    ],
    "unread": [int],
}
"""`unread`: positions of the log where a record does not open, or is gone before it: of readings, and of what vouches
for an agency's sendings. `by`, `of`: positions of the event by which it was entitled, and of the one it may know."""
_LINE = re.compile(
    r"(?P<number>[1-9][0-9]{0,17}) (?P<sequence>[1-9][0-9]{0,17}) (?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r" (?P<position>0|[1-9][0-9]{0,17}) (?P<inside>-|[a-z]+(?:,[a-z]+)*) (?P<transport>[a-z]+)"
    r" (?P<key>-|[0-9a-f]{64}) (?P<how>sent|found) (?P<at>[0-9T:.+-]{32})",
    re.ASCII,
)


class Entitled(NamedTuple):
    """The operator's word: from `since` on the agency was entitled to these compartments of the event at `of`. It is
    told under that number."""

    sequence: int
    by: int
    of: int
    since: str
    compartments: tuple[str, ...]


class Arrived(NamedTuple):
    """What the agency said of a delivery, by when that was recorded in the log; None: it is not shown that it did."""

    received_at: datetime | None = None
    handled_at: datetime | None = None
    failed: str | None = None


class OfAgency(NamedTuple):
    """One agency. `vouched`: the numbers of sendings that the log vouches for."""

    agency: str
    entitled: tuple[Entitled, ...]
    sent: tuple[Sending, ...]
    vouched: frozenset[int]
    said: tuple[Entry, ...]
    not_whole: Mapping[str, Any]

    def arrived(self, sequence: int) -> Arrived:
        """What it said of the delivery with that number."""
        now = Arrived()
        for entry in self.said:
            now = _after(now, sequence, entry.text(), entry.header.recorded_at)
        return now


class Deliveries(NamedTuple):
    """All of it, checked."""

    agencies: tuple[OfAgency, ...] = ()
    unread: tuple[int, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def unchecked(self) -> Iterator[str]:
        """What could not be checked of it (keys of words.py)."""
        if self.agencies:
            yield "deliveries"
        if any(any(of.not_whole.values()) for of in self.agencies):
            yield "deliveries-damaged"
        if self.unread:
            yield "readings-damaged"


def deliveries_part(agencies: Sequence[Mapping[str, Any]], unread: Sequence[int]) -> bytes:
    """`deliveries.json`."""
    return to_json({"agencies": list(agencies), "unread": list(unread)})


def read_deliveries(parts: Mapping[str, bytes], proofs: Proofs, case: UUID, made: Entry) -> Deliveries:
    """What a bundle has of it, checked: the lines against the log's word, acknowledgements by their proofs. Raises
    Refused."""
    vouching = tuple(proofs.entry(name) for name in parts if name.startswith(SENDINGS))
    said = tuple(proofs.entry(name) for name in parts if name.startswith(ACKNOWLEDGEMENTS))
    for kind, topic, its in ((SENDINGS, SENDINGS_TOPIC, vouching), (ACKNOWLEDGEMENTS, ACKNOWLEDGED_TOPIC, said)):
        leaf = -1
        for n, entry in enumerate(its, 1):
            if entry.part != f"{kind}{n:06}.json" or not leaf < entry.leaf < made.leaf:
                raise Refused(entry.part, "it is not in its place")
            if entry.header.topic != topic or entry.text() is None:
                raise Refused(entry.part, "it is another event than should stand here")
            leaf = entry.leaf
    if DELIVERIES not in parts:
        if vouching or said:
            raise Refused((*vouching, *said)[0].part, "it is about deliveries that are not here")
        return Deliveries()
    with blaming(DELIVERIES):
        all = read_json(parts[DELIVERIES], LARGEST)
        if not is_shaped(all, SHAPE) or to_json(all) != parts[DELIVERIES]:
            raise Malformed("it does not say what it should, in the one way that it is said")
        names = [of["agency"] for of in all["agencies"]]
        if names != sorted(set(names)):
            raise Malformed("it does not name agencies in order, each once")
        agencies = tuple(_of_agency(of, said) for of in all["agencies"])
    by_name = {of.agency: of for of in agencies}
    for entry in (*vouching, *said):
        if entry.text().get("agency") not in by_name:
            raise Refused(entry.part, "it is about an agency that is not here")
    for entry in vouching:
        with blaming(entry.part):
            of = by_name[entry.text()["agency"]]
            by_name[of.agency] = of._replace(vouched=of.vouched | _vouched(entry, of, case))
    return Deliveries(tuple(by_name[name] for name in names), tuple(all["unread"]), (*vouching, *said))


def _of_agency(of: Mapping[str, Any], said: Sequence[Entry]) -> OfAgency:
    sent = tuple(map(_sending, of["sent"]))
    if [s.number for s in sent] != sorted({s.number for s in sent}):
        raise Malformed("it does not have an agency's sendings in order, each once")
    entitled = tuple(Entitled(**{**e, "compartments": tuple(e["compartments"])}) for e in of["entitled"])
    its = tuple(entry for entry in said if entry.text().get("agency") == of["agency"])
    return OfAgency(of["agency"], entitled, sent, frozenset(), its, of["not_whole"])


def _sending(line: str) -> Sending:
    found = _LINE.fullmatch(line)
    if found is None or found["transport"] not in TRANSPORTS:
        raise Malformed("a sending is not written as it should be")
    inside = () if found["inside"] == "-" else tuple(found["inside"].split(","))
    datetime.fromisoformat(found["at"])
    numbers = int(found["number"]), int(found["sequence"]), found["id"], int(found["position"])
    sending = Sending(*numbers, inside, found["transport"], found["key"], found["how"] == "found", found["at"])
    if sending.line != line:
        raise Malformed("a sending is written in another way than it was hashed")
    return sending


def _vouched(entry: Entry, of: OfAgency, case: UUID) -> frozenset[int]:
    """The numbers of the sendings that this event vouches for."""
    said = entry.text()
    name = pseudonym(of.agency, case)
    (its,) = [one for one in said["sendings"] if one["case"] == name]
    among = [s for s in of.sent if said["since"] <= s.number <= said["upto"]]
    if len(among) != its["rows"] or digest_of(of.agency, case, among) != its["digest"]:
        raise Malformed("the sendings are not those that the log vouches for")
    return frozenset(s.number for s in among)


def _after(now: Arrived, sequence: int, said: Mapping[str, Any], at: datetime) -> Arrived:
    """What is known of a delivery once the agency said this, too. What could not be opened did not arrive, whatever
    mark goes past it."""
    failed = {f["sequence"]: f["reason"] for f in said.get("failed") or ()}.get(sequence)
    if sequence in (said.get("recovered") or ()):
        return Arrived(now.received_at or at, now.handled_at or at)
    if failed is not None:
        return Arrived((now.received_at or at) if failed in OPENED else None, None, failed)
    received, handled = now.received_at, now.handled_at
    if sequence <= said["received"] and (now.failed is None or now.failed in OPENED):
        received = received or at
    if sequence <= said["handled"] and now.failed is None:
        handled = handled or at
    return Arrived(received, handled, now.failed)
