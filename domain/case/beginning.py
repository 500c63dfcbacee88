"""Duties whose time began by what several agencies did: the system puts on record what none of them is to learn.

The duty to report begins by her report and ends by the police's acceptance; the police's begin by their receipt. Where
another agency records what happened, or that she told it, whether such a time begins says what others did. So that
agency's deed begins nothing; the system, which looks for it (infra/delivery/escalating.py), does, and the lead and who
owes it are told.
"""

from collections.abc import Sequence

from ..casefile.deciding import Network, decides
from ..casefile.duties import beginning, may_begin, started
from ..casefile.state import Case, Status
from ..causes import When
from ..declaring import asked
from ..fact import Act, Fact
from ..refusal import Unknown, WrongMove
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mencatat bahwa waktu sebuah kewajiban mulai berjalan karena tindakan beberapa instansi.",
)
class BeginDuties(Fact, frozen=True, kw_only=True):
    """Record that the time for duties of law began by what several agencies did."""


@decides.register
def begin_duties(command: BeginDuties, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once each."""
    if case is None:
        raise Unknown(what="case")
    began = [each for each in beginning(case) if may_begin(each.duty, case, act)]
    if case.status is not Status.OPEN or not began:
        raise WrongMove(move="begin duties")
    return [started(case, each, command.occurred_at, act) for each in began]
