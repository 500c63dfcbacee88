"""What can be said to the commands that receive: keys, where deliveries come from, and where they go."""

import argparse
from pathlib import Path

from ..settings import TOKEN
from .arguments import address


def add_keys(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """What opens a delivery, and what it is checked with."""
    parser.add_argument("--key", type=Path, action="append", default=[], metavar="FILE", help="private key")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="private keys, *.key; may be added to meanwhile")
    parser.add_argument(
        "--service-key", action="append", required=required, metavar="KEY|FILE", help="the service's public key"
    )


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Where deliveries are fetched: Kafka, or the feed."""
    parser.add_argument("--kafka", metavar="HOST:PORT", help="default: RUJUKAN_KAFKA")
    parser.add_argument("--kafka-ca", type=Path, metavar="FILE", help="who signs the brokers' certificates: TLS")
    parser.add_argument("--kafka-user", default="", metavar="NAME", help="SASL/SCRAM-SHA-512")
    parser.add_argument("--kafka-password-file", type=Path, metavar="FILE")
    parser.add_argument(
        "--feed", metavar="URL", help="the service's address: instead of Kafka, or to fetch what it lost"
    )
    parser.add_argument("--feed-ca", type=Path, metavar="FILE", help="who signs the service's certificate")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"access token for the feed (default {TOKEN})")
    parser.add_argument("--stream", action="store_true", help="take the feed as server-sent events")


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Where deliveries are posted to."""
    parser.add_argument(
        "--listen", type=address, metavar="HOST:PORT", help="be posted to, as the agency's webhook: instead of Kafka"
    )
    parser.add_argument(
        "--webhook-secret-file", type=Path, metavar="FILE", help="whsec_…, or the service's key whpk_…; one a line"
    )
    parser.add_argument("--webhook-tolerance", type=float, default=300.0, metavar="SECONDS", help="between the clocks")
    parser.add_argument(
        "--tls-certificate", type=Path, metavar="FILE", help="PEM with chain and key; none: behind a proxy that has it"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="where the certificate's key is in another file")


def add_inbox(parser: argparse.ArgumentParser) -> None:
    """Where it is kept what was handled."""
    parser.add_argument("--inbox", metavar="FILE|postgresql://…", help="SQLite file (default AGENCY.db), or PostgreSQL")


def add_sinks(parser: argparse.ArgumentParser) -> None:
    """The inbox, and who handles each delivery."""
    add_inbox(parser)
    to = parser.add_mutually_exclusive_group()
    to.add_argument("--to-directory", type=Path, metavar="DIR", help="one file a delivery")
    to.add_argument(
        "--to-command", metavar="COMMAND", help="run for each, JSON on its standard input; status 0: handled"
    )
    to.add_argument("--to-webhook", metavar="URL", help="POST each there, with Idempotency-Key")
    parser.add_argument(
        "--handled-is-deleted",
        action="store_true",
        help="that a deletion was handled means that the copies are deleted: acknowledge it",
    )
