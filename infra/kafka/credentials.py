"""Passwords of Kafka users: made here, written once for who is to have them, and never shown.

`CODE.properties` is the properties of an ordinary Kafka client, whole: it goes to the agency over a safe way, and
nothing else has to. `rujukan subscribe` takes it as `--kafka-password-file`. Beside it lies the same for clients that
are built on librdkafka (2.6.1 or later: those before cannot log in by SCRAM to Kafka 4), made of it: `CODE.librdkafka`,
which names `CODE.ca.pem`.
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
        password = password_in(file) if file.exists() else self._write(file, user, access)
        self._for_librdkafka(name)
        return password

    def password_for_change(self, name: str, user: str, access: KafkaAccess) -> str:
        """A new password for a user. `changed` is to follow, once it holds; until then the old file is the true one."""
        next = self._next(name)
        next.unlink(missing_ok=True)
        return self._write(next, user, access)

    def changed(self, name: str) -> None:
        """Put the new file in the old one's place."""
        durable.rename(self._next(name), self._file(name))
        self._for_librdkafka(name)

    def _for_librdkafka(self, name: str) -> None:
        said, certificates = for_librdkafka(self._file(name).read_text("utf-8"), f"{name}.ca.pem")
        durable.replace(self._directory / f"{name}.ca.pem", certificates.encode())
        durable.replace(self._directory / f"{name}.librdkafka", said.encode())

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


def for_librdkafka(properties: str, ca: str) -> tuple[str, str]:
    """The same properties as clients built on librdkafka take them (kcat -F, say), which name a file with the
    certificates of the authority; and what is to be in that."""
    said = dict(line.split("=", 1) for line in properties.replace("\\\n", "").splitlines() if "=" in line)
    certificates = said.get("ssl.truststore.certificates", "").replace("\\n", "\n")
    taken = ("bootstrap.servers", "security.protocol", "sasl.username", "sasl.password")
    lines = [*(f"{name}={said[name]}" for name in taken), f"sasl.mechanisms={said['sasl.mechanism']}"]
    return "\n".join([*lines, *([f"ssl.ca.location={ca}"] if certificates else []), ""]), f"{certificates}\n"
