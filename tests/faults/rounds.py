"""Rounds of faults under load, and what came of them."""

import json
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from random import Random
from statistics import median

from msgspec import Struct, field
from msgspec import json as structured

from . import check
from .catalogue import Fault, catalogue
from .earlier import Upgrade
from .followers import Hung, few, followers, settled
from .going_on import GROUPS, GoingOn, Waited
from .load import Load
from .restored import Restored
from .standby import FailedOver, LostStandby
from .world import World

RECOVER_SECONDS = 240.0
AGAIN_A_SECOND = 100.0
"""At least so many messages go out a second, however busy the machine is: a broker that lost everything is sent all of
them again, before anything new."""
END_SECONDS = 180.0
SAMPLE = 40
PAUSE, SHORT_PAUSE = 0.05, 0.15
"""Seconds between two notes of a writer."""
GOES_ON_SECONDS = 60.0
"""So long all that follows the log is looked at after a fault; what is not there by then counts as waiting still."""
BASELINE_SECONDS = 5.0
TIMES_BASELINE = 3.0
OTHERS, HIT = "not hit", "hit"
OVERLAID = "more than one at once"
KEEPING = ("off longer than retention", "clock of publisher", "wiped broker", "full disk")
"""What shows only where a broker keeps messages."""
OVERLAPPING = 0.3
"""So often the next fault comes while the last one is still being recovered from."""


class Report(Struct):
    """Figures of a run."""

    kind: str
    seed: int
    rounds: int = 0
    written: int = 0
    handled: int = 0
    again: int = 0
    """Messages that a subscriber was sent again; at least: one that is killed takes its last count along."""
    rejected: int = 0
    refused_opening: int = 0
    kept_free: int = 0
    """Numbers at which agencies learn that something is damaged."""
    sealed_again: int = 0
    seconds: float = 0.0
    recovery: dict[str, list[float]] = field(default_factory=dict)
    """Kind of fault → seconds until something was handled everywhere that was written when the fault was taken away;
    for what has to be endured, when it was put in."""
    undisturbed: dict[str, float] = field(default_factory=dict)
    """Work → the longest that something waited for it, in seconds, before anything went wrong."""
    waited: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    """Kind of fault → `not hit` or `hit` → work → the longest that something waited for it, in seconds: from the fault
    on; for what was hit, from when that was right again."""

    def took_in(self, kind: str, waited: Waited) -> None:
        """Add what came of a fault."""
        of_kind = self.waited.setdefault(kind, {OTHERS: {}, HIT: {}})
        for name, by_work in ((OTHERS, waited.others), (HIT, waited.hit)):
            for work, seconds in by_work.items():
                of_kind[name].setdefault(work, []).append(round(seconds, 2))

    def stood_still(self, within: float) -> list[str]:
        """What no fault hit, and waited longer than this, and than three times as long as before anything was wrong."""
        return [
            f"{kind}: {work} waited {max(seconds):.1f} s"
            for kind, by in sorted(self.waited.items())
            for work, seconds in by[OTHERS].items()
            if max(seconds) > max(within, TIMES_BASELINE * self.undisturbed.get(work, 0.0))
        ]

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"{self.kind}, seed {self.seed}: {self.rounds} rounds in {self.seconds:.0f} s; {self.written} notes "
            f"written, {self.handled} deliveries handled, {self.again} repeats, {self.rejected} rejected, "
            f"{self.refused_opening} times a foreign key tried, {self.kept_free} numbers kept free where something was "
            f"damaged, {self.sealed_again} sealed again"
        ]
        for kind, seconds in sorted(self.recovery.items()):
            found.append(f"  {kind:32} {len(seconds):3} × median {median(seconds):5.1f} s, most {max(seconds):5.1f} s")
        found.append("the longest that anything waited, in seconds:    " + "  ".join(f"{g:>18}" for g in GROUPS))
        nothing = {work: [seconds] for work, seconds in self.undisturbed.items()}
        for kind, by in {"nothing wrong": {OTHERS: nothing}, **dict(sorted(self.waited.items()))}.items():
            for name, of_work in by.items():
                if of_work:
                    most = (f"{max(of_work[work]):18.1f}" if work in of_work else f"{'':18}" for work in GROUPS)
                    found.append(f"  {kind:36.36} {name:8} " + "  ".join(most))
        return found


class NotRecovered(AssertionError):
    """Something that was written after a fault did not arrive in time."""


def run(world: World, seed: int, rounds: int, disk: Path | None, short: bool, within: float | None = None) -> Report:
    """So many rounds, and the check at the end; in `short`, foreign keys are tried on a sample of the messages.
    `within`: what no fault hits has to go on so soon, which is for a machine that does nothing else. Raises
    AssertionError, NotRecovered, Unanswered."""
    random = Random(seed)
    report = Report(world.kind, seed)
    began = time.monotonic()
    load = Load(world, SHORT_PAUSE if short else PAUSE)
    faults = draw(world, random, rounds, disk, short)
    going_on = GoingOn(world, load)
    load.start()
    try:
        recovery(world, load)  # everybody is there
        going_on.start()
        report.undisturbed = undisturbed(world, load, going_on)
        unrecovered: set[str] = set()
        """What was hit by faults that nobody had recovered from when the next came."""
        overlaid = False
        for n, fault in enumerate(faults):
            say(f"{n}: {fault.about}")
            fault.inject(world)
            begun = right = time.monotonic()
            hits = unrecovered | fault.hits
            if fault.endured:
                report.recovery.setdefault(fault.kind, []).append(recovery(world, load, fault, going_on, hits))
            else:
                time.sleep(random.uniform(*fault.seconds))
                fault.heal(world)
                right = time.monotonic()
            overlaps = not fault.endured and random.random() < OVERLAPPING
            if overlaps:
                time.sleep(random.uniform(0, 1))
            elif not fault.endured:
                report.recovery.setdefault(fault.kind, []).append(recovery(world, load, going_on=going_on))
            over = time.monotonic()
            if fault.endured:
                right = over
                fault.heal(world)
            report.rounds += 1
            report.took_in(OVERLAID if overlaid or overlaps else fault.kind, going_on.waited(hits, begun, right, over))
            overlaid, unrecovered = overlaps, set(hits) if overlaps else set()
        recovery(world, load)
    finally:
        world.wires.mend()
        going_on.stop()
        load.stop()
    finish(world, load, report, random, SAMPLE if short else None)
    for fault in faults:
        fault.check(world)
    report.seconds = time.monotonic() - began
    if within is not None:
        still = report.stood_still(within)
        assert not still, "\n".join([*report.lines(), "what was not hit stood still:", *still])
    return report


def run_and_upgraded(world: World, seed: int) -> Report:
    """Let an earlier release run under load, and then this one, and check at the end. Raises as `run`."""
    report, random = Report(world.kind, seed), Random(seed)
    began = time.monotonic()
    load = Load(world, SHORT_PAUSE)
    load.start()
    try:
        recovery(world, load)
        upgraded = Upgrade(world)
        recovery(world, load)
        say("this release takes over")
        upgraded.run()
        report.recovery["upgrade of the service"] = [recovery(world, load)]
        upgraded.agencies()
        report.recovery["upgrade of agencies"] = [recovery(world, load)]
        upgraded.goes_on()
        recovery(world, load)
    finally:
        load.stop()
    finish(world, load, report, random, SAMPLE)
    upgraded.check()
    report.seconds = time.monotonic() - began
    return report


def undisturbed(world: World, load: Load, going_on: GoingOn) -> dict[str, float]:
    """How long anything waits while nothing is wrong, work for work."""
    begun = time.monotonic()
    while time.monotonic() < begun + BASELINE_SECONDS:
        recovery(world, load, going_on=going_on)
    return going_on.waited((), begun, begun, time.monotonic()).others


def draw(world: World, random: Random, rounds: int, disk: Path | None, short: bool) -> Sequence[Fault]:
    """Faults of every kind in turn, each turn shuffled; in `short`, first what the embedded broker cannot show, and
    beside so many some of those of what follows the log."""
    makers = catalogue(world, random, disk)
    if not short:
        makers += followers(random)
    if world.kind == "standby":  # what is restored is restored without one
        makers += of_standby(random)
    elif not short:
        makers.append(Restored)
    drawn: list[Fault] = []
    while len(drawn) < rounds:
        random.shuffle(makers)
        drawn += [make() for make in makers]
    if short and world.cluster is not None:
        drawn.sort(key=lambda fault: fault.kind not in KEEPING)
    if not short or world.cluster is not None:
        return drawn[:rounds]
    if world.kind == "standby":
        return [LostStandby(8.0), FailedOver(), Hung(4.0), FailedOver(), *drawn[:rounds]]
    return [*drawn[:rounds], *few(random), Restored()]


def of_standby(random: Random) -> list[Callable[[], Fault]]:
    """Makers of what can go wrong with one, each twice: with it the others are tried as elsewhere."""
    makers: list[Callable[[], Fault]] = [
        lambda: LostStandby(random.uniform(4, 25)),
        lambda: Hung(random.uniform(4, 25), "standby"),
        FailedOver,
    ]
    return makers * 2


def recovery(
    world: World,
    load: Load,
    lasting: Fault | None = None,
    going_on: GoingOn | None = None,
    hits: AbstractSet[str] = frozenset(),
) -> float:
    """Seconds until something that is written now was handled by every agency that is told in spite of what lasts, and
    all else goes on that is to. Returns once what follows the log and is not hit took it in, too. Raises
    NotRecovered."""
    began = time.monotonic()
    position = load.probe()
    waiting = set(world.keys) - (lasting.untold if lasting else set())
    patience = RECOVER_SECONDS + len(load.written) / AGAIN_A_SECOND
    while waiting:
        waiting = {a for a in waiting if all(row.position != position for row in world.handled(a, position - 1))}
        if time.monotonic() - began > patience:
            raise NotRecovered(f"{sorted(waiting)} did not handle position {position}")
        time.sleep(0.02)
    if lasting is not None:
        lasting.goes_on(world, position)
    took = time.monotonic() - began
    if going_on is not None:
        going_on.has_taken_in(position, hits, GOES_ON_SECONDS)
    return took


def finish(world: World, load: Load, report: Report, random: Random, sample: int | None) -> None:
    """The check at the end."""
    settled(world)
    due = check.expected(world)
    give_up = time.monotonic() + END_SECONDS
    while (left := check.missing(world, due)) and time.monotonic() < give_up:
        time.sleep(0.2)
    assert not left, f"not handled: {left}"
    report.written, report.handled = len(load.written), check.check_inboxes(world, due)
    report.kept_free = check.check_register(world)
    report.sealed_again = check.check_shown(world, random, sample)
    check.check_dead_letters(world)
    check.check_log(world, load.written)
    report.refused_opening = check.check_sealed(world, random, sample)
    report.again = sum(world.counted(agency, "again") for agency in world.keys)
    report.rejected = sum(world.counted(agency, "rejected") for agency in world.keys)


def say(line: str) -> None:
    """pytest shows it when the run fails."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def keep(report: Report, file: str) -> None:
    """Add a report to a file of them."""
    with Path(file).open("a") as out:
        out.write(structured.encode(report).decode() + "\n")


def kept(file: Path) -> list[Report]:
    """The reports in a file."""
    return [structured.decode(json.dumps(json.loads(line)), type=Report) for line in file.read_text().splitlines()]
