"""The parts of a bundle, a case's history in one file: their names, and what is written in each.

Parts, in this order (FORMATS.md shows each byte by byte):

    READ-ME.txt                   what this is, in Indonesian and English
    manifest.json                 what of which case was disclosed, to whom, on what basis; size and SHA-256 of parts
    seal.note                     the log's signature (signed-note) over manifest, checkpoint and signed reports
    checkpoint                    the ledger's signed head with its witnesses' cosignatures
    joinings/NNNNNN               where the ledger goes on from another log, and that from another: how, signed, with
                                  the proof (in format 1: `joining`, of the newest alone)
    disclosure.json               the event that recorded the making of this bundle
    events/NNNNNN.json            each event of the case, by its version, in order
    accesses/NNNNNN.json          each recorded reading of the case, in order
    sendings/, acknowledgements/  what the log says of what was sent to agencies, and arrived there
    proofs/….tlog-proof           for each of these, the proof that it is in the ledger
    deliveries.json               who was entitled to know what, and what of it was sent (bundle_deliveries.py)
    documents/ID                  documents, where their compartment is disclosed
    report.id.pdf, report.en.pdf  the same to read, where reports were made

An event holds its header, and of each segment either the sealed bytes with the key that opens them and the text, or,
withheld, the hash of the sealed bytes. So what is withheld shows as withheld, and the proof holds all the same.
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from .coding import to_base64
from .refused import Malformed

FIRST, FORMAT = FORMATS = ("rujukan/bundle/1", "rujukan/bundle/2")
"""A bundle of format 1 says nowhere from where to where it is complete, and names the newest joining alone."""
MANIFEST, SEAL, CHECKPOINT, JOINING, DISCLOSURE, ABOUT = (
    "manifest.json",
    "seal.note",
    "checkpoint",
    "joining",
    "disclosure.json",
    "READ-ME.txt",
)
REPORTS = ("report.id.pdf", "report.en.pdf")
JOININGS = "joinings/"
SEALED_WHOLE = (MANIFEST, CHECKPOINT, *REPORTS)
"""The parts that the seal names by the hash of all their bytes."""
DISCLOSURE_TOPIC, ACCESS_TOPIC, DOCUMENT_TOPIC = "case.DisclosureMade", "access.AccessRecorded", "case.DocumentAttached"
WITHHELD = ("not-disclosed", "erased")
PROOF_OF = "proofs/{}.tlog-proof"
READ_ME = """\
Bundel kasus Rujukan / A Rujukan case bundle

Bundel ini dapat diperiksa tanpa jaringan dan tanpa pembuatnya:
This file can be checked with no network, and without those who made it:

    rujukan verify BUNDEL --policy KEBIJAKAN

Program pemeriksa: minta dari jaringan Rujukan, sebagai berkas beserta nilai SHA-256-nya. Jangan memasang program dari
internet menurut namanya saja: siapa pun dapat menerbitkan program palsu dengan nama itu.
The checker: get it from the network, as a file with its SHA-256. Never install one from the internet by its name alone:
anybody can publish a false one under that name.

Laporan untuk dibaca, bila ada / The report to read, where there is one: report.id.pdf, report.en.pdf
Yang tidak diungkap tampak sebagai tidak diungkap. / What is withheld shows as withheld.
"""
EARLIER = "a3085d9e8d4653f1264ea8ecbaee8f5409b9a087fd15f9407e2f226f3045eea0"
"""SHA-256 of what stood before every bundle until the one above did: such a bundle still passes. The text named a
program by a name that anybody can register, so it is not repeated here."""
NAME = re.compile(
    r"READ-ME\.txt|manifest\.json|seal\.note|checkpoint|joining|joinings/[0-9]{6}|disclosure\.json|report\.(?:id|en)\.pdf"
    r"|deliveries\.json|(?:events|accesses|sendings|acknowledgements)/[0-9]{6,9}\.json"
    r"|proofs/(?:disclosure|(?:events|accesses|sendings|acknowledgements)/[0-9]{6,9})\.tlog-proof"
    r"|documents/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.ASCII,
)
OPTIONAL_INT = (int, type(None))
SPAN = {"from": int, "to": int}
_SAYS: Mapping[str, Any] = {
    "format": str,
    "network": str,
    "case": str,
    "disclosure": str,
    "recipient": str,
    "basis": str,
    "rule": str,
    "made_by": str,
    "made_for": str,
    "made_at": str,
    "as_of": {"asked": OPTIONAL_INT, "position": int, "at": str},
    "events": int,
    "accesses": int,
    "complete": {"events": SPAN, "accesses": SPAN},
    "disclosed": [str],
    "erased": [str],
    "log": {"origin": str, "size": int, "keys": [str]},
    "parts": [{"name": str, "size": int, "sha256": str}],
}
SAYS: Mapping[str, Mapping[str, Any]] = {
    FIRST: {name: shape for name, shape in _SAYS.items() if name != "complete"},
    FORMAT: _SAYS,
}
"""Format → what a manifest says, in this order, and nothing else."""


class Segment(NamedTuple):
    """One compartment of an event: opened, or withheld."""

    compartment: str
    sealed: bytes | None
    key: bytes | None
    text: Any
    sha256: bytes
    withheld: str | None


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


def seal_text(case: str, parts: Mapping[str, bytes], format: str = FORMAT) -> str:
    """What the log's key signs of a bundle."""
    named = [f"{name} {sha256(parts[name]).hexdigest()}" for name in SEALED_WHOLE if name in parts]
    return "\n".join((format, case, *named)) + "\n"


def is_shaped(value: Any, shape: Any) -> bool:
    """Whether a value of JSON has exactly this shape: a bool is no int, and an object's fields stand in order."""
    if isinstance(shape, dict):
        return type(value) is dict and list(value) == list(shape) and all(is_shaped(value[k], shape[k]) for k in shape)
    if isinstance(shape, list):
        return type(value) is list and all(is_shaped(v, shape[0]) for v in value)
    return type(value) in (shape if isinstance(shape, tuple) else (shape,))


def read_json(data: bytes, largest: int) -> Any:
    """A part that is JSON. Raises Malformed."""
    if len(data) > largest:
        raise Malformed("it is larger than such a part can be")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON") from None


def no_number(word: str) -> Any:
    """JSON has no NaN and no infinity, whatever Python reads. Raises Malformed."""
    raise Malformed(f"{word} is no number of JSON")
