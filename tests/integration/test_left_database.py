"""A supervisor that was killed leaves its database running: it is said, and `rujukan down` ends it."""

from pathlib import Path

import pytest

from rujukan.infra.cli import main
from rujukan.infra.services.postgres import EmbeddedPostgres


@pytest.mark.thorough
def test_a_database_that_was_left_running_is_said_and_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    left = EmbeddedPostgres(data / "postgres")
    left.start()
    try:
        pid = left.pid
        assert main(["status", "--data", str(data)]) == 3
        assert f"but its database (process {pid})" in capsys.readouterr().out
        assert main(["down", "--data", str(data)]) == 0
        assert capsys.readouterr().out.startswith(f"stopped: the database (process {pid}) on ")
        assert left.postmaster() is None
        assert main(["down", "--data", str(data)]) == 0
        assert capsys.readouterr().out == f"nothing runs on {data}: there is nothing to stop\n"
    finally:
        left.stop()


def test_a_data_directory_that_is_not_there_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who misspelt it does not take the system for stopped."""
    assert main(["down", "--data", str(tmp_path / "typo")]) == 0
    assert "typo, which is not there" in capsys.readouterr().out
