"""A correction is of one record, by who wrote that, or may open it. Every correction of what several agencies may have
recorded side by side, by who recorded, who corrects, whose record they name, and what they may know; an account written
apart says what follows."""

from collections.abc import Mapping
from itertools import chain, combinations, product
from typing import Any, NamedTuple

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st
from story import (
    C2,
    C3,
    HOSPITAL,
    LEAD,
    NETWORK,
    R1,
    R2,
    SCHOOL,
    act,
    an_id,
    brought_to,
    consent,
    incident_fields,
    opened,
    say,
    the_case,
)

from rujukan.domain.case import Case, decide
from rujukan.domain.case.documents import AttachDocument, DocumentAttached
from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactCorrected,
    SurvivorContactRecorded,
    SurvivorIdentified,
    SurvivorIdentityCorrected,
)
from rujukan.domain.case.incidents import CorrectIncident, IncidentRecorded
from rujukan.domain.casefile.evolving import fold_log, said
from rujukan.domain.codes import DocumentKind, ReferralStatus, Service
from rujukan.domain.declaring import ASKED
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import Invalid, Refusal, Unknown
from rujukan.domain.standing.relations import Relation

S = ReferralStatus


class Subject(NamedTuple):
    compartment: str
    record: Fact
    recorded: Fact
    correct: Fact
    corrected: type[Fact]


OLD, NEW = {"phone": "0000", "safe_to_call": False}, {"phone": "0001", "safe_to_call": True}
SUBJECTS = {
    "contact": Subject(
        "contact",
        say(RecordSurvivorContact, **OLD),
        say(SurvivorContactRecorded, **OLD),
        say(CorrectSurvivorContact, **NEW, reason="r"),
        SurvivorContactCorrected,
    ),
    "identity": Subject(
        "identity",
        say(IdentifySurvivor, name="Penyintas A"),
        say(SurvivorIdentified, name="Penyintas A"),
        say(CorrectSurvivorIdentity, name="Penyintas B", reason="r"),
        SurvivorIdentityCorrected,
    ),
}
WHO: Mapping[str, Act] = {"uptd-ppa": LEAD, "rsud": HOSPITAL, "disdik": SCHOOL}
MAY_KNOW = {"uptd-ppa", "rsud"}
"""Who may know what others recorded of it; the school takes part, and may not."""
AUTHORS = [frozenset(some) for some in chain.from_iterable(combinations(WHO, n) for n in range(len(WHO) + 1))]


def case_of(subject: Subject, authors: frozenset[str]) -> Case:
    of = (subject.compartment,)
    return the_case(
        opened(),
        consent(to=("rsud", "uptd-ppa"), of=of),
        consent(C2, to="disdik", of=("psychosocial",)),
        *brought_to(S.IN_PROGRESS, R1, of=of),
        *brought_to(S.IN_PROGRESS, R2, to="disdik", service=Service.EDUCATION, of=("psychosocial",)),
        *((subject.recorded, author) for author in sorted(authors)),
    )


def expected(authors: frozenset[str], who: str, named: str | None) -> str | type[Refusal]:
    """Whose record is corrected, or what refuses it."""
    opened_by_them = authors if who in MAY_KNOW else authors & {who}
    if named is not None:
        return named if named in opened_by_them else Unknown
    if who in opened_by_them:
        return who
    if len(opened_by_them) > 1:
        return Invalid
    return next(iter(opened_by_them), Unknown)


def corrects(subject: Subject, case: Case, who: str, named: str | None) -> str | type[Refusal]:
    command = type(subject.correct)(
        **{name: getattr(subject.correct, name) for name in subject.correct.__struct_fields__} | {"corrects": named}
    )
    try:
        event = decide(command, case, WHO[who], NETWORK)[0]
    except Refusal as refusal:
        return type(refusal)
    assert isinstance(event, subject.corrected)
    return str(event.corrects)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_correction_is_of_what_its_author_wrote_or_may_open_and_of_that_alone(name: str) -> None:
    subject = SUBJECTS[name]
    for authors, who, named in product(AUTHORS, WHO, (None, *WHO)):
        found = corrects(subject, case_of(subject, authors), who, named)
        assert found == expected(authors, who, named), (sorted(authors), who, named)


@pytest.mark.parametrize("name", SUBJECTS)
@any_of(st.lists(st.tuples(st.sampled_from(sorted(WHO)), st.sampled_from([None, *sorted(WHO)])), max_size=8))
def test_who_may_not_know_it_never_corrects_what_another_wrote(name: str, tried: list[tuple[str, str | None]]) -> None:
    """In whatever order they record beside, and correct, and are corrected."""
    subject = SUBJECTS[name]
    case = case_of(subject, frozenset({"uptd-ppa"}))
    for who, named in tried:
        fields = {f: getattr(subject.correct, f) for f in subject.correct.__struct_fields__}
        for command in (subject.record, type(subject.correct)(**{**fields, "corrects": named})):
            try:
                events = decide(command, case, WHO[who], NETWORK)
            except Refusal:
                continue
            whose = getattr(events[0], "corrects", who)
            assert whose == who or who in MAY_KNOW
            case = fold_log(said(events, who), case) or case


def test_what_is_not_there_and_what_may_not_be_known_answer_alike() -> None:
    for subject, named in product(SUBJECTS.values(), ("uptd-ppa", "rsud", "disdik")):
        answers = {corrects(subject, case_of(subject, authors), "disdik", named) for authors in AUTHORS}
        assert answers <= {Unknown, "disdik"}


# The kind --------------------------------------------------------------------------------------------------------


BY_ID: Mapping[type[Fact], str] = {CorrectIncident: "incident", AttachDocument: "supersedes"}
"""Commands that change what is on record, and the field that names what; each record has one author."""


def test_whatever_changes_what_is_on_record_names_it() -> None:
    """A record that several may have written side by side is named; who wrote something beside it is author of that."""
    changes = {c for c, asked in ASKED.items() if any(_is_of_words(row) for row in asked.rows)}
    named = {
        c: [t.by for row in ASKED[c].rows for t in row.where.ties if Relation.REACHES in t.relations] for c in changes
    }
    assert {c: by for c, by in named.items() if not any(by)} == {}
    assert changes >= {*BY_ID, CorrectSurvivorContact, CorrectSurvivorIdentity}


def _is_of_words(row: Any) -> bool:
    return any({Relation.AUTHOR, Relation.REACHES} <= tie.relations for tie in row.where.ties)


INCIDENT_OF_THE_LEAD, ITS_OWN = an_id("of the lead"), an_id("the school's own")
VISUM = {
    "kind": DocumentKind.VISUM,
    "compartment": "legal",
    "media_type": "application/pdf",
    "size": 3,
    "sha256": "0" * 64,
}


@pytest.mark.parametrize(
    ("recorded", "field", "change"),
    [
        (
            IncidentRecorded,
            "incident",
            lambda id: say(CorrectIncident, **incident_fields() | {"incident": id}, reason="r"),
        ),
        (
            DocumentAttached,
            "document",
            lambda id: say(AttachDocument, **VISUM, document=an_id("newer"), supersedes=id),
        ),
    ],
)
def test_who_recorded_one_beside_changes_that_one_alone(recorded: Any, field: str, change: Any) -> None:
    fields = incident_fields() if recorded is IncidentRecorded else VISUM
    case = the_case(
        opened(),
        consent(C3, to="disdik", of=("psychosocial",)),
        *brought_to(S.IN_PROGRESS, R2, to="disdik", service=Service.EDUCATION, of=("psychosocial",)),
        say(recorded, **fields | {field: INCIDENT_OF_THE_LEAD}),
        (say(recorded, **fields | {field: ITS_OWN}), "disdik"),
    )
    with pytest.raises(Unknown):
        decide(change(INCIDENT_OF_THE_LEAD), case, SCHOOL, NETWORK)
    assert decide(change(ITS_OWN), case, act("disdik"), NETWORK)
