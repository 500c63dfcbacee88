"""The survivor's report: what is recorded about her, who looked and why, in plain words.

She may have all of her own data, whatever consent lets agencies know. Three things a field can be:
- shown, and printed;
- shown on the screen and not printed: a paper is found by others at home (UU 27/2022 gives the right of access; how
  it is handed over without danger is ours to see to);
- withheld: data of another person whom it could endanger (who reported, who bore witness, whom she accuses), or the
  reasons of a hold, which are those of a legal proceeding.
Free text can name others too, so a person reads the report through before handing it over; it says so.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from msgspec import Struct

from .access import VIEWS
from .catalogue import COMPARTMENTS as COMPARTMENTS_OF
from .catalogue import TOPICS
from .code import Code
from .codes import AgencyKind, Purpose, Reporter, Role, SharingBasis
from .compartment import Compartment
from .declaring import HAPPENED, words_of
from .field_kinds import AGENCY, COMPARTMENT, RECIPIENT, kinds_of
from .field_words import COMPARTMENTS
from .oversight import LIMITS
from .survivor_words import code_for_her
from .timing import was_entered_late
from .words import Language, Words


class Handling(Enum):
    """What becomes of a field."""

    PRINTED = "printed"
    ON_SCREEN = "on-screen"
    WITHHELD = "withheld"


OTHER = Words("Catatan lain", "Another record")
SAID_EARLIER = Words("Dikatakan terjadi", "Said to have happened")
"""Where it was recorded later: both times stand beside each other."""

HER_OWN_REPORT = frozenset(("case.ReportReceived", f) for f in ("reporter", "reporter_name", "reporter_contact"))
"""Not withheld where she reported herself. That it was "family" can be enough to know who it was."""
NOT_PRINTED = frozenset({Compartment.CONTACT, Compartment.SAFETY})
"""Where she can be found, when, and her plan: what whoever hurt her must not find on a paper."""

TELLING_NO = frozenset({"safe_to_call", "in_time", "reached", "survivor_told"})
"""Where a "no" tells her something; elsewhere it is what nobody said anything about."""

MONTHS = Words(
    "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "January February March April May June July August September October November December",
)


class Record(Struct, frozen=True):
    """An event of her case, opened: field → value as JSON has it."""

    position: int
    topic: str
    at: datetime
    agency: str
    values: Mapping[str, Any]


class Reading(Struct, frozen=True):
    """That somebody opened content of her case."""

    at: datetime
    agency: str
    role: Role
    purpose: Purpose
    compartments: Sequence[str]
    what: str
    basis: str


class Item(Struct, frozen=True):
    """One thing recorded; `value` is absent where it is withheld, `handling` says whether it is printed."""

    label: str
    handling: Handling
    value: str | None = None
    why: str | None = None


class Recorded(Struct, frozen=True):
    """One entry of her file, by kind."""

    position: int
    kind: str
    title: str
    at: str
    agency: str
    items: list[Item]


class Looked(Struct, frozen=True):
    """Who looked, and why."""

    at: str
    agency: str
    role: str
    purpose: str
    what: str
    data: list[str]
    why: str


class Agency(Struct, frozen=True):
    """An agency's name, and whether it is a place to hide, which is not named on paper."""

    name: str
    kind: AgencyKind | None


Agencies = Callable[[str], Agency]


def recorded(record: Record, language: Language, agencies: Agencies) -> Recorded:
    """An entry of her file in plain words."""
    items = [
        item
        for name, compartment in COMPARTMENTS_OF.get(record.topic, {}).items()
        if (item := _item(record, name, compartment, language, agencies)) is not None
    ]
    if (said := _said_earlier(record, language)) is not None:
        items.insert(0, said)
    event = TOPICS.get(record.topic)
    title = (HAPPENED[event].her if event is not None else None) or OTHER
    return Recorded(
        record.position,
        record.topic,
        title.said_in(language),
        moment(record.at, language),
        agencies(record.agency).name,
        items,
    )


def looked(reading: Reading, language: Language, agencies: Agencies) -> Looked:
    """A reading of her file in plain words."""
    what = VIEWS.get(reading.what)
    return Looked(
        moment(reading.at, language),
        agencies(reading.agency).name,
        code_for_her(reading.role, language),
        code_for_her(reading.purpose, language),
        what.said_in(language) if what else reading.what,
        [_compartment(c, language) for c in reading.compartments if c in COMPARTMENTS],
        why(reading.basis, language),
    )


def why(basis: str, language: Language) -> str:
    """A recorded basis (`domain.access.basis_of`) in plain words. Ids are left out, rules are kept."""
    said = (_ground(part, language) for part in basis.split("; "))
    return "; ".join(dict.fromkeys(said))


def moment(at: datetime, language: Language) -> str:
    """An instant in the local time of Bontang: 3 Maret 2026 20.00 WITA."""
    local = at.astimezone(LIMITS.zone)
    clock = f"{local:%H.%M}" if language == "id" else f"{local:%H:%M}"
    return f"{day(local.date(), language)} {clock} WITA"


def day(on: date, language: Language) -> str:
    """A date in words."""
    return f"{on.day} {MONTHS.said_in(language).split()[on.month - 1]} {on.year}"


def _said_earlier(record: Record, language: Language) -> Item | None:
    try:
        said_at = _instant(str(record.values.get("occurred_at")))
        if not was_entered_late(said_at, record.at):
            return None
        return Item(SAID_EARLIER.said_in(language), Handling.PRINTED, moment(said_at, language))
    except (ValueError, OverflowError):
        return None


def _item(record: Record, name: str, compartment: Compartment, language: Language, agencies: Agencies) -> Item | None:
    said = record.values.get(name)
    named = words_of(TOPICS.get(record.topic), name)
    words = named.her if named is not None else None
    if words is None or said in (None, "", []) or _is_id(said):
        return None
    if said is False and name not in TELLING_NO:
        return None
    label = words.said_in(language)
    reason = HAPPENED[TOPICS[record.topic]].withheld.get(name)
    if reason is not None and not ((record.topic, name) in HER_OWN_REPORT and _reported_herself(record)):
        return Item(label, Handling.WITHHELD, None, reason.said_in(language))
    value = _value(record.topic, name, said, language, agencies)
    return Item(label, Handling.ON_SCREEN if compartment in NOT_PRINTED else Handling.PRINTED, value)


def _reported_herself(record: Record) -> bool:
    return record.values.get("reporter") == Reporter.SURVIVOR.value


def _value(topic: str, name: str, said: Any, language: Language, agencies: Agencies) -> str:
    if isinstance(said, list):
        return ", ".join(_value(topic, name, one, language, agencies) for one in said)
    if isinstance(said, bool):
        return {("id", True): "ya", ("en", True): "yes"}.get((language, said), "no" if language == "en" else "tidak")
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
    return _time(str(said), language)


def _whom(said: str, language: Language, agencies: Agencies) -> str:
    kind = said.removeprefix("kind:")
    if kind == said:
        return agencies(said).name
    try:
        return code_for_her(AgencyKind.of(kind), language)
    except ValueError:
        return kind


def _time(said: str, language: Language) -> str:
    """A time or date in words; other text as it is."""
    try:
        return day(date.fromisoformat(said), language) if len(said) == 10 else moment(_instant(said), language)
    except (ValueError, OverflowError):
        return said


def _instant(said: str) -> datetime:
    found = datetime.fromisoformat(said)
    if "T" not in said or found.tzinfo is None:
        raise ValueError
    return found


def _is_id(said: Any) -> bool:
    try:
        UUID(said)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _compartment(word: str, language: Language) -> str:
    words = COMPARTMENTS[word].her
    return words.said_in(language) if words is not None else word


def _legal(code: str, language: Language) -> str:
    try:
        return code_for_her(SharingBasis.of(code), language)
    except ValueError:
        return code


_GROUNDS: dict[str, Words] = {
    "own": Words("itu catatan instansi itu sendiri", "they are that agency's own words"),
    "lead": Words("instansi itu penanggung jawab kasus Anda", "that agency leads your case"),
    "consent": Words("Anda menyetujuinya", "you consented"),
    "referral": Words("Anda dirujuk ke instansi itu", "you were referred to that agency"),
    "told": Words("instansi itu sudah diberi tahu sebelumnya", "that agency had been told before"),
    "survivor-request": Words("Anda memintanya", "you asked for it"),
    "override": Words("tanpa persetujuan Anda, karena aturan hukum", "without your consent, because of a rule of law"),
    "break-glass": Words("keadaan darurat", "an emergency"),
    "review": Words("untuk meninjau pembukaan darurat", "to review an emergency opening"),
}


def _ground(part: str, language: Language) -> str:
    word, _, rest = part.partition(" ")
    head, _, code = word.rstrip(":").partition(":")
    ground = _GROUNDS.get(head)
    if ground is None:
        return part
    if word == "override":  # override ID GROUND: RULE
        code, _, rule = rest.partition(" ")[2].partition(": ")
        return f"{ground.said_in(language)}: {_legal(code, language)}, {rule}"
    return f"{ground.said_in(language)}: {_legal(code, language)}" if code else ground.said_in(language)
