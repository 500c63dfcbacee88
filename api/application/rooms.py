"""What a door gets of the application: everything but the opener."""

from typing import NamedTuple

from .acknowledgements import Acknowledgements
from .arriving import Arrivals
from .casework import Casework
from .lists import Lists
from .network import Agencies
from .oversight import Oversight
from .ports import (
    Clock,
    Documents,
    Feed,
    KeyCheck,
    Ledger,
    Macs,
    Messages,
    Patience,
    Ports,
    TokenKeys,
    Webhooks,
)
from .reading import Reading
from .register import Deliveries
from .vitals import Refused, VitalSigns


class Rooms(NamedTuple):
    """The application, and what doors need of the world outside that is no secret of the survivors'."""

    casework: Casework
    reading: Reading
    lists: Lists
    acknowledgements: Acknowledgements
    arrivals: Arrivals
    documents: Documents
    tokens: TokenKeys
    macs: Macs
    now: Clock
    check_key: KeyCheck
    ledger: Ledger
    messages: Messages
    feed: Feed
    webhooks: Webhooks
    within: Patience
    register: Deliveries
    oversight: Oversight
    vitals: VitalSigns
    refused: Refused

    @property
    def network(self) -> Agencies:
        """The agencies."""
        return self.casework.network

    @classmethod
    def on(cls, ports: Ports) -> "Rooms":
        """The application on these adapters."""
        casework = Casework(ports.log, ports.macs, ports.deliveries, ports.case_bytes, ports.opener)
        return cls(
            casework,
            Reading(casework, ports.log, ports.opener),
            Lists(ports.views),
            Acknowledgements(casework, ports.deliveries),
            Arrivals(casework, ports.log),
            ports.documents,
            ports.tokens,
            ports.macs,
            ports.now,
            ports.check_key,
            ports.ledger,
            ports.messages,
            ports.feed,
            ports.webhooks,
            ports.within,
            ports.deliveries,
            ports.oversight,
            ports.vitals,
            Refused(),
        )
