"""Whether what the settings say can be: asked when a process starts, so that no mistake shows hours later, as something
else. Each refusal names its setting, what is allowed, and what to do."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple


class Between(NamedTuple):
    """The numbers that are allowed."""

    least: int
    most: int


A_YEAR = 366 * 86_400
NUMBERS: Mapping[str, Between] = {
    "port": Between(0, 65_535),
    "publishers": Between(1, 64),
    "workers": Between(1, 64),
    "shards": Between(1, 1_024),
    "webhook_disable_after": Between(60, A_YEAR),
    "idempotency_days": Between(1, 3_650),
    "case_memory_mb": Between(1, 1_048_576),
}
LIMITS = Between(0, 2**31 - 1)
FILES: Mapping[str, str] = {
    "kafka_ca": "the PEM file of the authority that signs the brokers' certificates",
    "kafka_password": "the file that holds the password of RUJUKAN_KAFKA_USER",
    "kafka_admin_password": "the file that holds the password of RUJUKAN_KAFKA_ADMIN_USER",
    "jwks": "the issuer's JSON Web Key Set",
    "report_signer": "the PKCS#12 or PEM file that signs reports",
    "report_signer_passphrase": "the file that holds its passphrase",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ORIGIN = re.compile(r"[^\s+]+")


def number(said: int, allowed: Between) -> str | None:
    """What is wrong with a number; None where nothing is."""
    if allowed.least <= said <= allowed.most:
        return None
    if said < allowed.least:
        return f"must be {allowed.least} or more, and is {said}"
    return f"must be {allowed.most} or less, and is {said}"


def file(name: str, said: Path) -> str | None:
    """The same of a file that is only read."""
    if said.is_file():
        return None
    return f"names {FILES[name]}, and there is no file {said}: put it there, name another, or leave the setting out"


def database(said: str) -> str | None:
    """The same of where PostgreSQL is, and of the file with passwords that it names."""
    try:
        from psycopg import ProgrammingError

        from . import passfile
    except ModuleNotFoundError:  # an agency's machine, which asks no database
        return None
    try:
        return passfile.wrong(said)
    except ProgrammingError:  # whose words may be a part of a password
        return "is no conninfo of libpq: host=… dbname=… user=… passfile=…, or postgresql://…"


def networks(said: str) -> str | None:
    """The same of networks that webhooks may lead into."""
    for part in said.replace(",", " ").split():
        try:
            ip_network(part)
        except ValueError:
            return f"must be networks such as 10.1.0.0/16, parted by commas, and {part!r} is none"
    return None


def network_name(said: str) -> str | None:
    """The same of the network's name, which stands in addresses and the ledger's origin; empty where none is said."""
    if not said or _NAME.fullmatch(said):
        return None
    return f"must be letters, digits, dots, dashes and underscores, and is {said!r}"


def origin(said: str) -> str | None:
    """The same of the ledger's origin: a name as C2SP's signed notes have it."""
    if not said or _ORIGIN.fullmatch(said):
        return None
    return f"must have no space and no plus sign, and is {said!r}"


TEXTS: Mapping[str, Callable[[str], str | None]] = {
    "webhook_networks": networks,
    "network": network_name,
    "ledger": origin,
}
