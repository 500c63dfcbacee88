"""Services that an agency delivered."""

from collections.abc import Sequence

from ..casefile.clocks import CLOCK, CONCERNED, MET_CLOCKS, met
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.moves import REFERRAL
from ..casefile.state import Case
from ..codes import ReferralStatus, Service
from ..compartment import Coordination
from ..declaring import Shared, Step, asked, field, happened, name_fields
from ..fact import Act, ClockId, Details, Fact, ReferralId, ServiceId, recorded
from ..standing.relations import Extent, Relation
from ..standing.roles import MACHINE_WORK
from ..standing.rows import TAKES_PART, Since
from ..words import Words

R = Relation

WORKING = frozenset({ReferralStatus.ACCEPTED, ReferralStatus.IN_PROGRESS})


class ServiceFacts(Details, frozen=True, kw_only=True):
    delivery: Coordination[ServiceId]
    service: Coordination[Service]
    referral: Coordination[ReferralId | None] = None
    meets: Coordination[tuple[ClockId, ...]] = ()


@happened(
    Words("Layanan diberikan", "Service delivered"),
    her=Words("Layanan diberikan", "A service was given"),
    means="Layanan telah diberikan.",
    step=Step.SERVICES,
    shared=Shared.STORY,
)
class ServiceDelivered(ServiceFacts, frozen=True, kw_only=True, tag="case.ServiceDelivered"):
    """Help reached the survivor."""


ACCEPTED = Since(Words("rujukan itu disanggupi", "the referral was accepted"), lambda referral: referral.accepted_at)


@asked(
    "/cases/{case}/services",
    by=MACHINE_WORK,
    where=TAKES_PART.to(REFERRAL, R.ADDRESSEE, by="referral", states=WORKING, move="deliver", since=ACCEPTED).to(
        CLOCK, *CONCERNED, by="meets"
    ),
    extent=Extent.OWN_WORDS,
    answers=(MET_CLOCKS,),
    means="Mencatat bahwa layanan diberikan.",
    tag="work",
    example={"service": "kesehatan", "health": "PEP hari pertama diberikan."},
    mints="delivery",
)
class DeliverService(ServiceFacts, frozen=True, kw_only=True):
    """Record that a service was delivered."""


@applies(ServiceDelivered)
def service_delivered(case: Case, event: ServiceDelivered) -> Case:
    return case.using(event.delivery)


@decides.register
def deliver_service(command: DeliverService, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.used_ids, command.delivery)
    return [recorded(ServiceDelivered, command, act), *met(command.meets, command, case, act)]


name_fields(
    delivery=field("Layanan yang diberikan", "Delivery"),
    meets=field("Memenuhi batas waktu", "Meets clocks"),
)
