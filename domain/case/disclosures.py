"""Disclosure to a court, or to another outside the network: who may be given what, on which basis.

That a bundle is made is an event before there is one, so nobody takes a case file out unseen.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.state import Case, compartments_named
from ..codes import DisclosureBasis
from ..compartment import ALL, Compartment, CompartmentWord, Coordination
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, DisclosureId, Fact, Short, recorded
from ..refusal import BasisTooNarrow, Invalid
from ..standing.relations import Extent
from ..standing.roles import AUDITORS, LEGAL
from ..standing.rows import LEADS_ALSO_ENDED, Row, Second
from ..words import Words

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


class DisclosureFacts(Fact, frozen=True, kw_only=True):
    disclosure: Coordination[DisclosureId]
    recipient: Coordination[Short]
    basis: Coordination[DisclosureBasis]
    rule: Coordination[Short]
    """The order, letter or article that it stands on, by its number."""
    compartments: Coordination[frozenset[CompartmentWord]]
    as_of: Coordination[Annotated[int, Meta(ge=0, le=2**53)] | None] = None
    """The position of the log up to which the case is disclosed; all that came before this when absent."""
    withheld_events: Coordination[tuple[Annotated[int, Meta(ge=1, le=2**31)], ...]] = ()
    """Versions of events of which nothing is disclosed but that they are there."""


@happened(
    Words("Salinan riwayat kasus (bundel) diserahkan", "Copy of the case's history (bundle) handed over"),
    her=Words(
        "Salinan riwayat kasus Anda diserahkan ke pihak luar",
        "A copy of your case's history was handed over to somebody outside",
    ),
    means="Bundel kasus dibuat bagi pihak luar, atas dasar ini.",
    step=Step.LEGAL,
    calls={
        "compartments": field(
            "Kelompok data yang diserahkan",
            "Compartments handed over",
            ("Data yang diserahkan", "Data that was handed over"),
        ),
        "recipient": field("Diserahkan kepada", "Handed over to", ("Diserahkan kepada", "Handed over to")),
    },
)
class DisclosureMade(DisclosureFacts, frozen=True, kw_only=True, tag="case.DisclosureMade"):
    """A bundle of the case was made for somebody outside, on this basis."""


@asked(
    "/cases/{case}/disclosures",
    by=LEGAL,
    where=LEADS_ALSO_ENDED,
    second=Second(
        (Row(AUDITORS, LEADS_ALSO_ENDED, Extent.BASIS),),
        when=lambda command, case, own: bool(compartments_named(command.compartments) - {Compartment.COORDINATION}),
        words=Words("bila memuat isi", "where it discloses content"),
    ),
    extent=Extent.BASIS,
    means="Membuat bundel kasus bagi pengadilan atau pihak lain di luar jejaring.",
    tag="legal file",
    example={
        "recipient": "Pengadilan Negeri Bontang",
        "basis": "court-order",
        "rule": "1/Pen.Pid/2026/PN Bon",
        "compartments": ["incident", "legal"],
        "as_of": 1,
    },
    mints="disclosure",
)
class DiscloseCase(DisclosureFacts, frozen=True, kw_only=True):
    """Make a bundle of the case for a court or another outside the network."""


@applies(DisclosureMade)
def disclosure_made(case: Case, event: DisclosureMade) -> Case:
    return case.using(event.disclosure)


@decides.register
def disclose(command: DiscloseCase, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    """The lead's to make. Withdrawn consent does not stand against it: the basis is another than consent."""
    fresh(case.used_ids, command.disclosure)
    beyond = compartments_named(command.compartments) - ALLOWED[command.basis] - {Compartment.COORDINATION}
    if beyond:
        raise BasisTooNarrow(basis=command.basis, compartments=beyond)
    if any(version > case.version for version in command.withheld_events):
        raise Invalid(
            field="withheld_events",
            must=Words(
                f"harus versi peristiwa yang ada, sampai {case.version}",
                f"be versions of events that there are, up to {case.version}",
            ),
        )
    return [recorded(DisclosureMade, command, act)]


name_fields(
    disclosure=field("Penyerahan bundel", "Disclosure"),
    as_of=field("Sampai posisi", "Up to position", ("Keadaan per", "As of")),
    withheld_events=field("Peristiwa yang tidak diungkap", "Events withheld"),
)
