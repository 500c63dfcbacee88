"""Values of a record as a person reads them: labels for codes, names for agencies, times in one zone.

What events, fields and compartments are called, their subjects declare (domain/declaring.py); what an older or newer
log holds beside them is printed under its own name.
"""

from datetime import UTC, date, datetime, timedelta, timezone

from ...domain.catalogue import TOPICS
from ...domain.code import Code
from ...domain.codes import AgencyKind
from ...domain.declaring import HAPPENED, words_of
from ...domain.field_kinds import AGENCY, COMPARTMENT, RECIPIENT, kinds_of
from ...domain.field_words import COMPARTMENTS
from ...domain.words import Language
from .facts import Agency, Value


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
    return member.en if language == "en" else member.id


class Reader:
    """Turns stored values into what a person reads: labels for codes, names for agencies, times in one zone."""

    def __init__(self, language: Language, agencies: tuple[Agency, ...], utc_offset_minutes: int) -> None:
        self.language = language
        self.zone = timezone(timedelta(minutes=utc_offset_minutes))
        self.agencies = {a.code: (a.name_en or a.name) if language == "en" else a.name for a in agencies}

    def agency(self, name: str) -> str:
        """`RSUD Kota (rsud)`, or the bare code of an agency that is not on the list."""
        return f"{self.agencies[name]} ({name})" if name in self.agencies else name

    def time(self, at: datetime) -> str:
        """To the second, in the report's zone. Raises ValueError for a time without a zone."""
        if at.tzinfo is None:
            raise ValueError("a time without a zone cannot be printed")
        try:
            return at.astimezone(self.zone).replace(tzinfo=None).isoformat(" ", "seconds")
        except OverflowError:  # first or last day of the calendar
            return at.astimezone(UTC).isoformat(" ", "seconds")

    def value(self, topic: str, name: str, value: Value) -> str:
        """A field's value as a person reads it; text as it stands."""
        if value is None and (words := words_of(TOPICS.get(topic), name)) is not None and words.unsaid is not None:
            return words.unsaid.said_in(self.language)
        if value is None or value == ():
            return "-"
        if isinstance(value, bool):
            return {("id", True): "ya", ("id", False): "tidak", ("en", True): "yes", ("en", False): "no"}[
                self.language, value
            ]
        if isinstance(value, tuple):
            return ", ".join(self.value(topic, name, one) for one in value)
        if not isinstance(value, str):
            return str(value)
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
            return value
        if COMPARTMENT in kinds:
            return compartment(value, self.language)
        if RECIPIENT in kinds and value.startswith("kind:"):
            return code(AgencyKind, value.removeprefix("kind:"), self.language)
        return self.agency(value) if kinds & {AGENCY, RECIPIENT} else value
