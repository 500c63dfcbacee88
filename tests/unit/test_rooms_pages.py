"""The rooms' pages list what is there; and no file of theirs has more than fits one idea, or stands in a circle."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from freeze import STANDING, standing_page

from rujukan import projections
from rujukan.api.actions import CASE_ACTIONS

TOP = Path(__file__).parents[2]
MOST_LINES = 400
FILES_OF = re.compile(r"^\| file.*\n\|[-| ]+\n((?:\|.*\n)+)", re.M)
"""A table of files: its rows."""


def named(page: Path) -> set[str]:
    """The modules, and rooms with a slash, that a page's tables of files name; a row of paths is of another room."""
    cells = [row.split("|")[1] for row in "".join(FILES_OF.findall(page.read_text("utf-8"))).splitlines()]
    return {name for cell in cells if "/test_" not in cell for name in re.findall(r"`(\w+(?:\.py|/))`", cell)}


def room_of(page: Path) -> Path:
    """The folder of which most files are named: that of the page, or one inside."""
    folders = [page.parent, *(inside.parent for inside in page.parent.glob("*/__init__.py"))]
    return max(folders, key=lambda folder: sum((folder / name).exists() for name in named(page)))


PAGES = [
    page for room in ("domain", "projections", "api", "consumers", "infra") for page in (TOP / room).rglob("README.md")
]


@pytest.mark.parametrize("page", [page for page in PAGES if named(page)], ids=lambda page: str(page.relative_to(TOP)))
def test_a_table_of_files_names_every_file_of_its_room_and_none_that_is_not_there(page: Path) -> None:
    room = room_of(page)
    there = {file.name for file in room.glob("*.py")} - {"__init__.py"}
    there |= {f"{inside.parent.name}/" for inside in room.glob("*/__init__.py")}
    assert sorted(there - named(page)) == [], "these are on no row"
    assert sorted(name for name in named(page) if not (room / name).exists()) == [], "these are not there"


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


def test_what_subjects_share_stands_on_the_page_of_the_domain() -> None:
    page = (TOP / "domain" / "README.md").read_text("utf-8")
    shared = {file.stem for file in (TOP / "domain" / "casefile").glob("*.py")} - {"__init__"}
    assert [name for name in sorted(shared) if f"`{name}`" not in page] == []


def test_no_file_is_so_long_that_it_holds_two_ideas() -> None:
    files = (file for room in ("domain", "api", "consumers", "infra") for file in (TOP / room).rglob("*.py"))
    lines = {str(file.relative_to(TOP)): len(file.read_text("utf-8").splitlines()) for file in files}
    assert {file: many for file, many in lines.items() if many > MOST_LINES} == {}, "give a part of each a room"


@pytest.mark.thorough
def test_no_file_is_in_a_circle() -> None:
    """Whoever reads one file meets no other that needs it first; what is imported for types alone counts, too."""
    rooms = [f"rujukan.{room}" for room in ("domain", "projections", "api", "consumers", "infra")]
    graph = grimp.build_graph(*rooms, cache_dir=None)
    TopologicalSorter({file: graph.find_modules_directly_imported_by(file) for file in graph.modules}).prepare()
