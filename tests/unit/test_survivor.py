"""The survivor's report: everything has words, others are not endangered, and the paper can be carried home."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rujukan.domain.catalogue import COMPARTMENTS as COMPARTMENTS_OF
from rujukan.domain.catalogue import TOPICS, topic_of
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import FIELDS, HAPPENED
from rujukan.domain.field_words import COMPARTMENTS
from rujukan.domain.survivor import (
    Agency,
    Handling,
    Looked,
    Reading,
    Record,
    Recorded,
    hideouts,
    looked,
    recorded,
    why,
)
from rujukan.domain.survivor_paper import WIDTH, paper
from rujukan.domain.survivor_times import moment
from rujukan.domain.words import LANGUAGES, Language

AT = datetime(2026, 3, 3, 12, 5, tzinfo=UTC)
RECORDED = [topic for topic in COMPARTMENTS_OF if topic.startswith("case.")]
WITHHELD = {(topic_of(event), field): why for event, said in HAPPENED.items() for field, why in said.withheld.items()}


def agencies(code: str) -> Agency:
    return Agency({"rsud": "RSUD Taman Husada"}.get(code, code), AgencyKind.HEALTH)


def entry(topic: str, language: Language = "en", **values: Any) -> Recorded:
    return recorded(Record(1, topic, AT, "uptd-ppa", values), language, agencies)


def said(entry: Recorded) -> dict[str, str | None]:
    return {item.label: item.value for item in entry.items}


def called(field: str, language: Language = "en") -> str:
    words = FIELDS[field].her
    assert words is not None
    return words.said_in(language)


def handling(topic: str, field: str, **values: Any) -> Handling:
    (item,) = [i for i in entry(topic, **{field: "x", **values}).items if i.label == called(field)]
    return item.handling


# Words -----------------------------------------------------------------------------------------------------------


def test_every_event_every_field_and_every_compartment_has_words_in_both_languages() -> None:
    titles = [HAPPENED[TOPICS[topic]].her for topic in RECORDED]
    fields = {field for topic in RECORDED for field in COMPARTMENTS_OF[topic]}
    assert fields <= FIELDS.keys()
    assert {c.word for c in Compartment} == set(COMPARTMENTS)
    assert all(titles)
    said = [words.her for words in (*FIELDS.values(), *COMPARTMENTS.values()) if words.her is not None]
    assert all(words.id and words.en for words in (*titles, *said) if words is not None)


def test_no_sealed_field_is_taken_for_an_id() -> None:
    sealed = {f for t in RECORDED for f, c in COMPARTMENTS_OF[t].items() if c is not Compartment.COORDINATION}
    assert all(FIELDS[field].her is not None for field in sealed)


def test_what_is_withheld_is_a_field_that_there_is() -> None:
    assert all(field in COMPARTMENTS_OF[topic] for topic, field in WITHHELD)


def test_codes_times_agencies_and_kinds_of_data_are_said_in_words() -> None:
    incident = {"incident": "0b0e7a7e-5c3a-4a0e-9f6e-0d6f0a1b2c3d", "forms": ["seksual", "fisik"], "gbv_type": "rape"}
    found = said(entry("case.IncidentRecorded", "id", **incident, happened_at="2026-03-03T12:05:00Z", domestic=True))
    assert found == {
        "Bentuk kekerasan": "Seksual, Fisik",
        "Jenis kekerasan": "Perkosaan",
        "Waktu kejadian": "3 Maret 2026 pukul 20.05 WITA",
        "Dalam rumah tangga": "ya",
    }
    scope = {"compartments": ["health"], "recipients": ["rsud", "kind:police"], "purposes": ["care"]}
    assert said(entry("case.ConsentGiven", **scope, expires_at=None)) == {
        "Data that is shared": "Health",
        "Recipients": "RSUD Taman Husada, Police, women's and children's unit",
        "Purposes": "Care and accompaniment",
    }
    assert said(entry("case.SurvivorContactRecorded", safe_to_call=False)) == {"Safe to call": "no"}
    assert said(entry("case.ProtectionOrderRecorded", valid_from="2026-03-09")) == {"Valid from": "9 March 2026"}


def test_an_event_or_a_code_that_has_no_words_yet_breaks_nothing() -> None:
    assert entry("case.SomethingNew", name="x").title == "Another record"
    assert said(entry("case.NeedsAssessed", needs=["new-need"])) == {"Needs": "new-need"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_midnight_in_bontang_is_the_next_day(language: Language) -> None:
    assert moment(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), language).startswith("1 Januar")


# What endangers others, or herself ---------------------------------------------------------------------------------


def test_who_reported_is_withheld_unless_she_did_herself() -> None:
    topic = "case.ReportReceived"
    assert handling(topic, "reporter_name", reporter="witness") is Handling.WITHHELD
    assert handling(topic, "reporter_contact", reporter="anonymous") is Handling.WITHHELD
    assert handling(topic, "reporter", reporter="family") is Handling.WITHHELD
    assert handling(topic, "reporter_name", reporter="survivor") is Handling.IF_CHOSEN


@pytest.mark.parametrize(("topic", "field"), [k for k in WITHHELD if not k[1].startswith("reporter")])
def test_what_endangers_others_is_withheld_with_the_reason_and_without_its_value(topic: str, field: str) -> None:
    (item,) = entry(topic, **{field: "Budi, Jalan Melati 3"}).items
    assert (item.handling, item.value) == (Handling.WITHHELD, None)
    assert item.why


def test_where_she_can_be_found_and_her_plan_are_shown_and_not_printed() -> None:
    for topic, field in (("case.SurvivorContactRecorded", "address"), ("case.SafetyPlanAgreed", "plan")):
        assert handling(topic, field) is Handling.ON_SCREEN
    assert handling("case.NoteRecorded", "health") is Handling.IF_CHOSEN


# Who looked, and why -----------------------------------------------------------------------------------------------


def test_a_basis_is_said_without_ids_and_an_override_with_its_rule() -> None:
    id = "0b0e7a7e-5c3a-4a0e-9f6e-0d6f0a1b2c3d"
    assert why(f"consent {id}; consent {id}; referral {id}", "en") == (
        "consent was given for it; you were referred to that agency"
    )
    assert why(f"override {id} court-order: Penetapan 12/2026", "id") == (
        "tanpa persetujuan Anda, karena aturan hukum: Penetapan atau putusan pengadilan, Penetapan 12/2026"
    )
    assert why("survivor-request: UU 27/2022", "en") == "you asked for it"
    assert why("break-glass:imminent-danger", "en") == "an emergency: Imminent danger to life"


def test_a_reading_is_told_with_role_agency_data_and_purpose() -> None:
    reading = Reading(9, AT, "rsud", Role.CASE_WORKER, Purpose.CARE, ["health"], "timeline", "lead")
    found = looked(reading, "en", agencies)
    assert (found.agency, found.role, found.purpose) == ("RSUD Taman Husada", "Case worker", "Care and accompaniment")
    assert (found.data, found.what) == (["Health"], "the timeline")
    unknown = looked(Reading(9, AT, "rsud", Role.SUPERVISOR, Purpose.CARE, [], "a new view", "new"), "en", agencies)
    assert unknown.what == "a new view"


# The paper ---------------------------------------------------------------------------------------------------------

TELLING = ("Budi", "Jalan Melati 3", "HIV", "rape", "rumah-aman", "shelter", "kind:shelter", "lindung", "2026-03-03")
KINDS = {"lindung": AgencyKind.SHELTER, "dinas-sosial": AgencyKind.SOCIAL}


def places(code: str) -> Agency:
    return Agency(f"Instansi {code}", KINDS.get(code, AgencyKind.HEALTH))


@st.composite
def files(draw: st.DrawFn) -> list[Record]:
    """Files of a few entries in which every field of every event may say anything that tells."""
    word = st.sampled_from(TELLING) | st.text(min_size=1, max_size=8)
    told = word | st.lists(word, min_size=1, max_size=2) | st.booleans()
    topics = draw(st.lists(st.sampled_from(RECORDED), min_size=1, max_size=5))
    author = st.sampled_from(("uptd-ppa", "dinas-sosial", "lindung"))
    return [
        Record(n, topic, AT, draw(author), {field: draw(told) for field in COMPARTMENTS_OF[topic]})
        for n, topic in enumerate(topics)
    ]


def shown(file: list[Record], language: Language) -> tuple[list[Recorded], list[Looked]]:
    hiding = hideouts(file, places)
    read = [
        Reading(90 + r.position, AT, r.agency, Role.SUPERVISOR, Purpose.CARE, ["health"], "case", "x") for r in file
    ]
    return (
        [recorded(r, language, places, hiding) for r in file],
        [looked(r, language, places, hiding) for r in read],
    )


def choosable(entries: list[Recorded], looks: list[Looked]) -> list[str]:
    every = [*entries, *(item for entry in entries for item in entry.items), *looks]
    return [one.line for one in every if one.line is not None]


@given(files(), st.sampled_from(LANGUAGES))
def test_without_a_choice_the_paper_is_the_same_for_everybody(file: list[Record], language: Language) -> None:
    assert paper(*shown(file, language), language) == paper([], [], language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", RECORDED)
def test_no_field_of_any_event_is_on_the_paper_that_nobody_chose_from(topic: str, language: Language) -> None:
    file = [Record(1, topic, AT, "lindung", {field: f"Petunjuk {field}" for field in COMPARTMENTS_OF[topic]})]
    text = paper(*shown(file, language), language)
    assert "Petunjuk" not in text
    assert "Instansi" not in text
    assert HAPPENED[TOPICS[topic]].her.said_in(language) not in text  # type: ignore[union-attr]


@given(files(), st.sampled_from(LANGUAGES), st.data())
def test_a_chosen_line_adds_that_line_and_nothing_else(
    file: list[Record], language: Language, data: st.DataObject
) -> None:
    entries, looks = shown(file, language)
    lines = choosable(entries, looks)
    assert len(set(lines)) == len(lines)
    chosen = data.draw(st.sets(st.sampled_from(lines)) if lines else st.just(set[str]()))
    slip = paper([], [], language)
    parts = [
        paper(entries, looks, language, {line}).removeprefix(slip).removeprefix("\n")
        for line in lines
        if line in chosen
    ]
    assert sorted(paper(entries, looks, language, chosen).removeprefix(slip).split()) == sorted("".join(parts).split())


@given(files())
def test_no_choice_brings_a_place_to_hide_onto_paper(file: list[Record]) -> None:
    entries, looks = shown(file, "en")
    text = paper(entries, looks, "en", choosable(entries, looks))
    assert "Instansi lindung" not in text
    for entry, record in zip(entries, file, strict=True):
        if record.agency == "lindung":
            assert choosable([entry], []) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_was_asked_for_a_place_to_hide_is_on_no_paper(language: Language) -> None:
    draft = {"service": "rumah-aman", "recipient": "dinas-sosial", "sender": "uptd-ppa"}
    file = [
        Record(1, "case.ReferralDrafted", AT, "uptd-ppa", draft),
        Record(2, "case.ReferralAccepted", AT, "dinas-sosial", {}),
        Record(3, "case.NeedsAssessed", AT, "uptd-ppa", {"needs": ["health", "shelter"]}),
        Record(4, "case.ConsentGiven", AT, "uptd-ppa", {"recipients": ["kind:shelter"]}),
        Record(5, "case.ConsentGiven", AT, "uptd-ppa", {"recipients": ["rsud", "dinas-sosial"]}),
        Record(6, "case.ServiceDelivered", AT, "dinas-sosial", {"service": "kesehatan"}),
        Record(7, "case.NeedsAssessed", AT, "uptd-ppa", {"needs": ["health"]}),
    ]
    entries, looks = shown(file, language)
    assert {line.partition(".")[0] for line in choosable(entries, [])} == {"7"}
    text = paper(entries, looks, language, choosable(entries, looks))
    assert "Instansi dinas-sosial" not in text
    assert "Instansi uptd-ppa" in text


@pytest.mark.parametrize("line", ["1", "1.address", "1.plan", "2.name", "3", "x", ""])
def test_what_is_never_printed_cannot_be_chosen(line: str) -> None:
    file = [
        Record(1, "case.ReferralAccepted", AT, "lindung", {}),
        Record(1, "case.SurvivorContactRecorded", AT, "uptd-ppa", {"address": "Jalan Rahasia 1"}),
        Record(1, "case.SafetyPlanAgreed", AT, "uptd-ppa", {"plan": "x"}),
        Record(2, "case.AllegedPerpetratorRecorded", AT, "uptd-ppa", {"name": "Budi"}),
    ]
    entries, looks = shown(file[:1], "id")
    hidden = [recorded(r, "id", places) for r in file[1:]]
    only_items = [Recorded(e.position, e.kind, e.title, e.at, e.agency, e.items) for e in hidden]
    with pytest.raises(KeyError):
        paper([*entries, *only_items], looks, "id", {line})


def test_the_paper_has_no_character_that_is_not_seen_and_its_lines_fit() -> None:
    said = "baris satu\nbaris\u202e dua\u200b\x07 " + "panjang " * 40
    entries = [entry("case.NoteRecorded", health=said)]
    reading = looked(Reading(9, AT, "rsud", Role.CASE_WORKER, Purpose.CARE, ["health"], "case", "lead"), "id", agencies)
    for language in LANGUAGES:
        text = paper(entries, [reading], language, choosable(entries, [reading]))
        assert "baris satu\n" in text
        assert not [c for c in text if (ord(c) < 32 and c != "\n") or c in "\u202e\u200b"]
        assert max(map(len, text.splitlines())) <= WIDTH
        assert "RSUD Taman Husada" in text
