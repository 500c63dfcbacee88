"""Reports, and the opening of a case."""

from collections.abc import Sequence
from typing import Any

from ..casefile.assigning import assigned_to_self
from ..casefile.deciding import Network, decides
from ..casefile.duties import Duties, reported
from ..casefile.evolving import applies, begins
from ..casefile.state import Case
from ..causes import When
from ..codes import AgeGroup, AgencyKind, Channel, Reporter, Urgency
from ..compartment import Contact, Coordination, Identity, Incident
from ..declaring import Shared, Step, asked, field, happened, name_fields, unchanged
from ..fact import Act, AgencyCode, Fact, Short, Text, recorded
from ..pathways import CURRENT
from ..refusal import AlreadyExists
from ..standing.relations import Extent
from ..standing.roles import MACHINE_WORK
from ..standing.rows import ANYWHERE, TAKES_PART
from ..words import OF_OTHERS, Words


class ReportFacts(Fact, frozen=True, kw_only=True):
    channel: Coordination[Channel]
    reporter: Coordination[Reporter]
    reporter_name: Identity[Short | None] = None
    reporter_contact: Contact[Short | None] = None
    reporter_safe_to_call: Contact[bool | None] = None
    """Whether `reporter_contact` may be called: often it is her own number, or that of who lives with him. None where
    nobody said. It stands with the number, in its compartment: nobody is handed the one without the other."""
    account: Incident[Text | None] = None


def _caveat_unsaid(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no place for it: whether the reporter may be called is not said."""
    return {**fields, "reporter_safe_to_call": None}


@happened(
    Words("Laporan diterima", "Report received"),
    her=Words("Laporan diterima", "A report was received"),
    means="Seseorang melaporkan dugaan kekerasan kepada instansi anggota. `reporter_safe_to_call` null: tidak "
    "disebutkan apakah pelapor aman dihubungi. Jangan menelepon untuk mencari tahu: tanyakan kepada yang mencatatnya.",
    step=Step.REPORT,
    shared=Shared.STORY,
    withheld=dict.fromkeys(("reporter", "reporter_name", "reporter_contact", "reporter_safe_to_call"), OF_OTHERS),
    earlier=(_caveat_unsaid,),
    struck_by="StrikeEntry",
)
class ReportReceived(ReportFacts, frozen=True, kw_only=True, tag="case.ReportReceived"):
    """Somebody told a member agency what happened or may have happened. `reporter_safe_to_call` null: it is not said
    whether the reporter may be called. Do not call to find out: ask who recorded it."""


@happened(
    Words("Kasus dibuka", "Case opened"),
    her=Words("Kasus Anda dibuka", "Your case was opened"),
    means="Sebuah instansi menjadi penanggung jawab kasus baru. `reference`: nomor berkasnya sendiri, bila ada.",
    step=Step.REPORT,
    shared=Shared.COMMON,
    earlier=(unchanged,),
)
class CaseOpened(Fact, frozen=True, kw_only=True, tag="case.CaseOpened"):
    """An agency took the lead of a new case. `reference` is its own file number, if any."""

    lead: Coordination[AgencyCode]
    lead_kind: Coordination[AgencyKind]
    urgency: Coordination[Urgency]
    age_group: Coordination[AgeGroup]
    pathway: Coordination[str]
    reference: Coordination[Short | None] = None


@asked(
    "/cases",
    by=MACHINE_WORK,
    where=ANYWHERE,
    extent=Extent.OWN_WORDS,
    when=When.ANY_TIME,
    means="Menerima laporan dan membuka kasus yang menjadi tanggung jawab instansinya.",
    tag="intake",
    example={"channel": "in-person", "reporter": "family", "urgency": "emergency", "age_group": "adolescent"},
    mints="case",
)
class OpenCase(ReportFacts, frozen=True, kw_only=True):
    """Receive a report and open a case that the acting agency leads."""

    urgency: Coordination[Urgency]
    age_group: Coordination[AgeGroup]
    reference: Coordination[Short | None] = None


@asked(
    "/cases/{case}/reports",
    by=MACHINE_WORK,
    where=TAKES_PART,
    extent=Extent.OWN_WORDS,
    when=When.ANY_TIME,
    means="Menambahkan laporan lain pada sebuah kasus.",
    tag="intake",
    example={"channel": "hotline", "reporter": "witness", "account": "Tetangga mendengar teriakan."},
)
class ReceiveReport(ReportFacts, frozen=True, kw_only=True):
    """Add a further report to a case."""


@begins(CaseOpened)
def case_opened(event: CaseOpened) -> Case:
    return Case(
        lead=event.lead,
        lead_kind=event.lead_kind,
        urgency=event.urgency,
        age_group=event.age_group,
        pathway=event.pathway,
        version=1,
        opened_at=event.occurred_at,
        began_at=event.occurred_at,
    )


@applies(ReportReceived)
def report_received(part: Duties, event: ReportReceived) -> Duties:
    return reported(part, event.reporter, event.occurred_at)


@decides.register
def open_case(command: OpenCase, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    if case is not None:
        raise AlreadyExists(what="case")
    return [
        recorded(CaseOpened, command, act, lead=act.agency, lead_kind=act.kind, pathway=CURRENT.version),
        recorded(ReportReceived, command, act),
        *assigned_to_self(act, command.occurred_at),
    ]


@decides.register
def receive_report(command: ReceiveReport, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    return [recorded(ReportReceived, command, act)]


name_fields(
    channel=field("Saluran", "Channel", ("Cara melapor", "How it was reported")),
    reporter=field("Pelapor", "Reporter", ("Pelapor", "Who reported")),
    reporter_name=field("Nama pelapor", "Reporter's name", ("Nama pelapor", "The reporter's name")),
    reporter_contact=field("Kontak pelapor", "Reporter's contact", ("Kontak pelapor", "The reporter's contact")),
    reporter_safe_to_call=field(
        "Aman menghubungi pelapor",
        "Safe to call the reporter",
        ("Aman menghubungi pelapor", "Safe to call the reporter"),
        unsaid=("tidak disebutkan", "not said"),
    ),
    account=field("Uraian pelapor", "Reporter's account", ("Yang disampaikan", "What was said")),
    reference=field("Nomor berkas instansi", "Agency's own file number", ("Nomor berkas", "File number")),
)
