"""Entries that are struck as wrong: a note, a service, an assessment, an order, who is said to have done it.

Nothing is taken out. The entry stays where it is and shows as struck, and which entry stands in its place where one
does: what is right is recorded first, as anything is. Who was told of what was wrong is told that it is struck; who
takes part no more, and who has it no more, is told its number and nothing else. Nobody is told of it anew but the lead.
**Nothing that is struck meets a duty**: a clock that is over by the entry, and by no other that stands, runs again, due
when it was. By the act of whoever strikes it, as far as they have a word in that (standing/clocks.py); else the system
sees to it (case/beginning.py), so that nobody learns by it what their paper was taken for. What the act of that entry
started is superseded, as far as they have a word in that.

An entry about the alleged perpetrator takes two people: a wrong man may be in danger by it (UU 27/2022 art. 30 gives
him the right to have his data corrected, too). What he says himself stands as his statement, beside what she said and
never over it. What has a correction or an end of its own keeps that: identity, contact and incident are corrected,
documents superseded, clocks resumed, consents withdrawn, a closed case is opened again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from ..casefile.deciding import Network, decides
from ..casefile.entries import met_by_nothing, strike
from ..casefile.entry import Entry
from ..casefile.evolving import applies
from ..casefile.state import Case
from ..casefile.windows import runs_again, superseded
from ..codes import AgencyKind, StruckBecause
from ..compartment import Compartment, Coordination, Legal
from ..declaring import Audience, Shared, Step, asked, field, happened, name_fields
from ..fact import Act, AgencyCode, Details, Fact, Short, Text, recorded
from ..refusal import AlreadyDone, Invalid
from ..standing.clocks import LAW, Way, may
from ..standing.relations import Extent, Relation
from ..standing.roles import AUDITORS, CASE_WORK, HOLDS, LEGAL, OFFICERS, SUPERVISION
from ..standing.rows import KNOWS_ALSO_ENDED, LEADS_ALSO_ENDED, TAKES_PART_ALSO_ENDED, Row, Second, Since, Thing
from ..words import OF_OTHERS, Words

R = Relation

EntryNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""Of an event in the case's own stream: `version` in the timeline, `caseversion` of a message, No. in the report."""

ENTRIES, ACCUSED = "StrikeEntry", "StrikeAllegedPerpetrator"
"""Which command strikes what, as the events say (`struck_by`)."""


def _nobody_else(event: Fact, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    return {}


TOLD_OF_IT = Audience(
    Words(
        "setiap instansi yang pernah diberi tahu tentang butir itu, juga yang tidak ikut serta lagi (nomornya saja)",
        "every agency that was told of the entry, also one that takes part no more (its number alone)",
    ),
    _nobody_else,
)
"""Who that is the register knows, and not the case (disclosure.py)."""


@happened(
    Words("Butir catatan dicoret", "Entry struck"),
    her=Words("Sebuah catatan dicoret", "Something that was written was struck"),
    means="Butir dengan nomor ini tidak berlaku lagi (`because`: mengapa); isinya tetap tersimpan dan tampak sebagai "
    "dicoret. `instead`: butir yang berlaku. Bila Anda bertindak atas dasar butir itu, periksa kembali.",
    step=Step.SERVICES,
    to=TOLD_OF_IT,
    strikes="entry",
)
class EntryStruck(Details, frozen=True, kw_only=True, tag="case.EntryStruck"):
    """The entry of this number does not hold any more (`because`: why); what it says stays, and shows as struck.
    `instead`: the entry that holds. Whoever acted on it looks again."""

    entry: Coordination[EntryNumber]
    because: Coordination[StruckBecause]
    instead: Coordination[EntryNumber | None] = None


@happened(
    Words("Catatan tentang terlapor dicoret", "Record of the alleged perpetrator struck"),
    her=Words(
        "Catatan tentang terlapor dicoret",
        "What was written about who is said to have done it was struck",
    ),
    means="Catatan tentang terlapor dengan nomor ini tidak berlaku lagi (`because`: mengapa), atas keputusan dua "
    "orang; isinya tetap tersimpan dan tampak sebagai dicoret. `instead`: catatan yang berlaku; terlapornya mungkin "
    "orang yang sama. Bila `because` = `another-person`, orang yang disebut di dalamnya jangan lagi diperlakukan "
    "sebagai terlapor.",
    step=Step.REPORT,
    to=TOLD_OF_IT,
    strikes="entry",
    withheld={"grounds": OF_OTHERS},
)
class AllegedPerpetratorStruck(Fact, frozen=True, kw_only=True, tag="case.AllegedPerpetratorStruck"):
    """The record of the alleged perpetrator with this number does not hold any more (`because`: why), as two people
    decided; what it says stays, and shows as struck. `instead`: the record that holds, maybe of the same man. Where
    `because` is `another-person`, whom it names is not to be taken for the alleged perpetrator any more."""

    entry: Coordination[EntryNumber]
    because: Coordination[StruckBecause]
    instead: Coordination[EntryNumber | None] = None
    grounds: Legal[Text]


@happened(
    Words("Keterangan terlapor dicatat", "Statement of the alleged perpetrator recorded"),
    her=Words("Sebuah catatan dibuat", "A note was made"),
    means="Yang dikatakan terlapor sendiri, sebagai keterangannya; tidak menggantikan keterangan siapa pun.",
    step=Step.REPORT,
    shared=Shared.STORY,
    withheld={"statement": OF_OTHERS, "source": OF_OTHERS},
    struck_by=ENTRIES,
)
class AccusedStatementRecorded(Fact, frozen=True, kw_only=True, tag="case.AccusedStatementRecorded"):
    """What the alleged perpetrator says himself, as his statement; it takes the place of nobody's account."""

    entry: Coordination[EntryNumber]
    statement: Legal[Text]
    source: Legal[Short]


def _thing(words: Words, struck_by: str) -> Thing:
    def find(case: Case, number: int) -> Entry | None:
        entry = case.entries.get(number)
        return entry if entry is not None and entry.struck_by == struck_by else None

    return Thing(
        "entry",
        words,
        find=find,
        whose={R.AUTHOR: lambda entry, case: entry.author},
        content=lambda entry, case: ((entry.author,), entry.compartments - {ALWAYS_THERE}),
        since=Since(Words("butir itu dicatat", "the entry was recorded"), lambda entry: entry.said_at),
    )


ALWAYS_THERE = Compartment.COORDINATION
ENTRY = _thing(Words("butir catatan", "entry"), ENTRIES)
ACCUSED_ENTRY = _thing(Words("catatan tentang terlapor", "record of the alleged perpetrator"), ACCUSED)
BY_THE_LEAD = Row(
    SUPERVISION,
    LEADS_ALSO_ENDED.to(ENTRY, R.REACHES, by="entry").to(ENTRY, R.AUTHOR, R.REACHES, by="instead"),
    Extent.OPENABLE,
)


@asked(
    "/cases/{case}/struck-entries",
    by=CASE_WORK | LEGAL,
    where=KNOWS_ALSO_ENDED.to(ENTRY, R.AUTHOR, by="entry").to(ENTRY, R.AUTHOR, by="instead"),
    or_else=(BY_THE_LEAD,),
    extent=Extent.OWN_WORDS,
    means="Mencoret butir catatan yang keliru: milik sendiri kapan saja, milik instansi lain oleh penyelia "
    "instansi penanggung jawab yang boleh membuka isinya. Catat dahulu yang benar, lalu sebut nomornya (`instead`).",
    tag="work",
    example={"entry": 2, "because": "another-person", "health": "Hasil pemeriksaan pasien lain."},
)
class StrikeEntry(Details, frozen=True, kw_only=True):
    """Strike an entry that is wrong: one's own at any time, another agency's as a supervisor of the lead who may open
    it. Record what is right first, and name its number (`instead`)."""

    entry: Coordination[EntryNumber]
    because: Coordination[StruckBecause]
    instead: Coordination[EntryNumber | None] = None


@asked(
    "/cases/{case}/struck-alleged-perpetrators",
    by=CASE_WORK | OFFICERS,
    where=KNOWS_ALSO_ENDED.to(ACCUSED_ENTRY, R.AUTHOR, by="entry").to(ACCUSED_ENTRY, R.AUTHOR, by="instead"),
    or_else=(
        Row(
            SUPERVISION | OFFICERS,
            LEADS_ALSO_ENDED.to(ACCUSED_ENTRY, R.REACHES, by="entry").to(
                ACCUSED_ENTRY, R.AUTHOR, R.REACHES, by="instead"
            ),
            Extent.OPENABLE,
        ),
    ),
    second=Second((Row(AUDITORS, LEADS_ALSO_ENDED, Extent.MOVE),), colleagues=AUDITORS),
    extent=Extent.OWN_WORDS,
    means="Mencoret, bersama orang kedua, catatan tentang terlapor yang keliru: orang lain, atau yang tercatat tidak "
    "tepat. Catat dahulu yang benar, lalu sebut nomornya (`instead`). Bantahan terlapor bukan alasan mencoret: "
    "catat sebagai keterangannya.",
    tag="intake",
    example={"entry": 1, "because": "another-person", "grounds": "Orang lain dengan nama yang sama."},
)
class StrikeAllegedPerpetrator(Fact, frozen=True, kw_only=True):
    """Strike with a second person what was recorded of the alleged perpetrator and is wrong: another person, or not
    accurate. Record what is right first, and name its number (`instead`). That he denies it is no ground: it is
    recorded as his statement."""

    entry: Coordination[EntryNumber]
    because: Coordination[StruckBecause]
    instead: Coordination[EntryNumber | None] = None
    grounds: Legal[Text]


@asked(
    "/cases/{case}/alleged-perpetrators/statements",
    by=HOLDS | SUPERVISION,
    where=TAKES_PART_ALSO_ENDED.to(ACCUSED_ENTRY, R.AUTHOR, R.REACHES, by="entry"),
    extent=Extent.OWN_WORDS,
    means="Mencatat yang dikatakan terlapor tentang catatan mengenai dirinya, sebagai keterangannya.",
    tag="intake",
    example={"entry": 1, "statement": "Ia berada di Samarinda hari itu.", "source": "surat bertanggal 10 Agustus"},
)
class RecordAccusedStatement(Fact, frozen=True, kw_only=True):
    """Record what the alleged perpetrator says of what is recorded of him, as his statement."""

    entry: Coordination[EntryNumber]
    statement: Legal[Text]
    source: Legal[Short]


@applies(EntryStruck, AllegedPerpetratorStruck)
def entry_struck(case: Case, event: EntryStruck | AllegedPerpetratorStruck) -> Case:
    return strike(case, event.entry)


@decides.register
def strike_entry(command: StrikeEntry, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    entry = _standing_entry(command.entry, command.instead, case)
    return [recorded(EntryStruck, command, act), *_undone(entry, command, case, act)]


@decides.register
def strike_perpetrator(command: StrikeAllegedPerpetrator, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _standing_entry(command.entry, command.instead, case)
    return [recorded(AllegedPerpetratorStruck, command, act)]


@decides.register
def record_statement(command: RecordAccusedStatement, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(AccusedStatementRecorded, command, act)]


def _standing_entry(number: int, instead: int | None, case: Case) -> Entry:
    """The entry that is struck. Raises AlreadyDone, and Invalid for one in its place that cannot stand there."""
    entry = case.entries[number]
    if entry.struck:
        raise AlreadyDone(what="the entry's striking", entry=number)
    if instead is not None:
        other = case.entries[instead]
        if instead == number or other.topic != entry.topic or other.struck:
            raise Invalid(
                field="instead",
                must=Words(
                    "harus nomor butir lain yang sejenis dan belum dicoret",
                    "be the number of another entry of the same kind, which is not struck",
                ),
            )
    return entry


def _undone(entry: Entry, command: StrikeEntry, case: Case, act: Act) -> Iterator[Fact]:
    """What that entry did to clocks is taken back, as far as whoever strikes it has a word in that; of the rest the
    system sees to what is met by nothing now (case/beginning.py)."""
    before = {clock.id for clock, _ in met_by_nothing(case)}
    for clock, number in met_by_nothing(strike(case, command.entry)):
        if clock.id not in before and may(Way.RESUME, clock, case, act):
            yield runs_again(clock, number, command.occurred_at)
    again = any(e.topic == entry.topic and not e.struck and e is not entry for e in case.entries.values())
    for clock in (case.clocks[id] for id in entry.started):
        if again and clock.duty in LAW:
            continue  # the other entry of its kind begins it as well
        if not clock.is_over and may(Way.MOVE, clock, case, act):
            yield superseded(clock, command.occurred_at)


name_fields(
    entry=field("Butir nomor", "Entry number"),
    instead=field("Digantikan butir nomor", "In its place: entry number"),
    because=field("Dicoret karena", "Struck because", ("Karena", "Because")),
    statement=field("Keterangan terlapor", "What he says", ("Isi", "Content")),
    source=field("Sumber keterangan", "Source of the statement", ("Sumber", "Source")),
)
