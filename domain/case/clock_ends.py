"""Clocks that end by somebody's word: met outside the system, or otherwise than by what they are for; and ends that
were recorded by mistake.

Whose word ends which clock stands in standing/clocks.py. That a duty of law was met says by what: a document or a
referral on record, or grounds that another person of the lead approves. It ends without what it is for by decision: of
a supervisor, reviewed by another person of the lead.

She declined; it does not apply to her; it was started in error; a clinician found that it is not indicated. Nobody has
to say *met* for any of it. Of care, how and why is sealed with `health` (casefile/clocks.py).
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from ..casefile.attaching import ATTACHED, Document, Documents
from ..casefile.clocks import CARE_ENDS, CLOCK, CONCERNED, MET_CLOCK, ClockResumed, ended, met
from ..casefile.deciding import Network, decides
from ..casefile.entries import is_struck_thing
from ..casefile.moves import REFERRAL
from ..casefile.state import Case, Clock, Referral
from ..causes import Cause
from ..clock_codes import ClockDuty, ClockEnd
from ..codes import AgencyKind
from ..compartment import Coordination, Health, Legal
from ..declaring import asked, field, name_fields
from ..fact import Act, ClockId, DocumentId, Fact, ReferralId, Text, recorded
from ..refusal import Invalid, one_of
from ..standing.clocks import LAW, Way, require
from ..standing.relations import Extent, Relation
from ..standing.roles import AT_WORK, AUDITORS, CASE_WORK, SUPERVISION
from ..standing.rows import LEADS, TAKES_PART, Row, Second
from ..words import Words

R = Relation

OTHERWISE = frozenset({ClockEnd.DECLINED, ClockEnd.NOT_APPLICABLE, ClockEnd.STARTED_IN_ERROR})
BY_DECISION = OTHERWISE | {ClockEnd.NOT_DONE}
"""How a duty of law ends without what it is for."""
REASON_ASKED = OTHERWISE - {ClockEnd.DECLINED}
"""She owes nobody a reason."""
OF_CARE = Words("harus batas waktu layanan kesehatan", "be a clock of care")
ENDED = Cause(
    Words("batas waktu itu dinyatakan berakhir", "the clock was said to have ended"),
    lambda command, case, act: case.clocks[command.clock].met_at or case.clocks[command.clock].ended_at,
)
CARE = replace(CLOCK, known_to=None)
"""A clock once more, for who is concerned and is told that it is a clinician's to say."""
CLINICIANS = AT_WORK
"""For persons of a health service: it is a clinician's word, and no machine's."""
REVIEWED = Second((Row(AUDITORS, LEADS, Extent.MOVE),))
"""By another person of the lead, whoever owes it."""


MET_BY = Words(
    "harus menyebut apa yang memenuhi kewajiban itu, bila tidak ada `document` atau `referral` yang membuktikannya; "
    "lalu disetujui orang lain di instansi penanggung jawab",
    "say what met the duty, where no `document` or `referral` on record shows it; another person of the lead approves "
    "that",
)
OF_LAW_ALONE = Words(
    "harus dikosongkan: hanya kewajiban menurut undang-undang yang dibuktikan di sini, layanan kesehatan tidak",
    "be left out but for a duty of law: nobody has to show care here",
)
ACCEPTED_BY: Mapping[ClockDuty, AgencyKind] = {
    ClockDuty.REPORT_TO_POLICE: AgencyKind.POLICE,
    ClockDuty.COURT_REQUEST: AgencyKind.JUSTICE,
    ClockDuty.LPSK_REQUEST: AgencyKind.WITNESS_PROTECTION,
}
"""Duties that are met by another agency having what it was asked, and which kind of agency that is."""
BY_NO_REFERRAL = Words(
    "harus dikosongkan: kewajiban ini tidak dibuktikan dengan rujukan; sebutkan dokumen (`document`) atau alasannya",
    "be left out: no referral meets this duty; name a document, or the grounds",
)
ACCEPTED_SINCE = Words(
    "harus yang disanggupi sejak kewajiban itu mulai: yang disanggupi sebelumnya tidak membuktikannya; sebutkan "
    "dokumen (`document`) atau alasannya",
    "be one that was accepted since the duty began: what was accepted before shows nothing of it; name a document, or "
    "the grounds",
)


def _attached(case: Case, id: DocumentId) -> Document | None:
    document = None if is_struck_thing(case, id) else case.of(Documents).attached.get(id)
    return document if document is not None and document.superseded_by is None else None


SHOWN = replace(ATTACHED, since=None, find=_attached)
"""A paper may be attached long after what it shows. One that was struck, or superseded, shows nothing."""
SHOWN_REFERRAL = replace(REFERRAL, since=None)


def _is_unshown(command: "MeetClock", case: Case, own: bool) -> bool:
    clock = case.clocks.get(command.clock)
    is_of_law = clock is not None and clock.duty in LAW
    return is_of_law and command.document is None and command.referral is None


@asked(
    "/cases/{case}/clocks/{clock}/end",
    by=CASE_WORK,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock")
    .to(SHOWN, R.AUTHOR, R.REACHES, by="document")
    .to(SHOWN_REFERRAL, R.SENDER, R.ADDRESSEE, R.LEAD, by="referral"),
    second=Second(
        (Row(AUDITORS, LEADS, Extent.MOVE),),
        when=_is_unshown,
        words=Words(
            "untuk kewajiban menurut undang-undang yang tidak dibuktikan oleh dokumen atau rujukan",
            "for a duty of law that no document or referral shows to be met",
        ),
        keeps_time=True,
    ),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCK,),
    means="Menyatakan bahwa tindakan yang dibatasi waktunya telah dilakukan di luar sistem. Kewajiban menurut "
    "undang-undang: sebutkan dokumen, atau rujukan yang disanggupi sejak kewajiban itu mulai, yang membuktikannya; "
    "bila tidak ada, alasannya, yang disetujui orang lain di instansi penanggung jawab.",
    tag="work",
)
class MeetClock(Fact, frozen=True, kw_only=True):
    """Say that what a clock waits for was done outside the system. Of a duty of law, say what shows it: a document of
    the case, or a referral that the police, court or LPSK accepted since the duty began; or the grounds, which another
    person of the lead approves."""

    clock: Coordination[ClockId]
    document: Coordination[DocumentId | None] = None
    referral: Coordination[ReferralId | None] = None
    grounds: Legal[Text | None] = None


@asked(
    "/cases/{case}/clocks/{clock}/other-end",
    by=CASE_WORK,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock"),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCK,),
    means="Menyatakan bahwa batas waktu layanan kesehatan tidak berjalan lagi walaupun tindakannya tidak dilakukan: "
    "korban tidak menginginkannya, tidak berlaku baginya, atau dimulai karena keliru.",
    tag="work",
    example={"how": "declined"},
)
class EndClock(Fact, frozen=True, kw_only=True):
    """Say that a clock of care ended without what it is for: she declined, it does not apply, or it was started in
    error. A duty of law ends so by decision (`EndDuty`)."""

    clock: Coordination[ClockId]
    how: Health[ClockEnd]
    reason: Health[Text | None] = None


@asked(
    "/cases/{case}/clocks/{clock}/decision",
    by=SUPERVISION,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock"),
    second=REVIEWED,
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCK,),
    means="Memutuskan bahwa kewajiban menurut undang-undang berakhir tanpa tindakannya: tidak dilakukan, korban tidak "
    "menginginkannya, tidak berlaku, atau dimulai karena keliru. Diputuskan supervisor dengan alasan, dan ditinjau "
    "orang lain di instansi penanggung jawab.",
    tag="work",
    example={"ended_as": "not-done", "grounds": "Ia dewasa dan menolak pelaporan; sudah dijelaskan."},
)
class EndDuty(Fact, frozen=True, kw_only=True):
    """Decide that a duty of law ends without what it is for: it is not done, she declined, it does not apply, or it was
    started in error. A supervisor decides, with a reason, and another person of the lead reviews it; who owes a duty
    does not end it alone."""

    clock: Coordination[ClockId]
    ended_as: Coordination[ClockEnd]
    grounds: Legal[Text]


@asked(
    "/cases/{case}/clocks/{clock}/not-indicated",
    by=CLINICIANS,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock").to(CARE, R.CLINICIAN, by="clock"),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCK,),
    means="Menyatakan, sebagai tenaga kesehatan, bahwa layanan yang dibatasi waktunya tidak diperlukan secara medis; "
    "menggantikan akhir yang sudah dicatat.",
    tag="work",
    example={"reason": "Sudah kebal."},
)
class FindNotIndicated(Fact, frozen=True, kw_only=True):
    """Say as a clinician that what a clock of care is for is not indicated; it takes the place of an end that was
    recorded."""

    clock: Coordination[ClockId]
    reason: Health[Text]


@asked(
    "/cases/{case}/clocks/{clock}/resumption",
    by=CASE_WORK,
    where=TAKES_PART.to(CLOCK, *CONCERNED, by="clock"),
    extent=Extent.OWN_WORDS,
    answers=(ENDED,),
    means="Menyatakan bahwa akhir sebuah batas waktu dicatat karena keliru; batas waktu itu berjalan lagi. Oleh yang "
    "mencatat akhir itu, layanan kesehatan (batas waktu layanan), atau supervisor penanggung jawab.",
    tag="work",
    example={"reason": "Salah batas waktu."},
)
class ResumeClock(Fact, frozen=True, kw_only=True):
    """Say that the end of a clock was recorded by mistake: it runs on. Whoever recorded the end says so, of care a
    health service, or a supervisor of the lead."""

    clock: Coordination[ClockId]
    reason: Health[Text]


@decides.register
def meet_clock(command: MeetClock, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    clock = case.clocks[command.clock]
    require(Way.MEET, clock, case, act)
    shown = {"document": command.document, "referral": command.referral, "grounds": command.grounds}
    if clock.duty in LAW:
        if all(by is None for by in shown.values()):
            raise Invalid(field="grounds", must=MET_BY)
        if command.referral is not None:
            _require_accepted(case.referrals[command.referral], clock)
    elif clock.duty in CARE_ENDS:
        for name in (name for name, by in shown.items() if by is not None):
            raise Invalid(field=name, must=OF_LAW_ALONE)
    return met((command.clock,), command, case, act, **shown)


def _require_accepted(referral: Referral, clock: Clock) -> None:
    """Raises Invalid for a referral that does not show that a duty was met."""
    kind = ACCEPTED_BY.get(clock.duty) if clock.duty is not None else None
    if kind is None:
        raise Invalid(field="referral", must=BY_NO_REFERRAL)
    if referral.recipient_kind is not kind or referral.accepted_at is None:
        must = Words(f"harus yang disanggupi oleh: {kind.id}", f"be one that was accepted by: {kind.en}")
        raise Invalid(field="referral", must=must)
    if clock.starts_at is not None and referral.accepted_at < clock.starts_at:
        raise Invalid(field="referral", must=ACCEPTED_SINCE)


@decides.register
def end_clock(command: EndClock, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    clock = case.clocks[command.clock]
    if clock.duty in LAW:
        raise Invalid(field="clock", must=OF_CARE)
    require(Way.END, clock, case, act)
    if command.how not in OTHERWISE:
        raise Invalid(field="how", must=one_of(OTHERWISE))
    if command.reason is None and command.how in REASON_ASKED:
        raise Invalid(
            field="reason",
            must=Words(
                "harus menyebut mengapa, bila bukan korban yang tidak menginginkannya",
                "say why, where she did not decline it",
            ),
        )
    return [ended(clock, command.how, command, act, command.reason)]


@decides.register
def end_duty(command: EndDuty, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    clock = case.clocks[command.clock]
    if clock.duty not in LAW:
        raise Invalid(
            field="clock", must=Words("harus kewajiban menurut undang-undang", "be of a duty of law; see other-end")
        )
    require(Way.END, clock, case, act)
    if command.ended_as not in BY_DECISION:
        raise Invalid(field="ended_as", must=one_of(BY_DECISION))
    return [ended(clock, command.ended_as, command, act, command.grounds)]


@decides.register
def find_not_indicated(command: FindNotIndicated, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    clock = case.clocks[command.clock]
    if clock.duty is not None and clock.duty not in CARE_ENDS:
        raise Invalid(field="clock", must=OF_CARE)
    require(Way.NOT_INDICATED, clock, case, act)
    return [ended(clock, ClockEnd.NOT_INDICATED, command, act, command.reason, again=True)]


@decides.register
def resume_clock(command: ResumeClock, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """A superseded clock runs no more, whoever says so: the one in its place does."""
    clock = case.clocks[command.clock]
    if not clock.is_over or clock.ended_as is ClockEnd.SUPERSEDED:
        raise Invalid(
            field="clock",
            must=Words(
                "harus yang sudah berakhir, dan bukan karena perbaikan data kejadian",
                "have ended, and not by a correction of the incident",
            ),
        )
    require(Way.RESUME, clock, case, act)
    of_care = clock.duty is None or clock.duty in CARE_ENDS
    why = {"reason": command.reason, "grounds": None} if of_care else {"reason": None, "grounds": command.reason}
    return [recorded(ClockResumed, command, act, clock=clock.id, **why)]


name_fields(
    ended_as=field("Berakhir karena", "Ended as", ("Berakhir karena", "It ended as")),
    how=field("Berakhir karena (kesehatan)", "Ended as (care)", ("Berakhir karena", "It ended as")),
    grounds=field("Dasar keputusan", "Grounds", ("Dasar keputusan", "Grounds")),
)
