"""A witness of two logs: what one of them did hides nothing of the other, and accuses it of nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rujukan.consumers.agency.witnessing.witness import Misbehaviour, NotConsistent, Witness
from rujukan.consumers.evidence import merkle
from rujukan.consumers.evidence.add_checkpoint import request
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey
from rujukan.infra.ledger.log_key import LogKey

SEEN, NEW = (1, 2, 3, 7, 8, 16), (17, 20, 33)


def log_key(name: str) -> LogKey:
    return LogKey(SigningKey(name, ED25519, b"1" * 32), SigningKey(name, COSIGNATURE_ML_DSA, b"2" * 32))


A, B = log_key("a.example/log"), log_key("b.example/log")


def tree(size: int, history: bytes = b"") -> list[bytes]:
    return [merkle.leaf_hash(history + bytes((n,))) for n in range(size)]


def head(log: LogKey, leaves: list[bytes]) -> Note:
    return log.sign(len(leaves), merkle.root_of(leaves), 1_800_000_000)


def proof(leaves: list[bytes], old: int) -> list[bytes]:
    return merkle.consistency_proof(old, len(leaves), lambda start, end: merkle.root_of(leaves[start:end]))


class Shown:
    """A tree as the log shows it."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def consistency(self, old: int) -> list[bytes]:
        return proof(self._leaves, old)

    def subtree(self, start: int, end: int) -> bytes:
        return merkle.root_of(self._leaves[start:end])


class Damaged(Shown):
    def consistency(self, old: int) -> list[bytes]:
        return [b"0" * 32] * 5


def told(witness: Witness, log: LogKey, leaves: list[bytes], old: int) -> int:
    return witness.add_checkpoint(request(old, proof(leaves, old), head(log, leaves))).status


def over(witness: Witness, log: LogKey) -> int:
    return len(witness.alarms_over(log.origin))


@pytest.fixture
def after_b_lied(tmp_path: Path) -> Iterator[Callable[[int], Witness]]:
    """A witness that saw so much of A, and an alarm over B."""
    made: list[Witness] = []

    def of(size: int) -> Witness:
        key = SigningKey("w.example", COSIGNATURE, b"7" * 32)
        witness = Witness(tmp_path / f"{len(made)}.db", [key], (*A.public, *B.public))
        made.append(witness)
        assert told(witness, A, tree(size), 0) == 200
        assert told(witness, B, tree(5), 0) == 200
        assert told(witness, B, tree(5, b"another"), 5) == 422
        assert (over(witness, A), over(witness, B)) == (0, 1)
        return witness

    yield of
    for witness in made:
        witness.close()


@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize("seen", SEEN)
def test_a_fork_of_one_is_kept_while_an_alarm_stands_over_the_other(
    after_b_lied: Callable[[int], Witness], seen: int, new: int
) -> None:
    witness, forked = after_b_lied(seen), tree(new, b"another")
    with pytest.raises(Misbehaviour):
        witness.follow(head(A, forked), lambda size: Shown(forked))
    assert (over(witness, A), over(witness, B)) == (1, 1)


def test_an_honest_log_whose_proof_came_damaged_is_accused_of_nothing(after_b_lied: Callable[[int], Witness]) -> None:
    witness = after_b_lied(10)
    with pytest.raises(NotConsistent):
        witness.follow(head(A, tree(20)), lambda size: Damaged(tree(size)))
    assert over(witness, A) == 0
    honest = tree(20)
    assert witness.follow(head(A, honest), lambda size: Shown(honest))
