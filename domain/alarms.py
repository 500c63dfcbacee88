"""Alarms: what is allowed, and odd, is found as it happens, from a few things that each person and agency did before.

Nothing here says who may do what. A deed is what the log says that somebody did; a rule says whether it is odd beside
what they did before (limits and reasons: oversight.py). Who is told: notices.py.

Of what is remembered, nothing depends on a case that may be erased: emergency openings are counted by the readings that
are on record of them, and who was judged by what stands with their agency. So the same is found when the log is read
again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct

from .fact import AgencyCode
from .oversight import LIMITS, Limits, Unusual


class What(Enum):
    """What was done, as far as the rules ask."""

    READ = "read"
    READ_IN_EMERGENCY = "read-in-emergency"
    SEARCHED = "searched"
    ASSIGNED = "assigned"
    """Of the person who was."""
    JOINED = "joined"
    """Of the person who did."""
    REGISTERED = "registered"
    """Of the agency."""
    PAST_CONSENT = "past-consent"
    """Broke a glass, or shared without consent."""
    NOT_JUSTIFIED = "not-justified"
    """Of the person who was judged so."""
    JUSTIFIED_AFTER_ALL = "justified-after-all"
    OWN_CONSENT = "own-consent"
    SENT_ON = "sent-on"
    KEY = "key"
    KEY_RETIRED = "key-retired"
    WEBHOOK = "webhook"
    HISTORY_AGAIN = "history-again"
    """The agency has what it was told before posted, or sealed, again."""


class Deed(Struct, frozen=True):
    """Something that a person, or an agency, did."""

    position: int
    what: What
    at: datetime
    agency: AgencyCode
    actor: UUID
    """The person concerned."""
    case: UUID | None = None
    key: str | None = None
    """The key, by its id."""

    @property
    def who(self) -> str:
        """Whose deeds it is looked at beside: the agency's, or the person's in whatever agency."""
        return self.agency if self.what in OF_AGENCIES else str(self.actor)


OF_AGENCIES = frozenset(
    {What.REGISTERED, What.KEY, What.KEY_RETIRED, What.WEBHOOK, What.HISTORY_AGAIN, What.OWN_CONSENT, What.SENT_ON}
)
"""What is an agency's deed, whichever of its people did it."""
REMEMBERED = frozenset(
    {
        What.READ_IN_EMERGENCY,
        What.SEARCHED,
        What.ASSIGNED,
        What.JOINED,
        What.REGISTERED,
        What.NOT_JUSTIFIED,
        What.JUSTIFIED_AFTER_ALL,
        What.KEY,
        What.WEBHOOK,
    }
)
"""What later deeds are looked at beside."""
ITSELF: Mapping[What, Unusual] = MappingProxyType(
    {
        What.OWN_CONSENT: Unusual.OWN_CONSENT,
        What.SENT_ON: Unusual.SENT_ON,
        What.KEY: Unusual.NEW_KEY,
        What.KEY_RETIRED: Unusual.RETIRED_KEY,
        What.WEBHOOK: Unusual.NEW_WEBHOOK,
    }
)
"""What is worth telling whatever was done before."""


class Watch:
    """Looks at deeds in the order of the log. Knows what is `REMEMBERED` of those whom it meets."""

    def __init__(self, before: Iterable[Deed] = (), limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._of: dict[str, list[Deed]] = {}
        for deed in before:
            self._of.setdefault(deed.who, []).append(deed)

    def take(self, deed: Deed) -> tuple[Unusual | None, bool]:
        """The rule that a deed trips, and whether it is to be remembered."""
        rule = ITSELF.get(deed.what) or self._beside_the_others(deed)
        keep = deed.what in REMEMBERED or (deed.what is What.READ and rule is not None)
        if keep:
            self._of.setdefault(deed.who, []).append(deed)
        return rule, keep

    def _beside_the_others(self, deed: Deed) -> Unusual | None:
        match deed.what:
            case What.SEARCHED:
                count = len(self._lately(deed, self._limits.window, What.SEARCHED)) + 1
                # at the first beyond, and again as often as it could have been done
                return Unusual.SEARCHES if count > 1 and count % self._limits.searches == 1 else None
            case What.READ_IN_EMERGENCY:
                cases = {of.case for of in self._lately(deed, self._limits.glass_window, What.READ_IN_EMERGENCY)}
                several = len(cases) + 1 >= self._limits.glasses
                return Unusual.REPEATED_GLASS if deed.case not in cases and several else None
            case What.READ:
                return Unusual.JUST_LET_IN if self._was_just_let_in(deed) else None
            case What.PAST_CONSENT:
                judged = self._count(deed, What.NOT_JUSTIFIED) > self._count(deed, What.JUSTIFIED_AFTER_ALL)
                return Unusual.AFTER_NOT_JUSTIFIED if judged else None
            case What.HISTORY_AGAIN:
                new = self._lately(deed, self._limits.key_age, What.KEY, What.WEBHOOK)
                return Unusual.KEY_THEN_HISTORY if new else None
        return None

    def _was_just_let_in(self, deed: Deed) -> bool:
        """By an assignment to that case, once; by joining, once whatever case."""
        read = self._lately(deed, self._limits.let_in, What.READ)
        for by in self._lately(deed, self._limits.let_in, What.ASSIGNED, What.JOINED):
            is_it = by.case == deed.case if by.what is What.ASSIGNED else self._joined_later(by, deed.agency)
            of_it = [r for r in read if r.position > by.position and by.case in (None, r.case)]
            if is_it and not of_it:
                return True
        return False

    def _joined_later(self, joined: Deed, agency: AgencyCode) -> bool:
        """Whether they joined that agency, and are none of its first people."""
        began = [of.at for of in self._of.get(agency, ()) if of.what is What.REGISTERED]
        return joined.agency == agency and all(joined.at - at > self._limits.first_people for at in began)

    def _lately(self, deed: Deed, within: timedelta, *what: What) -> list[Deed]:
        return [of for of in self._of.get(deed.who, ()) if of.what in what and of.at > deed.at - within]

    def _count(self, deed: Deed, what: What) -> int:
        return sum(of.what is what for of in self._of.get(deed.who, ()))
