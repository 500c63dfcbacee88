"""Documents: attached once, and superseded by a newer one; both stay."""

import pytest
from story import DOCUMENT, HOSPITAL, LEAD, NEWER, an_id, given, opened, referred, say

from rujukan.domain.case.documents import AttachDocument, DocumentAttached, Documents, DocumentSuperseded
from rujukan.domain.codes import DocumentKind
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, Invalid, Unknown

DOCUMENT_FIELDS = {
    "document": DOCUMENT,
    "kind": DocumentKind.VISUM,
    "compartment": "health",
    "media_type": "application/pdf",
    "size": 3,
    "sha256": "0" * 64,
}


def attach(**other: object) -> AttachDocument:
    return say(AttachDocument, **{**DOCUMENT_FIELDS, **other})


def attached(**other: object) -> DocumentAttached:
    return say(DocumentAttached, **{**DOCUMENT_FIELDS, **other})


@pytest.mark.parametrize(
    ("command", "event", "fields"), [(AttachDocument, DocumentAttached, DOCUMENT_FIELDS)], ids=["AttachDocument"]
)
@pytest.mark.parametrize("by", [LEAD, HOSPITAL], ids=["lead", "recipient"])
def test_who_takes_part_records_the_work(
    command: type[Fact], event: type[Fact], fields: dict[str, object], by: Act
) -> None:
    given(*referred()).when(say(command, **fields), by=by).then(say(event, **fields))


def test_a_document_is_attached_once() -> None:
    given(opened(), attached()).when(attach()).refused(AlreadyExists, id=DOCUMENT)


def test_a_newer_document_stands_in_the_place_of_the_older_and_both_stay() -> None:
    case = (
        given(opened(), attached())
        .when(attach(document=NEWER, supersedes=DOCUMENT))
        .then(attached(document=NEWER, supersedes=DOCUMENT), say(DocumentSuperseded, document=DOCUMENT, by=NEWER))
    )
    assert case is not None
    assert set(case.of(Documents).attached) == {DOCUMENT, NEWER}
    assert case.of(Documents).attached[DOCUMENT].superseded_by == NEWER


def test_a_document_is_superseded_once_and_by_one_of_its_own_compartment() -> None:
    superseded = [
        attached(),
        attached(document=NEWER, supersedes=DOCUMENT),
        say(DocumentSuperseded, document=DOCUMENT, by=NEWER),
    ]
    third = an_id("third document")
    given(opened(), *superseded).when(attach(document=third, supersedes=DOCUMENT)).refused(AlreadyExists, id=NEWER)
    given(opened(), attached()).when(attach(document=NEWER, supersedes=DOCUMENT, compartment="legal")).refused(
        Invalid, field="compartment"
    )
    given(opened()).when(attach(supersedes=NEWER)).refused(Unknown, what="document")
    given(opened()).when(attach(supersedes=DOCUMENT)).refused(Unknown, what="document")
