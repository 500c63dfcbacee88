"""An agency's webhook: where what it is told is posted, for an agency that neither polls nor runs Kafka.

Each time it is set is a registration of its own, named by the version of the agency's stream: the secret that messages
are signed with is derived from it, so setting a webhook anew, also at the same address, is how a secret is replaced.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from .compartment import Coordination
from .declaring import asked, field, happened, name_fields
from .fact import Act, Fact, recorded
from .refusal import AlreadyDone, Unknown
from .standing.relations import Extent
from .standing.roles import ADMINISTRATORS, ESCALATION
from .standing.rows import OWN_AGENCY, OWN_SECOND, SYSTEM_ONLY, Second
from .words import Words

Url = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^https?://[!-~]+$(?!\n)",
        description="Where messages are posted: https, no credentials, no fragment",
        examples=["https://rsud.example/rujukan"],
        extra={"must": Words("alamat https, tanpa sandi dan fragmen", "an https address, no credentials, no fragment")},
    ),
]
SequenceNumber = Annotated[int, Meta(ge=0, le=2**53)]
Reason = Literal["gone", "failing"]
"""It answered that it is gone (410), or nothing but failures for too long."""


class AddressRefused(ValueError):
    """Nothing is ever posted to an address. It says what one has to be, and repeats nothing of it."""

    def __init__(self, must: Words) -> None:
        super().__init__(must.en)
        self.must = must


# Events --------------------------------------------------------------------------------------------------------


class WebhookFacts(Fact, frozen=True, kw_only=True):
    url: Coordination[Url]


@happened(Words("Alamat penerusan pesan ditetapkan", "Webhook set"))
class WebhookSet(WebhookFacts, frozen=True, kw_only=True, tag="agency.WebhookSet"):
    """From now on what the agency is told is posted there, signed with a new secret; the first time from the
    beginning, later behind what was posted before."""


@happened(Words("Alamat penerusan pesan dihapus", "Webhook removed"))
class WebhookRemoved(Fact, frozen=True, kw_only=True, tag="agency.WebhookRemoved"):
    """Nothing is posted any more."""


@happened(Words("Penerusan pesan dihentikan sistem", "Webhook disabled by the system"))
class WebhookDisabled(Fact, frozen=True, kw_only=True, tag="agency.WebhookDisabled"):
    """The system stopped posting, until somebody of the agency has looked."""

    reason: Coordination[Reason]


@happened(Words("Penerusan pesan diaktifkan kembali", "Webhook enabled again"))
class WebhookEnabled(Fact, frozen=True, kw_only=True, tag="agency.WebhookEnabled"):
    """It is posted again, behind what was posted before."""


class ReplayFacts(Fact, frozen=True, kw_only=True):
    after: Coordination[SequenceNumber]


@happened(Words("Penerusan pesan diulang dari satu nomor", "Webhook replayed from a number on"))
class WebhookReplayed(ReplayFacts, frozen=True, kw_only=True, tag="agency.WebhookReplayed"):
    """What comes after that sequence is posted next, whether it was before or not."""


EVENTS: tuple[type[Fact], ...] = (WebhookSet, WebhookRemoved, WebhookDisabled, WebhookEnabled, WebhookReplayed)


# Commands ------------------------------------------------------------------------------------------------------


@asked(
    "/agencies/{code}/webhook",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    second=Second((OWN_SECOND,)),
    extent=Extent.SEALED,
    means="Meminta yang diberitahukan kepada instansi diteruskan ke sebuah alamat.",
    tag="agencies",
    example={"url": "https://rsud.example/rujukan"},
)
class SetWebhook(WebhookFacts, frozen=True, kw_only=True):
    """Have what the agency is told posted to an address, signed with a new secret."""


@asked(
    "/agencies/{code}/webhook/removal",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    extent=Extent.SEALED,
    means="Menghentikan penerusan pesan.",
    tag="agencies",
)
class RemoveWebhook(Fact, frozen=True, kw_only=True):
    """Have nothing posted any more."""


@asked(
    "/agencies/{code}/webhook/enabling",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    extent=Extent.SEALED,
    means="Meneruskan lagi pesan, setelah dihentikan sistem.",
    tag="agencies",
)
class EnableWebhook(Fact, frozen=True, kw_only=True):
    """Have it posted again, after the system stopped."""


@asked(
    "/agencies/{code}/webhook/replay",
    by=ADMINISTRATORS,
    where=OWN_AGENCY,
    extent=Extent.SEALED,
    means="Meneruskan ulang yang datang setelah sebuah nomor.",
    tag="agencies",
    example={"after": 0},
)
class ReplayWebhook(ReplayFacts, frozen=True, kw_only=True):
    """Have posted next what comes after a sequence: again, or with something left out that cannot be taken."""


@asked(by=ESCALATION, where=SYSTEM_ONLY, extent=Extent.AGENCY, means="Menghentikan penerusan ke alamat yang gagal.")
class DisableWebhook(Fact, frozen=True, kw_only=True):
    """Stop posting to a webhook that was set with that version of the agency's stream."""

    registration: Coordination[int]
    reason: Coordination[Reason]


# State and decisions -------------------------------------------------------------------------------------------


class Webhook(Struct, frozen=True):
    """A webhook as it stands."""

    url: str
    registration: int
    """The version of the agency's stream at which it was set."""
    disabled: Reason | None = None


def evolve(webhook: Webhook | None, event: Fact, version: int) -> Webhook | None:
    """The webhook after one more of its events, which is the agency's of that version."""
    match event:
        case WebhookSet():
            return Webhook(event.url, version)
        case WebhookRemoved():
            return None
        case WebhookDisabled() if webhook is not None:
            return replace(webhook, disabled=event.reason)
        case WebhookEnabled() if webhook is not None:
            return replace(webhook, disabled=None)
    return webhook


def decide(command: Fact, webhook: Webhook | None, act: Act) -> Sequence[Fact]:
    """The events that follow from a command on the webhook of the agency that acts, or of any for the system.
    Raises Unknown where there is none, or not that one; AlreadyExists where it is as was asked."""
    if isinstance(command, SetWebhook):
        return [recorded(WebhookSet, command, act)]
    if webhook is None:
        raise Unknown(what="webhook")
    match command:
        case RemoveWebhook():
            return [recorded(WebhookRemoved, command, act)]
        case EnableWebhook():
            if webhook.disabled is None:
                raise AlreadyDone(what="an enabled webhook")
            return [recorded(WebhookEnabled, command, act)]
        case ReplayWebhook():
            return [recorded(WebhookReplayed, command, act)]
        case DisableWebhook():
            if webhook.registration != command.registration:
                raise Unknown(what="registration")
            if webhook.disabled is not None:
                raise AlreadyDone(what="a disabled webhook")
            return [recorded(WebhookDisabled, command, act)]
    raise TypeError(f"{type(command).__name__} is not a command of a webhook")


name_fields(
    after=field("Setelah nomor", "After number"),
    url=field("Alamat", "Address"),
)
