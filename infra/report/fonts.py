"""The faces of a report, as the fonts' package has them: which characters each shows, and how wide."""

import io
import logging
import os
import tempfile
import unicodedata
from functools import cache
from pathlib import Path
from typing import Literal

import pymupdf_fonts
from fontTools.ttLib import TTFont
from fpdf import FPDF
from msgspec import Struct

Face = Literal["regular", "bold", "mono"]

_FILES = {"regular": "notos", "bold": "notosbo", "mono": "fimo"}
"""Noto Sans, and Fira Mono, in which I, l and 1, O and 0 have forms of their own. Both: SIL Open Font License 1.1."""
_WRITTEN: tuple[tuple[Face, str, Literal["", "B"]], ...] = (
    ("regular", "noto", ""),
    ("bold", "noto", "B"),
    ("mono", "mono", ""),
)
"""Face → family and style, as fpdf2 knows them."""
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


def add_fonts(pdf: FPDF) -> None:
    """fpdf2 reads fonts from files only. fontTools says of every font which tables it leaves out; nobody asked."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        for face, family, style in _WRITTEN:
            file = Path(folder) / f"{face}.ttf"
            file.write_bytes(font(face).data)
            os.utime(file, (0, 0))
            pdf.add_font(family, style, file)


def use(pdf: FPDF, face: Face, size: float) -> None:
    """Write on in this face."""
    family, style = next((family, style) for known, family, style in _WRITTEN if known == face)
    pdf.set_font(family, style, size)
