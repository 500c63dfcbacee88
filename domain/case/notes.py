"""Notes, contact attempts and follow-ups."""

from collections.abc import Sequence
from datetime import date

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.state import Case
from ..compartment import Contact, Coordination
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, Details, Fact, NoteId, Short, Text, recorded
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, LEGAL, MACHINE_WORK
from ..standing.rows import TAKES_PART
from ..words import Words


class NoteFacts(Details, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    subject: Coordination[Short | None] = None


@happened(
    Words("Catatan dibuat", "Note recorded"),
    her=Words("Catatan dibuat", "A note was made"),
    means="Catatan kerja.",
    step=Step.SERVICES,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class NoteRecorded(NoteFacts, frozen=True, kw_only=True, tag="case.NoteRecorded"):
    """Something worth keeping."""


class ContactAttemptFacts(Fact, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    reached: Coordination[bool]
    means: Contact[Short]
    remark: Contact[Text | None] = None


@happened(
    Words("Upaya menghubungi korban", "Attempt to contact the survivor"),
    her=Words("Petugas berusaha menghubungi Anda", "Somebody tried to reach you"),
    means="Seseorang berusaha menghubungi penyintas.",
    step=Step.SERVICES,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class ContactAttempted(ContactAttemptFacts, frozen=True, kw_only=True, tag="case.ContactAttempted"):
    """Somebody tried to reach the survivor."""


class FollowUpFacts(Details, frozen=True, kw_only=True):
    note: Coordination[NoteId]
    next_on: Coordination[date | None] = None


@happened(
    Words("Tindak lanjut dicatat", "Follow-up recorded"),
    her=Words("Tindak lanjut dicatat", "A follow-up was recorded"),
    means="Keadaan penyintas sejak itu, dan kapan ditanya lagi.",
    step=Step.SERVICES,
    shared=Shared.STORY,
    struck_by="StrikeEntry",
)
class FollowUpRecorded(FollowUpFacts, frozen=True, kw_only=True, tag="case.FollowUpRecorded"):
    """How the survivor is since, and when to ask again."""


@asked(
    "/cases/{case}/notes",
    by=MACHINE_WORK | LEGAL,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat sebuah catatan.",
    tag="work",
    example={"subject": "Kunjungan", "psychosocial": "Tampak tenang."},
    mints="note",
)
class RecordNote(NoteFacts, frozen=True, kw_only=True):
    """Record a note."""


@asked(
    "/cases/{case}/contact-attempts",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat bahwa seseorang berusaha menghubungi penyintas.",
    tag="work",
    example={"reached": False, "means": "telepon"},
    mints="note",
)
class RecordContactAttempt(ContactAttemptFacts, frozen=True, kw_only=True):
    """Record that somebody tried to reach the survivor."""


@asked(
    "/cases/{case}/follow-ups",
    by=CASE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    means="Mencatat tindak lanjut.",
    tag="work",
    example={"next_on": "2026-04-01", "health": "Membaik."},
    mints="note",
)
class RecordFollowUp(FollowUpFacts, frozen=True, kw_only=True):
    """Record a follow-up."""


@applies(NoteRecorded)
def note_recorded(case: Case, event: NoteRecorded) -> Case:
    return case.using(event.note)


@applies(ContactAttempted)
def contact_attempted(case: Case, event: ContactAttempted) -> Case:
    return case.using(event.note)


@applies(FollowUpRecorded)
def follow_up_recorded(case: Case, event: FollowUpRecorded) -> Case:
    return case.using(event.note)


@decides.register
def record_note(command: RecordNote, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.used_ids, command.note)
    return [recorded(NoteRecorded, command, act)]


@decides.register
def record_contact_attempt(command: RecordContactAttempt, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.used_ids, command.note)
    return [recorded(ContactAttempted, command, act)]


@decides.register
def record_follow_up(command: RecordFollowUp, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.used_ids, command.note)
    return [recorded(FollowUpRecorded, command, act)]


name_fields(
    subject=field("Perihal", "Subject", ("Perihal", "Subject")),
    reached=field("Berhasil dihubungi", "Reached", ("Berhasil dihubungi", "Reached")),
    means=field("Sarana", "Means", ("Melalui", "By")),
    next_on=field("Berikutnya pada", "Next on", ("Tindak lanjut berikutnya", "Next follow-up")),
)
