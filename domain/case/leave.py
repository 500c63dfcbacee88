"""Leave to break a glass again: whoever was judged not justified has a second person allow the next, once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from ..casefile.deciding import Network, decides
from ..casefile.emergency import Leaves, misjudged
from ..casefile.evolving import applies
from ..casefile.state import Case
from ..causes import When
from ..codes import AgencyKind
from ..compartment import Coordination
from ..declaring import Audience, Step, asked, happened
from ..fact import Act, ActorId, AgencyCode, Fact, recorded
from ..refusal import Unknown
from ..standing.relations import Extent
from ..standing.roles import EMERGENCY, REVIEW
from ..standing.rows import ANYWHERE, LEADS_ALSO_ENDED, Row, Second
from ..words import Words

LASTS = timedelta(hours=1)
"""From the approval to the opening: whoever asked is waiting for it."""
STANDS = timedelta(days=1)


@happened(
    Words("Orang kedua mengizinkan akses darurat", "A second person allowed emergency access"),
    her=Words("Pembukaan darurat diizinkan orang kedua", "A second person allowed an emergency opening"),
    means="Seseorang yang akses daruratnya dinilai tidak beralasan boleh membukanya sekali lagi, selama waktu ini.",
    step=Step.EMERGENCY,
    to=Audience(
        Words("instansi yang membuka akses darurat", "the agency for which the glass is broken"),
        lambda event, case: {event.agency: event.kind},
    ),
)
class GlassAllowed(Fact, frozen=True, kw_only=True, tag="case.GlassAllowed"):
    """A person, of whom an emergency opening was judged not justified, may open once more until that time."""

    actor: Coordination[ActorId]
    agency: Coordination[AgencyCode]
    kind: Coordination[AgencyKind]
    expires_at: Coordination[datetime]


@asked(
    "/cases/{case}/break-glass-leave",
    by=EMERGENCY,
    where=ANYWHERE,
    second=Second((Row(REVIEW, LEADS_ALSO_ENDED, Extent.MOVE),), colleagues=REVIEW, stands=STANDS),
    extent=Extent.MOVE,
    when=When.NOW,
    means="Meminta orang kedua mengizinkan akses darurat, setelah satu dinilai tidak beralasan.",
    tag="emergency",
)
class AskGlassLeave(Fact, frozen=True, kw_only=True):
    """Ask a second person to allow an emergency opening, after one of one's own was judged not justified."""


@applies(GlassAllowed)
def glass_allowed(part: Leaves, event: GlassAllowed) -> Leaves:
    return replace(part, until={**part.until, event.actor: event.expires_at})


@decides.register
def ask_leave(command: AskGlassLeave, case: Case | None, act: Act, network: Network) -> Sequence[Fact]:
    """Who has nothing to ask for is told of no case."""
    _has_to_ask(case, act.actor, act.agency, network)
    until = act.at + LASTS
    return [recorded(GlassAllowed, command, act, actor=act.actor, agency=act.agency, kind=act.kind, expires_at=until)]


def _has_to_ask(case: Case | None, person: ActorId, acts_for: AgencyCode, network: Network) -> None:
    if case is None or not misjudged(case, person, acts_for, network):
        raise Unknown(what="case")
