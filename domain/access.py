"""The access log: that somebody opened protected content is an event, recorded before it is shown, with the basis on
which it may be."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from .casefile.state import Case, Consent
from .codes import AgencyKind, Purpose, Role
from .compartment import Compartment, CompartmentWord, Coordination
from .declaring import field, happened, name_fields
from .fact import ActorId, AgencyCode, Fact
from .standing.reach import Reaches
from .words import Language, Words

LONGEST_BASIS = 1_000
PaperLine = Annotated[str, Meta(pattern=r"^[0-9]+(\.[a-z0-9_]+)?$(?!\n)", max_length=100)]
"""A line of the survivor's report: the position of an entry or a reading, and the name of a field of it."""
GROUNDS = ("own", "lead", "told", "consent", "referral", "override", "survivor-request", "break-glass", "review")
"""The words that a part of a basis begins with."""


def _no_lines(fields: dict[str, Any]) -> dict[str, Any]:
    """Of version 1, which lines she chose for her paper is not on record."""
    return {**fields, "lines": []}


@happened(Words("Akses dicatat", "Access recorded"), earlier=(_no_lines,))
class AccessRecorded(Fact, frozen=True, kw_only=True, tag="access.AccessRecorded"):
    """This person, for this agency, in this role and for this purpose, was shown these compartments."""

    reader: Coordination[ActorId]
    agency: Coordination[AgencyCode]
    role: Coordination[Role]
    purpose: Coordination[Purpose]
    subject: Coordination[UUID]
    """The stream that was read: a case."""
    compartments: Coordination[frozenset[CompartmentWord]]
    what: Coordination[Annotated[str, Meta(max_length=60)]]
    """Which view was shown: `timeline`, `document`, …"""
    basis: Coordination[Annotated[str, Meta(max_length=LONGEST_BASIS)]]
    """Why it was allowed, in the words of `basis_of`."""
    lines: Coordination[tuple[PaperLine, ...]] = ()
    """Which lines of her report the survivor chose for her paper, by their ids; never their text."""


def basis_of(
    case: Case,
    agency: AgencyCode,
    kind: AgencyKind,
    shown: Collection[Compartment],
    at: datetime,
    authors: Collection[AgencyCode] = (),
) -> str:
    """On what an agency's reading of these compartments stands, all that holds, parted by "; ":

    `own` where everything shown is the agency's own words (`authors`: whose it is, where that is known);
    `override ID CODE: RULE`, a legal basis in the place of consent; `consent ID`, one that was reported only where it
    holds for what is shown; `lead`; `referral ID`, one that is open; `told` where it is none of these: what was once
    addressed to it.
    """
    if {*authors} == {agency}:
        return "own"
    content = frozenset(shown) - {Compartment.COORDINATION}
    reaches = Reaches(case, at)

    def gives_it(consent: Consent) -> bool:
        given = reaches.given(consent).only(consent.gives(agency, kind, at))
        of_others = (given.on(author) for author in authors or given.of if author != agency)
        return bool(given.anybody.union(*of_others) & content)

    stands = [c for c in case.consents.values() if c.covers(agency, kind, at) and gives_it(c)]
    found = [_override(c) for c in stands if c.override]
    found += [f"consent {c.id}" for c in stands if not c.override]
    found += ["lead"] if agency == case.lead else []
    found += [f"referral {r.id}" for r in case.open_referrals_to(agency) if r.compartments & frozenset(shown)]
    return _cut(found) if found else "told"


def codes_of(basis: str) -> str:
    """A basis without what people typed: words, ids and codes, fit for a column in clear."""
    parts = (part.partition(":")[0] for part in basis.split("; "))
    return "; ".join(part for part in parts if _CODES.fullmatch(part))


_CODES = re.compile(rf"({'|'.join(GROUNDS)})( [0-9a-f-]{{36}})?( [a-z-]{{1,40}})?|and \d+ more")


def _override(consent: Consent) -> str:
    basis = consent.basis.value if consent.basis is not None else "unknown"
    rule = (consent.rule or "").replace(";", ",")  # "; " parts one basis from the next
    return f"override {consent.id} {basis}: {rule}"


def _cut(parts: list[str]) -> str:
    """As many of the parts as fit; how many more there are."""
    kept = list(parts)
    while len(said := "; ".join(kept + _more(len(parts) - len(kept)))) > LONGEST_BASIS:
        kept.pop()
    return said


def _more(count: int) -> list[str]:
    return [f"and {count} more"] if count else []


MORE = Words("dan {n} dasar lain", "and {n} more grounds")


def more_in(part: str, language: Language) -> str | None:
    """A part of a basis that says how many did not fit, in words; None for any other."""
    found = re.fullmatch(r"and (\d+) more", part)
    return MORE.said_in(language).format(n=found[1]) if found else None


name_fields(
    reader=field("Pembaca", "Reader"),
    lines=field("Baris yang dipilih", "Lines that were chosen"),
)

VIEWS: Mapping[str, Words] = {
    "case": Words("ringkasan kasus", "the case in short"),
    "timeline": Words("riwayat kasus", "the timeline"),
    "export": Words("salinan riwayat kasus", "a copy of the timeline"),
    "document": Words("dokumen", "a document"),
    "search": Words("pencarian dengan NIK", "a search by identity number"),
    "history": Words("riwayat pada waktu lampau", "the case as it was"),
    "history-diff": Words("perubahan riwayat", "what changed"),
    "custody": Words("siapa memegang kasus", "who held the case"),
    "break-glass": Words("data darurat", "data in an emergency"),
    "break-glass-review": Words("tinjauan pembukaan darurat", "an emergency opening, to review it"),
    "case-access": Words("daftar pembaca", "who looked"),
    "bundle": Words("salinan riwayat kasus untuk pihak luar", "a copy of the case's history for somebody outside"),
    "survivor-paper": Words("baris yang Anda pilih untuk kertas Anda", "the lines that you chose for your paper"),
    "survivor-report": Words("laporan ini, atas permintaan Anda", "this report, as you asked"),
}
"""View → what the survivor's report calls it."""
