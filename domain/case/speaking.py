"""Who speaks for her: whether she can decide herself, what two people decide to be best for a child, and who gives and
withdraws nothing.

A reason is sealed, in a proposal too, and what is approved says it again, sealed. What follows of it for the rules is
in clear, and so is all else that a second person is asked to approve. A guardian whom she accuses speaks for her in
nothing: what they say is recorded as said (casefile/speaking.py).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta
from msgspec.structs import replace

from ..casefile.consenting import stands
from ..casefile.deciding import Network, decides, follows, fresh
from ..casefile.evolving import applies
from ..casefile.speaking import (
    Decision,
    NamesTheAccused,
    Speaking,
    heard,
    is_doubted,
    require_not_her,
    speaks_alone,
)
from ..casefile.state import Case, Consent
from ..casefile.waiting import waits
from ..codes import ConsentBy
from ..compartment import Coordination, Health, Safety
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, ConsentId, DecisionId, Fact, Short, Text, recorded
from ..persistent import put
from ..persons import Capacity, SetAside
from ..refusal import AlreadyDone, Invalid, Unknown
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, REVIEW
from ..standing.rows import LEADS, Row, Second
from ..standing.rule import is_the_leads
from ..words import Words

Speakers = Annotated[frozenset[ConsentBy], Meta(min_length=1)]
ANOTHER = (Row(REVIEW, LEADS, Extent.MOVE),)
"""A supervisor or data protection officer of the lead is the other person."""
OUTLIVES_HER = Words(
    "tidak boleh yang ditolak korban sendiri: penolakannya tetap berlaku sesudah ia meninggal",
    "not be one that she refused herself: what she refused stands after her death",
)


class CapacityFacts(Fact, frozen=True, kw_only=True):
    capacity: Coordination[Capacity]
    on_word_of: Health[Short | None] = None
    reason: Health[Text | None] = None


@happened(
    Words("Kemampuan korban memutuskan dicatat", "Recorded whether the survivor can decide herself"),
    her=Words("Dicatat apakah Anda dapat memutuskan sendiri", "Whether you can decide yourself was recorded"),
    means="Apakah penyintas dapat memutuskan sendiri saat itu, dengan dukungan, atau tidak. Siapa yang memberi "
    "persetujuan mengikutinya.",
    step=Step.CONSENT,
)
class CapacityRecorded(CapacityFacts, frozen=True, kw_only=True, tag="case.CapacityRecorded"):
    """Whether the survivor can decide herself then, with support, or not. Who consents follows from it."""


class BestInterestFacts(Fact, frozen=True, kw_only=True):
    decision: Coordination[DecisionId]
    lets: Coordination[frozenset[ConsentBy] | None] = None
    """Who may speak for her, beside who may anyway."""
    outweighs: Coordination[frozenset[ConsentId] | None] = None
    """Consents that are to hold all the same: to which the child said no, or whose giver was set aside since."""
    reason: Safety[Text]


@happened(
    Words("Keputusan demi kepentingan terbaik anak", "Best-interest decision"),
    her=Words("Diputuskan apa yang terbaik bagi Anda", "What is best for you was decided"),
    means="Dua orang memutuskan, dengan alasan, siapa yang boleh berbicara bagi anak, atau bahwa suatu persetujuan "
    "berlaku walaupun anak tidak menghendakinya.",
    step=Step.CONSENT,
)
class BestInterestDecided(BestInterestFacts, frozen=True, kw_only=True, tag="case.BestInterestDecided"):
    """Two people decided, with reasons, who may speak for a child, or that a consent holds though the child said no."""


class SpeakersFacts(Fact, frozen=True, kw_only=True):
    speakers: Coordination[Speakers]
    reason: Safety[Text | None] = None


@happened(
    Words("Wakil korban dikesampingkan", "Set aside as who speaks for the survivor"),
    her=Words(
        "Seseorang yang dapat berbicara bagi Anda tidak didengar untuk Anda",
        "Somebody who could speak for you is not heard for you",
    ),
    means="Siapa yang berbicara dalam kedudukan ini tidak memberi dan tidak mencabut apa pun; ucapannya dicatat.",
    step=Step.CONSENT,
)
class SpeakerSetAside(SpeakersFacts, frozen=True, kw_only=True, tag="case.SpeakerSetAside"):
    """Who speaks in these capacities gives and withdraws nothing; what they say is recorded."""

    set_aside: Safety[SetAside]
    """Sealed, as the reason is: that her guardian is accused is part of what happened."""


@happened(
    Words("Wakil korban didengar lagi", "Heard again as who speaks for the survivor"),
    her=Words("Seseorang kembali dapat berbicara bagi Anda", "Somebody may speak for you again"),
    means="Siapa yang berbicara dalam kedudukan ini berlaku lagi, atas keputusan dua orang.",
    step=Step.CONSENT,
)
class SpeakerHeardAgain(SpeakersFacts, frozen=True, kw_only=True, tag="case.SpeakerHeardAgain"):
    """Who speaks in these capacities counts again, as two people decided."""


@asked(
    "/cases/{case}/capacity",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    second=Second(
        ANOTHER,
        when=lambda command, case, own: command.capacity in (Capacity.UNABLE, Capacity.DIED),
        words=Words("bila ia tidak dapat memutuskan, atau meninggal", "where she cannot decide, or died"),
    ),
    means="Mencatat apakah penyintas dapat memutuskan sendiri. Bahwa ia tidak dapat memutuskan, atau meninggal, "
    "memerlukan orang kedua.",
    tag="consent",
    example={"capacity": "supported", "reason": "Tuli; didampingi juru bahasa isyarat."},
)
class RecordCapacity(Fact, frozen=True, kw_only=True):
    """Record whether the survivor can decide herself. That she cannot decide, or died, takes a second person."""

    capacity: Coordination[Capacity]
    on_word_of: Health[Short | None] = None
    reason: Health[Text | None] = None


@asked(
    "/cases/{case}/best-interest-decisions",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    second=Second(ANOTHER),
    means="Memutuskan bersama orang kedua, demi kepentingan terbaik anak: siapa yang boleh berbicara baginya "
    "(`lets`), atau persetujuan mana yang berlaku walaupun anak tidak menghendakinya (`outweighs`).",
    tag="consent",
    example={"lets": ["trusted-adult"], "reason": "Ayahnya terlapor; neneknya aman."},
    mints="decision",
)
class DecideBestInterest(Fact, frozen=True, kw_only=True):
    """Decide with a second person what is best for a child: who may speak for her (`lets`), or which consents hold
    though she said no (`outweighs`)."""

    decision: Coordination[DecisionId]
    lets: Coordination[frozenset[ConsentBy] | None] = None
    outweighs: Coordination[frozenset[ConsentId] | None] = None
    reason: Safety[Text]


@asked(
    "/cases/{case}/speakers-set-aside",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    second=Second(
        ANOTHER,
        when=lambda command, case, own: command.set_aside is not SetAside.ALLEGED_PERPETRATOR,
        words=Words("bila ia bukan terlapor", "where that one is not accused"),
    ),
    means="Mengesampingkan siapa yang dapat berbicara bagi penyintas: terlapor, atau, bersama orang kedua, yang tidak "
    "aman baginya. Ia tidak memberi dan tidak mencabut apa pun.",
    tag="consent",
    example={"speakers": ["institution"], "set_aside": "alleged-perpetrator"},
)
class SetSpeakerAside(Fact, frozen=True, kw_only=True):
    """Set aside who could speak for the survivor: the alleged perpetrator, or, with a second person, who is not safe
    for her. They give and withdraw nothing."""

    speakers: Coordination[Speakers]
    set_aside: Safety[SetAside | None] = None
    """Has to be said. None: of what a second person is shown, where it is sealed."""
    reason: Safety[Text | None] = None


@asked(
    "/cases/{case}/speakers-heard-again",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    second=Second(ANOTHER),
    means="Mencatat, bersama orang kedua, bahwa yang dikesampingkan berlaku lagi.",
    tag="consent",
    example={"speakers": ["institution"], "reason": "Salah orang."},
)
class HearSpeakerAgain(Fact, frozen=True, kw_only=True):
    """Record, with a second person, that who was set aside counts again."""

    speakers: Coordination[Speakers]
    reason: Safety[Text | None] = None


@applies(CapacityRecorded)
def capacity_recorded(part: Speaking, event: CapacityRecorded) -> Speaking:
    return replace(part, capacity=event.capacity)


@applies(BestInterestDecided)
def best_interest_decided(case: Case, event: BestInterestDecided) -> Case:
    part = case.of(Speaking)
    decided = put(part.decisions, event.decision, Decision(event.lets or frozenset(), event.occurred_at))
    consents = case.consents
    for id in sorted((event.outweighs or frozenset[ConsentId]()) & consents.keys()):
        consents = put(consents, id, replace(consents[id], held=False, doubted=False, refused=()))
    return replace(case, consents=consents).with_part(replace(part, decisions=decided))


@applies(SpeakerSetAside)
def speaker_set_aside(case: Case, event: SpeakerSetAside) -> Case:
    """What they gave for her before is put before the lead."""
    part = case.of(Speaking)
    after = case.with_part(replace(part, set_aside=frozenset(part.set_aside | event.speakers)))
    consents = after.consents
    for consent in [c for c in consents.values() if is_doubted(after, c, event.speakers)]:
        consents = put(consents, consent.id, replace(consent, doubted=True))
    return replace(after, consents=consents) if consents is not after.consents else after


@applies(SpeakerHeardAgain)
def speaker_heard_again(case: Case, event: SpeakerHeardAgain) -> Case:
    """What they gave for her is doubted no more."""
    part = case.of(Speaking)
    after = case.with_part(replace(part, set_aside=frozenset(part.set_aside - event.speakers)))
    consents = after.consents
    for consent in [c for c in consents.values() if c.doubted and heard(after, c.given_by, None)]:
        consents = put(consents, consent.id, replace(consent, doubted=False))
    return replace(after, consents=consents) if consents is not after.consents else after


@waits(
    "held_consents",
    Words(
        "persetujuan yang tidak dikehendaki korban, atau diberikan orang yang kemudian dikesampingkan",
        "consents to which she said no, or whose giver was set aside since",
    ),
    Words(
        "Putuskan bersama orang kedua bahwa persetujuan itu berlaku, atau cabut.",
        "Decide with a second person that the consent holds, or withdraw it.",
    ),
    "DecideBestInterest",
    "WithdrawConsent",
)
def held(case: Case, at: datetime) -> Iterable[UUID]:
    return (consent.id for consent in case.consents.values() if _is_held(consent) and stands(consent, at))


def _is_held(consent: Consent) -> bool:
    asked = consent.is_reported and consent.is_hers  # the lead asks her whether she said so
    return consent.held or consent.doubted or (bool(consent.refused) and not asked)


@decides.register
def record_capacity(command: RecordCapacity, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.capacity is Capacity.CANNOT_NOW and command.on_word_of is None:
        raise Invalid(
            field="on_word_of",
            must=Words(
                "harus menyebut tenaga medis atau penyelia yang menyatakan bahwa ia tidak dapat ditanya",
                "name the clinician or supervisor who says that she cannot be asked",
            ),
        )
    return [recorded(CapacityRecorded, command, act)]


@decides.register
def decide_best_interest(command: DecideBestInterest, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """It lets nobody speak for who decides herself: the table of ages has no row for that (age_table.py)."""
    fresh(case.of(Speaking).decisions, command.decision)
    if not command.lets and not command.outweighs:
        raise Invalid(
            field="lets",
            must=Words(
                "harus menyebut siapa yang boleh berbicara baginya, atau outweighs, persetujuan mana yang berlaku",
                "say who may speak for her, or outweighs, which consents hold",
            ),
        )
    if ConsentBy.NEXT_OF_KIN in (command.lets or ()):
        raise Invalid(
            field="lets",
            must=Words(
                "tidak boleh next-of-kin: yang meninggal diwakili menurut hukum",
                "not be next-of-kin: whoever died is spoken for by law",
            ),
        )
    if command.outweighs and speaks_alone(case, act.at):
        raise Invalid(
            field="outweighs",
            must=Words("harus dikosongkan: ia memutuskan sendiri", "be left out: she decides herself"),
        )
    for id in command.outweighs or ():
        if (consent := case.consents.get(id)) is None:
            raise Unknown(what="consent")
        if consent.refused and case.of(Speaking).capacity is Capacity.DIED:
            raise Invalid(field="outweighs", must=OUTLIVES_HER)
        if not _is_held(consent):
            raise AlreadyDone(what="the decision on that consent", id=id)
    return [recorded(BestInterestDecided, command, act)]


@decides.register
def set_speaker_aside(command: SetSpeakerAside, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.set_aside is None:
        raise Invalid(field="set_aside", must=Words("harus disebut", "be said"))
    require_not_her(command.speakers)
    if command.speakers <= case.of(Speaking).set_aside:
        raise AlreadyDone(what="setting them aside")
    return [recorded(SpeakerSetAside, command, act)]


@follows
def set_aside_who_is_accused(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Whoever names the accused need not think of it a second time. By another agency's word nobody is silenced: the
    lead reads it, and decides."""
    if before is None or not isinstance(change, NamesTheAccused) or not change.speaks_as:
        return
    if is_the_leads(after, act) and not change.speaks_as <= after.of(Speaking).set_aside:
        why = {"speakers": change.speaks_as, "set_aside": SetAside.ALLEGED_PERPETRATOR, "reason": None}
        yield recorded(SpeakerSetAside, change, act, **why)


@decides.register
def hear_speaker_again(command: HearSpeakerAgain, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if not command.speakers <= case.of(Speaking).set_aside:
        raise AlreadyDone(what="hearing them again")
    return [recorded(SpeakerHeardAgain, command, act)]


name_fields(
    capacity=field("Kemampuan memutuskan", "Capacity to decide", ("Dapat memutuskan", "Whether you can decide")),
    lets=field(
        "Yang boleh berbicara baginya",
        "Who may speak for her",
        ("Yang boleh berbicara bagi Anda", "Who may speak for you"),
    ),
    outweighs=field("Persetujuan yang tetap berlaku", "Consents that hold all the same"),
    speakers=field("Kedudukan", "Capacity in which they speak", ("Yang berbicara sebagai", "Who speaks as")),
    set_aside=field("Mengapa dikesampingkan", "Why set aside", ("Tidak didengar karena", "Not heard because")),
)
