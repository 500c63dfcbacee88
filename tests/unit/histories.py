"""Histories as a release told them: told cases, event by event, with what its rule let each agency know and what each
had to delete. One file a version of the rule, frozen in tests/golden/histories: `python -m tests.freeze` writes that of
today's where there is none, and changes none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from examples import EXAMPLES
from msgspec.structs import replace
from story import (
    C1,
    C2,
    CASE,
    CLOCK,
    CONFERENCE,
    DAY,
    LEAD,
    NOON,
    NOTE,
    R2,
    TRANSFER,
    an_id,
    brought_to,
    clock,
    consent,
    draft,
    incident,
    moved,
    opened,
    override,
    referred,
    report,
    reported,
    say,
    scope,
    sent,
    withdrawn,
    written,
)

from rujukan.domain import catalogue
from rujukan.domain.case.conferences import ConferenceHeld
from rujukan.domain.case.confirming import ConsentConfirmed, ConsentNotConfirmed
from rujukan.domain.case.consents import ConsentExpired, ConsentNarrowed
from rujukan.domain.case.lead import LeadTransferAccepted, LeadTransferAsked
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.reminders import ReferralUndelivered
from rujukan.domain.case.striking import EntryStruck
from rujukan.domain.casefile.clocks import ClockMet
from rujukan.domain.codes import AgencyKind, ConsentBy, Obtained, Purpose, ReferralStatus, Service, StruckBecause
from rujukan.domain.compartment import Compartment
from rujukan.domain.disclosure import RULE as RULE
from rujukan.domain.disclosure import Knowledge, Remembered, Written
from rujukan.domain.fact import Fact
from rujukan.infra.store.transcoder import to_event, to_segments

FOLDER = Path(__file__).parents[1] / "golden" / "histories"
S = ReferralStatus
PARTS = ("incident", "health", "psychosocial", "legal", "safety", "economic")
WHOLE = say(NoteRecorded, note=NOTE, subject="visit", **{word: f"of {word}" for word in PARTS})


class History(NamedTuple):
    """A told case, and what was told of it: who, by which event, of which, which compartments; and what was
    recalled."""

    written: list[Written]
    facts: list[tuple[int, Remembered]]
    """(position of the event by which it came about, what is on record)."""


Told = Fact | tuple[Fact, str]


def stories() -> Iterator[tuple[str, Sequence[Told]]]:
    """Name → what happened; by the lead, unless it says who."""
    police = brought_to(S.ACCEPTED, R2, to="polres", service=Service.LAW_ENFORCEMENT, of=("incident",))
    yield (
        "told before and behind a referral",
        [opened(), report(), incident(), consent(), WHOLE, *brought_to(S.COMPLETED)],
    )
    yield (
        "by compartment, to two agencies",
        [opened(), consent(to=("rsud", "polres")), *brought_to(S.IN_PROGRESS), *police, WHOLE],
    )
    yield "an agency's own words", [*referred(), (WHOLE, "rsud"), incident()]
    yield "withdrawn, and given anew", [*referred(), WHOLE, withdrawn(), consent(C2), *brought_to(S.REQUESTED, R2)]
    yield "narrowed", [*referred(), WHOLE, incident(), say(ConsentNarrowed, **scope(C1, of=("incident",)))]
    until = NOON + DAY
    expired = say(ConsentExpired, until, consent=C1, expires_at=until)
    yield "ran out", [opened(), consent(until=until), *brought_to(S.IN_PROGRESS), WHOLE, expired]
    alone = (override(C2, to=("rsud", "polres"), of=PARTS, purposes=(Purpose.CARE, Purpose.PROTECTION)), "rsud")
    yield "overridden by another than the lead", [*referred(of=("health",)), WHOLE, alone, *police, (WHOLE, "rsud")]
    yield (
        "overridden",
        [opened(), override(C1, to="polres"), draft(to="polres", service=Service.LAW_ENFORCEMENT), WHOLE],
    )
    asked = say(LeadTransferAsked, transfer=TRANSFER, to="lbh", to_kind=AgencyKind.LEGAL_AID, reason="r")
    moved_on = say(LeadTransferAccepted, transfer=TRANSFER, lead="lbh", lead_kind=AgencyKind.LEGAL_AID)
    yield (
        "another lead",
        [*referred(), consent(C2, to="lbh", of=("legal",)), WHOLE, asked, (moved_on, "lbh"), (WHOLE, "lbh")],
    )
    wrong = {"entry": len(referred()) + 1, "because": StruckBecause.NOT_ACCURATE}
    struck = say(EntryStruck, **wrong, health="h")
    yield "struck while it is known", [*referred(), WHOLE, struck]
    yield "struck when its work is over", [*referred(), WHOLE, moved(S.COMPLETED), struck]
    yield "struck after it had to be deleted", [*referred(), WHOLE, withdrawn(), moved(S.CANCELLED), struck]
    yield "struck, and sent on", [*referred(), WHOLE, struck, consent(C2, to="polres", of=("health",)), *police]
    yield "struck, and another lead", [*referred(), WHOLE, struck, asked, (moved_on, "lbh")]
    held = say(ConferenceHeld, conference=CONFERENCE, attendees=frozenset({"uptd-ppa", "rsud"}), health="h", legal="l")
    met = say(ClockMet, clock=CLOCK, in_time=True)
    late = say(ReferralUndelivered, referral=R2, level=1, to="polres")
    yield "a conference, a clock", [*referred(), clock(), held, met]
    yield from _reaching()
    yield "late", [opened(), consent(to=("rsud", "polres")), *brought_to(S.REQUESTED, R2, to="polres"), late]
    for topic in catalogue.TOLD:
        if topic.startswith("case.") and topic in EXAMPLES:
            yield topic, [*referred(), clock(), replace(EXAMPLES[topic], occurred_at=NOON)]


def _reaching() -> Iterator[tuple[str, Sequence[Told]]]:
    """What another than the lead heard, and sent on."""
    everything = ("incident", "health", "psychosocial", "legal")
    heard = reported(of=everything, to=("rsud", "lbh"))
    narrow = [opened(), consent(of=("health",)), WHOLE, *brought_to(S.IN_PROGRESS, of=("health",)), (WHOLE, "rsud")]
    more = brought_to(S.REQUESTED, R2, of=everything)
    onward: list[Told] = [
        (draft(R2, "rsud", "lbh", service=Service.LEGAL_AID, of=("health", "psychosocial")), "rsud"),
        (sent(R2), "rsud"),
        *((moved(status, R2), "lbh") for status in (S.RECEIVED, S.ACCEPTED)),
    ]
    confirmed = say(ConsentConfirmed, consent=C2, given_by=frozenset({ConsentBy.SURVIVOR}), obtained=Obtained.VERBAL)
    yield "reported by who gains by it", [*narrow, heard, *more, WHOLE]
    yield "reported, and confirmed", [*narrow, heard, *more, confirmed, WHOLE]
    yield "reported, and not confirmed", [*narrow, heard, *onward, WHOLE, say(ConsentNotConfirmed, consent=C2)]
    yield (
        "reported, narrowed and withdrawn",
        [
            *narrow,
            heard,
            *onward,
            say(ConsentNarrowed, **scope(C2, of=("psychosocial",), to=("lbh",))),
            withdrawn(C2),
        ],
    )
    yield "sent on, as far as its sender reaches", [*narrow, heard, *onward, WHOLE, (WHOLE, "lbh")]
    back: list[Told] = [
        reported(an_id("back"), "lbh", of=everything),
        (draft(an_id("returned"), "lbh", "rsud", of=everything), "lbh"),
        (sent(an_id("returned")), "lbh"),
    ]
    yield "sent on, and back", [*narrow, heard, *onward, *back, WHOLE]
    yield "sent on, and what it stood on withdrawn", [*narrow, heard, *onward, withdrawn(C1), WHOLE]
    yield "sent on, and the sender's work over", [*narrow, heard, *onward, (moved(S.COMPLETED), "rsud"), WHOLE]


def histories() -> dict[str, History]:
    """The stories that can happen, told by today's rule."""
    found: dict[str, History] = {}
    for name, story in stories():
        log = [
            written(n, *(said if isinstance(said, tuple) else (said,)), at=_at(said)) for n, said in enumerate(story, 1)
        ]
        try:
            found[name] = History(log, told_by_today(log))
        except (KeyError, ValueError):
            continue  # an example that speaks of what is not in the case
    return found


def told_by_today(log: Sequence[Written]) -> list[tuple[int, Remembered]]:
    """What today's rule tells of these events."""
    knowledge, facts = Knowledge(), list[tuple[int, Remembered]]()
    for w in log:
        learned = knowledge.learn(w)
        facts += [(w.position, Remembered(t.agency, t.of.position, t.compartments)) for t in learned.tell]
        facts += [(w.position, Remembered(r.agency, r.of.position, r.compartments, w.position)) for r in learned.recall]
    return facts


def _at(said: Told) -> Any:
    event = said[0] if isinstance(said, tuple) else said
    return max(event.occurred_at, NOON)


# Frozen --------------------------------------------------------------------------------------------------------------


def as_text(found: Mapping[str, History]) -> str:
    """A file of histories."""
    return json.dumps({name: _frozen(history) for name, history in found.items()}, ensure_ascii=False, indent=1) + "\n"


def _frozen(history: History) -> dict[str, Any]:
    return {
        "events": [
            {
                "topic": w.topic,
                "schema": catalogue.version_of(w.topic),
                "author": w.author,
                "at": w.at.isoformat(),
                "segments": {c.word: text.decode() for c, text in to_segments(w.event).items()},
            }
            for w in history.written
        ],
        "facts": [
            {
                "by": by,
                "agency": fact.agency,
                "of": fact.position,
                "compartments": sorted(c.word for c in fact.compartments),
                **({"recalled": True} if fact.recalled_at is not None else {}),
            }
            for by, fact in sorted(history.facts, key=_order)
        ],
    }


def _order(of: tuple[int, Remembered]) -> Any:
    by, fact = of
    return by, fact.recalled_at is not None, fact.agency, fact.position


def frozen(rule: str) -> dict[str, History]:
    """The histories of a version of the rule."""
    found: dict[str, History] = {}
    for name, said in json.loads((FOLDER / f"{rule}.json").read_text("utf-8")).items():
        log = [_event(n, about) for n, about in enumerate(said["events"], 1)]
        facts = [
            (
                fact["by"],
                Remembered(
                    fact["agency"],
                    fact["of"],
                    frozenset(Compartment.named(word) for word in fact["compartments"]),
                    fact["by"] if fact.get("recalled") else None,
                ),
            )
            for fact in said["facts"]
        ]
        found[name] = History(log, facts)
    return found


def _event(n: int, about: Mapping[str, Any]) -> Written:
    """As the register meets it: its coordination open, the rest sealed."""
    coordination = {Compartment.COORDINATION: about["segments"]["coordination"].encode()}
    return Written(
        position=n,
        stream=CASE,
        version=n,
        topic=about["topic"],
        event=to_event(about["topic"], about["schema"], coordination),
        compartments_present=frozenset(Compartment.named(word) for word in about["segments"]),
        author=about["author"],
        actor=LEAD.actor,
        at=datetime.fromisoformat(about["at"]),
        correlation=CASE,
    )


def rules() -> list[str]:
    """The versions of the rule that told anything, the oldest first."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))
