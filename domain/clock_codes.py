"""Code lists of the clocks: what duty a window stands for, what began it, how it ended.

What a window of care is for (`ClockNeed`) is sealed; that it is one of care is not. So the lead sees what its agencies
owe, and not which treatment she needs.
"""

from .code import Code


class ClockDuty(Code):
    """What kind of duty a window stands for. Of care it tells no more than that."""

    CARE = "care", "Layanan kesehatan", "Care"
    REPORT_TO_POLICE = "report-to-police", "Pelaporan ke kepolisian", "Report to the police"
    PROTECTION_SV = (
        "temporary-protection-sv",
        "Pelindungan sementara kepolisian (UU TPKS)",
        "Temporary protection, sexual violence",
    )
    PROTECTION_DV = (
        "police-protection-dv",
        "Perlindungan sementara kepolisian (UU PKDRT)",
        "Temporary police protection, domestic violence",
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


class ClockStart(Code):
    """What began a window."""

    INCIDENT = "incident", "Kejadian", "What happened"
    REPORT = (
        "report",
        "Laporan korban, atau petugas yang disebut undang-undang",
        "Her own report, or that of a professional whom the law names",
    )
    POLICE_RECEIPT = "police-receipt", "Kepolisian mengetahuinya", "The police knew of it"
    PROTECTION_GIVEN = "protection-given", "Pelindungan sementara diberikan", "Temporary protection was given"
    COURT_ASKED = "court-asked", "Pengadilan dimohon", "The court was asked"
    REQUEST = "request", "Permintaan", "A request"
    TREATMENT = "treatment", "Layanan kesehatan diberikan", "Care was given"
    DECISION = "decision", "Keputusan seseorang", "Somebody decided it"


class OrderKind(Code):
    """Who protects her by an order."""

    POLICE = "police", "Pelindungan sementara oleh kepolisian", "Temporary protection by the police"
    COURT = "court", "Perintah perlindungan oleh pengadilan", "Protection order by a court"


class AskedOf(Code):
    """Whom the police ask for protection that lasts."""

    COURT = "court", "Pengadilan", "Court"
    LPSK = "lpsk", "LPSK", "LPSK"


class ClockEnd(Code):
    """How a window ended."""

    MET = "met", "Dipenuhi", "Met"
    DECLINED = "declined", "Korban tidak menginginkannya", "The survivor declined"
    NOT_APPLICABLE = "not-applicable", "Tidak berlaku baginya", "Not applicable"
    NOT_INDICATED = "not-indicated", "Tidak diperlukan secara medis", "Not indicated"
    STARTED_IN_ERROR = "started-in-error", "Dimulai karena keliru", "Started in error"
    NOT_DONE = "not-done", "Tidak dilakukan, berdasarkan keputusan", "Not done, by decision"
    SUPERSEDED = "superseded", "Digantikan oleh perbaikan", "Superseded by a correction"
