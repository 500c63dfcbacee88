"""Sharing without consent: on a named legal basis only, by a person who decides."""

from collections.abc import Sequence

from msgspec.structs import replace

from ..casefile.consenting import Scope, consent_in, require_later_end
from ..casefile.deciding import Network, decides, fresh
from ..casefile.evolving import applies
from ..casefile.state import Case
from ..codes import LegalBasis
from ..compartment import Coordination, Legal
from ..declaring import Step, asked, field, happened, name_fields
from ..fact import Act, ActorId, AgencyCode, Fact, Short, Text, recorded
from ..persistent import put
from ..standing.relations import Extent
from ..standing.roles import SUPERVISORS
from ..standing.rows import TAKES_PART
from ..words import Words


class OverrideFacts(Scope, frozen=True, kw_only=True):
    basis: Coordination[LegalBasis]
    rule: Coordination[Short]
    decided_by: Coordination[ActorId]
    reason: Legal[Text]
    survivor_told: Coordination[bool] = False


@happened(
    Words("Berbagi tanpa persetujuan atas dasar hukum", "Sharing without consent on a legal basis"),
    her=Words(
        "Data dibagikan tanpa persetujuan, atas dasar hukum", "Data was shared without consent, on a legal basis"
    ),
    means="Sesuatu boleh dibagikan tanpa persetujuan, menurut aturan yang disebut, atas keputusan seseorang.",
    step=Step.CONSENT,
)
class ConsentOverridden(OverrideFacts, frozen=True, kw_only=True, tag="case.ConsentOverridden"):
    """Something may be shared without consent, under a rule that is named, by a person who decided."""


@asked(
    "/cases/{case}/consent-overrides",
    by=SUPERVISORS,
    where=TAKES_PART,
    extent=Extent.SHARED,
    means="Berbagi tanpa persetujuan, atas dasar hukum.",
    tag="consent",
    example={
        "compartments": ["identity", "incident"],
        "recipients": ["polres"],
        "purposes": ["protection"],
        "basis": "child-mandatory-report",
        "rule": "UU 35/2014",
        "decided_by": "00000000-0000-4000-8000-000000000002",
        "reason": "Anak dalam bahaya.",
    },
    mints="consent",
)
class OverrideConsent(OverrideFacts, frozen=True, kw_only=True):
    """Share without consent, on a legal basis."""


@applies(ConsentOverridden)
def consent_overridden(case: Case, event: ConsentOverridden, author: AgencyCode | None) -> Case:
    about = {"basis": event.basis, "rule": event.rule, "made_by": author if author != case.lead else None}
    consent = replace(consent_in(event), override=True, **about)
    return replace(case, consents=put(case.consents, event.consent, consent))


@decides.register
def override_consent(command: OverrideConsent, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.consents, command.consent)
    require_later_end(command)
    return [recorded(ConsentOverridden, command, act)]


name_fields(
    decided_by=field("Diputuskan oleh", "Decided by"),
    survivor_told=field("Penyintas diberi tahu", "Survivor told", ("Anda diberi tahu", "You were told")),
)
