"""Code lists, with labels in Bahasa Indonesia and English; those of what happened to her stand in violence.py.

Sources: SIMFONI-PPA (services), FHIR R4 `Task.status` (referral states), UU 12/2022, UU 23/2004, UU 35/2014. Values are
stored for ever: none is renamed or taken away. One may be added to a list with a catch-all (`other`, `lainnya`).
Agencies were promised that the other lists are closed: one more value is a new version of every event that has the list
(infra/README.md, Schemas).
"""

from .clock_codes import AskedOf, ClockDuty, ClockEnd, ClockStart, OrderKind
from .code import Code
from .persons import AgeBasis, Capacity, Identifier, NikWarning, Right, RightAnswer, Saying, SetAside
from .referral_codes import AppointmentBy, EndedWith, QuestionAbout, QuestionReply
from .violence import ClockNeed, GbvType, Need, Place, RiskLevel, SexualKind, ToldBy, ViolenceForm, YesNo


class AgencyKind(Code):
    LEAD = "lead", "Layanan terpadu (DP3AKB, UPTD PPA)", "Lead agency / integrated service"
    POLICE = "police", "Kepolisian (Unit PPA)", "Police, women's and children's unit"
    HEALTH = "health", "Layanan kesehatan", "Health service"
    PSYCHOSOCIAL = "psychosocial", "Layanan psikososial", "Psychosocial service"
    SOCIAL = "social", "Dinas sosial", "Social services"
    EDUCATION = "education", "Pendidikan", "Education"
    LEGAL_AID = "legal-aid", "Bantuan hukum", "Legal aid"
    JUSTICE = "justice", "Kejaksaan dan pengadilan", "Prosecution and court"
    WITNESS_PROTECTION = "witness-protection", "LPSK", "Witness protection"
    SHELTER = "shelter", "Rumah aman", "Shelter"
    PROBATION = "probation", "Bapas", "Probation for children"
    NGO = "ngo", "LSM dan masyarakat", "NGO, faith and community"
    HOTLINE = "hotline", "SAPA 129", "Hotline"
    OTHER = "other", "Lainnya", "Other"


PROCEEDINGS = frozenset({AgencyKind.POLICE, AgencyKind.JUSTICE})
"""Before whom proceedings are: police, prosecution, court."""


class Role(Code):
    CASE_WORKER = "case-worker", "Pendamping / manajer kasus", "Case worker"
    SUPERVISOR = "supervisor", "Penyelia", "Supervisor"
    LEGAL_REVIEWER = "legal-reviewer", "Peninjau hukum", "Legal reviewer"
    DATA_PROTECTION_OFFICER = "data-protection-officer", "Pejabat pelindungan data", "Data protection officer"
    AGENCY_ADMINISTRATOR = "agency-administrator", "Administrator instansi", "Agency administrator"
    INTEGRATOR = "integrator", "Integrator sistem", "System integrator"
    SYSTEM = "system", "Sistem", "The system itself"


class NeedToKnow(Code):
    EVERYBODY = "everybody", "Setiap anggota", "Every member"
    ASSIGNED = "assigned", "Yang ditunjuk, dan penyelia", "Who is assigned, and supervisors"


class Purpose(Code):
    CARE = "care", "Layanan dan pendampingan", "Care and accompaniment"
    PROTECTION = "protection", "Perlindungan", "Protection"
    LEGAL = "legal", "Proses atau bantuan hukum", "Legal process or aid"
    COORDINATION = "coordination", "Koordinasi", "Coordination"
    SUPERVISION = "supervision", "Pengawasan", "Supervision"
    AUDIT = "audit", "Audit", "Audit"
    STATISTICS = "statistics", "Statistik", "Statistics"
    SURVIVOR_REQUEST = "survivor-request", "Permintaan korban", "Survivor's request"


class Urgency(Code):
    EMERGENCY = "emergency", "Darurat", "Emergency"
    URGENT = "urgent", "Mendesak", "Urgent"
    ROUTINE = "routine", "Rutin", "Routine"


class AgeGroup(Code):
    """The bands of the age table (age_table.py); `young-child` and `adolescent` say no more than that she is a child of
    0 to 11, or of 12 to 17: her age was not said more exactly."""

    YOUNG_CHILD = "young-child", "Anak (0–11 tahun)", "Young child (0–11)"
    ADOLESCENT = "adolescent", "Anak (12–17 tahun)", "Adolescent (12–17)"
    ADULT = "adult", "Dewasa", "Adult"
    SMALL_CHILD = "small-child", "Anak (0–5 tahun)", "Child (0–5)"
    SCHOOL_CHILD = "school-child", "Anak (6–11 tahun)", "Child (6–11)"
    YOUNGER_ADOLESCENT = "younger-adolescent", "Anak (12–14 tahun)", "Child (12–14)"
    OLDER_ADOLESCENT = "older-adolescent", "Anak (15–17 tahun)", "Child (15–17)"


class Sex(Code):
    FEMALE = "female", "Perempuan", "Female"
    MALE = "male", "Laki-laki", "Male"
    UNKNOWN = "unknown", "Tidak diketahui", "Unknown"


class Channel(Code):
    IN_PERSON = "in-person", "Datang langsung", "In person"
    HOTLINE = "hotline", "Telepon (SAPA 129)", "Hotline"
    OUTREACH = "outreach", "Penjangkauan", "Outreach"
    AGENCY = "agency", "Rujukan instansi", "Another agency"
    ONLINE = "online", "Daring", "Online"
    IMPORT = "import", "Impor data", "Imported log"


class Reporter(Code):
    SURVIVOR = "survivor", "Korban sendiri", "The survivor herself"
    FAMILY = "family", "Keluarga", "Family"
    WITNESS = "witness", "Orang yang melihat atau mengetahui", "Somebody who saw or knows of it"
    PROFESSIONAL = "professional", "Petugas / tenaga profesional", "Professional"
    ANONYMOUS = "anonymous", "Anonim", "Anonymous"


class Service(Code):
    """SIMFONI-PPA services, widened by GBVIMS and UU 12/2022 art. 76."""

    COMPLAINT = "pengaduan", "Pengaduan", "Report intake"
    HEALTH = "kesehatan", "Kesehatan", "Health care"
    FORENSIC = "visum", "Pemeriksaan forensik medis (visum atas permintaan penyidik)", "Forensic medical examination"
    PSYCHOSOCIAL = "psikososial", "Dukungan psikososial", "Psychosocial support"
    LEGAL_AID = "bantuan-hukum", "Bantuan hukum", "Legal aid"
    LAW_ENFORCEMENT = "penegakan-hukum", "Penegakan hukum", "Law enforcement"
    POLICE_PROTECTION = "perlindungan-polisi", "Perlindungan kepolisian", "Police protection"
    SOCIAL_REHABILITATION = "rehabilitasi-sosial", "Rehabilitasi sosial", "Social rehabilitation"
    SOCIAL_REINTEGRATION = "reintegrasi-sosial", "Reintegrasi sosial", "Social reintegration"
    REPATRIATION = "pemulangan", "Pemulangan", "Return home"
    FAITH_ACCOMPANIMENT = "pendampingan-tokoh-agama", "Pendampingan tokoh agama", "Faith leader's accompaniment"
    SHELTER = "rumah-aman", "Rumah aman", "Safe house"
    EDUCATION = "pendidikan", "Pendidikan", "Education"
    LIVELIHOOD = "penguatan-ekonomi", "Penguatan ekonomi", "Livelihood"
    WITNESS_PROTECTION = "perlindungan-saksi", "Perlindungan saksi dan korban", "Witness protection"
    COORDINATION = "koordinasi", "Koordinasi", "Coordination"
    OTHER = "lainnya", "Lainnya", "Other"


class ReferralStatus(Code):
    """FHIR R4 Task.status."""

    DRAFT = "draft", "Konsep", "Draft"
    REQUESTED = "requested", "Terkirim, menunggu jawaban", "Sent, waiting for an answer"
    RECEIVED = "received", "Sampai pada petugas penerima, belum disanggupi", "Received, not yet accepted"
    ACCEPTED = "accepted", "Disanggupi", "Accepted"
    REJECTED = "rejected", "Ditolak", "Rejected"
    IN_PROGRESS = "in-progress", "Berjalan", "In progress"
    ON_HOLD = "on-hold", "Ditunda", "On hold"
    COMPLETED = "completed", "Selesai", "Completed"
    FAILED = "failed", "Gagal", "Failed"
    CANCELLED = "cancelled", "Dibatalkan", "Cancelled"

    @property
    def is_open(self) -> bool:
        """Sent and not ended: the recipient has a part in the case."""
        return self in OPEN_REFERRAL


OPEN_REFERRAL = frozenset(
    {
        ReferralStatus.REQUESTED,
        ReferralStatus.RECEIVED,
        ReferralStatus.ACCEPTED,
        ReferralStatus.IN_PROGRESS,
        ReferralStatus.ON_HOLD,
    }
)


class RejectReason(Code):
    NO_CAPACITY = "no-capacity", "Tidak ada kapasitas", "No capacity"
    NOT_OFFERED = "not-offered", "Layanan tidak tersedia", "Service not offered"
    OUT_OF_AREA = "out-of-area", "Di luar wilayah", "Out of area"
    NOT_ELIGIBLE = "not-eligible", "Tidak memenuhi syarat", "Not eligible"
    CONFLICT_OF_INTEREST = "conflict-of-interest", "Konflik kepentingan", "Conflict of interest"
    OTHER = "other", "Lainnya", "Other"


class Outcome(Code):
    DELIVERED = "service-delivered", "Layanan diberikan", "Service delivered"
    DID_NOT_ATTEND = "did-not-attend", "Korban tidak hadir", "Survivor did not attend"
    DECLINED = "survivor-declined", "Korban tidak menginginkannya", "Survivor declined"
    PARTIAL = "partially-delivered", "Sebagian diberikan", "Partially delivered"
    OTHER = "other", "Lainnya", "Other"


class EndReason(Code):
    """Why a referral was held, failed or cancelled."""

    BY_SENDER = "by-sender", "Oleh pengirim", "By the sender"
    CONSENT_WITHDRAWN = "consent-withdrawn", "Persetujuan dicabut", "Consent withdrawn"
    SHARING_STOPPED = "sharing-stopped", "Diminta agar data tidak dibagikan lagi", "Asked that sharing end"
    COVER_ENDED = "cover-ended", "Tidak ada lagi dasar untuk berbagi data", "No ground to share any more"
    CONSENT_EXPIRED = "consent-expired", "Masa persetujuan habis", "Consent ran out"
    WAITING = "waiting", "Menunggu pihak lain", "Waiting for others"
    UNREACHABLE = "unreachable", "Tidak dapat dihubungi", "Survivor unreachable"
    NOT_POSSIBLE = "not-possible", "Tidak dapat dilaksanakan", "Could not be done"
    DUPLICATE = "duplicate", "Rujukan ganda", "Duplicate referral"
    OTHER = "other", "Lainnya", "Other"


class CloseReason(Code):
    GOALS_MET = "goals-met", "Tujuan tercapai", "Goals met"
    SURVIVOR_ASKED = "survivor-asked", "Atas permintaan korban", "Survivor asked"
    MOVED_AWAY = "moved-away", "Pindah", "Moved away"
    LOST_CONTACT = "lost-contact", "Kehilangan kontak", "Contact lost"
    TRANSFERRED_OUT = "transferred-out", "Dialihkan ke luar jejaring", "Transferred outside the network"
    DIED = "died", "Meninggal", "Died"
    IMPORTED = "imported", "Selesai pada sistem asal", "Ended in the system of origin"
    OTHER = "other", "Lainnya", "Other"


class ConsentBy(Code):
    """In which capacity somebody speaks: of herself, or for her. `caregiver` says no more than that it was one of
    three."""

    SURVIVOR = "survivor", "Korban", "Survivor"
    CAREGIVER = "caregiver", "Orang tua / wali / pengasuh", "Parent, guardian or caregiver"
    PARENT = "parent", "Orang tua", "Parent"
    GUARDIAN = "guardian", "Wali", "Guardian"
    TRUSTED_ADULT = "trusted-adult", "Orang dewasa lain yang dipercaya", "Other trusted adult"
    INSTITUTION = "institution", "Panti atau instansi yang mengasuhnya", "Institution in charge"
    NEXT_OF_KIN = "next-of-kin", "Keluarga terdekat dari yang meninggal", "Next of kin of who died"
    CASE_WORKER = "case-worker", "Pendamping, demi kepentingan terbaik anak", "Case worker, as is best for the child"


class StopAbout(Code):
    """What somebody heard the survivor, or who speaks for her, say stop to."""

    OURS = "ours", "Yang menyangkut instansi pencatat", "What concerns the agency that recorded it"
    RECIPIENTS = "recipients", "Penerima yang disebut", "The recipients that are named"
    CONSENT = "consent", "Persetujuan yang disebut", "The consent that is named"
    EVERYTHING = "everything", "Semuanya", "Everything"


class Obtained(Code):
    """How a consent was obtained."""

    WRITTEN = "written", "Tertulis", "In writing"
    VERBAL = "verbal", "Lisan", "Verbal"
    THUMBPRINT = "thumbprint", "Cap jempol", "Thumbprint"
    IMPORTED = "imported", "Dari sistem asal", "From the system of origin"


class LegalBasis(Code):
    """Grounds on which something may be shared without consent. A person decides; this names the rule."""

    CHILD_MANDATORY_REPORT = (
        "child-mandatory-report",
        "Kewajiban lapor kekerasan terhadap anak",
        "Duty to report violence against a child",
    )
    IMMINENT_DANGER = "imminent-danger", "Ancaman langsung terhadap nyawa", "Imminent danger to life"
    COURT_ORDER = "court-order", "Penetapan atau putusan pengadilan", "Court order or judgement"


class SharingBasis(Code):
    """Grounds on which something may be shared that she did not agree to: how far each goes, standing/bases.py says."""

    CHILD_MANDATORY_REPORT = (
        "child-mandatory-report",
        "Kewajiban lapor kekerasan terhadap anak",
        "Duty to report violence against a child",
    )
    IMMINENT_DANGER = "imminent-danger", "Ancaman langsung terhadap nyawa", "Imminent danger to life"
    COURT_ORDER = "court-order", "Penetapan atau putusan pengadilan", "Court order or judgement"
    SEXUAL_VIOLENCE_REPORT = (
        "sexual-violence-report",
        "Kewajiban lapor kekerasan seksual (UU 12/2022 Pasal 41)",
        "Duty to report sexual violence (UU 12/2022 art. 41)",
    )
    HEALTH_WORKER_REPORT = (
        "health-worker-report",
        "Kewajiban tenaga kesehatan memberi tahu (UU 12/2022 Pasal 39–40)",
        "Health workers' duty to inform (UU 12/2022 art. 39-40)",
    )
    VITAL_INTEREST = (
        "vital-interest",
        "Kepentingan vital orang yang tidak dapat menyetujui",
        "Vital interest of a person who cannot consent",
    )
    FORWARDED_REPORT = (
        "forwarded-report",
        "Laporan diteruskan agar korban dihubungi",
        "Report forwarded for outreach",
    )


class ErasureBasis(Code):
    """Why content may be destroyed. A person decides; this names the ground."""

    SURVIVOR_REQUEST = "survivor-request", "Permintaan korban", "Survivor's request"
    RETENTION_ENDED = "retention-ended", "Masa simpan berakhir", "Retention ended"
    COURT_ORDER = "court-order", "Penetapan atau putusan pengadilan", "Court order or judgement"


class DisclosureBasis(Code):
    """Grounds on which a case file may be taken out of the system. A person decides; the rule is named beside it."""

    COURT_ORDER = "court-order", "Penetapan atau putusan pengadilan", "Court order or judgement"
    INVESTIGATION = "investigation", "Permintaan tertulis penyidik", "Written request of the investigators"
    PROSECUTION = "prosecution", "Permintaan penuntut umum", "Request of the public prosecutor"
    RESTITUTION = "restitution", "Permohonan restitusi (LPSK)", "Claim for restitution (LPSK)"
    SURVIVOR_REQUEST = "survivor-request", "Permintaan korban", "Survivor's request"
    AUDIT = "audit", "Pemeriksaan (audit)", "Audit"


class GlassVerdict(Code):
    """What a reviewer found of a broken glass."""

    JUSTIFIED = "justified", "Beralasan", "Justified"
    NOT_JUSTIFIED = "not-justified", "Tidak beralasan", "Not justified"
    NEEDS_INQUIRY = "needs-inquiry", "Perlu pemeriksaan lebih lanjut", "Needs an inquiry"


class DocumentKind(Code):
    CONSENT_FORM = "consent-form", "Formulir persetujuan", "Consent form"
    VISUM = "visum", "Visum et repertum", "Visum et repertum"
    MEDICAL_RECORD = "medical-record", "Rekam medis", "Medical record"
    PSYCHOLOGICAL_REPORT = "psychological-report", "Laporan psikologis", "Psychological report"
    POLICE_REPORT = "police-report", "Laporan polisi", "Police report"
    COURT_DOCUMENT = "court-document", "Dokumen pengadilan", "Court document"
    COURT_ORDER = "court-order", "Perintah, penetapan, atau putusan pengadilan", "Order or judgement of a court"
    PHOTO = "photo", "Foto", "Photo"
    OTHER = "other", "Lainnya", "Other"


class StruckBecause(Code):
    """Why an entry does not hold any more."""

    ANOTHER_PERSON = "another-person", "Tentang orang lain", "It is about another person"
    NOT_ACCURATE = "not-accurate", "Tidak tepat", "Not accurate"
    RECORDED_TWICE = "recorded-twice", "Tercatat dua kali", "Recorded twice"
    OTHER = "other", "Lainnya", "Other"


class HoldKind(Code):
    """For what nothing of a case may be destroyed."""

    INVESTIGATION = "investigation", "Penyidikan", "Investigation"
    TRIAL = "trial", "Penuntutan dan persidangan", "Prosecution and trial"
    CLAIM = "claim", "Gugatan ganti rugi atau permohonan restitusi", "Claim for compensation or restitution"
    PROTECTION = "protection", "Pelindungan", "Protection"


class HoldEnd(Code):
    """What ends a legal hold."""

    WRITTEN_STOP = "written-stop", "Penghentian perkara secara tertulis", "Written stop of the proceedings"
    FINAL_JUDGMENT = "final-judgment", "Putusan berkekuatan hukum tetap", "Final judgment"
    CLAIM_ENDED = "claim-ended", "Gugatan atau permohonan selesai atau dicabut", "The claim is settled or given up"
    NO_LONGER_NEEDED = "no-longer-needed", "Tidak diperlukan lagi", "No longer needed"
    COURT_ORDER = "court-order", "Penetapan atau putusan pengadilan", "Court's order"


CODE_LISTS: dict[str, type[Code]] = {
    "agency-kinds": AgencyKind,
    "roles": Role,
    "need-to-know": NeedToKnow,
    "purposes": Purpose,
    "urgencies": Urgency,
    "risk-levels": RiskLevel,
    "age-groups": AgeGroup,
    "age-bases": AgeBasis,
    "capacities": Capacity,
    "identifiers": Identifier,
    "nik-warnings": NikWarning,
    "sexes": Sex,
    "channels": Channel,
    "reporters": Reporter,
    "violence-forms": ViolenceForm,
    "gbv-types": GbvType,
    "places": Place,
    "sexual-kinds": SexualKind,
    "told-by": ToldBy,
    "yes-no": YesNo,
    "services": Service,
    "referral-statuses": ReferralStatus,
    "reject-reasons": RejectReason,
    "outcomes": Outcome,
    "end-reasons": EndReason,
    "close-reasons": CloseReason,
    "consent-by": ConsentBy,
    "set-aside": SetAside,
    "sayings": Saying,
    "rights": Right,
    "right-answers": RightAnswer,
    "obtained": Obtained,
    "stop-about": StopAbout,
    "legal-bases": LegalBasis,
    "sharing-bases": SharingBasis,
    "disclosure-bases": DisclosureBasis,
    "needs": Need,
    "clock-needs": ClockNeed,
    "clock-duties": ClockDuty,
    "clock-starts": ClockStart,
    "clock-ends": ClockEnd,
    "order-kinds": OrderKind,
    "appointment-by": AppointmentBy,
    "appointment-ends": EndedWith,
    "question-subjects": QuestionAbout,
    "question-replies": QuestionReply,
    "asked-of": AskedOf,
    "document-kinds": DocumentKind,
    "erasure-bases": ErasureBasis,
    "struck-because": StruckBecause,
    "hold-kinds": HoldKind,
    "hold-ends": HoldEnd,
    "glass-verdicts": GlassVerdict,
}
"""Every list by the name under which the API serves it."""
