"""Paper: lines, tables and pages, laid out here and written as PDF/A-2u by fpdf2.

The layout is ours because the texts are anybody's: a text of any length, with any characters, becomes lines that
fit, and a row goes on over the page where it must. The same calls give the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from .fonts import Face, Font, font
from .pdf_file import Bar, Colour, Drawn, Mark, Shape, Text, written

INK: Colour = (20, 20, 24)
GREY: Colour = (95, 95, 105)
WARN: Colour = (140, 20, 20)
TINT: Colour = (236, 238, 243)

WIDTH, HEIGHT = 595.28, 841.89  # A4, in points
LEFT, RIGHT, TOP, BOTTOM = 50.0, WIDTH - 50.0, 46.0, HEIGHT - 50.0
LEADING = 1.36
SIZES = (14.0, 10.5, 9.0)
"""Of headings, by their level."""
UNSHOWN = "\N{REPLACEMENT CHARACTER}"
MOST_BLANK_LINES = 3

_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_TOKENS = re.compile(r" +|[^ ]+")


class Line(Struct, frozen=True):
    """One line of a cell."""

    text: str
    face: Face = "regular"
    colour: Colour = INK


Cell = str | Sequence[Line]
"""Of a table: a text, or texts with a face each."""


def _height(cells: Sequence[tuple[float, Sequence[Line]]], size: float) -> float:
    return max((len(lines) for _, lines in cells), default=0) * size * LEADING


def _kept(cells: Sequence[tuple[float, Sequence[Line]]], size: float) -> float:
    """How much of a row stays on one page: all of one that is not long, and the first lines of another."""
    whole = _height(cells, size)
    return whole if whole <= (BOTTOM - TOP) / 3 else size * LEADING * 3


class Canvas:
    """Pages that grow downwards. Lengths are points; `y` is where the next thing begins."""

    def __init__(self, blank_lines: str) -> None:
        """`blank_lines` stands for a long run of empty lines; `{n}` in it is how many."""
        self.pages: list[list[Drawn]] = [[]]
        self.y = TOP
        self.unshown: Counter[str] = Counter()
        """Characters that no glyph stands for, or that would be invisible, and how often they came."""
        self._blank_lines = blank_lines
        self._headings: list[tuple[str, int, list[str]]] = []
        """Those that wait for what follows them, so that both come on one page."""

    def page(self) -> None:
        """A new page."""
        self._write_headings()
        self.pages.append([])
        self.y = TOP

    def room(self, height: float) -> None:
        """A new page, unless so much room is left on this one, the headings that wait included."""
        if self.y + self._waiting + height > BOTTOM and self.y > TOP:
            self.pages.append([])
            self.y = TOP
        self._write_headings()

    def space(self, height: float) -> None:
        if self.y > TOP or self._headings:
            self.y = min(self.y + height, BOTTOM)

    def heading(self, title: str, level: int = 0) -> None:
        """A heading, and an entry of the outline. It is written together with what follows it."""
        self._headings.append((self.legible(title), level, self.wrap(title, "bold", SIZES[level], RIGHT - LEFT)))

    @property
    def _waiting(self) -> float:
        """How high the headings are that wait."""
        return sum(SIZES[level] * (LEADING * len(lines) + 0.4) for _, level, lines in self._headings)

    def _write_headings(self) -> None:
        waiting, self._headings = self._headings, []
        for title, level, lines in waiting:
            self.pages[-1].append(Mark(title, level))
            self._write([(LEFT, [Line(text, "bold") for text in lines])], SIZES[level])
            self.y += SIZES[level] * 0.4

    def paragraph(
        self, text: str, *, size: float = 9.0, face: Face = "regular", colour: Colour = INK, indent: float = 0.0
    ) -> None:
        """A text over the whole width."""
        self.row([(LEFT + indent, self.cell(text, size, RIGHT - LEFT - indent, face, colour))], size)
        self.space(size * 0.45)

    def bullet(self, text: str, size: float = 9.0, colour: Colour = INK) -> None:
        """One item of a list."""
        mark = [Line("\N{BULLET}", colour=colour)]
        self.row(
            [(LEFT + 4, mark), (LEFT + 14, self.cell(text, size, RIGHT - LEFT - 14, "regular", colour))],
            size,
        )
        self.space(size * 0.3)

    def pair(self, label: str, value: str, *, size: float = 8.5, colour: Colour = INK, face: Face = "regular") -> None:
        """A label and, beside it, what it names."""
        at = LEFT + 132
        self.row(
            [
                (LEFT, self.cell(label, size, 124, "regular", GREY)),
                (at, self.cell(value, size, RIGHT - at, face, colour)),
            ],
            size,
        )
        self.space(1.5)

    def table(
        self, columns: Sequence[tuple[str, float]], rows: Iterable[Sequence[Cell | None]], size: float = 7.5
    ) -> None:
        """Columns are (title, share of the width). The titles come again on every page that the table goes over. A row
        of one cell goes over the whole width and keeps the next row on its page."""
        total = sum(share for _, share in columns)
        gap = 6.0
        widths = [(RIGHT - LEFT) * share / total - gap for _, share in columns]
        at = [LEFT + sum(widths[:i]) + gap * i for i in range(len(widths))]
        named = [(x, self.cell(t, size, w, "bold")) for (t, _), x, w in zip(columns, at, widths, strict=True)]
        height = max(len(lines) for _, lines in named) * size * LEADING + 4

        def titles() -> None:
            self.pages[-1].append(Bar(LEFT - 3, self.y - 1, RIGHT - LEFT + 6, height, TINT))
            self._write(named, size)
            self.y += 4

        first, over = True, list[tuple[float, list[Line]]]()
        for row in rows:
            if len(row) == 1:
                over = [(LEFT, self._lines_of(row[0], size, RIGHT - LEFT, "bold"))]
                continue
            cells = [(x, self._lines_of(cell, size, w)) for cell, x, w in zip(row, at, widths, strict=True)]
            with_it = _height(over, size)
            if first:
                self.room(height + with_it + _kept(cells, size))
                titles()
            elif with_it:
                self._fresh(with_it + _kept(cells, size), titles)
            if over:
                self._write(over, size)
                self.space(1.5)
            first, over = False, []
            self.row(cells, size, again=titles)
            self.pages[-1].append(Bar(LEFT, self.y + 1.2, RIGHT - LEFT, 0.3, TINT))
            self.space(3.5)
        self.space(6)

    def _lines_of(self, cell: Cell | None, size: float, width: float, face: Face = "regular") -> list[Line]:
        if cell is None:
            return []
        if isinstance(cell, str):
            return self.cell(cell, size, width, face)
        return [line for part in cell for line in self.cell(part.text, size, width, part.face, part.colour)]

    def cell(self, text: str, size: float, width: float, face: Face = "regular", colour: Colour = INK) -> list[Line]:
        """The lines of a text that fit the width. What the mono face cannot show stands in the regular one."""
        if face == "mono" and not font("mono").widths.keys() >= {*self.shown(text)} - {"\n"}:
            face = "regular"
        return [Line(line, face, colour) for line in self.wrap(text, face, size, width)]

    def row(self, cells: Sequence[tuple[float, Sequence[Line]]], size: float, again: Any = None) -> None:
        """Cells beside each other. A row that is not long is kept on one page; another goes on, after `again`.

        What stands on one page is written cell by cell, so that a text copied out of a cell is in one piece.
        """
        leading = size * LEADING
        count = max((len(lines) for _, lines in cells), default=0)
        self._fresh(_kept(cells, size), again)
        self._write_headings()
        done = 0
        while done < count:
            self._fresh(leading, again)
            fits = min(count - done, max(1, int((BOTTOM - self.y) / leading + 1e-6)))
            self._write([(x, lines[done : done + fits]) for x, lines in cells], size)
            done += fits

    def _write(self, cells: Sequence[tuple[float, Sequence[Line]]], size: float) -> None:
        """Lines where they are, on this page."""
        for x, lines in cells:
            for n, line in enumerate(lines):
                if line.text:
                    y = self.y + size * LEADING * n + size
                    self.pages[-1].append(Text(x, y, line.text, line.face, size, line.colour))
        self.y += _height(cells, size)

    def _fresh(self, height: float, again: Any) -> None:
        """A new page, begun with `again`, unless so much room is left."""
        if self.y + self._waiting + height > BOTTOM and self.y > TOP:
            self.pages.append([])
            self.y = TOP
            if again is not None:
                again()

    def width(self, text: str, size: float, face: Face = "regular") -> float:
        """How wide one line is, in points."""
        return font(face).width(self.shown(text).replace("\n", " "), size)

    def text(self, x: float, y: float, text: str, size: float, face: Face = "regular", colour: Colour = INK) -> None:
        """One line of a drawing; its base line is at `y`."""
        self.pages[-1].append(Text(x, y, self.legible(text).replace("\n", " "), face, size, colour))

    def bar(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle of a drawing."""
        self.pages[-1].append(Bar(x, y, width, height, colour))

    def shape(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon of a drawing."""
        self.pages[-1].append(Shape(tuple(points), colour))

    def legible(self, text: str) -> str:
        """The text with a replacement for each character that cannot be shown, which is counted.

        Line breaks of every kind are `\\n`, tabs are spaces.
        """
        shown = font("regular").widths
        text = _BREAKS.sub("\n", text).replace("\t", "    ")
        if all(c in shown or c == "\n" for c in set(text)):
            return text
        self.unshown.update(c for c in text if c not in shown and c != "\n")
        return self.shown(text)

    def shown(self, text: str) -> str:
        """The same, and nothing is counted."""
        shown = font("regular").widths
        text = _BREAKS.sub("\n", text).replace("\t", "    ")
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
        self._write_headings()
        title, footer = self.legible(title), self.legible(footer)
        feet = (
            (
                Bar(LEFT, BOTTOM + 10, RIGHT - LEFT, 0.4, GREY),
                Text(LEFT, BOTTOM + 22, said, "regular", 7, GREY),
            )
            for number in range(1, len(self.pages) + 1)
            for said in [footer.replace("{page}", str(number)).replace("{pages}", str(len(self.pages)))]
        )
        pages = [[*marks, *foot] for marks, foot in zip(self.pages, feet, strict=True)]
        return written(pages, title=title, language=language, made_at=made_at)


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
