"""Who the survivor is and how to reach her: recorded once, then corrected."""

from typing import Any

import msgspec
import pytest
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
from rujukan.domain.compartment import Compartment, compartments_of
from rujukan.domain.fact import Fact
from rujukan.domain.refusal import AlreadyExists, Unknown

IDENTITY = {"name": "Penyintas A"}
CONTACT = {"phone": "0000", "safe_times": "mornings"}


def test_the_survivor_is_identified_once_and_then_corrected() -> None:
    who = say(SurvivorIdentified, **IDENTITY)
    given(opened()).when(say(IdentifySurvivor, **IDENTITY)).then(who)
    given(opened(), who).when(say(IdentifySurvivor, **IDENTITY)).refused(AlreadyExists, what="survivor identity")
    correction = {"name": "Penyintas B", "reason": "misheard"}
    given(opened(), who).when(say(CorrectSurvivorIdentity, **correction)).then(
        say(SurvivorIdentityCorrected, **correction, corrects="uptd-ppa")
    )


def test_what_was_never_recorded_of_her_identity_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorIdentity, **IDENTITY, reason="misheard")).refused(
        Unknown, what="survivor identity"
    )


def test_her_contact_is_recorded_once_and_then_corrected() -> None:
    how = say(SurvivorContactRecorded, **CONTACT)
    given(opened()).when(say(RecordSurvivorContact, **CONTACT)).then(how)
    given(opened(), how).when(say(RecordSurvivorContact, **CONTACT)).refused(AlreadyExists, what="survivor contact")
    given(opened(), how).when(say(CorrectSurvivorContact, phone="1111", safe_to_call=None, reason="new number")).then(
        say(SurvivorContactCorrected, phone="1111", reason="new number", corrects="uptd-ppa")
    )


def test_what_was_never_recorded_of_her_contact_cannot_be_corrected() -> None:
    given(opened()).when(say(CorrectSurvivorContact, phone="1111", safe_to_call=None, reason="new number")).refused(
        Unknown, what="survivor contact"
    )


@pytest.mark.parametrize("safe", [None, False, True])
def test_whether_it_is_safe_to_call_is_what_was_said_and_no_default(safe: bool | None) -> None:
    said: dict[str, Any] = {"phone": "0000", "safe_to_call": safe}
    how = say(SurvivorContactRecorded, phone="0000", safe_to_call=safe)
    given(opened()).when(say(RecordSurvivorContact, **said)).then(how)
    given(opened(), how).when(say(CorrectSurvivorContact, **said, reason="r")).then(
        say(SurvivorContactCorrected, phone="0000", safe_to_call=safe, reason="r", corrects="uptd-ppa")
    )


def test_a_correction_in_which_nobody_says_whether_it_is_safe_is_refused() -> None:
    """It replaces all, so a *do not call* would be lost by silence."""
    said = {"phone": "1111", "reason": "new number", "occurred_at": "2026-03-01T08:00:00Z"}
    with pytest.raises(msgspec.ValidationError, match="safe_to_call"):
        msgspec.convert(said, CorrectSurvivorContact)
    assert msgspec.convert(said | {"safe_to_call": None}, CorrectSurvivorContact).safe_to_call is None


@pytest.mark.parametrize("event", [SurvivorContactRecorded, SurvivorContactCorrected])
def test_how_to_reach_her_safely_is_in_the_compartment_of_her_number(event: type[Fact]) -> None:
    """Nobody can be handed the one without the other."""
    where = compartments_of(event)
    assert {where[field] for field in ("phone", "address", "safe_times", "safe_to_call")} == {Compartment.CONTACT}
