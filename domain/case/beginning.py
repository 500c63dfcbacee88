"""Duties whose time began, or runs again, by what several agencies did: the system puts on record what none of them is
to learn.

The duty to report begins by her report and ends by the police's acceptance; the police's begin by their receipt. Where
another agency records what happened, or that she told it, whether such a time begins says what others did. So that
agency's deed begins nothing; the system, which looks for it (infra/delivery/escalating.py), does, and the lead and who
owes it are told. So it is where what met a duty is struck by somebody who has no word in that, as by who wrote a paper
that another named: the system says that it runs again.
"""

from collections.abc import Sequence

from ..casefile.deciding import Network, decides
from ..casefile.duties import beginning, may_begin, started
from ..casefile.entries import met_by_nothing
from ..casefile.state import Case, Status
from ..casefile.windows import runs_again
from ..causes import When
from ..declaring import asked
from ..fact import Act, Fact
from ..refusal import Unknown, WrongMove
from ..standing.clocks import Way, may
from ..standing.relations import Extent
from ..standing.roles import ESCALATION
from ..standing.rows import ANYWHERE


@asked(
    by=ESCALATION,
    where=ANYWHERE,
    extent=Extent.MOVE,
    when=When.NOW,
    means="Mencatat bahwa waktu sebuah kewajiban mulai berjalan karena tindakan beberapa instansi, atau berjalan lagi "
    "karena yang memenuhinya dicoret atau digantikan.",
)
class BeginDuties(Fact, frozen=True, kw_only=True):
    """Record that the time for duties of law began by what several agencies did, or runs again as what met it was
    struck or replaced."""


@decides.register
def begin_duties(command: BeginDuties, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Once each."""
    if case is None:
        raise Unknown(what="case")
    began = [each for each in beginning(case) if may_begin(each.duty, case, act)]
    again = [each for each in met_by_nothing(case) if may(Way.RESUME, each[0], case, act)]
    if case.status is not Status.OPEN or not (began or again):
        raise WrongMove(move="begin duties")
    at = command.occurred_at
    return [*(started(case, each, at, act) for each in began), *(runs_again(*each, at) for each in again)]
