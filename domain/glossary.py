"""One word for one thing: in English, in Indonesian for the record and a court, and in Indonesian for the survivor.

A word that is rejected here is used for its thing nowhere that a person reads: some accuse (whoever recorded an entry
is no *pelaku*), some promise or frighten, and most are only a second name, which makes a reader look for a difference.
"""

from typing import NamedTuple


class Term(NamedTuple):
    """A thing that people read of."""

    en: str
    record: str
    """In Indonesian, in the record: what a court, a case worker and an agency's developer read."""
    hers: str | None = None
    """In Indonesian, on the survivor's paper, where plainer than in the record."""
    rejected: tuple[str, ...] = ()
    """Stems of Indonesian words that are not used for it: as a word begins, in small letters."""


GLOSSARY = (
    Term("who recorded it", "petugas pencatat", "petugas", ("pelaku",)),
    Term("the alleged perpetrator", "terlapor", rejected=("pelaku",)),
    Term("code in the place of a name", "kode", rejected=("pseudonim",)),
    Term("urgency", "urgensi", "seberapa mendesak", ("kemendesakan",)),
    Term("age group", "kelompok usia", rejected=("kelompok umur",)),
    Term("safety", "keselamatan", rejected=("keamanan",)),
    Term("time limit, clock", "batas waktu", rejected=("tenggat",)),
    Term("a clock that ended", "batas waktu tidak berjalan lagi", rejected=("batas waktu berakhir",)),
    Term("to withdraw", "mencabut", rejected=("ditarik", "penarikan", "menarik")),
    Term("lead", "penanggung jawab", rejected=("memimpin", "dipimpin", "pemimpin", "kepemimpinan")),
    Term("to correct", "memperbaiki", rejected=("membetulkan", "dibetulkan", "pembetulan")),
    Term("to assign", "menunjuk", rejected=("menugaskan", "ditugaskan", "penugasan")),
    Term("compartment", "kelompok data", "data", ("kompartemen", "bagian data", "bagian kasus")),
    Term("hash", "sidik digital (nilai hash)", rejected=("sidik jari", "sidik daun")),
    Term("log", "log", rejected=("buku besar",)),
    Term("witness of the log", "instansi pengesah", rejected=("disaksikan", "saksi log", "dibawa saksi")),
    Term(
        "legal hold",
        "larangan pemusnahan",
        "larangan menghapus",
        ("larangan hapus", "penahanan penghapusan", "pemusnahan demi hukum"),
    ),
    Term("court order", "penetapan atau putusan pengadilan", rejected=("perintah pengadilan",)),
    Term("agency", "instansi", rejected=("lembaga",)),
    Term("bundle", "bundel", "salinan riwayat kasus", ("berkas perkara",)),
    Term(
        "to stop sharing",
        "menghentikan pembagian data",
        "data berhenti dibagikan",
        ("berhenti menunggu", "berbagi berlanjut"),
    ),
    Term("sharing without consent", "pembagian data tanpa persetujuan", rejected=("berbagi tanpa",)),
    Term("to merge files", "menggabungkan", rejected=("disatukan", "menyatukan")),
    Term("to separate files", "memisahkan kembali", rejected=("dipisahkan lagi", "hidup lagi")),
    Term("network of agencies", "jejaring"),
    Term("emergency access", "akses darurat", "pembukaan darurat"),
    Term("to escalate", "dieskalasi", rejected=("diangkat", "mengangkat")),
    Term("entitled to know", "berhak tahu"),
    Term("sent", "dikirim"),
    Term("received", "diterima"),
    Term("handled", "diproses"),
    Term("opened", "dibuka"),
    Term("parent, guardian or caregiver", "orang tua, wali, atau pengasuh", rejected=("tanpa wali",)),
)
"""A stem may be a common word elsewhere (a room's *keamanan*): then its thing is named by another word there, too."""
