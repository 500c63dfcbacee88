"""How far each webhook is: `delivery.webhooks`.

The keeper of the register changes a row by what the log says, in the transaction in which it counts the event as
followed. A sender takes rows for a while under a lease of its own, and whatever it writes holds only while that lease
does: a webhook that is set anew, replayed or removed takes the lease away, and a sender that was halted and wakes up
changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import TupleRow

from ...consumers.wire.envelope import Message
from ...domain import webhook as w
from ...domain.fact import AgencyCode, Fact
from ..database import Pool, brief
from ..delivery.sent import Sendings, of_messages
from ..positions import BEFORE, WEBHOOKS, Positions

LEASE_SECONDS = 5.0
"""What a sender had that was killed, or halted, is taken over after this. It is renewed while an attempt goes on."""


LONGEST_SECONDS = 7 * 86_400
"""No pause, and no lease, is as long."""


class Claim(NamedTuple):
    """A webhook to post to, and how far it is. `previous` is the registration whose secret signs too, 0 for none."""

    agency: AgencyCode
    registration: int
    previous: int
    sent: int
    failures: int
    lease: UUID


class WebhookAt(NamedTuple):
    """Where a webhook is: all that its digest is of."""

    registration: int
    previous: int
    set_at: datetime
    active: bool
    sent: int


class Progress(NamedTuple):
    """How far a webhook is, for who looks."""

    sent: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    outcome: str
    last_at: datetime | None


def follow(
    db: Connection[TupleRow],
    positions: Positions,
    agency: AgencyCode,
    event: Fact,
    version: int,
    position: int,
    at: datetime,
) -> None:
    """Take in an event of an agency's webhook, which is of that version, stands there and was recorded then. What the
    agency was told by later events may be on record already, where they are taken in together."""
    row = db.execute(f"{_PLACE} WHERE agency = %s FOR UPDATE", (agency,)).fetchone()
    before = _place(positions, agency, row)
    match event:
        case w.WebhookSet():
            sent, previous = (before.sent, before.registration) if before else (0, 0)
            _write(db, positions, agency, WebhookAt(version, previous, at, True, sent), _AT_ONCE)
        case w.WebhookRemoved() if before:
            _write(db, positions, agency, before._replace(registration=0, active=False), _AT_ONCE)
        case w.WebhookDisabled() if before:
            _write(db, positions, agency, before._replace(active=False), _GIVEN_BACK)
        case w.WebhookEnabled() if before:
            _write(db, positions, agency, before._replace(active=True), _AT_ONCE)
        case w.WebhookReplayed() if before:
            (upto,) = db.execute(_TOLD_BEFORE, (agency, position)).fetchone() or (0,)
            _write(db, positions, agency, before._replace(sent=min(event.after, upto)), _AT_ONCE)


def begin_anew(
    db: Connection[TupleRow], positions: Positions, agency: AgencyCode, webhook: w.Webhook, at: datetime
) -> None:
    """Post to a webhook, which was set then, from the first delivery on: nobody knows how far it was. Whoever receives
    knows each by its id."""
    place = WebhookAt(webhook.registration, 0, at, webhook.disabled is None, 0)
    _write(db, positions, agency, place, _AT_ONCE)


def _place(positions: Positions, agency: AgencyCode, row: TupleRow | None) -> WebhookAt | None:
    """Where a webhook is. Of a row that is not as it was written, what was; where nobody knows that, from the first
    delivery on."""
    if row is None:
        return None
    *columns, digest, before = row
    if before or positions.fits(digest, WEBHOOKS.name, agency, *columns):
        return WebhookAt(*columns)
    right = positions.right(digest, WEBHOOKS.name, agency, *columns)
    return WebhookAt(*right[1:]) if right and right[0] == agency else WebhookAt(*columns)._replace(sent=0)  # type: ignore[arg-type]


def _write(
    db: Connection[TupleRow], positions: Positions, agency: AgencyCode, place: WebhookAt, and_: LiteralString
) -> None:
    digest = positions.of(WEBHOOKS.name, agency, *place)
    db.execute(
        "INSERT INTO delivery.webhooks (agency, registration, previous, set_at, active, sent, digest)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (agency) DO UPDATE SET registration = excluded.registration,"
        " previous = excluded.previous, set_at = excluded.set_at, active = excluded.active, sent = excluded.sent,"
        f" digest = excluded.digest, {and_}",
        (agency, *place, digest),
    )


class Rows:
    """The table, for senders. Safe to share between threads."""

    def __init__(
        self,
        pool: Pool,
        positions: Positions,
        rotation_seconds: float,
        lease_seconds: float = LEASE_SECONDS,
        sendings: Sendings | None = None,
    ) -> None:
        """A secret that was replaced signs for so long beside its successor. `sendings` is where it is put on record
        that something was posted."""
        self._pool = pool
        self._sendings = sendings
        self._positions = positions
        self._rotation = rotation_seconds
        self.lease_seconds = lease_seconds

    def claim(self, most: int) -> Sequence[Claim]:
        """Take webhooks for which something waits, that are due, and that nobody has; but for those of which the row is
        not as it was written. What says that it is due, or somebody's, for longer than that ever is, is not so."""
        lease = uuid4()
        with self._pool.connection() as db:
            found = db.execute(
                "WITH due AS MATERIALIZED ("
                "  SELECT w.agency FROM delivery.webhooks w JOIN delivery.heads h USING (agency)"
                "  WHERE w.active AND h.sequence > w.sent"
                "   AND (w.next_at <= now() OR w.next_at > now() + %(longest)s * interval '1 s')"
                "   AND (w.leased_until < now() OR w.leased_until > now() + %(longest)s * interval '1 s')"
                "  ORDER BY w.next_at LIMIT %(most)s FOR UPDATE OF w SKIP LOCKED)"
                " UPDATE delivery.webhooks SET lease = %(lease)s, leased_until = now() + %(seconds)s * interval '1 s'"
                " WHERE agency IN (SELECT agency FROM due)"
                f" RETURNING agency, failures, set_at + %(rotation)s * interval '1 s' > now(), {_COLUMNS}",
                {
                    "lease": lease,
                    "seconds": self.lease_seconds,
                    "most": most,
                    "rotation": self._rotation,
                    "longest": LONGEST_SECONDS,
                },
            )
            return [
                Claim(agency, place.registration, place.previous if rotates else 0, place.sent, failures, lease)
                for agency, failures, rotates, *row in found
                if (place := self._whole(agency, row)) is not None
            ]

    def renew(self, claims: Sequence[Claim]) -> None:
        """Keep those that nobody else took, for as long again."""
        with self._pool.connection() as db:
            db.execute(
                "UPDATE delivery.webhooks SET leased_until = now() + %s * interval '1 s' WHERE lease = ANY(%s)"
                " AND agency = ANY(%s)",
                (self.lease_seconds, [claim.lease for claim in claims], [claim.agency for claim in claims]),
            )

    def taken(self, claim: Claim, sequence: int, message: Message | None = None) -> bool:
        """The agency took everything up to this, and now this message, which is put on record as sent also where
        another has the lease by now. Whether the lease holds still, and its row is as it was written; it
        runs anew."""
        with brief(self._pool) as db:
            held = f"{_PLACE} WHERE agency = %s AND lease = %s FOR UPDATE"
            row = db.execute(held, (claim.agency, claim.lease)).fetchone()
            place = self._whole(claim.agency, row) if row is not None else None
            if self._sendings is not None and message is not None:
                self._sendings.write(db, claim.agency, "webhook", of_messages([message]))
            if place is None:
                return False
            digest = self._positions.of(WEBHOOKS.name, claim.agency, *place._replace(sent=sequence))
            db.execute(_TAKEN, (sequence, digest, self.lease_seconds, claim.agency))
        return True

    def _whole(self, agency: AgencyCode, row: Sequence[Any]) -> WebhookAt | None:
        """Where it is; None where the row is not as it was written."""
        *columns, digest, before = row
        is_so = before or self._positions.fits(digest, WEBHOOKS.name, agency, *columns)
        return WebhookAt(*columns) if is_so else None

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
        change = f"UPDATE delivery.webhooks SET next_at = now() + %s * interval '1 s', {_GIVEN_BACK}"
        with self._pool.connection() as db:
            db.execute(f"{change} WHERE agency = %s AND lease = %s", (seconds, claim.agency, claim.lease))


def progress(db: Connection[TupleRow], agency: AgencyCode) -> Progress:
    """How far the agency's webhook is; nothing sent where the register did not follow that far."""
    row = db.execute(
        "SELECT sent, failures, failing_since, nullif(next_at, '-infinity'), outcome, last_at FROM delivery.webhooks"
        " WHERE agency = %s",
        (agency,),
    ).fetchone()
    return Progress(*row) if row else Progress(0, 0, None, None, "", None)


_COLUMNS: LiteralString = f"registration, previous, set_at, active, sent, digest, {BEFORE}"
_PLACE: LiteralString = f"SELECT {_COLUMNS} FROM delivery.webhooks"
_TOLD_BEFORE = (
    "SELECT coalesce((SELECT sequence FROM delivery.told WHERE agency = %s AND at_position < %s"
    " ORDER BY sequence DESC LIMIT 1), 0)"
)
_TAKEN = (
    "UPDATE delivery.webhooks SET sent = %s, digest = %s, failures = 0, failing_since = NULL, outcome = 'taken',"
    " last_at = now(), leased_until = now() + %s * interval '1 s' WHERE agency = %s"
)
_GIVEN_BACK = "lease = NULL, leased_until = '-infinity'"
_AT_ONCE = f"failures = 0, failing_since = NULL, next_at = '-infinity', outcome = '', {_GIVEN_BACK}"
