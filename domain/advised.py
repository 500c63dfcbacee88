"""Refusals that are another's reason, met where there is a better next act than that one's: what it is, they say."""

from .refusal import AlreadyDone, AnotherPersonNeeded, NotForThisAgency
from .words import Words


class ClockHasEnded(AlreadyDone):
    """Says the same of every end: how a clock of care ended is not for all who may end it."""

    says = Words("Batas waktu ini sudah berakhir.", "This clock has ended.")
    mend = Words(
        "Bila akhirnya benar, tidak ada yang perlu dilakukan lagi. Bila akhir itu dicatat karena keliru, jalankan lagi"
        " batas waktunya, lalu catat akhir yang benar.",
        "Where it ended so, nothing is left to do. Where that end was recorded by mistake, resume the clock, and then"
        " record how it ended.",
    )
    acts = ("ResumeClock",)


class LeaveNeeded(AnotherPersonNeeded):
    """What one person may do once another has let them; the act that asks for it depends on what it is."""

    says = Words("Untuk ini diperlukan izin yang disetujui orang lain.", "This takes leave that another person gives.")
    mend = Words(
        "Minta izin itu. Setelah orang lain menyetujuinya, coba lagi.",
        "Ask for that leave. When another person has approved it, try again.",
    )


class ForClinicians(NotForThisAgency):
    says = Words("Hanya layanan kesehatan yang dapat menyatakan ini.", "This is for a health service to say.")
    mend = Words(
        "Minta layanan kesehatan yang ikut menangani kasus ini menyatakannya.",
        "Ask a health service that takes part in the case to say it.",
    )
