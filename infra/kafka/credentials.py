"""Passwords of Kafka users: made here, written once for who is to have them, and never shown.

A file is the properties of an ordinary Kafka client, whole: it goes to the agency over a safe way, and nothing else has
to. `rujukan subscribe` takes it as `--kafka-password-file`.
"""

import secrets
from pathlib import Path

from ...consumers import durable
from ...consumers.wire.kafka.access import PASSWORD_PROPERTY, KafkaAccess, password_in

PASSWORD_BYTES = 32


class Credentials:
    """The files in a directory, which is made, for its owner only, when it is first written to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def password_for_new(self, name: str, user: str, access: KafkaAccess) -> str:
        """A password for a user that is to be made. It is in its file before it holds; a file that a run wrote which
        ended before it made the user, or that was written for a cluster which was lost, is taken as it is."""
        file = self._file(name)
        if file.exists():
            return password_in(file)
        return self._write(file, user, access)

    def password_for_change(self, name: str, user: str, access: KafkaAccess) -> str:
        """A new password for a user. `changed` is to follow, once it holds; until then the old file is the true one."""
        next = self._next(name)
        next.unlink(missing_ok=True)
        return self._write(next, user, access)

    def changed(self, name: str) -> None:
        """Put the new file in the old one's place."""
        durable.rename(self._next(name), self._file(name))

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.properties"

    def _next(self, name: str) -> Path:
        return self._directory / f"{name}.properties.next"

    def _write(self, file: Path, user: str, access: KafkaAccess) -> str:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        durable.directory(self._directory, 0o700)
        durable.create(file, _properties(user, password, access).encode())
        return password


def _properties(user: str, password: str, access: KafkaAccess) -> str:
    """As Java clients take it; `sasl.username` and `sasl.password` are for others, and for people."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    lines = [
        f"bootstrap.servers={access.bootstrap}",
        "security.protocol=SASL_SSL",
        "sasl.mechanism=SCRAM-SHA-512",
        f"sasl.username={user}",
        f"{PASSWORD_PROPERTY}{password}",
        f'sasl.jaas.config={module} required username="{user}" password="{password}";',
    ]
    if access.ca is not None:
        certificates = access.ca.read_text(encoding="ascii").strip().replace("\n", "\\n\\\n")
        lines += ["ssl.truststore.type=PEM", f"ssl.truststore.certificates={certificates}"]
    return "\n".join([*lines, ""])
