"""What a problem that is no refusal of the rules says to the person in front of the screen, in both languages: one
sentence, and what to do next. Refusals have their own (domain/refusal.py)."""

from typing import Literal, NamedTuple

from ..domain.words import Words

Name = Literal[
    "BadHeader",
    "BadQuery",
    "Behind",
    "Conflict",
    "DoesNotFit",
    "Encoded",
    "HistoryForked",
    "KeyReused",
    "MethodNotAllowed",
    "NoSuchSchema",
    "NotAuthenticated",
    "NotJson",
    "NotSealedYet",
    "NotTaken",
    "RecordDamaged",
    "Refused",
    "TooLarge",
    "TooMany",
    "TooSlow",
    "Unavailable",
    "Unforeseen",
    "Unknown",
    "VersionMismatch",
]


class ForPerson(NamedTuple):
    """One sentence, and the next act that is possible."""

    says: Words
    next: Words


_PROGRAM = Words(
    "Laporkan kepada pengelola aplikasi Anda: yang dikirimnya keliru.",
    "Tell whoever looks after your program: what it sends is mistaken.",
)
_NOT_UNDERSTOOD = Words("Permintaan ini tidak dapat dibaca.", "This request cannot be read.")
_AGAIN = Words("Coba lagi sebentar lagi.", "Try again in a moment.")
_TELEPHONE = Words(
    "Catat yang Anda lakukan, telepon instansi terkait bila mendesak, dan hubungi pengelola layanan.",
    "Write down what you do, telephone the agencies where it is urgent, and tell whoever runs the service.",
)

FOR_PERSON: dict[Name, ForPerson] = {
    "BadHeader": ForPerson(_NOT_UNDERSTOOD, _PROGRAM),
    "BadQuery": ForPerson(
        Words("Pencarian ini memuat yang tidak dikenal.", "This asks for what is not known here."),
        Words("Perbaiki saringan yang disebut, lalu cari lagi.", "Mend the filter that is named, and ask again."),
    ),
    "Behind": ForPerson(
        Words("Daftar ini belum memuat yang baru dicatat.", "The list does not have yet what was just recorded."),
        _AGAIN,
    ),
    "Conflict": ForPerson(
        Words("Orang lain baru saja menulis pada kasus ini.", "Somebody else just wrote to this case."), _AGAIN
    ),
    "DoesNotFit": ForPerson(
        Words("Ada isian yang belum sesuai.", "Something that was filled in does not fit."),
        Words(
            "Perbaiki isian yang disebut (`at`) sebagaimana diharapkan (`expected`, `allowed`), lalu kirim lagi.",
            "Mend the field that is named (`at`) as is expected (`expected`, `allowed`), and send it again.",
        ),
    ),
    "Encoded": ForPerson(_NOT_UNDERSTOOD, _PROGRAM),
    "HistoryForked": ForPerson(
        Words(
            "Layanan memulihkan keadaan yang lebih lama, dan untuk sementara tidak mencatat apa pun.",
            "An older state of the service was restored, and it stores nothing for now.",
        ),
        _TELEPHONE,
    ),
    "KeyReused": ForPerson(
        Words("Permintaan lain sudah memakai kunci ini.", "Another request came with this key before."),
        Words(
            "Lihat dahulu apakah permintaan Anda sudah tercatat; bila belum, kirim lagi dengan kunci baru.",
            "Look first whether your request is recorded; if it is not, send it again with a new key.",
        ),
    ),
    "MethodNotAllowed": ForPerson(_NOT_UNDERSTOOD, _PROGRAM),
    "NoSuchSchema": ForPerson(Words("Skema itu tidak ada.", "There is no such schema."), _PROGRAM),
    "NotAuthenticated": ForPerson(
        Words("Anda belum masuk, atau waktu masuk Anda habis.", "You are not signed in, or your time is over."),
        Words("Masuk lagi.", "Sign in again."),
    ),
    "NotJson": ForPerson(_NOT_UNDERSTOOD, _PROGRAM),
    "NotSealedYet": ForPerson(Words("Bukti ini belum siap.", "This proof is not ready yet."), _AGAIN),
    "NotTaken": ForPerson(
        Words("Yang dikirim instansi pengesah tidak diterima.", "What the witness brought was not taken."),
        Words(
            "Bandingkan dengan titik periksa terbaru, lalu kirim lagi.",
            "Compare it with the newest checkpoint, and bring it again.",
        ),
    ),
    "RecordDamaged": ForPerson(Words("Catatan kasus ini rusak.", "A record of this case is damaged."), _TELEPHONE),
    "Refused": ForPerson(_NOT_UNDERSTOOD, _PROGRAM),
    "TooLarge": ForPerson(
        Words("Yang dikirim terlalu besar.", "What was sent is too large."),
        Words("Kirim dalam bagian yang lebih kecil.", "Send it in smaller parts."),
    ),
    "TooMany": ForPerson(
        Words(
            "Anda, atau instansi Anda, meminta lebih dari batasnya sekarang.",
            "You, or your agency, ask for more than is allowed just now.",
        ),
        Words(
            "Tunggu sebentar, lalu kirim lagi; tidak ada yang berubah.",
            "Wait a moment and send it again; nothing was done.",
        ),
    ),
    "TooSlow": ForPerson(
        Words("Sambungan Anda terlalu lambat.", "Your connection was too slow."),
        Words("Periksa sambungan, lalu kirim lagi.", "Look at the connection, and send it again."),
    ),
    "Unavailable": ForPerson(
        Words("Layanan sedang tidak dapat dihubungi.", "The service cannot be reached just now."),
        Words(
            "Kirim lagi sebentar lagi; tidak akan tercatat dua kali. Bila mendesak, telepon.",
            "Send it again in a moment; it is not recorded twice. Where it is urgent, telephone.",
        ),
    ),
    "Unforeseen": ForPerson(
        Words("Terjadi kesalahan pada layanan.", "Something went wrong in the service."),
        Words(
            "Lihat dahulu apakah sudah tercatat, lalu coba lagi; bila terulang, hubungi pengelola layanan.",
            "Look first whether it was recorded, then try again; if it comes again, tell whoever runs the service.",
        ),
    ),
    "Unknown": ForPerson(
        Words("Yang Anda maksud tidak ada, atau tidak dapat Anda lihat.", "No such thing is known to you."),
        Words("Periksa nomor atau alamatnya.", "Check the id or the address."),
    ),
    "VersionMismatch": ForPerson(
        Words("Kasus ini sudah berubah sejak Anda membukanya.", "The case moved on since you opened it."),
        Words("Baca lagi, lalu putuskan lagi.", "Read it again and decide again."),
    ),
}
