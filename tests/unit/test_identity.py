"""Who the survivor is and how to reach her: recorded once, then corrected."""

from story import given, opened, say

from rujukan.domain.case.identity import (
    CorrectSurvivorContact,
    CorrectSurvivorIdentity,
    IdentifySurvivor,
    RecordSurvivorContact,
    SurvivorContactCorrected,
    SurvivorContactRecorded,
    SurvivorIdentified,
    SurvivorIdentityCorrected,
)
from rujukan.domain.refusal import AlreadyExists, Unknown

IDENTITY = {"name": "Penyintas A"}
CONTACT = {"phone": "0000", "safe_times": "mornings"}


def test_the_survivor_is_identified_once_and_then_corrected() -> None:
    who = say(SurvivorIdentified, **IDENTITY)
    given(opened()).when(say(IdentifySurvivor, **IDENTITY)).then(who)
    given(opened(), who).when(say(IdentifySurvivor, **IDENTITY)).refused(AlreadyExists, what="survivor identity")
    correction = {"name": "Penyintas B", "reason": "misheard"}
    given(opened(), who).when(say(CorrectSurvivorIdentity, **correction)).then(
        say(SurvivorIdentityCorrected, **correction)
    )


def test_what_was_never_recorded_of_her_identity_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorIdentity, **IDENTITY, reason="misheard")).refused(
        Unknown, what="survivor identity"
    )


def test_her_contact_is_recorded_once_and_then_corrected() -> None:
    how = say(SurvivorContactRecorded, **CONTACT)
    given(opened()).when(say(RecordSurvivorContact, **CONTACT)).then(how)
    given(opened(), how).when(say(RecordSurvivorContact, **CONTACT)).refused(AlreadyExists, what="survivor contact")
    given(opened(), how).when(say(CorrectSurvivorContact, phone="1111", reason="new number")).then(
        say(SurvivorContactCorrected, phone="1111", reason="new number")
    )


def test_what_was_never_recorded_of_her_contact_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorContact, phone="1111", reason="new number")).refused(
        Unknown, what="survivor contact"
    )


def test_it_is_not_safe_to_call_until_somebody_says_so() -> None:
    recorded = given(opened()).when(say(RecordSurvivorContact, phone="0000")).events[0]
    assert recorded.safe_to_call is False  # type: ignore[attr-defined]
