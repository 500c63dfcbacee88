"""Settings: environment variables `RUJUKAN_…`, the one home of configuration.

Everything has a default that suits the embedded system, so that only what differs is set. What cannot be is refused
when a process starts (settings_checks.py).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from . import network_name
from . import settings_checks as checks


class Settings(Struct, frozen=True, kw_only=True):
    """Where things are. `database` and `kafka` are empty until the embedded system, or an operator, says."""

    data: Path = Path(".rujukan")
    """Directory of the embedded system: databases, keys, logs."""
    database: str = ""
    """PostgreSQL conninfo with the rights of the database's owner; service and follower use their own roles. Its
    `passfile` is good for all three."""
    kafka: str = ""
    """Bootstrap address of the Kafka cluster."""
    kafka_ca: Path | None = None
    """PEM file of the authority that signs the brokers' certificates; the connection is not encrypted without one."""
    kafka_user: str = ""
    """The service's user there (SASL/SCRAM-SHA-512)."""
    kafka_password: Path | None = None
    """File that holds that user's password."""
    kafka_admin_user: str = ""
    """Who administers the cluster: for `rujukan agencies sync` only. The service needs nothing of it."""
    kafka_admin_password: Path | None = None
    """File that holds that user's password."""
    keyring: Path | None = None
    """The local keyring; `keys/keyring.json` in `data` when not set."""
    host: str = "127.0.0.1"
    port: int = 8129
    """Of the API. SAPA 129 is the Indonesian hotline."""
    publishers: int = 2
    """How many the embedded system starts. They share the agencies, and each takes over from one that dies; more than
    four have nothing to do."""
    workers: int = 1
    """How many the embedded system starts. They share the shards; who has none stands by."""
    shards: int = 1
    """In how many parts the cases fall, so that as many workers can share the read models. Counts for a read model that
    is made, or rebuilt, from then on."""
    issuer: str = "urn:rujukan:issuer:development"
    audience: str = "urn:rujukan:api"
    jwks: str = ""
    """File of the issuer's JSON Web Key Set; when empty, the embedded issuer's key is accepted."""
    network: str = ""
    """Name of the network, in the ledger's origin and the source of every message; see network_name.py for who says
    none."""
    report_signer: Path | None = None
    """PKCS#12 file, or PEM file with key and certificates, that signs reports; they are unsigned when not set."""
    report_signer_passphrase: Path | None = None
    """File that holds the passphrase of that file."""
    timestamp_url: str = ""
    """RFC 3161 timestamp server; signatures carry no timestamp when empty."""

    ledger: str = ""
    """Origin of the ledger: the name that its checkpoints bear for ever. `rujukan/NETWORK` when empty."""
    witnesses: Path | None = None
    """Policy file (C2SP tlog-policy) that names the witnesses whose cosignatures are kept, those with an address
    are asked for them, and its quorum says which checkpoint a receipt is made under. `ledger/witnesses` in `data`
    when not set; it may come and change while the system runs."""

    webhook_networks: str = ""
    """Networks (CIDR, parted by commas) that webhooks may lead into beside public addresses, and where http is allowed:
    a ministry's own. The embedded system allows its own machine."""
    webhook_disable_after: int = 5 * 86_400
    """Seconds after which a webhook that took nothing is disabled."""

    idempotency_days: int = 30
    """How long an Idempotency-Key makes a retry safe; later it may be used anew."""

    case_memory_mb: int = 256
    """MiB that a process may use for the cases it remembers: half for what decides, half for what follows the log. What
    does not fit is folded again when it is needed."""

    limit_reads: int = 10
    """Reads each second, of an agency's people, in each API process; a person's own is a fifth. One that keeps a thread
    for long counts as several. 0 sets no limit, here and in all that follow."""
    limit_commands: int = 20
    """Commands each second, likewise."""
    limit_emergencies: int = 1
    """Breaking the glass and reading through it, each second, by each person."""
    limit_requests: int = 64
    """Requests of one person that are under way at once; an agency may have four times as many."""
    limit_waits: int = 8
    """Reads of one person that wait for a position; an agency may have eight times as many."""
    limit_pages: int = 20
    """Pages of the feed each second, of an agency's machines."""
    limit_deliveries: int = 1_000
    """Messages each second that an agency's machines fetch."""
    limit_acknowledgements: int = 10
    """Acknowledgements each second, of an agency's machines."""
    limit_streams: int = 32
    """Streams and long-polls that an agency has open."""
    limit_uploads: int = 60
    """MiB of documents each minute, of an agency's people; a person's own is a fifth."""
    limit_documents: int = 20_480
    """MiB of documents that an agency may have stored, in all, with all API processes."""

    def __post_init__(self) -> None:
        limits = {name: checks.LIMITS for name in self.__struct_fields__ if name.startswith(LIMIT)}
        for name, allowed in {**checks.NUMBERS, **limits}.items():
            _refuse(name, checks.number(getattr(self, name), allowed))
        for name, wrong in checks.TEXTS.items():
            _refuse(name, wrong(getattr(self, name)))

    def __repr__(self) -> str:
        """Without what is secret in it: where settings are shown, passwords are not."""
        from .database import without_password

        said = {name: getattr(self, name) for name in self.__struct_fields__}
        return f"Settings({said | {'database': without_password(self.database)}})"

    @property
    def limits(self) -> dict[str, int]:
        """What one caller, and one agency, may take, by the limit's name."""
        named = [name for name in self.__struct_fields__ if name.startswith(LIMIT)]
        return {name.removeprefix(LIMIT): getattr(self, name) for name in named}

    @property
    def case_bytes(self) -> int:
        """Memory for the cases that one part of a process remembers."""
        return self.case_memory_mb * 2**20 // 2

    @property
    def network_name(self) -> str:
        """What the network is called, as it is said or kept in the data directory. Raises NotNamed."""
        return network_name.name_of(self.network, self.data)

    @property
    def ledger_origin(self) -> str:
        """The ledger's origin. Raises NotNamed."""
        return self.ledger or f"rujukan/{self.network_name}"

    @property
    def witness_policy(self) -> Path:
        """Where the policy is, or may come to be."""
        return self.witnesses or self.data / "ledger" / "witnesses"

    @property
    def ledger_guard(self) -> Path:
        """The file that remembers, outside of the database, what was signed last."""
        return self.data / "ledger" / "signed"

    @property
    def keyring_file(self) -> Path:
        """Where the keyring is."""
        return self.keyring or self.data / "keys" / "keyring.json"


PREFIX = "RUJUKAN_"
LIMIT = "limit_"
TOKEN = PREFIX + "TOKEN"
"""An access token, for the commands that act as a person; not a setting of the service."""
PATHS = (
    "data",
    "kafka_ca",
    "kafka_password",
    "kafka_admin_password",
    "keyring",
    "witnesses",
    "report_signer",
    "report_signer_passphrase",
)


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment says. Raises ValueError naming a variable that cannot be read, that says what
    cannot be, or that is not one; and one that names a file which is not there."""
    known = {name.upper(): name for name in Settings.__struct_fields__}
    said: dict[str, object] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == TOKEN:
            continue
        name = known.get(variable.removeprefix(PREFIX))
        if name is None:
            raise ValueError(f"{variable} is not a setting; there are {', '.join(PREFIX + n for n in known)}")
        try:
            is_number = name in checks.NUMBERS or name.startswith(LIMIT)
            said[name] = Path(text) if name in PATHS else int(text) if is_number else text
        except ValueError:
            raise ValueError(f"{variable} must be a number") from None
        if name in checks.FILES and text:
            _refuse(name, checks.file(name, Path(text)))
    if said.get("database"):
        _refuse("database", checks.database(str(said["database"])))
    return Settings(**said)  # type: ignore[arg-type]


def _refuse(name: str, wrong: str | None) -> None:
    if wrong is not None:
        raise ValueError(f"{PREFIX}{name.upper()} {wrong}")


def to_environment(settings: Settings) -> dict[str, str]:
    """The variables that make another process see the same settings."""
    fields = {name: getattr(settings, name) for name in Settings.__struct_fields__}
    return {PREFIX + name.upper(): str(value) for name, value in fields.items() if value is not None}
