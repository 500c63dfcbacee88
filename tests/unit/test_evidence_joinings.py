"""How a log goes on from another: it is proved by the new log's tree, said in one way, and signed by who has to."""

from base64 import b64encode
from collections.abc import Sequence

import pytest
from damage import damaged
from forest import grown, proof
from hypothesis import given
from hypothesis import strategies as st

from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.joinings import Joining, check_chain, check_joining, parse_joining, with_proof
from rujukan.consumers.evidence.merkle import EMPTY_ROOT
from rujukan.consumers.evidence.notes import COSIGNATURE_ML_DSA, ED25519, Note, PublicKey, SigningKey
from rujukan.consumers.evidence.refused import (
    Forked,
    Malformed,
    NotConsistent,
    NotProven,
    NoTrustedSignature,
    WrongSignature,
)

NEW, OLD = "rujukan.example/second", "rujukan.example/first"
SEED = b"l" * 32
BEGAN, ENDED = SigningKey(NEW, ED25519, SEED), SigningKey(OLD, ED25519, SEED)
PQ = SigningKey(NEW, COSIGNATURE_ML_DSA, b"p" * 32)
KEYS = [BEGAN.public, PQ.public]
AT = "2026-03-03T12:00:00Z"


def only(data: bytes, keys: Sequence[PublicKey], head: Checkpoint) -> Joining:
    """What the one joining of a bundle says, once it holds."""
    return next(check_chain([data], keys, head)).joining


def entries(shared: int, more: int, of: str) -> list[bytes]:
    return [b"entry %d" % n for n in range(shared)] + [f"{of} {n}".encode() for n in range(more)]


def head_of(origin: str, leaves: list[bytes], size: int) -> Checkpoint:
    return Checkpoint(origin, size, grown(leaves)(0, size))


def said(shared: int, lost: int) -> Joining:
    old = entries(shared, lost, "lost")
    return Joining(NEW, head_of(OLD, old, len(old)), head_of(OLD, old, shared), lost, AT)


def signed(joining: Joining, *keys: SigningKey) -> Note:
    return Note(joining.text, tuple(key.sign(joining.text) for key in keys or (BEGAN, ENDED)))


def shown(joining: Joining, leaves: list[bytes], size: int, note: Note | None = None) -> tuple[bytes, Checkpoint]:
    """What is handed over beside a head of the new log of that size."""
    small, large = sorted((joining.common.size, size))
    path = proof(small, 0, large, grown(leaves)) if 0 < small < large else []
    head = head_of(NEW, leaves, size)
    return with_proof(note or signed(joining), joining, head, path), head


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 20), st.data())
def test_it_is_proved_under_any_head_of_the_log_that_began(
    shared: int, lost: int, new: int, data: st.DataObject
) -> None:
    joining, leaves = said(shared, lost), entries(shared, new, "new")
    size = data.draw(st.integers(1, max(1, len(leaves))))
    if size > len(leaves):
        return
    handed, head = shown(joining, leaves, size)
    assert only(handed, KEYS, head) == joining
    assert check_joining(signed(joining), [*KEYS, ENDED.public], NEW) == joining
    assert parse_joining(joining.text) == joining
    with pytest.raises(Malformed):
        parse_checkpoint(joining.text)


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 20), st.data())
def test_a_log_that_is_not_the_one_before_up_to_there_is_refused(
    shared: int, lost: int, new: int, data: st.DataObject
) -> None:
    """The operator, with the key, says that both are the same, and one of the entries is another."""
    leaves = entries(shared, new, "new")
    leaves[data.draw(st.integers(0, shared - 1))] = b"another"
    handed, head = shown(said(shared, lost), leaves, len(leaves))
    with pytest.raises((NotConsistent, Forked)):
        only(handed, KEYS, head)


GOOD = said(11, 4)
HANDED, HEAD = shown(GOOD, entries(11, 5, "new"), 16)


@given(damaged(st.just(HANDED), b"old 11\n", b64encode(b"x" * 32)))
def test_no_byte_of_it_can_be_changed_unseen(data: bytes) -> None:
    try:
        found = only(data, [*KEYS, ENDED.public], HEAD)
    except NotProven:
        return
    assert data == HANDED or found == GOOD, "signature lines of nobody who is known may be added or left out"


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD._replace(origin=OLD),
        GOOD._replace(origin=""),
        GOOD._replace(lost=5),
        GOOD._replace(common=GOOD.common._replace(size=16)),
        GOOD._replace(common=GOOD.common._replace(root=b"short")),
        GOOD._replace(common=Checkpoint(OLD, 0, b"n" * 32), lost=0),
        GOOD._replace(common=Checkpoint(OLD, 15, b"n" * 32), lost=0),
        GOOD._replace(at="yesterday"),
        GOOD._replace(at="2026-03-03T12:00:00+08:00"),
        GOOD._replace(at=AT + "\nmore"),
    ],
)
def test_what_cannot_be_is_refused_whoever_signed_it(wrong: Joining) -> None:
    with pytest.raises(Malformed):
        check_joining(signed(wrong), KEYS, wrong.origin)


def test_nothing_may_be_left_of_the_log_before() -> None:
    joining = GOOD._replace(common=Checkpoint(OLD, 0, EMPTY_ROOT), lost=15)
    handed, head = shown(joining, entries(0, 3, "new"), 3)
    assert only(handed, KEYS, head) == joining


def test_the_log_that_began_has_to_sign_it() -> None:
    with pytest.raises(NoTrustedSignature):
        check_joining(signed(GOOD, ENDED), [*KEYS, ENDED.public], NEW)
    with pytest.raises(NoTrustedSignature):
        check_joining(signed(GOOD, ENDED), KEYS, NEW)
    with pytest.raises(Malformed, match="another log"):
        check_joining(signed(GOOD), KEYS, OLD)
    stranger = SigningKey(NEW, ED25519, b"s" * 32)
    with pytest.raises(NoTrustedSignature):
        check_joining(signed(GOOD, stranger), KEYS, NEW)
    assert check_joining(signed(GOOD, BEGAN), [*KEYS, ENDED.public], NEW) == GOOD, "where the old key is not at hand"


def test_a_signature_of_the_log_before_that_is_known_has_to_be_its_own() -> None:
    good = signed(GOOD)
    bad = good.signatures[1]._replace(blob=bytes(64))
    with pytest.raises(WrongSignature):
        check_joining(Note(good.text, (good.signatures[0], bad)), [*KEYS, ENDED.public], NEW)


def test_a_head_of_another_log_is_refused() -> None:
    with pytest.raises(Malformed, match="another log"):
        only(HANDED, KEYS, HEAD._replace(origin=OLD))
