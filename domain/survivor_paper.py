"""The survivor's report as a text that can be printed and carried home."""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from .survivor import Handling, Looked, Recorded
from .words import Language, Words

WIDTH = 80
UNNAMED = Words("layanan yang tidak disebut di sini", "a service that is not named here")
"""What stands on paper for a place to hide."""

TITLE = Words("YANG TERCATAT TENTANG ANDA", "WHAT IS RECORDED ABOUT YOU")
MADE = Words("Disusun {when} oleh {agency}, atas permintaan Anda.", "Made on {when} by {agency}, because you asked.")
KEEP = Words(
    "Kertas ini memuat data pribadi Anda. Simpanlah di tempat yang aman, atau mintalah pendamping menyimpannya. "
    "Telepon, alamat, waktu aman dihubungi, dan rencana keselamatan Anda tercatat tetapi sengaja tidak dicetak; "
    "mintalah pendamping menunjukkannya di layar. Nama pelapor dan terlapor tidak kami tunjukkan. Tulisan "
    "petugas bisa menyebut orang lain; petugas wajib memeriksanya dahulu.",
    "This paper has personal data of yours. Keep it in a safe place, or ask your case worker to keep it. Your "
    "telephone, address, safe times and safety plan are recorded but are not printed, on purpose; ask your case "
    "worker to show them to you on the screen. The names of who reported and of who is reported are "
    "not shown. What workers wrote may name others; a worker has to read it through first.",
)
RECORDED = Words("APA YANG TERCATAT", "WHAT IS RECORDED")
LOOKED = Words("SIAPA YANG MELIHAT, DAN MENGAPA", "WHO LOOKED, AND WHY")
NOBODY = Words("Belum ada yang membuka data Anda.", "Nobody has opened your data yet.")
RIGHTS = Words("HAK ANDA", "YOUR RIGHTS")
RIGHTS_ARE = Words(
    "Anda boleh melihat data Anda, meminta data diperbaiki, mencabut persetujuan kapan saja tanpa memberi alasan, dan "
    "meminta data dihapus selama hukum tidak mewajibkan penyimpanannya. Data yang sudah diterima instansi lain mungkin "
    "masih mereka simpan. Sampaikan kepada pendamping Anda. Bila keluhan Anda tentang pendamping, sampaikan kepada "
    "atasannya.",
    "You may see your data, ask for it to be corrected, withdraw consent at any time without giving a reason, and ask "
    "for it to be erased where the law does not oblige us to keep it. What other agencies received already they may "
    "still keep. Tell your case worker; if you have a complaint about your case worker, tell the supervisor.",
)
ON_SCREEN = Words("tercatat, tidak dicetak", "recorded, not printed")
WITHHELD = Words("tidak ditunjukkan: {why}", "not shown: {why}")
LOOK = Words(
    "{at}: {role}, {agency}. Dilihat: {what} ({data}). Tujuan: {purpose}. Alasannya: {why}.",
    "{at}: {role}, {agency}. Looked at: {what} ({data}). Purpose: {purpose}. Why: {why}.",
)


def paper(entries: Iterable[Recorded], looks: Sequence[Looked], language: Language, when: str, agency: str) -> str:
    """The text, in lines of at most WIDTH characters where words allow it, and without characters that print as
    nothing or turn the direction of writing. Agencies are named as the entries and looks name them."""

    def say(words: Words, **about: str) -> str:
        return words.said_in(language).format(**about)

    def lines() -> Iterator[str]:
        yield from (say(TITLE), "", *_prose(say(MADE, when=when, agency=agency)), "", *_prose(say(KEEP)), "")
        yield from (say(RECORDED), "")
        for entry in entries:
            yield from _wrapped(f"{entry.at}: {entry.title} ({entry.agency})")
            for item in entry.items:
                yield from _wrapped(f"{item.label}: {_shown(item.handling, item.value, item.why, language)}", 4)
        yield from ("", say(LOOKED), "")
        yield from () if looks else (say(NOBODY),)
        for look in looks:
            about = {"at": look.at, "role": look.role, "agency": look.agency, "what": look.what}
            yield from _wrapped(
                say(LOOK, **about, data=", ".join(look.data), purpose=look.purpose, why=look.why),
            )
        yield from ("", say(RIGHTS), "", *_prose(say(RIGHTS_ARE)))

    return "\n".join(_printable(line) for line in lines()) + "\n"


def _shown(handling: Handling, value: str | None, why: str | None, language: Language) -> str:
    match handling:
        case Handling.PRINTED:
            return value or ""
        case Handling.ON_SCREEN:
            return ON_SCREEN.said_in(language)
        case Handling.WITHHELD:
            return WITHHELD.said_in(language).format(why=why)


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _wrapped(text: str, indent: int = 0) -> list[str]:
    """Text in lines, those after the first further in; its own line breaks are kept."""
    found: list[str] = []
    for part in text.splitlines() or [""]:
        first = " " * (indent if not found else indent + 2)
        found += textwrap.wrap(
            part, WIDTH, initial_indent=first, subsequent_indent=" " * (indent + 2), break_on_hyphens=False
        ) or [""]
    return found


def _printable(line: str) -> str:
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
