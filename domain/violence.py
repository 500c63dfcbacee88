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
        "Penghentian kehamilan akibat perkosaan",
        "Termination of a pregnancy from rape",
    )
    COURT_REQUEST = (
        "court-order-request",
        "Permohonan perintah perlindungan ke pengadilan",
        "Court asked for a protection order",
    )
    COURT_DECISION = (
        "court-order-decision",
        "Keputusan pengadilan atas permohonan perlindungan",
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
