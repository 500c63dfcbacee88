"""What becomes of a consent that another agency than the lead heard: the lead asks her, and she confirms it or not."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from ..casefile.ages import age_of
from ..casefile.asking_her import SAID_THE_SAME, SaidBy, who_reported
from ..casefile.consenting import NAMED, live, stands
from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.her_no import said_herself
from ..casefile.speaking import heard, is_nobodys, row_for
from ..casefile.state import Case
from ..casefile.waiting import waits
from ..codes import ConsentBy, Obtained
from ..compartment import Coordination, Psychosocial
from ..declaring import Step, asked, happened, unchanged
from ..fact import Act, ConsentId, Fact, Text, recorded
from ..persistent import put
from ..refusal import AlreadyDone, ConsentFromWrongPerson
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import LEADS, LEADS_ALSO_ENDED, Since, Thing
from ..words import Words

R = Relation


class ConfirmationFacts(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]
    given_by: Coordination[SaidBy]
    obtained: Coordination[Obtained]


class ContradictionFacts(Fact, frozen=True, kw_only=True):
    consent: Coordination[ConsentId]
    remark: Psychosocial[Text | None] = None


REPORTER = who_reported(lambda event, case: case.consents[event.consent].reported_by)


@happened(
    Words("Persetujuan yang dilaporkan dibenarkan", "Reported consent confirmed"),
    her=Words("Persetujuan ditanyakan lagi, dan dibenarkan", "The consent was asked about again, and confirmed"),
    means="Penanggung jawab menanyakannya kepada penyintas, atau yang berbicara baginya, dan itu dibenarkan; kini "
    "berlaku seluruhnya.",
    step=Step.CONSENT,
    to=REPORTER,
    earlier=(unchanged,),
)
class ConsentConfirmed(ConfirmationFacts, frozen=True, kw_only=True, tag="case.ConsentConfirmed"):
    """The lead asked her, or who speaks for her, about a consent that another agency reported, and it was confirmed: it
    holds as a whole."""


@happened(
    Words("Persetujuan yang dilaporkan tidak dibenarkan", "Reported consent not confirmed"),
    her=Words(
        "Persetujuan yang dicatat instansi lain ditanyakan lagi, dan tidak dibenarkan",
        "A consent that another agency recorded was asked about again, and not confirmed",
    ),
    means="Penanggung jawab menanyakannya kepada penyintas, atau yang berbicara baginya, dan itu tidak dibenarkan; "
    "tidak mencakup apa pun lagi.",
    step=Step.CONSENT,
    to=NAMED,
)
class ConsentNotConfirmed(ContradictionFacts, frozen=True, kw_only=True, tag="case.ConsentNotConfirmed"):
    """The lead asked her about a consent that another agency reported, and she did not say the same: it covers nothing
    any more."""


REPORTED = Thing(
    "consent",
    Words("persetujuan yang dilaporkan", "consent that was reported"),
    find=lambda case, id: found if (found := case.consents.get(id)) and found.reported_by is not None else None,
    whose={R.AUTHOR: lambda consent, case: consent.reported_by},
    since=Since(Words("persetujuan itu dilaporkan", "the consent was reported"), lambda consent: consent.changed_at),
)


@asked(
    "/cases/{case}/consents/{consent}/confirmation",
    by=CASE_WORK,
    where=LEADS.to(REPORTED, by="consent"),
    extent=Extent.CONSENT,
    means="Mencatat bahwa penyintas, ditanya penanggung jawab, membenarkan persetujuan yang dilaporkan instansi lain.",
    tag="consent",
    example=SAID_THE_SAME,
)
class ConfirmConsent(ConfirmationFacts, frozen=True, kw_only=True):
    """Record that the survivor, asked by the lead, confirmed a consent that another agency reported."""


@asked(
    "/cases/{case}/consents/{consent}/contradiction",
    by=CASE_WORK,
    where=LEADS_ALSO_ENDED.to(REPORTED, by="consent"),
    extent=Extent.MOVE,
    means="Mencatat bahwa penyintas, ditanya penanggung jawab, tidak membenarkan persetujuan yang dilaporkan.",
    tag="consent",
    example={"remark": "Ia tidak ditanya tentang LSM itu."},
)
class ContradictConsent(ContradictionFacts, frozen=True, kw_only=True):
    """Record that the survivor, asked by the lead, did not confirm a consent that another agency reported."""


@applies(ConsentConfirmed)
def consent_confirmed(case: Case, event: ConsentConfirmed) -> Case:
    """Asked by the lead, she said yes herself: her earlier no stands against it no more. That others say that she did
    takes nothing from it."""
    confirmed = replace(case.consents[event.consent], confirmed=True)
    if ConsentBy.SURVIVOR in event.given_by:
        confirmed = said_herself(case, confirmed)
    elif confirmed.refused or confirmed.waiting:
        confirmed = replace(confirmed, is_hers=False)
    return replace(case, consents=put(case.consents, event.consent, confirmed))


@applies(ConsentNotConfirmed)
def consent_not_confirmed(case: Case, event: ConsentNotConfirmed) -> Case:
    ended = replace(case.consents[event.consent], live=False)
    return replace(case, consents=put(case.consents, event.consent, ended))


@waits(
    "consents",
    Words("persetujuan yang dilaporkan dan belum dibenarkan", "reported consents that are not confirmed"),
    Words(
        "Tanyakan persetujuan itu kepada penyintas, lalu catat bahwa ia membenarkannya atau tidak.",
        "Ask the survivor about the consent, and record that she confirmed it or did not.",
    ),
    "ConfirmConsent",
    "ContradictConsent",
)
def not_confirmed(case: Case, at: datetime) -> Iterable[UUID]:
    return (c.id for c in case.consents.values() if c.is_reported and stands(c, at))


@decides.register
def confirm_consent(command: ConfirmConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """By who could agree for her at her age: her yes is nobody else's to confirm. Raises ConsentFromWrongPerson."""
    _unconfirmed(case, command, act)
    row = row_for(case, act.at)
    may = heard(case, command.given_by, None) & (row.gives | row.by_decision | row.with_reason)
    if not may or is_nobodys(case, command.given_by, None, act.at):
        raise ConsentFromWrongPerson(age_group=age_of(case, act.at), given_by=command.given_by)
    return [recorded(ConsentConfirmed, command, act)]


@decides.register
def contradict_consent(command: ContradictConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    _unconfirmed(case, command, act)
    return [recorded(ConsentNotConfirmed, command, act)]


def _unconfirmed(case: Case, command: ConfirmConsent | ContradictConsent, act: Act) -> None:
    """Raises ConsentNotLive; AlreadyDone for one that was confirmed."""
    if live(case, command.consent, act.at).confirmed:
        raise AlreadyDone(what="the confirmation", id=command.consent)
