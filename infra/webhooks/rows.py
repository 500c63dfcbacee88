"""How far each webhook is: `delivery.webhooks`.

The keeper of the register changes a row by what the log says, in the transaction in which it counts the event as
followed. A sender takes rows for a while under a lease of its own, and whatever it writes holds only while that lease
does: a webhook that is set anew, replayed or removed takes the lease away, and a sender that was halted and wakes up
changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from ...domain import webhook as w
from ...domain.fact import AgencyCode, Fact
from ..database import Pool

LEASE_SECONDS = 5.0
"""What a sender had that was killed, or halted, is taken over after this. It is renewed while an attempt goes on."""


class Claim(NamedTuple):
    """A webhook to post to, and how far it is. `previous` is the registration whose secret signs too, 0 for none."""

    agency: AgencyCode
    registration: int
    previous: int
    sent: int
    failures: int
    lease: UUID


class Progress(NamedTuple):
    """How far a webhook is, for who looks."""

    sent: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    outcome: str
    last_at: datetime | None


def follow(
    db: Connection[TupleRow], agency: AgencyCode, event: Fact, version: int, position: int, at: datetime
) -> None:
    """Take in an event of an agency's webhook, which is of that version, stands there and was recorded then. What the
    agency was told by later events may be on record already, where they are taken in together."""
    match event:
        case w.WebhookSet():
            db.execute(
                "INSERT INTO delivery.webhooks (agency, registration, set_at, active) VALUES (%s, %s, %s, true)"
                " ON CONFLICT (agency) DO UPDATE SET previous = webhooks.registration,"
                f" registration = excluded.registration, set_at = excluded.set_at, active = true, {_AT_ONCE}",
                (agency, version, at),
            )
        case w.WebhookRemoved():
            db.execute(
                f"UPDATE delivery.webhooks SET registration = 0, active = false, {_AT_ONCE} WHERE agency = %s",
                (agency,),
            )
        case w.WebhookDisabled():
            db.execute(f"UPDATE delivery.webhooks SET active = false, {_GIVEN_BACK} WHERE agency = %s", (agency,))
        case w.WebhookEnabled():
            db.execute(f"UPDATE delivery.webhooks SET active = true, {_AT_ONCE} WHERE agency = %s", (agency,))
        case w.WebhookReplayed():
            db.execute(
                "UPDATE delivery.webhooks SET sent = least(%s, coalesce((SELECT sequence FROM delivery.told t"
                " WHERE t.agency = webhooks.agency AND t.at_position < %s ORDER BY sequence DESC LIMIT 1), 0)),"
                f" {_AT_ONCE} WHERE agency = %s",
                (event.after, position, agency),
            )


class Rows:
    """The table, for senders. Safe to share between threads."""

    def __init__(self, pool: Pool, rotation_seconds: float, lease_seconds: float = LEASE_SECONDS) -> None:
        """A secret that was replaced signs for so long beside its successor."""
        self._pool = pool
        self._rotation = rotation_seconds
        self.lease_seconds = lease_seconds

    def claim(self, most: int) -> Sequence[Claim]:
        """Take webhooks for which something waits, that are due, and that nobody has."""
        lease = uuid4()
        with self._pool.connection() as db:
            found = db.execute(
                "WITH due AS MATERIALIZED ("
                "  SELECT w.agency FROM delivery.webhooks w JOIN delivery.heads h USING (agency)"
                "  WHERE w.active AND h.sequence > w.sent AND w.next_at <= now() AND w.leased_until < now()"
                "  ORDER BY w.next_at LIMIT %(most)s FOR UPDATE OF w SKIP LOCKED)"
                " UPDATE delivery.webhooks SET lease = %(lease)s, leased_until = now() + %(seconds)s * interval '1 s'"
                " WHERE agency IN (SELECT agency FROM due)"
                " RETURNING agency, registration, CASE WHEN set_at + %(rotation)s * interval '1 s' > now()"
                "  THEN previous ELSE 0 END, sent, failures",
                {"lease": lease, "seconds": self.lease_seconds, "most": most, "rotation": self._rotation},
            )
            return [
                Claim(agency, registration, previous, sent, failures, lease)
                for agency, registration, previous, sent, failures in found
            ]

    def renew(self, claims: Sequence[Claim]) -> None:
        """Keep those that nobody else took, for as long again."""
        with self._pool.connection() as db:
            db.execute(
                "UPDATE delivery.webhooks SET leased_until = now() + %s * interval '1 s' WHERE lease = ANY(%s)"
                " AND agency = ANY(%s)",
                (self.lease_seconds, [claim.lease for claim in claims], [claim.agency for claim in claims]),
            )

    def taken(self, claim: Claim, sequence: int) -> bool:
        """The agency took everything up to this. Whether the lease holds still; it runs anew."""
        return self._change(
            claim,
            "sent = %s, failures = 0, failing_since = NULL, outcome = 'taken', last_at = now(),"
            " leased_until = now() + %s * interval '1 s'",
            sequence,
            self.lease_seconds,
        )

    def failed(self, claim: Claim, outcome: str, seconds: float) -> float:
        """An attempt failed; the next is due in so many seconds. For how many seconds it has failed; 0 where the lease
        does not hold any more."""
        with self._pool.connection() as db:
            row = db.execute(
                "UPDATE delivery.webhooks SET failures = failures + 1, failing_since = coalesce(failing_since, now()),"
                f" outcome = %s, last_at = now(), next_at = now() + %s * interval '1 s', {_GIVEN_BACK}"
                " WHERE agency = %s AND lease = %s"
                " RETURNING extract(epoch FROM now() - failing_since)",
                (outcome, seconds, claim.agency, claim.lease),
            ).fetchone()
        return float(row[0]) if row else 0.0

    def leave(self, claim: Claim, seconds: float = 0.0) -> None:
        """Give it back; it is due again in so many seconds."""
        self._change(
            claim,
            f"next_at = now() + %s * interval '1 s', {_GIVEN_BACK}",
            seconds,
        )

    def _change(self, claim: Claim, change: str, *values: object) -> bool:
        with self._pool.connection() as db:
            changed = db.execute(
                f"UPDATE delivery.webhooks SET {change} WHERE agency = %s AND lease = %s",
                (*values, claim.agency, claim.lease),
            )
            return changed.rowcount == 1


def progress(db: Connection[TupleRow], agency: AgencyCode) -> Progress:
    """How far the agency's webhook is; nothing sent where the register did not follow that far."""
    row = db.execute(
        "SELECT sent, failures, failing_since, nullif(next_at, '-infinity'), outcome, last_at FROM delivery.webhooks"
        " WHERE agency = %s",
        (agency,),
    ).fetchone()
    return Progress(*row) if row else Progress(0, 0, None, None, "", None)


_GIVEN_BACK = "lease = NULL, leased_until = '-infinity'"
_AT_ONCE = f"failures = 0, failing_since = NULL, next_at = '-infinity', outcome = '', {_GIVEN_BACK}"
