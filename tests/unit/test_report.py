"""The readable report: what it says and never says, that the same facts are the same file, and its signature."""

import io
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.serialization import pkcs12
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfReader
from report_certificates import Holder, a_holder, timestamp_server
from report_facts import AT, HOUR, SAID, an_event, facts
from some import thorough

from rujukan.consumers.evidence.figures import LABELS, Figures, brief, instant, lines
from rujukan.domain.catalogue import TOPICS, WITHHELD
from rujukan.domain.code import Code
from rujukan.domain.compartment import Compartment
from rujukan.domain.declaring import FIELDS, HAPPENED
from rujukan.domain.field_kinds import kinds_of
from rujukan.domain.field_words import COMPARTMENTS, LANGUAGES
from rujukan.domain.recovery import Numbers
from rujukan.infra.bundle.facts import fields_of
from rujukan.infra.report import facts as f
from rujukan.infra.report.canvas import LEFT, RIGHT, Canvas
from rujukan.infra.report.fonts import font
from rujukan.infra.report.labels import Language, Reader
from rujukan.infra.report.labels import event as labels_of
from rujukan.infra.report.numbers import Numbers as Numbered
from rujukan.infra.report.pages import Contradiction, render
from rujukan.infra.report.pdf_file import Bar, Shape, Text
from rujukan.infra.report.pen import Pen
from rujukan.infra.report.signature import (
    FINDINGS,
    Signer,
    SignerUnusable,
    TimestampRefused,
    sign,
    verify_signature,
)
from rujukan.infra.report.timeline import draw
from rujukan.infra.report.words import WORDS, Words

SAME_IN_WORDS: frozenset[str] = frozenset()
"""Codes that are words of their own."""
LANGUAGES_OF_A_REPORT: tuple[Language, ...] = ("id", "en")
HOSTILE = {
    "control characters": "\x00\x01\x07\x1b[31m\x7f\x9b" * 50,
    "right to left": "aman \u202e\u2066بسم الله\u2069\u202c שלום" * 20,
    "emoji": "\U0001f600\U0001f469\u200d\U0001f467" * 50,
    "lone surrogate": "\ud800 \udfff",
    "one long word": "w" * 20_000,
    "only line breaks": "\n" * 20_000,
    "only spaces": " " * 20_000,
    "line breaks of all kinds": "a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h",
    "marks upon marks": "a" + "\u0301" * 5_000,
    "syntax": "%s {page} {0} ) ( \\ << >> endobj /Contents <script>&amp;",
    "a full text": "Uraian yang panjang sekali. " * 714,
    "non-characters": "\ufffe\uffff\ufeff\u00ad\ufdd0",
}


def chapters_of(words: Words) -> list[str]:
    """Titles of the chapters, in order."""
    own = [words.chronology, words.documents, words.accesses, words.ledger, words.meaning, words.appendix]
    return [words.title, *own]


def text_of(pdf: bytes) -> str:
    """All text, pages parted by form feeds."""
    return "\f".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


def without_feet(text: str) -> str:
    """What stands above the foot of each page."""
    return re.sub(r"(?:Kasus|Case) \S+ · [^\n\f]*", "", text)


def telling(value: f.Value, **more: object) -> f.ReportFacts:
    """Facts whose only event tells this."""
    return facts(events=(an_event(fields=(f.Field(name="narrative", compartment="incident", value=value),)),), **more)


# Labels ------------------------------------------------------------------------------------------------------


def test_every_topic_has_a_label_in_both_languages() -> None:
    assert all(all(HAPPENED[event].label) for event in TOPICS.values())


def test_every_field_and_compartment_has_a_label_in_both_languages() -> None:
    of_events = {name for event in TOPICS.values() for name in event.__struct_fields__}
    assert set(FIELDS) == of_events | set(Numbers.__struct_fields__)
    assert list(COMPARTMENTS) == [c.word for c in Compartment]
    assert all(
        all(pair) for pair in (*(w.label for w in (*FIELDS.values(), *COMPARTMENTS.values())), *FINDINGS.values())
    )


def test_labels_tell_events_apart() -> None:
    for n in range(2):
        assert len({HAPPENED[event].label[n] for event in TOPICS.values()}) == len(TOPICS)


def test_what_has_no_label_stands_under_its_own_name() -> None:
    said = text_of(
        render(
            facts(
                events=(
                    an_event(
                        topic="case.OfALaterRelease",
                        fields=(f.Field(name="of_a_later_release", compartment="incident", value="baru"),),
                    ),
                )
            ),
            "id",
        )
    )
    assert "case.OfALaterRelease" in said
    assert "of_a_later_release" in said


def test_both_languages_have_every_sentence_and_the_font_has_its_characters() -> None:
    shown = font("regular").widths.keys() & font("bold").widths.keys()
    for words in WORDS.values():
        said = msgspec.structs.asdict(words)
        assert all(said.values())
        flattened = msgspec.json.encode(said, enc_hook=str).decode()
        assert set(flattened) <= {*shown, "\n"}
    holes = re.compile(r"\{+\w+\}+")
    for name in WORDS["id"].__struct_fields__:
        ours, theirs = (sorted(holes.findall(str(getattr(WORDS[one], name)))) for one in LANGUAGES_OF_A_REPORT)
        assert ours == theirs or name == "clock_states", name


# What it says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_a_report_says_what_it_was_given(language: Language) -> None:
    told = facts()
    pages = text_of(render(told, language)).split("\f")
    said = "\n".join(pages)
    for value in (told.case, told.bundle, told.recipient, told.basis, "RSUD Taman Husada", "cd" * 16, "ef" * 16, "41"):
        assert flat(value) in flat(said)
    front = pages[0]
    as_of = {"id": "4 Maret 2026 pukul 16.00.00 WITA", "en": "4 March 2026, 16:00:00 WITA"}
    assert as_of[language] in front  # eight hours ahead of UTC
    assert {"id": "kesehatan, identitas, kontak", "en": "health, identity, contact"}[language] in front
    words = WORDS[language]
    for title in chapters_of(words):
        assert title in said
    assert flat(told.ledger.root_hash) in flat(said)
    assert flat(told.ledger.witnesses[0].name) in flat(said)
    for sentence in (*words.proven, *words.not_proven):
        assert flat(sentence) in flat(said)


@pytest.mark.thorough
def test_codes_times_and_agencies_are_said_in_words() -> None:
    said = flat(text_of(render(facts(), "id")))
    for words in (
        "Kekerasan seksual lain",
        "Fisik, Seksual",
        "3 Maret 2026 pukul 18.00.00 WITA",
        "setiap instansi jenis “Kepolisian (Unit PPA)”, RSUD Taman Husada",
        "kesehatan, kejadian",
        "Dalam rumah tangga",
    ):
        assert flat(words) in said
    assert "Women's Office" in text_of(render(facts(), "en"))


def test_no_field_of_a_code_list_is_said_by_its_code() -> None:
    """Every code of every field of every event, and the language that consent was asked in, has words in the report."""
    told = {("case.ConsentGiven", "language"): list(LANGUAGES)}
    for topic, event in TOPICS.items():
        for name in event.__struct_fields__:
            lists = [k for k in kinds_of(topic, name) if isinstance(k, type) and issubclass(k, Code)]
            told |= {(topic, name): [code.value for of in lists for code in of]} if lists else {}
    for language in LANGUAGES_OF_A_REPORT:
        read = Reader(language, ())
        for (topic, name), values in told.items():
            for value in values:
                said = read.value(topic, name, value)
                assert said != value or value.isdigit() or said in SAME_IN_WORDS, (topic, name, value)


def test_an_entry_that_was_struck_shows_as_such_with_what_struck_it_and_what_is_right() -> None:
    """Where what struck it is not disclosed, nothing says so: neither report nor verifier can know."""
    wrong = an_event(8, topic="case.NoteRecorded", fields=())
    said = (
        f.Field(name="entry", compartment="coordination", value=wrong.version),
        f.Field(name="because", compartment="coordination", value="not-accurate"),
    )
    right = (*said, f.Field(name="instead", compartment="coordination", value=9))
    for fields, ours, theirs in (
        (said, "[dicoret melalui No. 6: Tidak tepat]", "[struck by No. 6: Not accurate]"),
        (
            right,
            "[dicoret melalui No. 6: Tidak tepat; berlaku: No. 9]",
            "[struck by No. 6: Not accurate; No. 9 holds instead]",
        ),
    ):
        told = facts(events=(wrong, an_event(12, topic="case.EntryStruck", fields=fields)))
        assert flat(ours) in flat(text_of(render(told, "id")))
        assert flat(theirs) in flat(text_of(render(told, "en")))
    hidden = facts(events=(wrong, an_event(12, topic="", fields=(), occurred_at=None, wholly_withheld=True)))
    assert "struck" not in text_of(render(hidden, "en"))


def test_withheld_and_erased_compartments_show_as_such() -> None:
    events = (
        an_event(3, fields=(), withheld=("health", "contact")),
        an_event(4, fields=(), erased=("safety",)),
        an_event(5, topic="", fields=(), occurred_at=None, wholly_withheld=True),
    )
    told = facts(events=events)
    ours, theirs = text_of(render(told, "id")), text_of(render(told, "en"))
    assert "[tidak diungkap: kesehatan, kontak]" in ours
    assert "[withheld: health, contact]" in theirs
    assert "[telah dihapus, kunci dimusnahkan: keselamatan]" in ours
    assert "[seluruh isi peristiwa ini tidak diungkap]" in ours
    assert "[all that this event says is withheld]" in theirs
    assert flat(WORDS["id"].not_counted.format(n=1)) in flat(ours)


@pytest.mark.parametrize(
    "event",
    [
        an_event(fields=(f.Field(name="health", compartment="health", value=SAID),)),
        an_event(fields=(f.Field(name="economic", compartment="economic", value=SAID),)),
        an_event(fields=(f.Field(name="narrative", compartment="incident", value=SAID),), withheld=("incident",)),
        an_event(fields=(f.Field(name="narrative", compartment="incident", value=SAID),), erased=("incident",)),
        an_event(fields=(f.Field(name="narrative", compartment="incident", value=SAID),), wholly_withheld=True),
    ],
    ids=["withheld", "not disclosed", "withheld in this event", "erased in this event", "wholly withheld"],
)
def test_content_of_what_is_withheld_is_refused_and_not_repeated(event: f.Event) -> None:
    with pytest.raises(Contradiction) as refused:
        render(facts(events=(event,)), "id")
    assert SAID not in str(refused.value)


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_each_figure_stands_as_the_verifier_prints_it_and_in_that_order(language: Language) -> None:
    told = facts()
    said, at = flat(text_of(render(told, language))), 0
    assert set(LABELS) == set(Figures._fields)
    for label, figure in lines(told.figures, language):
        at = said.index(flat(label + figure), at) + 1


@pytest.mark.thorough
@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_it_speaks_of_a_signature_only_where_there_is_one(language: Language) -> None:
    words = WORDS[language]
    for signed, is_there in ((True, words.signed), (False, words.unsigned)):
        said = flat(text_of(render(facts(signed=signed), language)))
        assert [flat(one) in said for one in (words.signed, words.unsigned)] == [signed, not signed], is_there


def test_a_report_without_witnesses_says_so() -> None:
    ledger = msgspec.structs.replace(facts().ledger, witnesses=())
    said = flat(text_of(render(facts(ledger=ledger), "en")))
    assert flat(WORDS["en"].unwitnessed) in said
    assert flat(WORDS["en"].no_witness) in said


def test_an_empty_case_is_a_report_too() -> None:
    bare = facts(events=(), referrals=(), clocks=(), documents=(), accesses=(), agencies=(), withheld=())
    assert text_of(render(bare, "id")).count(WORDS["id"].none) >= 6


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        render(facts(as_of=datetime(2026, 3, 3)), "id")


# Pages -------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_becomes_pages(text: str) -> None:
    pdf = render(telling(text, case=text[:40], recipient=text), "id")
    assert text_of(pdf).count("Halaman ") == len(PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.thorough
def test_a_long_text_is_all_there_and_within_the_page() -> None:
    words = " ".join(f"kata{n}" for n in range(2400))
    pdf = render(telling(words), "id")
    titles = flat("".join(WORDS["id"].chronology_columns))
    assert flat(words) in flat(without_feet(text_of(pdf))).replace(titles, "")
    places: list[tuple[float, float]] = []

    def seen(text: str, _cm: object, at: list[float], *_: object) -> None:
        if text.strip():
            places.append((at[4], at[5]))

    for page in PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(visitor_text=seen)
    assert len(places) > 400
    assert all(LEFT <= x < RIGHT and 20 < y < 810 for x, y in places)


@given(st.text(), st.sampled_from([8.0, 60.0, 480.0]))
def test_wrapping_loses_nothing_that_is_seen(text: str, width: float) -> None:
    paper = Canvas("{n}")
    lines = paper.wrap(text, "bold", 9, width)
    assert all(font("bold").width(line, 9) <= width or len(line) == 1 for line in lines)
    kept = "".join(lines).replace(" ", "")
    wanted = paper.legible(text).replace(" ", "").replace("\n", "")
    assert kept == wanted or "\n" * 4 in re.sub(" +", "", paper.legible(text))


def test_lines_are_never_wider_than_the_page() -> None:
    paper = Canvas("{n}")
    for text in HOSTILE.values():
        for width in (20.0, 130.0, 480.0):
            lines = paper.wrap(text, "regular", 9, width)
            assert all(font("regular").width(line, 9) <= width or len(line) == 1 for line in lines)


def test_characters_that_cannot_be_shown_are_replaced_counted_and_named() -> None:
    said = flat(text_of(render(telling("aman \U0001f600\U0001f600 \u202e selesai"), "id")))
    assert flat("aman �� � selesai") in said
    assert flat(WORDS["id"].unshown.format(n=3, codes="U+1F600 ×2, U+202E ×1")) in said


@pytest.mark.thorough
def test_a_table_goes_on_over_the_page_under_its_titles() -> None:
    accesses = tuple(msgspec.structs.replace(facts().accesses[0], position=n, what=f"{n}-dilihat") for n in range(300))
    pages = text_of(render(facts(accesses=accesses), "id")).split("\f")
    over = [page for page in pages if "-dilihat" in page]
    assert len(over) > 3
    assert all("Yang dibuka" in page for page in over)
    assert all(flat(f"{n}-dilihat") in flat("".join(over)) for n in range(300))


def test_a_heading_stands_on_the_page_of_what_follows_it() -> None:
    """Wherever on the page it comes, and of whatever height what follows is."""
    after = ("kata " * 900, "satu baris", "x\n" * 6)
    for kind in range(5):
        for filled in range(60):
            paper = Canvas("{n}")
            for n in range(filled):
                paper.paragraph(f"baris {n}")
            paper.heading("JUDUL", 1)
            if kind < 3:
                paper.paragraph(after[kind])
            elif kind == 3:
                paper.table([("KOLOM", 1), ("LAIN", 1)], [("isi", after[2]), ("isi", "isi")])
            else:
                paper.table([("KOLOM", 1), ("LAIN", 1)], [("BAGIAN",), ("isi", "isi")])
            paper.page()
            for page in paper.pages:
                said = [mark.text for mark in page if isinstance(mark, Text)]
                for heading in ("JUDUL", "KOLOM", "BAGIAN"):
                    assert heading not in said or said[-1] != heading, (kind, filled)
                assert "KOLOM" not in said or said[-1] != "LAIN", (kind, filled)


def test_i_and_l_and_the_digits_have_forms_of_their_own_in_a_hash() -> None:
    glyphs = TTFont(io.BytesIO(font("mono").data))
    shapes = {}
    for c in "Il1|O0":
        pen = RecordingPen()
        glyphs.getGlyphSet()[glyphs.getBestCmap()[ord(c)]].draw(pen)
        shapes[c] = pen.value
        assert font("mono").widths[c] == font("mono").widths["m"]
    assert len({str(shape) for shape in shapes.values()}) == len(shapes)
    faces: list[tuple[str, str]] = []

    def seen(text: str, _cm: object, _tm: object, face: object, _size: object) -> None:
        faces.append((text, str(face)))

    for page in PdfReader(io.BytesIO(render(facts(), "id"))).pages:
        page.extract_text(visitor_text=seen)
    hashes = [face for text, face in faces if re.search(r"[0-9a-f]{32}", text)]
    assert len(hashes) > 4
    assert all("FiraMono" in face.replace(" ", "") for face in hashes), hashes


def test_ids_stand_in_the_appendix_and_numbers_in_the_text() -> None:
    """The case's own id, and those among the figures, are for comparing; of all others the text says numbers."""
    a_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    told, referral, consent = facts(), str(uuid4()), str(uuid4())
    sent = an_event(20, topic="case.ReferralSent", fields=(
        f.Field(name="referral", compartment="coordination", value=referral),
    ))  # fmt: skip
    given = an_event(21, topic="case.ConsentWithdrawn", fields=(
        f.Field(name="consent", compartment="coordination", value=consent),
    ))  # fmt: skip
    basis = f"consent {consent}; referral {referral}; override {uuid4()} court-order: Penetapan 12"
    told = facts(
        events=(*told.events, sent, given),
        referrals=(msgspec.structs.replace(told.referrals[0], referral=referral),),
        accesses=(msgspec.structs.replace(told.accesses[0], basis=basis),),
    )
    for language in LANGUAGES_OF_A_REPORT:
        words, said = WORDS[language], without_feet(text_of(render(told, language)))
        text, appendix = said.split(words.appendix, 1)
        assert set(a_uuid.findall(text)) <= {told.case, told.bundle}
        assert {referral, consent, told.made_by, told.events[1].actor} <= set(a_uuid.findall(appendix))
        assert f"{words.referral} 1" in text
        assert f"{words.consent} 1" in text


def a_long_case(count: int = 47) -> f.ReportFacts:
    """So many events as the demo's have, of all kinds, with ids."""
    told = facts()
    fields = tuple(
        f.Field(name=name, compartment="coordination", value=str(uuid4())) for name in ("referral", "clock", "consent")
    )
    more = (f.Field(name="compartments", compartment="coordination", value=("health", "incident", "safety")),)
    topics = ("case.ReferralDrafted", "case.ReferralSent", "case.ClockStarted", "case.ConsentGiven")
    events = tuple(an_event(n + 7, topic=topics[n % len(topics)], fields=(*fields, *more)) for n in range(count))
    return msgspec.structs.replace(told, events=events)


def with_many_agencies(told: f.ReportFacts, referrals: int = 5, clocks: int = 10) -> f.ReportFacts:
    """As many referrals, agencies and clocks as the demo's case has, under names as long as they are."""
    names = ("UPTD PPA Kota Bontang", "Unit PPA Polres Bontang", "RSUD Taman Husada", "Rumah Aman", "Dinas Sosial")
    agencies = tuple(f.Agency(code=f"agency-{n}", name=names[n % len(names)]) for n in range(referrals + 1))
    held, ran = told.referrals[0], told.clocks[0]
    replace = msgspec.structs.replace
    many = tuple(
        replace(
            held,
            referral=f"r-{n}",
            recipient=f"agency-{n + 1}",
            sender="agency-0",
            service="perlindungan-polisi",
            custody=(
                replace(held.custody[0], agency="agency-0"),
                replace(held.custody[1], agency=f"agency-{n + 1}"),
            ),
        )
        for n in range(referrals)
    )
    sent = tuple(
        f.Informed(
            agency=referral.recipient,
            position=8,
            since=AT,
            referral=referral.referral,
            sent_at=AT,
            transport="kafka",
            received_at=AT,
            handled_at=AT,
        )
        for referral in many
    )
    drafts = tuple(
        an_event(
            50 + n,
            topic="case.ReferralDrafted",
            fields=(
                f.Field(name="referral", compartment="coordination", value=referral.referral),
                f.Field(name="compartments", compartment="coordination", value=("identity", "incident", "safety")),
            ),
        )
        for n, referral in enumerate(many)
    )
    return replace(
        told,
        agencies=(*told.agencies, *agencies),
        led=(f.Led(agency="agency-0", since=AT - HOUR),),
        referrals=many,
        clocks=tuple(replace(ran, clock=f"c-{n}", due_at=ran.due_at + n * HOUR) for n in range(clocks)),
        told=sent,
        events=(*told.events, *drafts),
    )


def test_what_a_judge_asks_is_answered_on_the_first_two_pages_and_47_events_take_no_17_pages() -> None:
    for language in LANGUAGES_OF_A_REPORT:
        whole = with_many_agencies(a_long_case())
        words, pages = WORDS[language], text_of(render(whole, language)).split("\f")
        first = flat("".join(pages[:2]))
        for asked in (
            words.happened_here,
            words.time_line,
            words.who_held,
            words.clocks,
            words.who_knew,
            words.who_looked,
        ):
            assert flat(asked) in first
        assert next(n for n, page in enumerate(pages) if page.startswith(words.chronology)) <= 2
        assert len(pages) <= 11


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_page_one_says_which_clock_ran_out_under_whom(language: Language) -> None:
    told = facts()
    words, late = WORDS[language], told.clocks[1]
    front = flat(text_of(render(told, language)).split("\f")[0])
    name = {"id": "RSUD Taman Husada", "en": "RSUD Taman Husada"}[language]
    state = words.never_met.format(as_of=instant(told.as_of, language))
    need = words.withheld_mark.format(compartments={"id": "kejadian", "en": "incident"}[language])
    due = instant(late.due_at, language)
    said = words.ran_out.format(what=need, number=f"{words.clock} 2", due=due, held=name, state=state)
    assert flat(said) in front
    assert flat(words.none_ran_out.format(as_of=instant(told.as_of, language))) not in front
    kept = facts(clocks=told.clocks[:1])
    assert flat(words.none_ran_out.format(as_of=instant(told.as_of, language))) in flat(text_of(render(kept, language)))


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_page_one_says_how_the_file_ended_and_no_more_than_is_disclosed(language: Language) -> None:
    told, words = facts(), WORDS[language]
    open_still = flat(words.not_closed.format(as_of=instant(told.as_of, language)))
    merged = an_event(20, topic="case.CaseMerged", fields=())
    apart = an_event(21, topic="case.CaseSeparated", fields=())
    ended = flat(words.merged.format(at=instant(AT, language), agency=Reader(language, told.agencies).name("dp3akb")))
    said = [
        flat(text_of(render(facts(events=(*told.events, *more)), language)).split("\f")[0])
        for more in ((), (merged,), (merged, apart))
    ]
    assert [open_still in page for page in said] == [True, False, True]
    assert [ended in page for page in said] == [False, True, False]
    whole = flat(text_of(render(told, language)))
    assert flat(words.data_not_disclosed) in whole, "its draft is not there to say what it shared"


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_page_one_counts_what_ran_out_and_is_not_named_there(language: Language) -> None:
    told, words = facts(), WORDS[language]
    late = tuple(msgspec.structs.replace(told.clocks[1], clock=f"c-{n}") for n in range(9))
    assert flat(words.more_ran_out.format(n=3)) in flat(text_of(render(facts(clocks=late), language)))
    assert flat(words.more_ran_out.format(n="")) not in flat(text_of(render(facts(clocks=late[:6]), language)))


@pytest.mark.thorough
def test_nobody_is_said_to_have_held_a_clock_before_it_was_recorded() -> None:
    told = facts()
    late = told.clocks[1]
    recorded = late.due_at + timedelta(hours=1)
    field = f.Field(name="clock", compartment="coordination", value=late.clock)
    began = an_event(30, topic="case.ClockStarted", recorded_at=recorded, fields=(field,))
    for language in LANGUAGES_OF_A_REPORT:
        words = WORDS[language]
        pages = [
            flat(text_of(render(facts(events=events), language))) for events in ((*told.events, began), told.events)
        ]
        beginnings = [flat(said.split("{")[0]) for said in (words.ran_out_before, words.recorded_after)]
        assert [[said in page for said in beginnings] for page in pages] == [[True, True], [False, False]]


def test_what_the_service_keeps_for_itself_is_not_printed() -> None:
    for topic, names in WITHHELD.items():
        assert fields_of(topic, Compartment.COORDINATION, dict.fromkeys(names, "x")) == []


def test_nobody_is_said_to_have_received_what_only_was_sent() -> None:
    referral = facts().referrals[0]
    waits = msgspec.structs.replace(referral, status="requested", custody=referral.custody[:1])
    said = flat(text_of(render(facts(referrals=(waits,)), "id")))
    assert flat(WORDS["id"].not_received) in said
    assert flat(WORDS["id"].with_recipient.format(since="")) not in said


def test_the_time_line_is_drawn_within_the_page_and_names_each_lane() -> None:
    told = facts()
    paper = Canvas("{n}")
    words = WORDS["id"]
    number = Numbered(told, words, lambda topic, name: name)
    draw(Pen(paper, words, Reader("id", told.agencies), number, "id"), told)
    bars = [mark for mark in paper.pages[0] if isinstance(mark, Bar)]
    diamonds = [mark for mark in paper.pages[0] if isinstance(mark, Shape)]
    assert len(diamonds) == len(told.referrals) + len(told.clocks)
    assert all(bar.x >= LEFT - 1 and bar.x + bar.width <= RIGHT + 1 for bar in bars)
    said = " ".join(mark.text for mark in paper.pages[0] if isinstance(mark, Text))
    for lane in ("Penanggung jawab: Dinas P3AKB", "Rujukan 1: RSUD Taman Husada", "Batas waktu 1", "Batas waktu 2"):
        assert lane in said


def colours_of(told: f.ReportFacts) -> set[Any]:
    """Those of the bars that the time line draws for clocks alone."""
    paper, words = Canvas("{n}"), WORDS["id"]
    alone = msgspec.structs.replace(told, referrals=(), led=())
    draw(Pen(paper, words, Reader("id", told.agencies), Numbered(alone, words, lambda topic, name: name), "id"), alone)
    legend = words.legend_met
    marks = paper.pages[0]
    end = next(n for n, mark in enumerate(marks) if isinstance(mark, Text) and mark.text == words.legend_lead)
    assert any(isinstance(mark, Text) and mark.text == legend for mark in marks)
    return {mark.colour for mark in marks[: end - 1] if isinstance(mark, Bar) and mark.height > 5 and mark.width > 1}


@pytest.mark.parametrize("how", ["", "declined", "not-applicable", "not-indicated", "started-in-error"])
def test_a_clock_that_ended_is_drawn_as_met_only_where_it_is_disclosed_that_it_was(how: str) -> None:
    """How a clock of care ended is sealed: a drawing that shows it as met would tell it, or lie."""
    told = facts()
    met = told.clocks[0]
    ended = msgspec.structs.replace(met, state="ended", how=how)
    known = msgspec.structs.replace(met, state="ended", how="met")
    assert colours_of(facts(clocks=(met,))) == colours_of(facts(clocks=(known,)))
    assert colours_of(facts(clocks=(met,))).isdisjoint(colours_of(facts(clocks=(ended,))))
    assert colours_of(facts(clocks=(ended,))) == colours_of(
        facts(clocks=(msgspec.structs.replace(met, state="ended", how=""),))
    ), "one colour for every reason"


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_a_recipient_that_is_a_kind_is_not_taken_for_an_agency_of_that_name(language: Language) -> None:
    read = Reader(language, (f.Agency(code="rumah-aman", name="Rumah aman", name_en="Shelter"),))
    one, kind = (read.value("case.ConsentGiven", "recipients", to) for to in ("rumah-aman", "kind:shelter"))
    assert one != kind
    assert one in kind


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
@pytest.mark.parametrize(
    ("topic", "field"),
    [
        ("case.ReferralStalled", "referral"),
        ("case.ReferralUndelivered", "referral"),
        ("case.OverrideReviewOverdue", "consent"),
        ("case.GlassReviewOverdue", "glass"),
        ("case.StopWaits", "stop"),
    ],
)
def test_page_one_says_what_nobody_saw_to_in_time(language: Language, topic: str, field: str) -> None:
    """Whatever is raised is a time that ran out: page one cannot say that none did."""
    told, words = facts(), WORDS[language]
    kept = told.clocks[:1]
    id = "5a0e3b1e-0000-4000-8000-0000000000aa"

    def raised(level: int) -> f.Event:
        levels = {field: id, "level": level}
        return an_event(
            60 + level,
            topic=topic,
            recorded_at=AT + level * HOUR,
            fields=tuple(f.Field(name=n, compartment="coordination", value=v) for n, v in levels.items()),
        )

    levels = (2, 3) if topic == "case.StopWaits" else (1, 2)
    late = facts(clocks=kept, events=(*told.events, *map(raised, levels)))
    page = flat(text_of(render(late, language)).split("\f")[0])
    none = flat(words.none_ran_out.format(as_of=instant(told.as_of, language)))
    assert flat(labels_of(topic, language)) in page
    assert flat(brief(AT + levels[1] * HOUR, language)) in page
    assert none not in page
    assert none in flat(text_of(render(facts(clocks=kept), language)).split("\f")[0])


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_page_one_says_what_had_closed_before_anybody_knew_and_that_it_is_nobody_s(language: Language) -> None:
    told, words = facts(), WORDS[language]
    closed = msgspec.structs.replace(told.clocks[0], state="too-late", met_at=None)
    page = flat(text_of(render(facts(clocks=(closed,)), language)).split("\f")[0])
    assert flat(words.too_late.format(n=1)) in page
    assert flat(words.none_ran_out.format(as_of=instant(told.as_of, language))) in page


@pytest.mark.parametrize("language", LANGUAGES_OF_A_REPORT)
def test_page_one_says_that_another_file_was_merged_into_this_one_while_it_is(language: Language) -> None:
    told, words = facts(), WORDS[language]
    of = (f.Field(name="duplicate", compartment="coordination", value="5a0e3b1e-0000-4000-8000-0000000000bb"),)
    taken = an_event(40, topic="case.DuplicateAbsorbed", fields=of)
    apart = an_event(41, topic="case.DuplicateReleased", fields=of)
    said = flat(words.absorbed.format(at=brief(AT, language)))
    again = flat(words.released.format(at=brief(AT, language), until=brief(AT, language)))
    pages = [
        flat(text_of(render(facts(events=(*told.events, *more)), language)).split("\f")[0])
        for more in ((), (taken,), (taken, apart))
    ]
    assert [said in page for page in pages] == [False, True, False]
    assert [again in page for page in pages] == [False, False, True]


@pytest.mark.parametrize("events", [32, 33, 35, 50])
def test_a_line_that_leads_into_a_list_stands_on_the_page_of_its_first_item(events: int) -> None:
    words = WORDS["id"]
    pages = [flat(page) for page in text_of(render(a_long_case(events), "id")).split("\f")]
    first = (words.proven[0], words.not_proven[0], words.check)
    for lead, item in zip((words.proves, words.not_proves, words.how), first, strict=True):
        assert any(flat(lead) in page and flat(item)[:40] in page for page in pages)


def test_pages_are_numbered_and_named() -> None:
    for language, phrase in (("id", "Halaman {} dari {}"), ("en", "Page {} of {}")):
        pages = text_of(render(facts(), language)).split("\f")  # type: ignore[arg-type]
        for n, page in enumerate(pages, 1):
            assert phrase.format(n, len(pages)) in page
            assert facts().case in page


def test_chapters_stand_in_the_outline() -> None:
    outline = PdfReader(io.BytesIO(render(facts(), "en"))).outline
    chapters = [entry["/Title"] for entry in outline if not isinstance(entry, list)]
    assert chapters == chapters_of(WORDS["en"])


# The file ----------------------------------------------------------------------------------------------------

AGAIN = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from report_facts import facts
from rujukan.infra.report.pages import render
print(hashlib.sha256(render(facts(), "id") + render(facts(), "en")).hexdigest())
"""


@pytest.mark.thorough
def test_the_same_facts_are_the_same_bytes_in_another_process_zone_and_hash_seed() -> None:
    def made(seed: str, zone: str) -> bytes:
        where = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone}
        return subprocess.check_output([sys.executable, "-c", AGAIN, str(Path(__file__).parent)], env=where)

    assert made("1", "UTC") == made("2", "Asia/Makassar")


def test_other_facts_are_other_bytes_with_another_id() -> None:
    def identity(pdf: bytes) -> object:
        return PdfReader(io.BytesIO(pdf)).trailer["/ID"]

    one, other = render(facts(), "id"), render(facts(basis="lain"), "id")
    assert one != other
    assert identity(one) != identity(other)
    assert identity(one) == identity(render(facts(), "id"))


def test_the_file_is_built_as_pdfa_2u() -> None:
    """The parts that do not need veraPDF (tests/integration/test_report_pdfa.py asks it)."""
    reader = PdfReader(io.BytesIO(render(facts(), "id")))
    root = reader.trailer["/Root"].get_object()
    xmp = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>" in xmp
    assert root["/OutputIntents"][0].get_object()["/S"] == "/GTS_PDFA1"
    assert root["/Lang"] == "id-ID"
    assert (AT + timedelta(hours=24)).strftime('xmp:CreateDate="%Y-%m-%dT%H:%M:%S+00:00"') in xmp
    assert not reader.is_encrypted
    assert "/JavaScript" not in str(root)
    for page in reader.pages:
        for written in page["/Resources"]["/Font"].values():  # type: ignore[index]
            inner = written.get_object()["/DescendantFonts"][0].get_object()
            assert "/FontFile2" in inner["/FontDescriptor"].get_object()
            assert "/ToUnicode" in written.get_object()


# Signature ---------------------------------------------------------------------------------------------------

ROOT = a_holder("Akar Uji")
ME = a_holder("Penanda Tangan", ROOT)
STAMPER = a_holder("Stempel Waktu", ROOT, stamps=True)
OTHER = a_holder("Akar Lain")


def signer(holder: Holder = ME) -> Signer:
    return Signer(holder.key, [holder.certificate])


@pytest.fixture(scope="module")
def report() -> bytes:
    return render(facts(), "id")


@pytest.fixture(scope="module")
def signed(report: bytes) -> bytes:
    return sign(report, signer())


def test_a_signature_is_pades_and_leaves_what_was_there(report: bytes, signed: bytes) -> None:
    assert signed.startswith(report)
    assert b"/ETSI.CAdES.detached" in signed[len(report) :]
    shown = verify_signature(signed, [ROOT.certificate])
    assert shown.ok
    assert shown.trusted is True
    assert shown.signer == "CN=Penanda Tangan"
    assert shown.issuer == "CN=Akar Uji"
    assert shown.timestamp is None
    assert not shown.failed
    assert any("timestamp" in sentence for sentence in shown.not_checked)
    assert any("revoked" in sentence for sentence in shown.not_checked)


def test_without_a_root_nobody_is_trusted_and_it_says_so(signed: bytes) -> None:
    shown = verify_signature(signed, language="id")
    assert shown.ok
    assert shown.trusted is None
    assert any("siapa penanda tangan sebenarnya" in sentence for sentence in shown.not_checked)


def test_a_signer_under_another_root_fails(signed: bytes) -> None:
    shown = verify_signature(signed, [OTHER.certificate])
    assert shown.intact
    assert shown.trusted is False
    assert not shown.ok


def test_a_certificate_that_ended_is_not_trusted(report: bytes) -> None:
    ended = a_holder("Sudah Berakhir", ROOT, ended=True)
    assert verify_signature(sign(report, signer(ended)), [ROOT.certificate]).trusted is False


def test_a_timestamp_from_a_server_is_shown_and_outlives_the_certificate(report: bytes) -> None:
    ended = a_holder("Sudah Berakhir", ROOT, ended=True)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
    with timestamp_server(STAMPER, at) as url:
        stamped = sign(report, signer(ended), url)
    shown = verify_signature(stamped, [ROOT.certificate])
    assert shown.ok
    assert shown.trusted is True
    assert shown.timestamp == at
    assert shown.timestamp_trusted is True
    assert shown.timestamp_authority == "CN=Stempel Waktu"
    foreign = verify_signature(stamped, [OTHER.certificate])
    assert foreign.timestamp_trusted is False
    assert any("timestamp authority" in sentence for sentence in foreign.not_checked)


def test_without_the_timestamp_that_was_asked_for_there_is_no_signature(report: bytes) -> None:
    with timestamp_server(STAMPER) as url:
        pass
    with pytest.raises(TimestampRefused):
        sign(report, signer(), url)


@pytest.mark.parametrize("step", [977, thorough(97)])
def test_a_changed_byte_anywhere_is_found(signed: bytes, step: int) -> None:
    """In what is signed: every 97th byte. In the signature's own gap: its brackets, padding and case of digits."""
    opened, closed = (int(n) for n in re.findall(rb"/ByteRange \[0 (\d+) (\d+) ", signed)[0])
    places = [n for n in range(0, len(signed), step) if not opened <= n < closed]
    for n in (*places, opened, closed - 1, closed - 2, closed - 20):
        changed = bytearray(signed)
        changed[n] ^= 1
        assert not verify_signature(bytes(changed), [ROOT.certificate]).ok, n
    lower = signed[:opened] + signed[opened:closed].lower() + signed[closed:]
    assert not verify_signature(lower).ok


def test_what_is_added_or_cut_is_found(report: bytes, signed: bytes) -> None:
    for changed in (signed + b"\n", signed + b" ", signed[:-1], signed[: len(signed) // 2], report, b"", b"%PDF-1.7"):
        shown = verify_signature(changed, [ROOT.certificate])
        assert not shown.ok
        assert shown.failed
    with pytest.raises(ValueError, match="signed already"):
        sign(signed, signer())


def test_an_update_after_the_signature_is_found(signed: bytes) -> None:
    """The signature itself still holds, as a PDF may grow; but a report may not."""
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/Lang"] = pdf_string("en-GB")
    writer.update_root()
    grown = io.BytesIO()
    writer.write(grown)
    shown = verify_signature(grown.getvalue(), [ROOT.certificate])
    assert shown.intact
    assert not shown.covers_whole_file
    assert not shown.ok


def test_a_signer_is_read_from_pem_and_pkcs12(report: bytes, tmp_path: Path) -> None:
    pem, p12 = tmp_path / "signer.pem", tmp_path / "signer.p12"
    pem.write_bytes(ME.pem)
    sealed = s.BestAvailableEncryption(b"kata sandi")
    p12.write_bytes(pkcs12.serialize_key_and_certificates(b"x", ME.key, ME.certificate, [ROOT.certificate], sealed))
    for found in (Signer.load(pem), Signer.load(p12, b"kata sandi")):
        assert found.subject == "CN=Penanda Tangan"
        assert verify_signature(sign(report, found), [ROOT.certificate]).trusted is True
    for file, word in ((p12, b"salah"), (p12, None)):
        with pytest.raises(SignerUnusable):
            Signer.load(file, word)
    pem.write_bytes(b"no key")
    with pytest.raises(SignerUnusable):
        Signer.load(pem)
    with pytest.raises(SignerUnusable):
        Signer(ME.key, [OTHER.certificate])


def test_a_report_that_is_no_pdf_is_not_signed() -> None:
    with pytest.raises(ValueError, match="PDF"):
        sign(b"text", signer())
