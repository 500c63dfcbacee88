"""Disclosure to a court, or to another outside the network: who may be given what, on which basis.

That a bundle is made is an event before there is one, so nobody takes a case file out unseen.
"""

from collections.abc import Mapping, Sequence

from ..codes import DisclosureBasis
from ..compartment import ALL, Compartment
from ..fact import Act, Fact, recorded
from ..refusal import BasisTooNarrow, Invalid, NotForThisAgency
from . import commands as c
from . import events as e
from .deciding import Network, decide, existing, fresh
from .state import Case, words

WITHOUT_WHEREABOUTS = ALL - {Compartment.CONTACT, Compartment.SAFETY}

ALLOWED: Mapping[DisclosureBasis, frozenset[Compartment]] = {
    DisclosureBasis.COURT_ORDER: ALL,
    DisclosureBasis.SURVIVOR_REQUEST: ALL,
    DisclosureBasis.INVESTIGATION: WITHOUT_WHEREABOUTS - {Compartment.PSYCHOSOCIAL, Compartment.ECONOMIC},
    DisclosureBasis.PROSECUTION: WITHOUT_WHEREABOUTS - {Compartment.ECONOMIC},
    DisclosureBasis.RESTITUTION: WITHOUT_WHEREABOUTS,
    DisclosureBasis.AUDIT: frozenset({Compartment.COORDINATION}),
}
"""What a basis can cover at most: a default of the network's, not a rule of law. Where the survivor lives, and how she
is kept safe, leaves the system on a court's order or at her own request alone: a file passes through many hands."""


@decide.register
def disclose(command: c.DiscloseCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """The lead's to make. Withdrawn consent does not stand against it: the basis is another than consent."""
    now = existing(case, act)
    if act.agency != now.lead:
        raise NotForThisAgency(needs="lead")
    fresh(now.noted, command.disclosure)
    beyond = words(command.compartments) - ALLOWED[command.basis] - {Compartment.COORDINATION}
    if beyond:
        raise BasisTooNarrow(basis=command.basis, compartments=beyond)
    if any(version > now.version for version in command.withheld_events):
        raise Invalid(field="withheld_events", must=f"be versions of events that there are, up to {now.version}")
    return [recorded(e.DisclosureMade, command, act)]
