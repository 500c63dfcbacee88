"""What the service seals and signs tellings with."""

from functools import partial
from typing import NamedTuple
from uuid import UUID

from ...consumers.wire import envelope
from ..keys.handles import Keys, Signer
from ..keys.home import Macs
from ..keys.names import DELIVERY_RECEIPT, DELIVERY_SIGNATURE, PSEUDONYMS, REGISTER
from .digests import Digests


class Sealing(NamedTuple):
    """What the service seals and signs with."""

    signer: Signer
    macs: Macs
    network: str
    digests: Digests

    @classmethod
    def of(cls, keys: Keys, network: str) -> "Sealing":
        """The network's."""
        macs = keys.macs(PSEUDONYMS, DELIVERY_RECEIPT, REGISTER)
        return cls(keys.signer(DELIVERY_SIGNATURE), macs, network, Digests(keys.macs(REGISTER)))

    def pseudonym(self, agency: str, of: UUID) -> str:
        """What stands for a case, or a request, in an agency's topic."""
        return envelope.pseudonym(partial(self.macs.mac, PSEUDONYMS), agency, of)
