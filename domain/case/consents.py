"""Consent: given, refused, narrowed, withdrawn at any time; overridden on a named legal basis only."""

from collections.abc import Sequence

from ..codes import AgeGroup, ConsentBy, EndReason, ReferralStatus, Role
from ..fact import Act, Fact, recorded
from ..refusal import ConsentFromWrongPerson, ConsentNotLive, ConsentWidened, Invalid, NotForThisRole, Unknown
from . import commands as c
from . import events as e
from .deciding import Network, decide, fresh, joined
from .state import Case, Consent, Referral, evolve, words

BEFORE_WORK = frozenset({ReferralStatus.REQUESTED, ReferralStatus.RECEIVED, ReferralStatus.ACCEPTED})


@decide.register
def give_consent(command: c.GiveConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.consents, command.consent)
    _right_person(command, now.age_group)
    _ends_later(command)
    return [recorded(e.ConsentGiven, command, act)]


@decide.register
def refuse_consent(command: c.RefuseConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    fresh(joined(case, act).consents, command.consent)
    return [recorded(e.ConsentRefused, command, act)]


@decide.register
def narrow_consent(command: c.NarrowConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    before = _live(now, command, act)
    after_end, before_end = command.expires_at, before.expires_at
    if (
        not words(command.compartments) <= before.compartments
        or not all(_named(r, before.recipients, network) for r in command.recipients)
        or not command.purposes <= before.purposes
        or (before_end is not None and (after_end is None or after_end > before_end))
    ):
        raise ConsentWidened(consent=command.consent)
    return _and_what_stood_on_it(recorded(e.ConsentNarrowed, command, act), now, act)


@decide.register
def withdraw_consent(command: c.WithdrawConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    _live(now, command, act)
    return _and_what_stood_on_it(recorded(e.ConsentWithdrawn, command, act), now, act)


@decide.register
def override_consent(command: c.OverrideConsent, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    now = joined(case, act)
    fresh(now.consents, command.consent)
    if act.role is not Role.SUPERVISOR:
        raise NotForThisRole(needs=Role.SUPERVISOR)
    _ends_later(command)
    return [recorded(e.ConsentOverridden, command, act)]


def _live(case: Case, command: c.NarrowConsent | c.WithdrawConsent, act: Act) -> Consent:
    consent = case.consents.get(command.consent)
    if consent is None:
        raise Unknown(what="consent")
    if not consent.live or (consent.expires_at is not None and act.at >= consent.expires_at):
        raise ConsentNotLive(consent=command.consent)
    return consent


def _named(recipient: str, recipients: frozenset[str], network: Network) -> bool:
    """Whether a recipient was named: itself, or, where it is an agency, by its kind."""
    agency = network.get(recipient)
    return recipient in recipients or (agency is not None and f"kind:{agency.kind}" in recipients)


def _ends_later(command: e.Scope) -> None:
    if command.expires_at is not None and command.expires_at <= command.occurred_at:
        raise Invalid(field="expires_at", must="be later than occurred_at")


def _right_person(command: c.GiveConsent, age: AgeGroup) -> None:
    """IRC/UNICEF, Caring for Child Survivors (2012), informed consent and assent by age; UU 35/2014: a child
    is under 18. A caregiver may be the perpetrator, so an adolescent may consent alone with the reason given."""
    by = command.given_by
    allowed = {
        AgeGroup.ADULT: ConsentBy.SURVIVOR in by,
        AgeGroup.ADOLESCENT: ConsentBy.SURVIVOR in by
        and (ConsentBy.CAREGIVER in by or command.no_caregiver_because is not None),
        AgeGroup.YOUNG_CHILD: (ConsentBy.CAREGIVER in by or command.no_caregiver_because is not None)
        and command.child_assent,
    }
    if not allowed[age]:
        raise ConsentFromWrongPerson(age_group=age, given_by=by)


def _covered(case: Case, referral: Referral, act: Act) -> bool:
    shareable = case.shareable(referral.recipient, referral.recipient_kind, act.at, referral.purpose)
    return referral.compartments <= shareable


def _and_what_stood_on_it(change: Fact, case: Case, act: Act) -> list[Fact]:
    """Referrals that no live consent covers any more: stopped where no work began, held for a person where it did."""
    after = evolve(case, change)
    ended: list[Fact] = [change]
    for referral in case.referrals.values():
        if not referral.status.is_open:
            continue
        if _covered(after, referral, act) or not _covered(case, referral, act):
            continue
        if referral.status in BEFORE_WORK:
            ended.append(
                e.ReferralCancelled(
                    occurred_at=change.occurred_at, referral=referral.id, reason=EndReason.CONSENT_WITHDRAWN
                )
            )
        elif referral.status is ReferralStatus.IN_PROGRESS:
            ended.append(
                e.ReferralHeld(occurred_at=change.occurred_at, referral=referral.id, reason=EndReason.CONSENT_WITHDRAWN)
            )
    return ended
