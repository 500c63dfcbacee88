"""Case conferences (rapat koordinasi kasus), and the tasks that agencies take on, there or elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ..casefile.deciding import Network, decides, fresh
from ..casefile.entries import undoes
from ..casefile.evolving import applies
from ..casefile.state import EMPTY, Case, Part
from ..casefile.waiting import waits
from ..causes import Cause
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Shared, Step, asked, field, happened, name_fields
from ..fact import Act, ActionId, AgencyCode, ConferenceId, Details, Fact, Text, recorded
from ..persistent import put
from ..refusal import AlreadyDone, Unknown
from ..standing.relations import Extent, Relation
from ..standing.roles import CASE_WORK
from ..standing.rows import LEADS, TAKES_PART, Since, Thing
from ..words import Words

R = Relation


def _attending(event: "ConferenceHeld", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    return {agency: kind for agency, kind in case.participants().items() if agency in event.attendees}


def _owner(event: "ActionAgreed | ActionDone", case: Case) -> Mapping[AgencyCode, AgencyKind]:
    owner = case.of(Conferences).actions[event.action].owner
    return {agency: kind for agency, kind in case.participants().items() if agency == owner}


ATTENDEES = Audience(Words("peserta yang ikut serta dalam kasus", "attendees that take part in the case"), _attending)
OWNER = Audience(Words("pelaksana tugas", "the owner of the action"), _owner)


class ConferenceFacts(Details, frozen=True, kw_only=True):
    conference: Coordination[ConferenceId]
    attendees: Coordination[Annotated[frozenset[AgencyCode], Meta(min_length=1)]]


@happened(
    Words("Rapat koordinasi kasus", "Case conference held"),
    her=Words("Rapat koordinasi kasus diadakan", "Agencies met about your case"),
    means="Instansi-instansi bertemu tentang satu kasus (rapat koordinasi kasus).",
    step=Step.ASSESSMENT,
    shared=Shared.STORY,
    to=ATTENDEES,
    struck_by="StrikeEntry",
)
class ConferenceHeld(ConferenceFacts, frozen=True, kw_only=True, tag="case.ConferenceHeld"):
    """Agencies met over one case (rapat koordinasi kasus)."""


class ActionFacts(Fact, frozen=True, kw_only=True):
    action: Coordination[ActionId]
    owner: Coordination[AgencyCode]
    what: Coordination[Text]
    due_on: Coordination[date]
    conference: Coordination[ConferenceId | None] = None


@happened(
    Words("Tugas disepakati", "Action agreed"),
    her=Words("Tugas disepakati", "A task was agreed"),
    means="Sebuah instansi menyanggupi tugas sampai tanggal tertentu.",
    step=Step.ASSESSMENT,
    to=OWNER,
    struck_by="StrikeEntry",
)
class ActionAgreed(ActionFacts, frozen=True, kw_only=True, tag="case.ActionAgreed"):
    """An agency took on a task by a date."""


@happened(
    Words("Tugas selesai", "Action done"),
    her=Words("Tugas selesai", "A task was done"),
    means="Tugas itu selesai.",
    step=Step.ASSESSMENT,
    to=OWNER,
)
class ActionDone(Fact, frozen=True, kw_only=True, tag="case.ActionDone"):
    """The task is done."""

    action: Coordination[ActionId]
    remark: Coordination[Text | None] = None


ACTION = Thing(
    "action",
    Words("tugas", "action"),
    find=lambda case, id: case.of(Conferences).actions.get(id),
    whose={R.OWNER: lambda action, case: action.owner, R.LEAD: lambda action, case: case.lead},
    since=Since(Words("tugas itu disepakati", "the action was agreed"), lambda action: action.agreed_at),
)
CONFERENCE = Cause(
    Words("rapat itu diadakan", "the conference was held"),
    lambda command, case, act: case.of(Conferences).held.get(command.conference),
)


@asked(
    "/cases/{case}/conferences",
    by=CASE_WORK,
    where=LEADS.naming("attendees"),
    extent=Extent.OWN_WORDS,
    means="Mencatat rapat koordinasi kasus.",
    tag="work",
    example={"attendees": ["uptd-ppa"]},
    mints="conference",
)
class HoldConference(ConferenceFacts, frozen=True, kw_only=True):
    """Record a case conference."""


@asked(
    "/cases/{case}/actions",
    by=CASE_WORK,
    where=TAKES_PART.naming("owner"),
    extent=Extent.OWN_WORDS,
    answers=(CONFERENCE,),
    means="Mencatat tugas yang disanggupi sebuah instansi.",
    tag="work",
    example={"owner": "uptd-ppa", "what": "Antar ke sekolah.", "due_on": "2026-04-01"},
    mints="action",
)
class AgreeAction(ActionFacts, frozen=True, kw_only=True):
    """Record a task that an agency took on."""


@asked(
    "/cases/{case}/actions/{action}/completion",
    by=CASE_WORK,
    where=TAKES_PART.to(ACTION, R.OWNER, R.LEAD, by="action"),
    extent=Extent.MOVE,
    means="Menyatakan bahwa tugas yang disepakati selesai.",
    tag="work",
    example={"remark": "Selesai."},
)
class FinishAction(Fact, frozen=True, kw_only=True):
    """Say that an agreed task is done."""

    action: Coordination[ActionId]
    remark: Coordination[Text | None] = None


class Action(Struct, frozen=True):
    owner: AgencyCode
    done: bool = False
    agreed_at: datetime | None = None


class Conferences(Part, frozen=True):
    held: Mapping[ConferenceId, datetime] = EMPTY
    """Each conference, with when it was held."""
    actions: Mapping[ActionId, Action] = EMPTY


@applies(ConferenceHeld)
def conference_held(part: Conferences, event: ConferenceHeld) -> Conferences:
    return replace(part, held=put(part.held, event.conference, event.occurred_at))


@applies(ActionAgreed)
def action_agreed(part: Conferences, event: ActionAgreed) -> Conferences:
    return replace(part, actions=put(part.actions, event.action, Action(event.owner, agreed_at=event.occurred_at)))


@applies(ActionDone)
def action_done(part: Conferences, event: ActionDone) -> Conferences:
    done = replace(part.actions[event.action], done=True)
    return replace(part, actions=put(part.actions, event.action, done))


@undoes(ActionAgreed)
def not_agreed(case: Case, action: UUID) -> Case:
    part, id = case.of(Conferences), ActionId(action)
    return case.with_part(replace(part, actions=put(part.actions, id, replace(part.actions[id], done=True))))


@waits(
    "actions",
    Words("tugas yang belum selesai", "actions that are not done"),
    Words(
        "Selesaikan tugas itu; atau sepakati pada berkas yang diteruskan, lalu nyatakan selesai di sini dan sebut hal "
        "itu dalam keterangannya.",
        "Do the action; or agree on it in the file that lives on, and say so in the remark with which it ends here.",
    ),
    "FinishAction",
)
def not_done(case: Case, at: datetime) -> Iterable[UUID]:
    return (id for id, action in case.of(Conferences).actions.items() if not action.done)


@decides.register
def hold_conference(command: HoldConference, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Conferences).held, command.conference)
    return [recorded(ConferenceHeld, command, act)]


@decides.register
def agree_action(command: AgreeAction, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    fresh(case.of(Conferences).actions, command.action)
    if command.conference is not None and command.conference not in case.of(Conferences).held:
        raise Unknown(what="conference")
    return [recorded(ActionAgreed, command, act)]


@decides.register
def finish_action(command: FinishAction, case: Case, act: Act, network: Network) -> Sequence[Fact]:
    if case.of(Conferences).actions[command.action].done:
        raise AlreadyDone(what="the action's end", id=command.action)
    return [recorded(ActionDone, command, act)]


name_fields(
    conference=field("Rapat", "Conference"),
    attendees=field("Peserta", "Attendees", ("Instansi yang hadir", "Agencies present")),
    action=field("Tugas", "Action"),
    owner=field("Pelaksana", "Owner", ("Pelaksana", "Who does it")),
    what=field("Isi", "What", ("Tugas", "Task")),
    due_on=field("Paling lambat", "Due on", ("Paling lambat", "Due on")),
)
