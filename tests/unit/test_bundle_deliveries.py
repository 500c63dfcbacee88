"""Who knew what when, in a bundle: what the log vouches for is neither more nor less than it says."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
import test_bundle_attacks as attacks
from test_bundle_attacks import CASE, NOON, OTHER, POLICY, SPACE, C, Made, Row, make, refused, shown

from rujukan.consumers.evidence import bundle_deliveries as d
from rujukan.consumers.evidence import bundle_parts as b
from rujukan.consumers.evidence.bundles import verify_bundle
from rujukan.consumers.evidence.sendings import Sending, digest_of, pseudonym
from rujukan.domain import delivery
from rujukan.domain.delivery import Acknowledged, Failure

AGENCY = "rsud"
SENDING = Sending(
    7, 3, str(UUID(int=9)), 1, ("coordination",), "kafka", "ab" * 32, False, "2026-03-03T12:00:01.000000+00:00"
)
LINES = (SENDING, SENDING._replace(number=9, position=3, found=True, key="-"), SENDING._replace(number=12))
WHOLE = {name: [] if shape == [int] else 0 for name, shape in d.DAMAGE.items()}
ACKNOWLEDGED = {"agency": AGENCY, "received": 3, "handled": 2, "failed": [], "recovered": []}


def vouching() -> dict[str, Any]:
    """What the log says of the numbers from 5 to 10, two of them of this case; the third came later."""
    of = {"case": pseudonym(AGENCY, CASE), "rows": 2, "digest": digest_of(AGENCY, CASE, LINES[:2])}
    other = {"case": pseudonym(AGENCY, OTHER), "rows": 4, "digest": "0" * 64}
    return {"agency": AGENCY, "since": 5, "upto": 10, "sendings": [other, of], "gone": []}


def told(change: Callable[[Any], object] = lambda said: None, vouched: Any = None) -> Made:
    """An honest bundle, or one in which its operator says something else of deliveries."""
    log = attacks.told()
    streams = uuid5(SPACE, "sendings"), uuid5(SPACE, "acknowledged")
    rows = [
        Row(streams[0], 1, d.SENDINGS_TOPIC, {C.COORDINATION: vouched or vouching()}),
        Row(streams[1], 1, d.ACKNOWLEDGED_TOPIC, {C.COORDINATION: ACKNOWLEDGED}),
    ]
    log = attacks.Log((*log.rows[:4], *rows, *log.rows[4:]), log.disclosed, documents=log.documents)
    states: dict[int, bytes] = {}
    with pytest.MonkeyPatch.context() as once:  # a record sealed again has other salts
        seal = attacks.sealed
        once.setattr(attacks, "sealed", lambda leaf, row: states.setdefault(leaf, seal(leaf, row)))
        made = make(log)
    said: dict[str, Any] = {
        "agencies": [
            {
                "agency": AGENCY,
                "entitled": [
                    {"sequence": 3, "by": 1, "of": 1, "since": NOON.isoformat(), "compartments": ["coordination"]}
                ],
                "sent": [sending.line for sending in LINES],
                "not_whole": dict(WHOLE),
            }
        ],
        "unread": [],
    }
    change(said)
    documents = {name: made.parts.pop(name) for name in log.documents}
    proofs = {name: made.parts.pop(name) for name in list(made.parts) if name.startswith("proofs/")}
    for name, leaf in ((f"{d.SENDINGS}000001.json", 4), (f"{d.ACKNOWLEDGEMENTS}000001.json", 5)):
        made.parts[name] = shown(log, leaf, states[leaf], {C.COORDINATION})
        proofs[b.PROOF_OF.format(name.removesuffix(".json"))] = made.proof(leaf)
    made.parts |= proofs | {d.DELIVERIES: b.to_json(said)} | documents
    return made


def test_what_the_log_vouches_for_and_what_it_does_not_yet_are_told_apart() -> None:
    verified = verify_bundle(told().file, POLICY)
    (hospital,) = verified.deliveries.agencies
    assert [s.number for s in hospital.sent] == [7, 9, 12]
    assert hospital.vouched == {7, 9}
    assert hospital.arrived(3).received_at is not None
    assert hospital.arrived(3).handled_at is None
    assert "deliveries" in verified.unchecked


LIES: dict[str, Callable[[Any], object]] = {
    "a line is gone": lambda s: s["agencies"][0]["sent"].pop(0),
    "a line more": lambda s: s["agencies"][0]["sent"].insert(1, SENDING._replace(number=8).line),
    "another transport": lambda s: s["agencies"][0]["sent"].__setitem__(0, SENDING._replace(transport="feed").line),
    "another time": lambda s: s["agencies"][0]["sent"].__setitem__(0, SENDING.line.replace("12:00:01", "12:00:02")),
    "written otherwise": lambda s: s["agencies"][0]["sent"].__setitem__(2, LINES[2].line.replace(" 3 ", " 03 ")),
    "out of order": lambda s: s["agencies"][0]["sent"].reverse(),
    "of another agency": lambda s: s["agencies"][0].__setitem__("agency", "polres"),
    "an agency twice": lambda s: s["agencies"].append(s["agencies"][0]),
    "no agency": lambda s: s["agencies"].clear(),
    "another field": lambda s: s.__setitem__("more", 1),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_line_that_is_changed_gone_or_added_among_those_is_refused(lie: Callable[[Any], object]) -> None:
    assert refused(told(lie).file).part in (
        d.DELIVERIES,
        f"{d.SENDINGS}000001.json",
        f"{d.ACKNOWLEDGEMENTS}000001.json",
    )


@pytest.mark.parametrize("part", [f"{d.SENDINGS}000001.json", f"{d.ACKNOWLEDGEMENTS}000001.json", d.DELIVERIES])
def test_a_part_that_is_not_there_is_missed_or_vouches_for_nothing(part: str) -> None:
    made = told()
    del made.parts[part]
    assert refused(made.file)


def test_what_is_not_whole_is_said() -> None:
    def damaged(said: Any) -> None:
        said["agencies"][0]["not_whole"]["sent_missing"] = 1
        said["unread"] = [17]

    assert {"deliveries-damaged", "readings-damaged"} <= {*verify_bundle(told(damaged).file, POLICY).unchecked}


@pytest.mark.parametrize(
    "said",
    [
        [(5, 3, [], [])],
        [(5, 5, [(3, "cannot-open")], [])],
        [(5, 5, [(3, "handler-failed")], []), (6, 6, [], [3])],
        [(2, 2, [], []), (9, 1, [], []), (9, 9, [], [])],
        [(9, 9, [], []), (9, 9, [(3, "cannot-open")], [])],
    ],
)
def test_a_reader_concludes_of_marks_what_the_service_concludes(said: list[Any]) -> None:
    at = [NOON.replace(minute=n) for n in range(len(said))]
    events = [
        Acknowledged(
            occurred_at=NOON,
            agency=AGENCY,
            received=received,
            handled=handled,
            failed=tuple(Failure(*f) for f in failed),
            recovered=tuple(recovered),
        )
        for received, handled, failed, recovered in said
    ]
    now = d.Arrived()
    for when, event in zip(at, events, strict=True):
        now = d._after(now, 3, msgspec.to_builtins(event), when)
    ours = delivery.arrivals([3], list(zip(at, events, strict=True)))[3]
    assert tuple(now) == (ours.received_at, ours.handled_at, ours.failed)
