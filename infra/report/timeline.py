"""The time line, drawn from the custody of the case: who led, who held which referral, which clock ran out when.

Its steps stand in the order in which things changed, each as wide as the others: an emergency is over in minutes, and a
clock runs for days, so a scale in hours would show one of them as a dot. Below it stands what the times are.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from ...domain.clock_codes import ClockEnd
from ...domain.codes import ReferralStatus
from .canvas import GREY, INK, LEADING, LEFT, RIGHT, TINT, WARN
from .facts import LATE, Clock, ReportFacts
from .pdf_file import Colour
from .pen import Pen

LEAD: Colour = (58, 76, 122)
WITH_SENDER: Colour = (176, 184, 202)
WITH_RECIPIENT: Colour = (84, 122, 158)
RUNS: Colour = (196, 200, 208)
KEPT: Colour = (86, 140, 104)
ENDED: Colour = (150, 140, 170)
"""Of a clock that ended, where it is not disclosed that it was met: one colour for every reason."""
MOST_LANES = 24
LANE, SIZE, SMALL = 12.5, 7.0, 6.3
NAMES = 168.0
"""Points that the names of the lanes take."""
LABELS = 4
"""So many times stand below the drawing at most."""


class Stretch(Struct, frozen=True):
    since: datetime
    until: datetime
    colour: Colour


class Lane(Struct, frozen=True):
    name: str
    stretches: tuple[Stretch, ...]
    due: datetime | None = None
    late: bool = False


def draw(pen: Pen, facts: ReportFacts) -> None:
    """The drawing, and what its colours mean. Nothing where nothing ran."""
    lanes = list(_lanes(pen, facts))
    shown = lanes[:MOST_LANES]
    steps = sorted({facts.as_of, *(at for lane in shown for at in _instants(lane))})
    if not lanes or len(steps) < 2:
        return
    paper, words = pen.canvas, pen.words
    paper.heading(words.time_line, 1)
    paper.room(len(shown) * LANE + 62)
    left, top = LEFT + NAMES, paper.y
    step = (RIGHT - left) / (len(steps) - 1)
    at = {instant: left + n * step for n, instant in enumerate(steps)}
    bottom = top + len(shown) * LANE
    for n in _labelled(len(steps)):
        paper.bar(left + n * step - 0.2, top, 0.4, bottom - top + 3, GREY)
    for n, lane in enumerate(shown):
        _lane(pen, lane, top + n * LANE, at)
    paper.bar(at[facts.as_of] - 0.4, top - 2, 0.8, bottom - top + 5, WARN)
    paper.y = bottom + 4
    _times(pen, steps, left, step)
    if len(lanes) > len(shown):
        paper.paragraph(words.more_lanes.format(n=len(lanes) - len(shown)), size=SIZE, colour=WARN)
    _legend(pen, facts)


def _lanes(pen: Pen, facts: ReportFacts) -> Iterator[Lane]:
    """Who led, the referrals, the clocks."""
    words, end = pen.words, facts.as_of
    for led in facts.led:
        name = words.lane_lead.format(agency=pen.read.name(led.agency))
        yield Lane(name, (Stretch(led.since, led.until or end, LEAD),))
    for referral in facts.referrals:
        name = f"{pen.number.of(referral.referral)}: {pen.read.name(referral.recipient)}"
        held = [h for h in referral.custody if h.status != ReferralStatus.DRAFT]
        stretches = tuple(
            Stretch(h.since, h.until or end, WITH_SENDER if h.agency == referral.sender else WITH_RECIPIENT)
            for h in held
        )
        if stretches:
            yield Lane(name, stretches, referral.due_at, referral.breached_at is not None)
    for clock in facts.clocks:
        yield Lane(f"{pen.number.of(clock.clock)}: {pen.need(clock)}", tuple(_of_clock(clock, end)), clock.due_at,
                   clock.state in LATE)  # fmt: skip


def _of_clock(clock: Clock, end: datetime) -> Iterator[Stretch]:
    met = clock.met_recorded_at or clock.met_at
    late = clock.state in LATE
    in_time = min(clock.due_at, met or end, end)
    if clock.starts_at < in_time:
        yield Stretch(clock.starts_at, in_time, _colour(clock))
    if late and (met or end) > clock.due_at:
        yield Stretch(max(clock.due_at, clock.starts_at), met or end, WARN)


def _colour(clock: Clock) -> Colour:
    if clock.state == "met" or (clock.state == "ended" and clock.how == ClockEnd.MET.value):
        return KEPT
    return ENDED if clock.state == "ended" else RUNS


def _instants(lane: Lane) -> Iterator[datetime]:
    for stretch in lane.stretches:
        yield from (stretch.since, stretch.until)
    if lane.due is not None:
        yield lane.due


def _lane(pen: Pen, lane: Lane, y: float, at: dict[datetime, float]) -> None:
    paper = pen.canvas
    (name, *more) = paper.wrap(lane.name, "regular", SIZE, NAMES - 8)
    paper.text(LEFT, y + SIZE + 1.5, name + ("…" if more else ""), SIZE)
    paper.bar(LEFT, y + LANE - 0.4, RIGHT - LEFT, 0.3, TINT)
    for stretch in lane.stretches:
        x, width = at[stretch.since], at[stretch.until] - at[stretch.since]
        if width > 0:
            paper.bar(x, y + 2.6, width, LANE - 6, stretch.colour)
    if lane.due is not None:
        x, middle, half = at[lane.due], y + LANE / 2 - 0.4, 3.4
        diamond = ((x, middle - half), (x + half, middle), (x, middle + half), (x - half, middle))
        paper.shape(diamond, WARN if lane.late else INK)


def _labelled(count: int) -> list[int]:
    """The steps below which a time stands: the first, the last, and some between them."""
    shown = min(count, LABELS)
    return sorted({round(n * (count - 1) / (shown - 1)) for n in range(shown)})


def _times(pen: Pen, steps: list[datetime], left: float, step: float) -> None:
    paper, places = pen.canvas, _labelled(len(steps))
    width = (RIGHT - left) / max(1, len(places) - 1)
    for n in places:
        lines = paper.wrap(pen.read.time(steps[n]), "regular", SMALL, width * 0.62)
        x = left + n * step
        for k, line in enumerate(lines[:3]):
            wide = paper.width(line, SMALL)
            begin = min(max(x - wide / 2, left - 20), RIGHT - wide)
            paper.text(begin, paper.y + SMALL * LEADING * k + SMALL, line, SMALL, colour=GREY)
    paper.y += SMALL * LEADING * 3 + 2


def _legend(pen: Pen, facts: ReportFacts) -> None:
    paper, words = pen.canvas, pen.words
    x, size = LEFT, 6.6
    marks: list[tuple[Colour, str]] = [(LEAD, words.legend_lead)]
    if facts.referrals:
        marks += [(WITH_SENDER, words.legend_sender), (WITH_RECIPIENT, words.legend_recipient)]
    if facts.clocks:
        marks += [
            (KEPT, words.legend_met),
            (ENDED, words.legend_ended),
            (RUNS, words.legend_runs),
            (WARN, words.legend_late),
        ]
    for colour, said in marks:
        wide = paper.width(said, size)
        if x + 12 + wide > RIGHT:
            x, paper.y = LEFT, paper.y + size * LEADING
        paper.bar(x, paper.y + 2, 8, 5, colour)
        paper.text(x + 11, paper.y + size, said, size)
        x += 11 + wide + 12
    paper.y += size * LEADING + 3
    paper.paragraph(words.time_line_note, size=size, colour=GREY)
