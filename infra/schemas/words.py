"""What events, and the attributes around them, mean: Indonesian and English, and who is told.

The English of an event is its docstring, the names of events, fields and compartments are infra/report/labels.py's;
what those do not say stands here. The tests ask for words for whatever can be told.
"""

from typing import NamedTuple

from rujukan.domain import disclosure
from rujukan.domain.case import events as e
from rujukan.domain.erasure import DeletionAsked
from rujukan.domain.fact import Fact


class Words(NamedTuple):
    """The same in both languages."""

    id: str
    en: str


class Step(NamedTuple):
    """A step of the work, and what its events mean, in Indonesian."""

    title: Words
    events: dict[str, str]


STEPS: tuple[Step, ...] = (
    Step(
        Words("Laporan dan pembukaan kasus", "Report and opening"),
        {
            "case.AllegedPerpetratorRecorded": "Siapa yang diduga melakukannya (terlapor).",
            "case.CaseOpened": "Sebuah instansi memimpin kasus baru. `reference`: nomor berkasnya sendiri, bila ada.",
            "case.CaseWorkerAssigned": "Petugas instansi penanggung jawab mendampingi penyintas mulai sekarang.",
            "case.ClockMet": "Yang ditunggu tenggat ini telah dilakukan, pada `occurred_at`.",
            "case.ClockOverdue": "Tenggat berakhir, dan belum ada yang menyatakan bahwa yang ditunggu telah dilakukan.",
            "case.ClockStarted": "Tenggat mulai berjalan. Kapan berakhir, terbuka; untuk apa, ikut kejadian.",
            "case.IncidentCorrected": "Catatan kejadian keliru; inilah yang benar.",
            "case.IncidentRecorded": "Apa yang terjadi. Tenggat yang dimulainya adalah peristiwa tersendiri.",
            "case.ReportReceived": "Seseorang melapor kepada instansi anggota tentang yang (mungkin) terjadi.",
            "case.SurvivorContactCorrected": "Catatan kontak penyintas keliru atau usang; inilah yang benar.",
            "case.SurvivorContactRecorded": "Bagaimana, dan kapan, penyintas aman dihubungi.",
            "case.SurvivorIdentified": "Siapa penyintas.",
            "case.SurvivorIdentityCorrected": "Catatan identitas penyintas keliru; inilah yang benar.",
        },
    ),
    Step(
        Words("Persetujuan", "Consent"),
        {
            "case.ConsentGiven": "Penyintas, atau yang berbicara bagi anak, mengizinkan penerima mengetahuinya.",
            "case.ConsentNarrowed": "Persetujuan yang berlaku kini hanya mencakup hal ini.",
            "case.ConsentOverridden": "Sesuatu boleh dibagikan tanpa persetujuan, menurut aturan yang disebut, atas "
            "keputusan seseorang.",
            "case.ConsentRefused": "Ditanya, dan menjawab tidak. Tidak perlu alasan.",
            "case.ConsentWithdrawn": "Persetujuan tidak mencakup apa pun lagi. Tidak perlu alasan.",
        },
    ),
    Step(
        Words("Penilaian dan rencana", "Assessment and plan"),
        {
            "case.ActionAgreed": "Sebuah instansi menyanggupi tugas sampai tanggal tertentu.",
            "case.ActionDone": "Tugas itu selesai.",
            "case.ConferenceHeld": "Instansi-instansi bertemu tentang satu kasus (rapat koordinasi kasus).",
            "case.NeedsAssessed": "Apa yang dibutuhkan penyintas.",
            "case.RiskAssessed": "Seberapa besar bahayanya, dan mengapa.",
            "case.SafetyPlanAgreed": "Apa yang dilakukan penyintas bila bahaya datang, dan siapa yang membantu.",
        },
    ),
    Step(
        Words("Rujukan", "Referral"),
        {
            "case.ReferralAccepted": "diterima → disanggupi.",
            "case.ReferralCancelled": "Diakhiri pengirim, atau karena persetujuan dasarnya dicabut.",
            "case.ReferralCompleted": "berjalan → selesai: pengirim tahu hasilnya.",
            "case.ReferralDrafted": "Disiapkan; penerima belum tahu apa-apa.",
            "case.ReferralEscalated": "Tidak dijawab pada waktunya; `level` menghitung berapa kali itu diangkat.",
            "case.ReferralFailed": "berjalan → gagal.",
            "case.ReferralHeld": "berjalan → ditunda.",
            "case.ReferralReceived": "diminta → diterima: seseorang di pihak penerima memegangnya.",
            "case.ReferralRejected": "diterima → ditolak.",
            "case.ReferralResumed": "ditunda → berjalan.",
            "case.ReferralSent": "konsep → diminta. Penerima boleh tahu yang dibagikan; jawaban ditunggu.",
            "case.ReferralStarted": "disanggupi → berjalan.",
            "case.ReferralUndelivered": "Sistem penerima belum menyatakan pada waktunya bahwa rujukan sampai; `level` "
            "menghitung berapa kali itu diangkat, `to` instansi yang penyelianya diminta menindaklanjuti.",
        },
    ),
    Step(
        Words("Layanan dan tindak lanjut", "Services and follow-up"),
        {
            "case.ContactAttempted": "Seseorang berusaha menghubungi penyintas.",
            "case.DocumentAttached": "Sidik dan jenis sebuah dokumen; isinya tersegel dengan kunci kompartemennya.",
            "case.DocumentSuperseded": "Dokumen yang lebih baru menggantikannya. Keduanya tetap ada.",
            "case.FollowUpRecorded": "Keadaan penyintas sejak itu, dan kapan ditanya lagi.",
            "case.NoteRecorded": "Sesuatu yang patut disimpan.",
            "case.ProtectionOrderRecorded": "Perlindungan oleh pengadilan atau polisi (UU 23/2004, UU 12/2022).",
            "case.ServiceDelivered": "Bantuan sampai kepada penyintas.",
        },
    ),
    Step(
        Words("Penanggung jawab dan penutupan", "Lead and closure"),
        {
            "case.CaseClosed": "Pekerjaan berakhir, dengan alasan ini.",
            "case.CaseMerged": "Berkas ini berkas kedua dari kasus yang sama; `into` adalah yang diteruskan.",
            "case.CaseReopened": "Pekerjaan dimulai lagi.",
            "case.DuplicateAbsorbed": "Berkas lain dari kasus yang sama berakhir; isinya dibaca bersama berkas ini.",
            "case.LeadTransferAccepted": "Instansi yang diminta memimpin mulai sekarang.",
            "case.LeadTransferAsked": "Penanggung jawab meminta instansi lain mengambil alih kasus.",
            "case.LeadTransferDeclined": "Instansi yang diminta tidak akan memimpin.",
        },
    ),
    Step(
        Words("Akses darurat", "Emergency access"),
        {
            "case.GlassBroken": "Dalam keadaan darurat seseorang membuka kompartemen tanpa persetujuan, sementara.",
            "case.GlassClosed": "Yang membukanya tidak membutuhkannya lagi.",
            "case.GlassReviewOverdue": "Tidak ditinjau pada waktunya; `level` menghitung berapa kali itu diangkat.",
            "case.GlassReviewed": "Orang lain menilai apakah itu darurat. Yang tidak beralasan ditutup karenanya.",
        },
    ),
    Step(
        Words("Penyerahan berkas, larangan hapus, penghapusan", "Disclosure, legal hold, erasure"),
        {
            "case.CaseErased": "Kunci data kompartemen ini dimusnahkan.",
            "case.DisclosureMade": "Berkas kasus dibuat bagi pihak luar, atas dasar ini.",
            "case.ErasureRefused": "Tidak ada yang dimusnahkan: ditolak, atau ditarik kembali.",
            "case.ErasureRequested": "Seseorang meminta kompartemen ini dimusnahkan; orang lain memutuskan. Bila "
            "`coordination` termasuk, itu seluruh kasus, dan semuanya disebut.",
            "case.HoldLiftingAsked": "Seseorang meminta larangan hapus berakhir; orang lain memutuskan.",
            "case.HoldLiftingRefused": "Larangan hapus tetap berlaku.",
            "case.LegalHoldLifted": "Larangan hapus berakhir.",
            "case.LegalHoldPlaced": "Tidak ada dari kasus ini yang boleh dihapus, dengan alasan ini.",
            "delivery.Erased": "Di nomor ini ada sesuatu yang sejak itu dihapus. Kosong, agar nomor tidak berlubang.",
            "erasure.DeletionAsked": "Instansi ini pernah diberi tahu sesuatu yang kini dihapus, dan wajib menghapus "
            "salinannya.",
        },
    ),
)

PLACEHOLDER = Words("Dihapus sejak itu", "Erased since")
PLACEHOLDER_MEANS = (
    "Under this number was something that was erased since. It holds nothing, and keeps the numbers without a hole. "
    "`schema` is that of the event that stood here."
)

LEAD = Words("penulisnya; penanggung jawab kasus", "its author; the lead")
LEAD_IS_TOLD = Words(
    "Penanggung jawab kasus diberi tahu koordinasi setiap peristiwa kasusnya, dan selebihnya yang dicakup persetujuan "
    "baginya; instansi lain dengan cara yang sama menurut rujukannya.",
    "The lead is told the coordination of every event of its case, and of the rest what consent names it for; "
    "another agency what its referral shares and a live consent covers.",
)
COMMON = Words("semua yang ikut serta dalam kasus", "everybody who takes part in the case")
CONTENT = Words(
    "instansi dengan rujukan terbuka yang mencakup sesuatu darinya",
    "an agency with an open referral that covers something of it",
)
ADDRESSED: dict[type[Fact], Words] = {
    e.ReferralMove: Words(
        "pengirim rujukan; penerimanya, setelah dikirim", "the referral's sender; its recipient, once it was sent"
    ),
    e.DraftFacts: Words(
        "pengirim rujukan; penerimanya, setelah dikirim", "the referral's sender; its recipient, once it was sent"
    ),
    e.ClockStarted: Words(
        "penerima rujukan terbuka yang terkait tenggat ini", "the recipient of an open referral that shares the clock"
    ),
    e.ClockMet: Words(
        "penerima rujukan terbuka yang terkait tenggat ini", "the recipient of an open referral that shares the clock"
    ),
    e.ClockOverdue: Words(
        "penerima rujukan terbuka yang terkait tenggat ini", "the recipient of an open referral that shares the clock"
    ),
    e.ConsentWithdrawn: Words(
        "instansi dengan rujukan terbuka yang pernah disebut persetujuan itu",
        "an agency with an open referral that the consent ever named",
    ),
    e.ConsentNarrowed: Words(
        "instansi dengan rujukan terbuka yang pernah disebut persetujuan itu",
        "an agency with an open referral that the consent ever named",
    ),
    e.ConferenceHeld: Words("peserta yang ikut serta dalam kasus", "attendees that take part in the case"),
    e.ActionAgreed: Words("penanggung jawab tugas", "the owner of the action"),
    e.ActionDone: Words("penanggung jawab tugas", "the owner of the action"),
    e.GlassMove: Words("instansi yang membuka akses darurat", "the agency for which the glass was broken"),
    e.LeadTransferAsked: Words("instansi yang diminta", "the agency that is asked"),
    e.LeadTransferAccepted: Words("penanggung jawab sebelumnya", "who led before"),
}
"""Whom an event speaks to by its nature (domain/disclosure.py), told its coordination and what they are entitled to."""

DELETION = Words("hanya instansi yang wajib menghapus", "only the agency that has to delete")
AS_BEFORE = Words("siapa pun yang pernah diberi tahu", "whoever had been told")


def told_to(event: type[Fact] | None) -> list[Words]:
    """Who is told of an event; of the placeholder where it is None."""
    if event is None:
        return [AS_BEFORE]
    if issubclass(event, DeletionAsked):
        return [DELETION]
    found = [LEAD, *(words for of, words in ADDRESSED.items() if issubclass(event, of))]
    if issubclass(event, disclosure.COMMON):
        found.append(COMMON)
    if issubclass(event, disclosure.CONTENT):
        found.append(CONTENT)
    return found
