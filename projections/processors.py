"""Where each read model is: `follow.processors`, one row for each shard that it is folded in.

A position moves in the transaction that changes the shard's rows, and from where it was found only: so the effect of
every event is exactly once, however many processes fold and wherever one dies. What cannot be folded stops its own
processor, and no other.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, LiteralString, NamedTuple, Protocol
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from ..domain.disclosure import Followed
from .projection import Projection, Tables, search, version_of
from .shards import Shard

TABLE = "follow.processors"
FOLDED = "folded"
"""What the database notifies of (LISTEN) when read models took something in."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries of what cannot be folded, at most; the first pause is a second, each is twice the last."""


class Lease(Protocol):
    """The right to do some work, or shares of it, for as long as it is held."""

    def hold(self, db: Connection[TupleRow], shares: int = 1) -> frozenset[int]:
        """Keep what it has, take what is free, give back what is more than a fair part; those it has."""
        ...

    def keeps(self, db: Connection[TupleRow], share: int = 0) -> bool:
        """In a transaction: whether nobody took that share since. Nobody takes it before the transaction ends."""
        ...

    def renew(self, db: Connection[TupleRow]) -> bool:
        """Within work that may take long, as often as one likes: what it has stays its own. Whether it has anything
        still."""
        ...

    def give_back(self, db: Connection[TupleRow]) -> None:
        """Another need not wait until it ends."""
        ...


class Digests(Protocol):
    """What says whether a row says rightly where somebody goes on."""

    def of(self, table: str, *columns: object) -> bytes:
        """The digest of a row of that table with these columns."""
        ...

    def fits(self, digest: bytes, table: str, *columns: object) -> bool:
        """Whether a row is as it was written."""
        ...


class Deposed(Exception):
    """Another folds this shard now."""


class HowFar(NamedTuple):
    """One processor, and how far it is."""

    name: str
    shard: Shard
    position: int
    tries: int
    """How often what comes next could not be folded."""
    version: str
    """What its tables are made from."""


class Stopped(NamedTuple):
    """A processor that cannot fold what comes next."""

    name: str
    shard: int
    position: int
    """The last that it took in."""
    since: datetime
    why: str
    """The class of the error and where in the code it was raised, never its words."""
    tries: int


class Reach(Enum):
    """Whether read models took in a position."""

    THERE = auto()
    COMING = auto()
    STANDING = auto()
    """One stopped before it, so that it is not known when it comes."""


class Lag(NamedTuple):
    """How far a read model is behind: in positions of the log."""

    projection: str
    position: int
    behind: int


def places(
    db: Connection[TupleRow], digests: Digests, versions: Mapping[str, str], live: bool = True, waiting: bool = False
) -> list[HowFar]:
    """The processors of these versions (by name), but for those that wait to be tried again, unless those too are
    asked for; and but for those of which the row is not as it was written: nobody knows where they are."""
    about = {"names": list(versions), "versions": list(versions.values()), "live": live, "waiting": waiting}
    found: list[HowFar] = []
    for name, shard, of, position, tries, version, digest, before in db.execute(_PLACES, about):
        place = HowFar(name, Shard(shard, of), position, tries, version)
        if before or digests.fits(digest, TABLE, *_columns(place, live)):
            found.append(place)
    return found


def make_places(
    db: Connection[TupleRow], digests: Digests, projection: Projection, shards: int, live: bool = True
) -> None:
    """At the beginning of the log, in so many shards."""
    name, version = projection.name, version_of(projection)
    for shard in range(shards):
        digest = digests.of(TABLE, *_columns(HowFar(name, Shard(shard, shards), 0, 0, version), live))
        db.execute(_MAKE, (name, live, shard, shards, version, digest))


def name_version(db: Connection[TupleRow], digests: Digests, name: str, version: str) -> None:
    """Say what its tables were made from, where that is not known yet."""
    for place in places(db, digests, {name: ""}, waiting=True):
        _write(db, digests, place._replace(version=version), live=True, of="live")


def put_live(db: Connection[TupleRow], digests: Digests, projection: Projection) -> None:
    """What was folded beside the live one takes its place. In a transaction."""
    name = projection.name
    beside = places(db, digests, {name: version_of(projection)}, live=False)
    db.execute("DELETE FROM follow.processors WHERE name = %s AND live", (name,))
    for place in beside:
        _write(db, digests, place, live=True, of="NOT live")


def _write(db: Connection[TupleRow], digests: Digests, place: HowFar, live: bool, of: LiteralString) -> None:
    digest = digests.of(TABLE, *_columns(place, live))
    db.execute(
        f"UPDATE follow.processors SET live = %s, version = %s, digest = %s WHERE name = %s AND {of} AND shard = %s",
        (live, place.version, digest, place.name, place.shard.number),
    )


def fold(
    db: Connection[TupleRow],
    place: HowFar,
    projection: Projection,
    events: Sequence[Followed],
    upto: int,
    schema: str,
    lease: Lease | None,
    digests: Digests,
    live: bool = True,
) -> None:
    """Take these events in, and move on to `upto`, in one transaction. Raises Deposed, where the shard is another's, or
    not where it was."""
    with db.transaction():
        if lease is not None and not lease.keeps(db, place.shard.number):
            raise Deposed(place.name)
        digest = digests.of(TABLE, *_columns(place._replace(position=upto), live))
        if not db.execute(_MOVE, _about(place, live, upto=upto, digest=digest)).rowcount:
            raise Deposed(place.name)
        if events:
            search(db, schema)
            with Tables(db) as cursor:
                cursor.shard = place.shard
                projection.fold(cursor, events)


def stop(db: Connection[TupleRow], place: HowFar, why: str) -> int:
    """Remember that what comes next could not be folded; how often that was so."""
    row = db.execute(_STOP, _about(place, True, why=why, longest=LONGEST_PAUSE)).fetchone()
    return int(row[0]) if row else 0


def stopped(db: Connection[TupleRow]) -> list[Stopped]:
    """Every processor that stands still because it cannot fold what comes next, since when and why."""
    with db.cursor(row_factory=class_row(Stopped)) as cursor:
        return cursor.execute(
            "SELECT name, shard, position, stopped_at AS since, why, tries FROM follow.processors"
            " WHERE live AND stopped_at IS NOT NULL ORDER BY name, shard"
        ).fetchall()


def positions(db: Connection[TupleRow], names: Collection[str]) -> dict[str, int]:
    """What each read model took in, with all its shards."""
    return dict(
        db.execute(
            "SELECT name, min(position) FROM follow.processors WHERE live AND name = ANY(%s) GROUP BY name ORDER BY 1",
            (list(names),),
        ).fetchall()
    )


def wait_for(
    db: Connection[TupleRow], position: int, projections: Iterable[str], seconds: float, case: UUID | None = None
) -> bool:
    """Wait until these read models have taken in a position, whole or with the shard of one case; whether they did
    before the time ran out. One that is stopped before it is not waited for."""
    give_up = time.monotonic() + seconds
    names = list(projections)
    while (now := reach(db, position, names, case)) is Reach.COMING and time.monotonic() <= give_up:
        time.sleep(0.01)
    return now is Reach.THERE


def reach(db: Connection[TupleRow], position: int, projections: Sequence[str], case: UUID | None = None) -> Reach:
    """Whether these read models have taken in a position now, whole or with the shard of one case."""
    row = db.execute(_REACHED, {"names": list(projections), "position": position, "case": case}).fetchone()
    there, standing = row or (0, False)
    if there == len(projections):
        return Reach.THERE
    return Reach.STANDING if standing else Reach.COMING


def _columns(place: HowFar, live: bool) -> tuple[object, ...]:
    return place.name, live, place.shard.number, place.shard.of, place.version, place.position


def _about(place: HowFar, live: bool, **more: object) -> dict[str, Any]:
    return {"name": place.name, "live": live, "shard": place.shard.number, "before": place.position, **more}


_PLACES = """
    SELECT p.name, p.shard, p.shards, p.position, p.tries, p.version, p.digest,
      (SELECT positions_under IS NULL FROM delivery.reached)
      FROM follow.processors p
      JOIN unnest(%(names)s::text[], %(versions)s::text[]) AS known (name, version) USING (name, version)
     WHERE p.live = %(live)s AND (%(waiting)s OR p.again_at IS NULL OR p.again_at <= clock_timestamp())
     ORDER BY p.name, p.shard
"""
_MAKE = (
    "INSERT INTO follow.processors (name, live, shard, shards, version, digest) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_THIS = " WHERE name = %(name)s AND live = %(live)s AND shard = %(shard)s AND position = %(before)s"
_MOVE = (
    "UPDATE follow.processors SET position = %(upto)s, digest = %(digest)s, stopped_at = NULL, why = NULL, tries = 0,"
    " again_at = NULL" + _THIS
)
_STOP = (
    "UPDATE follow.processors SET stopped_at = coalesce(stopped_at, clock_timestamp()), why = %(why)s,"
    " tries = tries + 1,"
    " again_at = clock_timestamp() + least(2.0 ^ least(tries, 30), %(longest)s) * interval '1 second'"
    + _THIS
    + " RETURNING tries"
)
_REACHED = """
    SELECT count(*) FILTER (WHERE there), coalesce(bool_or(standing), false) FROM (
      SELECT bool_and(position >= %(position)s AND how IS NULL) AS there,
             bool_or(how IS NOT NULL OR (position < %(position)s AND stopped_at IS NOT NULL)) AS standing
        FROM follow.processors p LEFT JOIN follow.unfit u
          ON u.of_table = 'follow.processors' AND u.of_row = p.name || ' live ' || p.shard AND u.how = 'stands'
       WHERE live AND name = ANY(%(names)s)
         AND (%(case)s::uuid IS NULL OR shard = follow.shard_of(%(case)s, shards)) GROUP BY name) each
"""
