"""What the survivor's paper calls a code where the record's label is a court's or a doctor's word, or speaks of her."""

from collections.abc import Mapping

from .clock_codes import ClockEnd, ClockStart
from .code import Code
from .codes import (
    CloseReason,
    ConsentBy,
    DisclosureBasis,
    DocumentKind,
    EndReason,
    ErasureBasis,
    Outcome,
    Purpose,
    Reporter,
    Role,
    Service,
    SharingBasis,
)
from .persons import RightAnswer, SetAside
from .referral_codes import AppointmentBy
from .violence import ClockNeed, GbvType, Need, ToldBy
from .words import Language, Words

HER_REQUEST = Words("Permintaan Anda", "Your request")
SUPPORT = Words("Bantuan batin dan sosial", "Help for mind and social life")
EXAMINATION = Words("Pemeriksaan dokter untuk bukti", "A doctor's examination for evidence")

_HERS: Mapping[tuple[type[Code], Code], Words] = {
    (type(code), code): words
    for code, words in (
        (ConsentBy.SURVIVOR, Words("Anda", "You")),
        (AppointmentBy.SURVIVOR, Words("Anda", "You")),
        (AppointmentBy.COMPANION, Words("Yang mendampingi Anda", "Who accompanied you")),
        (AppointmentBy.PROVIDER, Words("Instansi yang akan menemui Anda", "The agency that was to meet you")),
        (Reporter.SURVIVOR, Words("Anda sendiri", "You yourself")),
        (Role.SUPERVISOR, Words("Atasan pendamping", "The case worker's supervisor")),
        (Role.LEGAL_REVIEWER, Words("Petugas hukum", "Legal officer")),
        (Role.INTEGRATOR, Words("Sistem komputer instansi", "The agency's computer system")),
        (Purpose.SURVIVOR_REQUEST, HER_REQUEST),
        (ErasureBasis.SURVIVOR_REQUEST, HER_REQUEST),
        (DisclosureBasis.SURVIVOR_REQUEST, HER_REQUEST),
        (CloseReason.SURVIVOR_ASKED, HER_REQUEST),
        (Outcome.DID_NOT_ATTEND, Words("Anda belum datang", "You have not come yet")),
        (Outcome.DECLINED, Words("Anda tidak menginginkannya", "You did not want it")),
        (ClockEnd.DECLINED, Words("Anda tidak menginginkannya", "You did not want it")),
        (ClockEnd.NOT_APPLICABLE, Words("Tidak berlaku bagi Anda", "It does not apply to you")),
        (
            ClockStart.REPORT,
            Words(
                "Laporan Anda, atau petugas yang disebut undang-undang",
                "Your own report, or that of a professional whom the law names",
            ),
        ),
        (ToldBy.SURVIVOR, Words("Anda sendiri", "You yourself")),
        (
            EndReason.SHARING_STOPPED,
            Words(
                "Ada permintaan agar data Anda tidak dibagikan lagi", "There was a request to share your data no more"
            ),
        ),
        (
            RightAnswer.GRANTED,
            Words(
                "Disetujui; pelaksanaannya tercatat tersendiri", "Agreed to; what is done about it is recorded apart"
            ),
        ),
        (
            RightAnswer.PARTLY,
            Words(
                "Disetujui sebagian; pelaksanaannya tercatat tersendiri",
                "Agreed to in part; what is done about it is recorded apart",
            ),
        ),
        (RightAnswer.REFUSED, Words("Tidak dapat dipenuhi", "It cannot be done")),
        (RightAnswer.TAKEN_BACK, Words("Permintaan itu dicabut", "The request was taken back")),
        (EndReason.UNREACHABLE, Words("Anda tidak dapat dihubungi", "You could not be reached")),
        (Service.WITNESS_PROTECTION, Words("Perlindungan oleh LPSK", "Protection by LPSK")),
        (SetAside.NOT_SAFE, Words("Ia tidak aman bagi Anda", "Is not safe for you")),
        (GbvType.RAPE, Words("Perkosaan", "Rape")),
        (Service.PSYCHOSOCIAL, SUPPORT),
        (Need.PSYCHOSOCIAL, SUPPORT),
        (Service.FORENSIC, EXAMINATION),
        (
            DocumentKind.VISUM,
            Words("Hasil pemeriksaan dokter untuk bukti (visum)", "Result of the examination (visum)"),
        ),
        (
            SharingBasis.FORWARDED_REPORT,
            Words("Laporan diteruskan agar Anda dihubungi", "Passed on so that you are reached"),
        ),
        (
            SharingBasis.VITAL_INTEREST,
            Words(
                "Menjaga nyawa atau kesehatan orang yang tidak dapat ditanya",
                "To protect the life or health of somebody who cannot be asked",
            ),
        ),
        (ClockNeed.FORENSIC_EVIDENCE, EXAMINATION),
        (ClockNeed.HIV_PEP, Words("Obat pencegah HIV", "Medicine that prevents HIV")),
        (ClockNeed.EMERGENCY_CONTRACEPTION, Words("Obat pencegah kehamilan", "Medicine that prevents pregnancy")),
    )
}
"""By list and code: codes of different lists can be the same word."""


def code_for_her(code: Code, language: Language) -> str:
    """A code as her paper says it."""
    plain = _HERS.get((type(code), code))
    return (plain or Words(code.id, code.en)).said_in(language)
