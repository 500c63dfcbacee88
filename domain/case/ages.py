"""How old she is, and how urgent her case: assessed anew as more is known; and that she will consent herself soon."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from ..age_table import GRACE, WARNING, born, consents_herself_from, estimated
from ..casefile.ages import AgeFacts, assessed, band, takes_her_word
from ..casefile.consenting import ConsentNarrowed, stands
from ..casefile.deciding import Network, decides, follows
from ..casefile.evolving import applies
from ..casefile.speaking import speaks_alone
from ..casefile.state import Case, Consent, Part, Status
from ..causes import Cause
from ..codes import ConsentBy, Urgency
from ..compartment import Coordination, Identity, Safety
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, Fact, Text, recorded
from ..persons import AgeBasis
from ..refusal import Invalid, StillRunning, Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import CASE_WORK, ESCALATION, REVIEW
from ..standing.rows import ANYWHERE, LEADS, Row, Second
from ..words import Words


class UrgencyFacts(Fact, frozen=True, kw_only=True):
    urgency: Coordination[Urgency]
    reason: Safety[Text]


@happened(
    Words("Urgensi kasus dinilai ulang", "Urgency of the case assessed anew"),
    her=Words("Seberapa mendesak kasus Anda dinilai ulang", "How urgent your case is was assessed anew"),
    means="Urgensi kasus sejak saat itu. Rujukan yang sudah dikirim tetap dengan urgensinya sendiri.",
    step=Step.ASSESSMENT,
    shared=Shared.COMMON,
)
class UrgencyReassessed(UrgencyFacts, frozen=True, kw_only=True, tag="case.UrgencyReassessed"):
    """How urgent the case is from then on. Referrals that were sent keep an urgency of their own."""


@happened(
    Words("Korban segera memberi persetujuan sendiri", "The survivor will consent herself soon"),
    her=Words("Anda segera memberi persetujuan sendiri", "You will soon consent yourself"),
    means="Sejak `herself_from` hanya penyintas yang memberi, mempersempit, atau mencabut. Tanyakan kepadanya "
    "persetujuan mana yang tetap berlaku: yang diberikan orang lain baginya berakhir sesudah masa tenggang.",
    step=Step.CONSENT,
)
class WillConsentHerself(Fact, frozen=True, kw_only=True, tag="case.WillConsentHerself"):
    """From `herself_from` on she alone gives, narrows or withdraws. Ask her which consents stand: what others agreed to
    for her ends after a time of grace."""

    herself_from: Coordination[datetime]


@asked(
    "/cases/{case}/age",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    second=Second(
        (Row(REVIEW, LEADS, Extent.MOVE),),
        when=lambda command, case, own: _takes_her_word(command, case),
        words=Words(
            "bila ia, yang usianya sudah dinilai, tidak lagi memutuskan sendiri karenanya",
            "where by it she, whose age was assessed before, decides no more herself",
        ),
    ),
    means="Menilai usia penyintas: menurut tanggal lahir, atau perkiraan dengan dasarnya. Dari perkiraan, yang paling "
    "muda yang dihitung. Bila menurut usia yang sudah dinilai ia memutuskan sendiri, dan tidak lagi menurut yang ini, "
    "orang kedua memutuskan bersama.",
    tag="intake",
    example={"years_from": 12, "years_to": 14, "age_basis": "clinician"},
)
class AssessAge(AgeFacts, frozen=True, kw_only=True):
    """Assess how old the survivor is: by a date of birth, or an estimate with its basis. Of an estimate the youngest
    age counts. Where she decides herself by the age that was assessed, and would not by this one, it takes a second
    person."""

    born_on: Identity[date | None] = None


def _takes_her_word(command: AssessAge, case: Case) -> bool:
    """Whether she would decide no more herself; or nobody can tell, as of what a second person is shown, sealed."""
    at, born_on, years = command.occurred_at, command.born_on, command.years_from
    if born_on is None:
        return years is None or takes_her_word(case, estimated(years, at), at)
    try:
        return takes_her_word(case, born(born_on, at), at)
    except ValueError:
        return True


@asked(
    "/cases/{case}/urgency",
    by=CASE_WORK,
    where=LEADS,
    extent=Extent.MOVE,
    means="Menilai ulang urgensi kasus.",
    tag="work",
    example={"urgency": "emergency", "reason": "Terlapor mengetahui alamatnya."},
)
class ReassessUrgency(UrgencyFacts, frozen=True, kw_only=True):
    """Assess anew how urgent the case is."""


class Warned(Part, frozen=True):
    """What was said of the day on which she consents herself."""

    of: datetime | None = None


def warns_at(case: Case) -> datetime | None:
    """When it is to be said that she will consent herself; None where that is not known, or was said."""
    day = consents_herself_from(band(case))
    return None if day is None or case.of(Warned).of == day else day - WARNING


def _due(command: Any, case: Case, act: Act) -> datetime | None:
    return warns_at(case)


DUE = Cause(Words("harinya sudah dekat", "the day was near"), _due)


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    answers=(DUE,),
    means="Memberi tahu bahwa penyintas segera memberi persetujuan sendiri.",
)
class WarnOfMajority(Fact, frozen=True, kw_only=True):
    """Say that the survivor will consent herself soon."""


@applies(UrgencyReassessed)
def urgency_reassessed(case: Case, event: UrgencyReassessed) -> Case:
    return replace(case, urgency=event.urgency)


@applies(WillConsentHerself)
def will_consent_herself(part: Warned, event: WillConsentHerself) -> Warned:
    return replace(part, of=event.herself_from)


@decides.register
def assess_age(command: AssessAge, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if command.born_on is not None:
        try:
            now = born(command.born_on, act.at)
        except ValueError:
            raise Invalid(
                field="born_on",
                must=Words(
                    "harus berupa tanggal lahir orang yang masih hidup", "be the date of birth of somebody who lives"
                ),
            ) from None
        return [assessed(command, act, now, command.age_basis or AgeBasis.BIRTH_DATE)]
    if command.years_from is None or command.age_basis is None:
        raise Invalid(
            field="years_from",
            must=Words(
                "harus disebut, dengan age_basis, bila born_on tidak disebut",
                "be said, with age_basis, where born_on is not",
            ),
        )
    if command.years_to is not None and command.years_to < command.years_from:
        raise Invalid(field="years_to", must=Words("tidak boleh kurang dari years_from", "not be less than years_from"))
    return [assessed(command, act, estimated(command.years_from, command.occurred_at), command.age_basis)]


@decides.register
def reassess_urgency(command: ReassessUrgency, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(UrgencyReassessed, command, act)]


@decides.register
def warn_of_majority(command: WarnOfMajority, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once for each day that it may be. What others agreed to for her gets an end: it goes on until she was asked, and
    no longer than the grace."""
    if case is None:
        raise Unknown(what="case")
    due, day = warns_at(case), consents_herself_from(band(case))
    if case.status is not Status.OPEN or due is None or day is None:
        raise WrongMove(move="warn")
    if act.at < due:
        raise StillRunning(due_at=due)
    until = day + GRACE
    ends = [_ending(c, until, command, act) for c in case.consents.values() if _is_others(c, act.at, until)]
    return [recorded(WillConsentHerself, command, act, herself_from=day), *ends]


@follows
def found_to_consent_herself(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Where it is found that she is older than was thought, or can decide again, what others agreed to for her gets an
    end, as it does when she grows up."""
    if before is None or not speaks_alone(after, act.at) or speaks_alone(before, act.at):
        return
    until = act.at + GRACE
    for consent in after.consents.values():
        if _is_others(consent, act.at, until):
            yield _ending(consent, until, change, act)


def _is_others(consent: Consent, at: datetime, until: datetime) -> bool:
    """Whether others gave it for her, and it would stand longer."""
    given = bool(consent.given_by) and ConsentBy.SURVIVOR not in consent.given_by
    return given and stands(consent, at) and (consent.expires_at is None or consent.expires_at > until)


def _ending(consent: Consent, until: datetime, command: Fact, act: Act) -> ConsentNarrowed:
    words = frozenset(c.word for c in consent.compartments)
    scope = {"compartments": words, "recipients": consent.recipients, "purposes": consent.purposes}
    return recorded(ConsentNarrowed, command, act, consent=consent.id, **scope, expires_at=until)


name_fields(
    herself_from=field(
        "Memberi persetujuan sendiri sejak",
        "Consents herself from",
        ("Anda memberi persetujuan sendiri sejak", "You consent yourself from"),
    ),
)
