"""Codes of what is between the parties of a referral: appointments, questions and answers."""

from .code import Code


class AppointmentBy(Code):
    """Whose wish a change of an appointment was, or from whom it is known that she did not come."""

    SURVIVOR = "survivor", "Korban", "Survivor"
    CAREGIVER = "caregiver", "Orang tua, wali, atau pengasuh", "Parent, guardian or caregiver"
    COMPANION = "companion", "Yang mendampinginya", "Who accompanies her"
    PROVIDER = "provider", "Instansi yang akan menemuinya", "The agency that was to meet her"
    SENDER = "sender", "Pengirim rujukan, atau penanggung jawab", "The sender, or the lead"
    OTHER = "other", "Lainnya", "Other"


class EndedWith(Code):
    """The end of which work was the end of an appointment, too."""

    REFERRAL = "referral", "Rujukannya berakhir", "Its referral ended"
    CASE = "case", "Kasusnya ditutup", "The case was closed"


class QuestionAbout(Code):
    """What somebody asks the other party of a referral. What of it concerns her stands in a compartment."""

    DID_NOT_ATTEND = "did-not-attend", "Tidak hadir pada janji temu: apa selanjutnya", "Did not attend: what next"
    UNREACHABLE = "unreachable", "Tidak dapat dihubungi", "Cannot be reached"
    MORE_NEEDED = "more-needed", "Perlu data lebih banyak", "More needs to be known"
    SHARED_TWICE = "shared-twice", "Sudah dirujuk juga dari pihak lain", "Referred by another, too"
    PROGRESS = "progress", "Perkembangan", "How it goes"
    OTHER = "other", "Lainnya", "Other"


class QuestionReply(Code):
    GO_ON = "go-on", "Lanjutkan", "Go on"
    WAIT = "wait", "Tunggu", "Wait"
    END = "end", "Akhiri", "End it"
    NOT_NOW = "not-now", "Tidak diinginkan sekarang", "Not wanted now"
    SEEN_TO = "seen-to", "Kami yang mengurusnya", "We see to it"
    UNKNOWN = "unknown", "Tidak diketahui", "Not known"
    OTHER = "other", "Lainnya: tertulis di sini", "Other: as is written here"
