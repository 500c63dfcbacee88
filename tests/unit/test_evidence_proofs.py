"""A proof in a file: it proves what it says, read in one way, and no byte of it can be changed unseen."""

import time
from base64 import b64encode

import pytest
from damage import damaged
from forest import grown, path
from hypothesis import given, settings
from hypothesis import strategies as st
from some import examples

from rujukan.consumers.evidence.checkpoints import Checkpoint
from rujukan.consumers.evidence.merkle import leaf_hash
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.consumers.evidence.proofs import Proof, parse_proof, verify_proof
from rujukan.consumers.evidence.refused import (
    Malformed,
    NoQuorum,
    NotIncluded,
    NotProven,
    NoTrustedSignature,
    UnknownLog,
)

ENTRIES = [b"entry %d" % n for n in range(11)]
TREE = grown(ENTRIES)
SIZE = len(ENTRIES)
ORIGIN = "rujukan.example/log"
NOW = 1_780_000_000
LOG = SigningKey(ORIGIN, ED25519, b"l" * 32)
LOG_PQ = SigningKey(ORIGIN, COSIGNATURE_ML_DSA, b"p" * 32)
ONE, TWO = SigningKey("one.example", COSIGNATURE, b"1" * 32), SigningKey("two.example", COSIGNATURE, b"2" * 32)
POLICY = parse_policy(
    f"log {LOG.public.vkey}\nwitness one {ONE.public.vkey}\nwitness two {TWO.public.vkey}\n"
    "group both all one two\nquorum both\n".encode()
)
TEXT = Checkpoint(ORIGIN, SIZE, TREE(0, SIZE)).text
CHECKPOINT = Note(TEXT, (LOG.sign(TEXT), ONE.sign(TEXT, NOW), TWO.sign(TEXT, NOW + 1)))


def proof_of(index: int, extra: bytes | None = None, checkpoint: Note = CHECKPOINT) -> Proof:
    return Proof(index, path(index, 0, SIZE, TREE), checkpoint, extra)


GOOD = proof_of(6)
DATA = GOOD.data


@pytest.mark.parametrize("index", range(SIZE))
def test_every_entry_is_proved(index: int) -> None:
    shown = verify_proof(parse_proof(proof_of(index).data), ENTRIES[index], POLICY)
    assert shown.checkpoint == Checkpoint(ORIGIN, SIZE, TREE(0, SIZE))
    assert shown.witnesses == {"one": NOW, "two": NOW + 1}
    for other in range(SIZE):
        if other != index:
            with pytest.raises(NotIncluded):
                verify_proof(proof_of(index), ENTRIES[other], POLICY)
            with pytest.raises(NotIncluded):
                verify_proof(proof_of(index)._replace(leaf=other), ENTRIES[index], POLICY)


def test_a_proof_of_the_only_entry_has_no_hashes() -> None:
    text = Checkpoint(ORIGIN, 1, leaf_hash(b"only")).text
    note = Note(text, (LOG.sign(text), ONE.sign(text, NOW), TWO.sign(text, NOW)))
    proof = Proof(0, [], note)
    assert proof.data.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nrujukan.example/log\n1\n")
    assert parse_proof(proof.data) == proof
    verify_proof(proof, b"only", POLICY)


def test_each_thing_that_is_missing_has_its_own_refusal() -> None:
    signed = CHECKPOINT.signatures
    other = Checkpoint("other.example", SIZE, TREE(0, SIZE)).text
    shorter = Checkpoint(ORIGIN, SIZE - 1, TREE(0, SIZE - 1)).text
    for refusal, proof in (
        (NoTrustedSignature, GOOD._replace(checkpoint=Note(TEXT, signed[1:]))),
        (NoQuorum, GOOD._replace(checkpoint=Note(TEXT, signed[:2]))),
        (UnknownLog, GOOD._replace(checkpoint=Note(other, signed))),
        (NotIncluded, GOOD._replace(hashes=GOOD.hashes[1:])),
        (NotIncluded, GOOD._replace(hashes=[*GOOD.hashes, bytes(32)])),
        (NotIncluded, GOOD._replace(hashes=GOOD.hashes[::-1])),
        (Malformed, GOOD._replace(hashes=[b"", *GOOD.hashes[1:]])),
        (NotIncluded, GOOD._replace(leaf=SIZE)),
        (
            NotIncluded,
            GOOD._replace(checkpoint=Note(shorter, (LOG.sign(shorter), ONE.sign(shorter), TWO.sign(shorter)))),
        ),
    ):
        with pytest.raises(refusal):
            verify_proof(proof, ENTRIES[6], POLICY)


def test_no_changed_byte_passes_unseen() -> None:
    """Every byte, changed in several ways: refused, or what it proves is the same and only the lines of strangers,
    or a witness too many, could be other. Here all three signers are needed, so nothing is left to change."""
    for at in range(len(DATA)):
        for by in (1, 2, 0x20, 0x80):
            data = DATA[:at] + bytes((DATA[at] ^ by,)) + DATA[at + 1 :]
            with pytest.raises(NotProven):
                verify_proof(parse_proof(data), ENTRIES[6], POLICY)
        for data in (
            DATA[:at],
            DATA[:at] + DATA[at + 1 :],
            DATA[:at] + b"A" + DATA[at:],
            DATA[:at] + b"\n" + DATA[at:],
        ):
            with pytest.raises(NotProven):
                verify_proof(parse_proof(data), ENTRIES[6], POLICY)


@given(
    st.integers(0, (1 << 63) - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=90),
)
def test_proofs_round_trip(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    proof = Proof(index, hashes, CHECKPOINT, extra)
    assert parse_proof(proof.data) == proof


PIECES = (
    b"\n",
    b"\n\n",
    b"extra ",
    b"extra AAAA\n",
    b"index 0\n",
    b"index ",
    b" ",
    b"0",
    b64encode(bytes(32)) + b"\n",
    b"\r",
)


@given(
    st.binary(max_size=200) | damaged(st.sampled_from([DATA, proof_of(0, b"").data, proof_of(10, b"x").data]), *PIECES)
)
@settings(max_examples=examples(500))
def test_any_bytes_are_a_proof_as_it_is_written_or_refused(data: bytes) -> None:
    try:
        proof = parse_proof(data)
    except NotProven:
        return
    assert proof.data == data
    for n, entry in enumerate(ENTRIES):
        try:
            verify_proof(proof, entry, POLICY)
        except NotProven:
            continue
        assert n == proof.leaf
        assert proof.checkpoint.text == TEXT


HASH = b64encode(bytes(32)).decode()
NOTE = CHECKPOINT.data.decode()
FIRST = "c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        FIRST,
        FIRST + "\n" + NOTE,
        FIRST + "index 0\n" + NOTE,
        FIRST + "index 0\n\n",
        FIRST + "index 0\n\n\n" + NOTE[:-1],
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" + NOTE,
        "\n" + FIRST + "index 0\n\n" + NOTE,
        "\ufeff" + FIRST + "index 0\n\n" + NOTE,
        FIRST.replace("\n", "\r\n") + "index 0\n\n" + NOTE,
        FIRST.replace("\n", " \n") + "index 0\n\n" + NOTE,
        FIRST + "index 0\n" + HASH + "\n" + NOTE,
        FIRST + "index 0\n" + HASH + " \n\n" + NOTE,
        FIRST + "index 0\n" + HASH[:-1] + "\n\n" + NOTE,
        FIRST + "index 0\n" + HASH[:-2] + "B=\n\n" + NOTE,
        FIRST + "index 0\n" + b64encode(bytes(31)).decode() + "\n\n" + NOTE,
        FIRST + "index 0\n" + b64encode(bytes(33)).decode() + "\n\n" + NOTE,
        FIRST + "index 0\n" + b64encode(bytes(64)).decode() + "\n\n" + NOTE,
        FIRST + "index 0\n" + (HASH + "\n") * 64 + "\n" + NOTE,
        FIRST + HASH + "\nindex 0\n\n" + NOTE,
        FIRST + "index 0\nindex 0\n\n" + NOTE,
        FIRST + "index 0\nextra AA==\n\n" + NOTE,
        FIRST + "extra AA==\nextra AA==\nindex 0\n\n" + NOTE,
        FIRST + "extra\nindex 0\n\n" + NOTE,
        FIRST + "extra A\nindex 0\n\n" + NOTE,
        FIRST + "extra AB==\nindex 0\n\n" + NOTE,
        FIRST + "extra  AA==\nindex 0\n\n" + NOTE,
        FIRST + "Extra AA==\nindex 0\n\n" + NOTE,
        FIRST + "extra " + "A" * (64 * 1024) + "\nindex 0\n\n" + NOTE,
        *(
            FIRST + f"index{index}\n\n" + NOTE
            for index in (
                "",
                " ",
                "  0",
                " 00",
                " 01",
                " -0",
                " -1",
                " +1",
                " 0x1",
                " 1_0",
                " ٣",
                " 0 ",
                f" {1 << 63}",
                " " + "9" * 6000,
            )
        ),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_proof(text.encode())


def test_a_checkpoint_with_an_empty_first_line_is_not_taken_for_another() -> None:
    """After the empty line the checkpoint comes verbatim: one line more moves everything, and is refused."""
    with pytest.raises(NotProven):
        verify_proof(parse_proof(DATA.replace(b"\n\n", b"\n\n\n", 1)), ENTRIES[6], POLICY)


@pytest.mark.parametrize(
    "unit", [b"\n", b"A", b"=", b"A\n", HASH.encode() + b"\n", b"index 0\n", b"extra A\n", b"\n\n"]
)
def test_hostile_proofs_are_refused_at_once(unit: bytes) -> None:
    began = time.process_time()
    body = unit * (500_000 // len(unit))
    for data in (
        body,
        FIRST.encode() + body,
        FIRST.encode() + b"index 0\n" + body,
        DATA + body,
        FIRST.encode() + b"extra " + body,
    ):
        with pytest.raises(NotProven):
            verify_proof(parse_proof(data), ENTRIES[6], POLICY)
    assert time.process_time() - began < 5
