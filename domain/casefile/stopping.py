"""Stop: what somebody heard the survivor say, or who speaks for her, and what it ends.

Whoever takes part and hears it records it, with who said it. It acts at once where its recorder is concerned (its own
agency is whom a consent names), leads, or recorded that consent. What it would stop of others' waits until the lead has
asked her: their running work goes on, and nothing new is sent to anybody on what waits. So a third agency never ends
another's running work; and while an emergency of others runs, nobody but the lead ends more than what is its own.

Several subjects hear it (a refusal, a withdrawal, a mere *stop*), so what it does lies here, with what subjects share.
What is shared without consent is no consent of hers, and no stop ends it (overrides.py).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ..codes import AgencyKind, ConsentBy, Purpose, StopAbout, Urgency
from ..compartment import Compartment, CompartmentWord, Coordination, Psychosocial
from ..declaring import Step, field, happened, name_fields, not_asked, unchanged
from ..fact import Act, AgencyCode, ConsentId, Fact, Recipient, ReferralId, Short, StopId, Text, recorded
from ..field_words import NOT_SHARED, VERSION_OF_TIMES
from ..pathways import CONSENT_TIMES
from ..persistent import put
from ..refusal import AlreadyDone
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..words import Words
from .consent import No
from .evolving import applies
from .speaking import is_same
from .state import EMPTY, Case, Consent, Part, Referral, compartments_named
from .waiting import waits

R = Relation

SomeCompartments = Annotated[frozenset[CompartmentWord], Meta(min_length=1)]
SomePurposes = Annotated[frozenset[Purpose], Meta(min_length=1)]
WHOLE = not_asked("compartments", "purposes")
"""How it is read where nobody could say that it is about a part: as all of it."""


@happened(
    Words("Permintaan menghentikan pembagian data dicatat", "Request to stop sharing recorded"),
    her=Words(
        "Permintaan agar data Anda berhenti dibagikan dicatat",
        "A request that your data be shared no more was recorded",
    ),
    means="Penyintas, atau yang berbicara baginya, berkata: berhenti. Berlaku segera bagi instansi yang mencatatnya, "
    "dan seluruhnya bila penanggung jawab yang mencatat; selebihnya menunggu penanggung jawab sampai `answer_by`. "
    "`compartments`, `purposes`: dari data mana, untuk apa; kosong berarti semuanya.",
    step=Step.CONSENT,
    earlier=(unchanged, WHOLE),
    calls={"rule": VERSION_OF_TIMES, "compartments": NOT_SHARED},
)
class SharingStopped(Fact, frozen=True, kw_only=True, tag="case.SharingStopped"):
    """The survivor, or who speaks for her, said stop. It holds at once for the agency that recorded it, and as a whole
    where that leads; the rest waits for the lead until `answer_by`. `compartments`, `purposes`: of what, and for what;
    null means all."""

    stop: Coordination[StopId]
    about: Coordination[StopAbout]
    said_by: Coordination[frozenset[ConsentBy]] = frozenset()
    """Empty: nobody wrote down who."""
    consent: Coordination[ConsentId | None] = None
    recipients: Coordination[frozenset[Recipient]] = frozenset()
    compartments: Coordination[SomeCompartments | None] = None
    """What is to stop; None: all."""
    purposes: Coordination[SomePurposes | None] = None
    """For what; None: for anything."""
    answer_by: Coordination[datetime | None] = None
    rule: Coordination[Short | None] = None
    """The version of the times that `answer_by` follows."""
    remark: Psychosocial[Text | None] = None


class Heard(Struct, frozen=True):
    """A stop that was recorded."""

    id: StopId
    about: StopAbout
    said_by: frozenset[ConsentBy]
    said_at: datetime
    consent: ConsentId | None
    recipients: frozenset[Recipient]
    compartments: frozenset[Compartment] | None
    purposes: frozenset[Purpose] | None
    """None: all that is known, and for anything."""
    author: AgencyCode | None
    """Who recorded it."""
    answer_by: datetime | None
    """By when the lead answers it; None where nothing of it is the lead's to answer."""
    kind: AgencyKind | None = None
    """What kind of agency that is, where it took part."""
    by_lead: bool = False
    """Who recorded it led then, or nobody wrote down who did."""
    raised: int = 0
    answered_at: datetime | None = None
    """When the lead had asked her."""
    confirmed: bool = False
    """She said the same, when she was asked."""

    @property
    def waits(self) -> bool:
        """Whether the lead has to answer it still."""
        return self.answer_by is not None and self.answered_at is None

    def says_the_same(self, other: "Heard") -> bool:
        """Whether it is by the same agency, of the same, as said by the same."""
        return all(
            getattr(self, said) == getattr(other, said)
            for said in ("author", "about", "said_by", "consent", "recipients", "compartments", "purposes")
        )

    def stops(self, consent: Consent) -> No | None:
        """What it takes from a consent; None where it is not about that, or she agreed later."""
        if not consent.live or consent.override:
            return None
        if consent.given_at is not None and consent.given_at > self.said_at:
            return None
        if self.compartments is not None and self.compartments.isdisjoint(consent.content):
            return None
        if self.purposes is not None and self.purposes.isdisjoint(consent.purposes):
            return None
        match self.about:
            case StopAbout.EVERYTHING:
                return self.no_to(consent.recipients)
            case StopAbout.CONSENT:
                return self.no_to(consent.recipients) if consent.id == self.consent else None
            case StopAbout.RECIPIENTS:
                return self.no_to(self.recipients)
            case StopAbout.OURS:
                return self.no_to(frozenset({self.author})) if self.author is not None else None

    def no_to(self, to: frozenset[str]) -> No:
        """What it says of these agencies, and kinds of them."""
        return No(to, self.compartments, self.purposes)

    def is_said_by_who_may(self, consent: Consent) -> bool:
        """Whether who said it can take that back: she herself, or who gave it without her. Who gave it along with her,
        or did not, may be whom she has to be protected from: then the lead asks her first."""
        if not self.said_by or ConsentBy.SURVIVOR in self.said_by:
            return True
        return ConsentBy.SURVIVOR not in consent.given_by and is_same(self.said_by, consent.given_by)


class Stops(Part, frozen=True):
    heard: Mapping[StopId, Heard] = EMPTY


def stop_waits(case: Case) -> bool:
    """Whether the lead has to answer a stop still."""
    return any(heard.waits for heard in case.of(Stops).heard.values())


@waits(
    "stops",
    Words("permintaan menghentikan pembagian data yang menunggu", "stops that wait for the lead"),
    Words(
        "Tanyakan permintaan itu kepada penyintas, lalu catat bahwa ia membenarkannya atau tidak.",
        "Ask the survivor about the stop, and record that she confirmed it or did not.",
    ),
    "ConfirmStop",
    "ContradictStop",
)
def unanswered(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, heard in case.of(Stops).heard.items() if heard.waits)


@applies(SharingStopped)
def sharing_stopped(case: Case, event: SharingStopped, author: AgencyCode | None) -> Case:
    kind = case.participants().get(author) if author is not None else None
    heard = replace(_heard(event, author), kind=kind, by_lead=author is None or author == case.lead)
    return _changed(_with(case, heard), (_taken_up(case, heard, consent) for consent in case.consents.values()))


def stopped_for_good(case: Case, id: StopId, at: datetime) -> Case:
    """The case after the lead confirmed a stop: all of it holds."""
    heard = case.of(Stops).heard[id]

    def stopped(consent: Consent) -> Consent:
        no = heard.stops(consent)
        return _stopped(_answered(consent, id), no) if no is not None else _answered(consent, id)

    return _changed(
        _with(case, replace(heard, answered_at=at, confirmed=True)), (stopped(c) for c in case.consents.values())
    )


def not_stopped(case: Case, id: StopId, at: datetime) -> Case:
    """The case after the lead found that she did not say so: what waited goes on. What was stopped at once stays so,
    until she agrees again."""
    heard = case.of(Stops).heard[id]
    return _changed(_with(case, replace(heard, answered_at=at)), (_answered(c, id) for c in case.consents.values()))


def as_recorded(case: Case, consent: Consent) -> Consent:
    """A consent that is recorded now, in this case: what she took back after she gave it, it does not give again."""
    for heard in case.of(Stops).heard.values():
        if consent.given_at is not None and consent.given_at < heard.said_at:
            no = heard.stops(consent) if heard.confirmed else None
            consent = _stopped(consent, no) if no is not None else _taken_up(case, heard, consent)
    return consent


def raised_again(case: Case, id: StopId, level: int) -> Case:
    """The case in which it was raised that often that a stop waits."""
    return _with(case, replace(case.of(Stops).heard[id], raised=level))


def as_if_answered(case: Case, referral: Referral | None = None) -> Case:
    """The case as if all that waits were stopped, and what is doubted were none: what is new is sent only where it
    could be then, too. An emergency is sent, and taken up again, whatever a third agency heard: else one word of
    whoever takes part, said again and again, would keep help from her. What its own sender, its recipient or the lead
    heard counts there, too."""
    urgent = referral is not None and referral.urgency is Urgency.EMERGENCY
    concerned = {referral.sender, referral.recipient, case.lead} if referral is not None else set()
    heard = case.of(Stops).heard

    def answered(consent: Consent) -> Consent:
        counted = (no for id, no in consent.waiting.items() if not urgent or heard[id].author in concerned)
        stopped = reduce(_stopped, counted, consent)
        return replace(stopped, held=True) if consent.doubted and not urgent else stopped

    return _changed(case, (answered(c) for c in case.consents.values() if c.waiting or c.doubted))


def touched(case: Case, id: StopId) -> Mapping[AgencyCode, AgencyKind]:
    """Who takes part, with its kind, and would be stopped by what waits, or holds what its recorder passed on; not who
    recorded it."""
    heard = case.of(Stops).heard[id]
    waiting = [(c, c.waiting[id]) for c in case.consents.values() if id in c.waiting]
    passed = _passed_on(case, heard.author) if any(heard.author in no.to for _, no in waiting) else frozenset()
    return {
        agency: kind
        for agency, kind in case.participants().items()
        if agency != heard.author
        and (agency in passed or any(c.names(agency, kind) and {agency, f"kind:{kind}"} & no.to for c, no in waiting))
    }


def emergencies_of_others(case: Case, agency: AgencyCode) -> frozenset[ReferralId]:
    """The emergencies that run and are neither from nor to that agency, unless it leads. What they stand on, step by
    step, may be any consent: so while there are any, an agency ends none but to itself."""
    if agency == case.lead:
        return frozenset()
    running = (r for r in case.referrals.values() if r.urgency is Urgency.EMERGENCY and r.status.is_open)
    return frozenset(r.id for r in running if agency not in (r.sender, r.recipient))


def said_in_other_file(case: Case, stop: StopId, said: SharingStopped, act: Act) -> SharingStopped | None:
    """The same, in another file of the same case, which the same agency leads: what she says of everything, or of those
    whom she names, she says of all of it. None where it stops nothing there, or is said already. What was remarked
    stays where it was written down."""
    event = replace(said, stop=stop, answer_by=None, rule=None, remark=None)
    heard = _heard(event, act.agency)
    known = stop in case.of(Stops).heard or said.about is StopAbout.CONSENT
    return None if known or not any(map(heard.stops, case.consents.values())) else event


def hear(case: Case, about: StopAbout, command: Fact, act: Act, reports: bool, **more: Any) -> SharingStopped:
    """The event that stop was said. The lead has to answer what who does not lead `reports` of others than itself, and
    what somebody said who did not give the consent: whether that would stop anything is not said here, as it would tell
    the recorder who else takes part, and who gave what. Raises AlreadyDone where this agency recorded the same already,
    as said no earlier, or the lead has asked her since then: it is answered once."""
    event = recorded(SharingStopped, command, act, about=about, **more)
    said = _heard(event, act.agency)
    if any(_is_answered_by(said, before) for before in case.of(Stops).heard.values()):
        raise AlreadyDone(what="this stop")
    by_another = bool(said.said_by) and ConsentBy.SURVIVOR not in said.said_by
    told = reports and (about is not StopAbout.OURS or by_another)
    if told or any(said.stops(c) and not said.is_said_by_who_may(c) for c in case.consents.values()):
        return replace(event, answer_by=act.at + CONSENT_TIMES.answer, rule=CONSENT_TIMES.version)
    return event


def _is_answered_by(said: Heard, before: Heard) -> bool:
    """Whether the lead is to answer, or has answered, just what is said, as it was put before it once."""
    return (
        before.answer_by is not None
        and before.says_the_same(said)
        and said.said_at <= max(before.said_at, before.answered_at or before.said_at)
    )


def _passed_on(case: Case, agency: AgencyCode | None) -> frozenset[AgencyCode]:
    """To whom an agency that does not lead referred her, and whose work runs."""
    of = (r for r in case.referrals.values() if r.sender == agency != case.lead and r.sent_at is not None)
    return frozenset(r.recipient for r in of if r.status.is_open)


def _heard(event: SharingStopped, author: AgencyCode | None) -> Heard:
    return Heard(
        id=event.stop,
        about=event.about,
        said_by=event.said_by,
        said_at=event.occurred_at,
        consent=event.consent,
        recipients=event.recipients,
        compartments=_all_where_coordination(event.compartments),
        purposes=event.purposes,
        author=author,
        answer_by=event.answer_by,
    )


def _taken_up(case: Case, heard: Heard, consent: Consent) -> Consent:
    """A consent after a stop that was just said."""
    no = heard.stops(consent)
    if no is None or not heard.is_said_by_who_may(consent):
        return consent
    if heard.by_lead:
        return _stopped(consent, no)
    author, kind = heard.author, heard.kind
    if author is None:
        return consent
    if kind is not None and consent.names(author, kind) and {author, f"kind:{kind}"} & no.to:
        consent = replace(consent, left=(*consent.left, replace(no, to=frozenset({author}))))
    if consent.reported_by == author and not consent.confirmed and not emergencies_of_others(case, author):
        return _stopped(consent, no)
    cells, left = consent.touched([no]), consent.touched(consent.left)
    rest = cells - left - consent.touched(consent.stopped) or (cells & left and _passed_on(case, author))
    return replace(consent, waiting=put(consent.waiting, heard.id, no)) if heard.waits and rest else consent


def _stopped(consent: Consent, no: No) -> Consent:
    before = consent.touched(consent.stopped)
    if consent.touched([no]) <= before:
        return consent
    stopped = (*consent.stopped, no)
    after = consent.touched(stopped)
    named = consent.touched([No(consent.recipients)])
    return replace(consent, stopped=stopped, live=consent.live and not named <= after)


def _all_where_coordination(compartments: frozenset[str] | None) -> frozenset[Compartment] | None:
    """What is said no to: coordination goes with whatever is known, so who refuses it refuses all."""
    named = compartments_named(compartments or ())
    return None if not named or Compartment.COORDINATION in named else named


def _answered(consent: Consent, id: StopId) -> Consent:
    if id not in consent.waiting:
        return consent
    return replace(consent, waiting={stop: no for stop, no in consent.waiting.items() if stop != id})


def _with(case: Case, heard: Heard) -> Case:
    return case.with_part(Stops(put(case.of(Stops).heard, heard.id, heard)))


def _changed(case: Case, consents: Iterable[Consent]) -> Case:
    changed = case.consents
    for consent in consents:
        if consent is not changed[consent.id]:
            changed = put(changed, consent.id, consent)
    return case if changed is case.consents else replace(case, consents=changed)


CONSENT = Thing(
    "consent",
    Words("persetujuan", "consent"),
    find=lambda case, id: case.consents.get(id),
    whose={
        R.LEAD: lambda consent, case: case.lead,
        R.AUTHOR: lambda consent, case: consent.reported_by,
        R.NAMED: lambda consent, case: frozenset(
            agency for agency, kind in case.participants().items() if consent.names(agency, kind)
        ),
        R.ALONE: lambda consent, case: _may_end_alone(consent, case),
    },
    known_to=frozenset({R.LEAD, R.AUTHOR, R.NAMED}),
    since=Since(
        Words("persetujuan itu diberikan, atau terakhir dipersempit", "the consent was given, or last narrowed"),
        lambda consent: consent.changed_at,
    ),
)
"""What an agency is to a consent. To all others it does not exist: who knows an id by chance can do nothing with it."""


def _may_end_alone(consent: Consent, case: Case) -> frozenset[str]:
    """Whom alone it names, unless others work with what that passed on to them, and who recorded it; neither while an
    emergency of others runs."""
    alone = consent.recipients if len(consent.recipients) == 1 else frozenset[str]()
    alone = frozenset(agency for agency in alone if not _passed_on(case, agency))
    by = alone if consent.reported_by is None or consent.confirmed else alone | {consent.reported_by}
    return frozenset(agency for agency in by if not emergencies_of_others(case, agency))


name_fields(
    stop=field("Permintaan menghentikan pembagian data", "Stop"),
    about=field("Tentang", "About", ("Tentang", "About")),
    said_by=field("Disampaikan oleh", "Said by", ("Disampaikan oleh", "Said by")),
    answer_by=field("Dijawab paling lambat", "To be answered by", ("Dijawab paling lambat", "To be answered by")),
)
