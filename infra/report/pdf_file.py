"""The PDF/A-2u file: what stands on its pages, written by fpdf2."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from fpdf import FPDF
from fpdf.prefs import ViewerPreferences
from msgspec import Struct

from .fonts import Face, add_fonts, use

Colour = tuple[int, int, int]


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


class Shape(Struct, frozen=True):
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    colour: Colour


class Mark(Struct, frozen=True):
    """An entry of the outline."""

    title: str
    level: int


Drawn = Text | Bar | Shape | Mark


def written(pages: Sequence[Sequence[Drawn]], *, title: str, language: str, made_at: datetime) -> bytes:
    """The file. The same pages are the same bytes."""
    pdf = _File(unit="pt", format="A4", enforce_compliance="PDF/A-2U")
    said = repr((title, made_at, pages))
    pdf.identity = hashlib.sha256(said.encode()).hexdigest()[:32].upper()
    pdf.set_auto_page_break(False)
    pdf.set_title(title)
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
    pdf.set_lang({"id": "id-ID", "en": "en-GB"}[language])
    pdf.set_producer(PRODUCER)
    moment = made_at.astimezone(UTC).replace(microsecond=0)
    pdf.set_creation_date(moment)
    pdf.set_xmp_metadata(_xmp(title, moment))
    add_fonts(pdf)
    for marks in pages:
        pdf.add_page()
        for mark in marks:
            _draw(pdf, mark)
    return bytes(pdf.output())


PRODUCER = "Rujukan"


class _File(FPDF):
    identity: str
    """32 hexadecimal digits: a hash of what is on the pages, so that equal reports are equal files."""

    def file_id(self) -> str:
        return f"<{self.identity}><{self.identity}>"


def _draw(pdf: FPDF, mark: Drawn) -> None:
    match mark:
        case Text():
            use(pdf, mark.face, mark.size)
            pdf.set_text_color(*mark.colour)
            pdf.text(mark.x, mark.y, mark.text)
        case Bar():
            pdf.set_fill_color(*mark.colour)
            pdf.rect(mark.x, mark.y, mark.width, mark.height, style="F")
        case Shape():
            pdf.set_fill_color(*mark.colour)
            pdf.polygon(list(mark.points), style="F")
        case Mark():
            pdf.start_section(mark.title, mark.level, strict=False)


def _xmp(title: str, moment: datetime) -> str:
    at = moment.isoformat(timespec="seconds")
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmp:CreateDate="{at}" xmp:ModifyDate="{at}" xmp:MetadataDate="{at}" pdf:Producer="{PRODUCER}">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
