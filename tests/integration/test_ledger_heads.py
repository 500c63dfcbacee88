"""Among many checkpoints, the one that a receipt or a bundle is made under is found, however they are arranged."""

import random
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from some import some

from rujukan.consumers.evidence.checkpoints import parse_checkpoint
from rujukan.consumers.evidence.notes import Note
from rujukan.infra import composition
from rujukan.infra.services.postgres import EmbeddedPostgres
from rujukan.infra.settings import Settings

WITNESSES = ("rsud.example", "dinsos.example", "polres.example")
Heads = Mapping[int, frozenset[str]]
"""Size → who cosigned it."""


@pytest.fixture(scope="module")
def empty(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database of these tests' own, migrated and empty."""
    name = "ledger_heads"
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    made = Settings(
        data=tmp_path_factory.mktemp("heads"),
        database=make_conninfo(postgres.conninfo, dbname=name),
        kafka="",
        network="tests",
    )
    composition.prepare(made)
    yield made
    with psycopg.connect(postgres.conninfo, autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} WITH (FORCE)")


def unwitnessed_for_long(_: random.Random) -> Heads:
    """Witnesses were away for 1,500 heads, then all came back."""
    return {size: frozenset(WITNESSES if size > 1_500 else ()) for size in range(1, 1_651)}


def one_witness_for_long(_: random.Random) -> Heads:
    """One witness alone cosigned most; two did long ago."""
    return {size: frozenset(WITNESSES[: 2 if size <= 40 else 1]) for size in range(1, 1_400)}


def at_random(draw: random.Random) -> Heads:
    """Heads of any sizes; of some, any witnesses."""
    seldom = draw.choice((0.002, 0.05, 0.5))
    return {
        size: frozenset(w for w in WITNESSES if draw.random() < seldom) for size in draw.sample(range(1, 20_000), 1_300)
    }


def stored(settings: Settings, heads: Heads) -> None:
    """The rows of these heads, in the place of those before."""
    key = composition.ledger_key(settings)
    with psycopg.connect(settings.database) as db, db.cursor() as cursor:
        db.execute("SET session_replication_role = replica")
        db.execute("TRUNCATE ledger.checkpoints, ledger.cosignatures")
        with cursor.copy("COPY ledger.checkpoints (size, note) FROM STDIN") as copy:
            for size in heads:
                copy.write_row((size, key.sign(size, bytes(32), 0.0).data))
        with cursor.copy("COPY ledger.cosignatures (size, name, key_id, line) FROM STDIN") as copy:
            for size, names in heads.items():
                for name in names:
                    copy.write_row((size, name, b"\x00\x00\x00\x01", f"— {name} AAAAAXNpZ25lZA=="))


def two_cosigned(note: Note) -> bool:
    return sum(s.name in WITNESSES for s in note.signatures) >= 2


def everybody_suffices(note: Note) -> bool:
    return True


def size_of(note: Note | None) -> int | None:
    return parse_checkpoint(note.text).size if note else None


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arranged", "seed"),
    some([(unwitnessed_for_long, 0), (one_witness_for_long, 0), (at_random, 1), (at_random, 2)], 4),
)
def test_the_right_head_is_found_among_any_number(empty: Settings, arranged, seed):
    draw = random.Random(seed)
    heads = arranged(draw)
    stored(empty, heads)
    enough = sorted(size for size, names in heads.items() if len(names) >= 2)
    cosigned = sorted(size for size, names in heads.items() if names)
    every = sorted(heads)
    asked = {1, every[-1], every[-1] + 1, *draw.sample(range(1, every[-1]), 12)}
    asked |= {size + by for size in (*enough[:1], *enough[-1:]) for by in (-1, 0, 1)}
    with composition.ledger(empty) as ledger:
        for leaves in sorted(asked):
            assert size_of(ledger.covering(leaves, None)) == first(every, leaves)
            assert size_of(ledger.covering(leaves, everybody_suffices)) == first(every, leaves)
            assert size_of(ledger.covering(leaves, two_cosigned)) == first(enough, leaves)
            assert size_of(ledger.witnessed(leaves, two_cosigned)) == last(enough, leaves)
            assert size_of(ledger.witnessed(leaves, everybody_suffices)) == last(cosigned, leaves)


@pytest.mark.thorough
def test_a_head_comes_with_every_cosignature_in_the_same_order(empty: Settings):
    """Whichever way it is found, it is the same note: a bundle is the same whenever it is made."""
    stored(empty, {size: frozenset(WITNESSES) for size in range(1, 1_200)})
    with composition.ledger(empty) as ledger:
        alone = ledger.newest(1_150)
        assert alone is not None
        assert len([s for s in alone.signatures if s.name in WITNESSES]) == len(WITNESSES)
        assert ledger.covering(1_150, two_cosigned) == alone
        assert ledger.covering(1_150, only(1_150)) == alone
        assert ledger.witnessed(1_150, only(1_150)) == alone


def only(size: int):
    def wanted(note: Note) -> bool:
        return two_cosigned(note) and size_of(note) == size

    return wanted


def first(sizes: list[int], leaves: int) -> int | None:
    return next((size for size in sizes if size >= leaves), None)


def last(sizes: list[int], leaves: int) -> int | None:
    return sizes[-1] if sizes and sizes[-1] >= leaves else None
