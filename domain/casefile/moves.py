"""What every move of a referral has in common: its parties, its states, and the cover of a consent."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace

from ..causes import Cause, latest
from ..codes import PROCEEDINGS, AgencyKind, EndReason, ReferralStatus, Role, Urgency
from ..compartment import Compartment, Coordination
from ..declaring import Audience
from ..fact import Act, AgencyCode, Fact, ReferralId
from ..pathways import PATHWAYS
from ..persistent import put
from ..refusal import BeyondReach, ConsentMissing
from ..standing.reach import Reaches
from ..standing.relations import Relation
from ..standing.rows import Since, Thing
from ..timing import overran
from ..words import Words
from .deciding import follows
from .evolving import applies
from .state import Case, Consent, Referral
from .stopping import as_if_answered, emergencies_of_others

R = Relation


BEGUN = frozenset({ReferralStatus.IN_PROGRESS, ReferralStatus.ON_HOLD})
"""States in which work began; one on hold may be so before (`stands_as`)."""


class ReferralMove(Fact, frozen=True, kw_only=True):
    referral: Coordination[ReferralId]


M = TypeVar("M", bound=ReferralMove)


REFERRAL = Thing(
    "referral",
    Words("rujukan", "referral"),
    find=lambda case, id: case.referrals.get(id),
    whose={
        R.SENDER: lambda referral, case: referral.sender,
        R.ADDRESSEE: lambda referral, case: referral.recipient if referral.sent_at is not None else None,
        R.LEAD: lambda referral, case: case.lead,
    },
    known_to=frozenset({R.SENDER, R.ADDRESSEE, R.LEAD}),
    since=Since(
        Words("rujukan itu berpindah ke keadaannya sekarang", "the referral came into its present state"),
        lambda referral: referral.moved_at,
    ),
)
"""What an agency is to a referral. To all others it does not exist."""
WORK_ENDED = Cause(
    Words(
        "kasus itu dibuka kembali, atau rujukan terakhirnya berakhir",
        "the case was last opened, or the last of its referrals ended",
    ),
    lambda command, case, act: latest((case.began_at, *(r.ended_at for r in case.referrals.values()))),
)
"""What the end of a case answers."""


def is_machine_s(act: Act) -> bool | None:
    """Whether it is an agency's own system that says so, and no person; None where a person does."""
    return act.role is Role.INTEGRATOR or None


def moved(case: Case, event: ReferralMove, recorded_at: datetime, status: ReferralStatus, **more: Any) -> Case:
    """The case with the event's referral in another state, and with more known of it. `waits_as`: somebody has to
    act on it as in that state."""
    before, waits_as = case.referrals[event.referral], more.pop("waits_as", status)
    at = event.occurred_at
    if before.status is ReferralStatus.REQUESTED and before.due_at is not None:
        late = overran(before.due_at, at, recorded_at, before.told_at or recorded_at)
        more |= {"answer_recorded_at": recorded_at, "late": late}
    by_machine = getattr(event, "by_machine", before.by_machine) is True
    held_before_work = status is ReferralStatus.ON_HOLD and before.stands_as is ReferralStatus.ACCEPTED
    window = stage(case, before, waits_as)
    if held_before_work:  # to hold what nobody began makes nobody wait longer for whoever is asked to see to it
        windows = (window, stage(case, before, ReferralStatus.ACCEPTED))
        window = min((each for each in windows if each is not None), default=None)
    more |= {"held_before_work": held_before_work}
    more |= _silence(before, recorded_at, status, window, by_machine)
    more |= {"by_machine": by_machine and status.is_open}
    if not status.is_open:
        more |= {"awaits": None}  # no appointment of it stands any more
    after = replace(before, status=status, moved_at=latest((before.moved_at, at)), **more)
    return in_its_place(replace(case, referrals=put(case.referrals, event.referral, after)), after.redirects)


def _silence(
    before: Referral, at: datetime, status: ReferralStatus, window: timedelta | None, by_machine: bool
) -> dict[str, Any]:
    """Since when somebody has to act on a referral that comes into a state, and how often it was raised. To hold it,
    and to resume it, begins no new silence and ends none, and neither does a machine's word that it is accepted, or
    begun: it is raised when it would have been, or sooner, and rises from there. Else a system that does so every day
    keeps an emergency from ever being raised."""
    due = replace(before, awaits=None).acts_by
    is_held = {before.status, status} == {ReferralStatus.ACCEPTED, ReferralStatus.ON_HOLD}
    goes_on = is_held or {before.stands_as, status} <= BEGUN or (by_machine and status.is_open)
    if due is None or window is None or not goes_on:
        return {"entered_at": at, "stage": window, "stalled": 0}
    return {"entered_at": min(due, at + window) - (before.stalled + 1) * window, "stage": window}


NOT_THERE = frozenset({ReferralStatus.DRAFT, ReferralStatus.CANCELLED})
"""States in which a referral is in no other's place: nobody was asked, or is asked any more."""


def in_its_place(case: Case, id: ReferralId | None) -> Case:
    """The case in which it is known anew whether a referral was replaced, and that one which it replaces, and so on."""
    while id is not None and (of := case.referrals.get(id)) is not None:
        instead = (r for r in case.referrals.values() if r.redirects == id and r.status not in NOT_THERE)
        replaced = any(r.status is not ReferralStatus.REJECTED or r.replaced or r.left for r in instead)
        if replaced is of.replaced:
            break
        case = replace(case, referrals=put(case.referrals, id, replace(of, replaced=replaced)))
        id = of.redirects
    return case


def stage(case: Case, referral: Referral, status: ReferralStatus) -> timedelta | None:
    """How long a referral may be in a state until somebody acts, by the rules of the case."""
    pathway = PATHWAYS.get(case.pathway)
    return pathway.stage(status, referral.urgency, referral.service) if pathway is not None else None


def noted(case: Case, event: ReferralMove, **more: Any) -> Case:
    """The case with more known of the event's referral, which stays in its state."""
    after = replace(case.referrals[event.referral], **more)
    return replace(case, referrals=put(case.referrals, event.referral, after))


LEADS_TO: dict[type[Fact], ReferralStatus] = {}
"""The state after each move."""


def leads_to(event: type[M], status: ReferralStatus, ends: bool = False, breaks_off: bool = False) -> None:
    """Declare that a move leads to a state and changes nothing else; `ends`: but for when the referral ended;
    `breaks_off`: and when another than its recipient ended what that had in hand."""
    LEADS_TO[event] = status

    def move(case: Case, event: M, recorded_at: datetime) -> Case:
        times = {"ended_at": event.occurred_at} if ends else {}
        if status is ReferralStatus.ACCEPTED and case.referrals[event.referral].accepted_at is None:
            times["accepted_at"] = event.occurred_at
        if breaks_off and _in_hand(case.referrals[event.referral]):
            times["broken_off_at"] = recorded_at
        return moved(case, event, recorded_at, status, **times)

    applies(event)(move)


def _in_hand(referral: Referral) -> bool:
    """Whether somebody of its recipient works on it; of an emergency, whether somebody has it."""
    S, emergency = ReferralStatus, referral.urgency is Urgency.EMERGENCY  # noqa: N806
    return referral.stands_as in ({S.RECEIVED, S.ACCEPTED, S.IN_PROGRESS, S.ON_HOLD} if emergency else BEGUN)


def _parties(event: ReferralMove, case: Case) -> Mapping[AgencyCode, AgencyKind]:
    referral = case.referrals.get(event.referral)
    if referral is None:
        return {}
    sender = {referral.sender: referral.sender_kind}
    return sender if referral.sent_at is None else {**sender, referral.recipient: referral.recipient_kind}


PARTIES = Audience(
    Words("pengirim rujukan; penerimanya, setelah dikirim", "the referral's sender; its recipient, once it was sent"),
    _parties,
)


def require_cover(case: Case, referral: Referral, act: Act) -> None:
    """Raises ConsentMissing unless consent lets the recipient know, for the referral's purpose, every compartment that
    it shares: of the sender's words at least. What somebody said stop to covers nothing new, also while that waits; but
    an emergency of others."""
    if missing := Reaches(as_if_answered(case, referral), act.at).missing(referral):
        raise ConsentMissing(recipient=referral.recipient, purpose=referral.purpose, compartments=missing)


def require_reach(case: Case, referral: Referral, act: Act) -> None:
    """Raises BeyondReach where it shares more than its sender may: the lead is bounded by consent alone, all others
    share what they may open themselves for that purpose, and what they wrote."""
    if beyond := Reaches(as_if_answered(case, referral), act.at).beyond(referral):
        raise BeyondReach(compartments=beyond)


def _covered_since(command: Any, case: Case, act: Act) -> datetime | None:
    """Since when consents cover a referral that they cover now."""
    referral = case.referrals[command.referral]
    of = (referral.recipient, referral.recipient_kind, act.at, referral.purpose)
    found = [(c.given_at, gives) for c in case.consents.values() if (gives := c.gives(*of)) and c.given_at]
    missing = referral.compartments - {Compartment.COORDINATION}
    for given_at, gives in sorted(found, key=lambda each: each[0]):
        missing -= gives
        if not missing:
            return given_at
    return None


COVER = Cause(
    Words("persetujuan yang mencakupnya diberikan", "the consent that covers it was given"),
    _covered_since,
)


def stays(referral: Referral) -> bool:
    """Whether police, prosecution or court received it: the end of her consent cancels, holds and recalls nothing of it
    there, as it serves the proceedings, whoever heard her say so (UU 27/2022 art. 15)."""
    return referral.recipient_kind in PROCEEDINGS and referral.answered_at is not None


Stop = Callable[[datetime, ReferralId, EndReason], Fact]
_STOPS: dict[ReferralStatus, Stop] = {}


def when_uncovered(states: Iterable[ReferralStatus], stop: Stop) -> None:
    """Declare what happens to a referral in one of these states that no live consent covers any more."""
    _STOPS.update(dict.fromkeys(states, stop))


@follows
def stop_uncovered(before: Case | None, after: Case, change: Fact, act: Act) -> Iterable[Fact]:
    """Referrals that no live consent covers any more, in their order: stopped where no work began, held for a person
    where it did. It stops as that is recorded: until then it went on, whenever the consent is said to have ended. An
    emergency of others goes on, whatever it stood on: who ended that is not to end it. So does what police, prosecution
    or court received: nothing further is sent to them, as that asks for a consent each time."""
    if before is None or after.consents is before.consents:
        return
    before, ran_out = _before_it_ran_out(before, after, act.at)
    was, now = Reaches(before, act.at), Reaches(after, act.at)
    spared = frozenset() if ran_out else emergencies_of_others(before, act.agency)
    reason = EndReason.CONSENT_EXPIRED if ran_out else _why(before, after)
    for referral in before.referrals.values():
        stop = _STOPS.get(referral.stands_as) if not stays(referral) else None
        if stop is not None and referral.id not in spared and not was.missing(referral) and now.missing(referral):
            yield stop(act.at, referral.id, reason)


def _why(before: Case, after: Case) -> EndReason:
    """Why consents cover less: somebody said stop, or took one back or narrowed it. Else it is nobody's taking back: a
    ground without consent ended, what an agency reported was not confirmed, who gave one is not heard any more."""
    changed = [(before.consents[id], consent) for id, consent in after.consents.items() if id in before.consents]
    if any(was.stopped != consent.stopped or was.left != consent.left for was, consent in changed):
        return EndReason.SHARING_STOPPED
    given = [(was, consent) for was, consent in changed if not was.override and not was.is_reported]
    if any(_scope(was) != _scope(consent) for was, consent in given):
        return EndReason.CONSENT_WITHDRAWN
    return EndReason.COVER_ENDED


def _scope(consent: Consent) -> tuple[object, ...]:
    return consent.live, consent.recipients, consent.compartments, consent.purposes


def _before_it_ran_out(before: Case, after: Case, at: datetime) -> tuple[Case, bool]:
    """The case as if what ended in it had no end set, and whether it ended because its time was over: the clock ended
    its cover before the record did, and what stood on it stops with the record."""
    ended = {
        id: replace(consent, expires_at=None)
        for id, consent in before.consents.items()
        if consent.live and not after.consents[id].live and consent.expires_at is not None and consent.expires_at <= at
    }
    return (replace(before, consents={**before.consents, **ended}), True) if ended else (before, False)
