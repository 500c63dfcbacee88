"""What was decided about a file stands on page one of the report, with what became of it; and nothing is said in words
of the program: no empty list as a dash, no reason as a reference, no machine as a person or an agency."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from examples import EXAMPLES
from msgspec import structs
from report_facts import AT, HOUR, an_event, facts
from story import an_id

from rujukan import api
from rujukan.consumers.evidence import words as evidence
from rujukan.consumers.evidence.figures import brief
from rujukan.domain import survivor
from rujukan.domain.access import VIEWS
from rujukan.domain.catalogue import version_of
from rujukan.domain.codes import DisclosureBasis
from rujukan.domain.fact import SYSTEM_ACTOR, SYSTEM_AGENCY, ProposalId
from rujukan.domain.proposal import refers
from rujukan.domain.words import LANGUAGES, Language
from rujukan.infra.bundle.facts import fields_of
from rujukan.infra.report import decided, labels
from rujukan.infra.report import facts as f
from rujukan.infra.report.canvas import Canvas
from rujukan.infra.report.labels import Reader
from rujukan.infra.report.numbers import Numbers
from rujukan.infra.report.pen import Pen
from rujukan.infra.report.words import WORDS, Words
from rujukan.infra.store.transcoder import shown, to_segments

LATER = AT + 9 * HOUR
DUE = "2026-03-06T12:00:00Z"


def event(topic: str, version: int = 1, at: Any = AT, **said: Any) -> f.Event:
    """The example of that kind as a report has it, all disclosed; these fields otherwise."""
    stored = to_segments(EXAMPLES[topic])
    fields = [
        structs.replace(one, value=said.get(one.name, one.value))
        for compartment, text in shown(topic, version_of(topic), stored).items()
        for one in fields_of(topic, compartment, json.loads(text))
    ]
    return an_event(100 + version, version=version, topic=topic, recorded_at=at, fields=tuple(fields))


def pen(told: f.ReportFacts, language: Language) -> Pen:
    words = WORDS[language]
    number = Numbers(told, words, lambda topic, name: labels.field(topic, name, language))
    return Pen(Canvas(words.blank_lines), words, Reader(language, told.agencies), number, language)


def sentences(language: Language, *events: f.Event) -> list[str]:
    told = facts(events=events, referrals=(), clocks=(), documents=(), accesses=())
    return list(decided.sentences(pen(told, language), told))


STOP = {"stop": str(an_id("stop"))}
ENDS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("case.SharingStopped", ""): ("stop_waits", {**STOP, "answer_by": DUE}),
    ("case.SharingStopped", "case.StopConfirmed"): ("stop_confirmed", STOP),
    ("case.SharingStopped", "case.StopNotConfirmed"): ("stop_not_confirmed", STOP),
    ("case.SharedWithoutConsent", ""): ("not_judged", {"consent": "c", "review_due_at": DUE}),
    ("case.SharedWithoutConsent", "case.OverrideReviewed"): ("was_judged", {"consent": "c"}),
    ("case.ConsentOverridden", ""): ("shared_without", {"consent": "c"}),
    ("case.GlassBroken", ""): ("not_judged", {"glass": "g"}),
    ("case.GlassBroken", "case.GlassReviewed"): ("was_judged", {"glass": "g"}),
    ("case.HoldPlaced", ""): ("hold_stands", {"hold": "h"}),
    ("case.HoldPlaced", "case.HoldLifted"): ("hold_lifted", {"hold": "h"}),
    ("case.HoldPlaced", "case.HoldLapsed"): ("hold_lapsed", {"hold": "h"}),
    ("case.HoldPlaced", "case.HoldFell"): ("hold_fell", {"hold": "h"}),
    ("case.HoldPlaced", "case.HoldPassed"): ("hold_passed", {"hold": "h"}),
    ("case.LegalHoldPlaced", ""): ("hold_stands", {}),
    ("case.LegalHoldPlaced", "case.LegalHoldLifted"): ("hold_lifted", {}),
    ("case.ErasureRequested", ""): ("erasure_waits", {"erasure": "e"}),
    ("case.ErasureRequested", "case.CaseErased"): ("erasure_done", {"erasure": "e"}),
    ("case.ErasureRequested", "case.ErasureRefused"): ("erasure_refused", {"erasure": "e"}),
    ("case.DuplicateAbsorbed", ""): ("absorbed", {"duplicate": "d"}),
    ("case.DuplicateAbsorbed", "case.DuplicateReleased"): ("released", {"duplicate": "d"}),
    ("case.CaseMerged", "case.CaseSeparated"): ("separated", {}),
}
"""What was decided, and what became of it → the sentence that says so, and what both events say."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("begun", "became"), ENDS)
def test_what_was_decided_is_said_with_what_became_of_it(begun: str, became: str, language: Language) -> None:
    name, about = ENDS[begun, became]
    events = [event(begun, 1, AT, **about), *([event(became, 2, LATER, **about)] if became else [])]
    (said,) = sentences(language, *events)
    start = getattr(WORDS[language], name).partition("{")[0]
    assert start in said if start else True
    assert "{" not in said
    assert "None" not in said
    assert brief(AT, language) in said
    assert (brief(LATER, language) in said) == bool(became), "when it ended"


@pytest.mark.parametrize("begun", sorted({begun for begun, _ in ENDS}))
def test_what_ended_another_ends_not_this_one(begun: str) -> None:
    for topic, became in ((t, b) for t, b in ENDS if t == begun and b and ENDS[t, b][1]):
        (name,) = ENDS[topic, became][1]
        said = sentences("en", event(begun, 1, AT, **{name: "one"}), event(became, 2, LATER, **{name: "another"}))
        assert brief(LATER, "en") not in said[0]


@pytest.mark.parametrize("begun", sorted({begun for begun, _ in ENDS}))
def test_of_what_is_withheld_whole_nothing_is_said(begun: str) -> None:
    hidden = structs.replace(event(begun), fields=(), wholly_withheld=True)
    assert sentences("en", hidden) == []


def test_what_a_stop_ended_is_named_with_it() -> None:
    stop = event("case.SharingStopped", 1)
    held = event("case.ReferralHeld", 2, referral="r-2")
    other = event("case.ReferralHeld", 3, LATER, referral="r-3")
    (said,) = sentences("en", stop, held, other)
    assert WORDS["en"].stop_ended.format(referrals="r-2") in said
    assert "r-3" not in said


def test_one_kind_of_decision_leaves_room_for_the_others() -> None:
    many = [event("case.SharedWithoutConsent", n, consent=str(n)) for n in range(1, decided.MOST + 3)]
    said = sentences("id", *many, event("case.HoldPlaced", 50))
    assert len(said) == decided.MOST + 2
    assert said[decided.MOST] == WORDS["id"].more_decided.format(n=2, section=WORDS["id"].chronology)


# No word of the program ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_that_nobody_made_is_not_printed_and_an_empty_one_that_somebody_did_is_said(language: Language) -> None:
    for topic, example in EXAMPLES.items():
        least = {s.name: s.default for s in structs.fields(example) if s.default in (frozenset(), ())}
        bare = structs.replace(example, **least)
        for compartment, text in shown(topic, version_of(topic), to_segments(bare)).items():
            names = {field.name for field in fields_of(topic, compartment, json.loads(text))}
            assert not names & {s.encode_name for s in structs.fields(example) if s.name in least}, topic
    read = Reader(language, ())
    (none,) = fields_of("case.ClocksRuledOut", next(iter(to_segments(EXAMPLES["case.ClocksRuledOut"]))), {"needs": []})
    assert read.value("case.ClocksRuledOut", "needs", none.value) == {"id": "tidak ada", "en": "none"}[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_that_is_sealed_elsewhere_is_said_to_be_so_and_its_request_gets_a_number(language: Language) -> None:
    id = an_id("proposal")
    ended = event("case.ClockEnded", grounds=refers(ProposalId(id)))
    said = f.Field(name="grounds", compartment="legal", value=refers(ProposalId(id)))
    told = facts(events=(structs.replace(ended, fields=(*ended.fields, said)),))
    with_it = pen(told, language)
    text = with_it.number.within(with_it.read.value("case.ClockEnded", "grounds", said.value))
    assert str(id) not in text
    assert f"{labels.field('case.ClockEnded', 'proposal', language)} 1" in text
    assert str(id) in {of for _, of in with_it.number}
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    assert labels.STATED_APART.said_in(other).partition("{")[0] not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_system_is_neither_an_agency_nor_a_person(language: Language) -> None:
    by = an_event(50, topic="case.ClockOverdue", agency=SYSTEM_AGENCY, actor=str(SYSTEM_ACTOR), fields=())
    told = facts(events=(*facts().events, by))
    with_it = pen(told, language)
    assert with_it.read.name(SYSTEM_AGENCY) == {"id": "Sistem", "en": "The system itself"}[language]
    assert str(SYSTEM_ACTOR) not in {id for _, id in with_it.number}


def views() -> set[str]:
    """Every view under which the API puts a reading on record: what stands as a text where one is recorded."""
    found: set[str] = set()
    for file in Path(*api.__path__).rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            of = ast.unparse(call.func)
            if of.endswith(("reading.open", "reading.show", "reading.document", "self.record")):
                found |= {a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_was_opened_has_a_name_that_a_person_reads(language: Language) -> None:
    assert {"case", "bundle", "survivor-paper", "history"} <= views()
    assert views() <= VIEWS.keys() | {"own"}
    assert all(labels.view(view, language) != view or view == "bundle" for view in VIEWS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_copy_was_made_on_and_what_did_not_fit_are_said_in_words(language: Language) -> None:
    number = pen(facts(), language).number
    for basis in DisclosureBasis:
        for say in (
            labels.basis(f"{basis.value}: 1/2026", WORDS[language].grounds, number, language),
            survivor.why(f"{basis.value}: 1/2026", language),
        ):
            assert say.partition(": ")[0] != basis.value
    for say in (
        labels.basis("and 3 more", WORDS[language].grounds, number, language),
        survivor.why("and 3 more", language),
    ):
        assert say == {"id": "dan 3 dasar lain", "en": "and 3 more grounds"}[language]


def test_every_sentence_of_a_decision_is_tried() -> None:
    beside = {"stop_asked", "stop_due", "stop_ended", "opened_without", "hold_placed", "hold_placed_first"}
    names = [s.name for s in structs.fields(Words)]
    all_of_them = set(names[names.index("absorbed") : names.index("more_decided")])
    assert all_of_them == {name for name, _ in ENDS.values()} | beside | {"erasure_asked"}


NUMBERED = re.compile(r"\b1(?: more)? (\w+)")
NO_PLURALS = {"is", "this", "was"}


@pytest.mark.parametrize("name", [s.name for s in structs.fields(Words)])
def test_one_of_a_thing_is_said_in_the_singular(name: str) -> None:
    """Every sentence of the report, with one of each thing; and of the verifier."""
    said = getattr(WORDS["en"], name)
    if not isinstance(said, str) or "{n}" not in said:
        return
    about = dict.fromkeys(re.findall(r"{(\w+)}", said), 1)
    one, two = said.format(**about), said.format(**(about | {"n": 2}))
    assert not [word for word in NUMBERED.findall(one) if word.endswith("s") and word not in NO_PLURALS], one
    assert "[n:" not in one + two
    assert "|" not in one + two


@pytest.mark.parametrize("key", evidence.SAYS)
def test_the_verifier_says_one_in_the_singular(key: str) -> None:
    names = re.findall(r"{(\w+)}", evidence.SAYS[key][1])
    one, two = (evidence.say(key, "en", **dict.fromkeys(names, n)) for n in (1, 2))
    assert not [word for word in NUMBERED.findall(one) if word.endswith("s") and word not in NO_PLURALS], one
    assert "|" not in one + two
    assert "[" not in one + two
