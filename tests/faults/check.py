"""The check at the end: every agency handled exactly what the register says it was told, once in effect, in order per
case, and shown no more of it; that is what it was entitled to; nobody else could open any of it; and nothing that was
acknowledged to who wrote it is lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from uuid import UUID

from rujukan.consumers.wire.envelope import CannotOpen, Opener, Rejected
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.delivery import Cursor
from rujukan.domain.disclosure import delivery_id
from rujukan.infra import composition
from rujukan.infra.database import SERVICE
from rujukan.infra.delivery.cursors import LOST
from rujukan.infra.delivery.rows import from_bits
from rujukan.infra.demo.inboxes import entitled
from rujukan.infra.keys import names
from rujukan.infra.node import Node

from .poison import Raw, read
from .world import Handled, World

MANY = 10_000_000
FORGERIES = {"not-ours", "bad-signature"}


def expected(world: World) -> dict[str, set[str]]:
    """Agency → the ids of what it is to be told, as the register has it, once that is as far as the log is."""
    with composition.follower(world.settings) as source, source.store.pool.connection() as db:
        log = source.store.head()
        assert source.head() >= log, "nobody keeps the register"
        rows = db.execute("SELECT agency, array_agg(id::text) FROM delivery.told GROUP BY agency").fetchall()
    found = {agency: set(ids) for agency, ids in rows}  # the service is told what it wrote itself, and receives nothing
    return {agency: found.get(agency, set()) for agency in world.keys}


def check_register(world: World) -> int:
    """What the register has of each case of which no other rule was asked is what today's rule works out of the log,
    but for numbers that were kept free where something was damaged, what was told anew once that was repaired, and what
    is lost for good. Returns how many such numbers there are."""
    with composition.follower(world.settings) as source, source.store.pool.connection() as db:
        by_agency = entitled(source.store, set(world.keys), but=world.told_otherwise)
        rows = db.execute(
            "SELECT agency, position, compartments, id FROM delivery.told"
            " WHERE agency = ANY(%s) AND NOT case_id = ANY(%s) AND stream <> %s",
            (list(world.keys), list(world.told_otherwise), LOST),
        ).fetchall()
        gaps = db.execute("SELECT agency, position, sequence, told_again IS NOT NULL FROM delivery.gaps").fetchall()
    assert all(again for *_, again in gaps), "what could not be opened was not told anew"
    by_rule = {id for ids in by_agency.values() for id in ids}
    kept_free = {id for _, _, compartments, id in rows if not compartments}
    numbers: dict[tuple[str, int], list[int]] = {}
    for agency, position, sequence, _ in gaps:
        numbers.setdefault((agency, position), []).append(sequence)
    anew = {
        id
        for agency, position, compartments, id in rows
        for number in numbers.get((agency, position), ())
        if id == delivery_id(agency, position, from_bits(compartments), again=number)
    }
    told = {str(id) for *_, id in rows if id not in kept_free | anew}
    assert not by_rule - told, f"the register lacks {len(by_rule - told)} that the rule says"
    assert not told - by_rule, f"the register has {len(told - by_rule)} that the rule does not say"
    return len(kept_free)


def check_shown(world: World, random: Random, most: int | None = None) -> int:
    """Nobody was shown more of an event than it was told. And all that was told, sealed again now (of each agency so
    many, and everything that was recalled), shows nothing that had to be deleted since. Returns how much was sealed
    again."""
    again = 0
    with Node(world.settings, names.PUBLISHER, 4, SERVICE) as node:
        for agency, key in world.keys.items():
            rows = {t.sequence: t for t in node.tellings.after(agency, Cursor(0), MANY)}
            for handled in world.handled(agency):
                if rows[handled.sequence].stream == LOST:
                    continue  # nobody knows any more what it was
                may = {c.word for c in from_bits(rows[handled.sequence].compartments)}
                assert set(handled.shown.split()) <= may, f"{agency} was shown more than it was told"
            recalled = [t for t in rows.values() if t.recalled]
            some = random.sample([*rows.values()], min(most, len(rows))) if most is not None else [*rows.values()]
            opener = Opener([key], [world.service_key])
            for telling in {t.sequence: t for t in (*recalled, *some)}.values():
                (message,) = node.tellings.seal([telling])
                shown = set(opener.open(message.headers, message.key, message.value).compartments)
                assert shown <= {c.word for c in telling.told()}, f"{agency} is shown again what it had to delete"
                again += 1
    return again


def missing(world: World, due: dict[str, set[str]]) -> dict[str, int]:
    """Agency → how many it has not handled yet; of those that have not handled all."""
    left = {agency: len(ids - {row.id for row in world.handled(agency)}) for agency, ids in due.items()}
    return {agency: count for agency, count in left.items() if count}


def check_inboxes(world: World, due: dict[str, set[str]]) -> int:
    """Exactly these, once, in the order in which the register tells them. Returns how many were handled."""
    for agency, ids in due.items():
        rows = world.handled(agency)
        twice = [id for id, times in Counter(row.id for row in rows).items() if times > 1]
        assert not twice, f"{agency} handled {len(twice)} twice"
        handled = {row.id for row in rows}
        assert not ids - handled, f"{agency} did not handle {len(ids - handled)} that it is entitled to"
        assert not handled - ids, f"{agency} handled {len(handled - ids)} that it is not entitled to"
        check_order(agency, rows, told(world, agency))
        gaps = world.rows(agency, "SELECT * FROM rujukan_gap")
        assert not gaps, f"{agency} goes without {gaps}"
    return sum(map(len, due.values()))


def check_order(agency: str, rows: Sequence[Handled], told: Sequence[tuple[str, str | None]]) -> None:
    """As the register has it: 1, 2, 3 … without gaps, and each case in its order."""
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1)), f"{agency} handled out of order"
    assert [row.id for row in rows] == [id for id, _ in told], f"{agency} handled another order than it was told"
    cases = [(row.case, case) for row, (_, case) in zip(rows, told, strict=True) if case is not None]
    assert all(case == of for case, of in cases), f"{agency} handled as of another case than it was told"


def told(world: World, agency: str) -> list[tuple[str, str | None]]:
    """(id, case) of what the register says the agency was told, each case's in the case's own order. No case where the
    register does not know it any more, as it is lost."""
    with composition.follower(world.settings) as source, source.store.pool.connection() as db:
        rows = db.execute(
            "SELECT id::text, case_id::text, case_sequence, stream = %s FROM delivery.told WHERE agency = %s"
            " ORDER BY sequence",
            (LOST, agency),
        ).fetchall()
    count: Counter[str] = Counter()
    for _, case, number, _ in rows:
        count[case] += 1
        assert number == count[case], f"the register numbers {agency}'s case {case} otherwise than in order"
    return [(id, None if is_lost else case) for id, case, _, is_lost in rows]


def check_dead_letters(world: World) -> int:
    """What lies in the dead letters the service did not sign. Returns how many lie there."""
    reasons: Counter[str] = Counter()
    for agency in world.keys:
        reasons.update(reason for (reason,) in world.rows(agency, "SELECT reason FROM rujukan_dead_letter"))
    assert set(reasons) <= FORGERIES, f"deliveries that could not be handled: {dict(reasons)}"
    return sum(reasons.values())


def check_sealed(world: World, random: Random, most: int | None = None) -> int:
    """No key but the agency's own opens what is in its topic. Tries every other agency's on every message, or on
    so many of each topic. Returns how many times a key was tried."""
    tried = 0
    for agency in world.keys:
        messages = read(world, agency)
        some = messages if most is None or len(messages) <= most else random.sample(messages, most)
        tried += sum(_try(raw, world) for raw in some)
    return tried


def _try(raw: Raw, world: World) -> int:
    opener = Opener([], [world.service_key])
    try:
        attributes = opener.verified(raw.headers, raw.key, raw.value)
    except Rejected:
        return 0  # poison
    for other, key in world.keys.items():
        opener.keys = {attributes.keyid: key}
        try:
            opener.unseal(attributes, raw.value)
        except CannotOpen:
            assert other != attributes.subject, f"{other} cannot open its own"
            continue
        assert other == attributes.subject, f"{other} opened what was sealed to {attributes.subject}"
    return len(world.keys) - 1


def check_log(world: World, written: dict[str, int]) -> None:
    """What was acknowledged to writers is in the log, where it was said to be, once."""
    with composition.follower(world.settings) as source:
        stored = [
            (str(followed.written.event.note), followed.written.position)
            for page in source.pages(0)
            for followed in page
            if isinstance(followed.written.event, NoteRecorded)
        ]
    assert len(stored) == len({note for note, _ in stored}), "a command had its effect twice"
    gone = {note for note, position in written.items() if any(position in lost for lost in world.lost)}
    assert not gone & dict(stored).keys(), "something that was lost for good is there"
    lost = {note: at for note, at in written.items() if note not in gone}.items() - dict(stored).items()
    assert not lost, f"{len(lost)} that were acknowledged are not in the log"


def repeats(world: World, agencies: Iterable[str]) -> int:
    """How many messages in these topics are there again."""
    found = 0
    for agency in agencies:
        ids = Counter(dict(raw.headers).get("ce_id", b"") for raw in read(world, agency))
        found += sum(times - 1 for id, times in ids.items() if _is_uuid(id))
    return found


def _is_uuid(text: bytes) -> bool:
    try:
        return bool(UUID(text.decode()))
    except ValueError:
        return False
