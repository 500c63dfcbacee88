"""Why a command is refused. Each class is one stable reason; its attributes are safe to show:
ids, codes and times, never what somebody wrote. api/problems.py turns each into an RFC 9457 problem."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID


class Refusal(Exception):
    """A command that the rules do not allow. Nothing was recorded."""

    says: ClassVar[str] = "The rules do not allow this."
    mend: ClassVar[str] = ""

    def __init__(self, **about: Any) -> None:
        self.about = {k: plain(v) for k, v in about.items()}
        super().__init__(f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.about.items())})")


def plain(value: Any) -> Any:
    """A value as JSON has it: codes and ids as text, sets as sorted lists."""
    match value:
        case Enum():
            return value.name.lower() if isinstance(value, int) else value.value
        case UUID():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case str() | int() | None:
            return value
        case Iterable():
            return sorted(plain(v) for v in value)
        case _:
            return str(value)


class Unknown(Refusal):
    says = "No such thing is known to you."
    mend = "Check the id. What you may not know of answers the same as what does not exist."


class InTheFuture(Refusal):
    says = "It is said to have happened after now."
    mend = "Send occurred_at with its time zone, not later than the present."


class BeforeItsCause(Refusal):
    says = "It is said to have happened before what it answers."
    mend = "Send occurred_at not before the time named, or leave it out: then it happens now. A late entry stays one."


class NotAsItIsRecorded(Refusal):
    says = "It takes effect as it is recorded, so it is not said of an earlier time."
    mend = "Leave occurred_at out."


class AlreadyExists(Refusal):
    says = "There is one with this id already."
    mend = "Use a new id, or an Idempotency-Key to repeat a request safely."


class CaseNotOpen(Refusal):
    says = "The case is closed or merged."
    mend = "Re-open it first, or act on the case it was merged into."


class CaseIsOpen(Refusal):
    says = "The case is open already."


class OpenReferrals(Refusal):
    says = "Referrals are still open."
    mend = "Complete, fail or cancel them before closing the case."


class NotForThisAgency(Refusal):
    says = "This agency's relation to the case does not allow it."
    mend = "The lead agency, or the agency named in the referral, can do it."


class NotForThisRole(Refusal):
    says = "This role does not allow it."
    mend = "Ask a colleague whose role allows it."


class PurposeNotAllowed(Refusal):
    says = "This purpose of use does not fit the role."
    mend = "Send the purpose that you act for in the Purpose-Of-Use header."


class ConsentMissing(Refusal):
    says = "No live consent covers this."
    mend = "Record a consent for the recipient, purpose and compartments, or an override with its legal basis."


class ConsentFromWrongPerson(Refusal):
    says = "This person cannot give consent alone at the survivor's age."
    mend = "An adult consents herself; a young child's caregiver with the child's assent; an adolescent with a \
caregiver, or alone with the reason why no caregiver can."


class ConsentNotLive(Refusal):
    says = "The consent is withdrawn, refused or expired."


class ConsentWidened(Refusal):
    says = "Narrowing cannot add anything."
    mend = "Record a new consent for what is added."


class RecipientUnavailable(Refusal):
    says = "The agency is not active, not known, or does not offer the service."
    mend = "See the directory for agencies that offer it."


class BeyondReach(Refusal):
    says = "The agency may not know this itself, so it can neither share nor change it."
    mend = "Share what the agency may open, and its own words; the lead can share more, where consent covers that."


class BasisTooNarrow(Refusal):
    says = "The basis does not allow all of these compartments to be disclosed."
    mend = "Leave out those it does not allow, or disclose on a court order that names them."


class WrongMove(Refusal):
    says = "The referral's state does not allow this move."


class StillRunning(Refusal):
    says = "The clock has not run out."


class HoldStands(Refusal):
    says = "A legal hold stands or does not stand, against what was asked."


class AnotherPersonNeeded(Refusal):
    says = "Who asked for it cannot also decide it."
    mend = "Another person, in a role that allows it, decides."


class ProposalOver(Refusal):
    says = "It was decided already, or its time is over."
    mend = "Ask for it again."


class NotDueYet(Refusal):
    says = "The time for which it is to be kept has not ended."
    mend = "See the retention report for when it does, or name another ground."


class Erased(Refusal):
    says = "This part of the case was erased; nothing of it is recorded any more."
    mend = "Open a new case if there is something new to record."


class Invalid(Refusal):
    says = "The values do not fit together."


class NotAMember(Refusal):
    says = "The person is not an active member of the agency in this role."
    mend = "An agency administrator can add the member or the role."


class AgencyInactive(Refusal):
    says = "The acting agency is not registered or is suspended."


class KeyMissing(Refusal):
    says = "The agency has registered no key that messages could be sealed to."
    mend = (
        "Make a key pair with `rujukan keygen`; an agency administrator registers its public half under the agency's \
keys."
    )


class GlassNotOpen(Refusal):
    says = "What was opened in an emergency is closed, or its time is over."
    mend = "If the danger lasts, break the glass again, with the reason why."


class NotTold(Refusal):
    says = "The agency was not told so much."
    mend = "Acknowledge what was delivered; GET /subscription says how far that goes."


class AnotherHistory(Refusal):
    says = "The service has no such delivery: an older state of it was restored, and your number is of another history."
    mend = (
        "Handle nothing more, keep what you have, and ask whoever runs the service (`rujukan forks`). Once that is set"
        " right, begin behind the last delivery of yours that the service does know: what it tells under numbers that"
        " you have is other than what you handled."
    )


class WrongReceipt(Refusal):
    says = "The receipt is not the one in the delivery with this sequence."
    mend = "Send the receipt that lies inside the seal of that very delivery."


class NotByTheSamePerson(Refusal):
    says = "Another person has to do this."
    mend = "Ask a colleague whose role allows it: nobody reviews themselves."
