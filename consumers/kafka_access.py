"""How a Kafka cluster is reached: an address alone, or TLS with a CA and a user's password (SASL/SCRAM-SHA-512)."""

from pathlib import Path
from typing import Any

from msgspec import Struct


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


Access = KafkaAccess | str


def options(access: Access) -> dict[str, Any]:
    """The same for a plain address."""
    return (KafkaAccess(access) if isinstance(access, str) else access).options()
