"""What others published of the same formats: data/evidence/ names each source."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rujukan.consumers.evidence import merkle, notes
from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.consumers.evidence.notes import COSIGNATURE, PublicKey, SigningKey, parse_note, parse_vkey, verify
from rujukan.consumers.evidence.policies import parse_policy
from rujukan.consumers.evidence.refused import NotProven, NoTrustedSignature, WrongSignature
from rujukan.consumers.evidence.tiles import complete

DATA = Path(__file__).parent / "data" / "evidence"
MERKLE = json.loads((DATA / "merkle.json").read_text(encoding="utf-8"))
C2SP = json.loads((DATA / "c2sp.json").read_text(encoding="utf-8"))
LEAVES = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in MERKLE["leaves"]]


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def raw(text: str) -> bytes:
    return base64.b64decode(text)


def judged(case: dict[str, Any], verify: Callable[..., None], *claim: object) -> None:
    if case["wantErr"]:
        with pytest.raises(NotProven):
            verify(*claim)
    else:
        verify(*claim)


def root(text: str) -> bytes:
    """A root; for the "don't care" of some good proofs, which is of another length, one that stands for it."""
    return hashlib.sha256(raw(text)).digest() if raw(text).startswith(b"don't care") else raw(text)


def test_the_reference_hashes() -> None:
    leaf, empty, node = (bytes.fromhex(h) for h in MERKLE["hashes"].values())
    assert merkle.leaf_hash(b"L123456") == leaf
    assert merkle.leaf_hash(b"") == empty
    assert merkle.node_hash(b"N123", b"N456") == node


def test_the_reference_tree() -> None:
    for size, root in enumerate(MERKLE["roots"]):
        assert merkle.root_of(LEAVES[:size]).hex() == root
    assert [[h.hex() for h in level] for level in complete(LEAVES)] == MERKLE["levels"]


@named(MERKLE["inclusion"])
def test_inclusion_as_the_reference_judges_it(case: dict[str, Any]) -> None:
    proof = [raw(h) for h in case["proof"] or []]
    claim = raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, raw(case["root"])
    judged(case, merkle.verify_inclusion, *claim)


USELESS = "consistency/additional/size1-is-zero-and-size2-is-not-zero"
"""The reference refuses what shows nothing: every tree extends the empty one. A witness's first checkpoint does
(C2SP tlog-witness: old size 0, no proof), so we do not."""


@named([case for case in MERKLE["consistency"] if case["name"] != USELESS])
def test_consistency_as_the_reference_judges_it(case: dict[str, Any]) -> None:
    proof = [raw(h) for h in case["proof"] or []]
    claim = case["size1"], root(case["root1"]), case["size2"], root(case["root2"]), proof
    judged(case, merkle.verify_consistency, *claim)


def test_every_tree_extends_the_empty_one() -> None:
    merkle.verify_consistency(0, merkle.EMPTY_ROOT, 1, root("ZG9uJ3QgY2FyZSAy"), [])


@pytest.mark.parametrize("example", C2SP["signed"], ids=lambda example: example["vkey"].partition("+")[0])
def test_the_signed_examples_verify_with_their_keys(example: dict[str, str]) -> None:
    key, note = parse_vkey(example["vkey"]), parse_note(example["note"].encode())
    assert key.vkey == example["vkey"]
    assert verify(note, [key]) == {key: None}
    with pytest.raises(WrongSignature):
        verify(note._replace(text=note.text.upper()), [key])
    with pytest.raises(NoTrustedSignature):
        verify(note, [key._replace(name="example.com/another")])


def test_an_ed25519_seed_signs_what_another_tool_signed() -> None:
    """The seed is in the example of golang.org/x/mod beside the note; Ed25519 has one signature for one text."""
    example = C2SP["signed"][1]
    seed = raw("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    key = SigningKey("PeterNeumann", seed[0], seed[1:])
    note = parse_note(example["note"].encode())
    assert key.public.vkey == example["vkey"]
    assert key.sign(note.text) == note.signatures[0]


@pytest.mark.parametrize("text", C2SP["parsed"], ids=["signed-note", "tlog-checkpoint", "tlog-cosignature"])
def test_the_specifications_notes_are_read_and_written(text: str) -> None:
    assert parse_note(text.encode()).data == text.encode()


def test_the_specifications_checkpoint() -> None:
    checkpoint = parse_checkpoint(parse_note(C2SP["parsed"][1].encode()).text)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20_852_163
    assert checkpoint.root == raw("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert checkpoint.extensions == ()


def test_the_layout_of_the_specifications_cosignature() -> None:
    """The key of its witness is not published; its time, its length and the message that it signs are."""
    example = C2SP["cosigned"]
    note = parse_note(example["note"].encode())
    cosignature = note.signatures[1]
    assert cosignature.name == example["witness"]
    assert len(cosignature.blob) == notes.SIGNATURE_BYTES[COSIGNATURE]
    assert int.from_bytes(cosignature.blob[:8], "big") == example["time"]
    message = notes._message(COSIGNATURE, cosignature.name, note.text, example["time"])
    assert message == example["message"].encode()
    key = SigningKey(cosignature.name, COSIGNATURE, bytes(32))
    ours = key.sign(note.text, example["time"])
    assert ours.blob[:8] == cosignature.blob[:8]
    Ed25519PublicKey.from_public_bytes(key.public.public).verify(ours.blob[8:], example["message"].encode())


def test_the_specifications_policy() -> None:
    keys = iter(PublicKey(f"key{n}", COSIGNATURE if n else notes.ED25519, bytes((n,)) * 32) for n in range(7))
    head, *rest = C2SP["policy"].split("<vkey>")
    policy = parse_policy((head + "".join(next(keys).vkey + part for part in rest)).encode())
    assert len(policy.logs) == 1
    assert sorted(policy.witnesses) == [b"X1", b"X2", b"X3", b"Y1", b"Y2", b"Y3"]
    enough = [
        [b"X1", b"X2", b"Y1"],
        [b"X1", b"X3", b"Y2"],
        [b"X1", b"X2", b"X3", b"Y1", b"Y2", b"Y3"],
    ]
    too_few = [[], [b"X1", b"Y1"], [b"X1", b"X2", b"X3"], [b"Y1", b"Y2", b"Y3"], [b"X1", b"Y1", b"Y2", b"Y3"]]
    assert all(policy._is_met(seen) for seen in enough)
    assert not any(policy._is_met(seen) for seen in too_few)


@pytest.mark.parametrize("kind", notes.KEY_BYTES)
def test_a_keys_id_is_the_recommended_hash(kind: int) -> None:
    key = SigningKey("example.com/kunci", kind, bytes(range(32))).public
    assert len(key.public) == notes.KEY_BYTES[kind]
    assert key.key_id == hashlib.sha256(b"example.com/kunci\n" + bytes((kind,)) + key.public).digest()[:4]
    assert key.vkey.split("+")[1] == key.key_id.hex()
    assert parse_vkey(key.vkey) == key
