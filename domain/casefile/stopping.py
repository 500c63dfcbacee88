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
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..codes import AgencyKind, ConsentBy, StopAbout, Urgency
from ..compartment import Coordination, Psychosocial
from ..declaring import Step, field, happened, name_fields
from ..fact import Act, AgencyCode, ConsentId, Fact, Recipient, ReferralId, Short, StopId, Text, recorded
from ..pathways import CONSENT_TIMES
from ..persistent import put
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..words import Words
from .evolving import applies
from .state import EMPTY, Case, Consent, Part

R = Relation


@happened(
    Words("Diminta berhenti", "Stop was said"),
    her=Words("Permintaan untuk berhenti dicatat", "That sharing is to stop was recorded"),
    means="Penyintas, atau yang berbicara baginya, berkata: berhenti. Berlaku segera bagi instansi yang mencatatnya, "
    "dan seluruhnya bila penanggung jawab yang mencatat; selebihnya menunggu penanggung jawab sampai `answer_by`.",
    step=Step.CONSENT,
)
class SharingStopped(Fact, frozen=True, kw_only=True, tag="case.SharingStopped"):
    """The survivor, or who speaks for her, said stop. It holds at once for the agency that recorded it, and as a whole
    where that leads; the rest waits for the lead until `answer_by`."""

    stop: Coordination[StopId]
    about: Coordination[StopAbout]
    said_by: Coordination[frozenset[ConsentBy]] = frozenset()
    """Empty: nobody wrote down who."""
    consent: Coordination[ConsentId | None] = None
    recipients: Coordination[frozenset[Recipient]] = frozenset()
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
    author: AgencyCode | None
    """Who recorded it."""
    answer_by: datetime | None
    """By when the lead answers it; None where nothing of it is the lead's to answer."""
    raised: int = 0
    answered: bool = False

    @property
    def waits(self) -> bool:
        """Whether the lead has to answer it still."""
        return self.answer_by is not None and not self.answered

    def stops(self, consent: Consent) -> frozenset[str]:
        """Which agencies and kinds of them it takes a consent from; nobody where it is not about that, or she agreed
        later."""
        if not consent.live or consent.override:
            return frozenset()
        if consent.given_at is not None and consent.given_at > self.said_at:
            return frozenset()
        match self.about:
            case StopAbout.EVERYTHING:
                return consent.recipients
            case StopAbout.CONSENT:
                return consent.recipients if consent.id == self.consent else frozenset()
            case StopAbout.RECIPIENTS:
                return self.recipients
            case StopAbout.OURS:
                return frozenset({self.author}) if self.author is not None else frozenset()

    def is_said_by_who_may(self, consent: Consent) -> bool:
        """Whether who said it can take that back: she herself, or who gave it without her. Who gave it along with her,
        or did not, may be whom she has to be protected from: then the lead asks her first."""
        if not self.said_by or ConsentBy.SURVIVOR in self.said_by:
            return True
        return ConsentBy.SURVIVOR not in consent.given_by and bool(self.said_by & consent.given_by)


class Stops(Part, frozen=True):
    heard: Mapping[StopId, Heard] = EMPTY


def stop_waits(case: Case) -> bool:
    """Whether the lead has to answer a stop still."""
    return any(heard.waits for heard in case.of(Stops).heard.values())


@applies(SharingStopped)
def sharing_stopped(case: Case, event: SharingStopped, author: AgencyCode | None) -> Case:
    heard = _heard(event, author)
    return _changed(_with(case, heard), (_taken_up(case, heard, consent) for consent in case.consents.values()))


def stopped_for_good(case: Case, id: StopId) -> Case:
    """The case after the lead confirmed a stop: all of it holds."""
    heard = case.of(Stops).heard[id]
    consents = (_stopped(_answered(c, id), heard.stops(c)) for c in case.consents.values())
    return _changed(_with(case, replace(heard, answered=True)), consents)


def not_stopped(case: Case, id: StopId) -> Case:
    """The case after the lead found that she did not say so: what waited goes on. What was stopped at once stays so,
    until she agrees again."""
    heard = case.of(Stops).heard[id]
    return _changed(_with(case, replace(heard, answered=True)), (_answered(c, id) for c in case.consents.values()))


def raised_again(case: Case, id: StopId, level: int) -> Case:
    """The case in which it was raised that often that a stop waits."""
    return _with(case, replace(case.of(Stops).heard[id], raised=level))


def as_if_answered(case: Case) -> Case:
    """The case as if all that waits were stopped: what is new is sent only where it could be then, too."""
    waiting = [c for c in case.consents.values() if c.waiting]
    return _changed(case, (_stopped(c, frozenset[str]().union(*c.waiting.values())) for c in waiting))


def touched(case: Case, id: StopId) -> Mapping[AgencyCode, AgencyKind]:
    """Who takes part, with its kind, and would be stopped by what waits; not who recorded it."""
    heard = case.of(Stops).heard[id]
    waiting = [(c, c.waiting[id]) for c in case.consents.values() if id in c.waiting]
    return {
        agency: kind
        for agency, kind in case.participants().items()
        if agency != heard.author
        and any(c.names(agency, kind) and {agency, f"kind:{kind}"} & words for c, words in waiting)
    }


def emergencies_of_others(case: Case, agency: AgencyCode) -> frozenset[ReferralId]:
    """The emergencies that run and are neither from nor to that agency, unless it leads. What they stand on, step by
    step, may be any consent: so while there are any, an agency ends none but to itself."""
    if agency == case.lead:
        return frozenset()
    running = (r for r in case.referrals.values() if r.urgency is Urgency.EMERGENCY and r.status.is_open)
    return frozenset(r.id for r in running if agency not in (r.sender, r.recipient))


def hear(case: Case, about: StopAbout, command: Fact, act: Act, reports: bool, **more: Any) -> SharingStopped:
    """The event that stop was said. The lead has to answer what who does not lead `reports` of others than itself, and
    what somebody said who did not give the consent: whether that would stop anything is not said here, as it would tell
    the recorder who else takes part."""
    event = recorded(SharingStopped, command, act, about=about, **more)
    said = _heard(event, act.agency)
    told = reports and about is not StopAbout.OURS
    if told or any(said.stops(c) and not said.is_said_by_who_may(c) for c in case.consents.values()):
        return replace(event, answer_by=act.at + CONSENT_TIMES.answer, rule=CONSENT_TIMES.version)
    return event


def _heard(event: SharingStopped, author: AgencyCode | None) -> Heard:
    return Heard(
        id=event.stop,
        about=event.about,
        said_by=event.said_by,
        said_at=event.occurred_at,
        consent=event.consent,
        recipients=event.recipients,
        author=author,
        answer_by=event.answer_by,
    )


def _taken_up(case: Case, heard: Heard, consent: Consent) -> Consent:
    """A consent after a stop that was just said."""
    words = heard.stops(consent)
    if not words or not heard.is_said_by_who_may(consent):
        return consent
    if heard.author is None or heard.author == case.lead:
        return _stopped(consent, words)
    kind = case.participants().get(heard.author)
    if kind is not None and consent.names(heard.author, kind) and {heard.author, f"kind:{kind}"} & words:
        consent = replace(consent, left=consent.left | {heard.author})
    if consent.reported_by == heard.author and not consent.confirmed and not emergencies_of_others(case, heard.author):
        return _stopped(consent, words)
    rest = words - consent.left - consent.stopped
    return replace(consent, waiting=put(consent.waiting, heard.id, words)) if heard.waits and rest else consent


def _stopped(consent: Consent, words: frozenset[str]) -> Consent:
    if words <= consent.stopped:
        return consent
    stopped = consent.stopped | words
    return replace(consent, stopped=stopped, live=consent.live and not consent.recipients <= stopped)


def _answered(consent: Consent, id: StopId) -> Consent:
    if id not in consent.waiting:
        return consent
    return replace(consent, waiting={stop: words for stop, words in consent.waiting.items() if stop != id})


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
    """Whom alone it names, and who recorded it: unless an emergency of others runs."""
    alone = consent.recipients if len(consent.recipients) == 1 else frozenset[str]()
    by = alone if consent.reported_by is None or consent.confirmed else alone | {consent.reported_by}
    return frozenset(agency for agency in by if not emergencies_of_others(case, agency))


name_fields(
    stop=field("Permintaan berhenti", "Stop"),
    about=field("Tentang", "About", ("Tentang", "About")),
    said_by=field("Disampaikan oleh", "Said by", ("Disampaikan oleh", "Said by")),
    answer_by=field("Dijawab paling lambat", "To be answered by", ("Dijawab paling lambat", "To be answered by")),
)
