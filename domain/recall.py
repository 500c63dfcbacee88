"""Recall: where a consent is withdrawn or narrowed, agencies that were told something on it delete their copies.

Of what they were told they lose what no other live consent, and no override, still covers. They keep what they wrote
themselves, and that they took part. The same commit that ends the consent writes the recall, to a stream of its own as
an erasure has one (erasure.py), so that each agency is asked in order behind the withdrawal; nothing is destroyed here.
An agency with a duty of its own to keep what it was told names the rule when it answers.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from .agency_state import Agency
from .case.consents import ConsentNarrowed, ConsentWithdrawn
from .casefile.evolving import fold
from .disclosure import Knowledge, Written
from .erasure import DeletionAsked, RecallRecorded
from .fact import Act, AgencyCode, CaseId, ErasureId, Fact, recorded

RECALLS = UUID("9f0d3c57-61c2-5f6e-8a1b-726563616c6c")
"""Namespace of recall ids (RFC 9562, version 5)."""


def recall_id(case: UUID, version: int) -> ErasureId:
    """The id of the recall that follows from that event of the case."""
    return ErasureId(uuid5(RECALLS, f"{case}/{version}"))


def record(
    case: CaseId, events: Sequence[Fact], written: Sequence[Written], act: Act, network: Mapping[AgencyCode, Agency]
) -> Sequence[Fact]:
    """What is written to the recall's own stream beside `events`, the first of which ends a consent; nothing where
    nobody was told anything on it. `written` is all of the case before them."""
    ends = events[0]
    if not isinstance(ends, ConsentWithdrawn | ConsentNarrowed):
        raise ValueError("a recall follows from the end of a consent")
    knowledge = Knowledge()
    for event in written:
        knowledge.follow(event)
    after = fold(events, knowledge.case)
    if after is None:
        raise ValueError("no consent of a case that is not there ends")
    lost = {
        agency: frozenset(c.word for these in versions.values() for c in these)
        for agency, versions in knowledge.ended(after, act.at).items()
        if agency in network
    }
    if not lost:
        return ()
    version = len(written) + 1
    about = {"erasure": recall_id(case, version), "case": case}
    return [
        recorded(
            RecallRecorded,
            ends,
            act,
            **about,
            consent=ends.consent,
            version=version,
            ended="withdrawn" if isinstance(ends, ConsentWithdrawn) else "narrowed",
            compartments=frozenset().union(*lost.values()),
            lead=after.lead,
            recorded_by=act.actor,
        ),
        *(
            recorded(DeletionAsked, ends, act, **about, agency=agency, compartments=lost[agency])
            for agency in sorted(lost)
        ),
    ]
