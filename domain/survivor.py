"""The survivor's report: what is recorded about her, who looked and why, in plain words.

She may have all of her own data, whatever consent lets agencies know. Three things a field can be:
- shown, and printed where she chose that very line: a paper is found by others at home (UU 27/2022 gives the right of
  access; how it is handed over without danger is ours to see to);
- shown on the screen and never printed: how she is reached, her plan, and every line that speaks of a place to hide or
  of an agency that may hide her. Nothing stands on paper for such a line, as a mask tells by being one;
- withheld: data of another person whom it could endanger (who reported, who bore witness, whom she accuses), or the
  reasons of a hold, which are those of a legal proceeding.
Free text can name others too, so a person reads the report through before handing it over; it says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from .access import VIEWS
from .catalogue import COMPARTMENTS as COMPARTMENTS_OF
from .catalogue import TOPICS
from .code import Code
from .codes import AgencyKind, Purpose, Reporter, Role, Service, StruckBecause
from .compartment import Compartment
from .declaring import HAPPENED, words_of
from .field_kinds import AGENCY, COMPARTMENT, RECIPIENT, kinds_of
from .field_words import COMPARTMENTS, language_name
from .proposal import referred_to
from .survivor_grounds import ground
from .survivor_times import in_words, instant, moment
from .survivor_words import code_for_her
from .timing import was_entered_late
from .violence import Need
from .words import OF_OTHERS, Language, Words


class Handling(Enum):
    """What becomes of a field."""

    IF_CHOSEN = "if-chosen"
    ON_SCREEN = "on-screen"
    WITHHELD = "withheld"


OTHER = Words("Catatan lain", "Another record")
SAID_EARLIER = Words("Waktu tindakan, menurut petugas", "Time of the act, as the worker says")
"""Where it was recorded later: both times stand beside each other."""

HER_OWN_REPORT = frozenset(
    ("case.ReportReceived", f) for f in ("reporter", "reporter_name", "reporter_contact", "reporter_safe_to_call")
)
"""Not withheld where she reported herself. That it was "family" can be enough to know who it was."""
NOT_PRINTED = frozenset({Compartment.CONTACT, Compartment.SAFETY})
"""Where she can be found, when, and her plan: what whoever hurt her must not find on a paper."""

HIDING = frozenset({Service.SHELTER, Need.SHELTER, AgencyKind.SHELTER})
"""What says that she hides, or where."""


class Record(Struct, frozen=True):
    """An event of her case, opened: field → value as JSON has it."""

    position: int
    topic: str
    at: datetime
    agency: str
    values: Mapping[str, Any]
    version: int = 0
    """Its number in the case."""


class Reading(Struct, frozen=True):
    """That somebody opened content of her case."""

    position: int
    at: datetime
    agency: str
    role: Role
    purpose: Purpose
    compartments: Sequence[str]
    what: str
    basis: str


class Item(Struct, frozen=True):
    """One thing recorded; `value` is absent where it is withheld. `line` is what she chooses it by for her paper, and
    absent where it is never printed."""

    label: str
    handling: Handling
    value: str | None = None
    why: str | None = None
    line: str | None = None


class Recorded(Struct, frozen=True):
    """One entry of her file, by kind."""

    position: int
    kind: str
    title: str
    at: str
    agency: str
    items: list[Item]
    line: str | None = None
    """What she chooses it by for her paper, without its items; absent where it is never printed."""


class Looked(Struct, frozen=True):
    """Who looked, and why."""

    at: str
    agency: str
    role: str
    purpose: str
    what: str
    data: list[str]
    why: str
    line: str | None = None
    """What she chooses it by for her paper; absent where it is never printed."""


class Agency(Struct, frozen=True):
    """An agency's name, and its kind where it is known."""

    name: str
    kind: AgencyKind | None


Agencies = Callable[[str], Agency]


STRUCK = Words("dicoret {at}: {because}", "struck {at}: {because}")


class Struck(NamedTuple):
    """That an entry was struck: when, and why."""

    at: datetime
    because: str

    def mark(self, language: Language) -> str:
        try:
            why = code_for_her(StruckBecause.of(self.because), language)
        except ValueError:
            why = self.because
        return STRUCK.said_in(language).format(at=moment(self.at, language), because=why)

    @property
    def is_another_s(self) -> bool:
        return self.because == StruckBecause.ANOTHER_PERSON


def struck(records: Iterable[Record]) -> Mapping[int, Struck]:
    """Number of each entry that was struck → when that was recorded, and why."""
    found: dict[int, Struck] = {}
    for record in records:
        if (number := _strikes(record)) is not None:
            found.setdefault(number, Struck(record.at, str(record.values.get("because", ""))))
    return found


def _strikes(record: Record) -> int | None:
    of = HAPPENED[TOPICS[record.topic]].strikes if record.topic in TOPICS else ""
    number = record.values.get(of)
    return number if isinstance(number, int) else None


def hideouts(records: Iterable[Record], agencies: Agencies) -> frozenset[str]:
    """Codes of the agencies of these records that may hide her: every shelter, every agency of no known kind, and who
    was asked for a place to hide, or gave one."""
    found: set[str] = set()
    for record in records:
        others = _named(record) - {record.agency}
        found |= {code for code in (*others, record.agency) if agencies(code).kind in (None, AgencyKind.SHELTER)}
        if _speaks_of_hiding(record):
            found |= others or ({record.agency} if Service.SHELTER in _codes(record) else set())
    return frozenset(found)


def recorded(
    record: Record,
    language: Language,
    agencies: Agencies,
    hiding: frozenset[str] = frozenset(),
    was_struck: Struck | None = None,
) -> Recorded:
    """An entry of her file in plain words; `hiding` are the agencies that may hide her. Of one that was struck, its
    title and every line that she may choose say so; of one that is about another person, and of what says so, nothing
    but that is shown: it is that person's."""
    items = [
        item
        for name, compartment in COMPARTMENTS_OF.get(record.topic, {}).items()
        if (item := _item(record, name, compartment, language, agencies)) is not None
    ]
    if (said := _said_earlier(record, language)) is not None:
        items.insert(0, said)
    tells = _speaks_of_hiding(record) or bool(hiding & (_named(record) | {record.agency}))
    event = TOPICS.get(record.topic)
    title = ((HAPPENED[event].her if event is not None else None) or OTHER).said_in(language)
    if was_struck is not None:
        mark = was_struck.mark(language)
        title, items = f"{title} ({mark})", [replace(item, label=f"{item.label} ({mark})") for item in items]
    if was_struck is not None and was_struck.is_another_s:
        items = [_of_another(item, language) for item in items]
    elif _strikes(record) is not None and record.values.get("because") == StruckBecause.ANOTHER_PERSON:
        of_event = COMPARTMENTS_OF[record.topic]
        codes = {_line(record, name) for name, of in of_event.items() if of is Compartment.COORDINATION}
        items = [item if item.line in codes else _of_another(item, language) for item in items]
    return Recorded(
        record.position,
        record.topic,
        title,
        moment(record.at, language),
        agencies(record.agency).name,
        [_on_screen(item) for item in items] if tells else items,
        None if tells else str(record.position),
    )


def looked(reading: Reading, language: Language, agencies: Agencies, hiding: frozenset[str] = frozenset()) -> Looked:
    """A reading of her file in plain words; `hiding` are the agencies that may hide her."""
    what = VIEWS.get(reading.what)
    agency = agencies(reading.agency)
    tells = reading.agency in hiding or agency.kind in (None, AgencyKind.SHELTER)
    return Looked(
        moment(reading.at, language),
        agency.name,
        code_for_her(reading.role, language),
        code_for_her(reading.purpose, language),
        what.said_in(language) if what else reading.what,
        [_compartment(c, language) for c in reading.compartments if c in COMPARTMENTS],
        why(reading.basis, language),
        None if tells else str(reading.position),
    )


def why(basis: str, language: Language) -> str:
    """A recorded basis (`domain.access.basis_of`) in plain words. Ids are left out, rules are kept."""
    said = (ground(part, language) for part in basis.split("; "))
    return "; ".join(dict.fromkeys(said))


def _said_earlier(record: Record, language: Language) -> Item | None:
    try:
        said_at = instant(str(record.values.get("occurred_at")))
        if not was_entered_late(said_at, record.at):
            return None
        line = _line(record, "occurred_at")
        return Item(SAID_EARLIER.said_in(language), Handling.IF_CHOSEN, moment(said_at, language), line=line)
    except (ValueError, OverflowError):
        return None


def _item(record: Record, name: str, compartment: Compartment, language: Language, agencies: Agencies) -> Item | None:
    said = record.values.get(name)
    named = words_of(TOPICS.get(record.topic), name)
    words = named.her if named is not None else None
    if named is not None and said is None and name in record.values:
        said = named.unsaid
    if words is None or said in (None, "", []) or _is_id(said):
        return None
    label = words.said_in(language)
    reason = HAPPENED[TOPICS[record.topic]].withheld.get(name)
    if reason is not None and not ((record.topic, name) in HER_OWN_REPORT and _reported_herself(record)):
        return Item(label, Handling.WITHHELD, None, reason.said_in(language))
    value = _value(record.topic, name, said, language, agencies)
    item = Item(label, Handling.IF_CHOSEN, value, line=_line(record, name))
    return _on_screen(item) if compartment in NOT_PRINTED else item


def _line(record: Record, field: str) -> str:
    return f"{record.position}.{field}"


def _on_screen(item: Item) -> Item:
    handling = Handling.WITHHELD if item.handling is Handling.WITHHELD else Handling.ON_SCREEN
    return replace(item, handling=handling, line=None)


def _of_another(item: Item, language: Language) -> Item:
    return Item(item.label, Handling.WITHHELD, None, OF_OTHERS.said_in(language))


def _speaks_of_hiding(record: Record) -> bool:
    return bool(HIDING & _codes(record))


def _codes(record: Record) -> set[Code]:
    """Of the code lists that a place to hide is on: what the record says of them, a kind of agency among them."""
    found: set[Code] = set()
    for name, said in record.values.items():
        kinds = kinds_of(record.topic, name)
        for one in said if isinstance(said, list) else [said]:
            if not isinstance(one, str):
                continue
            lists: set[type[Code]] = {of for of in (Service, Need, AgencyKind) if of in kinds}
            if RECIPIENT in kinds and one.startswith("kind:"):
                lists.add(AgencyKind)
            found |= {code for of in lists for code in of if code.value == one.removeprefix("kind:")}
    return found


def _named(record: Record) -> set[str]:
    """Codes of the agencies that the record names beside its author."""
    found: set[str] = set()
    for name, said in record.values.items():
        if kinds_of(record.topic, name) & {AGENCY, RECIPIENT}:
            many = said if isinstance(said, list) else [said]
            found |= {one for one in many if isinstance(one, str) and one and not one.startswith("kind:")}
    return found


def _reported_herself(record: Record) -> bool:
    return record.values.get("reporter") == Reporter.SURVIVOR.value


def _value(topic: str, name: str, said: Any, language: Language, agencies: Agencies) -> str:
    if isinstance(said, Words):
        return said.said_in(language)
    if isinstance(said, list):
        return ", ".join(_value(topic, name, one, language, agencies) for one in said)
    if isinstance(said, bool):
        return {("id", True): "ya", ("en", True): "yes"}.get((language, said), "no" if language == "en" else "tidak")
    if name == "language":
        return language_name(str(said), language)
    if isinstance(said, str) and referred_to(said) is not None:
        return STATED_APART.said_in(language)
    kinds = kinds_of(topic, name)
    if COMPARTMENT in kinds:
        return _compartment(said, language) if said in COMPARTMENTS else str(said)
    if kinds & {AGENCY, RECIPIENT}:
        return _whom(said, language, agencies)
    code = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Code)), None)
    if code is not None:
        try:
            return code_for_her(code.of(said), language)
        except ValueError:
            return str(said)
    return in_words(str(said), language)


STATED_APART = Words(
    "Alasannya ditulis terpisah, dan tidak ada dalam laporan ini; tanyakan kepada pendamping Anda",
    "Its reason was written apart, and is not in this report; ask your case worker",
)


def _whom(said: str, language: Language, agencies: Agencies) -> str:
    kind = said.removeprefix("kind:")
    if kind == said:
        return agencies(said).name
    try:
        return code_for_her(AgencyKind.of(kind), language)
    except ValueError:
        return kind


def _is_id(said: Any) -> bool:
    try:
        UUID(said)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _compartment(word: str, language: Language) -> str:
    words = COMPARTMENTS[word].her
    return words.said_in(language) if words is not None else word
