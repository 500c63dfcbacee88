"""The event that is measured: a note of about 450 bytes of content, half of it in a second compartment or not."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from rujukan.domain.case.fulfilment import ReferralAccepted
from rujukan.domain.case.notes import NoteRecorded
from rujukan.domain.codes import AgencyKind, Purpose, Role
from rujukan.domain.fact import Act, NoteId

NOW = datetime.now(UTC)
ACT = Act(
    actor=UUID(int=1),
    agency="uptd-ppa",
    kind=AgencyKind.LEAD,
    role=Role.CASE_WORKER,
    purpose=Purpose.CARE,
    at=NOW,
)


def one_compartment() -> ReferralAccepted:
    """About 450 bytes of JSON in the coordination compartment."""
    return ReferralAccepted(occurred_at=NOW, referral=uuid4(), note="n" * 340)


def two_compartments() -> NoteRecorded:
    """About 450 bytes of JSON in two compartments."""
    return NoteRecorded(occurred_at=NOW, note=NoteId(uuid4()), subject="s" * 100, psychosocial="p" * 220)
