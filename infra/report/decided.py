"""What was decided about the file besides work and clocks, in sentences: stop, sharing and opening without consent,
holds, erasures, files that were merged. Each from the events, with what became of it."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from .facts import Event, ReportFacts, Value
from .pen import Pen

MOST = 4
"""Sentences of one kind on the first page; it says how many more there are."""
ABOUT = ("about", "compartments", "purposes")
STOPPED = {"case.ReferralHeld", "case.ReferralCancelled"}


def sentences(pen: Pen, facts: ReportFacts) -> Iterator[str]:
    """All of it, kind by kind."""
    for subject in SUBJECTS:
        begun = [e for e in facts.events if e.topic in subject.begins and not e.wholly_withheld]
        for event in begun[:MOST]:
            yield subject.said(pen, facts, event)
        if (more := len(begun) - MOST) > 0:
            yield pen.words.more_decided.format(n=more, section=pen.words.chronology)


def _stop(pen: Pen, facts: ReportFacts, stop: Event) -> str:
    words, time = pen.words, pen.read.brief
    id = stop.said("stop")
    answer = _later(facts, stop, {"case.StopConfirmed", "case.StopNotConfirmed"}, "stop", id)
    due = stop.said("answer_by")
    said = words.stop_asked.format(
        number=pen.number.of(str(id)),
        about=_within(", ".join(_value(pen, stop, said) for said in ABOUT if stop.said(said) is not None)),
        who=_within(_value(pen, stop, "said_by")),
        at=time(stop.recorded_at),
        agency=pen.read.name(stop.agency),
    )
    if answer is not None:
        became = words.stop_confirmed if answer.topic == "case.StopConfirmed" else words.stop_not_confirmed
        said += " " + became.format(at=time(answer.recorded_at), agency=pen.read.name(answer.agency))
    elif due is not None:
        said += " " + words.stop_waits.format(as_of=time(facts.as_of))
    if due is not None:
        said += " " + words.stop_due.format(due=time(datetime.fromisoformat(str(due))))
    ended = [*_ended_by(facts, stop), *(_ended_by(facts, answer) if answer else [])]
    if ended:
        said += " " + words.stop_ended.format(referrals=", ".join(map(pen.number.of, dict.fromkeys(ended))))
    return said


def _ended_by(facts: ReportFacts, word: Event) -> Iterator[str]:
    """The referrals that were held or cancelled by it: recorded with it, by the same person."""
    behind = facts.events[facts.events.index(word) + 1 :]
    for event in behind:
        if event.topic not in STOPPED or (event.recorded_at, event.actor) != (word.recorded_at, word.actor):
            return
        yield str(event.said("referral"))


def _shared(pen: Pen, facts: ReportFacts, shared: Event) -> str:
    said = pen.words.shared_without.format(
        number=pen.number.of(str(shared.said("consent"))),
        agency=pen.read.name(shared.agency),
        data=_value(pen, shared, "compartments"),
        recipients=_value(pen, shared, "recipients"),
        at=pen.read.brief(shared.recorded_at),
        basis=_within(_value(pen, shared, "basis")),
    )
    judged = _later(facts, shared, {"case.OverrideReviewed"}, "consent", shared.said("consent"))
    return said + _judged(pen, facts, judged, is_due=shared.said("review_due_at") is not None)


def _glass(pen: Pen, facts: ReportFacts, broken: Event) -> str:
    said = pen.words.opened_without.format(
        number=pen.number.of(str(broken.said("glass"))),
        agency=_value(pen, broken, "agency"),
        data=_value(pen, broken, "compartments"),
        at=pen.read.brief(broken.recorded_at),
        basis=_within(_value(pen, broken, "basis")),
    )
    judged = _later(facts, broken, {"case.GlassReviewed"}, "glass", broken.said("glass"))
    return said + _judged(pen, facts, judged, is_due=True)


def _judged(pen: Pen, facts: ReportFacts, judged: Event | None, is_due: bool) -> str:
    words, time = pen.words, pen.read.brief
    if judged is not None:
        verdict = _within(_value(pen, judged, "verdict"))
        return " " + words.was_judged.format(
            verdict=verdict, agency=pen.read.name(judged.agency), at=time(judged.recorded_at)
        )
    return " " + words.not_judged.format(as_of=time(facts.as_of)) if is_due else ""


def _hold(pen: Pen, facts: ReportFacts, placed: Event) -> str:
    words, time, id = pen.words, pen.read.brief, placed.said("hold")
    said = words.hold_placed.format(
        number=pen.number.of(str(id)),
        kind=_within(_value(pen, placed, "hold_kind")),
        holder=_value(pen, placed, "holder"),
        since=time(placed.recorded_at),
    )
    for event in facts.events:
        if event.topic == "case.HoldPassed" and event.said("hold") == id:
            said += " " + words.hold_passed.format(holder=_value(pen, event, "holder"), at=time(event.recorded_at))
    end = _later(facts, placed, HOLD_ENDS.keys(), "hold", id)
    became = getattr(words, HOLD_ENDS[end.topic]) if end is not None else words.hold_stands
    return f"{said} " + became.format(at=time(end.recorded_at) if end else "", as_of=time(facts.as_of))


HOLD_ENDS = {"case.HoldLifted": "hold_lifted", "case.HoldLapsed": "hold_lapsed", "case.HoldFell": "hold_fell"}


def _first_hold(pen: Pen, facts: ReportFacts, placed: Event) -> str:
    """The one hold that a case could have before holds had holders: no id says which."""
    words, time = pen.words, pen.read.brief
    end = _later(facts, placed, {"case.LegalHoldLifted"})
    said = words.hold_placed_first.format(agency=pen.read.name(placed.agency), since=time(placed.recorded_at))
    became = words.hold_lifted if end is not None else words.hold_stands
    return f"{said} " + became.format(at=time(end.recorded_at) if end else "", as_of=time(facts.as_of))


def _erasure(pen: Pen, facts: ReportFacts, asked: Event) -> str:
    words, time, id = pen.words, pen.read.brief, asked.said("erasure")
    said = words.erasure_asked.format(
        number=pen.number.of(str(id)),
        data=_value(pen, asked, "compartments"),
        at=time(asked.recorded_at),
        agency=pen.read.name(asked.agency),
        basis=_within(_value(pen, asked, "basis")),
    )
    end = _later(facts, asked, {"case.CaseErased", "case.ErasureRefused"}, "erasure", id)
    if end is None:
        return f"{said} " + words.erasure_waits.format(as_of=time(facts.as_of))
    became = words.erasure_done if end.topic == "case.CaseErased" else words.erasure_refused
    return f"{said} " + became.format(at=time(end.recorded_at))


def _released(pen: Pen, facts: ReportFacts, absorbed: Event) -> str:
    """Another file that was merged into this one, and whether it was separated again."""
    words, time = pen.words, pen.read.brief
    end = _later(facts, absorbed, {"case.DuplicateReleased"}, "duplicate", absorbed.said("duplicate"))
    if end is None:
        return words.absorbed.format(at=time(absorbed.recorded_at))
    return words.released.format(at=time(absorbed.recorded_at), until=time(end.recorded_at))


def _separated(pen: Pen, facts: ReportFacts, separated: Event) -> str:
    """This file was merged into another, and lives again."""
    words, time = pen.words, pen.read.brief
    before = [e for e in facts.events if e.topic == "case.CaseMerged" and e.version < separated.version]
    merged = before[-1].recorded_at if before else separated.recorded_at
    return words.separated.format(at=time(merged), until=time(separated.recorded_at))


class Subject(NamedTuple):
    """What begins it, and how it is said."""

    begins: frozenset[str]
    said: Callable[[Pen, ReportFacts, Event], str]


SUBJECTS = (
    Subject(frozenset({"case.SharingStopped"}), _stop),
    Subject(frozenset({"case.SharedWithoutConsent", "case.ConsentOverridden"}), _shared),
    Subject(frozenset({"case.GlassBroken"}), _glass),
    Subject(frozenset({"case.HoldPlaced"}), _hold),
    Subject(frozenset({"case.LegalHoldPlaced"}), _first_hold),
    Subject(frozenset({"case.ErasureRequested"}), _erasure),
    Subject(frozenset({"case.DuplicateAbsorbed"}), _released),
    Subject(frozenset({"case.CaseSeparated"}), _separated),
)


def _later(
    facts: ReportFacts, event: Event, topics: Collection[str], field: str = "", id: Value = None
) -> Event | None:
    """The first event of these kinds behind it that is about the same."""
    for later in facts.events:
        if later.version <= event.version or later.topic not in topics:
            continue
        if not field or later.said(field) == id:
            return later
    return None


def _value(pen: Pen, event: Event, name: str) -> str:
    return pen.number.within(pen.read.value(event.topic, name, event.said(name)))


def _within(label: str) -> str:
    """A label in the middle of a sentence."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]
