"""Labels in Bahasa Indonesia and English for what events, fields and compartments are called.

Every topic and field of `rujukan.domain.catalogue` has one (tests/unit/test_report.py holds that); what an older
or newer log holds beside them is printed under its own name.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from rujukan.domain.case.events import CompartmentWord, Recipient
from rujukan.domain.catalogue import TOPICS
from rujukan.domain.codes import AgencyKind, Code
from rujukan.domain.fact import AgencyCode

from .facts import Agency, Value

Language = Literal["id", "en"]

EVENTS: dict[str, tuple[str, str]] = {
    "case.ReportReceived": ("Laporan diterima", "Report received"),
    "case.CaseOpened": ("Kasus dibuka", "Case opened"),
    "case.SurvivorIdentified": ("Identitas penyintas dicatat", "Survivor's identity recorded"),
    "case.SurvivorIdentityCorrected": ("Identitas penyintas diperbaiki", "Survivor's identity corrected"),
    "case.SurvivorContactRecorded": ("Kontak penyintas dicatat", "Survivor's contact recorded"),
    "case.SurvivorContactCorrected": ("Kontak penyintas diperbaiki", "Survivor's contact corrected"),
    "case.IncidentRecorded": ("Kejadian dicatat", "Incident recorded"),
    "case.IncidentCorrected": ("Catatan kejadian diperbaiki", "Record of the incident corrected"),
    "case.AllegedPerpetratorRecorded": ("Terlapor dicatat", "Alleged perpetrator recorded"),
    "case.ClockStarted": ("Tenggat mulai berjalan", "Clock started"),
    "case.ClockMet": ("Tenggat dipenuhi", "Clock met"),
    "case.ClockOverdue": ("Tenggat terlewati", "Clock ran out"),
    "case.NeedsAssessed": ("Kebutuhan dinilai", "Needs assessed"),
    "case.RiskAssessed": ("Risiko dinilai", "Risk assessed"),
    "case.SafetyPlanAgreed": ("Rencana keselamatan disepakati", "Safety plan agreed"),
    "case.ConsentGiven": ("Persetujuan diberikan", "Consent given"),
    "case.ConsentRefused": ("Persetujuan ditolak", "Consent refused"),
    "case.ConsentNarrowed": ("Persetujuan dipersempit", "Consent narrowed"),
    "case.ConsentWithdrawn": ("Persetujuan dicabut", "Consent withdrawn"),
    "case.ConsentOverridden": (
        "Berbagi tanpa persetujuan atas dasar hukum",
        "Sharing without consent on a legal basis",
    ),
    "case.ReferralDrafted": ("Rujukan disusun", "Referral drafted"),
    "case.ReferralSent": ("Rujukan dikirim", "Referral sent"),
    "case.ReferralReceived": ("Rujukan diterima", "Referral received"),
    "case.ReferralAccepted": ("Rujukan disanggupi", "Referral accepted"),
    "case.ReferralRejected": ("Rujukan ditolak", "Referral rejected"),
    "case.ReferralStarted": ("Rujukan mulai dikerjakan", "Work on the referral started"),
    "case.ReferralHeld": ("Rujukan ditunda", "Referral put on hold"),
    "case.ReferralResumed": ("Rujukan dilanjutkan", "Referral resumed"),
    "case.ReferralCompleted": ("Rujukan selesai", "Referral completed"),
    "case.ReferralFailed": ("Rujukan gagal", "Referral failed"),
    "case.ReferralCancelled": ("Rujukan dibatalkan", "Referral cancelled"),
    "case.ReferralEscalated": ("Rujukan tanpa jawaban dieskalasi", "Unanswered referral escalated"),
    "case.ReferralUndelivered": ("Rujukan belum sampai, dieskalasi", "Undelivered referral escalated"),
    "case.ServiceDelivered": ("Layanan diberikan", "Service delivered"),
    "case.NoteRecorded": ("Catatan dibuat", "Note recorded"),
    "case.ContactAttempted": ("Upaya menghubungi penyintas", "Attempt to contact the survivor"),
    "case.FollowUpRecorded": ("Tindak lanjut dicatat", "Follow-up recorded"),
    "case.DocumentAttached": ("Dokumen dilampirkan", "Document attached"),
    "case.DocumentSuperseded": ("Dokumen digantikan", "Document superseded"),
    "case.ConferenceHeld": ("Rapat koordinasi kasus", "Case conference held"),
    "case.ActionAgreed": ("Tindakan disepakati", "Action agreed"),
    "case.ActionDone": ("Tindakan selesai", "Action done"),
    "case.ProtectionOrderRecorded": ("Perintah perlindungan dicatat", "Protection order recorded"),
    "case.CaseWorkerAssigned": ("Pendamping ditunjuk", "Case worker assigned"),
    "case.LeadTransferAsked": ("Pengalihan kasus diminta", "Transfer of the lead asked for"),
    "case.LeadTransferAccepted": ("Pengalihan kasus diterima", "Transfer of the lead accepted"),
    "case.LeadTransferDeclined": ("Pengalihan kasus ditolak", "Transfer of the lead declined"),
    "case.CaseClosed": ("Kasus ditutup", "Case closed"),
    "case.CaseReopened": ("Kasus dibuka kembali", "Case re-opened"),
    "case.CaseMerged": ("Kasus digabungkan ke kasus lain", "Case merged into another"),
    "case.DuplicateAbsorbed": ("Berkas ganda digabungkan ke kasus ini", "Duplicate file absorbed"),
    "case.DisclosureMade": ("Berkas perkara diserahkan", "Case file disclosed"),
    "case.GlassBroken": ("Akses darurat dibuka", "Glass broken: emergency access"),
    "case.GlassClosed": ("Akses darurat ditutup", "Emergency access closed"),
    "case.GlassReviewed": ("Akses darurat ditinjau", "Emergency access reviewed"),
    "case.GlassReviewOverdue": ("Tinjauan akses darurat terlambat", "Review of emergency access overdue"),
    "case.LegalHoldPlaced": ("Larangan hapus demi hukum ditetapkan", "Legal hold placed"),
    "case.LegalHoldLifted": ("Larangan hapus demi hukum dicabut", "Legal hold lifted"),
    "case.HoldLiftingAsked": ("Pencabutan larangan hapus diminta", "Lifting of the hold asked for"),
    "case.HoldLiftingRefused": ("Pencabutan larangan hapus ditolak", "Lifting of the hold refused"),
    "case.ErasureRequested": ("Penghapusan diminta", "Erasure asked for"),
    "case.ErasureRefused": ("Penghapusan ditolak", "Erasure refused"),
    "case.CaseErased": ("Isi kasus dihapus", "Content of the case erased"),
    "delivery.Acknowledged": ("Instansi menyatakan telah menerima kiriman", "Agency acknowledged what it was sent"),
    "erasure.ErasureRecorded": ("Penghapusan dicatat", "Erasure recorded"),
    "erasure.RecallRecorded": ("Penarikan salinan dicatat", "Recall recorded"),
    "erasure.CopiesKept": ("Instansi menyimpan sebagian salinan", "Agency keeps a part of its copies"),
    "erasure.DeletionAsked": ("Instansi diminta menghapus salinannya", "Agency asked to delete its copies"),
    "erasure.ErasureAcknowledged": ("Instansi menyatakan telah menghapus", "Agency says that it has deleted"),
    "agency.AgencyRegistered": ("Instansi didaftarkan", "Agency registered"),
    "agency.ServicesOffered": ("Layanan instansi ditetapkan", "Agency's services set"),
    "agency.KeyRegistered": ("Kunci instansi didaftarkan", "Agency's key registered"),
    "agency.KeyRetired": ("Kunci instansi dihentikan", "Agency's key retired"),
    "agency.ResealingAsked": ("Penyegelan ulang riwayat diminta", "Re-sealing of history asked for"),
    "agency.ResealingApproved": ("Penyegelan ulang riwayat disetujui", "Re-sealing of history approved"),
    "agency.ResealingRefused": ("Penyegelan ulang riwayat ditolak", "Re-sealing of history refused"),
    "agency.MemberJoined": ("Anggota bergabung", "Member joined"),
    "agency.MemberLeft": ("Anggota keluar", "Member left"),
    "agency.AgencySuspended": ("Instansi dinonaktifkan", "Agency suspended"),
    "agency.AgencyReactivated": ("Instansi diaktifkan kembali", "Agency reactivated"),
    "agency.WebhookSet": ("Alamat penerusan pesan ditetapkan", "Webhook set"),
    "agency.WebhookRemoved": ("Alamat penerusan pesan dihapus", "Webhook removed"),
    "agency.WebhookDisabled": ("Penerusan pesan dihentikan sistem", "Webhook disabled by the system"),
    "agency.WebhookEnabled": ("Penerusan pesan diaktifkan kembali", "Webhook enabled again"),
    "agency.WebhookReplayed": ("Penerusan pesan diulang dari satu nomor", "Webhook replayed from a number on"),
    "access.AccessRecorded": ("Akses dicatat", "Access recorded"),
}
"""Topic → (Indonesian, English)."""

FIELDS: dict[str, tuple[str, str]] = {
    "occurred_at": ("Terjadi", "Happened"),
    "after": ("Setelah nomor", "After number"),
    "channel": ("Saluran", "Channel"),
    "reporter": ("Pelapor", "Reporter"),
    "reporter_name": ("Nama pelapor", "Reporter's name"),
    "reporter_contact": ("Kontak pelapor", "Reporter's contact"),
    "account": ("Uraian pelapor", "Reporter's account"),
    "lead": ("Instansi penanggung jawab", "Lead agency"),
    "lead_kind": ("Jenis instansi penanggung jawab", "Kind of lead agency"),
    "urgency": ("Urgensi", "Urgency"),
    "age_group": ("Kelompok usia", "Age group"),
    "pathway": ("Aturan tenggat", "Pathway rules"),
    "reference": ("Nomor berkas instansi", "Agency's own file number"),
    "name": ("Nama", "Name"),
    "nik": ("NIK", "National identity number (NIK)"),
    "nik_index": ("Indeks NIK", "Index of the NIK"),
    "born_on": ("Tanggal lahir", "Date of birth"),
    "sex": ("Jenis kelamin", "Sex"),
    "language": ("Bahasa", "Language"),
    "guardian_name": ("Nama wali", "Guardian's name"),
    "reason": ("Alasan", "Reason"),
    "url": ("Alamat", "Address"),
    "phone": ("Telepon", "Telephone"),
    "address": ("Alamat", "Address"),
    "safe_times": ("Waktu aman dihubungi", "Safe times to call"),
    "safe_to_call": ("Aman dihubungi", "Safe to call"),
    "incident": ("Kejadian", "Incident"),
    "forms": ("Bentuk kekerasan", "Forms of violence"),
    "gbv_type": ("Jenis KBG (GBVIMS)", "Type of GBV (GBVIMS)"),
    "happened_at": ("Waktu kejadian", "Time of the incident"),
    "place": ("Tempat", "Place"),
    "narrative": ("Uraian kejadian", "Narrative"),
    "domestic": ("Dalam rumah tangga", "Within the household"),
    "relation": ("Hubungan dengan penyintas", "Relation to the survivor"),
    "description": ("Gambaran", "Description"),
    "danger": ("Bahaya", "Danger"),
    "clock": ("Tenggat", "Clock"),
    "starts_at": ("Mulai", "Starts"),
    "due_at": ("Batas waktu", "Due"),
    "need": ("Kebutuhan", "Need"),
    "in_time": ("Tepat waktu", "In time"),
    "health": ("Kesehatan", "Health"),
    "psychosocial": ("Psikososial", "Psychosocial"),
    "legal": ("Hukum", "Legal"),
    "safety": ("Keselamatan", "Safety"),
    "economic": ("Ekonomi", "Economic"),
    "needs": ("Kebutuhan", "Needs"),
    "level": ("Tingkat", "Level"),
    "reasons": ("Alasan", "Reasons"),
    "plan": ("Rencana", "Plan"),
    "review_on": ("Ditinjau pada", "To be reviewed on"),
    "consent": ("Persetujuan", "Consent"),
    "compartments": ("Kompartemen", "Compartments"),
    "recipients": ("Penerima", "Recipients"),
    "purposes": ("Tujuan", "Purposes"),
    "expires_at": ("Berlaku sampai", "Expires"),
    "given_by": ("Diberikan oleh", "Given by"),
    "obtained": ("Cara memperoleh", "How obtained"),
    "child_assent": ("Anak menyetujui", "Child assents"),
    "witness": ("Saksi", "Witness"),
    "no_caregiver_because": ("Alasan tanpa wali", "Why without a caregiver"),
    "asked_for": ("Diminta untuk", "Asked for"),
    "remark": ("Keterangan", "Remark"),
    "basis": ("Dasar", "Basis"),
    "rule": ("Aturan", "Rule"),
    "decided_by": ("Diputuskan oleh", "Decided by"),
    "survivor_told": ("Penyintas diberi tahu", "Survivor told"),
    "referral": ("Rujukan", "Referral"),
    "recipient": ("Penerima", "Recipient"),
    "service": ("Layanan", "Service"),
    "purpose": ("Tujuan", "Purpose"),
    "clocks": ("Tenggat terkait", "Clocks"),
    "redirects": ("Mengalihkan rujukan", "Redirects referral"),
    "parent": ("Rujukan induk", "Parent referral"),
    "sender": ("Pengirim", "Sender"),
    "sender_kind": ("Jenis pengirim", "Kind of sender"),
    "recipient_kind": ("Jenis penerima", "Kind of recipient"),
    "note": ("Catatan", "Note"),
    "outcome": ("Hasil", "Outcome"),
    "delivery": ("Layanan yang diberikan", "Delivery"),
    "meets": ("Memenuhi tenggat", "Meets clocks"),
    "subject": ("Perihal", "Subject"),
    "reached": ("Terhubung", "Reached"),
    "means": ("Sarana", "Means"),
    "next_on": ("Berikutnya pada", "Next on"),
    "document": ("Dokumen", "Document"),
    "kind": ("Jenis", "Kind"),
    "compartment": ("Kompartemen", "Compartment"),
    "media_type": ("Jenis media", "Media type"),
    "size": ("Ukuran (bita)", "Size (bytes)"),
    "sha256": ("SHA-256", "SHA-256"),
    "supersedes": ("Menggantikan", "Supersedes"),
    "by": ("Digantikan oleh", "By"),
    "conference": ("Rapat", "Conference"),
    "attendees": ("Peserta", "Attendees"),
    "action": ("Tindakan", "Action"),
    "owner": ("Penanggung jawab", "Owner"),
    "what": ("Isi", "What"),
    "due_on": ("Batas tanggal", "Due on"),
    "order": ("Nomor perintah", "Order"),
    "issued_by": ("Dikeluarkan oleh", "Issued by"),
    "valid_from": ("Berlaku sejak", "Valid from"),
    "valid_until": ("Berlaku sampai", "Valid until"),
    "terms": ("Ketentuan", "Terms"),
    "worker": ("Pendamping", "Case worker"),
    "transfer": ("Pengalihan", "Transfer"),
    "to": ("Kepada", "To"),
    "received": ("Diterima sampai nomor", "Received up to number"),
    "handled": ("Diproses sampai nomor", "Handled up to number"),
    "failed": ("Gagal diproses", "Could not be handled"),
    "recovered": ("Berhasil diproses kemudian", "Handled after all"),
    "to_kind": ("Jenis instansi tujuan", "Kind of agency asked"),
    "summary": ("Ringkasan", "Summary"),
    "into": ("Digabungkan ke", "Merged into"),
    "duplicate": ("Berkas ganda", "Duplicate"),
    "code": ("Kode", "Code"),
    "name_en": ("Nama dalam bahasa Inggris", "Name in English"),
    "area": ("Wilayah", "Area"),
    "services": ("Layanan", "Services"),
    "key": ("Kunci", "Key"),
    "public_key": ("Kunci publik", "Public key"),
    "lost": ("Kunci yang hilang", "Lost keys"),
    "algorithm": ("Algoritma", "Algorithm"),
    "member": ("Anggota", "Member"),
    "roles": ("Peran", "Roles"),
    "disclosure": ("Penyerahan berkas", "Disclosure"),
    "as_of": ("Sampai posisi", "Up to position"),
    "withheld_events": ("Peristiwa yang tidak diungkap", "Events withheld"),
    "glass": ("Akses darurat", "Emergency access"),
    "actor": ("Pelaku", "Person"),
    "review_due_at": ("Batas waktu tinjauan", "Review due"),
    "reviewer": ("Peninjau", "Reviewer"),
    "verdict": ("Putusan", "Verdict"),
    "erasure": ("Penghapusan", "Erasure"),
    "ended": ("Berakhirnya persetujuan", "How consent ended"),
    "kept_basis": ("Dasar penyimpanan", "Ground for keeping"),
    "recorded_by": ("Dicatat oleh", "Recorded by"),
    "asked_by": ("Diminta oleh", "Asked by"),
    "requested_by": ("Diminta oleh orang", "Requested by"),
    "requested_at": ("Diminta pada", "Requested at"),
    "approved_by": ("Disetujui oleh", "Approved by"),
    "case": ("Kasus", "Case"),
    "version": ("Versi", "Version"),
    "reader": ("Pembaca", "Reader"),
    "agency": ("Instansi", "Agency"),
    "role": ("Peran", "Role"),
}
"""Field → (Indonesian, English)."""

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

_SAID_BY_TYPE = {"agency": AgencyCode, "recipient": Recipient, "compartment": CompartmentWord}


def _pick(labels: dict[str, tuple[str, str]], key: str, language: Language) -> str:
    return labels[key][language == "en"] if key in labels else key


def event(topic: str, language: Language) -> str:
    """What an event is called; its topic when that has no label."""
    return _pick(EVENTS, topic, language)


def field(name: str, language: Language) -> str:
    """What a field is called; its own name when that has no label."""
    return _pick(FIELDS, name, language)


def compartment(word: str, language: Language) -> str:
    """What a compartment is called."""
    return _pick(COMPARTMENTS, word, language)


def code(codes: type[Code], value: str, language: Language) -> str:
    """The label of a code; the value itself when it is not on the list."""
    try:
        member = codes.of(value)
    except ValueError:
        return value
    return member.en if language == "en" else member.id


class Reader:
    """Turns stored values into what a person reads: labels for codes, names for agencies, times in one zone."""

    def __init__(self, language: Language, agencies: tuple[Agency, ...], utc_offset_minutes: int) -> None:
        self.language = language
        self.zone = timezone(timedelta(minutes=utc_offset_minutes))
        self.agencies = {a.code: (a.name_en or a.name) if language == "en" else a.name for a in agencies}

    def agency(self, name: str) -> str:
        """`RSUD Kota (rsud)`, or the bare code of an agency that is not on the list."""
        return f"{self.agencies[name]} ({name})" if name in self.agencies else name

    def time(self, at: datetime) -> str:
        """To the second, in the report's zone. Raises ValueError for a time without a zone."""
        if at.tzinfo is None:
            raise ValueError("a time without a zone cannot be printed")
        try:
            return at.astimezone(self.zone).replace(tzinfo=None).isoformat(" ", "seconds")
        except OverflowError:  # first or last day of the calendar
            return at.astimezone(UTC).isoformat(" ", "seconds")

    def value(self, topic: str, name: str, value: Value) -> str:
        """A field's value as a person reads it; text as it stands."""
        if value is None or value == ():
            return "-"
        if isinstance(value, bool):
            return {("id", True): "ya", ("id", False): "tidak", ("en", True): "yes", ("en", False): "no"}[
                self.language, value
            ]
        if isinstance(value, tuple):
            return ", ".join(self.value(topic, name, one) for one in value)
        if not isinstance(value, str):
            return str(value)
        kinds = _kinds(topic, name)
        for codes in kinds:
            if isinstance(codes, type) and issubclass(codes, Code):
                return code(codes, value, self.language)
        if datetime in kinds:
            try:
                return self.time(datetime.fromisoformat(value))
            except ValueError:
                return value
        if date in kinds:
            return value
        if "compartment" in kinds:
            return compartment(value, self.language)
        if "recipient" in kinds and value.startswith("kind:"):
            return code(AgencyKind, value.removeprefix("kind:"), self.language)
        return self.agency(value) if kinds & {"agency", "recipient"} else value


@cache
def _kinds(topic: str, name: str) -> frozenset[Any]:
    """What the values of a field are, by its type: code lists, datetime, date, `agency`, `recipient`, `compartment`."""
    if topic not in TOPICS:
        return frozenset()
    found: set[Any] = set()
    rest: list[Any] = [get_type_hints(TOPICS[topic], include_extras=True).get(name)]
    while rest:
        hint = rest.pop()
        rest += [part for part in get_args(hint) if not isinstance(part, str)]
        found |= {said for said, of in _SAID_BY_TYPE.items() if hint == get_args(of)[1]}
        if isinstance(hint, type) and issubclass(hint, Code | date):
            found.add(hint)
    return frozenset(found)
