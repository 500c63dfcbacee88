"""The case file: one stream a case, the boundary within which a rule always holds.

`events`    what can be true of a case, a closed list
`commands`  what can be asked
`state`     what the rules need to remember, folded from the coordination compartment alone:
            to decide, the system never opens the story
`intake`, `consents`, `referrals`, `work`, `lifecycle`, `glass`, `bundles`, `erasure`
            decide: (command, case, act, network) -> events, by subject
"""

from . import bundles, consents, erasure, glass, intake, lifecycle, referrals, work
from .deciding import Network, decide
from .state import Case, evolve, fold

__all__ = [
    "Case",
    "Network",
    "bundles",
    "consents",
    "decide",
    "erasure",
    "evolve",
    "fold",
    "glass",
    "intake",
    "lifecycle",
    "referrals",
    "work",
]
