"""What follows from a command on one file of a case in the other files of it, in the same commit."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from uuid import UUID

from ...domain import case as cases
from ...domain.case.erasure import ApproveErasure, Erasing, RequestErasure
from ...domain.case.lead import LeadTransferAccepted, led_along
from ...domain.case.merging import AbsorbDuplicate, CaseSeparated, MergeCase, released, told_of_both
from ...domain.case.staffing import ExclusionEnded, PersonExcluded
from ...domain.case.stopping import StopConfirmed
from ...domain.casefile.deciding import derived, followed
from ...domain.casefile.evolving import fold_log
from ...domain.casefile.evolving import said as said_by
from ...domain.casefile.overriding import Overrides
from ...domain.casefile.state import Case
from ...domain.casefile.stopping import SharingStopped, Stops, said_in_other_file
from ...domain.codes import ErasureBasis, GlassVerdict
from ...domain.fact import Act, ActorId, AgencyCode, CaseId, Fact, StopId
from ...domain.judged import JudgedNotJustified, person_stream
from ...domain.kept_out import carried_over, ended_along, is_carried, require_remaining
from ...domain.refusal import Unknown
from ...domain.together import Damaged, File, Find, family, may_go
from .consequences import Cases, Consequence, Step, recall_copies
from .ports import Changes, Moved, Unreadable


def files(casework: Cases) -> Find:
    """Files by their numbers, each as it is when it is first asked for."""

    @cache
    def find(id: CaseId) -> File | None:
        try:
            return casework.case(id)
        except Unreadable:
            outline = casework.outline(id)
            return Damaged(outline, casework.joined(id)) if outline is not None else None

    return find


def absorb(step: Step[CaseId], merge: Fact) -> Sequence[Changes]:
    """The living file's side of a merger, and what holds in all files of the case from then on: who is excluded from
    one, and what was judged not justified. Raises Refusal, Moved."""
    assert isinstance(merge, MergeCase)
    if merge.into == step.id:
        raise Unknown(what="case")
    find = files(step.casework)
    into = step.casework.case(merge.into)
    said = AbsorbDuplicate(occurred_at=merge.occurred_at, duplicate=step.id)
    events = [*cases.decide(said, into, step.act, step.casework.network)]
    merged = _before(step)
    assert into is not None
    events += told_of_both(step.id, merged, into, step.act.at)
    all_of_it = {**family(step.id, merged, find), **family(merge.into, into, find)}
    all_of_it |= {step.id: _after(merged, step.events, step.act), merge.into: _after(into, events, step.act)}
    require_remaining(all_of_it, step.casework.network, "into")
    return [
        Changes(merge.into, into.version, events),
        *_excluded_from_all(all_of_it, {step.id: step.version, merge.into: into.version}, step.act),
        *_verdicts([merged, into], step),
    ]


def release(step: Step[CaseId], separated: Fact) -> Sequence[Changes]:
    """The side of the file that lived on, of a merger that is undone: whoever leads it by now, and in whatever state it
    is; where it was destroyed, or is damaged, it says nothing."""
    assert isinstance(separated, CaseSeparated)
    try:
        living = step.casework.case(separated.was_merged_into)
    except Unreadable:
        return []
    said = [released(step.id, separated)]
    return [Changes(separated.was_merged_into, living.version, said)] if living is not None else []


def exclude_from_all(step: Step[CaseId], excluded: Fact) -> Sequence[Changes]:
    """Who is excluded from a file is excluded from all files of its case. Raises Invalid, Moved."""
    assert isinstance(excluded, PersonExcluded)
    if excluded is not step.events[0]:  # of another agency of the same person: what is carried over has it
        return []
    case = _before(step)
    all_of_it = {**family(step.id, case, files(step.casework)), step.id: _after(case, step.events, step.act)}
    if len(all_of_it) > 1 and not is_carried(excluded.exclusion, step.id, all_of_it):
        require_remaining(all_of_it, step.casework.network, "person")
    return _excluded_from_all(all_of_it, {step.id: step.version}, step.act)


def not_carried(casework: Cases, case: CaseId) -> list[tuple[CaseId, PersonExcluded]]:
    """Exclusions that stand in another file of a case, and not in that file: an earlier release carried them one way,
    and what did not open took none. Raises Unreadable."""
    found = casework.case(case)
    if found is None:
        return []
    all_of_it = {**family(case, found, files(casework)), case: found}
    return [(id, event) for id, events in carried_over(all_of_it, found.opened_at).items() for event in events]


def let_in_to_all(step: Step[CaseId], ended: Fact) -> Sequence[Changes]:
    """Where an exclusion ends, what was carried over from it ends with it. Raises Invalid, Moved."""
    assert isinstance(ended, ExclusionEnded)
    case = _before(step)
    others = family(step.id, case, files(step.casework))
    over = ended_along(ended, step.id, {**others, step.id: case}, step.act.at)
    return [Changes(id, others[id].version, events) for id, events in over.items()]


def stop_in_all(step: Step[CaseId], said: Fact) -> Sequence[Changes]:
    """Copies are asked back, as where any consent ends. What she told the lead to stop, or confirmed to it, stops in
    all files of the case that it leads, and copies are asked back there, too. Raises Moved."""
    assert isinstance(said, SharingStopped | StopConfirmed)
    case = _before(step)
    if isinstance(said, StopConfirmed):
        heard = case.of(Stops).heard[said.stop]
        stop = SharingStopped(
            occurred_at=said.occurred_at,
            stop=said.stop,
            about=heard.about,
            said_by=said.given_by,
            recipients=heard.recipients,
            compartments=frozenset(c.word for c in heard.compartments) if heard.compartments is not None else None,
            purposes=heard.purposes,
        )
    elif _after(case, [said], step.act).of(Stops).heard[said.stop].by_lead and said.answer_by is None:
        stop = said
    else:
        return recall_copies(step, said)
    found = [*recall_copies(step, said)]
    for id, other in family(step.id, case, files(step.casework)).items():
        same = said_in_other_file(other, StopId(derived(stop.stop, str(id))), stop, step.act)
        if same is not None and other.lead == case.lead:
            there = Step(id, other.version, followed([same], other, step.act), step.act, step.casework)
            found += [Changes(id, other.version, there.events), *recall_copies(there, same)]
    return found


def lead_all(step: Step[CaseId], accepted: Fact) -> Sequence[Changes]:
    """Who takes the lead of a file takes that of all files of its case which the same agency led. Raises Moved."""
    assert isinstance(accepted, LeadTransferAccepted)
    case = _before(step)
    others = family(step.id, case, files(step.casework))
    return [
        Changes(id, other.version, led_along(other, accepted, step.act))
        for id, other in others.items()
        if other.lead == case.lead
    ]


def keep_together(step: Step[CaseId], erasing: Fact) -> Sequence[Changes]:
    """Nothing of a case is destroyed that another file of the same case keeps: each is asked as it is at the commit.
    Raises HoldStands, OpenReferrals, NotDueYet, StillKept, Moved."""
    assert isinstance(erasing, RequestErasure | ApproveErasure)
    case = _before(step)
    asked = case.of(Erasing).asked
    basis = erasing.basis if isinstance(erasing, RequestErasure) else asked.basis if asked is not None else None
    return _asked(step.id, case, step.casework, basis is ErasureBasis.RETENTION_ENDED, step.act)


def keep_damaged(case: CaseId) -> Consequence[UUID]:
    """The same, of the erasure of a case that cannot be read."""

    def keep(step: Step[UUID], erasing: Fact) -> Sequence[Changes]:
        outline = step.casework.outline(case)
        if outline is None:
            raise Moved
        return _asked(case, Damaged(outline, step.casework.joined(case)), step.casework, False, step.act)

    return keep


def _asked(id: CaseId, file: File, casework: Cases, by_time: bool, act: Act) -> list[Changes]:
    return [Changes(other, version, ()) for other, version in may_go(id, file, files(casework), by_time, act.at)]


def _before(step: Step[CaseId]) -> Case:
    """The case on which a step was decided. Raises Moved where it moved on."""
    case = step.casework.case(step.id)
    if case is None or case.version != step.version:
        raise Moved
    return case


def _after(case: Case, events: Sequence[Fact], act: Act) -> Case:
    after = fold_log(said_by(events, act.agency, act.at), case)
    assert after is not None
    return after


def _excluded_from_all(all_of_it: Mapping[CaseId, Case], read_at: Mapping[CaseId, int], act: Act) -> list[Changes]:
    """`read_at` has the version of those that are written to by the same step."""
    carried = carried_over(all_of_it, act.at)
    return [Changes(id, read_at.get(id, all_of_it[id].version), events) for id, events in carried.items() if events]


def _verdicts(of: Iterable[Case], step: Step[CaseId]) -> list[Changes]:
    """That something was judged not justified in a file of before that counted in every case: from the merger on it
    does."""
    found: list[Changes] = []
    for agency, person, judged in (one for case in of for one in _misjudged(case)):
        network = step.casework.network
        with suppress(Unreadable):
            if judged not in network.misjudged(person):
                said = JudgedNotJustified(occurred_at=step.act.at, agency=agency, member=person, judged=judged)
                found.append(Changes(person_stream(person), network.judged_so_far(person), [said]))
    return found


def _misjudged(case: Case) -> Iterable[tuple[AgencyCode, ActorId, UUID]]:
    for glass in case.glasses.values():
        if glass.verdict is GlassVerdict.NOT_JUSTIFIED:
            yield glass.agency, glass.actor, glass.id
    for consent, made in case.of(Overrides).made.items():
        if made.verdict is GlassVerdict.NOT_JUSTIFIED and made.agency is not None:
            yield made.agency, made.person, consent
