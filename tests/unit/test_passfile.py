"""Where the database is, and the file with passwords that is named once: refused where others can read it."""

import os
from pathlib import Path

import pytest

from rujukan.infra import passfile
from rujukan.infra.requirements import LEAST, too_old
from rujukan.infra.settings import from_environment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "passwords"
    written.write_text("db.example:5432:kota:owner:opensesame\n")
    written.chmod(0o600)
    return written


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o610, 0o620, 0o640, 0o601, 0o602, 0o604, 0o644, 0o666])
@pytest.mark.parametrize("named", ["conninfo", "address", "environment"])
def test_only_its_owner_may_do_anything_with_it(
    file: Path, mode: int, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libpq has it, which passes over another in silence."""
    file.chmod(mode)
    said = {
        "conninfo": f"host=db.example dbname=kota user=owner passfile={file}",
        "address": f"postgresql://owner@db.example/kota?passfile={file}",
        "environment": "host=db.example dbname=kota user=owner",
    }[named]
    if named == "environment":
        monkeypatch.setenv("PGPASSFILE", str(file))
    if mode & 0o077 == 0:
        assert from_environment({"RUJUKAN_DATABASE": said}).database == said
        return
    with pytest.raises(ValueError, match=r"^RUJUKAN_DATABASE .* others can read: chmod 600") as refused:
        from_environment({"RUJUKAN_DATABASE": said})
    assert "opensesame" not in str(refused.value)


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such file"):
        from_environment({"RUJUKAN_DATABASE": f"host=db.example passfile={tmp_path / 'nowhere'}"})


@pytest.mark.parametrize(
    "said", ["host=db.example password=open sesame", "nonsense", "postgresql://owner:open sesame@["]
)
def test_what_is_no_conninfo_is_refused_without_its_words(said: str) -> None:
    """One of them may be a part of a password."""
    with pytest.raises(ValueError, match="is no conninfo") as refused:
        from_environment({"RUJUKAN_DATABASE": said})
    assert "sesame" not in str(refused.value)


def test_it_is_found_from_every_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    kept = passfile.absolute(f"host=db.example passfile={file.name}")
    monkeypatch.chdir(os.sep)
    assert passfile.of(kept) == file
    assert passfile.absolute("") == ""


def test_a_server_that_is_too_old_is_told_what_is_needed() -> None:
    assert f"PostgreSQL 16.14, and {LEAST} or later" in too_old(160_014)
