"""Event logs in XES (IEEE 1849-2016), plain or packed (packed.py), read as a stream with line numbers.

Nothing in a file is trusted: what XML can do beyond elements and attributes (document types, entities) is
refused, and tags, values, nesting and the whole are limited. An error says the line and what is wrong there; it
names elements and keys, and repeats no value.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from msgspec import Struct

from .packed import DAMAGED, NotALog, opened, said_of

CHUNK = 2**16
ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})
OF_THE_LOG = frozenset({"extension", "global", "classifier"})
FORM = "2026-11-30T08:15:00+08:00"
ENCODINGS = frozenset({"UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII"})

_TRUNCATED = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


_WHY = re.compile(r"(year|month|day|hour|minute|second|microsecond) (must be in|is out of range)[\w .]*$")
"""What Python says of a date and repeats nothing of it."""


class XesError(Exception):
    """The file is not a log that can be read: the line, from 1 in the unpacked XML, and what is wrong there. Line 0 is
    the file as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


class Limits(Struct, frozen=True):
    """How large a log may be."""

    total: int = 256 * 2**20
    """Bytes of the unpacked XML."""
    tag: int = 2**20
    """Bytes of one tag, comment or run of text."""
    value: int = 2**16
    """Characters of one XML attribute's value."""
    depth: int = 32
    """Elements within elements."""


USUAL = Limits()


class XesEvent(Struct, frozen=True):
    """Something done in a trace. `attributes` are all of its own, as written; nested ones are left out."""

    line: int
    activity: str
    at: datetime
    """With its zone."""
    group: str | None
    resource: str | None
    lifecycle: str | None
    attributes: Mapping[str, str]


class Trace(Struct, frozen=True):
    """One case of the log, its events in the order of the file; there is at least one."""

    name: str
    line: int
    attributes: Mapping[str, str]
    events: tuple[XesEvent, ...]


class Reader:
    """A log to iterate over. After an iteration to the end, `empty` counts the traces without an event, `nested` the
    attributes within attributes and `of_log` those of the log itself, which are all left out; `sha256` is of the
    unpacked XML. Iterating raises XesError, and OSError where the file cannot be read; what was yielded before an error
    is whole, but the log is not."""

    def __init__(self, file: Path, limits: Limits = USUAL) -> None:
        self.file = file
        self.limits = limits
        self.empty = self.nested = self.of_log = 0
        self.sha256 = b""

    def __iter__(self) -> Iterator[Trace]:
        content = _Content(self.limits)
        digest = hashlib.sha256()
        with content.problems(), opened(self.file) as source:
            chunk = b"start"
            while chunk:
                chunk = source.read1(CHUNK)
                digest.update(chunk)
                content.take(chunk)
                yield from content.traces
                content.traces.clear()
        self.empty, self.nested, self.of_log = content.empty, content.nested, content.of_log
        self.sha256 = digest.digest()


class _Content:
    """The elements of a log as expat meets them, gathered into traces."""

    def __init__(self, limits: Limits) -> None:
        self.traces: list[Trace] = []
        self.empty = self.nested = self.of_log = 0
        self._limits = limits
        self._names: set[str] = set()
        self._fed = 0
        self._moved_at = 0
        self._depth = 0
        self._ended = False
        self._trace: _Trace | None = None
        self._event: _Event | None = None
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = lambda *_: self._fail("a document type is refused")
        parser.EntityDeclHandler = lambda *_: self._fail("an entity is refused")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = lambda _: self._move()
        parser.ProcessingInstructionHandler = lambda *_: self._move()
        self._parser = parser

    def take(self, chunk: bytes) -> None:
        """The next bytes; none for the end. Raises XesError, ExpatError."""
        self._fed += len(chunk)
        if self._fed > self._limits.total:
            self._fail(f"the log is larger than {self._limits.total} bytes")
        self._parser.Parse(chunk, not chunk)
        if self._fed - self._moved_at > self._limits.tag + CHUNK:
            self._fail(f"a tag, comment or text is longer than {self._limits.tag} bytes")

    @contextmanager
    def problems(self) -> Iterator[None]:
        """What goes wrong inside, as XesError."""
        try:
            yield
        except expat.ExpatError as problem:
            raise XesError(problem.lineno, self._said(problem.code)) from None
        except NotALog as problem:
            raise XesError(0, str(problem)) from None
        except DAMAGED as problem:
            self._fail(said_of(problem, self._fed))

    def _said(self, code: int) -> str:
        if self._ended:
            return "something follows the end of the log"
        if code in _TRUNCATED:
            return "the file ends before the log does"
        return f"not well-formed XML: {expat.ErrorString(code)}"

    def _fail(self, reason: str, line: int | None = None) -> NoReturn:
        raise XesError(line or self._parser.CurrentLineNumber, reason)

    def _move(self) -> None:
        self._moved_at = self._fed

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ENCODINGS:
            self._fail(f"the encoding is none of {', '.join(sorted(ENCODINGS))}")

    def _start(self, tag: str, said: dict[str, str]) -> None:
        self._moved_at = self._fed
        self._depth += 1
        depth, name = self._depth, tag.rpartition(" ")[2]
        if depth > self._limits.depth:
            self._fail(f"more than {self._limits.depth} elements within each other")
        for value in said.values():
            if len(value) > self._limits.value:
                self._fail(f"a value is longer than {self._limits.value} characters")
        if depth == 1:
            if name != "log":
                self._fail(f"{_shown(name)} in the place of <log>")
        elif name == "event":
            if depth != 3 or self._trace is None:
                self._fail("an event outside a trace")
            self._event = _Event(self._parser.CurrentLineNumber)
        elif name == "trace":
            if depth != 2:
                self._fail("a trace within another element")
            self._trace = _Trace(self._parser.CurrentLineNumber)
        elif name in ATTRIBUTES:
            if self._event is not None and depth == 4:
                self._attribute(name, said, self._event)
            elif self._event is None and self._trace is not None and depth == 3:
                self._attribute(name, said, self._trace)
            elif self._trace is not None:
                self.nested += 1
            elif depth == 2:
                self.of_log += 1
        elif not (name == "values" and depth > 2) and not (name in OF_THE_LOG and depth == 2):
            self._fail(f"{_shown(name)} is no element of XES here")

    def _end(self, _tag: str) -> None:
        self._moved_at = self._fed
        depth = self._depth
        self._depth -= 1
        if depth == 3 and self._event is not None and self._trace is not None:
            self._trace.events.append(self._finished_event(self._event))
            self._event = None
        elif depth == 2 and self._trace is not None:
            self._finish_trace(self._trace)
            self._trace = None
        elif depth == 1:
            self._ended = True

    def _text(self, text: str) -> None:
        self._moved_at = self._fed
        if not text.isspace():
            self._fail("text where XES has none")

    def _attribute(self, kind: str, said: dict[str, str], of: "_Trace | _Event") -> None:
        key = said.get("key")
        if key is None:
            self._fail(f"<{kind}> has no key")
        if key in of.keys:
            self._fail(f"{_shown(key)} is there twice")
        of.keys.add(key)
        if kind in ("list", "container"):
            return
        value = said.get("value")
        if value is None:
            self._fail(f"{_shown(key)} has no value")
        of.attributes[key] = value
        if kind == "date":
            at = self._date(key, value)
            if key == "time:timestamp":
                of.at = self._zoned(at)
        elif key == "time:timestamp":
            self._fail("time:timestamp is not a <date>")

    def _date(self, key: str, value: str) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError as problem:
            why = str(problem)
            if not _WHY.match(why):  # it repeats the value
                why = f"it is read as {FORM}"
            self._fail(f"{_shown(key)} is not a date of ISO 8601: {why}")

    def _zoned(self, at: datetime) -> datetime:
        offset = at.utcoffset()
        if offset is None:
            self._fail(f"time:timestamp has no time zone: it is read as {FORM}")
        if offset % timedelta(minutes=1):
            self._fail("time:timestamp is not a date of ISO 8601: its zone has seconds")
        try:
            at.astimezone(UTC)
        except OverflowError:
            self._fail("time:timestamp is out of range: its year in UTC is not between 1 and 9999")
        return at

    def _finished_event(self, event: "_Event") -> XesEvent:
        said = event.attributes
        activity = said.get("concept:name")
        if not activity:
            self._fail("an event has no concept:name", event.line)
        if event.at is None:
            self._fail("an event has no time:timestamp", event.line)
        return XesEvent(
            line=event.line,
            activity=activity,
            at=event.at,
            group=said.get("org:group"),
            resource=said.get("org:resource"),
            lifecycle=said.get("lifecycle:transition"),
            attributes=said,
        )

    def _finish_trace(self, trace: "_Trace") -> None:
        if not trace.events:
            self.empty += 1
            return
        name = trace.attributes.get("concept:name")
        if not name:
            self._fail("a trace has no concept:name", trace.line)
        if name in self._names:
            self._fail("an earlier trace has the same concept:name", trace.line)
        self._names.add(name)
        self.traces.append(Trace(name, trace.line, trace.attributes, tuple(trace.events)))


class _Event:
    """An event while its attributes are read."""

    __slots__ = ("at", "attributes", "keys", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.at: datetime | None = None
        self.attributes: dict[str, str] = {}
        self.keys: set[str] = set()


class _Trace(_Event):
    """A trace while its attributes and events are read."""

    __slots__ = ("events",)

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.events: list[XesEvent] = []


def _shown(name: str) -> str:
    """The name of an element or key, cut where it is too long to be one."""
    return name if len(name) <= 60 else f"{name[:60]}…"
