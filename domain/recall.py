"""Recall: where a consent ends, agencies that were told something on it delete their copies.

Of what they were told they lose what no other live consent, and no override, still covers. They keep what they wrote
themselves, and that they took part. What they were told, and so what is recalled, the register says (disclosure.py).
The same commit that ends the consent asks for it, to a stream of the recall's own, as an erasure has one (erasure.py):
so each agency is asked behind the end, and before anything that it is told on a new consent. What the register wrote
down meanwhile is asked for behind it. Nothing is destroyed here. An agency with a duty of its own to keep what it was
told names the rule when it answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID, uuid5

from .case.confirming import ConsentNotConfirmed
from .case.consents import ConsentExpired
from .case.overrides import OverrideEnded
from .casefile.consenting import ConsentNarrowed
from .compartment import Compartment
from .disclosure import ENDS, Recalled
from .erasure import DeletionAsked, RecallRecorded
from .fact import Act, ActorId, AgencyCode, CaseId, ErasureId, Fact, recorded

RECALLS = UUID("9f0d3c57-61c2-5f6e-8a1b-726563616c6c")
"""Namespace of recall ids (RFC 9562, version 5)."""


def recall_id(case: UUID, version: int) -> ErasureId:
    """The id of the recall that follows from that event of the case."""
    return ErasureId(uuid5(RECALLS, f"{case}/{version}"))


def record(
    case: CaseId,
    version: int,
    ends: Fact,
    by: ActorId,
    lead: AgencyCode,
    lost: Mapping[AgencyCode, frozenset[Compartment]],
    act: Act,
) -> Sequence[Fact]:
    """What the recall's own stream begins with: it follows from the event `ends`, which ends a consent, of that version
    of the case, said by that person. `lost`: what each agency has to delete its copies of; nothing where nobody has
    to. Raises ValueError for an event that ends none."""
    if not isinstance(ends, ENDS):
        raise ValueError("a recall follows from the end of a consent")
    words = in_words(lost)
    if not words:
        return ()
    about = {"erasure": recall_id(case, version), "case": case}
    return [
        recorded(
            RecallRecorded,
            ends,
            act,
            **about,
            version=version,
            ended=_how(ends),
            compartments=frozenset().union(*words.values()),
            lead=lead,
            recorded_by=by,
        ),
        *(
            recorded(DeletionAsked, ends, act, **about, agency=agency, compartments=words[agency])
            for agency in sorted(words)
        ),
    ]


def ask(
    recall: RecallRecorded, asked: Iterable[DeletionAsked], lost: Mapping[AgencyCode, frozenset[Compartment]], act: Act
) -> Sequence[Fact]:
    """What agencies are to delete beyond what they were asked for."""
    before: dict[AgencyCode, frozenset[str]] = {}
    for event in asked:
        before[event.agency] = before.get(event.agency, frozenset()) | event.compartments
    return [
        recorded(DeletionAsked, recall, act, agency=agency, compartments=more)
        for agency, words in sorted(in_words(lost).items())
        if (more := words - before.get(agency, frozenset()))
    ]


def in_words(lost: Mapping[AgencyCode, frozenset[Compartment]]) -> dict[AgencyCode, frozenset[str]]:
    """Agency → the compartments that it is asked to delete. Coordination goes without saying: who has only that to
    forget is not asked."""
    words = {
        agency: frozenset(c.word for c in compartments if c is not Compartment.COORDINATION)
        for agency, compartments in lost.items()
    }
    return {agency: these for agency, these in words.items() if these}


def by_agency(recalled: Iterable[Recalled]) -> dict[AgencyCode, frozenset[Compartment]]:
    """Agency → what it has to delete of all that it was told of a case."""
    lost: dict[AgencyCode, frozenset[Compartment]] = {}
    for agency, _, compartments in ((r.agency, r.of, r.compartments) for r in recalled):
        lost[agency] = lost.get(agency, frozenset()) | compartments
    return lost


def _how(ends: Fact) -> str:
    if isinstance(ends, ConsentNarrowed):
        return "narrowed"
    if isinstance(ends, OverrideEnded):
        return "override-ended"
    if isinstance(ends, ConsentNotConfirmed):
        return "not-confirmed"
    return "expired" if isinstance(ends, ConsentExpired) else "withdrawn"
