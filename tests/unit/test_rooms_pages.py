"""The rooms' pages list what is there."""

from pathlib import Path

from freeze import STANDING, standing_page

from rujukan import projections
from rujukan.api.actions import CASE_ACTIONS

TOP = Path(__file__).parents[2]


def test_every_list_stands_on_the_page_of_the_api() -> None:
    page = (TOP / "api" / "README.md").read_text("utf-8")
    assert [
        listing.path for listing in projections.LISTINGS if f"`{listing.path}`" not in page and "{" not in listing.path
    ] == []


def test_every_read_model_stands_on_the_page_of_its_room() -> None:
    page = (TOP / "projections" / "README.md").read_text("utf-8")
    files = {model.__module__.rpartition(".")[2] for model in projections.ALL}
    assert [file for file in sorted(files) if f"| `{file}.py` |" not in page] == []


def test_the_table_of_standing_is_on_its_page() -> None:
    assert STANDING.read_text("utf-8") == standing_page(), "python -m tests.freeze writes it"


def test_every_subject_of_a_case_stands_on_the_page_of_the_domain() -> None:
    page = (TOP / "domain" / "README.md").read_text("utf-8")
    subjects = {action.command.__module__.rpartition(".")[2] for action in CASE_ACTIONS}
    assert [subject for subject in sorted(subjects) if f"`{subject}`" not in page] == []
