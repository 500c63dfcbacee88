"""Migrations come in one order, on every machine."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "infra" / "migrations"


def test_no_two_migrations_have_one_number() -> None:
    numbers = [file.name[:4] for file in FOLDER.glob("*.sql")]
    assert len(numbers) == len(set(numbers))
