"""What verifying a bundle or a proof showed, and what it could not show, in plain Indonesian and English."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from .bundles import Verified
from .figures import Language, figures_of, instant, lines

Verdict = Literal["passed", "unvouched", "failed", "unproven"]

VERDICTS: dict[Verdict, tuple[str, str]] = {
    "passed": ("LULUS PEMERIKSAAN", "PASSED THE CHECK"),
    "unvouched": ("UTUH, TETAPI PEMILIK KUNCI TIDAK DIPERIKSA", "WHOLE, BUT NOBODY VOUCHES FOR IT"),
    "failed": ("TIDAK LULUS PEMERIKSAAN", "FAILED THE CHECK"),
    "unproven": ("TIDAK DAPAT DIPERIKSA", "COULD NOT BE CHECKED"),
}
"""The first words of an answer. None of them is a word of the courts: *sah* and *valid* are said of evidence that is
admitted, *tidak terbukti* of who is acquitted."""

COMPARTMENTS: dict[str, tuple[str, str]] = {
    "coordination": ("koordinasi", "coordination"),
    "identity": ("identitas", "identity"),
    "contact": ("kontak", "contact"),
    "incident": ("kejadian", "incident"),
    "health": ("kesehatan", "health"),
    "psychosocial": ("psikososial", "psychosocial"),
    "legal": ("hukum", "legal"),
    "safety": ("keselamatan", "safety"),
    "economic": ("ekonomi", "economic"),
}
BASES: dict[str, tuple[str, str]] = {
    "court-order": ("Penetapan atau putusan pengadilan", "Court order or judgement"),
    "investigation": ("Permintaan tertulis penyidik", "Written request of the investigators"),
    "prosecution": ("Permintaan penuntut umum", "Request of the public prosecutor"),
    "restitution": ("Permohonan restitusi (LPSK)", "Claim for restitution (LPSK)"),
    "survivor-request": ("Permintaan korban", "Survivor's request"),
    "audit": ("Pemeriksaan (audit)", "Audit"),
}
"""Codes of a bundle as a person reads them: the words of the domain, which no agency's machine has."""

SAYS: dict[str, tuple[str, str]] = {
    "whole": (
        "Berkas ini utuh: setiap bita termasuk dalam segel, dan segelnya dibuat dengan kunci log {log}.",
        "The file is whole: every byte is under its seal, and the seal was made with the key of the log {log}.",
    ),
    "about": (
        "Isinya: kasus {case}, diserahkan kepada {recipient}, dengan dasar {basis} ({rule}), oleh {made_for}.",
        "It is of case {case}, disclosed to {recipient}, on the basis {basis} ({rule}), by {made_for}.",
    ),
    "disclosed": ("Yang diungkap: {words}.", "Disclosed: {words}."),
    "events": (
        "{count} peristiwa kasus, dari yang pertama berturut-turut tanpa ada yang hilang, sampai {at}. Masing-masing "
        "terbukti tercatat dalam log di tempatnya dan tidak berubah sejak itu.",
        "{count} [count:event|events] of the case, from its first one without a gap, up to {at}. Each is proved to "
        "stand "
        "in the log in its place, unchanged since.",
    ),
    "opened": (
        "{count} bagian dibuka dengan kuncinya sendiri; setiap kunci terikat pada bagiannya, sehingga tidak ada teks "
        "lain yang dapat dibuka darinya.",
        "{count} [count:part is opened with its own key|parts are opened with their own keys]; each key is bound to "
        "its "
        "part, so no other text can be opened from it.",
    ),
    "withheld": (
        "{count} bagian tidak diungkap; hanya sidik digitalnya (nilai hash) yang ada di sini: {words}.",
        "{count} [count:part is withheld; only its hash is|parts are withheld; only their hashes are] here: {words}.",
    ),
    "said-erased": (
        "{count} bagian seharusnya diungkap, tetapi telah dihapus, menurut pembuat berkas ini; hanya sidik digitalnya "
        "(nilai hash) yang ada di sini: {words}.",
        "{count} [count:part was to be disclosed and is|parts were to be disclosed and are] erased, says the maker "
        "of this "
        "file; only [count:its hash is|their hashes are] here: {words}.",
    ),
    "accesses": (
        "{count} pembacaan kasus ini tercatat, dengan bukti yang sama.",
        "{count} [count:reading of this case is|readings of this case are] recorded, under the same proofs.",
    ),
    "sendings": (
        "{agencies} instansi diberi tahu tentang kasus ini; {sent} pengiriman tercatat, {vouched} di antaranya "
        "dinyatakan oleh log sendiri. {said} pernyataan sampai dari instansi terbukti tercatat dalam log.",
        "{agencies} [agencies:agency was|agencies were] told something of this case; {sent} [sent:sending "
        "is|sendings are] "
        "on record, of which the log itself vouches for {vouched}. {said} [said:statement of an agency that something "
        "arrived is|statements of agencies that something arrived are] proved to stand in the log.",
    ),
    "complete": (
        "Itulah semua pembacaannya dari posisi {first} sampai {last} dalam log, menurut penyelenggara log yang "
        "menyegel berkas ini.",
        "That is all that was read of it from position {first} to {last} of the log, says the log's operator, who "
        "sealed "
        "this file.",
    ),
    "disclosure": (
        "Pembuatan berkas ini sendiri tercatat dalam log, sebelum berkas ini dibuat.",
        "The making of this file is itself recorded in the log, before there was a file.",
    ),
    "documents": (
        "{count} dokumen sama dengan yang dicatat peristiwanya.",
        "{count} [count:document is the one that its event records|documents are those that their events record].",
    ),
    "absent": (
        "{count} dokumen yang dicatat peristiwa, dan termasuk yang diungkap, TIDAK ada di sini: {words}.",
        "{count} [count:document that an event records, and that is|documents that events record, and that are] among "
        "what is disclosed, [count:is|are] NOT here: {words}.",
    ),
    "witnesses": (
        "Instansi pengesah ikut menandatangani keadaan log ini (jumlah dan siapa, menurut kebijakan yang "
        "diberikan): {words}.",
        "The log was co-signed by witnesses (how many and who, by the policy that was given): {words}.",
    ),
    "head": (
        "Keadaan log: {size} catatan, akar {root}.",
        "The state of the log: {size} [size:entry|entries], root {root}.",
    ),
    "compare": (
        "Angka-angka ini harus sama persis dengan yang tercetak di laporan:",
        "These figures must be exactly those that the report prints:",
    ),
    "joined": (
        "Log ini dimulai pada {at} sebagai lanjutan log {log}, yang berakhir pada {size} catatan karena yang terbaru "
        "hilang. Sampai {common} catatan keduanya sama: itu terbukti dalam log ini. Sekurangnya {lost} catatan hilang.",
        "This log began at {at} and goes on from the log {log}, which ended at {size} [size:entry|entries] as the "
        "newest were lost. Up to {common} [common:entry|entries] both are the same: in this log that is proved. {lost} "
        "[lost:entry or more is|entries or more are] lost.",
    ),
    "joined-said": (
        "Log {began} dimulai pada {at} sebagai lanjutan log {log}, yang berakhir pada {size} catatan; sekurangnya "
        "{lost} catatan hilang. Itu dinyatakan; yang tidak terbukti di sini disebut di bawah.",
        "The log {began} began at {at} and goes on from the log {log}, which ended at {size} [size:entry|entries]; "
        "{lost} "
        "[lost:entry or more is|entries or more are] lost. That is said; what of it is not proved here stands below.",
    ),
    "proof": (
        "Catatan nomor {leaf} ada dalam log {log}.",
        "Entry {leaf} is in the log {log}.",
    ),
}
UNCHECKED: dict[str, tuple[str, str]] = {
    "log-key": (
        "Siapa yang memegang kunci log: tidak ada kebijakan yang diberikan, kuncinya diambil dari berkas ini sendiri. "
        "Siapa pun dapat membuat berkas yang utuh dengan kunci sendiri. Pakai --policy dengan kunci dari pihak yang "
        "dipercaya.",
        "Whose the log's key is: no policy was given, so the key was taken from the file itself. Anybody can make a "
        "file that is whole under a key of their own. Use --policy, with a key from somebody you trust.",
    ),
    "no-witnesses": (
        "Apakah pihak lain melihat log yang sama: kebijakan ini tidak meminta instansi pengesah, jadi penyelenggara "
        "log sendirilah yang dipercaya bahwa hanya ada satu log.",
        "Whether others saw the same log: the policy asks for no witness, so the log's operator alone is trusted that "
        "there is one log only.",
    ),
    "until": (
        "Bahwa tidak ada peristiwa lain sebelum saat yang diminta: berkas ini berhenti sebelum peristiwa terakhir, dan "
        "nomor urut penyelenggara log yang menentukan di mana.",
        "That no other event came before the instant that was asked for: this file stops before the case's last event, "
        "and the log operator's numbers say where.",
    ),
    "erased": (
        "Bahwa yang disebut terhapus memang tidak dapat dibuka siapa pun lagi: itu hanya dinyatakan.",
        "That what is said to be erased can be opened by nobody any more: it is said, not proved.",
    ),
    "reports": (
        "Bahwa laporan PDF mengatakan apa yang dikatakan peristiwa: segelnya menunjukkan siapa yang membuatnya. Yang "
        "terbukti adalah peristiwa dalam berkas ini.",
        "That the PDF reports say what the events say: their seal shows who made them. What is proved is the events in "
        "this file.",
    ),
    "numbers": (
        "Bahwa log tidak memuat peristiwa lain dengan nomor yang sama: itu hanya terlihat oleh yang memeriksa seluruh "
        "log.",
        "That the log holds no other event under the same numbers: only who audits the whole log sees that.",
    ),
    "deliveries": (
        "Siapa berhak tahu apa: penyelenggara log menyatakannya dengan segelnya. Bahwa sesuatu dikirim juga dikatakan "
        "oleh log sendiri sejauh disebut di atas; bahwa tidak ada kiriman lain, tidak ditunjukkan bukti apa pun. Waktu "
        "kirim menurut jam layanan.",
        "Who was entitled to what: the log's operator says so under its seal. That something was sent the log itself "
        "says, too, as far as is said above; that nothing else was sent, no proof shows. Times of sending are by the "
        "service's clock.",
    ),
    "deliveries-damaged": (
        "Catatan tentang apa yang diberitahukan atau dikirim kepada instansi tidak utuh: deliveries.json menyebut yang "
        "mana. Mungkin lebih banyak yang diketahui daripada yang ada di sini.",
        "The records of what agencies were told or sent are not whole: deliveries.json says which. More may have been "
        "known than stands here.",
    ),
    "readings-damaged": (
        "Ada catatan pembacaan yang tidak dapat dibuka; dari kasus mana, tidak dapat dikatakan. Mungkin ada pembacaan "
        "lain daripada yang ada di sini.",
        "A record of a reading does not open; of which case it was, nobody can say. There may be other readings than "
        "those here.",
    ),
    "more-accesses": (
        "Bahwa tidak ada pembacaan lain: yang ada di sini terbukti, tetapi bukti tidak menunjukkan bahwa daftarnya "
        "lengkap.",
        "That there were no other readings: those here are proved, but no proof shows that the list is complete.",
    ),
    "said-complete": (
        "Bahwa tidak ada pembacaan lain di antara posisi yang disebut: penyelenggara log menyatakannya dengan "
        "segelnya, tetapi bukti tidak menunjukkannya. Itu hanya terlihat oleh yang memeriksa seluruh log.",
        "That there were no other readings between the positions named: the log's operator says so under its seal, but "
        "no proof shows it. Only who audits the whole log sees that.",
    ),
    "joinings": (
        "Bagaimana log yang lebih lama saling melanjutkan: kuncinya tidak dikenal di sini, atau catatan yang sama di "
        "antara keduanya hilang kemudian.",
        "How older logs go on from each other: their key is not known here, or entries that they had in common were "
        "lost later.",
    ),
    "truth": (
        "Bahwa yang tertulis benar. Bukti menunjukkan apa yang dicatat, oleh siapa dan kapan; bukan bahwa hal itu "
        "benar terjadi.",
        "That what was written is true. The proof shows what was recorded, by whom and when; not that it happened.",
    ),
    "signature": (
        "Tanda tangan elektronik dalam {name}: {why}.",
        "The electronic signature in {name}: {why}.",
    ),
    "without-report": (
        "alat pemeriksa ini dipasang tanpa bagian report; pasanglah dari berkas yang sama, setelah nilai SHA-256-nya "
        "dicocokkan",
        "this checker was installed without its part report; install that from the same file, after its SHA-256 was "
        "compared",
    ),
    "position": (
        "Apa yang tertulis dalam catatan itu: bukti ini hanya menunjukkan bahwa catatan itu ada.",
        "What the entry says: this proof shows that it is there, and no more.",
    ),
}


def verdict(found: Verdict, language: Language) -> str:
    """The first words of an answer."""
    return VERDICTS[found][language == "en"]


def told(verified: Verified, language: Language) -> Iterator[str]:
    """What was checked, a sentence each."""
    manifest = verified.manifest
    segments = [s for e in (*verified.events, *verified.accesses, verified.disclosure) for s in e.segments]
    withheld = sorted({s.compartment for s in segments if s.withheld == "not-disclosed"})
    yield say("whole", language, log=verified.checkpoint.origin)
    about = {k: manifest[k] for k in ("case", "recipient", "rule", "made_for")}
    yield say("about", language, **about, basis=_word(BASES, manifest["basis"], language))
    yield say("disclosed", language, words=_compartments(manifest["disclosed"] or ["coordination"], language))
    yield say("events", language, count=len(verified.events), at=_moment(manifest["as_of"]["at"], language))
    yield say("opened", language, count=sum(s.withheld is None for s in segments))
    if withheld:
        count = sum(s.withheld == "not-disclosed" for s in segments)
        yield say("withheld", language, count=count, words=_compartments(withheld, language))
    if erased := sum(s.withheld == "erased" for s in segments):
        gone = sorted({s.compartment for s in segments if s.withheld == "erased"})
        yield say("said-erased", language, count=erased, words=_compartments(gone, language))
    yield say("accesses", language, count=len(verified.accesses))
    if (complete := manifest.get("complete")) is not None:
        span = complete["accesses"]
        yield say("complete", language, first=span["from"], last=span["to"])
    if told := verified.deliveries.agencies:
        counts = {
            "sent": sum(len(of.sent) for of in told),
            "vouched": sum(len(of.vouched) for of in told),
            "said": sum(len(of.said) for of in told),
        }
        yield say("sendings", language, agencies=len(told), **counts)
    yield say("disclosure", language)
    if verified.documents:
        yield say("documents", language, count=len(verified.documents))
    if verified.absent:
        absent = [name.rpartition("/")[2] for name in verified.absent]
        yield say("absent", language, count=len(absent), words=", ".join(absent))
    yield say("head", language, size=verified.checkpoint.size, root=verified.checkpoint.root.hex())
    for n, (joining, is_signed, is_proved) in enumerate(verified.joinings):
        ended = {"log": joining.ended.origin, "size": joining.ended.size, "lost": joining.lost}
        at = _moment(joining.at, language)
        if n == 0 and is_signed and is_proved:
            yield say("joined", language, **ended, common=joining.common.size, at=at)
        else:
            yield say("joined-said", language, **ended, began=joining.origin, at=at)
    if verified.witnesses:
        yield say("witnesses", language, words=witnesses(verified.witnesses, language))
    yield say("compare", language)
    for label, figure in lines(figures_of(verified), language):
        yield f"{label}: {printable(figure)}"


def witnesses(seen: Mapping[str, int], language: Language) -> str:
    """Each witness with the time it says."""
    return ", ".join(f"{name} ({_instant(at, language)})" for name, at in seen.items())


def say(key: str, language: Language, **about: object) -> str:
    """The sentence of a key."""
    indonesian, english = (SAYS | UNCHECKED)[key]
    shown = {name: printable(str(value)) for name, value in about.items()}
    return by_count(indonesian if language == "id" else english, about).format(**shown)


def by_count(sentence: str, about: Mapping[str, object]) -> str:
    """A sentence as it is said of these numbers: one, or more."""
    return _ONE_OR_MORE.sub(lambda found: found[2 if about[found[1]] == 1 else 3], sentence)


_ONE_OR_MORE = re.compile(r"\[(\w+):([^|]*)\|([^\]]*)\]")
"""`[count:part is|parts are]`: the first where that number is one. Indonesian says both alike."""


def _word(words: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    """A code of a later release stands as it is."""
    return words[code][language == "en"] if code in words else code


def _compartments(words: Iterable[str], language: Language) -> str:
    return ", ".join(_word(COMPARTMENTS, word, language) for word in words)


def _moment(text: str, language: Language) -> str:
    """A time as it is written in a part; what only looks like one stands as it is."""
    try:
        return instant(datetime.fromisoformat(text), language)
    except ValueError:
        return text


def _instant(seconds: int, language: Language) -> str:
    """A witness may say any number."""
    try:
        return instant(datetime.fromtimestamp(seconds, UTC), language)
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


def printable(text: str) -> str:
    """Without what would move the cursor, turn the direction of writing, or begin a line of its own."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
