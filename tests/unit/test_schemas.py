"""Schemas of what agencies are told: they fit what is sent, what was promised stays, and what is written from them is
up to date."""

import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from jsonschema import Draft202012Validator
from stored import GOLDEN, OLDER, opened
from stored import frozen as stored
from test_envelope import KEY, SERVICE, batch_of

from rujukan.consumers.wire import envelope, known_events
from rujukan.consumers.wire.acknowledgement import Acknowledgement, Failure, Mark
from rujukan.domain import catalogue
from rujukan.domain.codes import CODE_LISTS
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import FIELDS, HAPPENED, Step
from rujukan.infra import cli
from rujukan.infra.schemas import frozen, known, markdown, reading, shapes, words
from rujukan.infra.schemas.compatibility import Kind, breaks_of_all
from rujukan.infra.schemas.described import described, field_title, meaning, title
from rujukan.infra.schemas.shapes import ACKNOWLEDGEMENT, CLOUDEVENT, DELIVERY, HEADERS, PLACEHOLDERS, Name
from rujukan.infra.store.transcoder import merged, shown

TESTS = Path(__file__).parent.parent
PROMISED = TESTS / "golden" / "schemas"
CONSUMERS = TESTS.parent / "consumers"
NAMES = list(frozen.all_shapes())
RENEW = "run `rujukan schemas --write tests/golden/schemas`, and look at what changed"


def validator(name: Name) -> Draft202012Validator:
    """What a careful receiver checks with."""
    return Draft202012Validator(frozen.all_shapes()[name], format_checker=Draft202012Validator.FORMAT_CHECKER)


def fits(name: Name, value: Any) -> bool:
    return bool(validator(name).is_valid(value))


def told(topic: str, *compartments: str) -> dict[str, Any]:
    """`data`, as an agency is told these compartments of the event that is frozen for the topic."""
    return opened(topic, None, *compartments)


# Promised ------------------------------------------------------------------------------------------------------


def test_no_receiver_is_broken() -> None:
    """A shape changes with a new version only: count the topic's up in domain/catalogue.py, and put the golden file of
    the old one into infra/schemas/earlier/ too, where it is served from."""
    found = breaks_of_all(frozen.read(PROMISED), frozen.all_shapes())
    assert found == [], "\n".join(map(str, found))


def test_what_was_added_is_promised_too() -> None:
    assert frozen.stale(PROMISED, frozen.all_shapes()) == [], RENEW


def test_every_version_there_ever_was_is_served() -> None:
    for topic in catalogue.TOLD:
        versions = range(1, catalogue.version_of(topic) + 1)
        assert [n for n in NAMES if n.topic == topic] == [Name(topic, n) for n in versions], topic


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_a_shape_is_a_json_schema(name: Name) -> None:
    shape = frozen.all_shapes()[name]
    Draft202012Validator.check_schema(shape)
    Draft202012Validator.check_schema(described(name, shape))
    assert json.loads(frozen.text_of(shape)) == shape
    assert frozen.text_of(shape) == (PROMISED / f"{name}.json").read_text("utf-8")


@pytest.fixture
def second_version(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As if `subject` of a note had got another name in a version 2."""
    topic = "case.NoteRecorded"
    now = dict(shapes.present())
    old = now.pop(Name(topic, 1))
    fields = {("about" if f == "subject" else f): said for f, said in old["properties"].items()}
    required = ["about" if f == "subject" else f for f in old["required"]]
    return now | {Name(topic, 2): {**old, "required": required, "properties": fields}}


def test_a_new_version_stands_beside_the_old_one(second_version: Any) -> None:
    promised = {name: shape for name, shape in frozen.read(PROMISED).items() if name in shapes.present()}
    (found,) = breaks_of_all(promised, second_version)
    assert (found.name, found.kind) == (Name("case.NoteRecorded", 1), Kind.VERSION_GONE)
    old = promised[Name("case.NoteRecorded", 1)]
    assert breaks_of_all(promised, {**second_version, Name("case.NoteRecorded", 1): old}) == []


def test_the_same_change_without_a_new_version_is_refused(second_version: Any, tmp_path: Path) -> None:
    shutil.copytree(PROMISED, tmp_path / "golden")
    changed = {Name(n.topic, 1): s for n, s in second_version.items()}
    with pytest.raises(frozen.Broken) as refused:
        frozen.write(tmp_path / "golden", changed)
    said = str(refused.value)
    assert "case.NoteRecorded.v1 subject: it is gone (field-removed)" in said
    assert "case.NoteRecorded.v1 about: it must be there, and need not before (field-required)" in said
    assert frozen.read(tmp_path / "golden") == frozen.read(PROMISED)


# The command ---------------------------------------------------------------------------------------------------


def test_the_command_writes_what_is_missing_and_leaves_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PROMISED, tmp_path, dirs_exist_ok=True)
    (tmp_path / "case.NoteRecorded.v1.json").unlink()
    assert cli.main(["schemas", "--write", str(tmp_path)]) == 0
    rest = len(frozen.all_shapes()) - 1
    assert capsys.readouterr().out == f"case.NoteRecorded.v1\n1 written, {rest} were as they are\n"
    assert frozen.read(tmp_path) == frozen.read(PROMISED)


def test_the_command_refuses_to_break_a_receiver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(PROMISED, tmp_path, dirs_exist_ok=True)
    promised = tmp_path / "case.RiskAssessed.v1.json"
    promised.write_text(promised.read_text("utf-8").replace('"properties": {', '"properties": {\n  "promised": {},'))
    (tmp_path / "case.NoteRecorded.v1.json").unlink()
    assert cli.main(["schemas", "--write", str(tmp_path)]) == 1
    assert "case.RiskAssessed.v1 promised: it is gone (field-removed)" in capsys.readouterr().err
    assert not (tmp_path / "case.NoteRecorded.v1.json").exists()


@pytest.mark.parametrize("wrong", ["note.json", "case.NoteRecorded.v0.json", "case.NoteRecorded.json"])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, wrong: str) -> None:
    (tmp_path / wrong).write_text("{}")
    with pytest.raises(ValueError, match=wrong.removesuffix(".json")):
        frozen.read(tmp_path)


def test_the_command_prints_what_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schemas"]) == 0
    assert capsys.readouterr().out.split() == [str(n) for n in NAMES]
    assert cli.main(["schemas", "case.ReferralSent"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["title"], printed["x-title-id"]) == ("Referral sent", "Rujukan dikirim")
    assert cli.main(["schemas", "case.NeverHappened"]) == 1
    assert "there is no schema of case.NeverHappened" in capsys.readouterr().err


# What is sent fits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", catalogue.TOLD)
def test_an_event_fits_its_schema_whatever_is_withheld_of_it(topic: str) -> None:
    schema = validator(Name(topic, catalogue.version_of(topic)))
    for some in subsets(GOLDEN[topic, catalogue.version_of(topic)]):
        schema.validate(told(topic, *some))


@pytest.mark.parametrize(("topic", "version"), [old for old in OLDER if old[0] in catalogue.TOLD])
def test_an_older_event_fits_the_schema_that_it_was_told_in_and_the_one_that_it_is_told_in(
    topic: str, version: int
) -> None:
    """Whoever kept it finds the schema of what they have, and who is told of it now that of the present version."""
    segments = stored(topic, version)
    was, present = validator(Name(topic, version)), validator(Name(topic, catalogue.version_of(topic)))
    for some in subsets(GOLDEN[topic, version]):
        was.validate(opened(topic, version, *some))
        now = shown(topic, version, {c: text for c, text in segments.items() if c.word in some})
        present.validate(json.loads(merged(now.values())))


def subsets(held: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Coordination, with any of the rest."""
    rest = [word for word in held if word != "coordination"]
    for count in range(len(rest) + 1):
        for some in combinations(rest, count):
            yield ("coordination", *some)


@pytest.mark.parametrize("topic", catalogue.TOLD)
def test_a_schema_has_every_field_with_its_compartment(topic: str) -> None:
    shape = frozen.all_shapes()[Name(topic, catalogue.version_of(topic))]
    declared = {name: c.word for name, c in catalogue.COMPARTMENTS[topic].items()}
    assert {name: said["x-compartment"] for name, said in shape["properties"].items()} == declared
    assert shape["required"] == [n for n, c in catalogue.COMPARTMENTS[topic].items() if c is Compartment.COORDINATION]


def test_what_does_not_fit_is_refused() -> None:
    name = Name("case.IncidentRecorded", catalogue.version_of("case.IncidentRecorded"))
    whole = told("case.IncidentRecorded", "coordination", "incident")
    assert fits(name, whole)
    assert fits(name, {**whole, "of_a_later_release": 1})
    for wrong in (
        {k: v for k, v in whole.items() if k != "incident"},
        {**whole, "gbv_type": "another"},
        {**whole, "happened_at": "yesterday"},
        {**whole, "incident": "not-a-uuid"},
        {**whole, "domestic": "no"},
    ):
        assert not fits(name, wrong)


def test_a_list_with_a_catch_all_may_grow_and_another_may_not() -> None:
    name = Name("case.IncidentRecorded", catalogue.version_of("case.IncidentRecorded"))
    whole = told("case.IncidentRecorded", "coordination", "incident")
    assert fits(name, {**whole, "place": "a-place-that-comes-later"})
    for field, shape in frozen.all_shapes()[name]["properties"].items():
        inner = shape.get("items", shape)
        if "x-list" in inner:
            values = {code.value for code in CODE_LISTS[inner["x-list"]]}
            assert ("x-extensible-enum" in inner) == bool(values & {"other", "lainnya"}), field


def test_the_placeholder_holds_nothing() -> None:
    for placeholder in PLACEHOLDERS:
        assert fits(placeholder, {})
        assert not fits(placeholder, {"occurred_at": "2026-03-03T12:00:00Z"})


def test_a_sealed_message_fits_its_schemas() -> None:
    message = batch_of(3)[1]
    validator(HEADERS).validate({name: text.decode() for name, text in message.headers})
    validator(CLOUDEVENT).validate(envelope.to_cloudevent(message))
    opened = envelope.Opener([KEY], [SERVICE.public_key()]).open(message.headers, message.key, message.value)
    validator(DELIVERY).validate(json.loads(msgspec.json.encode(opened)))
    for field in frozen.all_shapes()[CLOUDEVENT]["required"]:
        assert not fits(CLOUDEVENT, {k: v for k, v in envelope.to_cloudevent(message).items() if k != field})


def test_an_acknowledgement_fits_its_schema() -> None:
    mark = Mark(7, "a-receipt")
    whole = Acknowledgement(
        received=mark, handled=mark, failed=[Failure(6, "unknown-schema")], recovered=[3], deleted=[uuid4()]
    )
    for said in (whole, Acknowledgement(), Acknowledgement(received=mark)):
        validator(ACKNOWLEDGEMENT).validate(json.loads(said.to_json()))
    assert not fits(ACKNOWLEDGEMENT, {"failed": [{"sequence": 6, "reason": "bored"}]})
    assert not fits(ACKNOWLEDGEMENT, {"opened": {"sequence": 6, "receipt": "x"}})


def test_patterns_can_be_read_by_engines_without_look_ahead() -> None:
    assert [str(n) for n, shape in frozen.all_shapes().items() if "(?" in json.dumps(shape)] == []


# Words ---------------------------------------------------------------------------------------------------------


def test_every_event_has_its_step_and_its_meaning() -> None:
    listed = [topic for step in Step for topic in words.chapter(step)]
    assert sorted(listed) == sorted([*catalogue.TOLD, *(name.topic for name in PLACEHOLDERS)])


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_everything_has_words_in_both_languages(name: Name) -> None:
    assert all(title(name)), name
    assert all(meaning(name)), name
    for field in frozen.all_shapes()[name]["properties"]:
        assert field_title(name, field) != (field, field), f"{name} {field}"
        if name.is_event:
            assert field in FIELDS


def test_who_is_told_names_everyone_whom_the_rule_addresses() -> None:
    """Whom an event speaks to is declared with its words: what is worked out cannot go unsaid."""
    addressed = {event: said.to for event, said in HAPPENED.items() if said.to is not None}
    assert addressed
    for event, to in addressed.items():
        assert to.words in words.told_to(event)
        assert all(to.words)


@pytest.mark.parametrize(("topic", "is_told"), [("erasure.DeletionAsked", 1), ("access.AccessRecorded", 0)])
def test_what_agencies_are_told_of(topic: str, is_told: int) -> None:
    assert catalogue.TOLD.count(topic) == is_told
    assert {t.partition(".")[0] for t in catalogue.TOLD} == {"case", "erasure", "agency"}
    assert [t for t in catalogue.TOPICS if t.startswith("case.") and t not in catalogue.TOLD] == []


# Written from them ---------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date() -> None:
    said = (CONSUMERS / "EVENTS.md").read_text("utf-8")
    assert said == markdown.page(), "run `rujukan schemas page > consumers/EVENTS.md`"


def test_the_links_of_the_page_lead_somewhere() -> None:
    text = markdown.page()
    anchors = {line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")}
    linked = {part.partition(")")[0] for part in text.split("](#")[1:]}
    assert linked <= anchors
    assert linked


def test_what_an_agencys_side_knows_is_up_to_date() -> None:
    said = (CONSUMERS / "wire" / "known_events.py").read_text("utf-8")
    assert said == known.module(), "run `rujukan schemas known > consumers/wire/known_events.py`"


def test_a_schema_of_the_future_is_not_known() -> None:
    for topic in catalogue.TOLD:
        highest = catalogue.version_of(topic)
        assert known_events.is_known(topic, highest)
        assert not known_events.is_known(topic, highest + 1)
        assert not known_events.is_known(topic, 0)
    assert not known_events.is_known("case.NeverHappened", 1)
    assert {envelope.ERASED, envelope.DAMAGED} == known_events.PLACEHOLDERS
    assert known_events.is_known(envelope.ERASED, 99)


def test_an_earlier_version_is_read_beside_the_present_one(
    second_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, topic = Name("case.NoteRecorded", 1), "case.NoteRecorded"
    both = {**second_version, earlier: frozen.read(PROMISED)[earlier]}
    for module in (reading, known):
        monkeypatch.setattr(module, "all_shapes", lambda: dict(sorted(both.items())))
    text = markdown.page()
    assert text.index(f"### {topic}.v1\n") < text.index(f"### {topic}\n")
    assert f'    "{topic}": 2,' in known.module()
