"""What cannot be is refused before anything starts, by the setting's name, with what is allowed and what to do."""

from pathlib import Path

import pytest

from rujukan.infra import settings_checks as checks
from rujukan.infra.settings import PATHS, PREFIX, Settings, from_environment, to_environment

TEXT = {"webhook_networks": ["foo", "10.0.0.0/8,bar"], "network": ["a b", "a/b"], "ledger": ["bad name", "a+x"]}


def test_every_number_has_its_bounds() -> None:
    numbers = {name for name in Settings.__struct_fields__ if isinstance(getattr(Settings(), name), int)}
    assert {*checks.NUMBERS} == {name for name in numbers if not name.startswith("limit_")}


@pytest.mark.parametrize("name", sorted(checks.NUMBERS))
def test_a_number_beyond_its_bounds_is_refused_by_name(name: str) -> None:
    allowed = checks.NUMBERS[name]
    for wrong, named in ((allowed.least - 1, allowed.least), (allowed.most + 1, allowed.most)):
        with pytest.raises(
            ValueError, match=rf"^{PREFIX}{name.upper()} must be {named} or (more|less), and is {wrong}$"
        ):
            from_environment({PREFIX + name.upper(): str(wrong)})
    for right in allowed:
        assert getattr(from_environment({PREFIX + name.upper(): str(right)}), name) == right


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, some in TEXT.items() for said in some])
def test_a_text_that_cannot_be_is_refused_by_name(name: str, said: str) -> None:
    if said:
        with pytest.raises(ValueError, match=f"^{PREFIX}{name.upper()} must "):
            from_environment({PREFIX + name.upper(): said})


@pytest.mark.parametrize("name", sorted(checks.FILES))
def test_a_file_that_is_not_there_is_refused_by_name_with_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{PREFIX}{name.upper()} names .*put it there, name another, or leave"):
        from_environment({PREFIX + name.upper(): str(tmp_path / "gone")})
    (tmp_path / "there").touch()
    assert from_environment({PREFIX + name.upper(): str(tmp_path / "there")})


def test_each_file_that_is_only_read_is_looked_for() -> None:
    made = {"data", "keyring", "witnesses"}
    assert {*checks.FILES} == {*PATHS} - made | {"jwks"}


def test_what_is_said_comes_back() -> None:
    assert from_environment(to_environment(Settings())) == Settings()
