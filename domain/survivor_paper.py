"""What the survivor may carry home: a slip that has nothing of her case, and below it the lines that she chose.

A paper is found by others. So the slip is the same for everybody, to the letter: no name, no agency, no date, no word
for what happened, and no gap that says that something is left out. Only a line that she picked on the screen is
added. What is never printed (`Handling.ON_SCREEN`, `WITHHELD`) cannot be chosen, and nothing stands in its place.
"""

import textwrap
import unicodedata
from collections.abc import Collection, Iterator, Sequence

from .survivor import Handling, Looked, Recorded
from .words import Language, Words

WIDTH = 80

TITLE = Words("CATATAN LAYANAN", "SERVICE NOTES")
ASK = Words(
    "Ada pertanyaan? Tanyakan kepada petugas yang memberi Anda kertas ini.",
    "Do you have questions? Ask the worker who gave you this paper.",
)
RIGHTS_ARE = Words(
    "Anda berhak melihat data Anda, dan meminta data yang salah diperbaiki. Anda berhak mencabut persetujuan kapan "
    "saja, tanpa memberi alasan. Anda berhak meminta data dihapus, kecuali bila hukum mewajibkan penyimpanannya. Data "
    "yang sudah diterima instansi lain mungkin masih mereka simpan. Bila ada keluhan tentang petugas, sampaikan kepada "
    "atasannya.",
    "You have the right to see your data, and to ask that what is wrong is corrected. You have the right to withdraw "
    "consent at any time, without giving a reason. You have the right to ask that data is erased, unless the law "
    "obliges us to keep it. What other agencies received already they may still keep. If you have a complaint about a "
    "worker, tell the supervisor.",
)
LOOK = Words(
    "{at}: {role}, {agency}. Dilihat: {what} ({data}). Tujuan: {purpose}. Alasannya: {why}.",
    "{at}: {role}, {agency}. Looked at: {what} ({data}). Purpose: {purpose}. Why: {why}.",
)
BEFORE_PRINTING = Words(
    "Sebelum membawa kertas ini: apakah ada orang di rumah yang bisa menemukannya dan membahayakan Anda? Kalau ya, "
    "jangan dibawa pulang. Anda boleh membacanya di sini, dan pendamping menyimpannya. Telepon, alamat, waktu aman, "
    "rencana keselamatan, dan semua tentang tempat aman tidak dicetak; mintalah melihatnya di layar. Yang lain "
    "dicetak hanya bila Anda memilihnya, baris demi baris. Nama orang yang melapor dan orang yang dilaporkan tidak "
    "kami tunjukkan. Tulisan petugas bisa menyebut orang lain; petugas wajib memeriksanya dahulu.",
    "Before you take this paper along: could anybody at home find it and put you in danger? If so, do not take it "
    "home. You may read it here, and your case worker keeps it. Telephone, address, safe times, safety plan and all "
    "about a safe place are not printed; ask to see them on the screen. The rest is printed only if you choose it, "
    "line by line. The names of who reported and of who is reported are not shown. What workers wrote may name others; "
    "a worker has to read it through first.",
)
"""What she is asked on the screen, before anything is printed."""

NOT_WHOLE = Words(
    "Sebagian catatan tentang siapa yang melihat data rusak. Mungkin ada orang lain yang melihat data Anda, dan kami "
    "belum bisa mengatakan siapa.",
    "A part of the notes on who looked at data is damaged. Somebody else may have looked at your data, and we cannot "
    "say yet who.",
)
"""What she is told where the record of a reading, of whatever case, does not open."""


def paper(
    entries: Sequence[Recorded], looks: Sequence[Looked], language: Language, chosen: Collection[str] = ()
) -> str:
    """The slip, and the chosen lines, in lines of at most WIDTH characters where words allow it, and without characters
    that print as nothing or turn the direction of writing. Raises KeyError for a chosen line that cannot be printed."""
    lines = dict(_lines(entries, looks, language))
    if not lines.keys() >= set(chosen):
        raise KeyError("a line that cannot be printed")
    text = [TITLE.said_in(language), "", *_prose(ASK.said_in(language)), "", *_prose(RIGHTS_ARE.said_in(language))]
    picked = [line for name, said in lines.items() if name in chosen for line in _wrapped(said)]
    return "\n".join(_printable(line) for line in [*text, *(["", *picked] if picked else [])]) + "\n"


def _lines(entries: Sequence[Recorded], looks: Sequence[Looked], language: Language) -> Iterator[tuple[str, str]]:
    """What she can choose from: each line with what it is chosen by, in the order of the screen."""
    for entry in entries:
        if entry.line is not None:
            yield entry.line, f"{entry.at}: {entry.title} ({entry.agency})"
        for item in entry.items:
            if item.line is not None and item.handling is Handling.IF_CHOSEN:
                yield item.line, f"{item.label}: {item.value or ''}"
    for look in looks:
        if look.line is not None:
            about = {"at": look.at, "role": look.role, "agency": look.agency, "what": look.what, "why": look.why}
            said = LOOK.said_in(language).format(**about, data=", ".join(look.data), purpose=look.purpose)
            yield look.line, said


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _wrapped(text: str) -> list[str]:
    """Text in lines, those after the first further in; its own line breaks are kept."""
    found: list[str] = []
    for part in text.splitlines() or [""]:
        first = "  " if found else ""
        found += textwrap.wrap(part, WIDTH, initial_indent=first, subsequent_indent="  ", break_on_hyphens=False) or [
            ""
        ]
    return found


def _printable(line: str) -> str:
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
