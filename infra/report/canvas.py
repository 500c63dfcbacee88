"""Paper: lines, tables and pages, laid out here and written as PDF/A-2u by fpdf2.

The layout is ours because the texts are anybody's: a text of any length, with any characters, becomes lines that
fit, and a row goes on over the page where it must. The same calls give the same bytes.
"""

import hashlib
import io
import logging
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import pymupdf_fonts
from fontTools.ttLib import TTFont
from fpdf import FPDF
from msgspec import Struct

Face = Literal["regular", "bold"]
Colour = tuple[int, int, int]

INK: Colour = (20, 20, 24)
GREY: Colour = (95, 95, 105)
WARN: Colour = (140, 20, 20)
TINT: Colour = (236, 238, 243)

WIDTH, HEIGHT = 595.28, 841.89  # A4, in points
LEFT, RIGHT, TOP, BOTTOM = 54.0, WIDTH - 54.0, 54.0, HEIGHT - 60.0
LEADING = 1.36
UNSHOWN = "\N{REPLACEMENT CHARACTER}"
MOST_BLANK_LINES = 3

_FILES = {"regular": "notos", "bold": "notosbo"}  # Noto Sans, SIL Open Font License 1.1
_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_TOKENS = re.compile(r" +|[^ ]+")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Font(Struct, frozen=True):
    """Which characters a face has, and how wide they are, in thousandths of its size."""

    data: bytes
    widths: dict[str, float]

    def width(self, text: str, size: float) -> float:
        """Points."""
        widths = self.widths
        return sum(widths[c] for c in text) * size / 1000


@cache
def font(face: Face) -> Font:
    """A face as the fonts' package has it."""
    data: bytes = pymupdf_fonts.myfont(_FILES[face])
    parsed = TTFont(io.BytesIO(data))
    scale = 1000 / parsed["head"].unitsPerEm
    metrics, cmap = parsed["hmtx"], parsed.getBestCmap()
    shown = {chr(code): metrics[glyph][0] * scale for code, glyph in cmap.items()}
    return Font(data, {c: w for c, w in shown.items() if unicodedata.category(c) not in _INVISIBLE})


class Text(Struct, frozen=True):
    x: float
    y: float
    text: str
    face: Face
    size: float
    colour: Colour


class Bar(Struct, frozen=True):
    x: float
    y: float
    width: float
    height: float
    colour: Colour


class Mark(Struct, frozen=True):
    """An entry of the outline."""

    title: str
    level: int


class Canvas:
    """Pages that grow downwards. Lengths are points; `y` is where the next thing begins."""

    def __init__(self, blank_lines: str) -> None:
        """`blank_lines` stands for a long run of empty lines; `{n}` in it is how many."""
        self.pages: list[list[Text | Bar | Mark]] = [[]]
        self.y = TOP
        self.unshown: Counter[str] = Counter()
        """Characters that no glyph stands for, or that would be invisible, and how often they came."""
        self._blank_lines = blank_lines

    def page(self) -> None:
        """A new page."""
        self.pages.append([])
        self.y = TOP

    def room(self, height: float) -> None:
        """A new page, unless so much room is left on this one."""
        if self.y + height > BOTTOM and self.y > TOP:
            self.page()

    def space(self, height: float) -> None:
        self.y = min(self.y + height, BOTTOM)

    def heading(self, title: str, level: int = 0) -> None:
        """A heading that keeps what follows it on its page, and an entry of the outline."""
        size = (16.0, 11.5, 9.5)[level]
        lines = self.wrap(title, "bold", size, RIGHT - LEFT)
        self.room(size * LEADING * len(lines) + 60)
        self.pages[-1].append(Mark(self.legible(title), level))
        self.lines(lines, "bold", size)
        self.space(size * 0.4)

    def paragraph(
        self, text: str, *, size: float = 9.0, face: Face = "regular", colour: Colour = INK, indent: float = 0.0
    ) -> None:
        """A text over the whole width."""
        self.lines(self.wrap(text, face, size, RIGHT - LEFT - indent), face, size, colour, LEFT + indent)
        self.space(size * 0.45)

    def bullet(self, text: str, size: float = 9.0) -> None:
        """One item of a list."""
        lines = self.wrap(text, "regular", size, RIGHT - LEFT - 14)
        self.room(size * LEADING)
        self.pages[-1].append(Text(LEFT + 4, self.y + size, "\N{BULLET}", "regular", size, INK))
        self.lines(lines, "regular", size, INK, LEFT + 14)
        self.space(size * 0.35)

    def pair(self, label: str, value: str, *, size: float = 8.5, colour: Colour = INK, face: Face = "regular") -> None:
        """A label and, beside it, what it names."""
        at = LEFT + 132
        self._row(
            (
                (LEFT, self.wrap(label, "regular", size, 124), "regular", GREY),
                (at, self.wrap(value, face, size, RIGHT - at), face, colour),
            ),
            size,
        )
        self.space(1.5)

    def table(self, columns: Sequence[tuple[str, float]], rows: Sequence[Sequence[str]], size: float = 7.5) -> None:
        """Columns are (title, share of the width). The titles come again on every page that the table goes over."""
        total = sum(share for _, share in columns)
        gap = 6.0
        widths = [(RIGHT - LEFT) * share / total - gap for _, share in columns]
        at = [LEFT + sum(widths[:i]) + gap * i for i in range(len(widths))]

        def titles() -> None:
            cells = tuple(
                (x, self.wrap(t, "bold", size, w), "bold", INK)
                for (t, _), x, w in zip(columns, at, widths, strict=True)
            )
            height = max(len(lines) for _, lines, _, _ in cells) * size * LEADING + 4
            self.room(height + size * LEADING * 2)
            self.pages[-1].append(Bar(LEFT - 3, self.y - 1, RIGHT - LEFT + 6, height, TINT))
            self._row(cells, size)
            self.space(4)

        titles()
        for row in rows:
            cells = tuple(
                (x, self.wrap(cell, "regular", size, w), "regular", INK)
                for cell, x, w in zip(row, at, widths, strict=True)
            )
            self._row(cells, size, again=titles)
            self.pages[-1].append(Bar(LEFT, self.y + 1.2, RIGHT - LEFT, 0.3, TINT))
            self.space(3.5)
        self.space(6)

    def lines(self, lines: Sequence[str], face: Face, size: float, colour: Colour = INK, x: float = LEFT) -> None:
        """Lines that are wrapped already, over as many pages as they need."""
        self._row(((x, lines, face, colour),), size)

    def _row(self, cells: Sequence[tuple[float, Sequence[str], Any, Colour]], size: float, again: Any = None) -> None:
        """Cells beside each other. A row that is not long is kept on one page; another goes on, after `again`.

        What stands on one page is written cell by cell, so that a text copied out of a cell is in one piece.
        """
        leading = size * LEADING
        count = max(len(lines) for _, lines, _, _ in cells)
        if count * leading <= (BOTTOM - TOP) / 3:
            self._fresh(count * leading, again)
        done = 0
        while done < count:
            self._fresh(leading, again)
            fits = min(count - done, max(1, int((BOTTOM - self.y) / leading + 1e-6)))
            for x, lines, face, colour in cells:
                for n, line in enumerate(lines[done : done + fits]):
                    if line:
                        self.pages[-1].append(Text(x, self.y + leading * n + size, line, face, size, colour))
            self.y += fits * leading
            done += fits

    def _fresh(self, height: float, again: Any) -> None:
        """A new page, begun with `again`, unless so much room is left."""
        if self.y + height > BOTTOM and self.y > TOP:
            self.page()
            if again is not None:
                again()

    def legible(self, text: str) -> str:
        """The text with a replacement for each character that cannot be shown, which is counted.

        Line breaks of every kind are `\\n`, tabs are spaces.
        """
        shown = font("regular").widths
        text = _BREAKS.sub("\n", text).replace("\t", "    ")
        if all(c in shown or c == "\n" for c in set(text)):
            return text
        self.unshown.update(c for c in text if c not in shown and c != "\n")
        return "".join(c if c in shown or c == "\n" else UNSHOWN for c in text)

    def wrap(self, text: str, face: Face, size: float, width: float) -> list[str]:
        """Lines not wider than `width`. Words longer than a line are broken where they must."""
        measure, found, blank = font(face), list[str](), 0
        for paragraph in [*self.legible(text).split("\n"), None]:
            if paragraph is not None and not paragraph.strip(" "):
                blank += 1
                continue
            if found and paragraph is not None and blank:
                kept = [""] * blank if blank <= MOST_BLANK_LINES else ["", self._blank_lines.format(n=blank), ""]
                found += kept
            blank = 0
            if paragraph is not None:
                found += _fit(paragraph, measure, size, width)
        return found or [""]

    def write(self, *, title: str, language: str, made_at: datetime, footer: str) -> bytes:
        """The PDF/A-2u file. `{page}` and `{pages}` in the footer are numbers."""
        title, footer = self.legible(title), self.legible(footer)
        pdf = _File(unit="pt", format="A4", enforce_compliance="PDF/A-2U")
        said = repr((title, made_at, footer, self.pages))
        pdf.identity = hashlib.sha256(said.encode()).hexdigest()[:32].upper()
        pdf.set_auto_page_break(False)
        pdf.set_title(title)
        pdf.set_lang({"id": "id-ID", "en": "en-GB"}[language])
        pdf.set_producer(PRODUCER)
        moment = made_at.astimezone(UTC).replace(microsecond=0)
        pdf.set_creation_date(moment)
        pdf.set_xmp_metadata(_xmp(title, moment))
        _add_fonts(pdf)
        for number, marks in enumerate(self.pages, 1):
            pdf.add_page()
            foot_line = footer.replace("{page}", str(number)).replace("{pages}", str(len(self.pages)))
            foot = (
                Bar(LEFT, BOTTOM + 10, RIGHT - LEFT, 0.4, GREY),
                Text(LEFT, BOTTOM + 24, foot_line, "regular", 7, GREY),
            )
            for mark in (*marks, *foot):
                _draw(pdf, mark)
        return bytes(pdf.output())


PRODUCER = "Rujukan"


class _File(FPDF):
    identity: str
    """32 hexadecimal digits: a hash of what is on the pages, so that equal reports are equal files."""

    def file_id(self) -> str:
        return f"<{self.identity}><{self.identity}>"


def _fit(paragraph: str, measure: Font, size: float, width: float) -> list[str]:
    found, line, used = list[str](), "", 0.0
    for token in _TOKENS.findall(paragraph):
        wide = measure.width(token, size)
        if used + wide <= width:
            line, used = line + token, used + wide
            continue
        if line.strip(" "):
            found.append(line.rstrip(" "))
        line, used = "", 0.0
        if token[0] == " ":
            continue
        for c in token:
            w = measure.width(c, size)
            if used + w > width and line:
                found.append(line)
                line, used = "", 0.0
            line, used = line + c, used + w
    if line.strip(" "):
        found.append(line.rstrip(" "))
    return found


def _draw(pdf: FPDF, mark: Text | Bar | Mark) -> None:
    match mark:
        case Text():
            pdf.set_font("noto", "B" if mark.face == "bold" else "", mark.size)
            pdf.set_text_color(*mark.colour)
            pdf.text(mark.x, mark.y, mark.text)
        case Bar():
            pdf.set_fill_color(*mark.colour)
            pdf.rect(mark.x, mark.y, mark.width, mark.height, style="F")
        case Mark():
            pdf.start_section(mark.title, mark.level, strict=False)


def _add_fonts(pdf: FPDF) -> None:
    """fpdf2 reads fonts from files only. fontTools says of every font which tables it leaves out; nobody asked."""
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for face, style in (("regular", ""), ("bold", "B")):
            file = Path(folder) / f"NotoSans-{face}.ttf"
            file.write_bytes(font(face).data)
            os.utime(file, (0, 0))
            pdf.add_font("noto", style, file)


def _xmp(title: str, moment: datetime) -> str:
    at = moment.isoformat(timespec="seconds")
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmp:CreateDate="{at}" xmp:ModifyDate="{at}" xmp:MetadataDate="{at}" pdf:Producer="{PRODUCER}">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
