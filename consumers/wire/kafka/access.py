"""How a Kafka cluster is reached: an address alone, or TLS with a CA and a user's password (SASL/SCRAM-SHA-512)."""

from pathlib import Path
from typing import Any

from msgspec import Struct

PASSWORD_PROPERTY = "sasl.password="  # noqa: S105 - the property's name


class KafkaAccess(Struct, frozen=True):
    """`bootstrap` is `HOST:PORT[,…]`; `ca` a PEM file. A user needs a CA: no password goes over a plain line."""

    bootstrap: str
    ca: Path | None = None
    user: str = ""
    password: str = ""

    def __post_init__(self) -> None:
        if self.user and self.ca is None:
            raise ValueError("a password goes over TLS only: say which CA signs the brokers' certificates")

    def __repr__(self) -> str:
        return f"KafkaAccess({self.bootstrap!r}, {self.user!r})"

    def options(self) -> dict[str, Any]:
        """What each kafka-python client is given."""
        found: dict[str, Any] = {"bootstrap_servers": self.bootstrap.split(",")}
        if self.ca is not None:
            found |= {"security_protocol": "SSL", "ssl_cafile": str(self.ca), "ssl_check_hostname": True}
        if self.user:
            found |= {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return found


def password_in(file: Path) -> str:
    """The password that a file holds: by itself, or as a property, as `rujukan agencies sync` writes it.
    Raises PermissionError where others may read the file, ValueError where it holds none."""
    if file.stat().st_mode & 0o077:
        raise PermissionError(f"{file} can be read by others; chmod 600 it")
    text = file.read_text(encoding="utf-8").strip()
    found = next((line for line in text.splitlines() if line.startswith(PASSWORD_PROPERTY)), text)
    password = found.removeprefix(PASSWORD_PROPERTY)
    if not password or "\n" in password:
        raise ValueError(f"{file} holds no password")
    return password


Access = KafkaAccess | str


def options(access: Access) -> dict[str, Any]:
    """The same for a plain address."""
    return (KafkaAccess(access) if isinstance(access, str) else access).options()
