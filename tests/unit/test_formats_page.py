"""FORMATS.md stays true: every number that its worked example prints is computed again here, and every offset,
length and limit of its tables is held against the code."""

import hashlib
import hmac
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from rujukan.api import ledger
from rujukan.consumers.agency.witnessing import witness
from rujukan.consumers.evidence import (
    add_checkpoint,
    bundle_parts,
    container,
    merkle,
    notes,
    policies,
    proofs,
    records,
    tiles,
)
from rujukan.consumers.evidence.bundle_parts import Segment
from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.coding import to_base64
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey
from rujukan.infra.store import sealed_record

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "consumers" / "evidence" / "FORMATS.md").read_text("utf-8")
FORMATS, _, EXAMPLE = PAGE.partition("## A worked example\n")
GOLDEN = {n: json.loads((HERE.parent / "golden" / f"sealed_record_v{n}.json").read_text("utf-8")) for n in (1, 2)}

RECORD = bytes.fromhex(GOLDEN[2]["record"])
LENGTH = int.from_bytes(RECORD[1:3], "big")
HEADER, DIGEST = RECORD[:LENGTH], RECORD[LENGTH : LENGTH + 8]
LOG = SigningKey("ledger.example/rujukan", ED25519, bytes([1]) * 32)
WITNESS = SigningKey("witness.example/polres", COSIGNATURE, bytes([2]) * 32)
COSIGNED_AT = 1_772_539_300
"""2026-03-03T12:01:40Z, as the page says."""


def segments() -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of each segment."""
    at = LENGTH + 8
    while at < len(RECORD):
        end = at + 69 + int.from_bytes(RECORD[at + 65 : at + 69], "big")
        yield at, RECORD[at:end]
        at = end


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


SEGMENTS = [segment for _, segment in segments()]
ENTRIES = [
    records.entry_of(bytes.fromhex(GOLDEN[1]["record"])),
    sha256(HEADER + b"".join(sha256(s) for s in SEGMENTS)),
]
LEAVES = [sha256(b"\x00" + entry) for entry in ENTRIES]
ROOT = sha256(b"\x01" + LEAVES[0] + LEAVES[1])
TEXT = f"ledger.example/rujukan\n2\n{to_base64(ROOT)}\n"
SIGNED = Note(TEXT, (LOG.sign(TEXT), WITNESS.sign(TEXT, COSIGNED_AT)))


def segment_key(word: str) -> tuple[bytes, bytes, bytes]:
    """(info, the segment's key, its commitment), by RFC 5869 § 2.3 and the page alone."""
    segment = SEGMENTS[[records.COMPARTMENTS[s[0]] for s in SEGMENTS].index(word)]
    info = b"rujukan/segment/2" + HEADER[3:27] + segment[:1] + segment[1:33]
    key = hmac.digest(bytes.fromhex(GOLDEN[2]["keys"][word]), info + b"\x01", "sha512")[:32]
    return info, key, sha256(b"rujukan/commitment/2" + key)


def header_lines() -> Iterator[str]:
    at = 0
    topic = HEADER[87]
    for size, name in (
        (1, "format"),
        (2, "length: 114"),
        (16, "stream"),
        (8, "version: 7"),
        (8, "recorded_at: 2026-03-03T12:00:00.123456Z"),
        (16, "actor"),
        (16, "correlation"),
        (16, "causation"),
        (2, "schema: 1"),
        (2, "compartments: bits 0, 4, 7"),
        (1, "17 bytes of topic"),
        (topic, "case.NoteRecorded"),
        (1, "8 bytes of agency"),
        (LENGTH - 89 - topic, "uptd-ppa"),
    ):
        yield f"{at:3}  {HEADER[at : at + size].hex():34}  {name}".rstrip()
        at += size
    assert at == LENGTH


def event_part() -> bytes:
    """The golden record as a bundle shows it where `health` is disclosed."""
    shown = []
    for segment in SEGMENTS:
        word = records.COMPARTMENTS[segment[0]]
        if word == "safety":
            shown.append(Segment(word, None, None, None, sha256(segment), "not-disclosed"))
        else:
            key = segment_key(word)[1]
            text = json.loads(records.open_segment(HEADER, segment, key))
            shown.append(Segment(word, segment, key, text, sha256(segment), None))
    return bundle_parts.entry_part(1, 2, HEADER, shown)


def blocks() -> Iterator[str]:
    """The blocks of the example, in its order."""
    yield "\n".join(header_lines())
    yield "\n".join(
        [
            f"{LENGTH:3}  {DIGEST.hex()}  digest",
            *(
                f"{at:3}  {s[0]:02x}  {records.COMPARTMENTS[s[0]]}, {len(s)} bytes, of which {len(s) - 69} ciphertext\n"
                f"     salt        {s[1:33].hex()}\n"
                f"     commitment  {s[33:65].hex()}\n"
                f"     SHA-256     {sha256(s).hex()}"
                for at, s in segments()
            ),
        ]
    )
    info, key, commitment = segment_key("health")
    yield "\n".join(
        [
            f"data key    {GOLDEN[2]['keys']['health']}",
            f"info        {info[:17].decode()} || {info[17:41].hex()} || {info[41:42].hex()} || salt",
            f"key         {key.hex()}",
            f"commitment  {commitment.hex()}",
            f"plaintext   {records.open_segment(HEADER, SEGMENTS[1], key).decode()}",
        ]
    )
    yield "\n".join([f"entry  {ENTRIES[1].hex()}", f"leaf   {LEAVES[1].hex()}"])
    yield "\n".join(
        [
            f"entry 0  {ENTRIES[0].hex()}",
            f"leaf 0   {LEAVES[0].hex()}",
            f"leaf 1   {LEAVES[1].hex()}",
            f"root     {ROOT.hex()}",
        ]
    )
    tile = tiles.tile_of(0, 0, 2)
    bundle = tiles.bundle(ENTRIES)
    yield "\n".join(
        [
            f"/ledger/{tile.path}          {len(LEAVES) * 32} bytes: leaf 0 || leaf 1",
            f"/ledger/{tile._replace(level=tiles.ENTRIES).path}    {len(bundle)} bytes:",
            f"  {bundle[:34].hex()}",
            f"  {bundle[34:].hex()}",
        ]
    )
    yield "\n".join([LOG.public.vkey, WITNESS.public.vkey])
    yield SIGNED.data.decode().rstrip("\n")
    yield proofs.Proof(1, [LEAVES[0]], SIGNED, ENTRIES[1]).data.decode().rstrip("\n")
    yield witness.request(0, (), Note(TEXT, SIGNED.signatures[:1])).decode().rstrip("\n")
    yield event_part().decode().rstrip("\n")
    packed = container.pack({"a": b"b"})
    yield "\n".join([packed[:32].hex(), packed[32:79].hex(), packed[79:].hex()])


def fenced(text: str) -> list[str]:
    return re.findall(r"^```[a-z]*\n(.*?)\n```$", text, re.DOTALL | re.MULTILINE)


def rows(after: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    lines = FORMATS.partition(f"{after}\n")[2].split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith("|---"))
    table = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return table


def test_the_example_prints_what_is_computed_again() -> None:
    assert fenced(EXAMPLE) == list(blocks())


def test_nothing_of_the_example_stands_outside_of_its_blocks() -> None:
    said = re.sub(r"^```.*?^```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"\b[0-9a-f]{16,}\b", said) == []


def test_the_example_verifies() -> None:
    policy = policies.parse_policy(
        f"log {LOG.public.vkey}\nwitness polres {WITNESS.public.vkey}\nquorum polres\n".encode()
    )
    proof = proofs.parse_proof(fenced(EXAMPLE)[8].encode() + b"\n")
    assert proof.extra is not None
    shown = proofs.verify_proof(proof, proof.extra, policy)
    assert shown.checkpoint == Checkpoint("ledger.example/rujukan", 2, ROOT)
    assert shown.witnesses == {"polres": COSIGNED_AT}
    assert ENTRIES[1].hex() == GOLDEN[2]["entry"]
    assert merkle.root_of(LEAVES) == ROOT


@pytest.mark.parametrize(
    ("heading", "packed", "end"),
    [
        ("### Header", struct.calcsize(">BH16sQq16s16s16sHH"), "length"),
        ("### Segment", struct.calcsize(">B32s32sI"), "69 + n"),
    ],
)
def test_offsets_add_up(heading: str, packed: int, end: str) -> None:
    at = 0
    fixed = [row for row in rows(heading) if row[0].isdigit() and row[1].isdigit()]
    for offset, size, *_ in fixed:
        assert int(offset) == at
        at += int(size)
        if at >= packed:
            break
    assert at == packed
    assert end in FORMATS
    assert sealed_record._FIXED.size == 87
    assert sealed_record._SEGMENT.size == 69


def test_compartments_have_the_bits_that_the_code_gives_them() -> None:
    assert [(int(n), word) for n, word in rows("### Compartments")] == list(enumerate(records.COMPARTMENTS))


def test_signature_kinds_and_their_lengths() -> None:
    said = {int(kind, 16): (int(key), int(blob)) for kind, _, key, blob, _ in rows("### Kinds of signature")}
    kinds = (ED25519, COSIGNATURE, COSIGNATURE_ML_DSA)
    assert said == {k: (notes.KEY_BYTES[k], notes.SIGNATURE_BYTES[k]) for k in kinds}


def test_limits() -> None:
    said = {name: int(limit.replace(",", "")) for name, limit in rows("## Limits")}
    assert said == {
        "bytes of a note": notes.LARGEST_NOTE,
        "signatures of a note": notes.MOST_SIGNATURES,
        "hashes of an inclusion proof": proofs.MOST_HASHES,
        "hashes of a consistency proof": add_checkpoint.MOST_HASHES,
        "characters of an extra line": proofs.LARGEST_EXTRA,
        "bytes of a policy": policies.LARGEST,
        "logs, witnesses and groups of a policy": policies.MOST,
        "parts of a bundle": container.MOST_PARTS,
        "bytes of a bundle's parts": container.LARGEST // 2,
    }


def test_routes_are_those_that_are_served() -> None:
    served = {("GET", read.path.replace("{tile:path}", "{tile}")) for read in ledger.READS}
    served.add(("POST", ledger.COSIGNATURES))
    said = {tuple(row[0].split(" ")) for row in rows("## The log over HTTP")}
    assert said == served


def test_the_places_of_a_bundle() -> None:
    said = [row[0] for row in rows("### Parts, in their order")]
    assert len(said) == 15
    for name in said:
        for pattern, number in (("NNNNNN", "000001"), ("NAME", "disclosure"), ("UUID", str(UUID(int=0)))):
            name = name.replace(pattern, number)
        assert bundle_parts.NAME.fullmatch(name)


def test_the_manifests_fields_stand_in_their_order() -> None:
    assert [f.strip("` ") for row in rows("### manifest.json") for f in row[0].split(",")] == list(
        bundle_parts.SAYS[bundle_parts.FORMAT]
    )
