"""What events, and the attributes around them, mean: Indonesian and English, and who is told.

What an event means, and whom it speaks to, its subject declares (domain/declaring.py): its English is its docstring.
What the declarations do not say stands here. The tests ask for words for whatever can be told.
"""

from ...consumers.wire.envelope import DAMAGED, ERASED
from ...domain import catalogue
from ...domain.declaring import HAPPENED, Shared, Step
from ...domain.erasure import DeletionAsked
from ...domain.fact import Fact
from ...domain.notices import NoticeGiven
from ...domain.recovery import HistoryRecovered
from ...domain.words import Words


def chapter(step: Step) -> dict[str, str]:
    """Topic → what it means, in Indonesian, of the events of a step of the work; by name."""
    found = {
        topic: said.means
        for topic, said in ((topic, HAPPENED[event]) for topic, event in catalogue.TOPICS.items())
        if said.step is step and said.means is not None
    }
    if step is Step.LEGAL:
        found |= {topic: means.id for topic, (_, means) in PLACEHOLDERS.items()}
    return dict(sorted(found.items()))


PLACEHOLDERS = {
    ERASED: (
        Words("Dihapus sejak itu", "Erased since"),
        Words(
            "Di nomor ini ada sesuatu yang sejak itu dihapus, atau harus dihapus lagi. Kosong, agar nomor tidak "
            "terlewat.",
            "Under this number was something that was erased since, or had to be deleted again. It holds nothing, and "
            "keeps the numbers without a hole. `schema` is that of the event that stood here.",
        ),
    ),
    DAMAGED: (
        Words("Catatan rusak", "Record damaged"),
        Words(
            "Yang ada di nomor ini tidak dapat dibaca sekarang, karena catatannya rusak. Setelah diperbaiki, isinya "
            "disampaikan dengan nomor sendiri. Tanyakan kepada penanggung jawab kasus bila mendesak.",
            "What stands under this number cannot be read now, as the record of it is damaged. Once that is repaired "
            "it is told under a number of its own. Ask the lead where it is urgent.",
        ),
    ),
}
"""Topic of a placeholder → its label, and what it means."""

LEAD = Words("penulisnya; penanggung jawab kasus", "its author; the lead")
LEAD_IS_TOLD = Words(
    "Penanggung jawab kasus diberi tahu data koordinasi setiap peristiwa kasusnya, dan selebihnya yang dicakup "
    "persetujuan baginya; instansi lain dengan cara yang sama menurut rujukannya.",
    "The lead is told the coordination of every event of its case, and of the rest what consent names it for; "
    "another agency what its referral shares and a live consent covers.",
)
COMMON = Words("semua yang ikut serta dalam kasus", "everybody who takes part in the case")
CONTENT = Words(
    "instansi dengan rujukan terbuka yang mencakup sesuatu darinya",
    "an agency with an open referral that covers something of it",
)
DELETION = Words("hanya instansi yang wajib menghapus", "only the agency that has to delete")
HOLDER = Words("hanya instansi yang menyimpan yang hilang", "only the agency that holds what is lost")
CONCERNED = Words("hanya instansi yang disebut", "only the agency that it names")
AS_BEFORE = Words("siapa pun yang pernah diberi tahu", "whoever had been told")


def told_to(event: type[Fact] | None) -> list[Words]:
    """Who is told of an event; of the placeholder where it is None."""
    if event is None:
        return [AS_BEFORE]
    if issubclass(event, DeletionAsked):
        return [DELETION]
    if issubclass(event, HistoryRecovered):
        return [HOLDER]
    if issubclass(event, NoticeGiven):
        return [CONCERNED]
    said = HAPPENED[event]
    found = [LEAD] if said.to is None else [LEAD, said.to.words]
    return found + {Shared.COMMON: [COMMON], Shared.STORY: [CONTENT], Shared.NOT: []}[said.shared]
