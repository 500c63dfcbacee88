"""Why a command is refused. Each class is one stable reason; its attributes are safe to show:
ids, codes and times, never what somebody wrote. api/problems.py turns each into an RFC 9457 problem.

Each says, in both languages, one sentence for the person who acted, and what can be done next; `acts` names commands
that do it. A class beneath another is the same reason, met otherwise: its type is the other's, its advice its own.
"""

from typing import Any

from .reason import Refusal as Refusal
from .reason import one_of as one_of
from .reason import plain as plain
from .words import Words


class Unknown(Refusal):
    says = Words("Yang Anda maksud tidak ada, atau tidak dapat Anda lihat.", "No such thing is known to you.")
    mend = Words(
        "Periksa nomornya. Yang tidak boleh Anda ketahui dijawab sama dengan yang tidak ada.",
        "Check the id. What you may not know of answers the same as what does not exist.",
    )


class InTheFuture(Refusal):
    says = Words("Waktu yang disebut belum tiba.", "It is said to have happened after now.")
    mend = Words(
        "Perbaiki waktunya (occurred_at, dengan zona waktu), paling lambat sekarang.",
        "Send occurred_at with its time zone, not later than the present.",
    )


class BeforeItsCause(Refusal):
    says = Words(
        "Waktu yang disebut lebih awal daripada hal yang ditindaklanjuti.",
        "It is said to have happened before what it answers.",
    )
    mend = Words(
        "Isi waktu (occurred_at) yang tidak mendahului waktu yang disebut, atau kosongkan: berarti sekarang. Pencatatan"
        " yang terlambat tetap terlambat.",
        "Send occurred_at not before the time named, or leave it out: then it happens now. A late entry stays one.",
    )


class NotAsItIsRecorded(Refusal):
    says = Words(
        "Ini berlaku sejak dicatat, jadi tidak dapat diberi waktu yang lebih awal.",
        "It takes effect as it is recorded, so it is not said of an earlier time.",
    )
    mend = Words("Kosongkan waktunya (occurred_at).", "Leave occurred_at out.")


class AlreadyExists(Refusal):
    says = Words("Nomor atau kode ini sudah dipakai.", "There is one with this id already.")
    mend = Words(
        "Pakai nomor lain. Untuk mengirim ulang permintaan yang sama, pakai Idempotency-Key yang sama.",
        "Use a new id, or an Idempotency-Key to repeat a request safely.",
    )


class AlreadyDone(AlreadyExists):
    says = Words("Hal ini sudah dilakukan sebelumnya.", "This was done before.")
    mend = Words(
        "Tidak ada yang perlu dilakukan lagi. Lihat catatannya untuk tahu siapa dan kapan.",
        "Nothing is left to do. Look at the record to see who did it, and when.",
    )


class AlreadyRecorded(AlreadyExists):
    says = Words("Data ini sudah dicatat pada kasus ini.", "This is recorded in the case already.")
    mend = Words("Bila keliru, perbaiki yang sudah dicatat.", "Where it is wrong, correct what is recorded.")
    acts = ("CorrectSurvivorIdentity", "CorrectSurvivorContact")


class AlreadyReplaced(AlreadyExists):
    says = Words("Dokumen ini sudah digantikan.", "This document was replaced before.")
    mend = Words(
        "Gantikan dokumen yang lebih baru, yang nomornya disebut.", "Replace the newer one, whose id is named."
    )


class StillUndecided(AlreadyExists):
    says = Words(
        "Permintaan yang sama masih menunggu keputusan.", "The same was asked for before, and waits for its decision."
    )
    mend = Words(
        "Minta orang kedua memutuskan permintaan itu; setelah itu Anda dapat meminta lagi.",
        "Have a second person decide that one; then you can ask again.",
    )


class CaseNotOpen(Refusal):
    says = Words("Kasus ini sudah ditutup atau digabungkan.", "The case is closed or merged.")
    mend = Words(
        "Buka kembali dahulu kasus yang ditutup; untuk yang digabungkan, lanjutkan pada kasus tempat kasus ini "
        "digabungkan.",
        "Re-open it first, or act on the case it was merged into.",
    )
    acts = ("ReopenCase",)


class CaseIsOpen(Refusal):
    says = Words("Kasus ini masih terbuka.", "The case is open already.")
    mend = Words("Tidak perlu dibuka kembali: lanjutkan pekerjaan.", "It needs no re-opening: go on with the work.")


class OpenReferrals(Refusal):
    says = Words("Kasus ini masih punya rujukan yang belum berakhir.", "Referrals of this case are not ended yet.")
    mend = Words(
        "Akhiri dahulu setiap rujukan yang disebut: penerima menyelesaikannya atau menyatakannya gagal, pengirim"
        " membatalkannya, penyelia penanggung jawab mengakhiri yang tidak lagi dicakup persetujuan, dan yang"
        " pengirimnya tidak ikut serta lagi. Persetujuan yang dilaporkan dijawab dahulu oleh penanggung jawab.",
        "End each one that is named first: its recipient completes or fails it, its sender cancels it, a supervisor of"
        " the lead ends what no consent covers, and what has no sender any more. A reported consent is answered first.",
    )
    acts = ("CompleteReferral", "FailReferral", "CancelReferral", "EndUncoveredReferral",
            "EndReferralForSender", "ContradictConsent")  # fmt: skip


class AlreadyReferred(Refusal):
    says = Words(
        "Rujukan untuk layanan yang sama ke instansi ini masih terbuka.",
        "A referral for the same service to this agency is open already.",
    )
    mend = Words(
        "Lihat dahulu rujukan yang disebut. Bila rujukan lain memang diperlukan, kirim lagi dengan alasannya"
        " (duplicate_reason); alasan itu dicatat.",
        "Look at the one that is named first. Where another is needed all the same, send it again with the reason"
        " (duplicate_reason), which is recorded.",
    )
    acts = ("SendReferral",)


class NotForThisAgency(Refusal):
    says = Words(
        "Hubungan instansi Anda dengan kasus ini tidak mengizinkannya.",
        "This agency's relation to the case does not allow it.",
    )
    mend = Words(
        "Minta instansi penanggung jawab, atau instansi yang disebut dalam rujukan, melakukannya.",
        "The lead agency, or the agency named in the referral, can do it.",
    )


class NotForThisRole(Refusal):
    says = Words("Peran Anda tidak mengizinkannya.", "This role does not allow it.")
    mend = Words("Minta rekan yang perannya mengizinkan.", "Ask a colleague whose role allows it.")


class PurposeNotAllowed(Refusal):
    says = Words("Tujuan yang disebut tidak cocok dengan peran Anda.", "This purpose of use does not fit the role.")
    mend = Words(
        "Nyatakan tujuan Anda bertindak (tajuk Purpose-Of-Use).",
        "Send the purpose that you act for in the Purpose-Of-Use header.",
    )


class ConsentMissing(Refusal):
    says = Words("Belum ada persetujuan berlaku yang mencakup ini.", "No live consent covers this.")
    mend = Words(
        "Mintakan dan catat persetujuan untuk penerima, tujuan, dan kelompok data itu, atau bagikan tanpa persetujuan"
        " dengan dasar hukumnya.",
        "Record a consent for the recipient, purpose and compartments, or an override with its legal basis.",
    )
    acts = ("GiveConsent", "OverrideConsent")


class ConsentFromWrongPerson(Refusal):
    says = Words(
        "Pada usia penyintas, orang ini tidak dapat memberi persetujuan sendiri.",
        "This person cannot give consent alone at the survivor's age.",
    )
    mend = Words(
        "Sejak 15 tahun ia menyetujui sendiri; sebelumnya orang tua, wali, atau pengasuhnya, dengan kesediaan anak"
        " sejak 6 tahun; yang lain setelah keputusan demi kepentingan terbaik anak. Bila usianya keliru, nilai ulang.",
        "From 15 on she consents herself; before that a parent or guardian, from 6 on with the child's assent; others"
        " once a best-interest decision lets them. Where her age is wrong, assess it anew.",
    )
    acts = ("GiveConsent", "DecideBestInterest", "AssessAge")


class ConsentNotLive(Refusal):
    says = Words(
        "Persetujuan ini sudah dicabut, ditolak, atau habis waktunya.",
        "The consent is withdrawn, refused or expired.",
    )
    mend = Words(
        "Bila penyintas menghendakinya lagi, catat persetujuan baru.", "If she wants it again, record a new consent."
    )
    acts = ("GiveConsent",)


class ConsentWidened(Refusal):
    says = Words("Mempersempit persetujuan tidak dapat menambah apa pun.", "Narrowing cannot add anything.")
    mend = Words("Catat persetujuan baru untuk yang ditambahkan.", "Record a new consent for what is added.")
    acts = ("GiveConsent",)


class RecipientUnavailable(Refusal):
    says = Words(
        "Instansi ini tidak aktif, tidak terdaftar, atau tidak memberi layanan itu.",
        "The agency is not active, not known, or does not offer the service.",
    )
    mend = Words(
        "Lihat direktori (GET /agencies) untuk instansi yang melayaninya, dan ejaan kodenya.",
        "See the directory (GET /agencies) for agencies that offer it, and for how their codes are written.",
    )


class BeyondReach(Refusal):
    says = Words(
        "Instansi Anda sendiri tidak boleh mengetahui ini, jadi tidak dapat membagikan atau mengubahnya.",
        "The agency may not know this itself, so it can neither share nor change it.",
    )
    mend = Words(
        "Bagikan yang boleh dibuka instansi Anda, dan tulisan sendiri; instansi penanggung jawab dapat membagikan lebih"
        " banyak, sejauh persetujuan mencakupnya.",
        "Share what the agency may open, and its own words; the lead can share more, where consent covers that.",
    )


class BasisTooNarrow(Refusal):
    says = Words(
        "Dasar ini tidak mengizinkan semua kelompok data itu diserahkan.",
        "The basis does not allow all of these compartments to be disclosed.",
    )
    mend = Words(
        "Jangan sertakan kelompok data yang tidak diizinkan, atau serahkan menurut penetapan pengadilan yang "
        "menyebutnya.",
        "Leave out those it does not allow, or disclose on a court order that names them.",
    )
    acts = ("DiscloseCase",)


class WrongMove(Refusal):
    says = Words("Keadaannya sekarang tidak mengizinkan langkah ini.", "Its state does not allow this move now.")
    mend = Words(
        "Lihat keadaannya sekarang, yang disebut di sini, lalu ambil langkah yang sesuai.",
        "Look at its state, which is named, and take a step that follows from it.",
    )


class StillRunning(Refusal):
    says = Words("Waktunya belum habis.", "The clock has not run out.")
    mend = Words("Tunggu sampai waktu yang disebut.", "Wait until the time that is named.")


class HoldStands(Refusal):
    says = Words(
        "Larangan pemusnahan masih berlaku dan menghalangi yang diminta.",
        "A legal hold stands against what was asked.",
    )
    mend = Words(
        "Dua orang dari instansi pemegang larangan itu dapat mengakhirinya; atas penetapan atau putusan pengadilan, dua"
        " orang dari penanggung jawab. Bila `lapses_at` disebut dan tidak dipertahankan, larangan gugur saat itu.",
        "Two people of its holder can lift it; or, on a court's order, two of the lead. Where `lapses_at` is named, it"
        " lapses then, unless its holder confirms it.",
    )
    acts = ("LiftLegalHold", "LiftHoldOnOrder")


class AnotherPersonNeeded(Refusal):
    says = Words("Yang meminta tidak dapat memutuskannya juga.", "Who asked for it cannot also decide it.")
    mend = Words(
        "Orang lain, dalam peran yang mengizinkan, yang memutuskan.",
        "Another person, in a role that allows it, decides.",
    )


class ProposalOver(Refusal):
    says = Words("Sudah diputuskan, atau waktunya sudah lewat.", "It was decided already, or its time is over.")
    mend = Words("Ajukan lagi.", "Ask for it again.")


class NotDueYet(Refusal):
    says = Words("Masa simpannya belum berakhir.", "The time for which it is to be kept has not ended.")
    mend = Words(
        "Lihat kapan berakhirnya dalam daftar masa simpan (GET /retention), atau sebut dasar lain.",
        "See the retention list (GET /retention) for when it does, or name another ground.",
    )


class Erased(Refusal):
    says = Words(
        "Kelompok data ini sudah dihapus dari kasus; tidak ada lagi yang dicatat di dalamnya.",
        "This part of the case was erased; nothing of it is recorded any more.",
    )
    mend = Words(
        "Bila ada hal baru yang perlu dicatat, buka kasus baru.",
        "Open a new case if there is something new to record.",
    )
    acts = ("OpenCase",)


class Invalid(Refusal):
    says = Words("Isian-isian ini tidak saling cocok.", "The values do not fit together.")
    mend = Words(
        "Perbaiki isian yang disebut (field) sebagaimana seharusnya (must).",
        "Mend the field that is named, as `must` says.",
    )

    def __init__(self, *, field: str, must: Words, **about: Any) -> None:
        """`must`: what the field has to be, as the end of a sentence; in Indonesian with its verb."""
        super().__init__(field=field, must=must.en, **about)
        self.field, self.must = field, must

    def mended(self, called: Words | None) -> Words:
        """What to do, with the field by what people call it."""
        its = Words(*(f"{word} ({self.field})" for word in called)) if called else Words(self.field, self.field)
        return Words(f"Perbaiki {its.id}: {self.must.id}.", f"Mend {its.en}: it has to {self.must.en}.")


class NotAMember(Refusal):
    says = Words(
        "Orang ini bukan anggota aktif instansi dalam peran itu.",
        "The person is not an active member of the agency in this role.",
    )
    mend = Words(
        "Administrator instansi dapat menambahkan anggota atau perannya.",
        "An agency administrator can add the member or the role.",
    )
    acts = ("AddMember",)


class AgencyInactive(Refusal):
    says = Words(
        "Instansi yang bertindak tidak terdaftar atau sedang dinonaktifkan.",
        "The acting agency is not registered or is suspended.",
    )
    mend = Words(
        "Minta administrator instansi penanggung jawab mendaftarkan atau mengaktifkannya kembali.",
        "Ask an administrator of the lead to register it, or to bring it back.",
    )
    acts = ("RegisterAgency", "ReactivateAgency")


class KeyMissing(Refusal):
    says = Words(
        "Instansi belum mendaftarkan kunci untuk menyegel pesan.",
        "The agency has registered no key that messages could be sealed to.",
    )
    mend = Words(
        "Buat pasangan kunci dengan `rujukan keygen`; administrator instansi mendaftarkan bagian publiknya.",
        "Make a key pair with `rujukan keygen`; an agency administrator registers its public half under the agency's"
        " keys.",
    )
    acts = ("RegisterKey",)


class GlassNotOpen(Refusal):
    says = Words(
        "Akses darurat ini sudah ditutup, atau waktunya habis.",
        "What was opened in an emergency is closed, or its time is over.",
    )
    mend = Words(
        "Bila bahayanya masih ada, buka akses darurat lagi dengan alasannya.",
        "If the danger lasts, break the glass again, with the reason why.",
    )
    acts = ("BreakGlass",)


class NotTold(Refusal):
    says = Words("Instansi belum diberi tahu sebanyak itu.", "The agency was not told so much.")
    mend = Words(
        "Sebut nomor yang sudah disampaikan; GET /subscription mengatakan sampai mana.",
        "Name what was delivered; GET /subscription says how far that goes.",
    )


class AnotherHistory(Refusal):
    says = Words(
        "Layanan tidak punya kiriman itu: nomornya belum pernah ada, atau keadaan lama dipulihkan dan riwayatnya lain.",
        "The service has no such delivery: there was no such number, or an older state was restored: another history.",
    )
    mend = Words(
        "Jangan proses apa pun lagi, simpan yang ada, dan hubungi pengelola layanan (`rujukan forks`). Setelah"
        " diperbaiki, mulailah setelah kiriman terakhir Anda yang dikenal layanan: yang disampaikan dengan nomor"
        " yang sudah Anda punya berbeda dari yang sudah Anda proses.",
        "Handle nothing more, keep what you have, and ask whoever runs the service (`rujukan forks`). Once that is set"
        " right, begin behind the last delivery of yours that the service does know: what it tells under numbers that"
        " you have is other than what you handled.",
    )


class WrongReceipt(Refusal):
    says = Words(
        "Tanda terima ini bukan yang ada dalam kiriman dengan nomor itu.",
        "The receipt is not the one in the delivery with this sequence.",
    )
    mend = Words(
        "Kirim tanda terima yang tersegel dalam kiriman itu sendiri.",
        "Send the receipt that lies inside the seal of that very delivery.",
    )


class NotByTheSamePerson(Refusal):
    says = Words("Orang lain yang harus melakukannya.", "Another person has to do this.")
    mend = Words(
        "Minta rekan yang perannya mengizinkan: tidak ada yang menilai dirinya sendiri.",
        "Ask a colleague whose role allows it: nobody reviews themselves.",
    )
