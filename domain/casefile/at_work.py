"""What open referrals keep of a file from being erased, and how long.

Others work with it. So what they work with is not destroyed under them: neither the whole file, nor a part of which an
open referral carries something, or of which its recipient wrote something. But two who do not lead, and who send her on
to each other, and say each time that she agreed, are not to keep a file for ever. Of what is open,

- some stands against it as long as it is open: what police, prosecution or court were asked, whoever asked them, and
  whether they received it or not; and what the lead heard of her, confirmed, or decided itself;
- some stands against it until the lead has answered: an emergency, and work that began, on what others say that she
  said, or shared without her. The lead asks her first, and does not judge by silence;
- the rest postpones it (`END_TIMES.postponed`): what nothing covers any more, counted from when the erasure was asked
  for; and what waits on an unanswered word, and what runs as an emergency, from when it was sent, where that was later.

What the lead itself broke off, work that had begun or an emergency that somebody had, keeps the file as long as the end
of a referral is announced before (`END_TIMES.windows`): those who worked on it learn of it while there is something
left to save.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ..codes import PROCEEDINGS, ReferralStatus, Urgency
from ..compartment import Compartment
from ..fact import ReferralId
from ..pathways import END_TIMES
from ..standing.reach import Reaches
from .moves import BEGUN
from .state import NOTHING, Case, Referral

S = ReferralStatus


class Kept(Struct, frozen=True):
    """What keeps a file, or a part of it."""

    before_the_law: tuple[ReferralId, ...] = ()
    """What police, prosecution or court are asked, or have."""
    heard: tuple[ReferralId, ...] = ()
    unanswered: tuple[ReferralId, ...] = ()
    postponing: Mapping[ReferralId, datetime] = {}
    """Until when."""
    broken_off: datetime | None = None
    """Until when what the lead broke off keeps it."""

    @property
    def stands(self) -> tuple[ReferralId, ...]:
        """What stands against it as long as it is open."""
        return self.before_the_law or self.heard

    @property
    def all(self) -> tuple[ReferralId, ...]:
        return (*self.before_the_law, *self.heard, *self.unanswered, *self.postponing)


def keeps(case: Case, what: frozenset[Compartment], asked_at: datetime, at: datetime) -> Kept:
    """What keeps these compartments, with coordination among them the whole file, from an erasure that was asked for at
    `asked_at`, as it is at `at`."""
    reaches = Reaches(case, at)
    heard_alone = {id: consent for id, consent in case.consents.items() if consent.bounded_by is None}
    heard_reach = Reaches(replace(case, consents=heard_alone), at)
    before, heard, unanswered = list[ReferralId](), list[ReferralId](), list[ReferralId]()
    postponing: dict[ReferralId, datetime] = {}
    for referral in (r for r in case.referrals.values() if r.status.is_open):
        is_covered = not reaches.missing(referral)
        is_emergency = referral.urgency is Urgency.EMERGENCY and (is_covered or referral.status is not S.ON_HOLD)
        if referral.recipient_kind in PROCEEDINGS:
            before.append(referral.id)
        elif not _shares(case, referral, what):
            continue
        elif not heard_reach.missing(referral):
            heard.append(referral.id)
        elif is_covered and (is_emergency or referral.stands_as in BEGUN):
            unanswered.append(referral.id)
        else:
            since = referral.told_at if is_covered or is_emergency else None
            postponing[referral.id] = max(asked_at, since or asked_at) + END_TIMES.postponed
    broken_off = max(_broken_off(case, what), default=None)
    return Kept(tuple(before), tuple(heard), tuple(unanswered), postponing, broken_off)


def _shares(case: Case, referral: Referral, what: frozenset[Compartment]) -> bool:
    """Whether a referral carries something of these, or who works on it wrote something of them."""
    if Compartment.COORDINATION in what:
        return True
    return bool(what & (referral.compartments | case.words.get(referral.recipient, NOTHING)))


def _broken_off(case: Case, what: frozenset[Compartment]) -> Iterable[datetime]:
    for referral in case.referrals.values():
        if referral.broken_off_at is not None and _shares(case, referral, what):
            yield referral.broken_off_at + END_TIMES.windows[referral.urgency]
