"""Every event by its topic: where each field belongs, and that what was written once is read for ever."""

import json
from itertools import combinations
from typing import Annotated, Any

import msgspec
import pytest
from examples import EXAMPLES
from stored import GOLDEN, OLDER, frozen
from story import NOON, NOTE, consent, say

from rujukan.api.contract import MADE_HERE
from rujukan.domain import access, agency, catalogue
from rujukan.domain.case.assessments import RiskAssessed, SafetyPlanAgreed
from rujukan.domain.case.consents import ConsentGiven, ConsentWithdrawn
from rujukan.domain.case.identity import SurvivorContactRecorded, SurvivorIdentified
from rujukan.domain.case.incidents import AllegedPerpetratorRecorded, IncidentRecorded
from rujukan.domain.case.intake import CaseOpened
from rujukan.domain.case.lifecycle import CaseClosed
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.case.orders import ProtectionOrderRecorded
from rujukan.domain.case.referrals import ReferralCancelled, ReferralSent, SendReferral
from rujukan.domain.casefile.clocks import ClockStarted
from rujukan.domain.compartment import Compartment, Health, compartments_of
from rujukan.domain.declaring import ASKED, HAPPENED
from rujukan.domain.fact import Fact
from rujukan.infra.store.transcoder import LaterRelease, later, merged, shown, to_event, to_segments, topic_of

COORDINATION_ONLY = {
    ReferralSent,
    ReferralCancelled,
    ConsentWithdrawn,
    CaseOpened,
    CaseClosed,
    agency.ServicesOffered,
    access.AccessRecorded,
}


def said(event: Fact) -> dict[str, Any]:
    """Field → value, of the fields that are not sealed and in which something was said."""
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None and value is not msgspec.UNSET}


OF_AGENCIES = ("agency_hours", "agency_keys", "judged", "notices", "recovery", "webhook")
"""Rooms whose events stand in an agency's stream, or are said to an agency."""

# Topics ------------------------------------------------------------------------------------------------------


def test_every_event_has_a_topic_of_its_own() -> None:
    assert len(catalogue.TOPICS) == len(set(catalogue.TOPICS.values())) == len(HAPPENED)


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_a_topic_is_its_family_and_its_name_and_no_python_path(topic: str) -> None:
    event = catalogue.TOPICS[topic]
    room = event.__module__.removeprefix("rujukan.domain.").partition(".")[0]
    family = {
        "casefile": "case",
        "damaged": "erasure",
        "sending": "delivery",
        **dict.fromkeys(OF_AGENCIES, "agency"),
    }.get(room, room)
    assert topic == f"{family}.{event.__name__}"


def test_every_event_that_is_written_is_declared() -> None:
    """A class with a topic that its file forgot to declare would be stored, and never read."""
    rest: list[type[Fact]] = [Fact]
    tagged: set[type[Fact]] = set()
    while rest:
        for of in rest.pop().__subclasses__():
            rest.append(of)
            if isinstance(of.__struct_config__.tag, str) and of.__module__.startswith("rujukan.domain."):
                tagged.add(of)
    assert tagged == set(HAPPENED)


def test_what_is_no_event_has_no_topic() -> None:
    with pytest.raises(TypeError, match="has no topic"):
        catalogue.topic_of(SendReferral)


# Compartments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_every_field_of_an_event_declares_exactly_one_compartment(topic: str) -> None:
    event = catalogue.TOPICS[topic]
    declared = catalogue.COMPARTMENTS[topic]
    assert list(declared) == list(event.__struct_fields__)
    assert declared["occurred_at"] is Compartment.COORDINATION


COMMANDS = list(ASKED)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_field_of_a_command_declares_exactly_one_compartment(command: type[Fact]) -> None:
    assert set(compartments_of(command)) == set(command.__struct_fields__)


class Undeclared(Fact, frozen=True, kw_only=True):
    remark: str


class Twice(Fact, frozen=True, kw_only=True):
    remark: Annotated[str, Compartment.HEALTH, Compartment.LEGAL]


class OneOfTwo(Fact, frozen=True, kw_only=True):
    result: Health[str]
    remark: Annotated[str, msgspec.Meta(max_length=9)]


@pytest.mark.parametrize(("wrong", "count"), [(Undeclared, 0), (Twice, 2), (OneOfTwo, 0)])
def test_a_field_without_exactly_one_compartment_is_no_field_of_an_event(wrong: type[Fact], count: int) -> None:
    with pytest.raises(TypeError, match=f"remark declares {count} compartments"):
        compartments_of(wrong)


@pytest.mark.parametrize(
    "event", sorted(COORDINATION_ONLY, key=lambda event: event.__name__), ids=lambda event: event.__name__
)
def test_what_the_rules_and_lists_need_stays_in_coordination(event: type[Fact]) -> None:
    assert set(compartments_of(event).values()) == {Compartment.COORDINATION}


def test_the_story_is_no_coordination() -> None:
    story_fields = {
        IncidentRecorded: {
            *("forms", "gbv_type", "kinds", "happened_at", "happened_until", "roughly", "repeated_since", "place"),
            *("narrative", "domestic", "penetration", "pregnancy_possible", "complains", "disability", "told_by"),
        },
        SurvivorIdentified: {
            *("name", "nik", "born_on", "sex", "language", "guardian_name"),
            *("identifier", "identifier_number", "nik_warning"),
        },
        SurvivorContactRecorded: {"phone", "address", "safe_times", "safe_to_call"},
        ClockStarted: {"need", "care"},
        RiskAssessed: {"level", "reasons"},
        ProtectionOrderRecorded: {"order", "issued_by", "valid_from", "valid_until", "terms"},
    }
    for event, fields in story_fields.items():
        sealed = {name for name, where in compartments_of(event).items() if where is not Compartment.COORDINATION}
        assert sealed == fields, event.__name__


# Written once, read for ever ---------------------------------------------------------------------------------


def test_every_version_of_every_topic_has_a_frozen_example() -> None:
    assert set(EXAMPLES) == set(catalogue.TOPICS)
    assert set(GOLDEN) == {(t, n) for t in catalogue.TOPICS for n in range(1, catalogue.version_of(t) + 1)}


@pytest.mark.parametrize("topic", list(EXAMPLES))
def test_an_example_says_something_in_every_field(topic: str) -> None:
    example = EXAMPLES[topic]
    fixed = {"algorithm"}
    for field in msgspec.structs.fields(example):
        if field.name not in fixed:
            assert getattr(example, field.name) != field.default, field.name
    assert set(to_segments(example)) == set(compartments_of(type(example)).values())


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_an_event_is_written_today_as_it_was_first_written(topic: str) -> None:
    assert to_segments(EXAMPLES[topic]) == frozen(topic)


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_an_event_that_was_written_once_is_read_for_ever(topic: str) -> None:
    read = to_event(topic, catalogue.version_of(topic), frozen(topic))
    assert isinstance(read, catalogue.TOPICS[topic])
    assert said(read) == said(EXAMPLES[topic])
    assert topic_of(read) == topic


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_what_was_read_whole_is_written_again_as_it_was(topic: str) -> None:
    assert to_segments(to_event(topic, catalogue.version_of(topic), frozen(topic))) == frozen(topic)


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_with_coordination_alone_an_event_tells_coordination_alone(topic: str) -> None:
    """Every other field is UNSET, required or not: nobody takes what is sealed for what was not said."""
    segments = frozen(topic)
    read = to_event(topic, catalogue.version_of(topic), {Compartment.COORDINATION: segments[Compartment.COORDINATION]})
    event = EXAMPLES[topic]
    for name, compartment in catalogue.COMPARTMENTS[topic].items():
        if compartment is Compartment.COORDINATION:
            assert getattr(read, name) == getattr(event, name)
        else:
            assert getattr(read, name) is msgspec.UNSET


def test_nothing_said_makes_no_segment() -> None:
    assert set(to_segments(say(NoteRecorded, note=NOTE))) == {Compartment.COORDINATION}
    assert set(to_segments(say(NoteRecorded, note=NOTE, legal="x"))) == {
        Compartment.COORDINATION,
        Compartment.LEGAL,
    }


def test_a_segment_in_which_something_is_said_is_written_whole() -> None:
    """So a later change of a default changes nothing of what was written."""
    plan = to_segments(say(SafetyPlanAgreed, plan="a neighbour knows"))
    assert json.loads(plan[Compartment.SAFETY]) == {"plan": "a neighbour knows", "review_on": None}
    contact = to_segments(say(SurvivorContactRecorded, phone="0000"))
    assert set(contact) == {Compartment.COORDINATION, Compartment.CONTACT}
    unsaid = {"address": None, "safe_times": None, "safe_to_call": None}
    assert json.loads(contact[Compartment.CONTACT]) == {"phone": "0000", **unsaid}
    given = to_segments(consent())
    assert set(given) == {Compartment.COORDINATION}
    assert json.loads(given[Compartment.COORDINATION]).keys() == {
        name for name, where in compartments_of(ConsentGiven).items() if where is Compartment.COORDINATION
    }


def test_what_was_not_said_reads_unset_where_its_compartment_has_no_segment_and_its_default_where_it_has() -> None:
    topic = "case.AllegedPerpetratorRecorded"
    segments = to_segments(say(AllegedPerpetratorRecorded, relation="neighbour"))
    assert set(segments) == {Compartment.COORDINATION, Compartment.LEGAL}
    read = to_event(topic, 1, segments)
    assert isinstance(read, AllegedPerpetratorRecorded)
    assert (read.relation, read.name, read.description) == ("neighbour", None, None)
    assert read.danger is msgspec.UNSET


@pytest.mark.parametrize("topic", list(catalogue.TOPICS))
def test_each_compartment_opens_for_itself_and_leaves_the_others_unset(topic: str) -> None:
    segments, event = frozen(topic), EXAMPLES[topic]
    for opened in segments:
        kept = {c: segments[c] for c in (Compartment.COORDINATION, opened)}
        read = to_event(topic, catalogue.version_of(topic), kept)
        for name, compartment in catalogue.COMPARTMENTS[topic].items():
            expected = getattr(event, name) if compartment in kept else msgspec.UNSET
            assert getattr(read, name) == expected, name


def test_segments_merge_to_one_object() -> None:
    assert json.loads(merged([b'{"a":1}', b"{}", b'{"b":{"c":2}}'])) == {"a": 1, "b": {"c": 2}}
    assert merged([]) == b"{}"


def test_an_unknown_topic_and_a_version_that_is_to_come_are_of_a_later_release() -> None:
    with pytest.raises(LaterRelease, match=r"case\.NeverHappened in version 1 .*knows none"):
        to_event("case.NeverHappened", 1, {})
    for topic in catalogue.TOPICS:
        known = catalogue.version_of(topic)
        assert later(topic, known) == ""
        assert later(topic, known + 1).startswith(f"{topic} in version {known + 1}")


def test_a_segment_of_another_shape_is_not_read() -> None:
    with pytest.raises(msgspec.ValidationError):
        to_event("case.ReferralSent", 1, {Compartment.COORDINATION: b'{"occurred_at":"2026-03-03T12:00:00Z"}'})


# Upcasting ---------------------------------------------------------------------------------------------------

TOPIC = "case.NoteRecorded"


@pytest.fixture
def third_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `subject` had been `title` in version 1, and `about` in version 2."""
    monkeypatch.setitem(catalogue.VERSIONS, TOPIC, 3)
    renamed = {(TOPIC, 1): ("title", "about"), (TOPIC, 2): ("about", "subject")}
    for key, (old, new) in renamed.items():
        monkeypatch.setitem(
            catalogue.UPCASTS,
            key,
            lambda fields, old=old, new=new: {new if k == old else k: v for k, v in fields.items()},
        )


OLD = {
    Compartment.COORDINATION: json.dumps(
        {"occurred_at": NOON.isoformat(), "note": str(NOTE), "title": "a visit"}
    ).encode(),
    Compartment.HEALTH: b'{"health":"better"}',
}


@pytest.mark.usefixtures("third_version")
def test_an_old_record_is_read_as_today_has_it() -> None:
    read = to_event(TOPIC, 1, OLD)
    assert said(read) == said(say(NoteRecorded, note=NOTE, subject="a visit", health="better"))
    assert isinstance(read, NoteRecorded)


@pytest.mark.usefixtures("third_version")
def test_an_old_record_that_stays_sealed_in_part_is_read_in_part() -> None:
    read = to_event(TOPIC, 1, {Compartment.COORDINATION: OLD[Compartment.COORDINATION]})
    assert isinstance(read, NoteRecorded)
    assert read.subject == "a visit"
    assert read.health is msgspec.UNSET


@pytest.mark.usefixtures("third_version")
def test_a_record_of_today_is_not_upcast() -> None:
    today = to_segments(say(NoteRecorded, note=NOTE, subject="a visit"))
    assert said(to_event(TOPIC, 3, today))["subject"] == "a visit"
    assert catalogue.version_of("case.ReferralCancelled") == 1


def test_a_version_for_which_there_is_no_upcast_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.VERSIONS, TOPIC, 2)
    with pytest.raises(KeyError):
        to_event(TOPIC, 1, OLD)


def test_every_upcast_leads_to_a_version_there_is() -> None:
    for topic, version in catalogue.UPCASTS:
        assert topic in catalogue.TOPICS
        assert 1 <= version < catalogue.version_of(topic)
    for topic, version in catalogue.VERSIONS.items():
        assert all((topic, older) in catalogue.UPCASTS for older in range(1, version))


@pytest.mark.parametrize(("topic", "version"), OLDER)
def test_an_older_version_reads_as_the_present_one_whatever_is_opened_of_it(topic: str, version: int) -> None:
    """What was said in it is read, in the compartments that were opened, and in no other; and it fits the class."""
    segments, held = frozen(topic, version), catalogue.COMPARTMENTS[topic]
    for count in range(len(segments)):
        for more in combinations([c for c in segments if c is not Compartment.COORDINATION], count):
            some = {c: segments[c] for c in (Compartment.COORDINATION, *more)}
            today = shown(topic, version, some)
            assert today.keys() == some.keys()
            fields = {n: v for text in today.values() for n, v in json.loads(text).items()}
            assert fields.keys() <= held.keys()
            read = to_event(topic, version, some)
            assert isinstance(read, catalogue.TOPICS[topic])
            assert {n for n in held if getattr(read, n) is not msgspec.UNSET} == fields.keys()
            was = {n: v for text in some.values() for n, v in json.loads(text).items()}
            assert all(fields[n] in (was[n], None) for n in was if n in fields)


# Told and shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", list(EXAMPLES))
def test_what_the_service_makes_for_itself_is_not_shown(topic: str) -> None:
    """No request carries it, so nobody but the service needs it; and all else is shown as it was said."""
    segments = to_segments(EXAMPLES[topic])
    told = shown(topic, catalogue.version_of(topic), segments)
    seen = {n: v for text in told.values() for n, v in msgspec.json.decode(text).items()}
    said = {n: v for text in segments.values() for n, v in msgspec.json.decode(text).items()}
    assert seen == {name: None if name in MADE_HERE else value for name, value in said.items()}
    assert told.keys() == segments.keys()
