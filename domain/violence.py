"""Code lists of what happened to her, how much danger she is in, and what she needs.

Sources: SIMFONI-PPA (forms and places of violence), GBVIMS classification tool (types of GBV). What may be
added to a list, codes.py says.
"""

from .code import Code


class ViolenceForm(Code):
    """SIMFONI-PPA: bentuk kekerasan."""

    PHYSICAL = "fisik", "Fisik", "Physical"
    PSYCHOLOGICAL = "psikis", "Psikis", "Psychological"
    SEXUAL = "seksual", "Seksual", "Sexual"
    EXPLOITATION = "eksploitasi", "Eksploitasi", "Exploitation"
    TRAFFICKING = "perdagangan-orang", "Perdagangan orang", "Trafficking in persons"
    NEGLECT = "penelantaran", "Penelantaran", "Neglect"
    OTHER = "lainnya", "Lainnya", "Other"


class GbvType(Code):
    """GBVIMS classification tool: the six core types, and none of them."""

    RAPE = "rape", "Perkosaan (klasifikasi GBVIMS, bukan kualifikasi hukum)", "Rape (GBVIMS class, not a legal one)"
    SEXUAL_ASSAULT = "sexual-assault", "Kekerasan seksual lain", "Sexual assault"
    PHYSICAL_ASSAULT = "physical-assault", "Kekerasan fisik", "Physical assault"
    FORCED_MARRIAGE = "forced-marriage", "Pemaksaan perkawinan", "Forced marriage"
    DENIAL = (
        "denial",
        "Penghalangan akses ke sumber daya, kesempatan, atau layanan",
        "Denial of resources, opportunities or services",
    )
    PSYCHOLOGICAL = "psychological", "Kekerasan psikis / emosional", "Psychological / emotional abuse"
    NOT_GBV = "not-gbv", "Bukan kekerasan berbasis gender", "Not gender-based violence"


GBV_TO_FORM: dict[GbvType, ViolenceForm] = {
    GbvType.RAPE: ViolenceForm.SEXUAL,
    GbvType.SEXUAL_ASSAULT: ViolenceForm.SEXUAL,
    GbvType.PHYSICAL_ASSAULT: ViolenceForm.PHYSICAL,
    GbvType.FORCED_MARRIAGE: ViolenceForm.SEXUAL,  # UU 12/2022 art. 10: pemaksaan perkawinan is sexual violence
    GbvType.DENIAL: ViolenceForm.NEGLECT,
    GbvType.PSYCHOLOGICAL: ViolenceForm.PSYCHOLOGICAL,
    GbvType.NOT_GBV: ViolenceForm.OTHER,
}


class Place(Code):
    HOUSEHOLD = "rumah-tangga", "Rumah tangga", "Household"
    WORKPLACE = "tempat-kerja", "Tempat kerja", "Workplace"
    SCHOOL = "sekolah", "Sekolah", "School"
    PUBLIC = "fasilitas-umum", "Fasilitas umum", "Public place"
    ONLINE = "daring", "Daring (KBGO)", "Online"
    OTHER = "lainnya", "Lainnya", "Other"


class SexualKind(Code):
    """Kinds of sexual violence: the nine of UU 12/2022 art. 4(1), and of those that art. 4(2) names."""

    NON_PHYSICAL_HARASSMENT = "non-physical-harassment", "Pelecehan seksual nonfisik", "Non-physical harassment"
    PHYSICAL_HARASSMENT = "physical-harassment", "Pelecehan seksual fisik", "Physical harassment"
    CONTRACEPTION = "forced-contraception", "Pemaksaan kontrasepsi", "Forced contraception"
    STERILISATION = "forced-sterilisation", "Pemaksaan sterilisasi", "Forced sterilisation"
    MARRIAGE = "forced-marriage", "Pemaksaan perkawinan", "Forced marriage"
    TORTURE = "sexual-torture", "Penyiksaan seksual", "Sexual torture"
    EXPLOITATION = "sexual-exploitation", "Eksploitasi seksual", "Sexual exploitation"
    SLAVERY = "sexual-slavery", "Perbudakan seksual", "Sexual slavery"
    ELECTRONIC = "electronic", "Kekerasan seksual berbasis elektronik", "Electronic sexual violence"
    RAPE = "rape", "Perkosaan", "Rape"
    OBSCENE_ACTS = "obscene-acts", "Perbuatan cabul", "Obscene acts"
    ACTS_AGAINST_CHILD = (
        "sexual-acts-against-child",
        "Persetubuhan, perbuatan cabul, atau eksploitasi seksual terhadap anak",
        "Sexual acts against, or exploitation of, a child",
    )
    PROSTITUTION = "forced-prostitution", "Pemaksaan pelacuran", "Forced prostitution"
    TRAFFICKING = (
        "trafficking-for-sex",
        "Perdagangan orang untuk eksploitasi seksual",
        "Trafficking for sexual exploitation",
    )
    DOMESTIC = "domestic-sexual", "Kekerasan seksual dalam lingkup rumah tangga", "Sexual violence within the household"
    OTHER = "other", "Lainnya", "Other"


class YesNo(Code):
    """An answer to what was asked; absent where nobody asked."""

    YES = "yes", "Ya", "Yes"
    NO = "no", "Tidak", "No"
    UNKNOWN = "unknown", "Tidak diketahui", "Not known"


class ToldBy(Code):
    """Who told the agency what happened."""

    SURVIVOR = "survivor", "Korban sendiri", "The survivor herself"
    HEALTH_WORKER = "health-worker", "Tenaga medis atau kesehatan", "Medical or health worker"
    PSYCHOLOGIST = "psychologist", "Psikiater atau psikolog", "Psychiatrist or psychologist"
    SOCIAL_WORKER = "social-worker", "Pekerja atau tenaga kesejahteraan sosial", "Social worker"
    TEACHER = "teacher", "Guru atau tenaga pendidikan", "Teacher or school staff"
    FAMILY = "family", "Keluarga", "Family"
    WITNESS = "witness", "Orang lain yang melihat atau mengetahui", "Somebody else who saw or knows of it"
    OTHER = "other", "Lainnya", "Other"


class RiskLevel(Code):
    LOW = "low", "Rendah", "Low"
    MEDIUM = "medium", "Sedang", "Medium"
    HIGH = "high", "Tinggi", "High"
    EXTREME = "extreme", "Sangat tinggi", "Extreme"


class Need(Code):
    HEALTH = "health", "Kesehatan", "Health"
    SAFETY = "safety", "Keselamatan", "Safety"
    SHELTER = "shelter", "Tempat tinggal aman", "Shelter"
    PSYCHOSOCIAL = "psychosocial", "Psikososial", "Psychosocial"
    LEGAL = "legal", "Hukum", "Legal"
    EDUCATION = "education", "Pendidikan", "Education"
    ECONOMIC = "economic", "Ekonomi", "Economic"
    DISABILITY = "disability", "Kebutuhan disabilitas", "Disability"


class ClockNeed(Code):
    HIV_PEP = "hiv-pep", "Profilaksis pascapajanan HIV (obat pencegah HIV)", "HIV post-exposure prophylaxis"
    EMERGENCY_CONTRACEPTION = (
        "emergency-contraception",
        "Kontrasepsi darurat (pencegah kehamilan)",
        "Emergency contraception",
    )
    HEPATITIS_B = "hepatitis-b", "Vaksin hepatitis B", "Hepatitis B vaccine"
    FORENSIC_EVIDENCE = "forensic-evidence", "Pengambilan bukti medis", "Taking of medical evidence"
    REPORT_TO_POLICE = "report-to-police", "Pelaporan ke kepolisian", "Report to the police"
    POLICE_PROTECTION_DV = (
        "police-protection-dv",
        "Perlindungan sementara kepolisian (UU PKDRT)",
        "Temporary police protection, domestic violence",
    )
    TEMPORARY_PROTECTION_SV = (
        "temporary-protection-sv",
        "Pelindungan sementara kepolisian (UU TPKS)",
        "Temporary protection, sexual violence",
    )
    HIV_FOLLOW_UP = "hiv-follow-up", "Tes HIV lanjutan", "HIV follow-up test"
    PREGNANCY_TEST = "pregnancy-test", "Tes kehamilan", "Pregnancy test"
    PREGNANCY_TERMINATION = (
        "pregnancy-termination",
        "Penghentian kehamilan akibat perkosaan atau kekerasan seksual lain",
        "Termination of a pregnancy from rape or other sexual violence",
    )
    COURT_REQUEST = (
        "court-order-request",
        "Permohonan perintah perlindungan ke pengadilan",
        "Court asked for a protection order",
    )
    COURT_DECISION = (
        "court-order-decision",
        "Penetapan pengadilan atas permohonan perlindungan",
        "Court's decision on the protection order",
    )
    LPSK_REQUEST = "lpsk-request", "Permohonan pelindungan ke LPSK", "LPSK asked for protection"
    PROTECTION_END = (
        "police-protection-end",
        "Akhir pelindungan sementara kepolisian",
        "End of temporary police protection",
    )
    ACCESS_REQUEST = (
        "access-request",
        "Permintaan melihat atau memperbaiki data",
        "Request to see or correct personal data",
    )
    CONSENT_WITHDRAWAL = "consent-withdrawal", "Pencabutan persetujuan", "Withdrawal of consent"
    BREACH_NOTICE = (
        "breach-notice",
        "Pemberitahuan kegagalan pelindungan data",
        "Notice of a failure to protect data",
    )


OF_PREGNANCY = frozenset({ClockNeed.EMERGENCY_CONTRACEPTION, ClockNeed.PREGNANCY_TEST, ClockNeed.PREGNANCY_TERMINATION})
"""Care that concerns a pregnancy only."""
