"""A fork is recognised at every size, pushed or fetched, and what accuses a log is two of its own words; nobody else
can make an honest log look forked."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from some import is_thorough

from rujukan.consumers.agency.witnessing.witness import Misbehaviour, Trees, Witness
from rujukan.consumers.evidence import merkle
from rujukan.consumers.evidence.add_checkpoint import parse_request, request
from rujukan.consumers.evidence.checkpoints import Checkpoint, parse_checkpoint
from rujukan.consumers.evidence.forks import fork_path, verify_evidence, verify_fork
from rujukan.consumers.evidence.notes import COSIGNATURE, COSIGNATURE_ML_DSA, ED25519, Note, SigningKey
from rujukan.consumers.evidence.refused import Forked, Malformed, NotConsistent, NotProven

MOST = 300
ORIGIN = "example.com/log"
KEY = SigningKey(ORIGIN, ED25519, b"1" * 32)
OTHER_KEY = SigningKey(ORIGIN, COSIGNATURE_ML_DSA, b"2" * 32)
BORDERS = (1, 2, 3, 4, 7, 8, 16, 31, 64, 100, 128, 255, 256)
"""Sizes that were seen, in a run that is not thorough: powers of two, and others."""
SOONER = (1, 2, 3, 5, 8, 16, 17, 32, 63)
"""How many leaves were added, likewise."""


class History:
    """A log's leaves, of which the first `common` are those of every other history."""

    def __init__(self, common: int = MOST) -> None:
        self._leaves = [merkle.leaf_hash(b"%d %d" % (n, n >= common and common + 1)) for n in range(MOST)]
        self._nodes: dict[tuple[int, int], bytes] = {}

    def subtree(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return self._leaves[start]
        if (start, end) not in self._nodes:
            middle = start + merkle.split(end - start)
            self._nodes[start, end] = merkle.node_hash(self.subtree(start, middle), self.subtree(middle, end))
        return self._nodes[start, end]

    def root(self, size: int) -> bytes:
        return self.subtree(0, size) if size else merkle.EMPTY_ROOT

    def proof(self, old: int, new: int) -> list[bytes]:
        return merkle.consistency_proof(old, new, self.subtree)

    def head(self, size: int, key: SigningKey = KEY) -> Note:
        text = Checkpoint(ORIGIN, size, self.root(size)).text
        return Note(text, (key.sign(text, 1),))

    def asked(self, old: int, size: int) -> bytes:
        return request(old, self.proof(old, size), self.head(size))

    def tree(self, size: int) -> "Sized":
        return Sized(self, size)


class Sized:
    """A history's tree at a size, as its tiles show it."""

    def __init__(self, history: History, size: int) -> None:
        self._history, self._size = history, size

    def consistency(self, old: int) -> list[bytes]:
        return self._history.proof(old, self._size)

    def subtree(self, start: int, end: int) -> bytes:
        return self._history.subtree(start, end)


HONEST = History()
FORKS = [History(common) for common in range(MOST)]


def fork_of(seen: int, size: int) -> History:
    """A history that leaves the honest one somewhere before what was seen."""
    return FORKS[(seen * 31 + size * 17) % seen]


@contextmanager
def witness(
    trees: Trees | None = None, file: str = ":memory:", keys: tuple[SigningKey, ...] = (KEY,)
) -> Iterator[Witness]:
    """A witness of the log; `trees` is what it can ask for tiles."""
    own = SigningKey("w.example", COSIGNATURE, b"7" * 32)
    made = Witness(
        Path(file), [own], [key.public for key in keys], now=lambda: 1, trees={ORIGIN: trees} if trees else None
    )
    yield made
    made.close()


def accused(by: Witness) -> int:
    """How many alarms stand, each of which anybody can check."""
    for alarm in by.alarms():
        assert verify_evidence(alarm.request, alarm.contradicts, [KEY.public])
    return len(by.alarms())


def forget(by: Witness) -> None:
    """As if the last one had not happened, for the next pair."""
    by._db.execute("DELETE FROM evidence")


def pairs() -> list[tuple[int, list[int]]]:
    """What was seen, and the sizes of forks that are then shown: all to MOST in a thorough run."""
    if is_thorough():
        return [(seen, list(range(seen, MOST + 1))) for seen in range(1, MOST + 1)]
    return [(seen, [seen, *(seen + more for more in SOONER if seen + more <= MOST)]) for seen in BORDERS]


def test_every_two_trees_of_which_neither_begins_with_the_other_have_a_proof_of_it() -> None:
    for old, sizes in pairs():
        honest = Checkpoint(ORIGIN, old, HONEST.root(old))
        for new in sizes:
            forked = fork_of(old, new)
            newer = Checkpoint(ORIGIN, new, forked.root(new))
            path = fork_path(honest, newer, forked.tree(new))
            assert path is not None
            with pytest.raises(Forked):
                merkle.verify_consistency(old, honest.root, new, newer.root, path)
            assert fork_path(honest._replace(root=forked.root(old)), newer, forked.tree(new)) is None
            if old < new:
                with pytest.raises(NotConsistent):
                    fork_path(honest, newer, HONEST.tree(new))


def test_a_fork_that_is_pushed_is_an_alarm_at_every_size() -> None:
    showing = [HONEST]
    for seen, sizes in pairs():
        with witness(lambda size: showing[0].tree(size)) as by:
            assert by.add_checkpoint(HONEST.asked(0, seen)).status == 200
            for size in sizes:
                showing[0] = fork_of(seen, size)
                assert by.add_checkpoint(showing[0].asked(seen, size)).status == 422
                assert accused(by) == 1, (seen, size)
                forget(by)


def test_a_fork_that_is_fetched_is_an_alarm_at_every_size() -> None:
    for seen, sizes in pairs():
        with witness() as by:
            assert by.follow(HONEST.head(seen), HONEST.tree)
            for size in sizes:
                forked = fork_of(seen, size)
                with pytest.raises(Misbehaviour):
                    by.follow(forked.head(size), forked.tree)
                assert accused(by) == 1, (seen, size)
                forget(by)


@pytest.mark.parametrize("seen", BORDERS)
def test_a_fork_is_an_alarm_as_soon_as_tiles_can_be_had_whatever_proof_came_with_it(seen: int) -> None:
    """A witness that is only asked, and is sent rubbish instead of the proof, accuses nobody, and forgets nothing: not
    over a restart, nor over honest checkpoints in between."""
    for size in (seen + more for more in SOONER if seen + more < MOST):
        for rubbish in ([], [bytes(32)], fork_of(seen, size).proof(seen, size)[:-1]):
            with witness() as by:
                forked = fork_of(seen, size)
                assert by.add_checkpoint(HONEST.asked(0, seen)).status == 200
                assert by.add_checkpoint(request(seen, rubbish, forked.head(size))).status == 422
                assert accused(by) == 0
                assert by.unproven(ORIGIN) == [parse_checkpoint(forked.head(size).text)]
                by.settle(ORIGIN, HONEST.tree)  # the log shows another tree to everybody else, of fewer leaves
                assert accused(by) == 0
                assert by.add_checkpoint(HONEST.asked(seen, size + 1)).status == 200
                by.settle(ORIGIN, HONEST.tree)
                assert accused(by) == 1
                assert not by.unproven(ORIGIN)


def test_two_trees_of_one_size_are_an_alarm_also_where_the_first_was_not_proven() -> None:
    for seen, size in ((4, 9), (5, 9), (8, 16)):
        with witness() as by:
            by.add_checkpoint(HONEST.asked(0, seen))
            by.add_checkpoint(request(seen, [], fork_of(seen, size).head(size)))
            assert accused(by) == 0
            assert by.add_checkpoint(HONEST.asked(seen, size)).status == 422
            assert accused(by) == 1


def test_another_tree_of_an_earlier_size_is_an_alarm() -> None:
    """By pushing where that size was cosigned, or the proof is from one that was; by fetching at every size."""
    seen = (1, 4, 6, 8, 13, 40)
    for size in range(1, seen[-1]):
        forked = FORKS[(size * 31) % size]
        with witness() as by:
            for old, new in zip((0, *seen), seen, strict=False):
                assert by.add_checkpoint(HONEST.asked(old, new)).status == 200
            before = [old for old in seen if old < size and forked.root(old) != HONEST.root(old)]
            assert by.add_checkpoint(forked.asked(before[-1] if before else size, size)).status in (409, 422)
            told = size in seen or (before and not merkle.is_power_of_two(before[-1]))
            assert accused(by) == bool(told)
            with pytest.raises(Misbehaviour):
                by.follow(forked.head(size), HONEST.tree)
            assert accused(by) == 1


def test_an_older_checkpoint_of_the_same_tree_is_refused_and_accuses_nobody() -> None:
    with witness() as by:
        by.add_checkpoint(HONEST.asked(0, 40))
        for size in range(1, 40):
            assert by.add_checkpoint(HONEST.asked(0, size)).status == 409
            with pytest.raises(NotConsistent):
                by.follow(HONEST.head(size), HONEST.tree)
        assert accused(by) == 0
        assert not by.unproven(ORIGIN)
        assert by.follow(HONEST.head(50), HONEST.tree)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_that_others_send_accuses_an_honest_log(seed: int) -> None:
    """Its own checkpoints, new and old, with proofs and tiles that are damaged, mixed up, or of another history."""
    chance = random.Random(seed)
    lying: list[History] = [HONEST]

    def tiles(size: int) -> Sized:
        return lying[0].tree(chance.choice((size, size, min(MOST, size + 1))))

    with witness(tiles) as by:
        for _ in range(150):
            lying[0] = chance.choice((HONEST, *FORKS))
            seen = by.seen(ORIGIN).size
            size = chance.randint(1, min(MOST, seen + 6))
            old = chance.choice((seen, chance.randint(0, size)))
            from_history = chance.choice((HONEST, *FORKS[:40]))
            hashes = from_history.proof(min(old, size), chance.choice((size, min(MOST, size + 1))))
            whole = [from_history.root(max(1, min(old, size))), *hashes]
            hashes = chance.choice((hashes, hashes, whole, hashes[:-1], hashes[::-1], [*hashes, bytes(32)]))
            by.add_checkpoint(request(old, hashes, HONEST.head(size)))
            if chance.random() < 0.3:
                with suppress(NotProven):
                    by.follow(HONEST.head(size), tiles)
            assert accused(by) == 0
        lying[0] = HONEST
        by.follow(HONEST.head(MOST), HONEST.tree)
        assert accused(by) == 0
        for _ in range(MOST):
            by.settle(ORIGIN, HONEST.tree)
        assert not by.unproven(ORIGIN)
        assert accused(by) == 0


def test_evidence_is_two_words_of_one_key_of_one_log_that_cannot_be_of_one_tree() -> None:
    forked = FORKS[3]
    older, newer, path = HONEST.head(5), forked.head(9), forked.proof(5, 9)
    keys = [KEY.public, OTHER_KEY.public]
    assert verify_fork(older, newer, path, keys) == [KEY.public]
    text = older.text.replace(ORIGIN, "example.com/other")
    elsewhere = Note(text, (SigningKey("example.com/other", ED25519, b"1" * 32).sign(text),))
    unsigned = Note(older.text, (older.signatures[0]._replace(blob=bytes(64)),))
    for what, claim in {
        "an honest extension": (HONEST.head(5), HONEST.head(9), HONEST.proof(5, 9)),
        "the same twice": (older, older, []),
        "a proof that leads nowhere": (older, newer, [bytes(32), *path[1:]]),
        "a proof that is too short": (older, newer, path[:-1]),
        "no proof": (older, newer, []),
        "the newer first": (newer, older, path),
        "of two logs": (elsewhere, newer, path),
        "not signed": (unsigned, newer, path),
        "of two keys": (HONEST.head(5, OTHER_KEY), newer, path),
    }.items():
        try:
            assert not verify_fork(*claim, keys), what
        except NotProven:
            continue
    with pytest.raises(NotProven):
        verify_evidence(request(4, path, newer), older.data, keys)
    with pytest.raises(Malformed):
        verify_evidence(b"", older.data, keys)
    assert parse_request(request(5, path, newer))[0] == 5


def test_a_memory_that_an_earlier_release_left_is_held_against_too(tmp_path: Path) -> None:
    file = str(tmp_path / "w.db")
    with witness(file=file) as by:
        by.add_checkpoint(HONEST.asked(0, 10))
        by._db.execute("DROP TABLE heads")
    with witness(file=file) as by:
        by.add_checkpoint(HONEST.asked(10, 20))
        by.add_checkpoint(request(10, [], FORKS[2].head(10)))
        assert accused(by) == 1


def test_what_was_not_proven_does_not_fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rujukan.consumers.agency.witnessing.heads.MOST_UNPROVEN", 5)
    monkeypatch.setattr("rujukan.consumers.agency.witnessing.heads.MOST_COSIGNED", 7)
    with witness() as by:
        for size in range(1, 20):
            assert by.add_checkpoint(HONEST.asked(size - 1, size)).status == 200
        for size in range(30, 50):
            by.add_checkpoint(request(19, [], HONEST.head(size)))
        assert sorted(c.size for c in by.unproven(ORIGIN)) == list(range(45, 50))
        rows = by._db.execute("SELECT size FROM heads WHERE proven ORDER BY size").fetchall()
        assert [size for (size,) in rows] == list(range(13, 20))
