"""What somebody who begins gets wrong is answered with what it is, and what to do."""

import socket
from pathlib import Path

import pytest

from rujukan.consumers.agency.subscribing.keys import key_from
from rujukan.consumers.agency.transports.feed import Feed
from rujukan.consumers.agency.transports.transport import Unreachable
from rujukan.consumers.wire.keys import AgencyKey
from rujukan.domain.codes import AgencyKind, Code, Role, Service
from rujukan.infra.commands.arguments import Failed, code_of


def test_a_key_that_is_not_there_is_said_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^no key is at .*mine\.key: `rujukan keygen"):
        key_from(tmp_path / "mine.key")


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_the_public_half_is_named_as_that_whoever_may_read_it(tmp_path: Path, mode: int) -> None:
    """It is no secret, so that others can read it is not what is wrong."""
    half = tmp_path / "rsud.key.pub"
    half.write_text("{}")
    half.chmod(mode)
    with pytest.raises(ValueError, match=r"public half .* say the private one, .*rsud\.key$"):
        key_from(half)


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rsud.key"
    file.write_bytes(AgencyKey.generate("1").to_json())
    file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        key_from(file)
    file.chmod(0o600)
    assert key_from(file).id == "1"


def test_a_service_that_is_not_there_is_said_with_its_address_and_not_with_the_token() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"at 127\.0\.0\.1:{port}: look at the address") as refused:
        Feed(f"http://127.0.0.1:{port}", "SECRET").page()
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("codes", "word", "argument", "meant"),
    [
        (AgencyKind, "helth", "--kind", "health"),
        (Service, "kesehatn", "--service", "kesehatan"),
        (Role, "caseworker", "--member", "case-worker"),
    ],
)
def test_a_code_that_is_none_names_the_argument_all_there_are_and_the_one_meant(
    codes: type[Code], word: str, argument: str, meant: str
) -> None:
    with pytest.raises(Failed) as refused:
        code_of(codes, word, argument)
    said = str(refused.value)
    assert said.startswith(f"{argument}: {word} is not one of ")
    assert said.endswith(f"Did you mean {meant}?")
    assert all(str(code.value) in said for code in codes)
    with pytest.raises(Failed) as other:
        code_of(codes, "xyzzy", argument)
    assert "Did you mean" not in str(other.value)
