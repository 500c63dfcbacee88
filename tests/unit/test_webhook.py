"""An agency's webhook: who sets it, what the system may stop, and what is refused."""

from collections.abc import Sequence

import msgspec
import pytest
from story import act, say

from rujukan.domain import agency as a
from rujukan.domain import agency_state
from rujukan.domain import webhook as w
from rujukan.domain.codes import AgencyKind, Role
from rujukan.domain.fact import Act, Fact
from rujukan.domain.refusal import AlreadyExists, NotForThisAgency, NotForThisRole, Refusal, Unknown

OWN = act("rsud", Role.AGENCY_ADMINISTRATOR)
OTHER = act("polres", Role.AGENCY_ADMINISTRATOR)
LEAD = act("uptd-ppa", Role.AGENCY_ADMINISTRATOR)
SYSTEM = act("polres", Role.SYSTEM)

REGISTERED = say(a.AgencyRegistered, code="rsud", kind=AgencyKind.HEALTH, name="RSUD")
URL = "https://rsud.example/rujukan"
SET = say(w.WebhookSet, url=URL)
DISABLED = say(w.WebhookDisabled, reason="failing")
DISABLE = say(w.DisableWebhook, registration=2, reason="gone")


def after(*events: Fact) -> w.Webhook | None:
    agency = a.fold([REGISTERED, *events])
    assert agency is not None
    return agency.webhook


def decided(events: Sequence[Fact], command: Fact, by: Act) -> Sequence[Fact]:
    return agency_state.decide(command, a.fold([REGISTERED, *events]), by)


def refused(events: Sequence[Fact], command: Fact, by: Act, why: type[Refusal]) -> None:
    with pytest.raises(Refusal) as refusal:
        decided(events, command, by)
    assert isinstance(refusal.value, why)


def test_each_setting_is_a_registration_of_its_own_also_at_the_same_address() -> None:
    assert decided([], say(w.SetWebhook, url=URL), OWN) == [SET]
    assert decided([SET], say(w.SetWebhook, url=URL), OWN) == [SET]
    assert after(SET) == w.Webhook(URL, 2)
    assert after(SET, SET) == w.Webhook(URL, 3)


def test_what_is_removed_is_gone() -> None:
    assert decided([SET], say(w.RemoveWebhook), OWN) == [say(w.WebhookRemoved)]
    assert after(SET, say(w.WebhookRemoved)) is None


def test_the_system_stops_what_fails_and_the_agency_lets_it_go_on() -> None:
    assert decided([SET], DISABLE, SYSTEM) == [say(w.WebhookDisabled, reason="gone")]
    assert after(SET, DISABLED) == w.Webhook(URL, 2, "failing")
    assert decided([SET, DISABLED], say(w.EnableWebhook), OWN) == [say(w.WebhookEnabled)]
    assert after(SET, DISABLED, say(w.WebhookEnabled)) == w.Webhook(URL, 2)
    assert after(SET, DISABLED, SET) == w.Webhook(URL, 4), "what is set anew is not disabled"


def test_what_was_set_anew_meanwhile_is_not_stopped_for_what_the_old_one_did() -> None:
    refused([SET, SET], DISABLE, SYSTEM, Unknown)
    refused([SET, DISABLED], DISABLE, SYSTEM, AlreadyExists)
    refused([], DISABLE, SYSTEM, Unknown)


@pytest.mark.parametrize("by", [OWN, OTHER, LEAD], ids=lambda by: by.agency)
def test_nobody_but_the_system_says_that_it_fails(by: Act) -> None:
    refused([SET], DISABLE, by, NotForThisRole)


@pytest.mark.parametrize(
    "command",
    [say(w.SetWebhook, url=URL), say(w.RemoveWebhook), say(w.EnableWebhook), say(w.ReplayWebhook, after=0)],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("by", [OTHER, LEAD], ids=lambda by: by.agency)
def test_a_webhook_is_its_agencys_alone(command: Fact, by: Act) -> None:
    refused([SET, DISABLED], command, by, NotForThisAgency)


def test_it_is_replayed_from_a_sequence_on() -> None:
    assert decided([SET], say(w.ReplayWebhook, after=7), OWN) == [say(w.WebhookReplayed, after=7)]
    assert after(SET, say(w.WebhookReplayed, after=7)) == after(SET)


@pytest.mark.parametrize("command", [say(w.RemoveWebhook), say(w.EnableWebhook), say(w.ReplayWebhook, after=1)])
def test_where_there_is_none_there_is_nothing_to_change(command: Fact) -> None:
    refused([], command, OWN, Unknown)
    refused([SET, say(w.WebhookRemoved)], command, OWN, Unknown)


def test_what_is_not_disabled_is_not_enabled() -> None:
    refused([SET], say(w.EnableWebhook), OWN, AlreadyExists)


@pytest.mark.parametrize("url", ["ftp://rsud.example/", "rsud.example", "https://", "https://a b/", "https://a/\n", ""])
def test_an_address_is_one_of_the_web(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"occurred_at": "2026-03-03T12:00:00Z", "url": url}, w.SetWebhook)
