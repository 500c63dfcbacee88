"""Values of a record as a person reads them: labels for codes, names for agencies, times in one zone.

What events, fields and compartments are called, their subjects declare (domain/declaring.py); what an older or newer
log holds beside them is printed under its own name.
"""

from collections.abc import Mapping
from datetime import date, datetime

from ...consumers.evidence import figures
from ...domain.access import VIEWS, more_in
from ...domain.catalogue import TOPICS
from ...domain.code import Code
from ...domain.codes import AgencyKind, DisclosureBasis, Role, SharingBasis
from ...domain.declaring import HAPPENED, words_of
from ...domain.fact import SYSTEM_AGENCY
from ...domain.field_kinds import AGENCY, COMPARTMENT, RECIPIENT, kinds_of
from ...domain.field_words import COMPARTMENTS, language_name
from ...domain.proposal import referred_to
from ...domain.words import Language, Words
from .facts import Agency, Value
from .numbers import Numbers

HER_REPORT = Words("laporan bagi korban, atas permintaannya", "the survivor's report, as she asked")


def event(topic: str, language: Language) -> str:
    """What an event is called; its topic when that has no label."""
    return HAPPENED[TOPICS[topic]].label.said_in(language) if topic in TOPICS else topic


def field(topic: str, name: str, language: Language) -> str:
    """What a field of that event is called; its own name when that has no label."""
    words = words_of(TOPICS.get(topic), name)
    return words.label.said_in(language) if words is not None else name


def compartment(word: str, language: Language) -> str:
    """What a compartment is called."""
    return COMPARTMENTS[word].label.said_in(language) if word in COMPARTMENTS else word


def code(codes: type[Code], value: str, language: Language) -> str:
    """The label of a code; the value itself when it is not on the list."""
    try:
        member = codes.of(value)
    except ValueError:
        return value
    return labelled(member, language)


def labelled(member: Code, language: Language) -> str:
    """The label of a code."""
    return member.en if language == "en" else member.id


def view(word: str, language: Language) -> str:
    """What was opened; the word itself where it is on no list."""
    if word == "survivor-report":
        return HER_REPORT.said_in(language)
    return VIEWS[word].said_in(language) if word in VIEWS else word


def basis(said: str, grounds: Mapping[str, str], number: Numbers, language: Language) -> str:
    """On what a reading stood (`domain.access.basis_of`): each ground in words, ids by their numbers."""
    return "; ".join(_ground(part, grounds, number, language) for part in said.split("; "))


def _ground(part: str, grounds: Mapping[str, str], number: Numbers, language: Language) -> str:
    word, _, rest = part.partition(" ")
    head, _, kind = word.rstrip(":").partition(":")
    if (more := more_in(part, language)) is not None:
        return more
    if head not in grounds:
        disclosed, parted, rule = part.partition(": ")  # of a bundle: what it was made on
        return code(DisclosureBasis, disclosed, language) + parted + number.within(rule)
    ground = grounds[head]
    id, _, rule = rest.partition(" ")
    if head == "override":  # override ID GROUND: RULE
        kind, _, rule = rule.partition(": ")
        return f"{ground} ({code(SharingBasis, kind, language)}{f', {rule}' if rule else ''})"
    if head in ("consent", "referral") and id:
        return number.of(id)
    return f"{ground} ({code(SharingBasis, kind, language)})" if kind else ground


EVERY_OF_KIND = Words("setiap instansi jenis “{kind}”", "every agency of the kind “{kind}”")
"""A recipient that is a kind: some agencies are called as their kind is."""
NAMED_NONE = Words("tidak ada", "none")
"""Of a list that somebody had to make, and that names none."""
STATED_APART = Words(
    "alasannya ada dalam usul {proposal}, yang diajukan orang lain dan tidak termasuk dalam laporan ini; petugas "
    "pencatat di sini menyetujui usul itu",
    "the reason stands in proposal {proposal}, made by another person and not part of this report; who recorded it "
    "here approved it",
)
"""In the place of a reason that stands in what was put before a second person."""
MAY_BE_WITHHELD = Words("tidak diungkap", "not disclosed")
"""In the place of a field that an older record may have in a compartment that is withheld."""


class Reader:
    """Turns stored values into what a person reads: labels for codes, names for agencies, times in one zone."""

    def __init__(self, language: Language, agencies: tuple[Agency, ...]) -> None:
        self.language: Language = language
        self.agencies = {a.code: (a.name_en or a.name) if language == "en" else a.name for a in agencies}

    def name(self, code: str) -> str:
        """What an agency is called, or that it is the system itself; the bare code of one that is not on the list."""
        if code == SYSTEM_AGENCY:
            return labelled(Role.SYSTEM, self.language)
        return self.agencies.get(code, code)

    def time(self, at: datetime) -> str:
        """To the second, in the network's zone, as the verifier says it. Raises ValueError for a time with no zone."""
        return figures.instant(at, self.language)

    def brief(self, at: datetime) -> str:
        """The same for a table: `29 Nov 2026, 18.06.45`. Each page says in which zone."""
        try:
            return figures.brief(at, self.language)
        except OverflowError:  # first or last day of the calendar
            return self.time(at)

    def value(self, topic: str, name: str, value: Value, withheld: bool = False) -> str:
        """A field's value as a person reads it; text as it stands. `withheld`: where there is none, it may have been
        said in what is withheld."""
        if value is None and withheld:
            return MAY_BE_WITHHELD.said_in(self.language)
        if value is None and (words := words_of(TOPICS.get(topic), name)) is not None and words.unsaid is not None:
            return words.unsaid.said_in(self.language)
        if value == ():
            return NAMED_NONE.said_in(self.language)
        if value is None:
            return "-"
        if isinstance(value, bool):
            return {("id", True): "ya", ("id", False): "tidak", ("en", True): "yes", ("en", False): "no"}[
                self.language, value
            ]
        if isinstance(value, tuple):
            return ", ".join(self.value(topic, name, one) for one in value)
        if not isinstance(value, str):
            return str(value)
        if (proposal := referred_to(value)) is not None:
            return STATED_APART.said_in(self.language).format(proposal=proposal)
        if name == "language":
            return language_name(value, self.language)
        kinds = kinds_of(topic, name)
        for codes in kinds:
            if isinstance(codes, type) and issubclass(codes, Code):
                return code(codes, value, self.language)
        if datetime in kinds:
            try:
                return self.time(datetime.fromisoformat(value))
            except ValueError:
                return value
        if date in kinds:
            try:
                return figures.date_of(date.fromisoformat(value), self.language)
            except ValueError:
                return value
        if COMPARTMENT in kinds:
            return compartment(value, self.language)
        if RECIPIENT in kinds and value.startswith("kind:"):
            kind = code(AgencyKind, value.removeprefix("kind:"), self.language)
            return EVERY_OF_KIND.said_in(self.language).format(kind=kind)
        return self.name(value) if kinds & {AGENCY, RECIPIENT} else value
