"""The tree of RFC 6962: what is in it is proved, and every forged proof is refused by name."""

import time
from typing import Any

import pytest
from forest import grown, imagined, path, proof, steps, turns
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from some import examples, is_thorough

from rujukan.consumers.evidence import merkle
from rujukan.consumers.evidence.merkle import verify_consistency, verify_inclusion
from rujukan.consumers.evidence.refused import Forked, Malformed, NotConsistent, NotIncluded, NotProven

ALL = range(71)
"""Sizes that are walked through one by one: around every power of two to 64, and past it."""
ENTRIES = [b"entry %d" % n for n in ALL]
TREE = grown(ENTRIES)
OTHER = grown([e + b"?" for e in ENTRIES])
LARGEST = (1 << 63) - 1
MANY = [b"entry %d" % n for n in range(300 if is_thorough() else 66)]


def included(leaf: bytes, index: int, size: int, hashes: list[bytes], root: bytes) -> bool:
    """Whether it verifies; refused as what it is otherwise."""
    try:
        verify_inclusion(leaf, index, size, hashes, root)
    except NotIncluded:
        return False
    return True


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, hashes: list[bytes]) -> bool:
    try:
        verify_consistency(old, old_root, new, new_root, hashes)
    except NotConsistent:
        return False
    return True


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit % (len(data) * 8)).to_bytes(len(data), "big")


# Every tree to 70 leaves --------------------------------------------------------------------------------------


def test_roots_are_those_of_the_definition() -> None:
    for size in ALL:
        leaves = [merkle.leaf_hash(e) for e in ENTRIES[:size]]
        assert merkle.root_of(leaves) == TREE(0, size)


def test_inclusion_proofs_are_those_of_the_definition_and_verify() -> None:
    for size in ALL:
        for index in range(size):
            hashes = merkle.inclusion_proof(index, size, TREE)
            assert hashes == path(index, 0, size, TREE)
            verify_inclusion(TREE(index, index + 1), index, size, hashes, TREE(0, size))


def test_consistency_proofs_are_those_of_the_definition_and_verify() -> None:
    for new in ALL:
        for old in range(new + 1):
            hashes = merkle.consistency_proof(old, new, TREE)
            assert hashes == ([] if old in (0, new) else proof(old, 0, new, TREE))
            verify_consistency(old, TREE(0, old), new, TREE(0, new), hashes)


def test_no_leaf_stands_at_another_index_or_in_the_place_of_another() -> None:
    for size in range(1, 40):
        root = TREE(0, size)
        for index in range(size):
            hashes = path(index, 0, size, TREE)
            for other in [*range(-1, size + 2), LARGEST]:
                if other != index:
                    assert not included(TREE(index, index + 1), other, size, hashes, root)
                if 0 <= other < size and other != index:
                    assert not included(TREE(other, other + 1), index, size, hashes, root)


def test_a_wrong_size_is_refused_wherever_it_makes_a_difference() -> None:
    """The size is bound by the signature over it and the root: a proof alone tells apart only what it computes."""
    for size in range(1, 40):
        for index in range(size):
            hashes = path(index, 0, size, TREE)
            for wrong in [*range(-1, 70), LARGEST]:
                same = index < wrong < 70 and turns(index, wrong) == turns(index, size)
                assert included(TREE(index, index + 1), index, wrong, hashes, TREE(0, size)) == same


@pytest.mark.thorough
def test_wrong_sizes_of_a_consistency_proof_are_refused_wherever_they_make_a_difference() -> None:
    for new in range(2, 20):
        for old in range(1, new):
            hashes = proof(old, 0, new, TREE)
            for wrong_old in range(-1, 34):
                for wrong_new in range(-1, 34):
                    same = 0 < wrong_old < wrong_new and steps(wrong_old, wrong_new) == steps(old, new)
                    assert consistent(wrong_old, TREE(0, old), wrong_new, TREE(0, new), hashes) == same


def forged(hashes: list[bytes], *more: bytes) -> dict[str, list[bytes]]:
    """Other proofs made of this one: each is to be refused."""
    air = bytes(range(32))
    made = {
        "too long by a hash before": [air, *hashes],
        "too long by a hash behind": [*hashes, air],
        "too long by zeros": [*hashes, bytes(32)],
        "doubled": hashes * 2,
        "far too long": hashes + [air] * 70,
    }
    for n, extra in enumerate(more):
        made |= {f"too long by root {n} before": [extra, *hashes], f"too long by root {n} behind": [*hashes, extra]}
    if hashes:
        made |= {
            "too long by its own first": [hashes[0], *hashes],
            "too long by its own last": [*hashes, hashes[-1]],
            "cut in front": hashes[1:],
            "cut behind": hashes[:-1],
            "empty": [],
        }
    for n in range(len(hashes)):
        made[f"hash {n} another"] = [*hashes[:n], air, *hashes[n + 1 :]]
        for bit in (0, 7, 128, 255):
            made[f"hash {n} with bit {bit} flipped"] = [*hashes[:n], flipped(hashes[n], bit), *hashes[n + 1 :]]
        for m in range(n):
            turned = list(hashes)
            turned[n], turned[m] = turned[m], turned[n]
            made[f"hashes {m} and {n} swapped"] = turned
    made["reversed"] = hashes[::-1]
    return {name: other for name, other in made.items() if other != hashes}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65])
def test_every_forged_inclusion_proof_is_refused(size: int) -> None:
    root = TREE(0, size)
    for index in range(size):
        leaf, hashes = TREE(index, index + 1), path(index, 0, size, TREE)
        for name, other in forged(hashes, root, leaf).items():
            assert not included(leaf, index, size, other, root), name
        for bit in range(0, 256, 17):
            assert not included(flipped(leaf, bit), index, size, hashes, root)
            assert not included(leaf, index, size, hashes, flipped(root, bit))
        assert not included(OTHER(index, index + 1), index, size, hashes, root)
        assert not included(leaf, index, size, hashes, OTHER(0, size))
        if hashes:
            assert not included(root, index, size, hashes, leaf)


@pytest.mark.parametrize("new", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65])
def test_every_forged_consistency_proof_is_refused(new: int) -> None:
    new_root = TREE(0, new)
    for old in range(new + 1):
        old_root = TREE(0, old)
        hashes = merkle.consistency_proof(old, new, TREE)
        for name, other in forged(hashes, old_root, new_root).items():
            assert not consistent(old, old_root, new, new_root, other), name
        for bit in range(0, 256, 17):
            assert not consistent(old, flipped(old_root, bit), new, new_root, hashes)
            if old:  # every tree extends the empty one
                assert not consistent(old, old_root, new, flipped(new_root, bit), hashes)
        if old < new:
            assert not consistent(new, new_root, old, old_root, hashes)
            assert not consistent(old, new_root, new, old_root, hashes)
            assert not consistent(new, old_root, new, new_root, hashes)
        if old > 0:
            assert not consistent(old, OTHER(0, old), new, new_root, hashes)
            assert not consistent(old, old_root, new, OTHER(0, new), hashes)
            rewritten = merkle.consistency_proof(old, new, OTHER)
            assert not consistent(old, old_root, new, OTHER(0, new), rewritten), "history rewritten"


def test_a_tree_that_was_cut_and_grown_again_is_not_consistent() -> None:
    """A fork: the first n leaves are the same, the rest is not. No mixture of honest hashes proves the one from the
    other."""
    for fork in range(1, 16):
        branch = grown([e if n < fork else e + b"!" for n, e in enumerate(ENTRIES)])
        for old in range(fork + 1, 18):
            for new in range(old, 18):
                for hashes in (merkle.consistency_proof(old, new, TREE), merkle.consistency_proof(old, new, branch)):
                    assert not consistent(old, TREE(0, old), new, branch(0, new), hashes)


def test_a_fork_is_recognised_at_every_pair_of_sizes() -> None:
    """And nothing else is: neither an honest tree, nor rubbish in place of its proof."""
    branch = grown([entry + b"!" for entry in MANY])
    honest = grown(MANY)
    for old in range(1, len(MANY)):
        for new in range(old + 1, len(MANY) + 1):
            long = [branch(0, old)] if merkle.is_power_of_two(old) else []
            path = [*long, *merkle.consistency_proof(old, new, branch)]
            with pytest.raises(Forked):
                merkle.verify_consistency(old, honest(0, old), new, branch(0, new), path)
            for rubbish in (path, path[::-1], [branch(0, old), *path]):
                with pytest.raises(NotConsistent) as refused:
                    merkle.verify_consistency(old, honest(0, old), new, honest(0, new), rubbish)
                assert not isinstance(refused.value, Forked)


# Large trees --------------------------------------------------------------------------------------------------

sizes = st.integers(1, 1 << 20) | st.integers(1, LARGEST)


@st.composite
def leaf_and_size(draw: Any) -> tuple[int, int]:
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


@given(leaf_and_size(), st.data())
@settings(max_examples=examples(150))
def test_inclusion_in_large_trees(where: tuple[int, int], data: st.DataObject) -> None:
    index, size = where
    tree = imagined(index, size - 1)
    root, leaf = tree(0, size), tree(index, index + 1)
    hashes = merkle.inclusion_proof(index, size, tree)
    assert hashes == path(index, 0, size, tree)
    assert len(hashes) <= 63
    verify_inclusion(leaf, index, size, hashes, root)
    bit = data.draw(st.integers(0, 255))
    for n in range(len(hashes)):
        assert not included(leaf, index, size, [*hashes[:n], flipped(hashes[n], bit), *hashes[n + 1 :]], root)
    for other in (hashes[1:], hashes[:-1], [*hashes, root]):
        assert other == hashes or not included(leaf, index, size, other, root)
    wrong = data.draw(st.integers(0, size - 1))
    assert wrong == index or not included(leaf, wrong, size, hashes, root)


@given(leaf_and_size(), st.data())
@settings(max_examples=examples(150))
def test_consistency_of_large_trees(where: tuple[int, int], data: st.DataObject) -> None:
    before, new = where
    old = before + 1
    assume(old < new)
    tree = imagined(old - 1, old, new - 1)
    old_root, new_root = tree(0, old), tree(0, new)
    hashes = merkle.consistency_proof(old, new, tree)
    assert hashes == proof(old, 0, new, tree)
    verify_consistency(old, old_root, new, new_root, hashes)
    bit = data.draw(st.integers(0, 255))
    for n in range(len(hashes)):
        other = [*hashes[:n], flipped(hashes[n], bit), *hashes[n + 1 :]]
        assert not consistent(old, old_root, new, new_root, other)
    for other in (hashes[1:], hashes[:-1], [*hashes, new_root], []):
        assert not consistent(old, old_root, new, new_root, other)
    assert not consistent(new, new_root, old, old_root, hashes)
    assert not consistent(old, flipped(old_root, bit), new, new_root, hashes)
    assert not consistent(old, old_root, new, flipped(new_root, bit), hashes)


# Whatever is asked ----------------------------------------------------------------------------------------------

numbers = st.integers(-3, 70) | st.integers() | st.sampled_from([LARGEST, LARGEST + 1, 1 << 64, 1 << 4000])
hash_lists = st.lists(
    st.sampled_from([TREE(0, n) for n in range(9)]) | st.binary(min_size=31, max_size=33), max_size=80
)


@given(numbers, numbers, hash_lists, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_nothing_proves_what_was_drawn_at_random(m: int, n: int, hashes: list[bytes], a: bytes, b: bytes) -> None:
    assume(a != b)
    with pytest.raises((NotIncluded, Malformed)):
        verify_inclusion(a, m, n, hashes, b)
    try:
        verify_consistency(m, a, n, b, hashes)
    except (NotConsistent, Malformed):
        return
    pytest.fail("consistent")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_hash_of_another_length_is_malformed(length: int) -> None:
    """Two hashes in one would let a node be read as a leaf of a shorter tree."""
    short, full = bytes(length), bytes(32)
    for leaf, hashes, root in ((short, [full], full), (full, [short], full), (full, [full], short)):
        with pytest.raises(Malformed):
            verify_inclusion(leaf, 0, 2, hashes, root)
        with pytest.raises(Malformed):
            verify_consistency(1, leaf, 2, root, hashes)


def test_a_node_is_never_a_leaf() -> None:
    """RFC 6962 § 2.1: the first byte tells a leaf from a node, so the two hashes of a node are not an entry."""
    left, right = TREE(0, 1), TREE(1, 2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)
    assert not included(merkle.leaf_hash(left + right), 0, 1, [], TREE(0, 2))


def test_each_refusal_says_which_check_failed() -> None:
    root, hashes = TREE(0, 8), path(3, 0, 8, TREE)
    leaf = TREE(3, 4)
    for words, call in {
        "no leaf 8 in a tree of 8": (leaf, 8, 8, hashes, root),
        "too long": (leaf, 3, 8, [*hashes, root], root),
        "too short": (leaf, 3, 8, hashes[:-1], root),
        "of leaf 3 leads to another root": (leaf, 3, 8, hashes, TREE(0, 7)),
    }.items():
        with pytest.raises(NotIncluded, match=words):
            verify_inclusion(*call)
    step = proof(3, 0, 7, TREE)
    three, seven = TREE(0, 3), TREE(0, 7)
    for words, other in {
        "a tree of 3 does not extend one of 7": (7, seven, 3, three, step),
        "two trees of 3 leaves have two roots": (3, three, 3, seven, []),
        "should be empty": (3, three, 3, three, step),
        "the old tree is empty and its root is not": (0, three, 7, seven, []),
        "too long": (3, three, 7, seven, [*step, three]),
        "too short": (3, three, 7, seven, step[:-1]),
        "does not begin with the tree of 3": (3, TREE(0, 2), 7, seven, step),
        "does not end with the tree of 7": (3, three, 7, TREE(0, 6), step),
    }.items():
        with pytest.raises(NotConsistent, match=words):
            verify_consistency(*other)


def test_a_prover_is_told_of_what_the_tree_does_not_have() -> None:
    for index, size in ((-1, 4), (4, 4), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(index, size, TREE)
    for old, new in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="extend"):
            merkle.consistency_proof(old, new, TREE)


def test_a_hostile_proof_is_refused_at_once() -> None:
    began = time.process_time()
    for call in (
        lambda: verify_inclusion(bytes(32), 5, LARGEST, [bytes(32)] * 50_000, bytes(32)),
        lambda: verify_consistency(5, bytes(32), LARGEST, bytes(32), [bytes(32)] * 50_000),
        lambda: verify_inclusion(bytes(32), (1 << 100_000) - 2, 1 << 100_000, [bytes(32)] * 64, bytes(32)),
    ):
        with pytest.raises(NotProven):
            call()
    assert time.process_time() - began < 5
