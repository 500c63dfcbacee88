"""`rujukan forks`: whether the history in the database goes on from what was signed and told; if not, what lies
elsewhere that it lacks."""

import argparse
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from ..settings import Settings


def run(settings: Settings, said: argparse.Namespace) -> int:
    """Print it. The status is 0 where it does."""
    from .. import composition
    from ..store.forked import Forked
    from ..system import running

    settings = running(settings)
    with composition.follower(settings) as source, source.store.pool.connection() as db:
        with suppress(Forked):
            composition.forks(settings).check(db)
        lines = [*_signed(settings, db), *_told(settings, db)]
        found = db.execute("SELECT found_by, why, since FROM ledger.forks ORDER BY since").fetchall()
        joined = db.execute("SELECT of FROM ledger.joinings WHERE origin = %s", (settings.ledger_origin,)).fetchone()
    if joined is not None:
        print(
            f"the log {settings.ledger_origin} goes on from {joined[0]}, which ended: rujukan ledger joining says how"
        )
    for by, why, since in found:
        print(f"{since:%Y-%m-%d %H:%M}  found by {by}: {why}")
    if lines:
        print("\n".join(("what this database lacks, or has otherwise:", *lines)))
    if not found and not lines:
        print("the history in the database goes on from all that is known outside of it")
        return 0
    print("restore the newest state there is; until then nothing is stored, sealed or told")
    return 1


def _signed(settings: Settings, db: Any) -> Iterator[str]:
    from ...consumers.evidence.checkpoints import parse_checkpoint
    from ..ledger.guard import Guard, NotExtended

    try:
        signed = Guard(settings.ledger_guard).last()
    except NotExtended as problem:
        yield f"  {problem}"
        return
    if signed is None:
        return
    head = parse_checkpoint(signed.text)
    (sealed,) = db.execute("SELECT coalesce(max(size), 0) FROM ledger.checkpoints").fetchone()
    if head.origin == settings.ledger_origin and head.size > sealed:
        yield f"  events: {head.size} were signed, {sealed} are sealed here, {head.size - sealed} are lacking"


def _told(settings: Settings, db: Any) -> Iterator[str]:
    """Of each agency whose topic can be read, what that ends with."""
    if not settings.kafka:
        yield "  no Kafka is named, so no topic was looked at"
        return
    from kafka.errors import KafkaError

    from ...consumers.publishing.tails import tails
    from ...consumers.wire.kafka import clients, topics
    from ...consumers.wire.kafka.access import options
    from ...projections import directory
    from .. import composition
    from ..kafka.access import service_access

    access = service_access(settings)
    heads = dict(db.execute("SELECT agency, sequence FROM delivery.heads").fetchall())
    try:
        with closing(clients.admin(**topics.ADMIN, **options(access))) as admin:
            wanted = directory.subscribers(db)
            there = [agency for agency in wanted if agency in topics.identities(admin, wanted)]
            ends = tails(access, admin, there, composition.service_key(settings)) if there else {}
    except KafkaError as problem:
        yield f"  no topic was looked at: {type(problem).__name__}"
        return
    for agency, end in sorted(ends.items()):
        row = db.execute(
            "SELECT id::text FROM delivery.told WHERE agency = %s AND sequence = %s", (agency, end.sequence)
        ).fetchone()
        if end.sequence and (row is None or row[0] != end.id):
            at = "which is none here" if row is None else "which is another here"
            yield f"  {agency}: told up to number {end.sequence}, {at}; the register goes to {heads.get(agency, 0)}"
