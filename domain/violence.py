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

    RAPE = "rape", "Perkosaan", "Rape"
    SEXUAL_ASSAULT = "sexual-assault", "Kekerasan seksual lain", "Sexual assault"
    PHYSICAL_ASSAULT = "physical-assault", "Kekerasan fisik", "Physical assault"
    FORCED_MARRIAGE = "forced-marriage", "Perkawinan paksa", "Forced marriage"
    DENIAL = "denial", "Penelantaran sumber daya, kesempatan, layanan", "Denial of resources, opportunities, services"
    PSYCHOLOGICAL = "psychological", "Kekerasan psikis / emosional", "Psychological / emotional abuse"
    NOT_GBV = "not-gbv", "Bukan KBG", "Not gender-based violence"


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
    SAFETY = "safety", "Keamanan", "Safety"
    SHELTER = "shelter", "Tempat tinggal aman", "Shelter"
    PSYCHOSOCIAL = "psychosocial", "Psikososial", "Psychosocial"
    LEGAL = "legal", "Hukum", "Legal"
    EDUCATION = "education", "Pendidikan", "Education"
    ECONOMIC = "economic", "Ekonomi", "Economic"
    DISABILITY = "disability", "Kebutuhan disabilitas", "Disability"


class ClockNeed(Code):
    HIV_PEP = "hiv-pep", "Profilaksis pascapajanan HIV", "HIV post-exposure prophylaxis"
    EMERGENCY_CONTRACEPTION = "emergency-contraception", "Kontrasepsi darurat", "Emergency contraception"
    HEPATITIS_B = "hepatitis-b", "Vaksin hepatitis B", "Hepatitis B vaccine"
    FORENSIC_EVIDENCE = "forensic-evidence", "Visum et repertum", "Forensic evidence"
    REPORT_TO_POLICE = "report-to-police", "Pelaporan ke kepolisian", "Report to the police"
    POLICE_PROTECTION_DV = (
        "police-protection-dv",
        "Perlindungan sementara (KDRT)",
        "Temporary police protection, domestic violence",
    )
    TEMPORARY_PROTECTION_SV = (
        "temporary-protection-sv",
        "Perlindungan sementara (TPKS)",
        "Temporary protection, sexual violence",
    )
