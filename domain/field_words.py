"""What fields are called that several subjects have, and what compartments are called.

A field that one subject alone has is named in that subject's file. `incident` and `note` are ids in some events and
words in others.
"""

from collections.abc import Mapping

from .declaring import FieldWords, field, name_fields
from .words import Language, Words

name_fields(
    occurred_at=field("Waktu tindakan petugas", "Time of the act recorded"),
    lead=field("Instansi penanggung jawab", "Lead agency", ("Instansi penanggung jawab", "The agency that leads")),
    lead_kind=field("Jenis instansi penanggung jawab", "Kind of lead agency"),
    urgency=field("Urgensi", "Urgency", ("Seberapa mendesak", "How urgent")),
    pathway=field("Aturan batas waktu", "Pathway rules"),
    name=field("Nama", "Name", ("Nama", "Name")),
    language=field("Bahasa", "Language", ("Bahasa", "Language")),
    needs=field("Kebutuhan", "Needs", ("Kebutuhan", "Needs")),
    reason=field("Alasan", "Reason", ("Alasan", "Reason")),
    incident=field("Kejadian", "Incident", ("Kejadian", "What happened")),
    due_at=field("Batas akhir", "Due", ("Paling lambat", "By when")),
    health=field("Kesehatan", "Health", ("Kesehatan", "Health")),
    psychosocial=field("Psikososial", "Psychosocial", ("Batin dan keadaan sosial", "Mind and social life")),
    legal=field("Hukum", "Legal", ("Hukum", "Legal")),
    safety=field("Keselamatan", "Safety", ("Keselamatan", "Safety")),
    economic=field("Ekonomi", "Economic", ("Ekonomi", "Economic")),
    level=field("Tingkat", "Level", ("Tingkat", "Level")),
    compartments=field("Kelompok data", "Compartments", ("Data yang dibagikan", "Data that is shared")),
    expires_at=field("Berlaku sampai", "Expires", ("Berlaku sampai", "Valid until")),
    remark=field("Keterangan", "Remark", ("Keterangan", "Remark")),
    basis=field("Dasar", "Basis", ("Dasar aturan hukum", "Legal basis")),
    rule=field("Aturan hukum", "Rule of law", ("Aturan hukum", "Rule of law")),
    referral=field("Rujukan", "Referral"),
    recipient=field("Penerima", "Recipient", ("Dirujuk ke", "Referred to")),
    service=field("Layanan", "Service", ("Layanan", "Service")),
    note=field("Catatan", "Note", ("Catatan", "Note")),
    kind=field("Jenis", "Kind", ("Jenis", "Kind")),
    to=field("Kepada", "To", ("Kepada", "To")),
    asked_by=field("Diminta oleh", "Asked by"),
    agency=field("Instansi", "Agency", ("Instansi", "Agency")),
    role=field("Peran", "Role", ("Peran", "Role")),
    by_machine=field("Dicatat oleh sistem instansi", "Recorded by a system"),
)

NOT_SHARED = field(
    "Data yang tidak boleh dibagikan",
    "Data not to be shared",
    ("Data yang tidak boleh dibagikan", "Data not to be shared"),
)
"""`compartments` of a no; where none are named it is about all."""
VERSION_OF_TIMES = field("Versi aturan batas waktu", "Version of the time limits")
"""A `rule` that is no rule of law: which version of the network's times was followed. It says nothing to her."""
NUMBER_OF_PAPER = field(
    "Nomor surat, penetapan, atau putusan",
    "Number of the letter, order or judgment",
    ("Nomor surat, penetapan, atau putusan", "Number of the letter, order or judgment"),
)
"""A `rule` that is the paper on which something stands."""

COMPARTMENTS: Mapping[str, FieldWords] = {
    "coordination": field("koordinasi", "coordination", ("Koordinasi layanan", "Coordination")),
    "identity": field("identitas", "identity", ("Identitas", "Identity")),
    "contact": field("kontak", "contact", ("Kontak", "Contact")),
    "incident": field("kejadian", "incident", ("Kejadian", "What happened")),
    "health": field("kesehatan", "health", ("Kesehatan", "Health")),
    "psychosocial": field("psikososial", "psychosocial", ("Batin dan keadaan sosial", "Mind and social life")),
    "legal": field("hukum", "legal", ("Hukum", "Legal")),
    "safety": field("keselamatan", "safety", ("Keselamatan", "Safety")),
    "economic": field("ekonomi", "economic", ("Ekonomi", "Economic")),
}
"""Compartment → what the record, and the survivor's report, call it."""

LANGUAGES: Mapping[str, Words] = {
    code: Words(*names)
    for code, names in {
        "id": ("bahasa Indonesia", "Indonesian"),
        "en": ("bahasa Inggris", "English"),
        "jv": ("bahasa Jawa", "Javanese"),
        "su": ("bahasa Sunda", "Sundanese"),
        "mad": ("bahasa Madura", "Madurese"),
        "bug": ("bahasa Bugis", "Buginese"),
        "mak": ("bahasa Makassar", "Makassarese"),
        "bjn": ("bahasa Banjar", "Banjarese"),
        "vkt": ("bahasa Kutai", "Kutai Malay"),
        "ms": ("bahasa Melayu", "Malay"),
        "inl": ("bahasa isyarat Indonesia", "Indonesian sign language"),
    }.items()
}
"""Language that consent was asked in (BCP 47) → its name. Another one is shown as it was recorded."""


def language_name(code: str, language: Language) -> str:
    """What a language is called; the code itself where it is on no list."""
    return LANGUAGES[code].said_in(language) if code in LANGUAGES else code
