"""Leave to make the survivor's report where it shows what her lead may not open: on her request, by two people."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ..advised import LeaveNeeded
from ..casefile.deciding import Network, decides
from ..casefile.evolving import applies
from ..casefile.state import EMPTY, Case, Part
from ..codes import Obtained
from ..compartment import Compartment, Coordination
from ..declaring import Step, asked, happened
from ..fact import Act, ActorId, Fact, recorded
from ..standing.reach import Reaches
from ..standing.relations import Extent
from ..standing.roles import AUDITORS, HER_READERS
from ..standing.rows import LEADS_ALSO_ENDED, Row, Second
from ..words import Words

LASTS = timedelta(days=1)


@happened(
    Words("Orang kedua mengizinkan laporan bagi korban", "A second person allowed the survivor's report"),
    her=Words("Pembuatan laporan bagi Anda disetujui", "Making your report was agreed to"),
    means="Penyintas meminta laporannya; orang ini boleh membuatnya sampai waktu itu, atas persetujuan orang lain.",
    step=Step.LEGAL,
)
class SurvivorReportAllowed(Fact, frozen=True, kw_only=True, tag="case.SurvivorReportAllowed"):
    """The survivor asked for her report; this person may make it until that time, as another approved."""

    reader: Coordination[ActorId]
    obtained: Coordination[Obtained]
    """How she asked."""
    expires_at: Coordination[datetime]


@asked(
    "/cases/{case}/survivor-report-leave",
    by=HER_READERS,
    where=LEADS_ALSO_ENDED,
    second=Second((Row(AUDITORS, LEADS_ALSO_ENDED, Extent.WHOLE),)),
    extent=Extent.WHOLE,
    means="Mencatat bahwa penyintas meminta laporannya, dan meminta orang kedua menyetujui pembuatannya.",
    tag="reports",
    example={"obtained": "written"},
)
class AskSurvivorReport(Fact, frozen=True, kw_only=True):
    """Say that the survivor asked for her report, and ask a second person to let it be made."""

    obtained: Coordination[Obtained]


class HerReport(Part, frozen=True):
    """Who may make her report, and until when."""

    ends_with_lead = True
    allowed: Mapping[ActorId, datetime] = EMPTY


@applies(SurvivorReportAllowed)
def survivor_report_allowed(part: HerReport, event: SurvivorReportAllowed) -> HerReport:
    return replace(part, allowed={**part.allowed, event.reader: event.expires_at})


@decides.register
def ask_report(command: AskSurvivorReport, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(SurvivorReportAllowed, command, act, reader=act.actor, expires_at=act.at + LASTS)]


def beyond_reach(case: Case, at: datetime) -> frozenset[Compartment]:
    """What her report shows of others' words that its lead may not open then."""
    reach = Reaches(case, at).of(case.lead, case.lead_kind)
    others = (words - reach.on(author) for author, words in case.words.items() if author != case.lead)
    return frozenset[Compartment]().union(*others) - case.erased - {Compartment.COORDINATION}


def require_leave(case: Case, person: ActorId, at: datetime) -> None:
    """Raises AnotherPersonNeeded where her report shows what the lead may not open, and the person has no leave of a
    second one, or not any more."""
    until = case.of(HerReport).allowed.get(person)
    if beyond_reach(case, at) and (until is None or at >= until):
        raise LeaveNeeded(ask="/cases/{case}/survivor-report-leave").with_acts(("AskSurvivorReport",))
