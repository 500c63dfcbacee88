"""Stop: the survivor says it to whoever she meets, and that one records it. No id of a consent is needed.

What it ends at once, and what waits, says casefile/stopping.py: refusals and withdrawals are said so, too. What waits
is put before the lead at once, and again when the time to answer is over (UU 27/2022: 3 x 24 hours), and those whose
work would end are told that it waits. The lead asks her, and confirms it or not: no clock decides for her.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..casefile.ages import age_of
from ..casefile.asking_her import SAID_THE_SAME, SaidBy, who_reported
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.her_no import confirmed
from ..casefile.speaking import is_nobodys, without_effect
from ..casefile.state import Case
from ..casefile.stopping import (
    CONSENT,
    Heard,
    SomeCompartments,
    SomePurposes,
    Stops,
    hear,
    not_stopped,
    raised_again,
    stopped_for_good,
    touched,
)
from ..causes import Cause
from ..codes import Obtained, StopAbout
from ..compartment import Coordination, Psychosocial
from ..declaring import Audience, Step, asked, happened, unchanged
from ..fact import Act, ConsentId, Fact, Recipient, StopId, Text, recorded
from ..pathways import CONSENT_TIMES
from ..persons import Saying
from ..refusal import ConsentFromWrongPerson, Invalid, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK, ESCALATION
from ..standing.rows import ANYWHERE, LEADS_ALSO_ENDED, TAKES_PART_ALSO_ENDED, Row, Since, Thing
from ..standing.rule import extent_of
from ..words import Words

R = Relation

HIGHEST_REMINDER = 4
"""It is raised at once, and three times when the time to answer passes again."""


class OfStop(Fact, frozen=True, kw_only=True):
    stop: Coordination[StopId]


class StopConfirmation(OfStop, frozen=True, kw_only=True):
    given_by: Coordination[SaidBy]
    obtained: Coordination[Obtained]


class StopContradiction(OfStop, frozen=True, kw_only=True):
    remark: Psychosocial[Text | None] = None


TOUCHED = Audience(
    Words("instansi yang pekerjaannya akan berhenti karenanya", "who takes part, and would be stopped by it"),
    lambda event, case: touched(case, event.stop),
)
REPORTER = who_reported(lambda event, case: case.of(Stops).heard[event.stop].author)


@happened(
    Words(
        "Permintaan menghentikan pembagian data menunggu jawaban penanggung jawab",
        "Request to stop sharing waits for the lead",
    ),
    her=Words(
        "Permintaan agar data Anda berhenti dibagikan belum dijawab",
        "A request that your data be shared no more has no answer yet",
    ),
    means="Yang akan terhenti karenanya diberi tahu bahwa itu menunggu: pekerjaan berjalan, dan tidak ada yang baru "
    "dikirim. `level` menghitung berapa kali itu dieskalasi: 1 segera, selebihnya tiap kali waktu menjawab lewat.",
    step=Step.CONSENT,
    to=TOUCHED,
)
class StopWaits(OfStop, frozen=True, kw_only=True, tag="case.StopWaits"):
    """Who would be stopped by it is told that it waits: work goes on, and nothing new is sent. `level` counts how often
    that was raised: 1 at once, more each time the time to answer passes."""

    level: Coordination[int]
    answer_by: Coordination[datetime]


@happened(
    Words("Permintaan menghentikan pembagian data dibenarkan", "Request to stop sharing confirmed"),
    her=Words(
        "Permintaan berhenti ditanyakan lagi, dan dibenarkan: data itu tidak dibagikan lagi",
        "The request to stop was asked about again, and confirmed: that data is shared no more",
    ),
    means="Penanggung jawab menanyakannya kepada penyintas, atau yang berbicara baginya, dan itu dibenarkan; kini "
    "semuanya berhenti.",
    step=Step.CONSENT,
    to=REPORTER,
    earlier=(unchanged,),
)
class StopConfirmed(StopConfirmation, frozen=True, kw_only=True, tag="case.StopConfirmed"):
    """The lead asked her, or who speaks for her, about a stop that was recorded, and it was confirmed: all of it stops
    now."""


@happened(
    Words("Permintaan menghentikan pembagian data tidak dibenarkan", "Request to stop sharing not confirmed"),
    her=Words(
        "Permintaan berhenti ditanyakan lagi, dan tidak dibenarkan",
        "The request to stop was asked about again, and not confirmed",
    ),
    means="Penanggung jawab menanyakannya kepada penyintas, yang tidak membenarkannya; yang menunggu berlanjut. Yang "
    "langsung berhenti tetap berhenti sampai ia menyetujuinya lagi.",
    step=Step.CONSENT,
    to=REPORTER,
)
class StopNotConfirmed(StopContradiction, frozen=True, kw_only=True, tag="case.StopNotConfirmed"):
    """The lead asked her about a stop that was recorded, and she did not say so: what waited goes on. What had stopped
    at once stays so until she agrees again."""


WAITING = Thing(
    "stop",
    Words("permintaan menghentikan pembagian data yang menunggu", "a stop that waits"),
    find=lambda case, id: found if (found := case.of(Stops).heard.get(id)) and found.waits else None,
    whose={R.LEAD: lambda stop, case: case.lead},
    since=Since(Words("permintaan itu disampaikan", "stop was said"), lambda stop: stop.said_at),
)


def _due(stop: Heard) -> datetime | None:
    """When it is to be raised next that it waits: at once, then each time the time to answer passes."""
    if stop.answer_by is None:
        return None
    return stop.answer_by + (stop.raised - 1) * CONSENT_TIMES.answer if stop.raised else stop.said_at


def _raised_from(command: Any, case: Case, act: Act) -> datetime | None:
    return _due(case.of(Stops).heard[command.stop])


DUE = Cause(Words("permintaan itu menunggu", "it was to be raised that it waits"), _raised_from)


@asked(
    "/cases/{case}/stops",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED.to(CONSENT, by="consent"),
    extent=Extent.MOVE,
    or_else=(Row(CASE_WORK, TAKES_PART_ALSO_ENDED.to(CONSENT, R.AUTHOR, R.NAMED, by="consent"), Extent.HEARD),),
    means="Mencatat bahwa penyintas, atau yang berbicara baginya, berkata: berhenti. Berlaku segera bagi instansi yang "
    "mencatatnya; yang akan menghentikan pekerjaan instansi lain menunggu penanggung jawab. Bila hanya sebagian, sebut "
    "`compartments`, `purposes`, atau keduanya.",
    tag="consent",
    example={"about": "recipients", "recipients": ["disdik"], "said_by": ["survivor"]},
    mints="stop",
)
class StopSharing(Fact, frozen=True, kw_only=True):
    """Record that the survivor, or who speaks for her, said stop. It holds at once for the agency that records it; what
    would stop others' work waits for the lead. Where it is a part that she means, `compartments` and `purposes` say
    which."""

    stop: Coordination[StopId]
    about: Coordination[StopAbout]
    said_by: Coordination[SaidBy]
    by_alleged: Coordination[bool | None] = None
    consent: Coordination[ConsentId | None] = None
    recipients: Coordination[frozenset[Recipient]] = frozenset()
    compartments: Coordination[SomeCompartments | None] = None
    """What is to stop; None: all."""
    purposes: Coordination[SomePurposes | None] = None
    """For what; None: for anything."""
    remark: Psychosocial[Text | None] = None


@asked(
    "/cases/{case}/stops/{stop}/confirmation",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED.to(WAITING, by="stop"),
    extent=Extent.MOVE,
    means="Mencatat bahwa penyintas, ditanya penanggung jawab, membenarkan permintaan menghentikan pembagian data; "
    "semuanya berhenti.",
    tag="consent",
    example=SAID_THE_SAME,
)
class ConfirmStop(StopConfirmation, frozen=True, kw_only=True):
    """Record that the survivor, asked by the lead, confirmed a stop that was recorded; all of it stops."""


@asked(
    "/cases/{case}/stops/{stop}/contradiction",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED.to(WAITING, by="stop"),
    extent=Extent.MOVE,
    means="Mencatat bahwa penyintas, ditanya penanggung jawab, tidak membenarkan permintaan menghentikan pembagian "
    "data; yang menunggu berlanjut.",
    tag="consent",
    example={"remark": "Ia hanya bicara tentang sekolah."},
)
class ContradictStop(StopContradiction, frozen=True, kw_only=True):
    """Record that the survivor, asked by the lead, did not confirm a stop that was recorded; what waits goes on."""


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(DUE,),
    means="Mengeskalasi permintaan menghentikan pembagian data yang belum dijawab penanggung jawab.",
)
class RaiseStop(OfStop, frozen=True, kw_only=True):
    """Raise that a stop waits for the lead."""


@applies(StopWaits)
def stop_waits(case: Case, event: StopWaits) -> Case:
    return raised_again(case, event.stop, event.level)


@applies(StopConfirmed)
def stop_confirmed(case: Case, event: StopConfirmed) -> Case:
    after = confirmed(case, case.of(Stops).heard[event.stop])
    return stopped_for_good(after, event.stop, event.occurred_at)


@applies(StopNotConfirmed)
def stop_not_confirmed(case: Case, event: StopNotConfirmed) -> Case:
    return not_stopped(case, event.stop, event.occurred_at)


@decides.register
def stop_sharing(command: StopSharing, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Stops).heard, command.stop)
    if (command.consent is not None) != (command.about is StopAbout.CONSENT):
        raise Invalid(
            field="consent",
            must=Words(
                "harus disebut bila menyangkut satu persetujuan, dan hanya bila demikian",
                "be named where it is about a consent, and only there",
            ),
        )
    if bool(command.recipients) != (command.about is StopAbout.RECIPIENTS):
        raise Invalid(
            field="recipients",
            must=Words(
                "harus disebut bila menyangkut penerima, dan hanya bila demikian",
                "be named where it is about recipients, and only there",
            ),
        )
    reports = extent_of(command, case, act) is Extent.HEARD
    if is_nobodys(case, command.said_by, command.by_alleged, act.at, reports):
        said = without_effect(Saying.STOP, command, act, command.said_by)
        return [said]
    return [hear(case, command.about, command, act, reports)]


@decides.register
def confirm_stop(command: ConfirmStop, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if is_nobodys(case, command.given_by, None, act.at):
        raise ConsentFromWrongPerson(age_group=age_of(case, act.at), given_by=command.given_by)
    return [recorded(StopConfirmed, command, act)]


@decides.register
def contradict_stop(command: ContradictStop, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(StopNotConfirmed, command, act)]


@decides.register
def raise_stop(command: RaiseStop, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once at once, so that it is told, and again each time the time to answer passes without an answer."""
    stop = case.of(Stops).heard.get(command.stop) if case is not None else None
    if case is None or stop is None or stop.answer_by is None:
        raise Unknown(what="stop")
    due, level = _due(stop), stop.raised + 1
    if not stop.waits or level > HIGHEST_REMINDER or due is None:
        raise WrongMove(stop=stop.id, move="raise")
    if act.at < due:
        raise StillRunning(due_at=due)
    return [recorded(StopWaits, command, act, level=level, answer_by=stop.answer_by)]
