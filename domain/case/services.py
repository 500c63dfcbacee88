"""Services that an agency delivered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..casefile.clocks import CARE_ENDS, CLOCK, CONCERNED, MET_CLOCKS, met
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.moves import REFERRAL, is_machine_s
from ..casefile.state import Case, Clock
from ..casefile.windows import follow_ups, is_for
from ..codes import ReferralStatus, Service
from ..compartment import Coordination, Health
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, ClockId, Details, Fact, ReferralId, ServiceId, recorded
from ..persistent import put
from ..refusal import Invalid
from ..standing.clocks import LAW, Way, gives_care, may, require
from ..standing.relations import Extent, Relation
from ..standing.roles import MACHINE_WORK
from ..standing.rows import TAKES_PART, Since
from ..violence import ClockNeed
from ..words import Words

R = Relation

OF_LAW = Words(
    "harus batas waktu layanan kesehatan: kewajiban menurut undang-undang dipenuhi dengan tindakan yang diminta "
    "undang-undang, dan dinyatakan beserta buktinya (clocks/…/end)",
    "be clocks of care: a duty of law is met by the act that the law asks for, and that is said with what shows it "
    "(clocks/…/end)",
)
WORKING = frozenset({ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS})


class ServiceFacts(Details, frozen=True, kw_only=True):
    delivery: Coordination[ServiceId]
    service: Coordination[Service]
    referral: Coordination[ReferralId | None] = None
    meets: Coordination[tuple[ClockId, ...]] = ()
    gave: Health[frozenset[ClockNeed] | None] = None
    """Care that was given: its clocks are met, without anybody naming them."""


def _gave_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say what was given."""
    return fields


def _by_whom_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 2 did not say whether a person recorded it."""
    return {"by_machine": None, **fields}


@happened(
    Words("Layanan diberikan", "Service delivered"),
    her=Words("Layanan diberikan", "A service was given"),
    means="Layanan telah diberikan.",
    step=Step.SERVICES,
    shared=Shared.STORY,
    earlier=(_gave_unsaid, _by_whom_unsaid),
    struck_by="StrikeEntry",
)
class ServiceDelivered(ServiceFacts, frozen=True, kw_only=True, tag="case.ServiceDelivered"):
    """Help reached the survivor."""

    by_machine: Coordination[bool | None] = None
    """The agency's own system recorded it, and no person: that ends no silence. None: a person did, or nobody said."""


ACCEPTED = Since(Words("rujukan itu disanggupi", "the referral was accepted"), lambda referral: referral.accepted_at)


@asked(
    "/cases/{case}/services",
    by=MACHINE_WORK,
    where=TAKES_PART.to(REFERRAL, R.ADDRESSEE, by="referral", states=WORKING, move="deliver", since=ACCEPTED).to(
        CLOCK, *CONCERNED, by="meets"
    ),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCKS,),
    means="Mencatat bahwa layanan diberikan. Layanan kesehatan memenuhi batas waktunya bila dinyatakan seseorang dari "
    "penanggung jawab, layanan kesehatan yang terkait batas waktu itu, atau yang menyanggupi rujukan yang menyebutnya; "
    "pernyataan pihak lain, atau mesin, tercatat dan tidak memenuhi apa pun.",
    tag="work",
    example={"service": "kesehatan", "health": "PEP hari pertama diberikan."},
    mints="delivery",
)
class DeliverService(ServiceFacts, frozen=True, kw_only=True):
    """Record that a service was delivered. Care that was given meets its clock where a person says so: of the lead, of
    a health service that is concerned with the clock, or of who accepted a referral that names it. The word of others,
    and of machines, stands as it is said, and meets nothing."""


@applies(ServiceDelivered)
def service_delivered(case: Case, event: ServiceDelivered, recorded_at: datetime) -> Case:
    """That its recipient acted on a referral ends the silence; that a system of theirs says so every day does not."""
    referral = case.referrals.get(event.referral) if event.referral is not None else None
    if referral is not None and referral.status.is_open and not event.by_machine:
        acted = replace(referral, entered_at=recorded_at, stalled=0)
        case = replace(case, referrals=put(case.referrals, acted.id, acted))
    return case.using(event.delivery)


@decides.register
def deliver_service(command: DeliverService, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """Of care, which clock it meets is sealed as what was given is. What somebody gave meets those clocks on which
    their word has effect; they are not told that there are others."""
    fresh(case.used_ids, command.delivery)
    for id in command.meets:
        require(Way.MEET, case.clocks[id], case, act)
        if case.clocks[id].duty in LAW:
            raise Invalid(field="meets", must=OF_LAW)
    in_clear = tuple(id for id in command.meets if case.clocks[id].duty not in CARE_ENDS)
    gave = command.gave or frozenset()
    given = [c for c in case.clocks.values() if c.runs and _since(c, command) and any(is_for(c, need) for need in gave)]
    by_need = [clock.id for clock in given if may(Way.MEET, clock, case, act)]
    cared = {need for need in gave if gives_care(case, act) or any(is_for(case.clocks[id], need) for id in by_need)}
    return [
        recorded(ServiceDelivered, command, act, meets=in_clear, by_machine=is_machine_s(act)),
        *met((*command.meets, *by_need), command, case, act),
        *follow_ups(cared, command.delivery, command.occurred_at, case),
    ]


def _since(clock: Clock, command: DeliverService) -> bool:
    """Whether it was given since what a clock counts from: what was given before was for something else."""
    return clock.starts_at is None or command.occurred_at >= clock.starts_at


name_fields(
    delivery=field("Layanan yang diberikan", "Delivery"),
    gave=field("Layanan kesehatan yang diberikan", "Care that was given", ("Yang diberikan", "What was given")),
    meets=field("Memenuhi batas waktu", "Meets clocks"),
)
