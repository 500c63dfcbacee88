"""Who knew what, when: an agency was entitled to know something; it was sealed and sent to it; it said that this had
arrived, and was handled. Each from its own record. None is concluded from another, and what no record says is not said.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from ..domain.delivery import Arrival, Reason
from ..domain.disclosure import Written
from ..domain.history import Entitlement, Register, missing_from
from ..domain.sending import Sent, SentOfCase, Transport

CLOCKS = timedelta(minutes=1)
"""What went out as a placeholder so long after it was acknowledged may have before: clocks differ."""

NOTHING_SENT = SentOfCase(())


class SentTo(Struct, frozen=True, omit_defaults=True):
    """It was sealed to a key and sent over a transport, and at `at` the receiver had it: Kafka's broker, who asked for
    a page of the feed, or the webhook, which took it. `key`: the SHA-256 of the public key; absent where not known.
    `last` and `times` where it was sent more than once like this. `empty`: what went out was a placeholder. `found`: it
    was found on the topic at that instant, as who sent it came no further. `vouched`: the log itself says so; else the
    register alone does, as for what was sent a moment ago."""

    at: datetime
    transport: Transport
    key: str = ""
    last: datetime | None = None
    times: int = 1
    empty: bool = False
    found: bool = False
    vouched: bool = False


class Entitled(Struct, frozen=True, omit_defaults=True):
    """From `at` on, the agency was entitled to know these compartments of the event. `sent`: that it was sealed and
    sent; where there is none, that is not on record. `received_at`: it said that this had arrived and been opened, and
    `handled_at` that it was handled; `failed`: why it lies in its dead letters. `own`: the agency wrote it itself.
    `empty`: what went out was a placeholder, as a record was damaged, and brought nothing."""

    compartments: list[str]
    at: datetime
    received_at: datetime | None = None
    handled_at: datetime | None = None
    failed: Reason | None = None
    own: bool = False
    empty: bool = False
    sent: list[SentTo] = []


class RegisterDamage(Struct, frozen=True, omit_defaults=True):
    """Rows of the register of deliveries that are not as they were written: `changed`, their numbers as they stand now;
    so many are `missing`; so many name another case, and may be of this one (`elsewhere`); and `strange`, the numbers
    of those that name no event of the case. What the agency was entitled to may be more than is shown."""

    changed: list[int] = []
    missing: int = 0
    elsewhere: int = 0
    strange: list[int] = []


class SendingsDamage(Struct, frozen=True, omit_defaults=True):
    """Rows of the register of what was sent that are not as they were written (`changed`, by that register's numbers);
    so many are `missing`, which the log says were there; so many are gone or changed and may be of this case
    (`elsewhere`); and at these positions of the log (`unread`) a record that vouches for rows does not open, or is gone
    before it. More may have been sent than is shown."""

    changed: list[int] = []
    missing: int = 0
    elsewhere: int = 0
    unread: list[int] = []


def entitled_of(by: Entitlement, arrival: Arrival, until: datetime, sent: Iterable[Sent] = ()) -> Entitled:
    """An entitlement, with what was sent of it and what the agency had said of it until then."""
    words = sorted(c.word for c in by.compartments)
    if not by.sequence:
        return Entitled(words, by.since, own=True)
    sendings = sent_of(s for s in sent if s.sequence == by.sequence and s.at <= until)
    if sendings and all(s.empty for s in sendings):  # whatever came, brought nothing
        return Entitled(words, by.since, failed=arrival.failed, empty=True, sent=sendings)
    received, empty_since = arrival.received_at, by.empty_since
    if empty_since is not None and empty_since <= (until if received is None else received + CLOCKS):
        return Entitled(words, by.since, failed=arrival.failed, empty=True, sent=sendings)
    return Entitled(words, by.since, received, arrival.handled_at, arrival.failed, sent=sendings)


def sent_of(sendings: Iterable[Sent]) -> list[SentTo]:
    """These sendings of one delivery, those that differ in nothing but the time as one."""
    alike: dict[tuple[object, ...], list[Sent]] = {}
    for s in sendings:
        alike.setdefault((s.transport, s.key, bool(s.compartments), s.found), []).append(s)
    return [_together(its) for its in alike.values()]


def _together(its: Sequence[Sent]) -> SentTo:
    first = its[0]
    return SentTo(
        first.at,
        first.transport,
        first.key,
        its[-1].at if len(its) > 1 else None,
        len(its),
        not first.compartments,
        first.found,
        all(s.vouched for s in its),
    )


def damage_of(register: Register, events: Sequence[Written], sent: SentOfCase = NOTHING_SENT) -> RegisterDamage | None:
    """What of the register does not fit, to itself, to what was sent or to the log; None where all does."""
    positions = {w.position for w in events}
    strange = sorted(e.sequence for e in register.entitled if e.position not in positions)
    found = RegisterDamage(list(register.changed), missing_from(register, sent), register.elsewhere, strange)
    return None if found == RegisterDamage() else found


def damage_of_sendings(of: SentOfCase) -> SendingsDamage | None:
    """The same, of the register of what was sent."""
    found = SendingsDamage(list(of.changed), of.missing, of.elsewhere, list(of.unread))
    return None if found == SendingsDamage() else found
